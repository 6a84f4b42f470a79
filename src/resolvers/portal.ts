import { authorize } from '../access.ts';
import { PLATFORM_TENANT_ID } from '../auth/platform.ts';
import type { Context } from '../context.ts';
import type { Transaction } from '../db.ts';
import { AppError, invalidInput } from '../errors.ts';
import { runOperation, type Done } from '../operations.ts';
import { announceChange, authorOf, checkTenantId, recordChange } from './configuration.ts';

export interface UpdatePortalInput {
  readonly idempotencyKey?: string | null | undefined;
  readonly tenantId?: string | null | undefined;
  readonly corsOrigins?: readonly string[] | null | undefined;
  readonly rateLimitPerMinute?: number | null | undefined;
  readonly active?: boolean | null | undefined;
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
    operation.once((tx) => changePortal(ctx, tx, { origins, limit, active: input.active ?? null })),
  );
  announceChange(ctx, 'tenant.changed', ctx.scope.tenantId);
  return done;
}

interface PortalRow {
  corsOrigins: string[];
  rateLimitPerMinute: number;
  active: boolean;
}

async function changePortal(
  ctx: Context,
  tx: Transaction,
  wanted: { origins: string[] | null; limit: number | null; active: boolean | null },
): Promise<Done> {
  const before = await tx.one<PortalRow>(
    'select cors_origins as "corsOrigins", rate_limit_per_minute as "rateLimitPerMinute", active from portal_configs where tenant_id = current_tenant() for update',
  );
  const after: PortalRow = {
    corsOrigins: wanted.origins ?? before.corsOrigins,
    rateLimitPerMinute: wanted.limit ?? before.rateLimitPerMinute,
    active: wanted.active ?? before.active,
  };
  await tx.query(
    'update portal_configs set cors_origins = $1, rate_limit_per_minute = $2, active = $3 where tenant_id = current_tenant()',
    [after.corsOrigins, after.rateLimitPerMinute, after.active],
  );
  const { id, version } = await tx.one<{ id: string; version: number }>(
    'update tenants set version = version + 1 where id = current_tenant() returning id, version',
  );
  await recordChange(authorOf(ctx), tx, {
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

// Browsers send an origin and nothing behind it: one with a path would never match.
function readOrigins(origins: readonly string[]): string[] {
  if (origins.length > ORIGINS_MAX) throw invalidInput(`At most ${ORIGINS_MAX} origins.`, ['input', 'corsOrigins']);
  return [...new Set(origins.map(readOrigin))];
}

function readOrigin(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (
    !url ||
    !/^https?:$/.test(url.protocol) ||
    url.pathname !== '/' ||
    url.search ||
    url.hash ||
    url.username ||
    url.password
  ) {
    throw invalidInput('An origin is a scheme, a host and a port, such as https://shop.example.com', [
      'input',
      'corsOrigins',
    ]);
  }
  return url.origin;
}
