import type { App } from '../context.ts';
import type { Transaction } from '../db.ts';
import { orderStateOf, payableUntil, refundOnCancelling } from '../domain/booking.ts';
import type { CancellationTerms } from '../domain/package-plan.ts';
import type { ErrorCode } from '../errors.ts';
import type { BookingModel } from '../generated/prisma/models.ts';
import type { NotDoneReason, Outcome } from '../integrations/contract.ts';
import type { BookResult, CancelResult } from '../integrations/travel.ts';
import { changeBooking, isLeg, lockBooking, type BookingChange, type LockedBooking } from './booking-change.ts';
import { cancelUnpaid, payBack, type PayingBack } from './booking-money.ts';
import { ensureInquiry } from './inquiry-open.ts';
import { issue } from './order-write.ts';

/** What became of a call, as whoever asked for it is told. */
export type BookingEnding =
  | { readonly kind: 'DONE' }
  | { readonly kind: 'FAILED'; readonly code: ErrorCode }
  | { readonly kind: 'LATER' }
  | { readonly kind: 'UNKNOWN'; readonly inquiryId: string };

const PENDING_LOOK_MS = 60_000;
/** A provider that certainly did nothing is asked again while the customer's money waits: 10 s, 20 s, ... for some minutes. */
const AGAIN_BASE_MS = 10_000;
const TRIES_MAX = 5;

/**
 * Writes what the provider answered to book or confirm. Order and booking are locked here; a booking that came to its
 * place by another way meanwhile stays there.
 */
export async function recordBooking(
  app: PayingBack,
  tx: Transaction,
  asked: Pick<BookingModel, 'id' | 'attempt'>,
  outcome: Outcome<BookResult>,
): Promise<BookingEnding> {
  const locked = await lockBooking(tx, asked.id);
  if (!locked) return { kind: 'DONE' };
  if (!isUnderWay(locked.booking) || locked.booking.attempt !== asked.attempt)
    return answeredLate(app, tx, locked, asked, outcome);
  if (outcome.kind === 'unknown') return unknown(app, tx, locked, outcome.detail);
  if (outcome.kind === 'notDone') return notDone(app, tx, locked, outcome);
  const result = outcome.value;
  if ('providerReference' in result) {
    await reached(app, tx, locked, result);
    return { kind: 'DONE' };
  }
  if (result.state === 'EXPIRED') return again(app, tx, locked, 'OFFER_EXPIRED');
  return failBooking(app, tx, locked, result.state);
}

/** Whoever asked took longer than its turn: what the provider then has of us must not be forgotten, and never be had twice. */
async function answeredLate(
  app: PayingBack,
  tx: Transaction,
  locked: LockedBooking,
  asked: Pick<BookingModel, 'attempt'>,
  outcome: Outcome<BookResult>,
): Promise<BookingEnding> {
  const { booking } = locked;
  const result = outcome.kind === 'done' ? outcome.value : null;
  if (result === null || !('providerReference' in result)) return { kind: 'DONE' };
  // It was to be booked anew, and nobody has begun yet.
  if (booking.phase === 'CHECKED' && booking.attempt === asked.attempt) await reached(app, tx, locked, result);
  else if (booking.phase === 'ENDED' || booking.attempt !== asked.attempt)
    standsUnwanted(app, tx, booking, `answered late, attempt ${asked.attempt}: ${result.state}`);
  return { kind: 'DONE' };
}

/** The provider has something that is over for us: only a person can say what is to become of it. */
export function standsUnwanted(app: PayingBack, tx: Transaction, booking: BookingModel, what: string): void {
  app.log.error({ booking: booking.id, provider: booking.providerSlug, what }, 'a booking given up stands there');
  changeBooking(app, tx, booking, { syncStatus: 'NEEDS_ATTENTION' });
}

type Reached = Extract<BookResult, { providerReference: string }>;

async function reached(app: PayingBack, tx: Transaction, locked: LockedBooking, result: Reached): Promise<void> {
  if (result.state === 'HELD') await held(app, tx, locked, result);
  else if (result.state === 'PENDING') await pending(app, tx, locked, result);
  else await confirmed(app, tx, locked, result);
}

function isUnderWay({ phase }: BookingModel): boolean {
  return phase === 'RESERVING' || phase === 'BOOKING' || phase === 'CONFIRMING';
}

const NOBODY = { leasedUntil: null, nextStepAt: null, stepAttempts: 0 } as const;

