import type { Ledger, Stay } from './simulator-model.ts';
import { PROPERTIES, roomById } from './simulator-world.ts';

/** What a stay costs at the simulated vendor, and how it is written. Whole numbers of the currency's smallest unit throughout. */

/** Decimals, and units for one US dollar times ten thousand. */
const CURRENCIES: ReadonlyMap<string, readonly [exponent: number, rate: number]> = new Map([
  ['USD', [2, 10_000]],
  ['EUR', [2, 9_200]],
  ['GBP', [2, 7_900]],
  ['CHF', [2, 8_800]],
  ['CAD', [2, 13_600]],
  ['AUD', [2, 15_200]],
  ['NZD', [2, 16_600]],
  ['AED', [2, 36_725]],
  ['SAR', [2, 37_500]],
  ['QAR', [2, 36_400]],
  ['KWD', [3, 3_070]],
  ['BHD', [3, 3_760]],
  ['OMR', [3, 3_850]],
  ['JOD', [3, 7_090]],
  ['EGP', [2, 485_000]],
  ['MAD', [2, 99_000]],
  ['TRY', [2, 330_000]],
  ['ZAR', [2, 182_000]],
  ['INR', [2, 835_000]],
  ['THB', [2, 352_000]],
  ['SGD', [2, 13_400]],
  ['MYR', [2, 46_000]],
  ['HKD', [2, 78_000]],
  ['TWD', [2, 322_000]],
  ['JPY', [0, 1_510_000]],
  ['KRW', [0, 13_500_000]],
  ['SEK', [2, 105_000]],
  ['NOK', [2, 107_000]],
  ['DKK', [2, 68_700]],
  ['PLN', [2, 39_500]],
]);

export function isSold(currency: string): boolean {
  return CURRENCIES.has(currency);
}

function fromCents(cents: number, currency: string): number {
  const [exponent, rate] = CURRENCIES.get(currency) ?? [2, 10_000];
  return Math.round((cents * rate * 10 ** exponent) / 1_000_000);
}

/** `118.00`, `12400` yen, `41.250` dinars. */
export function written(minor: number, currency: string): string {
  const exponent = CURRENCIES.get(currency)?.[0] ?? 2;
  if (exponent === 0) return String(minor);
  const digits = String(minor).padStart(exponent + 1, '0');
  return `${digits.slice(0, -exponent)}.${digits.slice(-exponent)}`;
}

export interface Occupancy {
  readonly adults: number;
  readonly ages: readonly number[];
}

/** `2-9,4`; null where it is none. */
export function readOccupancy(text: string): Occupancy | null {
  const match = /^([1-9]\d?)(?:-(\d{1,2}(?:,\d{1,2})*))?$/.exec(text);
  if (!match) return null;
  const ages = match[2]?.split(',').map(Number) ?? [];
  return ages.every((age) => age < 18) ? { adults: Number(match[1]), ages } : null;
}

export function nightsBetween(checkin: string, checkout: string): string[] {
  const nights: string[] = [];
  const end = Date.parse(`${checkout}T00:00:00Z`);
  for (let at = Date.parse(`${checkin}T00:00:00Z`); at < end; at += 86_400_000) {
    nights.push(new Date(at).toISOString().slice(0, 10));
  }
  return nights;
}

/** What one room of a stay costs. */
export interface RoomPrice {
  readonly nights: readonly { readonly base: number; readonly tax: number }[];
  readonly exclusive: number;
  readonly inclusive: number;
  /** Paid at the property. */
  readonly resort: number;
}

const TAX_PERCENT = 14;
const EXTRA_GUEST_PERCENT = 15;

