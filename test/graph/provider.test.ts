import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { PLATFORM_TENANT_ID } from '../../src/auth/platform.ts';
import { writeCredential } from '../../src/credentials.ts';
import { decodeGlobalId } from '../../src/global-id.ts';
import { ask, createWorld, mutate, signIn, type Credentials, type TestTenant, type World } from '../auth/world.ts';
import { eventually } from '../helpers/app.ts';
import { TestVendor } from '../helpers/travel.ts';

/** How travel providers are configured and switched on (PRV-1, PRV-5, PRV-15, PRV-18). */
let world: World;
let shop: TestTenant;
let admin: Credentials;
const vendor = new TestVendor();

const FIELDS = `provider { id slug name verticals environmentMode enabled checkEverySeconds rateLimit { callsPerMinute concurrentMax }
  cachePolicy { operation seconds } settings { name value default } baseUrls { sandbox production } }`;
type Input = Record<string, unknown>;
const run = (name: string, input: Input, fields = FIELDS, who = admin) => mutate(world.app, who, name, input, fields);
const update = (input: Input) => run('updateProvider', { slug: 'expedia', ...input });
const enable = (input: Input = {}) =>
  run('setProviderEnabled', { slug: 'expedia', enabled: true, ...input }, 'provider { enabled environmentMode }');
const setCredential = (name: string, value: string, mode = 'SANDBOX') =>
  run('setProviderCredential', { slug: 'expedia', name, value, mode }, 'provider { slug }');
const connect = (mode?: string) =>
  run('testProviderConnection', { slug: 'expedia', ...(mode && { mode }) }, 'test { ok latencyMs reason }');
const codes = ({ userErrors }: { userErrors: { code: string }[] }) => userErrors.map(({ code }) => code);

interface Entry {
  readonly actor: string;
  readonly action: string;
  readonly target: string;
  readonly before: any;
  readonly after: any;
}
const audit = async (): Promise<Entry[]> =>
  (
    await world.owner.query<Entry>(
      'select actor, action, target, before, after from audit_entries where tenant_id = $1 order by position',
      [PLATFORM_TENANT_ID],
    )
  ).rows;
const events = async (): Promise<any[]> =>
  (
    await world.owner.query(
      `select type, aggregate_type, aggregate_id, version, payload from events
       where tenant_id = $1 and type in ('provider.changed', 'slot.changed') order by position`,
      [PLATFORM_TENANT_ID],
    )
  ).rows;

beforeAll(async () => {
  world = await createWorld({ providerDescriptions: vendor.descriptions });
  shop = await world.tenant('shop');
  const { email } = await world.person(PLATFORM_TENANT_ID, 'PLATFORM_ADMIN');
  admin = { token: (await signIn(world.app, {}, email)).accessToken };
});
afterAll(() => world?.close());

/** Each test has the catalogue for itself. */
beforeEach(async () => {
  await world.owner.query('delete from provider_slots');
  await world.owner.query('delete from provider_health_records');
  await world.owner.query('delete from provider_health');
  await world.owner.query('delete from providers');
  await world.owner.query('delete from credentials');
  vendor.asked.length = 0;
  vendor.answer = () => null;
});

