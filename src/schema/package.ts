import { PackageStatus } from '../generated/prisma/enums.ts';
import { encodeGlobalId } from '../global-id.ts';
import type { PackageRow } from '../loaders.ts';
import type { Paged } from '../paging.ts';
import { authorizedLoad } from '../resolvers/node-load.ts';
import { bookPackage } from '../resolvers/package-begin.ts';
import { cancelPackage, resolvePackage } from '../resolvers/package-end.ts';
import { listPackages, planOfPackage, readPackage, tallyOfPackage } from '../resolvers/package.ts';
import { Booking } from './booking.ts';
import { builder } from './builder.ts';
import { connectionArgs, connectionType } from './connection.ts';
import { Money, money } from './money.ts';
import { payloadType, runVerb } from './mutation.ts';
import { Node, registerNode } from './node.ts';
import { BookPackageInput, PackagePlan } from './package-plan.ts';
import { RollbackPolicyType } from './package-policy.ts';
import { Order } from './refs.ts';
import { User } from './user.ts';

const PackageStatusType = builder.enumType('PackageStatus', {
  description: 'How far a package has come.',
  values: {
    [PackageStatus.PENDING]: { description: 'Kept where it can be kept, and not paid yet.' },
    [PackageStatus.BOOKING]: { description: 'Leg after leg is being booked.' },
    [PackageStatus.CONFIRMED]: { description: 'All legs are booked.' },
    [PackageStatus.PARTIALLY_CONFIRMED]: { description: 'Some legs are booked; the money of the others goes back.' },
    [PackageStatus.COMPENSATING]: { description: 'What was booked or kept is being taken back.' },
    [PackageStatus.CANCELLED]: { description: 'Somebody gave it up, or nobody paid for it.' },
    [PackageStatus.FAILED]: { description: 'A leg could not be had, and nothing of it stands.' },
    [PackageStatus.NEEDS_ATTENTION]: { description: 'A person has to decide, or to find out.' },
  },
});

