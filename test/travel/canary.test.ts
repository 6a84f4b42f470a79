import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { Writable } from 'node:stream';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createLogger } from '../../src/log.ts';
import { eventually, headersOf, startTestApp, type As, type TestApp } from '../helpers/app.ts';
import { startCli, type CliAnswer } from '../helpers/cli.ts';
import { Driller } from '../helpers/drills.ts';
import { Shop } from '../helpers/shop.ts';
import { ACCOUNT, day, STAY } from '../helpers/travel-world.ts';

/**
 * Secrets of all four travel providers are planted, every path to them is walked, well and ill, and then everything that was written is
 * searched: log, answers, tables, metrics, spans, what commands print (PRV-3, PRV-18, OPS-3).
 */
type Slug = 'expedia' | 'booking' | 'kiwi' | 'travelpayouts';
const SLUGS: readonly Slug[] = ['expedia', 'booking', 'kiwi', 'travelpayouts'];

/** What each provider knows us by; the second of a name takes over from the first. */
const PLANTED: Readonly<Record<Slug, Readonly<Record<string, readonly string[]>>>> = {
  expedia: {
    API_KEY: ['canary-expedia-key-1aQ7', 'canary-expedia-key-2bW8'],
    SECRET: ['canary-expedia-shared-3cE9'],
    NOTIFICATION_SECRET: ['canary-expedia-push-4dR1'],
  },
  booking: { API_KEY: ['canary-booking-key-5eT2', 'canary-booking-key-6fY3'], AIRPLUS_NUMBER: ['730091826455'] },
  kiwi: { API_KEY: ['canary-kiwi-key-7gU4', 'canary-kiwi-key-8hI5'], WEBHOOK_SECRET: ['canary-kiwi-push-9iO6'] },
  travelpayouts: { TOKEN: ['c4a9a21070d1c3b2a1908f7e6d5c4b3a', 'c4a9a21071d1c3b2a1908f7e6d5c4b3a'] },
};
/** Names of accounts, which are no secrets. */
const NAMES: Partial<Record<Slug, Record<string, string>>> = {
  booking: { AFFILIATE_ID: '1234567' },
  travelpayouts: { MARKER: '123456' },
};
/** What the vendors do not know. */
const REFUSED = 'canary-refused-key-0jP7';
const ROTATED: Readonly<Record<Slug, string>> = {
  expedia: 'API_KEY',
  booking: 'API_KEY',
  kiwi: 'API_KEY',
  travelpayouts: 'TOKEN',
};

let world: TestApp;
let shop: Shop;
let platform: As;
let drills: Driller;
const lines: string[] = [];
const answers: { request: string; text: string }[] = [];
const spans: string[] = [];
const printed: CliAnswer[] = [];

const sink = new Writable({
  write(chunk: Buffer, _encoding, done) {
    lines.push(chunk.toString('utf8'));
    done();
  },
});
const collector = http.createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    spans.push(Buffer.concat(chunks).toString('utf8'));
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
});

async function ask(request: string, as: As, query: string, variables: object = {}): Promise<any> {
  const { text } = await world.request('POST', '/graphql', {
    headers: { 'content-type': 'application/json', ...headersOf(as) },
    body: JSON.stringify({ query, variables }),
  });
  answers.push({ request, text });
  return JSON.parse(text).data;
}

async function visit(request: string, method: string, path: string, more: object = {}): Promise<number> {
  const { status, text, headers } = await world.request(method, path, more);
  answers.push({ request, text: `${JSON.stringify(headers)}\n${text}` });
  return status;
}

/** A mutation of the platform's; @returns its payload. */
async function run(name: string, input: object, payload = 'provider { name }', as = platform): Promise<any> {
  const type = `${name[0]!.toUpperCase()}${name.slice(1)}Input`;
  const query = `mutation ($input: ${type}!) { ${name}(input: $input) { ${payload} userErrors { code field message details } } }`;
  return (await ask(`${name} ${JSON.stringify(Object.keys(input))}`, as, query, { input }))?.[name];
}

const TEST = 'test { ok reason }';
const SHOWN = 'provider { name credentials { name lastFour version state problem } }';
const first = (slug: Slug): Record<string, string> =>
  Object.fromEntries(Object.entries(PLANTED[slug]).map(([name, values]) => [name, values[0]!]));

