import { createHash } from 'node:crypto';

import { createClient } from 'graphql-ws';
import { getNamedType, isObjectType, type GraphQLField } from 'graphql';
import WebSocket from 'ws';

import { schema } from '../../src/schema/index.ts';
import { headersOf, type As, type TestApp } from '../helpers/app.ts';
import { argumentsOf, documentOf, idPlaces, type Arguments, type Wanted } from './documents.ts';
import { CANARIES, legsOf, WINDOW_CANARIES, type Population } from './population.ts';

/** What an id of this name is an id of. A new name must be explained, or the proof fails. */
const TYPE_OF_ID: Readonly<Record<string, string>> = {
  orderId: 'Order',
  paymentId: 'Payment',
  refundId: 'Refund',
  customerId: 'User',
  deliveryId: 'WebhookDelivery',
  apiKeyId: 'ApiKey',
  tenantId: 'Tenant',
  methodId: 'PaymentMethod',
  bookingId: 'Booking',
  productId: 'Product',
  packageId: 'Package',
  suppressionId: 'MailSuppression',
};

export interface FieldProof {
  readonly fields: number;
  readonly probes: number;
  readonly leaks: readonly string[];
  readonly withoutControl: readonly string[];
}

interface Case extends Wanted {
  readonly label: string;
}

type Transport = 'http' | 'batch' | 'persisted' | 'websocket';
export const TRANSPORTS: readonly Transport[] = ['http', 'batch', 'persisted', 'websocket'];

/** Fields that say nothing of a tenant's objects, or whose arguments name none. */
const NOT_ABOUT_OBJECTS: ReadonlySet<string> = new Set([
  'register',
  'login',
  'refreshSession',
  'logout',
  // A link says whose it is, and an address is the asker's word: test/graph/mail.test.ts tries those of other tenants.
  'requestPasswordReset',
  'resetPassword',
  'requestEmailVerification',
  'verifyEmail',
  'subscribeNewsletter',
  'confirmNewsletter',
  'unsubscribeNewsletter',
  'createTenant',
  'costOf',
  'rateLimit',
  'systemHealth',
  'viewer',
  // Travel providers are the platform's own; what of them is a tenant's is asked for by its slots.
  'createProvider',
  'updateProvider',
  'setProviderEnabled',
  'setProviderCredential',
  'rotateProviderCredential',
  'testProviderConnection',
  // What providers sell is nobody's; what is bought of it is.
  'searchStays',
  'searchFlights',
  // They name an integration, which is nobody's; what is on is asked for by faultDrills and by its id.
  'startFaultDrill',
  'stopFaultDrill',
]);

/** The platform's staff at home see these of all tenants. */
function isThePlatforms({ field, onlyType }: Case): boolean {
  return ['tenants', 'providerSlots', 'providers', 'provider'].includes(field.name) || onlyType === 'ProviderSlot';
}

/** The shop window: whoever is in the shop sees what is for sale, and nothing else of the tenant that others have. */
const WITHIN = 'another customer of the same tenant';

const SLOT_CHANGES = ['upsertProviderSlot', 'deleteProviderSlot'];

/** Every root field with every id it takes, as every stranger, over every transport; and as its owner, who must get it. */
export async function proveFields(world: TestApp, population: Population): Promise<FieldProof> {
  const leaks: string[] = [];
  let probes = 0;
  const cases = allCases(population);
  const untouched = await fingerprintOfA(world, population);
  for (const [who, as] of Object.entries(population.strangers)) {
    for (const one of cases) {
      for (const transport of TRANSPORTS) {
        probes += 1;
        const answer = await send(world, as, transport, one);
        const isTheirs = who === 'the platform at home' && isThePlatforms(one);
        const found = isTheirs ? null : leakOf(who, answer, one, population);
        if (found) leaks.push(`${one.label} as ${who} over ${transport}: ${found}`);
      }
    }
  }
  if ((await fingerprintOfA(world, population)) !== untouched)
    leaks.push("a stranger's mutation changed tenant A's rows");
  const withoutControl: string[] = [];
  for (const one of cases) if (!(await ownerGets(world, population, one))) withoutControl.push(one.label);
  return { fields: new Set(cases.map(({ field }) => field.name)).size, probes, leaks, withoutControl };
}

function allCases(population: Population): Case[] {
  const queries = Object.values(schema.getQueryType()!.getFields()).flatMap((field) =>
    casesOf('query', field, population),
  );
  const mutations = Object.values(schema.getMutationType()!.getFields()).flatMap((field) =>
    casesOf('mutation', field, population),
  );
  return [...queries, ...mutations];
}

