import type { App } from '../context.ts';
import type { Scope, Transaction } from '../db.ts';
import { afterLookUp, attemptReference, nextStep, orderStateOf, type BookingStep } from '../domain/booking.ts';
import type { BookingModel } from '../generated/prisma/models.ts';
import type { Outcome } from '../integrations/contract.ts';
import type { BookResult, JsonValue, ProviderBookingState, ProviderNotice } from '../integrations/travel.ts';
import {
  BOOK_LIMIT_MS,
  bookThere,
  cancelThere,
  checkThere,
  confirmThere,
  lookUpThere,
  type KeptOffer,
} from './booking-call.ts';
import {
  changeBooking,
  isLeg,
  lockBooking,
  WHOLE_BOOKING,
  type BookingChange,
  type LockedBooking,
} from './booking-change.ts';
import { cancelled, failBooking, recordBooking, recordCancellation, standsUnwanted } from './booking-outcome.ts';
import { ensureInquiry } from './inquiry-open.ts';

/** What working on a booking without a request needs. */
export type Stepping = Pick<App, 'clock' | 'newId' | 'db' | 'journal' | 'log' | 'gateways' | 'providers'>;

/** Longer than any call to a provider: whoever has not answered by then is gone. */
export const BOOKING_LEASE_MS = BOOK_LIMIT_MS + 30_000;
/** Attempts at the provider, each certainly without effect before the next. */
const ATTEMPTS_MAX = 6;
const PENDING_LOOK_MS = 5 * 60_000;
const PENDING_LOOKS_MAX = 60;
/** A hold nobody can be asked about is over by then (travel-providers.md 3.10: funds are free after 90 minutes). */
const HOLD_OVER_MS = 90 * 60_000;

/** Does the next thing about a booking, if anything is due. Safe to run twice: one works at a time (PRV-10, BEY-3). */
export async function stepBooking(app: Stepping, scope: Scope, id: string): Promise<void> {
  const claimed = await app.db.write(scope, (tx) => claim(app, tx, id));
  if (claimed) await carryOut(app, scope, claimed);
  app.journal.wake();
}

/** What is about to be done outside, and the booking it is about. */
export interface Claimed {
  readonly step: BookingStep | 'HOLD';
  readonly booking: BookingModel;
}

/** Takes the turn, and writes what is about to be done before it is done. @returns null where nobody outside is to be asked */
async function claim(app: Stepping, tx: Transaction, id: string): Promise<Claimed | null> {
  const locked = await lockBooking(tx, id);
  if (!locked) return null;
  const { order, booking } = locked;
  const place = { phase: booking.phase as never, leasedUntil: booking.leasedUntil };
  // What a leg does next its package says; what was begun with it is brought to its end here.
  const step = nextStep(place, isLeg(booking) ? 'OPEN' : orderStateOf(order.status), app.clock.now());
  return beginStep(app, tx, locked, step);
}

/**
 * Writes what is about to be done with a locked booking. @param more written along with it
 * @returns null where nobody outside is to be asked
 */
export async function beginStep(
  app: Stepping,
  tx: Transaction,
  locked: LockedBooking,
  step: Claimed['step'],
  more: BookingChange = {},
): Promise<Claimed | null> {
  const { booking } = locked;
  const now = app.clock.now();
  const lease = new Date(now.getTime() + BOOKING_LEASE_MS);
  const turn = { leasedUntil: lease, nextStepAt: lease };
  const over = { status: 'CANCELLED', phase: 'ENDED', syncStatus: 'NOT_NEEDED' } as const;
  switch (step) {
    case 'WAIT':
      changeBooking(app, tx, booking, {
        nextStepAt: booking.leasedUntil !== null && booking.leasedUntil > now ? booking.leasedUntil : null,
      });
      return null;
    case 'DROP':
      changeBooking(app, tx, booking, { ...over, leasedUntil: null, nextStepAt: null, ...more });
      return null;
    case 'HOLD':
      changeBooking(app, tx, booking, { ...turn, phase: 'RESERVING', syncStatus: 'PENDING', ...more });
      return { step, booking: await newAttempt(app, tx, booking) };
    case 'BOOK':
      if (booking.attempt >= ATTEMPTS_MAX) {
        await failBooking(app, tx, locked, 'PROVIDER_UNAVAILABLE');
        return null;
      }
      changeBooking(app, tx, booking, { ...turn, phase: 'BOOKING', ...more });
      return { step, booking: await newAttempt(app, tx, booking) };
    case 'CONFIRM':
      changeBooking(app, tx, booking, { ...turn, phase: 'CONFIRMING', ...more });
      break;
    case 'RELEASE':
      changeBooking(app, tx, booking, {
        ...turn,
        phase: 'RELEASING',
        ...(booking.status === 'PENDING' && { status: 'CANCELLED' as const }),
        ...more,
      });
      break;
    case 'CANCEL':
      changeBooking(app, tx, booking, { ...turn, ...more });
      break;
    case 'LOOK_UP':
      return lookUpClaim(app, tx, locked, turn);
  }
  return { step, booking: { ...booking, cancelReason: more.cancelReason ?? booking.cancelReason } };
}

