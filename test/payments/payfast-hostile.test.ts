import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { resumeDelivery } from '../../src/webhooks.ts';
import { eventually, startTestApp, type TestApp } from '../helpers/app.ts';
import { brokenLaws } from '../helpers/books.ts';
import { PayfastShop, type Checkout } from '../helpers/payfast-shop.ts';

/** What anybody may send to the address of notifications, and what is replayed of it: the four checks of spec 2.5 (COM-7, COM-8, BEY-7). */
let world: TestApp;
let payfast: PayfastShop;
let otherPassphrase: string;
let otherMerchant: string;
const PROXY = '127.0.0.1';
const STRANGER = '203.0.113.9';
beforeAll(async () => {
  world = await startTestApp({
    worker: false,
    environment: { TRUSTED_PROXIES: PROXY },
  });
  payfast = await PayfastShop.open(world);
  const [other] = await world.owner('select id from tenants where slug = $1', [world.facts.otherTenantSlug]);
  const { credentials } = (await world.app.gateways.connect(other.id, 'PAYFAST'))!;
  otherPassphrase = credentials['PASSPHRASE']!;
  otherMerchant = credentials['MERCHANT_ID']!;
});
afterAll(() => world.stop());

/** Everything that a delivery could have moved. */
const everything = async () =>
  (
    await world.owner(`select (select json_agg(o order by id) from orders o) as orders, (select json_agg(p order by id) from payments p) as payments,
      (select count(*) from events) as events, (select count(*) from invoices) as invoices,
      (select json_agg(l order by id) from ledger_accounts l) as ledger, (select count(*) from ledger_entries) as entries`)
  )[0];

const newest = async (slug = payfast.account) =>
  (
    await world.owner(
      `select d.verdict, d.detail, d.payment_id from webhook_deliveries d join tenants t on t.id = d.tenant_id
       where t.slug = $1 order by d.received_at desc, d.id desc limit 1`,
      [slug],
    )
  )[0];

interface Forgery {
  readonly name: string;
  readonly body: (checkout: Checkout) => string;
  readonly headers?: Record<string, string>;
  readonly slug?: () => string;
  readonly status: number;
  readonly verdict: string;
  readonly detail: string;
  /** The delivery is stored as one about this payment. */
  readonly about?: true;
}

