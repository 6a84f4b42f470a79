import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { readDiary } from '../../src/resolvers/diary-read.ts';
import { startTestApp, type As, type TestApp } from '../helpers/app.ts';
import { Desk, StandingClock } from '../helpers/diary.ts';
import { rawId } from '../helpers/shop.ts';

/** Hours, rules, free times and the reasons against the others, as the graph shows them (TEN-5, TEN-8, BEY-6). The demo tenant is in Cairo. */
const clock = new StandingClock('2026-11-21T06:00:00Z');
let world: TestApp;
let desk: Desk;
let talk: string;
beforeAll(async () => {
  world = await startTestApp({ clock, worker: false });
  desk = await Desk.open(world, clock);
  await world.owner('update portal_configs set rate_limit_per_minute = 1000000');
});
afterAll(() => world.stop());
beforeEach(async () => {
  clock.nowMs = Date.parse('2026-11-21T06:00:00Z');
  await world.owner('delete from hours_exceptions');
  await desk.hours('09:00', '14:00');
  await desk.rules({
    advanceBookingDays: 30,
    minAdvanceHours: 0,
    maxAdvanceDays: 60,
    slotDurationMinutes: 90,
    bufferMinutes: 15,
    capacity: 1,
    maxUnpaidAppointments: 1_000,
  });
  talk = await desk.service({ resources: [1] });
});

const HOURS = 'businessHours { days { day open close closed } exceptions { date open close closed } }';
const RULES =
  'bookingRules { advanceBookingDays minAdvanceHours maxAdvanceDays slotDurationMinutes bufferMinutes capacity cancelNoticeHours holdMinutes maxUnpaidAppointments maxUnpaidOrders }';
const SHOWN = `tenant { ${HOURS} ${RULES} } userErrors { code field }`;
const asked = async (as: As) => (await world.data(as, `{ tenant { ${HOURS} ${RULES} } }`)).tenant;

describe('hours and rules', () => {
  test('are unset until somebody sets them: closed, with the defaults', async () => {
    const other = await world.session(
      {
        email: 'operator@other.example',
        password: world.passwordOf('00000000-0000-4000-8000-0000000000d2', 'operator@other.example'),
      },
      world.facts.otherPortalKey,
    );
    const { businessHours, bookingRules } = await asked({ token: other.accessToken });
    expect(businessHours.exceptions).toEqual([]);
    expect(businessHours.days).toHaveLength(7);
    expect(businessHours.days.every(({ closed }: { closed: boolean }) => closed)).toBe(true);
    expect(bookingRules).toEqual({
      advanceBookingDays: 30,
      minAdvanceHours: 2,
      maxAdvanceDays: 365,
      slotDurationMinutes: 60,
      bufferMinutes: 0,
      capacity: 1,
      cancelNoticeHours: 24,
      holdMinutes: 30,
      maxUnpaidAppointments: 5,
      maxUnpaidOrders: 5,
    });
  });

  test('change day by day and date by date, what is not named stays, and a date of which nothing is said goes back to its weekday', async () => {
    const update = (input: object) => desk.mutate('updateBusinessHours', input, desk.admin, SHOWN);
    const { tenant } = await update({
      days: [{ day: 'SUNDAY', closed: true }],
      exceptions: [
        { date: '2026-12-25', closed: true },
        { date: '2026-12-24', open: '10:00', close: '24:00' },
      ],
    });
    const { days, exceptions } = tenant.businessHours;
    expect(days.at(-1)).toEqual({ day: 'SUNDAY', open: null, close: null, closed: true });
    expect(days[0]).toEqual({ day: 'MONDAY', open: '09:00', close: '14:00', closed: false });
    expect(exceptions).toEqual([
      { date: '2026-12-24', open: '10:00', close: '24:00', closed: false },
      { date: '2026-12-25', open: null, close: null, closed: true },
    ]);
    const again = await update({ days: [], exceptions: [{ date: '2026-12-24' }] });
    expect(again.tenant.businessHours.exceptions.map(({ date }: { date: string }) => date)).toEqual(['2026-12-25']);
    expect((await asked(desk.shop.customer)).businessHours).toEqual(again.tenant.businessHours);
  });

  test('are audited with before and after, and other processes hear of them', async () => {
    await desk.rules({ capacity: 7 });
    const [entry] = await world.owner(
      "select before, after from audit_entries where action = 'bookingRules.update' order by position desc limit 1",
    );
    expect([entry.before.capacity, entry.after.capacity]).toEqual([1, 7]);
    await desk.hours('08:00', '09:00');
    const [hours] = await world.owner(
      "select before, after from audit_entries where action = 'businessHours.update' order by position desc limit 1",
    );
    expect([hours.before.days[0].open, hours.after.days[0].open]).toEqual(['09:00', '08:00']);
    const [event] = await world.owner('select type from events where tenant_id = $1 order by position desc limit 1', [
      desk.shop.tenantId,
    ]);
    expect(event.type).toBe('tenant.changed');
  });

  test.each([
    ['updateBookingRules', { capacity: 0 }, ['input', 'capacity']],
    ['updateBookingRules', { advanceBookingDays: 61 }, ['input', 'advanceBookingDays']],
    ['updateBusinessHours', { days: [{ day: 'MONDAY' }] }, ['input', 'days', '0', 'open']],
    [
      'updateBusinessHours',
      {
        days: [
          { day: 'MONDAY', closed: true },
          { day: 'MONDAY', closed: true },
        ],
      },
      ['input', 'days', '1', 'day'],
    ],
    [
      'updateBusinessHours',
      { days: [], exceptions: [{ date: '2026-12-24', open: '09:00' }] },
      ['input', 'exceptions', '0', 'close'],
    ],
  ])('%s refuses %j and names the field', async (name, input, field) => {
    const before = await asked(desk.admin);
    const { tenant, userErrors } = await desk.mutate(name, input, desk.admin, SHOWN);
    expect([tenant, userErrors]).toEqual([null, [{ code: 'INVALID_INPUT', field }]]);
    expect(await asked(desk.admin)).toEqual(before);
  });

  test('are for administrators of the tenant to set', async () => {
    const answer = await desk.mutate('updateBookingRules', { capacity: 2 }, desk.shop.operator, SHOWN);
    expect(answer.userErrors).toMatchObject([{ code: 'FORBIDDEN' }]);
  });
});

