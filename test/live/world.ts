import { randomUUID } from 'node:crypto';

import pg from 'pg';
import { expect } from 'vitest';

import { Database, type Row } from '../../src/db.ts';
import { appendEvent, type EventPayloads, type EventType } from '../../src/events.ts';
import { createJournal, type Journal } from '../../src/journal.ts';
import { createLogger } from '../../src/log.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';

const silent = createLogger('silent');
export const clock = { now: () => new Date() };
export const cursorKey = { fingerprint: (text: string) => `key of the tests ${text}` };

/** Asks again until it is so; generous, because machines that test are busy. */
export const until = <T>(ask: () => T) => expect.poll(ask, { timeout: 60_000, interval: 10 });

/** A migrated database of the test's own, a login as weak as the application's, and what was opened on it. */
export class World {
  readonly url: string;
  readonly db: Database;
  readonly #database: TestDatabase;
  readonly #closing: (() => Promise<unknown>)[] = [];

  static async create(): Promise<World> {
    return new World(await createTestDatabase());
  }

  private constructor(database: TestDatabase) {
    this.#database = database;
    this.url = database.appUrl;
    this.db = this.database(6);
  }

  database(poolSize: number): Database {
    const db = new Database({
      url: this.url,
      poolSize,
      acquireTimeoutMs: 5000,
      statementTimeoutMs: 8000,
      applicationName: 'test',
      nowMs: () => Date.now(),
    });
    this.#closing.push(() => db.close());
    return db;
  }

  async journal(options: { lookEveryMs?: number } = {}): Promise<Journal> {
    const journal = createJournal({
      url: this.url,
      applicationName: 'test-journal',
      clock,
      log: silent,
      lookUp: (text, values) => this.db.lookUp(text, values),
      ...options,
    });
    this.#closing.unshift(() => journal.close());
    await journal.start();
    return journal;
  }

  /** Statements as the owner of everything, whom row-level security does not bind. */
  admin<T = Row>(text: string, values: unknown[] = []): Promise<T[]> {
    return asOwner(this.#database.ownerUrl, async (client) => (await client.query(text, values)).rows as T[]);
  }

  async tenant(): Promise<string> {
    const id = randomUUID();
    await this.admin(
      `insert into tenants (id, slug, name, currency_code, tax_profile, legal, created_at)
       values ($1, $2, 'Test', 'USD', '{"roundingMode": "HALF_UP", "roundingLevel": "LINE", "pricesIncludeTax": false}', '{}', now())`,
      [id, `t-${id}`],
    );
    return id;
  }

  /** Commits one event, of an aggregate that was there before. */
  async write<T extends EventType>(
    tenantId: string,
    type: T,
    payload: EventPayloads[T],
    aggregateId: string = randomUUID(),
  ): Promise<void> {
    await this.db.write({ tenantId, customerId: null }, async (tx) =>
      appendEvent(tx, {
        id: randomUUID(),
        type,
        aggregateType: 'Order',
        aggregateId,
        version: 2,
        payload,
        occurredAt: new Date(),
      }),
    );
  }

  /** Commits so many changes of one order's status at once. */
  async writeMany(tenantId: string, count: number, orderId: string = randomUUID()): Promise<void> {
    await this.admin(
      `insert into events (tenant_id, id, type, aggregate_type, aggregate_id, version, payload, occurred_at)
       select $1, gen_random_uuid(), 'order.status', 'Order', $2, 2,
         '{"v": 1, "customerId": "00000000-0000-0000-0000-000000000000", "previousStatus": "DRAFT", "status": "ISSUED"}', now()
       from generate_series(1, $3)`,
      [tenantId, orderId, count],
    );
  }

  async drop(): Promise<void> {
    for (const close of this.#closing) await close();
    await this.#database.drop();
  }
}

async function asOwner<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** An order's change of status by a customer; what the tests write when it doesn't matter what. */
export const orderStatus = (customerId: string = randomUUID(), status = 'ISSUED') => ({
  v: 1 as const,
  customerId,
  previousStatus: 'DRAFT',
  status,
});
