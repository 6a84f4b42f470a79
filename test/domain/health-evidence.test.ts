import { describe, expect, test } from 'vitest';

import fc from '../helpers/property.ts';
import {
  errorRateOf,
  IN_ROW_MAX,
  IN_ROW_MIN,
  inRowLimit,
  NO_EVIDENCE,
  withHappening,
  type Evidence,
} from '../../src/domain/health-evidence.ts';
import { HOUR, MINUTE, NOW, run, SECOND } from '../helpers/health.ts';
import { Random } from '../live/storm/random.ts';

/** The seeds stand in the tests' names, so a run that fails can be repeated. */
/** Four seeds of it are a million calls. */
const QUARTER = 250_000;
const TEN_AN_HOUR_MS = 6 * MINUTE;

const seeded = (seed: number) => {
  const random = new Random(seed);
  return () => random.next();
};

describe('failures by chance', () => {
  test.each([
    [1, 0.02, QUARTER, TEN_AN_HOUR_MS],
    [2, 0.02, QUARTER, SECOND],
    [3, 0.02, QUARTER, TEN_AN_HOUR_MS],
    [4, 0.02, QUARTER, 10],
    [5, 0.01, QUARTER, TEN_AN_HOUR_MS],
    [6, 0.01, QUARTER, 100],
  ])('seed %i: a provider that fails %d of %i calls, one each %i ms, never changes', (seed, failing, calls, gapMs) => {
    const { changes } = run(seeded(seed), { failing, calls, gapMs });
    expect(changes.map(({ to, reason }) => `${to} ${reason}`)).toEqual(['HEALTHY/CLOSED ANSWERS']);
  });
});

describe('a provider that fails a fifth of its calls', () => {
  const SEEDS = [5, 6, 7, 8, 9, 10] as const;

  test(`seeds ${SEEDS.join(', ')}: is DEGRADED within 250 calls, and out at most once in 600,000`, () => {
    let outs = 0;
    for (const seed of SEEDS) {
      const gapMs = seed % 2 === 0 ? 100 : TEN_AN_HOUR_MS;
      const { changes } = run(seeded(seed), { failing: 0.2, calls: 100_000, gapMs });
      expect(changes.find(({ to }) => to === 'DEGRADED/CLOSED')?.call).toBeLessThan(250);
      outs += changes.filter(({ to }) => to === 'UNHEALTHY/OPEN').length;
      // A status that flaps is no status: a handful of changes at most, in all these calls.
      expect(changes.length).toBeLessThan(8);
    }
    expect(outs).toBeLessThanOrEqual(1);
  });

  test('is out before it is known to be DEGRADED in less than one of a hundred beginnings', () => {
    const outs = Array.from({ length: 1_000 }, (_, seed) =>
      run(seeded(9_000 + seed), { failing: 0.2, calls: 250, gapMs: MINUTE }),
    ).filter(({ changes }) => changes.some(({ to }) => to === 'UNHEALTHY/OPEN'));
    expect(outs.length).toBeLessThan(10);
  });
});

describe('a provider that mostly fails', () => {
  test.each([
    [11, 0.5, 600],
    [12, 0.6, 300],
    [13, 0.8, 60],
    [14, 0.95, 20],
  ])(
    'seed %i: failing %d of its calls it is out within %i, at ten calls an hour as at a hundred a second',
    (seed, failing, most) => {
      for (const gapMs of [10, TEN_AN_HOUR_MS]) {
        for (let turn = 0; turn < 20; turn += 1) {
          const { changes } = run(seeded(seed * 1_000 + turn), { failing, calls: most, gapMs });
          expect(
            changes.some(({ to }) => to === 'UNHEALTHY/OPEN'),
            `turn ${turn}`,
          ).toBe(true);
        }
      }
    },
  );
});

const evidence = (facts: Partial<Evidence>): Evidence => ({ ...NO_EVIDENCE, fadedAt: NOW, ...facts });

