import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createContext } from '../../src/request.ts';
import { issueOrder } from '../../src/resolvers/order.ts';
import { schema } from '../../src/schema/index.ts';
import { startTestApp, type As } from '../helpers/app.ts';
import { brokenLaws } from '../helpers/books.ts';
import { rawId } from '../helpers/shop.ts';
import { grown, MUTATIONS, openDesk, perform, traces, type Caller, type Desk, type Input } from '../proof/mutations.ts';

/** One key, one effect, for every mutation of the schema; and what became of it can be asked (GQL-5, BEY-2). */
let desk: Desk;
beforeAll(async () => {
  desk = await openDesk(await startTestApp({ worker: false }));
});
afterAll(() => desk.world.stop());

const names = Object.keys(schema.getMutationType()!.getFields());
/** Signing in is never repeated for anybody; the schema says so. */
const withoutKeys = names.filter((name) => /ignored/i.test(keyFieldOf(name)?.description ?? ''));
const withKeys = names.filter((name) => !withoutKeys.includes(name));

function keyFieldOf(name: string) {
  const [input] = schema.getMutationType()!.getFields()[name]!.args;
  const type = input?.type && 'ofType' in input.type ? input.type.ofType : undefined;
  return type && 'getFields' in type
    ? (type.getFields() as Record<string, { description?: string | null }>)['idempotencyKey']
    : undefined;
}

const payloadOf = async (name: string, input: Input, as?: As) => {
  const answer = await perform(desk, name, input, as);
  if (!answer.data) throw new Error(`${name} was refused: ${JSON.stringify(answer.errors)}`);
  return answer.data[name];
};
const resultIdOf = (payload: Record<string, any>): string | undefined =>
  Object.entries(payload).flatMap(([field, value]) =>
    field !== 'userErrors' && value?.id ? [value.id as string] : [],
  )[0];
let keys = 0;
const newKey = () => `operation-${(keys += 1)}`;
const operationRow = async (key: string) =>
  (await desk.world.owner('select * from operations where key = $1', [key]))[0];
const ask = async (as: As, key: string) =>
  (
    await desk.world.data(
      as,
      'query ($key: String!) { operation(key: $key) { key mutation status result { id } userErrors { code field message } inquiry { id } startedAt } }',
      { key },
    )
  ).operation;

test('every mutation takes a key and is known to this proof; only those of sessions ignore theirs', () => {
  expect(names.filter((name) => !keyFieldOf(name))).toEqual([]);
  expect(Object.keys(MUTATIONS).toSorted((a, b) => a.localeCompare(b))).toEqual(
    names.toSorted((a, b) => a.localeCompare(b)),
  );
  expect(new Set(withoutKeys)).toEqual(new Set(['register', 'login', 'refreshSession', 'logout']));
});

describe.each(withKeys)('%s', (name) => {
  const entry = MUTATIONS[name]!;
  const run = async (inputs: readonly Input[]) => {
    const before = await traces(desk.world);
    const payloads = await Promise.all(inputs.map((input) => payloadOf(name, input)));
    return { payloads, left: grown(before, await traces(desk.world)) };
  };

  test('twice at once under one key leaves the traces of one, and both get the same result; so does a later third', async () => {
    const single = await run([{ ...(await entry.input(desk)), idempotencyKey: newKey() }]);
    expect(single.payloads[0].userErrors).toEqual([]);
    expect(single.left).toMatchObject({ operations: 1 });
    const idempotencyKey = newKey();
    const input = { ...(await entry.input(desk)), idempotencyKey };
    const twice = await run([input, input]);
    expect(twice.left).toEqual(single.left);
    const id = resultIdOf(twice.payloads[0]);
    expect(id).toBeTypeOf('string');
    for (const payload of twice.payloads) expect(payload).toMatchObject({ userErrors: [] });
    expect(twice.payloads.map(resultIdOf)).toEqual([id, id]);
    const third = await run([input]);
    expect([resultIdOf(third.payloads[0]), third.left]).toEqual([id, {}]);
    expect(await ask(desk.callers[entry.as], idempotencyKey)).toMatchObject({
      mutation: name,
      status: 'SUCCEEDED',
      result: { id },
      userErrors: [],
      inquiry: null,
    });
  });

  test('with another input under the key is refused and names the field; under another mutation’s key it is refused as well', async () => {
    const idempotencyKey = newKey();
    const first = await entry.input(desk);
    await payloadOf(name, { ...first, idempotencyKey });
    const second = await entry.input(desk);
    const field = Object.keys(first)
      .toSorted((a, b) => a.localeCompare(b))
      .find((each) => JSON.stringify(first[each]) !== JSON.stringify(second[each]))!;
    const before = await traces(desk.world);
    expect(await payloadOf(name, { ...first, [field]: second[field], idempotencyKey })).toMatchObject({
      userErrors: [{ code: 'IDEMPOTENCY_INPUT_MISMATCH', field: ['input', field], details: { differingField: field } }],
    });
    const [taken, by] = await keyOfAnother(entry.as, name);
    const afterwards = await traces(desk.world);
    expect(await payloadOf(name, { ...second, idempotencyKey: taken })).toMatchObject({
      userErrors: [{ code: 'IDEMPOTENCY_KEY_REUSED', field: ['input', 'idempotencyKey'], details: { mutation: by } }],
    });
    expect(grown(afterwards, await traces(desk.world))).toEqual({});
    expect(before['events']).toBeLessThanOrEqual(afterwards['events']!);
  });
});

