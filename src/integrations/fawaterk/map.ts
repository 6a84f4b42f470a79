import { Temporal } from 'temporal-polyfill';
import type { z } from 'zod';
import type { GatewayMethod, GatewayPaymentState, InitiateInput, InitiatedPayment } from '../contract.ts';
import { fromVendorAmount, fromVendorCurrency, toVendorAmount, toVendorCurrency } from './money.ts';
import type { InitiatedAnswer, InvoiceAnswer, MethodsAnswer } from './wire.ts';

/** Pure conversion between Fawaterk's shapes and ours. */

export function toMethods(answer: z.infer<typeof MethodsAnswer>): GatewayMethod[] {
  return answer.data.map((method) => ({
    id: method.paymentId,
    nameEn: method.name_en,
    nameAr: method.name_ar || null,
    kind:
      method.redirect === true || method.redirect === 'true' || method.redirect === '1' ? 'REDIRECT' : 'REFERENCE_CODE',
    logoUrl: webUrl(method.logo ?? null),
  }));
}

/** The body of invoiceInitPay, or the sentence that says why this payment cannot be asked for at all. */
export function fromInitiateInput(input: InitiateInput): { body: string } | { refused: string } {
  const currency = toVendorCurrency(input.currencyCode);
  if (currency === null) return { refused: `the gateway does not take ${input.currencyCode.slice(0, 3)}` };
  if (!/^\d{1,9}$/.test(input.methodId)) return { refused: 'the payment method id is no number' };
  const total = toVendorAmount(input.amountMinor, input.currencyCode);
  const lines = linesThatSum(input);
  if (total === null || lines === null) return { refused: 'an amount does not fit two decimals' };
  return {
    body: JSON.stringify({
      payment_method_id: Number(input.methodId),
      cartTotal: total,
      currency,
      invoice_number: input.orderNumber,
      customer: {
        first_name: input.customer.firstName,
        last_name: input.customer.lastName,
        ...(input.customer.email !== null && { email: input.customer.email }),
        ...(input.customer.phone !== null && { phone: input.customer.phone }),
      },
      cartItems: lines,
      redirectionUrls: {
        successUrl: input.returnUrls.success,
        failUrl: input.returnUrls.failure,
        pendingUrl: input.returnUrls.pending,
        webhookUrl: input.webhookUrl,
      },
      lang: input.locale.toLowerCase().startsWith('ar') ? 'ar' : 'en',
      payLoad: { payment_id: input.paymentId },
    }),
  };
}

interface Line {
  readonly name: string;
  readonly price: string;
  readonly quantity: string;
}

/**
 * The vendor checks that price times quantity sums to cartTotal. Where our total differs from our lines (tax added on
 * the total, a discount, a partial payment) the cart becomes one line of the whole amount, because an order
 * must not be unpayable for its arithmetic.
 * Null where an amount does not fit.
 */
function linesThatSum(input: InitiateInput): Line[] | null {
  const sum = input.items.reduce((total, item) => total + item.unitPriceMinor * BigInt(item.quantity), 0n);
  const items =
    sum === input.amountMinor && input.items.length > 0
      ? input.items
      : [{ name: input.orderNumber, quantity: 1, unitPriceMinor: input.amountMinor }];
  const lines = items.map((item) => ({
    name: item.name,
    price: toVendorAmount(item.unitPriceMinor, input.currencyCode),
    quantity: String(item.quantity),
  }));
  return lines.every((line): line is Line => line.price !== null) ? lines : null;
}

export function toInitiatedPayment(answer: z.infer<typeof InitiatedAnswer>, timeZone: string): InitiatedPayment {
  const how = answer.data.payment_data;
  return {
    gatewayReference: answer.data.invoice_id,
    gatewayKey: answer.data.invoice_key,
    paymentUrl: webUrl(how?.redirectTo ?? null),
    referenceCode: how?.fawryCode ?? how?.meezaReference ?? how?.amanCode ?? how?.masaryCode ?? null,
    expiresAt: readTime(how?.expireDate ?? null, timeZone),
  };
}

export function toPaymentState(answer: z.infer<typeof InvoiceAnswer>, timeZone: string): GatewayPaymentState {
  const invoice = answer.data;
  // The newer read converts `total` to EGP, so what was paid wins where it is told (payment-gateways.md 1.4).
  const told = invoice.paidAmount !== null && invoice.paidCurrency !== null;
  const amount = told ? invoice.paidAmount : invoice.total;
  const currency = told ? invoice.paidCurrency : invoice.currency;
  const written = currency === null ? null : fromVendorCurrency(currency);
  const currencyCode = written !== null && /^[A-Z]{3}$/.test(written) ? written : null;
  return {
    gatewayReference: invoice.invoice_id,
    status: invoice.paid === '1' ? 'PAID' : unpaidStatus(invoice.invoice_status ?? invoice.status_text),
    // Without a currency an amount says nothing: how many minor units it is depends on it.
    amountMinor: amount === null || currencyCode === null ? null : fromVendorAmount(amount, currencyCode),
    currencyCode,
    paidAt: readTime(invoice.paid_at, timeZone),
    paymentId: readPaymentId(invoice.pay_load),
    methodName: invoice.payment_method,
  };
}

/** Never PAID: only `paid` decides that. A status text without a known meaning leaves the payment open. */
function unpaidStatus(text: string | null): 'PENDING' | 'FAILED' | 'EXPIRED' {
  const status = (text ?? '').toLowerCase();
  if (status === 'expired') return 'EXPIRED';
  return status === 'failed' || status === 'canceled' || status === 'cancelled' ? 'FAILED' : 'PENDING';
}

/** Our payment id as echoed in the pay load: an object, JSON text, empty text or null (payment-gateways.md 1.5). */
export function readPaymentId(payload: unknown): string | null {
  let value = payload;
  if (typeof value === 'string') {
    try {
      value = JSON.parse(value);
    } catch {
      return null;
    }
  }
  const id = typeof value === 'object' && value !== null && 'payment_id' in value ? value.payment_id : null;
  return typeof id === 'string' && /^[\w-]{1,64}$/.test(id) ? id : null;
}

/**
 * `YYYY-MM-DD HH:MM:SS` without a zone, read in the given IANA zone (Africa/Cairo is likely, not confirmed); with an
 * offset or Z it means what it says. Null for anything else.
 */
export function readTime(text: string | null, timeZone: string): Date | null {
  if (text === null || !/^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}/.test(text)) return null;
  const iso = text.trim().replace(' ', 'T');
  try {
    const instant = /(?:Z|[+-]\d{2}:?\d{2})$/.test(iso)
      ? Temporal.Instant.from(iso)
      : Temporal.PlainDateTime.from(iso).toZonedDateTime(timeZone).toInstant();
    return new Date(instant.epochMilliseconds);
  } catch {
    return null;
  }
}

/** A customer is sent there: anything but a web address (javascript: and its like) counts as absent. */
function webUrl(text: string | null): string | null {
  const url = text === null ? null : URL.parse(text);
  return url?.protocol === 'https:' || url?.protocol === 'http:' ? url.href : null;
}
