import { describe, expect, test } from 'vitest';

import fc from '../helpers/property.ts';
import {
  isSlow,
  NO_LATENCY,
  p95Of,
  usualP95Of,
  withLatency,
  type LatencyRecord,
} from '../../src/domain/health-latency.ts';
import { HOUR, NOW, SECOND } from '../helpers/health.ts';

const keep = () => 1;
const record = (latencies: readonly number[], facts: { learns?: boolean; from?: LatencyRecord; at?: number } = {}) =>
  latencies.reduce(
    (known, ms) => withLatency(known, ms, { at: facts.at ?? NOW, learns: facts.learns ?? true, windowFactor: keep }),
    facts.from ?? NO_LATENCY,
  );
const times = (count: number, ms: number) => Array.from({ length: count }, () => ms);

describe('the 95th percentile', () => {
  test('is within an eighth of a doubling of the exact one, by nearest rank', () => {
    const latencies = fc.array(fc.double({ min: 1, max: 130_000, noNaN: true }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(latencies, (all) => {
        const exact = all.toSorted((one, other) => one - other)[Math.ceil(0.95 * all.length) - 1]!;
        const ratio = p95Of(record(all).recent)! / exact;
        // One decimal is kept, which counts for something near 1 ms only.
        expect(Math.abs(Math.log2(ratio))).toBeLessThanOrEqual(1 / 8 + 0.05 / exact / Math.LN2);
      }),
    );
  });

  test('of twenty is the nineteenth, whatever the unit they are weighed in', () => {
    for (const unit of [1, 3.7, 1e5 / 3]) {
      const empty = { weights: {}, unit };
      const from: LatencyRecord = { recent: empty, usual: empty, fadedAt: NOW };
      expect(p95Of(record([...times(19, 5), 100_000], { from }).recent)).toBeLessThan(6);
      expect(p95Of(record([...times(18, 5), 100_000], { from }).recent)).toBeGreaterThan(90_000);
    }
  });

  test('is none where nothing was measured, and the only one where one was', () => {
    expect(p95Of(NO_LATENCY.recent)).toBeNull();
    expect(p95Of(record([0]).recent)).toBe(1);
  });

  test('what is beyond all bounds is in the last bucket, what is no time in the first', () => {
    expect(p95Of(record([1e12]).recent)).toBe(p95Of(record([131_072]).recent));
    for (const nonsense of [0, -5, Number.NaN]) expect(p95Of(record([nonsense]).recent)).toBe(1);
  });

  test('follows within the window, and what has faded away is dropped', () => {
    const later = withLatency(record(times(100, 9_000)), 100, {
      at: NOW + 10 * SECOND,
      learns: true,
      windowFactor: () => 1e-6,
    });
    expect(p95Of(later.recent)).toBeLessThan(110);
    expect(Object.keys(later.recent.weights)).toHaveLength(1);
    expect(Object.keys(later.usual.weights)).toHaveLength(2);
  });
});

describe('what is usual', () => {
  test('is not known before thirty calls', () => {
    expect(usualP95Of(record(times(29, 100)))).toBeNull();
    expect(usualP95Of(record(times(30, 100)))).toBeGreaterThan(90);
  });

  test('is not learned from while the provider is unwell', () => {
    const usual = record(times(50, 1_000));
    expect(usualP95Of(record(times(500, 9_000), { from: usual, learns: false }))).toBe(usualP95Of(usual));
    expect(usualP95Of(record(times(500, 9_000), { from: usual }))).toBeGreaterThan(8_000);
  });

  test('is that of about a day: half of it is gone after one', () => {
    const old = record(times(100, 1_000));
    const { usual } = record([100], { from: old, at: NOW + 24 * HOUR });
    const weights = Object.values(usual.weights).map((weight) => weight / usual.unit);
    expect(weights.toSorted((one, other) => one - other)).toEqual([1, 50]);
  });
});

describe('a slow call', () => {
  const usual = record(times(100, 1_000));

  test('took three times what is usual, and long enough to be noticed', () => {
    expect(isSlow(usual, 2_500, 20_000)).toBe(false);
    expect(isSlow(usual, 3_500, 20_000)).toBe(true);
    const quick = record(times(100, 10));
    expect(isSlow(quick, 500, 20_000)).toBe(false);
    expect(isSlow(quick, 501, 20_000)).toBe(true);
  });

  test('is one beyond the limit, whatever is usual, and no other where nothing is known', () => {
    expect(isSlow(record(times(100, 60_000)), 20_001, 20_000)).toBe(true);
    expect(isSlow(NO_LATENCY, 20_000, 20_000)).toBe(false);
    expect(isSlow(NO_LATENCY, 20_001, 20_000)).toBe(true);
  });
});
