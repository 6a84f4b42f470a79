import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { recordBooking } from '../../src/resolvers/booking-outcome.ts';
import { lookUpBooking, stepBooking } from '../../src/resolvers/booking-step.ts';
import { lookUpInquiry } from '../../src/resolvers/inquiry.ts';
import { flightInput, offerOf, sellers, stayInput } from '../graph/booking-mutations.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { rawId, Shop } from '../helpers/shop.ts';
import { TestVendor } from '../helpers/travel.ts';

/** What becomes of a booking when answers are lost, late, or contradict each other: no worker runs, a test takes each step itself. */
let world: TestApp;
let shop: Shop;
const vendor = new TestVendor();

beforeAll(async () => {
  world = await startTestApp({ worker: false, providerDescriptions: vendor.descriptions });
  shop = await Shop.open(world);
  const platformAdmin = { token: (await world.session('platformAdmin')).accessToken };
  await sellers({ shop, platformAdmin, tenantAdmin: platformAdmin, portal: {} });
});
afterAll(() => world.stop());
beforeEach(() => vendor.behave());

const FIELDS = 'booking { id status syncStatus order { id status } } userErrors { code message }';
const run = async (as: Shop['customer'], name: string, input: object): Promise<any> => {
  const type = `${name[0]!.toUpperCase()}${name.slice(1)}Input`;
  const query = `mutation ($input: ${type}!) { ${name}(input: $input) { ${FIELDS} } }`;
  return (await world.data(as, query, { input }))[name];
};
const book = (more: object = {}) => run(shop.customer, 'bookStay', { ...stayInput(shop), ...more });
const cancel = (bookingId: string) => run(shop.customer, 'cancelBooking', { bookingId });
const step = (bookingId: string) => stepBooking(world.app, shop.scope, rawId(bookingId));
const row = async (bookingId: string): Promise<any> =>
  (await world.owner('select * from bookings where id = $1', [rawId(bookingId)]))[0];
const latest = async (): Promise<any> =>
  (await world.owner('select * from bookings order by created_at desc, id desc limit 1'))[0];
const refunded = async (orderId: string): Promise<bigint> => {
  const [sum] = await world.owner<{ sum: string }>(
    'select coalesce(sum(r.amount_minor), 0) as sum from refunds r join payments p on p.id = r.payment_id where p.order_id = $1',
    [rawId(orderId)],
  );
  return BigInt(sum!.sum);
};
const turnOver = (bookingId: string) =>
  world.owner("update bookings set leased_until = now() - interval '1 s' where id = $1", [rawId(bookingId)]);

async function paid(orderId: string) {
  await shop.paid(await shop.startedOn(orderId));
}
async function confirmed() {
  const { booking } = await book();
  await paid(booking.order.id);
  await step(booking.id);
  expect((await row(booking.id)).status).toBe('CONFIRMED');
  return booking;
}
const unavailable = { kind: 'notDone', reason: 'unavailable', detail: 'down' } as const;
const rejected = { kind: 'notDone', reason: 'rejected', detail: 'no' } as const;
const lost = { kind: 'unknown', detail: 'lost' } as const;

