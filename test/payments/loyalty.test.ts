import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { creditCashback, expirePoints } from '../../src/resolvers/loyalty-due.ts';
import { settleRefund } from '../../src/resolvers/refund-settle.ts';
import { settle } from '../../src/resolvers/settlement.ts';
import { startWorker } from '../../src/jobs/worker.ts';
import { eventually, startTestApp, type TestApp } from '../helpers/app.ts';
import { brokenLaws } from '../helpers/books.ts';
import { buy, giveBack, purseOf, redeem, setRules, tillOfNewCustomer } from '../helpers/loyalty.ts';
import { DEMO_TENANT, giveWallet } from '../helpers/wallet.ts';
import { uuidOf, type Till } from './till.ts';

/** What orders earn and refunds take back (LOY-3, LOY-4). */
let world: TestApp;
let till: Till;
beforeAll(async () => {
  // No worker: the jobs are run by the tests, when and as often as they like.
  world = await startTestApp({ worker: false });
});
beforeEach(async () => {
  till = await tillOfNewCustomer(world);
  await setRules(world, BOTH);
});
afterEach(async () => {
  await world.simulators.scenario({ account: world.facts.tenantSlug, rules: [] });
  expect(await brokenLaws(world)).toEqual({});
});
afterAll(() => world.stop());

const BOTH = {
  pointsEnabled: true,
  pointsPerUnit: '1',
  pointsExpireDays: 365,
  redemptionRate: '0.1',
  redeemPointsMin: 1,
  cashbackEnabled: true,
  cashbackPercent: '5',
  cashbackPendingDays: 14,
  earnOnTax: true,
};
const scope = { tenantId: DEMO_TENANT, customerId: null };
/** The app some days later. */
const later = (days: number) => ({
  ...world.app,
  clock: { now: () => new Date(Date.now() + days * 86_400_000) },
});
const credit = (orderUuid: string, days = 15) => creditCashback(later(days), scope, orderUuid);
const lapse = (orderUuid: string, days = 366) => expirePoints(later(days), scope, orderUuid);
const lotOf = async (orderUuid: string) =>
  (await world.owner('select * from loyalty_lots where order_id = $1', [orderUuid]))[0];
const kindsOf = async (subject: string) =>
  (await world.owner('select kind from ledger_transactions where subject_id = $1 order by kind', [subject])).map(
    ({ kind }) => kind,
  );
async function spendWallet(amountMinor: bigint): Promise<void> {
  await giveWallet(world, uuidOf(till.customerId), -amountMinor);
}

