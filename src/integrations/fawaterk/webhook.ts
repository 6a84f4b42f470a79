import type { Credentials, GatewayClaim, IncomingWebhook, WebhookReading } from '../contract.ts';
import { UnreadableBody, readBody, type HookBody } from './body.ts';
import { readPaymentId } from './map.ts';
import { fromVendorAmount, fromVendorCurrency } from './money.ts';
import { sameSecret, signedText, verify } from './signature.ts';

/**
 * Reads the five hooks in both dialects (payment-gateways.md 1.5). The result is a claim: the signature covers neither
 * status nor amount, so the caller asks the gateway before anything moves.
 */
const SPELLINGS = {
  invoiceId: ['invoice_id', 'InvoiceId', 'invoiceId'],
  invoiceKey: ['invoice_key', 'InvoiceKey', 'invoiceKey'],
  transactionId: ['transaction_id', 'transactionId'],
  transactionKey: ['transaction_key', 'transactionKey'],
  paymentMethod: ['payment_method', 'PaymentMethod', 'paymentMethod'],
  status: ['invoice_status', 'InvoiceStatus', 'status'],
  currency: ['paidCurrency', 'currency'],
  signature: ['hashKey', 'transactionHashKey'],
} as const;

type Field = keyof typeof SPELLINGS;

/** Two spellings of one field that disagree: whoever reads the other one would see another fact. */
class Disagreement extends Error {}

export function readWebhook(credentials: Credentials, incoming: IncomingWebhook): WebhookReading {
  try {
    const body = readBody(incoming.body, incoming.headers['content-type']);
    const hook = readHook(body);
    if (hook === null) return { verdict: 'MALFORMED', detail: 'none of the documented hooks' };
    const refused = checkOrigin(credentials, body, hook);
    return refused === null ? { verdict: 'OK', claim: hook.claim } : { verdict: 'BAD_SIGNATURE', detail: refused };
  } catch (error) {
    if (error instanceof UnreadableBody || error instanceof Disagreement)
      return { verdict: 'MALFORMED', detail: error.message };
    throw error;
  }
}

interface Hook {
  readonly claim: GatewayClaim;
  /** Texts the signature may cover: more than one only where a number can be written in two ways. */
  readonly signed: readonly string[];
}

/** @returns null where the signature holds, else why not. */
function checkOrigin(credentials: Credentials, body: HookBody, hook: Hook): string | null {
  const vendorKey = credentials['VENDOR_KEY'] || credentials['API_KEY'] || '';
  if (vendorKey === '') return 'no vendor key is configured';
  const signature = one(body, 'signature');
  if (signature !== null) {
    return hook.signed.some((text) => verify(vendorKey, text, signature)) ? null : 'the hash does not match';
  }
  const clear = plain(body, 'api_key');
  if (clear === null) return 'there is no hash';
  if (credentials['ACCEPT_LEGACY_API_KEY'] !== 'true') return 'the old dialect is not accepted here';
  return sameSecret(vendorKey, clear) ? null : 'the key in the body does not match';
}

function readHook(body: HookBody): Hook | null {
  if (body.has('customerCardToken')) return readToken(body);
  if (body.has('referenceId')) return readCancel(body);
  if (one(body, 'invoiceId') !== null) return readInvoice(body, 'invoice');
  // The refund hook has a transactionId too, but never a key.
  return one(body, 'transactionKey') === null ? readRefund(body) : readInvoice(body, 'transaction');
}

function readInvoice(body: HookBody, dialect: 'invoice' | 'transaction'): Hook | null {
  const id = one(body, dialect === 'invoice' ? 'invoiceId' : 'transactionId');
  const key = one(body, dialect === 'invoice' ? 'invoiceKey' : 'transactionKey');
  const method = one(body, 'paymentMethod');
  if (id === null || key === null || method === null) return null;
  const failed = body.has('errorMessage') || body.has('response');
  const status = one(body, 'status')?.toLowerCase() ?? (failed ? 'failed' : 'none');
  const currencyCode = currencyOf(body);
  const amountMinor = amountOf(body, currencyCode);
  return {
    signed: [signedText[dialect](id, key, method)],
    claim: {
      ...NOTHING,
      kind: invoiceKind(status),
      gatewayReference: id,
      paymentId: payloadOf(body),
      amountMinor,
      currencyCode,
      failureReason: plain(body, 'errorMessage')?.slice(0, 500) ?? null,
      dedupeKey: dedupe(failed ? 'failed' : 'paid', id, status, amountMinor),
    },
  };
}

function invoiceKind(status: string): GatewayClaim['kind'] {
  if (status === 'paid' || status === 'success') return 'PAID';
  if (status === 'pending') return 'PENDING';
  return status === 'failed' || status === 'fail' ? 'FAILED' : 'OTHER';
}

