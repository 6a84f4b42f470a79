import { divideRounded, exponentOf, isAmountInBounds, isCurrency } from '../../domain/money.ts';

/**
 * The vendor writes amounts as JSON numbers, read here as they were written. What it charges is in euro and must be
 * exact; what it says in another currency is its own conversion for display, with as many decimals as it likes
 * (travel-providers.md 3.4).
 */
export const CHARGED_CURRENCY = 'EUR';

const NUMBER = /^(\d{1,13})(?:\.(\d{1,20}))?$/;

/** Minor units; null where it is no amount above zero or has a part of a minor unit: nothing charged is rounded. */
export function exactMinor(written: string, currencyCode: string): bigint | null {
  const parts = partsOf(written, currencyCode);
  return parts === null || parts.numerator % parts.denominator !== 0n
    ? null
    : positive(parts.numerator / parts.denominator);
}

/**
 * Minor units, rounded half up: 91 EUR is 99.7033 USD there, and a whole yen has no decimals. For prices shown, whose
 * euro amount is known beside them. Null where it is no amount above zero.
 */
export function shownMinor(written: string, currencyCode: string): bigint | null {
  const parts = partsOf(written, currencyCode);
  return parts && positive(divideRounded(parts.numerator, parts.denominator, 'HALF_UP'));
}

function partsOf(written: string, currencyCode: string): { numerator: bigint; denominator: bigint } | null {
  const match = NUMBER.exec(written);
  if (!match || !isCurrency(currencyCode)) return null;
  const [, whole = '', fraction = ''] = match;
  return {
    numerator: BigInt(whole + fraction) * 10n ** BigInt(exponentOf(currencyCode)),
    denominator: 10n ** BigInt(fraction.length),
  };
}

function positive(minor: bigint): bigint | null {
  return minor > 0n && isAmountInBounds(minor) ? minor : null;
}