/** A key that this caller used for another mutation. */
async function keyOfAnother(as: Caller, name: string): Promise<[string, string]> {
  const key = newKey();
  const other = as === 'platformAdmin' ? 'updateTenant' : name === 'createOrder' ? 'cancelOrder' : 'createOrder';
  const { userErrors } = await payloadOf(
    other,
    { ...(await MUTATIONS[other]!.input(desk)), idempotencyKey: key },
    desk.callers[as],
  );
  expect(userErrors).toEqual([]);
  return [key, other];
}

test.each(withoutKeys)('%s ignores its key: nothing of it is kept, and a repeat is a new one', async (name) => {
  const idempotencyKey = newKey();
  const input = { ...(await MUTATIONS[name]!.input(desk)), idempotencyKey };
  await payloadOf(name, input);
  await payloadOf(name, name === 'login' ? input : { ...(await MUTATIONS[name]!.input(desk)), idempotencyKey });
  expect(await operationRow(idempotencyKey)).toBe(undefined);
});

test('a new key is shown once: a repeat gets the key without its secret, and nothing of it is kept', async () => {
  const input = { ...(await MUTATIONS['createApiKey']!.input(desk)), idempotencyKey: newKey() };
  const [one, two] = await Promise.all([payloadOf('createApiKey', input), payloadOf('createApiKey', input)]);
  const secrets = [one.secret, two.secret].filter((secret) => secret !== null);
  expect(secrets).toEqual([expect.stringMatching(/^sk_test_/)]);
  expect((await payloadOf('createApiKey', input)).secret).toBe(null);
  expect(JSON.stringify(await operationRow(input.idempotencyKey))).not.toContain(secrets[0]);
});

describe('what became of an operation', () => {
  test('a lasting refusal is kept and told again, also when it would succeed by now', async () => {
    const orderId = await desk.shop.draft();
    const input = { orderId, expiresAt: '2020-01-01T00:00:00Z', idempotencyKey: newKey() };
    const first = await payloadOf('issueOrder', input);
    expect(first.userErrors).toMatchObject([{ code: 'INVALID_INPUT', field: ['input', 'expiresAt'] }]);
    expect(await payloadOf('issueOrder', input)).toEqual(first);
    expect(await ask(desk.shop.operator, input.idempotencyKey)).toMatchObject({
      status: 'FAILED',
      result: null,
      userErrors: [{ code: 'INVALID_INPUT', field: ['input', 'expiresAt'] }],
    });
  });

  test('a passing refusal frees the key', async () => {
    const orderId = await desk.shop.issued();
    const input = { orderId, methodId: await desk.shop.methodId(orderId), idempotencyKey: newKey() };
    const refused = await desk.shop.withFaults(
      [{ operation: 'invoiceInitPay', fault: 'rateLimited', retryAfterSeconds: 0 }],
      () => payloadOf('payOrder', input),
    );
    expect(refused).toMatchObject({ payment: null, userErrors: [{ code: 'GATEWAY_UNAVAILABLE' }] });
    await expect
      .poll(async () => (await payloadOf('payOrder', input)).payment?.status, { timeout: 10_000 })
      .toBe('PENDING');
  });

  test('one under way is IN_FLIGHT, and whoever repeats it waits no longer than their own deadline', async () => {
    const { world, shop } = desk;
    const orderId = await shop.draft();
    const idempotencyKey = newKey();
    const operatorId = rawId((await world.session('operator')).userId);
    const identity = await world.app.auth.identify({
      apiKey: null,
      authorization: `Bearer ${shop.operator.token}`,
      origin: null,
      tenantSlug: null,
    });
    // Fingerprints are keyed, so the row is taken from an operation that was really done, and put back to its beginning.
    await payloadOf('issueOrder', { orderId, idempotencyKey });
    await world.owner(
      "update operations set status = 'IN_FLIGHT', finished_at = null, lease_until = now() + interval '1 minute' where key = $1 and actor = $2",
      [idempotencyKey, `user:${operatorId}`],
    );
    expect(await ask(shop.operator, idempotencyKey)).toMatchObject({
      status: 'IN_FLIGHT',
      mutation: 'issueOrder',
      result: null,
    });
    const ctx = createContext(
      { ...world.app, config: { ...world.app.config, requestDeadlineMs: 300 } },
      identity,
      'hurried',
    );
    await expect(issueOrder(ctx, { orderId, idempotencyKey })).rejects.toMatchObject({ code: 'OPERATION_IN_FLIGHT' });
  });

  test("nobody learns of another actor's key, and both may use the same one", async () => {
    const idempotencyKey = newKey();
    const orderId = await desk.shop.draft();
    await payloadOf('issueOrder', { orderId, idempotencyKey });
    const others: As[] = [desk.shop.customer, desk.callers.tenantAdmin, { key: desk.world.facts.partnerKey }];
    for (const as of others) expect(await ask(as, idempotencyKey)).toBe(null);
    expect(await payloadOf('cancelOrder', { orderId, idempotencyKey }, desk.shop.customer)).toMatchObject({
      order: { status: 'CANCELLED' },
      userErrors: [],
    });
    expect(await ask(desk.shop.operator, idempotencyKey)).toMatchObject({ mutation: 'issueOrder' });
  });

  test.each([
    ['nothing', ''],
    ['too long', 'k'.repeat(201)],
    ['a line break', 'a\nb'],
    ['half a character', 'a\ud800'],
  ])('a key of %s is refused', async (_name, idempotencyKey) => {
    const answer = await perform(desk, 'issueOrder', { orderId: await desk.shop.draft(), idempotencyKey });
    const codes = [
      ...(answer.errors ?? []).map(({ extensions }) => extensions.code),
      ...(answer.data?.issueOrder?.userErrors ?? []).map(({ code }: { code: string }) => code),
    ];
    expect(codes).toEqual(['INVALID_INPUT']);
  });
});

test('after all of this the books still agree', async () => {
  expect(await brokenLaws(desk.world)).toEqual({});
});
