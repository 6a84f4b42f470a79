import { setTimeout as sleep } from 'node:timers/promises';

import { WebSocket } from 'ws';

/** Thousands of subscribers in a process of their own, speaking graphql-transport-ws. They resume from their last cursor when cut off. */
export interface WatcherPlan {
  /** ws:// addresses; watcher n starts at address n modulo their number and goes to the next when it is cut off. */
  readonly urls: readonly string[];
  readonly watchers: readonly Watcher[];
  readonly query: { readonly dashboard: string; readonly order: string };
  /** Where all of them start. */
  readonly cursor: string;
}

export interface Watcher {
  readonly token: string;
  /** The order it watches; null: the tenant's payments. */
  readonly orderId: string | null;
}

/** An event as its writer knows it. */
export interface WrittenEvent {
  /** Unique, and part of what is delivered: it names the event. */
  readonly occurredAtMs: number;
  /** On the clock all processes of the machine share. */
  readonly committedAtMs: number;
  /** The one watcher it is for; -1: all dashboards. */
  readonly watcher: number;
}

export interface WatcherReport {
  readonly expected: number;
  readonly delivered: number;
  readonly lost: number;
  readonly repeated: number;
  /** What came to somebody it was not for. */
  readonly misdirected: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly reconnections: number;
  /** From being cut off to being subscribed again, the slowest. */
  readonly reconnectedWithinMs: number;
}

/** Monotonic, and the same for every process of the machine. */
export function sharedClockMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

const OPENING_AT_ONCE = 64;
const QUIET_MS = 3_000;
const SETTLE_MS_MAX = 60_000;
const CURSOR = '"cursor":"';
const OCCURRED = '"occurredAt":"';

class Watching {
  readonly #plan: WatcherPlan;
  readonly #cursors: string[];
  readonly #sockets: WebSocket[] = [];
  // Three columns of what came: by whom, which event, when. Objects would cost more than the messages.
  #by = new Uint32Array(1 << 16);
  #event = new Float64Array(1 << 16);
  #at = new Float64Array(1 << 16);
  #count = 0;
  #closing = false;
  #reconnections = 0;
  #reconnectedWithinMs = 0;

  constructor(plan: WatcherPlan) {
    this.#plan = plan;
    this.#cursors = plan.watchers.map(() => plan.cursor);
  }

