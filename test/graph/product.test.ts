import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startTestApp, type As, type TestApp } from '../helpers/app.ts';
import { Catalogue, PRODUCT } from '../helpers/catalogue.ts';
import { rawId, Shop } from '../helpers/shop.ts';

/** The catalogue: who sees what of it, who changes it, and how it is searched (TEN-7). */
let world: TestApp;
let shop: Shop;
let catalogue: Catalogue;
let portal: As;
let other: As;
beforeAll(async () => {
  world = await startTestApp({ worker: false });
  shop = await Shop.open(world);
  catalogue = new Catalogue(shop);
  portal = { key: world.facts.portalKey };
  other = { key: world.facts.otherPortalKey };
});
afterAll(() => world.stop());

const LIST =
  'query ($category: String, $search: String, $first: Int, $after: String) { products(category: $category, search: $search, first: $first, after: $after) { nodes { id name } pageInfo { hasNextPage endCursor } } }';
const names = async (as: As, args: Record<string, unknown>): Promise<string[]> =>
  (await world.data(as, LIST, args)).products.nodes.map(({ name }: { name: string }) => name);
const node = async (as: As, id: string): Promise<{ name: string } | null> =>
  (await world.data(as, 'query ($id: ID!) { node(id: $id) { ... on Product { name } } }', { id })).node;

describe('changing', () => {
  test('a product is made with all it may have, changed in part, and both stand in the audit log', async () => {
    const all = {
      ...PRODUCT,
      code: 'CONSULT-60',
      description: 'An hour of advice',
      taxRate: '14',
      category: 'consultation',
      stock: 100,
      images: ['https://img.example/a.png'],
      bookable: true,
      durationMinutes: 60,
      bufferMinutes: 15,
      capacity: 2,
    };
    const { product, userErrors } = await catalogue.upsert(all);
    expect(userErrors).toEqual([]);
    expect(product).toMatchObject({ ...all, active: true });
    const changed = await catalogue.upsert({
      ...PRODUCT,
      id: product.id,
      price: { amount: '99.95', currencyCode: 'USD' },
    });
    expect(changed.product).toEqual({
      ...product,
      category: 'drinks',
      price: { amount: '99.95', currencyCode: 'USD' },
    });
    const audit = await world.owner(
      'select actor, action, after from audit_entries where target = $1 order by position',
      [`Product:${rawId(product.id)}`],
    );
    expect(audit.map(({ action }) => action)).toEqual(['product.create', 'product.update']);
    expect(audit[1].after).toMatchObject({ price: '99.95', currencyCode: 'USD', stock: 100 });
    expect(audit[0].actor).toMatch(/^user:/);
    const events = await world.owner(
      "select version from events where aggregate_id = $1 and type = 'product.changed' order by position",
      [rawId(product.id)],
    );
    expect(events).toEqual([{ version: 1 }, { version: 2 }]);
  });

  test('a code is one product’s alone, also where two are made at once', async () => {
    const answers = await Promise.all([1, 2].map(() => catalogue.upsert({ ...PRODUCT, code: 'ONLY-ONE' })));
    expect(answers.flatMap(({ userErrors }) => userErrors)).toMatchObject([
      { code: 'CONFLICT', field: ['input', 'code'] },
    ]);
  });

  test('is for operators; what is no product of this tenant is not there', async () => {
    expect((await catalogue.upsert(PRODUCT, shop.customer)).userErrors).toMatchObject([{ code: 'FORBIDDEN' }]);
    for (const id of [shop.customerId, shop.node('Product', '00000000-0000-4000-8000-00000000dead')])
      expect((await catalogue.upsert({ ...PRODUCT, id })).userErrors).toMatchObject([{ code: 'NOT_FOUND' }]);
    expect((await catalogue.upsert({ ...PRODUCT, images: ['http://img.example/a.png'] })).userErrors).toMatchObject([
      { code: 'INVALID_INPUT', field: ['input', 'images'] },
    ]);
  });
});

