import { afterAll, beforeAll, expect, test } from 'vitest';

import { PLATFORM_TENANT_ID } from '../../src/auth/platform.ts';
import { encodeGlobalId } from '../../src/global-id.ts';
import { ask, createWorld, mutate, signIn, type Credentials, type TestTenant, type World } from '../auth/world.ts';
import { TestVendor } from '../helpers/travel.ts';

/** Who sees what of the travel providers (PRV-1, PRV-11, PRV-18). */
let world: World;
let shop: TestTenant;
let admin: Credentials;
const vendor = new TestVendor();

async function as(role: 'PLATFORM_ADMIN' | 'TENANT_ADMIN' | 'OPERATOR' | 'CUSTOMER', tenant?: TestTenant) {
  const { email } = await world.person(tenant?.id ?? PLATFORM_TENANT_ID, role);
  const key = tenant ? { key: tenant.portalKey } : {};
  return { ...key, token: (await signIn(world.app, key, email)).accessToken };
}

beforeAll(async () => {
  world = await createWorld({ providerDescriptions: vendor.descriptions });
  shop = await world.tenant('shop');
  admin = await as('PLATFORM_ADMIN');
  for (const slug of ['expedia', 'kiwi']) await mutate(world.app, admin, 'createProvider', { slug }, 'provider { id }');
});
afterAll(() => world?.close());

test('operators and keys for it see the catalogue; how a provider is reached is the platform’s', async () => {
  const list = '{ providers { nodes { slug enabled health { status errorRate circuit checkedAt } } } }';
  const operator = await as('OPERATOR', shop);
  const owner = await as('TENANT_ADMIN', shop);
  const { apiKey, secret } = await mutate(
    world.app,
    owner,
    'createApiKey',
    { mode: 'TEST', scopes: ['providers'] },
    'apiKey { id } secret',
  );
  expect(apiKey.id).toBeTruthy();
  const health = { status: 'UNKNOWN', errorRate: 0, circuit: 'CLOSED', checkedAt: null };
  for (const who of [operator, { key: secret as string }]) {
    const answer = await ask(world.app, who, list);
    expect(answer.data!['providers'].nodes).toEqual([
      { slug: 'kiwi', enabled: false, health },
      { slug: 'expedia', enabled: false, health },
    ]);
  }
  expect((await ask(world.app, await as('CUSTOMER', shop), list)).codes).toEqual(['FORBIDDEN']);
  for (const inside of [
    'credentials { name }',
    'settings { name }',
    'baseUrls { sandbox }',
    'connectionTests { sandbox { ok } }',
  ])
    expect((await ask(world.app, owner, `{ provider(slug: "kiwi") { ${inside} } }`)).codes, inside).toEqual([
      'FORBIDDEN',
    ]);
});

test('one provider is found by its name and by its id, and by nothing else', async () => {
  const { data } = await ask(
    world.app,
    admin,
    '{ provider(slug: "kiwi") { id slug } none: provider(slug: "x") { id } }',
  );
  expect(data!['none']).toBeNull();
  const node = 'query ($id: ID!) { node(id: $id) { ... on Provider { slug } } }';
  expect((await ask(world.app, admin, node, { id: data!['provider'].id })).data).toEqual({ node: { slug: 'kiwi' } });
  const unknown = encodeGlobalId('Provider', PLATFORM_TENANT_ID);
  expect((await ask(world.app, admin, node, { id: unknown })).data).toEqual({ node: null });
  expect((await ask(world.app, await as('CUSTOMER', shop), node, { id: data!['provider'].id })).data).toEqual({
    node: null,
  });
});

test('the list is paged, and can be of one vertical', async () => {
  const query =
    'query ($after: String, $vertical: Vertical) { providers(first: 1, after: $after, vertical: $vertical) { nodes { slug } pageInfo { hasNextPage endCursor } } }';
  const first = (await ask(world.app, admin, query)).data!['providers'];
  expect(first).toMatchObject({ nodes: [{ slug: 'kiwi' }], pageInfo: { hasNextPage: true } });
  const second = (await ask(world.app, admin, query, { after: first.pageInfo.endCursor })).data!['providers'];
  expect(second).toMatchObject({ nodes: [{ slug: 'expedia' }], pageInfo: { hasNextPage: false } });
  const flights = (await ask(world.app, admin, query, { vertical: 'FLIGHTS_BOOKING' })).data!['providers'];
  expect(flights).toMatchObject({ nodes: [{ slug: 'kiwi' }], pageInfo: { hasNextPage: false } });
});

test('health is what was last seen, its history newest first and page by page', async () => {
  await world.owner.query(
    `insert into provider_health (slug, state, status, circuit, error_rate, p95_latency_ms, reason, checked_at, next_check_at, updated_at)
     values ('kiwi', '{}', 'DEGRADED', 'HALF_OPEN', 0.25, 800.5, 'slow', '2026-11-01T10:00:00Z', now(), now())`,
  );
  for (const [minute, status, previous] of [
    [1, 'HEALTHY', 'UNKNOWN'],
    [2, 'HEALTHY', null],
    [3, 'DEGRADED', 'HEALTHY'],
  ] as const)
    await world.owner.query(
      `insert into provider_health_records (slug, id, at, status, previous_status, circuit, error_rate, evidence)
       values ('kiwi', gen_random_uuid(), '2026-11-01T10:00:00Z'::timestamptz + $1 * interval '1 minute', $2, $3, 'CLOSED', 0.1, '{"calls": 4}')`,
      [minute, status, previous],
    );
  const query = `query ($after: String) { provider(slug: "kiwi") { health { status circuit errorRate p95LatencyMs reason checkedAt }
    healthHistory(first: 2, after: $after) { nodes { status previousStatus checkedAt evidence } pageInfo { hasNextPage endCursor } } } }`;
  const { provider } = (await ask(world.app, admin, query)).data!;
  expect(provider.health).toEqual({
    status: 'DEGRADED',
    circuit: 'HALF_OPEN',
    errorRate: 0.25,
    p95LatencyMs: 800.5,
    reason: 'slow',
    checkedAt: '2026-11-01T10:00:00.000Z',
  });
  expect(provider.healthHistory.nodes).toEqual([
    {
      status: 'DEGRADED',
      previousStatus: 'HEALTHY',
      checkedAt: '2026-11-01T10:03:00.000Z',
      evidence: { calls: 4 },
    },
    { status: 'HEALTHY', previousStatus: null, checkedAt: '2026-11-01T10:02:00.000Z', evidence: { calls: 4 } },
  ]);
  const { endCursor } = provider.healthHistory.pageInfo;
  const rest = (await ask(world.app, admin, query, { after: endCursor })).data!['provider'].healthHistory;
  expect(rest).toMatchObject({ nodes: [{ previousStatus: 'UNKNOWN' }], pageInfo: { hasNextPage: false } });
});
