import { encodeGlobalId } from '../global-id.ts';
import type { Paged } from '../paging.ts';
import type { HealthRow, ProviderRow } from '../provider-reads.ts';
import { authorizedLoad } from '../resolvers/node-load.ts';
import { credentialsOfProvider, type ProviderCredentialShown } from '../resolvers/provider-credential-read.ts';
import type { CacheRule, ProviderSetting } from '../resolvers/provider-settings.ts';
import { slotsOfProvider } from '../resolvers/provider-slot.ts';
import {
  cachePolicyOf,
  findProvider,
  healthHistoryOf,
  healthOfProvider,
  inspectProvider,
  listProviders,
  providersByIds,
  type ProviderInside,
} from '../resolvers/provider.ts';
import type { StoredTest } from '../domain/provider-switch.ts';
import { builder } from './builder.ts';
import { connectionArgs, connectionType } from './connection.ts';
import { CircuitState, HealthStatus } from './health.ts';
import { Node, registerNode } from './node.ts';
import { CredentialStateType, EnvironmentModeType, VerticalType } from './provider-enums.ts';
import { ProviderSlotConnection } from './provider-slot.ts';
import { Provider } from './refs.ts';

/** A row of today's health, or of its history. */
type HealthShown = Omit<HealthRow, 'slug'> &
  Partial<Paged> & { readonly previousStatus?: HealthRow['status'] | null; readonly evidence?: unknown };

const ProviderHealth = builder.objectRef<HealthShown>('ProviderHealth').implement({
  description: 'How a provider does, from our own calls to it (PRV-11).',
  fields: (t) => ({
    status: t.field({ type: HealthStatus, resolve: (health) => health.status }),
    errorRate: t.exposeFloat('errorRate', { description: 'Share of calls that failed, 0 to 1.' }),
    p95LatencyMs: t.float({ nullable: true, resolve: (health) => health.p95LatencyMs }),
    circuit: t.field({ type: CircuitState, resolve: (health) => health.circuit }),
    checkedAt: t.field({ type: 'DateTime', nullable: true, resolve: (health) => health.checkedAt }),
    reason: t.string({ nullable: true, resolve: (health) => health.reason }),
    previousStatus: t.field({
      type: HealthStatus,
      nullable: true,
      description: 'In its history, where this is a change.',
      resolve: (health) => health.previousStatus ?? null,
    }),
    evidence: t.field({
      type: 'JSON',
      nullable: true,
      description: 'In its history: what the change was decided on (BEY-4).',
      resolve: (health) => health.evidence ?? null,
    }),
  }),
});
const ProviderHealthConnection = connectionType<HealthShown & Paged>('ProviderHealth', ProviderHealth as never);

const ProviderCredential = builder.objectRef<ProviderCredentialShown>('ProviderCredential').implement({
  description: 'That a credential is there, and which. Its value is never shown (PRV-3).',
  fields: (t) => ({
    name: t.exposeString('name'),
    mode: t.field({ type: EnvironmentModeType, resolve: (credential) => credential.mode }),
    lastFour: t.exposeString('lastFour', {
      nullable: true,
      description: 'Null where the value is too short to show any of it, or not there.',
    }),
    version: t.exposeInt('version', { description: '0 where it is missing.' }),
    lastRotatedAt: t.expose('lastRotatedAt', { type: 'DateTime', nullable: true }),
    dueAt: t.expose('dueAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it is to be rotated: 90 days after it was.',
    }),
    graceUntil: t.expose('graceUntil', {
      type: 'DateTime',
      nullable: true,
      description: 'How long a version before goes on serving.',
    }),
    state: t.field({ type: CredentialStateType, resolve: (credential) => credential.state }),
    problem: t.exposeString('problem', { nullable: true, description: 'Of what does not open: what to do.' }),
  }),
});

const ProviderRateLimit = builder.objectRef<ProviderRow>('ProviderRateLimit').implement({
  description: 'What we allow ourselves with a provider, before it says anything itself.',
  fields: (t) => ({
    callsPerMinute: t.exposeInt('callsPerMinute'),
    concurrentMax: t.exposeInt('concurrentMax', { description: 'Calls at once, of one process.' }),
  }),
});

const CacheRuleType = builder.objectRef<CacheRule>('CacheRule').implement({
  description: 'How long answers of an operation are kept. What is not named is never kept (PRV-14).',
  fields: (t) => ({
    operation: t.exposeString('operation'),
    seconds: t.exposeInt('seconds', { description: '0: never.' }),
  }),
});

const ProviderSettingType = builder.objectRef<ProviderSetting>('ProviderSetting').implement({
  description: 'A fact that the vendor leaves open, as we take it to be.',
  fields: (t) => ({
    name: t.exposeString('name'),
    value: t.exposeString('value'),
    default: t.exposeString('default'),
    description: t.exposeString('description'),
  }),
});

