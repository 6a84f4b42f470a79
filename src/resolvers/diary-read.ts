import { isAtLeast, type Actor } from '../access.ts';
import { columns } from '../columns.ts';
import type { Statements } from '../db.ts';
import type { Resource, Span, Taken } from '../domain/availability.ts';
import { RULES_UNSET, type Booker, type BookingRules } from '../domain/booking-rules.ts';
import { daysAround, type Asking, type Diary } from '../domain/diary.ts';
import { offsetsBetween, wallOf } from '../domain/wall-clock.ts';
import { whyNotThen } from '../domain/why-not.ts';
import { DEFAULT_RESOURCE } from '../domain/resource.ts';
import { invalidInput, notFound } from '../errors.ts';
import { readBusinessHours } from './business-hours.ts';

/** A service as it is booked. */
export interface Service {
  readonly id: string;
  readonly name: string;
  readonly priceMinor: bigint;
  readonly currencyCode: string;
  readonly taxRate: string | null;
  readonly stock: number;
  readonly active: boolean;
  readonly bookable: boolean;
  readonly durationMinutes: number | null;
  readonly bufferMinutes: number | null;
  readonly capacity: number | null;
}

/** What of the diary of a tenant was read: of a service, or of the tenant's rules where none is named. */
export interface ReadDiary extends Diary {
  readonly service: Service | null;
  readonly timeZone: string;
}

/** Some days; or those around a moment, among which there is another time. */
export type Window = { readonly from: string; readonly to: string } | { readonly startMs: number };

const SERVICE_COLUMNS = columns('Product', 'p', [
  'tenantId',
  'code',
  'description',
  'category',
  'images',
  'createdAt',
  'version',
]);
const RULES_COLUMNS = columns('BookingRules', 'r', ['tenantId']);
const DAY_MS = 86_400_000;
/** As far as anybody may book, and some more: of what lies beyond, only that it does must be known. */
const REACH_DAYS = 4_000;
/** What begins or ends on a local day lies within these of the same day in UTC, and a buffer is a day at most. */
const AROUND_DAYS = 2;

export interface DiaryQuestion {
  /** Inner id; null: the tenant's rules alone. */
  readonly productId: string | null;
  readonly window: Window;
  readonly field: readonly string[];
  /** A booking that is not in its own way. */
  readonly except?: string | null;
}

/** Whose rules count: a partner's program sells to customers. */
export function bookerOf(actor: Actor): Booker {
  return isAtLeast(actor, 'OPERATOR') ? 'STAFF' : 'CUSTOMER';
}

/**
 * Reads a diary: one statement for each table, in two messages, however many days, resources and bookings there are.
 * @throws NOT_FOUND for a product that is not there or not sold, INVALID_INPUT for one that is not booked by time
 */
export async function readDiary(
  statements: Statements,
  asking: Asking,
  { productId, window, field, except = null }: DiaryQuestion,
): Promise<ReadDiary> {
  const [tenants, services] = await Promise.all([
    statements.query<BookingRules & { timeZone: string; advanceBookingDays: number | null }>(
      `select t.time_zone as "timeZone", ${RULES_COLUMNS} from tenants t left join booking_rules r on r.tenant_id = t.id where t.id = current_tenant()`,
    ),
    productId === null
      ? []
      : statements.query<Service>(
          `select ${SERVICE_COLUMNS} from products p where p.tenant_id = current_tenant() and p.id = $1`,
          [productId],
        ),
  ]);
  const { timeZone, ...set } = tenants[0]!;
  const service = productId === null ? null : requireService(services[0], field);
  const rules = set.advanceBookingDays === null ? RULES_UNSET : (set as BookingRules);
  const offsets = reachOf(timeZone, asking.nowMs, window);
  const days = 'from' in window ? window : daysAround({ rules, offsets }, asking, window.startMs);
  // The moment itself too, where it may be booked at all: what lies years back or ahead is refused without reading anything of it.
  const isAsked = 'startMs' in window && whyNotThen({ rules, offsets }, asking, window.startMs) === null;
  const ends = [wallOf(days.from, 0), wallOf(days.to, 0), ...(isAsked ? [window.startMs] : [])];
  const within = ends.map((ms) => bounded(ms, asking.nowMs));
  const span = { fromMs: Math.min(...within), toMs: Math.max(...within) };
  return {
    service,
    timeZone,
    rules,
    offsets,
    length: {
      durationMinutes: service?.durationMinutes ?? rules.slotDurationMinutes,
      bufferMinutes: service?.bufferMinutes ?? rules.bufferMinutes,
    },
    stock: service?.stock ?? null,
    ...(await readDays(statements, { productId, span, except }, service?.capacity ?? rules.capacity)),
  };
}

