import { isIP } from 'node:net';
import { z } from 'zod';
import { readAddressList } from '../../domain/addresses.ts';
import type { OutboundCall, Outcome } from '../contract.ts';
import { notDone, sharedBudget } from '../outcome.ts';
import type { FlightQuery, Found, FoundFlight } from '../travel.ts';
import { isVendors, type Account } from './account.ts';
import { askVendor, limitKey, type Exchange } from './exchange.ts';
import { byPrice, foundWith } from './map.ts';
import { readDecimal, type Decimal } from './money.ts';
import { NOTHING_COLLECTED, collect, toFlight, type Collected } from './proposals.ts';
import { signatureOf } from './signature.ts';
import { SearchStarted, readJson } from './wire.ts';

/** Surface B: a search of the vendor's own, started once and polled until it is over (travel-providers.md 4.5). */

const START_MS_MAX = 10_000;
const POLL_MS_MAX = 10_000;
/** Results of many agencies in one answer. */
const RESULTS_BYTES_MAX = 8 * 1_048_576;
/** The vendor ends a search within a minute; more polls than this are a search that never ends. */
const POLLS_MAX = 60;
/** In a row: one lost answer costs a poll, not the search. */
const FAILED_POLLS_MAX = 3;
/** From the start of the search; results and links die together. */
const RESULTS_LIFE_MS = 15 * 60_000;

const LOCALES = ['en-us', 'en-gb', 'ru', 'de', 'es', 'fr', 'pl'];
const LOOPBACK = readAddressList('loopback');

/**
 * Why this query must not be searched live, or null. The vendor forbids searches without the traveller's own address
 * (a job has none) and counts each one against the partner's conversion, so a sandbox makes none at the vendor itself.
 */
export function liveRefusal(account: Account, query: FlightQuery): string | null {
  const { ip } = query.traveller;
  if (ip === null || isIP(ip) === 0 || LOOPBACK?.has(ip) === true) {
    return 'cached prices: a live search needs the traveller’s own address';
  }
  const isTrial = account.mode === 'SANDBOX' && isVendors(account.baseUrl);
  return isTrial ? 'cached prices: the vendor has no sandbox, and counts every live search' : null;
}

export async function searchLive(
  exchange: Exchange,
  account: Account,
  query: FlightQuery,
  call: OutboundCall,
): Promise<Outcome<Found<FoundFlight>>> {
  if (account.settings.HOST === '')
    return notDone('misconfigured', 'the setting HOST is empty: live searches name a site');
  const budget = sharedBudget(exchange.clock, call);
  const startedAt = exchange.clock.now().getTime();
  const started = await start(exchange, account, query, budget.next());
  if (started.kind !== 'done') return started;
  const { searchId, rate } = started.value;
  if (rate === null) return notDone('rejected', `the vendor has no rate for ${query.currencyCode}`);
  const polled = await poll(exchange, account, searchId, call, budget);
  if (polled.kind !== 'done') return polled;
  const { collected, reason } = polled.value;
  const priced = { query, searchId, rate, expiresAt: new Date(startedAt + RESULTS_LIFE_MS) };
  const flights = [...collected.bySign.values()].map((best) => toFlight(best, priced));
  const readable = flights.filter((flight) => flight !== null);
  const unreadable = collected.unreadable + flights.length - readable.length;
  const sorted = readable.toSorted(byPrice);
  const shown = sorted.slice(0, Math.max(1, query.offersMax));
  const reasons = [
    ...(reason === null ? [] : [reason]),
    ...(unreadable === 0
      ? []
      : [`${unreadable} of the vendor’s tickets are left out: unreadable, or for another journey`]),
    ...(shown.length === sorted.length ? [] : [`the cheapest ${shown.length} of ${sorted.length}`]),
  ];
  return { kind: 'done', value: foundWith(shown, reasons) };
}

interface Started {
  readonly searchId: string;
  /** Null where the vendor has none for the currency. */
  readonly rate: Decimal | null;
}

async function start(
  exchange: Exchange,
  account: Account,
  query: FlightQuery,
  call: OutboundCall,
): Promise<Outcome<Started>> {
  const address = query.traveller.ip ?? '';
  const hourly = limitKey(account, 'flight_search an hour', address);
  const usedUp = exchange.searches.take(hourly, account.settings.LIVE_SEARCHES_PER_HOUR);
  if (usedUp !== null) return notDone('rateLimited', 'this traveller’s searches of the hour are used up', usedUp);
  const body = searchBody(account, query);
  return askVendor(exchange, {
    account,
    call,
    method: '/v1/flight_search',
    countedBy: address,
    path: '/v1/flight_search',
    body: { ...body, signature: signatureOf(account.token, body) },
    withToken: false,
    timeoutMsMax: START_MS_MAX,
    effect: false,
    read: (text) => {
      const started = readJson(SearchStarted, text);
      if (started === null) return null;
      const { search_id: searchId, currency_rates: rates = {} } = started;
      return { kind: 'done', value: { searchId, rate: rateOf(rates, query.currencyCode) } };
    },
  });
}

