import { authorize } from '../access.ts';
import type { Lru } from '../auth/lru.ts';
import { PLATFORM_TENANT_ID } from '../auth/platform.ts';
import type { Clock } from '../clock.ts';
import { columns } from '../columns.ts';
import type { Context } from '../context.ts';
import {
  checkCredentialValue,
  credentialContext,
  gatewayOwner,
  openOnce,
  writeCredential,
  type Opened,
} from '../credentials.ts';
import type { Database, Transaction } from '../db.ts';
import { addressInDrill } from '../domain/fault-drill.ts';
import type { AmountRule } from '../domain/payment.ts';
import { invalidInput } from '../errors.ts';
import type { TenantConnection } from '../gateways.ts';
import type { PaymentGateway } from '../generated/prisma/enums.ts';
import type { PaymentGatewayConfigModel } from '../generated/prisma/models.ts';
import type { CredentialRow } from '../loaders.ts';
import { runOperation, type Done } from '../operations.ts';
import type { Vault } from '../vault.ts';
import { announceChange, authorOf, checkTenantId, recordChange, refusePlatform, type Author } from './configuration.ts';

export type GatewayConfigRow = PaymentGatewayConfigModel;

export interface GatewaySettings {
  readonly gateway: PaymentGateway;
  readonly enabled?: boolean | null | undefined;
  readonly testMode?: boolean | null | undefined;
  readonly amountRule?: AmountRule | null | undefined;
  /** Only those that change; the others stay. */
  readonly credentials?: readonly { readonly name: string; readonly value: string }[] | null | undefined;
}

export interface ConfigureGatewayInput extends GatewaySettings {
  readonly idempotencyKey?: string | null | undefined;
  readonly tenantId?: string | null | undefined;
}

const CONFIG_COLUMNS = columns('PaymentGatewayConfig', 'g');

/** The tenant's gateways, for its administrators: those that are on first. @throws FORBIDDEN */
export async function gatewayConfigsOf(
  ctx: Context,
  tenant: { readonly id: string; readonly slug: string },
): Promise<GatewayConfigRow[]> {
  authorize(ctx, 'gateway.read');
  if (tenant.id !== ctx.scope.tenantId)
    throw invalidInput(`Send the header X-Tenant: ${tenant.slug} to see this tenant's gateway.`);
  return ctx.reads.query<GatewayConfigRow>(
    `select ${CONFIG_COLUMNS} from payment_gateway_configs g where g.tenant_id = current_tenant() order by g.enabled desc, g.gateway`,
  );
}

/** The first of them; null where none was configured. @throws FORBIDDEN */
export async function gatewayConfigOf(
  ctx: Context,
  tenant: { readonly id: string; readonly slug: string },
): Promise<GatewayConfigRow | null> {
  authorize(ctx, 'gateway.read');
  return (await gatewayConfigsOf(ctx, tenant))[0] ?? null;
}

/** The newest version of each credential: name, version, last four characters. */
export async function credentialsOf(
  ctx: Context,
  config: { readonly gateway: PaymentGateway },
): Promise<CredentialRow[]> {
  authorize(ctx, 'gateway.read');
  return ctx.loaders.credentialsOfOwner.load(gatewayOwner(config.gateway));
}

/** Sets a gateway up; credentials are sealed and get a new version each (PRV-3). @throws INVALID_INPUT, NOT_FOUND, INVALID_STATE */
export async function configurePaymentGateway(ctx: Context, input: ConfigureGatewayInput): Promise<Done> {
  authorize(ctx, 'gateway.configure');
  checkTenantId(ctx, input.tenantId);
  refusePlatform(ctx.scope.tenantId === PLATFORM_TENANT_ID, 'payment gateway');
  const names = ctx.app.gateways.credentialNames(input.gateway);
  if (!names) throw invalidInput('This gateway is not offered yet.', ['input', 'gateway']);
  checkCredentials(input.credentials ?? [], names);
  const { tenantId } = ctx.scope;
  const done = await runOperation(ctx, 'configurePaymentGateway', { ...input }, (operation) =>
    operation.once((tx) => writeGatewayConfig({ author: authorOf(ctx), vault: ctx.app.vault }, tx, tenantId, input)),
  );
  announceChange(ctx, 'tenant.changed', tenantId);
  return done;
}

