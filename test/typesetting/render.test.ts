import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import type { InvoiceDocument } from '../../src/domain/invoice.ts';
import type { Logo } from '../../src/domain/logo.ts';
import { createInvoiceRenderer } from '../../src/typesetting/render.ts';
import { arabicInvoice, chineseInvoice, invoice, logoOf, logoPicture, withLogo } from './documents.ts';
import { joined, squeezed, textRunsOf } from './pdfText.ts';
import type { TextRun } from './pdfText.ts';

const renderer = createInvoiceRenderer();
afterAll(() => renderer.close());

/** Written down before there was a layout 2: what customers have from then must never look different. */
const STORED: Readonly<Record<string, { readonly sha256: string; readonly document: InvoiceDocument }>> = JSON.parse(
  await readFile(new URL('stored/layout-1.json', import.meta.url), 'utf8'),
);

const MIXED = [
  'Room at فندق النيل, Cairo',
  'رحلة إلى Sharm El-Sheikh (3 أيام) يوم 2026-12-01 هاتف +20-100-555',
  '台北 101 觀景台',
];

const ARABIC_LABELS = ['الإصدار', 'الوحدة', 'الضريبة', 'الإجمالي', 'المستحق', 'ملاحظات', 'مدفوعة'];

// pdf.js takes letters that the font stacks on one another for lines of their own; poppler finds this word too.
const STACKED = ['سجل'];

/** What travel is sold with, for measuring. */
const ARABIC_WORDS =
  'غرفة مزدوجة مفردة مطلة على البحر مع الإفطار والعشاء ليلتان في فندق النيل بالقاهرة نقل من المطار إلى الجيزة والأقصر وأسوان ' +
  'رحلة نيلية يومية مرشد سياحي يتحدث العربية والصينية تذكرة طيران ذهاب وعودة تأشيرة دخول تأمين سفر لمدة أسبوع حجز مؤكد إلغاء ' +
  'مجاني قبل ثلاثة أيام ضريبة القيمة المضافة خصم نقدي محمد أحمد فاطمة الزهراء عبد الرحمن لؤلؤة شرم الشيخ الغردقة سجل تجاري ' +
  'حي المهندسين شارع جامعة الدول مستحق مدفوع متحف الحجز';

async function render(document: InvoiceDocument): Promise<TextRun[][]> {
  return textRunsOf(await renderer.render(document));
}

function find(runs: readonly TextRun[] | undefined, text: string): TextRun {
  const run = runs?.find((candidate) => candidate.text === text);
  if (run === undefined) throw new Error(`nothing on the page says ${text}`);
  return run;
}

describe('the same document', () => {
  test('gives the same bytes twice, whatever else was rendered between and in which order its keys come', async () => {
    const document = arabicInvoice(MIXED);
    const first = await renderer.render(document);
    await renderer.render(invoice(['Something else']));
    const reversed = JSON.parse(JSON.stringify(document), (_key, value: unknown) =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).toReversed())
        : value,
    ) as InvoiceDocument;
    expect(Object.keys(reversed)).not.toEqual(Object.keys(document));
    expect(Buffer.compare(first, await renderer.render(reversed))).toBe(0);
  });

  test('gives the same bytes in a fresh process, elsewhere, with fonts of the same name on the machine', async () => {
    const document = arabicInvoice(MIXED);
    const home = await homeWithDecoyFont();
    try {
      const hex = await renderInFreshProcess(document, { HOME: home, TZ: 'Pacific/Auckland', LANG: 'ar_EG.UTF-8' });
      expect(hex).toBe(Buffer.from(await renderer.render(document)).toString('hex'));
    } finally {
      await rm(home, { recursive: true });
    }
  });

  test('another one gives other bytes', async () => {
    const [first, second] = [invoice(['Room']), invoice(['Rooms'])];
    expect(Buffer.compare(await renderer.render(first), await renderer.render(second))).not.toBe(0);
  });
});

