import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import type { SimulatorAnswer, SimulatorRequest } from '../simulator/types.ts';
import { failure, invalid, limitHeaders, pack, wrong, type Field } from './simulator-answers.ts';
import type { Account } from './simulator-model.ts';

/**
 * What stands before every operation, in this order: headers, authentication, what the key is for, the rate limit
 * (travel-providers.md 0, 1.3, 1.4, 1.8).
 */

const DRIFT_SECONDS_MAX = 300;

/** The header in its parts; names in any case, because older documents write them otherwise. */
export function readAuthorization(header: string | undefined): ReadonlyMap<string, string> | null {
  const match = /^EAN\s+(.+)$/.exec(header ?? '');
  if (!match) return null;
  return new Map(
    (match[1] ?? '').split(',').map((part) => {
      const [name = '', ...value] = part.split('=');
      return [name.trim().toLowerCase(), value.join('=').trim()];
    }),
  );
}

export interface Demands {
  readonly customerIp: boolean;
  readonly body: boolean;
}

/** What the vendor really answers here is not documented. */
export function missingHeader({ headers }: SimulatorRequest, demands: Demands): SimulatorAnswer | null {
  const refuse = (name: string, why = 'required'): SimulatorAnswer =>
    invalid([wrong(`${name.replaceAll('-', '_')}.${why}`, name, headers[name] ?? null, 'header')]);
  if (headers['accept'] !== 'application/json') return refuse('accept');
  if (!/\bgzip\b/.test(headers['accept-encoding'] ?? '')) return refuse('accept-encoding');
  if ((headers['user-agent'] ?? '') === '') return refuse('user-agent');
  if (demands.body && !(headers['content-type'] ?? '').startsWith('application/json')) return refuse('content-type');
  const ip = headers['customer-ip'] ?? '';
  if (demands.customerIp && ip === '') return refuse('customer-ip');
  return ip !== '' && isIP(ip) === 0 ? refuse('customer-ip', 'invalid') : null;
}

/** Key, secret and time, by nothing else of the request. @param now the real time: a scenario's clock signs nothing */
export function unauthenticated(
  request: SimulatorRequest,
  account: Account | undefined,
  now: Date,
): SimulatorAnswer | null {
  const parts = readAuthorization(request.headers['authorization']);
  const serverTime = Math.floor(now.getTime() / 1_000) + (account?.clockOffsetSeconds ?? 0);
  const [apiKey = '', signature = '', timestamp = ''] = ['apikey', 'signature', 'timestamp'].map((name) =>
    parts?.get(name),
  );
  const expected = createHash('sha512')
    .update([apiKey, account?.sharedSecret ?? '', timestamp].join(''))
    .digest('hex');
  const isInTime = /^\d{1,12}$/.test(timestamp) && Math.abs(Number(timestamp) - serverTime) <= DRIFT_SECONDS_MAX;
  if (account !== undefined && account.apiKey === apiKey && signature === expected && isInTime) return null;
  const fields: Field[] = [
    { name: 'apikey', type: 'header', value: apiKey },
    { name: 'signature', type: 'header', value: signature },
    { name: 'timestamp', type: 'header', value: timestamp },
    { name: 'servertimestamp', type: 'server', value: String(serverTime) },
  ];
  const message = 'The authentication is missing or wrong.';
  return pack(401, { type: 'request_unauthenticated', message, fields }, { 'www-authenticate': 'EAN' });
}

/** Calls of each account in the minute that runs. Not stored: a restart forgives them. */
export interface Throttle {
  /** @returns what remains, percent; below zero: too many */
  spend(accountId: string, account: Account, now: Date): number;
}

export function createThrottle(): Throttle {
  const spent = new Map<string, { minute: number; calls: number }>();
  return {
    spend: (accountId, { callsPerMinute }, now) => {
      const minute = Math.floor(now.getTime() / 60_000);
      const before = spent.get(accountId);
      const calls = before?.minute === minute ? before.calls + 1 : 1;
      spent.set(accountId, { minute, calls });
      return calls > callsPerMinute ? -1 : Math.floor((100 * (callsPerMinute - calls)) / callsPerMinute);
    },
  };
}

/** The time in the header is real, because a client has no other clock to wait by. */
export function throttled(now: Date, seconds?: number): SimulatorAnswer {
  const headers = limitHeaders(now, 0);
  if (seconds !== undefined) headers['rate-limit-minute-reset'] = String(now.getTime() + seconds * 1_000);
  const answer = failure(429, 'too_many_requests');
  return { ...answer, headers: { ...answer.headers, ...headers } };
}
