/** What a search for lodging may ask: dates and rooms (graph.graphql, StaySearchInput). Local calendar dates, YYYY-MM-DD. */
import { invalidInput } from '../errors.ts';

const NIGHTS_MAX = 90;
const OCCUPANCIES_MAX = 8;
const ADULTS_MAX = 14;
const CHILDREN_MAX = 6;
const CHILD_AGE_MAX = 17;
const AHEAD_DAYS_MAX = 500;
const DAY_MS = 86_400_000;

/** A local date as the instant of its midnight in UTC: days are counted, no clock is read. */
function dayOf(date: string): number {
  return Date.parse(`${date}T00:00:00Z`) / DAY_MS;
}

export function nightsOf(checkIn: string, checkOut: string): number {
  return dayOf(checkOut) - dayOf(checkIn);
}

/**
 * A day has begun somewhere as much as fourteen hours before it begins in UTC, and lasts elsewhere twelve hours after.
 * @throws INVALID_INPUT
 */
export function requireStay({ checkIn, checkOut }: { checkIn: string; checkOut: string }, now: Date): void {
  const nights = nightsOf(checkIn, checkOut);
  if (!(nights >= 1)) throw invalidInput('The stay ends after it begins.', ['input', 'checkOut']);
  if (nights > NIGHTS_MAX) throw invalidInput(`A stay has at most ${NIGHTS_MAX} nights.`, ['input', 'checkOut']);
  requireTravelDate(checkIn, now, ['input', 'checkIn']);
}

/** @throws INVALID_INPUT for a day that is over everywhere, or too far ahead for any provider */
export function requireTravelDate(date: string, now: Date, field: readonly string[]): void {
  const earliest = Math.floor((now.getTime() - DAY_MS / 2) / DAY_MS);
  if (dayOf(date) < earliest) throw invalidInput('This day is over.', field);
  if (dayOf(date) > earliest + AHEAD_DAYS_MAX)
    throw invalidInput(`Nobody sells more than ${AHEAD_DAYS_MAX} days ahead.`, field);
}

/** @throws INVALID_INPUT */
export function requireOccupancies(rooms: readonly { adults: number; childAges: readonly number[] }[]): void {
  const field = (index: number, name: string) => ['input', 'occupancies', String(index), name];
  if (rooms.length < 1 || rooms.length > OCCUPANCIES_MAX)
    throw invalidInput(`From 1 to ${OCCUPANCIES_MAX} rooms are searched at once.`, ['input', 'occupancies']);
  for (const [index, { adults, childAges }] of rooms.entries()) {
    if (adults < 1 || adults > ADULTS_MAX)
      throw invalidInput(`A room has from 1 to ${ADULTS_MAX} adults.`, field(index, 'adults'));
    if (childAges.length > CHILDREN_MAX || childAges.some((age) => age < 0 || age > CHILD_AGE_MAX))
      throw invalidInput(
        `A room has at most ${CHILDREN_MAX} children, of 0 to ${CHILD_AGE_MAX} years.`,
        field(index, 'childAges'),
      );
  }
}
