import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { startTestApp, type As, type TestApp } from '../helpers/app.ts';
import { brokenLaws } from '../helpers/books.ts';
import { buy, purseOf, redeem, setRules, tillOfNewCustomer } from '../helpers/loyalty.ts';
import { uuidOf, type Till } from '../payments/till.ts';

/** Rules, redeeming and adjusting as the graph shows them: every refusal and its positive control (LOY-2, LOY-3). */
let world: TestApp;
let till: Till;
let admin: As;
beforeAll(async () => {
  world = await startTestApp({ worker: false });
  till = await tillOfNewCustomer(world);
  admin = { token: (await world.session('tenantAdmin')).accessToken };
});
afterEach(async () => {
  expect(await brokenLaws(world)).toEqual({});
});
afterAll(() => world.stop());

const RULES = `currencyCode pointsEnabled pointsPerUnit pointsExpireDays redemptionRate redeemPointsMin
  cashbackEnabled cashbackPercent cashbackPendingDays earnOnTax topUpEnabled topUpMin { amount } topUpMax { amount }`;
const EARNING = { pointsEnabled: true, pointsPerUnit: '1', redemptionRate: '0.05', redeemPointsMin: 1 };

async function update(input: object, as = admin) {
  const { updateLoyaltyRules } = await world.data(
    as,
    `mutation ($input: UpdateLoyaltyRulesInput!) { updateLoyaltyRules(input: $input) { tenant { loyaltyRules { ${RULES} } } userErrors { code field } } }`,
    { input },
  );
  return updateLoyaltyRules;
}
const rulesAs = async (as: As) =>
  (await world.data(as, `{ tenant { loyaltyRules { ${RULES} } } }`)).tenant.loyaltyRules;
const auditOf = (action: string) =>
  world.owner('select actor, target, before, after from audit_entries where action = $1 order by position desc', [
    action,
  ]);

describe('the rules of a tenant', () => {
  test('are all off until somebody sets them', async () => {
    expect(await rulesAs(till.customer)).toEqual({
      currencyCode: 'EGP',
      pointsEnabled: false,
      pointsPerUnit: '0',
      pointsExpireDays: null,
      redemptionRate: '0',
      redeemPointsMin: 1,
      cashbackEnabled: false,
      cashbackPercent: '0',
      cashbackPendingDays: 14,
      earnOnTax: true,
      topUpEnabled: false,
      topUpMin: { amount: '0.01' },
      topUpMax: null,
    });
  });

  test('are changed field by field, seen by customers, and every change is in the audit log with before and after', async () => {
    const first = await update({ ...EARNING, pointsExpireDays: 30, topUpMax: '500.00' });
    expect(first.userErrors).toEqual([]);
    const second = await update({ cashbackEnabled: true, cashbackPercent: '2.50', pointsExpireDays: null });
    expect(second.tenant.loyaltyRules).toMatchObject({
      pointsEnabled: true,
      pointsPerUnit: '1',
      pointsExpireDays: null,
      cashbackPercent: '2.5',
      topUpMax: { amount: '500.00' },
    });
    expect(await rulesAs(till.customer)).toEqual(second.tenant.loyaltyRules);
    const [entry] = await auditOf('loyalty.update');
    expect(entry.target).toMatch(/^Tenant:/);
    expect([entry.before.pointsExpireDays, entry.after.pointsExpireDays, entry.after.cashbackPercent]).toEqual([
      30,
      null,
      '2.5',
    ]);
  });

  test('of another currency are said anew, because a rate of one is no rate of another', async () => {
    const before = await rulesAs(admin);
    expect(await update({ currencyCode: 'KWD' })).toMatchObject({
      tenant: null,
      userErrors: [{ code: 'INVALID_INPUT', field: ['input', 'currencyCode'] }],
    });
    expect(await rulesAs(admin)).toEqual(before);
    const inKuwait = {
      currencyCode: 'KWD',
      pointsPerUnit: '10',
      redemptionRate: '0.001',
      topUpMin: '0.250',
      topUpMax: null,
    };
    expect((await update(inKuwait)).tenant.loyaltyRules).toMatchObject({
      topUpMin: { amount: '0.250' },
      topUpMax: null,
    });
    await update({
      currencyCode: 'EGP',
      pointsPerUnit: '1',
      redemptionRate: '0.05',
      topUpMin: '1.00',
      topUpMax: '500.00',
    });
    expect(await rulesAs(admin)).toMatchObject({ currencyCode: 'EGP', redemptionRate: '0.05' });
  });

  test('two changes at once are both kept', async () => {
    await Promise.all([update({ pointsExpireDays: 77 }), update({ cashbackPendingDays: 7 })]);
    expect(await rulesAs(admin)).toMatchObject({ pointsExpireDays: 77, cashbackPendingDays: 7 });
  });

  test.each<[string, object, string]>([
    ['points of a negative number', { pointsPerUnit: '-1' }, 'pointsPerUnit'],
    ['points of no number', { pointsPerUnit: '0' }, 'pointsPerUnit'],
    ['a percentage above all', { cashbackPercent: '101' }, 'cashbackPercent'],
    ['a rate with too many decimals', { redemptionRate: '0.0000001' }, 'redemptionRate'],
    ['days of nothing', { pointsExpireDays: 0 }, 'pointsExpireDays'],
    ['days of centuries', { cashbackPendingDays: 2147483647 }, 'cashbackPendingDays'],
    ['a minimum below one', { redeemPointsMin: -5 }, 'redeemPointsMin'],
    ['limits of more decimals than the currency has', { topUpMin: '1.005' }, 'topUpMin'],
    ['a largest top-up below the smallest', { topUpMin: '10.00', topUpMax: '9.99' }, 'topUpMax'],
  ])('with %s are refused and nothing changes', async (_name, input, field) => {
    const before = await rulesAs(admin);
    expect(await update({ cashbackEnabled: true, cashbackPercent: '5', ...input })).toMatchObject({
      tenant: null,
      userErrors: [{ code: 'INVALID_INPUT', field: ['input', field] }],
    });
    expect(await rulesAs(admin)).toEqual(before);
  });

  test('are changed by administrators only, and for their own tenant only', async () => {
    for (const as of [till.customer, till.operator])
      expect((await update({ pointsPerUnit: '9' }, as)).userErrors).toMatchObject([{ code: 'FORBIDDEN' }]);
    const [other] = await world.owner("select id from tenants where slug = 'other'");
    const tenantId = Buffer.from(`Tenant:${other.id}`).toString('base64url');
    expect((await update({ tenantId, pointsPerUnit: '9' })).userErrors).toMatchObject([{ code: 'NOT_FOUND' }]);
    expect(await world.owner('select 1 from loyalty_rules where tenant_id = $1', [other.id])).toEqual([]);
  });
});

