import { chmodSync, existsSync, mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { lockHolder, tryLock } from '../../scripts/lock.mjs';
import { LaunchFault } from './fault.ts';

const LOCK = 'running.lock';

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

/** One process at a time works on a data directory. @returns what gives it back. */
export function lockDataDir(dataDir: string): () => void {
  let answer: ReturnType<typeof tryLock>;
  try {
    answer = tryLock(join(dataDir, LOCK));
  } catch (error) {
    throw new LaunchFault(`The data directory ${dataDir} cannot be used: ${(error as Error).message}.`);
  }
  if (answer.release) return answer.release;
  throw new LaunchFault(
    `Portolan already runs on ${dataDir} (process ${answer.holder.pid}). Stop it, or set DATA_DIR and PORT for a second one.`,
  );
}

/** The living process that works on the data directory, if any. */
export function dataDirHolder(path: string): { pid: number } | null {
  return existsSync(path) ? lockHolder(join(realpathSync(path), LOCK)) : null;
}