function readCancel(body: HookBody): Hook | null {
  const reference = plain(body, 'referenceId');
  const method = one(body, 'paymentMethod');
  const status = one(body, 'status')?.toUpperCase() ?? 'NONE';
  if (reference === null || method === null) return null;
  return {
    signed: [signedText.cancel(reference, method)],
    claim: {
      ...NOTHING,
      kind: status === 'EXPIRED' ? 'EXPIRED' : status === 'CANCELED' || status === 'CANCELLED' ? 'CANCELLED' : 'OTHER',
      // Newer senders name the invoice too; the signature covers the reference only.
      gatewayReference: one(body, 'transactionId'),
      referenceCode: reference,
      signsReferenceOnly: true,
      paymentId: payloadOf(body),
      dedupeKey: dedupe('cancel', reference, status, null),
    },
  };
}

function readRefund(body: HookBody): Hook | null {
  const id = one(body, 'transactionId');
  const amount = body.get('amount');
  const currency = plain(body, 'currency');
  if (id === null || currency === null || amount === undefined || amount.kind === 'nested') return null;
  const currencyCode = fromVendorCurrency(currency);
  const amountMinor = fromVendorAmount(amount.text, currencyCode);
  if (amountMinor === null) throw new UnreadableBody('an amount that does not fit two decimals');
  const status = one(body, 'status') ?? 'none';
  // A sender that holds 50.00 as a number signs "50" and may write either.
  const texts = amount.kind === 'number' ? [amount.text, String(Number(amount.text))] : [amount.text];
  return {
    signed: texts.map((text) => signedText.refund(id, text, currency)),
    claim: {
      ...NOTHING,
      // 1 is the only status documented; another one is somebody's news, not a refund.
      kind: status === '1' || status === 'none' ? 'REFUNDED' : 'OTHER',
      gatewayReference: id,
      amountMinor,
      currencyCode,
      // Two refunds of one amount differ in the time of their approval only, which every retry repeats.
      dedupeKey: [dedupe('refund', id, status, amountMinor), ...approvedAt(body)].join(':'),
    },
  };
}

/** As written, in text or in parts: it tells deliveries apart and is not signed, so nothing else may rest on it. */
function approvedAt(body: HookBody): string[] {
  const field = body.get('approvedAt');
  const written = field?.kind === 'nested' ? JSON.stringify(field.value) : (field?.text ?? '');
  return written === '' ? [] : [written.replaceAll('\0', '').slice(0, 80)];
}

function readToken(body: HookBody): Hook | null {
  const customer = plain(body, 'customerUniqueId');
  const token = plain(body, 'customerCardToken');
  if (customer === null || token === null) return null;
  const card = plain(body, 'cardTokenUniqueId') ?? 'none';
  return {
    signed: [signedText.token(customer, token)],
    claim: { ...NOTHING, kind: 'OTHER', dedupeKey: dedupe('token', customer, card, null) },
  };
}

const NOTHING = {
  gatewayReference: null,
  referenceCode: null,
  paymentId: null,
  amountMinor: null,
  currencyCode: null,
  failureReason: null,
} as const;

/**
 * Unique per tenant and gateway: hook kind, id, status, and the amount where there is one (payment-gateways.md
 * 1.10).
 */
function dedupe(hook: string, id: string, status: string, amountMinor: bigint | null): string {
  return [hook, id, status.slice(0, 40), ...(amountMinor === null ? [] : [String(amountMinor)])].join(':');
}

/** The value of a field under whichever spelling it has; empty text counts as absent. @throws Disagreement */
function one(body: HookBody, field: Field): string | null {
  const values = new Set(SPELLINGS[field].map((name) => plain(body, name)).filter((value) => value !== null));
  if (values.size > 1) throw new Disagreement(`two spellings of ${field} disagree`);
  return values.values().next().value ?? null;
}

function plain(body: HookBody, name: string): string | null {
  const field = body.get(name);
  if (field === undefined || (field.kind !== 'nested' && field.text === '')) return null;
  if (field.kind === 'nested' || field.text.length > 2_000 || field.text.includes('\0')) {
    // `response` may be an object; a field that identifies something may not. No database keeps a NUL in a text.
    throw new UnreadableBody(`${name} is no short text`);
  }
  return field.text;
}

function currencyOf(body: HookBody): string | null {
  const currency = one(body, 'currency');
  return currency === null ? null : fromVendorCurrency(currency);
}

function amountOf(body: HookBody, currencyCode: string | null): bigint | null {
  const cents = plain(body, 'amount_cents');
  if (cents !== null && !/^\d{1,18}$/.test(cents)) throw new UnreadableBody('amount_cents is no whole number');
  const amounts = ['paidAmount', 'amount'].map((name) => plain(body, name)).filter((value) => value !== null);
  const minor = new Set(amounts.map((text) => fromVendorAmount(text, currencyCode)));
  if (minor.has(null)) throw new UnreadableBody('an amount that does not fit two decimals');
  if (cents !== null) minor.add(BigInt(cents));
  if (minor.size > 1) throw new Disagreement('two spellings of the amount disagree');
  return minor.values().next().value ?? null;
}

function payloadOf(body: HookBody): string | null {
  const ids = new Set(
    ['pay_load', 'payLoad'].map((name) => {
      const field = body.get(name);
      return field === undefined ? null : readPaymentId(field.kind === 'nested' ? field.value : field.text);
    }),
  );
  ids.delete(null);
  if (ids.size > 1) throw new Disagreement('two spellings of the pay load disagree');
  return ids.values().next().value ?? null;
}
