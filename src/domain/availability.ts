/**
 * A diary's free times (TEN-8). A day is cut into times by the clock on the wall, from the opening hour on: 09:00, then its duration and
 * the buffer later the next, and the last ends before closing. What daylight saving removes is not offered, and what it repeats is offered
 * the first time only. Each time is taken of one unit of one resource, with the buffer behind it.
 */
import { hoursOn, type BusinessHours } from './business-hours.ts';
import { dateOfWall, firstInstantAt, minuteOfWall, wallAt, wallOf, type OffsetSpan } from './wall-clock.ts';

/** From one instant up to another, the second not in it. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** How long an appointment is, and how long after it nobody else begins. */
export interface Length {
  readonly durationMinutes: number;
  readonly bufferMinutes: number;
}

/** A time of the grid. */
export interface GridTime {
  /** Of the wall's clock, after midnight. */
  readonly minute: number;
  /** Null: the removed hour of daylight saving has it, or leaves no room for it. */
  readonly span: Span | null;
}

export interface FreeTime extends Span {
  readonly minute: number;
  readonly remaining: number;
}

const MINUTE_MS = 60_000;

/** When a day is open; null where it is not, or where daylight saving leaves nothing of it. */
export function openSpan(hours: BusinessHours, date: string, offsets: readonly OffsetSpan[]): Span | null {
  const open = hoursOn(hours, date).hours;
  if (!open) return null;
  const fromMs = firstInstantAt(offsets, wallOf(date, open.opensMinute));
  const toMs = firstInstantAt(offsets, wallOf(date, open.closesMinute));
  return fromMs < toMs ? { fromMs, toMs } : null;
}

/** All times of a day, whether anybody is there or not. */
export function gridOf(
  hours: BusinessHours,
  date: string,
  { durationMinutes, bufferMinutes }: Length,
  offsets: readonly OffsetSpan[],
): GridTime[] {
  const open = hoursOn(hours, date).hours;
  const whole = openSpan(hours, date, offsets);
  if (!open) return [];
  const times: GridTime[] = [];
  const midnight = wallOf(date, 0);
  let freeFromMs = -Infinity;
  const step = durationMinutes + bufferMinutes;
  for (let minute = open.opensMinute; minute + durationMinutes <= open.closesMinute; minute += step) {
    const wallMs = midnight + minute * MINUTE_MS;
    const fromMs = firstInstantAt(offsets, wallMs);
    const toMs = fromMs + durationMinutes * MINUTE_MS;
    // After a removed hour the times before it still last as long as they do.
    const fits = whole !== null && toMs <= whole.toMs && fromMs >= freeFromMs && wallAt(offsets, fromMs) === wallMs;
    times.push({ minute, span: fits ? { fromMs, toMs } : null });
    if (fits) freeFromMs = toMs + bufferMinutes * MINUTE_MS;
  }
  return times;
}

/** What of a span is left by others, which may overlap; together with what they take of it, it is the span. */
export function freeOf(span: Span, taken: readonly Span[]): Span[] {
  const free: Span[] = [];
  let fromMs = span.fromMs;
  for (const other of taken.toSorted((one, two) => one.fromMs - two.fromMs)) {
    if (other.toMs <= fromMs) continue;
    if (other.fromMs >= span.toMs) break;
    if (other.fromMs > fromMs) free.push({ fromMs, toMs: other.fromMs });
    fromMs = other.toMs;
  }
  if (fromMs < span.toMs) free.push({ fromMs, toMs: span.toMs });
  return free;
}

/** A unit of a resource that is taken for a time. */
export interface Taken extends Span {
  readonly resourceId: string;
  readonly unit: number;
  /** Of the span's end: for the buffer, not for the appointment. */
  readonly bufferMinutes: number;
}

export interface Resource {
  readonly id: string;
  readonly capacity: number;
}

export interface Unit {
  readonly resourceId: string;
  readonly unit: number;
}

/** What an appointment takes: itself and the buffer behind it. */
export function takenSpan({ fromMs, toMs }: Span, bufferMinutes: number): Span {
  return { fromMs, toMs: toMs + bufferMinutes * MINUTE_MS };
}

