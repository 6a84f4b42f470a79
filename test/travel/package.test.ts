import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { startTestApp, type TestApp } from '../helpers/app.ts';
import { brokenLaws } from '../helpers/books.ts';
import { PackageWorld } from '../helpers/package-world.ts';
import { rawId } from '../helpers/shop.ts';

let world: TestApp;
let trips: PackageWorld;

beforeAll(async () => {
  world = await startTestApp({ worker: true });
  trips = await PackageWorld.open(world);
});
afterAll(() => world.stop());
afterEach(async () => {
  await trips.travel.scenario('expedia', []);
  await trips.travel.scenario('booking', []);
  await trips.travel.scenario('kiwi', []);
});

const minor = (text: { minorUnits: string }) => BigInt(text.minorUnits);
const kinds = (one: any) => one.plan.steps.map(({ kind, leg, state }: any) => `${kind} ${leg ?? '-'} ${state}`);

describe('a package of a flight and two stays', () => {
  test('is planned without anything being booked, kept, paid once and booked in the order of the plan', async () => {
    const legs = [await trips.flight(), await trips.unkept(), await trips.kept()];
    const before = await trips.standing();
    const plan = await trips.plan(legs);
    expect(await trips.standing()).toEqual(before);
    expect(plan.steps.map(({ kind, leg }: any) => `${kind} ${leg ?? '-'}`)).toEqual([
      'HOLD 2',
      'HOLD 0',
      'PAY -',
      'BOOK 1',
      'CONFIRM 2',
      'CONFIRM 0',
    ]);
    // Both stays can be given back and the flight, which can not, comes last: nothing is at risk.
    expect(plan).toMatchObject({ worstCase: { minorUnits: '0' }, rollback: 'ALL_OR_NOTHING' });

    const one = await trips.booked(legs);
    expect(one).toMatchObject({
      status: 'PENDING',
      total: plan.total.minorUnits && { minorUnits: plan.total.minorUnits },
    });
    expect(one.order).toMatchObject({
      type: 'PACKAGE',
      status: 'ISSUED',
      total: { minorUnits: plan.total.minorUnits },
    });
    expect(one.order.items).toHaveLength(3);
    expect(kinds(one).slice(0, 4)).toEqual(['HOLD 2 DONE', 'HOLD 0 DONE', 'PAY - WAITING', 'BOOK 1 WAITING']);
    const [, , kept] = await trips.names(one);
    expect((await trips.standing()).held).toContain(kept);

    await trips.pay(one);
    const done = await trips.until(one.id, 'CONFIRMED');
    expect(done.bookings.map(({ status, package: of }: any) => [status, of.id])).toEqual([
      ['CONFIRMED', one.id],
      ['CONFIRMED', one.id],
      ['CONFIRMED', one.id],
    ]);
    expect(kinds(done).every((step: string) => step.endsWith('DONE'))).toBe(true);
    expect(done).toMatchObject({ lost: { minorUnits: '0' }, goesBack: { minorUnits: '0' }, order: { status: 'PAID' } });
    const names = await trips.names(one);
    expect((await trips.standing()).booked).toEqual(expect.arrayContaining(names));
    expect(await trips.refunds(one)).toEqual([]);
    const told = await world.owner(
      `select payload ->> 'status' as status from events where type = 'package.status' and aggregate_id = $1 order by position`,
      [rawId(one.id)],
    );
    expect(told.map(({ status }) => status)).toEqual(['PENDING', 'BOOKING', 'CONFIRMED']);
  });

  test('under one key is booked once, however often and from how many sides it is asked for', async () => {
    const legs = [await trips.kept(), await trips.unkept()];
    const asked = await Promise.all(
      Array.from({ length: 3 }, () => trips.book(legs, { idempotencyKey: 'one-package' })),
    );
    expect(asked.map(({ userErrors }) => userErrors)).toEqual([[], [], []]);
    expect(new Set(asked.map(({ package: one }) => one.id)).size).toBe(1);
    const [one] = asked.map(({ package: each }) => each);
    const [name] = await trips.names(one);
    const { held } = await trips.standing();
    expect(held.filter((each) => each === name)).toHaveLength(1);
    const rows = await world.owner('select id from packages where reference = $1', [one.reference]);
    expect(rows).toHaveLength(1);
    const other = await trips.book(legs, { idempotencyKey: 'one-package', maxRisk: '1.00' });
    expect(other.userErrors).toMatchObject([{ code: 'IDEMPOTENCY_INPUT_MISMATCH' }]);
  });

  test('that nobody pays in time lets everything go, and nothing of it stands', async () => {
    const one = await trips.booked([await trips.kept(), await trips.unkept()]);
    await world.owner("update orders set expires_at = now() - interval '1 second' where id = $1", [
      rawId(one.order.id),
    ]);
    const over = await trips.until(one.id, 'CANCELLED');
    expect(over.order.status).toBe('EXPIRED');
    expect(kinds(over)).toEqual(['HOLD 0 LET_GO', 'PAY - LET_GO', 'CONFIRM 0 LET_GO', 'BOOK 1 LET_GO']);
    const [name] = await trips.names(one);
    await expect.poll(async () => (await trips.standing()).held).not.toContain(name);
  });
});

