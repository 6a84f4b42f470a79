import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  BOOKER,
  CREDENTIALS,
  GUESTS,
  ORION,
  PRODUCT,
  errorOf,
  inDays,
  startBooking,
  stayBody,
  type Booking,
} from '../helpers/booking.ts';

/**
 * The sandbox itself, spoken to by hand: what it checks is the vendor's (travel-providers.md 2 and 5.2), so nothing here
 * comes from our client.
 */
let booking: Booking;
let aheadMs = 0;
const now = (): Date => new Date(Date.now() + aheadMs);

beforeAll(async () => void (booking = await startBooking({ now })));
afterAll(() => booking.stop());
beforeEach(async () => {
  aheadMs = 0;
  await booking.register();
  await booking.scenario([], `simulator ${expect.getState().currentTestName}`);
});

describe('the envelope', () => {
  test('is checked from the outside in: path, method, headers, who, and only then the body', async () => {
    const nobody = { authorization: undefined, 'x-affiliate-id': undefined };
    expect(errorOf(await booking.post('/nothing', '{', nobody))).toEqual([404, 'not_found']);
    expect(errorOf(await booking.post('/3.1/accommodations/search', '{', nobody))).toEqual([404, 'not_found']);
    const got = await fetch(`${booking.baseUrl}/accommodations/search`);
    expect(got.status).toBe(405);
    const wrong = { ...nobody, accept: 'text/html', 'content-type': 'text/plain' };
    expect((await booking.post('/orders/preview', '{', wrong)).status).toBe(406);
    expect((await booking.post('/orders/preview', '{', { ...wrong, accept: undefined })).status).toBe(415);
    expect((await booking.post('/orders/preview', '{', nobody)).status).toBe(401);
    expect(errorOf(await booking.post('/orders/preview', '{'))).toEqual([400, 'invalid_request']);
  });

  test.each([
    ['another token', { authorization: 'Bearer bk_test_somebody' }, 401],
    ['no token', { authorization: undefined }, 401],
    ['the token bare', { authorization: CREDENTIALS.API_KEY }, 401],
    ['no affiliate', { 'x-affiliate-id': undefined }, 401],
    ['an affiliate nobody knows', { 'x-affiliate-id': '7654321' }, 403],
  ])('with %s is refused', async (_what, headers, status) => {
    const answer = await booking.post('/common/payments/cards', {}, headers);
    expect(answer.status).toBe(status);
    expect(answer.value).toMatchObject({
      request_id: expect.stringMatching(/^[0-9a-z]{26}$/),
      errors: [{ id: expect.any(String), message: expect.any(String) }],
    });
  });

  test('of an account without permission is refused', async () => {
    await booking.register({ permitted: false });
    expect((await booking.post('/common/payments/cards', {})).status).toBe(403);
  });

  test.each([
    '/common/payments/cards',
    '/common/payments/currencies',
    '/common/languages',
    '/common/locations/airports',
    '/common/locations/cities',
    '/common/locations/countries',
    '/common/locations/regions',
  ])('%s is a list of ids and names', async (path) => {
    const { status, value } = await booking.post(path, {});
    expect(status).toBe(200);
    expect(value['data']!.length).toBeGreaterThan(5);
    for (const one of value['data']!) expect(one).toMatchObject({ id: expect.anything(), name: expect.anything() });
  });

  test('tells the types of charges', async () => {
    const { value } = await booking.post('/accommodations/constants', { constants: ['charge_types'] });
    expect(value['data']['charge_types'].map(({ id }: { id: number }) => id)).toEqual([21, 22, 46]);
  });
});

describe('the number of calls', () => {
  test('one more than allowed in a minute blocks the account for a minute, without saying how long', async () => {
    await booking.register({ callsPerMinute: 3 });
    const call = () => booking.post('/common/payments/cards', {});
    for (let nth = 0; nth < 3; nth++) expect((await call()).status).toBe(200);
    const refused = await call();
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBeNull();
    expect([...refused.headers.keys()].filter((name) => name.includes('rate'))).toEqual([]);
    aheadMs = 59_000;
    expect((await call()).status).toBe(429);
    aheadMs = 61_000;
    for (let nth = 0; nth < 3; nth++) expect((await call()).status).toBe(200);
    expect((await call()).status).toBe(429);
  });

  test('is counted for each account, begins anew every minute, and refusals of the headers are free', async () => {
    await booking.register({ callsPerMinute: 2 });
    await booking.register({ apiKey: 'bk_test_another', affiliateId: '99', callsPerMinute: 2 }, 'other');
    const other = { authorization: 'Bearer bk_test_another', 'x-affiliate-id': '99' };
    for (let nth = 0; nth < 5; nth++) await booking.post('/common/payments/cards', {}, { 'x-affiliate-id': '1' });
    for (let nth = 0; nth < 2; nth++) expect((await booking.post('/common/payments/cards', {})).status).toBe(200);
    expect((await booking.post('/common/payments/cards', {}, other)).status).toBe(200);
    aheadMs = 61_000;
    expect((await booking.post('/common/payments/cards', {})).status).toBe(200);
  });
});

