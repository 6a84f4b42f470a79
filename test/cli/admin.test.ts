import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { startTestApp, type TestApp } from '../helpers/app.ts';

const program = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
let world: TestApp;
beforeAll(async () => {
  world = await startTestApp({ worker: false });
});
afterAll(() => world.stop());

function cli(args: string[], input = ''): Promise<{ code: number | null; out: string; err: string }> {
  const env = {
    PATH: process.env['PATH'],
    DATABASE_URL: world.database.appUrl,
    SECRET_KEY: 'a master key for tests, nowhere else in use',
  };
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, ...args], { env });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  child.stdin.end(input);
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err })));
}

test('the first administrator is made by command, with the password from standard input, and can sign in; twice changes nothing', async () => {
  const made = await cli(['admin', 'create', '--email', 'Root@platform.example'], 'a long password\n');
  expect(made).toMatchObject({ code: 0, err: '' });
  const session = await world.session({ email: 'root@platform.example', password: 'a long password' }, '');
  const { viewer } = await world.data({ token: session.accessToken }, '{ viewer { kind user { email } } }');
  expect(viewer).toEqual({ kind: 'PLATFORM_ADMIN', user: { email: 'root@platform.example' } });
  const again = await cli(['admin', 'create', '--email', 'root@platform.example'], 'another password\n');
  expect(again).toMatchObject({ code: 0 });
  expect(again.out).toContain('already');
  const audited = await world.owner("select action, actor from audit_entries where action = 'admin.create'");
  expect(audited).toEqual([{ action: 'admin.create', actor: 'cli' }]);
});

test('what was typed wrongly is answered in one line and does nothing', async () => {
  expect(await cli(['admin', 'create'], 'x')).toMatchObject({ code: 1, err: 'Say --email.\n' });
  expect(await cli(['admin', 'create', '--email', 'a@b.example'], 'short\n')).toMatchObject({ code: 1 });
  expect(await cli(['admin', 'create', '--email', 'a@b.example'], '')).toMatchObject({ code: 1 });
  expect((await cli(['dance'])).code).toBe(1);
  expect((await cli(['--help'])).out).toContain('admin create');
});
