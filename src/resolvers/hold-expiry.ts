import type { Scope } from '../db.ts';
import { orderPaymentStatus } from '../domain/payment-state.ts';
import { postLedger } from '../ledger.ts';
import { lockOrder } from './order-lock.ts';
import { lockPayment, paymentsOf } from './payment-change.ts';
import type { Settling } from './settlement.ts';
import { releaseShares } from './wallet-share.ts';

/**
 * Ends a hold whose time is over, and the wallet's share it was for. Its gateway's payment should have ended long before; if it is
 * paid all the same, the share is taken from what the wallet has then. Safe to run twice.
 */
export async function expireHold(app: Settling, scope: Scope, holdId: string): Promise<void> {
  await app.db.write(scope, async (tx) => {
    const due = await tx.maybeOne<{ orderId: string }>(
      `select p.order_id as "orderId" from ledger_holds h join payments p on p.tenant_id = h.tenant_id and p.id = h.id
       where h.tenant_id = current_tenant() and h.id = $1 and h.outcome is null and h.expires_at <= $2`,
      [holdId, app.clock.now()],
    );
    if (!due) return;
    const order = await lockOrder(tx, due.orderId);
    const share = await lockPayment(tx, holdId);
    const ends = releaseShares(app, tx, [share], 'EXPIRED');
    await tx.query(
      'update orders set payment_status = $2, version = version + 1 where tenant_id = current_tenant() and id = $1',
      [order.id, orderPaymentStatus(await paymentsOf(tx, order.id))],
    );
    await postLedger(tx, app, order.customerId, { postings: [], ends });
  });
  app.journal.wake();
}
