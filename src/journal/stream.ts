import { AppError } from '../errors.ts';
import type { Follower, JournalEvent } from '../journal.ts';

/** A row of read_streams. */
export interface EventRow {
  readonly tenant_id: string;
  readonly position: bigint;
  readonly type: string;
  readonly aggregate_type: string;
  readonly aggregate_id: string;
  readonly version: number;
  readonly payload: Record<string, unknown>;
  readonly occurred_at: Date;
}

/** A row of stream_heads. */
export interface HeadRow {
  readonly tenant_id: string;
  readonly epoch: string;
  readonly position: bigint;
}

/** Events kept in memory per followed stream, so that those who catch up need not read the database again. */
const RING_SIZE = 512;

export const readStreams = `select tenant_id, position, type, aggregate_type, aggregate_id, version, payload, occurred_at
  from read_streams($1, $2, $3)`;
export const streamHeads = 'select tenant_id, epoch, position from stream_heads($1)';

export function eventOf(row: EventRow, epoch: string, platformPosition: bigint): JournalEvent {
  return {
    tenantId: row.tenant_id,
    epoch,
    position: row.position,
    platformPosition,
    type: row.type,
    aggregateType: row.aggregate_type,
    aggregateId: row.aggregate_id,
    version: row.version,
    payload: row.payload,
    occurredAt: row.occurred_at,
  };
}

export function expired(): AppError {
  return new AppError(
    'CURSOR_EXPIRED',
    'The journal no longer reaches back to this cursor. Query the present state and go on from its cursor.',
  );
}

/** One tenant's stream as this process reads it. */
export class TrackedStream {
  readonly tenantId: string;
  readonly epoch: string;
  readonly followers = new Set<Follower>();
  /** The last position handed out. */
  position: bigint;
  freshAtMs: number;
  #ring: JournalEvent[] = [];

  constructor(head: HeadRow, freshAtMs: number) {
    this.tenantId = head.tenant_id;
    this.epoch = head.epoch;
    this.position = head.position;
    this.freshAtMs = freshAtMs;
  }

  /** Why the stream as the database has it now is not the one we read so far; null where it is. */
  breachIn(head: HeadRow): AppError | null {
    if (head.epoch === this.epoch && head.position >= this.position) return null;
    return new AppError('CURSOR_INVALID', 'The journal was reset. Query the present state and go on from its cursor.');
  }

  /**
   * Takes the events that follow. Positions are dense, so a hole means that events were forgotten before we read them.
   * @throws CURSOR_EXPIRED
   */
  take(events: readonly JournalEvent[]): void {
    for (const event of events) {
      if (event.position !== this.position + 1n) throw expired();
      this.position = event.position;
      if (this.followers.size > 0) this.#ring.push(event);
    }
    if (this.#ring.length > RING_SIZE * 2) this.#ring = this.#ring.slice(-RING_SIZE);
    if (this.followers.size === 0) this.#ring = [];
  }

  /** Events after a position as far as memory holds them; null where it does not reach back so far. */
  recent(after: bigint, limit: number): readonly JournalEvent[] | null {
    if (after >= this.position) return [];
    const first = this.#ring[0];
    if (!first || after + 1n < first.position) return null;
    const start = Number(after + 1n - first.position);
    return this.#ring.slice(start, start + limit);
  }
}
