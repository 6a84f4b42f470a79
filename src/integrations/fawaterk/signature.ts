import { createHmac, timingSafeEqual } from 'node:crypto';

/**
 * Fawaterk signs five kinds of text, all HMAC-SHA256 with the vendor key, values raw, labels as written here
 * (payment-gateways.md 1.5, 1.7). None covers status, amount of a payment, or time: a valid signature proves
 * origin only.
 */
export const signedText = {
  invoice: (id: string, key: string, method: string) => `InvoiceId=${id}&InvoiceKey=${key}&PaymentMethod=${method}`,
  transaction: (id: string, key: string, method: string) =>
    `TransactionId=${id}&TransactionKey=${key}&PaymentMethod=${method}`,
  cancel: (referenceId: string, method: string) => `referenceId=${referenceId}&PaymentMethod=${method}`,
  refund: (transactionId: string, amount: string, currency: string) =>
    `transactionId=${transactionId}&amount=${amount}&currency=${currency}`,
  token: (customerId: string, cardToken: string) => `customerUniqueId=${customerId}&customerCardToken=${cardToken}`,
  iframe: (domain: string, providerKey: string) => `Domain=${domain}&ProviderKey=${providerKey}`,
} as const;

export function sign(vendorKey: string, text: string): string {
  return createHmac('sha256', vendorKey).update(text, 'utf8').digest('hex');
}

/** Constant-time; case of the hex does not matter. An empty key never verifies: it would let anybody sign. */
export function verify(vendorKey: string, text: string, signature: string): boolean {
  if (vendorKey === '' || !/^[0-9a-fA-F]{64}$/.test(signature)) return false;
  const expected = createHmac('sha256', vendorKey).update(text, 'utf8').digest();
  return timingSafeEqual(expected, Buffer.from(signature, 'hex'));
}

/** Whether two secrets are equal, in time that depends on neither (the old dialect sends the vendor key itself). */
export function sameSecret(expected: string, given: string): boolean {
  if (expected === '') return false;
  const digest = (text: string): Buffer => createHmac('sha256', 'comparison').update(text, 'utf8').digest();
  return timingSafeEqual(digest(expected), digest(given));
}
