import { cpus, totalmem } from 'node:os';

import type { AvailabilityResults } from './availability.ts';
import { CONTESTANTS, type ContestantName } from './contestants.ts';
import type { BenchDatabase } from './database.ts';
import { versionOf } from './peers.ts';
import { canPin } from './processes.ts';
import { QUERY_NAMES, type QueryName } from './queries.ts';
import type { LedgerResults } from './ledger.ts';
import type { PgbenchResult } from './pgbench.ts';
import type { ProviderCallResults } from './provider-calls.ts';
import type { RoutingResults } from './routing.ts';
import type { Measured, SpeedResults } from './speed.ts';
import type { StatementCounts } from './statements.ts';
import type { SubscriptionResults } from './subscriptions.ts';
import type { WebhookResults } from './webhooks.ts';

export interface Results {
  readonly speed: SpeedResults;
  readonly probes: number;
  readonly statements: StatementCounts;
  readonly subscriptions: SubscriptionResults;
  readonly webhooks: WebhookResults;
  readonly pgbench: PgbenchResult;
  readonly ledger: LedgerResults;
  readonly routing: RoutingResults;
  readonly providerCalls: ProviderCallResults;
  readonly availability: AvailabilityResults;
}

/** What `bench/report.json` holds; all of it of one run on one machine. */
export interface Report {
  readonly measuredAt: string;
  readonly machine: {
    readonly cores: number;
    readonly model: string;
    readonly memoryGiB: number;
    readonly pinned: boolean;
  };
  readonly versions: Readonly<Record<string, string>>;
  readonly database: string;
  readonly orders: number;
  /** Our requests a second by a peer's: above 1 we are faster. */
  readonly ratios: Readonly<Record<QueryName, { readonly postgraphile: number; readonly raw: number }>>;
  readonly requestsPerSecond: Readonly<Record<QueryName, Readonly<Record<ContestantName, number>>>>;
  readonly latencyMs: Readonly<
    Record<QueryName, Readonly<Record<ContestantName, { readonly p50: number; readonly p99: number }>>>
  >;
  readonly cpuMsPerRequest: Readonly<Record<QueryName, Readonly<Record<ContestantName, number | null>>>>;
  readonly statements: StatementCounts;
  /** Refusals and their positive controls, asked of the measured process under load. All held, or there would be no report. */
  readonly probesHeld: number;
  readonly subscriptions: SubscriptionResults;
  readonly webhooks: WebhookResults & { readonly pgbenchPerSecond: number; readonly ratioToPgbenchN: number };
  readonly pgbench: PgbenchResult;
  readonly ledger: {
    /** By pgbench -N. */
    readonly transfers: { readonly perSecond: number; readonly ratio: number };
    /** By the bare loop. */
    readonly hot: { readonly perSecond: number; readonly barePerSecond: number; readonly ratio: number };
  };
  /** Bare calls a decision costs: what stays the same on another machine. */
  readonly routing: RoutingResults & { readonly bareCallsPerDecision: number };
  /** Ratios stay the same on another machine. */
  readonly providerCalls: ProviderCallResults & {
    readonly routeProviderByTypename: number;
    readonly overheadByFetch: number;
    readonly callByBareCall: number;
  };
  /** By its SQL alone: what stays the same on another machine. */
  readonly availability: AvailabilityResults & { readonly p50BySqlAlone: number; readonly p95BySqlAlone: number };
  readonly bars: readonly Bar[];
}

export interface Bar {
  readonly name: string;
  readonly wanted: string;
  readonly measured: number;
  readonly met: boolean;
}

const ORDERS = 100_000;

