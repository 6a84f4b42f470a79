import { afterAll, beforeAll, expect, test } from 'vitest';

import { startTestApp, type TestApp } from '../helpers/app.ts';
import { runCli, startCli, type CliAnswer } from '../helpers/cli.ts';

let world: TestApp;
beforeAll(async () => {
  world = await startTestApp({ worker: false });
});
afterAll(() => world.stop());

const cli = (args: string[], input = ''): Promise<CliAnswer> => runCli(world.database, args, { real: true, input });
const cliProcess = (args: string[], input: string): Promise<CliAnswer> =>
  startCli(world.database, args, { real: true, input }).answer;

test('the first administrator is made by command, with the password from standard input, and can sign in; twice changes nothing', async () => {
  const made = await cliProcess(['admin', 'create', '--email', 'Root@platform.example'], 'a long password\n');
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
  expect(await cliProcess(['admin', 'create', '--email', 'a@b.example'], '')).toMatchObject({ code: 1 });
  expect((await cli(['dance'])).code).toBe(1);
  expect((await cli(['--help'])).out).toContain('admin create');
});
