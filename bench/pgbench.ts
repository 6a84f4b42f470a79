import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { onDatabase, withDatabase, type BenchDatabase } from './database.ts';
import { hasCommand } from './processes.ts';

const NAME = 'portolan_bench_pgbench';
const run = promisify(execFile);

/** Transactions a second of `pgbench -N` (16 clients, scale 10) on the same server: what its disk allows. Null where there is no pgbench. */
export async function runPgbench(database: BenchDatabase, seconds: number): Promise<number | null> {
  if (!hasCommand('pgbench')) return null;
  const url = withDatabase(database.ownerUrl, NAME);
  await onDatabase(database.ownerUrl, async (client) => {
    await client.query(`drop database if exists ${NAME} with (force)`);
    await client.query(`create database ${NAME}`);
  });
  try {
    await run('pgbench', ['-i', '-q', '-s', '10', url]);
    const { stdout } = await run('pgbench', ['-N', '-c', '16', '-j', '2', '-T', String(seconds), url]);
    return Number(/tps = ([\d.]+)/.exec(stdout)?.[1] ?? Number.NaN);
  } finally {
    await onDatabase(database.ownerUrl, (client) => client.query(`drop database if exists ${NAME} with (force)`));
  }
}