describe('an English page', () => {
  test('says everything the document says, to the letter', async () => {
    const document = invoice(['Deluxe room, sea view', 'Transfer Cairo to Giza']);
    const pages = await render(document);
    expect(pages).toHaveLength(1);
    const text = joined(pages[0] ?? []);
    for (const part of stringsOf({ ...document, labels: null, locale: null, mark: null, kind: null })) {
      expect(text).toContain(squeezed(part));
    }
    expect(text).toContain('EGP4,307.19');
    expect(text).toContain('PAID');
    expect(text).toContain('Page1of1');
  });

  test('shows an open invoice without the mark, and a credit note with its own words', async () => {
    const open = joined((await render(invoice(['Room'], { amountPaidMinor: 0n })))[0] ?? []);
    expect(open).not.toContain('PAID');
    const note = { kind: 'CREDIT_NOTE', number: 'CN-000001', creditedInvoiceNumber: 'INV-000123' } as const;
    const text = joined((await render(invoice(['Room'], note)))[0] ?? []);
    for (const part of ['Creditnote', 'CN-000001', 'INV-000123', 'REFUNDED', 'Amountrefunded'])
      expect(text).toContain(part);
    expect(text).not.toContain('Amountdue');
  });

  test('embeds every font it uses', async () => {
    const raw = Buffer.from(await renderer.render(invoice(MIXED))).toString('latin1');
    const descriptors = raw.match(/\/Type\s*\/FontDescriptor/g) ?? [];
    expect(descriptors.length).toBeGreaterThanOrEqual(3);
    expect(raw.match(/\/FontFile[23]? /g)).toHaveLength(descriptors.length);
  });
});

describe('an Arabic page', () => {
  test('is mirrored: the description stands on the right and the sums on the left', async () => {
    const columns = ['Room', '1', '1,250.50', '14%'];
    const leftEdges = (runs: readonly TextRun[] | undefined): number[] => columns.map((text) => find(runs, text).x);
    const ascending = (edges: readonly number[]): number[] => edges.toSorted((a, b) => a - b);
    const [[english], [arabic]] = await Promise.all([render(invoice(['Room'])), render(arabicInvoice(['Room']))]);
    expect(leftEdges(english)).toEqual(ascending(leftEdges(english)));
    expect(leftEdges(arabic)).toEqual(ascending(leftEdges(arabic)).toReversed());
    expect(find(arabic, 'EGP 0.00').x).toBeLessThan(find(arabic, 'Room').x);
  });

  test('keeps figures, dates, telephone numbers and Latin words in their own order', async () => {
    const document = arabicInvoice(MIXED);
    const [page = []] = await render(document);
    const figures = [document.total, document.amountDue].map((amount) => `EGP ${amount}`);
    const others = [
      'INV-000123',
      '2026-11-21',
      'ORD-000456',
      '498-221-773',
      'mona.hassan@example.test',
      '2026-12-01',
      '+20-100-555',
    ];
    for (const text of [...figures, ...others]) find(page, text);
    expect(joined(page)).toContain('SharmEl-Sheikh');
  });

  test('can be searched: its Arabic words are found as they were written', async () => {
    const document = arabicInvoice(MIXED);
    const text = (await render(document))[0]?.map((run) => run.text).join(' ') ?? '';
    const written = new Set(
      stringsOf({ ...document, labels: null })
        .join(' ')
        .match(/[\p{Script=Arabic}&&\p{L}]+/gv),
    );
    expect(written.size).toBeGreaterThan(20);
    const lost = [...written, ...ARABIC_LABELS].filter((word) => !text.includes(word));
    expect(lost).toEqual(STACKED);
  });
});

