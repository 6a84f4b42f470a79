import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startTestApp, type TestApp } from '../helpers/app.ts';
import { brokenLaws } from '../helpers/books.ts';
import { Shop, rawId } from '../helpers/shop.ts';

/** Orders: who makes them, what they cost, their numbers, and that an issued one is frozen (COM-3, COM-4). */
let world: TestApp;
let shop: Shop;
beforeAll(async () => {
  world = await startTestApp({ worker: false });
  shop = await Shop.open(world);
});
afterAll(() => world.stop());

const FIELDS =
  'order { id status number subtotal { amount } tax { amount } total { amount currencyCode } amountDue { amount } customer { id } items { quantity ar: description(locale: "ar-EG") en: description(locale: "en") lineTotal { amount } } } userErrors { code field }';
const create = async (as: object, input: object) =>
  (await world.data(as, `mutation ($input: CreateOrderInput!) { createOrder(input: $input) { ${FIELDS} } }`, { input }))
    .createOrder;
const cancel = async (as: object, orderId: string, reason?: string) =>
  (
    await world.data(
      as,
      'mutation ($input: CancelOrderInput!) { cancelOrder(input: $input) { order { status cancelReason } userErrors { code field } } }',
      { input: { orderId, ...(reason && { reason }) } },
    )
  ).cancelOrder;

describe('making', () => {
  test("totals are computed by the server, in several languages, by the tenant's tax profile", async () => {
    const input = {
      type: 'PRODUCT',
      customerId: shop.customerId,
      items: [
        {
          description: [
            { locale: 'en', text: 'Nile cruise' },
            { locale: 'ar', text: 'رحلة نيلية' },
          ],
          quantity: 3,
          unitPrice: '33.33',
          taxRate: '14',
        },
        { description: [{ locale: 'en', text: 'Tea' }], quantity: 1, unitPrice: '0.05' },
      ],
    };
    const { order } = await create(shop.operator, input);
    expect(order).toMatchObject({
      status: 'DRAFT',
      number: null,
      subtotal: { amount: '100.04' },
      tax: { amount: '14.00' },
      total: { amount: '114.04', currencyCode: 'EGP' },
      amountDue: { amount: '114.04' },
      items: [
        { quantity: 3, ar: 'رحلة نيلية', en: 'Nile cruise', lineTotal: { amount: '113.99' } },
        { ar: 'Tea', en: 'Tea', lineTotal: { amount: '0.05' } },
      ],
    });
  });

  test('a customer makes one for oneself and for nobody else; an operator says for whom', async () => {
    const { customerId: _customerId, ...input } = shop.orderInput();
    expect((await create(shop.customer, input)).order.customer.id).toBe(shop.customerId);
    expect(await create(shop.operator, input)).toMatchObject({
      order: null,
      userErrors: [{ code: 'INVALID_INPUT', field: ['input', 'customerId'] }],
    });
    const operatorId = (await world.session('operator')).userId;
    expect(await create(shop.customer, { ...input, customerId: operatorId })).toMatchObject({
      order: null,
      userErrors: [{ code: 'NOT_FOUND' }],
    });
    const [{ id }] = await world.owner(
      "select u.id from users u join tenants t on t.id = u.tenant_id where t.slug = $1 and u.role = 'CUSTOMER'",
      [world.facts.otherTenantSlug],
    );
    expect(await create(shop.operator, { ...input, customerId: shop.node('User', id) })).toMatchObject({
      order: null,
      userErrors: [{ code: 'NOT_FOUND' }],
    });
  });

  test.each<[string, object]>([
    ['no items', { items: [] }],
    ['nothing of an item', { items: [{ description: [{ locale: 'en', text: 'x' }], quantity: 0, unitPrice: '1.00' }] }],
    ['less than nothing', { items: [{ description: [{ locale: 'en', text: 'x' }], quantity: -1, unitPrice: '1.00' }] }],
    ['a negative price', { items: [{ description: [{ locale: 'en', text: 'x' }], quantity: 1, unitPrice: '-1.00' }] }],
    [
      'more decimals than the currency has',
      { items: [{ description: [{ locale: 'en', text: 'x' }], quantity: 1, unitPrice: '1.005' }] },
    ],
    ['no description', { items: [{ quantity: 1, unitPrice: '1.00' }] }],
    [
      'an empty description',
      { items: [{ description: [{ locale: 'en', text: ' ' }], quantity: 1, unitPrice: '1.00' }] },
    ],
    ['no price', { items: [{ description: [{ locale: 'en', text: 'x' }], quantity: 1 }] }],
    [
      'a tax beyond reason',
      { items: [{ description: [{ locale: 'en', text: 'x' }], quantity: 1, unitPrice: '1.00', taxRate: '-3' }] },
    ],
    [
      'more money than there is',
      { items: [{ description: [{ locale: 'en', text: 'x' }], quantity: 2147483647, unitPrice: '99999999999999999' }] },
    ],
    [
      'a thousand items',
      {
        items: Array.from({ length: 1_000 }, () => ({
          description: [{ locale: 'en', text: 'x' }],
          quantity: 1,
          unitPrice: '1.00',
        })),
      },
    ],
  ])('is refused with INVALID_INPUT: %s', async (_name, change) => {
    expect(await create(shop.operator, { ...shop.orderInput(), ...change })).toMatchObject({
      order: null,
      userErrors: [{ code: 'INVALID_INPUT' }],
    });
  });
});

