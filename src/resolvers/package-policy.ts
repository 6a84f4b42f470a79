import { authorize } from '../access.ts';
import { PLATFORM_TENANT_ID } from '../auth/platform.ts';
import type { Context } from '../context.ts';
import type { Transaction } from '../db.ts';
import { POLICY_UNSET, type LegVertical, type PackagePolicy, type RollbackPolicy } from '../domain/package-plan.ts';
import { invalidInput } from '../errors.ts';
import { runOperation, type Done } from '../operations.ts';
import { announceChange, authorOf, checkTenantId, recordChange } from './configuration.ts';

export interface UpdatePackagePolicyInput {
  readonly tenantId?: string | null;
  readonly rollback?: RollbackPolicy | null;
  readonly legOrder?: readonly LegVertical[] | null;
  readonly idempotencyKey?: string | null;
}

/** A policy as it counts for somebody, and whose it is. */
export interface CountingPolicy extends PackagePolicy {
  readonly scope: 'TENANT' | 'GLOBAL';
}

/** How a tenant's packages are booked and taken back: everybody who may see the tenant may know. @throws INVALID_INPUT for another tenant than the one worked in */
export async function policyOfTenant(
  ctx: Context,
  tenant: { readonly id: string; readonly slug: string },
): Promise<CountingPolicy> {
  authorize(ctx, 'tenant.read');
  if (tenant.id !== ctx.scope.tenantId)
    throw invalidInput(`Send the header X-Tenant: ${tenant.slug} to see this tenant's package policy.`);
  return loadPolicy(ctx, tenant.id);
}

/** The policy that counts for a tenant; the platform's own is everybody's who has none. */
export async function loadPolicy({ loaders }: Pick<Context, 'loaders'>, tenantId: string): Promise<CountingPolicy> {
  const found = await loaders.packagePolicy.load(tenantId);
  return { ...(found ?? POLICY_UNSET), scope: found?.tenantId === tenantId ? 'TENANT' : 'GLOBAL' };
}

/** Changes the tenant's policy; at home, the platform changes everybody's who has none. Packages under way keep theirs. @throws INVALID_INPUT, NOT_FOUND */
export async function updatePackagePolicy(ctx: Context, input: UpdatePackagePolicyInput): Promise<Done> {
  authorize(ctx, 'packagePolicy.update');
  checkTenantId(ctx, input.tenantId);
  checkOrder(input.legOrder ?? []);
  const { tenantId } = ctx.scope;
  const done = await runOperation(ctx, 'updatePackagePolicy', { ...input }, (operation) =>
    operation.once((tx) => writePolicy(ctx, tx, input)),
  );
  announceChange(ctx, 'tenant.changed', tenantId);
  return done;
}

function checkOrder(legOrder: readonly LegVertical[]): void {
  const field = ['input', 'legOrder'];
  if (new Set(legOrder).size !== legOrder.length) throw invalidInput('Each vertical is named once.', field);
  if (legOrder.includes('FLIGHTS_DISCOVERY')) throw invalidInput('What is sold elsewhere is no leg.', field);
}

interface StoredPolicy extends PackagePolicy {
  readonly id: string;
}

async function writePolicy(ctx: Context, tx: Transaction, input: UpdatePackagePolicyInput): Promise<Done> {
  const { app, scope } = ctx;
  const owner = scope.tenantId === PLATFORM_TENANT_ID ? null : scope.tenantId;
  // The tenant's row first: two changes at once come one after the other, also where there is no policy yet.
  const { id, version } = await tx.one<{ id: string; version: number }>(
    'update tenants set version = version + 1 where id = current_tenant() returning id, version',
  );
  const known = await tx.maybeOne<StoredPolicy>(
    `select p.id, p.rollback, p.leg_order::text[] as "legOrder" from package_policies p where p.tenant_id is not distinct from $1::uuid`,
    [owner],
  );
  const before = { rollback: (known ?? POLICY_UNSET).rollback, legOrder: (known ?? POLICY_UNSET).legOrder };
  const after = { rollback: input.rollback ?? before.rollback, legOrder: input.legOrder ?? before.legOrder };
  await tx.query(
    `insert into package_policies as p (id, tenant_id, rollback, leg_order, updated_at) values ($1, $2, $3, $4::vertical[], $5)
     on conflict (id) do update set rollback = excluded.rollback, leg_order = excluded.leg_order, updated_at = excluded.updated_at,
       version = p.version + 1`,
    [known?.id ?? app.newId(), owner, after.rollback, after.legOrder, app.clock.now()],
  );
  await recordChange(authorOf(ctx), tx, {
    type: 'tenant.changed',
    aggregateType: 'Tenant',
    aggregateId: id,
    version,
    action: 'packagePolicy.update',
    before: { scope: owner === null ? 'GLOBAL' : 'TENANT', ...before },
    after: { scope: owner === null ? 'GLOBAL' : 'TENANT', ...after },
  });
  return { type: 'Tenant', id };
}
