import { createHash } from 'node:crypto';
import { transmit } from '../ask.ts';
import type { GatewayConnection, OutboundCall, OutboundResponse, Outcome } from '../contract.ts';
import { readAnswer } from '../json.ts';
import { notDone, rateLimited, unreadable } from '../outcome.ts';
import { isHeaderText, vendorRoot, type FawaterkOptions } from './exchange.ts';
import { TokenAnswer } from './wire.ts';

/**
 * OAuth 2 client credentials of version 3 (payment-gateways.md 1.1). A token lives in memory only and is never part of
 * an outcome's detail. The refresh token the vendor may add is not kept: the client's own credentials give a new token
 * as well, and one secret less lies about.
 */
export interface Tokens {
  /** The connection's token, or why there is none. Callers at the same time share one request. */
  take(connection: GatewayConnection, call: OutboundCall): Promise<Outcome<string>>;
  /** Forgets a token the vendor refused; a newer one stays. */
  drop(connection: GatewayConnection, token: string): void;
}

interface Kept {
  readonly token: string;
  readonly until: number;
}

const CONNECTIONS_MAX = 1_000;
/** The vendor gives a token for a year; none is kept longer than a day. */
const KEPT_MS_MAX = 86_400_000;
/** A token is replaced this long before its end, or a tenth of its life before where that is less. */
const EARLY_MS = 60_000;
/** The request's own limit, because callers with less time of their own share it. */
const REQUEST_MS = 10_000;

export const OAUTH_CREDENTIALS = ['CLIENT_ID', 'CLIENT_SECRET'] as const;

export function createTokens(options: FawaterkOptions): Tokens {
  const kept = new Map<string, Kept>();
  const underWay = new Map<string, Promise<Outcome<Kept>>>();
  const now = (): number => options.clock.now().getTime();
  const keep = (key: string, value: Kept): void => {
    kept.delete(key);
    if (kept.size >= CONNECTIONS_MAX) kept.delete(kept.keys().next().value ?? '');
    kept.set(key, value);
  };
  const begin = (key: string, connection: GatewayConnection): Promise<Outcome<Kept>> => {
    const flight = (async () => {
      try {
        const outcome = await request(options, connection);
        if (outcome.kind === 'done') keep(key, outcome.value);
        return outcome;
      } finally {
        underWay.delete(key);
      }
    })();
    underWay.set(key, flight);
    return flight;
  };
  return {
    take: async (connection, call) => {
      const unready = clientRefusal(connection);
      if (unready !== null) return notDone('misconfigured', unready);
      const key = connectionKey(connection);
      const held = kept.get(key);
      if (held && held.until > now()) return { kind: 'done', value: held.token };
      const outcome = await within(underWay.get(key) ?? begin(key, connection), call);
      return outcome.kind === 'done' ? { kind: 'done', value: outcome.value.token } : outcome;
    },
    drop: (connection, token) => {
      const key = connectionKey(connection);
      if (kept.get(key)?.token === token) kept.delete(key);
    },
  };
}

/** A digest of host and client, so that no credential is kept; a new secret has a new token. */
export function connectionKey({ baseUrl, credentials }: GatewayConnection): string {
  return createHash('sha256')
    .update(JSON.stringify([vendorRoot(baseUrl), ...OAUTH_CREDENTIALS.map((name) => credentials[name] ?? '')]))
    .digest('base64');
}

/** @returns null where a token can be asked for, else why not. */
export function clientRefusal({ credentials }: GatewayConnection): string | null {
  const values = OAUTH_CREDENTIALS.map((name) => credentials[name] ?? '');
  if (values.every((value) => value === '')) {
    return 'CLIENT_ID and CLIENT_SECRET are not set: without an OAuth client the gateway refunds in its dashboard only';
  }
  return values.every((value) => value.length <= 500 && isHeaderText(value))
    ? null
    : 'CLIENT_ID or CLIENT_SECRET is missing or unusable';
}

async function request(options: FawaterkOptions, { baseUrl, credentials }: GatewayConnection): Promise<Outcome<Kept>> {
  const startedAt = options.clock.now().getTime();
  const answered = await transmit(
    options.send,
    {
      method: 'POST',
      url: `${vendorRoot(baseUrl)}/oauth/token`,
      headers: { accept: 'application/json', 'content-type': 'application/json' },
      body: JSON.stringify({
        grant_type: 'client_credentials',
        client_id: credentials['CLIENT_ID'],
        client_secret: credentials['CLIENT_SECRET'],
      }),
    },
    { call: { timeoutMs: REQUEST_MS }, effect: false },
  );
  if ('kind' in answered) return answered;
  const token = answered.status === 200 ? readAnswer(TokenAnswer, answered.body) : null;
  if (token === null) return withoutToken(answered, options);
  const lifeMs = Math.min(token.expires_in * 1_000, KEPT_MS_MAX);
  const until = startedAt + lifeMs - Math.min(EARLY_MS, Math.floor(lifeMs / 10));
  return { kind: 'done', value: { token: token.access_token, until } };
}

/** None of the vendor's words is passed on: they may name the client. */
function withoutToken(response: OutboundResponse, options: FawaterkOptions): Outcome<never> {
  const { status } = response;
  if (status === 429) return rateLimited(response, options.clock);
  if (status === 400 || status === 401 || status === 403) {
    return notDone('misconfigured', `the OAuth client was refused (${status})`);
  }
  if (status >= 300 && status < 500) return notDone('misconfigured', `no token is given at this address (${status})`);
  return unreadable(status, false);
}

/** The shared request goes on for the others when one caller's own time is over. */
function within<T>(shared: Promise<Outcome<T>>, call: OutboundCall): Promise<Outcome<T>> {
  return new Promise((resolve, reject) => {
    const end = (act: () => void): void => {
      clearTimeout(timer);
      call.signal?.removeEventListener('abort', giveUp);
      act();
    };
    const giveUp = (): void => end(() => resolve(notDone('unavailable', 'no token came in time')));
    const timer = setTimeout(giveUp, call.timeoutMs);
    call.signal?.addEventListener('abort', giveUp, { once: true });
    if (call.signal?.aborted) giveUp();
    shared.then(
      (outcome) => end(() => resolve(outcome)),
      (error: unknown) => end(() => reject(error as Error)),
    );
  });
}
