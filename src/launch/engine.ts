import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { PrismaPg } from '@prisma/adapter-pg';
import {
  bindMigrationAwareSqlAdapterFactory,
  ColumnTypeEnum,
  type SqlMigrationAwareDriverAdapterFactory,
} from '@prisma/driver-adapter-utils';
import {
  SchemaEngine,
  type DiagnoseMigrationHistoryOutput,
  type MigrationList,
  type SchemasContainer,
} from '@prisma/schema-engine-wasm';
import pg from 'pg';

const root = resolve(import.meta.dirname, '../..');
const defaultMigrations = join(root, 'prisma', 'migrations');
const filters = { externalTables: [], externalEnums: [] };

/** Prisma's own migration engine, compiled to WebAssembly, on one connection: no binary and no download. */
export interface Engine {
  /** The names of the migrations the database has not had yet, oldest first. */
  pending(): Promise<string[]>;
  /** What is wrong with the history: migrations edited after they ran, or run here but not in this folder. */
  historyFaults(): Promise<string[]>;
  /** Applies every pending migration, each in a transaction of its own together with its entry in `_prisma_migrations`. */
  apply(): Promise<string[]>;
  /** The SQL that would turn this database into what prisma/schema.prisma says; null when it is that already. */
  differenceFromSchema(): Promise<string | null>;
  close(): Promise<void>;
}

/** What the parts of an open engine work on. */
interface Parts {
  engine: SchemaEngine;
  pool: pg.Pool;
  folder: string;
  /** The engine passes only a number on for an error of ours, so it is kept here to be told. */
  failed: { script: Error | null };
}

export async function openEngine(url: string, folder: string = defaultMigrations): Promise<Engine> {
  const pool = new pg.Pool({ connectionString: url, max: 1, idleTimeoutMillis: 0 });
  pool.on('error', () => undefined);
  const failed = { script: null };
  const engine = await SchemaEngine.new(
    { datamodels: readSchema().files.map(({ path, content }) => [path, content]) },
    () => undefined,
    bindMigrationAwareSqlAdapterFactory(adapterFactory(pool, failed)),
  );
  const parts = { engine, pool, folder, failed };
  return {
    pending: () => pendingMigrations(parts),
    historyFaults: () => historyFaults(parts),
    apply: () => applyPending(parts),
    differenceFromSchema: () => differenceFromSchema(parts),
    async close() {
      engine.free();
      await pool.end();
    },
  };
}

function diagnose({ engine, folder }: Parts): Promise<DiagnoseMigrationHistoryOutput> {
  return engine.diagnoseMigrationHistory({
    migrationsList: readMigrations(folder),
    optInToShadowDatabase: false,
    filters,
  });
}

async function pendingMigrations(parts: Parts): Promise<string[]> {
  const { history } = await diagnose(parts);
  return history && 'unappliedMigrationNames' in history ? history.unappliedMigrationNames.toSorted() : [];
}

async function historyFaults(parts: Parts): Promise<string[]> {
  const { history, editedMigrationNames, failedMigrationNames } = await diagnose(parts);
  const foreign = history && 'unpersistedMigrationNames' in history ? history.unpersistedMigrationNames : [];
  return [
    ...editedMigrationNames.map((name) => `${name} was edited after it ran here`),
    ...failedMigrationNames.map((name) => `${name} failed here`),
    ...foreign.map((name) => `${name} ran here but is not in ${parts.folder}`),
  ];
}

async function applyPending(parts: Parts): Promise<string[]> {
  const { engine, pool, failed } = parts;
  const names = await pendingMigrations(parts);
  const list = readMigrations(parts.folder);
  for (const name of names) {
    const upToThis = list.migrationDirectories.filter(({ path }) => path <= name);
    const work = () => engine.applyMigrations({ migrationsList: { ...list, migrationDirectories: upToThis }, filters });
    await inTransaction(pool, work).catch((error: Error) => {
      throw new Error(`${name}: ${(failed.script ?? error).message}`);
    });
  }
  return names;
}

