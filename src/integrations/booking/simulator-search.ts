import { json } from '../simulator/answer.ts';
import type { SimulatorAnswer } from '../simulator/types.ts';
import {
  Complaint,
  invalid,
  listIn,
  missing,
  numberIn,
  objectIn,
  oneOf,
  only,
  rowsIn,
  textIn,
  type Fields,
} from './simulator-fields.ts';
import {
  freeUntil,
  nightsOf,
  priceOf,
  properties,
  totalOf,
  type Priced,
  type Product,
  type Property,
} from './simulator-inventory.ts';
import type { Page } from './simulator-model.ts';
import {
  amountsOf,
  bookerIn,
  cheapest,
  choiceIn,
  currencyIn,
  datesIn,
  guestsIn,
  knownProperty,
  offered,
  roomsLeft,
  type Chosen,
  type Desk,
  type StayAsked,
} from './simulator-stay.ts';

/** /accommodations/search and /accommodations/availability (travel-providers.md 2.4). */

const PAGE_MS = 3 * 3_600_000;
const LOCATIONS = ['accommodations', 'airport', 'city', 'coordinates', 'country', 'district', 'landmark', 'region'];
const SEARCH_FIELDS = `booker checkin checkout guests currency extras filters page rows sort ${LOCATIONS.join(' ')}`;
const SEARCH_FILTERS =
  'accommodation_facilities accommodation_types brands cancellation_type dormitories meal_plan payment price rating room_facilities 24_hour_reception travel_proud sustainability_certification';

export function search(desk: Desk, requestId: string, fields: Fields): SimulatorAnswer {
  const { body, offset } = pageOf(desk, 'search', fields);
  const extras = extrasIn(body, ['extra_charges', 'products']);
  const rows = Math.min(rowsIn(body, 'rows'), desk.settings.rowsMax);
  const asked = stayIn(desk, body);
  const choice = choiceIn(body, SEARCH_FILTERS);
  const inPlace = placeIn(desk, body);
  const found = inPlace
    .map((property) => ({ property, chosen: cheapest(desk, offered(desk, property, asked, choice), asked) }))
    .filter((one): one is Found => one.chosen !== null)
    .filter((one) => withinPrice(one, asked, body))
    .filter((one) => withinRating(one, body));
  const sorted = sortedBy(found, body);
  const data = sorted.slice(offset, offset + rows).map((one) => entryOf(desk, one, asked, extras));
  const isMore = sorted.length > offset + rows;
  const next = isMore ? keepPage(desk, 'search', body, offset + rows) : null;
  return json(200, { request_id: requestId, data, metadata: { next_page: next, total_results: sorted.length } });
}

/** The token alone is the request; it ends three hours after it was given. */
export function pageOf(desk: Desk, operation: string, fields: Fields): { body: Fields; offset: number } {
  if (fields['page'] === undefined) return { body: fields, offset: 0 };
  if (Object.keys(fields).length > 1) {
    throw new Complaint(400, 'conflicting_parameters', "Parameter 'page' must be the only one.");
  }
  const token = textIn(fields, 'page', /^\S+$/);
  const page = desk.ledger.kept<Page>(desk.account, 'page', token);
  if (page === null || page.operation !== operation) throw invalid('page');
  if (page.expiresAtMs <= desk.now.getTime()) throw invalid('page', 'It has expired.');
  return { body: page.body, offset: page.offset };
}

export function keepPage(desk: Desk, operation: string, body: Fields, offset: number): string {
  const expiresAtMs = desk.now.getTime() + PAGE_MS;
  return desk.ledger.keep(desk.account, 'page', { operation, body, offset, expiresAtMs });
}

function extrasIn(fields: Fields, known: readonly string[]): ReadonlySet<string> {
  const extras = fields['extras'] ?? [];
  if (!Array.isArray(extras) || !extras.every((one) => known.includes(one as string))) throw invalid('extras');
  return new Set(extras as string[]);
}

function stayIn(desk: Desk, body: Fields): StayAsked {
  bookerIn(body);
  const stay = datesIn(body, desk.now);
  return { ...stay, parties: guestsIn(body), currency: currencyIn(body) };
}

