import { expect, test } from 'vitest';

import fc from '../helpers/property.ts';
import {
  freeOf,
  freeTimes,
  freeUnit,
  gridOf,
  isOnlyBuffer,
  takenSpan,
  type Span,
  type Taken,
} from '../../src/domain/availability.ts';
import type { BusinessHours } from '../../src/domain/business-hours.ts';
import { localTime, minutesOf } from '../../src/domain/business-hours.ts';
import { offsetsOfDays } from '../../src/domain/wall-clock.ts';
import { anyCase, changesOfClocks, faultsOf, minutesAround, oneOfEachShape } from '../proof/diary-oracle.ts';

const at = (text: string): number => Date.parse(text);
const open = (from: string, to: string) => ({ opensMinute: minutesOf(from), closesMinute: minutesOf(to) });
const weekly = (day: number, from: string, to: string): BusinessHours => ({
  week: new Map([[day, open(from, to)]]),
  exceptions: new Map(),
});
const shown = (hours: BusinessHours, date: string, zone: string, durationMinutes: number, bufferMinutes = 0) =>
  gridOf(hours, date, { durationMinutes, bufferMinutes }, offsetsOfDays(zone, date, date)).map(
    ({ minute, span }) => `${localTime(minute)}${span ? '' : ' not'}`,
  );

test('a Saturday from 09:00 to 14:00 in times of 90 minutes with 15 between them is 09:00, 10:45, 12:30 and nothing later', () => {
  expect(shown(weekly(6, '09:00', '14:00'), '2026-11-28', 'Africa/Cairo', 90, 15)).toEqual(['09:00', '10:45', '12:30']);
});

test('a time may end at the very minute of closing, its buffer behind it, and one minute less is one time less', () => {
  expect(shown(weekly(6, '09:00', '14:00'), '2026-11-28', 'UTC', 90, 15)).toHaveLength(3);
  expect(shown(weekly(6, '09:00', '13:59'), '2026-11-28', 'UTC', 90, 15)).toHaveLength(2);
  expect(shown(weekly(6, '22:00', '24:00'), '2026-11-28', 'UTC', 60)).toEqual(['22:00', '23:00']);
});

test('on a closed weekday there is no time, and an exception opens or closes a single date', () => {
  const hours = weekly(6, '09:00', '11:00');
  expect(shown(hours, '2026-11-27', 'UTC', 60)).toEqual([]);
  const exceptions = new Map([
    ['2026-11-27', open('12:00', '13:00')],
    ['2026-11-28', null],
  ]);
  expect(shown({ ...hours, exceptions }, '2026-11-27', 'UTC', 60)).toEqual(['12:00']);
  expect(shown({ ...hours, exceptions }, '2026-11-28', 'UTC', 60)).toEqual([]);
  expect(shown({ ...hours, exceptions }, '2026-12-05', 'UTC', 60)).toEqual(['09:00', '10:00']);
});

test.each([
  // From 02:00 to 03:00 there is nothing; what begins before lasts as long as it does.
  ['Europe/Berlin', '2026-03-29', 60, 0, ['00:00', '01:00', '02:00 not', '03:00', '04:00']],
  ['Europe/Berlin', '2026-03-29', 90, 0, ['00:00', '01:30', '03:00 not']],
  // From 02:00 to 03:00 it is twice.
  ['Europe/Berlin', '2026-10-25', 60, 0, ['00:00', '01:00', '02:00', '03:00', '04:00']],
  // Midnight itself is left out.
  ['Africa/Cairo', '2026-04-24', 30, 30, ['00:00 not', '01:00', '02:00', '03:00', '04:00']],
  // And comes twice.
  ['America/Havana', '2026-11-01', 60, 0, ['00:00', '01:00', '02:00', '03:00', '04:00']],
  ['Australia/Lord_Howe', '2026-10-04', 30, 30, ['00:00', '01:00', '02:00 not', '03:00', '04:00']],
])(
  'in %s on %s times of %d minutes with %d between are as the clock shows them',
  (zone, date, duration, buffer, times) => {
    const hours = { week: new Map(), exceptions: new Map([[date, open('00:00', '05:00')]]) };
    expect(shown(hours, date, zone, duration, buffer)).toEqual(times);
  },
);

