/** What a routing decision is made of: the question, the answer, and the closed list of reasons (PRV-7). */
import type { CircuitState, HealthStatus } from './health-state.ts';
import type { RoutingRules } from './routing-rules.ts';

export const VERTICALS = ['LODGING', 'FLIGHTS_BOOKING', 'FLIGHTS_DISCOVERY'] as const;
export type Vertical = (typeof VERTICALS)[number];

/**
 * Why a slot is not a candidate, in the order in which they are looked for: first what an operator has to mend, then
 * what the request asks for, then the split of traffic, last what passes by itself. A candidate bears the first that
 * applies.
 */
export const REFUSALS = [
  'NOT_FOR_VERTICAL',
  'SLOT_DISABLED',
  'PROVIDER_DISABLED',
  'NO_CREDENTIALS',
  'DECRYPTION_FAILED',
  'CURRENCY_NOT_ALLOWED',
  'COUNTRY_NOT_ALLOWED',
  'LANGUAGE_NOT_ALLOWED',
  'AMOUNT_OUT_OF_RANGE',
  'TRAVEL_DATE_OUT_OF_WINDOW',
  'TRAFFIC_SHARE',
  'UNHEALTHY',
  'CIRCUIT_OPEN',
  'RATE_LIMITED',
] as const;
export type RoutingReason = 'ACCEPTED' | (typeof REFUSALS)[number];

/** Null means that nobody said; rules about it refuse nobody (routing-rules.ts). */
export interface RoutingContext {
  readonly vertical: Vertical;
  readonly tenantId: string | null;
  /** ISO 4217; also the currency of the amount, which is not checked without it. */
  readonly currencyCode: string | null;
  /** ISO 3166-1 alpha-2. */
  readonly countryCode: string | null;
  /** BCP 47. */
  readonly language: string | null;
  readonly amountMinor: bigint | null;
  /** Local date YYYY-MM-DD. */
  readonly travelDate: string | null;
  /** Equal keys share their fate: the split of traffic is by key. Without one the order is by weight. */
  readonly requestKey: string | null;
}

export interface RoutingSlot {
  readonly id: string;
  /** Null: global. */
  readonly tenantId: string | null;
  readonly vertical: Vertical;
  readonly providerSlug: string;
  readonly enabled: boolean;
  /** Lower goes first. */
  readonly priority: number;
  readonly rules: RoutingRules;
}

export interface RoutedProvider {
  readonly enabled: boolean;
  readonly verticals: readonly Vertical[];
  /** GRACE: rotated, and the version before still serves. */
  readonly credentials: 'ACTIVE' | 'GRACE' | 'MISSING' | 'DECRYPTION_FAILED';
}

export interface ProviderLife {
  readonly status: HealthStatus;
  readonly circuit: CircuitState;
  /** Whether a circuit that is not closed would let a trial through now. Left out: it would not. */
  readonly permitAvailable?: boolean;
}

export interface ProviderBudget {
  /** The provider's own limit is used up. */
  readonly exhausted: boolean;
  /** Tenants that have used their part of it. */
  readonly exhaustedTenantIds?: readonly string[];
}

/** What changes by the second. A provider left out is taken for well and with budget. */
export interface RoutingLife {
  readonly health: Readonly<Record<string, ProviderLife>>;
  readonly budgets: Readonly<Record<string, ProviderBudget>>;
}

export interface RoutingSnapshot extends RoutingLife {
  readonly slots: readonly RoutingSlot[];
  /** By slug. */
  readonly providers: Readonly<Record<string, RoutedProvider>>;
}

export interface RoutingCandidate {
  readonly slotId: string;
  readonly providerSlug: string;
  readonly accepted: boolean;
  readonly reason: RoutingReason;
  /** A sentence for an operator, bounded; no personal data. */
  readonly detail: string | null;
}

export interface RoutingDecision {
  readonly vertical: Vertical;
  /** Whose slots counted. */
  readonly scope: 'TENANT' | 'GLOBAL';
  /** The first to be tried. */
  readonly selected: RoutingCandidate | null;
  /** The accepted ones in the order they are to be tried, then the others by priority, weight and id. */
  readonly candidates: readonly RoutingCandidate[];
}
