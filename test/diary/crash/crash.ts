import { randomUUID } from 'node:crypto';

import { brokenLaws } from '../../helpers/books.ts';
import { brokenDiary } from '../../helpers/diary.ts';
import { killingWhile, untilReady, type Kills } from '../../helpers/raging.ts';
import { pause, Random } from '../../live/storm/random.ts';
import {
  askInstallation,
  fillWallet,
  openInstallation,
  signIn,
  type Installation,
  type Query,
} from '../../travel/crash/installation.ts';
import { visitOnce, type Appointment, type Diary } from './visitor.ts';

const TENANT = '00000000-0000-4000-8000-0000000000d1';
const VISITORS = 12;
const SETTLE_MS_MAX = 180_000;

export interface DiaryCrash {
  readonly seed: number;
  readonly seconds: number;
  readonly kills: Kills;
  readonly told: Readonly<Record<string, number>>;
  readonly byStatus: Readonly<Record<string, number>>;
  readonly overlaps: number;
  /** What visitors, appointments, orders and places do not agree on, and the laws that are broken: empty where all is well. */
  readonly differences: readonly string[];
}

/**
 * Times booked, moved, paid and given up through two processes of ours that are killed at random; then holds lapse or are kept, and what
 * visitors were told is held against appointments, places and orders.
 */
export async function diaryCrash(seed: number, appointments: number): Promise<DiaryCrash> {
  const since = performance.now();
  const random = new Random(seed);
  const services = Array.from({ length: 3 }, () => randomUUID());
  const configure = (owner: Query) => furnish(owner, services);
  const here = await openInstallation({ random, processes: 2, accounts: {}, configure });
  try {
    const diary = await openDiary(here, services);
    const renewing = setInterval(() => void renew(here, diary).catch(() => undefined), RENEW_EVERY_MS);
    const kills = await killingWhile(here, () => visit(diary, seed, appointments)).finally(() =>
      clearInterval(renewing),
    );
    await settle(here);
    const differences = [
      ...(await disagreements(here.owner, diary.appointments)),
      ...Object.keys(await brokenDiary(here)),
      ...Object.keys(await brokenLaws(here)),
    ];
    const seconds = Math.round((performance.now() - since) / 1000);
    return { seed, seconds, kills, told: diary.told, ...(await countsOf(here.owner)), differences };
  } finally {
    await here.close();
  }
}

/** Few places, so that everybody is in somebody's way: one, three of two resources, and the default one's two; holds of a minute. */
async function furnish(owner: Query, services: readonly string[]): Promise<void> {
  await owner(
    `insert into booking_rules (tenant_id, advance_booking_days, min_advance_hours, max_advance_days, slot_duration_minutes, buffer_minutes, capacity,
       cancel_notice_hours, hold_minutes, max_unpaid_appointments) values ($1, 60, 0, 60, 60, 0, 2, 1, 1, 1000)`,
    [TENANT],
  );
  await owner(
    'insert into business_hours (tenant_id, day, opens_minute, closes_minute) select $1, day, 0, 1440 from generate_series(1, 7) day',
    [TENANT],
  );
  for (const [index, id] of services.entries()) {
    await owner(
      `insert into products (tenant_id, id, name, price_minor, currency_code, category, active, stock, bookable, created_at)
       values ($1, $2, 'A talk', 5000, 'EGP', 'consultation', true, 1000000, true, now())`,
      [TENANT, id],
    );
    for (const capacity of [[1], [2, 1], []][index] ?? []) {
      const resource = randomUUID();
      await owner(
        `insert into resources (tenant_id, id, code, name, capacity, created_at) values ($1, $2, $3, 'Somebody', $4, now())`,
        [TENANT, resource, `r-${resource}`, capacity],
      );
      await owner('insert into product_resources (tenant_id, product_id, resource_id) values ($1, $2, $3)', [
        TENANT,
        id,
        resource,
      ]);
    }
  }
}

const HOUR_MS = 3_600_000;

async function openDiary(here: Installation, services: readonly string[]): Promise<Diary> {
  const ask = askInstallation(here);
  const customer = await signIn(ask, here.facts, here.facts.customer);
  const operator = await signIn(ask, here.facts, here.facts.operator);
  await fillWallet(here.owner, customer.userId, 'EGP');
  const globalId = (typeName: string, id: string) => Buffer.from(`${typeName}:${id}`).toString('base64url');
  return {
    ask,
    customer: customer.token,
    operator: operator.token,
    customerId: customer.userId,
    walletMethodId: globalId('PaymentMethod', 'WALLET:balance'),
    services: services.map((id) => globalId('Product', id)),
    firstMs: Math.ceil(Date.now() / HOUR_MS + 48) * HOUR_MS,
    random: here.random,
    told: {},
    appointments: [],
  };
}

