import type { Context } from '../context.ts';
import type { RoutingSnapshot } from '../domain/routing-decision.ts';
import { suppose } from '../domain/routing-snapshot.ts';
import { invalidInput, notFound } from '../errors.ts';
import { idOf } from '../global-id.ts';
import type { ProviderSlotRow } from '../provider-reads.ts';
import { checkTenantId } from './configuration.ts';
import { checkedRules, type SlotFields } from './provider-slot.ts';

/** A slot as it might be: one there is, by its id, or a new one. */
export interface SupposedSlotInput extends SlotFields {
  readonly id?: string | null | undefined;
  /** None: of a new one, that it is global. */
  readonly tenantId?: string | null | undefined;
}

export interface HypothesisInput {
  /** Slugs. */
  readonly unavailableProviders?: readonly string[] | null | undefined;
  readonly slots?: readonly SupposedSlotInput[] | null | undefined;
}

/** What a tenant's requests would be decided by, and the slots of it that stand in no table, by id. */
export interface Supposed {
  readonly snapshot: RoutingSnapshot;
  readonly slots: ReadonlyMap<string, ProviderSlotRow>;
}

/** More than anybody asks about at once; each makes every decision of a replay dearer. */
const SLOTS_MAX = 50;
const PROVIDERS_MAX = 50;

/**
 * The configuration and the health of now with something else supposed. Only what may count for the asker's tenant is left in it: its
 * own slots and the global ones.
 * @param field where the hypothesis stands in the input
 * @throws INVALID_INPUT; NOT_FOUND for a slot or a provider that there is not
 */
export function supposed(
  by: Context,
  now: RoutingSnapshot,
  { unavailableProviders, slots }: HypothesisInput,
  field: readonly string[],
): Supposed {
  const { tenantId } = by.scope;
  const mine = now.slots.filter((slot) => slot.tenantId === null || slot.tenantId === tenantId);
  const known = { ...now, slots: mine };
  const down = unavailableProviders ?? [];
  if (down.length > PROVIDERS_MAX) throw tooMany(PROVIDERS_MAX, [...field, 'unavailableProviders']);
  if ((slots?.length ?? 0) > SLOTS_MAX) throw tooMany(SLOTS_MAX, [...field, 'slots']);
  for (const slug of down) requireProvider(known, slug, [...field, 'unavailableProviders']);
  const rows = (slots ?? []).map((slot, index) =>
    supposedSlot(by, known, slot, { index, field: [...field, 'slots', String(index)] }),
  );
  return {
    snapshot: suppose(known, { unavailableProviders: down, slots: rows.map(asRouted) }),
    slots: new Map(rows.map((row) => [row.id, row])),
  };
}

function tooMany(most: number, field: readonly string[]): Error {
  return invalidInput(`At most ${most} are supposed at once.`, field);
}

function requireProvider({ providers }: RoutingSnapshot, slug: string, field: readonly string[]): void {
  if (!Object.hasOwn(providers, slug)) throw notFound('provider', field);
}

/**
 * Of a slot that there is not. Slots share requests by their ids, so the same supposition has the same ids each time it is made; no real
 * slot has one, because ours begin with the time.
 */
function newSlotId(index: number): string {
  return `00000000-0000-7000-8000-${String(index).padStart(12, '0')}`;
}

// A vertical that the provider does not serve is no mistake here: the decision says so.
function supposedSlot(
  by: Context,
  known: RoutingSnapshot,
  given: SupposedSlotInput,
  { index, field }: { readonly index: number; readonly field: readonly string[] },
): ProviderSlotRow {
  const { vertical, providerSlug, enabled, priority } = given;
  requireProvider(known, providerSlug, [...field, 'providerSlug']);
  checkTenantId(by, given.tenantId, [...field, 'tenantId']);
  const id = given.id ? idOf('ProviderSlot', given.id, [...field, 'id']) : null;
  const before = id === null ? null : known.slots.find((slot) => slot.id === id);
  if (before === undefined) throw notFound('slot', [...field, 'id']);
  return {
    id: id ?? newSlotId(index),
    tenantId: before ? before.tenantId : given.tenantId ? by.scope.tenantId : null,
    vertical,
    providerSlug,
    enabled,
    priority,
    rules: checkedRules(given, field) as ProviderSlotRow['rules'],
    createdAt: by.app.clock.now(),
    deletedAt: null,
    version: 0,
  };
}

function asRouted({ id, tenantId, vertical, providerSlug, enabled, priority, rules }: ProviderSlotRow) {
  return { id, tenantId, vertical, providerSlug, enabled, priority, rules: rules as object };
}
