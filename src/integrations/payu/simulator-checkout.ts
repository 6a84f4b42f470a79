import { majorUnits } from '../simulator/account-clock.ts';
import { escape, page } from '../simulator/page.ts';
import type { SimulatorAnswer } from '../simulator/types.ts';
import { centsOf, numbered, wallTime, type Ledger, type Payment } from './simulator-model.ts';
import { formHash, readPosted } from './simulator-signature.ts';

/** POST /_payment: the documented checks, and the hosted page behind them (payment-gateways.md 3.2, 3.3). */

const MANDATORY = ['key', 'txnid', 'amount', 'productinfo', 'firstname', 'email', 'surl', 'furl', 'hash'];

const LENGTHS: Readonly<Record<string, number>> = { txnid: 25, productinfo: 100, firstname: 60, email: 50 };

const UDFS = ['udf1', 'udf2', 'udf3', 'udf4', 'udf5'];

const ECHOED = [
  ...['productinfo', 'firstname', 'lastname', 'address1', 'address2', 'city', 'state', 'country', 'zipcode', 'email'],
  ...['phone', ...UDFS, 'surl', 'curl', 'furl'],
];

type Fields = ReadonlyMap<string, string>;

/** @returns the payment, or the page that refuses it. */
export function checkOut(ledger: Ledger, account: string | null, body: string): Payment | SimulatorAnswer {
  const fields = readPosted(body);
  const salt = account === null ? undefined : ledger.account(account)?.salt;
  if (account === null || salt === undefined) return refused('The merchant key is not known');
  const complaint = complaintAbout(fields);
  if (complaint !== null) return refused(complaint);
  if (fields.get('hash') !== formHash(fields, salt)) return refused('The hash does not match');
  const attempts = ledger.byTxnid(account, fields.get('txnid') ?? '');
  const isPaid = attempts.some((one) => ledger.stage(one).status === 'success');
  return isPaid ? refused('The txnid was used for a successful payment') : makePayment(ledger, account, fields);
}

export function isPayment(value: Payment | SimulatorAnswer): value is Payment {
  return 'txnid' in value;
}

function complaintAbout(fields: Fields): string | null {
  const missing = MANDATORY.find((name) => (fields.get(name) ?? '') === '');
  if (missing !== undefined) return `The mandatory parameter ${missing} is missing`;
  if (fields.get('api_version') === '19') return 'The recipe of api_version 19 is not simulated';
  const long = Object.entries(LENGTHS).find(([name, max]) => (fields.get(name) ?? '').length > max);
  if (long) return `The parameter ${long[0]} is longer than ${long[1]} characters`;
  const longUdf = UDFS.find((name) => (fields.get(name) ?? '').length > 255);
  if (longUdf) return `The parameter ${longUdf} is longer than 255 characters`;
  const barred = [...Object.keys(LENGTHS), ...UDFS].find((name) => fields.get(name)?.includes('|'));
  if (barred !== undefined) return `The parameter ${barred} has a bar in it`;
  if (!centsOf(fields.get('amount') ?? '')) return 'The amount is no amount';
  const broken = ['surl', 'furl'].find((name) => URL.parse(fields.get(name) ?? '') === null);
  return broken === undefined ? null : `The parameter ${broken} is no address`;
}

function makePayment(ledger: Ledger, account: string, fields: Fields): Payment {
  const number = numbered(ledger, account, 'payments');
  const at = ledger.now(account);
  const payment: Payment = {
    account,
    id: `403993${number}`,
    key: ledger.derive(account, `page:${number}`).slice(0, 32),
    txnid: fields.get('txnid') ?? '',
    cents: centsOf(fields.get('amount') ?? '') ?? 0,
    chargesCents: 0,
    posted: Object.fromEntries(ECHOED.map((name) => [name, fields.get(name) ?? ''])),
    surl: fields.get('surl') ?? '',
    furl: fields.get('furl') ?? '',
    addedOn: wallTime(at),
    stages: [{ at: at.toISOString(), status: 'pending', unmapped: 'initiated' }],
    captureId: `13${number}`,
    refunds: [],
  };
  ledger.save(payment);
  return payment;
}

function refused(text: string): SimulatorAnswer {
  return page(400, 'Error', `<h1>The payment could not be started</h1><p>${escape(text)}.</p>`);
}

export function payPage(payment: Payment, isOpen: boolean): SimulatorAnswer {
  const { productinfo = '', firstname = '' } = payment.posted;
  const rows: [string, string][] = [
    ['Purchase', productinfo],
    ['Transaction', payment.txnid],
    ['Buyer', firstname],
    ['State', isOpen ? 'Waiting for payment' : 'Closed'],
  ];
  const buttons = [
    ['pay', 'Pay'],
    ['fail', 'Fail'],
    ['expire', 'Let it expire'],
  ];
  const form = buttons.map(([value, text]) => `<button name="action" value="${value}">${text}</button>`).join('');
  const body = `<h1>Pay with PayU</h1>
<p class="amount">₹ ${majorUnits(payment.cents)}</p>
<dl>${rows.map(([name, value]) => `<dt>${escape(name)}</dt><dd>${escape(value)}</dd>`).join('')}</dl>
${isOpen ? `<form method="post">${form}</form>` : ''}
<p class="note">This is a sandbox: no money moves.</p>`;
  return page(200, 'Pay with PayU', body);
}

/** What sends the buyer's browser back: a form that posts itself, with a button where scripts are off. */
export function returnPage(action: string, fields: ReadonlyMap<string, string>): SimulatorAnswer {
  const inputs = [...fields].map(
    ([name, value]) => `<input type="hidden" name="${escape(name)}" value="${escape(value)}">`,
  );
  const body = `<h1>Back to the shop</h1>
<form method="post" action="${escape(action)}">${inputs.join('')}<button>Continue</button></form>`;
  return page(200, 'Back to the shop', body, 'document.forms[0].submit()');
}
