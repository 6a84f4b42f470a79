import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { PgBoss } from 'pg-boss';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { checkDrift, migrate, resetDatabase } from '../../src/launch/migrate.ts';
import { admitLogin, ensureApplicationLogin, readRole } from '../../src/launch/roles.ts';
import { createBlankDatabase, createTestDatabase, runOnServer, type TestDatabase } from '../helpers/database.ts';

const migrations = join(import.meta.dirname, '../../prisma/migrations');
const quiet = { log: () => undefined };
const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).toReversed()) await step();
});

async function blank(): Promise<string> {
  const database = await createBlankDatabase();
  undo.push(database.drop);
  return database.ownerUrl;
}

function migrationsFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'portolan-migrations-'));
  undo.push(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(migrations, folder, { recursive: true });
  return folder;
}

function addMigration(folder: string, name: string, sql: string): void {
  mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, name, 'migration.sql'), sql);
}

async function query<T extends pg.QueryResultRow>(url: string, text: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<T>(text)).rows;
  } finally {
    await client.end();
  }
}

describe('migrate', () => {
  test('processes that start at once migrate once: one works, the others wait and find nothing to do', async () => {
    const url = await blank();
    const answers = await Promise.all([migrate(url, quiet), migrate(url, quiet), migrate(url, quiet)]);
    expect(answers.filter((applied) => applied.length > 0)).toHaveLength(1);
    const rows = await query(url, 'select migration_name from _prisma_migrations where finished_at is not null');
    expect(rows).toHaveLength(answers.flat().length);
  });

  test('a migration that fails leaves nothing behind, says why in one line, and runs again once it is mended', async () => {
    const url = await blank();
    const folder = migrationsFolder();
    addMigration(
      folder,
      '29990101000000_broken',
      'create table half_done (a int); -- a; b\nselect no_such_function();',
    );
    await expect(migrate(url, { ...quiet, folder })).rejects.toThrow(
      /^A migration failed and was rolled back: 29990101000000_broken: .*no_such_function\(\) does not exist at line 2.*$/,
    );
    expect(await query(url, `select from pg_class where relname = 'half_done'`)).toHaveLength(0);
    addMigration(folder, '29990101000000_broken', 'create table half_done (a int); -- a; b');
    expect(await migrate(url, { ...quiet, folder })).toEqual(['29990101000000_broken']);
  });

  test('a migration that was edited after it ran, or that this program does not know, stops the start', async () => {
    const url = await blank();
    const folder = migrationsFolder();
    addMigration(folder, '29990101000000_extra', 'create table extra (a int);');
    await migrate(url, { ...quiet, folder });
    await expect(migrate(url, quiet)).rejects.toThrow(/29990101000000_extra ran here but is not in/);
    addMigration(folder, '29990101000000_extra', 'create table extra (a bigint);');
    await expect(migrate(url, { ...quiet, folder })).rejects.toThrow(/29990101000000_extra was edited after it ran/);
  });

  test('a database that does not answer ends in one line after the bounded wait; a wrong name ends at once', async () => {
    const lines: string[] = [];
    const waiting = migrate('postgresql://nobody@127.0.0.1:1/nothing', {
      log: (line) => lines.push(line),
      waitMs: 300,
    });
    await expect(waiting).rejects.toThrow(/^The database at 127\.0\.0\.1:1\/nothing cannot be used: .*$/);
    expect(lines).toHaveLength(1);
    const url = new URL(await blank());
    url.pathname = '/no_such_database';
    await expect(migrate(url.href, quiet)).rejects.toThrow(/does not exist/);
  });
});

describe('checkDrift', () => {
  test('finds nothing in a migrated database, and the column that somebody added by hand', async () => {
    const url = await blank();
    await migrate(url, quiet);
    expect(await checkDrift(url)).toEqual([]);
    await runOnServer(url, 'alter table orders add column by_hand int');
    const findings = await checkDrift(url);
    expect(findings).toHaveLength(1);
    expect(findings[0]).toContain('DROP COLUMN "by_hand"');
  });

  test('names pending migrations, and migrations that do not give the schema', async () => {
    const url = await blank();
    await migrate(url, quiet);
    const folder = migrationsFolder();
    addMigration(folder, '29990101000000_later', 'alter table orders add column later int;');
    const findings = await checkDrift(url, folder);
    expect(findings[0]).toBe('Pending: 29990101000000_later');
    expect(findings[1]).toContain('DROP COLUMN "later"');
  });
});

