import { credentialContext } from '../credentials.ts';
import type { Statements } from '../db.ts';
import type { BookingRules } from '../domain/booking-rules.ts';
import { localTime } from '../domain/business-hours.ts';
import type { FeatureFlag } from '../domain/feature-flags.ts';
import { formatAmount } from '../domain/money.ts';
import { DAYS, type TenantFile } from '../domain/tenant-file.ts';
import { PRODUCT_COLUMNS, type ProductRow } from '../loaders.ts';
import type { Vault } from '../vault.ts';
import { readBookingRules } from './booking-rules.ts';
import { readBusinessHours } from './business-hours.ts';
import { readFlags } from './feature-flag.ts';
import { SENDER_COLUMNS } from './mail-sender-load.ts';
import type { EmailSenderRow } from './mail-sender.ts';
import { PORTAL, type PortalRow } from './portal.ts';
import { readResources } from './resource.ts';

/** A tenant as a file would say it, whole (TEN-11). Always in the same order, so that two of them can be compared as texts. */
export interface TenantState {
  readonly tenant: Readonly<Record<string, unknown>>;
  readonly portal: Readonly<Record<string, unknown>>;
  readonly keys: readonly { readonly mode: string; readonly scopes: readonly string[] }[];
  readonly hours: Readonly<Record<string, unknown>>;
  readonly bookingRules: BookingRules;
  readonly features: Readonly<Record<string, Pick<FeatureFlag, 'enabled' | 'config'>>>;
  readonly gateways: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Undefined: it has none of its own. */
  readonly sender: Omit<NonNullable<TenantFile['sender']>, 'credentials'> | undefined;
  readonly products: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly resources: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** Of the tenant worked in. */
export async function readTenantState(tx: Statements): Promise<TenantState> {
  return {
    tenant: await readTenant(tx),
    portal: await readPortal(tx),
    keys: await readKeys(tx),
    hours: await readHours(tx),
    bookingRules: inOrder(await readBookingRules(tx)),
    features: Object.fromEntries((await readFlags(tx)).map(({ key, ...flag }) => [key, flag])),
    gateways: await readGateways(tx),
    sender: await readSender(tx),
    products: await readProducts(tx),
    resources: await readNamedResources(tx),
  };
}

const RULES = [
  'advanceBookingDays',
  'minAdvanceHours',
  'maxAdvanceDays',
  'slotDurationMinutes',
  'bufferMinutes',
  'capacity',
  'cancelNoticeHours',
  'holdMinutes',
  'maxUnpaidAppointments',
  'maxUnpaidOrders',
] as const satisfies readonly (keyof BookingRules)[];

function inOrder(rules: BookingRules): BookingRules {
  return Object.fromEntries(RULES.map((name) => [name, rules[name]])) as unknown as BookingRules;
}

/** What there is; what is null is not there. */
function given(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== undefined));
}

interface TenantFacts {
  readonly slug: string;
  readonly name: string;
  readonly domain: string | null;
  readonly currencyCode: string;
  readonly locale: string;
  readonly timeZone: string;
  readonly taxProfile: Readonly<Record<string, unknown>>;
  readonly legal: Readonly<Record<string, unknown>>;
}

async function readTenant(tx: Statements): Promise<Record<string, unknown>> {
  const [row] = await tx.query<TenantFacts>(
    `select t.slug, t.name, t.domain, t.currency_code as "currencyCode", t.locale, t.time_zone as "timeZone", t.tax_profile as "taxProfile", t.legal
     from tenants t where t.id = current_tenant()`,
  );
  const { taxProfile, legal, ...rest } = row!;
  return given({
    ...rest,
    taxProfile: given({
      roundingMode: taxProfile['roundingMode'],
      roundingLevel: taxProfile['roundingLevel'],
      pricesIncludeTax: taxProfile['pricesIncludeTax'],
    }),
    legal: given({ addressLines: legal['addressLines'], taxId: legal['taxId'], legalText: legal['legalText'] }),
  });
}

async function readPortal(tx: Statements): Promise<Record<string, unknown>> {
  const [row] = await tx.query<PortalRow>(PORTAL);
  const { corsOrigins: origins, ...rest } = row!;
  return { origins, ...rest };
}

