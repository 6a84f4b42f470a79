import { expect, test } from 'vitest';

import {
  EVENTS,
  everySequence,
  MOODS,
  sequencesUpTo,
  STARTS,
  type Event,
  type Mood,
  type Start,
  type Traits,
} from '../proof/alphabet.ts';
import { Expectation } from '../proof/expectation.ts';
import { TRAITS } from '../proof/gateway-traits.ts';
import { ReducerWorld, type Money } from '../proof/reducer-world.ts';

const LENGTH_MAX = 6;

/** What customers pay: as asked, more, less, other money; and more where the tenant lets the customer carry the commission. */
const MONEY: Readonly<Record<string, Money>> = {
  'as asked': { amountMinor: 10_000n, currencyCode: 'EGP', amountRule: 'EQUAL', misfit: null },
  'too much': { amountMinor: 10_100n, currencyCode: 'EGP', amountRule: 'EQUAL', misfit: 'AMOUNT' },
  'too little': { amountMinor: 9_900n, currencyCode: 'EGP', amountRule: 'EQUAL', misfit: 'AMOUNT' },
  'with commission': { amountMinor: 10_100n, currencyCode: 'EGP', amountRule: 'AT_LEAST', misfit: null },
  'other money': { amountMinor: 10_000n, currencyCode: 'USD', amountRule: 'EQUAL', misfit: 'CURRENCY' },
};

interface Reached {
  readonly path: readonly Event[];
  readonly wrong: object | null;
  readonly key: string;
}

function reach(traits: Traits, start: Start, mood: Mood, money: Money, path: readonly Event[]): Reached {
  const world = new ReducerWorld(traits, start, mood, money);
  const rules = new Expectation(traits, start, mood, money);
  for (const event of path) {
    world.play(event);
    rules.play(event);
  }
  const { end, fault } = world;
  const same = Object.entries(rules.end).every(([name, value]) => value === end[name as keyof typeof end]);
  const wrong = fault === null && same ? null : { start, mood, path, end, expected: rules.end, fault };
  return { path, wrong, key: `${world.key} ${JSON.stringify(wrong === null)}` };
}

/**
 * All sequences of up to six events from one state. Of two histories that lead to one state only the first is followed: decisions are
 * functions of that state (its key holds all of it, and what "the last event again" means), so what follows is the same.
 */
function explore(traits: Traits, start: Start, mood: Mood, money: Money): { states: number; wrong: object[] } {
  const first = reach(traits, start, mood, money, []);
  const seen = new Set([first.key]);
  const wrong: object[] = first.wrong ? [first.wrong] : [];
  let frontier: Reached[] = [first];
  for (let length = 1; length <= LENGTH_MAX; length += 1) {
    const next: Reached[] = [];
    for (const { path } of frontier)
      for (const event of EVENTS) {
        const reached = reach(traits, start, mood, money, [...path, event]);
        if (reached.wrong) wrong.push(reached.wrong);
        if (seen.has(reached.key)) continue;
        seen.add(reached.key);
        next.push(reached);
      }
    frontier = next;
  }
  return { states: seen.size, wrong };
}

test.each(Object.entries(TRAITS))(
  `%s: after each of all ${sequencesUpTo(LENGTH_MAX)} sequences of up to six events, from every state and with any money, payment and books are as the rules say`,
  (_name, traits) => {
    const wrong: object[] = [];
    let states = 0;
    for (const money of Object.values(MONEY))
      for (const start of STARTS)
        for (const mood of MOODS) {
          const explored = explore(traits, start, mood, money);
          states += explored.states;
          wrong.push(...explored.wrong);
        }
    expect(wrong.slice(0, 5)).toEqual([]);
    expect(states).toBeGreaterThan(1_000);
  },
);

// Followed to the end one by one: what was merged above was rightly merged.
test('a sample of whole sequences of six, none of them merged, ends as the rules say', () => {
  // The same every day, as properties are (helpers/property.ts).
  const seed = Number(process.env['PROPERTY_SEED'] ?? 20_261_121);
  const all = [...everySequence(LENGTH_MAX)];
  const [traits, money] = [Object.values(TRAITS), Object.values(MONEY)];
  const pick = <T>(of: readonly T[], index: number): T => of[index % of.length]!;
  const wrong = Array.from({ length: 5_000 }, (_, index) => {
    const at = seed + index * 7919;
    const where = [pick(traits, at), pick(STARTS, at >> 2), pick(MOODS, at >> 4), pick(money, at >> 5)] as const;
    return reach(...where, pick(all, at * 31)).wrong;
  });
  expect(wrong.filter((one) => one !== null).slice(0, 5), `seed ${seed}`).toEqual([]);
});
