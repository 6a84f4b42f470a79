import type { Clock } from './clock.ts';
import type { Logger } from './log.ts';
import { createHeadReader, type HeadReader } from './journal/heads.ts';
import { Line, type LineOptions } from './journal/line.ts';
import { Pages } from './journal/pages.ts';
import { Reader } from './journal/reader.ts';
import { follow, subscribe } from './journal/feed.ts';

/** One event as the journal hands it out: in order of position, every position once. */
export interface JournalEvent {
  readonly tenantId: string;
  /** The life of the stream: a restored or reset database has another. */
  readonly epoch: string;
  readonly position: bigint;
  /** Where the platform's stream stood when this event was handed out. */
  readonly platformPosition: bigint;
  readonly type: string;
  readonly aggregateType: string;
  readonly aggregateId: string;
  readonly version: number;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly occurredAt: Date;
}

/** Hears of every event of every tenant tracked in this process, before any follower does. */
export interface JournalListener {
  /** Tenants to track besides those that somebody follows; asked at every look. */
  tenants?(): Iterable<string>;
  /** From here on the tenant's events are heard. What was known of the tenant before may be stale: forget it. */
  onStart?(tenantId: string): void;
  /** Must not throw and must not wait. */
  onEvent(event: JournalEvent): void;
}

/** Is handed a stream's events as they are read; a batch holds dense positions and follows the one before it. */
export interface Follower {
  /** Must not throw and must not wait. */
  onEvents(events: readonly JournalEvent[]): void;
  /** The stream can't be followed on: CURSOR_INVALID after a restore, CURSOR_EXPIRED where events were forgotten unread. */
  onLost(error: Error): void;
}

/** A stream as one follower has it. */
export interface Feed {
  readonly tenantId: string;
  readonly epoch: string;
  /** The last position handed out to the follower. */
  readonly position: bigint;
  /** Where the platform's stream was last seen. */
  readonly platformPosition: bigint;
  /**
   * Events after a position, in order, at most `limit` and none beyond `position`; an empty list means there are none yet.
   * @throws CURSOR_EXPIRED where the journal no longer reaches back so far.
   */
  read(after: bigint, limit: number): Promise<readonly JournalEvent[]>;
  stop(): void;
}

export interface StreamPlace {
  readonly epoch: string;
  readonly position: bigint;
  /** Where the platform's stream stands. */
  readonly platformPosition: bigint;
}

export interface JournalSubscription {
  readonly tenantId: string;
  /** Events after this position; null: from now. */
  readonly after: bigint | null;
}

export interface Journal {
  /** Connects; until then and while the connection is down nothing is handed out, and nothing is lost. */
  start(): Promise<void>;
  close(): Promise<void>;
  /** To be called after a commit that wrote events: cheap, coalesced, never throws (decisions.md, "Journal and wake-ups"). */
  wake(): void;
  /** When the tenant's events were last known to have all been handed out, ms since the epoch; null where it is not tracked. */
  freshAtMs(tenantId: string): number | null;
  /** @returns the way to stop listening. */
  listen(listener: JournalListener): () => void;
  /** Where a tenant's stream stands at this moment in the database. @throws NOT_FOUND */
  head(tenantId: string): Promise<StreamPlace>;
  /** @throws OVERLOADED where the journal can't be read at present, NOT_FOUND. */
  follow(tenantId: string, follower: Follower): Promise<Feed>;
  /**
   * Scans from the position, then goes on live: nothing missed, nothing twice, in order. It reads at its consumer's pace and keeps
   * nothing for it. Throws CURSOR_EXPIRED, CURSOR_INVALID (beyond the head, or the database was restored meanwhile).
   */
  subscribe(subscription: JournalSubscription): AsyncGenerator<JournalEvent, void, void>;
  /** For metrics: how long the last events took from their writing to their hand-out, or how long nothing could be read. */
  lagMs(): number;
  readonly counts: { readonly streams: number; readonly followers: number; readonly connected: boolean };
}

/** Runs one of the closed list of look-up functions on the application's pool (Database.lookUp). */
export type LookUp = <T>(text: string, values: readonly unknown[]) => Promise<T[]>;

export interface JournalOptions {
  /** The application's login. The journal holds one connection of its own. */
  readonly url: string;
  readonly applicationName: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly lookUp: LookUp;
  /** The longest time between two looks, ms. */
  readonly lookEveryMs?: number;
}

/** The process's one reader of the event journal (BEY-1). */
export function createJournal(options: JournalOptions): Journal {
  const line: Line = new Line(lineOptions(options, () => reader.lookSoon()));
  const pages = new Pages(options.lookUp);
  const reader: Reader = new Reader({ line, clock: options.clock, log: options.log, pages });
  const heads: HeadReader = createHeadReader(options.lookUp);
  let interval: NodeJS.Timeout | null = null;
  return {
    async start() {
      interval = setInterval(() => reader.lookSoon(), options.lookEveryMs ?? LOOK_EVERY_MS);
      await line.start();
    },
    async close() {
      if (interval) clearInterval(interval);
      reader.close();
      await line.close();
    },
    wake() {
      // Our own followers need no way over the database.
      reader.lookSoon();
      line.wakeOthers();
    },
    freshAtMs: (tenantId) => reader.freshAtMs(tenantId),
    lagMs: () => reader.lagMs(),
    listen: (listener) => reader.listen(listener),
    head: (tenantId) => heads.head(tenantId),
    follow: (tenantId, follower) => follow(reader, tenantId, follower),
    subscribe: (subscription) => subscribe(reader, heads, subscription),
    get counts() {
      return { ...reader.counts, connected: line.connected };
    },
  };
}

const LOOK_EVERY_MS = 1000;

function lineOptions(options: JournalOptions, onWake: () => void): LineOptions {
  return { url: options.url, applicationName: options.applicationName, log: options.log, onWake };
}
