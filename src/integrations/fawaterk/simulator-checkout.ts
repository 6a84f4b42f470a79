import { METHODS, cents, majorUnits, wallTime, type Invoice, type Ledger, type Method } from './simulator-model.ts';

/** invoiceInitPay and createInvoiceLink: the documented checks, and the invoice they make (payment-gateways.md 1.3). */

const CURRENCIES = ['EGP', 'USD', 'SR', 'AED', 'KWD', 'QAR', 'BHD'];
const FREQUENCIES = ['once', 'weekly', 'biweekly', 'monthly', 'quarterly'];
const FAWRY_DAYS = 4;

export type Faults = Record<string, string[]>;

type Fields = Readonly<Record<string, unknown>>;

/** @returns the invoice, or the complaints by field as the vendor words them. */
export function checkOut(ledger: Ledger, account: string, body: string, withMethod: boolean): Invoice | Faults {
  const fields = objectOf(parse(body));
  if (fields === null) return { cartTotal: ['The cart total field is required.'] };
  const faults: Faults = {};
  const complain = (field: string, text: string): void => void (faults[field] ??= []).push(text);
  const method = withMethod
    ? METHODS.find((one) => String(one.id) === String(fields['payment_method_id']))
    : METHODS[0];
  if (!method) complain('payment_method_id', 'The selected payment method id is invalid.');
  if (!CURRENCIES.includes(String(fields['currency']))) complain('currency', 'The selected currency is invalid.');
  const customer = checkCustomer(fields['customer'], method, complain);
  const total = checkCart(fields, complain);
  const redirects = objectOf(fields['redirectionUrls']) ?? {};
  for (const name of ['successUrl', 'failUrl', 'pendingUrl', 'webhookUrl']) {
    if (filled(redirects[name]) && URL.parse(String(redirects[name])) === null)
      complain(`redirectionUrls.${name}`, 'The format is invalid.');
  }
  checkOptional(fields, complain);
  if (Object.keys(faults).length > 0 || !method) return faults;
  return makeInvoice(ledger, account, { fields, method, customer, totalCents: total, redirects });
}

export function isInvoice(value: Invoice | Faults): value is Invoice {
  return typeof value['key'] === 'string';
}

type Complain = (field: string, text: string) => void;

function checkCustomer(value: unknown, method: Method | undefined, complain: Complain): Invoice['customer'] {
  const customer = objectOf(value) ?? {};
  const text = (name: string): string | null => (filled(customer[name]) ? String(customer[name]) : null);
  if (text('first_name') === null) complain('customer.first_name', 'The customer.first_name field is required.');
  if (text('last_name') === null) complain('customer.last_name', 'The customer.last_name field is required.');
  const email = text('email');
  if (email !== null && !/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(email))
    complain('customer.email', 'The customer.email must be a valid email address.');
  if (method?.name === 'Meeza' && text('phone') === null)
    complain('customer.phone', 'The customer.phone field is required.');
  return { firstName: text('first_name') ?? '', lastName: text('last_name') ?? '', email, phone: text('phone') };
}

/** The cart total is the sum of price times quantity, before shipping, tax and discount. */
function checkCart(fields: Fields, complain: Complain): number {
  const total = cents(fields['cartTotal']);
  if (total === null) complain('cartTotal', 'The cart total must be a number.');
  const items = Array.isArray(fields['cartItems']) ? fields['cartItems'].map(objectOf) : [];
  if (items.length === 0) complain('cartItems', 'The cart items field is required.');
  let sum = 0;
  items.forEach((item, index) => {
    const price = cents(item?.['price']);
    const quantity = String(item?.['quantity'] ?? '');
    if (!filled(item?.['name'])) complain(`cartItems.${index}.name`, 'The name field is required.');
    if (price === null) complain(`cartItems.${index}.price`, 'The price must be a number.');
    if (!/^[1-9]\d{0,8}$/.test(quantity)) complain(`cartItems.${index}.quantity`, 'The quantity must be at least 1.');
    sum += (price ?? 0) * Number(quantity);
  });
  if (total !== null && items.length > 0 && sum !== total)
    complain('cartTotal', "Your cart total doesn't match the items total.");
  return total ?? 0;
}

function checkOptional(fields: Fields, complain: Complain): void {
  const { due_date: due, frequency } = fields;
  if (filled(due) && !/^\d{4}-\d{2}-\d{2}$/.test(String(due)))
    complain('due_date', 'The due date does not match the format Y-m-d.');
  if (filled(frequency) && !FREQUENCIES.includes(String(frequency)))
    complain('frequency', 'The selected frequency is invalid.');
}

interface Checked {
  readonly fields: Fields;
  readonly method: Method;
  readonly customer: Invoice['customer'];
  readonly totalCents: number;
  readonly redirects: Fields;
}

function makeInvoice(ledger: Ledger, account: string, checked: Checked): Invoice {
  const nth = ledger.nextInvoice(account);
  const digits = (name: string): string =>
    BigInt(`0x${ledger.derive(account, `${name}:${nth}`).slice(0, 14)}`)
      .toString()
      .padStart(9, '0');
  const now = ledger.now(account);
  const text = (value: unknown): string | null => (filled(value) ? String(value) : null);
  const reference = !checked.method.redirect;
  const invoice: Invoice = {
    account,
    // Every account has a million numbers of its own, within 31 bits as the vendor's are.
    id: 1_000_000 * (1 + (Number.parseInt(ledger.derive(account, 'numbers').slice(0, 8), 16) % 2_000)) + nth,
    key: Buffer.from(ledger.derive(account, `key:${nth}`), 'hex')
      .toString('base64')
      .replace(/[^A-Za-z0-9]/g, '')
      .slice(0, 15),
    method: { id: checked.method.id, name: checked.method.name },
    currency: String(checked.fields['currency']),
    totalCents: checked.totalCents,
    customer: checked.customer,
    payLoad: checked.fields['payLoad'] ?? null,
    successUrl: text(checked.redirects['successUrl']),
    failUrl: text(checked.redirects['failUrl']),
    webhookUrl: text(checked.redirects['webhookUrl']),
    code: reference ? `9${digits('code').slice(0, 8)}` : null,
    createdAt: wallTime(now),
    expireDate: reference ? wallTime(new Date(now.getTime() + FAWRY_DAYS * 86_400_000)) : null,
    state: 'unpaid',
    paidCents: null,
    paidCurrency: null,
    paidAt: null,
    attempts: [],
  };
  ledger.save(invoice);
  return invoice;
}

/** `payment_data`, which differs by method. */
export function paymentData(invoice: Invoice, payPage: string): Fields {
  if (invoice.method.name === 'Fawry') return { fawryCode: invoice.code, expireDate: invoice.expireDate };
  if (invoice.method.name === 'Meeza') {
    const amount = majorUnits(invoice.totalCents);
    return {
      meezaReference: Number(invoice.code),
      meezaQrCode: `00020101021226${invoice.code ?? ''}5303818540${amount.length}${amount}5802EG`,
    };
  }
  return { redirectTo: payPage };
}

export function objectOf(value: unknown): Fields | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : null;
}

export function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function filled(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '';
}
