import { createHash } from 'node:crypto';
import { request } from 'node:http';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createLogger } from '../../src/log.ts';
import { createWorld, signIn, type World } from '../auth/world.ts';
import { get, makePartnerKey, post, serve, setLimit, type Served } from '../http/world.ts';

let world: World;
let thin: Served;
let yoga: Served;
let headers: Record<string, string>;

beforeAll(async () => {
  world = await createWorld();
  const tenant = await world.tenant('entrance');
  await setLimit(world.app, tenant.id, 1_000_000);
  const { email } = await world.person(tenant.id, 'TENANT_ADMIN');
  const { accessToken } = await signIn(world.app, { key: tenant.portalKey }, email);
  headers = { 'x-api-key': tenant.portalKey, authorization: `Bearer ${accessToken}` };
  thin = await serve(world.app, { thinEntrance: true });
  yoga = await serve(world.app, { thinEntrance: false });
});

afterAll(async () => {
  await Promise.all([thin.close(), yoga.close()]);
  await world.close();
});

const hashOf = (text: string) => createHash('sha256').update(text).digest('hex');
const persisted = (text: string) => ({ extensions: { persistedQuery: { version: 1, sha256Hash: hashOf(text) } } });

test.each<[string, unknown, Record<string, string>?]>([
  ['a query', { query: '{ viewer { kind scopes tenant { slug portal { corsOrigins } } } }' }],
  [
    'a query with variables',
    { query: 'query A($id: ID!) { node(id: $id) { id } }', variables: { id: 'x' }, operationName: 'A' },
  ],
  [
    'a mutation',
    {
      query:
        'mutation ($input: IssueOrderInput!) { issueOrder(input: $input) { order { id } userErrors { code field } } }',
      variables: { input: { orderId: 'x' } },
    },
  ],
  [
    'a mutation in JSON of the older type',
    { query: 'mutation { issueOrder(input: { orderId: "x" }) { userErrors { code } } }' },
    { accept: 'application/json' },
  ],
  ['a syntax error', { query: '{' }],
  ['a syntax error in JSON of the older type', { query: '{' }, { accept: 'application/json' }],
  ['a wrong variable', { query: 'query ($id: ID!) { node(id: $id) { id } }', variables: { id: {} } }],
  ['a field error', { query: '{ tenants { nodes { id } } viewer { kind } }' }],
  ['a subscription', { query: 'subscription { orderStatusChanged { status } }' }],
  ['an unknown persisted operation', persisted('{ never }')],
  ['a bad key', { query: '{ __typename }' }, { 'x-api-key': 'pk_test_unknown_unknown_unknown' }],
  ['a token of another kind', { query: '{ __typename }' }, { authorization: 'Basic abc' }],
  [
    'a preference list',
    { query: '{ __typename }' },
    { accept: 'application/graphql-response+json, application/json;q=0.9' },
  ],
  ['any type', { query: '{ __typename }' }, { accept: '*/*' }],
])('%s gets the same answer at both entrances', async (_what, body, more = {}) => {
  const [one, other] = await Promise.all([thin, yoga].map((served) => post(served, body, { ...headers, ...more })));
  const shown = ({ status, body: answer, headers: got }: Awaited<ReturnType<typeof post>>) => ({
    status,
    answer: JSON.parse(
      JSON.stringify(answer, (name, value) => (name === 'cost' || name === 'requestId' ? undefined : value)),
    ),
    headers: ['content-type', 'cache-control', 'x-content-type-options', 'ratelimit-limit'].map((name) =>
      got.get(name)?.replaceAll(' ', ''),
    ),
  });
  expect(shown(one!)).toEqual(shown(other!));
});

