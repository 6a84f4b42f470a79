import type { Fault } from '../simulator/scenario.ts';
import {
  DAY_MS,
  Complaint,
  dayIn,
  invalid,
  listIn,
  missing,
  numberIn,
  objectIn,
  oneOf,
  only,
  optionalText,
  textIn,
  type Fields,
} from './simulator-fields.ts';
import {
  MOCK_PROPERTY,
  freeUntil,
  holds,
  nightsOf,
  priceOf,
  productsOf,
  propertyOf,
  totalOf,
  type Party,
  type Priced,
  type Product,
  type Property,
  type Stay,
  type Timing,
} from './simulator-inventory.ts';
import type { Account, Ledger, Order } from './simulator-model.ts';
import { CURRENCIES, convert } from './simulator-places.ts';

/** What searching, looking and booking have in common: who comes when, what is free, and what it costs. */

export interface Desk {
  readonly ledger: Ledger;
  readonly account: string;
  readonly settings: Account;
  /** Real time: what is valid and what has ended does not follow a scenario. */
  readonly now: Date;
  readonly fault: Fault | null;
  /** Orders that take a room, read once for a request. */
  standing(): readonly Order[];
}

export function openDesk(asked: Omit<Desk, 'standing'>): Desk {
  let standing: readonly Order[] | null = null;
  return {
    ...asked,
    standing: () =>
      (standing ??= asked.ledger.orders(asked.account).filter(({ status }) => !status.startsWith('cancelled'))),
  };
}

export interface StayAsked extends Stay {
  /** One for each room. */
  readonly parties: readonly Party[];
  /** Null: nothing is told in the booker's currency. */
  readonly currency: string | null;
}

const COUNTRY = /^[a-z]{2}$/;
const PLATFORMS = ['android', 'desktop', 'ios', 'mobile', 'tablet'] as const;
const DAYS_AHEAD_MAX = 500;
const NIGHTS_MAX = 90;

export function bookerIn(fields: Fields, within = ''): void {
  const booker = objectIn(fields['booker'], `${within}booker`);
  only(booker, 'country platform state travel_purpose user_groups', `${within}booker.`);
  textIn(booker, 'country', COUNTRY, `${within}booker.`);
  oneOf(booker, 'platform', PLATFORMS, `${within}booker.`);
}

export function datesIn(fields: Fields, now: Date, within = ''): Stay {
  const from = dayIn(fields, 'checkin', within);
  const to = dayIn(fields, 'checkout', within);
  const nights = (to - from) / DAY_MS;
  if (from < now.getTime() - 2 * DAY_MS) throw invalid(`${within}checkin`, 'It is in the past.');
  if (from > now.getTime() + DAYS_AHEAD_MAX * DAY_MS) throw invalid(`${within}checkin`, 'It is too far ahead.');
  if (nights < 1 || nights > NIGHTS_MAX) throw invalid(`${within}checkout`, 'A stay is 1 to 90 nights.');
  return { checkIn: day(from), checkOut: day(to) };
}

function day(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

export function currencyIn(fields: Fields): string | null {
  const currency = optionalText(fields, 'currency', /^[A-Z]{3}$/);
  if (currency !== null && !CURRENCIES.includes(currency)) throw invalid('currency');
  return currency;
}

export function partyIn(value: unknown, name: string): Party {
  const fields = objectIn(value, name);
  only(fields, 'number_of_adults children', `${name}.`);
  const adults = numberIn(fields, 'number_of_adults', 1, 100, `${name}.`);
  return { adults, children: agesIn(fields, name) };
}

function agesIn(fields: Fields, within: string): number[] {
  const value = fields['children'] ?? [];
  if (!Array.isArray(value) || !value.every((age) => Number.isInteger(age) && age >= 0 && age <= 17)) {
    throw invalid(`${within}.children`);
  }
  return value as number[];
}

/** Without an allocation the party is spread over the rooms, grown-ups first. */
export function guestsIn(fields: Fields): Party[] {
  const guests = objectIn(fields['guests'], 'guests');
  only(guests, 'number_of_adults number_of_rooms children allocation', 'guests.');
  const adults = numberIn(guests, 'number_of_adults', 1, 1_000, 'guests.');
  const rooms = numberIn(guests, 'number_of_rooms', 1, 100, 'guests.');
  const children = agesIn(guests, 'guests');
  if (rooms > adults) throw invalid('guests.number_of_rooms');
  if (guests['allocation'] === undefined) {
    return Array.from({ length: rooms }, (_, room) => ({
      adults: Math.floor(adults / rooms) + (room < adults % rooms ? 1 : 0),
      children: children.filter((__, index) => index % rooms === room),
    }));
  }
  const parties = listIn(guests, 'allocation', 100, 'guests.').map((one) => partyIn(one, 'guests.allocation'));
  const sum = parties.reduce((all, one) => all + one.adults, 0);
  const ages = parties.flatMap((one) => one.children).toSorted((one, other) => one - other);
  if (
    parties.length !== rooms ||
    sum !== adults ||
    String(ages) !== String(children.toSorted((one, other) => one - other))
  ) {
    throw new Complaint(400, 'conflicting_parameters', "Parameters 'guests.allocation' and 'guests' do not agree.");
  }
  return parties;
}

/** A property the account may ask for: the sandbox's mock one is an error in production. */
export function knownProperty({ settings }: Desk, value: unknown, name: string): Property | null {
  if (value === undefined || value === null) throw missing(name);
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1) throw invalid(name);
  if (settings.environment === 'production' && value === MOCK_PROPERTY) throw invalid(name, 'It is of the sandbox.');
  return propertyOf(value) ?? null;
}