describe('text taken out of a page', () => {
  test('is in Latin, digits and Chinese exactly what was written, beside Arabic too', async () => {
    const written = [
      'Crème brûlée & Co. №7 – "A/B" 100% #12',
      '第 3 航廈：接送（來回）、保險',
      'O’Neil + Søn 1,234.50 台北 101',
    ];
    for (const make of [invoice, arabicInvoice, chineseInvoice]) {
      const text = joined((await render(make(written))).flat());
      for (const line of written) expect(text).toContain(squeezed(line));
    }
  });

  test('is in Arabic what was written, but for letters that the font stacks on one another', async () => {
    const words = ARABIC_WORDS.split(' ');
    const lines = Array.from({ length: Math.ceil(words.length / 6) }, (_, index) =>
      words.slice(index * 6, index * 6 + 6),
    );
    const pages = await render(arabicInvoice(lines.map((line) => line.join(' '))));
    const text = pages.flat().map((run) => run.text);
    expect(words).toHaveLength(72);
    // Three of 72: jim and its like under the letter before it; pdf.js takes the two for lines of their own.
    expect(words.filter((word) => !text.join(' ').includes(word))).toEqual(['الجيزة', 'مجاني', 'سجل']);
  });
});

describe('a page in Traditional Chinese', () => {
  test('says everything the document says, to the letter, and the day as its readers write it', async () => {
    const document = chineseInvoice([
      '海景雙人房，含早餐，兩晚',
      '台北 101 觀景台 Observatory',
      '接送——「第二航廈」…（中文）',
    ]);
    const pages = await render(document);
    expect(pages).toHaveLength(1);
    const text = joined(pages[0] ?? []);
    const shown = { ...document, labels: null, locale: null, mark: null, kind: null, issuedAt: '2026年11月21日' };
    for (const part of stringsOf(shown)) expect(text).toContain(squeezed(part));
    for (const part of ['發票', '已付款', '統一編號：24536806', 'TWD8,675.35', '第1頁，共1頁'])
      expect(text).toContain(part);
    expect(text).not.toContain('2026-11-21');
  });

  test('is laid out from the left, as an English one', async () => {
    const [page] = await render(chineseInvoice(['雙人房']));
    const edges = ['雙人房', '1', '1,250.50', '14%'].map((text) => find(page, text).x);
    expect(edges).toEqual(edges.toSorted((a, b) => a - b));
  });
});

describe('one line of Arabic, Chinese, Latin and digits', () => {
  test.each([
    ['an English', invoice],
    ['an Arabic', arabicInvoice],
    ['a Chinese', chineseInvoice],
  ])('keeps each of them whole on %s page', async (_what, make) => {
    const [page = []] = await render(make(['Tour رحلة 台北 101 يوم 2026-12-01 (50%)']));
    const { y } = find(page, '2026-12-01');
    const line = page.filter((run) => Math.abs(run.y - y) < 1).map(({ text }) => text);
    for (const part of ['Tour', 'رحلة', '台北', '101', 'يوم', '50%']) expect(line.join(' ')).toContain(part);
  });
});

describe('a picture', () => {
  test('is part of the bytes: another picture of the same size gives another page, and the same one the same', async () => {
    const [one, other] = [logoOf(logoPicture('image/png', 60, 60)), logoOf(logoPicture('image/jpeg', 60, 60))];
    const bytes = (logo: Logo) => renderer.render(withLogo(invoice(['Room']), logo), logo.content);
    const [first, second, third] = [await bytes(one), await bytes(other), await bytes(one)];
    expect(Buffer.compare(first, second)).not.toBe(0);
    expect(Buffer.compare(first, third)).toBe(0);
  });

  test('of one document is not on the next', async () => {
    const bare = await renderer.render(invoice(['Room']));
    const logo = logoOf(logoPicture());
    await renderer.render(withLogo(invoice(['Room']), logo), logo.content);
    expect(Buffer.compare(bare, await renderer.render(invoice(['Room'])))).toBe(0);
  });

  test('that cannot be drawn is left out, because the invoice must be had; one that is not given is a defect', async () => {
    const logo = logoOf(logoPicture());
    const broken = withLogo(invoice(['Room']), logo);
    const bytes = await renderer.render(broken, Buffer.from('not a picture'));
    expect(Buffer.compare(bytes, await renderer.render(invoice(['Room'])))).toBe(0);
    await expect(renderer.render(broken)).rejects.toMatchObject({ code: 'INTERNAL' });
  });
});

describe('a document of layout 1', () => {
  test.each(Object.entries(STORED))('(%s) still gives the bytes it gave when it was issued', async (_name, stored) => {
    expect(stored.document.layout).toBe(1);
    const bytes = await renderer.render(stored.document);
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(stored.sha256);
  });
});

