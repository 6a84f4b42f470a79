import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { encodeGlobalId } from '../../src/global-id.ts';
import { eventually, startTestApp, type As } from '../helpers/app.ts';
import { OTHER_TENANT_ID, RoutingWorld, TENANT_ID } from '../helpers/routing-world.ts';
import { STAY } from '../helpers/travel-world.ts';
import { descriptionsOf } from '../helpers/vendors.ts';

/** Whom routing asks, explained, supposed and written down (PRV-6, PRV-8, PRV-9). */
let routing: RoutingWorld;
let outsider: As;

beforeAll(async () => {
  routing = await RoutingWorld.open();
  const { world } = routing;
  const password = world.passwordOf(OTHER_TENANT_ID, 'operator@other.example');
  const login = { email: 'operator@other.example', password };
  outsider = { token: (await world.session(login, world.facts.otherPortalKey)).accessToken };
});
afterAll(() => routing.world.stop());
beforeEach(async () => {
  // What was decided before this is written by then.
  const { id } = await routing.explain();
  await eventually(
    () => routing.log(),
    ({ nodes }) => nodes.some((node: any) => node.id === id),
  );
  await routing.world.owner('truncate routing_decisions');
});
afterEach(() => routing.restore());

const calls = () => Object.values(routing.all).reduce((sum, { taken }) => sum + taken.length, 0);
const DELETE =
  'mutation ($input: DeleteProviderSlotInput!) { deleteProviderSlot(input: $input) { userErrors { code } } }';
const LODGING = { vertical: 'LODGING', enabled: true, priority: 1 };

describe('whose slots count', () => {
  test('are a tenant’s own where it has any in the vertical, and the global ones for everybody else', async () => {
    expect(await routing.explain()).toMatchObject({ scope: 'GLOBAL', selected: { slug: 'expedia' } });
    const id = await routing.upsert({ providerSlug: 'booking' });
    const own = await routing.explain();
    expect(own).toMatchObject({ scope: 'TENANT', selected: { slug: 'booking' } });
    expect(own.candidates.map(({ slot }: any) => slot.id)).toEqual([id]);
    expect(await routing.explain({ vertical: 'FLIGHTS_BOOKING' })).toMatchObject({ scope: 'GLOBAL' });
    expect(await routing.explain({}, outsider)).toMatchObject({ scope: 'GLOBAL', selected: { slug: 'expedia' } });
    // A slot that is switched off is one, too: the tenant has chosen.
    await routing.upsert({ id, providerSlug: 'booking', enabled: false });
    expect(await routing.reasons()).toEqual({ booking: 'SLOT_DISABLED' });
  });

  test('are the same for a search, which asks whom the query names', async () => {
    const before = routing.all.expedia.taken.length;
    await routing.upsert({ providerSlug: 'booking' });
    const found = await routing.search(STAY);
    expect(found).toMatchObject({ complete: true, decision: { selected: { slug: 'booking' } } });
    expect(found.offers.map(({ provider }: any) => provider.slug)).toEqual(['booking']);
    expect(routing.all.expedia.taken).toHaveLength(before);
  });

  test('count in another process soon after each change, and cost it no statement per request', async () => {
    const { world, all } = routing;
    await world.owner('update portal_configs set rate_limit_per_minute = 1000000 where tenant_id = $1', [TENANT_ID]);
    const other = await startTestApp({
      worker: false,
      database: world.database,
      simulators: world.simulators,
      providerDescriptions: descriptionsOf(all),
    });
    try {
      const operator = { token: (await other.session('operator')).accessToken };
      const query =
        'query ($input: RouteInput!) { routeProvider(input: $input) { scope candidates { accepted reason detail } } }';
      const there = async () => (await other.data(operator, query, { input: { vertical: 'LODGING' } })).routeProvider;
      const shown = ({ scope, candidates }: any) => [scope, ...candidates.map(({ reason }: any) => reason)].join(' ');
      const comes = (wanted: string) => eventually(there, (told) => shown(told) === wanted, 5_000);
      expect(shown(await there())).toBe('GLOBAL ACCEPTED ACCEPTED');

      const slot = { providerSlug: 'booking' };
      const id = await routing.upsert(slot);
      await comes('TENANT ACCEPTED');
      await routing.upsert({ ...slot, id, enabled: false });
      await comes('TENANT SLOT_DISABLED');
      const { deleteProviderSlot } = await world.data(routing.inTenant, DELETE, { input: { id } });
      expect(deleteProviderSlot.userErrors).toEqual([]);
      await comes('GLOBAL ACCEPTED ACCEPTED');

      const statements = async () => (await other.app.metrics.databaseStatements.get()).values[0]!.value;
      const before = await statements();
      for (let count = 0; count < 100; count += 1) await there();
      // What a process does of itself: the log in pieces, a lease of the budget, a look at the journal.
      expect((await statements()) - before).toBeLessThan(50);
    } finally {
      await other.stop();
    }
  });
});

