import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { PLATFORM_TENANT_ID } from '../../src/auth/platform.ts';
import { credentialContext } from '../../src/credentials.ts';
import { schema } from '../../src/schema/index.ts';
import { ask, createWorld, mutate, signIn, type Credentials, type World } from '../auth/world.ts';
import { TestVendor } from '../helpers/travel.ts';

/** What becomes of a provider's credentials (PRV-3, PRV-4). */
let world: World;
let admin: Credentials;
const vendor = new TestVendor();
const DAY_MS = 86_400_000;

const CREDENTIAL = 'name mode lastFour version lastRotatedAt dueAt graceUntil state problem';
const FIELDS = `provider { credentials { ${CREDENTIAL} } }`;
type Input = Record<string, unknown>;
const run = (name: string, input: Input, fields = FIELDS) => mutate(world.app, admin, name, input, fields);
const set = (name: string, value: string, more: Input = {}) =>
  run('setProviderCredential', { slug: 'expedia', name, value, ...more });
const rotate = (value: string, more: Input = {}) =>
  run('rotateProviderCredential', { slug: 'expedia', name: 'API_KEY', value, ...more });
const credentials = async (slug = 'expedia', mode?: string): Promise<any[]> => {
  const answer = await ask(
    world.app,
    admin,
    `query ($slug: String!, $mode: EnvironmentMode) { provider(slug: $slug) { credentials(mode: $mode) { ${CREDENTIAL} } } }`,
    { slug, mode },
  );
  if (answer.errors) throw new Error(answer.codes.join());
  return answer.data!['provider'].credentials;
};
const short = (list: any[]) => list.map(({ name, version, state }) => `${name} ${version} ${state}`);

/** As whoever calls the provider opens them: newest first. */
async function opened(name: string, mode = 'SANDBOX'): Promise<string[]> {
  const owner = `provider:expedia:${mode}`;
  const { rows } = await world.owner.query(
    'select version, sealed from credentials where tenant_id = $1 and owner = $2 and name = $3 order by version desc',
    [PLATFORM_TENANT_ID, owner, name],
  );
  return rows.map(({ version, sealed }) =>
    world.app.vault.open(sealed, credentialContext({ tenantId: PLATFORM_TENANT_ID, owner, name, version })).toString(),
  );
}

const everythingKept = async () =>
  JSON.stringify(
    (
      await world.owner.query(
        'select (select json_agg(a) from audit_entries a) as a, (select json_agg(e) from events e) as e, (select json_agg(p) from providers p) as p, (select json_agg(o) from operations o) as o',
      )
    ).rows,
  );

beforeAll(async () => {
  world = await createWorld({ providerDescriptions: vendor.descriptions });
  const { email } = await world.person(PLATFORM_TENANT_ID, 'PLATFORM_ADMIN');
  admin = { token: (await signIn(world.app, {}, email)).accessToken };
});
afterAll(() => world?.close());

beforeEach(async () => {
  await world.owner.query('delete from providers');
  await world.owner.query('delete from credentials');
  vendor.asked.length = 0;
  vendor.answer = () => null;
  await run('createProvider', { slug: 'expedia' });
});

