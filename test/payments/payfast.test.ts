import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { pollPayment } from '../../src/resolvers/payment-poll.ts';
import { eventually, startTestApp, type TestApp } from '../helpers/app.ts';
import { brokenLaws } from '../helpers/books.ts';
import { PayfastShop, type Begun, type Checkout } from '../helpers/payfast-shop.ts';
import { rawId } from '../helpers/shop.ts';

/** A payment by form from the order to its invoice, over real sockets: our page, the vendor's page, its notification (COM-5 to COM-9). */
let world: TestApp;
let payfast: PayfastShop;
beforeAll(async () => {
  world = await startTestApp({ worker: false });
  payfast = await PayfastShop.open(world);
});
afterAll(() => world.stop());

const settled = (begun: Begun) =>
  eventually(
    () => payfast.stateOf(begun),
    ({ order }) => order === 'PAID',
  );
const verdicts = (id: string) => payfast.shop.verdicts(id);
const poll = (id: string) => pollPayment(world.app, payfast.shop.scope, id);
async function paid(begun?: Begun): Promise<Checkout> {
  const checkout = await payfast.checkedOut(begun);
  await payfast.act(checkout, 'pay');
  await settled(checkout);
  return checkout;
}

describe('the journey', () => {
  test('order, our page, the hosted page, notification: PAID with invoice, ledger and events', async () => {
    const begun = await payfast.begun();
    expect(begun.paymentUrl).toMatch(new RegExp(`^http://127.0.0.1:${world.port}/pay/[\\w.-]+$`));
    expect(await payfast.stateOf(begun)).toEqual({ order: 'ISSUED', shown: 'PENDING', payment: 'PENDING' });
    const checkout = await paid(begun);
    expect(await payfast.stateOf(begun)).toEqual({ order: 'PAID', shown: 'PAID', payment: 'PAID' });
    expect(await payfast.shop.paymentRow(begun.id)).toMatchObject({
      gateway: 'PAYFAST',
      captured_minor: '24990',
      currency_code: 'ZAR',
      gateway_reference: begun.id,
      gateway_key: checkout.transaction,
    });
    expect(await payfast.shop.postings(begun.id)).toEqual(['SETTLEMENT']);
    expect(await payfast.shop.invoices(begun.orderId)).toHaveLength(1);
    expect(await payfast.shop.moves(begun.id)).toEqual(['UNPAID>PENDING', 'PENDING>PAID']);
    expect(await payfast.shop.moves(rawId(begun.orderId))).toEqual(['DRAFT>ISSUED', 'ISSUED>PAID']);
    expect(await verdicts(begun.id)).toEqual(['ACCEPTED']);
    expect(await payfast.linkOf(begun)).toBe(null);
  });

  test('the form asks for exactly what is due and names our own addresses', async () => {
    const begun = await payfast.begun(await payfast.issued('1234.50'));
    const { action, fields } = await payfast.formAt(begun.paymentUrl);
    expect(action).toBe(`${world.simulators.url}/payfast/eng/process`);
    expect(fields).toMatchObject({
      merchant_id: payfast.credentials['MERCHANT_ID'],
      amount: '1234.50',
      m_payment_id: begun.id,
      notify_url: `http://127.0.0.1:${world.port}/webhooks/payments/payfast/${payfast.account}`,
    });
    expect(fields['return_url']).toContain(
      `http://127.0.0.1:${world.port}/pay/return/payfast/${payfast.account}?token=`,
    );
  });

  test('twice by one method continues the same payment under a fresh link, and both links show the same form', async () => {
    const begun = await payfast.begun();
    const again = await eventually(
      () => payfast.begun(begun.orderId),
      ({ paymentUrl }) => paymentUrl !== begun.paymentUrl,
    );
    expect(again.paymentId).toBe(begun.paymentId);
    expect(await payfast.formAt(again.paymentUrl)).toEqual(await payfast.formAt(begun.paymentUrl));
    expect(await payfast.paymentsOf(begun.orderId)).toHaveLength(1);
  });

  test('beginning a payment asks nothing of the vendor, and says nothing about how it does', async () => {
    const before = world.app.gateways.snapshot()['payfast'];
    const deliveries = (await payfast.book()).payments.length;
    await payfast.begun();
    expect(world.app.gateways.snapshot()['payfast']).toEqual(before);
    expect((await payfast.book()).payments).toHaveLength(deliveries);
  });

  test('what the vendor does not take is refused, and the order stays payable', async () => {
    const orderId = await payfast.issued('4.99');
    expect(await payfast.pay(orderId)).toMatchObject({ payment: null, userErrors: [{ code: 'GATEWAY_REJECTED' }] });
    expect(await payfast.paymentsOf(orderId)).toMatchObject([{ status: 'FAILED' }]);
    expect((await payfast.shop.orderRow(orderId)).status).toBe('ISSUED');
  });
});