const OWN = (checkout: Checkout) => payfast.notification(checkout, 'COMPLETE');
const FORGERIES: readonly Forgery[] = [
  {
    name: 'signed under a guess',
    body: (checkout) => payfast.notification(checkout, 'COMPLETE', {}, 'a guess'),
    status: 401,
    verdict: 'BAD_SIGNATURE',
    detail: 'the signature does not match',
  },
  {
    name: 'without a signature',
    body: (checkout) => OWN(checkout).replace(/&signature=.*$/, ''),
    status: 401,
    verdict: 'BAD_SIGNATURE',
    detail: 'there is no signature',
  },
  {
    name: 'with an amount that was changed on its way',
    body: (checkout) => OWN(checkout).replace('amount_gross=249.90', 'amount_gross=999.90'),
    status: 401,
    verdict: 'BAD_SIGNATURE',
    detail: 'the signature does not match',
  },
  {
    name: 'with the fields in another order',
    body: (checkout) => OWN(checkout).replace(/^(m_payment_id=[^&]*)&(pf_payment_id=[^&]*)/, '$2&$1'),
    status: 401,
    verdict: 'BAD_SIGNATURE',
    detail: 'the signature does not match',
  },
  {
    name: 'from an address that is not the vendor’s',
    body: OWN,
    headers: { 'x-forwarded-for': STRANGER },
    status: 401,
    verdict: 'BAD_SIGNATURE',
    detail: 'the source address is not the gateway',
  },
  {
    name: 'from a stranger who writes the vendor’s address in front of his own',
    body: OWN,
    headers: { 'x-forwarded-for': `127.0.0.1, 197.97.145.145, ${STRANGER}` },
    status: 401,
    verdict: 'BAD_SIGNATURE',
    detail: 'the source address is not the gateway',
  },
  {
    name: 'from something that is no address',
    body: OWN,
    headers: { 'x-forwarded-for': 'somewhere' },
    status: 401,
    verdict: 'BAD_SIGNATURE',
    detail: 'the source address is not known',
  },
  {
    name: 'for another merchant, although rightly signed',
    body: (checkout) => payfast.notification(checkout, 'COMPLETE', { merchant_id: otherMerchant }),
    status: 401,
    verdict: 'BAD_SIGNATURE',
    detail: 'the notification is for another merchant',
  },
  {
    name: 'signed by another tenant, at this tenant’s address',
    body: (checkout) => payfast.notification(checkout, 'COMPLETE', { merchant_id: otherMerchant }, otherPassphrase),
    status: 401,
    verdict: 'BAD_SIGNATURE',
    detail: 'the signature does not match',
  },
  {
    name: 'of another tenant’s own, that names this tenant’s payment',
    body: (checkout) => payfast.notification(checkout, 'COMPLETE', { merchant_id: otherMerchant }, otherPassphrase),
    slug: () => world.facts.otherTenantSlug,
    status: 200,
    verdict: 'UNKNOWN_PAYMENT',
    detail: '',
  },
  {
    name: 'of a payment that nobody ever began',
    body: (checkout) =>
      payfast.notification(checkout, 'COMPLETE', { m_payment_id: '00000000-0000-4000-8000-00000000beef' }),
    status: 200,
    verdict: 'UNKNOWN_PAYMENT',
    detail: '',
  },
  {
    name: 'that says COMPLETE under a stolen passphrase: the vendor disowns it',
    body: OWN,
    status: 200,
    verdict: 'MISMATCH',
    detail: 'The gateway says that this is not its own word.',
    about: true,
  },
  {
    name: 'of another amount under a stolen passphrase',
    body: (checkout) => payfast.notification(checkout, 'COMPLETE', { amount_gross: '5.00' }),
    status: 200,
    verdict: 'MISMATCH',
    detail: 'The gateway says that this is not its own word.',
    about: true,
  },
  {
    name: 'that says FAILED under a stolen passphrase',
    body: (checkout) => payfast.notification(checkout, 'FAILED'),
    status: 200,
    verdict: 'MISMATCH',
    detail: 'The gateway says that this is not its own word.',
    about: true,
  },
  {
    name: 'that is no form',
    body: () => '{"payment_status":"COMPLETE"}',
    status: 400,
    verdict: 'MALFORMED',
    detail: 'a field without a proper name',
  },
  { name: 'that is empty', body: () => '', status: 400, verdict: 'MALFORMED', detail: 'a field without a proper name' },
  {
    name: 'that names a field twice',
    body: (checkout) => `payment_status=FAILED&${OWN(checkout)}`,
    status: 400,
    verdict: 'MALFORMED',
    detail: 'a field is given twice',
  },
  {
    name: 'without an id of the transaction',
    body: (checkout) => payfast.notification(checkout, 'COMPLETE', { pf_payment_id: '' }),
    status: 400,
    verdict: 'MALFORMED',
    detail: 'pf_payment_id is no number',
  },
];

