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
    const text = `transactionId=${sale.invoiceId}&amount=50.00&currency=EGP`;
    const hook = {
      hashKey: createHmac('sha256', world.vendorKey).update(text).digest('hex'),
      transactionId: sale.invoiceId,
      amount: '50.00',
      currency: 'EGP',
      status: 1,
      reason: 'Other',
      approvedAt: '2026-06-02 10:15:00',
    };
    expect((await till.deliver(hook)).verdict).not.toBe('ACCEPTED');
    expect(await stateOf(sale)).toMatchObject({ refunds: ['REQUESTED'], payment: 'PAID' });
  });
});