export function makeReport(database: BenchDatabase, results: Results, measuredAt: Date): Report {
  const { speed, webhooks, pgbench, ledger, subscriptions, routing, providerCalls, availability } = results;
  const each = <T>(read: (measured: Measured) => T) =>
    Object.fromEntries(
      QUERY_NAMES.map((query) => [
        query,
        Object.fromEntries(CONTESTANTS.map((name) => [name, read(speed[query][name])])),
      ]),
    ) as Record<QueryName, Record<ContestantName, T>>;
  const ratio = (query: QueryName, peer: ContestantName) =>
    rounded(speed[query].portolan.requestsPerSecond / speed[query][peer].requestsPerSecond, 2);
  const ratios = Object.fromEntries(
    QUERY_NAMES.map((query) => [query, { postgraphile: ratio(query, 'postgraphile'), raw: ratio(query, 'raw') }]),
  ) as Report['ratios'];
  const [cpu] = cpus();
  return {
    measuredAt: measuredAt.toISOString(),
    machine: {
      cores: cpus().length,
      model: cpu?.model.trim() ?? 'unknown',
      memoryGiB: rounded(totalmem() / 2 ** 30, 1),
      pinned: canPin,
    },
    versions: versions(database),
    database: database.description,
    orders: ORDERS,
    ratios,
    requestsPerSecond: each(({ requestsPerSecond }) => Math.round(requestsPerSecond)),
    latencyMs: each(({ p50Ms, p99Ms }) => ({ p50: rounded(p50Ms, 1), p99: rounded(p99Ms, 1) })),
    cpuMsPerRequest: each(({ cpuMsPerRequest }) => (cpuMsPerRequest === null ? null : rounded(cpuMsPerRequest, 3))),
    statements: results.statements,
    probesHeld: results.probes,
    subscriptions: roundedAll(subscriptions),
    webhooks: {
      ...roundedAll(webhooks),
      pgbenchPerSecond: Math.round(pgbench.perSecond),
      ratioToPgbenchN: rounded(webhooks.perSecond / pgbench.perSecond, 3),
    },
    pgbench: roundedAll(pgbench),
    ledger: {
      transfers: {
        perSecond: Math.round(ledger.transfersPerSecond),
        ratio: rounded(ledger.transfersPerSecond / pgbench.perSecond, 2),
      },
      hot: {
        perSecond: Math.round(ledger.hotPerSecond),
        barePerSecond: Math.round(ledger.barePerSecond),
        ratio: rounded(ledger.hotPerSecond / ledger.barePerSecond, 2),
      },
    },
    routing: {
      decisionsPerSecond: Math.round(routing.decisionsPerSecond),
      bareCallsPerSecond: Math.round(routing.bareCallsPerSecond),
      bareCallsPerDecision: Math.round(routing.bareCallsPerSecond / routing.decisionsPerSecond),
    },
    providerCalls: {
      routeProviderPerSecond: Math.round(providerCalls.routeProviderPerSecond),
      typenamePerSecond: Math.round(providerCalls.typenamePerSecond),
      routeProviderByTypename: rounded(providerCalls.routeProviderPerSecond / providerCalls.typenamePerSecond, 2),
      loggedShare: rounded(providerCalls.loggedShare, 4),
      callMs: rounded(providerCalls.callMs, 4),
      bareCallMs: rounded(providerCalls.bareCallMs, 5),
      fetchMs: rounded(providerCalls.fetchMs, 4),
      overheadByFetch: rounded((providerCalls.callMs - providerCalls.bareCallMs) / providerCalls.fetchMs, 2),
      callByBareCall: Math.round(providerCalls.callMs / providerCalls.bareCallMs),
    },
    availability: {
      ...roundedAll(availability),
      p50BySqlAlone: rounded(availability.graph.p50Ms / availability.sqlAlone.p50Ms, 2),
      p95BySqlAlone: rounded(availability.graph.p95Ms / availability.sqlAlone.p95Ms, 2),
    },
    bars: barsOf(results, ratios),
  };
}

function versions(database: BenchDatabase): Record<string, string> {
  const ours = Object.fromEntries(
    ['graphql', 'graphql-yoga', 'graphql-jit', '@pothos/core', 'pg', 'ws'].map((name) => [
      name,
      versionOf(name, 'ours') ?? 'none',
    ]),
  );
  return {
    node: process.versions.node,
    postgres: database.version,
    ...ours,
    postgraphile: versionOf('postgraphile') ?? 'none',
    'graphql of the peers': versionOf('graphql') ?? 'none',
  };
}

