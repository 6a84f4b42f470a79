import { randomUUID } from 'node:crypto';

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { PLATFORM_TENANT_ID } from '../../src/auth/platform.ts';
import { encodeGlobalId } from '../../src/global-id.ts';
import { Stage, type Person } from './stage.ts';
import {
  openSubscriptions,
  Tape,
  WATCH_BOOKINGS,
  WATCH_HEALTH,
  WATCH_ORDERS,
  type BookingEvent,
  type HealthEvent,
} from './tape.ts';
import { until, World } from './world.ts';

/** What is told of travel: bookings on the tenant's stream, providers' health on the platform's. */
let world: World;
let stage: Stage;
let tenantId: string;
let operator: Person;
beforeAll(async () => {
  world = await World.create();
  stage = await Stage.open(world);
  for (const [slug, vertical] of Object.entries(PROVIDERS))
    await world.admin(
      `insert into providers (slug, id, name, verticals, calls_per_minute, created_at) values ($1, $2, $1, array[$3]::vertical[], 600, now())`,
      [slug, randomUUID(), vertical],
    );
});
beforeEach(async () => {
  tenantId = await world.tenant();
  operator = await stage.person(tenantId, 'OPERATOR');
});
// Each counts what is open, so nothing of the test before may still be ending.
afterEach(() => until(() => openSubscriptions(stage)).toBe(0));
afterAll(async () => {
  await stage.close();
  await world.drop();
});

const PROVIDERS = { expedia: 'LODGING', booking: 'LODGING', kiwi: 'FLIGHTS_BOOKING' } as const;
type Slug = keyof typeof PROVIDERS;
type Variables = Record<string, unknown>;

const bearer = (person: Person) => ({ authorization: `Bearer ${person.token}` });
const watchHealth = (connection: Variables, variables: Variables = {}) =>
  Tape.begun<HealthEvent>(stage, stage.socketClient(connection), WATCH_HEALTH, variables);
const watchBookings = (connection: Variables, variables: Variables = {}) =>
  Tape.begun<BookingEvent>(stage, stage.socketClient(connection), WATCH_BOOKINGS, variables);
const refused = async (connection: Variables, query: string, variables: Variables = {}) => {
  const tape = new Tape(stage.socketClient(connection), query, variables);
  await until(() => tape.error).not.toBeNull();
  expect(tape.results).toEqual([]);
  return (tape.error as { extensions: { code: string } }[])[0]?.extensions.code;
};

/** Writes what the health keeper writes when a status changes, on the platform's stream. */
async function turn(slug: Slug, status: string, previousStatus = 'HEALTHY'): Promise<void> {
  const payload = {
    v: 1,
    slug,
    verticals: [PROVIDERS[slug]],
    previousStatus,
    status,
    evidence: { failures: 5 },
  } as const;
  await world.write(PLATFORM_TENANT_ID, 'provider.health', payload);
  stage.running.app.journal.wake();
}

async function bookingOf(customer: Person): Promise<string> {
  const id = randomUUID();
  await world.admin(
    `insert into bookings (tenant_id, id, reference, kind, status, customer_id, starts_at, ends_at, amount_minor, currency_code, guests, created_at)
     values ($1, $2, $3, 'STAY', 'PENDING', $4, now(), now() + interval '1 day', 1000, 'USD', '[]', now())`,
    [customer.tenantId, id, `B-${id}`, customer.userId],
  );
  return id;
}

async function move(customer: Person, bookingId: string, status: string, previousStatus = 'PENDING'): Promise<void> {
  const payload = { v: 1, orderId: null, customerId: customer.userId, previousStatus, status } as const;
  await world.write(customer.tenantId, 'booking.status', payload, bookingId);
  stage.running.app.journal.wake();
}

const globalId = (id: string) => encodeGlobalId('Booking', id);
const slugs = (tape: Tape<HealthEvent>) => tape.events.map(({ provider, status }) => `${provider.slug} ${status}`);

async function queryCursor(person: Person): Promise<string> {
  const answer = await fetch(stage.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...bearer(person) },
    body: JSON.stringify({ query: '{ orders(first: 1) { edges { node { id } } } }' }),
  });
  return ((await answer.json()) as { extensions: { cursor: string } }).extensions.cursor;
}

