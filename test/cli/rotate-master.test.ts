import { randomBytes } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { signingKeyContext } from '../../src/auth/signing-keys.ts';
import { PLATFORM_TENANT_ID } from '../../src/auth/platform.ts';
import { SEALED_KINDS } from '../../src/cli/rotate-master.ts';
import { credentialContext, writeCredential } from '../../src/credentials.ts';
import { createVault, type MasterKey, type Vault } from '../../src/vault.ts';
import { bodyContext } from '../../src/webhook-deliveries.ts';
import { eventually, startTestApp, type TestApp } from '../helpers/app.ts';
import { runCli, startCli, type CliAnswer } from '../helpers/cli.ts';
import { DEMO_TENANT } from '../helpers/wallet.ts';

/** A new master key (PRV-3): everything that was sealed under the one before is wrapped anew while the product runs. */
const OTHER_TENANT = '00000000-0000-4000-8000-0000000000d2';
const KEYS: readonly MasterKey[] = [
  { version: 1, secret: 'a master key for tests, nowhere else in use' },
  { version: 2, secret: 'the second master key, nowhere else in use' },
  { version: 3, secret: 'the third master key, nowhere else in use.' },
];
const only = (version: number): Vault => createVault({ current: KEYS[version - 1]!, older: [], randomBytes });

let world: TestApp;
beforeAll(async () => {
  world = await startTestApp({ worker: false });
  // The first token makes the signing key.
  await world.session('operator');
  for (const slug of ['demo', 'other'])
    for (let n = 0; n < 3; n += 1)
      await world.request('POST', `/webhooks/payments/fawaterk/${slug}?_json`, {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ rubbish: `${slug} ${n}` }),
      });
  // More than two pages.
  await world.app.db.write({ tenantId: OTHER_TENANT, customerId: null }, async (tx) => {
    for (let n = 0; n < 450; n += 1)
      await writeCredential({ ...world.app }, tx, { owner: 'gateway:PAYU', name: `MANY-${n}`, value: `value ${n}` });
  });
  await world.owner(
    "insert into webhook_deliveries (tenant_id, id, source, received_at, headers, body_bytes) values ($1, gen_random_uuid(), 'fawaterk', now(), '{}', 0)",
    [DEMO_TENANT],
  );
});
afterAll(() => world.stop());

const environment = (version: number, more: Record<string, string> = {}) => ({
  SECRET_KEY: KEYS[version - 1]!.secret,
  SECRET_KEY_VERSION: String(version),
  SECRET_KEYS_OLD: KEYS.slice(0, version - 1)
    .map((key) => `${key.version}:${key.secret}`)
    .join(','),
  ...more,
});
const rotate = (version: number, more: Record<string, string> = {}): Promise<CliAnswer> =>
  runCli(world.database, ['secrets', 'rotate-master'], { environment: environment(version, more) });

/** Everything there is, opened with this vault: what it is, or why not. */
async function opened(vault: Vault): Promise<Map<string, string>> {
  const values = new Map<string, string>();
  const add = (key: string, sealed: Buffer, context: string) => {
    try {
      values.set(key, vault.open(sealed, context).toString());
    } catch (error) {
      values.set(key, `FAILED ${(error as { code: string }).code}`);
    }
  };
  for (const { tenant_id: tenantId, owner, name, version, sealed } of await world.owner('select * from credentials'))
    add(`${tenantId} ${owner} ${name} ${version}`, sealed, credentialContext({ tenantId, owner, name, version }));
  for (const { kid, sealed } of await world.owner('select * from signing_keys'))
    add(kid, sealed, signingKeyContext(kid));
  for (const { tenant_id, id, body_sealed } of await world.owner(
    'select * from webhook_deliveries where body_sealed is not null',
  ))
    add(id, body_sealed, bodyContext(tenant_id, id));
  return values;
}
const failed = (values: Map<string, string>) => [...values].filter(([, value]) => value.startsWith('FAILED'));

const audited = () =>
  world.owner(
    "select actor, action, target, after from audit_entries where action like 'masterKey.%' order by position",
  );

