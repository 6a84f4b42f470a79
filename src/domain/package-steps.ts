/** The steps of a plan while it is carried out (BEY-12). Pure. */
import type { PlanStepKind } from './package-plan.ts';
import type { LegState } from './package.ts';

/** LET_GO: it is not needed any more, or was taken back. */
export const STEP_STATES = ['WAITING', 'UNDER_WAY', 'DONE', 'FAILED', 'LET_GO'] as const;
export type StepState = (typeof STEP_STATES)[number];

/** @param order whether it was paid, else whether it can be paid yet */
export function stateOfPayment({ isPaid, isOver }: { isPaid: boolean; isOver: boolean }): StepState {
  if (isPaid) return 'DONE';
  return isOver ? 'LET_GO' : 'WAITING';
}

/** @param wasHeld whether its provider ever kept it: a leg that failed after that failed later */
export function stateOfLeg(kind: Exclude<PlanStepKind, 'PAY'>, leg: LegState, wasHeld: boolean): StepState {
  if (leg === 'GONE') return 'LET_GO';
  if (leg === 'READY') return 'WAITING';
  if (leg === 'FAILED') return failed(kind, wasHeld);
  if (kind === 'HOLD') return leg === 'HOLDING' ? 'UNDER_WAY' : 'DONE';
  switch (leg) {
    case 'HOLDING':
    case 'HELD':
      return 'WAITING';
    case 'UNDER_WAY':
      return 'UNDER_WAY';
    case 'LEAVING':
      return 'LET_GO';
    case 'BOOKED':
    case 'USED':
      return 'DONE';
  }
}

function failed(kind: Exclude<PlanStepKind, 'PAY'>, wasHeld: boolean): StepState {
  if (kind === 'HOLD') return wasHeld ? 'DONE' : 'FAILED';
  return kind === 'CONFIRM' && !wasHeld ? 'LET_GO' : 'FAILED';
}
