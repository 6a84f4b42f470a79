import { AppError } from '../errors.ts';
import type { Feed, JournalEvent } from '../journal.ts';
import type { Gate } from '../journal/gate.ts';
import type { Execution } from './execution.ts';
import type { Member } from './member.ts';
import { isAbout, type WatchFilter } from '../journal/watch.ts';

/**
 * Events whose execution has begun or waits at the gate. With few, a group that has many events would get less than its share wherever the
 * gate is crowded, because it would queue with few at a time.
 */
const AHEAD = 64;
/** Beyond this the group can't keep up, and its members had better resume later. */
const QUEUE_MAX = 2_000;
const SLICE_SIZE = 200;
const KEPT_RESULTS_MAX = 512;
/** Nested objects are read when delivered; a result may serve those who come this much later. */
const RESULT_KEPT_MS = 1_000;

interface Queued {
  readonly event: JournalEvent;
  result: Promise<Buffer> | null;
}

interface Kept {
  readonly atMs: number;
  readonly result: Promise<Buffer>;
}

export interface GroupOptions {
  readonly key: string;
  readonly execution: Execution;
  readonly feed: Feed;
  /** Bound the executions of all groups together. */
  readonly liveGate: Gate;
  readonly catchUpGate: Gate;
  readonly nowMs: () => number;
  readonly onExecuted: () => void;
  readonly onSent: (count: number) => void;
}

/** Equal subscriptions: each event is executed once and serialised once for all of them. */
export class Group {
  readonly key: string;
  readonly feed: Feed;
  /** All, whether they catch up or are live. */
  readonly members = new Set<Member>();
  readonly #options: GroupOptions;
  readonly #live = new Set<Member>();
  readonly #queue: Queued[] = [];
  readonly #kept = new Map<bigint, Kept>();
  #running = false;

  constructor(options: GroupOptions) {
    this.#options = options;
    this.key = options.key;
    this.feed = options.feed;
  }

  get filter(): WatchFilter {
    return this.#options.execution.watch.filter;
  }

  /** Live members have had everything up to here. */
  get covered(): bigint {
    const first = this.#queue[0];
    return first ? first.event.position - 1n : this.feed.position;
  }

  goLive(member: Member): void {
    this.#live.add(member);
  }

  leaveLive(member: Member): void {
    this.#live.delete(member);
  }

  /** An event of the feed, in order. */
  offer(event: JournalEvent): void {
    if (this.#live.size === 0 || !isAbout(this.filter, event)) return;
    if (this.#queue.length >= QUEUE_MAX) {
      this.#failLive(
        new AppError('OVERLOADED', 'The service can not keep up at present. Please resume from the cursor shortly.'),
      );
      return;
    }
    const result = this.#queue.length < AHEAD ? this.#resultFor(event, this.#options.liveGate) : null;
    this.#queue.push({ event, result });
    if (!this.#running) void this.#run();
  }

  /** The result for an event of the past, executed now unless it just was. */
  pastResultFor(event: JournalEvent): Promise<Buffer> {
    return this.#resultFor(event, this.#options.catchUpGate);
  }

  #resultFor(event: JournalEvent, gate: Gate): Promise<Buffer> {
    const nowMs = this.#options.nowMs();
    const kept = this.#kept.get(event.position);
    if (kept && nowMs - kept.atMs < RESULT_KEPT_MS) return kept.result;
    const result = gate.run(() => {
      this.#options.onExecuted();
      return this.#options.execution.resultFor(event);
    });
    this.#keep(event.position, { atMs: nowMs, result });
    return result;
  }

  #keep(position: bigint, kept: Kept): void {
    this.#kept.delete(position);
    this.#kept.set(position, kept);
    kept.result.catch(() => void (this.#kept.get(position) === kept && this.#kept.delete(position)));
    for (const [oldest, { atMs }] of this.#kept) {
      if (this.#kept.size <= KEPT_RESULTS_MAX && kept.atMs - atMs < RESULT_KEPT_MS) break;
      this.#kept.delete(oldest);
    }
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (let first = this.#queue[0]; first; first = this.#queue[0]) {
      for (const queued of this.#queue.slice(0, AHEAD))
        queued.result ??= this.#resultFor(queued.event, this.#options.liveGate);
      try {
        const payload = await first.result!;
        if (this.#queue[0] === first) await this.#deliver(first.event.position, payload);
      } catch (error) {
        this.#failLive(error as Error);
      }
      if (this.#queue[0] === first) this.#queue.shift();
    }
    this.#running = false;
  }

  // In slices, so that thousands of writes in a row don't hold up what else the process has to do. Members that come or go between two
  // slices are no trouble: each knows what it has had.
  async #deliver(position: bigint, payload: Buffer): Promise<void> {
    const nowMs = this.#options.nowMs();
    let sent = 0;
    let inSlice = 0;
    for (const member of this.#live) {
      if (member.deliver(position, payload, nowMs)) sent += 1;
      inSlice += 1;
      if (inSlice === SLICE_SIZE) {
        inSlice = 0;
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    this.#options.onSent(sent);
  }

  #failLive(error: Error): void {
    for (const member of [...this.#live]) member.fail(error);
    this.#queue.length = 0;
  }
}
