import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import pg from 'pg';

import { startEmbeddedPostgres } from '../src/launch/embedded.ts';
import { migrate } from '../src/launch/migrate.ts';
import { ensureApplicationLogin } from '../src/launch/roles.ts';
import { DATASET_VERSION, fillDataset } from './dataset.ts';

/** The bench's own database: migrated, filled, and kept for the next run. */
export interface BenchDatabase {
  /** Sees everything: for the peers, and for looking behind the scenes. */
  readonly ownerUrl: string;
  /** The application's login, bound by row-level security. */
  readonly appUrl: string;
  /** For what the bench keeps: the login's password, logs, the simulators' state. */
  readonly dataDir: string;
  readonly version: string;
  readonly description: string;
  stop(): Promise<void>;
}

const NAME = 'portolan_bench';
const SMALL_NAME = 'portolan_bench_small';

/**
 * On the server of DATABASE_URL (its owner's address), else on an embedded server of the bench's own with the same durable settings as
 * `npm start`: nothing is switched off that a payment needs.
 */
export async function openBenchDatabase(env: NodeJS.ProcessEnv, log: (line: string) => void): Promise<BenchDatabase> {
  return openOn(env, log, (server) => ensureDatabase(server, log));
}

/** An empty one beside it, made anew: for what needs the demo's data and not 100,000 orders. */
export function openSmallDatabase(env: NodeJS.ProcessEnv, log: (line: string) => void): Promise<BenchDatabase> {
  return openOn(env, log, async (server) => {
    const url = withDatabase(server, SMALL_NAME);
    await makeDatabase(server, SMALL_NAME);
    await migrate(url, { log: () => undefined });
    return url;
  });
}

async function openOn(
  env: NodeJS.ProcessEnv,
  log: (line: string) => void,
  open: (server: string) => Promise<string>,
): Promise<BenchDatabase> {
  const dataDir = resolve(env['DATA_DIR'] || '.data', 'bench');
  mkdirSync(dataDir, { recursive: true });
  const given = env['DATABASE_MIGRATION_URL'] || env['DATABASE_URL'];
  const embedded = given ? null : await startEmbeddedPostgres({ dataDir, log });
  const server = given ?? embedded!.ownerUrl;
  try {
    const ownerUrl = await open(server);
    const appUrl = await ensureApplicationLogin(ownerUrl, dataDir);
    const version = await onDatabase(
      ownerUrl,
      async (client) =>
        (await client.query<{ version: string }>("select current_setting('server_version') as version")).rows[0]!
          .version,
    );
    const durability = await settingsOf(ownerUrl);
    return {
      ownerUrl,
      appUrl,
      dataDir,
      version,
      description: `PostgreSQL ${version}, ${embedded ? 'embedded' : 'given by DATABASE_URL'} (${durability})`,
      stop: async () => embedded?.stop(),
    };
  } catch (error) {
    await embedded?.stop();
    throw error;
  }
}

async function settingsOf(url: string): Promise<string> {
  const names = ['fsync', 'synchronous_commit', 'shared_buffers', 'jit'];
  return onDatabase(url, async (client) => {
    const { rows } = await client.query<{ name: string; value: string }>(
      'select name, current_setting(name) as value from pg_settings where name = any ($1) order by name',
      [names],
    );
    return rows.map(({ name, value }) => `${name} ${value}`).join(', ');
  });
}

/** Other migrations, another database: nothing here is worth migrating. */
function wantedVersion(): string {
  const folder = join(import.meta.dirname, '..', 'prisma', 'migrations');
  const texts = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.sql'))
    .toSorted()
    .map((name) => readFileSync(join(folder, name), 'utf8'));
  return createHash('sha256')
    .update([DATASET_VERSION, ...texts].join('\n'))
    .digest('hex')
    .slice(0, 16);
}

/** Makes the database, or keeps the one that holds this very data. */
async function ensureDatabase(server: string, log: (line: string) => void): Promise<string> {
  const url = withDatabase(server, NAME);
  const version = wantedVersion();
  if ((await versionIn(server)) === version) return url;
  await makeDatabase(server, NAME);
  await migrate(url, { log });
  const since = performance.now();
  log('Filling the database: 100,000 orders and what belongs to them ...');
  await onDatabase(url, async (client) => {
    await fillDataset(client);
    await client.query('create schema bench; create table bench.marker (version text not null)');
    await client.query('insert into bench.marker values ($1)', [version]);
  });
  log(`Filled in ${Math.round((performance.now() - since) / 1000)} s.`);
  return url;
}

function makeDatabase(server: string, name: string): Promise<void> {
  return onDatabase(server, async (client) => {
    await client.query(`drop database if exists ${name} with (force)`);
    await client.query(`create database ${name} template template0`);
  });
}

async function versionIn(server: string): Promise<string | null> {
  try {
    return await onDatabase(
      withDatabase(server, NAME),
      async (client) =>
        (await client.query<{ version: string }>('select version from bench.marker')).rows[0]?.version ?? null,
    );
  } catch (error) {
    // No such database, or one that was not filled to the end.
    if (['3D000', '42P01', '3F000'].includes((error as pg.DatabaseError).code ?? '')) return null;
    throw error;
  }
}

export function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

export async function onDatabase<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, application_name: 'portolan-bench' });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