describe('a booking', () => {
  test('that is paid is booked once, however many workers take it up at once', async () => {
    const { booking } = await book();
    await paid(booking.order.id);
    const before = vendor.sold.size;
    await Promise.all([1, 2, 3, 4].map(() => step(booking.id)));
    expect((await row(booking.id)).status).toBe('CONFIRMED');
    expect(vendor.sold.size - before).toBe(1);
  });

  test('that the provider refuses after it was paid gives all its money back, once', async () => {
    const { booking } = await book();
    await paid(booking.order.id);
    vendor.behave({ book: () => rejected });
    await step(booking.id);
    await step(booking.id);
    expect(await row(booking.id)).toMatchObject({
      status: 'FAILED',
      phase: 'ENDED',
      failure_reason: 'PROVIDER_REJECTED',
    });
    expect(await refunded(booking.order.id)).toBe(20_000n);
  });

  test('given up and then said to stand goes to a person, by a look-up as by a late answer', async () => {
    const { booking } = await book();
    await paid(booking.order.id);
    vendor.behave({ book: () => rejected });
    await step(booking.id);
    const before = await row(booking.id);
    expect(before.sync_status).toBe('NOT_NEEDED');

    vendor.behave({ lookUp: () => ({ kind: 'done', value: { state: 'CONFIRMED', ids: null } }) });
    expect(await lookUpBooking(world.app, shop.scope, before.id)).toBe('NOT_DONE');
    expect(await row(booking.id)).toMatchObject({ status: 'FAILED', sync_status: 'NEEDS_ATTENTION' });

    await world.owner("update bookings set sync_status = 'NOT_NEEDED' where id = $1", [before.id]);
    const late = { providerReference: 'late', keys: null, state: 'CONFIRMED', holdExpiresAt: null } as const;
    await world.app.db.write(shop.scope, (tx) =>
      recordBooking(world.app, tx, { id: before.id, attempt: 1 }, { kind: 'done', value: late }),
    );
    expect(await row(booking.id)).toMatchObject({ status: 'FAILED', sync_status: 'NEEDS_ATTENTION' });
    expect(await refunded(booking.order.id)).toBe(20_000n);
  });

  test('whose answer comes after it was to be booked anew is adopted, and not booked twice', async () => {
    const { booking } = await book();
    await paid(booking.order.id);
    vendor.behave({ book: () => lost });
    await step(booking.id);
    vendor.behave();
    const { attempt, id } = await row(booking.id);
    expect(await lookUpBooking(world.app, shop.scope, id)).toBe('NOT_DONE');
    expect((await row(booking.id)).phase).toBe('CHECKED');
    const before = vendor.sold.size;
    const answer = { providerReference: 'late-too', keys: null, state: 'CONFIRMED', holdExpiresAt: null } as const;
    await world.app.db.write(shop.scope, (tx) =>
      recordBooking(world.app, tx, { id, attempt }, { kind: 'done', value: answer }),
    );
    await step(booking.id);
    expect(await row(booking.id)).toMatchObject({ status: 'CONFIRMED', provider_reference: 'late-too' });
    expect(vendor.sold.size).toBe(before);
  });

  test('is not given up by a look-up that finds nothing while its call is under way', async () => {
    const { booking } = await book();
    await paid(booking.order.id);
    const seen: string[] = [];
    vendor.behave({
      book: async () => {
        seen.push(await lookUpBooking(world.app, shop.scope, rawId(booking.id)));
        return null;
      },
    });
    await step(booking.id);
    expect(seen).toEqual(['UNKNOWN']);
    expect((await row(booking.id)).status).toBe('CONFIRMED');
  });

  test('whose order ends while the provider is asked, on account, is shown to a person', async () => {
    await world.owner("update tenants set booking_terms = 'ON_ACCOUNT' where id = $1", [shop.tenantId]);
    try {
      vendor.behave({
        book: async () => {
          await world.owner("update orders set status = 'CANCELLED' where id = $1", [(await latest()).order_id]);
          return null;
        },
      });
      const { booking } = await book();
      expect(booking).toMatchObject({ status: 'CONFIRMED', syncStatus: 'NEEDS_ATTENTION' });

      vendor.behave();
      const good = await book();
      expect(good.booking).toMatchObject({ status: 'CONFIRMED', syncStatus: 'SYNCED', order: { status: 'ISSUED' } });
      const refused = await world.data(
        shop.operator,
        'mutation ($input: CancelOrderInput!) { cancelOrder(input: $input) { userErrors { code } } }',
        { input: { orderId: good.booking.order.id } },
      );
      expect(refused.cancelOrder.userErrors).toEqual([{ code: 'INVALID_STATE' }]);
      const ended = await cancel(good.booking.id);
      expect(ended.booking).toMatchObject({ status: 'CANCELLED', order: { status: 'CANCELLED' } });
    } finally {
      await world.owner("update tenants set booking_terms = 'PAY_FIRST' where id = $1", [shop.tenantId]);
    }
  });

  test('that ended unpaid takes no late money: it is held, can not be accepted, and goes back', async () => {
    const { booking } = await book();
    const started = await shop.startedOn(booking.order.id);
    await cancel(booking.id);
    await shop.atGateway(started, 'pay', { late: true });
    await shop.deliver(shop.hook('paid', started.invoice));
    expect((await shop.paymentRow(started.id)).status).toBe('UNDER_REVIEW');
    expect((await shop.review(started.paymentId, 'ACCEPT')).userErrors).toMatchObject([{ code: 'INVALID_STATE' }]);
    expect((await shop.review(started.paymentId, 'REFUND')).userErrors).toEqual([]);
    expect(await refunded(booking.order.id)).toBe(20_000n);
  });
});

