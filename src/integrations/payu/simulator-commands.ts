import { majorUnits } from '../simulator/account-clock.ts';
import { wrongMethod } from '../simulator/answer.ts';
import type { Fault } from '../simulator/scenario.ts';
import type { OutgoingHook, SimulatorAnswer, SimulatorRequest } from '../simulator/types.ts';
import { centsOf, later, numbered, type Account, type Ledger, type Payment, type Refund } from './simulator-model.ts';
import { bankReference, debitOf, refundHooks } from './simulator-results.ts';
import { commandHash, readPosted } from './simulator-signature.ts';

/** POST /merchant/postservice(.php): the vendor's commands (payment-gateways.md 3.5, 3.7). */

export const COMMANDS = ['verify_payment', 'cancel_refund_transaction', 'check_action_status'] as const;

type Fields = ReadonlyMap<string, string>;
type Said = Readonly<Record<string, unknown>>;

interface Asked {
  readonly ledger: Ledger;
  readonly accountId: string;
  readonly account: Account;
  readonly fields: Fields;
  readonly fault: Fault | null;
  readonly send: (hook: OutgoingHook) => void;
}

export function performCommand(
  ledger: Ledger,
  accountId: string | null,
  request: SimulatorRequest,
  fault: Fault | null,
  send: (hook: OutgoingHook) => void,
): SimulatorAnswer {
  if (request.method !== 'POST') return wrongMethod();
  const fields = readPosted(request.body);
  const account = accountId === null ? undefined : ledger.account(accountId);
  if (accountId !== null) ledger.countCall(accountId);
  const said =
    accountId === null || !account || fields.get('hash') !== commandHash(fields, account.salt)
      ? { status: 0, msg: 'Invalid Hash.' }
      : perform({ ledger, accountId, account, fields, fault, send });
  if (request.query.get('form') !== '2') return { status: 200, headers: TEXT, body: printed(said) };
  const body = JSON.stringify(said);
  // A queued refund names the payment by a number in every sample.
  const isNumeric = fault?.fault === 'numericIds' || 'error_code' in said;
  return {
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: isNumeric ? body.replace(/("(?:mihpayid|amt)":)"(\d[\d.]*)"/g, '$1$2') : body,
  };
}

const TEXT = { 'content-type': 'text/html; charset=UTF-8' };

/** PHP's own dump, which the vendor answers without `form=2`. */
function printed(value: unknown, indent = ''): string {
  if (typeof value !== 'object' || value === null) return String(value ?? '');
  const lines = Object.entries(value).map(
    ([name, one]) => `${indent}    [${name}] => ${printed(one, `${indent}        `)}\n`,
  );
  return `Array\n${indent}(\n${lines.join('')}${indent})\n`;
}

function perform(asked: Asked): Said {
  const [command = '', var1 = '', var2 = ''] = ['command', 'var1', 'var2'].map((name) => asked.fields.get(name));
  if (var1 === '') return { status: 0, msg: 'Parameter missing' };
  if (command === 'verify_payment') return verify(asked, var1.split('|'));
  if (command === 'cancel_refund_transaction') return cancelOrRefund(asked, var1);
  if (command !== 'check_action_status') return { status: 0, msg: 'Invalid command' };
  return var2 === 'payuid' ? actionsOfPayment(asked, var1) : actionOfRequest(asked, var1);
}

function verify({ ledger, accountId }: Asked, txnids: readonly string[]): Said {
  const found = txnids.map((txnid) => {
    const attempts = ledger.byTxnid(accountId, txnid);
    return attempts.find((one) => ledger.stage(one).status === 'success') ?? attempts.at(-1);
  });
  const unknown = { mihpayid: 'Not Found', status: 'Not Found' };
  const details = txnids.map((txnid, index) => {
    const payment = found[index];
    return [txnid, payment ? detailOf(ledger, payment) : unknown];
  });
  return counted(found.filter(Boolean).length, txnids.length, Object.fromEntries(details));
}

function counted(found: number, asked: number, details: Said): Said {
  const msg = `${found} out of ${asked} Transactions Fetched Successfully`;
  return { status: found > 0 ? 1 : 0, msg, transaction_details: details };
}

function detailOf(ledger: Ledger, payment: Payment): Said {
  const stage = ledger.stage(payment);
  const isPaid = stage.status === 'success';
  const { productinfo, firstname, udf1, udf2, udf3, udf4, udf5 } = payment.posted;
  return {
    mihpayid: payment.id,
    request_id: '',
    bank_ref_num: isPaid ? bankReference(ledger, payment) : null,
    amt: majorUnits(payment.cents),
    transaction_amount: majorUnits(payment.cents),
    additional_charges: majorUnits(payment.chargesCents),
    txnid: payment.txnid,
    ...{ productinfo, firstname, bankcode: 'CC', udf1, udf2, udf3, udf4, udf5, field2: null, field9: null },
    ...{ error_code: isPaid ? 'E000' : 'E500', error_Message: isPaid ? 'NO ERROR' : stage.unmapped },
    addedon: payment.addedOn,
    ...{ payment_source: 'payu', card_type: null, net_amount_debit: isPaid ? debitOf(payment) : '0.00', disc: '0.00' },
    ...{ mode: 'CC', PG_TYPE: 'CC-PG', card_no: '512345XXXXXX2346', name_on_card: firstname },
    status: stage.status,
    unmappedstatus: stage.unmapped,
    ...{ Merchant_UTR: null, Settled_At: '0000-00-00 00:00:00' },
  };
}

