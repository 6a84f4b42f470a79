import { expect, test } from 'vitest';

import {
  RULES_UNSET,
  checkedBookingRules,
  isInCancelNotice,
  RULE_BOUNDS,
  RULE_NAMES,
} from '../../src/domain/booking-rules.ts';
import { minutesOf, openMinutesOf } from '../../src/domain/business-hours.ts';
import { alternatives, offered, type Asking, type Diary } from '../../src/domain/diary.ts';
import { offsetsOfDays } from '../../src/domain/wall-clock.ts';
import { whyNot } from '../../src/domain/why-not.ts';

/** Each rule at its edge: the last moment that is allowed, and the first that is not (TEN-8, BEY-6). */
const at = (text: string): number => Date.parse(text);
const open = (from: string, to: string) => ({ opensMinute: minutesOf(from), closesMinute: minutesOf(to) });
const NOW = at('2026-11-20T12:00:00Z');
const SATURDAY = '2026-11-28';
const MINUTE = 60_000;

/** Berlin in winter is one hour before UTC. */
function diary(instead: Partial<Diary> = {}): Diary {
  return {
    hours: { week: new Map([[6, open('09:00', '14:00')]]), exceptions: new Map() },
    rules: { ...RULES_UNSET, advanceBookingDays: 8, minAdvanceHours: 24, maxAdvanceDays: 15 },
    length: { durationMinutes: 90, bufferMinutes: 15 },
    resources: [{ id: 'chair', capacity: 1 }],
    taken: [],
    stock: null,
    offsets: offsetsOfDays('Europe/Berlin', '2026-03-01', '2026-12-31'),
    ...instead,
  };
}
const asked = (change: Partial<Asking> = {}): Asking => ({ booker: 'CUSTOMER', nowMs: NOW, ...change });
const rule = (start: string, change: Partial<Diary> = {}, asking: Partial<Asking> = {}) =>
  whyNot(diary(change), asked(asking), at(start))?.rule ?? null;

test('a time of the grid that nobody has is free', () => {
  expect(rule('2026-11-28T08:00:00Z')).toBe(null);
  expect(rule('2026-11-28T09:45:00Z')).toBe(null);
  expect(rule('2026-11-28T11:30:00Z')).toBe(null);
});

test('between the times of the grid, and before and after the hours, it says which', () => {
  expect(rule('2026-11-28T08:01:00Z')).toBe('GRID');
  expect(rule('2026-11-28T11:29:00Z')).toBe('GRID');
  expect(rule('2026-11-28T07:59:00Z')).toBe('HOURS');
  expect(rule('2026-11-28T11:31:00Z')).toBe('HOURS');
  expect(rule('2026-11-27T09:00:00Z')).toBe('HOURS');
  expect(rule('2026-11-28T08:00:00Z', { hours: { week: new Map(), exceptions: new Map([[SATURDAY, null]]) } })).toBe(
    'EXCEPTION',
  );
});

test('the notice ends at its very minute', () => {
  const nowMs = at('2026-11-27T08:00:00Z');
  expect(rule('2026-11-28T08:00:00Z', {}, { nowMs })).toBe(null);
  expect(rule('2026-11-28T08:00:00Z', {}, { nowMs: nowMs + 1 })).toBe('NOTICE');
  const [first] = offered(diary(), asked({ nowMs }), SATURDAY, SATURDAY);
  expect(first!.fromMs).toBe(at('2026-11-28T08:00:00Z'));
  expect(offered(diary(), asked({ nowMs: nowMs + 1 }), SATURDAY, SATURDAY)[0]!.fromMs).toBe(at('2026-11-28T09:45:00Z'));
});

test('the horizon is a day where the tenant is: its last day is offered to the end, the next not at all', () => {
  // In Berlin it is already the 20th.
  const nowMs = at('2026-11-19T23:00:00Z');
  expect(rule('2026-11-28T11:30:00Z', {}, { nowMs })).toBe(null);
  expect(rule('2026-11-28T11:30:00Z', {}, { nowMs: nowMs - 1 })).toBe('HORIZON');
  expect(offered(diary(), asked({ nowMs }), SATURDAY, SATURDAY)).toHaveLength(3);
  expect(offered(diary(), asked({ nowMs: nowMs - 1 }), SATURDAY, SATURDAY)).toEqual([]);
});

