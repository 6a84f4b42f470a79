import { randomBytes } from 'node:crypto';
import { join } from 'node:path';

import pg from 'pg';

import { createAuth } from '../src/auth.ts';
import { createBudgets } from '../src/budgets.ts';
import { Database } from '../src/db.ts';
import { createIdSource } from '../src/ids.ts';
import { keepSecretKey } from '../src/launch/secrets.ts';
import { createLogger } from '../src/log.ts';
import { createVault } from '../src/vault.ts';
import type { BenchDatabase } from './database.ts';
import { operatorId, sessionId, tenantId, watcherId, SPECIAL } from './dataset.ts';
import { freePort, nextMessage, startProcess, untilReady, type Started } from './processes.ts';

export type ContestantName = 'portolan' | 'postgraphile' | 'raw';
export const CONTESTANTS: readonly ContestantName[] = ['portolan', 'postgraphile', 'raw'];

export interface Contestant extends Started {
  readonly port: number;
  readonly url: string;
}

export const POOL_SIZE = 10;
export const METRICS_TOKEN = randomBytes(18).toString('base64url');
/** Issuer of the tokens, the same for every process and run. */
const BASE_URL = 'http://bench.example';

/** The variables one process of ours runs with: production, everything on. */
export function portolanVariables(
  database: BenchDatabase,
  port: number,
  more: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return {
    NODE_ENV: 'production',
    ENVIRONMENT: 'production',
    ROLE: 'api',
    PORT: String(port),
    HOST: '127.0.0.1',
    APP_BASE_URL: BASE_URL,
    DATABASE_URL: database.appUrl,
    DATABASE_POOL_SIZE: String(POOL_SIZE),
    SECRET_KEY: keepSecretKey(database.dataDir),
    METRICS_TOKEN,
    LOG_LEVEL: 'info',
    ...more,
  };
}

export interface PortolanOptions {
  readonly name?: string;
  readonly core?: number;
  readonly nodeArgs?: readonly string[];
  readonly variables?: Readonly<Record<string, string>>;
}

/** A process of ours as it runs in production: row-level security, tokens, limits, a log line per request into a file, metrics. */
export async function startPortolan(database: BenchDatabase, options: PortolanOptions = {}): Promise<Contestant> {
  const port = await freePort();
  const started = startProcess({
    file: 'src/main.ts',
    env: portolanVariables(database, port, options.variables),
    logFile: join(database.dataDir, `${options.name ?? 'portolan'}.log`),
    ...(options.core !== undefined && { core: options.core }),
    ...(options.nodeArgs && { nodeArgs: options.nodeArgs }),
  });
  const url = `http://127.0.0.1:${port}`;
  try {
    await untilReady(started, `${url}/ready`);
    return { ...started, port, url };
  } catch (error) {
    await started.stop('SIGKILL');
    throw error;
  }
}

/** The peers: the same data, a role that sees everything. */
export async function startPeer(
  database: BenchDatabase,
  name: 'postgraphile' | 'raw',
  core?: number,
): Promise<Contestant> {
  const port = await freePort();
  const started = startProcess({
    file: name === 'raw' ? 'bench/raw.ts' : 'bench/peers/postgraphile.mjs',
    env: { NODE_ENV: 'production', PORT: String(port), DATABASE_URL: database.ownerUrl },
    ...(core !== undefined && { core }),
  });
  await nextMessage(started.child);
  return { ...started, port, url: `http://127.0.0.1:${port}` };
}

/** Signs real access tokens for the sessions that the data set holds, as a login would. */
export interface TokenMaker {
  ofOperator(tenant: number): Promise<string>;
  ofWatcher(watcher: number): Promise<string>;
  close(): Promise<void>;
}

export function openTokenMaker(database: BenchDatabase): TokenMaker {
  const clock = { now: () => new Date() };
  const db = new Database({
    url: database.appUrl,
    poolSize: 2,
    acquireTimeoutMs: 10_000,
    statementTimeoutMs: 30_000,
    applicationName: 'portolan-bench-tokens',
    nowMs: () => performance.now(),
  });
  const vault = createVault({
    current: { version: 1, secret: keepSecretKey(database.dataDir) },
    older: [],
    randomBytes,
  });
  const budgets = createBudgets(db, clock);
  const auth = createAuth({
    db,
    vault,
    clock,
    newId: createIdSource(clock, randomBytes),
    log: createLogger('warn'),
    budgets,
    baseUrl: BASE_URL,
    bootstrapOrigins: [],
  });
  const token = async (userId: string, session: string, tenant: string) =>
    (await auth.issueAccessToken({ userId, sessionId: session, tenantId: tenant })).token;
  return {
    ofOperator: (tenant) => token(operatorId(tenant), sessionId(tenant), tenantId(tenant)),
    ofWatcher: (watcher) => token(watcherId(watcher), watcherId(watcher), tenantId(SPECIAL.watched)),
    async close() {
      await auth.close();
      await db.close();
    },
  };
}

export async function ownerClient(database: BenchDatabase): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: database.ownerUrl, application_name: 'portolan-bench-owner' });
  await client.connect();
  return client;
}
