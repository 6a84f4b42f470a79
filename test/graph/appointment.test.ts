import { randomUUID } from 'node:crypto';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { expireOrder } from '../../src/resolvers/order-expiry.ts';
import { startTestApp, type As, type TestApp } from '../helpers/app.ts';
import { brokenLaws } from '../helpers/books.ts';
import { brokenDiary, Desk, StandingClock } from '../helpers/diary.ts';
import { rawId } from '../helpers/shop.ts';
import { DEMO_TENANT, giveWallet } from '../helpers/wallet.ts';

/** Booking, moving and giving up a time (TEN-9), from the graph to the rows. The demo tenant is in Cairo. */
const NOW = '2026-11-21T06:00:00Z';
const NINE = '2026-11-28T07:00:00.000Z';
const ELEVEN = '2026-11-28T08:45:00.000Z';
const HALF_PAST = '2026-11-28T10:30:00.000Z';
const HOUR_MS = 3_600_000;
const clock = new StandingClock(NOW);
let world: TestApp;
let desk: Desk;
let talk: string;
let customer: As;
let operator: As;
beforeAll(async () => {
  world = await startTestApp({ clock, worker: false, environment: { DATABASE_POOL_SIZE: '8' } });
  desk = await Desk.open(world, clock);
  ({ customer, operator } = desk.shop);
  await world.owner('update portal_configs set rate_limit_per_minute = 1000000');
  await desk.hours('09:00', '14:00');
});
afterAll(() => world.stop());
beforeEach(async () => {
  await turnTo(Date.parse(NOW));
  await desk.rules({
    advanceBookingDays: 30,
    minAdvanceHours: 2,
    maxAdvanceDays: 60,
    slotDurationMinutes: 90,
    bufferMinutes: 15,
    capacity: 1,
    cancelNoticeHours: 24,
    holdMinutes: 30,
    maxUnpaidAppointments: 1_000,
  });
  talk = await desk.service({ resources: [1], stock: 10 });
});
afterEach(async () => {
  expect(await brokenDiary(world)).toEqual({});
  expect(await brokenLaws(world)).toEqual({});
});

/** Sessions end meanwhile, so everybody signs in again. */
async function turnTo(ms: number): Promise<void> {
  clock.nowMs = ms;
  world.forgetSessions();
  desk = await Desk.open(world, clock);
  ({ customer, operator } = desk.shop);
}

const forCustomer = () => ({ customerId: desk.shop.customerId });
const refusal = ({ booking, userErrors }: any) => [booking, userErrors[0]?.code, userErrors[0]?.details?.rule];

/** The customer's wallet pays at once. */
async function pay(orderId: string, amountMinor = 50_000n): Promise<void> {
  await giveWallet(world, rawId(desk.shop.customerId), amountMinor);
  const { paymentMethods } = await world.data(
    customer,
    'query ($id: ID!) { paymentMethods(orderId: $id) { id kind } }',
    { id: orderId },
  );
  const methodId = paymentMethods.find(({ kind }: { kind: string }) => kind === 'WALLET').id;
  const answer = await desk.mutate(
    'payOrder',
    { orderId, methodId },
    customer,
    'payment { status } userErrors { code }',
  );
  expect(answer).toEqual({ payment: { status: 'PAID' }, userErrors: [] });
}
async function paid(start: string): Promise<any> {
  const booking = await desk.booked(talk, start);
  await pay(booking.order.id);
  return booking;
}
const balance = async () =>
  (
    await world.owner("select -balance_minor as minor from ledger_accounts where kind = 'WALLET' and holder_id = $1", [
      rawId(desk.shop.customerId),
    ])
  )[0]?.minor;

