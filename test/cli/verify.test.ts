import { afterAll, beforeAll, expect, test } from 'vitest';

import { startTestApp, type TestApp } from '../helpers/app.ts';
import { runCli, startCli, type CliAnswer } from '../helpers/cli.ts';
import { DEMO_TENANT, giveWallet } from '../helpers/wallet.ts';

/** BEY-11, PRV-15: by command, for whoever has a shell, over all tenants. */
const OTHER_TENANT = '00000000-0000-4000-8000-0000000000d2';
let world: TestApp;
beforeAll(async () => {
  world = await startTestApp({ worker: false });
  for (const tenantId of [DEMO_TENANT, OTHER_TENANT, DEMO_TENANT])
    await giveWallet(world, '00000000-0000-4000-8000-00000000c001', 500n, tenantId);
  const admin = { token: (await world.session('tenantAdmin')).accessToken };
  for (const corsOrigins of [['https://a.example'], ['https://b.example'], ['https://c.example']])
    await world.data(
      admin,
      'mutation ($input: UpdatePortalConfigInput!) { updatePortalConfig(input: $input) { tenant { id } userErrors { code } } }',
      { input: { corsOrigins } },
    );
});
afterAll(() => world.stop());

const cli = (...args: string[]): Promise<CliAnswer> => runCli(world.database, args, { real: true });
const cliProcess = (...args: string[]): Promise<CliAnswer> => startCli(world.database, args, { real: true }).answer;

/** Past every trigger, as somebody who may do anything. */
const tamper = (statement: string) =>
  world.owner(`begin; set local session_replication_role = replica; ${statement}; commit`);

test('ledger verify says of every tenant what was looked at and that it holds, and ends with 0', async () => {
  expect(await cliProcess('ledger', 'verify')).toEqual({
    code: 0,
    err: '',
    out: [
      'demo: 2 transactions, 4 entries, 2 accounts, 0 holds: ok',
      'other: 1 transactions, 2 entries, 2 accounts, 0 holds: ok',
      'platform: 0 transactions, 0 entries, 0 accounts, 0 holds: ok',
      '',
    ].join('\n'),
  });
  expect(await cli('ledger', 'verify', '--tenant', 'other')).toEqual({
    code: 0,
    err: '',
    out: 'other: 1 transactions, 2 entries, 2 accounts, 0 holds: ok\n',
  });
});

test('ledger verify names the place where a ledger breaks, goes on with the others, and ends with 1', async () => {
  const [{ id }] = await world.owner('select id from ledger_transactions where tenant_id = $1 limit 1', [DEMO_TENANT]);
  await tamper(
    `update ledger_entries set amount_minor = amount_minor + 1 where transaction_id = '${id}' and position = 1`,
  );
  const { code, out } = await cli('ledger', 'verify');
  expect(code).toBe(1);
  expect(out.split('\n').slice(0, 2)).toEqual([
    `demo: FAULT UNBALANCED at transaction ${id}: 2 entries sum to 1`,
    'other: 1 transactions, 2 entries, 2 accounts, 0 holds: ok',
  ]);
  expect((await cli('ledger', 'verify', '--tenant', 'other')).code).toBe(0);
  await tamper(
    `update ledger_entries set amount_minor = amount_minor - 1 where transaction_id = '${id}' and position = 1`,
  );
  expect((await cli('ledger', 'verify')).code).toBe(0);
});

test('audit verify counts the entries of every chain, and names the one that was changed or is missing', async () => {
  const whole = await cli('audit', 'verify');
  expect(whole).toMatchObject({ code: 0, err: '' });
  expect(whole.out).toMatch(/^demo: [1-9]\d* entries: ok\nother: \d+ entries: ok\nplatform: \d+ entries: ok\n$/);
  const count = Number(/demo: (\d+)/.exec(whole.out)![1]);
  const place = `tenant_id = '${DEMO_TENANT}' and position = ${count - 1}`;
  const [{ action }] = await world.owner(`select action from audit_entries where ${place}`);
  await tamper(`update audit_entries set action = 'nothing.happened' where ${place}`);
  expect(await cli('audit', 'verify', '--tenant', 'demo')).toMatchObject({
    code: 1,
    out: `demo: FAULT at entry ${count - 1} of ${count}: it was changed, or one is missing or was added there\n`,
  });
  await tamper(`update audit_entries set action = '${action}' where ${place}`);
  expect((await cli('audit', 'verify')).code).toBe(0);
  await tamper(`delete from audit_entries where tenant_id = '${DEMO_TENANT}' and position = ${count}`);
  const cut = await cliProcess('audit', 'verify');
  expect(cut.code).toBe(1);
  expect(cut.out).toContain(`demo: FAULT at entry ${count} of ${count - 1}:`);
});

test('a tenant that is not there, and a command that is not there, are one line and 1', async () => {
  for (const what of ['ledger', 'audit'])
    expect(await cli(what, 'verify', '--tenant', "nobody' or true --")).toEqual({
      code: 1,
      out: '',
      err: 'There is no tenant "nobody\' or true --".\n',
    });
  expect((await cli('ledger')).code).toBe(1);
  expect((await cli('ledger', 'mend')).code).toBe(1);
  expect((await cli('--help')).out).toContain('ledger verify [--tenant slug]');
});