test('every column of bytes is either wrapped anew or said to hold nothing sealed', async () => {
  const columns = await world.owner<{ place: string }>(
    `select c.relname || '.' || a.attname as place from pg_attribute a join pg_class c on c.oid = a.attrelid
     where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and a.atttypid = 'bytea'::regtype and not a.attisdropped order by 1`,
  );
  const sealed = SEALED_KINDS.map(({ table, column }) => `${table}.${column}`);
  const others: Readonly<Record<string, string>> = {
    'api_keys.hash': 'SHA-256',
    'audit_entries.hash': 'SHA-256',
    'audit_entries.previous_hash': 'SHA-256',
    'ledger_entries.hash': 'SHA-256',
    'ledger_entries.previous_hash': 'SHA-256',
    'ledger_accounts.head': 'SHA-256',
    'ledger_accounts.hold_head': 'SHA-256',
    'ledger_holds.end_hash': 'SHA-256',
    'ledger_holds.hash': 'SHA-256',
    'ledger_holds.previous_hash': 'SHA-256',
    'mail_messages.address_hash': 'SHA-256',
    'mail_suppressions.address_hash': 'SHA-256',
    'one_time_tokens.address_hash': 'SHA-256',
    'one_time_tokens.hash': 'SHA-256',
    'refresh_tokens.hash': 'SHA-256',
    'streams.audit_head': 'SHA-256',
    'tenant_logos.content': 'a picture',
  };
  const unexplained = columns
    .map(({ place }) => place)
    .filter((place) => !sealed.includes(place) && !(place in others));
  expect(unexplained).toEqual([]);
  expect(columns.map(({ place }) => place)).toEqual(expect.arrayContaining(sealed));
});

describe('secrets rotate-master', () => {
  test('wraps everything of every tenant under the new key, and leaves every value what it was', async () => {
    const before = await opened(only(1));
    expect(before.size).toBeGreaterThan(10);
    expect(failed(before)).toEqual([]);
    const values = await world.owner('select id, substring(sealed from 66) as value from credentials');
    const { code, out, err } = await rotate(2);
    expect(code).toBe(0);
    const bodies = 6;
    expect(out).toBe(
      `Under master key 2 now: ${values.length} credentials, ${bodies} webhook bodies, 1 signing keys.\n`,
    );
    expect(err).toMatch(/^demo: \d+ credentials$/m);
    expect(await opened(only(2))).toEqual(before);
    expect(failed(await opened(only(1))).length).toBe(before.size);
    // The values themselves were not touched.
    const after = new Map(
      (await world.owner('select id, substring(sealed from 70) as value from credentials')).map(({ id, value }) => [
        id,
        value,
      ]),
    );
    for (const { id, value } of values) expect(after.get(id)).toEqual(value);
    expect(await world.owner('select distinct master_key_version from credentials')).toEqual([
      { master_key_version: 2 },
    ]);
    expect(await audited()).toEqual([
      { actor: 'cli', action: 'masterKey.rotation.begin', target: 'MasterKey:2', after: { left: before.size } },
      {
        actor: 'cli',
        action: 'masterKey.rotation.end',
        target: 'MasterKey:2',
        after: { credentials: values.length, 'webhook bodies': bodies, 'signing keys': 1, left: 0 },
      },
    ]);
  });

  test('again has nothing to do, and writes nothing', async () => {
    const before = await audited();
    expect(await rotate(2)).toEqual({ code: 0, out: 'Everything is under master key 2 already.\n', err: '' });
    expect(await audited()).toEqual(before);
  });

  test('refuses to go back to an older key', async () => {
    const older = { SECRET_KEYS_OLD: `2:${KEYS[1]!.secret}` };
    const { code, err } = await rotate(1, older);
    expect(code).toBe(1);
    expect(err).toMatch(/^SECRET_KEYS_OLD has key 2, which is newer/);
    expect(failed(await opened(only(2)))).toEqual([]);
  });

  test('that was killed in the middle is just run again: what was done is done, the rest opens as before', async () => {
    const before = await opened(only(2));
    // It works tenants by their names, and stops at a row that somebody else holds.
    const holder = await holdRow(`select from credentials where tenant_id = '${OTHER_TENANT}' for update`);
    const { child, answer } = startCli(world.database, ['secrets', 'rotate-master'], { environment: environment(3) });
    await eventually(
      () =>
        world.owner(
          "select 1 from pg_stat_activity where application_name = 'portolan-cli' and datname = current_database() and wait_event_type = 'Lock'",
        ),
      (rows) => rows.length > 0,
      60_000,
    );
    child.kill('SIGKILL');
    expect((await answer).code).toBeNull();
    await holder.release();
    const newest = await opened(only(3));
    const left = failed(newest).length;
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(before.size);
    // While both keys are at hand everything opens: nobody noticed.
    const both = createVault({ current: KEYS[2]!, older: [KEYS[1]!], randomBytes });
    expect(await opened(both)).toEqual(before);
    const { code, out } = await rotate(3);
    expect(code).toBe(0);
    expect(out).toMatch(/^Under master key 3 now: /);
    expect(await opened(only(3))).toEqual(before);
    const told = (await audited()).slice(2);
    expect(told.map(({ action, after }) => [action, after.left])).toEqual([
      ['masterKey.rotation.begin', before.size],
      ['masterKey.rotation.begin', left],
      ['masterKey.rotation.end', 0],
    ]);
  });

  async function holdRow(query: string): Promise<{ release: () => Promise<void> }> {
    const { default: pg } = await import('pg');
    const client = new pg.Client({ connectionString: world.database.ownerUrl });
    client.on('error', () => undefined);
    await client.connect();
    await client.query('begin');
    await client.query(query);
    return {
      async release() {
        await client.query('rollback');
        await client.end();
      },
    };
  }
});

