import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import fc from '../helpers/property.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { Till, type Sale } from './till.ts';

let world: TestApp;
let till: Till;
beforeAll(async () => {
  world = await startTestApp();
  till = await Till.open(world);
});
afterEach(async () => {
  await world.simulators.scenario({ account: world.facts.tenantSlug, rules: [] });
  expect(await till.faultsOfLedger()).toEqual([]);
});
afterAll(() => world.stop());

const PAID_STEPS = [
  'order.status DRAFT>ISSUED',
  'payment.status UNPAID>PENDING',
  'payment.status PENDING>PAID',
  'order.status ISSUED>PAID',
];

describe('a paid webhook', () => {
  test('delivered twenty times at once settles once: one posting, one invoice, one event each', async () => {
    const sale = await till.sale();
    await till.atGateway(sale, 'pay');
    const answers = await Promise.all(Array.from({ length: 20 }, () => till.webhook(sale, 'paid')));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(answers.filter(({ verdict }) => verdict === 'ACCEPTED')).toHaveLength(1);
    expect(answers.filter(({ verdict }) => verdict === 'ALREADY_PROCESSED')).toHaveLength(19);
    expect(await till.books(sale.orderUuid)).toMatchObject({
      order: { status: 'PAID', payment_status: 'PAID', paid: '11400' },
      invoices: 1,
      postings: ['SETTLEMENT'],
      events: PAID_STEPS,
    });
  });

  test('that the gateway does not confirm moves nothing and stands in the journal as MISMATCH', async () => {
    const sale = await till.sale();
    const genuine = await till.webhook(sale, 'failed', { invoice_status: 'paid' });
    expect(genuine).toEqual({ status: 200, verdict: 'MISMATCH' });
    expect(await till.books(sale.orderUuid)).toMatchObject({
      order: { status: 'ISSUED', paid: '0' },
      invoices: 0,
      postings: [],
    });
    const { webhookDeliveries } = await world.data(
      till.operator,
      '{ webhookDeliveries(first: 1, verdict: MISMATCH) { nodes { verdict payment { id } } } }',
    );
    expect(webhookDeliveries.nodes).toEqual([{ verdict: 'MISMATCH', payment: { id: sale.paymentId } }]);
  });

  test('after failed and expired ones still settles, because only the gateway is believed', async () => {
    const sale = await till.sale();
    expect((await till.webhook(sale, 'failed')).verdict).toBe('ACCEPTED');
    expect((await till.books(sale.orderUuid)).order).toMatchObject({ status: 'ISSUED', payment_status: 'FAILED' });
    await till.atGateway(sale, 'pay');
    expect((await till.webhook(sale, 'paid')).verdict).toBe('ACCEPTED');
    expect((await till.webhook(sale, 'failed')).verdict).toBe('ALREADY_PROCESSED');
    expect(await till.books(sale.orderUuid)).toMatchObject({
      order: { status: 'PAID', payment_status: 'PAID' },
      invoices: 1,
      postings: ['SETTLEMENT'],
    });
  });

  test('while the gateway is silent is answered 200 as UNCONFIRMED, and a job settles it afterwards', async () => {
    const sale = await till.sale();
    await till.atGateway(sale, 'pay');
    await world.simulators.scenario({
      account: world.facts.tenantSlug,
      rules: [{ operation: 'getInvoiceData', fault: 'status5xx', probability: 1, status: 503 }],
    });
    expect(await till.webhook(sale, 'paid')).toEqual({ status: 200, verdict: 'UNCONFIRMED' });
    expect((await till.books(sale.orderUuid)).order.status).toBe('ISSUED');
    await world.simulators.scenario({ account: world.facts.tenantSlug, rules: [] });
    // Brought forward, as a clock would: the first repeat is minutes away.
    await world.owner('update payments set next_poll_at = now() where id = $1', [sale.paymentUuid]);
    await till.until(sale.orderUuid, ({ order }) => order.status === 'PAID');
  });
});

describe('a payment whose webhook never comes', () => {
  test('is settled by asking the gateway', async () => {
    const sale = await till.sale();
    await till.atGateway(sale, 'pay');
    await world.owner('update payments set next_poll_at = now() where id = $1', [sale.paymentUuid]);
    const books = await till.until(sale.orderUuid, ({ order }) => order.status === 'PAID');
    expect(books).toMatchObject({ invoices: 1, postings: ['SETTLEMENT'] });
  });
});

