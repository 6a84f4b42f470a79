import { notDone } from '../outcome.ts';
import { createRateWatch } from '../rate-watch.ts';
import type { LodgingClient, ProviderClientOptions } from '../travel.ts';
import { book } from './book.ts';
import { cancel } from './cancel.ts';
import { check } from './check.ts';
import { RATE_LIMIT_PAUSE_MS, askDemand } from './exchange.ts';
import { VISIBLE_AFTER_MS, lookUp } from './look-up.ts';
import { searchStays } from './search.ts';
import { CardsAnswer } from './wire.ts';

/**
 * Booking.com Demand API 3.2 (travel-providers.md section 2). After a 429 the account is left alone for the minute it is
 * blocked: calls in between would be refused, and the vendor names no time by which anybody else could tell.
 */
export function createBookingClient(provided: ProviderClientOptions): LodgingClient {
  const send = createRateWatch(provided.clock, RATE_LIMIT_PAUSE_MS).watch(provided.send);
  const options = { ...provided, send };
  return {
    recovery: 'bySearch',
    holds: false,
    visibleAfterMs: VISIBLE_AFTER_MS,
    // A short list that needs both the token and the affiliate (2.9).
    probe: (connection, call) =>
      askDemand(options, {
        connection,
        call,
        path: '/common/payments/cards',
        body: {},
        effect: false,
        shape: CardsAnswer,
        convert: () => ({ kind: 'done', value: null }),
      }),
    searchStays: (connection, query, call) => searchStays(options, connection, query, call),
    check: (connection, offer, _traveller, call) => check(options, connection, offer, call),
    book: (connection, input, call) => book(options, connection, input, call),
    confirm: async () => notDone('rejected', 'the vendor holds nothing that could be confirmed'),
    lookUp: (connection, booked, call) => lookUp(options, connection, booked, call),
    cancel: (connection, booked, call) => cancel(options, connection, booked, call),
  };
}
