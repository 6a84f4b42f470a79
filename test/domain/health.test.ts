import { describe, expect, test } from 'vitest';

import fc from '../helpers/property.ts';
import { fold, foldAll } from '../../src/domain/health.ts';
import {
  HEALTH_SETTINGS,
  INITIAL_HEALTH,
  readHealth,
  type HealthObservation,
  type HealthState,
} from '../../src/domain/health-state.ts';
import { mayPass, nextCheckAt, takeCheck, viewOf } from '../../src/domain/health-checks.ts';
import { after, calls, failed, HOUR, MINUTE, NOW, ok, OUT, SECOND, standing, WELL } from '../helpers/health.ts';

/** How many of these observations it takes until the circuit is open; Infinity where it never is. */
function neededToOpen(from: HealthState, observations: readonly HealthObservation[]): number {
  let state = from;
  for (const [index, observation] of observations.entries()) {
    state = fold(state, observation).state;
    if (state.circuit.state === 'OPEN') return index + 1;
  }
  return Infinity;
}

const failures = (count: number, gapMs: number, from = NOW) =>
  Array.from({ length: count }, (_, index) => failed(from + (index + 1) * gapMs));
/** One failure in twenty at most, in any order, so that a fifth in a row never comes about. */
const goodHistories = fc
  .array(fc.integer({ min: 25, max: 60 }), { maxLength: 6 })
  .map((stretches) => stretches.map((good) => `${'.'.repeat(good)}F`).join('') + '.');

describe('a provider that fails every call', () => {
  test('is out with the fifth, from the first call on, at ten calls an hour as at a hundred a second', () => {
    for (const gapMs of [10, SECOND, 6 * MINUTE, 14 * MINUTE]) {
      expect(neededToOpen(INITIAL_HEALTH, failures(5, gapMs))).toBe(5);
      expect(neededToOpen(WELL, failures(5, gapMs))).toBe(5);
    }
  });

  test('is out within five whatever was before, where failures were seldom', () => {
    fc.assert(
      fc.property(goodHistories, fc.integer({ min: 1, max: HOUR }), (history, gapMs) => {
        const state = after(calls(history, NOW, gapMs));
        expect(state.circuit.state).toBe('CLOSED');
        expect(neededToOpen(state, failures(5, gapMs))).toBeLessThanOrEqual(5);
      }),
    );
  });

  test('is out within ten whatever was before', () => {
    const histories = fc.string({ unit: fc.constantFrom('F', '.', '.'), maxLength: 300 });
    fc.assert(
      fc.property(histories, fc.integer({ min: 1, max: HOUR }), (history, gapMs) => {
        const state = after(calls(history, NOW, gapMs));
        if (state.circuit.state === 'CLOSED') expect(neededToOpen(state, failures(10, gapMs))).toBeLessThanOrEqual(10);
      }),
    );
  });

  test('is out within ten seconds of the first failure, though nobody calls it again: the checks it asks for tell', () => {
    for (const answerMs of [50, 900]) {
      const { state, at } = checkedWhileDead(fold(WELL, failed(NOW)).state, NOW, answerMs);
      expect(standing(state)).toBe('UNHEALTHY/OPEN');
      expect(at - NOW).toBeLessThanOrEqual(10 * SECOND);
    }
  });

  test('is out within ten seconds where it hangs: a call without an answer counts before its time is up', () => {
    // The one call began two seconds ago, and no check gets an answer, either.
    const hanging: HealthObservation = {
      at: NOW + 2 * SECOND,
      kind: 'call',
      outcome: 'waiting',
      latencyMs: 2 * SECOND,
    };
    const { state, at } = checkedWhileDead(fold(WELL, hanging).state, NOW + 2 * SECOND, null);
    expect(standing(state)).toBe('UNHEALTHY/OPEN');
    expect(state.evidence.lastError).toBe('waiting');
    expect(at - NOW).toBeLessThanOrEqual(10 * SECOND);
  });

  test('is out with five calls that hang at once', () => {
    const hanging = Array.from({ length: 5 }, () => failed(NOW, { outcome: 'waiting', latencyMs: 3 * SECOND }));
    expect(neededToOpen(WELL, hanging)).toBe(5);
  });
});

/** A job looks once every half second for checks that are due; null: they hang, and count after two seconds. */
function checkedWhileDead(
  from: HealthState,
  start: number,
  answerMs: number | null,
): { state: HealthState; at: number } {
  let state = from;
  const due: HealthObservation[] = [];
  for (let at = start; at < start + MINUTE; at += 500) {
    for (const observation of due.splice(0).toSorted((one, other) => one.at - other.at)) {
      if (observation.at <= at) state = fold(state, observation).state;
      else due.push(observation);
    }
    if (state.circuit.state === 'OPEN') return { state, at };
    const check = takeCheck(state, at);
    state = check.state;
    const outcome = answerMs === null ? 'waiting' : 'failed';
    const latencyMs = answerMs ?? 2 * SECOND;
    if (check.passes) due.push({ at: at + latencyMs, kind: 'probe', outcome, latencyMs });
  }
  return { state, at: Infinity };
}

