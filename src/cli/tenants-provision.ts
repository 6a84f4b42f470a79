import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { stringify } from 'yaml';

import type { Config } from '../config.ts';
import { pgConstraint, type Database } from '../db.ts';
import { differences, type Difference, type TenantFile } from '../domain/tenant-file.ts';
import { PLATFORM } from '../resolvers/catalogue-change.ts';
import { plan, provision, type ProvisionTools } from '../resolvers/provision.ts';
import { insertTenant } from '../resolvers/tenant.ts';
import { readTenantState } from '../resolvers/tenant-state.ts';
import { UsageError, type Command, type Given, type Surroundings } from './command.ts';
import { catalogueTools, withDatabase } from './open.ts';
import { customerDifferences, makeCustomers, missingCustomers } from './tenant-customers.ts';
import { applyTestBooking, plannedTestBooking } from './tenant-test-booking.ts';
import { readTenantFile } from './tenant-file.ts';
import { CHECK } from './tenants-check.ts';
import { listTenants, scopeOf, tenantOf } from './tenants.ts';

const APPLY: Command = {
  name: 'tenants apply',
  usage: '<tenant.yaml> [--dry-run]',
  help: [
    'Makes a tenant be as a file says: the tenant, its website, keys, hours, rules, features, gateways, sender,',
    'products and who does which service (TEN-11). What the file does not say stays; twice is once. --dry-run',
    'shows the difference and changes nothing. Secrets come from the environment variables that the file names.',
    'The stock of a product is said when it is made; afterwards sales decide. A test customer and a test booking',
    'are made once; the booking takes the next free time, and never one of a tenant with live keys.',
  ],
  options: { 'dry-run': { type: 'boolean' } },
  words: [1, 1],
  run: (given, around) => withDatabase(around, (db, config) => apply(db, toolsOf(config, around), given, around)),
};

async function apply(db: Database, tools: ProvisionTools, given: Given, around: Surroundings): Promise<boolean> {
  const file = readFile(given);
  if (given.flag('dry-run')) return showPlan(db, tools, file, around);
  const isNew = await ensureTenant(db, tools, file);
  const tenant = await tenantOf(db, file.tenant.slug);
  const { changes, keys } = await db.write(scopeOf(tenant), (tx) => provision(tools, tx, file));
  // Before anything else that may fail: nobody can show them again.
  for (const { mode, scopes, key } of keys)
    await around.result(`key ${[mode.toLowerCase(), ...scopes].join(' ')}: ${key}  (shown this once)`);
  const customers = await missingCustomers(db, tools, tenant, file);
  await makeCustomers(db, tools, tenant, customers);
  const booked = await applyTestBooking(db, tools, tenant, file, around);
  if (isNew) await around.result(`${tenant.slug} was made.`);
  await show([...changes, ...customerDifferences(customers), ...booked], around);
  return true;
}

async function showPlan(db: Database, tools: ProvisionTools, file: TenantFile, around: Surroundings): Promise<boolean> {
  const [tenant] = await listTenants(db, file.tenant.slug);
  if (!tenant) {
    const { customers: _customers, testBooking: _booking, ...rest } = file;
    await show([...differences({}, rest), ...(await plannedTestBooking(db, undefined, file))], around);
    return true;
  }
  const changes = await db.read(scopeOf(tenant), (tx) => plan(tools, tx, tenant.id, file));
  const customers = customerDifferences(await missingCustomers(db, tools, tenant, file));
  await show([...changes, ...customers, ...(await plannedTestBooking(db, tenant, file))], around);
  return true;
}

function readFile(given: Given): TenantFile {
  const name = given.words[0]!;
  try {
    return readTenantFile(readFileSync(name, 'utf8'), name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    throw new UsageError(`${name} can't be read: ${(error as NodeJS.ErrnoException).code}`);
  }
}

function toolsOf(config: Config, around: Surroundings): ProvisionTools {
  const { author, vault, production } = catalogueTools(config, around);
  return { author, vault, randomBytes, variables: around.environment, production };
}

/** The life of tenants is told in the platform's stream, so a new one is made in a transaction of its own. @returns whether it is new */
async function ensureTenant(db: Database, { author }: ProvisionTools, { tenant }: TenantFile): Promise<boolean> {
  if ((await listTenants(db, tenant.slug)).length > 0) return false;
  try {
    await db.write(PLATFORM, (tx) => insertTenant(author, tx, tenant));
    return true;
  } catch (error) {
    // Somebody applied it at the same moment: theirs is as good.
    if (pgConstraint(error) !== 'tenants_slug_key') throw error;
    return false;
  }
}

async function show(changes: readonly Difference[], around: Surroundings): Promise<void> {
  if (changes.length === 0) return around.result('Nothing to change.');
  const text = (value: unknown) => (typeof value === 'string' ? value || "''" : JSON.stringify(value));
  for (const { path, before, after } of changes)
    await around.result(
      before === undefined
        ? `+ ${path.join('.')}: ${text(after)}`
        : `~ ${path.join('.')}: ${text(before)} -> ${text(after)}`,
    );
}

const EXPORT: Command = {
  name: 'tenants export',
  usage: '<slug>',
  help: [
    'The file that `tenants apply` would make a tenant of: the same bytes as long as nothing changes. Keys and credentials are not in it;',
    'products without a code can not be, either.',
  ],
  words: [1, 1],
  run: (given, around) => withDatabase(around, (db) => exportTenant(db, given.words[0]!, around)),
};

async function exportTenant(db: Database, slug: string, around: Surroundings): Promise<boolean> {
  const state = await db.read(scopeOf(await tenantOf(db, slug)), readTenantState);
  await around.result(stringify(state, { lineWidth: 0 }).trimEnd());
  return true;
}

export const TENANT_COMMANDS: readonly Command[] = [APPLY, CHECK, EXPORT];
