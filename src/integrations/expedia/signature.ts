import { createHash } from 'node:crypto';

/**
 * Rapid's signature (travel-providers.md 1.3): a plain SHA-512 over key, secret and the time, and over nothing of the
 * request. Good for five minutes, so every request gets its own.
 */
export interface Signing {
  readonly apiKey: string;
  readonly secret: string;
}

/** @param timestamp seconds since 1970, the same as in the header */
export function signatureOf({ apiKey, secret }: Signing, timestamp: number): string {
  return createHash('sha512').update(`${apiKey}${secret}${timestamp}`, 'utf8').digest('hex');
}

/** The whole `Authorization` header. */
export function authorizationOf(signing: Signing, timestamp: number): string {
  return `EAN apikey=${signing.apiKey},signature=${signatureOf(signing, timestamp)},timestamp=${timestamp}`;
}

/** How far the vendor's clock may be from ours before it refuses us. */
const TOLERATED_SECONDS = 300;
/** A little less, for the time a request is under way. */
const DRIFT_SECONDS_MIN = TOLERATED_SECONDS - 60;
const DRIFT_SECONDS_MAX = 86_400;
const ORIGINS_MAX = 64;

/** How far each vendor's clock is from ours, learnt from its refusals: then every later request is signed with it. */
export interface ClockOffsets {
  /** Seconds to add to our time. */
  of(origin: string): number;
  /**
   * @param serverTime what the vendor says it is, seconds
   * @returns whether our timestamp was the reason of the refusal, so that another one may help
   */
  learn(origin: string, ours: { readonly now: Date; readonly sent: number }, serverTime: number): boolean;
}

export function createClockOffsets(): ClockOffsets {
  const offsets = new Map<string, number>();
  return {
    of: (origin) => offsets.get(origin) ?? 0,
    learn: (origin, { now, sent }, serverTime) => {
      const offset = serverTime - secondsOf(now);
      const isDrift = Math.abs(serverTime - sent) >= DRIFT_SECONDS_MIN;
      if (!isDrift || Math.abs(offset) > DRIFT_SECONDS_MAX) return false;
      if (offsets.size >= ORIGINS_MAX) offsets.delete(offsets.keys().next().value ?? '');
      offsets.set(origin, offset);
      return true;
    },
  };
}

export function secondsOf(date: Date): number {
  return Math.floor(date.getTime() / 1_000);
}