describe('what is not enough', () => {
  test('one failure amid successes changes nothing, nor do four in a row', () => {
    for (const few of ['F', 'FF', 'FFFF']) {
      const { state, changes } = foldAll(WELL, calls(`${few}....................`, NOW + 10 * HOUR));
      expect(changes).toEqual([]);
      expect(standing(state)).toBe('HEALTHY/CLOSED');
    }
  });

  test('one success ends a row, however long it was', () => {
    expect(foldAll(WELL, calls('FFFF.FFFF.FFFF', NOW + 10 * HOUR)).changes.map(({ to }) => to)).not.toContain(
      'UNHEALTHY',
    );
    const state = after(calls('FFFF.', NOW, SECOND), WELL);
    expect(neededToOpen(state, failures(5, SECOND))).toBeGreaterThanOrEqual(5);
    expect(state.evidence.failuresInRow).toBe(0);
  });

  test('refusals of what was asked and rate limits say nothing, however many, and never end a row of failures', () => {
    const neutral = (index: number) => failed(NOW + index * SECOND, { outcome: 'neutral' });
    const { state, changes } = foldAll(
      WELL,
      Array.from({ length: 500 }, (_, index) => neutral(index)),
    );
    expect(changes).toEqual([]);
    expect(state.evidence).toEqual(WELL.evidence);
    expect(state.evidenceAt).toBe(WELL.evidenceAt);
    const mixed = failures(5, SECOND).flatMap((failure, index) => [failure, neutral(index)]);
    expect(neededToOpen(WELL, mixed)).toBe(9);
  });

  test('a call that hung and failed in the end counts once', () => {
    const hung = (index: number) => [
      failed(NOW + index * SECOND, { outcome: 'waiting' }),
      failed(NOW + index * SECOND + 500, { wasWaiting: true, errorKind: 'timeout' }),
    ];
    const state = after([1, 2, 3, 4].flatMap(hung), WELL);
    expect(standing(state)).toBe('HEALTHY/CLOSED');
    expect(state.evidence).toMatchObject({ failuresInRow: 4, lastError: 'timeout' });
    expect(standing(after(hung(5), state))).toBe('UNHEALTHY/OPEN');
  });

  test('a call that hung and succeeded in the end is no failure any more', () => {
    const state = after(
      [failed(NOW, { outcome: 'waiting' }), ok(NOW + 100, { wasWaiting: true, latencyMs: 2_100 })],
      WELL,
    );
    expect(state.evidence).toMatchObject({ failed: 0, failuresInRow: 0 });
  });
});

describe('a change', () => {
  test('carries the evidence it rests on', () => {
    const { changes } = foldAll(WELL, failures(5, SECOND), HEALTH_SETTINGS, 0.5);
    expect(changes).toEqual([
      {
        at: NOW + 5 * SECOND,
        from: 'HEALTHY',
        to: 'UNHEALTHY',
        circuitFrom: 'CLOSED',
        circuitTo: 'OPEN',
        reason: 'FAILS_EVERY_CALL',
        since: calls('.'.repeat(200))[0]!.at,
        ok: 78,
        failed: 5,
        failuresInRow: 5,
        goodTrials: 0,
        errorRate: expect.closeTo(5 / 83, 3),
        p95LatencyMs: 789.6,
        lastError: 'unavailable',
        retryAt: NOW + 5 * SECOND + 4_500,
      },
    ]);
  });

  test('by refused credentials is told as such, and they put a provider out as any failure does', () => {
    const refused = failures(5, SECOND).map((failure) => ({ ...failure, outcome: 'misconfigured' as const }));
    expect(foldAll(WELL, refused).changes).toMatchObject([
      { to: 'UNHEALTHY', reason: 'CREDENTIALS_REFUSED', lastError: 'misconfigured' },
    ]);
  });

  test('to DEGRADED is for errors or for slowness, whichever there is more of', () => {
    const errors = calls('F...'.repeat(30), NOW + 30 * HOUR);
    expect(foldAll(WELL, errors).changes[0]).toMatchObject({ to: 'DEGRADED', reason: 'ERRORS' });
    const slow = Array.from({ length: 6 }, (_, index) => ok(NOW + index * MINUTE, { latencyMs: 4_000 }));
    expect(foldAll(WELL, slow.slice(0, 5)).changes).toEqual([]);
    expect(foldAll(WELL, slow).changes).toMatchObject([{ to: 'DEGRADED', reason: 'SLOW' }]);
    const unbearable = Array.from({ length: 6 }, (_, index) => ok(NOW + index, { latencyMs: 25_000 }));
    expect(foldAll(INITIAL_HEALTH, unbearable).state.status).toBe('DEGRADED');
  });

  test('back from DEGRADED takes many good calls and five minutes, at whatever rate', () => {
    const degraded = after(calls('F...'.repeat(30), NOW, MINUTE), WELL);
    expect(degraded.status).toBe('DEGRADED');
    const good = (count: number, gapMs: number) =>
      after(
        Array.from({ length: count }, (_, index) => ok((degraded.since ?? 0) + HOUR + index * gapMs)),
        degraded,
      );
    expect(good(60, MINUTE).status).toBe('DEGRADED');
    expect(good(100, MINUTE).status).toBe('HEALTHY');
    const rushed = after(calls('F...'.repeat(30), NOW, 10), WELL);
    const quick = Array.from({ length: 5_000 }, (_, index) => ok(NOW + index * 100));
    const changes = foldAll(rushed, quick).changes;
    expect(changes).toMatchObject([{ to: 'HEALTHY', reason: 'RECOVERED' }]);
    expect(changes[0]!.at - rushed.since!).toBeGreaterThanOrEqual(5 * MINUTE);
  });

  test('a day of slowness is the usual way, and the provider is well again', () => {
    const slow = Array.from({ length: 2_000 }, (_, index) => ok(NOW + index * MINUTE, { latencyMs: 4_000 }));
    const { state, changes } = foldAll(WELL, slow);
    expect(changes.map(({ to }) => to)).toEqual(['DEGRADED', 'HEALTHY']);
    expect(changes[1]!.at - NOW).toBeGreaterThan(24 * HOUR);
    expect(state.status).toBe('HEALTHY');
  });
});