export function roomPrice(ledger: Ledger, account: string, stay: Stay, occupancy: string, currency: string): RoomPrice {
  const property = PROPERTIES.get(stay.property);
  const room = roomById(property, stay.room);
  const rate = room?.rates.find((one) => one.id === stay.rate);
  const guests = readOccupancy(occupancy);
  if (!property || !room || !rate || !guests) throw new Error('a stay of nothing that is sold');
  const extra = Math.max(0, guests.adults + guests.ages.length - 2);
  const nights = nightsBetween(stay.checkin, stay.checkout).map((date) => {
    const weekday = new Date(`${date}T00:00:00Z`).getUTCDay();
    const season = 90 + Math.floor(ledger.drawn(account, `price:${property.id}:${date}`) * 31);
    const weekend = weekday === 5 || weekday === 6 ? 115 : 100;
    const factors = [property.factor, room.factor, rate.factor, season, weekend, stay.factor];
    const cents = factors.reduce((sum, factor) => (sum * factor) / 100, property.city.cents);
    const base = fromCents(cents * (1 + (extra * EXTRA_GUEST_PERCENT) / 100), currency);
    return { base, tax: Math.round((base * TAX_PERCENT) / 100) };
  });
  const exclusive = nights.reduce((sum, { base }) => sum + base, 0);
  const inclusive = nights.reduce((sum, { tax }) => sum + tax, exclusive);
  return {
    nights,
    exclusive,
    inclusive,
    resort: fromCents(property.resortCents + stay.chargeCents, currency) * nights.length,
  };
}

/** The whole stay, with what is paid at the property. */
export function stayTotal(ledger: Ledger, account: string, stay: Stay): number {
  return stay.occupancies
    .map((occupancy) => roomPrice(ledger, account, stay, occupancy, stay.currency))
    .reduce((sum, { inclusive, resort }) => sum + inclusive + resort, 0);
}

/** `occupancy_pricing`: equal occupancies have one entry. @param billable the currency of the bill */
export function pricingOf(ledger: Ledger, account: string, stay: Stay, billable: string): Record<string, unknown> {
  return Object.fromEntries(
    [...new Set(stay.occupancies)].map((one) => [one, roomPricing(ledger, account, stay, one, billable)]),
  );
}

/** `pricing` of one room. */
export function roomPricing(ledger: Ledger, account: string, stay: Stay, occupancy: string, billable: string) {
  const asked = roomPrice(ledger, account, stay, occupancy, stay.currency);
  const billed = roomPrice(ledger, account, stay, occupancy, billable);
  const both = (of: (price: RoomPrice) => number) => ({
    billable_currency: { value: written(of(billed), billable), currency: billable },
    request_currency: { value: written(of(asked), stay.currency), currency: stay.currency },
  });
  return {
    nightly: asked.nights.map(({ base, tax }) => [
      { type: 'base_rate', value: written(base, stay.currency), currency: stay.currency },
      { type: 'tax_and_service_fee', value: written(tax, stay.currency), currency: stay.currency },
    ]),
    totals: {
      inclusive: both(({ inclusive }) => inclusive),
      exclusive: both(({ exclusive }) => exclusive),
      property_inclusive: both(({ inclusive, resort }) => inclusive + resort),
    },
    ...(asked.resort > 0 && { fees: { resort_fee: both(({ resort }) => resort) } }),
  };
}

/** Free until two days before arrival at 18:00, then the first night; after arrival everything. */
export function penaltyStart(stay: Stay, daysBefore: number): string {
  const offset = PROPERTIES.get(stay.property)?.city.offset ?? '+00:00';
  const day = new Date(Date.parse(`${stay.checkin}T00:00:00Z`) - daysBefore * 86_400_000).toISOString().slice(0, 10);
  return `${day}T18:00:00.000${offset}`;
}

export function penaltiesOf(stay: Stay): unknown[] {
  return [{ currency: stay.currency, start: penaltyStart(stay, 2), end: penaltyStart(stay, 0), nights: '1' }];
}

/** What is given back for one room that is cancelled at a time. */
export function refundOf(ledger: Ledger, account: string, stay: Stay, occupancy: string, at: Date): number {
  const rate = roomById(PROPERTIES.get(stay.property), stay.room)?.rates.find((one) => one.id === stay.rate);
  if (!rate?.refundable || at.getTime() >= Date.parse(penaltyStart(stay, 0))) return 0;
  const price = roomPrice(ledger, account, stay, occupancy, stay.currency);
  if (at.getTime() < Date.parse(penaltyStart(stay, 2))) return price.inclusive;
  const [first] = price.nights;
  return price.inclusive - (first === undefined ? 0 : first.base + first.tax);
}
