import { randomUUID } from 'node:crypto';
import { inspect } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { GatewayClaim, GatewayConnection, InitiateInput } from '../../src/integrations/contract.ts';
import { createOutbound } from '../../src/integrations/http.ts';
import { createPayuClient } from '../../src/integrations/payu/client.ts';
import { PAYU } from '../../src/integrations/payu/description.ts';
import { toTxnid } from '../../src/integrations/payu/reference.ts';
import { CREDENTIALS, PAYMENT, payuOrder, startPayu, type PageAction, type Pressed } from '../helpers/payu.ts';
import { gatewayOf, startReceiver, type Received } from '../helpers/sandbox.ts';
import { UNDER_FAULT } from './conformance.ts';

const CALL = { timeoutMs: 5_000 };
const TXNID = toTxnid(PAYMENT)!;
const outbound = createOutbound();
const clock = { now: () => new Date() };
const makeClient = () => gatewayOf(PAYU, outbound.send);
let client = makeClient();

let payu: Awaited<ReturnType<typeof startPayu>>;
let receiver: Awaited<ReturnType<typeof startReceiver>>;
let connection: GatewayConnection;

const register = (more: Record<string, unknown> = {}) => payu.register({ webhookUrl: receiver.url, ...more });

beforeAll(async () => {
  payu = await startPayu();
  receiver = await startReceiver();
  connection = { baseUrl: payu.baseUrl, testMode: true, credentials: CREDENTIALS };
});
afterAll(async () => {
  await payu.stop();
  await receiver.close();
  outbound.close();
});
beforeEach(async () => {
  client = makeClient();
  await register();
  await payu.scenario([], `journey ${expect.getState().currentTestName}`);
  await payu.scenario([]);
});

async function opened(changes: Partial<InitiateInput> = {}): Promise<string> {
  const outcome = await client.initiate(connection, payuOrder(changes), CALL);
  if (outcome.kind !== 'done' || !outcome.value.form) throw new Error('not initiated');
  const { page, text } = await payu.submit(outcome.value.form);
  if (page === null) throw new Error(`refused: ${text}`);
  return page;
}

async function lookedUp(txnid = TXNID) {
  const outcome = await client.lookUp(connection, txnid, CALL);
  if (outcome.kind !== 'done') throw new Error(`not looked up: ${outcome.detail}`);
  return outcome.value;
}

function claimOf(delivery: Pick<Received, 'headers' | 'body'>): GatewayClaim {
  const reading = client.readWebhook(connection, delivery);
  if (reading.verdict !== 'OK') throw new Error(`${reading.verdict}: ${reading.detail}`);
  return reading.claim;
}

async function told(page: string, action: PageAction): Promise<{ claim: GatewayClaim; pressed: Pressed }> {
  const pressed = await payu.act(page, action);
  return { pressed, claim: claimOf((await receiver.about(pressed.mihpayid))[0]!) };
}

