import { randomBytes } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { PLATFORM_TENANT_ID } from '../../src/auth/platform.ts';
import { importKey } from '../../src/resolvers/key.ts';
import { createWorld, identify, outcomeOf, signIn, type TestTenant, type World } from './world.ts';

let world: World;
let alpha: TestTenant;
let beta: TestTenant;
let secretKey: string;
const ORIGIN = 'https://alpha.example';

beforeAll(async () => {
  world = await createWorld();
  alpha = await world.tenant('alpha', [ORIGIN]);
  beta = await world.tenant('beta', ['https://beta.example']);
  secretKey = await makeSecretKey(alpha.id);
});
afterAll(() => world?.close());

describe('keys', () => {
  it('say who asks: a website, a partner with scopes, or, without any, nobody on the platform', async () => {
    expect((await identify(world.app, { key: alpha.portalKey })).actor).toMatchObject({
      kind: 'PORTAL',
      tenantId: alpha.id,
    });
    expect((await identify(world.app, { key: secretKey })).actor).toMatchObject({
      kind: 'PARTNER',
      tenantId: alpha.id,
      scopes: ['orders:read'],
    });
    const nobody = await identify(world.app, {});
    expect(nobody).toMatchObject({
      actor: { kind: 'ANONYMOUS' },
      scope: { tenantId: PLATFORM_TENANT_ID, customerId: null },
      apiKeyId: null,
    });
  });

  it('are refused when unknown or misshapen, before anything is asked of the database where that can be', async () => {
    const before = await statements();
    for (const key of [
      '',
      'pk_live_',
      'x'.repeat(10_000),
      "pk_live_' or 1=1 --aaaaaaaa",
      'rk_live_aaaaaaaaaaaaaaaaaaaa',
    ])
      expect(await outcomeOf(world.app, { key })).toBe('UNAUTHENTICATED');
    expect(await statements()).toBe(before);
    expect(await outcomeOf(world.app, { key: `pk_live_${'a'.repeat(43)}` })).toBe('UNAUTHENTICATED');
  });

  it('that are secret are refused from a browser, whatever the origin', async () => {
    for (const origin of [ORIGIN, 'http://localhost:4000', 'null'])
      expect(await outcomeOf(world.app, { key: secretKey, origin })).toBe('FORBIDDEN');
    expect(await outcomeOf(world.app, { key: secretKey })).toBe('PARTNER');
  });

  it('are refused at the moment they expire, without being looked up again', async () => {
    const key = `pk_live_${randomBytes(32).toString('base64url')}`;
    await importKey(world.app, author(), alpha.id, {
      key,
      scopes: [],
      expiresAt: new Date(world.clock.now().getTime() + 60_000),
    });
    expect(await outcomeOf(world.app, { key })).toBe('PORTAL');
    world.advance(60_000);
    expect(await outcomeOf(world.app, { key })).toBe('KEY_REVOKED');
  });

  it('say when they were last used, to the minute', async () => {
    const key = await makeSecretKey(alpha.id);
    const { apiKeyId } = await identify(world.app, { key });
    await world.app.auth.flushKeyUses();
    const lastUse = async () =>
      (
        await world.owner.query<{ last_used_at: Date | null }>('select last_used_at from api_keys where id = $1', [
          apiKeyId,
        ])
      ).rows[0]!.last_used_at;
    const first = await lastUse();
    expect(first).not.toBeNull();
    world.advance(30_000);
    await identify(world.app, { key });
    await world.app.auth.flushKeyUses();
    expect(await lastUse()).toEqual(first);
    world.advance(31_000);
    await identify(world.app, { key });
    await world.app.auth.flushKeyUses();
    expect((await lastUse())!.getTime()).toBeGreaterThan(first!.getTime());
  });
});

