import { expect, test } from 'vitest';

import fc from '../helpers/property.ts';
import { DIFFERENCE_KINDS, listDifferences, writtenAmount, type Claim } from '../../src/domain/money-difference.ts';

const DAYS = {
  days: ['2025-06-01', '2025-06-02'],
  bounds: ['2025-06-01T00:00:00Z', '2025-06-02T00:00:00Z', '2025-06-03T00:00:00Z'].map((instant) => new Date(instant)),
};
const at = (instant: string | null) => (instant === null ? null : new Date(instant));
const claim = (of: Partial<Claim>): Claim => ({
  what: 'TAKEN',
  type: 'Payment',
  id: 'a',
  currencyCode: 'EGP',
  ledgerMinor: 5n,
  recordsMinor: 5n,
  ledgerAt: at('2025-06-01T12:00:00Z'),
  recordsAt: at('2025-06-01T12:00:00Z'),
  isApart: false,
  ...of,
});

test('the same is not listed, and what lies outside of the days is not theirs', () => {
  expect(listDifferences([claim({})], DAYS)).toEqual([]);
  for (const outside of ['2025-05-31T23:59:59.999Z', '2025-06-03T00:00:00.000Z'])
    expect(listDifferences([claim({ recordsMinor: 4n, ledgerAt: at(outside) })], DAYS), outside).toEqual([]);
  for (const [inside, date] of [
    ['2025-06-01T00:00:00.000Z', '2025-06-01'],
    ['2025-06-02T23:59:59.999Z', '2025-06-02'],
  ] as const)
    expect(listDifferences([claim({ recordsMinor: 4n, ledgerAt: at(inside) })], DAYS)).toMatchObject([{ date }]);
});

test('where the ledger says nothing the record’s day counts', () => {
  const lost = claim({ ledgerMinor: 0n, ledgerAt: null, recordsAt: at('2025-06-02T01:00:00Z') });
  expect(listDifferences([lost], DAYS)).toMatchObject([{ date: '2025-06-02', differenceMinor: -5n }]);
});

test('the same on two days is missing on either', () => {
  const moved = claim({ isApart: true, recordsAt: at('2025-06-02T12:00:00Z') });
  expect(listDifferences([moved], DAYS)).toMatchObject([
    { date: '2025-06-01', ledgerMinor: 5n, recordsMinor: 0n, differenceMinor: 5n, count: 1 },
    { date: '2025-06-02', ledgerMinor: 0n, recordsMinor: 5n, differenceMinor: -5n, count: 1 },
  ]);
});

test('points have no decimals, and every currency its own', () => {
  expect(['PTS', 'JPY', 'EGP', 'KWD'].map((code) => writtenAmount(-1_234n, code))).toEqual([
    '-1234',
    '-1234',
    '-12.34',
    '-1.234',
  ]);
});

const anyClaim = fc
  .record({
    what: fc.constantFrom(...DIFFERENCE_KINDS),
    id: fc.uuid(),
    currencyCode: fc.constantFrom('EGP', 'KWD'),
    ledgerMinor: fc.bigInt({ min: -9n, max: 9n }),
    recordsMinor: fc.bigInt({ min: -9n, max: 9n }),
    hour: fc.integer({ min: 0, max: 47 }),
  })
  .map(({ hour, ...of }) => claim({ ...of, ledgerAt: new Date(DAYS.bounds[0]!.getTime() + hour * 3_600_000) }));

test('nothing is set off: lines have all that differs, by direction, and are never more than days, kinds and directions', () => {
  fc.assert(
    fc.property(fc.array(anyClaim, { maxLength: 60 }), (claims) => {
      const lines = listDifferences(claims, DAYS);
      const unequal = claims.filter(({ ledgerMinor, recordsMinor }) => ledgerMinor !== recordsMinor);
      const total = (amounts: readonly bigint[]) => amounts.reduce((sum, each) => sum + (each < 0n ? -each : each), 0n);
      expect(lines.reduce((sum, { count }) => sum + count, 0)).toBe(unequal.length);
      expect(total(lines.map(({ differenceMinor }) => differenceMinor))).toBe(
        total(unequal.map(({ ledgerMinor, recordsMinor }) => ledgerMinor - recordsMinor)),
      );
      for (const line of lines) {
        expect(line.differenceMinor).not.toBe(0n);
        expect(line.ledgerMinor - line.recordsMinor).toBe(line.differenceMinor);
        expect(line.of).toHaveLength(Math.min(line.count, 5));
      }
      expect(lines.length).toBeLessThanOrEqual(2 * 2 * DIFFERENCE_KINDS.length * 2);
      expect(lines.map(({ date }) => date)).toEqual(lines.map(({ date }) => date).toSorted());
    }),
  );
});
