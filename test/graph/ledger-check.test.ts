import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { eventually, startTestApp, type As, type TestApp } from '../helpers/app.ts';
import { DEMO_TENANT, giveWallet } from '../helpers/wallet.ts';

/** BEY-11 in the graph: what the command does, for a tenant's administrator, within the time a request has. */
const DEADLINE_MS = 4_000;
const QUERY =
  '{ ledgerCheck { ok transactions entries accounts holds firstFault { kind account transaction detail } } }';
let world: TestApp;
let admin: As;
/** In the way of every check until it lets go. */
let blocker: pg.Client;
beforeAll(async () => {
  world = await startTestApp({ worker: false, environment: { REQUEST_DEADLINE_MS: String(DEADLINE_MS) } });
  admin = { token: (await world.session('tenantAdmin')).accessToken };
  for (let count = 0; count < 3; count += 1) await giveWallet(world, '00000000-0000-4000-8000-00000000c001', 500n);
  await giveWallet(world, '00000000-0000-4000-8000-00000000c001', 5n, '00000000-0000-4000-8000-0000000000d2');
  blocker = new pg.Client({ connectionString: world.database.ownerUrl });
  await blocker.connect();
});
afterAll(async () => {
  await blocker.end();
  await world.stop();
});

test("shows the caller's own tenant only, and that it holds", async () => {
  expect(await world.data(admin, QUERY)).toEqual({
    ledgerCheck: { ok: true, transactions: 3, entries: 6, accounts: 2, holds: 0, firstFault: null },
  });
  const platform = { token: (await world.session('platformAdmin')).accessToken, tenant: world.facts.otherTenantSlug };
  expect((await world.data(platform, QUERY)).ledgerCheck).toMatchObject({ ok: true, transactions: 1 });
});

test('is for administrators of the tenant', async () => {
  for (const who of ['operator', 'customer'] as const) {
    const { errors } = await world.ask({ token: (await world.session(who)).accessToken }, QUERY);
    expect(errors?.[0]?.extensions.code).toBe('FORBIDDEN');
  }
  expect((await world.ask({ key: world.facts.partnerKey }, QUERY)).errors?.[0]?.extensions.code).toBe('FORBIDDEN');
  expect((await world.ask({ key: world.facts.portalKey }, QUERY)).errors?.[0]?.extensions.code).toBe('UNAUTHENTICATED');
});

test('names the first place that does not hold', async () => {
  const tamper = (by: number) =>
    world.owner(
      `begin; set local session_replication_role = replica;
       update ledger_entries set balance_minor = balance_minor + ${by} where tenant_id = '${DEMO_TENANT}' and sequence = 2 and amount_minor > 0; commit`,
    );
  await tamper(1);
  const { ledgerCheck } = await world.data(admin, QUERY);
  expect(ledgerCheck).toMatchObject({ ok: false, firstFault: { kind: 'RUNNING_BALANCE' } });
  expect(ledgerCheck.firstFault.detail).toBe('entry 2 of its account leaves a balance of 1001 instead of 1000');
  const [place] = await world.owner(
    'select account_id as account, transaction_id as transaction from ledger_entries where tenant_id = $1 and sequence = 2 and amount_minor > 0',
    [DEMO_TENANT],
  );
  expect(ledgerCheck.firstFault).toMatchObject(place);
  await tamper(-1);
  expect((await world.data(admin, QUERY)).ledgerCheck.ok).toBe(true);
});

test('that can not end within the request ends with a code that names the command, and lets go of everything', async () => {
  await blocker.query('begin; lock table ledger_entries in access exclusive mode');
  const { errors } = await world.ask(admin, QUERY);
  await blocker.query('rollback');
  expect(errors).toMatchObject([
    {
      path: ['ledgerCheck'],
      extensions: { code: 'DEADLINE_EXCEEDED', details: { command: 'npm run cli -- ledger verify' } },
    },
  ]);
  expect(errors![0]!.message).toContain('npm run cli -- ledger verify --tenant');
  expect((await world.data(admin, QUERY)).ledgerCheck.ok).toBe(true);
});

test('runs once at a time for a tenant; others are told that it is busy and may try again', async () => {
  await blocker.query('begin; lock table ledger_entries in access exclusive mode');
  const first = world.ask(admin, QUERY);
  await eventually(
    () => world.owner("select 1 from pg_locks where not granted and relation = 'ledger_entries'::regclass"),
    (rows) => rows.length > 0,
  );
  const second = await world.ask(admin, QUERY);
  expect(second.errors?.[0]?.extensions.code).toBe('OVERLOADED');
  await blocker.query('rollback');
  expect((await first).data?.ledgerCheck.ok).toBe(true);
});
