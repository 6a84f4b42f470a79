import { authorize } from '../access.ts';
import type { ClientFacts, Context } from '../context.ts';
import { requireTravelDate } from '../domain/stay.ts';
import { invalidInput } from '../errors.ts';
import type { FlightLeg, FlightQuery, FoundFlight, Passenger, ProviderSlug } from '../integrations/travel.ts';
import { openOffer, signOffer, type Offer } from '../offers.ts';
import type { Done } from '../operations.ts';
import { beginBooking, type BookingWish, type Wanted } from './booking-begin.ts';
import { requireContact, requireName, travellerOf } from './booking-input.ts';
import type { TakenDecision } from './routing.ts';
import { OFFERS_MAX, search } from './search.ts';
import { maxTotalOf, modeOf, type SearchResult } from './stay.ts';

export interface FlightSearchInput {
  readonly from: string;
  readonly to: string;
  readonly departure: string;
  readonly return?: string | null;
  readonly adults: number;
  readonly children?: number | null;
  readonly currencyCode: string;
  readonly countryCode?: string | null;
  readonly locale?: string | null;
  readonly discoveryOnly?: boolean | null;
  readonly deadlineMs?: number | null;
}

export interface FoundFlightOffer {
  readonly id: string;
  readonly providerSlug: string;
  readonly legs: readonly FlightLeg[];
  readonly totalMinor: bigint;
  readonly currencyCode: string;
  readonly bookable: boolean;
  readonly deepLink: string | null;
  readonly expiresAt: Date;
}

const IATA = /^[A-Z]{3}$/;
const PASSENGERS_MAX = 9;
/** Sellers want a market; where nobody says one it is this. */
const COUNTRY = 'US';

/**
 * Searches flights: those that can be booked here, or with `discoveryOnly` those that others sell.
 * @throws INVALID_INPUT
 */
export async function searchFlights(ctx: Context, input: FlightSearchInput): Promise<SearchResult<FoundFlightOffer>> {
  authorize(ctx, 'search.flights');
  requireFlight(input, ctx.app.clock.now());
  const { from, to, departure, adults, currencyCode } = input;
  const locale = input.locale ?? 'en';
  const countryCode = input.countryCode ?? COUNTRY;
  const question = {
    from,
    to,
    departure,
    return: input.return ?? null,
    adults,
    children: input.children ?? 0,
    currencyCode,
  };
  const ask = { currencyCode, countryCode, locale, travelDate: departure, deadlineMs: input.deadlineMs ?? null };
  const vertical = input.discoveryOnly ? 'FLIGHTS_DISCOVERY' : 'FLIGHTS_BOOKING';
  const answer = await ctx.reads.pauseFor(() =>
    search<typeof vertical, FoundFlight>(
      { ctx, vertical, ask },
      {
        // What others sell may be bound to the session it was found in.
        questionFor: (_candidate, { traveller }) => ({
          ...question,
          countryCode,
          locale,
          ...(input.discoveryOnly && { session: traveller.sessionId }),
        }),
        work: (client, connection, call, { traveller }) => {
          const query: FlightQuery = { ...question, traveller, offersMax: OFFERS_MAX };
          return client.searchFlights(connection, query, call);
        },
      },
    ),
  );
  const { taken, answeredBy, found, traveller } = answer;
  const about = {
    taken,
    mode: await modeOf(ctx.app.providers, answeredBy),
    bookable: vertical === 'FLIGHTS_BOOKING',
    party: { adults, children: question.children },
    facts: { countryCode, locale, requestKey: traveller.sessionId! },
  };
  const offers = found.offers
    .slice(0, OFFERS_MAX)
    .map((flight) => offerOf(ctx, answeredBy!.providerSlug, flight, about));
  return { taken, offers, complete: found.complete, incompleteReason: found.incompleteReason };
}

function requireFlight(input: FlightSearchInput, now: Date): void {
  for (const name of ['from', 'to'] as const)
    if (!IATA.test(input[name])) throw invalidInput('A place is an IATA code of three letters.', ['input', name]);
  if (input.from === input.to) throw invalidInput('A flight goes elsewhere.', ['input', 'to']);
  requireTravelDate(input.departure, now, ['input', 'departure']);
  if (input.return && input.return < input.departure)
    throw invalidInput('The way back is not before the way out.', ['input', 'return']);
  if (input.return) requireTravelDate(input.return, now, ['input', 'return']);
  const children = input.children ?? 0;
  if (input.adults < 1 || children < 0 || input.adults + children > PASSENGERS_MAX)
    throw invalidInput(`From 1 to ${PASSENGERS_MAX} people fly together, one adult at least.`, ['input', 'adults']);
}

function offerOf(
  ctx: Context,
  providerSlug: string,
  flight: FoundFlight,
  about: {
    taken: TakenDecision;
    mode: Offer['mode'];
    bookable: boolean;
    party: { adults: number; children: number };
    facts: Pick<Offer, 'countryCode' | 'locale' | 'requestKey'>;
  },
): FoundFlightOffer {
  const { legs, totalMinor, currencyCode } = flight;
  const { id, expiresAt } = signOffer(
    ctx.app.vault,
    ctx.app.clock,
    {
      v: 1,
      kind: 'FLIGHT',
      tenantId: ctx.scope.tenantId,
      providerSlug: providerSlug as ProviderSlug,
      mode: about.mode,
      token: flight.token,
      totalMinor: String(totalMinor),
      currencyCode,
      ...about.facts,
      decisionId: about.taken.id,
      flight: { ...about.party, legs: shownLegs(legs) },
    },
    flight.expiresAt,
  );
  // Where a link costs a call that only a customer's click may make, ours makes it then.
  const deepLink = about.bookable ? null : (flight.deepLink ?? goLink(ctx, id));
  return { id, providerSlug, legs, totalMinor, currencyCode, bookable: about.bookable, deepLink, expiresAt };
}

