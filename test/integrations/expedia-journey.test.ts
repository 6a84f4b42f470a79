import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { EXPEDIA } from '../../src/integrations/expedia/description.ts';
import { createOutbound } from '../../src/integrations/http.ts';
import type { LodgingClient, ProviderConnection } from '../../src/integrations/travel.ts';
import {
  CREDENTIALS,
  TRAVELLER,
  bookInput,
  bookedInput,
  checkedOffer,
  connectionTo,
  done,
  expediaClient,
  made,
  startExpedia,
  type Expedia,
} from '../helpers/expedia.ts';
import { startReceiver, type Received } from '../helpers/sandbox.ts';

const CALL = { timeoutMs: 10_000 };
const outbound = createOutbound();
let expedia: Expedia;
let receiver: Awaited<ReturnType<typeof startReceiver>>;
let connection: ProviderConnection;
let client: LodgingClient;

beforeAll(async () => {
  expedia = await startExpedia();
  receiver = await startReceiver();
  connection = connectionTo(expedia.apiUrl);
});
afterAll(async () => {
  await expedia.stop();
  await receiver.close();
  outbound.close();
});
beforeEach(async () => {
  client = expediaClient(outbound.send);
  await expedia.register();
  // The books are empty, and the vendor's clock goes on by one second with each call: nothing here waits for time.
  await expedia.scenario([], `journey ${expect.getState().currentTestName}`.slice(0, 200));
  receiver.received.length = 0;
});

async function lookedUp(...[input, ids]: Parameters<typeof bookedInput>) {
  return done(await client.lookUp(connection, bookedInput(input, ids), CALL));
}

