import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { startTestApp, type TestApp } from '../helpers/app.ts';
import { brokenLaws } from '../helpers/books.ts';
import { giveWallet } from '../helpers/wallet.ts';
import { Till, uuidOf, type Sale } from './till.ts';

let world: TestApp;
let till: Till;
let customerId: string;
beforeAll(async () => {
  world = await startTestApp();
  till = await Till.open(world);
  customerId = uuidOf(till.customerId);
});
afterEach(async () => {
  await world.simulators.scenario({ account: world.facts.tenantSlug, rules: [] });
  expect(await brokenLaws(world)).toEqual({});
});
afterAll(() => world.stop());

/** Sets the wallet to an amount, whatever was in it. */
async function walletOf(amountMinor: bigint): Promise<void> {
  const { balance } = await wallet();
  if (amountMinor !== balance) await giveWallet(world, customerId, amountMinor - balance);
}

async function wallet(): Promise<{ balance: bigint; held: bigint }> {
  const [row] = await world.owner<{ balance: string; held: string }>(
    "select (-balance_minor)::text as balance, held_minor::text as held from ledger_accounts where kind = 'WALLET' and holder_id = $1",
    [customerId],
  );
  return { balance: BigInt(row?.balance ?? 0), held: BigInt(row?.held ?? 0) };
}

async function pay(orderId: string, method: string, walletAmount?: string, idempotencyKey?: string) {
  const { payOrder } = await world.data(
    till.customer,
    `mutation ($input: PayOrderInput!) { payOrder(input: $input) {
       payment { id gateway status paymentUrl amount { amount } } userErrors { code field details } } }`,
    {
      input: {
        orderId,
        methodId: await till.methodId(orderId, method),
        ...(walletAmount && { walletAmount }),
        ...(idempotencyKey && { idempotencyKey }),
      },
    },
  );
  return payOrder;
}

async function saleWithShare(walletAmount: string): Promise<Sale> {
  const orderId = await till.issuedOrder('100.00');
  const { payment } = await pay(orderId, 'Visa-Mastercard', walletAmount);
  const [row] = await world.owner('select id, gateway_reference, gateway_key from payments where id = $1', [
    uuidOf(payment.id),
  ]);
  return {
    orderId,
    orderUuid: uuidOf(orderId),
    paymentId: payment.id,
    paymentUuid: row.id,
    paymentUrl: payment.paymentUrl,
    invoiceId: Number(row.gateway_reference),
    invoiceKey: row.gateway_key,
  };
}

const entriesOf = (subjectId: string) =>
  world.owner<{ kind: string; amount: string }>(
    `select a.kind::text, e.amount_minor::text as amount from ledger_entries e
       join ledger_transactions t on t.tenant_id = e.tenant_id and t.id = e.transaction_id
       join ledger_accounts a on a.tenant_id = e.tenant_id and a.id = e.account_id
     where t.subject_id = $1 and t.kind = 'SETTLEMENT' order by e.position`,
    [subjectId],
  );

