import { inspect } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { GatewayClaim, GatewayConnection, InitiateInput } from '../../src/integrations/contract.ts';
import { createOutbound } from '../../src/integrations/http.ts';
import { PAYFAST } from '../../src/integrations/payfast/description.ts';
import { signOrdered } from '../../src/integrations/payfast/signature.ts';
import { CREDENTIALS, startPayfast, type PageAction } from '../helpers/payfast.ts';
import { gatewayOf, startReceiver, type Received } from '../helpers/sandbox.ts';
import { UNDER_FAULT } from './conformance.ts';

const CALL = { timeoutMs: 5_000 };
const PAYMENT = '0197c0de-0000-7000-8000-000000000001';
const outbound = createOutbound();
const makeClient = () => gatewayOf(PAYFAST, outbound.send);
let client = makeClient();

let payfast: Awaited<ReturnType<typeof startPayfast>>;
let receiver: Awaited<ReturnType<typeof startReceiver>>;
let connection: GatewayConnection;

beforeAll(async () => {
  payfast = await startPayfast();
  receiver = await startReceiver();
  connection = { baseUrl: payfast.baseUrl, testMode: true, credentials: CREDENTIALS };
});
afterAll(async () => {
  await payfast.stop();
  await receiver.close();
  outbound.close();
});
beforeEach(async () => {
  client = makeClient();
  await payfast.register();
  await payfast.scenario([], `journey ${expect.getState().currentTestName}`);
  await payfast.scenario([]);
  receiver.received.length = 0;
});

function order(changes: Partial<InitiateInput> = {}): InitiateInput {
  return {
    paymentId: PAYMENT,
    orderNumber: 'ORD-000001',
    methodId: 'cc',
    methodName: 'Credit card',
    amountMinor: 24_990n,
    currencyCode: 'ZAR',
    customer: { firstName: 'Thandi', lastName: "O'Neill (Ms) ~*!", email: 'thandi@example.com', phone: '0821234567' },
    items: [{ name: 'Tea & cups', quantity: 2, unitPriceMinor: 12_495n }],
    returnUrls: { success: 'http://localhost/ok', failure: 'http://localhost/no', pending: 'http://localhost/wait' },
    webhookUrl: `${receiver.url}?_json`,
    locale: 'en',
    ...changes,
  };
}

async function opened(changes: Partial<InitiateInput> = {}): Promise<string> {
  const outcome = await client.initiate(connection, order(changes), CALL);
  if (outcome.kind !== 'done' || !outcome.value.form) throw new Error('not initiated');
  const { status, page, text } = await payfast.submit(outcome.value.form);
  if (status !== 302 || page === null) throw new Error(`refused: ${text}`);
  return page;
}

async function lookedUp(paymentId = PAYMENT) {
  const outcome = await client.lookUp(connection, paymentId, CALL, { createdAt: new Date() });
  if (outcome.kind !== 'done') throw new Error(`not looked up: ${outcome.detail}`);
  return outcome.value;
}

function claimOf(delivery: Received): GatewayClaim {
  const reading = client.readWebhook(connection, delivery);
  if (reading.verdict !== 'OK') throw new Error(`${reading.verdict}: ${reading.detail}`);
  return reading.claim;
}

async function notified(page: string, action: PageAction): Promise<{ delivery: Received; claim: GatewayClaim }> {
  const before = receiver.received.length;
  await payfast.act(page, action);
  const delivery = (await receiver.count(before + 1))[before]!;
  return { delivery, claim: claimOf(delivery) };
}

