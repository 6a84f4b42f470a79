import { createHmac } from 'node:crypto';
import type { Fault } from '../simulator/scenario.ts';
import type { OutgoingHook } from '../simulator/types.ts';
import { majorUnits, otherCurrency, type Account, type Invoice } from './simulator-model.ts';
import type { RefundRequest } from './simulator-vault.ts';

/** The vendor's webhooks (payment-gateways.md 1.5), signed as the vendor signs them. */

export interface HookFacts {
  readonly invoice: Invoice;
  readonly account: Account;
  readonly reference: string;
}

type Fields = Record<string, unknown>;

function hash(account: Account, text: string): string {
  return createHmac('sha256', account.vendorKey ?? account.apiKey)
    .update(text)
    .digest('hex');
}

function origin({ account, invoice }: HookFacts): Fields {
  if (account.dialect === 'legacy') return { api_key: account.vendorKey ?? account.apiKey };
  return {
    hashKey: hash(account, `InvoiceId=${invoice.id}&InvoiceKey=${invoice.key}&PaymentMethod=${invoice.method.name}`),
  };
}

function paidFields(facts: HookFacts): Fields {
  const { invoice, account } = facts;
  const classic = {
    ...origin(facts),
    invoice_key: invoice.key,
    invoice_id: invoice.id,
    payment_method: invoice.method.name,
    invoice_status: 'paid',
    pay_load: invoice.payLoad,
    referenceNumber: facts.reference,
  };
  if (account.dialect !== 'newer') return classic;
  return {
    ...classic,
    paidAmount: majorUnits(invoice.paidCents ?? invoice.totalCents),
    paidCurrency: invoice.paidCurrency ?? invoice.currency,
    paidAt: invoice.paidAt,
    customerData: {
      customer_first_name: invoice.customer.firstName,
      customer_last_name: invoice.customer.lastName,
      customer_email: invoice.customer.email,
      customer_phone: invoice.customer.phone,
    },
  };
}

function failedFields(facts: HookFacts): Fields {
  const { invoice } = facts;
  return {
    ...origin(facts),
    invoice_key: invoice.key,
    invoice_id: invoice.id,
    payment_method: invoice.method.name,
    pay_load: invoice.payLoad,
    amount: majorUnits(invoice.totalCents),
    paidCurrency: invoice.currency,
    errorMessage: 'Declined by the issuer',
    response: { code: '05', message: 'Do not honour' },
    referenceNumber: facts.reference,
  };
}

function cancelFields({ invoice, account, reference }: HookFacts): Fields {
  const referenceId = invoice.code ?? reference;
  return {
    hashKey: hash(account, `referenceId=${referenceId}&PaymentMethod=${invoice.method.name}`),
    referenceId,
    status: 'EXPIRED',
    paymentMethod: invoice.method.name,
    pay_load: invoice.payLoad,
    ...(account.dialect === 'newer' && { transactionId: invoice.id, transactionKey: invoice.key }),
  };
}

/**
 * The hooks of one event, with what the fault does to them. A forged one goes first and claims what did not
 * happen: after a failure
 * "paid" under the failure's own valid hash, after a payment "paid" under a hash of another key.
 */
export function hooksOf(action: 'pay' | 'fail' | 'expire', facts: HookFacts, fault: Fault | null): OutgoingHook[] {
  const { invoice, account } = facts;
  const url = {
    pay: invoice.webhookUrl ?? account.webhookUrls.paid,
    fail: account.webhookUrls.failed,
    expire: account.webhookUrls.cancel,
  }[action];
  if (url === undefined || fault?.fault === 'lostWebhook') return [];
  const fields = { pay: paidFields, fail: failedFields, expire: cancelFields }[action](facts);
  const real: OutgoingHook = {
    account: invoice.account,
    about: String(invoice.id),
    hook: { pay: 'paid', fail: 'failed', expire: 'cancel' }[action],
    url,
    ...encode(fields, url, action === 'expire'),
    retryDelaysMs: account.retryDelaysMs,
    delayMs: fault?.fault === 'lateWebhook' ? (fault.ms ?? 2_000) : 0,
    afterNext: fault?.fault === 'reorderedWebhooks',
  };
  if (fault?.fault === 'duplicateWebhook') return [real, real, real];
  if (fault?.fault !== 'forgedWebhook') return [real];
  const lie = paidFields(facts);
  if (action === 'pay') lie['hashKey'] = createHmac('sha256', 'not the key').update(String(invoice.id)).digest('hex');
  return [{ ...real, hook: 'forged', ...encode(lie, url, false) }, real];
}

/**
 * The hooks of an approval, always JSON (payment-gateways.md 1.5). They name no refund, and a forged one goes first,
 * under a hash of another key.
 * @param delayMs how long after the request it is approved
 */
export function refundHooksOf(
  refund: RefundRequest,
  account: Account,
  fault: Fault | null,
  delayMs: number,
): OutgoingHook[] {
  const url = account.webhookUrls.refund;
  if (url === undefined || fault?.fault === 'lostWebhook') return [];
  const amount = majorUnits(refund.cents + (fault?.fault === 'wrongAmount' ? 100 : 0));
  const currency = fault?.fault === 'wrongCurrency' ? otherCurrency(refund.currency) : refund.currency;
  const body = (hashKey: string): string =>
    JSON.stringify({
      hashKey,
      transactionId: refund.invoiceId,
      amount,
      currency,
      status: 1,
      reason: refund.comment ?? refund.reason,
      approvedAt: refund.approvedAt,
    });
  const real: OutgoingHook = {
    account: refund.account,
    about: String(refund.invoiceId),
    hook: 'refund',
    url,
    contentType: 'application/json',
    body: body(hash(account, `transactionId=${refund.invoiceId}&amount=${amount}&currency=${currency}`)),
    retryDelaysMs: account.retryDelaysMs,
    delayMs: delayMs + (fault?.fault === 'lateWebhook' ? (fault.ms ?? 2_000) : 0),
    afterNext: fault?.fault === 'reorderedWebhooks',
  };
  if (fault?.fault === 'duplicateWebhook') return [real, real, real];
  if (fault?.fault !== 'forgedWebhook') return [real];
  const lie = createHmac('sha256', 'not the key').update(String(refund.id)).digest('hex');
  return [{ ...real, hook: 'forged', body: body(lie) }, real];
}

/** JSON if the URL's text contains `_json`, a form otherwise; the cancel hook is always JSON. */
function encode(fields: Fields, url: string, alwaysJson: boolean): { contentType: string; body: string } {
  if (alwaysJson || url.includes('_json')) return { contentType: 'application/json', body: JSON.stringify(fields) };
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) {
    if (name === 'customerData') {
      for (const [part, inner] of Object.entries(value as Fields)) form.append(`customerData[${part}]`, textOf(inner));
    } else form.append(name, textOf(value));
  }
  return { contentType: 'application/x-www-form-urlencoded', body: form.toString() };
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'string' || typeof value === 'number' ? String(value) : JSON.stringify(value);
}
