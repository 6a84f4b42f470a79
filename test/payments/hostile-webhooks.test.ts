import { createHmac } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startTestApp, type TestApp } from '../helpers/app.ts';
import { brokenLaws } from '../helpers/books.ts';
import { PayfastShop, type Checkout } from '../helpers/payfast-shop.ts';
import { Shop, type Started } from '../helpers/shop.ts';
import { GATEWAYS, payuHook } from '../proof/gateway-entries.ts';
import { makePending, type PendingPayment } from '../proof/pending-payments.ts';

/**
 * Forged, tampered, replayed and misdirected deliveries of each gateway: nothing but the journal changes, and the journal has the verdict
 * (COM-7, COM-8). What else may come to PayFast's address is in payfast-hostile.test.ts.
 */
let world: TestApp;
let shop: Shop;
let payfast: PayfastShop;
let otherShopsKey: string;
let bystander: Started;
let payuMerchant: Readonly<Record<string, string>>;
beforeAll(async () => {
  world = await startTestApp({ worker: false });
  shop = await Shop.open(world);
  payfast = await PayfastShop.open(world);
  bystander = await shop.started();
  payuMerchant = (await world.app.gateways.connect(shop.tenantId, 'PAYU'))!.credentials;
  const [other] = await world.owner('select id from tenants where slug = $1', [world.facts.otherTenantSlug]);
  otherShopsKey = (await world.app.gateways.connect(other.id, 'FAWATERK'))!.credentials['VENDOR_KEY']!;
});
afterAll(() => world.stop());

/** Everything a delivery could have moved; when the gateway is asked next is no state of the money. */
const everything = async () =>
  (
    await world.owner(`select
      (select json_agg(o order by id) from orders o) as orders,
      (select json_agg(to_jsonb(p) - 'next_poll_at' - 'poll_attempts' order by id) from payments p) as payments,
      (select json_agg(r order by id) from refunds r) as refunds,
      (select json_agg(v order by id) from invoices v) as invoices,
      (select json_agg(a order by id) from ledger_accounts a) as accounts,
      (select json_agg(t order by id) from ledger_transactions t) as transactions,
      (select count(*) from ledger_entries) as entries,
      (select json_agg(h order by id) from ledger_holds h) as holds,
      (select json_agg(c order by tenant_id, kind) from number_counters c) as numbers,
      (select count(*) from events) as events`)
  )[0];

interface Sent {
  readonly body: string;
  /** Path of the gateway and the tenant it is sent to; by default where it belongs. */
  readonly gateway?: string;
  readonly tenant?: string;
  readonly type?: string;
}

interface Attack<Target> {
  readonly name: string;
  readonly on: 'a pending payment' | 'a failed payment' | 'a paid payment' | 'a refund under way';
  readonly send: (target: Target) => Sent;
  readonly status: number;
  readonly verdict: string;
  /** The journal names the payment. */
  readonly about?: true;
}

interface Gateway<Target extends { readonly id: string }> {
  readonly slug: string;
  readonly type: string;
  readonly target: (on: Attack<Target>['on']) => Promise<Target>;
  readonly attacks: readonly Attack<Target>[];
}

const REFUSED = { status: 401, verdict: 'BAD_SIGNATURE' } as const;
const KNOWN = { status: 200, verdict: 'ALREADY_PROCESSED', about: true } as const;
const MISMATCH = { status: 200, verdict: 'MISMATCH', about: true } as const;
const PENDING = 'a pending payment';
const PAID = 'a paid payment';

const FORM = 'application/x-www-form-urlencoded';
const paidHook = ({ invoice }: Started, change: Record<string, unknown> = {}) =>
  shop.hook('paid', invoice, change).body;
const hashOf = (body: string): string => JSON.parse(body).hashKey;
const refundHook = (target: Started, amount: string, signedAmount = amount) =>
  shop.signed(
    { transactionId: target.invoice.invoiceId, amount, currency: 'EGP', status: 1, approvedAt: '2026-06-02 10:15:00' },
    `transactionId=${target.invoice.invoiceId}&amount=${signedAmount}&currency=EGP`,
  ).body;
const theirs = (body: string, text: string) =>
  JSON.stringify({ ...JSON.parse(body), hashKey: createHmac('sha256', otherShopsKey).update(text).digest('hex') });
const invoiceText = ({ invoice }: Started) =>
  `InvoiceId=${invoice.invoiceId}&InvoiceKey=${invoice.invoiceKey}&PaymentMethod=${invoice.method}`;
const otherTenant = () => world.facts.otherTenantSlug;

