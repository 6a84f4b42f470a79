import type { BookInput, Guest } from '../travel.ts';
import { phoneOf } from './phone.ts';
import type { Profile } from './profile.ts';
import { settingOf } from './settings.ts';
import type { Token } from './token.ts';

/** The body of a booking (travel-providers.md 1.5, "Book request body"), or why there is none. */
export type Booking = { readonly body: Readonly<Record<string, unknown>> } | Refused;
interface Refused {
  readonly refused: string;
  readonly whose: 'rejected' | 'misconfigured';
}

const NAME_MAX = 60;
const REQUEST_MAX = 2_000;

export function toBooking(profile: Profile, input: BookInput, { rooms }: Token): Booking {
  const rejected = (refused: string): Refused => ({ refused, whose: 'rejected' });
  if (!/^[A-Za-z0-9-]{3,28}$/.test(input.reference)) return rejected('the reference is not one the vendor takes');
  if (!('guests' in input.travellers)) return rejected('a stay is booked for guests');
  const guests = leadGuests(input.travellers.guests, rooms.length);
  if (guests === null) return rejected('a room has no guest with a given and a family name');
  if (!/^[^\s@<>()]{1,64}@[^\s@<>()]{1,190}$/.test(input.contactEmail)) return rejected('the e-mail address is none');
  const phone = phoneOf(input.contactPhone);
  if (phone === null) return rejected('the vendor needs a phone number with its country code');
  const address = billingAddress(profile);
  if ('refused' in address) return address;
  const special = plain(input.specialRequests ?? '', REQUEST_MAX);
  const lead = guests[0]!;
  return {
    body: {
      affiliate_reference_id: input.reference,
      ...(input.hold && { hold: true }),
      email: input.contactEmail,
      phone,
      // In the order of the occupancies that were asked for.
      rooms: guests.map((guest) => ({ ...guest, smoking: false, ...(special !== '' && { special_request: special }) })),
      // No card ever comes here: the vendor bills us.
      payments: [{ type: 'affiliate_collect', billing_contact: { ...lead, address } }],
    },
  };
}

interface Name {
  readonly given_name: string;
  readonly family_name: string;
}

/** One guest for each room: the first one named for it. */
function leadGuests(guests: readonly Guest[], rooms: number): Name[] | null {
  const leads: Name[] = [];
  for (let room = 0; room < rooms; room++) {
    const guest = guests.find((one) => one.room === room);
    const name = {
      given_name: plain(guest?.givenName ?? '', NAME_MAX),
      family_name: plain(guest?.familyName ?? '', NAME_MAX),
    };
    if (name.given_name === '' || name.family_name === '') return null;
    leads.push(name);
  }
  return leads;
}

/** In one line, without what breaks it, cut between characters. */
function plain(text: string, lengthMax: number): string {
  const line = text
    .replace(/\p{C}+/gu, ' ')
    .replace(/[<>]/g, ' ')
    .trim();
  return [...line].slice(0, lengthMax).join('').trim();
}

interface Address {
  readonly line_1?: string;
  readonly city?: string;
  readonly state_province_code?: string;
  readonly postal_code?: string;
  readonly country_code: string;
}

/** For bookings that nobody pays, where nothing is configured: an address as the vendor's documents write one. */
const SANDBOX_ADDRESS: Address = {
  line_1: '1 Sandbox Street',
  city: 'Seattle',
  state_province_code: 'WA',
  postal_code: '98101',
  country_code: 'US',
};

const NEEDS_STATE = new Set(['AU', 'CA', 'US']);
const NEEDS_POSTAL_CODE = new Set(['CA', 'GB', 'US']);

/** Who is billed is us, so the address is a setting and no traveller's. */
export function billingAddress({ connection }: Profile): Address | Refused {
  const [line_1, city, state_province_code, postal_code, country] = (
    ['BILLING_LINE_1', 'BILLING_CITY', 'BILLING_STATE', 'BILLING_POSTAL_CODE', 'BILLING_COUNTRY'] as const
  ).map((name) => plain(settingOf(connection, name), 100));
  const country_code = (country ?? '').toUpperCase();
  if (country_code === '' && connection.mode === 'SANDBOX') return SANDBOX_ADDRESS;
  const isComplete =
    /^[A-Z]{2}$/.test(country_code) &&
    (state_province_code !== '' || !NEEDS_STATE.has(country_code)) &&
    (postal_code !== '' || !NEEDS_POSTAL_CODE.has(country_code));
  if (!isComplete) return { refused: 'the settings BILLING_... make no complete address', whose: 'misconfigured' };
  return {
    ...(line_1 && { line_1 }),
    ...(city && { city }),
    ...(state_province_code && { state_province_code }),
    ...(postal_code && { postal_code }),
    country_code,
  };
}