describe('a payment through the simulated PayU, over real sockets', () => {
  test('begins without a call, as a form for the browser, under a txnid made of our own id', async () => {
    const outcome = await client.initiate({ ...connection, baseUrl: 'http://127.0.0.1:9/' }, payuOrder(), CALL);
    expect(outcome).toMatchObject({
      kind: 'done',
      value: {
        gatewayReference: TXNID,
        gatewayKey: null,
        paymentUrl: null,
        referenceCode: null,
        form: { action: 'http://127.0.0.1:9/_payment', fields: { txnid: TXNID, amount: '499.00' } },
      },
    });
  });

  test("lets the browser follow the vendor's own pages, and nobody else's", async () => {
    const formAt = async (baseUrl: string) => {
      const outcome = await client.initiate({ ...connection, baseUrl }, payuOrder(), CALL);
      return outcome.kind === 'done' ? outcome.value.form?.redirectOrigins : null;
    };
    expect(await formAt('https://secure.payu.in')).toEqual(['https://*.payu.in']);
    for (const other of ['http://localhost:4001/payu', 'https://notpayu.in', 'https://payu.in.example.com']) {
      expect(await formAt(other)).toBeUndefined();
    }
  });

  test('the same payment always makes the same form', async () => {
    const [one, two] = await Promise.all([1, 2].map(() => client.initiate(connection, payuOrder(), CALL)));
    expect(one).toEqual(two);
  });

  test('is open before its customer came, while the page is open, and paid afterwards', async () => {
    expect(await lookedUp()).toMatchObject({ status: 'PENDING', amountMinor: null, gatewayKey: null });
    const page = await opened();
    expect(await lookedUp()).toMatchObject({ status: 'PENDING', paymentId: PAYMENT });
    const { claim, pressed } = await told(page, 'pay');
    expect(claim).toMatchObject({
      kind: 'PAID',
      gatewayReference: TXNID,
      paymentId: PAYMENT,
      amountMinor: 49_900n,
      currencyCode: 'INR',
    });
    expect(pressed.mihpayid).toMatch(/^\d{18}$/);
    expect(await lookedUp()).toMatchObject({
      status: 'PAID',
      gatewayReference: TXNID,
      paymentId: PAYMENT,
      amountMinor: 49_900n,
      currencyCode: 'INR',
      paidAt: expect.any(Date),
      methodName: 'CC',
      gatewayKey: pressed.mihpayid,
      feeMinor: null,
    });
  });

  test('comes back through the browser with the same fact as the webhook', async () => {
    const { claim, pressed } = await told(await opened(), 'pay');
    expect(pressed.form?.action).toBe('http://localhost/ok');
    const body = Buffer.from(new URLSearchParams(pressed.form?.fields).toString());
    const browser = claimOf({ headers: { 'content-type': 'application/x-www-form-urlencoded' }, body });
    expect(browser).toEqual(claim);
  });

  test.each(['fail', 'expire'] as const)('by %s is failed, and another attempt is another txnid', async (action) => {
    const { claim, pressed } = await told(await opened(), action);
    expect(claim).toMatchObject({ kind: 'FAILED', paymentId: PAYMENT, failureReason: expect.any(String) });
    expect(pressed.form?.action).toBe('http://localhost/no');
    expect(await lookedUp()).toMatchObject({ status: 'FAILED', paidAt: null });
    const second = randomUUID();
    expect((await told(await opened({ paymentId: second }), 'pay')).claim.paymentId).toBe(second);
    expect(await lookedUp()).toMatchObject({ status: 'FAILED' });
    expect(await lookedUp(toTxnid(second)!)).toMatchObject({ status: 'PAID' });
  });

  test('posted again after a failure can be paid, and after that never again', async () => {
    const [first, second] = [await opened(), await opened()];
    const failed = await told(first, 'fail');
    const paid = await told(second, 'pay');
    expect(paid.claim.dedupeKey).not.toBe(failed.claim.dedupeKey);
    expect(await lookedUp()).toMatchObject({ status: 'PAID', gatewayKey: paid.pressed.mihpayid });
    await expect(opened()).rejects.toThrow('successful payment');
  });

  test('two pages of one payment are never both paid', async () => {
    const pages = [await opened(), await opened()];
    const outcomes = [await payu.act(pages[0]!, 'pay'), await payu.act(pages[1]!, 'pay')].map((one) => one.outcome);
    expect(outcomes).toEqual(['captured', undefined]);
  });

  test('a form in parts says the same', async () => {
    await register({ hookEncoding: 'multipart' });
    const { claim, pressed } = await told(await opened(), 'pay');
    expect(claim).toMatchObject({ kind: 'PAID', paymentId: PAYMENT });
    const [delivery] = await receiver.about(pressed.mihpayid);
    expect(delivery?.headers['content-type']).toContain('multipart/form-data');
  });

  test('that is authorised only is open, whatever success it claims', async () => {
    await register({ captures: 'later' });
    expect((await told(await opened(), 'pay')).claim.kind).toBe('PENDING');
    expect(await lookedUp()).toMatchObject({ status: 'PENDING' });
  });
});