const FAWATERK: Gateway<Started> = {
  slug: 'fawaterk',
  type: 'application/json',
  target: async (on) => {
    const started = await shop.started();
    if (on === 'a failed payment') {
      await shop.atGateway(started, 'fail');
      await shop.deliver(shop.hook('failed', started.invoice));
    }
    if (on === 'a paid payment' || on === 'a refund under way') await shop.paid(started);
    if (on === 'a refund under way') {
      const input = { paymentId: started.paymentId, reason: 'a scratch', amount: '40.00' };
      const REFUND = 'mutation ($input: RefundPaymentInput!) { refundPayment(input: $input) { userErrors { code } } }';
      const { refundPayment } = await world.data(shop.operator, REFUND, { input });
      expect(refundPayment.userErrors).toEqual([]);
    }
    return started;
  },
  attacks: [
    {
      name: 'the end of another payment, whose hash covers the reference only, with this one’s invoice written in',
      on: PENDING,
      send: (t) => ({
        body: shop.hook('cancel', bystander.invoice, {
          transactionId: t.invoice.invoiceId,
          transactionKey: t.invoice.invoiceKey,
          pay_load: t.invoice.payLoad,
          // Genuinely signed, about a code that is nobody's here.
          ...JSON.parse(
            shop.signed({ referenceId: '770011' }, `referenceId=770011&PaymentMethod=${t.invoice.method}`).body,
          ),
        }).body,
      }),
      ...KNOWN,
    },
    {
      name: 'a hash of nobody',
      on: PENDING,
      send: (t) => ({ body: paidHook(t, { hashKey: 'f'.repeat(64) }) }),
      ...REFUSED,
    },
    {
      name: 'a hash in part',
      on: PENDING,
      send: (t) => ({ body: paidHook(t, { hashKey: hashOf(paidHook(t)).slice(0, 63) }) }),
      ...REFUSED,
    },
    { name: 'no hash', on: PENDING, send: (t) => ({ body: paidHook(t, { hashKey: undefined }) }), ...REFUSED },
    {
      name: 'another invoice under this hash',
      on: PENDING,
      send: (t) => ({ body: paidHook(t, { invoice_id: bystander.invoice.invoiceId }) }),
      ...REFUSED,
    },
    {
      name: 'another invoice key under this hash',
      on: PENDING,
      send: (t) => ({ body: paidHook(t, { invoice_key: 'x' }) }),
      ...REFUSED,
    },
    {
      name: 'another method under this hash',
      on: PENDING,
      send: (t) => ({ body: paidHook(t, { payment_method: 'Fawry' }) }),
      ...REFUSED,
    },
    {
      name: 'the id of another payment of ours in the pay load',
      on: PENDING,
      send: (t) => ({ body: paidHook(t, { pay_load: { payment_id: bystander.id } }) }),
      ...MISMATCH,
    },
    { name: 'paid, although nothing was paid', on: PENDING, send: (t) => ({ body: paidHook(t) }), ...MISMATCH },
    {
      name: "a failed payment's valid hash on a body that says paid",
      on: 'a failed payment',
      send: (t) => ({ body: paidHook(t, { hashKey: hashOf(shop.hook('failed', t.invoice).body) }) }),
      ...MISMATCH,
    },
    {
      name: 'a valid hash, another amount',
      on: PENDING,
      send: (t) => ({ body: paidHook(t, { paidAmount: '1.00' }) }),
      ...MISMATCH,
    },
    {
      name: 'a valid hash, another currency',
      on: PENDING,
      send: (t) => ({ body: paidHook(t, { paidCurrency: 'USD' }) }),
      ...MISMATCH,
    },
    {
      name: 'a valid hash, another amount',
      on: PAID,
      send: (t) => ({ body: paidHook(t, { paidAmount: '1.00' }) }),
      ...MISMATCH,
    },
    // Kind, invoice, status and amount are what tells deliveries apart (spec 1.10).
    {
      name: 'a valid hash, another currency: a repeat',
      on: PAID,
      send: (t) => ({ body: paidHook(t, { paidCurrency: 'USD' }) }),
      ...KNOWN,
    },
    {
      name: 'a valid hash, the status changed to failed',
      on: PAID,
      send: (t) => ({ body: paidHook(t, { invoice_status: 'failed' }) }),
      ...KNOWN,
    },
    {
      name: 'a valid hash, the status changed to pending',
      on: PAID,
      send: (t) => ({ body: paidHook(t, { invoice_status: 'pending' }) }),
      ...KNOWN,
    },
    { name: 'the end of its time', on: PAID, send: (t) => ({ body: shop.hook('cancel', t.invoice).body }), ...KNOWN },
    { name: 'the same once more', on: PAID, send: (t) => ({ body: paidHook(t) }), ...KNOWN },
    {
      name: 'the same as a form',
      on: PAID,
      send: (t) => ({
        body: new URLSearchParams(Object.entries<string>(JSON.parse(paidHook(t, { pay_load: '' })))).toString(),
        type: FORM,
      }),
      ...KNOWN,
    },
    {
      name: "another shop's hash at this shop's address",
      on: PENDING,
      send: (t) => ({ body: theirs(paidHook(t), invoiceText(t)) }),
      ...REFUSED,
    },
    {
      name: "this shop's true delivery at another shop's address",
      on: PENDING,
      send: (t) => ({ body: paidHook(t), tenant: otherTenant() }),
      ...REFUSED,
    },
    {
      name: "another shop's own, that names this shop's payment",
      on: PENDING,
      send: (t) => ({ body: theirs(paidHook(t), invoiceText(t)), tenant: otherTenant() }),
      status: 200,
      verdict: 'UNKNOWN_PAYMENT',
    },
    {
      name: "at another gateway's address",
      on: PENDING,
      send: (t) => ({ body: paidHook(t), gateway: 'payfast' }),
      status: 400,
      verdict: 'MALFORMED',
    },
    {
      name: 'a refund of another amount',
      on: 'a refund under way',
      send: (t) => ({ body: refundHook(t, '50.00') }),
      ...MISMATCH,
    },
    {
      name: 'a refund of another amount under its hash',
      on: 'a refund under way',
      send: (t) => ({ body: refundHook(t, '90.00', '40.00') }),
      ...REFUSED,
    },
  ],
};

