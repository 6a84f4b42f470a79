import type { Journal, JournalEvent } from '../journal.ts';

/** Which events a subscription is about. */
export interface WatchFilter {
  /** Whose stream it is read from: the asker's, or the platform's. */
  readonly tenantId: string;
  readonly eventType: string;
  /** Of one order, one booking, one provider; null: of all. */
  readonly subject: string | null;
  /** What is this customer's; null: whosever it is. It is the right to see, not a wish. */
  readonly customerId: string | null;
  /** Of providers that sell this; null: of all. */
  readonly vertical: string | null;
}

export interface WatchStart {
  readonly epoch: string;
  readonly position: bigint;
}

/** By what name an event is asked for: a payment by its order's, a provider by its slug, everything else by its own id. */
function subjectOf({ type, payload, aggregateId }: JournalEvent): unknown {
  if (type === 'payment.status') return payload['orderId'];
  if (type === 'provider.health') return payload['slug'];
  return aggregateId;
}

function isOfVertical({ payload }: JournalEvent, vertical: string): boolean {
  const { verticals } = payload;
  return Array.isArray(verticals) && verticals.includes(vertical);
}

/** Whether an event is to be told: decided per event, whatever was decided when the subscription began. */
export function isAbout(filter: WatchFilter, event: JournalEvent): boolean {
  return (
    event.tenantId === filter.tenantId &&
    event.type === filter.eventType &&
    (filter.subject === null || subjectOf(event) === filter.subject) &&
    (filter.customerId === null || event.payload['customerId'] === filter.customerId) &&
    (filter.vertical === null || isOfVertical(event, filter.vertical))
  );
}

/**
 * What a subscription field's `subscribe` gives: what to watch and from where. The live layer reads these facts and shares the work; any
 * standard executor can simply iterate it.
 */
export class Watch implements AsyncIterable<JournalEvent> {
  readonly filter: WatchFilter;
  readonly start: WatchStart;
  readonly #journal: Journal;
  #events: AsyncGenerator<JournalEvent, void, void> | null = null;

  constructor(journal: Journal, filter: WatchFilter, start: WatchStart) {
    this.#journal = journal;
    this.filter = filter;
    this.start = start;
  }

  /** One and the same however often it is asked for: executors ask once to iterate and once more to be able to end it. */
  [Symbol.asyncIterator](): AsyncGenerator<JournalEvent, void, void> {
    return (this.#events ??= this.#begin());
  }

  #begin(): AsyncGenerator<JournalEvent, void, void> {
    const events = this.#journal.subscribe({ tenantId: this.filter.tenantId, after: this.start.position });
    const next = async (): Promise<IteratorResult<JournalEvent, void>> => {
      for (;;) {
        const result = await events.next();
        if (result.done || isAbout(this.filter, result.value)) return result;
      }
    };
    return {
      next,
      return: () => events.return(),
      throw: (error: unknown) => events.throw(error),
      [Symbol.asyncIterator]() {
        return this;
      },
      [Symbol.asyncDispose]: async () => void (await events.return()),
    };
  }
}

/** Finds who watches what an event is about without asking everybody: by what it is about, by customer, or the stream as a whole. */
export class WatchIndex<T> {
  readonly #places = new Map<string, Set<T>>();

  add(filter: WatchFilter, watcher: T): void {
    const place = placeOf(filter);
    const watchers = this.#places.get(place);
    if (watchers) watchers.add(watcher);
    else this.#places.set(place, new Set([watcher]));
  }

  delete(filter: WatchFilter, watcher: T): void {
    const place = placeOf(filter);
    const watchers = this.#places.get(place);
    watchers?.delete(watcher);
    if (watchers?.size === 0) this.#places.delete(place);
  }

  /** Candidates: whoever is not among them is not concerned; `isAbout` has the last word. */
  *candidates(event: JournalEvent): Generator<T> {
    const customer = event.payload['customerId'];
    yield* this.#places.get(`${event.type} subject ${String(subjectOf(event))}`) ?? [];
    if (typeof customer === 'string') yield* this.#places.get(`${event.type} customer ${customer}`) ?? [];
    yield* this.#places.get(event.type) ?? [];
  }
}

function placeOf(filter: WatchFilter): string {
  if (filter.subject !== null) return `${filter.eventType} subject ${filter.subject}`;
  if (filter.customerId !== null) return `${filter.eventType} customer ${filter.customerId}`;
  return filter.eventType;
}
