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
  /** Of the last answer that said so: calls left, or percent where the vendor counts in them (Expedia). */
  remaining(): number | null;
}

const ACCOUNTS_MAX = 10_000;
const PAUSE_MS_MAX = 600_000;

const REMAINING_HEADERS = ['x-ratelimit-remaining', 'x-rate-limit-remaining', 'rate-limit-minute-remaining'] as const;
/** Where vendors name the time instead of Retry-After. */
const RESET_HEADERS = ['rate-limit-minute-reset', 'x-rate-limit-reset', 'x-ratelimit-reset'] as const;

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
      remaining = firstNumber(response, REMAINING_HEADERS) ?? remaining;
      if (response.status === 429) {
        if (pausedUntil.size >= ACCOUNTS_MAX) pausedUntil.delete(pausedUntil.keys().next().value ?? '');
        const again = retryTime(response, clock, request.rateLimitPauseMs ?? pauseMs);
        pausedUntil.set(accountOf(request), again.getTime());
      }
      return response;
    },
  };
}

/**
 * When a 429 may be tried again: Retry-After in seconds or as a date, else when the vendor's own header says that its
 * limit begins anew, else the given pause; never more than ten minutes.
 */
export function retryTime(response: OutboundResponse, clock: Clock, pauseMs: number): Date {
  const now = clock.now().getTime();
  const header = response.headers['retry-after'];
  const seconds = wholeNumber(header);
  const named = seconds !== null ? now + seconds * 1000 : Date.parse(header ?? '');
  const at = Number.isNaN(named) ? (resetTime(response, now) ?? now + pauseMs) : named;
  return new Date(Math.min(Math.max(at, now), now + PAUSE_MS_MAX));
}

/**
 * Vendors count milliseconds or seconds since 1970, or seconds from now; their sizes tell them apart. A time that is
 * over says nothing (their clock, or ours, is off): calling again at once would meet the same limit.
 */
function resetTime(response: OutboundResponse, now: number): number | null {
  const number = firstNumber(response, RESET_HEADERS);
  if (number === null) return null;
  const at = number >= 1e12 ? number : number >= 1e9 ? number * 1000 : now + number * 1000;
  return at > now ? at : null;
}

function firstNumber({ headers }: OutboundResponse, names: readonly string[]): number | null {
  for (const name of names) {
    const number = wholeNumber(headers[name]);
    if (number !== null) return number;
  }
  return null;
}

/** A digest, so that no credential is kept here. */
function accountOf(request: OutboundRequest): string {
  const named = request.account ?? request.headers?.['authorization'] ?? request.headers?.['merchant-id'] ?? '';
  return createHash('sha256')
    .update(`${URL.parse(request.url)?.host ?? ''}\n${named}`)
    .digest('base64');
}

function wholeNumber(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,13}$/.test(text.trim()) ? Number(text) : null;
}
