import { createHash } from 'node:crypto';

import type pg from 'pg';

import { Batch, type Outcome } from './batch.ts';

const statementNames = new Map<string, string>();

/** Statements are prepared once per connection under a name derived from their text; all texts are constants of the program. */
function nameOf(text: string): string {
  let name = statementNames.get(text);
  if (name === undefined) {
    name = createHash('sha1').update(text).digest('base64url');
    if (statementNames.size >= 5000) throw new Error('Too many different statements: is a value built into a text?');
    statementNames.set(text, name);
  }
  return name;
}

/** What is asked in one turn of the event loop goes out, and is answered, in one message. */
export class Connection {
  readonly client: pg.PoolClient;
  readonly #onStatement: ((text: string) => void) | undefined;
  #batch: Batch | null = null;
  #last: Batch | null = null;

  constructor(client: pg.PoolClient, onStatement: ((text: string) => void) | undefined) {
    this.client = client;
    this.#onStatement = onStatement;
  }

  query<T>(text: string, values: readonly unknown[] = []): Promise<T[]> {
    this.tellOf(text);
    return this.send<T>(text, values);
  }

  tellOf(text: string): void {
    this.#onStatement?.(text);
  }

  async send<T>(text: string, values: readonly unknown[]): Promise<T[]> {
    try {
      return (await this.#ask(text, values)).rows as T[];
    } catch (error) {
      // Otherwise the stack would lead to the socket and not to whoever asked.
      if (error instanceof Error) Error.captureStackTrace(error);
      throw error;
    }
  }

  /** Begin, commit, rollback. @returns what was done: a commit may turn out to be a rollback. */
  async control(text: string): Promise<string> {
    return (await this.#ask(text, [])).tag;
  }

  /** Ends a transaction that failed and gives the connection back, whatever became of it. */
  rollBack(): Promise<void> {
    return this.control('rollback').then(
      () => this.client.release(),
      (broken: unknown) => this.client.release(broken as Error),
    );
  }

  /** Nothing that was asked here waits for its answer: answers come in the order of the questions. */
  get isQuiet(): boolean {
    return this.#batch === null && (this.#last === null || this.#last.settled);
  }

  /** Sends what waits for the end of this turn, so that somebody else can use the connection behind it. */
  flush(): void {
    if (!this.#batch) return;
    this.client.query(this.#batch);
    this.#last = this.#batch;
    this.#batch = null;
  }

  #ask(text: string, values: readonly unknown[]): Promise<Outcome> {
    if (!this.#batch) {
      this.#batch = new Batch();
      process.nextTick(() => this.flush());
    }
    return this.#batch.add(nameOf(text), text, values);
  }
}

/** How long an ended snapshot may wait for company: its commit goes out with the connection's next statement, or alone. */
const COMMIT_WAIT_MS = 2;

/**
 * Connections whose snapshot is over but not yet committed. On a busy server the next request takes the connection within that time, and
 * its first message carries the commit: one write, one wake-up of the database and one answer less for every query.
 */
export class EndedSnapshots {
  readonly #timers = new Map<pg.PoolClient, NodeJS.Timeout>();

  add(client: pg.PoolClient): void {
    this.#timers.set(
      client,
      setTimeout(() => {
        this.#timers.delete(client);
        void new Connection(client, undefined).control('commit').catch(() => undefined);
      }, COMMIT_WAIT_MS),
    );
    client.release();
  }

  /** To be called before anything else is asked of a connection: it must not be asked in somebody else's snapshot. */
  endOn(connection: Connection): void {
    const timer = this.#timers.get(connection.client);
    if (timer === undefined) return;
    clearTimeout(timer);
    this.#timers.delete(connection.client);
    connection.control('commit').catch(() => undefined);
  }

  clear(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }
}
