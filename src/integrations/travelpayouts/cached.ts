import { isCurrency } from '../../domain/money.ts';
import type { OutboundCall, Outcome } from '../contract.ts';
import { notDone, sharedBudget } from '../outcome.ts';
import type { FlightQuery, Found, FoundFlight, ProviderConnection } from '../travel.ts';
import type { Account } from './account.ts';
import { askVendor, type Exchange } from './exchange.ts';
import { byPrice, daysAway, foundWith, toCheapOffer, toOffer, type Asked, type DatedOffer } from './map.ts';
import { zonesOf, type Zones } from './places.ts';
import { daysBetween } from './times.ts';
import { CheapTicket, Envelope, PricedOffer, fieldsOf, readEach, readJson } from './wire.ts';

/** Surface A: what other people's searches found in the last days (travel-providers.md 4.4). */

/** Every call of the data API (4.10). */
const DATA_MS_MAX = 5_000;
const LIMIT_MAX = 1_000;
const OTHER_DAYS = 'no price is known for these days: other days of the month are shown';

/** What a method answered: entries that still have to be read, and what their prices are in. */
export interface Rows {
  readonly shape: 'offers' | 'tickets';
  readonly values: readonly unknown[];
  readonly currencyCode: string;
}

/** @param reasons what is to be said of the answer before anybody is asked */
export async function searchCached(
  exchange: Exchange,
  connection: ProviderConnection,
  account: Account,
  query: FlightQuery,
  call: OutboundCall,
  reasons: readonly string[],
): Promise<Outcome<Found<FoundFlight>>> {
  const budget = sharedBudget(exchange.clock, call);
  const half = { ...call, timeoutMs: Math.max(1, Math.floor(call.timeoutMs / 2)) };
  const [zones, exact] = await Promise.all([
    zonesOf(exchange, connection, account, half),
    pricesForDates(exchange, account, query, call),
  ]);
  if (exact.kind !== 'done') return exact;
  const asked = askedWith(exchange, account, query, zones, exact.value);
  const { offers, leftOut } = readOffers(exact.value, asked);
  const onTheDays = offers.filter((one) => daysAway(one, query) === 0);
  if (onTheDays.length > 0) return shown(onTheDays, query, [...reasons, ...tellLeftOut(leftOut)]);
  for (const elsewhere of [groupedPrices, cheap]) {
    if (budget.isOver) break;
    const rows = await elsewhere(exchange, account, query, budget.next());
    // The days asked for have their answer: nothing is known. What fails now takes nothing from it.
    if (rows.kind !== 'done') break;
    const others = readOffers(rows.value, { ...asked, currencyCode: rows.value.currencyCode });
    if (others.offers.length === 0) continue;
    const areElsewhere = others.offers.some((one) => daysAway(one, query) !== 0);
    const told = [...(areElsewhere ? [OTHER_DAYS] : []), ...tellLeftOut(leftOut + others.leftOut)];
    return shown(others.offers, query, [...reasons, ...told]);
  }
  return shown([], query, [...reasons, ...tellLeftOut(leftOut)]);
}

/** The recommended method: the exact days. */
export function pricesForDates(
  exchange: Exchange,
  account: Account,
  query: FlightQuery,
  call: OutboundCall,
): Promise<Outcome<Rows>> {
  return askData(exchange, account, call, {
    path: '/aviasales/v3/prices_for_dates',
    shape: 'offers',
    query: {
      origin: query.from,
      destination: query.to,
      departure_at: query.departure,
      ...(query.return !== null && { return_at: query.return }),
      one_way: String(query.return === null),
      currency: query.currencyCode.toLowerCase(),
      limit: String(limitOf(query)),
      sorting: 'price',
    },
    currencyCode: query.currencyCode,
    entries: (data) => (Array.isArray(data) ? data : []),
  });
}

/** The cheapest of each day of the month of departure; of a return trip those as long as the one asked for. */
export function groupedPrices(
  exchange: Exchange,
  account: Account,
  query: FlightQuery,
  call: OutboundCall,
): Promise<Outcome<Rows>> {
  const days = query.return === null ? null : String(daysBetween(query.departure, query.return));
  return askData(exchange, account, call, {
    path: '/aviasales/v3/grouped_prices',
    shape: 'offers',
    query: {
      origin: query.from,
      destination: query.to,
      group_by: 'departure_at',
      departure_at: query.departure.slice(0, 7),
      ...(days !== null && { min_trip_duration: days, max_trip_duration: days }),
      currency: query.currencyCode.toLowerCase(),
    },
    currencyCode: query.currencyCode,
    entries: (data) => fieldsOf(data).map(([, offer]) => offer),
  });
}

