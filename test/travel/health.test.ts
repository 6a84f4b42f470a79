import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type { Database } from '../../src/db.ts';
import { createLogger } from '../../src/log.ts';
import { DecisionLog, type DecisionRecord } from '../../src/providers/decisions.ts';
import { Health } from '../../src/providers/health.ts';
import { eventually, startTestApp, type TestApp } from '../helpers/app.ts';
import { configure, descriptionsOf, vendors, type Vendors } from '../helpers/vendors.ts';

/** Health that all processes share (PRV-11, PRV-12, BEY-4), and what is kept of it. */
let world: TestApp;
let all: Vendors;
let shiftMs = 0;
const clock = { now: () => new Date(Date.now() + shiftMs) };
const silent = createLogger('silent');

const start = (more: Partial<Parameters<typeof startTestApp>[0]> = {}) =>
  startTestApp({ worker: false, clock, providerDescriptions: descriptionsOf(all), ...more });
const call = (app = world.app) =>
  app.providers.call(
    'LODGING',
    { slug: 'expedia', tenantId: null, operation: 'search', safe: false, deadlineAtMs: clock.now().getTime() + 5_000 },
    (client, connection, how) => client.searchStays(connection, { currencyCode: 'USD' } as never, how),
  );
const health = (app = world.app) => app.providers.health('expedia');
const row = async (): Promise<any> =>
  (await world.owner("select * from provider_health where slug = 'expedia'"))[0] ?? null;
const events = () =>
  world.owner<{ payload: any }>("select payload from events where type = 'provider.health' order by position");

beforeEach(async () => {
  all = vendors();
  shiftMs = 0;
  world = await start();
  await configure(world, ['expedia']);
});
afterEach(() => world.stop());

describe('a provider that fails', () => {
  test('is out in every process after five calls, and the change bears its evidence', async () => {
    const other = await start({ database: world.database, simulators: world.simulators });
    try {
      await call();
      all.expedia.mood = 'failing';
      for (let count = 0; count < 5; count += 1) await call();
      await eventually(
        () => health(other.app),
        ({ circuit }) => circuit === 'OPEN',
      );
      expect(await call(other.app)).toMatchObject({ kind: 'notDone', detail: 'the circuit is open' });
      expect((await events()).map(({ payload }) => payload)).toMatchObject([
        { slug: 'expedia', verticals: ['LODGING'], previousStatus: 'UNKNOWN', status: 'HEALTHY' },
        {
          previousStatus: 'HEALTHY',
          status: 'UNHEALTHY',
          evidence: { reason: 'FAILS_EVERY_CALL', failuresInRow: 5, ok: 1, failed: 5, circuitTo: 'OPEN' },
        },
      ]);
    } finally {
      await other.stop();
    }
  });

  test('by hanging is found out by checks of this process alone, before its first call has an answer', async () => {
    await call();
    all.expedia.mood = 'hanging';
    // Longer than a crowded machine takes to find out.
    const deadlineAtMs = clock.now().getTime() + 120_000;
    const hanging = world.app.providers.call(
      'LODGING',
      { slug: 'expedia', tenantId: null, operation: 'search', safe: false, deadlineAtMs },
      (client, connection, how) => client.searchStays(connection, {} as never, how),
    );
    let isOver = false;
    void hanging.finally(() => (isOver = true));
    await eventually(health, ({ circuit }) => circuit === 'OPEN');
    expect(isOver).toBe(false);
    // Its one call and the checks that hang together are five that had no answer.
    expect(all.expedia.countOf('search')).toBe(2);
    expect((await events()).at(-1)!.payload.evidence).toMatchObject({ failuresInRow: 5, lastError: 'waiting' });
    // It comes back by checks, too: nobody's customer has to try.
    all.expedia.mood = 'well';
    await eventually(health, ({ status }) => status === 'HEALTHY');
    expect(all.expedia.countOf('search')).toBe(2);
  });
});

