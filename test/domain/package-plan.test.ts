import { describe, expect, test } from 'vitest';

import fc from '../helpers/property.ts';
import {
  lossAt,
  planPackage,
  POLICY_UNSET,
  requireRisk,
  worstLoss,
  type CancellationTerms,
  type OfferedLeg,
} from '../../src/domain/package-plan.ts';
import { stateOfLeg, stateOfPayment } from '../../src/domain/package-steps.ts';
import { AppError } from '../../src/errors.ts';

const NOW = new Date('2026-11-22T10:00:00Z');
const at = (hours: number): Date => new Date(NOW.getTime() + hours * 3_600_000);
const FREE: CancellationTerms = { fees: [], refundable: true };
const NEVER: CancellationTerms = { fees: null, refundable: false };
const leg = (more: Partial<OfferedLeg> = {}): OfferedLeg => ({
  vertical: 'LODGING',
  amountMinor: 10_000n,
  terms: FREE,
  holds: false,
  expiresAt: null,
  ...more,
});
const plan = (legs: readonly OfferedLeg[], more: object = {}) =>
  planPackage(legs, { policy: POLICY_UNSET, onAccount: false, now: NOW, ...more });

const terms = fc.oneof(
  fc.record({ fees: fc.constant(null), refundable: fc.constantFrom(true, false, null) }),
  fc.record({
    refundable: fc.constant(null),
    fees: fc.array(
      fc.record({
        from: fc.oneof(fc.constant(null), fc.integer({ min: -48, max: 96 }).map(at)),
        amountMinor: fc.bigInt(0n, 20_000n),
      }),
      { maxLength: 4 },
    ),
  }),
);
const offered = fc.record({
  vertical: fc.constantFrom('LODGING' as const, 'FLIGHTS_BOOKING' as const),
  amountMinor: fc.bigInt(0n, 20_000n),
  terms,
  holds: fc.boolean(),
  expiresAt: fc.oneof(fc.constant(null), fc.integer({ min: 1, max: 3 }).map(at)),
});

describe('what cancelling costs', () => {
  test('is never more than the worst of its time, and as much at one moment of it', () => {
    fc.assert(
      fc.property(terms, fc.bigInt(0n, 20_000n), fc.integer({ min: 0, max: 24 * 60 }), (of, amountMinor, minute) => {
        const worst = worstLoss(of, amountMinor, NOW, at(24));
        expect(lossAt(of, amountMinor, at(minute / 60)) <= worst).toBe(true);
        const moments = [
          NOW,
          ...(of.fees ?? []).flatMap(({ from }) => (from && from > NOW && from <= at(24) ? [from] : [])),
        ];
        expect(moments.some((moment) => lossAt(of, amountMinor, moment) === worst)).toBe(true);
        expect(worst >= 0n && worst <= amountMinor).toBe(true);
      }),
    );
  });

  test('counts a fee that begins within the time, to its last moment, and none that begins later', () => {
    const beginning = (hours: number) => ({ fees: [{ from: at(hours), amountMinor: 3_000n }], refundable: true });
    expect(worstLoss(beginning(24), 10_000n, NOW, at(24))).toBe(3_000n);
    expect(worstLoss(beginning(24.01), 10_000n, NOW, at(24))).toBe(0n);
  });

  test('is everything where the provider does not say that money comes back', () => {
    expect(worstLoss({ fees: null, refundable: null }, 10_000n, NOW, at(24))).toBe(10_000n);
    expect(worstLoss(NEVER, 10_000n, NOW, at(24))).toBe(10_000n);
  });
});

