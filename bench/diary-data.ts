import { encodeGlobalId } from '../src/global-id.ts';
import { onDatabase, type BenchDatabase } from './database.ts';
import { benchId } from './dataset.ts';

/** A busy diary of the demo tenant's: one service done by 100 resources, 31 days of half hours, 5,000 of them booked. */
export const DIARY = { resources: 100, days: 31, bookings: 5_000, timesPerDay: 24 } as const;

/** The demo's first tenant and its customers are known by fixed ids. */
export const DIARY_TENANT = '00000000-0000-4000-8000-0000000000d1';

export interface DiaryService {
  /** Inner and global id. */
  readonly id: string;
  readonly globalId: string;
  /** The first and the last day. */
  readonly from: string;
  readonly to: string;
}

const OPENS_MINUTE = 9 * 60;
const MINUTES = 30;

/** Row n's id; the same kind and number are the same row. */
const idOf = (kind: string, n: string): string =>
  `overlay(overlay(md5('${kind}' || ${n}) placing '4' from 13) placing '8' from 17)::uuid`;

const SETTINGS = `
insert into booking_rules (tenant_id, advance_booking_days, min_advance_hours, max_advance_days, slot_duration_minutes, buffer_minutes, capacity,
    cancel_notice_hours, hold_minutes)
  values ($1, 60, 0, 60, ${MINUTES}, 0, 1, 24, 30);
`;
const HOURS = `insert into business_hours (tenant_id, day, opens_minute, closes_minute)
  select $1, day, ${OPENS_MINUTE}, ${OPENS_MINUTE + DIARY.timesPerDay * MINUTES} from generate_series(1, 7) day
  on conflict (tenant_id, day) do update set opens_minute = excluded.opens_minute, closes_minute = excluded.closes_minute`;

const PRODUCTS = `insert into products (tenant_id, id, name, price_minor, currency_code, category, active, stock, bookable, created_at)
  select $1, ${idOf('service', 'n')}, 'A talk', 50000, 'EGP', 'consultation', true, 1000000, true, now() from generate_series(0, 1) n`;
const RESOURCES = `insert into resources (tenant_id, id, code, name, capacity, created_at)
  select $1, ${idOf('resource', 'n')}, 'bench-' || n, 'Somebody', 1, now() from generate_series(0, ${DIARY.resources - 1}) n`;
// The second service is done by one of them that nobody has booked: what a diary costs at least.
const DONE_BY = `insert into product_resources (tenant_id, product_id, resource_id)
  select $1, ${idOf('service', '0')}, r.id from resources r where r.tenant_id = $1 and r.code like 'bench-%'
  union all select $1, ${idOf('service', '1')}, ${idOf('idle resource', '0')}`;
const IDLE = `insert into resources (tenant_id, id, code, name, capacity, created_at)
  values ($1, ${idOf('idle resource', '0')}, 'idle', 'Somebody', 1, now())`;

/** Every resource has the same number of bookings, far from each other and each of them elsewhere: no two overlap. */
const TIMES = `
create temp table bench_times as
  select n, ${idOf('diary-order', 'n')} as order_id, ${idOf('diary-booking', 'n')} as booking_id, ${idOf('resource', `n % ${DIARY.resources}`)} as resource_id,
    (($2::date + (t / ${DIARY.timesPerDay})::int)::timestamp + make_interval(mins => (${OPENS_MINUTE} + t % ${DIARY.timesPerDay} * ${MINUTES})::int)) at time zone z.time_zone as starts_at
  from (select n, (n / ${DIARY.resources} * 14 + n % ${DIARY.resources} * 7) % ${DIARY.days * DIARY.timesPerDay} as t from generate_series(0, ${DIARY.bookings - 1}) n) s
  cross join (select time_zone from tenants where id = $1) z`;
const ORDERS = `insert into orders (tenant_id, id, number, type, status, payment_status, customer_id, currency_code, subtotal_minor, tax_minor, total_minor, paid_minor,
    created_at, issued_at, paid_at)
  select $1, order_id, 'DIARY-' || n, 'APPOINTMENT', 'PAID', 'PAID', c.id, 'EGP', 50000, 0, 50000, 50000, now(), now(), now() from bench_times
  cross join (select id from users where tenant_id = $1 and role = 'CUSTOMER' limit 1) c`;
const BOOKINGS = `insert into bookings (tenant_id, id, reference, kind, status, customer_id, order_id, starts_at, ends_at, amount_minor, currency_code, guests, created_at, product_id)
  select $1, t.booking_id, 'DIARY-' || n, 'APPOINTMENT', 'CONFIRMED', o.customer_id, o.id, t.starts_at, t.starts_at + interval '${MINUTES} minutes', 50000, 'EGP', '[]', now(),
    ${idOf('service', '0')}
  from bench_times t join orders o on o.tenant_id = $1 and o.id = t.order_id`;
const ALLOCATIONS = `insert into allocations (tenant_id, id, resource_id, unit, booking_id, during, starts_at, ends_at)
  select $1, ${idOf('allocation', 't.n')}, resource_id, 1, booking_id, tstzrange(starts_at, starts_at + interval '${MINUTES} minutes'), starts_at, starts_at + interval '${MINUTES} minutes'
  from bench_times t`;

/** @returns the service with all its bookings, and one that nobody has booked */
export async function fillDiary(database: BenchDatabase): Promise<{ busy: DiaryService; idle: DiaryService }> {
  const tomorrow = Date.now() + 86_400_000;
  const dayOf = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  const [from, to] = [dayOf(tomorrow), dayOf(tomorrow + (DIARY.days - 1) * 86_400_000)];
  await onDatabase(database.ownerUrl, async (client) => {
    await client.query('begin');
    for (const text of [SETTINGS, HOURS, PRODUCTS, RESOURCES, IDLE, DONE_BY]) await client.query(text, [DIARY_TENANT]);
    await client.query(TIMES, [DIARY_TENANT, from]);
    for (const text of [ORDERS, BOOKINGS, ALLOCATIONS]) await client.query(text, [DIARY_TENANT]);
    await client.query('commit');
    await client.query('vacuum analyze');
  });
  const serviceOf = (number: number): DiaryService => {
    const id = benchId('service', number);
    return { id, globalId: encodeGlobalId('Product', id), from, to };
  };
  return { busy: serviceOf(0), idle: serviceOf(1) };
}