describe('a payment through the simulated PayFast, over real sockets', () => {
  test('begins without a call, as a form for the browser, with our own id as the reference', async () => {
    const outcome = await client.initiate({ ...connection, baseUrl: 'http://127.0.0.1:9/' }, order(), CALL);
    expect(outcome).toMatchObject({
      kind: 'done',
      value: {
        gatewayReference: PAYMENT,
        gatewayKey: null,
        paymentUrl: null,
        referenceCode: null,
        form: { action: 'http://127.0.0.1:9/eng/process', fields: { m_payment_id: PAYMENT, amount: '249.90' } },
      },
    });
  });

  test('the same payment always makes the same form', async () => {
    const [one, two] = await Promise.all([1, 2].map(() => client.initiate(connection, order(), CALL)));
    expect(one).toEqual(two);
  });

  test('is open until the page is paid, then the notification passes all four checks with amount and fee', async () => {
    const page = await opened();
    const { delivery, claim } = await notified(page, 'pay');
    expect(claim).toMatchObject({ kind: 'PAID', paymentId: PAYMENT, amountMinor: 24_990n, currencyCode: 'ZAR' });
    const confirmed = await client.confirm!(connection, delivery, claim, CALL);
    expect(confirmed).toMatchObject({
      kind: 'done',
      value: {
        status: 'PAID',
        gatewayReference: PAYMENT,
        paymentId: PAYMENT,
        amountMinor: 24_990n,
        currencyCode: 'ZAR',
        gatewayKey: String((await payfast.book()).payments[0]!.paymentId),
        feeMinor: 1_000n,
      },
    });
  });

  test('is found in the statement by our id, with the same facts', async () => {
    const page = await opened();
    expect(await lookedUp()).toMatchObject({ status: 'PENDING', amountMinor: null, gatewayKey: null });
    await payfast.act(page, 'pay');
    expect(await lookedUp()).toMatchObject({
      status: 'PAID',
      amountMinor: 24_990n,
      currencyCode: 'ZAR',
      paymentId: PAYMENT,
      paidAt: expect.any(Date),
      gatewayKey: String((await payfast.book()).payments[0]!.paymentId),
      feeMinor: 1_000n,
      surplus: [],
    });
    expect(await lookedUp('somebody-else')).toMatchObject({ status: 'PENDING' });
  });

  test('a declined attempt is told as failed, and the payment stays open: it can be paid afterwards', async () => {
    const page = await opened();
    const failed = await notified(page, 'fail');
    expect(failed.claim).toMatchObject({ kind: 'FAILED', failureReason: 'FAILED' });
    expect(await client.confirm!(connection, failed.delivery, failed.claim, CALL)).toMatchObject({
      kind: 'done',
      value: { status: 'PENDING' },
    });
    const paid = await notified(page, 'pay');
    expect(paid.claim.kind).toBe('PAID');
    expect(paid.claim.dedupeKey).not.toBe(failed.claim.dedupeKey);
  });

  test('an EFT is pending first', async () => {
    const page = await opened();
    const pending = await notified(page, 'pending');
    expect(pending.claim.kind).toBe('PENDING');
    expect(await client.confirm!(connection, pending.delivery, pending.claim, CALL)).toMatchObject({
      value: { status: 'PENDING' },
    });
    expect((await notified(page, 'pay')).claim.kind).toBe('PAID');
  });

  test('leaving for the cancel page is told to nobody', async () => {
    const page = await opened();
    await payfast.act(page, 'cancel');
    expect((await payfast.book()).deliveries).toEqual([]);
    expect(await lookedUp()).toMatchObject({ status: 'PENDING' });
  });

  test('the same form posted and paid twice is two payments there, and the second is told as surplus', async () => {
    const pages = [await opened(), await opened()];
    const [one, two] = [await notified(pages[0]!, 'pay'), await notified(pages[1]!, 'pay')];
    expect(two.claim.paymentId).toBe(one.claim.paymentId);
    expect(two.claim.dedupeKey).not.toBe(one.claim.dedupeKey);
    const [second, first] = (await payfast.book()).payments.map((payment) => String(payment.paymentId));
    const state = await lookedUp();
    expect(state).toMatchObject({ gatewayKey: first, surplus: [{ gatewayKey: second, amountMinor: 24_990n }] });
  });

  test('works without a passphrase as far as the vendor lets it', async () => {
    await payfast.register({ passphrase: undefined });
    connection = { ...connection, credentials: { MERCHANT_ID: '10000100', MERCHANT_KEY: CREDENTIALS.MERCHANT_KEY } };
    try {
      const { delivery, claim } = await notified(await opened(), 'pay');
      expect(await client.confirm!(connection, delivery, claim, CALL)).toMatchObject({ value: { status: 'PAID' } });
      expect(await client.lookUp(connection, PAYMENT, CALL)).toMatchObject({ reason: 'misconfigured' });
    } finally {
      connection = { ...connection, credentials: CREDENTIALS };
    }
  });

  test('a passphrase with blanks and signs works everywhere', async () => {
    const passphrase = "my pass/phrase (1)!~'";
    await payfast.register({ passphrase });
    connection = { ...connection, credentials: { ...CREDENTIALS, PASSPHRASE: passphrase } };
    try {
      const { claim } = await notified(await opened(), 'pay');
      expect(claim.kind).toBe('PAID');
      expect(await lookedUp()).toMatchObject({ status: 'PAID' });
    } finally {
      connection = { ...connection, credentials: CREDENTIALS };
    }
  });

  test('custom fields in the other order verify and are confirmed', async () => {
    await payfast.register({ customOrder: 'integers' });
    const { delivery, claim } = await notified(await opened(), 'pay');
    expect(await client.confirm!(connection, delivery, claim, CALL)).toMatchObject({ value: { status: 'PAID' } });
  });

  test('a statement in many small pages is read to its end', async () => {
    await payfast.register({ statementRowsMax: 2 });
    for (const number of [1, 2, 3, 4, 5]) await payfast.act(await opened({ paymentId: `payment-${number}` }), 'pay');
    expect(await lookedUp('payment-5')).toMatchObject({ status: 'PAID', paymentId: 'payment-5' });
    expect(await lookedUp('payment-1')).toMatchObject({ status: 'PAID', paymentId: 'payment-1' });
  });
});

