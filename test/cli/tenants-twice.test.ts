import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { runCli, type CliAnswer } from '../helpers/cli.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';

/** A tenant's file applied again and again (TEN-11): twice is once, however its texts are written, and what it leaves out stays. */
let database: TestDatabase;
let owner: pg.Client;
let folder: string;
let file: string;
let slug: string;
beforeAll(async () => {
  database = await createTestDatabase();
  owner = new pg.Client({ connectionString: database.ownerUrl });
  await owner.connect();
  folder = mkdtempSync(path.join(tmpdir(), 'tenants-twice-'));
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await owner.end();
  await database.drop();
});
let tenants = 0;
beforeEach(() => {
  tenants += 1;
  slug = `shop-${tenants}`;
  file = path.join(folder, `${slug}.yaml`);
});

async function cli(args: readonly string[], environment: Record<string, string> = {}): Promise<CliAnswer> {
  const answer = await runCli(database, args, { environment: { ENVIRONMENT: 'test', ...environment }, real: true });
  return { ...answer, err: answer.err.trimEnd() };
}
async function apply(parts: string, environment: Record<string, string> = {}, ...more: string[]): Promise<string[]> {
  const { code, out, err } = await applied(parts, environment, ...more);
  expect([code, err]).toEqual([0, '']);
  return out.trimEnd().split('\n');
}
function applied(parts: string, environment: Record<string, string> = {}, ...more: string[]): Promise<CliAnswer> {
  writeFileSync(
    file,
    `tenant: { slug: ${slug}, name: Shop, currencyCode: ZAR, timeZone: Africa/Johannesburg }\n${parts}`,
  );
  return cli(['tenants', 'apply', file, ...more], environment);
}
const exported = async () => (await cli(['tenants', 'export', slug])).out;
const query = async <T = any>(text: string): Promise<T[]> => (await owner.query(text, [slug])).rows;
const marks = () =>
  query(
    `select t.version, (select count(*) from audit_entries a where a.tenant_id = t.id) as audit,
       (select count(*) from events e where e.tenant_id = t.id) as events from tenants t where t.slug = $1`,
  );
const NOTHING = ['Nothing to change.'];

const LOOSE = `portal: { origins: ['https://a.example/', 'https://b.example'] }
bookingRules: { maxAdvanceDays: 20 }
features: { blog: { enabled: on, config: { title: '  News ' } } }
products:
  empty: { name: 'Empty ', description: '', price: 10 ZAR, taxRate: '14.00', category: tea, stock: 3 }
  blank: { name: Blank, description: '   ', price: 10.5 ZAR, taxRate: '0', category: tea }
  block:
    name: Block
    description: |
      Two lines,
      the second of them.

    price: 10.50 ZAR
    taxRate: '14.5'
    category: tea
`;

test('texts that say the same in other words make no difference, and the export is the same to the last byte', async () => {
  expect((await apply(LOOSE)).length).toBeGreaterThan(5);
  const [text, before] = [await exported(), await marks()];
  expect(await apply(LOOSE)).toEqual(NOTHING);
  const otherwise = LOOSE.replace("description: ''", 'description: "  \\n"')
    .replace("'14.00'", "'14'")
    .replace("'14.5'", "'14.50'")
    .replace('price: 10.5 ZAR', 'price: 10.50 ZAR')
    .replace('description: |', 'description: |+')
    .replace("'Empty '", 'Empty');
  expect(await apply(otherwise)).toEqual(NOTHING);
  expect([await exported(), await marks()]).toEqual([text, before]);
  writeFileSync(file, text);
  expect((await cli(['tenants', 'apply', file])).out).toBe('Nothing to change.\n');
  // Written by the graph with white space around it, and exported with it.
  await query(
    "update products set description = ' Kept. ' where code = 'block' and tenant_id = (select id from tenants where slug = $1)",
  );
  const spaced = await exported();
  writeFileSync(file, spaced);
  expect((await cli(['tenants', 'apply', file])).out).toBe('Nothing to change.\n');
  expect(await exported()).toBe(spaced);
});

