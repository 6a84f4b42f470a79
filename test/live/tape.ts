import type { ExecutionResult } from 'graphql';
import type { Stage } from './stage.ts';
import { until } from './world.ts';

export const WATCH_ORDERS = `subscription WatchOrders($orderId: ID, $after: EventCursor) {
  orderStatusChanged(orderId: $orderId, after: $after) { cursor occurredAt previousStatus status order { id status customer { id } } }
}`;
export const WATCH_PAYMENTS = `subscription WatchPayments($orderId: ID, $after: EventCursor) {
  paymentStatusChanged(orderId: $orderId, after: $after) { cursor previousStatus status payment { id order { id } } }
}`;

export const WATCH_BOOKINGS = `subscription WatchBookings($bookingId: ID, $after: EventCursor) {
  bookingStatusChanged(bookingId: $bookingId, after: $after) { cursor occurredAt previousStatus status booking { id status customer { id } } }
}`;
export const WATCH_HEALTH = `subscription WatchHealth($slug: String, $vertical: Vertical, $after: EventCursor) {
  providerHealthChanged(slug: $slug, vertical: $vertical, after: $after) { cursor occurredAt previousStatus status evidence provider { slug health { status } } }
}`;

interface StatusEvent {
  readonly cursor: string;
  readonly previousStatus: string;
  readonly status: string;
}
export interface OrderEvent extends StatusEvent {
  readonly order: { readonly id: string; readonly status: string };
}
export interface BookingEvent extends StatusEvent {
  readonly booking: { readonly id: string; readonly status: string };
}
export interface HealthEvent extends StatusEvent {
  readonly evidence: Readonly<Record<string, unknown>>;
  readonly provider: { readonly slug: string; readonly health: { readonly status: string } };
}
type Result<E> = ExecutionResult<Readonly<Record<string, E>>, { cursor?: string }>;

/** What both stock clients have in common. */
interface StockClient {
  subscribe<T>(
    payload: { query: string; variables?: Record<string, unknown>; operationName?: string },
    sink: { next(value: ExecutionResult<T, unknown>): void; error(error: unknown): void; complete(): void },
  ): () => void;
}

/** Everything one subscription was told, in the order of its coming. */
export class Tape<E extends StatusEvent = OrderEvent> {
  readonly results: Result<E>[] = [];
  error: unknown = null;
  isComplete = false;
  readonly stop: () => void;

  constructor(client: StockClient, query: string, variables: Record<string, unknown> = {}, operationName?: string) {
    this.stop = client.subscribe<Readonly<Record<string, E>>>(
      { query, variables, ...(operationName !== undefined && { operationName }) },
      {
        next: (result) => this.results.push(result as Result<E>),
        error: (error) => (this.error = error),
        complete: () => (this.isComplete = true),
      },
    );
  }

  /** A tape of a subscription that the server has in its books. */
  static async begun<E extends StatusEvent = OrderEvent>(
    stage: Stage,
    client: StockClient,
    query: string,
    variables: Record<string, unknown> = {},
    operationName?: string,
  ): Promise<Tape<E>> {
    const before = await openSubscriptions(stage);
    const tape = new Tape<E>(client, query, variables, operationName);
    await until(() => openSubscriptions(stage)).toBe(before + 1);
    return tape;
  }

  get events(): E[] {
    return this.results.flatMap((result) => Object.values(result.data ?? {}));
  }

  get statuses(): string[] {
    return this.events.map((event) => event.status);
  }

  get lastCursor(): string {
    return this.events.at(-1)!.cursor;
  }
}

/** Subscriptions open in this process. */
export async function openSubscriptions(stage: Stage): Promise<number> {
  const { values } = await stage.running.app.metrics.subscriptions.get();
  return values.reduce((sum, { value }) => sum + value, 0);
}