const ProviderBaseUrls = builder.objectRef<ProviderInside['baseUrls']>('ProviderBaseUrls').implement({
  description: 'Where a provider is called in each mode.',
  fields: (t) => ({
    sandbox: t.field({ type: 'URL', nullable: true, resolve: (urls) => urls.SANDBOX }),
    production: t.field({ type: 'URL', nullable: true, resolve: (urls) => urls.PRODUCTION }),
  }),
});

export const ConnectionTest = builder.objectRef<StoredTest>('ConnectionTest').implement({
  description: 'What a provider said when it was asked whether it would serve us (PRV-5).',
  fields: (t) => ({
    ok: t.exposeBoolean('ok'),
    latencyMs: t.exposeInt('latencyMs'),
    reason: t.exposeString('reason', { nullable: true, description: 'Why not, for people.' }),
    testedAt: t.field({ type: 'DateTime', resolve: (test) => new Date(test.at) }),
  }),
});

const ProviderTests = builder.objectRef<ProviderRow['tests']>('ProviderTests').implement({
  description:
    'The last connection test of each mode; null where there was none, or where its address or settings changed since.',
  fields: (t) => ({
    sandbox: t.field({ type: ConnectionTest, nullable: true, resolve: (tests) => tests.SANDBOX ?? null }),
    production: t.field({ type: ConnectionTest, nullable: true, resolve: (tests) => tests.PRODUCTION ?? null }),
  }),
});

Provider.implement({
  description: 'An outside company that sells stays or flights through us (PRV-1).',
  interfaces: [Node],
  fields: (t) => ({
    id: t.id({ resolve: (provider) => encodeGlobalId('Provider', provider.id) }),
    slug: t.exposeString('slug', { description: 'Its short name; it never changes.' }),
    name: t.exposeString('name'),
    verticals: t.field({ type: [VerticalType], resolve: (provider) => provider.verticals }),
    environmentMode: t.field({ type: EnvironmentModeType, resolve: (provider) => provider.mode }),
    enabled: t.exposeBoolean('enabled', { description: 'Off: nobody is routed there.' }),
    health: t.field({ type: ProviderHealth, resolve: (provider, _args, ctx) => healthOfProvider(ctx, provider) }),
    healthHistory: t.field({
      type: ProviderHealthConnection,
      description: 'Samples and changes of status of the last 14 days, newest first.',
      args: connectionArgs(t.arg),
      resolve: async (provider, args, ctx) => showHistory(await healthHistoryOf(ctx, provider, args)),
    }),
    credentials: t.field({
      type: [ProviderCredential],
      description: 'Of the mode it is in, unless told. [platformAdmin]',
      args: { mode: t.arg({ type: EnvironmentModeType }) },
      resolve: (provider, { mode }, ctx) => credentialsOfProvider(ctx, provider, mode ?? undefined),
    }),
    slots: t.field({
      type: ProviderSlotConnection,
      description: "The global ones and one's own; those of all at home on the platform. [tenantAdmin]",
      args: connectionArgs(t.arg),
      resolve: (provider, args, ctx) => slotsOfProvider(ctx, provider, args),
    }),
    rateLimit: t.field({ type: ProviderRateLimit, resolve: (provider) => provider }),
    cachePolicy: t.field({ type: [CacheRuleType], resolve: (provider, _args, ctx) => cachePolicyOf(ctx, provider) }),
    checkEverySeconds: t.exposeInt('checkEverySeconds', { description: 'How often it is asked how it does.' }),
    settings: t.field({
      type: [ProviderSettingType],
      description: '[platformAdmin]',
      resolve: (provider, _args, ctx) => inspectProvider(ctx, provider).settings,
    }),
    baseUrls: t.field({
      type: ProviderBaseUrls,
      description: '[platformAdmin]',
      resolve: (provider, _args, ctx) => inspectProvider(ctx, provider).baseUrls,
    }),
    connectionTests: t.field({
      type: ProviderTests,
      description: '[platformAdmin]',
      resolve: (provider, _args, ctx) => inspectProvider(ctx, provider).tests,
    }),
  }),
});
registerNode('Provider', authorizedLoad('provider.read', providersByIds));

export const ProviderConnection = connectionType<ProviderRow & Paged>('Provider', Provider as never);

function showHistory({ rows, ...page }: Awaited<ReturnType<typeof healthHistoryOf>>) {
  return { ...page, rows: rows.map((row) => ({ ...row, checkedAt: row.at, reason: null })) };
}

builder.queryFields((t) => ({
  providers: t.field({
    type: ProviderConnection,
    description: 'The providers there are, newest first. [operator, partner:providers]',
    args: { vertical: t.arg({ type: VerticalType }), ...connectionArgs(t.arg) },
    resolve: (_root, { vertical, ...page }, ctx) => listProviders(ctx, vertical ?? null, page),
  }),
  provider: t.field({
    type: Provider,
    nullable: true,
    description: '[operator, partner:providers]',
    args: { slug: t.arg.string({ required: true }) },
    resolve: (_root, { slug }, ctx) => findProvider(ctx, slug),
  }),
}));
