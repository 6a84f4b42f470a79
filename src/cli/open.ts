import { randomBytes } from 'node:crypto';

import { loadConfig, type Config } from '../config.ts';
import type { App } from '../context.ts';
import { Database } from '../db.ts';
import { createIdSource } from '../ids.ts';
import { createLogger, type Logger } from '../log.ts';
import type { CatalogueTools } from '../resolvers/catalogue-change.ts';
import { createVault } from '../vault.ts';
import { UsageError, type Surroundings } from './command.ts';

/** Who is named in the audit log: whoever has a shell here. */
export const AUTHOR = 'cli';
const STATEMENT_MS = 30_000;

export const clock = { now: () => new Date() };

/** @param statementMs how long one statement may take: a whole chain may be one statement */
export async function withDatabase<T>(
  around: Surroundings,
  work: (db: Database, config: Config) => Promise<T>,
  statementMs = STATEMENT_MS,
): Promise<T> {
  const config = readConfig(around);
  const db = new Database({
    url: config.databaseUrl,
    poolSize: 2,
    acquireTimeoutMs: 10_000,
    statementTimeoutMs: statementMs,
    applicationName: 'portolan-cli',
    nowMs: () => performance.now(),
  });
  try {
    return await work(db, config);
  } finally {
    await db.close();
  }
}

/** The whole application, for what calls outside; it serves nobody and works no jobs. */
export async function withApp<T>(around: Surroundings, work: (app: App) => Promise<T>): Promise<T> {
  const config: Config = { ...readConfig(around), role: 'api', databasePoolSize: 3 };
  // Most commands need none of it, and it takes a second to read.
  const { createApp } = await import('../app.ts');
  const running = await createApp({
    config,
    log: logOf(around),
    providerDescriptions: around.descriptions,
  });
  try {
    return await work(running.app);
  } finally {
    await running.close();
  }
}

/** Warnings and errors, beside the results. */
export function logOf({ progress }: Surroundings): Logger {
  return createLogger('warn', { write: (line) => progress(line.trimEnd()) });
}

/** @throws UsageError with one line for each mistake */
function readConfig({ environment }: Surroundings): Config {
  try {
    return loadConfig(environment);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

export function catalogueTools(config: Config, { descriptions }: Surroundings): CatalogueTools {
  return {
    author: { name: AUTHOR, clock, newId: createIdSource(clock, randomBytes) },
    vault: createVault({ current: config.masterKey, older: config.olderMasterKeys, randomBytes }),
    descriptions: new Map(descriptions.map((description) => [description.slug, description])),
    production: config.environment === 'production',
  };
}
