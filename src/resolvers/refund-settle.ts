import type { Transaction } from '../db.ts';
import { columns } from '../columns.ts';
import { refundParts, type TaxPart } from '../domain/credit.ts';
import { refundPosting, reviewRefundPosting, topUpRefundPosting, type LedgerEntry } from '../domain/ledger.ts';
import { decideRefund, type RefundDecision } from '../domain/payment-review.ts';
import { orderPaymentStatus } from '../domain/payment-state.ts';
import { appendEvent } from '../events.ts';
import type { OrderModel, PaymentModel, RefundModel } from '../generated/prisma/models.ts';
import { postLedger } from '../ledger.ts';
import { wakePackage } from './booking-change.ts';
import { issueCreditNote } from './credit-note.ts';
import { takeBackEarned } from './loyalty-takeback.ts';
import { lockOrder } from './order-lock.ts';
import { lockPayment, paymentMoved, paymentsOf, type Changing } from './payment-change.ts';

const REFUND_COLUMNS = columns('Refund', 'r');

export interface LockedRefund {
  readonly refund: RefundModel;
  readonly payment: PaymentModel;
  readonly order: OrderModel;
}

/** A refund, locked after its order and payment; null where there is none. */
export async function lockRefund(tx: Transaction, refundId: string): Promise<LockedRefund | null> {
  const found = await tx.maybeOne<{ paymentId: string; orderId: string }>(
    `select r.payment_id as "paymentId", p.order_id as "orderId" from refunds r
     join payments p on p.tenant_id = r.tenant_id and p.id = r.payment_id where r.tenant_id = current_tenant() and r.id = $1`,
    [refundId],
  );
  if (!found) return null;
  const order = await lockOrder(tx, found.orderId);
  const payment = await lockPayment(tx, found.paymentId);
  const refund = await tx.one<RefundModel>(
    `select ${REFUND_COLUMNS} from refunds r where r.tenant_id = current_tenant() and r.id = $1 for update`,
    [refundId],
  );
  return { refund, payment, order };
}

/**
 * The money went back: payment, order, credit note, ledger and events in one transaction (COM-10). Does nothing where the refund
 * came to its end already, so that webhook, poll and the call's own answer may all tell of it.
 * @returns true where it was settled now
 */
export async function settleRefund(
  tx: Transaction,
  app: Changing,
  refundId: string,
  gatewayRefundReference: string | null,
): Promise<boolean> {
  const locked = await lockRefund(tx, refundId);
  if (locked?.refund.status !== 'REQUESTED') return false;
  const { refund, payment, order } = locked;
  const decision = decideRefund({ payment, order, refundMinor: refund.amountMinor });
  const parts = await partsOf(tx, order, decision.ofOrderMinor);
  await writePayment(tx, app, locked, decision);
  await writeOrder(tx, app, locked, decision);
  const creditNoteId = parts.length > 0 ? await issueCreditNote(tx, app, { orderId: order.id, parts }) : null;
  await tx.query(
    `update refunds set status = 'DONE', completed_at = $2, next_poll_at = null, of_order_minor = $3, tax_minor = $4, parts = $5, credit_note_id = $6,
       gateway_refund_reference = coalesce($7, gateway_refund_reference)
     where tenant_id = current_tenant() and id = $1`,
    [
      refund.id,
      app.clock.now(),
      decision.ofOrderMinor,
      taxOf(parts),
      JSON.stringify(
        parts.map((part) => ({ ...part, grossMinor: String(part.grossMinor), taxMinor: String(part.taxMinor) })),
      ),
      creditNoteId,
      gatewayRefundReference,
    ],
  );
  const posting = {
    subjectId: refund.id,
    kind: decision.wasHeld ? 'REVIEW_REFUND' : 'REFUND',
    currencyCode: decision.wasHeld ? await heldCurrency(tx, payment) : payment.currencyCode,
    entries: entriesOf(locked, decision, taxOf(parts)),
  };
  // A top-up's money was set aside when the refund was requested.
  const ends = order.type === 'TOP_UP' ? [{ holdId: refund.id, outcome: 'CAPTURED' as const }] : [];
  const takenBack =
    decision.ofOrderMinor > 0n
      ? await takeBackEarned(tx, app, { order, refundId, refundedMinor: decision.orderRefundedMinor })
      : [];
  await postLedger(tx, app, payment.customerId, { postings: [posting, ...takenBack], ends });
  wakePackage(app, tx, order);
  return true;
}

