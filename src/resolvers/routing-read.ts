import { authorize } from '../access.ts';
import { columns } from '../columns.ts';
import type { Context } from '../context.ts';
import type { RoutingCandidate, Vertical } from '../domain/routing-decision.ts';
import type { RoutingDecisionModel } from '../generated/prisma/models.ts';
import {
  cursorColumn,
  keyset,
  pageArgs,
  toConnection,
  type Connection,
  type Paged,
  type PageArguments,
} from '../paging.ts';
import type { ProviderRow, ProviderSlotRow } from '../provider-reads.ts';

/** `supposed`: a slot of a what-if question, which stands in no table. */
export type ShownCandidate = RoutingCandidate & { readonly supposed?: ProviderSlotRow };

/** Who else might have served, and why not, is the shop's business. @throws FORBIDDEN */
export function mayExplain(ctx: Context, candidates: readonly ShownCandidate[]): readonly ShownCandidate[] {
  authorize(ctx, 'routing.explain');
  return candidates;
}

/** @throws FORBIDDEN */
export async function providerOfCandidate(ctx: Context, candidate: RoutingCandidate): Promise<ProviderRow | null> {
  authorize(ctx, 'routing.explain');
  return ctx.loaders.provider.load(candidate.providerSlug);
}

/** @throws FORBIDDEN */
export async function slotOfCandidate(ctx: Context, candidate: ShownCandidate): Promise<ProviderSlotRow | null> {
  authorize(ctx, 'routing.explain');
  return candidate.supposed ?? ctx.loaders.providerSlot.load(candidate.slotId);
}

/** A decision as it was written down (PRV-9). */
export type DecisionRow = Omit<RoutingDecisionModel, 'tenantId' | 'context' | 'candidates'> & {
  readonly context: Readonly<Record<string, unknown>>;
  readonly candidates: readonly RoutingCandidate[];
};
const DECISION_COLUMNS = columns('RoutingDecision', 'd', ['tenantId']);

/**
 * A condition on the vertical that names it, because the index of a vertical is found by its name (20261122000200_routing).
 * @param vertical null: of all
 */
export function ofVertical(alias: string, vertical: Vertical | null): string {
  return vertical === null ? '' : `and ${alias}.vertical = '${vertical}'`;
}

/** The tenant's decisions, newest first; the last fifth of a second of them may still be on its way to the table. */
export async function listDecisions(
  ctx: Context,
  vertical: Vertical | null,
  args: PageArguments,
): Promise<Connection<DecisionRow & Paged>> {
  authorize(ctx, 'routing.log');
  const page = pageArgs(args);
  const { where, tail, values } = keyset(page, 'd', 1, 'decided_at');
  const text = `select ${DECISION_COLUMNS}, ${cursorColumn('d', 'decided_at')} from routing_decisions d
    where d.tenant_id = current_tenant() ${ofVertical('d', vertical)} ${where} ${tail}`;
  return toConnection(await ctx.reads.query<DecisionRow & Paged>(text, values), page);
}

export async function decisionsByIds(ctx: Context, ids: readonly string[]): Promise<DecisionRow[]> {
  authorize(ctx, 'routing.log');
  const text = `select ${DECISION_COLUMNS} from routing_decisions d where d.tenant_id = current_tenant() and d.id = any($1::uuid[])`;
  return ctx.reads.query<DecisionRow>(text, [ids]);
}
