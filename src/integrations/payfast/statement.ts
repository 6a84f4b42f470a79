/**
 * The account statement: CSV with a header row (payment-gateways.md 2.2). Columns are found by name, because their
 * number and order differ between the vendor's own samples.
 */
export interface StatementRow {
  /** `YYYY-MM-DD HH:MM:SS`, South African time, without saying so. */
  readonly date: string;
  /** Upper case with underscores, such as FUNDS_RECEIVED: both spellings occur. */
  readonly type: string;
  readonly sign: string;
  readonly currency: string;
  readonly fundingType: string;
  readonly gross: string;
  readonly fee: string;
  readonly paymentId: string;
  readonly gatewayPaymentId: string;
}

const COLUMNS: Readonly<Record<keyof StatementRow, string>> = {
  date: 'date',
  type: 'type',
  sign: 'sign',
  currency: 'currency',
  fundingType: 'funding type',
  gross: 'gross',
  fee: 'fee',
  paymentId: 'm payment id',
  gatewayPaymentId: 'pf payment id',
};

const ROWS_MAX = 20_000;

/** @returns null where the text is no such statement. */
export function readStatement(text: string): StatementRow[] | null {
  const [header, ...lines] = readCsv(text) ?? [];
  if (!header || lines.length > ROWS_MAX) return null;
  const names = header.map((name) => name.trim().toLowerCase());
  const places = Object.entries(COLUMNS).map(([field, name]) => [field, names.indexOf(name)] as const);
  if (places.some(([, place]) => place < 0)) return null;
  return lines
    .filter((line) => line.some((value) => value.trim() !== ''))
    .map((line) => {
      const row = Object.fromEntries(places.map(([field, place]) => [field, (line[place] ?? '').trim()]));
      return { ...(row as unknown as StatementRow), type: wordOf(row['type']), sign: wordOf(row['sign']) };
    });
}

function wordOf(text: string | undefined): string {
  return (text ?? '').toUpperCase().replaceAll(' ', '_');
}

/** RFC 4180, both line ends; null where a quote is never closed (the answer broke off). */
function readCsv(text: string): string[][] | null {
  const rows: string[][] = [];
  let row: string[] = [];
  let at = 0;
  while (at < text.length) {
    const [value, end] = text[at] === '"' ? quoted(text, at + 1) : bare(text, at);
    if (end < 0) return null;
    row.push(value);
    if (text[end] === ',') {
      at = end + 1;
      if (at < text.length) continue;
      row.push('');
    }
    rows.push(row);
    row = [];
    at = text.startsWith('\r\n', end) ? end + 2 : end + 1;
  }
  return rows;
}

/** A value and where it ended: at a comma, a line end or the end of the text. */
function bare(text: string, start: number): [value: string, end: number] {
  let end = start;
  while (end < text.length && text[end] !== ',' && text[end] !== '\n' && text[end] !== '\r') end++;
  return [text.slice(start, end), end];
}

function quoted(text: string, start: number): [value: string, end: number] {
  let value = '';
  let at = start;
  for (;;) {
    const quote = text.indexOf('"', at);
    if (quote < 0) return ['', -1];
    value += text.slice(at, quote);
    if (text[quote + 1] !== '"') {
      const [rest, end] = bare(text, quote + 1);
      return [value + rest, end];
    }
    value += '"';
    at = quote + 2;
  }
}