describe('what the vendor does at its worst', () => {
  test('additional charges are signed in front and change nothing of our price', async () => {
    await payu.scenario([{ operation: 'pay', fault: 'additionalCharges' }]);
    const { claim, pressed } = await told(await opened(), 'pay');
    expect(pressed.form?.fields).toMatchObject({ additionalCharges: '9.98', net_amount_debit: '508.98' });
    expect(claim).toMatchObject({ kind: 'PAID', amountMinor: 49_900n });
    expect(await lookedUp()).toMatchObject({ status: 'PAID', amountMinor: 49_900n, feeMinor: null });
  });

  test('a numeric id keeps every digit', async () => {
    const { pressed } = await told(await opened(), 'pay');
    expect(String(Number(pressed.mihpayid))).not.toBe(pressed.mihpayid);
    await payu.scenario([{ operation: 'verify_payment', fault: 'numericIds' }]);
    expect(await lookedUp()).toMatchObject({ gatewayKey: pressed.mihpayid, amountMinor: 49_900n });
  });

  test('pending first, then paid', async () => {
    await register({ pushesPending: true });
    // The scenario's clock goes on by a second with every call.
    await payu.scenario([{ operation: 'pay', fault: 'pendingFirst', ms: 1_500 }]);
    const { claim, pressed } = await told(await opened(), 'pay');
    expect(claim.kind).toBe('PENDING');
    expect(await lookedUp()).toMatchObject({ status: 'PENDING' });
    expect(await lookedUp()).toMatchObject({ status: 'PAID' });
    const [, later] = await receiver.about(pressed.mihpayid, 2);
    expect(claimOf(later!)).toMatchObject({ kind: 'PAID', gatewayReference: TXNID });
  });

  test('dropped first, then given back by itself: never paid', async () => {
    await payu.scenario([{ operation: 'pay', fault: 'droppedFirst', ms: 100 }]);
    const { claim, pressed } = await told(await opened(), 'pay');
    expect(claim.kind).toBe('FAILED');
    expect(await lookedUp()).toMatchObject({ status: 'FAILED' });
    const [, later] = await receiver.about(pressed.mihpayid, 2);
    expect(claimOf(later!)).toMatchObject({ kind: 'REFUNDED', gatewayReference: TXNID });
    expect(claimOf(later!).dedupeKey).not.toBe(claim.dedupeKey);
    expect(await lookedUp()).toMatchObject({ status: 'FAILED' });
  });

  test('a forged success beside a failure is refused by its hash', async () => {
    await payu.scenario([{ operation: 'fail', fault: 'forgedWebhook' }]);
    const { mihpayid } = await payu.act(await opened(), 'fail');
    const deliveries = await receiver.about(mihpayid, 2);
    const verdicts = deliveries.map((delivery) => client.readWebhook(connection, delivery).verdict);
    expect(verdicts.toSorted()).toEqual(['BAD_SIGNATURE', 'OK']);
  });

  test('an unsigned field that lies is found out by asking back', async () => {
    const page = await opened();
    const { pressed } = await told(page, 'fail');
    const lie = new URLSearchParams({ ...pressed.form?.fields, unmappedstatus: 'captured', mihpayid: '1' });
    const body = Buffer.from(lie.toString());
    expect(claimOf({ headers: {}, body }).kind).toBe('FAILED');
    expect(await lookedUp()).toMatchObject({ status: 'FAILED', gatewayKey: pressed.mihpayid });
  });

  test('a wrong amount is told as it was paid: in the webhook, and when asked', async () => {
    await payu.scenario([{ operation: 'pay', fault: 'wrongAmount' }]);
    expect((await told(await opened(), 'pay')).claim).toMatchObject({ amountMinor: 50_000n });
    expect(await lookedUp()).toMatchObject({ status: 'PAID', amountMinor: 50_000n });
  });

  test('a lost webhook is made good by the look-up', async () => {
    await payu.scenario([{ operation: 'pay', fault: 'lostWebhook' }]);
    await payu.act(await opened(), 'pay');
    expect((await payu.book()).deliveries).toEqual([]);
    expect(await lookedUp()).toMatchObject({ status: 'PAID' });
  });

  test('the same webhook three times is one fact', async () => {
    await payu.scenario([{ operation: 'pay', fault: 'duplicateWebhook' }]);
    const { mihpayid } = await payu.act(await opened(), 'pay');
    const deliveries = await receiver.about(mihpayid, 3);
    expect(new Set(deliveries.map((delivery) => claimOf(delivery).dedupeKey)).size).toBe(1);
  });
});

