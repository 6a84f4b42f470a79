import { afterAll, beforeAll, expect, test } from 'vitest';

import { PLATFORM_TENANT_ID } from '../../src/auth/platform.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { runCli, startCli } from '../helpers/cli.ts';
import { DEMO_TENANT } from '../helpers/wallet.ts';

/** The audit log by command (PRV-15): for whoever keeps it elsewhere. */
let world: TestApp;
beforeAll(async () => {
  world = await startTestApp({ worker: false });
  const admin = { token: (await world.session('tenantAdmin')).accessToken };
  for (const corsOrigins of [['https://a.example'], ['https://b.example']])
    await world.data(
      admin,
      'mutation ($input: UpdatePortalConfigInput!) { updatePortalConfig(input: $input) { tenant { id } } }',
      { input: { corsOrigins } },
    );
  // More than a page, written as everybody writes them.
  await world.app.db.write({ tenantId: DEMO_TENANT, customerId: null }, (tx) =>
    tx.query(
      `insert into audit_entries (tenant_id, id, actor, action, target, before, after, occurred_at)
       select current_tenant(), gen_random_uuid(), 'test', 'many', 'Tenant:' || n, null, '{"a": "é \\"x\\""}', now() from generate_series(1, 1200) n`,
    ),
  );
});
afterAll(() => world.stop());

const cli = (...args: string[]) => runCli(world.database, ['audit', ...args]);
const linesOf = (out: string): any[] =>
  out
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));

test('every entry of every tenant is a line of its own, in the order of its chain, each with the hash before it', async () => {
  const { code, out, err } = await startCli(world.database, ['audit', 'export']).answer;
  expect(code).toBe(0);
  const lines = linesOf(out);
  const chains = Map.groupBy(lines, ({ tenant }) => tenant as string);
  const counted = await world.owner<{ slug: string; count: number }>(
    'select t.slug, count(a.id)::int as count from tenants t left join audit_entries a on a.tenant_id = t.id group by 1 order by 1',
  );
  for (const { slug, count } of counted) {
    const chain = chains.get(slug) ?? [];
    expect(
      chain.map(({ position }) => position),
      slug,
    ).toEqual(Array.from({ length: count }, (_, index) => index + 1));
    let before = '00';
    for (const { previousHash, hash } of chain) {
      expect(previousHash).toBe(before);
      before = hash;
    }
    expect(err).toContain(`${slug}: ${count} entries`);
  }
  expect(chains.get('demo')!.length).toBeGreaterThan(1_200);
});

test('a line says all that its hash is made of: the database makes the same hash of it', async () => {
  const { out } = await cli('export', '--tenant', 'demo');
  const lines = linesOf(out);
  expect(new Set(lines.map(({ tenant }) => tenant))).toEqual(new Set(['demo']));
  for (const line of [lines[0], lines[1], lines.at(-1)]) {
    const [made] = await world.owner(
      `select encode(audit_hash(decode($1, 'hex'), $2, jsonb_populate_record(null::audit_entries, $3::jsonb)), 'hex') as hash`,
      [
        line.previousHash,
        line.position,
        JSON.stringify({ ...line, tenant_id: line.tenantId, occurred_at: line.occurredAt, hash: null }),
      ],
    );
    expect(made.hash).toBe(line.hash);
  }
});

test('one who reads slowly or stops reading costs nobody anything', async () => {
  const { child, answer } = startCli(world.database, ['audit', 'export']);
  child.stdout!.once('data', () => child.stdout!.destroy());
  expect((await answer).code).toBe(0);
  const open = await world.owner(
    "select 1 from pg_stat_activity where application_name = 'portolan-cli' and datname = current_database() and state like 'idle in%'",
  );
  expect(open).toEqual([]);
});

test('an entry that is missing is told, and not passed over', async () => {
  const place = `tenant_id = '${PLATFORM_TENANT_ID}'`;
  await world.owner(`update streams set audit_position = audit_position + 5 where ${place}`);
  const { code, err } = await cli('export', '--tenant', 'platform');
  await world.owner(`update streams set audit_position = audit_position - 5 where ${place}`);
  expect(code).toBe(1);
  expect(err).toMatch(/The audit log of platform ends at \d+ instead of \d+/);
});

test('a tenant that is not there is one line', async () => {
  expect(await cli('export', '--tenant', 'nobody')).toEqual({
    code: 1,
    out: '',
    err: 'There is no tenant "nobody".\n',
  });
});