describe('resetDatabase', () => {
  test('empties and migrates again, and refuses in production and while somebody is connected', async () => {
    const url = await blank();
    await migrate(url, quiet);
    await runOnServer(url, 'create table litter (a int)');
    await expect(resetDatabase(url, { ...quiet, environment: 'production' })).rejects.toThrow(
      /refuses when ENVIRONMENT is production/,
    );
    const other = new pg.Client({ connectionString: url, application_name: 'somebody' });
    await other.connect();
    await expect(resetDatabase(url, { ...quiet, environment: 'development' })).rejects.toThrow(
      /Others use this database: .*somebody/,
    );
    await other.end();
    await resetDatabase(url, { ...quiet, environment: 'development' });
    expect(await query(url, `select from pg_class where relname = 'litter'`)).toHaveLength(0);
    expect(await checkDrift(url)).toEqual([]);
  });
});

describe("the application's login", () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  test('is no owner, may create nothing, switch off nothing and become nobody else', async () => {
    expect(await readRole(database.appUrl)).toMatchObject({ isOwner: false, isMember: true });
    expect(await readRole(database.ownerUrl)).toMatchObject({ isOwner: true });
    const [facts] = await query(
      database.appUrl,
      'select rolsuper, rolbypassrls, rolcreatedb, rolcreaterole from pg_roles where rolname = current_user',
    );
    expect(facts).toEqual({ rolsuper: false, rolbypassrls: false, rolcreatedb: false, rolcreaterole: false });
    await expect(migrate(database.appUrl, quiet)).rejects.toThrow(
      /does not own this database; set DATABASE_MIGRATION_URL/,
    );
    for (const statement of [
      'create table t (a int)',
      'create table jobs.t (a int)',
      'alter table orders disable row level security',
      'drop table orders',
      'set role postgres',
    ]) {
      await expect(query(database.appUrl, statement), statement).rejects.toThrow(/permission denied|must be owner/);
    }
  });

  test('is made once per data directory, and its password works again after the directory was deleted', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'portolan-login-'));
    undo.push(() => rmSync(folder, { recursive: true, force: true }));
    const first = await ensureApplicationLogin(database.ownerUrl, folder);
    undo.push(() => runOnServer(database.ownerUrl, `drop role ${new URL(first).username}`));
    expect(
      await Promise.all([
        ensureApplicationLogin(database.ownerUrl, folder),
        ensureApplicationLogin(database.ownerUrl, folder),
      ]),
    ).toEqual([first, first]);
    rmSync(folder, { recursive: true });
    const second = await ensureApplicationLogin(database.ownerUrl, folder);
    expect(new URL(second).username).toBe(new URL(first).username);
    expect(second).not.toBe(first);
    expect(await readRole(second)).toMatchObject({ isMember: true });
  });

  test('an owner that may not create roles gets the SQL to run, and can admit a login made by others', async () => {
    const name = `portolan_limited_${process.pid}`;
    await runOnServer(database.ownerUrl, `create role ${name} login password 'limited'`);
    undo.push(() => runOnServer(database.ownerUrl, `drop role ${name}`));
    const limited = new URL(database.ownerUrl);
    limited.username = name;
    limited.password = 'limited';
    const folder = mkdtempSync(join(tmpdir(), 'portolan-login-'));
    undo.push(() => rmSync(folder, { recursive: true, force: true }));
    await expect(ensureApplicationLogin(limited.href, folder)).rejects.toThrow(
      /may not create roles. Let a superuser run:\n {2}create role portolan_app nologin;/,
    );
    expect(await readRole(limited.href)).toMatchObject({ isMember: false });
    await admitLogin(database.ownerUrl, name);
    expect(await readRole(limited.href)).toMatchObject({ isMember: true, isOwner: false });
  });

  test('can use the job queue without any right to create', async () => {
    const boss = new PgBoss({
      connectionString: database.appUrl,
      schema: 'jobs',
      migrate: false,
      createSchema: false,
      supervise: false,
      schedule: false,
    });
    const errors: unknown[] = [];
    boss.on('error', (error) => errors.push(error));
    await boss.start();
    await boss.createQueue('errand', { policy: 'exclusive' });
    await boss.send('errand', { id: 'a' });
    expect(await boss.fetch('errand')).toHaveLength(1);
    await boss.supervise();
    await boss.stop({ graceful: false });
    expect(errors).toEqual([]);
  });
});
