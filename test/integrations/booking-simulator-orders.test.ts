import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  CREDENTIALS,
  PRODUCT,
  errorOf,
  inDays,
  orderBody,
  previewBody,
  startBooking,
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
  await booking.scenario([], `simulated orders ${expect.getState().currentTestName}`);
});

async function token(): Promise<string> {
  const { status, value } = await booking.post('/orders/preview', previewBody());
  expect(status).toBe(200);
  return value['data']!['order_token']!;
}

async function made(changes: Record<string, unknown> = {}) {
  const { status, value } = await booking.post('/orders/create', orderBody(await token(), changes));
  expect(status).toBe(200);
  const { order: id, accommodation } = value['data']!;
  return { order: id as string, reservation: accommodation!['reservation'] as string };
}

describe('a preview', () => {
  test('tells the final price, the ways of paying and a token', async () => {
    const { value } = await booking.post('/orders/preview', previewBody());
    const { accommodation } = value['data']!;
    expect(accommodation).toMatchObject({
      price: { total: { booker_currency: 278.4 } },
      general_policies: {
        payment: {
          pay_at_the_property: { method_required: false },
          pay_online_now: { method_required: true, methods: { airplus: true, wallet: true } },
          pay_online_later: null,
        },
      },
      products: [{ id: PRODUCT, occupancy_mismatch: null, policies: { cancellation: [{ from: 'now' }, {}] } }],
    });
  });

  test('names who finds no place', async () => {
    const products = [{ id: PRODUCT, allocation: { number_of_adults: 3, children: [5] } }];
    const { value } = await booking.post('/orders/preview', previewBody({ products }));
    expect(value['data']!['accommodation']!['products']![0]!['occupancy_mismatch']).toEqual({
      allocated: { number_of_adults: 2, children: null },
      unallocated: { number_of_adults: 1, children: [5] },
    });
  });

  test.each([
    ['no accommodation', { accommodation: undefined }, 'missing_parameter'],
    ['a property nobody knows', previewBody({ id: 1 }), 'invalid_parameter'],
    [
      'a product of another property',
      previewBody({ products: [{ id: '1050740001_358188572_2_0_0' }] }),
      'invalid_parameter',
    ],
    ['no product', previewBody({ products: [] }), 'invalid_parameter'],
    ['a currency nobody knows', previewBody({}, { currency: 'XTS' }), 'invalid_parameter'],
  ])('with %s is refused', async (_what, body, id) => {
    expect(errorOf(await booking.post('/orders/preview', body))).toEqual([400, id]);
  });

  test('of rooms that are not there is a conflict', async () => {
    await booking.register({ roomsPerType: 1 });
    const two = { id: PRODUCT, allocation: { number_of_adults: 2 } };
    expect(errorOf(await booking.post('/orders/preview', previewBody({ products: [two, two] })))).toEqual([
      409,
      'order_unavailable',
    ]);
  });
});

