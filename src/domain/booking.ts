/**
 * Bookings at a provider (PRV-10, PRV-17, BEY-3): where one stands between us and the provider, what is to be done next,
 * and what cancelling costs. Pure: whoever calls hands in the time.
 */

/**
 * CHECKED: price and availability were asked, nothing is reserved. RESERVING, BOOKING, CONFIRMING, CANCELLING, RELEASING:
 * a call is under way, or its outcome is being looked up. HELD: reserved until `holdExpiresAt`. PENDING: the provider has
 * it and decides later. CANCEL_REQUESTED: the provider has the wish; people or a notification end it.
 */
export const BOOKING_PHASES = [
  'CHECKED',
  'RESERVING',
  'HELD',
  'BOOKING',
  'CONFIRMING',
  'PENDING',
  'CONFIRMED',
  'CANCELLING',
  'CANCEL_REQUESTED',
  'RELEASING',
  'ENDED',
] as const;
export type BookingPhase = (typeof BOOKING_PHASES)[number];

export type BookingStatus = 'PENDING' | 'CONFIRMED' | 'CANCELLED' | 'COMPLETED' | 'NO_SHOW' | 'FAILED';

/** What the provider says of a booking when it is asked. */
export type ProviderState =
  | 'CONFIRMED'
  | 'HELD'
  | 'PENDING'
  | 'CANCELLED'
  | 'FAILED'
  | 'COMPLETED'
  | 'NO_SHOW'
  | 'NOT_FOUND';

/** What the order that pays for it says. */
export type OrderState = 'OPEN' | 'PAID' | 'ENDED';

/** The next thing to do; at most one call to the provider. */
export type BookingStep = 'BOOK' | 'CONFIRM' | 'LOOK_UP' | 'RELEASE' | 'CANCEL' | 'DROP' | 'WAIT';

export interface BookingPlace {
  readonly phase: BookingPhase;
  readonly leasedUntil: Date | null;
}

/**
 * What is to be done about a booking. Nobody books while an outcome is unknown: the phases of calls lead to a look-up and
 * nowhere else, once whoever called is certainly gone.
 */
export function nextStep({ phase, leasedUntil }: BookingPlace, order: OrderState, now: Date): BookingStep {
  if (leasedUntil !== null && leasedUntil > now) return 'WAIT';
  switch (phase) {
    case 'CHECKED':
      return order === 'PAID' ? 'BOOK' : order === 'ENDED' ? 'DROP' : 'WAIT';
    case 'HELD':
      return order === 'PAID' ? 'CONFIRM' : order === 'ENDED' ? 'RELEASE' : 'WAIT';
    case 'RESERVING':
    case 'BOOKING':
    case 'CONFIRMING':
    case 'PENDING':
      return 'LOOK_UP';
    case 'RELEASING':
      return 'RELEASE';
    case 'CANCELLING':
      return 'CANCEL';
    case 'CONFIRMED':
    case 'CANCEL_REQUESTED':
    case 'ENDED':
      return 'WAIT';
  }
}

/** Paid in part or in full refunded is over; a draft waits for the provider's hold. */
export function orderStateOf(status: string): OrderState {
  if (status === 'PAID' || status === 'PARTIALLY_REFUNDED') return 'PAID';
  return status === 'DRAFT' || status === 'ISSUED' ? 'OPEN' : 'ENDED';
}

export interface BookingEnd {
  readonly status: BookingStatus;
  readonly phase: BookingPhase;
}

