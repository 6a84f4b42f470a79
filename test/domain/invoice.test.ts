import { describe, expect, test } from 'vitest';
import { buildInvoiceDocument } from '../../src/domain/invoice.ts';
import type { InvoiceFacts, InvoiceLineFacts } from '../../src/domain/invoice.ts';
import { invoiceLocaleOf, labelsOf } from '../../src/domain/invoice-labels.ts';

const ROOM: InvoiceLineFacts = {
  description: 'Room, two nights',
  quantity: 2,
  unitPriceMinor: 150_050n,
  taxRate: '14',
  netMinor: 300_100n,
  taxMinor: 42_014n,
  grossMinor: 342_114n,
};
const TIP: InvoiceLineFacts = {
  description: 'City tax',
  quantity: 1,
  unitPriceMinor: 2_000n,
  taxRate: null,
  netMinor: 2_000n,
  taxMinor: 0n,
  grossMinor: 2_000n,
};

function facts(changes: Partial<InvoiceFacts> = {}): InvoiceFacts {
  return {
    kind: 'INVOICE',
    number: 'INV-000001',
    issuedAt: '2026-11-21',
    orderNumber: 'ORD-000001',
    locale: 'en',
    tenant: { name: 'Nile Travel', addressLines: ['1 Corniche', 'Cairo'], legalText: null, taxId: '123-456-789' },
    customer: { name: 'Mona Adel', email: 'mona@example.test' },
    currencyCode: 'EGP',
    lines: [ROOM, TIP],
    totalMinor: 344_114n,
    amountPaidMinor: 344_114n,
    ...changes,
  };
}