describe('a search', () => {
  const search = (changes: Record<string, unknown> = {}) =>
    booking.post('/accommodations/search', { ...stayBody(), city: -2140479, ...changes });

  test('tells the cheapest products, and no name or address', async () => {
    const { status, value } = await search({ extras: ['extra_charges', 'products'] });
    expect(status).toBe(200);
    const [orion] = value['data']!;
    expect(orion).toMatchObject({
      id: Number(ORION),
      currency: { accommodation: 'EUR', booker: 'EUR' },
      price: { total: { accommodation_currency: expect.any(Number), booker_currency: expect.any(Number) } },
      products: [{ number_of_adults: 2, children: [], policies: { cancellation: { type: 'non_refundable' } } }],
    });
    expect(JSON.stringify(value)).not.toContain('Hotel');
    const { base, charges, display, total } = orion!['price']! as unknown as {
      base: { booker_currency: number };
      charges: { total_amount: { booker_currency: number }; included_in: { display: boolean } }[];
      display: { booker_currency: number };
      total: { booker_currency: number };
    };
    const sum = charges.reduce((all, one) => all + one.total_amount.booker_currency, base.booker_currency);
    expect(sum).toBeCloseTo(total.booker_currency);
    expect(display).toEqual(total);
  });

  test('tells charges and products only where they are asked for', async () => {
    const { value } = await search();
    expect(Object.keys(value['data']![0]!).toSorted()).toEqual(['currency', 'deep_link_url', 'id', 'price', 'url']);
    expect(Object.keys(value['data']![0]!['price']!)).toEqual(['total']);
  });

  test('tells nothing in a currency nobody named', async () => {
    const { value } = await search({ currency: undefined });
    expect(value['data']![0]).toMatchObject({
      currency: { booker: null },
      price: { total: { booker_currency: null } },
    });
  });

  test.each([
    ['no location', { city: undefined }, 'missing_parameter'],
    ['a city and a country', { country: 'nl' }, 'conflicting_parameters'],
    ['no arrival', { checkin: undefined }, 'missing_parameter'],
    ['an arrival that is no day', { checkin: '2026-02-31' }, 'invalid_parameter'],
    ['a stay of ninety-one nights', { checkout: inDays(151) }, 'invalid_parameter'],
    ['an arrival beyond 500 days', { checkin: inDays(502), checkout: inDays(503) }, 'invalid_parameter'],
    ['an arrival in the past', { checkin: inDays(-5) }, 'invalid_parameter'],
    ['a country in capitals', { booker: { ...BOOKER, country: 'NL' } }, 'invalid_parameter'],
    ['no platform', { booker: { country: 'nl' } }, 'missing_parameter'],
    ['rows that are no multiple of ten', { rows: 15 }, 'invalid_parameter'],
    ['too many rows', { rows: 110 }, 'invalid_parameter'],
    ['an airport in small letters', { city: undefined, airport: 'ams' }, 'invalid_parameter'],
    [
      'a hundred and one properties',
      { city: undefined, accommodations: Array.from({ length: 101 }, (_, id) => id + 1) },
      'invalid_parameter',
    ],
    ['a field of version 3.1', { dormitories: 'exclude' }, 'invalid_parameter'],
    ['more rooms than people', { guests: { number_of_adults: 1, number_of_rooms: 2 } }, 'invalid_parameter'],
    [
      'an allocation of other people',
      { guests: { ...GUESTS, allocation: [{ number_of_adults: 1 }] } },
      'conflicting_parameters',
    ],
    [
      'a price filter without a currency',
      { currency: undefined, filters: { price: { maximum: 10 } } },
      'missing_parameter',
    ],
    ['a page beside something else', { page: 'x' }, 'conflicting_parameters'],
  ])('with %s is a 400 of its own key', async (_what, changes, id) => {
    expect(errorOf(await search(changes))).toEqual([400, id]);
  });

  test('goes on by a signed token that is the whole body, is nobody else’s, and ends after three hours', async () => {
    const first = await booking.post('/accommodations/search', { ...stayBody(), country: 'us', rows: 10 });
    const page = first.value['metadata']!['next_page']!;
    const second = await booking.post('/accommodations/search', { page });
    const ids = [...first.value['data']!, ...second.value['data']!].map(({ id }) => id);
    expect(new Set(ids).size).toBe(20);
    expect(errorOf(await booking.post('/accommodations/search', { page: `${page}x` }))).toEqual([
      400,
      'invalid_parameter',
    ]);
    expect(errorOf(await booking.post('/orders/details', { page }))).toEqual([400, 'invalid_parameter']);
    await booking.register({ apiKey: 'bk_test_another', affiliateId: '99' }, 'other');
    const other = { authorization: 'Bearer bk_test_another', 'x-affiliate-id': '99' };
    expect((await booking.post('/accommodations/search', { page }, other)).status).toBe(400);
    aheadMs = 3 * 3_600_000 - 5_000;
    expect((await booking.post('/accommodations/search', { page })).status).toBe(200);
    aheadMs = 3 * 3_600_000 + 1;
    expect((await booking.post('/accommodations/search', { page })).status).toBe(400);
  });

  test.each([
    ['stars', { rating: { stars: [5] } }, 1],
    ['free cancellation', { cancellation_type: 'free_cancellation' }, 6],
    ['online payment', { payment: { timing: 'pay_online' } }, 5],
    ['no card', { payment: { timing: 'pay_at_the_property', credit_card_required: false } }, 4],
    ['breakfast', { meal_plan: 'breakfast_included' }, 6],
    ['a meal nobody has', { meal_plan: 'full_board' }, 0],
    ['a price nobody has', { price: { maximum: 1 } }, 0],
  ])('filters by %s', async (_what, filters, count) => {
    expect((await search({ filters })).value['data']!.length).toBe(count);
  });

  test('sorts', async () => {
    const { value } = await search({ sort: { by: 'price', direction: 'descending' } });
    const totals = value['data'].map((one: any) => Number(one['price']!['total']!['booker_currency']));
    expect(totals).toEqual(totals.toSorted((one: number, other: number) => other - one));
  });

  test('answers the same for the same seed, and other prices for another', async () => {
    const told = async (seed: string) => {
      await booking.scenario([], seed);
      return (await search({ extras: ['products'] })).text;
    };
    expect(await told('one')).toBe(await told('one'));
    expect(await told('one')).not.toBe(await told('two'));
  });
});