describe('a paid order', () => {
  test('earns points at once and cashback that is pending, on what was paid with tax', async () => {
    const { orderUuid } = await buy(till);
    expect(await purseOf(till)).toMatchObject({ points: 114, pending: 570, wallet: 0, credited: 0 });
    const lot = await lotOf(orderUuid);
    expect([lot.points, lot.points_remaining, lot.cashback_minor, lot.cashback_pending_minor]).toEqual([
      '114',
      '114',
      '570',
      '570',
    ]);
    expect(lot.points_expire_at - lot.earned_at).toBe(365 * 86_400_000);
    expect(lot.cashback_due_at - lot.earned_at).toBe(14 * 86_400_000);
  });

  test('earns once, however often and at once its webhook comes', async () => {
    const sale = await till.sale();
    await till.atGateway(sale, 'pay');
    await Promise.all(Array.from({ length: 10 }, () => till.webhook(sale, 'paid')));
    expect(await purseOf(till)).toMatchObject({ points: 114, pending: 570 });
    expect(await kindsOf(sale.orderUuid)).toEqual(['CASHBACK_EARNED', 'POINTS_EARNED']);
  });

  test('earns without its tax where the rules say so', async () => {
    await setRules(world, { ...BOTH, earnOnTax: false });
    await buy(till);
    expect(await purseOf(till)).toMatchObject({ points: 100, pending: 500 });
  });

  test('earns on the wallet’s share as on the gateway’s', async () => {
    await giveWallet(world, uuidOf(till.customerId), 20_000n);
    const orderId = await till.issuedOrder('100.00');
    const { payment } = await till.pay(orderId, await till.methodId(orderId, 'Wallet'));
    expect(payment?.status).toBe('PAID');
    expect(await purseOf(till)).toMatchObject({ points: 114, pending: 570, wallet: 8_600 });
    const shared = await till.issuedOrder('100.00');
    const { payOrder } = await world.data(
      till.customer,
      'mutation ($input: PayOrderInput!) { payOrder(input: $input) { payment { paymentUrl } } }',
      { input: { orderId: shared, methodId: await till.methodId(shared), walletAmount: '30.00' } },
    );
    await world.simulators.act(payOrder.payment.paymentUrl, 'pay');
    await till.until(uuidOf(shared), ({ order }) => order.status === 'PAID');
    expect(await purseOf(till)).toMatchObject({ points: 228, pending: 1_140, wallet: 5_600 });
  });

  test('that an operator accepts from review earns on what really came', async () => {
    const sale = await till.sale();
    await world.app.db.write(scope, (tx) =>
      settle(tx, world.app, {
        paymentId: sale.paymentUuid,
        claim: null,
        fact: { status: 'PAID', amountMinor: 5_019n, currencyCode: 'EGP' },
        amountRule: 'EQUAL',
      }),
    );
    expect(await purseOf(till)).toMatchObject({ points: 0, pending: 0 });
    const { resolvePaymentReview } = await world.data(
      till.operator,
      'mutation ($input: ResolvePaymentReviewInput!) { resolvePaymentReview(input: $input) { payment { status } userErrors { code } } }',
      { input: { paymentId: sale.paymentId, decision: 'ACCEPT', reason: 'fine' } },
    );
    expect(resolvePaymentReview.payment.status).toBe('PAID');
    expect((await till.books(sale.orderUuid)).order).toMatchObject({ status: 'PAID', paid: '5019' });
    expect(await purseOf(till)).toMatchObject({ points: 50, pending: 250 });
    expect(await giveBack(till, sale.paymentId)).toEqual([]);
    expect(await purseOf(till)).toMatchObject({ points: 0, pending: 0, wallet: 5_019 });
  });

  test('earns nothing where the rules are off, or where it cost nothing', async () => {
    await till.issuedOrder('0.00');
    expect(await world.owner('select 1 from loyalty_lots where customer_id = $1', [uuidOf(till.customerId)])).toEqual(
      [],
    );
    await setRules(world, {});
    const { orderUuid } = await buy(till);
    expect(await lotOf(orderUuid)).toBeUndefined();
    expect(await purseOf(till)).toMatchObject({ points: 0, pending: 0 });
  });
});

describe('cashback', () => {
  test('comes into the wallet when the return period is over, once, however often the job runs', async () => {
    const { orderUuid } = await buy(till);
    await credit(orderUuid, 13);
    expect(await purseOf(till)).toMatchObject({ pending: 570, wallet: 0 });
    await Promise.all([credit(orderUuid), credit(orderUuid), credit(orderUuid)]);
    await credit(orderUuid);
    expect(await purseOf(till)).toMatchObject({ pending: 0, wallet: 570, credited: 570 });
    const events = await world.owner(
      "select payload from events where aggregate_id = $1 and type = 'loyalty.changed'",
      [orderUuid],
    );
    expect(events.map(({ payload }) => payload)).toEqual([
      { v: 1, customerId: uuidOf(till.customerId), kind: 'CASHBACK_CREDITED' },
    ]);
  });

  test('is found by the scheduler when it is due, and points when they run out', async () => {
    const { orderUuid } = await buy(till);
    const dueIn = async (days: number) =>
      (
        await world.app.db.lookUp<{ kind: string; id: string }>('select kind, id from due_work($1, 1000)', [
          later(days).clock.now(),
        ])
      )
        .filter(({ id }) => id === orderUuid)
        .map(({ kind }) => kind);
    expect(await dueIn(13)).toEqual([]);
    expect(await dueIn(15)).toEqual(['cashback']);
    await credit(orderUuid);
    expect(await dueIn(15)).toEqual([]);
    expect(await dueIn(366)).toEqual(['points']);
    await lapse(orderUuid);
    expect(await dueIn(366)).toEqual([]);
  });
});

