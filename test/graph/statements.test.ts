import { getNamedType } from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { decodeGlobalId, encodeGlobalId } from '../../src/global-id.ts';
import { schema } from '../../src/schema/index.ts';
import { startTestApp, type As, type TestApp } from '../helpers/app.ts';
import { documentOf } from '../isolation/documents.ts';

/** The number of SQL statements of a query does not depend on the number of rows (GQL-2). */
let world: TestApp;
let operator: As;
let customer: As;
let platformAdmin: As;
const counts = [1, 20, 100] as const;

beforeAll(async () => {
  // No worker: it would send statements of its own between ours.
  world = await startTestApp({ worker: false });
  // A budget is leased in pieces, and each piece is a statement: these are so large that the first lasts.
  await world.owner('update portal_configs set rate_limit_per_minute = 1000000');
  const [staff, person, platform] = await Promise.all([
    world.session('operator'),
    world.session('customer'),
    world.session('platformAdmin'),
  ]);
  operator = { token: staff.accessToken };
  customer = { token: person.accessToken };
  platformAdmin = { token: platform.accessToken };
  await fill(decodeGlobalId(person.userId)!.id);
});
afterAll(() => world.stop());

/** Orders of many customers with all that hangs on them; every relation of an order has two rows where it may. */
async function fill(customerId: string): Promise<void> {
  const statements = [
    `insert into tenants (id, slug, name, currency_code, tax_profile, legal, created_at)
       select gen_random_uuid(), 'many-' || n, 'Many', 'EGP', '{"roundingMode":"HALF_UP","roundingLevel":"LINE","pricesIncludeTax":false}', '{}', now() - n * interval '1 s' from generate_series(1, 110) n`,
    `insert into portal_configs (tenant_id) select id from tenants where slug like 'many-%'`,
    `insert into users (tenant_id, id, email, role, password_hash, created_at)
       select t.id, gen_random_uuid(), 'many' || n || '@rows.example', 'CUSTOMER', 'x', now() from tenants t, generate_series(1, 50) n where t.slug = $1`,
    `insert into orders (tenant_id, id, number, type, status, payment_status, customer_id, currency_code, subtotal_minor, tax_minor, total_minor, paid_minor, created_at, issued_at, paid_at)
       select t.id, gen_random_uuid(), 'MANY-' || n, 'MANUAL_INVOICE', 'PAID', 'PAID',
         case when n % 2 = 0 then $2::uuid else (select id from users where tenant_id = t.id and email = 'many' || (n % 50 + 1) || '@rows.example') end,
         'EGP', 100, 0, 100, 100, now() - n * interval '1 s', now(), now()
       from tenants t, generate_series(1, 240) n where t.slug = $1`,
    `insert into order_items (tenant_id, order_id, position, descriptions, quantity, unit_price_minor, net_minor, tax_minor, gross_minor)
       select tenant_id, id, n, '{"en":"Tea"}', 1, 50, 50, 0, 50 from orders, generate_series(1, 2) n`,
    `insert into payments (tenant_id, id, order_id, customer_id, gateway, method_id, method_kind, status, amount_minor, currency_code, captured_minor, created_at)
       select tenant_id, gen_random_uuid(), id, customer_id, 'FAWATERK', '2', 'REDIRECT', (array['FAILED', 'PAID'])[n]::payment_status, 100, 'EGP', (n - 1) * 100, created_at from orders, generate_series(1, 2) n`,
    `insert into invoices (tenant_id, id, number, kind, order_id, customer_id, total_minor, currency_code, document, issued_at)
       select tenant_id, gen_random_uuid(), 'I-' || number, 'INVOICE', id, customer_id, 100, 'EGP', '{}', now() from orders`,
    `insert into bookings (tenant_id, id, reference, kind, status, customer_id, order_id, starts_at, ends_at, amount_minor, currency_code, guests, created_at,
         provider_slug, provider_mode, phase)
       select tenant_id, gen_random_uuid(), number || '-' || n, 'STAY', 'CONFIRMED', customer_id, id, now(), now() + interval '1 day', 50, 'EGP', '[]', created_at,
         'many-' || n, 'SANDBOX', 'CONFIRMED' from orders, generate_series(1, 2) n`,
    `insert into packages (tenant_id, id, reference, status, phase, customer_id, order_id, rollback, total_minor, currency_code, loss_max_minor, plan, created_at)
       select tenant_id, gen_random_uuid(), 'PKG-' || number, 'CONFIRMED', 'ENDED', customer_id, id, 'ALL_OR_NOTHING', 100, 'EGP', 100,
         '{"order":[0,1],"held":[],"onAccount":false,"worstCaseMinor":"100","riskUntil":"2099-01-01T00:00:00.000Z","legs":[{"descriptions":[]},{"descriptions":[]}],
           "steps":[{"kind":"PAY","leg":null,"deadline":null,"costMinor":"100","atRiskMinor":"0"},{"kind":"BOOK","leg":0,"deadline":null,"costMinor":"0","atRiskMinor":"50"},
             {"kind":"BOOK","leg":1,"deadline":null,"costMinor":"0","atRiskMinor":"100"}]}', created_at from orders`,
    `update bookings b set package_id = k.id, package_leg = right(b.reference, 1)::int - 1 from packages k where k.tenant_id = b.tenant_id and k.order_id = b.order_id`,
    `insert into webhook_deliveries (tenant_id, id, source, received_at, verdict, headers, body_bytes, payment_id, processed_at)
       select tenant_id, gen_random_uuid(), 'fawaterk', now(), 'ACCEPTED', '{}', 0, id, now() from payments`,
    `insert into mail_suppressions (tenant_id, address_hash, stream, address, reason, created_at)
       select tenant_id, decode(md5(id::text), 'hex'), 'MARKETING', 'many@rows.example', 'BOUNCE', created_at from orders`,
    `insert into providers (slug, id, name, verticals, calls_per_minute, created_at)
       select 'many-' || n, gen_random_uuid(), 'Many', array['LODGING']::vertical[], 60, now() - n * interval '1 s' from generate_series(1, 110) n`,
    `insert into provider_health (slug, state, status, circuit, error_rate, next_check_at, updated_at)
       select slug, '{}', 'HEALTHY', 'CLOSED', 0, now(), now() from providers`,
    `insert into provider_health_records (slug, id, at, status, circuit, error_rate)
       select slug, gen_random_uuid(), now() - n * interval '1 s', 'HEALTHY', 'CLOSED', 0 from providers, generate_series(1, 2) n`,
    `insert into provider_slots (id, tenant_id, vertical, provider_slug, priority, created_at)
       select gen_random_uuid(), t.id, 'LODGING', v.slug, n, now() - n * interval '1 s' from providers v, tenants t, generate_series(1, 2) n
       where t.slug = v.slug`,
    `insert into provider_slots (id, tenant_id, vertical, provider_slug, priority, created_at)
       select gen_random_uuid(), t.id, 'LODGING', v.slug, n, now() - interval '1 day' from providers v, tenants t, generate_series(1, 2) n
       where t.slug = $1`,
    `insert into routing_decisions (tenant_id, id, vertical, purpose, scope, context, candidates, selected_slug, answered_slug, decided_at)
       select t.id, gen_random_uuid(), 'LODGING', 'SEARCH', 'GLOBAL', '{}', (
           select jsonb_agg(jsonb_build_object('slotId', s.id, 'providerSlug', s.provider_slug, 'accepted', true, 'reason', 'ACCEPTED', 'detail', null))
           from provider_slots s where s.tenant_id = t.id and s.provider_slug = 'many-' || n
         ), 'many-' || n, 'many-' || (111 - n), now() - n * interval '1 s'
       from tenants t, generate_series(1, 110) n where t.slug = $1`,
    `insert into credentials (tenant_id, id, owner, name, version, sealed, master_key_version, created_at)
       select platform_tenant(), gen_random_uuid(), 'provider:' || v.slug || ':SANDBOX', 'KEY-' || n, 1, '\\x00', 1, now() from providers v, generate_series(1, 2) n`,
    `insert into products (tenant_id, id, name, price_minor, currency_code, category, stock, created_at)
       select t.id, gen_random_uuid(), 'Tea ' || n, 100, 'EGP', 'drinks', 1, now() - n * interval '1 s' from tenants t, generate_series(1, 110) n where t.slug = $1`,
    `update order_items i set product_id = (select p.id from products p where p.tenant_id = i.tenant_id and p.name = 'Tea ' || i.position)`,
    `insert into audit_entries (tenant_id, id, position, actor, action, target, occurred_at, previous_hash, hash)
       select t.id, gen_random_uuid(), 100000 + n, 'user:x', 'tenant.update', 'Tenant:' || t.id, now(), '\\x00', '\\x00' from tenants t, generate_series(1, 110) n where t.slug in ($1, 'platform')`,
  ];
  for (const statement of statements) {
    const quoted = statement.replaceAll('$1', `'${world.facts.tenantSlug}'`).replaceAll('$2', `'${customerId}'`);
    await world.owner(`begin; set local session_replication_role = replica; ${quoted}; commit`);
  }
}

