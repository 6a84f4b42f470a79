import { actorName, authorize } from '../access.ts';
import { appendAudit } from '../audit.ts';
import type { Context } from '../context.ts';
import type { Transaction } from '../db.ts';
import { AppError, invalidInput, notFound } from '../errors.ts';
import { idOf } from '../global-id.ts';
import { runOperation, type Done } from '../operations.ts';
import { lockRefund, rejectRefund, settleRefund } from './refund-settle.ts';

export interface ResolveRefundInput {
  readonly refundId: string;
  readonly outcome: 'DONE' | 'NOT_DONE';
  readonly reason: string;
  readonly idempotencyKey?: string | null;
}

/**
 * A person says what became of a refund that the gateway can't tell us of (BEY-3: "ends done, not done or with a person"): after a look
 * into the vendor's own books. Only where an inquiry about it was opened; whoever decides, and why, stands in the audit log.
 * @throws INVALID_STATE while the gateway is still expected to say, or where the refund came to its end; NOT_FOUND, INVALID_INPUT
 */
export async function resolveRefund(ctx: Context, input: ResolveRefundInput): Promise<Done> {
  authorize(ctx, 'payment.review');
  const refundId = idOf('Refund', input.refundId, ['input', 'refundId']);
  if (input.reason.trim() === '' || input.reason.length > 500)
    throw invalidInput('Give a reason of 1 to 500 characters.', ['input', 'reason']);
  return runOperation(ctx, 'resolveRefund', { ...input }, (operation) =>
    operation.once(async (tx) => {
      const locked = await lockRefund(tx, refundId);
      if (!locked) throw notFound('refund', ['input', 'refundId']);
      const { status } = locked.refund;
      if (status !== 'REQUESTED')
        throw new AppError('INVALID_STATE', 'This refund has come to its end already.', { details: { status } });
      await requireInquiry(tx, refundId);
      if (input.outcome === 'DONE') await settleRefund(tx, ctx.app, refundId, null);
      else await rejectRefund(tx, ctx.app, refundId, 'a person found that it was not carried out');
      await closeInquiries(ctx, tx, refundId, input.outcome);
      await appendAudit(tx, {
        id: ctx.app.newId(),
        actor: actorName(ctx.actor),
        action: 'refund.resolve',
        target: `Refund:${refundId}`,
        before: { status },
        after: { outcome: input.outcome, reason: input.reason },
        occurredAt: ctx.app.clock.now(),
      });
      return { type: 'Payment', id: locked.payment.id };
    }),
  );
}

async function requireInquiry(tx: Transaction, refundId: string): Promise<void> {
  const inquiries = await tx.query(
    "select 1 from inquiries where tenant_id = current_tenant() and about_type = 'Refund' and about_id = $1 limit 1",
    [refundId],
  );
  if (inquiries.length === 0)
    throw new AppError('INVALID_STATE', 'The gateway is still expected to say what became of this refund.');
}

// Whoever asks operation(key) is told at last, too.
async function closeInquiries(ctx: Context, tx: Transaction, refundId: string, outcome: 'DONE' | 'NOT_DONE') {
  const now = ctx.app.clock.now();
  const errors =
    outcome === 'DONE'
      ? []
      : [{ code: 'GATEWAY_REJECTED', message: 'The refund was not carried out. Please try again.' }];
  await tx.query(
    `with closed as (update inquiries set resolution = $2::inquiry_resolution, note = 'resolved by a person', next_look_up_at = null, resolved_at = $3
       where tenant_id = current_tenant() and about_type = 'Refund' and about_id = $1 and resolution in ('OPEN', 'HANDED_TO_PERSON') returning id)
     update operations set status = $4::operation_status, user_errors = $5, finished_at = $3
       where tenant_id = current_tenant() and inquiry_id in (select id from closed) and status = 'UNKNOWN'`,
    [refundId, outcome, now, outcome === 'DONE' ? 'SUCCEEDED' : 'FAILED', JSON.stringify(errors)],
  );
}