describe('a plan', () => {
  test('keeps what can be kept, has it paid, and books in the order of the policy', () => {
    const flight = leg({ vertical: 'FLIGHTS_BOOKING', holds: true, terms: NEVER, expiresAt: at(0.5) });
    const { steps, order } = plan([flight, leg({ expiresAt: at(0.25) }), leg({ holds: true, expiresAt: at(1) })]);
    expect(order).toEqual([1, 2, 0]);
    expect(steps.map(({ kind, leg: of }) => [kind, of])).toEqual([
      ['HOLD', 2],
      ['HOLD', 0],
      ['PAY', null],
      ['BOOK', 1],
      ['CONFIRM', 2],
      ['CONFIRM', 0],
    ]);
    // To be paid before the first price that nobody keeps is over, with time to tell its provider.
    expect(steps[2]!.deadline).toEqual(new Date(at(0.25).getTime() - 120_000));
    expect(steps[3]!.deadline).toEqual(at(0.25));
    expect(steps[4]!.deadline).toBeNull();
  });

  test('turned around by another policy puts other money at risk', () => {
    const legs = [
      leg({ amountMinor: 7_000n }),
      leg({ vertical: 'FLIGHTS_BOOKING', amountMinor: 3_000n, terms: NEVER }),
    ];
    expect(plan(legs).worstCaseMinor).toBe(0n);
    const turned = { ...POLICY_UNSET, legOrder: ['FLIGHTS_BOOKING'] as const };
    expect(plan(legs, { policy: turned })).toMatchObject({ order: [1, 0], worstCaseMinor: 3_000n });
  });

  test('on account holds nothing and asks for no payment', () => {
    const { steps } = plan([leg({ holds: true }), leg()], { onAccount: true });
    expect(steps.map(({ kind }) => kind)).toEqual(['BOOK', 'BOOK']);
  });

  test('has every leg once, costs what its legs cost, and risks nothing before it is paid or after its last step', () => {
    fc.assert(
      fc.property(fc.array(offered, { minLength: 2, maxLength: 6 }), fc.boolean(), (legs, onAccount) => {
        const { order, steps, totalMinor } = plan(legs, { onAccount });
        expect(order.toSorted((one, other) => one - other)).toEqual(legs.map((_, index) => index));
        expect(totalMinor).toBe(legs.reduce((sum, { amountMinor }) => sum + amountMinor, 0n));
        const booking = steps.filter(({ kind }) => kind === 'CONFIRM' || kind === 'BOOK');
        expect(booking.map((step) => step.leg)).toEqual(order);
        expect(booking.reduce((sum, { costMinor }) => sum + costMinor, 0n)).toBe(totalMinor);
        for (const { kind, atRiskMinor } of steps) if (kind === 'HOLD' || kind === 'PAY') expect(atRiskMinor).toBe(0n);
        expect(steps.at(-1)!.atRiskMinor).toBe(0n);
        expect(steps.filter(({ kind }) => kind === 'PAY')).toHaveLength(onAccount ? 0 : 1);
      }),
    );
  });

  test('shows a worst case that taking back what is booked never exceeds, wherever and whenever it fails', () => {
    fc.assert(
      fc.property(
        fc.array(offered, { minLength: 2, maxLength: 6 }),
        fc.nat(5),
        fc.integer({ min: 0, max: 24 * 60 }),
        (legs, failing, minute) => {
          const { order, worstCaseMinor, riskUntil } = plan(legs);
          const booked = order.slice(0, Math.min(failing, legs.length - 1));
          const moment = at(minute / 60);
          expect(moment <= riskUntil).toBe(true);
          const lost = booked.reduce((sum, of) => sum + lossAt(legs[of]!.terms, legs[of]!.amountMinor, moment), 0n);
          expect(lost <= worstCaseMinor).toBe(true);
        },
      ),
    );
  });

  test('takes the order within a kind that risks least', () => {
    fc.assert(
      fc.property(
        fc.array(
          offered.map((of) => ({ ...of, vertical: 'LODGING' as const })),
          { minLength: 2, maxLength: 5 },
        ),
        (legs) => {
          const losses = legs.map(({ terms: of, amountMinor }) => worstLoss(of, amountMinor, NOW, at(24)));
          const dearest = losses.reduce((most, loss) => (loss > most ? loss : most), 0n);
          const all = losses.reduce((sum, loss) => sum + loss, 0n);
          expect(plan(legs).worstCaseMinor).toBe(all - dearest);
        },
      ),
    );
  });
});

test('a cap refuses a plan above it with the numbers, and lets one at it pass', () => {
  expect(() => requireRisk({ worstCaseMinor: 2_500n }, 2_500n, 'EUR')).not.toThrow();
  expect(() => requireRisk({ worstCaseMinor: 2_500n }, null, 'EUR')).not.toThrow();
  const refused = (() => {
    try {
      requireRisk({ worstCaseMinor: 2_501n }, 2_500n, 'EUR');
    } catch (error) {
      return error as AppError;
    }
    return null;
  })();
  expect(refused).toMatchObject({
    code: 'RISK_TOO_HIGH',
    field: ['input', 'maxRisk'],
    details: {
      worstCase: { amount: '25.01', currencyCode: 'EUR' },
      maxRisk: { amount: '25.00', currencyCode: 'EUR' },
    },
  });
});

test('steps tell how far they have come, by where their leg is', () => {
  expect(stateOfPayment({ isPaid: false, isOver: false })).toBe('WAITING');
  expect(stateOfPayment({ isPaid: false, isOver: true })).toBe('LET_GO');
  // A refunded order was paid.
  expect(stateOfPayment({ isPaid: true, isOver: true })).toBe('DONE');
  const rows = [
    ['READY', 'WAITING', 'WAITING'],
    ['HOLDING', 'UNDER_WAY', 'WAITING'],
    ['HELD', 'DONE', 'WAITING'],
    ['UNDER_WAY', 'DONE', 'UNDER_WAY'],
    ['BOOKED', 'DONE', 'DONE'],
    ['LEAVING', 'DONE', 'LET_GO'],
    ['GONE', 'LET_GO', 'LET_GO'],
  ] as const;
  for (const [leg_, hold, confirm] of rows) {
    expect([leg_, stateOfLeg('HOLD', leg_, true), stateOfLeg('CONFIRM', leg_, true)]).toEqual([leg_, hold, confirm]);
  }
  expect([stateOfLeg('HOLD', 'FAILED', false), stateOfLeg('CONFIRM', 'FAILED', false)]).toEqual(['FAILED', 'LET_GO']);
  expect([stateOfLeg('HOLD', 'FAILED', true), stateOfLeg('CONFIRM', 'FAILED', true)]).toEqual(['DONE', 'FAILED']);
  expect(stateOfLeg('BOOK', 'FAILED', false)).toBe('FAILED');
});
