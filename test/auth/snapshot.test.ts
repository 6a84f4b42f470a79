import { beforeEach, describe, expect, it } from 'vitest';

import { AccessSnapshot, type AccessEvent, type AccessFeed } from '../../src/auth/snapshot.ts';
import type { Database } from '../../src/db.ts';

const TENANT = 'a';

let now: number;
let reads: number;
let freshAtMs: number | null;
let pending: (() => void)[];
let held: boolean;
let listener: Parameters<AccessFeed['listen']>[0];
let snapshot: AccessSnapshot;

// Counts the reads; while `held`, they wait, so that an event can come in between.
const db = {
  read: async () => {
    reads += 1;
    if (held) await new Promise<void>((resolve) => pending.push(resolve));
    return { id: TENANT, version: reads };
  },
} as unknown as Database;

const changed: AccessEvent = { tenantId: TENANT, type: 'tenant.changed', aggregateId: TENANT, version: 2 };
const ask = async () => snapshot.knownTenant(TENANT) ?? snapshot.tenant(TENANT);
const asksAgain = async () => {
  const before = reads;
  await ask();
  return reads > before;
};

beforeEach(() => {
  [now, reads, freshAtMs, pending, held] = [1_000_000, 0, null, [], false];
  snapshot = new AccessSnapshot(db, { now: () => new Date(now) });
  snapshot.follow({ listen: (given) => (listener = given), freshAtMs: () => freshAtMs });
});

describe('an entry', () => {
  it('is believed while the journal was heard in the last two seconds, and not a moment longer', async () => {
    listener.onStart(TENANT);
    await ask();
    now += 60_000;
    freshAtMs = now - 2_000;
    expect(await asksAgain()).toBe(false);
    freshAtMs = now - 2_001;
    expect(await asksAgain()).toBe(true);
  });

  it('that was read before the tenant was listened to is not believed, because its change may have gone unheard', async () => {
    await ask();
    now += 1;
    listener.onStart(TENANT);
    freshAtMs = now;
    expect(await asksAgain()).toBe(true);
    now += 60_000;
    freshAtMs = now;
    expect(await asksAgain()).toBe(false);
  });

  it('that nobody listens for is believed for a quarter of a second, so that a burst shares one look', async () => {
    await ask();
    now += 249;
    expect(await asksAgain()).toBe(false);
    now += 1;
    expect(await asksAgain()).toBe(true);
  });

  it('read while an event came in serves its own request and no other: it may be older than the event', async () => {
    listener.onStart(TENANT);
    freshAtMs = now;
    held = true;
    const running = ask();
    await Promise.resolve();
    listener.onEvent(changed);
    held = false;
    pending.forEach((resolve) => resolve());
    await running;
    expect(await asksAgain()).toBe(true);
    expect(await asksAgain()).toBe(false);
  });

  it('read while the listening began serves its own request and no other', async () => {
    held = true;
    const running = ask();
    await Promise.resolve();
    listener.onStart(TENANT);
    held = false;
    pending.forEach((resolve) => resolve());
    await running;
    expect(await asksAgain()).toBe(true);
  });

  it('is forgotten by its event, and by no event of something new', async () => {
    listener.onStart(TENANT);
    freshAtMs = now;
    await ask();
    listener.onEvent({ ...changed, version: 1 });
    listener.onEvent({ ...changed, type: 'order.status' });
    expect(await asksAgain()).toBe(false);
    listener.onEvent(changed);
    expect(await asksAgain()).toBe(true);
  });
});

it('many requests that miss at once share one read', async () => {
  await Promise.all(Array.from({ length: 50 }, ask));
  expect(reads).toBe(1);
});

it('the journal is told of every tenant in use', async () => {
  expect([...listener.tenants()]).toEqual([]);
  await ask();
  expect([...listener.tenants()]).toEqual([TENANT]);
});