describe('in another currency', () => {
  test('an order earns cashback in it, into a wallet of its own, and no points, which have no rate there', async () => {
    const admin = { token: (await world.session('tenantAdmin')).accessToken };
    await world.data(
      admin,
      'mutation ($input: AdjustWalletInput!) { adjustWallet(input: $input) { userErrors { code } } }',
      { input: { customerId: till.customerId, amount: '12.345', currencyCode: 'KWD', reason: 'to pay with' } },
    );
    const { createOrder } = await world.data(
      till.operator,
      'mutation ($input: CreateOrderInput!) { createOrder(input: $input) { order { id } userErrors { code } } }',
      {
        input: {
          type: 'MANUAL_INVOICE',
          customerId: till.customerId,
          currencyCode: 'KWD',
          items: [{ description: [{ locale: 'en', text: 'Tea' }], quantity: 1, unitPrice: '12.345' }],
        },
      },
    );
    const orderId = createOrder.order.id;
    await world.data(
      till.operator,
      'mutation ($input: IssueOrderInput!) { issueOrder(input: $input) { userErrors { code } } }',
      { input: { orderId } },
    );
    expect((await till.pay(orderId, await till.methodId(orderId, 'Wallet'))).payment?.status).toBe('PAID');
    await credit(uuidOf(orderId));
    const { viewer } = await world.data(
      till.customer,
      `{ viewer { user { points { balance } wallet { balance { amount } }
         dinars: wallet(currencyCode: "KWD") { balance { amount } } cashback(currencyCode: "KWD") { available { amount currencyCode } } } } }`,
    );
    // 5 % of 12.345 is 0.61725: rounded down.
    expect(viewer.user).toEqual({
      points: { balance: 0 },
      wallet: { balance: { amount: '0.00' } },
      dinars: { balance: { amount: '0.617' } },
      cashback: { available: { amount: '0.617', currencyCode: 'KWD' } },
    });
  });
});

describe('the worker', () => {
  test('credits what is due and ends points that ran out, by itself', async () => {
    await setRules(world, { ...BOTH, cashbackPendingDays: 0 });
    const { orderUuid } = await buy(till);
    await world.owner("update loyalty_lots set points_expire_at = now() - interval '1 second' where order_id = $1", [
      orderUuid,
    ]);
    const worker = await startWorker(world.app);
    try {
      await eventually(
        () => purseOf(till),
        (purse) => purse.wallet === 570 && purse.points === 0,
      );
    } finally {
      await worker.close();
    }
    expect(await purseOf(till)).toMatchObject({ wallet: 570, credited: 570, pending: 0, points: 0, pointsOwed: 0 });
  });
});

