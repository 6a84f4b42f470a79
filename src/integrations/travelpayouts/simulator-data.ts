import { json } from '../simulator/answer.ts';
import type { Fault } from '../simulator/scenario.ts';
import type { SimulatorAnswer } from '../simulator/types.ts';
import { daysOf, plusDays, priceIn, share, tripsOn, type Trip } from './simulator-flights.ts';
import type { Account, Ledger } from './simulator-model.ts';
import { CITIES, RATES, cityOf } from './simulator-places.ts';

/** Surface A: the cache of other people's searches (travel-providers.md 4.4). */

/** A data call that was let in. */
export interface DataCall {
  readonly ledger: Ledger;
  readonly id: string;
  readonly account: Account;
  readonly query: URLSearchParams;
  readonly fault: Fault | null;
  readonly headers: Record<string, string>;
}

interface Route {
  readonly from: string;
  readonly to: string;
}

const CODE = /^[A-Z]{3}$/;
const PERIOD = /^\d{4}-\d{2}(-\d{2})?$/;
const DAYS_AHEAD = 60;

export function pricesForDates(call: DataCall): SimulatorAnswer {
  const { query } = call;
  const [origin, destination] = [query.get('origin') ?? '', query.get('destination') ?? ''];
  const limit = Number(query.get('limit') ?? '30');
  const page = Number(query.get('page') ?? '1');
  const sorting = query.get('sorting') ?? 'price';
  if (origin === '' && destination === '') return refused(call, 'origin or destination is needed');
  const complaint = complaintAbout(query, ['origin', 'destination'], ['departure_at', 'return_at']);
  if (complaint !== null) return refused(call, complaint);
  if (!Number.isInteger(limit) || limit < 1 || limit > 1_000) return refused(call, 'limit is 1 to 1000');
  if (!Number.isInteger(page) || page < 1) return refused(call, 'page is a number from 1');
  if (sorting !== 'price' && sorting !== 'route') return refused(call, 'sorting is price or route');
  const isOneWay = (query.get('one_way') ?? 'true') === 'true';
  const trips = routesOf(origin, destination).flatMap((route) => {
    const departures = cachedDays(call, route, query.get('departure_at'));
    return departures.flatMap((day) => {
      const returns = isOneWay ? [null] : returnDays(query.get('return_at'), day);
      return returns.flatMap((back) => tripsOn(call.ledger, call.id, route, day, back));
    });
  });
  const wanted = query.get('direct') === 'true' ? trips.filter((trip) => trip.there.stops === 0) : trips;
  const sorted = wanted.toSorted((one, other) =>
    sorting === 'price' ? one.roubles - other.roubles : routeText(one).localeCompare(routeText(other)),
  );
  const shown = sorted.slice((page - 1) * limit, page * limit);
  return success(
    call,
    shown.map((trip) => offerOf(call, trip)),
  );
}

export function groupedPrices(call: DataCall): SimulatorAnswer {
  const { query } = call;
  const group = query.get('group_by') ?? 'departure_at';
  const complaint = complaintAbout(query, ['origin', 'destination'], ['departure_at', 'return_at']);
  if (complaint !== null) return refused(call, complaint);
  if (!CODE.test(query.get('origin') ?? '') || !CODE.test(query.get('destination') ?? '')) {
    return refused(call, 'origin and destination are needed');
  }
  if (!['departure_at', 'return_at', 'month'].includes(group)) return refused(call, 'group_by is unknown');
  const [least, most] = [query.get('min_trip_duration'), query.get('max_trip_duration')];
  const isReturn = query.get('return_at') !== null || least !== null || most !== null;
  const route = { from: query.get('origin') ?? '', to: query.get('destination') ?? '' };
  const trips = cachedDays(call, route, query.get('departure_at')).flatMap((day) => {
    const lengths = lengthsOf(least, most);
    const returns = isReturn ? lengths.map((days) => plusDays(day, days)) : [null];
    return returns.flatMap((back) => tripsOn(call.ledger, call.id, route, day, back));
  });
  const cheapest = new Map<string, Trip>();
  for (const trip of trips) {
    const day = (group === 'return_at' ? trip.back?.departure : trip.there.departure)?.slice(0, 10) ?? '';
    const key = group === 'month' ? day.slice(0, 7) : day;
    if (trip.roubles < (cheapest.get(key)?.roubles ?? Number.POSITIVE_INFINITY)) cheapest.set(key, trip);
  }
  return success(call, Object.fromEntries([...cheapest].map(([key, trip]) => [key, offerOf(call, trip)])));
}