test('an empty description takes the text away, and a tax rate that is left out stays', async () => {
  const product = (more: string) => `products: { a: { name: A, price: 1 ZAR, category: tea, ${more} } }\n`;
  await apply(product("description: Some, taxRate: '15'"));
  expect(await apply(product("description: ''"))).toEqual(["~ products.a.description: Some -> ''"]);
  expect(
    await query(
      "select description, tax_rate from products where code = 'a' and tenant_id = (select id from tenants where slug = $1)",
    ),
  ).toEqual([{ description: null, tax_rate: '15' }]);
});

test('a horizon alone is enough: the other goes with it as long as nobody has set it, and is not overruled once somebody has', async () => {
  const rules = async () =>
    /advanceBookingDays: (\d+)\n[\s\S]*maxAdvanceDays: (\d+)/.exec(await exported())!.slice(1, 3);
  expect(await apply('bookingRules: { advanceBookingDays: 400 }')).toEqual([
    `${slug} was made.`,
    '~ bookingRules.advanceBookingDays: 30 -> 400',
    '~ bookingRules.maxAdvanceDays: 365 -> 400',
  ]);
  expect(await rules()).toEqual(['400', '400']);
  for (const more of [[], ['--dry-run']]) {
    const { code, out, err } = await applied('bookingRules: { maxAdvanceDays: 90 }', {}, ...more);
    expect([code, out]).toEqual([1, '']);
    expect(err).toContain('Customers can not book further ahead than operators');
  }
  expect(await rules()).toEqual(['400', '400']);
});

test('a flag’s config stays when the file leaves it out, and is merged when it says some of it', async () => {
  await apply('features: { blog: { enabled: on, config: { title: News, postsPerPage: 5 } } }');
  expect(await apply('features: { blog: off }')).toEqual(['~ features.blog.enabled: true -> false']);
  expect(await apply('features: { blog: { enabled: off, config: { postsPerPage: 7 } } }')).toEqual([
    '~ features.blog.config.postsPerPage: 5 -> 7',
  ]);
  expect(await apply('features: {}')).toEqual(NOTHING);
  expect(
    await query(
      "select enabled, config from feature_flags where key = 'blog' and tenant_id = (select id from tenants where slug = $1)",
    ),
  ).toEqual([{ enabled: false, config: { title: 'News', postsPerPage: 7 } }]);
});

const SENDER = `sender:
  transport: SMTP
  from: Hello@Shop.example
  name: The shop
  smtpHost: Mail.shop.example
  smtpPort: 587
  credentials: { USER: SHOP_USER, PASSWORD: SHOP_PASSWORD }
`;
const MAIL = { SHOP_USER: 'canary-user', SHOP_PASSWORD: 'canary-password' };
const needs = async () => {
  const all = JSON.parse((await cli(['tenants', 'check', slug, '--json'])).out) as { what: string; there: boolean }[];
  return Object.fromEntries(
    all.filter(({ what }) => /^(sender|mail)/.test(what)).map(({ what, there }) => [what, there]),
  );
};

test('a sender is kept with its credentials sealed, given back without them, and is missing only when it is', async () => {
  await apply('');
  expect(await needs()).toEqual({ sender: false, mail: false });
  const changes = [
    '+ sender: {"transport":"SMTP","from":"hello@shop.example","name":"The shop","smtpHost":"mail.shop.example","smtpPort":587}',
    '+ sender.credentials.USER: (from SHOP_USER)',
    '+ sender.credentials.PASSWORD: (from SHOP_PASSWORD)',
  ];
  const before = await marks();
  expect(await apply(SENDER, MAIL, '--dry-run')).toEqual(changes);
  expect(await marks()).toEqual(before);
  expect(await apply(SENDER, { SHOP_USER: MAIL.SHOP_USER })).toEqual(changes.slice(0, 2));
  expect(await needs()).toMatchObject({ sender: true, 'sender.PASSWORD': false });
  expect(await apply(SENDER, MAIL)).toEqual(changes.slice(2));
  expect(await needs()).toEqual({ sender: true, 'sender.USER': true, 'sender.PASSWORD': true, mail: false });
  const text = await exported();
  expect(text).toContain(
    'sender:\n  transport: SMTP\n  enabled: true\n  from: hello@shop.example\n  name: The shop\n  smtpHost: mail.shop.example\n  smtpPort: 587\n',
  );
  expect(text).not.toMatch(/canary/);
  expect(await apply(SENDER, MAIL)).toEqual(NOTHING);
  // Verified, it stays so until it is another one.
  const verify = () =>
    query('update email_senders set verified_at = now() where tenant_id = (select id from tenants where slug = $1)');
  await verify();
  expect(await needs()).toMatchObject({ mail: true });
  expect(await apply(SENDER.replace('The shop', 'A shop'), MAIL)).toEqual(['~ sender.name: The shop -> A shop']);
  expect(await needs()).toMatchObject({ mail: true });
  expect(await apply(SENDER, { ...MAIL, SHOP_PASSWORD: 'another' })).toEqual([
    '~ sender.name: A shop -> The shop',
    '~ sender.credentials.PASSWORD: (another value) -> (from SHOP_PASSWORD)',
  ]);
  expect(await needs()).toMatchObject({ mail: false });
  await verify();
  await apply(`${SENDER}  enabled: off\n`);
  expect(await needs()).toMatchObject({ sender: true, mail: false });
});