describe('a refund', () => {
  test('of a part leaves the rest of the cashback to be credited', async () => {
    const { orderUuid, paymentId } = await buy(till);
    await giveBack(till, paymentId, '28.50');
    expect(await purseOf(till)).toMatchObject({ pending: 427, wallet: 2_850 });
    await credit(orderUuid);
    expect(await purseOf(till)).toMatchObject({ pending: 0, credited: 427, wallet: 3_277 });
    // Pending first, then the wallet: of what is left now all of it is in the wallet.
    await giveBack(till, paymentId, '28.50');
    expect(await purseOf(till)).toMatchObject({ credited: 285, wallet: 3_277 + 2_850 - 142 });
  });

  test('of all takes everything back: points that are there, cashback that is pending', async () => {
    const { orderUuid, paymentId } = await buy(till);
    expect(await giveBack(till, paymentId)).toEqual([]);
    expect(await purseOf(till)).toEqual({
      wallet: 11_400,
      walletOwed: 0,
      points: 0,
      pointsOwed: 0,
      pending: 0,
      credited: 0,
    });
    await credit(orderUuid);
    await lapse(orderUuid);
    expect(await purseOf(till)).toMatchObject({ wallet: 11_400, points: 0 });
  });

  test('in any parts takes back the refunded part of what was earned, and at the end exactly everything', async () => {
    const { paymentId } = await buy(till, '33.33');
    const before = await purseOf(till);
    expect(before).toMatchObject({ points: 38, pending: 190 });
    const kept = [];
    for (const amount of ['0.01', '12.34', '0.01', undefined]) {
      expect(await giveBack(till, paymentId, amount)).toEqual([]);
      const { points, pending } = await purseOf(till);
      kept.push([points, pending]);
    }
    expect(kept).toEqual([
      [37, 189],
      [25, 128],
      [25, 128],
      [0, 0],
    ]);
  });

  test('after the return period takes credited cashback out of the wallet, as far as it is there, and the rest is owed', async () => {
    const first = await buy(till);
    await credit(first.orderUuid);
    expect(await purseOf(till)).toMatchObject({ wallet: 570, credited: 570 });
    await spendWallet(500n);
    // Through the gateway, so that the refund brings no wallet money of its own.
    await refundAtGateway(first.paymentId);
    expect(await purseOf(till)).toMatchObject({ wallet: 0, walletOwed: 500, credited: 0, pending: 0 });
    // What loyalty brings next pays it back first; the customer's own money does not.
    await giveWallet(world, uuidOf(till.customerId), 1_000n);
    expect(await purseOf(till)).toMatchObject({ wallet: 1_000, walletOwed: 500 });
    const second = await buy(till, '70.00');
    await credit(second.orderUuid);
    expect(await purseOf(till)).toMatchObject({ wallet: 1_000, walletOwed: 101, credited: 399 });
    const third = await buy(till);
    await credit(third.orderUuid);
    expect(await purseOf(till)).toMatchObject({ wallet: 1_469, walletOwed: 0, credited: 969 });
  });

  test('leaves alone what of the wallet is held for a payment', async () => {
    const first = await buy(till);
    await credit(first.orderUuid);
    const orderId = await till.issuedOrder('100.00');
    await world.data(
      till.customer,
      'mutation ($input: PayOrderInput!) { payOrder(input: $input) { payment { id } } }',
      { input: { orderId, methodId: await till.methodId(orderId), walletAmount: '5.00' } },
    );
    await refundAtGateway(first.paymentId);
    expect(await purseOf(till)).toMatchObject({ wallet: 500, walletOwed: 500 });
    await world.data(
      till.operator,
      'mutation ($input: CancelOrderInput!) { cancelOrder(input: $input) { userErrors { code } } }',
      { input: { orderId } },
    );
  });

  test('of points that were spent takes them from other orders’ points, then they are owed, and the next earned pay them back', async () => {
    const first = await buy(till);
    expect((await redeem(till, 114)).userErrors).toEqual([]);
    const second = await buy(till, '50.00');
    expect(await purseOf(till)).toMatchObject({ points: 57, wallet: 1_140 });
    await giveBack(till, first.paymentId, '28.50');
    expect(await purseOf(till)).toMatchObject({ points: 28, pointsOwed: 0 });
    await giveBack(till, first.paymentId);
    expect(await purseOf(till)).toMatchObject({ points: 0, pointsOwed: 57 });
    await buy(till, '40.00');
    expect(await purseOf(till)).toMatchObject({ points: 0, pointsOwed: 12 });
    const fourth = await buy(till);
    expect(await purseOf(till)).toMatchObject({ points: 102, pointsOwed: 0 });
    expect((await lotOf(fourth.orderUuid)).points_remaining).toBe('102');
    await giveBack(till, fourth.paymentId);
    expect(await purseOf(till)).toMatchObject({ points: 0, pointsOwed: 12 });
    expect((await lotOf(second.orderUuid)).points_remaining).toBe('0');
  });

  test('does not take back a second time what ran out', async () => {
    const first = await buy(till);
    await redeem(till, 14);
    await lapse(first.orderUuid);
    expect(await purseOf(till)).toMatchObject({ points: 0 });
    await giveBack(till, first.paymentId, '57.00');
    expect(await purseOf(till)).toMatchObject({ points: 0, pointsOwed: 0 });
    await giveBack(till, first.paymentId);
    // 100 ran out; only the 14 that were spent are owed.
    expect(await purseOf(till)).toMatchObject({ points: 0, pointsOwed: 14 });
  });

  test('and a redemption do not count on points whose time is over, whether or not the job was there', async () => {
    const over = await buy(till);
    const fresh = await buy(till, '50.00');
    await world.owner("update loyalty_lots set points_expire_at = now() - interval '1 second' where order_id = $1", [
      over.orderUuid,
    ]);
    expect((await redeem(till, 58)).userErrors).toMatchObject([
      { code: 'INSUFFICIENT_POINTS', details: { available: 57 } },
    ]);
    // Refused, it changed nothing; done, it ends them as the job would.
    expect(await purseOf(till)).toMatchObject({ points: 171 });
    expect((await redeem(till, 50)).points).toEqual({ balance: 7 });
    expect(await kindsOf(over.orderUuid)).toEqual(['CASHBACK_EARNED', 'POINTS_EARNED', 'POINTS_EXPIRED']);
    await expirePoints(world.app, scope, over.orderUuid);
    await giveBack(till, over.paymentId);
    expect(await purseOf(till)).toMatchObject({ points: 7, pointsOwed: 0 });
    await world.owner("update loyalty_lots set points_expire_at = now() - interval '1 second' where order_id = $1", [
      fresh.orderUuid,
    ]);
    await giveBack(till, fresh.paymentId);
    // Seven ran out, fifty were spent.
    expect(await purseOf(till)).toMatchObject({ points: 0, pointsOwed: 50 });
  });

  test('of an order that was paid before there were rules takes nothing', async () => {
    await setRules(world, {});
    const { paymentId } = await buy(till);
    await setRules(world, BOTH);
    expect(await giveBack(till, paymentId)).toEqual([]);
    expect(await purseOf(till)).toMatchObject({ wallet: 11_400, points: 0, pointsOwed: 0, walletOwed: 0 });
  });
});

