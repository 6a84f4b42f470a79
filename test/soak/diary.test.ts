import { afterAll, beforeAll, expect, test } from 'vitest';

import { expireOrder } from '../../src/resolvers/order-expiry.ts';
import { diaryCrash, type DiaryCrash } from '../diary/crash/crash.ts';
import { startTestApp, type As, type TestApp } from '../helpers/app.ts';
import { brokenLaws } from '../helpers/books.ts';
import { brokenDiary, Desk, StandingClock } from '../helpers/diary.ts';
import { DEMO_TENANT, giveWallet } from '../helpers/wallet.ts';
import { rawId } from '../helpers/shop.ts';

/** The diary for a long time (TEN-9): a crowd, and days of booking with everything that goes wrong. */
const NOW = '2026-11-21T06:00:00Z';
const NINE = '2026-11-28T07:00:00.000Z';
const clock = new StandingClock(NOW);
let world: TestApp;
let desk: Desk;
beforeAll(async () => {
  world = await startTestApp({ clock, worker: false, environment: { DATABASE_POOL_SIZE: '12' } });
  desk = await Desk.open(world, clock);
  await world.owner('update portal_configs set rate_limit_per_minute = 1000000');
  await desk.hours('00:00', '24:00');
});
afterAll(() => world.stop());

test('of 500 customers at once exactly as many as there is room get a time; all others are told the same, with times that are free', async () => {
  const [people, room] = [500, 7];
  await desk.rules({ slotDurationMinutes: 60, bufferMinutes: 15, minAdvanceHours: 0, maxUnpaidAppointments: 1_000 });
  const crowded = await desk.service({ resources: [2, 1, 4] });
  const callers: As[] = [];
  while (callers.length < 25) callers.push(await desk.newCustomer());
  const answers = await Promise.all(
    Array.from({ length: people }, (_, index) =>
      desk.book(crowded, '2026-11-27T22:00:00.000Z', callers[index % callers.length]!),
    ),
  );
  const losers = answers.filter(({ booking }) => booking === null);
  const codes = losers.map(({ userErrors }) => userErrors.map(({ code }: { code: string }) => code).join());
  process.stdout.write(
    `${JSON.stringify({ proof: 'a crowd', people, room, booked: people - losers.length, codes: [...new Set(codes)] })}\n`,
  );
  expect(people - losers.length).toBe(room);
  expect(new Set(codes)).toEqual(new Set(['TIME_TAKEN']));
  expect(losers.every(({ userErrors }) => userErrors[0].details.alternatives.length === 5)).toBe(true);
  expect(await brokenDiary(world)).toEqual({});
});

