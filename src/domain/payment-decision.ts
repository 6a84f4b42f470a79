/** What the reducer of payments (payment.ts) is asked and what it answers: plain data, no behaviour. */
import type { OrderStatus } from './order.ts';
import type { PaymentStatus } from './payment-state.ts';

/**
 * How the confirmed amount must compare to the one asked for. AT_LEAST is for vendors whose customers carry the
 * commission: what is paid on top is commission (spec 1.10 item 5). The tenant's setting; EQUAL unless told.
 */
export type AmountRule = 'EQUAL' | 'AT_LEAST';

export interface DecidedPayment {
  readonly status: PaymentStatus;
  /** What the gateway was asked to collect: all that was due on the order when the payment was started. */
  readonly amountMinor: bigint;
  readonly currencyCode: string;
  /** What the gateway confirmed so far, settled or held; in the currency that came, were it another one. */
  readonly capturedMinor: bigint;
  readonly reviewReason: string | null;
  /** An operator already decided REFUND and the gateway has not confirmed it yet. */
  readonly refundRequested?: boolean;
  /** What the customer's wallet gives to the order together with this payment (COM-5); nothing where it no longer can. */
  readonly walletMinor?: bigint;
}

export interface DecidedOrder {
  readonly status: OrderStatus;
  readonly totalMinor: bigint;
  readonly paidMinor: bigint;
  readonly currencyCode: string;
}

/** What the gateway said when asked back. An integration's GatewayPaymentState is one. */
export interface GatewayFact {
  readonly status: 'PENDING' | 'PAID' | 'FAILED' | 'EXPIRED';
  readonly amountMinor: bigint | null;
  readonly currencyCode: string | null;
  /** What the gateway keeps of it; null or absent where it does not say. */
  readonly feeMinor?: bigint | null;
}

/** What an operator decided about a payment under review. */
export interface ReviewFact {
  readonly decision: 'ACCEPT' | 'REFUND';
}

/**
 * What a delivery says, or our own clock (EXPIRED, when the gateway's time to pay is over). An integration's
 * GatewayClaim is one. Null when the gateway is simply asked, as the poll does.
 */
export interface PaymentClaim {
  readonly kind: 'PAID' | 'PENDING' | 'FAILED' | 'EXPIRED' | 'CANCELLED' | 'REFUNDED' | 'OTHER';
  readonly amountMinor?: bigint | null;
  readonly currencyCode?: string | null;
}

export interface PaymentInput {
  readonly payment: DecidedPayment;
  readonly order: DecidedOrder;
  /** Null when the gateway was silent. */
  readonly fact: GatewayFact | ReviewFact | null;
  readonly claim: PaymentClaim | null;
  readonly amountRule?: AmountRule;
}

export type PaymentVerdict = 'ACCEPTED' | 'ALREADY_PROCESSED' | 'MISMATCH' | 'UNCONFIRMED';

/** ORDER_NOT_ISSUED can't come from our own verbs; it is there so that no state of an order is without an answer. */
export type ReviewReason =
  | 'SECOND_SUCCESS'
  | 'AMOUNT'
  | 'CURRENCY'
  | 'LATE_AFTER_EXPIRY'
  | 'ORDER_CANCELLED'
  | 'ORDER_NOT_ISSUED';

/** What to write. All amounts are what moves now, in minor units; captured = settle + commission, or hold. */
export interface PaymentDecision {
  readonly verdict: PaymentVerdict;
  readonly paymentStatus: PaymentStatus;
  readonly orderStatus: OrderStatus;
  /** The reason the payment is under review from now on or still; null in every other status. */
  readonly reviewReason: string | null;
  /** Counts towards the order now: add it to the order's paid amount. */
  readonly settleMinor: bigint;
  /** Counts towards the order now from the customer's wallet: on top of settleMinor, and no part of captured. */
  readonly walletMinor: bigint;
  /** Paid on top for the gateway. */
  readonly commissionMinor: bigint;
  /** Kept by the gateway of what is settled now. */
  readonly feeMinor: bigint;
  /** Held under review now, in holdCurrencyCode. */
  readonly holdMinor: bigint;
  readonly holdCurrencyCode: string | null;
  /** Owed to the customer from now on. */
  readonly creditMinor: bigint;
  /** Waived by the operator who accepted an underpayment. */
  readonly waivedMinor: bigint;
  /** To be requested from the gateway now. */
  readonly refundMinor: bigint;
  /** The payment's captured amount afterwards, a total and not a movement. */
  readonly capturedMinor: bigint;
  readonly effects: PaymentEffects;
  /** Why, for the journal of webhooks and the log; no personal data. */
  readonly note: string;
}

/** What else happens in the transaction that writes the decision; the posting functions stand in ledger.ts. */
export interface PaymentEffects {
  readonly issueInvoice: boolean;
  readonly postSettlement: boolean;
  readonly postReviewHold: boolean;
  readonly postReviewAccept: boolean;
}

export const NO_EFFECTS: PaymentEffects = {
  issueInvoice: false,
  postSettlement: false,
  postReviewHold: false,
  postReviewAccept: false,
};

/** The decision that changes nothing: what every other decision starts from. */
export function unmoved(input: PaymentInput, verdict: PaymentVerdict, note: string): PaymentDecision {
  const { payment, order } = input;
  return {
    verdict,
    paymentStatus: payment.status,
    orderStatus: order.status,
    reviewReason: payment.status === 'UNDER_REVIEW' ? payment.reviewReason : null,
    settleMinor: 0n,
    walletMinor: 0n,
    commissionMinor: 0n,
    feeMinor: 0n,
    holdMinor: 0n,
    holdCurrencyCode: null,
    creditMinor: 0n,
    waivedMinor: 0n,
    refundMinor: 0n,
    capturedMinor: payment.capturedMinor,
    effects: NO_EFFECTS,
    note,
  };
}
