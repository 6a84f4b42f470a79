import { FAULTS, type FaultName, type FaultRule } from '../domain/fault-drill.ts';
import { encodeGlobalId } from '../global-id.ts';
import {
  drillsByIds,
  runningDrills,
  startFaultDrill,
  stopFaultDrill,
  type FaultDrillRow,
} from '../resolvers/fault-drill.ts';
import { authorizedLoad } from '../resolvers/node-load.ts';
import { builder } from './builder.ts';
import { payloadType, runVerb } from './mutation.ts';
import { Node, registerNode } from './node.ts';

const FaultType = builder.enumType('Fault', {
  description:
    'What a sandbox does wrong. …_AFTER: it has done what was asked, and the answer is lost or late. Not every vendor has every one; what it has not is ignored.',
  values: Object.keys(FAULTS) as FaultName[],
});

const FaultRuleType = builder.objectRef<FaultRule>('FaultRule').implement({
  description: 'When a sandbox does what wrong. The first rule that fits counts.',
  fields: (t) => ({
    operation: t.exposeString('operation', {
      description: "The vendor's own name of it, such as `book`; * for every one.",
    }),
    fault: t.expose('fault', { type: FaultType }),
    nth: t.exposeInt('nth', { nullable: true }),
    probability: t.exposeFloat('probability', { nullable: true }),
    ms: t.exposeInt('ms', { nullable: true }),
    status: t.exposeInt('status', { nullable: true }),
    retryAfterSeconds: t.exposeInt('retryAfterSeconds', { nullable: true }),
  }),
});

const FaultDrill = builder.objectRef<FaultDrillRow>('FaultDrill').implement({
  description:
    "What a tenant has one of its sandboxes do wrong, until when: for its own calls, and nobody else's (BEY-9). How it goes says nothing of the provider: health, circuits and limits are as without it.",
  interfaces: [Node],
  fields: (t) => ({
    id: t.id({ resolve: (drill) => encodeGlobalId('FaultDrill', drill.id) }),
    integration: t.exposeString('integration', { description: "A provider's slug, or a gateway's." }),
    seed: t.exposeString('seed', {
      nullable: true,
      description:
        'With one the tenant has the sandbox to itself: it began with empty books, and the same calls get the same answers, to the byte.',
    }),
    clockFrom: t.expose('clockFrom', {
      type: 'DateTime',
      nullable: true,
      description: "Where the sandbox's clock began; it goes on by a second with each call.",
    }),
    rules: t.field({ type: [FaultRuleType], resolve: (drill) => [...drill.rules] }),
    startedAt: t.expose('startedAt', { type: 'DateTime' }),
    endsAt: t.expose('endsAt', { type: 'DateTime', description: 'It ends by itself.' }),
    endedAt: t.expose('endedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was stopped before its time, or another took its place.',
    }),
  }),
});
registerNode('FaultDrill', authorizedLoad('drill.read', drillsByIds));

const FaultDrillPayload = payloadType<FaultDrillRow>('FaultDrillPayload', 'faultDrill', FaultDrill);

const FaultRuleInputType = builder.inputType('FaultRuleInput', {
  description: 'Without `nth` and `probability` it counts for every call.',
  fields: (t) => ({
    operation: t.string({
      required: true,
      description: "The vendor's own name of it, such as `book`; * for every one.",
    }),
    fault: t.field({ type: FaultType, required: true }),
    nth: t.int({ description: 'Only the nth call of the operation since the drill began, from 1.' }),
    probability: t.float({ description: '0 to 1; drawn from the seed.' }),
    ms: t.int({ description: 'How long, where the fault is about time.' }),
    status: t.int({ description: 'Of STATUS_5XX and STATUS_5XX_AFTER: 500 to 599.' }),
    retryAfterSeconds: t.int({
      description: "Of RATE_LIMITED, said in the vendor's own way where it says such a thing.",
    }),
  }),
});

const StartFaultDrillInput = builder.inputType('StartFaultDrillInput', {
  fields: (t) => ({
    integration: t.string({ required: true, description: "A provider's slug, or a gateway: expedia, FAWATERK." }),
    seed: t.string({
      description:
        'The sandbox is empty and the tenant’s own while the drill lasts; what was begun there before is not in it. Left out: the sandbox goes on as it is.',
    }),
    clockFrom: t.field({ type: 'DateTime', description: 'With a seed; 2030-01-01 where it is left out.' }),
    rules: t.field({ type: [FaultRuleInputType], required: true, description: 'At most 20.' }),
    minutes: t.int({ description: 'At most 60, which is also what it lasts unless told.' }),
    idempotencyKey: t.string(),
  }),
});
const StopFaultDrillInput = builder.inputType('StopFaultDrillInput', {
  fields: (t) => ({ integration: t.string({ required: true }), idempotencyKey: t.string() }),
});

builder.queryFields((t) => ({
  faultDrills: t.field({
    type: [FaultDrill],
    description: 'The fault drills that are on, one per integration at most. [tenantAdmin]',
    resolve: (_root, _args, ctx) => runningDrills(ctx),
  }),
}));

builder.mutationFields((t) => ({
  startFaultDrill: t.field({
    type: FaultDrillPayload,
    description:
      'Has the sandbox of a provider or gateway misbehave for this tenant, in the place of what it was told before. Only where the installation has sandboxes of its own, and never in production. [tenantAdmin]',
    args: { input: t.arg({ type: StartFaultDrillInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => startFaultDrill(ctx, input),
        async (id) => (await drillsByIds(ctx, [id]))[0] ?? null,
      ),
  }),
  stopFaultDrill: t.field({
    type: FaultDrillPayload,
    description: 'Ends a fault drill before its time. [tenantAdmin]',
    args: { input: t.arg({ type: StopFaultDrillInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => stopFaultDrill(ctx, input),
        async (id) => (await drillsByIds(ctx, [id]))[0] ?? null,
      ),
  }),
}));
