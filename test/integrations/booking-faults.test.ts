import { inspect } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Outcome } from '../../src/integrations/contract.ts';
import { createOutbound } from '../../src/integrations/http.ts';
import type {
  BookedInput,
  LodgingClient,
  ProviderBookingIds,
  ProviderConnection,
} from '../../src/integrations/travel.ts';
import {
  CALL,
  CREDENTIALS,
  ORION,
  TRAVELLER,
  available,
  bookInput,
  clientOf,
  connectionTo,
  done,
  offerOf,
  query,
  startBooking,
  type Booking,
} from '../helpers/booking.ts';
import { UNDER_FAULT } from './conformance.ts';

const outbound = createOutbound();
let booking: Booking;
let connection: ProviderConnection;

/** Fresh: after a 429 a client leaves the account alone for a minute. */
const fresh = (): LodgingClient => clientOf(outbound.send);

beforeAll(async () => {
  booking = await startBooking();
  connection = connectionTo(booking.baseUrl);
});
afterAll(async () => {
  await booking.stop();
  outbound.close();
});
beforeEach(async () => {
  await booking.register();
  await booking.scenario([], `faults ${expect.getState().currentTestName}`);
});

/** Long enough for a loaded machine, short enough to wait for a call that hangs. */
const callFor = (fault: string) => ({ timeoutMs: fault.startsWith('hang') ? 600 : 5_000 });

async function checked() {
  const { offers } = done(await fresh().searchStays(connection, query(), CALL));
  return available(done(await fresh().check(connection, offerOf(offers, ORION).token, TRAVELLER, CALL)));
}

type Known = BookedInput & { readonly ids: ProviderBookingIds };

async function booked(): Promise<Known> {
  const attemptedAt = new Date();
  const input = bookInput(await checked());
  const result = done(await fresh().book(connection, input, CALL));
  if (result.state !== 'CONFIRMED') throw new Error(result.state);
  const { reference, contactEmail, traveller } = input;
  return {
    reference,
    contactEmail,
    traveller,
    attemptedAt,
    ids: { providerReference: result.providerReference, keys: result.keys },
  };
}

function endOf(outcome: Outcome<unknown>): string {
  return outcome.kind === 'notDone' ? outcome.reason : outcome.kind;
}

/** A minute, as the vendor blocks an account for, whatever the fault names: it says nothing of it. */
function expectMinute(outcome: Outcome<unknown>, since: number): void {
  if (outcome.kind !== 'notDone' || outcome.reason !== 'rateLimited') return;
  expect(outcome.retryAt!.getTime() - since).toBeGreaterThanOrEqual(60_000);
  expect(outcome.retryAt!.getTime() - since).toBeLessThan(70_000);
}

function expectNoSecret(outcome: Outcome<unknown>): void {
  const shown = inspect(outcome, { depth: null });
  for (const secret of [CREDENTIALS.API_KEY, 'mona@example.com', '+201012345678']) expect(shown).not.toContain(secret);
}

describe.each([
  [
    'searching',
    'search',
    (client: LodgingClient, call: { timeoutMs: number }) => client.searchStays(connection, query(), call),
  ],
  [
    'looking at a property',
    'availability',
    (client: LodgingClient, call: { timeoutMs: number }) =>
      client.searchStays(connection, query({ destination: null, propertyIds: [ORION] }), call),
  ],
  ['probing', 'cards', (client: LodgingClient, call: { timeoutMs: number }) => client.probe(connection, call)],
] as const)('under faults of transport, %s', (_name, operation, run) => {
  test.each(UNDER_FAULT)('%s %j ends as it must', async (fault, facts, ended) => {
    await booking.scenario([{ operation, fault, ...facts }]);
    const since = Date.now();
    const outcome = await run(fresh(), callFor(fault));
    expect(endOf(outcome)).toBe(ended);
    expectMinute(outcome, since);
    expectNoSecret(outcome);
  });
});

describe('under faults of transport, checking', () => {
  test.each(UNDER_FAULT)('%s %j ends as it must', async (fault, facts, ended) => {
    const { token } = await checked();
    await booking.scenario([{ operation: 'preview', fault, ...facts }]);
    const outcome = await fresh().check(connection, token, TRAVELLER, callFor(fault));
    expect(endOf(outcome)).toBe(ended);
    expectNoSecret(outcome);
  });
});

describe('under faults of transport, booking', () => {
  test.each(UNDER_FAULT)(
    '%s %j ends as it must, and looking up tells the truth',
    async (fault, facts, _read, ended) => {
      const input = bookInput(await checked());
      await booking.scenario([{ operation: 'create', fault, ...facts }]);
      const attemptedAt = new Date();
      const since = Date.now();
      const outcome = await fresh().book(connection, input, callFor(fault));
      expect(endOf(outcome)).toBe(ended);
      expectMinute(outcome, since);
      expectNoSecret(outcome);
      const orders = await booking.orders();
      // What is certainly not done is not in the vendor's book; done once is there once.
      if (outcome.kind === 'notDone') expect(orders).toEqual([]);
      if (outcome.kind === 'done') expect(orders).toHaveLength(1);
      const { reference, contactEmail, traveller } = input;
      const looked = await fresh().lookUp(
        connection,
        { reference, contactEmail, traveller, attemptedAt, ids: null },
        CALL,
      );
      expect(done(looked).state).toBe(orders.length === 1 ? 'CONFIRMED' : 'NOT_FOUND');
      if (orders.length === 1) expect(done(looked).ids?.providerReference).toBe(orders[0]!.reservation);
    },
  );
});

