/**
 * Money as Fawaterk writes it: major units with at most two decimals, as text or number. We hold minor units with the
 * currency's own exponent. How Fawaterk rounds three decimals is not known, so what does not fit two is refused
 * (payment-gateways.md 0.2).
 */
const EXPONENTS: Readonly<Record<string, 2 | 3>> = { EGP: 2, USD: 2, SAR: 2, AED: 2, QAR: 2, KWD: 3, BHD: 3 };

export const FAWATERK_CURRENCIES: readonly string[] = Object.keys(EXPONENTS);

const MAJOR_UNITS = /^(\d{1,15})(?:\.(\d{1,2}))?$/;

export function isSupportedCurrency(code: string): boolean {
  return Object.hasOwn(EXPONENTS, code);
}

/** Our code as the vendor's: SAR is called SR there. Null for a currency the vendor does not take. */
export function toVendorCurrency(code: string): string | null {
  if (!isSupportedCurrency(code)) return null;
  return code === 'SAR' ? 'SR' : code;
}

/** The vendor's code as ours. A code we do not know stays as it is, so that a comparison with ours fails visibly. */
export function fromVendorCurrency(code: string): string {
  const upper = code.trim().toUpperCase();
  return upper === 'SR' ? 'SAR' : upper;
}

/**
 * Major units with exactly two decimals, `"150.00"`. Null where the amount does not fit two decimals or is
 * negative.
 */
export function toVendorAmount(amountMinor: bigint, currencyCode: string): string | null {
  const exponent = EXPONENTS[currencyCode];
  if (exponent === undefined || amountMinor < 0n) return null;
  if (exponent === 3 && amountMinor % 10n !== 0n) return null;
  const hundredths = exponent === 3 ? amountMinor / 10n : amountMinor;
  return `${hundredths / 100n}.${String(hundredths % 100n).padStart(2, '0')}`;
}

/** Minor units of our currency code, exact. Null for anything but plain digits with at most two decimals. */
export function fromVendorAmount(text: string, currencyCode: string | null): bigint | null {
  const match = MAJOR_UNITS.exec(text);
  if (!match) return null;
  const hundredths = BigInt(match[1] ?? '0') * 100n + BigInt((match[2] ?? '').padEnd(2, '0'));
  return currencyCode !== null && EXPONENTS[currencyCode] === 3 ? hundredths * 10n : hundredths;
}