/** Up to three tickets of a destination, under numbers; times are UTC, and each has its end. */
export function cheapPrices(call: DataCall): SimulatorAnswer {
  const { query } = call;
  const complaint = complaintAbout(query, ['origin'], ['depart_date', 'return_date']);
  if (complaint !== null) return refused(call, complaint);
  if (!CODE.test(query.get('origin') ?? '')) return refused(call, 'origin is needed');
  const asked = query.get('destination') ?? '';
  const found = routesOf(query.get('origin') ?? '', asked === '-' ? '' : asked).flatMap((route) => {
    const trips = cachedDays(call, route, query.get('depart_date')).flatMap((day) => {
      const back = query.get('return_date');
      const returns = back === null ? [null] : returnDays(back, day);
      return returns.flatMap((returnDay) => tripsOn(call.ledger, call.id, route, day, returnDay));
    });
    const best = trips.toSorted((one, other) => one.roubles - other.roubles).slice(0, 3);
    const tickets = best.map((trip, index) => [String(index), ticketOf(call, trip)] as const);
    return tickets.length === 0 ? [] : [[route.to, Object.fromEntries(tickets)] as const];
  });
  return success(call, Object.fromEntries(found));
}

/** The dictionary: a plain array, without an envelope. */
export function airports(call: DataCall): SimulatorAnswer {
  const rows = CITIES.flatMap((city) =>
    city.airports.map((code) => ({
      code,
      name: `${city.name} ${code}`,
      coordinates: { lat: city.latitude, lon: city.longitude },
      time_zone: city.zone,
      name_translations: { en: `${city.name} ${code}` },
      country_code: city.country,
      city_code: city.code,
    })),
  );
  return json(200, rows, call.headers);
}

function offerOf(call: DataCall, { there, back, roubles }: Trip): Record<string, unknown> {
  const currency = currencyOf(call);
  const price = priceIn(currency, roubles);
  const days = [there, back].flatMap((flight) => (flight === null ? [] : [dayMonth(flight.departure)]));
  const path = `/search/${there.fromCity.code}${days[0]}${there.toCity.code}${days[1] ?? ''}1`;
  const today = call.ledger.now(call.id).toISOString().slice(0, 10).split('-').toReversed().join('');
  const ticket = call.ledger.derive(call.id, `ticket:${there.departureIso}:${there.number}`).slice(0, 12);
  return {
    origin: there.fromCity.code,
    destination: there.toCity.code,
    origin_airport: there.from,
    destination_airport: there.to,
    price: asWritten(call, price),
    airline: there.carrier,
    flight_number: call.fault?.fault === 'numericIds' ? there.number : String(there.number),
    departure_at: there.departureIso,
    return_at: back?.departureIso ?? '',
    transfers: there.stops,
    return_transfers: back?.stops ?? 0,
    duration: there.minutes + (back?.minutes ?? 0),
    duration_to: there.minutes,
    duration_back: back?.minutes ?? 0,
    link: `${path}?t=${there.carrier}${ticket}_${price}&search_date=${today}&expected_price_currency=${currency}`,
  };
}