describe('under faults of transport, looking up', () => {
  test.each(UNDER_FAULT)(
    '%s %j ends as it must, by ids and by label: never as not found',
    async (fault, facts, ended) => {
      const order = await booked();
      await booking.scenario([{ operation: 'orderDetails', fault, ...facts }]);
      for (const ids of [order.ids, null]) {
        const outcome = await fresh().lookUp(connection, { ...order, ids }, callFor(fault));
        expect(endOf(outcome)).toBe(ended);
        if (outcome.kind === 'done') expect(outcome.value.state).toBe('CONFIRMED');
        expectNoSecret(outcome);
      }
    },
  );
});

describe('under faults of transport, cancelling', () => {
  test.each(UNDER_FAULT)(
    '%s %j of the call ends as it must, and once more ends it',
    async (fault, facts, _read, ended) => {
      const order = { ...(await booked()), reason: 'Traveller changed plans' };
      await booking.scenario([{ operation: 'cancel', fault, ...facts }]);
      const outcome = await fresh().cancel(connection, order, callFor(fault));
      expect(endOf(outcome)).toBe(ended);
      expectNoSecret(outcome);
      const [before] = await booking.orders();
      if (outcome.kind === 'notDone') expect(before!.status).toBe('booked');
      await booking.scenario([]);
      expect(done(await fresh().cancel(connection, order, CALL)).state).toBe('CANCELLED');
      expect((await booking.orders())[0]!.status).toBe('cancelled_by_guest');
    },
  );

  test.each(UNDER_FAULT)('%s %j of the look before changes nothing, and says so', async (fault, facts, ended) => {
    const order = { ...(await booked()), reason: 'x' };
    await booking.scenario([{ operation: 'orderDetails', fault, ...facts }]);
    const outcome = await fresh().cancel(connection, order, callFor(fault));
    expect(endOf(outcome)).toBe(ended);
    expect((await booking.orders())[0]!.status).toBe(outcome.kind === 'done' ? 'cancelled_by_guest' : 'booked');
  });
});

describe('throttled', () => {
  test('an account is left alone for its minute, and others go on', async () => {
    let ahead = 0;
    const turned = (): Date => new Date(Date.now() + ahead);
    const own = await startBooking({ now: turned });
    try {
      await own.register({ callsPerMinute: 2 });
      await own.register({ apiKey: 'bk_test_another', affiliateId: '99', callsPerMinute: 0 }, 'other');
      let sent = 0;
      const client = clientOf(
        (request, call) => {
          sent++;
          return outbound.send(request, call);
        },
        { now: turned },
      );
      const ours = connectionTo(own.baseUrl);
      const theirs = connectionTo(own.baseUrl, { credentials: { API_KEY: 'bk_test_another', AFFILIATE_ID: '99' } });
      expect(endOf(await client.probe(ours, CALL))).toBe('done');
      expect(endOf(await client.probe(ours, CALL))).toBe('done');
      const refused = await client.probe(ours, CALL);
      expect(refused).toMatchObject({ reason: 'rateLimited', retryAt: expect.any(Date) });
      expect(sent).toBe(3);
      ahead = 30_000;
      const held = await client.book(ours, bookInput(await checked()), CALL);
      expect(held).toMatchObject({ kind: 'notDone', reason: 'rateLimited' });
      expect(sent).toBe(3);
      expect(endOf(await client.probe(theirs, CALL))).toBe('done');
      ahead = 61_000;
      expect(endOf(await client.probe(ours, CALL))).toBe('done');
      expect(sent).toBe(5);
    } finally {
      await own.stop();
    }
  });

  test('a search that is throttled on the way says what it found', async () => {
    await booking.register({ rowsMax: 6, callsPerMinute: 2 });
    const asked = query({ destination: 'country:us', offersMax: 200, currencyCode: 'USD' });
    const found = done(await fresh().searchStays(connection, asked, CALL));
    expect(found).toMatchObject({ complete: false, incompleteReason: 'page 3 did not come: too many calls' });
    expect(found.offers).toHaveLength(12);
  });
});

describe('with clocks that are not the same', () => {
  test.each([-90_000, 90_000])(
    'an order is found though ours is %i ms off, at once or before it counts as absent',
    async (skew) => {
      const client = clientOf(outbound.send, { now: () => new Date(Date.now() + skew) });
      const input = bookInput(await checked());
      const attemptedAt = new Date(Date.now() + skew);
      done(await fresh().book(connection, input, CALL));
      const { reference, contactEmail, traveller } = input;
      const order = { reference, contactEmail, traveller, attemptedAt, ids: null };
      const first = done(await client.lookUp(connection, order, CALL)).state;
      expect(first).toBe(skew > 0 ? 'CONFIRMED' : 'NOT_FOUND');
      // As our clock says it when the order would be believed to be absent.
      const later = clientOf(outbound.send, { now: () => new Date(Date.now() + skew + client.visibleAfterMs) });
      expect(done(await later.lookUp(connection, order, CALL)).state).toBe('CONFIRMED');
    },
  );
});

test('nobody listening is unavailable for all that reads and books: nothing was sent', async () => {
  const nowhere = connectionTo('http://127.0.0.1:9');
  const order = { ...(await booked()), reason: 'x' };
  const input = bookInput(await checked());
  for (const outcome of [
    await fresh().probe(nowhere, CALL),
    await fresh().searchStays(nowhere, query(), CALL),
    await fresh().check(nowhere, input.offer, TRAVELLER, CALL),
    await fresh().book(nowhere, input, CALL),
    await fresh().lookUp(nowhere, order, CALL),
    await fresh().cancel(nowhere, order, CALL),
  ]) {
    expect(outcome).toMatchObject({ kind: 'notDone', reason: 'unavailable' });
  }
});