describe('money that does not fit', () => {
  test("of another amount is held under review, counts as nobody's revenue, and an operator can accept it", async () => {
    const sale = await till.sale();
    await world.simulators.scenario({
      account: world.facts.tenantSlug,
      rules: [{ operation: 'getInvoiceData', fault: 'wrongAmount', probability: 1 }],
    });
    await world.simulators.act(sale.paymentUrl, 'pay');
    const held = await till.until(sale.orderUuid, ({ payments }) => payments[0]!.status === 'UNDER_REVIEW');
    expect(held).toMatchObject({
      order: { status: 'ISSUED', payment_status: 'UNDER_REVIEW', paid: '0' },
      payments: [{ review_reason: 'AMOUNT' }],
      invoices: 0,
      postings: ['REVIEW_HOLD'],
    });
    const { resolvePaymentReview } = await world.data(
      till.operator,
      'mutation ($input: ResolvePaymentReviewInput!) { resolvePaymentReview(input: $input) { payment { status } userErrors { code } } }',
      {
        input: { paymentId: sale.paymentId, decision: 'ACCEPT', reason: 'agreed by telephone' },
      },
    );
    expect(resolvePaymentReview).toEqual({ payment: { status: 'PAID' }, userErrors: [] });
    expect(await till.books(sale.orderUuid)).toMatchObject({
      order: { status: 'PAID' },
      invoices: 1,
      postings: ['REVIEW_HOLD', 'REVIEW_ACCEPT'],
    });
  });

  test('in another currency is held and can only be given back', async () => {
    const sale = await till.sale();
    await world.simulators.scenario({
      account: world.facts.tenantSlug,
      rules: [{ operation: 'getInvoiceData', fault: 'wrongCurrency', probability: 1 }],
    });
    await world.simulators.act(sale.paymentUrl, 'pay');
    await till.until(sale.orderUuid, ({ payments }) => payments[0]!.review_reason === 'CURRENCY');
    const decide = (decision: string) =>
      world.data(
        till.operator,
        'mutation ($input: ResolvePaymentReviewInput!) { resolvePaymentReview(input: $input) { payment { status } userErrors { code } } }',
        { input: { paymentId: sale.paymentId, decision, reason: 'no' } },
      );
    expect((await decide('ACCEPT')).resolvePaymentReview.userErrors).toEqual([{ code: 'CURRENCY_MISMATCH' }]);
    expect((await decide('REFUND')).resolvePaymentReview.userErrors).toEqual([]);
    expect(
      await world.owner('select status, amount_minor > 0 as some from refunds where payment_id = $1', [
        sale.paymentUuid,
      ]),
    ).toEqual([{ status: 'REQUESTED', some: true }]);
  });

  test('a second success on one order is held and never counted as revenue', async () => {
    const sale = await till.sale();
    const second = await till.startPaying(sale.orderId, 'Fawry').catch(() => null);
    expect(second).not.toBeNull();
    await world.simulators.act(sale.paymentUrl, 'pay');
    await till.until(sale.orderUuid, ({ order }) => order.status === 'PAID');
    const [row] = await world.owner('select reference_code from payments where id = $1', [second!.paymentUuid]);
    await world.simulators.kiosk(row.reference_code, 'pay');
    const books = await till.until(sale.orderUuid, ({ payments }) => payments[1]!.status === 'UNDER_REVIEW');
    expect(books).toMatchObject({
      order: { status: 'PAID', payment_status: 'PAID', paid: '11400' },
      payments: [{ status: 'PAID' }, { review_reason: 'SECOND_SUCCESS' }],
      invoices: 1,
      postings: ['SETTLEMENT', 'REVIEW_HOLD'],
    });
  });

  test('for an order cancelled meanwhile is held', async () => {
    const sale = await till.sale();
    await world.data(
      till.customer,
      'mutation ($input: CancelOrderInput!) { cancelOrder(input: $input) { userErrors { code } } }',
      { input: { orderId: sale.orderId } },
    );
    expect((await till.books(sale.orderUuid)).order).toMatchObject({
      status: 'CANCELLED',
      payment_status: 'CANCELLED',
    });
    await world.simulators.act(sale.paymentUrl, 'pay');
    expect(await till.until(sale.orderUuid, ({ payments }) => payments[0]!.status === 'UNDER_REVIEW')).toMatchObject({
      order: { status: 'CANCELLED', paid: '0' },
      payments: [{ review_reason: 'ORDER_CANCELLED' }],
    });
  });
});

