import pg from 'pg';

import type { Scope } from '../../src/db.ts';
import type { TestApp } from '../helpers/app.ts';
import { TENANT_A, TENANT_B } from './population.ts';

/** Tables no tenant owns, and why that is right. */
export const PLATFORM_TABLES: Readonly<Record<string, string>> = {
  _prisma_migrations: 'the list of migrations; the application has no right to it',
  signing_keys: "the platform's own token keys: the private half is sealed, the public half is published",
  providers: "the platform's catalogue: everybody's process routes by it, and the credentials are elsewhere",
  provider_health: 'how the providers do, from everybody’s calls: numbers, by which everybody is routed',
  provider_health_records: 'the same, as it was',
};

/** Tables in which a customer's transaction sees its own rows only: the column that says whose. */
const CUSTOMER_TABLES: Readonly<Record<string, string>> = {
  users: 'id',
  sessions: 'user_id',
  orders: 'customer_id',
  bookings: 'customer_id',
  payments: 'customer_id',
  invoices: 'customer_id',
  ledger_accounts: 'holder_id',
  ledger_entries: 'holder_id',
  ledger_holds: 'holder_id',
  loyalty_lots: 'customer_id',
  packages: 'customer_id',
};

export interface TableProof {
  readonly tables: number;
  readonly probes: number;
  readonly leaks: readonly string[];
}

interface Probe {
  /** What is said when it finds something. */
  readonly leak: string;
  readonly run: () => Promise<boolean>;
}

/** Every table of the catalogue, probed as the application's login: reading and writing with the wrong tenant, the wrong customer, and none. */
export async function proveTables(world: TestApp, only?: string): Promise<TableProof> {
  const tables = (await tenantTables(world)).filter((table) => only === undefined || table === only);
  const leaks: string[] = [];
  let probes = 0;
  for (const table of tables) {
    const controls = await positiveControl(world, table);
    if (controls) leaks.push(controls);
    for (const probe of [
      ...readingProbes(world, table),
      ...(await writingProbes(world, table)),
      ...(await customerProbes(world, table)),
    ]) {
      probes += 1;
      if (await probe.run()) leaks.push(probe.leak);
    }
  }
  return { tables: tables.length, probes, leaks };
}

/** @throws where a table is neither a tenant's nor explained: a new table must be thought about. */
export async function tenantTables(world: TestApp): Promise<string[]> {
  const rows = await world.owner<{ name: string; owned: boolean }>(
    `select c.relname as name, exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id') or c.relname = 'tenants' as owned
     from pg_class c where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace order by 1`,
  );
  const unexplained = rows.filter(({ name, owned }) => !owned && !(name in PLATFORM_TABLES));
  if (unexplained.length > 0)
    throw new Error(
      `No tenant owns ${unexplained.map(({ name }) => name).join(', ')}: say in PLATFORM_TABLES why that is right.`,
    );
  return rows.filter(({ owned }) => owned).map(({ name }) => name);
}

const ownerColumn = (table: string) => (table === 'tenants' ? 'id' : 'tenant_id');

async function positiveControl(world: TestApp, table: string): Promise<string | null> {
  const [row] = await world.owner<{ count: string }>(
    `select count(*) as count from ${table} where ${ownerColumn(table)} = $1`,
    [TENANT_A],
  );
  const seen = await count(world, { tenantId: TENANT_A, customerId: null }, table);
  const wanted = Number(row!.count);
  if (wanted === 0) return `${table}: no row of tenant A, so nothing was proven`;
  return seen === wanted ? null : `${table}: tenant A sees ${seen} of its ${wanted} rows, so the probes prove nothing`;
}

async function count(world: TestApp, scope: Scope, table: string): Promise<number> {
  return world.app.db.read(scope, async (tx) => {
    const [row] = await tx.query<{ count: bigint }>(
      `select count(*) as count from ${table} where ${ownerColumn(table)} = '${TENANT_A}'`,
    );
    return Number(row!.count);
  });
}

function readingProbes(world: TestApp, table: string): Probe[] {
  return [
    // The streams' heads of the platform are numbers for all; another tenant's are not.
    {
      leak: `${table}: tenant B reads rows of tenant A`,
      run: async () => (await count(world, { tenantId: TENANT_B, customerId: null }, table)) > 0,
    },
    {
      leak: `${table}: read without any tenant`,
      run: async () => {
        const rows = await world.app.db.lookUp<{ count: bigint }>(
          `select count(*) as count from ${table} where ${ownerColumn(table)} = '${TENANT_A}'`,
          [],
        );
        return Number(rows[0]!.count) > 0;
      },
    },
  ];
}

