import type { PackagePlan, PlanStep } from '../domain/package-plan.ts';

/** `plan` of a package's row: as it was shown, and what an order is written with when the legs are booked. No personal data. */
export interface KeptPlan {
  /** Legs as they are taken: their places as they were given. */
  readonly order: readonly number[];
  /** Those that are reserved before they are paid. */
  readonly held: readonly number[];
  /** Booked before it is paid: the order lists what was booked. */
  readonly onAccount: boolean;
  readonly steps: readonly {
    readonly kind: PlanStep['kind'];
    readonly leg: number | null;
    readonly deadline: string | null;
    readonly costMinor: string;
    readonly atRiskMinor: string;
  }[];
  readonly worstCaseMinor: string;
  readonly riskUntil: string;
  /** Of the legs as they were given. */
  readonly legs: readonly { readonly descriptions: readonly { readonly locale: string; readonly text: string }[] }[];
}

export function keptPlan(plan: PackagePlan, { onAccount, legs }: Pick<KeptPlan, 'onAccount' | 'legs'>): KeptPlan {
  return {
    order: plan.order,
    held: plan.steps.flatMap(({ kind, leg }) => (kind === 'HOLD' ? [leg!] : [])),
    onAccount,
    steps: plan.steps.map(({ kind, leg, deadline, costMinor, atRiskMinor }) => ({
      kind,
      leg,
      deadline: deadline?.toISOString() ?? null,
      costMinor: String(costMinor),
      atRiskMinor: String(atRiskMinor),
    })),
    worstCaseMinor: String(plan.worstCaseMinor),
    riskUntil: plan.riskUntil.toISOString(),
    legs: legs.map(({ descriptions }) => ({ descriptions })),
  };
}

/** The steps of a kept plan. */
export function stepsOf({ steps }: KeptPlan): PlanStep[] {
  return steps.map(({ kind, leg, deadline, costMinor, atRiskMinor }) => ({
    kind,
    leg,
    deadline: deadline === null ? null : new Date(deadline),
    costMinor: BigInt(costMinor),
    atRiskMinor: BigInt(atRiskMinor),
  }));
}
