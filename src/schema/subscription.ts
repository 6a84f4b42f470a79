import { encodeCursor } from '../cursor.ts';
import type { EventPayloads } from '../events.ts';
import type { OrderStatus, PaymentStatus } from '../generated/prisma/enums.ts';
import type { JournalEvent } from '../journal.ts';
import { watchOrders, watchPayments } from '../resolvers/live.ts';
import { builder } from './builder.ts';
import { OrderStatusType } from './order.ts';
import { PaymentStatusType } from './payment.ts';
import { Order, Payment } from './refs.ts';

/** What the event itself says; nothing of it is read from the database. */
const said = (event: JournalEvent) => event.payload as unknown as EventPayloads['order.status' | 'payment.status'];

const CURSOR = 'Resume from here: everything after this event.';

const PaymentStatusEvent = builder.objectRef<JournalEvent>('PaymentStatusEvent').implement({
  description:
    "A payment has changed its status. Status and time are the event's own; the payment is read when the event is delivered.",
  fields: (t) => ({
    cursor: t.field({
      type: 'EventCursor',
      description: CURSOR,
      resolve: (event, _args, ctx) => encodeCursor(ctx.app.vault, event, event),
    }),
    occurredAt: t.field({ type: 'DateTime', resolve: (event) => event.occurredAt }),
    previousStatus: t.field({
      type: PaymentStatusType,
      description: 'A new payment comes from UNPAID.',
      resolve: (event) => said(event).previousStatus as PaymentStatus,
    }),
    status: t.field({ type: PaymentStatusType, resolve: (event) => said(event).status as PaymentStatus }),
    payment: t.field({
      type: Payment,
      resolve: async (event, _args, ctx) => (await ctx.loaders.payment.load(event.aggregateId))!,
    }),
  }),
});

const OrderStatusEvent = builder.objectRef<JournalEvent>('OrderStatusEvent').implement({
  description:
    "An order has changed its status. Status and time are the event's own; the order is read when the event is delivered.",
  fields: (t) => ({
    cursor: t.field({
      type: 'EventCursor',
      description: CURSOR,
      resolve: (event, _args, ctx) => encodeCursor(ctx.app.vault, event, event),
    }),
    occurredAt: t.field({ type: 'DateTime', resolve: (event) => event.occurredAt }),
    previousStatus: t.field({ type: OrderStatusType, resolve: (event) => said(event).previousStatus as OrderStatus }),
    status: t.field({ type: OrderStatusType, resolve: (event) => said(event).status as OrderStatus }),
    order: t.field({
      type: Order,
      resolve: async (event, _args, ctx) => (await ctx.loaders.order.load(event.aggregateId))!,
    }),
  }),
});

builder.subscriptionFields((t) => ({
  paymentStatusChanged: t.field({
    type: PaymentStatusEvent,
    description:
      'Payments that change status: of one order, of all a customer has, or of the tenant. Without `after`: from now.',
    args: { orderId: t.arg.id(), after: t.arg({ type: 'EventCursor' }) },
    subscribe: (_root, args, ctx) => watchPayments(ctx, args),
    resolve: (event) => event,
  }),
  orderStatusChanged: t.field({
    type: OrderStatusEvent,
    description:
      "Orders that change status: one of them, all a customer has, or the tenant's. Without `after`: from now.",
    args: { orderId: t.arg.id(), after: t.arg({ type: 'EventCursor' }) },
    subscribe: (_root, args, ctx) => watchOrders(ctx, args),
    resolve: (event) => event,
  }),
}));