describe.each([
  ['thin', () => thin],
  ['yoga', () => yoga],
] as const)('by the %s entrance', (_name, at) => {
  test('a persisted operation is learned once and then known by its hash, also by GET', async () => {
    const query = `query Persisted${_name} { viewer { kind } }`;
    const unknown = await post(at(), persisted(query), headers);
    expect([unknown.body.errors[0].message, unknown.codes]).toEqual([
      'PersistedQueryNotFound',
      ['PERSISTED_QUERY_NOT_FOUND'],
    ]);
    expect((await post(at(), { query, ...persisted(query) }, headers)).body.data).toEqual({
      viewer: { kind: 'TENANT_ADMIN' },
    });
    expect((await post(at(), persisted(query), headers)).body.data).toEqual({ viewer: { kind: 'TENANT_ADMIN' } });
    const search = new URLSearchParams({ extensions: JSON.stringify(persisted(query).extensions) });
    expect((await get(at(), `/graphql?${search}`, headers)).body.data).toEqual({ viewer: { kind: 'TENANT_ADMIN' } });
  });

  test('a hash that is not that of its text is refused and not learned', async () => {
    const query = '{ __typename }';
    const wrong = { extensions: { persistedQuery: { version: 1, sha256Hash: hashOf('another') } } };
    expect((await post(at(), { query, ...wrong }, headers)).codes).toEqual(['INVALID_INPUT']);
    expect((await post(at(), wrong, headers)).codes).toEqual(['PERSISTED_QUERY_NOT_FOUND']);
  });

  test('a document that is refused is not learned', async () => {
    const query = '{ nonsense }';
    await post(at(), { query, ...persisted(query) }, headers);
    expect((await post(at(), persisted(query), headers)).codes).toEqual(['PERSISTED_QUERY_NOT_FOUND']);
  });

  test('GET asks queries and never changes anything', async () => {
    const url = (query: string, more: Record<string, string> = {}) =>
      `/graphql?${new URLSearchParams({ query, ...more })}`;
    const asked = await get(at(), url('query ($id: ID!) { node(id: $id) { id } }', { variables: '{"id":"x"}' }), {
      ...headers,
      accept: 'application/json',
    });
    expect([asked.status, asked.body.data]).toEqual([200, { node: null }]);
    const changing = await get(at(), url('mutation { issueOrder(input: { orderId: "x" }) { userErrors { code } } }'), {
      ...headers,
      accept: 'application/json',
    });
    expect([changing.status, changing.codes, changing.body.data]).toEqual([405, ['METHOD_NOT_ALLOWED'], undefined]);
  });

  test('what is not asked in time ends with a code', async () => {
    const slow = await serve(
      {
        ...at().app,
        providers: Object.assign(Object.create(at().app.providers), { services: () => new Promise(() => undefined) }),
      },
      { requestDeadlineMs: 50, thinEntrance: _name === 'thin' },
    );
    try {
      const answer = await post(slow, { query: '{ systemHealth { status } }' }, headers);
      expect([answer.status, answer.codes, answer.body.data]).toEqual([504, ['DEADLINE_EXCEEDED'], undefined]);
    } finally {
      await slow.close();
    }
  });
});

test('a caller who goes away ends their query, and its connection goes back to the pool', async () => {
  let asked = () => undefined as void;
  const reached = new Promise<void>((resolve) => (asked = resolve));
  const ended: boolean[] = [];
  const gateways = Object.assign(Object.create(world.app.gateways), {
    snapshot: () => {
      asked();
      return new Promise(() => undefined);
    },
  });
  const db = Object.assign(Object.create(world.app.db), {
    reader: (scope: never) => Object.assign(world.app.db.reader(scope), { end: () => void ended.push(true) }),
  });
  const served = await serve({ ...world.app, gateways, db }, { requestDeadlineMs: 60_000 });
  try {
    const body = JSON.stringify({ query: '{ systemHealth { status } }' });
    const sent = request(`${served.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
    });
    sent.on('error', () => undefined);
    sent.end(body);
    await reached;
    sent.destroy();
    await expect.poll(() => ended.length).toBe(1);
  } finally {
    await served.close();
  }
});

test('closing lets running requests finish and takes no new ones', async () => {
  let finish = (_value: unknown) => undefined as void;
  let asked = () => undefined as void;
  const reached = new Promise<void>((resolve) => (asked = resolve));
  const gateways = Object.assign(Object.create(world.app.gateways), {
    snapshot: () => {
      asked();
      return new Promise((resolve) => (finish = resolve));
    },
  });
  const served = await serve({ ...world.app, gateways });
  const answer = post(served, { query: '{ systemHealth { status } }' }, headers);
  await reached;
  const closed = served.close();
  await expect(fetch(served.url)).rejects.toThrow();
  finish({});
  expect((await answer).body.data).toEqual({ systemHealth: { status: 'HEALTHY' } });
  await closed;
});

test('one line is logged per request: who, what, how long, and nothing that was sent', async () => {
  const lines: Record<string, unknown>[] = [];
  const log = createLogger('info', { write: (line: string) => void lines.push(JSON.parse(line)) });
  const served = await serve({ ...world.app, log });
  try {
    const partner = await makePartnerKey(world.app, (await world.tenant('logged')).id, ['orders:read']);
    await post(
      served,
      { query: 'query Named($id: ID!) { node(id: $id) { id } }', variables: { id: 'secret-of-mine' } },
      { 'x-api-key': partner, 'x-request-id': 'the-one-request' },
    );
    await expect.poll(() => lines.length).toBe(1);
    expect(lines[0]).toMatchObject({
      requestId: 'the-one-request',
      route: 'graphql',
      status: 200,
      operation: 'Named',
      code: 'OK',
      tenantId: expect.any(String),
      ms: expect.any(Number),
    });
    expect(JSON.stringify(lines)).not.toMatch(/secret-of-mine|sk_test/);
  } finally {
    await served.close();
  }
});

test.each([
  [
    'application/graphql-response+json, application/json, text/event-stream, multipart/mixed',
    'application/graphql-response+json',
  ],
  ['application/json, text/event-stream', 'application/json'],
])('of the answers a client could read (%s) it gets the first that we can give', async (accept, type) => {
  for (const served of [thin, yoga]) {
    const answer = await post(served, { query: '{ __typename }' }, { ...headers, accept });
    expect(String(answer.headers.get('content-type')).split(';')[0]).toBe(type);
  }
});
