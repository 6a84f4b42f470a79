import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startTestApp, type TestApp } from '../helpers/app.ts';
import { Shop } from '../helpers/shop.ts';
import { ACCOUNT, TravelWorld } from '../helpers/travel-world.ts';

let world: TestApp;
let shop: Shop;
let travel: TravelWorld;

beforeAll(async () => {
  world = await startTestApp({ worker: true });
  shop = await Shop.open(world);
  travel = await TravelWorld.open(world);
});
afterAll(() => world.stop());

const SOON = { timeout: 30_000 };
const CANCEL = `mutation ($input: CancelBookingInput!) { cancelBooking(input: $input) {
  booking { id status order { status paymentStatus } } userErrors { code message details } } }`;

async function refundable(more: Record<string, unknown> = {}): Promise<any> {
  const found = await travel.search(shop.customer, more);
  return found.offers.find((offer: any) => offer.refundable);
}

async function paid(orderId: string): Promise<void> {
  const started = await shop.startedOn(orderId);
  await shop.atGateway(started, 'pay');
  const { verdict } = await shop.deliver(shop.hook('paid', started.invoice));
  expect(verdict).toBe('ACCEPTED');
}

const cancel = (bookingId: string, more: object = {}) =>
  world.data(shop.customer, CANCEL, { input: { bookingId, ...more } }).then(({ cancelBooking }) => cancelBooking);

describe('a stay at a provider that holds', () => {
  test('is searched, held, paid, confirmed there, and cancelled with the money that its terms give back', async () => {
    const found = await travel.search(shop.customer);
    expect(found).toMatchObject({ complete: true, decision: { scope: 'GLOBAL', selected: { slug: 'expedia' } } });
    const offer = found.offers.find((each: any) => each.refundable);

    const { booking, userErrors } = await travel.book(shop.customer, offer.id);
    expect(userErrors).toEqual([]);
    expect(booking).toMatchObject({
      kind: 'STAY',
      status: 'PENDING',
      syncStatus: 'SYNCED',
      payAtProperty: offer.payAtProperty,
      provider: { slug: 'expedia' },
      order: { status: 'ISSUED', total: { amount: booking.amount.amount } },
    });
    // The property's own fees are paid there, and never to us.
    const ours = BigInt(offer.total.minorUnits) - BigInt(offer.payAtProperty.minorUnits);
    expect(booking.amount.minorUnits).toBe(String(ours));
    expect(BigInt(offer.payAtProperty.minorUnits)).toBeGreaterThan(0n);
    expect(booking.order.expiresAt).not.toBeNull();

    await paid(booking.order.id);
    const confirmed = await travel.until(shop.customer, booking.id, 'CONFIRMED');
    expect(confirmed.order).toMatchObject({ status: 'PAID', amountPaid: { amount: booking.amount.amount } });

    const cancelled = await cancel(booking.id, { reason: 'Plans changed' });
    expect(cancelled).toMatchObject({ userErrors: [], booking: { status: 'CANCELLED' } });
    const [refund] = await world.owner(
      `select r.amount_minor as minor, r.requested_by as by from refunds r join payments p on p.tenant_id = r.tenant_id and p.id = r.payment_id
       join bookings b on b.tenant_id = p.tenant_id and b.order_id = p.order_id where b.reference = $1`,
      [booking.reference],
    );
    expect(refund).toEqual({ minor: String(ours), by: 'system' });
  });

  test('whose order is given up unpaid lets its rooms go', async () => {
    const { booking } = await travel.book(shop.customer, (await refundable()).id);
    const cancelled = await cancel(booking.id);
    expect(cancelled).toMatchObject({
      userErrors: [],
      booking: { status: 'CANCELLED', order: { status: 'CANCELLED' } },
    });
    await expect
      .poll(async () => {
        const [row] = await world.owner('select phase from bookings where reference = $1', [booking.reference]);
        return row.phase;
      }, SOON)
      .toBe('ENDED');
  });

  test('is refused with the new price where it became dearer than the caller will pay, and leaves nothing behind', async () => {
    const offer = await refundable();
    await travel.account('expedia', { priceChangePercent: 20 });
    try {
      const refused = await travel.book(shop.customer, offer.id);
      expect(refused.booking).toBeNull();
      expect(refused.userErrors).toMatchObject([{ code: 'PRICE_CHANGED' }]);
      const { amount, currencyCode } = refused.userErrors[0].details.currentTotal;
      expect(currencyCode).toBe('USD');
      expect(Number(amount)).toBeGreaterThan(Number(offer.total.amount));

      const accepted = await travel.book(shop.customer, offer.id, { maxTotal: amount });
      expect(accepted.userErrors).toEqual([]);
      expect(Number(accepted.booking.amount.amount)).toBeGreaterThan(
        Number(refused.userErrors[0].details.currentTotal.amount) * 0.5,
      );
    } finally {
      await travel.account('expedia', {});
    }
  });

  test('under one key is booked once, however often it is asked for', async () => {
    const offer = await refundable();
    const before = await itineraries();
    const asked = await Promise.all(
      Array.from({ length: 4 }, () => travel.book(shop.customer, offer.id, { idempotencyKey: 'one-stay' })),
    );
    expect(new Set(asked.map(({ booking }) => booking?.id)).size).toBe(1);
    expect((await itineraries()) - before).toBe(1);
  });
});

async function itineraries(): Promise<number> {
  const { book } = await world.simulators.bookOf('expedia', ACCOUNT);
  return (book as { bookings: unknown[] }).bookings.length;
}

describe('a stay whose answer is lost', () => {
  test('is looked up and adopted: booked once, and its customer can pay', async () => {
    const offer = await refundable();
    const before = await itineraries();
    await travel.scenario('expedia', [{ operation: 'book', fault: 'resetAfter', nth: 1 }]);
    const lost = await travel.book(shop.customer, offer.id, { idempotencyKey: 'lost-stay' });
    expect(lost).toMatchObject({ booking: null, userErrors: [{ code: 'OUTCOME_UNKNOWN' }] });
    const OPERATION = '{ operation(key: "lost-stay") { status inquiry { resolution } result { id } } }';
    expect((await world.data(shop.customer, OPERATION)).operation.status).toBe('UNKNOWN');

    await expect
      .poll(async () => (await world.data(shop.customer, OPERATION)).operation.status, SOON)
      .toBe('SUCCEEDED');
    const { operation } = await world.data(shop.customer, OPERATION);
    const booking = await travel.booking(shop.customer, operation.result.id);
    expect(booking).toMatchObject({ status: 'PENDING', syncStatus: 'SYNCED', order: { status: 'ISSUED' } });
    expect((await itineraries()) - before).toBe(1);
  });
});
