import type { Scope } from '../db.ts';
import { appendEvent } from '../events.ts';
import type { PaymentModel } from '../generated/prisma/models.ts';
import { wakeBookings } from './booking-change.ts';
import { lockOrder } from './order-lock.ts';
import { paymentsOf } from './payment-change.ts';
import { cancelPendingPayments } from './payment-end.ts';
import { pollPayment, type Polling } from './payment-poll.ts';
import { returnStockOnExpiry } from './stock.ts';

/**
 * Ends an order whose time is over. The gateway is asked about every pending payment first, so that money that is there already is
 * settled and not put under review. Safe to run twice.
 */
export async function expireOrder(app: Polling, scope: Scope, orderId: string): Promise<void> {
  const payments = await app.db.read(scope, (tx) => paymentsOf(tx, orderId));
  for (const payment of payments.filter(isAskable)) await pollPayment(app, scope, payment.id);
  await app.db.write(scope, async (tx) => {
    const order = await lockOrder(tx, orderId);
    const now = app.clock.now();
    if (order.status !== 'ISSUED' || order.expiresAt === null || order.expiresAt > now) return;
    const paymentStatus = await cancelPendingPayments(app, tx, order);
    await tx.query(
      `update orders set status = 'EXPIRED', payment_status = $2, closed_at = $3, version = version + 1
       where tenant_id = current_tenant() and id = $1`,
      [order.id, paymentStatus, now],
    );
    await wakeBookings(app, tx, order, 'ENDED');
    await returnStockOnExpiry(app, tx, order.id);
    appendEvent(tx, {
      id: app.newId(),
      type: 'order.status',
      aggregateType: 'Order',
      aggregateId: order.id,
      version: order.version + 1,
      occurredAt: now,
      payload: { v: 1, customerId: order.customerId, previousStatus: 'ISSUED', status: 'EXPIRED' },
    });
  });
  app.journal.wake();
}

function isAskable(payment: PaymentModel): boolean {
  return payment.status === 'PENDING' && payment.gatewayReference !== null;
}
