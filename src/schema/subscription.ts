import { encodeCursor } from '../cursor.ts';
import type { EventPayloads } from '../events.ts';
import type { BookingStatus, HealthStatus, OrderStatus, PaymentStatus } from '../generated/prisma/enums.ts';
import type { JournalEvent } from '../journal.ts';
import { watchBookings, watchHealth, watchOrders, watchPayments } from '../resolvers/live.ts';
import { Booking, BookingStatusType } from './booking.ts';
import { builder } from './builder.ts';
import { HealthStatus as HealthStatusType } from './health.ts';
import { OrderStatusType } from './order.ts';
import { PaymentStatusType } from './payment.ts';
import { VerticalType } from './provider-enums.ts';
import { Order, Payment, Provider } from './refs.ts';

/** What the event itself says; nothing of it is read from the database. */
const said = (event: JournalEvent) =>
  event.payload as unknown as EventPayloads['order.status' | 'payment.status' | 'booking.status'];
const saidOfHealth = (event: JournalEvent) => event.payload as unknown as EventPayloads['provider.health'];

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

const BookingStatusEvent = builder.objectRef<JournalEvent>('BookingStatusEvent').implement({
  description:
    "A booking has changed its status. Status and time are the event's own; the booking is read when the event is delivered.",
  fields: (t) => ({
    cursor: t.field({
      type: 'EventCursor',
      description: CURSOR,
      resolve: (event, _args, ctx) => encodeCursor(ctx.app.vault, event, event),
    }),
    occurredAt: t.field({ type: 'DateTime', resolve: (event) => event.occurredAt }),
    previousStatus: t.field({
      type: BookingStatusType,
      description: 'A new booking comes from PENDING.',
      resolve: (event) => said(event).previousStatus as BookingStatus,
    }),
    status: t.field({ type: BookingStatusType, resolve: (event) => said(event).status as BookingStatus }),
    booking: t.field({
      type: Booking,
      resolve: async (event, _args, ctx) => (await ctx.loaders.booking.load(event.aggregateId))!,
    }),
  }),
});

const ProviderHealthEvent = builder.objectRef<JournalEvent>('ProviderHealthEvent').implement({
  description:
    "A provider's health has changed. Statuses, time and evidence are the event's own; the provider is read when the event is delivered.",
  fields: (t) => ({
    cursor: t.field({
      type: 'EventCursor',
      description: `${CURSOR} It is of the platform's stream and good for changes of health only.`,
      resolve: (event, _args, ctx) => encodeCursor(ctx.app.vault, event, event),
    }),
    occurredAt: t.field({ type: 'DateTime', resolve: (event) => event.occurredAt }),
    previousStatus: t.field({
      type: HealthStatusType,
      resolve: (event) => saidOfHealth(event).previousStatus as HealthStatus,
    }),
    status: t.field({ type: HealthStatusType, resolve: (event) => saidOfHealth(event).status as HealthStatus }),
    evidence: t.field({
      type: 'JSON',
      description: 'What the change was decided on (BEY-4).',
      resolve: (event) => saidOfHealth(event).evidence,
    }),
    provider: t.field({
      type: Provider,
      resolve: async (event, _args, ctx) => (await ctx.loaders.provider.load(saidOfHealth(event).slug))!,
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
  bookingStatusChanged: t.field({
    type: BookingStatusEvent,
    description:
      "Bookings that change status: one of them, all a customer has, or the tenant's. Without `after`: from now.",
    args: { bookingId: t.arg.id(), after: t.arg({ type: 'EventCursor' }) },
    subscribe: (_root, args, ctx) => watchBookings(ctx, args),
    resolve: (event) => event,
  }),
  providerHealthChanged: t.field({
    type: ProviderHealthEvent,
    description:
      'Providers whose health changes: one of them, those that sell something, or all. Without `after`: from now; a cursor of a query will do as well. [operator, partner:providers]',
    args: { slug: t.arg.string(), vertical: t.arg({ type: VerticalType }), after: t.arg({ type: 'EventCursor' }) },
    subscribe: (_root, args, ctx) => watchHealth(ctx, args),
    resolve: (event) => event,
  }),
}));