const RENEW_EVERY_MS = 5 * 60_000;

async function renew(here: Installation, diary: Diary): Promise<void> {
  diary.customer = (await signIn(diary.ask, here.facts, here.facts.customer)).token;
  diary.operator = (await signIn(diary.ask, here.facts, here.facts.operator)).token;
}

/** Until so many times were had; most are refused after a while, because they are taken. */
async function visit(diary: Diary, seed: number, appointments: number): Promise<void> {
  let next = 0;
  const one = async (): Promise<void> => {
    while (diary.appointments.length < appointments) await visitOnce(diary, `s${seed}-${next++}`);
  };
  await Promise.all(Array.from({ length: VISITORS }, one));
}

/** Nobody is killed any more. Of those that nobody paid every other one's time is over and the others' is not; what is due happens. */
async function settle({ owner, children, ports }: Installation): Promise<void> {
  for (const child of children) child.kill();
  await pause(300);
  await owner("update jobs.job set started_on = started_on - interval '1 hour' where state = 'active'");
  await owner(
    `update orders o set expires_at = now() + case when n % 2 = 0 then interval '-1 second' else interval '1 day' end
     from (select id, row_number() over (order by id) as n from orders where type = 'APPOINTMENT' and status = 'ISSUED') s where s.id = o.id`,
  );
  await untilReady(ports);
  const until = performance.now() + SETTLE_MS_MAX;
  while ((await due(owner)) > 0 && performance.now() < until) await pause(1_000);
}

async function due(owner: Query): Promise<number> {
  const [row] = await owner<{ due: number }>(
    "select count(*)::int as due from orders where type = 'APPOINTMENT' and status = 'ISSUED' and expires_at <= now()",
  );
  return row!.due;
}

interface Row {
  readonly id: string;
  readonly status: string;
  readonly order: string;
  readonly startsAt: Date;
  readonly expiresAt: Date | null;
  readonly isOver: boolean;
  readonly places: number;
}

async function disagreements(owner: Query, appointments: readonly Appointment[]): Promise<string[]> {
  const rows = await owner<Row>(
    `select b.id, b.status, o.status as order, b.starts_at as "startsAt", o.expires_at as "expiresAt", coalesce(o.expires_at <= now(), false) as "isOver",
       (select count(*)::int from allocations a where a.booking_id = b.id) as places
     from bookings b join orders o on o.tenant_id = b.tenant_id and o.id = b.order_id where b.kind = 'APPOINTMENT'`,
  );
  const told = new Map(appointments.map((one) => [Buffer.from(one.id, 'base64url').toString().split(':')[1]!, one]));
  const faults = rows.flatMap((row) => {
    const one = told.get(row.id);
    const name = `${row.id} (${row.status}, order ${row.order}, ${row.places} places, told ${one?.end ?? 'nobody'})`;
    const found = STANDS[`${row.status} ${row.order}`] === row.places ? [] : [`${name}: these do not go together`];
    if (row.status === 'PENDING' && row.isOver) found.push(`${name}: its hold is over, and it still stands`);
    if (!one) return [...found, `${name}: nobody was told of it`];
    if (!ENDS[one.end].includes(row.status)) found.push(`${name}: that is not what its visitor was told`);
    if (row.startsAt.toISOString() !== one.start)
      found.push(`${name}: it is not when its visitor was told, ${one.start}`);
    return found;
  });
  const known = new Set(rows.map(({ id }) => id));
  return [...faults, ...[...told.keys()].filter((id) => !known.has(id)).map((id) => `${id}: told of, and not there`)];
}

/** What an appointment and its order may be together, and how many places it has then. */
const STANDS: Readonly<Record<string, number>> = {
  'PENDING ISSUED': 1,
  'CONFIRMED PAID': 1,
  'CANCELLED CANCELLED': 0,
  'CANCELLED EXPIRED': 0,
  'CANCELLED REFUNDED': 0,
};
const ENDS: Readonly<Record<Appointment['end'], readonly string[]>> = {
  paid: ['CONFIRMED'],
  cancelled: ['CANCELLED'],
  left: ['PENDING', 'CANCELLED'],
};

async function countsOf(owner: Query): Promise<Pick<DiaryCrash, 'byStatus' | 'overlaps'>> {
  const statuses = await owner<{ status: string; count: number }>(
    "select status::text, count(*)::int from bookings where kind = 'APPOINTMENT' group by 1 order by 1",
  );
  const [row] = await owner<{ overlaps: number }>(
    `select count(*)::int as overlaps from allocations a join allocations b on a.resource_id = b.resource_id and a.unit = b.unit and a.id < b.id
       and a.during && b.during`,
  );
  return {
    byStatus: Object.fromEntries(statuses.map(({ status, count }) => [status, count])),
    overlaps: row!.overlaps,
  };
}
