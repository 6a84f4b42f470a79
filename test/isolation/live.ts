import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createWsClient } from 'graphql-ws';
import WebSocket from 'ws';

import { PLATFORM_TENANT_ID } from '../../src/auth/platform.ts';
import { appendEvent, type EventType, type NewEvent } from '../../src/events.ts';
import { decodeGlobalId } from '../../src/global-id.ts';
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

/** Whom a field is for; where it is for all, whoever owns something is shown theirs. */
const FOR_STAFF: ReadonlySet<string> = new Set(['providerHealthChanged']);
const isForStaff = ({ name }: { readonly name: string }): boolean => FOR_STAFF.has(name.split('(')[0]!);

/** An order of the victim that is issued and paid for while everybody listens; a stay of theirs ends, and its provider falls ill. */
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
    await world.data(operator, SET_STATUS, { input: { bookingId: population.ids['Booking'], status: 'COMPLETED' } });
    await fallIll(world, population);
  };
  return { orderId, happen };
}

const SET_STATUS =
  'mutation ($input: UpdateBookingStatusInput!) { updateBookingStatus(input: $input) { booking { id } userErrors { code } } }';

/** As the health keeper writes it, on the platform's stream. */
const fallIll = (world: TestApp, { provider: { slug, id } }: Population): Promise<void> =>
  tell(world, PLATFORM_TENANT_ID, {
    type: 'provider.health',
    aggregateType: 'Provider',
    aggregateId: decodeGlobalId(id)!.id,
    payload: {
      v: 1,
      slug,
      verticals: ['LODGING'],
      previousStatus: 'HEALTHY',
      status: 'UNHEALTHY',
      evidence: {},
    },
  });

async function tell<T extends EventType>(
  { app: { db, journal, clock, newId } }: TestApp,
  tenantId: string,
  event: Omit<NewEvent<T>, 'id' | 'version' | 'occurredAt'>,
): Promise<void> {
  await db.write({ tenantId, customerId: null }, async (tx) =>
    appendEvent(tx, { ...event, id: newId(), version: 2, occurredAt: clock.now() }),
  );
  journal.wake();
}

/**
 * Every subscription with every argument it takes: alone, from a place, and what narrows it together with that place.
 * @throws where one takes an argument that nobody thought of
 */
function shots(given: Readonly<Record<string, unknown>>): Shot[] {
  return FIELDS.flatMap(({ name, args }) => {
    const strange = args.find((argument) => !(argument.name in given));
    if (strange) throw new Error(`Say what ${name}.${strange.name} is probed with.`);
    const narrowing = args.map((argument) => argument.name).filter((argument) => argument !== 'after');
    const sets = [[], ['after'], ...narrowing.flatMap((one) => [[one], [one, 'after']])];
    return ([1, 3] as const).flatMap((depth) =>
      sets.map((names) => ({
        field: name,
        args: Object.fromEntries(names.map((one) => [one, given[one]])),
        name: names.length === 0 ? name : `${name}(${names.join(', ')})`,
        depth,
      })),
    );
  });
}

/** Everybody listens while it happens; then everybody asks from a cursor before it for what was. */
export async function proveLive(world: TestApp, population: Population): Promise<LiveProof> {
  const { orderId, happen } = await newOrder(world, population);
  const { extensions } = await world.ask(population.owners.operator, '{ orders(first: 1) { nodes { id } } }');
  const all = shots({
    orderId,
    bookingId: population.ids['Booking'],
    slug: population.provider.slug,
    vertical: 'LODGING',
    after: extensions!['cursor'] as string,
  });
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
    probes: [live, late].reduce((sum, { guests, strangers }) => sum + guests.length + strangers.length, 0),
    leaks: [...first.leaks, ...second.leaks],
    withoutControl: [...first.withoutControl, ...second.withoutControl],
  };
}

interface Everybody {
  readonly owners: readonly Open[];
  /** May know that it happened, and nothing of the victim's. */
  readonly guests: readonly Open[];
  readonly strangers: readonly Open[];
}

function openAll(world: TestApp, { owners, strangers }: Population, all: readonly Shot[]): Everybody {
  const { customer, operator, platformAtHome } = owners;
  const openFor = (wanted: readonly Shot[], people: Readonly<Record<string, As>>): Open[] =>
    TRANSPORTS.flatMap((transport) =>
      wanted.flatMap((shot) => Object.entries(people).map(([who, as]) => open(world, as, transport, shot, who))),
    );
  const [ofStaff, ofAll] = [all.filter(isForStaff), all.filter((shot) => !isForStaff(shot))];
  // What is for staff is for every tenant's: strangers to it are customers, and the others see nothing of the victim's through it.
  const customers = Object.entries(strangers).filter(([who]) => who.includes('customer'));
  const staff = Object.entries(strangers).filter(
    ([who]) => who.startsWith('another tenant') && !who.includes('customer'),
  );
  const shallow = ofStaff.filter(({ depth }) => depth === 1);
  return {
    // All there is of a provider is for the platform's administrators at home, where A's cursor is none.
    owners: [
      ...openFor(ofAll, { customer, operator }),
      ...openFor(shallow, { operator }),
      ...openFor(
        ofStaff.filter(({ args }) => !('after' in args)),
        { platformAtHome },
      ),
    ],
    guests: openFor(ofStaff, Object.fromEntries(staff)),
    strangers: [
      ...openFor(ofAll, strangers),
      ...openFor(ofStaff, { ...Object.fromEntries(customers), 'the customer': customer }),
    ],
  };
}

