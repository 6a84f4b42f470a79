/** What of a customer's data is written out in words of its own for their export (TEN-10). */
import { POINTS_UNIT } from './ledger.ts';
import { formatAmount } from './money.ts';

export interface ExportedAmount {
  readonly amount: string;
  readonly currencyCode: string;
}

/** Points are counted whole, and have no currency's decimals. */
export function exportedAmount(minor: bigint, currencyCode: string): ExportedAmount {
  return { amount: currencyCode === POINTS_UNIT ? String(minor) : formatAmount(minor, currencyCode), currencyCode };
}

const SHOWN_CHARACTERS = 4;

/** The end of a number by which its owner knows it again, and nobody else can use it; null stays null. */
export function masked(number: string | null): string | null {
  if (number === null) return null;
  return number.length > SHOWN_CHARACTERS * 2 ? `…${number.slice(-SHOWN_CHARACTERS)}` : '…';
}

/** `contact` of a booking as its customer may have it: the numbers of passports masked, because the file goes from hand to hand. */
export function exportedContact(contact: unknown): unknown {
  if (!isRecord(contact) || !Array.isArray(contact['passengers'])) return contact;
  return { ...contact, passengers: contact['passengers'].map(withMaskedDocument) };
}

function withMaskedDocument(passenger: unknown): unknown {
  if (!isRecord(passenger) || !isRecord(passenger['document'])) return passenger;
  const { number, ...rest } = passenger['document'];
  return { ...passenger, document: { ...rest, number: typeof number === 'string' ? masked(number) : null } };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
