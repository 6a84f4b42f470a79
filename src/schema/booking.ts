import { BookingKind, BookingStatus, SyncStatus } from '../generated/prisma/enums.ts';
import { encodeGlobalId } from '../global-id.ts';
import type { BookingRow } from '../loaders.ts';
import { authorizedLoad } from '../resolvers/node-load.ts';
import { builder } from './builder.ts';
import { Money, money } from './money.ts';
import { Node, registerNode } from './node.ts';
import { Order } from './refs.ts';
import { User } from './user.ts';

const BookingKindType = builder.enumType('BookingKind', {
  description: 'What is booked.',
  values: Object.values(BookingKind),
});
const BookingStatusType = builder.enumType('BookingStatus', {
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
    start: t.field({ type: 'DateTime', resolve: (booking) => booking.startsAt }),
    end: t.field({ type: 'DateTime', resolve: (booking) => booking.endsAt }),
    amount: t.field({ type: Money, resolve: (booking) => money(booking.amountMinor, booking.currencyCode) }),
    providerReference: t.exposeString('providerReference', { nullable: true }),
    syncStatus: t.expose('syncStatus', { type: SyncStatusType }),
    guests: t.field({ type: [Guest], resolve: (booking) => booking.guests as unknown as GuestShape[] }),
    specialRequests: t.exposeString('specialRequests', { nullable: true }),
  }),
});
registerNode(
  'Booking',
  authorizedLoad('booking.read', (ctx, ids) => ctx.loaders.booking.loadMany(ids)),
);
