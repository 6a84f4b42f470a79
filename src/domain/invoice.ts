/**
 * The invoice document (COM-11): everything its page shows, in words and numbers already written out, frozen as JSON in
 * the transaction that issues it. Rendering depends on nothing but this document, so the page can never change.
 */
import { Temporal } from 'temporal-polyfill';
import { invoiceLocaleOf, labelsOf } from './invoice-labels.ts';
import type { InvoiceLabels, InvoiceLocale } from './invoice-labels.ts';
import type { LogoFacts } from './logo.ts';
import { addAll, formatAmount } from './money.ts';

export type InvoiceKind = 'INVOICE' | 'CREDIT_NOTE';

/** Raised with every change of the page that shows; old documents keep the template of their own number. */
export const INVOICE_LAYOUT = 2;

/** Amounts are in major units with the currency's decimals and thousands grouped by commas ("1,250.50"), digits 0 to 9. */
export interface InvoiceDocument {
  readonly layout: number;
  readonly kind: InvoiceKind;
  readonly number: string;
  /** The local day of issue, `2026-11-21`. */
  readonly issuedAt: string;
  readonly orderNumber: string;
  /** The invoice that a credit note takes back; null on an invoice. */
  readonly creditedInvoiceNumber: string | null;
  readonly locale: InvoiceLocale;
  readonly labels: InvoiceLabels;
  readonly tenant: InvoiceTenant;
  readonly customer: InvoiceCustomer;
  readonly currencyCode: string;
  readonly lines: readonly InvoiceLine[];
  readonly pricesIncludeTax: boolean;
  readonly subtotal: string;
  /** One entry per rate, in the order in which the rates first appear. */
  readonly taxes: readonly InvoiceTax[];
  readonly total: string;
  /** Paid so far; on a credit note the amount given back. */
  readonly amountPaid: string;
  readonly amountDue: string;
  /** What the mark on the page says, if anything: nothing is open any more, or the money went back. */
  readonly mark: 'PAID' | 'REFUNDED' | null;
  readonly notes: string | null;
}

export interface InvoiceTenant {
  readonly name: string;
  readonly addressLines: readonly string[];
  readonly legalText: string | null;
  readonly taxId: string | null;
  /** Its picture, by name: the bytes are kept under it for good. There is none in documents of layout 1. */
  readonly logo?: LogoFacts | null;
}

export interface InvoiceCustomer {
  readonly name: string;
  readonly email: string | null;
}

export interface InvoiceLine {
  readonly description: string;
  readonly quantity: number;
  readonly unitPrice: string;
  readonly lineTotal: string;
  /** Percent, "14" is 14 %; null where no tax applies. */
  readonly taxRate: string | null;
}

export interface InvoiceTax {
  readonly rate: string;
  readonly net: string;
  readonly tax: string;
}

/** A line as it stands on the order (domain/order-price.ts), its description already in the invoice's language. */
export interface InvoiceLineFacts {
  readonly description: string;
  readonly quantity: number;
  readonly unitPriceMinor: bigint;
  readonly taxRate: string | null;
  readonly netMinor: bigint;
  readonly taxMinor: bigint;
  readonly grossMinor: bigint;
}

export interface InvoiceFacts {
  readonly kind: InvoiceKind;
  readonly number: string;
  /** The day of issue in the tenant's time zone, `YYYY-MM-DD`. */
  readonly issuedAt: string;
  readonly orderNumber: string;
  readonly creditedInvoiceNumber?: string | null;
  /** The customer's or the tenant's locale; see `invoiceLocaleOf` for the language that follows from it. */
  readonly locale: string;
  readonly tenant: InvoiceTenant;
  readonly customer: InvoiceCustomer;
  readonly currencyCode: string;
  readonly lines: readonly InvoiceLineFacts[];
  /** What the order says its total is; the lines must sum to it. */
  readonly totalMinor: bigint;
  readonly amountPaidMinor: bigint;
  /** What an operator waived of it: neither paid nor due. */
  readonly waivedMinor?: bigint;
  readonly notes?: string | null;
}

/**
 * Writes an issued invoice or credit note from the facts of its order. All amounts are positive on a credit note too.
 * @throws Error (a defect, never the customer's doing) if the lines do not sum to the total, if a line is not quantity
 * times unit price, or if the day of issue is no date: a wrong invoice must not be issued.
 */
