import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { App } from '../../src/context.ts';
import { ask, createWorld, mutate, signIn, type Credentials, type TestTenant, type World } from '../auth/world.ts';

/** Parts of a shop that are switched on and off (TEN-6). */
let world: World;
let peer: App;
let alpha: TestTenant;
let beta: TestTenant;
let admin: Credentials;
let operator: Credentials;
let customer: Credentials;

const PRODUCTS = '{ products { nodes { name } } }';
const set = (key: string, enabled: boolean, more: object = {}, who = admin) =>
  mutate(world.app, who, 'setFeatureFlag', { key, enabled, ...more }, 'tenant { featureFlags { key enabled config } }');
const productsIn = async (app: App, who: Credentials): Promise<string> =>
  (await ask(app, who, PRODUCTS)).codes[0] ?? 'OK';

beforeAll(async () => {
  world = await createWorld();
  peer = await world.peer();
  [alpha, beta] = [await world.tenant('alpha'), await world.tenant('beta')];
  const as = async (role: 'TENANT_ADMIN' | 'OPERATOR' | 'CUSTOMER'): Promise<Credentials> => {
    const { email } = await world.person(alpha.id, role);
    return { token: (await signIn(world.app, { key: alpha.portalKey }, email)).accessToken };
  };
  [admin, operator, customer] = [await as('TENANT_ADMIN'), await as('OPERATOR'), await as('CUSTOMER')];
});
afterAll(() => world?.close());

describe('a feature', () => {
  it('that was never set is as it was before there were flags', async () => {
    const { data } = await ask(world.app, customer, '{ tenant { featureFlags { key enabled config } } }');
    expect(data!.tenant.featureFlags).toEqual(
      ['store', 'booking', 'blog', 'newsletter', 'rewards'].map((key) => ({
        key,
        enabled: key !== 'blog',
        config: {},
      })),
    );
  });

  it('that is switched counts at once here and soon in another process, for no other tenant, and asks nothing of the database', async () => {
    const website = { key: alpha.portalKey };
    for (const app of [world.app, peer]) expect(await productsIn(app, website)).toBe('OK');
    await set('store', false);
    expect(await productsIn(world.app, website)).toBe('FEATURE_DISABLED');
    await expect.poll(() => productsIn(peer, website)).toBe('FEATURE_DISABLED');
    for (const app of [world.app, peer]) expect(await productsIn(app, { key: beta.portalKey })).toBe('OK');
    // The process looks after itself with statements of its own now and then: the least of several is the request's.
    const counted = async () => (await peer.metrics.databaseStatements.get()).values[0]?.value ?? 0;
    const statements: number[] = [];
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const before = await counted();
      expect(await productsIn(peer, website)).toBe('FEATURE_DISABLED');
      statements.push((await counted()) - before);
    }
    expect(Math.min(...statements)).toBe(0);
    await set('store', true);
    expect(await productsIn(world.app, website)).toBe('OK');
    await expect.poll(() => productsIn(peer, website)).toBe('OK');
  });

  it('that is off is named by the refusal, and is refused to customers and websites but not to staff', async () => {
    await set('store', false);
    const made = await mutate(
      world.app,
      operator,
      'upsertProduct',
      {
        name: 'Tea',
        price: { amount: '1.00', currencyCode: 'EGP' },
        category: 'drinks',
        stock: 1,
      },
      'product { id }',
    );
    const { errors } = await ask(world.app, customer, PRODUCTS);
    expect(errors![0]!.message).toContain('"store"');
    const node = await ask(world.app, customer, 'query ($id: ID!) { node(id: $id) { id } }', { id: made.product.id });
    expect(node.data!.node).toBeNull();
    expect(await productsIn(world.app, operator)).toBe('OK');
    const order = { type: 'PRODUCT', items: [{ productId: made.product.id, quantity: 1 }] };
    expect((await mutate(world.app, customer, 'createOrder', order, 'order { id }')).userErrors).toMatchObject([
      { code: 'FEATURE_DISABLED', details: { feature: 'store' }, message: expect.stringContaining('"store"') },
    ]);
    const free = { description: [{ locale: 'en', text: 'x' }], quantity: 1, unitPrice: '1.00' };
    expect(
      (await mutate(world.app, customer, 'createOrder', { type: 'MANUAL_INVOICE', items: [free] }, 'order { id }'))
        .userErrors,
    ).toEqual([]);
    await set('store', true);
    expect((await mutate(world.app, customer, 'createOrder', order, 'order { status }')).order.status).toBe('ISSUED');
  });

  it('booking closes free times, their reasons and appointments', async () => {
    await set('booking', false);
    const id = 'UHJvZHVjdDowMDAwMDAwMC0wMDAwLTQwMDAtODAwMC0wMDAwMDAwMGRlYWQ';
    const start = '2030-01-07T09:00:00Z';
    const queries = [
      '{ timeSlots(from: "2030-01-07", to: "2030-01-07") { start } }',
      `{ whyNot(productId: "${id}", start: "${start}") { available } }`,
    ];
    for (const query of queries)
      expect((await ask(world.app, { key: alpha.portalKey }, query)).codes, query).toEqual(['FEATURE_DISABLED']);
    const booked = await mutate(world.app, customer, 'bookAppointment', { productId: id, start }, 'booking { id }');
    expect(booked.userErrors).toMatchObject([{ code: 'FEATURE_DISABLED', details: { feature: 'booking' } }]);
    expect((await ask(world.app, operator, queries[0]!)).codes).toEqual([]);
    await set('booking', true);
    expect((await ask(world.app, { key: alpha.portalKey }, queries[0]!)).codes).toEqual([]);
  });

  it('rewards closes points and cashback to customers, and never their wallet', async () => {
    const purse = (field: string) => ask(world.app, customer, `{ viewer { user { ${field} } } }`);
    const [points, cashback] = ['points { balance }', 'cashback { total { amount } }'];
    for (const field of [points, cashback]) expect((await purse(field)).codes).toEqual([]);
    await set('rewards', false);
    for (const field of [points, cashback]) expect((await purse(field)).codes, field).toEqual(['FEATURE_DISABLED']);
    expect((await purse('wallet { balance { amount } }')).codes).toEqual([]);
    expect(
      (await mutate(world.app, customer, 'redeemPoints', { points: 1 }, 'points { balance }')).userErrors,
    ).toMatchObject([{ code: 'FEATURE_DISABLED', details: { feature: 'rewards' } }]);
    await set('rewards', true);
  });
});

