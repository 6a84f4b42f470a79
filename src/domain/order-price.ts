/**
 * Prices of an order, computed by the server alone (COM-3, decisions.md "Money"): net, tax and gross per line, tax per
 * rate, totals.
 */
import { invalidInput } from '../errors.ts';
import { addAll, allocate, AMOUNT_MINOR_MAX, divideRounded, exponentOf, parseRate } from './money.ts';
import type { Rate, RoundingMode } from './money.ts';

export const ORDER_LINES_MAX = 200;
export const QUANTITY_MAX = 10_000;

export const ROUNDING_LEVELS = ['LINE', 'TOTAL'] as const;
export type RoundingLevel = (typeof ROUNDING_LEVELS)[number];

/** A tenant's tax profile: how tax is rounded, per line or per rate over the order, and if prices contain it. */
export interface TaxProfile {
  readonly roundingMode: RoundingMode;
  readonly roundingLevel: RoundingLevel;
  readonly pricesIncludeTax: boolean;
}

export interface OrderLineInput {
  readonly quantity: number;
  readonly unitPriceMinor: bigint;
  /** Percent as text ("14"); null where no tax applies, which is not the same as a rate of "0". */
  readonly taxRate: string | null;
}

export interface PricedLine {
  readonly quantity: number;
  readonly unitPriceMinor: bigint;
  readonly netMinor: bigint;
  readonly taxMinor: bigint;
  readonly grossMinor: bigint;
}

export interface TaxSum {
  /** Shortest spelling of the rate, percent. */
  readonly rate: string;
  readonly netMinor: bigint;
  readonly taxMinor: bigint;
}

/** Always: subtotal + tax = total = sum of gross; every line's net + tax = gross; the taxes sum to the tax. */
export interface PricedOrder {
  readonly lines: readonly PricedLine[];
  readonly subtotalMinor: bigint;
  readonly taxMinor: bigint;
  readonly totalMinor: bigint;
  /** One per rate, lowest first; lines without a rate are in none. */
  readonly taxes: readonly TaxSum[];
}

interface RatedLine {
  readonly input: OrderLineInput;
  /** Quantity times unit price: gross if prices contain tax, net otherwise. */
  readonly baseMinor: bigint;
  readonly rate: Rate | null;
}

/**
 * Prices an order of 1 to 200 lines with quantities of 1 to 10,000. With level TOTAL the tax of each rate is rounded
 * once over the order and then allocated to its lines by largest remainder, so that the parts still sum to the whole.
 * @throws AppError INVALID_INPUT with the path of the item at fault, such as ['items', '0', 'quantity'].
 */
export function priceOrder(input: {
  readonly currencyCode: string;
  readonly taxProfile: TaxProfile;
  readonly lines: readonly OrderLineInput[];
}): PricedOrder {
  exponentOf(input.currencyCode, ['currencyCode']);
  if (input.lines.length < 1 || input.lines.length > ORDER_LINES_MAX) {
    throw invalidInput(`An order has 1 to ${ORDER_LINES_MAX} items.`, ['items']);
  }
  const rated = input.lines.map(rateLine);
  const taxes =
    input.taxProfile.roundingLevel === 'LINE' ? taxByLine(rated, input.taxProfile) : taxByRate(rated, input.taxProfile);
  const lines = rated.map((line, index) => priceLine(line, taxes[index] ?? 0n, input.taxProfile.pricesIncludeTax));
  const priced: PricedOrder = {
    lines,
    subtotalMinor: addAll(lines.map((line) => line.netMinor)),
    taxMinor: addAll(lines.map((line) => line.taxMinor)),
    totalMinor: addAll(lines.map((line) => line.grossMinor)),
    taxes: sumTaxes(rated, lines),
  };
  if (priced.totalMinor > AMOUNT_MINOR_MAX) throw invalidInput('The total of this order is too large.', ['items']);
  assertPartsSumToWhole(priced);
  return priced;
}

function rateLine(input: OrderLineInput, index: number): RatedLine {
  const path = (name: string): string[] => ['items', String(index), name];
  if (!Number.isInteger(input.quantity) || input.quantity < 1 || input.quantity > QUANTITY_MAX) {
    throw invalidInput(
      `A quantity is a whole number from 1 to ${QUANTITY_MAX.toLocaleString('en')}.`,
      path('quantity'),
    );
  }
  if (input.unitPriceMinor < 0n) throw invalidInput("A unit price can't be negative.", path('unitPrice'));
  if (input.unitPriceMinor > AMOUNT_MINOR_MAX) throw invalidInput('This unit price is too large.', path('unitPrice'));
  return {
    input,
    baseMinor: BigInt(input.quantity) * input.unitPriceMinor,
    rate: input.taxRate === null ? null : parseRate(input.taxRate, path('taxRate')),
  };
}

/** Tax in a base amount: base x r where tax comes on top, base x r / (1 + r) where the price contains it. */
function taxOf(baseMinor: bigint, rate: Rate, profile: TaxProfile): bigint {
  const divisor = profile.pricesIncludeTax ? rate.denominator + rate.numerator : rate.denominator;
  return divideRounded(baseMinor * rate.numerator, divisor, profile.roundingMode);
}

function taxByLine(lines: readonly RatedLine[], profile: TaxProfile): bigint[] {
  return lines.map((line) => (line.rate === null ? 0n : taxOf(line.baseMinor, line.rate, profile)));
}

function taxByRate(lines: readonly RatedLine[], profile: TaxProfile): bigint[] {
  const taxes = lines.map(() => 0n);
  for (const { rate, indexes } of groupByRate(lines)) {
    const bases = indexes.map((index) => lines[index]?.baseMinor ?? 0n);
    const shares = allocate(taxOf(addAll(bases), rate, profile), bases);
    for (const [position, index] of indexes.entries()) taxes[index] = shares[position] ?? 0n;
  }
  return taxes;
}

function groupByRate(lines: readonly RatedLine[]): { rate: Rate; indexes: number[] }[] {
  const groups = new Map<string, { rate: Rate; indexes: number[] }>();
  for (const [index, { rate }] of lines.entries()) {
    if (rate === null) continue;
    const group = groups.get(rate.text) ?? { rate, indexes: [] };
    group.indexes.push(index);
    groups.set(rate.text, group);
  }
  return [...groups.values()].toSorted((a, b) => (a.rate.numerator < b.rate.numerator ? -1 : 1));
}

function priceLine(line: RatedLine, taxMinor: bigint, pricesIncludeTax: boolean): PricedLine {
  const netMinor = pricesIncludeTax ? line.baseMinor - taxMinor : line.baseMinor;
  const { quantity, unitPriceMinor } = line.input;
  return { quantity, unitPriceMinor, netMinor, taxMinor, grossMinor: netMinor + taxMinor };
}

function sumTaxes(rated: readonly RatedLine[], lines: readonly PricedLine[]): TaxSum[] {
  return groupByRate(rated).map(({ rate, indexes }) => ({
    rate: rate.text,
    netMinor: addAll(indexes.map((index) => lines[index]?.netMinor ?? 0n)),
    taxMinor: addAll(indexes.map((index) => lines[index]?.taxMinor ?? 0n)),
  }));
}

function assertPartsSumToWhole(order: PricedOrder): void {
  const holds =
    order.subtotalMinor + order.taxMinor === order.totalMinor &&
    addAll(order.taxes.map((tax) => tax.taxMinor)) === order.taxMinor &&
    order.lines.every((line) => line.netMinor >= 0n && line.taxMinor >= 0n);
  if (!holds) throw new Error('the parts of an order do not sum to its total');
}