describe('an invoice document', () => {
  test('writes every amount with the decimals of its currency and grouped thousands', () => {
    const document = buildInvoiceDocument(facts());
    expect(document.lines.map((line) => [line.quantity, line.unitPrice, line.lineTotal])).toEqual([
      [2, '1,500.50', '3,001.00'],
      [1, '20.00', '20.00'],
    ]);
    expect(document).toMatchObject({
      subtotal: '3,021.00',
      total: '3,441.14',
      amountPaid: '3,441.14',
      amountDue: '0.00',
    });
    expect(document.taxes).toEqual([{ rate: '14', net: '3,001.00', tax: '420.14' }]);
    const yen = { ...TIP, unitPriceMinor: 1_234_567n, netMinor: 1_234_567n, grossMinor: 1_234_567n };
    const inYen = buildInvoiceDocument(facts({ currencyCode: 'JPY', lines: [yen], totalMinor: 1_234_567n }));
    expect(inYen.total).toBe('1,234,567');
    const inDinar = buildInvoiceDocument(facts({ currencyCode: 'KWD', lines: [TIP], totalMinor: 2_000n }));
    expect(inDinar.total).toBe('2.000');
  });

  test('says whether prices contain tax as the lines were priced', () => {
    const gross = { ...ROOM, netMinor: 263_246n, taxMinor: 36_854n, grossMinor: 300_100n };
    const document = buildInvoiceDocument(facts({ lines: [gross], totalMinor: 300_100n }));
    expect(document).toMatchObject({ pricesIncludeTax: true, subtotal: '2,632.46', total: '3,001.00' });
    expect(document.lines[0]?.lineTotal).toBe('3,001.00');
    expect(buildInvoiceDocument(facts()).pricesIncludeTax).toBe(false);
  });

  test('sums tax once per rate', () => {
    const other = { ...ROOM, taxRate: '5', taxMinor: 15_005n, grossMinor: 315_105n };
    const document = buildInvoiceDocument(facts({ lines: [ROOM, other, ROOM], totalMinor: 999_333n }));
    expect(document.taxes).toEqual([
      { rate: '14', net: '6,002.00', tax: '840.28' },
      { rate: '5', net: '3,001.00', tax: '150.05' },
    ]);
  });

  test('is marked paid only when nothing is open', () => {
    expect(buildInvoiceDocument(facts()).mark).toBe('PAID');
    const open = buildInvoiceDocument(facts({ amountPaidMinor: 344_113n }));
    expect(open).toMatchObject({ mark: null, amountDue: '0.01' });
  });

  test('as a credit note names the invoice it takes back and asks for nothing', () => {
    const changes = { kind: 'CREDIT_NOTE', number: 'CN-000001', creditedInvoiceNumber: 'INV-000001' } as const;
    const document = buildInvoiceDocument(facts({ ...changes, amountPaidMinor: 0n }));
    expect(document).toMatchObject({ mark: 'REFUNDED', creditedInvoiceNumber: 'INV-000001', amountDue: '0.00' });
  });

  test.each([
    ['a total that the lines do not make', { totalMinor: 344_115n }],
    ['a line whose tax does not lead from net to gross', { lines: [{ ...ROOM, taxMinor: 1n }] }],
    ['a line with tax and no rate', { lines: [{ ...ROOM, taxRate: null }], totalMinor: 342_114n }],
    ['a line that is not quantity times unit price', { lines: [{ ...ROOM, quantity: 3 }], totalMinor: 342_114n }],
    ['no line at all', { lines: [], totalMinor: 0n }],
    ['a day that is not in the calendar', { issuedAt: '2026-02-30' }],
    ['a moment instead of a day', { issuedAt: '2026-02-03T00:00:00Z' }],
  ])('is refused for %s', (_what, changes) => {
    expect(() => buildInvoiceDocument(facts(changes))).toThrow();
  });

  test('keeps what people wrote except control characters and overrides of direction', () => {
    const document = buildInvoiceDocument(
      facts({
        customer: { name: ' \u202E#panic() *b* $x$ <script>\u0000\n\tعلي \u200Fأ\u2069 \uD800', email: '' },
        notes: 'first\r\n\u0007second  line\n\n',
        tenant: { name: 'N', addressLines: ['', 'Cairo'], legalText: ' ', taxId: null },
      }),
    );
    expect(document.customer).toEqual({ name: '#panic() *b* $x$ <script> علي \u200Fأ \uFFFD', email: null });
    expect(document.notes).toBe('first\nsecond line');
    expect(document.tenant).toMatchObject({ addressLines: ['Cairo'], legalText: null });
  });

  test('carries the words of its language, and survives JSON unchanged', () => {
    const document = buildInvoiceDocument(facts({ locale: 'ar-EG' }));
    expect(document).toMatchObject({ locale: 'ar', labels: { invoice: 'فاتورة' } });
    expect(JSON.parse(JSON.stringify(document))).toEqual(document);
  });

  test.each([
    ['ar', ['ar', 'ar-EG', 'AR', 'ar_SA']],
    ['zh-Hant', ['zh', 'zh-TW', 'zh-HK', 'zh-MO', 'zh_tw', 'ZH-HANT', 'zh-Hant-HK', 'zh-Hant-CN']],
    // We have no words in simplified characters, and the traditional ones are not theirs.
    ['en', ['en', 'en_GB', 'fr', '', 'constructor', 'zha', 'zh-Hans', 'zh-CN', 'zh-Hans-TW', 'zh-SG']],
  ])('is written in %s for the locales %j', (language, locales) => {
    expect([...new Set(locales.map(invoiceLocaleOf))]).toEqual([language]);
  });

  test('has every word in every language, and none left over from another', () => {
    const words = (['en', 'ar', 'zh-Hant'] as const).map(labelsOf);
    for (const labels of words) {
      expect(Object.keys(labels)).toEqual(Object.keys(words[0]!));
      for (const word of Object.values(labels)) expect(word.trim()).not.toBe('');
    }
    for (const word of Object.values(words[1]!).filter((text) => !text.startsWith('{')))
      expect(word).toMatch(/\p{sc=Arabic}/v);
    for (const word of Object.values(words[2]!)) expect(word).toMatch(/\p{sc=Han}/v);
  });

  test('in Chinese has Chinese words, amounts and the day as in every other language', () => {
    const document = buildInvoiceDocument(facts({ locale: 'zh-HK' }));
    expect(document).toMatchObject({
      locale: 'zh-Hant',
      labels: { invoice: '發票', dateForm: '{year}年{m}月{d}日' },
      issuedAt: '2026-11-21',
      total: '3,441.14',
    });
  });
});
