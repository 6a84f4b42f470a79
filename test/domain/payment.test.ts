import { describe, expect, test } from 'vitest';
import type { OrderStatus } from '../../src/domain/order.ts';
import type { DecidedOrder, DecidedPayment, GatewayFact, PaymentClaim } from '../../src/domain/payment-decision.ts';
import { PAYMENT_STATUSES } from '../../src/domain/payment-state.ts';
import type { PaymentStatus } from '../../src/domain/payment-state.ts';
import { decidePayment } from '../../src/domain/payment.ts';
import type { PaymentDecision } from '../../src/domain/payment.ts';

const PENDING_PAYMENT: DecidedPayment = {
  status: 'PENDING',
  amountMinor: 15_000n,
  currencyCode: 'EGP',
  capturedMinor: 0n,
  reviewReason: null,
};
const ISSUED_ORDER: DecidedOrder = { status: 'ISSUED', totalMinor: 15_000n, paidMinor: 0n, currencyCode: 'EGP' };
const PAID: GatewayFact = { status: 'PAID', amountMinor: 15_000n, currencyCode: 'EGP' };
const NOT_PAID: GatewayFact = { status: 'PENDING', amountMinor: null, currencyCode: null };
const CLOSED: readonly PaymentStatus[] = ['PAID', 'PARTIALLY_REFUNDED', 'REFUNDED', 'UNDER_REVIEW'];
const CLAIM_KINDS = ['PAID', 'PENDING', 'FAILED', 'EXPIRED', 'CANCELLED', 'REFUNDED', 'OTHER'] as const;

interface Case {
  readonly payment?: Partial<DecidedPayment>;
  readonly order?: Partial<DecidedOrder>;
  readonly fact?: GatewayFact | null;
  readonly claim?: PaymentClaim | PaymentClaim['kind'] | null;
  readonly amountRule?: 'EQUAL' | 'AT_LEAST';
}

function decide({ payment, order, fact = PAID, claim = null, amountRule = 'EQUAL' }: Case): PaymentDecision {
  return decidePayment({
    payment: { ...PENDING_PAYMENT, ...payment },
    order: { ...ISSUED_ORDER, ...order },
    fact,
    claim: typeof claim === 'string' ? { kind: claim } : claim,
    amountRule,
  });
}

function movesNothing(decision: PaymentDecision): boolean {
  const { settleMinor, commissionMinor, holdMinor, creditMinor, waivedMinor, refundMinor, effects } = decision;
  const moved = settleMinor + commissionMinor + holdMinor + creditMinor + waivedMinor + refundMinor;
  return moved === 0n && !Object.values(effects).includes(true);
}