describe('issuing', () => {
  test('fifty at once get fifty numbers without a gap, and those that fail in between take none', async () => {
    const drafts = await Promise.all(Array.from({ length: 50 }, () => shop.draft()));
    const [{ last }] = await world.owner(
      "select coalesce(max(last), 0)::int as last from number_counters where kind = 'ORDER' and tenant_id = $1",
      [shop.tenantId],
    );
    const inThePast = { expiresAt: '2020-01-01T00:00:00Z' };
    const answers = await Promise.all(
      drafts.flatMap((orderId) => [shop.issue(orderId, inThePast), shop.issue(orderId), shop.issue(orderId)]),
    );
    const numbers = answers.flatMap(({ order }) => (order ? [Number(order.number.slice(4))] : []));
    expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, index) => last + 1 + index));
    expect(new Set(answers.flatMap(({ userErrors }) => userErrors.map(({ code }: { code: string }) => code)))).toEqual(
      new Set(['INVALID_INPUT', 'INVALID_STATE']),
    );
  });

  test('tenants count for themselves', async () => {
    const [{ prefix }] = await world.owner(
      "select count(distinct tenant_id)::int as prefix from number_counters where kind = 'ORDER'",
    );
    expect(prefix).toBe(1);
  });

  test('freezes items and amounts, also for the owner of the tables', async () => {
    const id = rawId(await shop.issued());
    const attempts = [
      'update orders set total_minor = total_minor + 1, subtotal_minor = subtotal_minor + 1 where id = $1',
      "update orders set number = 'ORD-999999' where id = $1",
      "update orders set currency_code = 'USD' where id = $1",
      'update orders set customer_id = (select id from users u where u.tenant_id = orders.tenant_id and u.id <> orders.customer_id limit 1) where id = $1',
      'update order_items set quantity = 2 where order_id = $1',
      'delete from order_items where order_id = $1',
      `insert into order_items select tenant_id, order_id, 9, descriptions, quantity, unit_price_minor, tax_rate, net_minor, tax_minor, gross_minor
       from order_items where order_id = $1`,
    ];
    for (const text of attempts) await expect(world.owner(text, [id]), text).rejects.toThrow(/frozen|keeps its number/);
  });

  test('an order of nothing is paid by being issued, with its invoice', async () => {
    const orderId = await shop.draft({ unitPrice: '0.00' });
    expect((await shop.issue(orderId)).order).toMatchObject({ status: 'PAID' });
    expect(await shop.invoices(orderId)).toHaveLength(1);
    expect(await shop.moves(rawId(orderId))).toEqual(['DRAFT>PAID']);
  });

  test('is not for customers', async () => {
    const answer = await world.ask(
      shop.customer,
      'mutation ($input: IssueOrderInput!) { issueOrder(input: $input) { order { id } userErrors { code } } }',
      { input: { orderId: await shop.draft() } },
    );
    expect(answer.data.issueOrder.userErrors).toMatchObject([{ code: 'FORBIDDEN' }]);
  });
});

describe('cancelling', () => {
  test('ends a draft and an issued order, with the reason; not a paid one, not twice', async () => {
    const issued = await shop.issued();
    expect(await cancel(shop.customer, issued, 'too late')).toMatchObject({
      order: { status: 'CANCELLED', cancelReason: 'too late' },
    });
    expect(await cancel(shop.customer, issued)).toMatchObject({ order: null, userErrors: [{ code: 'INVALID_STATE' }] });
    expect(await cancel(shop.operator, await shop.draft())).toMatchObject({ order: { status: 'CANCELLED' } });
    const started = await shop.started();
    await shop.paid(started);
    expect(await cancel(shop.operator, started.orderId)).toMatchObject({
      order: null,
      userErrors: [{ code: 'INVALID_STATE' }],
    });
  });

  test('five at once: one event', async () => {
    const orderId = await shop.issued();
    await Promise.all(Array.from({ length: 5 }, () => cancel(shop.operator, orderId)));
    expect(await shop.moves(rawId(orderId))).toEqual(['DRAFT>ISSUED', 'ISSUED>CANCELLED']);
  });
});

describe('reading', () => {
  const numbersOf = async (as: object, args: string) =>
    (await world.data(as, `{ orders(${args}) { nodes { id number status } pageInfo { hasNextPage endCursor } } }`))
      .orders;

  test('pages hold every order once, newest first, also while new ones come', async () => {
    const seen: string[] = [];
    let after = '';
    for (let pages = 0; pages < 40; pages += 1) {
      const { nodes, pageInfo } = await numbersOf(shop.operator, `first: 17${after}`);
      seen.push(...nodes.map(({ id }: { id: string }) => id));
      await shop.draft();
      if (!pageInfo.hasNextPage) break;
      after = `, after: "${pageInfo.endCursor}"`;
    }
    const [{ ids }] = await world.owner(
      'select array_agg(id order by created_at desc, id desc) as ids from orders where tenant_id = $1',
      [shop.tenantId],
    );
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.map(rawId)).toEqual(ids.slice(-seen.length));
  });

  test('filters narrow the list; an unknown customer has no orders', async () => {
    const { nodes } = await numbersOf(shop.operator, 'first: 100, filter: { status: [CANCELLED] }');
    expect(new Set(nodes.map(({ status }: { status: string }) => status))).toEqual(new Set(['CANCELLED']));
    for (const customerId of [
      shop.node('User', '00000000-0000-4000-8000-00000000dead'),
      shop.node('Order', rawId(await shop.draft())),
      'rubbish',
    ]) {
      expect((await numbersOf(shop.operator, `filter: { customerId: "${customerId}" }`)).nodes).toEqual([]);
    }
  });
});

test('after all of this the books still agree', async () => {
  expect(await brokenLaws(world)).toEqual({});
});
