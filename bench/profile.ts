import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { requestsOf } from './askings.ts';
import { askProfiled } from './availability.ts';
import { startPortolan, type TokenMaker } from './contestants.ts';
import type { BenchDatabase } from './database.ts';
import type { QueryName } from './queries.ts';
import { SERVER_CORE, startLoad } from './speed.ts';
import { watchProfiled } from './subscriptions.ts';
import { measureWebhooks } from './webhooks.ts';

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}

interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const SHOWN = 45;

/** Where our process spends its time on one query: `npm run bench -- profile q1`. */
export async function profileQuery(
  database: BenchDatabase,
  tokens: TokenMaker,
  query: QueryName,
  seconds: number,
  log: Log,
): Promise<void> {
  await profiled(
    database,
    () => seconds,
    log,
    async (nodeArgs) => {
      const load = await startLoad();
      const portolan = await startPortolan(database, { core: SERVER_CORE, nodeArgs });
      try {
        const result = await load.run({
          port: portolan.port,
          requests: await requestsOf('portolan', query, tokens),
          seconds,
        });
        log(`${query}: ${Math.round(result.answers / result.seconds)} requests a second while profiled.`);
        return performance.now();
      } finally {
        await portolan.stop();
        await load.stop();
      }
    },
  );
}

/** The same for one of the two processes that bring events to subscribers: `npm run bench -- profile subscriptions`. */
export async function profileSubscriptions(
  database: BenchDatabase,
  tokens: TokenMaker,
  seconds: number,
  log: Log,
): Promise<void> {
  await profiled(
    database,
    () => seconds,
    log,
    (nodeArgs) => watchProfiled(database, tokens, { seconds, nodeArgs }, log),
  );
}

/** The same for what takes the webhooks: `npm run bench -- profile webhooks`. */
export async function profileWebhooks(database: BenchDatabase, count: number, log: Log): Promise<void> {
  let seconds = 1;
  await profiled(
    database,
    () => seconds,
    log,
    async (nodeArgs) => {
      const result = await measureWebhooks(database, count, log, nodeArgs);
      seconds = count / result.perSecond;
      log(`webhooks: ${Math.round(result.perSecond)} a second while profiled.`);
      return performance.now();
    },
  );
}

/** The same for what says which times are free: `npm run bench -- profile availability`. */
export async function profileAvailability(database: BenchDatabase, seconds: number, log: Log): Promise<void> {
  await profiled(
    database,
    () => seconds,
    log,
    (nodeArgs) => askProfiled(database, { seconds, nodeArgs }, log),
  );
}

type Log = (line: string) => void;

/** @param work starts a process with the arguments, ends it, and says when its load was over. */
async function profiled(
  database: BenchDatabase,
  seconds: () => number,
  log: Log,
  work: (nodeArgs: string[]) => Promise<number>,
): Promise<void> {
  const folder = mkdtempSync(join(database.dataDir, 'profile-'));
  const endedAt = await work(['--cpu-prof', '--cpu-prof-dir', folder, '--cpu-prof-interval', '250']);
  const sinceMs = performance.now() - endedAt;
  const files = readdirSync(folder).filter((name) => name.endsWith('.cpuprofile'));
  // Worker threads write profiles of their own; the main thread's is the longest.
  const profiles = files
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as CpuProfile)
    .toSorted((a, b) => b.samples.length - a.samples.length);
  if (!profiles[0]) throw new Error('The process wrote no profile.');
  show(windowOf(profiles[0], sinceMs, seconds() * 1000 * STEADY_SHARE), log);
  rmSync(folder, { recursive: true });
}

/** The last part of the work alone: starting and compiling would hide it. */
const STEADY_SHARE = 0.6;

function windowOf(profile: CpuProfile, endedMsAgo: number, lengthMs: number): CpuProfile {
  const all = profile.timeDeltas.reduce((sum, micros) => sum + micros, 0);
  const to = all - endedMsAgo * 1000;
  const from = to - lengthMs * 1000;
  let at = 0;
  const inside = profile.timeDeltas.map((micros) => (at += micros) >= from && at <= to);
  return {
    nodes: profile.nodes,
    samples: profile.samples.filter((_, index) => inside[index]),
    timeDeltas: profile.timeDeltas.filter((_, index) => inside[index]),
  };
}

function show(profile: CpuProfile, log: (line: string) => void): void {
  const selfMicros = new Map<number, number>();
  profile.samples.forEach((id, index) =>
    selfMicros.set(id, (selfMicros.get(id) ?? 0) + (profile.timeDeltas[index] ?? 0)),
  );
  const parents = new Map<number, ProfileNode>();
  for (const node of profile.nodes) for (const child of node.children ?? []) parents.set(child, node);
  const packages = new Map<string, number>();
  const functions = new Map<string, number>();
  for (const node of profile.nodes) {
    const micros = selfMicros.get(node.id) ?? 0;
    if (micros === 0 || node.callFrame.functionName === '(idle)') continue;
    add(packages, packageOf(node, parents), micros);
    add(functions, `${node.callFrame.functionName || '(anonymous)'}  ${place(node)}`, micros);
  }
  const all = [...packages.values()].reduce((sum, micros) => sum + micros, 0);
  const print = (title: string, shares: ReadonlyMap<string, number>) => {
    log(`\n${title} (self time, idle left out)`);
    for (const [name, micros] of [...shares].toSorted((a, b) => b[1] - a[1]).slice(0, SHOWN))
      log(`${((100 * micros) / all).toFixed(1).padStart(6)} %  ${name}`);
  };
  print('Packages', packages);
  print('Functions', functions);
}

function add(sums: Map<string, number>, name: string, micros: number): void {
  sums.set(name, (sums.get(name) ?? 0) + micros);
}

/** What has no file, and what is Node's own, is charged to the nearest caller that is neither. */
function packageOf(node: ProfileNode, parents: ReadonlyMap<number, ProfileNode>): string {
  if (node.callFrame.functionName === '(garbage collector)') return '(garbage collector)';
  for (let at: ProfileNode | undefined = node; at; at = parents.get(at.id)) {
    const { url } = at.callFrame;
    const inPackages = url.lastIndexOf('node_modules/');
    if (inPackages >= 0) return /^(@[^/]+\/)?[^/]+/.exec(url.slice(inPackages + 'node_modules/'.length))![0];
    const inSource = url.indexOf('/src/');
    if (inSource >= 0) return url.slice(inSource + 1);
    if (url !== '' && !url.startsWith('node:')) return '(generated code)';
  }
  return node.callFrame.functionName === '(program)' ? '(program)' : 'node';
}

function place({ callFrame: { url, lineNumber } }: ProfileNode): string {
  const short = url
    .replace(/^.*node_modules\//, '')
    .replace(/^.*\/src\//, 'src/')
    .replace(/^file:.*\//, '');
  return short === '' ? '' : `${short}:${lineNumber + 1}`;
}