describe('bookAppointment', () => {
  test('takes the time with its buffer and the stock, and makes an order that is kept for the hold', async () => {
    const booking = await desk.booked(talk, NINE, customer, { notes: 'by the window' });
    expect(booking).toMatchObject({
      status: 'PENDING',
      start: NINE,
      end: '2026-11-28T08:30:00.000Z',
      order: { status: 'ISSUED', expiresAt: '2026-11-21T06:30:00.000Z' },
    });
    expect(await desk.allocations(booking.id)).toMatchObject([
      { unit: 1, ends_at: new Date('2026-11-28T08:30:00Z'), until: new Date('2026-11-28T08:45:00Z') },
    ]);
    expect(await desk.stock(talk)).toBe(9);
    const { node } = await world.data(
      customer,
      'query ($id: ID!) { node(id: $id) { ... on Booking { kind notes amount { amount } order { type total { amount } items { description quantity } } } } }',
      { id: booking.id },
    );
    expect(node).toEqual({
      kind: 'APPOINTMENT',
      notes: 'by the window',
      amount: { amount: '500.00' },
      order: { type: 'APPOINTMENT', total: { amount: '500.00' }, items: [{ description: 'A talk', quantity: 1 }] },
    });
    expect(await desk.shown(talk, '2026-11-28')).toEqual(['10:45', '12:30']);
    expect(await desk.moves(booking.id)).toEqual(['PENDING>PENDING']);
  });

  test('is confirmed by its payment, and at once where it costs nothing', async () => {
    const booking = await paid(NINE);
    expect((await desk.booking(booking.id)).status).toBe('CONFIRMED');
    expect(await desk.moves(booking.id)).toEqual(['PENDING>PENDING', 'PENDING>CONFIRMED']);
    const free = await desk.booked(await desk.service({ price: 0n, resources: [1] }), NINE);
    expect(free).toMatchObject({ status: 'CONFIRMED', order: { status: 'PAID' } });
  });

  test('refuses customers what is not offered, too soon, too far ahead or taken, with what is free instead', async () => {
    await desk.booked(talk, ELEVEN, await desk.newCustomer());
    const answers = new Map<string, unknown>();
    for (const start of [
      ELEVEN,
      '2026-11-28T07:30:00Z',
      '2026-11-28T03:00:00Z',
      '2026-11-21T07:00:00Z',
      '2026-12-22T07:00:00Z',
    ])
      answers.set(start, refusal(await desk.book(talk, start)));
    expect([...answers.values()]).toEqual([
      [null, 'TIME_TAKEN', 'TAKEN'],
      [null, 'TIME_NOT_OFFERED', 'GRID'],
      [null, 'TIME_NOT_OFFERED', 'HOURS'],
      [null, 'OUTSIDE_NOTICE', 'NOTICE'],
      [null, 'TIME_NOT_OFFERED', 'HORIZON'],
    ]);
    const [{ details, field }] = (await desk.book(talk, ELEVEN)).userErrors;
    expect(field).toEqual(['input', 'start']);
    expect(details.alternatives).toHaveLength(5);
    expect(details.alternatives).toContain(NINE);
    expect(details.alternatives).toContain(HALF_PAST);
    for (const start of details.alternatives) expect((await desk.whyNot(talk, start)).available).toBe(true);
    expect(await desk.stock(talk)).toBe(9);
  });

  test('lets staff book for a customer at any minute, also outside the hours, and what it overlaps is taken', async () => {
    const early = await desk.booked(talk, '2026-11-28T06:20:00Z', operator, forCustomer());
    expect(early.status).toBe('PENDING');
    expect(await desk.shown(talk, '2026-11-28')).toEqual(['10:45', '12:30']);
    expect(refusal(await desk.book(talk, '2026-11-28T08:04:00Z', operator, forCustomer()))).toEqual([
      null,
      'TIME_TAKEN',
      'BUFFER',
    ]);
    expect(refusal(await desk.book(talk, NINE, operator, {}))[1]).toBe('INVALID_INPUT');
    expect(refusal(await desk.book(talk, '2026-11-28T09:00:30Z', operator, forCustomer()))[1]).toBe('INVALID_INPUT');
    expect(
      refusal(await desk.book(talk, NINE, customer, { customerId: desk.shop.node('User', randomUUID()) }))[1],
    ).toBe('NOT_FOUND');
  });

  test('chooses whoever is free, up to the capacity of each', async () => {
    const pair = await desk.service({ resources: [1, 2] });
    for (const left of [2, 1, 0]) {
      await desk.booked(pair, NINE);
      const [first] = await desk.shown(pair, '2026-11-28');
      expect(first).toBe(left === 0 ? '10:45 x3' : left === 1 ? '09:00' : `09:00 x${left}`);
    }
    expect(refusal(await desk.book(pair, NINE))[1]).toBe('TIME_TAKEN');
  });

  test('takes the tenant’s default place where a service has none, and services share it', async () => {
    await world.owner("update resources set active = true where code = 'default'");
    const [one, other] = [await desk.service({ capacity: 2 }), await desk.service({ capacity: 1 })];
    const day = '2026-12-05T07:00:00.000Z';
    await desk.booked(other, day);
    expect(await desk.shown(one, '2026-12-05')).toContain('09:00');
    await desk.booked(one, day);
    expect(refusal(await desk.book(one, day))[1]).toBe('TIME_TAKEN');
    expect(refusal(await desk.book(other, day))[1]).toBe('TIME_TAKEN');
  });

  test('sells the last one once', async () => {
    const last = await desk.service({ resources: [5], stock: 1 });
    await desk.booked(last, NINE);
    expect(refusal(await desk.book(last, NINE))).toEqual([null, 'OUT_OF_STOCK', 'OUT_OF_STOCK']);
  });
});

