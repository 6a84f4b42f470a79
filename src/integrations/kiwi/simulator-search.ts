import { json } from '../simulator/answer.ts';
import type { SimulatorAnswer } from '../simulator/types.ts';
import { badRequest, inCurrency, isSold, reverseRate, uuidOf } from './simulator-answers.ts';
import { flightByName, journeysOn, localTime, type Flight } from './simulator-flights.ts';
import type { Account, Ledger } from './simulator-model.ts';
import { AIRPORTS, airportsOf, distanceKm } from './simulator-places.ts';

/** /locations/query and /v2/search, and the tokens a search hands out (travel-providers.md 3.4). */

export interface Asking {
  readonly ledger: Ledger;
  readonly accountId: string;
  readonly account: Account;
  readonly query: URLSearchParams;
}

export function locations({ query }: Asking): SimulatorAnswer {
  const term = (query.get('term') ?? '').trim().toLowerCase();
  if (term === '') return badRequest('term: missing required parameter');
  const limit = Math.max(1, Number(query.get('limit')) || 10);
  const found = AIRPORTS.filter((one) => one.code.toLowerCase() === term || one.city.toLowerCase().startsWith(term));
  const shown = found.slice(0, limit).map((one) => ({
    id: one.code,
    code: one.code,
    name: one.name,
    type: 'airport',
    active: true,
    timezone: one.timeZone,
    city: { id: one.city.toLowerCase().replaceAll(' ', '-'), name: one.city, code: one.cityCode },
    location: { lat: one.latitude, lon: one.longitude },
  }));
  return json(200, { locations: shown, last_refresh: 0, results_retrieved: shown.length });
}

interface Wanted {
  readonly adults: number;
  readonly children: number;
  readonly infants: number;
  readonly currency: string;
  readonly limit: number;
  readonly out: readonly string[];
  readonly back: readonly string[] | null;
}

interface Named {
  readonly fly_from?: string;
  readonly fly_to?: string;
  readonly return_from?: string;
  readonly return_to?: string;
}

export function search(asking: Asking): SimulatorAnswer {
  const { ledger, accountId, query } = asking;
  const wanted = readWanted(query);
  if (typeof wanted === 'string') return badRequest(wanted);
  const named: Named = Object.fromEntries(query);
  const from = airportsOf(named.fly_from ?? '');
  const to = airportsOf(named.fly_to ?? '');
  if (from.length === 0 || to.length === 0) {
    const error = from.length === 0 ? 'fly_from: no such location' : 'fly_to: no such location';
    return json(422, { status: 'Unprocessable Entity', error });
  }
  const journeys = (origins: typeof from, goals: typeof to, days: readonly string[]): (readonly Flight[])[] =>
    days.flatMap((day) =>
      origins.flatMap((one) => goals.flatMap((other) => journeysOn(ledger, accountId, [one, other], day))),
    );
  const seats = wanted.adults + wanted.children;
  const hasSeats = (flights: readonly Flight[]): boolean =>
    flights.every((flight) => ledger.seatsLeft(accountId, flight.name) >= seats);
  const mostStops = Number(query.get('max_stopovers') ?? 9);
  const fits = (flights: readonly Flight[]): boolean => flights.length - 1 <= mostStops && hasSeats(flights);
  const there = journeys(from, to, wanted.out).filter(fits);
  const back = wanted.back && journeys(to, from, wanted.back).filter(fits);
  const trips = there.flatMap((out) => (back === null ? [{ out, back: [] }] : back.map((one) => ({ out, back: one }))));
  const offers = trips
    .map((trip) => ({ trip, cents: priceOf([...trip.out, ...trip.back], wanted) }))
    .toSorted((one, other) => one.cents - other.cents)
    .slice(0, wanted.limit)
    .map(({ trip, cents }) => offer(asking, trip, cents, wanted));
  return json(200, {
    search_id: uuidOf(ledger, accountId, `search:${query.toString()}`),
    currency: wanted.currency,
    fx_rate: reverseRate(wanted.currency),
    _results: offers.length,
    all_stopover_airports: [],
    sort_version: 0,
    search_params: {
      flyFrom_type: 'airport',
      to_type: 'airport',
      seats: { passengers: seats, ...passengersOf(wanted) },
    },
    data: offers,
  });
}

function passengersOf({ adults, children, infants }: Wanted): object {
  return { adults, children, infants };
}

