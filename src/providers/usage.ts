import type { Database } from '../db.ts';
import type { Logger } from '../log.ts';

const FLUSH_EVERY_MS = 5_000;
const TENANTS_AT_ONCE = 4;
/** Counts waiting for the database; what comes on top is dropped and said. */
const WAITING_MAX = 50_000;

interface Count {
  readonly tenantId: string;
  readonly slug: string;
  readonly minute: Date;
  calls: number;
  refused: number;
}

/** What each tenant uses of each provider's rate limit, by minute (PRV-13): counted in memory, added up in the database. */
export class Usage {
  readonly #db: Database;
  readonly #log: Logger;
  #waiting = new Map<string, Count>();
  readonly #timer: NodeJS.Timeout;
  #writing: Promise<void> = Promise.resolve();

  constructor(db: Database, log: Logger) {
    this.#db = db;
    this.#log = log;
    this.#timer = setInterval(() => void this.flush(), FLUSH_EVERY_MS);
    this.#timer.unref();
  }

  count(tenantId: string, slug: string, at: Date, what: 'calls' | 'refused'): void {
    const minute = Math.floor(at.getTime() / 60_000) * 60_000;
    const key = `${tenantId} ${slug} ${minute}`;
    let count = this.#waiting.get(key);
    if (!count) {
      if (this.#waiting.size >= WAITING_MAX) return;
      count = { tenantId, slug, minute: new Date(minute), calls: 0, refused: 0 };
      this.#waiting.set(key, count);
    }
    count[what] += 1;
  }

  /** Everything counted until now is in the database when it is done. Never rejects: what could not be written is written next time. */
  flush(): Promise<void> {
    return (this.#writing = this.#writing.then(() => this.#flush()));
  }

  async #flush(): Promise<void> {
    const byTenant = Map.groupBy(this.#waiting.values(), ({ tenantId }) => tenantId);
    this.#waiting = new Map();
    const tenants = [...byTenant.keys()];
    for (let start = 0; start < tenants.length; start += TENANTS_AT_ONCE)
      await Promise.all(
        tenants.slice(start, start + TENANTS_AT_ONCE).map((tenantId) => this.#write(tenantId, byTenant.get(tenantId)!)),
      );
  }

  async #write(tenantId: string, counts: readonly Count[]): Promise<void> {
    try {
      await this.#db.write({ tenantId, customerId: null }, (tx) =>
        tx.query(
          `insert into provider_usage as u (tenant_id, provider_slug, minute, calls, refused)
           select current_tenant(), c.slug, c.minute, c.calls, c.refused
           from unnest($1::text[], $2::timestamptz[], $3::int[], $4::int[]) as c (slug, minute, calls, refused)
           order by c.slug, c.minute
           on conflict (tenant_id, provider_slug, minute) do update set calls = u.calls + excluded.calls, refused = u.refused + excluded.refused`,
          [
            counts.map(({ slug }) => slug),
            counts.map(({ minute }) => minute),
            counts.map(({ calls }) => calls),
            counts.map(({ refused }) => refused),
          ],
        ),
      );
    } catch (error) {
      this.#log.warn({ err: error, tenant: tenantId }, 'the use of providers could not be written; it is tried again');
      for (const count of counts) this.#keep(count);
    }
  }

  #keep(count: Count): void {
    const key = `${count.tenantId} ${count.slug} ${count.minute.getTime()}`;
    const newer = this.#waiting.get(key);
    if (newer) {
      newer.calls += count.calls;
      newer.refused += count.refused;
    } else if (this.#waiting.size < WAITING_MAX) this.#waiting.set(key, count);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }
}
