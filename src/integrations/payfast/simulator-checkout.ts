import type { SimulatorAnswer } from '../simulator/types.ts';
import { majorUnits } from '../simulator/account-clock.ts';
import { escape, page } from '../simulator/page.ts';
import type { Account, Ledger, Payment } from './simulator-model.ts';
import { orderedSignature, parameters, readForm, type Pair } from './simulator-signature.ts';

/** POST /eng/process: the documented checks, and the checkout they make (payment-gateways.md 2.3, 2.4). */

function words(text: string): string[] {
  return text.split(' ');
}

function numbered(name: string): string[] {
  return [1, 2, 3, 4, 5].map((number) => `${name}${number}`);
}

const ORDER = [
  ...words('merchant_id merchant_key return_url cancel_url notify_url fica_idnumber name_first name_last'),
  ...words('email_address cell_number m_payment_id amount item_name item_description'),
  ...numbered('custom_int'),
  ...numbered('custom_str'),
  ...words('email_confirmation confirmation_address currency payment_method subscription_type billing_date'),
  ...words('recurring_amount frequency cycles subscription_notify_email subscription_notify_webhook'),
  'subscription_notify_buyer',
];

const LENGTHS: Readonly<Record<string, number>> = { m_payment_id: 100, item_name: 100, item_description: 255 };

const LEAST_CENTS = 500;

/** @returns the checkout, or the page that refuses it. */
export function checkOut(ledger: Ledger, accountId: string | null, body: string): Payment | SimulatorAnswer {
  const pairs = readForm(body);
  const fields = new Map(pairs.map(([name, value]) => [name, value.trim()]));
  const account = accountId === null ? undefined : ledger.account(accountId);
  if (accountId === null || !account) return refused('Merchant ID is invalid');
  if (fields.get('merchant_key') !== account.merchantKey) return refused('Merchant key is invalid');
  if (!isSigned(pairs, account)) return refused('Generated signature does not match submitted signature');
  const complaint = complaintAbout(fields);
  return complaint === null ? makePayment(ledger, accountId, account, fields) : refused(complaint);
}

export function isPayment(value: Payment | SimulatorAnswer): value is Payment {
  return 'merchantPaymentId' in value;
}

/** Over the posted fields in their order, which has to be the documented one; `setup` is sent and not signed. */
function isSigned(pairs: readonly Pair[], account: Account): boolean {
  const signed = pairs
    .filter(([name]) => name !== 'signature' && name !== 'setup')
    .map(([name, value]): Pair => [name, value.trim()])
    .filter(([, value]) => value !== '');
  const places = signed.map(([name]) => ORDER.indexOf(name));
  const inOrder = places.every((place, index) => place > (places[index - 1] ?? -1));
  const given = pairs.find(([name]) => name === 'signature')?.[1];
  return inOrder && given === orderedSignature(parameters(signed), account.passphrase);
}

function complaintAbout(fields: ReadonlyMap<string, string>): string | null {
  const missing = ['amount', 'item_name'].find((name) => (fields.get(name) ?? '') === '');
  if (missing !== undefined) return `The ${missing} field is required`;
  if (!/^\d{1,9}\.\d{2}$/.test(fields.get('amount') ?? '')) return 'The amount format is invalid';
  if (centsOf(fields) < LEAST_CENTS) return 'The amount is below the minimum of R5.00';
  const long = Object.entries(LENGTHS).find(([name, max]) => (fields.get(name) ?? '').length > max);
  if (long) return `The ${long[0]} may not be greater than ${long[1]} characters`;
  const broken = ['return_url', 'cancel_url', 'notify_url'].find(
    (name) => fields.get(name) && URL.parse(fields.get(name) ?? '') === null,
  );
  return broken === undefined ? null : `The ${broken} format is invalid`;
}

function centsOf(fields: ReadonlyMap<string, string>): number {
  return Number((fields.get('amount') ?? '').replace('.', ''));
}

function makePayment(
  ledger: Ledger,
  accountId: string,
  account: Account,
  fields: ReadonlyMap<string, string>,
): Payment {
  const nth = ledger.nextPayment(accountId);
  const text = (name: string): string => fields.get(name) ?? '';
  const payment: Payment = {
    account: accountId,
    // Every account has a million numbers of its own.
    id: 1_000_000 * (1 + (Number.parseInt(ledger.derive(accountId, 'numbers').slice(0, 8), 16) % 2_000)) + nth,
    key: ledger.derive(accountId, `page:${nth}`).slice(0, 32),
    merchantPaymentId: text('m_payment_id'),
    amountCents: centsOf(fields),
    itemName: text('item_name'),
    itemDescription: text('item_description'),
    strings: numbered('custom_str').map(text),
    integers: numbered('custom_int').map(text),
    nameFirst: text('name_first'),
    nameLast: text('name_last'),
    email: text('email_address'),
    returnUrl: text('return_url') || null,
    cancelUrl: text('cancel_url') || null,
    notifyUrl: text('notify_url') || account.notifyUrl || null,
    state: 'open',
    grossCents: null,
    feeCents: null,
    currency: 'ZAR',
    paidAt: null,
    paidOn: null,
    attempts: [],
    refunds: [],
  };
  ledger.save(payment);
  return payment;
}

function refused(text: string): SimulatorAnswer {
  return page(400, 'Bad Request', `<h1>400 Bad Request</h1><p>${escape(text)}</p>`);
}

export function payPage(payment: Payment, note = ''): SimulatorAnswer {
  const rows: [string, string][] = [
    ['Item', payment.itemName],
    ['Reference', payment.merchantPaymentId],
    ['Buyer', `${payment.nameFirst} ${payment.nameLast}`],
    ['State', payment.state === 'open' ? 'Waiting for payment' : 'Paid'],
  ];
  const buttons = [
    ['pay', 'Pay'],
    ['fail', 'Fail'],
    ['pending', 'Pay by EFT, later'],
    ['cancel', 'Cancel'],
  ];
  const form = buttons.map(([value, text]) => `<button name="action" value="${value}">${text}</button>`).join('');
  const body = `<h1>Pay with PayFast</h1>
<p class="amount">R ${majorUnits(payment.amountCents)}</p>
<dl>${rows.map(([name, value]) => `<dt>${escape(name)}</dt><dd>${escape(value)}</dd>`).join('')}</dl>
${note === '' ? '' : `<p>${escape(note)}</p>`}
${payment.state === 'open' ? `<form method="post">${form}</form>` : ''}
<p class="note">This is a sandbox: no money moves.</p>`;
  return page(200, 'Pay with PayFast', body);
}