describe('what does not end in a payment', () => {
  test('a declined attempt: FAILED, the order payable; the page is still open there, and paying it settles', async () => {
    const checkout = await payfast.checkedOut();
    await payfast.act(checkout, 'fail');
    await eventually(
      () => payfast.stateOf(checkout),
      ({ payment }) => payment === 'FAILED',
    );
    expect(await payfast.stateOf(checkout)).toEqual({ order: 'ISSUED', shown: 'FAILED', payment: 'FAILED' });
    await payfast.act(checkout, 'pay');
    await settled(checkout);
    expect(await payfast.shop.moves(checkout.id)).toEqual(['UNPAID>PENDING', 'PENDING>FAILED', 'FAILED>PAID']);
    expect(await payfast.shop.postings(checkout.id)).toEqual(['SETTLEMENT']);
  });

  test('a declined attempt, and a success at the second try whose notification is lost, is found by asking', async () => {
    const checkout = await payfast.checkedOut();
    await payfast.act(checkout, 'fail');
    await eventually(
      () => payfast.stateOf(checkout),
      ({ payment }) => payment === 'FAILED',
    );
    await payfast.silently(checkout, 'pay');
    expect((await payfast.shop.paymentRow(checkout.id)).next_poll_at).not.toBe(null);
    expect(await poll(checkout.id)).toBe('PAID');
    expect(await payfast.stateOf(checkout)).toEqual({ order: 'PAID', shown: 'PAID', payment: 'PAID' });
  });

  test('leaving for the cancel page: nothing is told, nothing moves, and the page can be opened again', async () => {
    const checkout = await payfast.checkedOut();
    await payfast.act(checkout, 'cancel');
    expect(await poll(checkout.id)).toBe('UNKNOWN');
    expect(await payfast.stateOf(checkout)).toEqual({ order: 'ISSUED', shown: 'PENDING', payment: 'PENDING' });
    expect(await verdicts(checkout.id)).toEqual([]);
    await paid(checkout);
  });

  test('a payment by bank transfer waits, and settles when the money has come', async () => {
    const checkout = await payfast.checkedOut();
    await payfast.act(checkout, 'pending');
    await eventually(
      () => verdicts(checkout.id),
      (found) => found.length === 1 && found[0] !== 'RECEIVED',
    );
    expect(await payfast.stateOf(checkout)).toEqual({ order: 'ISSUED', shown: 'PENDING', payment: 'PENDING' });
    await payfast.act(checkout, 'pay');
    await settled(checkout);
  });

  test('nobody comes for three days: EXPIRED by asking, the order payable anew; money that comes later still settles', async () => {
    const checkout = await payfast.checkedOut();
    await world.owner("update payments set created_at = created_at - interval '73 hours' where id = $1", [checkout.id]);
    expect(await poll(checkout.id)).toBe('NOT_PAID');
    expect(await payfast.stateOf(checkout)).toEqual({ order: 'ISSUED', shown: 'EXPIRED', payment: 'EXPIRED' });
    await payfast.act(checkout, 'pay');
    await settled(checkout);
    expect(await payfast.shop.moves(checkout.id)).toEqual(['UNPAID>PENDING', 'PENDING>EXPIRED', 'EXPIRED>PAID']);
  });

  test('an order that is cancelled meanwhile: its money is held, never revenue', async () => {
    const checkout = await payfast.checkedOut();
    await world.data(
      payfast.shop.operator,
      'mutation ($input: CancelOrderInput!) { cancelOrder(input: $input) { userErrors { code } } }',
      { input: { orderId: checkout.orderId } },
    );
    await payfast.act(checkout, 'pay');
    await eventually(
      () => payfast.stateOf(checkout),
      ({ payment }) => payment === 'UNDER_REVIEW',
    );
    expect(await payfast.paymentsOf(checkout.orderId)).toMatchObject([
      { review_reason: 'ORDER_CANCELLED', captured_minor: '24990', gateway_key: checkout.transaction },
    ]);
    expect(await payfast.shop.postings(checkout.id)).toEqual(['REVIEW_HOLD']);
  });
});