const Package = builder.objectRef<PackageRow>('Package').implement({
  description: 'Stays and flights that are paid and booked as one (PRV-16).',
  interfaces: [Node],
  fields: (t) => ({
    id: t.id({ resolve: (one) => encodeGlobalId('Package', one.id) }),
    reference: t.exposeString('reference'),
    status: t.expose('status', { type: PackageStatusType }),
    rollback: t.expose('rollback', {
      type: RollbackPolicyType,
      description: 'As the policy was when it was booked, or as a person decided since.',
    }),
    customer: t.field({
      type: User,
      resolve: async (one, _args, ctx) => (await ctx.loaders.user.load(one.customerId))!,
    }),
    order: t.field({
      type: Order,
      nullable: true,
      resolve: (one, _args, ctx) => (one.orderId ? ctx.loaders.order.load(one.orderId) : null),
    }),
    bookings: t.field({
      type: [Booking],
      description: 'One for each leg, as they were given.',
      resolve: (one, _args, ctx) => ctx.loaders.bookingsOfPackage.load(one.id),
    }),
    plan: t.field({
      type: PackagePlan,
      description: 'As it was shown, with how far its steps have come.',
      resolve: (one, _args, ctx) => planOfPackage(ctx, one),
    }),
    total: t.field({ type: Money, resolve: (one) => money(one.totalMinor, one.currencyCode) }),
    maxRisk: t.field({
      type: Money,
      nullable: true,
      description: 'As the caller capped it.',
      resolve: (one) => (one.riskCapMinor === null ? null : money(one.riskCapMinor, one.currencyCode)),
    }),
    goesBack: t.field({
      type: Money,
      description: 'Of legs that came to nothing or were cancelled, where they were paid.',
      resolve: async (one, _args, ctx) => money((await tallyOfPackage(ctx, one)).backMinor, one.currencyCode),
    }),
    lost: t.field({
      type: Money,
      description: 'What cancelling legs has cost.',
      resolve: async (one, _args, ctx) => money((await tallyOfPackage(ctx, one)).lostMinor, one.currencyCode),
    }),
    note: t.exposeString('note', { nullable: true, description: 'Why it stopped or was taken back.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
  }),
});
registerNode(
  'Package',
  authorizedLoad('package.read', (ctx, ids) => ctx.loaders.package.loadMany(ids)),
);

builder.objectField(Booking, 'package', (t) =>
  t.field({
    type: Package,
    nullable: true,
    description: 'What it is a leg of.',
    resolve: (booking, _args, ctx) => (booking.packageId ? ctx.loaders.package.load(booking.packageId) : null),
  }),
);

const PackageConnection = connectionType<PackageRow & Paged>('Package', Package as never);
const PackagePayload = payloadType<PackageRow>('PackagePayload', 'package', Package);

const PackageFilter = builder.inputType('PackageFilter', {
  description: 'Every condition given must hold.',
  fields: (t) => ({ status: t.field({ type: [PackageStatusType] }), customerId: t.id() }),
});

builder.queryFields((t) => ({
  packages: t.field({
    type: PackageConnection,
    description: "The tenant's packages, newest first; a customer sees their own only.",
    args: { filter: t.arg({ type: PackageFilter }), ...connectionArgs(t.arg) },
    resolve: (_root, { filter, ...page }, ctx) => listPackages(ctx, filter, page),
  }),
  package: t.field({
    type: Package,
    nullable: true,
    description: 'By id; null where there is none, or none of yours.',
    args: { id: t.arg.id({ required: true }) },
    resolve: (_root, { id }, ctx) => readPackage(ctx, id),
  }),
}));

const CancelPackageInput = builder.inputType('CancelPackageInput', {
  fields: (t) => ({
    packageId: t.id({ required: true }),
    reason: t.string(),
    maxLoss: t.field({
      type: 'Decimal',
      description: 'Refused (RISK_TOO_HIGH) where cancelling costs more; whatever the terms say where it is left out.',
    }),
    idempotencyKey: t.string(),
  }),
});
const PackageDecision = builder.enumType('PackageDecision', {
  description: 'What a person decides about a package that stopped.',
  values: {
    KEEP: { description: 'Go on with what can be had; what can not is given back.' },
    CANCEL: { description: 'Take back what is booked.' },
  },
});
const ResolvePackageInput = builder.inputType('ResolvePackageInput', {
  fields: (t) => ({
    packageId: t.id({ required: true }),
    decision: t.field({ type: PackageDecision, required: true }),
    reason: t.string({ required: true }),
    maxLoss: t.field({
      type: 'Decimal',
      description: 'For CANCEL: how much may be lost by it; the worst case that was shown where it is left out.',
    }),
    idempotencyKey: t.string(),
  }),
});

const load = (ctx: Parameters<typeof bookPackage>[0]) => (id: string) => ctx.loaders.package.load(id);
builder.mutationFields((t) => ({
  bookPackage: t.field({
    type: PackagePayload,
    description:
      'Checks every price once more and books: one order for all legs, each kept where its provider keeps it. When it is paid, leg after leg is booked in the order of the plan (PRV-16).',
    args: { input: t.arg({ type: BookPackageInput, required: true }) },
    resolve: (_root, { input }, ctx) => runVerb(ctx, () => bookPackage(ctx, input), load(ctx)),
  }),
  cancelPackage: t.field({
    type: PackagePayload,
    description: 'Gives up all of a package; what the terms give back is refunded.',
    args: { input: t.arg({ type: CancelPackageInput, required: true }) },
    resolve: (_root, { input }, ctx) => runVerb(ctx, () => cancelPackage(ctx, input), load(ctx)),
  }),
  resolvePackage: t.field({
    type: PackagePayload,
    description: 'What a person decides about a package that waits for one. [operator]',
    args: { input: t.arg({ type: ResolvePackageInput, required: true }) },
    resolve: (_root, { input }, ctx) => runVerb(ctx, () => resolvePackage(ctx, input), load(ctx)),
  }),
}));
