import { describe, expect, test } from 'vitest';
import fc from '../helpers/property.ts';
import { reviewAcceptPosting } from '../../src/domain/ledger.ts';
import { ORDER_STATUSES } from '../../src/domain/order.ts';
import type { DecidedOrder, DecidedPayment } from '../../src/domain/payment-decision.ts';
import { decideRefund } from '../../src/domain/payment-review.ts';
import { decidePayment } from '../../src/domain/payment.ts';
import type { PaymentDecision } from '../../src/domain/payment.ts';

const HELD: DecidedPayment = {
  status: 'UNDER_REVIEW',
  amountMinor: 114n,
  currencyCode: 'EGP',
  capturedMinor: 114n,
  reviewReason: 'LATE_AFTER_EXPIRY',
};
const ISSUED: DecidedOrder = { status: 'ISSUED', totalMinor: 114n, paidMinor: 0n, currencyCode: 'EGP' };

function review(
  decision: 'ACCEPT' | 'REFUND',
  payment: Partial<DecidedPayment> = {},
  order: Partial<DecidedOrder> = {},
  amountRule: 'EQUAL' | 'AT_LEAST' = 'EQUAL',
): PaymentDecision {
  return decidePayment({
    payment: { ...HELD, ...payment },
    order: { ...ISSUED, ...order },
    fact: { decision },
    claim: null,
    amountRule,
  });
}

describe('accepting a payment under review', () => {
  test.each(['ISSUED', 'EXPIRED'] as const)('pays an order that is %s and makes its invoice', (status) => {
    expect(review('ACCEPT', {}, { status })).toMatchObject({
      verdict: 'ACCEPTED',
      paymentStatus: 'PAID',
      orderStatus: 'PAID',
      reviewReason: null,
      settleMinor: 114n,
      creditMinor: 0n,
      effects: { issueInvoice: true, postSettlement: false, postReviewAccept: true },
    });
  });

  test.each([
    ['PAID', 114n],
    ['PARTIALLY_REFUNDED', 114n],
    ['REFUNDED', 114n],
    ['CANCELLED', 0n],
    ['DRAFT', 0n],
    ['ISSUED', 114n],
  ] as const)(
    "is the customer's credit and never revenue for an order that is %s with %i paid",
    (status, paidMinor) => {
      expect(review('ACCEPT', {}, { status, paidMinor })).toMatchObject({
        paymentStatus: 'PAID',
        orderStatus: status,
        settleMinor: 0n,
        creditMinor: 114n,
        waivedMinor: 0n,
        effects: { issueInvoice: false, postReviewAccept: true },
      });
    },
  );

  test('waives what was paid too little, credits what was paid too much', () => {
    expect(review('ACCEPT', { capturedMinor: 90n })).toMatchObject({
      orderStatus: 'PAID',
      settleMinor: 90n,
      waivedMinor: 24n,
      creditMinor: 0n,
    });
    expect(review('ACCEPT', { capturedMinor: 120n })).toMatchObject({
      orderStatus: 'PAID',
      settleMinor: 114n,
      waivedMinor: 0n,
      creditMinor: 6n,
    });
  });

  test('books the excess as commission where the customer carries it', () => {
    expect(review('ACCEPT', { capturedMinor: 120n }, { status: 'EXPIRED' }, 'AT_LEAST')).toMatchObject({
      settleMinor: 114n,
      commissionMinor: 6n,
      creditMinor: 0n,
    });
  });

  test('is refused for another currency, for nothing, and for a payment that is not under review', () => {
    expect(() => review('ACCEPT', { reviewReason: 'CURRENCY' })).toThrow(
      expect.objectContaining({ code: 'CURRENCY_MISMATCH' }),
    );
    expect(() => review('ACCEPT', { capturedMinor: 0n })).toThrow(expect.objectContaining({ code: 'AMOUNT_MISMATCH' }));
    for (const status of [
      'UNPAID',
      'PENDING',
      'FAILED',
      'EXPIRED',
      'CANCELLED',
      'PARTIALLY_REFUNDED',
      'REFUNDED',
    ] as const) {
      expect(() => review('ACCEPT', { status })).toThrow(expect.objectContaining({ code: 'INVALID_STATE' }));
    }
  });

  test('again is already processed, after a refund was requested it is refused', () => {
    expect(review('ACCEPT', { status: 'PAID' }, { status: 'PAID', paidMinor: 114n })).toMatchObject({
      verdict: 'ALREADY_PROCESSED',
      settleMinor: 0n,
    });
    expect(() => review('ACCEPT', { refundRequested: true })).toThrow(
      expect.objectContaining({ code: 'INVALID_STATE' }),
    );
  });

  test('always has a posting that balances', () => {
    const money = fc.bigInt({ min: 1n, max: 10n ** 9n });
    fc.assert(
      fc.property(
        money,
        money,
        fc.constantFrom(...ORDER_STATUSES),
        fc.constantFrom('EQUAL', 'AT_LEAST'),
        (captured, total, status, rule) => {
          const decision = review(
            'ACCEPT',
            { capturedMinor: captured, amountMinor: total },
            { status, totalMinor: total },
            rule,
          );
          const posting = reviewAcceptPosting({
            heldMinor: captured,
            settleMinor: decision.settleMinor,
            waivedMinor: decision.waivedMinor,
            taxMinor: decision.effects.issueInvoice ? total / 10n : 0n,
            commissionMinor: decision.commissionMinor,
            creditMinor: decision.creditMinor,
          });
          expect(posting.length).toBeGreaterThan(1);
          expect(decision.settleMinor <= total).toBe(true);
        },
      ),
    );
  });
});

