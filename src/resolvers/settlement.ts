import type { App } from '../context.ts';
import type { Scope, Transaction } from '../db.ts';
import { reviewAcceptPosting, reviewHoldPosting, settlementPosting, type LedgerEntry } from '../domain/ledger.ts';
import {
  decidePayment,
  type AmountRule,
  type GatewayFact,
  type PaymentClaim,
  type PaymentDecision,
  type ReviewFact,
} from '../domain/payment.ts';
import { orderPaymentStatus } from '../domain/payment-state.ts';
import { appendEvent } from '../events.ts';
import type { OrderModel, PaymentModel } from '../generated/prisma/models.ts';
import { issueInvoice } from './invoice.ts';
import { lockOrder } from './order-lock.ts';
import { afterGivingUp, lockPayment, paymentMoved, paymentsOf } from './payment-change.ts';

export type Settling = Pick<App, 'clock' | 'newId' | 'db' | 'journal' | 'log'>;

export interface PaymentNews {
  readonly paymentId: string;
  readonly claim: PaymentClaim | null;
  readonly fact: GatewayFact | ReviewFact | null;
  readonly amountRule: AmountRule;
  /** Why, when an operator decides. */
  readonly reason?: string;
  readonly actor?: string;
}

const NIL_ID = '00000000-0000-0000-0000-000000000000';

/**
 * The one way money moves: webhook, poll and operator all come here (COM-7, COM-9). Locks the order, then the payment, decides by the
 * pure reducer, and writes payment, order, ledger, invoice and events in one transaction.
 */
export async function settle(tx: Transaction, app: Settling, news: PaymentNews): Promise<PaymentDecision> {
  const { order, payment } = await lockBoth(tx, news.paymentId);
  const decision = decidePayment({
    payment: await decidedPayment(tx, payment),
    order,
    fact: news.fact,
    claim: news.claim,
    amountRule: news.amountRule,
  });
  await write(tx, app, { order, payment, decision, news });
  return decision;
}

/** What would be decided, without writing anything (BEY-7). */
export async function foresee(
  tx: Transaction,
  news: PaymentNews,
): Promise<{ order: OrderModel; payment: PaymentModel; decision: PaymentDecision }> {
  const { orderId } = await tx.one<{ orderId: string }>(
    'select order_id as "orderId" from payments where tenant_id = current_tenant() and id = $1',
    [news.paymentId],
  );
  const order = await lockOrder(tx, orderId);
  const payment = await lockPayment(tx, news.paymentId);
  return {
    order,
    payment,
    decision: decidePayment({
      payment: await decidedPayment(tx, payment),
      order,
      fact: news.fact,
      claim: news.claim,
      amountRule: news.amountRule,
    }),
  };
}

async function lockBoth(tx: Transaction, paymentId: string): Promise<{ order: OrderModel; payment: PaymentModel }> {
  const found = await tx.maybeOne<{ orderId: string }>(
    'select order_id as "orderId" from payments where tenant_id = current_tenant() and id = $1',
    [paymentId],
  );
  const order = await lockOrder(tx, found?.orderId ?? NIL_ID, ['input', 'paymentId']);
  return { order, payment: await lockPayment(tx, paymentId) };
}

async function decidedPayment(tx: Transaction, payment: PaymentModel) {
  if (payment.status !== 'UNDER_REVIEW') return payment;
  const requested = await tx.query(
    "select 1 from refunds where tenant_id = current_tenant() and payment_id = $1 and status = 'REQUESTED'",
    [payment.id],
  );
  return { ...payment, refundRequested: requested.length > 0 };
}

interface Change {
  readonly order: OrderModel;
  readonly payment: PaymentModel;
  readonly decision: PaymentDecision;
  readonly news: PaymentNews;
}

async function write(tx: Transaction, app: Settling, change: Change): Promise<void> {
  const { order, payment, decision } = change;
  const moved = decision.paymentStatus !== payment.status;
  if (!moved && decision.orderStatus === order.status && decision.refundMinor === 0n) {
    return;
  }
  if (moved) {
    await writePayment(tx, app, change);
    await paymentMoved(app, tx, payment, {
      version: payment.version + 1,
      previousStatus: payment.status,
      status: decision.paymentStatus,
    });
    await writeOrder(tx, app, change);
  }
  if (decision.refundMinor > 0n) await requestRefund(tx, app, change);
  // Number counters before ledger accounts: the global lock order.
  if (decision.effects.issueInvoice) await issueInvoice(tx, app, order.id);
  await writeLedger(tx, app, change);
}