describe('a new provider', () => {
  test('is off, in the sandbox, and as its integration describes itself', async () => {
    const { provider, userErrors } = await run('createProvider', { slug: 'expedia' });
    expect(userErrors).toEqual([]);
    expect(provider).toEqual({
      id: expect.any(String),
      slug: 'expedia',
      name: 'The expedia of the tests',
      verticals: ['LODGING'],
      environmentMode: 'SANDBOX',
      enabled: false,
      checkEverySeconds: 300,
      rateLimit: { callsPerMinute: 600, concurrentMax: 32 },
      cachePolicy: [
        { operation: 'search', seconds: 60 },
        { operation: 'content', seconds: 86_400 },
      ],
      settings: [{ name: 'POINT_OF_SALE', value: 'US', default: 'US' }],
      baseUrls: { sandbox: 'https://sandbox.expedia.example/v1', production: 'https://api.expedia.example/v1' },
    });
    const id = decodeGlobalId(provider.id)!.id;
    expect((await events()).at(-1)).toEqual({
      type: 'provider.changed',
      aggregate_type: 'Provider',
      aggregate_id: id,
      version: 1,
      payload: { v: 1, slug: 'expedia' },
    });
    expect((await audit()).at(-1)).toMatchObject({
      actor: expect.stringMatching(/^user:/),
      action: 'provider.create',
      target: `Provider:${id}`,
      before: null,
      after: { slug: 'expedia', enabled: false, mode: 'SANDBOX' },
    });
  });

  test('is one of the integrations there are, and there once', async () => {
    expect((await run('createProvider', { slug: 'amadeus' })).userErrors).toEqual([
      {
        code: 'INVALID_INPUT',
        field: ['input', 'slug'],
        message: 'The integrations are: expedia, booking, kiwi, travelpayouts.',
        details: null,
      },
    ]);
    const both = await Promise.all([run('createProvider', { slug: 'kiwi' }), run('createProvider', { slug: 'kiwi' })]);
    expect(both.flatMap((payload) => codes(payload))).toEqual(['CONFLICT']);
    expect((await world.owner.query('select slug from providers')).rows).toEqual([{ slug: 'kiwi' }]);
  });
});

