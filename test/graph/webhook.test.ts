import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { pollPayment } from '../../src/resolvers/payment-poll.ts';
import { startWorker } from '../../src/jobs/worker.ts';
import { eventually, startTestApp, type TestApp } from '../helpers/app.ts';
import { brokenLaws } from '../helpers/books.ts';
import { Shop, rawId, type Started } from '../helpers/shop.ts';
import { everyOrder, SequenceRunner, STARTS, turnsFor } from '../proof/sequences.ts';

/** What a gateway's deliveries do to payments and orders (COM-7, COM-8), over the real endpoint and the real database. */
let world: TestApp;
let shop: Shop;
beforeAll(async () => {
  world = await startTestApp({ worker: false, environment: { WEBHOOK_CONFIRM_BUDGET_MS: '400' } });
  shop = await Shop.open(world);
});
afterAll(() => world.stop());

const stateOf = async ({ orderId, id }: Pick<Started, 'orderId' | 'id'>) => {
  const [order, payment] = await Promise.all([shop.orderRow(orderId), shop.paymentRow(id)]);
  return { order: order.status, shown: order.payment_status, payment: payment.status };
};
const deliveriesInAll = async () => Number((await world.owner('select count(*) from webhook_deliveries'))[0].count);
const post = (path: string, headers: Record<string, string>, body: string | Buffer) =>
  world.request('POST', path, { headers, body });