describe('a look at properties', () => {
  const look = (changes: Record<string, unknown> = {}) =>
    booking.post('/accommodations/availability', { ...stayBody(), accommodations: [Number(ORION)], ...changes });

  test('of the sample stay answers what the specification says', async () => {
    const { value } = await look({ extras: ['extra_charges'] });
    const product = value['data']![0]!['products']!.find(
      ({ id }: { id: string }) => id === PRODUCT,
    )! as unknown as Record<string, unknown>;
    const until = `${inDays(58)}T22:00:00+00:00`;
    const eur = (amount: number) => ({ accommodation_currency: amount, booker_currency: amount });
    expect(product).toMatchObject({
      room: '1050736001',
      maximum_occupancy: { adults: 2, children: null, total: 2 },
      policies: {
        cancellation: {
          type: 'free_cancellation',
          free_cancellation_until: until,
          schedule: [
            { from: 'now', price: eur(0) },
            { from: until, price: eur(278.4) },
          ],
        },
        meal_plan: { plan: 'breakfast_included', meals: ['breakfast'] },
      },
      price: { base: eur(240), chargeable_online: eur(261.6), display: eur(278.4), total: eur(278.4) },
    });
  });

  test('recommends one product for each room', async () => {
    const guests = {
      number_of_adults: 3,
      number_of_rooms: 2,
      children: [4],
      allocation: [{ number_of_adults: 1 }, { number_of_adults: 2, children: [4] }],
    };
    const { value } = await look({ guests });
    const { products } = value['data']![0]!['recommendation']!;
    expect(products.map((one: any) => [one['number_of_adults'], one['children']])).toEqual([
      [1, []],
      [2, [4]],
    ]);
  });

  test.each([
    ['fifty-one properties', { accommodations: Array.from({ length: 51 }, (_, id) => id + 1) }, 'invalid_parameter'],
    ['none', { accommodations: undefined }, 'missing_parameter'],
    ['a place', { city: 1 }, 'invalid_parameter'],
    ['the products, which it always tells', { extras: ['products'] }, 'invalid_parameter'],
  ])('with %s is refused', async (_what, changes, id) => expect(errorOf(await look(changes))).toEqual([400, id]));

  test('tells nothing of a property nobody knows, and of one without a free room', async () => {
    expect((await look({ accommodations: [1] })).value['data']).toEqual([]);
    await booking.register({ roomsPerType: 0 });
    expect((await look()).value['data']).toEqual([]);
  });

  test('in production does not know the mock property of the sandbox', async () => {
    await booking.register({ environment: 'production' });
    expect(errorOf(await look())).toEqual([400, 'invalid_parameter']);
    expect((await look({ accommodations: [10_507_401] })).status).toBe(200);
  });
});

describe('details', () => {
  test('tell names by language, and rooms where they are asked for', async () => {
    const body = { accommodations: [Number(ORION), 1], extras: ['rooms'], languages: ['ar', 'xx-xx'] };
    const { value } = await booking.post('/accommodations/details', body);
    expect(value['data']).toMatchObject([
      {
        id: Number(ORION),
        name: { ar: 'Hotel Orion', 'xx-xx': null },
        rooms: [{ id: '1050736001', name: { ar: 'Double Room' } }, {}, {}],
      },
    ]);
    const bare = await booking.post('/accommodations/details', { city: -2140479 });
    expect(bare.value['data']!.length).toBe(6);
    expect(bare.value['data']![0]).not.toHaveProperty('rooms');
    expect(errorOf(await booking.post('/accommodations/details', {}))).toEqual([400, 'missing_parameter']);
  });
});
