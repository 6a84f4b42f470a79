import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import { expireOrder } from '../../src/resolvers/order-expiry.ts';
import { eventually, startTestApp, type As, type TestApp } from '../helpers/app.ts';
import { brokenLaws } from '../helpers/books.ts';
import { Desk, StandingClock } from '../helpers/diary.ts';
import { buy, purseOf, redeem, setRules, tillOfNewCustomer } from '../helpers/loyalty.ts';
import { rawId } from '../helpers/shop.ts';
import { DEMO_TENANT, giveWallet } from '../helpers/wallet.ts';
import type { Till } from '../payments/till.ts';

/** No money comes into the wallet of somebody who was erased, whichever way it takes (TEN-10): nobody could ever spend it. */
let world: TestApp;
let desk: Desk;
let till: Till;
beforeAll(async () => {
  world = await startTestApp({ worker: false });
  await world.owner('update portal_configs set rate_limit_per_minute = 1000000');
  desk = await Desk.open(world, new StandingClock(new Date().toISOString()));
  till = await tillOfNewCustomer(world);
});
afterEach(async () => {
  expect(await brokenLaws(world)).toEqual({});
});
afterAll(() => world.stop());

const codesOf = ({ userErrors }: any): string[] => userErrors.map(({ code }: any) => code);
const adjust = (customerId: string, amount: string) =>
  desk.mutate('adjustWallet', { customerId, amount, reason: 'a test' }, desk.admin, 'userErrors { code field }');
async function erase(customerId: string): Promise<void> {
  const input = { customerId, reason: 'ASKED_FOR' };
  const { userErrors } = await desk.mutate('eraseCustomer', input, desk.shop.operator, 'userErrors { code details }');
  expect(userErrors).toEqual([]);
}

/** Lets a request come while the customer is being erased, which is over before it goes on. */
async function whileErased<T>(customerId: string, ask: () => Promise<T>): Promise<T> {
  const eraser = new pg.Client({ connectionString: world.database.ownerUrl });
  await eraser.connect();
  try {
    await eraser.query('begin');
    await eraser.query(
      'update users set erased_at = now(), active = false, first_name = null, last_name = null, phone = null, email = id::text where id = $1',
      [rawId(customerId)],
    );
    const answer = ask();
    await eventually(
      () => world.owner("select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"),
      (waiting) => waiting.length > 0,
    );
    await eraser.query('commit');
    return await answer;
  } finally {
    await eraser.end();
  }
}

test('an adjustment that waits for an erasure gives nothing', async () => {
  till = await tillOfNewCustomer(world);
  const answer = await whileErased(till.customerId, () => adjust(till.customerId, '100.00'));
  expect(answer.userErrors).toEqual([{ code: 'INVALID_STATE', field: ['input', 'customerId'] }]);
  expect(await purseOf(till)).toMatchObject({ wallet: 0 });
});

test('what is in the wallet of somebody who was erased is taken out by an adjustment, and nothing is put in', async () => {
  till = await tillOfNewCustomer(world);
  await erase(till.customerId);
  await giveWallet(world, rawId(till.customerId), 500n);
  expect(codesOf(await adjust(till.customerId, '0.01'))).toEqual(['INVALID_STATE']);
  expect(codesOf(await adjust(till.customerId, '-5.01'))).toEqual(['INSUFFICIENT_BALANCE']);
  expect(codesOf(await adjust(till.customerId, '-5.00'))).toEqual([]);
  expect(await purseOf(till)).toMatchObject({ wallet: 0 });
});

test('points that are redeemed while their customer is erased stay points', async () => {
  till = await tillOfNewCustomer(world);
  await setRules(world, { pointsEnabled: true, pointsPerUnit: '1', redemptionRate: '0.1', redeemPointsMin: 1 });
  await buy(till);
  const before = await purseOf(till);
  expect(before.points).toBeGreaterThan(0);
  const answer = await whileErased(till.customerId, () => redeem(till, before.points));
  expect(codesOf(answer)).toEqual(['NOT_FOUND']);
  expect(await purseOf(till)).toEqual(before);
});

