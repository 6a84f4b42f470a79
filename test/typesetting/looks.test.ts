import type { Canvas } from '@napi-rs/canvas';
import { afterAll, describe, expect, test } from 'vitest';
import type { InvoiceDocument } from '../../src/domain/invoice.ts';
import { createInvoiceRenderer } from '../../src/typesetting/render.ts';
import { arabicInvoice, chineseInvoice, invoice, logoOf, logoPicture, withLogo } from './documents.ts';
import { approve, APPROVES, differenceFromApproved, pageImagesOf } from './pageImages.ts';

/**
 * The pages as a person sees them, compared with images that a person looked at (test/typesetting/approved). How exact the
 * comparison is, and how new images are approved: pageImages.ts.
 */
const renderer = createInvoiceRenderer();
afterAll(() => renderer.close());

async function pagesOf(
  name: string,
  document: InvoiceDocument,
  logo: Uint8Array | null = null,
): Promise<{ name: string; page: Canvas }[]> {
  const pages = await pageImagesOf(await renderer.render(document, logo));
  return pages.map((page, index) => ({ page, name: pages.length === 1 ? name : `${name}-${index + 1}` }));
}

const HOSTILE = invoice(
  [
    '#raw("x") $x^2$ \\u{202E} @label',
    '*bold* _it_ `raw` <b>&amp; // c /* d */ = Heading',
    'Donaudampfschiff'.repeat(9),
  ],
  {
    tenant: { name: '#panic() $x$', addressLines: ['#set text(99pt)'], legalText: '#pagebreak()', taxId: '#1' },
    customer: { name: '#read("/etc/passwd") @label', email: `${'e'.repeat(90)}@example.test` },
    notes: '#context here()\n= Heading\n- list \\ #eval("1+1")',
  },
);

const PAGES: Readonly<Record<string, InvoiceDocument>> = {
  english: invoice(['Deluxe room, sea view, breakfast', 'Transfer Cairo to Giza', 'Guide, half a day']),
  arabic: arabicInvoice(['غرفة مزدوجة مطلة على البحر', 'نقل من القاهرة إلى الجيزة', 'مرشد سياحي لنصف يوم']),
  chinese: chineseInvoice(['海景雙人房，含早餐，兩晚', '桃園機場接送', '半日導覽（中文）']),
  'mixed-english': invoice([
    'Tour رحلة إلى القاهرة and 台北 101 on 2026-12-01',
    'Hotel فندق النيل 尼羅河飯店 ×2 (50%)',
  ]),
  'mixed-arabic': arabicInvoice([
    'رحلة إلى 台北 101 مع Nile Tours يوم 2026-12-01',
    'فندق Taipei 圓山大飯店 3 ليال، +886-2-2886',
  ]),
  'mixed-chinese': chineseInvoice(['開羅 Cairo القاهرة 三日遊 2026-12-01', '住宿：Mena House فندق مينا هاوس 2 晚']),
  'credit-note': invoice(['Deluxe room, sea view, breakfast'], {
    kind: 'CREDIT_NOTE',
    number: 'CN-000001',
    creditedInvoiceNumber: 'INV-000123',
  }),
  'credit-note-arabic': arabicInvoice(['غرفة مزدوجة مطلة على البحر'], {
    kind: 'CREDIT_NOTE',
    number: 'CN-000001',
    creditedInvoiceNumber: 'INV-000123',
  }),
  'credit-note-chinese': chineseInvoice(['海景雙人房，含早餐，兩晚'], {
    kind: 'CREDIT_NOTE',
    number: 'CN-000001',
    creditedInvoiceNumber: 'INV-000123',
  }),
  'many-lines': invoice(Array.from({ length: 48 }, (_, index) => `Line number ${index + 1}, 第 ${index + 1} 項`)),
  hostile: HOSTILE,
};

describe('the page', () => {
  test.each(Object.entries(PAGES))('%s looks as approved', async (name, document) => {
    for (const each of await pagesOf(name, document)) {
      if (APPROVES) await approve(each.name, each.page);
      expect(await differenceFromApproved(each.name, each.page)).toBe(null);
    }
  });

  test.each([
    ['logo', 'image/png', invoice(['Deluxe room, sea view, breakfast'])],
    ['logo-arabic', 'image/jpeg', arabicInvoice(['غرفة مزدوجة مطلة على البحر'])],
  ] as const)('%s (%s) looks as approved', async (name, mime, document) => {
    const logo = logoOf(logoPicture(mime));
    for (const each of await pagesOf(name, withLogo(document, logo), logo.content)) {
      if (APPROVES) await approve(each.name, each.page);
      expect(await differenceFromApproved(each.name, each.page)).toBe(null);
    }
  });

  test('with one letter, one digit or one dot changed does not pass', async () => {
    const { english } = PAGES;
    const changes: readonly Partial<InvoiceDocument>[] = [
      { labels: { ...english!.labels, tax: 'Fax' } },
      { labels: { ...english!.labels, orderNumber: 'Order.' } },
      { total: english!.total.replace('8', '3') },
      { mark: null },
    ];
    for (const change of changes) {
      const [{ page } = { page: null }] = await pagesOf('english', { ...english!, ...change });
      expect(await differenceFromApproved('english', page!), JSON.stringify(change)).toMatch(
        /pixels are different.*portolan-pages-.*english\.png$/,
      );
    }
  });
});
