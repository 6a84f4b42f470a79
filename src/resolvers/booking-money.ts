import type { App } from '../context.ts';
import type { Transaction } from '../db.ts';
import { AppError } from '../errors.ts';
import type { OrderModel, PaymentModel } from '../generated/prisma/models.ts';
import { orderMoved } from './order-write.ts';
import { paymentsOf } from './payment-change.ts';
import { cancelPendingPayments } from './payment-end.ts';
import { settleRefund } from './refund-settle.ts';
import { isErased } from './wallet-holder.ts';

/** What giving a booking's money back needs. */
export type PayingBack = Pick<App, 'clock' | 'newId' | 'log' | 'gateways'>;

/** Ends an unpaid order whose booking came to nothing; its pending payments end with it. */
export async function cancelUnpaid(app: PayingBack, tx: Transaction, order: OrderModel, reason: string): Promise<void> {
  if (order.status !== 'DRAFT' && order.status !== 'ISSUED') return;
  const paymentStatus = await cancelPendingPayments(app, tx, order);
  await tx.query(
    `update orders set status = 'CANCELLED', cancel_reason = $2, payment_status = $3, closed_at = $4, version = version + 1
     where tenant_id = current_tenant() and id = $1`,
    [order.id, reason, paymentStatus, app.clock.now()],
  );
  orderMoved(app, tx, order, 'CANCELLED');
}

/**
 * Asks for money of an order back, by itself: to where it came from, wallet money to the wallet (decisions.md, "Money").
 * A gateway is asked by a job, because no call is made in a transaction. What a person already gives back, and what a
 * gateway can't, goes through their own ways: the wallet takes what no gateway gives back. Where its holder was erased it is left to a
 * person: the order's bookings that ended become NEEDS_ATTENTION.
 * @param amountMinor at most this; taken from the last payments first
 * @returns what could not be asked for
 */
export async function payBack(
  app: PayingBack,
  tx: Transaction,
  order: Pick<OrderModel, 'id'>,
  { amountMinor, reason }: { amountMinor: bigint; reason: string },
): Promise<bigint> {
  let left = amountMinor;
  const payments = (await paymentsOf(tx, order.id)).filter(isPaid);
  for (const payment of payments.toReversed()) {
    if (left <= 0n) break;
    const asked = await requestedMinor(tx, payment);
    const free = payment.settledMinor - payment.refundedMinor;
    // A refund of this payment is under way: one at a time, and it counts as ours.
    if (asked > 0n) {
      left -= asked < left ? asked : left;
      continue;
    }
    const part = free < left ? free : left;
    if (part <= 0n) continue;
    if (await requestRefund(app, tx, payment, part, reason)) left -= part;
    else await leaveToPerson(app, tx, order, payment);
  }
  return left;
}

/** Its money can't go back by itself: whoever looks at its bookings sees that they need somebody. */
async function leaveToPerson(
  app: PayingBack,
  tx: Transaction,
  order: Pick<OrderModel, 'id'>,
  { id }: PaymentModel,
): Promise<void> {
  app.log.error({ order: order.id, payment: id }, 'the customer was erased: a person has to give this money back');
  await tx.query(
    `update bookings set sync_status = 'NEEDS_ATTENTION', version = version + 1
     where tenant_id = current_tenant() and order_id = $1 and status in ('CANCELLED', 'FAILED')`,
    [order.id],
  );
}

function isPaid({ status }: PaymentModel): boolean {
  return status === 'PAID' || status === 'PARTIALLY_REFUNDED';
}

async function requestedMinor(tx: Transaction, payment: PaymentModel): Promise<bigint> {
  const { sum } = await tx.one<{ sum: bigint }>(
    `select coalesce(sum(amount_minor), 0)::bigint as sum from refunds
     where tenant_id = current_tenant() and payment_id = $1 and status = 'REQUESTED'`,
    [payment.id],
  );
  return sum;
}

/** @returns false where only a wallet could take it, and its holder was erased */
async function requestRefund(
  app: PayingBack,
  tx: Transaction,
  payment: PaymentModel,
  amountMinor: bigint,
  reason: string,
): Promise<boolean> {
  const id = app.newId();
  const byGateway = payment.gateway !== 'WALLET' && app.gateways.canRefund(payment.gateway);
  if (!byGateway && (await isErased(tx, payment.customerId))) return false;
  const now = app.clock.now();
  await tx.query(
    `insert into refunds (tenant_id, id, payment_id, amount_minor, reason, target, status, requested_by, created_at, next_poll_at)
     values (current_tenant(), $1, $2, $3, $4, $5, 'REQUESTED', 'system', $6, $7)`,
    [id, payment.id, amountMinor, reason, byGateway ? 'GATEWAY' : 'WALLET', now, byGateway ? now : null],
  );
  if (!byGateway) await settleRefund(tx, app, id, null);
  return true;
}

/** @throws INVALID_STATE while money of the order is held for a person to decide */
export async function requireNoReview(tx: Transaction, orderId: string): Promise<void> {
  const held = await tx.query(
    `select 1 from payments p where p.tenant_id = current_tenant() and p.order_id = $1 and p.status = 'UNDER_REVIEW'`,
    [orderId],
  );
  if (held.length > 0)
    throw new AppError('INVALID_STATE', 'A payment of this order is being reviewed; decide on it first.');
}
