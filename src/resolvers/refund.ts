import { actorName, authorize } from '../access.ts';
import type { Context } from '../context.ts';
import type { Transaction } from '../db.ts';
import { parseAmount } from '../domain/money.ts';
import { decideRefund } from '../domain/payment-review.ts';
import { AppError, invalidInput, notFound } from '../errors.ts';
import type { OrderModel, PaymentModel, RefundModel } from '../generated/prisma/models.ts';
import type { RefundTarget } from '../generated/prisma/enums.ts';
import { idOf } from '../global-id.ts';
import { holdLedger, orShort } from '../ledger.ts';
import { runOperation, type Done } from '../operations.ts';
import { openInquiry } from './inquiry-open.ts';
import { lockOrder } from './order-lock.ts';
import { lockPayment } from './payment-change.ts';
import { refusalOf } from './payment-refusal.ts';
import { inputOf, REFUND_LEASE_MS, sendRefund, asGatewayKnowsIt } from './refund-poll.ts';
import { lockRefund, rejectRefund, settleRefund } from './refund-settle.ts';
import { requireHolder } from './wallet-holder.ts';

export interface RefundPaymentInput {
  readonly paymentId: string;
  /** In the payment's currency; all that is left where it is not given. */
  readonly amount?: string | null;
  readonly reason: string;
  readonly to?: RefundTarget | null;
  readonly idempotencyKey?: string | null;
}

const REASON_MAX = 500;

/**
 * Gives money back, to where it came from or into the customer's wallet (COM-10). The refund is committed before the gateway is called;
 * what the gateway only takes and approves later stays REQUESTED; a lost answer opens an inquiry.
 * @throws REFUND_EXCEEDS_PAID, INVALID_STATE, INSUFFICIENT_BALANCE, GATEWAY_REJECTED, GATEWAY_UNAVAILABLE, OUTCOME_UNKNOWN, NOT_FOUND
 */
export async function refundPayment(ctx: Context, input: RefundPaymentInput): Promise<Done> {
  authorize(ctx, 'payment.refund');
  const paymentId = idOf('Payment', input.paymentId, ['input', 'paymentId']);
  if (input.reason.trim() === '' || input.reason.length > REASON_MAX)
    throw invalidInput(`Give a reason of 1 to ${REASON_MAX} characters.`, ['input', 'reason']);
  const done = { type: 'Payment', id: paymentId };
  return runOperation(ctx, 'refundPayment', { ...input }, async (operation) => {
    const intent = await operation.begin(async (tx) => {
      const value = await commitRefund(ctx, tx, paymentId, input);
      return { about: done, value, complete: value.settled };
    });
    if (intent.settled) return done;
    const { end, outcome } = await request(ctx, intent.refundId);
    if (end === 'REJECTED' && outcome.kind === 'notDone') throw refusalOf(outcome);
    if (end === 'REJECTED') throw new AppError('GATEWAY_REJECTED', 'The payment service did not accept this refund.');
    if (end !== 'UNKNOWN') return operation.finish(async () => done);
    const inquiryId = await operation.lose((tx) =>
      openInquiry(ctx.app, tx, { aboutType: 'Refund', aboutId: intent.refundId, reason: 'REFUND_ANSWER_LOST' }),
    );
    throw new AppError(
      'OUTCOME_UNKNOWN',
      'The refund may have been carried out. It is being looked up; nothing goes back twice.',
      {
        details: { inquiryId },
      },
    );
  });
}

async function request(ctx: Context, refundId: string) {
  const { app, scope } = ctx;
  const claimed = await app.db.write(scope, async (tx) => {
    const locked = await lockRefund(tx, refundId);
    return asGatewayKnowsIt(tx, locked!);
  });
  const connection = await app.gateways.connect(scope.tenantId, claimed.payment.gateway);
  if (!connection) {
    await app.db.write(scope, (tx) => rejectRefund(tx, app, refundId, 'not configured'));
    throw new AppError('CREDENTIALS_MISSING', 'This gateway is no longer configured.');
  }
  return sendRefund(app, scope, refundId, connection, inputOf(claimed), 'end');
}

interface Intent {
  readonly refundId: string;
  /** True where nobody outside is to be asked. */
  readonly settled: boolean;
}

async function commitRefund(
  ctx: Context,
  tx: Transaction,
  paymentId: string,
  input: RefundPaymentInput,
): Promise<Intent> {
  const { order, payment } = await lockPaid(tx, paymentId);
  // The first request's process died on the way, or could not say so: what became of its call the job finds out (refund-poll.ts).
  const own = input.idempotencyKey ? await refundUnder(ctx, tx, payment.id, input.idempotencyKey) : undefined;
  if (own) return { refundId: own.id, settled: true };
  const open = await openRefund(tx, payment.id);
  if (open) {
    throw new AppError('INVALID_STATE', 'Another refund of this payment is under way; please wait for its end.', {
      details: { refundRequestedAt: open.createdAt.toISOString() },
    });
  }
  if (payment.status !== 'PAID' && payment.status !== 'PARTIALLY_REFUNDED')
    throw new AppError('INVALID_STATE', whyNot(payment), { details: { status: payment.status } });
  const amountMinor = wantedMinor(payment, input.amount ?? null);
  const target = targetOf(ctx, order, payment, input.to ?? null);
  if (target === 'WALLET') await requireHolder(tx, order.customerId, ['input', 'to']);
  const id = await insertRefund(ctx, tx, payment, { amountMinor, target, input });
  if (order.type === 'TOP_UP') {
    // What had been paid on top for the gateway never was in the wallet.
    const { commissionMinor } = decideRefund({ payment, order, refundMinor: amountMinor });
    if (amountMinor > commissionMinor) await setAside(ctx, tx, payment, id, amountMinor - commissionMinor);
  }
  if (target === 'GATEWAY') return { refundId: id, settled: false };
  await settleRefund(tx, ctx.app, id, null);
  return { refundId: id, settled: true };
}

