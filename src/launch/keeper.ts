import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LaunchFault } from './fault.ts';

export interface KeptProgram {
  /** For messages: "The application". */
  name: string;
  file: string;
  env: NodeJS.ProcessEnv;
  log: (line: string) => void;
  /** Does it serve already? Asked until it does, or `readyMsMax` have passed. */
  isReady(): Promise<boolean>;
  readyMsMax: number;
  /** A start that fails is not the end but waits for the next `restart`, which a changed file brings (npm run dev). */
  waitsForChange?: boolean;
}

export interface Keeper {
  restart: () => Promise<void>;
  stop: () => Promise<void>;
}

const READY_POLL_MS = 50;
const STOP_MS_MAX = 25_000;
const BACKOFF_MS_MIN = 250;
const BACKOFF_MS_MAX = 10_000;
const STEADY_AFTER_MS = 60_000;

/**
 * Runs a program as a process of its own and starts it again, a little later each time, whenever it dies.
 * @throws LaunchFault when it does not get ready the first time: then starting it again would not help either.
 */
export async function keepRunning(program: KeptProgram): Promise<Keeper> {
  let child: ChildProcess | null = null;
  let isWanted = true;
  let backoffMs = BACKOFF_MS_MIN;

  async function start(): Promise<void> {
    const startedAt = performance.now();
    const started = spawnProgram(program);
    child = started;
    const isReady = await waitUntilReady(program, started);
    if (!isReady) {
      await end(started);
      throw new LaunchFault(`${program.name} did not start; its own lines above say why.`);
    }
    const onExit = (code: number | null, signal: NodeJS.Signals | null): void => {
      if (!isWanted || child !== started) return;
      if (performance.now() - startedAt > STEADY_AFTER_MS) backoffMs = BACKOFF_MS_MIN;
      program.log(`${program.name} died (${signal ?? `exit code ${code}`}); starting it again in ${backoffMs} ms.`);
      void startLater(started);
    };
    if (hasExited(started)) onExit(started.exitCode, started.signalCode);
    else started.once('exit', onExit);
  }

  async function startLater(dead: ChildProcess): Promise<void> {
    await sleep(backoffMs);
    backoffMs = Math.min(backoffMs * 2, BACKOFF_MS_MAX);
    if (!isWanted || child !== dead) return;
    await start().catch((error: Error) => {
      if (!isWanted) return;
      program.log(error.message);
      if (!program.waitsForChange && child) return startLater(child);
    });
  }

  async function restart(): Promise<void> {
    const old = child;
    child = null;
    if (old) await end(old);
    if (isWanted) await start().catch((error: Error) => program.log(`${error.message} Waiting for the next change.`));
  }

  async function stop(): Promise<void> {
    isWanted = false;
    if (child) await end(child);
  }

  await start().catch((error: Error) => {
    if (!program.waitsForChange) throw error;
    program.log(`${error.message} Waiting for the next change.`);
  });
  return { restart, stop };
}

function spawnProgram({ file, env }: KeptProgram): ChildProcess {
  const follow = join(import.meta.dirname, 'followParent.ts');
  return spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--import', follow, file], {
    env,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    // Out of reach of the terminal's Ctrl-C: the launcher stops everything, in order.
    detached: true,
  });
}

async function waitUntilReady(program: KeptProgram, child: ChildProcess): Promise<boolean> {
  const deadline = performance.now() + program.readyMsMax;
  while (!hasExited(child) && performance.now() < deadline) {
    if (await program.isReady()) return true;
    await sleep(READY_POLL_MS);
  }
  return false;
}

function hasExited(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
}

async function end(child: ChildProcess): Promise<void> {
  if (hasExited(child)) return;
  const gone = new Promise<void>((done) => child.once('exit', () => done()));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
  await gone;
  clearTimeout(timer);
}
