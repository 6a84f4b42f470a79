/** How each gateway writes what the proofs play: one entry a gateway, and all of its proofs run for it. */
import { createHash } from 'node:crypto';

import type { IncomingWebhook } from '../../src/integrations/contract.ts';
import type { TestApp } from '../helpers/app.ts';
import { PayfastShop, type Checkout } from '../helpers/payfast-shop.ts';
import { Shop } from '../helpers/shop.ts';
import type { BookInvoice } from '../helpers/simulators.ts';
import type { Hook, Traits } from './alphabet.ts';
import { TRAITS } from './gateway-traits.ts';
import type { PendingOptions, PendingPayment } from './pending-payments.ts';

/** Writes a hook as the vendor does, properly signed. */
export type HookWriter = (payment: PendingPayment, hook: Hook) => IncomingWebhook;

export interface GatewayEntry {
  readonly slug: string;
  readonly traits: Traits;
  readonly pending: PendingOptions & { readonly gateway: 'FAWATERK' | 'PAYFAST' | 'PAYU' };
  /** The vendor's id of an attempt, read from a body that it confirms. */
  readonly transactionIn?: (body: Uint8Array) => string;
  open(world: TestApp): Promise<{ readonly shop: Shop; readonly write: HookWriter }>;
}

const decimal = (amountMinor: bigint): string => `${amountMinor / 100n}.${String(amountMinor % 100n).padStart(2, '0')}`;

const FAWATERK: GatewayEntry = {
  slug: 'fawaterk',
  traits: TRAITS.FAWATERK,
  pending: { gateway: 'FAWATERK', methodId: '2', currencyCode: 'EGP', reference: (_id, n) => String(n) },
  async open(world) {
    const shop = await Shop.open(world);
    return {
      shop,
      write: ({ paymentId, reference }, { label, amountMinor, transaction }) => {
        const amount = decimal(amountMinor);
        const invoice = {
          invoiceId: Number(reference),
          invoiceKey: `key${reference}`,
          method: 'Visa-Mastercard',
          payLoad: { payment_id: paymentId },
          // A reference of its own: by it the payment would be found before anything else.
          code: `9${reference}`,
          total: amount,
          currency: 'EGP',
        } as unknown as BookInvoice;
        const refund = {
          transactionId: Number(reference),
          amount,
          currency: 'EGP',
          status: 1,
          approvedAt: transaction,
        };
        const hook =
          label === 'refund'
            ? shop.signed(refund, `transactionId=${reference}&amount=${amount}&currency=EGP`)
            : shop.hook(label === 'expired' ? 'cancel' : label, invoice);
        return { headers: hook.headers, body: Buffer.from(hook.body) };
      },
    };
  },
};

const PAYFAST: GatewayEntry = {
  slug: 'payfast',
  traits: TRAITS.PAYFAST,
  pending: { gateway: 'PAYFAST', methodId: 'all', currencyCode: 'ZAR', reference: (paymentId) => paymentId },
  transactionIn: (body) => new URLSearchParams(Buffer.from(body).toString()).get('pf_payment_id') ?? '',
  async open(world) {
    const payfast = await PayfastShop.open(world);
    return {
      shop: payfast.shop,
      write: ({ paymentId }, { label, amountMinor, transaction }) => {
        const fields = { amount: decimal(amountMinor), item_name: 'Tea' };
        const checkout = { id: paymentId, transaction, fields } as unknown as Checkout;
        const body = payfast.notification(checkout, label === 'paid' ? 'COMPLETE' : 'FAILED');
        const headers = { 'content-type': 'application/x-www-form-urlencoded' };
        return { headers, body: Buffer.from(body), sourceAddress: '127.0.0.1' };
      },
    };
  },
};

/** A txnid is the payment's id in another writing (payment-gateways.md 3.2). */
const txnidOf = (paymentId: string): string =>
  BigInt(`0x${paymentId.replaceAll('-', '')}`)
    .toString(36)
    .padStart(25, '0');

/** A payment's result under the hash of section 3.4, or a refund's callback, which has none. */
export function payuHook(
  merchant: Readonly<Record<string, string>>,
  { reference }: Pick<PendingPayment, 'reference'>,
  { label, amountMinor, transaction }: Hook,
  salt = merchant['SALT']!,
): IncomingWebhook {
  const [key, amount, sourceAddress] = [merchant['MERCHANT_KEY']!, decimal(amountMinor), '127.0.0.1'];
  if (label === 'refund') {
    const callback = { action: 'refund', status: 'SUCCESS', key, merchantTxnId: reference, request_id: transaction };
    const body = Buffer.from(JSON.stringify({ ...callback, amt: amount, remark: '' }));
    return { headers: { 'content-type': 'application/json' }, body, sourceAddress };
  }
  const [status, unmappedstatus] = label === 'paid' ? ['success', 'captured'] : ['failure', 'failed'];
  const [productinfo, firstname, email] = ['Tea', 'Asha', 'asha@example.com'];
  const signed = [
    salt,
    status,
    '',
    '',
    '',
    '',
    '',
    '',
    '',
    '',
    '',
    '',
    email,
    firstname,
    productinfo,
    amount,
    reference,
    key,
  ];
  const hash = createHash('sha512').update(signed.join('|')).digest('hex');
  const buyer = { productinfo, firstname, email };
  const fields = { mihpayid: transaction, status, unmappedstatus, key, txnid: reference, amount, ...buyer, hash };
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  return { headers, body: Buffer.from(new URLSearchParams(fields).toString()), sourceAddress };
}

const PAYU: GatewayEntry = {
  slug: 'payu',
  traits: TRAITS.PAYU,
  pending: { gateway: 'PAYU', methodId: 'payu', currencyCode: 'INR', reference: txnidOf },
  async open(world) {
    const shop = await Shop.open(world);
    const { credentials } = (await world.app.gateways.connect(shop.tenantId, 'PAYU'))!;
    return { shop, write: (payment, hook) => payuHook(credentials, payment, hook) };
  },
};

export const GATEWAYS: readonly GatewayEntry[] = [FAWATERK, PAYFAST, PAYU];
