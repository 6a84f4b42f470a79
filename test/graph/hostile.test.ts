import { request } from 'node:http';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createWorld, signIn, type World } from '../auth/world.ts';
import { get, makePartnerKey, post, serve, setLimit, type Parsed, type Served } from '../http/world.ts';

let world: World;
const entrances = new Map<string, Served>();
let portal: Record<string, string>;
let partner: Record<string, string>;
let blindPartner: Record<string, string>;
let customer: Record<string, string>;
let admin: Record<string, string>;
let platformAdmin: Record<string, string>;

beforeAll(async () => {
  world = await createWorld();
  const tenant = await world.tenant('hostile');
  await setLimit(world.app, tenant.id, 1_000_000);
  const key = tenant.portalKey;
  portal = { 'x-api-key': key };
  partner = { 'x-api-key': await makePartnerKey(world.app, tenant.id, ['introspect']) };
  blindPartner = { 'x-api-key': await makePartnerKey(world.app, tenant.id, ['orders:read']) };
  const tokenOf = async (email: string, withKey: boolean) => ({
    authorization: `Bearer ${(await signIn(world.app, withKey ? { key } : {}, email)).accessToken}`,
  });
  customer = await tokenOf((await world.person(tenant.id, 'CUSTOMER')).email, true);
  admin = await tokenOf((await world.person(tenant.id, 'TENANT_ADMIN')).email, true);
  platformAdmin = await tokenOf(
    (await world.person('00000000-0000-4000-8000-000000000001', 'PLATFORM_ADMIN')).email,
    false,
  );
  await setLimit(world.app, '00000000-0000-4000-8000-000000000001', 1_000_000);
  entrances.set('thin', await serve(world.app, { thinEntrance: true }));
  entrances.set('yoga', await serve(world.app, { thinEntrance: false }));
});

afterAll(async () => {
  for (const each of entrances.values()) await each.close();
  await world.close();
});

const orderChain = (links: number) =>
  `{ orders { nodes { payments ${'{ order { payments '.repeat(links)} { id } ${'} }'.repeat(links)} } } }`;
const spread = (levels: number) =>
  `{ ...F0 } ${Array.from({ length: levels }, (_, level) => `fragment F${level} on Query { ${level + 1 < levels ? `...F${level + 1} a${level}: __typename ...F${level + 1}` : '__typename'} }`).join(' ')}`;

