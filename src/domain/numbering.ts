/** How order and invoice numbers are written (COM-4, COM-11). The counters behind them live in the database. */
const DIGITS_MIN = 6;
const PREFIX_BY_INVOICE_KIND = { INVOICE: 'INV', CREDIT_NOTE: 'CN' } as const;

/** `ORD-000123`; a number of more than six digits keeps all of them. The counter starts at 1. */
export function formatOrderNumber(prefix: string, number: bigint | number): string {
  return `${prefix}-${paddedNumber(number)}`;
}

/** `INV-000123` for an invoice, `CN-000123` for a credit note: two sequences, so that each is gapless by itself. */
export function formatInvoiceNumber(kind: keyof typeof PREFIX_BY_INVOICE_KIND, number: bigint | number): string {
  return `${PREFIX_BY_INVOICE_KIND[kind]}-${paddedNumber(number)}`;
}

function paddedNumber(number: bigint | number): string {
  const exact = BigInt(number);
  if (exact < 1n) throw new Error('a number sequence starts at 1');
  return exact.toString().padStart(DIGITS_MIN, '0');
}
