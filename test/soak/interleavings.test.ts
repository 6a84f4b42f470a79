import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startTestApp, type TestApp } from '../helpers/app.ts';
import { brokenLaws } from '../helpers/books.ts';
import { EVENTS, everySequence, MOODS, sequencesUpTo, STARTS, type Event } from '../proof/alphabet.ts';
import { explore } from '../proof/explore.ts';
import { GATEWAYS } from '../proof/gateway-entries.ts';
import { deadlocks, Interleavings, type Played, type Story } from '../proof/interleavings.ts';

/**
 * Every interleaving of up to six events (paid, failed, expired, refund, duplicate, poll) from every state, with a gateway that tells, is
 * late or is lied about, over the real database (COM-5, COM-7, COM-9, COM-10): equal states merged, and beside that whole histories unmerged.
 */
const LENGTH_MAX = 6;
const UNMERGED_LENGTH = 2;
const SAMPLE = 900;
/** At once, from so many of the states each mixture is played: others with another seed. */
const STARTS_EACH = 3;

let world: TestApp;
beforeAll(async () => {
  world = await startTestApp({ worker: false, environment: { DATABASE_POOL_SIZE: '12' } });
});
afterAll(() => world.stop());

const shown = (played: readonly Played[]) => played.slice(0, 10).map(({ key: _key, ...rest }) => rest);
const seedOf = () => Number(process.env['SOAK_SEED'] ?? Date.now() % 1_000_000);
const tell = (result: object) => process.stdout.write(`${JSON.stringify(result)}\n`);
const secondsSince = (since: number) => Math.round((performance.now() - since) / 1000);
const everywhere = (events: readonly Event[]): Story[] =>
  STARTS.flatMap((start) => MOODS.map((mood) => ({ start, mood, events })));

async function runAll(proof: Interleavings, stories: readonly Story[]): Promise<Played[]> {
  const played: Played[] = [];
  for (let at = 0; at < stories.length; at += 600) played.push(...(await proof.run(stories.slice(at, at + 600), 10)));
  return played;
}

/** Every mixture of six: at once, only which and how many. What "the last event again" repeats is the one before it. */
function mixtures(length: number, from = 0): Event[][] {
  if (length === 0) return [[]];
  return EVENTS.slice(from).flatMap((event, index) =>
    mixtures(length - 1, from + index).map((rest) => [event, ...rest]),
  );
}

describe.each(GATEWAYS)('$slug', (entry) => {
  let proof: Interleavings;
  beforeAll(async () => {
    proof = await Interleavings.open(world, entry);
  });

  test('every interleaving of up to six events ends right, from every state', async () => {
    const since = performance.now();
    const explored = await explore(proof, LENGTH_MAX);
    const seed = seedOf();
    const whole = [...everySequence(LENGTH_MAX)];
    const sample = Array.from({ length: SAMPLE }, (_, index): Story => ({
      start: STARTS[index % STARTS.length]!,
      mood: MOODS[Math.floor(index / STARTS.length) % MOODS.length]!,
      events: whole[(seed + index * 7919) % whole.length]!,
    }));
    const unmerged = await runAll(proof, [...[...everySequence(UNMERGED_LENGTH)].flatMap(everywhere), ...sample]);
    const wrong = [...explored.wrong, ...unmerged.filter((one) => one.wrong !== null)];
    const unknown = unmerged.filter(({ key }) => !explored.keys.has(key));
    const broken = await brokenLaws(world);
    tell({
      proof: `interleavings of ${entry.slug}`,
      seed,
      sequencesCovered: sequencesUpTo(LENGTH_MAX) * STARTS.length * MOODS.length,
      historiesPlayed: explored.played + unmerged.length,
      states: explored.states,
      unmerged: unmerged.length,
      wrong: wrong.length,
      notAmongTheStates: unknown.length,
      brokenLaws: Object.keys(broken),
      seconds: secondsSince(since),
    });
    expect(shown(wrong)).toEqual([]);
    expect(unknown.slice(0, 3)).toEqual([]);
    expect(broken).toEqual({});
  });

  test('every mixture of six events at once moves money once and gives it back once', async () => {
    const since = performance.now();
    const seed = seedOf();
    const stories = mixtures(LENGTH_MAX).flatMap((events, index) =>
      Array.from({ length: STARTS_EACH }, (_, turn): Story => {
        const start = STARTS[(seed + index * STARTS_EACH + turn) % STARTS.length]!;
        return { start, mood: 'TOLD', events, atOnce: true };
      }),
    );
    const wrong = (await runAll(proof, stories)).filter((one) => one.wrong !== null);
    const broken = await brokenLaws(world);
    tell({
      proof: `mixtures at once of ${entry.slug}`,
      seed,
      mixtures: stories.length,
      wrong: wrong.length,
      brokenLaws: Object.keys(broken),
      deadlocks: await deadlocks(world),
      seconds: secondsSince(since),
    });
    expect(shown(wrong)).toEqual([]);
    expect(broken).toEqual({});
    expect(await deadlocks(world)).toBe(0);
  });
});
