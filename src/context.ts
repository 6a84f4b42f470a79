import type { AccessRules, Actor } from './access.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import type { Database, Reader, Scope } from './db.ts';
import type { Drills } from './drills.ts';
import type { NewId } from './ids.ts';
import type { Logger } from './log.ts';
import type { Auth } from './auth.ts';
import type { Budgets } from './budgets.ts';
import type { Journal } from './journal.ts';
import type { JobQueue } from './jobs/queue.ts';
import type { Loaders } from './loaders.ts';
import type { Mail } from './mail.ts';
import type { Metrics } from './metrics.ts';
import type { ProviderDescription } from './integrations/travel.ts';
import type { Gateways } from './gateways.ts';
import type { Providers } from './providers/contract.ts';
import type { Tracing } from './tracing.ts';
import type { Vault } from './vault.ts';

/** Everything that is built once per process, in app.ts, and nowhere else. */
export interface App {
  readonly config: Config;
  readonly clock: Clock;
  readonly newId: NewId;
  readonly randomBytes: (size: number) => Buffer;
  readonly log: Logger;
  readonly db: Database;
  readonly vault: Vault;
  readonly access: AccessRules;
  readonly auth: Auth;
  readonly budgets: Budgets;
  readonly journal: Journal;
  readonly jobs: JobQueue;
  readonly gateways: Gateways;
  readonly mail: Mail;
  readonly drills: Drills;
  readonly providers: Providers;
  /** The travel integrations there are, by slug. */
  readonly providerDescriptions: ReadonlyMap<string, ProviderDescription>;
  readonly metrics: Metrics;
  readonly tracing: Tracing;
}

/** As our own edge saw it; null for jobs and deliveries. */
export interface ClientFacts {
  readonly address: string | null;
  readonly userAgent: string | null;
}

/** Who asks, for which tenant, and what a resolver may use. One per request; one per delivered event of a subscription. */
export interface Context {
  readonly app: App;
  readonly actor: Actor;
  readonly scope: Scope;
  readonly reads: Reader;
  readonly loaders: Loaders;
  readonly log: Logger;
  readonly requestId: string;
  /** From where the request came: for providers that ask whose it is. */
  readonly client: ClientFacts;
  /** When the request must have its answer, ms since the epoch. */
  readonly deadlineAtMs: number;
}