// Whoever called is gone and left no outcome: an inquiry looks it up. What the provider only decides later is simply asked about.
async function lookUpClaim(
  app: Stepping,
  tx: Transaction,
  { booking }: LockedBooking,
  turn: { leasedUntil: Date; nextStepAt: Date },
): Promise<Claimed | null> {
  if (booking.phase === 'PENDING') {
    changeBooking(app, tx, booking, { ...turn, stepAttempts: booking.stepAttempts + 1 });
    return { step: 'LOOK_UP', booking };
  }
  changeBooking(app, tx, booking, { leasedUntil: null, nextStepAt: null, syncStatus: 'PENDING' });
  await ensureInquiry(app, tx, { aboutType: 'Booking', aboutId: booking.id, reason: 'BOOKING_PROCESS_DIED' });
  return null;
}

/** Each time under a name of its own: a vendor refuses one it knows, and a look-up must find this attempt and no other. */
export async function newAttempt(
  app: Pick<Stepping, 'clock'>,
  tx: Transaction,
  booking: BookingModel,
): Promise<BookingModel> {
  const attempt = booking.attempt + 1;
  const attemptedAt = app.clock.now();
  const reference = attemptReference(booking.id, attempt);
  await tx.query(
    `update bookings set attempt = $2, attempt_reference = $3, attempted_at = $4, provider_reference = null, provider_keys = null
     where tenant_id = current_tenant() and id = $1`,
    [booking.id, attempt, reference, attemptedAt],
  );
  return { ...booking, attempt, attemptReference: reference, attemptedAt, providerReference: null, providerKeys: null };
}

/** Makes the call that was written down, and writes what came of it. No transaction is open meanwhile. */
export async function carryOut(app: Stepping, scope: Scope, { step, booking }: Claimed): Promise<void> {
  if (step === 'CANCEL' || step === 'RELEASE') {
    const outcome = await cancelThere(app, booking);
    // A cancellation whose turn is over was asked for before.
    await app.db.write(scope, (tx) => recordCancellation(app, tx, booking.id, outcome, true));
  } else if (step === 'LOOK_UP') {
    await lookUpBooking(app, scope, booking.id);
    await app.db.write(scope, (tx) => stillPending(app, tx, booking.id));
  } else {
    const outcome = await bookOrConfirm(app, scope, { step, booking });
    await app.db.write(scope, (tx) => recordBooking(app, tx, booking, outcome));
  }
}

function bookOrConfirm(app: Stepping, scope: Scope, { step, booking }: Claimed): Promise<Outcome<BookResult>> {
  if (step === 'HOLD') return bookThere(app, booking, true);
  return step === 'CONFIRM' ? confirmThere(app, booking) : bookPaid(app, scope, booking);
}

async function stillPending(app: Stepping, tx: Transaction, id: string): Promise<void> {
  const locked = await lockBooking(tx, id);
  if (locked?.booking.phase !== 'PENDING') return;
  const over = locked.booking.stepAttempts >= PENDING_LOOKS_MAX;
  changeBooking(app, tx, locked.booking, {
    leasedUntil: null,
    nextStepAt: over ? null : new Date(app.clock.now().getTime() + PENDING_LOOK_MS),
    ...(over && { syncStatus: 'NEEDS_ATTENTION' as const }),
  });
}

// What was checked before the customer paid may be over: then it is checked once more, and never booked for more than was paid.
async function bookPaid(app: Stepping, scope: Scope, booking: BookingModel): Promise<Outcome<BookResult>> {
  const offer = booking.offer as unknown as KeptOffer;
  const over = offer.checkedUntil !== null && new Date(offer.checkedUntil) <= app.clock.now();
  if (!over && booking.stepAttempts === 0) return bookThere(app, booking, false);
  const checked = await checkThere(app, booking);
  if (checked.kind !== 'done') return checked;
  const { value } = checked;
  if (!('token' in value)) return { kind: 'done', value: { state: 'SOLD_OUT' } };
  if (value.currencyCode !== booking.currencyCode || value.totalMinor > BigInt(offer.totalMinor))
    return { kind: 'done', value: { state: 'PRICE_CHANGED' } };
  const kept: KeptOffer = { ...offer, checked: value.token, checkedUntil: value.expiresAt?.toISOString() ?? null };
  await app.db.write(scope, (tx) =>
    tx.query('update bookings set offer = $2 where tenant_id = current_tenant() and id = $1', [
      booking.id,
      JSON.stringify(kept),
    ]),
  );
  return bookThere(app, { ...booking, offer: kept as never }, false);
}

