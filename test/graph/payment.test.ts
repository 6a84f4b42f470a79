import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { App } from '../../src/context.ts';
import { decodeGlobalId } from '../../src/global-id.ts';
import { createContext } from '../../src/request.ts';
import { expireOrder } from '../../src/resolvers/order-expiry.ts';
import { lookUpInquiry } from '../../src/resolvers/inquiry.ts';
import { pollPayment } from '../../src/resolvers/payment-poll.ts';
import { payOrder } from '../../src/resolvers/payment.ts';
import { eventually, startTestApp, type TestApp } from '../helpers/app.ts';
import { brokenLaws } from '../helpers/books.ts';
import { Shop, rawId, type Started } from '../helpers/shop.ts';

/** Starting payments, what holds money under review, and what is recovered when an answer or a process is lost (COM-5, COM-7, COM-9, BEY-3). */
let world: TestApp;
let shop: Shop;
beforeAll(async () => {
  world = await startTestApp({ worker: false });
  shop = await Shop.open(world);
});
afterAll(() => world.stop());

const stateOf = async ({ orderId, id }: Pick<Started, 'orderId' | 'id'>) => {
  const [order, payment] = await Promise.all([shop.orderRow(orderId), shop.paymentRow(id)]);
  return { order: order.status, payment: payment.status, review: payment.review_reason };
};
async function balances(): Promise<Record<string, number>> {
  const text =
    "select kind, sum(balance_minor)::int as sum from ledger_accounts where currency_code = 'EGP' group by 1";
  const rows = await world.owner<{ kind: string; sum: number }>(text);
  return Object.fromEntries(rows.map(({ kind, sum }) => [kind, sum]));
}
/** How the accounts moved meanwhile; those that did not are left out. */
async function moved(work: () => Promise<unknown>): Promise<Record<string, number>> {
  const before = await balances();
  await work();
  const after = await balances();
  const changes = Object.entries(after).map(([kind, sum]) => [kind, sum - (before[kind] ?? 0)] as const);
  return Object.fromEntries(changes.filter(([, change]) => change !== 0));
}
const paymentsOf = (orderId: string) =>
  world.owner('select * from payments where order_id = $1 order by created_at, id', [rawId(orderId)]);

describe('starting a payment', () => {
  test('twice by one method continues the same payment; by another method it is another', async () => {
    const orderId = await shop.issued();
    const first = await shop.pay(orderId);
    const again = await shop.pay(orderId);
    expect(again).toEqual(first);
    const other = await shop.pay(orderId, { kind: 'REFERENCE_CODE' });
    expect(other.payment).toMatchObject({
      status: 'PENDING',
      paymentUrl: null,
      referenceCode: expect.stringMatching(/^\d+$/),
    });
    expect(await paymentsOf(orderId)).toHaveLength(2);
  });

  test('ten times at once: one payment, and the gateway is asked once', async () => {
    const orderId = await shop.issued();
    await shop.methodId(orderId);
    const before = (await world.simulators.book(shop.account)).invoices.length;
    const answers = await Promise.all(Array.from({ length: 10 }, () => shop.pay(orderId)));
    for (const { payment, userErrors } of answers) {
      if (payment) expect(payment.status).toBe('PENDING');
      else expect(userErrors).toMatchObject([{ code: 'PAYMENT_PENDING', details: { retryAt: expect.any(String) } }]);
    }
    expect(await paymentsOf(orderId)).toHaveLength(1);
    expect((await world.simulators.book(shop.account)).invoices).toHaveLength(before + 1);
  });

  test('a draft, a paid, a cancelled and an expired order take none', async () => {
    const draft = await shop.draft();
    const cancelled = await shop.issued();
    await cancel(cancelled);
    const paid = await shop.started();
    await shop.paid(paid);
    const late = await shop.issued();
    await world.owner("update orders set expires_at = now() - interval '1 second' where id = $1", [rawId(late)]);
    for (const orderId of [draft, cancelled, paid.orderId, late]) {
      expect(await shop.pay(orderId)).toMatchObject({ payment: null, userErrors: [{ code: 'ORDER_NOT_PAYABLE' }] });
    }
  });

  test('the gateway refuses: GATEWAY_REJECTED, the payment FAILED, the order still payable', async () => {
    const orderId = await shop.issued();
    const refused = await shop.withFaults([{ operation: 'invoiceInitPay', fault: 'html405' }], () => shop.pay(orderId));
    expect(refused).toMatchObject({ payment: null, userErrors: [{ code: 'GATEWAY_REJECTED' }] });
    expect(await paymentsOf(orderId)).toMatchObject([{ status: 'FAILED' }]);
    const started = await shop.startedOn(orderId);
    await shop.paid(started);
    expect(await stateOf(started)).toMatchObject({ order: 'PAID', payment: 'PAID' });
  });

  test('the gateway is asked for exactly what is due, and told our own id of the payment', async () => {
    const started = await shop.started({ unitPrice: '33.33', quantity: 3, taxRate: '14' });
    expect(started.invoice).toMatchObject({ total: '113.99', currency: 'EGP', payLoad: { payment_id: started.id } });
  });
});

