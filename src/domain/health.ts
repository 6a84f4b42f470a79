/**
 * A provider's health from what is seen of it (PRV-11, PRV-12, BEY-4). Pure folds over a small state: each process
 * brings its observations, in batches and somewhat out of order, under the lock of the state's row. What health says is
 * the truth, also of the only provider there is; that one is called all the same (routing.ts).
 */
import { changed, type Folded } from './health-change.ts';
import { closeCircuit, halfOpenCircuit, isTrial, openCircuit, releasePermit } from './health-circuit.ts';
import {
  failsEveryCall,
  failsMostly,
  isGood,
  isPoor,
  NO_EVIDENCE,
  windowFactor,
  withHappening,
  type Happening,
} from './health-evidence.ts';
import { isSlow, withLatency } from './health-latency.ts';
import {
  HEALTH_SETTINGS,
  type HealthChange,
  type HealthObservation,
  type HealthSettings,
  type HealthState,
} from './health-state.ts';

/**
 * What is known after one more observation. Never throws: what makes no sense (an instant that is none) is taken for
 * just now.
 * @param jitter in [0, 1), random: for the pause, should the circuit open
 */
export function fold(
  state: HealthState,
  observation: HealthObservation,
  settings: HealthSettings = HEALTH_SETTINGS,
  jitter = 0,
): Folded {
  const seen = sound(state, observation);
  const heard = noted(state, seen);
  if (seen.outcome === 'neutral') return { state: released(heard, seen), change: null };
  const learned = withEvidence(heard, seen, settings);
  if (state.circuit.state === 'CLOSED') return judgedClosed(state, learned, seen, settings, jitter);
  return judgedTrial(state, learned, seen, settings, jitter);
}

/** A batch, in its order. The state is that of the last, the changes are all there were. */
export function foldAll(
  state: HealthState,
  observations: Iterable<HealthObservation>,
  settings: HealthSettings = HEALTH_SETTINGS,
  jitter = 0,
): { readonly state: HealthState; readonly changes: readonly HealthChange[] } {
  let known = state;
  const changes: HealthChange[] = [];
  for (const observation of observations) {
    const { state: next, change } = fold(known, observation, settings, jitter);
    known = next;
    if (change) changes.push(change);
  }
  return { state: known, changes };
}

/** With numbers that can be counted with. */
interface Seen extends HealthObservation {
  readonly startedAt: number;
  /** When it is judged: a late one is judged when the latest came. */
  readonly now: number;
}

/** Later than this is no batch that took its time, but another clock: which one is right nobody knows. */
const LATE_MS_MAX = 60_000;
const LATENCY_MS_MAX = 3_600_000;

function sound(state: HealthState, observation: HealthObservation): Seen {
  const at = Number.isFinite(observation.at) ? observation.at : (state.checkedAt ?? 0);
  const isTimed = observation.latencyMs !== null && Number.isFinite(observation.latencyMs);
  const latencyMs = isTimed ? Math.min(LATENCY_MS_MAX, Math.max(0, observation.latencyMs!)) : null;
  const latest = state.checkedAt ?? at;
  const now = latest > at && latest - at <= LATE_MS_MAX ? latest : at;
  return { ...observation, at, now, latencyMs, startedAt: at - (latencyMs ?? 0) };
}

/** What any observation tells, of whatever outcome. */
function noted(state: HealthState, { at, kind, outcome }: Seen): HealthState {
  const isEmpty = outcome === 'neutral';
  return {
    ...state,
    checkedAt: Math.max(at, state.checkedAt ?? at),
    evidenceAt: isEmpty ? state.evidenceAt : Math.max(at, state.evidenceAt ?? at),
    emptyChecks: !isEmpty
      ? 0
      : kind === 'probe'
        ? Math.min(state.emptyChecks + 1, EMPTY_CHECKS_MAX)
        : state.emptyChecks,
  };
}

const EMPTY_CHECKS_MAX = 16;

function released(state: HealthState, { permit }: Seen): HealthState {
  return { ...state, circuit: releasePermit(state.circuit, permit) };
}

function withEvidence(state: HealthState, seen: Seen, settings: HealthSettings): HealthState {
  const { at, latencyMs, wasWaiting = false } = seen;
  const evidence = withHappening(state.evidence, { outcome: happeningOf(state, seen, settings), wasWaiting }, at);
  if (seen.outcome !== 'ok' || latencyMs === null) return { ...state, evidence };
  const latency = withLatency(state.latency, latencyMs, {
    at,
    learns: learnsLatency(state, at, settings),
    windowFactor: (ms) => windowFactor(state.evidence, ms),
  });
  return { ...state, evidence, latency };
}

