import { partsByRate, type TaxPart } from './credit.ts';
import { invoiceLocaleOf, labelsOf } from './invoice-labels.ts';
import type { InvoiceLineFacts } from './invoice.ts';

/**
 * The lines of a credit note: those of the invoice where all of it goes back at once, else one line for each tax rate that a part of the
 * refund falls on. Prices are written with or without tax as on the invoice.
 */
export function creditNoteLines(of: {
  readonly lines: readonly InvoiceLineFacts[];
  readonly parts: readonly TaxPart[];
  readonly locale: string;
  readonly invoiceNumber: string;
}): readonly InvoiceLineFacts[] {
  const whole = partsByRate(
    of.lines.map(({ taxRate, grossMinor, taxMinor }) => ({ rate: taxRate, grossMinor, taxMinor })),
  );
  if (
    isSame(
      whole.filter(({ grossMinor }) => grossMinor > 0n),
      of.parts,
    )
  )
    return of.lines;
  const withoutTax = of.lines.every((line) => BigInt(line.quantity) * line.unitPriceMinor === line.netMinor);
  const labels = labelsOf(invoiceLocaleOf(of.locale));
  return of.parts.map(({ rate, grossMinor, taxMinor }) => ({
    description: `${labels.amountRefunded} (${labels.creditedInvoice} ${of.invoiceNumber})`,
    quantity: 1,
    unitPriceMinor: withoutTax ? grossMinor - taxMinor : grossMinor,
    taxRate: rate,
    netMinor: grossMinor - taxMinor,
    taxMinor,
    grossMinor,
  }));
}

function isSame(whole: readonly TaxPart[], parts: readonly TaxPart[]): boolean {
  return (
    whole.length === parts.length &&
    whole.every(({ rate, grossMinor, taxMinor }) =>
      parts.some((part) => part.rate === rate && part.grossMinor === grossMinor && part.taxMinor === taxMinor),
    )
  );
}
