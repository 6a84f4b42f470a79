import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startTestApp, type TestApp } from '../helpers/app.ts';
import { DayBook } from '../helpers/day-book.ts';

/** What a day of a report is, and what moves on it ("Money", reports). */
let world: TestApp;
beforeAll(async () => {
  world = await startTestApp({ worker: false });
});
afterAll(() => world.stop());

describe('a day', () => {
  // Clocks go forward at midnight, and back at midnight, so that an hour before it comes twice.
  test.each([
    ['Africa/Cairo', '2025-04-25', '2025-04-24T22:00:00.000Z', '2025-04-25T21:00:00.000Z', 23],
    ['Africa/Cairo', '2025-10-30', '2025-10-29T21:00:00.000Z', '2025-10-30T22:00:00.000Z', 25],
    ['America/New_York', '2025-03-09', '2025-03-09T05:00:00.000Z', '2025-03-10T04:00:00.000Z', 23],
    ['America/New_York', '2025-11-02', '2025-11-02T04:00:00.000Z', '2025-11-03T05:00:00.000Z', 25],
    // Midnight itself comes twice: the day begins with the first.
    ['America/Havana', '2025-11-02', '2025-11-02T04:00:00.000Z', '2025-11-03T05:00:00.000Z', 25],
    ['Asia/Kathmandu', '2025-06-01', '2025-05-31T18:15:00.000Z', '2025-06-01T18:15:00.000Z', 24],
  ])('in %s, %s, has what came from its first to its last millisecond', async (timeZone, day, first, next, hours) => {
    const book = await DayBook.open(world, timeZone);
    const before = (instant: string) => new Date(Date.parse(instant) - 1).toISOString();
    expect(Date.parse(next) - Date.parse(first)).toBe(hours * 3_600_000);
    const came = [
      [before(first), 1n],
      [first, 10n],
      [new Date(Date.parse(first) + (hours / 2) * 3_600_000).toISOString(), 100n],
      [before(next), 1_000n],
      [next, 10_000n],
    ] as const;
    for (const [at, totalMinor] of came) await book.sold({ at, totalMinor });
    const { rows, differences } = await book.report(day);
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({ date: day, currencyCode: 'EGP', taken: 1_110, sold: 1_110, atGateways: 1_111 });
    expect(differences).toEqual([]);
  });
});
