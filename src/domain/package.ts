/**
 * Several legs booked as one (PRV-16): what is to be done next about a package, whoever asks and however often it was
 * interrupted. Everything follows from what stands in the rows: the package's phase, its order, and where each leg is
 * between us and its provider. Pure: whoever calls hands in the time.
 */
import { orderStateOf, type BookingPhase, type BookingStatus, type OrderState } from './booking.ts';
import type { RollbackPolicy } from './package-plan.ts';

export type PackageStatus =
  | 'PENDING'
  | 'BOOKING'
  | 'CONFIRMED'
  | 'PARTIALLY_CONFIRMED'
  | 'COMPENSATING'
  | 'CANCELLED'
  | 'FAILED'
  | 'NEEDS_ATTENTION';

/**
 * HOLDING: what can be reserved is reserved. PAYABLE: the customer can pay. BOOKING: leg after leg is booked. ROLLING_BACK:
 * a leg could not be had, and the others are taken back. CANCELLING: somebody gave the package up. STOPPED: a person has
 * to decide. ENDED: nothing is under way.
 */
export const PACKAGE_PHASES = [
  'HOLDING',
  'PAYABLE',
  'BOOKING',
  'ROLLING_BACK',
  'CANCELLING',
  'STOPPED',
  'ENDED',
] as const;
export type PackagePhase = (typeof PACKAGE_PHASES)[number];

/**
 * READY: nothing is reserved. HOLDING, UNDER_WAY: a call was made and its outcome is not known yet, or the provider
 * decides later. USED: the journey has begun or is over. LEAVING: it is being cancelled. FAILED: it could not be had.
 * GONE: given up, let go or cancelled.
 */
export type LegState = 'READY' | 'HOLDING' | 'HELD' | 'UNDER_WAY' | 'BOOKED' | 'USED' | 'LEAVING' | 'FAILED' | 'GONE';

export interface Leg {
  readonly state: LegState;
  /** Its provider keeps it unpaid, and it has to. */
  readonly holds: boolean;
  readonly amountMinor: bigint;
  /** What of the amount goes back: of a leg that failed, is gone or is leaving. */
  readonly backMinor: bigint;
  /** What cancelling it now would lose. */
  readonly lossMinor: bigint;
  /** The provider was busy: it is not asked again before. */
  readonly notBefore: Date | null;
  /** Nobody can tell what became of it, or the provider does not cancel it: a person has to look. */
  readonly isStuck: boolean;
}

export interface PackageFacts {
  readonly phase: PackagePhase;
  readonly status: PackageStatus;
  readonly rollback: RollbackPolicy;
  readonly order: OrderState;
  /** Booked before it is paid. */
  readonly onAccount: boolean;
  /** In the order in which they are taken. */
  readonly legs: readonly Leg[];
  /** The most that taking back may lose without asking anybody. */
  readonly lossMaxMinor: bigint;
  /** What was asked back so far. */
  readonly askedBackMinor: bigint;
  /** Money of the order is on its way back: gateways take one refund of a payment at a time. */
  readonly refundUnderWay: boolean;
}

export type LegStep = 'HOLD' | 'BOOK' | 'CONFIRM' | 'RELEASE' | 'DROP' | 'CANCEL';

export type PackageStep =
  /** The one thing to do outside, or with a row of a leg. `leg`: index in `legs`. */
  | { readonly kind: 'LEG'; readonly leg: number; readonly step: LegStep; readonly status: PackageStatus }
  | { readonly kind: 'MOVE'; readonly phase: PackagePhase; readonly status: PackageStatus }
  /** Money to be asked back, more than before. */
  | { readonly kind: 'PAY_BACK'; readonly amountMinor: bigint }
  /** Until somebody changes something; `until`: or until then. */
  | { readonly kind: 'WAIT'; readonly until: Date | null; readonly status: PackageStatus };

/** How often money that could not be asked back yet is looked at. */
const REFUND_LOOK_MS = 60_000;

/** Where a leg stands, by its booking. What has a last status has it whatever its phase: a hold that was let go lapses by itself. */
export function legStateOf({ phase, status }: { phase: BookingPhase; status: BookingStatus }): LegState {
  if (status === 'FAILED') return 'FAILED';
  if (status === 'CANCELLED') return 'GONE';
  if (status === 'COMPLETED' || status === 'NO_SHOW') return 'USED';
  switch (phase) {
    case 'CHECKED':
      return 'READY';
    case 'RESERVING':
      return 'HOLDING';
    case 'HELD':
      return 'HELD';
    case 'BOOKING':
    case 'CONFIRMING':
    case 'PENDING':
      return 'UNDER_WAY';
    case 'CONFIRMED':
      return 'BOOKED';
    case 'CANCELLING':
    case 'CANCEL_REQUESTED':
      return 'LEAVING';
    case 'RELEASING':
    case 'ENDED':
      return 'GONE';
  }
}

