import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createOutbound } from '../../src/integrations/http.ts';
import type { LodgingClient, ProviderConnection } from '../../src/integrations/travel.ts';
import {
  CALL,
  ORION,
  TRAVELLER,
  available,
  bookInput,
  clientOf,
  connectionTo,
  done,
  inDays,
  offerOf,
  query,
  startBooking,
  type Booking,
} from '../helpers/booking.ts';

const outbound = createOutbound();
let booking: Booking;
let connection: ProviderConnection;
let client: LodgingClient;

beforeAll(async () => {
  booking = await startBooking();
  connection = connectionTo(booking.baseUrl);
});
afterAll(async () => {
  await booking.stop();
  outbound.close();
});
beforeEach(async () => {
  client = clientOf(outbound.send);
  await booking.register();
  await booking.scenario([], `orders ${expect.getState().currentTestName}`);
});

async function checked() {
  const { offers } = done(await client.searchStays(connection, query(), CALL));
  return available(done(await client.check(connection, offerOf(offers, ORION).token, TRAVELLER, CALL)));
}

async function booked(changes: Partial<Parameters<typeof bookInput>[1]> = {}) {
  const attemptedAt = new Date();
  const input = bookInput(await checked(), changes);
  const result = done(await client.book(connection, input, CALL));
  if (result.state !== 'CONFIRMED') throw new Error(`the booking is ${result.state}`);
  const { reference, contactEmail, traveller } = input;
  const ids = { providerReference: result.providerReference, keys: result.keys };
  return { reference, contactEmail, traveller, attemptedAt, ids };
}