/** Refused with the vendor's number of the reason. */
function refused(mihpayid: string, error_code: number, reason: string): Said {
  return { status: 0, msg: `Refund FAILURE - ${reason}`, error_code, mihpayid };
}

function cancelOrRefund(asked: Asked, id: string): Said {
  const { ledger, accountId, account, fields } = asked;
  const token = (fields.get('var2') ?? '').slice(0, 23);
  const amount = fields.get('var3') ?? '';
  if (token === '' || amount === '') return { status: 0, msg: 'Parameter missing' };
  const payment = ledger.payment(accountId, id);
  if (!payment) return refused(id, 116, 'Transaction not found');
  const stage = ledger.stage(payment);
  if (stage.status !== 'success') return refused(id, 111, 'Invalid transaction status');
  const cents = centsOf(amount);
  const holder = ledger.payments(accountId).find((one) => one.refunds.some((refund) => refund.token === token));
  if (holder) {
    const isSame = holder.id === id && holder.refunds.some((one) => one.token === token && one.cents === cents);
    return isSame
      ? refused(id, 227, 'Transactions with the same amount and same token are not allowed')
      : refused(id, 106, 'Token already exists');
  }
  const alive = payment.refunds.filter((one) => ledger.refundState(payment, one) !== 'FAILURE');
  const since = later(ledger, accountId, -account.equalRefundWaitMs);
  if (alive.some((one) => one.cents === cents && one.at > since)) {
    return refused(id, 214, 'Same amount same transaction within 5 minutes');
  }
  const left = payment.cents - alive.reduce((sum, one) => sum + one.cents, 0);
  if (!cents || cents > left) return refused(id, 105, 'Invalid amount');
  return queue(asked, payment, { token, cents, action: stage.unmapped === 'auth' ? 'cancel' : 'refund' });
}

function queue(asked: Asked, payment: Payment, wish: Pick<Refund, 'token' | 'cents' | 'action'>): Said {
  const { ledger, accountId, account, fields, fault, send } = asked;
  const { refundDelayMs } = account;
  const callbackUrl = fields.get('var5') || null;
  const requestId = `12${numbered(ledger, accountId, 'requests')}`;
  const at = later(ledger, accountId, 0);
  const dueAt = refundDelayMs === null ? null : later(ledger, accountId, refundDelayMs);
  const refund: Refund = { ...wish, requestId, at, dueAt, decided: null, callbackUrl };
  ledger.save({ ...payment, refunds: [...payment.refunds, refund] });
  if (refundDelayMs !== null) {
    const told = { status: 'success', delayMs: refundDelayMs, fault } as const;
    refundHooks(ledger, payment, refund, told).forEach(send);
  }
  const queued = wish.action === 'refund' ? 'Refund Request Queued' : 'Cancel Request Queued';
  const named = wish.action === 'refund' ? { request_id: requestId } : { txn_update_id: requestId };
  return { status: 1, msg: queued, ...named, bank_ref_num: null, mihpayid: payment.id, error_code: 102 };
}

function actionOfRequest({ ledger, accountId }: Asked, requestId: string): Said {
  const payment = ledger.byRequest(requestId);
  const refund = payment?.refunds.find((one) => one.requestId === requestId);
  if (!payment || !refund || payment.account !== accountId) return nothing(requestId);
  const detail = actionDetail(ledger, payment, refund, ledger.refundState(payment, refund));
  return counted(1, 1, { [requestId]: { [requestId]: detail } });
}

function actionsOfPayment({ ledger, accountId }: Asked, id: string): Said {
  const payment = ledger.payment(accountId, id);
  const isCaptured = payment && ledger.stage(payment).unmapped === 'captured';
  if (!payment || (!isCaptured && payment.refunds.length === 0)) return nothing(id);
  const capture = { requestId: payment.captureId, action: 'capture', token: '', cents: payment.cents };
  const details = [
    ...(isCaptured ? [[payment.captureId, actionDetail(ledger, payment, capture, 'SUCCESS')]] : []),
    ...payment.refunds.map((refund) => [
      refund.requestId,
      actionDetail(ledger, payment, refund, ledger.refundState(payment, refund)),
    ]),
  ];
  return counted(1, 1, { [id]: Object.fromEntries(details) });
}

function nothing(id: string): Said {
  return counted(0, 1, { [id]: 'No action status found' });
}

function actionDetail(
  ledger: Ledger,
  payment: Payment,
  action: { requestId: string; action: string; token: string; cents: number },
  status: string,
): Said {
  return {
    mihpayid: payment.id,
    bank_ref_num: bankReference(ledger, payment),
    request_id: action.requestId,
    amt: majorUnits(action.cents),
    mode: 'CC',
    action: action.action,
    token: action.token,
    status,
    ...{ bank_arn: null, settlement_id: null, amount_settled: null, UTR_no: null, value_date: null },
    refund_mode: 'Back to Source',
  };
}
