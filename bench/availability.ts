import pg from 'pg';

import { Database, PLANNING, type Statements } from '../src/db.ts';
import { readDiary } from '../src/resolvers/diary-read.ts';
import { startPortolan, type Contestant } from './contestants.ts';
import type { BenchDatabase } from './database.ts';
import { DIARY, DIARY_TENANT, fillDiary, type DiaryService } from './diary-data.ts';
import { cpuMs, pinBackends } from './processes.ts';
import { fillDemo } from './provider-calls.ts';
import { wireText } from './queries.ts';
import { OTHER_CORE, SERVER_CORE, startLoad, type LoadGenerator } from './speed.ts';
import { statementsOf } from './statements.ts';

export interface Latencies {
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
}

/** `timeSlots` over HTTP for 100 resources, 31 days and 5,000 bookings, one request after the other, beside its SQL alone (TEN-8). */
export interface AvailabilityResults {
  readonly resources: number;
  readonly days: number;
  readonly bookings: number;
  /** Free times in an answer. */
  readonly times: number;
  readonly graph: Latencies;
  /** The same statements with the same values by the bare driver, on one connection, one after the other. */
  readonly sqlAlone: Latencies;
  /** CPU of our process for one request, beside which the database's own is; null where the system does not say. */
  readonly cpuMsPerRequest: number | null;
  /** Of the process with 16 requests under way at once: it answers so many a second. */
  readonly requestsPerSecond: number;
  readonly statements: {
    /** As the process counts them. */
    readonly busy: number;
    /** For one resource that nobody has booked. */
    readonly idle: number;
    /** What the diary's reader sends, each for tables of its own. */
    readonly read: number;
  };
}

const ROUNDS = 5;
const TIME_SLOTS = `query TimeSlots($productId: ID!, $from: Date!, $to: Date!) {
  timeSlots(productId: $productId, from: $from, to: $to) { start end localStart remaining } }`;

export async function measureAvailability(
  database: BenchDatabase,
  seconds: number,
  log: (line: string) => void,
): Promise<AvailabilityResults> {
  const { portalKey } = await fillDemo(database);
  const { busy, idle } = await fillDiary(database);
  const asked = await statementsAsked(database, busy);
  const portolan = await startPortolan(database, { core: SERVER_CORE });
  const load = await startLoad();
  const alone = await openAlone(database, asked);
  try {
    const times = await timesOf(portolan, portalKey, busy);
    const count = (service: DiaryService) => statementsOf(portolan, { 'x-api-key': portalKey }, bodyOf(service));
    const statements = { busy: await count(busy), idle: await count(idle), read: asked.length };
    const plan = { port: portolan.port, requests: [requestOf(busy, portalKey)], good: '"remaining"' };
    const measured = await inTurns({ load, plan, alone, seconds, pid: portolan.pid });
    const results = {
      resources: DIARY.resources,
      days: DIARY.days,
      bookings: DIARY.bookings,
      times,
      ...measured,
      statements,
    };
    tell(results, log);
    return results;
  } finally {
    await alone.end();
    await load.stop();
    await portolan.stop();
  }
}

/** The same asked of a process with other arguments. @returns when its load was over */
export async function askProfiled(
  database: BenchDatabase,
  { seconds, nodeArgs }: { readonly seconds: number; readonly nodeArgs: readonly string[] },
  log: (line: string) => void,
): Promise<number> {
  const { portalKey } = await fillDemo(database);
  const { busy } = await fillDiary(database);
  const portolan = await startPortolan(database, { core: SERVER_CORE, nodeArgs });
  const load = await startLoad();
  try {
    const requests = [requestOf(busy, portalKey)];
    const result = await load.run({ port: portolan.port, requests, seconds });
    log(`timeSlots: ${Math.round(result.answers / result.seconds)} requests a second while profiled.`);
    return performance.now();
  } finally {
    await portolan.stop();
    await load.stop();
  }
}

function tell(
  { graph, sqlAlone, cpuMsPerRequest, times, statements, requestsPerSecond }: AvailabilityResults,
  log: (line: string) => void,
): void {
  const shown = ({ p50Ms, p95Ms, p99Ms }: Latencies) =>
    `p50 ${p50Ms.toFixed(1)} ms, p95 ${p95Ms.toFixed(1)}, p99 ${p99Ms.toFixed(1)}`;
  log(
    `  timeSlots, ${times} free times of ${DIARY.resources} resources: ${shown(graph)}; ${Math.round(requestsPerSecond)} a second with 16 at once; CPU ${cpuMsPerRequest?.toFixed(1) ?? '-'} ms`,
  );
  log(
    `  its ${statements.read} statements alone: ${shown(sqlAlone)}; the graph takes ${(graph.p50Ms / sqlAlone.p50Ms).toFixed(2)} of their time`,
  );
  log(`  statements: ${statements.busy}, of a service that nobody booked: ${statements.idle}`);
}

const bodyOf = ({ globalId, from, to }: DiaryService) => ({
  query: TIME_SLOTS,
  variables: { productId: globalId, from, to },
});

function requestOf(service: DiaryService, key: string): string {
  return wireText({ path: '/graphql', headers: { 'x-api-key': key }, body: JSON.stringify(bodyOf(service)) });
}

