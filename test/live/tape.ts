import type { ExecutionResult } from 'graphql';
import type { Stage } from './stage.ts';
import { until } from './world.ts';

export const WATCH_ORDERS = `subscription WatchOrders($orderId: ID, $after: EventCursor) {
  orderStatusChanged(orderId: $orderId, after: $after) { cursor occurredAt previousStatus status order { id status customer { id } } }
}`;
export const WATCH_PAYMENTS = `subscription WatchPayments($orderId: ID, $after: EventCursor) {
  paymentStatusChanged(orderId: $orderId, after: $after) { cursor previousStatus status payment { id order { id } } }
}`;

export interface OrderEvent {
  readonly cursor: string;
  readonly previousStatus: string;
  readonly status: string;
  readonly order: { readonly id: string; readonly status: string };
}
type Data = { orderStatusChanged: OrderEvent };
type Result = ExecutionResult<Data, { cursor?: string }>;

/** What both stock clients have in common. */
interface StockClient {
  subscribe<T>(
    payload: { query: string; variables?: Record<string, unknown>; operationName?: string },
    sink: { next(value: ExecutionResult<T, unknown>): void; error(error: unknown): void; complete(): void },
  ): () => void;
}

/** Everything one subscription was told, in the order of its coming. */
export class Tape {
  readonly results: Result[] = [];
  error: unknown = null;
  isComplete = false;
  readonly stop: () => void;

  constructor(client: StockClient, query: string, variables: Record<string, unknown> = {}, operationName?: string) {
    this.stop = client.subscribe<Data>(
      { query, variables, ...(operationName !== undefined && { operationName }) },
      {
        next: (result) => this.results.push(result as Result),
        error: (error) => (this.error = error),
        complete: () => (this.isComplete = true),
      },
    );
  }

  /** A tape of a subscription that the server has in its books. */
  static async begun(
    stage: Stage,
    client: StockClient,
    query: string,
    variables: Record<string, unknown> = {},
    operationName?: string,
  ): Promise<Tape> {
    const before = await openSubscriptions(stage);
    const tape = new Tape(client, query, variables, operationName);
    await until(() => openSubscriptions(stage)).toBe(before + 1);
    return tape;
  }

  get events(): OrderEvent[] {
    return this.results.map((result) => result.data?.orderStatusChanged).filter((event) => event !== undefined);
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
