import type { Occupancy, StayQuery, Traveller } from '../travel.ts';
import type { Offer } from './offer.ts';
import type { BookingSettings } from './settings.ts';

/** Pure: our questions in the vendor's words (travel-providers.md 2.4). */

export type Body = Readonly<Record<string, unknown>>;

export interface Booker {
  readonly country: string;
  readonly platform: string;
}

export interface StayRequest {
  /** What both ways of asking have in common. */
  readonly stay: Body;
  /** Where to look, for a search; null where properties are named. */
  readonly place: Body | null;
  readonly properties: readonly string[];
  readonly booker: Booker;
}

const PROPERTIES_MAX = 100;
const ROOMS_MAX = 30;
const GUESTS_MAX = 100;
const NIGHTS_MAX = 90;
const DAYS_AHEAD_MAX = 500;
const DAY_MS = 86_400_000;

/** @returns the request, or why the vendor could not answer it. */
export function toStayRequest(
  query: StayQuery,
  settings: BookingSettings,
  now: Date,
): StayRequest | { readonly refused: string } {
  const place = query.destination === null ? null : placeOf(query.destination);
  if (query.destination !== null && place === null) return { refused: 'the destination is no place the vendor knows' };
  if ((place === null) === (query.propertyIds.length === 0)) {
    return { refused: 'a search is about one destination or about properties' };
  }
  if (query.propertyIds.length > PROPERTIES_MAX) return { refused: `at most ${PROPERTIES_MAX} properties at once` };
  if (!query.propertyIds.every((id) => /^\d{1,15}$/.test(id))) return { refused: 'a property id is no number' };
  const refused = datesRefusal(query, now) ?? guestsRefusal(query.occupancies);
  if (refused !== null) return { refused };
  if (!/^[A-Z]{3}$/.test(query.currencyCode)) return { refused: 'the currency is no code' };
  const booker = bookerOf(query.traveller, settings);
  if (booker === null) return { refused: 'the point of sale is no country' };
  const stay = {
    booker,
    checkin: query.checkIn,
    checkout: query.checkOut,
    currency: query.currencyCode,
    guests: guestsOf(query.occupancies),
  };
  return { stay, place, properties: [...new Set(query.propertyIds)], booker };
}

/** An airport's code, or the vendor's own `city:-2140479`, `region:1003`, `district:145`, `landmark:1`, `country:nl`. */
function placeOf(destination: string): Body | null {
  if (/^[A-Z]{3}$/.test(destination)) return { airport: destination };
  const [, kind = '', id = ''] = /^(city|region|district|landmark):(-?\d{1,15})$/.exec(destination) ?? [];
  if (kind !== '') return { [kind]: Number(id) };
  const country = /^country:([A-Za-z]{2})$/.exec(destination)?.[1];
  return country === undefined ? null : { country: country.toLowerCase() };
}

function datesRefusal({ checkIn, checkOut }: StayQuery, now: Date): string | null {
  const [from, to] = [dayMs(checkIn), dayMs(checkOut)];
  if (from === null || to === null) return 'a date is none';
  const nights = (to - from) / DAY_MS;
  if (nights < 1 || nights > NIGHTS_MAX) return `a stay is 1 to ${NIGHTS_MAX} nights`;
  // A day of tolerance at both ends, because it is another day elsewhere: the vendor decides about those.
  if (from < now.getTime() - 2 * DAY_MS) return 'the arrival is in the past';
  return to > now.getTime() + (DAYS_AHEAD_MAX + 1) * DAY_MS ? `more than ${DAYS_AHEAD_MAX} days ahead` : null;
}

function dayMs(day: string): number | null {
  const time = /^\d{4}-\d{2}-\d{2}$/.test(day) ? Date.parse(`${day}T00:00:00Z`) : Number.NaN;
  // Some engines read the 31st of February as a day in March.
  return Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== day ? null : time;
}

