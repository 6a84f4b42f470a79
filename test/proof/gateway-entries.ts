/** How each gateway writes what the proofs play: one entry a gateway, and all of its proofs run for it. */
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
  readonly pending: PendingOptions & { readonly gateway: 'FAWATERK' | 'PAYFAST' };
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

export const GATEWAYS: readonly GatewayEntry[] = [FAWATERK, PAYFAST];