/** The accounts at the sandboxes. @param generation which of the keys they know */
async function register(slug: Slug, generation: 0 | 1): Promise<void> {
  const key = PLANTED[slug][ROTATED[slug]]![generation];
  const hooks = `http://127.0.0.1:${world.port}/webhooks/providers`;
  const planted = first(slug);
  const accounts = {
    expedia: {
      apiKey: key,
      sharedSecret: planted['SECRET'],
      roomsEach: 900,
      notificationUrl: `${hooks}/expedia?key=${planted['NOTIFICATION_SECRET']}`,
    },
    booking: { apiKey: key, affiliateId: '1234567', callsPerMinute: 0, roomsPerType: 900 },
    kiwi: {
      apiKey: key,
      seats: 9,
      polls: 1,
      carrierDelayMs: 50,
      webhookUrl: `${hooks}/kiwi?secret=${planted['WEBHOOK_SECRET']}`,
      retryDelaysMs: [200, 400],
    },
    travelpayouts: { token: key, marker: '123456' },
  };
  await world.simulators.register(slug, ACCOUNT, accounts[slug]);
}

async function walkConfiguration(): Promise<void> {
  for (const slug of SLUGS) {
    await register(slug, 0);
    await run('createProvider', { slug, callsPerMinute: 100_000 });
    const secret = ROTATED[slug];
    const values = { ...first(slug), ...NAMES[slug] };
    for (const [name, value] of Object.entries(values))
      await run('setProviderCredential', { slug, name, value: name === secret ? REFUSED : value }, SHOWN);
    expect((await run('testProviderConnection', { slug }, TEST)).test.ok, slug).toBe(false);
    await run('setProviderCredential', { slug, name: secret, value: values[secret], idempotencyKey: slug }, SHOWN);
    await run(
      'setProviderCredential',
      { slug, name: secret, value: `${values[secret]}!`, idempotencyKey: slug },
      SHOWN,
    );
    await run('setProviderCredential', { slug, name: 'OTHER', value: values[secret] });
    await run('setProviderCredential', { slug, name: secret, value: [values[secret]] });
    await run('setProviderCredential', { slug, name: secret, value: `${values[secret]}\n` });
    expect((await run('testProviderConnection', { slug }, TEST)).test, slug).toEqual({ ok: true, reason: null });
    await run('setProviderEnabled', { slug, enabled: true });
    const vertical = {
      expedia: 'LODGING',
      booking: 'LODGING',
      kiwi: 'FLIGHTS_BOOKING',
      travelpayouts: 'FLIGHTS_DISCOVERY',
    };
    const slot = { vertical: vertical[slug], providerSlug: slug, enabled: true, priority: 10 + SLUGS.indexOf(slug) };
    await run('upsertProviderSlot', slot, 'providerSlot { id }');
  }
  const settings = [
    { name: 'paymentTiming', value: 'pay_online_now' },
    { name: 'paymentMethod', value: 'airplus' },
  ];
  expect((await run('updateProvider', { slug: 'booking', settings })).userErrors).toEqual([]);
}

const BOOKING = 'booking { id status providerReference order { id } }';
const CONTACT = { contactEmail: 'ada@example.com', contactPhone: '+420777123456' };
const PASSENGER = {
  givenName: 'Test',
  familyName: 'Test',
  birthDate: '1990-01-01',
  title: 'MR',
  nationality: 'CZ',
};
let stays = 0;

async function searchStays(more: object = {}): Promise<any[]> {
  const input = { ...STAY, checkIn: day(50 + stays), checkOut: day(51 + stays++), deadlineMs: 4_000, ...more };
  const found = await ask(
    'a search of stays',
    shop.customer,
    'query ($input: StaySearchInput!) { searchStays(input: $input) { incompleteReason offers { id refundable provider { slug } } } }',
    { input },
  );
  return found.searchStays.offers;
}
const ofBooking = () => searchStays({ destination: undefined, propertyIds: ['booking:10507401'] });

async function searchFlights(more: object = {}): Promise<any[]> {
  const input = {
    from: 'PRG',
    to: 'LIS',
    departure: day(40 + stays++),
    adults: 1,
    currencyCode: 'USD',
    countryCode: 'CZ',
  };
  const found = await ask(
    'a search of flights',
    shop.customer,
    'query ($input: FlightSearchInput!) { searchFlights(input: $input) { incompleteReason offers { id deepLink } } }',
    { input: { ...input, deadlineMs: 4_000, ...more } },
  );
  return found.searchFlights.offers;
}

