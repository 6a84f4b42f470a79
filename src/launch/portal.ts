import { createHmac, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { parse, stringify } from 'yaml';

import { givenOf } from '../cli/command.ts';
import { TENANT_COMMANDS } from '../cli/tenants-provision.ts';
import { listTenants } from '../cli/tenants.ts';
import { Database } from '../db.ts';
import { createIdSource } from '../ids.ts';
import { importKey } from '../resolvers/key.ts';
import { createVault } from '../vault.ts';
import { LaunchFault } from './fault.ts';
import { writePrivate } from './secrets.ts';
import type { LaunchSettings } from './settings.ts';

/** What the sample portal (examples/portal) needs to know of the shop it is the website of. */
export interface PortalShop {
  readonly slug: string;
  /** Publishable. */
  readonly key: string;
  readonly customer: { readonly email: string; readonly password: string };
}

/** Enough for somebody who reloads the page at every change; the file's own limit is for a website that is finished. */
const LIMIT_PER_MINUTE = 6_000;

interface TenantText {
  readonly tenant: { readonly slug: string };
  readonly portal: { readonly origins: readonly string[] };
  readonly customers: readonly { readonly email: string }[];
  readonly keys?: unknown;
}

/**
 * Makes the shop of a tenant's file, through `tenants apply`, with the page's origin allowed, a key, a customer, and an account at the
 * simulated PayFast. Key, password and account follow from the installation's secret, so that doing it again changes nothing.
 * @param file such as examples/style-consultancy.yaml @param origin of the page, such as http://localhost:5173
 */
export async function preparePortal(
  settings: LaunchSettings,
  { appUrl, secretKey, file, origin }: { appUrl: string; secretKey: string; file: string; origin: string },
): Promise<PortalShop> {
  const derive = (name: string) => createHmac('sha256', secretKey).update(`portal|${name}`).digest('base64url');
  const { keys: _keys, ...given } = parse(readFileSync(file, 'utf8')) as TenantText;
  const { slug } = given.tenant;
  const origins = [...new Set([...given.portal.origins, origin])];
  const tenant = { ...given, portal: { ...given.portal, origins, rateLimitPerMinute: LIMIT_PER_MINUTE } };
  const account = {
    // The vendor's numbers have eight digits.
    merchantId: String(10_000_000 + (Buffer.from(derive('merchant'), 'base64url').readUInt32BE() % 90_000_000)),
    merchantKey: derive('merchant key').slice(0, 13),
    passphrase: derive('passphrase').slice(0, 32),
  };
  const password = `portal-${derive('password').slice(0, 12)}`;
  const changed = join(settings.dataDir, 'portal-tenant.yaml');
  writePrivate(changed, stringify(tenant));
  await applyFile(changed, {
    DATABASE_URL: appUrl,
    SECRET_KEY: secretKey,
    STYLE_PAYFAST_MERCHANT_ID: account.merchantId,
    STYLE_PAYFAST_MERCHANT_KEY: account.merchantKey,
    STYLE_PAYFAST_PASSPHRASE: account.passphrase,
    STYLE_TEST_CUSTOMER_PASSWORD: password,
  });
  const key = `pk_test_${derive('key')}`;
  await ensureKey({ databaseUrl: appUrl, secretKey, slug, key });
  await openAccount(settings.simulatorsPort, slug, account);
  return { slug, key, customer: { email: given.customers[0]!.email, password } };
}

async function applyFile(file: string, environment: Readonly<Record<string, string>>): Promise<void> {
  const apply = TENANT_COMMANDS.find(({ name }) => name === 'tenants apply')!;
  await apply.run(givenOf({}, [file]), {
    environment,
    descriptions: [],
    result: async () => undefined,
    progress: () => undefined,
    input: () => '',
    onEnd: () => () => undefined,
  });
}

/** A key that `tenants apply` made is shown once; this one is known for ever. */
async function ensureKey(known: { databaseUrl: string; secretKey: string; slug: string; key: string }): Promise<void> {
  const clock = { now: () => new Date() };
  const db = new Database({
    url: known.databaseUrl,
    poolSize: 1,
    acquireTimeoutMs: 10_000,
    statementTimeoutMs: 10_000,
    applicationName: 'portolan-portal',
    nowMs: () => performance.now(),
  });
  try {
    const vault = createVault({ current: { version: 1, secret: known.secretKey }, older: [], randomBytes });
    const [found] = await db.lookUp<{ id: string }>('select id from find_api_key($1)', [vault.hashKey(known.key)]);
    if (found) return;
    const [tenant] = await listTenants(db, known.slug);
    const author = { name: 'portal', clock, newId: createIdSource(clock, randomBytes) };
    await importKey({ db, vault }, author, tenant!.id, { key: known.key, scopes: [], expiresAt: null });
  } finally {
    await db.close();
  }
}

async function openAccount(simulatorsPort: number, slug: string, account: object): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${simulatorsPort}/_control/payfast/accounts/${slug}`, {
    method: 'PUT',
    body: JSON.stringify(account),
  });
  if (!answer.ok) throw new LaunchFault(`The simulated PayFast refused the shop's account: ${await answer.text()}`);
}