test("staff of any tenant watch providers' health: all of it, of one provider, or of what sells a vertical", async () => {
  const elsewhere = await stage.person(await world.tenant(), 'OPERATOR');
  const partner = { apiKey: (await stage.secretKey(tenantId, ['providers'])).key };
  const tapes = {
    all: await watchHealth(bearer(operator)),
    elsewhere: await watchHealth(bearer(elsewhere)),
    one: await watchHealth(bearer(operator), { slug: 'booking' }),
    stays: await watchHealth(bearer(operator), { vertical: 'LODGING' }),
    flightsOfKiwi: await watchHealth(partner, { slug: 'kiwi', vertical: 'FLIGHTS_BOOKING' }),
    staysOfKiwi: await watchHealth(partner, { slug: 'kiwi', vertical: 'LODGING' }),
  };
  for (const slug of ['expedia', 'kiwi', 'booking'] as const) await turn(slug, 'UNHEALTHY');
  const everything = ['expedia UNHEALTHY', 'kiwi UNHEALTHY', 'booking UNHEALTHY'];
  await until(() => slugs(tapes.all)).toEqual(everything);
  await until(() => slugs(tapes.elsewhere)).toEqual(everything);
  await until(() => slugs(tapes.one)).toEqual(['booking UNHEALTHY']);
  await until(() => slugs(tapes.stays)).toEqual(['expedia UNHEALTHY', 'booking UNHEALTHY']);
  await until(() => slugs(tapes.flightsOfKiwi)).toEqual(['kiwi UNHEALTHY']);
  expect(slugs(tapes.staysOfKiwi)).toEqual([]);
  expect(tapes.all.results.flatMap(({ errors }) => errors ?? [])).toEqual([]);
  expect(tapes.all.events[0]).toMatchObject({
    previousStatus: 'HEALTHY',
    evidence: { failures: 5 },
    provider: { health: { status: 'UNKNOWN' } },
  });
  for (const tape of Object.values(tapes)) tape.stop();
});

test('health is not for customers, nor for keys without the scope, nor for portals; an unknown provider is NOT_FOUND', async () => {
  const customer = await stage.person(tenantId);
  const lodging = { vertical: 'LODGING' };
  expect(await refused(bearer(customer), WATCH_HEALTH, lodging)).toBe('FORBIDDEN');
  const { key } = await stage.secretKey(tenantId, ['orders:read', 'health:read', 'bookings:read']);
  expect(await refused({ apiKey: key }, WATCH_HEALTH)).toBe('FORBIDDEN');
  expect(await refused({ apiKey: (await stage.key(tenantId, 'PUBLISHABLE')).key }, WATCH_HEALTH)).toBe(
    'UNAUTHENTICATED',
  );
  expect(await refused({}, WATCH_HEALTH)).toBe('UNAUTHENTICATED');
  for (const slug of ['nobody', '']) expect(await refused(bearer(operator), WATCH_HEALTH, { slug })).toBe('NOT_FOUND');
});

test('health goes on from its own cursor and from that of a query: nothing missed, nothing twice', async () => {
  const asked = await queryCursor(operator);
  const first = await watchHealth(bearer(operator));
  const statuses = ['DEGRADED', 'UNHEALTHY', 'HEALTHY'];
  for (let index = 0; index < 30; index += 1) await turn('expedia', statuses[index % 3]!);
  await until(() => first.events.length).toBe(30);
  const cursors = first.events.map(({ cursor }) => cursor);
  const resumed = [0, 9, 28].map((place) => ({
    place,
    tape: new Tape<HealthEvent>(stage.socketClient(bearer(operator)), WATCH_HEALTH, { after: cursors[place]! }),
  }));
  const fromQuery = new Tape<HealthEvent>(stage.socketClient(bearer(operator)), WATCH_HEALTH, { after: asked });
  for (let index = 30; index < 40; index += 1) await turn('expedia', statuses[index % 3]!);
  await until(() => first.events.length).toBe(40);
  const all = first.events.map(({ cursor }) => cursor);
  expect(new Set(all).size).toBe(40);
  for (const { place, tape } of resumed) {
    await until(() => tape.events.length).toBe(39 - place);
    expect(tape.events.map(({ cursor }) => cursor)).toEqual(all.slice(place + 1));
  }
  await until(() => fromQuery.events.map(({ cursor }) => cursor)).toEqual(all);
  for (const tape of [first, fromQuery, ...resumed.map((one) => one.tape)]) tape.stop();
});

