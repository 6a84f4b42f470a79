import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import fc from '../helpers/property.ts';
import { expireOrder } from '../../src/resolvers/order-expiry.ts';
import { startTestApp, type As, type TestApp } from '../helpers/app.ts';
import { brokenLaws } from '../helpers/books.ts';
import { Catalogue, PRODUCT } from '../helpers/catalogue.ts';
import { rawId, Shop } from '../helpers/shop.ts';

/** Selling what is in the catalogue: its prices, its stock, and that nothing is sold twice (TEN-7). */
let world: TestApp;
let shop: Shop;
let catalogue: Catalogue;
beforeAll(async () => {
  world = await startTestApp({ worker: false });
  shop = await Shop.open(world);
  catalogue = new Catalogue(shop);
});
afterEach(async () => {
  expect(await brokenLaws(world)).toEqual({});
});
afterAll(() => world.stop());

const ISSUE =
  'mutation ($input: IssueOrderInput!) { issueOrder(input: $input) { order { status } userErrors { code details } } }';
const codesOf = ({ userErrors }: { userErrors: { code: string }[] }) => userErrors.map(({ code }) => code);
const free = { description: [{ locale: 'en', text: 'Wrapping' }], quantity: 1, unitPrice: '1.00' };

async function setReturn(returnStockOnExpiry: boolean): Promise<void> {
  const admin = { token: (await world.session('tenantAdmin')).accessToken };
  const { updatePortalConfig } = await world.data(
    admin,
    'mutation ($input: UpdatePortalConfigInput!) { updatePortalConfig(input: $input) { tenant { portal { returnStockOnExpiry } } userErrors { code } } }',
    { input: { returnStockOnExpiry } },
  );
  expect(updatePortalConfig.tenant.portal).toEqual({ returnStockOnExpiry });
}

/** The order's time is over. */
async function expired(orderId: string): Promise<void> {
  await world.owner("update orders set expires_at = now() - interval '1 hour' where id = $1", [rawId(orderId)]);
  await Promise.all([1, 2].map(() => expireOrder(world.app, shop.scope, rawId(orderId))));
}

describe('an order of products', () => {
  test('holds no service that is booked by time: nobody pays for an appointment that they have not', async () => {
    const productId = await catalogue.product({ name: 'Fitting', bookable: true, stock: 2 });
    const { order, userErrors } = await catalogue.buy([{ productId, quantity: 1 }]);
    expect([order, userErrors]).toMatchObject([
      null,
      [{ code: 'INVALID_INPUT', field: ['input', 'items', '0', 'productId'] }],
    ]);
    expect(await catalogue.stockOf(productId)).toBe(2);
  });

  test('has the price, text and tax of the catalogue, is issued at once, and ends by itself when nobody pays', async () => {
    const productId = await catalogue.product({ name: 'Green tea', taxRate: '14', stock: 5 });
    const { order, userErrors } = await catalogue.buy([{ productId, quantity: 3 }]);
    expect(userErrors).toEqual([]);
    expect(order).toMatchObject({
      status: 'ISSUED',
      number: expect.stringMatching(/^ORD-/),
      subtotal: { amount: '30.00' },
      tax: { amount: '4.20' },
      total: { amount: '34.20', currencyCode: 'EGP' },
      items: [
        {
          quantity: 3,
          description: 'Green tea',
          unitPrice: { amount: '10.00' },
          taxRate: '14',
          product: { id: productId },
        },
      ],
    });
    const openMs = new Date(order.expiresAt).getTime() - world.app.clock.now().getTime();
    expect(openMs / 3_600_000).toBeGreaterThan(71);
    expect(openMs / 3_600_000).toBeLessThanOrEqual(72);
    expect(await catalogue.stockOf(productId)).toBe(2);
    // What was sold stays as it was sold.
    await catalogue.upsert({
      id: productId,
      name: 'Black tea',
      price: { amount: '99.00', currencyCode: 'EGP' },
      category: 'drinks',
    });
    const again = await world.data(
      shop.customer,
      'query ($id: ID!) { order(id: $id) { total { amount } items { description product { name } } } }',
      { id: order.id },
    );
    expect(again.order).toEqual({
      total: { amount: '34.20' },
      items: [{ description: 'Green tea', product: { name: 'Black tea' } }],
    });
  });

  test('is in the currency of its products, and all of them are in one', async () => {
    const [dollars, pounds] = [
      await catalogue.product({ price: { amount: '5.00', currencyCode: 'USD' } }),
      await catalogue.product(),
    ];
    const item = { productId: dollars, quantity: 1 };
    expect((await catalogue.buy([item])).order.total).toEqual({ amount: '5.00', currencyCode: 'USD' });
    const mixed = await catalogue.buy([item, { productId: pounds, quantity: 1 }]);
    expect(mixed.userErrors).toEqual([
      { code: 'CURRENCY_MISMATCH', field: ['input', 'items', '1', 'productId'], details: { currencyCode: 'EGP' } },
    ]);
    expect(codesOf(await catalogue.buy([item], shop.customer, { currencyCode: 'EGP' }))).toEqual(['CURRENCY_MISMATCH']);
  });

  test.each(['unitPrice', 'taxRate', 'description'] as const)('takes no %s from the browser', async (name) => {
    const productId = await catalogue.product();
    const given = { unitPrice: '0.01', taxRate: '0', description: [{ locale: 'en', text: 'Cheap' }] }[name];
    const answer = await catalogue.buy([{ productId, quantity: 1, [name]: given }]);
    expect(answer.userErrors).toMatchObject([{ code: 'INVALID_INPUT', field: ['input', 'items', '0', name] }]);
  });

  test('of what is not for sale, of another tenant, or of nothing at all is not found', async () => {
    const [admin, other] = [await catalogue.product({ active: false }), await shopOfOther()];
    for (const productId of [admin, other, shop.customerId, 'rubbish']) {
      const answer = await catalogue.buy([{ productId, quantity: 1 }]);
      expect(answer.userErrors).toMatchObject([{ code: 'NOT_FOUND', field: ['input', 'items', '0', 'productId'] }]);
    }
  });

  test('waits for an operator where any price is not the shop’s or it was not the customer who asked', async () => {
    const productId = await catalogue.product({ stock: 2 });
    const item = { productId, quantity: 1 };
    const drafts = [
      await catalogue.buy([item, free]),
      await catalogue.buy([item], shop.customer, { type: 'MANUAL_INVOICE' }),
      await catalogue.buy([item], shop.operator, { customerId: shop.customerId }),
    ];
    expect(drafts.map(({ order }) => order.status)).toEqual(['DRAFT', 'DRAFT', 'DRAFT']);
    expect(await catalogue.stockOf(productId)).toBe(2);
    const issued = [];
    for (const { order } of drafts) issued.push(await issue(order.id));
    expect(issued.map(({ order }) => order?.status ?? null)).toEqual(['ISSUED', 'ISSUED', null]);
    expect(issued[2].userErrors).toEqual([{ code: 'OUT_OF_STOCK', details: { productId } }]);
    expect(await catalogue.stockOf(productId)).toBe(0);
  });
});