test('staff have a horizon of their own, no notice, and any minute of any day', () => {
  const staff = { booker: 'STAFF' } as const;
  expect(rule('2026-12-05T08:00:00Z', {}, staff)).toBe(null);
  expect(rule('2026-12-05T22:59:00Z', {}, staff)).toBe(null);
  expect(rule('2026-12-05T23:00:00Z', {}, staff)).toBe('HORIZON');
  expect(rule('2026-11-20T12:01:00Z', {}, staff)).toBe(null);
  expect(rule('2026-11-19T12:00:00Z', {}, staff)).toBe(null);
  expect(rule('2026-11-19T11:59:59Z', {}, staff)).toBe('NOTICE');
});

test('what is taken is told from what is only kept free around it', () => {
  const booked = (from: string, to: string, bufferMinutes = 15) => ({
    taken: [{ resourceId: 'chair', unit: 1, fromMs: at(from), toMs: at(to) + bufferMinutes * MINUTE, bufferMinutes }],
  });
  const NINE = '2026-11-28T08:00:00Z';
  expect(rule(NINE, booked('2026-11-28T08:00:00Z', '2026-11-28T09:30:00Z'))).toBe('TAKEN');
  expect(rule(NINE, booked('2026-11-28T09:29:00Z', '2026-11-28T10:00:00Z'))).toBe('TAKEN');
  expect(rule(NINE, booked('2026-11-28T09:30:00Z', '2026-11-28T10:00:00Z'))).toBe('BUFFER');
  expect(rule(NINE, booked('2026-11-28T09:44:00Z', '2026-11-28T10:00:00Z'))).toBe('BUFFER');
  expect(rule(NINE, booked('2026-11-28T09:45:00Z', '2026-11-28T10:00:00Z'))).toBe(null);
  expect(rule(NINE, booked('2026-11-28T07:00:00Z', '2026-11-28T07:46:00Z'))).toBe('BUFFER');
  expect(rule(NINE, booked('2026-11-28T07:00:00Z', '2026-11-28T07:45:00Z'))).toBe(null);
});

test('what is sold out is offered to nobody, and the last one once', () => {
  expect(rule('2026-11-28T08:00:00Z', { stock: 0 })).toBe('OUT_OF_STOCK');
  expect(offered(diary({ stock: 0 }), asked(), SATURDAY, SATURDAY)).toEqual([]);
  const plenty = { resources: [{ id: 'chair', capacity: 5 }] };
  expect(offered(diary({ ...plenty, stock: 2 }), asked(), SATURDAY, SATURDAY)[0]!.remaining).toBe(2);
  expect(offered(diary(plenty), asked(), SATURDAY, SATURDAY)[0]!.remaining).toBe(5);
});

test('the hour that daylight saving removes is named, and so is the second of a repeated one', () => {
  const night = (date: string, from: string, to: string): Partial<Diary> => ({
    hours: { week: new Map(), exceptions: new Map([[date, open(from, to)]]) },
    length: { durationMinutes: 30, bufferMinutes: 30 },
  });
  const spring = night('2026-03-29', '00:00', '05:00');
  const inMarch = { nowMs: at('2026-03-25T00:00:00Z') };
  // 02:30 by the clock of winter: a client that does not know of the change sends this.
  const half = night('2026-03-29', '00:30', '05:00');
  expect(whyNot(diary(half), asked(inMarch), at('2026-03-29T02:30:00+01:00'))).toBe(null);
  expect(
    whyNot(
      diary({ ...half, length: { durationMinutes: 30, bufferMinutes: 90 } }),
      asked(inMarch),
      at('2026-03-29T02:30:00+01:00'),
    ),
  ).toMatchObject({
    rule: 'DAYLIGHT_SAVING',
    detail: expect.stringContaining('02:30 on 2026-03-29'),
  });
  expect(rule('2026-03-29T03:00:00+02:00', spring, inMarch)).toBe(null);
  const squeezed = { ...night('2026-03-29', '00:00', '06:00'), length: { durationMinutes: 90, bufferMinutes: 0 } };
  expect(rule('2026-03-29T03:00:00+02:00', squeezed, inMarch)).toBe('DAYLIGHT_SAVING');
  const autumn = night('2026-10-25', '00:00', '05:00');
  const inOctober = { nowMs: at('2026-10-20T00:00:00Z') };
  expect(rule('2026-10-25T02:00:00+02:00', autumn, inOctober)).toBe(null);
  expect(rule('2026-10-25T02:00:00+01:00', autumn, inOctober)).toBe('DAYLIGHT_SAVING');
});

