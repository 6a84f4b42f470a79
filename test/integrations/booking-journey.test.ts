import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { BOOKING } from '../../src/integrations/booking/description.ts';
import { createOutbound } from '../../src/integrations/http.ts';
import type { FoundStay, LodgingClient, ProviderConnection, StayQuery } from '../../src/integrations/travel.ts';
import {
  AMSTERDAM,
  CALL,
  CREDENTIALS,
  ORION,
  TRAVELLER,
  available,
  bookInput,
  cacheOf,
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
  await booking.scenario([], `journey ${expect.getState().currentTestName}`);
});

async function found(changes: Partial<StayQuery> = {}): Promise<readonly FoundStay[]> {
  return done(await client.searchStays(connection, query(changes), CALL)).offers;
}

async function checkedAt(property: string, changes: Partial<StayQuery> = {}) {
  const offer = offerOf(await found(changes), property);
  return available(done(await client.check(connection, offer.token, TRAVELLER, CALL)));
}

async function booked(changes: Partial<Parameters<typeof bookInput>[1]> = {}, stay: Partial<StayQuery> = {}) {
  const attemptedAt = new Date();
  const input = bookInput(await checkedAt(ORION, stay), changes);
  const result = done(await client.book(connection, input, CALL));
  if (result.state !== 'CONFIRMED') throw new Error(`the booking is ${result.state}`);
  const { reference, contactEmail, traveller } = input;
  const ids = { providerReference: result.providerReference, keys: result.keys };
  return { result, input, booked: { reference, contactEmail, traveller, attemptedAt, ids } };
}