const cancel = async (orderId: string) =>
  (
    await world.data(
      shop.operator,
      'mutation ($input: CancelOrderInput!) { cancelOrder(input: $input) { order { status } userErrors { code } } }',
      { input: { orderId, reason: 'changed my mind' } },
    )
  ).cancelOrder;

describe('money that cannot be booked by itself is held, never revenue', () => {
  test.each([
    ['wrongAmount', 'AMOUNT'],
    ['wrongCurrency', 'CURRENCY'],
  ])('%s: UNDER_REVIEW, the order unpaid, no invoice', async (fault, reason) => {
    const started = await shop.started();
    const change = await moved(() =>
      shop.withFaults([{ operation: 'pay', fault }], async () => {
        await shop.atGateway(started, 'pay');
        expect((await shop.deliver(shop.hook('paid', started.invoice))).verdict).toBe('MISMATCH');
      }),
    );
    expect(await stateOf(started)).toEqual({ order: 'ISSUED', payment: 'UNDER_REVIEW', review: reason });
    expect(await shop.postings(started.id)).toEqual(['REVIEW_HOLD']);
    expect(await shop.invoices(started.orderId)).toEqual([]);
    expect(change['REVENUE']).toBe(undefined);
    expect(await shop.pay(started.orderId)).toMatchObject({ userErrors: [{ code: 'ORDER_NOT_PAYABLE' }] });
    expect(await cancel(started.orderId)).toMatchObject({ userErrors: [{ code: 'INVALID_STATE' }] });
  });

  test('accepting too much pays the order and leaves the rest as credit; accepting again changes nothing', async () => {
    const started = await underReview();
    const change = await moved(() => shop.review(started.paymentId, 'ACCEPT'));
    expect(change).toEqual({ PAYMENTS_UNDER_REVIEW: 10100, REVENUE: -10000, CUSTOMER_CREDIT: -100 });
    expect(await stateOf(started)).toEqual({ order: 'PAID', payment: 'PAID', review: null });
    expect(await shop.invoices(started.orderId)).toHaveLength(1);
    expect(await moved(() => shop.review(started.paymentId, 'ACCEPT'))).toEqual({});
    expect(await shop.review(started.paymentId, 'REFUND')).toMatchObject({ userErrors: [{ code: 'INVALID_STATE' }] });
  });

  test('refunding asks for it once and keeps the money held until the gateway has given it back', async () => {
    const started = await underReview();
    expect(await moved(() => shop.review(started.paymentId, 'REFUND'))).toEqual({});
    expect(await shop.review(started.paymentId, 'REFUND')).toMatchObject({ userErrors: [] });
    expect(await shop.review(started.paymentId, 'ACCEPT')).toMatchObject({ userErrors: [{ code: 'INVALID_STATE' }] });
    expect(await stateOf(started)).toEqual({ order: 'ISSUED', payment: 'UNDER_REVIEW', review: 'AMOUNT' });
    const refunds = await world.owner(
      'select amount_minor::int as amount, status, reason from refunds where payment_id = $1',
      [started.id],
    );
    expect(refunds).toEqual([{ amount: 10100, status: 'REQUESTED', reason: 'looked at' }]);
  });

  test('accept and refund at once: one of them wins, and the books agree with it', async () => {
    const started = await underReview();
    const answers = await Promise.all(
      ['ACCEPT', 'REFUND', 'ACCEPT', 'REFUND'].map((decision) =>
        shop.review(started.paymentId, decision as 'ACCEPT' | 'REFUND'),
      ),
    );
    expect(new Set(answers.map(({ userErrors }) => userErrors[0]?.code ?? 'done'))).toEqual(
      new Set(['done', 'INVALID_STATE']),
    );
    const requested = await world.owner('select 1 from refunds where payment_id = $1', [started.id]);
    const { payment } = await stateOf(started);
    expect([payment, requested.length]).toEqual(payment === 'PAID' ? ['PAID', 0] : ['UNDER_REVIEW', 1]);
  });

  test('money in another currency can only be given back', async () => {
    const started = await shop.started();
    await shop.withFaults([{ operation: 'pay', fault: 'wrongCurrency' }], () => shop.atGateway(started, 'pay'));
    await shop.deliver(shop.hook('paid', started.invoice));
    expect(await shop.review(started.paymentId, 'ACCEPT')).toMatchObject({
      userErrors: [{ code: 'CURRENCY_MISMATCH' }],
    });
    expect(await shop.review(started.paymentId, 'REFUND')).toMatchObject({ userErrors: [] });
  });

  test('a second success on another payment of the order is detected and never revenue', async () => {
    const orderId = await shop.issued();
    const card = await shop.startedOn(orderId);
    const kiosk = await shop.startedOn(orderId, 'REFERENCE_CODE');
    await world.simulators.kiosk(kiosk.invoice.code!, 'pay');
    await shop.atGateway(card, 'pay');
    const change = await moved(async () => {
      await Promise.all([card, kiosk].map((started) => shop.deliver(shop.hook('paid', started.invoice))));
    });
    expect(change).toEqual({ GATEWAY_CLEARING: 20000, REVENUE: -10000, PAYMENTS_UNDER_REVIEW: -10000 });
    const states = [(await stateOf(card)).payment, (await stateOf(kiosk)).payment];
    expect(new Set(states)).toEqual(new Set(['PAID', 'UNDER_REVIEW']));
    const second = states[0] === 'PAID' ? kiosk : card;
    expect(await stateOf(second)).toEqual({ order: 'PAID', payment: 'UNDER_REVIEW', review: 'SECOND_SUCCESS' });
    expect(await shop.invoices(orderId)).toHaveLength(1);
    expect(await moved(() => shop.review(second.paymentId, 'ACCEPT'))).toEqual({
      PAYMENTS_UNDER_REVIEW: 10000,
      CUSTOMER_CREDIT: -10000,
    });
    expect((await shop.orderRow(orderId)).paid_minor).toBe('10000');
  });

  test('an order that was cancelled while its payment was under way: the payment CANCELLED, its money held', async () => {
    const started = await shop.started();
    await cancel(started.orderId);
    expect(await stateOf(started)).toMatchObject({ order: 'CANCELLED', payment: 'CANCELLED' });
    await shop.paid(started);
    expect(await stateOf(started)).toEqual({ order: 'CANCELLED', payment: 'UNDER_REVIEW', review: 'ORDER_CANCELLED' });
    expect(await shop.invoices(started.orderId)).toEqual([]);
  });

  test('an order that had expired when its money came: held, and honoured when an operator accepts', async () => {
    const started = await shop.started();
    await world.owner("update orders set expires_at = now() - interval '1 second' where id = $1", [
      rawId(started.orderId),
    ]);
    await expireOrder(world.app, shop.scope, rawId(started.orderId));
    expect(await stateOf(started)).toMatchObject({ order: 'EXPIRED', payment: 'CANCELLED' });
    await shop.paid(started);
    expect(await stateOf(started)).toEqual({ order: 'EXPIRED', payment: 'UNDER_REVIEW', review: 'LATE_AFTER_EXPIRY' });
    expect(await moved(() => shop.review(started.paymentId, 'ACCEPT'))).toEqual({
      PAYMENTS_UNDER_REVIEW: 10000,
      REVENUE: -10000,
    });
    expect(await stateOf(started)).toEqual({ order: 'PAID', payment: 'PAID', review: null });
  });

  test('an order that expires asks the gateway first: money that is there is settled, not held', async () => {
    const started = await shop.started();
    await shop.atGateway(started, 'pay');
    await world.owner("update orders set expires_at = now() - interval '1 second' where id = $1", [
      rawId(started.orderId),
    ]);
    await expireOrder(world.app, shop.scope, rawId(started.orderId));
    expect(await stateOf(started)).toEqual({ order: 'PAID', payment: 'PAID', review: null });
  });

  test('cancelling and paying at once end consistently, whoever is first', async () => {
    for (let round = 0; round < 4; round += 1) {
      const started = await shop.started();
      await shop.atGateway(started, 'pay');
      await Promise.all([cancel(started.orderId), shop.deliver(shop.hook('paid', started.invoice))]);
      const { order, payment } = await stateOf(started);
      expect(['PAID PAID', 'CANCELLED UNDER_REVIEW']).toContain(`${order} ${payment}`);
    }
  });

  async function underReview(): Promise<Started> {
    const started = await shop.started();
    await shop.withFaults([{ operation: 'pay', fault: 'wrongAmount' }], () => shop.atGateway(started, 'pay'));
    await shop.deliver(shop.hook('paid', started.invoice));
    return started;
  }
});

