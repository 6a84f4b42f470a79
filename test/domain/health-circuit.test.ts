import { describe, expect, test } from 'vitest';

import fc from '../helpers/property.ts';
import { age, mayPass } from '../../src/domain/health-checks.ts';
import { fold } from '../../src/domain/health.ts';
import {
  HEALTH_SETTINGS,
  INITIAL_HEALTH,
  type HealthChange,
  type HealthObservation,
  type HealthState,
} from '../../src/domain/health-state.ts';
import { after, calls, failed, MINUTE, NOW, ok, OUT, SECOND, standing, WELL } from '../helpers/health.ts';

/** What can happen to a state, at an instant after NOW. */
type Happening =
  | { readonly kind: 'SEEN'; readonly ms: number; readonly observation: Partial<HealthObservation> }
  | { readonly kind: 'ASKED'; readonly ms: number }
  | { readonly kind: 'AGED'; readonly ms: number };

function happen(state: HealthState, happening: Happening): { state: HealthState; change: HealthChange | null } {
  const at = NOW + happening.ms;
  if (happening.kind === 'ASKED') return mayPass(state, at);
  if (happening.kind === 'AGED') return age(state, at);
  return fold(state, { ...ok(at), ...happening.observation });
}

const seen = (ms: number, observation: Partial<HealthObservation> = {}): Happening => ({
  kind: 'SEEN',
  ms,
  observation,
});
const FAILED: Partial<HealthObservation> = { outcome: 'failed', errorKind: 'timeout', latencyMs: 100 };
const NEW: Partial<HealthObservation> = { latencyMs: 100 };
const SLOW: Partial<HealthObservation> = { latencyMs: 30_000 };

const DEGRADED = after(calls('F...'.repeat(30)), WELL);
// Good for long enough by calls, and not yet by time.
const RECOVERING = after(calls('.'.repeat(150), NOW, 1), after(calls('F...'.repeat(30), NOW - SECOND, 10), WELL));
const HALF_OPEN = mayPass(OUT, NOW + 5 * SECOND).state;
const NEARLY_BACK = after([ok(NOW + 6 * SECOND, NEW), ok(NOW + 7 * SECOND, NEW)], HALF_OPEN);
const FOUR = (state: HealthState) => after(calls('FFFF', NOW, 1), state);
const SILENT_MS = 16 * MINUTE;
const agedOf = (state: HealthState) => age(state, NOW + SILENT_MS).state;

