import { ROUNDING_MODES } from '../domain/money.ts';
import { ROUNDING_LEVELS, type TaxProfile } from '../domain/order-price.ts';
import { SubscriptionPlan, TenantType } from '../generated/prisma/enums.ts';
import { encodeGlobalId } from '../global-id.ts';
import { authorizedLoad } from '../resolvers/node-load.ts';
import { portalOf } from '../resolvers/portal.ts';
import {
  createTenant,
  findTenant,
  listTenants,
  loadTenant,
  tenantsByIds,
  updateTenant,
  type LegalFacts,
  type TenantRow,
} from '../resolvers/tenant.ts';
import { builder } from './builder.ts';
import { connectionArgs, connectionType } from './connection.ts';
import { payloadType, runVerb } from './mutation.ts';
import { Node, registerNode } from './node.ts';

const TenantTypeType = builder.enumType('TenantType', {
  description: "Whether the tenant's website is its own or one of ours.",
  values: Object.values(TenantType),
});
const SubscriptionPlanType = builder.enumType('SubscriptionPlan', {
  description: 'What the tenant pays for.',
  values: Object.values(SubscriptionPlan),
});
const RoundingModeType = builder.enumType('RoundingMode', {
  description: 'How half a minor unit is rounded.',
  values: ROUNDING_MODES,
});
const RoundingLevelType = builder.enumType('RoundingLevel', {
  values: ROUNDING_LEVELS,
  description: 'Whether tax is rounded per line or per order.',
});

const TaxProfileType = builder.objectRef<TaxProfile>('TaxProfile').implement({
  description: 'How tax is reckoned on new orders.',
  fields: (t) => ({
    roundingMode: t.expose('roundingMode', { type: RoundingModeType }),
    roundingLevel: t.expose('roundingLevel', { type: RoundingLevelType }),
    pricesIncludeTax: t.exposeBoolean('pricesIncludeTax'),
  }),
});

const LegalFactsType = builder.objectRef<LegalFacts>('LegalFacts').implement({
  description: 'What invoices say of the seller.',
  fields: (t) => ({
    addressLines: t.stringList({ resolve: (legal) => [...(legal.addressLines ?? [])] }),
    taxId: t.string({ nullable: true, resolve: (legal) => legal.taxId ?? null }),
    legalText: t.string({ nullable: true, resolve: (legal) => legal.legalText ?? null }),
  }),
});

const PortalConfig = builder.prismaObject('PortalConfig', {
  description: "The tenant's website: its keys, origins and limit (TEN-2). For its administrators.",
  fields: (t) => ({
    corsOrigins: t.expose('corsOrigins', { type: ['URL'] }),
    rateLimitPerMinute: t.exposeInt('rateLimitPerMinute', { description: 'In points of query cost.' }),
    active: t.exposeBoolean('active'),
    returnStockOnExpiry: t.exposeBoolean('returnStockOnExpiry', {
      description: 'Whether what an order took from the stock goes back when it expires unpaid.',
    }),
  }),
});

export const Tenant = builder.prismaObject('Tenant', {
  description: 'A company with its own customers, orders, keys and rules (TEN-1).',
  interfaces: [Node],
  fields: (t) => ({
    id: t.id({ resolve: (tenant) => encodeGlobalId('Tenant', tenant.id) }),
    slug: t.exposeString('slug', { description: 'Its short name in addresses; it never changes.' }),
    name: t.exposeString('name'),
    domain: t.exposeString('domain', { nullable: true }),
    type: t.expose('type', { type: TenantTypeType }),
    plan: t.expose('plan', { type: SubscriptionPlanType }),
    active: t.exposeBoolean('active', {
      description: 'Off: keys and people are refused at once with TENANT_INACTIVE.',
    }),
    currencyCode: t.expose('currencyCode', { type: 'CurrencyCode', description: 'Of new orders that name none.' }),
    locale: t.expose('locale', { type: 'Locale' }),
    timeZone: t.expose('timeZone', { type: 'TimeZone' }),
    taxProfile: t.field({ type: TaxProfileType, resolve: (tenant) => tenant.taxProfile as unknown as TaxProfile }),
    legal: t.field({ type: LegalFactsType, resolve: (tenant) => tenant.legal as LegalFacts }),
    logoSha256: t.exposeString('logoSha256', {
      nullable: true,
      description: 'Of the picture on new invoices, in hexadecimal; null where there is none.',
    }),
    portal: t.field({
      type: PortalConfig,
      description: '[tenantAdmin]',
      select: (_args, _ctx, nested) => ({ portal: nested(true) }),
      resolve: (tenant, _args, ctx) => portalOf(ctx, tenant),
    }),
  }),
});
registerNode('Tenant', authorizedLoad('tenant.read', tenantsByIds));

