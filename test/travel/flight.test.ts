import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startTestApp, type TestApp } from '../helpers/app.ts';
import { Shop } from '../helpers/shop.ts';
import { day, TravelWorld } from '../helpers/travel-world.ts';

let world: TestApp;
let shop: Shop;
let travel: TravelWorld;

beforeAll(async () => {
  world = await startTestApp({ worker: true });
  shop = await Shop.open(world);
  travel = await TravelWorld.open(world, { travelpayouts: { buyActions: 'assumed' } });
});
afterAll(() => world.stop());

const SOON = { timeout: 30_000 };
const SEARCH = `query ($input: FlightSearchInput!) { searchFlights(input: $input) { complete incompleteReason
  decision { selected { slug } } offers { id bookable deepLink expiresAt total { amount currencyCode minorUnits }
    segments { from to departureLocal arrivalLocal carrier flightNumber direction } } } }`;
const BOOK = `mutation ($input: BookFlightInput!) { bookFlight(input: $input) { booking { id reference kind status syncStatus
  amount { amount } order { id status } } userErrors { code field message details } } }`;
const FLIGHT = { from: 'PRG', to: 'LIS', departure: day(40), adults: 1, currencyCode: 'USD', countryCode: 'CZ' };
const PASSENGER = { givenName: 'Test', familyName: 'Test', birthDate: '1990-01-01', title: 'MR', nationality: 'CZ' };

const search = (input: object = {}) =>
  world.data(shop.customer, SEARCH, { input: { ...FLIGHT, ...input } }).then(({ searchFlights }) => searchFlights);
const book = (offerId: string, more: object = {}) =>
  world
    .data(shop.customer, BOOK, {
      input: {
        offerId,
        passengers: [PASSENGER],
        contactEmail: 'ada@example.com',
        contactPhone: '+420777123456',
        ...more,
      },
    })
    .then(({ bookFlight }) => bookFlight);

describe('a flight', () => {
  test('is searched, saved, paid, confirmed, and told of by the seller when the carrier has it', async () => {
    const found = await search();
    expect(found).toMatchObject({ decision: { selected: { slug: 'kiwi' } } });
    const offer = found.offers[0];
    expect(offer).toMatchObject({ bookable: true, deepLink: null });

    const { booking, userErrors } = await book(offer.id);
    expect(userErrors).toEqual([]);
    expect(booking).toMatchObject({
      kind: 'FLIGHT',
      status: 'PENDING',
      syncStatus: 'SYNCED',
      order: { status: 'ISSUED' },
    });

    const started = await shop.startedOn(booking.order.id);
    await shop.atGateway(started, 'pay');
    expect((await shop.deliver(shop.hook('paid', started.invoice))).verdict).toBe('ACCEPTED');
    await expect
      .poll(
        async () =>
          (await world.owner('select phase from bookings where reference = $1', [booking.reference]))[0].phase,
        SOON,
      )
      .toBe('PENDING');

    const [{ provider_reference: reference }] = await world.owner(
      'select provider_reference from bookings where reference = $1',
      [booking.reference],
    );
    const told = await world.request('POST', '/webhooks/providers/kiwi?secret=push-kiwi-00000001', {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ trigger: 'confirmed', booking_id: Number(reference), data: {} }),
    });
    expect(told.status).toBe(200);
    expect(await travel.until(shop.customer, booking.id, 'CONFIRMED')).toMatchObject({ status: 'CONFIRMED' });
  });

  test("of somebody else's word, without the secret, changes nothing and is in the journal", async () => {
    const { booking } = await book((await search()).offers[0].id);
    const [{ provider_reference: reference }] = await world.owner(
      'select provider_reference from bookings where reference = $1',
      [booking.reference],
    );
    const told = await world.request('POST', '/webhooks/providers/kiwi?secret=guessed', {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ trigger: 'cancelled', booking_id: Number(reference), data: {} }),
    });
    expect(told.status).toBe(401);
    expect(await travel.booking(shop.customer, booking.id)).toMatchObject({ status: 'PENDING' });
    const kept = await world.owner(
      "select verdict from webhook_deliveries where source = 'kiwi' and verdict = 'BAD_SIGNATURE'",
    );
    expect(kept).toHaveLength(1);
  });
});

describe('a flight that others sell', () => {
  test('is shown with a link for the customer, and can not be booked here', async () => {
    const found = await search({ discoveryOnly: true });
    expect(found).toMatchObject({ decision: { selected: { slug: 'travelpayouts' } } });
    const offer = found.offers[0];
    expect(offer.bookable).toBe(false);
    expect(offer.deepLink).toMatch(/^https?:\/\//);
    const refused = await book(offer.id);
    expect(refused.booking).toBeNull();
  });
});
