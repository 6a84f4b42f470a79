import { EventEmitter } from 'node:events';

import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';

import { FAILURES_PER_MINUTE } from '../../src/http/strangers.ts';
import { orderGlobalId, Stage, type Person } from './stage.ts';
import { openSubscriptions, Tape, WATCH_ORDERS } from './tape.ts';
import { until, World } from './world.ts';

let world: World;
let stage: Stage;
let tenantId: string;
beforeAll(async () => {
  world = await World.create();
  stage = await Stage.open(world, {
    bufferBytesMax: 64 * 1024,
    subscriptionsPerConnectionMax: 3,
    initTimeoutMs: 200,
    closeTimeoutMs: 500,
  });
  tenantId = await world.tenant();
});
afterAll(async () => {
  await stage.close();
  await world.drop();
});

const bearer = (person: Person) => ({ authorization: `Bearer ${person.token}` });

interface Closing {
  code: number;
  reason: string;
}

/** A subscription, and how its connection was closed. */
async function watch(connection: Record<string, unknown>, variables = {}) {
  const closings: Closing[] = [];
  const client = stage.socketClient(connection, ({ code, reason }) => closings.push({ code, reason }));
  const tape = await Tape.begun(stage, client, WATCH_ORDERS, variables);
  const closing = async () => {
    await until(() => closings.length).toBe(1);
    return { ...(JSON.parse(closings[0]!.reason) as { code: string; cursor?: string }), closeCode: closings[0]!.code };
  };
  return { tape, closing };
}

/** A socket that was let in, and the code with which it is closed. */
async function opened(payload: Record<string, unknown>) {
  const socket = new WebSocket(stage.wsUrl, 'graphql-transport-ws');
  const closed = new Promise<number>((resolve) => socket.once('close', resolve));
  await new Promise((resolve) => socket.once('open', resolve));
  const acknowledged = new Promise((resolve) => socket.once('message', resolve));
  socket.send(JSON.stringify({ type: 'connection_init', payload }));
  await acknowledged;
  return { socket, closed };
}

/** A client that hears the server's close and does not answer it. */
async function deafSocket(payload: Record<string, unknown>) {
  const { socket, closed } = await opened(payload);
  socket.on('error', () => undefined);
  const { _receiver: receiver } = socket as unknown as { _receiver: EventEmitter };
  let told = false;
  receiver.removeAllListeners('conclude').on('conclude', () => (told = true));
  return { send: (message: object) => socket.send(JSON.stringify(message)), closed, toldToGo: () => told };
}

/** Subscribes from the cursor and gives what comes, so far as it is awaited. */
const resume = (connection: Record<string, unknown>, after: string | undefined) =>
  Tape.begun(stage, stage.socketClient(connection), WATCH_ORDERS, { after });

test('when the access token expires the socket is closed with 4401 and the last cursor, and a new token goes on from there', async () => {
  const customer = await stage.person(tenantId);
  const orderId = await stage.order(customer);
  const { tape, closing } = await watch(bearer(customer));
  await stage.move(customer, orderId, 'ISSUED');
  await until(() => tape.statuses).toEqual(['ISSUED']);
  stage.clock.shiftMs += 16 * 60_000;
  const end = await closing();
  expect(end).toMatchObject({ closeCode: 4401, code: 'TOKEN_EXPIRED' });
  await stage.move(customer, orderId, 'PAID');
  const { token } = await stage.running.app.auth.issueAccessToken(customer);
  const resumed = await resume({ authorization: `Bearer ${token}` }, end.cursor);
  await until(() => resumed.statuses).toEqual(['PAID']);
  expect(tape.statuses).toEqual(['ISSUED']);
  resumed.stop();
});

test('a subscription that was never told anything is closed with the place where it began', async () => {
  const customer = await stage.person(tenantId);
  const orderId = await stage.order(customer);
  const { token } = await stage.running.app.auth.issueAccessToken(customer);
  const { closing } = await watch({ authorization: `Bearer ${token}` });
  stage.clock.shiftMs += 16 * 60_000;
  const { cursor } = await closing();
  await stage.move(customer, orderId, 'ISSUED');
  const fresh = await stage.running.app.auth.issueAccessToken(customer);
  const resumed = await resume({ authorization: `Bearer ${fresh.token}` }, cursor);
  await until(() => resumed.statuses).toEqual(['ISSUED']);
  resumed.stop();
});