test('a repeated hour is offered the first time it comes', () => {
  const hours = weekly(7, '02:00', '03:00');
  const [time] = gridOf(
    hours,
    '2026-10-25',
    { durationMinutes: 60, bufferMinutes: 0 },
    offsetsOfDays('Europe/Berlin', '2026-10-25', '2026-10-25'),
  );
  expect(time!.span).toEqual({ fromMs: at('2026-10-25T00:00:00Z'), toMs: at('2026-10-25T01:00:00Z') });
});

const taken = (resourceId: string, unit: number, from: string, to: string, bufferMinutes = 0): Taken => ({
  resourceId,
  unit,
  fromMs: at(from),
  toMs: at(to),
  bufferMinutes,
});
const span = (from: string, to: string): Span => ({ fromMs: at(from), toMs: at(to) });
const NINE = '2026-11-28T09:00:00Z';
const TEN = '2026-11-28T10:00:00Z';
const ELEVEN = '2026-11-28T11:00:00Z';

test('what touches is no overlap, and a minute of it is', () => {
  const chair = [{ id: 'chair', capacity: 1 }];
  const nine = [taken('chair', 1, NINE, TEN)];
  expect(freeUnit(span(TEN, ELEVEN), chair, nine)).toEqual({ resourceId: 'chair', unit: 1 });
  expect(freeUnit(span('2026-11-28T09:59:00Z', ELEVEN), chair, nine)).toBe(null);
  expect(freeUnit(span('2026-11-28T08:00:00Z', NINE), chair, nine)).toEqual({ resourceId: 'chair', unit: 1 });
});

test('each unit is given once, of whichever resource has the most left, and none beyond its capacity', () => {
  const resources = [
    { id: 'ann', capacity: 1 },
    { id: 'room', capacity: 2 },
  ];
  const given: Taken[] = [];
  for (;;) {
    const unit = freeUnit(span(NINE, TEN), resources, given);
    if (!unit) break;
    given.push({ ...unit, ...span(NINE, TEN), bufferMinutes: 0 });
  }
  expect(given.map(({ resourceId, unit }) => `${resourceId} ${unit}`)).toEqual(['room 1', 'ann 1', 'room 2']);
});

test('what is only kept free behind an appointment is told apart from the appointment', () => {
  const chair = [{ id: 'chair', capacity: 1 }];
  const nine = [taken('chair', 1, NINE, '2026-11-28T10:15:00Z', 15)];
  expect(isOnlyBuffer(span(TEN, ELEVEN), chair, nine)).toBe(true);
  expect(isOnlyBuffer(span('2026-11-28T09:59:00Z', ELEVEN), chair, nine)).toBe(false);
});

const minutes = fc.integer({ min: -600, max: 600 });
const spans = fc.array(fc.tuple(minutes, fc.integer({ min: 1, max: 300 })), { maxLength: 12 });

test('what is left and what others take of it is the whole, whatever overlaps', () => {
  fc.assert(
    fc.property(minutes, fc.integer({ min: 1, max: 600 }), spans, (from, length, others) => {
      const whole = { fromMs: from, toMs: from + length };
      const busy = others.map(([start, lasts]) => ({ fromMs: start, toMs: start + lasts }));
      const free = freeOf(whole, busy);
      for (let moment = from; moment < from + length; moment += 1) {
        const isIn = ({ fromMs, toMs }: Span) => fromMs <= moment && moment < toMs;
        if (free.filter(isIn).length + Number(busy.some(isIn)) !== 1) return false;
      }
      return free.every(({ fromMs, toMs }) => whole.fromMs <= fromMs && fromMs < toMs && toMs <= whole.toMs);
    }),
  );
});

