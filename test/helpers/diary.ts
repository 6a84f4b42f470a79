import { randomUUID } from 'node:crypto';

import type { As, TestApp } from './app.ts';
import { rawId, Shop } from './shop.ts';

/** A clock that stands until it is turned. */
export class StandingClock {
  nowMs: number;
  constructor(text: string) {
    this.nowMs = Date.parse(text);
  }
  now = (): Date => new Date(this.nowMs);
}

export interface NewService {
  readonly price?: bigint;
  readonly stock?: number;
  readonly bookable?: boolean;
  readonly active?: boolean;
  readonly capacity?: number | null;
  readonly durationMinutes?: number | null;
  readonly bufferMinutes?: number | null;
  /** Each with its capacity; none: the tenant's default one. */
  readonly resources?: readonly number[];
}

const EVERY_DAY = ['MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY', 'SUNDAY'];
const ANSWER =
  'booking { id reference status start end order { id status expiresAt } } userErrors { code field details }';

/** The demo tenant's front desk: its services, its diary, and who books. */
export class Desk {
  readonly world: TestApp;
  readonly shop: Shop;
  readonly admin: As;
  readonly portal: As;
  readonly clock: StandingClock;

  private constructor(facts: Pick<Desk, 'world' | 'shop' | 'admin' | 'clock'>) {
    this.world = facts.world;
    this.shop = facts.shop;
    this.admin = facts.admin;
    this.clock = facts.clock;
    this.portal = { key: facts.world.facts.portalKey };
  }

  static async open(world: TestApp, clock: StandingClock): Promise<Desk> {
    const shop = await Shop.open(world);
    const { accessToken } = await world.session('tenantAdmin');
    return new Desk({ world, shop, clock, admin: { token: accessToken } });
  }

  async mutate(name: string, input: object, as: As, answer = ANSWER): Promise<any> {
    const type = `${name[0]!.toUpperCase()}${name.slice(1)}Input`;
    const document = `mutation ($input: ${type}!) { ${name}(input: $input) { ${answer} } }`;
    return (await this.world.data(as, document, { input }))[name];
  }

  /** The same hours on every day. */
  async hours(open: string, close: string, exceptions: readonly object[] = []): Promise<void> {
    await this.set('updateBusinessHours', { days: EVERY_DAY.map((day) => ({ day, open, close })), exceptions });
  }

  async rules(rules: object): Promise<void> {
    await this.set('updateBookingRules', rules);
  }

  private async set(name: string, input: object): Promise<void> {
    const { userErrors } = await this.mutate(name, input, this.admin, 'userErrors { code field message }');
    if (userErrors.length > 0) throw new Error(JSON.stringify(userErrors));
  }

  /** @returns its global id */
  async service(given: NewService = {}, tenantId = this.shop.tenantId): Promise<string> {
    const id = randomUUID();
    await this.world.owner(
      `insert into products (tenant_id, id, name, price_minor, currency_code, category, active, stock, bookable, duration_minutes, buffer_minutes, capacity, created_at)
       values ($1, $2, 'A talk', $3, 'EGP', 'consultation', $4, $5, $6, $7, $8, $9, now())`,
      [
        tenantId,
        id,
        given.price ?? 50_000n,
        given.active ?? true,
        given.stock ?? 1_000,
        given.bookable ?? true,
        given.durationMinutes ?? null,
        given.bufferMinutes ?? null,
        given.capacity ?? null,
      ],
    );
    for (const capacity of given.resources ?? []) await this.resource(id, capacity, tenantId);
    return this.shop.node('Product', id);
  }

  private async resource(productId: string, capacity: number, tenantId: string): Promise<void> {
    const id = randomUUID();
    await this.world.owner(
      `insert into resources (tenant_id, id, code, name, capacity, created_at) values ($1, $2, $3, 'Somebody', $4, now())`,
      [tenantId, id, `r-${id}`, capacity],
    );
    await this.world.owner('insert into product_resources (tenant_id, product_id, resource_id) values ($1, $2, $3)', [
      tenantId,
      productId,
      id,
    ]);
  }

  async slots(productId: string | null, from: string, to = from, as: As = this.portal): Promise<any[]> {
    const document =
      'query ($productId: ID, $from: Date!, $to: Date!) { timeSlots(productId: $productId, from: $from, to: $to) { start end localStart remaining } }';
    return (await this.world.data(as, document, { productId, from, to })).timeSlots;
  }