describe('a delivery about a payment', () => {
  test('paid: payment and order PAID, one invoice, the money in the ledger; the same again is already processed', async () => {
    const started = await shop.started({ unitPrice: '100.00', taxRate: '14' });
    expect(await shop.paid(started)).toEqual({ status: 200, verdict: 'ACCEPTED', word: 'ok' });
    expect(await stateOf(started)).toEqual({ order: 'PAID', shown: 'PAID', payment: 'PAID' });
    expect(await shop.deliver(shop.hook('paid', started.invoice))).toEqual({
      status: 200,
      verdict: 'ALREADY_PROCESSED',
      word: 'already_processed',
    });
    expect(await shop.postings(started.id)).toEqual(['SETTLEMENT']);
    expect(await shop.invoices(started.orderId)).toHaveLength(1);
    expect(await shop.moves(started.id)).toEqual(['UNPAID>PENDING', 'PENDING>PAID']);
    expect(await shop.moves(rawId(started.orderId))).toEqual(['DRAFT>ISSUED', 'ISSUED>PAID']);
  });

  test('failed: the payment FAILED, the order unchanged and still payable, by a new payment', async () => {
    const started = await shop.started();
    await shop.atGateway(started, 'fail');
    expect((await shop.deliver(shop.hook('failed', started.invoice))).verdict).toBe('ACCEPTED');
    expect(await stateOf(started)).toEqual({ order: 'ISSUED', shown: 'FAILED', payment: 'FAILED' });
    expect((await shop.paymentRow(started.id)).failure_reason).toBe('Declined by the issuer');
    const second = await shop.startedOn(started.orderId);
    expect(second.id).not.toBe(started.id);
    await shop.paid(second);
    expect(await stateOf(second)).toEqual({ order: 'PAID', shown: 'PAID', payment: 'PAID' });
  });

  test('expired: the payment EXPIRED, by its reference code, and the order still payable', async () => {
    const started = await shop.started({}, 'REFERENCE_CODE');
    await shop.atGateway(started, 'expire').catch(() => world.simulators.kiosk(started.invoice.code!, 'expire'));
    expect((await shop.deliver(shop.hook('cancel', started.invoice))).verdict).toBe('ACCEPTED');
    expect(await stateOf(started)).toEqual({ order: 'ISSUED', shown: 'EXPIRED', payment: 'EXPIRED' });
  });

  test('out of order: a failure and an expiry that come after the payment change nothing', async () => {
    const started = await shop.started();
    await shop.atGateway(started, 'fail');
    await shop.paid(started);
    for (const kind of ['failed', 'cancel', 'paid'] as const) {
      expect((await shop.deliver(shop.hook(kind, started.invoice))).verdict, kind).toBe('ALREADY_PROCESSED');
    }
    expect(await stateOf(started)).toEqual({ order: 'PAID', shown: 'PAID', payment: 'PAID' });
  });

  test('a payment that failed first and was paid at the second try is settled by the later word', async () => {
    const started = await shop.started();
    await shop.atGateway(started, 'fail');
    await shop.deliver(shop.hook('failed', started.invoice));
    expect((await shop.paid(started)).verdict).toBe('ACCEPTED');
    expect(await shop.moves(started.id)).toEqual(['UNPAID>PENDING', 'PENDING>FAILED', 'FAILED>PAID']);
  });

  test('20 at once of the same: settled once, one invoice, in the ledger once, all others already processed', async () => {
    const started = await shop.started();
    await shop.atGateway(started, 'pay');
    const hook = shop.hook('paid', started.invoice);
    const replies = await Promise.all(Array.from({ length: 20 }, () => shop.deliver(hook)));
    expect(replies.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(replies.filter(({ verdict }) => verdict === 'ACCEPTED')).toHaveLength(1);
    expect(replies.filter(({ word }) => word === 'already_processed')).toHaveLength(19);
    expect(await shop.postings(started.id)).toEqual(['SETTLEMENT']);
    expect(await shop.invoices(started.orderId)).toHaveLength(1);
    expect(await shop.moves(started.id)).toEqual(['UNPAID>PENDING', 'PENDING>PAID']);
    expect(await shop.moves(rawId(started.orderId))).toEqual(['DRAFT>ISSUED', 'ISSUED>PAID']);
    expect((await shop.verdicts(started.id)).toSorted()).toEqual(['ACCEPTED', ...Array(19).fill('ALREADY_PROCESSED')]);
  });

  test('paid, failed and expired of one payment at once end in the state the gateway itself names', async () => {
    const started = await shop.started();
    await shop.atGateway(started, 'pay');
    await Promise.all(
      (['failed', 'paid', 'cancel', 'paid', 'failed'] as const).map((kind) =>
        shop.deliver(shop.hook(kind, started.invoice)),
      ),
    );
    expect(await stateOf(started)).toEqual({ order: 'PAID', shown: 'PAID', payment: 'PAID' });
    expect(await shop.postings(started.id)).toEqual(['SETTLEMENT']);
  });
});

describe('what a delivery says is not believed', () => {
  test("a failed payment's valid hash on a body that says paid moves nothing and stands in the journal as MISMATCH", async () => {
    const started = await shop.started();
    await shop.atGateway(started, 'fail');
    const { hashKey } = JSON.parse(shop.hook('failed', started.invoice).body);
    const forged = shop.hook('paid', started.invoice, { hashKey });
    expect(await shop.deliver(forged)).toEqual({ status: 200, verdict: 'MISMATCH', word: 'mismatch' });
    expect(await stateOf(started)).toEqual({ order: 'ISSUED', shown: 'PENDING', payment: 'PENDING' });
    expect(await shop.postings(started.id)).toEqual([]);
    const { webhookDeliveries } = await world.data(
      shop.operator,
      '{ webhookDeliveries(first: 1, verdict: MISMATCH) { nodes { detail body payment { id } } } }',
    );
    expect(webhookDeliveries.nodes).toMatchObject([
      { payment: { id: started.paymentId }, body: expect.stringContaining('"invoice_status":"paid"') },
    ]);
    expect(webhookDeliveries.nodes[0].detail).toContain('nothing was moved');
    // The real payment, later, is not kept out by the forgery.
    expect((await shop.paid(started)).verdict).toBe('ACCEPTED');
  });

  test('an amount other than the gateway confirms does not count; what was really paid settles and the lie is marked', async () => {
    const started = await shop.started();
    await shop.atGateway(started, 'pay');
    expect((await shop.deliver(shop.hook('paid', started.invoice, { paidAmount: '1.00' }))).verdict).toBe('MISMATCH');
    expect(await stateOf(started)).toEqual({ order: 'PAID', shown: 'PAID', payment: 'PAID' });
    expect((await shop.paymentRow(started.id)).captured_minor).toBe('10000');
  });

  test('a wrong signature: 401 and a row in the journal, nothing else', async () => {
    const started = await shop.started();
    await shop.atGateway(started, 'pay');
    const reply = await shop.deliver(shop.hook('paid', started.invoice, { hashKey: '0'.repeat(64) }));
    expect(reply).toMatchObject({ status: 401, verdict: 'BAD_SIGNATURE' });
    expect(await shop.verdicts(started.id)).toEqual([]);
    const { webhookDeliveries } = await world.data(
      shop.operator,
      '{ webhookDeliveries(first: 1) { nodes { verdict payment { id } body } } }',
    );
    expect(webhookDeliveries.nodes).toMatchObject([
      { verdict: 'BAD_SIGNATURE', payment: null, body: expect.stringContaining('[masked]') },
    ]);
    expect(await stateOf(started)).toEqual({ order: 'ISSUED', shown: 'PENDING', payment: 'PENDING' });
  });

  test("a payment of another tenant is unknown, though the signature is that tenant's own", async () => {
    const started = await shop.started();
    await shop.atGateway(started, 'pay');
    const [other] = await world.owner('select id from tenants where slug = $1', [world.facts.otherTenantSlug]);
    const theirs = (await world.app.gateways.connect(other.id, 'FAWATERK'))!.credentials['VENDOR_KEY'];
    const { createHmac } = await import('node:crypto');
    const { invoiceId, invoiceKey, method } = started.invoice;
    const hashKey = createHmac('sha256', theirs!)
      .update(`InvoiceId=${invoiceId}&InvoiceKey=${invoiceKey}&PaymentMethod=${method}`)
      .digest('hex');
    const reply = await shop.deliver(shop.hook('paid', started.invoice, { hashKey }), world.facts.otherTenantSlug);
    expect(reply).toMatchObject({ status: 200, verdict: 'UNKNOWN_PAYMENT' });
    expect(await stateOf(started)).toEqual({ order: 'ISSUED', shown: 'PENDING', payment: 'PENDING' });
    const rows = await world.owner(
      "select tenant_id, payment_id from webhook_deliveries where verdict = 'UNKNOWN_PAYMENT' order by received_at desc limit 1",
    );
    expect(rows).toEqual([{ tenant_id: other.id, payment_id: null }]);
  });
});

describe('what is kept', () => {
  test('malformed: 400 and kept; larger than 64 KiB: 413 and nothing; an unknown tenant or gateway: 404 and nothing', async () => {
    const json = { 'content-type': 'application/json' };
    const before = await deliveriesInAll();
    for (const body of [
      '{"invoice_id": 1',
      '[]',
      '{}',
      '"paid"',
      '{"a":'.repeat(40),
      Buffer.from([0xff, 0xfe, 0x00]),
    ]) {
      const answer = await post('/webhooks/payments/fawaterk/demo', json, body);
      expect([answer.status, JSON.parse(answer.text).verdict]).toEqual([400, 'MALFORMED']);
    }
    expect(await deliveriesInAll()).toBe(before + 6);
    expect((await post('/webhooks/payments/fawaterk/demo', json, 'x'.repeat(64 * 1024 + 1))).status).toBe(413);
    for (const path of [
      '/webhooks/payments/fawaterk/nobody',
      '/webhooks/payments/stripe/demo',
      '/webhooks/payments/fawaterk/%27%20or%201=1',
      '/webhooks/payments/fawaterk/platform',
    ]) {
      expect((await post(path, json, '{}')).status, path).toBe(404);
    }
    expect(await deliveriesInAll()).toBe(before + 6);
  });

  test('the older path is the same door, bound to its one tenant; a form is read like JSON', async () => {
    const started = await shop.started();
    await shop.atGateway(started, 'pay');
    const form = new URLSearchParams(
      Object.entries<string>(JSON.parse(shop.hook('paid', started.invoice, { pay_load: '' }).body)),
    );
    const answer = await post(
      '/api/payments/fawaterk/webhook',
      { 'content-type': 'application/x-www-form-urlencoded' },
      form.toString(),
    );
    expect([answer.status, JSON.parse(answer.text).verdict]).toEqual([200, 'ACCEPTED']);
    expect(await stateOf(started)).toEqual({ order: 'PAID', shown: 'PAID', payment: 'PAID' });
  });

  test('over a hundred refused ones a minute are counted and not kept', async () => {
    await world.owner('delete from webhook_rejections');
    const before = await deliveriesInAll();
    const flood = () =>
      post('/webhooks/payments/fawaterk/demo', { 'content-type': 'application/json' }, '{"flood": true}');
    for (let sent = 0; sent < 130; sent += 13) await Promise.all(Array.from({ length: 13 }, flood));
    const [{ counted }] = await world.owner('select sum(counted)::int as counted from webhook_rejections');
    const kept = (await deliveriesInAll()) - before;
    expect(counted).toBe(130);
    // The minute may have turned in between: then each of the two has room for a hundred.
    const minutes = Number((await world.owner('select count(*) from webhook_rejections'))[0].count);
    expect(kept).toBe(minutes === 1 ? 100 : 130);
  });

  test('bodies are sealed in the database; headers and secret fields are shown masked', async () => {
    const started = await shop.started();
    const hook = shop.hook('failed', started.invoice);
    await shop.deliver({
      body: hook.body,
      headers: { ...hook.headers, authorization: 'Bearer of-bad-news', 'X-Vendor-Token': 'tell-nobody' },
    });
    const { webhookDeliveries } = await world.data(
      shop.operator,
      '{ webhookDeliveries(first: 1) { nodes { id headers body } } }',
    );
    const [shown] = webhookDeliveries.nodes;
    expect(shown.headers).toMatchObject({
      authorization: '[masked]',
      'x-vendor-token': '[masked]',
      'content-type': 'application/json',
    });
    expect(JSON.parse(shown.body)).toEqual({ ...JSON.parse(hook.body), hashKey: '[masked]' });
    const [row] = await world.owner('select * from webhook_deliveries where id = $1', [rawId(shown.id)]);
    expect(row.body_sealed.toString('latin1')).not.toContain('invoice_id');
    expect(JSON.stringify(row.headers)).not.toContain('tell-nobody');
  });

  test('a saved card is in no column in clear, neither its token nor its id; both are shown masked', async () => {
    const [customerCardToken, cardTokenUniqueId] = ['tok-4111-canary', 'card-id-canary'];
    const customerUniqueId = 'customer-7';
    const body = { customerUniqueId, customerCardToken, cardTokenUniqueId, customerCard: '411111******1111' };
    const signed = `customerUniqueId=${customerUniqueId}&customerCardToken=${customerCardToken}`;
    expect(await shop.deliver(shop.signed(body, signed))).toMatchObject({ status: 200, verdict: 'UNKNOWN_PAYMENT' });
    const { webhookDeliveries } = await world.data(shop.operator, '{ webhookDeliveries(first: 1) { nodes { body } } }');
    const masked = { customerCardToken: '[masked]', cardTokenUniqueId: '[masked]', customerCard: '[masked]' };
    expect(JSON.parse(webhookDeliveries.nodes[0].body)).toMatchObject({ customerUniqueId, ...masked });
    const kept = await world.owner('select d::text as text from webhook_deliveries d');
    expect(kept.filter(({ text }) => /canary|411111/.test(text))).toEqual([]);
  });
});

describe('a silent gateway', () => {
  test('answers 200 UNCONFIRMED, and the job settles when it speaks again', async () => {
    const started = await shop.started();
    await shop.atGateway(started, 'pay');
    const reply = await shop.withFaults([{ operation: 'getInvoiceData', fault: 'hang' }], () =>
      shop.deliver(shop.hook('paid', started.invoice)),
    );
    expect(reply).toEqual({ status: 200, verdict: 'UNCONFIRMED', word: 'unconfirmed' });
    expect(await stateOf(started)).toEqual({ order: 'ISSUED', shown: 'PENDING', payment: 'PENDING' });
    const worker = await startWorker(world.app);
    try {
      await eventually(
        () => stateOf(started),
        ({ order }) => order === 'PAID',
      );
    } finally {
      await worker.close();
    }
    expect(await shop.postings(started.id)).toEqual(['SETTLEMENT']);
    expect((await shop.deliver(shop.hook('paid', started.invoice))).verdict).toBe('ALREADY_PROCESSED');
  });

  test('a webhook that never comes is made up for by asking (COM-9)', async () => {
    const started = await shop.started();
    await shop.atGateway(started, 'pay');
    expect(await pollPayment(world.app, shop.scope, started.id)).toBe('PAID');
    expect(await stateOf(started)).toEqual({ order: 'PAID', shown: 'PAID', payment: 'PAID' });
  });
});

describe('a replay', () => {
  const REPLAY = `mutation ($input: ReplayWebhookInput!) { replayWebhook(input: $input) {
    replay { verdict note paymentStatus { from to } orderStatus { from to } } webhookDelivery { id } userErrors { code } } }`;
  const replay = async (deliveryId: string, dryRun: boolean) =>
    (await world.data(shop.operator, REPLAY, { input: { deliveryId, dryRun } })).replayWebhook;
  const everything = async () =>
    (
      await world.owner(`select (select json_agg(o order by id) from orders o) as orders, (select json_agg(p order by id) from payments p) as payments,
      (select json_agg(d order by id) from webhook_deliveries d) as deliveries, (select count(*) from events) as events,
      (select count(*) from invoices) as invoices, (select json_agg(l order by id) from ledger_accounts l) as ledger, (select json_agg(c) from number_counters c) as numbers`)
    )[0];

  test('as a dry run tells what it would change and changes nothing; for real it changes that, once', async () => {
    const started = await shop.started();
    await shop.deliver(shop.hook('paid', started.invoice));
    await shop.atGateway(started, 'pay');
    const [{ id }] = await world.owner('select id from webhook_deliveries where payment_id = $1', [started.id]);
    const deliveryId = shop.node('WebhookDelivery', id);
    const before = await everything();
    const foreseen = {
      verdict: 'ACCEPTED',
      paymentStatus: { from: 'PENDING', to: 'PAID' },
      orderStatus: { from: 'ISSUED', to: 'PAID' },
      note: expect.any(String),
    };
    expect(await replay(deliveryId, true)).toMatchObject({ replay: foreseen, userErrors: [] });
    expect(await everything()).toEqual(before);
    expect(await replay(deliveryId, false)).toMatchObject({ replay: foreseen, userErrors: [] });
    expect(await stateOf(started)).toEqual({ order: 'PAID', shown: 'PAID', payment: 'PAID' });
    expect(await replay(deliveryId, false)).toMatchObject({ replay: { verdict: 'ALREADY_PROCESSED' } });
    expect(await shop.postings(started.id)).toEqual(['SETTLEMENT']);
  });

  test('two at once of one delivery settle once', async () => {
    const started = await shop.started();
    await shop.deliver(shop.hook('paid', started.invoice));
    await shop.atGateway(started, 'pay');
    const [{ id }] = await world.owner('select id from webhook_deliveries where payment_id = $1', [started.id]);
    await Promise.all([1, 2, 3].map(() => replay(shop.node('WebhookDelivery', id), false)));
    expect(await shop.postings(started.id)).toEqual(['SETTLEMENT']);
  });
});

test('any six deliveries in any order from any state end right and settle once (all of them in npm run test:soak)', async () => {
  // The same every day, as properties are (helpers/property.ts).
  const seed = Number(process.env['PROPERTY_SEED'] ?? 20_261_121);
  const orders = [...everyOrder()];
  const sample = Array.from({ length: 72 }, (_, index) => {
    const start = STARTS[index % STARTS.length]!;
    const turns = turnsFor(start);
    const turn = turns[(seed + Math.floor(index / STARTS.length)) % turns.length]!;
    return { start, turn, deliveries: orders[(seed + index * 7919) % orders.length]! };
  });
  expect(await new SequenceRunner(world, shop).run(sample), `seed ${seed}`).toEqual([]);
});

test('after all of this the books still agree', async () => {
  expect(await brokenLaws(world)).toEqual({});
});