test('other times are the nearest free ones within notice and horizon, earliest first', () => {
  const every = new Map([1, 2, 3, 4, 5, 6, 7].map((day) => [day, open('09:00', '12:00')]));
  const busy = diary({
    hours: { week: every, exceptions: new Map() },
    length: { durationMinutes: 60, bufferMinutes: 0 },
    taken: [
      {
        resourceId: 'chair',
        unit: 1,
        fromMs: at('2026-11-24T09:00:00Z'),
        toMs: at('2026-11-24T10:00:00Z'),
        bufferMinutes: 0,
      },
    ],
  });
  const starts = (start: string) =>
    alternatives(busy, asked(), at(start)).map(({ fromMs }) => new Date(fromMs).toISOString().slice(5, 16));
  expect(starts('2026-11-24T09:00:00Z')).toEqual([
    '11-23T09:00',
    '11-23T10:00',
    '11-24T08:00',
    '11-24T10:00',
    '11-25T08:00',
  ]);
  // Far beyond the horizon, the last ones before it; long ago, the first ones after the notice.
  expect(starts('2027-11-24T09:00:00Z').at(-1)).toBe('11-28T10:00');
  expect(starts('2020-11-24T09:00:00Z')[0]).toBe('11-22T08:00');
});

test('a customer may cancel up to the very moment that the notice begins', () => {
  const rules = { ...RULES_UNSET, cancelNoticeHours: 24 };
  const start = at('2026-11-28T08:00:00Z');
  expect(isInCancelNotice(rules, start, at('2026-11-27T08:00:00Z'))).toBe(false);
  expect(isInCancelNotice(rules, start, at('2026-11-27T08:00:00Z') + 1)).toBe(true);
});

test.each(RULE_NAMES)('%s is accepted at its bounds and refused beyond them, by its name', (name) => {
  const [least, most] = RULE_BOUNDS[name];
  const wide = { ...RULES_UNSET, advanceBookingDays: 0, maxAdvanceDays: 3_650 };
  const rules = (value: number) => checkedBookingRules({ ...wide, [name]: value });
  expect(rules(least)[name]).toBe(least);
  expect(rules(most)[name]).toBe(most);
  for (const wrong of [least - 1, most + 1, least + 0.5]) {
    expect(() => rules(wrong)).toThrow(expect.objectContaining({ code: 'INVALID_INPUT', field: ['input', name] }));
  }
});

test('customers never book further ahead than operators', () => {
  const rules = { ...RULES_UNSET, advanceBookingDays: 31, maxAdvanceDays: 31 };
  expect(checkedBookingRules(rules)).toEqual(rules);
  expect(() => checkedBookingRules({ ...rules, advanceBookingDays: 32 })).toThrow(
    expect.objectContaining({ field: ['input', 'advanceBookingDays'] }),
  );
});

test('hours are said whole: open and close, in this order, or closed', () => {
  const field = ['input', 'days', '0'];
  expect(openMinutesOf({ open: '00:00', close: '24:00' }, field)).toEqual({ opensMinute: 0, closesMinute: 1_440 });
  expect(openMinutesOf({ closed: true }, field)).toBe(null);
  expect(openMinutesOf({ closed: false }, field)).toBe(undefined);
  const refused = (given: object, name: string) =>
    expect(() => openMinutesOf(given, field)).toThrow(expect.objectContaining({ field: [...field, name] }));
  refused({ open: '09:00' }, 'close');
  refused({ close: '09:00' }, 'open');
  refused({ open: '09:00', close: '09:00' }, 'close');
  refused({ open: '10:00', close: '09:00' }, 'close');
  refused({ open: '09:00', close: '10:00', closed: true }, 'open');
});
