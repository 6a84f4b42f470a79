import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { keepRunning } from '../../src/launch/keeper.ts';
import { isAlive, waitFor } from '../../src/launch/processes.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'portolan-keeper-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Writes its number to a file, and the way it ended to another. */
function program(): string {
  const file = join(folder, 'program.mjs');
  const number = JSON.stringify(join(folder, 'number'));
  const ended = JSON.stringify(join(folder, 'ended'));
  writeFileSync(
    file,
    `import { writeFileSync } from 'node:fs';
     process.on('SIGTERM', () => { writeFileSync(${ended}, 'in order'); process.exit(0); });
     writeFileSync(${number}, String(process.pid));
     setInterval(() => undefined, 1000);`,
  );
  return file;
}

function read(name: string): string | null {
  try {
    return readFileSync(join(folder, name), 'utf8') || null;
  } catch {
    return null;
  }
}

function keep(file: string, log: string[] = []) {
  return keepRunning({
    name: 'The program',
    file,
    env: process.env,
    log: (line) => log.push(line),
    isReady: async () => read('number') !== null,
    readyMsMax: 20_000,
  });
}

test('a program that is killed is started again, and stopping ends it in the orderly way', async () => {
  const log: string[] = [];
  const keeper = await keep(program(), log);
  const first = Number(read('number'));
  process.kill(first, 'SIGKILL');
  const second = await waitFor(() => (Number(read('number')) !== first ? Number(read('number')) : null), 60_000);
  expect(second).not.toBeNull();
  expect(log[0]).toBe('The program died (SIGKILL); starting it again in 250 ms.');
  await keeper.stop();
  expect(read('ended')).toBe('in order');
  expect(isAlive(second ?? 0)).toBe(false);
});

test('a program that does not start the first time is not tried again', async () => {
  const file = join(folder, 'broken.mjs');
  writeFileSync(file, 'process.exit(3);');
  await expect(keep(file)).rejects.toThrow('The program did not start; its own lines above say why.');
});

test('a program ends in the orderly way when its keeper is killed', async () => {
  const launch = JSON.stringify(join(import.meta.dirname, '../../src/launch/keeper.ts'));
  const script = `
    import { readFileSync } from 'node:fs';
    import { keepRunning } from ${launch};
    const isReady = async () => { try { return readFileSync(${JSON.stringify(join(folder, 'number'))}, 'utf8') !== ''; } catch { return false; } };
    await keepRunning({ name: 'The program', file: ${JSON.stringify(program())}, env: process.env, log: () => undefined, isReady, readyMsMax: 20000 });
    console.log('kept');
    setInterval(() => undefined, 1000);`;
  const keeper = spawn(process.execPath, ['--input-type=module-typescript', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(keeper.stdout, 'data');
  const pid = Number(read('number'));
  keeper.kill('SIGKILL');
  expect(await waitFor(() => !isAlive(pid), 60_000)).toBe(true);
  expect(read('ended')).toBe('in order');
});
