/**
 * How a refund falls on the tax rates of its order (COM-10, COM-11), so that its credit note has the same breakdown as the invoice and
 * all refunds together take back each rate's amount and tax to the last unit.
 */
import { addAll, allocate, divideRounded } from './money.ts';

/** An amount of one tax rate, tax included. Rate: percent as text ("14" is 14 %), null where no tax applies. */
export interface TaxPart {
  readonly rate: string | null;
  readonly grossMinor: bigint;
  readonly taxMinor: bigint;
}

/** Sums parts by rate, in the order of their first appearance. */
export function partsByRate(parts: readonly TaxPart[]): TaxPart[] {
  const sums = new Map<string | null, TaxPart>();
  for (const { rate, grossMinor, taxMinor } of parts) {
    const sum = sums.get(rate) ?? { rate, grossMinor: 0n, taxMinor: 0n };
    sums.set(rate, { rate, grossMinor: sum.grossMinor + grossMinor, taxMinor: sum.taxMinor + taxMinor });
  }
  return [...sums.values()];
}

/**
 * The parts of a refund: each rate gives in proportion to what is left of it, the tax of a rate in proportion to that. What rounding
 * leaves goes to the largest remainders, the first rate first, so nothing is lost and no part is ever taken back twice.
 * @param lines of the order @param earlier parts of refunds that are done
 * @param refundMinor tax included; at most what is left of the lines
 * @throws Error (a defect) where more would go back than is left
 */
export function refundParts(
  lines: readonly TaxPart[],
  earlier: readonly TaxPart[],
  refundMinor: bigint,
): readonly TaxPart[] {
  const left = partsByRate([...lines, ...earlier.map(negated)]);
  const leftMinor = addAll(left.map((part) => part.grossMinor));
  if (refundMinor <= 0n || refundMinor > leftMinor) throw new Error('a refund is at most what is left of its order');
  const amounts = allocate(
    refundMinor,
    left.map((part) => part.grossMinor),
  );
  return left
    .map(({ rate, grossMinor, taxMinor }, index) => ({
      rate,
      grossMinor: amounts[index]!,
      taxMinor: grossMinor === 0n ? 0n : divideRounded(taxMinor * amounts[index]!, grossMinor, 'HALF_UP'),
    }))
    .filter(({ grossMinor }) => grossMinor > 0n);
}

function negated({ rate, grossMinor, taxMinor }: TaxPart): TaxPart {
  return { rate, grossMinor: -grossMinor, taxMinor: -taxMinor };
}
