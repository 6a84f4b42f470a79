import { Lru } from './auth/lru.ts';
import type { Clock } from './clock.ts';
import type { Database } from './db.ts';

export interface Grant {
  readonly granted: boolean;
  /** Points left of this minute, as far as this process knows. */
  readonly remaining: number;
  readonly resetAt: Date;
}

/** Budgets of points per minute, one over all processes (TEN-4). */
export interface Budgets {
  /** Takes cost from the bucket. A cost above the limit takes the whole limit, so that it can pass in a fresh minute. Cost 0 only asks. */
  take(tenantId: string, bucket: string, cost: number, limit: number): Promise<Grant>;
  /** The same where no database is needed to say; null where it is. */
  takeNow(tenantId: string, bucket: string, cost: number, limit: number): Grant | null;
  /** What is left, taking nothing. */
  peek(tenantId: string, bucket: string, limit: number): Promise<Grant>;
}

const MINUTE_MS = 60_000;
const BUCKETS_MAX = 10_000;
/** A process takes at most this share of a budget ahead, so that others are refused at most this much too early. */
const LEASE_SHARE = 100;

/** What this process knows of a bucket in the present minute. */
interface Lease {
  readonly windowMs: number;
  /** The limit as it was last heard. */
  limit: number;
  /** Taken from the database and not yet used. */
  held: number;
  /** As the database last said, of all processes together. */
  used: number;
  /** The database refused this much in this minute; use only grows, so whatever costs as much is refused without asking. */
  refusedCost: number;
  refusedLimit: number;
  asking: Promise<void> | null;
}

export function createBudgets(db: Database, clock: Clock): Budgets {
  return new SharedBudgets(db, clock);
}

class SharedBudgets implements Budgets {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #leases = new Lru<string, Lease>(BUCKETS_MAX);

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  takeNow(tenantId: string, bucket: string, cost: number, limit: number): Grant | null {
    const lease = this.#lease(tenantId, bucket, limit);
    const wanted = Math.min(cost, limit);
    if (lease.held >= wanted && wanted > 0) {
      lease.held -= wanted;
      return grant(true, lease, limit);
    }
    return limit <= lease.refusedLimit && wanted >= lease.refusedCost ? grant(false, lease, limit) : null;
  }

  async take(tenantId: string, bucket: string, cost: number, limit: number): Promise<Grant> {
    for (;;) {
      const known = this.takeNow(tenantId, bucket, cost, limit);
      if (known) return known;
      const lease = this.#lease(tenantId, bucket, limit);
      // One question at a time: what it brings may serve everybody who waits.
      if (lease.asking) {
        await lease.asking;
        continue;
      }
      const chunk = Math.floor(limit / LEASE_SHARE);
      if (cost === 0 || chunk <= cost) return this.#takeExactly(tenantId, bucket, Math.min(cost, limit), limit, lease);
      lease.asking = this.#extend(tenantId, bucket, cost, chunk, limit, lease).finally(() => (lease.asking = null));
      await lease.asking;
    }
  }

  async peek(tenantId: string, bucket: string, limit: number): Promise<Grant> {
    return this.take(tenantId, bucket, 0, limit);
  }

  async #takeExactly(tenantId: string, bucket: string, cost: number, limit: number, lease: Lease): Promise<Grant> {
    const granted = await this.#ask(tenantId, bucket, cost, cost, limit, lease);
    const enough = cost === 0 ? lease.used < limit : granted === cost;
    return grant(enough, lease, limit);
  }

  async #extend(
    tenantId: string,
    bucket: string,
    cost: number,
    chunk: number,
    limit: number,
    lease: Lease,
  ): Promise<void> {
    const granted = await this.#ask(tenantId, bucket, chunk, cost, limit, lease);
    if (lease.limit >= limit) lease.held += granted;
  }

  async #ask(
    tenantId: string,
    bucket: string,
    cost: number,
    atLeast: number,
    limit: number,
    lease: Lease,
  ): Promise<number> {
    const [row] = await this.#db.lookUp<{ granted: number; used: number }>(
      'select granted, used from take_budget($1, $2, $3, $4, $5, $6)',
      [tenantId, bucket, cost, atLeast, limit, this.#clock.now()],
    );
    const { granted, used } = row!;
    lease.used = used;
    if (granted === 0 && atLeast > 0) {
      lease.refusedCost = atLeast;
      lease.refusedLimit = limit;
    }
    return granted;
  }

  #lease(tenantId: string, bucket: string, limit: number): Lease {
    const key = `${tenantId} ${bucket}`;
    const windowMs = Math.floor(this.#clock.now().getTime() / MINUTE_MS) * MINUTE_MS;
    const known = this.#leases.get(key);
    if (known && known.windowMs === windowMs) {
      // What was taken ahead of a larger limit may be more than the whole of this one: it stays taken, and nobody gets it.
      if (limit < known.limit) known.held = 0;
      known.limit = limit;
      return known;
    }
    const fresh: Lease = { windowMs, limit, held: 0, used: 0, refusedCost: Infinity, refusedLimit: -1, asking: null };
    this.#leases.set(key, fresh);
    return fresh;
  }
}

function grant(granted: boolean, lease: Lease, limit: number): Grant {
  return {
    granted,
    remaining: Math.max(0, limit - lease.used + lease.held),
    resetAt: new Date(lease.windowMs + MINUTE_MS),
  };
}
