import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { PLATFORM_TENANT_ID } from '../../src/auth/platform.ts';
import { encodeGlobalId } from '../../src/global-id.ts';
import { Lru } from '../../src/auth/lru.ts';
import type { Opened } from '../../src/credentials.ts';
import { loadGatewayConnection } from '../../src/resolvers/gatewayConfig.ts';
import { ask, createWorld, mutate, signIn, type Credentials, type TestTenant, type World } from '../auth/world.ts';

let world: World;
let alpha: TestTenant;
let beta: TestTenant;
let admin: Credentials;
let platform: Credentials;
const API_KEY = 'fwk_live_very_secret_api_key_1234';
const VENDOR_KEY = 'short-key';
const GATEWAY =
  'tenant { paymentGateway { gateway enabled testMode amountRule credentials { name lastFour version } } }';
const configure = (input: Record<string, unknown>, who = admin) =>
  mutate(world.app, who, 'configurePaymentGateway', { gateway: 'FAWATERK', ...input }, GATEWAY);
const opened = new Lru<string, Opened>(10);
const connect = (tenantId: string) =>
  loadGatewayConnection(
    {
      ...world.app,
      opened,
      simulatorsUrl: null,
      baseUrlOf: (gateway, testMode) => `http://127.0.0.1/${gateway}/${testMode}/`,
    },
    tenantId,
    'FAWATERK',
  );

beforeAll(async () => {
  world = await createWorld();
  alpha = await world.tenant('alpha');
  beta = await world.tenant('beta');
  admin = {
    token: (await signIn(world.app, { key: alpha.portalKey }, (await world.person(alpha.id, 'TENANT_ADMIN')).email))
      .accessToken,
  };
  platform = {
    token: (await signIn(world.app, {}, (await world.person(PLATFORM_TENANT_ID, 'PLATFORM_ADMIN')).email)).accessToken,
  };
});
afterAll(() => world?.close());