const bookStay = (offerId: string, more: object = {}) => {
  const guests = [{ givenName: 'Ada', familyName: 'Canaryname' }];
  return run('bookStay', { offerId, guests, ...CONTACT, ...more }, BOOKING, shop.customer);
};
const bookFlight = (offerId: string) =>
  run('bookFlight', { offerId, passengers: [PASSENGER], ...CONTACT }, BOOKING, shop.customer);

async function paid({ booking, userErrors }: any): Promise<any> {
  if (!booking) throw new Error(JSON.stringify(userErrors));
  await shop.paid(await shop.startedOn(booking.order.id));
  return reached(booking.id, 'CONFIRMED');
}

const ONE =
  'query ($id: ID!) { booking(id: $id) { id status syncStatus failureReason providerReference provider { slug } } }';
async function reached(id: string, status: string): Promise<any> {
  const { booking } = await eventually(
    () => ask('a booking', shop.customer, ONE, { id }),
    ({ booking: now }) => now.status === status,
  );
  return booking;
}
const cancel = (bookingId: string) => run('cancelBooking', { bookingId }, 'booking { status }', shop.customer);

async function walkBookings(): Promise<void> {
  const stay = await paid(await bookStay((await searchStays()).find(({ refundable }) => refundable).id));
  const desk = `${world.simulators.url}/expedia/desk/${stay.providerReference}`;
  const headers = { 'content-type': 'application/json', accept: 'application/json' };
  await fetch(desk, { method: 'POST', headers, body: JSON.stringify({ action: 'supplierConfirm' }) });
  const unkept = await paid(await bookStay((await ofBooking()).find(({ refundable }) => refundable).id));
  const flight = await paid(await bookFlight((await searchFlights())[0].id));
  const all = [stay, unkept, flight];
  for (const { provider } of all) await drills.start(provider.slug, [{ operation: '*', fault: 'ECHO_SECRET' }]);
  for (const { id } of all) await cancel(id);
  for (const { provider } of all) await drills.stop(provider.slug);
  for (const { id } of all) await cancel(id);
  const [elsewhere] = await searchFlights({ discoveryOnly: true });
  const { pathname, search } = new URL(elsewhere.deepLink);
  await visit('a link to where a flight is sold', 'GET', `${pathname}${search}`);
  await eventually(
    () =>
      world.owner(
        "select distinct source from webhook_deliveries where verdict = 'ACCEPTED' and source in ('expedia', 'kiwi')",
      ),
    (sources) => sources.length === 2,
  );
  const { NOTIFICATION_SECRET: push } = first('expedia');
  const { WEBHOOK_SECRET: hook } = first('kiwi');
  const post = (path: string, body: string) =>
    visit('a notification', 'POST', `/webhooks/providers/${path}`, {
      headers: { 'content-type': 'application/json' },
      body,
    });
  expect(await post(`expedia?key=${push}x`, '{}')).toBe(401);
  expect(await post(`expedia?key=${push}`, '{')).toBe(400);
  expect(await post(`kiwi?secret=${hook}&secret=${hook}`, '{}')).toBe(401);
  expect(await post(`kiwi?secret=${hook}`, '[]')).toBe(400);
  // What was stored of a stranger's body is shown, too.
  await post(`kiwi?secret=${hook}`, JSON.stringify({ trigger: 'confirmed', booking_id: 1, secret: hook }));
}

/** Of whatever is asked. */
const FAULTS = [
  'ECHO_SECRET',
  'MALFORMED_BODY',
  'TRUNCATED',
  'OVERSIZED',
  'HTML_405',
  'STATUS_5XX',
  'HANG',
  'RATE_LIMITED',
];
/** Of a booking, after it was found and checked well. */
const FAULTS_OF_BOOKINGS = ['ECHO_SECRET', 'MALFORMED_BODY', 'STATUS_5XX_AFTER', 'RATE_LIMITED'];

