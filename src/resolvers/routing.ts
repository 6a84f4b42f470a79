import type { App, Context } from '../context.ts';
import { decide } from '../domain/routing.ts';
import type { RoutingContext, RoutingDecision } from '../domain/routing-decision.ts';
import type { Outcome } from '../integrations/contract.ts';
import type { DecisionRecord } from '../providers/decisions.ts';

/** A decision that was taken, before it is known what came of it. */
export interface TakenDecision {
  readonly id: string;
  readonly decidedAt: Date;
  readonly context: RoutingContext;
  readonly decision: RoutingDecision;
}

export type Routing = Pick<App, 'clock' | 'newId' | 'providers'>;

/** Decides who serves this (PRV-7), from memory. */
export async function route(context: RoutingContext, app: Routing): Promise<TakenDecision> {
  const { compiled } = await app.providers.routing();
  return {
    id: app.newId(),
    decidedAt: app.clock.now(),
    context,
    decision: decide(compiled, context),
  };
}

export interface DecisionEnd {
  readonly answeredSlug: string | null;
  readonly outcome: string | null;
  readonly latencyMs: number | null;
}

const NOT_CALLED: DecisionEnd = { answeredSlug: null, outcome: null, latencyMs: null };

/** Writes it down (PRV-9). */
export function record(
  { id, decidedAt, context, decision }: TakenDecision,
  { ctx, purpose }: { ctx: Pick<Context, 'app' | 'scope'>; purpose: DecisionRecord['purpose'] },
  end: DecisionEnd = NOT_CALLED,
): void {
  const { tenantId: _tenant, vertical, amountMinor, ...rest } = context;
  ctx.app.providers.record({
    id,
    tenantId: ctx.scope.tenantId,
    vertical,
    purpose,
    scope: decision.scope,
    context: { ...rest, amountMinor: amountMinor === null ? null : String(amountMinor) },
    candidates: decision.candidates,
    selectedSlug: decision.selected?.providerSlug ?? null,
    decidedAt,
    ...end,
  });
}

export function labelOf(outcome: Outcome<unknown>): string {
  return outcome.kind === 'notDone' ? outcome.reason : outcome.kind;
}
