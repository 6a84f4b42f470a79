import { afterAll, beforeAll, expect, test } from 'vitest';

import { startTestApp, type TestApp } from '../helpers/app.ts';
import { populate } from './population.ts';
import { provePlatformTables, proveTables, tenantTables } from './tables.ts';

let world: TestApp;
beforeAll(async () => {
  world = await startTestApp();
  await populate(world);
});
afterAll(() => world.stop());

test('no table gives a row to the wrong tenant, the wrong customer or to nobody, and takes none from them', async () => {
  const proof = await proveTables(world);
  process.stdout.write(
    `isolation of tables: ${proof.tables} tables, ${proof.probes} probes, ${proof.leaks.length} leaks\n`,
  );
  expect(proof.leaks).toEqual([]);
  expect(proof.tables).toBeGreaterThanOrEqual(25);
});

test('what is the platform’s own is read by all and changed by no tenant, and the proof finds it where one could', async () => {
  expect((await provePlatformTables(world)).leaks).toEqual([]);
  const missed: string[] = [];
  for (const table of ['providers', 'provider_health', 'provider_health_records']) {
    await world.owner(`alter table ${table} disable row level security`);
    if ((await provePlatformTables(world, table)).leaks.length === 0) missed.push(table);
    await world.owner(`alter table ${table} enable row level security`);
  }
  expect(missed).toEqual([]);
});

test('the proof finds the leak when the row-level security of any one table is dropped', async () => {
  const missed: string[] = [];
  for (const table of await tenantTables(world)) {
    await world.owner(`alter table ${table} disable row level security`);
    const { leaks } = await proveTables(world, table);
    await world.owner(`alter table ${table} enable row level security`);
    if (leaks.length === 0) missed.push(table);
  }
  expect(missed).toEqual([]);
});

test('the proof finds the leak when the policy for customers of any one table is dropped', async () => {
  for (const table of ['users', 'sessions', 'orders', 'bookings', 'payments', 'invoices', 'loyalty_lots', 'packages']) {
    const [policy] = await world.owner<{ expression: string }>(
      "select pg_get_expr(polqual, polrelid) as expression from pg_policy where polrelid = $1::regclass and polname = 'customer'",
      [table],
    );
    await world.owner(`drop policy customer on ${table}`);
    const { leaks } = await proveTables(world, table);
    await world.owner(`create policy customer on ${table} as restrictive using (${policy!.expression})`);
    expect(leaks, table).toEqual([`${table}: a customer reads another customer's rows`]);
  }
});