describe('while it runs', () => {
  const fourth: MasterKey = { version: 4, secret: 'the fourth master key, nowhere else in use' };
  const toFourth = {
    environment: { SECRET_KEY: fourth.secret, SECRET_KEY_VERSION: '4', SECRET_KEYS_OLD: `3:${KEYS[2]!.secret}` },
  };

  test('whoever writes loses nothing, and what they seal under the old key is told of and done the next time', async () => {
    const writer = createVault({ current: KEYS[2]!, older: [fourth], randomBytes });
    const written = new Map<string, string>();
    let running = true;
    const write = async (tenantId: string) => {
      const tools = { clock: world.app.clock, newId: world.app.newId, vault: writer };
      for (let n = 0; running || n < 5; n += 1) {
        const of = { owner: 'gateway:PAYU', name: `WRITTEN-${n % 7}`, value: `${tenantId} ${n}` };
        const { version } = await world.app.db.write({ tenantId, customerId: null }, async (tx) => {
          await tx.query('select from tenants where id = current_tenant() for update');
          return writeCredential(tools, tx, of);
        });
        written.set(`${tenantId} ${of.owner} ${of.name} ${version}`, of.value);
      }
    };
    const writing = [DEMO_TENANT, OTHER_TENANT, PLATFORM_TENANT_ID].map((tenantId) => write(tenantId));
    // Two at once, as when somebody is impatient.
    const both = await Promise.all(
      [1, 2].map(() => startCli(world.database, ['secrets', 'rotate-master'], toFourth).answer),
    );
    running = false;
    await Promise.all(writing);
    // Whether they were done in time to be wrapped or not: none is lost, and with both keys at hand all are read.
    const reader = createVault({ current: fourth, older: [KEYS[2]!], randomBytes });
    const during = await opened(reader);
    expect(failed(during)).toEqual([]);
    for (const [place, value] of written) expect(during.get(place), place).toBe(value);
    expect(both.every(({ code }) => code === 0 || code === 1)).toBe(true);
    expect((await runCli(world.database, ['secrets', 'rotate-master'], toFourth)).code).toBe(0);
    const after = await opened(createVault({ current: fourth, older: [], randomBytes }));
    expect(after).toEqual(during);
  });

  test('a value that does not open stays as it is, is named without being shown, and keeps no other from being done', async () => {
    const fifth: MasterKey = { version: 5, secret: 'the fifth master key, nowhere else in use.' };
    const broken = "tenant_id = $1 and owner = 'gateway:FAWATERK' and name = 'API_KEY'";
    const [{ sealed }] = await world.owner(`select sealed from credentials where ${broken}`, [DEMO_TENANT]);
    await world.owner(
      `update credentials set sealed = set_byte(sealed, 30, get_byte(sealed, 30) # 1) where ${broken}`,
      [DEMO_TENANT],
    );
    const { code, out, err } = await runCli(world.database, ['secrets', 'rotate-master'], {
      environment: {
        SECRET_KEY: fifth.secret,
        SECRET_KEY_VERSION: '5',
        SECRET_KEYS_OLD: `4:${fourth.secret}`,
      },
    });
    expect(code).toBe(1);
    expect(err).toMatch(
      /^demo: credential gateway:FAWATERK API_KEY, version 1: A stored credential cannot be decrypted/m,
    );
    expect(out).toContain('1 values are under other keys still: those above cannot be opened.');
    expect(failed(await opened(createVault({ current: fifth, older: [], randomBytes }))).length).toBe(1);
    await world.owner(`update credentials set sealed = $2 where ${broken}`, [DEMO_TENANT, sealed]);
  });
});

