import { authorize } from '../access.ts';
import type { Context } from '../context.ts';
import type { Transaction } from '../db.ts';
import { isInCancelNotice } from '../domain/booking-rules.ts';
import type { BookingStatus } from '../domain/booking.ts';
import { AppError, invalidInput } from '../errors.ts';
import { tooLate } from './appointment.ts';
import { changeBooking, freePlace, type LockedBooking } from './booking-change.ts';
import { cancelUnpaid, requireNoReview } from './booking-money.ts';
import { giveBack } from './booking-outcome.ts';
import { readBookingRules } from './booking-rules.ts';
import { bookerOf } from './diary-read.ts';
import { returnStock } from './stock.ts';

/**
 * Ends an appointment: its time and its stock are free, its unpaid order ends, and what was paid goes back. What nobody paid yet a
 * customer may give up at any time, a confirmed one while the tenant's notice allows it.
 * @throws OUTSIDE_NOTICE, INVALID_STATE
 */
export async function cancelAppointment(
  ctx: Context,
  tx: Transaction,
  { order, booking }: LockedBooking,
  cancelReason: string | null,
): Promise<void> {
  authorize(ctx, 'booking.cancel');
  const { app } = ctx;
  const { status, startsAt, reference, amountMinor } = booking;
  if (status !== 'PENDING' && status !== 'CONFIRMED')
    throw new AppError('INVALID_STATE', `An appointment that is ${status} can not be cancelled.`, {
      details: { status },
    });
  if (status === 'CONFIRMED' && bookerOf(ctx.actor) === 'CUSTOMER') {
    const rules = await readBookingRules(tx);
    if (isInCancelNotice(rules, startsAt.getTime(), app.clock.now().getTime())) throw tooLate(rules.cancelNoticeHours);
  }
  await requireNoReview(tx, order.id);
  const why = cancelReason ?? `Booking ${reference} was cancelled.`;
  changeBooking(app, tx, booking, { status: 'CANCELLED', cancelReason });
  freePlace(tx, booking.id);
  await returnStock(app, tx, order.id);
  await cancelUnpaid(app, tx, order, why);
  await giveBack(app, tx, { order, booking }, amountMinor, why);
}

interface Seen {
  readonly status: BookingStatus;
  readonly reason: string | null;
  readonly providerReference: string | null;
}

/** What an operator saw at the desk. @throws INVALID_STATE for what has not begun, INVALID_INPUT */
export async function setAppointment(ctx: Context, tx: Transaction, locked: LockedBooking, seen: Seen): Promise<void> {
  authorize(ctx, 'booking.change');
  const { status, reason, providerReference } = seen;
  const { order, booking } = locked;
  if (providerReference !== null) throw invalidInput('An appointment has no provider.', ['input', 'providerReference']);
  if (status === 'CANCELLED') return cancelAppointment(ctx, tx, locked, reason);
  if (status === 'FAILED') throw new AppError('INVALID_STATE', 'An appointment does not fail; cancel it.');
  if (status !== 'CONFIRMED' && booking.startsAt > ctx.app.clock.now())
    throw new AppError('INVALID_STATE', 'This appointment has not begun yet.', {
      details: { start: booking.startsAt },
    });
  changeBooking(ctx.app, tx, booking, { status });
  // It is kept though nobody paid yet: the order stays payable, at the desk or later.
  if (order.status === 'ISSUED')
    tx.later(
      'update orders set expires_at = null, version = version + 1 where tenant_id = current_tenant() and id = $1',
      [order.id],
    );
}
