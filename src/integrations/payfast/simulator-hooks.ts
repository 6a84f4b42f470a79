import { majorUnits } from '../simulator/account-clock.ts';
import type { Fault } from '../simulator/scenario.ts';
import type { OutgoingHook } from '../simulator/types.ts';
import type { Account, Ledger, Payment } from './simulator-model.ts';
import { orderedSignature, parameters, type Pair } from './simulator-signature.ts';

/** The vendor's notification (payment-gateways.md 2.5): blank fields included, the signature last. */

export type Status = 'COMPLETE' | 'FAILED' | 'PENDING';

function fieldsOf(payment: Payment, account: Account, status: Status): Pair[] {
  const gross = payment.grossCents ?? payment.amountCents;
  const fee = payment.feeCents ?? 0;
  const strings = payment.strings.map((value, index): Pair => [`custom_str${index + 1}`, value]);
  const integers = payment.integers.map((value, index): Pair => [`custom_int${index + 1}`, value]);
  return [
    ['m_payment_id', payment.merchantPaymentId],
    ['pf_payment_id', String(payment.id)],
    ['payment_status', status],
    ['item_name', payment.itemName],
    ['item_description', payment.itemDescription],
    ['amount_gross', majorUnits(gross)],
    ['amount_fee', majorUnits(-fee)],
    ['amount_net', majorUnits(gross - fee)],
    ...(account.customOrder === 'strings' ? [...strings, ...integers] : [...integers, ...strings]),
    ['name_first', payment.nameFirst],
    ['name_last', payment.nameLast],
    ['email_address', payment.email],
    ['merchant_id', account.merchantId],
  ];
}

/**
 * The notifications of one event, with what the fault does to them. A forged one goes first, claims COMPLETE, and is
 * signed by somebody who does not know the passphrase; the vendor never sent it, so it does not confirm it either.
 */
export function hooksOf(
  ledger: Ledger,
  payment: Payment,
  account: Account,
  status: Status,
  fault: Fault | null,
): OutgoingHook[] {
  const url = payment.notifyUrl;
  if (url === null || (account.notifies === 'complete' && status !== 'COMPLETE')) return [];
  const text = parameters(fieldsOf(payment, account, status));
  // The vendor knows what it said even where the message is lost on its way.
  ledger.sent(payment.account, text);
  if (fault?.fault === 'lostWebhook') return [];
  const real: OutgoingHook = {
    account: payment.account,
    about: payment.merchantPaymentId,
    hook: status.toLowerCase(),
    url,
    contentType: 'application/x-www-form-urlencoded',
    body: `${text}&signature=${orderedSignature(text, account.passphrase)}`,
    retryDelaysMs: account.sandbox ? [] : account.retryDelaysMs,
    delayMs: fault?.fault === 'lateWebhook' ? (fault.ms ?? 2_000) : 0,
    afterNext: fault?.fault === 'reorderedWebhooks',
  };
  if (fault?.fault === 'duplicateWebhook') return [real, real, real];
  if (fault?.fault !== 'forgedWebhook') return [real];
  const lie = parameters(fieldsOf({ ...payment, itemDescription: 'forged' }, account, 'COMPLETE'));
  return [{ ...real, hook: 'forged', body: `${lie}&signature=${orderedSignature(lie, 'a guess')}` }, real];
}
