/**
 * The states of one payment and the ways between them: ../spec/payment-gateways.md section 0.1, with rows for UNPAID,
 * CANCELLED and UNDER_REVIEW (decisions.md "Money"). A payment never moves backwards.
 */
export const PAYMENT_STATUSES = [
  'UNPAID',
  'PENDING',
  'PAID',
  'FAILED',
  'EXPIRED',
  'CANCELLED',
  'PARTIALLY_REFUNDED',
  'REFUNDED',
  'UNDER_REVIEW',
] as const;
export type PaymentStatus = (typeof PAYMENT_STATUSES)[number];

/**
 * From each state, where a payment may go. UNPAID may be overtaken by the gateway: a webhook can arrive before the
 * answer of the call that started the payment. FAILED, EXPIRED and CANCELLED can still become PAID, because the
 * gateway's page outlives our decision and its word about money counts. UNDER_REVIEW is left by an operator only.
 */
export const PAYMENT_TRANSITIONS: Readonly<Record<PaymentStatus, readonly PaymentStatus[]>> = {
  UNPAID: ['PENDING', 'PAID', 'FAILED', 'EXPIRED', 'CANCELLED', 'UNDER_REVIEW'],
  PENDING: ['PAID', 'FAILED', 'EXPIRED', 'CANCELLED', 'UNDER_REVIEW'],
  FAILED: ['PAID', 'UNDER_REVIEW'],
  EXPIRED: ['PAID', 'UNDER_REVIEW'],
  CANCELLED: ['PAID', 'UNDER_REVIEW'],
  PAID: ['PARTIALLY_REFUNDED', 'REFUNDED'],
  PARTIALLY_REFUNDED: ['PARTIALLY_REFUNDED', 'REFUNDED'],
  REFUNDED: [],
  UNDER_REVIEW: ['PAID', 'REFUNDED'],
};

export function canMovePayment(from: PaymentStatus, to: PaymentStatus): boolean {
  return PAYMENT_TRANSITIONS[from].includes(to);
}

/** Money of this payment was settled once; no word of the gateway about the payment itself changes it now. */
export function isSettled(status: PaymentStatus): boolean {
  return status === 'PAID' || status === 'PARTIALLY_REFUNDED' || status === 'REFUNDED';
}

// Money that is there says more than money that may come, and that more than money that went back.
const ORDER_STATUS_PRECEDENCE: readonly PaymentStatus[] = [
  'PAID',
  'PARTIALLY_REFUNDED',
  'UNDER_REVIEW',
  'PENDING',
  'REFUNDED',
];

/**
 * What an order shows as its payment status. A second success under review does not hide that the order is paid; among
 * attempts that came to nothing the newest counts. Payments come oldest first; without any the order is UNPAID.
 */
export function orderPaymentStatus(
  payments: readonly { readonly status: PaymentStatus; readonly shareOfId?: string | null }[],
): PaymentStatus {
  const telling = ORDER_STATUS_PRECEDENCE.find((status) => payments.some((payment) => payment.status === status));
  // A wallet's share ends with its payment, and says nothing of its own.
  const attempts = payments.filter(({ shareOfId }) => shareOfId === null || shareOfId === undefined);
  return telling ?? attempts.at(-1)?.status ?? 'UNPAID';
}
