import type { RollbackPolicy } from '../../src/domain/package-plan.ts';
import {
  nextPackageStep,
  tallyOf,
  type Leg,
  type LegState,
  type LegStep,
  type PackageFacts,
  type PackageStep,
} from '../../src/domain/package.ts';

/**
 * A package and everything that may happen to it, in any order: what providers answer, or do not; what people do; what
 * time does. Each answer is one branch. Written from the promises, not from the resolvers.
 */

const NOW = new Date('2026-11-22T10:00:00Z');
const LATER = new Date('2026-11-22T10:00:10Z');

interface ModelLeg extends Leg {
  /** What its provider has of it, whatever we know. */
  readonly there: 'NOTHING' | 'HELD' | 'BOOKED';
  /** How often a call of ours ended a booking there. */
  readonly cancellations: number;
  readonly bookings: number;
  /** Whether what became of the last call is not known. */
  readonly unknown: boolean;
  readonly busy: number;
}

export interface Model extends Omit<PackageFacts, 'legs'> {
  readonly legs: readonly ModelLeg[];
  readonly worstCaseMinor: bigint;
  /** Somebody said that more may be lost. */
  readonly allowedMore: boolean;
  /** Somebody wished it away, or decided: policies say less then. */
  readonly wished: boolean;
  readonly decisions: number;
  readonly feesRose: boolean;
  readonly refundedMinor: bigint;
}

export interface Branch {
  readonly name: string;
  readonly to: Model;
  /** It need not happen: the package has come to rest without it. */
  readonly optional?: boolean;
}

export interface Start {
  readonly rollback: RollbackPolicy;
  readonly legs: readonly { readonly holds: boolean; readonly amountMinor: bigint; readonly lossMinor: bigint }[];
  readonly onAccount?: boolean;
}

const DECISIONS_MAX = 2;

export function startOf({ rollback, legs, onAccount = false }: Start): Model {
  const worst = legs.slice(0, -1).reduce((sum, { lossMinor }) => sum + lossMinor, 0n);
  return {
    phase: onAccount ? 'BOOKING' : 'HOLDING',
    status: onAccount ? 'BOOKING' : 'PENDING',
    rollback,
    order: 'OPEN',
    onAccount,
    lossMaxMinor: worst,
    worstCaseMinor: worst,
    askedBackMinor: 0n,
    refundedMinor: 0n,
    refundUnderWay: false,
    allowedMore: false,
    wished: false,
    decisions: 0,
    feesRose: false,
    legs: legs.map((leg) => ({
      ...leg,
      holds: leg.holds && !onAccount,
      state: 'READY',
      backMinor: 0n,
      notBefore: null,
      isStuck: false,
      there: 'NOTHING',
      cancellations: 0,
      bookings: 0,
      unknown: false,
      busy: 0,
    })),
  };
}

export function stepOf(model: Model): PackageStep {
  return nextPackageStep(model, NOW);
}

/** Everything that can happen next. */
export function branchesOf(model: Model): Branch[] {
  const step = stepOf(model);
  switch (step.kind) {
    case 'LEG':
      return callsOf({ ...model, status: step.status }, step.leg, step.step);
    case 'MOVE':
      return [{ name: step.phase, to: moved(model, step) }];
    case 'PAY_BACK':
      return [
        {
          name: 'ask back',
          to: { ...model, askedBackMinor: model.askedBackMinor + step.amountMinor, refundUnderWay: true },
        },
      ];
    case 'WAIT':
      return outsideOf({ ...model, status: step.status });
  }
}

function moved(model: Model, { phase, status }: Extract<PackageStep, { kind: 'MOVE' }>): Model {
  const unpaid = model.phase === 'HOLDING' || model.phase === 'PAYABLE';
  const gone = unpaid && (phase === 'ROLLING_BACK' || phase === 'CANCELLING') && model.order === 'OPEN';
  return { ...model, phase, status, ...(gone && { order: 'ENDED' as const }) };
}

function withLeg(model: Model, index: number, change: Partial<ModelLeg>): Model {
  return { ...model, legs: model.legs.map((leg, at) => (at === index ? { ...leg, ...change } : leg)) };
}

