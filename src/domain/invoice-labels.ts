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
};

/** A further language is one more entry here; the page takes its direction from the language by itself. */
const LABELS = { en: ENGLISH, ar: ARABIC } as const;

export type InvoiceLocale = keyof typeof LABELS;

export function labelsOf(locale: InvoiceLocale): InvoiceLabels {
  return LABELS[locale];
}

/** The language an invoice is printed in for somebody's locale: `ar-EG` is `ar`; a language we have no words for is `en`. */
export function invoiceLocaleOf(locale: string): InvoiceLocale {
  const language = locale.toLowerCase().split(/[-_]/)[0] ?? '';
  return isInvoiceLocale(language) ? language : 'en';
}

function isInvoiceLocale(language: string): language is InvoiceLocale {
  return Object.hasOwn(LABELS, language);
}
