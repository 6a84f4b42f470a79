import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import pg from 'pg';
import { findBinaries, serverEnvironment, type Account, type Binaries } from './binaries.ts';
import { chooseHome, endLeftovers, endServer, initialise, keepPassword } from './cluster.ts';
import { dataDirHolder, lockDataDir, prepareDataDir } from './dataDirectory.ts';
import { LaunchFault } from './fault.ts';
import { waitFor } from './processes.ts';
import { writePrivate } from './secrets.ts';

export interface EmbeddedPostgres {
  /** The owner's (superuser's) address, with its password. */
  ownerUrl: string;
  major: number;
  /** Where the cluster lies: the data directory, or a folder elsewhere that the server's account can enter. */
  home: string;
  /** Ends sessions and server in an orderly way, and gives the data directory back. */
  stop: () => Promise<void>;
}

interface Options {
  dataDir: string;
  log: (line: string) => void;
  /** False only for tests: nothing is forced to disk, a power cut may lose everything. */
  durable?: boolean;
  /** The server died and could not be brought back. */
  onLost?: (fault: Error) => void;
}

interface Server {
  process: ChildProcess;
  pid: number;
  port: number;
}

const DATABASE = 'portolan';
const START_MS_MAX = 60_000;
const START_ATTEMPTS_MAX = 3;
const REVIVALS_MAX = 5;
const LOG_BYTES_MAX = 10_000_000;

/**
 * Starts the packaged PostgreSQL on the data directory, making it first if need be, and cleaning up after a killed run.
 * It listens on the loopback address only and asks every connection for a password.
 * @throws LaunchFault when another process works on the data directory, or when the server cannot run here.
 */
export async function startEmbeddedPostgres(options: Options): Promise<EmbeddedPostgres> {
  const { log, durable = true } = options;
  const dataDir = prepareDataDir(options.dataDir);
  const release = await lockDataDir(dataDir);
  try {
    const { home, account } = chooseHome(dataDir, log);
    const binaries = findBinaries(account, log);
    const password = keepPassword(dataDir);
    await endLeftovers(join(home, 'postgres'), log);
    const directory = initialise(home, account, binaries, password, durable);
    const place = { dataDir, directory, account, binaries, durable };
    const server = await startServer(place, password);
    await createDatabase(address(server.port, password, 'postgres'));
    const keeper = keepAlive(server, () => reviveServer(place, password, log), options.onLost ?? (() => undefined));
    return {
      ownerUrl: address(server.port, password, DATABASE),
      major: binaries.major,
      home,
      stop: () => keeper.stop().finally(release),
    };
  } catch (error) {
    release();
    throw error;
  }
}

/** The owner's address of the server that a living process runs on this data directory; null when none does. */
export function runningEmbeddedPostgres(path: string): { ownerUrl: string; pid: number } | null {
  const holder = dataDirHolder(path);
  if (holder === null) return null;
  const dataDir = realpathSync(path);
  const port = recordedPort(dataDir);
  return port === null ? null : { ownerUrl: address(port, keepPassword(dataDir), DATABASE), pid: holder.pid };
}

interface Place {
  dataDir: string;
  directory: string;
  account: Account;
  binaries: Binaries;
  durable: boolean;
}

async function startServer(place: Place, password: string): Promise<Server> {
  for (let attempt = 1; ; attempt++) {
    // The port of last time is kept if it is free, so that a client's saved address stays right.
    const port = await freePort(attempt === 1 ? recordedPort(place.dataDir) : null);
    const server = spawnServer(place, port);
    const isReady = await waitFor(() => server.process.exitCode !== null || isServing(place.directory), START_MS_MAX);
    if (isReady && server.process.exitCode === null) {
      await verify(address(port, password, 'postgres'), server);
      writePrivate(join(place.dataDir, 'postgres-port'), String(port));
      return server;
    }
    await endServer(server.pid);
    if (attempt === START_ATTEMPTS_MAX) {
      throw new LaunchFault(
        `The embedded PostgreSQL did not start; the end of ${logFile(place.dataDir)} says:\n${lastLines(logFile(place.dataDir))}`,
      );
    }
  }
}

