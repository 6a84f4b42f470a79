import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { PLATFORM_TENANT_ID } from '../../src/auth/platform.ts';
import { decodeGlobalId, encodeGlobalId } from '../../src/global-id.ts';
import { ask, createWorld, mutate, signIn, type Credentials, type TestTenant, type World } from '../auth/world.ts';
import { TestVendor } from '../helpers/travel.ts';

/** Slots: which provider serves whom, and what for (PRV-6). */
let world: World;
let alpha: TestTenant;
let beta: TestTenant;
let home: Credentials;
let inAlpha: Credentials;
let alphaAdmin: Credentials;
let betaAdmin: Credentials;
const vendor = new TestVendor();

const RULES =
  'currencyAllow currencyDeny countryAllow countryDeny languageAllow amountMin amountMax travelFrom travelTo trafficShare';
const SLOT = `id vertical enabled priority provider { slug } tenant { slug } routingRules { ${RULES} }`;
type Input = Record<string, unknown>;
const LODGING = { vertical: 'LODGING', providerSlug: 'expedia', enabled: true, priority: 10 };
const upsert = (input: Input = {}, who = home) =>
  mutate(world.app, who, 'upsertProviderSlot', { ...LODGING, ...input }, `providerSlot { ${SLOT} }`);
const remove = (id: string, who = home) => mutate(world.app, who, 'deleteProviderSlot', { id }, 'deletedId');
const list = async (who: Credentials, args = ''): Promise<any[]> => {
  const answer = await ask(world.app, who, `{ providerSlots${args} { nodes { id priority tenant { slug } } } }`);
  if (answer.errors) throw new Error(answer.codes.join());
  return answer.data!['providerSlots'].nodes;
};
const priorities = async (who: Credentials, args = '') =>
  (await list(who, args)).map(({ priority }) => priority as number);
const tenantId = ({ id }: TestTenant) => encodeGlobalId('Tenant', id);

async function as(role: 'PLATFORM_ADMIN' | 'TENANT_ADMIN' | 'OPERATOR', tenant?: TestTenant): Promise<Credentials> {
  const { email } = await world.person(tenant?.id ?? PLATFORM_TENANT_ID, role);
  const key = tenant ? { key: tenant.portalKey } : {};
  return { ...key, token: (await signIn(world.app, key, email)).accessToken };
}

beforeAll(async () => {
  world = await createWorld({ providerDescriptions: vendor.descriptions });
  alpha = await world.tenant('alpha');
  beta = await world.tenant('beta');
  home = await as('PLATFORM_ADMIN');
  inAlpha = { ...home, tenant: 'alpha' };
  alphaAdmin = await as('TENANT_ADMIN', alpha);
  betaAdmin = await as('TENANT_ADMIN', beta);
  for (const slug of ['expedia', 'kiwi']) await mutate(world.app, home, 'createProvider', { slug }, 'provider { id }');
});
afterAll(() => world?.close());
beforeEach(() => world.owner.query('delete from provider_slots'));