describe('a provider that is out', () => {
  test('is back with three good trials, and its figures begin anew', () => {
    const halfOpen = mayPass(OUT, NOW + 6 * SECOND);
    const { state, changes } = foldAll(
      halfOpen.state,
      [1, 2, 3].map((index) => ok(NOW + (6 + index) * SECOND)),
    );
    expect(standing(state)).toBe('HEALTHY/CLOSED');
    expect(changes).toMatchObject([
      { from: 'UNHEALTHY', to: 'HEALTHY', reason: 'TRIALS_PASSED', goodTrials: 3, retryAt: null },
    ]);
    expect(state.evidence).toMatchObject({ ok: 3, failed: 0, failuresInRow: 0 });
    expect(neededToOpen(state, failures(5, SECOND, NOW + MINUTE))).toBe(5);
  });

  test('what was under way when it went out, and comes back late, changes nothing', () => {
    const late = [ok(NOW + 7 * SECOND, { latencyMs: 8 * SECOND }), failed(NOW + 7 * SECOND, { latencyMs: 9 * SECOND })];
    const halfOpen = mayPass(OUT, NOW + 6 * SECOND).state;
    for (const state of [OUT, halfOpen])
      for (const one of late) {
        const { state: next, change } = fold(state, one);
        expect(change).toBeNull();
        expect(next.circuit).toEqual(state.circuit);
      }
  });

  test('comes back too where it is the only one there is, and is called without a permit', () => {
    const during = after([ok(NOW + SECOND), ok(NOW + 2 * SECOND), ok(NOW + 3 * SECOND)], OUT);
    expect(standing(during)).toBe('UNHEALTHY/OPEN');
    const { state } = foldAll(
      during,
      [6, 7, 8].map((second) => ok(NOW + second * SECOND)),
    );
    expect(standing(state)).toBe('HEALTHY/CLOSED');
  });
});

/** Two processes' sequences, folded into one row in any order that keeps each one's own. */
const interleavings = fc.record({
  gaps: fc.array(fc.integer({ min: 0, max: 900 }), { minLength: 5, maxLength: 12 }),
  skewMs: fc.integer({ min: -4_000, max: 4_000 }),
  picks: fc.array(fc.boolean(), { maxLength: 24 }),
});

function interleaved({ gaps, skewMs, picks }: { gaps: readonly number[]; skewMs: number; picks: readonly boolean[] }) {
  let at = NOW;
  const one = gaps.map((gap) => failed((at += gap)));
  const other = one.map((failure) => ({ ...failure, at: failure.at + skewMs }));
  const [left, right] = [[...one], [...other]];
  const all: HealthObservation[] = [];
  for (const pick of picks) all.push(...(pick ? left : right).splice(0, 1));
  return [...all, ...left, ...right];
}

