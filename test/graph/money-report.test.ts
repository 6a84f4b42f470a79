import { createHash } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { localDay } from '../../src/domain/local-day.ts';
import { encodeGlobalId } from '../../src/global-id.ts';
import { createMoneyCsv } from '../../src/money-csv.ts';
import { keepLedgerDays } from '../../src/resolvers/ledger-days.ts';
import { TENANT_A, TENANT_B } from '../isolation/population.ts';
import { startTestApp, type As, type TestApp } from '../helpers/app.ts';
import { DayBook } from '../helpers/day-book.ts';
import { Shop } from '../helpers/shop.ts';

/** The report of money as it is asked for: by whom, of which days, and as a table ("Money", reports). */
let world: TestApp;
let shop: Shop;
let today: string;
// It is about ten in the morning where the tenant is, so that no test falls on two days.
const ahead = 86_400_000 + 8 * 3_600_000 - (Date.now() % 86_400_000);
const clock = { now: () => new Date(Date.now() + ahead) };
const inMinutes = (minutes: number) => new Date(clock.now().getTime() + minutes * 60_000);
beforeAll(async () => {
  world = await startTestApp({ worker: false, clock });
  shop = await Shop.open(world);
  today = localDay(clock.now(), 'Africa/Cairo');
  await world.owner("update tenants set time_zone = 'Africa/Cairo' where id = $1", [TENANT_A]);
  await world.owner('update portal_configs set rate_limit_per_minute = 100000');
});
afterAll(() => world.stop());

const QUERY =
  'query ($from: Date!, $to: Date!) { moneyReport(from: $from, to: $to) { timeZone rows { date currencyCode taken { amount } outstanding { amount } } differences { what } csvUrl } }';
const ask = (as: As, from = today, to = from) => world.ask(as, QUERY, { from, to });
const code = async (answer: ReturnType<typeof ask>) => (await answer).errors?.[0]?.extensions.code;
const open = (url: string) => world.request('GET', new URL(url).pathname + new URL(url).search);

describe('who asks', () => {
  test('is the staff of the tenant, or a program with the scope', async () => {
    const [admin, platform] = [await world.session('tenantAdmin'), await world.session('platformAdmin')];
    const { createApiKey } = await world.data(
      { token: admin.accessToken },
      'mutation { createApiKey(input: { mode: LIVE, scopes: ["reports:read"] }) { secret userErrors { code } } }',
    );
    for (const as of [
      shop.operator,
      { token: admin.accessToken },
      { token: platform.accessToken, tenant: world.facts.tenantSlug },
      { key: createApiKey.secret },
    ])
      expect((await ask(as)).data.moneyReport).toMatchObject({ timeZone: 'Africa/Cairo', differences: [] });
  });

  test('is nobody else', async () => {
    const scopes = ['payments:read', 'orders:read', 'invoices:read', 'webhooks:read', 'health:read'];
    const { createApiKey } = await world.data(
      { token: (await world.session('tenantAdmin')).accessToken },
      'mutation ($scopes: [String!]!) { createApiKey(input: { mode: LIVE, scopes: $scopes }) { secret userErrors { code } } }',
      { scopes },
    );
    expect(await code(ask({ key: createApiKey.secret }))).toBe('FORBIDDEN');
    expect(await code(ask(shop.customer))).toBe('FORBIDDEN');
    expect(await code(ask({ key: world.facts.portalKey }))).toBe('UNAUTHENTICATED');
    expect(await code(ask({}))).toBe('UNAUTHENTICATED');
  });
});