test('a booking paid by wallet and cancelled after its customer was erased is left to a person', async () => {
  await setRules(world, {});
  const { operator, customer, customerId } = desk.shop;
  await desk.hours('00:00', '23:59');
  await desk.rules({ minAdvanceHours: 0 });
  const productId = await desk.service();
  const [slot] = await desk.slots(productId, new Date(Date.now() + 2 * 86_400_000).toISOString().slice(0, 10));
  const booking = await desk.booked(productId, slot.start, customer);
  const [{ total }] = await world.owner('select total_minor::text as total from orders where id = $1', [
    rawId(booking.order.id),
  ]);
  await giveWallet(world, rawId(customerId), BigInt(total));
  const methodId = Buffer.from('PaymentMethod:WALLET:balance').toString('base64url');
  const pay = { orderId: booking.order.id, methodId };
  expect(codesOf(await desk.mutate('payOrder', pay, customer, 'userErrors { code }'))).toEqual([]);
  const past = "starts_at = starts_at - interval '7 days', ends_at = ends_at - interval '7 days'";
  await world.owner(`update bookings set ${past} where id = $1`, [rawId(booking.id)]);
  await erase(customerId);
  expect(codesOf(await desk.cancel(booking.id, operator))).toEqual([]);
  expect(await world.owner('select status, sync_status from bookings where id = $1', [rawId(booking.id)])).toEqual([
    { status: 'CANCELLED', sync_status: 'NEEDS_ATTENTION' },
  ]);
  const wallet = await world.owner(
    "select balance_minor::text as balance from ledger_accounts where kind = 'WALLET' and holder_id = $1",
    [rawId(customerId)],
  );
  expect(wallet).toEqual([{ balance: '0' }]);
  expect(await world.owner("select from refunds where target = 'WALLET'")).toEqual([]);
});

/** An order whose money comes after its end and after its customer was erased: it is held. @returns the payment's global id */
async function paidTooLate(orderId: string): Promise<string> {
  const sale = await till.startPaying(orderId);
  const later = { ...world.app, clock: { now: () => new Date(Date.now() + 400 * 86_400_000) } };
  await world.owner('update orders set expires_at = now() where id = $1 and expires_at is null', [sale.orderUuid]);
  await expireOrder(later, { tenantId: DEMO_TENANT, customerId: null }, sale.orderUuid);
  await erase(till.customerId);
  await till.atGateway(sale, 'pay');
  await till.webhook(sale, 'paid');
  expect((await till.books(sale.orderUuid)).payments).toMatchObject([{ status: 'UNDER_REVIEW' }]);
  return sale.paymentId;
}
const decide = (paymentId: string, decision: string, as: As = desk.shop.operator) =>
  desk.mutate(
    'resolvePaymentReview',
    { paymentId, decision, reason: 'a test' },
    as,
    'payment { status } userErrors { code }',
  );

test('a top-up paid after its customer was erased is not accepted: the money stays held until it is given back', async () => {
  till = await tillOfNewCustomer(world);
  await setRules(world, { topUpEnabled: true, topUpMin: '10.00', topUpMax: '500.00' });
  const input = { type: 'TOP_UP', items: [{ quantity: 1, unitPrice: '100.00' }] };
  const { order } = await desk.mutate('createOrder', input, till.customer, 'order { id } userErrors { code }');
  const paymentId = await paidTooLate(order.id);
  expect(codesOf(await decide(paymentId, 'ACCEPT'))).toEqual(['INVALID_STATE']);
  expect(await purseOf(till)).toMatchObject({ wallet: 0 });
  expect(await decide(paymentId, 'REFUND')).toEqual({ payment: { status: 'UNDER_REVIEW' }, userErrors: [] });
});

test('a sale honoured late for somebody who was erased earns them nothing', async () => {
  till = await tillOfNewCustomer(world);
  await setRules(world, { cashbackEnabled: true, cashbackPercent: '5', pointsEnabled: true, pointsPerUnit: '1' });
  const paymentId = await paidTooLate(await till.issuedOrder('100.00'));
  expect(await decide(paymentId, 'ACCEPT')).toEqual({ payment: { status: 'PAID' }, userErrors: [] });
  expect(await purseOf(till)).toMatchObject({ wallet: 0, pending: 0, points: 0 });
});