test("the platform's own staff resume health from either cursor as well", async () => {
  const staff = await stage.person(PLATFORM_TENANT_ID, 'OPERATOR');
  const asked = await queryCursor(staff);
  const first = await watchHealth(bearer(staff));
  await turn('kiwi', 'DEGRADED');
  await turn('kiwi', 'UNHEALTHY', 'DEGRADED');
  await until(() => slugs(first)).toEqual(['kiwi DEGRADED', 'kiwi UNHEALTHY']);
  const fromQuery = await watchHealth(bearer(staff), { after: asked });
  const fromEvent = await watchHealth(bearer(staff), { after: first.events[0]!.cursor });
  await until(() => slugs(fromQuery)).toEqual(['kiwi DEGRADED', 'kiwi UNHEALTHY']);
  await until(() => slugs(fromEvent)).toEqual(['kiwi UNHEALTHY']);
  for (const tape of [first, fromQuery, fromEvent]) tape.stop();
});

test("a cursor of health does not open a tenant's stream, nor another tenant's cursor health", async () => {
  const stranger = await stage.person(await world.tenant(), 'OPERATOR');
  const health = await watchHealth(bearer(operator));
  await turn('expedia', 'DEGRADED');
  await until(() => health.events.length).toBe(1);
  const { cursor } = health.events[0]!;
  for (const query of [WATCH_ORDERS, WATCH_BOOKINGS])
    expect(await refused(bearer(operator), query, { after: cursor })).toBe('CURSOR_INVALID');
  for (const after of [await queryCursor(stranger), `${cursor.slice(0, -1)}${cursor.endsWith('A') ? 'B' : 'A'}`, ''])
    expect(await refused(bearer(operator), WATCH_HEALTH, { after }), after).toBe('CURSOR_INVALID');
  health.stop();
});

test('a socket that watches both streams is closed with one cursor from which both go on', async () => {
  const customer = await stage.person(tenantId);
  const bookingId = await bookingOf(customer);
  const ending: string[] = [];
  const client = stage.socketClient(bearer(operator), ({ reason }) => ending.push(reason));
  const bookings = await Tape.begun<BookingEvent>(stage, client, WATCH_BOOKINGS);
  const health = await Tape.begun<HealthEvent>(stage, client, WATCH_HEALTH);
  await move(customer, bookingId, 'CONFIRMED');
  await turn('expedia', 'DEGRADED');
  await until(() => [bookings.statuses, health.statuses]).toEqual([['CONFIRMED'], ['DEGRADED']]);
  await world.admin('update sessions set revoked_at = now() where id = $1', [operator.sessionId]);
  await world.write(tenantId, 'session.revoked', { v: 1, userId: operator.userId }, operator.sessionId);
  stage.running.app.journal.wake();
  await until(() => ending.length).toBe(1);
  const { cursor } = JSON.parse(ending[0]!) as { cursor: string };
  await move(customer, bookingId, 'COMPLETED', 'CONFIRMED');
  await turn('expedia', 'HEALTHY', 'DEGRADED');
  const colleague = bearer(await stage.person(tenantId, 'OPERATOR'));
  const [bookingsAgain, healthAgain] = [
    await watchBookings(colleague, { after: cursor }),
    await watchHealth(colleague, { after: cursor }),
  ];
  await until(() => [bookingsAgain.statuses, healthAgain.statuses]).toEqual([['COMPLETED'], ['HEALTHY']]);
  for (const tape of [bookingsAgain, healthAgain]) tape.stop();
});