describe('switching', () => {
  it('keeps the config that is left out, takes it away by null, and refuses what is no config of the key', async () => {
    const flag = (payload: any) => payload.tenant.featureFlags.find(({ key }: { key: string }) => key === 'blog');
    expect(flag(await set('blog', true, { config: { postsPerPage: 5, title: 'News' } }))).toEqual({
      key: 'blog',
      enabled: true,
      config: { postsPerPage: 5, title: 'News' },
    });
    expect(flag(await set('blog', false))).toMatchObject({ enabled: false, config: { postsPerPage: 5 } });
    expect(flag(await set('blog', false, { config: null }))).toMatchObject({ config: {} });
    for (const config of [{ featuredCategories: [] }, { postsPerPage: '5' }, [], 'x'])
      expect((await set('blog', true, { config })).userErrors, JSON.stringify(config)).toMatchObject([
        { code: 'INVALID_INPUT' },
      ]);
    expect((await set('shop', true)).userErrors).toMatchObject([
      {
        code: 'INVALID_INPUT',
        field: ['input', 'key'],
        details: { keys: ['store', 'booking', 'blog', 'newsletter', 'rewards'] },
      },
    ]);
  });

  it('is for the tenant’s administrator, and is written down', async () => {
    expect((await set('blog', true, {}, operator)).userErrors).toMatchObject([{ code: 'FORBIDDEN' }]);
    const { rows } = await world.owner.query(
      "select before, after from audit_entries where tenant_id = $1 and action = 'flag.set' order by position limit 1",
      [alpha.id],
    );
    expect(rows).toEqual([
      { before: { key: 'store', enabled: true, config: {} }, after: { key: 'store', enabled: false, config: {} } },
    ]);
  });
});
