import { describe, expect, test } from 'vitest';

import fc from '../helpers/property.ts';
import { expire, pointsIn, spend, takeBack, type PointsLot } from '../../src/domain/points-lots.ts';

const NOW = new Date('2026-06-01T00:00:00Z');
const inDays = (days: number) => new Date(NOW.getTime() + days * 86_400_000);
const lot = (orderId: string, remaining: bigint, expireAt: Date | null = null, expired = 0n): PointsLot => ({
  orderId,
  remaining,
  expired,
  takenBack: 0n,
  expireAt,
});
const left = (lots: readonly PointsLot[] | null) =>
  Object.fromEntries((lots ?? []).map(({ orderId, remaining }) => [orderId, remaining]));

const someLots = fc
  .array(fc.tuple(fc.bigInt(0n, 1000n), fc.bigInt(0n, 500n), fc.option(fc.integer({ min: -3, max: 5 }))), {
    minLength: 1,
    maxLength: 8,
  })
  .map((all) =>
    all.map(([remaining, expired, days], index) =>
      lot(`order-${index}`, remaining, days === null ? null : inDays(days), expired),
    ),
  );

describe('spending', () => {
  test('takes those that run out first, and those that never do last', () => {
    const lots = [lot('never', 10n), lot('late', 10n, inDays(9)), lot('soon', 10n, inDays(1))];
    expect(left(spend(lots, 15n))).toEqual({ soon: 0n, late: 5n, never: 10n });
  });

  test('takes exactly what is asked for or nothing at all, and never leaves less than nothing', () => {
    fc.assert(
      fc.property(someLots, fc.bigInt(1n, 5000n), (lots, points) => {
        const after = spend(lots, points);
        expect(after === null).toBe(pointsIn(lots) < points);
        if (after === null) return;
        expect(pointsIn(lots) - pointsIn(after)).toBe(points);
        expect(after.every(({ remaining }) => remaining >= 0n)).toBe(true);
      }),
    );
  });
});

describe('running out', () => {
  test('ends what is over to the instant, once, and nothing else', () => {
    const lots = [lot('over', 5n, NOW), lot('not yet', 5n, new Date(NOW.getTime() + 1)), lot('never', 5n)];
    const after = expire(lots, NOW);
    expect(left(after)).toEqual({ over: 0n, 'not yet': 5n, never: 5n });
    expect(after[0]).toMatchObject({ expired: 5n });
    expect(expire(after, NOW)).toEqual(after);
  });
});

describe('taking back', () => {
  test('takes of the order’s own lot first, then of what ran out of it, then of the others, and the rest is owed', () => {
    const own = { ...lot('own', 30n, inDays(1)), expired: 20n };
    const lots = [lot('other', 15n), own];
    const taken = (points: bigint) => takeBack(lots, 'own', points);
    expect(taken(30n)).toMatchObject({ fromAccount: 30n, owed: 0n });
    expect(left(taken(30n).lots)).toEqual({ own: 0n, other: 15n });
    expect(taken(50n)).toMatchObject({ fromAccount: 30n, owed: 0n });
    expect(taken(60n)).toMatchObject({ fromAccount: 40n, owed: 0n });
    expect(taken(100n)).toMatchObject({ fromAccount: 45n, owed: 35n });
    expect(left(taken(100n).lots)).toEqual({ own: 0n, other: 0n });
  });

  test('never lets anything below zero, and what left the account is what left the lots', () => {
    fc.assert(
      fc.property(someLots, fc.nat(), fc.bigInt(0n, 5000n), (lots, pick, points) => {
        const own = lots[pick % lots.length]!;
        const after = takeBack(lots, own.orderId, points);
        expect(pointsIn(lots) - pointsIn(after.lots)).toBe(after.fromAccount);
        const ownAfter = after.lots.find(({ orderId }) => orderId === own.orderId)!;
        expect(after.fromAccount + after.owed + (own.expired - ownAfter.expired)).toBe(points);
        expect(ownAfter.takenBack).toBe(points);
        expect(after.lots.every(({ remaining, expired }) => remaining >= 0n && expired >= 0n)).toBe(true);
        // Nothing is owed while there are points.
        if (after.owed > 0n) expect(pointsIn(after.lots)).toBe(0n);
      }),
    );
  });
});
