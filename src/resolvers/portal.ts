import { authorize } from '../access.ts';
import { PLATFORM_TENANT_ID } from '../auth/platform.ts';
import type { Context } from '../context.ts';
import type { Transaction } from '../db.ts';
import { readOrigin } from '../domain/origin.ts';
import { AppError, invalidInput } from '../errors.ts';
import { runOperation, type Done } from '../operations.ts';
import { announceChange, authorOf, checkTenantId, recordChange, type Author } from './configuration.ts';

export interface UpdatePortalInput {
  readonly idempotencyKey?: string | null | undefined;
  readonly tenantId?: string | null | undefined;
  readonly corsOrigins?: readonly string[] | null | undefined;
  readonly rateLimitPerMinute?: number | null | undefined;
  readonly active?: boolean | null | undefined;
  readonly returnStockOnExpiry?: boolean | null | undefined;
}

const ORIGINS_MAX = 100;
const RATE_LIMIT_MAX = 10_000_000;

/** The part of a tenant that holds its keys and origins: for its administrators alone. @throws FORBIDDEN, INVALID_INPUT */
export function portalOf<T>(
  ctx: Context,
  tenant: { readonly id: string; readonly slug: string; readonly portal: T | null },
): T {
  authorize(ctx, 'portal.read');
  if (tenant.id !== ctx.scope.tenantId)
    throw invalidInput(`Send the header X-Tenant: ${tenant.slug} to see this tenant's portal.`);
  if (!tenant.portal) throw new Error('A tenant without a portal: the database makes one with every tenant.');
  return tenant.portal;
}

/** Origins, limit and whether the website is open (TEN-2, TEN-3). @throws INVALID_INPUT, NOT_FOUND */
export async function updatePortalConfig(ctx: Context, input: UpdatePortalInput): Promise<Done> {
  authorize(ctx, 'portal.update');
  checkTenantId(ctx, input.tenantId);
  const origins = input.corsOrigins ? readOrigins(input.corsOrigins) : null;
  const limit = input.rateLimitPerMinute ?? null;
  if (limit !== null && (limit < 1 || limit > RATE_LIMIT_MAX))
    throw invalidInput(`The limit is from 1 to ${RATE_LIMIT_MAX} a minute.`, ['input', 'rateLimitPerMinute']);
  if (input.active === false && ctx.scope.tenantId === PLATFORM_TENANT_ID)
    throw new AppError('INVALID_STATE', 'The platform itself stays open.');
  const done = await runOperation(ctx, 'updatePortalConfig', { ...input }, (operation) =>
    operation.once((tx) =>
      writePortal(authorOf(ctx), tx, {
        corsOrigins: origins,
        rateLimitPerMinute: limit,
        active: input.active,
        returnStockOnExpiry: input.returnStockOnExpiry,
      }),
    ),
  );
  announceChange(ctx, 'tenant.changed', ctx.scope.tenantId);
  return done;
}

export interface PortalRow {
  readonly corsOrigins: readonly string[];
  readonly rateLimitPerMinute: number;
  readonly active: boolean;
  readonly returnStockOnExpiry: boolean;
}

export const PORTAL = `select cors_origins as "corsOrigins", rate_limit_per_minute as "rateLimitPerMinute", active,
  return_stock_on_expiry as "returnStockOnExpiry" from portal_configs where tenant_id = current_tenant()`;

/** The same for commands, in a transaction of the tenant's. @param wanted what is left out, or null, stays; origins as browsers send them */
export async function writePortal(
  author: Author,
  tx: Transaction,
  wanted: { readonly [Name in keyof PortalRow]?: PortalRow[Name] | null | undefined },
): Promise<Done> {
  const before = await tx.one<PortalRow>(`${PORTAL} for update`);
  const after: PortalRow = {
    corsOrigins: wanted.corsOrigins ?? before.corsOrigins,
    rateLimitPerMinute: wanted.rateLimitPerMinute ?? before.rateLimitPerMinute,
    active: wanted.active ?? before.active,
    returnStockOnExpiry: wanted.returnStockOnExpiry ?? before.returnStockOnExpiry,
  };
  await tx.query(
    `update portal_configs set cors_origins = $1, rate_limit_per_minute = $2, active = $3, return_stock_on_expiry = $4
     where tenant_id = current_tenant()`,
    [after.corsOrigins, after.rateLimitPerMinute, after.active, after.returnStockOnExpiry],
  );
  const { id, version } = await tx.one<{ id: string; version: number }>(
    'update tenants set version = version + 1 where id = current_tenant() returning id, version',
  );
  await recordChange(author, tx, {
    type: 'tenant.changed',
    aggregateType: 'Tenant',
    aggregateId: id,
    version,
    action: 'portal.update',
    before,
    after,
  });
  return { type: 'Tenant', id };
}

function readOrigins(origins: readonly string[]): string[] {
  if (origins.length > ORIGINS_MAX) throw invalidInput(`At most ${ORIGINS_MAX} origins.`, ['input', 'corsOrigins']);
  return [...new Set(origins.map((origin) => readOrigin(origin, ['input', 'corsOrigins'])))];
}
