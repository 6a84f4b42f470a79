import { afterAll, beforeAll, expect, test } from 'vitest';

import { Stage } from '../live/stage.ts';
import { storm, type StormResult } from '../live/storm/storm.ts';
import { World } from '../live/world.ts';

const EVENTS_MIN = 100_000;
const EVENTS_PER_SEED = 4_000;

let world: World;
let stage: Stage;
beforeAll(async () => {
  world = await World.create();
  stage = await Stage.open(world);
});
afterAll(async () => {
  await stage.close();
  await world.drop();
});

test(
  `over ${EVENTS_MIN} events and many seeds nothing is lost, repeated or out of order, whatever is killed`,
  { timeout: 3_600_000 },
  async () => {
    const results: StormResult[] = [];
    const sum = (of: (result: StormResult) => number) => results.reduce((total, result) => total + of(result), 0);
    for (let seed = 1; sum((result) => result.events) < EVENTS_MIN; seed += 1) {
      const result = await storm(world, stage, seed, EVENTS_PER_SEED);
      console.log(JSON.stringify(result));
      results.push(result);
    }
    const total = {
      seeds: results.map(({ seed }) => seed),
      events: sum((result) => result.events),
      delivered: sum((result) => result.delivered),
      lost: sum((result) => result.lost),
      repeated: sum((result) => result.repeated),
      outOfOrder: sum((result) => result.outOfOrder),
      distorted: sum((result) => result.distorted),
      vanished: sum((result) => result.vanished),
      kills: {
        server: sum((result) => result.kills.server),
        worker: sum((result) => result.kills.worker),
        backend: sum((result) => result.kills.backend),
        client: sum((result) => result.kills.client),
      },
    };
    console.log(JSON.stringify(total));
    expect(total).toMatchObject({ lost: 0, repeated: 0, outOfOrder: 0, distorted: 0, vanished: 0 });
    for (const count of Object.values(total.kills)) expect(count).toBeGreaterThan(0);
  },
);
