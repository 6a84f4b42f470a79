/** When a tenant is open, in its own wall-clock time (TEN-5): a time for each weekday, and other ones for single dates. */
import { invalidInput } from '../errors.ts';

export const WEEKDAYS = ['MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY', 'SUNDAY'] as const;
export type Weekday = (typeof WEEKDAYS)[number];

/** Minutes after midnight; the end of a day is 1440. */
export interface OpenMinutes {
  readonly opensMinute: number;
  readonly closesMinute: number;
}

export interface BusinessHours {
  /** By ISO number of the weekday, 1 is Monday; what is not there is closed. */
  readonly week: ReadonlyMap<number, OpenMinutes>;
  /** By date; null is closed. */
  readonly exceptions: ReadonlyMap<string, OpenMinutes | null>;
}

/** ISO: 1 is Monday, 7 is Sunday. */
export function weekdayOf(date: string): number {
  return new Date(`${date}T00:00:00Z`).getUTCDay() || 7;
}

/** What counts on a date; null is closed. */
export function hoursOn(hours: BusinessHours, date: string): { hours: OpenMinutes | null; isException: boolean } {
  const exception = hours.exceptions.get(date);
  if (exception !== undefined) return { hours: exception, isException: true };
  return { hours: hours.week.get(weekdayOf(date)) ?? null, isException: false };
}

const LOCAL_TIME = /^(?:([01]\d|2[0-3]):([0-5]\d)|24:00)$/;

export function isLocalTime(text: string): boolean {
  return LOCAL_TIME.test(text);
}

/** Minutes after midnight. @param text HH:MM, or 24:00 for the end of the day */
export function minutesOf(text: string): number {
  const [hours, minutes] = text.split(':').map(Number);
  return hours! * 60 + minutes!;
}

export function localTime(minute: number): string {
  return `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;
}

export interface GivenHours {
  readonly open?: string | null | undefined;
  readonly close?: string | null | undefined;
  readonly closed?: boolean | null | undefined;
}

/** @returns null for closed, undefined where nothing is said @throws INVALID_INPUT */
export function openMinutesOf(given: GivenHours, field: readonly string[]): OpenMinutes | null | undefined {
  const { open = null, close = null } = given;
  if (given.closed === true) {
    if (open !== null || close !== null)
      throw invalidInput('What is closed has no hours.', [...field, open === null ? 'close' : 'open']);
    return null;
  }
  if (open === null && close === null) return undefined;
  if (open === null || close === null)
    throw invalidInput('Say when it opens and when it closes.', [...field, open === null ? 'open' : 'close']);
  const hours = { opensMinute: minutesOf(open), closesMinute: minutesOf(close) };
  if (hours.opensMinute >= hours.closesMinute)
    throw invalidInput('It opens before it closes, on the same day; a day ends at 24:00.', [...field, 'close']);
  return hours;
}