describe('several processes fold into one row', () => {
  test('failures only open the circuit with the fifth, in whatever order they come', () => {
    fc.assert(
      fc.property(interleavings, (processes) => {
        const observations = interleaved(processes);
        expect(neededToOpen(WELL, observations)).toBe(5);
        expect(neededToOpen(INITIAL_HEALTH, observations)).toBe(5);
      }),
    );
  });

  test('an observation that comes some seconds late counts as one in time', () => {
    const late = [...failures(4, SECOND), failed(NOW - SECOND)];
    expect(neededToOpen(WELL, late)).toBe(5);
    // And the pause begins when it is found out, not when the late one happened.
    expect(after(late, WELL).circuit).toMatchObject({ openedAt: NOW + 4 * SECOND, openUntil: NOW + 9 * SECOND });
  });

  test('a batch folds as its observations one by one', () => {
    const all = interleaved({ gaps: [1, 2, 3, 4, 5], skewMs: 3, picks: [true, false, false] });
    let state = WELL;
    for (const observation of all) state = fold(state, observation).state;
    expect(foldAll(WELL, all).state).toEqual(state);
  });

  test('what a clock hours ahead wrote does not date what others see', () => {
    const ahead = after([ok(NOW + 5 * HOUR)], WELL);
    expect(after(failures(5, SECOND), ahead).circuit).toMatchObject({ openedAt: NOW + 5 * SECOND });
  });

  test('a process whose clock is hours ahead neither blinds the others nor keeps the provider out', () => {
    const ahead = failures(5, SECOND, NOW + 5 * HOUR);
    const wrong = after(ahead, WELL);
    expect(standing(wrong)).toBe('UNHEALTHY/OPEN');
    let state = wrong;
    for (const second of [1, 2, 3]) {
      const at = NOW + second * SECOND;
      expect(nextCheckAt(state, at)).toBeLessThanOrEqual(at);
      const check = takeCheck(state, at);
      expect(check.passes).toBe(true);
      state = fold(check.state, ok(at + 100, { kind: 'probe', latencyMs: 90, permit: check.permit })).state;
    }
    expect(standing(state)).toBe('HEALTHY/CLOSED');
  });
});

const odd = fc.oneof(fc.constantFrom(Number.NaN, Infinity, -Infinity, -1, 0, 1e18), fc.integer());
const anyObservation = fc.record({
  at: fc.oneof(fc.integer({ min: NOW, max: NOW + 2 * HOUR }), odd),
  kind: fc.constantFrom('call' as const, 'probe' as const),
  outcome: fc.constantFrom('ok', 'failed', 'waiting', 'misconfigured', 'neutral'),
  errorKind: fc.constantFrom(undefined, 'timeout' as const),
  latencyMs: fc.oneof(fc.constant(null), fc.integer({ min: 0, max: 120_000 }), odd),
  permit: fc.option(fc.integer({ min: 0, max: 20 })),
  wasWaiting: fc.boolean(),
}) as fc.Arbitrary<HealthObservation>;
const STATE_BYTES_MAX = 6_000;

describe('the state', () => {
  test('is plain JSON of bounded size, read back as it was written, whatever is observed; nothing is thrown', () => {
    fc.assert(
      fc.property(fc.array(anyObservation, { maxLength: 400 }), odd, (observations, jitter) => {
        let state = INITIAL_HEALTH;
        for (const observation of observations) {
          ({ state } = fold(state, observation, HEALTH_SETTINGS, jitter));
          if (observation.kind === 'probe') ({ state } = mayPass(state, observation.at));
        }
        const text = JSON.stringify(state);
        expect(text.length).toBeLessThan(STATE_BYTES_MAX);
        expect(readHealth(JSON.parse(text))).toEqual(state);
        expect(Number.isNaN(viewOf(state, NOW).errorRate)).toBe(false);
      }),
    );
  });

  test('stays small with latencies of every size for years', () => {
    let state = INITIAL_HEALTH;
    for (let index = 0; index < 5_000; index += 1)
      ({ state } = fold(state, ok(NOW + index * HOUR, { latencyMs: 1.7 ** (index % 24) })));
    expect(JSON.stringify(state).length).toBeLessThan(STATE_BYTES_MAX);
  });

  test('of another version, or that nobody can read, is one of which nothing is known', () => {
    expect(readHealth(WELL)).toBe(WELL);
    const broken = [
      null,
      undefined,
      'x',
      [],
      {},
      { ...WELL, v: 2 },
      { ...WELL, status: 'FINE' },
      { ...WELL, circuit: { ...WELL.circuit, state: 'AJAR' } },
      { ...WELL, circuit: { ...WELL.circuit, permits: [{ id: 1 }] } },
      { ...WELL, evidence: { ...WELL.evidence, ok: null } },
      { ...WELL, latency: { ...WELL.latency, recent: { unit: 1, weights: { 1: 'much' } } } },
      { ...WELL, since: {} },
    ];
    for (const value of broken) expect(readHealth(value)).toBe(INITIAL_HEALTH);
  });
});
