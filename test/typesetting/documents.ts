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

export function chineseInvoice(descriptions: readonly string[], changes: Partial<InvoiceFacts> = {}): InvoiceDocument {
  return invoice(descriptions, {
    locale: 'zh-TW',
    tenant: {
      name: '尼羅河旅行社',
      addressLines: ['台北市信義區信義路五段 7 號', '11049 台北'],
      legalText: '交觀甲字第 1234 號，品保協會會員。',
      taxId: '24536806',
    },
    customer: { name: '王小明', email: 'xiaoming.wang@example.test' },
    currencyCode: 'TWD',
    notes: '請攜帶護照，並於出發前兩小時抵達「第二航廈」。',
    ...changes,
  });
}