/** Every way there is from one standing to another. Whatever is not in this list does not happen. */
const MOVES: readonly {
  readonly from: HealthState;
  readonly by: Happening;
  readonly move: string;
  readonly reason: HealthChange['reason'];
}[] = [
  { from: INITIAL_HEALTH, by: seen(0), move: 'UNKNOWN/CLOSED HEALTHY/CLOSED', reason: 'ANSWERS' },
  {
    from: agedOf(
      after(
        Array.from({ length: 6 }, () => ok(NOW, SLOW)),
        WELL,
      ),
    ),
    by: seen(SILENT_MS, SLOW),
    move: 'UNKNOWN/CLOSED DEGRADED/CLOSED',
    reason: 'SLOW',
  },
  {
    from: FOUR(INITIAL_HEALTH),
    by: seen(1, FAILED),
    move: 'UNKNOWN/CLOSED UNHEALTHY/OPEN',
    reason: 'FAILS_EVERY_CALL',
  },
  {
    from: after(
      Array.from({ length: 5 }, () => ok(NOW, SLOW)),
      WELL,
    ),
    by: seen(1, SLOW),
    move: 'HEALTHY/CLOSED DEGRADED/CLOSED',
    reason: 'SLOW',
  },
  { from: FOUR(WELL), by: seen(1, FAILED), move: 'HEALTHY/CLOSED UNHEALTHY/OPEN', reason: 'FAILS_EVERY_CALL' },
  { from: WELL, by: { kind: 'AGED', ms: SILENT_MS }, move: 'HEALTHY/CLOSED UNKNOWN/CLOSED', reason: 'NO_EVIDENCE' },
  { from: RECOVERING, by: seen(5 * MINUTE), move: 'DEGRADED/CLOSED HEALTHY/CLOSED', reason: 'RECOVERED' },
  {
    from: after(calls('FFFFFFFFF', NOW, 1), DEGRADED),
    by: seen(1, FAILED),
    move: 'DEGRADED/CLOSED UNHEALTHY/OPEN',
    reason: 'FAILS_EVERY_CALL',
  },
  {
    from: DEGRADED,
    by: { kind: 'AGED', ms: SILENT_MS },
    move: 'DEGRADED/CLOSED UNKNOWN/CLOSED',
    reason: 'NO_EVIDENCE',
  },
  {
    from: OUT,
    by: { kind: 'ASKED', ms: 5 * SECOND },
    move: 'UNHEALTHY/OPEN UNHEALTHY/HALF_OPEN',
    reason: 'TRIALS_BEGIN',
  },
  { from: OUT, by: seen(6 * SECOND, NEW), move: 'UNHEALTHY/OPEN UNHEALTHY/HALF_OPEN', reason: 'TRIALS_BEGIN' },
  { from: OUT, by: { kind: 'AGED', ms: SILENT_MS }, move: 'UNHEALTHY/OPEN UNKNOWN/OPEN', reason: 'NO_EVIDENCE' },
  { from: NEARLY_BACK, by: seen(8 * SECOND, NEW), move: 'UNHEALTHY/HALF_OPEN HEALTHY/CLOSED', reason: 'TRIALS_PASSED' },
  {
    from: NEARLY_BACK,
    by: seen(8 * SECOND, FAILED),
    move: 'UNHEALTHY/HALF_OPEN UNHEALTHY/OPEN',
    reason: 'TRIAL_FAILED',
  },
  {
    from: HALF_OPEN,
    by: { kind: 'AGED', ms: SILENT_MS },
    move: 'UNHEALTHY/HALF_OPEN UNKNOWN/HALF_OPEN',
    reason: 'NO_EVIDENCE',
  },
  {
    from: agedOf(OUT),
    by: { kind: 'ASKED', ms: SILENT_MS },
    move: 'UNKNOWN/OPEN UNKNOWN/HALF_OPEN',
    reason: 'TRIALS_BEGIN',
  },
  { from: agedOf(OUT), by: seen(SILENT_MS, FAILED), move: 'UNKNOWN/OPEN UNHEALTHY/OPEN', reason: 'TRIAL_FAILED' },
  {
    from: agedOf(OUT),
    by: seen(SILENT_MS, { ...FAILED, latencyMs: SILENT_MS + MINUTE }),
    move: 'UNKNOWN/OPEN UNHEALTHY/OPEN',
    reason: 'FAILS_EVERY_CALL',
  },
  {
    from: agedOf(HALF_OPEN),
    by: seen(SILENT_MS, FAILED),
    move: 'UNKNOWN/HALF_OPEN UNHEALTHY/OPEN',
    reason: 'TRIAL_FAILED',
  },
  {
    from: agedOf(NEARLY_BACK),
    by: seen(SILENT_MS, NEW),
    move: 'UNKNOWN/HALF_OPEN HEALTHY/CLOSED',
    reason: 'TRIALS_PASSED',
  },
];

const ALLOWED = new Set(MOVES.map(({ move }) => move));

