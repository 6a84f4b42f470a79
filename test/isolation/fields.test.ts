import { afterAll, beforeAll, expect, test } from 'vitest';

import { startTestApp, type TestApp } from '../helpers/app.ts';
import { proveFields } from './fields.ts';
import { populate, type Population } from './population.ts';

let world: TestApp;
let population: Population;
beforeAll(async () => {
  world = await startTestApp({ worker: false });
  population = await populate(world);
});
afterAll(() => world.stop());

test('no root field and no id argument gives anything of another tenant or customer, over any transport', async () => {
  const proof = await proveFields(world, population);
  process.stdout.write(
    `isolation of fields: ${proof.fields} fields, ${proof.probes} probes, ${proof.leaks.length} leaks\n`,
  );
  expect(proof.leaks).toEqual([]);
  expect(proof.withoutControl, 'the right tenant must get the object, or the probe proves nothing').toEqual([]);
});
