import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { eventually, startTestApp, type As, type TestApp } from '../helpers/app.ts';
import { brokenDiary, Desk, StandingClock } from '../helpers/diary.ts';
import { rawId } from '../helpers/shop.ts';

/** Who or what does a service: staff, rooms, chairs, as operators say it (TEN-9). */
const clock = new StandingClock('2026-11-21T06:00:00Z');
const DAY = '2026-11-23';
/** 09:00 in Cairo. */
const NINE = `${DAY}T07:00:00Z`;
let world: TestApp;
let desk: Desk;
let talk: string;
beforeAll(async () => {
  world = await startTestApp({ clock, worker: false });
  desk = await Desk.open(world, clock);
  await world.owner('update portal_configs set rate_limit_per_minute = 1000000');
  await desk.hours('09:00', '12:00');
  await desk.rules({ minAdvanceHours: 0, slotDurationMinutes: 60, bufferMinutes: 0, capacity: 1 });
});
afterAll(() => world.stop());
beforeEach(async () => {
  talk = await desk.service();
});

const FIELDS = 'resource { id code name capacity active services { id } } userErrors { code field details }';
let codes = 0;
const code = () => `staff-${(codes += 1)}`;
const upsert = (input: object, as: As = desk.shop.operator) => desk.mutate('upsertResource', input, as, FIELDS);
const remove = (id: string, as: As = desk.shop.operator, idempotencyKey?: string) =>
  desk.mutate('deleteResource', { id, idempotencyKey }, as, 'deletedId userErrors { code field details }');
async function made(input: object): Promise<string> {
  const { resource, userErrors } = await upsert({ code: code(), name: 'Anna', ...input });
  expect(userErrors).toEqual([]);
  return resource.id;
}
const book = (productId: string, start = NINE): Promise<any> =>
  desk.mutate('bookAppointment', { productId, start, customerId: desk.shop.customerId }, desk.shop.operator);
const shown = () => desk.shown(talk, DAY, desk.shop.operator);
const listed = async (as: As = desk.shop.operator): Promise<any[]> =>
  (await world.data(as, '{ resources { id code active } }')).resources;

