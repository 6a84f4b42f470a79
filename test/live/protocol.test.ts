import { afterAll, beforeAll, expect, test } from 'vitest';

import { Stage, type Person } from './stage.ts';
import { openSubscriptions, Tape, WATCH_ORDERS } from './tape.ts';
import { until, World } from './world.ts';

let world: World;
let stage: Stage;
let customer: Person;
beforeAll(async () => {
  world = await World.create();
  stage = await Stage.open(world);
  customer = await stage.person(await world.tenant());
});
afterAll(async () => {
  await stage.close();
  await world.drop();
});

const client = () => stage.socketClient({ authorization: `Bearer ${customer.token}` });

test('a query and a mutation over the socket get the same answers as over HTTP', async () => {
  const socket = client();
  const ask = async (query: string) => {
    const results = [];
    for await (const result of socket.iterate({ query })) results.push(result);
    return results;
  };
  const [query] = await ask('{ viewer { kind user { id } } }');
  expect(query).toMatchObject({
    data: { viewer: { kind: 'CUSTOMER' } },
    extensions: { cost: { requested: 1 }, cursor: expect.any(String) as string },
  });
  const [mutation] = await ask(
    'mutation { issueOrder(input: { orderId: "nonsense" }) { order { id } userErrors { code } } }',
  );
  expect(mutation).toMatchObject({ data: { issueOrder: { order: null, userErrors: [{ code: 'FORBIDDEN' }] } } });
});

test('an empty operation name is none, over the socket as over HTTP', async () => {
  const answers: unknown[] = [];
  const payload = { query: '{ viewer { kind } }', operationName: '' };
  for await (const answer of client().iterate(payload)) answers.push(answer);
  expect(answers).toMatchObject([{ data: { viewer: { kind: 'CUSTOMER' } } }]);
  const tape = await Tape.begun(stage, client(), WATCH_ORDERS, {}, '');
  tape.stop();
  await until(() => openSubscriptions(stage)).toBe(0);
});

test('errors before execution come as an error message with codes, and leave the socket open', async () => {
  const socket = client();
  const wrong = new Tape(socket, 'subscription { nothing }');
  await until(() => wrong.error).toMatchObject([
    { message: expect.stringContaining('nothing') as string, extensions: { code: 'INVALID_INPUT' } },
  ]);
  const deep = new Tape(
    socket,
    `subscription { orderStatusChanged { ${'order { customer { orders { edges { node { '.repeat(4)} id ${'} } } } }'.repeat(4)} } }`,
  );
  await until(() => deep.error).toMatchObject([{ extensions: { code: 'QUERY_TOO_COSTLY' } }]);
  const two = new Tape(socket, 'subscription { a: orderStatusChanged { cursor } b: orderStatusChanged { cursor } }');
  await until(() => two.error).not.toBeNull();
  const good = await Tape.begun(stage, socket, WATCH_ORDERS);
  good.stop();
  await until(() => openSubscriptions(stage)).toBe(0);
});

test('introspection over the socket needs the same right as over HTTP', async () => {
  const tape = new Tape(client(), '{ __schema { queryType { name } } }');
  await until(() => tape.error).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }]);
});

test('several subscriptions of one socket end one by one', async () => {
  const socket = client();
  const [one, two] = [await Tape.begun(stage, socket, WATCH_ORDERS), await Tape.begun(stage, socket, WATCH_ORDERS)];
  one.stop();
  await until(() => openSubscriptions(stage)).toBe(1);
  await stage.move(customer, await stage.order(customer));
  await until(() => two.statuses).toEqual(['ISSUED']);
  expect(one.statuses).toEqual([]);
  two.stop();
  await until(() => openSubscriptions(stage)).toBe(0);
});

test('a subscription costs its budget as any operation does', async () => {
  const tenantId = await world.tenant();
  const staff = await stage.person(tenantId, 'OPERATOR');
  await world.admin('update portal_configs set rate_limit_per_minute = 3 where tenant_id = $1', [tenantId]);
  const socket = stage.socketClient({ authorization: `Bearer ${staff.token}` });
  const tapes = Array.from({ length: 8 }, () => new Tape(socket, WATCH_ORDERS));
  await until(() => tapes.some((tape) => tape.error !== null)).toBe(true);
  const refused = tapes.find((tape) => tape.error !== null)!;
  expect(refused.error).toMatchObject([{ extensions: { code: 'RATE_LIMITED' } }]);
  for (const tape of tapes) tape.stop();
});
