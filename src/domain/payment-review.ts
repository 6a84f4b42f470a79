/** What an operator's decision does to a payment under review (COM-5, decisions.md "Money"), and how a refund ends. */
import { AppError } from '../errors.ts';
import type { OrderStatus } from './order.ts';
import { NO_EFFECTS, unmoved } from './payment-decision.ts';
import type { PaymentDecision, PaymentInput } from './payment-decision.ts';
import type { PaymentStatus } from './payment-state.ts';

/**
 * ACCEPT makes the payment PAID. An order that still wants money (issued, or expired and now honoured) becomes PAID by
 * it: what was paid too little is waived, too much is the customer's credit. For any other order all of it is credit,
 * never revenue. REFUND asks the gateway to give it back; the payment stays under review until that is confirmed.
 * The same decision again is ALREADY_PROCESSED.
 * @throws AppError INVALID_STATE if the payment is not under review or was decided otherwise; CURRENCY_MISMATCH and
 * AMOUNT_MISMATCH if what is held can't be accepted, because it is other money or none.
 */
export function decideReview(input: PaymentInput, decision: 'ACCEPT' | 'REFUND'): PaymentDecision {
  const { payment } = input;
  const accepted = payment.status === 'PAID' && decision === 'ACCEPT';
  const refunding = payment.status === 'UNDER_REVIEW' && payment.refundRequested === true;
  if (accepted || (refunding && decision === 'REFUND') || (payment.status === 'REFUNDED' && decision === 'REFUND')) {
    return unmoved(input, 'ALREADY_PROCESSED', 'This was decided before.');
  }
  if (refunding) throw new AppError('INVALID_STATE', 'The refund of this payment was requested already.');
  if (payment.status !== 'UNDER_REVIEW') throw new AppError('INVALID_STATE', 'This payment is not under review.');
  return decision === 'ACCEPT' ? acceptHeld(input) : refundHeld(input);
}

function refundHeld(input: PaymentInput): PaymentDecision {
  const { capturedMinor } = input.payment;
  const requested = unmoved(input, 'ACCEPTED', 'An operator gives the money back.');
  // Nothing was held, so there is nothing to ask the gateway for and nothing to wait for.
  if (capturedMinor === 0n) return { ...requested, paymentStatus: 'REFUNDED', reviewReason: null };
  return { ...requested, refundMinor: capturedMinor };
}

function acceptHeld(input: PaymentInput): PaymentDecision {
  const { payment, order } = input;
  if (payment.reviewReason === 'CURRENCY') {
    throw new AppError('CURRENCY_MISMATCH', 'This payment came in another currency; it can only be refunded.');
  }
  if (payment.capturedMinor === 0n) {
    throw new AppError('AMOUNT_MISMATCH', 'No money came with this payment; it can only be closed by a refund.');
  }
  const excessMinor = payment.capturedMinor > payment.amountMinor ? payment.capturedMinor - payment.amountMinor : 0n;
  const commissionMinor = input.amountRule === 'AT_LEAST' ? excessMinor : 0n;
  const moneyMinor = payment.capturedMinor - commissionMinor;
  const wantedMinor = acceptableMinor(order.status, order.totalMinor - order.paidMinor);
  const settleMinor = moneyMinor < wantedMinor ? moneyMinor : wantedMinor;
  const settles = wantedMinor > 0n;
  // The wallet's share comes with the payment it belongs to, whole, where it can and there is room for it.
  const shareMinor = payment.walletMinor ?? 0n;
  const walletMinor = settles && shareMinor <= wantedMinor - settleMinor ? shareMinor : 0n;
  return {
    ...unmoved(
      input,
      'ACCEPTED',
      settles ? 'An operator accepts it for the order.' : "An operator keeps it as the customer's credit.",
    ),
    paymentStatus: 'PAID',
    orderStatus: settles ? 'PAID' : order.status,
    reviewReason: null,
    settleMinor,
    walletMinor,
    commissionMinor,
    creditMinor: moneyMinor - settleMinor,
    waivedMinor: wantedMinor - settleMinor - walletMinor,
    effects: { ...NO_EFFECTS, issueInvoice: settles, postReviewAccept: true },
  };
}

