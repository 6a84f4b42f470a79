import { describe, expect, test } from 'vitest';

import fc from '../helpers/property.ts';
import type { RollbackPolicy } from '../../src/domain/package-plan.ts';
import {
  legStateOf,
  nextPackageStep,
  packageOrderOf,
  tallyOf,
  type LegState,
  type PackageFacts,
} from '../../src/domain/package.ts';
import {
  branchesOf,
  faultsOf,
  keyOf,
  rested,
  restFaultsOf,
  startOf,
  stepOf,
  type Model,
  type Start,
} from '../proof/package-model.ts';

const POLICIES: readonly RollbackPolicy[] = ['ALL_OR_NOTHING', 'KEEP_CONFIRMED', 'MANUAL_REVIEW'];
interface Explored {
  readonly states: number;
  /** How often it came to rest, by status. */
  readonly rests: ReadonlyMap<string, number>;
  readonly faults: readonly string[];
  /** States that some way leads back to: from there it might never end. */
  readonly endless: number;
}

/** A few times more than there are. */
const STATES_MAX = 300_000;

/** Every state that can be reached, each once: what follows depends on nothing but the state. */
function explore(start: Start): Explored {
  const first = startOf(start);
  const rests = new Map<string, number>();
  const faults: string[] = [];
  const paths = [''];
  const cameFrom: number[][] = [[]];
  const ways: number[] = [];
  const known = new Map([[keyOf(first), 0]]);
  const open: [Model, number][] = [[first, 0]];
  for (let next = open.pop(); next; next = open.pop()) {
    const [model, at] = next;
    const branches = branchesOf(model);
    const atRest = stepOf(model).kind === 'WAIT' && branches.every(({ optional }) => optional === true);
    const { status } = rested(model);
    if (atRest) rests.set(status, (rests.get(status) ?? 0) + 1);
    const broken = [...faultsOf(model), ...(atRest ? restFaultsOf(rested(model)) : [])];
    if (broken.length > 0) faults.push(`${broken.join(', ')}: ${paths[at]}`);
    ways[at] = branches.length;
    for (const { name, to } of branches) {
      const key = keyOf(to);
      const place = known.get(key) ?? known.size;
      if (place === known.size) {
        if (place > STATES_MAX) throw new Error(`It goes on and on: ${paths[at]}`);
        known.set(key, place);
        paths.push(`${paths[at]}, ${name}`);
        cameFrom.push([]);
        open.push([to, place]);
      }
      cameFrom[place]!.push(at);
    }
  }
  return { states: known.size, rests, faults: faults.slice(0, 3), endless: endlessOf(ways, cameFrom) };
}

/** What is left when states without a way on are taken away again and again. */
function endlessOf(ways: number[], cameFrom: readonly (readonly number[])[]): number {
  const ended = [...ways.keys()].filter((at) => ways[at] === 0);
  let left = ways.length;
  for (let at = ended.pop(); at !== undefined; at = ended.pop()) {
    left -= 1;
    for (const from of cameFrom[at]!) {
      ways[from]! -= 1;
      if (ways[from] === 0) ended.push(from);
    }
  }
  return left;
}

const leg = (amountMinor: bigint, lossMinor: bigint, holds: boolean) => ({ amountMinor, lossMinor, holds });

describe('whatever providers, people and time do', () => {
  test.each(POLICIES)('two legs under %s come to an end, with all their money where it belongs', (rollback) => {
    for (const [one, other] of [
      [true, true],
      [true, false],
      [false, true],
      [false, false],
    ] as const) {
      const { states, rests, faults, endless } = explore({
        rollback,
        legs: [leg(700n, 200n, one), leg(300n, 300n, other)],
      });
      expect(faults).toEqual([]);
      expect(endless).toBe(0);
      expect(states).toBeGreaterThan(1_000);
      const ends = ['CONFIRMED', 'PARTIALLY_CONFIRMED', 'CANCELLED', 'FAILED', 'NEEDS_ATTENTION'];
      expect([...rests.keys()].toSorted()).toEqual(ends.toSorted());
    }
  });

  test('a free leg beside a dear one is no special case', () => {
    const { faults, endless } = explore({
      rollback: 'KEEP_CONFIRMED',
      legs: [leg(0n, 0n, false), leg(300n, 0n, true)],
    });
    expect({ faults, endless }).toEqual({ faults: [], endless: 0 });
  });

  test.each(POLICIES)('on account nothing is held, and the same laws hold under %s', (rollback) => {
    const { faults, rests, endless } = explore({
      rollback,
      onAccount: true,
      legs: [leg(700n, 200n, true), leg(300n, 300n, false)],
    });
    expect({ faults, endless }).toEqual({ faults: [], endless: 0 });
    expect([...rests.keys()]).toContain('CONFIRMED');
  });

  // Three legs have too many histories to walk them all: many at random, each to its end.
  test.each(POLICIES)('so do three and four under %s, along random ways', (rollback) => {
    const legs = fc.array(
      fc.record({ amountMinor: fc.bigInt(0n, 500n), part: fc.bigInt(0n, 4n), holds: fc.boolean() }),
      { minLength: 3, maxLength: 4 },
    );
    fc.assert(
      fc.property(legs, fc.infiniteStream(fc.nat(1_000)), (drawn, choices) => {
        const start = {
          rollback,
          legs: drawn.map(({ amountMinor, part, holds }) => ({
            amountMinor,
            holds,
            lossMinor: (amountMinor * part) / 4n,
          })),
        };
        let model = startOf(start);
        for (let steps = 0; ; steps += 1) {
          expect(steps).toBeLessThan(300);
          expect(faultsOf(model)).toEqual([]);
          const branches = branchesOf(model);
          if (branches.length === 0) break;
          model = branches[choices.next().value! % branches.length]!.to;
        }
        expect(restFaultsOf(rested(model))).toEqual([]);
      }),
      { numRuns: 400 },
    );
  });
});