describe('free times', () => {
  test('of a Saturday from 09:00 to 14:00 with 90 minutes and 15 between them are 09:00, 10:45, 12:30, for anybody with the key', async () => {
    const times = await desk.slots(talk, '2026-11-28');
    expect(times).toEqual([
      { start: '2026-11-28T07:00:00.000Z', end: '2026-11-28T08:30:00.000Z', localStart: '09:00', remaining: 1 },
      { start: '2026-11-28T08:45:00.000Z', end: '2026-11-28T10:15:00.000Z', localStart: '10:45', remaining: 1 },
      { start: '2026-11-28T10:30:00.000Z', end: '2026-11-28T12:00:00.000Z', localStart: '12:30', remaining: 1 },
    ]);
    expect(await desk.shown(null, '2026-11-28')).toEqual(['09:00', '10:45', '12:30']);
  });

  test('end with the horizon, the customers’ or the operators’, and begin behind the notice', async () => {
    await desk.rules({ minAdvanceHours: 1 });
    const days = (times: any[]) => [...new Set(times.map(({ start }) => start.slice(0, 10)))];
    // At 08:00 in Cairo: 09:00 is exactly one hour ahead.
    expect(await desk.shown(talk, '2026-11-21')).toEqual(['09:00', '10:45', '12:30']);
    clock.nowMs += 1;
    expect(await desk.shown(talk, '2026-11-21')).toEqual(['10:45', '12:30']);
    expect(days(await desk.slots(talk, '2026-12-01', '2027-01-31')).at(-1)).toBe('2026-12-21');
    expect(days(await desk.slots(talk, '2026-12-01', '2027-01-31', desk.shop.operator)).at(-1)).toBe('2027-01-20');
    expect(days(await desk.slots(talk, '2026-11-01', '2026-12-01'))[0]).toBe('2026-11-21');
  });

  test('follow an exception of one date', async () => {
    await desk.hours('09:00', '14:00', [
      { date: '2026-11-28', closed: true },
      { date: '2026-11-29', open: '20:00', close: '24:00' },
    ]);
    expect(await desk.shown(talk, '2026-11-28')).toEqual([]);
    expect(await desk.shown(talk, '2026-11-29')).toEqual(['20:00', '21:45']);
  });

  test('count all resources of a service, and its stock is their limit', async () => {
    expect(await desk.shown(await desk.service({ resources: [2, 1] }), '2026-11-28')).toContain('09:00 x3');
    expect(await desk.shown(await desk.service({ resources: [2, 1], stock: 2 }), '2026-11-28')).toContain('09:00 x2');
    expect(await desk.shown(await desk.service({ capacity: 4 }), '2026-11-28')).toContain('09:00 x4');
    expect(await desk.shown(await desk.service({ stock: 0 }), '2026-11-28')).toEqual([]);
  });

  test('are as long as the service says', async () => {
    const quick = await desk.service({ resources: [1], durationMinutes: 120, bufferMinutes: 30 });
    expect(await desk.shown(quick, '2026-11-28')).toEqual(['09:00', '11:30']);
  });

  test('leave out the hour that daylight saving removes, and come once where it repeats one', async () => {
    await desk.rules({ slotDurationMinutes: 30, bufferMinutes: 0 });
    await desk.hours('00:00', '03:00');
    // In Cairo on the last Friday of April clocks go from 00:00 to 01:00.
    clock.nowMs = Date.parse('2026-04-20T00:00:00Z');
    desk = await Desk.open(world, clock).finally(() => world.forgetSessions());
    expect(await desk.shown(talk, '2026-04-24')).toEqual(['01:00', '01:30', '02:00', '02:30']);
    // On the last Thursday of October they go from 24:00 to 23:00.
    clock.nowMs = Date.parse('2026-10-25T00:00:00Z');
    desk = await Desk.open(world, clock);
    await desk.hours('22:00', '24:00');
    expect(await desk.shown(talk, '2026-10-29')).toEqual(['22:00', '22:30', '23:00', '23:30']);
    clock.nowMs = Date.parse('2026-11-21T06:00:00Z');
    world.forgetSessions();
    desk = await Desk.open(world, clock);
  });

  test('are asked for 62 days at most, and a day at least', async () => {
    const ask = (from: string, to: string) =>
      world.ask(desk.portal, 'query ($from: Date!, $to: Date!) { timeSlots(from: $from, to: $to) { start } }', {
        from,
        to,
      });
    expect((await ask('2026-12-01', '2027-01-31')).errors).toBe(undefined);
    expect((await ask('2026-12-01', '2027-02-01')).errors).toMatchObject([{ extensions: { code: 'INVALID_INPUT' } }]);
    expect((await ask('2026-12-02', '2026-12-01')).errors).toMatchObject([{ extensions: { code: 'INVALID_INPUT' } }]);
  });

  test('of thousands of years are refused before anything is read, whoever asks', async () => {
    const counter = world.app.metrics.databaseStatements;
    const now = async () => (await counter.get()).values[0]?.value ?? 0;
    const ask = async (as: As, from: string, to: string) => {
      const before = await now();
      const { errors } = await world.ask(
        as,
        'query ($id: ID, $from: Date!, $to: Date!) { timeSlots(productId: $id, from: $from, to: $to) { start } }',
        { id: talk, from, to },
      );
      return [errors?.[0]?.extensions.code, (await now()) - before];
    };
    // Once, so that key and budget are known.
    await ask(desk.portal, '2026-12-01', '2026-12-01');
    await ask(desk.shop.operator, '2026-12-01', '2026-12-01');
    expect(await ask(desk.portal, '0001-01-01', '9999-12-31')).toEqual(['INVALID_INPUT', 0]);
    expect(await ask(desk.shop.operator, '2026-12-01', '9999-12-31')).toEqual(['INVALID_INPUT', 0]);
    expect(await ask(desk.portal, '9999-12-31', '0001-01-01')).toEqual(['INVALID_INPUT', 0]);
  });

  test('of what is not there, not sold or not booked by time are refused', async () => {
    const codeOf = async (productId: string) => {
      const answer = await world.ask(
        desk.portal,
        'query ($id: ID!) { timeSlots(productId: $id, from: "2026-11-28", to: "2026-11-28") { start } }',
        { id: productId },
      );
      return answer.errors?.[0]?.extensions.code;
    };
    expect(await codeOf(desk.shop.node('Product', '00000000-0000-4000-8000-00000000dead'))).toBe('NOT_FOUND');
    expect(await codeOf(desk.shop.customerId)).toBe('NOT_FOUND');
    expect(await codeOf(await desk.service({ active: false }))).toBe('NOT_FOUND');
    expect(await codeOf(await desk.service({ bookable: false }))).toBe('INVALID_INPUT');
    const ofOthers = await desk.service({}, '00000000-0000-4000-8000-0000000000d2');
    expect(await codeOf(ofOthers)).toBe('NOT_FOUND');
  });
});

