/** How order and invoice numbers are written (COM-4, COM-11). The counters behind them live in the database. */
const DIGITS_MIN = 6;
const PREFIX_BY_INVOICE_KIND = { INVOICE: 'INV', CREDIT_NOTE: 'CN' } as const;

/** `ORD-000123`; a number of more than six digits keeps all of them. The counter starts at 1. */
export function formatOrderNumber(prefix: string, number: bigint | number): string {
  return `${prefix}-${paddedNumber(number)}`;
}

/**
 * `INV-000123` for an invoice, `CN-000123` for a credit note: two sequences, so that each is gapless by itself. The database counts and
 * writes the number in one statement, so this says how: the prefix, then the count with zeros in front up to so many digits.
 */
export function invoiceNumberForm(kind: 'INVOICE' | 'CREDIT_NOTE'): {
  readonly prefix: string;
  readonly digitsMin: number;
} {
  return { prefix: `${PREFIX_BY_INVOICE_KIND[kind]}-`, digitsMin: DIGITS_MIN };
}

function paddedNumber(number: bigint | number): string {
  const exact = BigInt(number);
  if (exact < 1n) throw new Error('a number sequence starts at 1');
  return exact.toString().padStart(DIGITS_MIN, '0');
}