describe('an order', () => {
  test('has an id and a reservation, stands in the book with its label, and takes a room', async () => {
    await booking.register({ roomsPerType: 1 });
    const { order: id, reservation } = await made();
    expect(await booking.orders()).toMatchObject([
      { order: id, reservation, label: 'PTL-1', status: 'booked', total: '278.40', currency: 'EUR' },
    ]);
    expect(errorOf(await booking.post('/orders/preview', previewBody()))).toEqual([409, 'order_unavailable']);
  });

  test('needs a token that is its own, is not over, and was not used', async () => {
    const once = await token();
    expect(errorOf(await booking.post('/orders/create', orderBody('x.y')))).toEqual([400, 'invalid_token']);
    expect(errorOf(await booking.post('/orders/create', orderBody(`${once}x`)))).toEqual([400, 'invalid_token']);
    aheadMs = 15 * 60_000 + 1;
    expect(errorOf(await booking.post('/orders/create', orderBody(once)))).toEqual([400, 'expired_token']);
    aheadMs = 0;
    const { value } = await booking.post('/orders/create', orderBody(once));
    const again = await booking.post('/orders/create', orderBody(once));
    expect(errorOf(again)).toEqual([409, 'duplicate_request']);
    expect(again.value['errors']![0]!['reservation']).toBe(value['data']!['accommodation']!['reservation']);
    await booking.register({ reusedToken: 'invalid_token' });
    expect(errorOf(await booking.post('/orders/create', orderBody(once)))).toEqual([400, 'invalid_token']);
  });

  test.each([
    ['no booker', { booker: undefined }, 'missing_parameter'],
    ['no telephone', { booker: { ...orderBody('').booker, telephone: undefined } }, 'missing_parameter'],
    ['no country', { booker: { ...orderBody('').booker, address: {} } }, 'missing_parameter'],
    ['an e-mail that is none', { booker: { ...orderBody('').booker, email: 'mona' } }, 'invalid_parameter'],
    ['no payment', { payment: undefined }, 'missing_parameter'],
    ['a timing the property does not take', { payment: { timing: 'pay_online_later' } }, 'invalid_parameter'],
    ['an online payment by nothing', { payment: { timing: 'pay_online_now' } }, 'missing_parameter'],
    ['airplus without a number', { payment: { timing: 'pay_online_now', method: 'airplus' } }, 'missing_parameter'],
    ['a wallet at the desk', { payment: { timing: 'pay_at_the_property', method: 'wallet' } }, 'invalid_parameter'],
    [
      'half a card',
      { payment: { timing: 'pay_online_now', method: 'card', card: { number: '4111111111111111' } } },
      'missing_parameter',
    ],
    ['other products', { accommodation: { products: [{ id: 'x' }] } }, 'invalid_parameter'],
    [
      'a guest without an e-mail',
      { accommodation: { products: [{ id: PRODUCT, guests: [{ name: 'Mona' }] }] } },
      'missing_parameter',
    ],
  ])('with %s is refused and stands in no book', async (_what, changes, id) => {
    expect(errorOf(await booking.post('/orders/create', orderBody(await token(), changes)))).toEqual([400, id]);
    expect(await booking.orders()).toEqual([]);
  });

  test('keeps and echoes no card', async () => {
    const card = { number: '4111111111111111', cardholder: 'Mona Adel', cvc: '987', expiry_date: '2030-10' };
    await made({ payment: { timing: 'pay_online_now', method: 'card', card } });
    const told = JSON.stringify([
      await booking.orders(),
      await booking.post('/orders/details', {
        currency: 'EUR',
        created: { from: new Date(Date.now() - 60_000).toISOString() },
      }),
    ]);
    expect(told).not.toMatch(/4111111111|\b987\b/);
  });
});

describe('orders read back', () => {
  const read = (body: Record<string, unknown>) => booking.post('/orders/details', { currency: 'EUR', ...body });
  const around = () => ({
    from: new Date(now().getTime() - 60_000).toISOString(),
    to: new Date(now().getTime() + 60_000).toISOString(),
  });

  test('are found by id, by reservation, by when they were made or changed, and by their days', async () => {
    const { order: id, reservation } = await made();
    const days = (day: string) => ({ from: day, to: day });
    for (const filter of [
      { orders: [id] },
      { reservations: [reservation] },
      { created: around() },
      { updated: around() },
      { start: days(inDays(60)) },
      { end: days(inDays(62)) },
    ]) {
      const { value } = await read(filter);
      expect(value['data']).toMatchObject([
        {
          id,
          label: 'PTL-1',
          status: 'booked',
          accommodations: { reservation, number_of_guests: 2 },
          price: { total_price: { booker_currency: 278.4 } },
        },
      ]);
    }
    expect((await read({ orders: ['1'] })).value['data']).toEqual([]);
    expect((await read({ created: around(), services: ['cars'] })).value['data']).toEqual([]);
    const full = await booking.post('/orders/details/accommodations', { reservations: [reservation] });
    expect(full.value['data']).toMatchObject([{ id, checkin: inDays(60), products: [{ allocation: { adults: 2 } }] }]);
  });

  test.each([
    ['no filter', {}, 'missing_parameter'],
    ['two filters', { orders: ['1'], reservations: ['1'] }, 'conflicting_parameters'],
    ['no currency', { orders: ['1'], currency: undefined }, 'missing_parameter'],
    ['eight days', { created: { from: '2026-01-01T00:00:00Z', to: '2026-01-09T00:00:01Z' } }, 'invalid_parameter'],
    [
      'an end before the start',
      { created: { from: '2026-01-02T00:00:00Z', to: '2026-01-01T00:00:00Z' } },
      'invalid_parameter',
    ],
    ['a time without a zone', { created: { from: '2026-01-01T00:00:00' } }, 'invalid_parameter'],
    [
      'the year before last',
      { created: { from: '2020-01-01T00:00:00Z', to: '2020-01-02T00:00:00Z' } },
      'invalid_parameter',
    ],
    ['a hundred and one ids', { orders: Array.from({ length: 101 }, String) }, 'invalid_parameter'],
    ['results that are no multiple of ten', { orders: ['1'], maximum_results: 15 }, 'invalid_parameter'],
    ['a page beside something else', { page: 'x' }, 'conflicting_parameters'],
  ])('with %s are refused', async (_what, changes, id) => expect(errorOf(await read(changes))).toEqual([400, id]));

  test("of another account are nobody's business", async () => {
    const { order: id } = await made();
    await booking.register({ apiKey: 'bk_test_another', affiliateId: '99' }, 'other');
    const other = { authorization: 'Bearer bk_test_another', 'x-affiliate-id': '99' };
    const { value } = await booking.post('/orders/details', { currency: 'EUR', orders: [id] }, other);
    expect(value['data']).toEqual([]);
  });

  test('show late where a drill says so', async () => {
    await booking.scenario([{ operation: 'create', fault: 'lateVisible', ms: 60_000 }]);
    const { order: id } = await made();
    expect((await read({ orders: [id] })).value['data']).toEqual([]);
    aheadMs = 61_000;
    expect((await read({ orders: [id] })).value['data']).toMatchObject([{ id }]);
  });
});