describe('origins', () => {
  it("open the tenant that lists them, and no other tenant's key", async () => {
    expect(await outcomeOf(world.app, { key: alpha.portalKey, origin: ORIGIN })).toBe('PORTAL');
    expect(await outcomeOf(world.app, { key: beta.portalKey, origin: ORIGIN })).toBe('FORBIDDEN');
    for (const origin of [
      'https://evil.example',
      'null',
      '',
      'https://alpha.example.evil.example',
      'http://alpha.example',
      'HTTPS://ALPHA.EXAMPLE',
    ]) {
      expect([origin, await outcomeOf(world.app, { key: alpha.portalKey, origin })]).toEqual([origin, 'FORBIDDEN']);
    }
    expect(await outcomeOf(world.app, { origin: ORIGIN })).toBe('FORBIDDEN');
  });

  it('hold for tokens as for keys; our own is always allowed', async () => {
    const { token } = await person('CUSTOMER');
    expect(await outcomeOf(world.app, { token, origin: ORIGIN })).toBe('CUSTOMER');
    expect(await outcomeOf(world.app, { token, origin: 'https://beta.example' })).toBe('FORBIDDEN');
    expect(await outcomeOf(world.app, { token, origin: 'http://localhost:4000' })).toBe('CUSTOMER');
  });

  it('pass a preflight when any active tenant lists them', async () => {
    expect(await world.app.auth.mayPreflight(ORIGIN)).toBe(true);
    expect(await world.app.auth.mayPreflight('http://localhost:4000')).toBe(true);
    expect(await world.app.auth.mayPreflight('https://evil.example')).toBe(false);
  });
});

describe('a key and a token together', () => {
  it('must be of one tenant', async () => {
    const { token } = await person('CUSTOMER');
    expect((await identify(world.app, { key: alpha.portalKey, token })).actor).toMatchObject({
      kind: 'CUSTOMER',
      keyId: expect.any(String),
    });
    expect(await outcomeOf(world.app, { key: beta.portalKey, token })).toBe('FORBIDDEN');
  });

  it('put a customer into a scope in which the database shows nothing but what is theirs', async () => {
    const { token, id } = await person('CUSTOMER');
    expect((await identify(world.app, { token })).scope).toEqual({ tenantId: alpha.id, customerId: id });
    const operator = await person('OPERATOR');
    expect((await identify(world.app, { token: operator.token })).scope).toEqual({
      tenantId: alpha.id,
      customerId: null,
    });
  });
});

describe('X-Tenant', () => {
  it("is the platform's administrators' way into another tenant, and is written into that tenant's audit log once", async () => {
    const admin = await person('PLATFORM_ADMIN', PLATFORM_TENANT_ID);
    for (let round = 0; round < 3; round += 1) {
      const identity = await identify(world.app, { token: admin.token, tenant: 'beta' });
      expect(identity).toMatchObject({
        actor: { kind: 'PLATFORM_ADMIN', tenantId: beta.id, homeTenantId: PLATFORM_TENANT_ID },
        scope: { tenantId: beta.id, customerId: null },
        tenant: { slug: 'beta' },
      });
    }
    const { rows } = await world.owner.query(
      "select actor, action from audit_entries where tenant_id = $1 and action <> 'key.create'",
      [beta.id],
    );
    expect(rows).toEqual([{ actor: `user:${admin.id}`, action: 'tenant.enter' }]);
    expect(await outcomeOf(world.app, { token: admin.token, tenant: 'no-such-tenant' })).toBe('NOT_FOUND');
  });

  it('tells everybody else nothing: the same answer whether the tenant exists or not', async () => {
    for (const role of ['CUSTOMER', 'OPERATOR', 'TENANT_ADMIN'] as const) {
      const { token } = await person(role);
      for (const tenant of ['beta', 'platform', 'no-such-tenant'])
        expect(await outcomeOf(world.app, { token, tenant })).toBe('NOT_FOUND');
      expect(await outcomeOf(world.app, { token, tenant: 'alpha' })).toBe(role);
    }
    for (const key of [alpha.portalKey, secretKey]) {
      for (const tenant of ['beta', 'no-such-tenant'])
        expect(await outcomeOf(world.app, { key, tenant })).toBe('FORBIDDEN');
    }
    expect(await outcomeOf(world.app, { tenant: 'beta' })).toBe('FORBIDDEN');
  });

  it('is no way up: a platform administrator who was smuggled into a tenant is refused', async () => {
    const { token, id } = await person('TENANT_ADMIN');
    await world.owner.query("update users set role = 'PLATFORM_ADMIN' where id = $1", [id]);
    world.app.auth.onJournalEvent({ tenantId: alpha.id, type: 'user.changed', aggregateId: id, version: 2 });
    expect(await outcomeOf(world.app, { token })).toBe('UNAUTHENTICATED');
  });
});