describe('a booking', () => {
  test('is searched, checked, booked, looked up by id and by reference, and cancelled with its refund', async () => {
    const { offer, checked } = await checkedOffer(client, connection);
    expect(checked).toMatchObject({ state: 'AVAILABLE', totalMinor: offer.totalMinor, refundable: true });
    expect(checked.expiresAt!.getTime()).toBeGreaterThan(Date.now());
    expect(checked.cancellationFees).toEqual([
      { from: expect.any(Date), amountMinor: expect.any(BigInt), currencyCode: 'USD' },
    ]);
    const input = bookInput(checked, { specialRequests: 'A quiet room' });
    const result = done(await client.book(connection, input, CALL));
    if (!('providerReference' in result)) throw new Error(result.state);
    expect(result).toMatchObject({ state: 'CONFIRMED', holdExpiresAt: null, keys: null });
    const { bookings } = await expedia.bookings();
    expect(bookings).toMatchObject([{ reference: input.reference, rooms: [{ occupancy: '2', status: 'booked' }] }]);
    for (const ids of [null, result]) {
      expect(await lookedUp(input, ids)).toMatchObject({
        state: 'CONFIRMED',
        ids: { providerReference: result.providerReference },
      });
    }
    const cancelled = await client.cancel(connection, { ...bookedInput(input, result), reason: 'changed plans' }, CALL);
    // All that was paid here, long before the first fee; what the property takes itself was never paid.
    expect(BigInt(bookings[0]!.total.replace('.', ''))).toBe(checked.totalMinor);
    expect(done(cancelled)).toEqual({
      state: 'CANCELLED',
      refundMinor: checked.totalMinor - checked.payAtPropertyMinor!,
      currencyCode: 'USD',
    });
    expect(checked.payAtPropertyMinor).toBe(3_000n);
    expect(await lookedUp(input, result)).toMatchObject({ state: 'CANCELLED' });
  });

  test('of several rooms is cancelled room by room', async () => {
    const rooms = [
      { adults: 2, childAges: [9, 4] },
      { adults: 1, childAges: [] },
      { adults: 2, childAges: [9, 4] },
    ];
    const guests = ['Ana', 'Bo', 'Chi'].map((givenName, room) => ({ givenName, familyName: 'Silva', room }));
    const { input, result } = await made(client, connection, { travellers: { guests } }, { occupancies: rooms });
    const [booking] = (await expedia.bookings()).bookings;
    expect(booking!.rooms.map(({ occupancy }) => occupancy)).toEqual(['2-9,4', '1', '2-9,4']);
    const outcome = await client.cancel(connection, { ...bookedInput(input, result), reason: 'no' }, CALL);
    expect(done(outcome)).toMatchObject({ state: 'CANCELLED', refundMinor: expect.any(BigInt) });
    const after = (await expedia.bookings()).bookings[0]!;
    expect(after.rooms.map(({ status }) => status)).toEqual(['canceled', 'canceled', 'canceled']);
  });

  test('cancelled again is cancelled still, and says nothing of money', async () => {
    const { input, result } = await made(client, connection);
    const booked = { ...bookedInput(input, result), reason: 'no' };
    done(await client.cancel(connection, booked, CALL));
    expect(done(await client.cancel(connection, booked, CALL))).toEqual({
      state: 'CANCELLED',
      refundMinor: null,
      currencyCode: null,
    });
  });

  test('half cancelled stands, and the rest of it can be cancelled', async () => {
    const occupancies = [
      { adults: 2, childAges: [] },
      { adults: 1, childAges: [] },
    ];
    const guests = [0, 1].map((room) => ({ givenName: 'Ana', familyName: 'Silva', room }));
    const { input, result } = await made(client, connection, { travellers: { guests } }, { occupancies });
    const booked = { ...bookedInput(input, result), reason: 'no' };
    await expedia.scenario([{ operation: 'cancelRoom', fault: 'status5xx', nth: 2 }]);
    expect(await client.cancel(connection, booked, CALL)).toMatchObject({
      kind: 'unknown',
      detail: expect.stringContaining('1 of 2 rooms'),
    });
    expect(await lookedUp(input, result)).toMatchObject({ state: 'CONFIRMED' });
    await expedia.scenario([]);
    expect(done(await client.cancel(connection, booked, CALL))).toMatchObject({ state: 'CANCELLED' });
  });

  test('whose room another call cancelled in between is cancelled when it is shown so', async () => {
    const { input, result } = await made(client, connection);
    let isFirst = true;
    client = expediaClient(async (request, call) => {
      if (request.method === 'DELETE' && isFirst) {
        isFirst = false;
        await outbound.send(request, call);
      }
      return outbound.send(request, call);
    });
    const outcome = await client.cancel(connection, { ...bookedInput(input, result), reason: 'no' }, CALL);
    expect(done(outcome)).toMatchObject({ state: 'CANCELLED', refundMinor: null });
  });

  test('under a reference the vendor has is unknown, and is found by that reference: nobody is booked twice', async () => {
    const { input, result } = await made(client, connection);
    const { checked } = await checkedOffer(client, connection);
    const again = { ...bookInput(checked), reference: input.reference };
    expect(await client.book(connection, again, CALL)).toMatchObject({ kind: 'unknown' });
    expect(await lookedUp(again, null)).toMatchObject({ ids: { providerReference: result.providerReference } });
    expect((await expedia.bookings()).bookings).toHaveLength(1);
  });

  test('takes the last room, and nobody gets it again until it is given back', async () => {
    await expedia.register({ roomsEach: 1 });
    const query = { destination: null, propertyIds: ['19251'], offersMax: 2 };
    const { checked: second } = await checkedOffer(client, connection, query);
    const { input, result } = await made(client, connection, {}, query);
    expect(done(await client.book(connection, bookInput(second), CALL))).toEqual({ state: 'SOLD_OUT' });
    const { token } = second;
    expect(done(await client.check(connection, token, TRAVELLER, CALL))).toEqual({ state: 'SOLD_OUT' });
    done(await client.cancel(connection, { ...bookedInput(input, result), reason: 'no' }, CALL));
    expect(done(await client.check(connection, token, TRAVELLER, CALL))).toMatchObject({ state: 'AVAILABLE' });
  });

  test('of a price that changed costs what the check says, after asking', async () => {
    await expedia.register({ priceChangePercent: 10 });
    const { offer, checked } = await checkedOffer(client, connection);
    expect(checked.state).toBe('PRICE_CHANGED');
    expect(checked.totalMinor).toBeGreaterThan(offer.totalMinor);
    const old = bookInput(checked, { totalMinor: offer.totalMinor });
    expect(done(await client.book(connection, old, CALL))).toEqual({ state: 'PRICE_CHANGED' });
    expect((await expedia.bookings()).bookings).toEqual([]);
    expect(done(await client.book(connection, bookInput(checked), CALL))).toMatchObject({ state: 'CONFIRMED' });
    const [booking] = (await expedia.bookings()).bookings;
    expect(BigInt(booking!.total.replace('.', ''))).toBe(checked.totalMinor);
  });

  test.each([
    ['priceChanged', 'PRICE_CHANGED'],
    ['soldOut', 'SOLD_OUT'],
  ])('%s between check and booking books nothing', async (fault, state) => {
    const { checked } = await checkedOffer(client, connection);
    await expedia.scenario([{ operation: 'book', fault }]);
    expect(done(await client.book(connection, bookInput(checked), CALL))).toEqual({ state });
    expect((await expedia.bookings()).bookings).toEqual([]);
  });

  test.each(['wrongAmount', 'wrongCurrency', 'additionalCharges'])(
    'is told of another price though the vendor calls it available (%s)',
    async (fault) => {
      const { offer } = await checkedOffer(client, connection);
      await expedia.scenario([{ operation: 'priceCheck', fault }]);
      const checked = done(await client.check(connection, offer.token, TRAVELLER, CALL));
      expect(checked).toMatchObject({ state: 'PRICE_CHANGED' });
      const now = checked as Extract<typeof checked, { totalMinor: bigint }>;
      expect([now.totalMinor, now.currencyCode]).not.toEqual([offer.totalMinor, offer.currencyCode]);
    },
  );

  test('by a link that is over is not sent, and one the vendor calls over books nothing', async () => {
    await expedia.register({ linkMs: 1_000 });
    const { checked } = await checkedOffer(client, connection);
    let sent = 0;
    const counting = (now: Date) =>
      expediaClient((request, call) => (sent++, outbound.send(request, call)), { now: () => now });
    const after = new Date(checked.expiresAt!.getTime());
    expect(done(await counting(after).book(connection, bookInput(checked), CALL))).toEqual({ state: 'EXPIRED' });
    expect(sent).toBe(0);
    expect(done(await client.book(connection, bookInput(checked), CALL))).toEqual({ state: 'EXPIRED' });
    const token = {
      ...(checked.token as Record<string, never>),
      book: { href: '/expedia/v3/itineraries?token=x', expires: null },
    };
    const late = bookInput({ ...checked, token });
    expect(done(await client.book(connection, late, CALL))).toEqual({ state: 'EXPIRED' });
    // A new check of the same offer helps.
    await expedia.register();
    const again = done(await client.check(connection, checked.token, TRAVELLER, CALL));
    expect(again).toMatchObject({ state: 'AVAILABLE' });
  });

  test('that is shown late is pending, and found when it is shown', async () => {
    await expedia.register({ visibleAfterMs: 5_000 });
    const { input, result } = await made(client, connection);
    expect(result.state).toBe('PENDING');
    for (const ids of [null, result]) expect(await lookedUp(input, ids)).toMatchObject({ state: 'NOT_FOUND' });
    const cancelling = { ...bookedInput(input, result), reason: 'no' };
    expect(await client.cancel(connection, cancelling, CALL)).toMatchObject({ reason: 'unavailable' });
    for (const ids of [null, result]) expect(await lookedUp(input, ids)).toMatchObject({ state: 'CONFIRMED' });
  });

  test('that is shown with its id alone is there: pending, and adopted', async () => {
    await expedia.register({ visibleAfterMs: 60_000, hiddenAs: 'stub' });
    const { input, result } = await made(client, connection);
    for (const ids of [null, result]) {
      expect(await lookedUp(input, ids)).toMatchObject({
        state: 'PENDING',
        ids: { providerReference: result.providerReference },
      });
    }
  });

  test('whose property takes its time is pending until it confirms, or cancels', async () => {
    await expedia.register({ confirmAfterMs: 3_000 });
    const { input, result } = await made(client, connection);
    expect(result.state).toBe('PENDING');
    expect(await lookedUp(input, result)).toMatchObject({ state: 'PENDING' });
    expect(await lookedUp(input, result)).toMatchObject({ state: 'CONFIRMED' });
    await expedia.register();
    await expedia.scenario([{ operation: 'book', fault: 'droppedFirst', ms: 2_000 }]);
    const second = await made(client, connection);
    expect(second.result.state).toBe('PENDING');
    expect(await lookedUp(second.input, second.result)).toMatchObject({ state: 'CANCELLED' });
  });

  test('that is not there is not found, and cancelling it is refused once it can be believed', async () => {
    const { checked } = await checkedOffer(client, connection);
    const input = bookInput(checked);
    expect(await lookedUp(input, null)).toEqual({ state: 'NOT_FOUND', ids: null });
    const ids = { providerReference: '8000000000000', keys: null };
    const attemptedAt = new Date(Date.now() - 11 * 60_000);
    const booked = { ...bookedInput(input, ids), reason: 'no', attemptedAt };
    expect(await client.cancel(connection, booked, CALL)).toMatchObject({ reason: 'rejected' });
    expect(await client.confirm(connection, booked, CALL)).toMatchObject({ reason: 'rejected' });
  });

  test('cancelled with an answer that says nothing is requested, until it is shown', async () => {
    await expedia.register({ cancels: 'unsure', unsureMs: 2_000 });
    const { input, result } = await made(client, connection);
    const outcome = await client.cancel(connection, { ...bookedInput(input, result), reason: 'no' }, CALL);
    expect(done(outcome)).toMatchObject({ state: 'REQUESTED' });
    expect(await lookedUp(input, result)).toMatchObject({ state: 'CONFIRMED' });
    expect(await lookedUp(input, result)).toMatchObject({ state: 'CANCELLED' });
  });
});