describe('what is forged or wrong', () => {
  test('a forged COMPLETE beside a failure is refused by its signature', async () => {
    await payfast.scenario([{ operation: 'fail', fault: 'forgedWebhook' }]);
    await payfast.act(await opened(), 'fail');
    const deliveries = await receiver.count(2);
    const verdicts = deliveries.map((delivery) => client.readWebhook(connection, delivery).verdict);
    expect(verdicts.toSorted()).toEqual(['BAD_SIGNATURE', 'OK']);
  });

  test('a notification under a stolen passphrase is disowned by the vendor', async () => {
    const page = await opened();
    const { delivery, claim } = await notified(page, 'fail');
    const text = Buffer.from(delivery.body)
      .toString()
      .replace(/&signature=.*$/, '')
      .replace('FAILED', 'COMPLETE');
    const body = Buffer.from(`${text}&signature=${signOrdered(text, CREDENTIALS.PASSPHRASE)}`);
    const forged = { ...delivery, body };
    expect(claimOf(forged)).toMatchObject({ kind: 'PAID', paymentId: PAYMENT });
    expect(await client.confirm!(connection, forged, { ...claim, kind: 'PAID' }, CALL)).toEqual({
      kind: 'notDone',
      reason: 'rejected',
      detail: 'the gateway disowns this notification',
    });
  });

  test('a wrong amount is told as it was paid: in the notification, in the statement', async () => {
    await payfast.scenario([{ operation: 'pay', fault: 'wrongAmount' }]);
    expect((await notified(await opened(), 'pay')).claim).toMatchObject({ amountMinor: 25_090n });
    expect(await lookedUp()).toMatchObject({ status: 'PAID', amountMinor: 25_090n });
  });

  test('a wrong currency shows in the statement', async () => {
    await payfast.scenario([{ operation: 'pay', fault: 'wrongCurrency' }]);
    await payfast.act(await opened(), 'pay');
    expect(await lookedUp()).toMatchObject({ currencyCode: 'USD' });
  });

  test('a lost notification is made good by the search', async () => {
    await payfast.scenario([{ operation: 'pay', fault: 'lostWebhook' }]);
    await payfast.act(await opened(), 'pay');
    expect((await payfast.book()).deliveries).toEqual([]);
    expect(await lookedUp()).toMatchObject({ status: 'PAID' });
  });
});

