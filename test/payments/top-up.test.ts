import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { expireOrder } from '../../src/resolvers/order-expiry.ts';
import { startTestApp, type As, type TestApp } from '../helpers/app.ts';
import { brokenLaws } from '../helpers/books.ts';
import { purseOf, setRules, tillOfNewCustomer } from '../helpers/loyalty.ts';
import { DEMO_TENANT, giveWallet } from '../helpers/wallet.ts';
import { uuidOf, type Till } from './till.ts';

/** Topping up a wallet by payment (LOY-2). */
let world: TestApp;
let till: Till;
beforeAll(async () => {
  world = await startTestApp({ worker: false });
  till = await tillOfNewCustomer(world);
  await setRules(world, RULES);
});
afterEach(async () => {
  expect(await brokenLaws(world)).toEqual({});
});
afterAll(() => world.stop());

const RULES = {
  topUpEnabled: true,
  topUpMin: '10.00',
  topUpMax: '500.00',
  pointsEnabled: true,
  pointsPerUnit: '1',
  cashbackEnabled: true,
  cashbackPercent: '5',
};

interface Made {
  readonly order: any;
  readonly userErrors: { code: string; field: string[] | null; details: any }[];
}

async function topUp(
  unitPrice: string | null,
  more: Record<string, unknown> = {},
  as: As = till.customer,
): Promise<Made> {
  const { createOrder } = await world.data(
    as,
    `mutation ($input: CreateOrderInput!) { createOrder(input: $input) {
       order { id type number status expiresAt tax { amount } total { amount currencyCode } items { description description_ar: description(locale: "ar") quantity } }
       userErrors { code field details } } }`,
    { input: { type: 'TOP_UP', items: [{ quantity: 1, ...(unitPrice !== null && { unitPrice }) }], ...more } },
  );
  return createOrder;
}

const cancel = async (orderId: string) =>
  (
    await world.data(
      till.customer,
      'mutation ($input: CancelOrderInput!) { cancelOrder(input: $input) { order { status } userErrors { code } } }',
      { input: { orderId } },
    )
  ).cancelOrder;