describe('what became of an order', () => {
  test.each([
    ['stay', 'COMPLETED'],
    ['noShow', 'NO_SHOW'],
    ['cancelByProperty', 'CANCELLED'],
    ['cancelAll', 'CANCELLED'],
  ])('after %s it is %s, with its ids or without', async (action, state) => {
    const order = await booked();
    await booking.press((await booking.orders())[0]!, action);
    expect(done(await client.lookUp(connection, order, CALL)).state).toBe(state);
    expect(done(await client.lookUp(connection, { ...order, ids: null }, CALL)).state).toBe(state);
    const outcome = await client.cancel(connection, { ...order, reason: 'x' }, CALL);
    if (state === 'CANCELLED') expect(done(outcome)).toMatchObject({ state });
    else expect(outcome).toMatchObject({ kind: 'notDone', reason: 'rejected' });
  });

  test('an order that shows late is not found until it shows', async () => {
    let late = 0;
    const own = await startBooking({ now: () => new Date(Date.now() + late) });
    try {
      await own.register({ visibleAfterMs: 120_000 });
      const there = connectionTo(own.baseUrl);
      const { offers } = done(await client.searchStays(there, query(), CALL));
      const checked = done(await client.check(there, offerOf(offers, ORION).token, TRAVELLER, CALL));
      const input = bookInput(checked);
      const { reference, contactEmail } = input;
      const order = { reference, contactEmail, traveller: TRAVELLER, attemptedAt: new Date(), ids: null };
      done(await client.book(there, input, CALL));
      expect(done(await client.lookUp(there, order, CALL))).toEqual({ state: 'NOT_FOUND', ids: null });
      late = 121_000;
      expect(done(await client.lookUp(there, order, CALL)).state).toBe('CONFIRMED');
      expect(client.visibleAfterMs).toBeGreaterThan(121_000);
    } finally {
      await own.stop();
    }
  });

  test("somebody else's order is not ours; of one without a label and with the customer's address nothing is said", async () => {
    const order = await booked({ reference: 'PTL-OTHER' });
    const mine = { ...order, ids: null, reference: 'PTL-MINE' };
    expect(done(await client.lookUp(connection, mine, CALL))).toEqual({ state: 'NOT_FOUND', ids: null });
    await booking.register({ keepsLabels: false });
    const unlabelled = await booked({ reference: 'PTL-LOST', contactEmail: 'Omar@example.com' });
    const looked = { ...unlabelled, ids: null, contactEmail: 'omar@EXAMPLE.com' };
    expect(await client.lookUp(connection, looked, CALL)).toMatchObject({ kind: 'notDone', reason: 'unavailable' });
    const other = { ...looked, contactEmail: 'else@example.com' };
    expect(done(await client.lookUp(connection, other, CALL)).state).toBe('NOT_FOUND');
    // Its own ids are all it takes; and once it is cancelled it stands in nobody's way.
    expect(done(await client.lookUp(connection, unlabelled, CALL)).state).toBe('CONFIRMED');
    done(await client.cancel(connection, { ...unlabelled, reason: 'x' }, CALL));
    expect(done(await client.lookUp(connection, looked, CALL)).state).toBe('NOT_FOUND');
  });

  test('is found among the others made at the same time, page by page', async () => {
    await booking.register({ roomsPerType: 1_000, rowsMax: 10 });
    const made = [];
    for (let nth = 0; nth < 25; nth++) made.push(await booked({ reference: `PTL-MANY-${nth}` }));
    const last = { ...made.at(-1)!, ids: null };
    expect(done(await client.lookUp(connection, last, CALL))).toEqual({ state: 'CONFIRMED', ids: made.at(-1)!.ids });
    const none = { ...last, reference: 'PTL-NONE' };
    expect(done(await client.lookUp(connection, none, CALL)).state).toBe('NOT_FOUND');
  });

  test('one token makes one order: the second try is unknown, and the first order is found', async () => {
    const input = bookInput(await checked());
    done(await client.book(connection, input, CALL));
    expect(await client.book(connection, input, CALL)).toMatchObject({ kind: 'unknown' });
    expect(await booking.orders()).toHaveLength(1);
  });

  test('cancelled by somebody else between the look and the call is cancelled all the same', async () => {
    const order = await booked();
    let calls = 0;
    const racing = clientOf(async (request, call) => {
      if (request.url.endsWith('/orders/cancel')) {
        calls++;
        await booking.press((await booking.orders())[0]!, 'cancelByProperty');
      }
      return outbound.send(request, call);
    });
    expect(done(await racing.cancel(connection, { ...order, reason: 'x' }, CALL))).toMatchObject({
      state: 'CANCELLED',
    });
    expect(calls).toBe(1);
  });

  test('a stay that has begun cannot be cancelled, and says so', async () => {
    let later = 0;
    const own = await startBooking({ now: () => new Date(Date.now() + later) });
    try {
      await own.register();
      const there = connectionTo(own.baseUrl);
      const { offers } = done(
        await client.searchStays(there, query({ checkIn: inDays(1), checkOut: inDays(3) }), CALL),
      );
      const checked = available(done(await client.check(there, offerOf(offers, ORION).token, TRAVELLER, CALL)));
      expect(checked.refundable).toBe(false);
      const input = bookInput(checked);
      const result = done(await client.book(there, input, CALL));
      if (result.state !== 'CONFIRMED') throw new Error(result.state);
      const { reference, contactEmail } = input;
      const ids = { providerReference: result.providerReference, keys: result.keys };
      later = 3 * 86_400_000;
      const order = { reference, contactEmail, traveller: TRAVELLER, attemptedAt: new Date(), ids, reason: 'Late' };
      expect(await client.cancel(there, order, CALL)).toMatchObject({ kind: 'notDone', reason: 'rejected' });
      expect((await own.orders())[0]).toMatchObject({ status: 'booked' });
    } finally {
      await own.stop();
    }
  });

  test('a token that ended at the vendor is EXPIRED, whatever our own clock says', async () => {
    let later = 0;
    const own = await startBooking({ now: () => new Date(Date.now() + later) });
    try {
      await own.register();
      const there = connectionTo(own.baseUrl);
      const { offers } = done(await client.searchStays(there, query(), CALL));
      const checked = done(await client.check(there, offerOf(offers, ORION).token, TRAVELLER, CALL));
      later = 15 * 60_000 + 1;
      expect(done(await client.book(there, bookInput(checked), CALL))).toEqual({ state: 'EXPIRED' });
      expect(await own.orders()).toEqual([]);
    } finally {
      await own.stop();
    }
  });
});
