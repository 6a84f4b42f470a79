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
  expect(await brokenLaws(world)).toEqual({});
});
afterAll(() => world.stop());

async function paidSale(price = '100.00'): Promise<Sale> {
  const sale = await till.sale(price);
  await till.atGateway(sale, 'pay');
  expect((await till.webhook(sale, 'paid')).verdict).toBe('ACCEPTED');
  return sale;
}

interface RefundAnswer {
  readonly payment: any;
  readonly userErrors: { code: string; field: string[] | null; details: any }[];
}

async function refund(
  paymentId: string,
  more: Record<string, unknown> = {},
  as = till.operator,
): Promise<RefundAnswer> {
  const { refundPayment } = await world.data(
    as,
    `mutation ($input: RefundPaymentInput!) { refundPayment(input: $input) {
      payment { status amount { amount } refunded { amount } order { status paymentStatus } refunds { status target amount { amount } reason } }
      userErrors { code field details } } }`,
    { input: { paymentId, reason: 'a scratch', to: 'WALLET', ...more } },
  );
  return refundPayment;
}

async function walletMinor(): Promise<bigint> {
  const [row] = await world.owner<{ balance: string }>(
    "select (-balance_minor)::text as balance from ledger_accounts where kind = 'WALLET' and holder_id = $1",
    [customerId],
  );
  return BigInt(row?.balance ?? 0);
}

const posted = (kind: string, subject: string) =>
  world.owner<{ kind: string; amount: string }>(
    `select a.kind::text, e.amount_minor::text as amount from ledger_entries e
       join ledger_transactions t on t.tenant_id = e.tenant_id and t.id = e.transaction_id
       join ledger_accounts a on a.tenant_id = e.tenant_id and a.id = e.account_id
     where t.kind = $1 and t.subject_id = (select id from refunds where payment_id = $2 order by created_at desc limit 1) order by e.position`,
    [kind, subject],
  );