async function walkFaults(): Promise<void> {
  const [[stay], [unkept], [flight]] = await Promise.all([searchStays(), ofBooking(), searchFlights()]);
  const hurried = { deadlineMs: 500 };
  for (const fault of FAULTS) {
    for (const slug of SLUGS) await drills.start(slug, [{ operation: '*', fault, retryAfterSeconds: 60 }]);
    await Promise.all([
      searchStays(hurried),
      searchFlights(hurried),
      searchFlights({ ...hurried, discoveryOnly: true }),
      ...(fault === 'HANG' ? [] : [bookStay(unkept.id)]),
    ]);
  }
  await drills.start('kiwi', [{ operation: 'save_booking', fault: 'ECHO_SECRET' }]);
  const flying = bookFlight(flight.id);
  for (const fault of FAULTS_OF_BOOKINGS) {
    await drills.start('expedia', [{ operation: 'book', fault }]);
    await bookStay(stay.id);
  }
  expect((await flying).booking).toBeNull();
  await drills.stop('kiwi');
  await drills.start('booking', [{ operation: 'create', fault: 'ECHO_SECRET' }]);
  const { booking: late } = await bookStay((await ofBooking())[0].id);
  await shop.paid(await shop.startedOn(late.order.id));
  await reached(late.id, 'FAILED');
  for (const slug of ['expedia', 'booking', 'travelpayouts']) await drills.stop(slug);
  // Not in a drill: connection tests and health checks are nobody's.
  for (const slug of SLUGS) {
    const echo = { operation: '*', fault: 'echoSecret' } as const;
    await world.simulators.scenario({ integration: slug, account: ACCOUNT, rules: [echo] });
    const { test: asked } = await run('testProviderConnection', { slug }, TEST);
    await world.simulators.scenario({ integration: slug, account: ACCOUNT, rules: [] });
    expect(asked.ok, slug).toBe(false);
  }
}

/** @returns waits until it was looked up and adopted */
async function walkInquiry(): Promise<() => Promise<unknown>> {
  const [stay] = await searchStays();
  await drills.start('expedia', [{ operation: 'book', fault: 'RESET_AFTER', nth: 1 }]);
  const lost = await bookStay(stay.id, { idempotencyKey: 'lost' });
  expect(lost.userErrors).toMatchObject([{ code: 'OUTCOME_UNKNOWN' }]);
  await drills.stop('expedia');
  const OPERATION =
    '{ operation(key: "lost") { status userErrors { message details } inquiry { attempts resolution } result { id } } }';
  return () =>
    eventually(
      () => ask('an operation', shop.customer, OPERATION),
      ({ operation }) => operation.status === 'SUCCEEDED',
    );
}

async function walkRotation(): Promise<void> {
  for (const slug of SLUGS) {
    const name = ROTATED[slug];
    const value = PLANTED[slug][name]![1];
    const refused = await run('rotateProviderCredential', { slug, name, value: REFUSED }, SHOWN);
    expect(refused.userErrors, slug).toMatchObject([{ code: 'CONNECTION_TEST_FAILED' }]);
    await register(slug, 1);
    expect((await run('rotateProviderCredential', { slug, name, value }, SHOWN)).userErrors, slug).toEqual([]);
  }
  expect((await searchStays())[0].provider.slug).toBe('expedia');
  // A vendor that forgot the new one: the one before serves.
  await register('expedia', 0);
  expect((await searchStays())[0].provider.slug).toBe('expedia');
  await register('expedia', 1);
  // And one that does not open any more.
  await world.owner(
    "update credentials set sealed = substring(sealed for length(sealed) - 1) where owner like 'provider:kiwi:%'",
  );
  world.app.providers.refresh();
  await searchFlights();
}

async function walkReads(): Promise<void> {
  const documents: [As, string][] = [
    [
      platform,
      `{ providers { nodes { name settings { name value } baseUrls { sandbox } connectionTests { sandbox { ok reason } } credentials { name lastFour version state problem }
        health { status reason } healthHistory(first: 20) { nodes { evidence } } } } }`,
    ],
    [platform, '{ auditLog(first: 100) { nodes { action target before after } } }'],
    [{ ...platform, tenant: shop.account }, '{ auditLog(first: 100) { nodes { action target before after } } }'],
    [platform, '{ webhookDeliveries(first: 50) { nodes { verdict detail headers body } } }'],
    [shop.operator, '{ webhookDeliveries(first: 50) { nodes { verdict detail headers body } } }'],
    [shop.operator, '{ routingDecisions(first: 50) { nodes { candidates { reason detail } } } }'],
    [shop.operator, '{ bookings(first: 50) { nodes { failureReason cancelReason syncStatus } } }'],
    [shop.operator, '{ systemHealth { status } }'],
    [platform, '{ operation(key: "expedia") { status userErrors { message details } result { id } } }'],
  ];
  for (const [as, query] of documents) await ask(query.trim().slice(0, 30), as, query);
  for (const path of ['/metrics', '/health', '/ready', '/']) await visit(path, 'GET', path);
  const environment = { SIMULATORS_URL: world.simulators.url, LOG_LEVEL: 'trace', ENVIRONMENT: 'test' };
  for (const args of [
    ['providers', 'list', '--json'],
    ['providers', 'test', 'expedia'],
  ])
    printed.push(await startCli(world.database, args, { real: true, environment }).answer);
}

