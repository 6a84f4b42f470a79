import { Temporal } from 'temporal-polyfill';
import type { z } from 'zod';
import { isCurrency } from '../../domain/money.ts';
import type { CheckedOffer, FlightLeg, FlightQuery, Found, FoundFlight, JsonValue } from '../travel.ts';
import { CHARGED_CURRENCY, exactMinor, shownMinor } from './money.ts';
import type { Bags, CheckedToken, OfferToken } from './token.ts';
import { Combination, Offer, type BaggageAnswer, type CheckAnswer, type SearchAnswer } from './wire.ts';

/** Pure conversion between Kiwi.com's shapes and ours (travel-providers.md 3.4). */

export const OFFERS_MAX = 50;
const PASSENGERS_MAX = 9;
const IATA = /^[A-Z]{3}$/;

/** The query of /v2/search, or why it can't be asked. */
export function toSearchQuery(query: FlightQuery): URLSearchParams | { readonly refused: string } {
  const { adults, children, currencyCode } = query;
  if (!IATA.test(query.from) || !IATA.test(query.to)) return { refused: 'a place is no IATA code' };
  const departure = vendorDate(query.departure);
  const back = query.return === null ? null : vendorDate(query.return);
  if (departure === null || (query.return !== null && back === null)) return { refused: 'a date is none' };
  if (!isCurrency(currencyCode)) return { refused: 'the currency is not known' };
  const isCountable = [adults, children].every((count) => Number.isInteger(count) && count >= 0);
  if (!isCountable || adults < 1 || adults + children > PASSENGERS_MAX) {
    return { refused: `the vendor takes one adult at least and ${PASSENGERS_MAX} passengers at most` };
  }
  return new URLSearchParams({
    fly_from: query.from,
    fly_to: query.to,
    date_from: departure,
    date_to: departure,
    ...(back !== null && { return_from: back, return_to: back }),
    adults: String(adults),
    children: String(children),
    infants: '0',
    vehicle_type: 'aircraft',
    curr: currencyCode,
    // Samples write it in small letters.
    partner_market: query.traveller.countryCode.toLowerCase(),
    sort: 'price',
    // Larger results are slow (travel-providers.md 3.7).
    limit: String(Math.min(Math.max(Math.trunc(query.offersMax) || 1, 1), OFFERS_MAX)),
  });
}

/** `14/10/2026` of `2026-10-14`; null for what is no day of the calendar. */
export function vendorDate(date: string): string | null {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(date);
  if (!match) return null;
  try {
    Temporal.PlainDate.from(date);
  } catch {
    return null;
  }
  return `${match[3]}/${match[2]}/${match[1]}`;
}

/** Null where the prices are in another currency than asked. */
export function toFound(
  answer: z.infer<typeof SearchAnswer>,
  query: FlightQuery,
  expiresAt: Date,
): Found<FoundFlight> | null {
  if (answer.currency !== '' && answer.currency.toUpperCase() !== query.currencyCode) return null;
  const read = answer.data.map((one) => toFlight(one, query, expiresAt));
  const offers = read.filter((one) => one !== null);
  const lost = read.length - offers.length;
  const incompleteReason = lost === 0 ? null : `${lost} of ${read.length} offers could not be read`;
  return { offers: offers.slice(0, query.offersMax), complete: lost === 0, incompleteReason };
}

function toFlight(value: unknown, query: FlightQuery, expiresAt: Date): FoundFlight | null {
  const parsed = Offer.safeParse(value);
  if (!parsed.success) return null;
  const { price, booking_token: bookingToken, route, deep_link: link } = parsed.data;
  const { adults, children, currencyCode } = query;
  const totalMinor = shownMinor(price, currencyCode);
  const legs = route.map(toLeg);
  if (totalMinor === null || !legs.every((leg) => leg !== null) || !isJourney(legs, query)) return null;
  const token: OfferToken = {
    kind: 'offer',
    bookingToken,
    adults,
    children,
    currencyCode,
    totalMinor: String(totalMinor),
    departure: legs[0]?.departureLocal.slice(0, 10) ?? query.departure,
    expiresAt: expiresAt.toISOString(),
  };
  return { legs, totalMinor, currencyCode, expiresAt, deepLink: webLink(link), token };
}

/** There, and back where that was asked for: anything else is nonsense. */
function isJourney(legs: readonly FlightLeg[], query: FlightQuery): boolean {
  const has = (direction: FlightLeg['direction']): boolean => legs.some((leg) => leg.direction === direction);
  return legs[0]?.direction === 'OUTBOUND' && has('RETURN') === (query.return !== null);
}

function toLeg(segment: z.infer<typeof Offer>['route'][number]): FlightLeg | null {
  const departureLocal = wallTime(segment.local_departure);
  const arrivalLocal = wallTime(segment.local_arrival);
  if (departureLocal === null || arrivalLocal === null) return null;
  return {
    from: segment.flyFrom,
    to: segment.flyTo,
    departureLocal,
    arrivalLocal,
    departureAt: instant(segment.utc_departure),
    arrivalAt: instant(segment.utc_arrival),
    carrier: segment.airline,
    flightNumber: segment.flight_no,
    direction: segment.return === '1' ? 'RETURN' : 'OUTBOUND',
  };
}

