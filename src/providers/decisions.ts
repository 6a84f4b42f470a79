import type { Database } from '../db.ts';
import type { RoutingCandidate, Vertical } from '../domain/routing-decision.ts';
import type { Logger } from '../log.ts';

export const DECISION_PURPOSES = ['EXPLAIN', 'SEARCH', 'BOOK'] as const;
export type DecisionPurpose = (typeof DECISION_PURPOSES)[number];

/** A decision as it is written down (PRV-9): no personal data. */
export interface DecisionRecord {
  readonly id: string;
  readonly tenantId: string;
  readonly vertical: Vertical;
  readonly purpose: DecisionPurpose;
  readonly scope: 'TENANT' | 'GLOBAL';
  readonly context: Readonly<Record<string, unknown>>;
  readonly candidates: readonly RoutingCandidate[];
  readonly selectedSlug: string | null;
  /** Who answered in the end. */
  readonly answeredSlug: string | null;
  readonly outcome: string | null;
  readonly latencyMs: number | null;
  readonly decidedAt: Date;
}

/** For metrics. */
export interface DecisionCounts {
  /** @param outcome a closed set: how the call ended, `explained` where none was made */
  decided(vertical: Vertical, outcome: string): void;
  dropped(count: number): void;
}

const WRITE_AFTER_MS = 200;
/** After a write that failed. */
const RETRY_AFTER_MS = 1_000;
const TRIES = 3;
const ROWS_AT_ONCE = 1_000;
const TENANTS_AT_ONCE = 4;
const WAITING_MAX = 20_000;

interface Waiting {
  readonly record: DecisionRecord;
  readonly triesLeft: number;
}

/**
 * Writes routing decisions down, many at once: they are records, nobody waits for them, and a process that is killed
 * loses the last fifth of a second of them. Where the database can't keep up, what is too much is dropped and counted.
 */
export class DecisionLog {
  readonly #db: Database;
  readonly #log: Logger;
  readonly #counts: DecisionCounts | undefined;
  #waiting: Waiting[] = [];
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> = Promise.resolve();
  #dropped = 0;
  #closed = false;

  constructor(db: Database, log: Logger, counts?: DecisionCounts) {
    this.#db = db;
    this.#log = log;
    this.#counts = counts;
  }

  add(record: DecisionRecord): void {
    this.#counts?.decided(record.vertical, record.outcome ?? 'explained');
    this.#keep([{ record, triesLeft: TRIES }]);
    this.#writeIn(WRITE_AFTER_MS);
  }

  /** Everything added until now is in the database when it is done, or was given up. Never rejects. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#flush();
  }

  #writeIn(ms: number): void {
    this.#timer ??= setTimeout(() => void this.#flush(), ms).unref();
  }

  #flush(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    return (this.#writing = this.#writing.then(() => this.#writeAll()));
  }

  async #writeAll(): Promise<void> {
    if (this.#dropped > 0) this.#log.error({ dropped: this.#dropped }, 'routing decisions were not written down');
    this.#dropped = 0;
    const byTenant = Map.groupBy(this.#waiting, ({ record }) => record.tenantId);
    this.#waiting = [];
    const pieces = [...byTenant.values()].flatMap((some) => slices(some, ROWS_AT_ONCE));
    for (const some of slices(pieces, TENANTS_AT_ONCE)) await Promise.all(some.map((piece) => this.#write(piece)));
  }

  async #write(piece: readonly Waiting[]): Promise<void> {
    try {
      await this.#db.write({ tenantId: piece[0]!.record.tenantId, customerId: null }, (tx) =>
        tx.query(INSERT, [JSON.stringify(piece.map(({ record }) => rowOf(record)))]),
      );
    } catch (error) {
      const again = piece.filter(({ triesLeft }) => triesLeft > 1 && !this.#closed);
      this.#log.warn(
        { err: error, count: piece.length, again: again.length },
        'routing decisions could not be written',
      );
      this.#drop(piece.length - again.length);
      this.#keep(again.map(({ record, triesLeft }) => ({ record, triesLeft: triesLeft - 1 })));
      if (again.length > 0) this.#writeIn(RETRY_AFTER_MS);
    }
  }

  #keep(some: readonly Waiting[]): void {
    const room = WAITING_MAX - this.#waiting.length;
    for (const one of some.slice(0, Math.max(0, room))) this.#waiting.push(one);
    this.#drop(Math.max(0, some.length - room));
  }

  #drop(count: number): void {
    if (count === 0) return;
    this.#dropped += count;
    this.#counts?.dropped(count);
  }
}

function rowOf(record: DecisionRecord): Record<string, unknown> {
  return {
    id: record.id,
    vertical: record.vertical,
    purpose: record.purpose,
    scope: record.scope,
    context: record.context,
    candidates: record.candidates,
    selected_slug: record.selectedSlug,
    answered_slug: record.answeredSlug,
    outcome: record.outcome,
    latency_ms: record.latencyMs,
    decided_at: record.decidedAt,
  };
}

// What was written by a try whose answer was lost stays as it is.
const INSERT = `insert into routing_decisions (tenant_id, id, vertical, purpose, scope, context, candidates, selected_slug, answered_slug,
    outcome, latency_ms, decided_at)
  select current_tenant(), r.* from jsonb_to_recordset($1::jsonb) as r (id uuid, vertical vertical, purpose text, scope slot_scope,
    context jsonb, candidates jsonb, selected_slug text, answered_slug text, outcome text, latency_ms int, decided_at timestamptz)
  on conflict do nothing`;

function slices<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, index) =>
    all.slice(index * size, (index + 1) * size),
  );
}
