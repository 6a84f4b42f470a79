/** What a month's archive of invoices is made of beside the pages (COM-11). */
import { invalidInput } from '../errors.ts';
import { csvLine } from './csv.ts';

/** @returns the calendar month, `2026-11` @throws INVALID_INPUT for whatever else */
export function checkMonth(month: string): string {
  if (!/^2\d{3}-(0[1-9]|1[0-2])$/.test(month)) throw invalidInput('A month is written YYYY-MM.', ['month']);
  return month;
}

export interface ManifestLine {
  readonly number: string;
  readonly kind: string;
  /** The day on the page, `2026-11-21`. */
  readonly date: string;
  /** In major units, "1250.50". */
  readonly total: string;
  readonly currency: string;
  /** Of the PDF, in hexadecimal. */
  readonly sha256: string;
}

const COLUMNS = ['number', 'kind', 'date', 'total', 'currency', 'sha256'] as const;

export const MANIFEST_HEAD = csvLine(COLUMNS);

/** One line of manifest.csv, with its end. */
export function manifestLine(of: ManifestLine): string {
  return csvLine(COLUMNS.map((column) => of[column]));
}