async function writePayment(tx: Transaction, app: Settling, change: Change): Promise<void> {
  const { payment, decision, news } = change;
  const settled = decision.paymentStatus === 'PAID';
  await tx.query(
    `update payments set status = $2::payment_status, captured_minor = $3, review_reason = $4,
       failure_reason = case when $2::payment_status = 'FAILED' then coalesce($5, failure_reason) else failure_reason end,
       settled_at = coalesce(settled_at, $6), next_poll_at = $7, poll_attempts = 0, version = version + 1
     where tenant_id = current_tenant() and id = $1`,
    [
      payment.id,
      decision.paymentStatus,
      decision.capturedMinor,
      decision.reviewReason,
      failureOf(news),
      settled ? app.clock.now() : null,
      lastLooksAt(app, change),
    ],
  );
}

// An attempt failed, and the gateway's page is still open: the customer may pay there yet, and that webhook may be lost (COM-9).
function lastLooksAt(app: Settling, { payment, decision, news }: Change): Date | null {
  const open = news.fact !== null && 'status' in news.fact && news.fact.status === 'PENDING';
  const givenUp = decision.paymentStatus === 'FAILED' || decision.paymentStatus === 'EXPIRED';
  return open && givenUp && payment.gatewayReference !== null ? afterGivingUp(app) : null;
}

function failureOf(news: PaymentNews): string | null {
  const claim = news.claim as { failureReason?: string | null } | null;
  return claim?.failureReason ?? null;
}

async function writeOrder(tx: Transaction, app: Settling, { order, payment, decision }: Change): Promise<void> {
  const payments = await paymentsOf(tx, order.id);
  const paymentStatus = orderPaymentStatus(payments);
  const paid = decision.orderStatus === 'PAID' && order.status !== 'PAID';
  await tx.query(
    `update orders set status = $2, payment_status = $3, paid_minor = paid_minor + $4, paid_at = coalesce(paid_at, $5), version = version + 1
     where tenant_id = current_tenant() and id = $1`,
    [order.id, decision.orderStatus, paymentStatus, decision.settleMinor, paid ? app.clock.now() : null],
  );
  if (decision.orderStatus === order.status) return;
  await appendEvent(tx, {
    id: app.newId(),
    type: 'order.status',
    aggregateType: 'Order',
    aggregateId: order.id,
    version: order.version + 1,
    occurredAt: app.clock.now(),
    payload: { v: 1, customerId: payment.customerId, previousStatus: order.status, status: decision.orderStatus },
  });
}

async function writeLedger(tx: Transaction, app: Settling, { order, payment, decision }: Change): Promise<void> {
  const { effects } = decision;
  if (effects.postSettlement) {
    const entries = settlementPosting({
      amountMinor: decision.settleMinor,
      taxMinor: order.taxMinor,
      commissionMinor: decision.commissionMinor,
    });
    await post(tx, app, { kind: 'SETTLEMENT', payment, currencyCode: payment.currencyCode, entries });
  }
  if (effects.postReviewHold) {
    const entries = reviewHoldPosting({ heldMinor: decision.holdMinor });
    await post(tx, app, { kind: 'REVIEW_HOLD', payment, currencyCode: decision.holdCurrencyCode!, entries });
  }
  if (effects.postReviewAccept) {
    const entries = reviewAcceptPosting({
      heldMinor: payment.capturedMinor,
      settleMinor: decision.settleMinor,
      waivedMinor: decision.waivedMinor,
      taxMinor: decision.settleMinor > 0n ? order.taxMinor : 0n,
      commissionMinor: decision.commissionMinor,
      creditMinor: decision.creditMinor,
    });
    await post(tx, app, { kind: 'REVIEW_ACCEPT', payment, currencyCode: payment.currencyCode, entries });
  }
}

async function post(
  tx: Transaction,
  app: Settling,
  posting: { kind: string; payment: PaymentModel; currencyCode: string; entries: readonly LedgerEntry[] },
): Promise<void> {
  const entries = posting.entries.map((entry) => ({
    kind: entry.accountKind,
    holderId: entry.accountKind === 'CUSTOMER_CREDIT' ? posting.payment.customerId : NIL_ID,
    amountMinor: String(entry.amountMinor),
  }));
  await tx.query('select post_ledger($1, $2, $3, $4, $5, $6)', [
    app.newId(),
    posting.kind,
    posting.payment.id,
    posting.currencyCode,
    app.clock.now(),
    JSON.stringify(entries),
  ]);
}

async function requestRefund(tx: Transaction, app: Settling, { payment, decision, news }: Change): Promise<void> {
  await tx.query(
    `insert into refunds (tenant_id, id, payment_id, amount_minor, reason, target, status, requested_by, created_at)
     values (current_tenant(), $1, $2, $3, $4, 'GATEWAY', 'REQUESTED', $5, $6)`,
    [app.newId(), payment.id, decision.refundMinor, news.reason ?? '', news.actor ?? 'system', app.clock.now()],
  );
}

/** Settles in a transaction of its own and wakes who watches. */
export async function settleNow(app: Settling, scope: Scope, news: PaymentNews): Promise<PaymentDecision> {
  const decision = await app.db.write(scope, (tx) => settle(tx, app, news));
  app.journal.wake();
  return decision;
}
