import type { RoutingRules } from '../domain/routing-rules.ts';
import { encodeGlobalId } from '../global-id.ts';
import type { Paged } from '../paging.ts';
import type { ProviderSlotRow } from '../provider-reads.ts';
import { authorizedLoad } from '../resolvers/node-load.ts';
import {
  deleteProviderSlot,
  listProviderSlots,
  providerOfSlot,
  slotsByIds,
  slotsOfTenant,
  tenantOfSlot,
  upsertProviderSlot,
} from '../resolvers/provider-slot.ts';
import { builder } from './builder.ts';
import { connectionArgs, connectionType } from './connection.ts';
import { DeletePayload, payloadType, runVerb } from './mutation.ts';
import { Node, registerNode } from './node.ts';
import { VerticalType } from './provider-enums.ts';
import { Provider, ProviderSlot } from './refs.ts';
import { Tenant } from './tenant.ts';

const RoutingRulesType = builder.objectRef<RoutingRules>('RoutingRules').implement({
  description: 'Which requests a slot is for (PRV-6). An empty list, and what is null, restricts nothing.',
  fields: (t) => ({
    currencyAllow: t.field({ type: ['CurrencyCode'], resolve: ({ currencyAllow }) => [...(currencyAllow ?? [])] }),
    currencyDeny: t.field({ type: ['CurrencyCode'], resolve: ({ currencyDeny }) => [...(currencyDeny ?? [])] }),
    countryAllow: t.field({ type: ['CountryCode'], resolve: ({ countryAllow }) => [...(countryAllow ?? [])] }),
    countryDeny: t.field({ type: ['CountryCode'], resolve: ({ countryDeny }) => [...(countryDeny ?? [])] }),
    languageAllow: t.field({
      type: ['Locale'],
      description: 'A language also allows its regions: `ar` allows `ar-EG`.',
      resolve: ({ languageAllow }) => [...(languageAllow ?? [])],
    }),
    amountMin: t.field({
      type: 'Decimal',
      nullable: true,
      description: "In the request's own currency.",
      resolve: ({ amountMin }) => amountMin ?? null,
    }),
    amountMax: t.field({ type: 'Decimal', nullable: true, resolve: ({ amountMax }) => amountMax ?? null }),
    travelFrom: t.field({ type: 'Date', nullable: true, resolve: ({ travelFrom }) => travelFrom ?? null }),
    travelTo: t.field({ type: 'Date', nullable: true, resolve: ({ travelTo }) => travelTo ?? null }),
    trafficShare: t.int({
      nullable: true,
      description: 'Percent of the requests that come to this priority.',
      resolve: ({ trafficShare }) => trafficShare ?? null,
    }),
  }),
});

ProviderSlot.implement({
  description:
    'A place in which a provider serves a vertical: for one tenant, or for every tenant that has none of its own there (PRV-6).',
  interfaces: [Node],
  fields: (t) => ({
    id: t.id({ resolve: (slot) => encodeGlobalId('ProviderSlot', slot.id) }),
    vertical: t.field({ type: VerticalType, resolve: (slot) => slot.vertical }),
    provider: t.field({ type: Provider, resolve: (slot, _args, ctx) => providerOfSlot(ctx, slot) }),
    tenant: t.field({
      type: Tenant,
      nullable: true,
      description: 'Null: global.',
      resolve: (slot, _args, ctx) => tenantOfSlot(ctx, slot) as never,
    }),
    enabled: t.exposeBoolean('enabled'),
    priority: t.exposeInt('priority', { description: 'Lower is asked first. Equal ones share the requests.' }),
    routingRules: t.field({ type: RoutingRulesType, resolve: (slot) => slot.rules as RoutingRules }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
  }),
});
registerNode('ProviderSlot', authorizedLoad('slot.read', slotsByIds));

export const ProviderSlotConnection = connectionType<ProviderSlotRow & Paged>('ProviderSlot', ProviderSlot as never);

builder.prismaObjectFields('Tenant', (t) => ({
  slots: t.field({
    type: ProviderSlotConnection,
    description:
      'Its own. In a vertical where it has none, the global ones count: `providerSlots` has both. [tenantAdmin]',
    args: connectionArgs(t.arg),
    resolve: (tenant, args, ctx) => slotsOfTenant(ctx, tenant, args),
  }),
}));

builder.queryField('providerSlots', (t) =>
  t.field({
    type: ProviderSlotConnection,
    description:
      "One's own slots and the global ones, newest first; at home on the platform those of all. [tenantAdmin]",
    args: {
      vertical: t.arg({ type: VerticalType }),
      tenantId: t.arg.id({ description: "Only this tenant's own." }),
      ...connectionArgs(t.arg),
    },
    resolve: (_root, { vertical, tenantId, ...page }, ctx) => listProviderSlots(ctx, { vertical, tenantId }, page),
  }),
);

const ProviderSlotPayload = payloadType<ProviderSlotRow>('ProviderSlotPayload', 'providerSlot', ProviderSlot);

const RoutingRulesInput = builder.inputType('RoutingRulesInput', {
  description: 'What is left out, null or an empty list restricts nothing.',
  fields: (t) => ({
    currencyAllow: t.field({ type: ['CurrencyCode'] }),
    currencyDeny: t.field({ type: ['CurrencyCode'] }),
    countryAllow: t.field({ type: ['CountryCode'] }),
    countryDeny: t.field({ type: ['CountryCode'] }),
    languageAllow: t.field({ type: ['Locale'] }),
    amountMin: t.field({ type: 'Decimal' }),
    amountMax: t.field({ type: 'Decimal' }),
    travelFrom: t.field({ type: 'Date' }),
    travelTo: t.field({ type: 'Date' }),
    trafficShare: t.int(),
  }),
});
export const UpsertProviderSlotInput = builder.inputType('UpsertProviderSlotInput', {
  fields: (t) => ({
    id: t.id({ description: 'None: a new slot.' }),
    vertical: t.field({ type: VerticalType, required: true }),
    providerSlug: t.string({ required: true }),
    tenantId: t.id({ description: 'The tenant of X-Tenant, and none for a global slot.' }),
    enabled: t.boolean({ required: true }),
    priority: t.int({ required: true }),
    routingRules: t.field({
      type: RoutingRulesInput,
      description: 'All of them: what is left out is no rule any more.',
    }),
    idempotencyKey: t.string(),
  }),
});
const DeleteProviderSlotInput = builder.inputType('DeleteProviderSlotInput', {
  fields: (t) => ({ id: t.id({ required: true }), idempotencyKey: t.string() }),
});

builder.mutationFields((t) => ({
  upsertProviderSlot: t.field({
    type: ProviderSlotPayload,
    description: "Makes a slot or changes one: at home a global one, with X-Tenant that tenant's. [platformAdmin]",
    args: { input: t.arg({ type: UpsertProviderSlotInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => upsertProviderSlot(ctx, input),
        (id) => ctx.loaders.providerSlot.load(id),
      ),
  }),
  deleteProviderSlot: t.field({
    type: DeletePayload,
    description: 'Takes a slot out of routing for good. [platformAdmin]',
    args: { input: t.arg({ type: DeleteProviderSlotInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => deleteProviderSlot(ctx, input),
        (id) => Promise.resolve(encodeGlobalId('ProviderSlot', id)),
      ),
  }),
}));