const note = (checkout: Checkout, status: 'COMPLETE' | 'FAILED' = 'COMPLETE') => payfast.notification(checkout, status);

const PAYFAST: Gateway<Checkout> = {
  slug: 'payfast',
  type: FORM,
  target: async (on) => {
    const checkout = await payfast.checkedOut();
    if (on === PAID) {
      await payfast.silently(checkout, 'pay');
      expect((await payfast.deliver(note(checkout))).verdict).toBe('ACCEPTED');
    }
    return checkout;
  },
  attacks: [
    {
      name: 'the status changed to paid',
      on: PENDING,
      send: (t) => ({ body: note(t, 'FAILED').replace('=FAILED', '=COMPLETE') }),
      ...REFUSED,
    },
    {
      name: 'the status changed to failed',
      on: PAID,
      send: (t) => ({ body: note(t).replace('=COMPLETE', '=FAILED') }),
      ...REFUSED,
    },
    {
      name: 'another payment under this signature',
      on: PAID,
      send: (t) => ({ body: note(t).replace(t.id, bystander.id) }),
      ...REFUSED,
    },
    {
      name: 'another transaction under this signature',
      on: PAID,
      send: (t) => ({ body: note(t).replace(`=${t.transaction}`, `=${t.transaction}9`) }),
      ...REFUSED,
    },
    {
      name: 'another amount under this signature',
      on: PAID,
      send: (t) => ({ body: note(t).replace('gross=249.90', 'gross=9.90') }),
      ...REFUSED,
    },
    {
      name: 'another amount, signed anew: disowned',
      on: PAID,
      send: (t) => ({ body: payfast.notification(t, 'COMPLETE', { amount_gross: '9.90', pf_payment_id: '77' }) }),
      ...MISMATCH,
    },
    {
      name: 'fields behind the signature',
      on: PAID,
      send: (t) => ({ body: `${note(t)}&payment_status=FAILED` }),
      ...KNOWN,
    },
    { name: 'the same once more', on: PAID, send: (t) => ({ body: note(t) }), ...KNOWN },
    {
      name: "this shop's true delivery at another shop's address",
      on: PENDING,
      send: (t) => ({ body: note(t), tenant: otherTenant() }),
      ...REFUSED,
    },
    {
      name: "at another gateway's address",
      on: PENDING,
      send: (t) => ({ body: note(t), gateway: 'fawaterk' }),
      status: 400,
      verdict: 'MALFORMED',
    },
  ],
};

const newest = async (tenant: string) =>
  (
    await world.owner(
      `select d.source, d.verdict, d.payment_id from webhook_deliveries d join tenants t on t.id = d.tenant_id
       where t.slug = $1 order by d.received_at desc, d.id desc limit 1`,
      [tenant],
    )
  )[0];

