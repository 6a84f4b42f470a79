import type {
  RoutedProvider,
  RoutingContext,
  RoutingDecision,
  RoutingSlot,
  RoutingSnapshot,
} from '../../src/domain/routing-decision.ts';
import { compileSnapshot } from '../../src/domain/routing-snapshot.ts';
import { decide } from '../../src/domain/routing.ts';

export const PROVIDER: RoutedProvider = { enabled: true, verticals: ['LODGING'], credentials: 'ACTIVE' };

export const CONTEXT: RoutingContext = {
  vertical: 'LODGING',
  tenantId: 'tenant-1',
  currencyCode: 'EGP',
  countryCode: 'EG',
  language: 'ar-EG',
  amountMinor: 100_000n,
  travelDate: '2026-08-01',
  requestKey: 'request-1',
};

/** A global lodging slot of a provider of the same name. */
export function slot(id: string, facts: Partial<RoutingSlot> = {}): RoutingSlot {
  return {
    id,
    tenantId: null,
    vertical: 'LODGING',
    providerSlug: id,
    enabled: true,
    priority: 10,
    rules: {},
    ...facts,
  };
}

/** All providers the slots name, in use and well, unless told otherwise. */
export function snapshot(slots: readonly RoutingSlot[], facts: Partial<RoutingSnapshot> = {}): RoutingSnapshot {
  const named = Object.fromEntries(slots.map(({ providerSlug }) => [providerSlug, PROVIDER]));
  return { slots, health: {}, budgets: {}, ...facts, providers: { ...named, ...facts.providers } };
}

export function decided(of: RoutingSnapshot, context: Partial<RoutingContext> = {}): RoutingDecision {
  return decide(compileSnapshot(of), { ...CONTEXT, ...context });
}

/** `a` for an accepted candidate, `b UNHEALTHY` for a refused one. */
export function told({ candidates }: RoutingDecision): string[] {
  return candidates.map(({ slotId, accepted, reason }) => (accepted ? slotId : `${slotId} ${reason}`));
}
