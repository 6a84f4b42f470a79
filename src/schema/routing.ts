import type { RoutingReason, Vertical } from '../domain/routing-decision.ts';
import { REFUSALS } from '../domain/routing-decision.ts';
import { type DecisionPurpose } from '../providers/decisions.ts';
import { SlotScope } from '../generated/prisma/enums.ts';
import { encodeGlobalId } from '../global-id.ts';
import type { Paged } from '../paging.ts';
import {
  mayExplain,
  providerOfCandidate,
  slotOfCandidate,
  type DecisionRow,
  type ShownCandidate,
} from '../resolvers/routing-read.ts';
import type { ExplainedDecision } from '../resolvers/routing-explain.ts';
import type { TakenDecision } from '../resolvers/routing.ts';
import { builder } from './builder.ts';
import { connectionType } from './connection.ts';
import { VerticalType } from './provider-enums.ts';
import { Provider, ProviderSlot } from './refs.ts';

export const SlotScopeType = builder.enumType('SlotScope', {
  description: 'Whose slots counted: the tenant’s own where it has any in the vertical, else the global ones (PRV-6).',
  values: Object.values(SlotScope),
});

const RoutingReasonType = builder.enumType('RoutingReason', {
  description: 'Why a candidate is tried, or is not. A code never changes its meaning.',
  values: ['ACCEPTED', ...REFUSALS] as const satisfies readonly RoutingReason[],
});

export const RoutingPurposeType = builder.enumType('RoutingPurpose', {
  description: 'What a decision was for.',
  values: {
    EXPLAIN: { description: 'A question that called nobody.' },
    SEARCH: { description: 'A search.' },
    BOOK: { description: 'A booking.' },
  } satisfies Record<DecisionPurpose, object>,
});

const RoutingCandidateType = builder.objectRef<ShownCandidate>('RoutingCandidate').implement({
  description: 'A slot as a decision found it.',
  fields: (t) => ({
    provider: t.field({
      type: Provider,
      resolve: async (candidate, _args, ctx) => (await providerOfCandidate(ctx, candidate))!,
    }),
    slot: t.field({
      type: ProviderSlot,
      description: 'As it is now; one that was only supposed, as it was supposed.',
      resolve: async (candidate, _args, ctx) => (await slotOfCandidate(ctx, candidate))!,
    }),
    accepted: t.exposeBoolean('accepted'),
    reason: t.field({ type: RoutingReasonType, resolve: ({ reason }) => reason }),
    detail: t.string({ nullable: true, description: 'A sentence for an operator.', resolve: ({ detail }) => detail }),
  }),
});

/** A decision as it is shown: taken just now, or read from the log. */
export interface DecisionShape {
  readonly id: string;
  readonly vertical: Vertical;
  readonly scope: SlotScope;
  readonly candidates: readonly ShownCandidate[];
  readonly selectedSlug: string | null;
  readonly decidedAt: Date;
  /** Of one that was read. */
  readonly recorded?: Pick<DecisionRow, 'context' | 'answeredSlug' | 'outcome' | 'latencyMs'> & {
    readonly purpose: DecisionPurpose;
  };
}

export function shown({ id, decision, decidedAt }: TakenDecision): DecisionShape {
  const { vertical, scope, candidates, selected } = decision;
  return { id, vertical, scope, candidates, selectedSlug: selected?.providerSlug ?? null, decidedAt };
}

/** With the slots that were supposed beside those that are. */
export function shownExplained({ taken, slots }: ExplainedDecision): DecisionShape {
  const shape = shown(taken);
  if (slots.size === 0) return shape;
  const candidates = shape.candidates.map((candidate) => {
    const supposed = slots.get(candidate.slotId);
    return supposed ? { ...candidate, supposed } : candidate;
  });
  return { ...shape, candidates };
}

export function shownRecorded<R extends DecisionRow>(row: R): R & DecisionShape {
  return { ...row, recorded: { ...row, purpose: row.purpose as DecisionPurpose } };
}

export const RoutingDecisionType = builder.objectRef<DecisionShape>('RoutingDecision').implement({
  description: 'Who was to serve a request, and why not the others (PRV-7).',
  fields: (t) => ({
    id: t.id({ resolve: ({ id }) => encodeGlobalId('RoutingDecision', id) }),
    vertical: t.field({ type: VerticalType, resolve: ({ vertical }) => vertical }),
    scope: t.field({ type: SlotScopeType, resolve: ({ scope }) => scope }),
    selected: t.field({
      type: Provider,
      nullable: true,
      description: 'The first to be asked; null where nobody may be.',
      resolve: ({ selectedSlug }, _args, ctx) =>
        selectedSlug === null ? null : ctx.loaders.provider.load(selectedSlug),
    }),
    candidates: t.field({
      type: [RoutingCandidateType],
      description: 'The accepted ones in the order they are asked, then the others. [operator, partner:routing]',
      resolve: (decision, _args, ctx) => [...mayExplain(ctx, decision.candidates)],
    }),
    decidedAt: t.field({ type: 'DateTime', resolve: ({ decidedAt }) => decidedAt }),
    purpose: t.field({
      type: RoutingPurposeType,
      nullable: true,
      description: 'Of a recorded one.',
      resolve: ({ recorded }) => recorded?.purpose ?? null,
    }),
    context: t.field({
      type: 'JSON',
      nullable: true,
      description: 'Of a recorded one: what was asked for.',
      resolve: ({ recorded }) => recorded?.context ?? null,
    }),
    answeredBy: t.field({
      type: Provider,
      nullable: true,
      description: 'Of a recorded one: who answered in the end.',
      resolve: ({ recorded }, _args, ctx) =>
        recorded?.answeredSlug ? ctx.loaders.provider.load(recorded.answeredSlug) : null,
    }),
    outcome: t.string({
      nullable: true,
      description: 'Of a recorded one that called somebody: done, partial, or why nobody answered.',
      resolve: ({ recorded }) => recorded?.outcome ?? null,
    }),
    latencyMs: t.int({ nullable: true, resolve: ({ recorded }) => recorded?.latencyMs ?? null }),
  }),
});

export const RoutingDecisionConnection = connectionType<DecisionShape & Paged>(
  'RoutingDecision',
  RoutingDecisionType as never,
);
