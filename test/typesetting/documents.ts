import { createCanvas } from '@napi-rs/canvas';
import { buildInvoiceDocument } from '../../src/domain/invoice.ts';
import { readLogo, type Logo } from '../../src/domain/logo.ts';
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

/** A picture of a shop: a sun over water, in PNG or JPEG. */
export function logoPicture(mime: 'image/png' | 'image/jpeg' = 'image/png', width = 300, height = 100): Buffer {
  const canvas = createCanvas(width, height);
  const pen = canvas.getContext('2d');
  pen.fillStyle = '#f4e9d8';
  pen.fillRect(0, 0, width, height);
  pen.fillStyle = '#e07a1f';
  pen.beginPath();
  pen.arc(width / 2, height * 0.6, height * 0.4, 0, 2 * Math.PI);
  pen.fill();
  pen.fillStyle = '#1d6fa5';
  pen.fillRect(0, height * 0.65, width, height * 0.35);
  return mime === 'image/png' ? canvas.toBuffer('image/png') : canvas.toBuffer('image/jpeg');
}

export function logoOf(picture: Buffer): Logo {
  const logo = readLogo(picture.toString('base64'));
  if (typeof logo === 'string') throw new Error(logo);
  return logo;
}

export function withLogo(document: InvoiceDocument, { content: _content, ...logo }: Logo): InvoiceDocument {
  return { ...document, tenant: { ...document.tenant, logo } };
}
