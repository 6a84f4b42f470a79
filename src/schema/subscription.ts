import type { OrderStatus, PaymentStatus } from '../generated/prisma/enums.ts';
import type { JournalEvent } from '../journal.ts';
import { cursorOf, loadOrderOf, loadPaymentOf, statusesOf, watchOrders, watchPayments } from '../resolvers/live.ts';
import { builder } from './builder.ts';
import { OrderStatusType } from './order.ts';
import { Payment, PaymentStatusType } from './payment.ts';
import { Order } from './refs.ts';

const CURSOR = 'Resume from here: everything after this event.';

const PaymentStatusEvent = builder.objectRef<JournalEvent>('PaymentStatusEvent').implement({
  description: "A payment has changed its status. Status and time are the event's own; the payment is read when the event is delivered.",
  fields: (t) => ({
    cursor: t.field({ type: 'EventCursor', description: CURSOR, resolve: (event, _args, ctx) => cursorOf(ctx, event) }),
    occurredAt: t.field({ type: 'DateTime', resolve: (event) => event.occurredAt }),
    previousStatus: t.field({ type: PaymentStatusType, description: 'A new payment comes from UNPAID.', resolve: (event) => statusesOf(event).previousStatus as PaymentStatus }),
    status: t.field({ type: PaymentStatusType, resolve: (event) => statusesOf(event).status as PaymentStatus }),
    payment: t.field({ type: Payment, resolve: (event, _args, ctx) => loadPaymentOf(ctx, event) }),
  }),
});

const OrderStatusEvent = builder.objectRef<JournalEvent>('OrderStatusEvent').implement({
  description: "An order has changed its status. Status and time are the event's own; the order is read when the event is delivered.",
  fields: (t) => ({
    cursor: t.field({ type: 'EventCursor', description: CURSOR, resolve: (event, _args, ctx) => cursorOf(ctx, event) }),
    occurredAt: t.field({ type: 'DateTime', resolve: (event) => event.occurredAt }),
    previousStatus: t.field({ type: OrderStatusType, resolve: (event) => statusesOf(event).previousStatus as OrderStatus }),
    status: t.field({ type: OrderStatusType, resolve: (event) => statusesOf(event).status as OrderStatus }),
    order: t.field({ type: Order, resolve: (event, _args, ctx) => loadOrderOf(ctx, event) }),
  }),
});

builder.subscriptionFields((t) => ({
  paymentStatusChanged: t.field({
    type: PaymentStatusEvent,
    description: 'Payments that change status: of one order, of all a customer has, or of the tenant. Without `after`: from now.',
    args: { orderId: t.arg.id(), after: t.arg({ type: 'EventCursor' }) },
    subscribe: (_root, args, ctx) => watchPayments(ctx, args),
    resolve: (event) => event,
  }),
  orderStatusChanged: t.field({
    type: OrderStatusEvent,
    description: "Orders that change status: one of them, all a customer has, or the tenant's. Without `after`: from now.",
    args: { orderId: t.arg.id(), after: t.arg({ type: 'EventCursor' }) },
    subscribe: (_root, args, ctx) => watchOrders(ctx, args),
    resolve: (event) => event,
  }),
}));