describe('an explanation', () => {
  test('calls nobody, and is written down as what it is', async () => {
    const before = calls();
    const input = {
      currencyCode: 'KWD',
      countryCode: 'KW',
      locale: 'ar-KW',
      amount: '12.345',
      travelDate: '2027-03-01',
      requestKey: 'somebody',
    };
    const told = await routing.explain(input);
    expect(calls()).toBe(before);
    const [kept] = await routing.logged(1);
    expect(kept).toMatchObject({
      ...told,
      purpose: 'EXPLAIN',
      outcome: null,
      answeredBy: null,
      latencyMs: null,
      context: {
        currencyCode: 'KWD',
        countryCode: 'KW',
        language: 'ar-KW',
        amountMinor: '12345',
        travelDate: '2027-03-01',
        requestKey: 'somebody',
      },
    });
  });

  test('of equal requests is equal, whoever asks and however often', async () => {
    await routing.upsert({ providerSlug: 'booking', priority: 1 });
    await routing.upsert({ providerSlug: 'expedia', priority: 1 });
    const first = new Map<string, string>();
    for (const requestKey of Array.from({ length: 20 }, (_, index) => `key ${index}`))
      first.set(requestKey, (await routing.explain({ requestKey })).selected.slug);
    expect(new Set(first.values())).toEqual(new Set(['booking', 'expedia']));
    for (const [requestKey, slug] of first)
      expect((await routing.explain({ requestKey }, routing.tenantAdmin)).selected.slug).toBe(slug);
  });

  test('is asked of the database nothing where only what it says itself is selected', async () => {
    const { world, operator } = routing;
    await world.owner('update portal_configs set rate_limit_per_minute = 1000000 where tenant_id = $1', [TENANT_ID]);
    const query = `query ($input: RouteInput!) { routeProvider(input: $input) { scope decidedAt candidates { accepted reason detail } } }`;
    const ask = () => world.data(operator, query, { input: { vertical: 'LODGING', currencyCode: 'USD' } });
    for (let count = 0; count < 20; count += 1) await ask();
    const statements = async () => (await world.app.metrics.databaseStatements.get()).values[0]!.value;
    const before = await statements();
    for (let count = 0; count < 100; count += 1) await ask();
    // What the process does of itself: the log in pieces, a lease of the budget, a look at the journal.
    expect((await statements()) - before).toBeLessThan(25);
    await eventually(
      () => world.owner('select count(*)::int as count from routing_decisions'),
      ([row]) => row.count === 120,
    );
  });

  test('is for operators and for keys with its scope, of their own tenant', async () => {
    const { world, operator, customer, tenantAdmin, inTenant } = routing;
    const key = async (scopes: readonly string[]): Promise<As> => {
      const { createApiKey } = await world.data(
        tenantAdmin,
        'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { secret } }',
        { input: { mode: 'TEST', scopes } },
      );
      return { key: createApiKey.secret };
    };
    for (const as of [operator, tenantAdmin, inTenant, await key(['routing'])]) {
      const query =
        '{ routeProvider(input: { vertical: LODGING }) { selected { slug } candidates { provider { slug } reason } } }';
      expect((await world.data(as, query)).routeProvider.selected.slug).toBe('expedia');
    }
    expect(await routing.refusals({}, customer)).toEqual([['FORBIDDEN', undefined]]);
    expect(await routing.refusals({}, await key(['search']))).toEqual([['FORBIDDEN', undefined]]);
    const tenantId = encodeGlobalId('Tenant', TENANT_ID);
    expect((await routing.explain({ tenantId })).scope).toBe('GLOBAL');
    expect(await routing.refusals({ tenantId }, outsider)).toEqual([['NOT_FOUND', ['input', 'tenantId']]]);
  });

  test.each([
    [{ amount: '1.00' }, ['input', 'currencyCode']],
    [{ amount: '1.001', currencyCode: 'USD' }, ['input', 'amount']],
    [{ amount: '-1', currencyCode: 'USD' }, ['input', 'amount']],
    [{ requestKey: '' }, ['input', 'requestKey']],
    [{ requestKey: 'x'.repeat(201) }, ['input', 'requestKey']],
  ])('refuses %j, saying what is wrong, and writes nothing', async (input, field) => {
    expect(await routing.refusals(input)).toEqual([['INVALID_INPUT', field]]);
    await routing.explain();
    expect(await routing.logged(1)).toHaveLength(1);
  });
});