test('a revoked key closes with 4401 and the last cursor; nothing committed after the revocation is delivered', async () => {
  const key = await stage.secretKey(tenantId, ['orders:read']);
  const customer = await stage.person(tenantId);
  const orderId = await stage.order(customer);
  const { tape, closing } = await watch({ apiKey: key.key });
  await stage.move(customer, orderId, 'ISSUED');
  await until(() => tape.statuses).toEqual(['ISSUED']);
  await world.admin('update api_keys set revoked_at = now() where id = $1', [key.id]);
  await world.write(tenantId, 'key.changed', { v: 1 }, key.id);
  // No wake-up between: both events are read together.
  await stage.move(customer, orderId, 'PAID');
  expect(await closing()).toMatchObject({ closeCode: 4401, code: 'KEY_REVOKED', cursor: expect.any(String) as string });
  expect(tape.statuses).toEqual(['ISSUED']);
});

test('an ended session closes its sockets and leaves those of other sessions alone', async () => {
  const [gone, staying] = [await stage.person(tenantId), await stage.person(tenantId)];
  const [first, second] = [await watch(bearer(gone)), await watch(bearer(staying))];
  await world.admin('update sessions set revoked_at = now() where id = $1', [gone.sessionId]);
  await world.write(tenantId, 'session.revoked', { v: 1, userId: gone.userId }, gone.sessionId);
  await stage.move(staying, await stage.order(staying));
  expect(await first.closing()).toMatchObject({ closeCode: 4401, code: 'UNAUTHENTICATED' });
  await until(() => second.tape.statuses).toEqual(['ISSUED']);
  second.tape.stop();
});

test('a session that ends in the moment its socket opens is closed, also where the tenant was not followed before', async () => {
  for (let round = 0; round < 5; round += 1) {
    const gone = await stage.person(await world.tenant());
    const { closed } = await opened(bearer(gone));
    await world.admin('update sessions set revoked_at = now() where id = $1', [gone.sessionId]);
    await world.write(gone.tenantId, 'session.revoked', { v: 1, userId: gone.userId }, gone.sessionId);
    stage.running.app.journal.wake();
    expect(await closed).toBe(4401);
  }
});

test('nothing is done any more for a session that ended, though its client does not answer the close', async () => {
  const gone = await stage.person(tenantId);
  const socket = await deafSocket(bearer(gone));
  await world.admin('update sessions set revoked_at = now() where id = $1', [gone.sessionId]);
  await world.write(tenantId, 'session.revoked', { v: 1, userId: gone.userId }, gone.sessionId);
  stage.running.app.journal.wake();
  await until(() => socket.toldToGo()).toBe(true);
  const query =
    'mutation { createOrder(input: { type: PRODUCT, items: [{ quantity: 1, unitPrice: "1.00", description: [{ locale: "en", text: "late" }] }] }) { order { id } userErrors { code } } }';
  socket.send({ id: 'late', type: 'subscribe', payload: { query } });
  await socket.closed;
  const orders = await world.admin('select id from orders where customer_id = $1', [gone.userId]);
  expect(orders).toEqual([]);
});

test('a change that takes nothing away interrupts nobody: what came meanwhile is delivered', async () => {
  const customer = await stage.person(tenantId);
  const orderId = await stage.order(customer);
  const { tape } = await watch(bearer(customer));
  await stage.move(customer, orderId, 'ISSUED');
  await world.write(tenantId, 'tenant.changed', { v: 1 }, tenantId);
  await stage.move(customer, orderId, 'PAID');
  await world.write(tenantId, 'user.changed', { v: 1 }, customer.userId);
  await stage.move(customer, orderId, 'REFUNDED');
  await until(() => tape.statuses).toEqual(['ISSUED', 'PAID', 'REFUNDED']);
  tape.stop();
});

test('a lowered limit counts on sockets that are open already', async () => {
  const customer = await stage.person(await world.tenant());
  const client = stage.socketClient(bearer(customer));
  const limit = async () => {
    for await (const { data } of client.iterate<{ rateLimit: { limit: number } }>({ query: '{ rateLimit { limit } }' }))
      return data?.rateLimit.limit;
    return null;
  };
  const holding = await Tape.begun(stage, client, WATCH_ORDERS);
  expect(await limit()).toBe(60);
  await world.admin('update portal_configs set rate_limit_per_minute = 50 where tenant_id = $1', [customer.tenantId]);
  await world.write(customer.tenantId, 'tenant.changed', { v: 1 }, customer.tenantId);
  stage.running.app.journal.wake();
  // Each question costs one of the few points.
  await expect.poll(limit, { timeout: 20_000, interval: 500 }).toBe(50);
  holding.stop();
});

