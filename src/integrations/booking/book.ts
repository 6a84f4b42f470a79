import type { OutboundCall, Outcome } from '../contract.ts';
import { notDone } from '../outcome.ts';
import type { BookInput, BookResult, Guest, ProviderConnection } from '../travel.ts';
import { askDemand, type DemandOptions, type Refusal } from './exchange.ts';
import { readToken, type BookingKeys, type Offer, type PreviewedOrder } from './offer.ts';
import { languageOf, type Body } from './request.ts';
import { isMock } from './search.ts';
import { readSettings, type BookingSettings } from './settings.ts';
import { CreatedAnswer } from './wire.ts';

/**
 * Makes the order (travel-providers.md 2.4, 2.10). There is no idempotency key: once the request may have left, anything
 * but a clear answer is unknown, and the order is looked for by its label, which is our reference.
 */
export async function book(
  options: DemandOptions,
  connection: ProviderConnection,
  input: BookInput,
  call: OutboundCall,
): Promise<Outcome<BookResult>> {
  const settings = readSettings(connection);
  if ('refused' in settings) return notDone('misconfigured', settings.refused);
  const offer = readToken(input.offer);
  if (offer?.order === undefined) return notDone('rejected', 'this is no checked offer of this provider');
  const stopped = endedBefore(offer, offer.order, input, options.clock.now());
  if (stopped !== null) return { kind: 'done', value: stopped };
  const refused = isMock(connection, settings, offer.property)
    ? 'a property of the sandbox is no property in production'
    : refusalOf(input, settings);
  if (refused !== null) return notDone('rejected', refused);
  const payment = paymentOf(offer.order, connection);
  if (payment === null) return notDone('misconfigured', 'AIRPLUS_NUMBER is missing or no number of 12 digits');
  return askDemand(options, {
    connection,
    call,
    path: '/orders/create',
    body: orderBody(offer, offer.order, input, settings, payment),
    effect: true,
    shape: CreatedAnswer,
    convert: ({ data }) => {
      const keys: BookingKeys = { order: data.order, reservation: data.accommodation.reservation };
      return {
        kind: 'done',
        value: { state: 'CONFIRMED', holdExpiresAt: null, providerReference: keys.reservation, keys },
      };
    },
    refused: refusedOrder,
  });
}

/** How long a wish may be is not documented; a cut one is better than a stay that is paid and not booked. */
const REMARKS_LENGTH_MAX = 1_000;

/** What is known without asking: the vendor must not be paid more than was agreed, nor asked with a token that ended. */
function endedBefore(offer: Offer, order: PreviewedOrder, input: BookInput, now: Date): BookResult | null {
  const isDearer = offer.currency !== input.currencyCode || BigInt(offer.totalMinor) > input.totalMinor;
  if (isDearer) return { state: 'PRICE_CHANGED' };
  return now.getTime() >= Date.parse(order.expiresAt) ? { state: 'EXPIRED' } : null;
}

function refusalOf(input: BookInput, settings: BookingSettings): string | null {
  // A guest who is told of a reserve and then charged was lied to.
  if (input.hold) return 'the vendor reserves nothing without booking it';
  if (!/^[A-Za-z0-9-]{3,28}$/.test(input.reference)) return 'the reference is no label';
  if (!('guests' in input.travellers) || leadOf(input.travellers.guests) === null)
    return 'a stay has a guest with a name';
  if (!/^[A-Za-z]{2}$/.test(input.traveller.countryCode)) return 'the point of sale is no country';
  if (!/^\S+@\S+$/.test(input.contactEmail)) return 'the vendor asks for an e-mail address';
  return (input.contactPhone ?? settings.phone) === '' ? 'the vendor asks for a telephone number' : null;
}

/** Who the order is for: of the first room, with both names, because the vendor asks for both. */
function leadOf(guests: readonly Guest[]): Guest | null {
  const named = guests.filter(({ givenName, familyName }) => givenName.trim() !== '' && familyName.trim() !== '');
  return named.find(({ room }) => room === 0) ?? named[0] ?? null;
}

/** Null where the affiliate's account cannot be told. */
function paymentOf({ timing, method }: PreviewedOrder, { credentials }: ProviderConnection): Body | null {
  if (method !== 'airplus') return { timing, ...(method !== null && { method }) };
  const number = credentials['AIRPLUS_NUMBER'] ?? '';
  return /^\d{12}$/.test(number) ? { timing, method, airplus: { number } } : null;
}

function orderBody(
  offer: Offer,
  order: PreviewedOrder,
  input: BookInput,
  settings: BookingSettings,
  payment: Body,
): Body {
  const guests = 'guests' in input.travellers ? input.travellers.guests : [];
  const lead = leadOf(guests);
  const { addressLine, addressCity, addressPostCode } = settings;
  const remarks = Array.from((input.specialRequests ?? '').trim())
    .slice(0, REMARKS_LENGTH_MAX)
    .join('');
  return {
    order_token: order.token,
    booker: {
      name: { first_name: lead?.givenName ?? '', last_name: lead?.familyName ?? '' },
      email: input.contactEmail,
      telephone: input.contactPhone ?? settings.phone,
      address: {
        country: input.traveller.countryCode.toLowerCase(),
        ...(addressCity !== '' && { city: addressCity }),
        ...(addressLine !== '' && { address_line: addressLine }),
        ...(addressPostCode !== '' && { post_code: addressPostCode }),
      },
      language: languageOf(input.traveller.locale),
    },
    payment,
    accommodation: {
      label: input.reference,
      products: offer.rooms.map(({ id }, index) => withGuests(id, guestsOf(guests, index, offer.rooms.length), input)),
      ...(remarks !== '' && { remarks: { special_requests: remarks } }),
    },
  };
}

function withGuests(id: string, guests: readonly Guest[], { contactEmail }: BookInput): Body {
  const named = guests
    .map(({ givenName, familyName }) => ({ name: `${givenName} ${familyName}`.trim(), email: contactEmail }))
    .filter(({ name }) => name !== '');
  return named.length === 0 ? { id } : { id, guests: named };
}

/** Where the vendor has fewer rooms for the party than were asked for, the last one takes the others' guests. */
function guestsOf(guests: readonly Guest[], room: number, rooms: number): readonly Guest[] {
  return guests.filter((guest) => Math.min(guest.room, rooms - 1) === room);
}

/** Each of these is certain; a second order under one token means that an earlier try of ours was taken. */
function refusedOrder({ status, id, detail }: Refusal): Outcome<BookResult> | null {
  if (status === 400 && id === 'expired_token') return { kind: 'done', value: { state: 'EXPIRED' } };
  if (status === 409 && id === 'order_unavailable') return { kind: 'done', value: { state: 'SOLD_OUT' } };
  return status === 409 && id === 'duplicate_request' ? { kind: 'unknown', detail } : null;
}