function ticketOf(call: DataCall, { there, back, roubles }: Trip): Record<string, unknown> {
  const expiresAt = call.ledger.now(call.id).getTime() + call.account.ticketSeconds * 1_000;
  return {
    price: asWritten(call, priceIn(currencyOf(call), roubles)),
    airline: there.carrier,
    flight_number: there.number,
    departure_at: utc(there.departureAt),
    return_at: back === null ? '' : utc(back.departureAt),
    expires_at: utc(expiresAt),
  };
}

/** Under `wrongAmount` with more decimals than money has. */
function asWritten({ fault }: DataCall, price: number): number {
  return fault?.fault === 'wrongAmount' ? price + 0.12345 : price;
}

function utc(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}

/** The days of a period that somebody searched; without one the next two months. */
function cachedDays(call: DataCall, route: Route, period: string | null): string[] {
  const today = call.ledger.now(call.id).toISOString().slice(0, 10);
  const days = period ? daysOf(period) : Array.from({ length: DAYS_AHEAD }, (_none, index) => plusDays(today, index));
  return days.filter(
    (day) => share(call.ledger, call.id, `searched:${route.from}:${route.to}:${day}`) >= call.account.emptyShare,
  );
}

/** A week away, where no day is named; of a month the days from the third on, three of them. */
function returnDays(period: string | null, day: string): string[] {
  if (period === null) return [plusDays(day, 7)];
  if (period.length === 10) return [period];
  return daysOf(period)
    .filter((one) => one >= plusDays(day, 3))
    .slice(0, 3);
}

function lengthsOf(least: string | null, most: string | null): number[] {
  const [from, to] = [Number(least ?? 1), Number(most ?? 14)];
  return Array.from({ length: Math.max(0, Math.min(to, 30) - from + 1) }, (_none, index) => from + index);
}

function routesOf(origin: string, destination: string): Route[] {
  if (origin !== '' && destination !== '') return [{ from: origin, to: destination }];
  const known = cityOf(origin || destination)?.code;
  const others = CITIES.filter(({ code }) => code !== known).map(({ code }) => code);
  return others.map((other) => (origin === '' ? { from: other, to: destination } : { from: origin, to: other }));
}

function routeText({ there }: Trip): string {
  return `${there.from}${there.to}${there.departureIso}`;
}

function dayMonth(local: string): string {
  return `${local.slice(8, 10)}${local.slice(5, 7)}`;
}

function complaintAbout(query: URLSearchParams, codes: readonly string[], periods: readonly string[]): string | null {
  const isGiven = (name: string): boolean => (query.get(name) ?? '') !== '' && query.get(name) !== '-';
  const code = codes.find((name) => isGiven(name) && !CODE.test(query.get(name) ?? ''));
  if (code !== undefined) return `${code} is no IATA code`;
  const period = periods.find((name) => isGiven(name) && !isPeriod(query.get(name) ?? ''));
  if (period !== undefined) return `${period} is neither YYYY-MM nor YYYY-MM-DD`;
  return currencyNamed(query) in RATES ? null : 'currency is not supported';
}

function isPeriod(text: string): boolean {
  return PERIOD.test(text) && !Number.isNaN(Date.parse(text));
}

function currencyNamed(query: URLSearchParams): string {
  return (query.get('currency') ?? 'rub').toLowerCase();
}

/** Under `wrongCurrency` another one than was asked for, and it says so. */
function currencyOf({ query, fault }: DataCall): string {
  const asked = currencyNamed(query);
  return fault?.fault !== 'wrongCurrency' ? asked : asked === 'gbp' ? 'usd' : 'gbp';
}

function success(call: DataCall, data: unknown): SimulatorAnswer {
  const { failsWith } = call.account;
  if (failsWith !== null) return json(200, { success: false, data: {}, error: failsWith }, call.headers);
  return json(200, { success: true, data, error: null, currency: currencyOf(call) }, call.headers);
}

function refused(call: DataCall, error: string): SimulatorAnswer {
  return json(400, { success: false, data: {}, error }, call.headers);
}