describe('a change', () => {
  beforeEach(() => run('createProvider', { slug: 'expedia' }));

  test('leaves what it does not name, and null gives back what the integration says', async () => {
    const settings = [{ name: 'POINT_OF_SALE', value: 'EG' }];
    const baseUrls = { sandbox: 'http://127.0.0.1:4001/expedia/v1' };
    const first = await update({
      name: 'Rapid',
      settings,
      baseUrls,
      cachePolicy: [{ operation: 'search', seconds: 0 }],
      callsPerMinute: 10,
      concurrentMax: 2,
      checkEverySeconds: 60,
    });
    const changed = {
      name: 'Rapid',
      settings: [{ name: 'POINT_OF_SALE', value: 'EG', default: 'US' }],
      baseUrls: { sandbox: baseUrls.sandbox, production: 'https://api.expedia.example/v1' },
      cachePolicy: [
        { operation: 'search', seconds: 0 },
        { operation: 'content', seconds: 86_400 },
      ],
      rateLimit: { callsPerMinute: 10, concurrentMax: 2 },
      checkEverySeconds: 60,
    };
    expect(first.provider).toMatchObject(changed);
    expect((await update({ callsPerMinute: 11 })).provider).toMatchObject({
      ...changed,
      rateLimit: { callsPerMinute: 11, concurrentMax: 2 },
    });
    const back = await update({
      settings: [{ name: 'POINT_OF_SALE', value: null }],
      baseUrls: { sandbox: null },
      cachePolicy: [{ operation: 'search', seconds: null }],
    });
    expect(back.provider).toMatchObject({
      name: 'Rapid',
      settings: [{ value: 'US' }],
      baseUrls: { sandbox: 'https://sandbox.expedia.example/v1' },
      cachePolicy: [{ operation: 'search', seconds: 60 }, { operation: 'content' }],
    });
    const entry = (await audit()).at(-1)!;
    expect(entry).toMatchObject({
      action: 'provider.update',
      before: { settings: { POINT_OF_SALE: 'EG' }, baseUrls: { SANDBOX: baseUrls.sandbox } },
      after: { settings: {}, baseUrls: {}, cacheSeconds: {}, name: 'Rapid' },
    });
  });

  test.each([
    ['name', { name: ' ' }],
    ['callsPerMinute', { callsPerMinute: 0 }],
    ['concurrentMax', { concurrentMax: 10_001 }],
    ['checkEverySeconds', { checkEverySeconds: 9 }],
    ['settings', { settings: [{ name: 'CURRENCY', value: 'USD' }] }],
    ['settings', { settings: [{ name: 'POINT_OF_SALE', value: 'x'.repeat(501) }] }],
    ['cachePolicy', { cachePolicy: [{ operation: 'search', seconds: -1 }] }],
    ['cachePolicy', { cachePolicy: [{ operation: 'anything', seconds: 1 }] }],
    // What is sold, and at what price, comes from the provider each time (PRV-14).
    ['cachePolicy', { cachePolicy: [{ operation: 'book', seconds: 1 }] }],
    ['cachePolicy', { cachePolicy: [{ operation: 'check', seconds: 1 }] }],
  ])('of a %s that cannot be is refused there, and changes nothing', async (field, input) => {
    const before = await events();
    const { provider, userErrors } = await update({ callsPerMinute: 77, ...input });
    expect(provider).toBeNull();
    expect(userErrors).toMatchObject([{ code: 'INVALID_INPUT', field: ['input', field] }]);
    expect(await events()).toEqual(before);
  });

  test('of an address keeps to https and to the outside world in production, and to http anywhere', async () => {
    const production = { ...world.app, config: { ...world.app.config, environment: 'production' as const } };
    const set = (app: World['app'], baseUrls: object) =>
      mutate(app, admin, 'updateProvider', { slug: 'expedia', baseUrls }, FIELDS);
    for (const url of [
      'https://127.0.0.1/v1',
      'http://api.expedia.example',
      'https://[::1]/',
      'https://metadata.internal',
    ]) {
      const { userErrors } = await set(production, { production: url });
      expect(userErrors, url).toMatchObject([{ code: 'INVALID_INPUT', field: ['input', 'baseUrls', 'production'] }]);
    }
    expect(codes(await set(production, { sandbox: 'https://mirror.expedia.example' }))).toEqual([]);
    expect(codes(await set(world.app, { sandbox: 'http://127.0.0.1:1' }))).toEqual([]);
    expect((await set(world.app, { sandbox: 'https://u:p@mirror.example' })).userErrors).toMatchObject([
      { field: ['input', 'baseUrls', 'sandbox'] },
    ]);
  });

  test('of one that is not there says so', async () => {
    for (const payload of [
      await run('updateProvider', { slug: 'kiwi', name: 'x' }),
      await run('setProviderEnabled', { slug: 'kiwi', enabled: true }),
      await run('setProviderCredential', { slug: 'kiwi', name: 'API_KEY', value: 'x' }),
      await run('rotateProviderCredential', { slug: 'kiwi', name: 'API_KEY', value: 'x' }),
      await run('testProviderConnection', { slug: 'kiwi' }, 'test { ok }'),
    ])
      expect(payload.userErrors).toMatchObject([{ code: 'NOT_FOUND', field: ['input', 'slug'] }]);
    expect(vendor.asked).toEqual([]);
  });

  test('at the same time as others loses none of them, and each has its event and its entry', async () => {
    const before = (await audit()).length;
    const inputs = [{ name: 'Rapid' }, { callsPerMinute: 5 }, { concurrentMax: 6 }, { checkEverySeconds: 70 }];
    const payloads = await Promise.all([
      ...inputs.map((input) => update(input)),
      setCredential('API_KEY', 'a'),
      setCredential('API_KEY', 'b'),
    ]);
    expect(payloads.flatMap((payload) => codes(payload))).toEqual([]);
    const [row] = (await world.owner.query('select * from providers')).rows;
    expect(row).toMatchObject({
      name: 'Rapid',
      calls_per_minute: 5,
      concurrent_max: 6,
      check_every_seconds: 70,
      version: 1 + payloads.length,
    });
    expect((await world.owner.query('select version from credentials order by 1')).rows).toEqual([
      { version: 1 },
      { version: 2 },
    ]);
    expect((await audit()).length - before).toBe(payloads.length);
    expect((await events()).slice(-payloads.length).map(({ version }) => version)).toEqual([2, 3, 4, 5, 6, 7]);
    expect((await world.owner.query(`set app.tenant_id = '${PLATFORM_TENANT_ID}'`)) && (await firstFault())).toBeNull();
  });

  test('counts at once in this process, and soon in every other', async () => {
    const peer = await world.peer();
    const nameIn = async (app: World['app']) => (await app.providers.catalogue()).providers.get('expedia')!.name;
    expect(await Promise.all([nameIn(world.app), nameIn(peer)])).toEqual(Array(2).fill('The expedia of the tests'));
    await update({ name: 'Rapid' });
    expect(await nameIn(world.app)).toBe('Rapid');
    await eventually(
      () => nameIn(peer),
      (name) => name === 'Rapid',
    );
  });

  test('is made at home on the platform', async () => {
    const away = { ...admin, tenant: shop.slug };
    for (const [name, input] of [
      ['createProvider', { slug: 'kiwi' }],
      ['updateProvider', { slug: 'expedia', name: 'x' }],
      ['setProviderEnabled', { slug: 'expedia', enabled: false }],
      ['setProviderCredential', { slug: 'expedia', name: 'API_KEY', value: 'x' }],
      ['rotateProviderCredential', { slug: 'expedia', name: 'API_KEY', value: 'x' }],
    ] as const) {
      const { userErrors } = await run(name, input, 'provider { slug }', away);
      expect(userErrors, name).toMatchObject([{ code: 'INVALID_INPUT', message: expect.stringContaining('X-Tenant') }]);
    }
    expect(codes(await run('testProviderConnection', { slug: 'expedia' }, 'test { ok }', away))).toEqual([
      'INVALID_INPUT',
    ]);
    expect(vendor.asked).toEqual([]);
  });

  const firstFault = async () => (await world.owner.query('select first_audit_fault() as fault')).rows[0].fault;
});

