/** Money as gateways write it where a currency has two decimals: major units as text (payment-gateways.md 0.2). */
const MAJOR_UNITS = /^(-?)(\d{1,13})(?:\.(\d{1,2}))?$/;

/** `"249.90"` of 24990n. Null where the amount is negative. */
export function toMajorUnits(amountMinor: bigint): string | null {
  if (amountMinor < 0n) return null;
  return `${amountMinor / 100n}.${String(amountMinor % 100n).padStart(2, '0')}`;
}

/** Minor units, exact; may be negative. Null for anything but digits with at most two decimals. */
export function fromMajorUnits(text: string): bigint | null {
  const match = MAJOR_UNITS.exec(text);
  if (!match) return null;
  const minor = BigInt(match[2] ?? '0') * 100n + BigInt((match[3] ?? '').padEnd(2, '0'));
  return match[1] === '-' ? -minor : minor;
}
