import { randomBytes, randomInt } from 'node:crypto';

import pg from 'pg';

import { Database, type Scope } from '../src/db.ts';
import { adjustmentPosting, type LedgerEntry } from '../src/domain/ledger.ts';
import { createIdSource } from '../src/ids.ts';
import { onDatabase, withDatabase, type BenchDatabase } from './database.ts';
import { benchId, tenantId } from './dataset.ts';

/** As many as pgbench has (pgbench.ts). */
const CLIENTS = 16;
const TENANTS = 100;
const WALLETS_PER_TENANT = 20;
const WALLET_MINOR = 10n ** 12n;
const HOT_WALLETS = 50;
const POST = 'select post_ledger($1, $2)';

export interface LedgerResults {
  /** Between random wallets of many tenants. */
  readonly transfersPerSecond: number;
  /** Between one hot wallet and others of its tenant. */
  readonly hotPerSecond: number;
  /** The bare loop beside it: one row updated and three inserted, by the same driver and as many clients. */
  readonly barePerSecond: number;
}

/**
 * Transfers as the product posts them: the application's login, row-level security, the holder's chain of hashes, and balances that can't
 * go below zero. A transfer is one balanced transaction of two entries, in a database transaction of its own.
 */
export async function measureLedger(
  database: BenchDatabase,
  seconds: number,
  log: (line: string) => void,
): Promise<LedgerResults> {
  const db = new Database({
    url: database.appUrl,
    poolSize: CLIENTS,
    acquireTimeoutMs: 10_000,
    statementTimeoutMs: 10_000,
    applicationName: 'portolan-bench-ledger',
    nowMs: () => performance.now(),
  });
  try {
    await fill(db);
    const random = (bound: number) => randomInt(bound);
    const anywhere = await rate(seconds, () => {
      const tenant = random(TENANTS);
      const from = random(WALLETS_PER_TENANT);
      return transfer(db, tenant, from, (from + 1 + random(WALLETS_PER_TENANT - 1)) % WALLETS_PER_TENANT);
    });
    log(`  ${Math.round(anywhere)} transfers a second between random wallets of ${TENANTS} tenants`);
    const hot = await rate(seconds, () => transfer(db, 0, 0, 1 + random(HOT_WALLETS - 1)));
    log(`  ${Math.round(hot)} transfers a second from one hot wallet`);
    const bare = await bareLoop(database, seconds);
    log(`  ${Math.round(bare)} a second by a bare loop`);
    await check(database);
    return { transfersPerSecond: anywhere, hotPerSecond: hot, barePerSecond: bare };
  } finally {
    await db.close();
  }
}

const clock = { now: () => new Date() };
const newId = createIdSource(clock, randomBytes);
const scopeOf = (tenant: number): Scope => ({ tenantId: tenantId(tenant), customerId: null });
const walletOf = (tenant: number, wallet: number): string => benchId(`wallet${tenant}-`, wallet);
const NIL_ID = '00000000-0000-0000-0000-000000000000';

function posting(kind: string, entries: readonly object[]): string {
  const occurredAt = clock.now();
  return JSON.stringify([{ id: newId(), kind, subjectId: newId(), currencyCode: 'EGP', occurredAt, entries }]);
}

async function fill(db: Database): Promise<void> {
  const entriesFor = (holderId: string) =>
    adjustmentPosting({ amountMinor: WALLET_MINOR }).map(({ accountKind, amountMinor }: LedgerEntry) => ({
      kind: accountKind,
      holderId: accountKind === 'WALLET' ? holderId : NIL_ID,
      amountMinor: String(amountMinor),
    }));
  for (let tenant = 0; tenant < TENANTS; tenant += 1) {
    const wallets = tenant === 0 ? HOT_WALLETS : WALLETS_PER_TENANT;
    await db.write(scopeOf(tenant), async (tx) => {
      for (let wallet = 0; wallet < wallets; wallet += 1)
        tx.later(POST, [posting('ADJUSTMENT', entriesFor(walletOf(tenant, wallet))), '[]']);
    });
  }
}

function transfer(db: Database, tenant: number, from: number, to: number): Promise<void> {
  return db.write(scopeOf(tenant), async (tx) =>
    tx.later(POST, [
      posting('TRANSFER', [
        { kind: 'WALLET', holderId: walletOf(tenant, from), amountMinor: '100' },
        { kind: 'WALLET', holderId: walletOf(tenant, to), amountMinor: '-100' },
      ]),
      '[]',
    ]),
  );
}

/** How often a second the work is done by all clients together; the first tenth of the time is not counted. */
async function rate(seconds: number, work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  const [countFrom, until] = [start + seconds * 100, start + seconds * 1000];
  let done = 0;
  const client = async (): Promise<void> => {
    while (performance.now() < until) {
      await work();
      if (performance.now() >= countFrom) done += 1;
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return done / ((performance.now() - countFrom) / 1000);
}

const BARE = 'portolan_bench_bare';

/** What nobody can leave out: a row is updated, three are inserted, and it is committed; statement by statement, as pgbench does. */
async function bareLoop(database: BenchDatabase, seconds: number): Promise<number> {
  const url = withDatabase(database.ownerUrl, BARE);
  await onDatabase(database.ownerUrl, async (client) => {
    await client.query(`drop database if exists ${BARE} with (force)`);
    await client.query(`create database ${BARE}`);
  });
  const pool = new pg.Pool({ connectionString: url, max: CLIENTS });
  try {
    await pool.query('create table balances (id int primary key, amount bigint not null)');
    await pool.query('create table entries (id bigserial primary key, account int, amount bigint, at timestamptz)');
    await pool.query('insert into balances values (1, 0)');
    const insert = {
      name: 'insert',
      text: 'insert into entries (account, amount, at) values ($1, $2, now())',
      values: [1, 100],
    };
    const update = { name: 'update', text: 'update balances set amount = amount + $2 where id = $1', values: [1, 100] };
    return await rate(seconds, async () => {
      const client = await pool.connect();
      await client.query('begin');
      await client.query(update);
      for (let entry = 0; entry < 3; entry += 1) await client.query(insert);
      await client.query('commit');
      client.release();
    });
  } finally {
    await pool.end();
    await onDatabase(database.ownerUrl, (client) => client.query(`drop database if exists ${BARE} with (force)`));
  }
}

/** @throws Error where the transfers left a ledger that does not hold: then their speed means nothing. */
async function check(database: BenchDatabase): Promise<void> {
  await onDatabase(database.ownerUrl, async (client) => {
    for (const tenant of [0, TENANTS - 1]) {
      const { rows } = await client.query<{ fault: string }>('select fault from first_ledger_fault($1)', [
        tenantId(tenant),
      ]);
      if (rows[0]) throw new Error(`The ledger does not hold after the transfers: ${rows[0].fault}.`);
    }
  });
}