describe('a notification that is lost or cannot be confirmed', () => {
  test('lost for good: found in the statement by our id, once (COM-9); when it comes after all it changes nothing', async () => {
    const checkout = await payfast.checkedOut();
    await payfast.silently(checkout, 'pay');
    expect(await poll(checkout.id)).toBe('PAID');
    expect(await payfast.shop.paymentRow(checkout.id)).toMatchObject({
      status: 'PAID',
      captured_minor: '24990',
      gateway_key: checkout.transaction,
    });
    const late = await payfast.deliver(payfast.notification(checkout, 'COMPLETE'));
    expect(late).toEqual({ status: 200, verdict: 'ALREADY_PROCESSED', word: 'already_processed' });
    expect(await payfast.shop.postings(checkout.id)).toEqual(['SETTLEMENT']);
  });

  test('the vendor is silent when asked back: 200 UNCONFIRMED, and asking later settles', async () => {
    const checkout = await payfast.checkedOut();
    const body = payfast.notification(checkout, 'COMPLETE');
    await payfast.silently(checkout, 'pay');
    const reply = await payfast.withFaults([{ operation: 'validate', fault: 'status5xx', status: 503 }], () =>
      payfast.deliver(body),
    );
    expect(reply).toEqual({ status: 200, verdict: 'UNCONFIRMED', word: 'unconfirmed' });
    expect(await payfast.stateOf(checkout)).toEqual({ order: 'ISSUED', shown: 'PENDING', payment: 'PENDING' });
    expect(new Date((await payfast.shop.paymentRow(checkout.id)).next_poll_at).getTime()).toBeLessThanOrEqual(
      world.app.clock.now().getTime(),
    );
    expect(await poll(checkout.id)).toBe('PAID');
    expect(await payfast.deliver(body)).toMatchObject({ status: 200, verdict: 'ALREADY_PROCESSED' });
    expect(await payfast.shop.postings(checkout.id)).toEqual(['SETTLEMENT']);
  });

  test('the same twenty times at once settles once, and all others are told so', async () => {
    const checkout = await payfast.checkedOut();
    const body = payfast.notification(checkout, 'COMPLETE');
    await payfast.silently(checkout, 'pay');
    const replies = await Promise.all(Array.from({ length: 20 }, () => payfast.deliver(body)));
    expect(replies.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(replies.filter(({ verdict }) => verdict === 'ACCEPTED')).toHaveLength(1);
    expect(replies.filter(({ verdict }) => verdict === 'ALREADY_PROCESSED')).toHaveLength(19);
    expect(await payfast.shop.postings(checkout.id)).toEqual(['SETTLEMENT']);
    expect(await payfast.paymentsOf(checkout.orderId)).toHaveLength(1);
  });

  test('X-Forwarded-For says nothing where no proxy is trusted: the peer counts', async () => {
    const checkout = await payfast.checkedOut();
    await payfast.silently(checkout, 'pay');
    const headers = { 'x-forwarded-for': '203.0.113.9' };
    expect(await payfast.deliver(payfast.notification(checkout, 'COMPLETE'), { headers })).toMatchObject({
      verdict: 'ACCEPTED',
    });
  });

  test('the vendor is searched from the day the payment began', async () => {
    const { id } = await payfast.begun();
    const { created_at } = await payfast.shop.paymentRow(id);
    const asked: unknown[] = [];
    const gateways = new Proxy(world.app.gateways, {
      get: (target, name) => {
        if (name === 'lookUp')
          return async (...given: unknown[]) => (asked.push(given.at(-1)), { kind: 'unknown', detail: '' });
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    expect(await pollPayment({ ...world.app, gateways }, payfast.shop.scope, id)).toBe('UNKNOWN');
    expect(asked).toEqual([{ createdAt: created_at, gatewayKey: null }]);
  });

  test('of another amount than was asked for: held for an operator, the order unpaid', async () => {
    const checkout = await payfast.checkedOut();
    await payfast.withFaults([{ operation: 'pay', fault: 'wrongAmount' }], () => payfast.act(checkout, 'pay'));
    await eventually(
      () => payfast.stateOf(checkout),
      ({ payment }) => payment === 'UNDER_REVIEW',
    );
    expect(await payfast.paymentsOf(checkout.orderId)).toMatchObject([
      { review_reason: 'AMOUNT', captured_minor: '25090' },
    ]);
    expect((await payfast.shop.orderRow(checkout.orderId)).status).toBe('ISSUED');
    expect(await verdicts(checkout.id)).toEqual(['MISMATCH']);
  });
});

describe('a form that is paid twice', () => {
  /** The same form in two windows of the browser. */
  async function twoWindows(): Promise<[Checkout, Checkout]> {
    const begun = await payfast.begun();
    const [one, other] = [await payfast.checkedOut(begun), await payfast.checkedOut(begun)];
    expect(one.transaction).not.toBe(other.transaction);
    return [one, other];
  }
  const heldOf = async ({ orderId, id }: Begun) => (await payfast.paymentsOf(orderId)).filter((row) => row.id !== id);

  test('the first settles; the second is a payment of its own, held under review and never revenue', async () => {
    const [one, other] = await twoWindows();
    await payfast.act(one, 'pay');
    await settled(one);
    await payfast.act(other, 'pay');
    const [held] = await eventually(
      () => heldOf(one),
      (rows) => rows.length === 1,
    );
    expect(held).toMatchObject({
      status: 'UNDER_REVIEW',
      review_reason: 'SECOND_SUCCESS',
      captured_minor: '24990',
      gateway_key: other.transaction,
    });
    expect(await payfast.stateOf(one)).toEqual({ order: 'PAID', shown: 'PAID', payment: 'PAID' });
    expect((await payfast.shop.orderRow(one.orderId)).paid_minor).toBe('24990');
    expect(await payfast.shop.postings(one.id)).toEqual(['SETTLEMENT']);
    expect(await payfast.shop.postings(held!.id)).toEqual(['REVIEW_HOLD']);
    expect(await payfast.shop.invoices(one.orderId)).toHaveLength(1);
    expect(await payfast.shop.moves(held!.id)).toEqual(['UNPAID>UNDER_REVIEW']);
    expect(await verdicts(one.id)).toEqual(['ACCEPTED', 'ACCEPTED']);
  });

  test('an operator decides about the second as about any other: kept as credit, or given back', async () => {
    for (const [decision, postings] of [
      ['ACCEPT', ['REVIEW_HOLD', 'REVIEW_ACCEPT']],
      ['REFUND', ['REVIEW_HOLD']],
    ] as const) {
      const [one, other] = await twoWindows();
      for (const window of [one, other]) await payfast.act(window, 'pay');
      const [held] = await eventually(
        () => heldOf(one),
        (rows) => rows.length === 1,
      );
      const paymentId = payfast.shop.node('Payment', held!.id);
      expect(await payfast.shop.review(paymentId, decision)).toMatchObject({ userErrors: [] });
      expect(await payfast.shop.postings(held!.id)).toEqual(postings);
      const refunds = await world.owner('select amount_minor::int as amount from refunds where payment_id = $1', [
        held!.id,
      ]);
      expect(refunds).toEqual(decision === 'REFUND' ? [{ amount: 24990 }] : []);
      expect((await payfast.shop.orderRow(one.orderId)).paid_minor).toBe('24990');
    }
  });

  test('both at once, each ten times: one settles, the other is held, whichever came first', async () => {
    const [one, other] = await twoWindows();
    const bodies = [payfast.notification(one, 'COMPLETE'), payfast.notification(other, 'COMPLETE')];
    for (const window of [one, other]) await payfast.silently(window, 'pay');
    const replies = await Promise.all(Array.from({ length: 20 }, (_, index) => payfast.deliver(bodies[index % 2]!)));
    expect(replies.filter(({ verdict }) => verdict === 'ACCEPTED')).toHaveLength(2);
    const rows = await payfast.paymentsOf(one.orderId);
    expect(rows.map(({ status }) => status)).toEqual(['PAID', 'UNDER_REVIEW']);
    expect(new Set(rows.map((row) => row.gateway_key))).toEqual(new Set([one.transaction, other.transaction]));
    expect(await payfast.shop.invoices(one.orderId)).toHaveLength(1);
  });

  test('both notifications lost: asking finds both, settles one and holds the other', async () => {
    const [one, other] = await twoWindows();
    for (const window of [one, other]) await payfast.silently(window, 'pay');
    expect(await poll(one.id)).toBe('PAID');
    const rows = await payfast.paymentsOf(one.orderId);
    expect(rows).toMatchObject([
      { status: 'PAID', gateway_key: one.transaction },
      { status: 'UNDER_REVIEW', review_reason: 'SECOND_SUCCESS', gateway_key: other.transaction },
    ]);
    const events = await payfast.shop.moves(rows[1]!.id);
    // Told again by the notification, it is known already.
    const again = await payfast.deliver(payfast.notification(other, 'COMPLETE'));
    expect(again.verdict).toBe('ALREADY_PROCESSED');
    expect(await payfast.paymentsOf(one.orderId)).toEqual(rows);
    expect(await payfast.shop.moves(rows[1]!.id)).toEqual(events);
  });

  test('the second of another amount is held as it came', async () => {
    const [one, other] = await twoWindows();
    await payfast.act(one, 'pay');
    await settled(one);
    await payfast.withFaults([{ operation: 'pay', fault: 'wrongAmount' }], () => payfast.act(other, 'pay'));
    const [held] = await eventually(
      () => heldOf(one),
      (rows) => rows.length === 1,
    );
    expect(held).toMatchObject({ review_reason: 'SECOND_SUCCESS', captured_minor: '25090' });
    expect(await verdicts(one.id)).toEqual(['ACCEPTED', 'MISMATCH']);
  });
});

test('after all of this the books still agree', async () => {
  expect(await brokenLaws(world)).toEqual({});
});
