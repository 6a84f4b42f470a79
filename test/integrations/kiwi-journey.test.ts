import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Outcome } from '../../src/integrations/contract.ts';
import { createOutbound } from '../../src/integrations/http.ts';
import { KIWI } from '../../src/integrations/kiwi/description.ts';
import type {
  BookResult,
  BookedInput,
  CheckedOffer,
  FlightQuery,
  FoundFlight,
  JsonValue,
  ProviderBookingIds,
  ProviderConnection,
} from '../../src/integrations/travel.ts';
import {
  CHILD,
  SETTINGS,
  TEST_TEST,
  TRAVELLER,
  WEBHOOK_SECRET,
  bookInput,
  connectionTo,
  kiwiClient,
  kiwiQuery,
  startKiwi,
} from '../helpers/kiwi.ts';
import { startReceiver, type Received } from '../helpers/sandbox.ts';

const CALL = { timeoutMs: 5_000 };
const outbound = createOutbound();
const client = kiwiClient(outbound.send);

let kiwi: Awaited<ReturnType<typeof startKiwi>>;
let receiver: Awaited<ReturnType<typeof startReceiver>>;
let connection: ProviderConnection;

const SECRET_QUERY = new URLSearchParams({ secret: WEBHOOK_SECRET }).toString();
const register = (more: Record<string, unknown> = {}) =>
  kiwi.register({ webhookUrl: `${receiver.url}?${SECRET_QUERY}`, seats: 9, ...more });

beforeAll(async () => {
  kiwi = await startKiwi();
  receiver = await startReceiver();
  connection = connectionTo(kiwi.baseUrl);
});
afterAll(async () => {
  await kiwi.stop();
  await receiver.close();
  outbound.close();
});
beforeEach(async () => {
  await register();
  await kiwi.scenario([], `journey ${expect.getState().currentTestName}`);
});

function done<T>(outcome: Outcome<T>): T {
  if (outcome.kind !== 'done') throw new Error(`${outcome.kind}: ${outcome.detail}`);
  return outcome.value;
}

async function found(changes: Partial<FlightQuery> = {}): Promise<readonly FoundFlight[]> {
  return done(await client.searchFlights(connection, kiwiQuery(changes), CALL)).offers;
}

const check = async (offer: FoundFlight['token']): Promise<CheckedOffer> =>
  done(await client.check(connection, offer, TRAVELLER, CALL));

type Bookable = Extract<CheckedOffer, { totalMinor: bigint }>;

async function checked(changes: Partial<FlightQuery> = {}): Promise<Bookable> {
  const [first] = await found(changes);
  const offer = await check(first!.token);
  if (!('totalMinor' in offer)) throw new Error(offer.state);
  return offer;
}

function held(result: BookResult): ProviderBookingIds & { holdExpiresAt: Date | null } {
  if (result.state !== 'HELD') throw new Error(result.state);
  return result;
}

const booked = (ids: ProviderBookingIds): BookedInput & { ids: ProviderBookingIds } => ({
  reference: 'PTL-0001-1',
  contactEmail: 'asha@example.com',
  ids,
  attemptedAt: new Date(),
  traveller: TRAVELLER,
});

const noticeOf = ({ headers, body, query }: Received) => client.readNotice!(connection, { headers, body, query });