describe('the states', () => {
  test.each(MOVES.map((move) => [move.move, move.reason, move] as const))('%s: %s', (move, reason, { from, by }) => {
    const { state, change } = happen(from, by);
    expect(`${standing(from)} ${standing(state)}`).toBe(move);
    expect(change).toMatchObject({ reason, from: from.status, to: state.status });
    expect(change).toMatchObject({ circuitFrom: from.circuit.state, circuitTo: state.circuit.state });
    expect(state.reason).toBe(reason);
  });

  test('no other way is ever taken, each is told by a change, and nothing else is', () => {
    const outcomes = fc.constantFrom(
      'ok' as const,
      'failed' as const,
      'waiting' as const,
      'misconfigured' as const,
      'neutral' as const,
    );
    const happenings = fc.array(
      fc.oneof(
        {
          weight: 8,
          arbitrary: fc.record({
            kind: fc.constant('SEEN' as const),
            ms: gapsMs(),
            observation: fc.record({ outcome: outcomes, latencyMs: fc.constantFrom(100, 30_000) }),
          }),
        },
        { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('ASKED' as const, 'AGED' as const), ms: gapsMs() }) },
      ),
      { maxLength: 200 },
    );
    const starts = fc.constantFrom(
      INITIAL_HEALTH,
      WELL,
      DEGRADED,
      OUT,
      HALF_OPEN,
      ...[WELL, OUT, HALF_OPEN].map(agedOf),
    );
    const taken = new Set<string>();
    fc.assert(
      fc.property(starts, happenings, (start, all) => {
        let state = start;
        let ms = SILENT_MS;
        for (const happening of all) {
          ms += happening.ms;
          const { state: next, change } = happen(state, { ...happening, ms } as Happening);
          const move = `${standing(state)} ${standing(next)}`;
          expect(change !== null).toBe(standing(state) !== standing(next));
          if (change) {
            expect(ALLOWED).toContain(move);
            taken.add(move);
          }
          state = next;
        }
      }),
      { numRuns: 300 },
    );
    // The walk is worth something only where it gets about.
    expect(taken.size).toBeGreaterThan(10);
  });

  test('UNHEALTHY and a circuit that is not closed are the same, silence apart', () => {
    for (const { from, by } of MOVES)
      for (const { status, circuit } of [from, happen(from, by).state])
        if (status !== 'UNKNOWN') expect(status === 'UNHEALTHY').toBe(circuit.state !== 'CLOSED');
  });
});

function gapsMs(): fc.Arbitrary<number> {
  return fc.constantFrom(0, 10, SECOND, 6 * SECOND, MINUTE, 4 * MINUTE, SILENT_MS);
}

describe('the pause', () => {
  const { pauseMs, pauseMsMax } = HEALTH_SETTINGS;

  /** Fails each first trial as soon as there is one. */
  function pauses(times: number, jitter = 0): number[] {
    let state = OUT;
    const found: number[] = [];
    for (let turn = 0; turn < times; turn += 1) {
      const at = state.circuit.openUntil!;
      ({ state } = fold(mayPass(state, at).state, failed(at + 100, { latencyMs: 50 }), HEALTH_SETTINGS, jitter));
      found.push(state.circuit.openUntil! - (at + 100));
    }
    return found;
  }

  test('doubles with each failed trial, up to five minutes', () => {
    expect(OUT.circuit.openUntil! - NOW).toBe(pauseMs);
    expect(pauses(8).map((ms) => ms / SECOND)).toEqual([10, 20, 40, 80, 160, 300, 300, 300]);
  });

  test('is shortened by chance, by a fifth at most, and never longer than the longest', () => {
    fc.assert(
      fc.property(fc.oneof(fc.double(), fc.double({ min: 0, max: 1, maxExcluded: true })), (jitter) => {
        for (const [index, ms] of pauses(8, jitter).entries()) {
          const full = Math.min(pauseMsMax, pauseMs * 2 ** (index + 1));
          expect(ms).toBeLessThanOrEqual(full);
          expect(ms).toBeGreaterThanOrEqual(full * 0.8);
        }
      }),
    );
    expect(pauses(2, 0.5)).toEqual([9_000, 18_000]);
  });

  test('goes on doubling where the provider falls again soon, and begins anew after ten calm minutes', () => {
    const back = after(
      [6, 7, 8].map((second) => ok(NOW + second * SECOND, NEW)),
      OUT,
    );
    const again = (afterMs: number) => {
      const { openedAt, openUntil } = after(calls('FFFFF', NOW + afterMs, 10), back).circuit;
      return openUntil! - openedAt!;
    };
    expect(again(MINUTE)).toBe(10 * SECOND);
    expect(again(11 * MINUTE)).toBe(5 * SECOND);
  });

  test('lets nobody through before it is over', () => {
    const until = OUT.circuit.openUntil!;
    expect(mayPass(OUT, until - 1)).toMatchObject({ passes: false, permit: null, state: OUT, change: null });
    expect(mayPass(OUT, until)).toMatchObject({ passes: true });
  });
});