async function issue(orderId: string): Promise<any> {
  return (await world.data(shop.operator, ISSUE, { input: { orderId } })).issueOrder;
}

async function shopOfOther(): Promise<string> {
  const [row] = await world.owner<{ id: string }>(
    `insert into products (tenant_id, id, name, price_minor, currency_code, category, stock, created_at)
     select id, gen_random_uuid(), 'Theirs', 100, 'EGP', 'drinks', 5, now() from tenants where slug = $1 returning id`,
    [world.facts.otherTenantSlug],
  );
  return shop.node('Product', row!.id);
}

describe('the stock', () => {
  test('of one thing too many leaves everything as it was: no order, no number, nothing taken', async () => {
    const [plenty, scarce] = [
      await catalogue.product({ stock: 9 }),
      await catalogue.product({ name: 'Rare', stock: 1 }),
    ];
    const count = async () =>
      (
        await world.owner(
          "select (select count(*) from orders) as orders, (select last from number_counters where kind = 'ORDER' and tenant_id = $1) as last",
          [shop.tenantId],
        )
      )[0];
    const before = await count();
    const items = [
      { productId: plenty, quantity: 1 },
      { productId: scarce, quantity: 1 },
      { productId: scarce, quantity: 1 },
    ];
    const { order, userErrors } = await catalogue.buy(items);
    expect([order, userErrors]).toEqual([
      null,
      [{ code: 'OUT_OF_STOCK', field: null, details: { productId: scarce } }],
    ]);
    expect(await count()).toEqual(before);
    expect([await catalogue.stockOf(plenty), await catalogue.stockOf(scarce)]).toEqual([9, 1]);
  });

  test('never goes below zero, whoever writes', async () => {
    const productId = await catalogue.product({ stock: 1 });
    await expect(world.owner('update products set stock = -1 where id = $1', [rawId(productId)])).rejects.toThrow(
      /products_stock/,
    );
  });

  test('is sold to the last piece and not one more, when many want it at once, and each cancelled order gives back its own once', async () => {
    const buyers = [shop.customer, ...(await Promise.all(Array.from({ length: 3 }, () => catalogue.customer())))];
    const property = fc.asyncProperty(
      fc.integer({ min: 0, max: 6 }),
      fc.integer({ min: 0, max: 6 }),
      fc.array(fc.record({ first: fc.integer({ min: 0, max: 3 }), second: fc.integer({ min: 0, max: 3 }) }), {
        minLength: 4,
        maxLength: 12,
      }),
      async (oneStock, otherStock, carts) => {
        const [one, other] = [
          await catalogue.product({ stock: oneStock }),
          await catalogue.product({ stock: otherStock }),
        ];
        const wanted = carts.filter(({ first, second }) => first + second > 0);
        const answers = await Promise.all(
          wanted.map(({ first, second }, index) => {
            const items = [
              { productId: one, quantity: first },
              { productId: other, quantity: second },
            ].filter(({ quantity }) => quantity > 0);
            return catalogue.buy(index % 2 === 0 ? items : items.toReversed(), buyers[index % buyers.length] as As);
          }),
        );
        const sold = wanted.filter((_, index) => answers[index].order);
        expect(answers.flatMap(codesOf).every((code) => code === 'OUT_OF_STOCK')).toBe(true);
        const taken = (name: 'first' | 'second') => sold.reduce((sum, cart) => sum + cart[name], 0);
        const left = async () => [await catalogue.stockOf(one), await catalogue.stockOf(other)] as const;
        expect(await left()).toEqual([oneStock - taken('first'), otherStock - taken('second')]);
        // Nobody was refused who could have been served by what is left.
        const [oneLeft, otherLeft] = await left();
        for (const [index, { first, second }] of wanted.entries())
          if (!answers[index].order) expect(first > oneLeft || second > otherLeft).toBe(true);
        const orders = answers.flatMap(({ order }) => (order ? [order.id] : []));
        await Promise.all(orders.flatMap((orderId) => [catalogue.cancel(orderId), catalogue.cancel(orderId)]));
        expect(await left()).toEqual([oneStock, otherStock]);
      },
    );
    await fc.assert(property, { numRuns: 6 });
  });

  test('is exact when sales, cancellations, changes of the product and adjustments come at once, and is never below zero', async () => {
    const buyers = [shop.customer, ...(await Promise.all(Array.from({ length: 2 }, () => catalogue.customer())))];
    const act = fc.oneof(
      fc.record({
        kind: fc.constant('adjust' as const),
        count: fc.integer({ min: -4, max: 4 }).filter((n) => n !== 0),
      }),
      fc.record({ kind: fc.constant('sell' as const), count: fc.integer({ min: 1, max: 3 }) }),
      fc.record({ kind: fc.constant('write' as const), count: fc.constant(0) }),
    );
    const property = fc.asyncProperty(
      fc.integer({ min: 0, max: 8 }),
      fc.array(act, { minLength: 6, maxLength: 14 }),
      async (stock, acts) => {
        const id = await catalogue.product({ stock });
        const answers = await Promise.all(
          acts.map(({ kind, count }, index) => {
            if (kind === 'adjust') return catalogue.adjust(id, count);
            if (kind === 'write')
              return catalogue.upsert({ id, name: `Tea ${index}`, price: PRODUCT.price, category: 'tea' });
            return catalogue.buy([{ productId: id, quantity: count }], buyers[index % buyers.length] as As);
          }),
        );
        const done = acts
          .map((one, index) => ({ ...one, answer: answers[index] }))
          .filter(({ answer }) => codesOf(answer).length === 0);
        expect(answers.flatMap(codesOf).every((code) => code === 'OUT_OF_STOCK')).toBe(true);
        const sum = (kind: string) =>
          done.filter((one) => one.kind === kind).reduce((all, { count }) => all + count, 0);
        expect(await catalogue.stockOf(id)).toBe(stock + sum('adjust') - sum('sell'));
        const audit = await world.owner(
          "select before->'stock' as before, after->'stock' as after, after->'delta' as delta from audit_entries where target = $1 and action = 'stock.adjust'",
          [`Product:${rawId(id)}`],
        );
        expect(audit).toHaveLength(done.filter(({ kind }) => kind === 'adjust').length);
        for (const { before, after, delta } of audit) expect([before + delta, after >= 0]).toEqual([after, true]);
        const orders = done.flatMap(({ answer }) => (answer.order ? [answer.order.id] : []));
        await Promise.all([...orders.map((orderId) => catalogue.cancel(orderId)), catalogue.adjust(id, 1)]);
        expect(await catalogue.stockOf(id)).toBe(stock + sum('adjust') + 1);
      },
    );
    await fc.assert(property, { numRuns: 5 });
  }, 60_000);

  test('is adjusted by operators for a reason that is kept, once under one key, and refused with what is left', async () => {
    const id = await catalogue.product({ stock: 2 });
    const key = { idempotencyKey: `stock-${id}` };
    for (let time = 0; time < 2; time += 1)
      expect(await catalogue.adjust(id, 5, key)).toEqual({ product: { id, stock: 7 }, userErrors: [] });
    expect(codesOf(await catalogue.adjust(id, 6, key))).toEqual(['IDEMPOTENCY_INPUT_MISMATCH']);
    expect((await catalogue.adjust(id, -8)).userErrors).toEqual([
      { code: 'OUT_OF_STOCK', field: ['input', 'delta'], details: { productId: id, stock: 7 } },
    ]);
    for (const [delta, more, field] of [
      [0, {}, 'delta'],
      [2_147_483_647, {}, 'delta'],
      [-2_147_483_648, {}, 'delta'],
      [1_000_000_000, {}, 'delta'],
      [1, { reason: ' ' }, 'reason'],
      [1, { reason: 'x'.repeat(501) }, 'reason'],
    ] as const)
      expect((await catalogue.adjust(id, delta, more)).userErrors).toMatchObject([
        { code: 'INVALID_INPUT', field: ['input', field] },
      ]);
    expect(codesOf(await catalogue.adjust(id, 1, {}, shop.customer))).toEqual(['FORBIDDEN']);
    for (const other of [await shopOfOther(), shop.customerId])
      expect(codesOf(await catalogue.adjust(other, 1))).toEqual(['NOT_FOUND']);
    expect(await catalogue.stockOf(id)).toBe(7);
    const audit = await world.owner(
      "select actor, before, after from audit_entries where target = $1 and action = 'stock.adjust'",
      [`Product:${rawId(id)}`],
    );
    expect(audit).toEqual([
      {
        actor: expect.stringMatching(/^user:/),
        before: { stock: 2 },
        after: { stock: 7, delta: 5, reason: 'Counted' },
      },
    ]);
  });

  test('comes back once when an order expires, whoever ends it, and not where the tenant says so', async () => {
    const productId = await catalogue.product({ stock: 3 });
    const first = await catalogue.bought([{ productId, quantity: 2 }]);
    await expired(first);
    expect(await catalogue.stockOf(productId)).toBe(3);
    expect(codesOf(await catalogue.cancel(first))).toEqual(['INVALID_STATE']);
    expect(await catalogue.stockOf(productId)).toBe(3);
    await setReturn(false);
    await expired(await catalogue.bought([{ productId, quantity: 1 }]));
    expect(await catalogue.stockOf(productId)).toBe(2);
    await setReturn(true);
  });

  test('of an appointment that ended is not taken again: late money for it goes back', async () => {
    const productId = await catalogue.product({ stock: 1 });
    const started = await shop.startedOn(await catalogue.bought([{ productId, quantity: 1 }]));
    await world.owner(
      `insert into bookings (tenant_id, id, reference, kind, status, customer_id, order_id, starts_at, ends_at, amount_minor, currency_code, guests, created_at)
       values ($1, gen_random_uuid(), 'LATE-1', 'APPOINTMENT', 'CANCELLED', $2, $3, now(), now() + interval '1 hour', 1000, 'EGP', '[]', now())`,
      [shop.tenantId, rawId(shop.customerId), rawId(started.orderId)],
    );
    await expired(started.orderId);
    await shop.atGateway(started, 'pay', { late: true });
    await shop.deliver(shop.hook('paid', started.invoice));
    expect(codesOf(await shop.review(started.paymentId, 'ACCEPT'))).toEqual(['INVALID_STATE']);
    expect(await catalogue.stockOf(productId)).toBe(1);
  });

  test('that came back is taken anew when an operator honours an order whose money came late, or the money is not accepted', async () => {
    const productId = await catalogue.product({ stock: 2 });
    const late = async () => {
      const started = await shop.startedOn(await catalogue.bought([{ productId, quantity: 2 }]));
      await expired(started.orderId);
      await shop.atGateway(started, 'pay', { late: true });
      await shop.deliver(shop.hook('paid', started.invoice));
      expect((await shop.paymentRow(started.id)).status).toBe('UNDER_REVIEW');
      return started;
    };
    const [one, two] = [await late(), await late()];
    expect(await catalogue.stockOf(productId)).toBe(2);
    expect(codesOf(await shop.review(one.paymentId, 'ACCEPT'))).toEqual([]);
    expect([await catalogue.stockOf(productId), (await shop.orderRow(one.orderId)).status]).toEqual([0, 'PAID']);
    expect(codesOf(await shop.review(two.paymentId, 'ACCEPT'))).toEqual(['OUT_OF_STOCK']);
    expect((await shop.paymentRow(two.id)).status).toBe('UNDER_REVIEW');
    expect((await shop.orderRow(two.orderId)).status).toBe('EXPIRED');
  });
});