function isNode(type: string): boolean {
  const found = schema.getType(type);
  return isObjectType(found) && found.getInterfaces().some(({ name }) => name === 'Node');
}

function casesOf(kind: Case['kind'], field: GraphQLField<unknown, unknown>, population: Population): Case[] {
  if (NOT_ABOUT_OBJECTS.has(field.name)) return [];
  if (field.name === 'node' || field.name === 'nodes') {
    return Object.entries(population.ids)
      .filter(([type]) => isNode(type))
      .map(([type, id]) => ({
        kind,
        field,
        args: field.name === 'node' ? { id } : { ids: [id] },
        onlyType: type,
        label: `${field.name}(${type})`,
      }));
  }
  if (kind === 'mutation' && idPlaces(field).length === 0)
    throw new Error(`The mutation ${field.name} names no object: say in NOT_ABOUT_OBJECTS why.`);
  const own = getNamedType(field.type).name;
  const valueFor = (name: string, path: readonly string[]): unknown => {
    if (name === 'id' && field.name === 'upsertProduct') return population.ids['Product'];
    if (name === 'id' && field.name.endsWith('Resource')) return population.ids['Resource'];
    if (name === 'productIds') return [population.ids['Product']];
    if (name === 'id') return population.ids[SLOT_CHANGES.includes(field.name) ? 'ProviderSlot' : own];
    if (name === 'key' && field.name === 'setFeatureFlag') return 'blog';
    if (name === 'slug' || name === 'providerSlug') return population.provider.slug;
    if (name === 'legs') return legsOf(population);
    if (name === 'contactPhone') return '+201001234567';
    if (name.endsWith('Id') && (path[0] === 'input' || path.length === 1)) {
      if (name === 'offerId') return population.offers[field.name === 'bookFlight' ? 'flight' : 'stay'];
      const type = TYPE_OF_ID[name];
      if (!type) throw new Error(`Say in TYPE_OF_ID what ${field.name}.${name} is an id of.`);
      return population.ids[type];
    }
    if (name === 'month') return population.invoiceMonth;
    if (['moneyReport', 'timeSlots'].includes(field.name) && (name === 'from' || name === 'to'))
      return population.reportDays[name];
    if ((field.name === 'providerUsage' || field.name === 'replayRouting') && name === 'from')
      return population.routedSince;
    if (name === 'key' && field.name === 'operation') return population.operationKey;
    return undefined;
  };
  const cases: Case[] = [{ kind, field, args: argumentsOf(field.args, valueFor), label: field.name }];
  if (field.args.some(({ name }) => name === 'number')) {
    cases.push({
      kind,
      field,
      args: { number: field.name === 'invoice' ? population.invoiceNumber : population.orderNumber },
      label: `${field.name}(number)`,
    });
  }
  if (field.args.some(({ name }) => name === 'filter'))
    cases.push({
      kind,
      field,
      args: { filter: { customerId: population.ids['User'] } },
      label: `${field.name}(filter)`,
    });
  return cases;
}

// Order and invoice numbers exist in every tenant, so a stranger's own object may answer: what counts is whether anything of A is in it.
function leakOf(who: string, answer: string, one: Case, population: Population): string | null {
  if (answer.includes('RATE_LIMITED')) return 'was refused unasked, and proves nothing';
  const isWithin = who === WITHIN;
  const canary = (isWithin ? CANARIES : [...CANARIES, ...WINDOW_CANARIES]).find((word) => answer.includes(word));
  if (canary) return `shows ${canary}`;
  const sent = JSON.stringify(one.args);
  const hidden = Object.entries(population.ids).filter(([type]) => !(isWithin && type === 'Product'));
  const id = hidden.map(([, known]) => known).find((known) => answer.includes(known) && !sent.includes(known));
  if (id) return `shows the id ${id}`;
  const data = (JSON.parse(answer) as { data?: Record<string, unknown> }).data?.[one.field.name];
  if (isWithin && one.onlyType === 'Product') return null;
  if (one.label.startsWith('node(') && data !== null && data !== undefined) return 'gives a node';
  if (one.kind === 'mutation' && isDone(data)) return 'was done';
  // Within the tenant an offer is anybody's who was shown it; elsewhere it is nothing.
  if (who.startsWith('another tenant') && sent.includes('offerId') && !answer.includes('OFFER_EXPIRED'))
    return 'opens an offer';
  return null;
}

function isDone(payload: unknown): boolean {
  return (
    payload !== null &&
    typeof payload === 'object' &&
    Array.isArray((payload as { userErrors?: unknown }).userErrors) &&
    (payload as { userErrors: unknown[] }).userErrors.length === 0
  );
}