const TenantConnection = connectionType<TenantRow & { cursorAt: string }>('Tenant', Tenant as never);

builder.queryFields((t) => ({
  tenant: t.prismaField({
    type: Tenant,
    nullable: true,
    description: "One's own tenant when no id is given.",
    args: { id: t.arg.id() },
    resolve: (query, _root, args, ctx) => findTenant(ctx, args.id ?? null, query),
  }),
  tenants: t.field({
    type: TenantConnection,
    description: 'All tenants, newest first. [platformAdmin]',
    args: connectionArgs(t.arg),
    resolve: (_root, args, ctx) => listTenants(ctx, args),
  }),
}));

export const TenantPayload = payloadType<TenantRow>('TenantPayload', 'tenant', Tenant as never);

const TaxProfileInput = builder.inputType('TaxProfileInput', {
  fields: (t) => ({
    roundingMode: t.field({ type: RoundingModeType }),
    roundingLevel: t.field({ type: RoundingLevelType }),
    pricesIncludeTax: t.boolean(),
  }),
});
const LegalFactsInput = builder.inputType('LegalFactsInput', {
  fields: (t) => ({ addressLines: t.stringList(), taxId: t.string(), legalText: t.string() }),
});

const CreateTenantInput = builder.inputType('CreateTenantInput', {
  fields: (t) => ({
    slug: t.string({ required: true, description: 'Letters a-z, digits, hyphens. It never changes.' }),
    name: t.string({ required: true }),
    currencyCode: t.field({ type: 'CurrencyCode', required: true }),
    domain: t.string(),
    type: t.field({ type: TenantTypeType }),
    plan: t.field({ type: SubscriptionPlanType }),
    active: t.boolean(),
    locale: t.field({ type: 'Locale' }),
    timeZone: t.field({ type: 'TimeZone' }),
    taxProfile: t.field({ type: TaxProfileInput }),
    legal: t.field({ type: LegalFactsInput }),
    idempotencyKey: t.string(),
  }),
});
const UpdateTenantInput = builder.inputType('UpdateTenantInput', {
  description: 'What is left out stays. `type`, `plan` and `active` are for platform admins.',
  fields: (t) => ({
    tenantId: t.id(),
    name: t.string(),
    currencyCode: t.field({ type: 'CurrencyCode' }),
    domain: t.string({ description: 'Null takes it away.' }),
    type: t.field({ type: TenantTypeType }),
    plan: t.field({ type: SubscriptionPlanType }),
    active: t.boolean(),
    locale: t.field({ type: 'Locale' }),
    timeZone: t.field({ type: 'TimeZone' }),
    taxProfile: t.field({ type: TaxProfileInput }),
    legal: t.field({ type: LegalFactsInput }),
    logo: t.string({
      description:
        'The picture on invoices from now on: PNG or JPEG in base64, at most 64 KiB and 2000 x 2000 pixels. Null takes it away.',
    }),
    idempotencyKey: t.string(),
  }),
});

builder.mutationFields((t) => ({
  createTenant: t.field({
    type: TenantPayload,
    description: 'Makes a tenant with its portal. [platformAdmin]',
    args: { input: t.arg({ type: CreateTenantInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => createTenant(ctx, input),
        (id) => loadTenant(ctx, id),
      ),
  }),
  updateTenant: t.field({
    type: TenantPayload,
    description: 'Changes a tenant. [tenantAdmin]',
    args: { input: t.arg({ type: UpdateTenantInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => updateTenant(ctx, input),
        (id) => loadTenant(ctx, id),
      ),
  }),
}));