async function lockPaid(tx: Transaction, paymentId: string): Promise<{ order: OrderModel; payment: PaymentModel }> {
  const field = ['input', 'paymentId'];
  const found = await tx.maybeOne<{ orderId: string }>(
    'select order_id as "orderId" from payments where tenant_id = current_tenant() and id = $1',
    [paymentId],
  );
  if (!found) throw notFound('payment', field);
  const order = await lockOrder(tx, found.orderId, field);
  return { order, payment: await lockPayment(tx, paymentId) };
}

/** The refund that was asked for under this key before, unless nothing came of it. */
function refundUnder(
  ctx: Context,
  tx: Transaction,
  paymentId: string,
  key: string,
): Promise<{ id: string } | undefined> {
  return tx.maybeOne<{ id: string }>(
    `select id from refunds where tenant_id = current_tenant() and payment_id = $1 and requested_by = $2 and operation_key = $3
     and status <> 'REJECTED'`,
    [paymentId, actorName(ctx.actor), key],
  );
}

type OpenRefund = Pick<RefundModel, 'id' | 'createdAt'>;

function openRefund(tx: Transaction, paymentId: string): Promise<OpenRefund | undefined> {
  return tx.maybeOne<OpenRefund>(
    `select id, created_at as "createdAt" from refunds
     where tenant_id = current_tenant() and payment_id = $1 and status = 'REQUESTED'`,
    [paymentId],
  );
}

function whyNot(payment: PaymentModel): string {
  if (payment.status === 'UNDER_REVIEW') return 'This payment is being reviewed; decide on it first.';
  return payment.status === 'REFUNDED' ? 'All of this payment went back already.' : 'This payment was not paid.';
}

function wantedMinor(payment: PaymentModel, amount: string | null): bigint {
  const field = ['input', 'amount'];
  const leftMinor = payment.capturedMinor - payment.refundedMinor;
  if (amount === null) return leftMinor;
  const amountMinor = parseAmount(amount, payment.currencyCode, field);
  if (amountMinor <= 0n) throw invalidInput('A refund is more than nothing.', field);
  if (amountMinor > leftMinor)
    throw new AppError('REFUND_EXCEEDS_PAID', 'A refund is at most what is left of the payment.', { field });
  return amountMinor;
}

/** Wallet money goes back to the wallet; a top-up, which is in the wallet, to where it came from. */
function targetOf(ctx: Context, order: OrderModel, payment: PaymentModel, to: RefundTarget | null): RefundTarget {
  const field = ['input', 'to'];
  if (payment.gateway === 'WALLET') return 'WALLET';
  if (to !== 'WALLET' && !ctx.app.gateways.canRefund(payment.gateway))
    throw new AppError('GATEWAY_REJECTED', 'This gateway gives nothing back by itself; refund to the wallet.', {
      field,
    });
  if (to === 'WALLET' && order.type === 'TOP_UP')
    throw invalidInput('The money of a top-up is in the wallet already.', field);
  return to ?? 'GATEWAY';
}

async function insertRefund(
  ctx: Context,
  tx: Transaction,
  payment: PaymentModel,
  refund: { amountMinor: bigint; target: RefundTarget; input: RefundPaymentInput },
): Promise<string> {
  const id = ctx.app.newId();
  const now = ctx.app.clock.now();
  const called = refund.target === 'GATEWAY';
  await tx.query(
    `insert into refunds (tenant_id, id, payment_id, amount_minor, reason, target, status, requested_by, operation_key, created_at, sent_at, next_poll_at, leased_until)
     values (current_tenant(), $1, $2, $3, $4, $5, 'REQUESTED', $6, $7, $8, $9, $10, $10)`,
    [
      id,
      payment.id,
      refund.amountMinor,
      refund.input.reason,
      refund.target,
      actorName(ctx.actor),
      refund.input.idempotencyKey ?? null,
      now,
      called ? now : null,
      called ? new Date(now.getTime() + REFUND_LEASE_MS) : null,
    ],
  );
  return id;
}

async function setAside(ctx: Context, tx: Transaction, payment: PaymentModel, id: string, amountMinor: bigint) {
  await orShort(() =>
    holdLedger(tx, ctx.app, payment.customerId, {
      id,
      accountKind: 'WALLET',
      currencyCode: payment.currencyCode,
      amountMinor,
      kind: 'TOP_UP_REFUND',
      subjectId: id,
      expiresAt: null,
    }),
  );
}
