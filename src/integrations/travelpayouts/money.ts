import { divideRounded, exponentOf, isAmountInBounds, isCurrency } from '../../domain/money.ts';

/** A number as a vendor wrote it: mantissa / 10^scale, exactly. */
export interface Decimal {
  readonly mantissa: bigint;
  readonly scale: number;
}

const NUMBER = /^(-?)(\d{1,25})(?:\.(\d{1,25}))?(?:[eE]([+-]?\d{1,2}))?$/;

/** JSON's way of writing numbers. Null for anything else. */
export function readDecimal(text: string): Decimal | null {
  const match = NUMBER.exec(text);
  if (!match) return null;
  const [, sign = '', whole = '', fraction = '', power = '0'] = match;
  const digits = BigInt(whole + fraction);
  const mantissa = sign === '-' ? -digits : digits;
  const scale = fraction.length - Number(power);
  return scale >= 0 ? { mantissa, scale } : { mantissa: mantissa * ten(-scale), scale: 0 };
}

/** Below zero where the first is less. */
export function compareDecimals(one: Decimal, other: Decimal): bigint {
  return one.mantissa * ten(other.scale) - other.mantissa * ten(one.scale);
}

/**
 * A cached price in minor units, exactly, times the seats it is asked for. The documents say nothing of rounding, so
 * an amount with more decimals than its currency has (other than zeros) is refused: null, as for one not above zero.
 */
export function priceMinor(text: string, currencyCode: string, seats: number): bigint | null {
  const price = readDecimal(text);
  if (price === null || !isCurrency(currencyCode)) return null;
  const scaled = price.mantissa * ten(exponentOf(currencyCode));
  const unit = ten(price.scale);
  return scaled % unit === 0n ? payable((scaled / unit) * BigInt(seats)) : null;
}

/**
 * A live price: `unified_price / rate`, roubles by roubles a unit (travel-providers.md 4.5). The quotient is rounded
 * half up to the minor unit, once: it is shown before the agency names its own price, and half up is what people expect
 * of a shown price. Null where it is not above zero, or nothing can be divided.
 */
export function convertedMinor(unified: Decimal, rate: Decimal, currencyCode: string): bigint | null {
  if (!isCurrency(currencyCode) || rate.mantissa <= 0n) return null;
  const numerator = unified.mantissa * ten(exponentOf(currencyCode) + rate.scale);
  return payable(divideRounded(numerator, rate.mantissa * ten(unified.scale), 'HALF_UP'));
}

function payable(minor: bigint): bigint | null {
  return minor > 0n && isAmountInBounds(minor) ? minor : null;
}

function ten(power: number): bigint {
  return 10n ** BigInt(power);
}