describe('a stay through the simulated Demand API, over real sockets', () => {
  test('is found, checked, booked, looked up and cancelled', async () => {
    const offer = offerOf(await found(), ORION);
    expect(offer).toMatchObject({ propertyName: 'Hotel Orion', currencyCode: 'EUR', expiresAt: null });
    const checked = available(done(await client.check(connection, offer.token, TRAVELLER, CALL)));
    expect(checked).toMatchObject({ state: 'AVAILABLE', totalMinor: offer.totalMinor, refundable: offer.refundable });
    expect(checked.expiresAt!.getTime()).toBeGreaterThan(Date.now() + 14 * 60_000);

    const attemptedAt = new Date();
    const input = bookInput(checked, { specialRequests: 'A quiet room' });
    const result = done(await client.book(connection, input, CALL));
    const [order] = await booking.orders();
    expect(order).toMatchObject({
      label: input.reference,
      status: 'booked',
      timing: 'pay_at_the_property',
      method: null,
    });
    expect(result).toEqual({
      state: 'CONFIRMED',
      holdExpiresAt: null,
      providerReference: order!.reservation,
      keys: { order: order!.order, reservation: order!.reservation },
    });
    expect(Number(order!.total) * 100).toBe(Number(checked.totalMinor));

    const { reference, contactEmail } = input;
    const ids = {
      providerReference: order!.reservation,
      keys: { order: order!.order, reservation: order!.reservation },
    };
    const lost = { reference, contactEmail, ids: null, attemptedAt, traveller: TRAVELLER };
    expect(done(await client.lookUp(connection, lost, CALL))).toEqual({ state: 'CONFIRMED', ids });
    const known = { ...lost, ids };
    expect(done(await client.lookUp(connection, known, CALL))).toEqual({ state: 'CONFIRMED', ids });

    const cancelled = { state: 'CANCELLED', refundMinor: null, currencyCode: null };
    const cancelling = { ...known, reason: 'Traveller changed plans' };
    expect(done(await client.cancel(connection, cancelling, CALL))).toEqual(cancelled);
    expect((await booking.orders())[0]).toMatchObject({ status: 'cancelled_by_guest' });
    expect(done(await client.cancel(connection, cancelling, CALL))).toEqual(cancelled);
    expect(done(await client.lookUp(connection, lost, CALL))).toEqual({ state: 'CANCELLED', ids });
  });

  test('the probe proves the key and the affiliate', async () => {
    expect(await client.probe(connection, CALL)).toEqual({ kind: 'done', value: null });
    for (const change of [{ API_KEY: 'bk_test_somebody' }, { AFFILIATE_ID: '7654321' }, { API_KEY: '' }]) {
      const wrong = connectionTo(booking.baseUrl, { credentials: { ...CREDENTIALS, ...change } });
      expect(await client.probe(wrong, CALL)).toMatchObject({ kind: 'notDone', reason: 'misconfigured' });
    }
    await booking.register({ permitted: false });
    expect(await client.probe(connection, CALL)).toMatchObject({ reason: 'misconfigured' });
  });

  test.each(['AMS', AMSTERDAM, 'region:1010', 'country:NL'])(
    '%s is Amsterdam, with the cheapest stay of each property',
    async (destination) => {
      const offers = await found({ destination });
      expect(offers.length).toBeGreaterThanOrEqual(4);
      expect(new Set(offers.map(({ propertyId }) => propertyId)).size).toBe(offers.length);
      for (const { propertyName, roomName, totalMinor } of offers) {
        expect(propertyName).toMatch(/\S/);
        expect(roomName).toMatch(/^Double Room/);
        expect(totalMinor).toBeGreaterThan(1_000n);
      }
    },
  );

  test.each(['LHR', 'CDG', 'JFK', 'DXB', 'RUH', 'CAI', 'IST', 'HND', 'KWI', 'CPT', 'SEA', 'SIN'])(
    'common places have offers, on any day of the year: %s',
    async (destination) => {
      for (const days of [1, 200, 364]) {
        const offers = await found({
          destination,
          checkIn: inDays(days),
          checkOut: inDays(days + 3),
          currencyCode: 'USD',
        });
        expect(offers.length).toBeGreaterThanOrEqual(3);
        for (const { currencyCode } of offers) expect(currencyCode).toBe('USD');
      }
    },
  );

  test('a property that is named is looked at: every product that holds the party, cheapest first', async () => {
    const offers = await found({ destination: null, propertyIds: [ORION] });
    expect(offers).toHaveLength(9);
    const totals = offers.map(({ totalMinor }) => totalMinor);
    expect(totals).toEqual(totals.toSorted((one, other) => (one < other ? -1 : 1)));
    expect(new Set(offers.map(({ roomName }) => roomName))).toEqual(
      new Set([
        'Double Room',
        'Double Room (breakfast included)',
        'Family Room',
        'Family Room (breakfast included)',
        'Suite',
        'Suite (breakfast included)',
      ]),
    );
    expect(offers.filter(({ refundable }) => !refundable)).toHaveLength(3);
    const family = await found({
      destination: null,
      propertyIds: [ORION],
      occupancies: [{ adults: 3, childAges: [4] }],
    });
    expect(new Set(family.map(({ roomName }) => roomName))).toEqual(new Set(['Suite', 'Suite (breakfast included)']));
  });

  test('a hundred named properties are looked at fifty at a time, and each is offered before any is offered twice', async () => {
    const propertyIds = Array.from({ length: 100 }, (_, index) => String(10_507_400 + index));
    const { offers, complete, incompleteReason } = done(
      await client.searchStays(connection, query({ destination: null, propertyIds, offersMax: 40 }), CALL),
    );
    expect(offers).toHaveLength(40);
    expect(new Set(offers.map(({ propertyId }) => propertyId)).size).toBe(40);
    expect([complete, incompleteReason]).toEqual([false, 'there are more than the 40 offers asked for']);
  });

  test('several rooms with children are one offer, booked in the order of the rooms with the guests of each', async () => {
    const occupancies = [
      { adults: 1, childAges: [] },
      { adults: 2, childAges: [4, 9] },
    ];
    for (const place of [{ destination: AMSTERDAM }, { destination: null, propertyIds: [ORION] }]) {
      const checked = await checkedAt(ORION, { ...place, occupancies });
      expect(checked).toMatchObject({ state: 'AVAILABLE' });
      const guests = [
        { givenName: 'Omar', familyName: 'Said', room: 0 },
        { givenName: 'Mona', familyName: 'Adel', room: 1 },
      ];
      const input = bookInput(checked, {
        travellers: { guests },
        reference: `PTL-${place.destination === null ? 1 : 2}-ROOMS`,
      });
      expect(done(await client.book(connection, input, CALL))).toMatchObject({ state: 'CONFIRMED' });
    }
    for (const { rooms } of await booking.orders()) {
      expect(rooms.map(({ adults, children }) => [adults, children])).toEqual([
        [1, []],
        [2, [4, 9]],
      ]);
    }
  });

  test('two rooms of one kind say so, and cost what both cost', async () => {
    const one = offerOf(await found(), ORION);
    const two = offerOf(
      await found({
        occupancies: [
          { adults: 2, childAges: [] },
          { adults: 2, childAges: [] },
        ],
      }),
      ORION,
    );
    expect(two.roomName).toBe(`2 × ${one.roomName}`);
    expect(two.totalMinor).toBe(2n * one.totalMinor);
  });

  test('the sample stay of the specification costs what the specification says', async () => {
    const offers = await found({ destination: null, propertyIds: [ORION] });
    const sample = offers.find(({ roomName }) => roomName === 'Double Room (breakfast included)');
    expect(sample).toMatchObject({ totalMinor: 27_840n, currencyCode: 'EUR', refundable: true });
    const checked = available(done(await client.check(connection, sample!.token, TRAVELLER, CALL)));
    expect(checked.cancellationFees).toEqual([
      { from: null, amountMinor: 0n, currencyCode: 'EUR' },
      { from: new Date(`${inDays(58)}T22:00:00Z`), amountMinor: 27_840n, currencyCode: 'EUR' },
    ]);
  });

  test('what is paid at the property is in the total though not in the price shown there', async () => {
    const settings = { paymentTiming: 'pay_online_now', paymentMethod: 'wallet' };
    const online = connectionTo(booking.baseUrl, { settings });
    const asked = query({ destination: 'JFK', currencyCode: 'USD' });
    const { offers } = done(await client.searchStays(online, asked, CALL));
    const resort = offers.find(({ propertyName }) => propertyName?.startsWith('Grand Plaza'))!;
    const raw = await booking.post('/accommodations/search', {
      booker: { country: 'nl', platform: 'desktop' },
      checkin: asked.checkIn,
      checkout: asked.checkOut,
      currency: 'USD',
      guests: { number_of_adults: 2, number_of_rooms: 1 },
      accommodations: [Number(resort.propertyId)],
      extras: ['extra_charges'],
    });
    const { display, total } = raw.value['data']![0]!['price']!;
    expect(total!['booker_currency']! - display!['booker_currency']!).toBeCloseTo(50);
    expect(resort.totalMinor).toBe(BigInt(Math.round(total!['booker_currency']! * 100)));
  });

  test.each([
    ['KWD', /^\d+0$/],
    ['JPY', /^\d+$/],
    ['EGP', /^\d+$/],
  ])('amounts in %s have its own minor units', async (currencyCode, digits) => {
    const offer = offerOf(await found({ currencyCode }), ORION);
    expect(offer.currencyCode).toBe(currencyCode);
    expect(String(offer.totalMinor)).toMatch(digits);
    expect(done(await client.check(connection, offer.token, TRAVELLER, CALL))).toMatchObject({
      state: 'AVAILABLE',
      totalMinor: offer.totalMinor,
      currencyCode,
    });
  });

  test('a vendor that does not convert offers in the currency of the property, and says so', async () => {
    await booking.register({ converts: false });
    const offer = offerOf(await found({ currencyCode: 'USD' }), ORION);
    expect(offer.currencyCode).toBe('EUR');
    expect(done(await client.check(connection, offer.token, TRAVELLER, CALL))).toMatchObject({
      currencyCode: 'EUR',
      state: 'AVAILABLE',
    });
  });

  test('a search that does not say who sleeps where is made good by a look at the rooms', async () => {
    await booking.register({ tellsProducts: false });
    const offers = await found();
    expect(offers.length).toBeGreaterThanOrEqual(4);
    expect(done(await client.check(connection, offerOf(offers, ORION).token, TRAVELLER, CALL))).toMatchObject({
      state: 'AVAILABLE',
    });
  });

  test('names come in the traveller’s language where the vendor has it, from the cache the second time', async () => {
    const cache = cacheOf();
    client = clientOf(outbound.send, { cache });
    const traveller = { ...TRAVELLER, locale: 'ar-EG' };
    const first = await found({ traveller });
    expect(cache.keys).toContain(`details ar/${ORION}`);
    await booking.scenario([{ operation: 'details', fault: 'status5xx' }]);
    const second = await found({ traveller });
    expect(second.map(({ propertyName }) => propertyName)).toEqual(first.map(({ propertyName }) => propertyName));
    expect(second[0]!.propertyName).not.toBeNull();
  });

  test('offers stand without names where the vendor does not tell them, and the search is complete', async () => {
    await booking.scenario([{ operation: 'details', fault: 'status5xx' }]);
    const result = done(await client.searchStays(connection, query(), CALL));
    expect(result.complete).toBe(true);
    for (const { propertyName, roomName } of result.offers) expect([propertyName, roomName]).toEqual([null, 'Room']);
  });

  test('a whole country is read page by page, each property once', async () => {
    await booking.register({ rowsMax: 6 });
    const asked = query({ destination: 'country:us', offersMax: 200, currencyCode: 'USD' });
    const { offers, complete } = done(await client.searchStays(connection, asked, CALL));
    expect([complete, offers.length]).toEqual([true, 20]);
    expect(new Set(offers.map(({ propertyId }) => propertyId)).size).toBe(20);
    const few = done(await client.searchStays(connection, { ...asked, offersMax: 10 }, CALL));
    expect(few).toMatchObject({ complete: false, incompleteReason: 'there are more than the 10 offers asked for' });
    expect(few.offers).toHaveLength(10);
  });

  test.each([
    ['breaks', 'status5xx', { timeoutMs: 5_000 }],
    ['hangs', 'hang', { timeoutMs: 1_000 }],
    ['is refused for its number', 'rateLimited', { timeoutMs: 5_000 }],
  ])('a page that %s leaves what was found before, and the search says so', async (_how, fault, call) => {
    await booking.register({ rowsMax: 6 });
    await booking.scenario([{ operation: 'search', fault, nth: 3 }]);
    const asked = query({ destination: 'country:us', offersMax: 200, currencyCode: 'USD' });
    const result = done(await client.searchStays(connection, asked, call));
    expect(result).toMatchObject({
      complete: false,
      incompleteReason: expect.stringMatching(/^page 3 did not come: /),
    });
    expect(result.offers).toHaveLength(12);
  });

  test('a search whose first page does not come is no search', async () => {
    await booking.scenario([{ operation: 'search', fault: 'hang' }]);
    expect(await client.searchStays(connection, query(), { timeoutMs: 300 })).toMatchObject({ reason: 'unavailable' });
  });
});

