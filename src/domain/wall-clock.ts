/**
 * Clocks on the wall and instants (architecture.md, "Time"). A wall-clock time is written as the milliseconds it would be in UTC; what
 * it is in a zone follows from the offsets that count there. In a repeated hour it is twice, in a removed one never.
 */
import { Temporal } from 'temporal-polyfill';

/** From this instant on, until the next one's: how much later clocks are than UTC. */
export interface OffsetSpan {
  readonly fromMs: number;
  readonly offsetMs: number;
}

const MINUTE_MS = 60_000;
const DAY_MS = 1_440 * MINUTE_MS;

// A year of a zone is asked of the library once: finding its changes costs more than everything they are used for.
const years = new Map<string, readonly OffsetSpan[]>();
const YEARS_MAX = 5_000;

function offsetsOfYear(timeZone: string, year: number): readonly OffsetSpan[] {
  const key = `${timeZone} ${year}`;
  const known = years.get(key);
  if (known) return known;
  const endMs = Date.UTC(year + 1, 0, 1);
  const found: OffsetSpan[] = [];
  let at: Temporal.ZonedDateTime | null = Temporal.Instant.fromEpochMilliseconds(
    Date.UTC(year, 0, 1),
  ).toZonedDateTimeISO(timeZone);
  while (at !== null && at.epochMilliseconds < endMs) {
    found.push({ fromMs: at.epochMilliseconds, offsetMs: at.offsetNanoseconds / 1e6 });
    at = at.getTimeZoneTransition('next');
  }
  if (years.size >= YEARS_MAX) years.clear();
  years.set(key, found);
  return found;
}

/** What counts in a zone between two instants, earliest first. The first span begins at `fromMs` or before it. */
export function offsetsBetween(timeZone: string, fromMs: number, toMs: number): OffsetSpan[] {
  const [first, last] = [new Date(fromMs).getUTCFullYear(), new Date(toMs).getUTCFullYear()];
  const all = Array.from({ length: last - first + 1 }, (_, index) => offsetsOfYear(timeZone, first + index)).flat();
  // A year begins with a span of its own, also where nothing changes.
  const changes = all.filter(({ offsetMs }, index) => index === 0 || offsetMs !== all[index - 1]!.offsetMs);
  const before = changes.findLastIndex((span) => span.fromMs <= fromMs);
  return changes.slice(Math.max(0, before)).filter((span, index) => index === 0 || span.fromMs <= toMs);
}

/** The same for days, with a day before and behind, because a day's times may lie on the UTC days beside it. */
export function offsetsOfDays(timeZone: string, from: string, to: string): OffsetSpan[] {
  return offsetsBetween(timeZone, wallOf(from, 0) - 2 * DAY_MS, wallOf(to, 0) + 3 * DAY_MS);
}

/** @param minute after midnight; 1440 is the end of the day */
export function wallOf(date: string, minute: number): number {
  return Date.parse(`${date}T00:00:00Z`) + minute * MINUTE_MS;
}

const LAST_DAY_MS = Date.UTC(9999, 11, 31);

/** The day that a wall-clock time is of. A day has four digits for its year, so that days are compared as they are written. */
export function dateOfWall(wallMs: number): string {
  return new Date(Math.min(wallMs, LAST_DAY_MS)).toISOString().slice(0, 10);
}

export function minuteOfWall(wallMs: number): number {
  return (((wallMs % DAY_MS) + DAY_MS) % DAY_MS) / MINUTE_MS;
}

/** What clocks show at an instant. */
export function wallAt(offsets: readonly OffsetSpan[], instantMs: number): number {
  return instantMs + offsetAt(offsets, instantMs);
}

function offsetAt(offsets: readonly OffsetSpan[], instantMs: number): number {
  return (offsets.findLast(({ fromMs }) => fromMs <= instantMs) ?? offsets[0]!).offsetMs;
}

/** The first instant at which clocks show this time or a later one: the time itself but in a removed hour, and the first of two. */
export function firstInstantAt(offsets: readonly OffsetSpan[], wallMs: number): number {
  for (const [index, { fromMs, offsetMs }] of offsets.entries()) {
    const instantMs = index === 0 ? wallMs - offsetMs : Math.max(fromMs, wallMs - offsetMs);
    const end = offsets[index + 1]?.fromMs ?? Infinity;
    if (instantMs < end) return instantMs;
  }
  return Infinity;
}

/** Where clocks were set forward at or before an instant, and it lies in what would have been the removed hour: what they would show. */
export function removedWallAt(offsets: readonly OffsetSpan[], instantMs: number): number | null {
  const index = offsets.findLastIndex(({ fromMs }) => fromMs <= instantMs);
  const [before, now] = [offsets[index - 1], offsets[index]];
  if (!before || !now || before.offsetMs >= now.offsetMs) return null;
  return instantMs < now.fromMs + now.offsetMs - before.offsetMs ? instantMs + before.offsetMs : null;
}
