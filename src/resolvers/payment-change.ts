import type { App } from '../context.ts';
import type { Transaction } from '../db.ts';
import { orderPaymentStatus, type PaymentStatus } from '../domain/payment-state.ts';
import { notFound } from '../errors.ts';
import { appendEvent } from '../events.ts';
import type { OrderModel, PaymentModel } from '../generated/prisma/models.ts';
import { PAYMENT_COLUMNS } from '../loaders.ts';

/** The services a change of state needs: the same for requests, webhooks and jobs. */
export type Changing = Pick<App, 'clock' | 'newId'>;

/** A payment, locked after its order (decisions.md, "Global lock order"). */
export async function lockPayment(tx: Transaction, id: string): Promise<PaymentModel> {
  const payment = await tx.maybeOne<PaymentModel>(
    `select ${PAYMENT_COLUMNS} from payments p where p.tenant_id = current_tenant() and p.id = $1 for update`,
    [id],
  );
  if (!payment) throw notFound('payment', ['input', 'paymentId']);
  return payment;
}

export function paymentsOf(tx: Transaction, orderId: string): Promise<PaymentModel[]> {
  return tx.query<PaymentModel>(
    `select ${PAYMENT_COLUMNS} from payments p where p.tenant_id = current_tenant() and p.order_id = $1 order by p.created_at, p.id`,
    [orderId],
  );
}

/** Tells of a payment's new status. `version` is the payment's after the change. */
export async function paymentMoved(
  app: Changing,
  tx: Transaction,
  payment: Pick<PaymentModel, 'id' | 'orderId' | 'customerId'>,
  change: { version: number; previousStatus: PaymentStatus; status: PaymentStatus },
): Promise<void> {
  await appendEvent(tx, {
    id: app.newId(),
    type: 'payment.status',
    aggregateType: 'Payment',
    aggregateId: payment.id,
    version: change.version,
    occurredAt: app.clock.now(),
    payload: {
      v: 1,
      orderId: payment.orderId,
      customerId: payment.customerId,
      previousStatus: change.previousStatus,
      status: change.status,
    },
  });
}

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
    await paymentMoved(app, tx, payment, {
      version: payment.version + 1,
      previousStatus: 'PENDING',
      status: 'CANCELLED',
    });
  }
  return orderPaymentStatus(
    payments.map((payment) => (pending.includes(payment) ? { status: 'CANCELLED' as const } : payment)),
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
  await paymentMoved(app, tx, payment, { version: payment.version + 1, previousStatus: payment.status, status });
}