describe('paying all of an order by wallet', () => {
  test('settles at once: order paid, invoice made, wallet money turned into revenue and tax', async () => {
    await walletOf(20_000n);
    const orderId = await till.issuedOrder('100.00');
    const { payment, userErrors } = await pay(orderId, 'Wallet');
    expect({ payment, userErrors }).toMatchObject({
      payment: { gateway: 'WALLET', status: 'PAID', paymentUrl: null, amount: { amount: '114.00' } },
      userErrors: [],
    });
    expect(await till.books(uuidOf(orderId))).toMatchObject({
      order: { status: 'PAID', payment_status: 'PAID', paid: '11400' },
      invoices: 1,
      postings: ['SETTLEMENT'],
    });
    expect(await entriesOf(uuidOf(payment.id))).toEqual([
      { kind: 'WALLET', amount: '11400' },
      { kind: 'REVENUE', amount: '-10000' },
      { kind: 'TAX_PAYABLE', amount: '-1400' },
    ]);
    expect(await wallet()).toEqual({ balance: 8_600n, held: 0n });
  });

  test('is not offered where the wallet has less, and an attempt is refused with what there is', async () => {
    await walletOf(11_400n);
    const orderId = await till.issuedOrder('100.00');
    const methodId = await till.methodId(orderId, 'Wallet');
    await walletOf(11_399n);
    const { paymentMethods } = await world.data(
      till.customer,
      'query ($id: ID!) { paymentMethods(orderId: $id) { kind } }',
      { id: orderId },
    );
    expect(paymentMethods.map(({ kind }: { kind: string }) => kind)).not.toContain('WALLET');
    const { payOrder } = await world.data(
      till.customer,
      'mutation ($input: PayOrderInput!) { payOrder(input: $input) { payment { id } userErrors { code details } } }',
      { input: { orderId, methodId } },
    );
    expect(payOrder).toEqual({
      payment: null,
      userErrors: [{ code: 'INSUFFICIENT_BALANCE', details: { available: '113.99' } }],
    });
    expect((await till.books(uuidOf(orderId))).payments).toEqual([]);
  });

  test('by twenty requests at once over two orders never spends more than there is', async () => {
    await walletOf(11_400n);
    const orders = [await till.issuedOrder('100.00'), await till.issuedOrder('100.00')];
    const methodId = await till.methodId(orders[0]!, 'Wallet');
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        world.data(
          till.customer,
          'mutation ($input: PayOrderInput!) { payOrder(input: $input) { payment { status } userErrors { code } } }',
          { input: { orderId: orders[index % 2], methodId } },
        ),
      ),
    );
    expect(answers.filter(({ payOrder }) => payOrder.payment?.status === 'PAID')).toHaveLength(1);
    const codes = new Set(answers.flatMap(({ payOrder }) => payOrder.userErrors.map(({ code }: any) => code)));
    expect([...codes].every((code) => ['INSUFFICIENT_BALANCE', 'ORDER_NOT_PAYABLE'].includes(code as string))).toBe(
      true,
    );
    expect(await wallet()).toEqual({ balance: 0n, held: 0n });
  });
});

