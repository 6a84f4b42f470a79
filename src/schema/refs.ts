import type { OrderModel } from '../generated/prisma/models.ts';
import type { PaymentRow } from '../loaders.ts';
import type { ProviderRow, ProviderSlotRow } from '../provider-reads.ts';
import { builder } from './builder.ts';

/** Types that name one another stand here first, so that their files need not import in a circle. */
export const Order = builder.objectRef<OrderModel>('Order');
export const Payment = builder.objectRef<PaymentRow>('Payment');
export const Provider = builder.objectRef<ProviderRow>('Provider');
export const ProviderSlot = builder.objectRef<ProviderSlotRow>('ProviderSlot');
