import { describe, expect, test } from 'vitest';

import fc from '../helpers/property.ts';
import {
  afterLookUp,
  attemptReference,
  BOOKING_PHASES,
  cancellationFee,
  mayBeSet,
  nextStep,
  orderStateOf,
  refundOnCancelling,
  type BookingPhase,
  type BookingStatus,
  type ProviderState,
} from '../../src/domain/booking.ts';

const STATUSES: readonly BookingStatus[] = ['PENDING', 'CONFIRMED', 'CANCELLED', 'COMPLETED', 'NO_SHOW', 'FAILED'];
const SAID: readonly ProviderState[] = [
  'CONFIRMED',
  'HELD',
  'PENDING',
  'CANCELLED',
  'FAILED',
  'COMPLETED',
  'NO_SHOW',
  'NOT_FOUND',
];
/** What a phase goes with: a row has no other. */
const STATUSES_OF: Readonly<Record<BookingPhase, readonly BookingStatus[]>> = {
  CHECKED: ['PENDING'],
  RESERVING: ['PENDING'],
  HELD: ['PENDING'],
  BOOKING: ['PENDING'],
  CONFIRMING: ['PENDING'],
  PENDING: ['PENDING'],
  CONFIRMED: ['CONFIRMED'],
  CANCELLING: ['CONFIRMED'],
  CANCEL_REQUESTED: ['CONFIRMED', 'CANCELLED'],
  RELEASING: ['CANCELLED', 'FAILED'],
  ENDED: ['CANCELLED', 'COMPLETED', 'NO_SHOW', 'FAILED'],
};
const place = fc
  .constantFrom(...BOOKING_PHASES)
  .chain((phase) => fc.constantFrom(...STATUSES_OF[phase]).map((status) => ({ phase, status })));
const now = new Date('2026-11-21T12:00:00Z');
const CALLS: readonly BookingPhase[] = ['RESERVING', 'BOOKING', 'CONFIRMING', 'PENDING', 'CANCELLING', 'RELEASING'];

describe('the next step', () => {
  test('is to wait while somebody has the turn, and never to book or confirm anew while an outcome is unknown', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...BOOKING_PHASES),
        fc.constantFrom('OPEN' as const, 'PAID' as const, 'ENDED' as const),
        fc.option(fc.integer({ min: -10_000, max: 10_000 })),
        (phase, order, leaseMs) => {
          const leasedUntil = leaseMs === null ? null : new Date(now.getTime() + leaseMs);
          const step = nextStep({ phase, leasedUntil }, order, now);
          if (leaseMs !== null && leaseMs > 0) expect(step).toBe('WAIT');
          else if (CALLS.includes(phase)) expect(['LOOK_UP', 'CANCEL', 'RELEASE']).toContain(step);
          if (step === 'BOOK' || step === 'CONFIRM') expect(order).toBe('PAID');
          if (step === 'DROP') expect(order).toBe('ENDED');
          if (phase === 'ENDED') expect(step).toBe('WAIT');
        },
      ),
    );
  });

  test('takes an order as paid, open or over, and none as more than one of them', () => {
    expect(
      ['DRAFT', 'ISSUED', 'PAID', 'PARTIALLY_REFUNDED', 'REFUNDED', 'CANCELLED', 'EXPIRED'].map(orderStateOf),
    ).toEqual(['OPEN', 'OPEN', 'PAID', 'PAID', 'ENDED', 'ENDED', 'ENDED']);
  });
});

