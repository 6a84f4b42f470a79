import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { expireOrder } from '../../src/resolvers/order-expiry.ts';
import { startTestApp, type As, type TestApp } from '../helpers/app.ts';
import { brokenLaws } from '../helpers/books.ts';
import { Catalogue } from '../helpers/catalogue.ts';
import { brokenDiary, Desk, StandingClock } from '../helpers/diary.ts';
import { rawId } from '../helpers/shop.ts';
import { DEMO_TENANT, giveWallet } from '../helpers/wallet.ts';

/** How much one customer may keep from everybody else without paying: times of the diary, and stock (TEN-7, TEN-9). */
const clock = new StandingClock('2026-11-21T06:00:00Z');
let world: TestApp;
let desk: Desk;
let catalogue: Catalogue;
let talk: string;
beforeAll(async () => {
  world = await startTestApp({ clock, worker: false, environment: { DATABASE_POOL_SIZE: '8' } });
  desk = await Desk.open(world, clock);
  catalogue = new Catalogue(desk.shop);
  await world.owner('update portal_configs set rate_limit_per_minute = 1000000');
  await desk.hours('00:00', '24:00');
});
afterAll(() => world.stop());
beforeEach(async () => {
  await desk.rules({
    minAdvanceHours: 0,
    slotDurationMinutes: 60,
    bufferMinutes: 0,
    maxUnpaidAppointments: 5,
    maxUnpaidOrders: 5,
  });
  talk = await desk.service({ resources: [40] });
});
afterEach(async () => {
  expect(await brokenDiary(world)).toEqual({});
  expect(await brokenLaws(world)).toEqual({});
});

/** The n-th whole hour of a day. */
const hour = (n: number): string => new Date(Date.parse('2026-11-27T22:00:00Z') + n * 3_600_000).toISOString();
const refused = (what: string, limit: number) => [
  {
    code: 'TOO_MANY_UNPAID',
    field: null,
    details: { rule: what, limit, open: limit },
  },
];

/** Books until nobody is let in any more. @returns what was booked */
async function fill(as: As, count: number): Promise<any[]> {
  const booked = [];
  for (let n = 0; n < count; n += 1) booked.push(await desk.booked(talk, hour(n), as));
  return booked;
}