describe('a flight through the simulated Kiwi.com, over real sockets', () => {
  test('is found, checked, held, paid for, and confirmed by the webhook', async () => {
    const offers = await found();
    expect(offers.length).toBeGreaterThan(1);
    const offer = await check(offers[0]!.token);
    expect(offer).toMatchObject({ state: 'AVAILABLE', totalMinor: offers[0]!.totalMinor, currencyCode: 'EUR' });
    const before = Date.now();
    const ids = held(done(await client.book(connection, bookInput(offer as Bookable), CALL)));
    expect(ids.providerReference).toMatch(/^\d{12}$/);
    expect(ids.holdExpiresAt!.getTime() - before).toBeGreaterThanOrEqual(30 * 60_000);
    expect(ids.holdExpiresAt!.getTime() - before).toBeLessThan(31 * 60_000);
    expect((await kiwi.book()).bookings).toMatchObject([{ state: 'saved', isPaid: false, sandbox: true }]);
    const paid = done(await client.confirm(connection, booked(ids), CALL));
    expect(paid).toEqual({
      state: 'PENDING',
      providerReference: ids.providerReference,
      keys: ids.keys,
      holdExpiresAt: null,
    });
    const deliveries = await receiver.about(ids.providerReference, 2);
    const notices = deliveries.map((delivery) => noticeOf(delivery));
    expect(notices.toSorted((one, other) => JSON.stringify(one).localeCompare(JSON.stringify(other)))).toMatchObject([
      {
        verdict: 'OK',
        notice: { eventType: 'confirmed', claims: 'CONFIRMED', providerReference: ids.providerReference },
      },
      { verdict: 'OK', notice: { eventType: 'received', claims: 'PENDING', reference: null } },
    ]);
    expect(JSON.stringify(ids.keys)).not.toMatch(/asha|Test|12345/);
  });

  test('there and back, for two and a child, in a currency of three decimals', async () => {
    const trip = { return: '2030-03-21', adults: 2, children: 1, currencyCode: 'KWD', from: 'LON', to: 'CAI' };
    const [first] = await found(trip);
    expect(first!.legs[0]).toMatchObject({ direction: 'OUTBOUND', to: expect.any(String) });
    expect(first!.legs.at(-1)).toMatchObject({ direction: 'RETURN' });
    expect(first!.legs[0]!.departureLocal).toMatch(/^2030-03-14T\d\d:\d\d$/);
    const offer = await checked(trip);
    expect(offer).toMatchObject({ state: 'AVAILABLE', currencyCode: 'KWD', totalMinor: first!.totalMinor });
    const passengers = [TEST_TEST, { ...TEST_TEST, givenName: 'Other' }, CHILD];
    const ids = held(done(await client.book(connection, bookInput(offer, { travellers: { passengers } }), CALL)));
    const [entry] = (await kiwi.book()).bookings;
    expect(entry).toMatchObject({ bookingId: Number(ids.providerReference), passengers: 3 });
    expect((offer.token as { euroMinor: string }).euroMinor).toBe(String(Math.round(entry!.totalEuro * 100)));
  });

  test('local times are the clocks of the airports, though a Z stands behind them', async () => {
    const [first] = await found({ from: 'CAI', to: 'DXB' });
    const leg = first!.legs[0]!;
    const shown = new Intl.DateTimeFormat('sv-SE', {
      timeZone: 'Africa/Cairo',
      dateStyle: 'short',
      timeStyle: 'short',
    }).format(leg.departureAt!);
    expect(leg.departureLocal).toBe(shown.replace(' ', 'T'));
    expect(leg.departureAt!.toISOString().slice(0, 16)).not.toBe(leg.departureLocal);
  });

  test('booked without a hold is saved and paid under one budget, and pending with the vendor', async () => {
    const result = done(await client.book(connection, bookInput(await checked(), { hold: false }), CALL));
    expect(result).toMatchObject({ state: 'PENDING', holdExpiresAt: null });
    expect((await kiwi.book()).bookings).toMatchObject([{ isPaid: true }]);
  });

  test('can not be asked about, and is cancelled by people', async () => {
    const ids = held(done(await client.book(connection, bookInput(await checked()), CALL)));
    expect(await client.lookUp(connection, booked(ids), CALL)).toEqual({
      kind: 'notDone',
      reason: 'rejected',
      detail: 'the vendor can not be asked',
    });
    for (const _again of [1, 2]) {
      expect(await client.cancel(connection, { ...booked(ids), reason: 'ill' }, CALL)).toEqual({
        kind: 'done',
        value: { state: 'REQUESTED', refundMinor: null, currencyCode: null },
      });
    }
    await kiwi.backoffice(ids.providerReference, 'cancelled');
    const [delivery] = await receiver.about(ids.providerReference);
    expect(noticeOf(delivery!)).toMatchObject({ notice: { eventType: 'cancelled', claims: 'CANCELLED' } });
  });

  test.each(['sold_out', 'technical_issue', 'security_issue'])('that ends with %s is failed', async (carriers) => {
    await register({ carriers });
    const result = done(await client.book(connection, bookInput(await checked(), { hold: false }), CALL));
    if (result.state !== 'PENDING') throw new Error(result.state);
    const deliveries = await receiver.about(result.providerReference, 2);
    const claims = deliveries.map((delivery) => noticeOf(delivery)).map((one) => 'notice' in one && one.notice.claims);
    expect(new Set(claims)).toEqual(new Set(['FAILED', 'PENDING']));
  });

  test('a probe proves the key, cheaply or strictly', async () => {
    for (const PROBE of ['locations', 'search']) {
      const strict = { ...connection, settings: { ...SETTINGS, PROBE } };
      expect(await client.probe(strict, CALL)).toEqual({ kind: 'done', value: null });
      const stranger = { ...strict, credentials: { API_KEY: 'somebody-else' } };
      expect(await client.probe(stranger, CALL)).toMatchObject({ reason: 'misconfigured' });
    }
  });

  test('nobody flies yesterday, in more than a year, or from a place that is none', async () => {
    expect(await found({ departure: '2029-12-31' })).toEqual([]);
    expect(await found({ departure: '2031-02-01' })).toEqual([]);
    expect(await client.searchFlights(connection, kiwiQuery({ to: 'QQQ' }), CALL)).toMatchObject({
      reason: 'rejected',
      detail: expect.stringContaining('no such location'),
    });
  });

  test('no more offers than wanted, and never more than fifty are asked for', async () => {
    expect(await found({ offersMax: 2 })).toHaveLength(2);
    const wide = await found({ from: 'LON', to: 'NYC', return: '2030-03-20', offersMax: 500 });
    expect(wide).toHaveLength(50);
  });
});

