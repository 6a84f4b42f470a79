import type { Clock } from '../clock.ts';
import { AppError, notFound } from '../errors.ts';
import type { Follower, JournalEvent, JournalListener } from '../journal.ts';
import type { Logger } from '../log.ts';
import type { Line } from './line.ts';
import type { Pages } from './pages.ts';
import { eventOf, readStreams, streamHeads, TrackedStream, type EventRow, type HeadRow } from './stream.ts';

/** The platform's own stream; it is always tracked, because every cursor says where it stands. */
export const PLATFORM_TENANT = '00000000-0000-4000-8000-000000000001';
const READ_LIMIT = 500;
const OPEN_TIMEOUT_MS = 5_000;
const STREAMS_PER_PAUSED_MS = 100;
/** The lag of an event is shown this long; a scrape comes more often. */
const LAG_KEPT_MS = 30_000;
/** Looks come every second; without one for longer the reader itself is behind. */
const BEHIND_MS = 2_000;

export interface ReaderOptions {
  readonly line: Line;
  readonly clock: Clock;
  readonly log: Logger;
  readonly pages: Pages;
}

interface Opening {
  readonly follower: Follower;
  resolve(stream: TrackedStream): void;
  reject(error: Error): void;
}

/** Looks at all tracked streams together: first where they stand, then what is new. One look at a time. */
export class Reader {
  readonly pages: Pages;
  readonly #options: ReaderOptions;
  readonly #streams = new Map<string, TrackedStream>();
  readonly #opening = new Map<string, Set<Opening>>();
  readonly #listeners = new Set<JournalListener>();
  #looking = false;
  #again = false;
  #pause: NodeJS.Timeout | null = null;
  #closed = false;
  #lookedAtMs: number | null = null;
  #lag = { milliseconds: 0, atMs: 0 };
  platformPosition = 0n;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.pages = options.pages;
  }

  get counts(): { streams: number; followers: number } {
    return {
      streams: this.#streams.size,
      followers: [...this.#streams.values()].reduce((sum, stream) => sum + stream.followers.size, 0),
    };
  }

  freshAtMs(tenantId: string): number | null {
    return this.#streams.get(tenantId)?.freshAtMs ?? null;
  }

  lagMs(): number {
    const nowMs = this.#nowMs();
    const sinceLookMs = this.#lookedAtMs === null ? 0 : nowMs - this.#lookedAtMs;
    const ofEventsMs = nowMs - this.#lag.atMs < LAG_KEPT_MS ? this.#lag.milliseconds : 0;
    return Math.max(ofEventsMs, sinceLookMs > BEHIND_MS ? sinceLookMs : 0);
  }

  listen(listener: JournalListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  close(): void {
    this.#closed = true;
    if (this.#pause) clearTimeout(this.#pause);
    const gone = new AppError('OVERLOADED', 'The service is shutting down.');
    for (const set of this.#opening.values()) for (const opening of set) opening.reject(gone);
    for (const stream of this.#streams.values()) this.#lose(stream, gone);
  }

  /** A stream with its follower already in place: what is handed out after `position` reaches it. */
  open(tenantId: string, follower: Follower): Promise<TrackedStream> {
    const known = this.#streams.get(tenantId);
    if (known) {
      known.followers.add(follower);
      return Promise.resolve(known);
    }
    return new Promise((resolve, reject) => {
      const set = this.#opening.get(tenantId) ?? new Set<Opening>();
      this.#opening.set(tenantId, set);
      const timer = setTimeout(() => {
        set.delete(opening);
        reject(
          new AppError('OVERLOADED', 'Live updates are not available at present. Please try again shortly.', {
            log: 'The journal could not be read in time',
          }),
        );
      }, OPEN_TIMEOUT_MS);
      const settled = () => {
        clearTimeout(timer);
        set.delete(opening);
      };
      const opening: Opening = {
        follower,
        resolve: (stream) => (settled(), resolve(stream)),
        reject: (error) => (settled(), reject(error)),
      };
      set.add(opening);
      this.lookSoon();
    });
  }

  /** Looks now, or once more when a look is under way: what was committed before this call will be seen. */
  lookSoon(): void {
    this.#again = true;
    if (this.#looking || this.#pause || this.#closed || !this.#options.line.connected) return;
    void this.#run();
  }

  async #run(): Promise<void> {
    this.#looking = true;
    this.#again = false;
    const startedAtMs = this.#nowMs();
    try {
      await this.#look(startedAtMs);
    } catch (error) {
      this.#options.log.warn({ reason: (error as Error).message }, 'A look at the journal failed');
    } finally {
      this.#looking = false;
    }
    // The more streams there are the more a look costs: the share of the time spent looking is bounded, however often we are woken.
    const pauseMs = 1 + this.#streams.size / STREAMS_PER_PAUSED_MS;
    if (this.#closed) return;
    this.#pause = setTimeout(() => {
      this.#pause = null;
      if (this.#again) this.lookSoon();
    }, pauseMs);
  }

  async #look(startedAtMs: number): Promise<void> {
    const tracked = this.#tracked();
    const heads = await this.#options.line.query<HeadRow>('heads', streamHeads, [[...tracked]]);
    this.#release(tracked);
    const platform = heads.find((head) => head.tenant_id === PLATFORM_TENANT);
    if (platform) this.platformPosition = platform.position;
    let moved = heads.map((head) => this.#place(head, startedAtMs)).filter((stream) => stream !== null);
    while (moved.length > 0 && !this.#closed) moved = await this.#readOn(moved);
    for (const tenantId of tracked) {
      const stream = this.#streams.get(tenantId);
      if (stream) stream.freshAtMs = startedAtMs;
    }
    this.#lookedAtMs = startedAtMs;
    this.#settleUnknown(tracked);
  }

  #tracked(): Set<string> {
    const tracked = new Set<string>([PLATFORM_TENANT]);
    for (const [tenantId, stream] of this.#streams) if (stream.followers.size > 0) tracked.add(tenantId);
    for (const [tenantId, set] of this.#opening) if (set.size > 0) tracked.add(tenantId);
    for (const listener of this.#listeners) for (const tenantId of listener.tenants?.() ?? []) tracked.add(tenantId);
    return tracked;
  }

  #release(tracked: ReadonlySet<string>): void {
    for (const [tenantId, stream] of this.#streams) {
      if (!tracked.has(tenantId) && stream.followers.size === 0) this.#streams.delete(tenantId);
    }
  }

  /** Begins with a stream where it stands, or says that it has moved. */
  #place(head: HeadRow, startedAtMs: number): TrackedStream | null {
    const known = this.#streams.get(head.tenant_id);
    const breach = known?.breachIn(head) ?? null;
    if (known && breach) this.#lose(known, breach);
    const stream = known && !breach ? known : this.#begin(head, startedAtMs);
    for (const opening of [...(this.#opening.get(head.tenant_id) ?? [])]) {
      stream.followers.add(opening.follower);
      opening.resolve(stream);
    }
    this.#opening.delete(head.tenant_id);
    return head.position > stream.position ? stream : null;
  }

  #begin(head: HeadRow, startedAtMs: number): TrackedStream {
    const stream = new TrackedStream(head, startedAtMs);
    this.#streams.set(head.tenant_id, stream);
    for (const listener of this.#listeners) listener.onStart?.(head.tenant_id);
    return stream;
  }

  /** @returns the streams that have more than one read gives. */
  async #readOn(streams: readonly TrackedStream[]): Promise<TrackedStream[]> {
    const rows = await this.#options.line.query<EventRow>('events', readStreams, [
      streams.map((stream) => stream.tenantId),
      streams.map((stream) => stream.position.toString()),
      READ_LIMIT,
    ]);
    const byTenant = Map.groupBy(rows, (row) => row.tenant_id);
    return streams.filter((stream) => {
      const own = byTenant.get(stream.tenantId) ?? [];
      const events = own.map((row) => eventOf(row, stream.epoch, this.platformPosition));
      return this.#handOut(stream, events) && events.length === READ_LIMIT;
    });
  }

  #handOut(stream: TrackedStream, events: readonly JournalEvent[]): boolean {
    if (events.length === 0) return false;
    try {
      stream.take(events);
    } catch (error) {
      this.#lose(stream, error as Error);
      return false;
    }
    const nowMs = this.#nowMs();
    this.#lag = { milliseconds: Math.max(0, nowMs - events[0]!.occurredAt.getTime()), atMs: nowMs };
    for (const event of events) {
      for (const listener of this.#listeners) this.#guard(() => listener.onEvent(event));
    }
    for (const follower of [...stream.followers]) this.#guard(() => follower.onEvents(events));
    return true;
  }

  #lose(stream: TrackedStream, error: Error): void {
    this.#streams.delete(stream.tenantId);
    this.pages.forget(stream.tenantId);
    for (const follower of [...stream.followers]) this.#guard(() => follower.onLost(error));
    stream.followers.clear();
  }

  // A defect of one listener must not keep the journal from the others.
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#options.log.error({ reason: (error as Error).message }, 'A listener of the journal threw');
    }
  }

  // Where the database gave no head there is no such tenant.
  #settleUnknown(tracked: ReadonlySet<string>): void {
    for (const [tenantId, set] of this.#opening) {
      if (!tracked.has(tenantId)) continue;
      for (const opening of [...set]) opening.reject(notFound('tenant'));
      this.#opening.delete(tenantId);
    }
  }

  #nowMs(): number {
    return this.#options.clock.now().getTime();
  }
}