describe.each(['thin', 'yoga'])('by the %s entrance', (name) => {
  const at = () => entrances.get(name)!;

  test.each<[string, string, string]>([
    ['aliases', `{ ${Array.from({ length: 40 }, (_, index) => `a${index}: __typename`).join(' ')} }`, 'aliases'],
    ['depth', orderChain(8), 'depth'],
    ['tokens', `{ ${'__typename '.repeat(3_000)} }`, 'tokens'],
    ['root fields', `{ ${'__typename '.repeat(25)} }`, 'rootFields'],
    [
      'directives',
      `{ ${'__typename @include(if: true) '.repeat(1)} ${'... @skip(if: false) { __typename } '.repeat(40)} }`,
      'directives',
    ],
    ['operations', Array.from({ length: 12 }, (_, index) => `query Q${index} { __typename }`).join(' '), 'operations'],
    [
      'rows',
      '{ orders(first: 100) { nodes { customer { id } payments { id order { id items { quantity } payments { id } bookings { id } } } } } }',
      'cost',
    ],
  ])('too many %s are refused with a code that names the limit', async (_what, query, what) => {
    const answer = await post(at(), { query }, portal);
    expect([answer.status, answer.codes, answer.body.errors[0].extensions.details.what]).toEqual([
      400,
      ['QUERY_TOO_COSTLY'],
      what,
    ]);
    expect(answer.body.data).toBeUndefined();
  });

  test('fragments that spread each other twice are counted before they grow', async () => {
    const answer = await post(at(), { query: spread(28) }, portal);
    expect(answer.codes).toEqual(['QUERY_TOO_COSTLY']);
  });

  test('a fragment that spreads itself is refused', async () => {
    const answer = await post(
      at(),
      { query: '{ ...A } fragment A on Query { ...B } fragment B on Query { ...A __typename }' },
      portal,
    );
    expect([answer.status, new Set(answer.codes)]).toEqual([400, new Set(['INVALID_INPUT'])]);
  });

  test('the size of a page that is a variable counts as it is sent', async () => {
    const query =
      'query ($first: Int) { orders(first: $first) { nodes { payments { order { payments { order { payments { id } } } } } } } }';
    expect((await post(at(), { query, variables: { first: 1 } }, portal)).codes).not.toContain('QUERY_TOO_COSTLY');
    expect((await post(at(), { query, variables: { first: 100 } }, portal)).codes).toEqual(['QUERY_TOO_COSTLY']);
  });

  test('a batch of five is answered in order, each charged; six are refused', async () => {
    const one = { query: '{ __typename }' };
    const five = await post(
      at(),
      Array.from({ length: 5 }, () => one),
      portal,
    );
    expect(five.body.map((each: Parsed) => each.data)).toEqual(
      Array.from({ length: 5 }, () => ({ __typename: 'Query' })),
    );
    const remaining = five.body.map((each: Parsed) => each.extensions.cost.remaining);
    expect(new Set(remaining).size).toBe(5);
    const six = await post(
      at(),
      Array.from({ length: 6 }, () => one),
      portal,
    );
    expect([six.status, six.codes]).toEqual([413, ['QUERY_TOO_COSTLY']]);
  });

  test.each([null, 1, 'text', [], { query: 1 }])(
    '%j among a batch is refused, and the others are answered',
    async (odd) => {
      const { status, body } = await post(at(), [odd, { query: '{ __typename }' }], portal);
      expect([status, body[0].errors[0].extensions.code, body[1].data]).toEqual([
        200,
        'INVALID_INPUT',
        { __typename: 'Query' },
      ]);
    },
  );

  test('a body beyond 256 KiB is refused, announced or not', async () => {
    const query = `{ __typename } # ${'x'.repeat(300 * 1024)}`;
    const announced = await post(at(), { query }, portal);
    expect([announced.status, announced.codes]).toEqual([413, ['BODY_TOO_LARGE']]);
    const streamed = await new Promise((resolve) => {
      const sent = request(
        `${at().url}/graphql`,
        { method: 'POST', headers: { 'content-type': 'application/json', ...portal } },
        (response) => resolve(response.statusCode),
      );
      sent.on('error', () => resolve('broken off'));
      for (let index = 0; index < 40; index += 1) sent.write(Buffer.alloc(10 * 1024, 32));
    });
    expect([413, 'broken off']).toContain(streamed);
  });

  test.each<[string, unknown]>([
    ['no JSON', '{"query": '],
    ['no object', '"text"'],
    ['no query', {}],
    ['a query that is no text', { query: 7 }],
    ['variables that are a list', { query: '{ __typename }', variables: [] }],
    ['a syntax error', { query: '{ viewer' }],
    ['an unknown operation', { query: 'query A { __typename } query B { __typename }' }],
    ['NUL in variables', { query: 'query ($id: ID!) { node(id: $id) { id } }', variables: { id: 'a\u0000b' } }],
    ['NUL in the document', { query: '{ node(id: "a\\u0000b") { id } }' }],
    [
      'variables without an end',
      `{"query":"{ __typename }","variables":${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}}`,
    ],
    ['a document without an end', { query: '{a'.repeat(900) }],
  ])('%s: a clear refusal', async (_what, body) => {
    const answer = await post(at(), body, portal);
    expect([answer.status, answer.codes]).toEqual([400, ['INVALID_INPUT']]);
  });

  test.each<[string, () => Record<string, string>, string]>([
    ['a publishable key', () => portal, 'FORBIDDEN'],
    ['a customer', () => customer, 'FORBIDDEN'],
    ['a tenant admin', () => admin, 'FORBIDDEN'],
    ['a partner without the scope', () => blindPartner, 'FORBIDDEN'],
    ['nobody', () => ({}), 'FORBIDDEN'],
    ['a partner with the scope', () => partner, 'OK'],
    ['a platform admin', () => platformAdmin, 'OK'],
  ])('introspection by %s: %s', async (_who, headers, outcome) => {
    for (const query of [
      '{ __schema { types { name } } }',
      '{ ...A } fragment A on Query { __type(name: "Order") { name } }',
    ]) {
      const answer = await post(at(), { query }, headers());
      if (outcome === 'OK') expect(answer.codes).toEqual([]);
      else expect([answer.status, answer.codes, answer.body.data]).toEqual([403, [outcome], undefined]);
    }
    expect((await post(at(), { query: '{ __typename }' }, headers())).body.data).toEqual({ __typename: 'Query' });
  });

  test('a misspelt name tells the names of others only to who may introspect', async () => {
    const query = '{ ordres { nodes { id } } vewer { kind } }';
    expect((await post(at(), { query }, portal)).text).not.toMatch(/did you mean|orders|viewer/i);
    expect((await post(at(), { query }, partner)).text).toMatch(/did you mean/i);
    const value = {
      query: 'query ($verdict: WebhookVerdict) { webhookDeliveries(verdict: $verdict) { nodes { id } } }',
      variables: { verdict: 'ACCEPTD' },
    };
    expect((await post(at(), value, portal)).text).not.toMatch(/did you mean|"ACCEPTED"/i);
  });

  test('SQL and HTML in every text are only text', async () => {
    const texts = [
      "'; drop table orders; --",
      '<script>alert(1)</script>',
      '$1',
      '${7*7}',
      '\\',
      '%00',
      '../../etc/passwd',
      '{"$gt":""}',
      '\u202e',
      '😀'.repeat(20),
    ];
    for (const text of texts) {
      const query =
        'query ($id: ID!, $text: String!) { node(id: $id) { id } operation(key: $text) { key } order(number: $text) { id } auditLog(target: $text) { nodes { id } } costOf(document: $text) { limit } }';
      const answer = await post(at(), { query, variables: { id: text, text } }, admin);
      expect(answer.text).not.toContain('INTERNAL');
    }
    expect((await post(at(), { query: '{ orders { nodes { id } } }' }, admin)).codes).toEqual([]);
  });

  test('what goes wrong inside is told by the id of the request alone', async () => {
    const served = at();
    const broken = await serve(
      {
        ...served.app,
        gateways: new Proxy(served.app.gateways, {
          get: () => () => {
            throw new Error('password=hunter2 at /srv/app.ts');
          },
        }),
      },
      { thinEntrance: name === 'thin' },
    );
    try {
      const answer = await post(
        broken,
        { query: '{ systemHealth { status } }' },
        { ...admin, 'x-request-id': 'request-of-mine' },
      );
      expect(answer.body.errors[0]).toMatchObject({
        message: 'Something went wrong on our side.',
        path: ['systemHealth'],
        extensions: { code: 'INTERNAL', requestId: 'request-of-mine' },
      });
      expect(answer.text).not.toMatch(/hunter2|app\.ts|stack|node_modules/);
    } finally {
      await broken.close();
    }
  });

  test('forms and files from foreign pages do not reach the graph', async () => {
    const form = await fetch(`${at().url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'multipart/form-data; boundary=x', ...portal },
      body: '--x\r\ncontent-disposition: form-data; name="operations"\r\n\r\n{"query":"{ __typename }"}\r\n--x--',
    });
    expect(form.status).toBe(415);
    expect(await form.json()).toMatchObject({ errors: [{ extensions: { code: 'UNSUPPORTED_MEDIA_TYPE' } }] });
    expect((await get(at(), '/graphql', portal, 'DELETE')).status).toBe(405);
  });

  test('no cookie is read: credentials in one mean nothing', async () => {
    const cookie = `x-api-key=${portal['x-api-key']}; authorization=${customer['authorization']}; session=${customer['authorization']}`;
    const answer = await post(at(), { query: '{ viewer { kind } }' }, { cookie });
    expect(answer.codes).toEqual(['UNAUTHENTICATED']);
    expect(answer.headers.get('set-cookie')).toBeNull();
  });
});