function entriesOf({ refund, order }: LockedRefund, decision: RefundDecision, taxMinor: bigint): LedgerEntry[] {
  if (decision.wasHeld) return reviewRefundPosting({ refundMinor: refund.amountMinor });
  const { ofOrderMinor, creditMinor, commissionMinor } = decision;
  if (order.type === 'TOP_UP') return topUpRefundPosting({ walletMinor: ofOrderMinor + creditMinor, commissionMinor });
  return refundPosting({ ofOrderMinor, taxMinor, creditMinor, commissionMinor, target: refund.target });
}

function taxOf(parts: readonly TaxPart[]): bigint {
  return parts.reduce((sum, part) => sum + part.taxMinor, 0n);
}

/** How the refund falls on the order's tax rates; nothing for a top-up, which is no sale, and for what the order never counted. */
async function partsOf(tx: Transaction, order: OrderModel, ofOrderMinor: bigint): Promise<readonly TaxPart[]> {
  if (order.type === 'TOP_UP' || ofOrderMinor === 0n) return [];
  const lines = await tx.query<TaxPart>(
    `select i.tax_rate as rate, i.gross_minor as "grossMinor", i.tax_minor as "taxMinor" from order_items i
     where i.tenant_id = current_tenant() and i.order_id = $1 order by i.position`,
    [order.id],
  );
  const earlier = await tx.query<TaxPart>(
    `select part ->> 'rate' as rate, (part ->> 'grossMinor')::bigint as "grossMinor", (part ->> 'taxMinor')::bigint as "taxMinor"
     from refunds r join payments p on p.tenant_id = r.tenant_id and p.id = r.payment_id cross join jsonb_array_elements(r.parts) part
     where r.tenant_id = current_tenant() and p.order_id = $1 and r.status = 'DONE'`,
    [order.id],
  );
  return refundParts(lines, earlier, ofOrderMinor);
}

async function writePayment(
  tx: Transaction,
  app: Changing,
  { payment }: LockedRefund,
  decision: RefundDecision,
): Promise<void> {
  await tx.query(
    `update payments set status = $2::payment_status, refunded_minor = $3, review_reason = null, version = version + 1
     where tenant_id = current_tenant() and id = $1`,
    [payment.id, decision.paymentStatus, decision.paymentRefundedMinor],
  );
  paymentMoved(app, tx, payment, {
    version: payment.version + 1,
    previousStatus: payment.status,
    status: decision.paymentStatus,
  });
}

async function writeOrder(
  tx: Transaction,
  app: Changing,
  { order }: LockedRefund,
  decision: RefundDecision,
): Promise<void> {
  await tx.query(
    `update orders set status = $2::order_status, payment_status = $3::payment_status, refunded_minor = $4, version = version + 1
     where tenant_id = current_tenant() and id = $1`,
    [order.id, decision.orderStatus, orderPaymentStatus(await paymentsOf(tx, order.id)), decision.orderRefundedMinor],
  );
  if (decision.orderStatus === order.status) return;
  appendEvent(tx, {
    id: app.newId(),
    type: 'order.status',
    aggregateType: 'Order',
    aggregateId: order.id,
    version: order.version + 1,
    occurredAt: app.clock.now(),
    payload: { v: 1, customerId: order.customerId, previousStatus: order.status, status: decision.orderStatus },
  });
}

/** Money under review may have come in another currency than it was asked in: the hold says which. */
export async function heldCurrency(tx: Transaction, payment: PaymentModel): Promise<string> {
  const hold = await tx.maybeOne<{ currencyCode: string }>(
    `select currency_code as "currencyCode" from ledger_transactions
     where tenant_id = current_tenant() and kind = 'REVIEW_HOLD' and subject_id = $1`,
    [payment.id],
  );
  return hold?.currencyCode ?? payment.currencyCode;
}

/** The money certainly did not go back: it may be requested anew. */
export async function rejectRefund(tx: Transaction, app: Changing, refundId: string, reason: string): Promise<void> {
  const locked = await lockRefund(tx, refundId);
  if (locked?.refund.status !== 'REQUESTED') return;
  await tx.query(
    `update refunds set status = 'REJECTED', completed_at = $2, next_poll_at = null, failure_reason = $3 where tenant_id = current_tenant() and id = $1`,
    [refundId, app.clock.now(), reason.slice(0, 500)],
  );
  wakePackage(app, tx, locked.order);
  if (locked.order.type !== 'TOP_UP') return;
  await postLedger(tx, app, locked.payment.customerId, {
    postings: [],
    ends: [{ holdId: refundId, outcome: 'RELEASED' }],
  });
}