describe('switching on', () => {
  beforeEach(() => run('createProvider', { slug: 'expedia' }));

  test('in the sandbox needs the credentials that are required, and no test', async () => {
    expect((await enable()).userErrors).toEqual([
      {
        code: 'CREDENTIALS_MISSING',
        field: ['input', 'enabled'],
        message: 'Set these credentials for SANDBOX first: API_KEY, SECRET.',
        details: { mode: 'SANDBOX', credentials: ['API_KEY', 'SECRET'] },
      },
    ]);
    await setCredential('API_KEY', 'k');
    await setCredential('SECRET', 's', 'PRODUCTION');
    expect((await enable()).userErrors).toMatchObject([{ details: { credentials: ['SECRET'] } }]);
    await setCredential('SECRET', 's');
    expect(await enable()).toEqual({ provider: { enabled: true, environmentMode: 'SANDBOX' }, userErrors: [] });
    expect((await audit()).at(-1)).toMatchObject({
      action: 'provider.enable',
      before: { enabled: false },
      after: { enabled: true },
    });
    expect(vendor.asked).toEqual([]);
  });

  test('is refused where a credential does not open, and says which and what to do', async () => {
    await setCredential('API_KEY', 'k');
    await setCredential('SECRET', 's');
    await world.owner.query(
      "update credentials set sealed = set_byte(sealed, 70, get_byte(sealed, 70) # 1) where name = 'SECRET'",
    );
    const { userErrors } = await enable();
    expect(userErrors).toMatchObject([
      {
        code: 'DECRYPTION_FAILED',
        message: expect.stringMatching(/SECRET\. Enter them again/),
        details: { credentials: ['SECRET'] },
      },
    ]);
  });

  test('in production needs a test that passed with the credentials it has now', async () => {
    await update({ environmentMode: 'PRODUCTION' });
    await setCredential('API_KEY', 'k', 'PRODUCTION');
    await setCredential('SECRET', 's', 'PRODUCTION');
    expect((await enable()).userErrors).toMatchObject([
      {
        code: 'CONNECTION_TEST_REQUIRED',
        field: ['input', 'enabled'],
        message: expect.stringContaining('never tested'),
      },
    ]);
    // Of the other mode.
    await setCredential('API_KEY', 'k');
    await setCredential('SECRET', 's');
    expect((await connect('SANDBOX')).test.ok).toBe(true);
    expect(codes(await enable())).toEqual(['CONNECTION_TEST_REQUIRED']);
    vendor.answer = () => 'wrong key';
    expect((await connect()).test).toEqual({
      ok: false,
      latencyMs: expect.any(Number),
      reason: 'The provider refuses the credentials or the address: wrong key.',
    });
    expect((await enable()).userErrors).toMatchObject([
      { message: expect.stringContaining('failed: The provider refuses') },
    ]);
    vendor.answer = () => null;
    expect((await connect()).test).toEqual({ ok: true, latencyMs: expect.any(Number), reason: null });
    await setCredential('SECRET', 's2', 'PRODUCTION');
    expect((await enable()).userErrors).toMatchObject([
      { code: 'CONNECTION_TEST_REQUIRED', message: expect.stringContaining('changed since') },
    ]);
    await connect();
    expect((await enable()).provider).toEqual({ enabled: true, environmentMode: 'PRODUCTION' });
  });

  test('in production is not let through by a test during which a credential was changed', async () => {
    await update({ environmentMode: 'PRODUCTION' });
    await setCredential('API_KEY', 'k', 'PRODUCTION');
    await setCredential('SECRET', 's', 'PRODUCTION');
    vendor.answer = async () => {
      await setCredential('SECRET', 'another', 'PRODUCTION');
      return null;
    };
    expect((await connect()).test.ok).toBe(true);
    expect(codes(await enable())).toEqual(['CONNECTION_TEST_REQUIRED']);
  });

  test('in production is not let through by a test of another address or with other settings', async () => {
    await update({ environmentMode: 'PRODUCTION' });
    await setCredential('API_KEY', 'k', 'PRODUCTION');
    await setCredential('SECRET', 's', 'PRODUCTION');
    for (const input of [
      { baseUrls: { production: 'https://elsewhere.expedia.example' } },
      { settings: [{ name: 'POINT_OF_SALE', value: 'EG' }] },
    ]) {
      await connect();
      await update({ callsPerMinute: 3, baseUrls: { sandbox: 'https://other.expedia.example' } });
      expect(codes(await enable())).toEqual([]);
      await run('setProviderEnabled', { slug: 'expedia', enabled: false });
      await update(input);
      expect(codes(await enable())).toEqual(['CONNECTION_TEST_REQUIRED']);
    }
  });

  test('in production can be overridden, and the audit log keeps who did', async () => {
    await update({ environmentMode: 'PRODUCTION' });
    expect((await enable({ override: true })).provider.enabled).toBe(true);
    expect((await audit()).at(-1)).toMatchObject({
      actor: expect.stringMatching(/^user:/),
      action: 'provider.enable',
      after: { enabled: true, mode: 'PRODUCTION', override: true },
    });
  });

  test('once it is on, going to production asks the same, and so does going back', async () => {
    await setCredential('API_KEY', 'k');
    await setCredential('SECRET', 's');
    await enable();
    expect((await update({ environmentMode: 'PRODUCTION', name: 'Rapid' })).userErrors).toMatchObject([
      { code: 'CONNECTION_TEST_REQUIRED', field: ['input', 'environmentMode'] },
    ]);
    expect((await world.owner.query('select mode, name from providers')).rows).toEqual([
      { mode: 'SANDBOX', name: 'The expedia of the tests' },
    ]);
    await setCredential('API_KEY', 'k', 'PRODUCTION');
    await setCredential('SECRET', 's', 'PRODUCTION');
    await connect('PRODUCTION');
    expect((await update({ environmentMode: 'PRODUCTION' })).provider).toMatchObject({
      enabled: true,
      environmentMode: 'PRODUCTION',
    });
    await world.owner.query("delete from credentials where owner = 'provider:expedia:SANDBOX' and name = 'SECRET'");
    expect(codes(await update({ environmentMode: 'SANDBOX' }))).toEqual(['CREDENTIALS_MISSING']);
    expect(codes(await update({ environmentMode: 'PRODUCTION' }))).toEqual([]);
  });

  test('off needs nothing, and what is so already is no change', async () => {
    const before = (await audit()).length;
    expect((await enable({ enabled: false })).provider.enabled).toBe(false);
    expect((await audit()).length).toBe(before);
    await update({ environmentMode: 'PRODUCTION' });
    await enable({ override: true });
    await world.owner.query('delete from credentials');
    expect((await enable({ enabled: false })).provider.enabled).toBe(false);
    expect((await audit()).at(-1)).toMatchObject({ action: 'provider.disable' });
  });
});