describe('a payment the gateway confirms', () => {
  test.each(['UNPAID', 'PENDING', 'FAILED', 'EXPIRED', 'CANCELLED'] as const)(
    'settles an issued order once, from %s',
    (status) => {
      const decision = decide({ payment: { status }, claim: 'PAID' });
      expect(decision).toMatchObject({
        verdict: 'ACCEPTED',
        paymentStatus: 'PAID',
        orderStatus: 'PAID',
        reviewReason: null,
        settleMinor: 15_000n,
        commissionMinor: 0n,
        capturedMinor: 15_000n,
        effects: { issueInvoice: true, postSettlement: true, postReviewHold: false, postReviewAccept: false },
      });
    },
  );

  test.each([null, ...CLAIM_KINDS])('settles whatever the delivery claims: %s', (claim) => {
    expect(decide({ claim })).toMatchObject({ verdict: 'ACCEPTED', paymentStatus: 'PAID', settleMinor: 15_000n });
  });

  test.each(CLOSED)('is already processed from %s', (status) => {
    const decision = decide({
      payment: { status, capturedMinor: 15_000n },
      order: { status: 'PAID', paidMinor: 15_000n },
      claim: 'PAID',
    });
    expect(decision).toMatchObject({ verdict: 'ALREADY_PROCESSED', paymentStatus: status, orderStatus: 'PAID' });
    expect(movesNothing(decision)).toBe(true);
  });

  test('without an amount or a currency is not confirmed', () => {
    for (const fact of [
      { ...PAID, amountMinor: null },
      { ...PAID, currencyCode: null },
    ]) {
      const decision = decide({ fact, claim: 'PAID' });
      expect(decision).toMatchObject({ verdict: 'UNCONFIRMED', paymentStatus: 'PENDING' });
      expect(movesNothing(decision)).toBe(true);
      expect(decide({ fact, payment: { status: 'PAID' } }).verdict).toBe('ALREADY_PROCESSED');
    }
  });

  test.each([14_999n, 15_001n, 1n, 150n, 1_500_000n])('with another amount (%i) is held, no revenue', (amountMinor) => {
    const decision = decide({ fact: { ...PAID, amountMinor }, claim: 'PAID' });
    expect(decision).toMatchObject({
      verdict: 'MISMATCH',
      paymentStatus: 'UNDER_REVIEW',
      orderStatus: 'ISSUED',
      reviewReason: 'AMOUNT',
      settleMinor: 0n,
      holdMinor: amountMinor,
      holdCurrencyCode: 'EGP',
      capturedMinor: amountMinor,
      effects: { issueInvoice: false, postSettlement: false, postReviewHold: true },
    });
  });

  test.each([0n, -15_000n])('of nothing (%i) is held without a movement of money', (amountMinor) => {
    const decision = decide({ fact: { ...PAID, amountMinor }, claim: 'PAID' });
    expect(decision).toMatchObject({ verdict: 'MISMATCH', paymentStatus: 'UNDER_REVIEW', capturedMinor: 0n });
    expect(movesNothing(decision)).toBe(true);
  });

  test('in another currency is held in that currency, no revenue', () => {
    expect(decide({ fact: { ...PAID, currencyCode: 'USD' } })).toMatchObject({
      verdict: 'MISMATCH',
      paymentStatus: 'UNDER_REVIEW',
      reviewReason: 'CURRENCY',
      settleMinor: 0n,
      holdCurrencyCode: 'USD',
    });
  });

  test('that would overpay an order meanwhile paid in part is held', () => {
    expect(decide({ order: { paidMinor: 5_000n } })).toMatchObject({
      paymentStatus: 'UNDER_REVIEW',
      reviewReason: 'AMOUNT',
    });
  });

  test.each([
    ['PAID', 'SECOND_SUCCESS'],
    ['PARTIALLY_REFUNDED', 'SECOND_SUCCESS'],
    ['REFUNDED', 'SECOND_SUCCESS'],
    ['EXPIRED', 'LATE_AFTER_EXPIRY'],
    ['CANCELLED', 'ORDER_CANCELLED'],
    ['DRAFT', 'ORDER_NOT_ISSUED'],
  ] satisfies [OrderStatus, string][])('for an order that is %s is held as %s', (status, reviewReason) => {
    const paidMinor = reviewReason === 'SECOND_SUCCESS' ? 15_000n : 0n;
    const decision = decide({ order: { status, paidMinor }, claim: 'PAID' });
    expect(decision).toMatchObject({
      verdict: 'ACCEPTED',
      paymentStatus: 'UNDER_REVIEW',
      orderStatus: status,
      reviewReason,
      settleMinor: 0n,
      holdMinor: 15_000n,
    });
    expect(decision.effects).toMatchObject({ issueInvoice: false, postSettlement: false, postReviewHold: true });
  });

  test('for an issued order with nothing due is a second success', () => {
    expect(decide({ order: { paidMinor: 15_000n } }).reviewReason).toBe('SECOND_SUCCESS');
  });
});

describe('commission carried by the customer', () => {
  const fact = { ...PAID, amountMinor: 15_400n };

  test('settles the price and reports the excess, by the tenant setting only', () => {
    expect(decide({ fact, amountRule: 'AT_LEAST' })).toMatchObject({
      verdict: 'ACCEPTED',
      paymentStatus: 'PAID',
      settleMinor: 15_000n,
      commissionMinor: 400n,
      capturedMinor: 15_400n,
    });
    expect(decide({ fact }).reviewReason).toBe('AMOUNT');
  });

  test('never lets an underpayment pass', () => {
    expect(decide({ fact: { ...PAID, amountMinor: 14_999n }, amountRule: 'AT_LEAST' }).reviewReason).toBe('AMOUNT');
  });

  test('does not mark a delivery that names the price alone', () => {
    expect(decide({ fact, claim: { kind: 'PAID', amountMinor: 15_000n }, amountRule: 'AT_LEAST' }).verdict).toBe(
      'ACCEPTED',
    );
  });
});

