import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { expireOrder } from '../../src/resolvers/order-expiry.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { runCli, startCli, type CliAnswer, type CliOptions } from '../helpers/cli.ts';

/** A tenant out of a file, in one command (TEN-11). */
const EXAMPLE = fileURLToPath(new URL('../../examples/style-consultancy.yaml', import.meta.url));
const SLUG = 'style-consultancy';
const SECRETS = {
  STYLE_PAYFAST_MERCHANT_ID: '10000100',
  STYLE_PAYFAST_MERCHANT_KEY: 'canary-merchant-key',
  STYLE_PAYFAST_PASSPHRASE: 'canary-passphrase',
  STYLE_TEST_CUSTOMER_PASSWORD: 'canary-password',
};
let world: TestApp;
let folder: string;
beforeAll(async () => {
  world = await startTestApp({ worker: false });
  folder = mkdtempSync(path.join(tmpdir(), 'tenant-files-'));
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await world.stop();
});

const options = (environment: Record<string, string> = {}): CliOptions => ({
  real: true,
  environment: { ENVIRONMENT: 'test', ...environment },
});
const cli = (args: readonly string[], environment: Record<string, string> = {}): Promise<CliAnswer> =>
  runCli(world.database, args, options(environment));
const apply = (file: string, ...more: string[]) => cli(['tenants', 'apply', file, ...more], SECRETS);
const exported = async () => (await cli(['tenants', 'export', SLUG])).out;
function written(change: (text: string) => string): string {
  const file = path.join(folder, 'tenant.yaml');
  writeFileSync(file, change(readFileSync(EXAMPLE, 'utf8')));
  return file;
}

/** Whatever is written anywhere leaves a row here. */
async function marks(): Promise<unknown> {
  return (
    await world.owner(
      'select (select count(*) from audit_entries) as audit, (select count(*) from events) as events, (select count(*) from tenants) as tenants',
    )
  )[0];
}

test('a dry run says what would be and does nothing', async () => {
  const before = await marks();
  const { code, out, err } = await apply(EXAMPLE, '--dry-run');
  expect([code, err]).toEqual([0, '']);
  expect(out).toContain('+ products:');
  expect(await marks()).toEqual(before);
});

test('the example becomes a shop: what is sold, the free times of a Saturday and the limit are as the file says', async () => {
  const made = await startCli(world.database, ['tenants', 'apply', EXAMPLE], options(SECRETS)).answer;
  expect(made, made.err).toMatchObject({ code: 0 });
  const key = /^key test: (pk_test_\S+)/m.exec(made.out)![1]!;
  const as = { key, origin: 'https://www.style-consultancy.example' };
  const { products, rateLimit } = await world.data(
    as,
    '{ products { nodes { id code name price { amount currencyCode } stock bookable category } } rateLimit { limit } }',
  );
  expect(products.nodes).toEqual([
    expect.objectContaining({
      code: 'full-style-consultation',
      price: { amount: '3500.00', currencyCode: 'ZAR' },
      stock: 50,
      bookable: true,
      category: 'consultation',
    }),
    expect.objectContaining({
      code: 'wardrobe-consultation',
      price: { amount: '1500.00', currencyCode: 'ZAR' },
      // One of them is the test booking's.
      stock: 99,
    }),
  ]);
  expect(rateLimit.limit).toBe(60);
  const today = Date.now();
  const saturday = Array.from({ length: 9 }, (_, days) => new Date(today + (days + 3) * 86_400_000)).find(
    (day) => day.getUTCDay() === 6,
  )!;
  const date = saturday.toISOString().slice(0, 10);
  const { timeSlots } = await world.data(
    as,
    'query ($date: Date!, $id: ID) { timeSlots(productId: $id, from: $date, to: $date) { localStart } }',
    { date, id: products.nodes[0].id },
  );
  expect(timeSlots.map(({ localStart }: { localStart: string }) => localStart)).toEqual(['09:00', '10:45', '12:30']);
  const login = { email: 'test.customer@style-consultancy.example', password: SECRETS.STYLE_TEST_CUSTOMER_PASSWORD };
  const token = (await world.session(login, key)).accessToken;
  const start = `${date}T07:00:00Z`;
  const { bookAppointment } = await world.data(
    { token },
    'mutation ($input: BookAppointmentInput!) { bookAppointment(input: $input) { booking { status amount { amount } } userErrors { code } } }',
    { input: { productId: products.nodes[0].id, start } },
  );
  expect(bookAppointment).toEqual({ booking: { status: 'PENDING', amount: { amount: '3500.00' } }, userErrors: [] });
  expect((await world.ask({ key, origin: 'https://elsewhere.example' }, '{ viewer { kind } }')).errors).toMatchObject([
    { extensions: { code: 'FORBIDDEN' } },
  ]);
  const audit = await world.owner<{ actor: string; action: string }>(
    'select distinct a.actor, a.action from audit_entries a join tenants t on t.id = a.tenant_id where t.slug = $1 order by 2',
    [SLUG],
  );
  expect(audit.map(({ actor, action }) => `${actor} ${action}`)).toEqual(
    [
      'bookingRules.update',
      'businessHours.update',
      'customer.create',
      'emailSender.configure',
      'flag.set',
      'gateway.configure',
      'key.create',
      'portal.update',
      'product.create',
      'resource.create',
      'testBooking.create',
    ].map((action) => `cli ${action}`),
  );
});