/** @throws Error where the answer is not what the diary holds: then its speed means nothing. */
async function timesOf(portolan: Contestant, key: string, service: DiaryService): Promise<number> {
  const answer = await fetch(`${portolan.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': key },
    body: JSON.stringify(bodyOf(service)),
  });
  const { data } = (await answer.json()) as { data: { timeSlots: readonly { remaining: number }[] } };
  const places = data.timeSlots.reduce((sum, { remaining }) => sum + remaining, 0);
  const wanted = DIARY.resources * DIARY.days * DIARY.timesPerDay - DIARY.bookings;
  if (places !== wanted) throw new Error(`There are ${places} places free, and ${wanted} should be.`);
  return data.timeSlots.length;
}

interface Asked {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** What the product's own reader sends for this diary, with its values. */
async function statementsAsked(database: BenchDatabase, { id, from, to }: DiaryService): Promise<Asked[]> {
  const db = new Database({
    url: database.appUrl,
    poolSize: 1,
    acquireTimeoutMs: 10_000,
    statementTimeoutMs: 30_000,
    applicationName: 'portolan-bench-diary',
    nowMs: () => performance.now(),
  });
  const asked: Asked[] = [];
  try {
    await db.read({ tenantId: DIARY_TENANT, customerId: null }, (tx) => {
      const recording: Statements = {
        query(text, values = []) {
          asked.push({ text, values });
          return tx.query(text, values);
        },
      };
      const question = { productId: id, window: { from, to }, field: ['productId'] };
      return readDiary(recording, { booker: 'CUSTOMER', nowMs: Date.now() }, question);
    });
  } finally {
    await db.close();
  }
  return asked;
}

interface Alone {
  /** All statements once, in a snapshot of the tenant's. @returns milliseconds */
  run(): Promise<number>;
  pin(): Promise<unknown>;
  end(): Promise<void>;
}

async function openAlone(database: BenchDatabase, asked: readonly Asked[]): Promise<Alone> {
  const options = { connectionString: database.appUrl, application_name: 'portolan-bench-alone', options: PLANNING };
  const client = new pg.Client(options);
  const owner = new pg.Client(database.ownerUrl);
  await Promise.all([client.connect(), owner.connect()]);
  const named = asked.map(({ text, values }, index) => ({ name: `s${index}`, text, values: [...values] }));
  return {
    async run() {
      const since = performance.now();
      await client.query('begin isolation level repeatable read read only');
      await client.query({ name: 'enter', text: 'select * from enter_tenant($1, $2)', values: [DIARY_TENANT, null] });
      for (const statement of named) await client.query(statement);
      await client.query('commit');
      return performance.now() - since;
    },
    pin: () => pinBackends(owner, OTHER_CORE),
    async end() {
      await Promise.all([client.end(), owner.end()]);
    },
  };
}

interface Work {
  readonly load: LoadGenerator;
  readonly plan: { readonly port: number; readonly requests: readonly string[]; readonly good: string };
  readonly alone: Alone;
  readonly seconds: number;
  readonly pid: number;
}

/** The two in turns, so that a busy moment of the machine hits both; the first round warms up and does not count. */
async function inTurns({
  load,
  plan,
  alone,
  seconds,
  pid,
}: Work): Promise<Pick<AvailabilityResults, 'graph' | 'sqlAlone' | 'requestsPerSecond' | 'cpuMsPerRequest'>> {
  const slice = seconds / (ROUNDS + 1) / 3;
  const [graph, sqlAlone]: [Latencies[], Latencies[]] = [[], []];
  const [perSecond, cpu]: [number[], number[]] = [[], []];
  for (let round = 0; round <= ROUNDS; round += 1) {
    await alone.pin();
    const before = cpuMs(pid);
    const one = await load.run({ ...plan, seconds: slice, connections: 1 });
    const used = (cpuMs(pid) ?? Number.NaN) - (before ?? Number.NaN);
    const sql = await repeat(slice, () => alone.run());
    const many = await load.run({ ...plan, seconds: slice });
    if (round === 0) continue;
    graph.push({ p50Ms: one.p50Ms, p95Ms: one.p95Ms, p99Ms: one.p99Ms });
    cpu.push(used / one.answers);
    sqlAlone.push(sql);
    perSecond.push(many.answers / many.seconds);
  }
  const perRequest = median(cpu);
  return {
    graph: medians(graph),
    sqlAlone: medians(sqlAlone),
    cpuMsPerRequest: Number.isNaN(perRequest) ? null : perRequest,
    requestsPerSecond: median(perSecond),
  };
}

async function repeat(seconds: number, work: () => Promise<number>): Promise<Latencies> {
  const taken: number[] = [];
  const until = performance.now() + seconds * 1000;
  while (performance.now() < until) taken.push(await work());
  taken.sort((one, other) => one - other);
  const at = (share: number) => taken[Math.min(taken.length - 1, Math.floor(taken.length * share))] ?? Number.NaN;
  return { p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99) };
}

function medians(rounds: readonly Latencies[]): Latencies {
  const of = (read: (one: Latencies) => number) => median(rounds.map(read));
  return { p50Ms: of(({ p50Ms }) => p50Ms), p95Ms: of(({ p95Ms }) => p95Ms), p99Ms: of(({ p99Ms }) => p99Ms) };
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN;
}