const ROUNDS = Number(process.env['SOAK_ROUNDS'] ?? 60);
const AT_ONCE = 40;
/** A generator of our own, so that a run is repeated by its seed. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test('after days of random bookings, moves, payments, cancellations, lapsed holds and broken connections no two times overlap and no law is broken', async () => {
  const random = randomFrom(20_261_123);
  await desk.rules({
    slotDurationMinutes: 45,
    bufferMinutes: 10,
    minAdvanceHours: 0,
    holdMinutes: 2,
    maxUnpaidAppointments: 1_000,
    cancelNoticeHours: 1,
  });
  const services = [
    await desk.service({ resources: [1], stock: 1_000_000 }),
    await desk.service({ resources: [2, 1], stock: 1_000_000, durationMinutes: 75 }),
    await desk.service({ capacity: 2, stock: 1_000_000, bufferMinutes: 0 }),
    await desk.service({ capacity: 1, stock: 1_000_000, price: 0n }),
  ];
  const counts: Record<string, number> = {};
  const count = (what: string) => (counts[what] = (counts[what] ?? 0) + 1);
  const bookings: string[] = [];
  const anyOf = <T>(items: readonly T[]): T => items[random(items.length)]!;
  const anyTime = () => new Date(Date.parse(NINE) + random(600) * 5 * 60_000).toISOString();

  async function pay(bookingId: string): Promise<void> {
    const [row] = await world.owner('select order_id from bookings where id = $1', [rawId(bookingId)]);
    const orderId = desk.shop.node('Order', row.order_id);
    const methods = await world.data(
      desk.shop.customer,
      'query ($id: ID!) { paymentMethods(orderId: $id) { id kind } }',
      { id: orderId },
    );
    const methodId = methods.paymentMethods.find(({ kind }: { kind: string }) => kind === 'WALLET')?.id;
    if (methodId) await desk.mutate('payOrder', { orderId, methodId }, desk.shop.customer, 'userErrors { code }');
  }

  async function act(): Promise<void> {
    const staff = { customerId: desk.shop.customerId };
    const booking = bookings.length > 0 ? anyOf(bookings) : null;
    const as = random(3) === 0 ? desk.shop.operator : desk.shop.customer;
    const what =
      booking === null
        ? 'book'
        : anyOf(['book', 'book', 'book', 'move', 'move', 'cancel', 'pay', 'pay', 'orderCancelled', 'broken'] as const);
    const answer =
      what === 'book'
        ? await desk.book(anyOf(services), anyTime(), desk.shop.operator, staff)
        : what === 'move'
          ? await desk.move(booking!, anyTime(), desk.shop.operator)
          : what === 'cancel'
            ? await desk.cancel(booking!, as)
            : what === 'pay'
              ? await pay(booking!)
              : what === 'orderCancelled'
                ? await cancelOrderOf(booking!)
                : await breakConnections();
    count(answer?.userErrors?.[0]?.code ? `${what} ${answer.userErrors[0].code}` : what);
    if (what === 'book' && answer.booking) bookings.push(answer.booking.id);
  }

  async function cancelOrderOf(bookingId: string): Promise<any> {
    const [row] = await world.owner('select order_id from bookings where id = $1', [rawId(bookingId)]);
    const orderId = desk.shop.node('Order', row.order_id);
    return desk.mutate('cancelOrder', { orderId }, desk.shop.operator, 'userErrors { code }');
  }

  // As when the process dies: whatever is open is rolled back.
  async function breakConnections(): Promise<void> {
    await world.owner(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and usename <> current_user
         and state <> 'idle' and random() < 0.5`,
    );
  }

  async function lapse(): Promise<void> {
    const due = await world.owner("select id from orders where status = 'ISSUED' and expires_at <= $1", [clock.now()]);
    await Promise.all(due.map(({ id }) => expireOrder(world.app, { tenantId: DEMO_TENANT, customerId: null }, id)));
    count('lapsed');
  }

  for (let round = 0; round < ROUNDS; round += 1) {
    clock.nowMs += 60_000;
    if (round % 10 === 0) {
      world.forgetSessions();
      desk = await Desk.open(world, clock);
      await giveWallet(world, rawId(desk.shop.customerId), 10_000_000n);
    }
    const acts = Array.from({ length: AT_ONCE }, () => act().catch(() => void count('failed')));
    await Promise.all([...acts, lapse().catch(() => void count('failed'))]);
    expect(await brokenDiary(world), `round ${round}`).toEqual({});
  }
  const [{ overlaps }] = await world.owner(
    `select count(*)::int as overlaps from allocations a join allocations b on a.resource_id = b.resource_id and a.unit = b.unit and a.id < b.id
       and a.during && b.during`,
  );
  process.stdout.write(
    `${JSON.stringify({ proof: 'a long diary', rounds: ROUNDS, bookings: bookings.length, overlaps, counts })}\n`,
  );
  expect(overlaps).toBe(0);
  expect(counts['book TIME_TAKEN']).toBeGreaterThan(0);
  expect(counts['failed']).toBeGreaterThan(0);
  expect(await brokenLaws(world)).toEqual({});
});

const APPOINTMENTS = Number(process.env['APPOINTMENTS'] ?? 1_500);
const PER_SEED = 500;
const FIRST_SEED = Number(process.env['SOAK_SEED'] ?? 1);

test(`${APPOINTMENTS} appointments booked, moved, paid and given up through processes killed at random: no two times overlap, every hold lapses or stands, orders agree, and everybody was told the truth`, async () => {
  const results: DiaryCrash[] = [];
  for (let made = 0, seed = FIRST_SEED; made < APPOINTMENTS; made += PER_SEED, seed += 1) {
    const result = await diaryCrash(seed, Math.min(PER_SEED, APPOINTMENTS - made));
    process.stdout.write(`${JSON.stringify({ proof: 'a diary of processes that die', ...result })}\n`);
    results.push(result);
  }
  expect(results.flatMap(({ differences }) => differences)).toEqual([]);
  expect(results.map(({ overlaps }) => overlaps)).toEqual(results.map(() => 0));
  expect(results.every(({ kills }) => kills.process > 0)).toBe(true);
});
