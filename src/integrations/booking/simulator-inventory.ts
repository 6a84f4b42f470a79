import { drawn } from '../simulator/scenario.ts';
import { CITIES, convert, roundTo, type City } from './simulator-places.ts';

/** The simulated vendor's properties, rooms, rates and prices. All of it follows from their ids; prices also from the seed. */

export interface Room {
  /** `1050736001` */
  readonly id: string;
  readonly name: string;
  readonly adults: number;
  readonly total: number;
  readonly children: { readonly from_age: number; readonly to_age: number; readonly total: number } | null;
  readonly factorPercent: number;
}

export interface Rate {
  readonly block: string;
  readonly plan: 'breakfast_included' | 'no_plan';
  readonly isFreeToCancel: boolean;
  readonly factorPercent: number;
}

export interface Property {
  readonly id: number;
  readonly name: string;
  readonly city: City;
  readonly stars: number;
  readonly reviewScore: number;
  /** Hundredths of the property's currency, an ordinary double room. */
  readonly night: number;
  /** Prices that do not move with the day: the vendor's documented sample. */
  readonly isSteady: boolean;
  readonly timings: readonly Timing[];
  /** Whether paying at the property takes a card as a guarantee. */
  readonly wantsCard: boolean;
  /** Paid at the desk and not part of what must be shown: hundredths a night; 0 for none. */
  readonly resortFee: number;
  readonly rooms: readonly Room[];
}

export type Timing = 'pay_at_the_property' | 'pay_online_now' | 'pay_online_later';

/** A mock property of the vendor's sandbox: an error in production. */
export const MOCK_PROPERTY = 10_507_360;

const NAMES = ['Hotel Orion', 'Grand Plaza', 'Riverside Inn', 'Garden Court', 'Station Hotel', 'Old Town Suites'];

export const RATES: readonly Rate[] = [
  { block: '358188572', plan: 'breakfast_included', isFreeToCancel: true, factorPercent: 100 },
  { block: '412077301', plan: 'no_plan', isFreeToCancel: true, factorPercent: 92 },
  { block: '95127794', plan: 'no_plan', isFreeToCancel: false, factorPercent: 82 },
];

const PROPERTIES: readonly Property[] = CITIES.flatMap((city, at) =>
  NAMES.map((_, index) => property(city, at, index)),
);
const BY_ID = new Map(PROPERTIES.map((one) => [one.id, one]));

export function properties(): readonly Property[] {
  return PROPERTIES;
}

export function propertyOf(id: number): Property | undefined {
  return BY_ID.get(id);
}

function property(city: City, at: number, index: number): Property {
  const isMain = at === 0 && index === 0;
  const id = isMain ? MOCK_PROPERTY : MOCK_PROPERTY + 40 + at * 10 + index;
  const euros = (city.night * [100, 165, 85, 95, 70, 130][index]!) / 100;
  return {
    id,
    name: isMain ? 'Hotel Orion' : `${NAMES[index]} ${city.name}`,
    city,
    stars: [4, 5, 3, 4, 2, 4][index]!,
    reviewScore: [8.6, 9.1, 7.9, 8.3, 7.2, 8.8][index]!,
    night: roundTo(convert(euros, 'EUR', city.currency), city.currency),
    isSteady: isMain,
    // The second pays online only, the fifth at the desk only.
    timings:
      index === 1
        ? ['pay_online_now', 'pay_online_later']
        : index === 4
          ? ['pay_at_the_property']
          : ['pay_at_the_property', 'pay_online_now'],
    wantsCard: index === 3,
    resortFee: city.country === 'us' && index === 1 ? 2_500 : 0,
    rooms: [
      { id: `${id}01`, name: 'Double Room', adults: 2, total: 2, children: null, factorPercent: 100 },
      {
        id: `${id}02`,
        name: 'Family Room',
        adults: 2,
        total: 4,
        children: { from_age: 0, to_age: 12, total: 2 },
        factorPercent: 145,
      },
      {
        id: `${id}03`,
        name: 'Suite',
        adults: 4,
        total: 5,
        children: { from_age: 0, to_age: 17, total: 3 },
        factorPercent: 210,
      },
    ],
  };
}