function placeIn(desk: Desk, body: Fields): readonly Property[] {
  only(body, SEARCH_FIELDS);
  const [kind, ...more] = LOCATIONS.filter((name) => body[name] !== undefined);
  if (kind === undefined) throw new Complaint(400, 'missing_parameter', 'A location is missing.');
  if (more.length > 0) {
    throw new Complaint(400, 'conflicting_parameters', `Parameters '${kind}' and '${more[0]}' exclude each other.`);
  }
  const all = properties();
  const matching = (matches: (property: Property) => boolean): Property[] => all.filter(matches);
  const signed = (): number => numberIn(body, kind, -1e15, 1e15);
  switch (kind) {
    case 'accommodations':
      return listIn(body, kind, 100).flatMap((id) => knownProperty(desk, id, kind) ?? []);
    case 'airport': {
      const code = textIn(body, kind, /^[A-Z]{3}$/);
      return matching(({ city }) => city.airports.includes(code));
    }
    case 'city': {
      const id = signed();
      return matching(({ city }) => city.id === id);
    }
    case 'region': {
      const id = signed();
      return matching(({ city }) => city.region === id);
    }
    case 'country': {
      const code = textIn(body, kind, /^[a-z]{2}$/);
      return matching(({ city }) => city.country === code);
    }
    default:
      // Districts, landmarks and coordinates are known to the vendor; nothing of ours lies in one.
      return [];
  }
}

interface Found {
  readonly property: Property;
  readonly chosen: Chosen[];
}

function sum({ chosen }: Found): number {
  return chosen.reduce((all, { priced }) => all + totalOf(priced), 0);
}

function withinPrice(found: Found, asked: StayAsked, body: Fields): boolean {
  const filter = (body['filters'] as Fields | undefined)?.['price'];
  if (filter === undefined) return true;
  if (asked.currency === null) throw missing('currency');
  const bounds = objectIn(filter, 'filters.price');
  only(bounds, 'minimum maximum', 'filters.price.');
  const night = sum(found) / 100 / nightsOf(asked).length;
  const bound = (name: string, otherwise: number): number =>
    typeof bounds[name] === 'number' ? bounds[name] : otherwise;
  return night >= bound('minimum', 0) && night <= bound('maximum', Number.POSITIVE_INFINITY);
}

function withinRating({ property }: Found, body: Fields): boolean {
  const filter = (body['filters'] as Fields | undefined)?.['rating'];
  if (filter === undefined) return true;
  const rating = objectIn(filter, 'filters.rating');
  only(rating, 'minimum_review_score stars', 'filters.rating.');
  const { stars, minimum_review_score: least } = rating;
  return (
    (!Array.isArray(stars) || stars.includes(property.stars)) &&
    (typeof least !== 'number' || property.reviewScore >= least)
  );
}

function sortedBy(found: readonly Found[], body: Fields): readonly Found[] {
  if (body['sort'] === undefined) return found;
  const sort = objectIn(body['sort'], 'sort');
  const by = oneOf(sort, 'by', ['distance', 'price', 'review_score', 'stars'], 'sort.');
  const factor = oneOf(sort, 'direction', ['ascending', 'descending'], 'sort.') === 'ascending' ? 1 : -1;
  const value = (one: Found): number =>
    by === 'price'
      ? sum(one)
      : by === 'stars'
        ? one.property.stars
        : by === 'review_score'
          ? one.property.reviewScore
          : 0;
  return found.toSorted((one, other) => factor * (value(one) - value(other)));
}

type Pair = ReturnType<typeof amountsOf>['pair'];

/** Without `extra_charges` the total alone is told. */
export function priceTold(priced: readonly Priced[], pair: Pair, withCharges: boolean, withOnline: boolean): unknown {
  const total = priced.reduce((all, one) => all + totalOf(one), 0);
  if (!withCharges) return { total: pair(total) };
  const charges = priced.flatMap((one) => one.charges);
  const base = priced.reduce((all, one) => all + one.base, 0);
  const share = (counts: (charge: (typeof charges)[number]) => boolean): number =>
    charges.filter(counts).reduce((all, { amount }) => all + amount, base);
  return {
    base: pair(base),
    charges: charges.map(({ charge, mode, percentage, unit, amount, inDisplay, isOnline }) => ({
      charge,
      condition: null,
      included_in: { display: inDisplay, ...(withOnline && { chargeable_online: isOnline }) },
      mode,
      percentage,
      total_amount: pair(amount),
      unit_amount: unit === null ? null : pair(unit),
    })),
    ...(withOnline && { chargeable_online: pair(share(({ isOnline }) => isOnline)) }),
    display: pair(share(({ inDisplay }) => inDisplay)),
    total: pair(total),
  };
}

