import { PLATFORM_TENANT_ID } from './auth/platform.ts';
import type { Budgets } from './budgets.ts';
import type { Clock } from './clock.ts';
import type { Database } from './db.ts';
import type { Drills } from './drills.ts';
import type { HealthView } from './domain/health-checks.ts';
import type { ProviderBudget, ProviderLife, RoutingLife, RoutingSnapshot } from './domain/routing-decision.ts';
import { compileSnapshot, withLife, type CompiledSnapshot } from './domain/routing-snapshot.ts';
import type { Credentials, IncomingWebhook, OutboundCall, OutboundSend, Outcome } from './integrations/contract.ts';
import { notDone } from './integrations/outcome.ts';
import type { CallObservation, IntegrationSnapshot } from './integrations/policy.ts';
import type {
  BookingClient,
  NoticeReading,
  ProviderConnection,
  ProviderDescription,
  ProviderMode,
  Vertical,
} from './integrations/travel.ts';
import type { Journal } from './journal.ts';
import type { Logger } from './log.ts';
import { loadCatalogue, type OpenedCatalogue } from './providers/catalogue.ts';
import type {
  Catalogue,
  ClientOf,
  ConnectionTest,
  ProviderCall,
  Providers,
  RoutingView,
} from './providers/contract.ts';
import { DrilledMembers } from './providers/drilled.ts';
import { DecisionLog, type DecisionCounts, type DecisionRecord } from './providers/decisions.ts';
import type { Health, Pass } from './providers/health.ts';
import { Kept } from './providers/kept.ts';
import { Limits } from './providers/limits.ts';
import { Members } from './providers/members.ts';
import { serviceOf } from './providers/integration-snapshot.ts';
import { connectionOf, reasonOf, refusalOf, type Target } from './providers/target.ts';
import { Usage } from './providers/usage.ts';
import { within } from './providers/within.ts';
import type { Vault } from './vault.ts';

export interface ProvidersOptions {
  readonly db: Database;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly log: Logger;
  readonly budgets: Budgets;
  readonly send: OutboundSend;
  readonly random: () => number;
  readonly descriptions: readonly ProviderDescription[];
  readonly simulatorsUrl: string | null;
  readonly health: Health;
  readonly drills: Drills;
  readonly observe?: (observation: CallObservation) => void;
  readonly decisionCounts?: DecisionCounts;
}

const CATALOGUE_EVENTS = new Set(['provider.changed', 'slot.changed']);
const TEST_TIMEOUT_MS = 15_000;
const TIMEOUT_MS = 10_000;
/** Too little to be worth asking once more. */
const LEAST_MS = 50;
const SUSPECTS_LOOK_MS = 100;
/** How long a look at all of them may wait for what is configured. */
const SERVICES_WAIT_MS = 500;
/** What begins new business; what was begun goes on with a provider that was switched off. */
const BEGINNINGS: ReadonlySet<string> = new Set(['search', 'link']);

type Work<T> = (connection: ProviderConnection, call: OutboundCall) => Promise<Outcome<T>>;

/** The travel providers of this process (src/providers/contract.ts says what each part promises). */
export class TravelProviders implements Providers {
  readonly #options: ProvidersOptions;
  readonly #descriptions: ReadonlyMap<string, ProviderDescription>;
  readonly #kept: Kept<OpenedCatalogue>;
  readonly #members: Members;
  readonly #drilled: DrilledMembers;
  readonly #usage: Usage;
  readonly #limits: Limits;
  readonly #decisions: DecisionLog;
  readonly #suspecting: NodeJS.Timeout;
  /** Providers whose next check is being taken. */
  readonly #taking = new Set<string>();
  #latest: OpenedCatalogue | null = null;
  #configured: Configured | null = null;