describe('a refund into the wallet', () => {
  test('of all takes the sale and its tax back and gives the customer wallet money', async () => {
    const before = await walletMinor();
    const sale = await paidSale();
    expect(await refund(sale.paymentId)).toEqual({
      payment: {
        status: 'REFUNDED',
        amount: { amount: '114.00' },
        refunded: { amount: '114.00' },
        order: { status: 'REFUNDED', paymentStatus: 'REFUNDED' },
        refunds: [{ status: 'DONE', target: 'WALLET', amount: { amount: '114.00' }, reason: 'a scratch' }],
      },
      userErrors: [],
    });
    expect(await posted('REFUND', sale.paymentUuid)).toEqual([
      { kind: 'REFUNDS', amount: '10000' },
      { kind: 'TAX_PAYABLE', amount: '1400' },
      { kind: 'WALLET', amount: '-11400' },
    ]);
    expect((await walletMinor()) - before).toBe(11_400n);
  });

  test('in parts sums to what was paid and not a unit more, tax included', async () => {
    const sale = await paidSale('33.33');
    const total = (await till.books(sale.orderUuid)).order.paid;
    for (const amount of ['10.00', '0.01', '27.98'])
      expect((await refund(sale.paymentId, { amount })).userErrors).toEqual([]);
    expect(await refund(sale.paymentId, { amount: '0.02' })).toMatchObject({
      payment: null,
      userErrors: [{ code: 'REFUND_EXCEEDS_PAID', field: ['input', 'amount'] }],
    });
    const last = await refund(sale.paymentId);
    expect(last.payment).toMatchObject({ status: 'REFUNDED', order: { status: 'REFUNDED' } });
    const [sums] = await world.owner<{ amount: string; tax: string; order_tax: string }>(
      `select sum(r.amount_minor)::text as amount, sum(r.tax_minor)::text as tax, max(o.tax_minor)::text as order_tax from refunds r
         join payments p on p.id = r.payment_id join orders o on o.id = p.order_id where p.id = $1`,
      [sale.paymentUuid],
    );
    expect(sums).toEqual({ amount: total, tax: sums!.order_tax, order_tax: sums!.order_tax });
  });

  test('makes a credit note of the tenant’s own sequence: the invoice’s lines for all of it, a line per tax rate for a part', async () => {
    const whole = await paidSale();
    await refund(whole.paymentId);
    const part = await paidSale();
    await refund(part.paymentId, { amount: '57.00' });
    const notesOf = async (id: string) => {
      const { order } = await world.data(
        till.customer,
        'query ($id: ID!) { order(id: $id) { invoice { number } creditNotes { number kind total { amount } data } payments { refunds { creditNote { number } } } } }',
        { id },
      );
      return order;
    };
    const first = await notesOf(whole.orderId);
    expect(first.creditNotes).toMatchObject([{ kind: 'CREDIT_NOTE', total: { amount: '114.00' } }]);
    expect(first.payments[0].refunds[0].creditNote.number).toBe(first.creditNotes[0].number);
    expect(first.creditNotes[0].data).toMatchObject({
      kind: 'CREDIT_NOTE',
      creditedInvoiceNumber: first.invoice.number,
      lines: [{ description: 'Tea', quantity: 1, unitPrice: '100.00', taxRate: '14' }],
      taxes: [{ rate: '14', net: '100.00', tax: '14.00' }],
      total: '114.00',
    });
    const second = await notesOf(part.orderId);
    expect(second.creditNotes[0].data).toMatchObject({
      lines: [{ quantity: 1, unitPrice: '50.00', taxRate: '14' }],
      taxes: [{ rate: '14', net: '50.00', tax: '7.00' }],
      total: '57.00',
    });
    expect(second.creditNotes[0].number).not.toBe(first.creditNotes[0].number);
  });

  test('twenty at once of a third each go through three times', async () => {
    const sale = await paidSale('100.00');
    const before = await walletMinor();
    const answers = await Promise.all(Array.from({ length: 20 }, () => refund(sale.paymentId, { amount: '38.00' })));
    expect(answers.filter(({ payment }) => payment !== null)).toHaveLength(3);
    expect(new Set(answers.flatMap(({ userErrors }) => userErrors.map(({ code }) => code)))).toEqual(
      new Set(['INVALID_STATE']),
    );
    expect((await walletMinor()) - before).toBe(11_400n);
  });

  test('under one key is done once and told twice', async () => {
    const sale = await paidSale();
    const key = { amount: '5.00', idempotencyKey: 'refund-once' };
    const answers = await Promise.all([refund(sale.paymentId, key), refund(sale.paymentId, key)]);
    expect(answers.map(({ payment }) => payment.refunded.amount)).toEqual(['5.00', '5.00']);
    expect(await world.owner('select id from refunds where payment_id = $1', [sale.paymentUuid])).toHaveLength(1);
  });

  test('of a payment that is not paid, by a customer, of another tenant, of nothing or without a reason is refused', async () => {
    const open = await till.sale();
    expect((await refund(open.paymentId)).userErrors).toMatchObject([{ code: 'INVALID_STATE' }]);
    const sale = await paidSale();
    expect((await refund(sale.paymentId, {}, till.customer)).userErrors).toMatchObject([{ code: 'FORBIDDEN' }]);
    for (const input of [{ amount: '0.00' }, { amount: '-1.00' }, { reason: ' ' }, { amount: '1.001' }])
      expect((await refund(sale.paymentId, input)).userErrors).toMatchObject([{ code: 'INVALID_INPUT' }]);
    expect((await refund('UGF5bWVudDpub25l')).userErrors).toMatchObject([{ code: 'NOT_FOUND' }]);
    expect(await world.owner('select id from refunds where payment_id = $1', [sale.paymentUuid])).toEqual([]);
  });

  test('of money that came from the wallet goes there by itself', async () => {
    await giveWallet(world, customerId, 11_400n);
    const before = await walletMinor();
    const orderId = await till.issuedOrder('100.00');
    const { payment } = await till.pay(orderId, await till.methodId(orderId, 'Wallet'));
    expect(await walletMinor()).toBe(before - 11_400n);
    const { payment: back } = await refund(payment!.id, { to: 'GATEWAY' });
    expect(back.refunds).toMatchObject([{ target: 'WALLET', status: 'DONE' }]);
    expect(await walletMinor()).toBe(before);
  });

  test('of an order paid in two ways goes back each to its own', async () => {
    await giveWallet(world, customerId, 3_000n);
    const orderId = await till.issuedOrder('100.00');
    const { payOrder } = await world.data(
      till.customer,
      'mutation ($input: PayOrderInput!) { payOrder(input: $input) { payment { id paymentUrl } } }',
      { input: { orderId, methodId: await till.methodId(orderId), walletAmount: '30.00' } },
    );
    await world.simulators.act(payOrder.payment.paymentUrl, 'pay');
    await till.until(uuidOf(orderId), ({ order }) => order.status === 'PAID');
    const { order } = await world.data(
      till.operator,
      'query ($id: ID!) { order(id: $id) { payments { id gateway amount { amount } } } }',
      { id: orderId },
    );
    const wallet = order.payments.find(({ gateway }: any) => gateway === 'WALLET');
    const first = await refund(wallet.id);
    expect(first.payment).toMatchObject({ status: 'REFUNDED', order: { status: 'PARTIALLY_REFUNDED' } });
    const rest = await refund(payOrder.payment.id);
    expect(rest.payment).toMatchObject({ status: 'REFUNDED', order: { status: 'REFUNDED' } });
  });
});
