/**
 * A snapshot made quick to decide by: whose slots count is looked up, what never changes between two configurations is
 * judged once, and rules are compiled. What changes by the second (health, budgets) is exchanged beside it.
 */
import type {
  ProviderLife,
  RoutedProvider,
  RoutingCandidate,
  RoutingContext,
  RoutingLife,
  RoutingReason,
  RoutingSlot,
  RoutingSnapshot,
  Vertical,
} from './routing-decision.ts';
import { compileRules, FACT, type CompiledRules } from './routing-rules.ts';
import { hashText, levelHashes, weightsOf, type LevelHashes, type TextHash } from './routing-share.ts';

export interface CompiledSlot {
  readonly id: string;
  readonly providerSlug: string;
  /** The provider's place in `health` and `budgets`. */
  readonly provider: number;
  /** Its place in the list of all that count: by priority, weight and id. */
  readonly rank: number;
  readonly rules: CompiledRules;
  /** Bits of FACT that say whether it is used: those of its rules, and of the traffic share of its priority. */
  readonly facts: number;
  readonly share: number | null;
  readonly hash: TextHash;
  /** Refused whoever asks. */
  readonly off: RoutingCandidate | null;
}

/** The slots of one priority. */
export interface CompiledLevel {
  readonly slots: readonly CompiledSlot[];
  readonly hashes: LevelHashes;
}

/** The slots that count for somebody in a vertical, lowest priority first. */
export interface CompiledScope {
  readonly scope: 'TENANT' | 'GLOBAL';
  readonly levels: readonly CompiledLevel[];
  /** A null for each slot, by rank: copied is quicker than made. */
  readonly noneRefused: readonly null[];
}

export interface CompiledBudget {
  readonly exhausted: boolean;
  readonly tenantIds: ReadonlySet<string>;
}

export interface CompiledSnapshot {
  readonly scopes: ReadonlyMap<string, CompiledScope>;
  /** Slugs of all providers that any slot names; the others of these lists are in the same order. */
  readonly slugs: readonly string[];
  readonly health: readonly (ProviderLife | null)[];
  readonly budgets: readonly (CompiledBudget | null)[];
}

/** Once per configuration; a new one is made where slots, rules or providers change. */
export function compileSnapshot(snapshot: RoutingSnapshot): CompiledSnapshot {
  const slugs = [...new Set(snapshot.slots.map(({ providerSlug }) => providerSlug))];
  const providers: Providers = new Map(
    slugs.map((slug, index) => [slug, { index, provider: valueOf(snapshot.providers, slug) }]),
  );
  const byScope = Map.groupBy(snapshot.slots, ({ tenantId, vertical }) => scopeKey(tenantId, vertical));
  const scopes = new Map<string, CompiledScope>();
  for (const [key, slots] of byScope) scopes.set(key, compileScope(slots, providers));
  return { scopes, slugs, ...compileLife(slugs, snapshot) };
}

/** The same configuration with the health and budgets of now: cheap enough for every change of either. */
export function withLife(compiled: CompiledSnapshot, life: RoutingLife): CompiledSnapshot {
  return { ...compiled, ...compileLife(compiled.slugs, life) };
}

function compileLife(
  slugs: readonly string[],
  { health, budgets }: RoutingLife,
): Pick<CompiledSnapshot, 'health' | 'budgets'> {
  return {
    health: slugs.map((slug) => valueOf(health, slug)),
    budgets: slugs.map((slug) => {
      const budget = valueOf(budgets, slug);
      return budget && { exhausted: budget.exhausted, tenantIds: new Set(budget.exhaustedTenantIds) };
    }),
  };
}

// A slug is somebody's text: what every object has by birth (`constructor`) is no provider.
function valueOf<T>(record: Readonly<Record<string, T>>, slug: string): T | null {
  return Object.hasOwn(record, slug) ? record[slug]! : null;
}

/** By slug: its place and what it is, null where there is none of that name. */
type Providers = ReadonlyMap<string, { readonly index: number; readonly provider: RoutedProvider | null }>;

const NO_SLOTS: CompiledScope = { scope: 'GLOBAL', levels: [], noneRefused: [] };

/** A tenant's slots where it has any in the vertical, enabled or not; the global ones otherwise (PRV-6). */
export function scopeFor(compiled: CompiledSnapshot, { tenantId, vertical }: RoutingContext): CompiledScope {
  const own = tenantId === null ? undefined : compiled.scopes.get(scopeKey(tenantId, vertical));
  return own ?? compiled.scopes.get(scopeKey(null, vertical)) ?? NO_SLOTS;
}

