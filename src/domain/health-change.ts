/** How a change is written down: with the evidence it rests on (BEY-4). */
import { errorRateOf } from './health-evidence.ts';
import { p95Of } from './health-latency.ts';
import type { HealthChange, HealthReason, HealthState, HealthStatus } from './health-state.ts';

export interface Folded {
  readonly state: HealthState;
  /** Null where neither the status nor the circuit is another. */
  readonly change: HealthChange | null;
}

/**
 * @param shown whose figures the change bears, where `after` begins anew
 */
export function changed(
  before: HealthState,
  after: HealthState,
  status: HealthStatus,
  reason: HealthReason,
  at: number,
  shown: HealthState = after,
): Folded {
  const isSameStatus = status === before.status;
  if (isSameStatus && after.circuit.state === before.circuit.state) return { state: after, change: null };
  const state = { ...after, status, reason, since: isSameStatus ? before.since : at };
  return { state, change: changeOf(before, state, shown, reason, at) };
}

function changeOf(
  before: HealthState,
  after: HealthState,
  { evidence, latency, circuit }: HealthState,
  reason: HealthReason,
  at: number,
): HealthChange {
  return {
    at,
    from: before.status,
    to: after.status,
    circuitFrom: before.circuit.state,
    circuitTo: after.circuit.state,
    reason,
    since: before.since,
    ok: Math.round(evidence.ok),
    failed: Math.round(evidence.failed),
    failuresInRow: evidence.failuresInRow,
    goodTrials: circuit.goodTrials,
    errorRate: Number(errorRateOf(evidence).toFixed(4)),
    p95LatencyMs: p95Of(latency.recent),
    lastError: evidence.lastError,
    retryAt: after.circuit.openUntil,
  };
}