describe('a hold', () => {
  const held = () => made(client, connection, { hold: true });

  test('keeps the room unpaid, is confirmed by its link, and then is a booking', async () => {
    const { input, result } = await held();
    expect(result).toMatchObject({ state: 'HELD', holdExpiresAt: null, keys: { resume: expect.any(String) } });
    expect(await lookedUp(input, result)).toMatchObject({ state: 'HELD' });
    const confirmed = done(await client.confirm(connection, bookedInput(input, result), CALL));
    expect(confirmed).toMatchObject({ state: 'CONFIRMED', providerReference: result.providerReference });
    expect(await lookedUp(input, result)).toMatchObject({ state: 'CONFIRMED' });
  });

  test('lapses when the account says so, and the time is told', async () => {
    const before = Date.now();
    const hourly = { ...connection, settings: { HOLD_MINUTES: '60' } };
    const { result } = await made(client, hourly, { hold: true });
    expect(result.holdExpiresAt!.getTime() - before).toBeGreaterThanOrEqual(3_600_000);
    expect(result.holdExpiresAt!.getTime() - before).toBeLessThan(3_660_000);
  });

  test('is confirmed by its kept link though it is not shown yet', async () => {
    await expedia.register({ visibleAfterMs: 60_000 });
    const { input, result } = await held();
    expect(done(await client.confirm(connection, bookedInput(input, result), CALL))).toMatchObject({
      state: 'PENDING',
    });
    await expedia.register();
    expect((await expedia.bookings()).bookings[0]!.isHeld).toBe(false);
  });

  test('without its link is read first; not shown yet, it can be tried later', async () => {
    const { input, result } = await held();
    const booked = bookedInput(input, { providerReference: result.providerReference, keys: null });
    expect(done(await client.confirm(connection, booked, CALL))).toMatchObject({ state: 'CONFIRMED' });
    await expedia.register({ visibleAfterMs: 60_000 });
    const late = await held();
    const blind = bookedInput(late.input, { providerReference: late.result.providerReference, keys: null });
    expect(await client.confirm(connection, blind, CALL)).toMatchObject({ reason: 'unavailable' });
  });

  test('confirmed twice is confirmed: a lost answer is no hold that is gone', async () => {
    const { input, result } = await held();
    await expedia.scenario([{ operation: 'resume', fault: 'resetAfter', nth: 1 }]);
    expect(await client.confirm(connection, bookedInput(input, result), CALL)).toMatchObject({ kind: 'unknown' });
    expect(done(await client.confirm(connection, bookedInput(input, result), CALL))).toMatchObject({
      state: 'CONFIRMED',
    });
  });

  test('by a link that is old is confirmed by a new one', async () => {
    const { input, result } = await held();
    const keys = { resume: `/expedia/v3/itineraries/${result.providerReference}?token=old`, cancel: null };
    const booked = bookedInput(input, { ...result, keys });
    expect(done(await client.confirm(connection, booked, CALL))).toMatchObject({ state: 'CONFIRMED' });
  });

  test('that the vendor took without knowing is pending, and looked up later', async () => {
    await expedia.register({ resumes: 'unsure', unsureMs: 2_000 });
    const { input, result } = await held();
    expect(done(await client.confirm(connection, bookedInput(input, result), CALL))).toMatchObject({
      state: 'PENDING',
    });
    expect(await lookedUp(input, result)).toMatchObject({ state: 'HELD' });
    expect(await lookedUp(input, result)).toMatchObject({ state: 'CONFIRMED' });
    await expedia.register({ resumes: 'lost' });
    const other = await held();
    done(await client.confirm(connection, bookedInput(other.input, other.result), CALL));
    expect(await lookedUp(other.input, other.result)).toMatchObject({ state: 'HELD' });
  });

  test.each(['canceled', 'gone'])('that lapsed is gone (%s), and its room is free again', async (lapsedAs) => {
    await expedia.register({ holdMs: 2_000, roomsEach: 1, lapsedAs });
    const query = { destination: null, propertyIds: ['19252'], offersMax: 6 };
    const { input, result } = await made(client, connection, { hold: true }, query);
    expect(await lookedUp(input, result)).toMatchObject({ state: 'HELD' });
    const state = lapsedAs === 'gone' ? 'NOT_FOUND' : 'CANCELLED';
    expect(await lookedUp(input, result)).toMatchObject({ state });
    const attemptedAt = new Date(Date.now() - 11 * 60_000);
    const outcome = await client.confirm(connection, { ...bookedInput(input, result), attemptedAt }, CALL);
    expect(outcome).toMatchObject({ kind: 'notDone', reason: 'rejected' });
    await made(client, connection, {}, query);
  });

  test('is dropped by one call, rooms and all', async () => {
    const { input, result } = await held();
    const calls: string[] = [];
    client = expediaClient((request, call) => {
      calls.push(request.method);
      return outbound.send(request, call);
    });
    const outcome = await client.cancel(connection, { ...bookedInput(input, result), reason: 'unpaid' }, CALL);
    expect(done(outcome)).toMatchObject({ state: 'CANCELLED', refundMinor: null });
    expect(calls).toEqual(['GET', 'DELETE']);
    expect(await lookedUp(input, result)).toMatchObject({ state: 'CANCELLED' });
    expect(await client.confirm(connection, bookedInput(input, result), CALL)).toMatchObject({ reason: 'rejected' });
  });
});