test('in production a mail server inside is refused before anything is written', async () => {
  const production = { ENVIRONMENT: 'production', APP_BASE_URL: 'https://api.example.com' };
  await apply('');
  const before = await marks();
  for (const more of [[], ['--dry-run']]) {
    const inside = SENDER.replace('Mail.shop.example', '10.0.0.7');
    const { code, err } = await applied(inside, { ...production, ...MAIL }, ...more);
    expect([code, err]).toEqual([1, expect.stringContaining('not a public mail server')]);
  }
  expect(await marks()).toEqual(before);
});

test('a key is shown although a customer can not be made afterwards, who is made by the next try', async () => {
  const parts = 'keys: [{ mode: TEST }]\ncustomers: [{ email: a@shop.example, password: SHOP_CUSTOMER }]\n';
  const { code, out, err } = await applied(parts, { SHOP_CUSTOMER: 'short' });
  expect([code, err.trim().split('\n')]).toEqual([1, [expect.stringContaining('8')]]);
  const key = /^key test: (pk_test_\S+) /m.exec(out)?.[1];
  const [kept] = await query('select prefix from api_keys where tenant_id = (select id from tenants where slug = $1)');
  expect(key?.startsWith(kept.prefix)).toBe(true);
  expect(await apply(parts, { SHOP_CUSTOMER: 'long-enough' })).toEqual([
    '+ customers.a@shop.example: (password from SHOP_CUSTOMER)',
  ]);
});

test('applied by two at once, it is one tenant with one key', async () => {
  const both = await Promise.all([applied('keys: [{ mode: TEST }]'), applied('keys: [{ mode: TEST }]')]);
  expect(both.map(({ code, err }) => [code, err])).toEqual([
    [0, ''],
    [0, ''],
  ]);
  expect(both.flatMap(({ out }) => out.match(/^key test/gm) ?? [])).toHaveLength(1);
  expect(
    await query(
      'select count(*)::int as keys from api_keys where tenant_id = (select id from tenants where slug = $1)',
    ),
  ).toEqual([{ keys: 1 }]);
});

const DIARY = `features: { booking: on }
bookingRules: { minAdvanceHours: 24, slotDurationMinutes: 60 }
hours: { ${['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'].map((day) => `${day}: 09:00-12:00`).join(', ')} }
customers: [{ email: try@shop.example, password: SHOP_CUSTOMER }]
products:
  advice: { name: Advice, price: 100 ZAR, category: consultation, stock: 5, bookable: on }
  talk: { name: Talk, price: 100 ZAR, category: consultation, stock: 5, bookable: on }
`;
const TEAM = `resources:
  anna: { name: Anna, capacity: 2, services: [talk, advice, talk] }
  ben: { name: Ben, services: [talk], active: off }
`;
const TEST_BOOKING = 'testBooking: { customer: try@shop.example, service: advice }\n';
const PASSWORD = { SHOP_CUSTOMER: 'long-enough' };
const tenantId = '(select id from tenants where slug = $1)';

