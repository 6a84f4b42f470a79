import { randomUUID } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { lockHolder } from '../../scripts/lock.mjs';
import { startEmbeddedPostgres } from '../../src/launch/embedded.ts';
import { migrate } from '../../src/launch/migrate.ts';
import { ensureApplicationLogin } from '../../src/launch/roles.ts';
import { runOnServer, withDatabase } from './database.ts';
import { seedTemplate } from './seed.ts';

const FOLDER_PREFIX = 'portolan-test-';
const DATABASE_PREFIX = 'portolan_test_';
const LEFT_BEHIND_AFTER_MS = 6 * 3600_000;
const log = (line: string): void => console.log(line);

/**
 * Once per run: a server (the one of TEST_DATABASE_URL or DATABASE_URL, an owner's address, else an embedded one of the
 * run's own), migrated template databases, empty and seeded, and a login for the application. Everything is named uniquely, so that several
 * runs may share a server, and is gone afterwards.
 */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const folder = makeFolder();
  const given = process.env['TEST_DATABASE_URL'] || process.env['DATABASE_URL'];
  // Tests must not read what belongs to the surroundings they are started in.
  for (const name of ['DATABASE_URL', 'DATABASE_MIGRATION_URL', 'TEST_DATABASE_URL']) delete process.env[name];
  const embedded = given ? null : await startEmbeddedPostgres({ dataDir: folder, log, durable: false });
  const ownerUrl = given || (embedded?.ownerUrl ?? '');
  const { host, pathname } = new URL(ownerUrl);
  log(
    `Tests use ${embedded ? `an embedded PostgreSQL ${embedded.major}` : `the PostgreSQL server of ${host}${pathname}`}.`,
  );
  if (given) await dropLeftBehind(ownerUrl);

  const prefix = `${DATABASE_PREFIX}${Date.now().toString(36)}_${randomUUID().slice(0, 4)}`;
  const template = `${prefix}_template`;
  await runOnServer(ownerUrl, `create database ${template} template template0`);
  await migrate(withDatabase(ownerUrl, template), { log: () => undefined });
  const appUrl = await ensureApplicationLogin(withDatabase(ownerUrl, template), folder, `${prefix}_app`);
  await runOnServer(ownerUrl, `alter database ${template} with allow_connections false`);
  const seededTemplate = `${prefix}_seeded`;
  await runOnServer(ownerUrl, `create database ${seededTemplate} template ${template}`);
  const seed = await seedTemplate(withDatabase(appUrl, seededTemplate));
  await runOnServer(ownerUrl, `alter database ${seededTemplate} with allow_connections false`);
  const isEmbedded = embedded !== null;
  project.provide('testServer', { ownerUrl, appUrl, template, seededTemplate, seed, prefix, isEmbedded });

  return async () => {
    if (embedded) {
      await embedded.stop();
      rmSync(embedded.home, { recursive: true, force: true });
    } else {
      await dropOurs(ownerUrl, (name) => name.startsWith(prefix));
    }
    rmSync(folder, { recursive: true, force: true });
  };
}

function makeFolder(): string {
  removeLeftBehindFolders();
  const folder = mkdtempSync(join(tmpdir(), FOLDER_PREFIX));
  // As root the server runs as somebody else, who must be able to pass through; the files in it have modes of their own.
  chmodSync(folder, 0o755);
  return folder;
}

/** What runs that were killed left in the temporary folder. */
function removeLeftBehindFolders(): void {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(FOLDER_PREFIX))) {
    const folder = join(tmpdir(), name);
    const facts = statSync(folder, { throwIfNoEntry: false });
    const isStale = facts?.uid === process.getuid?.() && Date.now() - (facts?.mtimeMs ?? 0) > LEFT_BEHIND_AFTER_MS;
    if (!isStale || lockHolder(join(folder, 'running.lock')) !== null) continue;
    const pointer = join(folder, 'postgres-home');
    if (existsSync(pointer)) rmSync(readFileSync(pointer, 'utf8').trim(), { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
  }
}

async function dropLeftBehind(ownerUrl: string): Promise<void> {
  await dropOurs(ownerUrl, (name) => {
    const madeAt = parseInt(name.slice(DATABASE_PREFIX.length).split('_')[0] ?? '', 36);
    return name.startsWith(DATABASE_PREFIX) && Date.now() - madeAt > LEFT_BEHIND_AFTER_MS;
  });
}

/** Databases first, then logins: both bear the name of the run that made them. */
async function dropOurs(ownerUrl: string, isMeant: (name: string) => boolean): Promise<void> {
  const client = new pg.Client({ connectionString: ownerUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ kind: string; name: string }>(
      `select 'database' as kind, datname as name from pg_database where not datistemplate
       union all select 'role', rolname from pg_roles order by kind`,
    );
    for (const { kind, name } of rows.filter((row) => isMeant(row.name))) {
      const force = kind === 'database' ? 'with (force)' : '';
      await client.query(`drop ${kind} if exists ${pg.escapeIdentifier(name)} ${force}`);
    }
  } finally {
    await client.end();
  }
}