describe("the wallet's share of a payment", () => {
  test('is held while the gateway works, and both settle the order in one transaction', async () => {
    await walletOf(5_000n);
    const sale = await saleWithShare('30.00');
    expect(await wallet()).toEqual({ balance: 5_000n, held: 3_000n });
    await world.simulators.act(sale.paymentUrl, 'pay');
    const books = await till.until(sale.orderUuid, ({ order }) => order.status === 'PAID');
    expect(books).toMatchObject({ order: { payment_status: 'PAID', paid: '11400' }, invoices: 1 });
    expect(books.payments.map(({ status, captured }) => `${status} ${captured}`).toSorted()).toEqual([
      'PAID 3000',
      'PAID 8400',
    ]);
    expect(await entriesOf(sale.paymentUuid)).toEqual([
      { kind: 'GATEWAY_CLEARING', amount: '8400' },
      { kind: 'WALLET', amount: '3000' },
      { kind: 'REVENUE', amount: '-10000' },
      { kind: 'TAX_PAYABLE', amount: '-1400' },
    ]);
    expect(await wallet()).toEqual({ balance: 2_000n, held: 0n });
  });

  test('is free again when the attempt fails, and is taken after all when the same page is paid at the second try', async () => {
    await walletOf(3_000n);
    const sale = await saleWithShare('30.00');
    expect((await till.webhook(sale, 'failed')).verdict).toBe('ACCEPTED');
    expect(await wallet()).toEqual({ balance: 3_000n, held: 0n });
    expect((await till.books(sale.orderUuid)).order).toMatchObject({ status: 'ISSUED', payment_status: 'FAILED' });
    await till.atGateway(sale, 'pay');
    expect((await till.webhook(sale, 'paid')).verdict).toBe('ACCEPTED');
    expect((await till.books(sale.orderUuid)).order).toMatchObject({ status: 'PAID', paid: '11400' });
    expect(await wallet()).toEqual({ balance: 0n, held: 0n });
  });

  test('that was spent elsewhere meanwhile leaves the gateway payment under review, and nothing below zero', async () => {
    await walletOf(3_000n);
    const sale = await saleWithShare('30.00');
    await till.webhook(sale, 'failed');
    await walletOf(100n);
    await till.atGateway(sale, 'pay');
    await till.webhook(sale, 'paid');
    expect(await till.books(sale.orderUuid)).toMatchObject({
      order: { status: 'ISSUED', payment_status: 'UNDER_REVIEW', paid: '0' },
      invoices: 0,
      postings: ['REVIEW_HOLD'],
    });
    expect(await wallet()).toEqual({ balance: 100n, held: 0n });
  });

  test('of everything needs no gateway, and more than is due, negative or malformed is refused', async () => {
    await walletOf(20_000n);
    const orderId = await till.issuedOrder('100.00');
    for (const walletAmount of ['114.01', '-1.00', '1.005']) {
      const { payment, userErrors } = await pay(orderId, 'Visa-Mastercard', walletAmount);
      expect({ payment, codes: userErrors.map(({ code }: any) => code) }).toEqual({
        payment: null,
        codes: ['INVALID_INPUT'],
      });
    }
    const { payment } = await pay(orderId, 'Visa-Mastercard', '114.00');
    expect(payment).toMatchObject({ gateway: 'WALLET', status: 'PAID' });
  });

  test('stays as it was begun while its payment is pending', async () => {
    await walletOf(20_000n);
    const sale = await saleWithShare('30.00');
    expect((await pay(sale.orderId, 'Visa-Mastercard', '30.00')).payment.id).toBe(sale.paymentId);
    expect((await pay(sale.orderId, 'Visa-Mastercard')).payment.id).toBe(sale.paymentId);
    expect((await pay(sale.orderId, 'Visa-Mastercard', '40.00')).userErrors).toMatchObject([
      { code: 'PAYMENT_PENDING', details: { walletAmount: '30.00' } },
    ]);
    expect(await wallet()).toMatchObject({ held: 3_000n });
    await world.data(
      till.operator,
      'mutation ($input: CancelOrderInput!) { cancelOrder(input: $input) { order { status } userErrors { code } } }',
      { input: { orderId: sale.orderId } },
    );
    expect(await wallet()).toEqual({ balance: 20_000n, held: 0n });
  });

  test('is free again when the gateway refuses to begin', async () => {
    await walletOf(3_000n);
    const orderId = await till.issuedOrder('100.00');
    await world.simulators.scenario({
      account: world.facts.tenantSlug,
      rules: [{ operation: 'invoiceInitPay', fault: 'html405' }],
    });
    const { payment, userErrors } = await pay(orderId, 'Visa-Mastercard', '30.00');
    expect({ payment, code: userErrors[0]?.code }).toEqual({ payment: null, code: 'GATEWAY_REJECTED' });
    expect(await wallet()).toEqual({ balance: 3_000n, held: 0n });
  });

  test('is free again when another payment of the order settles it, and the late one is a second success', async () => {
    await walletOf(20_000n);
    const sale = await saleWithShare('30.00');
    expect((await pay(sale.orderId, 'Wallet')).payment.status).toBe('PAID');
    expect((await till.books(sale.orderUuid)).order).toMatchObject({ status: 'PAID', paid: '11400' });
    expect(await wallet()).toEqual({ balance: 8_600n, held: 0n });
    await till.atGateway(sale, 'pay');
    await till.webhook(sale, 'paid');
    const { payments } = await till.books(sale.orderUuid);
    expect(payments.find(({ id }) => id === sale.paymentUuid)).toMatchObject({
      status: 'UNDER_REVIEW',
      review_reason: 'SECOND_SUCCESS',
    });
    expect(await wallet()).toEqual({ balance: 8_600n, held: 0n });
  });
});