/**
 * What the order that pays for it says. One whose money went back is over, unless it is the package itself that asked for
 * it: a leg that costs nothing here may still stand.
 */
export function packageOrderOf(
  { status, refundedMinor }: { readonly status: string; readonly refundedMinor: bigint },
  askedBackMinor: bigint,
): OrderState {
  return status === 'REFUNDED' && refundedMinor <= askedBackMinor ? 'PAID' : orderStateOf(status);
}

/** What is to be done next. Asked again after it was done, it leads to an end whatever the providers answer. */
export function nextPackageStep(facts: PackageFacts, now: Date): PackageStep {
  const next = byPhase(facts, now);
  if (next.kind !== 'WAIT' || facts.order !== 'PAID') return next;
  // Given back in as few parts as can be: when there is nothing else to do.
  const dueMinor = tallyOf(facts.legs).backMinor - facts.askedBackMinor;
  if (dueMinor <= 0n) return next;
  if (!facts.refundUnderWay) return { kind: 'PAY_BACK', amountMinor: dueMinor };
  const look = new Date(now.getTime() + REFUND_LOOK_MS);
  return { ...next, until: next.until !== null && next.until < look ? next.until : look };
}

function byPhase(facts: PackageFacts, now: Date): PackageStep {
  switch (facts.phase) {
    case 'HOLDING':
      return holding(facts, now);
    case 'PAYABLE':
      return payable(facts);
    case 'BOOKING':
      return booking(facts, now);
    case 'ROLLING_BACK':
    case 'CANCELLING':
      return takingBack(facts, now);
    case 'STOPPED':
      return wait('NEEDS_ATTENTION');
    case 'ENDED':
      return atRest(facts);
  }
}

function move(phase: PackagePhase, status: PackageStatus): PackageStep {
  return { kind: 'MOVE', phase, status };
}

function wait(status: PackageStatus, until: Date | null = null): PackageStep {
  return { kind: 'WAIT', until, status };
}

const LOST: ReadonlySet<LegState> = new Set(['FAILED', 'GONE']);
const OPEN: ReadonlySet<LegState> = new Set(['HOLDING', 'UNDER_WAY', 'LEAVING']);
const KEPT: ReadonlySet<LegState> = new Set(['BOOKED', 'USED', 'LEAVING']);

function isLost({ state }: Leg): boolean {
  return LOST.has(state);
}

// Before it is paid nothing is confirmed that could be kept, and letting go costs nothing: whatever the policy says, all ends.
function holding({ order, legs }: PackageFacts, now: Date): PackageStep {
  if (order === 'ENDED') return move('CANCELLING', 'COMPENSATING');
  if (legs.some(isLost)) return move('ROLLING_BACK', 'COMPENSATING');
  const leg = legs.findIndex(({ state, holds }) => OPEN.has(state) || (state === 'READY' && holds));
  if (leg === -1) return move('PAYABLE', 'PENDING');
  return begin(legs[leg]!, { leg, ready: 'HOLD', status: 'PENDING', now });
}

function payable({ order, legs }: PackageFacts): PackageStep {
  if (order === 'ENDED') return move('CANCELLING', 'COMPENSATING');
  if (legs.some(isLost)) return move('ROLLING_BACK', 'COMPENSATING');
  return order === 'PAID' ? move('BOOKING', 'BOOKING') : wait('PENDING');
}

function booking(facts: PackageFacts, now: Date): PackageStep {
  const { order, legs, rollback } = facts;
  if (order === 'ENDED') return move('CANCELLING', 'COMPENSATING');
  if (order !== 'PAID' && !facts.onAccount) return wait('NEEDS_ATTENTION');
  if (legs.some(isLost) && rollback === 'ALL_OR_NOTHING') return move('ROLLING_BACK', 'COMPENSATING');
  if (legs.some(isLost) && rollback === 'MANUAL_REVIEW') return move('STOPPED', 'NEEDS_ATTENTION');
  // One after the other: the next is not begun before the last is certain, or more would be at risk than was shown.
  const leg = legs.findIndex(({ state }) => OPEN.has(state) || state === 'READY' || state === 'HELD');
  if (leg === -1) return move('ENDED', restOf(legs));
  return begin(legs[leg]!, { leg, ready: 'BOOK', status: 'BOOKING', now });
}

