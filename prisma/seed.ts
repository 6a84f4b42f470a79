import { createHmac, randomBytes } from 'node:crypto';

import { PLATFORM_TENANT_ID } from '../src/auth/platform.ts';
import { createUser, type NewPerson } from '../src/auth/people.ts';
import { KEY_SCOPES } from '../src/access.ts';
import type { Clock } from '../src/clock.ts';
import { Database, type Scope } from '../src/db.ts';
import { AppError } from '../src/errors.ts';
import type { PaymentGateway } from '../src/generated/prisma/enums.ts';
import { createIdSource, type NewId } from '../src/ids.ts';
import { createPasswords, type Passwords } from '../src/passwords.ts';
import type { Author } from '../src/resolvers/configuration.ts';
import { writeGatewayConfig } from '../src/resolvers/gatewayConfig.ts';
import { readRules, writeLoyaltyRules } from '../src/resolvers/loyalty-rules.ts';
import { importKey } from '../src/resolvers/key.ts';
import { createVault, type Vault } from '../src/vault.ts';
import { seedMail } from './seed-mail.ts';
import { seedProviders } from './seed-providers.ts';

export interface Login {
  readonly email: string;
  readonly password: string;
}

/** What scripts need to use the demo; written to DATA_DIR/demo.json, readable by the owner only. */
export interface DemoFacts {
  readonly portalKey: string;
  readonly otherPortalKey: string;
  /** May introspect; GraphiQL is prefilled with it. */
  readonly partnerKey: string;
  readonly customer: Login;
  readonly operator: Login;
  readonly tenantAdmin: Login;
  readonly platformAdmin: Login;
  readonly tenantSlug: string;
  readonly otherTenantSlug: string;
}

/** An account a gateway's simulator must know: who asks with these credentials is this tenant. */
export interface SimulatorAccount {
  /** The simulator's name, such as fawaterk. */
  readonly integration: string;
  readonly id: string;
  /** As that simulator wants them. */
  readonly settings: Readonly<Record<string, unknown>>;
}

export interface SeedOptions {
  /** The application's login: the seed works under row-level security like everything else. */
  readonly databaseUrl: string;
  readonly secretKey: string;
  /** Where this installation is reached, for the addresses of its webhooks. */
  readonly baseUrl: string;
  /** The demo shop's customers earn points and cashback. Tests that count money say their rules themselves. */
  readonly loyalty?: boolean;
  /** Mail is sent, by the simulated SES. */
  readonly mail?: boolean;
  /** Travel providers, with credentials of their sandboxes. */
  readonly providers?: boolean;
}

const DEMO_LIMIT_PER_MINUTE = 100_000;
const TENANTS = [
  {
    id: '00000000-0000-4000-8000-0000000000d1',
    slug: 'demo',
    name: 'Nile Journeys',
    currency: 'EGP',
    timeZone: 'Africa/Cairo',
    locale: 'en',
    address: ['12 Corniche El Nil', 'Cairo', 'Egypt'],
    taxId: '100-200-300',
  },
  {
    id: '00000000-0000-4000-8000-0000000000d2',
    slug: 'other',
    name: 'Red Sea Hotels',
    currency: 'EGP',
    timeZone: 'Africa/Cairo',
    locale: 'ar',
    address: ['Sheraton Road', 'Hurghada', 'Egypt'],
    taxId: '400-500-600',
  },
] as const;
type DemoTenant = (typeof TENANTS)[number];

interface Tools {
  readonly db: Database;
  readonly clock: Clock;
  readonly newId: NewId;
  readonly vault: Vault;
  readonly auth: { readonly passwords: Passwords };
  /** Keys and passwords follow from the installation's secret, so that seeding twice changes nothing. */
  readonly derive: (name: string) => string;
}

/** Two tenants with people, keys and gateways: one for most currencies, one for ZAR. Run it as often as you like. */
export async function seedDemo(
  options: SeedOptions,
): Promise<{ facts: DemoFacts; simulatorAccounts: SimulatorAccount[] }> {
  const clock: Clock = { now: () => new Date() };
  const db = new Database({
    url: options.databaseUrl,
    poolSize: 2,
    acquireTimeoutMs: 10_000,
    statementTimeoutMs: 30_000,
    applicationName: 'portolan-seed',
    nowMs: () => performance.now(),
  });
  const vault = createVault({ current: { version: 1, secret: options.secretKey }, older: [], randomBytes });
  const derive = (name: string) => createHmac('sha256', options.secretKey).update(`demo|${name}`).digest('base64url');
  const tools: Tools = {
    db,
    clock,
    newId: createIdSource(clock, randomBytes),
    vault,
    auth: { passwords: createPasswords(clock) },
    derive,
  };
  try {
    return await seed(tools, options);
  } finally {
    await db.close();
  }
}