describe('the snapshot of tenants, keys and sessions', () => {
  it('answers known credentials without a statement while the journal is heard', async () => {
    const { token } = await person('CUSTOMER');
    const request = { key: alpha.portalKey, token, origin: ORIGIN };
    await expect.poll(() => statementsOf(() => identify(world.app, request)), { interval: 300 }).toBe(0);
  });

  it('forgets within the lag of the journal what another process changed: tenant, key, person, session', async () => {
    const peer = await world.peer();
    const gamma = await world.tenant('gamma');
    const { token, id } = await person('CUSTOMER', gamma.id, gamma.portalKey);
    expect(await outcomeOf(peer, { key: gamma.portalKey, token })).toBe('CUSTOMER');
    const change = async (
      text: string,
      type: 'tenant.changed' | 'user.changed' | 'key.changed',
      aggregateId: string,
    ) => {
      await world.owner.query(text, [aggregateId]);
      await world.owner.query(
        `insert into events (tenant_id, id, type, aggregate_type, aggregate_id, version, payload, occurred_at) values ($1, gen_random_uuid(), $2, 'x', $3, 2, '{"v": 1}', now())`,
        [gamma.id, type, aggregateId],
      );
    };
    const becomes = (credentials: { key?: string; token?: string }, code: string) =>
      expect.poll(() => outcomeOf(peer, credentials)).toBe(code);
    await change('update tenants set active = false where id = $1', 'tenant.changed', gamma.id);
    await becomes({ key: gamma.portalKey }, 'TENANT_INACTIVE');
    await becomes({ token }, 'TENANT_INACTIVE');
    await change('update tenants set active = true where id = $1', 'tenant.changed', gamma.id);
    await becomes({ token }, 'CUSTOMER');
    await change('update users set active = false where id = $1', 'user.changed', id);
    await becomes({ token }, 'UNAUTHENTICATED');
    const { apiKeyId } = await identify(peer, { key: gamma.portalKey });
    await change('update api_keys set revoked_at = now() where id = $1', 'key.changed', apiKeyId!);
    await becomes({ key: gamma.portalKey }, 'KEY_REVOKED');
  });

  it('asks the database when the journal has fallen silent', async () => {
    const peer = await world.peer();
    const delta = await world.tenant('delta');
    expect(await outcomeOf(peer, { key: delta.portalKey })).toBe('PORTAL');
    await peer.journal.close();
    world.advance(2_001);
    // No event tells of it: only a look into the table does.
    await world.owner.query('update tenants set active = false where id = $1', [delta.id]);
    expect(await outcomeOf(peer, { key: delta.portalKey })).toBe('TENANT_INACTIVE');
  });
});

describe('a closed portal', () => {
  it('shuts out the website and its customers, while staff still come in', async () => {
    const closed = await world.tenant('closed');
    const customer = await person('CUSTOMER', closed.id, closed.portalKey);
    const admin = await person('TENANT_ADMIN', closed.id, closed.portalKey);
    await world.owner.query('update portal_configs set active = false where tenant_id = $1', [closed.id]);
    world.app.auth.onJournalEvent({ tenantId: closed.id, type: 'tenant.changed', aggregateId: closed.id, version: 2 });
    expect(await outcomeOf(world.app, { key: closed.portalKey })).toBe('TENANT_INACTIVE');
    expect(await outcomeOf(world.app, { token: customer.token })).toBe('TENANT_INACTIVE');
    expect(await outcomeOf(world.app, { token: admin.token })).toBe('TENANT_ADMIN');
  });
});

async function person(
  role: 'CUSTOMER' | 'OPERATOR' | 'TENANT_ADMIN' | 'PLATFORM_ADMIN',
  tenantId = alpha.id,
  key = alpha.portalKey,
) {
  const { id, email } = await world.person(tenantId, role);
  const { accessToken } = await signIn(world.app, role === 'PLATFORM_ADMIN' ? {} : { key }, email);
  return { id, token: accessToken };
}

function author() {
  return { name: 'test', clock: world.clock, newId: world.app.newId };
}

async function makeSecretKey(tenantId: string): Promise<string> {
  const key = `sk_live_${randomBytes(32).toString('base64url')}`;
  await importKey(world.app, author(), tenantId, { key, scopes: ['orders:read'], expiresAt: null });
  return key;
}

async function statements(): Promise<number> {
  return (await world.app.metrics.databaseStatements.get()).values[0]?.value ?? 0;
}

async function statementsOf(work: () => Promise<unknown>): Promise<number> {
  const before = await statements();
  await work();
  return (await statements()) - before;
}
