import type { LoyaltyRules } from '../domain/loyalty.ts';
import { rulesOf, updateLoyaltyRules } from '../resolvers/loyalty-rules.ts';
import { loadTenant } from '../resolvers/tenant.ts';
import { builder } from './builder.ts';
import { Money, money } from './money.ts';
import { runVerb } from './mutation.ts';
import { TenantPayload } from './tenant.ts';

const LoyaltyRulesType = builder.objectRef<LoyaltyRules>('LoyaltyRules').implement({
  description:
    'What customers earn by paying, and what they may do with it (LOY-3). Everything is off until it is set.',
  fields: (t) => ({
    currencyCode: t.expose('currencyCode', {
      type: 'CurrencyCode',
      description: 'Of the rates and limits. Orders in another currency earn no points.',
    }),
    pointsEnabled: t.exposeBoolean('pointsEnabled', { description: 'Whether paid orders earn points.' }),
    pointsPerUnit: t.field({
      type: 'Decimal',
      description: 'Points for each major unit that was really paid; rounded down to whole points per order.',
      resolve: (rules) => rules.pointsPerUnit,
    }),
    pointsExpireDays: t.exposeInt('pointsExpireDays', { nullable: true, description: 'Null: they never run out.' }),
    redemptionRate: t.field({
      type: 'Decimal',
      description: 'Wallet money in major units for one point; 0: points are not redeemed.',
      resolve: (rules) => rules.redemptionRate,
    }),
    redeemPointsMin: t.exposeInt('redeemPointsMin', { description: 'The fewest points redeemed at once.' }),
    cashbackEnabled: t.exposeBoolean('cashbackEnabled'),
    cashbackPercent: t.field({
      type: 'Decimal',
      description: '5 is 5 % of what was really paid; rounded down to the smallest unit of the currency.',
      resolve: (rules) => rules.cashbackPercent,
    }),
    cashbackPendingDays: t.exposeInt('cashbackPendingDays', {
      description: 'The return period: until then cashback is pending.',
    }),
    earnOnTax: t.exposeBoolean('earnOnTax', { description: 'Whether the tax of an order earns as well.' }),
    topUpEnabled: t.exposeBoolean('topUpEnabled', { description: 'Whether wallets are topped up.' }),
    topUpMin: t.field({ type: Money, resolve: (rules) => money(rules.topUpMinMinor, rules.currencyCode) }),
    topUpMax: t.field({
      type: Money,
      nullable: true,
      resolve: (rules) => (rules.topUpMaxMinor === null ? null : money(rules.topUpMaxMinor, rules.currencyCode)),
    }),
  }),
});

builder.prismaObjectFields('Tenant', (t) => ({
  loyaltyRules: t.field({
    type: LoyaltyRulesType,
    select: { loyaltyRules: true },
    resolve: (tenant, _args, ctx) => rulesOf(ctx, tenant),
  }),
}));

const UpdateLoyaltyRulesInput = builder.inputType('UpdateLoyaltyRulesInput', {
  description: 'What is left out stays.',
  fields: (t) => ({
    tenantId: t.id(),
    currencyCode: t.field({
      type: 'CurrencyCode',
      description: 'Of rates and limits; with another one, rates and limits are said anew.',
    }),
    pointsEnabled: t.boolean(),
    pointsPerUnit: t.field({ type: 'Decimal', description: 'At most 4 decimals.' }),
    pointsExpireDays: t.int({ description: 'Null: never.' }),
    redemptionRate: t.field({ type: 'Decimal', description: 'At most 6 decimals; 0 for none.' }),
    redeemPointsMin: t.int(),
    cashbackEnabled: t.boolean(),
    cashbackPercent: t.field({ type: 'Decimal', description: '0 to 100, at most 4 decimals.' }),
    cashbackPendingDays: t.int(),
    earnOnTax: t.boolean(),
    topUpEnabled: t.boolean(),
    topUpMin: t.field({ type: 'Decimal' }),
    topUpMax: t.field({ type: 'Decimal', description: 'Null: no limit.' }),
    idempotencyKey: t.string(),
  }),
});

builder.mutationFields((t) => ({
  updateLoyaltyRules: t.field({
    type: TenantPayload,
    description: 'Changes what customers earn from now on; what they have stays. [tenantAdmin]',
    args: { input: t.arg({ type: UpdateLoyaltyRulesInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => updateLoyaltyRules(ctx, input),
        (id) => loadTenant(ctx, id),
      ),
  }),
}));
