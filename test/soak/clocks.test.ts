import { expect, test } from 'vitest';

import fc from '../helpers/property.ts';
import { anyCase, changesOfClocks, faultsOf, minutesAround } from '../proof/diary-oracle.ts';

/** Free times at every change of clocks there is (TEN-8), minute by minute. */
const CASES = Number(process.env['SOAK_CASES'] ?? 3);
test('at every change of clocks from 2020 to 2035 in every zone, free and busy time are the open time, and no hour is removed or twice', () => {
  const changes = changesOfClocks(2020, 2035);
  const zones = new Set(changes.map(({ zone }) => zone)).size;
  const faults = changes.flatMap((change, index) => {
    const around = minutesAround(change);
    return fc.sample(anyCase, { numRuns: CASES, seed: index }).flatMap((one) => faultsOf(change, around, one));
  });
  const result = {
    proof: 'changes of clocks',
    zones,
    changes: changes.length,
    days: changes.length * CASES * 3,
    faults: faults.length,
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
  expect(faults.slice(0, 20)).toEqual([]);
});
