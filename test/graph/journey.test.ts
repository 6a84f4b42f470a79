import { afterAll, beforeAll, expect, test } from 'vitest';

import { eventually, startTestApp, type TestApp } from '../helpers/app.ts';

/** The main job, end to end, over real sockets. */
let world: TestApp;
beforeAll(async () => {
  world = await startTestApp();
});
afterAll(() => world.stop());

test('a customer pays an order at the gateway, the webhook settles it, and the invoice can be downloaded', async () => {
  const operator = await world.session('operator');
  const customer = await world.session('customer');
  const { createOrder } = await world.data(
    { token: operator.accessToken },
    `mutation ($input: CreateOrderInput!) { createOrder(input: $input) { order { id status total { amount } } userErrors { code } } }`,
    {
      input: {
        type: 'MANUAL_INVOICE',
        customerId: customer.userId,
        items: [
          { description: [{ locale: 'en', text: 'Nile cruise' }], quantity: 2, unitPrice: '75.00', taxRate: '14' },
        ],
      },
    },
  );
  expect(createOrder).toMatchObject({ order: { status: 'DRAFT', total: { amount: '171.00' } }, userErrors: [] });
  const orderId: string = createOrder.order.id;
  const { issueOrder } = await world.data(
    { token: operator.accessToken },
    `mutation ($input: IssueOrderInput!) { issueOrder(input: $input) { order { number status } userErrors { code } } }`,
    { input: { orderId } },
  );
  expect(issueOrder.order).toEqual({ number: 'ORD-000001', status: 'ISSUED' });

  const { paymentMethods } = await world.data(
    { token: customer.accessToken },
    `query ($id: ID!) { paymentMethods(orderId: $id) { id kind } }`,
    { id: orderId },
  );
  const method = paymentMethods.find((offered: { kind: string }) => offered.kind === 'REDIRECT');
  const { payOrder } = await world.data(
    { token: customer.accessToken },
    `mutation ($input: PayOrderInput!) { payOrder(input: $input) { payment { id status paymentUrl } userErrors { code } } }`,
    { input: { orderId, methodId: method.id } },
  );
  expect(payOrder.payment.status).toBe('PENDING');

  await world.simulators.act(payOrder.payment.paymentUrl, 'pay');
  const paid = await eventually(
    () =>
      world.data(
        { token: customer.accessToken },
        `query ($id: ID!) { order(id: $id) { status paymentStatus amountPaid { amount } amountDue { amount } payments { status } invoice { number pdfUrl } } }`,
        { id: orderId },
      ),
    ({ order }) => order.status === 'PAID',
  );
  expect(paid.order).toMatchObject({
    paymentStatus: 'PAID',
    amountPaid: { amount: '171.00' },
    amountDue: { amount: '0.00' },
    payments: [{ status: 'PAID' }],
    invoice: { number: 'INV-000001' },
  });

  const link = new URL(paid.order.invoice.pdfUrl);
  const page = await world.request('GET', link.pathname + link.search);
  expect(page.status).toBe(200);
  expect(page.body.subarray(0, 5).toString()).toBe('%PDF-');
  expect((await world.request('GET', link.pathname)).status, 'without its token there is no such page').toBe(404);

  const ledger = await world.owner('select kind, balance_minor::text as balance from ledger_accounts order by kind');
  expect(ledger).toEqual([
    { kind: 'GATEWAY_CLEARING', balance: '17100' },
    { kind: 'REVENUE', balance: '-15000' },
    { kind: 'TAX_PAYABLE', balance: '-2100' },
  ]);
});
