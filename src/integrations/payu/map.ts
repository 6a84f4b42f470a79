import type { z } from 'zod';
import type { GatewayMethod, GatewayPaymentState, InitiateInput, PaymentForm } from '../contract.ts';
import { fromMajorUnits, toMajorUnits } from '../major-units.ts';
import { toPaymentId, toTxnid } from './reference.ts';
import { requestText, sha512 } from './signature.ts';
import type { PaymentDetail } from './wire.ts';

/** Pure conversion between PayU's shapes and ours. */

/** The gateway settles in rupees only, and names no currency anywhere. */
export const PAYU_CURRENCY = 'INR';

const METHOD = 'payu';

/** One, because the vendor has no list to ask for and its page lets the customer choose. */
export const METHODS: readonly GatewayMethod[] = [
  { id: METHOD, nameEn: 'PayU', nameAr: 'باي يو', kind: 'REDIRECT', logoUrl: null },
];

/** payment-gateways.md 3.2 */
const LENGTHS = { productinfo: 100, firstname: 60, email: 50, phone: 20 } as const;

export interface Merchant {
  readonly key: string;
  readonly salt: string;
}

/** The form a browser posts, or the sentence that says why this payment cannot be asked for at all. */
export function toForm(
  input: InitiateInput,
  { key, salt }: Merchant,
  { action, redirectOrigins }: Pick<PaymentForm, 'action' | 'redirectOrigins'>,
): { txnid: string; form: PaymentForm } | { refused: string } {
  if (input.currencyCode !== PAYU_CURRENCY) return { refused: `the gateway takes ${PAYU_CURRENCY} only` };
  if (input.methodId !== METHOD) return { refused: 'the gateway has no such payment method' };
  const txnid = toTxnid(input.paymentId);
  if (txnid === null) return { refused: 'the payment id is no UUID' };
  const amount = toMajorUnits(input.amountMinor);
  if (amount === null || input.amountMinor === 0n) return { refused: 'the amount is not above zero' };
  const { firstName, email, phone } = input.customer;
  if (email === null || !isPlainEmail(email)) {
    return { refused: `the gateway needs a plain e-mail address of at most ${LENGTHS.email} characters` };
  }
  const signed = {
    key,
    txnid,
    amount,
    productinfo: toPlain(`Order ${input.orderNumber}`, LENGTHS.productinfo),
    firstname: toPlain(firstName, LENGTHS.firstname) || 'Customer',
    email,
  };
  const { success, failure } = input.returnUrls;
  const fields = {
    ...signed,
    phone: (phone ?? '').replace(/[^\d+]/g, '').slice(0, LENGTHS.phone),
    surl: success,
    furl: failure,
    curl: failure,
    hash: sha512(requestText(signed, salt)),
  };
  return { txnid, form: { action, fields, ...(redirectOrigins && { redirectOrigins }) } };
}

/**
 * What is left of a text where anything else would break the hash on one side (payment-gateways.md 3.8 item 8):
 * letters lose their accents, every other sign becomes a blank.
 */
export function toPlain(text: string, lengthMax: number): string {
  return text
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .replace(/[^A-Za-z0-9._-]+/g, ' ')
    .trim()
    .slice(0, lengthMax)
    .trimEnd();
}

/** Signed, so neither bars nor quotes; half an address would be somebody else's. */
function isPlainEmail(email: string): boolean {
  return email.length <= LENGTHS.email && /^[\w!#$%&*+/=?^{}~.-]+@[A-Za-z0-9.-]+$/.test(email);
}

/** payment-gateways.md 3.6. What we do not know is not certain yet, so it is asked about again. */
export function statusOf(status: string, unmapped: string): 'PENDING' | 'PAID' | 'FAILED' {
  if (status.toLowerCase() === 'failure') return 'FAILED';
  return status.toLowerCase() === 'success' && unmapped.toLowerCase() === 'captured' ? 'PAID' : 'PENDING';
}

/** The vendor found a late success of a failed payment and gave the money back by itself (payment-gateways.md 3.6). */
export function isAutoRefunded(status: string, unmapped: string): boolean {
  return status.toLowerCase() === 'failure' && unmapped.toLowerCase() === 'autorefund';
}

/** A transaction as verify_payment tells it; null for one that the vendor does not know. */
export function toState(txnid: string, detail: z.infer<typeof PaymentDetail> | null): GatewayPaymentState {
  const amount = detail && fromMajorUnits(detail.transaction_amount || detail.amt);
  return {
    gatewayReference: txnid,
    status: detail ? statusOf(detail.status, detail.unmappedstatus) : 'PENDING',
    amountMinor: amount !== null && amount >= 0n ? amount : null,
    currencyCode: detail ? PAYU_CURRENCY : null,
    paidAt: detail && statusOf(detail.status, detail.unmappedstatus) === 'PAID' ? readTime(detail.addedon) : null,
    paymentId: toPaymentId(txnid),
    methodName: detail?.mode || null,
    gatewayKey: detail && /^\d{1,20}$/.test(detail.mihpayid) ? detail.mihpayid : null,
    // What the vendor keeps shows in its settlements only; additional charges are the customer's.
    feeMinor: null,
  };
}

/** `YYYY-MM-DD HH:MM:SS` in Indian time, which has one offset all year. Null for anything else. */
export function readTime(text: string): Date | null {
  if (!/^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$/.test(text)) return null;
  const time = Date.parse(`${text.replace(' ', 'T')}+05:30`);
  return Number.isNaN(time) ? null : new Date(time);
}