describe('prices', () => {
  test('a price that changed is told with the new one, and booked only when that is agreed to', async () => {
    await register({ checkChange: 7 });
    const [first] = await found();
    const offer = (await check(first!.token)) as Bookable;
    expect(offer.state).toBe('PRICE_CHANGED');
    expect(offer.totalMinor).toBeGreaterThan(first!.totalMinor);
    const stubborn = bookInput(offer, { totalMinor: first!.totalMinor });
    expect(done(await client.book(connection, stubborn, CALL))).toEqual({ state: 'PRICE_CHANGED' });
    expect((await kiwi.book()).bookings).toEqual([]);
    expect(held(done(await client.book(connection, bookInput(offer), CALL)))).toBeTruthy();
  });

  test('a checked offer that is checked again keeps its session, and is available at the price already told', async () => {
    await register({ checkChange: 7 });
    const first = await checked();
    const again = await check(first.token);
    expect(again).toMatchObject({ state: 'AVAILABLE', totalMinor: first.totalMinor });
    expect((again as Bookable).token).toMatchObject({ sessionId: (first.token as { sessionId: string }).sessionId });
    await kiwi.scenario([{ operation: 'check_flights', fault: 'wrongAmount' }]);
    expect(await check(first.token)).toMatchObject({ state: 'PRICE_CHANGED', totalMinor: first.totalMinor + 100n });
  });

  test('a search that shows whole units is dearer when checked, and says so', async () => {
    await register({ wholeSearchPrices: true });
    const states = new Set<string>();
    for (const offer of (await found()).slice(0, 5)) {
      const now = (await check(offer.token)) as Bookable;
      expect(now.state).toBe(now.totalMinor > offer.totalMinor ? 'PRICE_CHANGED' : 'AVAILABLE');
      states.add(now.state);
    }
    expect(states).toEqual(new Set(['AVAILABLE', 'PRICE_CHANGED']));
  });

  test.each([[12], [-5]])(
    'a save that wants %i hundredths more is not paid: the hold is left to lapse',
    async (saveChange) => {
      await register({ saveChange });
      for (const hold of [true, false]) {
        const result = await client.book(connection, bookInput(await checked(), { hold }), CALL);
        expect(result).toEqual({ kind: 'done', value: { state: 'PRICE_CHANGED' } });
      }
      expect((await kiwi.book()).bookings.map((one) => one.isPaid)).toEqual([false, false]);
    },
  );

  test('a save that wants more and does not say so is found out', async () => {
    const offer = await checked();
    await kiwi.scenario([{ operation: 'save_booking', fault: 'wrongAmount' }]);
    const result = await client.book(connection, bookInput(offer, { hold: false }), CALL);
    expect(result).toEqual({ kind: 'done', value: { state: 'PRICE_CHANGED' } });
    expect((await kiwi.book()).bookings).toMatchObject([{ isPaid: false }]);
  });

  test('a conversion into another currency than asked is no price', async () => {
    const [first] = await found({ currencyCode: 'KWD' });
    await kiwi.scenario([{ operation: 'check_flights', fault: 'wrongCurrency' }]);
    expect(await client.check(connection, first!.token, TRAVELLER, CALL)).toMatchObject({
      kind: 'notDone',
      reason: 'unavailable',
      detail: 'the answer names no price in KWD',
    });
  });

  test('what was agreed to in another currency than checked is not sent', async () => {
    const offer = await checked();
    const outcome = await client.book(connection, bookInput(offer, { currencyCode: 'USD' }), CALL);
    expect(outcome).toMatchObject({ reason: 'rejected', detail: 'the price is in EUR' });
  });
});