/** The bars of the issues "The spine", "Money", "Providers, slots, routing, health" and "Portals, business suite, diary". */
function barsOf(
  { statements, subscriptions, webhooks, pgbench, ledger, routing, providerCalls, availability }: Results,
  ratios: Report['ratios'],
): Bar[] {
  const atLeast = (name: string, measured: number, bar: number): Bar => ({
    name,
    wanted: `at least ${bar}`,
    measured,
    met: measured >= bar,
  });
  const below = (name: string, measured: number, bar: number): Bar => ({
    name,
    wanted: `below ${bar}`,
    measured: rounded(measured, 1),
    met: measured < bar,
  });
  const none = (name: string, measured: number): Bar => ({ name, wanted: '0', measured, met: measured === 0 });
  const constant = (query: QueryName, most: number): Bar => {
    const counts = Object.values(statements[query]);
    const isConstant = new Set(counts).size === 1;
    return {
      name: `${query}: statements, the same for 1, 20 and 100 rows`,
      wanted: `at most ${most}`,
      measured: Math.max(...counts),
      met: isConstant && Math.max(...counts) <= most,
    };
  };
  return [
    atLeast('q1: requests a second by those of PostGraphile', ratios.q1.postgraphile, 1),
    atLeast('q2: requests a second by those of PostGraphile', ratios.q2.postgraphile, 1.3),
    atLeast('q3: requests a second by those of PostGraphile', ratios.q3.postgraphile, 0.8),
    // One per relation selected (customer, items, payments, invoice, bookings), and one.
    constant('q1', 6),
    constant('q2', 6),
    constant('q3', 0),
    below('subscriptions: commit to client at the 99th percentile, ms', subscriptions.p99Ms, 250),
    none('subscriptions: lost', subscriptions.lost),
    none('subscriptions: repeated', subscriptions.repeated),
    none('subscriptions: lost, a process killed in the middle', subscriptions.killed.lost),
    none('subscriptions: repeated, a process killed in the middle', subscriptions.killed.repeated),
    none('subscriptions: brought to somebody else', subscriptions.misdirected + subscriptions.killed.misdirected),
    atLeast('webhooks settled, by pgbench -N', rounded(webhooks.perSecond / pgbench.perSecond, 3), 0.1),
    atLeast('ledger: transfers, by pgbench -N', rounded(ledger.transfersPerSecond / pgbench.perSecond, 2), 0.35),
    atLeast('ledger: one hot wallet, by a bare loop', rounded(ledger.hotPerSecond / ledger.barePerSecond, 2), 0.5),
    atLeast('routing: decisions a second of one core, 50 slots', Math.round(routing.decisionsPerSecond), 50_000),
    atLeast(
      'routing: routeProvider through the graph, each written down, a second',
      Math.round(providerCalls.routeProviderPerSecond),
      2_000,
    ),
    atLeast('routing: decisions in the log by answers given', rounded(providerCalls.loggedShare, 4), 1),
    below(
      'providers: what our layers add to a call, µs',
      (providerCalls.callMs - providerCalls.bareCallMs) * 1000,
      1_000,
    ),
    below(
      'availability: 100 resources, 31 days, 5,000 bookings at the 95th percentile, ms',
      availability.graph.p95Ms,
      50,
    ),
    {
      name: 'availability: statements, the same with 100 resources and 5,000 bookings as with one and none',
      wanted: `the ${availability.statements.read} of its tables`,
      measured: availability.statements.busy,
      met: new Set(Object.values(availability.statements)).size === 1,
    },
  ];
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

function roundedAll<T extends object>(value: T): T {
  const entries = Object.entries(value).map(([name, inner]: [string, unknown]) => [
    name,
    typeof inner === 'number'
      ? rounded(inner, 1)
      : typeof inner === 'object' && inner !== null
        ? roundedAll(inner)
        : inner,
  ]);
  return Object.fromEntries(entries) as T;
}

export function printReport(report: Report, log: (line: string) => void): void {
  log(
    `\n${report.machine.cores} x ${report.machine.model}, ${report.machine.memoryGiB} GiB; Node ${report.versions['node']}; ${report.database}`,
  );
  log(
    `\n${'requests a second'.padEnd(20)}${CONTESTANTS.map((name) => name.padStart(14)).join('')}   by PostGraphile   by raw`,
  );
  for (const query of QUERY_NAMES) {
    const figures = CONTESTANTS.map((name) => String(report.requestsPerSecond[query][name]).padStart(14)).join('');
    log(
      `${query.padEnd(20)}${figures}${report.ratios[query].postgraphile.toFixed(2).padStart(18)}${report.ratios[query].raw.toFixed(2).padStart(9)}`,
    );
  }
  const { webhooks, subscriptions } = report;
  log(
    `\nWebhooks settled: ${webhooks.perSecond} a second, ${webhooks.ratioToPgbenchN} of ${report.pgbench.by} (${webhooks.pgbenchPerSecond})`,
  );
  log(
    `Subscriptions: ${subscriptions.subscribers} subscribers, ${Math.round(subscriptions.messagesPerSecond)} messages a second, p50 ${subscriptions.p50Ms} ms, p99 ${subscriptions.p99Ms} ms, lost ${subscriptions.lost}, repeated ${subscriptions.repeated}`,
  );
  log(
    `  a process killed: ${subscriptions.killed.reconnections} resumed within ${Math.round(subscriptions.killed.reconnectedWithinMs)} ms, lost ${subscriptions.killed.lost}, repeated ${subscriptions.killed.repeated}`,
  );
  log(`Probes held under load: ${report.probesHeld}\n`);
  for (const { name, wanted, measured, met } of report.bars)
    log(`${met ? 'met    ' : 'NOT MET'}  ${name}: ${measured} (${wanted})`);
}
