import type { Transaction } from './db.ts';
import type { RefundModel } from './generated/prisma/models.ts';
import { columns } from './columns.ts';
import type { GatewayClaim, GatewayRefundState } from './integrations/contract.ts';
import { openInquiry } from './resolvers/inquiry-open.ts';
import { lockPayment } from './resolvers/payment-change.ts';
import { inputOf, asGatewayKnowsIt } from './resolvers/refund-poll.ts';
import { lockRefund, rejectRefund, settleRefund } from './resolvers/refund-settle.ts';
import type { FoundPayment } from './webhook-confirmation.ts';
import type { StoredDelivery } from './webhook-deliveries.ts';
import type { DeliveryOutcome, Receiving } from './webhooks.ts';

/** What a refund's webhook is about, and what the gateway says of it when asked back. */
export interface RefundAsked {
  /** The open request it can only mean; null where there is none. */
  readonly refundId: string | null;
  /** A refund of this amount that is done already. */
  readonly known: boolean;
  /** Null where the gateway was silent. */
  readonly state: GatewayRefundState | null;
}

/**
 * Asks back about a refund's webhook. The hooks name no refund of ours (spec 1.9), and one request of a payment is open at a time: it is
 * that one, if the amount agrees.
 */
export async function askAboutRefund(
  app: Receiving,
  delivery: StoredDelivery,
  claim: GatewayClaim,
  payment: FoundPayment,
): Promise<RefundAsked> {
  const refunds = await app.db.read(delivery.scope, (tx) => refundsOf(tx, payment.id));
  const agrees = (refund: RefundModel) => claim.amountMinor === null || refund.amountMinor === claim.amountMinor;
  const open = refunds.find((refund) => refund.status === 'REQUESTED' && agrees(refund));
  const known = refunds.some((refund) => refund.status === 'DONE' && agrees(refund));
  if (!open) return { refundId: null, known, state: null };
  const claimed = await app.db.write(delivery.scope, async (tx) =>
    asGatewayKnowsIt(tx, (await lockRefund(tx, open.id))!),
  );
  const asked = await app.gateways.lookUpRefund(
    delivery.gateway,
    delivery.connection,
    { ...inputOf(claimed), gatewayRefundReference: open.gatewayRefundReference },
    app.config.webhookConfirmBudgetMs,
  );
  return { refundId: open.id, known, state: asked.kind === 'done' ? asked.value : null };
}

function refundsOf(tx: Transaction, paymentId: string): Promise<RefundModel[]> {
  return tx.query<RefundModel>(
    `select ${columns('Refund', 'r')} from refunds r where r.tenant_id = current_tenant() and r.payment_id = $1 order by r.created_at`,
    [paymentId],
  );
}

/** Books what the gateway confirmed of a refund. @returns the verdict, and why */
export async function settleRefundHook(
  app: Receiving,
  tx: Transaction,
  payment: FoundPayment,
  asked: RefundAsked,
): Promise<DeliveryOutcome & { note: string }> {
  if (asked.refundId === null && asked.known)
    return { verdict: 'ALREADY_PROCESSED', note: 'This refund is booked already.', open: false };
  if (asked.refundId === null) {
    await tellOfForeign(app, tx, payment.id);
    return { verdict: 'MISMATCH', note: 'Nobody asked for this refund here; a person has been told.', open: false };
  }
  if (asked.state?.state === 'DONE') {
    const now = await settleRefund(tx, app, asked.refundId, asked.state.gatewayRefundReference);
    return now
      ? { verdict: 'ACCEPTED', note: 'The gateway confirms the refund.', open: false }
      : { verdict: 'ALREADY_PROCESSED', note: 'This refund is booked already.', open: false };
  }
  if (asked.state?.state === 'FAILED') {
    await rejectRefund(tx, app, asked.refundId, 'the gateway did not carry it out');
    return { verdict: 'ACCEPTED', note: 'The gateway says that the refund was not carried out.', open: false };
  }
  await tx.query(
    `update refunds set next_poll_at = least(next_poll_at, $2::timestamptz), poll_attempts = 0
     where tenant_id = current_tenant() and id = $1 and status = 'REQUESTED' and sent_at < $3`,
    [asked.refundId, new Date(app.clock.now().getTime() + 60_000), app.clock.now()],
  );
  return {
    verdict: 'UNCONFIRMED',
    note: 'The gateway does not confirm the refund yet; it is asked again.',
    open: false,
  };
}

async function tellOfForeign(app: Receiving, tx: Transaction, paymentId: string): Promise<void> {
  await lockPayment(tx, paymentId);
  const told = await tx.query(
    "select 1 from inquiries where tenant_id = current_tenant() and about_type = 'Payment' and about_id = $1 and reason = 'FOREIGN_REFUND'",
    [paymentId],
  );
  if (told.length > 0) return;
  const id = await openInquiry(app, tx, { aboutType: 'Payment', aboutId: paymentId, reason: 'FOREIGN_REFUND' });
  // Nothing is to be looked up: somebody refunded in the vendor's own dashboard, and has to say what for.
  await tx.query(
    "update inquiries set resolution = 'HANDED_TO_PERSON', next_look_up_at = null, resolved_at = $2 where tenant_id = current_tenant() and id = $1",
    [id, app.clock.now()],
  );
}