/** The older method, which also knows when each ticket is no longer to be shown. */
export function cheap(
  exchange: Exchange,
  account: Account,
  query: FlightQuery,
  call: OutboundCall,
): Promise<Outcome<Rows>> {
  return askData(exchange, account, call, {
    path: '/v1/prices/cheap',
    shape: 'tickets',
    query: {
      origin: query.from,
      destination: query.to,
      depart_date: query.departure.slice(0, 7),
      ...(query.return !== null && { return_date: query.return.slice(0, 7) }),
      currency: query.currencyCode.toLowerCase(),
    },
    currencyCode: query.currencyCode,
    entries: (data) =>
      fieldsOf(data)
        .filter(([destination]) => destination === query.to)
        .flatMap(([, tickets]) => fieldsOf(tickets).map(([, ticket]) => ticket)),
  });
}

/** The cheapest real call: an empty answer proves the token as well (4.12). */
export async function probe(exchange: Exchange, account: Account, call: OutboundCall): Promise<Outcome<null>> {
  const answered = await askData(exchange, account, call, {
    path: '/aviasales/v3/prices_for_dates',
    shape: 'offers',
    query: { origin: 'LON', destination: 'BCN', limit: '1', currency: 'usd' },
    currencyCode: 'USD',
    entries: () => [],
  });
  return answered.kind === 'done' ? { kind: 'done', value: null } : answered;
}

interface DataQuestion {
  readonly shape: Rows['shape'];
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** Meant where the answer names none. */
  readonly currencyCode: string;
  entries(data: unknown): readonly unknown[];
}

function askData(
  exchange: Exchange,
  account: Account,
  call: OutboundCall,
  asked: DataQuestion,
): Promise<Outcome<Rows>> {
  return askVendor<Rows>(exchange, {
    account,
    call,
    method: asked.path,
    path: asked.path,
    query: asked.query,
    withToken: true,
    timeoutMsMax: DATA_MS_MAX,
    effect: false,
    read: (body) => {
      const envelope = readJson(Envelope, body);
      // A failure comes with 200, too; what it says is read by whoever reads refusals.
      if (envelope === null) return null;
      if (!envelope.success) return envelope.error === '' ? notDone('rejected', 'refused without a reason') : null;
      const currencyCode = envelope.currency === '' ? asked.currencyCode : envelope.currency.toUpperCase();
      if (!isCurrency(currencyCode)) return notDone('unavailable', 'the prices are in no currency we know');
      return { kind: 'done', value: { shape: asked.shape, values: asked.entries(envelope.data), currencyCode } };
    },
  });
}

function askedWith(exchange: Exchange, account: Account, query: FlightQuery, zones: Zones, rows: Rows): Asked {
  return { account, query, zones, now: exchange.clock.now(), currencyCode: rows.currencyCode };
}

/** The offers among the entries, and how many entries are none. */
export function readOffers(rows: Rows, asked: Asked): { offers: DatedOffer[]; leftOut: number } {
  const made =
    rows.shape === 'tickets'
      ? readEach(CheapTicket, rows.values).read.map((ticket) => toCheapOffer(ticket, asked))
      : readEach(PricedOffer, rows.values).read.map((row) => toOffer(row, asked));
  const offers = made.filter((one) => one !== null);
  return { offers, leftOut: rows.values.length - offers.length };
}

function tellLeftOut(count: number): string[] {
  return count === 0 ? [] : [`${count} of the vendor’s prices are left out: unreadable, or for another journey`];
}

/** Nearest days first, then by price; no more than wanted. */
function shown(
  offers: readonly DatedOffer[],
  query: FlightQuery,
  reasons: readonly string[],
): Outcome<Found<FoundFlight>> {
  const sorted = offers.toSorted(
    (one, other) => daysAway(one, query) - daysAway(other, query) || byPrice(one.offer, other.offer),
  );
  return {
    kind: 'done',
    value: foundWith(
      sorted.slice(0, limitOf(query)).map(({ offer }) => offer),
      reasons,
    ),
  };
}

function limitOf({ offersMax }: FlightQuery): number {
  return Math.min(Math.max(Math.trunc(offersMax), 1), LIMIT_MAX);
}
