import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { stringify } from 'yaml';

import type { Config } from '../config.ts';
import type { Database } from '../db.ts';
import { differences, type Difference, type TenantFile } from '../domain/tenant-file.ts';
import { PAYMENT_GATEWAYS } from '../integrations/registry.ts';
import { PLATFORM } from '../resolvers/catalogue-change.ts';
import { plan, provision, type ProvisionTools } from '../resolvers/provision.ts';
import { insertTenant } from '../resolvers/tenant.ts';
import { readGatewayCredentials, readTenantState, type TenantState } from '../resolvers/tenant-state.ts';
import { table, UsageError, type Command, type Given, type Surroundings } from './command.ts';
import { catalogueTools, withDatabase } from './open.ts';
import { customerDifferences, makeCustomers, missingCustomers } from './tenant-customers.ts';
import { readTenantFile } from './tenant-file.ts';
import { listTenants, scopeOf, type Tenant } from './tenants.ts';

const APPLY: Command = {
  name: 'tenants apply',
  usage: '<tenant.yaml> [--dry-run]',
  help: [
    'Makes a tenant be as a file says: the tenant, its website, keys, hours, rules, features, gateways and products (TEN-11). What the',
    'file does not say stays; twice is once. --dry-run shows the difference and changes nothing. Secrets come from the environment',
    'variables that the file names. The stock of a product is said when it is made; afterwards sales decide.',
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
  if (isNew) await around.result(`${tenant.slug} was made.`);
  await show([...changes, ...customerDifferences(customers)], around);
  if (file.sender) around.progress('sender: checked, but not kept: there is no mail yet.');
  return true;
}

async function showPlan(db: Database, tools: ProvisionTools, file: TenantFile, around: Surroundings): Promise<boolean> {
  const [tenant] = await listTenants(db, file.tenant.slug);
  if (!tenant) {
    const { sender: _sender, customers: _customers, ...rest } = file;
    await show(differences({}, rest), around);
    return true;
  }
  const changes = await db.read(scopeOf(tenant), (tx) => plan(tools, tx, tenant.id, file));
  await show([...changes, ...customerDifferences(await missingCustomers(db, tools, tenant, file))], around);
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
  const { author, vault } = catalogueTools(config, around);
  return { author, vault, randomBytes, variables: around.environment };
}

/** The life of tenants is told in the platform's stream, so a new one is made in a transaction of its own. @returns whether it is new */
async function ensureTenant(db: Database, { author }: ProvisionTools, { tenant }: TenantFile): Promise<boolean> {
  if ((await listTenants(db, tenant.slug)).length > 0) return false;
  await db.write(PLATFORM, (tx) => insertTenant(author, tx, tenant));
  return true;
}

async function tenantOf(db: Database, slug: string): Promise<Tenant> {
  const [tenant] = await listTenants(db, slug);
  if (!tenant) throw new UsageError(`There is no tenant "${slug}".`);
  return tenant;
}

async function show(changes: readonly Difference[], around: Surroundings): Promise<void> {
  if (changes.length === 0) return around.result('Nothing to change.');
  const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
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

/** One thing a tenant needs before it can sell. */
interface Need {
  readonly what: string;
  readonly there: boolean;
  readonly hint: string;
}

const CHECK: Command = {
  name: 'tenants check',
  usage: '<slug> [--json]',
  help: ['What a tenant still lacks before it can sell; ends with 1 where anything is missing (TEN-11).'],
  options: { json: { type: 'boolean' } },
  words: [1, 1],
  run: (given, around) => withDatabase(around, (db, config) => check(db, toolsOf(config, around), given, around)),
};

async function check(db: Database, { vault }: ProvisionTools, given: Given, around: Surroundings): Promise<boolean> {
  const tenant = await tenantOf(db, given.words[0]!);
  const needs = await db.read(scopeOf(tenant), async (tx) => {
    const state = await readTenantState(tx);
    const credentialsOf = (gateway: Gateway) => readGatewayCredentials(vault, tx, tenant.id, gateway);
    return [...needsOf(state), ...(await gatewayNeeds(state, credentialsOf))];
  });
  const cells = needs.map(({ what, there, hint }) => [what, there ? 'there' : 'MISSING', there ? '' : hint]);
  if (given.flag('json')) await around.result(JSON.stringify(needs));
  else for (const line of table(['WHAT', 'STATE', 'WHAT TO DO'], cells)) await around.result(line);
  return needs.every(({ there }) => there);
}

type Gateway = 'FAWATERK' | 'PAYFAST' | 'PAYU';

function needsOf(state: TenantState): Need[] {
  const { portal, keys, hours, features, products } = state;
  const isOn = (key: string) => features[key]?.enabled === true;
  const sold = Object.values(products).filter(({ active }) => active === true);
  const all: (Need | null)[] = [
    { what: 'portal.active', there: portal['active'] === true, hint: 'Open the website: portal.active' },
    {
      what: 'portal.origins',
      there: (portal['origins'] as string[]).length > 0,
      hint: 'Say from where browsers ask: portal.origins',
    },
    {
      what: 'keys',
      there: keys.some(({ scopes }) => scopes.length === 0),
      hint: 'A publishable key for the website: keys',
    },
    isOn('store')
      ? { what: 'products', there: sold.length > 0, hint: 'Something to sell, with a code: products' }
      : null,
    isOn('booking')
      ? {
          what: 'hours',
          there: Object.values(hours).some((text) => typeof text === 'string' && text !== 'closed'),
          hint: 'When it is open: hours',
        }
      : null,
    isOn('booking')
      ? {
          what: 'products.bookable',
          there: sold.some(({ bookable }) => bookable === true),
          hint: 'Something to book: a product with bookable',
        }
      : null,
    { what: 'sender', there: false, hint: 'There is no mail yet: a sender can not be kept' },
  ];
  return all.filter((need) => need !== null);
}

async function gatewayNeeds(
  state: TenantState,
  credentialsOf: (gateway: Gateway) => Promise<ReadonlyMap<string, string | null>>,
): Promise<Need[]> {
  const on = Object.entries(state.gateways).filter(([, { enabled }]) => enabled === true);
  const needs: Need[] = [{ what: 'gateways', there: on.length > 0, hint: 'Somebody who takes the money: gateways' }];
  for (const { slug, requiredCredentialNames } of PAYMENT_GATEWAYS) {
    const gateway = slug.toUpperCase() as Gateway;
    if (!on.some(([name]) => name === gateway)) continue;
    const kept = await credentialsOf(gateway);
    for (const name of requiredCredentialNames)
      needs.push({
        what: `gateways.${gateway}.${name}`,
        there: typeof kept.get(name) === 'string',
        hint: kept.has(name)
          ? 'It does not open with this SECRET_KEY; apply it anew'
          : 'Set its environment variable and apply again',
      });
  }
  return needs;
}

export const TENANT_COMMANDS: readonly Command[] = [APPLY, CHECK, EXPORT];