describe('under faults of transport', () => {
  test.each(UNDER_FAULT)('%s %j ends a look-up as it must, without naming a secret', async (fault, facts, ended) => {
    await payu.act(await opened(), 'pay');
    await payu.scenario([{ operation: 'verify_payment', fault, ...facts }]);
    const call = { timeoutMs: fault.startsWith('hang') ? 500 : 5_000 };
    const outcome = await client.lookUp(connection, TXNID, call);
    expect(outcome.kind === 'notDone' ? outcome.reason : outcome.kind).toBe(ended);
    for (const secret of Object.values(CREDENTIALS)) expect(inspect(outcome, { depth: null })).not.toContain(secret);
  });

  test('a look-up outlives a fault that passes', async () => {
    await payu.scenario([{ operation: 'verify_payment', fault: 'resetBefore', nth: 1 }]);
    expect(await lookedUp()).toMatchObject({ status: 'PENDING' });
  });

  test("one tenant's rate limit is not another's", async () => {
    const other = { MERCHANT_KEY: 'gtOther', SALT: 'another-salt' };
    await payu.register({ merchantKey: other.MERCHANT_KEY, salt: other.SALT }, 'other');
    await payu.scenario([{ operation: 'verify_payment', fault: 'rateLimited', retryAfterSeconds: 30 }]);
    for (const _again of [1, 2]) {
      expect(await client.lookUp(connection, TXNID, CALL)).toMatchObject({ reason: 'rateLimited' });
    }
    expect(await client.lookUp({ ...connection, credentials: other }, TXNID, CALL)).toMatchObject({ kind: 'done' });
  });

  test('credentials the vendor does not know, none, and unusable ones are misconfigured', async () => {
    for (const change of [{ SALT: 'another' }, { SALT: '' }, { MERCHANT_KEY: 'nobody' }, { MERCHANT_KEY: '' }]) {
      const wrong = { ...connection, credentials: { ...CREDENTIALS, ...change } };
      expect(await makeClient().lookUp(wrong, TXNID, CALL)).toMatchObject({ reason: 'misconfigured' });
    }
    for (const change of [{ SALT: '' }, { SALT: 'a|b' }, { MERCHANT_KEY: '' }, { MERCHANT_KEY: 'a b' }]) {
      const wrong = { ...connection, credentials: { ...CREDENTIALS, ...change } };
      expect(await client.initiate(wrong, payuOrder(), CALL)).toMatchObject({ reason: 'misconfigured' });
      expect(await client.listMethods(wrong, CALL)).toMatchObject({ reason: 'misconfigured' });
    }
  });

  test('nobody listening is unavailable', async () => {
    const nowhere = { ...connection, baseUrl: 'http://127.0.0.1:9' };
    expect(await client.lookUp(nowhere, TXNID, CALL)).toMatchObject({ kind: 'notDone', reason: 'unavailable' });
  });

  test.each(['a|b', '', 'a b', 'x'.repeat(51)])('a reference that cannot be ours (%j) is not sent', async (txnid) => {
    const nowhere = { ...connection, baseUrl: 'http://127.0.0.1:9' };
    expect(await client.lookUp(nowhere, txnid, CALL)).toMatchObject({ reason: 'rejected' });
  });
});

