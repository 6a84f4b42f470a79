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
  // The oldest go first, not the longest unused: this is asked with every request.
  readonly #known = new Set<string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  charge(address: string, points: number): Grant {
    const count = this.#count(address);
    const granted = count.points + points <= STRANGER_POINTS_PER_MINUTE;
    if (granted) count.points += points;
    return {
      granted,
      remaining: Math.max(0, STRANGER_POINTS_PER_MINUTE - count.points),
      resetAt: new Date(count.windowMs + MINUTE_MS),
    };
  }

  /** When these credentials may be looked at again; null: now. */
  blockedUntil(address: string, credentials: string): Date | null {
    const count = this.#counts.get(address);
    if (
      !count ||
      count.windowMs !== this.#windowMs() ||
      count.failures < FAILURES_PER_MINUTE ||
      this.#known.has(credentials)
    )
      return null;
    return new Date(count.windowMs + MINUTE_MS);
  }

  noteFailure(address: string): void {
    this.#count(address).failures += 1;
  }

  noteKnown(credentials: string): void {
    if (this.#known.has(credentials)) return;
    this.#known.add(credentials);
    if (this.#known.size > ACQUAINTANCES_MAX) this.#known.delete(this.#known.values().next().value ?? '');
  }

  #count(address: string): Count {
    const windowMs = this.#windowMs();
    let count = this.#counts.get(address);
    if (!count || count.windowMs !== windowMs) {
      count = { windowMs, points: 0, failures: 0 };
      this.#counts.set(address, count);
    }
    return count;
  }

  #windowMs(): number {
    return Math.floor(this.#clock.now().getTime() / MINUTE_MS) * MINUTE_MS;
  }
}