describe('a connection test', () => {
  beforeEach(() => run('createProvider', { slug: 'expedia' }));

  test('asks in the mode it is in, or in the one that is said, and leaves its answer and one entry', async () => {
    for (const mode of ['SANDBOX', 'PRODUCTION']) {
      await setCredential('API_KEY', `k of ${mode}`, mode);
      await setCredential('SECRET', 's', mode);
    }
    const before = (await audit()).length;
    await connect();
    await connect('PRODUCTION');
    expect(vendor.asked).toEqual([
      {
        slug: 'expedia',
        mode: 'SANDBOX',
        baseUrl: 'https://sandbox.expedia.example/v1',
        credentials: { API_KEY: 'k of SANDBOX', SECRET: 's' },
      },
      {
        slug: 'expedia',
        mode: 'PRODUCTION',
        baseUrl: 'https://api.expedia.example/v1',
        credentials: { API_KEY: 'k of PRODUCTION', SECRET: 's' },
      },
    ]);
    const answer = await ask(
      world.app,
      admin,
      '{ provider(slug: "expedia") { connectionTests { sandbox { ok latencyMs reason testedAt } production { ok } } } }',
    );
    expect(answer.data!['provider'].connectionTests).toEqual({
      sandbox: {
        ok: true,
        latencyMs: expect.any(Number),
        reason: null,
        testedAt: expect.stringMatching(/^2\d{3}-/),
      },
      production: { ok: true },
    });
    expect((await audit()).slice(before).map(({ action }) => action)).toEqual(['provider.test', 'provider.test']);
  });

  test('without the credentials it needs is answered, and nobody is asked', async () => {
    expect((await connect()).test).toEqual({
      ok: false,
      latencyMs: 0,
      reason: 'Credentials are missing: API_KEY, SECRET.',
    });
    expect(vendor.asked).toEqual([]);
  });

  test('is made with what is stored now, whatever this process remembers', async () => {
    await setCredential('API_KEY', 'k');
    await setCredential('SECRET', 'old');
    // Until every event so far was heard, what is remembered is soon forgotten again.
    const { providers, journal, clock } = world.app;
    const now = clock.now().getTime();
    await providers.catalogue();
    await eventually(
      () => journal.freshAtMs(PLATFORM_TENANT_ID) ?? 0,
      (freshAtMs) => freshAtMs > now,
    );
    const remembered = await providers.catalogue();
    // As another process does it, before anybody here has heard of it.
    await world.app.db.write({ tenantId: PLATFORM_TENANT_ID, customerId: null }, (tx) =>
      writeCredential(world.app, tx, { owner: 'provider:expedia:SANDBOX', name: 'SECRET', value: 'new' }),
    );
    expect(await providers.catalogue()).toBe(remembered);
    await connect();
    expect(vendor.asked.at(-1)!.credentials).toEqual({ API_KEY: 'k', SECRET: 'new' });
  });

  test('repeats no secret that the vendor sent back, however it was told', async () => {
    await setCredential('API_KEY', 'canary-key-1234567');
    await setCredential('SECRET', 'canary-key-1234567-and-more');
    vendor.answer = () => 'bad signature for canary-key-1234567:canary-key-1234567-and-more';
    expect((await connect()).test.reason).toBe(
      'The provider refuses the credentials or the address: bad signature for [masked]:[masked].',
    );
    expect(JSON.stringify(await audit())).not.toContain('canary-key');
    expect(JSON.stringify((await world.owner.query('select tests from providers')).rows)).not.toContain('canary-key');
  });
});
