/** What a month's archive of invoices is made of beside the pages (COM-11). */
import { invalidInput } from '../errors.ts';

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

export const MANIFEST_HEAD = line(COLUMNS);

/** One line of manifest.csv (RFC 4180), with its end. */
export function manifestLine(of: ManifestLine): string {
  return line(COLUMNS.map((column) => of[column]));
}

function line(cells: readonly string[]): string {
  return `${cells.map(cell).join(',')}\r\n`;
}

/** A cell that a spreadsheet would take for a formula is shown as text. */
function cell(text: string): string {
  const harmless = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