describe('unpaid appointments', () => {
  test('are five of a customer where the tenant says nothing, the next is refused with the limit, and nobody else is', async () => {
    await world.owner('update booking_rules set max_unpaid_appointments = default where tenant_id = $1', [DEMO_TENANT]);
    const customer = await desk.newCustomer();
    await fill(customer, 5);
    const answer = await desk.book(talk, hour(5), customer);
    expect([answer.booking, answer.userErrors]).toEqual([null, refused('maxUnpaidAppointments', 5)]);
    expect(await desk.stock(talk)).toBe(1_000 - 5);
    await desk.booked(talk, hour(5), await desk.newCustomer());
    await desk.booked(await desk.service({ price: 0n, resources: [1] }), hour(5), customer);
  });

  test('are as many as the tenant says, from 1 on', async () => {
    await desk.rules({ maxUnpaidAppointments: 1 });
    const customer = await desk.newCustomer();
    await fill(customer, 1);
    expect((await desk.book(talk, hour(1), customer)).userErrors).toEqual(refused('maxUnpaidAppointments', 1));
    const set = (input: object) => desk.mutate('updateBookingRules', input, desk.admin, 'userErrors { code field }');
    for (const value of [0, 1_001])
      expect((await set({ maxUnpaidAppointments: value })).userErrors).toEqual([
        { code: 'INVALID_INPUT', field: ['input', 'maxUnpaidAppointments'] },
      ]);
    await expect(world.owner('update booking_rules set max_unpaid_appointments = 0')).rejects.toThrow(
      'booking_rules_caps',
    );
  });

  test('make room when one is cancelled, lapses or is paid', async () => {
    await desk.rules({ maxUnpaidAppointments: 2 });
    const { customer } = desk.shop;
    const [first, second] = await fill(customer, 2);
    expect((await desk.book(talk, hour(2))).userErrors).toEqual(refused('maxUnpaidAppointments', 2));
    await desk.cancel(first.id);
    const third = await desk.booked(talk, hour(2));
    expect((await desk.book(talk, hour(3))).userErrors).toEqual(refused('maxUnpaidAppointments', 2));
    await world.owner('update orders set expires_at = $2 where id = $1', [rawId(second.order.id), clock.now()]);
    await expireOrder(world.app, { tenantId: DEMO_TENANT, customerId: null }, rawId(second.order.id));
    await desk.booked(talk, hour(3));
    await giveWallet(world, rawId(desk.shop.customerId), 50_000n);
    const methodId = Buffer.from('PaymentMethod:WALLET:balance').toString('base64url');
    const pay = { orderId: third.order.id, methodId };
    expect((await desk.mutate('payOrder', pay, customer, 'userErrors { code }')).userErrors).toEqual([]);
    await desk.booked(talk, hour(4));
    expect((await desk.book(talk, hour(5))).userErrors).toEqual(refused('maxUnpaidAppointments', 2));
  });

  test('are no limit for staff, who book for whom they like and confirm what nobody paid', async () => {
    await desk.rules({ maxUnpaidAppointments: 1 });
    const { operator, customerId } = desk.shop;
    const made = [];
    for (let n = 10; n < 14; n += 1) made.push(await desk.booked(talk, hour(n), operator, { customerId }));
    expect((await desk.book(talk, hour(14))).userErrors[0]).toMatchObject({ code: 'TOO_MANY_UNPAID' });
    for (const { id } of made) await desk.setStatus(id, 'CONFIRMED');
    await world.owner("update orders set expires_at = $1 where status = 'ISSUED' and expires_at is not null", [
      clock.now(),
    ]);
    const due = await world.owner("select id from orders where status = 'ISSUED' and expires_at is not null");
    for (const { id } of due) await expireOrder(world.app, { tenantId: DEMO_TENANT, customerId: null }, id);
    await desk.booked(talk, hour(14));
  });

  test('asked for twenty at once by one customer are exactly as many as the limit, and no more of anything was taken', async () => {
    const customer = await desk.newCustomer();
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => desk.book(talk, hour(n), customer)));
    const lost = answers.filter(({ booking }) => booking === null);
    expect(lost).toHaveLength(15);
    for (const { userErrors } of lost) expect(userErrors).toEqual(refused('maxUnpaidAppointments', 5));
    expect(await desk.stock(talk)).toBe(1_000 - 5);
    const [{ count }] = await world.owner(
      'select count(*)::int from allocations a join bookings b on b.id = a.booking_id where b.product_id = $1',
      [rawId(talk)],
    );
    expect(count).toBe(5);
  });

  test('asked for again under the same key are told of, and not counted anew', async () => {
    await desk.rules({ maxUnpaidAppointments: 1 });
    const customer = await desk.newCustomer();
    const first = await desk.booked(talk, hour(0), customer, { idempotencyKey: 'the only one' });
    const again = await desk.booked(talk, hour(0), customer, { idempotencyKey: 'the only one' });
    expect(again.id).toBe(first.id);
  });

  test('too many under a key free it: the same request goes through once one is cancelled', async () => {
    await desk.rules({ maxUnpaidAppointments: 1 });
    const customer = await desk.newCustomer();
    const [first] = await fill(customer, 1);
    const again = () => desk.book(talk, hour(1), customer, { idempotencyKey: 'once there is room' });
    expect((await again()).userErrors).toEqual(refused('maxUnpaidAppointments', 1));
    await desk.cancel(first.id, customer);
    const { booking, userErrors } = await again();
    expect([booking?.status, userErrors]).toEqual(['PENDING', []]);
    expect((await again()).booking.id).toBe(booking.id);
  });
});

describe('unpaid orders of products', () => {
  test('asked for twenty at once by one customer are exactly as many as the limit, and the others took nothing from the stock', async () => {
    const productId = await catalogue.product({ stock: 100 });
    const customer = await catalogue.customer();
    const buy = () => catalogue.buy([{ productId, quantity: 2 }], customer);
    const answers = await Promise.all(Array.from({ length: 20 }, buy));
    const lost = answers.filter(({ order }) => order === null);
    expect(lost).toHaveLength(15);
    for (const { userErrors } of lost) expect(userErrors).toEqual(refused('maxUnpaidOrders', 5));
    expect(await catalogue.stockOf(productId)).toBe(90);
    await catalogue.cancel(answers.find(({ order }) => order !== null).order.id);
    expect((await buy()).userErrors).toEqual([]);
    expect((await buy()).userErrors).toEqual(refused('maxUnpaidOrders', 5));
  });

  test('do not count appointments, nor what costs nothing, and are no limit for staff', async () => {
    await desk.rules({ maxUnpaidOrders: 1, maxUnpaidAppointments: 1 });
    const productId = await catalogue.product({ stock: 100 });
    const customer = await desk.newCustomer();
    await desk.booked(talk, hour(0), customer);
    expect((await catalogue.buy([{ productId, quantity: 1 }], customer)).userErrors).toEqual([]);
    const gift = await catalogue.product({ price: { amount: '0.00', currencyCode: 'EGP' }, stock: 5 });
    expect((await catalogue.buy([{ productId: gift, quantity: 1 }], customer)).userErrors).toEqual([]);
    const { operator, customerId, customer: theirs } = desk.shop;
    for (let n = 0; n < 3; n += 1) {
      const { order } = await catalogue.buy([{ productId, quantity: 1 }], operator, { customerId });
      const issued = await desk.mutate('issueOrder', { orderId: order.id }, operator, 'userErrors { code }');
      expect(issued.userErrors).toEqual([]);
    }
    // What staff made for them is theirs all the same.
    const own = await catalogue.buy([{ productId, quantity: 1 }], theirs);
    expect(own.userErrors).toMatchObject([{ code: 'TOO_MANY_UNPAID', details: { open: 3 } }]);
  });
});
