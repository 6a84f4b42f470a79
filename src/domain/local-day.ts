/**
 * Calendar days where a tenant is (architecture.md, "Time"): a day begins with the first instant that bears its date, which is not always
 * midnight and does not always come 24 hours after the one before.
 */
import { Temporal } from 'temporal-polyfill';

// Making one costs more than everything it is used for. There are a few hundred time zones.
const formats = new Map<string, Intl.DateTimeFormat>();

/** The day of an instant, `2026-11-21`. */
export function localDay(instant: Date, timeZone: string): string {
  let format = formats.get(timeZone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-CA', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' });
    formats.set(timeZone, format);
  }
  return format.format(instant);
}

/** How many days there are from one to another, both of them counted; none or less where they are the other way round. */
export function countDays(from: string, to: string): number {
  return Temporal.PlainDate.from(from).until(Temporal.PlainDate.from(to), { largestUnit: 'days' }).days + 1;
}

/** The days from one to another, both among them. */
export function daysBetween(from: string, to: string): string[] {
  const first = Temporal.PlainDate.from(from);
  return Array.from({ length: Math.max(0, countDays(from, to)) }, (_, days) => first.add({ days }).toString());
}

/** Where these days begin, and where the last of them ends. They follow on one another. */
export function dayBounds(days: readonly string[], timeZone: string): Date[] {
  const starts = days.map((day) => startOf(Temporal.PlainDate.from(day), timeZone));
  const last = days.at(-1);
  return last === undefined ? [] : [...starts, startOf(Temporal.PlainDate.from(last).add({ days: 1 }), timeZone)];
}

function startOf(day: Temporal.PlainDate, timeZone: string): Date {
  return new Date(day.toZonedDateTime({ timeZone }).epochMilliseconds);
}
