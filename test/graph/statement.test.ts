import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { creditCashback } from '../../src/resolvers/loyalty-due.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { buy, giveBack, redeem, setRules, tillOfNewCustomer } from '../helpers/loyalty.ts';
import { DEMO_TENANT, giveWallet } from '../helpers/wallet.ts';
import { uuidOf, type Till } from '../payments/till.ts';

/** Statements of wallet, points and cashback (LOY-2, LOY-3): what they say, their pages, who sees them, and what they cost. */
let world: TestApp;
let till: Till;
beforeAll(async () => {
  world = await startTestApp({ worker: false });
  await world.owner('update portal_configs set rate_limit_per_minute = 1000000');
  await setRules(world, {
    pointsEnabled: true,
    pointsPerUnit: '1',
    pointsExpireDays: 20,
    redemptionRate: '0.1',
    cashbackEnabled: true,
    cashbackPercent: '5',
    cashbackPendingDays: 0,
  });
  till = await tillOfNewCustomer(world);
});
afterAll(() => world.stop());

const ENTRY =
  'id kind occurredAt amount { amount currencyCode } balance { amount } points pointsBalance order { id } payment { id } refund { id }';
const PURSE = `wallet { balance { amount } held { amount } available { amount } transactions(first: 20) { nodes { ${ENTRY} } pageInfo { hasNextPage } } }
  points { balance expiringSoon transactions(first: 20) { nodes { ${ENTRY} } } }
  cashback { available { amount } pending { amount } total { amount } transactions(first: 20) { nodes { ${ENTRY} } }
    credited: transactions(first: 20, of: CREDITED) { nodes { ${ENTRY} } } }`;
const purse = async (as = till.customer) => (await world.data(as, `{ viewer { user { ${PURSE} } } }`)).viewer.user;
const money = ({ kind, amount, balance }: any) => `${kind} ${amount.amount} ${balance.amount}`;
const points = (entry: any) => `${entry.kind} ${entry.points} ${entry.pointsBalance}`;

describe('a customer’s statements', () => {
  test('tell everything that happened in the customer’s words, newest first, each with the balance after it', async () => {
    const first = await buy(till);
    await creditCashback(world.app, { tenantId: DEMO_TENANT, customerId: null }, first.orderUuid);
    await redeem(till, 50);
    await giveWallet(world, uuidOf(till.customerId), 10_000n);
    const bought = await till.issuedOrder('50.00');
    const { payment } = await till.pay(bought, await till.methodId(bought, 'Wallet'));
    await giveBack(till, first.paymentId);
    const seen = await purse();
    expect(seen.wallet.transactions.nodes.map(money)).toEqual([
      'CASHBACK_TAKEN_BACK -5.70 162.00',
      'REFUND 114.00 167.70',
      'PAYMENT -57.00 53.70',
      'ADJUSTMENT 100.00 110.70',
      'POINTS_REDEEMED 5.00 10.70',
      'CASHBACK_CREDITED 5.70 5.70',
    ]);
    expect(seen.points.transactions.nodes.map(points)).toEqual([
      'POINTS_TAKEN_BACK -114 7',
      'POINTS_EARNED 57 121',
      'POINTS_REDEEMED -50 64',
      'POINTS_EARNED 114 114',
    ]);
    expect(seen.cashback.transactions.nodes.map(money)).toEqual([
      'CASHBACK_EARNED 2.85 2.85',
      'CASHBACK_CREDITED -5.70 0.00',
      'CASHBACK_EARNED 5.70 5.70',
    ]);
    expect(seen.cashback.credited.nodes.map(money)).toEqual([
      'CASHBACK_TAKEN_BACK -5.70 0.00',
      'CASHBACK_CREDITED 5.70 5.70',
    ]);
    expect(seen).toMatchObject({
      wallet: { balance: { amount: '162.00' }, held: { amount: '0.00' }, available: { amount: '162.00' } },
      points: { balance: 7, expiringSoon: 7 },
      cashback: { available: { amount: '0.00' }, pending: { amount: '2.85' }, total: { amount: '2.85' } },
    });
    const [takenBack, refund, paid, adjusted, redeemed, credited] = seen.wallet.transactions.nodes;
    const about = ({ order, payment: by, refund: of }: any) => [order?.id ?? null, by?.id ?? null, of !== null];
    const firstOrder = Buffer.from(`Order:${first.orderUuid}`).toString('base64url');
    expect([takenBack, refund].map(about)).toEqual([
      [firstOrder, first.paymentId, true],
      [firstOrder, first.paymentId, true],
    ]);
    expect(about(paid)).toEqual([bought, payment!.id, false]);
    expect([adjusted, redeemed].map(about)).toEqual([
      [null, null, false],
      [null, null, false],
    ]);
    expect(about(credited)).toEqual([firstOrder, null, false]);
  });

  test('show what is held beside what is free', async () => {
    const orderId = await till.issuedOrder('100.00');
    await world.data(
      till.customer,
      'mutation ($input: PayOrderInput!) { payOrder(input: $input) { payment { id } } }',
      { input: { orderId, methodId: await till.methodId(orderId), walletAmount: '61.00' } },
    );
    expect((await purse()).wallet).toMatchObject({
      balance: { amount: '162.00' },
      held: { amount: '61.00' },
      available: { amount: '101.00' },
    });
  });

  test('of somebody who never had anything are empty and in the tenant’s currency', async () => {
    const nobody = await tillOfNewCustomer(world);
    expect(await purse(nobody.customer)).toEqual({
      wallet: {
        balance: { amount: '0.00' },
        held: { amount: '0.00' },
        available: { amount: '0.00' },
        transactions: { nodes: [], pageInfo: { hasNextPage: false } },
      },
      points: { balance: 0, expiringSoon: 0, transactions: { nodes: [] } },
      cashback: {
        available: { amount: '0.00' },
        pending: { amount: '0.00' },
        total: { amount: '0.00' },
        transactions: { nodes: [] },
        credited: { nodes: [] },
      },
    });
  });
});