describe('between the search and the order', () => {
  test('a price that changed is told with the new one, which can be booked', async () => {
    const offer = offerOf(await found(), ORION);
    await booking.scenario([{ operation: 'preview', fault: 'priceChanged', nth: 1 }]);
    const checked = available(done(await client.check(connection, offer.token, TRAVELLER, CALL)));
    expect(checked.state).toBe('PRICE_CHANGED');
    expect(checked.totalMinor).toBeGreaterThan(offer.totalMinor);
    const stale = bookInput(checked, { totalMinor: offer.totalMinor });
    expect(done(await client.book(connection, stale, CALL))).toEqual({ state: 'PRICE_CHANGED' });
    expect(await booking.orders()).toEqual([]);
    expect(done(await client.book(connection, bookInput(checked), CALL))).toMatchObject({ state: 'CONFIRMED' });
  });

  test('an account whose prices move shows it in every check', async () => {
    await booking.register({ priceChangePercent: -5 });
    const offer = offerOf(await found(), ORION);
    const checked = available(done(await client.check(connection, offer.token, TRAVELLER, CALL)));
    expect(checked.state).toBe('PRICE_CHANGED');
    expect(checked.totalMinor).toBeLessThan(offer.totalMinor);
    // Checked again, the new price is the one that is compared with.
    expect(done(await client.check(connection, checked.token, TRAVELLER, CALL))).toMatchObject({ state: 'AVAILABLE' });
  });

  test('a price in another currency is no price', async () => {
    const offer = offerOf(await found(), ORION);
    await booking.scenario([{ operation: 'preview', fault: 'wrongCurrency' }]);
    expect(await client.check(connection, offer.token, TRAVELLER, CALL)).toMatchObject({ reason: 'unavailable' });
  });

  test.each([
    ['a rule of a scenario', async () => booking.scenario([{ operation: 'preview', fault: 'soldOut' }])],
    ['a setting of the account', async () => booking.register({ soldOutAt: 'preview' })],
  ])('sold out before the check, by %s', async (_by, sellOut) => {
    const offer = offerOf(await found(), ORION);
    await sellOut();
    expect(done(await client.check(connection, offer.token, TRAVELLER, CALL))).toEqual({ state: 'SOLD_OUT' });
  });

  test('sold out between the check and the order', async () => {
    const checked = await checkedAt(ORION);
    await booking.scenario([{ operation: 'create', fault: 'soldOut', nth: 1 }]);
    expect(done(await client.book(connection, bookInput(checked), CALL))).toEqual({ state: 'SOLD_OUT' });
    expect(await booking.orders()).toEqual([]);
  });

  test('the last room is sold once, and its property is not found for those nights any more', async () => {
    await booking.register({ roomsPerType: 1 });
    const offer = offerOf(await found(), ORION);
    const checks = await Promise.all([1, 2].map(() => client.check(connection, offer.token, TRAVELLER, CALL)));
    const [one, two] = checks.map((outcome) => available(done(outcome)));
    expect(done(await client.book(connection, bookInput(one!), CALL))).toMatchObject({ state: 'CONFIRMED' });
    expect(done(await client.book(connection, bookInput(two!, { reference: 'PTL-2' }), CALL))).toEqual({
      state: 'SOLD_OUT',
    });
    expect(done(await client.check(connection, offer.token, TRAVELLER, CALL))).toEqual({ state: 'SOLD_OUT' });
    expect(offerOf(await found(), ORION).roomName).not.toMatch(/^Double/);
    expect(offerOf(await found({ checkIn: inDays(62), checkOut: inDays(64) }), ORION).roomName).toMatch(/^Double/);
  });

  test('a room that does not hold its guests stops the booking', async () => {
    const offer = offerOf(await found(), ORION);
    const token = structuredClone(offer.token) as { rooms: { adults: number }[] };
    token.rooms[0]!.adults = 3;
    expect(await client.check(connection, token as never, TRAVELLER, CALL)).toEqual({
      kind: 'notDone',
      reason: 'rejected',
      detail: 'a room does not hold its guests',
    });
  });

  test('a property that asks for a card is left out of a search, and refused by the check', async () => {
    const card = '10507403';
    expect((await found()).map(({ propertyId }) => propertyId)).not.toContain(card);
    const [offer] = await found({ destination: null, propertyIds: [card] });
    expect(await client.check(connection, offer!.token, TRAVELLER, CALL)).toMatchObject({
      reason: 'rejected',
      detail: 'the property takes pay_at_the_property with a card only',
    });
  });

  test.each([
    ['wallet', undefined],
    ['airplus', { number: '122000000003' }],
  ])('the affiliate pays online by %s', async (paymentMethod, airplus) => {
    const online = connectionTo(booking.baseUrl, {
      settings: { paymentTiming: 'pay_online_now', paymentMethod },
      credentials: { ...CREDENTIALS, ...(airplus && { AIRPLUS_NUMBER: airplus.number }) },
    });
    const { offers } = done(await client.searchStays(online, query(), CALL));
    const checked = done(await client.check(online, offerOf(offers, '10507401').token, TRAVELLER, CALL));
    expect(done(await client.book(online, bookInput(checked), CALL))).toMatchObject({ state: 'CONFIRMED' });
    expect((await booking.orders())[0]).toMatchObject({ timing: 'pay_online_now', method: paymentMethod });
    if (airplus) {
      const without = { ...online, credentials: CREDENTIALS };
      expect(await client.book(without, bookInput(checked), CALL)).toMatchObject({ reason: 'misconfigured' });
    }
  });
});

