import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { processIdentity } from '../../scripts/lock.mjs';

const POLL_MS = 25;

/** Asks again and again until the answer is neither null nor false; null after `timeoutMs`. */
export async function waitFor<T>(ask: () => T | null | false, timeoutMs: number): Promise<T | null> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const answer = ask();
    if (answer !== null && answer !== false) return answer;
    if (performance.now() > deadline) return null;
    await sleep(POLL_MS);
  }
}

export function isAlive(pid: number): boolean {
  return processIdentity(pid) !== null;
}

/** Sends a signal to a process that may have gone in the meantime. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/**
 * The PostgreSQL processes that work in this cluster directory (each of them makes it its working directory).
 * Null where the system has no /proc to look it up in.
 */
export function postgresProcessesIn(directory: string): number[] | null {
  if (process.platform !== 'linux') return null;
  const numbers = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return numbers.map(Number).filter((pid) => isPostgresIn(pid, directory));
}

function isPostgresIn(pid: number, directory: string): boolean {
  try {
    return (
      readlinkSync(`/proc/${pid}/cwd`) === directory &&
      readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('postgres') &&
      isAlive(pid)
    );
  } catch {
    // Gone in the meantime, or another user's: not one of ours either way.
    return false;
  }
}
