/**
 * The one reducer of payments, used by webhook, poll and operator alike (COM-5, COM-7, COM-9;
 * ../spec/payment-gateways.md sections 0.1, 1.8, 1.10). A delivery only claims; what the gateway answers when asked
 * back is the fact, and only a fact moves money. The decision is data: whoever calls writes it under the order's lock.
 */
import { amountDueMinor } from './order.ts';
import { NO_EFFECTS, unmoved } from './payment-decision.ts';
import type { GatewayFact, PaymentClaim, PaymentDecision, PaymentInput, ReviewReason } from './payment-decision.ts';
import { decideReview } from './payment-review.ts';
import { canMovePayment, isSettled } from './payment-state.ts';
import type { PaymentStatus } from './payment-state.ts';

export type { AmountRule, GatewayFact, PaymentClaim, PaymentDecision, ReviewFact } from './payment-decision.ts';

/**
 * Decides what a claim, a fact of the gateway or an operator's decision does to a payment and its order.
 * @throws AppError for an operator's decision that can't be carried out (see decideReview); never for a claim or the
 * gateway's fact.
 */
export function decidePayment(input: PaymentInput): PaymentDecision {
  const { fact } = input;
  if (fact === null) return decideSilence(input);
  if ('decision' in fact) return decideReview(input, fact.decision);
  return fact.status === 'PAID' ? decidePaid(input, fact) : decideNotPaid(input, fact);
}

function decideSilence(input: PaymentInput): PaymentDecision {
  if (isSettled(input.payment.status) || input.payment.status === 'UNDER_REVIEW') {
    return unmoved(input, 'ALREADY_PROCESSED', 'The gateway did not answer, and the money is accounted for already.');
  }
  return unmoved(input, 'UNCONFIRMED', 'The gateway did not answer; it will be asked again.');
}

function decideNotPaid(input: PaymentInput, fact: GatewayFact): PaymentDecision {
  const { payment, claim } = input;
  if (claim?.kind === 'PAID') {
    return unmoved(input, 'MISMATCH', `The delivery says paid, the gateway says ${fact.status}; nothing was moved.`);
  }
  const target = fact.status === 'PENDING' ? statusClaimed(claim) : fact.status;
  if (target !== payment.status && canMovePayment(payment.status, target)) {
    return {
      ...unmoved(input, 'ACCEPTED', `The gateway confirms that nothing was paid: ${target}.`),
      paymentStatus: target,
    };
  }
  if (claim?.kind === 'REFUNDED') {
    return unmoved(
      input,
      'UNCONFIRMED',
      'A refund is booked against its own request, not by the state of the payment.',
    );
  }
  return unmoved(input, 'ALREADY_PROCESSED', `Nothing new: the payment is ${payment.status}.`);
}

/** Where an unpaid payment goes by a claim the gateway does not contradict (spec 1.8: cancelled there is FAILED). */
function statusClaimed(claim: PaymentClaim | null): PaymentStatus {
  switch (claim?.kind) {
    case 'FAILED':
    case 'CANCELLED':
      return 'FAILED';
    case 'EXPIRED':
      return 'EXPIRED';
    default:
      return 'PENDING';
  }
}

function decidePaid(input: PaymentInput, fact: GatewayFact): PaymentDecision {
  const { payment, order } = input;
  if (fact.amountMinor === null || fact.currencyCode === null) return decideSilentAmount(input);
  const confirmed = { amountMinor: fact.amountMinor, currencyCode: fact.currencyCode };
  const contradiction = contradictionOf(input, confirmed);
  if (isSettled(payment.status) || payment.status === 'UNDER_REVIEW')
    return decideAgain(input, confirmed, contradiction);
  const excessMinor = confirmed.amountMinor - payment.amountMinor;
  const inCurrency = confirmed.currencyCode === payment.currencyCode && confirmed.currencyCode === order.currencyCode;
  const inAmount = excessMinor === 0n || (input.amountRule === 'AT_LEAST' && excessMinor > 0n);
  const reason = reasonForReview(input, inCurrency, inAmount);
  if (reason !== null) return holdForReview(input, confirmed, reason, inCurrency && inAmount);
  const settled = `The gateway confirms the payment${contradiction === null ? '.' : `, although ${contradiction}.`}`;
  return {
    // The fact alone settles. A delivery that named another amount is still marked, so that a forged one is seen.
    ...unmoved(input, contradiction === null ? 'ACCEPTED' : 'MISMATCH', settled),
    paymentStatus: 'PAID',
    orderStatus: 'PAID',
    settleMinor: payment.amountMinor,
    walletMinor: payment.walletMinor ?? 0n,
    commissionMinor: excessMinor,
    feeMinor: feeOf(fact, confirmed.amountMinor),
    capturedMinor: confirmed.amountMinor,
    effects: { ...NO_EFFECTS, issueInvoice: true, postSettlement: true },
  };
}