describe('notifications', () => {
  const noticeOf = (delivery: Received, query = `key=${CREDENTIALS.NOTIFICATION_SECRET}`) =>
    client.readNotice!(connection, { headers: delivery.headers, body: delivery.body, query });

  beforeEach(() => expedia.register({ notificationUrl: `${receiver.url}?key=${CREDENTIALS.NOTIFICATION_SECRET}` }));

  test('tell of a cancellation behind our back, and the look-up says the same', async () => {
    const { input, result } = await made(client, connection);
    await expedia.desk(result.providerReference, 'supplierCancel');
    const [delivery] = await receiver.count(1);
    expect(noticeOf(delivery!)).toMatchObject({
      verdict: 'OK',
      notice: {
        eventType: 'itinerary.supplier.cancel',
        providerReference: result.providerReference,
        reference: input.reference,
        claims: 'CANCELLED',
      },
    });
    expect(await lookedUp(input, result)).toMatchObject({ state: 'CANCELLED' });
  });

  test.each([
    ['agentChange', null],
    ['message', null],
    ['supplierConfirm', 'CONFIRMED'],
    ['fraudCancel', 'CANCELLED'],
  ])('of %s claim %s', async (action, claims) => {
    const { result } = await made(client, connection);
    await expedia.desk(result.providerReference, action);
    const [delivery] = await receiver.count(1);
    expect(noticeOf(delivery!)).toMatchObject({ verdict: 'OK', notice: { claims } });
  });

  test('that come three times are one event, late ones come all the same, lost ones never', async () => {
    const { result } = await made(client, connection);
    await expedia.scenario([
      { operation: 'agentChange', fault: 'duplicateWebhook' },
      { operation: 'supplierCancel', fault: 'lateWebhook', ms: 50 },
      { operation: 'message', fault: 'lostWebhook' },
    ]);
    await expedia.desk(result.providerReference, 'agentChange');
    const ids = (await receiver.count(3)).map((delivery) => {
      const reading = noticeOf(delivery);
      return reading.verdict === 'OK' ? reading.notice.eventId : reading.verdict;
    });
    expect(new Set(ids).size).toBe(1);
    await expedia.desk(result.providerReference, 'message');
    await expedia.desk(result.providerReference, 'supplierCancel');
    expect(noticeOf((await receiver.count(4))[3]!)).toMatchObject({ notice: { claims: 'CANCELLED' } });
  });

  test('of a stranger are refused', async () => {
    const { result } = await made(client, connection);
    await expedia.desk(result.providerReference, 'supplierCancel');
    const [delivery] = await receiver.count(1);
    for (const query of ['key=a-guess-of-a-stranger', 'key=', '', 'other=1']) {
      expect(noticeOf(delivery!, query)).toMatchObject({ verdict: 'BAD_SIGNATURE' });
    }
  });
});

