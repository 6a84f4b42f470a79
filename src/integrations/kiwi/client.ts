import { setTimeout as wait } from 'node:timers/promises';
import { Temporal } from 'temporal-polyfill';
import type { OutboundCall, OutboundResponse, Outcome } from '../contract.ts';
import { readAnswer } from '../json.ts';
import { notDone } from '../outcome.ts';
import type {
  FlightBookingClient,
  FlightQuery,
  Found,
  FoundFlight,
  ProviderClientOptions,
  ProviderConnection,
} from '../travel.ts';
import { book, confirm } from './book.ts';
import { check } from './check.ts';
import { askKiwi, type KiwiOptions } from './exchange.ts';
import { toFound, toSearchQuery, vendorDate } from './map.ts';
import { readNotice } from './notice.ts';
import { numberSetting, textSetting } from './settings.ts';
import { Locations, SearchAnswer } from './wire.ts';

/** Fifty itineraries with their routes are half a megabyte, and several flights a day make more of it. */
const SEARCH_BYTES_MAX = 4 * 1_048_576;

export interface KiwiClientOptions extends Pick<ProviderClientOptions, 'send' | 'clock'> {
  /** How a check waits between its polls; absent: by a timer. */
  readonly pause?: KiwiOptions['pause'];
}

/** Kiwi.com Tequila, version 2 (travel-providers.md section 3): flights booked against the partner's deposit. */
export function createKiwiClient({ send, clock, pause }: KiwiClientOptions): FlightBookingClient {
  const options: KiwiOptions = {
    send,
    clock,
    pause: pause ?? ((ms, signal) => wait(ms, undefined, signal && { signal })),
  };
  return {
    // No call tells of a booking, and none takes a reference of ours.
    recovery: 'none',
    holds: true,
    visibleAfterMs: 0,
    probe: (connection, call) => probe(options, connection, call),
    searchFlights: (connection, query, call) => searchFlights(options, connection, query, call),
    check: (connection, offer, _traveller, call) => check(options, connection, offer, call),
    book: (connection, input, call) => book(options, connection, input, call),
    confirm: (connection, booked, call) => confirm(options, connection, booked.ids, call),
    lookUp: async () => notDone('rejected', 'the vendor can not be asked'),
    // No call of the confirmed ones cancels: people ask for it, and a webhook tells of it (travel-providers.md 3.10).
    cancel: async () => ({ kind: 'done', value: { state: 'REQUESTED', refundMinor: null, currencyCode: null } }),
    readNotice,
  };
}

async function searchFlights(
  options: KiwiOptions,
  connection: ProviderConnection,
  query: FlightQuery,
  call: OutboundCall,
): Promise<Outcome<Found<FoundFlight>>> {
  const asked = toSearchQuery(query);
  if ('refused' in asked) return notDone('rejected', asked.refused);
  const minutes = numberSetting(connection, 'OFFER_MINUTES', 100_000);
  // From before it was asked: a token is never believed to live longer than it does.
  const expiresAt = new Date(options.clock.now().getTime() + minutes * 60_000);
  const read = (response: OutboundResponse): Outcome<Found<FoundFlight>> | null => {
    const answer = response.status === 200 ? readAnswer(SearchAnswer, response.body, 'written') : null;
    if (answer === null) return null;
    const found = toFound(answer, query, expiresAt);
    return found === null
      ? notDone('unavailable', 'the prices are in another currency')
      : { kind: 'done', value: found };
  };
  const bounded = { ...call, maxBytes: call.maxBytes ?? SEARCH_BYTES_MAX };
  return askKiwi(options, { connection, call: bounded, path: '/v2/search', query: asked, effect: false, read });
}

const PROBE_DAYS = 30;

async function probe(options: KiwiOptions, connection: ProviderConnection, call: OutboundCall): Promise<Outcome<null>> {
  const isStrict = textSetting(connection, 'PROBE') === 'search';
  const places = new URLSearchParams({ term: 'PRG', location_types: 'airport', limit: '1' });
  const asked = isStrict
    ? { path: '/v2/search', query: probingSearch(options), shape: SearchAnswer }
    : { path: '/locations/query', query: places, shape: Locations };
  const read = (response: OutboundResponse): Outcome<null> | null => {
    const isAnswer = response.status === 200 && readAnswer<unknown>(asked.shape, response.body, 'written') !== null;
    return isAnswer ? { kind: 'done', value: null } : null;
  };
  return askKiwi(options, { connection, call, path: asked.path, query: asked.query, effect: false, read });
}

function probingSearch({ clock }: KiwiOptions): URLSearchParams {
  const today = Temporal.Instant.fromEpochMilliseconds(clock.now().getTime()).toZonedDateTimeISO('UTC').toPlainDate();
  const day = vendorDate(today.add({ days: PROBE_DAYS }).toString()) ?? '';
  const route = { fly_from: 'airport:PRG', fly_to: 'city:LON', date_from: day, date_to: day };
  return new URLSearchParams({ ...route, adults: '1', curr: 'EUR', limit: '1' });
}
