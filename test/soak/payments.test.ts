import { afterAll, beforeAll, expect, test } from 'vitest';

import { startTestApp, type TestApp } from '../helpers/app.ts';
import { brokenLaws } from '../helpers/books.ts';
import { Shop } from '../helpers/shop.ts';
import { everyOrder, SequenceRunner, STARTS, turnsFor, type Sequence } from '../proof/sequences.ts';

/**
 * Every order of six webhook events with duplicates, from every state, with the truth at the gateway turning at every moment: over the
 * real database, one after the other and all at once.
 */
let world: TestApp;
let runner: SequenceRunner;
beforeAll(async () => {
  world = await startTestApp({ worker: false, environment: { DATABASE_POOL_SIZE: '12' } });
  runner = new SequenceRunner(world, await Shop.open(world));
});
afterAll(() => world.stop());

const BATCH = 729;

async function runAll(
  sequences: Iterable<Sequence>,
): Promise<{ sequences: number; wrong: Awaited<ReturnType<SequenceRunner['run']>> }> {
  const wrong: Awaited<ReturnType<SequenceRunner['run']>> = [];
  let count = 0;
  let batch: Sequence[] = [];
  const flush = async (): Promise<void> => {
    count += batch.length;
    wrong.push(...(await runner.run(batch, 10)));
    batch = [];
  };
  for (const sequence of sequences) {
    batch.push(sequence);
    if (batch.length === BATCH) await flush();
  }
  await flush();
  return { sequences: count, wrong: wrong.slice(0, 20) };
}

function* all(): Generator<Sequence> {
  for (const start of STARTS)
    for (const turn of turnsFor(start)) for (const deliveries of everyOrder()) yield { start, deliveries, turn };
}

/** At once the order says nothing: every mixture of six, with the truth turned before them or after. */
function* allAtOnce(): Generator<Sequence> {
  const mixtures = new Set(
    [...everyOrder()].map((deliveries) => deliveries.toSorted((a, b) => a.localeCompare(b)).join()),
  );
  for (const start of STARTS) {
    for (const mixture of mixtures) {
      const deliveries = mixture.split(',') as Sequence['deliveries'];
      for (const turn of [null, { at: 0, into: 'PAID' }] as const) yield { start, deliveries, turn, atOnce: true };
    }
  }
}

test('every order of six deliveries from every state ends right and settles once', async () => {
  const since = performance.now();
  const inOrder = await runAll(all());
  const broken = await brokenLaws(world);
  const result = {
    proof: 'payments',
    sequences: inOrder.sequences,
    deliveries: inOrder.sequences * 6,
    wrong: inOrder.wrong.length,
    brokenLaws: Object.keys(broken),
    seconds: Math.round((performance.now() - since) / 1000),
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
  expect(inOrder.wrong).toEqual([]);
  expect(broken).toEqual({});
});

test('every mixture of six deliveries at once from every state settles once', async () => {
  const atOnce = await runAll(allAtOnce());
  // Where nothing was paid, whichever word of an end came first counts.
  const wrong = atOnce.wrong.filter(({ sequence }) => sequence.turn !== null);
  const broken = await brokenLaws(world);
  const result = {
    proof: 'payments at once',
    sequences: atOnce.sequences,
    wrong: wrong.length,
    brokenLaws: Object.keys(broken),
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
  expect(wrong).toEqual([]);
  expect(broken).toEqual({});
});