export type Known = 'DONE' | 'NOT_DONE' | 'UNKNOWN';

/**
 * Asks the provider about a booking and writes what it says. An unknown cancellation is simply made again: it reads first.
 * @returns what is known now of the call whose outcome was not
 */
export async function lookUpBooking(app: Stepping, scope: Scope, id: string): Promise<Known> {
  const booking = await app.db.read(scope, (tx) =>
    tx.maybeOne<BookingModel>(
      `select ${WHOLE_BOOKING} from bookings b where b.tenant_id = current_tenant() and b.id = $1 and b.phase is not null`,
      [id],
    ),
  );
  if (!booking) return 'NOT_DONE';
  // Whom it was for was erased, and nothing of it was open then: there is nobody to ask about.
  if (booking.contact === null) return 'UNKNOWN';
  if (booking.phase === 'CANCELLING') return hasTurn(app, booking) ? 'UNKNOWN' : cancelAgain(app, scope, booking);
  const { said, visibleAfterMs, canBeAsked } = await lookUpThere(app, booking);
  if (!canBeAsked) return withoutAsking(app, scope, booking);
  if (said.kind !== 'done') return 'UNKNOWN';
  const isVisible = app.clock.now().getTime() - (booking.attemptedAt?.getTime() ?? 0) >= visibleAfterMs;
  const known = await app.db.write(scope, (tx) => recordState(app, tx, booking, said.value, isVisible));
  app.journal.wake();
  return known;
}

/** Somebody's call is under way: that the provider has nothing yet means nothing. */
function hasTurn(app: Stepping, { leasedUntil }: BookingModel): boolean {
  return leasedUntil !== null && leasedUntil > app.clock.now();
}

async function cancelAgain(app: Stepping, scope: Scope, booking: BookingModel): Promise<Known> {
  const outcome = await cancelThere(app, booking);
  const ending = await app.db.write(scope, (tx) => recordCancellation(app, tx, booking.id, outcome, true));
  app.journal.wake();
  if (ending.kind === 'UNKNOWN') return 'UNKNOWN';
  return ending.kind === 'FAILED' ? 'NOT_DONE' : 'DONE';
}

const UNDER_WAY: ReadonlySet<string> = new Set(['RESERVING', 'BOOKING', 'CONFIRMING', 'RELEASING']);

// A hold of which nothing is known lapses by itself. A confirmation may be sent once more under its ids (travel-providers.md 3.10).
async function withoutAsking(app: Stepping, scope: Scope, booking: BookingModel): Promise<Known> {
  if (booking.phase === 'RESERVING') {
    const isOver = app.clock.now().getTime() - (booking.attemptedAt?.getTime() ?? 0) > HOLD_OVER_MS;
    if (!isOver) return 'UNKNOWN';
    await app.db.write(scope, async (tx) => {
      const locked = await lockBooking(tx, booking.id);
      if (locked?.booking.phase === 'RESERVING') await failBooking(app, tx, locked, 'PROVIDER_UNAVAILABLE');
    });
    return 'NOT_DONE';
  }
  // What was not known the provider has said by itself meanwhile, or it was asked for anew.
  if (!UNDER_WAY.has(booking.phase ?? '')) return booking.status === 'FAILED' ? 'NOT_DONE' : 'DONE';
  if (booking.phase !== 'CONFIRMING' || booking.stepAttempts > 0) return 'UNKNOWN';
  await app.db.write(scope, (tx) =>
    tx.query(
      `update bookings set step_attempts = 1 where tenant_id = current_tenant() and id = $1 and phase = 'CONFIRMING'`,
      [booking.id],
    ),
  );
  const outcome = await confirmThere(app, booking);
  if (outcome.kind !== 'done') return 'UNKNOWN';
  const ending = await app.db.write(scope, (tx) => recordBooking(app, tx, booking, outcome));
  return ending.kind === 'FAILED' ? 'NOT_DONE' : 'DONE';
}

