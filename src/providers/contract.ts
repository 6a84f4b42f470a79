import type { HealthView } from '../domain/health-checks.ts';
import type { RoutingSnapshot } from '../domain/routing-decision.ts';
import type { CompiledSnapshot } from '../domain/routing-snapshot.ts';
import type { IncomingWebhook, Outcome, OutboundCall } from '../integrations/contract.ts';
import type { IntegrationSnapshot } from '../integrations/policy.ts';
import type {
  FlightBookingClient,
  FlightDiscoveryClient,
  LodgingClient,
  NoticeReading,
  ProviderConnection,
  ProviderMode,
  Vertical,
} from '../integrations/travel.ts';
import type { DecisionRecord } from './decisions.ts';

/**
 * The travel providers as the rest of the product sees them: what is configured, who may serve a request, and one way
 * to call one of them. Configuration and slots are kept in memory and made anew by the journal's events, so that a
 * change counts in every process within a second and a request costs no statement.
 */

/** What a vertical's providers offer. */
export interface ClientOf {
  LODGING: LodgingClient;
  FLIGHTS_BOOKING: FlightBookingClient;
  FLIGHTS_DISCOVERY: FlightDiscoveryClient;
}

/** GRACE: the newest is refused by the vendor and the one before still serves. */
export type CredentialState = 'ACTIVE' | 'GRACE' | 'MISSING' | 'DECRYPTION_FAILED';

export interface CatalogueProvider {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly verticals: readonly Vertical[];
  readonly mode: ProviderMode;
  readonly enabled: boolean;
  readonly baseUrls: Readonly<Record<ProviderMode, string>>;
  /** The description's, with what this provider's row says otherwise. */
  readonly settings: Readonly<Record<string, string>>;
  readonly cacheSeconds: Readonly<Record<string, number>>;
  readonly callsPerMinute: number;
  readonly concurrentMax: number;
  readonly checkEverySeconds: number;
  /** Of the mode it is in. */
  readonly credentials: CredentialState;
  readonly version: number;
}

export interface CatalogueSlot {
  readonly id: string;
  readonly tenantId: string | null;
  readonly vertical: Vertical;
  readonly providerSlug: string;
  readonly enabled: boolean;
  readonly priority: number;
  /** As stored: domain/routing-rules.ts. */
  readonly rules: Readonly<Record<string, unknown>>;
}

export interface Catalogue {
  readonly providers: ReadonlyMap<string, CatalogueProvider>;
  readonly slots: readonly CatalogueSlot[];
}

/** One call to a provider. */
export interface ProviderCall {
  readonly slug: string;
  /** Who it is for: their use of the provider's rate limit is counted (PRV-13). Null for our own checks. */
  readonly tenantId: string | null;
  /** search, check, book, confirm, lookUp, cancel, link or probe. */
  readonly operation: string;
  /** True only where repeating cannot have a second effect. */
  readonly safe: boolean;
  /** When the caller must have its answer, ms since the epoch. */
  readonly deadlineAtMs: number;
  /** A booking keeps to the mode it was made in, whatever the provider is switched to meanwhile. */
  readonly mode?: ProviderMode;
  /** There is nobody else to ask: it is called whatever its circuit says (BEY-4). */
  readonly lastUsable?: boolean;
  /** Equal for equal questions: a kept answer is given instead of a new call, where the cache policy has it (PRV-14). */
  readonly cacheKey?: string;
}

export interface ConnectionTest {
  readonly ok: boolean;
  readonly latencyMs: number;
  /** For people; null where it passed. */
  readonly reason: string | null;
}

export interface Providers {
  /** As configured, at most a second old. */
  catalogue(): Promise<Catalogue>;
  /** Forgets what is known, after a change of this process's own. */
  refresh(): void;
  /**
   * Calls a provider through everything that stands around a call: switch, credentials, circuit, rate budget, bounded
   * concurrency, time limit, retry of what is safe; and tells health, use and metrics how it went. Never rejects for
   * what the provider does.
   */
  call<V extends Vertical, T>(
    vertical: V,
    about: ProviderCall,
    work: (client: ClientOf[V], connection: ProviderConnection, call: OutboundCall) => Promise<Outcome<T>>,
  ): Promise<Outcome<T>>;
  /**
   * Asks the provider whether it would serve us, with its stored credentials or with these instead of them (PRV-5). Goes
   * round its switch and its circuit.
   */
  test(slug: string, mode: ProviderMode, instead?: Readonly<Record<string, string>>): Promise<ConnectionTest>;
  /** Makes the active check that is due, if one is (PRV-11). Safe to call at any time, from any process. */
  check(slug: string): Promise<void>;
  /** The configuration routing decides by, with the health, circuits and budgets of now. */
  routing(): Promise<RoutingView>;
  /** As of now, from memory. */
  health(slug: string): HealthView;
  /** Every provider as GET /health shows integrations (COM-13), by slug. Waits for nothing for long, and never rejects. */
  services(): Promise<Readonly<Record<string, IntegrationSnapshot>>>;
  /** What a provider's push says, pure; null for a provider that pushes nothing, or that there is not. */
  readNotice(slug: string, incoming: IncomingWebhook): Promise<NoticeReading | null>;
  /** True for a provider that can't be asked about bookings: only what it pushes tells. */
  isSilent(slug: string): Promise<boolean>;
  /** Writes a decision down, soon (PRV-9). */
  record(decision: DecisionRecord): void;
}

export interface RoutingView {
  readonly compiled: CompiledSnapshot;
  /** The same before it was made quick, for what-if questions. */
  readonly snapshot: RoutingSnapshot;
}
