import type { JournalEvent, LookUp } from '../journal.ts';
import { Gate } from './gate.ts';
import { eventOf, readStreams, type EventRow, type TrackedStream } from './stream.ts';

const PAGE_SIZE = 128;
const PAGES_MAX = 256;
const READS_AT_ONCE_MAX = 4;

/**
 * Older events, read from the database in pages that begin at multiples of the page size. What was handed out never changes, so that a
 * full page serves everyone who resumes, and a thousand clients that come back together cost a few reads.
 */
export class Pages {
  readonly #lookUp: LookUp;
  readonly #pages = new Map<string, Promise<readonly JournalEvent[]>>();
  // Those who catch up share the pool with requests, so only a few read at once.
  readonly #gate = new Gate(READS_AT_ONCE_MAX);

  constructor(lookUp: LookUp) {
    this.#lookUp = lookUp;
  }

  /** The events after a position up to the end of its page and never beyond the stream's own position; the first may be missing. */
  async read(stream: TrackedStream, after: bigint, platformPosition: bigint): Promise<readonly JournalEvent[]> {
    const bound = stream.position;
    const start = after - (after % BigInt(PAGE_SIZE));
    const page = await this.#page(stream, start, bound, platformPosition);
    return page.filter((event) => event.position > after && event.position <= bound);
  }

  forget(tenantId: string): void {
    for (const key of this.#pages.keys()) if (key.startsWith(tenantId)) this.#pages.delete(key);
  }

  #page(
    stream: TrackedStream,
    start: bigint,
    bound: bigint,
    platformPosition: bigint,
  ): Promise<readonly JournalEvent[]> {
    const whole = start + BigInt(PAGE_SIZE) <= bound;
    // A page that still grows is shared only by those who want it up to the same place.
    const key = whole
      ? `${stream.tenantId}:${stream.epoch}:${start}`
      : `${stream.tenantId}:${stream.epoch}:${start}:${bound}`;
    const known = this.#pages.get(key);
    if (known) return known;
    const reading = this.#read(stream, start, platformPosition);
    this.#pages.set(key, reading);
    const forget = () => void (this.#pages.get(key) === reading && this.#pages.delete(key));
    reading.then(() => (whole ? undefined : forget()), forget);
    for (const oldest of this.#pages.keys()) {
      if (this.#pages.size <= PAGES_MAX) break;
      this.#pages.delete(oldest);
    }
    return reading;
  }

  async #read(stream: TrackedStream, start: bigint, platformPosition: bigint): Promise<readonly JournalEvent[]> {
    const rows = await this.#gate.run(() =>
      this.#lookUp<EventRow>(readStreams, [[stream.tenantId], [start.toString()], PAGE_SIZE]),
    );
    return rows.map((row) => eventOf(row, stream.epoch, platformPosition));
  }
}