async function recordState(
  app: Stepping,
  tx: Transaction,
  asked: BookingModel,
  { state, ids }: ProviderBookingState,
  isVisible: boolean,
): Promise<Known> {
  const locked = await lockBooking(tx, asked.id);
  // Somebody else was faster, or it was sent anew: what was said is about another attempt.
  if (!locked || locked.booking.attempt !== asked.attempt) return 'DONE';
  const { booking } = locked;
  const underWay = booking.phase === 'RESERVING' || booking.phase === 'BOOKING' || booking.phase === 'CONFIRMING';
  if (booking.phase === 'ENDED') return afterTheEnd(app, tx, booking, state);
  if (state === 'NOT_FOUND') {
    const isSure = underWay && isVisible && !hasTurn(app, booking);
    return isSure ? notThere(app, tx, locked) : 'UNKNOWN';
  }
  if (state === 'CANCELLED' || state === 'FAILED') {
    // Kept or promised, and then not to be had: nothing was cancelled.
    const neverWas = state === 'FAILED' && (booking.phase === 'PENDING' || booking.phase === 'HELD');
    return gone(app, tx, locked, underWay || neverWas);
  }
  // The wish to cancel it was taken, and is not carried out yet.
  if (booking.phase === 'CANCEL_REQUESTED' && STANDS.has(state)) return 'UNKNOWN';
  if (underWay && ids && (state === 'CONFIRMED' || state === 'HELD' || state === 'PENDING')) {
    await recordBooking(app, tx, booking, {
      kind: 'done',
      value: { ...ids, state, holdExpiresAt: booking.holdExpiresAt },
    });
    return 'DONE';
  }
  const end = afterLookUp({ phase: booking.phase as never, status: booking.status }, state);
  // Confirmed though nobody told the provider that it is paid.
  const isUnpaid = booking.phase === 'HELD' && orderStateOf(locked.order.status) !== 'PAID';
  const syncStatus = isUnpaid ? 'NEEDS_ATTENTION' : 'SYNCED';
  if (end) changeBooking(app, tx, booking, { ...end, ids, leasedUntil: null, nextStepAt: null, syncStatus });
  return 'DONE';
}

const STANDS: ReadonlySet<string> = new Set(['CONFIRMED', 'HELD', 'PENDING']);

function afterTheEnd(
  app: Stepping,
  tx: Transaction,
  booking: BookingModel,
  state: ProviderBookingState['state'],
): Known {
  const isGivenUp = booking.status === 'FAILED' || booking.status === 'CANCELLED';
  // A hold that was let go, and could not be released, lapses by itself.
  const lapses = state === 'HELD' && booking.status === 'CANCELLED';
  if (isGivenUp && STANDS.has(state) && !lapses) standsUnwanted(app, tx, booking, `the provider says ${state}`);
  return booking.status === 'FAILED' ? 'NOT_DONE' : 'DONE';
}

/**
 * What a provider that can't be asked says by itself, where its secret vouches for it (travel-providers.md 3.11).
 * @returns false where the provider is to be asked instead
 */
export async function believeNotice(
  app: Stepping,
  tx: Transaction,
  id: string,
  { claims }: ProviderNotice,
): Promise<boolean> {
  const locked = await lockBooking(tx, id);
  if (!locked || !(await app.providers.isSilent(locked.booking.providerSlug!))) return false;
  const { booking } = locked;
  if (claims === null) return true;
  const ids =
    booking.providerReference === null
      ? null
      : { providerReference: booking.providerReference, keys: booking.providerKeys as JsonValue };
  await recordState(app, tx, booking, { state: claims, ids }, false);
  return true;
}

// The provider certainly has nothing: who has paid is booked anew, if their package still wants it; who has not is told.
async function notThere(app: Stepping, tx: Transaction, locked: LockedBooking): Promise<Known> {
  const { booking, order } = locked;
  const wantsIt = order.status !== 'DRAFT' || isLeg(booking);
  if (booking.phase === 'BOOKING' && wantsIt && booking.attempt < ATTEMPTS_MAX) {
    changeBooking(app, tx, booking, {
      phase: 'CHECKED',
      leasedUntil: null,
      nextStepAt: app.clock.now(),
      stepAttempts: 1,
    });
    return 'NOT_DONE';
  }
  await failBooking(app, tx, locked, 'PROVIDER_UNAVAILABLE');
  return 'NOT_DONE';
}

// Cancelled there without us: nobody but the provider is to blame, so everything goes back.
async function gone(app: Stepping, tx: Transaction, locked: LockedBooking, underWay: boolean): Promise<Known> {
  const { booking } = locked;
  if (underWay) {
    await failBooking(app, tx, locked, 'PROVIDER_REJECTED');
    return 'NOT_DONE';
  }
  const wished = booking.phase === 'CANCEL_REQUESTED' || booking.phase === 'RELEASING';
  const everything = { refundMinor: booking.amountMinor, currencyCode: booking.currencyCode };
  await cancelled(app, tx, locked, wished ? { refundMinor: null, currencyCode: null } : everything);
  return 'DONE';
}
