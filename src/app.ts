import { randomBytes } from 'node:crypto';

import { ACCESS_RULES, type AccessRules } from './access.ts';
import { createAuth } from './auth.ts';
import { createBudgets } from './budgets.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import type { App } from './context.ts';
import type { Opened } from './credentials.ts';
import { assertNoOpenTransaction, Database } from './db.ts';
import { createDrills, DRILLED_CALLS_MAX, DRILLS_KEPT, sendInDrill } from './drills.ts';
import { Gateways, type GatewayDrill, type GatewaysOptions } from './gateways.ts';
import type { PaymentGateway } from './generated/prisma/enums.ts';
import { createIdSource } from './ids.ts';
import type { OutboundSend } from './integrations/contract.ts';
import { createOutbound, setOutboundGuard, type Outbound } from './integrations/http.ts';
import type { CallObservation } from './integrations/policy.ts';
import { TRAVEL_PROVIDERS } from './integrations/providers.ts';
import { createMailTransports } from './integrations/mail-transports.ts';
import { createIntegrations, PAYMENT_GATEWAYS, type Integrations } from './integrations/registry.ts';
import { createSns } from './integrations/ses/sns.ts';
import type { ProviderDescription } from './integrations/travel.ts';
import { JobQueue } from './jobs/queue.ts';
import { createJournal } from './journal.ts';
import { Lru } from './auth/lru.ts';
import type { Logger } from './log.ts';
import { createMail, type Mail } from './mail.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { loadGatewayConnection } from './resolvers/gatewayConfig.ts';
import { TravelProviders } from './providers.ts';
import type { DecisionCounts } from './providers/decisions.ts';
import { Health } from './providers/health.ts';
import { createTracing, type Tracing } from './tracing.ts';
import { createVault, type Vault } from './vault.ts';

export interface RunningApp {
  readonly app: App;
  /** Gives everything back, in order: background work first, the database last. */
  close(): Promise<void>;
}

export interface AppOptions {
  readonly config: Config;
  readonly log: Logger;
  readonly clock?: Clock;
  /** Other rules than the product's: the isolation proof drops one at a time and must then find the leak. */
  readonly access?: AccessRules;
  /** Other travel integrations than the product's: tests have vendors of their own. */
  readonly providerDescriptions?: readonly ProviderDescription[];
}

/** The one place where things are made and wired. Connections are opened here and nowhere on import. */
export async function createApp(options: AppOptions): Promise<RunningApp> {
  const { config, log } = options;
  const clock = options.clock ?? { now: () => new Date() };
  const newId = createIdSource(clock, randomBytes);
  const metrics = createMetrics();
  const tracing = await createTracing(config.traceEndpoint, `portolan-${config.role}`);
  const db = openDatabase(config, metrics);
  await refuseOverpoweredLogin(db);
  const vault = createVault({ current: config.masterKey, older: config.olderMasterKeys, randomBytes });
  const lookUp = <T>(text: string, values: readonly unknown[]) => db.lookUp<T>(text, values);
  const journal = createJournal({ url: config.databaseUrl, applicationName: 'portolan-journal', clock, log, lookUp });
  const budgets = createBudgets(db, clock);
  const auth = createAuth({
    db,
    vault,
    clock,
    newId,
    log,
    budgets,
    baseUrl: config.baseUrl,
    bootstrapOrigins: config.bootstrapOrigins,
  });
  const jobs = new JobQueue({
    url: config.databaseUrl,
    log,
    connectionsMax: config.role === 'api' ? 1 : 4,
    supervise: config.role !== 'api',
    nowMs: () => clock.now().getTime(),
    onJob: (queue, outcome, milliseconds) => {
      metrics.jobs.inc({ queue, outcome });
      metrics.jobSeconds.observe({ queue }, milliseconds / 1000);
    },
  });
  const outbound = createOutbound();
  setOutboundGuard(assertNoOpenTransaction);
  const send = watched(outbound, tracing);
  const { simulatorsUrl } = config;
  const drills = createDrills({ simulatorsUrl, clock, send, tenant: (tenantId) => auth.tenant(tenantId) });
  const gateways = openGateways({ config, db, vault, clock, metrics, send });
  const health = new Health({ db, clock, newId, log, random: Math.random });
  const descriptions = options.providerDescriptions ?? TRAVEL_PROVIDERS;
  const providers = new TravelProviders({
    db,
    vault,
    clock,
    log,
    budgets,
    health,
    drills,
    send,
    random: Math.random,
    descriptions,
    simulatorsUrl,
    observe: observeProviderCall(metrics),
    decisionCounts: countDecisions(metrics),
  });
  const app: App = {
    config,
    clock,
    newId,
    randomBytes,
    log,
    db,
    vault,
    auth,
    journal,
    jobs,
    gateways,
    mail: openMail({ config, clock, metrics, outbound, tracing }),
    drills,
    providers,
    providerDescriptions: new Map(descriptions.map((description) => [description.slug, description])),
    metrics,
    budgets,
    tracing,
    access: options.access ?? ACCESS_RULES,
  };
  auth.follow(journal);
  providers.follow(journal);
  health.follow(journal);
  metrics.watch({
    pool: () => db.counts,
    journalLagMs: () => journal.lagMs(),
    jobs: () => jobs.backlog(),
    circuits: () =>
      Object.fromEntries(Object.entries(gateways.snapshot()).map(([slug, { circuit }]) => [slug, circuit])),
    providers: () => app.providers.services(),
  });
  await Promise.all([journal.start(), jobs.start()]);
  return {
    app,
    async close() {
      await jobs.close(10_000);
      await providers.close();
      await health.close();
      await journal.close();
      await auth.close();
      outbound.close();
      await tracing.close();
      await db.close();
    },
  };
}

