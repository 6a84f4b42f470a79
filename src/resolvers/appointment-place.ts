import type { App, Context } from '../context.ts';
import { pgCode, pgConstraint, type Transaction } from '../db.ts';
import { freeUnit, takenSpan, type Resource, type Span, type Unit } from '../domain/availability.ts';
import { alternatives, type Asking } from '../domain/diary.ts';
import { DEFAULT_RESOURCE } from '../domain/resource.ts';
import { whyNot, type Refusal, type TimeRule } from '../domain/why-not.ts';
import { AppError, type ErrorCode } from '../errors.ts';
import { isNotThereYet, readDiary, type ReadDiary } from './diary-read.ts';

/** A place in the diary that is ours until the transaction ends. */
export interface Place extends Unit {
  readonly span: Span;
  readonly bufferMinutes: number;
}

const CODE_OF: Readonly<Record<TimeRule, ErrorCode>> = {
  HOURS: 'TIME_NOT_OFFERED',
  EXCEPTION: 'TIME_NOT_OFFERED',
  GRID: 'TIME_NOT_OFFERED',
  HORIZON: 'TIME_NOT_OFFERED',
  DAYLIGHT_SAVING: 'TIME_NOT_OFFERED',
  NOTICE: 'OUTSIDE_NOTICE',
  TAKEN: 'TIME_TAKEN',
  BUFFER: 'TIME_TAKEN',
  OUT_OF_STOCK: 'OUT_OF_STOCK',
};
const TAKEN: Refusal = { rule: 'TAKEN', detail: 'This time is taken.' };

/** A time that can't be had, with its rule and what is free instead. */
export function timeRefused(diary: ReadDiary, asking: Asking, startMs: number, refusal: Refusal): AppError {
  const others = alternatives(diary, asking, startMs);
  return new AppError(CODE_OF[refusal.rule], refusal.detail, {
    field: ['input', 'start'],
    details: { rule: refusal.rule, alternatives: others.map(({ fromMs }) => new Date(fromMs).toISOString()) },
  });
}

/**
 * Finds a free place at a time and locks the days of its resources, so that whoever comes at once waits and then sees it taken
 * (decisions.md, "Time and places"). What is taken already is refused without waiting for anybody.
 * @throws TIME_TAKEN, TIME_NOT_OFFERED, OUTSIDE_NOTICE, OUT_OF_STOCK
 */
export async function findPlace(
  app: Pick<App, 'clock' | 'newId'>,
  tx: Transaction,
  diary: ReadDiary,
  { asking, startMs, except }: { asking: Asking; startMs: number; except: string | null },
): Promise<Place> {
  const refusal = whyNot(diary, asking, startMs);
  if (refusal) throw timeRefused(diary, asking, startMs, refusal);
  const { durationMinutes, bufferMinutes } = diary.length;
  const span = { fromMs: startMs, toMs: startMs + durationMinutes * 60_000 };
  const resources = await thereBy(app, tx, diary.resources);
  const whole = takenSpan(span, bufferMinutes);
  await lockDays(tx, resources, whole);
  const taken = await takenNow(tx, resources, whole, except);
  const unit = freeUnit(whole, resources, taken);
  if (!unit) throw timeRefused({ ...diary, resources, taken: [...diary.taken, ...taken] }, asking, startMs, TAKEN);
  return { ...unit, span, bufferMinutes };
}

/** The tenant's default resource is written when it is first needed. */
async function thereBy(
  app: Pick<App, 'clock' | 'newId'>,
  tx: Transaction,
  resources: readonly Resource[],
): Promise<readonly Resource[]> {
  const [first] = resources;
  if (!first || !isNotThereYet(first)) return resources;
  tx.later(
    `insert into resources (tenant_id, id, code, name, capacity, created_at) values (current_tenant(), $1, $2, 'Default', $3, $4)
     on conflict (tenant_id, code) do nothing`,
    [app.newId(), DEFAULT_RESOURCE, first.capacity, app.clock.now()],
  );
  const { id } = await tx.one<{ id: string }>(
    'select id from resources where tenant_id = current_tenant() and code = $1',
    [DEFAULT_RESOURCE],
  );
  return [{ ...first, id }];
}

const DAY_MS = 86_400_000;

/** Everybody locks in the same order: nobody waits in a circle. Days are those of UTC, because a lock needs no zone. */
async function lockDays(tx: Transaction, resources: readonly Resource[], { fromMs, toMs }: Span): Promise<void> {
  const first = Math.floor(fromMs / DAY_MS);
  const days = Array.from({ length: Math.floor((toMs - 1) / DAY_MS) - first + 1 }, (_, index) => String(first + index));
  await tx.query(
    `select pg_advisory_xact_lock(k) from (
       select distinct hashtextextended(current_tenant()::text || ' ' || r || ' ' || d, 7) as k
       from unnest($1::text[]) r cross join unnest($2::text[]) d order by 1) keys`,
    [resources.map(({ id }) => id), days],
  );
}

/** Read behind the locks. What is being given up at this moment still counts: nobody waits for it. */
async function takenNow(
  tx: Transaction,
  resources: readonly Resource[],
  { fromMs, toMs }: Span,
  except: string | null,
) {
  const rows = await tx.query<Unit & { startsAt: Date; untilAt: Date }>(
    `select a.resource_id as "resourceId", a.unit, a.starts_at as "startsAt", upper(a.during) as "untilAt" from allocations a
     where a.tenant_id = current_tenant() and a.resource_id = any($1::uuid[]) and a.starts_at < $3
       and a.ends_at > $2::timestamptz - interval '1 day' and upper(a.during) > $2 and ($4::uuid is null or a.booking_id <> $4)`,
    [resources.map(({ id }) => id), new Date(fromMs), new Date(toMs), except],
  );
  return rows.map(({ resourceId, unit, startsAt, untilAt }) => ({
    resourceId,
    unit,
    fromMs: startsAt.getTime(),
    toMs: untilAt.getTime(),
    bufferMinutes: 0,
  }));
}

export function takePlace(app: Pick<App, 'newId'>, tx: Transaction, bookingId: string, place: Place): void {
  const { fromMs, toMs } = place.span;
  const untilMs = takenSpan(place.span, place.bufferMinutes).toMs;
  tx.later(
    `insert into allocations (tenant_id, id, resource_id, unit, booking_id, during, starts_at, ends_at)
     values (current_tenant(), $1, $2, $3, $4, tstzrange($5::timestamptz, $7::timestamptz), $5::timestamptz, $6)`,
    [app.newId(), place.resourceId, place.unit, bookingId, new Date(fromMs), new Date(toMs), new Date(untilMs)],
  );
}

/** Whether somebody who does not lock was faster, whoever was to do it is gone since, or a circle of waiting was cut. */
function isCollision(error: unknown): boolean {
  const code = pgCode(error) ?? pgCode((error as Error | null)?.cause);
  const constraint = pgConstraint(error);
  if (constraint === 'allocations_no_overlap' || constraint === 'allocations_of_what_is_there') return true;
  return code === '40P01' || code === '40001';
}

/** Runs what takes a place; what the database itself refuses is told like any other time that is taken. */
export async function orTaken<T>(
  ctx: Pick<Context, 'app' | 'scope'>,
  { asking, startMs, productId }: { asking: Asking; startMs: number; productId: () => string | null },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isCollision(error)) throw error;
    const diary = await ctx.app.db.read(ctx.scope, (tx) =>
      readDiary(tx, asking, { productId: productId(), window: { startMs }, field: ['input', 'productId'] }),
    );
    throw timeRefused(diary, asking, startMs, TAKEN);
  }
}