describe('a supposition', () => {
  test('is explained and neither written down nor true afterwards', async () => {
    const unavailableProviders = ['expedia'];
    expect(await routing.reasons({ hypothetical: { unavailableProviders } })).toEqual({
      booking: 'ACCEPTED',
      expedia: 'UNHEALTHY',
    });
    // All of them down: who would be asked all the same.
    const none = await routing.explain({ hypothetical: { unavailableProviders: ['expedia', 'booking'] } });
    expect(none.candidates[0]).toMatchObject({ accepted: true, detail: expect.stringContaining('last usable') });
    expect(await routing.explain()).toMatchObject({ selected: { slug: 'expedia' } });
    expect(await routing.logged(1)).toHaveLength(1);
  });

  test('of a slot there is stands in its place, as it is supposed', async () => {
    const id = await routing.globalSlotOf('booking');
    const slots = [{ ...LODGING, id, providerSlug: 'booking', routingRules: { currencyAllow: ['EGP'] } }];
    const told = await routing.explain({ currencyCode: 'EGP', hypothetical: { slots } });
    expect(told).toMatchObject({ scope: 'GLOBAL', selected: { slug: 'booking' } });
    expect(told.candidates[0].slot).toMatchObject({
      id,
      priority: 1,
      tenant: null,
      routingRules: { currencyAllow: ['EGP'] },
    });
    expect(told.candidates).toHaveLength(2);
    expect((await routing.explain()).candidates[1].slot).toMatchObject({ id, priority: 20 });
  });

  test('of a new slot is the tenant’s where it says so, and global otherwise', async () => {
    const slot = { ...LODGING, providerSlug: 'booking' };
    const everybodys = await routing.explain({ hypothetical: { slots: [slot] } });
    expect(everybodys).toMatchObject({ scope: 'GLOBAL', selected: { slug: 'booking' } });
    expect(everybodys.candidates).toHaveLength(3);
    const tenantId = encodeGlobalId('Tenant', TENANT_ID);
    const own = await routing.explain({ hypothetical: { slots: [{ ...slot, tenantId }] } });
    expect(own).toMatchObject({ scope: 'TENANT', selected: { slug: 'booking' } });
    expect(own.candidates.map(({ slot: { tenant } }: any) => tenant.slug)).toEqual([routing.world.facts.tenantSlug]);
  });

  test('of what there is not, or of another’s, finds nothing', async () => {
    const slot = { ...LODGING, providerSlug: 'booking' };
    const own = await routing.upsert({ providerSlug: 'booking' });
    const path = ['input', 'hypothetical', 'slots', '0'];
    const refused = (hypothetical: object, as = outsider) => routing.refusals({ hypothetical }, as);
    expect(await refused({ slots: [{ ...slot, id: own }] })).toEqual([['NOT_FOUND', [...path, 'id']]]);
    expect(await refused({ slots: [{ ...slot, providerSlug: 'constructor' }] })).toEqual([
      ['NOT_FOUND', [...path, 'providerSlug']],
    ]);
    expect(await refused({ unavailableProviders: ['nobody'] })).toEqual([
      ['NOT_FOUND', ['input', 'hypothetical', 'unavailableProviders']],
    ]);
    const tenantId = encodeGlobalId('Tenant', TENANT_ID);
    expect(await refused({ slots: [{ ...slot, tenantId }] })).toEqual([['NOT_FOUND', [...path, 'tenantId']]]);
    expect(await refused({ slots: [{ ...slot, priority: -1 }] })).toEqual([['INVALID_INPUT', [...path, 'priority']]]);
    expect(await refused({ slots: [{ ...slot, routingRules: { trafficShare: 101 } }] })).toEqual([
      ['INVALID_INPUT', [...path, 'routingRules', 'trafficShare']],
    ]);
    expect(await refused({ slots: Array.from({ length: 51 }, () => slot) })).toEqual([
      ['INVALID_INPUT', ['input', 'hypothetical', 'slots']],
    ]);
  });
});