test('of many customers at once exactly as many as there is room get a time; all others are told the same, with times that are free', async () => {
  const [people, room] = [60, 3];
  const crowded = await desk.service({ resources: [1, room - 1] });
  const callers = await Promise.all(Array.from({ length: 10 }, () => desk.newCustomer()));
  const answers = await Promise.all(
    Array.from({ length: people }, (_, index) => desk.book(crowded, NINE, callers[index % 10]!)),
  );
  expect(answers.filter(({ booking }) => booking !== null)).toHaveLength(room);
  const losers = answers.filter(({ booking }) => booking === null);
  expect(new Set(losers.map(({ userErrors }) => userErrors.map(({ code }: { code: string }) => code).join()))).toEqual(
    new Set(['TIME_TAKEN']),
  );
  for (const { userErrors } of losers) expect(userErrors[0].details.alternatives).toContain(ELEVEN);
  expect(await desk.stock(crowded)).toBe(1_000 - room);
  const [{ count }] = await world.owner(
    "select count(*)::int from orders where type = 'APPOINTMENT' and status = 'DRAFT'",
  );
  expect(count).toBe(0);
});

test('what others write past every lock is refused by the database itself, and told as a time that is taken', async () => {
  // Somebody who does not lock: their row is not committed when ours is looked for.
  const own = await desk.booked(talk, ELEVEN);
  const [{ resource_id: resource }] = await world.owner('select resource_id from allocations where booking_id = $1', [
    rawId(own.id),
  ]);
  const { default: pg } = await import('pg');
  const stranger = new pg.Client(world.database.ownerUrl);
  await stranger.connect();
  await stranger.query('begin');
  await stranger.query(
    `insert into allocations (tenant_id, id, resource_id, unit, booking_id, during, starts_at, ends_at)
     values ($1, gen_random_uuid(), $2, 1, $3, tstzrange($4, $5), $4, $5)`,
    [DEMO_TENANT, resource, rawId(own.id), NINE, '2026-11-28T08:00:00Z'],
  );
  const booking = desk.book(talk, NINE, await desk.newCustomer());
  const waiting =
    'select count(*)::int as count from pg_stat_activity where wait_event_type = $1 and query like $2 and datname = current_database()';
  while ((await world.owner(waiting, ['Lock', 'insert into allocations%']))[0].count === 0)
    await new Promise(setImmediate);
  await stranger.query('commit');
  const answer = await booking;
  expect(refusal(answer)).toEqual([null, 'TIME_TAKEN', 'TAKEN']);
  expect(answer.userErrors[0].details.alternatives).toContain(HALF_PAST);
  await stranger.query('delete from allocations where booking_id = $1 and starts_at = $2', [rawId(own.id), NINE]);
  await stranger.end();
});