/** What each unit is taken for; only those of these resources that are within their capacity, and that somebody has. */
function byUnit(resources: readonly Resource[], taken: readonly Taken[]): Taken[][] {
  const units = new Map(resources.map(({ id, capacity }) => [id, { capacity, taken: [] as Taken[][] }]));
  for (const other of taken) {
    const resource = units.get(other.resourceId);
    if (resource && other.unit <= resource.capacity) (resource.taken[other.unit] ??= []).push(other);
  }
  return [...units.values()].flatMap((resource) => resource.taken.filter((others) => others !== undefined));
}

function overlaps(one: Span, other: Span): boolean {
  return one.fromMs < other.toMs && other.fromMs < one.toMs;
}

/** The first unit that is free for the whole of a span, of the resource with the most free ones; null where none is. */
export function freeUnit(span: Span, resources: readonly Resource[], taken: readonly Taken[]): Unit | null {
  const inTheWay = taken.filter((other) => overlaps(span, other));
  const counted = resources.map((resource) => {
    const blocked = new Set(inTheWay.filter(({ resourceId }) => resourceId === resource.id).map(({ unit }) => unit));
    const free = Array.from({ length: resource.capacity }, (_, index) => index + 1).filter(
      (unit) => !blocked.has(unit),
    );
    return { resourceId: resource.id, free };
  });
  const best = counted.toSorted((one, other) => other.free.length - one.free.length)[0];
  return best?.free.length ? { resourceId: best.resourceId, unit: best.free[0]! } : null;
}

/** Whether what is in the way everywhere is, somewhere, a buffer and nobody's appointment. */
export function isOnlyBuffer(span: Span, resources: readonly Resource[], taken: readonly Taken[]): boolean {
  const without = taken.map((other) => ({ ...other, toMs: other.toMs - other.bufferMinutes * MINUTE_MS }));
  return freeUnit(span, resources, without) !== null;
}

/**
 * How many of all units are free for each of some times, each with its buffer. What a unit is taken for is sorted once, and then it and the
 * times are gone through side by side: 100 resources over a month have a hundred thousand pairs of the two, and a page waits for them.
 * @param grid earliest first, of one day or of several that follow each other
 */
export function freeTimes(
  grid: readonly GridTime[],
  { bufferMinutes }: Length,
  resources: readonly Resource[],
  taken: readonly Taken[],
): FreeTime[] {
  const units = resources.reduce((sum, { capacity }) => sum + capacity, 0);
  const times = grid.flatMap(({ minute, span }) => (span ? [{ ...span, minute, remaining: units }] : []));
  const [first, last] = [times[0], times.at(-1)];
  if (!first || !last) return [];
  const whole = takenSpan({ fromMs: first.fromMs, toMs: last.toMs }, bufferMinutes);
  for (const others of byUnit(resources, taken)) takeFrom(times, bufferMinutes, freeOf(whole, others));
  return times.filter(({ remaining }) => remaining > 0);
}

/** One less of each time for which a unit is not free, its buffer included. Both are sorted. */
function takeFrom(
  times: readonly { fromMs: number; toMs: number; remaining: number }[],
  bufferMinutes: number,
  free: readonly Span[],
): void {
  const bufferMs = bufferMinutes * MINUTE_MS;
  let at = 0;
  for (const time of times) {
    const untilMs = time.toMs + bufferMs;
    while (at < free.length && free[at]!.toMs < untilMs) at += 1;
    if (!(at < free.length && free[at]!.fromMs <= time.fromMs)) time.remaining -= 1;
  }
}

/** Which of a day's times begins at an instant. */
export function timeAt(grid: readonly GridTime[], instantMs: number): GridTime | undefined {
  return grid.find(({ span }) => span?.fromMs === instantMs);
}

/** The day and the minute that clocks show at an instant. */
export function localAt(offsets: readonly OffsetSpan[], instantMs: number): { date: string; minute: number } {
  const wallMs = wallAt(offsets, instantMs);
  return { date: dateOfWall(wallMs), minute: minuteOfWall(wallMs) };
}
