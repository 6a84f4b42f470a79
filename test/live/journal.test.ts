import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, expect, test } from 'vitest';

import type { JournalEvent } from '../../src/journal.ts';
import { orderStatus, until, World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await World.create();
});
afterAll(() => world.drop());

/** Takes so many events and ends. */
async function take(events: AsyncGenerator<JournalEvent>, count: number): Promise<JournalEvent[]> {
  const taken: JournalEvent[] = [];
  if (count === 0) return taken;
  for await (const event of events) {
    taken.push(event);
    if (taken.length === count) break;
  }
  return taken;
}
const positions = (events: readonly JournalEvent[]) => events.map((event) => Number(event.position));
const upTo = (count: number, from = 1) => Array.from({ length: count }, (_, index) => index + from);

test('a subscriber from the beginning gets every event, once and in order, whether written before or after', async () => {
  const journal = await world.journal();
  const tenantId = await world.tenant();
  for (let index = 0; index < 5; index += 1) await world.write(tenantId, 'order.status', orderStatus());
  const taking = take(journal.subscribe({ tenantId, after: 0n }), 10);
  for (let index = 0; index < 5; index += 1) {
    await world.write(tenantId, 'order.status', orderStatus());
    journal.wake();
  }
  expect(positions(await taking)).toEqual(upTo(10));
});

test('without a position a subscriber gets what is committed after it asked, and nothing older', async () => {
  const journal = await world.journal();
  const tenantId = await world.tenant();
  await world.write(tenantId, 'order.status', orderStatus());
  const events = journal.subscribe({ tenantId, after: null });
  const first = events.next();
  await until(() => journal.counts.followers).toBe(1);
  // The head is asked for after the feed is open; another head asked later comes back later.
  await journal.head(tenantId);
  await world.write(tenantId, 'order.status', orderStatus());
  journal.wake();
  expect((await first).value?.position).toBe(2n);
  await events.return();
  expect(journal.counts.followers).toBe(0);
});

test('another process is woken: its subscribers need not wait for the regular look', async () => {
  const reading = await world.journal({ lookEveryMs: 3_600_000 });
  const writing = await world.journal({ lookEveryMs: 3_600_000 });
  const tenantId = await world.tenant();
  const taking = take(reading.subscribe({ tenantId, after: 0n }), 2);
  for (let index = 0; index < 2; index += 1) {
    await world.write(tenantId, 'order.status', orderStatus());
    writing.wake();
  }
  expect(positions(await taking)).toEqual([1, 2]);
});

test('without any wake-up the regular look finds the events', async () => {
  const journal = await world.journal({ lookEveryMs: 20 });
  const tenantId = await world.tenant();
  const taking = take(journal.subscribe({ tenantId, after: 0n }), 1);
  await world.write(tenantId, 'order.status', orderStatus());
  expect(positions(await taking)).toEqual([1]);
});

test('a long transaction that commits after later short ones takes its place behind them: dense, in order, nothing passed over', async () => {
  const journal = await world.journal();
  const tenantId = await world.tenant();
  const long = randomUUID();
  const taking = take(journal.subscribe({ tenantId, after: 0n }), 4);
  await world.db.write({ tenantId, customerId: null }, async (tx) => {
    await tx.query(
      `insert into events (tenant_id, id, type, aggregate_type, aggregate_id, version, payload, occurred_at)
       values (current_tenant(), gen_random_uuid(), 'order.status', 'Order', $1, 1, '{}', now())`,
      [long],
    );
    for (let index = 0; index < 3; index += 1) await world.write(tenantId, 'order.status', orderStatus());
    journal.wake();
    await until(async () => (await journal.head(tenantId)).position).toBe(3n);
  });
  journal.wake();
  const events = await taking;
  expect(positions(events)).toEqual([1, 2, 3, 4]);
  expect(events[3]!.aggregateId).toBe(long);
});

