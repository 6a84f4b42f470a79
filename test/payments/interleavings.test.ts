import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startTestApp, type TestApp } from '../helpers/app.ts';
import { brokenLaws } from '../helpers/books.ts';
import { EVENTS, everySequence, MOODS, STARTS, type Event } from '../proof/alphabet.ts';
import { GATEWAYS } from '../proof/gateway-entries.ts';
import { deadlocks, Interleavings, type Story } from '../proof/interleavings.ts';

/** Samples on the real database; all of them are in npm run test:soak (test/soak/interleavings.test.ts). */
let world: TestApp;
beforeAll(async () => {
  world = await startTestApp({ worker: false, environment: { DATABASE_POOL_SIZE: '12' } });
});
afterAll(() => world.stop());

// The same every day, as properties are (helpers/property.ts).
const seed = Number(process.env['PROPERTY_SEED'] ?? 20_261_121);
const pick = <T>(of: readonly T[], index: number): T => of[index % of.length]!;

function sample(count: number, sequences: readonly (readonly Event[])[]): Story[] {
  return Array.from({ length: count }, (_, index) => ({
    start: pick(STARTS, index),
    mood: pick(MOODS, Math.floor(index / STARTS.length)),
    events: pick(sequences, seed + index * 7919),
  }));
}

describe.each(GATEWAYS)('$slug', (entry) => {
  let proof: Interleavings;
  beforeAll(async () => {
    proof = await Interleavings.open(world, entry);
  });
  const wrongOf = async (stories: readonly Story[]) =>
    (await proof.run(stories))
      .filter(({ wrong }) => wrong !== null)
      .slice(0, 5)
      .map(({ key: _key, ...rest }) => rest);

  test('each event in each state does what the rules say', async () => {
    const single = STARTS.flatMap((start) =>
      MOODS.flatMap((mood) => EVENTS.map((event): Story => ({ start, mood, events: [event] }))),
    );
    expect(await wrongOf(single)).toEqual([]);
  });

  test('six events in any order end as the rules say, from any state', async () => {
    expect(await wrongOf(sample(20, [...everySequence(6)])), `seed ${seed}`).toEqual([]);
  });

  test('six events at once move money once and give it back once', async () => {
    const stories = sample(16, [...everySequence(6)]).map((story) => ({ ...story, atOnce: true }));
    expect(await wrongOf(stories), `seed ${seed}`).toEqual([]);
  });
});

test('after all of this the books agree, and no two waited for each other', async () => {
  expect(await brokenLaws(world)).toEqual({});
  expect(await deadlocks(world)).toBe(0);
});