async function confirmed(
  app: PayingBack,
  tx: Transaction,
  { order, booking }: LockedBooking,
  ids: Reached,
): Promise<void> {
  // Given up or given back while the provider was asked: it is booked, and nobody pays for it.
  const isUnpaid = orderStateOf(order.status) === 'ENDED';
  if (isUnpaid) app.log.error({ booking: booking.id, order: order.id }, 'booked for an order that is over');
  const syncStatus = isUnpaid ? 'NEEDS_ATTENTION' : 'SYNCED';
  changeBooking(app, tx, booking, { ...NOBODY, status: 'CONFIRMED', phase: 'CONFIRMED', syncStatus, ids });
  // On account: it is booked before it is paid.
  if (isOwnDraft({ order, booking })) await issue(app, tx, order, null);
}

/** An order that waits for this booking alone: a package issues its own. */
function isOwnDraft({ order, booking }: LockedBooking): boolean {
  return order.status === 'DRAFT' && !isLeg(booking);
}

/** It is reserved: from now on the customer can pay. */
async function held(
  app: PayingBack,
  tx: Transaction,
  { order, booking }: LockedBooking,
  result: Reached,
): Promise<void> {
  // Who paid meanwhile, or gave it up, has something to be done at once.
  const nextStepAt = order.status === 'DRAFT' || isLeg(booking) ? null : app.clock.now();
  changeBooking(app, tx, booking, {
    ...NOBODY,
    nextStepAt,
    phase: 'HELD',
    syncStatus: 'SYNCED',
    ids: result,
    holdExpiresAt: result.holdExpiresAt,
  });
  if (isOwnDraft({ order, booking })) await issue(app, tx, order, payableUntil(app.clock.now(), result.holdExpiresAt));
}

async function pending(
  app: PayingBack,
  tx: Transaction,
  { order, booking }: LockedBooking,
  ids: Reached,
): Promise<void> {
  const nextStepAt = new Date(app.clock.now().getTime() + PENDING_LOOK_MS);
  changeBooking(app, tx, booking, { ...NOBODY, nextStepAt, phase: 'PENDING', syncStatus: 'PENDING', ids });
  if (isOwnDraft({ order, booking })) await issue(app, tx, order, null);
}

async function unknown(
  app: PayingBack,
  tx: Transaction,
  { booking }: LockedBooking,
  detail: string,
): Promise<BookingEnding> {
  app.log.warn({ booking: booking.id, provider: booking.providerSlug, detail }, 'the outcome of a booking is unknown');
  changeBooking(app, tx, booking, { leasedUntil: null, nextStepAt: null, syncStatus: 'PENDING' });
  const inquiryId = await ensureInquiry(app, tx, {
    aboutType: 'Booking',
    aboutId: booking.id,
    reason: 'BOOKING_ANSWER_LOST',
  });
  return { kind: 'UNKNOWN', inquiryId };
}

const CODE_OF: Readonly<Record<NotDoneReason, ErrorCode>> = {
  rejected: 'PROVIDER_REJECTED',
  misconfigured: 'PROVIDER_UNAVAILABLE',
  unavailable: 'PROVIDER_UNAVAILABLE',
  rateLimited: 'PROVIDER_UNAVAILABLE',
};

async function notDone(
  app: PayingBack,
  tx: Transaction,
  locked: LockedBooking,
  { reason, detail }: Extract<Outcome<never>, { kind: 'notDone' }>,
): Promise<BookingEnding> {
  app.log.warn({ booking: locked.booking.id, provider: locked.booking.providerSlug, reason, detail }, 'not booked');
  if (reason === 'rejected') return failBooking(app, tx, locked, CODE_OF[reason]);
  return again(app, tx, locked, CODE_OF[reason]);
}

/** The provider certainly did nothing: while a paid customer waits it is tried again, else whoever asked is told. */
async function again(app: PayingBack, tx: Transaction, locked: LockedBooking, code: ErrorCode): Promise<BookingEnding> {
  const { booking } = locked;
  const tries = booking.stepAttempts + 1;
  if (booking.phase === 'RESERVING' || tries > TRIES_MAX || isOwnDraft(locked))
    return failBooking(app, tx, locked, code);
  changeBooking(app, tx, booking, {
    phase: booking.phase === 'CONFIRMING' ? 'HELD' : 'CHECKED',
    leasedUntil: null,
    nextStepAt: new Date(app.clock.now().getTime() + AGAIN_BASE_MS * 2 ** (tries - 1)),
    stepAttempts: tries,
  });
  return { kind: 'LATER' };
}

