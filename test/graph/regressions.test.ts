import { randomUUID } from 'node:crypto';

import { createHmac } from 'node:crypto';

import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createApp } from '../../src/app.ts';
import type { App } from '../../src/context.ts';
import { Database } from '../../src/db.ts';
import { decodeGlobalId, encodeGlobalId } from '../../src/global-id.ts';
import { prismaOver } from '../../src/prisma.ts';
import { createContext } from '../../src/request.ts';
import { LOOK_UP_AFTER_MS } from '../../src/resolvers/inquiry-open.ts';
import { lookUpInquiry } from '../../src/resolvers/inquiry.ts';
import { pollPayment } from '../../src/resolvers/payment-poll.ts';
import { payOrder } from '../../src/resolvers/payment.ts';
import { settleNow } from '../../src/resolvers/gateway-transaction.ts';
import { receiveWebhook, resumeDelivery } from '../../src/webhooks.ts';
import { eventually, startTestApp, type TestApp } from '../helpers/app.ts';

/** The tests' clock: it goes with the real one and can be put forward. */
let ahead = 0;
const clock = { now: () => new Date(Date.now() + ahead) };
const putForward = (milliseconds: number) => void (ahead += milliseconds);

/** What once went wrong, or could have: a crash between two statements, two at once, an outside party that lies or is silent. */
let world: TestApp;
let tenantId: string;
beforeAll(async () => {
  world = await startTestApp({ worker: false, clock });
  tenantId = (await world.owner('select id from tenants where slug = $1', [world.facts.tenantSlug]))[0].id;
});
afterAll(() => world.stop());

const scope = () => ({ tenantId, customerId: null });

describe('the snapshot a request reads through', () => {
  test('a statement asked for in the turn in which the snapshot is paused still runs in a snapshot', async () => {
    const reader = world.app.db.reader(scope());
    await reader.query('select 1 as one');
    const read = reader.query<{ id: string }>('select id from tenants where id = current_tenant()');
    await Promise.all([read, reader.pauseFor(async () => undefined)]);
    reader.end();
    expect(await read).toEqual([{ id: tenantId }]);
  });

  test("a statement asked for in the turn in which the request ends never runs in somebody else's transaction", async () => {
    const db = oneConnection();
    const reader = db.reader(scope());
    await reader.query('select 1 as one');
    const late = reader
      .query("select current_setting('app.tenant_id', true) as tenant")
      .catch((error: Error) => error.message);
    reader.end();
    expect([[{ tenant: tenantId }], 'A read after the end of its request.']).toContainEqual(await late);
    await db.close();
  });

  test('a slow statement that nobody waits for any more holds up nobody else', async () => {
    const { db } = world.app;
    await Promise.all([db.lookUp('select pg_sleep(0.1)', []), db.lookUp('select pg_sleep(0.1)', [])]);
    const reader = db.reader(scope());
    const order: string[] = [];
    const slow = reader.query('select pg_sleep(2)').then(() => order.push('slow'));
    await new Promise((resolve) => setImmediate(resolve));
    reader.end();
    await new Promise((resolve) => setImmediate(resolve));
    await Promise.all([slow, db.lookUp('select 1 as one', []).then(() => order.push('quick'))]);
    expect(order).toEqual(['quick', 'slow']);
  });

  test('what is told of the streams is as old as the first thing that was read', async () => {
    const reader = world.app.db.reader(scope());
    await reader.query('select 1 as one');
    const { position } = reader.head!;
    await reader.pauseFor(() => issuedOrder());
    await reader.query('select 1 as one');
    expect(reader.head!.position).toBe(position);
    reader.end();
  });

  test('a snapshot whose connection is lent out is not ended before it is given back, and Prisma gives it back', async () => {
    const reader = world.app.db.reader(scope());
    const loan = await reader.lend();
    let isPaused = false;
    const pausing = reader.pauseFor(async () => {
      isPaused = true;
    });
    const { rows } = await loan.client.query('select id from tenants where id = current_tenant()');
    expect([rows, isPaused]).toEqual([[{ id: tenantId }], false]);
    loan.giveBack();
    await pausing;
    expect(
      await prismaOver(reader).tenant.findMany({ where: { id: tenantId }, include: { portal: true } }),
    ).toMatchObject([{ portal: { tenantId } }]);
    expect(await reader.pauseFor(async () => 'paused')).toBe('paused');
    reader.end();
  });
});