describe('a hold', () => {
  const expire = (orderId: string) =>
    expireOrder(world.app, { tenantId: DEMO_TENANT, customerId: null }, rawId(orderId));

  test('ends by itself at its very end: time and stock are free again', async () => {
    const { id, order } = await desk.booked(talk, NINE);
    clock.nowMs += 30 * 60_000 - 1;
    await expire(order.id);
    expect((await desk.booking(id)).status).toBe('PENDING');
    clock.nowMs += 1;
    await expire(order.id);
    expect(await desk.booking(id)).toMatchObject({ status: 'CANCELLED', cancel_reason: 'Its order was not paid.' });
    expect(await desk.allocations(id)).toEqual([]);
    expect(await desk.stock(talk)).toBe(10);
    await expire(order.id);
    expect(await desk.stock(talk)).toBe(10);
    expect(await desk.moves(id)).toEqual(['PENDING>PENDING', 'PENDING>CANCELLED']);
    await desk.booked(talk, NINE, await desk.newCustomer());
  });

  test('that lapsed while its customer paid keeps no money: it is held, and can not be accepted for a time that is gone', async () => {
    const { id, order } = await desk.booked(talk, NINE);
    const methodId = await desk.shop.methodId(order.id);
    const answer = 'payment { id paymentUrl } userErrors { code }';
    const { payment } = await desk.mutate('payOrder', { orderId: order.id, methodId }, customer, answer);
    await turnTo(clock.nowMs + 30 * 60_000);
    await expire(order.id);
    const { invoices } = await world.simulators.book(desk.shop.account);
    const started = {
      orderId: order.id,
      paymentId: payment.id,
      id: rawId(payment.id),
      paymentUrl: payment.paymentUrl,
      invoice: invoices.at(-1)!,
    };
    await desk.shop.paid(started);
    expect((await desk.shop.paymentRow(started.id)).status).toBe('UNDER_REVIEW');
    expect((await desk.shop.review(payment.id, 'ACCEPT')).userErrors).toEqual([{ code: 'INVALID_STATE' }]);
    expect((await desk.shop.review(payment.id, 'REFUND')).userErrors).toEqual([]);
    expect((await desk.booking(id)).status).toBe('CANCELLED');
  });

  test('that is over is not begun again by paying for it, whether anybody has noticed yet or not', async () => {
    const { id, order } = await desk.booked(talk, NINE);
    await giveWallet(world, rawId(desk.shop.customerId), 50_000n);
    const before = await balance();
    const methodId = await desk.shop.methodId(order.id);
    const wallet = Buffer.from('PaymentMethod:WALLET:balance').toString('base64url');
    const pay = async (input: object) => {
      const answer = await desk.mutate('payOrder', { orderId: order.id, ...input }, customer, 'userErrors { code }');
      return answer.userErrors.map(({ code }: { code: string }) => code);
    };
    const tries = [{ methodId: wallet }, { methodId }, { methodId, walletAmount: '100.00' }];
    await turnTo(clock.nowMs + 30 * 60_000);
    for (const input of tries) expect(await pay(input)).toEqual(['ORDER_NOT_PAYABLE']);
    expect(await desk.booking(id)).toMatchObject({ status: 'PENDING' });
    await expire(order.id);
    for (const input of tries) expect(await pay(input)).toEqual(['ORDER_NOT_PAYABLE']);
    expect(await desk.booking(id)).toMatchObject({ status: 'CANCELLED' });
    expect(await desk.allocations(id)).toEqual([]);
    const made = await world.owner(
      'select (select count(*)::int from payments where order_id = $1) as payments, (select count(*)::int from ledger_holds where created_at >= $2) as holds',
      [rawId(order.id), clock.now()],
    );
    expect([made, await balance()]).toEqual([[{ payments: 0, holds: 0 }], before]);
    await desk.booked(talk, NINE, await desk.newCustomer());
  });

  test('that was kept and is over is paid without being begun again', async () => {
    const { id, order } = await desk.booked(talk, NINE);
    await desk.setStatus(id, 'CONFIRMED');
    await turnTo(Date.parse(NINE) + 2 * HOUR_MS);
    await desk.setStatus(id, 'NO_SHOW');
    const places = await desk.allocations(id);
    await pay(order.id);
    expect(await desk.booking(id)).toMatchObject({ status: 'NO_SHOW' });
    expect(await desk.allocations(id)).toEqual(places);
    expect(await desk.stock(talk)).toBe(9);
  });

  test('ends with its order, too, when somebody cancels that', async () => {
    const { id, order } = await desk.booked(talk, NINE);
    await desk.mutate('cancelOrder', { orderId: order.id }, customer, 'userErrors { code }');
    expect((await desk.booking(id)).status).toBe('CANCELLED');
    expect(await desk.shown(talk, '2026-11-28')).toContain('09:00');
    expect(await desk.stock(talk)).toBe(10);
  });

  test('confirmed by an operator is kept unpaid, and its order can not be cancelled beneath it', async () => {
    const { id, order } = await desk.booked(talk, NINE);
    expect((await desk.setStatus(id, 'CONFIRMED')).booking).toMatchObject({
      status: 'CONFIRMED',
      order: { expiresAt: null },
    });
    await turnTo(clock.nowMs + 2 * HOUR_MS);
    await expire(order.id);
    expect((await desk.booking(id)).status).toBe('CONFIRMED');
    const { userErrors } = await desk.mutate('cancelOrder', { orderId: order.id }, operator, 'userErrors { code }');
    expect(userErrors).toEqual([{ code: 'INVALID_STATE' }]);
    expect((await desk.cancel(id, operator)).booking.order.status).toBe('CANCELLED');
  });

  test('that is over is owed for: nobody cancels its order, whoever came or not', async () => {
    const { id, order } = await desk.booked(talk, NINE);
    await desk.setStatus(id, 'CONFIRMED');
    await turnTo(Date.parse(NINE) + 2 * HOUR_MS);
    expect((await desk.setStatus(id, 'NO_SHOW')).booking.status).toBe('NO_SHOW');
    const { userErrors } = await desk.mutate('cancelOrder', { orderId: order.id }, customer, 'userErrors { code }');
    expect(userErrors).toEqual([{ code: 'INVALID_STATE' }]);
    expect(await desk.stock(talk)).toBe(9);
  });

  test('is held for payment no longer than until it begins, wherever it is moved', async () => {
    await desk.rules({ minAdvanceHours: 0, holdMinutes: 10_080 });
    const booking = await desk.booked(talk, ELEVEN);
    expect(booking.order.expiresAt).toBe('2026-11-28T06:00:00.000Z');
    const input = { bookingId: booking.id, start: '2026-11-27T07:00:00.000Z' };
    expect((await desk.mutate('rescheduleAppointment', input, customer)).booking.order.expiresAt).toBe(
      '2026-11-27T07:00:00.000Z',
    );
  });
});