/** The same for commands and the seed, in a transaction of the tenant's. */
export async function writeGatewayConfig(
  tools: { readonly author: Author; readonly vault: Vault },
  tx: Transaction,
  tenantId: string,
  settings: GatewaySettings,
): Promise<Done> {
  const { author, vault } = tools;
  const { gateway } = settings;
  // The tenant's row is locked first: two changes at once would both take the next version of a credential.
  const { version } = await tx.one<{ version: number }>(
    'update tenants set version = version + 1 where id = current_tenant() returning version',
  );
  const before =
    (await tx.maybeOne<GatewayConfigRow>(
      `select ${CONFIG_COLUMNS} from payment_gateway_configs g where g.tenant_id = current_tenant() and g.gateway = $1`,
      [gateway],
    )) ?? null;
  const after = {
    enabled: settings.enabled ?? before?.enabled ?? true,
    testMode: settings.testMode ?? before?.testMode ?? true,
    amountRule: settings.amountRule ?? before?.amountRule ?? 'EQUAL',
  };
  await tx.query(UPSERT, [gateway, after.enabled, after.testMode, after.amountRule, author.clock.now()]);
  const changed: object[] = [];
  for (const { name, value } of settings.credentials ?? [])
    changed.push(await writeCredential({ ...author, vault }, tx, { owner: gatewayOwner(gateway), name, value }));
  const shown = before && { enabled: before.enabled, testMode: before.testMode, amountRule: before.amountRule };
  await recordChange(author, tx, {
    type: 'tenant.changed',
    aggregateType: 'Tenant',
    aggregateId: tenantId,
    version,
    action: 'gateway.configure',
    before: { gateway, ...shown },
    after: { gateway, ...after, credentials: changed },
  });
  return { type: 'Tenant', id: tenantId };
}

export interface ConnectTools {
  readonly db: Database;
  readonly vault: Vault;
  readonly opened: Lru<string, Opened>;
  /** Where the gateway lives unless the tenant's row says otherwise; configuration decides. */
  readonly baseUrlOf: (gateway: PaymentGateway, testMode: boolean) => string;
  readonly clock: Clock;
  readonly simulatorsUrl: string | null;
}

/**
 * A tenant's connection with the newest version of each credential, or null where none was configured. Read anew each time (one
 * statement), so a change counts at once in every process.
 * @throws DECRYPTION_FAILED, which stays this tenant's and this gateway's trouble
 */
export async function loadGatewayConnection(
  tools: ConnectTools,
  tenantId: string,
  gateway: PaymentGateway,
): Promise<TenantConnection | null> {
  const owner = gatewayOwner(gateway);
  const rows = await tools.db.read({ tenantId, customerId: null }, (tx) =>
    tx.query<ConnectionRow>(CONNECT, [gateway, owner, gateway.toLowerCase(), tools.clock.now()]),
  );
  const config = rows[0];
  if (!config) return null;
  const credentials: Record<string, string> = {};
  for (const { name, version, sealed } of rows) {
    if (name !== null)
      credentials[name] = openOnce(tools, sealed!, credentialContext({ tenantId, owner, name, version: version! }));
  }
  const usual = (config.base_url ?? tools.baseUrlOf(gateway, config.test_mode)).replace(/\/+$/, '');
  const { drill_id: drillId, drill_ends_at: endsAt, tenant_slug: slug } = config;
  const isDrill = drillId !== null && config.test_mode;
  const drilled = isDrill ? addressInDrill(usual, tools.simulatorsUrl, slug) : null;
  return {
    baseUrl: drilled ?? usual,
    drill: drilled === null ? null : { id: drillId!, name: slug, endsAt: endsAt! },
    credentials,
    testMode: config.test_mode,
    enabled: config.enabled,
    amountRule: config.amount_rule,
    version: config.tenant_version,
  };
}

interface ConnectionRow {
  enabled: boolean;
  test_mode: boolean;
  base_url: string | null;
  amount_rule: AmountRule;
  tenant_version: number;
  tenant_slug: string;
  drill_id: string | null;
  drill_ends_at: Date | null;
  /** Null where the gateway has no credentials yet. */
  name: string | null;
  version: number | null;
  sealed: Buffer | null;
}

function checkCredentials(
  credentials: readonly { readonly name: string; readonly value: string }[],
  names: readonly string[],
): void {
  const given = credentials.map(({ name }) => name);
  if (given.some((name) => !names.includes(name)))
    throw invalidInput(`The credentials of this gateway are: ${names.join(', ')}.`, ['input', 'credentials']);
  if (new Set(given).size < given.length) throw invalidInput('A credential is named twice.', ['input', 'credentials']);
  for (const { value } of credentials) checkCredentialValue(value, ['input', 'credentials']);
}

const UPSERT = `insert into payment_gateway_configs (tenant_id, gateway, enabled, test_mode, amount_rule, updated_at)
  values (current_tenant(), $1, $2, $3, $4, $5)
  on conflict (tenant_id, gateway) do update set enabled = excluded.enabled, test_mode = excluded.test_mode,
    amount_rule = excluded.amount_rule, updated_at = excluded.updated_at`;
const CONNECT = `select g.enabled, g.test_mode, g.base_url, g.amount_rule, t.version as tenant_version, t.slug as tenant_slug,
    d.id as drill_id, d.ends_at as drill_ends_at, c.name, c.version, c.sealed
  from payment_gateway_configs g join tenants t on t.id = g.tenant_id
  left join fault_drills d on d.tenant_id = g.tenant_id and d.integration = $3 and d.ended_at is null and d.ends_at > $4
  left join lateral (select distinct on (k.name) k.name, k.version, k.sealed from credentials k
    where k.tenant_id = g.tenant_id and k.owner = $2 order by k.name, k.version desc) c on true
  where g.tenant_id = current_tenant() and g.gateway = $1::payment_gateway`;