describe('the connection', () => {
  test('is proven by a call that costs nothing', async () => {
    const urls: string[] = [];
    client = expediaClient((request, call) => {
      urls.push(`${request.method} ${request.url}`);
      return outbound.send(request, call);
    });
    expect(await client.probe(connection, CALL)).toEqual({ kind: 'done', value: null });
    expect(urls).toEqual([
      `GET ${expedia.apiUrl}/regions?language=en-US&include=standard&iata_location_code=SEA&limit=1`,
    ]);
  });

  test('is not fit for production before it can book: without a billing address it is not proven', async () => {
    const production = { ...connection, mode: 'PRODUCTION' } as const;
    expect(await client.probe(production, CALL)).toMatchObject({ kind: 'notDone', reason: 'misconfigured' });
    const settings = { BILLING_COUNTRY: 'EG', BILLING_CITY: 'Cairo', BILLING_LINE_1: '1 Nile Street' };
    expect(await client.probe({ ...production, settings }, CALL)).toMatchObject({ kind: 'done' });
  });

  test('declares what it needs and where it lives', () => {
    expect(EXPEDIA).toMatchObject({ slug: 'expedia', vertical: 'LODGING', priority: 10, simulatorPath: '/expedia/v3' });
    expect(EXPEDIA.credentials.filter((one) => one.required).map((one) => one.environmentVariable)).toEqual([
      'EXPEDIA_API_KEY',
      'EXPEDIA_SECRET',
    ]);
    for (const url of Object.values(EXPEDIA.baseUrls)) expect(URL.parse(url)?.protocol).toBe('https:');
    expect(client).toMatchObject({ recovery: 'byReference', holds: true });
    expect(new Set(EXPEDIA.settings.map((one) => one.name)).size).toBe(EXPEDIA.settings.length);
  });
});