/**
 * Nothing was booked and nothing will be: an unpaid order ends, and a paid one's money goes back by itself. What becomes of
 * the others of a package, and of its money, the package decides.
 */
export async function failBooking(
  app: PayingBack,
  tx: Transaction,
  { order, booking }: LockedBooking,
  code: ErrorCode,
): Promise<BookingEnding> {
  changeBooking(app, tx, booking, {
    ...NOBODY,
    status: 'FAILED',
    phase: 'ENDED',
    syncStatus: 'NOT_NEEDED',
    failureReason: code,
    ...(isLeg(booking) && { refundDueMinor: booking.amountMinor }),
  });
  if (isLeg(booking)) return { kind: 'FAILED', code };
  await cancelUnpaid(app, tx, order, `Booking ${booking.reference}: ${code}`);
  await giveBack(app, tx, { order, booking }, booking.amountMinor, `Booking ${booking.reference} was not made.`);
  return { kind: 'FAILED', code };
}

/** Gives back what was paid, up to an amount, where anything was. */
export async function giveBack(
  app: PayingBack,
  tx: Transaction,
  { order, booking }: LockedBooking,
  amountMinor: bigint,
  reason: string,
): Promise<void> {
  if (amountMinor <= 0n || (order.status !== 'PAID' && order.status !== 'PARTIALLY_REFUNDED')) return;
  const left = await payBack(app, tx, order, { amountMinor, reason });
  if (left > 0n)
    app.log.error(
      { booking: booking.id, order: order.id, left: String(left) },
      'not all of a booking could be paid back',
    );
}

/**
 * Writes what the provider answered to a cancellation.
 * @param isRepeat somebody asked before, and what came of it is not known: that this call did nothing says nothing of that one
 */
export async function recordCancellation(
  app: PayingBack & Pick<App, 'providers'>,
  tx: Transaction,
  bookingId: string,
  outcome: Outcome<CancelResult>,
  isRepeat = false,
): Promise<BookingEnding> {
  const locked = await lockBooking(tx, bookingId);
  if (!locked || locked.booking.phase === 'ENDED') return { kind: 'DONE' };
  const { booking } = locked;
  const { phase } = booking;
  // Also where somebody else who asked was refused meanwhile: it is cancelled there.
  if (outcome.kind === 'done' && outcome.value.state === 'CANCELLED') {
    await cancelled(app, tx, locked, outcome.value);
    return { kind: 'DONE' };
  }
  if (phase !== 'CANCELLING' && phase !== 'RELEASING') return { kind: 'DONE' };
  if (outcome.kind === 'done') return requested(app, tx, booking);
  // A hold lapses by itself: nobody has to be troubled about one that can't be released.
  if (phase === 'RELEASING') return release(app, tx, booking, outcome);
  const isOpen = outcome.kind === 'unknown' || (isRepeat && outcome.reason !== 'rejected');
  if (isOpen) return unknown(app, tx, locked, outcome.detail);
  changeBooking(app, tx, booking, {
    ...NOBODY,
    phase: 'CONFIRMED',
    ...(await notTakenBack(app, tx, booking, outcome)),
  });
  return { kind: 'FAILED', code: CODE_OF[outcome.reason] };
}

// The provider has the wish. One that can be asked is, until it has carried it out; of another a person has to hear.
async function requested(
  app: PayingBack & Pick<App, 'providers'>,
  tx: Transaction,
  booking: BookingModel,
): Promise<BookingEnding> {
  const isSilent = await app.providers.isSilent(booking.providerSlug!);
  const syncStatus = isSilent ? 'NEEDS_ATTENTION' : 'PENDING';
  changeBooking(app, tx, booking, { ...NOBODY, phase: 'CANCEL_REQUESTED', syncStatus });
  if (!isSilent)
    await ensureInquiry(app, tx, {
      aboutType: 'Booking',
      aboutId: booking.id,
      reason: 'BOOKING_CANCELLATION_TAKEN',
    });
  return { kind: 'DONE' };
}

