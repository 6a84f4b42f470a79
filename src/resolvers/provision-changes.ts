import { checkedBookingRules, RULES_UNSET, type BookingRules } from '../domain/booking-rules.ts';
import { parseRate } from '../domain/money.ts';
import { invalidInput } from '../errors.ts';
import { differences, type Difference, type TenantFile } from '../domain/tenant-file.ts';
import type { TenantState } from './tenant-state.ts';

/** What of a tenant's file is otherwise than the tenant is (TEN-11). What the file leaves out makes no difference. */

/** The stock is said when a product is made; afterwards it is what sales left. @throws INVALID_INPUT where what it says does not go with what there is */
export function changesOf(state: TenantState, file: TenantFile): Difference[] {
  const {
    keys: _keys,
    gateways,
    products,
    sender,
    resources,
    customers: _customers,
    testBooking: _booking,
    ...rest
  } = file;
  const wanted = {
    ...rest,
    bookingRules: file.bookingRules && rulesOf(state, file.bookingRules),
    sender: sender && without(sender, 'credentials'),
    gateways: mapValues(gateways, (settings) => without(settings, 'credentials')),
    products: mapValues(products, ({ stock, price, ...fields }, code) => ({
      ...fields,
      ...(fields.description === null && { description: '' }),
      ...(fields.taxRate && { taxRate: rateText(fields.taxRate, state.products[code]?.['taxRate']) }),
      price: priceText(price, state.products[code]?.['price']),
      ...(!(code in state.products) && { stock }),
    })),
    resources: mapValues(resources, ({ services, ...fields }) => ({
      ...fields,
      services: services && [...new Set(services)].toSorted((one, other) => (one < other ? -1 : 1)),
    })),
  };
  for (const code of Object.values(resources ?? {}).flatMap(({ services = [] }) => services))
    if (!(code in state.products) && !(code in (products ?? {})))
      throw invalidInput(`There is no product with the code ${code} for a resource to do.`, ['resources']);
  return [
    ...differences(state, wanted),
    ...missingKeys(state, file).map((key) => ({ path: ['keys', nameOf(key)], before: undefined, after: key })),
  ];
}

/** As it is written now, where it is the same amount: 1500 ZAR is 1500.00 ZAR. */
function priceText({ amount, currencyCode }: { amount: string; currencyCode: string }, now: unknown): string {
  const shortest = (text: string) => text.replace(/(\.\d*?)0+( |$)/, '$1$2').replace(/\.( |$)/, '$1');
  const text = `${amount} ${currencyCode}`;
  return typeof now === 'string' && shortest(now) === shortest(text) ? now : text;
}

function rateText(rate: string, now: unknown): string {
  const { text } = parseRate(rate);
  return typeof now === 'string' && parseRate(now).text === text ? now : text;
}

type GivenRules = NonNullable<TenantFile['bookingRules']>;

/**
 * The rules as a file wants them. A horizon that is given alone takes the other one with it where that is what counts for a tenant that
 * has said nothing: customers never book further ahead than operators. @throws INVALID_INPUT where somebody has set the other one
 */
export function rulesOf({ bookingRules: kept }: Pick<TenantState, 'bookingRules'>, given: GivenRules): GivenRules {
  const { advanceBookingDays: customers, maxAdvanceDays: operators } = given;
  const wanted = { ...given };
  if (operators === undefined && customers !== undefined && kept.maxAdvanceDays === RULES_UNSET.maxAdvanceDays)
    wanted.maxAdvanceDays = Math.max(customers, kept.maxAdvanceDays);
  if (customers === undefined && operators !== undefined && kept.advanceBookingDays === RULES_UNSET.advanceBookingDays)
    wanted.advanceBookingDays = Math.min(operators, kept.advanceBookingDays);
  checkedBookingRules({ ...kept, ...wanted } as BookingRules);
  return wanted;
}

function without<T extends object, K extends keyof T>(fields: T, name: K): Omit<T, K> {
  const { [name]: _left, ...rest } = fields;
  return rest;
}

function mapValues<T, R>(
  map: Readonly<Record<string, T | undefined>> | undefined,
  change: (value: T, name: string) => R,
) {
  return Object.fromEntries(
    Object.entries(map ?? {}).flatMap(([name, value]) => (value === undefined ? [] : [[name, change(value, name)]])),
  );
}

export type Key = NonNullable<TenantFile['keys']>[number];

function nameOf({ mode, scopes }: Pick<Key, 'mode' | 'scopes'>): string {
  return [mode.toLowerCase(), ...scopes.toSorted((one, other) => (one < other ? -1 : 1))].join(' ');
}

/** A key that is there already is not made again; which of several it is, no file can say. */
export function missingKeys(state: TenantState, file: TenantFile): Key[] {
  const there = new Set(state.keys.map((key) => nameOf(key as Key)));
  const wanted = new Map((file.keys ?? []).map((key) => [nameOf(key), key]));
  return [...wanted].flatMap(([name, key]) => (there.has(name) ? [] : [key]));
}
