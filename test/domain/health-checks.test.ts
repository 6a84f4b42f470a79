import { describe, expect, test } from 'vitest';

import {
  age,
  CHECK_WAITING_MS,
  mayPass,
  nextCheckAt,
  observedAs,
  takeCheck,
  viewOf,
  waitingAfterMs,
} from '../../src/domain/health-checks.ts';
import { fold } from '../../src/domain/health.ts';
import { INITIAL_HEALTH, type HealthState } from '../../src/domain/health-state.ts';
import { after, failed, MINUTE, NOW, ok, OUT, SECOND, WELL } from '../helpers/health.ts';

/** How often checks are made in a time, where a job looks every second and each check ends as told. */
function checksWithin(from: HealthState, ms: number, ends: Parameters<typeof failed>[1]): number {
  let [state, count] = [from, 0];
  for (let at = NOW; at < NOW + ms; at += SECOND) {
    const check = takeCheck(state, at);
    if (!check.passes) continue;
    count += 1;
    state = fold(check.state, failed(at + 100, { kind: 'probe', latencyMs: 50, permit: check.permit, ...ends })).state;
  }
  return count;
}

describe('an active check', () => {
  test('is due at once where there was none, and every five minutes where nothing is wrong', () => {
    expect(nextCheckAt(INITIAL_HEALTH, NOW)).toBe(NOW);
    expect(checksWithin(WELL, 60 * MINUTE, { outcome: 'ok' })).toBe(12);
  });

  test('is one for all processes that ask at the same time', () => {
    const first = takeCheck(WELL, NOW);
    expect(first).toMatchObject({ passes: true, permit: null });
    expect(takeCheck(first.state, NOW)).toMatchObject({ passes: false, state: first.state });
    expect(takeCheck(first.state, NOW + 5 * MINUTE - 1).passes).toBe(false);
    expect(takeCheck(first.state, NOW + 5 * MINUTE).passes).toBe(true);
  });

  test('follows a failure within a second, and after a success there is no hurry', () => {
    const checked = takeCheck(WELL, NOW - MINUTE).state;
    const suspected = fold(checked, failed(NOW)).state;
    expect(nextCheckAt(suspected, NOW)).toBeLessThanOrEqual(NOW);
    expect(nextCheckAt(takeCheck(suspected, NOW).state, NOW)).toBe(NOW + SECOND);
    expect(nextCheckAt(fold(suspected, ok(NOW + 1)).state, NOW + 1)).toBe(NOW + 4 * MINUTE);
  });

  test('that says nothing makes the next wait twice as long: a rate limit is not hammered', () => {
    const suspected = after([failed(NOW)], WELL);
    expect(checksWithin(suspected, 60 * MINUTE, { outcome: 'neutral' })).toBeLessThan(25);
    const halfOpen = mayPass(OUT, NOW + 5 * SECOND).state;
    expect(checksWithin(halfOpen, 60 * MINUTE, { outcome: 'neutral' })).toBeLessThan(25);
  });

  test('of a provider that is out waits for its pause, takes a permit, and keeps to the pauses while it stays so', () => {
    expect(nextCheckAt(OUT, NOW)).toBe(OUT.circuit.openUntil);
    expect(takeCheck(OUT, NOW + SECOND).passes).toBe(false);
    expect(takeCheck(OUT, NOW + 5 * SECOND)).toMatchObject({
      passes: true,
      permit: 1,
      change: { reason: 'TRIALS_BEGIN' },
    });
    expect(checksWithin(OUT, 60 * MINUTE, {})).toBeLessThan(20);
  });

  test('does not wait for what a wrong clock wrote', () => {
    const ahead = { ...WELL, checkBeganAt: NOW + 60 * MINUTE };
    expect(nextCheckAt(ahead, NOW)).toBe(NOW);
    const outAhead = { ...OUT, circuit: { ...OUT.circuit, openUntil: NOW + 60 * MINUTE } };
    expect(nextCheckAt(outAhead, NOW)).toBe(NOW);
  });
});

describe('silence', () => {
  test('of more than fifteen minutes makes UNKNOWN what was known, and one answer makes it known again', () => {
    expect(age(WELL, NOW + 15 * MINUTE)).toEqual({ state: WELL, change: null });
    const { state, change } = age(WELL, NOW + 15 * MINUTE + 1);
    expect(change).toMatchObject({ from: 'HEALTHY', to: 'UNKNOWN', reason: 'NO_EVIDENCE' });
    expect(age(state, NOW + 60 * MINUTE)).toEqual({ state, change: null });
    expect(fold(state, ok(NOW + 61 * MINUTE)).change).toMatchObject({ to: 'HEALTHY', reason: 'ANSWERS' });
  });

  test('is no change where nothing was known, and what says nothing does not end it', () => {
    expect(age(INITIAL_HEALTH, NOW)).toEqual({ state: INITIAL_HEALTH, change: null });
    const limited = fold(WELL, failed(NOW + 14 * MINUTE, { outcome: 'neutral' })).state;
    expect(age(limited, NOW + 16 * MINUTE).change).toMatchObject({ to: 'UNKNOWN' });
  });
});

describe('what is shown', () => {
  test('is as of the instant asked for, whether or not the silence was written down', () => {
    expect(viewOf(INITIAL_HEALTH, NOW)).toEqual({
      status: 'UNKNOWN',
      circuit: 'CLOSED',
      permitAvailable: true,
      errorRate: 0,
      p95LatencyMs: null,
      checkedAt: null,
      reason: null,
    });
    expect(viewOf(WELL, NOW)).toMatchObject({
      status: 'HEALTHY',
      checkedAt: NOW,
      p95LatencyMs: 789.6,
      reason: 'ANSWERS',
    });
    expect(viewOf(WELL, NOW + 16 * MINUTE)).toMatchObject({ status: 'UNKNOWN', reason: 'NO_EVIDENCE' });
  });

  test('has a permit exactly where a call would pass', () => {
    const taken = [1, 2, 3].reduce((state) => mayPass(state, NOW + 5 * SECOND).state, OUT);
    for (const state of [INITIAL_HEALTH, WELL, OUT, taken])
      for (const at of [NOW, NOW + 5 * SECOND, NOW + 2 * MINUTE])
        expect(viewOf(state, at).permitAvailable).toBe(mayPass(state, at).passes);
  });
});

describe('a call without an answer', () => {
  const usual = (latencyMs: number) => after(Array.from({ length: 50 }, (_, index) => ok(NOW + index, { latencyMs })));

  test('is waiting after twice what is usual, five seconds where that is not known, and thirty at most', () => {
    expect(waitingAfterMs(INITIAL_HEALTH)).toBe(5_000);
    expect(waitingAfterMs(usual(100))).toBe(CHECK_WAITING_MS);
    expect(waitingAfterMs(usual(3_000))).toBeGreaterThan(5_400);
    expect(waitingAfterMs(usual(3_000))).toBeLessThan(6_600);
    expect(waitingAfterMs(usual(18_000))).toBe(30_000);
  });
});

test('the ends of calls are observed as what they say of the provider', () => {
  expect(observedAs('done')).toEqual({ outcome: 'ok' });
  expect(observedAs('unavailable')).toEqual({ outcome: 'failed', errorKind: 'unavailable' });
  expect(observedAs('unknown')).toEqual({ outcome: 'failed', errorKind: 'unknown' });
  expect(observedAs('misconfigured').outcome).toBe('misconfigured');
  for (const end of ['rejected', 'rateLimited'] as const) expect(observedAs(end)).toEqual({ outcome: 'neutral' });
});