/**
 * The process looks after its journal and its keys now and then, with statements of its own: none of that can happen to all of
 * several requests, so the least of them is the request's own.
 * @returns how many statements the request sends, and its data
 */
async function statementsOf(
  as: As,
  query: string,
  variables: Record<string, unknown>,
): Promise<{ statements: number; data: any }> {
  const tries = [];
  for (let attempt = 0; attempt < 3; attempt += 1) tries.push(await onceCounted(as, query, variables));
  return tries.toSorted((one, other) => one.statements - other.statements)[0]!;
}

async function onceCounted(
  as: As,
  query: string,
  variables: Record<string, unknown>,
): Promise<{ statements: number; data: any }> {
  const counter = world.app.metrics.databaseStatements;
  const now = async () => (await counter.get()).values[0]?.value ?? 0;
  const before = await now();
  const data = await world.data(as, query, variables);
  return { statements: (await now()) - before, data };
}

const ORDER = `id number status total { amount } customer { id email } items { description quantity lineTotal { amount } }
  payments { id status amount { amount } } invoice { id number } bookings { id reference status }`;
const LATEST = `query ($first: Int) { orders(first: $first) { nodes { ${ORDER} } pageInfo { hasNextPage endCursor } } }`;
const RELATIONS = ['customer', 'items', 'payments', 'invoice', 'bookings'];