/** Rooms of the type that are free on every night of the stay. */
export function roomsLeft({ settings, standing }: Desk, room: string, stay: Stay): number {
  const taken = new Map<string, number>();
  for (const order of standing()) {
    const count = order.rooms.filter((one) => one.room === room).length;
    if (count > 0) for (const night of nightsOf(order)) taken.set(night, (taken.get(night) ?? 0) + count);
  }
  const most = Math.max(0, ...nightsOf(stay).map((night) => taken.get(night) ?? 0));
  return Math.max(0, settings.roomsPerType - most);
}

export interface Choice {
  readonly timing: 'pay_at_the_property' | 'pay_online' | null;
  readonly cardFree: boolean;
  readonly freeToCancel: boolean;
  readonly plan: string | null;
}

/** The filters a search and a look have in common; `credit_card_required` is a search's only. */
export function choiceIn(fields: Fields, names: string): Choice {
  const filters = fields['filters'] === undefined ? {} : objectIn(fields['filters'], 'filters');
  only(filters, names, 'filters.');
  const payment = filters['payment'] === undefined ? {} : objectIn(filters['payment'], 'filters.payment');
  only(payment, names.includes('rating') ? 'timing credit_card_required' : 'timing', 'filters.payment.');
  const optional = <W extends string>(from: Fields, name: string, words: readonly W[], within: string): W | null =>
    from[name] === undefined ? null : oneOf(from, name, words, within);
  return {
    timing: optional(payment, 'timing', ['pay_at_the_property', 'pay_online'], 'filters.payment.'),
    cardFree: payment['credit_card_required'] === false,
    freeToCancel: optional(filters, 'cancellation_type', ['free_cancellation'], 'filters.') !== null,
    plan: optional(
      filters,
      'meal_plan',
      ['all_inclusive', 'breakfast_included', 'full_board', 'half_board'],
      'filters.',
    ),
  };
}

export function isOffered({ timings, wantsCard }: Property, { timing, cardFree }: Choice): boolean {
  const fits = (one: Timing): boolean => one === timing || (timing === 'pay_online' && one.startsWith('pay_online'));
  return (timing === null || timings.some(fits)) && !(cardFree && wantsCard);
}

/** The products that can be had, by what is asked for. */
export function offered(desk: Desk, property: Property, stay: Stay, choice: Choice): Product[] {
  if (!isOffered(property, choice)) return [];
  return productsOf(property).filter(
    (product) =>
      (choice.plan === null || product.rate.plan === choice.plan) &&
      (!choice.freeToCancel || freeUntil(product, stay, desk.now) !== null) &&
      roomsLeft(desk, product.room.id, stay) > 0,
  );
}

export interface Chosen {
  readonly product: Product;
  readonly party: Party;
  readonly priced: Priced;
}

/** The cheapest product for each room; null where one of them finds none. */
export function cheapest(desk: Desk, products: readonly Product[], asked: StayAsked): Chosen[] | null {
  const left = new Map<string, number>();
  const chosen: Chosen[] = [];
  for (const party of asked.parties) {
    const found = products
      .filter(({ room }) => holds(room, party) && (left.get(room.id) ?? roomsLeft(desk, room.id, asked)) > 0)
      .map((product) => ({ product, party, priced: priceOf(product, asked, desk.ledger.seedOf(desk.account)) }))
      .toSorted((one, other) => totalOf(one.priced) - totalOf(other.priced))[0];
    if (!found) return null;
    const { room } = found.product;
    left.set(room.id, (left.get(room.id) ?? roomsLeft(desk, room.id, asked)) - 1);
    chosen.push(found);
  }
  return chosen;
}

/** Writes hundredths as the JSON number they are. */
export function amountsOf(desk: Desk, property: Property, booker: string | null) {
  const own = property.city.currency;
  const told = desk.settings.converts ? booker : null;
  return {
    currency: { accommodation: own, booker: told },
    pair: (hundredths: number) => ({
      accommodation_currency: hundredths / 100,
      booker_currency: told === null ? null : convert(hundredths, own, told) / 100,
    }),
  };
}