function promises<Target extends { readonly id: string }>({ slug, type, target, attacks }: Gateway<Target>): void {
  describe(`${slug}: nothing moves, and the journal has the verdict`, () => {
    test.each(attacks)('on $on: $name: $verdict', async ({ on, send, status, verdict, about }) => {
      const victim = await target(on);
      const { body, gateway = slug, tenant = shop.account, type: sentAs = type } = send(victim);
      const path = `/webhooks/payments/${gateway}/${tenant}`;
      const before = await everything();
      const reply = await world.request('POST', path, { headers: { 'content-type': sentAs }, body });
      expect([reply.status, JSON.parse(reply.text).verdict]).toEqual([status, verdict]);
      const stored = { source: gateway, verdict, payment_id: about ? victim.id : null };
      expect(await newest(tenant)).toEqual(stored);
      // Once more, by a connection of its own: the same answer, and a row of its own.
      const again = await fetch(new URL(path, world.url), {
        method: 'POST',
        headers: { 'content-type': sentAs },
        body,
      });
      expect([again.status, (await again.json()).verdict]).toEqual([status, verdict]);
      expect(await newest(tenant)).toEqual(stored);
      expect(await everything()).toEqual(before);
    });
  });
}

type Rupees = PendingPayment & { readonly id: string };

/** A result under this shop's key and salt, or others'. */
const result = (target: Rupees, label: 'paid' | 'failed', salt?: string) =>
  payuHook(payuMerchant, target, { label, amountMinor: 10_000n, transaction: '403993715521', genuine: false }, salt);
const resultText = (target: Rupees, label: 'paid' | 'failed' = 'paid', salt?: string) =>
  Buffer.from(result(target, label, salt).body).toString();
const callback = (target: Rupees, change: object = {}) => {
  const refund = { label: 'refund', amountMinor: 10_000n, transaction: '77', genuine: false } as const;
  const { body } = payuHook(payuMerchant, target, refund);
  return { body: JSON.stringify({ ...JSON.parse(Buffer.from(body).toString()), ...change }), type: 'application/json' };
};

const PAYU: Gateway<Rupees> = {
  slug: 'payu',
  type: FORM,
  // Nobody ever posted its form, so the vendor knows nothing of it.
  target: async () => {
    const entry = GATEWAYS.find(({ slug }) => slug === 'payu')!;
    const [payment] = await makePending(world, shop, 1, entry.pending);
    return { ...payment!, id: payment!.paymentId };
  },
  attacks: [
    {
      name: 'a hash under a guess',
      on: PENDING,
      send: (t) => ({ body: resultText(t, 'paid', 'a guess') }),
      ...REFUSED,
    },
    { name: 'no hash', on: PENDING, send: (t) => ({ body: resultText(t).replace(/&hash=.*$/, '') }), ...REFUSED },
    {
      name: 'the status changed to paid',
      on: PENDING,
      send: (t) => ({ body: resultText(t, 'failed').replace('=failure', '=success').replace('=failed', '=captured') }),
      ...REFUSED,
    },
    {
      name: 'another amount under this hash',
      on: PENDING,
      send: (t) => ({ body: resultText(t).replace('amount=100.00', 'amount=1.00') }),
      ...REFUSED,
    },
    {
      name: 'another payment under this hash',
      on: PENDING,
      send: (t) => ({ body: resultText(t).replace(`txnid=${t.reference}`, `txnid=${'0'.repeat(25)}`) }),
      ...REFUSED,
    },
    {
      name: 'another key under this hash',
      on: PENDING,
      send: (t) => ({ body: resultText(t).replace(/&key=[^&]*/, '&key=other') }),
      ...REFUSED,
    },
    {
      name: 'additional charges that nobody signed',
      on: PENDING,
      send: (t) => ({ body: `${resultText(t)}&additionalCharges=5.00` }),
      ...REFUSED,
    },
    {
      name: 'paid, rightly signed, although nothing was paid',
      on: PENDING,
      send: (t) => ({ body: resultText(t) }),
      ...MISMATCH,
    },
    {
      name: 'paid, another transaction, which is not signed',
      on: PENDING,
      send: (t) => ({ body: resultText(t).replace('mihpayid=403993715521', 'mihpayid=1') }),
      ...MISMATCH,
    },
    {
      name: 'a refund of what was never paid',
      on: PENDING,
      send: (t) => callback(t),
      status: 200,
      verdict: 'UNCONFIRMED',
      about: true,
    },
    { name: 'a refund of another merchant', on: PENDING, send: (t) => callback(t, { key: 'other' }), ...REFUSED },
    {
      name: "this shop's result at another shop's address",
      on: PENDING,
      send: (t) => ({ body: resultText(t), tenant: otherTenant() }),
      ...REFUSED,
    },
    {
      name: "at another gateway's address",
      on: PENDING,
      send: (t) => ({ body: resultText(t), gateway: 'fawaterk' }),
      status: 400,
      verdict: 'MALFORMED',
    },
  ],
};

promises(FAWATERK);
promises(PAYFAST);
promises(PAYU);

test('after all of this the books agree', async () => {
  expect(await brokenLaws(world)).toEqual({});
});
