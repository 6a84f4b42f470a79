import { BookingKind, BookingStatus, SyncStatus } from '../generated/prisma/enums.ts';
import { encodeGlobalId } from '../global-id.ts';
import type { BookingRow } from '../loaders.ts';
import type { Paged } from '../paging.ts';
import { cancelBooking } from '../resolvers/booking-cancel.ts';
import { listBookings, readBooking, updateBookingStatus } from '../resolvers/booking.ts';
import { authorizedLoad } from '../resolvers/node-load.ts';
import { builder } from './builder.ts';
import { connectionArgs, connectionType } from './connection.ts';
import { Money, money } from './money.ts';
import { Node, registerNode } from './node.ts';
import { payloadType, runVerb } from './mutation.ts';
import { Order, Provider } from './refs.ts';
import { User } from './user.ts';

const BookingKindType = builder.enumType('BookingKind', {
  description: 'What is booked.',
  values: Object.values(BookingKind),
});
export const BookingStatusType = builder.enumType('BookingStatus', {
  description: 'How far a booking has come.',
  values: Object.values(BookingStatus),
});
const SyncStatusType = builder.enumType('SyncStatus', {
  values: Object.values(SyncStatus),
  description: "Whether the provider's system has it.",
});

interface GuestShape {
  readonly givenName: string;
  readonly familyName: string;
  readonly room?: number | null;
}
const Guest = builder.objectRef<GuestShape>('Guest').implement({
  description: 'Somebody a booking is for.',
  fields: (t) => ({
    givenName: t.exposeString('givenName'),
    familyName: t.exposeString('familyName'),
    room: t.int({ nullable: true, resolve: (guest) => guest.room ?? null }),
  }),
});

/** As it stands in the row. */
interface FeeShape {
  readonly from: string | null;
  readonly amountMinor: string;
  readonly currencyCode: string;
}
const CancellationFee = builder.objectRef<FeeShape>('CancellationFee').implement({
  description: 'What cancelling costs from a moment on.',
  fields: (t) => ({
    from: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'Null: from the beginning.',
      resolve: ({ from }) => (from === null ? null : new Date(from)),
    }),
    amount: t.field({
      type: Money,
      resolve: ({ amountMinor, currencyCode }) => money(BigInt(amountMinor), currencyCode),
    }),
  }),
});

export const Booking = builder.objectRef<BookingRow>('Booking').implement({
  description: 'A stay, a flight or an appointment.',
  interfaces: [Node],
  fields: (t) => ({
    id: t.id({ resolve: (booking) => encodeGlobalId('Booking', booking.id) }),
    reference: t.exposeString('reference'),
    kind: t.expose('kind', { type: BookingKindType }),
    status: t.expose('status', { type: BookingStatusType }),
    customer: t.field({
      type: User,
      resolve: async (booking, _args, ctx) => (await ctx.loaders.user.load(booking.customerId))!,
    }),
    order: t.field({
      type: Order,
      nullable: true,
      resolve: (booking, _args, ctx) => (booking.orderId ? ctx.loaders.order.load(booking.orderId) : null),
    }),
    provider: t.field({
      type: Provider,
      nullable: true,
      description: 'Who sells it; null for appointments.',
      resolve: (booking, _args, ctx) => (booking.providerSlug ? ctx.loaders.provider.load(booking.providerSlug) : null),
    }),
    start: t.field({ type: 'DateTime', resolve: (booking) => booking.startsAt }),
    end: t.field({ type: 'DateTime', resolve: (booking) => booking.endsAt }),
    amount: t.field({ type: Money, resolve: (booking) => money(booking.amountMinor, booking.currencyCode) }),
    payAtProperty: t.field({
      type: Money,
      description: 'What the property takes itself, besides the amount.',
      resolve: (booking) => money(booking.payAtPropertyMinor, booking.currencyCode),
    }),
    providerReference: t.exposeString('providerReference', { nullable: true }),
    syncStatus: t.expose('syncStatus', { type: SyncStatusType }),
    guests: t.field({ type: [Guest], resolve: (booking) => booking.guests as unknown as GuestShape[] }),
    specialRequests: t.exposeString('specialRequests', { nullable: true }),
    notes: t.exposeString('notes', { nullable: true, description: 'What the customer said about an appointment.' }),
    refundable: t.exposeBoolean('refundable', {
      nullable: true,
      description: 'Whether its money came back when it was booked.',
    }),
    cancellationFees: t.field({
      type: [CancellationFee],
      nullable: true,
      description: 'Earliest first; null where the provider does not say.',
      resolve: (booking) => booking.cancellationFees as unknown as FeeShape[] | null,
    }),
    holdExpiresAt: t.expose('holdExpiresAt', {
      type: 'DateTime',
      nullable: true,
      description: 'Until when the provider keeps it unpaid.',
    }),
    failureReason: t.exposeString('failureReason', { nullable: true }),
    cancelReason: t.exposeString('cancelReason', { nullable: true }),
  }),
});
registerNode(
  'Booking',
  authorizedLoad('booking.read', (ctx, ids) => ctx.loaders.booking.loadMany(ids)),
);

export const BookingConnection = connectionType<BookingRow & Paged>('Booking', Booking as never);
export const BookingPayload = payloadType<BookingRow>('BookingPayload', 'booking', Booking);

const BookingFilter = builder.inputType('BookingFilter', {
  description: 'Every condition given must hold.',
  fields: (t) => ({
    status: t.field({ type: [BookingStatusType] }),
    kind: t.field({ type: [BookingKindType] }),
    customerId: t.id(),
    providerSlug: t.string(),
    startFrom: t.field({ type: 'DateTime', description: 'Inclusive.' }),
    startTo: t.field({ type: 'DateTime', description: 'Exclusive.' }),
  }),
});

builder.queryFields((t) => ({
  bookings: t.field({
    type: BookingConnection,
    description: "The tenant's bookings, newest first; a customer sees their own only.",
    args: { filter: t.arg({ type: BookingFilter }), ...connectionArgs(t.arg) },
    resolve: (_root, { filter, ...page }, ctx) => listBookings(ctx, filter, page),
  }),
  booking: t.field({
    type: Booking,
    nullable: true,
    description: 'By id or by reference; null where there is none, or none of yours.',
    args: { id: t.arg.id(), reference: t.arg.string() },
    resolve: (_root, args, ctx) => readBooking(ctx, { id: args.id ?? null, reference: args.reference ?? null }),
  }),
}));

const CancelBookingInput = builder.inputType('CancelBookingInput', {
  fields: (t) => ({ bookingId: t.id({ required: true }), reason: t.string(), idempotencyKey: t.string() }),
});
const UpdateBookingStatusInput = builder.inputType('UpdateBookingStatusInput', {
  fields: (t) => ({
    bookingId: t.id({ required: true }),
    status: t.field({ type: BookingStatusType, required: true }),
    reason: t.string(),
    providerReference: t.string({ description: 'As the provider told it on the telephone.' }),
    idempotencyKey: t.string(),
  }),
});

builder.mutationFields((t) => ({
  cancelBooking: t.field({
    type: BookingPayload,
    description: 'Cancels at the provider first; what the terms give back is refunded then.',
    args: { input: t.arg({ type: CancelBookingInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => cancelBooking(ctx, input),
        (id) => ctx.loaders.booking.load(id),
      ),
  }),
  updateBookingStatus: t.field({
    type: BookingPayload,
    description: 'What a person found out: the provider is not asked. [operator]',
    args: { input: t.arg({ type: UpdateBookingStatusInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => updateBookingStatus(ctx, input),
        (id) => ctx.loaders.booking.load(id),
      ),
  }),
}));
