import { makeKey } from '../auth/api-keys.ts';
import { PLATFORM_TENANT_ID } from '../auth/platform.ts';
import { gatewayOwner } from '../credentials.ts';
import type { Statements, Transaction } from '../db.ts';
import { WEEKDAYS } from '../domain/business-hours.ts';
import { FEATURE_KEYS, type FeatureFlag, type FeatureKey } from '../domain/feature-flags.ts';
import { checkSender, type SenderFields } from '../domain/mail-sender.ts';
import { DAYS, givenHours, senderFields, type Difference, type TenantFile } from '../domain/tenant-file.ts';
import type { Vault } from '../vault.ts';
import { writeBookingRules } from './booking-rules.ts';
import { writeBusinessHours } from './business-hours.ts';
import { refusePlatform, type Author } from './configuration.ts';
import { writeFlag } from './feature-flag.ts';
import { writeGatewayConfig } from './gatewayConfig.ts';
import { insertKey } from './key.ts';
import { writeSender } from './mail-sender.ts';
import { writePortal } from './portal.ts';
import { writeProducts, writeResources } from './provision-catalogue.ts';
import { changesOf, missingKeys, rulesOf, type Key } from './provision-changes.ts';
import { newCredentials } from './provision-credentials.ts';
import { changeTenant } from './tenant.ts';
import { readTenantState, type TenantState } from './tenant-state.ts';

/** Makes a tenant be as a file says (TEN-11), by the same functions as the graph, so that all of it stands in the audit log. */

export interface ProvisionTools {
  readonly author: Author;
  readonly vault: Vault;
  readonly randomBytes: (size: number) => Buffer;
  /** Where secrets come from, by the names that a file gives. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** Mail goes to public servers only. */
  readonly production: boolean;
}

export interface Provisioned {
  readonly changes: readonly Difference[];
  /** Made just now: shown once, and known to nobody afterwards. */
  readonly keys: readonly { readonly mode: string; readonly scopes: readonly string[]; readonly key: string }[];
}

type Gateways = NonNullable<TenantFile['gateways']>;
type Gateway = keyof Gateways;
type GatewaySettings = NonNullable<Gateways[Gateway]>;

/** What would change, in a transaction of the tenant's; nothing is written. */
export async function plan(
  tools: ProvisionTools,
  tx: Statements,
  tenantId: string,
  file: TenantFile,
): Promise<Difference[]> {
  const state = await readTenantState(tx);
  if (file.sender) senderOf(tools, state, file.sender);
  const credentials = await newCredentials(tools, tx, tenantId, file);
  return [...changesOf(state, file), ...credentials.map(({ difference }) => difference)];
}

/** Does it, all or nothing. What a file does not say stays. @throws INVALID_INPUT, INVALID_STATE */
export async function provision(tools: ProvisionTools, tx: Transaction, file: TenantFile): Promise<Provisioned> {
  refusePlatform(tx.scope.tenantId === PLATFORM_TENANT_ID, 'file');
  // Two at once would both make the keys that are missing: the second waits here, and then sees them.
  await tx.query('select from tenants t where t.id = current_tenant() for no key update');
  const state = await readTenantState(tx);
  const changes = changesOf(state, file);
  const credentials = await newCredentials(tools, tx, tx.scope.tenantId, file);
  const touched = (...path: string[]) => changes.some((one) => path.every((name, index) => one.path[index] === name));
  const { author } = tools;
  if (touched('tenant')) await changeTenant(author, tx, file.tenant, undefined);
  if (touched('portal')) await writePortal(author, tx, { ...file.portal, corsOrigins: file.portal?.origins });
  if (touched('hours')) await writeHours(author, tx, file.hours!);
  if (touched('bookingRules')) await writeBookingRules(author, tx, rulesOf(state, file.bookingRules!));
  for (const key of FEATURE_KEYS.filter((name) => touched('features', name)))
    await writeFlag(author, tx, { key, enabled: file.features![key]!.enabled, config: configOf(state, file, key) });
  for (const [gateway, settings] of gatewaysOf(file)) {
    const given = credentials.filter(({ owner }) => owner === gatewayOwner(gateway));
    if (given.length === 0 && !touched('gateways', gateway)) continue;
    await writeGatewayConfig(tools, tx, tx.scope.tenantId, { gateway, ...settings, credentials: given });
  }
  const mailed = credentials.filter(({ owner }) => owner.startsWith('mail:'));
  if (file.sender && (touched('sender') || mailed.length > 0))
    await writeSender(tools, tx, tx.scope.tenantId, { ...senderOf(tools, state, file.sender), credentials: mailed });
  await writeProducts(
    author,
    tx,
    Object.entries(file.products ?? {}).filter(([code]) => touched('products', code)),
  );
  await writeResources(
    author,
    tx,
    Object.entries(file.resources ?? {}).filter(([code]) => touched('resources', code)),
  );
  const keys = await makeKeys(tools, tx, missingKeys(state, file));
  return { changes: [...changes, ...credentials.map(({ difference }) => difference)], keys };
}

/** The sender that comes of what the file says over the one that is kept. @throws INVALID_INPUT */
function senderOf(
  { production }: ProvisionTools,
  { sender: kept }: TenantState,
  { credentials: _credentials, ...given }: NonNullable<TenantFile['sender']>,
): SenderFields {
  const fields = senderFields({ ...kept, ...given });
  checkSender(fields, production);
  return fields;
}

/** What the file does not say of a config stays, too. */
function configOf(state: TenantState, file: TenantFile, key: FeatureKey): FeatureFlag['config'] | undefined {
  const given = file.features?.[key]?.config;
  return given && { ...state.features[key]?.config, ...given };
}

async function makeKeys(tools: ProvisionTools, tx: Transaction, wanted: readonly Key[]): Promise<Provisioned['keys']> {
  const made = [];
  for (const { mode, scopes } of wanted) {
    const kind = scopes.length === 0 ? ('PUBLISHABLE' as const) : ('SECRET' as const);
    const key = makeKey(kind, mode, tools.randomBytes);
    await insertKey(tools.author, tools.vault, tx, { key, kind, mode, scopes, expiresAt: null });
    made.push({ mode, scopes, key });
  }
  return made;
}

async function writeHours(author: Author, tx: Transaction, hours: NonNullable<TenantFile['hours']>): Promise<void> {
  const days = DAYS.flatMap((day, index) => {
    const text = hours[day];
    return text === undefined ? [] : [{ day: WEEKDAYS[index]!, ...givenHours(text) }];
  });
  const exceptions = Object.entries(hours.exceptions ?? {}).map(([date, text]) => ({ date, ...givenHours(text) }));
  await writeBusinessHours(author, tx, { days, exceptions });
}

function gatewaysOf({ gateways = {} }: TenantFile): [Gateway, GatewaySettings][] {
  return (Object.keys(gateways) as Gateway[]).flatMap((name) => {
    const settings = gateways[name];
    return settings ? [[name, settings] satisfies [Gateway, GatewaySettings]] : [];
  });
}
