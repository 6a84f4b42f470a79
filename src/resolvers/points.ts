import { authorize } from '../access.ts';
import type { Context } from '../context.ts';
import type { Transaction } from '../db.ts';
import { POINTS_UNIT } from '../domain/ledger.ts';
import { pointsRedeemedPosting, redemptionPosting } from '../domain/loyalty-postings.ts';
import { rulesFor, worthOf } from '../domain/loyalty.ts';
import { pointsIn, spend } from '../domain/points-lots.ts';
import { AppError, invalidInput, notFound } from '../errors.ts';
import { requireFeature } from '../features.ts';
import { postLedger } from '../ledger.ts';
import { runOperation, type Done } from '../operations.ts';
import { customerOf } from './customer.ts';
import { expireDue, lockCustomer, lockLots, loyaltyChanged, saveLots } from './loyalty-lots.ts';
import { readRules } from './loyalty-rules.ts';

export interface RedeemPointsInput {
  readonly points: number;
  /** Global id; a customer's own where it is left out. */
  readonly customerId?: string | null | undefined;
  readonly idempotencyKey?: string | null | undefined;
}

/**
 * Turns points into wallet money at the tenant's rate (LOY-3): those that run out first, rounded down to the smallest unit of money.
 * @throws INSUFFICIENT_POINTS with what there is, FEATURE_DISABLED, INVALID_INPUT, NOT_FOUND
 */
export async function redeemPoints(ctx: Context, input: RedeemPointsInput): Promise<Done> {
  authorize(ctx, 'points.redeem');
  if (input.points <= 0) throw invalidInput('Redeem one point at least.', ['input', 'points']);
  return runOperation(ctx, 'redeemPoints', { ...input }, async (operation) => {
    await requireFeature(ctx, 'rewards');
    return operation.once(async (tx) => {
      const customerId = await customerOf(tx, ctx.actor, input.customerId ?? null);
      await redeem(ctx, tx, customerId, BigInt(input.points));
      return { type: 'User', id: customerId };
    });
  });
}

async function redeem(ctx: Context, tx: Transaction, customerId: string, points: bigint): Promise<void> {
  const rules = rulesFor('redeemPoints', await readRules(tx));
  const worthMinor = worthOf(points, rules);
  // They were here when the request came: who was erased since has no wallet.
  const customer = await lockCustomer(tx, customerId);
  if (!customer || customer.isErased) throw notFound('customer', ['input', 'customerId']);
  const lots = await lockLots(tx, customerId);
  const now = expireDue(tx, ctx.app, customerId, lots);
  const after = spend(now.lots, points);
  if (after === null)
    throw new AppError('INSUFFICIENT_POINTS', 'There are not so many points.', {
      field: ['input', 'points'],
      details: { available: Number(pointsIn(now.lots)) },
    });
  saveLots(tx, lots, after);
  const id = ctx.app.newId();
  loyaltyChanged(tx, ctx.app, customerId, {
    kind: 'REDEMPTION',
    aggregateType: 'Redemption',
    aggregateId: id,
    version: 1,
  });
  await postLedger(tx, ctx.app, customerId, {
    postings: [
      ...now.postings,
      {
        kind: 'POINTS_REDEEMED',
        subjectId: id,
        currencyCode: POINTS_UNIT,
        entries: pointsRedeemedPosting({ points }),
      },
      {
        kind: 'REDEMPTION',
        subjectId: id,
        currencyCode: rules.currencyCode,
        entries: redemptionPosting({ worthMinor }),
      },
    ],
  });
  ctx.log.info({ customer: customerId, redemption: id }, 'points redeemed');
}
