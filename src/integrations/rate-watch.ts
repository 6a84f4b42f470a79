import { createHash } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { OutboundRequest, OutboundResponse, OutboundSend } from './contract.ts';
import { OutboundFailure } from './http.ts';

/**
 * Listens to what vendors say about their rate limits, per account: after a 429 the account is left alone until the
 * time the vendor named, because calls in between only make it longer. Other accounts go on.
 */
export interface RateWatch {
  watch(send: OutboundSend): OutboundSend;
  /** X-RateLimit-Remaining of the last answer that had one. */
  remaining(): number | null;
}

const ACCOUNTS_MAX = 10_000;
const PAUSE_MS_MAX = 600_000;

export function createRateWatch(clock: Clock, pauseMs: number): RateWatch {
  const pausedUntil = new Map<string, number>();
  let remaining: number | null = null;
  return {
    remaining: () => remaining,
    watch: (send) => async (request, call) => {
      // Looked up only while some account is paused: the usual call pays nothing for this.
      const account = pausedUntil.size > 0 ? accountOf(request) : null;
      const until = account === null ? undefined : pausedUntil.get(account);
      if (account !== null && until !== undefined) {
        if (until > clock.now().getTime()) {
          throw new OutboundFailure('RATE_LIMITED', 'no', 'the vendor asked us to wait', new Date(until));
        }
        pausedUntil.delete(account);
      }
      const response = await send(request, call);
      remaining = wholeNumber(response.headers['x-ratelimit-remaining']) ?? remaining;
      if (response.status === 429) {
        if (pausedUntil.size >= ACCOUNTS_MAX) pausedUntil.delete(pausedUntil.keys().next().value ?? '');
        pausedUntil.set(accountOf(request), retryTime(response, clock, pauseMs).getTime());
      }
      return response;
    },
  };
}

/**
 * When a 429 may be tried again: Retry-After in seconds or as a date, else the given pause; never more than ten
 * minutes.
 */
export function retryTime(response: OutboundResponse, clock: Clock, pauseMs: number): Date {
  const now = clock.now().getTime();
  const header = response.headers['retry-after'];
  const seconds = wholeNumber(header);
  const named = seconds !== null ? now + seconds * 1000 : Date.parse(header ?? '');
  const at = Number.isNaN(named) ? now + pauseMs : named;
  return new Date(Math.min(Math.max(at, now), now + PAUSE_MS_MAX));
}

/** A digest, so that no credential is kept here. */
function accountOf(request: OutboundRequest): string {
  const named = request.account ?? request.headers?.['authorization'] ?? request.headers?.['merchant-id'] ?? '';
  return createHash('sha256')
    .update(`${URL.parse(request.url)?.host ?? ''}\n${named}`)
    .digest('base64');
}

function wholeNumber(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,9}$/.test(text.trim()) ? Number(text) : null;
}
