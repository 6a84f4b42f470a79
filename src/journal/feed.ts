import { AppError } from '../errors.ts';
import type { Feed, Follower, JournalEvent, JournalSubscription } from '../journal.ts';
import type { HeadReader } from './heads.ts';
import type { Reader } from './reader.ts';
import { expired, type TrackedStream } from './stream.ts';

const SCAN_SIZE = 128;

export async function follow(reader: Reader, tenantId: string, follower: Follower): Promise<Feed> {
  return new StreamFeed(reader, await reader.open(tenantId, follower), follower);
}

class StreamFeed implements Feed {
  readonly tenantId: string;
  readonly epoch: string;
  readonly #reader: Reader;
  readonly #stream: TrackedStream;
  readonly #follower: Follower;

  constructor(reader: Reader, stream: TrackedStream, follower: Follower) {
    this.tenantId = stream.tenantId;
    this.epoch = stream.epoch;
    this.#reader = reader;
    this.#stream = stream;
    this.#follower = follower;
  }

  get position(): bigint {
    return this.#stream.position;
  }

  get platformPosition(): bigint {
    return this.#reader.platformPosition;
  }

  async read(after: bigint, limit: number): Promise<readonly JournalEvent[]> {
    const recent = this.#stream.recent(after, limit);
    if (recent) return recent;
    const events = await this.#reader.pages.read(this.#stream, after, this.platformPosition);
    // Dense positions: where the next one is gone, it was forgotten, because nothing beyond the stream's place was asked for.
    if (events[0]?.position !== after + 1n) throw expired();
    return events.slice(0, limit);
  }

  stop(): void {
    this.#stream.followers.delete(this.#follower);
  }
}

export function cursorBeyondHead(): AppError {
  return new AppError(
    'CURSOR_INVALID',
    'This cursor is not of this journal. Query the present state and go on from its cursor.',
  );
}

/** Scan, then live. The scan ends where the feed stands at one moment, and from there each batch begins where the last ended. */
export function subscribe(
  reader: Reader,
  heads: HeadReader,
  subscription: JournalSubscription,
): AsyncGenerator<JournalEvent, void, void> {
  const signal = new Signal();
  const events = read(reader, heads, subscription, signal);
  // A generator that waits can't be ended from outside; the signal ends its wait first.
  const end = async (): Promise<IteratorResult<JournalEvent, void>> => {
    signal.end();
    return events.return();
  };
  return {
    next: () => events.next(),
    return: end,
    throw: end,
    [Symbol.asyncIterator]() {
      return this;
    },
    async [Symbol.asyncDispose]() {
      await end();
    },
  };
}

async function* read(
  reader: Reader,
  heads: HeadReader,
  { tenantId, after }: JournalSubscription,
  signal: Signal,
): AsyncGenerator<JournalEvent, void, void> {
  const feed = await follow(reader, tenantId, signal);
  try {
    const head = await heads.head(tenantId);
    if (after !== null && after > head.position) throw cursorBeyondHead();
    let covered = after ?? head.position;
    while (!signal.ended) {
      if (signal.lost) throw signal.lost;
      // Whoever began at a head the feed has not come to yet waits for the feed to pass it.
      if (covered >= feed.position) {
        await signal.raised();
        continue;
      }
      for (const event of await feed.read(covered, SCAN_SIZE)) {
        covered = event.position;
        yield event;
      }
    }
  } finally {
    feed.stop();
  }
}

/** Says that there is more to read, and never holds what it is. */
class Signal implements Follower {
  lost: Error | null = null;
  ended = false;
  #raise: (() => void) | null = null;

  onEvents(): void {
    this.#raise?.();
  }

  onLost(error: Error): void {
    this.lost = error;
    this.#raise?.();
  }

  end(): void {
    this.ended = true;
    this.#raise?.();
  }

  raised(): Promise<void> {
    return new Promise((resolve) => {
      this.#raise = () => {
        this.#raise = null;
        resolve();
      };
    });
  }
}