describe('pages of a statement', () => {
  const page = async (args: string, as = till.customer) =>
    (
      await world.data(
        as,
        `{ viewer { user { wallet { transactions(${args}) { edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } } } }`,
      )
    ).viewer.user.wallet.transactions;
  const idsOf = ({ edges }: any) => edges.map(({ node }: any) => node.id);

  test('walked forwards and backwards give every line once, in one order', async () => {
    const whole = await page('first: 100');
    expect(idsOf(whole)).toHaveLength(6);
    const forwards: string[] = [];
    for (let after = ''; ;) {
      const one = await page(`first: 2${after}`);
      forwards.push(...idsOf(one));
      if (!one.pageInfo.hasNextPage) break;
      after = `, after: "${one.pageInfo.endCursor}"`;
    }
    const backwards: string[] = [];
    for (let before = ''; ;) {
      const one = await page(`last: 4${before}`);
      backwards.unshift(...idsOf(one));
      if (!one.pageInfo.hasPreviousPage) break;
      before = `, before: "${one.pageInfo.startCursor}"`;
    }
    expect([forwards, backwards]).toEqual([idsOf(whole), idsOf(whole)]);
    const between = await page(`first: 100, after: "${whole.edges[0].cursor}", before: "${whole.edges[4].cursor}"`);
    expect(idsOf(between)).toEqual(idsOf(whole).slice(1, 4));
  });

  test('stay where they are while new lines come', async () => {
    const first = await page('first: 2');
    const rest = idsOf(await page(`first: 100, after: "${first.pageInfo.endCursor}"`));
    await giveWallet(world, uuidOf(till.customerId), 1n);
    expect(idsOf(await page(`first: 100, after: "${first.pageInfo.endCursor}"`))).toEqual(rest);
    expect(idsOf(await page('first: 100'))).toHaveLength(7);
  });

  test('by a cursor of another list, another person, or of nothing are refused', async () => {
    const points = await world.data(
      till.customer,
      '{ viewer { user { points { transactions(first: 1) { pageInfo { endCursor } } } } } }',
    );
    const peer = await tillOfNewCustomer(world);
    const own = (await page('first: 1')).pageInfo.endCursor;
    const forged = (text: string) => Buffer.from(text).toString('base64url');
    const account = Buffer.from(own, 'base64url').toString().split('|')[1];
    const refused: [string, Till][] = [
      [points.viewer.user.points.transactions.pageInfo.endCursor, till],
      [own, peer],
      ['x', till],
      ['', till],
      [forged(`-1|${account}`), till],
      [forged(`0|${account}`), till],
      [forged(`99999999999999999999|${account}`), till],
      [forged(`1e3|${account}`), till],
      [forged(`1|${account}|1`), till],
      [forged(`2026-01-01 00:00:00+00|${account}`), till],
    ];
    for (const [cursor, who] of refused) {
      for (const argument of ['after', 'before']) {
        const answer = await world.ask(
          who.customer,
          `query ($c: String) { viewer { user { wallet { transactions(first: 1, ${argument}: $c) { nodes { id } } } } } }`,
          { c: cursor },
        );
        expect(answer.errors?.[0]?.extensions, `${argument} ${cursor}`).toMatchObject({ code: 'INVALID_INPUT' });
      }
    }
  });

  test('of no size or of too large a size are refused', async () => {
    for (const args of ['first: 0', 'first: 101', 'last: -1', 'first: 1, last: 1']) {
      const answer = await world.ask(
        till.customer,
        `{ viewer { user { wallet { transactions(${args}) { nodes { id } } } } } }`,
      );
      expect(answer.errors?.[0]?.extensions.code, args).toBe('INVALID_INPUT');
    }
  });
});

