import { describe, expect, test } from 'vitest';

import fc from '../helpers/property.ts';
import { nightsOf, requireOccupancies, requireStay, requireTravelDate } from '../../src/domain/stay.ts';

const now = new Date('2026-11-21T13:00:00Z');
const dayAhead = (days: number): string =>
  new Date(Date.UTC(2026, 10, 21) + days * 86_400_000).toISOString().slice(0, 10);
const refusal = (work: () => void): readonly string[] | undefined => {
  try {
    work();
  } catch (error) {
    return (error as { field?: readonly string[] }).field;
  }
  return undefined;
};

describe('the days of a stay', () => {
  test('are counted by the calendar, over every change of clocks', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 1, max: 90 }), (from, nights) => {
        const stay = { checkIn: dayAhead(from), checkOut: dayAhead(from + nights) };
        expect(nightsOf(stay.checkIn, stay.checkOut)).toBe(nights);
        expect(() => requireStay(stay, now)).not.toThrow();
      }),
    );
  });

  test.each([
    [dayAhead(5), dayAhead(5), 'checkOut'],
    [dayAhead(5), dayAhead(4), 'checkOut'],
    [dayAhead(5), dayAhead(96), 'checkOut'],
    [dayAhead(-2), dayAhead(2), 'checkIn'],
    [dayAhead(600), dayAhead(601), 'checkIn'],
  ])('from %s to %s are refused by their field', (checkIn, checkOut, name) => {
    expect(refusal(() => requireStay({ checkIn, checkOut }, now))).toEqual(['input', name]);
  });

  test('may begin on a day that is not over yet somewhere', () => {
    const field = ['input', 'departure'];
    // At 11:59 UTC it is still the day before on Baker Island.
    expect(() => requireTravelDate('2026-11-20', new Date('2026-11-21T11:59:00Z'), field)).not.toThrow();
    expect(() => requireTravelDate('2026-11-20', new Date('2026-11-21T12:00:00Z'), field)).toThrow();
  });
});

describe('rooms', () => {
  test('with grown-ups and children within the limits are taken', () => {
    expect(() => requireOccupancies([{ adults: 14, childAges: [0, 1, 2, 3, 4, 17] }])).not.toThrow();
  });

  test.each([
    [[], ['input', 'occupancies']],
    [Array.from({ length: 9 }, () => ({ adults: 1, childAges: [] })), ['input', 'occupancies']],
    [[{ adults: 0, childAges: [] }], ['input', 'occupancies', '0', 'adults']],
    [[{ adults: 15, childAges: [] }], ['input', 'occupancies', '0', 'adults']],
    [[{ adults: 1, childAges: [18] }], ['input', 'occupancies', '0', 'childAges']],
    [[{ adults: 1, childAges: [-1] }], ['input', 'occupancies', '0', 'childAges']],
    [[{ adults: 1, childAges: [1, 1, 1, 1, 1, 1, 1] }], ['input', 'occupancies', '0', 'childAges']],
  ])('%j are refused by their field', (rooms, field) => {
    expect(refusal(() => requireOccupancies(rooms))).toEqual(field);
  });
});
