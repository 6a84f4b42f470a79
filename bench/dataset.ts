import { createHash } from 'node:crypto';

import pg from 'pg';

import { labelsOf } from '../src/domain/invoice-labels.ts';

/** What the bench reads: 200 tenants with 50 customers and 500 paid orders each, and tenants of their own for what writes or is refused. */
export const SIZE = {
  tenants: 200,
  customersPerTenant: 50,
  ordersPerTenant: 500,
  watchers: 2_500,
  hookTenants: 20,
} as const;

export const LIMIT_PER_MINUTE = 100_000;
/** The tenant whose callers get the default limit. */
export const LIMITED_PER_MINUTE = 60;

/** A row's id follows from its kind and number, so that every run and every process knows them without asking. */
export function benchId(kind: string, number: number): string {
  const hex = createHash('md5').update(`${kind}${number}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
}

export const tenantId = (tenant: number): string => benchId('tenant', tenant);
export const operatorId = (tenant: number): string => benchId('operator', tenant);
export const sessionId = (tenant: number): string => benchId('session', tenant);
export const watcherId = (watcher: number): string => benchId('watcher', watcher);
export const watchedOrderId = (watcher: number): string => benchId('watched', watcher);
export const orderId = (order: number): string => benchId('order', order);

/** Order n belongs to tenant n modulo SIZE.tenants. */
export const tenantOfOrder = (order: number): number => order % SIZE.tenants;

/** Tenants beyond those that are read: one is watched, one is limited, one has orders of 1, 20 and 100 items, the last take webhooks. */
export const SPECIAL = {
  watched: SIZE.tenants,
  limited: SIZE.tenants + 1,
  sized: SIZE.tenants + 2,
  firstHook: SIZE.tenants + 3,
} as const;
export const ITEM_COUNTS = [1, 20, 100] as const;
export const sizedOrderId = (items: number): string => benchId('sized', items);

const ORDERS = SIZE.tenants * SIZE.ordersPerTenant;
const TENANTS = SPECIAL.firstHook + SIZE.hookTenants;

const FUNCTIONS = `
create function pg_temp.bench_id(kind text, number bigint) returns uuid language sql immutable as $$
  select overlay(overlay(md5(kind || number) placing '4' from 13) placing '8' from 17)::uuid $$;
create function pg_temp.moment(number bigint) returns timestamptz language sql immutable as $$
  select '2026-01-05T08:00:00Z'::timestamptz + number * interval '97 seconds' $$;`;

const PEOPLE = `
insert into tenants (id, slug, name, currency_code, tax_profile, legal, created_at)
  select pg_temp.bench_id('tenant', n), 'bench-' || n, 'Bench ' || n, 'EGP',
    '{"roundingMode": "HALF_UP", "roundingLevel": "LINE", "pricesIncludeTax": false}',
    '{"addressLines": ["12 Corniche El Nil", "Cairo"], "taxId": "100-200-300"}', pg_temp.moment(0)
  from generate_series(0, ${TENANTS - 1}) n;
update portal_configs p set rate_limit_per_minute = case when t.slug = 'bench-${SPECIAL.limited}' then ${LIMITED_PER_MINUTE} else ${LIMIT_PER_MINUTE} end
  from tenants t where t.id = p.tenant_id and t.slug like 'bench-%';
insert into users (tenant_id, id, email, first_name, last_name, locale, role, password_hash, created_at)
  select pg_temp.bench_id('tenant', n % ${SIZE.tenants}), pg_temp.bench_id('customer', n), 'customer' || n || '@bench.example', 'Given' || n, 'Family' || n, 'en',
    'CUSTOMER'::user_role, 'none', pg_temp.moment(0)
  from generate_series(0, ${SIZE.tenants * SIZE.customersPerTenant - 1}) n
  union all
  select pg_temp.bench_id('tenant', n), pg_temp.bench_id('operator', n), 'operator@bench.example', 'Operator', 'of ' || n, 'en', 'OPERATOR', 'none', pg_temp.moment(0)
  from generate_series(0, ${TENANTS - 1}) n
  union all
  select pg_temp.bench_id('tenant', ${SPECIAL.watched}), pg_temp.bench_id('watcher', n), 'watcher' || n || '@bench.example', 'Given' || n, 'Family' || n, 'en',
    'CUSTOMER'::user_role, 'none', pg_temp.moment(0)
  from generate_series(0, ${SIZE.watchers - 1}) n;
insert into sessions (tenant_id, id, user_id, created_at, expires_at)
  select pg_temp.bench_id('tenant', n), pg_temp.bench_id('session', n), pg_temp.bench_id('operator', n), now(), now() + interval '10 years'
  from generate_series(0, ${TENANTS - 1}) n
  union all
  select pg_temp.bench_id('tenant', ${SPECIAL.watched}), pg_temp.bench_id('watcher', n), pg_temp.bench_id('watcher', n), now(), now() + interval '10 years'
  from generate_series(0, ${SIZE.watchers - 1}) n;`;

// Three lines an order on average; every amount follows from the line, so that totals hold.
const ORDER_ROWS = `
create temp table bench_orders as
  select pg_temp.bench_id('tenant', n % ${SIZE.tenants}) as tenant_id, pg_temp.bench_id('order', n) as id, 'ORD-' || lpad((n / ${SIZE.tenants} + 1)::text, 6, '0') as number,
    pg_temp.bench_id('customer', n % ${SIZE.tenants} + ${SIZE.tenants} * (n / ${SIZE.tenants} % ${SIZE.customersPerTenant})) as customer_id,
    pg_temp.moment(n) as created_at, 'PAID'::order_status as status, n, 1 + n / ${SIZE.tenants} % 5 as lines
  from generate_series(0, ${ORDERS - 1}) n
  union all
  select pg_temp.bench_id('tenant', ${SPECIAL.watched}), pg_temp.bench_id('watched', n), 'ORD-' || lpad((n + 1)::text, 6, '0'), pg_temp.bench_id('watcher', n),
    pg_temp.moment(n), 'ISSUED'::order_status, ${ORDERS} + n, 2
  from generate_series(0, ${SIZE.watchers - 1}) n
  union all
  select pg_temp.bench_id('tenant', ${SPECIAL.sized}), pg_temp.bench_id('sized', n), 'ORD-' || lpad(n::text, 6, '0'), pg_temp.bench_id('operator', ${SPECIAL.sized}),
    pg_temp.moment(n), 'ISSUED', ${ORDERS + SIZE.watchers} + n, n
  from unnest(array[${ITEM_COUNTS.join(', ')}]) n
  union all
  select pg_temp.bench_id('tenant', ${SPECIAL.sized}), pg_temp.bench_id('page', n), 'PAGE-' || lpad(n::text, 6, '0'), pg_temp.bench_id('operator', ${SPECIAL.sized}),
    pg_temp.moment(n), 'ISSUED', ${ORDERS + SIZE.watchers + 200} + n, 3
  from generate_series(1, 100) n;
create temp table bench_items as
  select o.tenant_id, o.id as order_id, l as position, 1 + (o.n + l) % 3 as quantity, 1000 + ((o.n * 7919 + l * 104729) % 90000) as unit_price
  from bench_orders o cross join lateral generate_series(1, o.lines) l;
insert into orders (tenant_id, id, number, type, status, payment_status, customer_id, currency_code, subtotal_minor, tax_minor, total_minor, paid_minor, created_at, issued_at, paid_at)
  select o.tenant_id, o.id, o.number, 'MANUAL_INVOICE', o.status, case when o.status = 'PAID' then 'PAID' else 'UNPAID' end::payment_status, o.customer_id, 'EGP',
    s.net, s.tax, s.net + s.tax, case when o.status = 'PAID' then s.net + s.tax else 0 end, o.created_at, o.created_at, case when o.status = 'PAID' then o.created_at + interval '1 hour' end
  from bench_orders o
  join (select tenant_id, order_id, sum(quantity * unit_price) as net, sum(round(quantity * unit_price * 0.14)) as tax from bench_items group by 1, 2) s
    on s.tenant_id = o.tenant_id and s.order_id = o.id
  order by o.tenant_id, o.created_at;
insert into order_items (tenant_id, order_id, position, descriptions, quantity, unit_price_minor, tax_rate, net_minor, tax_minor, gross_minor)
  select tenant_id, order_id, position, jsonb_build_object('en', 'Day trip ' || unit_price, 'ar', 'رحلة يومية ' || unit_price), quantity, unit_price, '14',
    quantity * unit_price, round(quantity * unit_price * 0.14), quantity * unit_price + round(quantity * unit_price * 0.14)
  from bench_items order by tenant_id, order_id, position;`;

const PAYMENTS = `
insert into payments (tenant_id, id, order_id, customer_id, gateway, method_id, method, method_kind, status, amount_minor, currency_code, captured_minor,
    payment_url, gateway_reference, gateway_key, failure_reason, created_at, settled_at)
  select o.tenant_id, pg_temp.bench_id('payment', b.n * 2 + a), o.id, o.customer_id, 'FAWATERK', '2', 'Visa-Mastercard', 'REDIRECT',
    case when a = 0 then 'PAID' else 'FAILED' end::payment_status, o.total_minor, 'EGP', case when a = 0 then o.total_minor else 0 end,
    'https://pay.bench.example/' || b.n, (b.n * 2 + a)::text, 'key' || (b.n * 2 + a), case when a = 1 then 'Declined' end, o.created_at + a * interval '1 minute', o.created_at + interval '1 hour'
  from bench_orders b join orders o on o.tenant_id = b.tenant_id and o.id = b.id cross join lateral generate_series(0, (b.n % 2)::int) a
  where b.status = 'PAID'
  order by o.tenant_id, o.created_at;
insert into payments (tenant_id, id, order_id, customer_id, gateway, method_id, method, method_kind, status, amount_minor, currency_code, created_at)
  select o.tenant_id, pg_temp.bench_id('watched-payment', b.n - ${ORDERS}), o.id, o.customer_id, 'FAWATERK', '2', 'Visa-Mastercard', 'REDIRECT', 'PENDING', o.total_minor, 'EGP', o.created_at
  from bench_orders b join orders o on o.tenant_id = b.tenant_id and o.id = b.id
  where b.n between ${ORDERS} and ${ORDERS + 999};`;

const REST = `
insert into invoices (tenant_id, id, number, kind, order_id, customer_id, total_minor, currency_code, document, issued_at)
  select o.tenant_id, pg_temp.bench_id('invoice', b.n), 'INV-' || lpad((b.n / ${SIZE.tenants} + 1)::text, 6, '0'), 'INVOICE', o.id, o.customer_id, o.total_minor, 'EGP',
    jsonb_build_object('layout', 1, 'kind', 'INVOICE', 'number', o.number, 'issuedAt', o.paid_at, 'orderNumber', o.number, 'locale', 'en', 'labels', (select value from bench_labels),
      'tenant', t.legal || jsonb_build_object('name', t.name), 'customer', jsonb_build_object('name', 'Given Family', 'email', 'someone@bench.example'), 'currencyCode', 'EGP',
      'lines', (select jsonb_agg(jsonb_build_object('description', i.descriptions ->> 'en', 'quantity', i.quantity, 'unitPrice', i.unit_price_minor::text,
        'lineTotal', i.net_minor::text, 'taxRate', i.tax_rate) order by i.position) from order_items i where i.tenant_id = o.tenant_id and i.order_id = o.id),
      'subtotal', o.subtotal_minor::text, 'total', o.total_minor::text, 'amountPaid', o.paid_minor::text, 'amountDue', '0.00', 'mark', 'PAID'), o.paid_at
  from bench_orders b join orders o on o.tenant_id = b.tenant_id and o.id = b.id join tenants t on t.id = o.tenant_id
  where b.status = 'PAID'
  order by o.tenant_id, o.created_at;
insert into bookings (tenant_id, id, reference, kind, status, customer_id, order_id, starts_at, ends_at, amount_minor, currency_code, guests, created_at)
  select o.tenant_id, pg_temp.bench_id('booking', b.n * 2 + a), 'BKG-' || (b.n * 2 + a), 'STAY', 'CONFIRMED', o.customer_id, o.id, o.created_at + interval '30 days', o.created_at + interval '33 days',
    o.total_minor, 'EGP', jsonb_build_array(jsonb_build_object('givenName', 'Guest', 'familyName', 'Number ' || a)), o.created_at + a * interval '1 second'
  from bench_orders b join orders o on o.tenant_id = b.tenant_id and o.id = b.id cross join lateral generate_series(0, (b.n % 2)::int) a
  where b.status = 'PAID'
  order by o.tenant_id, o.created_at;`;

/** Another text, another data set. */
export const DATASET_VERSION = createHash('sha256')
  .update([FUNCTIONS, PEOPLE, ORDER_ROWS, PAYMENTS, REST].join('\n'))
  .digest('hex')
  .slice(0, 16);

/** Fills a migrated, empty database as its owner. */
export async function fillDataset(client: pg.Client): Promise<void> {
  await client.query('begin');
  await client.query(FUNCTIONS);
  await client.query('create temp table bench_labels (value jsonb)');
  await client.query('insert into bench_labels values ($1)', [JSON.stringify(labelsOf('en'))]);
  await client.query(PEOPLE);
  await hushTriggers(client);
  for (const part of [ORDER_ROWS, PAYMENTS, REST]) await client.query(part);
  await client.query('alter table order_items enable trigger user; commit');
  await client.query('vacuum analyze');
}

// The rule that freezes items would look up 300,000 orders; a superuser can spare the foreign keys, too: the statements above keep them.
async function hushTriggers(client: pg.Client): Promise<void> {
  await client.query('alter table order_items disable trigger user');
  const { rows } = await client.query<{ mighty: boolean }>(
    'select rolsuper as mighty from pg_roles where rolname = current_user',
  );
  if (rows[0]?.mighty) await client.query('set local session_replication_role = replica');
}