function openDatabase(config: Config, metrics: Metrics): Database {
  return new Database({
    url: config.databaseUrl,
    poolSize: config.databasePoolSize,
    acquireTimeoutMs: config.databaseAcquireTimeoutMs,
    statementTimeoutMs: config.databaseStatementTimeoutMs,
    applicationName: `portolan-${config.role}`,
    onStatement: () => metrics.databaseStatements.inc(),
    onWait: (milliseconds) => metrics.databaseWaitSeconds.observe(milliseconds / 1000),
    nowMs: () => performance.now(),
  });
}

/** @throws where the login could get round row-level security, by itself or as a role it is a member of: good will alone would then keep tenants apart. */
async function refuseOverpoweredLogin(db: Database): Promise<void> {
  const [login] = await db.lookUp<{ name: string; mighty: boolean; owns: boolean }>(
    `select r.rolname as name,
       exists (select from pg_roles m where (m.rolsuper or m.rolbypassrls) and pg_has_role(r.oid, m.oid, 'member')) as mighty,
       exists (select from pg_class c where pg_has_role(r.oid, c.relowner, 'member') and c.relnamespace = 'public'::regnamespace) as owns
     from pg_roles r where r.rolname = current_user`,
    [],
  );
  if (!login || login.mighty || login.owns) {
    throw new Error(
      `The database login ${login?.name ?? ''} is (or may become) a superuser, a role that bypasses row-level security, or the owner of tables. Set DATABASE_URL to a login that is only a member of portolan_app (npm run db:migrate makes one).`,
    );
  }
}

/** Each outside call in a span of its own, where somebody listens. */
function watched({ send }: Outbound, tracing: Tracing): OutboundSend {
  if (!tracing.enabled) return send;
  return (request, call) =>
    tracing.span('outbound', { method: request.method, host: new URL(request.url).host }, () => send(request, call));
}

function observeCall(metrics: Metrics) {
  return ({ integration, operation, outcome, ms }: CallObservation): void => {
    metrics.integrationCalls.inc({ integration, operation, outcome });
    metrics.integrationSeconds.observe({ integration, operation }, ms / 1000);
  };
}

function observeProviderCall(metrics: Metrics) {
  return ({ integration: provider, operation, outcome, ms }: CallObservation): void => {
    metrics.providerCalls.inc({ provider, operation, outcome });
    metrics.providerSeconds.observe({ provider, operation }, ms / 1000);
  };
}

function countDecisions(metrics: Metrics): DecisionCounts {
  return {
    decided: (vertical, outcome) => metrics.routingDecisions.inc({ vertical, outcome }),
    dropped: (count) => metrics.routingDecisionsDropped.inc(count),
  };
}

function openMail(made: {
  config: Config;
  clock: Clock;
  metrics: Metrics;
  outbound: Outbound;
  tracing: Tracing;
}): Mail {
  const { config, clock, metrics, outbound, tracing } = made;
  const send = watched(outbound, tracing);
  return createMail({
    config,
    clock,
    transports: createMailTransports({ send, clock, random: Math.random, observe: observeCall(metrics) }),
    sns: createSns({ send, clock, furtherOrigin: config.simulatorsUrl }),
  });
}

/** Credentials kept open in memory, of the tenants that were busy last. */
const OPENED_MAX = 10_000;

function openGateways(made: {
  config: Config;
  db: Database;
  vault: Vault;
  clock: Clock;
  metrics: Metrics;
  send: OutboundSend;
}): Gateways {
  const { config, db, vault, clock, metrics, send } = made;
  const common = { send, clock, random: Math.random };
  const integrations = createIntegrations({ ...common, observe: observeCall(metrics) });
  const drilled = new Lru<string, Integrations>(DRILLS_KEPT);
  const ofDrill = ({ id, name }: GatewayDrill): Integrations => {
    const known = drilled.get(id);
    if (known) return known;
    // How a drill goes says nothing of the gateway, so nobody observes it.
    const named = sendInDrill(send, config.simulatorsUrl ?? '', name);
    const made = createIntegrations({ ...common, send: named, limits: { concurrentMax: DRILLED_CALLS_MAX } });
    drilled.set(id, made);
    return made;
  };
  const bases = PAYMENT_GATEWAYS.map((description) => ({
    gateway: description.slug.toUpperCase() as PaymentGateway,
    description,
  }));
  const descriptionOf = (gateway: PaymentGateway) => bases.find((known) => known.gateway === gateway)!.description;
  const baseUrlOf = (gateway: PaymentGateway, testMode: boolean): string => {
    const { baseUrls, simulatorPath } = descriptionOf(gateway);
    if (gateway === 'FAWATERK' && config.fawaterkBaseUrl) return config.fawaterkBaseUrl;
    if (config.simulatorsUrl !== null) return `${config.simulatorsUrl}${simulatorPath}`;
    return testMode ? baseUrls.test : baseUrls.live;
  };
  const opened = new Lru<string, Opened>(OPENED_MAX);
  const options: GatewaysOptions = {
    clock,
    integrations: bases.map(({ gateway, description }) => ({
      gateway,
      client: integrations.gateway(description.slug),
      currencies: description.currencies,
    })),
    drilled: (drill, gateway) => ofDrill(drill).gateway(descriptionOf(gateway).slug),
    snapshots: () => integrations.snapshots(),
    connect: (tenantId, gateway) =>
      loadGatewayConnection(
        { db, vault, clock, baseUrlOf, opened, simulatorsUrl: config.simulatorsUrl },
        tenantId,
        gateway,
      ),
  };
  return new Gateways(options);
}