function oneConnection(): Database {
  return new Database({
    url: world.database.appUrl,
    poolSize: 1,
    acquireTimeoutMs: 2000,
    statementTimeoutMs: 5000,
    applicationName: 'regressions',
    nowMs: () => performance.now(),
  });
}

describe('the ledger', () => {
  test('two postings to the same accounts wait for each other and never deadlock', async () => {
    const clients = [
      new pg.Client({ connectionString: world.database.appUrl }),
      new pg.Client({ connectionString: world.database.appUrl }),
    ];
    const post = async (client: pg.Client) => {
      await client.query('begin');
      await client.query('select * from enter_tenant($1, null)', [tenantId]);
      const nil = '00000000-0000-0000-0000-000000000000';
      const entries = [
        { kind: 'GATEWAY_CLEARING', holderId: nil, amountMinor: '5' },
        { kind: 'PAYMENTS_UNDER_REVIEW', holderId: nil, amountMinor: '-5' },
      ];
      await client.query("select post_ledger($1, '[]')", [
        JSON.stringify([
          {
            id: randomUUID(),
            kind: 'TEST',
            subjectId: randomUUID(),
            currencyCode: 'EGP',
            occurredAt: '2026-11-21T00:00:00Z',
            entries,
          },
        ]),
      ]);
      await client.query('commit');
    };
    for (const client of clients) await client.connect();
    await post(clients[0]!);
    const outcomes: PromiseSettledResult<void>[] = [];
    for (let round = 0; round < 100; round += 1) outcomes.push(...(await Promise.allSettled(clients.map(post))));
    for (const client of clients) await client.end();
    expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([]);
    expect(
      await world.owner(
        "select balance_minor::text as balance from ledger_accounts where kind = 'PAYMENTS_UNDER_REVIEW'",
      ),
    ).toEqual([{ balance: '-1005' }]);
  });
});

async function as(who: 'operator' | 'customer') {
  return { token: (await world.session(who)).accessToken };
}

async function issuedOrder(unitPrice = '100.00'): Promise<string> {
  const operator = await as('operator');
  const { createOrder } = await world.data(
    operator,
    'mutation ($input: CreateOrderInput!) { createOrder(input: $input) { order { id } userErrors { code } } }',
    {
      input: {
        type: 'MANUAL_INVOICE',
        customerId: (await world.session('customer')).userId,
        items: [{ description: [{ locale: 'en', text: 'Tea' }], quantity: 1, unitPrice }],
      },
    },
  );
  const { issueOrder } = await world.data(
    operator,
    'mutation ($input: IssueOrderInput!) { issueOrder(input: $input) { order { id } userErrors { code } } }',
    { input: { orderId: createOrder.order.id } },
  );
  return issueOrder.order.id;
}

async function cardMethod(orderId: string): Promise<string> {
  const { paymentMethods } = await world.data(
    await as('customer'),
    'query ($id: ID!) { paymentMethods(orderId: $id) { id kind } }',
    { id: orderId },
  );
  return paymentMethods.find((method: { kind: string }) => method.kind === 'REDIRECT').id;
}

interface Paid {
  readonly payment: { id: string; status: string; paymentUrl: string | null } | null;
  readonly userErrors: readonly { code: string }[];
}

async function pay(input: { orderId: string; methodId: string; idempotencyKey?: string }): Promise<Paid> {
  const { payOrder } = await world.data(
    await as('customer'),
    'mutation ($input: PayOrderInput!) { payOrder(input: $input) { payment { id status paymentUrl } userErrors { code field } } }',
    { input },
  );
  return payOrder;
}

const rawId = (globalId: string) => decodeGlobalId(globalId)!.id;
const operationOf = async (key: string) =>
  (await world.owner('select status, inquiry_id, user_errors from operations where key = $1', [key]))[0];
const paymentRow = async (id: string) => (await world.owner('select * from payments where id = $1', [id]))[0];
const orderRow = async (id: string) => (await world.owner('select * from orders where id = $1', [rawId(id)]))[0];