// A package that is taken back asks a provider that was only busy again; of one that refuses, a person hears.
async function notTakenBack(
  app: PayingBack,
  tx: Transaction,
  { packageId, stepAttempts }: BookingModel,
  { reason }: Extract<Outcome<never>, { kind: 'notDone' }>,
): Promise<BookingChange> {
  const [taken] = await tx.query(
    "select 1 from packages where tenant_id = current_tenant() and id = $1 and phase in ('ROLLING_BACK', 'CANCELLING')",
    [packageId],
  );
  if (!taken) return {};
  const tries = stepAttempts + 1;
  if (reason === 'rejected' || tries > TRIES_MAX) return { refundDueMinor: null, syncStatus: 'NEEDS_ATTENTION' };
  const nextStepAt = new Date(app.clock.now().getTime() + AGAIN_BASE_MS * 2 ** (tries - 1));
  return { refundDueMinor: null, stepAttempts: tries, nextStepAt };
}

function release(app: PayingBack, tx: Transaction, booking: BookingModel, outcome: Outcome<never>): BookingEnding {
  const tries = booking.stepAttempts + 1;
  const over = tries > TRIES_MAX || (outcome.kind === 'notDone' && outcome.reason === 'rejected');
  const nextStepAt = over ? null : new Date(app.clock.now().getTime() + AGAIN_BASE_MS * 2 ** tries);
  changeBooking(app, tx, booking, {
    leasedUntil: null,
    nextStepAt,
    stepAttempts: tries,
    ...(over && { phase: 'ENDED', syncStatus: 'NOT_NEEDED' as const }),
  });
  return { kind: 'LATER' };
}

/** It is cancelled there: what the terms give back is asked for. */
export async function cancelled(
  app: PayingBack,
  tx: Transaction,
  locked: LockedBooking,
  said: Pick<CancelResult, 'refundMinor' | 'currencyCode'>,
): Promise<void> {
  const { order, booking } = locked;
  const backMinor = backOf(app, booking, said);
  changeBooking(app, tx, booking, {
    ...NOBODY,
    status: booking.status === 'FAILED' ? 'FAILED' : 'CANCELLED',
    phase: 'ENDED',
    // What a fee in other money comes to, a person has to say; until then nothing is given back by it.
    syncStatus: said.refundMinor === null && hasOtherMoney(booking) ? 'NEEDS_ATTENTION' : 'SYNCED',
    providerRefundMinor: said.currencyCode === booking.currencyCode ? said.refundMinor : null,
    ...(isLeg(booking) && { refundDueMinor: backOfLeg(booking, backMinor) }),
  });
  if (isLeg(booking)) return;
  await cancelUnpaid(app, tx, order, booking.cancelReason ?? `Booking ${booking.reference} was cancelled.`);
  await giveBack(app, tx, locked, backMinor, `Booking ${booking.reference} was cancelled.`);
}

/** What was reckoned when its cancellation was begun is kept to: no more was shown to be lost. What was never booked costs nothing. */
function backOfLeg({ phase, refundDueMinor, amountMinor }: BookingModel, backMinor: bigint): bigint {
  if (phase === 'CHECKED' || phase === 'HELD') return amountMinor;
  return refundDueMinor !== null && refundDueMinor > backMinor ? refundDueMinor : backMinor;
}

interface KeptFee {
  readonly from: string | null;
  readonly amountMinor: string;
  readonly currencyCode: string;
}

function feesOf({ cancellationFees }: BookingModel): readonly KeptFee[] | null {
  return cancellationFees as unknown as readonly KeptFee[] | null;
}

function hasOtherMoney(booking: BookingModel): boolean {
  return feesOf(booking)?.some(({ currencyCode }) => currencyCode !== booking.currencyCode) ?? false;
}

// What the provider itself says it gives back is the best word; else the terms that were shown.
function backOf(
  app: PayingBack,
  booking: BookingModel,
  said: Pick<CancelResult, 'refundMinor' | 'currencyCode'>,
): bigint {
  if (said.refundMinor !== null && said.currencyCode === booking.currencyCode)
    return said.refundMinor < booking.amountMinor ? said.refundMinor : booking.amountMinor;
  if (hasOtherMoney(booking)) return 0n;
  return refundOnCancelling(termsOf(booking), booking.amountMinor, app.clock.now());
}

/** What the customer was shown that cancelling costs. */
export function termsOf({
  cancellationFees,
  refundable,
}: Pick<BookingModel, 'cancellationFees' | 'refundable'>): CancellationTerms {
  const fees = cancellationFees as { from: string | null; amountMinor: string }[] | null;
  return {
    fees:
      fees?.map(({ from, amountMinor }) => ({
        from: from === null ? null : new Date(from),
        amountMinor: BigInt(amountMinor),
      })) ?? null,
    refundable,
  };
}
