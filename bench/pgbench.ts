import { execFile } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { promisify } from 'node:util';

import pg from 'pg';

import { onDatabase, withDatabase, type BenchDatabase } from './database.ts';
import { hasCommand } from './processes.ts';

const NAME = 'portolan_bench_pgbench';
const CLIENTS = 16;
const run = promisify(execFile);

export interface PgbenchResult {
  readonly perSecond: number;
  /** Where pgbench is not at hand, a loop of our own sends its statements. */
  readonly by: 'pgbench -N' | 'a node loop with the statements of pgbench -N';
}

/** Transactions a second of `pgbench -N` (16 clients, scale 10) on the same server: what its disk allows. */
export async function runPgbench(database: BenchDatabase, seconds: number): Promise<PgbenchResult> {
  const url = withDatabase(database.ownerUrl, NAME);
  await onDatabase(database.ownerUrl, async (client) => {
    await client.query(`drop database if exists ${NAME} with (force)`);
    await client.query(`create database ${NAME}`);
  });
  try {
    if (!hasCommand('pgbench'))
      return { perSecond: await nodeLoop(url, seconds), by: 'a node loop with the statements of pgbench -N' };
    await run('pgbench', ['-i', '-q', '-s', '10', url]);
    const { stdout } = await run('pgbench', ['-N', '-c', String(CLIENTS), '-j', '2', '-T', String(seconds), url]);
    return { perSecond: Number(/tps = ([\d.]+)/.exec(stdout)?.[1] ?? Number.NaN), by: 'pgbench -N' };
  } finally {
    await onDatabase(database.ownerUrl, (client) => client.query(`drop database if exists ${NAME} with (force)`));
  }
}

const ACCOUNTS = 1_000_000;

async function nodeLoop(url: string, seconds: number): Promise<number> {
  const pool = new pg.Pool({ connectionString: url, max: CLIENTS });
  try {
    await pool.query(
      'create table pgbench_accounts (aid int primary key, bid int, abalance int, filler char(84)) with (fillfactor = 100)',
    );
    await pool.query(
      'create table pgbench_history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22))',
    );
    await pool.query('insert into pgbench_accounts select n, 1, 0 from generate_series(1, $1::int) n', [ACCOUNTS]);
    await pool.query('vacuum analyze pgbench_accounts');
    const until = performance.now() + seconds * 1000;
    let done = 0;
    const client = async (): Promise<void> => {
      const connection = await pool.connect();
      while (performance.now() < until) {
        const [aid, delta] = [1 + randomInt(ACCOUNTS), randomInt(10_000) - 5_000];
        await connection.query('begin');
        await connection.query('update pgbench_accounts set abalance = abalance + $1 where aid = $2', [delta, aid]);
        await connection.query('select abalance from pgbench_accounts where aid = $1', [aid]);
        await connection.query(
          'insert into pgbench_history (tid, bid, aid, delta, mtime) values ($1, 1, $2, $3, current_timestamp)',
          [1 + randomInt(100), aid, delta],
        );
        await connection.query('end');
        done += 1;
      }
      connection.release();
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));
    return done / seconds;
  } finally {
    await pool.end();
  }
}
