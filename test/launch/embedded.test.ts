import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, describe, expect, test } from 'vitest';
import { startEmbeddedPostgres } from '../../src/launch/embedded.ts';
import { isAlive, waitFor } from '../../src/launch/processes.ts';

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).toReversed()) await step();
});

function dataDirectory(): string {
  const folder = mkdtempSync(join(tmpdir(), 'portolan-embedded-'));
  chmodSync(folder, 0o755);
  undo.push(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'data');
}

const lines: string[] = [];
const start = async (dataDir: string) => {
  const server = await startEmbeddedPostgres({ dataDir, durable: false, log: (line) => lines.push(line) });
  undo.push(() => server.stop());
  return server;
};

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query({ text, rowMode: 'array' })).rows.flat();
  } finally {
    await client.end();
  }
}

/** Starts a durable server from a process of its own, which can then be killed like the real one. */
async function startElsewhere(
  dataDir: string,
): Promise<{ launcher: ChildProcess; postmaster: number; ownerUrl: string }> {
  const program = `
    import { startEmbeddedPostgres } from ${JSON.stringify(join(import.meta.dirname, '../../src/launch/embedded.ts'))};
    const server = await startEmbeddedPostgres({ dataDir: ${JSON.stringify(dataDir)}, log: () => undefined });
    console.log(server.ownerUrl);
    setInterval(() => undefined, 1000);`;
  const launcher = spawn(process.execPath, ['--input-type=module-typescript', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  undo.push(() => launcher.kill('SIGKILL'));
  const [chunk] = (await once(launcher.stdout, 'data')) as [Buffer];
  return { launcher, postmaster: postmasterOf(dataDir), ownerUrl: chunk.toString().trim() };
}

function postmasterOf(dataDir: string): number {
  return Number(readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0]);
}

/** The shell that stops the server when its launcher dies: killed too, so that nothing cleans up. */
function guardOf(postmaster: number): number {
  for (let pid = postmaster; pid < postmaster + 200; pid++) {
    const file = `/proc/${pid}/cmdline`;
    if (existsSync(file) && readFileSync(file, 'utf8').endsWith(`\0${postmaster}\0`)) return pid;
  }
  throw new Error('The guard was not found.');
}

describe('the embedded PostgreSQL', () => {
  test('keeps its data and its port over a stop and a start, and asks for a password on the loopback address only', async () => {
    const dataDir = dataDirectory();
    const first = await start(dataDir);
    await query(first.ownerUrl, 'create table kept (a int)');
    expect(await query(first.ownerUrl, 'show listen_addresses')).toEqual(['127.0.0.1']);
    expect(await query(first.ownerUrl, 'show data_checksums')).toEqual(['on']);
    const wrong = new URL(first.ownerUrl);
    wrong.password = 'wrong';
    await expect(query(wrong.href, 'select 1')).rejects.toThrow(/password authentication failed/);
    await first.stop();
    const second = await start(dataDir);
    expect(second.ownerUrl).toBe(first.ownerUrl);
    expect(await query(second.ownerUrl, 'select count(*)::int from kept')).toEqual([0]);
  });

  test('every secret it keeps is readable by its owner only', async () => {
    const dataDir = dataDirectory();
    await start(dataDir);
    for (const name of ['postgres-password', 'postgres-port', 'postgres.log'])
      expect(statSync(join(dataDir, name)).mode & 0o077, name).toBe(0);
    expect(statSync(join(dataDir, 'postgres')).mode & 0o077).toBe(0);
  });

  test('a second start on the same data directory refuses in one line and does the first no harm', async () => {
    const dataDir = dataDirectory();
    const first = await start(dataDir);
    await expect(start(dataDir)).rejects.toThrow(
      new RegExp(`^Portolan already runs on .* \\(process ${process.pid}\\)\\..*$`),
    );
    expect(await query(first.ownerUrl, 'select 1')).toEqual([1]);
  });

  test('half an initialisation is thrown away and done again', async () => {
    const dataDir = dataDirectory();
    mkdirSync(join(dataDir, 'postgres.half-1', 'cluster'), { recursive: true });
    mkdirSync(join(dataDir, 'postgres'));
    writeFileSync(join(dataDir, 'postgres', 'pg_hba.conf'), '');
    chmodSync(dataDir, 0o755);
    const server = await start(dataDir);
    expect(await query(server.ownerUrl, 'select 1')).toEqual([1]);
    expect(existsSync(join(dataDir, 'postgres.half-1'))).toBe(false);
  });

  test('data of another major version is left alone, with one line that says so', async () => {
    const dataDir = dataDirectory();
    mkdirSync(join(dataDir, 'postgres'), { recursive: true });
    chmodSync(dataDir, 0o755);
    writeFileSync(join(dataDir, 'postgres', 'PG_VERSION'), '14\n');
    await expect(start(dataDir)).rejects.toThrow(
      /^The data in .* is of PostgreSQL 14, the packaged server is \d+\..*$/,
    );
  });
});

// The stories below need /proc to find and kill what a run consists of.
describe.runIf(process.platform === 'linux')('after a SIGKILL', () => {
  test('of the launcher alone the server stops by itself, in the orderly way', async () => {
    const dataDir = dataDirectory();
    const { launcher, postmaster, ownerUrl } = await startElsewhere(dataDir);
    await query(ownerUrl, 'create table kept (a int)');
    launcher.kill('SIGKILL');
    expect(await waitFor(() => !isAlive(postmaster), 60_000)).toBe(true);
    const again = await start(dataDir);
    expect(await query(again.ownerUrl, 'select count(*)::int from kept')).toEqual([0]);
  });

  test('of launcher and guard the next start ends the server that is left and takes over its data', async () => {
    const dataDir = dataDirectory();
    const { launcher, postmaster, ownerUrl } = await startElsewhere(dataDir);
    await query(ownerUrl, 'create table kept (a int)');
    process.kill(guardOf(postmaster), 'SIGKILL');
    launcher.kill('SIGKILL');
    expect(await waitFor(() => !isAlive(launcher.pid ?? 0), 60_000)).toBe(true);
    expect(isAlive(postmaster)).toBe(true);
    const again = await start(dataDir);
    expect(isAlive(postmaster)).toBe(false);
    expect(await query(again.ownerUrl, 'select count(*)::int from kept')).toEqual([0]);
  });

  test('of everything the next start recovers what was committed', async () => {
    const dataDir = dataDirectory();
    const { launcher, postmaster, ownerUrl } = await startElsewhere(dataDir);
    await query(ownerUrl, 'create table kept (a int)');
    const guard = guardOf(postmaster);
    for (const pid of [launcher.pid ?? 0, guard, postmaster]) process.kill(pid, 'SIGKILL');
    const again = await start(dataDir);
    expect(again.ownerUrl).toBe(ownerUrl);
    expect(await query(again.ownerUrl, 'select count(*)::int from kept')).toEqual([0]);
  });

  test('of the server alone it is brought back on the same address', async () => {
    const dataDir = dataDirectory();
    const server = await start(dataDir);
    const before = postmasterOf(dataDir);
    process.kill(before, 'SIGKILL');
    const file = join(dataDir, 'postgres', 'postmaster.pid');
    const isBack = () =>
      existsSync(file) && postmasterOf(dataDir) !== before && readFileSync(file, 'utf8').includes('ready');
    expect(await waitFor(isBack, 60_000)).toBe(true);
    expect(await query(server.ownerUrl, 'select 1')).toEqual([1]);
  });
});
