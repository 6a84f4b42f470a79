import type { OrderModel } from '../generated/prisma/models.ts';
import type { PaymentRow } from '../loaders.ts';
import { builder } from './builder.ts';

/** Types that name one another stand here first, so that their files need not import in a circle. */
export const Order = builder.objectRef<OrderModel>('Order');
export const Payment = builder.objectRef<PaymentRow>('Payment');