describe('whyNot', () => {
  const ruleOf = async (start: string, as?: As) => (await desk.whyNot(talk, start, as)).rule;

  test('says of each time the rule that forbids it, with free ones instead, and of a free one that it is', async () => {
    await desk.rules({ minAdvanceHours: 24 });
    await desk.hours('09:00', '14:00', [{ date: '2026-11-29', closed: true }]);
    expect(await desk.whyNot(talk, '2026-11-28T07:00:00Z')).toEqual({
      available: true,
      rule: null,
      detail: expect.any(String),
      alternatives: [],
    });
    expect(await ruleOf('2026-11-28T03:00:00Z')).toBe('HOURS');
    expect(await ruleOf('2026-11-28T07:30:00Z')).toBe('GRID');
    expect(await ruleOf('2026-11-29T07:00:00Z')).toBe('EXCEPTION');
    expect(await ruleOf('2026-11-21T07:00:00Z')).toBe('NOTICE');
    expect(await ruleOf('2020-01-01T00:00:00Z')).toBe('NOTICE');
    expect(await ruleOf('2026-12-22T07:00:00Z')).toBe('HORIZON');
    expect(await ruleOf('9999-12-31T00:00:00Z')).toBe('HORIZON');
    expect(await ruleOf('2026-12-22T07:00:00Z', desk.shop.operator)).toBe(null);
    const { alternatives } = await desk.whyNot(talk, '2026-11-29T07:00:00Z');
    expect(alternatives.map(({ start }: { start: string }) => start.slice(5, 16))).toEqual([
      '11-28T07:00',
      '11-28T08:45',
      '11-28T10:30',
      '11-30T07:00',
      '11-30T08:45',
    ]);
  });

  test('of a moment centuries away names the rule and reads no more than the days among which there is another time', async () => {
    const years = ['0001-01-01T00:00:00Z', '1900-06-01T07:00:00Z', '2020-01-01T07:00:00Z', '2026-11-01T07:00:00Z'];
    for (const start of years) {
      expect(await ruleOf(start)).toBe('NOTICE');
      expect(await ruleOf(start, desk.shop.operator)).toBe('NOTICE');
    }
    for (const start of ['2027-06-01T07:00:00Z', '9999-12-31T23:59:00Z']) {
      expect(await ruleOf(start)).toBe('HORIZON');
      expect(await ruleOf(start, desk.shop.operator)).toBe('HORIZON');
    }
    // An appointment for each of some hundred months, long ago and far ahead.
    const { id } = await desk.booked(talk, '2026-11-28T07:00:00Z');
    await world.owner(
      `insert into allocations (tenant_id, id, resource_id, unit, booking_id, during, starts_at, ends_at)
       select a.tenant_id, gen_random_uuid(), a.resource_id, 1, a.booking_id, tstzrange(t, t + interval '1 hour'), t, t + interval '1 hour'
       from allocations a, (select a.starts_at + n * interval '1 month' as t from allocations a, generate_series(-300, 300) n
         where n <> 0 and a.booking_id = $1) s where a.booking_id = $1`,
      [rawId(id)],
    );
    for (const start of [...years, '2045-01-01T07:00:00Z', '9999-12-31T23:59:00Z']) {
      const taken = await world.app.db.read({ tenantId: desk.shop.tenantId, customerId: null }, async (tx) => {
        const about = { productId: rawId(talk), window: { startMs: Date.parse(start) }, field: [] };
        return (await readDiary(tx, { booker: 'STAFF', nowMs: clock.nowMs }, about)).taken;
      });
      expect([start, taken.length <= 3]).toEqual([start, true]);
    }
    await world.owner('delete from allocations where booking_id = $1 and starts_at <> $2', [
      rawId(id),
      '2026-11-28T07:00:00Z',
    ]);
  });

  test('tells what is taken from what is too close to it', async () => {
    await desk.booked(talk, '2026-11-28T08:45:00Z');
    expect(await ruleOf('2026-11-28T08:45:00Z')).toBe('TAKEN');
    // An operator's own, off the grid: it ends within the buffer of the next time.
    await desk.booked(talk, '2026-11-30T07:14:00Z', desk.shop.operator, { customerId: desk.shop.customerId });
    expect(await ruleOf('2026-11-30T08:45:00Z')).toBe('BUFFER');
    expect(await ruleOf('2026-11-30T10:30:00Z')).toBe(null);
    expect(await desk.shown(talk, '2026-11-30')).toEqual(['12:30']);
  });
});

test('a diary costs one statement for each table, however many resources, days and bookings there are', async () => {
  const counter = world.app.metrics.databaseStatements;
  const now = async () => (await counter.get()).values[0]?.value ?? 0;
  const costOf = async (work: () => Promise<unknown>) => {
    const tries = [];
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const before = await now();
      await work();
      tries.push((await now()) - before);
    }
    return Math.min(...tries);
  };
  const few = [
    await costOf(() => desk.slots(talk, '2026-11-28')),
    await costOf(() => desk.whyNot(talk, '2026-11-28T07:00:00Z')),
  ];
  const many = await desk.service({ resources: Array.from({ length: 30 }, () => 2) });
  for (const day of ['25', '26', '27', '28', '29', '30'])
    for (const at of ['07:00', '08:45', '10:30']) await desk.booked(many, `2026-11-${day}T${at}:00Z`);
  expect([
    await costOf(() => desk.slots(many, '2026-11-21', '2026-12-20')),
    await costOf(() => desk.whyNot(many, '2026-11-28T07:00:00Z')),
  ]).toEqual(few);
  // Tenant with rules, product, hours, exceptions, resources, allocations.
  expect(few).toEqual([6, 6]);
});
