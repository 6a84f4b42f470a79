import { digest, majorUnits } from '../simulator/account-clock.ts';
import type { Fault } from '../simulator/scenario.ts';
import type { OutgoingHook } from '../simulator/types.ts';
import type { Account, Ledger, Payment, Refund, Stage } from './simulator-model.ts';
import { resultHash } from './simulator-signature.ts';

/** What the vendor says of a payment: to the browser and from server to server, alike (payment-gateways.md 3.4). */

const CARD = { mode: 'CC', bankcode: 'CC', PG_TYPE: 'CC-PG', card_no: '512345XXXXXX2346', payment_source: 'payu' };

const ERRORS: Readonly<Record<string, readonly [code: string, text: string]>> = {
  failed: ['E501', 'The bank declined the payment'],
  bounced: ['E502', 'The buyer did not go on'],
  dropped: ['E503', 'The bank gave no answer'],
  autoRefund: ['E504', 'The money went back to the buyer'],
};

/** Every documented field in its place; unused ones are empty. */
export function resultOf(ledger: Ledger, payment: Payment, stage: Stage): ReadonlyMap<string, string> {
  const account = ledger.account(payment.account);
  const isPaid = stage.status === 'success';
  const [error, message] = ERRORS[stage.unmapped] ?? ['E000', 'No Error'];
  const reference = isPaid ? bankReference(ledger, payment) : '';
  const names = 'udf6 udf7 udf8 udf9 udf10 card_token field0 field1 field2 field3 field4 field5 field6 field7 field8';
  const { surl = '', curl = '', furl = '', ...posted } = payment.posted;
  const fields = new Map<string, string>([
    ['mihpayid', payment.id],
    ['mode', CARD.mode],
    ['status', stage.status],
    ['unmappedstatus', stage.unmapped],
    ['key', account?.merchantKey ?? ''],
    ['txnid', payment.txnid],
    ['amount', majorUnits(payment.cents)],
    ...(payment.chargesCents > 0 ? [['additionalCharges', majorUnits(payment.chargesCents)] as const] : []),
    ['discount', '0.00'],
    ['net_amount_debit', isPaid ? debitOf(payment) : '0.00'],
    ['addedon', payment.addedOn],
    ...Object.entries(posted),
    ...names.split(' ').map((name) => [name, ''] as const),
    ['field9', message],
    ['card_no', isPaid ? CARD.card_no : ''],
    ['payment_source', CARD.payment_source],
    ['PG_TYPE', CARD.PG_TYPE],
    ['error', error],
    ['error_Message', message],
    ['offer_key', ''],
    ['offer_availed', ''],
    ['bank_ref_no', reference],
    ['bank_ref_num', reference],
    ['bankcode', CARD.bankcode],
    ['surl', surl],
    ['curl', curl],
    ['furl', furl],
  ]);
  return fields.set('hash', resultHash(fields, account?.salt ?? ''));
}

/** `499` for whole rupees: the debit is written otherwise than the amount. */
export function debitOf(payment: Payment): string {
  return majorUnits(payment.cents + payment.chargesCents).replace(/\.00$/, '');
}

export function bankReference(ledger: Ledger, payment: Payment): string {
  return String(Number.parseInt(ledger.derive(payment.account, `bank:${payment.id}`).slice(0, 8), 16) % 1_000_000);
}

/** One stage to be told, and how long after its event. */
export interface News {
  readonly stage: Stage;
  readonly delayMs: number;
}

/**
 * The webhooks of one event, with what the fault does to them. A forged one goes first, claims success, and is signed
 * by somebody who does not know the salt.
 */
export function resultHooks(
  ledger: Ledger,
  payment: Payment,
  news: readonly News[],
  fault: Fault | null,
): OutgoingHook[] {
  const account = ledger.account(payment.account);
  if (!account?.webhookUrl) return [];
  const told = news.filter(({ stage }) => stage.status !== 'pending' || account.pushesPending);
  const { webhookUrl } = account;
  const hooks = told.map(({ stage, delayMs }) => {
    const body = encode(resultOf(ledger, payment, stage), account);
    return { ...hookOf(account, payment, stage.status, webhookUrl, fault), ...body, delayMs };
  });
  if (fault?.fault !== 'forgedWebhook') return spoilt(hooks, fault);
  const stage = { at: '', status: 'success', unmapped: 'captured' } as const;
  const lie = new Map([...resultOf(ledger, payment, stage), ['hash', digest('a guess').repeat(2)]]);
  return [{ ...hookOf(account, payment, 'forged', webhookUrl, fault), ...encode(lie, account) }, ...hooks];
}

/** The refund callback: JSON, and without any hash. */
export function refundHooks(
  ledger: Ledger,
  payment: Payment,
  refund: Refund,
  told: { readonly status: 'success' | 'failure'; readonly delayMs: number; readonly fault: Fault | null },
): OutgoingHook[] {
  const account = ledger.account(payment.account);
  const url = refund.callbackUrl ?? account?.webhookUrl;
  if (!account || url === undefined) return [];
  const body = JSON.stringify({
    action: refund.action,
    status: told.status,
    mihpayid: payment.id,
    merchantTxnId: payment.txnid,
    request_id: refund.requestId,
    token: refund.token,
    amt: majorUnits(refund.cents),
    key: account.merchantKey,
    bank_ref_num: bankReference(ledger, payment),
    bank_arn: null,
    refund_mode: 'Back to Source',
    remark: told.status === 'success' ? 'Refund processed' : 'Refund failed at the bank',
    additionalValue1: '',
    additionalValue2: '',
  });
  const hook = hookOf(account, payment, 'refund', url, told.fault);
  const late = told.fault?.fault === 'lateWebhook' ? hook.delayMs : 0;
  return spoilt([{ ...hook, contentType: 'application/json', body, delayMs: told.delayMs + late }], told.fault);
}

function hookOf(account: Account, payment: Payment, hook: string, url: string, fault: Fault | null): OutgoingHook {
  return {
    account: payment.account,
    about: payment.txnid,
    hook,
    url,
    contentType: '',
    body: '',
    retryDelaysMs: account.retryDelaysMs,
    delayMs: fault?.fault === 'lateWebhook' ? (fault.ms ?? 2_000) : 0,
    afterNext: fault?.fault === 'reorderedWebhooks',
  };
}

function spoilt(hooks: OutgoingHook[], fault: Fault | null): OutgoingHook[] {
  if (fault?.fault === 'lostWebhook') return [];
  return fault?.fault === 'duplicateWebhook' ? hooks.flatMap((hook) => [hook, hook, hook]) : hooks;
}

function encode(fields: ReadonlyMap<string, string>, account: Account): { contentType: string; body: string } {
  if (account.hookEncoding === 'urlencoded') {
    return { contentType: 'application/x-www-form-urlencoded', body: new URLSearchParams([...fields]).toString() };
  }
  const boundary = `------------------------${digest(fields.get('hash') ?? '').slice(0, 16)}`;
  const parts = [...fields].map(
    ([name, value]) => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    body: `${parts.join('')}--${boundary}--\r\n`,
  };
}
