import { fromMajorUnits } from '../major-units.ts';

/** Rand with two decimals everywhere, cents in refund calls (payment-gateways.md 0.2). It settles in rand only. */
export const PAYFAST_CURRENCY = 'ZAR';

/** A once-off payment is never smaller (payment-gateways.md 2.3). */
export const LEAST_AMOUNT_MINOR = 500n;

const GROUPED = /^-?\d{1,3}(?:,\d{3})+(?:\.\d{1,2})?$/;

/** Cents, exact, and with the statement's thousands separators: `"22,574.02"`. */
export function fromStatementRand(text: string): bigint | null {
  const trimmed = text.trim();
  return fromMajorUnits(GROUPED.test(trimmed) ? trimmed.replaceAll(',', '') : trimmed);
}