describe('what people wrote', () => {
  test('is text, never markup', async () => {
    const name =
      '#panic() *bold* _it_ $x$ <script>alert(1)</script> `raw` @ref [a] {b} "q" \\ // c /* d */ #sys.inputs -- ...';
    const document = invoice(
      ['#set text(size: 99pt)', '= Heading', '#eval("1+1") \\u{202E} <a> \\n', "'; drop table invoices; --"],
      {
        customer: { name, email: '#read("/etc/passwd")' },
        tenant: {
          name: '#import "x"',
          addressLines: ['- list', '+ enum', '/ term: x'],
          legalText: '#pagebreak()',
          taxId: '#1',
        },
        notes: '#context here()\n#include "invoice-1.typ"',
      },
    );
    const pages = await render(document);
    expect(pages).toHaveLength(1);
    const text = joined(pages[0] ?? []);
    for (const part of stringsOf({ ...document, labels: null, locale: null, mark: null, kind: null })) {
      expect(text).toContain(squeezed(part));
    }
  });

  test('stays inside its own paragraph, whatever direction it has, and wraps however long it is', async () => {
    const word = 'ultramicroscopic'.repeat(20);
    const pages = await render(
      invoice([word, '\u200F'.repeat(5) + 'علي'], {
        customer: { name: 'W'.repeat(300), email: `${'e'.repeat(200)}@example.test` },
      }),
    );
    const runs = pages.flat();
    expect(joined(runs)).toContain(word);
    expect(joined(runs)).toContain('W'.repeat(300));
    for (const { x } of runs) expect(x).toBeLessThan(540);
    find(runs, 'INV-000123');
  });
});

describe('an invoice of 200 lines', () => {
  test('has its heading, its number and its place on every page, and the sums once', async () => {
    const pages = await render(invoice(Array.from({ length: 200 }, (_, index) => `Line number ${index + 1}.`)));
    expect(pages).toHaveLength(6);
    for (const [index, page] of pages.entries()) {
      const text = joined(page);
      expect(text).toContain('Description');
      expect(text).toContain('INV-000123');
      expect(text).toContain(`Page${index + 1}of6`);
    }
    const whole = joined(pages.flat());
    for (let index = 1; index <= 200; index += 1) expect(whole).toContain(`Linenumber${index}.`);
    expect(whole.split('Subtotal')).toHaveLength(2);
  });
});

function stringsOf(value: unknown): string[] {
  if (typeof value === 'string') return value.split('\n');
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsOf) : [];
}

/** A home whose own "Noto Sans Regular" is really the black cut: only its weight in the OS/2 table says 400. */
async function homeWithDecoyFont(): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'portolan-fonts-'));
  const path = join(home, '.fonts', 'decoy.ttf');
  await mkdir(join(home, '.fonts'));
  await copyFile(
    fileURLToPath(import.meta.resolve('@expo-google-fonts/noto-sans/900Black/NotoSans_900Black.ttf')),
    path,
  );
  const file = await open(path, 'r+');
  const { buffer } = await file.read(Buffer.alloc(2048), 0, 2048, 0);
  const tableOffset = buffer.readUInt32BE(buffer.indexOf('OS/2') + 8);
  await file.write(Buffer.from([0x01, 0x90]), 0, 2, tableOffset + 4);
  await file.close();
  return home;
}

async function renderInFreshProcess(document: InvoiceDocument, env: Record<string, string>): Promise<string> {
  const program = `
    const { createInvoiceCompiler } = await import(process.argv[1]);
    console.log(Buffer.from(createInvoiceCompiler().compile(JSON.parse(process.argv[2]))).toString('hex'));`;
  const compile = new URL('../../src/typesetting/compile.ts', import.meta.url).href;
  const options = { cwd: tmpdir(), env, maxBuffer: 16 * 1024 * 1024 };
  const started = promisify(execFile)(
    process.execPath,
    ['--input-type=module', '-e', program, compile, JSON.stringify(document)],
    options,
  );
  return (await started).stdout.trim();
}