describe('who sees them', () => {
  const balanceOf = (as: Parameters<TestApp['ask']>[0]) =>
    world.ask(
      as,
      'query ($id: ID!) { node(id: $id) { ... on User { wallet { balance { amount } transactions { nodes { id } } } } } }',
      {
        id: till.customerId,
      },
    );

  test('an operator of the tenant does; another customer and another tenant do not', async () => {
    const seen = await balanceOf(till.operator);
    expect(seen.data.node.wallet.transactions.nodes).toHaveLength(7);
    expect((await balanceOf((await tillOfNewCustomer(world)).customer)).data.node).toBeNull();
    const other = await world.session(
      {
        email: 'operator@other.example',
        password: world.passwordOf('00000000-0000-4000-8000-0000000000d2', 'operator@other.example'),
      },
      world.facts.otherPortalKey,
    );
    expect((await balanceOf({ token: other.accessToken })).data.node).toBeNull();
  });

  test('a partner does whose key reads payments; with orders alone it is refused', async () => {
    const keyWith = async (...scopes: string[]) => {
      const { createApiKey } = await world.data(
        { token: (await world.session('tenantAdmin')).accessToken },
        'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { secret } }',
        { input: { mode: 'TEST', scopes } },
      );
      return { key: createApiKey.secret as string };
    };
    expect((await balanceOf(await keyWith('orders:read'))).errors?.[0]?.extensions.code).toBe('FORBIDDEN');
    expect((await balanceOf(await keyWith('orders:read', 'payments:read'))).data.node.wallet.balance).toBeDefined();
  });
});

describe('what they cost', () => {
  /** Ten more customers, each with lines of every kind about orders, payments and refunds. */
  const many: Till[] = [];
  beforeAll(async () => {
    for (let index = 0; index < 10; index += 1) {
      const one = await tillOfNewCustomer(world);
      const { paymentId, orderUuid } = await buy(one);
      await creditCashback(world.app, { tenantId: DEMO_TENANT, customerId: null }, orderUuid);
      await redeem(one, 10);
      await giveBack(one, paymentId, '10.00');
      await giveBack(one, paymentId, '10.00');
      many.push(one);
    }
  });

  async function statementsOf(query: string, variables: object): Promise<{ statements: number; data: any }> {
    const counter = world.app.metrics.databaseStatements;
    const now = async () => (await counter.get()).values[0]?.value ?? 0;
    const tries = [];
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const before = await now();
      const data = await world.data(till.operator, query, variables as Record<string, unknown>);
      tries.push({ statements: (await now()) - before, data });
    }
    return tries.toSorted((one, other) => one.statements - other.statements)[0]!;
  }

  test('one statement for people, accounts, points that run out and each page, and one per relation: however many people and lines', async () => {
    const query = `query ($ids: [ID!]!, $first: Int) { nodes(ids: $ids) { ... on User {
      wallet { balance { amount } available { amount } transactions(first: $first) { nodes { ${ENTRY} } } }
      points { balance expiringSoon transactions(first: $first) { nodes { ${ENTRY} } } }
      cashback { available { amount } pending { amount } total { amount } transactions(first: $first) { nodes { ${ENTRY} } }
        credited: transactions(first: $first, of: CREDITED) { nodes { ${ENTRY} } } } } } }`;
    const seen = [];
    for (const [people, first] of [
      [1, 1],
      [1, 20],
      [10, 20],
    ] as const) {
      const ids = many.slice(0, people).map(({ customerId }) => customerId);
      const { statements, data } = await statementsOf(query, { ids, first });
      expect(data.nodes.every(({ wallet }: any) => wallet.transactions.nodes.length === Math.min(first, 6))).toBe(true);
      seen.push(statements);
    }
    // People, accounts, running out, lines; then orders, payments and refunds.
    expect(seen).toEqual([7, 7, 7]);
  });
});
