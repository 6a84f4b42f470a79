import { RollbackPolicy } from '../generated/prisma/enums.ts';
import { loadPolicy, policyOfTenant, updatePackagePolicy, type CountingPolicy } from '../resolvers/package-policy.ts';
import { builder } from './builder.ts';
import { payloadType, runVerb } from './mutation.ts';
import { VerticalType } from './provider-enums.ts';
import { SlotScopeType } from './routing.ts';

export const RollbackPolicyType = builder.enumType('RollbackPolicy', {
  description: 'What becomes of the other legs of a package when one can not be had after it was paid.',
  values: {
    [RollbackPolicy.ALL_OR_NOTHING]: { description: 'They are taken back, and the money of all goes back.' },
    [RollbackPolicy.KEEP_CONFIRMED]: { description: 'They stay and go on; the money of the failed one goes back.' },
    [RollbackPolicy.MANUAL_REVIEW]: { description: 'All stops until a person decides (resolvePackage).' },
  },
});

const PackagePolicy = builder.objectRef<CountingPolicy>('PackagePolicy').implement({
  description: 'How packages are booked, and taken back when a leg fails (PRV-16).',
  fields: (t) => ({
    rollback: t.expose('rollback', { type: RollbackPolicyType }),
    legOrder: t.field({
      type: [VerticalType],
      description: 'Which goes first; what is not named comes last.',
      resolve: ({ legOrder }) => [...legOrder],
    }),
    scope: t.expose('scope', {
      type: SlotScopeType,
      description: "The tenant's own, or everybody's who has none.",
    }),
  }),
});

builder.prismaObjectFields('Tenant', (t) => ({
  packagePolicy: t.field({
    type: PackagePolicy,
    select: { id: true, slug: true },
    resolve: (tenant, _args, ctx) => policyOfTenant(ctx, tenant),
  }),
}));

const PackagePolicyPayload = payloadType<CountingPolicy>('PackagePolicyPayload', 'packagePolicy', PackagePolicy);

const UpdatePackagePolicyInput = builder.inputType('UpdatePackagePolicyInput', {
  description: 'What is left out stays.',
  fields: (t) => ({
    tenantId: t.id(),
    rollback: t.field({ type: RollbackPolicyType }),
    legOrder: t.field({ type: [VerticalType] }),
    idempotencyKey: t.string(),
  }),
});

builder.mutationFields((t) => ({
  updatePackagePolicy: t.field({
    type: PackagePolicyPayload,
    description:
      "Changes the tenant's policy; the platform's staff at home change everybody's who has none. Packages that are under way keep theirs. [tenantAdmin]",
    args: { input: t.arg({ type: UpdatePackagePolicyInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => updatePackagePolicy(ctx, input),
        (id) => loadPolicy(ctx, id),
      ),
  }),
}));
