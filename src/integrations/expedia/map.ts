import type { CheckedOffer, FoundStay, Occupancy, ProviderBookingState } from '../travel.ts';
import { amountOf, feesOf, priceOf, type Price, type TermPenalty } from './money.ts';
import { termsOf, writeToken, type Token } from './token.ts';
import type { Itinerary, PriceCheck, Property, Rate, Room } from './wire.ts';

/** Pure conversion between Rapid's shapes and ours. */

/** `2-9,4`: adults, then the children's ages. Null where the vendor takes no such room. */
export function occupancyOf({ adults, childAges }: Occupancy): string | null {
  const isFit = isCount(adults, 1, 50) && childAges.every((age) => isCount(age, 0, 17)) && childAges.length <= 50;
  if (!isFit) return null;
  return childAges.length === 0 ? String(adults) : `${adults}-${childAges.join(',')}`;
}

function isCount(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}

/** An offer without its property's name, and what its place in the list depends on. */
export interface RankedStay {
  readonly stay: Omit<FoundStay, 'propertyName'>;
  readonly score: number;
}

/** What could be read of an answer, and how many of its offers could not. */
export interface ReadStays {
  readonly stays: readonly RankedStay[];
  readonly unread: number;
}

/**
 * The offers of one property: one for each rate, with its first group of beds. Left out is what can't be booked by us
 * (sold out; charged by the property, which wants a card); what has no price or no link that can be read is counted.
 */
export function toStays(property: Property | null, rooms: readonly string[]): ReadStays {
  if (property === null) return { stays: [], unread: 1 };
  if (property.status === 'partially_unavailable') return { stays: [], unread: 0 };
  const stays: RankedStay[] = [];
  let unread = 0;
  for (const room of property.rooms ?? []) {
    for (const rate of room?.rates ?? [null]) {
      if (rate !== null && (rate.status === 'sold_out' || rate.merchant_of_record === 'property')) continue;
      const stay = room && rate && toStay(property, room.room_name, rate, rooms);
      if (stay) stays.push(stay);
      else unread++;
    }
  }
  return { stays, unread };
}

/** Null where it can't be read, or where nobody can say who charges. */
function toStay(property: Property, roomName: string | null, rate: Rate, rooms: readonly string[]): RankedStay | null {
  const price = priceOf(rooms, rate.occupancy_pricing);
  const check = rate.bed_groups.values().next().value?.links.price_check;
  if (rate.merchant_of_record !== 'expedia' || price === null || !check || !isMethod(check, 'GET')) return null;
  const token = toToken(rate, rooms, price, check.href);
  const score = Number(property.score ?? 0);
  return {
    score: Number.isFinite(score) ? score : 0,
    stay: {
      propertyId: property.property_id,
      roomName: roomName ?? '',
      totalMinor: price.totalMinor,
      payAtPropertyMinor: onTheSpot(price),
      currencyCode: price.currencyCode,
      refundable: token.refundable,
      // The vendor names no time for the links of a search.
      expiresAt: null,
      token: writeToken(token),
    },
  };
}

/** A link that names no method has the one of its step. */
export function isMethod(link: { readonly method: string | null }, method: string): boolean {
  return (link.method ?? method).toUpperCase() === method;
}

function toToken(rate: Rate, rooms: readonly string[], price: Price, check: string): Token {
  return {
    v: 1,
    check,
    rooms: [...rooms],
    ...pricedAs(price),
    // Nobody is promised a refund that the vendor did not promise.
    refundable: rate.refundable ?? false,
    penalties: penaltiesOf(rate),
  };
}

/** A range in which nothing is given back is a penalty of everything from its start on. */
function penaltiesOf(rate: Rate): TermPenalty[] | null {
  if (rate.cancel_penalties === null) return null;
  const ranges = (rate.nonrefundable_date_ranges ?? []).map(({ start }) => {
    const from = /^\d{4}-\d\d-\d\d$/.test(start) ? `${start}T00:00:00Z` : start;
    return { start: from, currency: null, amount: null, nights: null, percent: '100' };
  });
  return [...rate.cancel_penalties, ...ranges];
}