describe('redeeming points', () => {
  beforeAll(() => setRules(world, { ...EARNING, pointsExpireDays: 365, redemptionRate: '0.125', redeemPointsMin: 3 }));

  test('brings wallet money at the tenant’s rate, rounded down, and takes exactly those points', async () => {
    till = await tillOfNewCustomer(world);
    await buy(till);
    expect(await redeem(till, 101)).toEqual({ points: { balance: 13 }, userErrors: [] });
    expect(await purseOf(till)).toMatchObject({ points: 13, wallet: 1_262 });
  });

  test('under one key happens once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => redeem(till, 5, { idempotencyKey: 'five-points' })),
    );
    expect(answers.map(({ points }) => points?.balance)).toEqual([8, 8, 8, 8, 8]);
    expect((await redeem(till, 6, { idempotencyKey: 'five-points' })).userErrors).toMatchObject([
      { code: 'IDEMPOTENCY_INPUT_MISMATCH' },
    ]);
    const { operation } = await world.data(
      till.customer,
      '{ operation(key: "five-points") { status result { ... on User { points { balance } } } } }',
    );
    expect(operation).toEqual({ status: 'SUCCEEDED', result: { points: { balance: 8 } } });
  });

  test('of more than there are says how many there are, and changes nothing', async () => {
    expect((await redeem(till, 9)).userErrors).toEqual([
      { code: 'INSUFFICIENT_POINTS', field: ['input', 'points'], details: { available: 8 } },
    ]);
    expect(await purseOf(till)).toMatchObject({ points: 8 });
  });

  test.each([
    ['nothing', 0],
    ['less than nothing', -5],
    ['fewer than the minimum', 2],
  ])('of %s is refused', async (_name, points) => {
    expect((await redeem(till, points)).userErrors).toMatchObject([
      { code: 'INVALID_INPUT', field: ['input', 'points'] },
    ]);
  });

  test('of what is no whole number, or no number of ours, never reaches the verb', async () => {
    for (const points of ['5', 1.5, 2 ** 31, null]) {
      const answer = await world.ask(
        till.customer,
        'mutation ($input: RedeemPointsInput!) { redeemPoints(input: $input) { userErrors { code } } }',
        { input: { points } },
      );
      expect(answer.errors?.[0]?.extensions.code).toBe('INVALID_INPUT');
    }
  });

  test('is for oneself; an operator does it for a customer of the tenant', async () => {
    const peer = await tillOfNewCustomer(world);
    expect((await redeem(peer, 5, { customerId: till.customerId })).userErrors).toMatchObject([{ code: 'NOT_FOUND' }]);
    const asOperator = { ...till, customer: till.operator } as Till;
    expect((await redeem(asOperator, 3, { customerId: till.customerId })).points).toEqual({ balance: 5 });
    expect((await redeem(asOperator, 3)).userErrors).toMatchObject([{ code: 'INVALID_INPUT' }]);
    const other = await world.session(
      {
        ...world.facts.customer,
        password: world.passwordOf('00000000-0000-4000-8000-0000000000d2', world.facts.customer.email),
      },
      world.facts.otherPortalKey,
    );
    expect((await redeem(asOperator, 3, { customerId: other.userId })).userErrors).toMatchObject([
      { code: 'NOT_FOUND' },
    ]);
    expect(
      await redeem({ ...peer, customer: { key: world.facts.portalKey } } as Till, 3, {
        customerId: till.customerId,
      }).catch(String),
    ).toContain('UNAUTHENTICATED');
  });

  test('is refused where points are not redeemed, and possible again when they are', async () => {
    await setRules(world, { ...EARNING, redemptionRate: '0' });
    expect((await redeem(till, 5)).userErrors).toMatchObject([
      { code: 'FEATURE_DISABLED', details: { feature: 'redeemPoints' } },
    ]);
    await setRules(world, { redemptionRate: '0.125' });
    expect((await redeem(till, 5)).points).toEqual({ balance: 0 });
  });
});