describe('checks', () => {
  test('come as often as is configured, each leaves a sample, and a change of how often counts at once', async () => {
    await world.owner("update providers set check_every_seconds = 60 where slug = 'expedia'");
    world.app.providers.refresh();
    await world.app.providers.check('expedia');
    await eventually(row, (kept) => kept?.status === 'HEALTHY');
    const gapMs = async () => {
      const { next_check_at: next, state } = await row();
      return +next - state.checkBeganAt;
    };
    expect(await gapMs()).toBe(60_000);
    await world.app.providers.check('expedia');
    expect(all.expedia.countOf('probe')).toBe(1);
    shiftMs += 61_000;
    await world.app.providers.check('expedia');
    expect(all.expedia.countOf('probe')).toBe(2);
    const records = await world.owner(
      'select status, previous_status, evidence from provider_health_records order by at',
    );
    expect(records).toMatchObject([
      { status: 'UNKNOWN', previous_status: null, evidence: null },
      { status: 'HEALTHY', previous_status: 'UNKNOWN', evidence: { reason: 'ANSWERS' } },
      { status: 'HEALTHY', previous_status: null, evidence: null },
    ]);

    const admin = { token: (await world.session('platformAdmin')).accessToken };
    const { updateProvider } = await world.data(
      admin,
      'mutation ($input: UpdateProviderInput!) { updateProvider(input: $input) { userErrors { code message } } }',
      { input: { slug: 'expedia', checkEverySeconds: 10 } },
    );
    expect(updateProvider.userErrors).toEqual([]);
    await eventually(gapMs, (ms) => ms === 10_000);
  });

  test('that were missed three times leave nothing known, for those who ask and in the row', async () => {
    await call();
    await eventually(row, (kept) => kept?.status === 'HEALTHY');
    shiftMs += 899_000;
    expect(health().status).toBe('HEALTHY');
    shiftMs += 3_000;
    expect(health().status).toBe('UNKNOWN');
    all.expedia.mood = 'rejecting';
    await world.app.providers.check('expedia');
    await eventually(row, (kept) => kept.status === 'UNKNOWN');
    expect((await events()).at(-1)!.payload).toMatchObject({ status: 'UNKNOWN', evidence: { reason: 'NO_EVIDENCE' } });
  });

  test('are due as jobs of the provider, and made by whichever process comes', async () => {
    const kinds = await world.owner<{ kind: string; id: string }>('select kind, id from due_work(now(), 10)');
    const [provider] = await world.owner("select id from providers where slug = 'expedia'");
    expect(kinds).toContainEqual(expect.objectContaining({ kind: 'provider', id: provider.id }));
    const worker = await start({ database: world.database, simulators: world.simulators, worker: true });
    try {
      await eventually(row, (kept) => kept?.status === 'HEALTHY');
    } finally {
      await worker.stop();
    }
    expect(all.expedia.countOf('probe')).toBe(1);
    expect(await world.owner('select kind from due_work(now(), 10)')).not.toContainEqual({ kind: 'provider' });
  });
});

/** The database, away for its first so many writes. */
function awayFor(writes: number, db: Database): Database {
  let left = writes;
  return {
    read: db.read.bind(db),
    write: (...given: Parameters<Database['write']>) =>
      (left -= 1) >= 0 ? Promise.reject(new Error('The database is away.')) : db.write(...given),
  } as unknown as Database;
}

describe('while the database is away', () => {
  test('what is seen of a provider is known here at once, and in the row once it is back', async () => {
    const { newId } = world.app;
    const seen = new Health({ db: awayFor(2, world.app.db), clock, newId, log: silent, random: () => 0 });
    for (let count = 0; count < 5; count += 1)
      seen.end(seen.begin('expedia', 'call', null), { kind: 'notDone', reason: 'unavailable', detail: 'x' });
    expect(seen.view('expedia').circuit).toBe('OPEN');
    expect(await row()).toBeNull();
    const kept = await eventually(row, (found) => found?.circuit === 'OPEN');
    expect(kept).toMatchObject({ status: 'UNHEALTHY', state: { evidence: { failuresInRow: 5 } } });
    expect(await events()).toHaveLength(1);
    await seen.close();
  });

  test('decisions wait, and are written once', async () => {
    const dropped: number[] = [];
    const counts = { decided: () => undefined, dropped: (count: number) => dropped.push(count) };
    const log = new DecisionLog(awayFor(2, world.app.db), silent, counts);
    for (let count = 0; count < 3; count += 1) log.add(decision());
    await eventually(
      () => world.owner('select id from routing_decisions'),
      (rows) => rows.length === 3,
    );
    await log.close();
    expect(dropped).toEqual([]);
  });

  test('decisions that can never be written are dropped, counted, and hold up nothing', async () => {
    const dropped: number[] = [];
    const counts = { decided: () => undefined, dropped: (count: number) => dropped.push(count) };
    const log = new DecisionLog(awayFor(3, world.app.db), silent, counts);
    log.add(decision());
    await eventually(
      () => dropped,
      (count) => count.length > 0,
    );
    log.add(decision());
    await log.close();
    expect(dropped).toEqual([1]);
    expect(await world.owner('select id from routing_decisions')).toHaveLength(1);
    // More than memory is to hold: the newest are not taken.
    const full = new DecisionLog(awayFor(Infinity, world.app.db), silent, counts);
    for (let count = 0; count < 20_005; count += 1) full.add(decision());
    expect(dropped.slice(1)).toEqual([1, 1, 1, 1, 1]);
    await full.close();
  });
});

function decision(): DecisionRecord {
  return {
    id: world.app.newId(),
    tenantId: '00000000-0000-4000-8000-0000000000d1',
    vertical: 'LODGING',
    purpose: 'SEARCH',
    scope: 'GLOBAL',
    context: {},
    candidates: [],
    selectedSlug: null,
    answeredSlug: null,
    outcome: 'none',
    latencyMs: 1,
    decidedAt: clock.now(),
  };
}