async function seed(
  tools: Tools,
  options: SeedOptions,
): Promise<{ facts: DemoFacts; simulatorAccounts: SimulatorAccount[] }> {
  const simulatorAccounts: SimulatorAccount[] = [];
  for (const tenant of TENANTS) {
    await seedTenant(tools, tenant);
    simulatorAccounts.push(
      await seedFawaterk(tools, tenant, options.baseUrl),
      await seedPayfast(tools, tenant),
      await seedPayu(tools, tenant, options.baseUrl),
    );
  }
  const [demo, other] = TENANTS;
  if (options.mail)
    simulatorAccounts.push(await seedMail({ ...tools, author: authorOf(tools), baseUrl: options.baseUrl }, demo));
  if (options.loyalty) await seedLoyalty(tools, demo);
  if (options.providers)
    simulatorAccounts.push(...(await seedProviders({ ...tools, author: authorOf(tools), baseUrl: options.baseUrl })));
  const facts: DemoFacts = {
    portalKey: await seedKey(tools, demo, 'pk_test_', []),
    otherPortalKey: await seedKey(tools, other, 'pk_test_', []),
    partnerKey: await seedKey(tools, demo, 'sk_test_', [...KEY_SCOPES]),
    customer: await seedPerson(tools, demo.id, {
      email: 'customer@demo.example',
      role: 'CUSTOMER',
      firstName: 'Mona',
      lastName: 'Adel',
      locale: 'en',
    }),
    operator: await seedPerson(tools, demo.id, {
      email: 'operator@demo.example',
      role: 'OPERATOR',
      firstName: 'Omar',
      lastName: 'Said',
      locale: 'en',
    }),
    tenantAdmin: await seedPerson(tools, demo.id, {
      email: 'admin@demo.example',
      role: 'TENANT_ADMIN',
      firstName: 'Laila',
      lastName: 'Hassan',
      locale: 'en',
    }),
    platformAdmin: await seedPerson(tools, PLATFORM_TENANT_ID, {
      email: 'platform@demo.example',
      role: 'PLATFORM_ADMIN',
      firstName: 'Platform',
      lastName: 'Admin',
      locale: 'en',
    }),
    tenantSlug: demo.slug,
    otherTenantSlug: other.slug,
  };
  // The other tenant has people of its own, so that "another tenant's" is never empty.
  await seedPerson(tools, other.id, {
    email: 'customer@demo.example',
    role: 'CUSTOMER',
    firstName: 'Karim',
    lastName: 'Fouad',
    locale: 'ar',
  });
  await seedPerson(tools, other.id, {
    email: 'operator@other.example',
    role: 'OPERATOR',
    firstName: 'Nour',
    lastName: 'Ali',
    locale: 'ar',
  });
  return { facts, simulatorAccounts };
}

function authorOf(tools: Tools): Author {
  return { name: 'seed', clock: tools.clock, newId: tools.newId };
}

async function seedTenant(tools: Tools, tenant: DemoTenant): Promise<void> {
  const platform: Scope = { tenantId: PLATFORM_TENANT_ID, customerId: null };
  await tools.db.write(platform, (tx) =>
    tx.query(
      `insert into tenants (id, slug, name, currency_code, locale, time_zone, tax_profile, legal, created_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing`,
      [
        tenant.id,
        tenant.slug,
        tenant.name,
        tenant.currency,
        tenant.locale,
        tenant.timeZone,
        JSON.stringify({ roundingMode: 'HALF_UP', roundingLevel: 'LINE', pricesIncludeTax: false }),
        JSON.stringify({
          addressLines: tenant.address,
          taxId: tenant.taxId,
          legalText: 'Demo data. Nothing here is for sale.',
        }),
        tools.clock.now(),
      ],
    ),
  );
  await tools.db.write({ tenantId: tenant.id, customerId: null }, (tx) =>
    tx.query(
      `update portal_configs set rate_limit_per_minute = $1, cors_origins = $2
       where tenant_id = current_tenant() and cors_origins = '{}' and rate_limit_per_minute = 60`,
      [DEMO_LIMIT_PER_MINUTE, [`https://${tenant.slug}.example`, 'http://localhost:5173']],
    ),
  );
}

async function seedKey(
  tools: Tools,
  tenant: DemoTenant,
  start: 'pk_test_' | 'sk_test_',
  scopes: readonly string[],
): Promise<string> {
  const key = start + tools.derive(`key|${tenant.slug}|${start}`);
  const [found] = await tools.db.lookUp<{ id: string }>('select id from find_api_key($1)', [tools.vault.hashKey(key)]);
  if (!found) await importKey(tools, authorOf(tools), tenant.id, { key, scopes, expiresAt: null });
  return key;
}

async function seedPerson(tools: Tools, tenantId: string, person: Omit<NewPerson, 'secret'>): Promise<Login> {
  const password = `demo-${tools.derive(`password|${tenantId}|${person.email}`).slice(0, 12)}`;
  try {
    await createUser(tools, tenantId, { ...person, secret: { password } });
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'EMAIL_TAKEN') throw error;
  }
  return { email: person.email, password };
}