const settled = { unknown: false, isStuck: false, notBefore: null } as const;

/** Whatever a provider may answer to a call; "lost" is both a lost answer and a process that died on the way. */
function callsOf(model: Model, index: number, step: LegStep): Branch[] {
  const leg = model.legs[index]!;
  const to = (name: string, change: Partial<ModelLeg>): Branch => ({
    name: `${step} ${index} ${name}`,
    to: withLeg(model, index, change),
  });
  const failed = { ...settled, state: 'FAILED', backMinor: leg.amountMinor, there: 'NOTHING' } as const;
  const back = leg.amountMinor - leg.lossMinor;
  switch (step) {
    case 'DROP':
      return [to('done', { ...settled, state: 'GONE', backMinor: leg.amountMinor })];
    case 'RELEASE':
      // One that can't be released lapses by itself.
      return [to('done', { ...settled, state: 'GONE', backMinor: leg.amountMinor, there: 'NOTHING' })];
    case 'HOLD':
      return [
        to('done', { ...settled, state: 'HELD', there: 'HELD' }),
        to('refused', failed),
        to('lost, made', { state: 'HOLDING', there: 'HELD', unknown: true, notBefore: null }),
        to('lost, not made', { state: 'HOLDING', unknown: true, notBefore: null }),
      ];
    case 'BOOK':
    case 'CONFIRM': {
      const busy = to('busy', { state: leg.state, notBefore: LATER, busy: leg.busy + 1 });
      return [
        to('done', { ...settled, state: 'BOOKED', there: 'BOOKED', bookings: leg.bookings + 1 }),
        to('refused', failed),
        ...(leg.busy < 1 ? [busy] : []),
        to('lost, made', {
          state: 'UNDER_WAY',
          there: 'BOOKED',
          bookings: leg.bookings + 1,
          unknown: true,
          notBefore: null,
        }),
        to('lost, not made', { state: 'UNDER_WAY', unknown: true, notBefore: null }),
      ];
    }
    case 'CANCEL': {
      const cancelled = { there: 'NOTHING', cancellations: leg.cancellations + 1, backMinor: back } as const;
      return [
        to('done', { ...settled, ...cancelled, state: 'GONE' }),
        to('refused', { ...settled, state: 'BOOKED', isStuck: true, backMinor: 0n }),
        ...(leg.busy < 1 ? [to('busy', { state: 'BOOKED', notBefore: LATER, busy: leg.busy + 1, backMinor: 0n })] : []),
        to('lost, made', { ...cancelled, state: 'LEAVING', unknown: true }),
        to('lost, not made', { state: 'LEAVING', backMinor: back, unknown: true }),
        // Taken, and people end it.
        to('requested', { state: 'LEAVING', backMinor: back, isStuck: true, unknown: true }),
      ];
    }
  }
}

/** What others do while the package waits. */
function outsideOf(model: Model): Branch[] {
  const branches: Branch[] = model.legs.flatMap((leg, index) => [
    ...lookUpsOf(model, leg, index),
    ...(leg.notBefore === null ? [] : [{ name: `time for ${index}`, to: withLeg(model, index, { notBefore: null }) }]),
  ]);
  if (model.refundUnderWay)
    branches.push({
      name: 'refunded',
      to: { ...model, refundUnderWay: false, refundedMinor: model.askedBackMinor },
    });
  if (model.phase === 'PAYABLE' && model.order === 'OPEN') {
    branches.push({ name: 'paid', to: { ...model, order: 'PAID' } });
    branches.push({ name: 'expired', to: { ...model, order: 'ENDED' } });
    branches.push({
      name: 'a hold lapsed',
      to: withLeg(model, 0, { state: 'GONE', backMinor: model.legs[0]!.amountMinor, there: 'NOTHING' }),
    });
  }
  branches.push(...feesOf(model), ...peopleOf(model), ...restOf(model));
  return branches;
}

