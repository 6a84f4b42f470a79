import { Lru } from '../auth/lru.ts';
import type { Grant } from '../budgets.ts';
import type { Clock } from '../clock.ts';

const MINUTE_MS = 60_000;
const ADDRESSES_MAX = 20_000;
const ACQUAINTANCES_MAX = 5_000;

/** Points a minute for callers without credentials, and looks at the database for credentials nobody knows, per address. */
export const STRANGER_POINTS_PER_MINUTE = 300;
export const FAILURES_PER_MINUTE = 100;

interface Count {
  windowMs: number;
  points: number;
  failures: number;
}

/**
 * Bounds what callers we do not know can cost, per address and process: their own requests, and guessing at keys, each of which would
 * ask the database. Known credentials pass whatever others at their address do.
 */
export class Strangers {
  readonly #clock: Clock;
  readonly #counts = new Lru<string, Count>(ADDRESSES_MAX);
  readonly #known = new Lru<string, true>(ACQUAINTANCES_MAX);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  charge(address: string, points: number): Grant {
    const count = this.#count(address);
    const granted = count.points + points <= STRANGER_POINTS_PER_MINUTE;
    if (granted) count.points += points;
    return { granted, remaining: Math.max(0, STRANGER_POINTS_PER_MINUTE - count.points), resetAt: new Date(count.windowMs + MINUTE_MS) };
  }

  /** When these credentials may be looked at again; null: now. */
  blockedUntil(address: string, credentials: string): Date | null {
    const count = this.#count(address);
    if (count.failures < FAILURES_PER_MINUTE || this.#known.get(credentials)) return null;
    return new Date(count.windowMs + MINUTE_MS);
  }

  noteFailure(address: string): void {
    this.#count(address).failures += 1;
  }

  noteKnown(credentials: string): void {
    this.#known.set(credentials, true);
  }

  #count(address: string): Count {
    const windowMs = Math.floor(this.#clock.now().getTime() / MINUTE_MS) * MINUTE_MS;
    let count = this.#counts.get(address);
    if (!count || count.windowMs !== windowMs) {
      count = { windowMs, points: 0, failures: 0 };
      this.#counts.set(address, count);
    }
    return count;
  }
}
