import { afterAll, beforeAll, expect, test } from 'vitest';

import { Stage } from './stage.ts';
import { storm } from './storm/storm.ts';
import { World } from './world.ts';

const SEED = 20_261_121;
const EVENTS_MIN = 2_000;

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

test('servers, workers, database connections and clients are killed at random: no event is lost, repeated or out of order', async () => {
  const result = await storm(world, stage, SEED, EVENTS_MIN);
  console.log(JSON.stringify(result));
  expect(result).toMatchObject({ lost: 0, repeated: 0, outOfOrder: 0, distorted: 0, vanished: 0 });
  expect(result.events).toBeGreaterThanOrEqual(EVENTS_MIN);
  for (const count of [...Object.values(result.kills), result.delivered]) expect(count).toBeGreaterThan(0);
});
