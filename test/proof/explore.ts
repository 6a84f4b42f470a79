import { EVENTS, MOODS, STARTS, type Event } from './alphabet.ts';
import type { Interleavings, Played, Story } from './interleavings.ts';

export interface Explored {
  /** Histories that were played, each from its beginning. */
  readonly played: number;
  /** States of the database and the vendor that are told apart. */
  readonly states: number;
  readonly wrong: readonly Played[];
  readonly keys: ReadonlySet<string>;
}

/**
 * All sequences of up to so many events, from every start and in every mood. Of two histories that lead to one state the first is
 * followed: the key of a state holds all that what comes next may depend on (interleavings.ts), so the futures of the second are those of
 * the first. Histories that were not merged are played beside it, whole and shorter ones, and must end in states this one knows.
 */
export async function explore(proof: Interleavings, lengthMax: number, batch = 600): Promise<Explored> {
  const keys = new Set<string>();
  const wrong: Played[] = [];
  let played = 0;
  let frontier: Story[] = STARTS.flatMap((start) => MOODS.map((mood) => ({ start, mood, events: [] as Event[] })));
  for (let length = 0; length <= lengthMax && frontier.length > 0; length += 1) {
    const found: Story[] = [];
    for (let at = 0; at < frontier.length; at += batch) {
      for (const one of await proof.run(frontier.slice(at, at + batch), 10)) {
        played += 1;
        if (one.wrong !== null) wrong.push(one);
        if (keys.has(one.key)) continue;
        keys.add(one.key);
        found.push(one.story);
      }
    }
    if (length === lengthMax) break;
    frontier = found.flatMap(({ start, mood, events }) =>
      EVENTS.filter((event) => events.length > 0 || event !== 'duplicate').map((event) => ({
        start,
        mood,
        events: [...events, event],
      })),
    );
  }
  return { played, states: keys.size, wrong, keys };
}
