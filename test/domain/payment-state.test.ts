import { describe, expect, test } from 'vitest';
import { canMovePayment, isSettled, orderPaymentStatus, PAYMENT_STATUSES } from '../../src/domain/payment-state.ts';
import type { PaymentStatus } from '../../src/domain/payment-state.ts';

// Written out a second time on purpose: a change of the table has to be made twice.
const ALLOWED = new Set([
  'UNPAID>PENDING',
  'UNPAID>PAID',
  'UNPAID>FAILED',
  'UNPAID>EXPIRED',
  'UNPAID>CANCELLED',
  'UNPAID>UNDER_REVIEW',
  'PENDING>PAID',
  'PENDING>FAILED',
  'PENDING>EXPIRED',
  'PENDING>CANCELLED',
  'PENDING>UNDER_REVIEW',
  'FAILED>PAID',
  'FAILED>UNDER_REVIEW',
  'EXPIRED>PAID',
  'EXPIRED>UNDER_REVIEW',
  'CANCELLED>PAID',
  'CANCELLED>UNDER_REVIEW',
  'PAID>PARTIALLY_REFUNDED',
  'PAID>REFUNDED',
  'PARTIALLY_REFUNDED>PARTIALLY_REFUNDED',
  'PARTIALLY_REFUNDED>REFUNDED',
  'UNDER_REVIEW>PAID',
  'UNDER_REVIEW>REFUNDED',
]);

describe('states of a payment', () => {
  const pairs = PAYMENT_STATUSES.flatMap((from) => PAYMENT_STATUSES.map((to) => [from, to] as const));

  test.each(pairs)('%s to %s is decided', (from, to) => {
    expect(canMovePayment(from, to)).toBe(ALLOWED.has(`${from}>${to}`));
  });

  test('no way leads back to a state that was left', () => {
    const reachable = (from: PaymentStatus, seen = new Set<PaymentStatus>()): Set<PaymentStatus> => {
      for (const to of PAYMENT_STATUSES.filter(
        (each) => each !== from && canMovePayment(from, each) && !seen.has(each),
      )) {
        reachable(to, seen.add(to));
      }
      return seen;
    };
    for (const status of PAYMENT_STATUSES) expect(reachable(status)).not.toContain(status);
  });

  test('settled is what had money booked', () => {
    expect(PAYMENT_STATUSES.filter(isSettled)).toEqual(['PAID', 'PARTIALLY_REFUNDED', 'REFUNDED']);
  });
});

describe("an order's payment status", () => {
  const of = (...statuses: PaymentStatus[]): PaymentStatus =>
    orderPaymentStatus(statuses.map((status) => ({ status })));

  test('is UNPAID without payments', () => {
    expect(of()).toBe('UNPAID');
  });

  test.each(PAYMENT_STATUSES)('is %s with one such payment', (status) => {
    expect(of(status)).toBe(status);
  });

  test('stays PAID whatever else is tried, held or given back', () => {
    for (const status of PAYMENT_STATUSES) {
      expect(of(status, 'PAID')).toBe('PAID');
      expect(of('PAID', status)).toBe('PAID');
    }
  });

  test('is the newest of attempts that came to nothing, and PENDING while one is open', () => {
    expect(of('FAILED', 'EXPIRED')).toBe('EXPIRED');
    expect(of('EXPIRED', 'FAILED')).toBe('FAILED');
    expect(of('PENDING', 'FAILED')).toBe('PENDING');
    expect(of('REFUNDED', 'PENDING')).toBe('PENDING');
    expect(of('REFUNDED', 'FAILED')).toBe('REFUNDED');
    expect(of('PENDING', 'UNDER_REVIEW')).toBe('UNDER_REVIEW');
    expect(of('PARTIALLY_REFUNDED', 'UNDER_REVIEW')).toBe('PARTIALLY_REFUNDED');
  });
});
