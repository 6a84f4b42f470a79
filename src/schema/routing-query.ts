import { listDecisions } from '../resolvers/routing-read.ts';
import { routeProvider } from '../resolvers/routing-explain.ts';
import { replayRouting, type ReplayAnswer, type ReplaySampleShown } from '../resolvers/routing-replay.ts';
import { builder } from './builder.ts';
import { connectionArgs } from './connection.ts';
import { VerticalType } from './provider-enums.ts';
import { UpsertProviderSlotInput } from './provider-slot.ts';
import { Provider } from './refs.ts';
import {
  RoutingDecisionConnection,
  RoutingDecisionType,
  RoutingPurposeType,
  shownExplained,
  shownRecorded,
} from './routing.ts';

const RouteHypothesisInput = builder.inputType('RouteHypothesisInput', {
  description: 'What might be otherwise.',
  fields: (t) => ({
    unavailableProviders: t.stringList({
      description: 'Slugs of providers taken for down. The last usable one is asked nevertheless.',
    }),
    slots: t.field({
      type: [UpsertProviderSlotInput],
      description:
        'In the place of the slots of the same ids; those without an id beside the others: global ones, or with `tenantId` the tenant’s own.',
    }),
  }),
});

const RouteInput = builder.inputType('RouteInput', {
  description:
    'A request as routing sees it. Rules about what is left out refuse nobody; the decision says what was not checked.',
  fields: (t) => ({
    vertical: t.field({ type: VerticalType, required: true }),
    tenantId: t.id({ description: 'The tenant worked in; no other.' }),
    currencyCode: t.field({ type: 'CurrencyCode' }),
    countryCode: t.field({ type: 'CountryCode', description: 'Where the traveller buys.' }),
    locale: t.field({ type: 'Locale' }),
    amount: t.field({ type: 'Decimal', description: 'In the currency, which must be given with it.' }),
    travelDate: t.field({ type: 'Date' }),
    requestKey: t.string({
      description:
        'Equal keys are decided alike where traffic is shared. It is kept with the decision: no personal data.',
    }),
    hypothetical: t.field({ type: RouteHypothesisInput }),
  }),
});

const ReplayRoutingInput = builder.inputType('ReplayRoutingInput', {
  description: 'A proposed configuration, and the recorded decisions it is held against.',
  fields: (t) => ({
    vertical: t.field({ type: VerticalType, required: true }),
    from: t.field({ type: 'DateTime', required: true, description: 'Inclusive.' }),
    to: t.field({ type: 'DateTime', description: 'Exclusive; now, unless told. A period has 31 days at most.' }),
    slots: t.field({ type: [UpsertProviderSlotInput], description: 'As in RouteHypothesisInput.' }),
    unavailableProviders: t.stringList({ description: 'Slugs of providers taken for down.' }),
    purposes: t.field({ type: [RoutingPurposeType], description: 'Only decisions that were for one of these.' }),
    samples: t.int({ description: 'How many to show, at most 50; 10 unless told.' }),
  }),
});

interface Flow {
  readonly slug: string | null;
  readonly count: number;
}
const RoutingFlow = builder.objectRef<Flow>('RoutingFlow').implement({
  description: 'How many requests leave a provider, or come to it.',
  fields: (t) => ({
    provider: t.field({
      type: Provider,
      nullable: true,
      description: 'Null: nobody serves them.',
      resolve: ({ slug }, _args, ctx) => (slug === null ? null : ctx.loaders.provider.load(slug)),
    }),
    count: t.exposeInt('count'),
  }),
});

const RoutingMove = builder.objectRef<ReplayAnswer['moves'][number]>('RoutingMove').implement({
  description: 'Requests that would be served by another provider first.',
  fields: (t) => ({
    from: t.field({
      type: Provider,
      nullable: true,
      description: 'Who is asked first as it is configured now; null: nobody.',
      resolve: ({ from }, _args, ctx) => (from === null ? null : ctx.loaders.provider.load(from)),
    }),
    to: t.field({
      type: Provider,
      nullable: true,
      description: 'Who would be; null: nobody.',
      resolve: ({ to }, _args, ctx) => (to === null ? null : ctx.loaders.provider.load(to)),
    }),
    count: t.exposeInt('count'),
  }),
});