describe('answers that are not what was asked for', () => {
  const asked = (body: unknown, status = 200) =>
    createPayuClient({ send: async () => ({ status, headers: {}, body: String(body) }), clock }).lookUp(
      connection,
      TXNID,
      CALL,
    );
  const paid = { status: 'success', unmappedstatus: 'captured', amt: '499.00', mihpayid: '7' };
  const answer = (details: unknown) => JSON.stringify({ status: 1, msg: 'Fetched', transaction_details: details });

  test('about another payment, or none, is not believed', async () => {
    expect(await asked(answer({ [TXNID]: paid }))).toMatchObject({ value: { status: 'PAID' } });
    for (const details of [{ [TXNID]: { ...paid, txnid: 'other' } }, { other: paid }, {}, [], [paid], null, 'paid']) {
      expect(await asked(answer(details))).toMatchObject({ kind: 'notDone', reason: 'unavailable' });
    }
  });

  test("PHP's own dump and HTML say nothing", async () => {
    for (const body of ['Array\n(\n    [status] => 1\n)\n', '<html>down</html>', '']) {
      expect(await asked(body)).toMatchObject({ kind: 'notDone', reason: 'unavailable' });
    }
  });

  test('unknown to the vendor is open, refused is rejected', async () => {
    const unknown = { mihpayid: 'Not Found', status: 'Not Found' };
    for (const status of [0, 1]) {
      const body = JSON.stringify({ status, msg: 'x', transaction_details: { [TXNID]: unknown } });
      expect(await asked(body)).toMatchObject({ kind: 'done', value: { status: 'PENDING', amountMinor: null } });
    }
    expect(await asked('{"status":0,"msg":"Parameter missing"}')).toMatchObject({ reason: 'rejected' });
    expect(await asked('{"status":"0","msg":"Invalid Hash."}')).toMatchObject({ reason: 'misconfigured' });
  });

  test('live commands go to their own host, as JSON; the test system serves both', async () => {
    const urls: string[] = [];
    for (const baseUrl of [
      'https://secure.payu.in',
      'https://secure.payu.in/',
      'https://test.payu.in',
      'http://x/payu/',
    ]) {
      const one = createPayuClient({
        send: async ({ url }) => {
          urls.push(url);
          return { status: 404, headers: {}, body: '' };
        },
        clock,
      });
      await one.lookUp({ ...connection, baseUrl }, TXNID, CALL);
    }
    expect(urls).toEqual([
      'https://info.payu.in/merchant/postservice.php?form=2',
      'https://info.payu.in/merchant/postservice.php?form=2',
      'https://test.payu.in/merchant/postservice.php?form=2',
      'http://x/payu/merchant/postservice.php?form=2',
    ]);
  });
});

test('declares what it needs and how it is recovered', () => {
  expect(client).toMatchObject({ slug: 'payu', initiateRecovery: 'byReference', initiateOffline: true });
  expect(client.credentialNames).toEqual(PAYU.credentialNames);
  expect(PAYU.credentialNames).toEqual(expect.arrayContaining([...PAYU.requiredCredentialNames]));
  expect(client.secretBodyFields).toEqual(expect.arrayContaining(['hash', 'card_no', 'card_token']));
  for (const url of Object.values(PAYU.baseUrls)) expect(URL.parse(url)?.protocol).toBe('https:');
});

test('lists one method, by redirect', async () => {
  expect(await client.listMethods(connection, CALL)).toMatchObject({
    kind: 'done',
    value: [{ id: 'payu', kind: 'REDIRECT' }],
  });
});