function happeningOf(state: HealthState, seen: Seen, settings: HealthSettings): Happening['outcome'] {
  if (seen.outcome === 'ok') return isSlow(state.latency, seen.latencyMs ?? 0, settings.slowMs) ? 'slow' : 'ok';
  if (seen.outcome === 'failed') return seen.errorKind ?? 'unknown';
  return seen.outcome === 'neutral' ? 'ok' : seen.outcome;
}

/** A bad day is no usual one, unless it does not end. */
function learnsLatency({ status, since }: HealthState, at: number, { getUsedToMs }: HealthSettings): boolean {
  if (status === 'DEGRADED') return at - (since ?? at) >= getUsedToMs;
  return status !== 'UNHEALTHY';
}

/** The provider is in use: is it to be put out, or to be called something else? */
function judgedClosed(
  before: HealthState,
  state: HealthState,
  { now, outcome }: Seen,
  settings: HealthSettings,
  jitter: number,
): Folded {
  const { evidence } = state;
  const isDead = failsEveryCall(evidence, state.status === 'DEGRADED' && state.reason === 'ERRORS');
  if (isDead || failsMostly(evidence)) {
    const usual = isDead ? 'FAILS_EVERY_CALL' : 'FAILS_MOSTLY';
    const reason = evidence.lastError === 'misconfigured' ? 'CREDENTIALS_REFUSED' : usual;
    const opened = { ...state, circuit: openCircuit(state.circuit, now, settings, jitter) };
    return changed(before, opened, 'UNHEALTHY', reason, now);
  }
  if (state.status !== 'DEGRADED' && isPoor(evidence)) {
    const reason = evidence.slow > evidence.failed ? 'SLOW' : 'ERRORS';
    return changed(before, { ...state, evidence: { ...evidence, good: 0 } }, 'DEGRADED', reason, now);
  }
  if (state.status === 'UNKNOWN' && outcome === 'ok') return changed(before, state, 'HEALTHY', 'ANSWERS', now);
  const isOverIt = isGood(evidence) && now - (state.since ?? now) >= settings.degradedMsMin;
  if (state.status === 'DEGRADED' && isOverIt)
    return changed(before, { ...state, evidence: { ...evidence, poor: 0 } }, 'HEALTHY', 'RECOVERED', now);
  return { state, change: null };
}

/** The provider is out: does this bring it back? */
function judgedTrial(
  before: HealthState,
  learned: HealthState,
  seen: Seen,
  settings: HealthSettings,
  jitter: number,
): Folded {
  const { now, outcome, permit } = seen;
  const isOk = outcome === 'ok';
  const wasTrial = isTrial(before.circuit, seen, settings);
  const begun =
    wasTrial && before.circuit.state === 'OPEN'
      ? halfOpenCircuit(learned.circuit)
      : releasePermit(learned.circuit, permit);
  const state = { ...learned, circuit: begun };
  if (!wasTrial) {
    // Silence made it UNKNOWN, and this ends the silence.
    const isBadNews = !isOk && before.circuit.state === 'OPEN' && before.status === 'UNKNOWN';
    return isBadNews ? changed(before, state, 'UNHEALTHY', 'FAILS_EVERY_CALL', now) : { state, change: null };
  }
  if (!isOk) {
    const reopened = { ...state, circuit: openCircuit(state.circuit, now, settings, jitter) };
    return changed(before, reopened, 'UNHEALTHY', 'TRIAL_FAILED', now);
  }
  const circuit = { ...state.circuit, goodTrials: state.circuit.goodTrials + 1 };
  if (circuit.goodTrials < settings.goodTrialsToClose)
    return changed(before, { ...state, circuit }, before.status, 'TRIALS_BEGIN', now);
  // What was before the outage is no evidence about what is after it.
  const evidence = { ...NO_EVIDENCE, ok: circuit.goodTrials, fadedAt: state.evidence.fadedAt };
  const closed = { ...state, circuit: closeCircuit(circuit, now), evidence };
  return changed(before, closed, 'HEALTHY', 'TRIALS_PASSED', now, { ...state, circuit });
}
