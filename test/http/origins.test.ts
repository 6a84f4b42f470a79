import { afterAll, beforeAll, expect, test } from 'vitest';

import { createWorld, mutate, signIn, type World } from '../auth/world.ts';
import { get, makePartnerKey, post, serve, type Served } from '../http/world.ts';

const OURS = 'https://shop.example';
const THEIRS = 'https://other.example';
const FOREIGN = 'https://evil.example';

let world: World;
let served: Served;
let key: string;
let otherKey: string;
let token: string;
let secretKey: string;

beforeAll(async () => {
  world = await createWorld();
  const tenant = await world.tenant('origins', [OURS]);
  const other = await world.tenant('elsewhere', [THEIRS]);
  key = tenant.portalKey;
  otherKey = other.portalKey;
  secretKey = await makePartnerKey(world.app, tenant.id, ['introspect']);
  const admin = await world.person(tenant.id, 'TENANT_ADMIN');
  token = (await signIn(world.app, { key }, admin.email)).accessToken;
  served = await serve(world.app);
});

afterAll(async () => {
  await served.close();
  await world.close();
});

const QUERY = { query: '{ viewer { kind } }' };
const preflight = (origin: string) =>
  get(
    served,
    '/graphql',
    { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'x-api-key' },
    'OPTIONS',
  );

test('a preflight is allowed for an origin that some active tenant lists, and for no other', async () => {
  for (const origin of [OURS, THEIRS]) {
    const answer = await preflight(origin);
    expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([204, origin]);
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
  }
  const refused = await preflight(FOREIGN);
  expect([refused.status, refused.codes, refused.headers.get('access-control-allow-origin')]).toEqual([
    403,
    ['FORBIDDEN'],
    null,
  ]);
});

test('a request from an origin of its own tenant is answered and may be read', async () => {
  const answer = await post(served, QUERY, { origin: OURS, 'x-api-key': key });
  expect([answer.status, answer.headers.get('access-control-allow-origin'), answer.headers.get('vary')]).toEqual([
    200,
    OURS,
    'Origin',
  ]);
});

test.each([
  ["another tenant's origin", THEIRS],
  ['a foreign origin', FOREIGN],
  ['the origin of a sandboxed page', 'null'],
])('a request from %s is refused before anything runs, and cannot be read', async (_what, origin) => {
  const bearer = { authorization: `Bearer ${token}` };
  for (const headers of [{ 'x-api-key': key }, bearer, { 'x-api-key': key, ...bearer }] as Record<string, string>[]) {
    const answer = await post(served, QUERY, { origin, ...headers });
    expect([answer.status, answer.codes, answer.headers.get('access-control-allow-origin')]).toEqual([
      403,
      ['FORBIDDEN'],
      null,
    ]);
  }
});

test('an origin of tenant A opens nothing of tenant B', async () => {
  expect((await post(served, QUERY, { origin: OURS, 'x-api-key': otherKey })).codes).toEqual(['FORBIDDEN']);
  expect((await post(served, QUERY, { origin: THEIRS, 'x-api-key': otherKey })).status).toBe(200);
});

test('a secret key from a browser is refused, from a page of ours it is not', async () => {
  expect((await post(served, QUERY, { origin: OURS, 'x-api-key': secretKey })).codes).toEqual(['FORBIDDEN']);
  expect((await post(served, QUERY, { origin: served.url, 'x-api-key': secretKey })).codes).toEqual([]);
  expect(
    (await post(served, QUERY, { origin: new URL(served.app.config.baseUrl).origin, 'x-api-key': secretKey })).codes,
  ).toEqual([]);
});

test('the Host header makes no origin our own', async () => {
  const port = new URL(served.url).port;
  const answer = await post(served, QUERY, {
    origin: `http://evil.example:${port}`,
    host: `evil.example:${port}`,
    'x-api-key': secretKey,
  });
  expect(answer.codes).toEqual(['FORBIDDEN']);
});

test('in production only the address of the installation is our own', async () => {
  const production = await serve(world.app, { environment: 'production' });
  try {
    expect((await post(production, QUERY, { origin: production.url, 'x-api-key': secretKey })).codes).toEqual([
      'FORBIDDEN',
    ]);
  } finally {
    await production.close();
  }
});

test('a page may read that its token is no longer good', async () => {
  const answer = await post(served, QUERY, { origin: OURS, authorization: 'Bearer a.b.c' });
  expect([answer.status, answer.codes, answer.headers.get('access-control-allow-origin')]).toEqual([
    401,
    ['UNAUTHENTICATED'],
    OURS,
  ]);
  const foreign = await post(served, QUERY, { origin: FOREIGN, authorization: 'Bearer a.b.c' });
  expect([foreign.codes, foreign.headers.get('access-control-allow-origin')]).toEqual([['UNAUTHENTICATED'], null]);
});

test('a new origin works within a second, without a restart', async () => {
  const fresh = 'https://fresh.example';
  expect((await preflight(fresh)).status).toBe(403);
  const payload = await mutate(
    world.app,
    { key, token },
    'updatePortalConfig',
    { corsOrigins: [OURS, fresh] },
    'tenant { slug }',
  );
  expect(payload.userErrors).toEqual([]);
  expect((await post(served, QUERY, { origin: fresh, 'x-api-key': key })).status).toBe(200);
  world.advance(1_000);
  expect((await preflight(fresh)).status).toBe(204);
});
