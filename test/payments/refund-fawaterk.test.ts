import { createHmac } from 'node:crypto';

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { pollRefund } from '../../src/resolvers/refund-poll.ts';
import { eventually, startTestApp, type TestApp } from '../helpers/app.ts';
import { brokenLaws } from '../helpers/books.ts';
import type { BookRefund } from '../helpers/simulators.ts';
import { Till, type Sale } from './till.ts';

/** The whole way of a refund through Fawaterk, whose people approve it: graph, client, simulator, hook, books. */
let world: TestApp;
let till: Till;
beforeAll(async () => {
  world = await startTestApp();
  till = await Till.open(world);
});
afterEach(async () => {
  await world.simulators.scenario({ account: world.facts.tenantSlug, rules: [] });
  expect(await brokenLaws(world)).toEqual({});
});
afterAll(() => world.stop());

/** EGP 114.00, tax included. */
async function paidSale(): Promise<Sale> {
  const sale = await till.sale();
  await till.atGateway(sale, 'pay');
  expect((await till.webhook(sale, 'paid')).verdict).toBe('ACCEPTED');
  return sale;
}

async function refund(sale: Sale, amount: string, errors: readonly string[] = []): Promise<string> {
  const { refundPayment } = await world.data(
    till.operator,
    `mutation ($input: RefundPaymentInput!) { refundPayment(input: $input) {
      payment { refunds { status amount { amount } } } userErrors { code } } }`,
    { input: { paymentId: sale.paymentId, reason: 'a scratch', to: 'GATEWAY', amount } },
  );
  expect(refundPayment.userErrors.map(({ code }: { code: string }) => code)).toEqual(errors);
  const [row] = await world.owner<{ id: string }>(
    'select id from refunds where payment_id = $1 order by created_at desc limit 1',
    [sale.paymentUuid],
  );
  return row!.id;
}

async function atVendor(sale: Sale): Promise<BookRefund> {
  const { refunds } = await world.simulators.book(world.facts.tenantSlug);
  return refunds.find((one) => one.invoiceId === sale.invoiceId)!;
}

const stateOf = async (sale: Sale) => {
  const refunds = await world.owner<{ status: string; reference: string }>(
    'select status, gateway_refund_reference as reference from refunds where payment_id = $1 order by created_at',
    [sale.paymentUuid],
  );
  const { payments } = await till.books(sale.orderUuid);
  return {
    refunds: refunds.map(({ status }) => status),
    payment: payments[0]!.status,
    reference: refunds.at(-1)?.reference,
  };
};

async function poll(refundId: string): Promise<void> {
  const [row] = await world.owner<{ tenant_id: string }>(
    "update refunds set next_poll_at = now() - interval '1 second' where id = $1 returning tenant_id",
    [refundId],
  );
  await pollRefund(world.app, { tenantId: row!.tenant_id, customerId: null }, refundId);
}

/** Properly signed (spec 1.5), whoever sends it. */
function refundHook(sale: Sale, amount: string) {
  const text = `transactionId=${sale.invoiceId}&amount=${amount}&currency=EGP`;
  return {
    hashKey: createHmac('sha256', world.vendorKey).update(text).digest('hex'),
    transactionId: sale.invoiceId,
    amount,
    currency: 'EGP',
    status: 1,
    reason: 'Other',
    approvedAt: '2026-06-02 10:15:00',
  };
}