describe('a credential', () => {
  test('that is required and not there is missing; one that is optional is not', async () => {
    const missing = { lastFour: null, version: 0, lastRotatedAt: null, dueAt: null, graceUntil: null, problem: null };
    expect(await credentials()).toEqual([
      { ...missing, name: 'API_KEY', mode: 'SANDBOX', state: 'MISSING' },
      { ...missing, name: 'SECRET', mode: 'SANDBOX', state: 'MISSING' },
    ]);
    await run('createProvider', { slug: 'booking' });
    expect(short(await credentials('booking'))).toEqual(['API_KEY 0 MISSING']);
  });

  test('is sealed in its own place, shown by its last four, and due 90 days after', async () => {
    const before = world.clock.now().getTime();
    const { provider, userErrors } = await set('API_KEY', 'canary-value-wxyz');
    expect(userErrors).toEqual([]);
    const [shown] = provider.credentials;
    expect(shown).toMatchObject({
      name: 'API_KEY',
      mode: 'SANDBOX',
      lastFour: 'wxyz',
      version: 1,
      state: 'ACTIVE',
      problem: null,
    });
    const rotated = new Date(shown.lastRotatedAt).getTime();
    expect(rotated).toBeGreaterThanOrEqual(before);
    expect(new Date(shown.dueAt).getTime()).toBe(rotated + 90 * DAY_MS);
    expect(await opened('API_KEY')).toEqual(['canary-value-wxyz']);
    const [row] = (await world.owner.query('select * from credentials')).rows;
    expect(row).toMatchObject({ tenant_id: PLATFORM_TENANT_ID, owner: 'provider:expedia:SANDBOX' });
    expect(row.sealed.includes('canary-value')).toBe(false);
    expect(await everythingKept()).not.toContain('canary-value');
  });

  test('of a few characters shows none of them', async () => {
    const { provider } = await set('API_KEY', 'short');
    expect(provider.credentials[0]).toMatchObject({ lastFour: null, version: 1, state: 'ACTIVE' });
  });

  test('belongs to its mode', async () => {
    await set('API_KEY', 'of production', { mode: 'PRODUCTION' });
    expect(short(await credentials())).toEqual(['API_KEY 0 MISSING', 'SECRET 0 MISSING']);
    expect(short(await credentials('expedia', 'PRODUCTION'))).toEqual(['API_KEY 1 ACTIVE', 'SECRET 0 MISSING']);
  });

  test('set again counts at once, and the value before is no longer served', async () => {
    await set('API_KEY', 'one');
    await set('API_KEY', 'two');
    expect(short(await credentials())).toEqual(['API_KEY 2 ACTIVE', 'SECRET 0 MISSING']);
    expect(await opened('API_KEY')).toEqual(['two', 'one']);
    const { rows } = await world.owner.query(
      'select version, grace_until <= now() as over from credentials order by version',
    );
    expect(rows).toEqual([
      { version: 1, over: true },
      { version: 2, over: null },
    ]);
    // What has no grace is forgotten with the rest of what has had its time.
    await world.app.db.lookUp('select * from forget_old($1)', [world.clock.now()]);
    expect(await opened('API_KEY')).toEqual(['two']);
  });

  test('is one of those the provider has, and a line of text', async () => {
    expect((await set('PASSWORD', 'x')).userErrors).toEqual([
      {
        code: 'INVALID_INPUT',
        field: ['input', 'name'],
        message: 'The credentials of expedia are: API_KEY, SECRET.',
        details: null,
      },
    ]);
    for (const value of ['', ' x', 'x\n', 'a\u0000b', 'a\r\nX-Evil: 1', 'x'.repeat(4_097)])
      expect((await set('API_KEY', value)).userErrors, JSON.stringify(value)).toMatchObject([
        { code: 'INVALID_INPUT', field: ['input', 'value'] },
      ]);
    expect((await world.owner.query('select 1 from credentials')).rows).toEqual([]);
  });

  test('that does not open says what to do, and hurts no other and no other provider', async () => {
    await run('createProvider', { slug: 'kiwi' });
    await run('setProviderCredential', { slug: 'kiwi', name: 'API_KEY', value: 'kiwi' });
    await set('API_KEY', 'k');
    await set('SECRET', 's');
    await world.owner.query(
      "update credentials set sealed = set_byte(sealed, 70, get_byte(sealed, 70) # 1) where owner = 'provider:expedia:SANDBOX' and name = 'API_KEY'",
    );
    expect(await credentials()).toMatchObject([
      {
        name: 'API_KEY',
        version: 1,
        state: 'DECRYPTION_FAILED',
        problem: expect.stringMatching(/Check SECRET_KEY, or enter the credential again/),
      },
      { name: 'SECRET', version: 1, state: 'ACTIVE', problem: null },
    ]);
    await world.owner.query("update credentials set sealed = '\\x00' where name = 'SECRET'");
    expect((await credentials())[1]).toMatchObject({
      state: 'DECRYPTION_FAILED',
      problem: expect.stringMatching(/damaged/),
    });
    expect(short(await credentials('kiwi'))).toEqual(['API_KEY 1 ACTIVE']);
    await set('API_KEY', 'again');
    expect(short(await credentials())).toEqual(['API_KEY 2 ACTIVE', 'SECRET 1 DECRYPTION_FAILED']);
  });

  test('is never an output of the graph: no field of any type could show a value', () => {
    const fields = Object.values(schema.getTypeMap()).flatMap((type) =>
      'getFields' in type && type.name.endsWith('Credential') ? Object.keys(type.getFields()) : [],
    );
    expect(fields).toContain('lastFour');
    expect(fields.filter((name) => /value|secret|sealed|plain/i.test(name))).toEqual([]);
  });

  test('moved to another name, mode or version does not open', async () => {
    await set('API_KEY', 'k');
    for (const move of ["name = 'SECRET'", "owner = 'provider:expedia:PRODUCTION'", 'version = 7']) {
      await world.owner.query('begin');
      await world.owner.query(`update credentials set ${move}`);
      await world.owner.query('commit');
      const mode = move.includes('PRODUCTION') ? 'PRODUCTION' : 'SANDBOX';
      expect(short(await credentials('expedia', mode)).join(), move).toContain('DECRYPTION_FAILED');
      await world.owner.query(
        "update credentials set name = 'API_KEY', owner = 'provider:expedia:SANDBOX', version = 1",
      );
    }
    expect(short(await credentials())[0]).toBe('API_KEY 1 ACTIVE');
  });
});

