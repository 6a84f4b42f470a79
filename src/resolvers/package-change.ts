import { columns } from '../columns.ts';
import type { App } from '../context.ts';
import type { Transaction } from '../db.ts';
import type { BookingPhase } from '../domain/booking.ts';
import { lossAt, type RollbackPolicy } from '../domain/package-plan.ts';
import {
  legStateOf,
  packageOrderOf,
  type Leg,
  type PackageFacts,
  type PackagePhase,
  type PackageStatus,
} from '../domain/package.ts';
import { notFound } from '../errors.ts';
import { appendEvent } from '../events.ts';
import type { BookingModel, OrderModel, PackageModel } from '../generated/prisma/models.ts';
import { WHOLE_BOOKING } from './booking-change.ts';
import { termsOf } from './booking-outcome.ts';
import { lockOrder } from './order-lock.ts';
import type { KeptPlan } from './package-kept.ts';

/** What a change of a package needs: the same for requests and jobs. */
export type Packaging = Pick<App, 'clock' | 'newId' | 'log'>;

const WHOLE_PACKAGE = columns('Package', 'k');

export interface LockedPackage {
  readonly order: OrderModel;
  readonly package: PackageModel;
  /** In the order in which they are taken. */
  readonly legs: readonly BookingModel[];
}

/** A package with its order and its legs, locked in the global order: whatever happens to any of them, happens one at a time. */
export async function lockPackage(tx: Transaction, id: string): Promise<LockedPackage | undefined> {
  const found = await tx.maybeOne<{ orderId: string | null }>(
    'select order_id as "orderId" from packages where tenant_id = current_tenant() and id = $1',
    [id],
  );
  if (!found?.orderId) return undefined;
  const order = await lockOrder(tx, found.orderId);
  const locked = await tx.one<PackageModel>(
    `select ${WHOLE_PACKAGE} from packages k where k.tenant_id = current_tenant() and k.id = $1 for update`,
    [id],
  );
  const legs = await tx.query<BookingModel>(
    `select ${WHOLE_BOOKING} from bookings b where b.tenant_id = current_tenant() and b.package_id = $1 order by b.package_leg for update`,
    [id],
  );
  return { order, package: locked, legs: inPlanOrder(locked, legs) };
}

/** Legs as they are taken, which is not as they were given. */
export function inPlanOrder<Row extends { readonly packageLeg: number | null }>(
  { plan }: Pick<PackageModel, 'plan'>,
  legs: readonly Row[],
): Row[] {
  const { order } = plan as unknown as KeptPlan;
  return legs.toSorted((one, other) => order.indexOf(one.packageLeg!) - order.indexOf(other.packageLeg!));
}

/** @throws NOT_FOUND */
export async function requirePackage(tx: Transaction, id: string, field: readonly string[]): Promise<LockedPackage> {
  const locked = await lockPackage(tx, id);
  if (!locked) throw notFound('package', field);
  return locked;
}

/** What the rules look at (domain/package.ts). */
export async function factsOf(tx: Transaction, locked: LockedPackage, now: Date): Promise<PackageFacts> {
  const { order, package: one, legs } = locked;
  const refunds = await tx.query(
    `select 1 from refunds r join payments p on p.tenant_id = r.tenant_id and p.id = r.payment_id
     where r.tenant_id = current_tenant() and p.order_id = $1 and r.status = 'REQUESTED' limit 1`,
    [order.id],
  );
  const { held, onAccount } = one.plan as unknown as KeptPlan;
  return {
    phase: one.phase as PackagePhase,
    status: one.status,
    rollback: one.rollback,
    order: packageOrderOf(order, one.askedBackMinor),
    onAccount,
    legs: legs.map((leg) => factsOfLeg(leg, held.includes(leg.packageLeg!), now)),
    lossMaxMinor: one.lossMaxMinor,
    askedBackMinor: one.askedBackMinor,
    refundUnderWay: refunds.length > 0,
  };
}

function factsOfLeg(leg: BookingModel, holds: boolean, now: Date): Leg {
  return {
    state: legStateOf({ phase: leg.phase as BookingPhase, status: leg.status }),
    holds,
    amountMinor: leg.amountMinor,
    backMinor: leg.refundDueMinor ?? 0n,
    lossMinor: lossAt(termsOf(leg), leg.amountMinor, now),
    notBefore: leg.nextStepAt,
    isStuck: leg.syncStatus === 'NEEDS_ATTENTION',
  };
}

/** What may change of a package; what is left out stays. */
export interface PackageChange {
  readonly status?: PackageStatus;
  readonly phase?: PackagePhase;
  readonly rollback?: RollbackPolicy;
  readonly lossMaxMinor?: bigint;
  readonly askedBackMinor?: bigint;
  readonly note?: string;
  /** When somebody has to look at it again; null: whoever changes something of it says so. */
  readonly nextStepAt?: Date | null;
}

const COLUMN_OF = {
  status: 'status',
  phase: 'phase',
  rollback: 'rollback',
  lossMaxMinor: 'loss_max_minor',
  askedBackMinor: 'asked_back_minor',
  note: 'note',
  nextStepAt: 'next_step_at',
} as const satisfies Record<keyof PackageChange, string>;

/** Writes a change of a locked package, and tells of its status where that is another now. */
export function changePackage(
  app: Packaging,
  tx: Transaction,
  one: Pick<PackageModel, 'id' | 'orderId' | 'customerId' | 'status' | 'version'>,
  change: PackageChange,
): void {
  const named = Object.entries(COLUMN_OF).filter(([name]) => change[name as keyof PackageChange] !== undefined);
  const sets = named.map(([, column], index) => `${column} = $${index + 2}`);
  tx.later(
    `update packages set ${[...sets, 'version = version + 1'].join(', ')} where tenant_id = current_tenant() and id = $1`,
    [one.id, ...named.map(([name]) => change[name as keyof PackageChange])],
  );
  if (change.status === undefined || change.status === one.status) return;
  packageMoved(app, tx, one, { version: one.version + 1, previousStatus: one.status, status: change.status });
}

/** Tells of a package's new status. `version` is the package's after the change; a new one comes from PENDING. */
export function packageMoved(
  app: Packaging,
  tx: Transaction,
  one: Pick<PackageModel, 'id' | 'orderId' | 'customerId'>,
  { version, previousStatus, status }: { version: number; previousStatus: PackageStatus; status: PackageStatus },
): void {
  appendEvent(tx, {
    id: app.newId(),
    type: 'package.status',
    aggregateType: 'Package',
    aggregateId: one.id,
    version,
    occurredAt: app.clock.now(),
    payload: { v: 1, orderId: one.orderId, customerId: one.customerId, previousStatus, status },
  });
  app.log.info({ tenant: tx.scope.tenantId, package: one.id, from: previousStatus, to: status }, 'package moved');
}
