/**
 * Money that a gateway took twice for one payment (COM-5): its form can be posted again, and each time makes a transaction of its own
 * there. The first is the payment's; every other one is a payment by itself that is only ever held.
 */
import { NO_EFFECTS, unmoved } from './payment-decision.ts';
import type { DecidedOrder, DecidedPayment, PaymentDecision, PaymentInput } from './payment-decision.ts';

/** A transaction the gateway confirmed as paid. */
export interface ConfirmedMoney {
  /** Above zero. */
  readonly amountMinor: bigint;
  readonly currencyCode: string;
}

/** Holds it under review as a whole: never revenue, whatever the order still wants. An operator accepts it or gives it back. */
export function decideSurplus(
  of: { readonly payment: DecidedPayment; readonly order: DecidedOrder },
  { amountMinor, currencyCode }: ConfirmedMoney,
): PaymentDecision {
  const input: PaymentInput = { ...of, fact: null, claim: null };
  const inCurrency = currencyCode === of.payment.currencyCode;
  const asAsked = inCurrency && amountMinor === of.payment.amountMinor;
  return {
    ...unmoved(
      input,
      asAsked ? 'ACCEPTED' : 'MISMATCH',
      'A second success of a payment that is paid already: held for an operator as a payment of its own.',
    ),
    paymentStatus: 'UNDER_REVIEW',
    // Other money can only be given back.
    reviewReason: inCurrency ? 'SECOND_SUCCESS' : 'CURRENCY',
    holdMinor: amountMinor,
    holdCurrencyCode: currencyCode,
    capturedMinor: amountMinor,
    effects: { ...NO_EFFECTS, postReviewHold: true },
  };
}
