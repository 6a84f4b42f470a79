import { randomUUID } from 'node:crypto';

import { parse, subscribe } from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { encodeCursor } from '../../src/cursor.ts';
import { createContext } from '../../src/request.ts';
import { schema } from '../../src/schema/index.ts';
import { orderGlobalId, Stage, type Person } from './stage.ts';
import { openSubscriptions, Tape, WATCH_ORDERS, WATCH_PAYMENTS } from './tape.ts';
import { until, World } from './world.ts';

let world: World;
let stage: Stage;
let tenantId: string;
let operator: Person;
beforeAll(async () => {
  world = await World.create();
  stage = await Stage.open(world);
  tenantId = await world.tenant();
  operator = await stage.person(tenantId, 'OPERATOR');
});
afterAll(async () => {
  await stage.close();
  await world.drop();
});

const bearer = (person: Person) => ({ authorization: `Bearer ${person.token}` });
const watch = (connection: Record<string, unknown>, variables = {}, query = WATCH_ORDERS) =>
  Tape.begun(stage, stage.socketClient(connection), query, variables);
const refused = async (connection: Record<string, unknown>, variables = {}, query = WATCH_ORDERS) => {
  const tape = new Tape(stage.socketClient(connection), query, variables);
  await until(() => tape.error).not.toBeNull();
  expect(tape.results).toEqual([]);
  return (tape.error as { extensions: { code: string } }[])[0]?.extensions.code;
};

test("a customer watches their own order: the status is the event's own, the order is read when delivered", async () => {
  const customer = await stage.person(tenantId);
  const orderId = await stage.order(customer);
  const tape = await watch(bearer(customer), { orderId: orderGlobalId(orderId) });
  await world.admin(`update orders set status = 'CANCELLED' where id = '${orderId}'`);
  await stage.move(customer, orderId);
  await until(() => tape.events).toMatchObject([
    { previousStatus: 'DRAFT', status: 'ISSUED', order: { id: orderGlobalId(orderId), status: 'CANCELLED' } },
  ]);
  expect(tape.results[0]!.errors).toBeUndefined();
  tape.stop();
  await until(() => openSubscriptions(stage)).toBe(0);
});

test("a customer gets what is theirs and nothing else, an operator all of the tenant, nobody another tenant's", async () => {
  const [mine, hers] = [await stage.person(tenantId), await stage.person(tenantId)];
  const elsewhere = await world.tenant();
  const theirs = await stage.person(elsewhere);
  const tapes = {
    mine: await watch(bearer(mine)),
    all: await watch(bearer(operator)),
    partner: await watch({ apiKey: (await stage.secretKey(tenantId, ['orders:read'])).key }),
  };
  const orders = new Map<Person, string>();
  for (const customer of [hers, theirs, mine]) {
    orders.set(customer, await stage.order(customer));
    await stage.move(customer, orders.get(customer)!);
  }
  const ids = (tape: Tape) => tape.events.map((event) => event.order.id);
  const [ofMine, ofHers] = [orderGlobalId(orders.get(mine)!), orderGlobalId(orders.get(hers)!)];
  await until(() => ids(tapes.mine)).toEqual([ofMine]);
  await until(() => ids(tapes.all)).toEqual([ofHers, ofMine]);
  await until(() => ids(tapes.partner)).toEqual([ofHers, ofMine]);
  for (const tape of Object.values(tapes)) tape.stop();
});

test('an order of somebody else, of another tenant or of nobody is NOT_FOUND when subscribing', async () => {
  const [customer, other] = [await stage.person(tenantId), await stage.person(tenantId)];
  const foreign = await stage.person(await world.tenant());
  for (const orderId of [await stage.order(other), await stage.order(foreign), randomUUID()]) {
    for (const query of [WATCH_ORDERS, WATCH_PAYMENTS])
      expect(await refused(bearer(customer), { orderId: orderGlobalId(orderId) }, query)).toBe('NOT_FOUND');
  }
  expect(await refused(bearer(operator), { orderId: orderGlobalId(await stage.order(foreign)) })).toBe('NOT_FOUND');
  expect(await refused(bearer(operator), { orderId: 'nonsense' })).toBe('NOT_FOUND');
  const own = await watch(bearer(customer), { orderId: orderGlobalId(await stage.order(customer)) });
  own.stop();
});

