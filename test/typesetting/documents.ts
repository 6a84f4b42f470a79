import { buildInvoiceDocument } from '../../src/domain/invoice.ts';
import type { InvoiceDocument, InvoiceFacts, InvoiceLineFacts } from '../../src/domain/invoice.ts';

export function line(description: string, quantity = 2, unitPriceMinor = 125_050n): InvoiceLineFacts {
  const netMinor = BigInt(quantity) * unitPriceMinor;
  const taxMinor = (netMinor * 14n + 50n) / 100n;
  return { description, quantity, unitPriceMinor, taxRate: '14', netMinor, taxMinor, grossMinor: netMinor + taxMinor };
}

/** A paid invoice in English unless told otherwise. */
export function invoice(descriptions: readonly string[], changes: Partial<InvoiceFacts> = {}): InvoiceDocument {
  const lines = descriptions.map((description, index) =>
    line(description, 1 + (index % 3), 125_050n + BigInt(index) * 1_337n),
  );
  const totalMinor = lines.reduce((sum, { grossMinor }) => sum + grossMinor, 0n);
  return buildInvoiceDocument({
    kind: 'INVOICE',
    number: 'INV-000123',
    issuedAt: '2026-11-21',
    orderNumber: 'ORD-000456',
    locale: 'en',
    tenant: {
      name: 'Nile Horizon Travel',
      addressLines: ['14 Corniche El Nil', 'Cairo 11519'],
      legalText: 'Commercial register 55812 Cairo.',
      taxId: '498-221-773',
    },
    customer: { name: 'Mona Adel Hassan', email: 'mona.hassan@example.test' },
    currencyCode: 'EGP',
    lines,
    totalMinor,
    amountPaidMinor: totalMinor,
    notes: 'Please bring your passport.',
    ...changes,
  });
}

export function arabicInvoice(descriptions: readonly string[], changes: Partial<InvoiceFacts> = {}): InvoiceDocument {
  return invoice(descriptions, {
    locale: 'ar',
    tenant: {
      name: 'أفق النيل للسياحة والسفر',
      addressLines: ['14 كورنيش النيل', 'القاهرة 11519'],
      legalText: 'سجل تجاري 55812 القاهرة.',
      taxId: '498-221-773',
    },
    customer: { name: 'منى عادل حسن', email: 'mona.hassan@example.test' },
    notes: 'يرجى إحضار جواز السفر.',
    ...changes,
  });
}