/** The same process's parts, but the gateway's answer to one kind of call never comes: as if the process died in the middle. */
function dyingIn(call: 'initiate' | 'lookUp'): App {
  const gateways = new Proxy(world.app.gateways, {
    get(real, name) {
      if (name === call) return () => new Promise(() => undefined);
      const value: unknown = Reflect.get(real, name, real);
      return typeof value === 'function' ? (value as () => unknown).bind(real) : value;
    },
  });
  return { ...world.app, gateways };
}

/** A payment whose process died while the gateway was being asked for its address. @returns the payment's id */
async function deadInitiation(orderId: string, methodId: string, key: string): Promise<string> {
  const { userId } = await world.session('customer');
  const id = rawId(userId);
  const actor = {
    kind: 'CUSTOMER',
    tenantId,
    homeTenantId: tenantId,
    userId: id,
    sessionId: id,
    keyId: null,
    expiresAtMs: 0,
  } as const;
  const ctx = createContext(dyingIn('initiate'), { actor, scope: { tenantId, customerId: id } }, 'regressions');
  void payOrder(ctx, { orderId, methodId, idempotencyKey: key });
  await eventually(
    () => operationOf(key),
    (operation) => operation?.status === 'IN_FLIGHT',
  );
  return (await world.owner('select result_id as id from operations where key = $1', [key]))[0].id;
}

describe('operations', () => {
  test('a refusal that says "ask again shortly" is not kept: the same key gets the payment afterwards', async () => {
    const orderId = await issuedOrder();
    const methodId = await cardMethod(orderId);
    await deadInitiation(orderId, methodId, 'dead-1');
    expect((await pay({ orderId, methodId, idempotencyKey: 'again-1' })).userErrors).toMatchObject([
      { code: 'PAYMENT_PENDING' },
    ]);
    putForward(31_000);
    expect(await pay({ orderId, methodId, idempotencyKey: 'again-1' })).toMatchObject({
      payment: { status: 'PENDING' },
      userErrors: [],
    });
  });

  test('a repeated key is told the first result, also when today the way to it is barred', async () => {
    const orderId = await issuedOrder();
    const methodId = await cardMethod(orderId);
    const first = await pay({ orderId, methodId, idempotencyKey: 'twice-1' });
    await world.owner('update payment_gateway_configs set enabled = false where tenant_id = $1', [tenantId]);
    try {
      expect(await pay({ orderId, methodId, idempotencyKey: 'twice-1' })).toEqual(first);
      expect(
        (await pay({ orderId: await issuedOrder(), methodId, idempotencyKey: 'twice-1' })).userErrors,
      ).toMatchObject([{ code: 'IDEMPOTENCY_INPUT_MISMATCH' }]);
    } finally {
      await world.owner('update payment_gateway_configs set enabled = true where tenant_id = $1', [tenantId]);
    }
  });

  test("a request that fails before its claim does not write its refusal over another's operation under the same key", async () => {
    const orderId = await issuedOrder();
    const methodId = await cardMethod(orderId);
    await deadInitiation(orderId, methodId, 'other-1');
    const refused = await pay({ orderId, methodId: 'bm9uZQ', idempotencyKey: 'other-1' });
    expect(refused.userErrors).toMatchObject([{ code: 'IDEMPOTENCY_INPUT_MISMATCH', field: ['input', 'methodId'] }]);
    expect(await operationOf('other-1')).toMatchObject({ status: 'IN_FLIGHT', user_errors: [] });
  });

  test('an operation whose process died is taken up by the next request with its key, once its lease is over', async () => {
    const orderId = await issuedOrder();
    const methodId = await cardMethod(orderId);
    const dead = await deadInitiation(orderId, methodId, 'dead-2');
    putForward(61_000);
    const taken = await pay({ orderId, methodId, idempotencyKey: 'dead-2' });
    expect(taken).toMatchObject({ payment: { status: 'PENDING' }, userErrors: [] });
    expect(rawId(taken.payment!.id)).not.toBe(dead);
    expect(await operationOf('dead-2')).toMatchObject({ status: 'SUCCEEDED' });
    expect(await paymentRow(dead)).toMatchObject({ status: 'FAILED', failure_reason: 'ANSWER_LOST' });
  });

  test('an inquiry opened while the lease still ran finds the operation later, and its end leaves neither operation nor order waiting', async () => {
    const orderId = await issuedOrder();
    const id = await deadInitiation(orderId, await cardMethod(orderId), 'dead-3');
    putForward(31_000);
    expect(await pollPayment(world.app, scope(), id)).toBe('UNKNOWN');
    expect(await operationOf('dead-3')).toMatchObject({ status: 'IN_FLIGHT' });
    const [inquiry] = await world.owner('select id from inquiries where about_id = $1', [id]);
    putForward(31_000);
    await lookUpInquiry(world.app, scope(), inquiry.id);
    expect(await operationOf('dead-3')).toMatchObject({ status: 'UNKNOWN', inquiry_id: inquiry.id });
    for (let attempt = 1; attempt < LOOK_UP_AFTER_MS.length; attempt += 1)
      await lookUpInquiry(world.app, scope(), inquiry.id);
    expect(await operationOf('dead-3')).toMatchObject({ status: 'FAILED' });
    expect(await paymentRow(id)).toMatchObject({ status: 'FAILED', next_poll_at: null });
    expect(await orderRow(orderId)).toMatchObject({ status: 'ISSUED', payment_status: 'FAILED' });
  });
});