/** What the airport's clock shows: the zone written behind it is not true and is dropped. */
function wallTime(written: string): string | null {
  try {
    return Temporal.PlainDateTime.from(written.slice(0, 16), { overflow: 'reject' }).toString({
      smallestUnit: 'minute',
    });
  } catch {
    return null;
  }
}

function instant(written: string): Date | null {
  const at = /^\d{4}-\d\d-\d\dT.+Z$/.test(written) ? new Date(written) : null;
  return at === null || Number.isNaN(at.getTime()) ? null : at;
}

/** Customers are sent there: anything but https is not handed on. */
function webLink(written: string): string | null {
  return URL.parse(written)?.protocol === 'https:' ? written : null;
}

/** Where the answer names no ages. */
const AGES = { adult: 12, child: 2 };

type Checked = Extract<CheckedOffer, { token: JsonValue }>;

/**
 * A check that came to its end. What is charged is `total`, in euro and exact; what the customer is told is `total`
 * where that is the asked currency, and otherwise the vendor's own conversion of it.
 *
 * PRICE_CHANGED where the vendor says so, and where it does not but the price is above what the customer saw: a search
 * rounds. Of an offer that was checked before, what was said then is what counts, because the vendor's flag stays up.
 * @returns the sentence that says why nothing can be made of it
 */
export function toChecked(
  answer: z.infer<typeof CheckAnswer>,
  baggage: z.infer<typeof BaggageAnswer>,
  offer: OfferToken | CheckedToken,
  sessionId: string,
): Checked | string {
  const { currencyCode, adults, children } = offer;
  const { conversion } = answer;
  if (answer.currency !== '' && answer.currency !== CHARGED_CURRENCY) return 'the amount is not in euro';
  const euroMinor = exactMinor(answer.total, CHARGED_CURRENCY);
  if (euroMinor === null) return 'the answer names no exact amount';
  const converted = conversion?.currency === currencyCode ? shownMinor(conversion.amount, currencyCode) : null;
  const totalMinor = currencyCode === CHARGED_CURRENCY ? euroMinor : converted;
  if (totalMinor === null) return `the answer names no price in ${currencyCode}`;
  const bags = {
    adult: adults > 0 ? bagsOf(baggage, 'adult') : null,
    child: children > 0 ? bagsOf(baggage, 'child') : null,
  };
  if ((adults > 0 && !bags.adult) || (children > 0 && !bags.child)) return 'nobody can travel without buying a bag';
  const { adult, child } = answer.age_category_thresholds ?? AGES;
  const token: CheckedToken = {
    ...offerFieldsOf(offer),
    kind: 'checked',
    bookingToken: answer.booking_token || offer.bookingToken,
    totalMinor: String(totalMinor),
    sessionId,
    euroMinor: String(euroMinor),
    documentNeed: Number(answer.document_options?.document_need ?? 0),
    ages: { adult: Number(adult), child: Number(child) },
    bags,
  };
  const isNew = offer.kind === 'checked' ? offer.euroMinor !== token.euroMinor : answer.price_change;
  const state = isNew || totalMinor > BigInt(offer.totalMinor) ? 'PRICE_CHANGED' : 'AVAILABLE';
  const expiresAt = offer.expiresAt === null ? null : new Date(offer.expiresAt);
  // The vendor does not say what a cancellation costs: it is asked for by people (travel-providers.md 3.10).
  return { state, totalMinor, currencyCode, refundable: false, cancellationFees: null, expiresAt, token };
}

function offerFieldsOf({ adults, children, currencyCode, departure, expiresAt }: OfferToken | CheckedToken) {
  return { adults, children, currencyCode, departure, expiresAt };
}

/** What is saved for a passenger who buys nothing: one combination of each kind, even so. */
function bagsOf(answer: z.infer<typeof BaggageAnswer>, group: 'adult' | 'child'): Bags | null {
  const { hold_bag: holds, hand_bag: hands } = answer.baggage.combinations;
  const hold = freeCombination(holds, group);
  const hand = freeCombination(hands, group);
  return hold && hand && { hold, hand };
}

const COMBINATION_LENGTH_MAX = 4_000;

/** Costs nothing and has the fewest bags in it, because none was asked for (`bnum` 0). */
function freeCombination(combinations: readonly unknown[], group: string): Bags['hold'] | null {
  const free = combinations.flatMap((raw) => {
    const parsed = Combination.safeParse(raw);
    if (!parsed.success || parsed.data.price.amount !== 0) return [];
    const groups = parsed.data.conditions?.passenger_groups;
    return groups === undefined || groups.includes(group) ? [{ raw, bags: parsed.data.indices.length }] : [];
  });
  const [best] = free.toSorted((one, other) => one.bags - other.bags);
  return best && isShort(best.raw) ? (best.raw as Bags['hold']) : null;
}

/** It travels in the token; what can't even be written is too deep. */
function isShort(value: unknown): boolean {
  try {
    return JSON.stringify(value).length <= COMBINATION_LENGTH_MAX;
  } catch {
    return false;
  }
}