describe('a refund through Fawaterk', () => {
  test("waits for the vendor's people, carries our id and words, and is done once they approve", async () => {
    const sale = await paidSale();
    const id = await refund(sale, '50.00');
    const request = await atVendor(sale);
    expect(request).toMatchObject({ state: 'pending', amount: '50.00', comment: `${id} a scratch` });
    expect(await stateOf(sale)).toEqual({
      refunds: ['REQUESTED'],
      payment: 'PAID',
      reference: String(request.refundId),
    });
    await world.simulators.decide(request.page, 'approve');
    await eventually(
      () => stateOf(sale),
      ({ payment }) => payment === 'PARTIALLY_REFUNDED',
    );
  });

  test('in two equal parts books each of them once, though every hook comes three times', async () => {
    const sale = await paidSale();
    const rules = [{ operation: 'approve', fault: 'duplicateWebhook' }];
    await world.simulators.scenario({ account: world.facts.tenantSlug, rules });
    const secondNow = (): number => Math.floor(Date.now() / 1_000);
    let lastSecond = 0;
    for (const [part, payment] of [
      ['57.00', 'PARTIALLY_REFUNDED'],
      ['57.00', 'REFUNDED'],
    ] as const) {
      await refund(sale, part);
      // The hook tells its approval to the second, and equal parts are told apart by it.
      await eventually(
        () => secondNow(),
        (second) => second !== lastSecond,
      );
      lastSecond = secondNow();
      await world.simulators.decide((await atVendor(sale)).page, 'approve');
      await eventually(
        () => stateOf(sale),
        (now) => now.payment === payment,
      );
    }
    expect((await stateOf(sale)).refunds).toEqual(['DONE', 'DONE']);
  });

  test('that is rejected, of which nobody tells us, is found out by asking, and gave nothing back', async () => {
    const sale = await paidSale();
    const id = await refund(sale, '50.00');
    await world.simulators.decide((await atVendor(sale)).page, 'reject');
    await poll(id);
    expect(await stateOf(sale)).toMatchObject({ refunds: ['REJECTED'], payment: 'PAID' });
  });

  test('whose answer is lost is asked for once, and is done by the hook of its approval', async () => {
    const sale = await paidSale();
    const rules = [{ operation: 'refundCreate', fault: 'status5xxAfter' }];
    await world.simulators.scenario({ account: world.facts.tenantSlug, rules });
    const id = await refund(sale, '50.00', ['OUTCOME_UNKNOWN']);
    expect(await stateOf(sale)).toMatchObject({ refunds: ['REQUESTED'], payment: 'PAID' });
    await poll(id);
    const { refunds } = await world.simulators.book(world.facts.tenantSlug);
    expect(refunds.filter((one) => one.invoiceId === sale.invoiceId)).toHaveLength(1);
    await world.simulators.decide((await atVendor(sale)).page, 'approve');
    await eventually(
      () => stateOf(sale),
      ({ payment }) => payment === 'PARTIALLY_REFUNDED',
    );
  });

  test('is not done by a signed hook alone: the vendor is asked, and shows it still open', async () => {
    const sale = await paidSale();
    await refund(sale, '50.00');
    const hook = refundHook(sale, '50.00');
    expect((await till.deliver(hook)).verdict).not.toBe('ACCEPTED');
    expect(await stateOf(sale)).toMatchObject({ refunds: ['REQUESTED'], payment: 'PAID' });
  });

  test('after a part that went into the wallet is not taken for a contradiction: the gateway never saw that part', async () => {
    const sale = await paidSale();
    const { refundPayment } = await world.data(
      till.operator,
      'mutation ($input: RefundPaymentInput!) { refundPayment(input: $input) { userErrors { code } } }',
      { input: { paymentId: sale.paymentId, reason: 'first', to: 'WALLET', amount: '20.00' } },
    );
    expect(refundPayment.userErrors).toEqual([]);
    await refund(sale, '94.00');
    await world.simulators.decide((await atVendor(sale)).page, 'approve');
    await eventually(
      () => stateOf(sale),
      ({ payment }) => payment === 'REFUNDED',
    );
  });

  test('that nobody asked for here moves nothing: the journal says MISMATCH and a person has it to look at', async () => {
    const sale = await paidSale();
    const hook = refundHook(sale, '114.00');
    expect((await till.deliver(hook)).verdict).toBe('MISMATCH');
    expect((await till.deliver(hook)).verdict).toBe('MISMATCH');
    expect(await stateOf(sale)).toMatchObject({ refunds: [], payment: 'PAID' });
    expect(
      await world.owner('select reason, resolution from inquiries where about_id = $1', [sale.paymentUuid]),
    ).toEqual([{ reason: 'FOREIGN_REFUND', resolution: 'HANDED_TO_PERSON' }]);
  });

  test('whose answer is lost is an operation UNKNOWN, and SUCCEEDED once the inquiry finds that the vendor took it', async () => {
    const sale = await paidSale();
    await world.simulators.scenario({
      account: world.facts.tenantSlug,
      rules: [{ operation: 'refundCreate', fault: 'status5xxAfter' }],
    });
    const input = { paymentId: sale.paymentId, reason: 'lost', amount: '10.00', idempotencyKey: 'lost-refund' };
    const { refundPayment } = await world.data(
      till.operator,
      'mutation ($input: RefundPaymentInput!) { refundPayment(input: $input) { userErrors { code } } }',
      { input },
    );
    expect(refundPayment.userErrors).toEqual([{ code: 'OUTCOME_UNKNOWN' }]);
    await world.owner(
      "update inquiries set next_look_up_at = now() - interval '1 second' where reason = 'REFUND_ANSWER_LOST'",
    );
    const { operation } = await eventually(
      () =>
        world.data(
          till.operator,
          '{ operation(key: "lost-refund") { status result { id } inquiry { resolution about { __typename } } } }',
        ),
      (data) => data.operation.status !== 'UNKNOWN',
    );
    expect(operation).toEqual({
      status: 'SUCCEEDED',
      result: { id: sale.paymentId },
      inquiry: { resolution: 'DONE', about: { __typename: 'Refund' } },
    });
    const { refunds } = await world.simulators.book(world.facts.tenantSlug);
    expect(refunds.filter((one) => one.invoiceId === sale.invoiceId)).toHaveLength(1);
  });

  test('held for review goes back through the gateway after an operator says so', async () => {
    const sale = await till.sale();
    await world.data(
      till.operator,
      'mutation ($input: CancelOrderInput!) { cancelOrder(input: $input) { userErrors { code } } }',
      { input: { orderId: sale.orderId } },
    );
    await till.atGateway(sale, 'pay');
    await till.webhook(sale, 'paid');
    expect(await stateOf(sale)).toMatchObject({ payment: 'UNDER_REVIEW' });
    await world.data(
      till.operator,
      'mutation ($input: ResolvePaymentReviewInput!) { resolvePaymentReview(input: $input) { userErrors { code } } }',
      { input: { paymentId: sale.paymentId, decision: 'REFUND', reason: 'cancelled' } },
    );
    const request = await eventually(
      () => atVendor(sale),
      (found) => found !== undefined,
    );
    await world.simulators.decide(request.page, 'approve');
    await eventually(
      () => stateOf(sale),
      ({ payment }) => payment === 'REFUNDED',
    );
    expect((await till.books(sale.orderUuid)).order).toMatchObject({ status: 'CANCELLED', paid: '0' });
  });
});
