import pg from 'pg';

import type { Logger } from '../log.ts';

/** The channel of wake-ups. A NOTIFY carries no data: the journal itself is the data. */
const CHANNEL = 'portolan_journal';
const WAKE_EVERY_MS = 10;
const BACKOFF_MIN_MS = 50;
const BACKOFF_MAX_MS = 2_000;
const QUERY_TIMEOUT_MS = 5_000;

export interface LineOptions {
  readonly url: string;
  readonly applicationName: string;
  readonly log: Logger;
  /** Somebody committed events, or the line is up again. */
  readonly onWake: () => void;
}

// int8 as bigint: a position is never a float.
const types = new pg.TypeOverrides();
types.setTypeParser(20, BigInt);

/**
 * The journal's own connection. It listens, reads, and wakes the other processes: never inside a business transaction, because a
 * NOTIFY there serialises every commit of the database (decisions.md, "Journal and wake-ups"). When it breaks it comes back by itself.
 */
export class Line {
  readonly #options: LineOptions;
  #client: pg.Client | null = null;
  #closed = false;
  #backoffMs = BACKOFF_MIN_MS;
  #retry: NodeJS.Timeout | null = null;
  #wakeTimer: NodeJS.Timeout | null = null;
  #wakeOwed = false;

  constructor(options: LineOptions) {
    this.#options = options;
  }

  get connected(): boolean {
    return this.#client !== null;
  }

  /** Returns after the first attempt; a database that is not there yet is tried again and again. */
  async start(): Promise<void> {
    await this.#connect();
  }

  /** @throws while the line is down. */
  async query<T>(name: string, text: string, values: readonly unknown[]): Promise<T[]> {
    const client = this.#client;
    if (!client) throw new Error('The journal has no connection.');
    try {
      const result = await client.query({ name, text, values: values as unknown[] });
      return result.rows as T[];
    } catch (error) {
      // A connection whose query failed is not trusted any more: the functions asked here can't fail for a reason of their own.
      this.#drop(client, error as Error);
      throw error;
    }
  }

  /** Tells other processes to look; the first at once, then at most every 10 ms. A wake-up that gets lost costs a second, no event. */
  wakeOthers(): void {
    this.#wakeOwed = true;
    this.#wakeTimer ??= setTimeout(() => this.#sendWake(), 0);
  }

  #sendWake(): void {
    if (!this.#wakeOwed || this.#closed) {
      this.#wakeTimer = null;
      return;
    }
    this.#wakeOwed = false;
    this.#client?.query(`notify ${CHANNEL}`).catch(() => undefined);
    this.#wakeTimer = setTimeout(() => this.#sendWake(), WAKE_EVERY_MS);
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#retry) clearTimeout(this.#retry);
    if (this.#wakeTimer) clearTimeout(this.#wakeTimer);
    const client = this.#client;
    this.#client = null;
    if (!client) return;
    // What was committed last must not wait for the next regular look of others.
    if (this.#wakeOwed) await client.query(`notify ${CHANNEL}`).catch(() => undefined);
    await client.end().catch(() => undefined);
  }

  async #connect(): Promise<void> {
    const client = new pg.Client({
      connectionString: this.#options.url,
      application_name: this.#options.applicationName,
      connectionTimeoutMillis: QUERY_TIMEOUT_MS,
      query_timeout: QUERY_TIMEOUT_MS,
      keepAlive: true,
      // A wake-up goes out while a look is under way.
      pipeline: true,
      // A wake-up is a commit of its own; nobody loses anything when a crash forgets it, so that it needs not wait for the disk.
      options: '-c synchronous_commit=off -c timezone=UTC',
      types,
    } as pg.ClientConfig);
    client.on('error', (error: Error) => this.#drop(client, error));
    client.on('end', () => this.#drop(client, new Error('The connection ended.')));
    client.on('notification', (message: pg.Notification) => {
      if (message.processId !== (client as unknown as { processID: number | null }).processID) this.#options.onWake();
    });
    try {
      await client.connect();
      await client.query(`listen ${CHANNEL}`);
    } catch (error) {
      client.end().catch(() => undefined);
      this.#again(error as Error);
      return;
    }
    if (this.#closed) {
      await client.end().catch(() => undefined);
      return;
    }
    this.#client = client;
    this.#backoffMs = BACKOFF_MIN_MS;
    this.#options.onWake();
  }

  #drop(client: pg.Client, error: Error): void {
    if (this.#client !== client) return;
    this.#client = null;
    client.end().catch(() => undefined);
    this.#again(error);
  }

  #again(error: Error): void {
    if (this.#closed || this.#retry) return;
    this.#options.log.warn({ reason: error.message, retryInMs: this.#backoffMs }, 'The journal lost its connection');
    this.#retry = setTimeout(() => {
      this.#retry = null;
      void this.#connect();
    }, this.#backoffMs);
    this.#backoffMs = Math.min(this.#backoffMs * 2, BACKOFF_MAX_MS);
  }
}