// Whatever the refusal is (no right, row-level security, append-only), nothing of A may change and nothing be added.
async function writingProbes(world: TestApp, table: string): Promise<Probe[]> {
  const fingerprint = async () =>
    (
      await world.owner<{ print: string }>(
        `select md5(coalesce(string_agg(t::text, '|' order by t::text), '')) as print from ${table} t where ${ownerColumn(table)} = $1`,
        [TENANT_A],
      )
    )[0]!.print;
  const columns = await world.owner<{ name: string }>(
    `select attname as name from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped and attname <> $2 order by attnum`,
    [table, ownerColumn(table)],
  );
  const attempt = async (statement: string): Promise<boolean> => {
    const before = await fingerprint();
    await world.app.db
      .write({ tenantId: TENANT_B, customerId: null }, (tx) => tx.query(statement))
      .catch((error: unknown) => {
        if (!(error instanceof pg.DatabaseError)) throw error;
      });
    return (await fingerprint()) !== before;
  };
  const id = columns.some(({ name }) => name === 'id') && table !== 'tenants' ? ", 'id', gen_random_uuid()" : '';
  return [
    ...columns.map(({ name }): Probe => ({
      leak: `${table}.${name}: tenant B changes rows of tenant A`,
      run: () => attempt(`update ${table} set ${name} = null where ${ownerColumn(table)} = '${TENANT_A}'`),
    })),
    {
      leak: `${table}: tenant B deletes rows of tenant A`,
      run: () => attempt(`delete from ${table} where ${ownerColumn(table)} = '${TENANT_A}'`),
    },
    {
      leak: `${table}: tenant B writes rows as tenant A`,
      run: async () => {
        const [row] = await world.owner<{ row: unknown }>(
          `select to_jsonb(t) as row from ${table} t where ${ownerColumn(table)} = $1 limit 1`,
          [TENANT_A],
        );
        const json = JSON.stringify(row?.row ?? {}).replaceAll("'", "''");
        return attempt(
          `insert into ${table} select * from jsonb_populate_record(null::${table}, '${json}'::jsonb || jsonb_build_object('position', null${id}))`,
        );
      },
    },
  ];
}

async function customerProbes(world: TestApp, table: string): Promise<Probe[]> {
  const column = CUSTOMER_TABLES[table];
  if (!column) return [];
  const people = await world.owner<{ id: string }>(
    "select id from users where tenant_id = $1 and role = 'CUSTOMER' and email in ('peer@a.example', 'kanarie@victim.example') order by email",
    [TENANT_A],
  );
  const [victim, peer] = people.map(({ id }) => id);
  const rowsOf = (customerId: string) =>
    world.app.db.read({ tenantId: TENANT_A, customerId }, async (tx) => {
      const [row] = await tx.query<{ count: bigint }>(
        `select count(*) as count from ${table} where ${column} = '${victim}'`,
      );
      return Number(row!.count);
    });
  return [
    { leak: `${table}: a customer reads another customer's rows`, run: async () => (await rowsOf(peer!)) > 0 },
    {
      leak: `${table}: a customer does not see their own rows, so nothing was proven`,
      run: async () => (await rowsOf(victim!)) === 0,
    },
  ];
}

/** Tables that everybody reads and the platform alone writes. */
const READ_BY_ALL = ['providers', 'provider_health', 'provider_health_records'] as const;

/** What a tenant could do to the platform's own tables: nothing but read. */
export async function provePlatformTables(world: TestApp, only?: string): Promise<TableProof> {
  const tables = READ_BY_ALL.filter((table) => only === undefined || table === only);
  const leaks: string[] = [];
  let probes = 0;
  for (const table of tables) {
    const print = async () =>
      (await world.owner(`select md5(string_agg(t::text, '|' order by t::text)) as print from ${table} t`))[0].print;
    const before = await print();
    if (before === null) leaks.push(`${table}: it is empty, so nothing was proven`);
    const columns = await world.owner<{ name: string }>(
      'select attname as name from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped order by attnum',
      [table],
    );
    const [row] = await world.owner(`select to_jsonb(t) as row from ${table} t limit 1`);
    const json = JSON.stringify(row?.row ?? {}).replaceAll("'", "''");
    const attempts = [
      ...columns.map(({ name }) => `update ${table} set ${name} = ${name}${name === 'version' ? ' + 1' : ''}`),
      `delete from ${table}`,
      `insert into ${table} select * from jsonb_populate_record(null::${table}, '${json}'::jsonb || jsonb_build_object(${table === 'providers' ? "'slug', 'forged', " : ''}'id', gen_random_uuid()))`,
    ];
    for (const statement of attempts) {
      probes += 1;
      const changed = await world.app.db
        .write({ tenantId: TENANT_A, customerId: null }, (tx) => tx.query(`${statement} returning *`))
        .catch((error: unknown) => {
          if (!(error instanceof pg.DatabaseError)) throw error;
          return [];
        });
      if (changed.length > 0 || (await print()) !== before) leaks.push(`${table}: a tenant changes it: ${statement}`);
    }
  }
  return { tables: tables.length, probes, leaks };
}
