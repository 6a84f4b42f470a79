import type { App } from '../context.ts';
import type { Scope, Transaction } from '../db.ts';
import {
  reviewAcceptPosting,
  reviewHoldPosting,
  settlementPosting,
  topUpPosting,
  type LedgerEntry,
} from '../domain/ledger.ts';
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
import { postLedger, type HoldEnd, type Posting } from '../ledger.ts';
import { PAYMENT_COLUMNS } from '../loaders.ts';
import { issueInvoice } from './invoice.ts';
import { lockOrder } from './order-lock.ts';
import { lockPayment, paymentMoved, paymentsOf } from './payment-change.ts';
import { afterGivingUp } from './payment-end.ts';
import { captureShare, releaseShares, shareAvailable } from './wallet-share.ts';

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
  const locked = await lockBoth(tx, news.paymentId);
  const decision = await decide(tx, locked, news);
  await write(tx, app, { ...locked, decision, news });
  return decision;
}

interface Locked {
  readonly order: OrderModel;
  readonly payment: PaymentModel;
  /** What the wallet gives beside it. */
  readonly share: PaymentModel | null;
}

async function decide(tx: Transaction, locked: Locked, news: PaymentNews): Promise<PaymentDecision> {
  return decidePayment({
    payment: await decidedPayment(tx, locked),
    order: locked.order,
    fact: news.fact,
    claim: news.claim,
    amountRule: news.amountRule,
  });
}

/** What would be decided, without writing anything (BEY-7). */
export async function foresee(
  tx: Transaction,
  news: PaymentNews,
): Promise<{ order: OrderModel; payment: PaymentModel; decision: PaymentDecision }> {
  const locked = await lockBoth(tx, news.paymentId);
  return { order: locked.order, payment: locked.payment, decision: await decide(tx, locked, news) };
}

async function lockBoth(tx: Transaction, paymentId: string): Promise<Locked> {
  const found = await tx.maybeOne<{ orderId: string }>(
    'select order_id as "orderId" from payments where tenant_id = current_tenant() and id = $1',
    [paymentId],
  );
  const order = await lockOrder(tx, found?.orderId ?? NIL_ID, ['input', 'paymentId']);
  const payment = await lockPayment(tx, paymentId);
  const share = await tx.maybeOne<PaymentModel>(
    `select ${PAYMENT_COLUMNS} from payments p where p.tenant_id = current_tenant() and p.share_of_id = $1 for update`,
    [paymentId],
  );
  return { order, payment, share: share ?? null };
}

async function decidedPayment(tx: Transaction, { payment, share }: Locked) {
  if (payment.status === 'UNDER_REVIEW') {
    const requested = await tx.query(
      "select 1 from refunds where tenant_id = current_tenant() and payment_id = $1 and status = 'REQUESTED'",
      [payment.id],
    );
    return { ...payment, refundRequested: requested.length > 0 };
  }
  return share === null ? payment : { ...payment, walletMinor: await shareAvailable(tx, share) };
}

interface Change extends Locked {
  readonly decision: PaymentDecision;
  readonly news: PaymentNews;
}

async function write(tx: Transaction, app: Settling, change: Change): Promise<void> {
  const { order, payment, decision } = change;
  const moved = decision.paymentStatus !== payment.status;
  if (!moved && decision.orderStatus === order.status && decision.refundMinor === 0n) return;
  if (moved) {
    await writePayment(tx, app, change);
    await paymentMoved(app, tx, payment, {
      version: payment.version + 1,
      previousStatus: payment.status,
      status: decision.paymentStatus,
    });
  }
  const ends = moved ? await endShares(tx, app, change) : [];
  if (moved) await writeOrder(tx, app, change);
  if (decision.refundMinor > 0n) await requestRefund(tx, app, change);
  // Number counters before ledger accounts: the global lock order. A top-up is no sale and has no invoice.
  if (decision.effects.issueInvoice && order.type !== 'TOP_UP') await issueInvoice(tx, app, order.id);
  await postLedger(tx, app, payment.customerId, { postings: postingsOf(change), ends });
}

// A share is taken with its payment, or its money is free again; and an order that is paid needs no other share any more.
async function endShares(tx: Transaction, app: Settling, { order, share, decision }: Change): Promise<HoldEnd[]> {
  const captured = share && decision.walletMinor > 0n ? await captureShare(app, tx, share) : [];
  const paid = decision.orderStatus === 'PAID' && order.status !== 'PAID';
  const over = paid ? await paymentsOf(tx, order.id) : share ? [share] : [];
  const others = over.filter((other) => !captured.some((end) => end.holdId === other.id));
  const stays = !paid && (decision.paymentStatus === 'PENDING' || decision.paymentStatus === 'UNPAID');
  return [...captured, ...(stays ? [] : await releaseShares(app, tx, others))];
}