describe('a provider that can not be asked', () => {
  const notice = (reference: string, eventId: string) =>
    world.request('POST', '/webhooks/providers/kiwi', {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        reference,
        providerReference: null,
        eventId,
        eventType: 'confirmed',
        claims: 'CONFIRMED',
      }),
    });

  test('and says by itself what was not known ends the inquiry, and nobody is called for it', async () => {
    vendor.behave({ recovery: 'none', holds: true, confirm: () => lost });
    const { booking } = await run(shop.customer, 'bookFlight', flightInput(shop));
    await paid(booking.order.id);
    await step(booking.id);
    const { attempt_reference: reference } = await row(booking.id);
    const [inquiry] = await world.owner('select id from inquiries where about_id = $1', [rawId(booking.id)]);
    expect((await notice(reference, 'confirmed-once')).status).toBe(200);
    await lookUpInquiry(world.app, shop.scope, inquiry.id);
    expect(await row(booking.id)).toMatchObject({ status: 'CONFIRMED', phase: 'CONFIRMED', sync_status: 'SYNCED' });
    expect(await world.owner('select resolution from inquiries where id = $1', [inquiry.id])).toEqual([
      { resolution: 'DONE' },
    ]);
  });

  test('and says a thing several times at once is heard once', async () => {
    vendor.behave({ recovery: 'none', holds: true });
    const { booking } = await run(shop.customer, 'bookFlight', flightInput(shop));
    const { attempt_reference: reference } = await row(booking.id);
    const answers = await Promise.all(Array.from({ length: 8 }, () => notice(reference, 'eight-times')));
    const verdicts = answers.map(({ text }) => (JSON.parse(text) as { verdict: string }).verdict);
    expect(verdicts.filter((verdict) => verdict === 'ACCEPTED')).toHaveLength(1);
    expect(verdicts.filter((verdict) => verdict === 'ALREADY_PROCESSED')).toHaveLength(7);
  });
});