describe('a payment gateway', () => {
  it('takes credentials that nobody can read again: not in the graph, not in any table', async () => {
    expect(await connect(alpha.id)).toBeNull();
    const credentials = [
      { name: 'API_KEY', value: API_KEY },
      { name: 'VENDOR_KEY', value: VENDOR_KEY },
    ];
    const payload = await configure({ credentials, idempotencyKey: 'gateway-1' });
    expect(payload.tenant.paymentGateway).toEqual({
      gateway: 'FAWATERK',
      enabled: true,
      testMode: true,
      amountRule: 'EQUAL',
      credentials: [
        { name: 'API_KEY', lastFour: '1234', version: 1 },
        { name: 'VENDOR_KEY', lastFour: null, version: 1 },
      ],
    });
    expect(await configure({ credentials, idempotencyKey: 'gateway-1' })).toEqual(payload);
    expect(await connect(alpha.id)).toEqual({
      baseUrl: 'http://127.0.0.1/FAWATERK/true',
      credentials: { API_KEY, VENDOR_KEY },
      testMode: true,
      enabled: true,
      amountRule: 'EQUAL',
      version: 2,
      drill: null,
    });
    const tables = await world.owner.query<{ name: string }>(
      "select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'",
    );
    for (const { name } of tables.rows) {
      const { rows } = await world.owner.query<{ text: string | null }>(
        `select string_agg(t::text, ' ') as text from "${name}" t`,
      );
      for (const value of [API_KEY, VENDOR_KEY]) {
        expect([name, rows[0]!.text?.includes(value) ?? false]).toEqual([name, false]);
        expect([name, rows[0]!.text?.includes(Buffer.from(value).toString('hex')) ?? false]).toEqual([name, false]);
      }
    }
  });

  it('uses the newest version of what was changed and keeps the rest', async () => {
    const { paymentGateway } = (
      await configure({
        testMode: false,
        amountRule: 'AT_LEAST',
        credentials: [{ name: 'API_KEY', value: 'fwk_live_the_next_one_5678' }],
      })
    ).tenant;
    expect(paymentGateway).toMatchObject({
      testMode: false,
      amountRule: 'AT_LEAST',
      credentials: [
        { name: 'API_KEY', lastFour: '5678', version: 2 },
        { name: 'VENDOR_KEY', version: 1 },
      ],
    });
    expect(await connect(alpha.id)).toMatchObject({
      baseUrl: 'http://127.0.0.1/FAWATERK/false',
      credentials: { API_KEY: 'fwk_live_the_next_one_5678', VENDOR_KEY },
      amountRule: 'AT_LEAST',
    });
  });

  it('two changes at once give two versions, one after the other', async () => {
    await Promise.all(
      ['a', 'b'].map((letter) => configure({ credentials: [{ name: 'PROVIDER_KEY', value: letter.repeat(20) }] })),
    );
    const { rows } = await world.owner.query(
      "select version from credentials where name = 'PROVIDER_KEY' order by version",
    );
    expect(rows).toEqual([{ version: 1 }, { version: 2 }]);
  });

  it("whose credential does not open says so, with what to do, and leaves other tenants' alone", async () => {
    const theirs = {
      token: (await signIn(world.app, { key: beta.portalKey }, (await world.person(beta.id, 'TENANT_ADMIN')).email))
        .accessToken,
    };
    await configure({ credentials: [{ name: 'API_KEY', value: API_KEY }] }, theirs);
    // Moved from one tenant to the other by somebody with the database in hand.
    await world.owner.query(
      "update credentials b set sealed = a.sealed from credentials a where a.tenant_id = $1 and a.name = 'API_KEY' and a.version = 1 and b.tenant_id = $2",
      [alpha.id, beta.id],
    );
    await expect(connect(beta.id)).rejects.toMatchObject({
      code: 'DECRYPTION_FAILED',
      message: expect.stringContaining('Enter'.toLowerCase()),
    });
    expect(await connect(alpha.id)).not.toBeNull();
  });

  it('refuses names it does not know, one twice, empty values and gateways we do not have', async () => {
    for (const credentials of [
      [{ name: 'PASSWORD', value: 'x' }],
      [
        { name: 'API_KEY', value: 'x' },
        { name: 'API_KEY', value: 'y' },
      ],
      [{ name: 'API_KEY', value: '' }],
    ]) {
      expect((await configure({ credentials })).userErrors).toMatchObject([
        { code: 'INVALID_INPUT', field: ['input', 'credentials'] },
      ]);
    }
    expect((await configure({ gateway: 'WALLET' })).userErrors).toMatchObject([
      { code: 'INVALID_INPUT', field: ['input', 'gateway'] },
    ]);
    expect((await configure({ tenantId: encodeGlobalId('Tenant', beta.id) })).userErrors).toMatchObject([
      { code: 'NOT_FOUND' },
    ]);
    expect((await configure({}, platform)).userErrors).toMatchObject([{ code: 'INVALID_STATE' }]);
  });
});

