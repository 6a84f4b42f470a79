import { actorName, authorize } from '../access.ts';
import type { Context } from '../context.ts';
import type { Transaction } from '../db.ts';
import { formatOrderNumber } from '../domain/numbering.ts';
import { AppError, type ErrorCode } from '../errors.ts';
import type { PackageModel } from '../generated/prisma/models.ts';
import { runOperation, type Done } from '../operations.ts';
import { insertBooking, payableMinorOf, refused } from './booking-begin.ts';
import { customerOf } from './customer.ts';
import { nextNumber } from './order-lock.ts';
import { insertOrder } from './order-write.ts';
import { packageMoved } from './package-change.ts';
import { keptPlan, type KeptPlan } from './package-kept.ts';
import {
  pricedPackage,
  wantedPackage,
  type BookPackageInput,
  type PricedPackage,
  type WantedPackage,
} from './package-legs.ts';
import { writeItems } from './package-move.ts';
import { stepPackage } from './package-step.ts';

/**
 * Books several legs as one (PRV-16): asks every price once more, writes one order with a booking for each leg, and
 * reserves what can be reserved. Then the customer pays, and leg after leg is booked in the order of the plan; what
 * becomes of the others when one can not be had, the tenant's policy says. On account all is booked at once.
 * @throws as planPackage; SOLD_OUT, PROVIDER_REJECTED, PROVIDER_UNAVAILABLE, OUTCOME_UNKNOWN with the leg
 */
export async function bookPackage(ctx: Context, input: BookPackageInput): Promise<Done> {
  authorize(ctx, 'package.book');
  const wanted = wantedPackage(input, ctx);
  return runOperation(ctx, 'bookPackage', { ...input }, async (operation) => {
    // A price that was never seen is none that was agreed to.
    const agreed = { ...wanted, maxTotalMinor: wanted.maxTotalMinor ?? wanted.offeredMinor };
    const priced = await pricedPackage(agreed, ctx);
    const done = await operation.begin(async (tx) => {
      const known = await begunUnder(ctx, tx, input.idempotencyKey ?? null);
      const about = known ?? (await commitPackage(ctx, tx, { input, wanted: agreed, priced }));
      return { about, value: about, complete: known !== null };
    });
    await stepPackage(ctx.app, ctx.scope, done.id, ctx.deadlineAtMs);
    const inquiryId = await requireBegun(ctx, done.id);
    if (inquiryId === null) return operation.finish(async () => done);
    await operation.lose(async () => inquiryId);
    throw new AppError(
      'OUTCOME_UNKNOWN',
      'A part of this trip may have been booked. It is being looked up; nothing is booked twice.',
      { details: { inquiryId } },
    );
  });
}

/** The first request's process died on the way: the package goes on by itself, and nothing is booked twice. */
async function begunUnder(ctx: Context, tx: Transaction, key: string | null): Promise<Done | null> {
  if (key === null) return null;
  const found = await tx.maybeOne<{ id: string }>(
    `select k.id from operations o join packages k on k.tenant_id = o.tenant_id and k.id = o.result_id
     where o.tenant_id = current_tenant() and o.actor = $1 and o.key = $2 and o.result_type = 'Package' and k.status <> 'FAILED'`,
    [actorName(ctx.actor), key],
  );
  return found ? { type: 'Package', id: found.id } : null;
}

interface Begun {
  readonly input: BookPackageInput;
  readonly wanted: WantedPackage;
  readonly priced: PricedPackage;
}

