import { expect, test } from 'vitest';

import fc from '../helpers/property.ts';
import { countDays, dayBounds, daysBetween, localDay } from '../../src/domain/local-day.ts';

const ZONES = [
  'UTC',
  'Africa/Cairo',
  'America/Havana',
  'America/New_York',
  'Asia/Beirut',
  'Asia/Kathmandu',
  'Atlantic/Azores',
  'Australia/Lord_Howe',
  'Pacific/Auckland',
  'Pacific/Kiritimati',
];

test('days are counted with both ends, over leap days and years', () => {
  expect(countDays('2025-06-01', '2025-06-01')).toBe(1);
  expect(countDays('2024-02-28', '2024-03-01')).toBe(3);
  expect(countDays('2025-12-31', '2026-01-01')).toBe(2);
  expect(countDays('2025-06-02', '2025-06-01')).toBe(0);
  expect(daysBetween('2024-02-28', '2024-03-01')).toEqual(['2024-02-28', '2024-02-29', '2024-03-01']);
  expect(daysBetween('2025-06-02', '2025-06-01')).toEqual([]);
  expect(dayBounds([], 'UTC')).toEqual([]);
});

test('every instant lies between the bounds of the day that its calendar shows, in every zone', () => {
  const year = { min: new Date('2024-01-01T00:00:00Z'), max: new Date('2027-12-31T00:00:00Z'), noInvalidDate: true };
  fc.assert(
    fc.property(fc.date(year), fc.constantFrom(...ZONES), (instant, zone) => {
      const [start, end] = dayBounds([localDay(instant, zone)], zone) as [Date, Date];
      expect(start <= instant && instant < end).toBe(true);
      expect(localDay(new Date(start.getTime() - 1), zone) < localDay(start, zone)).toBe(true);
      expect(localDay(new Date(end.getTime() - 1), zone)).toBe(localDay(start, zone));
    }),
  );
});

test.each([
  // Clocks go forward at midnight: the day begins at one.
  ['Africa/Cairo', '2026-04-24', '2026-04-23T22:00:00.000Z', 23],
  ['Asia/Beirut', '2026-03-29', '2026-03-28T22:00:00.000Z', 23],
  // They go back to midnight: it comes twice, and the day begins with the first.
  ['America/Havana', '2026-11-01', '2026-11-01T04:00:00.000Z', 25],
  ['Atlantic/Azores', '2026-10-25', '2026-10-25T00:00:00.000Z', 25],
  ['Australia/Lord_Howe', '2026-04-05', '2026-04-04T13:00:00.000Z', 24.5],
  // A day that was left out has no time in it.
  ['Pacific/Apia', '2011-12-30', '2011-12-30T10:00:00.000Z', 0],
])('in %s, %s begins at %s and has %d hours', (zone, day, start, hours) => {
  const [begins, ends] = dayBounds([day], zone) as [Date, Date];
  expect(begins.toISOString()).toBe(start);
  expect((ends.getTime() - begins.getTime()) / 3_600_000).toBe(hours);
});