/** A refund through the gateway as it ends: it brings the wallet nothing. */
async function refundAtGateway(paymentId: string): Promise<void> {
  const [{ id: refundId }] = await world.owner(
    `insert into refunds (tenant_id, id, payment_id, amount_minor, reason, target, status, requested_by, created_at, sent_at)
     select tenant_id, gen_random_uuid(), id, captured_minor, 'x', 'GATEWAY', 'REQUESTED', 'test', now(), now() from payments where id = $1 returning id`,
    [uuidOf(paymentId)],
  );
  await world.app.db.write(scope, (tx) => settleRefund(tx, world.app, refundId, null));
}

describe('at once', () => {
  const ROUNDS = 6;

  test('two redemptions never spend a point twice', async () => {
    await buy(till);
    const answers = await Promise.all(Array.from({ length: 12 }, () => redeem(till, 50)));
    expect(answers.filter(({ points }) => points !== null)).toHaveLength(2);
    expect(new Set(answers.flatMap(({ userErrors }) => userErrors.map(({ code }) => code)))).toEqual(
      new Set(['INSUFFICIENT_POINTS']),
    );
    expect(await purseOf(till)).toMatchObject({ points: 14, wallet: 1_000 });
  });

  test('a refund against a redemption ends with everything taken back, whoever was first', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      till = await tillOfNewCustomer(world);
      const { paymentId } = await buy(till);
      const [redeemed, refused] = await Promise.all([redeem(till, 100), giveBack(till, paymentId)]);
      expect(refused).toEqual([]);
      const purse = await purseOf(till);
      if (redeemed.points) expect(purse).toMatchObject({ points: 0, pointsOwed: 100, wallet: 12_400 });
      else expect(purse).toMatchObject({ points: 0, pointsOwed: 0, wallet: 11_400 });
    }
  });

  test('expiry against a redemption: the points are spent or gone, never both', async () => {
    await setRules(world, { ...BOTH, pointsExpireDays: 1 });
    for (let round = 0; round < ROUNDS; round += 1) {
      till = await tillOfNewCustomer(world);
      const { orderUuid } = await buy(till);
      const [redeemed] = await Promise.all([redeem(till, 114), lapse(orderUuid, 2), lapse(orderUuid, 2)]);
      const { wallet, points } = await purseOf(till);
      expect([points, wallet]).toEqual([0, redeemed.points ? 1_140 : 0]);
    }
  });

  test('two orders paid while points are owed pay them back once', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      till = await tillOfNewCustomer(world);
      const first = await buy(till);
      await redeem(till, 114);
      await giveBack(till, first.paymentId);
      expect(await purseOf(till)).toMatchObject({ points: 0, pointsOwed: 114 });
      const sales = [await till.sale(), await till.sale()];
      for (const sale of sales) await till.atGateway(sale, 'pay');
      const verdicts = await Promise.all(sales.map((sale) => till.webhook(sale, 'paid')));
      expect(verdicts.map(({ verdict }) => verdict)).toEqual(['ACCEPTED', 'ACCEPTED']);
      expect(await purseOf(till)).toMatchObject({ points: 114, pointsOwed: 0 });
    }
  });

  test('a refund against a payment by wallet: the cashback is taken or owed, and nothing goes below zero', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      till = await tillOfNewCustomer(world);
      const { orderUuid, paymentId } = await buy(till);
      await credit(orderUuid);
      const orderId = await till.issuedOrder('5.00');
      const methodId = await till.methodId(orderId, 'Wallet');
      const [paid] = await Promise.all([till.pay(orderId, methodId), refundAtGateway(paymentId)]);
      const { wallet, walletOwed } = await purseOf(till);
      if (paid.payment) expect([wallet, walletOwed]).toEqual([0, 570]);
      else {
        expect(paid.userErrors).toMatchObject([{ code: 'INSUFFICIENT_BALANCE' }]);
        expect([wallet, walletOwed]).toEqual([0, 0]);
      }
    }
  });

  test('cashback that is credited while its order is refunded is not kept', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      till = await tillOfNewCustomer(world);
      const { orderUuid, paymentId } = await buy(till);
      await Promise.all([credit(orderUuid), giveBack(till, paymentId), credit(orderUuid)]);
      expect(await purseOf(till)).toMatchObject({ wallet: 11_400, walletOwed: 0, pending: 0, credited: 0 });
    }
  });

  test('many refunds, purchases and redemptions of one customer leave no law broken', async () => {
    const sales = [];
    for (let index = 0; index < 4; index += 1) sales.push(await buy(till));
    const open = await till.sale();
    await till.atGateway(open, 'pay');
    await Promise.all([
      ...sales.flatMap(({ paymentId }) => [giveBack(till, paymentId, '38.00'), giveBack(till, paymentId, '57.00')]),
      ...sales.map(({ orderUuid }) => credit(orderUuid)),
      ...Array.from({ length: 4 }, () => redeem(till, 70)),
      till.webhook(open, 'paid'),
      ...sales.map(({ orderUuid }) => lapse(orderUuid)),
    ]);
    expect(await brokenLaws(world)).toEqual({});
  });
});
