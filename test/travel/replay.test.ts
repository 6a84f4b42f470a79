import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { createContext } from '../../src/request.ts';
import { replayRouting } from '../../src/resolvers/routing-replay.ts';
import { eventually, type As } from '../helpers/app.ts';
import { OTHER_TENANT_ID, RoutingWorld, TENANT_ID } from '../helpers/routing-world.ts';

/** What a proposed configuration would have done with recorded traffic (BEY-5), and what a tenant used of its providers (PRV-13). */
let routing: RoutingWorld;
beforeAll(async () => {
  routing = await RoutingWorld.open();
});
afterAll(() => routing.world.stop());
afterEach(async () => {
  await routing.restore();
  await routing.world.owner('truncate routing_decisions, provider_usage');
});

const REPLAY = `query ($input: ReplayRoutingInput!) { replayRouting(input: $input) { decided moved unlikeRecorded complete reached
  from { provider { slug } count } to { provider { slug } count } moves { from { slug } to { slug } count }
  samples { from { slug } to { slug } decision { id context selected { slug } decidedAt } } } }`;
const FROM = '2026-01-01T00:00:00.000Z';
const TO = '2026-01-11T00:00:00.000Z';
const PERIOD = { vertical: 'LODGING', from: FROM, to: TO };

const ask = (input: Record<string, unknown>, as: As = routing.inTenant) =>
  routing.world.ask(as, REPLAY, { input: { ...PERIOD, ...input } });
const replayed = async (input: Record<string, unknown>): Promise<any> => {
  const { data, errors } = await ask(input);
  if (errors) throw new Error(JSON.stringify(errors));
  return data.replayRouting;
};

/** Searches as they were decided, a minute apart; every third in euros, the others in dollars. */
async function record(count: number, more: { tenant?: string; vertical?: string; every?: string } = {}): Promise<void> {
  await routing.world.owner(
    `insert into routing_decisions (tenant_id, id, vertical, purpose, scope, context, candidates, selected_slug, decided_at)
     select $1, gen_random_uuid(), $2::vertical, case when n % 2 = 0 then 'SEARCH' else 'EXPLAIN' end, 'GLOBAL',
       jsonb_build_object('currencyCode', case when n % 3 = 0 then 'EUR' else 'USD' end, 'countryCode', 'US', 'language', 'en',
         'amountMinor', null, 'travelDate', '2026-08-01', 'requestKey', 'key ' || n),
       '[]', case when $2 = 'LODGING' then 'expedia' else 'kiwi' end, $4::timestamptz + n * $5::interval
     from generate_series(0, $3 - 1) n`,
    [more.tenant ?? TENANT_ID, more.vertical ?? 'LODGING', count, FROM, more.every ?? '1 minute'],
  );
}
const euros = {
  vertical: 'LODGING',
  providerSlug: 'booking',
  enabled: true,
  priority: 1,
  routingRules: { currencyAllow: ['EUR'] },
};

