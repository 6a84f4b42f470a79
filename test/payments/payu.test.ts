import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { pollPayment } from '../../src/resolvers/payment-poll.ts';
import { pollRefund } from '../../src/resolvers/refund-poll.ts';
import { eventually, startTestApp, type TestApp } from '../helpers/app.ts';
import { brokenLaws } from '../helpers/books.ts';
import { readForm } from '../helpers/payfast-shop.ts';
import type { BookPayment } from '../helpers/payu.ts';
import { rawId, Shop } from '../helpers/shop.ts';

/** The whole way of a payment through PayU India: graph, our page, the vendor's page, browser and webhook, books. */
let world: TestApp;
let shop: Shop;
beforeAll(async () => {
  world = await startTestApp();
  shop = await Shop.open(world);
});
afterEach(async () => {
  await faults([]);
  expect(await brokenLaws(world)).toEqual({});
});
afterAll(() => world.stop());

const faults = (rules: readonly { operation: string; fault: string }[]) =>
  world.simulators.scenario({ integration: 'payu', account: world.facts.tenantSlug, rules });

interface Begun {
  readonly orderId: string;
  readonly paymentId: string;
  readonly id: string;
  /** The vendor's page. */
  readonly page: string;
}

async function begun(): Promise<Begun> {
  const { createOrder } = await world.data(
    shop.operator,
    'mutation ($input: CreateOrderInput!) { createOrder(input: $input) { order { id } userErrors { code } } }',
    { input: { ...shop.orderInput({ unitPrice: '499.00' }), currencyCode: 'INR' } },
  );
  const orderId = createOrder.order.id as string;
  await shop.issue(orderId);
  const { paymentMethods } = await world.data(
    shop.customer,
    'query ($id: ID!) { paymentMethods(orderId: $id) { id gateway kind } }',
    { id: orderId },
  );
  expect(paymentMethods).toMatchObject([{ gateway: 'PAYU', kind: 'REDIRECT' }]);
  const { payOrder } = await world.data(
    shop.customer,
    'mutation ($input: PayOrderInput!) { payOrder(input: $input) { payment { id paymentUrl } userErrors { code } } }',
    { input: { orderId, methodId: paymentMethods[0].id } },
  );
  const { payment } = payOrder;
  const ours = await world.request('GET', new URL(payment.paymentUrl).pathname);
  const page = await world.simulators.submit(readForm(ours.text));
  return { orderId, paymentId: payment.id, id: rawId(payment.id), page };
}

const booked = async ({ id }: Begun): Promise<BookPayment> => {
  const { book } = await world.simulators.bookOf('payu', world.facts.tenantSlug);
  const { payments } = book as { payments: BookPayment[] };
  const [row] = await world.owner<{ reference: string }>(
    'select gateway_reference as reference from payments where id = $1',
    [id],
  );
  return payments.find(({ txnid }) => txnid === row!.reference)!;
};

const state = ({ orderId }: Begun) =>
  world.data(
    shop.operator,
    'query ($id: ID!) { order(id: $id) { status paymentStatus invoice { number } payments { status refunds { status } } } }',
    { id: orderId },
  );

const paid = async (): Promise<Begun> => {
  const payment = await begun();
  await world.simulators.act(payment.page, 'pay');
  await eventually(
    () => state(payment),
    ({ order }) => order.status === 'PAID',
  );
  return payment;
};

describe('a payment through PayU', () => {
  test('is settled by its webhook after the vendor was asked back, with invoice and the vendor’s own id', async () => {
    const payment = await paid();
    const { order } = await state(payment);
    expect(order).toMatchObject({ paymentStatus: 'PAID', payments: [{ status: 'PAID' }] });
    expect(order.invoice.number).toMatch(/^INV-/);
    const [row] = await world.owner(
      'select gateway_key, captured_minor::text as captured from payments where id = $1',
      [payment.id],
    );
    expect(row).toEqual({ gateway_key: (await booked(payment)).mihpayid, captured: '49900' });
  });

  test('whose webhook is lost is found by asking', async () => {
    const payment = await begun();
    await faults([{ operation: 'pay', fault: 'lostWebhook' }]);
    await world.simulators.act(payment.page, 'pay');
    await world.owner('update payments set next_poll_at = now() where id = $1', [payment.id]);
    await pollPayment(world.app, shop.scope, payment.id);
    expect((await state(payment)).order.status).toBe('PAID');
  });

  test('that fails leaves the order payable, and a webhook with a forged hash or amount moves nothing', async () => {
    const payment = await begun();
    await faults([{ operation: 'pay', fault: 'forgedWebhook' }]);
    await world.simulators.act(payment.page, 'fail');
    await eventually(
      () => state(payment),
      ({ order }) => order.payments[0].status === 'FAILED',
    );
    const forged = new URLSearchParams({
      key: 'gtTest1',
      txnid: (await booked(payment)).txnid,
      amount: '499.00',
      productinfo: 'x',
      firstname: 'x',
      email: 'x@example.com',
      status: 'success',
      hash: 'a'.repeat(128),
    });
    const answer = await world.request('POST', `/webhooks/payments/payu/${world.facts.tenantSlug}`, {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: forged.toString(),
    });
    expect([answer.status, JSON.parse(answer.text).verdict]).toEqual([401, 'BAD_SIGNATURE']);
    expect((await state(payment)).order).toMatchObject({ status: 'ISSUED', payments: [{ status: 'FAILED' }] });
  });

  test('that the vendor gave back by itself before it was ours is no refund of ours and moves nothing', async () => {
    const payment = await begun();
    await faults([{ operation: 'pay', fault: 'droppedFirst' }]);
    await world.simulators.act(payment.page, 'pay');
    await eventually(
      () => state(payment),
      ({ order }) => order.payments[0].status === 'FAILED',
    );
    expect(
      await world.owner("select 1 from inquiries where about_id = $1 and reason = 'FOREIGN_REFUND'", [payment.id]),
    ).toEqual([]);
  });

  test('goes back in part by our token: queued first, done when the bank has it', async () => {
    const payment = await paid();
    const { refundPayment } = await world.data(
      shop.operator,
      'mutation ($input: RefundPaymentInput!) { refundPayment(input: $input) { payment { refunds { status } } userErrors { code } } }',
      { input: { paymentId: payment.paymentId, amount: '100.00', reason: 'a scratch' } },
    );
    expect(refundPayment).toMatchObject({ userErrors: [] });
    const [refund] = await world.owner<{ id: string }>('select id from refunds where payment_id = $1', [payment.id]);
    await eventually(
      async () => {
        await world.owner(
          "update refunds set next_poll_at = now() - interval '1 second' where id = $1 and status = 'REQUESTED'",
          [refund!.id],
        );
        await pollRefund(world.app, shop.scope, refund!.id);
        return state(payment);
      },
      ({ order }) => order.status === 'PARTIALLY_REFUNDED',
    );
    expect((await booked(payment)).refunds).toMatchObject([{ amount: '100.00' }]);
  });
});