function goLink(ctx: Context, id: string): string {
  return `${ctx.app.config.baseUrl}/go/flight?offer=${encodeURIComponent(id)}`;
}

type ShownLegs = NonNullable<Offer['flight']>['legs'];

/** First and last leg of each direction. */
function shownLegs(legs: readonly FlightLeg[]): ShownLegs {
  const ends = (['OUTBOUND', 'RETURN'] as const).flatMap((direction) => {
    const way = legs.filter((leg) => leg.direction === direction);
    return way.length < 2 ? way : [way[0]!, way.at(-1)!];
  });
  return ends.map(({ from, to, departureLocal, arrivalLocal, carrier, flightNumber }) => ({
    from,
    to,
    departureLocal,
    arrivalLocal,
    carrier,
    flightNumber,
  }));
}

export interface PassengerInput {
  readonly givenName: string;
  readonly familyName: string;
  readonly birthDate: string;
  readonly title?: 'MR' | 'MS' | null;
  readonly nationality?: string | null;
  readonly documentNumber?: string | null;
  readonly documentExpiresOn?: string | null;
}

export interface BookFlightInput {
  readonly offerId: string;
  readonly passengers: readonly PassengerInput[];
  readonly contactEmail: string;
  readonly contactPhone: string;
  readonly maxTotal?: string | null;
  readonly customerId?: string | null;
  readonly idempotencyKey?: string | null;
}

/** Books a flight; the rules are those of stays. @throws as beginBooking */
export async function bookFlight(ctx: Context, input: BookFlightInput): Promise<Done> {
  authorize(ctx, 'booking.create');
  return beginBooking(ctx, 'bookFlight', { ...input }, () => wishFor(ctx, input));
}

function wishFor(ctx: Context, input: BookFlightInput): BookingWish {
  const { tenantId } = ctx.scope;
  const offer = openOffer(ctx.app.vault, ctx.app.clock, { id: input.offerId, kind: 'FLIGHT', tenantId });
  const wanted = flightWanted(offer, input, { client: ctx.client, now: ctx.app.clock.now(), field: ['input'] });
  requireContact(input);
  return {
    ...wanted,
    mutation: 'bookFlight',
    input: { ...input },
    maxTotalMinor: maxTotalOf(input.maxTotal ?? null, offer),
    customerId: input.customerId ?? null,
    orderType: 'FLIGHT',
  };
}

/** A flight as it is to be booked. @param at who asks and when, and where in the input its fields stand @throws INVALID_INPUT */
export function flightWanted(
  offer: Offer,
  input: Pick<BookFlightInput, 'passengers' | 'contactEmail' | 'contactPhone'>,
  { client, now, field }: { client: ClientFacts; now: Date; field: readonly string[] },
): Wanted {
  const flight = offer.flight!;
  const passengers = passengersOf(input.passengers, flight, now, [...field, 'passengers']);
  const { legs } = flight;
  return {
    offer,
    guests: passengers.map(({ givenName, familyName }) => ({ givenName, familyName, room: 0 })),
    passengers,
    contactEmail: input.contactEmail,
    contactPhone: input.contactPhone,
    specialRequests: null,
    traveller: travellerOf(offer, client),
    descriptions: descriptionsOf(legs),
    // Wall-clock times of the airports, of which no zone is known: as if they were UTC.
    startsAt: new Date(`${legs[0]!.departureLocal}Z`),
    endsAt: laterOf(legs),
  };
}

function laterOf(legs: ShownLegs): Date {
  const start = new Date(`${legs[0]!.departureLocal}Z`);
  const arrival = legs.at(-1)!.arrivalLocal ?? legs.at(-1)!.departureLocal;
  const end = new Date(`${arrival}Z`);
  // Westwards one may land before one left, by the clocks on the walls.
  return end > start ? end : new Date(start.getTime() + 60_000);
}

function passengersOf(
  inputs: readonly PassengerInput[],
  { adults, children }: { adults: number; children: number },
  now: Date,
  field: readonly string[],
): Passenger[] {
  if (inputs.length !== adults + children)
    throw invalidInput(`The offer is for ${adults + children} passengers.`, field);
  const today = now.toISOString().slice(0, 10);
  return inputs.map((input, index) => {
    const at = (name: string) => [...field, String(index), name];
    requireName(input.givenName, at('givenName'));
    requireName(input.familyName, at('familyName'));
    if (input.birthDate > today || input.birthDate < '1900-01-01')
      throw invalidInput('A date of birth lies in the past.', at('birthDate'));
    const number = input.documentNumber ?? null;
    if (number !== null && !/^[A-Za-z0-9-]{1,20}$/.test(number))
      throw invalidInput('A document number has up to 20 letters and digits.', at('documentNumber'));
    return {
      givenName: input.givenName,
      familyName: input.familyName,
      birthDate: input.birthDate,
      title: input.title ?? null,
      nationality: input.nationality ?? null,
      document: number === null ? null : { number, expiresOn: input.documentExpiresOn ?? null },
    };
  });
}

function descriptionsOf(legs: ShownLegs): { locale: string; text: string }[] {
  const way = legs
    .map((leg) => `${leg.from}-${leg.to} ${leg.carrier}${leg.flightNumber} ${leg.departureLocal.replace('T', ' ')}`)
    .join('; ');
  return [
    { locale: 'en', text: `Flight ${way}` },
    { locale: 'ar', text: `رحلة ${way}` },
    { locale: 'zh', text: `航班 ${way}` },
  ];
}
