import { fold, foldAll } from '../../src/domain/health.ts';
import { INITIAL_HEALTH, type HealthObservation, type HealthState } from '../../src/domain/health-state.ts';

export const NOW = Date.parse('2026-08-01T10:00:00Z');
export const SECOND = 1_000;
export const MINUTE = 60_000;
export const HOUR = 3_600_000;

export const ok = (at: number, facts: Partial<HealthObservation> = {}): HealthObservation => ({
  at,
  kind: 'call',
  outcome: 'ok',
  latencyMs: 800,
  ...facts,
});

export const failed = (at: number, facts: Partial<HealthObservation> = {}): HealthObservation => ({
  at,
  kind: 'call',
  outcome: 'failed',
  errorKind: 'unavailable',
  latencyMs: 300,
  ...facts,
});

/** Six minutes apart, the last one at the instant: ten calls an hour. */
export function calls(outcomes: string, end = NOW, gapMs = 6 * MINUTE): HealthObservation[] {
  return [...outcomes].map((outcome, index) => {
    const at = end - (outcomes.length - 1 - index) * gapMs;
    return outcome === 'F' ? failed(at) : ok(at);
  });
}

export const after = (observations: Iterable<HealthObservation>, from: HealthState = INITIAL_HEALTH): HealthState =>
  foldAll(from, observations).state;

/** A provider that answered for long, as of NOW. */
export const WELL = after(calls('.'.repeat(200)));
/** Out as of NOW, after having been well. */
export const OUT = after(calls('FFFFF', NOW, SECOND), after(calls('.'.repeat(100), NOW - MINUTE)));

/** `status/circuit`. */
export const standing = ({ status, circuit }: HealthState): string => `${status}/${circuit.state}`;

/** Folds what a provider does that fails with a probability, until it changes or a number of calls is over. */
export function run(
  random: () => number,
  {
    failing,
    calls,
    gapMs,
    from = INITIAL_HEALTH,
  }: { failing: number; calls: number; gapMs: number; from?: HealthState },
): { changes: { call: number; to: string; reason: string }[]; state: HealthState } {
  let [state, at] = [from, NOW];
  const changes: { call: number; to: string; reason: string }[] = [];
  for (let call = 1; call <= calls; call += 1) {
    at += 2 * gapMs * random();
    const observation = random() < failing ? failed(at) : ok(at, { latencyMs: 400 + 800 * random() });
    const folded = fold(state, observation, undefined, random());
    state = folded.state;
    if (folded.change) changes.push({ call, to: standing(state), reason: folded.change.reason });
  }
  return { changes, state };
}
