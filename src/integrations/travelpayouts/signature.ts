import { createHash } from 'node:crypto';
import type { JsonValue } from '../travel.ts';

/**
 * The vendor's signature of a search (travel-providers.md 4.3): the values of the body in the alphabetical order of
 * their keys at every level, arrays in their own order, behind the token, joined by colons; MD5 in lower-case hex. The
 * marker is signed where it stands and not once more in front, as the vendor's own example does it.
 */
export function signedText(token: string, body: Readonly<Record<string, JsonValue>>): string {
  const { signature: _unsigned, ...signed } = body;
  return [token, ...valuesOf(signed)].join(':');
}

export function signatureOf(token: string, body: Readonly<Record<string, JsonValue>>): string {
  return createHash('md5').update(signedText(token, body), 'utf8').digest('hex');
}

/** How nulls are signed is not documented, so whoever signs leaves such keys out of the body; here they sign as nothing. */
function valuesOf(value: JsonValue): string[] {
  if (value === null) return [];
  if (Array.isArray(value)) return value.flatMap((one: JsonValue) => valuesOf(one));
  if (typeof value !== 'object') return [String(value)];
  const fields = Object.entries(value as Readonly<Record<string, JsonValue>>);
  return fields.toSorted(([one], [other]) => (one < other ? -1 : 1)).flatMap(([, inner]) => valuesOf(inner));
}
