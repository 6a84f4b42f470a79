import type { Transaction } from '../db.ts';
import { POINTS_UNIT } from '../domain/ledger.ts';
import { pointsExpiredPosting } from '../domain/loyalty-postings.ts';
import { expire, type PointsLot } from '../domain/points-lots.ts';
import { appendEvent, type LoyaltyChange } from '../events.ts';
import type { Posting } from '../ledger.ts';
import type { Changing } from './payment-change.ts';

/** A lot of a customer's points with its version before the change. */
export interface Lot extends PointsLot {
  readonly version: number;
}

const LOT = `select l.order_id as "orderId", l.points_remaining as remaining, l.points_expired as expired, l.points_taken_back as "takenBack",
    l.points_expire_at as "expireAt", l.version from loyalty_lots l where l.tenant_id = current_tenant()`;

/**
 * The customer's lots that have points left, and the one of an order where one is named. Everything a customer earned changes under the
 * lock of the customer's row, taken here: after number counters and before ledger accounts (decisions.md, "Global lock order"). So what
 * is read afterwards of lots, POINTS, POINTS_OWED and WALLET_OWED stays as it is until the commit.
 */
export async function lockLots(tx: Transaction, customerId: string, orderId: string | null = null): Promise<Lot[]> {
  const [, live, named] = await Promise.all([
    lockCustomer(tx, customerId),
    tx.query<Lot>(`${LOT} and l.customer_id = $1 and l.points_remaining > 0`, [customerId]),
    orderId === null ? [] : tx.query<Lot>(`${LOT} and l.order_id = $1`, [orderId]),
  ]);
  return [...live, ...named.filter((lot) => !live.some((other) => other.orderId === lot.orderId))];
}

/** A person's row, locked: an erasure under way was waited for. */
export interface LockedCustomer {
  readonly active: boolean;
  readonly isErased: boolean;
}

/** The lock alone. What it says is of the row as it is once it is locked. @returns null where there is nobody */
export async function lockCustomer(tx: Transaction, customerId: string): Promise<LockedCustomer | null> {
  const person = await tx.maybeOne<LockedCustomer>(
    `select active, erased_at is not null as "isErased" from users where tenant_id = current_tenant() and id = $1 for no key update`,
    [customerId],
  );
  return person ?? null;
}

/** Writes those that changed. */
export function saveLots(tx: Transaction, before: readonly Lot[], after: readonly Lot[]): void {
  const changed = after.filter((lot) => {
    const old = before.find(({ orderId }) => orderId === lot.orderId)!;
    return lot.remaining !== old.remaining || lot.expired !== old.expired || lot.takenBack !== old.takenBack;
  });
  if (changed.length === 0) return;
  const rows = changed.map(({ orderId, remaining, expired, takenBack }) => ({
    order_id: orderId,
    remaining: String(remaining),
    expired: String(expired),
    taken_back: String(takenBack),
  }));
  tx.later(
    `update loyalty_lots l set points_remaining = r.remaining, points_expired = r.expired, points_taken_back = r.taken_back, version = l.version + 1
     from jsonb_to_recordset($1::jsonb) as r (order_id uuid, remaining bigint, expired bigint, taken_back bigint)
     where l.tenant_id = current_tenant() and l.order_id = r.order_id`,
    [JSON.stringify(rows)],
  );
}

/** Lets those run out whose time is over, before anything else is done with a customer's points: whether the job was there first is no matter. */
export function expireDue(
  tx: Transaction,
  app: Changing,
  customerId: string,
  lots: readonly Lot[],
): { lots: Lot[]; postings: Posting[] } {
  const after = expire(lots, app.clock.now());
  const over = lots.filter((lot, index) => after[index] !== lot);
  for (const lot of over)
    loyaltyChanged(tx, app, customerId, {
      kind: 'POINTS_EXPIRED',
      aggregateType: 'LoyaltyLot',
      aggregateId: lot.orderId,
      version: lot.version + 1,
    });
  const postings = over.map((lot) => ({
    kind: 'POINTS_EXPIRED',
    subjectId: lot.orderId,
    currencyCode: POINTS_UNIT,
    entries: pointsExpiredPosting({ points: lot.remaining }),
  }));
  return { lots: after, postings };
}

/** Tells of a change that comes with no order and no payment. */
export function loyaltyChanged(
  tx: Transaction,
  app: Changing,
  customerId: string,
  change: {
    readonly kind: LoyaltyChange;
    readonly aggregateType: 'LoyaltyLot' | 'Redemption' | 'Adjustment';
    readonly aggregateId: string;
    readonly version: number;
  },
): void {
  const { kind, ...aggregate } = change;
  appendEvent(tx, {
    id: app.newId(),
    type: 'loyalty.changed',
    ...aggregate,
    occurredAt: app.clock.now(),
    payload: { v: 1, customerId, kind },
  });
}