test.each([
  ['an operator', () => operator],
  ['a customer', () => customer],
])('the latest orders cost %s one statement and one per relation, however many they are', async (_who, as) => {
  await statementsOf(as(), LATEST, { first: 1 });
  for (const first of counts) {
    const { statements, data } = await statementsOf(as(), LATEST, { first });
    expect(data.orders.nodes).toHaveLength(first);
    const last = data.orders.nodes.at(-1);
    expect([
      last.items.length,
      last.payments.length,
      last.bookings.length,
      last.invoice !== null,
      last.customer !== null,
    ]).toEqual([2, 2, 2, true, true]);
    expect(statements, `${first} orders`).toBe(1 + RELATIONS.length);
  }
});

test('one order costs one statement and one per relation', async () => {
  const { data } = await statementsOf(operator, LATEST, { first: 1 });
  const one = await statementsOf(operator, `query ($id: ID!) { order(id: $id) { ${ORDER} } }`, {
    id: data.orders.nodes[0].id,
  });
  expect(one.data.order.payments).toHaveLength(2);
  expect(one.statements).toBe(1 + RELATIONS.length);
});

test('a page further back costs what the first costs', async () => {
  const query = `query ($after: String) { orders(first: 20, after: $after) { nodes { ${ORDER} } pageInfo { endCursor } } }`;
  const first = await statementsOf(operator, query, {});
  const second = await statementsOf(operator, query, { after: first.data.orders.pageInfo.endCursor });
  expect(second.data.orders.nodes[0].id).not.toBe(first.data.orders.nodes[0].id);
  expect(second.statements).toBe(first.statements);
});

test('products by category and words cost one statement, and those of orders one more than their items', async () => {
  const searched =
    'query ($first: Int) { products(category: "drinks", search: "tea", first: $first) { nodes { name price { amount } } } }';
  const sold = 'query ($first: Int) { orders(first: $first) { nodes { items { product { name } } } } }';
  await world.owner('update products set searched = upper(name)');
  for (const first of counts) {
    const products = await statementsOf(operator, searched, { first });
    expect([products.data.products.nodes.length, products.statements]).toEqual([first, 1]);
    const orders = await statementsOf(customer, sold, { first });
    expect(orders.data.orders.nodes.at(-1).items).toEqual([
      { product: { name: 'Tea 1' } },
      { product: { name: 'Tea 2' } },
    ]);
    expect([orders.data.orders.nodes.length, orders.statements]).toEqual([first, 3]);
  }
});

test('many orders by their ids cost what one costs', async () => {
  const orders = await world.owner<{ id: string }>('select id from orders order by created_at desc limit 100');
  const ids = orders.map(({ id }) => encodeGlobalId('Order', id));
  const query = `query ($ids: [ID!]!) { nodes(ids: $ids) { id ... on Order { ${ORDER} } } }`;
  const one = await statementsOf(operator, query, { ids: ids.slice(0, 1) });
  const many = await statementsOf(operator, query, { ids: ids.slice(0, 20) });
  expect(many.data.nodes.every((node: unknown) => node !== null)).toBe(true);
  expect([one.statements, many.statements]).toEqual([1 + RELATIONS.length, 1 + RELATIONS.length]);
});