describe('the policy', () => {
  const NOW = new Date('2026-11-22T10:00:00Z');
  const facts = (states: readonly LegState[], more: Partial<PackageFacts> = {}): PackageFacts => ({
    phase: 'BOOKING',
    status: 'BOOKING',
    rollback: 'ALL_OR_NOTHING',
    order: 'PAID',
    onAccount: false,
    lossMaxMinor: 0n,
    askedBackMinor: 0n,
    refundUnderWay: false,
    legs: states.map((state) => ({
      state,
      holds: false,
      amountMinor: 100n,
      backMinor: state === 'FAILED' || state === 'GONE' ? 100n : 0n,
      lossMinor: 0n,
      notBefore: null,
      isStuck: false,
    })),
    ...more,
  });

  test('takes everything back, goes on with the rest, or asks a person, when a leg can not be had', () => {
    const after = (rollback: RollbackPolicy) => nextPackageStep(facts(['BOOKED', 'FAILED', 'HELD'], { rollback }), NOW);
    expect(after('ALL_OR_NOTHING')).toMatchObject({ kind: 'MOVE', phase: 'ROLLING_BACK', status: 'COMPENSATING' });
    expect(after('KEEP_CONFIRMED')).toMatchObject({ kind: 'LEG', leg: 2, step: 'CONFIRM' });
    expect(after('MANUAL_REVIEW')).toMatchObject({ kind: 'MOVE', phase: 'STOPPED', status: 'NEEDS_ATTENTION' });
  });

  test('lets go of what is not booked first, and cancels the last booking first', () => {
    const rolling = (states: LegState[]) => nextPackageStep(facts(states, { phase: 'ROLLING_BACK' }), NOW);
    expect(rolling(['BOOKED', 'BOOKED', 'FAILED', 'HELD'])).toMatchObject({ leg: 3, step: 'RELEASE' });
    expect(rolling(['BOOKED', 'BOOKED', 'FAILED', 'READY'])).toMatchObject({ leg: 3, step: 'DROP' });
    expect(rolling(['BOOKED', 'BOOKED', 'FAILED', 'GONE'])).toMatchObject({ leg: 1, step: 'CANCEL' });
  });

  test('begins no leg before the one before it is certain', () => {
    expect(nextPackageStep(facts(['UNDER_WAY', 'HELD']), NOW)).toMatchObject({ kind: 'WAIT', status: 'BOOKING' });
  });

  test('asks a person before more is lost than was shown', () => {
    const dear = facts(['BOOKED', 'FAILED'], { phase: 'ROLLING_BACK', lossMaxMinor: 30n });
    const costing = (lossMinor: bigint) => ({ ...dear, legs: dear.legs.map((each) => ({ ...each, lossMinor })) });
    expect(nextPackageStep(costing(30n), NOW)).toMatchObject({ step: 'CANCEL' });
    expect(nextPackageStep(costing(31n), NOW)).toMatchObject({ phase: 'STOPPED', status: 'NEEDS_ATTENTION' });
  });

  test('books nothing that nobody paid, except on account', () => {
    expect(nextPackageStep(facts(['READY'], { order: 'OPEN' }), NOW).kind).toBe('WAIT');
    expect(nextPackageStep(facts(['READY'], { order: 'OPEN', onAccount: true }), NOW)).toMatchObject({ step: 'BOOK' });
  });

  test('gives money back in one part where it can: when there is nothing else to do', () => {
    const two = facts(['FAILED', 'UNDER_WAY'], { rollback: 'KEEP_CONFIRMED' });
    expect(nextPackageStep(two, NOW)).toEqual({ kind: 'PAY_BACK', amountMinor: 100n });
    expect(nextPackageStep({ ...two, askedBackMinor: 100n }, NOW).kind).toBe('WAIT');
    expect(nextPackageStep({ ...two, refundUnderWay: true }, NOW)).toMatchObject({
      kind: 'WAIT',
      until: new Date('2026-11-22T10:01:00Z'),
    });
  });
});

test('a leg is where its booking is, and what has a last status has it whatever its phase', () => {
  expect(legStateOf({ phase: 'RELEASING', status: 'CANCELLED' })).toBe('GONE');
  expect(legStateOf({ phase: 'CANCEL_REQUESTED', status: 'CONFIRMED' })).toBe('LEAVING');
  expect(legStateOf({ phase: 'CANCEL_REQUESTED', status: 'CANCELLED' })).toBe('GONE');
  expect(legStateOf({ phase: 'ENDED', status: 'NO_SHOW' })).toBe('USED');
  expect(legStateOf({ phase: 'ENDED', status: 'FAILED' })).toBe('FAILED');
});

test('an order whose money the package itself gave back goes on; one that somebody else gave back is over', () => {
  expect(packageOrderOf({ status: 'REFUNDED', refundedMinor: 100n }, 100n)).toBe('PAID');
  expect(packageOrderOf({ status: 'REFUNDED', refundedMinor: 100n }, 40n)).toBe('ENDED');
  expect(packageOrderOf({ status: 'PARTIALLY_REFUNDED', refundedMinor: 40n }, 0n)).toBe('PAID');
});

test('of a leg that is leaving, what will go back is still with it', () => {
  const leaving = { state: 'LEAVING', amountMinor: 100n, backMinor: 70n } as const;
  expect(tallyOf([leaving])).toEqual({ keptMinor: 70n, backMinor: 0n, lostMinor: 30n });
  expect(tallyOf([{ ...leaving, state: 'GONE' }])).toEqual({ keptMinor: 0n, backMinor: 70n, lostMinor: 30n });
});
