import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Where a gauge looks when it is read; each is optional, because not every role has it. */
export interface GaugeSources {
  readonly pool?: () => { total: number; idle: number; waiting: number };
  /** Open subscriptions by transport. */
  readonly subscriptions?: () => { websocket: number; eventStream: number };
  /** How far the journal's reader is behind, ms. */
  readonly journalLagMs?: () => number | null;
  /** Jobs by state, asked of the database at most as often as the page is read. */
  readonly jobs?: () => Promise<{ queued: number; failed: number }>;
  /** Integrations with their circuits. */
  readonly circuits?: () => Readonly<Record<string, 'CLOSED' | 'HALF_OPEN' | 'OPEN'>>;
}

const REQUEST_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const CALL_SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16];
const CIRCUIT_VALUE = { CLOSED: 0, HALF_OPEN: 1, OPEN: 2 } as const;

/**
 * Every metric of the process, in a registry of its own (OPS-1). Label values come from closed sets only: never a tenant, an id, a path
 * or a name that a caller chose.
 */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  const metrics = {
    registry,
    graphqlOperations: new Counter({ name: 'graphql_operations_total', help: 'GraphQL operations by kind and by how they ended.', labelNames: ['operation', 'outcome'] as const, registers }),
    graphqlSeconds: new Histogram({ name: 'graphql_operation_duration_seconds', help: 'Time an operation took.', labelNames: ['operation'] as const, buckets: REQUEST_SECONDS, registers }),
    graphqlPoints: new Counter({ name: 'graphql_cost_points_total', help: 'Points charged to budgets.', registers }),
    httpRequests: new Counter({ name: 'http_requests_total', help: 'HTTP requests by route and class of status.', labelNames: ['route', 'status'] as const, registers }),
    databaseStatements: new Counter({ name: 'db_statements_total', help: 'SQL statements sent, without begin, set and commit.', registers }),
    databaseWaitSeconds: new Histogram({ name: 'db_pool_wait_seconds', help: 'Wait for a connection of the pool.', buckets: REQUEST_SECONDS, registers }),
    jobs: new Counter({ name: 'jobs_total', help: 'Jobs worked, by queue and by how they ended.', labelNames: ['queue', 'outcome'] as const, registers }),
    jobSeconds: new Histogram({ name: 'job_duration_seconds', help: 'Time a job took.', labelNames: ['queue'] as const, buckets: CALL_SECONDS, registers }),
    subscriptionEvents: new Counter({ name: 'subscription_events_total', help: 'Events delivered to subscribers.', labelNames: ['transport'] as const, registers }),
    subscriptionsEnded: new Counter({ name: 'subscriptions_ended_total', help: 'Subscriptions that ended, by reason.', labelNames: ['transport', 'reason'] as const, registers }),
    webhooks: new Counter({ name: 'payment_webhooks_total', help: 'Payment webhooks received, by gateway and verdict.', labelNames: ['gateway', 'verdict'] as const, registers }),
    integrationCalls: new Counter({ name: 'integration_calls_total', help: 'Calls to outside parties.', labelNames: ['integration', 'operation', 'outcome'] as const, registers }),
    integrationSeconds: new Histogram({ name: 'integration_call_duration_seconds', help: 'Time a call to an outside party took.', labelNames: ['integration', 'operation'] as const, buckets: CALL_SECONDS, registers }),
  };
  return {
    ...metrics,
    /** Adds the gauges of what this process has. Once per process. */
    watch: (sources: GaugeSources) => addGauges(registry, sources),
    /** The text of /metrics. */
    text: () => registry.metrics(),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;

function addGauges(registry: Registry, sources: GaugeSources): void {
  const registers = [registry];
  const { pool, subscriptions, journalLagMs, jobs, circuits } = sources;
  if (pool) {
    new Gauge({
      name: 'db_pool_connections',
      help: 'Connections of the pool by state; waiting are requests without one.',
      labelNames: ['state'] as const,
      registers,
      collect() {
        for (const [state, count] of Object.entries(pool())) this.set({ state }, count);
      },
    });
  }
  if (subscriptions) {
    new Gauge({
      name: 'subscriptions_active',
      help: 'Open subscriptions.',
      labelNames: ['transport'] as const,
      registers,
      collect() {
        const { websocket, eventStream } = subscriptions();
        this.set({ transport: 'websocket' }, websocket);
        this.set({ transport: 'event_stream' }, eventStream);
      },
    });
  }
  if (journalLagMs) {
    new Gauge({
      name: 'journal_lag_seconds',
      help: 'How far the reader of the event journal is behind.',
      registers,
      collect() {
        this.set((journalLagMs() ?? 0) / 1000);
      },
    });
  }
  if (jobs) {
    new Gauge({
      name: 'jobs_waiting',
      help: 'Jobs that wait, and jobs that gave up.',
      labelNames: ['state'] as const,
      registers,
      async collect() {
        for (const [state, count] of Object.entries(await jobs())) this.set({ state }, count);
      },
    });
  }
  if (circuits) {
    new Gauge({
      name: 'integration_circuit_state',
      help: 'Circuit of an integration: 0 closed, 1 half open, 2 open.',
      labelNames: ['integration'] as const,
      registers,
      collect() {
        for (const [integration, circuit] of Object.entries(circuits())) this.set({ integration }, CIRCUIT_VALUE[circuit]);
      },
    });
  }
}