describe('a notification that is not the vendor’s moves nothing and stands in the journal', () => {
  test.each(FORGERIES)('$name: $status $verdict', async ({ body, headers, slug, status, verdict, detail, about }) => {
    const checkout = await payfast.checkedOut();
    const before = await everything();
    const where = slug?.() ?? payfast.account;
    const reply = await payfast.deliver(body(checkout), { slug: where, ...(headers && { headers }) });
    expect(reply).toMatchObject({ status, verdict });
    expect(await everything()).toEqual(before);
    const stored = await newest(where);
    expect(stored).toMatchObject({ verdict, payment_id: about ? checkout.id : null });
    expect(stored.detail ?? '').toBe(detail);
  });

  test('and does not keep the true one out, which comes through the same proxy', async () => {
    const checkout = await payfast.checkedOut();
    const body = payfast.notification(checkout, 'COMPLETE');
    expect((await payfast.deliver(body)).verdict).toBe('MISMATCH');
    await payfast.silently(checkout, 'pay');
    const reply = await payfast.deliver(body, { headers: { 'x-forwarded-for': '127.0.0.2' } });
    expect(reply).toEqual({ status: 200, verdict: 'ACCEPTED', word: 'ok' });
    expect(await payfast.stateOf(checkout)).toEqual({ order: 'PAID', shown: 'PAID', payment: 'PAID' });
  });

  test('beyond 64 KiB is refused before it is read; an unknown tenant and a gateway it has not set up are not there', async () => {
    expect((await payfast.deliver(`x=${'y'.repeat(65 * 1024)}`)).status).toBe(413);
    expect((await payfast.deliver('x=y', { slug: 'nobody' })).status).toBe(404);
    await world.owner(
      "delete from payment_gateway_configs where gateway = 'PAYFAST' and tenant_id = (select id from tenants where slug = $1)",
      [world.facts.otherTenantSlug],
    );
    expect((await payfast.deliver('x=y', { slug: world.facts.otherTenantSlug })).status).toBe(404);
  });
});