/** What is to be done with the first leg that is not where it shall be. */
function begin(
  { state, notBefore, isStuck }: Leg,
  { leg, ready, status, now }: { leg: number; ready: 'HOLD' | 'BOOK'; status: PackageStatus; now: Date },
): PackageStep {
  if (OPEN.has(state)) return wait(isStuck ? 'NEEDS_ATTENTION' : status);
  if (notBefore !== null && notBefore > now) return wait(status, notBefore);
  return { kind: 'LEG', leg, step: state === 'HELD' ? 'CONFIRM' : ready, status };
}

/** Backwards: what is not booked is let go first, because it costs nothing; then what is booked is cancelled, the last first. */
function takingBack(facts: PackageFacts, now: Date): PackageStep {
  const { legs, lossMaxMinor } = facts;
  const unbooked = legs.findLastIndex(({ state }) => state === 'READY' || state === 'HELD');
  if (unbooked !== -1) return takeBack(unbooked, legs[unbooked]!.state === 'HELD' ? 'RELEASE' : 'DROP');
  const cancellable = legs.filter(({ state, isStuck }) => state === 'BOOKED' && !isStuck);
  const booked = legs.findLastIndex((leg) => cancellable.includes(leg) && !isBusy(leg, now));
  if (booked !== -1) {
    // Later than planned, it may cost more than was shown: then it is for a person to say.
    const wouldLoseMinor = tallyOf(legs).lostMinor + legs[booked]!.lossMinor;
    if (wouldLoseMinor > lossMaxMinor) return move('STOPPED', 'NEEDS_ATTENTION');
    return takeBack(booked, 'CANCEL');
  }
  if (cancellable.length > 0) return wait('COMPENSATING', soonest(cancellable));
  const open = legs.filter(({ state }) => OPEN.has(state));
  const needsPerson = [...open, ...legs.filter(({ state }) => state === 'BOOKED')].some(({ isStuck }) => isStuck);
  if (open.some(({ isStuck }) => !isStuck)) return wait('COMPENSATING');
  if (needsPerson) return wait('NEEDS_ATTENTION');
  const isWish = facts.phase === 'CANCELLING';
  return move('ENDED', legs.some(({ state }) => state === 'USED') ? restOf(legs) : isWish ? 'CANCELLED' : 'FAILED');
}

function takeBack(leg: number, step: LegStep): PackageStep {
  return { kind: 'LEG', leg, step, status: 'COMPENSATING' };
}

function isBusy({ notBefore }: Leg, now: Date): boolean {
  return notBefore !== null && notBefore > now;
}

function soonest(legs: readonly Leg[]): Date {
  return new Date(Math.min(...legs.map(({ notBefore }) => notBefore!.getTime())));
}

/** What a package is where nothing is under way any more. */
function restOf(legs: readonly Leg[]): PackageStatus {
  const kept = legs.filter(({ state }) => KEPT.has(state)).length;
  if (kept === legs.length) return 'CONFIRMED';
  return kept > 0 ? 'PARTIALLY_CONFIRMED' : 'FAILED';
}

/** Weeks later a provider or the customer may still cancel a leg: the others stay as they are. */
function atRest({ status, legs }: PackageFacts): PackageStep {
  if (status !== 'CONFIRMED' && status !== 'PARTIALLY_CONFIRMED') return wait(status);
  const rest = restOf(legs);
  const now = rest === 'FAILED' ? 'CANCELLED' : rest;
  return now === status ? wait(status) : move('ENDED', now);
}

export interface Tally {
  /** Of legs that stand, or may. */
  readonly keptMinor: bigint;
  /** Of legs that are over: what goes back. */
  readonly backMinor: bigint;
  /** Of legs that are over or leaving: what does not. */
  readonly lostMinor: bigint;
}

/** Where the money of the legs is. Of a leg that is leaving, what will go back is still with it. */
export function tallyOf(legs: readonly Pick<Leg, 'state' | 'amountMinor' | 'backMinor'>[]): Tally {
  let [keptMinor, backMinor, lostMinor] = [0n, 0n, 0n];
  for (const { state, amountMinor, backMinor: back } of legs) {
    const isOver = LOST.has(state);
    const isLeaving = state === 'LEAVING';
    if (isOver) backMinor += back;
    if (isLeaving) keptMinor += back;
    if (isOver || isLeaving) lostMinor += amountMinor - back;
    else keptMinor += amountMinor;
  }
  return { keptMinor, backMinor, lostMinor };
}