describe('a cancellation', () => {
  test('asked for twice at once is done once, and never gives back more than was paid', async () => {
    const booking = await confirmed();
    const answers = await Promise.all([cancel(booking.id), cancel(booking.id)]);
    const codes = answers.flatMap(({ userErrors }) => userErrors.map(({ code }: { code: string }) => code));
    expect(['', 'INVALID_STATE']).toContain(codes.join());
    expect((await row(booking.id)).status).toBe('CANCELLED');
    expect((await cancel(booking.id)).userErrors).toEqual([]);
    expect(await refunded(booking.order.id)).toBe(20_000n);
  });

  test.each([20_000_000n, -5n])(
    'never gives back other than 0 to the amount, whatever the provider says: %s',
    async (said) => {
      const booking = await confirmed();
      vendor.behave({
        cancel: () => ({ kind: 'done', value: { state: 'CANCELLED', refundMinor: said, currencyCode: 'EGP' } }),
      });
      await cancel(booking.id);
      expect(await refunded(booking.order.id)).toBe(said < 0n ? 0n : 20_000n);
    },
  );

  test('whose fee is in other money goes to a person instead of being guessed', async () => {
    const cancellationFees = [{ from: null, amountMinor: 100n, currencyCode: 'USD' }];
    vendor.behave({ checked: { ...vendor.behaviour.checked, cancellationFees } as never });
    const booking = await confirmed();
    await cancel(booking.id);
    expect(await row(booking.id)).toMatchObject({ status: 'CANCELLED', sync_status: 'NEEDS_ATTENTION' });
    expect(await refunded(booking.order.id)).toBe(0n);
  });

  test('whose answer was lost is not believed undone because the provider is down afterwards', async () => {
    const booking = await confirmed();
    vendor.behave({ cancel: () => lost });
    expect((await cancel(booking.id)).userErrors).toMatchObject([{ code: 'OUTCOME_UNKNOWN' }]);
    const [inquiry] = await world.owner("select id from inquiries where about_id = $1 and resolution = 'OPEN'", [
      rawId(booking.id),
    ]);
    vendor.behave({ cancel: () => unavailable });
    await lookUpInquiry(world.app, shop.scope, inquiry.id);
    expect((await row(booking.id)).phase).toBe('CANCELLING');
    vendor.behave();
    await lookUpInquiry(world.app, shop.scope, inquiry.id);
    expect((await row(booking.id)).status).toBe('CANCELLED');
    expect(await refunded(booking.order.id)).toBe(20_000n);
  });

  test('that the provider has taken and not done yet is looked up until it is, with the money at the end', async () => {
    const booking = await confirmed();
    const taken = { state: 'REQUESTED', refundMinor: null, currencyCode: null } as const;
    vendor.behave({ cancel: () => ({ kind: 'done', value: taken }) });
    expect((await cancel(booking.id)).userErrors).toEqual([]);
    expect(await row(booking.id)).toMatchObject({
      status: 'CONFIRMED',
      phase: 'CANCEL_REQUESTED',
      sync_status: 'PENDING',
    });
    const inquiries = () =>
      world.owner('select id, resolution from inquiries where about_id = $1', [rawId(booking.id)]);
    const [{ id }] = await inquiries();
    await lookUpInquiry(world.app, shop.scope, id);
    expect(await inquiries()).toEqual([{ id, resolution: 'OPEN' }]);
    expect(await refunded(booking.order.id)).toBe(0n);
    vendor.sold.get((await row(booking.id)).attempt_reference)!.state = 'CANCELLED';
    await lookUpInquiry(world.app, shop.scope, id);
    expect(await inquiries()).toEqual([{ id, resolution: 'DONE' }]);
    expect(await row(booking.id)).toMatchObject({ status: 'CANCELLED', phase: 'ENDED', sync_status: 'SYNCED' });
    expect(await refunded(booking.order.id)).toBe(20_000n);
  });

  test('that a provider has taken which can not be asked is shown to a person at once', async () => {
    const booking = await confirmed();
    const taken = { state: 'REQUESTED', refundMinor: null, currencyCode: null } as const;
    vendor.behave({ recovery: 'none', cancel: () => ({ kind: 'done', value: taken }) });
    await cancel(booking.id);
    expect(await row(booking.id)).toMatchObject({ phase: 'CANCEL_REQUESTED', sync_status: 'NEEDS_ATTENTION' });
    expect(await world.owner('select id from inquiries where about_id = $1', [rawId(booking.id)])).toEqual([]);
  });

  test('whose process died is asked for again, and stays open while the provider is down', async () => {
    const booking = await confirmed();
    await world.owner("update bookings set phase = 'CANCELLING' where id = $1", [rawId(booking.id)]);
    await turnOver(booking.id);
    vendor.behave({ cancel: () => unavailable });
    await step(booking.id);
    expect(await row(booking.id)).toMatchObject({ phase: 'CANCELLING', sync_status: 'PENDING' });
    vendor.behave();
    await lookUpBooking(world.app, shop.scope, rawId(booking.id));
    expect((await row(booking.id)).status).toBe('CANCELLED');
  });

  test('is refused while the booking is being made', async () => {
    const { booking } = await book();
    await paid(booking.order.id);
    const seen: string[] = [];
    vendor.behave({
      book: async () => {
        seen.push(...(await cancel(booking.id)).userErrors.map(({ code }: { code: string }) => code));
        return null;
      },
    });
    await step(booking.id);
    expect(seen).toEqual(['INVALID_STATE']);
    expect((await row(booking.id)).status).toBe('CONFIRMED');
  });

  test('by hand of what never came about gives everything back, whatever its terms', async () => {
    vendor.behave({ checked: { ...vendor.behaviour.checked, refundable: false } as never });
    const { booking } = await book();
    await paid(booking.order.id);
    const { userErrors } = await run(shop.operator, 'updateBookingStatus', {
      bookingId: booking.id,
      status: 'CANCELLED',
    }).catch((error: unknown) => ({ userErrors: [String(error)] }));
    expect(userErrors).toEqual([]);
    expect(await refunded(booking.order.id)).toBe(20_000n);
  });
});

describe('an offer', () => {
  const other = '00000000-0000-4000-8000-0000000000d2';
  test('of another tenant, of the other kind, changed by a letter or over is refused alike, and nothing is asked or written', async () => {
    const asked: unknown[] = [];
    vendor.behave({ book: (input) => (asked.push(input), null) });
    const good = offerOf(shop, 'STAY');
    const middle = Math.floor(good.length / 2);
    const changed = `${good.slice(0, middle)}${good[middle] === 'A' ? 'B' : 'A'}${good.slice(middle + 1)}`;
    const count = async () => (await world.owner('select count(*) as count from bookings'))[0].count;
    const before = await count();
    for (const offerId of [offerOf(shop, 'STAY', { tenantId: other }), offerOf(shop, 'FLIGHT'), changed, 'x', '']) {
      expect((await book({ offerId })).userErrors).toMatchObject([{ code: 'OFFER_EXPIRED' }]);
    }
    expect(asked).toEqual([]);
    expect(await count()).toBe(before);
  });

  test('of a provider that was switched off since is not sold any more', async () => {
    await world.owner("update providers set enabled = false where slug = 'expedia'");
    world.app.providers.refresh();
    try {
      expect((await book()).userErrors).toMatchObject([{ code: 'PROVIDER_UNAVAILABLE' }]);
    } finally {
      await world.owner("update providers set enabled = true where slug = 'expedia'");
      world.app.providers.refresh();
    }
  });
});