describe('a replay', () => {
  test('says how many would move, from whom to whom, with samples, and does so over pages', async () => {
    await record(2_500);
    await record(10, { tenant: OTHER_TENANT_ID });
    await record(10, { vertical: 'FLIGHTS_BOOKING' });
    const told = await replayed({ slots: [euros] });
    expect(told).toMatchObject({
      decided: 2_500,
      moved: 834,
      unlikeRecorded: 0,
      complete: true,
      reached: FROM,
      from: [{ provider: { slug: 'expedia' }, count: 834 }],
      to: [{ provider: { slug: 'booking' }, count: 834 }],
      moves: [{ from: { slug: 'expedia' }, to: { slug: 'booking' }, count: 834 }],
    });
    expect(told.samples).toHaveLength(10);
    for (const sample of told.samples) {
      expect(sample).toMatchObject({ from: { slug: 'expedia' }, to: { slug: 'booking' } });
      expect(sample.decision).toMatchObject({ context: { currencyCode: 'EUR' }, selected: { slug: 'expedia' } });
    }
    // Newest first.
    const times = told.samples.map(({ decision }: any) => decision.decidedAt);
    expect(times).toEqual(times.toSorted().toReversed());
  });

  test('of the whole log is the same as of each decision by itself', async () => {
    await record(60);
    const slots = [
      { ...euros, routingRules: { trafficShare: 40 } },
      { ...euros, providerSlug: 'expedia', routingRules: { trafficShare: 60 } },
    ];
    let moved = 0;
    for (let index = 0; index < 60; index += 1) {
      const currencyCode = index % 3 === 0 ? 'EUR' : 'USD';
      const input = {
        currencyCode,
        countryCode: 'US',
        locale: 'en',
        travelDate: '2026-08-01',
        requestKey: `key ${index}`,
      };
      const { selected } = await routing.explain({ ...input, hypothetical: { slots } });
      if (selected.slug !== 'expedia') moved += 1;
    }
    expect(moved).toBeGreaterThan(0);
    expect(await replayed({ slots })).toMatchObject({ decided: 60, moved });
  });

  test('shows moves to nobody and from nobody, of the purposes and the period asked for', async () => {
    await record(30);
    const none = await Promise.all(
      ['expedia', 'booking'].map(async (slug, index) => ({
        vertical: 'LODGING',
        id: await routing.globalSlotOf(slug),
        providerSlug: slug,
        enabled: index === 1,
        priority: 10,
        routingRules: { currencyDeny: ['EUR'] },
      })),
    );
    const searches = await replayed({ slots: none, purposes: ['SEARCH'], samples: 1 });
    expect(searches).toMatchObject({
      decided: 15,
      moved: 15,
      to: [
        { provider: { slug: 'booking' }, count: 10 },
        { provider: null, count: 5 },
      ],
    });
    expect(searches.samples).toHaveLength(1);
    const part = { from: '2026-01-01T00:10:00.000Z', to: '2026-01-01T00:20:00.000Z' };
    expect(await replayed({ slots: none, ...part })).toMatchObject({ decided: 10, complete: true, reached: part.from });
    expect(await replayed({ unavailableProviders: ['expedia'] })).toMatchObject({
      moved: 30,
      to: [{ provider: { slug: 'booking' }, count: 30 }],
    });
  });

  test('says how much of it is decided otherwise than then, because who was well then is not known any more', async () => {
    await record(8);
    await routing.world.owner("update providers set enabled = false where slug = 'expedia'");
    routing.world.app.providers.refresh();
    expect(await replayed({})).toMatchObject({ decided: 8, moved: 0, unlikeRecorded: 8 });
  });

  test('that takes as long as the request may ends in time, and says how far it came', async () => {
    await record(4_500);
    const { app } = routing.world;
    const authorization = `Bearer ${routing.atHome.token}`;
    const tenantSlug = routing.world.facts.tenantSlug;
    const identity = await app.auth.identify({ apiKey: null, authorization, origin: null, tenantSlug });
    // Each look at the clock is a quarter of the time there is.
    let looks = 0;
    const stepMs = app.config.requestDeadlineMs / 4;
    const clock = { now: () => new Date(Date.now() + stepMs * looks++) };
    const ctx = createContext({ ...app, clock }, identity, 'slow');
    const told = await replayRouting(ctx, {
      vertical: 'LODGING',
      from: new Date(FROM),
      to: new Date(TO),
      slots: [euros as never],
    });
    ctx.reads.end();
    expect(told.complete).toBe(false);
    expect(told.decided).toBeGreaterThan(0);
    expect(told.decided).toBeLessThan(4_500);
    // The newest ones were looked at: as many minutes as decisions.
    expect(+told.reached).toBe(Date.parse(FROM) + (4_500 - told.decided) * 60_000);
    expect(await replayed({ slots: [euros] })).toMatchObject({ decided: 4_500, complete: true });
  });

  test('is the platform’s, in a tenant', async () => {
    await record(3);
    for (const as of [routing.operator, routing.tenantAdmin, routing.customer])
      expect((await ask({}, as)).errors?.[0]?.extensions.code).toBe('FORBIDDEN');
    expect((await ask({}, routing.atHome)).errors?.[0]?.extensions.code).toBe('INVALID_STATE');
    const own = await routing.upsert({ providerSlug: 'booking' });
    const slots = [{ ...euros, id: own }];
    const other = { ...routing.atHome, tenant: 'other' };
    expect((await ask({ slots }, other)).errors?.[0]?.extensions).toMatchObject({
      code: 'NOT_FOUND',
      field: ['input', 'slots', '0', 'id'],
    });
  });

  test.each([
    [{ from: TO }, ['input', 'to']],
    [{ from: '2025-12-01T00:00:00.000Z' }, ['input', 'from']],
    [{ samples: 51 }, ['input', 'samples']],
    [{ samples: -1 }, ['input', 'samples']],
  ])('of %j is refused', async (input, field) => {
    expect((await ask(input)).errors?.[0]?.extensions).toMatchObject({ code: 'INVALID_INPUT', field });
  });
});