/** What an order still takes by an operator's decision. A cancelled order takes nothing: somebody wanted it gone. */
function acceptableMinor(status: OrderStatus, unpaidMinor: bigint): bigint {
  return (status === 'ISSUED' || status === 'EXPIRED') && unpaidMinor > 0n ? unpaidMinor : 0n;
}

export interface RefundDecision {
  readonly paymentStatus: PaymentStatus;
  readonly orderStatus: OrderStatus;
  /** The payment's refunded total afterwards. */
  readonly paymentRefundedMinor: bigint;
  /** The order's refunded total afterwards: grows by what had counted towards the order. */
  readonly orderRefundedMinor: bigint;
  /** Of the refund: what had counted towards the order, what was the customer's credit, and what had been paid on top for the gateway. */
  readonly ofOrderMinor: bigint;
  readonly creditMinor: bigint;
  readonly commissionMinor: bigint;
  /** True when the money was held under review: it never was revenue, so no revenue is taken back. */
  readonly wasHeld: boolean;
}

/**
 * What a refund that the gateway has carried out does (spec 1.8, 1.9). Credit of an order that was paid by another
 * payment goes back without touching the order.
 * @param input.payment.settledMinor what of the payment counted towards the order @param input.payment.creditMinor what was too much
 * @throws AppError REFUND_EXCEEDS_PAID if more would go back than is left; INVALID_STATE if nothing was captured, or a
 * payment under review would go back in part only.
 */
export function decideRefund(input: {
  readonly payment: {
    readonly status: PaymentStatus;
    readonly capturedMinor: bigint;
    readonly refundedMinor: bigint;
    readonly settledMinor: bigint;
    readonly creditMinor: bigint;
  };
  readonly order: { readonly status: OrderStatus; readonly paidMinor: bigint; readonly refundedMinor: bigint };
  readonly refundMinor: bigint;
}): RefundDecision {
  const { payment, order, refundMinor } = input;
  const wasHeld = payment.status === 'UNDER_REVIEW';
  if (!wasHeld && payment.status !== 'PAID' && payment.status !== 'PARTIALLY_REFUNDED') {
    throw new AppError('INVALID_STATE', 'Nothing of this payment can be refunded.');
  }
  const leftMinor = payment.capturedMinor - payment.refundedMinor;
  if (refundMinor <= 0n || refundMinor > leftMinor) {
    throw new AppError('REFUND_EXCEEDS_PAID', 'A refund is at most what is left of the payment.');
  }
  if (wasHeld && refundMinor !== leftMinor) {
    throw new AppError('INVALID_STATE', 'A payment under review is refunded as a whole or not at all.');
  }
  const paymentRefundedMinor = payment.refundedMinor + refundMinor;
  const goneUpTo = (limitMinor: bigint): bigint =>
    smaller(paymentRefundedMinor, limitMinor) - smaller(payment.refundedMinor, limitMinor);
  // What the order never counted is the last to go back: first the credit, then the commission.
  const ofOrderMinor = wasHeld ? 0n : goneUpTo(payment.settledMinor);
  const creditMinor = wasHeld ? 0n : goneUpTo(payment.settledMinor + payment.creditMinor) - ofOrderMinor;
  const orderRefundedMinor = order.refundedMinor + ofOrderMinor;
  return {
    paymentStatus: refundMinor === leftMinor ? 'REFUNDED' : 'PARTIALLY_REFUNDED',
    orderStatus:
      ofOrderMinor === 0n ? order.status : orderRefundedMinor === order.paidMinor ? 'REFUNDED' : 'PARTIALLY_REFUNDED',
    paymentRefundedMinor,
    orderRefundedMinor,
    ofOrderMinor,
    creditMinor,
    commissionMinor: wasHeld ? 0n : refundMinor - ofOrderMinor - creditMinor,
    wasHeld,
  };
}

function smaller(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
