import { describe, expect, test } from 'vitest';

import fc from '../helpers/property.ts';
import type { RoutingLife, RoutingSlot } from '../../src/domain/routing-decision.ts';
import { hashText } from '../../src/domain/routing-share.ts';
import { compileSnapshot } from '../../src/domain/routing-snapshot.ts';
import { decide } from '../../src/domain/routing.ts';
import { CONTEXT, decided, slot, snapshot, told } from '../helpers/routing.ts';

const KEYS = 100_000;
const TOLERANCE_POINTS = 1;

/** Three ways in which keys are made; a hash that knows only one of them is none. */
const KINDS: Readonly<Record<string, (index: number) => string>> = {
  'a counter': (index) => String(index),
  'a prefix and a counter': (index) => `search:2026-08-01:${index}`,
  'a time-ordered id': (index) => `0199d1f2-7a3b-7c4d-8e5f-${index.toString(16).padStart(12, '0')}`,
};

const sharing = (shares: Readonly<Record<string, number | null>>, priority = 10): RoutingSlot[] =>
  Object.entries(shares).map(([id, trafficShare]) => slot(id, { priority, rules: { trafficShare } }));

/** Who is first for each key, `nobody` where no slot is. */
function homes(
  slots: readonly RoutingSlot[],
  {
    keys = KEYS,
    keyOf = KINDS['a counter']!,
    health = {},
  }: { keys?: number; keyOf?: (index: number) => string; health?: RoutingLife['health'] } = {},
): string[] {
  const compiled = compileSnapshot(snapshot(slots, { health }));
  return Array.from(
    { length: keys },
    (_, index) => decide(compiled, { ...CONTEXT, requestKey: keyOf(index) }).selected?.slotId ?? 'nobody',
  );
}

function percentages(found: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const id of found) counts[id] = (counts[id] ?? 0) + 1;
  return Object.fromEntries(Object.entries(counts).map(([id, count]) => [id, (100 * count) / found.length]));
}

function expectShares(found: readonly string[], wanted: Readonly<Record<string, number>>): void {
  const measured = percentages(found);
  expect(Object.keys(measured).toSorted()).toEqual(Object.keys(wanted).toSorted());
  for (const [id, percent] of Object.entries(wanted))
    expect(Math.abs(measured[id]! - percent), `${id}: ${measured[id]} %, not ${percent}`).toBeLessThan(
      TOLERANCE_POINTS,
    );
}

describe(`over ${KEYS} keys each slot is first for its share, within ${TOLERANCE_POINTS} % of all keys`, () => {
  test.each(Object.entries(KINDS))('where a key is %s', (_, keyOf) => {
    expectShares(homes(sharing({ a: 70, b: 30 }), { keyOf }), { a: 70, b: 30 });
    expectShares(homes(sharing({ a: 1, b: 99 }), { keyOf }), { a: 1, b: 99 });
  });

  test('slots without a share are equal', () => {
    expectShares(homes(sharing({ a: null, b: null, c: null, d: null })), { a: 25, b: 25, c: 25, d: 25 });
  });

  test('slots without a share divide equally what the others leave', () => {
    expectShares(homes(sharing({ a: 40, b: 15, c: null, d: null, e: null })), { a: 40, b: 15, c: 15, d: 15, e: 15 });
  });

  test('shares that sum above 100 are weights, and nothing is left for who has none', () => {
    expectShares(homes(sharing({ a: 100, b: 50, c: 50, d: null })), { a: 50, b: 25, c: 25 });
  });

  test('what shares below 100 leave goes on to the next priority, and there by its own shares', () => {
    const slots = [...sharing({ a: 20, b: 10 }), ...sharing({ c: 50 }, 20), ...sharing({ d: null }, 30)];
    expectShares(homes(slots), { a: 20, b: 10, c: 35, d: 35 });
    expectShares(homes(slots.slice(0, 3)), { a: 20, b: 10, c: 35, nobody: 35 });
  });

  test('a share counts among those whose rules fit: a provider that is off takes no keys with it', () => {
    const [a, b] = sharing({ a: 20, b: 80 });
    const denied = { ...b!, rules: { trafficShare: 80, countryDeny: ['EG'] } };
    expectShares(homes([a!, denied]), { a: 20, nobody: 80 });
    expectShares(homes([a!, denied, slot('c')]), { a: 20, c: 80 });
  });

  test('the second of the order is as fair: what one slot leaves is shared like the rest', () => {
    const compiled = compileSnapshot(snapshot(sharing({ a: 50, b: 30, c: 20 })));
    const seconds = Array.from({ length: KEYS }, (_, index) => {
      const { candidates } = decide(compiled, { ...CONTEXT, requestKey: String(index) });
      return candidates[0]!.slotId === 'a' ? candidates[1]!.slotId : 'not asked';
    }).filter((id) => id !== 'not asked');
    expectShares(seconds, { b: 60, c: 40 });
  });
});