  /** What clocks show, and how often, where it is more than once. */
  async shown(productId: string | null, from: string, as?: As): Promise<string[]> {
    const times = await this.slots(productId, from, from, as);
    return times.map(({ localStart, remaining }) => (remaining === 1 ? localStart : `${localStart} x${remaining}`));
  }

  async whyNot(productId: string, start: string, as: As = this.portal): Promise<any> {
    const document =
      'query ($productId: ID!, $start: DateTime!) { whyNot(productId: $productId, start: $start) { available rule detail alternatives { start remaining } } }';
    return (await this.world.data(as, document, { productId, start })).whyNot;
  }

  book(productId: string, start: string, as: As = this.shop.customer, more: object = {}): Promise<any> {
    return this.mutate('bookAppointment', { productId, start, ...more }, as);
  }

  async booked(productId: string, start: string, as?: As, more?: object): Promise<any> {
    const { booking, userErrors } = await this.book(productId, start, as, more);
    if (!booking) throw new Error(JSON.stringify(userErrors));
    return booking;
  }

  move(bookingId: string, start: string, as: As = this.shop.customer): Promise<any> {
    return this.mutate('rescheduleAppointment', { bookingId, start }, as);
  }

  cancel(bookingId: string, as: As = this.shop.customer): Promise<any> {
    return this.mutate('cancelBooking', { bookingId }, as);
  }

  setStatus(bookingId: string, status: string, as: As = this.shop.operator): Promise<any> {
    return this.mutate('updateBookingStatus', { bookingId, status }, as);
  }

  async stock(productId: string): Promise<number> {
    return (await this.world.owner('select stock from products where id = $1', [rawId(productId)]))[0].stock;
  }

  allocations(bookingId: string): Promise<any[]> {
    return this.world.owner(
      'select unit, starts_at, ends_at, upper(during) as until from allocations where booking_id = $1',
      [rawId(bookingId)],
    );
  }

  async booking(bookingId: string): Promise<any> {
    return (await this.world.owner('select * from bookings where id = $1', [rawId(bookingId)]))[0];
  }

  /** How a booking moved, by its events. */
  async moves(bookingId: string): Promise<string[]> {
    const rows = await this.world.owner(
      "select payload from events where aggregate_id = $1 and type = 'booking.status' order by position",
      [rawId(bookingId)],
    );
    return rows.map(({ payload }) => `${payload.previousStatus}>${payload.status}`);
  }

  /** Somebody else. */
  async newCustomer(): Promise<As> {
    const login = { email: `${randomUUID()}@desk.example`, password: 'a-long-password' };
    const { register } = await this.world.data(
      this.portal,
      'mutation ($input: RegisterInput!) { register(input: $input) { session { accessToken } userErrors { code } } }',
      { input: login },
    );
    return { token: register.session.accessToken };
  }
}

/** Bookings that have no place, places that have no booking, and times that two have: there must be none of them. */
export async function brokenDiary(world: Pick<TestApp, 'owner'>): Promise<Record<string, unknown>> {
  const laws: Record<string, string> = {
    overlaps: `select a.id from allocations a join allocations b on a.tenant_id = b.tenant_id and a.resource_id = b.resource_id and a.unit = b.unit
      and a.id < b.id and a.during && b.during`,
    'active without a place': `select b.id from bookings b where b.kind = 'APPOINTMENT' and b.status in ('PENDING', 'CONFIRMED')
      and (select count(*) from allocations a where a.booking_id = b.id and a.starts_at = b.starts_at and a.ends_at = b.ends_at) <> 1`,
    'a place for nobody': `select a.id from allocations a join bookings b on b.id = a.booking_id where b.status in ('CANCELLED', 'FAILED')`,
    'pending beside its order': `select b.id from bookings b join orders o on o.id = b.order_id where b.kind = 'APPOINTMENT'
      and b.status = 'PENDING' and o.status <> 'ISSUED'`,
    'stock that is lost': `select t.order_id from stock_takings t join bookings b on b.order_id = t.order_id
      where b.kind = 'APPOINTMENT' and (t.returned_at is null) = (b.status in ('CANCELLED', 'FAILED'))`,
  };
  const broken: Record<string, unknown> = {};
  for (const [law, text] of Object.entries(laws)) {
    const rows = await world.owner(text);
    if (rows.length > 0) broken[law] = rows.length;
  }
  return broken;
}