/** Best first: as the vendor ranks properties, then the cheaper one. */
export function ranked(stays: readonly RankedStay[], most: number): Omit<FoundStay, 'propertyName'>[] {
  return stays
    .toSorted((one, two) => two.score - one.score || compare(one.stay.totalMinor, two.stay.totalMinor))
    .slice(0, Math.max(0, most))
    .map(({ stay }) => stay);
}

function compare(one: bigint, two: bigint): number {
  return one < two ? -1 : one > two ? 1 : 0;
}

/** Null where the answer does not say what it must: then nothing is known of the offer. */
export function toCheckedOffer(answer: PriceCheck, token: Token): CheckedOffer | null {
  if (answer.status === 'sold_out') return { state: 'SOLD_OUT' };
  const book = answer.links?.book ?? null;
  const price = priceOf(token.rooms, answer.occupancy_pricing);
  if (answer.status === 'unknown' || book === null || !isMethod(book, 'POST') || price === null) return null;
  const now = pricedAs(price);
  // What is paid here and what at the property may change places: the sum is the same, and what we charge is not.
  const isSame = now.total === token.total && now.inclusive === token.inclusive && now.currency === token.currency;
  const expiresAt = timeOf(book.expires);
  return {
    // The vendor compares with what its own token says; we with what we have shown.
    state: answer.status === 'available' && isSame ? 'AVAILABLE' : 'PRICE_CHANGED',
    totalMinor: price.totalMinor,
    payAtPropertyMinor: onTheSpot(price),
    currencyCode: price.currencyCode,
    refundable: token.refundable,
    cancellationFees: feesOf(termsOf(token), price),
    expiresAt,
    token: writeToken({ ...token, ...now, book: { href: book.href, expires: expiresAt?.toISOString() ?? null } }),
  };
}

function pricedAs({
  totalMinor,
  inclusiveMinor,
  currencyCode,
}: Price): Pick<Token, 'total' | 'inclusive' | 'currency'> {
  return { total: String(totalMinor), inclusive: String(inclusiveMinor), currency: currencyCode };
}

/** Fees that the property takes itself (travel-providers.md 1.5, `fees`). */
function onTheSpot({ totalMinor, inclusiveMinor }: Price): bigint {
  return totalMinor > inclusiveMinor ? totalMinor - inclusiveMinor : 0n;
}

function timeOf(text: string | null): Date | null {
  const at = new Date(text ?? Number.NaN);
  return Number.isNaN(at.getTime()) ? null : at;
}

export function isCancelled({ status }: Room): boolean {
  return status === 'canceled' || status === 'cancelled';
}

/**
 * What a booking is, all its rooms together. A hold is known by its link, which only holds have. Some rooms cancelled
 * leave a booking that stands; one whose rooms are not shown yet is there, and no more is known of it.
 */
export function stateOf(itinerary: Itinerary): ProviderBookingState['state'] {
  const { rooms, links } = itinerary;
  if (rooms === null) return 'PENDING';
  const kept = rooms.filter((room) => !isCancelled(room));
  if (kept.length === 0) return 'CANCELLED';
  if (links !== null && links.resume !== null) return 'HELD';
  return kept.every(({ status }) => status === 'booked') ? 'CONFIRMED' : 'PENDING';
}

/** What cancelling these rooms gives back; null where the vendor does not say it for each of them, in one currency. */
export function refundOf(rooms: readonly Room[]): { readonly minor: bigint; readonly currencyCode: string } | null {
  const currencyCode = rooms[0]?.rate?.cancel_refund?.currency ?? '';
  let minor = 0n;
  for (const { rate } of rooms) {
    const refund = rate?.cancel_refund;
    const amount = refund?.currency === currencyCode ? amountOf(refund.amount, currencyCode) : null;
    if (amount === null) return null;
    minor += amount;
  }
  return rooms.length === 0 ? null : { minor, currencyCode };
}
