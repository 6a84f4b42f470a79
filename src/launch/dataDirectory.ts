import { chmodSync, existsSync, mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { lockHolder, tryLock } from '../../scripts/lock.mjs';
import { LaunchFault } from './fault.ts';

const LOCK = 'running.lock';
const PATIENCE_MS = 2_000;
const POLL_MS = 50;

/** Makes the data directory if need be. @returns its real path. */
export function prepareDataDir(path: string): string {
  try {
    if (!existsSync(path)) {
      mkdirSync(path, { recursive: true });
      // Whatever the umask: the database's account must be able to pass through. Every secret in it has a mode of its own.
      chmodSync(path, 0o755);
    }
    return realpathSync(path);
  } catch (error) {
    throw new LaunchFault(`The data directory ${path} cannot be used: ${(error as Error).message}.`);
  }
}

/**
 * One process at a time works on a data directory. A holder that was just killed may take a moment to be gone, so a little
 * patience comes before refusing. @returns what gives it back.
 */
export async function lockDataDir(dataDir: string): Promise<() => void> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const { release, holder } = tryLockOrExplain(dataDir);
    if (release) return release;
    if (performance.now() > deadline) {
      throw new LaunchFault(
        `Portolan already runs on ${dataDir} (process ${holder.pid}). Stop it, or set DATA_DIR and PORT for a second one.`,
      );
    }
    await sleep(POLL_MS);
  }
}

function tryLockOrExplain(dataDir: string): ReturnType<typeof tryLock> {
  try {
    return tryLock(join(dataDir, LOCK));
  } catch (error) {
    throw new LaunchFault(`The data directory ${dataDir} cannot be used: ${(error as Error).message}.`);
  }
}

/** The living process that works on the data directory, if any. */
export function dataDirHolder(path: string): { pid: number } | null {
  return existsSync(path) ? lockHolder(join(realpathSync(path), LOCK)) : null;
}