async function writePayment(tx: Transaction, app: Settling, change: Change): Promise<void> {
  const { payment, decision, news } = change;
  const settled = decision.paymentStatus === 'PAID';
  await tx.query(
    `update payments set status = $2::payment_status, captured_minor = $3, review_reason = $4,
       failure_reason = case when $2::payment_status = 'FAILED' then coalesce($5, failure_reason) else failure_reason end,
       settled_at = coalesce(settled_at, $6), next_poll_at = $7, poll_attempts = 0, version = version + 1,
       settled_minor = settled_minor + $8, credit_minor = credit_minor + $9
     where tenant_id = current_tenant() and id = $1`,
    [
      payment.id,
      decision.paymentStatus,
      decision.capturedMinor,
      decision.reviewReason,
      failureOf(news),
      settled ? app.clock.now() : null,
      lastLooksAt(app, change),
      decision.settleMinor,
      decision.creditMinor,
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
    [
      order.id,
      decision.orderStatus,
      paymentStatus,
      decision.settleMinor + decision.walletMinor,
      paid ? app.clock.now() : null,
    ],
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

function postingsOf({ order, payment, decision }: Change): Posting[] {
  const { effects } = decision;
  const subject = { subjectId: payment.id, currencyCode: payment.currencyCode };
  const postings: Posting[] = [];
  if (effects.postSettlement)
    postings.push({ ...subject, kind: 'SETTLEMENT', entries: settlementOf(order, payment, decision) });
  if (effects.postReviewHold)
    postings.push({
      ...subject,
      kind: 'REVIEW_HOLD',
      currencyCode: decision.holdCurrencyCode!,
      entries: reviewHoldPosting({ heldMinor: decision.holdMinor }),
    });
  if (effects.postReviewAccept)
    postings.push({ ...subject, kind: 'REVIEW_ACCEPT', entries: acceptanceOf(order, payment, decision) });
  return postings;
}

function settlementOf(order: OrderModel, payment: PaymentModel, decision: PaymentDecision): LedgerEntry[] {
  const { settleMinor: amountMinor, walletMinor, commissionMinor, feeMinor } = decision;
  if (order.type === 'TOP_UP') return topUpPosting({ amountMinor, commissionMinor, feeMinor });
  const { taxMinor } = order;
  if (payment.gateway === 'WALLET')
    return settlementPosting({ amountMinor: 0n, walletMinor: amountMinor, taxMinor, commissionMinor });
  return settlementPosting({ amountMinor, walletMinor, taxMinor, commissionMinor, feeMinor });
}

// What an operator accepts for a top-up that was late or of another amount is wallet money as it is: credit of the customer's.
function acceptanceOf(order: OrderModel, payment: PaymentModel, decision: PaymentDecision): LedgerEntry[] {
  return reviewAcceptPosting({
    heldMinor: payment.capturedMinor,
    settleMinor: decision.settleMinor,
    waivedMinor: decision.waivedMinor,
    taxMinor: decision.settleMinor > 0n ? order.taxMinor : 0n,
    commissionMinor: decision.commissionMinor,
    creditMinor: decision.creditMinor,
    topUp: order.type === 'TOP_UP',
  });
}

async function requestRefund(tx: Transaction, app: Settling, { payment, decision, news }: Change): Promise<void> {
  await tx.query(
    // Nobody was asked yet: a job does (refund-poll.ts), because no call is made in this transaction.
    `insert into refunds (tenant_id, id, payment_id, amount_minor, reason, target, status, requested_by, created_at, next_poll_at)
     values (current_tenant(), $1, $2, $3, $4, 'GATEWAY', 'REQUESTED', $5, $6, $6)`,
    [app.newId(), payment.id, decision.refundMinor, news.reason ?? '', news.actor ?? 'system', app.clock.now()],
  );
}

/** Settles in a transaction of its own and wakes who watches. */
export async function settleNow(app: Settling, scope: Scope, news: PaymentNews): Promise<PaymentDecision> {
  const decision = await app.db.write(scope, (tx) => settle(tx, app, news));
  app.journal.wake();
  return decision;
}
