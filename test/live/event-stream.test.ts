import { afterAll, beforeAll, expect, test } from 'vitest';

import { orderGlobalId, Stage, type Person } from './stage.ts';
import { openSubscriptions, Tape, WATCH_ORDERS } from './tape.ts';
import { until, World } from './world.ts';

let world: World;
let stage: Stage;
let tenantId: string;
beforeAll(async () => {
  world = await World.create();
  stage = await Stage.open(world, { keepAliveMs: 20, closeTimeoutMs: 500 });
  tenantId = await world.tenant();
});
afterAll(async () => {
  await stage.close();
  await world.drop();
});

const bearer = (person: Person) => ({ authorization: `Bearer ${person.token}` });
const fresh = async (person: Person) => ({
  authorization: `Bearer ${(await stage.running.app.auth.issueAccessToken(person)).token}`,
});
const post = (headers: Record<string, string>, body: object) =>
  fetch(stage.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream, application/json', ...headers },
    body: JSON.stringify(body),
  });

test("the stock client is told of a customer's own orders, resumes from a cursor, and its end frees what it held", async () => {
  const [customer, other] = [await stage.person(tenantId), await stage.person(tenantId)];
  const orderId = await stage.order(customer);
  const tape = await Tape.begun(stage, stage.streamClient(bearer(customer)), WATCH_ORDERS);
  await stage.move(other, await stage.order(other));
  await stage.move(customer, orderId, 'ISSUED');
  await until(() => tape.statuses).toEqual(['ISSUED']);
  tape.stop();
  await until(() => openSubscriptions(stage)).toBe(0);
  await stage.move(customer, orderId, 'PAID');
  const resumed = await Tape.begun(stage, stage.streamClient(bearer(customer)), WATCH_ORDERS, {
    after: tape.lastCursor,
    orderId: orderGlobalId(orderId),
  });
  await until(() => resumed.statuses).toEqual(['PAID']);
  resumed.stop();
  await until(() => openSubscriptions(stage)).toBe(0);
});

test('an expired token ends the stream with a last message that holds code and cursor', async () => {
  const customer = await stage.person(tenantId);
  const orderId = await stage.order(customer);
  const tape = await Tape.begun(stage, stage.streamClient(await fresh(customer)), WATCH_ORDERS);
  await stage.move(customer, orderId, 'ISSUED');
  await until(() => tape.statuses).toEqual(['ISSUED']);
  stage.clock.shiftMs += 16 * 60_000;
  await until(() => tape.isComplete).toBe(true);
  const last = tape.results.at(-1)!.errors![0]!;
  expect(last.extensions).toEqual({ code: 'TOKEN_EXPIRED', reason: 'TOKEN_EXPIRED', cursor: tape.lastCursor });
  await stage.move(customer, orderId, 'PAID');
  const resumed = await Tape.begun(stage, stage.streamClient(await fresh(customer)), WATCH_ORDERS, {
    after: last.extensions!['cursor'],
  });
  await until(() => resumed.statuses).toEqual(['PAID']);
  resumed.stop();
});

test('a query and a mutation are answered by one next and a complete', async () => {
  const customer = await stage.person(tenantId);
  const answer = await post(await fresh(customer), { query: '{ viewer { kind } }' });
  expect(answer.headers.get('content-type')).toMatch(/^text\/event-stream/);
  const text = await answer.text();
  expect(text).toMatch(
    /^:\n\nevent: next\ndata: \{"data":\{"viewer":\{"kind":"CUSTOMER"\}\}.*\}\n\nevent: complete\ndata:\n\n$/,
  );
});

test('what is wrong before execution is a 400 with JSON, what is wrong with the subscription its only message', async () => {
  const headers = await fresh(await stage.person(tenantId));
  const invalid = await post(headers, { query: 'subscription { nothing }' });
  expect([invalid.status, invalid.headers.get('content-type')]).toEqual([400, 'application/json; charset=utf-8']);
  expect(await invalid.json()).toMatchObject({ errors: [{ extensions: { code: 'INVALID_INPUT' } }] });
  const forged = await (await post(headers, { query: WATCH_ORDERS, variables: { after: 'forged' } })).text();
  expect(forged).toContain('"code":"CURSOR_INVALID"');
  expect(forged).toMatch(/event: complete\ndata:\n\n$/);
});

test('credentials are asked for before anything is opened', async () => {
  expect((await post({ authorization: 'Bearer a.b.c' }, { query: WATCH_ORDERS })).status).toBe(401);
  expect(
    (
      await post(
        { 'x-api-key': (await stage.key(tenantId, 'PUBLISHABLE')).key, origin: 'https://evil.example' },
        { query: WATCH_ORDERS },
      )
    ).status,
  ).toBe(403);
});

test('a subscription may be asked for by GET, a mutation may not', async () => {
  const headers = { accept: 'text/event-stream', ...(await fresh(await stage.person(tenantId))) };
  const get = (query: string) => fetch(`${stage.url}?query=${encodeURIComponent(query)}`, { headers });
  const stream = await get('subscription { orderStatusChanged { cursor } }');
  expect([stream.status, stream.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
  await stream.body!.cancel();
  expect((await get('mutation { logout(input: { refreshToken: "x" }) { userErrors { code } } }')).status).toBe(405);
});

test('a quiet stream is kept alive by comments', async () => {
  const stream = await post(await fresh(await stage.person(tenantId)), { query: WATCH_ORDERS });
  const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  while (text.length < 12) text += (await reader.read()).value ?? '';
  expect(text).toMatch(/^(:\n\n)+$/);
  await reader.cancel();
});

test('at shutdown a stream is told to come back, with its last cursor', async () => {
  const leaving = await Stage.open(world);
  const customer = await stage.person(tenantId);
  leaving.clock.shiftMs = stage.clock.shiftMs;
  const tape = await Tape.begun(leaving, leaving.streamClient(await fresh(customer)), WATCH_ORDERS);
  await leaving.close();
  expect(tape.isComplete).toBe(true);
  const last = tape.results.at(-1)!.errors![0]!.extensions!;
  expect(last).toMatchObject({ code: 'OVERLOADED', reason: 'GOING_AWAY' });
  await stage.move(customer, await stage.order(customer), 'ISSUED');
  const resumed = await Tape.begun(stage, stage.streamClient(await fresh(customer)), WATCH_ORDERS, {
    after: last['cursor'],
  });
  await until(() => resumed.statuses).toEqual(['ISSUED']);
  resumed.stop();
});