describe('a replay', () => {
  const REPLAY = `mutation ($input: ReplayWebhookInput!) { replayWebhook(input: $input) {
    replay { verdict note paymentStatus { from to } orderStatus { from to } } webhookDelivery { id verdict body } userErrors { code } } }`;
  const replay = async (deliveryId: string, dryRun: boolean) =>
    (await world.data(payfast.shop.operator, REPLAY, { input: { deliveryId, dryRun } })).replayWebhook;
  const idOf = async (paymentId: string) => {
    const [row] = await world.owner(
      'select id from webhook_deliveries where payment_id = $1 order by received_at desc, id desc limit 1',
      [paymentId],
    );
    return payfast.shop.node('WebhookDelivery', row.id);
  };
  async function unconfirmed(): Promise<Checkout> {
    const checkout = await payfast.checkedOut();
    const body = payfast.notification(checkout, 'COMPLETE');
    await payfast.silently(checkout, 'pay');
    await payfast.withFaults([{ operation: 'validate', fault: 'status5xx', status: 503 }], () => payfast.deliver(body));
    return checkout;
  }

  test('as a dry run tells what it would change and changes nothing; for real it changes that, once (BEY-7)', async () => {
    const checkout = await unconfirmed();
    const deliveryId = await idOf(checkout.id);
    const before = await everything();
    const foreseen = {
      verdict: 'ACCEPTED',
      paymentStatus: { from: 'PENDING', to: 'PAID' },
      orderStatus: { from: 'ISSUED', to: 'PAID' },
    };
    expect(await replay(deliveryId, true)).toMatchObject({ replay: foreseen, userErrors: [] });
    expect(await everything()).toEqual(before);
    expect(await replay(deliveryId, false)).toMatchObject({
      replay: foreseen,
      webhookDelivery: { verdict: 'ACCEPTED' },
    });
    expect(await payfast.stateOf(checkout)).toEqual({ order: 'PAID', shown: 'PAID', payment: 'PAID' });
    expect(await payfast.shop.paymentRow(checkout.id)).toMatchObject({ gateway_key: checkout.transaction });
    expect(await replay(deliveryId, false)).toMatchObject({ replay: { verdict: 'ALREADY_PROCESSED' } });
    expect(await payfast.shop.postings(checkout.id)).toEqual(['SETTLEMENT']);
  });

  test('of a second success: the dry run shows the payment that would be held, and makes none', async () => {
    const begun = await payfast.begun();
    const [one, other] = [await payfast.checkedOut(begun), await payfast.checkedOut(begun)];
    await payfast.silently(one, 'pay');
    await payfast.deliver(payfast.notification(one, 'COMPLETE'));
    await payfast.silently(other, 'pay');
    await payfast.withFaults([{ operation: 'validate', fault: 'status5xx', status: 503 }], () =>
      payfast.deliver(payfast.notification(other, 'COMPLETE')),
    );
    const deliveryId = await idOf(begun.id);
    const before = await everything();
    const foreseen = {
      verdict: 'ACCEPTED',
      paymentStatus: { from: 'UNPAID', to: 'UNDER_REVIEW' },
      orderStatus: { from: 'PAID', to: 'PAID' },
      note: expect.stringContaining('second success'),
    };
    expect(await replay(deliveryId, true)).toMatchObject({ replay: foreseen });
    expect(await everything()).toEqual(before);
    expect(await replay(deliveryId, false)).toMatchObject({ replay: foreseen });
    expect(await payfast.paymentsOf(begun.orderId)).toMatchObject([{ status: 'PAID' }, { status: 'UNDER_REVIEW' }]);
    expect(await replay(deliveryId, true)).toMatchObject({ replay: { verdict: 'ALREADY_PROCESSED' } });
    expect(await payfast.paymentsOf(begun.orderId)).toHaveLength(2);
  });

  test('of one that the vendor disowns is a MISMATCH, dry and for real', async () => {
    const checkout = await payfast.checkedOut();
    await payfast.deliver(payfast.notification(checkout, 'COMPLETE'));
    const deliveryId = await idOf(checkout.id);
    const before = await everything();
    for (const dryRun of [true, false])
      expect(await replay(deliveryId, dryRun)).toMatchObject({ replay: { verdict: 'MISMATCH', paymentStatus: null } });
    expect(await everything()).toEqual(before);
  });

  test('of a true one that came by an address nobody knew: the vendor’s own word settles it', async () => {
    const checkout = await payfast.checkedOut();
    const body = payfast.notification(checkout, 'COMPLETE');
    await payfast.silently(checkout, 'pay');
    expect((await payfast.deliver(body, { headers: { 'x-forwarded-for': STRANGER } })).verdict).toBe('BAD_SIGNATURE');
    const [row] = await world.owner(
      "select id from webhook_deliveries where verdict = 'BAD_SIGNATURE' order by received_at desc, id desc limit 1",
    );
    expect(await replay(payfast.shop.node('WebhookDelivery', row.id), false)).toMatchObject({
      replay: { verdict: 'ACCEPTED', paymentStatus: { from: 'PENDING', to: 'PAID' } },
    });
  });

  test('shows the body with its signature masked', async () => {
    const checkout = await unconfirmed();
    const { webhookDelivery } = await replay(await idOf(checkout.id), true);
    expect(webhookDelivery.body).toContain(`m_payment_id=${checkout.id}`);
    expect(webhookDelivery.body).toContain('signature=[masked]');
    expect(webhookDelivery.body).not.toMatch(/signature=[0-9a-f]{32}/);
  });

  test('a delivery whose process died is worked again without a source address', async () => {
    const checkout = await payfast.checkedOut();
    const body = payfast.notification(checkout, 'COMPLETE');
    await payfast.deliver(body);
    await payfast.silently(checkout, 'pay');
    const [{ id }] = await world.owner(
      "update webhook_deliveries set verdict = 'RECEIVED', processed_at = null where payment_id = $1 returning id",
      [checkout.id],
    );
    await resumeDelivery(world.app, payfast.shop.scope, id);
    expect(await payfast.stateOf(checkout)).toEqual({ order: 'PAID', shown: 'PAID', payment: 'PAID' });
    expect(await payfast.shop.verdicts(checkout.id)).toEqual(['ACCEPTED']);
  });
});

test('a forged one that the vendor’s own page is told to send beside the true one does no harm', async () => {
  const checkout = await payfast.checkedOut();
  await payfast.withFaults([{ operation: 'pay', fault: 'forgedWebhook' }], () => payfast.act(checkout, 'pay'));
  await eventually(
    () => payfast.stateOf(checkout),
    ({ order }) => order === 'PAID',
  );
  expect(await payfast.shop.postings(checkout.id)).toEqual(['SETTLEMENT']);
});

test('after all of this the books still agree', async () => {
  expect(await brokenLaws(world)).toEqual({});
});
