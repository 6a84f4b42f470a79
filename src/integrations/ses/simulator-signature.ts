import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { SimulatorRequest } from '../simulator/types.ts';

/** Checks a request's signature version 4 as the service does: made anew from what came. */

const SKEW_MS_MAX = 300_000;
const HEADER = /^AWS4-HMAC-SHA256 Credential=([\w/+=.-]+), SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$/;

/** Whose key it claims to be signed by; null where there is no signature. */
export function accessKeyOf(request: SimulatorRequest): string | null {
  return HEADER.exec(request.headers['authorization'] ?? '')?.[1]?.split('/')[0] ?? null;
}

/** What is wrong with the signature, as the service names it; null where it holds. */
export function signatureFault(
  request: SimulatorRequest,
  mount: string,
  account: { readonly secretAccessKey: string; readonly region: string },
  now: Date,
): string | null {
  const [, credential = '', names = '', given = ''] = HEADER.exec(request.headers['authorization'] ?? '') ?? [];
  const date = request.headers['x-amz-date'] ?? '';
  const [, ...scope] = credential.split('/');
  const wanted = [date.slice(0, 8), account.region, 'ses', 'aws4_request'];
  if (scope.join('/') !== wanted.join('/')) return 'Credential should be scoped to a valid region and service.';
  const at = Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  if (!(Math.abs(now.getTime() - at) <= SKEW_MS_MAX)) return 'Signature expired or not yet current.';
  const signedNames = names.split(';');
  if (!['host', 'x-amz-date'].every((name) => signedNames.includes(name))) return 'A header must be signed.';
  const query = [...request.query]
    .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
    .toSorted()
    .join('&');
  const canonical = [
    request.method,
    `${mount}${request.path}`.split('/').map(encoded).join('/'),
    query,
    ...signedNames.map((name) => `${name}:${(request.headers[name] ?? '').trim().replaceAll(/\s+/g, ' ')}`),
    '',
    names,
    createHash('sha256').update(request.body).digest('hex'),
  ].join('\n');
  const text = ['AWS4-HMAC-SHA256', date, wanted.join('/'), createHash('sha256').update(canonical).digest('hex')];
  const key = wanted.reduce<Buffer>((last, part) => hmac(last, part), Buffer.from(`AWS4${account.secretAccessKey}`));
  return timingSafeEqual(hmac(key, text.join('\n')), Buffer.from(given, 'hex'))
    ? null
    : 'The request signature we calculated does not match the signature you provided.';
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function encoded(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
}
