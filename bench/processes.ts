import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type pg from 'pg';

/** A process of the bench's own. It ends when the bench does, by whatever signal: it holds the other end of a channel to it. */
export interface Started {
  readonly child: ChildProcess;
  readonly pid: number;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export interface StartOptions {
  readonly file: string;
  readonly args?: readonly string[];
  readonly nodeArgs?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The core it may use; ignored where the machine has one core or no taskset. */
  readonly core?: number;
  /** Takes what it prints; without it, only what it says of errors is shown. */
  readonly logFile?: string;
}

const root = join(import.meta.dirname, '..');

export const canPin = availableParallelism() >= 2 && hasCommand('taskset');

export function hasCommand(name: string): boolean {
  try {
    execFileSync(name, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

export function startProcess(options: StartOptions): Started {
  const node = [
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    ...(options.nodeArgs ?? []),
    options.file,
    ...(options.args ?? []),
  ];
  const [command = '', ...args] =
    options.core !== undefined && canPin ? ['taskset', '-c', String(options.core), ...node] : node;
  const out = options.logFile === undefined ? 'ignore' : openSync(options.logFile, 'w');
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(command, args, {
    cwd: root,
    env: { PATH, HOME, ...options.env },
    stdio: ['ignore', out, 'inherit', 'ipc'],
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const killOnExit = (): void => void child.kill('SIGKILL');
  process.once('exit', killOnExit);
  child.once('exit', () => process.removeListener('exit', killOnExit));
  return {
    child,
    pid: child.pid!,
    async stop(signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      const impatient = setTimeout(() => child.kill('SIGKILL'), 15_000);
      await exited;
      clearTimeout(impatient);
    },
  };
}

/** @throws Error when the process ends, or does not answer with 200 within a minute. */
export async function untilReady(started: Started, url: string): Promise<void> {
  for (const since = performance.now(); performance.now() - since < 60_000; await sleep(50)) {
    if (started.child.exitCode !== null || started.child.signalCode !== null)
      throw new Error(`${started.child.spawnfile} ended before it was ready.`);
    const status = await fetch(url).then(
      (answer) => answer.status,
      () => 0,
    );
    if (status === 200) return;
  }
  throw new Error(`${url} did not become ready.`);
}

/** The next message of a child; rejects when it ends instead. */
export function nextMessage<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const onMessage = (message: unknown): void => {
      child.off('exit', onExit);
      resolve(message as T);
    };
    const onExit = (code: number | null): void => {
      child.off('message', onMessage);
      reject(new Error(`A process of the bench ended with ${code}.`));
    };
    child.once('message', onMessage);
    child.once('exit', onExit);
  });
}

export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

const CLOCK_TICK_MS = 10;

/** CPU time a process has used, ms, in steps of 10; null where the system does not say. */
export function cpuMs(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * CLOCK_TICK_MS;
  } catch {
    return null;
  }
}

/** Keeps the database's processes that work for the bench to one core, if they run on this machine and we may. */
export async function pinBackends(client: pg.Client, core: number): Promise<number> {
  if (!canPin) return 0;
  const { rows } = await client.query<{ pid: number }>(
    "select pid from pg_stat_activity where datname = current_database() and backend_type = 'client backend'",
  );
  let pinned = 0;
  for (const { pid } of rows) {
    try {
      if (!readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('postgres')) continue;
      execFileSync('taskset', ['-cp', String(core), String(pid)], { stdio: 'ignore' });
      pinned += 1;
    } catch {
      // Another machine's, another user's, or gone.
    }
  }
  return pinned;
}