test('a tenant that is switched off closes all its sockets with 4403', async () => {
  const home = await world.tenant();
  const staff = await stage.person(home, 'OPERATOR');
  const { closing } = await watch(bearer(staff));
  await world.admin('update tenants set active = false where id = $1', [home]);
  await world.write(home, 'tenant.changed', { v: 1 }, home);
  stage.running.app.journal.wake();
  expect(await closing()).toMatchObject({
    closeCode: 4403,
    code: 'TENANT_INACTIVE',
    cursor: expect.any(String) as string,
  });
});

test('who does not read is cut off, and resumes with nothing lost', async () => {
  const home = await world.tenant();
  const staff = await stage.person(home, 'OPERATOR');
  const orderId = await stage.order(staff);
  const socket = await rawSubscription(staff);
  const openBefore = await openSubscriptions(stage);
  const slow = async () => (await stage.running.app.metrics.slowConsumers.get()).values[0]?.value ?? 0;
  const before = await slow();
  socket.pause();
  // Long aliases make messages big, so that the buffers of the machine are soon full.
  let written = 0;
  while ((await slow()) === before) {
    await world.writeMany(home, 200, orderId);
    written += 200;
    stage.running.app.journal.wake();
    await until(
      async () =>
        (await slow()) > before ||
        (await stage.running.app.metrics.subscriptionMessages.get()).values[0]!.value >= written,
    ).toBe(true);
  }
  await until(() => openSubscriptions(stage)).toBe(openBefore - 1);
  socket.resume();
  const [got, last] = await socket.rest();
  const resumed = await resume(bearer(staff), last);
  await until(() => resumed.events.length).toBe(written - got);
  expect(got).toBeLessThan(written);
  resumed.stop();
});

test('at shutdown every socket is told to go elsewhere, with its last cursor', async () => {
  const leaving = await Stage.open(world);
  const customer = await stage.person(tenantId);
  const orderId = await stage.order(customer);
  const closings: Closing[] = [];
  const client = leaving.socketClient({ authorization: `Bearer ${customer.token}` }, (event) => closings.push(event));
  leaving.clock.shiftMs = stage.clock.shiftMs;
  const { token } = await stage.running.app.auth.issueAccessToken(customer);
  const other = leaving.socketClient({ authorization: `Bearer ${token}` }, (event) => closings.push(event));
  await client.dispose();
  await Tape.begun(leaving, other, WATCH_ORDERS, { orderId: orderGlobalId(orderId) });
  closings.length = 0;
  await leaving.live.close();
  await until(() => closings.length).toBe(1);
  expect(closings[0]!.code).toBe(1001);
  const { code, cursor } = JSON.parse(closings[0]!.reason) as { code: string; cursor: string };
  expect(code).toBe('GOING_AWAY');
  await stage.move(customer, orderId, 'ISSUED');
  const resumed = await resume({ authorization: `Bearer ${token}` }, cursor);
  await until(() => resumed.statuses).toEqual(['ISSUED']);
  resumed.stop();
  await leaving.close();
});

