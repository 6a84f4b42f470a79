import type { FeatureFlag as FlagShape } from '../domain/feature-flags.ts';
import { flagsOf, setFeatureFlag } from '../resolvers/feature-flag.ts';
import { loadTenant } from '../resolvers/tenant.ts';
import { builder } from './builder.ts';
import { runVerb } from './mutation.ts';
import { TenantPayload } from './tenant.ts';

const FeatureFlag = builder.objectRef<FlagShape>('FeatureFlag').implement({
  description: 'A part of the shop that is open or closed: store, booking, blog, newsletter, rewards (TEN-6).',
  fields: (t) => ({
    key: t.exposeString('key'),
    enabled: t.exposeBoolean('enabled', {
      description: 'Off: what belongs to it is refused with FEATURE_DISABLED, but not for staff.',
    }),
    config: t.field({
      type: 'JSON',
      description: "What the website does with it: `title`, and what is the key's own.",
      resolve: (flag) => flag.config,
    }),
  }),
});

builder.prismaObjectFields('Tenant', (t) => ({
  featureFlags: t.field({
    type: [FeatureFlag],
    description: 'All there are, also those that were never set.',
    select: { id: true, slug: true, featureFlags: true },
    resolve: (tenant, _args, ctx) => flagsOf(ctx, tenant),
  }),
}));

const SetFeatureFlagInput = builder.inputType('SetFeatureFlagInput', {
  fields: (t) => ({
    tenantId: t.id(),
    key: t.string({ required: true, description: 'store, booking, blog, newsletter or rewards.' }),
    enabled: t.boolean({ required: true }),
    config: t.field({
      type: 'JSON',
      description:
        'Left out, it stays. All: title. store: featuredCategories. booking: showRemaining. blog: postsPerPage. newsletter: topics. rewards: showPointsWorth.',
    }),
    idempotencyKey: t.string(),
  }),
});

builder.mutationFields((t) => ({
  setFeatureFlag: t.field({
    type: TenantPayload,
    description: 'Opens or closes a part of the shop; it counts within a second. [tenantAdmin]',
    args: { input: t.arg({ type: SetFeatureFlagInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => setFeatureFlag(ctx, input),
        (id) => loadTenant(ctx, id),
      ),
  }),
}));
