import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { PLATFORM_TENANT_ID } from '../../src/auth/platform.ts';
import { createContext } from '../../src/request.ts';
import { issueOrder } from '../../src/resolvers/order.ts';
import { schema } from '../../src/schema/index.ts';
import { startTestApp, type As, type GraphAnswer, type TestApp } from '../helpers/app.ts';
import { rawId, Shop } from '../helpers/shop.ts';
import { TestVendor } from '../helpers/travel.ts';
import { MUTATIONS, type Stage } from './mutations.ts';

/** Idempotency of every mutation of the schema (GQL-5), and asking what became of one (BEY-2). */
let world: TestApp;
let shop: Shop;
let stage: Stage;

beforeAll(async () => {
  world = await startTestApp({ providerDescriptions: new TestVendor().descriptions });
  shop = await Shop.open(world);
  // Hundreds of requests come from the platform's staff, whose budget of a minute is for people.
  await world.owner('update portal_configs set rate_limit_per_minute = 1000000 where tenant_id = $1', [
    PLATFORM_TENANT_ID,
  ]);
  const [tenantAdmin, platformAdmin] = await Promise.all([
    world.session('tenantAdmin'),
    world.session('platformAdmin'),
  ]);
  stage = {
    shop,
    tenantAdmin: { token: tenantAdmin.accessToken },
    platformAdmin: { token: platformAdmin.accessToken },
    portal: { key: world.facts.portalKey },
  };
});
afterAll(() => world.stop());

const ALL = Object.keys(schema.getMutationType()!.getFields());
const KEYED = ALL.filter((name) => !MUTATIONS[name]?.keyIgnored);
const IGNORING = ALL.filter((name) => MUTATIONS[name]?.keyIgnored);

const newKey = () => `key-${randomUUID()}`;

/** @param more is selected besides, such as a secret that is shown once */
async function send(name: string, input: object, as: As = MUTATIONS[name]!.as(stage), more = ''): Promise<any> {
  const type = String(schema.getMutationType()!.getFields()[name]!.args[0]!.type);
  const query = `mutation ($input: ${type}) { ${name}(input: $input) { ${MUTATIONS[name]!.answer} ${more} userErrors { code field details } } }`;
  const answer: GraphAnswer = await world.ask(as, query, { input });
  if (answer.errors) throw new Error(`${name}: ${JSON.stringify(answer.errors)}`);
  return answer.data[name];
}

const operation = async (key: string, as: As = shop.operator) =>
  (
    await world.data(
      as,
      'query ($key: String!) { operation(key: $key) { key mutation status result { __typename id } userErrors { code field } inquiry { id } } }',
      { key },
    )
  ).operation;

const grown = (before: readonly number[], after: readonly number[]) =>
  after.map((count, index) => count - before[index]!);

test('every mutation of the schema has its situation here', () => {
  expect(Object.keys(MUTATIONS).toSorted()).toEqual(ALL.toSorted());
});

