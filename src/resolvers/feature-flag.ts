import { authorize } from '../access.ts';
import { PLATFORM_TENANT_ID } from '../auth/platform.ts';
import type { Context } from '../context.ts';
import type { Transaction } from '../db.ts';
import { allFlags, checkedConfig, checkedKey, type FeatureFlag, type FeatureKey } from '../domain/feature-flags.ts';
import { invalidInput } from '../errors.ts';
import { runOperation, type Done } from '../operations.ts';
import { announceChange, authorOf, checkTenantId, recordChange, refusePlatform, type Author } from './configuration.ts';

export interface SetFlagInput {
  readonly tenantId?: string | null | undefined;
  readonly key: string;
  readonly enabled: boolean;
  /** Left out: stays. Null: none. */
  readonly config?: unknown;
  readonly idempotencyKey?: string | null | undefined;
}

interface TenantWithFlags {
  readonly id: string;
  readonly slug: string;
  readonly featureFlags: readonly { readonly key: string; readonly enabled: boolean; readonly config: unknown }[];
}

/** What is on and off: everybody who may see the tenant may know. @throws INVALID_INPUT for another tenant than the one worked in */
export function flagsOf(ctx: Context, tenant: TenantWithFlags): FeatureFlag[] {
  authorize(ctx, 'tenant.read');
  if (tenant.id !== ctx.scope.tenantId)
    throw invalidInput(`Send the header X-Tenant: ${tenant.slug} to see this tenant's features.`);
  return allFlags(tenant.featureFlags);
}

/** Switches a feature on or off; it counts in every process within a second (TEN-6). @throws INVALID_INPUT, INVALID_STATE, NOT_FOUND */
export async function setFeatureFlag(ctx: Context, input: SetFlagInput): Promise<Done> {
  authorize(ctx, 'flag.set');
  checkTenantId(ctx, input.tenantId);
  refusePlatform(ctx.scope.tenantId === PLATFORM_TENANT_ID, 'features');
  const key = checkedKey(input.key);
  const config = input.config === undefined ? undefined : checkedConfig(key, input.config ?? {});
  const done = await runOperation(ctx, 'setFeatureFlag', { ...input }, (operation) =>
    operation.once((tx) => writeFlag(authorOf(ctx), tx, { key, enabled: input.enabled, config })),
  );
  announceChange(ctx, 'tenant.changed', ctx.scope.tenantId);
  return done;
}

/** The same for commands, in a transaction of the tenant's. @param flag with a checked config; undefined: it stays */
export async function writeFlag(
  author: Author,
  tx: Transaction,
  flag: { readonly key: FeatureKey; readonly enabled: boolean; readonly config: FeatureFlag['config'] | undefined },
): Promise<Done> {
  // The tenant's row first: two changes at once are one after the other.
  const { id, version } = await tx.one<{ id: string; version: number }>(
    'update tenants set version = version + 1 where id = current_tenant() returning id, version',
  );
  const rows = await readFlags(tx);
  const before = rows.find(({ key }) => key === flag.key)!;
  const after = { ...before, enabled: flag.enabled, config: flag.config ?? before.config };
  await tx.query(
    `insert into feature_flags (tenant_id, key, enabled, config, updated_at) values (current_tenant(), $1, $2, $3, $4)
     on conflict (tenant_id, key) do update set enabled = excluded.enabled, config = excluded.config, updated_at = excluded.updated_at`,
    [after.key, after.enabled, JSON.stringify(after.config), author.clock.now()],
  );
  await recordChange(author, tx, {
    type: 'tenant.changed',
    aggregateType: 'Tenant',
    aggregateId: id,
    version,
    action: 'flag.set',
    before,
    after,
  });
  return { type: 'Tenant', id };
}

/** All flags of the tenant worked in. */
export async function readFlags(tx: Pick<Transaction, 'query'>): Promise<FeatureFlag[]> {
  return allFlags(
    await tx.query<{ key: string; enabled: boolean; config: unknown }>(
      'select f.key, f.enabled, f.config from feature_flags f where f.tenant_id = current_tenant()',
    ),
  );
}
