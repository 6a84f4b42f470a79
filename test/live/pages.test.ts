import { expect, test } from 'vitest';

import { Pages } from '../../src/journal/pages.ts';
import { TrackedStream } from '../../src/journal/stream.ts';

test('pages of a journal are not shown as those of the journal that was restored in its place', async () => {
  let life = 'before';
  const rows = () =>
    Array.from({ length: 128 }, (_, index) => ({
      tenant_id: 'a',
      position: BigInt(index + 1),
      type: life,
      aggregate_type: 'Order',
      aggregate_id: 'o',
      version: 1,
      payload: {},
      occurred_at: new Date(),
    }));
  const pages = new Pages(async () => rows() as never);
  const stream = (epoch: string) => new TrackedStream({ tenant_id: 'a', epoch, position: 128n }, 0);
  expect((await pages.read(stream('one'), 0n, 0n))[0]?.type).toBe('before');
  life = 'after';
  expect((await pages.read(stream('two'), 0n, 0n))[0]).toMatchObject({ type: 'after', epoch: 'two' });
});
