/**
 * Money as PayFast writes it: rand with two decimals everywhere, cents in its refund calls (payment-gateways.md 0.2).
 * The gateway settles in rand only.
 */
export const PAYFAST_CURRENCY = 'ZAR';

/** A once-off payment is never smaller (payment-gateways.md 2.3). */
export const LEAST_AMOUNT_MINOR = 500n;

const RAND = /^(-?)(\d{1,13})(?:\.(\d{1,2}))?$/;
const GROUPED = /^-?\d{1,3}(?:,\d{3})+(?:\.\d{1,2})?$/;

/** `"249.90"` of 24990n. Null where the amount is negative. */
export function toRand(amountMinor: bigint): string | null {
  if (amountMinor < 0n) return null;
  return `${amountMinor / 100n}.${String(amountMinor % 100n).padStart(2, '0')}`;
}

/** Cents, exact; fees are negative. Null for anything but digits with at most two decimals. */
export function fromRand(text: string): bigint | null {
  const match = RAND.exec(text);
  if (!match) return null;
  const cents = BigInt(match[2] ?? '0') * 100n + BigInt((match[3] ?? '').padEnd(2, '0'));
  return match[1] === '-' ? -cents : cents;
}

/** As fromRand, and with the statement's thousands separators: `"22,574.02"`. */
export function fromStatementRand(text: string): bigint | null {
  const trimmed = text.trim();
  return fromRand(GROUPED.test(trimmed) ? trimmed.replaceAll(',', '') : trimmed);
}