describe('somebody who does a service', () => {
  test('is booked as often as their capacity says, beside others, and no longer when they take no new appointments', async () => {
    expect(await shown()).toEqual(['09:00', '10:00', '11:00']);
    const anna = await made({ productIds: [talk], capacity: 2 });
    expect(await shown()).toEqual(['09:00 x2', '10:00 x2', '11:00 x2']);
    const room = await made({ name: 'Room', productIds: [talk] });
    expect(await shown()).toEqual(['09:00 x3', '10:00 x3', '11:00 x3']);
    const answers = await Promise.all(Array.from({ length: 5 }, () => book(talk)));
    expect(answers.filter(({ booking }) => booking)).toHaveLength(3);
    expect(answers.flatMap(({ userErrors }) => userErrors.map((error: any) => error.code))).toEqual([
      'TIME_TAKEN',
      'TIME_TAKEN',
    ]);
    const off = await upsert({ id: anna, active: false });
    expect(off.resource).toMatchObject({ active: false, capacity: 2, services: [{ id: talk }] });
    expect(await shown()).toEqual(['10:00', '11:00']);
    const [{ held }] = await world.owner('select count(*)::int as held from allocations where resource_id = $1', [
      rawId(anna),
    ]);
    expect(held).toBe(2);
    // Without anybody named, the tenant's own capacity does it, as before.
    for (const id of [anna, room]) await upsert({ id, productIds: [] });
    expect(await shown()).toEqual(['09:00', '10:00', '11:00']);
  });

  test('is listed by code, found by id, and seen by the tenant’s staff alone', async () => {
    const [one, two] = [await made({ code: 'b-chair' }), await made({ code: 'a-chair', active: false })];
    expect((await listed()).filter(({ id }) => [one, two].includes(id)).map((row) => row.code)).toEqual([
      'a-chair',
      'b-chair',
    ]);
    const { resources } = await world.data(desk.shop.operator, '{ resources(active: false) { id } }');
    expect(resources.map(({ id }: { id: string }) => id)).toContain(two);
    expect(resources.map(({ id }: { id: string }) => id)).not.toContain(one);
    const node = async (as: As) =>
      (await world.data(as, 'query ($id: ID!) { node(id: $id) { ... on Resource { code } } }', { id: one })).node;
    expect([await node(desk.shop.operator), await node(desk.shop.customer)]).toEqual([{ code: 'b-chair' }, null]);
    expect((await world.ask(desk.shop.customer, '{ resources { id } }')).errors).toMatchObject([
      { extensions: { code: 'FORBIDDEN' } },
    ]);
    expect((await upsert({ code: code(), name: 'x' }, desk.shop.customer)).userErrors).toMatchObject([
      { code: 'FORBIDDEN' },
    ]);
    expect((await remove(one, desk.shop.customer)).userErrors).toMatchObject([{ code: 'FORBIDDEN' }]);
    const other = await world.session(
      {
        email: 'operator@other.example',
        password: world.passwordOf('00000000-0000-4000-8000-0000000000d2', 'operator@other.example'),
      },
      world.facts.otherPortalKey,
    );
    const theirs = { token: other.accessToken };
    expect(await listed(theirs)).toEqual([]);
    for (const { userErrors } of [
      await upsert({ id: one, name: 'Mine' }, theirs),
      await remove(one, theirs),
      await upsert({ code: 'x', name: 'x', productIds: [talk] }, theirs),
    ])
      expect(userErrors).toMatchObject([{ code: 'NOT_FOUND' }]);
  });

  test.each<[string, object, string, string]>([
    ['no code', { code: '' }, 'INVALID_INPUT', 'code'],
    ['the diary’s own code', { code: 'default' }, 'INVALID_INPUT', 'code'],
    ['no name', { name: ' ' }, 'INVALID_INPUT', 'name'],
    ['no place for anybody', { capacity: 0 }, 'INVALID_INPUT', 'capacity'],
    ['more than there can be', { capacity: 1_001 }, 'INVALID_INPUT', 'capacity'],
    [
      'a service that is not there',
      { productIds: ['UHJvZHVjdDowMDAwMDAwMC0wMDAwLTQwMDAtODAwMC0wMDAwMDAwMGRlYWQ'] },
      'NOT_FOUND',
      'productIds',
    ],
  ])('with %s is refused', async (_what, input, error, field) => {
    const before = await listed();
    const { resource, userErrors } = await upsert({ code: code(), name: 'Anna', ...input });
    expect([resource, userErrors]).toMatchObject([null, [{ code: error, field: ['input', field] }]]);
    expect(await listed()).toEqual(before);
  });

  test('has a code of their own, also where two are made at once', async () => {
    const both = await Promise.all([1, 2].map(() => upsert({ code: 'only-one', name: 'Anna' })));
    expect(both.flatMap(({ userErrors }) => userErrors)).toMatchObject([
      { code: 'CONFLICT', field: ['input', 'code'] },
    ]);
    expect((await upsert({ id: await made({}), code: 'only-one' })).userErrors).toMatchObject([{ code: 'CONFLICT' }]);
  });
});