/** Until each is counted as open, or was refused. */
async function allOpen(world: TestApp, { owners, guests, strangers }: Everybody): Promise<void> {
  const all = [...owners, ...guests, ...strangers];
  await eventually(
    async () => {
      const { values } = await world.app.metrics.subscriptions.get();
      const active = values.reduce((sum, { value }) => sum + value, 0);
      return active + all.filter(({ refused }) => refused()).length;
    },
    (count) => count === all.length,
  );
}

async function judge(
  world: TestApp,
  population: Population,
  { owners, guests, strangers }: Everybody,
): Promise<Pick<LiveProof, 'leaks' | 'withoutControl'>> {
  const without = await Promise.all(owners.map(got));
  await settled(world, population, strangers);
  const leaksOf = (all: readonly Open[], isLeak: (answer: string, population: Population) => boolean): string[] =>
    all.flatMap(({ label, answers }) =>
      answers.filter((answer) => isLeak(answer, population)).map((answer) => `${label}: ${answer.slice(0, 200)}`),
    );
  const leaks = [...leaksOf(strangers, tellsOfVictim), ...leaksOf(guests, showsVictim)];
  for (const one of [...owners, ...guests, ...strangers]) one.close();
  await eventually(
    async () => (await world.app.metrics.subscriptions.get()).values.reduce((sum, { value }) => sum + value, 0),
    (count) => count === 0,
  );
  return { leaks, withoutControl: owners.filter((_one, index) => !without[index]).map(({ label }) => label) };
}

const got = (one: Open): Promise<boolean> =>
  eventually(() => one.answers.some((answer) => answer.includes('"status":')), Boolean).catch(() => false);

/**
 * Shows the victim's words or ids, or that something of theirs happened: orders and bookings of strangers are only ever cancelled here,
 * and nobody pays them.
 */
function tellsOfVictim(answer: string, population: Population): boolean {
  return /"status":"(ISSUED|PENDING|COMPLETED|UNHEALTHY)"/.test(answer) || showsVictim(answer, population);
}

function showsVictim(answer: string, population: Population): boolean {
  return [...CANARIES, ...Object.values(population.ids)].some((word) => answer.includes(word));
}

/**
 * Waits until those strangers who were not refused and have events of their own got one: only then is it certain that an event of the
 * victim's before it would have come, too.
 */
async function settled(world: TestApp, population: Population, strangers: readonly Open[]): Promise<void> {
  const listening = strangers.filter(
    ({ label, refused }) => /^(order|booking)/.test(label) && !label.includes('platform') && !refused(),
  );
  if (listening.length === 0) throw new Error('No stranger listens, so nothing would be proven.');
  const before = new Map(listening.map((one) => [one, one.answers.length]));
  await ownEvents(world, population);
  await eventually(
    () => listening.filter((one) => one.answers.length === before.get(one)).map(({ label }) => label),
    (silent) => silent.length === 0,
  );
}

/** An order and a booking of the peer, and of the other tenant's customer, change their status. */
async function ownEvents(world: TestApp, population: Population): Promise<void> {
  const create =
    'mutation ($input: CreateOrderInput!) { createOrder(input: $input) { order { id } userErrors { code } } }';
  const cancel =
    'mutation ($input: CancelOrderInput!) { cancelOrder(input: $input) { order { id } userErrors { code } } }';
  const items = [{ description: [{ locale: 'en', text: 'Harmless' }], quantity: 1, unitPrice: '1.00' }];
  for (const [tenantId, as] of [
    [population.tenantA, population.strangers['another customer of the same tenant']!],
    [population.tenantB, population.strangers["another tenant's customer"]!],
  ] as const) {
    const { createOrder } = await world.data(as, create, { input: { type: 'PRODUCT', items } });
    await world.data(as, cancel, { input: { orderId: createOrder.order.id } });
    const { viewer } = await world.data(as, '{ viewer { user { id } } }');
    await cancelledBooking(world, tenantId, decodeGlobalId(viewer.user.id)!.id);
  }
}

async function cancelledBooking(world: TestApp, tenantId: string, customerId: string): Promise<void> {
  const id = world.app.newId();
  await world.owner(
    `insert into bookings (tenant_id, id, reference, kind, status, customer_id, starts_at, ends_at, amount_minor, currency_code, guests, created_at)
     values ($1, $2, $3, 'STAY', 'CANCELLED', $4, now(), now() + interval '1 day', 100, 'EGP', '[]', now())`,
    [tenantId, id, `HARMLESS-${id}`, customerId],
  );
  const payload = { v: 1, orderId: null, customerId, previousStatus: 'CONFIRMED', status: 'CANCELLED' } as const;
  await tell(world, tenantId, { type: 'booking.status', aggregateType: 'Booking', aggregateId: id, payload });
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
  // An event that could not be shown in full has data beside its errors, be it null.
  const refused = (): boolean =>
    answers.some((answer) => answer.startsWith('[') || (answer.includes('"errors":') && !answer.includes('"data":')));
  const label = `${shot.name} as ${who} over ${transport}`;
  if (transport === 'websocket') {
    const connectionParams = {
      ...(as.token && { authorization: `Bearer ${as.token}` }),
      ...(as.key && { apiKey: as.key }),
      ...(as.tenant && { tenant: as.tenant }),
    };
    const client = createWsClient({ url: world.wsUrl, webSocketImpl: WebSocket, connectionParams, retryAttempts: 0 });
    client.subscribe(document, sink);
    return { label, answers, refused, close: () => void client.dispose() };
  }
  const client = createSseClient({ url: world.url, headers: headersOf(as), retryAttempts: 0 });
  client.subscribe(document, sink);
  return { label, answers, refused, close: () => client.dispose() };
}