test("a customer watches their own bookings, an operator the tenant's, nobody another tenant's", async () => {
  const [mine, hers] = [await stage.person(tenantId), await stage.person(tenantId)];
  const theirs = await stage.person(await world.tenant());
  const bookings = new Map<Person, string>();
  for (const customer of [mine, hers, theirs]) bookings.set(customer, await bookingOf(customer));
  const [ofMine, ofHers] = [globalId(bookings.get(mine)!), globalId(bookings.get(hers)!)];
  const tapes = {
    mine: await watchBookings(bearer(mine)),
    one: await watchBookings(bearer(mine), { bookingId: ofMine }),
    hersOnly: await watchBookings(bearer(operator), { bookingId: ofHers }),
    all: await watchBookings(bearer(operator)),
    partner: await watchBookings({ apiKey: (await stage.secretKey(tenantId, ['bookings:read'])).key }),
  };
  for (const customer of [hers, theirs, mine]) await move(customer, bookings.get(customer)!, 'CONFIRMED');
  const ids = (tape: Tape<BookingEvent>) => tape.events.map(({ booking }) => booking.id);
  await until(() => ids(tapes.all)).toEqual([ofHers, ofMine]);
  await until(() => ids(tapes.partner)).toEqual([ofHers, ofMine]);
  await until(() => ids(tapes.mine)).toEqual([ofMine]);
  await until(() => ids(tapes.one)).toEqual([ofMine]);
  await until(() => ids(tapes.hersOnly)).toEqual([ofHers]);
  expect(tapes.one.events[0]).toMatchObject({
    previousStatus: 'PENDING',
    status: 'CONFIRMED',
    booking: { status: 'PENDING' },
  });
  for (const tape of Object.values(tapes)) tape.stop();
});

test("another's booking, another tenant's and nobody's are NOT_FOUND; keys need the scope", async () => {
  const [customer, other] = [await stage.person(tenantId), await stage.person(tenantId)];
  const foreign = await stage.person(await world.tenant());
  const foreignId = globalId(await bookingOf(foreign));
  for (const bookingId of [globalId(await bookingOf(other)), foreignId, globalId(randomUUID()), 'nonsense', ''])
    expect(await refused(bearer(customer), WATCH_BOOKINGS, { bookingId }), bookingId).toBe('NOT_FOUND');
  expect(await refused(bearer(operator), WATCH_BOOKINGS, { bookingId: foreignId })).toBe('NOT_FOUND');
  const { key } = await stage.secretKey(tenantId, ['orders:read', 'bookings:write']);
  expect(await refused({ apiKey: key }, WATCH_BOOKINGS)).toBe('FORBIDDEN');
});

test('bookings go on from the cursor of an event and of a query, in order and once', async () => {
  const customer = await stage.person(tenantId);
  const bookingId = await bookingOf(customer);
  const asked = await queryCursor(customer);
  for (const [before, after] of [
    ['PENDING', 'CONFIRMED'],
    ['CONFIRMED', 'NO_SHOW'],
    ['NO_SHOW', 'COMPLETED'],
  ] as const)
    await move(customer, bookingId, after, before);
  const fromQuery = await watchBookings(bearer(customer), { after: asked, bookingId: globalId(bookingId) });
  await until(() => fromQuery.statuses).toEqual(['CONFIRMED', 'NO_SHOW', 'COMPLETED']);
  const fromEvent = await watchBookings(bearer(customer), { after: fromQuery.events[0]!.cursor });
  await until(() => fromEvent.statuses).toEqual(['NO_SHOW', 'COMPLETED']);
  for (const tape of [fromQuery, fromEvent]) tape.stop();
});

test('an event costs two statements, the booking and its customer, for twenty equal subscribers as for one', async () => {
  const customer = await stage.person(tenantId);
  const bookingId = await bookingOf(customer);
  const statements = async () => (await stage.running.app.metrics.databaseStatements.get()).values[0]?.value ?? 0;
  for (const subscribers of [1, 20]) {
    const tapes: Tape<BookingEvent>[] = [];
    for (let index = 0; index < subscribers; index += 1) tapes.push(await watchBookings(bearer(operator)));
    const before = await statements();
    for (let event = 1; event <= 10; event += 1) {
      await move(customer, bookingId, 'CONFIRMED');
      for (const tape of tapes) await until(() => tape.events.length).toBe(event);
    }
    // What the process does for itself meanwhile is less than one for each.
    expect(Math.floor(((await statements()) - before) / 10), `${subscribers} subscribers`).toBe(2);
    for (const tape of tapes) tape.stop();
    await until(() => openSubscriptions(stage)).toBe(0);
  }
});
