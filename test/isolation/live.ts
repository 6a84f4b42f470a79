import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createWsClient } from 'graphql-ws';
import WebSocket from 'ws';

import { schema } from '../../src/schema/index.ts';
import { eventually, headersOf, type As, type TestApp } from '../helpers/app.ts';
import { selectionOf } from './documents.ts';
import { CANARIES, type Population } from './population.ts';

/** Subscriptions with the wrong tenant and the wrong customer, over both transports, while the right ones get the event. */

export interface LiveProof {
  readonly fields: number;
  readonly probes: number;
  readonly leaks: readonly string[];
  readonly withoutControl: readonly string[];
}

const FIELDS = Object.values(schema.getSubscriptionType()!.getFields());
const TRANSPORTS = ['websocket', 'event-stream'] as const;
type Transport = (typeof TRANSPORTS)[number];

interface Open {
  readonly label: string;
  readonly answers: string[];
  readonly refused: () => boolean;
  readonly close: () => void;
}

interface Shot {
  readonly field: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly name: string;
  /** Only what the event itself says, or also what it leads to: a look at that may be refused while the event still shows. */
  readonly depth: 1 | 3;
}

/** An order of the victim that is issued and paid for while everybody listens. */
async function newOrder(
  world: TestApp,
  population: Population,
): Promise<{ orderId: string; happen: () => Promise<void> }> {
  const { operator, customer } = population.owners;
  const { createOrder } = await world.data(
    operator,
    'mutation ($input: CreateOrderInput!) { createOrder(input: $input) { order { id } userErrors { code } } }',
    {
      input: {
        type: 'MANUAL_INVOICE',
        customerId: population.ids['User'],
        items: [{ description: [{ locale: 'en', text: CANARIES[0] }], quantity: 1, unitPrice: '7919.37' }],
      },
    },
  );
  const orderId: string = createOrder.order.id;
  const happen = async (): Promise<void> => {
    await world.data(operator, 'mutation ($input: IssueOrderInput!) { issueOrder(input: $input) { order { id } } }', {
      input: { orderId },
    });
    await world.data(customer, 'mutation ($input: PayOrderInput!) { payOrder(input: $input) { payment { id } } }', {
      input: { orderId, methodId: population.ids['PaymentMethod'] },
    });
  };
  return { orderId, happen };
}

/** Every subscription with every argument it takes. @throws where one takes an argument that nobody thought of */
function shots(orderId: string, after: string): Shot[] {
  return FIELDS.flatMap(({ name, args }) => {
    const strange = args.find((argument) => argument.name !== 'orderId' && argument.name !== 'after');
    if (strange) throw new Error(`Say what ${name}.${strange.name} is probed with.`);
    return ([1, 3] as const).flatMap((depth) => [
      { field: name, args: {}, name, depth },
      { field: name, args: { orderId }, name: `${name}(orderId)`, depth },
      { field: name, args: { after }, name: `${name}(after)`, depth },
      { field: name, args: { orderId, after }, name: `${name}(orderId, after)`, depth },
    ]);
  });
}

/** Everybody listens while it happens; then everybody asks from a cursor before it for what was. */
export async function proveLive(world: TestApp, population: Population): Promise<LiveProof> {
  const { orderId, happen } = await newOrder(world, population);
  const { extensions } = await world.ask(population.owners.operator, '{ orders(first: 1) { nodes { id } } }');
  const all = shots(orderId, extensions!['cursor'] as string);
  const live = openAll(world, population, all);
  await allOpen(world, live);
  await happen();
  const first = await judge(world, population, live);
  const late = openAll(
    world,
    population,
    all.filter(({ args }) => 'after' in args),
  );
  await allOpen(world, late);
  const second = await judge(world, population, late);
  return {
    fields: FIELDS.length,
    probes: live.strangers.length + late.strangers.length,
    leaks: [...first.leaks, ...second.leaks],
    withoutControl: [...first.withoutControl, ...second.withoutControl],
  };
}

interface Everybody {
  readonly owners: readonly Open[];
  readonly strangers: readonly Open[];
}

function openAll(world: TestApp, { owners, strangers }: Population, all: readonly Shot[]): Everybody {
  const { customer, operator } = owners;
  const openFor = (people: Readonly<Record<string, As>>): Open[] =>
    TRANSPORTS.flatMap((transport) =>
      all.flatMap((shot) => Object.entries(people).map(([who, as]) => open(world, as, transport, shot, who))),
    );
  return { owners: openFor({ customer, operator }), strangers: openFor(strangers) };
}

/** Until each is counted as open, or was refused. */
async function allOpen(world: TestApp, { owners, strangers }: Everybody): Promise<void> {
  const all = [...owners, ...strangers];
  await eventually(
    async () => {
      const { values } = await world.app.metrics.subscriptions.get();
      const active = values.reduce((sum, { value }) => sum + value, 0);
      return active + all.filter(({ refused }) => refused()).length;
    },
    (count) => count === all.length,
    15_000,
  );
}

