import { makeKey } from '../auth/api-keys.ts';
import type { Statements, Transaction } from '../db.ts';
import { WEEKDAYS } from '../domain/business-hours.ts';
import { FEATURE_KEYS, type FeatureFlag, type FeatureKey } from '../domain/feature-flags.ts';
import { parseRate } from '../domain/money.ts';
import { DAYS, differences, givenHours, type Difference, type TenantFile } from '../domain/tenant-file.ts';
import type { Vault } from '../vault.ts';
import { writeBookingRules } from './booking-rules.ts';
import { writeBusinessHours } from './business-hours.ts';
import type { Author } from './configuration.ts';
import { writeFlag } from './feature-flag.ts';
import { writeGatewayConfig } from './gatewayConfig.ts';
import { insertKey } from './key.ts';
import { writePortal } from './portal.ts';
import { writeProduct } from './product.ts';
import { changeTenant } from './tenant.ts';
import { readGatewayCredentials, readTenantState, type TenantState } from './tenant-state.ts';

/** Makes a tenant be as a file says (TEN-11), by the same functions as the graph, so that all of it stands in the audit log. */

export interface ProvisionTools {
  readonly author: Author;
  readonly vault: Vault;
  readonly randomBytes: (size: number) => Buffer;
  /** Where secrets come from, by the names that a file gives. */
  readonly variables: Readonly<Record<string, string | undefined>>;
}

export interface Provisioned {
  readonly changes: readonly Difference[];
  /** Made just now: shown once, and known to nobody afterwards. */
  readonly keys: readonly { readonly mode: string; readonly scopes: readonly string[]; readonly key: string }[];
}

type Gateways = NonNullable<TenantFile['gateways']>;
type Gateway = keyof Gateways;
type GatewaySettings = NonNullable<Gateways[Gateway]>;

/** A credential whose value is another than the one that is kept. */
interface NewCredential {
  readonly gateway: Gateway;
  readonly name: string;
  readonly value: string;
  readonly difference: Difference;
}

/** What would change, in a transaction of the tenant's; nothing is written. */
export async function plan(
  tools: ProvisionTools,
  tx: Statements,
  tenantId: string,
  file: TenantFile,
): Promise<Difference[]> {
  const state = await readTenantState(tx);
  const credentials = await newCredentials(tools, tx, tenantId, file);
  return [...changesOf(state, file), ...credentials.map(({ difference }) => difference)];
}

/** Does it, all or nothing. What a file does not say stays. @throws INVALID_INPUT, INVALID_STATE */
export async function provision(tools: ProvisionTools, tx: Transaction, file: TenantFile): Promise<Provisioned> {
  const state = await readTenantState(tx);
  const changes = changesOf(state, file);
  const credentials = await newCredentials(tools, tx, tx.scope.tenantId, file);
  const touched = (...path: string[]) => changes.some((one) => path.every((name, index) => one.path[index] === name));
  const { author } = tools;
  if (touched('tenant')) await changeTenant(author, tx, file.tenant, undefined);
  if (touched('portal')) await writePortal(author, tx, { ...file.portal, corsOrigins: file.portal?.origins });
  if (touched('hours')) await writeHours(author, tx, file.hours!);
  if (touched('bookingRules')) await writeBookingRules(author, tx, file.bookingRules!);
  for (const key of FEATURE_KEYS.filter((name) => touched('features', name)))
    await writeFlag(author, tx, { key, enabled: file.features![key]!.enabled, config: configOf(state, file, key) });
  for (const [gateway, settings] of gatewaysOf(file)) {
    const given = credentials.filter((one) => one.gateway === gateway);
    if (given.length === 0 && !touched('gateways', gateway)) continue;
    await writeGatewayConfig(tools, tx, tx.scope.tenantId, { gateway, ...settings, credentials: given });
  }
  for (const [code, { stock, ...fields }] of Object.entries(file.products ?? {})) {
    if (!touched('products', code)) continue;
    const id = await productWithCode(tx, code);
    await writeProduct(author, tx, id, { ...fields, code, ...(id === null && { stock }) });
  }
  const keys = await makeKeys(tools, tx, missingKeys(state, file));
  return { changes: [...changes, ...credentials.map(({ difference }) => difference)], keys };
}

