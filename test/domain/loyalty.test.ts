import { describe, expect, test } from 'vitest';

import fc from '../helpers/property.ts';
import {
  checkedRules,
  datesOf,
  earnedBy,
  keptOf,
  POINTS_MAX,
  requireTopUp,
  rulesFor,
  rulesUnset,
  worthOf,
  type LoyaltyRules,
  type PaidOrder,
} from '../../src/domain/loyalty.ts';

const CURRENCIES = { 0: 'JPY', 2: 'EGP', 3: 'KWD' } as const;
const exponent = fc.constantFrom<keyof typeof CURRENCIES>(0, 2, 3);
const decimal = (wholeMax: number, decimals: number) =>
  fc
    .tuple(fc.nat(wholeMax), fc.nat(10 ** decimals - 1))
    .map(([whole, fraction]) => `${whole}.${String(fraction).padStart(decimals, '0')}`);

const rules = (more: Partial<LoyaltyRules> = {}): LoyaltyRules => ({
  ...rulesUnset('EGP'),
  pointsEnabled: true,
  pointsPerUnit: '1',
  redemptionRate: '0.05',
  cashbackEnabled: true,
  cashbackPercent: '5',
  ...more,
});
const order = (paidMinor: bigint, more: Partial<PaidOrder> = {}): PaidOrder => ({
  currencyCode: 'EGP',
  totalMinor: paidMinor,
  taxMinor: 0n,
  paidMinor,
  ...more,
});
const codeOf = (work: () => unknown): string | null => {
  try {
    work();
    return null;
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe('what an order earns', () => {
  test('is rounded down: points to whole ones, cashback to the smallest unit of a currency with 0, 2 or 3 decimals', () => {
    const earned = (paidMinor: bigint, currencyCode: string) =>
      earnedBy(order(paidMinor, { currencyCode }), rules({ currencyCode, pointsPerUnit: '1.5' }), 0n);
    expect(earned(11_399n, 'EGP')).toEqual({ points: 170n, cashbackMinor: 569n });
    expect(earned(119n, 'JPY')).toEqual({ points: 178n, cashbackMinor: 5n });
    expect(earned(11_399n, 'KWD')).toEqual({ points: 17n, cashbackMinor: 569n });
    expect(earned(19n, 'EGP')).toEqual({ points: 0n, cashbackMinor: 0n });
  });

  test('is never more than the rule’s share, and less than one unit below it', () => {
    fc.assert(
      fc.property(
        exponent,
        fc.bigInt(0n, 10n ** 12n),
        decimal(50, 4),
        decimal(99, 4),
        (digits, paidMinor, pointsPerUnit, cashbackPercent) => {
          const currencyCode = CURRENCIES[digits];
          const given = rules({ currencyCode, pointsPerUnit, cashbackPercent });
          const { points, cashbackMinor } = earnedBy(order(paidMinor, { currencyCode }), given, 0n);
          const perUnit = BigInt(pointsPerUnit.replace('.', ''));
          const exactPoints = paidMinor * perUnit;
          const unit = 10n ** BigInt(digits) * 10_000n;
          if (points < POINTS_MAX) expect(exactPoints - points * unit).toBeLessThan(unit);
          expect(points * unit).toBeLessThanOrEqual(exactPoints);
          const exactCashback = paidMinor * BigInt(cashbackPercent.replace('.', ''));
          expect(cashbackMinor * 1_000_000n).toBeLessThanOrEqual(exactCashback);
          expect(exactCashback - cashbackMinor * 1_000_000n).toBeLessThan(1_000_000n);
        },
      ),
    );
  });

  test('counts what was really paid, and the tax only where the rules say so', () => {
    const underpaid = order(5_700n, { totalMinor: 11_400n, taxMinor: 1_400n });
    expect(earnedBy(underpaid, rules(), 0n)).toEqual({ points: 57n, cashbackMinor: 285n });
    expect(earnedBy(underpaid, rules({ earnOnTax: false }), 0n)).toEqual({ points: 50n, cashbackMinor: 250n });
    expect(earnedBy(order(0n), rules({ earnOnTax: false }), 0n)).toEqual({ points: 0n, cashbackMinor: 0n });
  });

  test('is nothing while the rules are off, and no points for money of another currency, which has no rate', () => {
    expect(earnedBy(order(10_000n), rulesUnset('EGP'), 0n)).toEqual({ points: 0n, cashbackMinor: 0n });
    expect(earnedBy(order(10_000n, { currencyCode: 'KWD' }), rules(), 0n)).toEqual({
      points: 0n,
      cashbackMinor: 500n,
    });
  });

  test('never makes a balance that is no Int of the graph', () => {
    const generous = rules({ pointsPerUnit: '999999' });
    expect(earnedBy(order(10n ** 15n), generous, 0n).points).toBe(POINTS_MAX);
    expect(earnedBy(order(10n ** 15n), generous, POINTS_MAX - 5n).points).toBe(5n);
    expect(earnedBy(order(10n ** 15n), generous, POINTS_MAX).points).toBe(0n);
  });
});

describe('what refunds leave of it', () => {
  test('any sequence of refunds takes back what one of their sum would, never more than was earned, and at the end all of it', () => {
    fc.assert(
      fc.property(
        fc.bigInt(1n, 10n ** 12n),
        fc.bigInt(0n, 10n ** 9n),
        fc.array(fc.nat(1000), { maxLength: 12 }),
        (paidMinor, earned, sizes) => {
          let refundedMinor = 0n;
          let takenBack = 0n;
          for (const size of [...sizes, 1000]) {
            const left = paidMinor - refundedMinor;
            refundedMinor += size === 1000 ? left : (left * BigInt(size)) / 1000n;
            const gone = earned - keptOf(earned, paidMinor, refundedMinor);
            expect(gone).toBeGreaterThanOrEqual(takenBack);
            expect(gone * paidMinor).toBeGreaterThanOrEqual(earned * refundedMinor);
            expect(gone * paidMinor - earned * refundedMinor).toBeLessThan(paidMinor);
            takenBack = gone;
          }
          expect(takenBack).toBe(earned);
        },
      ),
    );
  });

  test('what is kept is what the kept part would have earned by the same rounding', () => {
    expect(keptOf(57n, 11_400n, 100n)).toBe(56n);
    expect(keptOf(57n, 11_400n, 0n)).toBe(57n);
    expect(() => keptOf(57n, 11_400n, 11_401n)).toThrow('more went back');
  });
});

describe('what points are worth', () => {
  test('is rounded down to the currency’s own unit, for 0, 2 and 3 decimals', () => {
    expect(worthOf(333n, rules({ redemptionRate: '0.005' }))).toBe(166n);
    expect(worthOf(333n, rules({ currencyCode: 'JPY', redemptionRate: '0.5' }))).toBe(166n);
    expect(worthOf(333n, rules({ currencyCode: 'KWD', redemptionRate: '0.0005' }))).toBe(166n);
  });

  test('in two pieces is never more than in one', () => {
    fc.assert(
      fc.property(
        exponent,
        decimal(3, 6),
        fc.integer({ min: 1, max: 10 ** 6 }),
        fc.integer({ min: 1, max: 10 ** 6 }),
        (digits, redemptionRate, a, b) => {
          const given = rules({ currencyCode: CURRENCIES[digits], redemptionRate });
          const worth = (points: bigint) => {
            try {
              return worthOf(points, given);
            } catch {
              return 0n;
            }
          };
          expect(worth(BigInt(a)) + worth(BigInt(b))).toBeLessThanOrEqual(worth(BigInt(a) + BigInt(b)));
        },
      ),
    );
  });

  test('is refused with a code: too few, worth nothing, or more than an amount can be', () => {
    expect(codeOf(() => worthOf(9n, rules({ redeemPointsMin: 10 })))).toBe('INVALID_INPUT');
    expect(codeOf(() => worthOf(1n, rules({ redemptionRate: '0.001' })))).toBe('INVALID_INPUT');
    expect(codeOf(() => worthOf(POINTS_MAX, rules({ currencyCode: 'KWD', redemptionRate: '999999' })))).toBe(
      'INVALID_INPUT',
    );
  });
});

describe('rules', () => {
  test('are kept in their shortest spelling', () => {
    const kept = checkedRules(rules({ pointsPerUnit: '1.50', redemptionRate: '0.050000', cashbackPercent: '5.00' }));
    expect(kept).toMatchObject({ pointsPerUnit: '1.5', redemptionRate: '0.05', cashbackPercent: '5' });
    expect(checkedRules(kept)).toEqual(kept);
  });

  test.each<[string, Partial<LoyaltyRules>]>([
    ['no points for a unit', { pointsPerUnit: '0.0' }],
    ['a negative number of points', { pointsPerUnit: '-1' }],
    ['too many decimals', { pointsPerUnit: '1.00001' }],
    ['more points than sense', { pointsPerUnit: '1000000' }],
    ['a number of another writing', { redemptionRate: '1e3' }],
    ['a rate that is no number', { redemptionRate: 'NaN' }],
    ['more than all', { cashbackPercent: '100.5' }],
    ['no percent', { cashbackPercent: '0' }],
    ['points that run out before they are earned', { pointsExpireDays: 0 }],
    ['days that are none', { pointsExpireDays: 1.5 }],
    ['a return period before the sale', { cashbackPendingDays: -1 }],
    ['a return period of centuries', { cashbackPendingDays: 100_000 }],
    ['a minimum of nothing', { redeemPointsMin: 0 }],
    ['a currency that is none', { currencyCode: 'PTS' }],
    ['a top-up of nothing', { topUpMinMinor: 0n }],
    ['a largest top-up below the smallest', { topUpMinMinor: 500n, topUpMaxMinor: 499n }],
    ['a top-up of more than an amount can be', { topUpMaxMinor: 10n ** 16n }],
  ])('are refused with INVALID_INPUT: %s', (_name, change) => {
    expect(codeOf(() => checkedRules(rules(change)))).toBe('INVALID_INPUT');
  });

  test('that are not set let nobody redeem or top up', () => {
    for (const feature of ['redeemPoints', 'topUp'] as const) {
      expect(codeOf(() => rulesFor(feature, undefined))).toBe('FEATURE_DISABLED');
      expect(codeOf(() => rulesFor(feature, rulesUnset('EGP')))).toBe('FEATURE_DISABLED');
    }
  });

  test('let points be redeemed that were earned before earning was switched off', () => {
    expect(rulesFor('redeemPoints', rules({ pointsEnabled: false })).redemptionRate).toBe('0.05');
  });

  test('bound a top-up on both sides', () => {
    const limits = rules({ topUpEnabled: true, topUpMinMinor: 100n, topUpMaxMinor: 200n });
    const at = (amountMinor: bigint) => codeOf(() => requireTopUp(amountMinor, limits, ['input']));
    expect([at(99n), at(100n), at(200n), at(201n)]).toEqual(['INVALID_INPUT', null, null, 'INVALID_INPUT']);
  });

  test('say when points run out and when cashback can be spent, in days of 24 hours', () => {
    const earnedAt = new Date('2026-03-28T12:00:00Z');
    expect(datesOf(earnedAt, rules({ pointsExpireDays: 2, cashbackPendingDays: 0 }))).toEqual({
      pointsExpireAt: new Date('2026-03-30T12:00:00Z'),
      cashbackDueAt: earnedAt,
    });
    expect(datesOf(earnedAt, rules()).pointsExpireAt).toBeNull();
  });
});