/** Those that work, of each kind once: a key's own text is known to nobody. */
async function readKeys(tx: Statements): Promise<TenantState['keys']> {
  return tx.query(
    `select distinct k.mode::text as mode, (select coalesce(array_agg(s order by s), '{}') from unnest(k.scopes) s) as scopes from api_keys k
     where k.tenant_id = current_tenant() and k.revoked_at is null and (k.expires_at is null or k.expires_at > now()) order by 1, 2`,
  );
}

async function readHours(tx: Statements): Promise<Record<string, unknown>> {
  const { week, exceptions } = await readBusinessHours(tx);
  const text = (open: { opensMinute: number; closesMinute: number } | null | undefined) =>
    open ? `${localTime(open.opensMinute)}-${localTime(open.closesMinute)}` : 'closed';
  const dates = [...exceptions].toSorted(([one], [other]) => (one < other ? -1 : 1));
  return {
    ...Object.fromEntries(DAYS.map((day, index) => [day, text(week.get(index + 1))])),
    exceptions: Object.fromEntries(dates.map(([date, open]) => [date, text(open)])),
  };
}

async function readGateways(tx: Statements): Promise<TenantState['gateways']> {
  const rows = await tx.query<{ gateway: string; enabled: boolean; testMode: boolean; amountRule: string }>(
    `select g.gateway::text as gateway, g.enabled, g.test_mode as "testMode", g.amount_rule as "amountRule" from payment_gateway_configs g
     where g.tenant_id = current_tenant() order by 1`,
  );
  return Object.fromEntries(rows.map(({ gateway, ...settings }) => [gateway, settings]));
}

async function readSender(tx: Statements): Promise<TenantState['sender']> {
  const [row] = await tx.query<EmailSenderRow>(
    `select ${SENDER_COLUMNS} from email_senders s where s.tenant_id = current_tenant()`,
  );
  if (!row) return undefined;
  const { transport, enabled, fromAddress, fromName, replyTo, smtpHost, smtpPort, sesRegion } = row;
  const { transactionalSet, marketingSet, topicArn } = row;
  return {
    transport,
    enabled,
    from: fromAddress,
    ...given({ name: fromName, replyTo, smtpHost, smtpPort, sesRegion, transactionalSet, marketingSet, topicArn }),
  };
}

/** Those that have a code: by it a file knows them. */
async function readProducts(tx: Statements): Promise<TenantState['products']> {
  const rows = await tx.query<ProductRow>(
    `select ${PRODUCT_COLUMNS} from products p where p.tenant_id = current_tenant() and p.code is not null order by p.code collate "C"`,
  );
  return Object.fromEntries(
    rows.map((row) => [
      row.code!,
      given({
        name: row.name,
        description: row.description,
        price: `${formatAmount(row.priceMinor, row.currencyCode)} ${row.currencyCode}`,
        taxRate: row.taxRate,
        category: row.category,
        active: row.active,
        stock: row.stock,
        images: row.images,
        bookable: row.bookable,
        durationMinutes: row.durationMinutes,
        bufferMinutes: row.bufferMinutes,
        capacity: row.capacity,
      }),
    ]),
  );
}

/** With the codes of those services that have one. */
async function readNamedResources(tx: Statements): Promise<TenantState['resources']> {
  const codes = await tx.query<{ id: string; code: string }>(
    'select p.id, p.code from products p where p.tenant_id = current_tenant() and p.code is not null order by p.code collate "C"',
  );
  return Object.fromEntries(
    (await readResources(tx)).map(({ code, name, capacity, active, productIds }) => [
      code,
      {
        name,
        capacity,
        active,
        services: codes.filter(({ id }) => productIds.includes(id)).map((product) => product.code),
      },
    ]),
  );
}

/** The newest value of each credential of an owner, such as a gateway; null for what can't be opened. */
export async function readCredentials(
  vault: Vault,
  tx: Statements,
  tenantId: string,
  owner: string,
): Promise<ReadonlyMap<string, string | null>> {
  const rows = await tx.query<{ name: string; version: number; sealed: Buffer }>(
    `select distinct on (c.name) c.name, c.version, c.sealed from credentials c
     where c.tenant_id = current_tenant() and c.owner = $1 order by c.name, c.version desc`,
    [owner],
  );
  return new Map(
    rows.map(({ name, version, sealed }) => [
      name,
      opened(vault, sealed, credentialContext({ tenantId, owner, name, version })),
    ]),
  );
}

function opened(vault: Vault, sealed: Buffer, context: string): string | null {
  try {
    return vault.open(sealed, context).toString();
  } catch {
    return null;
  }
}
