import { expect, test } from 'vitest';

import fc from '../helpers/property.ts';
import { decidePause, JUDGED_MAILS_MIN } from '../../src/domain/marketing-pause.ts';

/** When marketing mail stops by itself: at 4 % bounces or 0.08 % complaints (business-integrations.md 4.5). */
test.each([
  [{ mails: 99, bounces: 99, complaints: 99 }, null],
  [{ mails: 100, bounces: 3, complaints: 0 }, null],
  [{ mails: 100, bounces: 4, complaints: 0 }, 'BOUNCES'],
  [{ mails: 10_000, bounces: 399, complaints: 7 }, null],
  [{ mails: 10_000, bounces: 400, complaints: 0 }, 'BOUNCES'],
  [{ mails: 10_000, bounces: 0, complaints: 8 }, 'COMPLAINTS'],
  [{ mails: 1_249, bounces: 0, complaints: 1 }, null],
  [{ mails: 1_250, bounces: 0, complaints: 1 }, 'COMPLAINTS'],
  [{ mails: 1_251, bounces: 0, complaints: 1 }, null],
  [{ mails: 100, bounces: 0, complaints: 2 }, 'COMPLAINTS'],
])('%j: %s', (figures, reason) => {
  expect(decidePause(figures)).toBe(reason);
});

const counts = fc.record({ mails: fc.nat(100_000), bounces: fc.nat(5_000), complaints: fc.nat(200) });

test('more that comes back never lets mail go on that was stopped, and nothing that comes back stops nothing', () => {
  fc.assert(
    fc.property(counts, fc.nat(100), fc.nat(100), (figures, bounces, complaints) => {
      expect(decidePause({ ...figures, bounces: 0, complaints: 0 })).toBeNull();
      if (decidePause(figures) === null) return;
      const worse = { ...figures, bounces: figures.bounces + bounces, complaints: figures.complaints + complaints };
      expect(decidePause(worse)).not.toBeNull();
    }),
  );
});

test('from the least number of mails on, whatever reaches either share is stopped', () => {
  fc.assert(
    fc.property(fc.integer({ min: JUDGED_MAILS_MIN, max: 1_000_000 }), (mails) => {
      const bounces = Math.ceil(mails * 0.04);
      const complaints = Math.max(2, Math.ceil((mails * 8) / 10_000));
      expect(decidePause({ mails, bounces, complaints: 0 })).toBe('BOUNCES');
      expect(decidePause({ mails, bounces: bounces - 1, complaints: 0 })).toBeNull();
      expect(decidePause({ mails, bounces: 0, complaints })).toBe('COMPLAINTS');
    }),
  );
});