/** An inquiry finds out what became of a call, or a person has to. Its answer is the truth. */
function lookUpsOf(model: Model, leg: ModelLeg, index: number): Branch[] {
  if (!leg.unknown) return [];
  const found = (change: Partial<ModelLeg>) => withLeg(model, index, { ...settled, ...change });
  const failed = found({ state: 'FAILED', backMinor: leg.amountMinor });
  const stuck: Branch[] = leg.isStuck
    ? []
    : [{ name: `nobody knows ${index}`, to: withLeg(model, index, { isStuck: true }) }];
  const truth = (to: Model): Branch[] => [{ name: `looked up ${index}`, to }, ...stuck];
  if (leg.state === 'HOLDING') return truth(leg.there === 'HELD' ? found({ state: 'HELD' }) : failed);
  if (leg.state === 'UNDER_WAY') {
    if (leg.there === 'BOOKED') return truth(found({ state: 'BOOKED' }));
    // Booked anew, because the provider certainly has nothing of it; a hold that is gone is gone.
    return truth(leg.there === 'HELD' || leg.busy > 0 ? failed : found({ state: 'READY', busy: leg.busy + 1 }));
  }
  if (leg.there === 'NOTHING') return truth(found({ state: 'GONE' }));
  const cancelled = { state: 'GONE', there: 'NOTHING', cancellations: leg.cancellations + 1 } as const;
  if (leg.isStuck) return [{ name: `people cancelled ${index}`, to: found(cancelled) }];
  return truth(found(cancelled));
}

// Once, in the middle: later cancellations cost everything.
function feesOf(model: Model): Branch[] {
  if (model.feesRose || !model.legs.some(({ state }) => state === 'BOOKED' || state === 'UNDER_WAY')) return [];
  const legs = model.legs.map((leg) => ({ ...leg, lossMinor: leg.amountMinor }));
  return [{ name: 'fees rose', to: { ...model, legs, feesRose: true }, optional: true }];
}

function peopleOf(model: Model): Branch[] {
  if (model.status !== 'NEEDS_ATTENTION' || model.decisions >= DECISIONS_MAX) return [];
  const decided = { ...model, decisions: model.decisions + 1, wished: true };
  const asked = model.legs.map((leg) => (leg.state === 'BOOKED' ? { ...leg, isStuck: false } : leg));
  const whole = tallyOf(model.legs).lostMinor + bookedLoss(model);
  const cancel: Model = {
    ...decided,
    legs: asked,
    phase: 'CANCELLING',
    status: 'COMPENSATING',
    lossMaxMinor: whole > model.lossMaxMinor ? whole : model.lossMaxMinor,
    allowedMore: true,
  };
  const keep: Model = { ...decided, phase: 'BOOKING', status: 'BOOKING', rollback: 'KEEP_CONFIRMED' };
  const mayKeep = model.order === 'PAID' || model.onAccount;
  return [
    {
      name: 'a person cancels',
      to: model.order === 'OPEN' && !model.onAccount ? { ...cancel, order: 'ENDED' } : cancel,
    },
    ...(mayKeep ? [{ name: 'a person keeps', to: keep }] : []),
  ];
}

function bookedLoss(model: Model): bigint {
  return model.legs.reduce((sum, { state, lossMinor }) => (state === 'BOOKED' ? sum + lossMinor : sum), 0n);
}

/** Weeks later. */
function restOf(model: Model): Branch[] {
  const booked = model.legs.findIndex(({ state }) => state === 'BOOKED');
  if (model.phase !== 'ENDED' || booked === -1 || model.wished) return [];
  const leg = model.legs[booked]!;
  const gone = { state: 'GONE', there: 'NOTHING', backMinor: leg.amountMinor } as const;
  return [
    { name: 'the provider cancels', to: withLeg(model, booked, gone), optional: true },
    {
      name: 'the customer cancels',
      optional: true,
      to: {
        ...model,
        phase: 'CANCELLING',
        status: 'COMPENSATING',
        wished: true,
        allowedMore: true,
        lossMaxMinor: tallyOf(model.legs).lostMinor + bookedLoss(model),
      },
    },
  ];
}

