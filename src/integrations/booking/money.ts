import { exponentOf, isAmountInBounds, isCurrency } from '../../domain/money.ts';
import type { Currencies, MoneyPair } from './wire.ts';

/**
 * Money as the Demand API writes it: JSON numbers in major units, each in two currencies (travel-providers.md 2.4). They
 * are read as they were written, so that no amount is ever a float: `278.40`, `278.4` and `2.784E2` are the same.
 */

/**
 * What becomes of an amount with more decimals than its currency has. The vendor's interface description calls every
 * amount a multiple of 0.01, also in currencies without decimals, and names no rounding: so such an amount is refused
 * unless an operator who knows better says `up` (never below what will be charged).
 */
export type ExcessDecimals = 'refuse' | 'up';

const WRITTEN = /^(-?)(\d{1,30})(?:\.(\d{1,30}))?(?:[eE]([+-]?\d{1,2}))?$/;

/** The shortest decimal text of a number as JSON writes it, without an exponent. Null for anything else. */
export function decimalText(written: string): string | null {
  const match = WRITTEN.exec(written);
  if (!match) return null;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  const point = whole.length + Number(exponent);
  const digits = (whole + fraction).padStart(whole.length + fraction.length - Math.min(point, 0), '0');
  const at = Math.max(point, 0);
  const left = digits.slice(0, at).padEnd(at, '0').replace(/^0+/, '') || '0';
  const right = digits.slice(at).replace(/0+$/, '');
  const magnitude = right === '' ? left : `${left}.${right}`;
  return magnitude === '0' ? '0' : `${sign}${magnitude}`;
}

/** Minor units, exact. Null for what is no amount of the currency: negative, too large, or of too many decimals. */
export function toMinor(written: string, currencyCode: string, excess: ExcessDecimals): bigint | null {
  const text = decimalText(written);
  if (text === null || text.startsWith('-') || !isCurrency(currencyCode)) return null;
  const exponent = exponentOf(currencyCode);
  const [whole = '', fraction = ''] = text.split('.');
  if (fraction.length > exponent && excess === 'refuse') return null;
  const cut = BigInt(whole + fraction.slice(0, exponent).padEnd(exponent, '0'));
  // The text ends in no zero, so whatever was cut off was more than nothing.
  const minor = fraction.length > exponent ? cut + 1n : cut;
  return isAmountInBounds(minor) ? minor : null;
}

export interface Amount {
  readonly minor: bigint;
  readonly currencyCode: string;
}

/** The pair's amount in one currency: the booker's, which is the one asked for, else the property's where it is the same. */
export function amountIn(
  pair: MoneyPair | null,
  currencies: Currencies,
  wanted: string,
  excess: ExcessDecimals,
): Amount | null {
  if (pair === null) return null;
  const written =
    currencies.booker === wanted && pair.booker_currency !== null
      ? pair.booker_currency
      : currencies.accommodation === wanted
        ? pair.accommodation_currency
        : null;
  const minor = written === null ? null : toMinor(written, wanted, excess);
  return minor === null ? null : { minor, currencyCode: wanted };
}

export interface Price {
  readonly display: MoneyPair | null;
  readonly total: MoneyPair | null;
}

/**
 * What a stay costs in one currency. `total` holds everything, also what is paid at the property; `display` is the least
 * that must be shown, so where it is the larger one it counts.
 */
export function priceIn(
  price: Price | null,
  currencies: Currencies,
  wanted: string,
  excess: ExcessDecimals,
): Amount | null {
  const total = amountIn(price?.total ?? null, currencies, wanted, excess);
  const display = amountIn(price?.display ?? null, currencies, wanted, excess);
  if (total === null) return null;
  return display !== null && display.minor > total.minor ? display : total;
}

/** Where the property is paid, nothing of the price is ours to charge (travel-providers.md 2.4, `timing`). */
export function onTheSpot(timing: string, totalMinor: bigint): bigint {
  return timing === 'pay_at_the_property' ? totalMinor : 0n;
}