export interface Product {
  readonly id: string;
  readonly property: Property;
  readonly room: Room;
  readonly rate: Rate;
}

export function productsOf(one: Property): Product[] {
  return one.rooms.flatMap((room) =>
    RATES.map((rate) => ({ id: `${room.id}_${rate.block}_${room.adults}_0_0`, property: one, room, rate })),
  );
}

export interface Party {
  readonly adults: number;
  readonly children: readonly number[];
}

/** Children of the ages a room takes fill children's places; others count as grown. */
export function holds(room: Room, { adults, children }: Party): boolean {
  if (adults + children.length > room.total || adults > room.adults) return false;
  const bracket = room.children;
  const small = children.filter((age) => bracket !== null && age >= bracket.from_age && age <= bracket.to_age);
  const asChildren = Math.min(small.length, bracket?.total ?? 0);
  return adults + children.length - asChildren <= room.adults;
}

export interface Stay {
  readonly checkIn: string;
  readonly checkOut: string;
}

export function nightsOf({ checkIn, checkOut }: Stay): string[] {
  const nights: string[] = [];
  for (let at = Date.parse(`${checkIn}T00:00:00Z`); at < Date.parse(`${checkOut}T00:00:00Z`); at += 86_400_000) {
    nights.push(new Date(at).toISOString().slice(0, 10));
  }
  return nights;
}

export interface Charge {
  /** A type id of /accommodations/constants. */
  readonly charge: number;
  readonly mode: 'percentage' | 'per_night';
  readonly percentage: number | null;
  readonly unit: number | null;
  readonly amount: number;
  readonly inDisplay: boolean;
  readonly isOnline: boolean;
}

/** Hundredths of the property's currency. */
export interface Priced {
  readonly base: number;
  readonly charges: readonly Charge[];
}

/** @param percent 100, or what a drill makes of the price */
export function priceOf({ property: at, room, rate }: Product, stay: Stay, seed: string, percent = 100): Priced {
  const { currency, vatPercent, cityTaxPercent } = at.city;
  const nights = nightsOf(stay);
  const perNight = (day: string): number => {
    const season = at.isSteady ? 1 : 0.9 + 0.4 * drawn(seed, `price:${at.id}:${day}`);
    return roundTo((at.night * room.factorPercent * rate.factorPercent * percent * season) / 1_000_000, currency);
  };
  const base = nights.reduce((sum, day) => sum + perNight(day), 0);
  const share = (charge: number, percentage: number, isOnline: boolean): Charge => ({
    charge,
    mode: 'percentage',
    percentage,
    unit: null,
    amount: roundTo((base * percentage) / 100, currency),
    inDisplay: true,
    isOnline,
  });
  const fee: Charge = {
    charge: 46,
    mode: 'per_night',
    percentage: null,
    unit: at.resortFee,
    amount: at.resortFee * nights.length,
    inDisplay: false,
    isOnline: false,
  };
  return {
    base,
    charges: [
      ...(vatPercent > 0 ? [share(21, vatPercent, true)] : []),
      ...(cityTaxPercent > 0 ? [share(22, cityTaxPercent, false)] : []),
      ...(at.resortFee > 0 ? [fee] : []),
    ],
  };
}

export function totalOf({ base, charges }: Priced): number {
  return charges.reduce((sum, { amount }) => sum + amount, base);
}

/** Until when a stay can be cancelled for nothing; null where it can't, or not any more. */
export function freeUntil({ rate }: Product, { checkIn }: Stay, now: Date): Date | null {
  const until = new Date(Date.parse(`${checkIn}T22:00:00Z`) - 2 * 86_400_000);
  return rate.isFreeToCancel && until > now ? until : null;
}