describe('a leg that can not be kept', () => {
  test('ends the package before anybody paid, whatever the policy says, and what was kept is let go', async () => {
    await trips.policy({ rollback: 'KEEP_CONFIRMED' });
    await trips.travel.account('kiwi', { soldOutAt: 'save', polls: 1 });
    try {
      const before = (await trips.standing()).held;
      const refused = await trips.book([await trips.flight(), await trips.kept()]);
      expect(refused).toMatchObject({ package: null, userErrors: [{ code: 'SOLD_OUT', details: { leg: 0 } }] });
      const [{ id, reference }] = await world.owner(
        'select id, reference from packages order by created_at desc, id desc limit 1',
      );
      expect(refused.userErrors[0].details.reference).toBe(reference);
      const over = await trips.until(trips.shop.node('Package', id), 'FAILED');
      expect(over).toMatchObject({ order: { status: 'CANCELLED' }, lost: { minorUnits: '0' } });
      expect((await trips.standing()).held).toEqual(before);
    } finally {
      await trips.travel.account('kiwi', trips.kiwi);
      await trips.policy({ rollback: 'ALL_OR_NOTHING' });
    }
  });
});

describe('a leg that is sold out after it was paid', () => {
  const SOLD_OUT = [{ operation: 'create', fault: 'soldOut' }];

  /** Expedia's stay is confirmed first, then Booking.com's turns out to be gone. */
  async function lastFails(rollback: string) {
    await trips.policy({ rollback });
    const one = await trips.booked([await trips.kept(), await trips.unkept()]);
    await trips.travel.scenario('booking', SOLD_OUT);
    await trips.pay(one);
    return one;
  }

  /** Booking.com's comes first and is gone, while Expedia's is still kept. */
  async function firstFails(rollback: string) {
    await trips.policy({ rollback });
    const one = await trips.booked([await trips.unkept(), await trips.kept()]);
    await trips.travel.scenario('booking', SOLD_OUT);
    await trips.pay(one);
    return one;
  }

  test('takes what is booked back, and all the money goes back (ALL_OR_NOTHING)', async () => {
    const one = await lastFails('ALL_OR_NOTHING');
    const over = await trips.until(one.id, 'FAILED', ({ goesBack, total }) => minor(goesBack) === minor(total));
    expect(over.bookings.map(({ status }: any) => status)).toEqual(['CANCELLED', 'FAILED']);
    expect(over.note).toContain('SOLD_OUT');
    await expect.poll(() => trips.refunds(one)).toEqual([one.total.minorUnits]);
    const names = await trips.names(one);
    expect((await trips.standing()).booked.filter((name) => names.includes(name))).toEqual([]);
  });

  test('lets go of what is only kept (ALL_OR_NOTHING)', async () => {
    const one = await firstFails('ALL_OR_NOTHING');
    const over = await trips.until(one.id, 'FAILED');
    expect(over.bookings.map(({ status }: any) => status)).toEqual(['FAILED', 'CANCELLED']);
    await expect.poll(() => trips.refunds(one)).toEqual([one.total.minorUnits]);
    const names = await trips.names(one);
    const { booked, held } = await trips.standing();
    expect([...booked, ...held].filter((name) => names.includes(name))).toEqual([]);
  });

  test('leaves the others where they are, and gives its own money back (KEEP_CONFIRMED)', async () => {
    const one = await lastFails('KEEP_CONFIRMED');
    const over = await trips.until(one.id, 'PARTIALLY_CONFIRMED');
    const [kept, failed] = over.bookings;
    expect([kept.status, failed.status]).toEqual(['CONFIRMED', 'FAILED']);
    await expect.poll(() => trips.refunds(one)).toEqual([failed.amount.minorUnits]);
    expect((await trips.standing()).booked).toContain((await trips.names(one))[0]);
  });

  test('does not keep the others from being booked (KEEP_CONFIRMED)', async () => {
    const one = await firstFails('KEEP_CONFIRMED');
    const over = await trips.until(one.id, 'PARTIALLY_CONFIRMED');
    expect(over.bookings.map(({ status }: any) => status)).toEqual(['FAILED', 'CONFIRMED']);
    await expect.poll(() => trips.refunds(one)).toEqual([over.bookings[0].amount.minorUnits]);
  });

  test('stops for a person, who keeps the rest (MANUAL_REVIEW)', async () => {
    const one = await firstFails('MANUAL_REVIEW');
    const stopped = await trips.until(one.id, 'NEEDS_ATTENTION');
    expect(stopped.bookings.map(({ status }: any) => status)).toEqual(['FAILED', 'PENDING']);
    expect(stopped.note).toContain('SOLD_OUT');
    // What could not be had goes back whatever is decided.
    await expect.poll(() => trips.refunds(one)).toEqual([stopped.bookings[0].amount.minorUnits]);
    const refused = await trips.cancel(one.id);
    expect(refused.userErrors).toMatchObject([{ code: 'INVALID_STATE' }]);

    const kept = await trips.resolve(one.id, 'KEEP');
    expect(kept.userErrors).toEqual([]);
    const over = await trips.until(one.id, 'PARTIALLY_CONFIRMED');
    expect(over).toMatchObject({ rollback: 'KEEP_CONFIRMED', note: 'asked the customer' });
    const audited = await world.owner('select after from audit_entries where action = $1 and target = $2', [
      'package.resolve',
      `Package:${rawId(one.id)}`,
    ]);
    expect(audited).toMatchObject([{ after: { decision: 'KEEP', reason: 'asked the customer' } }]);
    expect((await trips.resolve(one.id, 'CANCEL')).userErrors).toMatchObject([{ code: 'INVALID_STATE' }]);
  });

  test('stops for a person, who takes the rest back (MANUAL_REVIEW)', async () => {
    const one = await lastFails('MANUAL_REVIEW');
    await trips.until(one.id, 'NEEDS_ATTENTION');
    await trips.resolve(one.id, 'CANCEL');
    const over = await trips.until(one.id, 'CANCELLED', ({ goesBack, total }) => minor(goesBack) === minor(total));
    expect(over.bookings.map(({ status }: any) => status)).toEqual(['CANCELLED', 'FAILED']);
    // The failed one's was asked back when it stopped; a gateway takes one refund at a time, so the other's waits for it.
    const [kept, failed] = over.bookings.map(({ amount }: any) => amount.minorUnits);
    expect(await trips.refunds(one)).toEqual([failed]);
    await trips.approve(one);
    await expect.poll(() => trips.refunds(one)).toEqual([failed, kept]);
  });

  test('costs no more than was shown, where what is booked can not be given back', async () => {
    await trips.policy({ rollback: 'ALL_OR_NOTHING' });
    const legs = [await trips.kept(false), await trips.flight()];
    const plan = await trips.plan(legs);
    const one = await trips.booked(legs, { maxRisk: '10000.00' });
    const [stay, flight] = one.bookings;
    expect(plan.worstCase).toEqual(stay.amount);
    await trips.travel.account('kiwi', { ...trips.kiwi, carriers: 'sold_out' });
    try {
      await trips.pay(one);
      const over = await trips.until(one.id, 'FAILED');
      expect(over.bookings.map(({ status }: any) => status)).toEqual(['CANCELLED', 'FAILED']);
      expect(over.lost).toEqual(plan.worstCase);
      await expect.poll(() => trips.refunds(one)).toEqual([flight.amount.minorUnits]);
    } finally {
      await trips.travel.account('kiwi', trips.kiwi);
    }
  });
});

