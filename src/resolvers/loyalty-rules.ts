import { authorize } from '../access.ts';
import { columns } from '../columns.ts';
import type { Context } from '../context.ts';
import type { Statements, Transaction } from '../db.ts';
import { checkedRules, rulesUnset, type LoyaltyRules } from '../domain/loyalty.ts';
import { formatAmount, isCurrency, parseAmount } from '../domain/money.ts';
import { invalidInput } from '../errors.ts';
import type { LoyaltyRulesModel } from '../generated/prisma/models.ts';
import { runOperation, type Done } from '../operations.ts';
import { announceChange, authorOf, checkTenantId, recordChange, type Author } from './configuration.ts';

type Given<T> = T | null | undefined;

/** What is left out, or null, stays; only `pointsExpireDays` and `topUpMax` are taken away by null. */
export interface UpdateLoyaltyRulesInput {
  readonly tenantId?: Given<string>;
  readonly currencyCode?: Given<string>;
  readonly pointsEnabled?: Given<boolean>;
  readonly pointsPerUnit?: Given<string>;
  readonly pointsExpireDays?: Given<number>;
  readonly redemptionRate?: Given<string>;
  readonly redeemPointsMin?: Given<number>;
  readonly cashbackEnabled?: Given<boolean>;
  readonly cashbackPercent?: Given<string>;
  readonly cashbackPendingDays?: Given<number>;
  readonly earnOnTax?: Given<boolean>;
  readonly topUpEnabled?: Given<boolean>;
  readonly topUpMin?: Given<string>;
  readonly topUpMax?: Given<string>;
  readonly idempotencyKey?: Given<string>;
}

const RULES_COLUMNS = columns('LoyaltyRules', 'l', ['tenantId']);

/** The rules of the tenant worked in; undefined where it has set none. */
export async function readRules(statements: Statements): Promise<LoyaltyRules | undefined> {
  const [rules] = await statements.query<LoyaltyRules>(
    `select ${RULES_COLUMNS} from loyalty_rules l where l.tenant_id = current_tenant()`,
  );
  return rules;
}

interface TenantWithRules {
  readonly id: string;
  readonly slug: string;
  readonly currencyCode: string;
  readonly loyaltyRules: LoyaltyRulesModel | null;
}

/** How a tenant's customers earn: everybody who may see the tenant may know. @throws INVALID_INPUT for another tenant than the one worked in */
export function rulesOf(ctx: Context, tenant: TenantWithRules): LoyaltyRules {
  authorize(ctx, 'tenant.read');
  if (tenant.id !== ctx.scope.tenantId)
    throw invalidInput(`Send the header X-Tenant: ${tenant.slug} to see this tenant's rules.`);
  return tenant.loyaltyRules ?? rulesUnset(tenant.currencyCode);
}

/** Changes what customers earn from now on; what they have earned stays as it is. @throws INVALID_INPUT, NOT_FOUND */
export async function updateLoyaltyRules(ctx: Context, input: UpdateLoyaltyRulesInput): Promise<Done> {
  authorize(ctx, 'loyalty.update');
  checkTenantId(ctx, input.tenantId);
  const done = await runOperation(ctx, 'updateLoyaltyRules', { ...input }, (operation) =>
    operation.once((tx) => writeLoyaltyRules(authorOf(ctx), tx, input)),
  );
  announceChange(ctx, 'tenant.changed', ctx.scope.tenantId);
  return done;
}

/** The same for commands and the seed, in a transaction of the tenant's. */
export async function writeLoyaltyRules(
  author: Author,
  tx: Transaction,
  input: UpdateLoyaltyRulesInput,
): Promise<Done> {
  // The tenant's row first: two changes at once are one after the other, also where there are no rules yet.
  const { id, version, currencyCode } = await tx.one<{ id: string; version: number; currencyCode: string }>(
    'update tenants set version = version + 1 where id = current_tenant() returning id, version, currency_code as "currencyCode"',
  );
  const known = await readRules(tx);
  if (known) requireAnew(known, input);
  const before = known ?? rulesUnset(currencyCode);
  const after = checkedRules(merged(before, input));
  await tx.query(SAVE, valuesOf(after));
  await recordChange(author, tx, {
    type: 'tenant.changed',
    aggregateType: 'Tenant',
    aggregateId: id,
    version,
    action: 'loyalty.update',
    before: shown(before),
    after: shown(after),
  });
  return { type: 'Tenant', id };
}