describe('a top-up', () => {
  test('is issued as soon as its customer asks for it, of any amount within the limits, untaxed', async () => {
    const { order, userErrors } = await topUp('123.45');
    expect(userErrors).toEqual([]);
    expect(order).toMatchObject({
      type: 'TOP_UP',
      status: 'ISSUED',
      number: expect.stringMatching(/^ORD-/),
      tax: { amount: '0.00' },
      total: { amount: '123.45', currencyCode: 'EGP' },
      items: [{ description: 'Wallet top-up', description_ar: 'شحن المحفظة', quantity: 1 }],
    });
    const steps = await world.owner(
      "select payload ->> 'previousStatus' as came, payload ->> 'status' as went from events where aggregate_id = $1 order by position",
      [uuidOf(order.id)],
    );
    expect(steps).toEqual([
      { came: null, went: null },
      { came: 'DRAFT', went: 'ISSUED' },
    ]);
  });

  test('paid at the gateway becomes wallet money: no invoice, no points, no cashback', async () => {
    till = await tillOfNewCustomer(world);
    const { order } = await topUp('100.00');
    const sale = await till.startPaying(order.id);
    await till.atGateway(sale, 'pay');
    expect((await till.webhook(sale, 'paid')).verdict).toBe('ACCEPTED');
    await till.webhook(sale, 'paid');
    expect(await till.books(uuidOf(order.id))).toMatchObject({
      order: { status: 'PAID', paid: '10000' },
      invoices: 0,
      postings: ['SETTLEMENT'],
    });
    expect(await purseOf(till)).toEqual({
      wallet: 10_000,
      walletOwed: 0,
      points: 0,
      pointsOwed: 0,
      pending: 0,
      credited: 0,
    });
    const { viewer } = await world.data(
      till.customer,
      '{ viewer { user { wallet { balance { amount } transactions { nodes { kind amount { amount } order { type } payment { gateway } } } } } } }',
    );
    expect(viewer.user.wallet).toEqual({
      balance: { amount: '100.00' },
      transactions: {
        nodes: [
          { kind: 'TOP_UP', amount: { amount: '100.00' }, order: { type: 'TOP_UP' }, payment: { gateway: 'FAWATERK' } },
        ],
      },
    });
  });

  test('is not paid from a wallet, in whole or in part', async () => {
    till = await tillOfNewCustomer(world);
    await giveWallet(world, uuidOf(till.customerId), 100_000n);
    const { order } = await topUp('100.00');
    const { paymentMethods } = await world.data(
      till.customer,
      'query ($id: ID!) { paymentMethods(orderId: $id) { id kind } }',
      { id: order.id },
    );
    expect(paymentMethods.length).toBeGreaterThan(0);
    expect(paymentMethods.map(({ kind }: { kind: string }) => kind)).not.toContain('WALLET');
    const other = await till.issuedOrder('1.00');
    const walletMethod = await till.methodId(other, 'Wallet');
    for (const input of [
      { orderId: order.id, methodId: walletMethod },
      { orderId: order.id, methodId: await till.methodId(order.id), walletAmount: '10.00' },
      { orderId: order.id, methodId: await till.methodId(order.id), walletAmount: '100.00' },
    ]) {
      const { payOrder } = await world.data(
        till.customer,
        'mutation ($input: PayOrderInput!) { payOrder(input: $input) { payment { id } userErrors { code } } }',
        { input },
      );
      expect(payOrder).toEqual({ payment: null, userErrors: [{ code: 'INVALID_INPUT' }] });
    }
  });

  test('can be cancelled by its customer, and ends by itself when nobody pays it', async () => {
    const first = await topUp('50.00');
    expect(await cancel(first.order.id)).toEqual({ order: { status: 'CANCELLED' }, userErrors: [] });
    const { order } = await topUp('50.00');
    const orderUuid = uuidOf(order.id);
    const at = (text: string) => ({ ...world.app, clock: { now: () => new Date(text) } });
    const scope = { tenantId: DEMO_TENANT, customerId: null };
    await expireOrder(at(new Date(Date.parse(order.expiresAt) - 1).toISOString()), scope, orderUuid);
    expect((await till.books(orderUuid)).order.status).toBe('ISSUED');
    await expireOrder(at(order.expiresAt), scope, orderUuid);
    expect((await till.books(orderUuid)).order.status).toBe('EXPIRED');
  });

  test('may be made by an operator for a customer, and by a customer for nobody else', async () => {
    const { order, userErrors } = await topUp('50.00', { customerId: till.customerId }, till.operator);
    expect([order.status, userErrors]).toEqual(['ISSUED', []]);
    expect((await topUp('50.00', {}, till.operator)).userErrors).toMatchObject([
      { code: 'INVALID_INPUT', field: ['input', 'customerId'] },
    ]);
    const peer = await tillOfNewCustomer(world);
    expect((await topUp('50.00', { customerId: peer.customerId })).userErrors).toMatchObject([{ code: 'NOT_FOUND' }]);
  });

  test('under one key is made once', async () => {
    const [one, two] = await Promise.all([
      topUp('50.00', { idempotencyKey: 'top-up-once' }),
      topUp('50.00', { idempotencyKey: 'top-up-once' }),
    ]);
    expect(two.order.number).toBe(one.order.number);
  });

  test.each<[string, string | null, Record<string, unknown>, string]>([
    ['less than the least', '9.99', {}, 'unitPrice'],
    ['more than the most', '500.01', {}, 'unitPrice'],
    ['less than nothing', '-50.00', {}, 'unitPrice'],
    ['no amount', null, {}, 'unitPrice'],
    ['more decimals than the currency has', '50.001', {}, 'unitPrice'],
    ['another currency', '50.00', { currencyCode: 'USD' }, 'currencyCode'],
    ['two lines', null, { items: [1, 2].map(() => ({ quantity: 1, unitPrice: '50.00' })) }, 'items'],
    ['no line', null, { items: [] }, 'items'],
    ['many of one', null, { items: [{ quantity: 2, unitPrice: '50.00' }] }, 'quantity'],
    ['a tax', null, { items: [{ quantity: 1, unitPrice: '50.00', taxRate: '0' }] }, 'taxRate'],
    [
      'an empty description',
      null,
      { items: [{ quantity: 1, unitPrice: '50.00', description: [{ locale: 'en', text: ' ' }] }] },
      'description',
    ],
  ])('of %s is refused with INVALID_INPUT', async (_name, unitPrice, more, at) => {
    const { order, userErrors } = await topUp(unitPrice, more);
    expect([order, userErrors[0]?.code, userErrors[0]?.field?.at(-1)]).toEqual([null, 'INVALID_INPUT', at]);
  });

  test('outside the limits is told what they are', async () => {
    expect((await topUp('9.99')).userErrors[0]!.details).toEqual({ topUpMin: '10.00', topUpMax: '500.00' });
  });

  test('is refused where the tenant has none, and takes no number', async () => {
    await setRules(world, { topUpEnabled: false });
    const numbers = () => world.owner('select tenant_id, last::text from number_counters order by 1, 2');
    const before = await numbers();
    expect((await topUp('50.00')).userErrors).toMatchObject([
      { code: 'FEATURE_DISABLED', details: { feature: 'topUp' } },
    ]);
    expect(await numbers()).toEqual(before);
    await setRules(world, RULES);
  });
});
