import { wallClock } from '../simulator/account-clock.ts';
import type { Ledger } from './simulator-model.ts';
import { AIRPORTS, airport, distanceKm, type Airport } from './simulator-places.ts';

/** The simulated vendor's timetable: the same flights for the same seed, on every day from today for a year. */
export interface Flight {
  readonly id: string;
  /** How a token names it: `PRG-LIS-2026-10-14-0`. */
  readonly name: string;
  readonly from: Airport;
  readonly to: Airport;
  readonly airline: string;
  readonly number: number;
  readonly departure: Date;
  readonly arrival: Date;
  /** Of one adult. */
  readonly cents: number;
}

const CARRIERS = ['TP', 'OK', 'BA', 'AF', 'LH', 'KL', 'MS', 'EK', 'QR', 'TK', 'SV', 'W6', 'FR', 'U2', 'VY', 'IB'];
const HUBS = ['VIE', 'FRA', 'MAD', 'IST', 'DXB', 'DOH', 'CAI', 'JFK', 'SIN'];
const [DAY_MS, MINUTE_MS] = [86_400_000, 60_000];
const DAYS_AHEAD = 365;
/** Further than this only some routes are flown without a stop. */
const NONSTOP_KM = 6_000;
const NAME = /^([A-Z]{3})-([A-Z]{3})-(\d{4}-\d{2}-\d{2})-(\d)$/;

/** Every nonstop flight of a day. */
export function flightsOn(ledger: Ledger, account: string, route: readonly [Airport, Airport], day: string): Flight[] {
  const [from, to] = route;
  const today = ledger.now(account).toISOString().slice(0, 10);
  const daysAhead = (Date.parse(day) - Date.parse(today)) / DAY_MS;
  if (from.cityCode === to.cityCode || daysAhead < 0 || daysAhead > DAYS_AHEAD) return [];
  const draw = ledger.draw(account, `route:${from.code}-${to.code}`);
  const count = distanceKm(from, to) <= NONSTOP_KM ? 2 + Math.floor(draw * 3) : Math.floor(draw * 2);
  return Array.from({ length: count }, (_one, index) => makeFlight(ledger, account, route, day, index));
}

/** The flight of a name; null for a name that is none. */
export function flightByName(ledger: Ledger, account: string, name: string): Flight | null {
  const [, from = '', to = '', day = '', index = ''] = NAME.exec(name) ?? [];
  const isPlace = [from, to].every((code) => AIRPORTS.some((one) => one.code === code));
  return isPlace ? makeFlight(ledger, account, [airport(from), airport(to)], day, Number(index)) : null;
}

function makeFlight(
  ledger: Ledger,
  account: string,
  [from, to]: readonly [Airport, Airport],
  day: string,
  index: number,
): Flight {
  const name = `${from.code}-${to.code}-${day}-${index}`;
  const draw = (what: string): number => ledger.draw(account, `${what}:${name}`);
  const route = `${from.code}-${to.code}-${index}`;
  const km = distanceKm(from, to);
  // The time of day and the number belong to the route, the price to the day.
  const minuteOfDay = 300 + Math.floor(ledger.draw(account, `time:${route}`) * 200) * 5;
  const departure = instantAt(from.timeZone, day, minuteOfDay);
  const airMinutes = Math.round((30 + km / 13) / 5) * 5;
  return {
    id: `${ledger.derive(account, `flight:${name}`).slice(0, 24)}_0`,
    name,
    from,
    to,
    airline: CARRIERS[Math.floor(ledger.draw(account, `airline:${route}`) * CARRIERS.length)] ?? 'TP',
    number: 100 + Math.floor(ledger.draw(account, `number:${route}`) * 1_900),
    departure,
    arrival: new Date(departure.getTime() + airMinutes * MINUTE_MS),
    cents: Math.round((1_800 + km * 4.2) * (0.7 + 0.8 * draw('price'))),
  };
}

const wallClocks = new Map<string, (at: Date) => string>();

/** `2026-10-14T06:05:00.000Z` though it is the clock of the place and not UTC: the vendor writes it so. */
export function localTime(timeZone: string, at: Date): string {
  let clock = wallClocks.get(timeZone);
  if (!clock) wallClocks.set(timeZone, (clock = wallClock(timeZone)));
  return `${clock(at).replace(' ', 'T')}.000Z`;
}

/** The instant at which the clock of a place shows that. */
function instantAt(timeZone: string, day: string, minuteOfDay: number): Date {
  const shown = Date.parse(`${day}T00:00:00Z`) + minuteOfDay * MINUTE_MS;
  const offsetAt = (at: number): number => Date.parse(localTime(timeZone, new Date(at))) - at;
  return new Date(shown - offsetAt(shown - offsetAt(shown)));
}

const CONNECTION_MS = { least: 60 * MINUTE_MS, most: 360 * MINUTE_MS };
const DETOUR_MAX = 1.6;
const CONNECTIONS_MAX = 6;

/** Nonstop, and by one of the hubs where that is no great detour. */
export function journeysOn(
  ledger: Ledger,
  account: string,
  route: readonly [Airport, Airport],
  day: string,
): (readonly Flight[])[] {
  const [from, to] = route;
  const direct = flightsOn(ledger, account, route, day).map((flight) => [flight]);
  const hubs = HUBS.map(airport).filter(
    (hub) =>
      ![from.cityCode, to.cityCode].includes(hub.cityCode) &&
      distanceKm(from, hub) + distanceKm(hub, to) <= DETOUR_MAX * distanceKm(from, to),
  );
  const connecting = hubs.flatMap((hub) => {
    const seconds = [0, 1].flatMap((days) =>
      flightsOn(ledger, account, [hub, to], new Date(Date.parse(day) + days * DAY_MS).toISOString().slice(0, 10)),
    );
    return flightsOn(ledger, account, [from, hub], day).flatMap((first) => {
      const next = seconds.find((one) => {
        const waitMs = one.departure.getTime() - first.arrival.getTime();
        return waitMs >= CONNECTION_MS.least && waitMs <= CONNECTION_MS.most;
      });
      return next ? [[first, next]] : [];
    });
  });
  return [...direct, ...connecting.slice(0, CONNECTIONS_MAX)];
}