/** What the file does not say of a config stays, too. */
function configOf(state: TenantState, file: TenantFile, key: FeatureKey): FeatureFlag['config'] | undefined {
  const given = file.features?.[key]?.config;
  return given && { ...state.features[key]?.config, ...given };
}

/** The stock is said when a product is made; afterwards it is what sales left. */
function changesOf(state: TenantState, file: TenantFile): Difference[] {
  const { keys: _keys, gateways, products, sender: _sender, customers: _customers, ...rest } = file;
  const wanted = {
    ...rest,
    gateways: mapValues(gateways, ({ credentials: _credentials, ...settings }) => settings),
    products: mapValues(products, ({ stock, price, ...fields }, code) => ({
      ...fields,
      ...(fields.taxRate && { taxRate: parseRate(fields.taxRate).text }),
      price: priceText(price, state.products[code]?.['price']),
      ...(!(code in state.products) && { stock }),
    })),
  };
  return [
    ...differences(state, wanted),
    ...missingKeys(state, file).map((key) => ({ path: ['keys', nameOf(key)], before: undefined, after: key })),
  ];
}

/** As it is written now, where it is the same amount: 1500 ZAR is 1500.00 ZAR. */
function priceText({ amount, currencyCode }: { amount: string; currencyCode: string }, now: unknown): string {
  const shortest = (text: string) => text.replace(/(\.\d*?)0+( |$)/, '$1$2').replace(/\.( |$)/, '$1');
  const text = `${amount} ${currencyCode}`;
  return typeof now === 'string' && shortest(now) === shortest(text) ? now : text;
}

function mapValues<T, R>(
  map: Readonly<Record<string, T | undefined>> | undefined,
  change: (value: T, name: string) => R,
) {
  return Object.fromEntries(
    Object.entries(map ?? {}).flatMap(([name, value]) => (value === undefined ? [] : [[name, change(value, name)]])),
  );
}

type Key = NonNullable<TenantFile['keys']>[number];

function nameOf({ mode, scopes }: Pick<Key, 'mode' | 'scopes'>): string {
  return [mode.toLowerCase(), ...scopes.toSorted((one, other) => (one < other ? -1 : 1))].join(' ');
}

/** A key that is there already is not made again; which of several it is, no file can say. */
function missingKeys(state: TenantState, file: TenantFile): Key[] {
  const there = new Set(state.keys.map((key) => nameOf(key as Key)));
  const wanted = new Map((file.keys ?? []).map((key) => [nameOf(key), key]));
  return [...wanted].flatMap(([name, key]) => (there.has(name) ? [] : [key]));
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

async function newCredentials(
  tools: ProvisionTools,
  tx: Statements,
  tenantId: string,
  file: TenantFile,
): Promise<NewCredential[]> {
  const found: NewCredential[] = [];
  for (const [gateway, { credentials: wanted = {} }] of gatewaysOf(file)) {
    const kept = await readGatewayCredentials(tools.vault, tx, tenantId, gateway);
    for (const [name, variable] of Object.entries(wanted)) {
      const value = tools.variables[variable] ?? '';
      if (value === '' || kept.get(name) === value) continue;
      const path = ['gateways', gateway, 'credentials', name];
      const before = kept.has(name) ? '(another value)' : undefined;
      found.push({ gateway, name, value, difference: { path, before, after: `(from ${variable})` } });
    }
  }
  return found;
}

async function productWithCode(tx: Transaction, code: string): Promise<string | null> {
  const row = await tx.maybeOne<{ id: string }>(
    'select p.id from products p where p.tenant_id = current_tenant() and p.code = $1',
    [code],
  );
  return row?.id ?? null;
}