  constructor(options: ProvidersOptions) {
    const { clock, db, log, budgets, decisionCounts } = options;
    this.#options = options;
    this.#descriptions = new Map(options.descriptions.map((description) => [description.slug, description]));
    this.#usage = new Usage(db, log);
    this.#limits = new Limits({ budgets, clock, usage: this.#usage });
    this.#decisions = new DecisionLog(db, log, decisionCounts);
    const cacheSecondsOf = (slug: string, operation: string) =>
      this.#latest?.providers.get(slug)?.cacheSeconds[operation];
    this.#members = new Members({ ...options, cacheSecondsOf });
    this.#drilled = new DrilledMembers({ ...options, cacheSecondsOf }, options.drills);
    this.#kept = new Kept({
      clock,
      tenantId: PLATFORM_TENANT_ID,
      isAbout: ({ type }) => CATALOGUE_EVENTS.has(type),
      load: async () => (this.#latest = await loadCatalogue({ ...options, descriptions: this.#descriptions })),
    });
    this.#suspecting = setInterval(() => this.#checkSuspects(), SUSPECTS_LOOK_MS);
    this.#suspecting.unref();
  }

  follow(journal: Journal): void {
    this.#kept.follow(journal);
  }

  catalogue(): Promise<Catalogue> {
    return this.#kept.current();
  }

  refresh(): void {
    this.#kept.forget();
  }

  /** Settled once everything counted and decided is written. */
  async close(): Promise<void> {
    clearInterval(this.#suspecting);
    await Promise.all([this.#usage.close(), this.#decisions.close()]);
  }

  async call<V extends Vertical, T>(
    vertical: V,
    about: ProviderCall,
    work: (client: ClientOf[V], connection: ProviderConnection, call: OutboundCall) => Promise<Outcome<T>>,
  ): Promise<Outcome<T>> {
    const target = await this.#target(about.slug, about.mode, about.tenantId);
    if (target?.description.vertical !== vertical)
      return notDone('misconfigured', 'this provider does not serve this vertical');
    if (!target.provider.enabled && BEGINNINGS.has(about.operation))
      return notDone('unavailable', 'this provider is switched off');
    const refusal = refusalOf(target.opened);
    if (refusal) return refusal;
    const client = target.member.client as ClientOf[V];
    const ask = () => this.#live(target, about, (connection, call) => work(client, connection, call));
    return about.cacheKey === undefined ? ask() : this.#shared(target, { ...about, cacheKey: about.cacheKey }, ask);
  }

  async #target(slug: string, mode?: ProviderMode, tenantId: string | null = null): Promise<Target | null> {
    const catalogue = await this.#kept.current();
    const provider = catalogue.providers.get(slug);
    const description = this.#descriptions.get(slug);
    if (!provider || !description) return null;
    const inMode = mode ?? provider.mode;
    const about = { description, mode: inMode, opened: catalogue.credentials.get(slug)![inMode] };
    const drilled = inMode === 'SANDBOX' ? await this.#drilled.find(tenantId, provider, description) : null;
    if (drilled) return { ...about, ...drilled, isDrill: true };
    return { ...about, provider, member: this.#members.of(provider, description), isDrill: false };
  }

  // Whoever waits for the answer to somebody else's equal question waits no longer than it may; and where the other had
  // less time and got no answer, it asks.
  async #shared<T>(
    target: Target,
    about: ProviderCall & { readonly cacheKey: string },
    ask: () => Promise<Outcome<T>>,
  ): Promise<Outcome<T>> {
    const connection = connectionOf(target, target.opened.values);
    for (;;) {
      let isOurs = false;
      const answer = target.member.cache.through(connection, about.operation, about.cacheKey, () => {
        isOurs = true;
        return ask();
      });
      const outcome = isOurs ? await answer : await within(answer, about.deadlineAtMs - this.#nowMs());
      if (isOurs || isAnswer(outcome) || about.deadlineAtMs - this.#nowMs() < LEAST_MS) return outcome;
    }
  }

  async #live<T>(target: Target, about: ProviderCall, work: Work<T>): Promise<Outcome<T>> {
    // What a mode does that only older bookings still use says nothing about the other, and a drill nothing at all.
    const isWatched = target.mode === target.provider.mode && !target.isDrill;
    const pass = isWatched ? await this.#options.health.pass(about.slug, about.lastUsable === true) : FREE;
    if (!pass.passes) return notDone('unavailable', 'the circuit is open');
    const { values, previous, previousUntil } = target.opened;
    const run = (credentials: Credentials, isLast: boolean, { permit }: Pass) =>
      this.#run(target, about, { credentials, permit, isWatched, isLast }, work);
    // A vendor may take a while to know a new secret: the one before serves as long as its grace lasts (PRV-4).
    if (previous === null || previousUntil! <= this.#options.clock.now()) return run(values, true, pass);
    const outcome = await run(values, false, pass);
    if (outcome.kind !== 'notDone' || outcome.reason !== 'misconfigured') return outcome;
    this.#options.log.warn({ provider: about.slug }, 'the new credentials are refused; those before them serve');
    return run(previous, true, FREE);
  }

  async #run<T>(target: Target, about: ProviderCall, how: Running, work: Work<T>): Promise<Outcome<T>> {
    const { description, member } = target;
    const connection = connectionOf(target, how.credentials);
    const leftMs = about.deadlineAtMs - this.#nowMs();
    const timeoutMs = Math.max(0, Math.min(description.timeoutsMs[about.operation] ?? TIMEOUT_MS, leftMs));
    // One try only where a permit was needed: they are few.
    const operation = { name: about.operation, safe: about.safe && how.permit === null, baseUrl: connection.baseUrl };
    let wasTried = false;
    const outcome = await member.policy.run(operation, { timeoutMs }, (call) => {
      wasTried = true;
      return this.#attempt(target, about, how, () => work(connection, call));
    });
    if (!wasTried) this.#leave(about, how.permit);
    return outcome;
  }

  async #attempt<T>(
    { provider, isDrill }: Target,
    about: ProviderCall,
    { permit, isWatched, isLast }: Running,
    work: () => Promise<Outcome<T>>,
  ): Promise<Outcome<T>> {
    const spent = isDrill ? null : await this.#limits.spend(provider, about.tenantId);
    if (spent) {
      this.#leave(about, permit);
      return spent;
    }
    const { health } = this.#options;
    const flight = isWatched ? health.begin(about.slug, kindOf(about), permit) : null;
    let outcome: Outcome<T> | null = null;
    try {
      outcome = await work();
    } finally {
      // Credentials that others stand behind fail for nobody.
      const isRefused = outcome?.kind === 'notDone' && outcome.reason === 'misconfigured';
      if (flight) health.end(flight, isRefused && !isLast ? null : outcome);
    }
    if (isWatched && outcome.kind === 'notDone' && outcome.reason === 'rateLimited' && outcome.retryAt)
      this.#limits.heed(about.slug, outcome.retryAt);
    return outcome;
  }

  // A call that was not made after all: its permit is somebody else's, and a check that says nothing is to be known as such.
  #leave(about: ProviderCall, permit: number | null): void {
    const { health } = this.#options;
    const kind = kindOf(about);
    if (permit !== null || kind === 'probe') health.end(health.begin(about.slug, kind, permit), null);
  }

  async check(slug: string): Promise<void> {
    const { health } = this.#options;
    const target = await this.#target(slug);
    if (!target?.provider.enabled) return;
    this.#taking.add(slug);
    const { passes, permit } = await health.takeCheck(slug).finally(() => this.#taking.delete(slug));
    if (!passes) return;
    const deadlineAtMs = this.#nowMs() + TEST_TIMEOUT_MS;
    // Never repeated by the policy: several checks in a row are what tells.
    const about = { slug, tenantId: null, operation: 'probe', safe: false, deadlineAtMs };
    // Taken, so that the next one is due at its time; but without credentials there is nothing to be found out.
    if (refusalOf(target.opened)) return this.#leave(about, permit);
    const how = { credentials: target.opened.values, permit, isWatched: true, isLast: true };
    await this.#run(target, about, how, (connection, call) => target.member.client.probe(connection, call));
  }

  // The job that checks comes every few seconds, and a call that fails must be explained sooner (BEY-4). One that hangs is
  // asked again before it has answered.
  #checkSuspects(): void {
    const { health, log } = this.#options;
    for (const slug of health.suspects()) {
      if (this.#taking.has(slug)) continue;
      this.check(slug).catch((error: unknown) => log.warn({ err: error, provider: slug }, 'a check could not be made'));
    }
  }

  async readNotice(slug: string, incoming: IncomingWebhook): Promise<NoticeReading | null> {
    const target = await this.#target(slug);
    if (!target) return null;
    const client: Partial<BookingClient> = target.member.client;
    if (!client.readNotice) return null;
    const modes: readonly ProviderMode[] =
      target.mode === 'SANDBOX' ? ['SANDBOX', 'PRODUCTION'] : ['PRODUCTION', 'SANDBOX'];
    let reading: NoticeReading = { verdict: 'BAD_SIGNATURE', detail: 'there are no credentials to check it by' };
    // Bookings of the mode before the switch are still told of.
    for (const mode of modes) {
      const there = await this.#target(slug, mode);
      if (!there || refusalOf(there.opened)) continue;
      reading = client.readNotice(connectionOf(there, there.opened.values), incoming);
      if (reading.verdict !== 'BAD_SIGNATURE') return reading;
    }
    return reading;
  }

  async isSilent(slug: string): Promise<boolean> {
    const target = await this.#target(slug);
    const client: Partial<BookingClient> = target?.member.client ?? {};
    return client.recovery === 'none';
  }

  record(decision: DecisionRecord): void {
    this.#decisions.add(decision);
  }

  health(slug: string): HealthView {
    return this.#options.health.view(slug);
  }

  async services(): Promise<Readonly<Record<string, IntegrationSnapshot>>> {
    const kept = this.#kept.known() ?? (await this.#keptSoon());
    const providers = [...((kept ?? this.#latest)?.providers.values() ?? [])];
    return Object.fromEntries(
      providers.map((provider) => [
        provider.slug,
        serviceOf(provider, this.health(provider.slug), this.#members.known(provider.slug)),
      ]),
    );
  }

  // Whoever asks how all of it is must be told also while the database hangs.
  async #keptSoon(): Promise<OpenedCatalogue | null> {
    const waited = Promise.withResolvers<null>();
    const timer = setTimeout(() => waited.resolve(null), SERVICES_WAIT_MS);
    const kept = this.#kept.current().catch(() => null);
    return Promise.race([kept, waited.promise]).finally(() => clearTimeout(timer));
  }

  async routing(): Promise<RoutingView> {
    const catalogue = await this.#kept.current();
    if (this.#configured?.of !== catalogue) this.#configured = configuredBy(catalogue);
    const { snapshot, compiled } = this.#configured;
    const life = this.#life(catalogue);
    return { compiled: withLife(compiled, life), snapshot: { ...snapshot, ...life } };
  }

  #life(catalogue: Catalogue): RoutingLife {
    const health: Record<string, ProviderLife> = {};
    const budgets: Record<string, ProviderBudget> = {};
    for (const slug of catalogue.providers.keys()) {
      health[slug] = this.#options.health.life(slug);
      budgets[slug] = { exhausted: this.#limits.untilMs(slug) !== null };
    }
    return { health, budgets };
  }

  async test(slug: string, mode: ProviderMode, instead?: Readonly<Record<string, string>>): Promise<ConnectionTest> {
    const target = await this.#target(slug, mode);
    if (!target) return { ok: false, latencyMs: 0, reason: 'There is no such provider.' };
    const values = { ...target.opened.values, ...instead };
    const absent = target.description.credentials.filter(({ name, required }) => required && !values[name]);
    const names = absent.map(({ name }) => name).join(', ');
    if (absent.length > 0) return { ok: false, latencyMs: 0, reason: `Credentials are missing: ${names}.` };
    const since = this.#nowMs();
    const { client } = target.member;
    const outcome = await client.probe(connectionOf(target, values), { timeoutMs: TEST_TIMEOUT_MS });
    const latencyMs = Math.max(0, this.#nowMs() - since);
    return { ok: outcome.kind === 'done', latencyMs, reason: reasonOf(outcome) };
  }

  #nowMs(): number {
    return this.#options.clock.now().getTime();
  }
}

/** What routing goes by until the configuration changes. */
interface Configured {
  readonly of: Catalogue;
  readonly snapshot: RoutingSnapshot;
  readonly compiled: CompiledSnapshot;
}

function configuredBy(catalogue: Catalogue): Configured {
  const { providers, slots } = catalogue;
  const snapshot = { slots, providers: Object.fromEntries(providers), health: {}, budgets: {} };
  return { of: catalogue, snapshot, compiled: compileSnapshot(snapshot) };
}

/** How one try is made. */
interface Running {
  readonly credentials: Credentials;
  readonly permit: number | null;
  /** Whether it tells how the provider is. */
  readonly isWatched: boolean;
  /** No other credentials stand behind these. */
  readonly isLast: boolean;
}

const FREE: Pass = { passes: true, permit: null };

function kindOf({ operation }: ProviderCall): 'call' | 'probe' {
  return operation === 'probe' ? 'probe' : 'call';
}

/** False where more time might have brought (more of) an answer. */
function isAnswer(outcome: Outcome<unknown>): boolean {
  if (outcome.kind === 'done') return (outcome.value as { complete?: boolean } | null)?.complete !== false;
  return outcome.kind === 'notDone' && outcome.reason !== 'unavailable';
}