describe('cancelBooking', () => {
  test('gives up what nobody paid, whenever that is', async () => {
    await desk.rules({ minAdvanceHours: 0 });
    await turnTo(Date.parse(NINE) - HOUR_MS);
    const at = await desk.booked(talk, NINE);
    expect((await desk.cancel(at.id)).booking).toMatchObject({ status: 'CANCELLED', order: { status: 'CANCELLED' } });
    expect(await desk.allocations(at.id)).toEqual([]);
    expect(await desk.stock(talk)).toBe(10);
  });

  test('gives a customer’s money back up to the very moment that the notice begins, and not after it', async () => {
    const before = Number((await balance()) ?? 0);
    const first = await paid(NINE);
    const second = await paid(ELEVEN);
    await turnTo(Date.parse(NINE) - 24 * HOUR_MS);
    expect((await desk.cancel(first.id)).booking).toMatchObject({ status: 'CANCELLED', order: { status: 'REFUNDED' } });
    expect(Number(await balance())).toBe(before + 50_000);
    await turnTo(Date.parse(ELEVEN) - 24 * HOUR_MS + 1);
    const late = await desk.cancel(second.id);
    expect(late.userErrors).toMatchObject([{ code: 'OUTSIDE_NOTICE', details: { cancelNoticeHours: 24 } }]);
    expect((await desk.booking(second.id)).status).toBe('CONFIRMED');
    expect((await desk.cancel(second.id, operator)).booking).toMatchObject({
      status: 'CANCELLED',
      order: { status: 'REFUNDED' },
    });
    expect(Number(await balance())).toBe(before + 100_000);
    expect(await desk.stock(talk)).toBe(10);
    expect((await desk.cancel(second.id, operator)).userErrors).toEqual([]);
  });

  test('of somebody else’s appointment finds nothing', async () => {
    const { id } = await desk.booked(talk, NINE);
    const stranger = await desk.newCustomer();
    expect((await desk.cancel(id, stranger)).userErrors).toMatchObject([{ code: 'NOT_FOUND' }]);
    expect((await desk.move(id, ELEVEN, stranger)).userErrors).toMatchObject([{ code: 'NOT_FOUND' }]);
  });
});

