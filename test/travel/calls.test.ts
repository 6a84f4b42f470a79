import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { PLATFORM_TENANT_ID } from '../../src/auth/platform.ts';
import type { OutboundCall } from '../../src/integrations/contract.ts';
import type { LodgingClient, ProviderConnection, StayQuery } from '../../src/integrations/travel.ts';
import type { ProviderCall } from '../../src/providers/contract.ts';
import { eventually, startTestApp, type TestApp } from '../helpers/app.ts';
import { configure, credential, descriptionsOf, vendors, type Vendors } from '../helpers/vendors.ts';

/** What stands around one call to a provider (PRV-10, PRV-12, PRV-13, PRV-14). */
let world: TestApp;
let all: Vendors;
let shiftMs = 0;

const TENANT = '00000000-0000-4000-8000-0000000000d1';
const QUERY = { currencyCode: 'USD' } as StayQuery;
const search = (client: LodgingClient, connection: ProviderConnection, call: OutboundCall) =>
  client.searchStays(connection, QUERY, call);

const open = async (more: Parameters<typeof configure>[2] = {}): Promise<void> => {
  all = vendors();
  shiftMs = 0;
  world = await startTestApp({
    worker: false,
    clock: { now: () => new Date(Date.now() + shiftMs) },
    providerDescriptions: descriptionsOf(all),
  });
  await configure(world, ['expedia', 'booking'], more);
};
const now = () => Date.now() + shiftMs;
const about = (more: Partial<ProviderCall> = {}): ProviderCall => ({
  slug: 'expedia',
  tenantId: TENANT,
  operation: 'search',
  safe: false,
  deadlineAtMs: now() + 5_000,
  ...more,
});
const call = (more: Partial<ProviderCall> = {}) => world.app.providers.call('LODGING', about(more), search);
const lookUp = (more: Partial<ProviderCall> = {}) =>
  world.app.providers.call('LODGING', about({ operation: 'lookUp', ...more }), (client, connection, how) =>
    client.lookUp(connection, {} as never, how),
  );
const circuit = () => world.app.providers.health('expedia').circuit;
/** So many failures that the circuit is open. */
const putOut = async (): Promise<void> => {
  all.expedia.mood = 'failing';
  for (let count = 0; count < 5; count += 1) await call();
  await eventually(circuit, (state) => state === 'OPEN');
};

beforeEach(() => open());
afterEach(() => world.stop());

describe('two who ask the same at once', () => {
  const CACHED = { cacheSeconds: { search: 60 } };

  test('cost one call, and whoever has less time waits no longer than that', async () => {
    await world.stop();
    await open(CACHED);
    all.expedia.latencyMs = 3_000;
    const patient = call({ cacheKey: 'one' });
    const since = performance.now();
    const hasty = await call({ cacheKey: 'one', deadlineAtMs: now() + 300 });
    expect(hasty).toMatchObject({ kind: 'notDone', reason: 'unavailable' });
    expect(performance.now() - since).toBeLessThan(2_000);
    expect(await patient).toMatchObject({ kind: 'done' });
    expect(await call({ cacheKey: 'one' })).toMatchObject({ kind: 'done' });
    expect(all.expedia.taken).toHaveLength(1);
  });

  test('where the first ran out of time, the other asks for itself', async () => {
    await world.stop();
    await open(CACHED);
    all.expedia.mood = ({ timeoutMs }) => (timeoutMs < 1_000 ? 'hanging' : 'well');
    const hasty = call({ cacheKey: 'one', deadlineAtMs: now() + 300 });
    const patient = call({ cacheKey: 'one' });
    expect(await hasty).toMatchObject({ kind: 'notDone' });
    expect(await patient).toMatchObject({ kind: 'done' });
    expect(all.expedia.taken).toHaveLength(2);
  });

  test('half an answer is kept by nobody', async () => {
    await world.stop();
    await open(CACHED);
    all.expedia.isComplete = false;
    await call({ cacheKey: 'one' });
    all.expedia.isComplete = true;
    expect(await call({ cacheKey: 'one' })).toMatchObject({ value: { complete: true } });
  });
});

describe('a provider that was switched off', () => {
  test('is asked nothing new, and still about what was begun there', async () => {
    await world.owner("update providers set enabled = false where slug = 'expedia'");
    world.app.providers.refresh();
    expect(await call()).toMatchObject({ kind: 'notDone', reason: 'unavailable' });
    expect(await lookUp()).toMatchObject({ kind: 'done' });
    expect(all.expedia.taken.map(({ operation }) => operation)).toEqual(['lookUp']);
  });
});