describe('a key', () => {
  test('has the same order in every process and every version', () => {
    const slots = sharing({ a: null, b: null, c: null, d: 40, e: 10 });
    const order = (requestKey: string) => told(decided(snapshot(slots), { requestKey })).join('');
    expect(['', 'request-1', 'request-2', KINDS['a time-ordered id']!(1), 'مفتاح'].map(order)).toEqual(GOLDEN);
  });

  test('refused by one priority’s shares says nothing about the next', () => {
    const slots = [...sharing({ a: 50 }), ...sharing({ b: 50 }, 20), ...sharing({ c: 50 }, 30)];
    expectShares(homes(slots), { a: 50, b: 25, c: 12.5, nobody: 12.5 });
  });

  test('refused by a priority’s shares is refused by all slots of it, with the reason', () => {
    const decision = decided(snapshot([...sharing({ a: 0, b: 0 }), slot('c', { priority: 20 })]));
    expect(told(decision)).toEqual(['c', 'a TRAFFIC_SHARE', 'b TRAFFIC_SHARE']);
    expect(decision.candidates[1]!.detail).toBe('Its share is 0 %, and this request is of the rest.');
  });

  test('a share of 0 is never first while another of its priority can be, and stands by for it', () => {
    const slots = sharing({ idle: 0, busy: null });
    expect(new Set(homes(slots, { keys: 1_000 }))).toEqual(new Set(['busy']));
    expect(told(decided(snapshot(slots)))).toEqual(['busy', 'idle']);
  });
});

/** Shares that leave nothing over: weights, or with somebody who takes what is left. */
const fullShares = fc
  .array(fc.option(fc.integer({ min: 1, max: 60 })), { minLength: 2, maxLength: 8 })
  .map((shares) => Object.fromEntries(shares.map((share, index) => [`s${index}`, share])));

describe('movement is the least there can be', () => {
  test('of slots without a share, one more takes keys for itself only, and one that goes gives up its own only', () => {
    fc.assert(
      fc.property(fullShares, (shares) => {
        const before = homes(sharing({ ...shares, x: null }), { keys: 500 });
        const after = homes(sharing({ ...shares, x: null, y: null }), { keys: 500 });
        for (const [index, home] of after.entries()) if (home !== 'y') expect(before[index]).toBe(home);
      }),
      { numRuns: 30 },
    );
  });

  test('of weights, too', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 100 }), (one, another) => {
        const before = homes(sharing({ a: 100, b: one }), { keys: 500 });
        const after = homes(sharing({ a: 100, b: one, c: another }), { keys: 500 });
        for (const [index, home] of after.entries()) if (home !== 'c') expect(before[index]).toBe(home);
      }),
      { numRuns: 30 },
    );
  });

  test('a share grown at the cost of the rest moves at most twice its growth', () => {
    for (const [from, to] of [
      [5, 10],
      [20, 30],
    ] as const) {
      const fallback = slot('rest', { priority: 20 });
      const before = homes([...sharing({ a: 40, b: from }), fallback]);
      const after = homes([...sharing({ a: 40, b: to }), fallback]);
      const moved = before.filter((home, index) => home !== after[index]).length;
      expect((100 * moved) / KEYS).toBeLessThan(2 * (to - from) + TOLERANCE_POINTS);
    }
  });

  test('health moves only the keys of who is ill, each to the next of its own order, and back', () => {
    const health = { b: { status: 'UNHEALTHY', circuit: 'OPEN' } } as const;
    fc.assert(
      fc.property(fullShares, fc.integer({ min: 0, max: 100_000 }), (shares, start) => {
        const slots = sharing({ ...shares, a: null, b: 30 });
        const keyOf = (index: number) => String(start + index);
        const compiled = compileSnapshot(snapshot(slots));
        const ill = homes(slots, { keys: 200, keyOf, health });
        for (const [index, home] of ill.entries()) {
          const order = decide(compiled, { ...CONTEXT, requestKey: keyOf(index) }).candidates.map(
            ({ slotId }) => slotId,
          );
          expect(home).toBe(order.find((id) => id !== 'b'));
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe('the hash', () => {
  test('turns each of its bits about half the time, whichever bit of the text is turned', () => {
    const texts = Array.from({ length: 2_000 }, (_, index) => `key-${index}`);
    const turned = [Array.from({ length: 32 }, () => 0), Array.from({ length: 32 }, () => 0)];
    for (const text of texts) {
      const other = text.slice(0, -1) + String.fromCharCode(text.charCodeAt(text.length - 1) ^ 1);
      const [one, another] = [hashText(text), hashText(other)];
      for (const lane of [0, 1] as const)
        for (let bit = 0; bit < 32; bit += 1) turned[lane]![bit]! += ((one[lane] ^ another[lane]) >>> bit) & 1;
    }
    for (const count of turned.flat()) expect(Math.abs(count / texts.length - 0.5)).toBeLessThan(0.06);
  });
});

/** Fixed for good: where this changes, every key of every tenant moves. */
const GOLDEN: readonly string[] = ['cbade', 'bacde', 'bcade', 'cabde', 'dcabe'];
