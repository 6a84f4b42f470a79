import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { encodeGlobalId, idOf } from '../../src/global-id.ts';
import { importKey } from '../../src/resolvers/key.ts';
import {
  ask,
  createWorld,
  identify,
  mutate,
  outcomeOf,
  signIn,
  type Credentials,
  type TestTenant,
  type World,
} from '../auth/world.ts';

let world: World;
let alpha: TestTenant;
let beta: TestTenant;
let admin: Credentials;
const FIELDS = 'apiKey { id prefix kind mode scopes lastUsedAt expiresAt revokedAt } secret';
const create = (input: Record<string, unknown>, who = admin) => mutate(world.app, who, 'createApiKey', input, FIELDS);
const revoke = (apiKeyId: string, who = admin) => mutate(world.app, who, 'revokeApiKey', { apiKeyId }, FIELDS);

beforeAll(async () => {
  world = await createWorld();
  alpha = await world.tenant('alpha');
  beta = await world.tenant('beta');
  admin = await as('TENANT_ADMIN', alpha);
});
afterAll(() => world?.close());

describe('a new key', () => {
  it('is shown once, works at once, and is kept as a hash alone', async () => {
    const payload = await create({ mode: 'LIVE', scopes: [], idempotencyKey: 'first' });
    expect(payload.secret).toMatch(/^pk_live_[\w-]{43}$/);
    expect(payload.apiKey).toMatchObject({
      kind: 'PUBLISHABLE',
      mode: 'LIVE',
      scopes: [],
      prefix: payload.secret.slice(0, 14),
      lastUsedAt: null,
      expiresAt: null,
      revokedAt: null,
    });
    expect(await outcomeOf(world.app, { key: payload.secret })).toBe('PORTAL');
    expect(await create({ mode: 'LIVE', scopes: [], idempotencyKey: 'first' })).toEqual({ ...payload, secret: null });
    expect(
      (await ask(world.app, admin, '{ tenant { portal { apiKeys { id } } } }')).data!['tenant'].portal.apiKeys,
    ).toHaveLength(2);
    const everything = await world.owner.query<{ all: string }>(
      'select concat((select json_agg(k) from api_keys k), (select json_agg(a) from audit_entries a), (select json_agg(o) from operations o), (select json_agg(e) from events e)) as all',
    );
    expect(everything.rows[0]!.all).toContain(payload.apiKey.prefix);
    expect(everything.rows[0]!.all).not.toContain(payload.secret.slice(20));
  });

  it('with scopes is secret and may do just that', async () => {
    const { secret } = await create({ mode: 'TEST', scopes: ['orders:read', 'introspect', 'orders:read'] });
    expect(secret).toMatch(/^sk_test_[\w-]{43}$/);
    expect(
      (await ask(world.app, { key: secret }, '{ viewer { kind scopes tenant { slug } } }')).data!['viewer'],
    ).toEqual({ kind: 'PARTNER', scopes: ['orders:read', 'introspect'], tenant: { slug: 'alpha' } });
    expect((await create({ mode: 'TEST', scopes: ['orders:read', 'everything'] })).userErrors).toMatchObject([
      { code: 'INVALID_INPUT', field: ['input', 'scopes'] },
    ]);
    expect((await ask(world.app, { key: secret }, '{ tenant { slug portal { active } } }')).codes).toEqual([
      'FORBIDDEN',
    ]);
    expect((await create({ mode: 'LIVE', scopes: [] }, { key: secret })).userErrors).toMatchObject([
      { code: 'FORBIDDEN' },
    ]);
  });

  it('reads by way of others nothing that it may not read itself', async () => {
    const { id: customerId } = await world.person(alpha.id, 'CUSTOMER');
    const items = [{ description: [{ locale: 'en', text: 'A thing' }], quantity: 1, unitPrice: '10.00' }];
    const customer = encodeGlobalId('User', customerId);
    const input = { type: 'MANUAL_INVOICE', customerId: customer, items };
    const { order } = await mutate(world.app, admin, 'createOrder', input, 'order { id }');
    const paymentId = randomUUID();
    await world.owner.query(
      `insert into payments (tenant_id, id, order_id, customer_id, gateway, method_id, method_kind, status, amount_minor, currency_code, created_at)
       values ($1, $2, $3, $4, 'FAWATERK', 'x', 'REDIRECT', 'FAILED', 1000, 'EGP', now())`,
      [alpha.id, paymentId, idOf('Order', order.id), customerId],
    );
    const codes = async (scopes: string[], text: string) =>
      (await ask(world.app, { key: (await create({ mode: 'TEST', scopes })).secret }, text)).codes;
    const [ofOrder, payment] = [`order(id: "${order.id}")`, `payment(id: "${encodeGlobalId('Payment', paymentId)}")`];
    expect(await codes(['orders:read'], `{ ${ofOrder} { payments { id } } }`)).toEqual(['FORBIDDEN']);
    expect(await codes(['orders:read'], `{ ${ofOrder} { invoice { number } } }`)).toEqual(['FORBIDDEN']);
    expect(await codes(['payments:read'], `{ ${payment} { order { customer { email } } } }`)).toEqual(['FORBIDDEN']);
    const all = ['orders:read', 'payments:read', 'invoices:read'];
    expect(await codes(all, `{ ${ofOrder} { invoice { id } payments { order { id } } } }`)).toEqual([]);
  });

  it('may end by itself, but not in the past', async () => {
    const now = world.clock.now().getTime();
    expect((await create({ mode: 'LIVE', scopes: [], expiresAt: new Date(now - 1) })).userErrors).toMatchObject([
      { code: 'INVALID_INPUT', field: ['input', 'expiresAt'] },
    ]);
    const { apiKey } = await create({ mode: 'LIVE', scopes: [], expiresAt: new Date(now + 3_600_000) });
    expect(new Date(apiKey.expiresAt).getTime()).toBe(now + 3_600_000);
  });

  it("is the administrators' to make", async () => {
    for (const role of ['CUSTOMER', 'OPERATOR'] as const)
      expect((await create({ mode: 'LIVE', scopes: [] }, await as(role, alpha))).userErrors).toMatchObject([
        { code: 'FORBIDDEN' },
      ]);
    await expect(create({ mode: 'LIVE', scopes: [] }, { key: alpha.portalKey })).rejects.toMatchObject({
      codes: ['UNAUTHENTICATED'],
    });
  });

  it('made twice at once under one idempotency key is one key, shown to one of the two', async () => {
    const input = { mode: 'LIVE', scopes: [], idempotencyKey: 'twice' };
    const payloads = await Promise.all([create(input), create(input)]);
    expect(payloads[0]!.apiKey.id).toBe(payloads[1]!.apiKey.id);
    expect(payloads.filter((payload) => payload.secret !== null)).toHaveLength(1);
  });
});

