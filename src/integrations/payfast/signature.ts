import { createHash, timingSafeEqual } from 'node:crypto';

/**
 * PayFast has two recipes and mixing them is the classic mistake (payment-gateways.md 2.4 to 2.6): the checkout form
 * and its notification are signed in the order of their fields with the passphrase appended; API calls are signed in
 * alphabetical order with the passphrase in its place. Both are MD5 in lower-case hex.
 */
export type Field = readonly [name: string, value: string];

const UNRESERVED = /[A-Za-z0-9._-]/;

const ENCODED: readonly string[] = Array.from({ length: 256 }, (_, byte) => {
  const char = String.fromCharCode(byte);
  if (char === ' ') return '+';
  return UNRESERVED.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
});

/** PHP's urlencode (payment-gateways.md 0.3). Bytes are taken too, so that text in any encoding signs as it was sent. */
export function phpUrlencode(text: string | Uint8Array): string {
  let encoded = '';
  for (const byte of typeof text === 'string' ? Buffer.from(text, 'utf8') : text) encoded += ENCODED[byte] ?? '';
  return encoded;
}

/** PHP's trim: these six characters and no others, so that both sides cut the same. */
export function phpTrim(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && BLANKS.has(text.charCodeAt(start))) start++;
  while (end > start && BLANKS.has(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

const BLANKS: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d, 0x00, 0x0b]);

function join(fields: Iterable<Field>): string {
  return [...fields].map(([name, value]) => `${name}=${phpUrlencode(value)}`).join('&');
}

function md5(text: string): string {
  return createHash('md5').update(text, 'utf8').digest('hex');
}

/** What a checkout form signs: its fields in their order, blank ones left out, values trimmed. */
export function checkoutText(fields: Iterable<Field>): string {
  const trimmed = [...fields].map(([name, value]): Field => [name, phpTrim(value)]);
  return join(trimmed.filter(([, value]) => value !== ''));
}

/** Signs a checkout form or a notification. An empty passphrase adds nothing (payment-gateways.md 2.9). */
export function signOrdered(text: string, passphrase: string): string {
  const phrase = phpTrim(passphrase);
  return md5(phrase === '' ? text : `${text}&passphrase=${phpUrlencode(phrase)}`);
}

/** What an API call signs: headers, query and body in one alphabet, empty ones left out (payment-gateways.md 2.6). */
export function apiText(variables: Readonly<Record<string, string>>, passphrase: string): string {
  const all = Object.entries({ ...variables, passphrase: phpTrim(passphrase) }).filter(([, value]) => value !== '');
  return join(all.toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

export function signApi(variables: Readonly<Record<string, string>>, passphrase: string): string {
  return md5(apiText(variables, passphrase));
}

/** Constant-time; case of the hex does not matter. */
export function sameSignature(expected: string, given: string): boolean {
  if (!/^[0-9a-fA-F]{32}$/.test(given)) return false;
  return timingSafeEqual(Buffer.from(expected, 'hex'), Buffer.from(given, 'hex'));
}
