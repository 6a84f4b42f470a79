import { expect, test } from 'vitest';

import { compare, PHASES_THERE, type Comparison } from '../../src/domain/booking-reconcile.ts';
import type { BookingPhase, BookingStatus, ProviderState } from '../../src/domain/booking.ts';

/** Bookings held against what their provider says of them (BEY-3). */

const STATES: readonly ProviderState[] = [
  'CONFIRMED',
  'HELD',
  'PENDING',
  'CANCELLED',
  'FAILED',
  'COMPLETED',
  'NO_SHOW',
  'NOT_FOUND',
];
const LETTERS: Readonly<Record<string, Comparison>> = {
  '=': 'AGREES',
  '?': 'LOOK_UP',
  '!': 'PERSON',
  '.': 'TOO_EARLY',
};
const read = (letters: string) => Object.fromEntries([...letters].map((letter, at) => [STATES[at], LETTERS[letter]]));

const compared = (phase: BookingPhase, status: BookingStatus, { isVisible = true, isWithPerson = false } = {}) =>
  Object.fromEntries(STATES.map((said) => [said, compare({ phase, status, isWithPerson }, said, isVisible)]));

/** One letter for each of STATES. */
const EXPECTED: readonly [BookingPhase, BookingStatus, string][] = [
  ['RESERVING', 'PENDING', '?????!!?'],
  ['BOOKING', 'PENDING', '?????!!?'],
  ['CONFIRMING', 'PENDING', '?????!!?'],
  ['HELD', 'PENDING', '?=!??!!?'],
  ['PENDING', 'PENDING', '?!=??!!?'],
  ['CONFIRMED', 'CONFIRMED', '=!!?????'],
  ['CANCELLING', 'CONFIRMED', '????????'],
  ['CANCEL_REQUESTED', 'CONFIRMED', '===?????'],
  ['RELEASING', 'CANCELLED', '!=!??!!='],
  ['ENDED', 'CANCELLED', '!=!==!!='],
];

test.each(EXPECTED)('%s, %s: %s', (phase, status, letters) => {
  expect(compared(phase, status)).toEqual(read(letters));
});

test('every phase that a provider knows of, and what ended here, has its expectations', () => {
  expect(EXPECTED.map(([phase]) => phase).toSorted()).toEqual([...PHASES_THERE, 'ENDED'].toSorted());
});

test('what a provider may still hide is missed by nobody, and nothing else depends on that', () => {
  for (const [phase, status, letters] of EXPECTED) {
    const hidden = letters.endsWith('?') ? `${letters.slice(0, -1)}.` : letters;
    expect(compared(phase, status, { isVisible: false })).toEqual(read(hidden));
  }
});

test('what should stand and is not there is looked up until a person is told, and no more then', () => {
  const told = EXPECTED.map(([phase, status]) => [
    phase,
    compared(phase, status, { isWithPerson: true })['NOT_FOUND'] as string,
  ]);
  expect(Object.fromEntries(told)).toEqual({
    RESERVING: 'LOOK_UP',
    BOOKING: 'LOOK_UP',
    CONFIRMING: 'LOOK_UP',
    CANCELLING: 'LOOK_UP',
    HELD: 'PERSON',
    PENDING: 'PERSON',
    CONFIRMED: 'PERSON',
    CANCEL_REQUESTED: 'PERSON',
    RELEASING: 'AGREES',
    ENDED: 'AGREES',
  });
});
