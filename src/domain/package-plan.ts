/**
 * Packages before they are booked (PRV-16, BEY-12): in which order their legs are taken, until when each step has to be
 * done, and how much money would be lost if a later step failed. Pure: whoever calls hands in the time.
 */
import { AppError } from '../errors.ts';
import { payableUntil, refundOnCancelling, type CancellationFee } from './booking.ts';
import { formatAmount } from './money.ts';

export type LegVertical = 'LODGING' | 'FLIGHTS_BOOKING' | 'FLIGHTS_DISCOVERY';

/**
 * ALL_OR_NOTHING: when a leg can not be had, what is booked is taken back. KEEP_CONFIRMED: the others go on.
 * MANUAL_REVIEW: a person decides.
 */
export type RollbackPolicy = 'ALL_OR_NOTHING' | 'KEEP_CONFIRMED' | 'MANUAL_REVIEW';

export interface PackagePolicy {
  readonly rollback: RollbackPolicy;
  /** Which goes first; what is not named comes last. */
  readonly legOrder: readonly LegVertical[];
}

/**
 * Where neither the tenant nor the platform says otherwise. Stays before flights: most stays can be given back and most
 * flights can not, and the last leg is never at risk.
 */
export const POLICY_UNSET: PackagePolicy = {
  rollback: 'ALL_OR_NOTHING',
  legOrder: ['LODGING', 'FLIGHTS_BOOKING'],
};

/** What the provider gives back. No fees: not known; then `refundable` says all or nothing, and null is nothing. */
export interface CancellationTerms {
  readonly fees: readonly CancellationFee[] | null;
  readonly refundable: boolean | null;
}

/** A leg as its price was asked a moment ago. */
export interface OfferedLeg {
  readonly vertical: LegVertical;
  /** What is charged for it by us, minor units. */
  readonly amountMinor: bigint;
  readonly terms: CancellationTerms;
  /** Whether its provider keeps it unpaid. */
  readonly holds: boolean;
  /** Until when the price stands; null: the provider does not say. */
  readonly expiresAt: Date | null;
}

/** HOLD: reserved, costs nothing. PAY: the whole, once. CONFIRM: a hold becomes a booking. BOOK: booked without a hold. */
export type PlanStepKind = 'HOLD' | 'PAY' | 'CONFIRM' | 'BOOK';

export interface PlanStep {
  readonly kind: PlanStepKind;
  /** Index of the leg as it was given; null for the payment. */
  readonly leg: number | null;
  /** Until when it has to be done; null: nobody says. */
  readonly deadline: Date | null;
  /** What this step costs. */
  readonly costMinor: bigint;
  /** What would be lost if a later step failed and all that is booked by then were taken back. */
  readonly atRiskMinor: bigint;
}

export interface PackagePlan {
  /** Legs as they are taken: indices of the legs as they were given. */
  readonly order: readonly number[];
  readonly steps: readonly PlanStep[];
  readonly totalMinor: bigint;
  /** The most that is lost if a leg fails and all that is booked by then is taken back. No policy loses more by itself. */
  readonly worstCaseMinor: bigint;
  /** Fees are reckoned until here: later, nothing is taken back for more than the worst case without a person's word. */
  readonly riskUntil: Date;
}

/** Look-ups of a lost answer take a day and more, and fees may begin meanwhile. */
const RISK_MS = 24 * 3_600_000;

/** What cancelling costs at a moment. */
export function lossAt(terms: CancellationTerms, amountMinor: bigint, at: Date): bigint {
  return amountMinor - refundOnCancelling(terms, amountMinor, at);
}

/** The most that cancelling costs at any moment from one to another, both included. */
export function worstLoss(terms: CancellationTerms, amountMinor: bigint, from: Date, until: Date): bigint {
  const steps = (terms.fees ?? []).flatMap((fee) => (fee.from !== null && fee.from > from ? [fee.from] : []));
  const losses = [from, ...steps.filter((at) => at <= until)].map((at) => lossAt(terms, amountMinor, at));
  return losses.reduce((most, loss) => (loss > most ? loss : most), 0n);
}