describe('refunding a payment under review', () => {
  test('asks for all of it, once, and waits', () => {
    expect(review('REFUND')).toMatchObject({
      verdict: 'ACCEPTED',
      paymentStatus: 'UNDER_REVIEW',
      refundMinor: 114n,
      settleMinor: 0n,
    });
    expect(review('REFUND', { refundRequested: true })).toMatchObject({
      verdict: 'ALREADY_PROCESSED',
      refundMinor: 0n,
    });
    expect(review('REFUND', { status: 'REFUNDED' })).toMatchObject({ verdict: 'ALREADY_PROCESSED', refundMinor: 0n });
    expect(review('REFUND', { reviewReason: 'CURRENCY' })).toMatchObject({ refundMinor: 114n });
  });

  test('closes a payment of nothing at once', () => {
    expect(review('REFUND', { capturedMinor: 0n })).toMatchObject({
      paymentStatus: 'REFUNDED',
      reviewReason: null,
      refundMinor: 0n,
    });
  });

  test('is refused for a payment that is not under review', () => {
    expect(() => review('REFUND', { status: 'PAID' })).toThrow(expect.objectContaining({ code: 'INVALID_STATE' }));
  });
});

describe('a refund the gateway carried out', () => {
  const paid = { status: 'PAID', capturedMinor: 100n, refundedMinor: 0n, settledMinor: 100n, creditMinor: 0n } as const;
  const order = { status: 'PAID', paidMinor: 100n, refundedMinor: 0n } as const;

  test('in parts moves payment and order to partially and at last fully refunded', () => {
    const first = decideRefund({ payment: paid, order, refundMinor: 40n });
    expect(first).toEqual({
      paymentStatus: 'PARTIALLY_REFUNDED',
      orderStatus: 'PARTIALLY_REFUNDED',
      paymentRefundedMinor: 40n,
      orderRefundedMinor: 40n,
      ofOrderMinor: 40n,
      creditMinor: 0n,
      commissionMinor: 0n,
      wasHeld: false,
    });
    const last = decideRefund({
      payment: { ...paid, status: first.paymentStatus, refundedMinor: 40n },
      order: { ...order, status: first.orderStatus, refundedMinor: 40n },
      refundMinor: 60n,
    });
    expect(last).toMatchObject({ paymentStatus: 'REFUNDED', orderStatus: 'REFUNDED', orderRefundedMinor: 100n });
  });

  test('never exceeds what was paid', () => {
    for (const refundMinor of [101n, 0n, -1n]) {
      expect(() => decideRefund({ payment: paid, order, refundMinor })).toThrow(
        expect.objectContaining({ code: 'REFUND_EXCEEDS_PAID' }),
      );
    }
    expect(() => decideRefund({ payment: { ...paid, status: 'PENDING' }, order, refundMinor: 1n })).toThrow(
      expect.objectContaining({ code: 'INVALID_STATE' }),
    );
  });

  test('of held money ends the review as a whole and leaves the order alone', () => {
    const held = { ...paid, status: 'UNDER_REVIEW', settledMinor: 0n, creditMinor: 0n } as const;
    expect(decideRefund({ payment: held, order, refundMinor: 100n })).toMatchObject({
      paymentStatus: 'REFUNDED',
      orderStatus: 'PAID',
      orderRefundedMinor: 0n,
      wasHeld: true,
    });
    expect(() => decideRefund({ payment: held, order, refundMinor: 99n })).toThrow(
      expect.objectContaining({ code: 'INVALID_STATE' }),
    );
  });

  test('gives back credit last and without touching the order', () => {
    const overpaid = { ...paid, capturedMinor: 125n, creditMinor: 20n };
    expect(decideRefund({ payment: overpaid, order, refundMinor: 125n })).toMatchObject({
      paymentStatus: 'REFUNDED',
      orderStatus: 'REFUNDED',
      orderRefundedMinor: 100n,
      ofOrderMinor: 100n,
      creditMinor: 20n,
      commissionMinor: 5n,
    });
    const credit = { ...paid, settledMinor: 0n, creditMinor: 100n };
    expect(decideRefund({ payment: credit, order, refundMinor: 100n })).toMatchObject({
      paymentStatus: 'REFUNDED',
      orderStatus: 'PAID',
    });
  });
});