describe('under faults of transport', () => {
  test.each(UNDER_FAULT)('%s %j ends a confirmation and a search as it must', async (fault, facts, ended) => {
    const { delivery, claim } = await notified(await opened(), 'pay');
    await payfast.scenario([
      { operation: 'validate', fault, ...facts },
      { operation: 'history', fault, ...facts },
    ]);
    const call = { timeoutMs: fault.startsWith('hang') ? 500 : 5_000 };
    const outcomes = [await client.confirm!(connection, delivery, claim, call)];
    // The vendor names no account in a confirmation: its rate limit holds for everybody who asks from here.
    outcomes.push(await makeClient().lookUp(connection, PAYMENT, call));
    for (const outcome of outcomes) {
      expect(outcome.kind === 'notDone' ? outcome.reason : outcome.kind).toBe(ended);
      for (const secret of [CREDENTIALS.PASSPHRASE, CREDENTIALS.MERCHANT_KEY]) {
        expect(inspect(outcome, { depth: null })).not.toContain(secret);
      }
    }
  });

  test('a reading call outlives a fault that passes', async () => {
    const { delivery, claim } = await notified(await opened(), 'pay');
    await payfast.scenario([
      { operation: 'validate', fault: 'resetBefore', nth: 1 },
      { operation: 'history', fault: 'status5xx', nth: 2 },
    ]);
    expect(await client.confirm!(connection, delivery, claim, CALL)).toMatchObject({ kind: 'done' });
    expect(await lookedUp()).toMatchObject({ status: 'PAID' });
  });

  test('credentials the vendor does not know, or none, are misconfigured', async () => {
    for (const change of [
      { PASSPHRASE: 'another' },
      { PASSPHRASE: '' },
      { MERCHANT_ID: '10000199' },
      { MERCHANT_ID: '' },
    ]) {
      const wrong = { ...connection, credentials: { ...CREDENTIALS, ...change } };
      expect(await makeClient().lookUp(wrong, PAYMENT, CALL)).toMatchObject({ reason: 'misconfigured' });
    }
    for (const change of [{ MERCHANT_ID: '' }, { MERCHANT_ID: 'x' }, { MERCHANT_KEY: '' }]) {
      const wrong = { ...connection, credentials: { ...CREDENTIALS, ...change } };
      expect(await client.initiate(wrong, order(), CALL)).toMatchObject({ reason: 'misconfigured' });
      expect(await client.listMethods(wrong, CALL)).toMatchObject({ reason: 'misconfigured' });
    }
  });

  test('nobody listening is unavailable', async () => {
    const nowhere = { ...connection, baseUrl: 'http://127.0.0.1:9' };
    expect(await client.lookUp(nowhere, PAYMENT, CALL)).toMatchObject({ kind: 'notDone', reason: 'unavailable' });
  });

  test('a reference that cannot be ours is not sent', async () => {
    expect(await client.lookUp({ ...connection, baseUrl: 'http://127.0.0.1:9' }, 'a b&c', CALL)).toMatchObject({
      reason: 'rejected',
    });
  });
});

test('declares what it needs and how it is recovered', () => {
  expect(client).toMatchObject({ slug: 'payfast', initiateRecovery: 'bySearch' });
  expect(client.credentialNames).toEqual(PAYFAST.credentialNames);
  expect(PAYFAST.credentialNames).toEqual(expect.arrayContaining([...PAYFAST.requiredCredentialNames]));
  for (const url of Object.values(PAYFAST.baseUrls)) expect(URL.parse(url)?.protocol).toBe('https:');
});

test('lists its methods, all by redirect', async () => {
  expect(await client.listMethods(connection, CALL)).toMatchObject({
    kind: 'done',
    value: [
      { id: 'all', kind: 'REDIRECT' },
      { id: 'cc', kind: 'REDIRECT' },
    ],
  });
});
