import type { Journal, JournalEvent } from '../journal.ts';

/** Which events a subscription is about. */
export interface WatchFilter {
  readonly tenantId: string;
  readonly eventType: string;
  /** Of one order; null: of all. */
  readonly orderId: string | null;
  /** What is this customer's; null: whosever it is. It is the right to see, not a wish. */
  readonly customerId: string | null;
}

export interface WatchStart {
  readonly epoch: string;
  readonly position: bigint;
}

/** The order an event is about. */
function orderOf(event: JournalEvent): string | null {
  const { orderId } = event.payload;
  if (typeof orderId === 'string') return orderId;
  return event.aggregateType === 'Order' ? event.aggregateId : null;
}

/** Whether an event is to be told: decided per event, whatever was decided when the subscription began. */
export function isAbout(filter: WatchFilter, event: JournalEvent): boolean {
  return (
    event.tenantId === filter.tenantId &&
    event.type === filter.eventType &&
    (filter.orderId === null || orderOf(event) === filter.orderId) &&
    (filter.customerId === null || event.payload['customerId'] === filter.customerId)
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

/** Finds who watches what an event is about without asking everybody: by order, by customer, or the tenant as a whole. */
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
    const order = orderOf(event);
    const customer = event.payload['customerId'];
    if (order !== null) yield* this.#places.get(`${event.type} order ${order}`) ?? [];
    if (typeof customer === 'string') yield* this.#places.get(`${event.type} customer ${customer}`) ?? [];
    yield* this.#places.get(event.type) ?? [];
  }
}

function placeOf(filter: WatchFilter): string {
  if (filter.orderId !== null) return `${filter.eventType} order ${filter.orderId}`;
  if (filter.customerId !== null) return `${filter.eventType} customer ${filter.customerId}`;
  return filter.eventType;
}
