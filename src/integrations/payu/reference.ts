import { createHash } from 'node:crypto';

/**
 * Names of ours that fit PayU's fields, in one case only, so that no comparison on their side can tell them apart
 * wrongly or not at all.
 */

/** A txnid has 25 characters at most (payment-gateways.md 3.2): just what a UUID takes in base 36. */
const TXNID_LENGTH = 25;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const UUIDS = 1n << 128n;

/**
 * The txnid of a payment. It is the payment's id in another writing, so a payment is found by it whatever was lost,
 * and every attempt has one of its own (payment-gateways.md 3.8 item 7). Null where the id is no UUID.
 */
export function toTxnid(paymentId: string): string | null {
  if (!UUID.test(paymentId)) return null;
  return BigInt(`0x${paymentId.replaceAll('-', '')}`)
    .toString(36)
    .padStart(TXNID_LENGTH, '0');
}

/** Our payment id of a txnid; null where the txnid is somebody else's. */
export function toPaymentId(txnid: string): string | null {
  if (!/^[0-9a-z]{25}$/.test(txnid)) return null;
  let number = 0n;
  for (const digit of txnid) number = number * 36n + BigInt(Number.parseInt(digit, 36));
  if (number >= UUIDS) return null;
  const hex = number.toString(16).padStart(32, '0');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** Longer tokens come back cut to 23 characters (payment-gateways.md 3.5); a UUID does not fit into so few. */
const TOKEN_LENGTH = 23;

/** The token of a refund: the same for every try, which is what makes a repeat harmless (payment-gateways.md 3.7). */
export function toRefundToken(refundId: string): string {
  const digest = createHash('sha256').update(`payu refund ${refundId}`).digest('hex');
  return (BigInt(`0x${digest}`) % 36n ** BigInt(TOKEN_LENGTH)).toString(36).padStart(TOKEN_LENGTH, '0');
}