function spawnServer(place: Place, port: number): Server {
  const file = logFile(place.dataDir);
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? LOG_BYTES_MAX) >= LOG_BYTES_MAX) writePrivate(file, '');
  const log = openSync(file, 'a');
  const child = spawn(place.binaries.postgres, ['-D', place.directory, ...settings(port, place.durable)], {
    ...place.account,
    cwd: '/',
    env: serverEnvironment(place.binaries),
    stdio: ['ignore', log, log],
    // Out of reach of the terminal's Ctrl-C: the application must drain before its database goes.
    detached: true,
  });
  closeSync(log);
  if (child.pid === undefined) throw new LaunchFault('The embedded PostgreSQL could not be started.');
  watchOver(child.pid, place.account, child);
  return { process: child, pid: child.pid, port };
}

// A shell that holds the other end of a pipe of ours. When we die, by whatever signal, the pipe closes, `read` returns and
// the shell stops the server in the orderly way.
function watchOver(pid: number, account: Account, server: ChildProcess): void {
  if (process.platform === 'win32') return;
  const guard = spawn('/bin/sh', ['-c', 'trap "" INT TERM HUP; read _; kill -INT "$1"', 'sh', String(pid)], {
    ...account,
    cwd: '/',
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  guard.unref();
  guard.on('error', () => undefined);
  guard.stdin.on('error', () => undefined);
  server.once('exit', () => guard.kill('SIGKILL'));
}

function settings(port: number, durable: boolean): string[] {
  const values: Record<string, string | number> = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    max_connections: 200,
    shared_buffers: '128MB',
    timezone: 'UTC',
    log_timezone: 'UTC',
    // Small statements on a small machine: compiling and spreading them over processes costs more than it saves.
    jit: 'off',
    max_parallel_workers_per_gather: 0,
    ...(!durable && { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  };
  return Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

// The eighth line of the server's own file says how far it is.
function isServing(directory: string): boolean {
  const file = join(directory, 'postmaster.pid');
  return existsSync(file) && readFileSync(file, 'utf8').split('\n')[7]?.trim() === 'ready';
}

async function verify(url: string, server: Server): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  try {
    await client.connect();
  } catch (error) {
    await endServer(server.pid);
    throw new LaunchFault(
      `The embedded PostgreSQL runs but refuses our password (${(error as Error).message}). Was the data directory put together from two?`,
    );
  } finally {
    await client.end();
  }
}

async function createDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [DATABASE]);
    if (rowCount === 0) await client.query(`create database ${DATABASE}`);
  } finally {
    await client.end();
  }
}

/** A server that was killed from outside is started again on the same port, a bounded number of times. */
function keepAlive(
  first: Server,
  revive: () => Promise<Server>,
  onLost: (fault: Error) => void,
): { stop(): Promise<void> } {
  let current = first;
  let revivals = 0;
  let stopped = false;
  let reviving: Promise<void> = Promise.resolve();
  const watch = (server: Server): void => {
    current = server;
    server.process.once('exit', () => {
      if (stopped) return;
      reviving = (async () => {
        if (++revivals > REVIVALS_MAX)
          throw new LaunchFault(`The embedded PostgreSQL died ${revivals} times; giving up.`);
        watch(await revive());
      })().catch(onLost);
    });
  };
  watch(first);
  return {
    async stop() {
      stopped = true;
      await reviving;
      await endServer(current.pid);
    },
  };
}

async function reviveServer(place: Place, password: string, log: (line: string) => void): Promise<Server> {
  log('The embedded PostgreSQL died; starting it again.');
  await endLeftovers(place.directory, log);
  return startServer(place, password);
}

function recordedPort(dataDir: string): number | null {
  const file = join(dataDir, 'postgres-port');
  return existsSync(file) ? Number(readFileSync(file, 'utf8')) : null;
}

function freePort(wanted: number | null): Promise<number> {
  return new Promise((found, fail) => {
    const probe = createServer();
    probe.on('error', (error) => (wanted === null ? fail(error) : found(freePort(null))));
    probe.listen({ port: wanted ?? 0, host: '127.0.0.1', exclusive: true }, () => {
      const address = probe.address();
      probe.close(() => found(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

function address(port: number, password: string, database: string): string {
  return `postgresql://postgres:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`;
}

function logFile(dataDir: string): string {
  return join(dataDir, 'postgres.log');
}

function lastLines(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').slice(-5).join('\n') : '';
}