describe('which days', () => {
  test.each([
    ['2025-06-02', '2025-06-01', 'to'],
    ['2025-01-01', '2025-04-03', 'to'],
    ['1999-12-31', '2000-01-01', 'from'],
  ])('%s to %s is refused with a sentence', async (from, to, field) => {
    const { errors, data } = await ask(shop.operator, from, to);
    expect(data).toBeNull();
    expect(errors).toMatchObject([{ extensions: { code: 'INVALID_INPUT', field: [field] } }]);
    expect(errors![0]!.message).toMatch(/^(A report|The last day)/);
  });

  test.each(['2025-02-30', '2025-6-1', '', '2025-06-01T00:00:00Z'])('%j is no day', async (from) => {
    expect(await code(ask(shop.operator, from, '2025-06-01'))).toBe('INVALID_INPUT');
  });

  test('that have not begun are not there, and today is there so far', async () => {
    const later = (days: number) => localDay(inMinutes(days * 1_440), 'Africa/Cairo');
    const dates = async (from: string, to: string) =>
      (await ask(shop.operator, from, to)).data.moneyReport.rows.map(({ date }: { date: string }) => date);
    expect(await dates(later(-1), later(30))).toEqual([later(-1), today]);
    expect(await dates(later(2), later(3))).toEqual([]);
  });

  test('of 92 days and many currencies cost the statements of one day and one', async () => {
    const book = await DayBook.open(world, 'Africa/Cairo');
    const statements = async (to: string) => {
      const counter = world.app.metrics.databaseStatements;
      const tries = [];
      // The process looks after itself now and then: none of that can happen to all of several requests.
      for (let attempt = 0; attempt < 3; attempt += 1) {
        const before = (await counter.get()).values[0]?.value ?? 0;
        await book.report('2025-04-01', to);
        tries.push(((await counter.get()).values[0]?.value ?? 0) - before);
      }
      return Math.min(...tries);
    };
    const few = await statements('2025-04-01');
    for (const [index, currencyCode] of ['EGP', 'KWD', 'JPY', 'USD', 'EUR'].entries())
      for (let day = 10; day < 30; day += 1)
        await book.sold({ at: `2025-0${4 + (index % 3)}-${day}T10:00:00Z`, currencyCode, totalMinor: 100n });
    expect(await statements('2025-07-01')).toBe(few);
    await keepLedgerDays(world.app, book.scope);
    expect(await statements('2025-07-01')).toBe(few);
    expect(few).toBe(7);
  });
});

test('an order is outstanding until it is cancelled, and one that was paid through its gateway is taken', async () => {
  const outstanding = async () => (await ask(shop.operator)).data.moneyReport.rows[0].outstanding.amount;
  const before = Number(await outstanding());
  const orderId = await shop.issued({ unitPrice: '100.00', taxRate: '14' });
  expect(Number(await outstanding()) - before).toBe(114);
  const { cancelOrder } = await world.data(
    shop.customer,
    'mutation ($input: CancelOrderInput!) { cancelOrder(input: $input) { order { status } userErrors { code } } }',
    { input: { orderId } },
  );
  expect(cancelOrder.order.status).toBe('CANCELLED');
  expect(Number(await outstanding()) - before).toBe(0);
  await shop.paid(await shop.started({ unitPrice: '50.00' }));
  const { moneyReport } = (await ask(shop.operator)).data;
  expect(moneyReport).toMatchObject({ rows: [{ date: today, taken: { amount: '50.00' } }], differences: [] });
  expect(Number(moneyReport.rows[0].outstanding.amount) - before).toBe(0);
});