test('keys watch by their scopes, publishable keys nothing', async () => {
  const payments = await stage.secretKey(tenantId, ['payments:read']);
  expect(await refused({ apiKey: payments.key })).toBe('FORBIDDEN');
  const tape = await watch({ apiKey: payments.key }, {}, WATCH_PAYMENTS);
  tape.stop();
  expect(await refused({ apiKey: (await stage.key(tenantId, 'PUBLISHABLE')).key })).toBe('UNAUTHENTICATED');
  expect(await refused({})).toBe('UNAUTHENTICATED');
});

test('query, then subscribe after its cursor: what happens between the two is delivered', async () => {
  const customer = await stage.person(tenantId);
  const orderId = await stage.order(customer);
  const answer = await fetch(stage.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...bearer(customer) },
    body: JSON.stringify({ query: '{ orders(first: 1) { edges { node { id } } } }' }),
  });
  const { extensions } = (await answer.json()) as { extensions: { cursor: string } };
  await stage.move(customer, orderId, 'ISSUED');
  const tape = await watch(bearer(customer), { after: extensions.cursor });
  await stage.move(customer, orderId, 'PAID', 'ISSUED');
  await until(() => tape.statuses).toEqual(['ISSUED', 'PAID']);
  tape.stop();
});

test("who resumes from an event's cursor gets everything after it, once and in order, also while more is written", async () => {
  const customer = await stage.person(tenantId);
  const orderId = await stage.order(customer);
  const first = await watch(bearer(operator));
  const names = ['ISSUED', 'PAID', 'PARTIALLY_REFUNDED', 'REFUNDED'];
  for (let index = 0; index < 100; index += 1) await stage.move(customer, orderId, names[index % 4]!);
  await until(() => first.events.length).toBe(100);
  // From every tenth place at once, while writing goes on.
  const places = Array.from({ length: 10 }, (_, index) => index * 10);
  const resumed = places.map(
    (place) => new Tape(stage.socketClient(bearer(operator)), WATCH_ORDERS, { after: first.events[place]!.cursor }),
  );
  for (let index = 100; index < 140; index += 1) await stage.move(customer, orderId, names[index % 4]!);
  await until(() => first.events.length).toBe(140);
  const cursors = first.events.map((event) => event.cursor);
  expect(new Set(cursors).size).toBe(140);
  for (const [index, tape] of resumed.entries()) {
    await until(() => tape.events.length).toBe(139 - places[index]!);
    expect(tape.events.map((event) => event.cursor)).toEqual(cursors.slice(places[index]! + 1));
    tape.stop();
  }
  first.stop();
});

test('a cursor serves every process of the installation', async () => {
  const other = await Stage.open(world);
  const customer = await stage.person(tenantId);
  const orderId = await stage.order(customer);
  const here = await watch(bearer(customer));
  await stage.move(customer, orderId, 'ISSUED');
  await until(() => here.statuses).toEqual(['ISSUED']);
  await stage.move(customer, orderId, 'PAID');
  const there = new Tape(other.socketClient(bearer(customer)), WATCH_ORDERS, { after: here.lastCursor });
  await until(() => there.statuses).toEqual(['PAID']);
  await stage.move(customer, orderId, 'REFUNDED');
  await until(() => there.statuses).toEqual(['PAID', 'REFUNDED']);
  here.stop();
  await other.close();
});

