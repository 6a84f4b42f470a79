import { Counter, Gauge, Histogram, Registry } from 'prom-client';

import type { IntegrationSnapshot } from './integrations/policy.ts';

/** Where a gauge looks when it is read; each is optional, because not every role has it. */
export interface GaugeSources {
  readonly pool?: () => { total: number; idle: number; waiting: number };
  /** How far the journal's reader is behind, ms. */
  readonly journalLagMs?: () => number | null;
  /** Jobs by state, asked of the database at most as often as the page is read. */
  readonly jobs?: () => Promise<{ queued: number; failed: number }>;
  /** Integrations with their circuits. */
  readonly circuits?: () => Readonly<Record<string, 'CLOSED' | 'HALF_OPEN' | 'OPEN'>>;
  /** The travel providers there are, by slug: platform administrators make them, and there are a handful. */
  readonly providers?: () => Promise<Readonly<Record<string, Pick<IntegrationSnapshot, 'status' | 'circuit'>>>>;
}

const REQUEST_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const CALL_SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16];
const CIRCUIT_VALUE = { CLOSED: 0, HALF_OPEN: 1, OPEN: 2 } as const;
const HEALTH_VALUE = { healthy: 1, degraded: 0.5, down: 0, idle: -1 } as const;

/**
 * Every metric of the process, in a registry of its own (OPS-1). Label values come from closed sets only: never a tenant, an id, a path
 * or a name that a caller chose.
 */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  return {
    registry,
    ...graphMetrics(registers),
    ...workMetrics(registers),
    ...liveMetrics(registers),
    ...outsideMetrics(registers),
    ...providerMetrics(registers),
    /** Adds the gauges of what this process has. Once per process. */
    watch: (sources: GaugeSources) => addGauges(registry, sources),
    /** The text of /metrics. */
    text: () => registry.metrics(),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;

/** The graph and the HTTP around it. */
function graphMetrics(registers: Registry[]) {
  return {
    graphqlOperations: new Counter({
      name: 'graphql_operations_total',
      help: 'GraphQL operations by kind and by how they ended.',
      labelNames: ['operation', 'outcome'] as const,
      registers,
    }),
    graphqlSeconds: new Histogram({
      name: 'graphql_operation_duration_seconds',
      help: 'Time an operation took.',
      labelNames: ['operation'] as const,
      buckets: REQUEST_SECONDS,
      registers,
    }),
    graphqlPoints: new Counter({ name: 'graphql_cost_points_total', help: 'Points charged to budgets.', registers }),
    httpRequests: new Counter({
      name: 'http_requests_total',
      help: 'HTTP requests by route and class of status.',
      labelNames: ['route', 'status'] as const,
      registers,
    }),
  };
}

/** The database and the jobs. */
function workMetrics(registers: Registry[]) {
  return {
    databaseStatements: new Counter({
      name: 'db_statements_total',
      help: 'SQL statements sent, without begin, set and commit.',
      registers,
    }),
    databaseWaitSeconds: new Histogram({
      name: 'db_pool_wait_seconds',
      help: 'Wait for a connection of the pool.',
      buckets: REQUEST_SECONDS,
      registers,
    }),
    jobs: new Counter({
      name: 'jobs_total',
      help: 'Jobs worked, by queue and by how they ended.',
      labelNames: ['queue', 'outcome'] as const,
      registers,
    }),
    jobSeconds: new Histogram({
      name: 'job_duration_seconds',
      help: 'Time a job took.',
      labelNames: ['queue'] as const,
      buckets: CALL_SECONDS,
      registers,
    }),
  };
}

/** WebSockets and event streams. */
function liveMetrics(registers: Registry[]) {
  return {
    liveConnections: new Gauge({
      name: 'live_connections',
      help: 'Open WebSockets and event streams.',
      labelNames: ['transport'] as const,
      registers,
    }),
    subscriptions: new Gauge({
      name: 'subscriptions_active',
      help: 'Open subscriptions.',
      labelNames: ['transport'] as const,
      registers,
    }),
    subscriptionMessages: new Counter({
      name: 'subscription_messages_total',
      help: 'Messages sent to subscribers.',
      registers,
    }),
    subscriptionExecutions: new Counter({
      name: 'subscription_executions_total',
      help: 'Executions for events; one serves a whole group of equal subscriptions.',
      registers,
    }),
    slowConsumers: new Counter({
      name: 'subscription_slow_consumers_total',
      help: 'Connections cut off because they did not read.',
      registers,
    }),
  };
}

/** Outside parties: what they send us and what we ask of them. */
function outsideMetrics(registers: Registry[]) {
  return {
    webhooks: new Counter({
      name: 'payment_webhooks_total',
      help: 'Payment webhooks received, by gateway and verdict.',
      labelNames: ['gateway', 'verdict'] as const,
      registers,
    }),
    integrationCalls: new Counter({
      name: 'integration_calls_total',
      help: 'Calls to outside parties.',
      labelNames: ['integration', 'operation', 'outcome'] as const,
      registers,
    }),
    integrationSeconds: new Histogram({
      name: 'integration_call_duration_seconds',
      help: 'Time a call to an outside party took.',
      labelNames: ['integration', 'operation'] as const,
      buckets: CALL_SECONDS,
      registers,
    }),
  };
}

/** Travel providers and routing. */
function providerMetrics(registers: Registry[]) {
  return {
    providerCalls: new Counter({
      name: 'provider_calls_total',
      help: 'Calls to travel providers, by operation and by how they ended.',
      labelNames: ['provider', 'operation', 'outcome'] as const,
      registers,
    }),
    providerSeconds: new Histogram({
      name: 'provider_call_duration_seconds',
      help: 'Time a call to a travel provider took, repeats included.',
      labelNames: ['provider', 'operation'] as const,
      buckets: CALL_SECONDS,
      registers,
    }),
    routingDecisions: new Counter({
      name: 'routing_decisions_total',
      help: 'Routing decisions, by how the call that followed ended; explained where none did.',
      labelNames: ['vertical', 'outcome'] as const,
      registers,
    }),
    routingDecisionsDropped: new Counter({
      name: 'routing_decisions_dropped_total',
      help: 'Routing decisions that were taken but not written down.',
      registers,
    }),
  };
}

function addGauges(registry: Registry, { pool, journalLagMs, jobs, circuits, providers }: GaugeSources): void {
  if (pool)
    addGauge(
      registry,
      'db_pool_connections',
      'Connections of the pool by state; waiting are requests without one.',
      'state',
      pool,
    );
  if (jobs) addGauge(registry, 'jobs_waiting', 'Jobs that wait, and jobs that gave up.', 'state', jobs);
  if (journalLagMs) {
    addGauge(registry, 'journal_lag_seconds', 'How far the reader of the event journal is behind.', 'reader', () => ({
      journal: (journalLagMs() ?? 0) / 1000,
    }));
  }
  if (circuits) {
    addGauge(
      registry,
      'integration_circuit_state',
      'Circuit of an integration: 0 closed, 1 half open, 2 open.',
      'integration',
      () =>
        Object.fromEntries(
          Object.entries(circuits()).map(([integration, circuit]) => [integration, CIRCUIT_VALUE[circuit]]),
        ),
    );
  }
  if (providers) addProviderGauges(registry, providers);
}

function addProviderGauges(registry: Registry, providers: NonNullable<GaugeSources['providers']>): void {
  const add = (name: string, help: string, valueOf: (one: Awaited<ReturnType<typeof providers>>[string]) => number) =>
    addGauge(registry, name, help, 'provider', async () =>
      Object.fromEntries(Object.entries(await providers()).map(([slug, one]) => [slug, valueOf(one)])),
    );
  add(
    'provider_health',
    'Health of a travel provider: 1 healthy, 0.5 degraded, 0 unhealthy, -1 not known.',
    ({ status }) => HEALTH_VALUE[status],
  );
  add(
    'provider_circuit_state',
    'Circuit of a travel provider, shared by all processes: 0 closed, 1 half open, 2 open.',
    ({ circuit }) => CIRCUIT_VALUE[circuit],
  );
}

type Values = Readonly<Record<string, number>>;

/** A gauge that is looked up when the page is read. */
function addGauge(
  registry: Registry,
  name: string,
  help: string,
  label: string,
  read: () => Values | Promise<Values>,
): void {
  const gauge = new Gauge({
    name,
    help,
    labelNames: [label],
    registers: [],
    async collect() {
      for (const [value, count] of Object.entries(await read())) this.set({ [label]: value }, count);
    },
  });
  registry.registerMetric(gauge);
}
