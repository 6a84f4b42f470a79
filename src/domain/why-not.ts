/** The one rule that makes a time unavailable, in a sentence (BEY-6). */
import { freeUnit, gridOf, isOnlyBuffer, localAt, openSpan, takenSpan, timeAt } from './availability.ts';
import { earliestStart } from './booking-rules.ts';
import { hoursOn, localTime } from './business-hours.ts';
import { bookableDays, type Asking, type Diary } from './diary.ts';
import { dateOfWall, firstInstantAt, minuteOfWall, removedWallAt, wallAt } from './wall-clock.ts';

/**
 * HOURS: closed then. EXCEPTION: closed then on this date only. GRID: open, but times begin at others. NOTICE: too soon, or over.
 * HORIZON: too far ahead. DAYLIGHT_SAVING: in the removed hour, without room because of it, or the second of a repeated one.
 * TAKEN: somebody else has it. BUFFER: the time between two appointments is in the way. OUT_OF_STOCK: sold out altogether.
 */
export const TIME_RULES = [
  'HOURS',
  'EXCEPTION',
  'GRID',
  'NOTICE',
  'HORIZON',
  'DAYLIGHT_SAVING',
  'TAKEN',
  'BUFFER',
  'OUT_OF_STOCK',
] as const;
export type TimeRule = (typeof TIME_RULES)[number];

export interface Refusal {
  readonly rule: TimeRule;
  /** For people. */
  readonly detail: string;
}

/** What forbids to begin at an instant; null: nothing. */
export function whyNot(diary: Diary, asking: Asking, startMs: number): Refusal | null {
  return whyNotThen(diary, asking, startMs) ?? whyNotOffered(diary, asking, startMs) ?? whyNotFree(diary, startMs);
}

/** Notice and horizon. */
export function whyNotThen(diary: Pick<Diary, 'rules' | 'offsets'>, asking: Asking, startMs: number): Refusal | null {
  const { rules, offsets } = diary;
  if (startMs < earliestStart(rules, asking.booker, asking.nowMs)) {
    const isOver = startMs < asking.nowMs;
    const detail = isOver ? 'This time is over.' : `A time is booked ${rules.minAdvanceHours} hours ahead at least.`;
    return { rule: 'NOTICE', detail };
  }
  const last = bookableDays(diary, asking)[1];
  if (localAt(offsets, startMs).date <= last) return null;
  return { rule: 'HORIZON', detail: `Times are booked up to ${last}.` };
}

/** Hours and grid: staff may begin at any minute. */
export function whyNotOffered(diary: Diary, { booker }: Asking, startMs: number): Refusal | null {
  if (booker === 'STAFF') return null;
  const { hours, length, offsets } = diary;
  const { date, minute } = localAt(offsets, startMs);
  const grid = gridOf(hours, date, length, offsets);
  if (timeAt(grid, startMs)) return null;
  const saved = whyNotByClocks(diary, startMs);
  if (saved) return saved;
  const open = openSpan(hours, date, offsets);
  const endMs = startMs + length.durationMinutes * 60_000;
  if (open && open.fromMs <= startMs && endMs <= open.toMs) {
    const times = grid.flatMap((time) => (time.span ? [localTime(time.minute)] : []));
    return { rule: 'GRID', detail: `On ${date} times begin at ${listed(times)}.` };
  }
  const { hours: counted, isException } = hoursOn(hours, date);
  const when = counted ? `from ${localTime(counted.opensMinute)} to ${localTime(counted.closesMinute)}` : 'not at all';
  const lasts =
    open && open.fromMs <= startMs && startMs < open.toMs ? `, and it takes ${length.durationMinutes} minutes` : '';
  return {
    rule: isException ? 'EXCEPTION' : 'HOURS',
    detail: `At ${localTime(Math.floor(minute))} it is closed or closes too soon: open on ${date} ${when}${lasts}.`,
  };
}

const LISTED_MAX = 12;

function listed(times: readonly string[]): string {
  if (times.length === 0) return 'no time at all';
  return times.length > LISTED_MAX ? `${times.slice(0, LISTED_MAX).join(', ')} and so on` : times.join(', ');
}

function whyNotByClocks({ hours, length, offsets }: Diary, startMs: number): Refusal | null {
  const removed = removedWallAt(offsets, startMs);
  const planned = (wallMs: number) =>
    gridOf(hours, dateOfWall(wallMs), length, offsets).find((time) => time.minute === minuteOfWall(wallMs));
  if (removed !== null && planned(removed)?.span === null) {
    const detail = `Clocks are set forward then: there is no ${localTime(minuteOfWall(removed))} on ${dateOfWall(removed)}.`;
    return { rule: 'DAYLIGHT_SAVING', detail };
  }
  const shown = wallAt(offsets, startMs);
  const time = planned(shown);
  if (!time) return null;
  const at = `${localTime(time.minute)} on ${dateOfWall(shown)}`;
  if (firstInstantAt(offsets, shown) < startMs)
    return { rule: 'DAYLIGHT_SAVING', detail: `Clocks are set back then: of the two ${at} the first is offered.` };
  return { rule: 'DAYLIGHT_SAVING', detail: `Clocks are set forward then, which leaves no room for ${at}.` };
}

/** Whether all units are taken, or it is sold out. */
export function whyNotFree({ length, resources, taken, stock }: Diary, startMs: number): Refusal | null {
  if (stock !== null && stock <= 0) return { rule: 'OUT_OF_STOCK', detail: 'This is sold out.' };
  const time = { fromMs: startMs, toMs: startMs + length.durationMinutes * 60_000 };
  if (freeUnit(takenSpan(time, length.bufferMinutes), resources, taken)) return null;
  if (!isOnlyBuffer(time, resources, taken)) return { rule: 'TAKEN', detail: 'This time is taken.' };
  return { rule: 'BUFFER', detail: 'This time is too close to another appointment.' };
}