type Invoice = { readonly account: string; readonly invoiceId: number; readonly invoiceKey: string };

/** A paid-hook signed as the vendor signs: its signature covers neither the status nor whose payment it says it is. */
async function paidHook(
  { invoiceId, invoiceKey }: Invoice,
  paymentId: string,
): Promise<{ headers: Record<string, string>; body: Buffer }> {
  const { credentials } = (await world.app.gateways.connect(tenantId, 'FAWATERK'))!;
  const hashKey = createHmac('sha256', credentials['VENDOR_KEY']!)
    .update(`InvoiceId=${invoiceId}&InvoiceKey=${invoiceKey}&PaymentMethod=Card`)
    .digest('hex');
  const body = {
    invoice_id: invoiceId,
    invoice_key: invoiceKey,
    payment_method: 'Card',
    invoice_status: 'paid',
    pay_load: { payment_id: paymentId },
    hashKey,
  };
  return { headers: { 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify(body)) };
}

const newestInvoice = async (): Promise<Invoice> => (await world.simulators.book()).invoices[0]!;
const payPageOf = (invoice: Invoice) => `${world.simulators.url}/fawaterk/pay/${invoice.invoiceKey}`;
const receive = async (hook: Parameters<typeof receiveWebhook>[3], app: App = world.app) =>
  receiveWebhook(app, 'fawaterk', world.facts.tenantSlug, hook);
const deliveriesOf = (paymentId: string) =>
  world.owner(
    'select id, verdict, processed_at from webhook_deliveries where payment_id = $1 order by received_at, id',
    [paymentId],
  );
const dueDeliveries = async () =>
  (await world.app.db.lookUp<{ kind: string; id: string }>('select kind, id from due_work($1, 1000)', [clock.now()]))
    .filter(({ kind }) => kind === 'delivery')
    .map(({ id }) => id);

async function withFault<T>(operation: string, fault: string, work: () => Promise<T>): Promise<T> {
  const { account } = await newestInvoice();
  await world.simulators.scenario({ account, rules: [{ operation, fault }] });
  try {
    return await work();
  } finally {
    await world.simulators.scenario({ account, rules: [] });
  }
}

async function startedPayment(): Promise<{ orderId: string; paymentId: string; invoice: Invoice }> {
  const orderId = await issuedOrder();
  const { payment } = await pay({ orderId, methodId: await cardMethod(orderId) });
  return { orderId, paymentId: rawId(payment!.id), invoice: await newestInvoice() };
}