async function judge(
  world: TestApp,
  population: Population,
  { owners, strangers }: Everybody,
): Promise<Pick<LiveProof, 'leaks' | 'withoutControl'>> {
  const without = await Promise.all(owners.map(got));
  await settled(world, population, strangers);
  const leaks = strangers.flatMap((one) =>
    one.answers.flatMap((answer) => (isLeak(answer, population) ? [`${one.label}: ${answer.slice(0, 200)}`] : [])),
  );
  for (const one of [...owners, ...strangers]) one.close();
  await eventually(
    async () => (await world.app.metrics.subscriptions.get()).values.reduce((sum, { value }) => sum + value, 0),
    (count) => count === 0,
    15_000,
  );
  return { leaks, withoutControl: owners.filter((_one, index) => !without[index]).map(({ label }) => label) };
}

const got = (one: Open): Promise<boolean> =>
  eventually(() => one.answers.some((answer) => answer.includes('"status":')), Boolean, 15_000).catch(() => false);

/**
 * Shows the victim's words or ids, or that something of theirs happened: orders of strangers are only ever cancelled here, and nobody pays
 * them.
 */
function isLeak(answer: string, population: Population): boolean {
  if (/"status":"(ISSUED|PENDING)"/.test(answer)) return true;
  return [...CANARIES, ...Object.values(population.ids)].some((word) => answer.includes(word));
}

/**
 * Waits until those strangers who were not refused and have events of their own got one: only then is it certain that an event of the
 * victim's before it would have come, too.
 */
async function settled(world: TestApp, population: Population, strangers: readonly Open[]): Promise<void> {
  const listening = strangers.filter(
    ({ label, refused }) => label.startsWith('order') && !label.includes('platform') && !refused(),
  );
  if (listening.length === 0) throw new Error('No stranger listens, so nothing would be proven.');
  const before = new Map(listening.map((one) => [one, one.answers.length]));
  await ownEvents(world, population);
  await eventually(
    () => listening.filter((one) => one.answers.length === before.get(one)).map(({ label }) => label),
    (silent) => silent.length === 0,
    15_000,
  );
}

/** An order of the peer and one of the other tenant's customer change their status. */
async function ownEvents(world: TestApp, population: Population): Promise<void> {
  const create =
    'mutation ($input: CreateOrderInput!) { createOrder(input: $input) { order { id } userErrors { code } } }';
  const cancel =
    'mutation ($input: CancelOrderInput!) { cancelOrder(input: $input) { order { id } userErrors { code } } }';
  const items = [{ description: [{ locale: 'en', text: 'Harmless' }], quantity: 1, unitPrice: '1.00' }];
  for (const as of [
    population.strangers['another customer of the same tenant']!,
    population.strangers["another tenant's customer"]!,
  ]) {
    const { createOrder } = await world.data(as, create, { input: { type: 'PRODUCT', items } });
    await world.data(as, cancel, { input: { orderId: createOrder.order.id } });
  }
}

function open(world: TestApp, as: As, transport: Transport, shot: Shot, who: string): Open {
  const field = schema.getSubscriptionType()!.getFields()[shot.field]!;
  const used = field.args.filter(({ name }) => name in shot.args);
  const head = used.length === 0 ? '' : `(${used.map(({ name, type }) => `$${name}: ${String(type)}`).join(', ')})`;
  const passed = used.length === 0 ? '' : `(${used.map(({ name }) => `${name}: $${name}`).join(', ')})`;
  const document = {
    query: `subscription ${head} { ${field.name}${passed} ${selectionOf(schema, field.type, shot.depth)} }`,
    variables: { ...shot.args },
  };
  const answers: string[] = [];
  const take = (answer: unknown): void => void answers.push(JSON.stringify(answer));
  const sink = { next: take, error: take, complete: () => undefined };
  const refused = (): boolean => answers.some((answer) => answer.includes('"errors":') || answer.startsWith('['));
  const label = `${shot.name} as ${who} over ${transport}`;
  if (transport === 'websocket') {
    const connectionParams = {
      ...(as.token && { authorization: `Bearer ${as.token}` }),
      ...(as.key && { apiKey: as.key }),
    };
    const client = createWsClient({ url: world.wsUrl, webSocketImpl: WebSocket, connectionParams, retryAttempts: 0 });
    client.subscribe(document, sink);
    return { label, answers, refused, close: () => void client.dispose() };
  }
  const client = createSseClient({ url: world.url, headers: headersOf(as), retryAttempts: 0 });
  client.subscribe(document, sink);
  return { label, answers, refused, close: () => client.dispose() };
}