describe('the audit log', () => {
  const log = (who: Credentials, variables: Record<string, unknown> = {}) =>
    ask(
      world.app,
      who,
      'query ($target: String, $first: Int, $after: String) { auditLog(target: $target, first: $first, after: $after) { nodes { actor action target before after occurredAt hash } pageInfo { hasNextPage endCursor } } }',
      variables,
    );

  it('says who changed what, before and after, without secrets, newest first and page by page', async () => {
    const { data } = await log({ ...platform, tenant: 'alpha' });
    const entries: any[] = data!['auditLog'].nodes;
    expect(entries.map((entry) => entry.action)).toEqual(
      expect.arrayContaining(['tenant.enter', 'gateway.configure', 'key.create']),
    );
    const second = entries.filter((entry) => entry.action === 'gateway.configure').at(-2);
    expect(second).toMatchObject({
      actor: expect.stringMatching(/^user:/),
      target: `Tenant:${alpha.id}`,
      before: { gateway: 'FAWATERK', testMode: true, amountRule: 'EQUAL' },
      after: {
        testMode: false,
        amountRule: 'AT_LEAST',
        credentials: [{ name: 'API_KEY', version: 2, lastFour: '5678' }],
      },
    });
    expect(new Set(entries.map((entry) => entry.hash)).size).toBe(entries.length);
    const paged = [];
    let after: string | null = null;
    do {
      const { nodes, pageInfo }: any = (await log({ ...platform, tenant: 'alpha' }, { first: 1, after })).data![
        'auditLog'
      ];
      paged.push(...nodes);
      after = pageInfo.hasNextPage ? pageInfo.endCursor : null;
    } while (after);
    expect(paged).toEqual(entries);
  });

  it('finds the entries of one object by its id', async () => {
    const key = (await mutate(world.app, admin, 'createApiKey', { mode: 'LIVE', scopes: [] }, 'apiKey { id }')).apiKey
      .id;
    await mutate(world.app, admin, 'revokeApiKey', { apiKeyId: key }, 'apiKey { id }');
    const { data } = await log({ ...platform, tenant: 'alpha' }, { target: key });
    expect(data!['auditLog'].nodes.map((entry: { action: string }) => entry.action)).toEqual([
      'key.revoke',
      'key.create',
    ]);
  });

  it("is the platform's to read, in the tenant they entered", async () => {
    expect((await log(admin)).codes).toEqual(['FORBIDDEN']);
    expect((await log({ key: alpha.portalKey })).codes).toEqual(['UNAUTHENTICATED']);
    const inBeta = (await log({ ...platform, tenant: 'beta' })).data!['auditLog'].nodes;
    expect(inBeta.length).toBeGreaterThan(0);
    expect(JSON.stringify(inBeta)).not.toContain(alpha.id);
  });

  it("holds as a chain, cannot be changed by the application, and shows where the owner's hand changed it", async () => {
    expect(await firstFault(alpha.id)).toBeNull();
    for (const text of [
      "update audit_entries set actor = 'x'",
      'delete from audit_entries',
      "insert into audit_entries (tenant_id, id, position, actor, action, target, occurred_at) values (current_tenant(), gen_random_uuid(), 99, 'x', 'x', 'x', now())",
    ]) {
      await expect(
        world.app.db.write({ tenantId: alpha.id, customerId: null }, (tx) => tx.query(text)),
      ).rejects.toThrow();
    }
    const tampering = [
      "update audit_entries set actor = 'somebody else' where tenant_id = $1 and position = 3",
      "update audit_entries set after = '{}' where tenant_id = $1 and position = 3",
      "update audit_entries set occurred_at = occurred_at + interval '1 second' where tenant_id = $1 and position = 3",
      'delete from audit_entries where tenant_id = $1 and position = 3',
      'delete from audit_entries where tenant_id = $1 and position = (select max(position) from audit_entries where tenant_id = $1)',
    ];
    for (const text of tampering) {
      await world.owner.query('begin');
      await world.owner.query('alter table audit_entries disable trigger append_only');
      await world.owner.query(text, [alpha.id]);
      expect([text, await firstFaultAsOwner(alpha.id)]).toEqual([text, expect.any(Number)]);
      await world.owner.query('rollback');
    }
    expect(await firstFault(alpha.id)).toBeNull();
  });

  it('has an entry for every change of configuration, and none without its change', async () => {
    const { rows } = await world.owner.query<{ version: number; audited: string }>(
      "select t.version, (select count(*) from audit_entries a where a.tenant_id = t.id and a.target = 'Tenant:' || t.id and a.action <> 'tenant.enter') as audited from tenants t where t.id = $1",
      [alpha.id],
    );
    expect(Number(rows[0]!.audited)).toBe(rows[0]!.version - 1);
  });
});

async function firstFault(tenantId: string): Promise<bigint | null> {
  return world.app.db.read(
    { tenantId, customerId: null },
    async (tx) => (await tx.one<{ fault: bigint | null }>('select first_audit_fault() as fault')).fault,
  );
}

async function firstFaultAsOwner(tenantId: string): Promise<number | null> {
  await world.owner.query("select set_config('app.tenant_id', $1, true)", [tenantId]);
  const { rows } = await world.owner.query<{ fault: string | null }>('select first_audit_fault() as fault');
  return rows[0]!.fault === null ? null : Number(rows[0]!.fault);
}
