import { addAll, divideRounded, isAmountInBounds, isCurrency, parseAmount, parseRate } from '../../domain/money.ts';
import type { CancellationFee } from '../travel.ts';
import type { Pricing, Total } from './wire.ts';

/** Rapid's amounts: decimal text in major units, in the currency of the question and in that of the bill. */

/**
 * Minor units, exact; never negative. The vendor documents no number of decimals for a currency, so zeros beyond
 * those a currency has are let pass (`12400.00` yen), and any other digit there is refused: nothing is rounded.
 */
export function amountOf(text: string, currencyCode: string): bigint | null {
  if (!isCurrency(currencyCode)) return null;
  const shortened = /^(\d{1,20}\.\d{1,10})$/.test(text) ? text.replace(/\.?0+$/, '') : text;
  try {
    const minor = parseAmount(shortened, currencyCode);
    return minor >= 0n && isAmountInBounds(minor) ? minor : null;
  } catch {
    return null;
  }
}

export interface Price {
  readonly currencyCode: string;
  /** All rooms and nights, with taxes and with what is paid at the property. */
  readonly totalMinor: bigint;
  /** Without what is paid at the property: what can be given back. */
  readonly inclusiveMinor: bigint;
  /** What each night costs, all rooms; null where the vendor does not say in this currency. */
  readonly nightsMinor: readonly bigint[] | null;
}

const SIDES = ['request_currency', 'billable_currency'] as const;
type Side = (typeof SIDES)[number];

/**
 * The price of all rooms: equal occupancies share one entry, so it counts as often as it was asked for. In the currency
 * of the question where all of it is given in that, else in the bill's; null where neither says it all.
 */
export function priceOf(rooms: readonly string[], pricing: ReadonlyMap<string, Pricing>): Price | null {
  const priced = rooms.flatMap((room) => pricing.get(room) ?? []);
  if (priced.length !== rooms.length || priced.length === 0) return null;
  for (const side of SIDES) {
    const price = priceIn(side, priced);
    if (price !== null) return price;
  }
  return null;
}

function priceIn(side: Side, priced: readonly Pricing[]): Price | null {
  const currencyCode = priced[0]?.totals.inclusive?.[side]?.currency ?? '';
  const inclusive = priced.map(({ totals }) => read(totals.inclusive, side, currencyCode));
  const whole = priced.map((one) => wholeOf(one, side, currencyCode));
  if (!isComplete(inclusive) || !isComplete(whole)) return null;
  const price = { currencyCode, totalMinor: addAll(whole), inclusiveMinor: addAll(inclusive) };
  if (!isAmountInBounds(price.totalMinor)) return null;
  return { ...price, nightsMinor: nightsOf(priced, currencyCode) };
}

/** `property_inclusive` sums it all; without it the fees are added by us. */
function wholeOf({ totals, fees }: Pricing, side: Side, currencyCode: string): bigint | null {
  const said = read(totals.property_inclusive, side, currencyCode);
  if (said !== null) return said;
  const parts = [totals.inclusive, ...Object.values(fees ?? {})].map((one) => read(one, side, currencyCode));
  return isComplete(parts) ? addAll(parts) : null;
}

function read(total: Total | null, side: Side, currencyCode: string): bigint | null {
  const amount = total?.[side];
  return amount?.currency === currencyCode ? amountOf(amount.value, currencyCode) : null;
}

function nightsOf(priced: readonly Pricing[], currencyCode: string): bigint[] | null {
  const rooms = priced.map(({ nightly }) =>
    (nightly ?? []).map((parts) =>
      parts.map(({ value, currency }) => (currency === currencyCode ? signedAmountOf(value, currencyCode) : null)),
    ),
  );
  const count = rooms[0]?.length ?? 0;
  if (count === 0 || rooms.some((nights) => nights.length !== count)) return null;
  const nights: bigint[] = [];
  for (let night = 0; night < count; night++) {
    const parts = rooms.flatMap((room) => room[night] ?? []);
    if (!isComplete(parts)) return null;
    nights.push(addAll(parts));
  }
  return nights;
}

/** An `adjustment` takes something off. */
function signedAmountOf(text: string, currencyCode: string): bigint | null {
  const minor = amountOf(text.replace(/^-/, ''), currencyCode);
  return minor !== null && text.startsWith('-') ? -minor : minor;
}

function isComplete(amounts: readonly (bigint | null)[]): amounts is readonly bigint[] {
  return amounts.every((amount) => amount !== null);
}

/** What a rate says about giving back, kept from the search because a price check does not repeat it. */
export interface Terms {
  readonly refundable: boolean;
  /** Null where the vendor gave none that could be read. */
  readonly penalties: readonly TermPenalty[] | null;
}

export interface TermPenalty {
  /** ISO 8601. */
  readonly start: string;
  readonly currency: string | null;
  readonly amount: string | null;
  readonly nights: string | null;
  readonly percent: string | null;
}

/**
 * The fees in the price's currency, earliest first; null where one of them can't be told. A percentage is of what can
 * be given back and is rounded half up, against the traveller by less than one unit; no fee is more than that.
 */
export function feesOf({ refundable, penalties }: Terms, price: Price): CancellationFee[] | null {
  const { currencyCode, inclusiveMinor } = price;
  if (!refundable) return [{ from: null, amountMinor: inclusiveMinor, currencyCode }];
  if (penalties === null) return null;
  const fees: CancellationFee[] = [];
  for (const penalty of penalties) {
    const from = new Date(penalty.start);
    const amount = feeOf(penalty, price);
    if (Number.isNaN(from.getTime()) || amount === null) return null;
    fees.push({ from, amountMinor: amount > inclusiveMinor ? inclusiveMinor : amount, currencyCode });
  }
  return fees.toSorted((one, two) => (one.from?.getTime() ?? 0) - (two.from?.getTime() ?? 0));
}

function feeOf({ currency, amount, nights, percent }: TermPenalty, price: Price): bigint | null {
  if (amount !== null) return currency === price.currencyCode ? amountOf(amount, currency) : null;
  if (nights !== null) {
    const count = /^\d{1,3}$/.test(nights) ? Number(nights) : null;
    return count === null || price.nightsMinor === null ? null : addAll(price.nightsMinor.slice(0, count));
  }
  const share = /^(\d{1,3}(?:\.\d{1,4})?)%?$/.exec(percent ?? '')?.[1];
  if (share === undefined || Number(share) > 100) return null;
  const { numerator, denominator } = parseRate(share);
  return divideRounded(price.inclusiveMinor * numerator, denominator, 'HALF_UP');
}