describe('what is never sent', () => {
  const nowhere = (changes: Partial<ProviderConnection> = {}) => connectionTo('http://127.0.0.1:9', changes);

  test('a hold: the vendor has none', async () => {
    const checked = await checkedAt(ORION);
    const outcome = await client.book(nowhere(), bookInput(checked, { hold: true }), CALL);
    expect(outcome).toMatchObject({ kind: 'notDone', reason: 'rejected' });
    expect(client.holds).toBe(false);
    const { booked: confirmed } = await booked();
    expect(await client.confirm(nowhere(), confirmed, CALL)).toMatchObject({ reason: 'rejected' });
  });

  test('an order dearer than agreed, in another currency, or under a token that ended', async () => {
    const checked = await checkedAt(ORION);
    const dearer = bookInput(checked, { totalMinor: checked.totalMinor - 1n });
    expect(done(await client.book(nowhere(), dearer, CALL))).toEqual({ state: 'PRICE_CHANGED' });
    const other = bookInput(checked, { currencyCode: 'USD' });
    expect(done(await client.book(nowhere(), other, CALL))).toEqual({ state: 'PRICE_CHANGED' });
    const later = clientOf(outbound.send, { now: () => new Date(Date.now() + 15 * 60_000) });
    expect(done(await later.book(nowhere(), bookInput(checked), CALL))).toEqual({ state: 'EXPIRED' });
    // Agreeing to more than it costs is no reason to refuse.
    const cheaper = bookInput(checked, { totalMinor: checked.totalMinor + 1n });
    expect(done(await client.book(connection, cheaper, CALL))).toMatchObject({ state: 'CONFIRMED' });
  });

  test.each([
    ['an offer that was not checked', { offer: { v: 1 } }],
    ['no telephone number', { contactPhone: null }],
    ['no e-mail address', { contactEmail: 'mona' }],
    ['a reference that is no label', { reference: 'a b' }],
    ['nobody', { travellers: { guests: [] } }],
    ['a guest without a name', { travellers: { guests: [{ givenName: 'Mona', familyName: ' ', room: 0 }] } }],
    ['passengers', { travellers: { passengers: [] } }],
  ] as const)('an order with %s', async (_what, change) => {
    const checked = await checkedAt(ORION);
    expect(await client.book(nowhere(), bookInput(checked, change as never), CALL)).toMatchObject({
      reason: 'rejected',
    });
  });

  test('an order without a number takes the one of the settings', async () => {
    const checked = await checkedAt(ORION);
    const settings = {
      phone: '+31201234567',
      addressCity: 'Amsterdam',
      addressLine: 'Herengracht 1',
      addressPostCode: '1015',
    };
    const agency = connectionTo(booking.baseUrl, { settings });
    const outcome = await client.book(agency, bookInput(checked, { contactPhone: null }), CALL);
    expect(done(outcome)).toMatchObject({ state: 'CONFIRMED' });
  });

  test('a mock property of the sandbox in production', async () => {
    const live = connectionTo('http://127.0.0.1:9', { mode: 'PRODUCTION' });
    const checked = await checkedAt(ORION);
    const refused = { kind: 'notDone', reason: 'rejected' };
    const look = query({ destination: null, propertyIds: [ORION] });
    expect(await client.searchStays(live, look, CALL)).toMatchObject(refused);
    expect(await client.check(live, checked.token, TRAVELLER, CALL)).toMatchObject(refused);
    expect(await client.book(live, bookInput(checked), CALL)).toMatchObject(refused);
  });
});

test('the description says what the specification says', () => {
  expect(BOOKING).toMatchObject({
    slug: 'booking',
    vertical: 'LODGING',
    priority: 20,
    baseUrls: {
      SANDBOX: 'https://demandapi-sandbox.booking.com/3.2',
      PRODUCTION: 'https://demandapi.booking.com/3.2',
    },
    cacheSeconds: { details: 86_400 },
    callsPerMinute: 50,
  });
  expect(BOOKING.credentials.filter(({ required }) => required)).toEqual([
    { name: 'API_KEY', environmentVariable: 'BOOKING_API_KEY', required: true, secret: true },
    { name: 'AFFILIATE_ID', environmentVariable: 'BOOKING_AFFILIATE_ID', required: true, secret: false },
  ]);
  for (const never of ['check', 'book', 'lookUp', 'cancel', 'probe'])
    expect(BOOKING.cacheSeconds[never]).toBeUndefined();
  expect(client.recovery).toBe('bySearch');
  expect('readNotice' in client).toBe(false);
});
