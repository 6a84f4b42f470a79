import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { FAILURES_PER_MINUTE } from '../../src/http/strangers.ts';
import { createWorld, signIn, type World } from '../auth/world.ts';
import { get, hear, post, serve, type Served } from '../http/world.ts';

let world: World;
let served: Served;
let key: string;

beforeAll(async () => {
  world = await createWorld();
  key = (await world.tenant('beside')).portalKey;
  served = await serve(world.app);
});

afterAll(async () => {
  await served.close();
  await world.close();
});

const send = (path: string, body: string) => fetch(`${served.url}${path}`, { method: 'POST', body }).then(hear);

test('/ names the API, its version and its status', async () => {
  expect((await get(served, '/')).body).toEqual({ name: 'Portolan', version: '0.0.0', status: 'running' });
});

test('/health says how every integration does, and is 200 although one is down', async () => {
  const ill = {
    status: 'down',
    circuit: 'OPEN',
    lastResponseMs: 12,
    lastCheckedAt: null,
    rateLimitRemaining: 3,
  } as const;
  const other = await serve({
    ...served.app,
    gateways: Object.assign(Object.create(served.app.gateways), { snapshot: () => ({ fawaterk: ill }) }),
    mail: { ...served.app.mail, snapshots: () => ({}) },
  });
  try {
    const answer = await get(other, '/health');
    expect([answer.status, answer.body]).toEqual([
      200,
      {
        status: 'healthy',
        services: { fawaterk: { status: 'down', responseTimeMs: 12, circuit: 'OPEN', rateLimitRemaining: 3 } },
      },
    ]);
  } finally {
    await other.close();
  }
  expect(Object.keys((await get(served, '/health')).body.services)).toEqual(
    expect.arrayContaining(['fawaterk', 'ses']),
  );
});

test('/ready is 503 while the database is not there, and 200 when it is', async () => {
  let reachable = false;
  const starting = await serve(
    world.app,
    {},
    { isReady: async () => (reachable ? true : Promise.reject(new Error('no database'))) },
  );
  try {
    expect((await get(starting, '/ready')).status).toBe(503);
    reachable = true;
    expect([(await get(starting, '/ready')).status, (await get(starting, '/health')).status]).toEqual([200, 200]);
  } finally {
    await starting.close();
  }
});

test('/.well-known/jwks.json publishes the keys that check access tokens', async () => {
  const { keys } = (await get(served, '/.well-known/jwks.json')).body;
  expect(keys.length).toBeGreaterThan(0);
  expect(Object.keys(keys[0])).not.toContain('d');
});

test('handlers get method, parameters and the body as it came', async () => {
  expect((await send('/webhooks/payments/fawaterk/demo?_json', 'abc')).body).toEqual({
    method: 'POST',
    params: { gateway: 'fawaterk', tenantSlug: 'demo' },
    bytes: 3,
  });
  expect((await send('/api/payments/fawaterk/webhook', 'ab')).body).toEqual({ method: 'POST', params: {}, bytes: 2 });
  expect((await get(served, '/pay/return/fawaterk/demo?token=x')).body.method).toBe('GET');
  expect((await send('/pay/return/payu/demo?token=x', 'status=success')).body).toMatchObject({
    method: 'POST',
    bytes: 14,
  });
  expect((await get(served, '/pay/1.to-k_en.x')).body.params).toEqual({ token: '1.to-k_en.x' });
  expect((await get(served, '/invoices/00000000-0000-4000-8000-000000000001.pdf?token=x')).body.params.id).toBe(
    '00000000-0000-4000-8000-000000000001',
  );
});

test('a body beyond 64 KiB is refused', async () => {
  const answer = await send('/webhooks/payments/fawaterk/demo', 'x'.repeat(65 * 1024));
  expect([answer.status, answer.codes]).toEqual([413, ['BODY_TOO_LARGE']]);
});

test.each([
  ['GET', '/nowhere', 404, 'NOT_FOUND'],
  ['GET', '/webhooks/payments/fawaterk', 404, 'NOT_FOUND'],
  ['GET', '/webhooks/payments/fawaterk/UPPER', 404, 'NOT_FOUND'],
  ['GET', '/invoices/../../etc/passwd', 404, 'NOT_FOUND'],
  ['GET', '/pay/', 404, 'NOT_FOUND'],
  ['GET', '/pay/to%20ken', 404, 'NOT_FOUND'],
  ['POST', '/pay/token', 405, 'METHOD_NOT_ALLOWED'],
  ['GET', '/webhooks/payments/fawaterk/demo', 405, 'METHOD_NOT_ALLOWED'],
  ['POST', '/health', 405, 'METHOD_NOT_ALLOWED'],
  ['PUT', '/graphql', 405, 'METHOD_NOT_ALLOWED'],
])('%s %s: %i with a code', async (method, path, status, code) => {
  const answer = await get(served, path, {}, method);
  expect([answer.status, answer.codes]).toEqual([status, [code]]);
});