async function differenceFromSchema({ engine }: Parts): Promise<string | null> {
  const schema = readSchema();
  const { exitCode, stdout } = await engine.diff({
    from: { tag: 'schemaDatasource', ...schema, configDir: root },
    to: { tag: 'schemaDatamodel', ...schema },
    script: true,
    exitCode: true,
    filters,
  });
  return exitCode === 0 ? null : (stdout ?? '');
}

// A migration and its entry in the history are one transaction: a process killed in the middle leaves neither, so the next
// start simply runs it again. (Prisma's own tool leaves a "failed" entry that somebody must clear by hand.)
async function inTransaction(pool: pg.Pool, work: () => Promise<unknown>): Promise<void> {
  await pool.query('begin');
  try {
    await work();
    await pool.query('commit');
  } catch (error) {
    await pool.query('rollback').catch(() => undefined);
    throw error;
  }
}

// Two faults of PrismaPg are mended here: it splits scripts at every semicolon, also inside function bodies and comments,
// and it cannot read the catalogue's one-letter columns, which the comparison with the schema needs.
function adapterFactory(pool: pg.Pool, failed: { script: Error | null }): SqlMigrationAwareDriverAdapterFactory {
  const prisma = new PrismaPg(pool);
  const connect = async () => {
    const adapter = await prisma.connect();
    const readRows = adapter.queryRaw.bind(adapter);
    adapter.queryRaw = async (query) => {
      if (!/\bpg_constraint\b/.test(query.sql)) return readRows(query);
      const { sql, isLetter } = await withLettersAsText(pool, query.sql, query.args);
      const answer = await readRows({ ...query, sql });
      return {
        ...answer,
        columnTypes: answer.columnTypes.map((type, index) => (isLetter[index] ? ColumnTypeEnum.Character : type)),
      };
    };
    adapter.executeScript = async (script) => {
      try {
        await pool.query(script);
      } catch (error) {
        failed.script = sqlFailure(error, script);
        throw failed.script;
      }
    };
    return adapter;
  };
  return { provider: prisma.provider, adapterName: prisma.adapterName, connect, connectToShadowDb: connect };
}

const LETTER_TYPE = 18;

async function withLettersAsText(
  pool: pg.Pool,
  sql: string,
  args: unknown[],
): Promise<{ sql: string; isLetter: boolean[] }> {
  const inner = `(${sql.trim().replace(/;$/, '')}) as answer`;
  const { fields } = await pool.query({ text: `select * from ${inner} limit 0`, values: args });
  const isLetter = fields.map(({ dataTypeID }) => dataTypeID === LETTER_TYPE);
  const columns = fields.map(({ name }, index) => pg.escapeIdentifier(name) + (isLetter[index] ? '::text' : ''));
  return { sql: `select ${columns.join(', ')} from ${inner}`, isLetter };
}

function sqlFailure(error: unknown, script: string): Error {
  const { message, position, detail } = error as pg.DatabaseError;
  const line = position ? ` at line ${script.slice(0, Number(position)).split('\n').length}` : '';
  return new Error(`${message}${line}${detail ? ` (${detail})` : ''}`);
}

function readMigrations(folder: string): MigrationList {
  const names = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .toSorted();
  const lockfile = join(folder, 'migration_lock.toml');
  return {
    baseDir: folder,
    lockfile: { path: 'migration_lock.toml', content: existsSync(lockfile) ? readFileSync(lockfile, 'utf8') : null },
    shadowDbInitScript: '',
    migrationDirectories: names.map((name) => ({
      path: name,
      migrationFile: {
        path: 'migration.sql',
        content: { tag: 'ok', value: readFileSync(join(folder, name, 'migration.sql'), 'utf8') },
      },
    })),
  };
}

function readSchema(): SchemasContainer {
  return { files: [{ path: 'schema.prisma', content: readFileSync(join(root, 'prisma', 'schema.prisma'), 'utf8') }] };
}
