import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockHolder, processIdentity, tryLock } from '../../scripts/lock.mjs';

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'portolan-lock-'));
  path = join(folder, 'lock');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const lockModule = JSON.stringify(join(import.meta.dirname, '../../scripts/lock.mjs'));

/** A process that tries to take the lock, says how it went, and stays alive until it is killed. */
async function contender(): Promise<{ answer: string; pid: number; kill: () => Promise<unknown> }> {
  const program = `
    import { tryLock } from ${lockModule};
    const { release, holder } = tryLock(${JSON.stringify(path)});
    console.log(release ? 'taken' : 'refused ' + holder.pid);
    setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
  const kill = (): Promise<unknown> => {
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    return gone;
  };
  return { answer: chunk.toString().trim(), pid: child.pid ?? 0, kill };
}

test('of many that try at once one takes the lock, and the others learn its number', async () => {
  const all = await Promise.all(Array.from({ length: 6 }, contender));
  const [winner, ...more] = all.filter(({ answer }) => answer === 'taken');
  expect(more).toEqual([]);
  const refused = all.filter((one) => one !== winner).map(({ answer }) => answer);
  expect(new Set(refused)).toEqual(new Set([`refused ${winner?.pid}`]));
  await Promise.all(all.map(({ kill }) => kill()));
});

test('of many that try at once after a SIGKILL one takes the lock over', async () => {
  const first = await contender();
  await first.kill();
  expect(lockHolder(path)).toBeNull();
  const all = await Promise.all(Array.from({ length: 6 }, contender));
  expect(all.filter(({ answer }) => answer === 'taken')).toHaveLength(1);
  await Promise.all(all.map(({ kill }) => kill()));
});

test('a living process that only has the number of a dead holder does not hold the lock', () => {
  writeFileSync(path, JSON.stringify({ pid: process.pid, identity: 'of a process long gone' }));
  expect(lockHolder(path)).toBeNull();
  expect(tryLock(path).release).toBeTypeOf('function');
});

test('a lock file that was cut short is no lock, and giving a lock back leaves nothing behind', () => {
  writeFileSync(path, '{"pid":');
  const { release } = tryLock(path);
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ pid: process.pid, identity: processIdentity(process.pid) });
  release?.();
  expect(readdirSync(folder)).toEqual([]);
});