/** What was meant in one currency is not taken to be meant in another. */
function requireAnew(known: LoyaltyRules, input: UpdateLoyaltyRulesInput): void {
  if (!input.currencyCode || input.currencyCode === known.currencyCode) return;
  const { pointsPerUnit, redemptionRate, topUpMin, topUpMax } = input;
  if (pointsPerUnit && redemptionRate && topUpMin && topUpMax !== undefined) return;
  throw invalidInput('In another currency, say pointsPerUnit, redemptionRate, topUpMin and topUpMax anew.', [
    'input',
    'currencyCode',
  ]);
}

function merged(before: LoyaltyRules, input: UpdateLoyaltyRulesInput): LoyaltyRules {
  const currencyCode = input.currencyCode ?? before.currencyCode;
  if (!isCurrency(currencyCode)) throw invalidInput('This is not a currency.', ['input', 'currencyCode']);
  const amount = (text: string, name: string) => parseAmount(text, currencyCode, ['input', name]);
  return {
    currencyCode,
    pointsEnabled: input.pointsEnabled ?? before.pointsEnabled,
    pointsPerUnit: input.pointsPerUnit ?? before.pointsPerUnit,
    pointsExpireDays: input.pointsExpireDays === undefined ? before.pointsExpireDays : input.pointsExpireDays,
    redemptionRate: input.redemptionRate ?? before.redemptionRate,
    redeemPointsMin: input.redeemPointsMin ?? before.redeemPointsMin,
    cashbackEnabled: input.cashbackEnabled ?? before.cashbackEnabled,
    cashbackPercent: input.cashbackPercent ?? before.cashbackPercent,
    cashbackPendingDays: input.cashbackPendingDays ?? before.cashbackPendingDays,
    earnOnTax: input.earnOnTax ?? before.earnOnTax,
    topUpEnabled: input.topUpEnabled ?? before.topUpEnabled,
    topUpMinMinor: input.topUpMin ? amount(input.topUpMin, 'topUpMin') : before.topUpMinMinor,
    topUpMaxMinor:
      input.topUpMax === undefined
        ? before.topUpMaxMinor
        : input.topUpMax === null
          ? null
          : amount(input.topUpMax, 'topUpMax'),
  };
}

/** As it stands in the audit log: amounts as people write them. */
function shown({ topUpMinMinor, topUpMaxMinor, ...rules }: LoyaltyRules) {
  const { currencyCode } = rules;
  return {
    ...rules,
    topUpMin: formatAmount(topUpMinMinor, currencyCode),
    topUpMax: topUpMaxMinor === null ? null : formatAmount(topUpMaxMinor, currencyCode),
  };
}

const COLUMNS = [
  'currency_code',
  'points_enabled',
  'points_per_unit',
  'points_expire_days',
  'redemption_rate',
  'redeem_points_min',
  'cashback_enabled',
  'cashback_percent',
  'cashback_pending_days',
  'earn_on_tax',
  'top_up_enabled',
  'top_up_min_minor',
  'top_up_max_minor',
] as const;
const SAVE = `insert into loyalty_rules (tenant_id, ${COLUMNS.join(', ')}) values (current_tenant(), ${COLUMNS.map((_, index) => `$${index + 1}`).join(', ')})
  on conflict (tenant_id) do update set ${COLUMNS.map((column) => `${column} = excluded.${column}`).join(', ')}`;

function valuesOf(rules: LoyaltyRules): unknown[] {
  return [
    rules.currencyCode,
    rules.pointsEnabled,
    rules.pointsPerUnit,
    rules.pointsExpireDays,
    rules.redemptionRate,
    rules.redeemPointsMin,
    rules.cashbackEnabled,
    rules.cashbackPercent,
    rules.cashbackPendingDays,
    rules.earnOnTax,
    rules.topUpEnabled,
    rules.topUpMinMinor,
    rules.topUpMaxMinor,
  ];
}