describe.each(KEYED)('%s', (name) => {
  test('sent twice at once and once more under one key, it takes effect once and gives one answer', async () => {
    const { input, effects } = await MUTATIONS[name]!.prepare(stage);
    const keyed = { ...input, idempotencyKey: newKey() };
    const before = await effects();
    const [first, second] = await Promise.all([send(name, keyed), send(name, keyed)]);
    expect(first.userErrors).toEqual([]);
    expect(second).toEqual(first);
    expect(await send(name, keyed)).toEqual(first);
    expect(grown(before, await effects())).toEqual(before.map(() => 1));
  });

  test('under the key of another input it is refused, and the field that differs is named', async () => {
    const { input, other, effects } = await MUTATIONS[name]!.prepare(stage);
    const idempotencyKey = newKey();
    expect((await send(name, { ...input, idempotencyKey })).userErrors).toEqual([]);
    const before = await effects();
    const { userErrors } = await send(name, { ...input, [other.field]: other.value, idempotencyKey });
    expect(userErrors).toEqual([
      { code: 'IDEMPOTENCY_INPUT_MISMATCH', field: ['input', other.field], details: { differingField: other.field } },
    ]);
    expect(await effects()).toEqual(before);
  });

  test('under the key of another mutation it is refused', async () => {
    const idempotencyKey = newKey();
    const as = MUTATIONS[name]!.as(stage);
    // The platform's staff at home have no orders.
    const first = as === stage.platformAdmin ? 'updateTenant' : 'createOrder';
    const firstInput = first === 'createOrder' ? shop.orderInput() : { name: 'Platform' };
    if (name === 'createOrder') {
      const draft = await shop.draft();
      expect((await send('issueOrder', { orderId: draft, idempotencyKey })).userErrors).toEqual([]);
    } else {
      expect((await send(first, { ...firstInput, idempotencyKey }, as)).userErrors).toEqual([]);
    }
    const { input, effects } = await MUTATIONS[name]!.prepare(stage);
    const before = await effects();
    const { userErrors } = await send(name, { ...input, idempotencyKey });
    expect(userErrors).toEqual([
      {
        code: 'IDEMPOTENCY_KEY_REUSED',
        field: ['input', 'idempotencyKey'],
        details: { mutation: name === 'createOrder' ? 'issueOrder' : first },
      },
    ]);
    expect(await effects()).toEqual(before);
  });

  test('a key that is empty, too long or not printable is refused, and nothing is done', async () => {
    const { input, effects } = await MUTATIONS[name]!.prepare(stage);
    const before = await effects();
    for (const idempotencyKey of ['', 'x'.repeat(201), 'a\u0007b', 'a\nb', 'a\u202eb']) {
      const { userErrors } = await send(name, { ...input, idempotencyKey });
      expect(userErrors, JSON.stringify(idempotencyKey)).toEqual([
        { code: 'INVALID_INPUT', field: ['input', 'idempotencyKey'], details: null },
      ]);
    }
    expect(await effects()).toEqual(before);
  });
});

describe.each(IGNORING)('%s', (name) => {
  test('ignores the key: nothing is kept under it', async () => {
    const { input } = await MUTATIONS[name]!.prepare(stage);
    const idempotencyKey = newKey();
    expect((await send(name, { ...input, idempotencyKey })).userErrors).toEqual([]);
    expect(await world.owner('select 1 from operations where key = $1', [idempotencyKey])).toEqual([]);
  });
});

test('a webhook replayed twice at once settles once', async () => {
  const { input, effects } = await MUTATIONS['replayWebhook']!.prepare(stage);
  const before = await effects();
  await Promise.all([send('replayWebhook', input), send('replayWebhook', input)]);
  await send('replayWebhook', input);
  expect(grown(before, await effects())).toEqual(before.map(() => 1));
});

test('the secret of a key is shown to the first who asked, and to nobody again', async () => {
  const input = { mode: 'TEST', scopes: ['orders:read'], idempotencyKey: newKey() };
  const answers = await Promise.all([1, 2, 3].map(() => send('createApiKey', input, stage.tenantAdmin, 'secret')));
  const secrets = answers.map(({ secret }) => secret).filter((secret) => secret !== null);
  expect(secrets).toEqual([expect.stringMatching(/^sk_test_/)]);
  expect((await send('createApiKey', input, stage.tenantAdmin, 'secret')).secret).toBeNull();
});

test('operation(key) shows what succeeded with its result, to its own caller only', async () => {
  const key = newKey();
  const { order } = await send('createOrder', { ...shop.orderInput(), idempotencyKey: key });
  expect(await operation(key)).toEqual({
    key,
    mutation: 'createOrder',
    status: 'SUCCEEDED',
    result: { __typename: 'Order', id: order.id },
    userErrors: [],
    inquiry: null,
  });
  expect(await operation(key, shop.customer)).toBeNull();
  expect(await operation(key, stage.tenantAdmin)).toBeNull();
  expect(await operation(newKey())).toBeNull();
});