describe('starting to pay', () => {
  test('twice by one method continues the pending payment', async () => {
    const orderId = await till.issuedOrder();
    const methodId = await till.methodId(orderId);
    const [first, again] = [await till.pay(orderId, methodId), await till.pay(orderId, methodId)];
    expect(again).toEqual(first);
    expect(
      (await world.simulators.book(world.facts.tenantSlug)).invoices.filter(({ payLoad }) =>
        JSON.stringify(payLoad).includes(Buffer.from(first.payment!.id, 'base64url').toString().split(':')[1]!),
      ),
    ).toHaveLength(1);
  });

  test('that the gateway refuses leaves the order payable', async () => {
    const orderId = await till.issuedOrder();
    const methodId = await till.methodId(orderId);
    await world.simulators.scenario({
      account: world.facts.tenantSlug,
      rules: [{ operation: 'invoiceInitPay', fault: 'html405', probability: 1 }],
    });
    const refused = await till.pay(orderId, methodId);
    expect(refused).toMatchObject({ payment: null, userErrors: [{ code: 'GATEWAY_REJECTED' }] });
    await world.simulators.scenario({ account: world.facts.tenantSlug, rules: [] });
    expect((await till.pay(orderId, methodId)).payment).toMatchObject({ status: 'PENDING' });
  });

  test('whose answer is lost is unknown, never failed; its inquiry is visible, and an orphan webhook still settles it', async () => {
    const orderId = await till.issuedOrder();
    const methodId = await till.methodId(orderId);
    await world.simulators.scenario({
      account: world.facts.tenantSlug,
      rules: [{ operation: 'invoiceInitPay', fault: 'resetAfter', nth: 1 }],
    });
    const lost = await till.pay(orderId, methodId, 'lost-answer-1');
    expect(lost).toMatchObject({ payment: null, userErrors: [{ code: 'OUTCOME_UNKNOWN' }] });
    const { operation } = await world.data(
      till.customer,
      '{ operation(key: "lost-answer-1") { status inquiry { resolution attempts } } }',
    );
    expect(operation).toMatchObject({ status: 'UNKNOWN', inquiry: { resolution: 'OPEN' } });
    const [orphan] = (await world.simulators.book(world.facts.tenantSlug)).invoices;
    const [payment] = await world.owner('select id, order_id from payments where id = $1', [
      (orphan!.payLoad as { payment_id: string }).payment_id,
    ]);
    const sale = { paymentUrl: `${world.simulators.url}/fawaterk/pay/${orphan!.invoiceKey}` } as Sale;
    await world.simulators.act(sale.paymentUrl, 'pay');
    const books = await till.until(payment.order_id, ({ order }) => order.status === 'PAID');
    expect(books).toMatchObject({ invoices: 1, postings: ['SETTLEMENT'] });
  });
});

describe('numbers', () => {
  test('fifty orders issued at once get numbers without gap or duplicate', async () => {
    const drafts = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const { createOrder } = await world.data(
          till.operator,
          'mutation ($input: CreateOrderInput!) { createOrder(input: $input) { order { id } } }',
          {
            input: {
              type: 'MANUAL_INVOICE',
              customerId: till.customerId,
              items: [{ description: [{ locale: 'en', text: 'Tea' }], quantity: 1, unitPrice: '1.00' }],
            },
          },
        );
        return createOrder.order.id as string;
      }),
    );
    await Promise.all(
      drafts.map((orderId) =>
        world.data(
          till.operator,
          'mutation ($input: IssueOrderInput!) { issueOrder(input: $input) { order { number } } }',
          { input: { orderId } },
        ),
      ),
    );
    for (const table of ['orders', 'invoices']) {
      const rows = await world.owner(
        `select number from ${table} where tenant_id = (select id from tenants where slug = $1) and number is not null order by number`,
        [world.facts.tenantSlug],
      );
      const numbers = rows.map(({ number }) => Number(number.split('-')[1]));
      expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    }
  });

  test('an issued order, its items and an invoice cannot be changed, by the owner either', async () => {
    const sale = await till.sale();
    await world.simulators.act(sale.paymentUrl, 'pay');
    await till.until(sale.orderUuid, ({ order }) => order.status === 'PAID');
    for (const change of [
      'update order_items set unit_price_minor = 1 where order_id = $1',
      'delete from order_items where order_id = $1',
      'update orders set total_minor = 1, subtotal_minor = 1, tax_minor = 0 where id = $1',
      "update invoices set number = 'INV-999999' where order_id = $1",
      'delete from invoices where order_id = $1',
    ]) {
      await expect(world.owner(change, [sale.orderUuid]), change).rejects.toThrow(/frozen|keeps|append-only/);
    }
    await expect(world.owner('update ledger_entries set amount_minor = 0')).rejects.toThrow('append-only');
  });
});