describe('what was decided', () => {
  test('is written down with what came of it, for each purpose', async () => {
    const { all } = routing;
    await routing.search(STAY);
    all.expedia.mood = 'rejecting';
    await routing.search(STAY);
    all.booking.mood = 'rejecting';
    await routing.search(STAY);
    const nodes = await routing.logged(3);
    expect(nodes).toMatchObject([
      { purpose: 'SEARCH', selected: { slug: 'expedia' }, answeredBy: null, outcome: 'rejected' },
      { purpose: 'SEARCH', selected: { slug: 'expedia' }, answeredBy: { slug: 'booking' }, outcome: 'done' },
      { purpose: 'SEARCH', selected: { slug: 'expedia' }, answeredBy: { slug: 'expedia' }, outcome: 'done' },
    ]);
    expect(nodes[0].context).toMatchObject({ currencyCode: 'USD', countryCode: 'US', travelDate: STAY.checkIn });
    // The traveller is a name of ours.
    expect(nodes[0].context.requestKey).toMatch(/^[0-9a-f]{32}$/);
  });

  test('is paged newest first, by vertical, and nobody else’s', async () => {
    for (let count = 0; count < 5; count += 1) {
      await routing.explain({ requestKey: `stay ${count}` });
      await routing.explain({ vertical: 'FLIGHTS_BOOKING', requestKey: `flight ${count}` });
    }
    await routing.logged(10);
    const keys: string[] = [];
    for (let after: string | null = null; ;) {
      const page = await routing.log({ vertical: 'LODGING', first: 2, after });
      keys.push(...page.nodes.map(({ context }: any) => context.requestKey));
      if (!page.pageInfo.hasNextPage) break;
      after = page.pageInfo.endCursor;
    }
    expect(keys).toEqual(['stay 4', 'stay 3', 'stay 2', 'stay 1', 'stay 0']);
    expect((await routing.log({}, outsider)).nodes).toEqual([]);
    expect((await routing.log({}, routing.inTenant)).nodes).toHaveLength(10);
    const { errors } = await routing.world.ask(routing.customer, '{ routingDecisions { nodes { id } } }');
    expect(errors?.[0]?.extensions.code).toBe('FORBIDDEN');
  });

  test('of one vertical is read by that vertical’s own index', async () => {
    const { app } = routing.world;
    for (const vertical of ['LODGING', 'FLIGHTS_BOOKING', 'FLIGHTS_DISCOVERY']) {
      const plan = await app.db.read({ tenantId: TENANT_ID, customerId: null }, async (tx) => {
        // What is read in the index's own order needs no sorting, however few rows there are.
        await tx.query('set local enable_seqscan = off');
        await tx.query('set local enable_sort = off');
        return tx.query<{ 'QUERY PLAN': string }>(
          `explain select d.id from routing_decisions d where d.tenant_id = current_tenant() and d.vertical = '${vertical}'
           order by d.decided_at desc, d.id desc limit 21`,
        );
      });
      const text = plan.map((line) => line['QUERY PLAN']).join('\n');
      expect(text).toContain(`routing_decisions_${vertical.toLowerCase()}`);
      expect(text).not.toContain('Sort');
    }
  });
});
