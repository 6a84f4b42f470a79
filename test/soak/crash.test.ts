import { expect, test } from 'vitest';

import { crash, type CrashResult } from '../payments/crash/crash.ts';

const ACTIONS = 5_000;
const PER_SEED = 1_250;

test(`${ACTIONS} payments and refunds with processes killed at random: ours, the gateway's books and the ledger agree`, async () => {
  const results: CrashResult[] = [];
  const sum = (of: (result: CrashResult) => number) => results.reduce((total, result) => total + of(result), 0);
  for (let seed = 1; sum(({ payments, refunds }) => payments + refunds) < ACTIONS; seed += 1) {
    const result = await crash(seed, PER_SEED);
    console.log(JSON.stringify(result));
    results.push(result);
  }
  console.log(
    JSON.stringify({
      proof: 'crash',
      seeds: results.map(({ seed }) => seed),
      payments: sum(({ payments }) => payments),
      refunds: sum(({ refunds }) => refunds),
      unknown: sum(({ unknown }) => unknown),
      kills: { process: sum(({ kills }) => kills.process), backend: sum(({ kills }) => kills.backend) },
      differences: results.flatMap((result) => result.differences),
    }),
  );
  expect(results.flatMap((result) => result.differences)).toEqual([]);
});
