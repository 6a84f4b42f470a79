import { json } from '../simulator/answer.ts';
import type { SimulatorAnswer } from '../simulator/types.ts';
import { Complaint, invalid, listIn, only, type Fields } from './simulator-fields.ts';
import { properties, type Property } from './simulator-inventory.ts';
import { CITIES, CURRENCIES } from './simulator-places.ts';
import { knownProperty, type Desk } from './simulator-stay.ts';

/** What is static: names of properties and rooms, places, cards, currencies (travel-providers.md 2.4). */

const LANGUAGES = ['en-gb', 'en-us', 'ar', 'de', 'fr', 'es', 'nl', 'it', 'tr', 'ja', 'pt-br', 'pt-pt', 'zh-cn', 'ru'];

export function details(desk: Desk, requestId: string, body: Fields): SimulatorAnswer {
  only(body, 'accommodations airport city country region extras languages page rows');
  const extras = body['extras'] === undefined ? [] : listOrNone(body, 'extras');
  const languages = languagesIn(body);
  const data = asked(desk, body).map((property) => ({
    id: property.id,
    accommodation_status: 'open',
    booker_address_required: false,
    currency: property.city.currency,
    location: {
      address: { 'en-gb': `1 ${property.name} Street` },
      city: property.city.id,
      country: property.city.country,
      postal_code: '1000',
      coordinates: null,
    },
    name: translated(property.name, languages),
    rating: { review_score: property.reviewScore, number_of_reviews: 1_024, stars: property.stars },
    ...(extras.includes('rooms') && {
      rooms: property.rooms.map(({ id, name }) => ({ id, name: translated(name, languages), bed_options: [] })),
    }),
  }));
  return json(200, { request_id: requestId, data });
}

function asked(desk: Desk, body: Fields): readonly Property[] {
  if (body['accommodations'] !== undefined) {
    return listIn(body, 'accommodations', 100).flatMap((id) => knownProperty(desk, id, 'accommodations') ?? []);
  }
  const { airport, city, country, region } = body;
  if ([airport, city, country, region].every((one) => one === undefined)) {
    throw new Complaint(400, 'missing_parameter', "Parameter 'accommodations' is missing.");
  }
  return properties().filter(
    ({ city: at }) =>
      at.id === city || at.country === country || at.region === region || at.airports.includes(String(airport)),
  );
}

function listOrNone(body: Fields, name: string): readonly unknown[] {
  const value = body[name];
  if (!Array.isArray(value)) throw invalid(name);
  return value as readonly unknown[];
}

function languagesIn(body: Fields): readonly string[] {
  if (body['languages'] === undefined) return ['en-gb'];
  const languages = listIn(body, 'languages', 50);
  if (!languages.every((one) => typeof one === 'string' && /^[a-z]{2}(-[a-z]{2})?$/.test(one)))
    throw invalid('languages');
  return languages as readonly string[];
}

/** Only what it knows has a name in a language; here that is the first one, and English. */
function translated(name: string, languages: readonly string[]): Record<string, string | null> {
  return Object.fromEntries(languages.map((language) => [language, LANGUAGES.includes(language) ? name : null]));
}

const CARDS = ['American Express', 'Visa', 'Euro/Mastercard', 'Diners Club', 'JCB', 'Maestro'];
const CHARGES: readonly (readonly [number, string])[] = [
  [21, 'VAT'],
  [22, 'City tax'],
  [46, 'Resort fee'],
];

const named = (id: unknown, name: string): unknown => ({ id, name: { 'en-gb': name } });

const LISTS: Readonly<Record<string, () => unknown>> = {
  cards: () => CARDS.map((name, index) => ({ id: index + 1, name })),
  currencies: () => CURRENCIES.map((code) => named(code, code)),
  languages: () => LANGUAGES.map((id) => named(id, id)),
  airports: () =>
    CITIES.flatMap((city) => city.airports.map((code) => ({ ...(named(code, city.name) as object), city: city.id }))),
  cities: () => CITIES.map((city) => ({ ...(named(city.id, city.name) as object), country: city.country })),
  countries: () => [...new Set(CITIES.map(({ country }) => country))].map((id) => named(id, id.toUpperCase())),
  regions: () => [...new Map(CITIES.map((city) => [city.region, city.name]))].map(([id, name]) => named(id, name)),
  constants: () => ({ charge_types: CHARGES.map(([id, name]) => named(id, name)) }),
};

/** Null where there is no such list. */
export function list(name: string, requestId: string): SimulatorAnswer | null {
  const made = Object.hasOwn(LISTS, name) ? LISTS[name] : undefined;
  return made ? json(200, { request_id: requestId, data: made() }) : null;
}
