/** Who may call now, who is to be checked and when, and what is shown. All of it from the state and an instant. */
import { changed, type Folded } from './health-change.ts';
import { halfOpenCircuit, hasPermit, isPauseOver, takePermit } from './health-circuit.ts';
import { errorRateOf } from './health-evidence.ts';
import { p95Of, usualP95Of } from './health-latency.ts';
import {
  HEALTH_SETTINGS,
  type CircuitState,
  type HealthObservation,
  type HealthReason,
  type HealthSettings,
  type HealthState,
  type HealthStatus,
} from './health-state.ts';

export interface Passage extends Folded {
  readonly passes: boolean;
  /** To be given back with the observation; null where none is needed, or none is left. */
  readonly permit: number | null;
}

/**
 * Whether the circuit lets a call through at an instant (ms). A pause that is over ends here: the circuit is half open
 * from the first that asks. The state is to be stored where a permit was taken.
 */
export function mayPass(state: HealthState, now: number, settings: HealthSettings = HEALTH_SETTINGS): Passage {
  const { circuit } = state;
  if (circuit.state === 'CLOSED') return { passes: true, permit: null, state, change: null };
  if (!hasPermit(circuit, now, settings)) return { passes: false, permit: null, state, change: null };
  const halfOpen = circuit.state === 'OPEN' ? halfOpenCircuit(circuit) : circuit;
  const taken = { ...state, circuit: takePermit(halfOpen, now, settings) };
  return { passes: true, permit: halfOpen.permitNext, ...changed(state, taken, state.status, 'TRIALS_BEGIN', now) };
}

/** Nothing was heard for so long that nothing is known any more (PRV-11). To be asked now and then; else nothing changes. */
export function age(state: HealthState, now: number, settings: HealthSettings = HEALTH_SETTINGS): Folded {
  if (state.status === 'UNKNOWN' || !isStale(state, now, settings)) return { state, change: null };
  return changed(state, state, 'UNKNOWN', 'NO_EVIDENCE', now);
}

function isStale({ evidenceAt }: HealthState, now: number, { staleMs }: HealthSettings): boolean {
  return evidenceAt !== null && now - evidenceAt > staleMs;
}

/**
 * When the next active check is due (ms; in the past: now). Usually every five minutes. A failure that no success has
 * followed is looked into every second, so that a provider that is called ten times an hour is out within ten seconds
 * of the first call it fails, as well as one that is called all the time. Checks that say nothing double the wait.
 */
export function nextCheckAt(state: HealthState, now: number, settings: HealthSettings = HEALTH_SETTINGS): number {
  const { circuit, checkBeganAt, evidence, emptyChecks } = state;
  if (circuit.state === 'OPEN') return isPauseOver(circuit, now, settings) ? now : (circuit.openUntil ?? now);
  const isCalm = circuit.state === 'CLOSED' && evidence.failuresInRow === 0;
  const gapMs = isCalm
    ? settings.checkEveryMs
    : Math.min(settings.checkEveryMs, settings.suspicionEveryMs * 2 ** emptyChecks);
  // One that begins in the future was written by a clock that is wrong.
  if (checkBeganAt === null || checkBeganAt - now > gapMs) return now;
  return checkBeganAt + gapMs;
}

/**
 * Takes the check that is due, under the lock of the row, so that of many processes one makes it. The next may begin
 * before this one has an answer: a provider that hangs is found out by several that hang.
 */
export function takeCheck(state: HealthState, now: number, settings: HealthSettings = HEALTH_SETTINGS): Passage {
  const none: Passage = { passes: false, permit: null, state, change: null };
  if (nextCheckAt(state, now, settings) > now) return none;
  const passage = mayPass(state, now, settings);
  return passage.passes ? { ...passage, state: { ...passage.state, checkBeganAt: now } } : none;
}

/** A check asks for little: unanswered for so long (ms), it is to be observed as `waiting`. */
export const CHECK_WAITING_MS = 2_000;
const CALL_WAITING_MS_UNKNOWN = 5_000;
const CALL_WAITING_MS_MAX = 30_000;

/**
 * After how many ms without an answer a live call is to be observed as `waiting`: twice what is usual, because a slow
 * provider is not a dead one.
 */
export function waitingAfterMs({ latency }: HealthState): number {
  const usual = usualP95Of(latency);
  if (usual === null) return CALL_WAITING_MS_UNKNOWN;
  return Math.min(CALL_WAITING_MS_MAX, Math.max(CHECK_WAITING_MS, 2 * usual));
}

/** How a call ended, in the words of the policy around it (integrations/policy.ts). */
export type CallEnd = 'done' | 'unknown' | 'rejected' | 'unavailable' | 'rateLimited' | 'misconfigured';

const OUTCOMES: Readonly<Record<CallEnd, Pick<HealthObservation, 'outcome' | 'errorKind'>>> = {
  done: { outcome: 'ok' },
  unknown: { outcome: 'failed', errorKind: 'unknown' },
  unavailable: { outcome: 'failed', errorKind: 'unavailable' },
  misconfigured: { outcome: 'misconfigured', errorKind: 'misconfigured' },
  rejected: { outcome: 'neutral' },
  rateLimited: { outcome: 'neutral' },
};

export function observedAs(end: CallEnd): Pick<HealthObservation, 'outcome' | 'errorKind'> {
  return OUTCOMES[end];
}

/** What routing needs of it. */
export interface HealthLife {
  readonly status: HealthStatus;
  readonly circuit: CircuitState;
  /** Whether `mayPass` would let a call through now. */
  readonly permitAvailable: boolean;
}

/** The same as of an instant (ms), at the cost of a few comparisons: every decision asks for it. */
export function lifeOf(state: HealthState, now: number, settings: HealthSettings = HEALTH_SETTINGS): HealthLife {
  return {
    status: isStale(state, now, settings) ? 'UNKNOWN' : state.status,
    circuit: state.circuit.state,
    permitAvailable: hasPermit(state.circuit, now, settings),
  };
}

/** What the graph shows of it (ProviderHealth), and what routing needs. */
export interface HealthView extends HealthLife {
  /** 0 to 1 over the window. */
  readonly errorRate: number;
  readonly p95LatencyMs: number | null;
  readonly checkedAt: number | null;
  readonly reason: HealthReason | null;
}

/** As of an instant (ms): evidence that is too old counts for nothing, whether or not anybody has written that down. */
export function viewOf(state: HealthState, now: number, settings: HealthSettings = HEALTH_SETTINGS): HealthView {
  const { state: aged } = age(state, now, settings);
  return {
    ...lifeOf(aged, now, settings),
    errorRate: Number(errorRateOf(aged.evidence).toFixed(4)),
    p95LatencyMs: p95Of(aged.latency.recent),
    checkedAt: aged.checkedAt,
    reason: aged.reason,
  };
}
