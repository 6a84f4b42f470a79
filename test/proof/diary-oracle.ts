import { Temporal } from 'temporal-polyfill';

import fc from '../helpers/property.ts';
import { freeOf, freeTimes, gridOf, openSpan, type Span, type Taken } from '../../src/domain/availability.ts';
import type { BusinessHours } from '../../src/domain/business-hours.ts';
import { dayAfter } from '../../src/domain/diary.ts';
import { offsetsOfDays } from '../../src/domain/wall-clock.ts';

/**
 * What free times are, told slowly and in another way: every minute of three days is looked at by the platform's own calendar, without
 * any reckoning with offsets (TEN-8). The product must say the same.
 */
const MINUTE_MS = 60_000;
const DAY_MS = 1_440 * MINUTE_MS;

export interface Change {
  readonly zone: string;
  readonly atMs: number;
  /** Before and after, and by which clock: changes that look alike are alike. */
  readonly shape: string;
}

/** Every change of clocks in some years, both among them, in every zone there is. */
export function changesOfClocks(from: number, to: number): Change[] {
  const end = Date.UTC(to + 1, 0, 1);
  return Intl.supportedValuesOf('timeZone').flatMap((zone) => {
    const found: Change[] = [];
    let at = Temporal.Instant.fromEpochMilliseconds(Date.UTC(from, 0, 1)).toZonedDateTimeISO(zone);
    for (;;) {
      const next = at.getTimeZoneTransition('next');
      if (!next || next.epochMilliseconds >= end) return found;
      const before = next.subtract({ nanoseconds: 1 });
      const shape = `${before.offset} ${next.offset} ${before.add({ nanoseconds: 1 }).toPlainTime().toString()}`;
      found.push({ zone, atMs: next.epochMilliseconds, shape });
      at = next;
    }
  });
}

/** One of each shape. */
export function oneOfEachShape(changes: readonly Change[]): Change[] {
  return [...new Map(changes.map((change) => [change.shape, change])).values()];
}

interface Minute {
  readonly atMs: number;
  readonly date: string;
  readonly minute: number;
}

/** All minutes of three days around a change, with what a clock on the wall shows. */
export function minutesAround({ zone, atMs }: Pick<Change, 'zone' | 'atMs'>): Minute[] {
  const format = new Intl.DateTimeFormat('sv-SE', {
    timeZone: zone,
    dateStyle: 'short',
    timeStyle: 'short',
  });
  const first = Math.floor(atMs / DAY_MS) * DAY_MS - 2 * DAY_MS;
  return Array.from({ length: 5 * 1_440 }, (_, index) => {
    const instant = first + index * MINUTE_MS;
    const [date, time] = format.format(instant).split(' ') as [string, string];
    return { atMs: instant, date, minute: Number(time.slice(0, 2)) * 60 + Number(time.slice(3)) };
  });
}

export interface Case {
  readonly opensMinute: number;
  readonly closesMinute: number;
  readonly durationMinutes: number;
  readonly bufferMinutes: number;
  readonly capacity: number;
  /** From the change on, in minutes; which unit for how long. */
  readonly taken: readonly { readonly unit: number; readonly from: number; readonly minutes: number }[];
}

/** Any hours, lengths and appointments around the change. */
export const anyCase: fc.Arbitrary<Case> = fc
  .record({
    ends: fc.tuple(fc.integer({ min: 0, max: 1_440 }), fc.integer({ min: 0, max: 1_440 })),
    durationMinutes: fc.integer({ min: 5, max: 180 }),
    bufferMinutes: fc.integer({ min: 0, max: 45 }),
    capacity: fc.integer({ min: 1, max: 3 }),
    taken: fc.array(
      fc.record({
        unit: fc.integer({ min: 1, max: 3 }),
        from: fc.integer({ min: -900, max: 900 }),
        minutes: fc.integer({ min: 1, max: 300 }),
      }),
      { maxLength: 6 },
    ),
  })
  .map(({ ends: [one, other], ...rest }) => ({
    ...rest,
    opensMinute: Math.min(one, other, 1_439),
    closesMinute: Math.max(one, other, Math.min(one, other, 1_439) + 1),
  }));

/** @returns what is wrong; nothing where product and oracle say the same and no law is broken */
export function faultsOf(change: Change, minutes: readonly Minute[], one: Case): string[] {
  const middle = minutes.find(({ atMs }) => atMs >= change.atMs)!.date;
  return [dayAfter(middle, -1), middle, dayAfter(middle, 1)].flatMap((date) =>
    faultsOfDay(change, minutes, one, date).map((fault) => `${change.zone} ${date} ${JSON.stringify(one)}: ${fault}`),
  );
}

