/** Tables as CSV (RFC 4180) for programs and for spreadsheets, which take some texts for formulas. */

/** A text, or a number as decimal text: what begins with a minus sign is a number only where it is said to be one. */
export type Cell = string | { readonly number: string };

/** Tells a spreadsheet that the file is UTF-8. */
export const CSV_BOM = '\u{FEFF}';

/** One line, with its end. */
export function csvLine(cells: readonly Cell[]): string {
  return `${cells.map(written).join(',')}\r\n`;
}

function written(cell: Cell): string {
  if (typeof cell !== 'string') return numberOf(cell.number);
  // What a spreadsheet would take for a formula is shown as text.
  const harmless = /^[=+\-@\t\r\n]/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

function numberOf(text: string): string {
  if (!/^-?\d+(\.\d+)?$/.test(text)) throw new Error('a number in a table is a decimal number');
  return text;
}