describe('rescheduleAppointment', () => {
  test('moves it in one step: the old time is free, the new one taken, paid as it was', async () => {
    const { id } = await paid(NINE);
    const moved = await desk.move(id, HALF_PAST);
    expect(moved.booking).toMatchObject({
      status: 'CONFIRMED',
      start: HALF_PAST,
      end: '2026-11-28T12:00:00.000Z',
      order: { status: 'PAID' },
    });
    expect(await desk.shown(talk, '2026-11-28')).toEqual(['09:00', '10:45']);
    expect(await desk.moves(id)).toEqual(['PENDING>PENDING', 'PENDING>CONFIRMED', 'CONFIRMED>CONFIRMED']);
    expect(await desk.stock(talk)).toBe(9);
  });

  test('is not in its own way, but in nobody else’s either', async () => {
    const { id } = await desk.booked(talk, NINE);
    await desk.booked(talk, HALF_PAST, await desk.newCustomer());
    expect((await desk.move(id, '2026-11-28T07:40:00Z', operator)).booking.start).toBe('2026-11-28T07:40:00.000Z');
    expect(refusal(await desk.move(id, '2026-11-28T09:00:00Z', operator))).toEqual([null, 'TIME_TAKEN', 'BUFFER']);
    expect(refusal(await desk.move(id, HALF_PAST))).toEqual([null, 'TIME_TAKEN', 'TAKEN']);
    expect(refusal(await desk.move(id, '2026-11-28T09:00:00Z'))).toEqual([null, 'TIME_NOT_OFFERED', 'GRID']);
    expect((await desk.booking(id)).starts_at).toEqual(new Date('2026-11-28T07:40:00Z'));
  });

  test('is too late for a customer when cancelling is, and never for an operator', async () => {
    await desk.rules({ cancelNoticeHours: 24 * 7 });
    const { id } = await desk.booked(talk, NINE);
    expect(Date.parse(NINE) - 7 * 24 * HOUR_MS).toBeGreaterThan(clock.nowMs);
    await turnTo(Date.parse(NINE) - 7 * 24 * HOUR_MS);
    expect((await desk.move(id, ELEVEN)).userErrors).toEqual([]);
    await desk.rules({ cancelNoticeHours: 24 * 8 });
    expect((await desk.move(id, NINE)).userErrors).toMatchObject([{ code: 'OUTSIDE_NOTICE' }]);
    expect((await desk.move(id, NINE, operator)).userErrors).toEqual([]);
  });

  test('of what is over is refused', async () => {
    const { id } = await desk.booked(talk, NINE);
    await desk.cancel(id);
    expect((await desk.move(id, ELEVEN)).userErrors).toMatchObject([{ code: 'INVALID_STATE' }]);
  });
});