describe('webhooks', () => {
  test('a delivery left without a verdict by a process that died becomes due and is settled', async () => {
    const { orderId, paymentId, invoice } = await startedPayment();
    await withFault('pay', 'lostWebhook', () => world.simulators.act(payPageOf(invoice), 'pay'));
    void receive(await paidHook(invoice, paymentId), dyingIn('lookUp'));
    const [left] = await eventually(
      () => deliveriesOf(paymentId),
      (rows) => rows.length === 1,
    );
    expect(left.verdict).toBe('RECEIVED');
    expect(await dueDeliveries()).not.toContain(left.id);
    putForward(61_000);
    expect(await dueDeliveries()).toContain(left.id);
    await resumeDelivery(world.app, scope(), left.id);
    expect(await deliveriesOf(paymentId)).toMatchObject([{ verdict: 'ACCEPTED' }]);
    expect(await dueDeliveries()).not.toContain(left.id);
    expect(await orderRow(orderId)).toMatchObject({ status: 'PAID' });
  });

  test('money for a payment whose address was lost is found, also when the gateway was silent as its webhook came', async () => {
    const orderId = await issuedOrder();
    const methodId = await cardMethod(orderId);
    await withFault('invoiceInitPay', 'resetAfter', async () => {
      expect((await pay({ orderId, methodId })).userErrors).toMatchObject([{ code: 'OUTCOME_UNKNOWN' }]);
    });
    const invoice = await newestInvoice();
    const [{ id: paymentId }] = await world.owner('select id from payments where order_id = $1', [rawId(orderId)]);
    await withFault('pay', 'lostWebhook', () => world.simulators.act(payPageOf(invoice), 'pay'));
    await withFault('getInvoiceData', 'status5xx', async () => {
      expect(await receive(await paidHook(invoice, paymentId))).toMatchObject({
        status: 200,
        body: { verdict: 'UNCONFIRMED' },
      });
      putForward(61_000);
      const [open] = await deliveriesOf(paymentId);
      expect(await dueDeliveries()).toContain(open.id);
      await expect(resumeDelivery(world.app, scope(), open.id)).rejects.toMatchObject({ code: 'GATEWAY_UNAVAILABLE' });
      expect(await dueDeliveries()).toContain(open.id);
    });
    // The circuit that the silence opened closes again by itself.
    const [open] = await deliveriesOf(paymentId);
    await eventually(
      () =>
        resumeDelivery(world.app, scope(), open.id).then(
          () => true,
          () => false,
        ),
      (isDone) => isDone,
    );
    expect(await deliveriesOf(paymentId)).toMatchObject([{ verdict: 'ACCEPTED' }]);
    expect(await paymentRow(paymentId)).toMatchObject({ status: 'PAID', gateway_reference: String(invoice.invoiceId) });
    expect(await orderRow(orderId)).toMatchObject({ status: 'PAID' });
  });

  test("another invoice's money is not taken for a payment that a forged delivery names, neither when it comes nor when it is replayed", async () => {
    const orderId = await issuedOrder();
    const paymentId = await deadInitiation(orderId, await cardMethod(orderId), 'forged-1');
    const connection = (await world.app.gateways.connect(tenantId, 'FAWATERK'))!;
    const strangers = await world.app.gateways.initiate('FAWATERK', connection, {
      paymentId: '00000000-0000-4000-8000-00000000beef',
      orderNumber: 'X-1',
      methodId: '2',
      methodName: 'Card',
      amountMinor: 10000n,
      currencyCode: 'EGP',
      customer: { firstName: 'A', lastName: 'B', email: 'a@example.com', phone: null },
      items: [],
      locale: 'en',
      returnUrls: { success: 'http://127.0.0.1/', failure: 'http://127.0.0.1/', pending: 'http://127.0.0.1/' },
      webhookUrl: 'http://127.0.0.1:9/',
    });
    expect(strangers.kind).toBe('done');
    const invoice = await newestInvoice();
    await withFault('pay', 'lostWebhook', () => world.simulators.act(payPageOf(invoice), 'pay'));
    expect(await receive(await paidHook(invoice, paymentId))).toMatchObject({ body: { verdict: 'MISMATCH' } });
    const [delivery] = await deliveriesOf(paymentId);
    const { replayWebhook } = await world.data(
      await as('operator'),
      'mutation ($input: ReplayWebhookInput!) { replayWebhook(input: $input) { replay { verdict } userErrors { code } } }',
      {
        input: { deliveryId: encodeGlobalId('WebhookDelivery', delivery.id) },
      },
    );
    expect(replayWebhook).toEqual({ replay: { verdict: 'MISMATCH' }, userErrors: [] });
    expect(await paymentRow(paymentId)).toMatchObject({ status: 'PENDING', captured_minor: '0' });
  });

  test('a customer who pays at the second try is found though that webhook is lost', async () => {
    const { orderId, paymentId, invoice } = await startedPayment();
    await world.simulators.act(payPageOf(invoice), 'fail');
    await eventually(
      () => paymentRow(paymentId),
      (row) => row.status === 'FAILED',
    );
    await withFault('pay', 'lostWebhook', () => world.simulators.act(payPageOf(invoice), 'pay'));
    putForward(121_000);
    expect(
      (await world.app.db.lookUp<{ id: string }>('select id from due_work($1, 1000)', [clock.now()])).map(
        ({ id }) => id,
      ),
    ).toContain(paymentId);
    expect(await pollPayment(world.app, scope(), paymentId)).toBe('PAID');
    expect(await orderRow(orderId)).toMatchObject({ status: 'PAID' });
    expect(await paymentRow(paymentId)).toMatchObject({ next_poll_at: null });
  });

  test('a payment given up is asked about a bounded number of times', async () => {
    const { paymentId, invoice } = await startedPayment();
    await world.simulators.act(payPageOf(invoice), 'fail');
    await eventually(
      () => paymentRow(paymentId),
      (row) => row.status === 'FAILED',
    );
    let looks = 0;
    for (; (await paymentRow(paymentId)).next_poll_at !== null && looks < 20; looks += 1)
      await pollPayment(world.app, scope(), paymentId);
    expect(looks).toBe(9);
  });

  test('an order whose money was accepted short shows nothing due on its invoice', async () => {
    const { orderId, paymentId } = await startedPayment();
    await settleNow(world.app, scope(), {
      paymentId,
      claim: null,
      fact: { status: 'PAID', amountMinor: 8000n, currencyCode: 'EGP' },
      amountRule: 'EQUAL',
    });
    await settleNow(world.app, scope(), { paymentId, claim: null, fact: { decision: 'ACCEPT' }, amountRule: 'EQUAL' });
    const [{ document }] = await world.owner('select document from invoices where order_id = $1', [rawId(orderId)]);
    expect(document).toMatchObject({ total: '100.00', amountPaid: '80.00', amountDue: '0.00', mark: 'PAID' });
  });
});

