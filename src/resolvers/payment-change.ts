import type { App } from '../context.ts';
import type { Transaction } from '../db.ts';
import type { PaymentStatus } from '../domain/payment-state.ts';
import { notFound } from '../errors.ts';
import { appendEvent } from '../events.ts';
import type { PaymentModel } from '../generated/prisma/models.ts';
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
export function paymentMoved(
  app: Changing,
  tx: Transaction,
  payment: Pick<PaymentModel, 'id' | 'orderId' | 'customerId'>,
  change: { version: number; previousStatus: PaymentStatus; status: PaymentStatus },
): void {
  appendEvent(tx, {
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