test('applied twice it changes nothing, the export is the same to the last byte, and applied itself it is no change', async () => {
  const [first, before] = [await exported(), await marks()];
  expect(await apply(EXAMPLE)).toMatchObject({ code: 0, out: 'Nothing to change.\n' });
  const again = await exported();
  expect([again, await marks()]).toEqual([first, before]);
  const file = path.join(folder, 'exported.yaml');
  writeFileSync(file, again);
  expect(await apply(file)).toMatchObject({ code: 0, out: 'Nothing to change.\n' });
  expect(first).not.toMatch(/canary|pk_test_/);
  const sealed = await world.owner(
    "select c.sealed from credentials c join tenants t on t.id = c.tenant_id where c.owner = 'gateway:PAYFAST' and t.slug = $1",
    [SLUG],
  );
  expect(sealed).toHaveLength(3);
});

test('a test booking whose time has come unpaid ends like any other order, and applied then the file makes the next', async () => {
  const rows = () =>
    world.owner(
      `select b.status, b.starts_at, b.order_id, b.tenant_id from bookings b join tenants t on t.id = b.tenant_id
       where t.slug = $1 and b.notes = 'A test booking.' order by b.created_at`,
      [SLUG],
    );
  const [{ starts_at: start, tenant_id: tenantId, order_id: testOrder }] = await rows();
  const expireAt = async (ms: number) => {
    const app = { ...world.app, clock: { now: () => new Date(ms) } };
    const due = await world.owner("select id from orders where tenant_id = $1 and status = 'ISSUED'", [tenantId]);
    for (const { id } of due) await expireOrder(app, { tenantId, customerId: null }, id);
  };
  await expireAt(start.getTime() - 1);
  expect(await rows()).toMatchObject([{ status: 'PENDING' }]);
  await expireAt(start.getTime());
  const ended = await world.owner('select status from orders where id = $1', [testOrder]);
  expect([ended, await rows()]).toMatchObject([[{ status: 'EXPIRED' }], [{ status: 'CANCELLED' }]]);
  expect((await apply(EXAMPLE)).out).toMatch(/^\+ testBooking: wardrobe-consultation for \S+, \S+Z\n$/);
  expect(await rows()).toMatchObject([{ status: 'CANCELLED' }, { status: 'PENDING' }]);
});

test('what differs is said, line by line, and is changed alone; what was sold since is not put back', async () => {
  await world.owner("update products set stock = 97 where code = 'wardrobe-consultation'");
  const file = written((text) =>
    text
      .replace('price: 1500.00 ZAR', 'price: 1650 ZAR')
      .replace('rateLimitPerMinute: 60', 'rateLimitPerMinute: 120')
      .replace('sunday: closed', 'sunday: 10:00-12:00\n  exceptions:\n    2030-12-25: closed')
      .replace('blog: off', 'blog: { enabled: on, config: { postsPerPage: 5 } }'),
  );
  const changes = [
    '~ portal.rateLimitPerMinute: 60 -> 120',
    '~ hours.sunday: closed -> 10:00-12:00',
    '+ hours.exceptions.2030-12-25: closed',
    '~ features.blog.enabled: false -> true',
    '+ features.blog.config.postsPerPage: 5',
    '~ products.wardrobe-consultation.price: 1500.00 ZAR -> 1650 ZAR',
  ];
  expect((await apply(file, '--dry-run')).out.trimEnd().split('\n')).toEqual(changes);
  expect((await apply(file)).out.trimEnd().split('\n')).toEqual(changes);
  const text = await exported();
  for (const line of [
    'rateLimitPerMinute: 120',
    'sunday: 10:00-12:00',
    'price: 1650.00 ZAR',
    'stock: 97',
    'postsPerPage: 5',
  ])
    expect(text).toContain(line);
});

test('a file with faults ends with 1 and a line for each, and nothing is changed', async () => {
  const before = await marks();
  const { code, out, err } = await apply(written((text) => text.replace('stock: 50', 'stock: -1')));
  expect([code, out]).toEqual([1, '']);
  expect(err).toMatch(/has a fault; nothing was changed\.\n {2}line \d+, products\.full-style-consultation\.stock: /);
  expect(await marks()).toEqual(before);
});

test('a check names what is missing, as a table and as JSON, and ends with 1 until nothing is', async () => {
  const file = path.join(folder, 'bare.yaml');
  writeFileSync(
    file,
    'tenant: { slug: bare, name: Bare, currencyCode: ZAR }\ngateways: { PAYFAST: { credentials: { PASSPHRASE: UNSET_ANYWHERE } } }\n',
  );
  await apply(file);
  const { code, out } = await startCli(world.database, ['tenants', 'check', 'bare', '--json'], options()).answer;
  const needs = JSON.parse(out) as { what: string; there: boolean }[];
  expect(code).toBe(1);
  expect(needs.filter(({ there }) => !there).map(({ what }) => what)).toEqual([
    'portal.origins',
    'keys',
    'products',
    'hours',
    'products.bookable',
    'sender',
    'gateways.PAYFAST.MERCHANT_ID',
    'gateways.PAYFAST.MERCHANT_KEY',
    'gateways.PAYFAST.PASSPHRASE',
    'mail',
  ]);
  const whole = await cli(['tenants', 'check', SLUG]);
  expect(whole.out.split('\n').filter((line) => line.includes('MISSING'))).toEqual([expect.stringMatching(/^mail/)]);
  expect(whole.out).not.toMatch(/canary|pk_test_/);
});