describe('updateBookingStatus of an appointment', () => {
  test('says who came and who did not, once it has begun', async () => {
    await desk.rules({ minAdvanceHours: 0 });
    const soon = '2026-11-21T07:00:00.000Z';
    const { id } = await paid(soon);
    expect((await desk.setStatus(id, 'COMPLETED')).userErrors).toMatchObject([{ code: 'INVALID_STATE' }]);
    await turnTo(Date.parse(soon));
    expect((await desk.setStatus(id, 'COMPLETED')).booking.status).toBe('COMPLETED');
    expect((await desk.setStatus(id, 'NO_SHOW')).booking.status).toBe('NO_SHOW');
    expect((await desk.cancel(id, operator)).userErrors).toMatchObject([{ code: 'INVALID_STATE' }]);
    expect((await desk.setStatus(id, 'CANCELLED')).userErrors).toMatchObject([{ code: 'INVALID_STATE' }]);
    expect(await desk.allocations(id)).toHaveLength(1);
  });

  test('cancels with the money back, and knows no failure', async () => {
    const before = Number((await balance()) ?? 0);
    const { id } = await paid(NINE);
    expect((await desk.setStatus(id, 'FAILED')).userErrors).toMatchObject([{ code: 'INVALID_STATE' }]);
    expect((await desk.setStatus(id, 'CANCELLED')).booking).toMatchObject({
      status: 'CANCELLED',
      order: { status: 'REFUNDED' },
    });
    expect(Number(await balance())).toBe(before + 50_000);
    expect(await desk.shown(talk, '2026-11-28')).toContain('09:00');
  });
});

test('two who want each other’s time at once end with a time each, whatever comes of it', async () => {
  const one = await desk.booked(talk, NINE);
  const other = await desk.booked(talk, ELEVEN);
  await Promise.all([desk.move(one.id, ELEVEN), desk.move(other.id, NINE)]);
  expect([...(await desk.allocations(one.id)), ...(await desk.allocations(other.id))]).toHaveLength(2);
});

test('a customer’s transaction takes and frees no time, and returns no stock, for a booking that is not theirs', async () => {
  const { id, order } = await desk.booked(talk, NINE);
  const stranger = { tenantId: DEMO_TENANT, customerId: randomUUID() };
  const owner = { tenantId: DEMO_TENANT, customerId: rawId(desk.shop.customerId) };
  const [place] = await world.owner('select resource_id from allocations where booking_id = $1', [rawId(id)]);
  const take = (scope: typeof owner) =>
    world.app.db.write(scope, (tx) =>
      tx.query(
        `insert into allocations (tenant_id, id, resource_id, unit, booking_id, during, starts_at, ends_at)
         values ($1, gen_random_uuid(), $2, 7, $3, tstzrange($4, $5), $4, $5) returning id`,
        [DEMO_TENANT, place.resource_id, rawId(id), NINE, ELEVEN],
      ),
    );
  const free = (scope: typeof owner) =>
    world.app.db.write(scope, (tx) => tx.query('delete from allocations where unit = 7 returning id'));
  const putBack = (scope: typeof owner) =>
    world.app.db.write(scope, (tx) =>
      tx.query('update stock_takings set returned_at = now() where order_id = $1 returning order_id', [
        rawId(order.id),
      ]),
    );
  await expect(take(stranger)).rejects.toThrow(/row-level security/);
  expect(await take(owner)).toHaveLength(1);
  expect(await free(stranger)).toEqual([]);
  expect(await free(owner)).toHaveLength(1);
  expect(await putBack(stranger)).toEqual([]);
  expect(await putBack(owner)).toHaveLength(1);
  await world.owner('update stock_takings set returned_at = null where order_id = $1', [rawId(order.id)]);
});