export function buildInvoiceDocument(facts: InvoiceFacts): InvoiceDocument {
  const pricesIncludeTax = assertSumsAndReadTaxMode(facts);
  const amount = (minor: bigint): string => groupThousands(formatAmount(minor, facts.currencyCode));
  const locale = invoiceLocaleOf(facts.locale);
  const dueMinor =
    facts.kind === 'CREDIT_NOTE' ? 0n : facts.totalMinor - facts.amountPaidMinor - (facts.waivedMinor ?? 0n);
  return {
    layout: INVOICE_LAYOUT,
    kind: facts.kind,
    number: printable(facts.number),
    issuedAt: assertDay(facts.issuedAt),
    orderNumber: printable(facts.orderNumber),
    creditedInvoiceNumber: printableOrNull(facts.creditedInvoiceNumber),
    locale,
    labels: labelsOf(locale),
    tenant: {
      name: printable(facts.tenant.name),
      addressLines: facts.tenant.addressLines.map(printable).filter((line) => line !== ''),
      legalText: printableLinesOrNull(facts.tenant.legalText),
      taxId: printableOrNull(facts.tenant.taxId),
      logo: facts.tenant.logo ?? null,
    },
    customer: { name: printable(facts.customer.name), email: printableOrNull(facts.customer.email) },
    currencyCode: facts.currencyCode,
    lines: facts.lines.map((line) => ({
      description: printable(line.description),
      quantity: line.quantity,
      unitPrice: amount(line.unitPriceMinor),
      lineTotal: amount(baseMinorOf(line)),
      taxRate: line.taxRate,
    })),
    pricesIncludeTax,
    subtotal: amount(addAll(facts.lines.map((line) => line.netMinor))),
    taxes: sumByRate(facts.lines).map(({ rate, netMinor, taxMinor }) => ({
      rate,
      net: amount(netMinor),
      tax: amount(taxMinor),
    })),
    total: amount(facts.totalMinor),
    amountPaid: amount(facts.amountPaidMinor),
    amountDue: amount(dueMinor),
    mark: facts.kind === 'CREDIT_NOTE' ? 'REFUNDED' : dueMinor <= 0n ? 'PAID' : null,
    notes: printableLinesOrNull(facts.notes),
  };
}

function baseMinorOf(line: InvoiceLineFacts): bigint {
  return BigInt(line.quantity) * line.unitPriceMinor;
}

/**
 * Whether prices contain tax is read off the lines and not off the tenant's tax profile: the profile may have changed
 * since the order was priced, the lines have not.
 */
function assertSumsAndReadTaxMode(facts: InvoiceFacts): boolean {
  const { lines } = facts;
  if (lines.length === 0) throw new Error('an invoice needs a line');
  if (lines.some((line) => line.netMinor + line.taxMinor !== line.grossMinor))
    throw new Error('a line is not net plus tax');
  if (lines.some((line) => line.taxRate === null && line.taxMinor !== 0n))
    throw new Error('a line has tax without a rate');
  if (addAll(lines.map((line) => line.grossMinor)) !== facts.totalMinor)
    throw new Error('the lines do not sum to the total');
  if (lines.every((line) => baseMinorOf(line) === line.netMinor)) return false;
  if (lines.every((line) => baseMinorOf(line) === line.grossMinor)) return true;
  throw new Error('the lines are not quantity times unit price, neither with nor without tax');
}

function sumByRate(lines: readonly InvoiceLineFacts[]): { rate: string; netMinor: bigint; taxMinor: bigint }[] {
  const sums = new Map<string, { rate: string; netMinor: bigint; taxMinor: bigint }>();
  for (const { taxRate: rate, netMinor, taxMinor } of lines) {
    if (rate === null) continue;
    const sum = sums.get(rate) ?? { rate, netMinor: 0n, taxMinor: 0n };
    sums.set(rate, { rate, netMinor: sum.netMinor + netMinor, taxMinor: sum.taxMinor + taxMinor });
  }
  return [...sums.values()];
}

function assertDay(day: string): string {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(day)) throw new Error('the day of issue is not written YYYY-MM-DD');
  return Temporal.PlainDate.from(day, { overflow: 'reject' }).toString();
}

/** "-1234567.50" becomes "-1,234,567.50". The same in every language, so that a page never mixes two ways to write a number. */
function groupThousands(amount: string): string {
  const [whole = '', fraction] = amount.split('.');
  const grouped = whole.replace(/(?<=\d)(?=(\d{3})+$)/g, ',');
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}

// Control characters have no place on a page (and JSON in PostgreSQL refuses U+0000). Directional embeddings, overrides
// and isolates are dropped too: with them a name could turn the digits beside it around. Marks such as U+200F stay.
const UNPRINTABLE = /[[\p{Cc}--[\s\u0085]]\u202A-\u202E\u2066-\u2069\uFEFF]/gv;

function printable(text: string): string {
  return text
    .toWellFormed()
    .replace(UNPRINTABLE, '')
    .replace(/[\s\u0085]+/g, ' ')
    .trim();
}

function printableOrNull(text: string | null | undefined): string | null {
  return printable(text ?? '') || null;
}

/** As `printable`, but the author's line breaks stay. */
function printableLinesOrNull(text: string | null | undefined): string | null {
  const lines = (text ?? '').split(/\r\n|[\n\r\u0085\u2028\u2029]/).map(printable);
  return lines.join('\n').trim() || null;
}