describe('a lost answer', () => {
  const OPERATION =
    'query ($key: String!) { operation(key: $key) { status mutation userErrors { code } inquiry { id resolution attempts } result { id } } }';

  test.each(['resetAfter', 'truncated', 'status5xxAfter'])(
    '%s: OUTCOME_UNKNOWN, an inquiry, and the orphan is found by its webhook',
    async (fault) => {
      const orderId = await shop.issued();
      const idempotencyKey = `lost-${fault}`;
      const lost = await shop.withFaults([{ operation: 'invoiceInitPay', fault }], () =>
        shop.pay(orderId, { idempotencyKey }),
      );
      expect(lost).toMatchObject({
        payment: null,
        userErrors: [{ code: 'OUTCOME_UNKNOWN', details: { inquiryId: expect.any(String) } }],
      });
      const [{ id }] = await paymentsOf(orderId);
      expect(await shop.pay(orderId, { idempotencyKey })).toMatchObject({ userErrors: [{ code: 'OUTCOME_UNKNOWN' }] });
      const asked = (await world.data(shop.customer, OPERATION, { key: idempotencyKey })).operation;
      expect(asked).toMatchObject({ status: 'UNKNOWN', mutation: 'payOrder', result: null });
      const [inquiry] = await world.owner('select * from inquiries where about_id = $1', [id]);
      expect(inquiry).toMatchObject({ resolution: 'OPEN', about_type: 'Payment', reason: 'INITIATION_ANSWER_LOST' });
      const orphan = await shop.invoiceOf(id);
      const started: Started = { orderId, id, paymentId: shop.node('Payment', id), paymentUrl: '', invoice: orphan };
      expect((await shop.paid(started)).verdict).toBe('ACCEPTED');
      expect(await shop.paymentRow(id)).toMatchObject({ status: 'PAID', gateway_reference: String(orphan.invoiceId) });
      await lookUpInquiry(world.app, shop.scope, inquiry.id);
      expect((await world.data(shop.customer, OPERATION, { key: idempotencyKey })).operation).toMatchObject({
        status: 'SUCCEEDED',
        result: { id: started.paymentId },
      });
      expect(await world.owner('select resolution from inquiries where id = $1', [inquiry.id])).toEqual([
        { resolution: 'DONE' },
      ]);
    },
  );

  test('an orphan of somebody else is not taken for it', async () => {
    const lost = await shop.issued();
    await shop.withFaults([{ operation: 'invoiceInitPay', fault: 'resetBefore' }], () => shop.pay(lost));
    const [{ id }] = await paymentsOf(lost);
    const other = await shop.started();
    await shop.atGateway(other, 'pay');
    const reply = await shop.deliver(shop.hook('paid', { ...other.invoice, payLoad: { payment_id: id } }));
    expect(reply.verdict).not.toBe('UNKNOWN_PAYMENT');
    expect(await shop.paymentRow(id)).not.toMatchObject({ status: 'PAID' });
  });
});

