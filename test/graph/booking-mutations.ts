import { randomUUID } from 'node:crypto';

import { signOffer, type Offer } from '../../src/offers.ts';
import { rawId, type Shop } from '../helpers/shop.ts';
import type { Mutation, Situation, Stage } from './mutations.ts';

/** Situations of bookings at providers: offers are signed as a search would, and TestVendor sells them. */

const ANSWER = 'booking { id status reference order { id status } }';
const CREDENTIALS = { expedia: ['API_KEY', 'SECRET'], kiwi: ['API_KEY'] } as const;

/** The two providers are there, with credentials, and on: other situations switch one of them off. */
export async function sellers({ shop: { world }, platformAdmin }: Stage): Promise<void> {
  for (const [slug, names] of Object.entries(CREDENTIALS)) {
    const known = await world.owner("select 1 from credentials where owner = 'provider:' || $1 || ':SANDBOX'", [slug]);
    if (known.length < names.length) {
      await send(world, platformAdmin, 'createProvider', { slug });
      for (const name of names)
        await send(world, platformAdmin, 'setProviderCredential', { slug, name, value: 'a secret' });
    }
    await world.owner('update providers set enabled = true where slug = $1', [slug]);
  }
  world.app.providers.refresh();
}

export async function send(
  world: Shop['world'],
  as: Stage['platformAdmin'],
  name: string,
  input: object,
): Promise<any> {
  const type = `${name[0]!.toUpperCase()}${name.slice(1)}Input`;
  const payload = name.startsWith('book') ? ANSWER : '';
  const query = `mutation ($input: ${type}!) { ${name}(input: $input) { ${payload} userErrors { code } } }`;
  return (await world.data(as, query, { input }))[name];
}

const STAY = { propertyId: '1', name: 'Somewhere', checkIn: '2099-01-01', checkOut: '2099-01-03' };
const LEG = { from: 'CAI', to: 'JED', departureLocal: '2099-01-01T10:00', arrivalLocal: '2099-01-01T12:00' };

/** @returns an id as a search would show it */
export function offerOf(shop: Shop, kind: Offer['kind'], instead: Partial<Offer> = {}): string {
  const { vault, clock } = shop.world.app;
  const about = {
    v: 1,
    kind,
    tenantId: shop.tenantId,
    providerSlug: kind === 'STAY' ? 'expedia' : 'kiwi',
    mode: 'SANDBOX',
    token: { found: randomUUID() },
    totalMinor: '20000',
    currencyCode: 'EGP',
    countryCode: 'EG',
    locale: 'en',
    requestKey: 'somebody',
    decisionId: randomUUID(),
    ...(kind === 'STAY'
      ? { stay: { ...STAY, occupancies: [{ adults: 1, childAges: [] }] } }
      : { flight: { adults: 1, children: 0, legs: [{ ...LEG, carrier: 'XX', flightNumber: '1' }] } }),
    ...instead,
  } as const;
  return signOffer(vault, clock, about, null).id;
}

export const NAME = { givenName: 'Ada', familyName: 'Lovelace' };
export const CONTACT = { contactEmail: 'ada@example.com', contactPhone: '+12065550100' };

export const stayInput = (shop: Shop) => ({ offerId: offerOf(shop, 'STAY'), guests: [NAME], ...CONTACT });
export const flightInput = (shop: Shop) => ({
  offerId: offerOf(shop, 'FLIGHT'),
  passengers: [{ ...NAME, birthDate: '1990-01-01' }],
  ...CONTACT,
});

const count = async (shop: Shop, table: string): Promise<number> =>
  Number((await shop.world.owner<{ count: string }>(`select count(*) from ${table}`))[0]!.count);
const begun = (shop: Shop) => async () => [await count(shop, 'bookings'), await count(shop, 'orders')];

/** A booking that waits for its money. */
async function booked(stage: Stage): Promise<string> {
  await sellers(stage);
  const { booking, userErrors } = await send(stage.shop.world, stage.shop.customer, 'bookStay', stayInput(stage.shop));
  if (!booking) throw new Error(JSON.stringify(userErrors));
  return booking.id;
}

const moved = (shop: Shop, bookingId: string) => async () => {
  const [row] = await shop.world.owner<{ count: string }>(
    "select count(*) from events where type = 'booking.status' and aggregate_id = $1",
    [rawId(bookingId)],
  );
  return [Number(row!.count)];
};

const beginning =
  (inputOf: (shop: Shop) => object) =>
  async (stage: Stage): Promise<Situation> => {
    await sellers(stage);
    const other = { field: 'contactEmail', value: 'another@example.com' };
    return { input: { ...inputOf(stage.shop) }, other, effects: begun(stage.shop) };
  };

export const BOOKING_MUTATIONS: Readonly<Record<string, Mutation>> = {
  bookStay: { as: ({ shop }) => shop.customer, answer: ANSWER, prepare: beginning(stayInput) },
  bookFlight: { as: ({ shop }) => shop.customer, answer: ANSWER, prepare: beginning(flightInput) },
  cancelBooking: {
    as: ({ shop }) => shop.customer,
    answer: ANSWER,
    prepare: async (stage) => {
      const bookingId = await booked(stage);
      return {
        input: { bookingId, reason: 'changed my mind' },
        other: { field: 'reason', value: 'another' },
        effects: moved(stage.shop, bookingId),
      };
    },
  },
  updateBookingStatus: {
    as: ({ shop }) => shop.operator,
    answer: ANSWER,
    prepare: async (stage) => {
      const bookingId = await booked(stage);
      return {
        input: { bookingId, status: 'CONFIRMED', reason: 'the hotel said so' },
        other: { field: 'reason', value: 'another' },
        effects: moved(stage.shop, bookingId),
      };
    },
  },
};