/** Children fly for the price of adults, infants for much less. */
export function priceOf(
  flights: readonly Flight[],
  { adults, children, infants }: Pick<Wanted, 'adults' | 'children' | 'infants'>,
): number {
  return flights.reduce((sum, { cents }) => sum + cents * (adults + children) + Math.round(cents * 0.44) * infants, 0);
}

const REQUIRED = 'fly_from date_from date_to'.split(' ');
const DATES = 'date_from date_to return_from return_to'.split(' ');
const DAYS_MAX = 31;

/** @returns the first complaint */
function readWanted(query: URLSearchParams): Wanted | string {
  const missing = REQUIRED.find((name) => !query.get(name));
  if (missing) return `${missing}: missing required parameter`;
  for (const name of DATES) {
    const written = query.get(name);
    if (written !== null && isoDay(written) === null) return `${name}: wrong format, expected dd/mm/yyyy`;
  }
  const { return_from: backFrom, return_to: backTo }: Named = Object.fromEntries(query);
  if ((backFrom === undefined) !== (backTo === undefined)) return 'return_from, return_to: both or none';
  const [adults, children, infants] = [
    countOf(query, 'adults', 1),
    countOf(query, 'children', 0),
    countOf(query, 'infants', 0),
  ];
  if (adults === null || children === null || infants === null) return 'adults, children, infants: not a number';
  if (adults + children + infants > 9 || adults < 1) return 'the sum of passengers must be at most 9';
  if (infants > adults) return 'infants: more than adults';
  const currency = query.get('curr') ?? 'EUR';
  if (!isSold(currency)) return 'curr: unsupported currency';
  const limit = countOf(query, 'limit', 200);
  if (limit === null || limit < 1 || limit > 1_000) return 'limit: must be between 1 and 1000';
  if (!/^[a-z]{2}$/i.test(query.get('partner_market') ?? 'us')) return 'partner_market: unknown country';
  if (!['aircraft', 'bus', 'train'].includes(query.get('vehicle_type') ?? 'aircraft')) return 'vehicle_type: unknown';
  const days = (name: string): string[] => daysBetween(query.get(`${name}_from`) ?? '', query.get(`${name}_to`) ?? '');
  const back = backFrom === undefined ? null : days('return');
  return { adults, children, infants, currency, limit, out: days('date'), back };
}

function countOf(query: URLSearchParams, name: string, otherwise: number): number | null {
  const text = query.get(name);
  if (text === null) return otherwise;
  return /^\d{1,4}$/.test(text) ? Number(text) : null;
}

/** `2026-10-14` of `14/10/2026`; null for what is no day. */
function isoDay(written: string): string | null {
  const [, day, month, year] = /^(\d{2})\/(\d{2})\/(\d{4})$/.exec(written) ?? [];
  const iso = `${year}-${month}-${day}`;
  const at = Date.parse(iso);
  return Number.isNaN(at) || new Date(at).toISOString().slice(0, 10) !== iso ? null : iso;
}

function daysBetween(first: string, last: string): string[] {
  const start = Date.parse(isoDay(first) ?? '');
  const count = (Date.parse(isoDay(last) ?? '') - start) / 86_400_000 + 1;
  const days = Math.min(Math.max(count, 0), DAYS_MAX);
  return Array.from({ length: days }, (_one, index) => new Date(start + index * 86_400_000).toISOString().slice(0, 10));
}

interface Trip {
  readonly out: readonly Flight[];
  readonly back: readonly Flight[];
}