describe('the database', () => {
  const scope = { tenantId: DEMO_TENANT, customerId: null };
  const head = async (where: string) =>
    (
      await world.owner(
        `select id, sealed, substring(sealed from 1 for 69) as head from credentials where ${where} limit 1`,
      )
    )[0];
  const call = (tenantId: string, table: string, key: string, from: Buffer, to: Buffer) =>
    world.app.db.write({ tenantId, customerId: null }, (tx) =>
      tx.query('select * from rewrap($1, $2, $3, $4)', [table, [key], [from], [to]]),
    );
  const versioned = (of: Buffer, version: number, at = 1) => {
    const copy = Buffer.from(of);
    copy.writeUInt32BE(version, at);
    return copy;
  };

  test('puts nothing but a newer wrapping before a value, and only where the head is the one that was read', async () => {
    const { id, sealed, head: from } = await head(`tenant_id = '${DEMO_TENANT}' and wrapped_under(sealed) = 5`);
    const to = versioned(from, 9);
    const refused: [string, Buffer, Buffer][] = [
      ['an older version', from, versioned(from, 4)],
      ['the same version', from, Buffer.from(from)],
      ['another version of the value itself', from, versioned(to, 77, 5)],
      ['another format', from, Buffer.concat([Buffer.from([1]), to.subarray(1)])],
      ['a shorter head', from, to.subarray(0, 68)],
      ['a longer one, with another value', from, Buffer.concat([to, Buffer.from('another value')])],
      ['a head that is not the one there is', Buffer.concat([from.subarray(0, 68), Buffer.from([from[68]! ^ 1])]), to],
      ['a part of the head', from.subarray(0, 40), to],
      ['no head', Buffer.alloc(0), to],
    ];
    for (const [what, given, wanted] of refused)
      expect(await call(DEMO_TENANT, 'credentials', id, given, wanted), what).toEqual([]);
    expect(await call(OTHER_TENANT, 'credentials', id, from, to), 'another tenant').toEqual([]);
    const [row] = await world.owner('select sealed from credentials where id = $1', [id]);
    expect(row.sealed).toEqual(sealed);
    await expect(call(DEMO_TENANT, 'operations', id, from, to)).rejects.toThrow(/nothing is sealed in operations/);
    await expect(
      world.app.db.write(scope, (tx) => tx.query("update credentials set sealed = '\\x00' where id = $1", [id])),
    ).rejects.toThrow(/permission denied/);
  });

  test('lets no tenant wrap the keys that sign tokens', async () => {
    const [key] = await world.owner('select kid, sealed, substring(sealed from 1 for 69) as head from signing_keys');
    expect(await call(DEMO_TENANT, 'signing_keys', key.kid, key.head, versioned(key.head, 9))).toEqual([]);
    const [after] = await world.owner('select sealed from signing_keys');
    expect(after.sealed).toEqual(key.sealed);
    expect(await call(PLATFORM_TENANT_ID, 'signing_keys', key.kid, key.head, versioned(key.head, 9))).toEqual([
      { rewrap: key.kid },
    ]);
  });
});