  async open(): Promise<void> {
    let next = 0;
    const openSome = async (): Promise<void> => {
      for (let index = next++; index < this.#plan.watchers.length; index = next++) await this.#connect(index, index);
    };
    await Promise.all(Array.from({ length: OPENING_AT_ONCE }, openSome));
  }

  /** Resolves when the subscription stands: the server answers the ping behind it in order. */
  #connect(index: number, urlIndex: number): Promise<void> {
    const { urls, watchers, query } = this.#plan;
    const { token, orderId } = watchers[index]!;
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(urls[urlIndex % urls.length]!, 'graphql-transport-ws', { perMessageDeflate: false });
      this.#sockets[index] = socket;
      let standing = false;
      socket.on('open', () =>
        socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } })),
      );
      socket.on('message', (data: Buffer) => {
        const text = data.toString('latin1');
        if (text.includes('"type":"next"')) return this.#note(index, text);
        if (text.includes('"connection_ack"')) {
          const payload =
            orderId === null
              ? { query: query.dashboard, variables: { after: this.#cursors[index] } }
              : { query: query.order, variables: { after: this.#cursors[index], id: orderId } };
          socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload }));
          socket.send('{"type":"ping"}');
        } else if (text.includes('"pong"')) {
          standing = true;
          resolve();
        } else if (text.includes('"type":"error"') || text.includes('"type":"complete"')) {
          reject(new Error(`A subscription was refused: ${text}`));
        }
      });
      socket.on('error', () => undefined);
      socket.on('close', (code, reason) => {
        if (this.#closing) return;
        if (!standing) return reject(new Error(`A connection was closed with ${code} ${reason.toString()}`));
        void this.#reconnect(index, urlIndex + 1);
      });
    });
  }

  async #reconnect(index: number, urlIndex: number): Promise<void> {
    const since = sharedClockMs();
    // As clients do, so that they do not all come at once.
    await sleep(Math.random() * 1_000);
    for (let attempt = 0; attempt < 10; attempt++) {
      try {
        await this.#connect(index, urlIndex + attempt);
        this.#reconnections += 1;
        this.#reconnectedWithinMs = Math.max(this.#reconnectedWithinMs, sharedClockMs() - since);
        return;
      } catch {
        await sleep(200);
      }
    }
  }

  #note(index: number, text: string): void {
    const received = sharedClockMs();
    const cursorAt = text.indexOf(CURSOR);
    const occurredAt = text.indexOf(OCCURRED);
    if (cursorAt < 0 || occurredAt < 0) throw new Error(`A message without its event: ${text}`);
    this.#cursors[index] = text.slice(cursorAt + CURSOR.length, text.indexOf('"', cursorAt + CURSOR.length));
    if (this.#count === this.#by.length) this.#grow();
    this.#by[this.#count] = index;
    this.#event[this.#count] = Date.parse(
      text.slice(occurredAt + OCCURRED.length, text.indexOf('"', occurredAt + OCCURRED.length)),
    );
    this.#at[this.#count] = received;
    this.#count += 1;
  }

  #grow(): void {
    const larger = <T extends Uint32Array | Float64Array>(old: T, fresh: T): T => {
      fresh.set(old);
      return fresh;
    };
    const size = this.#by.length * 2;
    this.#by = larger(this.#by, new Uint32Array(size));
    this.#event = larger(this.#event, new Float64Array(size));
    this.#at = larger(this.#at, new Float64Array(size));
  }

  /** Waits until nothing comes any more, then says what came. */
  async report(events: readonly WrittenEvent[]): Promise<WatcherReport> {
    const dashboards = this.#plan.watchers.flatMap(({ orderId }, index) => (orderId === null ? [index] : []));
    const expected = events.reduce((sum, { watcher }) => sum + (watcher < 0 ? dashboards.length : 1), 0);
    const since = sharedClockMs();
    for (let before = -1; before !== this.#count && sharedClockMs() - since < SETTLE_MS_MAX;) {
      before = this.#count;
      await sleep(QUIET_MS);
    }
    const places = new Map(events.map(({ occurredAtMs }, index) => [occurredAtMs, index]));
    const seen = new Map<number, Set<number>>();
    const latencies: number[] = [];
    let repeated = 0;
    let misdirected = 0;
    for (let index = 0; index < this.#count; index++) {
      const by = this.#by[index]!;
      const event = events[places.get(this.#event[index]!) ?? -1];
      const isFor = event && (event.watcher < 0 ? this.#plan.watchers[by]!.orderId === null : event.watcher === by);
      if (!isFor) {
        misdirected += 1;
        continue;
      }
      const had = seen.get(event.occurredAtMs) ?? new Set();
      seen.set(event.occurredAtMs, had);
      if (had.has(by)) repeated += 1;
      had.add(by);
      latencies.push(Math.max(0, this.#at[index]! - event.committedAtMs));
    }
    const delivered = [...seen.values()].reduce((sum, { size }) => sum + size, 0);
    const sorted = Float64Array.from(latencies).sort();
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    return {
      expected,
      delivered,
      lost: expected - delivered,
      repeated,
      misdirected,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      maxMs: at(1),
      reconnections: this.#reconnections,
      reconnectedWithinMs: this.#reconnectedWithinMs,
    };
  }

  close(): void {
    this.#closing = true;
    for (const socket of this.#sockets) socket.terminate();
  }
}

let watching: Watching | null = null;

async function answer(message: { open?: WatcherPlan; report?: readonly WrittenEvent[] }): Promise<unknown> {
  if (message.open) {
    watching = new Watching(message.open);
    await watching.open();
    return 'open';
  }
  const report = await watching!.report(message.report!);
  watching!.close();
  return report;
}

if (import.meta.main) {
  process.once('disconnect', () => process.exit());
  process.on(
    'message',
    (message: Parameters<typeof answer>[0]) => void answer(message).then((value) => process.send?.(value)),
  );
  process.send?.('ready');
}