function scopeKey(tenantId: string | null, vertical: Vertical): string {
  return tenantId === null ? vertical : `${vertical} ${tenantId}`;
}

function compileScope(slots: readonly RoutingSlot[], providers: Providers): CompiledScope {
  const byPriority = Map.groupBy(slots, ({ priority }) => priority);
  const priorities = [...byPriority.keys()].toSorted((one, other) => one - other);
  let rank = 0;
  const levels = priorities.map((priority): CompiledLevel => {
    const ordered = byWeight(byPriority.get(priority) ?? []);
    const isShared = ordered.some(({ rules }) => (rules.trafficShare ?? null) !== null);
    const slots = ordered.map((slot) => compileSlot(slot, providers, { rank: rank++, isShared }));
    return { slots, hashes: levelHashes(priority) };
  });
  return {
    scope: slots.some(({ tenantId }) => tenantId !== null) ? 'TENANT' : 'GLOBAL',
    levels,
    noneRefused: slots.map(() => null),
  };
}

function byWeight(slots: readonly RoutingSlot[]): readonly RoutingSlot[] {
  const weights = weightsOf(slots.map(({ rules }) => rules.trafficShare ?? null));
  return slots
    .map((slot, index) => ({ slot, weight: weights[index] ?? 0 }))
    .toSorted((one, other) => other.weight - one.weight || (one.slot.id < other.slot.id ? -1 : 1))
    .map(({ slot }) => slot);
}

const NO_RULES: CompiledRules = { rules: [], facts: 0 };

function compileSlot(
  slot: RoutingSlot,
  providers: Providers,
  { rank, isShared }: { rank: number; isShared: boolean },
): CompiledSlot {
  const { id, providerSlug } = slot;
  const rules = compileRules(slot.rules);
  const { index, provider } = providers.get(providerSlug)!;
  const off = offReason(slot, provider, rules !== null);
  return {
    id,
    providerSlug,
    provider: index,
    rank,
    rules: rules ?? NO_RULES,
    facts: (rules ?? NO_RULES).facts | (isShared ? FACT.requestKey : 0),
    share: slot.rules.trafficShare ?? null,
    hash: hashText(id),
    off: off && { slotId: id, providerSlug, accepted: false, ...off },
  };
}

function offReason(
  slot: RoutingSlot,
  provider: RoutedProvider | null,
  isReadable: boolean,
): { readonly reason: RoutingReason; readonly detail: string | null } | null {
  if (provider && !provider.verticals.includes(slot.vertical)) return { reason: 'NOT_FOR_VERTICAL', detail: null };
  if (!slot.enabled) return { reason: 'SLOT_DISABLED', detail: null };
  if (!isReadable) return { reason: 'SLOT_DISABLED', detail: 'Its routing rules cannot be read.' };
  if (!provider) return { reason: 'PROVIDER_DISABLED', detail: 'There is no such provider.' };
  if (!provider.enabled) return { reason: 'PROVIDER_DISABLED', detail: null };
  if (provider.credentials === 'MISSING') return { reason: 'NO_CREDENTIALS', detail: null };
  if (provider.credentials === 'DECRYPTION_FAILED')
    return { reason: 'DECRYPTION_FAILED', detail: 'Its credentials do not decrypt: set them anew.' };
  return null;
}

/** What might be otherwise (PRV-8). */
export interface RouteHypothesis {
  /** Slugs of providers taken for down: that is how they are treated, so the last usable one stays. */
  readonly unavailableProviders?: readonly string[] | null;
  /** Put in the place of the slot of the same id, or added. */
  readonly slots?: readonly RoutingSlot[] | null;
}

const DOWN: ProviderLife = { status: 'UNHEALTHY', circuit: 'OPEN', permitAvailable: false };

/** The snapshot as it would be. */
export function suppose(snapshot: RoutingSnapshot, hypothesis: RouteHypothesis): RoutingSnapshot {
  const slots = new Map(snapshot.slots.map((slot) => [slot.id, slot]));
  for (const slot of hypothesis.slots ?? []) slots.set(slot.id, slot);
  const down = Object.fromEntries((hypothesis.unavailableProviders ?? []).map((slug) => [slug, DOWN]));
  return { ...snapshot, slots: [...slots.values()], health: { ...snapshot.health, ...down } };
}
