import type { Transaction } from '../db.ts';
import { orderPaymentStatus, type PaymentStatus } from '../domain/payment-state.ts';
import type { OrderModel, PaymentModel } from '../generated/prisma/models.ts';
import { postLedger } from '../ledger.ts';
import { paymentMoved, paymentsOf, type Changing } from './payment-change.ts';
import { holdOf, releaseShares } from './wallet-share.ts';

const LOOK_AFTER_GIVING_UP_MS = 120_000;

/** When the gateway is first asked about a payment that we gave up: its page outlives our decision (payment-poll.ts ends the asking). */
export function afterGivingUp(app: Changing): Date {
  return new Date(app.clock.now().getTime() + LOOK_AFTER_GIVING_UP_MS);
}

/** Ends what is still pending on an order that is being cancelled or expires. @returns the order's payment status afterwards */
export async function cancelPendingPayments(app: Changing, tx: Transaction, order: OrderModel): Promise<PaymentStatus> {
  const payments = await paymentsOf(tx, order.id);
  const pending = payments.filter((payment) => payment.status === 'PENDING');
  for (const payment of pending) {
    await tx.query(
      `update payments set status = 'CANCELLED', next_poll_at = case when gateway_reference is not null then $2::timestamptz end,
         poll_attempts = 0, version = version + 1
       where tenant_id = current_tenant() and id = $1`,
      [payment.id, afterGivingUp(app)],
    );
    paymentMoved(app, tx, payment, {
      version: payment.version + 1,
      previousStatus: 'PENDING',
      status: 'CANCELLED',
    });
  }
  // The payments were moved above, the wallets' shares among them; here their money becomes free again.
  await postLedger(tx, app, order.customerId, {
    postings: [],
    ends: pending.flatMap((payment) => holdOf(payment, 'RELEASED')),
  });
  return orderPaymentStatus(
    payments.map((payment) => (pending.includes(payment) ? { ...payment, status: 'CANCELLED' as const } : payment)),
  );
}

/** Ends a pending payment whose page is closed or was never given to anybody. Money that comes all the same still finds it. */
export async function endStalePayment(
  app: Changing,
  tx: Transaction,
  payment: PaymentModel,
  status: 'EXPIRED' | 'FAILED',
  reason: string,
): Promise<void> {
  await tx.query(
    `update payments set status = $2, failure_reason = $3, next_poll_at = case when gateway_reference is not null then $4::timestamptz end,
       poll_attempts = 0, version = version + 1
     where tenant_id = current_tenant() and id = $1`,
    [payment.id, status, reason, afterGivingUp(app)],
  );
  paymentMoved(app, tx, payment, { version: payment.version + 1, previousStatus: payment.status, status });
  const shares = (await paymentsOf(tx, payment.orderId)).filter((other) => other.shareOfId === payment.id);
  await postLedger(tx, app, payment.customerId, { postings: [], ends: releaseShares(app, tx, shares) });
}