test('operation(key) shows what failed with its errors and without a result', async () => {
  const key = newKey();
  const orderId = await shop.issued();
  const { userErrors } = await send('issueOrder', { orderId, idempotencyKey: key });
  expect(userErrors.map(({ code }: { code: string }) => code)).toEqual(['INVALID_STATE']);
  expect(await operation(key)).toMatchObject({
    mutation: 'issueOrder',
    status: 'FAILED',
    result: null,
    userErrors: [{ code: 'INVALID_STATE' }],
  });
});

test('two people may use one key, and each gets their own', async () => {
  const idempotencyKey = newKey();
  const input = { ...shop.orderInput(), idempotencyKey };
  const [one, two] = await Promise.all([
    send('createOrder', input, shop.operator),
    send('createOrder', input, shop.customer),
  ]);
  expect(one.order.id).not.toBe(two.order.id);
  expect(one.order.id && two.order.id).toBeTruthy();
});

test('a lasting refusal is repeated under its key though its reason is gone; another key works', async () => {
  const orderId = await shop.draft();
  const input = { orderId, methodId: await shop.methodId(orderId), idempotencyKey: newKey() };
  const refused = await send('payOrder', input);
  expect(refused.userErrors).toMatchObject([{ code: 'ORDER_NOT_PAYABLE' }]);
  await shop.issue(orderId);
  expect(await send('payOrder', input)).toEqual(refused);
  expect((await send('payOrder', { ...input, idempotencyKey: newKey() })).payment.status).toBe('PENDING');
});

test('a passing refusal frees its key: after the outage the same request works', async () => {
  const orderId = await shop.issued();
  const input = { orderId, methodId: await shop.methodId(orderId), idempotencyKey: newKey() };
  const refused = await shop.withFaults(
    [{ operation: 'invoiceInitPay', fault: 'rateLimited', retryAfterSeconds: 0 }],
    () => send('payOrder', input),
  );
  expect(refused).toMatchObject({ payment: null, userErrors: [{ code: 'GATEWAY_UNAVAILABLE' }] });
  expect(await operation(input.idempotencyKey, shop.customer)).toMatchObject({ status: 'FAILED', userErrors: [] });
  const again = await send('payOrder', input);
  expect(again).toMatchObject({ payment: { status: 'PENDING' }, userErrors: [] });
  expect(await operation(input.idempotencyKey, shop.customer)).toMatchObject({
    status: 'SUCCEEDED',
    result: { id: again.payment.id },
  });
  expect(
    await world.owner('select status from payments where order_id = $1 order by created_at', [rawId(orderId)]),
  ).toEqual([{ status: 'FAILED' }, { status: 'PENDING' }]);
});

test('operation(key) is IN_FLIGHT while the first request works, and whoever repeats it waits no longer than their own deadline', async () => {
  const input = { orderId: await shop.draft(), idempotencyKey: newKey() };
  await send('issueOrder', input);
  // Fingerprints are keyed, so the row of an operation that was really done is put back to its beginning.
  await world.owner(
    "update operations set status = 'IN_FLIGHT', finished_at = null, lease_until = now() + interval '1 minute' where key = $1",
    [input.idempotencyKey],
  );
  expect(await operation(input.idempotencyKey)).toMatchObject({
    mutation: 'issueOrder',
    status: 'IN_FLIGHT',
    result: null,
    userErrors: [],
  });
  const identity = await world.app.auth.identify({
    apiKey: null,
    authorization: `Bearer ${shop.operator.token}`,
    origin: null,
    tenantSlug: null,
  });
  const hurried = createContext(
    { ...world.app, config: { ...world.app.config, requestDeadlineMs: 300 } },
    identity,
    'hurried',
  );
  await expect(issueOrder(hurried, input)).rejects.toMatchObject({ code: 'OPERATION_IN_FLIGHT' });
});