function requireService(service: Service | undefined, field: readonly string[]): Service {
  if (!service?.active) throw notFound('product', field);
  if (!service.bookable) throw invalidInput('This is not booked by time.', field);
  return service;
}

function bounded(ms: number, nowMs: number): number {
  return Math.min(Math.max(ms, nowMs - REACH_DAYS * DAY_MS), nowMs + REACH_DAYS * DAY_MS);
}

function reachOf(timeZone: string, nowMs: number, window: Window) {
  const ends = 'from' in window ? [wallOf(window.from, 0), wallOf(window.to, 0)] : [window.startMs, window.startMs];
  const [from, to] = ends.map((ms) => bounded(ms, nowMs)) as [number, number];
  // As far as the operators' horizon: where the last day is follows from what clocks show now.
  return offsetsBetween(timeZone, Math.min(from, nowMs) - 10 * DAY_MS, Math.max(to, nowMs) + 20 * DAY_MS);
}

interface ResourceRow {
  readonly id: string;
  readonly capacity: number;
  readonly active: boolean;
  readonly named: boolean;
}
/** A unit, and what it is taken for in milliseconds: appointments' starts and ends, and the ends of their buffers, in the same order. */
interface TakenRow {
  readonly resourceId: string;
  readonly unit: number;
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly untils: readonly number[];
}

/**
 * Resources by which a service is done: those named for it, else the tenant's default one, which has no row until something is booked of
 * it. Who is gone is still named, so that nobody is offered in their place unasked. $1 is the service.
 */
const RESOURCES = `select r.id, r.capacity, r.active and r.deleted_at is null as active, n.resource_id is not null as named from resources r
  left join product_resources n on n.tenant_id = r.tenant_id and n.resource_id = r.id and n.product_id = $1
  where r.tenant_id = current_tenant() and (n.resource_id is not null or r.code = '${DEFAULT_RESOURCE}' and not exists (
    select from product_resources o where o.tenant_id = r.tenant_id and o.product_id = $1))`;

const milliseconds = (instant: string): string => `json_agg(floor(date_part('epoch', ${instant}) * 1000)::int8)`;

/**
 * A row for each unit and not for each appointment: a month of a busy service has thousands of those, and three instants of each as texts
 * would cost more than everything that is reckoned with them.
 */
const TAKEN = `select a.resource_id as "resourceId", a.unit, ${milliseconds('a.starts_at')} as starts, ${milliseconds('a.ends_at')} as ends,
    ${milliseconds('upper(a.during)')} as untils
  from allocations a where a.tenant_id = current_tenant() and a.resource_id in (select id from (${RESOURCES}) x)
    and a.ends_at > $2::timestamptz - interval '1 day' and a.starts_at < $3 and ($4::uuid is null or a.booking_id <> $4)
  group by a.resource_id, a.unit`;

const NOT_THERE_YET = '00000000-0000-0000-0000-000000000000';

async function readDays(
  statements: Statements,
  { productId, span, except }: { productId: string | null; span: Span; except: string | null },
  capacity: number,
): Promise<Pick<Diary, 'hours' | 'resources' | 'taken'>> {
  const from = span.fromMs - AROUND_DAYS * DAY_MS;
  const to = span.toMs + (AROUND_DAYS + 1) * DAY_MS;
  const date = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  const [hours, resources, taken] = await Promise.all([
    readBusinessHours(statements, { from: date(from), to: date(to) }),
    statements.query<ResourceRow>(RESOURCES, [productId]),
    statements.query<TakenRow>(TAKEN, [productId, new Date(from), new Date(to), except]),
  ]);
  return { hours, resources: offering(resources, capacity), taken: taken.flatMap(takenOf) };
}

function offering(rows: readonly ResourceRow[], capacity: number): Resource[] {
  if (rows.length === 0) return [{ id: NOT_THERE_YET, capacity }];
  return rows
    .filter(({ active }) => active)
    .map((row) => ({ id: row.id, capacity: row.named ? row.capacity : capacity }));
}

/** Whether it is the tenant's default one, which is written when first needed. */
export function isNotThereYet({ id }: Pick<Resource, 'id'>): boolean {
  return id === NOT_THERE_YET;
}

function takenOf({ resourceId, unit, starts, ends, untils }: TakenRow): Taken[] {
  return starts.map((fromMs, index) => {
    const toMs = untils[index]!;
    return { resourceId, unit, fromMs, toMs, bufferMinutes: (toMs - ends[index]!) / 60_000 };
  });
}