describe('the table', () => {
  test('has the rows and the differences of the report, in the same bytes each time', async () => {
    const book = await DayBook.open(world, 'Africa/Cairo');
    const { paymentId } = await book.sold({ at: '2025-06-01T10:00:00Z', currencyCode: 'KWD', totalMinor: 1_500n });
    await book.refunded(paymentId, '2025-06-02T10:00:00Z', 'GATEWAY', 1_500n);
    await book.tamper(`update payments set captured_minor = 1501, settled_minor = 1501 where id = '${paymentId}'`);
    const { csvUrl } = await book.report('2025-06-01', '2025-06-02');
    const [answer, again] = [await open(csvUrl), await open(csvUrl)];
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      'content-type': 'text/csv; charset=utf-8; header=present',
      'content-disposition': 'attachment; filename="money-2025-06-01-2025-06-02.csv"',
      'cache-control': 'private, no-store',
      'x-content-type-options': 'nosniff',
    });
    expect([...answer.body.subarray(0, 3)]).toEqual([0xef, 0xbb, 0xbf]);
    const none = ',0.000'.repeat(5);
    expect(answer.text.slice(1).split('\r\n').slice(1)).toEqual([
      `DAY,2025-06-01,EGP${',0.00'.repeat(14)},0,,,,,,,`,
      `DAY,2025-06-01,KWD,1.500,1.500,0.000,0.000,0.000,0.000,0.000,0.000,1.500${none},,,,,,,,`,
      `DAY,2025-06-02,EGP${',0.00'.repeat(14)},0,,,,,,,`,
      `DAY,2025-06-02,KWD,0.000,0.000,0.000,0.000,1.500,0.000,0.000,0.000,0.000${none},,,,,,,,`,
      `DIFFERENCE,2025-06-01,KWD${','.repeat(17)}TAKEN,1.500,1.501,-0.001,1,${encodeGlobalId('Payment', paymentId)}`,
      '',
    ]);
    expect(createHash('sha256').update(again.body).digest('hex')).toBe(
      createHash('sha256').update(answer.body).digest('hex'),
    );
  });

  test('opens for these days of this tenant for fifteen minutes, and not without its token', async () => {
    const { vault } = world.app;
    const { csvUrl } = (await ask(shop.operator, '2025-06-01', '2025-06-02')).data.moneyReport;
    const token = new URL(csvUrl).searchParams.get('token')!;
    expect(vault.verify('money-report', token, inMinutes(14))).toMatchObject({
      tenantId: TENANT_A,
      from: '2025-06-01',
      to: '2025-06-02',
    });
    expect(vault.verify('money-report', token, inMinutes(15.1))).toBeNull();
    const ticket = { tenantId: TENANT_A, from: '2025-06-01', to: '2025-06-02' };
    for (const bad of [
      '',
      'x',
      token.slice(0, -2),
      vault.sign('money-report', ticket, inMinutes(-1)),
      vault.sign('invoice', ticket, inMinutes(5)),
      vault.sign('invoice-archive', ticket, inMinutes(5)),
      vault.sign('money-report', { ...ticket, tenantId: "' or 1=1" }, inMinutes(5)),
    ])
      expect((await world.request('GET', `/reports/money.csv?token=${encodeURIComponent(bad)}`)).status, bad).toBe(404);
    expect((await world.request('GET', '/reports/money.csv')).status).toBe(404);
    expect((await world.request('POST', `/reports/money.csv?token=${token}`)).status).toBe(405);
  });

  test("of another tenant has that tenant's days and nothing of anybody else's", async () => {
    await shop.paid(await shop.started({ unitPrice: '77.00' }));
    const ticket = { tenantId: TENANT_B, from: today, to: today };
    const { rows } = (await ask(shop.operator)).data.moneyReport;
    expect(Number(rows[0].taken.amount)).toBeGreaterThanOrEqual(77);
    const token = world.app.vault.sign('money-report', ticket, inMinutes(1));
    const { status, text } = await world.request('GET', `/reports/money.csv?token=${token}`);
    expect(status).toBe(200);
    const [, row, ...rest] = text.split('\r\n');
    expect(row!.slice(0, 14)).toBe(`DAY,${today}`);
    expect(row!.slice(14)).toMatch(/^,[A-Z]{3},[0.,]*$/);
    expect(rest).toEqual(['']);
  });

  test('is made for three at once, and others are told to come again', async () => {
    const held = Promise.withResolvers<void>();
    const db = { read: async () => (await held.promise, 'a,b\r\n') };
    const handler = createMoneyCsv({ ...world.app, db: db as unknown as TestApp['app']['db'] });
    const token = world.app.vault.sign('money-report', { tenantId: TENANT_A, from: today, to: today }, null);
    const request = {
      method: 'GET',
      params: {},
      query: new URLSearchParams({ token }),
      headers: {},
      body: Buffer.alloc(0),
      sourceAddress: '',
    };
    const under = [handler(request), handler(request), handler(request)];
    expect(await handler(request)).toMatchObject({ status: 503, body: expect.stringContaining('OVERLOADED') });
    held.resolve();
    expect((await Promise.all(under)).map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(await handler(request)).toMatchObject({ status: 200 });
  });
});

test('days that hold too much end with a code, in the graph and as a table', async () => {
  const slow = await startTestApp({
    worker: false,
    clock,
    database: world.database,
    simulators: world.simulators,
    environment: { DATABASE_STATEMENT_TIMEOUT_MS: '300' },
  });
  const as = { token: (await slow.session('operator')).accessToken };
  await world.owner(
    "create function wait_a_while() returns boolean language sql volatile as 'select pg_sleep(1) is not null'; create policy slow on ledger_transactions as restrictive for select using (wait_a_while()); grant execute on function wait_a_while() to public",
  );
  const { csvUrl } = (await ask(shop.operator, today)).data?.moneyReport ?? {};
  const { errors } = await slow.ask(as, QUERY, { from: today, to: today });
  const token = world.app.vault.sign('money-report', { tenantId: TENANT_A, from: today, to: today }, null);
  const table = await slow.request('GET', `/reports/money.csv?token=${token}`);
  await world.owner('drop policy slow on ledger_transactions; drop function wait_a_while()');
  await slow.stop();
  expect(csvUrl).toBeDefined();
  expect(errors?.map(({ extensions }) => extensions.code)).toContain('DEADLINE_EXCEEDED');
  expect(table).toMatchObject({ status: 503, text: expect.stringContaining('DEADLINE_EXCEEDED') });
});