test('a time is offered as often as a unit can be given for it', () => {
  const hours = weekly(6, '08:00', '18:00');
  const offsets = offsetsOfDays('UTC', '2026-11-28', '2026-11-28');
  const resources = [
    { id: 'a', capacity: 1 },
    { id: 'b', capacity: 2 },
  ];
  const booking = fc.record({
    resourceId: fc.constantFrom('a', 'b', 'somebody else'),
    unit: fc.integer({ min: 1, max: 3 }),
    from: fc.integer({ min: 0, max: 1_440 }),
    lasts: fc.integer({ min: 5, max: 200 }),
  });
  const lengths = fc.record({
    durationMinutes: fc.integer({ min: 5, max: 240 }),
    bufferMinutes: fc.integer({ min: 0, max: 60 }),
  });
  fc.assert(
    fc.property(fc.array(booking, { maxLength: 20 }), lengths, (bookings, length) => {
      const others = bookings.map(({ resourceId, unit, from, lasts }): Taken => {
        const fromMs = at('2026-11-28T00:00:00Z') + from * 60_000;
        return { resourceId, unit, fromMs, toMs: fromMs + lasts * 60_000, bufferMinutes: 0 };
      });
      const grid = gridOf(hours, '2026-11-28', length, offsets);
      const offered = new Map(
        freeTimes(grid, length, resources, others).map(({ fromMs, remaining }) => [fromMs, remaining]),
      );
      return grid.every((time) => {
        const wanted = takenSpan(time.span!, length.bufferMinutes);
        const given = [...others];
        let count = 0;
        for (let unit = freeUnit(wanted, resources, given); unit; unit = freeUnit(wanted, resources, given)) {
          given.push({ ...unit, ...wanted, bufferMinutes: 0 });
          count += 1;
        }
        return (offered.get(time.span!.fromMs) ?? 0) === count;
      });
    }),
    { numRuns: 50 },
  );
});

test('the times of many days at once are those of each day, and each is offered as often as a unit can be given for it', () => {
  const zone = 'Europe/Berlin';
  // Clocks are set back on the 25th.
  const dates = ['2026-10-23', '2026-10-24', '2026-10-25', '2026-10-26'];
  const offsets = offsetsOfDays(zone, dates[0]!, dates.at(-1)!);
  const hours: BusinessHours = {
    week: new Map([5, 6, 7, 1].map((day) => [day, open('00:00', '24:00')])),
    exceptions: new Map([['2026-10-24', open('13:00', '24:00')]]),
  };
  const resources = Array.from({ length: 3 }, (_, index) => ({ id: `r${index}`, capacity: index + 1 }));
  const booking = fc.record({
    resource: fc.integer({ min: 0, max: 3 }),
    unit: fc.integer({ min: 1, max: 4 }),
    from: fc.integer({ min: -600, max: 5 * 1_440 }),
    lasts: fc.integer({ min: 5, max: 2_000 }),
  });
  const lengths = fc.record({
    durationMinutes: fc.integer({ min: 20, max: 600 }),
    bufferMinutes: fc.integer({ min: 0, max: 60 }),
  });
  fc.assert(
    fc.property(fc.array(booking, { maxLength: 40 }), lengths, (bookings, length) => {
      const others = bookings.map(({ resource, unit, from, lasts }): Taken => {
        const fromMs = at('2026-10-22T22:00:00Z') + from * 60_000;
        return { resourceId: `r${resource}`, unit, fromMs, toMs: fromMs + lasts * 60_000, bufferMinutes: 0 };
      });
      const days = dates.map((date) => gridOf(hours, date, length, offsets));
      const offered = freeTimes(days.flat(), length, resources, others);
      const oneByOne = days.flatMap((grid) => freeTimes(grid, length, resources, others));
      const counted = days.flat().flatMap(({ span: time }) => {
        if (!time) return [];
        const wanted = takenSpan(time, length.bufferMinutes);
        const given = [...others];
        let count = 0;
        for (let unit = freeUnit(wanted, resources, given); unit; unit = freeUnit(wanted, resources, given)) {
          given.push({ ...unit, ...wanted, bufferMinutes: 0 });
          count += 1;
        }
        return count > 0 ? [[time.fromMs, count]] : [];
      });
      expect(offered).toEqual(oneByOne);
      expect(offered.map(({ fromMs, remaining }) => [fromMs, remaining])).toEqual(counted);
    }),
    { numRuns: 30 },
  );
});

test('at every kind of change of clocks free and busy time are the open time, as minutes counted one by one say', () => {
  const changes = oneOfEachShape(changesOfClocks(2026, 2026));
  expect(changes.length).toBeGreaterThan(10);
  const faults = changes.flatMap((change, index) => {
    const around = minutesAround(change);
    return fc.sample(anyCase, { numRuns: 2, seed: index }).flatMap((one) => faultsOf(change, around, one));
  });
  expect(faults).toEqual([]);
});