test('packages with the steps of their plans cost one statement and one per relation, however many they are', async () => {
  const steps = 'steps { kind state provider { slug } booking { reference } }';
  const query = `query ($first: Int) { packages(first: $first) { nodes { customer { id } order { id } lost { amount } bookings { package { id } } plan { ${steps} } } } }`;
  // A package that was listed is not asked for again by its bookings.
  const relations = ['customer', 'order', 'bookings', 'their providers'];
  for (const first of [1, 5, 20]) {
    const { statements, data } = await statementsOf(operator, query, { first });
    expect(data.packages.nodes).toHaveLength(first);
    const [pay, ...legs] = data.packages.nodes.at(-1).plan.steps;
    expect(pay).toMatchObject({ kind: 'PAY', state: 'DONE', booking: null });
    expect(legs.map((leg: any) => `${leg.provider.slug} ${leg.booking.reference}`)).toEqual([
      expect.stringMatching(/^many-1 .+-1$/),
      expect.stringMatching(/^many-2 .+-2$/),
    ]);
    expect(statements, `${first} packages`).toBe(1 + relations.length);
  }
});

const LISTS = Object.values(schema.getQueryType()!.getFields()).filter((field) =>
  getNamedType(field.type).name.endsWith('Connection'),
);
/** Who sees a hundred of each, how deep is asked, and how many statements the relations of a node with its large columns are. */
const READERS: Readonly<Record<string, { as: () => As; depth: number; relations: readonly string[] }>> = {
  bookings: { as: () => operator, depth: 3, relations: ['customer', 'order', 'provider', 'package'] },
  mailSuppressions: { as: () => operator, depth: 3, relations: [] },
  orders: { as: () => operator, depth: 3, relations: [...RELATIONS, "the invoice's document"] },
  packages: { as: () => operator, depth: 3, relations: ['customer', 'order', 'bookings'] },
  // A tenant's portal and gateway are shown to who works in it only, so never for a list.
  tenants: { as: () => platformAdmin, depth: 2, relations: [] },
  auditLog: { as: () => platformAdmin, depth: 3, relations: [] },
  products: { as: () => operator, depth: 3, relations: [] },
  providers: { as: () => platformAdmin, depth: 3, relations: ['health', 'its history', 'credentials', 'slots'] },
  providerSlots: { as: () => platformAdmin, depth: 3, relations: ['provider', 'tenant'] },
  routingDecisions: { as: () => operator, depth: 3, relations: ['provider'] },
  webhookDeliveries: { as: () => operator, depth: 3, relations: ['payment', 'the sealed body'] },
};

test('every list of the schema has a reader here', () => {
  expect(Object.keys(READERS).toSorted()).toEqual(LISTS.map(({ name }) => name).toSorted());
});

test.each(LISTS.map((field) => [field.name, field] as const))(
  '%s with all its fields costs one statement and one per relation, for 1, 20 and 100 rows',
  async (name, field) => {
    const { as, depth, relations } = READERS[name]!;
    const { query } = documentOf(schema, { kind: 'query', field, args: { first: 1 } }, depth);
    const seen: number[] = [];
    for (const first of counts) {
      const { statements, data } = await statementsOf(as(), query, { first });
      expect(data[name].nodes).toHaveLength(first);
      seen.push(statements);
    }
    expect(seen).toEqual(counts.map(() => 1 + relations.length));
  },
);

test('decisions with their candidates, whom these name and by which slot cost one statement more for each', async () => {
  const query = `query ($first: Int) { routingDecisions(first: $first) { nodes { selected { slug } answeredBy { slug }
    candidates { provider { slug } slot { id tenant { slug } provider { slug } } } } } }`;
  for (const first of counts) {
    const { statements, data } = await statementsOf(operator, query, { first });
    expect(data.routingDecisions.nodes).toHaveLength(first);
    for (const { selected, candidates } of data.routingDecisions.nodes)
      expect(candidates.map(({ provider }: any) => provider.slug)).toEqual([selected.slug, selected.slug]);
    expect(statements, `${first} decisions`).toBe(1 + ['provider', 'slot', 'tenant'].length);
  }
});