function uuidOf(derived: string): string {
  const hex = Buffer.from(derived, 'base64url').toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

async function seedFawaterk(tools: Tools, tenant: DemoTenant, baseUrl: string): Promise<SimulatorAccount> {
  const apiKey = `fwk_test_${tools.derive(`api|${tenant.slug}`)}`;
  const vendorKey = `fwk_vendor_${tools.derive(`vendor|${tenant.slug}`)}`;
  // The gateway refunds by its OAuth client only.
  const clientId = uuidOf(tools.derive(`client|${tenant.slug}`));
  const clientSecret = `fwk_client_${tools.derive(`client secret|${tenant.slug}`)}`;
  await seedGateway(tools, tenant, 'FAWATERK', {
    API_KEY: apiKey,
    VENDOR_KEY: vendorKey,
    CLIENT_ID: clientId,
    CLIENT_SECRET: clientSecret,
  });
  const hook = `${baseUrl}/webhooks/payments/fawaterk/${tenant.slug}?_json`;
  return {
    integration: 'fawaterk',
    id: tenant.slug,
    settings: {
      apiKey,
      vendorKey,
      clientId,
      clientSecret,
      webhookUrls: { paid: hook, failed: hook, cancel: hook, refund: hook },
    },
  };
}

/** Its notifications go where each form says. */
async function seedPayfast(tools: Tools, tenant: DemoTenant): Promise<SimulatorAccount> {
  // The vendor's numbers have eight digits; its passphrases are kept to letters and digits (payment-gateways.md 2.9).
  const digits = BigInt(`0x${Buffer.from(tools.derive(`payfast|${tenant.slug}`)).toString('hex')}`) % 90_000_000n;
  const merchantId = String(10_000_000n + digits);
  const merchantKey = tools.derive(`payfast key|${tenant.slug}`).slice(0, 13);
  const passphrase = tools.derive(`payfast passphrase|${tenant.slug}`).slice(0, 32);
  await seedGateway(tools, tenant, 'PAYFAST', {
    MERCHANT_ID: merchantId,
    MERCHANT_KEY: merchantKey,
    PASSPHRASE: passphrase,
  });
  return { integration: 'payfast', id: tenant.slug, settings: { merchantId, merchantKey, passphrase } };
}

/** The form names no address for its webhook: it stands in the vendor's dashboard, here in the simulated account. */
async function seedPayu(tools: Tools, tenant: DemoTenant, baseUrl: string): Promise<SimulatorAccount> {
  const merchantKey = `gt${tools
    .derive(`payu|${tenant.slug}`)
    .replace(/[^A-Za-z0-9]/g, '')
    .slice(0, 6)}`;
  const salt = tools
    .derive(`payu salt|${tenant.slug}`)
    .replace(/[^A-Za-z0-9]/g, '')
    .slice(0, 32);
  await seedGateway(tools, tenant, 'PAYU', { MERCHANT_KEY: merchantKey, SALT: salt });
  const webhookUrl = `${baseUrl}/webhooks/payments/payu/${tenant.slug}`;
  return { integration: 'payu', id: tenant.slug, settings: { merchantKey, salt, webhookUrl } };
}

/** A point for each pound, a twentieth of a pound for each point, and 2 % back after two weeks. */
async function seedLoyalty(tools: Tools, tenant: DemoTenant): Promise<void> {
  await tools.db.write({ tenantId: tenant.id, customerId: null }, async (tx) => {
    // What somebody changed since stays.
    if (await readRules(tx)) return;
    await writeLoyaltyRules(authorOf(tools), tx, {
      pointsEnabled: true,
      pointsPerUnit: '1',
      pointsExpireDays: 365,
      redemptionRate: '0.05',
      cashbackEnabled: true,
      cashbackPercent: '2',
      cashbackPendingDays: 14,
      topUpEnabled: true,
      topUpMin: '10.00',
      topUpMax: '20000.00',
    });
  });
}

async function seedGateway(
  tools: Tools,
  tenant: DemoTenant,
  gateway: PaymentGateway,
  credentials: Readonly<Record<string, string>>,
): Promise<void> {
  await tools.db.write({ tenantId: tenant.id, customerId: null }, async (tx) => {
    const known = await tx.maybeOne(
      'select 1 from payment_gateway_configs where tenant_id = current_tenant() and gateway = $1::payment_gateway',
      [gateway],
    );
    if (known) return;
    await writeGatewayConfig({ author: authorOf(tools), vault: tools.vault }, tx, tenant.id, {
      gateway,
      enabled: true,
      testMode: true,
      credentials: Object.entries(credentials).map(([name, value]) => ({ name, value })),
    });
  });
}