describe('a slot', () => {
  const NONE = {
    currencyAllow: [],
    currencyDeny: [],
    countryAllow: [],
    countryDeny: [],
    languageAllow: [],
    amountMin: null,
    amountMax: null,
    travelFrom: null,
    travelTo: null,
    trafficShare: null,
  };

  test('made at home is global, made in a tenant is that tenant’s', async () => {
    const global = await upsert();
    expect(global).toEqual({
      providerSlot: {
        id: expect.any(String),
        ...LODGING,
        providerSlug: undefined,
        provider: { slug: 'expedia' },
        tenant: null,
        routingRules: NONE,
      },
      userErrors: [],
    });
    const own = await upsert({ tenantId: tenantId(alpha), priority: 1 }, inAlpha);
    expect(own.providerSlot).toMatchObject({ priority: 1, tenant: { slug: 'alpha' } });
    expect((await upsert({ priority: 2 }, inAlpha)).providerSlot.tenant).toEqual({ slug: 'alpha' });
    const { rows } = await world.owner.query('select tenant_id, priority from provider_slots order by priority');
    expect(rows).toEqual([
      { tenant_id: alpha.id, priority: 1 },
      { tenant_id: alpha.id, priority: 2 },
      { tenant_id: null, priority: 10 },
    ]);
  });

  test('is told in the platform’s stream and audit log, also where it is a tenant’s', async () => {
    const { providerSlot } = await upsert({ routingRules: { currencyAllow: ['EGP'] } }, inAlpha);
    const id = decodeGlobalId(providerSlot.id)!.id;
    await upsert({ id: providerSlot.id, priority: 3 }, inAlpha);
    await remove(providerSlot.id, inAlpha);
    const told = await world.owner.query(
      "select tenant_id, aggregate_type, aggregate_id, version, payload from events where type = 'slot.changed' and aggregate_id = $1 order by position",
      [id],
    );
    const event = { tenant_id: PLATFORM_TENANT_ID, aggregate_type: 'ProviderSlot', aggregate_id: id };
    const payload = { v: 1, slug: 'expedia', tenantId: alpha.id };
    expect(told.rows).toEqual([1, 2, 3].map((version) => ({ ...event, version, payload })));
    const entries = await world.owner.query(
      'select action, before, after from audit_entries where target = $1 order by position',
      [`ProviderSlot:${id}`],
    );
    const first = { tenantId: alpha.id, ...LODGING, routingRules: { currencyAllow: ['EGP'] } };
    const second = { ...first, priority: 3, routingRules: {} };
    expect(entries.rows).toEqual([
      { action: 'slot.create', before: null, after: first },
      { action: 'slot.update', before: first, after: second },
      { action: 'slot.delete', before: second, after: null },
    ]);
  });

  test('keeps its rules exactly as they were written, and nothing that restricts nobody', async () => {
    const routingRules = {
      currencyAllow: ['EGP', 'USD'],
      currencyDeny: [],
      countryDeny: ['FR'],
      languageAllow: ['ar', 'en-GB'],
      amountMin: '0.10',
      amountMax: '1000000000.00',
      travelFrom: '2027-01-01',
      travelTo: '2027-12-31',
      trafficShare: 0,
    };
    const { providerSlot } = await upsert({ routingRules: { ...routingRules, countryAllow: null } });
    expect(providerSlot.routingRules).toEqual({ ...NONE, ...routingRules });
    const { currencyDeny: _none, ...kept } = routingRules;
    expect((await world.owner.query('select rules from provider_slots')).rows).toEqual([{ rules: kept }]);
    const again = await upsert({ id: providerSlot.id, routingRules: null });
    expect(again.providerSlot.routingRules).toEqual(NONE);
  });

  test.each([
    ['currencyDeny', { currencyAllow: ['EGP'], currencyDeny: ['EGP'] }],
    ['countryDeny', { countryAllow: ['EG'], countryDeny: ['EG'] }],
    ['amountMax', { amountMin: '10', amountMax: '9.99' }],
    ['amountMin', { amountMin: '-1' }],
    ['travelTo', { travelFrom: '2027-01-02', travelTo: '2027-01-01' }],
    ['trafficShare', { trafficShare: 101 }],
    ['trafficShare', { trafficShare: -1 }],
    ['countryAllow', { countryAllow: Array.from({ length: 301 }, () => 'EG') }],
  ])('with a %s that contradicts itself is refused there, and nothing is kept', async (field, routingRules) => {
    expect((await upsert({ routingRules })).userErrors).toMatchObject([
      { code: 'INVALID_INPUT', field: ['input', 'routingRules', field] },
    ]);
    expect((await world.owner.query('select 1 from provider_slots')).rows).toEqual([]);
  });

  test('is in a vertical that its provider serves, with a priority that can be', async () => {
    expect((await upsert({ vertical: 'FLIGHTS_BOOKING' })).userErrors).toEqual([
      {
        code: 'INVALID_INPUT',
        field: ['input', 'vertical'],
        message: 'The expedia of the tests serves LODGING.',
        details: null,
      },
    ]);
    expect((await upsert({ providerSlug: 'booking' })).userErrors).toMatchObject([
      { code: 'NOT_FOUND', field: ['input', 'providerSlug'] },
    ]);
    for (const priority of [-1, 1_000_001])
      expect((await upsert({ priority })).userErrors).toMatchObject([
        { code: 'INVALID_INPUT', field: ['input', 'priority'] },
      ]);
    for (const priority of [0, 1_000_000]) expect((await upsert({ priority })).userErrors).toEqual([]);
  });

  test('changed at the same time by several keeps the last of each, and every change is told', async () => {
    const { providerSlot } = await upsert();
    await Promise.all([1, 2, 3, 4].map((priority) => upsert({ id: providerSlot.id, priority })));
    const id = decodeGlobalId(providerSlot.id)!.id;
    const { rows } = await world.owner.query(
      "select before ->> 'priority' as before, after ->> 'priority' as after from audit_entries where target = $1 and action = 'slot.update' order by position",
      [`ProviderSlot:${id}`],
    );
    // A chain: each began with what the one before it left.
    expect(rows.map(({ before }) => before)).toEqual(['10', ...rows.slice(0, -1).map(({ after }) => after)]);
    const [row] = (await world.owner.query('select priority, version from provider_slots')).rows;
    expect(row).toEqual({ priority: Number(rows.at(-1).after), version: 5 });
  });

  test('deleted is gone for whoever asks, and stays for what was decided by it', async () => {
    const { providerSlot } = await upsert();
    expect(await remove(providerSlot.id)).toEqual({ deletedId: providerSlot.id, userErrors: [] });
    expect(await list(home)).toEqual([]);
    const node = await ask(world.app, home, 'query ($id: ID!) { node(id: $id) { id } }', { id: providerSlot.id });
    expect(node.data).toEqual({ node: null });
    for (const payload of [await remove(providerSlot.id), await upsert({ id: providerSlot.id })])
      expect(payload.userErrors).toMatchObject([{ code: 'NOT_FOUND', field: ['input', 'id'] }]);
    expect((await world.owner.query('select deleted_at is not null as deleted from provider_slots')).rows).toEqual([
      { deleted: true },
    ]);
  });

  test('of which there are too many is refused', async () => {
    await world.owner.query(
      `insert into provider_slots (id, tenant_id, vertical, provider_slug, priority, created_at)
       select gen_random_uuid(), $1, 'LODGING', 'expedia', n, now() from generate_series(1, 200) n`,
      [alpha.id],
    );
    expect((await upsert({}, inAlpha)).userErrors).toMatchObject([{ code: 'INVALID_STATE' }]);
    expect((await upsert()).userErrors).toEqual([]);
  });
});

