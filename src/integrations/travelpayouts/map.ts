import type { z } from 'zod';
import type { FlightLeg, FlightQuery, Found, FoundFlight } from '../travel.ts';
import { pagePath, pageUrl, searchPath, type Journey } from './link.ts';
import type { Account } from './account.ts';
import { priceMinor } from './money.ts';
import type { Zones } from './places.ts';
import { daysBetween, localTime, minutesLater, readTime, type WrittenTime } from './times.ts';
import type { CheapTicket, PricedOffer } from './wire.ts';

/** Pure conversion of cached prices (travel-providers.md 4.4) into offers. */

/** Recommended in 4.11: a cached price is shown no longer than this. */
const PRICE_LIFE_MS = 1_800_000;

export interface Asked {
  readonly account: Account;
  readonly query: FlightQuery;
  /** What the answer says its prices are in. */
  readonly currencyCode: string;
  readonly zones: Zones;
  readonly now: Date;
}

/** An offer and the days it is for, which need not be those asked for. */
export interface DatedOffer {
  readonly journey: Journey;
  readonly offer: FoundFlight;
}

/** Null where it is for another journey or cannot be read. */
export function toOffer(row: z.infer<typeof PricedOffer>, asked: Asked): DatedOffer | null {
  const { query } = asked;
  const [from, to] = [codeOf(row.origin_airport, row.origin), codeOf(row.destination_airport, row.destination)];
  if (!isPlace(query.from, row.origin, from) || !isPlace(query.to, row.destination, to)) return null;
  const outbound = toLeg('OUTBOUND', { ...flightOf(row, row.departure_at, row.duration_to), from, to }, asked);
  const back = returnOf(row.return_at, query);
  if (outbound === null || back === null) return null;
  if (back === 'none') return dated(row.price, row.link, [outbound], asked);
  const flight = { ...flightOf(row, row.return_at, row.duration_back), flightNumber: '', from: to, to: from };
  const inbound = toLeg('RETURN', flight, asked);
  return inbound === null ? null : dated(row.price, row.link, [outbound, inbound], asked);
}

/** A ticket of `cheap`: no airports, no times of arrival, and an end of its own. Null where it has come or nothing can be read. */
export function toCheapOffer(ticket: z.infer<typeof CheapTicket>, asked: Asked): DatedOffer | null {
  const { query } = asked;
  const expiry = readTime(ticket.expires_at);
  if (expiry === null || expiry.at <= asked.now) return null;
  const way = { from: query.from, to: query.to };
  const outbound = toLeg('OUTBOUND', { ...flightOf(ticket, ticket.departure_at, ''), ...way }, asked);
  const back = returnOf(ticket.return_at, query);
  if (outbound === null || back === null) return null;
  const home = { ...flightOf(ticket, ticket.return_at, ''), flightNumber: '', from: query.to, to: query.from };
  const inbound = back === 'none' ? null : toLeg('RETURN', home, asked);
  if (inbound === null && back !== 'none') return null;
  const made = dated(ticket.price, '', inbound === null ? [outbound] : [outbound, inbound], asked);
  return made && { ...made, offer: { ...made.offer, expiresAt: earlier(expiry.at, made.offer.expiresAt) } };
}

interface Flight {
  readonly carrier: string;
  readonly flightNumber: string;
  readonly departure: string;
  readonly minutes: string;
  readonly from: string;
  readonly to: string;
}

/** The vendor names one carrier and one flight for the whole journey: the first one's. */
function flightOf(
  row: { readonly airline: string; readonly flight_number: string },
  departure: string,
  minutes: string,
): Pick<Flight, 'carrier' | 'flightNumber' | 'departure' | 'minutes'> {
  return { carrier: row.airline.slice(0, 3), flightNumber: row.flight_number.slice(0, 10), departure, minutes };
}

/** A direction as one leg, changes of plane included: the vendor tells how many there are and not where. */
function toLeg(direction: FlightLeg['direction'], flight: Flight, { zones }: Asked): FlightLeg | null {
  const time = readTime(flight.departure);
  const departureLocal = time && localOf(time, zones[flight.from]);
  if (time === null || departureLocal === null) return null;
  const arrivalAt = minutesLater(time.at, flight.minutes);
  const { from, to, carrier, flightNumber } = flight;
  return {
    from,
    to,
    departureLocal,
    arrivalLocal: arrivalAt && localTime(arrivalAt, zones[to]),
    departureAt: time.at,
    arrivalAt,
    carrier,
    flightNumber,
    direction,
  };
}

function localOf(time: WrittenTime, zone: string | undefined): string | null {
  return time.local ?? localTime(time.at, zone);
}

/** `none` for one way; null where one was asked for and the other offered. */
function returnOf(returnAt: string, query: FlightQuery): 'none' | 'there' | null {
  const there = returnAt === '' ? 'none' : 'there';
  return there === (query.return === null ? 'none' : 'there') ? there : null;
}

function dated(price: string, link: string, legs: readonly FlightLeg[], asked: Asked): DatedOffer | null {
  const { account, query, currencyCode, now } = asked;
  const seats = account.settings.CACHED_PRICE_OF === 'passenger' ? query.adults + query.children : 1;
  const totalMinor = priceMinor(price, currencyCode, seats);
  if (totalMinor === null) return null;
  const journey: Journey = {
    from: query.from,
    to: query.to,
    departure: legs[0]?.departureLocal.slice(0, 10) ?? query.departure,
    return: legs[1]?.departureLocal.slice(0, 10) ?? null,
  };
  const path = link === '' ? searchPath(journey, query) : pagePath(link, journey, query);
  const expiresAt = new Date(now.getTime() + PRICE_LIFE_MS);
  const deepLink = pageUrl(account, path);
  return {
    journey,
    offer: { legs, totalMinor, currencyCode, expiresAt, deepLink, token: { surface: 'cached', path } },
  };
}

function codeOf(airport: string, city: string): string {
  return /^[A-Z]{3}$/.test(airport) ? airport : city;
}

function isPlace(wanted: string, city: string, airport: string): boolean {
  return wanted === city || wanted === airport;
}

function earlier(one: Date, other: Date | null): Date {
  return other === null || one < other ? one : other;
}

/** How far an offer's days are from those asked for. */
export function daysAway({ journey }: DatedOffer, query: FlightQuery): number {
  const back = journey.return !== null && query.return !== null ? daysBetween(query.return, journey.return) : 0;
  return Math.abs(daysBetween(query.departure, journey.departure)) + Math.abs(back);
}

export function byPrice(one: FoundFlight, other: FoundFlight): number {
  return one.totalMinor < other.totalMinor ? -1 : one.totalMinor > other.totalMinor ? 1 : 0;
}

/** Whole where there is nothing to say against it. */
export function foundWith(offers: readonly FoundFlight[], reasons: readonly string[]): Found<FoundFlight> {
  return { offers, complete: reasons.length === 0, incompleteReason: reasons.length === 0 ? null : reasons.join('; ') };
}