describe('the application login', () => {
  test('whatever time it names, nothing is forgotten before its time', async () => {
    const count = async () =>
      (
        await world.owner(
          'select (select count(*) from events) as events, (select count(*) from operations) as operations, (select count(body_sealed) from webhook_deliveries) as bodies',
        )
      )[0];
    const before = await count();
    expect(Number(before.events)).toBeGreaterThan(0);
    await world.app.db.lookUp('select * from forget_old($1)', [new Date('2100-01-01')]);
    expect(await count()).toEqual(before);
  });

  test("yesterday's budgets and old counts of refused deliveries are forgotten, today's limit on", async () => {
    await world.owner(
      "insert into rate_budgets (tenant_id, bucket, window_start, used) values ($1, 'yesterday', now() - interval '25 hours', 5), ($1, 'today', now(), 5)",
      [tenantId],
    );
    await world.owner(
      "insert into webhook_rejections (tenant_id, minute, kept, counted) values ($1, now() - interval '91 days', 1, 1), ($1, now() - interval '89 days', 1, 1)",
      [tenantId],
    );
    await world.app.db.lookUp('select * from forget_old($1)', [new Date()]);
    expect(
      await world.owner("select bucket from rate_budgets where bucket in ('yesterday', 'today') order by 1"),
    ).toEqual([{ bucket: 'today' }]);
    expect(
      await world.owner(
        "select count(*)::int as count from webhook_rejections where minute < now() - interval '80 days'",
      ),
    ).toEqual([{ count: 1 }]);
  });

  test('looking at a budget leaves no row behind', async () => {
    const [seen] = await world.app.db.lookUp<{ granted: number; used: number }>(
      "select * from take_budget($1, 'only looked at', 0, 0, 60, $2)",
      [tenantId, new Date()],
    );
    expect(seen).toEqual({ granted: 0, used: 0 });
    expect(await world.owner("select 1 from rate_budgets where bucket = 'only looked at'")).toEqual([]);
  });

  test('one that may become a mightier role is refused', async () => {
    const name = `portolan_test_${world.port}`;
    await world.owner(`create role ${name}_might bypassrls`);
    await world.owner(`create role ${name} login password 'x' in role portolan_app, ${name}_might`);
    const url = new URL(world.database.appUrl);
    url.username = name;
    url.password = 'x';
    try {
      await expect(
        createApp({ config: { ...world.app.config, databaseUrl: url.href }, log: world.app.log }),
      ).rejects.toThrow('may become');
    } finally {
      await world.owner(`drop role ${name}`);
      await world.owner(`drop role ${name}_might`);
    }
  });
});