describe('whose slot it is', () => {
  let global: string;
  let ofAlpha: string;
  let ofBeta: string;
  beforeEach(async () => {
    global = (await upsert({ priority: 1 })).providerSlot.id;
    ofAlpha = (await upsert({ priority: 2 }, inAlpha)).providerSlot.id;
    ofBeta = (await upsert({ priority: 3 }, { ...home, tenant: 'beta' })).providerSlot.id;
  });

  test('decides who sees it: a tenant its own and the global ones, the platform at home all', async () => {
    expect(await priorities(home)).toEqual([3, 2, 1]);
    expect(await priorities(alphaAdmin)).toEqual([2, 1]);
    expect(await priorities(betaAdmin)).toEqual([3, 1]);
    expect(await priorities(inAlpha)).toEqual([2, 1]);
    expect(await priorities(alphaAdmin, `(tenantId: "${tenantId(alpha)}")`)).toEqual([2]);
    expect(await priorities(alphaAdmin, `(tenantId: "${tenantId(beta)}")`)).toEqual([]);
    expect(await priorities(home, `(tenantId: "${tenantId(beta)}")`)).toEqual([3]);
    expect(await priorities(home, '(vertical: FLIGHTS_BOOKING)')).toEqual([]);
    await expect(list(await as('OPERATOR', alpha))).rejects.toThrow('FORBIDDEN');
    await expect(list(alphaAdmin, '(tenantId: "nonsense")')).rejects.toThrow('NOT_FOUND');
  });

  test('is the same by way of the provider, of the tenant and by its id', async () => {
    const query =
      '{ provider(slug: "expedia") { slots { nodes { priority } } } tenant { slots { nodes { priority } } } }';
    const seen = async (who: Credentials) => {
      const { data } = await ask(world.app, who, query);
      return [data!['provider'].slots, data!['tenant'].slots].map(({ nodes }) =>
        nodes.map(({ priority }: { priority: number }) => priority),
      );
    };
    expect(await seen(home)).toEqual([[3, 2, 1], []]);
    expect(await seen(alphaAdmin)).toEqual([[2, 1], [2]]);
    const found = async (who: Credentials, ids: string[]) =>
      (await ask(world.app, who, 'query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', { ids })).data!['nodes'].map(
        (node: { id: string } | null) => node?.id ?? null,
      );
    expect(await found(alphaAdmin, [global, ofAlpha, ofBeta])).toEqual([global, ofAlpha, null]);
    expect(await found(await as('OPERATOR', alpha), [global, ofAlpha])).toEqual([null, null]);
    const tenants = await ask(world.app, home, '{ tenants { nodes { slug slots { nodes { priority } } } } }');
    expect(tenants.data!['tenants'].nodes).toEqual([
      { slug: 'beta', slots: { nodes: [{ priority: 3 }] } },
      { slug: 'alpha', slots: { nodes: [{ priority: 2 }] } },
    ]);
  });

  test('decides who changes it: at home the global ones only, in a tenant its own only', async () => {
    for (const [id, who] of [
      [ofAlpha, home],
      [global, inAlpha],
      [ofBeta, inAlpha],
    ] as const) {
      expect((await upsert({ id, priority: 9 }, who)).userErrors).toMatchObject([{ code: 'NOT_FOUND' }]);
      expect((await remove(id, who)).userErrors).toMatchObject([{ code: 'NOT_FOUND' }]);
    }
    expect((await upsert({ tenantId: tenantId(beta) }, inAlpha)).userErrors).toMatchObject([
      { code: 'INVALID_INPUT', field: ['input', 'tenantId'] },
    ]);
    for (const id of [tenantId(alpha), encodeGlobalId('Tenant', PLATFORM_TENANT_ID)])
      expect((await upsert({ tenantId: id })).userErrors).toMatchObject([
        { code: 'INVALID_INPUT', field: ['input', 'tenantId'] },
      ]);
    expect((await upsert({}, alphaAdmin)).userErrors).toMatchObject([{ code: 'FORBIDDEN' }]);
    expect(await priorities(home)).toEqual([3, 2, 1]);
  });

  test('does not matter to the database: the tenant’s own login could write none', async () => {
    const write = (tenant: string, text: string) =>
      world.app.db.write({ tenantId: tenant, customerId: null }, (tx) => tx.query(text));
    const insert = `insert into provider_slots (id, tenant_id, vertical, provider_slug, priority, created_at) values (gen_random_uuid(), `;
    await expect(write(alpha.id, `${insert} current_tenant(), 'LODGING', 'expedia', 1, now())`)).rejects.toThrow(
      /row-level security/,
    );
    await expect(write(alpha.id, `${insert} null, 'LODGING', 'expedia', 1, now())`)).rejects.toThrow(
      /row-level security/,
    );
    expect(await write(alpha.id, 'update provider_slots set priority = 0 returning id')).toEqual([]);
    await expect(write(alpha.id, 'delete from provider_slots')).rejects.toThrow(/permission denied/);
  });
});