describe('what a provider says of a booking', () => {
  test('in any order leads from one place that a row can have to another, and nothing leads out of the end', () => {
    fc.assert(
      fc.property(place, fc.array(fc.constantFrom(...SAID), { maxLength: 8 }), (start, words) => {
        let at: { phase: BookingPhase; status: BookingStatus } = start;
        for (const said of words) {
          const next = afterLookUp(at, said);
          if (at.phase === 'ENDED') expect(next).toBeNull();
          if (next === null) continue;
          expect(STATUSES_OF[next.phase]).toContain(next.status);
          // Never back to where something would be asked for anew.
          expect(['CHECKED', 'RESERVING', 'BOOKING', 'CONFIRMING', 'CANCELLING', 'RELEASING']).not.toContain(
            next.phase,
          );
          if (next.phase === 'HELD') expect(['RESERVING', 'CONFIRMING']).toContain(at.phase);
          at = next;
        }
      }),
    );
  });

  test('twice changes nothing the second time, and a cancellation under way is not undone by a confirmation', () => {
    fc.assert(
      fc.property(place, fc.constantFrom(...SAID), (at, said) => {
        const once = afterLookUp(at, said);
        if (once) expect(afterLookUp(once, said)).toBeNull();
        if (['CANCELLING', 'RELEASING', 'CANCEL_REQUESTED', 'ENDED'].includes(at.phase))
          expect(afterLookUp(at, 'CONFIRMED')).toBeNull();
        expect(afterLookUp(at, 'NOT_FOUND')).toBeNull();
      }),
    );
  });
});

describe('what cancelling costs', () => {
  const amount = fc.bigInt({ min: 0n, max: 10n ** 12n });
  const fee = fc.record({
    from: fc.option(fc.integer({ min: -1000, max: 1000 }).map((hours) => new Date(now.getTime() + hours * 3_600_000))),
    amountMinor: fc.bigInt({ min: -(10n ** 12n), max: 2n * 10n ** 12n }),
  });

  test('lies between 0 and the amount, and so does what goes back', () => {
    fc.assert(
      fc.property(
        fc.option(fc.array(fee, { maxLength: 6 })),
        fc.option(fc.boolean()),
        amount,
        (fees, refundable, amountMinor) => {
          const back = refundOnCancelling({ fees, refundable }, amountMinor, now);
          expect(back >= 0n && back <= amountMinor).toBe(true);
          const cost = cancellationFee(fees ?? [], amountMinor, now);
          expect(cost >= 0n && cost <= amountMinor).toBe(true);
        },
      ),
    );
  });

  test('is the last fee that has begun, in whatever order they are given', () => {
    const fees = [
      { from: new Date('2026-11-25T00:00:00Z'), amountMinor: 900n },
      { from: null, amountMinor: 100n },
      { from: new Date('2026-11-20T00:00:00Z'), amountMinor: 500n },
    ];
    expect(cancellationFee(fees, 1_000n, now)).toBe(500n);
    expect(cancellationFee(fees, 1_000n, new Date('2026-11-01T00:00:00Z'))).toBe(100n);
    expect(cancellationFee(fees, 800n, new Date('2026-12-01T00:00:00Z'))).toBe(800n);
  });

  test('is all of it where the provider says nothing of its terms, and nothing where it said the money comes back', () => {
    expect(refundOnCancelling({ fees: null, refundable: null }, 1_000n, now)).toBe(0n);
    expect(refundOnCancelling({ fees: null, refundable: false }, 1_000n, now)).toBe(0n);
    expect(refundOnCancelling({ fees: null, refundable: true }, 1_000n, now)).toBe(1_000n);
  });
});

test('by hand nothing that is over becomes anything again', () => {
  for (const to of STATUSES) {
    expect(mayBeSet('CANCELLED', to)).toBe(false);
    expect(mayBeSet('FAILED', to)).toBe(false);
    expect(mayBeSet(to, 'PENDING')).toBe(false);
  }
});

test("an attempt's name is its own, of 27 letters and digits, and the same whoever computes it", () => {
  fc.assert(
    fc.property(
      fc.uuid(),
      fc.uuid(),
      fc.integer({ min: 1, max: 26 }),
      fc.integer({ min: 1, max: 26 }),
      (a, b, m, n) => {
        expect(attemptReference(a, m)).toMatch(/^P[0-9A-Z]{25}[A-Z]$/);
        expect(attemptReference(a, m) === attemptReference(b, n)).toBe(a === b && m === n);
      },
    ),
  );
  expect(() => attemptReference('00000000-0000-4000-8000-000000000000', 27)).toThrow(RangeError);
});