describe('cancelling', () => {
  const cancel = (body: Record<string, unknown>) => booking.post('/orders/cancel', body);

  test('is done at once, frees the room, and is a conflict the second time', async () => {
    await booking.register({ roomsPerType: 1 });
    const { order: id, reservation } = await made();
    const body = { order: id, accommodation: { reservation, reason: 'Traveller changed plans' } };
    expect((await cancel(body)).value['data']).toEqual({ status: 'successful' });
    expect(await booking.orders()).toMatchObject([{ status: 'cancelled_by_guest' }]);
    expect((await cancel(body)).status).toBe(409);
    expect((await booking.post('/orders/preview', previewBody())).status).toBe(200);
  });

  test.each([
    ['no reservation', { accommodation: { reason: 'x' } }, 'missing_parameter'],
    ['no reason', { accommodation: { reservation: '1' } }, 'missing_parameter'],
    ['a reservation nobody knows', { accommodation: { reservation: '1', reason: 'x' } }, 'invalid_parameter'],
  ])('with %s is refused', async (_what, body, id) => expect(errorOf(await cancel(body))).toEqual([400, id]));

  test('of a reservation under another order is refused', async () => {
    const { reservation } = await made();
    expect((await cancel({ order: '1', accommodation: { reservation, reason: 'x' } })).status).toBe(400);
    expect(await booking.orders()).toMatchObject([{ status: 'booked' }]);
  });
});

describe('the sandbox', () => {
  test('answers the same calls with the same ids and tokens for the same seed', async () => {
    const told = async (seed: string) => {
      await booking.scenario([], seed);
      const previewed = await booking.post('/orders/preview', previewBody());
      const created = await booking.post('/orders/create', orderBody(previewed.value['data']['order_token']));
      const filter = { orders: [created.value['data']['order']], currency: 'USD' };
      return [previewed, created, await booking.post('/orders/details', filter)].map(({ text }) => text);
    };
    expect(await told('one')).toEqual(await told('one'));
    expect(await told('one')).not.toEqual(await told('two'));
  });

  test('remembers orders and open tokens over a restart', async () => {
    const first = await startBooking();
    await first.register();
    const open = (await first.post('/orders/preview', previewBody())).value['data']!['order_token']!;
    const used = (await first.post('/orders/preview', previewBody())).value['data']!['order_token']!;
    await first.post('/orders/create', orderBody(used));
    const [before] = await first.orders();
    await first.stop(true);
    const second = await startBooking({ directory: first.directory });
    try {
      expect(await second.orders()).toMatchObject([{ order: before!.order }]);
      expect((await second.post('/orders/create', orderBody(used))).status).toBe(409);
      expect((await second.post('/orders/create', orderBody(open))).status).toBe(200);
    } finally {
      await second.stop();
    }
  });

  test('shows no secret in its book, and says what is wrong with an account', async () => {
    await made();
    expect(JSON.stringify(await booking.orders())).not.toContain(CREDENTIALS.API_KEY);
    await expect(booking.register({}, 'other')).rejects.toThrow('Another account has this API key.');
    await expect(booking.register({ apiKey: 'bk_test_another', affiliateId: 'x' }, 'other')).rejects.toThrow(
      'affiliateId',
    );
  });

  test('answers one property’s desk with what became of the order', async () => {
    await made();
    const [held] = await booking.orders();
    expect(await booking.press(held!, 'noShow')).toEqual({ status: 'no_show' });
    expect(await booking.press(held!, 'vanish')).toMatchObject({ error: expect.any(String) });
  });
});