beforeAll(async () => {
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
  const { port } = collector.address() as AddressInfo;
  world = await startTestApp({
    worker: true,
    log: createLogger('trace', sink),
    environment: { LOG_LEVEL: 'trace', OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` },
  });
  // Hundreds of requests come from the platform's staff, whose budget of a minute is for people.
  await world.owner('update portal_configs set rate_limit_per_minute = 1000000');
  shop = await Shop.open(world);
  platform = { token: (await world.session('platformAdmin')).accessToken };
  drills = new Driller(world, { token: (await world.session('tenantAdmin')).accessToken });
  await walkConfiguration();
  const adopted = await walkInquiry();
  await walkBookings();
  await adopted();
  await walkFaults();
  await walkRotation();
  await walkReads();
});
afterAll(async () => {
  await world.stop();
  collector.close();
});

const secrets: readonly string[] = [...SLUGS.flatMap((slug) => Object.values(PLANTED[slug]).flat()), REFUSED];
/** As it stands, and in the spellings that something on the way may give it. */
const spellings = (text: string): string[] => {
  const bytes = Buffer.from(text);
  return [text, bytes.toString('hex'), bytes.toString('base64').replace(/=+$/, ''), encodeURIComponent(text)];
};
const SPELT = secrets.map((secret) => [secret, spellings(secret)] as const);
const foundIn = (text: string): string[] =>
  SPELT.filter(([, all]) => all.some((spelling) => text.includes(spelling))).map(([secret]) => secret);

describe('no secret of a provider is found', () => {
  test('and each of them did its work, and was quoted back by vendors that quote', () => {
    expect(new Set(secrets).size).toBe(13);
    const reasons = answers
      .filter(({ request }) => request.startsWith('testProviderConnection'))
      .map(({ text }) => text);
    const quoted = /Key \[(secret|hidden)\] may not do this/;
    expect(reasons.filter((text) => quoted.test(text))).toHaveLength(2);
    expect(lines.filter((line) => quoted.test(line)).length).toBeGreaterThan(0);
    expect(lines.join('')).toContain('the new credentials are refused; those before them serve');
    expect(foundIn(`nothing ${secrets[0]} nothing`)).toEqual([secrets[0]]);
  });

  test('in a line of the log, at the finest level', () => {
    expect(lines.length).toBeGreaterThan(100);
    expect(lines.filter((line) => foundIn(line).length > 0)).toEqual([]);
  });

  test('in an answer: of the graph, to notifications, of links, of the metrics', () => {
    expect(answers.length).toBeGreaterThan(150);
    expect(
      answers.map(({ request, text }) => ({ request, found: foundIn(text) })).filter(({ found }) => found.length > 0),
    ).toEqual([]);
  });

  test('in a span', async () => {
    const seen = await eventually(
      () => spans.join(''),
      (text) => text.includes('"outbound"'),
    );
    expect(foundIn(seen)).toEqual([]);
  });

  test('in what a command prints', () => {
    expect(printed.map(({ code }) => code)).toEqual([0, 0]);
    expect(printed.map(({ out, err }) => foundIn(out + err))).toEqual([[], []]);
  });

  test('in any column of any table, sealed ones and those of the jobs included', async () => {
    const tables = await world.owner<{ name: string }>(
      "select c.oid::regclass::text as name from pg_class c where c.relkind in ('r', 'm') and c.relnamespace::regnamespace::text not in ('pg_catalog', 'information_schema', 'pg_toast') order by 1",
    );
    expect(tables.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'credentials',
        'bookings',
        'webhook_deliveries',
        'routing_decisions',
        expect.stringMatching(/^jobs\./),
      ]),
    );
    const found: string[] = [];
    let [rows, names] = [0, 0];
    for (const { name } of tables) {
      for (const { row } of await world.owner<{ row: string }>(`select t::text as row from ${name} t`)) {
        rows += 1;
        names += row.includes('Canaryname') ? 1 : 0;
        found.push(...foundIn(row).map((secret) => `${secret} in ${name}`));
      }
    }
    expect(found).toEqual([]);
    expect([rows > 300, names > 1], 'what is there is found').toEqual([true, true]);
  });
});
