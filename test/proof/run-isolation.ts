import { ACCESS_RULES } from '../../src/access.ts';
import { decodeGlobalId } from '../../src/global-id.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { runOnServer, withDatabase, type TestServer } from '../helpers/database.ts';
import setUp from '../helpers/globalSetup.ts';
import { proveCustomers } from '../isolation/customers.ts';
import { proveFields } from '../isolation/fields.ts';
import { proveLive } from '../isolation/live.ts';
import { populate, TENANT_A, type Population } from '../isolation/population.ts';
import { proveRoles } from '../isolation/roles.ts';
import { proveTables } from '../isolation/tables.ts';

/**
 * `npm run proof:isolation` (BEY-8): every probe that the catalogue and the schema give, on a database and a server of its own. Prints what
 * was probed and found; ends with an error where there is a leak, or a probe that proves nothing.
 */
interface Part {
  readonly name: string;
  readonly tables?: number;
  readonly fields?: number;
  readonly probes: number;
  readonly leaks: readonly string[];
  readonly withoutControl?: readonly string[];
}

async function proveAll(world: TestApp, population: Population): Promise<Part[]> {
  const victim = decodeGlobalId(population.ids['User']!)!.id;
  const [peer] = await world.owner<{ id: string }>(
    "select id from users where tenant_id = $1 and email = 'peer@a.example'",
    [TENANT_A],
  );
  const callers = {
    ANYONE: {},
    PORTAL: { key: world.facts.portalKey },
    CUSTOMER: population.strangers['another customer of the same tenant']!,
    OPERATOR: population.owners.operator,
    TENANT_ADMIN: population.owners.tenantAdmin,
  };
  return [
    { name: 'tables, by tenant', ...(await proveTables(world)) },
    { name: 'tables, by customer', ...(await proveCustomers(world, victim, peer!.id)) },
    { name: 'subscriptions', ...(await proveLive(world, population)) },
    {
      name: `fields, by role (${Object.keys(ACCESS_RULES).length} rules)`,
      ...(await proveRoles(world, population, callers)),
    },
    // Last, because its controls revoke keys and change the tenant.
    { name: 'fields, over every transport', ...(await proveFields(world, population)) },
  ];
}

function report(parts: readonly Part[]): boolean {
  for (const { name, tables, fields, probes, leaks } of parts) {
    const what = [
      tables !== undefined && `${tables} tables`,
      fields !== undefined && `${fields} fields`,
      `${probes} probes`,
      `${leaks.length} leaks`,
    ];
    console.log(`${name}: ${what.filter(Boolean).join(', ')}`);
    for (const leak of leaks) console.log(`  LEAK ${leak}`);
  }
  const without = parts.flatMap(({ withoutControl }) => withoutControl ?? []);
  for (const label of without) console.log(`  WITHOUT CONTROL ${label}`);
  const sum = (of: (part: Part) => number): number => parts.reduce((total, part) => total + of(part), 0);
  const leaks = sum((part) => part.leaks.length);
  const tables = Math.max(...parts.map((part) => part.tables ?? 0));
  console.log(
    `tables: ${tables}, fields: ${sum((part) => part.fields ?? 0)}, probes: ${sum((part) => part.probes)}, leaks: ${leaks}`,
  );
  return leaks === 0 && without.length === 0;
}

/** The test run's own way to a migrated database, without the test runner. */
async function main(): Promise<boolean> {
  let server: TestServer | null = null;
  const tearDown = await setUp({
    provide: (_name: string, value: TestServer) => (server = value),
  } as unknown as Parameters<typeof setUp>[0]);
  try {
    const { ownerUrl, appUrl, seededTemplate, seed, prefix } = server!;
    const name = `${prefix}_isolation`;
    await runOnServer(ownerUrl, `create database ${name} template ${seededTemplate}`);
    const drop = () => runOnServer(ownerUrl, `drop database if exists ${name} with (force)`);
    const world = await startTestApp({
      worker: false,
      database: { ownerUrl: withDatabase(ownerUrl, name), appUrl: withDatabase(appUrl, name), seed, drop },
    });
    try {
      return report(await proveAll(world, await populate(world)));
    } finally {
      await world.stop();
      await drop();
    }
  } finally {
    await tearDown();
  }
}

process.exitCode = (await main()) ? 0 : 1;
