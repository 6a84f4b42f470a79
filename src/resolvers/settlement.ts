import type { App } from '../context.ts';
import type { Transaction } from '../db.ts';
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
import { orderPaymentStatus, type PaymentStatus } from '../domain/payment-state.ts';
import { notFound } from '../errors.ts';
import { appendEvent } from '../events.ts';
import type { OrderModel, PaymentModel } from '../generated/prisma/models.ts';
import { postLedger, postLedgerLater, type HoldEnd, type Posting } from '../ledger.ts';
import { ORDER_COLUMNS, PAYMENT_COLUMNS } from '../loaders.ts';
import { wakeBookings } from './booking-change.ts';
import { issueInvoiceOf, readSaleOfPayment, type Sale } from './invoice.ts';
import { earn } from './loyalty-earn.ts';
import { paymentMoved } from './payment-change.ts';
import { afterGivingUp } from './payment-end.ts';
import { requireHolder } from './wallet-holder.ts';
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

/**
 * The one way money moves: webhook, poll and operator all come here (COM-7, COM-9). Locks the order, then the payment, decides by the
 * pure reducer, and writes payment, order, ledger, invoice and events in one transaction.
 */
export async function settle(tx: Transaction, app: Settling, news: PaymentNews): Promise<PaymentDecision> {
  const locking = lockBoth(tx, news.paymentId);
  // In the message of the locks and behind them, where an invoice will probably be made: a round trip less.
  const sale = isPaid(news) ? readSaleOfPayment(tx, news.paymentId) : null;
  sale?.catch(() => undefined);
  const locked = await locking;
  const decision = await decide(tx, locked, news);
  await requireTaker(tx, locked, decision);
  await carryOut(tx, app, { ...locked, decision, news, sale: await sale });
  return decision;
}

/** What an operator accepts beyond what an order wants is its customer's. @throws INVALID_STATE where they were erased: it stays held */
async function requireTaker(tx: Transaction, { order }: Locked, decision: PaymentDecision): Promise<void> {
  if (!decision.effects.postReviewAccept) return;
  if (order.type === 'TOP_UP' || decision.creditMinor > 0n)
    await requireHolder(tx, order.customerId, ['input', 'decision']);
}

function isPaid({ fact }: PaymentNews): boolean {
  return fact !== null && 'status' in fact && fact.status === 'PAID';
}

