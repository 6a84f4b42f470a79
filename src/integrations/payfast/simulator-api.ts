import { majorUnits } from '../simulator/account-clock.ts';
import { json, wrongMethod } from '../simulator/answer.ts';
import type { SimulatorAnswer, SimulatorRequest } from '../simulator/types.ts';
import { refundedCents, wallTime, type Account, type Ledger, type Payment } from './simulator-model.ts';
import { alphabeticalSignature, readForm } from './simulator-signature.ts';
import { statement } from './simulator-statement.ts';

/** The vendor's REST API (payment-gateways.md 2.2, 2.6, 2.8): signature first, then the call. */

const DRIFT_MS_MAX = 15 * 60_000;

export const API_OPERATIONS: readonly { method: string; path: RegExp; operation: string }[] = [
  { method: 'GET', path: /^\/ping$/, operation: 'ping' },
  { method: 'GET', path: /^\/refunds\/query\/([\w-]+)$/, operation: 'refundQuery' },
  { method: 'GET', path: /^\/refunds\/([\w-]+)$/, operation: 'refundRead' },
  { method: 'POST', path: /^\/refunds\/([\w-]+)$/, operation: 'refundCreate' },
  { method: 'GET', path: /^\/transactions\/history$/, operation: 'history' },
];

export function operationOf(request: SimulatorRequest): { operation: string; id: string } | null {
  for (const { method, path, operation } of API_OPERATIONS) {
    const match = path.exec(request.path);
    if (match && method === request.method) return { operation, id: match[1] ?? '' };
  }
  return null;
}

export function performApi(ledger: Ledger, accountId: string | null, request: SimulatorRequest): SimulatorAnswer {
  const asked = operationOf(request);
  if (asked === null) {
    return API_OPERATIONS.some(({ path }) => path.test(request.path))
      ? wrongMethod()
      : failure(404, 'Service / endpoint not found');
  }
  const account = accountId === null ? undefined : ledger.account(accountId);
  const body = variablesOf(request);
  const refused = refusalOf(request, account, body, ledger.realNow());
  if (refused !== null || accountId === null || !account) return refused ?? failure(401, 'Merchant not found');
  ledger.countCall(accountId);
  if (asked.operation === 'ping') {
    return json(200, request.query.get('testing') === 'true' ? 'API V1' : 'Payfast API');
  }
  if (asked.operation === 'history') {
    const text = statement(ledger, accountId, account, request.query);
    return text === null
      ? failure(400, 'Required variables not present in request')
      : { status: 200, headers: { 'content-type': 'text/csv; charset=UTF-8' }, body: text };
  }
  const payment = ledger.payment(accountId, asked.id);
  if (!payment || payment.grossCents === null) return failure(404, 'Transaction not found');
  if (asked.operation === 'refundQuery') return json(200, refundOptions(payment, account));
  if (asked.operation === 'refundRead') return success(refundsOf(payment));
  return createRefund(ledger, payment, account, body);
}

/** A form, or JSON of one level; `true` counts as 1, as the vendor's own code has it. */
function variablesOf(request: SimulatorRequest): ReadonlyMap<string, string> {
  if (request.body === '') return new Map();
  if (!(request.headers['content-type'] ?? '').includes('json')) return new Map(readForm(request.body));
  try {
    const value: unknown = JSON.parse(request.body);
    if (typeof value !== 'object' || value === null) return new Map();
    return new Map(Object.entries(value).map(([name, one]) => [name, textOf(one)]));
  } catch {
    return new Map();
  }
}