describe('how many failures in a row are no chance', () => {
  test('five, where a provider fails at most every twentieth call, up to ten where it often does', () => {
    const limit = (failed: number, ok: number) => inRowLimit(evidence({ failed, ok }));
    expect(limit(0, 0)).toBe(5);
    expect(limit(50, 950)).toBe(5);
    expect(limit(80, 920)).toBe(6);
    expect(limit(110, 890)).toBe(7);
    expect(limit(150, 850)).toBe(8);
    expect(limit(180, 820)).toBe(9);
    expect(limit(200, 800)).toBe(10);
    expect(limit(900, 100)).toBe(10);
  });

  test('the row itself does not count as usual: however long it is, it does not excuse itself', () => {
    for (const failuresInRow of [1, 4, 5, 9])
      expect(inRowLimit(evidence({ ok: 100, failed: failuresInRow, failuresInRow }))).toBe(5);
  });

  test('ten, of one that is known to fail often', () => {
    expect(inRowLimit(evidence({ ok: 100 }), true)).toBe(10);
  });

  test('is between five and ten, and grows with what is usual, whatever the counts', () => {
    const counts = fc.double({ min: 0, max: 1e9, noNaN: true });
    fc.assert(
      fc.property(counts, counts, counts, (ok, failed, more) => {
        const limit = inRowLimit(evidence({ ok, failed }));
        expect(limit).toBeGreaterThanOrEqual(IN_ROW_MIN);
        expect(limit).toBeLessThanOrEqual(IN_ROW_MAX);
        expect(inRowLimit(evidence({ ok, failed: failed + more }))).toBeGreaterThanOrEqual(limit);
      }),
    );
  });
});

describe('the window', () => {
  const seen = (outcomes: readonly ('ok' | 'timeout')[], gapMs: number, start = NOW) =>
    outcomes.reduce(
      (known, outcome, index) => withHappening(known, { outcome, wasWaiting: false }, start + index * gapMs),
      NO_EVIDENCE,
    );
  const many = (outcome: 'ok' | 'timeout', count: number) => Array.from({ length: count }, () => outcome);

  test('forgets within minutes where there are many calls', () => {
    const before = seen(many('timeout', 1_000), 10);
    const later = many('ok', 4_000).reduce(
      (known, outcome, index) => withHappening(known, { outcome, wasWaiting: false }, NOW + 10 * SECOND + index * 300),
      before,
    );
    expect(errorRateOf(before)).toBe(1);
    // Twenty minutes are four halvings of a thousand failures, beside four thousand successes, fading too.
    expect(errorRateOf(later)).toBeGreaterThan(0.02);
    expect(errorRateOf(later)).toBeLessThan(0.06);
  });

  test('holds the last hundred or so where there are ten an hour, so that a rate is one of more than a call or two', () => {
    const { ok } = seen(many('ok', 500), TEN_AN_HOUR_MS);
    expect(ok).toBeGreaterThan(60);
    expect(ok).toBeLessThan(120);
  });

  test('fades with silence: half of it is gone in six hours', () => {
    const before = seen(many('ok', 100), 1);
    const { ok } = withHappening(before, { outcome: 'timeout', wasWaiting: false }, NOW + 99 + 6 * HOUR);
    expect(ok).toBeCloseTo(50, 1);
  });

  test('never holds less than nothing, nor a rate beyond 0 and 1, whatever happens in whatever order', () => {
    const happenings = fc.array(
      fc.record({
        outcome: fc.constantFrom('ok', 'slow', 'timeout', 'waiting', 'misconfigured'),
        wasWaiting: fc.boolean(),
        at: fc.integer({ min: NOW - 10 * MINUTE, max: NOW + 10 * HOUR }),
      }),
    );
    fc.assert(
      fc.property(happenings, (all) => {
        let known = NO_EVIDENCE;
        for (const { at, ...happening } of all) {
          known = withHappening(known, happening, at);
          for (const value of [known.ok, known.failed, known.slow, known.failing, known.poor, known.good])
            expect(value).toBeGreaterThanOrEqual(0);
          expect(errorRateOf(known)).toBeLessThanOrEqual(1);
        }
      }),
    );
  });
});
