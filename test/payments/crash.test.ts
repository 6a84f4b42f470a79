import { expect, test } from 'vitest';

import { crash } from './crash/crash.ts';

// The long run with many seeds is in test/soak/crash.test.ts.
test('processes killed in the middle of payments and refunds leave three sets of books that agree to the last unit', async () => {
  const result = await crash(1, 40);
  expect(result.differences).toEqual([]);
  expect(result.kills.process).toBeGreaterThan(0);
  expect(result.payments + result.refunds).toBeGreaterThanOrEqual(40);
});