function guestsRefusal(occupancies: readonly Occupancy[]): string | null {
  if (occupancies.length < 1 || occupancies.length > ROOMS_MAX) return `a search is about 1 to ${ROOMS_MAX} rooms`;
  const isRoom = ({ adults, childAges }: Occupancy): boolean =>
    Number.isInteger(adults) &&
    adults >= 1 &&
    adults + childAges.length <= GUESTS_MAX &&
    childAges.every((age) => Number.isInteger(age) && age >= 0 && age <= 17);
  return occupancies.every(isRoom) ? null : 'a room holds an adult at least, and children up to 17 years';
}

function guestsOf(occupancies: readonly Occupancy[]): Body {
  const children = occupancies.flatMap(({ childAges }) => childAges);
  return {
    number_of_adults: occupancies.reduce((sum, { adults }) => sum + adults, 0),
    number_of_rooms: occupancies.length,
    ...(children.length > 0 && { children }),
    ...(occupancies.length > 1 && { allocation: occupancies.map(allocationOf) }),
  };
}

function allocationOf({ adults, childAges }: Occupancy): Body {
  return { number_of_adults: adults, children: childAges };
}

function bookerOf({ countryCode, userAgent }: Traveller, settings: BookingSettings): Booker | null {
  const country = countryCode.toLowerCase();
  return /^[a-z]{2}$/.test(country) ? { country, platform: platformOf(userAgent) ?? settings.platform } : null;
}

function platformOf(userAgent: string | null): 'mobile' | 'tablet' | 'desktop' | null {
  if (userAgent === null || userAgent === '') return null;
  if (/iPad|Tablet|Android(?!.*Mobile)/.test(userAgent)) return 'tablet';
  return /Mobi|iPhone|Android/.test(userAgent) ? 'mobile' : 'desktop';
}

const ROWS = { least: 10, most: 100 };

/** The first page; a later one is its token and nothing else. */
export function searchBody({ stay, place }: StayRequest, settings: BookingSettings, offersMax: number): Body {
  const rows = Math.min(Math.max(Math.ceil(offersMax / 10) * 10, ROWS.least), ROWS.most);
  const cardFree = settings.onlyWithoutCard && settings.paymentMethod === 'none';
  const payment = { ...timingFilter(settings), ...(cardFree && { credit_card_required: false }) };
  return { ...stay, ...place, extras: ['extra_charges', 'products'], rows, filters: { payment } };
}

export function availabilityBody(
  { stay }: StayRequest,
  settings: BookingSettings,
  properties: readonly string[],
): Body {
  return {
    ...stay,
    accommodations: properties.map(Number),
    extras: ['extra_charges'],
    filters: { payment: timingFilter(settings) },
  };
}

/** The vendor's filter knows two words for three timings. */
function timingFilter({ paymentTiming }: BookingSettings): { readonly timing: string } {
  return { timing: paymentTiming === 'pay_at_the_property' ? paymentTiming : 'pay_online' };
}

export function previewBody(offer: Offer): Body {
  return {
    currency: offer.currency,
    accommodation: {
      id: Number(offer.property),
      booker: { country: offer.country, platform: offer.platform },
      checkin: offer.checkIn,
      checkout: offer.checkOut,
      products: offer.rooms.map(({ id, ...room }) => ({ id, allocation: allocationOf(room) })),
    },
  };
}

/** The vendor's own list, as far as we know it; another word in a request would be refused. */
const LANGUAGES = new Set(
  'ar bg ca cs da de el en-gb en-us es et fi fr he hr hu id it ja ko lt lv ms nl no pl pt-br pt-pt ro ru sk sl sr sv th tr uk vi zh-cn zh-tw'.split(
    ' ',
  ),
);
export const LANGUAGE = 'en-gb';

const MAIN_VARIANT: Readonly<Record<string, string>> = { en: 'en-gb', pt: 'pt-pt', zh: 'zh-cn' };

/** A locale as the vendor's language; English where it has none. */
export function languageOf(locale: string): string {
  const tag = locale.toLowerCase().replace('_', '-');
  const base = tag.split('-')[0] ?? '';
  return [tag, base, MAIN_VARIANT[base] ?? ''].find((one) => LANGUAGES.has(one)) ?? LANGUAGE;
}
