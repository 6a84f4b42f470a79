import { randomUUID } from 'node:crypto';

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