describe('offers that end', () => {
  test.each([
    ['.invalid', { state: 'SOLD_OUT' }],
    ['.expired', { state: 'EXPIRED' }],
    ['.pricechange', { state: 'PRICE_CHANGED' }],
  ])('a token that ends with %s', async (suffix, state) => {
    const [first] = await found();
    const token = {
      ...(first!.token as object),
      bookingToken: `${(first!.token as { bookingToken: string }).bookingToken}${suffix}`,
    };
    expect(await check(token)).toMatchObject(state);
  });

  test.each(['error', 'msg'])(
    'one that is too old, said under %s, is expired: at the check and at the save',
    async (expiredKey) => {
      const offer = await checked();
      await register({ offerMinutes: 0, expiredKey });
      const [first] = await found();
      expect(await check(first!.token)).toEqual({ state: 'EXPIRED' });
      expect(done(await client.book(connection, bookInput(offer), CALL))).toEqual({ state: 'EXPIRED' });
    },
  );

  test('a token that verifies slowly ends with the deadline, and the vendor is left alone', async () => {
    await register({ tokenSuffix: '.slow' });
    const [first] = await found();
    const waits: number[] = [];
    let now = Date.now();
    const slow = { ...connection, settings: { POLL_MS: '3000' } };
    const waiting = kiwiClient(outbound.send, {
      clock: { now: () => new Date(now) },
      pause: async (ms) => {
        waits.push(ms);
        now += ms;
      },
    });
    expect(await waiting.check(slow, first!.token, TRAVELLER, { timeoutMs: 10_000 })).toEqual({
      kind: 'notDone',
      reason: 'unavailable',
      detail: 'the vendor did not verify the flights in time',
    });
    expect(waits).toEqual([3_000, 3_000, 3_000]);
  });

  test('a check that is called off ends at once', async () => {
    await register({ tokenSuffix: '.slow' });
    const [first] = await found();
    const slow = { ...connection, settings: { POLL_MS: '10000' } };
    const controller = new AbortController();
    const outcome = client.check(slow, first!.token, TRAVELLER, { timeoutMs: 60_000, signal: controller.signal });
    controller.abort();
    expect(await outcome).toMatchObject({ kind: 'notDone', reason: 'unavailable' });
  });

  test('flights verify in one or two polls, under one session', async () => {
    const sessions: (string | null)[] = [];
    const watching = kiwiClient(async (request, call) => {
      sessions.push(new URL(request.url).searchParams.get('session_id'));
      return outbound.send(request, call);
    });
    const [first] = await found();
    const offer = done(await watching.check(connection, first!.token, TRAVELLER, CALL)) as Bookable;
    expect(sessions.length).toBeGreaterThan(1);
    expect(sessions[0]).toBeNull();
    expect(new Set(sessions.slice(1))).toEqual(new Set([(offer.token as { sessionId: string }).sessionId]));
  });

  test.each(['check', 'save'])('sold out at %s books nothing', async (soldOutAt) => {
    const offer = await checked();
    await register({ soldOutAt });
    const [first] = await found();
    const state = await check(first!.token);
    if (soldOutAt === 'check') expect(state).toEqual({ state: 'SOLD_OUT' });
    else
      expect(done(await client.book(connection, bookInput(offer, { hold: false }), CALL))).toEqual({
        state: 'SOLD_OUT',
      });
    expect((await kiwi.book()).bookings).toEqual([]);
  });

  test('the last seat is sold once, and is free again when its hold has lapsed', async () => {
    await register({ seats: 1 });
    const [first] = await found();
    const [one, other] = [(await check(first!.token)) as Bookable, (await check(first!.token)) as Bookable];
    held(done(await client.book(connection, bookInput(one), CALL)));
    expect(done(await client.book(connection, bookInput(other), CALL))).toEqual({ state: 'SOLD_OUT' });
    expect(await check(first!.token)).toEqual({ state: 'SOLD_OUT' });
    expect((await found()).map(({ token }) => token)).not.toContainEqual(first!.token);
    await register({ seats: 1, holdMinutes: 0 });
    expect(await check(first!.token)).toMatchObject({ state: 'AVAILABLE' });
  });
});