interface Confirmed {
  readonly amountMinor: bigint;
  readonly currencyCode: string;
}

function decideSilentAmount(input: PaymentInput): PaymentDecision {
  const { status } = input.payment;
  if (isSettled(status) || status === 'UNDER_REVIEW') {
    return unmoved(input, 'ALREADY_PROCESSED', `Nothing new: the payment is ${status}.`);
  }
  return unmoved(input, 'UNCONFIRMED', 'The gateway says paid but neither how much nor in which currency is certain.');
}

/** Paid was known already. Money moves once; a different word about it now is only written down. */
function decideAgain(input: PaymentInput, confirmed: Confirmed, contradiction: string | null): PaymentDecision {
  const { payment } = input;
  const sameAsBefore = payment.capturedMinor === 0n || payment.capturedMinor === confirmed.amountMinor;
  if (contradiction !== null) return unmoved(input, 'MISMATCH', `Known already; ${contradiction}; nothing was moved.`);
  if (!sameAsBefore) {
    return unmoved(input, 'MISMATCH', 'The gateway now confirms another amount than before; nothing was moved.');
  }
  return unmoved(input, 'ALREADY_PROCESSED', `Nothing new: the payment is ${payment.status}.`);
}

/** How a delivery that says paid differs from what the gateway itself says about amount and currency. */
function contradictionOf(input: PaymentInput, confirmed: Confirmed): string | null {
  const { claim, payment } = input;
  if (claim?.kind !== 'PAID') return null;
  const claimedMinor = claim.amountMinor ?? confirmed.amountMinor;
  const claimedCurrency = claim.currencyCode ?? confirmed.currencyCode;
  if (claimedCurrency !== confirmed.currencyCode) return 'the delivery names another currency';
  // With commission on the customer the delivery may name the price and the gateway the sum, or the other way round.
  if (input.amountRule === 'AT_LEAST' && claimedMinor >= payment.amountMinor) return null;
  return claimedMinor === confirmed.amountMinor ? null : 'the delivery names another amount';
}

/** The first reason that keeps confirmed money from settling the order, weightiest first; null if it settles. */
function reasonForReview(input: PaymentInput, inCurrency: boolean, inAmount: boolean): ReviewReason | null {
  const { order, payment } = input;
  if (!inCurrency) return 'CURRENCY';
  switch (order.status) {
    case 'PAID':
    case 'PARTIALLY_REFUNDED':
    case 'REFUNDED':
      return 'SECOND_SUCCESS';
    case 'EXPIRED':
      return 'LATE_AFTER_EXPIRY';
    case 'CANCELLED':
      return 'ORDER_CANCELLED';
    case 'DRAFT':
      return 'ORDER_NOT_ISSUED';
    case 'ISSUED':
      break;
  }
  const dueMinor = amountDueMinor(order);
  if (dueMinor === 0n) return 'SECOND_SUCCESS';
  // Part of the order may have been paid another way since this payment was started: then it is too much.
  return inAmount && payment.amountMinor + (payment.walletMinor ?? 0n) === dueMinor ? null : 'AMOUNT';
}

/** A fee that can't be one (negative, or all there is and more) is not booked: the statement of the gateway will tell. */
function feeOf(fact: GatewayFact, amountMinor: bigint): bigint {
  const feeMinor = fact.feeMinor ?? 0n;
  return feeMinor > 0n && feeMinor < amountMinor ? feeMinor : 0n;
}

function holdForReview(
  input: PaymentInput,
  confirmed: Confirmed,
  reason: ReviewReason,
  asAsked: boolean,
): PaymentDecision {
  const holdMinor = confirmed.amountMinor > 0n ? confirmed.amountMinor : 0n;
  return {
    ...unmoved(
      input,
      asAsked && reason !== 'AMOUNT' ? 'ACCEPTED' : 'MISMATCH',
      `Paid, but held for an operator: ${reason}.`,
    ),
    paymentStatus: 'UNDER_REVIEW',
    reviewReason: reason,
    holdMinor,
    holdCurrencyCode: holdMinor > 0n ? confirmed.currencyCode : null,
    capturedMinor: holdMinor,
    effects: { ...NO_EFFECTS, postReviewHold: holdMinor > 0n },
  };
}
