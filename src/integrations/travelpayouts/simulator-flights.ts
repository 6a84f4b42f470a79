import type { Ledger } from './simulator-model.ts';
import {
  AIRLINES,
  RATES,
  airportsOf,
  cityOf,
  distanceOf,
  offsetText,
  shownAt,
  wallTime,
  type City,
} from './simulator-places.ts';

/**
 * What flies: every two cities of the simulated world are connected every day, always alike for the same seed. Nothing
 * is stored, because everything derives from the account, the route and the day.
 */
export interface Flight {
  readonly from: string;
  readonly to: string;
  readonly fromCity: City;
  readonly toCity: City;
  /** `YYYY-MM-DDTHH:MM` at the airports. */
  readonly departure: string;
  readonly arrival: string;
  /** The vendor's `departure_at`. */
  readonly departureIso: string;
  readonly departureAt: number;
  readonly minutes: number;
  readonly carrier: string;
  readonly number: number;
  readonly stops: 0 | 1;
  /** For one adult. */
  readonly roubles: number;
}

const FLIGHTS_A_DAY = 4;
const DAY_MS = 86_400_000;

/** A number in [0, 1) that depends on the account, its seed and the name only. */
export function share(ledger: Ledger, account: string, name: string): number {
  return Number.parseInt(ledger.derive(account, name).slice(0, 8), 16) / 2 ** 32;
}

/** The day's flights between two codes, of cities or airports; none between places that nobody knows, or in the past. */
export function flightsOn(ledger: Ledger, account: string, from: string, to: string, day: string): Flight[] {
  const [fromCity, toCity] = [cityOf(from), cityOf(to)];
  if (fromCity === undefined || toCity === undefined || fromCity === toCity) return [];
  return Array.from({ length: FLIGHTS_A_DAY }, (_none, index) => {
    const name = `flight:${fromCity.code}:${toCity.code}:${day}:${index}`;
    return flightOf(ledger, account, { fromCity, toCity, day, index, name });
  }).filter((flight) => {
    const isAsked = airportsOf(from).includes(flight.from) && airportsOf(to).includes(flight.to);
    return isAsked && flight.departureAt > ledger.now(account).getTime();
  });
}

interface Made {
  readonly fromCity: City;
  readonly toCity: City;
  readonly day: string;
  readonly index: number;
  readonly name: string;
}

function flightOf(ledger: Ledger, account: string, { fromCity, toCity, day, index, name }: Made): Flight {
  const drawn = (what: string): number => share(ledger, account, `${name}:${what}`);
  const pick = <T>(all: readonly T[], what: string): T => all[Math.floor(drawn(what) * all.length)]!;
  const stops = index === FLIGHTS_A_DAY - 1 ? 1 : 0;
  const kilometres = distanceOf(fromCity, toCity);
  const minutes = 40 + Math.round(kilometres / 13) + stops * 95;
  const clock = 6 * 60 + index * 240 + Math.floor(drawn('time') * 36) * 5;
  const departure = `${day}T${String(Math.trunc(clock / 60)).padStart(2, '0')}:${String(clock % 60).padStart(2, '0')}`;
  const { at, offset } = wallTime(departure, fromCity.zone);
  return {
    from: pick(fromCity.airports, 'origin'),
    to: pick(toCity.airports, 'destination'),
    fromCity,
    toCity,
    departure,
    arrival: shownAt(at + minutes * 60_000, toCity.zone),
    departureIso: `${departure}:00${offsetText(offset)}`,
    departureAt: at,
    minutes,
    carrier: pick(Object.keys(AIRLINES), 'carrier'),
    number: 100 + Math.floor(drawn('number') * 8_900),
    stops,
    roubles: Math.round((1_800 + kilometres * 3.1) * (0.75 + drawn('price')) * (stops === 1 ? 0.8 : 1)),
  };
}

/** A trip: there, and back where it is none for one way. */
export interface Trip {
  readonly there: Flight;
  readonly back: Flight | null;
  readonly roubles: number;
}

/** Every flight there with the flight back that was found with it. */
export function tripsOn(
  ledger: Ledger,
  account: string,
  route: { readonly from: string; readonly to: string },
  day: string,
  returnDay: string | null,
): Trip[] {
  const there = flightsOn(ledger, account, route.from, route.to, day);
  if (returnDay === null) return there.map((flight) => ({ there: flight, back: null, roubles: flight.roubles }));
  const back = flightsOn(ledger, account, route.to, route.from, returnDay);
  return there.flatMap((flight, index) => {
    const home = back[index % Math.max(1, back.length)];
    if (home === undefined || home.departureAt <= flight.departureAt) return [];
    return [{ there: flight, back: home, roubles: flight.roubles + home.roubles }];
  });
}

/** The days of `YYYY-MM-DD` or `YYYY-MM`. */
export function daysOf(period: string): string[] {
  if (period.length === 10) return [period];
  const first = Date.parse(`${period}-01T00:00:00Z`);
  const days = Array.from({ length: 31 }, (_none, index) =>
    new Date(first + index * DAY_MS).toISOString().slice(0, 10),
  );
  return days.filter((day) => day.startsWith(period));
}

export function plusDays(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);
}

/** Whole units, as the vendor writes prices. */
export function priceIn(currency: string, roubles: number): number {
  return Math.max(1, Math.round(roubles / (RATES[currency] ?? 1)));
}
