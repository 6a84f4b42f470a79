import type { Scope, Transaction } from '../db.ts';
import { cashbackCreditedPosting } from '../domain/loyalty-postings.ts';
import { postLedger } from '../ledger.ts';
import { expireDue, lockCustomer, lockLots, loyaltyChanged, saveLots } from './loyalty-lots.ts';
import type { Settling } from './settlement.ts';

interface DueCashback {
  readonly customerId: string;
  readonly currencyCode: string;
  readonly cashbackMinor: bigint;
  readonly version: number;
}

/** The return period of an order is over: its cashback becomes wallet money (LOY-3). Safe to run twice. */
export async function creditCashback(app: Settling, scope: Scope, orderId: string): Promise<void> {
  await app.db.write(scope, async (tx) => {
    const due = await dueCashback(tx, app, orderId);
    if (!due) return;
    await lockCustomer(tx, due.customerId);
    // Looked at again: while we waited, somebody else may have credited it, or a refund taken some of it back.
    const now = await dueCashback(tx, app, orderId);
    if (!now) return;
    tx.later(
      'update loyalty_lots set cashback_pending_minor = 0, version = version + 1 where tenant_id = current_tenant() and order_id = $1',
      [orderId],
    );
    loyaltyChanged(tx, app, now.customerId, {
      kind: 'CASHBACK_CREDITED',
      aggregateType: 'LoyaltyLot',
      aggregateId: orderId,
      version: now.version + 1,
    });
    const posting = {
      kind: 'CASHBACK_CREDITED',
      subjectId: orderId,
      currencyCode: now.currencyCode,
      entries: cashbackCreditedPosting(now),
    };
    await postLedger(tx, app, now.customerId, { postings: [posting] });
  });
  app.journal.wake();
}

function dueCashback(tx: Transaction, app: Settling, orderId: string): Promise<DueCashback | undefined> {
  return tx.maybeOne<DueCashback>(
    `select customer_id as "customerId", currency_code as "currencyCode", cashback_pending_minor as "cashbackMinor", version from loyalty_lots
     where tenant_id = current_tenant() and order_id = $1 and cashback_pending_minor > 0 and cashback_due_at <= $2`,
    [orderId, app.clock.now()],
  );
}

/** The points of an order ran out, and with them all of its customer's whose time is over (LOY-3). Safe to run twice. */
export async function expirePoints(app: Settling, scope: Scope, orderId: string): Promise<void> {
  await app.db.write(scope, async (tx) => {
    const lot = await tx.maybeOne<{ customerId: string }>(
      'select customer_id as "customerId" from loyalty_lots where tenant_id = current_tenant() and order_id = $1',
      [orderId],
    );
    if (!lot) return;
    const lots = await lockLots(tx, lot.customerId);
    const now = expireDue(tx, app, lot.customerId, lots);
    saveLots(tx, lots, now.lots);
    await postLedger(tx, app, lot.customerId, { postings: now.postings });
  });
  app.journal.wake();
}
