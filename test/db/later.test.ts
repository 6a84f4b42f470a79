import { randomUUID } from 'node:crypto';

import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { Database, pgCode } from '../../src/db.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';

const TENANT = randomUUID();
const SCOPE = { tenantId: TENANT, customerId: null };
const COUNT =
  "select kind, last::int as last from number_counters where tenant_id = current_tenant() and kind = 'ORDER'";
const ADD = `insert into number_counters as c (tenant_id, kind, last) values (current_tenant(), 'ORDER', $1)
  on conflict (tenant_id, kind) do update set last = c.last * 10 + $1`;

let database: TestDatabase;
let db: Database;
const messages: string[] = [];
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Database({
    url: database.appUrl,
    poolSize: 2,
    acquireTimeoutMs: 5_000,
    statementTimeoutMs: 5_000,
    applicationName: 'later',
    onStatement: (text) => messages.push(text),
    nowMs: () => performance.now(),
  });
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

const stands = async () => (await db.read(SCOPE, (tx) => tx.maybeOne<{ last: number }>(COUNT)))?.last ?? 0;

describe('a write that nobody waits for', () => {
  test('takes its place among the others and is there for the next statement and after the commit', async () => {
    const seen = await db.write(SCOPE, async (tx) => {
      tx.later(ADD, [1]);
      tx.later(ADD, [2]);
      const between = await tx.one<{ last: number }>(COUNT);
      tx.later(ADD, [3]);
      return between.last;
    });
    expect(seen).toBe(12);
    expect(await stands()).toBe(123);
  });

  test('that fails fails the transaction with its own error and leaves nothing of it', async () => {
    const before = await stands();
    const failing = db.write(SCOPE, async (tx) => {
      tx.later(ADD, [7]);
      tx.later("insert into number_counters (tenant_id, kind) values (current_tenant(), 'ORDER')", []);
      tx.later(ADD, [8]);
    });
    await expect(failing.catch((error: unknown) => pgCode(error))).resolves.toBe('23505');
    expect(await stands()).toBe(before);
  });

  test('that fails before a statement makes that statement fail, and is not taken for done', async () => {
    const before = await stands();
    const failing = db.write(SCOPE, async (tx) => {
      tx.later("insert into number_counters (tenant_id, kind) values (current_tenant(), 'ORDER')", []);
      await tx.query(COUNT).catch(() => []);
      return 'believed';
    });
    await expect(failing).rejects.toThrow();
    expect(await stands()).toBe(before);
  });

  test('of a transaction rolled back by its work is not sent at all', async () => {
    const before = await stands();
    const sent = messages.length;
    await expect(
      db.write(SCOPE, async (tx) => {
        tx.later(ADD, [9]);
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect(messages.length).toBe(sent);
    expect(await stands()).toBe(before);
  });

  test('in a transaction that only reads is refused instead of forgotten', async () => {
    await expect(db.read(SCOPE, async (tx) => tx.later(ADD, [9]))).rejects.toThrow('a transaction that reads');
  });
});

const EVENTS = 'insert into events (tenant_id, id, type, aggregate_type, aggregate_id, version, payload, occurred_at)';
const event = (version: number) => [randomUUID(), 'order.status', 'Order', TENANT, version, '{}', new Date()];
const versions = async () => {
  const rows = await db.read(SCOPE, (tx) =>
    tx.query<{ version: number }>('select version from events where tenant_id = current_tenant() order by position'),
  );
  return rows.map(({ version }) => version);
};

describe('rows that nobody waits for', () => {
  test('leave together in one statement, in the order in which they were given, in their place among the others', async () => {
    const owner = new pg.Client({ connectionString: database.ownerUrl });
    await owner.connect();
    await owner.query(
      "insert into tenants (id, slug, name, currency_code, tax_profile, legal, created_at) values ($1, 'rows', 'rows', 'EGP', '{}', '{}', now())",
      [TENANT],
    );
    await owner.end();
    const sent = messages.length;
    await db.write(SCOPE, async (tx) => {
      for (const version of [1, 2, 3]) tx.insertLater(EVENTS, event(version));
      tx.later(ADD, [1]);
      await tx.query(COUNT);
      for (const version of [4, 5]) tx.insertLater(EVENTS, event(version));
    });
    expect(messages.slice(sent).filter((text) => text.startsWith(EVENTS))).toHaveLength(2);
    expect(await versions()).toEqual([1, 2, 3, 4, 5]);
  });

  test('are as many statements as it takes, when they are many', async () => {
    const many = Array.from({ length: 30 }, (_, index) => index + 6);
    const sent = messages.length;
    await db.write(SCOPE, async (tx) => {
      for (const version of many) tx.insertLater(EVENTS, event(version));
    });
    expect(messages.length - sent).toBeLessThan(10);
    expect((await versions()).slice(5)).toEqual(many);
  });
});

describe('a transaction of one statement', () => {
  test('is there when its rows are', async () => {
    const before = await stands();
    const rows = await db.writeOnce<{ last: number }>(SCOPE, `${ADD} returning c.last::int as last`, [4]);
    expect(rows).toEqual([{ last: before * 10 + 4 }]);
    expect(await stands()).toBe(before * 10 + 4);
  });

  test('that is refused, by the statement or by its commit, leaves nothing, and the connection as it was', async () => {
    const before = await stands();
    const twice = "insert into number_counters (tenant_id, kind) values (current_tenant(), 'ORDER')";
    await expect(db.writeOnce(SCOPE, twice, []).catch((error: unknown) => pgCode(error))).resolves.toBe('23505');
    const placeless = `insert into events (tenant_id, id, type, aggregate_type, aggregate_id, version, payload, occurred_at)
      values ($1, gen_random_uuid(), 'order.status', 'Order', $1, 1, '{}', now())`;
    const nowhere = randomUUID();
    const refused = db.writeOnce({ tenantId: nowhere, customerId: null }, placeless, [nowhere]);
    await expect(refused, 'a tenant without a stream').rejects.toThrow();
    expect(await stands()).toBe(before);
    await db.writeOnce(SCOPE, ADD, [5]);
    expect(await stands()).toBe(before * 10 + 5);
  });
});
