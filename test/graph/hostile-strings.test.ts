import { randomUUID } from 'node:crypto';

import { getNamedType, isInputObjectType, isListType, isNonNullType, type GraphQLInputType } from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { schema } from '../../src/schema/index.ts';
import { startTestApp, type As, type TestApp } from '../helpers/app.ts';
import { Shop } from '../helpers/shop.ts';
import { TestVendor } from '../helpers/travel.ts';
import { MUTATIONS, type Stage } from './mutations.ts';

/** Hostile text in every text field of every mutation's input: kept exactly, or refused with a code; never an error of ours. */
let world: TestApp;
let shop: Shop;
let stage: Stage;

beforeAll(async () => {
  world = await startTestApp({ worker: false, providerDescriptions: new TestVendor().descriptions });
  shop = await Shop.open(world);
  await world.owner('update portal_configs set rate_limit_per_minute = 1000000');
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

const LONE_SURROGATE = 'a\ud800b';
const TEXTS: Readonly<Record<string, string>> = {
  sql: "'; drop table orders; --",
  script: '<script>alert(1)</script>',
  templates: '${7*7}{{7*7}}',
  prototype: '__proto__',
  long: 'x'.repeat(10_000),
  emoji: '👩‍👩‍👧‍👦🏴‍☠️',
  'right-to-left override': 'a\u202egnp.exe',
  'lone surrogate': LONE_SURROGATE,
  NUL: 'a\u0000b',
};

interface Place {
  readonly mutation: string;
  /** Names of fields from the input down; lists have one item. */
  readonly path: readonly string[];
  readonly lists: readonly boolean[];
}

const isList = (type: GraphQLInputType): boolean => isListType(isNonNullType(type) ? type.ofType : type);

function placesIn(
  mutation: string,
  type: GraphQLInputType,
  path: readonly string[] = [],
  lists: readonly boolean[] = [],
): Place[] {
  const named = getNamedType(type);
  if (named.name === 'String') return [{ mutation, path, lists }];
  if (!isInputObjectType(named)) return [];
  return Object.values(named.getFields()).flatMap((field) =>
    placesIn(mutation, field.type, [...path, field.name], [...lists, isList(field.type)]),
  );
}

const PLACES = Object.values(schema.getMutationType()!.getFields()).flatMap((field) =>
  placesIn(field.name, field.args[0]!.type),
);

/** Siblings that a nested text cannot do without. */
const BESIDE: Readonly<Record<string, object>> = {
  'createOrder.items': { quantity: 1, unitPrice: '1.00' },
  'createOrder.items.description': { locale: 'en' },
  'configurePaymentGateway.credentials': { name: 'PROVIDER_KEY', value: 'x' },
  'configureEmailSender.credentials': { name: 'ACCESS_KEY_ID', value: 'x' },
  'startFaultDrill.rules': { operation: '*', fault: 'SLOW', nth: 1_000_000 },
  'createProvider.settings': { name: 'POINT_OF_SALE' },
  'updateProvider.settings': { name: 'POINT_OF_SALE' },
  'bookStay.guests': { givenName: 'Ada', familyName: 'Lovelace' },
  'bookFlight.passengers': { givenName: 'Ada', familyName: 'Lovelace', birthDate: '1990-01-01' },
};

function withText(input: object, { mutation, path, lists }: Place, text: string, depth = 0): object {
  const name = path[depth]!;
  const at = [mutation, ...path.slice(0, depth + 1)].join('.');
  const given = (input as Record<string, unknown>)[name];
  // In a list that is there anyway, the item that has such a field is the one to be written in; the others stay.
  const isNested = depth < path.length - 1;
  const items: readonly object[] = isNested && lists[depth] && !(at in BESIDE) && Array.isArray(given) ? given : [];
  const place = Math.max(
    0,
    items.findIndex((item) => Object.hasOwn(item, path[depth + 1]!)),
  );
  const inner = isNested
    ? withText(items[place] ?? BESIDE[at] ?? {}, { mutation, path, lists }, text, depth + 1)
    : text;
  return { ...input, [name]: lists[depth] ? (items.length > 0 ? items.with(place, inner as object) : [inner]) : inner };
}

/** Where the answer shows what was stored. A text without a place here is shown by nothing, or never. */
const SHOWN: Readonly<Record<string, { select: string; read: (payload: any) => unknown }>> = {
  'register.firstName': { select: 'session { user { firstName } }', read: ({ session }) => session.user.firstName },
  'register.lastName': { select: 'session { user { lastName } }', read: ({ session }) => session.user.lastName },
  'createTenant.slug': { select: 'tenant { slug }', read: ({ tenant }) => tenant.slug },
  ...Object.fromEntries(
    ['createTenant', 'updateTenant'].flatMap((mutation) => [
      [`${mutation}.name`, { select: 'tenant { name }', read: ({ tenant }: any) => tenant.name }],
      [`${mutation}.domain`, { select: 'tenant { domain }', read: ({ tenant }: any) => tenant.domain }],
      [
        `${mutation}.legal.addressLines`,
        { select: 'tenant { legal { addressLines } }', read: ({ tenant }: any) => tenant.legal.addressLines[0] },
      ],
      [
        `${mutation}.legal.taxId`,
        { select: 'tenant { legal { taxId } }', read: ({ tenant }: any) => tenant.legal.taxId },
      ],
      [
        `${mutation}.legal.legalText`,
        { select: 'tenant { legal { legalText } }', read: ({ tenant }: any) => tenant.legal.legalText },
      ],
    ]),
  ),
  ...Object.fromEntries(
    ['createProvider', 'updateProvider'].flatMap((mutation) => [
      [`${mutation}.name`, { select: 'provider { name }', read: ({ provider }: any) => provider.name }],
      [
        `${mutation}.settings.value`,
        { select: 'provider { settings { value } }', read: ({ provider }: any) => provider.settings[0].value },
      ],
    ]),
  ),
  ...Object.fromEntries(
    ['fromName', 'smtpHost', 'sesRegion', 'transactionalSet', 'marketingSet', 'topicArn'].map((name) => [
      `configureEmailSender.${name}`,
      { select: `tenant { emailSender { ${name} } }`, read: ({ tenant }: any) => tenant.emailSender[name] },
    ]),
  ),
  ...Object.fromEntries(
    ['subject', 'text'].map((name) => [
      `setMailTemplate.${name}`,
      {
        select: `tenant { mailTemplates { ${name} } }`,
        read: ({ tenant }: any) => tenant.mailTemplates.at(-1)[name],
      },
    ]),
  ),
  ...Object.fromEntries(
    ['name', 'code'].map((name) => [
      `upsertResource.${name}`,
      { select: `resource { ${name} }`, read: ({ resource }: any) => resource[name] },
    ]),
  ),
  ...Object.fromEntries(
    ['name', 'description', 'category', 'code'].map((name) => [
      `upsertProduct.${name}`,
      { select: `product { ${name} }`, read: ({ product }: any) => product[name] },
    ]),
  ),
  'createApiKey.scopes': { select: 'apiKey { scopes }', read: ({ apiKey }) => apiKey.scopes[0] },
  'createOrder.items.description.text': {
    select: 'order { items { description } }',
    read: ({ order }) => order.items[0].description,
  },
  ...Object.fromEntries(
    ['bookStay.guests', 'bookFlight.passengers'].flatMap((at) =>
      ['givenName', 'familyName'].map((name) => [
        `${at}.${name}`,
        { select: 'booking { guests { givenName familyName } }', read: ({ booking }: any) => booking.guests[0][name] },
      ]),
    ),
  ),
  'bookAppointment.notes': { select: 'booking { notes }', read: ({ booking }) => booking.notes },
  ...Object.fromEntries(
    ['guests', 'passengers'].flatMap((list, leg) =>
      ['givenName', 'familyName'].map((name) => [
        `bookPackage.legs.${list}.${name}`,
        {
          select: 'package { bookings { guests { givenName familyName } } }',
          read: ({ package: one }: any) => one.bookings[leg].guests[0][name],
        },
      ]),
    ),
  ),
  'bookPackage.legs.specialRequests': {
    select: 'package { bookings { specialRequests } }',
    read: ({ package: one }) => one.bookings[0].specialRequests,
  },
  'cancelPackage.reason': { select: 'package { note }', read: ({ package: one }) => one.note },
  'resolvePackage.reason': { select: 'package { note }', read: ({ package: one }) => one.note },
  'bookStay.specialRequests': {
    select: 'booking { specialRequests }',
    read: ({ booking }) => booking.specialRequests,
  },
  'cancelBooking.reason': { select: 'booking { cancelReason }', read: ({ booking }) => booking.cancelReason },
  'updateBookingStatus.providerReference': {
    select: 'booking { providerReference }',
    read: ({ booking }) => booking.providerReference,
  },
  'startFaultDrill.seed': { select: 'faultDrill { seed }', read: ({ faultDrill }) => faultDrill.seed },
  'startFaultDrill.rules.operation': {
    select: 'faultDrill { rules { operation } }',
    read: ({ faultDrill }) => faultDrill.rules[0].operation,
  },
  'cancelOrder.reason': { select: 'order { cancelReason }', read: ({ order }) => order.cancelReason },
};
const UNSHOWN: Readonly<Record<string, string>> = {
  logo: 'a picture in base64: any other text is refused',
  password: 'only its hash is kept',
  refreshToken: 'only its hash is kept',
  token: 'only its hash is kept',
  idempotencyKey: 'shown by operation(key)',
  'credentials.name': 'one of a closed list',
  'credentials.value': 'sealed',
  'Credential.name': 'one of a closed list',
  'Credential.value': 'sealed',
  'settings.name': 'one of a closed list',
  'cachePolicy.operation': 'one of a closed list',
  integration: 'one of those there are',
  slug: 'a provider of another name is not there',
  providerSlug: 'a provider of another name is not there',
  key: 'one of a closed list',
  reason: 'kept with the refund, which has no field yet',
  'updateBookingStatus.reason': 'kept in the audit log',
  documentNumber: 'personal data that only the provider is told',
};

/** A new situation costs several requests, so one is used until it was spent by a success. */
const prepared = new Map<string, object>();

async function inputFor(mutation: string): Promise<object> {
  const known = prepared.get(mutation);
  if (known) return known;
  const { input } = await MUTATIONS[mutation]!.prepare(stage);
  prepared.set(mutation, input);
  return input;
}

interface Outcome {
  readonly codes: readonly string[];
  readonly shown: unknown;
  readonly payload: any;
}

async function send(place: Place, input: object, as: As): Promise<Outcome> {
  const at = [place.mutation, ...place.path].join('.');
  const type = String(schema.getMutationType()!.getFields()[place.mutation]!.args[0]!.type);
  const shown = SHOWN[at];
  const query = `mutation ($input: ${type}) { ${place.mutation}(input: $input) { ${shown?.select ?? ''} userErrors { code message details } } }`;
  const answer = await world.ask(as, query, { input });
  const payload = answer.data?.[place.mutation];
  const codes = [
    ...(answer.errors ?? []).map(({ extensions }) => extensions.code),
    ...(payload?.userErrors ?? []).map(({ code }: { code: string }) => code),
  ];
  if (codes.length === 0) prepared.delete(place.mutation);
  return { codes, payload, shown: codes.length === 0 && shown ? shown.read(payload) : undefined };
}

/** Tables and how many rows each has. */
async function census(): Promise<Record<string, number>> {
  const tables = await world.owner<{ name: string }>(
    "select c.oid::regclass::text as name from pg_class c where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace order by 1",
  );
  const [row] = await world.owner(
    `select ${tables.map(({ name }) => `(select count(*)::int from ${name}) as "${name}"`).join(', ')}`,
  );
  return row;
}

test('every text of every input is probed, and it is known where it is shown', () => {
  expect(PLACES.length).toBeGreaterThanOrEqual(30);
  const unknown = PLACES.map(({ mutation, path }) => [mutation, ...path].join('.')).filter(
    (at) =>
      !(at in SHOWN) &&
      !Object.keys(UNSHOWN).some((name) => at.endsWith(name.startsWith('Credential') ? name : `.${name}`)),
  );
  expect(unknown).toEqual([]);
});

test.each(Object.entries(TEXTS))(
  '%s: kept as it is or refused with a code, in every text of every mutation',
  async (name, text) => {
    const before = await census();
    const wrong: string[] = [];
    let kept = 0;
    for (const place of PLACES) {
      const at = [place.mutation, ...place.path].join('.');
      const base = await inputFor(place.mutation);
      const { codes, shown } = await send(place, withText(base, place, text), MUTATIONS[place.mutation]!.as(stage));
      if (codes.includes('INTERNAL')) wrong.push(`${at}: INTERNAL`);
      if (codes.length > 0) continue;
      kept += 1;
      if (at in SHOWN && shown !== text) wrong.push(`${at}: shown as ${JSON.stringify(shown).slice(0, 60)}`);
    }
    expect(wrong).toEqual([]);
    if (!['long', 'lone surrogate', 'NUL'].includes(name))
      expect(kept, 'texts that are only odd are kept').toBeGreaterThan(5);
    const after = await census();
    expect(Object.keys(after)).toEqual(Object.keys(before));
    const lost = Object.keys(before).filter((table) => after[table]! < before[table]!);
    expect(lost).toEqual([]);
  },
);

test('an idempotency key of hostile text is shown by operation(key) as it is', async () => {
  for (const text of [TEXTS['sql'], TEXTS['script'], TEXTS['templates'], TEXTS['prototype']]) {
    const idempotencyKey = `${text}${randomUUID()}`;
    await world.data(
      shop.operator,
      'mutation ($input: CreateOrderInput!) { createOrder(input: $input) { userErrors { code } } }',
      { input: { ...shop.orderInput(), idempotencyKey } },
    );
    const { operation } = await world.data(
      shop.operator,
      'query ($key: String!) { operation(key: $key) { key status } }',
      { key: idempotencyKey },
    );
    expect(operation).toEqual({ key: idempotencyKey, status: 'SUCCEEDED' });
  }
});