/** The right tenant gets the object: a mutation is not told that it does not exist, a query shows it. */
async function ownerGets(world: TestApp, population: Population, one: Case): Promise<boolean> {
  for (const as of [
    population.owners.customer,
    population.owners.operator,
    population.owners.tenantAdmin,
    population.owners.platformInA,
    population.owners.platformAtHome,
  ]) {
    const answer = JSON.parse(await send(world, as, 'http', one)) as {
      data?: Record<string, any>;
      errors?: readonly { extensions: { code: string } }[];
    };
    const data = answer.data?.[one.field.name];
    // Whose offers were asked for at the provider has had them opened.
    if (answer.errors?.some(({ extensions }) => extensions.code === 'PROVIDER_UNAVAILABLE')) return true;
    if (data === null || data === undefined) continue;
    if (one.kind === 'query') {
      if (JSON.stringify(data) !== '[null]' && JSON.stringify(data) !== '[]' && data.nodes?.length !== 0) return true;
      continue;
    }
    const codes = data.userErrors.map(({ code }: { code: string }) => code);
    if (!['NOT_FOUND', 'FORBIDDEN', 'OFFER_EXPIRED'].some((code) => codes.includes(code))) return true;
  }
  return false;
}

async function fingerprintOfA(world: TestApp, population: Population): Promise<string> {
  const tables = [
    'orders',
    'order_items',
    'payments',
    'refunds',
    'invoices',
    'bookings',
    'portal_configs',
    'payment_gateway_configs',
    'credentials',
    'users',
    'ledger_entries',
    'loyalty_rules',
    'loyalty_lots',
    'webhook_deliveries',
    'inquiries',
    'provider_slots',
    'package_policies',
    'packages',
    'email_senders',
    'mail_templates',
    'mail_suppressions',
    'marketing_pauses',
    'newsletter_subscriptions',
    'fault_drills',
    'business_hours',
    'hours_exceptions',
    'booking_rules',
    'feature_flags',
    'products',
    'stock_takings',
    'resources',
    'product_resources',
    'allocations',
  ];
  const parts = await Promise.all(
    tables.map((table) =>
      world.owner<{ print: string }>(
        `select md5(coalesce(string_agg(t::text, '|' order by t::text), '')) as print from ${table} t where tenant_id = $1`,
        [population.tenantA],
      ),
    ),
  );
  const [keys] = await world.owner<{ print: string }>(
    "select md5(string_agg(id::text || coalesce(revoked_at::text, ''), '|' order by id)) as print from api_keys where tenant_id = $1",
    [population.tenantA],
  );
  return [...parts.map(([row]) => row!.print), keys!.print].join();
}

/** Deeper, it shows what of providers is the platform's, and with its refusal says nothing of the rest. */
const SHALLOW = new Set(['providerUsage']);

async function send(world: TestApp, as: As, transport: Transport, one: Case): Promise<string> {
  const document = documentOf(schema, one, transport === 'http' && !SHALLOW.has(one.field.name) ? 3 : 2);
  const headers = { 'content-type': 'application/json', ...headersOf(as) };
  const post = async (body: unknown) =>
    (await world.request('POST', '/graphql', { headers, body: JSON.stringify(body) })).text;
  if (transport === 'http') return post(document);
  if (transport === 'batch')
    return JSON.stringify((JSON.parse(await post([{ query: '{ __typename }' }, document])) as unknown[])[1] ?? {});
  if (transport === 'websocket') return overWebSocket(world, as, document);
  const persistedQuery = { version: 1, sha256Hash: createHash('sha256').update(document.query).digest('hex') };
  await post({ ...document, extensions: { persistedQuery } });
  return post({ variables: document.variables, extensions: { persistedQuery } });
}

async function overWebSocket(
  world: TestApp,
  as: As,
  document: { query: string; variables: Arguments },
): Promise<string> {
  // X-Tenant is a header of HTTP; over WebSocket a platform admin is at home.
  const client = createClient({
    url: world.wsUrl,
    webSocketImpl: WebSocket,
    lazy: true,
    retryAttempts: 0,
    connectionParams: { ...(as.key && { apiKey: as.key }), ...(as.token && { authorization: `Bearer ${as.token}` }) },
  });
  try {
    return await new Promise<string>((resolve) => {
      let last = '{}';
      client.subscribe(document, {
        next: (answer) => (last = JSON.stringify(answer)),
        error: (error) => resolve(JSON.stringify({ errors: Array.isArray(error) ? error : [{ message: 'refused' }] })),
        complete: () => resolve(last),
      });
    });
  } finally {
    await client.dispose();
  }
}