describe('adjusting a wallet', () => {
  async function adjust(input: Record<string, unknown>, as = admin) {
    const { adjustWallet } = await world.data(
      as,
      'mutation ($input: AdjustWalletInput!) { adjustWallet(input: $input) { wallet { balance { amount currencyCode } available { amount } } userErrors { code field } } }',
      { input: { customerId: till.customerId, amount: '10.00', reason: 'a broken cup', ...input } },
    );
    return adjustWallet;
  }

  test('gives and takes, to the unit and never below zero, and its reason is in the audit log', async () => {
    till = await tillOfNewCustomer(world);
    expect(await adjust({ amount: '10.00' })).toEqual({
      wallet: { balance: { amount: '10.00', currencyCode: 'EGP' }, available: { amount: '10.00' } },
      userErrors: [],
    });
    expect((await adjust({ amount: '-10.01' })).userErrors).toEqual([{ code: 'INSUFFICIENT_BALANCE', field: null }]);
    expect((await adjust({ amount: '-10.00', reason: 'it was not broken' })).wallet.balance.amount).toBe('0.00');
    const [last, first] = await auditOf('wallet.adjust');
    expect(first).toMatchObject({
      target: `User:${uuidOf(till.customerId)}`,
      after: { amount: '10.00', currencyCode: 'EGP', reason: 'a broken cup' },
    });
    expect(last.after).toMatchObject({ amount: '-10.00', reason: 'it was not broken' });
    const { viewer } = await world.data(admin, '{ viewer { user { id } } }');
    expect(last.actor).toBe(`user:${uuidOf(viewer.user.id)}`);
  });

  test('in another currency is a wallet of its own', async () => {
    expect((await adjust({ amount: '0.125', currencyCode: 'KWD' })).wallet.balance).toEqual({
      amount: '0.125',
      currencyCode: 'KWD',
    });
    expect(await world.data(till.customer, '{ viewer { user { wallet { balance { amount } } } } }')).toEqual({
      viewer: { user: { wallet: { balance: { amount: '0.00' } } } },
    });
  });

  test('ten takings at once of a third each go through three times', async () => {
    await adjust({ amount: '10.00' });
    const answers = await Promise.all(Array.from({ length: 10 }, () => adjust({ amount: '-3.33' })));
    expect(answers.filter(({ wallet }) => wallet !== null)).toHaveLength(3);
    expect((await purseOf(till)).wallet).toBe(1);
  });

  test.each<[string, Record<string, unknown>, string]>([
    ['nothing', { amount: '0.00' }, 'INVALID_INPUT'],
    ['more decimals than there are', { amount: '1.001' }, 'INVALID_INPUT'],
    ['more than an amount can be', { amount: '99999999999999999' }, 'INVALID_INPUT'],
    ['no reason', { reason: ' ' }, 'INVALID_INPUT'],
    ['a novel for a reason', { reason: 'x'.repeat(501) }, 'INVALID_INPUT'],
    [
      'nobody',
      { customerId: Buffer.from('User:00000000-0000-4000-8000-00000000ffff').toString('base64url') },
      'NOT_FOUND',
    ],
    ['what is no id', { customerId: 'x' }, 'NOT_FOUND'],
  ])('of %s is refused', async (_name, input, code) => {
    expect((await adjust(input)).userErrors).toMatchObject([{ code }]);
  });

  test('is for administrators', async () => {
    for (const as of [till.customer, till.operator])
      expect((await adjust({}, as)).userErrors).toMatchObject([{ code: 'FORBIDDEN' }]);
  });
});