describe('paying', () => {
  test('after the hold has lapsed is refused, whatever HTTP says of it', async () => {
    for (const confirmFailureStatus of [200, 400, 422]) {
      await register({ holdMinutes: 0, confirmFailureStatus });
      const ids = held(done(await client.book(connection, bookInput(await checked()), CALL)));
      expect(await client.confirm(connection, booked(ids), CALL)).toMatchObject({
        kind: 'notDone',
        reason: 'rejected',
        detail: 'the hold is gone: the payment came too late',
      });
    }
  });

  test('without a deposit is refused, and says which booking lapses', async () => {
    await register({ depositEuro: 0 });
    const free = { ...connection, settings: { ...SETTINGS, SANDBOX_PASSENGERS: 'any' } };
    const input = bookInput(await checked(), { travellers: { passengers: [{ ...TEST_TEST, familyName: 'Novák' }] } });
    const outcome = await client.book(free, { ...input, hold: false }, CALL);
    expect(outcome).toMatchObject({
      kind: 'notDone',
      reason: 'rejected',
      detail: expect.stringMatching(/^\d{12}: the payment failed$/),
    });
  });

  test('twice with the same ids is one payment', async () => {
    const ids = held(done(await client.book(connection, bookInput(await checked()), CALL)));
    const [one, two] = [
      await client.confirm(connection, booked(ids), CALL),
      await client.confirm(connection, booked(ids), CALL),
    ];
    expect(two).toEqual(one);
    expect((await receiver.about(ids.providerReference, 2)).length).toBe(2);
  });

  test('a second time that the vendor calls a repetition is not known to have failed', async () => {
    await register({ repeatedConfirm: 'refused' });
    const ids = held(done(await client.book(connection, bookInput(await checked()), CALL)));
    done(await client.confirm(connection, booked(ids), CALL));
    expect(await client.confirm(connection, booked(ids), CALL)).toMatchObject({ kind: 'unknown' });
  });

  test.each<JsonValue>([{}, { transactionId: '' }, null, { transactionId: 'x' }])(
    'keys that are none of ours (%j) are not sent',
    async (keys) => {
      const nowhere = { ...connection, baseUrl: 'http://127.0.0.1:9' };
      const ids = { providerReference: '1', keys };
      expect(await client.confirm(nowhere, booked(ids), CALL)).toMatchObject({ reason: 'rejected' });
    },
  );
});

describe('sandbox and production', () => {
  const production = (): ProviderConnection => ({ ...connection, mode: 'PRODUCTION' });
  const novak = { ...TEST_TEST, familyName: 'Novák' };

  test('a sandbox connection saves nobody but test test', async () => {
    const offer = await checked();
    for (const passengers of [[novak], [{ ...TEST_TEST, givenName: 'Tester' }]]) {
      const outcome = await client.book(connection, bookInput(offer, { travellers: { passengers } }), CALL);
      expect(outcome).toMatchObject({ reason: 'rejected', detail: expect.stringContaining('test test') });
    }
    expect((await kiwi.book()).bookings).toEqual([]);
  });

  test('anybody may be booked at a simulator on this machine, where that is set, and nowhere else', async () => {
    const settings = { ...SETTINGS, SANDBOX_PASSENGERS: 'any' };
    const input = bookInput(await checked(), { travellers: { passengers: [novak] } });
    held(done(await client.book({ ...connection, settings }, input, CALL)));
    const sent: string[] = [];
    const far = kiwiClient(async ({ url }) => {
      sent.push(url);
      return { status: 500, headers: {}, body: '' };
    });
    for (const baseUrl of [
      'https://api.tequila.kiwi.com',
      'https://localhost.example.com',
      'http://127.0.0.1.example.com',
    ]) {
      expect(await far.book({ ...connection, settings, baseUrl }, input, CALL)).toMatchObject({ reason: 'rejected' });
    }
    expect(sent).toEqual([]);
  });

  test('a production connection does not sell a flight of the sandbox', async () => {
    const outcome = await client.book(production(), bookInput(await checked()), CALL);
    expect(outcome).toMatchObject({ reason: 'rejected', detail: expect.stringContaining('production') });
    const input = bookInput(await checked(), { travellers: { passengers: [novak] }, hold: false });
    expect(done(await client.book(production(), input, CALL))).toMatchObject({ state: 'PENDING' });
  });

  test('what was saved in one world is not paid in the other', async () => {
    const ids = held(done(await client.book(connection, bookInput(await checked()), CALL)));
    expect(await client.confirm(production(), booked(ids), CALL)).toMatchObject({ reason: 'misconfigured' });
    const live = { ...ids, keys: { ...(ids.keys as object), sandbox: false } };
    expect(await client.confirm(connection, booked(live), CALL)).toMatchObject({ reason: 'misconfigured' });
    expect((await kiwi.book()).bookings).toMatchObject([{ isPaid: false }]);
  });
});

