import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import { expireHold } from '../../src/resolvers/hold-expiry.ts';
import { eventually, startTestApp, type TestApp } from '../helpers/app.ts';
import { brokenLaws } from '../helpers/books.ts';
import { DEMO_TENANT, giveWallet } from '../helpers/wallet.ts';
import { Till, uuidOf, type Sale } from './till.ts';

/** The last phase of two (LOY-1): money that nobody came back for is free again by itself, and none is taken twice for it. */
const HOUR_MS = 3_600_000;
const HOLD_MS = 80 * HOUR_MS;
const SCOPE = { tenantId: DEMO_TENANT, customerId: null };
let world: TestApp;
let till: Till;
let customerId: string;
let movedMs = 0;
beforeAll(async () => {
  world = await startTestApp({ clock: { now: () => new Date(Date.now() + movedMs) } });
  till = await Till.open(world);
  customerId = uuidOf(till.customerId);
});
afterEach(async () => {
  expect(await brokenLaws(world)).toEqual({});
});
afterAll(() => world.stop());

/** Sessions end meanwhile, so everybody signs in again. */
async function move(ms: number): Promise<void> {
  movedMs += ms;
  world.forgetSessions();
  till = await Till.open(world);
}

async function wallet(): Promise<{ balance: number; held: number }> {
  const [row] = await world.owner<{ balance: string; held: string }>(
    "select -balance_minor as balance, held_minor as held from ledger_accounts where kind = 'WALLET' and holder_id = $1",
    [customerId],
  );
  return { balance: Number(row!.balance), held: Number(row!.held) };
}

interface Held extends Sale {
  readonly shareId: string;
}

/** 114.00 at the gateway and from the wallet; nothing else than the hold's own time is left to end it. */
async function saleWithShare(walletMinor: bigint): Promise<Held> {
  const { balance } = await wallet().catch(() => ({ balance: 0 }));
  if (walletMinor !== BigInt(balance)) await giveWallet(world, customerId, walletMinor - BigInt(balance));
  const orderId = await till.issuedOrder('100.00');
  const { payOrder } = await world.data(
    till.customer,
    'mutation ($input: PayOrderInput!) { payOrder(input: $input) { payment { id paymentUrl } userErrors { code } } }',
    { input: { orderId, methodId: await till.methodId(orderId), walletAmount: '30.00' } },
  );
  const paymentUuid = uuidOf(payOrder.payment.id);
  await world.owner('update payments set next_poll_at = null where id = $1', [paymentUuid]);
  const [row] = await world.owner(
    'select p.gateway_reference, p.gateway_key, s.id as share_id from payments p join payments s on s.share_of_id = p.id where p.id = $1',
    [paymentUuid],
  );
  return {
    orderId,
    orderUuid: uuidOf(orderId),
    paymentId: payOrder.payment.id,
    paymentUuid,
    paymentUrl: payOrder.payment.paymentUrl,
    invoiceId: Number(row.gateway_reference),
    invoiceKey: row.gateway_key,
    shareId: row.share_id,
  };
}

async function states({ paymentUuid, shareId }: Held) {
  const rows = await world.owner<{ id: string; status: string }>('select id, status from payments where id = any($1)', [
    [paymentUuid, shareId],
  ]);
  const [hold] = await world.owner('select outcome from ledger_holds where id = $1', [shareId]);
  const status = (id: string) => rows.find((row) => row.id === id)!.status;
  return { payment: status(paymentUuid), share: status(shareId), hold: hold.outcome };
}

test('a hold whose time is over is ended by the worker: the money is free, its share expired, and the payment goes on', async () => {
  const sale = await saleWithShare(5_000n);
  expect(await wallet()).toEqual({ balance: 5_000, held: 3_000 });
  await move(HOLD_MS - HOUR_MS);
  await expireHold(world.app, SCOPE, sale.shareId);
  expect(await states(sale)).toEqual({ payment: 'PENDING', share: 'PENDING', hold: null });
  await move(HOUR_MS);
  expect(await eventually(wallet, ({ held }) => held === 0, 60_000)).toEqual({ balance: 5_000, held: 0 });
  expect(await states(sale)).toEqual({ payment: 'PENDING', share: 'EXPIRED', hold: 'EXPIRED' });
  expect((await till.books(sale.orderUuid)).order).toMatchObject({ status: 'ISSUED', payment_status: 'PENDING' });
  const events = await world.owner(
    "select payload ->> 'previousStatus' as from, payload ->> 'status' as to from events where aggregate_id = $1 order by position",
    [sale.shareId],
  );
  expect(events).toEqual([
    { from: 'UNPAID', to: 'PENDING' },
    { from: 'PENDING', to: 'EXPIRED' },
  ]);
});

test('ending it again, or one of another tenant, does nothing', async () => {
  const sale = await saleWithShare(5_000n);
  await move(HOLD_MS);
  await expireHold(world.app, { ...SCOPE, tenantId: '00000000-0000-4000-8000-0000000000d2' }, sale.shareId);
  await Promise.all([1, 2, 3].map(() => expireHold(world.app, SCOPE, sale.shareId)));
  await expireHold(world.app, SCOPE, sale.shareId);
  const [{ count }] = await world.owner(
    "select count(*)::int as count from events where aggregate_id = $1 and payload ->> 'status' = 'EXPIRED'",
    [sale.shareId],
  );
  expect(count).toBe(1);
  expect(await wallet()).toEqual({ balance: 5_000, held: 0 });
});

test('a payment that is made all the same takes its share from what the wallet has then', async () => {
  const sale = await saleWithShare(3_000n);
  await move(HOLD_MS);
  await expireHold(world.app, SCOPE, sale.shareId);
  await till.atGateway(sale, 'pay');
  expect((await till.webhook(sale, 'paid')).verdict).toBe('ACCEPTED');
  expect((await till.books(sale.orderUuid)).order).toMatchObject({ status: 'PAID', paid: '11400' });
  expect(await wallet()).toEqual({ balance: 0, held: 0 });
  // The hold ended by its time and stays so; that the share counted is told by its payment.
  expect(await states(sale)).toEqual({ payment: 'PAID', share: 'PAID', hold: 'EXPIRED' });
});

test('a payment whose share was spent meanwhile is held for review, and nothing falls below zero', async () => {
  const sale = await saleWithShare(3_000n);
  await move(HOLD_MS);
  await expireHold(world.app, SCOPE, sale.shareId);
  await giveWallet(world, customerId, -2_999n);
  await till.atGateway(sale, 'pay');
  await till.webhook(sale, 'paid');
  expect((await till.books(sale.orderUuid)).order).toMatchObject({ status: 'ISSUED', payment_status: 'UNDER_REVIEW' });
  expect(await wallet()).toEqual({ balance: 1, held: 0 });
});

test('expiring and being paid at the same moment settles the order once, whoever comes first', async () => {
  for (let round = 0; round < 5; round += 1) {
    const sale = await saleWithShare(3_000n);
    await move(HOLD_MS);
    await till.atGateway(sale, 'pay');
    await Promise.all([expireHold(world.app, SCOPE, sale.shareId), till.webhook(sale, 'paid')]);
    expect((await till.books(sale.orderUuid)).order).toMatchObject({ status: 'PAID', paid: '11400' });
    expect(await wallet()).toEqual({ balance: 0, held: 0 });
  }
});