/** Where a booking stands after the provider said what it knows of it; null: what was said changes nothing. */
export function afterLookUp(
  booking: { readonly phase: BookingPhase; readonly status: BookingStatus },
  said: ProviderState,
): BookingEnd | null {
  const { phase, status } = booking;
  // A cancellation under way ends by CANCELLED only: a booking that still stands is cancelled again.
  const leaving = phase === 'CANCELLING' || phase === 'RELEASING' || phase === 'CANCEL_REQUESTED';
  switch (said) {
    case 'CONFIRMED':
      if (leaving || phase === 'ENDED') return null;
      return changed(booking, { status: 'CONFIRMED', phase: 'CONFIRMED' });
    case 'HELD':
      return phase === 'RESERVING' || phase === 'CONFIRMING' ? { status, phase: 'HELD' } : null;
    case 'PENDING':
      return phase === 'BOOKING' || phase === 'CONFIRMING' ? { status, phase: 'PENDING' } : null;
    case 'CANCELLED':
      return phase === 'ENDED' ? null : { status: 'CANCELLED', phase: 'ENDED' };
    case 'FAILED':
      return phase === 'ENDED' ? null : { status: status === 'CONFIRMED' ? 'CANCELLED' : 'FAILED', phase: 'ENDED' };
    case 'COMPLETED':
    case 'NO_SHOW':
      return status === 'CONFIRMED' ? { status: said, phase: 'ENDED' } : null;
    case 'NOT_FOUND':
      return null;
  }
}

function changed(from: BookingEnd, to: BookingEnd): BookingEnd | null {
  return from.phase === to.phase && from.status === to.status ? null : to;
}

export interface CancellationFee {
  /** Null: from the beginning. */
  readonly from: Date | null;
  readonly amountMinor: bigint;
}

/** What cancelling costs at a moment: the last fee that has begun, from nothing to the whole amount. @param fees in any order */
export function cancellationFee(fees: readonly CancellationFee[], amountMinor: bigint, now: Date): bigint {
  const begun = fees
    .filter(({ from }) => from === null || from <= now)
    .toSorted((one, other) => (one.from?.getTime() ?? -Infinity) - (other.from?.getTime() ?? -Infinity));
  const fee = begun.at(-1)?.amountMinor ?? 0n;
  if (fee < 0n) return 0n;
  return fee > amountMinor ? amountMinor : fee;
}

/**
 * What of the price goes back when a booking is cancelled now.
 * @param terms fees where the provider told them; else whether it said that the money comes back (null: it said nothing)
 */
export function refundOnCancelling(
  terms: { readonly fees: readonly CancellationFee[] | null; readonly refundable: boolean | null },
  amountMinor: bigint,
  now: Date,
): bigint {
  if (terms.fees !== null) return amountMinor - cancellationFee(terms.fees, amountMinor, now);
  return terms.refundable === true ? amountMinor : 0n;
}

/** What an operator may set by hand, from which status (PRV-17). */
const BY_HAND: Readonly<Record<BookingStatus, readonly BookingStatus[]>> = {
  PENDING: ['CONFIRMED', 'CANCELLED', 'FAILED'],
  CONFIRMED: ['COMPLETED', 'NO_SHOW', 'CANCELLED'],
  COMPLETED: ['NO_SHOW'],
  NO_SHOW: ['COMPLETED'],
  CANCELLED: [],
  FAILED: [],
};

export function mayBeSet(from: BookingStatus, to: BookingStatus): boolean {
  return BY_HAND[from].includes(to);
}

const BASE_36_OF_UUID = 25;

/**
 * The name of one attempt at the provider: ours, unique for good, and the same whoever computes it. 27 letters and
 * digits, because vendors allow 28 (Expedia's affiliate_reference_id).
 * @param attempt from 1 to 26
 */
export function attemptReference(bookingId: string, attempt: number): string {
  if (attempt < 1 || attempt > 26) throw new RangeError(`attempt ${attempt} has no reference`);
  const number = BigInt(`0x${bookingId.replaceAll('-', '')}`);
  const letter = String.fromCharCode('A'.charCodeAt(0) + attempt - 1);
  return `P${number.toString(36).toUpperCase().padStart(BASE_36_OF_UUID, '0')}${letter}`;
}

/** An order may be paid until this long before its hold ends: the provider has to be told in time. */
const HOLD_MARGIN_MS = 120_000;
/** And no longer than this, whatever the provider allows. */
const OPEN_MS = 30 * 60_000;

/** Until when a customer may pay for what the provider keeps. */
export function payableUntil(now: Date, end: Date | null): Date {
  const limit = end === null ? Infinity : end.getTime() - HOLD_MARGIN_MS;
  return new Date(Math.max(now.getTime() + 1_000, Math.min(limit, now.getTime() + OPEN_MS)));
}
