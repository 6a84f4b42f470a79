/**
 * Exact money: integers in minor units (piastres, cents, fils) with the currency's own number of decimals. Rounding is
 * always an argument (architecture.md rule 6, decisions.md "Money"); no floating point number ever touches an amount.
 */
import { invalidInput } from '../errors.ts';

/** HALF_UP goes away from zero at exactly one half, HALF_EVEN to the even neighbour, DOWN towards zero. */
export const ROUNDING_MODES = ['HALF_UP', 'HALF_EVEN', 'DOWN'] as const;
export type RoundingMode = (typeof ROUNDING_MODES)[number];

/** No single amount is larger, either way: it fits a JavaScript number and a database bigint with room for sums. */
export const AMOUNT_MINOR_MAX = 10n ** 15n;

const AMOUNT_TEXT = /^-?\d{1,30}(\.\d{1,10})?$/;
const RATE_TEXT = /^\d{1,3}(\.\d{1,4})?$/;
const RATE_DECIMALS = 4;
const PER_CENT_IN_RATE_UNITS = 100n * 10n ** BigInt(RATE_DECIMALS);

// ISO 4217 list one without funds, metals, bond units and test codes: nobody pays a travel order in those.
const CODES_BY_EXPONENT: readonly (readonly [exponent: number, codes: string])[] = [
  [0, 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF'],
  [
    2,
    'AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP ' +
      'CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR ' +
      'IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN ' +
      'NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP ' +
      'STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG',
  ],
  [3, 'BHD IQD JOD KWD LYD OMR TND'],
];

const EXPONENTS: ReadonlyMap<string, number> = new Map(
  CODES_BY_EXPONENT.flatMap(([exponent, codes]) => codes.split(' ').map((code) => [code, exponent] as const)),
);

/** Every currency code known here, in alphabetical order. */
export const CURRENCY_CODES: readonly string[] = [...EXPONENTS.keys()].toSorted();

export function isCurrency(code: string): boolean {
  return EXPONENTS.has(code);
}

/**
 * Number of decimals of a currency: 0, 2 or 3 (ISO 4217).
 * @throws AppError INVALID_INPUT for a code that is not an active currency.
 */
export function exponentOf(currencyCode: string, field?: readonly string[]): number {
  const exponent = EXPONENTS.get(currencyCode);
  if (exponent === undefined) throw invalidInput('This is not a currency code of ISO 4217.', field);
  return exponent;
}

/**
 * Reads a decimal text in major units ("150.50") exactly into minor units (15050n). Fewer decimals than the currency
 * has are filled up; more are refused even if they are zeros, because a sender who writes them means another currency.
 * @throws AppError INVALID_INPUT for another form, too many decimals, an unknown currency or an amount out of bounds.
 */
export function parseAmount(text: string, currencyCode: string, field?: readonly string[]): bigint {
  const exponent = exponentOf(currencyCode, field);
  if (!AMOUNT_TEXT.test(text)) throw invalidInput('An amount is a decimal number such as 150.50.', field);
  const [whole = '', fraction = ''] = text.split('.');
  if (fraction.length > exponent) {
    throw invalidInput(`An amount in ${currencyCode} has at most ${exponent} decimals.`, field);
  }
  const minor = BigInt(whole + fraction.padEnd(exponent, '0'));
  if (!isAmountInBounds(minor)) throw invalidInput('This amount is too large.', field);
  return minor;
}

export function isAmountInBounds(minor: bigint): boolean {
  return minor >= -AMOUNT_MINOR_MAX && minor <= AMOUNT_MINOR_MAX;
}

/** Writes minor units in major units with the currency's own decimals: 15050n EGP is "150.50", 5n KWD "0.005". */
export function formatAmount(minor: bigint, currencyCode: string): string {
  const exponent = exponentOf(currencyCode);
  const digits = magnitude(minor)
    .toString()
    .padStart(exponent + 1, '0');
  const whole = digits.slice(0, digits.length - exponent);
  const fraction = exponent === 0 ? '' : `.${digits.slice(-exponent)}`;
  return `${minor < 0n ? '-' : ''}${whole}${fraction}`;
}

/** The quotient of two integers, rounded as told. A divisor of zero is a defect of the caller. */
export function divideRounded(numerator: bigint, denominator: bigint, mode: RoundingMode): bigint {
  const quotient = numerator / denominator;
  const remainderTwice = 2n * magnitude(numerator % denominator);
  const half = magnitude(denominator);
  const awayFromZero =
    remainderTwice > half || (remainderTwice === half && (mode === 'HALF_UP' || quotient % 2n !== 0n));
  if (mode === 'DOWN' || !awayFromZero) return quotient;
  return numerator < 0n === denominator < 0n ? quotient + 1n : quotient - 1n;
}

/**
 * Splits a total by weights so that the parts sum to it exactly: every part gets its share rounded towards zero, what
 * is left goes one unit each to the largest remainders, equal remainders to the earlier part. Works for negative
 * totals.
 * Weights are not negative; without any weight only a total of zero can be split.
 */
export function allocate(total: bigint, weights: readonly bigint[]): bigint[] {
  const weightTotal = addAll(weights);
  if (weights.some((weight) => weight < 0n)) throw new Error('a weight is negative');
  if (weightTotal === 0n) {
    if (total !== 0n) throw new Error('nothing to allocate the total to');
    return weights.map(() => 0n);
  }
  const sign = total < 0n ? -1n : 1n;
  const size = magnitude(total);
  const parts = weights.map((weight) => (size * weight) / weightTotal);
  const byRemainder = weights
    .map((weight, index) => ({ index, remainder: (size * weight) % weightTotal }))
    .toSorted((a, b) => (a.remainder === b.remainder ? a.index - b.index : a.remainder > b.remainder ? -1 : 1));
  const left = Number(size - addAll(parts));
  for (const { index } of byRemainder.slice(0, left)) parts[index] = (parts[index] ?? 0n) + 1n;
  if (addAll(parts) !== size) throw new Error('the parts do not sum to the total');
  return parts.map((part) => sign * part);
}

export function addAll(amounts: Iterable<bigint>): bigint {
  let sum = 0n;
  for (const amount of amounts) sum += amount;
  return sum;
}

/** A tax rate as an exact fraction of one, and its shortest spelling ("14.00" and "14" are the same rate "14"). */
export interface Rate {
  readonly text: string;
  readonly numerator: bigint;
  readonly denominator: bigint;
}

/**
 * Reads a rate in percent: "14" is 14 %, at most 4 decimals, 0 to 100 (decisions.md "Money").
 * @throws AppError INVALID_INPUT
 */
export function parseRate(text: string, field?: readonly string[]): Rate {
  if (!RATE_TEXT.test(text)) {
    throw invalidInput('A tax rate is a percentage such as 14 or 12.5, with at most 4 decimals.', field);
  }
  const [whole = '', fraction = ''] = text.split('.');
  const numerator = BigInt(whole + fraction.padEnd(RATE_DECIMALS, '0'));
  if (numerator > PER_CENT_IN_RATE_UNITS) throw invalidInput('A tax rate is at most 100 percent.', field);
  const shortFraction = fraction.replace(/0+$/, '');
  const shortText = `${BigInt(whole)}${shortFraction === '' ? '' : `.${shortFraction}`}`;
  return { text: shortText, numerator, denominator: PER_CENT_IN_RATE_UNITS };
}

function magnitude(value: bigint): bigint {
  return value < 0n ? -value : value;
}