describe('reading', () => {
  test('a website sees what is for sale without anybody signing in; what is not for sale is for staff', async () => {
    const category = 'visibility';
    const [shown, hidden] = [
      await catalogue.product({ name: 'Shown', category }),
      await catalogue.product({ name: 'Hidden', category, active: false }),
    ];
    for (const as of [portal, shop.customer]) {
      expect(await names(as, { category })).toEqual(['Shown']);
      expect(await names(as, { search: 'hidden' })).toEqual([]);
      expect([await node(as, shown), await node(as, hidden)]).toEqual([{ name: 'Shown' }, null]);
    }
    expect(await names(shop.operator, { category })).toEqual(['Hidden', 'Shown']);
    expect(await node(shop.operator, hidden)).toEqual({ name: 'Hidden' });
    expect([await names(other, { category }), await node(other, shown)]).toEqual([[], null]);
    expect((await world.ask({}, LIST)).errors).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED' } }]);
  });

  test("a tenant's own products are the same list", async () => {
    const { tenant } = await world.data(
      shop.customer,
      '{ tenant { products(category: "visibility") { nodes { name } } } }',
    );
    expect(tenant.products.nodes).toEqual([{ name: 'Shown' }]);
  });

  test('a search finds all words in any order, in any case, in parts and without marks', async () => {
    const category = 'search';
    await catalogue.product({ name: 'Café Crème', description: 'Roasted in Straße 7', category });
    await catalogue.product({ name: '100% Kopi_Luwak \\ beans', category });
    await catalogue.product({ name: 'رِحْلَة نيلية', category });
    const find = (search: string) => names(portal, { search, category });
    for (const search of ['cafe', 'CREME café', 'strasse crè', 'oast'])
      expect(await find(search), search).toEqual(['Café Crème']);
    for (const search of ['100%', 'kopi_', '\\', '0% luwak']) expect(await find(search), search).toHaveLength(1);
    expect(await find('رحلة')).toEqual(['رِحْلَة نيلية']);
    for (const search of ['cafe luwak', '1%k', 'kopi-luwak', 'c_fe', "' or 1=1 --"])
      expect(await find(search), search).toEqual([]);
    expect(await find('  ')).toHaveLength(3);
    expect((await world.ask(portal, LIST, { search: 'x'.repeat(201) })).errors).toMatchObject([
      { extensions: { code: 'INVALID_INPUT' } },
    ]);
  });

  test('pages hold every product that is sought once, newest first, also while new ones come', async () => {
    const made: string[] = [];
    for (let n = 0; n < 9; n += 1) made.unshift(await catalogue.product({ name: `Pagemaker ${n}`, category: 'pages' }));
    const seen: string[] = [];
    let after: string | null = null;
    do {
      const { products }: any = await world.data(portal, LIST, { search: 'pagem', category: 'pages', first: 4, after });
      seen.push(...products.nodes.map(({ id }: { id: string }) => id));
      await catalogue.product({ name: 'Pagemaker, later', category: 'pages' });
      after = products.pageInfo.hasNextPage ? products.pageInfo.endCursor : null;
    } while (after !== null);
    expect(seen).toEqual(made);
  });

  test('a search of a large catalogue goes by its index, under row-level security too', async () => {
    await world.owner(
      `insert into products (tenant_id, id, name, price_minor, currency_code, category, stock, searched, created_at)
       select $1, gen_random_uuid(), 'Bulk ' || n, 100, 'EGP', 'bulk', 1, 'BULK ' || upper(md5(n::text)), now() - n * interval '1 s' from generate_series(1, 5000) n`,
      [shop.tenantId],
    );
    await world.owner('vacuum analyze products');
    const before = await scans();
    const { products } = await world.data(portal, LIST, { search: 'c4ca4238a0b9' });
    expect(products.nodes).toEqual([{ id: expect.any(String), name: 'Bulk 1' }]);
    await expect.poll(scans).toBeGreaterThan(before);
  });
});

// Counted by the server itself, and told when the session that did it has a moment.
async function scans(): Promise<number> {
  await world.data(portal, LIST, { first: 1 });
  const [row] = await world.owner<{ count: string }>(
    "select idx_scan as count from pg_stat_user_indexes where indexrelname = 'products_searched'",
  );
  return Number(row!.count);
}
