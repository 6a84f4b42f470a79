import type { Transaction } from '../db.ts';
import { columns } from '../columns.ts';
import { POINTS_UNIT } from '../domain/ledger.ts';
import { cashbackTakenBackPosting, pointsTakenBackPosting } from '../domain/loyalty-postings.ts';
import { keptOf } from '../domain/loyalty.ts';
import { takeBack } from '../domain/points-lots.ts';
import type { LoyaltyLotModel, OrderModel } from '../generated/prisma/models.ts';
import type { Posting } from '../ledger.ts';
import { expireDue, lockLots, saveLots } from './loyalty-lots.ts';
import type { Changing } from './payment-change.ts';

const LOT_COLUMNS = columns('LoyaltyLot', 'l');

/** A refund of an order that is being settled. */
export interface TakingBack {
  readonly refundId: string;
  /** Locked; with what was paid for it. */
  readonly order: OrderModel;
  /** All that has gone back of it, this refund included. */
  readonly refundedMinor: bigint;
}

/**
 * Takes back what the refunded part of an order had earned (LOY-4), in the transaction of the refund. Cashback that is pending goes first,
 * then what was credited leaves the wallet, and what the wallet no longer has is owed; the same with points (points-lots.ts). Points that
 * ran out are gone already, and count as taken back.
 * @returns what is to be posted with the refund
 */
export async function takeBackEarned(tx: Transaction, app: Changing, taking: TakingBack): Promise<readonly Posting[]> {
  const { order } = taking;
  // That there is one does not change while the order is locked; what is left of it is read under the customer's lock.
  const found = await tx.query('select 1 from loyalty_lots where tenant_id = current_tenant() and order_id = $1', [
    order.id,
  ]);
  if (found.length === 0) return [];
  const lots = await lockLots(tx, order.customerId, order.id);
  const lot = await tx.one<LoyaltyLotModel>(
    `select ${LOT_COLUMNS} from loyalty_lots l where l.tenant_id = current_tenant() and l.order_id = $1`,
    [order.id],
  );
  const now = expireDue(tx, app, order.customerId, lots);
  const points = goneOf(lot.points, taking) - lot.pointsTakenBack;
  const taken = takeBack(now.lots, order.id, points);
  saveLots(tx, lots, taken.lots);
  const postings = [...now.postings];
  if (taken.fromAccount + taken.owed > 0n)
    postings.push({
      kind: 'POINTS_TAKEN_BACK',
      subjectId: taking.refundId,
      currencyCode: POINTS_UNIT,
      entries: pointsTakenBackPosting(taken),
    });
  const cashbackMinor = goneOf(lot.cashbackMinor, taking) - lot.cashbackTakenBackMinor;
  return cashbackMinor === 0n ? postings : [...postings, takeCashback(tx, lot, taking, cashbackMinor)];
}

/** Of what was earned, all that is gone once this refund is done. */
function goneOf(earned: bigint, { order, refundedMinor }: TakingBack): bigint {
  return earned - keptOf(earned, order.paidMinor, refundedMinor);
}

function takeCashback(tx: Transaction, lot: LoyaltyLotModel, taking: TakingBack, cashbackMinor: bigint): Posting {
  const pendingMinor = lot.cashbackPendingMinor < cashbackMinor ? lot.cashbackPendingMinor : cashbackMinor;
  tx.later(
    `update loyalty_lots set cashback_pending_minor = cashback_pending_minor - $2,
       cashback_taken_back_minor = cashback_taken_back_minor + $3, version = version + 1
     where tenant_id = current_tenant() and order_id = $1`,
    [lot.orderId, pendingMinor, cashbackMinor],
  );
  return {
    kind: 'CASHBACK_TAKEN_BACK',
    subjectId: taking.refundId,
    currencyCode: lot.currencyCode,
    entries: cashbackTakenBackPosting({ pendingMinor, creditedMinor: cashbackMinor - pendingMinor }),
  };
}
