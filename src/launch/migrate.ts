import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { openEngine, type Engine } from './engine.ts';
import { LaunchFault } from './fault.ts';
import { installJobQueue } from './jobQueue.ts';
import { ensureGroupRole, readRole } from './roles.ts';

// Any number; it only has to be the same in every process that migrates. Prisma's own tool uses another one.
const MIGRATION_LOCK = 4_101_927;
const MAJOR_MIN = 15;

export interface MigrateOptions {
  log: (line: string) => void;
  /** How long to wait for a database that is not up yet. */
  waitMs?: number;
  /** The folder with one sub-folder per migration. */
  folder?: string;
}

/**
 * Brings the database to the newest schema and installs the job queue. Any number of processes may call this at once: one
 * works, the others wait for it and find nothing left to do (OPS-5).
 * @returns the names of the migrations this call applied.
 * @throws LaunchFault when the database does not come up, is too old, or its history does not fit the folder.
 */
export async function migrate(ownerUrl: string, options: MigrateOptions): Promise<string[]> {
  await waitForDatabase(ownerUrl, options);
  const { role, isOwner } = await readRole(ownerUrl);
  if (!isOwner)
    throw new LaunchFault(`${role} does not own this database; set DATABASE_MIGRATION_URL to its owner's address.`);
  return withLock(ownerUrl, async (client) => {
    await ensureGroupRole(client);
    const applied = await withEngine(ownerUrl, options.folder, (engine) => applyPending(engine, options.log));
    await installJobQueue(ownerUrl, client);
    return applied;
  });
}

async function applyPending(engine: Engine, log: (line: string) => void): Promise<string[]> {
  const faults = await engine.historyFaults();
  if (faults.length > 0)
    throw new LaunchFault(
      `The database's history does not fit this program: ${faults.join('; ')}. While developing, \`npm run db:reset\` starts afresh.`,
    );
  const pending = await engine.pending();
  if (pending.length === 0) return [];
  log(`Migrating the database: ${pending.length} to apply ...`);
  try {
    return await engine.apply();
  } catch (error) {
    throw new LaunchFault(`A migration failed and was rolled back: ${(error as Error).message.split('\n')[0]}`);
  }
}

/**
 * What this database lacks or has too much: pending migrations, and differences from prisma/schema.prisma, both of this
 * database and of what the migrations alone give. Policies, triggers and checks are no part of that file, so not of this.
 * @returns one entry per finding, with the SQL that would mend it; empty when all is as it should be.
 */
export async function checkDrift(ownerUrl: string, folder?: string): Promise<string[]> {
  const findings = await withEngine(ownerUrl, folder, async (engine) => {
    const faults = await engine.historyFaults();
    const pending = await engine.pending();
    const difference = pending.length === 0 ? await engine.differenceFromSchema() : null;
    return [
      ...faults.map((fault) => `History: ${fault}`),
      ...pending.map((name) => `Pending: ${name}`),
      ...(difference === null
        ? []
        : [`This database differs from prisma/schema.prisma. To make it equal:\n${difference.trim()}`]),
    ];
  });
  return [...findings, ...(await migrationsDrift(ownerUrl, folder))];
}

async function migrationsDrift(ownerUrl: string, folder: string | undefined): Promise<string[]> {
  const name = `portolan_check_${randomUUID().slice(0, 8)}`;
  const scratch = new URL(ownerUrl);
  scratch.pathname = `/${name}`;
  await onServer(ownerUrl, (client) => client.query(`create database ${name} template template0`));
  try {
    return await withEngine(scratch.href, folder, async (engine) => {
      await engine.apply();
      const difference = await engine.differenceFromSchema();
      return difference === null
        ? []
        : [`The migrations do not give prisma/schema.prisma. Missing:\n${difference.trim()}`];
    });
  } finally {
    await onServer(ownerUrl, (client) => client.query(`drop database if exists ${name} with (force)`));
  }
}

/**
 * Empties the database and migrates it again.
 * @throws LaunchFault in production, and while anybody else is connected.
 */
export async function resetDatabase(
  ownerUrl: string,
  options: MigrateOptions & { environment: string | undefined },
): Promise<void> {
  if (options.environment === 'production')
    throw new LaunchFault('db:reset deletes everything, so it refuses when ENVIRONMENT is production.');
  await waitForDatabase(ownerUrl, options);
  await withLock(ownerUrl, async (client) => {
    const { rows } = await client.query<{ who: string }>(
      `select distinct usename || ' (' || coalesce(nullif(application_name, ''), 'unnamed') || ')' as who from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'`,
    );
    if (rows.length > 0)
      throw new LaunchFault(`Others use this database: ${rows.map(({ who }) => who).join(', ')}. Stop them first.`);
    await client.query(
      'drop schema if exists public cascade; drop schema if exists jobs cascade; create schema public',
    );
  });
  await migrate(ownerUrl, options);
}

/** Waits for a database that is starting up; a wrong password or name ends at once. @throws LaunchFault in one line. */
export async function waitForDatabase(url: string, { log, waitMs = 60_000 }: MigrateOptions): Promise<void> {
  const deadline = performance.now() + waitMs;
  let isTold = false;
  for (;;) {
    const fault = await tryConnect(url);
    if (fault === null) return;
    const { hostname, port, pathname } = new URL(url);
    const where = `${hostname}:${port || 5432}${pathname}`;
    if (!isTransient(fault) || performance.now() > deadline) {
      throw new LaunchFault(`The database at ${where} cannot be used: ${fault.message || fault.code}.`);
    }
    if (!isTold)
      log(
        `Waiting up to ${Math.round(waitMs / 1000)} s for the database at ${where} (${fault.message || fault.code}) ...`,
      );
    isTold = true;
    await sleep(250);
  }
}

async function tryConnect(url: string): Promise<(Error & { code?: string }) | null> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ number: number }>(
      `select current_setting('server_version_num')::int as number`,
    );
    const major = Math.floor((rows[0]?.number ?? 0) / 10_000);
    return major >= MAJOR_MIN ? null : new Error(`it is PostgreSQL ${major}, Portolan needs ${MAJOR_MIN} or newer`);
  } catch (error) {
    return error as Error;
  } finally {
    await client.end();
  }
}

/** Not there yet, or starting up: worth waiting for. A wrong password or name is not. */
function isTransient(fault: Error & { code?: string }): boolean {
  const waiting = [
    'ECONNREFUSED',
    'ECONNRESET',
    'ETIMEDOUT',
    'ENOTFOUND',
    'EAI_AGAIN',
    'ENOENT',
    'EHOSTUNREACH',
    '57P03',
    '53300',
  ];
  return waiting.includes(fault.code ?? '') || /timeout|terminated unexpectedly/i.test(fault.message);
}

async function withEngine<T>(
  url: string,
  folder: string | undefined,
  work: (engine: Engine) => Promise<T>,
): Promise<T> {
  const engine = await openEngine(url, folder);
  try {
    return await work(engine);
  } finally {
    await engine.close();
  }
}

/** One process at a time per database. The lock goes with the connection, so a killed holder frees it. */
async function withLock<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  return onServer(url, async (client) => {
    await client.query('select pg_advisory_lock($1)', [MIGRATION_LOCK]);
    return work(client);
  });
}

async function onServer<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, application_name: 'portolan migrate' });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