describe('a process that dies', () => {
  /** The same parts, but the gateway's answer never comes: as if the process ended in the middle of the call. */
  function dying(call: 'initiate' | 'lookUp'): App {
    const gateways = new Proxy(world.app.gateways, {
      get: (target, name) => {
        if (name === call) return () => new Promise(() => undefined);
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    return { ...world.app, gateways };
  }

  async function contextOf(app: App) {
    const { accessToken } = await world.session('customer');
    const identity = await world.app.auth.identify({
      apiKey: null,
      authorization: `Bearer ${accessToken}`,
      origin: null,
      tenantSlug: null,
    });
    return createContext(app, identity, 'dying');
  }

  test('between its two transactions leaves the intent; the payment is asked for again once it is certain that nobody has its address', async () => {
    const orderId = await shop.issued();
    const methodId = await shop.methodId(orderId);
    void payOrder(await contextOf(dying('initiate')), { orderId, methodId, idempotencyKey: 'died' });
    const [left] = await eventually(
      () => paymentsOf(orderId),
      (rows) => rows.length === 1,
    );
    expect(left).toMatchObject({ status: 'PENDING', gateway_reference: null, payment_url: null });
    expect(left.next_poll_at).not.toBe(null);
    expect(await shop.pay(orderId)).toMatchObject({ userErrors: [{ code: 'PAYMENT_PENDING' }] });
    await world.owner("update payments set created_at = created_at - interval '31 seconds' where id = $1", [left.id]);
    await world.owner("update operations set lease_until = now() - interval '1 second' where key = 'died'");
    expect(await pollPayment(world.app, shop.scope, left.id)).toBe('UNKNOWN');
    const started = await shop.startedOn(orderId);
    expect(started.id).not.toBe(left.id);
    expect(await shop.paymentRow(left.id)).toMatchObject({ status: 'FAILED', failure_reason: 'ANSWER_LOST' });
    await shop.paid(started);
    expect(await stateOf(started)).toMatchObject({ order: 'PAID', payment: 'PAID' });
  });

  test('no outside call is made while a transaction is open: the attempt is a defect that shows', async () => {
    const connection = (await world.app.gateways.connect(shop.tenantId, 'FAWATERK'))!;
    const asked = () => world.app.gateways.lookUp('FAWATERK', connection, '1', 500);
    await expect(world.app.db.write(shop.scope, asked)).rejects.toThrow('while a database transaction was open');
    await expect(world.app.db.read(shop.scope, asked)).rejects.toThrow('while a database transaction was open');
    expect((await asked()).kind).toBe('notDone');
  });

  test('global ids of payments say nothing but type and id', async () => {
    const started = await shop.started();
    expect(decodeGlobalId(started.paymentId)).toEqual({ typeName: 'Payment', id: started.id });
  });
});

test('after all of this the books still agree', async () => {
  expect(await brokenLaws(world)).toEqual({});
});
