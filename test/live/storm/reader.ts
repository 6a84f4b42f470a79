import { createClient as createStreamClient } from 'graphql-sse';
import { createClient as createSocketClient } from 'graphql-ws';
import { WebSocket } from 'ws';

import { pause, type Random } from './random.ts';

/** What a reader watches, and as whom. */
export interface ReaderOrders {
  readonly tenantId: string;
  /** Name of the subscription's field. */
  readonly field: 'orderStatusChanged' | 'paymentStatusChanged';
  readonly selection: string;
  readonly orderId: string | null;
  readonly customerId: string | null;
  readonly credentials: Readonly<Record<string, string>>;
  readonly transport: 'websocket' | 'event-stream';
  /** Where it begins. */
  readonly after: string;
}

export interface Told {
  readonly cursor: string;
  readonly status: string;
}

interface Sink {
  next(result: { data?: Record<string, Told> | null; errors?: readonly unknown[] }): void;
  error(error: unknown): void;
  complete(): void;
}

/** Being cut off before it is connected is no news to it. */
class QuietSocket extends WebSocket {
  constructor(url: string, protocols: string) {
    super(url, protocols);
    this.on('error', () => undefined);
  }
}

/** A stock client that is cut off again and again and goes on from the last cursor it was told, at any of the servers. */
export class Reader {
  readonly orders: ReaderOrders;
  readonly told: Told[] = [];
  /** Times it began, from its first to its last connection. */
  connections = 0;
  readonly #urls: readonly string[];
  readonly #random: Random;
  #cut: () => void = () => undefined;
  #stopped = false;
  readonly over: Promise<void>;

  constructor(orders: ReaderOrders, urls: readonly string[], random: Random) {
    this.orders = orders;
    this.#urls = urls;
    this.#random = random;
    this.over = this.#run();
  }

  /** Breaks the connection without a word. */
  cut(): void {
    this.#cut();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cut();
    await this.over;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      this.connections += 1;
      await this.#connect(this.#random.pick(this.#urls));
      await pause(this.#random.between(5, 60));
    }
  }

  #connect(url: string): Promise<void> {
    const { field, selection, orderId, transport } = this.orders;
    const after = this.told.at(-1)?.cursor ?? this.orders.after;
    const query = `subscription ($orderId: ID, $after: EventCursor) { ${field}(orderId: $orderId, after: $after) { cursor status ${selection} } }`;
    return new Promise((resolve) => {
      // Whatever comes after the cut is not counted, as a client that was killed would not have it either.
      let alive = true;
      const end = () => {
        alive = false;
        resolve();
      };
      const sink: Sink = {
        next: (result) => {
          const told = result.data?.[field];
          if (alive && told) this.told.push({ cursor: told.cursor, status: told.status });
        },
        error: end,
        complete: end,
      };
      const payload = { query, variables: { orderId, after } };
      const breakOff = transport === 'websocket' ? this.#socket(url, payload, sink) : this.#stream(url, payload, sink);
      this.#cut = () => {
        alive = false;
        breakOff();
        resolve();
      };
      if (this.#stopped) this.#cut();
    });
  }

  #socket(url: string, payload: { query: string; variables: Record<string, unknown> }, sink: Sink): () => void {
    const client = createSocketClient({
      url: url.replace('http', 'ws'),
      webSocketImpl: QuietSocket,
      connectionParams: { ...this.orders.credentials },
      retryAttempts: 0,
    });
    client.subscribe<Record<string, Told>>(payload, sink as never);
    return () => client.terminate();
  }

  #stream(url: string, payload: { query: string; variables: Record<string, unknown> }, sink: Sink): () => void {
    const { apiKey, ...others } = this.orders.credentials;
    const client = createStreamClient({
      url,
      headers: { ...others, ...(apiKey !== undefined && { 'x-api-key': apiKey }) },
      retryAttempts: 0,
    });
    client.subscribe<Record<string, Told>>(payload, sink as never);
    return () => client.dispose();
  }
}