function entryOf(desk: Desk, { property, chosen }: Found, asked: StayAsked, extras: ReadonlySet<string>): unknown {
  const { currency, pair } = amountsOf(desk, property, asked.currency);
  const withCharges = extras.has('extra_charges');
  const products = chosen.map(({ product, party, priced }) => ({
    id: product.id,
    bundle: null,
    children: party.children,
    deal: null,
    inventory: { third_party: false, type: 'sell' },
    number_available: roomsLeft(desk, product.room.id, asked),
    number_of_adults: party.adults,
    policies: policiesOf(desk, product, asked, null),
    price: priceTold([priced], pair, withCharges, false),
    room: product.room.id,
  }));
  return {
    id: property.id,
    currency,
    ...linksOf(property, desk.settings.affiliateId),
    price: priceTold(
      chosen.map(({ priced }) => priced),
      pair,
      withCharges,
      false,
    ),
    ...(extras.has('products') && desk.settings.tellsProducts && { products }),
  };
}

function linksOf({ id, city }: Property, affiliate: string): { url: string; deep_link_url: string } {
  return {
    url: `https://www.booking.com/hotel/${city.country}/demand-${id}.html?aid=${affiliate}`,
    deep_link_url: `booking://hotel/${id}?affiliate_id=${affiliate}`,
  };
}

/** @param schedule what availability adds; null in a search, whose word for a part given back is another, too */
function policiesOf(desk: Desk, product: Product, stay: StayAsked, schedule: unknown): unknown {
  const until = freeUntil(product, stay, desk.now);
  return {
    cancellation: {
      type: until === null ? 'non_refundable' : 'free_cancellation',
      free_cancellation_until: until === null ? null : instant(until),
      ...(schedule !== null && { schedule }),
    },
    meal_plan: {
      plan: product.rate.plan,
      meals: product.rate.plan === 'breakfast_included' ? ['breakfast'] : [],
    },
    payment: { timings: product.property.timings, prepayment_required: false },
  };
}

/** `2026-09-07T22:00:00+00:00` */
export function instant(at: Date): string {
  return `${at.toISOString().slice(0, 19)}+00:00`;
}

/** The fee that applies from each moment on. */
export function scheduleOf(desk: Desk, product: Product, stay: StayAsked, total: number, pair: Pair): unknown[] {
  const until = freeUntil(product, stay, desk.now);
  const whole = pair(total);
  return until === null
    ? [{ from: 'now', price: whole }]
    : [
        { from: 'now', price: pair(0) },
        { from: instant(until), price: whole },
      ];
}

export function availability(desk: Desk, requestId: string, body: Fields): SimulatorAnswer {
  only(body, 'accommodations booker checkin checkout currency extras filters guests');
  const ids = listIn(body, 'accommodations', 50);
  const asked = stayIn(desk, body);
  const withCharges = extrasIn(body, ['extra_charges']).has('extra_charges');
  const choice = choiceIn(body, 'cancellation_type meal_plan payment');
  const data = ids
    .flatMap((id) => knownProperty(desk, id, 'accommodations') ?? [])
    .flatMap((property) => {
      const products = offered(desk, property, asked, choice);
      return products.length === 0 ? [] : [lookedAt(desk, property, products, asked, withCharges)];
    });
  return json(200, { request_id: requestId, data });
}

function lookedAt(
  desk: Desk,
  property: Property,
  products: readonly Product[],
  asked: StayAsked,
  withCharges: boolean,
): unknown {
  const { currency, pair } = amountsOf(desk, property, asked.currency);
  const seed = desk.ledger.seedOf(desk.account);
  const chosen = cheapest(desk, products, asked);
  return {
    id: property.id,
    currency,
    ...linksOf(property, desk.settings.affiliateId),
    products: products.map((product) => {
      const { room } = product;
      const priced = priceOf(product, asked, seed);
      return {
        id: product.id,
        room: room.id,
        bundle: null,
        deal: null,
        inventory: { third_party: false, type: 'sell' },
        number_available: roomsLeft(desk, room.id, asked),
        maximum_occupancy: {
          adults: room.adults,
          children: room.children === null ? null : [{ ...room.children, free_stay: false }],
          total: room.total,
        },
        policies: policiesOf(desk, product, asked, scheduleOf(desk, product, asked, totalOf(priced), pair)),
        price: priceTold([priced], pair, withCharges, true),
      };
    }),
    recommendation: chosen && {
      price: priceTold(
        chosen.map(({ priced }) => priced),
        pair,
        withCharges,
        true,
      ),
      products: chosen.map(({ product, party, priced }) => ({
        id: product.id,
        number_of_adults: party.adults,
        children: party.children,
        price: priceTold([priced], pair, withCharges, true),
      })),
    },
  };
}
