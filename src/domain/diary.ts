/** What of a tenant's time is offered to whom (TEN-8): the free times of its days within notice and horizon. */
import { freeTimes, gridOf, localAt, type FreeTime, type Length, type Resource, type Taken } from './availability.ts';
import { earliestStart, horizonDays, type Booker, type BookingRules } from './booking-rules.ts';
import type { BusinessHours } from './business-hours.ts';
import { daysBetween } from './local-day.ts';
import { wallOf, type OffsetSpan } from './wall-clock.ts';

/** All there is to know of a service's time on some days. */
export interface Diary {
  readonly hours: BusinessHours;
  readonly rules: BookingRules;
  /** Of the service, or by the rules. */
  readonly length: Length;
  readonly resources: readonly Resource[];
  /** What of the resources is taken on these days. */
  readonly taken: readonly Taken[];
  /** How often it can be sold yet; null: no service was named. */
  readonly stock: number | null;
  readonly offsets: readonly OffsetSpan[];
}

export interface Asking {
  readonly booker: Booker;
  readonly nowMs: number;
}

const DAY_MS = 86_400_000;

/** The first and the last day on which somebody may begin. Staff write down what was yesterday, but nothing is offered in the past. */
export function bookableDays(diary: Pick<Diary, 'rules' | 'offsets'>, { booker, nowMs }: Asking): [string, string] {
  const today = localAt(diary.offsets, nowMs).date;
  return [today, dayAfter(today, horizonDays(diary.rules, booker))];
}

/** @param days may be negative */
export function dayAfter(date: string, days: number): string {
  return new Date(wallOf(date, 0) + days * DAY_MS).toISOString().slice(0, 10);
}

/** The free times of some days, earliest first. */
export function offered(diary: Diary, asking: Asking, from: string, to: string): FreeTime[] {
  const [first, last] = bookableDays(diary, asking);
  const notBeforeMs = Math.max(asking.nowMs, earliestStart(diary.rules, asking.booker, asking.nowMs));
  const stock = diary.stock ?? Infinity;
  if (stock <= 0) return [];
  const dates = daysBetween(from < first ? first : from, to > last ? last : to);
  const grid = dates.flatMap((date) => gridOf(diary.hours, date, diary.length, diary.offsets));
  return freeTimes(grid, diary.length, diary.resources, diary.taken)
    .filter(({ fromMs }) => fromMs >= notBeforeMs)
    .map((time) => ({ ...time, remaining: Math.min(time.remaining, stock) }));
}

const DAYS_BEFORE = 7;
const DAYS_AFTER = 14;

/** The days among which to look for another time: around the one wished for, as far as anybody may book. */
export function daysAround(
  diary: Pick<Diary, 'rules' | 'offsets'>,
  asking: Asking,
  startMs: number,
): { from: string; to: string } {
  const [first, last] = bookableDays(diary, asking);
  const wished = localAt(diary.offsets, startMs).date;
  const middle = wished < first ? first : wished > last ? last : wished;
  const [from, to] = [dayAfter(middle, -DAYS_BEFORE), dayAfter(middle, DAYS_AFTER)];
  return { from: from < first ? first : from, to: to > last ? last : to };
}

const ALTERNATIVES_MAX = 5;

/** The free times nearest to the one wished for, earliest first. */
export function alternatives(diary: Diary, asking: Asking, startMs: number): FreeTime[] {
  const { from, to } = daysAround(diary, asking, startMs);
  const distance = ({ fromMs }: FreeTime) => Math.abs(fromMs - startMs);
  return offered(diary, asking, from, to)
    .filter(({ fromMs }) => fromMs !== startMs)
    .toSorted((one, other) => distance(one) - distance(other) || one.fromMs - other.fromMs)
    .slice(0, ALTERNATIVES_MAX)
    .toSorted((one, other) => one.fromMs - other.fromMs);
}