/** What is signed: no key of it may be null. */
function searchBody({ marker, settings }: Account, query: FlightQuery) {
  const there = { origin: query.from, destination: query.to, date: query.departure };
  const back = query.return === null ? [] : [{ origin: query.to, destination: query.from, date: query.return }];
  return {
    marker,
    host: settings.HOST,
    user_ip: query.traveller.ip ?? '',
    locale: localeOf(query.traveller.locale),
    trip_class: 'Y',
    passengers: { adults: query.adults, children: query.children, infants: 0 },
    segments: [there, ...back],
    currency: query.currencyCode,
  };
}

/** The vendor's seven; English for everybody else. */
export function localeOf(locale: string): string {
  const wanted = locale.toLowerCase().replace('_', '-');
  const language = wanted.split('-', 1)[0] ?? '';
  return LOCALES.find((one) => one === wanted) ?? LOCALES.find((one) => one === language) ?? 'en-us';
}

/** The rouble is what the others are told in. */
function rateOf(rates: Readonly<Record<string, unknown>>, currencyCode: string): Decimal | null {
  const name = currencyCode.toLowerCase();
  const written = Object.hasOwn(rates, name) ? rates[name] : name === 'rub' ? '1' : null;
  const rate = typeof written === 'string' ? readDecimal(written) : null;
  return rate !== null && rate.mantissa > 0n ? rate : null;
}

interface Polled {
  readonly collected: Collected;
  /** Null where the search is over. */
  readonly reason: string | null;
}

/** A search that has answered at all stands as far as it came; one that never did is the failure it met. */
async function poll(
  exchange: Exchange,
  account: Account,
  searchId: string,
  call: OutboundCall,
  budget: { next(): OutboundCall; readonly isOver: boolean },
): Promise<Outcome<Polled>> {
  let collected = NOTHING_COLLECTED;
  let failure: Exclude<Outcome<never>, { kind: 'done' }> | null = null;
  let [answers, failedInARow] = [0, 0];
  const { POLL_FIRST_MS, POLL_NEXT_MS } = account.settings;
  for (let polls = 0; polls < POLLS_MAX; polls++) {
    const wait = polls === 0 ? POLL_FIRST_MS : POLL_NEXT_MS;
    // Whoever could only be answered too late does not wait for it.
    if (budget.isOver || wait >= budget.next().timeoutMs) break;
    await exchange.pause(wait, call.signal);
    if (budget.isOver || call.signal?.aborted) break;
    const answered = await pollOnce(exchange, account, searchId, budget.next());
    if (answered.kind === 'done') {
      collected = collect(collected, answered.value, searchId);
      if (collected.isOver) return { kind: 'done', value: { collected, reason: null } };
      [answers, failedInARow, failure] = [answers + 1, 0, null];
      continue;
    }
    failure = answered;
    const isPassing = answered.kind === 'notDone' && answered.reason === 'unavailable';
    if (!isPassing || ++failedInARow >= FAILED_POLLS_MAX) break;
  }
  if (answers === 0 && failure !== null) return failure;
  const reason = `the search had not ended: ${failure === null ? 'its time was over' : failure.detail}`;
  return { kind: 'done', value: { collected, reason } };
}

const Elements = z.array(z.unknown());
/** The last answer is told of as an object of its own, too. */
const LastElement = z.strictObject({ search_id: z.string() });

function pollOnce(
  exchange: Exchange,
  account: Account,
  searchId: string,
  call: OutboundCall,
): Promise<Outcome<readonly unknown[]>> {
  return askVendor(exchange, {
    account,
    call,
    method: '/v1/flight_search_results',
    path: '/v1/flight_search_results',
    query: { uuid: searchId },
    withToken: false,
    timeoutMsMax: POLL_MS_MAX,
    bytesMax: RESULTS_BYTES_MAX,
    effect: false,
    notFound: 'the vendor does not know the search any more',
    read: (text) => {
      const elements = readJson(Elements, text);
      if (elements !== null) return { kind: 'done', value: elements };
      const last = readJson(LastElement, text);
      return last === null ? null : { kind: 'done', value: [last] };
    },
  });
}
