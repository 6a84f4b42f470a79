import { bookStay, searchStays, type FoundStayOffer, type SearchResult } from '../resolvers/stay.ts';
import { BookingPayload } from './booking.ts';
import { builder } from './builder.ts';
import { Money, money } from './money.ts';
import { runVerb } from './mutation.ts';
import { Provider } from './refs.ts';
import { RoutingDecisionType, shown } from './routing.ts';

const StayOffer = builder.objectRef<FoundStayOffer>('StayOffer').implement({
  description: 'What a provider offers: one room kind of one property, for all rooms and nights that were asked for.',
  fields: (t) => ({
    id: t.id({
      description: 'Signed; it carries all that booking needs, and is good until `expiresAt`.',
      resolve: ({ id }) => id,
    }),
    provider: t.field({
      type: Provider,
      resolve: async ({ providerSlug }, _args, ctx) => (await ctx.loaders.provider.load(providerSlug))!,
    }),
    propertyId: t.exposeString('propertyId', {
      description: 'As `provider:id`; searching by it asks this provider.',
    }),
    propertyName: t.exposeString('propertyName', { nullable: true }),
    roomName: t.exposeString('roomName'),
    total: t.field({
      type: Money,
      description: 'All rooms and nights with taxes, and with what is paid at the property.',
      resolve: ({ totalMinor, currencyCode }) => money(totalMinor, currencyCode),
    }),
    payAtProperty: t.field({
      type: Money,
      description: 'Of the total, what the property takes itself; the order is about the rest.',
      resolve: ({ payAtPropertyMinor, currencyCode }) => money(payAtPropertyMinor, currencyCode),
    }),
    refundable: t.exposeBoolean('refundable', { description: 'Cancelling now would cost nothing.' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', nullable: true }),
  }),
});

const StaySearchResult = builder.objectRef<SearchResult<FoundStayOffer>>('StaySearchResult').implement({
  description: 'What was found until the deadline.',
  fields: (t) => ({
    decision: t.field({ type: RoutingDecisionType, resolve: ({ taken }) => shown(taken) }),
    offers: t.field({ type: [StayOffer], resolve: ({ offers }) => [...offers] }),
    complete: t.exposeBoolean('complete', { description: 'False: there may be more; `incompleteReason` says why.' }),
    incompleteReason: t.exposeString('incompleteReason', { nullable: true }),
  }),
});

const OccupancyInput = builder.inputType('OccupancyInput', {
  fields: (t) => ({ adults: t.int({ required: true }), childAges: t.intList({ required: true }) }),
});

const StaySearchInput = builder.inputType('StaySearchInput', {
  description: 'Either a destination or properties.',
  fields: (t) => ({
    destination: t.string({
      description: 'An IATA code such as SEA, or a provider’s own place such as region:178307 or city:-2140479.',
    }),
    propertyIds: t.stringList({ description: 'As offers name them: `provider:id`.' }),
    checkIn: t.field({ type: 'Date', required: true }),
    checkOut: t.field({ type: 'Date', required: true }),
    occupancies: t.field({ type: [OccupancyInput], required: true, description: 'One for each room.' }),
    currencyCode: t.field({ type: 'CurrencyCode', required: true }),
    countryCode: t.field({ type: 'CountryCode', required: true, description: 'Where the traveller buys.' }),
    locale: t.field({ type: 'Locale' }),
    deadlineMs: t.int({ description: 'When the answer must be there, 200 to 30000; 8000 unless told.' }),
  }),
});

builder.queryField('searchStays', (t) =>
  t.field({
    type: StaySearchResult,
    description:
      'Asks the provider that routing chooses, and the next one where it fails, until the deadline (PRV-10). [customer, partner:search]',
    args: { input: t.arg({ type: StaySearchInput, required: true }) },
    resolve: (_root, { input }, ctx) => searchStays(ctx, input),
  }),
);

export const GuestInput = builder.inputType('GuestInput', {
  fields: (t) => ({
    givenName: t.string({ required: true }),
    familyName: t.string({ required: true }),
    room: t.int({ description: 'From 0, in the order of the occupancies.' }),
  }),
});

const BookStayInput = builder.inputType('BookStayInput', {
  fields: (t) => ({
    offerId: t.id({ required: true }),
    guests: t.field({ type: [GuestInput], required: true, description: 'One for each room at least.' }),
    contactEmail: t.field({ type: 'EmailAddress', required: true }),
    contactPhone: t.field({ type: 'PhoneNumber' }),
    specialRequests: t.string(),
    maxTotal: t.field({ type: 'Decimal', description: 'The most to be paid; the offer’s total unless told.' }),
    customerId: t.id({ description: 'Left out by a customer: for oneself.' }),
    idempotencyKey: t.string(),
  }),
});

builder.mutationField('bookStay', (t) =>
  t.field({
    type: BookingPayload,
    description:
      'Checks the price once more and books: a booking that is PENDING and an order to be paid, or on account at once. A price above `maxTotal` is refused with the new one (PRICE_CHANGED).',
    args: { input: t.arg({ type: BookStayInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => bookStay(ctx, input),
        (id) => ctx.loaders.booking.load(id),
      ),
  }),
);
