import { day } from '../../helpers/travel-world.ts';
import type { Ask } from '../../helpers/raging.ts';
import { pause, type Random } from '../../live/storm/random.ts';

/** One who books a stay or a flight, pays from the wallet or does not, and may cancel; every mutation has a key and is repeated. */

export interface Agency {
  readonly ask: Ask;
  /** A token, renewed before it ends. */
  customer: string;
  readonly walletMethodId: string;
  readonly random: Random;
}

/** What travellers were told, by how it ended. */
export type Told = Record<string, number>;

const STAYS =
  'query ($input: StaySearchInput!) { searchStays(input: $input) { incompleteReason offers { id provider { slug } } } }';
const FLIGHTS =
  'query ($input: FlightSearchInput!) { searchFlights(input: $input) { incompleteReason offers { id provider { slug } } } }';
const BOOKED = '{ booking { id status order { id status } } userErrors { code message } }';
const BOOK_STAY = `mutation ($input: BookStayInput!) { bookStay(input: $input) ${BOOKED} }`;
const BOOK_FLIGHT = `mutation ($input: BookFlightInput!) { bookFlight(input: $input) ${BOOKED} }`;
const CANCEL = `mutation ($input: CancelBookingInput!) { cancelBooking(input: $input) ${BOOKED} }`;
const PAY = 'mutation ($input: PayOrderInput!) { payOrder(input: $input) { payment { id } userErrors { code } } }';
const BOOKING = 'query ($id: ID!) { booking(id: $id) { id status order { id status } } }';

/** @returns whether it came to a booking, as far as they were told */
export async function travelOnce(agency: Agency, name: string, told: Told): Promise<boolean> {
  const { random } = agency;
  const isFlight = random.chance(0.35);
  const offerId = await (isFlight ? flightOffer(agency) : stayOffer(agency));
  if (offerId === null) return count(told, 'nothing found');
  const { booking, userErrors } = await (isFlight ? bookFlight : bookStay)(agency, name, offerId);
  const [error] = userErrors;
  if (error) count(told, `booking: ${error.code}`);
  // Whoever is told that nobody knows yet walks away: the books have to be right without them.
  if (!booking) return error?.code === 'OUTCOME_UNKNOWN' || error?.code === 'OPERATION_IN_FLIGHT';
  await afterwards(agency, name, booking, told);
  return true;
}

async function afterwards(agency: Agency, name: string, booking: any, told: Told): Promise<void> {
  const { random } = agency;
  if (random.chance(0.06)) return cancel(agency, name, booking.id, told);
  if (random.chance(0.06)) return void count(told, 'never paid');
  if (!(await pay(agency, name, booking.order.id, told))) return;
  if (!random.chance(0.2)) return;
  const end = await ended(agency, booking.id);
  count(told, `after paying: ${end}`);
  if (end === 'CONFIRMED') await cancel(agency, name, booking.id, told);
}

function count(told: Told, what: string): false {
  told[what] = (told[what] ?? 0) + 1;
  return false;
}

/** Far apart, so that nobody is sold out by the others. */
async function stayOffer({ ask, customer, random }: Agency): Promise<string | null> {
  const start = random.between(30, 300);
  const input = {
    destination: 'SEA',
    checkIn: day(start),
    checkOut: day(start + random.between(1, 3)),
    occupancies: [{ adults: random.between(1, 2), childAges: [] }],
    currencyCode: 'USD',
    countryCode: random.pick(['US', 'GB']),
  };
  const { searchStays } = await ask(customer, STAYS, { input });
  return searchStays.offers.length === 0 ? null : random.pick<{ id: string }>(searchStays.offers).id;
}

async function flightOffer({ ask, customer, random }: Agency): Promise<string | null> {
  const [from, to] = random.pick([
    ['PRG', 'LIS'],
    ['LIS', 'PRG'],
    ['CDG', 'LIS'],
    ['PRG', 'CDG'],
  ] as const);
  const departure = day(random.between(20, 300));
  const input = { from, to, departure, adults: 1, currencyCode: 'USD', countryCode: 'CZ' };
  const { searchFlights } = await ask(customer, FLIGHTS, { input });
  return searchFlights.offers.length === 0 ? null : random.pick<{ id: string }>(searchFlights.offers).id;
}

/** By it a booking is found in a vendor's book that knows no name of ours. */
const emailOf = (name: string): string => `${name}@soak.example`;

async function bookStay(agency: Agency, name: string, offerId: string): Promise<any> {
  const guests = [{ givenName: 'Ada', familyName: 'Lovelace' }];
  const input = { offerId, guests, contactEmail: emailOf(name), contactPhone: '+12065550100' };
  return (await patiently(agency, BOOK_STAY, { ...input, idempotencyKey: `${name}-book` })).bookStay;
}

async function bookFlight(agency: Agency, name: string, offerId: string): Promise<any> {
  const passengers = [
    { givenName: 'Ada', familyName: 'Lovelace', birthDate: '1990-01-01', title: 'MS', nationality: 'CZ' },
  ];
  const input = { offerId, passengers, contactEmail: emailOf(name), contactPhone: '+420777123456' };
  return (await patiently(agency, BOOK_FLIGHT, { ...input, idempotencyKey: `${name}-book` })).bookFlight;
}

async function pay(agency: Agency, name: string, orderId: string, told: Told): Promise<boolean> {
  const input = { orderId, methodId: agency.walletMethodId, idempotencyKey: `${name}-pay` };
  const { payOrder } = await patiently(agency, PAY, input);
  const [error] = payOrder.userErrors;
  count(told, error ? `paying: ${error.code}` : 'paid');
  return !error;
}

async function cancel(agency: Agency, name: string, bookingId: string, told: Told): Promise<void> {
  const { cancelBooking } = await patiently(agency, CANCEL, { bookingId, idempotencyKey: `${name}-cancel` });
  const [error] = cancelBooking.userErrors;
  count(told, error ? `cancelling: ${error.code}` : 'cancelled');
}

const LOOKS = 20;

async function ended({ ask, customer }: Agency, id: string): Promise<string> {
  for (let look = 0; look < LOOKS; look += 1) {
    const { booking } = await ask(customer, BOOKING, { id });
    if (booking.status !== 'PENDING') return booking.status;
    await pause(150);
  }
  return 'PENDING';
}

const PATIENCE = 6;

/** Somebody works on it, or died over it: they ask a few times more, and go. */
async function patiently({ ask, customer, random }: Agency, query: string, input: object): Promise<any> {
  for (let attempt = 1; ; attempt += 1) {
    const data = await ask(customer, query, { input });
    const [payload] = Object.values<{ userErrors: { code: string }[] }>(data);
    if (attempt === PATIENCE || payload?.userErrors[0]?.code !== 'OPERATION_IN_FLIGHT') return data;
    await pause(random.between(100, 400));
  }
}