describe('a half-open circuit', () => {
  const { permitsMax, permitMs } = HEALTH_SETTINGS;
  const START = NOW + 5 * SECOND;

  /** Asks a number of times at an instant. */
  function asked(state: HealthState, times: number, at: number): { state: HealthState; permits: number[] } {
    const permits: number[] = [];
    let known = state;
    for (let turn = 0; turn < times; turn += 1) {
      const passage = mayPass(known, at);
      known = passage.state;
      expect(passage.passes).toBe(passage.permit !== null);
      if (passage.permit !== null) permits.push(passage.permit);
    }
    return { state: known, permits };
  }

  test('lets through three at once and no more, each with a permit of its own', () => {
    const { permits } = asked(OUT, 10, START);
    expect(permits).toHaveLength(permitsMax);
    expect(new Set(permits).size).toBe(permitsMax);
  });

  test('has the place again of whoever answered, be it nothing', () => {
    const { state, permits } = asked(OUT, 3, START);
    for (const outcome of ['ok', 'neutral'] as const) {
      const answered = fold(state, ok(START + SECOND, { ...NEW, outcome, permit: permits[1]! })).state;
      expect(asked(answered, 5, START + SECOND).permits).toHaveLength(1);
      expect(answered.circuit.goodTrials).toBe(outcome === 'ok' ? 1 : 0);
    }
  });

  test('takes back by itself what nobody gives back: a process that died holds nobody up', () => {
    const { state } = asked(OUT, 3, START);
    expect(asked(state, 1, START + permitMs - 1).permits).toHaveLength(0);
    expect(asked(state, 9, START + permitMs).permits).toHaveLength(permitsMax);
  });

  test('never holds more permits than it may, whoever asks and answers when', () => {
    const steps = fc.array(fc.record({ ms: fc.integer({ min: 0, max: 40 * SECOND }), answers: fc.boolean() }), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(steps, (all) => {
        let state = HALF_OPEN;
        let at = START;
        const open = new Map<number, number>();
        for (const { ms, answers } of all) {
          at += ms;
          for (const [id, until] of open) if (until <= at) open.delete(id);
          const [held] = open.keys();
          if (answers && held !== undefined) {
            ({ state } = fold(state, ok(at, { ...NEW, outcome: 'neutral', permit: held })));
            open.delete(held);
          } else {
            const passage = mayPass(state, at);
            state = passage.state;
            if (passage.permit !== null) open.set(passage.permit, at + permitMs);
          }
          expect(open.size).toBeLessThanOrEqual(permitsMax);
          expect(state.circuit.permits.length).toBeLessThanOrEqual(permitsMax);
        }
      }),
    );
  });

  test('closes with three good trials in a row, and one that fails costs all of them', () => {
    const two = after([ok(START + SECOND, NEW), ok(START + 2 * SECOND, NEW)], HALF_OPEN);
    expect(two.circuit.goodTrials).toBe(2);
    const reopened = fold(two, failed(START + 3 * SECOND)).state;
    expect(reopened.circuit).toMatchObject({ state: 'OPEN', goodTrials: 0, permits: [] });
  });

  test('a trial that hangs fails', () => {
    const { state, permits } = asked(OUT, 1, START);
    const hung = fold(
      state,
      failed(START + 2 * SECOND, { outcome: 'waiting', latencyMs: 2 * SECOND, permit: permits[0]! }),
    );
    expect(standing(hung.state)).toBe('UNHEALTHY/OPEN');
  });

  test('an answer with a permit is a trial whatever its clock says', () => {
    const { state, permits } = asked(OUT, 1, START);
    const early = ok(NOW - MINUTE, { permit: permits[0]! });
    expect(fold(state, early).state.circuit.goodTrials).toBe(1);
    expect(fold(state, { ...early, permit: 99 }).state.circuit.goodTrials).toBe(0);
  });
});