function textOf(value: unknown): string {
  if (typeof value === 'boolean') return value ? '1' : '0';
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

function refusalOf(
  request: SimulatorRequest,
  account: Account | undefined,
  body: ReadonlyMap<string, string>,
  now: Date,
): SimulatorAnswer | null {
  const { signature, version, timestamp = '', 'merchant-id': merchantId = '' } = request.headers;
  if (merchantId === '' || version === undefined || timestamp === '') {
    return failure(400, 'Required variables not present in request');
  }
  if (signature === undefined) return failure(400, 'Signature not present in headers');
  if (!/^[0-9a-f]{32}$/.test(signature)) return failure(400, 'Value for signature is not in the expected format');
  if (version !== 'v1') return failure(400, 'API version is not valid');
  if (!account) return failure(401, 'Merchant not found');
  const query = [...request.query].filter(([name]) => name !== 'testing');
  const signed = new Map([
    ['merchant-id', merchantId],
    ['version', version],
    ['timestamp', timestamp],
    ...query,
    ...body,
  ]);
  const expected = account.passphrase === undefined ? null : alphabeticalSignature(signed, account.passphrase);
  if (signature !== expected) return failure(401, 'Merchant authorisation failed');
  const drift = Math.abs(Date.parse(timestamp) - now.getTime());
  return account.checkTimestamp && !(drift <= DRIFT_MS_MAX) ? failure(400, 'The timestamp is not valid') : null;
}

function refundOptions(payment: Payment, account: Account): unknown {
  const gross = payment.grossCents ?? 0;
  const available = gross - refundedCents(payment);
  const method = available === 0 ? 'NOT_AVAILABLE' : account.refundMethod;
  const status = available === 0 ? 'COMPLETED' : method === 'NOT_AVAILABLE' ? 'NOT_AVAILABLE' : 'REFUNDABLE';
  return {
    token: payment.key,
    funding_type: 'Credit Card',
    amount_original: gross,
    amount_available_for_refund: available,
    status,
    errors: status === 'NOT_AVAILABLE' ? ['This payment can not be refunded'] : [],
    refund_full: { method: available === gross ? method : 'NOT_AVAILABLE' },
    refund_partial: { method },
    bank_names: method === 'BANK_PAYOUT' ? [{ bank_name: 'FNB', label: 'FNB' }] : [],
  };
}

function refundsOf(payment: Payment): unknown {
  const gross = payment.grossCents ?? 0;
  return {
    available_balance: gross - refundedCents(payment),
    transactions: [
      { amount: gross, date: payment.paidAt, type: 'Funds Received' },
      ...payment.refunds.map((refund) => ({
        amount: String(-refund.cents),
        date: refund.at,
        type: 'Funds Received (Refund)',
      })),
    ],
  };
}

function createRefund(
  ledger: Ledger,
  payment: Payment,
  account: Account,
  body: ReadonlyMap<string, string>,
): SimulatorAnswer {
  const [amount = '', reason = ''] = [body.get('amount'), body.get('reason')];
  if (!/^[1-9]\d{0,11}$/.test(amount)) return failure(400, 'The amount must be an integer in cents');
  if (reason.length < 3 || reason.length > 255) return failure(400, 'The reason must be 3 to 255 characters');
  if (!/^[01]$/.test(body.get('notify_buyer') ?? '')) return failure(400, 'Required variables not present in request');
  if (account.refundMethod === 'NOT_AVAILABLE') return failure(400, 'This payment can not be refunded');
  const bank = ['bank_name', 'bank_branch_code', 'bank_account_number'];
  if (account.refundMethod === 'BANK_PAYOUT' && bank.some((name) => (body.get(name) ?? '') === '')) {
    return failure(400, 'Bank account details are required');
  }
  const available = (payment.grossCents ?? 0) - refundedCents(payment);
  if (Number(amount) > available)
    return failure(400, `The amount is more than the R${majorUnits(available)} available`);
  const on = wallTime(ledger.realNow()).slice(0, 10);
  const refund = { cents: Number(amount), at: wallTime(ledger.now(payment.account)), on, reason };
  ledger.save({ ...payment, refunds: [...payment.refunds, refund] });
  return json(200, { code: 200, status: 'success', data: { response: true, message: 'Success' } });
}

function success(response: unknown): SimulatorAnswer {
  return json(200, { code: 200, status: 'success', data: { response, message: 'success' } });
}

export function failure(code: number, message: string, headers: Record<string, string> = {}): SimulatorAnswer {
  return json(code, { code, status: 'failed', data: { response: false, message } }, headers);
}