/** What must be true wherever a package is. @returns what is not */
export function faultsOf(model: Model): string[] {
  const { legs } = model;
  const total = legs.reduce((sum, { amountMinor }) => sum + amountMinor, 0n);
  const { keptMinor, backMinor, lostMinor } = tallyOf(legs);
  const has = (...states: LegState[]) => legs.some(({ state }) => states.includes(state));
  const faults: string[] = [];
  const hold = (law: string, holds: boolean) => {
    if (!holds) faults.push(law);
  };
  hold('the money adds up', keptMinor + backMinor + lostMinor === total);
  hold('no more is asked back than goes back', model.askedBackMinor <= backMinor);
  hold('nothing is asked back of what nobody paid', model.askedBackMinor === 0n || model.order === 'PAID');
  hold('nothing is lost above what was said', lostMinor <= model.lossMaxMinor);
  hold('without a word, no more is lost than was shown', model.allowedMore || lostMinor <= model.worstCaseMinor);
  for (const leg of legs) {
    hold('nobody cancels twice', leg.cancellations <= 1);
    hold('nobody books twice', leg.bookings <= 1);
    hold('what is given up does not stand', leg.state !== 'GONE' || leg.there === 'NOTHING');
    hold('what is booked stands', leg.state !== 'BOOKED' || leg.there === 'BOOKED');
  }
  const paidFor = model.order === 'PAID' || model.onAccount || model.refundedMinor > 0n;
  hold('nothing is booked unpaid', paidFor || !legs.some(({ bookings }) => bookings > 0));
  if (model.rollback === 'KEEP_CONFIRMED' && !model.wished && model.order !== 'ENDED')
    hold(
      'what is kept is not taken back',
      legs.every(({ cancellations }) => cancellations === 0),
    );
  if (model.phase === 'ENDED' && (model.status === 'FAILED' || model.status === 'CANCELLED'))
    hold('what ended stands nowhere', !has('BOOKED', 'HELD', 'READY', 'UNDER_WAY', 'HOLDING', 'LEAVING'));
  return faults;
}

/** A package at rest, as people are told of it then. */
export function rested(model: Model): Model {
  const step = stepOf(model);
  return step.kind === 'WAIT' ? { ...model, status: step.status } : model;
}

/** What must be true where nothing more happens by itself. */
export function restFaultsOf(model: Model): string[] {
  const faults: string[] = [];
  const { backMinor } = tallyOf(model.legs);
  const waitsForPerson = model.status === 'NEEDS_ATTENTION';
  if (model.phase !== 'ENDED' && !waitsForPerson) faults.push('it neither ended nor waits for a person');
  if (model.order === 'PAID' && model.askedBackMinor !== backMinor) faults.push('not all that goes back was asked for');
  const booked = model.legs.filter(({ state }) => state === 'BOOKED').length;
  if (model.status === 'CONFIRMED' && booked !== model.legs.length) faults.push('what is confirmed is all booked');
  const byPolicy = model.rollback === 'ALL_OR_NOTHING' && !model.wished && !waitsForPerson;
  // After it was confirmed, a provider's cancellation is its own: what is taken away weeks later takes nothing else with it.
  const failed = model.legs.some(({ state }) => state === 'FAILED');
  if (byPolicy && failed && booked > 0) faults.push('all or nothing');
  return faults;
}

/** Names a state: all of it that anything depends on. */
export function keyOf(model: Model): string {
  const { phase, status, rollback, order, lossMaxMinor, askedBackMinor, refundedMinor, decisions } = model;
  const flags = [model.refundUnderWay, model.allowedMore, model.wished, model.feesRose].map(Number).join('');
  const legs = model.legs.map(({ state, there, backMinor, busy, cancellations, bookings, ...leg }) => {
    const marks = [leg.isStuck, leg.unknown, leg.notBefore !== null].map(Number).join('');
    return [state, there, backMinor, busy, cancellations, bookings, marks].join();
  });
  return [phase, status, rollback, order, lossMaxMinor, askedBackMinor, refundedMinor, decisions, flags, ...legs].join(
    '|',
  );
}
