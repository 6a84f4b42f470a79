/**
 * The fixed words of an invoice in every language it is printed in. They are copied into the document when it is issued
 * (COM-11: immutable), so that a word improved here never changes a page that a customer already has.
 */

export interface InvoiceLabels {
  readonly invoice: string;
  readonly creditNote: string;
  readonly number: string;
  readonly issuedAt: string;
  readonly orderNumber: string;
  readonly creditedInvoice: string;
  readonly billTo: string;
  readonly taxId: string;
  readonly description: string;
  readonly quantity: string;
  readonly unitPrice: string;
  readonly taxRate: string;
  readonly lineTotal: string;
  readonly net: string;
  readonly tax: string;
  readonly subtotal: string;
  readonly total: string;
  readonly amountPaid: string;
  readonly amountRefunded: string;
  readonly amountDue: string;
  readonly pricesIncludeTax: string;
  readonly notes: string;
  readonly paid: string;
  readonly refunded: string;
  /** `{page}` and `{pages}` are replaced when the page is laid out. */
  readonly pageOfPages: string;
  /** `{year}` and `{month}` and `{day}` with two digits each, or `{m}` and `{d}` with as many as they need. Layout 2 on. */
  readonly dateForm: string;
}

const ENGLISH: InvoiceLabels = {
  invoice: 'Invoice',
  creditNote: 'Credit note',
  number: 'Number',
  issuedAt: 'Date of issue',
  orderNumber: 'Order',
  creditedInvoice: 'For invoice',
  billTo: 'Bill to',
  taxId: 'Tax ID',
  description: 'Description',
  quantity: 'Quantity',
  unitPrice: 'Unit price',
  taxRate: 'Tax rate',
  lineTotal: 'Amount',
  net: 'Net',
  tax: 'Tax',
  subtotal: 'Subtotal',
  total: 'Total',
  amountPaid: 'Amount paid',
  amountRefunded: 'Amount refunded',
  amountDue: 'Amount due',
  pricesIncludeTax: 'Prices include tax.',
  notes: 'Notes',
  paid: 'Paid',
  refunded: 'Refunded',
  pageOfPages: 'Page {page} of {pages}',
  dateForm: '{year}-{month}-{day}',
};

const ARABIC: InvoiceLabels = {
  invoice: 'فاتورة',
  creditNote: 'إشعار دائن',
  number: 'الرقم',
  issuedAt: 'تاريخ الإصدار',
  orderNumber: 'رقم الطلب',
  creditedInvoice: 'عن الفاتورة',
  billTo: 'فاتورة إلى',
  taxId: 'الرقم الضريبي',
  description: 'البيان',
  quantity: 'الكمية',
  unitPrice: 'سعر الوحدة',
  taxRate: 'نسبة الضريبة',
  lineTotal: 'المبلغ',
  net: 'الصافي',
  tax: 'الضريبة',
  subtotal: 'المجموع قبل الضريبة',
  total: 'الإجمالي',
  amountPaid: 'المبلغ المدفوع',
  amountRefunded: 'المبلغ المسترد',
  amountDue: 'المبلغ المستحق',
  pricesIncludeTax: 'الأسعار شاملة الضريبة.',
  notes: 'ملاحظات',
  paid: 'مدفوعة',
  refunded: 'مستردة',
  pageOfPages: 'صفحة {page} من {pages}',
  dateForm: '{year}-{month}-{day}',
};

const TRADITIONAL_CHINESE: InvoiceLabels = {
  invoice: '發票',
  creditNote: '折讓單',
  number: '號碼',
  issuedAt: '開立日期',
  orderNumber: '訂單',
  creditedInvoice: '原發票',
  billTo: '客戶',
  taxId: '統一編號',
  description: '項目',
  quantity: '數量',
  unitPrice: '單價',
  taxRate: '稅率',
  lineTotal: '金額',
  net: '未稅金額',
  tax: '稅額',
  subtotal: '小計',
  total: '總計',
  amountPaid: '已付金額',
  amountRefunded: '退款金額',
  amountDue: '應付金額',
  pricesIncludeTax: '價格含稅。',
  notes: '備註',
  paid: '已付款',
  refunded: '已退款',
  pageOfPages: '第 {page} 頁，共 {pages} 頁',
  dateForm: '{year}年{m}月{d}日',
};

/** A further language is one more entry here; the page takes its direction from the language by itself. */
const LABELS = { en: ENGLISH, ar: ARABIC, 'zh-Hant': TRADITIONAL_CHINESE } as const;

export type InvoiceLocale = keyof typeof LABELS;

export function labelsOf(locale: InvoiceLocale): InvoiceLabels {
  return LABELS[locale];
}

/** Who reads simplified characters; all other Chinese is set in the traditional ones. */
const SIMPLIFIED_CHINESE: ReadonlySet<string> = new Set(['hans', 'cn', 'sg', 'my']);

/**
 * The language an invoice is printed in for somebody's locale: `ar-EG` is `ar`; `zh`, `zh-TW` and `zh-HK` are `zh-Hant`;
 * a language (or a way to write one, such as `zh-Hans`) we have no words for is `en`.
 */
export function invoiceLocaleOf(locale: string): InvoiceLocale {
  const [language = '', ...rest] = locale.toLowerCase().split(/[-_]/);
  if (language === 'ar') return 'ar';
  if (language !== 'zh') return 'en';
  // A script that is named says more than the place: zh-Hant-CN is traditional.
  const isSimplified = !rest.includes('hant') && rest.some((part) => SIMPLIFIED_CHINESE.has(part));
  return isSimplified ? 'en' : 'zh-Hant';
}
