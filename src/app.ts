import { randomBytes } from 'node:crypto';

import { ACCESS_RULES, type AccessRules } from './access.ts';
import { createAuth } from './auth.ts';
import { createBudgets } from './budgets.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import type { App } from './context.ts';
import { assertNoOpenTransaction, Database } from './db.ts';
import { Gateways, type GatewaysOptions } from './gateways.ts';
import type { PaymentGateway } from './generated/prisma/enums.ts';
import { createIdSource } from './ids.ts';
import { createOutbound, setOutboundGuard, type Outbound } from './integrations/http.ts';
import { createIntegrations, PAYMENT_GATEWAYS } from './integrations/registry.ts';
import { JobQueue } from './jobs/queue.ts';
import { createJournal } from './journal.ts';
import { Lru } from './auth/lru.ts';
import type { Logger } from './log.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { loadGatewayConnection, type Opened } from './resolvers/gatewayConfig.ts';
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
  const gateways = openGateways({ config, db, vault, clock, metrics, outbound, tracing });
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
    metrics,
    budgets,
    tracing,
    access: options.access ?? ACCESS_RULES,
  };
  auth.follow(journal);
  metrics.watch({
    pool: () => db.counts,
    journalLagMs: () => journal.lagMs(),
    jobs: () => jobs.backlog(),
    circuits: () =>
      Object.fromEntries(Object.entries(gateways.snapshot()).map(([slug, { circuit }]) => [slug, circuit])),
  });
  await Promise.all([journal.start(), jobs.start()]);
  return {
    app,
    async close() {
      await jobs.close(10_000);
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

/** Credentials kept open in memory, of the tenants that were busy last. */
const OPENED_MAX = 10_000;

function openGateways(made: {
  config: Config;
  db: Database;
  vault: Vault;
  clock: Clock;
  metrics: Metrics;
  outbound: Outbound;
  tracing: Tracing;
}): Gateways {
  const { config, db, vault, clock, metrics, outbound, tracing } = made;
  const integrations = createIntegrations({
    send: tracing.enabled
      ? (request, call) =>
          tracing.span('outbound', { method: request.method, host: new URL(request.url).host }, () =>
            outbound.send(request, call),
          )
      : outbound.send,
    clock,
    random: Math.random,
    observe: ({ integration, operation, outcome, ms }) => {
      metrics.integrationCalls.inc({ integration, operation, outcome });
      metrics.integrationSeconds.observe({ integration, operation }, ms / 1000);
    },
  });
  const bases = PAYMENT_GATEWAYS.map((description) => ({
    gateway: description.slug.toUpperCase() as PaymentGateway,
    description,
  }));
  const baseUrlOf = (gateway: PaymentGateway, testMode: boolean): string => {
    const { baseUrls, simulatorPath } = bases.find((known) => known.gateway === gateway)!.description;
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
    snapshots: () => integrations.snapshots(),
    connect: (tenantId, gateway) => loadGatewayConnection({ db, vault, baseUrlOf, opened }, tenantId, gateway),
  };
  return new Gateways(options);
}