function offer(asking: Asking, trip: Trip, cents: number, wanted: Wanted): object {
  const { ledger, accountId, account } = asking;
  const [first, last] = [trip.out[0]!, trip.out.at(-1)!];
  const all = [...trip.out, ...trip.back];
  const { currency } = wanted;
  const shown = (amount: number, code: string): number => {
    const exact = inCurrency(amount, code);
    return account.wholeSearchPrices ? Math.round(exact) : exact;
  };
  const each = (who: Partial<Wanted>): number =>
    shown(priceOf(all, { adults: 0, children: 0, infants: 0, ...who }), currency);
  const seconds = (flights: readonly Flight[]): number =>
    flights.length === 0 ? 0 : (flights.at(-1)!.arrival.getTime() - flights[0]!.departure.getTime()) / 1_000;
  const [departure, back] = [seconds(trip.out), seconds(trip.back)];
  return {
    id: all.map(({ id }) => id).join('|'),
    ...ends(first, last),
    ...times(first, last),
    nightsInDest: trip.back.length === 0 ? null : nights(last, trip.back[0]!),
    quality: Number((cents / 100 + departure / 3_600).toFixed(2)),
    distance: Number(distanceKm(first.from, last.to).toFixed(2)),
    duration: { departure, return: back, total: departure + back },
    price: shown(cents, currency),
    conversion: { EUR: shown(cents, 'EUR'), ...(currency !== 'EUR' && { [currency]: shown(cents, currency) }) },
    fare: { adults: each({ adults: 1 }), children: each({ children: 1 }), infants: each({ infants: 1 }) },
    bags_price: { 1: inCurrency(3_850, currency) },
    baglimit: { hand_weight: 8, hold_weight: 20, personal_item_weight: 5 },
    availability: { seats: Math.min(...all.map((flight) => ledger.seatsLeft(accountId, flight.name))) },
    airlines: [...new Set(all.map(({ airline }) => airline))],
    route: [...trip.out.map((flight) => segment(flight, 0)), ...trip.back.map((flight) => segment(flight, 1))],
    booking_token: makeToken(asking, all, wanted),
    deep_link: `https://www.kiwi.com/deep?from=${first.from.code}&to=${last.to.code}`,
    virtual_interlining: new Set(trip.out.map(({ airline }) => airline)).size > 1,
    has_airport_change: false,
    technical_stops: 0,
    facilitated_booking_available: false,
    pnr_count: all.length,
  };
}

function ends(first: Flight, last: Flight): object {
  return {
    flyFrom: first.from.code,
    flyTo: last.to.code,
    cityFrom: first.from.city,
    cityCodeFrom: first.from.cityCode,
    cityTo: last.to.city,
    cityCodeTo: last.to.cityCode,
    countryFrom: { code: first.from.country, name: first.from.countryName },
    countryTo: { code: last.to.country, name: last.to.countryName },
  };
}

function times(first: Flight, last: Flight): object {
  return {
    local_departure: localTime(first.from.timeZone, first.departure),
    utc_departure: first.departure.toISOString(),
    local_arrival: localTime(last.to.timeZone, last.arrival),
    utc_arrival: last.arrival.toISOString(),
  };
}

function nights(arrival: Flight, departure: Flight): number {
  const day = (text: string): number => Date.parse(text.slice(0, 10));
  const left = day(localTime(departure.from.timeZone, departure.departure));
  return (left - day(localTime(arrival.to.timeZone, arrival.arrival))) / 86_400_000;
}

export function segment(flight: Flight, back: 0 | 1): object {
  return {
    id: flight.id,
    flyFrom: flight.from.code,
    flyTo: flight.to.code,
    cityFrom: flight.from.city,
    cityTo: flight.to.city,
    airline: flight.airline,
    flight_no: flight.number,
    operating_carrier: flight.airline,
    operating_flight_no: String(flight.number),
    fare_basis: '',
    fare_category: 'M',
    fare_classes: '',
    return: back,
    bags_recheck_required: false,
    vi_connection: false,
    guarantee: false,
    vehicle_type: 'aircraft',
    ...times(flight, flight),
  };
}

/** What a token holds: nothing else knows of the search. */
export interface Told {
  readonly flights: readonly Flight[];
  readonly issuedAt: number;
  readonly suffix: string;
}

const SUFFIX = /\.(invalid|pricechange|slow|expired)$/;

function makeToken({ ledger, accountId, account }: Asking, flights: readonly Flight[], wanted: Wanted): string {
  const facts = { f: flights.map(({ name }) => name), at: ledger.now(accountId).getTime(), c: wanted.currency };
  const body = Buffer.from(JSON.stringify(facts)).toString('base64url');
  return `Gs1m${body}.${markOf(ledger, accountId, body)}${account.tokenSuffix}`;
}

function markOf(ledger: Ledger, account: string, body: string): string {
  return ledger.derive(account, `token:${body}`).slice(0, 24);
}

/** Null for a token that this vendor never gave this account. */
export function readToken(ledger: Ledger, account: string, written: string): Told | null {
  const suffix = SUFFIX.exec(written)?.[0] ?? '';
  const [, body = '', mark] = /^Gs1m([\w-]+)\.(\w+)$/.exec(written.slice(0, written.length - suffix.length)) ?? [];
  if (mark === undefined || mark !== markOf(ledger, account, body)) return null;
  const facts = JSON.parse(Buffer.from(body, 'base64url').toString()) as { f: string[]; at: number };
  const flights = facts.f.flatMap((name) => flightByName(ledger, account, name) ?? []);
  return { flights, issuedAt: facts.at, suffix };
}