test('who does what is kept, given back and changed alone, and a service without a code stays with whom it is', async () => {
  expect((await apply(DIARY + TEAM, PASSWORD)).filter((line) => line.includes('resources'))).toEqual([
    '+ resources.anna: {"name":"Anna","capacity":2,"services":["advice","talk"]}',
    '+ resources.ben: {"name":"Ben","active":false,"services":["talk"]}',
  ]);
  const [text, before] = [await exported(), await marks()];
  expect(await apply(DIARY + TEAM, PASSWORD)).toEqual(NOTHING);
  writeFileSync(file, text);
  expect((await cli(['tenants', 'apply', file])).out).toBe('Nothing to change.\n');
  expect([await exported(), await marks()]).toEqual([text, before]);
  await query(`update products set code = null where code = 'talk' and tenant_id = ${tenantId}`);
  expect(await apply('resources: { anna: { name: Anna B, services: [] } }')).toEqual([
    '~ resources.anna.name: Anna -> Anna B',
    '~ resources.anna.services: ["advice"] -> []',
  ]);
  expect(
    await query(
      `select p.name from product_resources n join products p on p.id = n.product_id join resources r on r.id = n.resource_id
       where r.code = 'anna' and r.tenant_id = ${tenantId}`,
    ),
  ).toEqual([{ name: 'Talk' }]);
  for (const more of [[], ['--dry-run']]) {
    const { code, err } = await applied('resources: { ben: { name: Ben, services: [nothing] } }', {}, ...more);
    expect([code, err]).toEqual([1, 'There is no product with the code nothing for a resource to do.']);
  }
  expect((await applied('resources: { default: { name: Ben } }')).err).toMatch(/line 2, resources\.default: /);
});

test('a test booking is made once, at a time that customers are offered, and again only when somebody has ended it', async () => {
  const parts = DIARY + TEST_BOOKING;
  const bookings = () =>
    query(
      `select b.status, b.starts_at, o.status as order, o.expires_at from bookings b join orders o on o.id = b.order_id where b.tenant_id = ${tenantId}`,
    );
  expect((await apply(parts, PASSWORD, '--dry-run')).at(-1)).toBe(
    '+ testBooking: advice for try@shop.example, at the next free time, where it can be made',
  );
  const out = await apply(parts, PASSWORD);
  const [made] = await bookings();
  expect(made).toMatchObject({ status: 'PENDING', order: 'ISSUED', expires_at: made.starts_at });
  expect(out.at(-1)).toBe(`+ testBooking: advice for try@shop.example, ${made.starts_at.toISOString()}`);
  const aheadMs = made.starts_at.getTime() - Date.now();
  expect(aheadMs).toBeGreaterThan(24 * 3_600_000 - 60_000);
  expect(aheadMs).toBeLessThan(3 * 24 * 3_600_000);
  const [text, before] = [await exported(), await marks()];
  for (const more of [[], ['--dry-run']]) expect(await apply(parts, PASSWORD, ...more)).toEqual(NOTHING);
  expect([await exported(), await marks(), await bookings()]).toEqual([text, before, [made]]);
  expect(text).toContain('stock: 4');
  await query(`update bookings set status = 'COMPLETED' where tenant_id = ${tenantId}`);
  const both = await Promise.all([applied(parts, PASSWORD), applied(parts, PASSWORD)]);
  expect(both.flatMap(({ out: lines }) => lines.match(/^\+ testBooking/gm) ?? [])).toHaveLength(1);
  expect(await bookings()).toHaveLength(2);
});

test('a test booking takes no time where there are live keys, nobody to book for or nothing free, and the rest of the file is applied', async () => {
  const parts = DIARY + TEST_BOOKING;
  const none = async () => expect(await query(`select from bookings where tenant_id = ${tenantId}`)).toEqual([]);
  expect(await applied(parts)).toMatchObject({
    code: 0,
    err: expect.stringMatching(/^testBooking: left out, .*password/),
  });
  await none();
  await query(`update products set stock = 0 where tenant_id = ${tenantId}`);
  expect(await applied(parts, PASSWORD)).toMatchObject({ code: 0, err: expect.stringContaining('no free time') });
  await none();
  await query(`update products set stock = 5 where tenant_id = ${tenantId}`);
  await apply('keys: [{ mode: LIVE }]');
  expect(await applied(parts, PASSWORD)).toMatchObject({ code: 0, err: expect.stringContaining('live keys') });
  expect(await apply(parts, PASSWORD, '--dry-run')).toEqual(NOTHING);
  await none();
  expect((await applied(`keys: [{ mode: LIVE }]\n${parts}`)).err).toMatch(/line \d+, testBooking: /);
  expect((await applied(parts.replace('customer: try@', 'customer: real@'))).err).toMatch(
    /line \d+, testBooking\.customer: /,
  );
});