test('a cursor that is tampered with, of another tenant or from beyond the head is CURSOR_INVALID, a forgotten one CURSOR_EXPIRED', async () => {
  const home = await world.tenant();
  const staff = await stage.person(home, 'OPERATOR');
  const order = await stage.order(staff);
  for (let index = 0; index < 5; index += 1) await stage.move(staff, order);
  const [stream] = await world.admin<{ epoch: string }>('select epoch from streams where tenant_id = $1', [home]);
  const at = (position: bigint, of = home) =>
    encodeCursor(stage.running.app.vault, { tenantId: of, epoch: stream!.epoch }, { position, platformPosition: 0n });
  const good = at(1n);
  for (const after of [`${good.slice(0, -1)}${good.endsWith('A') ? 'B' : 'A'}`, 'nonsense', at(1n, tenantId), at(6n)]) {
    expect(await refused(bearer(staff), { after }), after).toBe('CURSOR_INVALID');
  }
  const tape = await watch(bearer(staff), { after: good });
  await until(() => tape.events.length).toBe(4);
  tape.stop();
  await world.admin('delete from events where tenant_id = $1 and position <= 2', [home]);
  expect(await refused(bearer(staff), { after: good })).toBe('CURSOR_EXPIRED');
});

test("equal subscriptions are executed once per event, a customer's own never for another", async () => {
  const [one, two] = [await stage.person(tenantId), await stage.person(tenantId)];
  const orderId = await stage.order(one);
  const dashboards = Array.from({ length: 10 }, () => new Tape(stage.socketClient(bearer(operator)), WATCH_ORDERS));
  await until(() => openSubscriptions(stage)).toBe(10);
  const customers = [await watch(bearer(one)), await watch(bearer(two))];
  const executions = async () => (await stage.running.app.metrics.subscriptionExecutions.get()).values[0]?.value ?? 0;
  const before = await executions();
  await stage.move(one, orderId);
  for (const tape of [...dashboards, customers[0]!]) await until(() => tape.events.length).toBe(1);
  expect(await executions()).toBe(before + 2);
  expect(customers[1]!.events).toEqual([]);
  for (const tape of [...dashboards, ...customers]) tape.stop();
});

test('an event whose execution finds the database out of reach is delivered when it is back', async () => {
  const customer = await stage.person(tenantId);
  const orderId = await stage.order(customer);
  const tape = await watch(bearer(customer));
  await world.write(
    tenantId,
    'order.status',
    { v: 1, customerId: customer.userId, previousStatus: 'DRAFT', status: 'ISSUED' },
    orderId,
  );
  const killing = world.admin(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name like 'portolan%'`,
  );
  stage.running.app.journal.wake();
  await killing;
  await until(() => tape.statuses).toEqual(['ISSUED']);
  expect(tape.results[0]!.errors).toBeUndefined();
  tape.stop();
});

test('any standard executor can run a subscription as well: it gets the same events', async () => {
  const { app } = stage.running;
  const customer = await stage.person(tenantId);
  const orderId = await stage.order(customer);
  const identity = await app.auth.identify({
    apiKey: null,
    authorization: `Bearer ${customer.token}`,
    origin: null,
    tenantSlug: null,
  });
  const contextValue = createContext(app, identity, 'test');
  const followersBefore = app.journal.counts.followers;
  const results = (await subscribe({
    schema,
    document: parse('subscription { orderStatusChanged { cursor status } }'),
    contextValue,
  })) as AsyncGenerator<{ data: { orderStatusChanged: { status: string } } }>;
  await stage.move(operator, await stage.order(operator), 'PAID');
  await stage.move(customer, orderId, 'ISSUED');
  expect((await results.next()).value.data.orderStatusChanged.status).toBe('ISSUED');
  // Ended while it waits: nothing is left behind.
  const waiting = results.next();
  await results.return(undefined);
  expect((await waiting).done).toBe(true);
  await until(() => app.journal.counts.followers).toBe(followersBefore);
  contextValue.reads.end();
});
