import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import {
  canEnter,
  chooseAccount,
  isOurs,
  reachablePlaces,
  serverEnvironment,
  type Account,
  type Binaries,
} from './binaries.ts';
import { LaunchFault } from './fault.ts';
import { isAlive, postgresProcessesIn, signal, waitFor } from './processes.ts';
import { shortHash, writePrivate } from './secrets.ts';

const FAST_STOP_MS_MAX = 20_000;
const HARD_STOP_MS_MAX = 5_000;

/**
 * The folder that holds the cluster: DATA_DIR itself, or, where the server's account cannot enter it (root in a clone only
 * root can enter), a folder named after it in a place that everybody can reach. A pointer file in DATA_DIR says which.
 */
export function chooseHome(dataDir: string, log: (line: string) => void): { home: string; account: Account } {
  const pointer = join(dataDir, 'postgres-home');
  if (existsSync(pointer)) {
    const home = readFileSync(pointer, 'utf8').trim();
    if (!existsSync(home)) {
      throw new LaunchFault(
        `The database of ${dataDir} lay in ${home}, which is gone. Delete ${dataDir} to start afresh.`,
      );
    }
    return { home, account: chooseAccount(join(home, 'postgres')) };
  }
  const account = chooseAccount(join(dataDir, 'postgres'));
  if (canEnter(dataDir, account)) return { home: dataDir, account };
  const home = makeHomeElsewhere(dataDir, account, log);
  if (existsSync(join(dataDir, 'postgres'))) moveCluster(join(dataDir, 'postgres'), join(home, 'postgres'));
  writeFileSync(pointer, `${home}\n`);
  log(`The server runs as user ${account?.uid}, who cannot enter ${dataDir}: its data lies in ${home}.`);
  return { home, account };
}

// The clone was made unreachable after the cluster had been made in it.
function moveCluster(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    throw new LaunchFault(
      `The data in ${from} must move to ${to}, where the server can reach it, but: ${(error as Error).message}. Move it by hand.`,
    );
  }
}

function makeHomeElsewhere(dataDir: string, account: Account, log: (line: string) => void): string {
  for (const place of reachablePlaces()) {
    const home = join(place, `portolan-${shortHash(dataDir)}`);
    if (!isOurs(home)) continue;
    // Without a pointer, a folder of this name is what a deleted data directory left behind: its password is lost with it.
    if (existsSync(home)) {
      if (readFileSync(join(home, 'data-directory'), 'utf8').trim() !== dataDir) continue;
      log(`Removing ${home}: its data directory was deleted.`);
      rmSync(home, { recursive: true, force: true });
    }
    mkdirSync(home);
    chmodSync(home, 0o755);
    writeFileSync(join(home, 'data-directory'), `${dataDir}\n`);
    if (canEnter(home, account)) return home;
    rmSync(home, { recursive: true, force: true });
  }
  throw new LaunchFault(
    `No folder that user ${account?.uid} could reach is writable. Set DATA_DIR to one, or DATABASE_URL to use a server.`,
  );
}

/** Makes the cluster unless it is there. A kill in the middle leaves only a half folder, which the next start removes. */
export function initialise(
  home: string,
  account: Account,
  binaries: Binaries,
  password: string,
  durable: boolean,
): string {
  for (const name of readdirSync(home)) {
    if (name.startsWith('postgres.half')) rmSync(join(home, name), { recursive: true, force: true });
  }
  const directory = join(home, 'postgres');
  if (existsSync(join(directory, 'PG_VERSION'))) {
    const major = Number(readFileSync(join(directory, 'PG_VERSION'), 'utf8'));
    if (major === binaries.major) return directory;
    throw new LaunchFault(
      `The data in ${directory} is of PostgreSQL ${major}, the packaged server is ${binaries.major}. Dump it with the old one, or delete the folder.`,
    );
  }
  const half = join(home, `postgres.half-${process.pid}`);
  mkdirSync(join(half, 'cluster'), { recursive: true, mode: 0o700 });
  writePrivate(join(half, 'password'), password);
  if (account)
    for (const path of [half, join(half, 'cluster'), join(half, 'password')]) chownSync(path, account.uid, account.gid);
  runInitdb(join(half, 'cluster'), join(half, 'password'), account, binaries, durable);
  rmSync(directory, { recursive: true, force: true });
  renameSync(join(half, 'cluster'), directory);
  rmSync(half, { recursive: true, force: true });
  return directory;
}

function runInitdb(
  directory: string,
  passwordFile: string,
  account: Account,
  binaries: Binaries,
  durable: boolean,
): void {
  const args = [
    `--pgdata=${directory}`,
    `--pwfile=${passwordFile}`,
    '--username=postgres',
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    // The builtin locale sorts by code point on every host alike, so an index never depends on the host's C library.
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--locale=C',
    '--data-checksums',
    ...(durable ? [] : ['--no-sync']),
  ];
  const answer = spawnSync(binaries.initdb, args, {
    ...account,
    cwd: '/',
    env: serverEnvironment(binaries),
    encoding: 'utf8',
  });
  if (answer.status === 0) return;
  const why = answer.error?.message ?? `${answer.stdout}${answer.stderr}`.trim().split('\n').slice(-3).join(' ');
  throw new LaunchFault(`PostgreSQL could not make its data directory ${directory}: ${why}`);
}

/**
 * Ends what a killed run left behind: a server that still runs, or its orphaned backends, which would keep a new one from
 * starting. The caller holds the lock of the data directory, so whatever runs here belongs to nobody alive.
 */
export async function endLeftovers(directory: string, log: (line: string) => void): Promise<void> {
  const pidFile = join(directory, 'postmaster.pid');
  const recorded = existsSync(pidFile) ? Number(readFileSync(pidFile, 'utf8').split('\n')[0]) : 0;
  const processes = postgresProcessesIn(directory);
  const isOldServer = recorded > 0 && (processes === null ? isAlive(recorded) : processes.includes(recorded));
  if (isOldServer) {
    log('The database server of a former run is still there; stopping it.');
    await endServer(recorded);
  }
  for (const orphan of postgresProcessesIn(directory) ?? []) signal(orphan, 'SIGQUIT');
  const isQuiet = await waitFor(() => (postgresProcessesIn(directory) ?? []).length === 0, HARD_STOP_MS_MAX);
  if (!isQuiet) {
    for (const orphan of postgresProcessesIn(directory) ?? []) signal(orphan, 'SIGKILL');
    await waitFor(() => (postgresProcessesIn(directory) ?? []).length === 0, HARD_STOP_MS_MAX);
  }
  // The number in a stale file may meanwhile be another program's, which PostgreSQL would take for a living server.
  if (processes !== null) rmSync(pidFile, { force: true });
}

/** Fast stop: sessions are ended, what is committed is kept. Harder only when that takes too long. */
export async function endServer(pid: number): Promise<void> {
  for (const [name, timeoutMs] of [
    ['SIGINT', FAST_STOP_MS_MAX],
    ['SIGQUIT', HARD_STOP_MS_MAX],
    ['SIGKILL', HARD_STOP_MS_MAX],
  ] as const) {
    signal(pid, name);
    if (await waitFor(() => !isAlive(pid), timeoutMs)) return;
  }
}

/** The superuser's password: made once, readable by whoever started us only. */
export function keepPassword(dataDir: string): string {
  const path = join(dataDir, 'postgres-password');
  if (!existsSync(path)) writePrivate(path, randomBytes(24).toString('base64url'));
  return readFileSync(path, 'utf8').trim();
}
