import type { Clock } from '../clock.ts';
import type { Credentials, NotDoneReason, OutboundCall, OutboundResponse, Outcome } from './contract.ts';
import type { OutboundFailure } from './http.ts';
import { retryTime } from './rate-watch.ts';

/** What a call without a usable answer means, alike for every vendor. */

const RATE_LIMIT_PAUSE_MS = 5_000;

export function notDone(reason: NotDoneReason, detail: string, retryAt?: Date): Outcome<never> {
  return { kind: 'notDone', reason, detail, ...(retryAt && { retryAt }) };
}

/** A call that never left was not done; one that may have arrived and has an effect is unknown. */
export function unanswered(failure: OutboundFailure, effect: boolean): Outcome<never> {
  if (failure.code === 'RATE_LIMITED') return notDone('rateLimited', failure.message, failure.retryAt);
  if (failure.code === 'INVALID_REQUEST') return notDone('misconfigured', failure.message);
  return failure.reached === 'maybe' && effect
    ? { kind: 'unknown', detail: failure.message }
    : notDone('unavailable', failure.message);
}

/** An answer that says nothing: after a call with an effect nobody knows what happened. */
export function unreadable(status: number, effect: boolean): Outcome<never> {
  const detail = `an answer of ${status} that says nothing`;
  return effect ? { kind: 'unknown', detail } : notDone('unavailable', detail);
}

export function rateLimited(
  response: OutboundResponse,
  clock: Clock,
  pauseMs: number = RATE_LIMIT_PAUSE_MS,
): Outcome<never> {
  return notDone('rateLimited', 'too many calls', retryTime(response, clock, pauseMs));
}

/** The vendor's words for the log, short and with every credential taken out. */
export function withoutSecrets(said: string, credentials: Credentials): string {
  const secrets = Object.values(credentials).filter((value) => value.length >= 4 && value !== 'true');
  return secrets.reduce((text, secret) => text.replaceAll(secret, '[secret]'), said).slice(0, 200);
}

/** Several calls under one time limit: each gets what is left of it. */
export function sharedBudget(clock: Clock, call: OutboundCall): { next(): OutboundCall; readonly isOver: boolean } {
  const endsAt = clock.now().getTime() + call.timeoutMs;
  const left = (): number => endsAt - clock.now().getTime();
  return {
    next: () => ({ ...call, timeoutMs: Math.max(1, left()) }),
    get isOver() {
      return left() <= 0;
    },
  };
}