async function commitPackage(ctx: Context, tx: Transaction, { input, wanted, priced }: Begun): Promise<Done> {
  const { app } = ctx;
  const { plan, legs, onAccount } = priced;
  const customerId = await customerOf(tx, ctx.actor, input.customerId ?? null);
  const kept = keptPlan(plan, { onAccount, legs: wanted.legs });
  const orderId = await insertOrder(app, tx, {
    type: 'PACKAGE',
    customerId,
    currencyCode: wanted.currencyCode,
    priced: { lines: [], taxes: [], subtotalMinor: plan.totalMinor, taxMinor: 0n, totalMinor: plan.totalMinor },
  });
  const listed = plan.order.map((leg) => ({ amountMinor: payableMinorOf(legs[leg]!.checked), packageLeg: leg }));
  // On account, the order lists what was booked, once that is known.
  if (!onAccount) await writeItems(tx, { id: orderId, currencyCode: wanted.currencyCode }, listed, kept);
  const id = await insertPackage(ctx, tx, { kept, orderId, customerId, begun: { input, wanted, priced } });
  for (const index of plan.order) {
    const { wanted: leg, checked } = legs[index]!;
    const at = { customerId, orderId, phase: 'CHECKED', checked, leg: { packageId: id, index } };
    await insertBooking(app, tx, leg, at);
  }
  packageMoved(
    app,
    tx,
    { id, orderId, customerId },
    { version: 1, previousStatus: 'PENDING', status: statusOf(onAccount) },
  );
  return { type: 'Package', id };
}

function statusOf(onAccount: boolean): PackageModel['status'] {
  return onAccount ? 'BOOKING' : 'PENDING';
}

async function insertPackage(
  ctx: Context,
  tx: Transaction,
  at: { kept: KeptPlan; orderId: string; customerId: string; begun: Begun },
): Promise<string> {
  const { app } = ctx;
  const { wanted, priced } = at.begun;
  const { plan, policy, onAccount } = priced;
  const id = app.newId();
  const now = app.clock.now();
  const reference = formatOrderNumber('PKG', await nextNumber(tx, 'PACKAGE'));
  await tx.query(
    `insert into packages (tenant_id, id, reference, status, phase, customer_id, order_id, rollback, total_minor, currency_code, risk_cap_minor,
       loss_max_minor, plan, created_at, next_step_at)
     values (current_tenant(), $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)`,
    [
      id,
      reference,
      statusOf(onAccount),
      onAccount ? 'BOOKING' : 'HOLDING',
      at.customerId,
      at.orderId,
      policy.rollback,
      plan.totalMinor,
      wanted.currencyCode,
      wanted.maxRiskMinor,
      plan.worstCaseMinor,
      JSON.stringify(at.kept),
      now,
    ],
  );
  return id;
}

/** @returns the inquiry that is open about one of its legs; null where there is none @throws what a leg could not be had for */
async function requireBegun(ctx: Context, id: string): Promise<string | null> {
  const { found, legs } = await ctx.app.db.read(ctx.scope, async (tx) => ({
    found: await tx.one<Pick<PackageModel, 'phase' | 'status' | 'reference'>>(
      'select phase, status, reference from packages where tenant_id = current_tenant() and id = $1',
      [id],
    ),
    legs: await tx.query<{ leg: number; code: ErrorCode | null; inquiryId: string | null }>(
      `select b.package_leg as leg, b.failure_reason as code, i.id as "inquiryId" from bookings b
       left join inquiries i on i.tenant_id = b.tenant_id and i.about_type = 'Booking' and i.about_id = b.id and i.resolution = 'OPEN'
       where b.tenant_id = current_tenant() and b.package_id = $1 order by b.package_leg`,
      [id],
    ),
  }));
  const failed = legs.find(({ code }) => code !== null);
  // Nothing of it stands, or soon will: whoever asked is told why.
  const isOver = found.phase === 'ROLLING_BACK' || found.status === 'FAILED';
  if (failed && isOver) {
    const { code, message } = refused(failed.code!);
    throw new AppError(code, message, {
      field: ['input', 'legs', String(failed.leg), 'offerId'],
      details: { leg: failed.leg, reference: found.reference },
    });
  }
  return legs.find(({ inquiryId }) => inquiryId !== null)?.inquiryId ?? null;
}
