import type pg from 'pg';

import {
  CONTESTANTS,
  ownerClient,
  startPeer,
  startPortolan,
  type Contestant,
  type ContestantName,
  type TokenMaker,
} from './contestants.ts';
import type { BenchDatabase } from './database.ts';
import type { LoadPlan, LoadResult } from './load.ts';
import { probeWhile } from './probes.ts';
import { cpuMs, nextMessage, pinBackends, startProcess, type Started } from './processes.ts';
import { requestsOf } from './askings.ts';
import { QUERY_NAMES, type QueryName } from './queries.ts';
import { compareAnswers } from './same.ts';

export const SERVER_CORE = 0;
export const OTHER_CORE = 1;
const CONNECTIONS = 16;
const ROUNDS = 3;

export interface Timing {
  readonly seconds: number;
  readonly warmSeconds: number;
}

export interface Measured {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU of the server's process; null where the system does not say. */
  readonly cpuMsPerRequest: number | null;
}

export type SpeedResults = Readonly<Record<QueryName, Readonly<Record<ContestantName, Measured>>>>;

export interface LoadGenerator extends Started {
  run(plan: Omit<LoadPlan, 'connections'> & { readonly connections?: number }): Promise<LoadResult>;
}

/** Its runs throw with the first answer that was not a good one. */
export async function startLoad(): Promise<LoadGenerator> {
  const started = startProcess({ file: 'bench/load.ts', core: OTHER_CORE });
  await nextMessage(started.child);
  return {
    ...started,
    async run(plan) {
      started.child.send({ connections: CONNECTIONS, ...plan });
      const result = await nextMessage<LoadResult>(started.child);
      if (result.fault !== null) throw new Error(`An answer under load was wrong: ${result.fault}`);
      return result;
    },
  };
}

/** All three at the same work in turn, round by round, so that a slow minute of the machine strikes each of them. */
export async function measureSpeed(
  database: BenchDatabase,
  tokens: TokenMaker,
  timing: Timing,
  log: (line: string) => void,
): Promise<{ speed: SpeedResults; probes: number }> {
  const owner = await ownerClient(database);
  const contestants = new Map<ContestantName, Contestant>();
  const load = await startLoad();
  try {
    contestants.set('portolan', await startPortolan(database, { core: SERVER_CORE }));
    for (const name of ['postgraphile', 'raw'] as const)
      contestants.set(name, await startPeer(database, name, SERVER_CORE));
    await compareAnswers(contestants, tokens);
    log('The three give the same data.');
    const results = new Map<string, Measured[]>();
    let probes = 0;
    for (let round = 0; round < ROUNDS; round++) {
      for (const query of QUERY_NAMES) {
        for (const name of CONTESTANTS) {
          const contestant = contestants.get(name)!;
          const measure = () =>
            measureOnce({
              owner,
              load,
              contestant,
              requests: requestsOf(name, query, tokens),
              timing: { ...timing, warmSeconds: round === 0 ? timing.warmSeconds : 1 },
            });
          const { value, count } =
            name === 'portolan' ? await probeWhile(contestant, tokens, measure) : { value: await measure(), count: 0 };
          probes += count;
          results.set(`${query} ${name}`, [...(results.get(`${query} ${name}`) ?? []), value]);
          log(
            `  ${query} ${name.padEnd(12)} ${Math.round(value.requestsPerSecond).toString().padStart(6)}/s  p50 ${value.p50Ms.toFixed(1)} ms  p99 ${value.p99Ms.toFixed(1)} ms  CPU ${value.cpuMsPerRequest?.toFixed(3) ?? '-'} ms`,
          );
        }
      }
    }
    return { speed: medians(results), probes };
  } finally {
    await Promise.all([...contestants.values(), load].map((one) => one.stop()));
    await owner.end();
  }
}

interface Work {
  readonly owner: pg.Client;
  readonly load: LoadGenerator;
  readonly contestant: Contestant;
  readonly requests: Promise<string[]>;
  readonly timing: Timing;
}

async function measureOnce({ owner, load, contestant, requests, timing }: Work): Promise<Measured> {
  const plan = { port: contestant.port, requests: await requests };
  await load.run({ ...plan, seconds: timing.warmSeconds / 2 });
  await pinBackends(owner, OTHER_CORE);
  await load.run({ ...plan, seconds: timing.warmSeconds / 2 });
  const before = cpuMs(contestant.pid);
  const { answers, seconds, p50Ms, p99Ms } = await load.run({ ...plan, seconds: timing.seconds });
  const after = cpuMs(contestant.pid);
  return {
    requestsPerSecond: answers / seconds,
    p50Ms,
    p99Ms,
    cpuMsPerRequest: before === null || after === null ? null : (after - before) / answers,
  };
}

function medians(results: ReadonlyMap<string, readonly Measured[]>): SpeedResults {
  const of = (query: QueryName, name: ContestantName): Measured => {
    const sorted = (results.get(`${query} ${name}`) ?? []).toSorted(
      (a, b) => a.requestsPerSecond - b.requestsPerSecond,
    );
    return sorted[Math.floor(sorted.length / 2)]!;
  };
  return Object.fromEntries(
    QUERY_NAMES.map((query) => [query, Object.fromEntries(CONTESTANTS.map((name) => [name, of(query, name)]))]),
  ) as SpeedResults;
}
