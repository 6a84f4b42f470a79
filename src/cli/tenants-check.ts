import { gatewayOwner } from '../credentials.ts';
import type { Database, Scope } from '../db.ts';
import type { PaymentGateway } from '../generated/prisma/enums.ts';
import { PAYMENT_GATEWAYS } from '../integrations/registry.ts';
import { SES_CREDENTIALS } from '../integrations/ses/client.ts';
import { mailOwner } from '../mail.ts';
import { PLATFORM } from '../resolvers/catalogue-change.ts';
import { readCredentials, readTenantState, type TenantState } from '../resolvers/tenant-state.ts';
import type { Vault } from '../vault.ts';
import { table, type Command, type Given, type Surroundings } from './command.ts';
import { catalogueTools, withDatabase } from './open.ts';
import { scopeOf, tenantOf, type Tenant } from './tenants.ts';

/** One thing a tenant needs before it can sell. */
interface Need {
  readonly what: string;
  readonly there: boolean;
  readonly hint: string;
}

export const CHECK: Command = {
  name: 'tenants check',
  usage: '<slug> [--json]',
  help: ['What a tenant still lacks before it can sell; ends with 1 where anything is missing (TEN-11).'],
  options: { json: { type: 'boolean' } },
  words: [1, 1],
  run: (given, around) =>
    withDatabase(around, (db, config) => check(db, catalogueTools(config, around).vault, given, around)),
};

async function check(db: Database, vault: Vault, given: Given, around: Surroundings): Promise<boolean> {
  const tenant = await tenantOf(db, given.words[0]!);
  const [state, needs] = await db.read(scopeOf(tenant), async (tx) => {
    const now = await readTenantState(tx);
    const kept = (owner: string) => readCredentials(vault, tx, tenant.id, owner);
    const all = [...needsOf(now), ...(await senderNeeds(now, kept)), ...(await gatewayNeeds(now, kept))];
    return [now, all] as const;
  });
  needs.push(await mailNeed(db, tenant, state));
  const cells = needs.map(({ what, there, hint }) => [what, there ? 'there' : 'MISSING', there ? '' : hint]);
  if (given.flag('json')) await around.result(JSON.stringify(needs));
  else for (const line of table(['WHAT', 'STATE', 'WHAT TO DO'], cells)) await around.result(line);
  return needs.every(({ there }) => there);
}

/** By owner: name to value, null where it does not open. */
type KeptCredentials = (owner: string) => Promise<ReadonlyMap<string, string | null>>;

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
  ];
  return all.filter((need) => need !== null);
}

async function gatewayNeeds(state: TenantState, kept: KeptCredentials): Promise<Need[]> {
  const on = Object.entries(state.gateways).filter(([, { enabled }]) => enabled === true);
  const needs: Need[] = [{ what: 'gateways', there: on.length > 0, hint: 'Somebody who takes the money: gateways' }];
  for (const { slug, requiredCredentialNames } of PAYMENT_GATEWAYS) {
    const gateway = slug.toUpperCase() as PaymentGateway;
    if (!on.some(([name]) => name === gateway)) continue;
    needs.push(...credentialNeeds(`gateways.${gateway}`, requiredCredentialNames, await kept(gatewayOwner(gateway))));
  }
  return needs;
}

async function senderNeeds({ sender }: TenantState, kept: KeptCredentials): Promise<Need[]> {
  const needs = [
    { what: 'sender', there: sender !== undefined, hint: 'From whom its mail comes, and by what: sender' },
  ];
  if (!sender) return needs;
  const credentials = await kept(mailOwner(sender.transport));
  return [...needs, ...credentialNeeds('sender', requiredOf(sender.transport, credentials), credentials)];
}

/** A mail server may want none at all; whoever logs in needs both, and at SES' server a password can be made of its secret key. */
function requiredOf(transport: 'SMTP' | 'SES', kept: ReadonlyMap<string, string | null>): readonly string[] {
  if (transport === 'SES') return SES_CREDENTIALS;
  if (kept.size === 0) return [];
  return ['USER', kept.has('SECRET_ACCESS_KEY') ? 'SECRET_ACCESS_KEY' : 'PASSWORD'];
}

function credentialNeeds(
  path: string,
  names: readonly string[],
  kept: ReadonlyMap<string, string | null>,
): readonly Need[] {
  return names.map((name) => ({
    what: `${path}.${name}`,
    there: typeof kept.get(name) === 'string',
    hint: kept.has(name)
      ? 'It does not open with this SECRET_KEY; apply it anew'
      : 'Set its environment variable and apply again',
  }));
}

/** Mail of a tenant that can't send yet leaves by the platform, in its name, unless the tenant wants none sent. */
async function mailNeed(db: Database, tenant: Tenant, { sender }: TenantState): Promise<Need> {
  if (sender?.enabled === false) return { what: 'mail', there: false, hint: 'It is switched off: sender.enabled' };
  const there = (await sendsItself(db, scopeOf(tenant))) || (await sendsItself(db, PLATFORM));
  return { what: 'mail', there, hint: 'Nothing is sent until verifyEmailSender finds that it may be' };
}

function sendsItself(db: Database, scope: Scope): Promise<boolean> {
  return db.read(scope, async (tx) => {
    const rows = await tx.query(
      'select from email_senders s where s.tenant_id = current_tenant() and s.enabled and s.verified_at is not null',
    );
    return rows.length > 0;
  });
}