function faultsOfDay(change: Change, minutes: readonly Minute[], one: Case, date: string): string[] {
  const hours: BusinessHours = { week: new Map(), exceptions: new Map([[date, one]]) };
  const offsets = offsetsOfDays(change.zone, date, date);
  const taken = takenOf(change, one);
  const resources = [{ id: 'chair', capacity: one.capacity }];
  const grid = gridOf(hours, date, one, offsets);
  const product = freeTimes(grid, one, resources, taken).map(({ fromMs, remaining }) => [fromMs, remaining]);
  const open = openMinutes(minutes, one, date);
  const oracle = oracleTimes(minutes, open, one, date, taken);
  const faults: string[] = [];
  if (JSON.stringify(product) !== JSON.stringify(oracle))
    faults.push(`offers ${JSON.stringify(product)} where ${JSON.stringify(oracle)} is right`);
  const span = openSpan(hours, date, offsets);
  faults.push(...partition(span, open, taken, one.capacity));
  const shown = grid.flatMap((time) => (time.span ? [[time.minute, time.span.fromMs] as const] : []));
  const wall = new Map(minutes.map(({ atMs, date: day, minute }) => [atMs, `${day} ${minute}`]));
  if (shown.some(([minute, atMs]) => wall.get(atMs) !== `${date} ${minute}`)) faults.push('a time in a removed hour');
  if (new Set(shown.map(([minute]) => minute)).size !== shown.length) faults.push('a time offered twice');
  return faults;
}

function takenOf({ atMs }: Change, { taken, bufferMinutes }: Case): Taken[] {
  return taken.map(({ unit, from, minutes }) => ({
    resourceId: 'chair',
    unit,
    fromMs: atMs + from * MINUTE_MS,
    toMs: atMs + (from + minutes + bufferMinutes) * MINUTE_MS,
    bufferMinutes,
  }));
}

/** The door opens when the clock first shows the hour, and is closed when it first shows the other. */
function openMinutes(minutes: readonly Minute[], { opensMinute, closesMinute }: Case, date: string): Set<number> {
  const reached = (minute: number) => {
    const day = minute === 1_440 ? dayAfter(date, 1) : date;
    const at = minute % 1_440;
    return (now: Minute) => now.date > day || (now.date === day && now.minute >= at);
  };
  const from = minutes.findIndex(reached(opensMinute));
  const to = minutes.findIndex(reached(closesMinute));
  return new Set(minutes.slice(from, to).map(({ atMs }) => atMs));
}

function oracleTimes(
  minutes: readonly Minute[],
  open: ReadonlySet<number>,
  one: Case,
  date: string,
  taken: readonly Taken[],
): [number, number][] {
  const times: [number, number][] = [];
  let busyUntil = -Infinity;
  for (let label = one.opensMinute; label + one.durationMinutes <= one.closesMinute;) {
    const wanted = label;
    label += one.durationMinutes + one.bufferMinutes;
    const start = minutes.find((now) => now.date === date && now.minute === wanted)?.atMs;
    if (start === undefined || start < busyUntil) continue;
    const lasts = Array.from({ length: one.durationMinutes }, (_, index) => start + index * MINUTE_MS);
    if (!lasts.every((atMs) => open.has(atMs))) continue;
    const end = start + (one.durationMinutes + one.bufferMinutes) * MINUTE_MS;
    busyUntil = end;
    const blocked = new Set(taken.filter(({ fromMs, toMs }) => fromMs < end && start < toMs).map(({ unit }) => unit));
    const free = Array.from({ length: one.capacity }, (_, index) => index + 1).filter((unit) => !blocked.has(unit));
    if (free.length > 0) times.push([start, free.length]);
  }
  return times;
}

/** Free and busy time are the open time, for each unit, and nothing is in both. */
function partition(span: Span | null, open: ReadonlySet<number>, taken: readonly Taken[], capacity: number): string[] {
  const length = (spans: readonly Span[]) =>
    spans.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0) / MINUTE_MS;
  if (length(span ? [span] : []) !== open.size)
    return [`open for ${length(span ? [span] : [])} minutes, not ${open.size}`];
  if (!span) return [];
  return Array.from({ length: capacity }, (_, index) => index + 1).flatMap((unit) => {
    const others = taken.filter((other) => other.unit === unit);
    const free = freeOf(span, others);
    const isBusy = (atMs: number) => others.some(({ fromMs, toMs }) => fromMs <= atMs && atMs < toMs);
    const isFree = (atMs: number) => free.some(({ fromMs, toMs }) => fromMs <= atMs && atMs < toMs);
    const busy = [...open].filter(isBusy).length;
    const both = [...open].filter((atMs) => isBusy(atMs) === isFree(atMs)).length;
    return length(free) + busy === open.size && both === 0
      ? []
      : [`unit ${unit}: ${length(free)} + ${busy} is not ${open.size}`];
  });
}