describe('deleting', () => {
  test('is refused with how many appointments are still to come, and done when there are none: then nobody is offered in their place', async () => {
    const anna = await made({ code: 'anna', productIds: [talk], capacity: 3 });
    const booked = [await book(talk), await book(talk), await book(talk, `${DAY}T08:00:00Z`)];
    for (const left of [3, 2, 1]) {
      // Under one key: what is in the way can be ended.
      expect(await remove(anna, undefined, 'once nobody comes')).toEqual({
        deletedId: null,
        userErrors: [{ code: 'RESOURCE_IN_USE', field: ['input', 'id'], details: { appointments: left } }],
      });
      const { id } = booked[left - 1].booking;
      if (left > 1) await desk.mutate('cancelBooking', { bookingId: id }, desk.shop.operator, 'userErrors { code }');
    }
    // The last one is over: it stays in the books, and with whom it was.
    const past = "starts_at = starts_at - interval '7 days', ends_at = ends_at - interval '7 days'";
    const during = "during = tstzrange(lower(during) - interval '7 days', upper(during) - interval '7 days')";
    await world.owner(`update allocations set ${past}, ${during} where resource_id = $1`, [rawId(anna)]);
    await world.owner(`update bookings set ${past} where id = $1`, [rawId(booked[0].booking.id)]);
    expect(await remove(anna, undefined, 'once nobody comes')).toEqual({ deletedId: anna, userErrors: [] });
    expect((await listed()).map((row) => row.code)).not.toContain('anna');
    expect(await shown()).toEqual([]);
    expect((await book(talk)).userErrors).toMatchObject([{ code: 'TIME_TAKEN' }]);
    for (const { userErrors } of [await remove(anna), await upsert({ id: anna, name: 'Anna' })])
      expect(userErrors).toMatchObject([{ code: 'NOT_FOUND', field: ['input', 'id'] }]);
    const back = await upsert({ code: 'anna', name: 'Anna again', productIds: [talk] });
    expect(back.resource).toEqual({
      id: anna,
      code: 'anna',
      name: 'Anna again',
      capacity: 1,
      active: true,
      services: [{ id: talk }],
    });
    const audit = await world.owner('select action from audit_entries where target = $1 order by position', [
      `Resource:${rawId(anna)}`,
    ]);
    expect(audit.map(({ action }) => action)).toEqual(['resource.create', 'resource.delete', 'resource.create']);
  });

  test('and coming back under their code does the services they did, unless others are named', async () => {
    const anna = await made({ code: 'comes-back', productIds: [talk], capacity: 2 });
    expect((await remove(anna)).userErrors).toEqual([]);
    const back = await upsert({ code: 'comes-back', name: 'Anna', capacity: 2 });
    expect(back.resource).toMatchObject({ id: anna, services: [{ id: talk }] });
    expect(await shown()).toEqual(['09:00 x2', '10:00 x2', '11:00 x2']);
    const audit = await world.owner(
      'select after from audit_entries where target = $1 order by position desc limit 1',
      [`Resource:${rawId(anna)}`],
    );
    expect(audit).toMatchObject([{ after: { productIds: [rawId(talk)] } }]);
    expect((await remove(anna)).userErrors).toEqual([]);
    const idle = await upsert({ code: 'comes-back', name: 'Anna', productIds: [] });
    expect(idle.resource).toMatchObject({ id: anna, services: [] });
  });

  test('where as many codes were used as there may be, those that are gone come back and no new one is let in', async () => {
    const [{ tenant_id: tenantId }] = await world.owner('select tenant_id from products where id = $1', [rawId(talk)]);
    const anna = await made({ code: 'one-of-many' });
    expect((await remove(anna)).userErrors).toEqual([]);
    await world.owner(
      `insert into resources (tenant_id, id, code, name, capacity, created_at, deleted_at)
       select $1, gen_random_uuid(), 'used-' || n, 'Gone', 1, now(), now() from generate_series(1, 2000) n`,
      [tenantId],
    );
    try {
      expect((await upsert({ code: 'one-too-many', name: 'Ben' })).userErrors).toMatchObject([
        { code: 'INVALID_STATE' },
      ]);
      expect((await upsert({ code: 'one-of-many', name: 'Anna' })).resource).toMatchObject({ id: anna });
    } finally {
      await world.owner("delete from resources where tenant_id = $1 and code like 'used-%'", [tenantId]);
    }
  });

  test('while they are being booked either counts the appointments or makes them impossible: nobody has a time with somebody who is gone', async () => {
    for (let round = 0; round < 8; round += 1) {
      const service = await desk.service();
      const id = await made({ productIds: [service], capacity: 2 });
      const removed = round % 2 === 0 ? null : remove(id);
      const bookings = [book(service), book(service)];
      const [deleted, ...answers] = await Promise.all([removed ?? remove(id), ...bookings]);
      const booked = answers.filter(({ booking }) => booking).length;
      expect(
        answers
          .flatMap(({ userErrors }) => userErrors.map((error: any) => error.code))
          .every((one) => one === 'TIME_TAKEN'),
      ).toBe(true);
      const refused = deleted.userErrors.map((error: any) => error.code);
      expect([refused, booked]).toEqual(deleted.deletedId === null ? [['RESOURCE_IN_USE'], 2] : [[], 0]);
    }
    expect(await brokenDiary(world)).toEqual({});
  });

  test('that is not over yet makes a booking wait, which then hears that the time is taken and leaves nothing behind', async () => {
    const id = await made({ productIds: [talk] });
    const other = new pg.Client({ connectionString: world.database.ownerUrl });
    await other.connect();
    try {
      await other.query('begin');
      await other.query('select from resources where id = $1 for update', [rawId(id)]);
      await other.query('update resources set deleted_at = now() where id = $1', [rawId(id)]);
      const answer = book(talk);
      await eventually(
        () =>
          world.owner("select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"),
        (waiting) => waiting.length > 0,
      );
      await other.query('commit');
      expect(await answer).toMatchObject({ booking: null, userErrors: [{ code: 'TIME_TAKEN' }] });
    } finally {
      await other.end();
    }
    expect(await desk.stock(talk)).toBe(1_000);
    expect(await brokenDiary(world)).toEqual({});
  });
});
