import { authorize } from '../access.ts';
import type { Context } from '../context.ts';
import type { Transaction } from '../db.ts';
import { refundOnCancelling } from '../domain/booking.ts';
import { AppError, invalidInput } from '../errors.ts';
import { idOf } from '../global-id.ts';
import type { BookingModel } from '../generated/prisma/models.ts';
import { runOperation, type Done } from '../operations.ts';
import { cancelAppointment } from './appointment-end.ts';
import { refused } from './booking-begin.ts';
import { cancelThere } from './booking-call.ts';
import { changeBooking, isLeg, requireBooking, WHOLE_BOOKING, type LockedBooking } from './booking-change.ts';
import { cancelUnpaid, requireNoReview } from './booking-money.ts';
import { recordCancellation, termsOf } from './booking-outcome.ts';
import { BOOKING_LEASE_MS } from './booking-step.ts';

export interface CancelBookingInput {
  readonly bookingId: string;
  readonly reason?: string | null;
  readonly idempotencyKey?: string | null;
}

const REASON_MAX = 500;

/**
 * Cancels a booking. What is only held or not yet booked ends with its unpaid order; what is booked is cancelled at the
 * provider first, and then what its terms give back is refunded.
 * @throws INVALID_STATE, PROVIDER_REJECTED, PROVIDER_UNAVAILABLE, OUTCOME_UNKNOWN, NOT_FOUND
 */
export async function cancelBooking(ctx: Context, input: CancelBookingInput): Promise<Done> {
  authorize(ctx, 'booking.cancel');
  const field = ['input', 'bookingId'];
  const id = idOf('Booking', input.bookingId, field);
  if ((input.reason?.length ?? 0) > REASON_MAX)
    throw invalidInput(`A reason has at most ${REASON_MAX} characters.`, ['input', 'reason']);
  const done: Done = { type: 'Booking', id };
  return runOperation(ctx, 'cancelBooking', { ...input }, async (operation) => {
    const booking = await operation.begin(async (tx) => {
      const called = await commitCancellation(ctx, tx, await requireBooking(tx, id, field), input.reason ?? null);
      return { about: done, value: called, complete: called === null };
    });
    ctx.app.journal.wake();
    if (booking === null) return done;
    const outcome = await cancelThere(ctx.app, booking);
    const ending = await ctx.app.db.write(ctx.scope, (tx) => recordCancellation(ctx.app, tx, id, outcome));
    ctx.app.journal.wake();
    if (ending.kind === 'FAILED') throw cancellationRefused(ending.code);
    if (ending.kind !== 'UNKNOWN') return operation.finish(async () => done);
    const inquiryId = await operation.lose(async () => ending.inquiryId);
    throw new AppError('OUTCOME_UNKNOWN', 'The booking may have been cancelled. It is being looked up.', {
      details: { inquiryId },
    });
  });
}

function cancellationRefused(code: Parameters<typeof refused>[0]): AppError {
  if (code === 'PROVIDER_REJECTED') return new AppError(code, 'The provider does not cancel this booking any more.');
  return new AppError(code, 'The provider can not be reached at the moment. Nothing was cancelled; please try again.');
}

/** @returns the booking where the provider is to be asked now; null where nothing is left to do here */
async function commitCancellation(
  ctx: Context,
  tx: Transaction,
  locked: LockedBooking,
  cancelReason: string | null,
): Promise<BookingModel | null> {
  const { app } = ctx;
  const { order, booking } = locked;
  const now = app.clock.now();
  if (booking.status === 'CANCELLED') return null;
  if (booking.kind === 'APPOINTMENT') {
    await cancelAppointment(ctx, tx, locked, cancelReason);
    return null;
  }
  if (isLeg(booking)) await requireAtRest(tx, booking);
  switch (booking.phase) {
    case 'CHECKED':
    case 'HELD':
      requireUnpaid(locked);
      await requireNoReview(tx, order.id);
      await cancelUnpaid(app, tx, order, cancelReason ?? `Booking ${booking.reference} was cancelled.`);
      changeBooking(app, tx, booking, {
        status: 'CANCELLED',
        cancelReason,
        // A hold is released by a job; what was never reserved is simply over.
        phase: booking.phase === 'HELD' ? 'RELEASING' : 'ENDED',
        nextStepAt: booking.phase === 'HELD' ? now : null,
      });
      return null;
    case 'CONFIRMED': {
      if (booking.contact === null)
        throw new AppError('INVALID_STATE', 'Whom this booking was for was erased: it can not be cancelled from here.');
      const lease = new Date(now.getTime() + BOOKING_LEASE_MS);
      changeBooking(app, tx, booking, {
        phase: 'CANCELLING',
        cancelReason,
        leasedUntil: lease,
        nextStepAt: lease,
        ...(isLeg(booking) && { refundDueMinor: refundOnCancelling(termsOf(booking), booking.amountMinor, now) }),
      });
      return tx.one<BookingModel>(
        `select ${WHOLE_BOOKING} from bookings b where b.tenant_id = current_tenant() and b.id = $1`,
        [booking.id],
      );
    }
    default:
      throw new AppError('INVALID_STATE', 'This booking can not be cancelled as it stands.', {
        details: { status: booking.status, phase: booking.phase },
      });
  }
}

// What is being booked together is given up together.
async function requireAtRest(tx: Transaction, { packageId, status, phase }: BookingModel): Promise<void> {
  const resting = await tx.maybeOne(
    "select 1 from packages where tenant_id = current_tenant() and id = $1 and phase = 'ENDED'",
    [packageId],
  );
  if (resting) return;
  throw new AppError('INVALID_STATE', 'This is a part of a package that is under way: cancel the package.', {
    details: { status, phase },
  });
}

// Its money has come and the provider is being told: a moment later it is booked, and can be cancelled then.
function requireUnpaid({ order, booking }: LockedBooking): void {
  if (
    order.status === 'DRAFT' ||
    order.status === 'ISSUED' ||
    order.status === 'CANCELLED' ||
    order.status === 'EXPIRED'
  )
    return;
  throw new AppError('INVALID_STATE', 'This booking is being made at this moment. Please try again shortly.', {
    details: { status: booking.status, phase: booking.phase },
  });
}