test('every answer bears its id and forbids guessing at types', async () => {
  for (const path of ['/', '/nowhere', '/graphql?query=%7B__typename%7D']) {
    const { headers } = await get(served, path, { 'x-request-id': 'id-of-the-caller' });
    expect([headers.get('x-request-id'), headers.get('x-content-type-options')]).toEqual([
      'id-of-the-caller',
      'nosniff',
    ]);
  }
  expect((await get(served, '/', { 'x-request-id': 'bad id\u00e9' })).headers.get('x-request-id')).toMatch(
    /^[0-9a-f-]{36}-\w+$/,
  );
});

describe('GraphiQL', () => {
  test('is one page that loads nothing from other hosts and is prefilled with a key', async () => {
    const other = await serve(world.app, { graphiqlKey: 'sk_test_for_the_page' });
    try {
      const page = await get(other, '/graphql', { accept: 'text/html' });
      expect(page.status).toBe(200);
      expect(page.text).toContain('sk_test_for_the_page');
      expect(page.text).not.toMatch(/<(script|link|img)[^>]+(src|href)=["']?https?:/i);
      expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    } finally {
      await other.close();
    }
  });
});

describe('metrics', () => {
  const text = async () => (await get(served, '/metrics')).text;
  const valueOf = (page: string, line: string) =>
    Number(
      page
        .split('\n')
        .find((each) => each.startsWith(line))
        ?.split(' ')
        .at(-1) ?? 0,
    );

  test.each<[string, string, () => Promise<unknown>]>([
    [
      'operations',
      'graphql_operations_total{operation="query",outcome="OK"}',
      () => post(served, { query: '{ __typename }' }, { 'x-api-key': key }),
    ],
    [
      'refusals',
      'graphql_operations_total{operation="none",outcome="INVALID_INPUT"}',
      () => post(served, { query: '{' }, { 'x-api-key': key }),
    ],
    [
      'their time',
      'graphql_operation_duration_seconds_count{operation="query"}',
      () => post(served, { query: '{ __typename }' }, { 'x-api-key': key }),
    ],
    ['points', 'graphql_cost_points_total', () => post(served, { query: '{ __typename }' }, { 'x-api-key': key })],
    ['requests', 'http_requests_total{route="none",status="4xx"}', () => get(served, '/nowhere')],
    ['statements', 'db_statements_total', () => post(served, { query: '{ __typename }' }, { 'x-api-key': key })],
    [
      'waits for connections',
      'db_pool_wait_seconds_count',
      () => post(served, { query: '{ __typename }' }, { 'x-api-key': key }),
    ],
  ])('%s are counted', async (_what, line, cause) => {
    const before = valueOf(await text(), line);
    await cause();
    await expect.poll(async () => valueOf(await text(), line)).toBeGreaterThan(before);
  });

  test('gauges of the pool are there, and no label is what a caller chose', async () => {
    await post(
      served,
      { query: 'query NameOfTheCaller { __typename }', operationName: 'NameOfTheCaller' },
      { 'x-api-key': key },
    );
    await get(served, '/webhooks/payments/a-gateway-of-the-caller/demo');
    const page = await text();
    expect(page).toContain('db_pool_connections{state="total"}');
    expect(page).not.toMatch(/NameOfTheCaller|a-gateway-of-the-caller|beside/);
  });

  test('guessing at credentials there stops asking the database, as it does at the graph', async () => {
    const production = await serve(world.app, { environment: 'production' });
    const guess = async (index: number) => {
      const headers = { authorization: 'Bearer a.b.c', 'x-api-key': `pk_live_guess_${index}_${'x'.repeat(20)}` };
      await get(production, '/metrics', headers);
    };
    try {
      const asked = vi.spyOn(world.app.auth, 'identify');
      for (let index = 0; index < 2 * FAILURES_PER_MINUTE + 10; index += 1) await guess(index);
      expect(asked.mock.calls.length).toBeLessThanOrEqual(2 * FAILURES_PER_MINUTE);
      asked.mockRestore();
    } finally {
      await production.close();
    }
  });

  test('in production they need the metrics token or an operator', async () => {
    const { id, portalKey } = await world.tenant('watched');
    const tokenOf = async (role: 'CUSTOMER' | 'OPERATOR') =>
      (await signIn(world.app, { key: portalKey }, (await world.person(id, role)).email)).accessToken;
    const production = await serve(world.app, { environment: 'production', metricsToken: 'a-token-for-metrics' });
    try {
      const statuses = [];
      for (const token of [
        null,
        'wrong',
        await tokenOf('CUSTOMER'),
        await tokenOf('OPERATOR'),
        'a-token-for-metrics',
      ]) {
        statuses.push(
          (await get(production, '/metrics', token === null ? {} : { authorization: `Bearer ${token}` })).status,
        );
      }
      expect(statuses).toEqual([401, 401, 401, 200, 200]);
    } finally {
      await production.close();
    }
  });
});
