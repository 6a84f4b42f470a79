import { expect, test } from 'vitest';

import { formatsOf } from '../../examples/portal/src/format.ts';
import fc from '../helpers/property.ts';

const ZONES = ['Africa/Johannesburg', 'America/New_York', 'Asia/Kathmandu', 'Australia/Lord_Howe', 'Pacific/Apia'];

test('the time a customer types is the instant at which the shop’s clock shows it, in any zone and on either side of a change', () => {
  const minutes = fc.integer({ min: Date.parse('2026-01-01') / 60_000, max: Date.parse('2028-01-01') / 60_000 });
  fc.assert(
    fc.property(fc.constantFrom(...ZONES), minutes, (timeZone, minute) => {
      const { date, time, instant } = formatsOf({ locale: 'en', timeZone });
      const shown = new Date(minute * 60_000);
      const read = instant(date(shown), time(shown))!;
      // An hour that comes twice is either of the two; the clock shows the same.
      expect([date(read), time(read)]).toEqual([date(shown), time(shown)]);
    }),
  );
});

test('an amount is shown as exactly as it was told, with the blanks and signs of the shop’s language', () => {
  const { price } = formatsOf({ locale: 'en-ZA', timeZone: 'Africa/Johannesburg' });
  const shown = price({ amount: '9007199254740993.01', currencyCode: 'ZAR' });
  expect(shown.replaceAll(/\s/g, '')).toBe('R9007199254740993,01');
});