const RoutingReplaySample = builder.objectRef<ReplaySampleShown>('RoutingReplaySample').implement({
  description: 'One of the decisions that would be another.',
  fields: (t) => ({
    decision: t.field({ type: RoutingDecisionType, resolve: ({ decision }) => shownRecorded(decision) }),
    from: t.field({
      type: Provider,
      nullable: true,
      resolve: ({ from }, _args, ctx) => (from === null ? null : ctx.loaders.provider.load(from)),
    }),
    to: t.field({
      type: Provider,
      nullable: true,
      resolve: ({ to }, _args, ctx) => (to === null ? null : ctx.loaders.provider.load(to)),
    }),
  }),
});

const RoutingReplay = builder.objectRef<ReplayAnswer>('RoutingReplay').implement({
  description:
    'What a proposed configuration would have done with recorded traffic (BEY-5). Both sides are decided anew on the health of now, so that what differs is the configuration’s doing.',
  fields: (t) => ({
    decided: t.exposeInt('decided', { description: 'How many decisions it rests on.' }),
    moved: t.exposeInt('moved', { description: 'How many of them would go to another provider first.' }),
    from: t.field({
      type: [RoutingFlow],
      description: 'Whom they would leave.',
      resolve: ({ moves }) => flows(moves, 'from'),
    }),
    to: t.field({
      type: [RoutingFlow],
      description: 'Whom they would come to.',
      resolve: ({ moves }) => flows(moves, 'to'),
    }),
    moves: t.field({ type: [RoutingMove], description: 'Most frequent first.', resolve: ({ moves }) => [...moves] }),
    samples: t.field({
      type: [RoutingReplaySample],
      description: 'At least one of each move where there is room, newest first.',
      resolve: ({ samples }) => [...samples],
    }),
    unlikeRecorded: t.exposeInt('unlikeRecorded', {
      description:
        'How many are decided otherwise than was recorded even without the proposal: health and limits of then are gone. The larger it is, the less the rest says.',
    }),
    complete: t.exposeBoolean('complete', {
      description: 'False: the period holds more than was looked at, which are the newest ones.',
    }),
    reached: t.expose('reached', { type: 'DateTime', description: 'How far back it was looked.' }),
  }),
});

function flows(moves: ReplayAnswer['moves'], side: 'from' | 'to'): Flow[] {
  const bySlug = Map.groupBy(moves, (move) => move[side]);
  const sums = [...bySlug].map(([slug, some]) => ({ slug, count: some.reduce((sum, { count }) => sum + count, 0) }));
  return sums.toSorted((one, other) => other.count - one.count);
}

builder.queryFields((t) => ({
  routeProvider: t.field({
    type: RoutingDecisionType,
    description:
      'Who would serve such a request, and why not the others, without calling anybody; also with something supposed. [operator, partner:routing]',
    args: { input: t.arg({ type: RouteInput, required: true }) },
    resolve: async (_root, { input }, ctx) => shownExplained(await routeProvider(ctx, input)),
  }),
  routingDecisions: t.field({
    type: RoutingDecisionConnection,
    description: 'The decisions that were taken in the last 30 days, newest first. [operator]',
    args: { vertical: t.arg({ type: VerticalType }), ...connectionArgs(t.arg) },
    resolve: async (_root, { vertical, ...page }, ctx) => {
      const { rows, ...info } = await listDecisions(ctx, vertical ?? null, page);
      return { ...info, rows: rows.map(shownRecorded) };
    },
  }),
  replayRouting: t.field({
    type: RoutingReplay,
    description:
      'Proposed slots over the recorded decisions of the tenant of X-Tenant: how many would move, from whom, to whom, with samples. [platformAdmin]',
    args: { input: t.arg({ type: ReplayRoutingInput, required: true }) },
    resolve: (_root, { input }, ctx) => replayRouting(ctx, input),
  }),
}));