test('deliveries that prove nothing are refused, and nothing but a journal row is written', async () => {
  const sale = await till.sale();
  const before = await till.books(sale.orderUuid);
  expect(await till.webhook(sale, 'paid', { hashKey: 'f'.repeat(64) })).toEqual({
    status: 401,
    verdict: 'BAD_SIGNATURE',
  });
  expect(await till.deliver('{"half":')).toEqual({ status: 400, verdict: 'MALFORMED' });
  expect(
    (
      await world.request('POST', `/webhooks/payments/fawaterk/${world.facts.tenantSlug}`, {
        headers: { 'content-type': 'application/json' },
        body: 'x'.repeat(70_000),
      })
    ).status,
  ).toBe(413);
  expect(
    (
      await world.request('POST', '/webhooks/payments/fawaterk/nobody', {
        headers: { 'content-type': 'application/json' },
        body: '{}',
      })
    ).status,
  ).toBe(404);
  expect(
    (await world.request('POST', `/webhooks/payments/unknown/${world.facts.tenantSlug}`, { body: '{}' })).status,
  ).toBe(404);
  // Another tenant's address: its key does not fit, whatever the body says.
  expect(
    (
      await till.deliver(
        {
          invoice_id: sale.invoiceId,
          invoice_key: sale.invoiceKey,
          payment_method: 'x',
          invoice_status: 'paid',
          hashKey: '0'.repeat(64),
        },
        world.facts.otherTenantSlug,
      )
    ).verdict,
  ).toBe('BAD_SIGNATURE');
  expect(await till.books(sale.orderUuid)).toEqual(before);
});

test('over a hundred refused deliveries a minute are counted and not kept', async () => {
  const other = world.facts.otherTenantSlug;
  await Promise.all(Array.from({ length: 130 }, () => till.deliver({ invoice_id: 1, hashKey: 'x' }, other)));
  const [row] = await world.owner(
    'select count(*)::int as kept from webhook_deliveries d join tenants t on t.id = d.tenant_id where t.slug = $1',
    [other],
  );
  const [counted] = await world.owner(
    'select sum(counted)::int as counted, count(*)::int as minutes from webhook_rejections r join tenants t on t.id = r.tenant_id where t.slug = $1',
    [other],
  );
  expect(counted.counted).toBeGreaterThanOrEqual(130);
  expect(row.kept).toBeLessThanOrEqual(100 * counted.minutes);
});

test('an outside call inside an open transaction is refused by the outbound module', async () => {
  const scope = {
    tenantId: (await world.owner('select id from tenants where slug = $1', [world.facts.tenantSlug]))[0].id as string,
    customerId: null,
  };
  const connection = (await world.app.gateways.connect(scope.tenantId, 'FAWATERK'))!;
  await expect(
    world.app.db.write(scope, () => world.app.gateways.lookUp('FAWATERK', connection, '1', 1_000)),
  ).rejects.toThrow('transaction was open');
});

test('any six deliveries in any order, with the truth at the gateway, end in the same state and settle at most once', async () => {
  const kinds = fc.array(fc.constantFrom('paid' as const, 'failed' as const, 'expired' as const), {
    minLength: 1,
    maxLength: 6,
  });
  await fc.assert(
    fc.asyncProperty(kinds, fc.boolean(), async (deliveries, isPaid) => {
      const sale = await till.sale();
      if (isPaid) await till.atGateway(sale, 'pay');
      for (const kind of deliveries) await till.webhook(sale, kind);
      const books = await till.books(sale.orderUuid);
      const settled = isPaid && deliveries.length > 0;
      expect(books.order.status).toBe(settled ? 'PAID' : 'ISSUED');
      expect(books.postings).toEqual(settled ? ['SETTLEMENT'] : []);
      expect(books.invoices).toBe(settled ? 1 : 0);
    }),
    { numRuns: Number(process.env['SOAK_RUNS'] ?? 12), seed: Number(process.env['SOAK_SEED'] ?? 20261121) },
  );
});
