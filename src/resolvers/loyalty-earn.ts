import type { Transaction } from '../db.ts';
import { POINTS_UNIT } from '../domain/ledger.ts';
import { cashbackEarnedPosting, pointsEarnedPosting } from '../domain/loyalty-postings.ts';
import { datesOf, earnedBy, type LoyaltyRules } from '../domain/loyalty.ts';
import type { OrderModel } from '../generated/prisma/models.ts';
import { accountOf, type Posting } from '../ledger.ts';
import { lockCustomer } from './loyalty-lots.ts';
import type { Changing } from './payment-change.ts';

/** A sale that is being paid. */
export interface Sold {
  readonly order: OrderModel;
  /** What the customer really paid for it, by gateway and wallet. */
  readonly paidMinor: bigint;
  readonly rules: LoyaltyRules;
}

/**
 * What an order earns by being paid (LOY-3), in the transaction that makes it PAID: its lot is written here, its postings go with the
 * settlement's.
 */
export async function earn(tx: Transaction, app: Changing, sold: Sold): Promise<readonly Posting[]> {
  const { order, paidMinor, rules } = sold;
  if (!rules.pointsEnabled && !rules.cashbackEnabled) return [];
  // In one message, and in this order: what the accounts say counts only under the lock.
  const [customer, points, owed] = await Promise.all([
    lockCustomer(tx, order.customerId),
    accountOf(tx, order.customerId, 'POINTS', POINTS_UNIT),
    accountOf(tx, order.customerId, 'POINTS_OWED', POINTS_UNIT),
  ]);
  // Cashback would become money in a wallet that is nobody's.
  if (customer?.isErased) return [];
  const earned = earnedBy({ ...order, paidMinor }, rules, points.balanceMinor);
  if (earned.points === 0n && earned.cashbackMinor === 0n) return [];
  const paidBack = owed.balanceMinor < earned.points ? owed.balanceMinor : earned.points;
  insertLot(tx, app, order, rules, { ...earned, remaining: earned.points - paidBack });
  return postingsOf(order, earned, owed.balanceMinor);
}

function insertLot(
  tx: Transaction,
  app: Changing,
  order: OrderModel,
  rules: LoyaltyRules,
  lot: { readonly points: bigint; readonly remaining: bigint; readonly cashbackMinor: bigint },
): void {
  const earnedAt = app.clock.now();
  const { pointsExpireAt, cashbackDueAt } = datesOf(earnedAt, rules);
  tx.later(
    `insert into loyalty_lots (tenant_id, order_id, customer_id, currency_code, points, points_remaining, points_expire_at,
       cashback_minor, cashback_pending_minor, cashback_due_at, earned_at)
     values (current_tenant(), $1, $2, $3, $4, $5, $6, $7, $7, $8, $9)`,
    [
      order.id,
      order.customerId,
      order.currencyCode,
      lot.points,
      lot.remaining,
      pointsExpireAt,
      lot.cashbackMinor,
      cashbackDueAt,
      earnedAt,
    ],
  );
}

function postingsOf(
  order: OrderModel,
  { points, cashbackMinor }: { readonly points: bigint; readonly cashbackMinor: bigint },
  owed: bigint,
): Posting[] {
  const postings: Posting[] = [];
  if (points > 0n)
    postings.push({
      kind: 'POINTS_EARNED',
      subjectId: order.id,
      currencyCode: POINTS_UNIT,
      entries: pointsEarnedPosting({ points, owed }),
    });
  if (cashbackMinor > 0n)
    postings.push({
      kind: 'CASHBACK_EARNED',
      subjectId: order.id,
      currencyCode: order.currencyCode,
      entries: cashbackEarnedPosting({ cashbackMinor }),
    });
  return postings;
}