describe('what a call says of the provider', () => {
  test('is nothing where it was in a mode that only older bookings use', async () => {
    all.expedia.mood = 'failing';
    for (let count = 0; count < 12; count += 1) await lookUp({ mode: 'PRODUCTION' });
    expect(world.app.providers.health('expedia')).toMatchObject({ status: 'UNKNOWN', circuit: 'CLOSED' });
    for (let count = 0; count < 5; count += 1) await lookUp();
    expect(circuit()).toBe('OPEN');
    // The other mode has a circuit of its own to be let through: none.
    all.expedia.mood = 'well';
    expect(await lookUp({ mode: 'PRODUCTION' })).toMatchObject({ kind: 'done' });
  });

  test('is nothing bad while those before serve in the place of new credentials that are refused', async () => {
    await credential(world, 'expedia', 'SANDBOX', 2, 'too new');
    await world.owner("update credentials set grace_until = now() + interval '1 hour' where version = 1");
    world.app.providers.refresh();
    all.expedia.mood = ({ credentials }) => (credentials['API_KEY'] === 'too new' ? 'refusing' : 'well');
    for (let count = 0; count < 200; count += 1) expect((await call()).kind).toBe('done');
    expect(world.app.providers.health('expedia')).toMatchObject({ status: 'HEALTHY', circuit: 'CLOSED', errorRate: 0 });
    all.expedia.mood = 'refusing';
    for (let count = 0; count < 5; count += 1) await call();
    expect(world.app.providers.health('expedia')).toMatchObject({ circuit: 'OPEN', reason: 'CREDENTIALS_REFUSED' });
  });
});

describe('a circuit that lets trials through', () => {
  test('loses none of its permits to calls that were never made', async () => {
    await putOut();
    // Our own checks say neither, so that nothing but the permits is looked at.
    all.expedia.mood = 'rejecting';
    shiftMs += 10_000;
    for (let count = 0; count < 10; count += 1) await call({ deadlineAtMs: now() - 1 });
    expect(all.expedia.countOf('search')).toBe(5);
    await eventually(
      () => world.app.providers.health('expedia'),
      (health) => health.circuit === 'HALF_OPEN' && health.permitAvailable,
    );
  });

  test('is passed by a few only, however many ask, and by all once these were good', async () => {
    await putOut();
    // Our own checks say neither, so that it is the calls that bring it back.
    all.expedia.mood = ({ operation }) => (operation === 'probe' ? 'rejecting' : 'well');
    all.expedia.latencyMs = 2_000;
    shiftMs += 10_000;
    const before = all.expedia.countOf('search');
    const answers = await Promise.all(Array.from({ length: 20 }, () => call()));
    expect(all.expedia.countOf('search') - before).toBeLessThanOrEqual(3);
    expect(answers.filter(({ kind }) => kind === 'done').length).toBeGreaterThan(0);
    await eventually(
      async () => {
        await call();
        return circuit();
      },
      (state) => state === 'CLOSED',
    );
    expect(world.app.providers.health('expedia').status).toBe('HEALTHY');
  });
});

describe('what a tenant uses of a provider', () => {
  test('is counted for each time the provider was asked, repeats included, and what the budget refused beside it', async () => {
    let tries = 0;
    all.expedia.mood = ({ operation }) => (operation === 'search' && (tries += 1) < 3 ? 'failing' : 'well');
    expect(await call({ safe: true })).toMatchObject({ kind: 'done' });
    await world.owner("update providers set calls_per_minute = 3 where slug = 'booking'");
    world.app.providers.refresh();
    const answers = [];
    for (let count = 0; count < 5; count += 1) answers.push(await call({ slug: 'booking' }));
    const refused = answers.filter((answer) => answer.kind === 'notDone' && answer.reason === 'rateLimited').length;
    expect(refused).toBeGreaterThan(0);
    const used = await eventually(
      () =>
        world.owner<{ slug: string; calls: number; refused: number }>(
          `select provider_slug as slug, sum(calls)::int as calls, sum(refused)::int as refused from provider_usage
           where tenant_id = $1 group by 1 order by 1`,
          [TENANT],
        ),
      (rows) => rows.length === 2,
    );
    expect(used).toEqual([
      { slug: 'booking', calls: 5 - refused, refused },
      { slug: 'expedia', calls: 3, refused: 0 },
    ]);
  });

  test('is nobody’s where it is our own check', async () => {
    await world.app.providers.check('expedia');
    expect(all.expedia.countOf('probe')).toBe(1);
    await call();
    await eventually(
      () => world.owner('select tenant_id as tenant, calls from provider_usage'),
      (rows) => rows.length > 0,
    ).then((rows) => expect(rows).toEqual([{ tenant: TENANT, calls: 1 }]));
    expect(PLATFORM_TENANT_ID).not.toBe(TENANT);
  });
});
