/**
 * Which provider is asked (PRV-7): a pure function of slots, providers, health, circuits, budgets and the request. The
 * whole list is given, because whoever is not first is the failover of who is, and an operator wants to know why not.
 */
import type {
  ProviderLife,
  RoutingCandidate,
  RoutingContext,
  RoutingDecision,
  RoutingReason,
} from './routing-decision.ts';
import { notChecked, questionOf, refusedBy, type RuleQuestion } from './routing-rules.ts';
import { hashText, orderByShare, type TextHash } from './routing-share.ts';
import { scopeFor, type CompiledScope, type CompiledSlot, type CompiledSnapshot } from './routing-snapshot.ts';

/**
 * Decides for one request; the same snapshot and context always give the same answer. Never throws: what can't be
 * judged has a reason.
 */
export function decide(snapshot: CompiledSnapshot, context: RoutingContext): RoutingDecision {
  const scope = scopeFor(snapshot, context);
  const question = questionOf(context);
  const refused: (RoutingCandidate | null)[] = scope.noneRefused.slice();
  const usable = usableOf(scope, question, context.requestKey, refused);
  const candidates: RoutingCandidate[] = [];
  for (const slot of usable) {
    const life = lifeRefusal(snapshot, slot, context.tenantId);
    if (life === null) candidates.push(candidate(slot, 'ACCEPTED', notChecked(question.unknown & slot.facts)));
    else refused[slot.rank] = candidate(slot, life.reason, life.detail);
  }
  const last = candidates.length === 0 ? lastUsable(snapshot, usable, context.tenantId) : null;
  if (last) {
    const detail = `The last usable of the vertical, although ${refused[last.rank]!.reason}.`;
    candidates.push(candidate(last, 'ACCEPTED', detail));
    refused[last.rank] = null;
  }
  const selected = candidates[0] ?? null;
  for (const one of refused) if (one !== null) candidates.push(one);
  return { vertical: context.vertical, scope: scope.scope, selected, candidates };
}

/** What configuration accepts, in the order it is tried; what it does not is put into `refused` at its rank. */
function usableOf(
  { levels }: CompiledScope,
  question: RuleQuestion,
  requestKey: string | null,
  refused: (RoutingCandidate | null)[],
): CompiledSlot[] {
  const usable: CompiledSlot[] = [];
  let key: TextHash | null = null;
  for (const { slots, hashes } of levels) {
    const fitting: CompiledSlot[] = [];
    for (const slot of slots) {
      const no = slot.off === null ? refusedBy(slot.rules, question) : null;
      if (slot.off === null && no === null) fitting.push(slot);
      else refused[slot.rank] = slot.off ?? candidate(slot, no!.reason, no!.detail);
    }
    if (fitting.length === 0) continue;
    if (requestKey !== null) key ??= hashText(requestKey);
    const ordered = key === null ? fitting : orderByShare(fitting, key, hashes);
    if (ordered === null) for (const slot of fitting) refused[slot.rank] = shareRefusal(slot);
    else for (const slot of ordered) usable.push(slot);
  }
  return usable;
}

function shareRefusal(slot: CompiledSlot): RoutingCandidate {
  return candidate(slot, 'TRAFFIC_SHARE', `Its share is ${slot.share ?? 0} %, and this request is of the rest.`);
}

function candidate(slot: CompiledSlot, reason: RoutingReason, detail: string | null): RoutingCandidate {
  return { slotId: slot.id, providerSlug: slot.providerSlug, accepted: reason === 'ACCEPTED', reason, detail };
}

interface LifeRefusal {
  readonly reason: RoutingReason;
  readonly detail: string | null;
}

const UNHEALTHY: LifeRefusal = { reason: 'UNHEALTHY', detail: null };
const CIRCUIT_OPEN: LifeRefusal = { reason: 'CIRCUIT_OPEN', detail: null };
const TRIALS_TAKEN: LifeRefusal = { reason: 'CIRCUIT_OPEN', detail: 'Half open, and all trials are taken.' };
const RATE_LIMITED: LifeRefusal = { reason: 'RATE_LIMITED', detail: null };
const TENANT_LIMITED: LifeRefusal = { reason: 'RATE_LIMITED', detail: 'The tenant has used its part of the limit.' };

function lifeRefusal(
  snapshot: CompiledSnapshot,
  { provider }: CompiledSlot,
  tenantId: string | null,
): LifeRefusal | null {
  const life = snapshot.health[provider] ?? null;
  return (life && healthRefusal(life)) ?? budgetRefusal(snapshot, provider, tenantId);
}

// A circuit that would let a trial through says more than the status, which stays UNHEALTHY until the trials are passed:
// who is never tried never comes back.
function healthRefusal({ status, circuit, permitAvailable }: ProviderLife): LifeRefusal | null {
  if (circuit !== 'CLOSED' && permitAvailable === true) return null;
  if (status === 'UNHEALTHY') return UNHEALTHY;
  if (circuit === 'CLOSED') return null;
  return circuit === 'OPEN' ? CIRCUIT_OPEN : TRIALS_TAKEN;
}

function budgetRefusal(snapshot: CompiledSnapshot, provider: number, tenantId: string | null): LifeRefusal | null {
  const budget = snapshot.budgets[provider] ?? null;
  if (budget === null) return null;
  if (budget.exhausted) return RATE_LIMITED;
  return tenantId !== null && budget.tenantIds.has(tenantId) ? TENANT_LIMITED : null;
}

/**
 * Where health alone leaves nobody, the least bad stays (BEY-4): a call that probably fails is better than one that is
 * never made. Of equally bad ones the first in order. A used-up budget is never overridden: the provider would refuse.
 */
function lastUsable(
  snapshot: CompiledSnapshot,
  usable: readonly CompiledSlot[],
  tenantId: string | null,
): CompiledSlot | null {
  let best: CompiledSlot | null = null;
  let bestBadness = Infinity;
  for (const slot of usable) {
    if (budgetRefusal(snapshot, slot.provider, tenantId) !== null) continue;
    const badness = badnessOf(snapshot.health[slot.provider] ?? null);
    if (badness < bestBadness) [best, bestBadness] = [slot, badness];
  }
  return best;
}

const CIRCUIT_BADNESS = { CLOSED: 0, HALF_OPEN: 2, OPEN: 4 } as const;

function badnessOf(life: ProviderLife | null): number {
  return life === null ? 0 : CIRCUIT_BADNESS[life.circuit] + (life.status === 'UNHEALTHY' ? 1 : 0);
}
