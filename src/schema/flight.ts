import type { FlightLeg } from '../integrations/travel.ts';
import { bookFlight, searchFlights, type FoundFlightOffer } from '../resolvers/flight.ts';
import type { SearchResult } from '../resolvers/stay.ts';
import { BookingPayload } from './booking.ts';
import { builder } from './builder.ts';
import { Money, money } from './money.ts';
import { runVerb } from './mutation.ts';
import { Provider } from './refs.ts';
import { RoutingDecisionType, shown } from './routing.ts';

const FlightDirection = builder.enumType('FlightDirection', {
  description: 'Out, or back.',
  values: ['OUTBOUND', 'RETURN'] as const,
});

const FlightSegment = builder.objectRef<FlightLeg>('FlightSegment').implement({
  description: 'One flight from take-off to landing.',
  fields: (t) => ({
    from: t.exposeString('from', { description: 'IATA.' }),
    to: t.exposeString('to', { description: 'IATA.' }),
    departureLocal: t.exposeString('departureLocal', {
      description: 'By the clock on the airport’s wall: YYYY-MM-DDTHH:MM.',
    }),
    arrivalLocal: t.exposeString('arrivalLocal', {
      nullable: true,
      description: 'Null where the provider does not say it.',
    }),
    departureAt: t.expose('departureAt', {
      type: 'DateTime',
      nullable: true,
      description: 'The instant, where the provider says it.',
    }),
    arrivalAt: t.expose('arrivalAt', { type: 'DateTime', nullable: true }),
    carrier: t.exposeString('carrier', { description: 'IATA code of the airline.' }),
    flightNumber: t.exposeString('flightNumber'),
    direction: t.expose('direction', { type: FlightDirection }),
  }),
});

const FlightOffer = builder.objectRef<FoundFlightOffer>('FlightOffer').implement({
  description: 'Flights for everybody asked for, out and back.',
  fields: (t) => ({
    id: t.id({ description: 'Signed; good until `expiresAt`.', resolve: ({ id }) => id }),
    provider: t.field({
      type: Provider,
      resolve: async ({ providerSlug }, _args, ctx) => (await ctx.loaders.provider.load(providerSlug))!,
    }),
    segments: t.field({ type: [FlightSegment], resolve: ({ legs }) => [...legs] }),
    total: t.field({ type: Money, resolve: ({ totalMinor, currencyCode }) => money(totalMinor, currencyCode) }),
    bookable: t.exposeBoolean('bookable', {
      description: 'False: it is sold elsewhere; send the customer to `deepLink`.',
    }),
    deepLink: t.expose('deepLink', {
      type: 'URL',
      nullable: true,
      description: 'For a customer’s click and nothing else: some sellers forbid fetching it ahead.',
    }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', nullable: true }),
  }),
});

const FlightSearchResult = builder.objectRef<SearchResult<FoundFlightOffer>>('FlightSearchResult').implement({
  description: 'What was found until the deadline.',
  fields: (t) => ({
    decision: t.field({ type: RoutingDecisionType, resolve: ({ taken }) => shown(taken) }),
    offers: t.field({ type: [FlightOffer], resolve: ({ offers }) => [...offers] }),
    complete: t.exposeBoolean('complete'),
    incompleteReason: t.exposeString('incompleteReason', { nullable: true }),
  }),
});

const FlightSearchInput = builder.inputType('FlightSearchInput', {
  fields: (t) => ({
    from: t.string({ required: true, description: 'IATA code of an airport or a city.' }),
    to: t.string({ required: true }),
    departure: t.field({ type: 'Date', required: true }),
    return: t.field({ type: 'Date', description: 'Left out: one way.' }),
    adults: t.int({ required: true }),
    children: t.int(),
    currencyCode: t.field({ type: 'CurrencyCode', required: true }),
    countryCode: t.field({ type: 'CountryCode', description: 'Where the traveller buys.' }),
    locale: t.field({ type: 'Locale' }),
    discoveryOnly: t.boolean({ description: 'True: those that are sold elsewhere.' }),
    deadlineMs: t.int({ description: '200 to 30000; 8000 unless told.' }),
  }),
});

builder.queryField('searchFlights', (t) =>
  t.field({
    type: FlightSearchResult,
    description: 'As searchStays. [customer, partner:search]',
    args: { input: t.arg({ type: FlightSearchInput, required: true }) },
    resolve: (_root, { input }, ctx) => searchFlights(ctx, input),
  }),
);

const PassengerTitle = builder.enumType('PassengerTitle', {
  description: 'How a passenger is addressed; airlines have no others.',
  values: ['MR', 'MS'] as const,
});

export const PassengerInput = builder.inputType('PassengerInput', {
  description: 'As in the traveller’s document.',
  fields: (t) => ({
    givenName: t.string({ required: true }),
    familyName: t.string({ required: true }),
    birthDate: t.field({ type: 'Date', required: true }),
    title: t.field({ type: PassengerTitle }),
    nationality: t.field({ type: 'CountryCode' }),
    documentNumber: t.string(),
    documentExpiresOn: t.field({ type: 'Date' }),
  }),
});

const BookFlightInput = builder.inputType('BookFlightInput', {
  fields: (t) => ({
    offerId: t.id({ required: true }),
    passengers: t.field({ type: [PassengerInput], required: true, description: 'As many as were asked for.' }),
    contactEmail: t.field({ type: 'EmailAddress', required: true }),
    contactPhone: t.field({ type: 'PhoneNumber', required: true }),
    maxTotal: t.field({ type: 'Decimal' }),
    customerId: t.id(),
    idempotencyKey: t.string(),
  }),
});

builder.mutationField('bookFlight', (t) =>
  t.field({
    type: BookingPayload,
    description: 'As bookStay.',
    args: { input: t.arg({ type: BookFlightInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => bookFlight(ctx, input),
        (id) => ctx.loaders.booking.load(id),
      ),
  }),
);