describe('a lost answer in the middle', () => {
  test('while it is kept is looked up, and the package goes on by itself', async () => {
    await trips.policy({ rollback: 'ALL_OR_NOTHING' });
    await trips.travel.scenario('expedia', [{ operation: 'book', fault: 'resetAfter', nth: 1 }]);
    const lost = await trips.book([await trips.kept(), await trips.unkept()], { idempotencyKey: 'lost-package' });
    expect(lost).toMatchObject({ package: null, userErrors: [{ code: 'OUTCOME_UNKNOWN' }] });
    const OPERATION = '{ operation(key: "lost-package") { status result { __typename id } } }';
    await expect
      .poll(async () => (await world.data(trips.shop.customer, OPERATION)).operation.status)
      .toBe('SUCCEEDED');
    const { operation } = await world.data(trips.shop.customer, OPERATION);
    expect(operation.result.__typename).toBe('Package');
    const one = await trips.until(operation.result.id, 'PENDING', ({ order }) => order.status === 'ISSUED');
    await trips.pay(one);
    await trips.until(one.id, 'CONFIRMED');
    const names = await trips.names(one);
    expect((await trips.standing()).booked.filter((name) => names.includes(name)).toSorted()).toEqual(names.toSorted());
  });

  test('while it is booked is looked up before the next leg is begun, and nobody is booked twice', async () => {
    await trips.policy({ rollback: 'ALL_OR_NOTHING' });
    const one = await trips.booked([await trips.kept(), await trips.unkept()]);
    await trips.travel.scenario('expedia', [{ operation: 'resume', fault: 'resetAfter', nth: 1 }]);
    const before = (await trips.standing()).booked.length;
    await trips.pay(one);
    const waiting = await trips.until(one.id, 'BOOKING', ({ bookings }) => bookings[0].syncStatus === 'PENDING');
    expect(waiting.bookings[1].status).toBe('PENDING');
    await trips.until(one.id, 'CONFIRMED');
    const { booked } = await trips.standing();
    expect(booked).toHaveLength(before + 2);
    expect(booked).toEqual(expect.arrayContaining(await trips.names(one)));
  });
});

test('all the while the books agree', async () => {
  expect(await brokenLaws(world)).toEqual({});
  const wrong = await world.owner(
    `select k.reference from packages k join orders o on o.tenant_id = k.tenant_id and o.id = k.order_id
     where k.asked_back_minor <> (select coalesce(sum(r.amount_minor), 0) from refunds r join payments p on p.tenant_id = r.tenant_id and p.id = r.payment_id
       where p.order_id = o.id and r.status <> 'REJECTED')
       or k.total_minor <> (select sum(amount_minor) from bookings b where b.package_id = k.id)`,
  );
  expect(wrong).toEqual([]);
});