test('a socket that does not introduce itself is closed, as is one with a wrong path, protocol or credentials', async () => {
  const close = (url: string, protocol: string, send?: object) =>
    new Promise<number>((resolve) => {
      const socket = new WebSocket(url, protocol);
      socket.on('open', () => send && socket.send(JSON.stringify(send)));
      socket.on('close', (code) => resolve(code));
      socket.on('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0));
      socket.on('error', () => undefined);
    });
  expect(await close(stage.wsUrl, 'graphql-transport-ws')).toBe(4408);
  expect(await close(stage.wsUrl.replace('/graphql', '/other'), 'graphql-transport-ws')).toBe(404);
  expect(
    await close(stage.wsUrl, 'graphql-transport-ws', {
      type: 'connection_init',
      payload: { authorization: 'Bearer a.b.c' },
    }),
  ).toBe(4401);
  expect(
    await close(stage.wsUrl, 'graphql-transport-ws', {
      type: 'connection_init',
      payload: { apiKey: 'sk_test_unknownunknownunknown' },
    }),
  ).toBe(4401);
  expect(
    await close(stage.wsUrl, 'graphql-transport-ws', { type: 'subscribe', id: '1', payload: { query: WATCH_ORDERS } }),
  ).toBe(4401);
});

test('guessing at keys over sockets is bounded as it is over HTTP, and a known key still gets in', async () => {
  const { key } = await stage.secretKey(tenantId, ['orders:read']);
  const knock = async (apiKey: string) => {
    const socket = new WebSocket(stage.wsUrl, 'graphql-transport-ws');
    const answer = new Promise<string>((resolve) => {
      socket.once('message', () => resolve('in'));
      socket.once('close', (_code: number, reason: Buffer) => resolve(String(reason)));
    });
    socket.once('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload: { apiKey } })));
    const heard = await answer;
    socket.close();
    return heard;
  };
  expect(await knock(key)).toBe('in');
  const answers: string[] = [];
  for (let index = 0; index < 2 * FAILURES_PER_MINUTE + 2 && answers.at(-1) !== '{"code":"RATE_LIMITED"}'; index += 1)
    answers.push(await knock(`pk_live_guess_${index}_${'x'.repeat(20)}`));
  expect(answers[0]).toBe('{"code":"UNAUTHENTICATED"}');
  expect(answers.at(-1)).toBe('{"code":"RATE_LIMITED"}');
  expect(await knock(key)).toBe('in');
  // The next minute.
  stage.clock.shiftMs += 60_000;
});

test('a foreign origin is refused before anything is executed, a listed one is let in', async () => {
  await world.admin(`update portal_configs set cors_origins = '{https://shop.example}' where tenant_id = $1`, [
    tenantId,
  ]);
  await world.write(tenantId, 'tenant.changed', { v: 1 }, tenantId);
  stage.running.app.journal.wake();
  const { key } = await stage.key(tenantId, 'PUBLISHABLE');
  const enter = (origin: string) =>
    new Promise<string>((resolve) => {
      const socket = new WebSocket(stage.wsUrl, 'graphql-transport-ws', { origin });
      socket.on('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload: { apiKey: key } })));
      socket.on(
        'message',
        (data: Buffer) => (resolve((JSON.parse(data.toString()) as { type: string }).type), socket.close()),
      );
      socket.on('close', (code, reason) => resolve(`${code} ${String(reason)}`));
    });
  await until(() => enter('https://shop.example')).toBe('connection_ack');
  expect(await enter('https://evil.example')).toBe('4403 {"code":"FORBIDDEN"}');
});

test('one connection has a bound of subscriptions, and the bound is lifted when one of them ends', async () => {
  const staff = await stage.person(tenantId, 'OPERATOR');
  const { token } = await stage.running.app.auth.issueAccessToken(staff);
  const client = stage.socketClient({ authorization: `Bearer ${token}` });
  const openBefore = await openSubscriptions(stage);
  const tapes: Tape[] = [];
  for (let index = 0; index < 3; index += 1) tapes.push(await Tape.begun(stage, client, WATCH_ORDERS));
  const over = new Tape(client, WATCH_ORDERS);
  await until(() => over.error).toMatchObject([{ extensions: { code: 'RATE_LIMITED' } }]);
  tapes[0]!.stop();
  await until(() => openSubscriptions(stage)).toBe(openBefore + 2);
  tapes.push(await Tape.begun(stage, client, WATCH_ORDERS));
  for (const tape of tapes) tape.stop();
});

test('a message that is too large closes its socket and costs nobody else anything', async () => {
  const socket = new WebSocket(stage.wsUrl, 'graphql-transport-ws');
  const code = await new Promise<number>((resolve) => {
    socket.on('open', () => socket.send('x'.repeat(300 * 1024)));
    socket.on('close', resolve);
    socket.on('error', () => undefined);
  });
  expect(code).toBe(1009);
});

/** A subscription by hand, because the stock client can't stop reading. */
async function rawSubscription(person: Person) {
  const { token } = await stage.running.app.auth.issueAccessToken(person);
  const cursors: string[] = [];
  const openBefore = await openSubscriptions(stage);
  const socket = new WebSocket(stage.wsUrl, 'graphql-transport-ws');
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const long = 'a'.repeat(1000);
  socket.on('open', () =>
    socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } })),
  );
  socket.on('message', (data: Buffer) => {
    const message = JSON.parse(data.toString()) as { type: string; payload: { data: { event: { cursor: string } } } };
    if (message.type === 'connection_ack') {
      const query = `subscription { event: orderStatusChanged { cursor ${long}1: status ${long}2: status ${long}3: status ${long}4: status } }`;
      socket.send(JSON.stringify({ type: 'subscribe', id: '1', payload: { query } }));
    } else if (message.type === 'next') cursors.push(message.payload.data.event.cursor);
  });
  await until(() => openSubscriptions(stage)).toBe(openBefore + 1);
  return {
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    rest: async (): Promise<[number, string | undefined]> => {
      await closed;
      return [cursors.length, cursors.at(-1)];
    },
  };
}