describe('webhooks at their worst', () => {
  const paid = async (rules: Parameters<typeof kiwi.scenario>[0]) => {
    const ids = held(done(await client.book(connection, bookInput(await checked()), CALL)));
    await kiwi.scenario(rules);
    done(await client.confirm(connection, booked(ids), CALL));
    return ids.providerReference;
  };
  const eventsOf = (deliveries: readonly Received[]): string[] =>
    deliveries.flatMap((delivery) => {
      const reading = noticeOf(delivery);
      return reading.verdict === 'OK' ? [reading.notice.eventId] : [];
    });

  test('the same one three times is one event', async () => {
    const about = await paid([{ operation: 'confirm_payment', fault: 'duplicateWebhook' }]);
    const events = eventsOf(await receiver.about(about, 6));
    expect(new Set(events)).toEqual(new Set([`${about}:received`, `${about}:confirmed`]));
  });

  test('late ones come, lost ones do not', async () => {
    const late = await paid([{ operation: 'confirm_payment', fault: 'lateWebhook', ms: 30 }]);
    expect(eventsOf(await receiver.about(late, 2))).toHaveLength(2);
    const lost = await paid([{ operation: 'confirm_payment', fault: 'lostWebhook' }]);
    expect((await kiwi.book()).deliveries.filter((one) => one.about === lost)).toEqual([]);
  });

  test('out of order, the confirmation comes first and both say what they are', async () => {
    const about = await paid([{ operation: 'confirm_payment', fault: 'reorderedWebhooks' }]);
    expect(eventsOf(await receiver.about(about, 2))).toEqual([`${about}:confirmed`, `${about}:received`]);
  });

  test('a forged one does not know the secret, whatever it claims', async () => {
    await register({ carriers: 'silent' });
    const about = await paid([{ operation: 'confirm_payment', fault: 'forgedWebhook' }]);
    const readings = (await receiver.about(about, 2)).map((delivery) => noticeOf(delivery));
    expect(readings.map((one) => one.verdict).toSorted()).toEqual(['BAD_SIGNATURE', 'OK']);
    expect(readings.find((one) => one.verdict === 'OK')).toMatchObject({ notice: { claims: 'PENDING' } });
  });

  test('is repeated until it is answered with 200', async () => {
    const statuses = [500, 404];
    const moody = await startReceiver(() => statuses.shift() ?? 200);
    await kiwi.register({
      webhookUrl: `${moody.url}?${SECRET_QUERY}`,
      seats: 9,
      carriers: 'silent',
      retryDelaysMs: [5, 5, 5],
    });
    const about = await paid([]);
    expect(await moody.about(about, 3)).toHaveLength(3);
    await expect.poll(async () => (await kiwi.book()).deliveries[0]).toMatchObject({ state: 'delivered', tries: 3 });
    await moody.close();
  });
});

test('declares what it needs, and where it lives', () => {
  expect(client).toMatchObject({ recovery: 'none', holds: true });
  expect(KIWI).toMatchObject({ slug: 'kiwi', vertical: 'FLIGHTS_BOOKING', priority: 10, simulatorPath: '/kiwi' });
  expect(KIWI.credentials.find((one) => one.required)).toMatchObject({
    environmentVariable: 'KIWI_API_KEY',
    secret: true,
  });
  for (const url of Object.values(KIWI.baseUrls)) expect(URL.parse(url)?.protocol).toBe('https:');
  for (const name of ['check', 'book', 'confirm', 'save']) expect(KIWI.cacheSeconds).not.toHaveProperty(name);
});