/**
 * Orders the legs by the policy; within a kind, what can be given back most cheaply goes first, so that the least is at
 * risk. @param onAccount nothing is held and nothing is paid: each leg is booked at once
 */
export function planPackage(
  legs: readonly OfferedLeg[],
  { policy, onAccount, now }: { policy: PackagePolicy; onAccount: boolean; now: Date },
): PackagePlan {
  const riskUntil = new Date(now.getTime() + RISK_MS);
  const losses = legs.map(({ terms, amountMinor }) => worstLoss(terms, amountMinor, now, riskUntil));
  const order = legs
    .map((_, index) => index)
    .toSorted((one, other) => rankOf(legs[one]!, policy) - rankOf(legs[other]!, policy) || less(losses, one, other));
  const totalMinor = legs.reduce((sum, { amountMinor }) => sum + amountMinor, 0n);
  const held = onAccount ? [] : order.filter((leg) => legs[leg]!.holds);
  const holds = held.map((leg): PlanStep => step('HOLD', leg, legs[leg]!.expiresAt, 0n, 0n));
  const payBy = payableUntil(now, earliest(order.filter((leg) => !held.includes(leg)).map((leg) => legs[leg]!)));
  const payment = onAccount ? [] : [step('PAY', null, payBy, totalMinor, 0n)];
  const bookings = order.map((leg, place): PlanStep => {
    const isLast = place === order.length - 1;
    const atRisk = order.slice(0, place + 1).reduce((sum, booked) => sum + losses[booked]!, 0n);
    const isHeld = held.includes(leg);
    const { amountMinor, expiresAt } = legs[leg]!;
    // When a hold ends is known when there is one.
    return step(isHeld ? 'CONFIRM' : 'BOOK', leg, isHeld ? null : expiresAt, amountMinor, isLast ? 0n : atRisk);
  });
  const steps = [...holds, ...payment, ...bookings];
  const worstCaseMinor = steps.reduce((most, { atRiskMinor }) => (atRiskMinor > most ? atRiskMinor : most), 0n);
  return { order, steps, totalMinor, worstCaseMinor, riskUntil };
}

function step(
  kind: PlanStepKind,
  leg: number | null,
  deadline: Date | null,
  costMinor: bigint,
  atRiskMinor: bigint,
): PlanStep {
  return { kind, leg, deadline, costMinor, atRiskMinor };
}

function rankOf({ vertical }: OfferedLeg, { legOrder }: PackagePolicy): number {
  const place = legOrder.indexOf(vertical);
  return place === -1 ? legOrder.length : place;
}

function less(losses: readonly bigint[], one: number, other: number): number {
  const [mine, theirs] = [losses[one]!, losses[other]!];
  if (mine === theirs) return one - other;
  return mine < theirs ? -1 : 1;
}

/** The first end of these offers; null where none has one. */
function earliest(legs: readonly Pick<OfferedLeg, 'expiresAt'>[]): Date | null {
  const ends = legs.flatMap(({ expiresAt }) => (expiresAt === null ? [] : [expiresAt.getTime()]));
  return ends.length === 0 ? null : new Date(Math.min(...ends));
}

/** @param capMinor the most the caller would lose; null: whatever the plan says @throws RISK_TOO_HIGH with the numbers */
export function requireRisk(
  plan: Pick<PackagePlan, 'worstCaseMinor'>,
  capMinor: bigint | null,
  currencyCode: string,
): void {
  if (capMinor === null || plan.worstCaseMinor <= capMinor) return;
  const amount = (minor: bigint) => ({ amount: formatAmount(minor, currencyCode), currencyCode });
  throw new AppError('RISK_TOO_HIGH', 'If a part of this trip failed, more could be lost than you allow.', {
    field: ['input', 'maxRisk'],
    details: { worstCase: amount(plan.worstCaseMinor), maxRisk: amount(capMinor) },
  });
}