describe('a rotation', () => {
  beforeEach(async () => {
    await set('API_KEY', 'the-old-value-1234');
    await set('SECRET', 'the-secret');
  });

  test('tries the new value, then makes it the newest; the one before goes on for a day', async () => {
    const { provider, userErrors } = await rotate('canary-new-value-5678');
    expect(userErrors).toEqual([]);
    expect(vendor.asked).toMatchObject([
      { slug: 'expedia', mode: 'SANDBOX', credentials: { API_KEY: 'canary-new-value-5678', SECRET: 'the-secret' } },
    ]);
    const [newest, before] = provider.credentials;
    expect(newest).toMatchObject({ version: 2, state: 'ACTIVE', lastFour: '5678', graceUntil: null });
    expect(before).toMatchObject({ name: 'API_KEY', version: 1, state: 'GRACE', lastFour: '1234', dueAt: null });
    expect(new Date(before.graceUntil).getTime() - new Date(newest.lastRotatedAt).getTime()).toBe(DAY_MS);
    expect(await opened('API_KEY')).toEqual(['canary-new-value-5678', 'the-old-value-1234']);
    expect(await everythingKept()).not.toContain('canary-new');
    const end = (at: string) =>
      world.owner.query(`update credentials set grace_until = ${at} where version = 1 and name = 'API_KEY'`);
    await end("now() + interval '1 minute'");
    expect(short(await credentials())).toContain('API_KEY 1 GRACE');
    await end("now() - interval '1 minute'");
    expect(short(await credentials())).toEqual(['API_KEY 2 ACTIVE', 'SECRET 1 ACTIVE']);
  });

  test('that the provider does not take changes nothing, and says why without repeating the value', async () => {
    const before = await everythingKept();
    vendor.answer = (asked) => `401: ${asked.credentials['API_KEY']} is no key`;
    const { provider, userErrors } = await rotate('canary-bad-value-9999');
    expect(provider).toBeNull();
    expect(userErrors).toEqual([
      {
        code: 'CONNECTION_TEST_FAILED',
        field: ['input', 'value'],
        message:
          'The provider does not take the new value, and nothing was changed. The provider refuses the credentials or the address: 401: [masked] is no key.',
        details: { mode: 'SANDBOX', latencyMs: expect.any(Number) },
      },
    ]);
    expect(short(await credentials())).toEqual(['API_KEY 1 ACTIVE', 'SECRET 1 ACTIVE']);
    expect(await everythingKept()).toBe(before);
  });

  test('that failed leaves its key free: the same request works when the provider answers', async () => {
    vendor.answer = () => 'timed out';
    const input = { idempotencyKey: 'rotate-once' };
    expect((await rotate('new-value', input)).userErrors).toMatchObject([{ code: 'CONNECTION_TEST_FAILED' }]);
    vendor.answer = () => null;
    expect((await rotate('new-value', input)).userErrors).toEqual([]);
    vendor.answer = () => 'timed out again';
    expect((await rotate('new-value', input)).userErrors).toEqual([]);
    expect(await opened('API_KEY')).toEqual(['new-value', 'the-old-value-1234']);
  });

  test('is the connection test of what it stored: production can be switched on after it', async () => {
    const more = { mode: 'PRODUCTION' };
    await set('API_KEY', 'k', more);
    await set('SECRET', 's', more);
    await run('updateProvider', { slug: 'expedia', environmentMode: 'PRODUCTION' });
    await rotate('k2', more);
    expect((await run('setProviderEnabled', { slug: 'expedia', enabled: true })).userErrors).toEqual([]);
  });

  test('of another value during it is not lost, and neither counts as tested with the other', async () => {
    vendor.answer = async () => {
      await set('SECRET', 'changed meanwhile');
      return null;
    };
    await rotate('new-value');
    expect(await opened('SECRET')).toEqual(['changed meanwhile', 'the-secret']);
    const { rows } = await world.owner.query("select tests -> 'SANDBOX' -> 'versions' as versions from providers");
    expect(rows).toEqual([{ versions: { API_KEY: 2, SECRET: 1 } }]);
  });

  test('twice at once makes two versions, and all of the older ones have their grace', async () => {
    const payloads = await Promise.all([rotate('first-value'), rotate('second-value')]);
    expect(payloads.flatMap(({ userErrors }) => userErrors)).toEqual([]);
    expect((await opened('API_KEY')).toSorted()).toEqual(['first-value', 'second-value', 'the-old-value-1234']);
    expect(short(await credentials())).toEqual([
      'API_KEY 3 ACTIVE',
      'API_KEY 2 GRACE',
      'API_KEY 1 GRACE',
      'SECRET 1 ACTIVE',
    ]);
  });

  test('may have another grace, or none', async () => {
    const until = async (version: number) =>
      (
        await world.owner.query("select grace_until from credentials where name = 'API_KEY' and version = $1", [
          version,
        ])
      ).rows[0].grace_until as Date;
    const now = world.clock.now().getTime();
    await rotate('two', { graceHours: 0 });
    await rotate('three', { graceHours: 720 });
    expect((await until(1)).getTime() - now).toBeLessThan(60_000);
    expect((await until(2)).getTime() - now).toBeGreaterThanOrEqual(30 * DAY_MS);
    for (const graceHours of [-1, 721])
      expect((await rotate('four', { graceHours })).userErrors).toMatchObject([
        { code: 'INVALID_INPUT', field: ['input', 'graceHours'] },
      ]);
    expect(short(await credentials())).toEqual(['API_KEY 3 ACTIVE', 'API_KEY 2 GRACE', 'SECRET 1 ACTIVE']);
  });

  test('of what is no credential, or no line of text, asks nobody', async () => {
    expect((await rotate('x', { name: 'PASSWORD' })).userErrors).toMatchObject([
      { code: 'INVALID_INPUT', field: ['input', 'name'] },
    ]);
    expect((await rotate('x\n')).userErrors).toMatchObject([{ code: 'INVALID_INPUT', field: ['input', 'value'] }]);
    expect(vendor.asked).toEqual([]);
  });

  test('of one that was never there needs no grace', async () => {
    await run('createProvider', { slug: 'kiwi' });
    await run('rotateProviderCredential', { slug: 'kiwi', name: 'API_KEY', value: 'first' });
    expect(short(await credentials('kiwi'))).toEqual(['API_KEY 1 ACTIVE']);
  });

  test('is told in the audit log with versions, never with a value', async () => {
    await rotate('canary-rotated-4444');
    const { rows } = await world.owner.query(
      "select action, before, after from audit_entries where action like 'provider.credential.%' order by position desc limit 2",
    );
    expect(rows).toEqual([
      {
        action: 'provider.credential.rotate',
        before: { mode: 'SANDBOX', name: 'API_KEY', version: 1, lastFour: '1234' },
        after: { mode: 'SANDBOX', name: 'API_KEY', version: 2, lastFour: '4444', graceUntil: expect.any(String) },
      },
      {
        action: 'provider.credential.set',
        before: null,
        after: { mode: 'SANDBOX', name: 'SECRET', version: 1, lastFour: null },
      },
    ]);
  });
});
