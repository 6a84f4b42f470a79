import { createHash, timingSafeEqual } from 'node:crypto';

/**
 * PayU's three hashes, all SHA-512 in lower-case hex over values joined by bars (payment-gateways.md 3.3 to 3.5).
 * Built from arrays, because counting bars by hand is the classic mistake: 17 elements for a request, 18 for a
 * result, 19 for one with additional charges.
 */
const SIGNED_NAMES = [
  'key',
  'txnid',
  'amount',
  'productinfo',
  'firstname',
  'email',
  'udf1',
  'udf2',
  'udf3',
  'udf4',
  'udf5',
] as const;

/** The places of udf6 to udf10, always empty in the normal recipe. */
const EMPTY_PLACES = ['', '', '', '', ''];

/** The signed fields of a payment as they are posted; what is not posted signs as empty. */
export type SignedFields = Readonly<Partial<Record<(typeof SIGNED_NAMES)[number], string>>>;

/** What a payment form signs. */
export function requestText(fields: SignedFields, salt: string): string {
  return [...SIGNED_NAMES.map((name) => fields[name] ?? ''), ...EMPTY_PLACES, salt].join('|');
}

/** What a result signs. @param charges the posted additional charges, null or empty where there are none */
export function resultText(fields: SignedFields, status: string, charges: string | null, salt: string): string {
  const values = SIGNED_NAMES.map((name) => fields[name] ?? '').toReversed();
  return [...(charges ? [charges] : []), salt, status, ...EMPTY_PLACES, ...values].join('|');
}

/** What a command signs: only its first variable. */
export function commandText(key: string, command: string, var1: string, salt: string): string {
  return [key, command, var1, salt].join('|');
}

/** The names a result is signed over, for whoever has to check their values. */
export const RESULT_NAMES: readonly string[] = [...SIGNED_NAMES, 'status'];

export function sha512(text: string): string {
  return createHash('sha512').update(text, 'utf8').digest('hex');
}

/** Constant-time; case of the hex does not matter. */
export function sameHash(expected: string, given: string): boolean {
  if (!/^[0-9a-fA-F]{128}$/.test(given)) return false;
  return timingSafeEqual(Buffer.from(expected, 'hex'), Buffer.from(given, 'hex'));
}