describe('rotation', () => {
  it('goes without a gap: both keys work until the old one is revoked, at once here and within the lag elsewhere', async () => {
    const peer = await world.peer();
    const old = await create({ mode: 'LIVE', scopes: [] });
    const next = await create({ mode: 'LIVE', scopes: [] });
    for (const app of [world.app, peer])
      for (const { secret } of [old, next]) expect(await outcomeOf(app, { key: secret })).toBe('PORTAL');
    const first = await revoke(old.apiKey.id);
    expect(first.apiKey.revokedAt).not.toBeNull();
    expect(await outcomeOf(world.app, { key: old.secret })).toBe('KEY_REVOKED');
    await expect.poll(() => outcomeOf(peer, { key: old.secret })).toBe('KEY_REVOKED');
    expect(await outcomeOf(world.app, { key: next.secret })).toBe('PORTAL');
    expect((await revoke(old.apiKey.id)).apiKey.revokedAt).toBe(first.apiKey.revokedAt);
  });

  it("never touches another tenant's key", async () => {
    const theirs = await create({ mode: 'LIVE', scopes: [] }, await as('TENANT_ADMIN', beta));
    expect((await revoke(theirs.apiKey.id)).userErrors).toMatchObject([
      { code: 'NOT_FOUND', field: ['input', 'apiKeyId'] },
    ]);
    expect((await revoke('nonsense')).userErrors).toMatchObject([{ code: 'NOT_FOUND' }]);
    expect(await outcomeOf(world.app, { key: theirs.secret })).toBe('PORTAL');
    expect(
      (await ask(world.app, admin, 'query ($id: ID!) { node(id: $id) { id } }', { id: theirs.apiKey.id })).data,
    ).toEqual({ node: null });
  });
});

describe('a key made elsewhere', () => {
  const author = () => ({ name: 'test', clock: world.clock, newId: world.app.newId });
  const take = (key: string, scopes: string[] = []) =>
    importKey(world.app, author(), alpha.id, { key, scopes, expiresAt: null });

  it('keeps working here, once, for one tenant', async () => {
    const key = 'pk_live_0123456789abcdefghij';
    await take(key);
    expect((await identify(world.app, { key })).actor).toMatchObject({ kind: 'PORTAL', tenantId: alpha.id });
    await expect(take(key)).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(importKey(world.app, author(), beta.id, { key, scopes: [], expiresAt: null })).rejects.toMatchObject({
      code: 'CONFLICT',
    });
  });

  it('is refused where it could be guessed or says two things at once', async () => {
    for (const [key, scopes] of [
      ['pk_live_short', []],
      ['key-0123456789abcdefghij', []],
      ['pk_live_a123456789abcdefghij', ['orders:read']],
      ['sk_live_a123456789abcdefghij', []],
    ] as const) {
      await expect(take(key, [...scopes])).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    }
  });
});

async function as(role: 'CUSTOMER' | 'OPERATOR' | 'TENANT_ADMIN', tenant: TestTenant): Promise<Credentials> {
  const { email } = await world.person(tenant.id, role);
  return { token: (await signIn(world.app, { key: tenant.portalKey }, email)).accessToken };
}