test('events committed while the scan runs are neither missed nor repeated', async () => {
  const journal = await world.journal({ lookEveryMs: 5 });
  const tenantId = await world.tenant();
  const total = 600;
  const subscribers: Promise<JournalEvent[]>[] = [];
  const writers = upTo(4).map(async () => {
    for (let index = 0; index < total / 4; index += 1) {
      await world.write(tenantId, 'order.status', orderStatus());
      journal.wake();
      // Subscribers join at every stage of the writing, each from a different place.
      if (index % 15 === 0) {
        const after = (await journal.head(tenantId)).position / 2n;
        subscribers.push(take(journal.subscribe({ tenantId, after }), total - Number(after)));
      }
    }
  });
  await Promise.all(writers);
  const all = await Promise.all(subscribers);
  expect(all.length).toBe(40);
  for (const events of all) expect(positions(events)).toEqual(upTo(events.length, total - events.length + 1));
});

test('what a subscriber reads slowly is read from the database, not kept for it', async () => {
  const journal = await world.journal({ lookEveryMs: 5 });
  const tenantId = await world.tenant();
  const events = journal.subscribe({ tenantId, after: 0n });
  const first = events.next();
  await until(() => journal.counts.followers).toBe(1);
  await world.writeMany(tenantId, 3000);
  const taken = [(await first).value!];
  expect(positions([...taken, ...(await take(events, 2999))])).toEqual(upTo(3000));
});

test('the connection of the journal is killed again and again: no event is missed or repeated', async () => {
  const journal = await world.journal({ lookEveryMs: 20 });
  const tenantId = await world.tenant();
  const taking = take(journal.subscribe({ tenantId, after: 0n }), 60);
  for (let index = 1; index <= 60; index += 1) {
    await world.write(tenantId, 'order.status', orderStatus());
    journal.wake();
    if (index % 12 === 0) {
      await world.admin(
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'test-journal'`,
      );
    }
  }
  expect(positions(await taking)).toEqual(upTo(60));
});

test('a position the journal no longer reaches back to is CURSOR_EXPIRED, the first one kept is not', async () => {
  const journal = await world.journal();
  const tenantId = await world.tenant();
  for (let index = 0; index < 5; index += 1) await world.write(tenantId, 'order.status', orderStatus());
  await world.admin(`delete from events where tenant_id = '${tenantId}' and position <= 3`);
  await world.admin(`update streams set pruned_to = 3 where tenant_id = '${tenantId}'`);
  await expect(take(journal.subscribe({ tenantId, after: 2n }), 1)).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' });
  expect(positions(await take(journal.subscribe({ tenantId, after: 3n }), 2))).toEqual([4, 5]);
});

test('a position beyond the head is CURSOR_INVALID, an unknown tenant NOT_FOUND', async () => {
  const journal = await world.journal();
  const tenantId = await world.tenant();
  await expect(take(journal.subscribe({ tenantId, after: 1n }), 1)).rejects.toMatchObject({ code: 'CURSOR_INVALID' });
  await expect(take(journal.subscribe({ tenantId: randomUUID(), after: null }), 1)).rejects.toMatchObject({
    code: 'NOT_FOUND',
  });
});

test('a restored stream ends its subscribers with CURSOR_INVALID', async () => {
  const journal = await world.journal({ lookEveryMs: 10 });
  const tenantId = await world.tenant();
  const ended = take(journal.subscribe({ tenantId, after: 0n }), 1).then(
    () => 'went on',
    (error: { code: string }) => error.code,
  );
  await until(() => journal.counts.followers).toBe(1);
  await world.admin(`update streams set epoch = gen_random_uuid() where tenant_id = '${tenantId}'`);
  expect(await ended).toBe('CURSOR_INVALID');
});

test('a listener hears every event of the tenants it names before any follower does, and how fresh that is', async () => {
  const journal = await world.journal({ lookEveryMs: 10 });
  const tenantId = await world.tenant();
  const heard: string[] = [];
  journal.listen({
    tenants: () => [tenantId],
    onStart: (started) => started === tenantId && heard.push('start'),
    onEvent: (event) => event.tenantId === tenantId && heard.push(`event ${event.position}`),
  });
  await until(() => journal.freshAtMs(tenantId)).not.toBeNull();
  const before = Date.now();
  await world.write(tenantId, 'tenant.changed', { v: 1 }, tenantId);
  await until(() => heard).toEqual(['start', 'event 1']);
  await until(() => journal.freshAtMs(tenantId)!).toBeGreaterThanOrEqual(before);
  expect(journal.freshAtMs(randomUUID())).toBeNull();
});