describe('a delivery the gateway does not confirm', () => {
  test.each(PAYMENT_STATUSES)('says paid and moves nothing from %s: a forged body with a valid signature', (status) => {
    for (const factStatus of ['PENDING', 'FAILED', 'EXPIRED'] as const) {
      const decision = decide({ payment: { status }, fact: { ...NOT_PAID, status: factStatus }, claim: 'PAID' });
      expect(decision).toMatchObject({ verdict: 'MISMATCH', paymentStatus: status, orderStatus: 'ISSUED' });
      expect(movesNothing(decision)).toBe(true);
    }
  });

  test.each(CLAIM_KINDS)('says %s while the gateway is silent, and moves nothing', (claim) => {
    for (const status of PAYMENT_STATUSES) {
      const decision = decide({ payment: { status }, fact: null, claim });
      expect(decision.verdict).toBe(CLOSED.includes(status) ? 'ALREADY_PROCESSED' : 'UNCONFIRMED');
      expect(decision.paymentStatus).toBe(status);
      expect(movesNothing(decision)).toBe(true);
    }
  });

  test('names another amount or currency than the gateway: the gateway counts, the delivery is marked', () => {
    for (const claim of [
      { kind: 'PAID', amountMinor: 1n },
      { kind: 'PAID', currencyCode: 'USD' },
    ] as const) {
      expect(decide({ claim })).toMatchObject({ verdict: 'MISMATCH', paymentStatus: 'PAID', settleMinor: 15_000n });
      const again = decide({
        claim,
        payment: { status: 'PAID', capturedMinor: 15_000n },
        order: { status: 'PAID', paidMinor: 15_000n },
      });
      expect(again.verdict).toBe('MISMATCH');
      expect(movesNothing(again)).toBe(true);
    }
  });

  test('comes after a settlement with another amount of the gateway itself: marked, nothing moved', () => {
    const decision = decide({
      payment: { status: 'PAID', capturedMinor: 15_000n },
      fact: { ...PAID, amountMinor: 30_000n },
    });
    expect(decision).toMatchObject({ verdict: 'MISMATCH', paymentStatus: 'PAID', capturedMinor: 15_000n });
    expect(movesNothing(decision)).toBe(true);
  });
});

describe('a payment the gateway says is not paid', () => {
  test.each([
    ['FAILED', 'PENDING', 'FAILED'],
    ['CANCELLED', 'PENDING', 'FAILED'],
    ['EXPIRED', 'PENDING', 'EXPIRED'],
    ['FAILED', 'EXPIRED', 'EXPIRED'],
    ['EXPIRED', 'FAILED', 'FAILED'],
    [null, 'FAILED', 'FAILED'],
    [null, 'EXPIRED', 'EXPIRED'],
    ['PENDING', 'EXPIRED', 'EXPIRED'],
  ] as const)('claimed %s, confirmed %s: becomes %s and the order stays payable', (claim, status, expected) => {
    for (const from of ['UNPAID', 'PENDING'] as const) {
      const decision = decide({ payment: { status: from }, fact: { ...NOT_PAID, status }, claim });
      expect(decision).toMatchObject({ verdict: 'ACCEPTED', paymentStatus: expected, orderStatus: 'ISSUED' });
      expect(movesNothing(decision)).toBe(true);
    }
  });

  test.each(['FAILED', 'EXPIRED', 'CANCELLED', ...CLOSED] as const)('never moves %s', (status) => {
    for (const factStatus of ['PENDING', 'FAILED', 'EXPIRED'] as const) {
      for (const claim of [null, 'PENDING', 'FAILED', 'EXPIRED', 'CANCELLED', 'OTHER'] as const) {
        const decision = decide({ payment: { status }, fact: { ...NOT_PAID, status: factStatus }, claim });
        expect(decision).toMatchObject({ verdict: 'ALREADY_PROCESSED', paymentStatus: status });
        expect(movesNothing(decision)).toBe(true);
      }
    }
  });

  test('is pending once the gateway knows it, and nothing new after that', () => {
    expect(decide({ payment: { status: 'UNPAID' }, fact: NOT_PAID })).toMatchObject({
      verdict: 'ACCEPTED',
      paymentStatus: 'PENDING',
    });
    expect(decide({ fact: NOT_PAID, claim: 'PENDING' })).toMatchObject({
      verdict: 'ALREADY_PROCESSED',
      paymentStatus: 'PENDING',
    });
  });

  test('is not refunded by a delivery alone', () => {
    const decision = decide({
      fact: NOT_PAID,
      claim: 'REFUNDED',
      payment: { status: 'PAID' },
      order: { status: 'PAID' },
    });
    expect(decision).toMatchObject({ verdict: 'UNCONFIRMED', paymentStatus: 'PAID' });
  });
});