describe('what a tenant used', () => {
  const USAGE = `query ($slug: String, $from: DateTime!, $to: DateTime) { providerUsage(slug: $slug, from: $from, to: $to) {
    provider { slug } calls refused busiestMinute busiestCalls } }`;
  const used = async (as: As, more: Record<string, unknown> = {}) =>
    (await routing.world.data(as, USAGE, { from: FROM, to: TO, ...more })).providerUsage;

  test('of each provider is its own to see, and the platform’s who names it', async () => {
    await routing.world.owner(
      `insert into provider_usage (tenant_id, provider_slug, minute, calls, refused) values
       ($1, 'expedia', '2026-01-01 00:00Z', 3, 0), ($1, 'expedia', '2026-01-01 00:01Z', 7, 2), ($1, 'booking', '2026-01-02 00:00Z', 1, 0),
       ($1, 'booking', '2026-01-11 00:00Z', 100, 0), ($2, 'expedia', '2026-01-01 00:00Z', 1000, 1000)`,
      [TENANT_ID, OTHER_TENANT_ID],
    );
    const own = [
      {
        provider: { slug: 'booking' },
        calls: 1,
        refused: 0,
        busiestMinute: '2026-01-02T00:00:00.000Z',
        busiestCalls: 1,
      },
      {
        provider: { slug: 'expedia' },
        calls: 10,
        refused: 2,
        busiestMinute: '2026-01-01T00:01:00.000Z',
        busiestCalls: 7,
      },
    ];
    expect(await used(routing.operator)).toEqual(own);
    expect(await used(routing.inTenant)).toEqual(own);
    expect(await used(routing.operator, { slug: 'expedia' })).toEqual([own[1]]);
    expect(await used({ ...routing.atHome, tenant: 'other' })).toMatchObject([{ calls: 1_000, refused: 1_000 }]);
    expect(await used(routing.atHome)).toEqual([]);
    const { errors } = await routing.world.ask(routing.customer, USAGE, { from: FROM, to: TO });
    expect(errors?.[0]?.extensions.code).toBe('FORBIDDEN');
    const long = await routing.world.ask(routing.operator, USAGE, { from: '2025-01-01T00:00:00Z', to: TO });
    expect(long.errors?.[0]?.extensions).toMatchObject({ code: 'INVALID_INPUT', field: ['from'] });
  });

  test('shows what its searches cost', async () => {
    const stay = {
      destination: 'SEA',
      checkIn: '2027-01-01',
      checkOut: '2027-01-02',
      occupancies: [{ adults: 1, childAges: [] }],
    };
    await routing.search({ ...stay, currencyCode: 'USD', countryCode: 'US' });
    const from = new Date(Date.now() - 120_000).toISOString();
    await eventually(
      () => used(routing.operator, { from, to: null }),
      (rows) => rows[0]?.calls === 1 && rows[0].provider.slug === 'expedia',
    );
  });
});
