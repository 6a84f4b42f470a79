import type { Scope, Transaction } from '../db.ts';
import { orderPaymentStatus } from '../domain/payment-state.ts';
import type { ErrorCode } from '../errors.ts';
import type { InquiryModel } from '../generated/prisma/models.ts';
import { INQUIRY_COLUMNS } from '../loaders.ts';
import { changeBooking, lockBooking } from './booking-change.ts';
import { LOOK_UP_AFTER_MS } from './inquiry-open.ts';
import { lockOrder } from './order-lock.ts';
import { lockPayment, paymentsOf, type Changing } from './payment-change.ts';
import { endStalePayment } from './payment-end.ts';
import { pollPayment, type Polling } from './payment-poll.ts';
import { lookUpBooking, type Known, type Stepping } from './booking-step.ts';
import { pollRefund } from './refund-poll.ts';

/** What looking up anything needs. */
export type Inquiring = Polling & Stepping;

/** One look-up of an open inquiry: asks, and closes it or says when to ask again. Safe to run twice. */
export async function lookUpInquiry(app: Inquiring, scope: Scope, id: string): Promise<void> {
  const inquiry = await app.db.read(scope, (tx) => readInquiry(tx, id));
  if (!inquiry || inquiry.resolution !== 'OPEN') return;
  const known = await ask(app, scope, inquiry);
  const last = inquiry.attempts + 1 >= LOOK_UP_AFTER_MS.length;
  await app.db.write(scope, async (tx) => {
    if (known !== 'UNKNOWN') return close(app, tx, inquiry, known, 'asked back');
    if (last) return giveUp(app, tx, inquiry);
    await tx.query(
      `update inquiries set attempts = attempts + 1, next_look_up_at = $2
       where tenant_id = current_tenant() and id = $1 and resolution = 'OPEN'`,
      [id, new Date(app.clock.now().getTime() + LOOK_UP_AFTER_MS[inquiry.attempts + 1]!)],
    );
  });
  app.journal.wake();
}

async function ask(app: Inquiring, scope: Scope, { aboutType, aboutId }: InquiryModel): Promise<Known> {
  if (aboutType === 'Refund') return askAboutRefund(app, scope, aboutId);
  if (aboutType === 'Booking') return lookUpBooking(app, scope, aboutId);
  const known = await pollPayment(app, scope, aboutId);
  return known === 'PAID' ? 'DONE' : known === 'NOT_PAID' ? 'NOT_DONE' : 'UNKNOWN';
}

// A refund the gateway has taken is done as far as its request goes; its approval comes by webhook or poll.
async function askAboutRefund(app: Polling, scope: Scope, refundId: string): Promise<Known> {
  await app.db.write(scope, (tx) =>
    tx.query(
      // Not where somebody else is asking right now.
      `update refunds set next_poll_at = $2::timestamptz
       where tenant_id = current_tenant() and id = $1 and status = 'REQUESTED' and gateway_refund_reference is null and (leased_until is null or leased_until <= $2)`,
      [refundId, app.clock.now()],
    ),
  );
  await pollRefund(app, scope, refundId);
  const refund = await app.db.read(scope, (tx) =>
    tx.maybeOne<{ status: string; taken: boolean }>(
      'select status, gateway_refund_reference is not null as taken from refunds where tenant_id = current_tenant() and id = $1',
      [refundId],
    ),
  );
  if (!refund || refund.status === 'REJECTED') return 'NOT_DONE';
  return refund.status === 'DONE' || refund.taken ? 'DONE' : 'UNKNOWN';
}

function readInquiry(tx: Transaction, id: string): Promise<InquiryModel | undefined> {
  return tx.maybeOne<InquiryModel>(
    `select ${INQUIRY_COLUMNS} from inquiries q where q.tenant_id = current_tenant() and q.id = $1`,
    [id],
  );
}

// Nobody ever got this payment's address, so nobody can have paid it: the order may be paid anew. Should money come all the same, its
// webhook names our payment and is settled or held for review.
async function giveUp(app: Polling, tx: Transaction, inquiry: InquiryModel): Promise<void> {
  if (inquiry.aboutType === 'Booking') {
    const locked = await lockBooking(tx, inquiry.aboutId);
    if (locked) changeBooking(app, tx, locked.booking, { syncStatus: 'NEEDS_ATTENTION' });
    return close(app, tx, inquiry, 'HANDED_TO_PERSON', 'the provider gives no answer');
  }
  if (inquiry.aboutType !== 'Payment')
    return close(app, tx, inquiry, 'HANDED_TO_PERSON', 'the gateway gives no answer');
  const { orderId } = await tx.one<{ orderId: string }>(
    'select order_id as "orderId" from payments where tenant_id = current_tenant() and id = $1',
    [inquiry.aboutId],
  );
  await lockOrder(tx, orderId);
  const payment = await lockPayment(tx, inquiry.aboutId);
  if (payment.status === 'PENDING' && payment.paymentUrl === null && payment.referenceCode === null) {
    await endStalePayment(app, tx, payment, 'FAILED', 'ANSWER_LOST');
    await tx.query(
      'update orders set payment_status = $2, version = version + 1 where tenant_id = current_tenant() and id = $1',
      [orderId, orderPaymentStatus(await paymentsOf(tx, orderId))],
    );
    return close(app, tx, inquiry, 'NOT_DONE', 'never shown to the customer');
  }
  return close(app, tx, inquiry, 'HANDED_TO_PERSON', 'the gateway gives no answer');
}

const NOT_DONE: Readonly<Record<string, { code: ErrorCode; message: string }>> = {
  Refund: { code: 'GATEWAY_REJECTED', message: 'The refund was not carried out. Please try again.' },
  Payment: { code: 'GATEWAY_UNAVAILABLE', message: 'The payment was not started. Please try again.' },
  Booking: { code: 'PROVIDER_UNAVAILABLE', message: 'This was not done at the provider. Please try again.' },
};

async function close(
  app: Changing,
  tx: Transaction,
  inquiry: InquiryModel,
  resolution: InquiryModel['resolution'],
  note: string,
): Promise<void> {
  const now = app.clock.now();
  await tx.query(
    `update inquiries set attempts = attempts + 1, resolution = $2, note = $3, next_look_up_at = null, resolved_at = $4
     where tenant_id = current_tenant() and id = $1 and resolution = 'OPEN'`,
    [inquiry.id, resolution, note, now],
  );
  if (resolution === 'HANDED_TO_PERSON') return;
  const errors = resolution === 'DONE' ? [] : [NOT_DONE[inquiry.aboutType] ?? NOT_DONE['Payment']];
  await tx.query(
    `update operations set status = $2, user_errors = $3, finished_at = $4
     where tenant_id = current_tenant() and inquiry_id = $1 and status = 'UNKNOWN'`,
    [inquiry.id, resolution === 'DONE' ? 'SUCCEEDED' : 'FAILED', JSON.stringify(errors), now],
  );
}