export interface Locked {
  readonly order: OrderModel;
  readonly payment: PaymentModel;
  /** What the wallet gives beside it. */
  readonly share: PaymentModel | null;
  /** All of the order's, as they were. */
  readonly payments: readonly PaymentModel[];
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

// Both statements in one message: the second waits in the database until the first has its lock (decisions.md, "Global lock order").
export async function lockBoth(tx: Transaction, paymentId: string): Promise<Locked> {
  const [orders, payments] = await Promise.all([
    tx.query<OrderModel>(
      `select ${ORDER_COLUMNS} from orders o where o.tenant_id = current_tenant() and o.id = (
         select p.order_id from payments p where p.tenant_id = current_tenant() and p.id = $1) for update`,
      [paymentId],
    ),
    tx.query<PaymentModel>(
      `select ${PAYMENT_COLUMNS} from payments p where p.tenant_id = current_tenant() and p.order_id = (
         select q.order_id from payments q where q.tenant_id = current_tenant() and q.id = $1) order by p.created_at, p.id for update`,
      [paymentId],
    ),
  ]);
  const order = orders[0];
  const payment = payments.find(({ id }) => id === paymentId);
  if (!order || !payment) throw notFound('payment', ['input', 'paymentId']);
  return { order, payment, payments, share: payments.find(({ shareOfId }) => shareOfId === paymentId) ?? null };
}

async function decidedPayment(tx: Transaction, { payment, share }: Locked) {
  const whole = share === null ? payment : { ...payment, walletMinor: await shareAvailable(tx, share) };
  if (payment.status !== 'UNDER_REVIEW') return whole;
  const requested = await tx.query(
    "select 1 from refunds where tenant_id = current_tenant() and payment_id = $1 and status = 'REQUESTED'",
    [payment.id],
  );
  return { ...whole, refundRequested: requested.length > 0 };
}

interface Change extends Locked {
  readonly decision: PaymentDecision;
  readonly news: PaymentNews;
  /** Null: not read yet. */
  readonly sale: Sale | null;
}

/** Writes a decision, taken under the locks of order and payment. */
export async function carryOut(tx: Transaction, app: Settling, change: Change): Promise<void> {
  const { order, payment, decision } = change;
  const moved = decision.paymentStatus !== payment.status;
  if (!moved && decision.orderStatus === order.status && decision.refundMinor === 0n) return;
  let ends: readonly HoldEnd[] = [];
  if (moved) {
    writePayment(tx, app, change);
    paymentMoved(app, tx, payment, {
      version: payment.version + 1,
      previousStatus: payment.status,
      status: decision.paymentStatus,
    });
    const shares = endShares(tx, app, change);
    ends = shares.ends;
    writeOrder(tx, app, change, shares.statuses);
    if (isPaidNow(change)) await wakeBookings(app, tx, order, 'PAID');
  }
  if (decision.refundMinor > 0n) requestRefund(tx, app, change);
  const earned = await sell(tx, app, change);
  const work = { postings: [...postingsOf(change), ...earned], ends };
  const takes = payment.gateway === 'WALLET' || decision.walletMinor > 0n;
  if (takes) await postLedger(tx, app, payment.customerId, work);
  else postLedgerLater(tx, app, payment.customerId, work);
}

/** The invoice, and what the order earns. A top-up is no sale: neither. Number counters before customers and ledger accounts: the global lock order. */
async function sell(tx: Transaction, app: Settling, change: Change): Promise<readonly Posting[]> {
  const { order, payment, decision } = change;
  const paidNow = isPaidNow(change);
  const { issueInvoice } = decision.effects;
  if (order.type === 'TOP_UP' || !(paidNow || issueInvoice)) return [];
  const sale = change.sale ?? (await readSaleOfPayment(tx, payment.id));
  const paidMinor = order.paidMinor + decision.settleMinor + decision.walletMinor;
  if (issueInvoice) issueInvoiceOf(tx, app, { ...order, paidMinor }, sale);
  return paidNow && sale.rules ? earn(tx, app, { order, paidMinor, rules: sale.rules }) : [];
}

function isPaidNow({ order, decision }: Pick<Change, 'order' | 'decision'>): boolean {
  return decision.orderStatus === 'PAID' && order.status !== 'PAID';
}

/** A share is taken with its payment, or its money is free again; and an order that is paid needs no other share any more. */
function endShares(
  tx: Transaction,
  app: Settling,
  { order, payment, payments, share, decision }: Change,
): { ends: HoldEnd[]; statuses: ReadonlyMap<string, PaymentStatus> } {
  const captured = share !== null && decision.walletMinor > 0n ? share : null;
  const paid = isPaidNow({ order, decision });
  const stays = !paid && (decision.paymentStatus === 'PENDING' || decision.paymentStatus === 'UNPAID');
  const over = paid ? payments : share && !stays ? [share] : [];
  const released = over.filter((other) => other !== captured && other.shareOfId !== null && other.status === 'PENDING');
  const statuses = new Map<string, PaymentStatus>([[payment.id, decision.paymentStatus]]);
  for (const other of released) statuses.set(other.id, 'CANCELLED');
  if (captured) statuses.set(captured.id, 'PAID');
  return {
    ends: [...(captured ? captureShare(app, tx, captured) : []), ...releaseShares(app, tx, released)],
    statuses,
  };
}

function writePayment(tx: Transaction, app: Settling, change: Change): void {
  const { payment, decision, news } = change;
  const settled = decision.paymentStatus === 'PAID';
  tx.later(
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

function writeOrder(
  tx: Transaction,
  app: Settling,
  { order, payment, payments, decision }: Change,
  statuses: ReadonlyMap<string, PaymentStatus>,
): void {
  const paymentStatus = orderPaymentStatus(
    payments.map(({ id, status, shareOfId }) => ({ status: statuses.get(id) ?? status, shareOfId })),
  );
  const paid = isPaidNow({ order, decision });
  tx.later(
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
  appendEvent(tx, {
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
    walletMinor: decision.walletMinor,
    waivedMinor: decision.waivedMinor,
    taxMinor: decision.settleMinor > 0n ? order.taxMinor : 0n,
    commissionMinor: decision.commissionMinor,
    creditMinor: decision.creditMinor,
    topUp: order.type === 'TOP_UP',
  });
}

function requestRefund(tx: Transaction, app: Settling, { payment, decision, news }: Change): void {
  tx.later(
    // Nobody was asked yet: a job does (refund-poll.ts), because no call is made in this transaction.
    `insert into refunds (tenant_id, id, payment_id, amount_minor, reason, target, status, requested_by, created_at, next_poll_at)
     values (current_tenant(), $1, $2, $3, $4, 'GATEWAY', 'REQUESTED', $5, $6, $6)`,
    [app.newId(), payment.id, decision.refundMinor, news.reason ?? '', news.actor ?? 'system', app.clock.now()],
  );
}
