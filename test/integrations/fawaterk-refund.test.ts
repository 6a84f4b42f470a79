import { inspect } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { GatewayConnection, OutboundSend, RefundInput } from '../../src/integrations/contract.ts';
import { createFawaterkClient } from '../../src/integrations/fawaterk/client.ts';
import { createOutbound } from '../../src/integrations/http.ts';
import { createIntegrations } from '../../src/integrations/registry.ts';
import {
  CREDENTIALS,
  OTHER_REFUND_ID,
  REFUND_ID,
  connectionTo,
  paidInvoice,
  refundInput,
  registerShop,
} from '../helpers/fawaterk-refunds.ts';
import { startReceiver } from '../helpers/sandbox.ts';
import { startSimulators, type FaultRule, type FawaterkAccount, type Simulators } from '../helpers/simulators.ts';

const CALL = { timeoutMs: 5_000 };
const outbound = createOutbound();
const clock = { now: () => new Date() };

/** Fresh circuits, rate limits and tokens for every case. */
const client = (send: OutboundSend = outbound.send) =>
  createIntegrations({ send, clock, random: () => 0.5, limits: { retryBaseMs: 1 } }).gateway('fawaterk');

let simulators: Simulators;
let connection: GatewayConnection;
let invoice: string;
let hooks: Awaited<ReturnType<typeof startReceiver>>;

beforeAll(async () => {
  simulators = await startSimulators();
  connection = connectionTo(simulators);
  hooks = await startReceiver();
});
afterAll(async () => {
  await simulators.stop();
  await hooks.close();
  outbound.close();
});
beforeEach(async () => {
  await account();
  await simulators.scenario({ account: 'shop', seed: `refund ${expect.getState().currentTestName}` });
  invoice = await paidInvoice(simulators);
  hooks.received.length = 0;
});

const account = (more: Partial<FawaterkAccount> = {}): Promise<void> =>
  registerShop(simulators, { webhookUrls: { refund: hooks.url }, ...more });
const misbehave = (rules: FaultRule[]): Promise<void> => simulators.scenario({ account: 'shop', rules });
const refund = (changes: Partial<RefundInput> = {}, call = CALL) =>
  client().refund!(connection, refundInput(invoice, changes), call);
const lookUp = (gatewayRefundReference: string | null, changes: Partial<RefundInput> = {}) =>
  client().lookUpRefund!(connection, { ...refundInput(invoice, changes), gatewayRefundReference }, CALL);
const books = async () => (await simulators.book('shop')).refunds;
const amounts = async () => (await books()).map((one) => one.amount);

/** What the vendor has taken. @returns its number */
async function taken(changes: Partial<RefundInput> = {}): Promise<string> {
  const outcome = await refund(changes);
  if (outcome.kind !== 'done') throw new Error(`not taken: ${outcome.detail}`);
  return outcome.value.gatewayRefundReference!;
}
async function decided(action: 'approve' | 'reject'): Promise<void> {
  await simulators.decide((await books())[0]!.page, action);
}

describe('a refund', () => {
  test('is requested, never done, and known by the number it has at the vendor', async () => {
    const outcome = await refund();
    const [book] = await books();
    expect(outcome).toEqual({
      kind: 'done',
      value: { state: 'REQUESTED', gatewayRefundReference: String(book!.refundId) },
    });
    expect(book).toMatchObject({ state: 'pending', amount: '50.00', currency: 'EGP', invoiceId: Number(invoice) });
    expect(await lookUp(String(book!.refundId))).toEqual(outcome);
  });

  test("carries our words and our id in the comment, under a reason of the vendor's own list", async () => {
    await refund();
    expect((await books()).map(({ reason, comment }) => ({ reason, comment }))).toEqual([
      { reason: 'Other', comment: `${REFUND_ID} The tea was cold` },
    ]);
    await decided('approve');
    await refund({
      refundId: OTHER_REFUND_ID,
      amountMinor: 100n,
      reason: ' customer changed their MIND ',
      refundedBeforeMinor: 5_000n,
    });
    expect((await books())[0]).toMatchObject({ reason: 'Customer changed their mind' });
  });

  test('with a reason longer than any note, with other scripts and line ends, is still taken', async () => {
    await refund({ reason: `سبب\n\n"quoted" 🍵 ${'y'.repeat(4_000)}` });
    const { comment } = (await books())[0]!;
    expect(Array.from(comment!)).toHaveLength(255);
    expect(comment).toMatch(new RegExp(`^${REFUND_ID} سبب "quoted" 🍵 y+$`));
  });

  test('approved is done when asked back, and the payment still reads as paid', async () => {
    const number = await taken();
    await decided('approve');
    expect(await lookUp(number)).toEqual({ kind: 'done', value: { state: 'DONE', gatewayRefundReference: number } });
    expect(await client().lookUp(connection, invoice, CALL)).toMatchObject({ value: { status: 'PAID' } });
  });

  test('rejected has failed, and another may be asked for', async () => {
    const number = await taken();
    await decided('reject');
    expect(await lookUp(number)).toEqual({ kind: 'done', value: { state: 'FAILED', gatewayRefundReference: number } });
    const again = await taken({ refundId: OTHER_REFUND_ID });
    expect(again).not.toBe(number);
    expect(await lookUp(again, { refundId: OTHER_REFUND_ID })).toMatchObject({ value: { state: 'REQUESTED' } });
  });

  test("withdrawn in the vendor's dashboard has failed: only an open request can be withdrawn", async () => {
    const number = await taken();
    await withdraw(number);
    expect(await lookUp(number)).toMatchObject({ value: { state: 'FAILED', gatewayRefundReference: number } });
  });

  test('in equal parts keeps each part apart by its number, to the last piastre', async () => {
    const first = await taken();
    await decided('approve');
    const second = await taken({ refundId: OTHER_REFUND_ID, refundedBeforeMinor: 5_000n });
    expect(await lookUp(first)).toMatchObject({ value: { state: 'DONE', gatewayRefundReference: first } });
    expect(await lookUp(second, { refundId: OTHER_REFUND_ID, refundedBeforeMinor: 5_000n })).toMatchObject({
      value: { state: 'REQUESTED', gatewayRefundReference: second },
    });
    await decided('approve');
    await taken({ refundId: 'the rest', refundedBeforeMinor: 10_000n });
    expect(await amounts()).toEqual(['50.00', '50.00', '50.00']);
    await decided('approve');
    expect(await refund({ refundId: 'too much', refundedBeforeMinor: 15_000n, amountMinor: 100n })).toMatchObject({
      kind: 'notDone',
      reason: 'rejected',
    });
  });

  test('while another of the payment is open waits for it, and so does one that our books do not explain', async () => {
    await taken();
    expect(await refund({ refundId: OTHER_REFUND_ID, amountMinor: 700n })).toMatchObject({ reason: 'rejected' });
    await decided('approve');
    expect(await refund({ refundId: OTHER_REFUND_ID, amountMinor: 700n })).toMatchObject({ reason: 'rejected' });
    expect(await lookUp(null, { refundId: OTHER_REFUND_ID, amountMinor: 700n })).toMatchObject({ reason: 'rejected' });
    expect(await amounts()).toEqual(['50.00']);
  });

  test.each([
    ['less than one pound', { amountMinor: 99n }],
    ['nothing', { amountMinor: 0n }],
    ['less than nothing', { amountMinor: -5_000n }],
    ['a third decimal', { currencyCode: 'KWD', amountMinor: 5_001n }],
    ['more than a number holds', { amountMinor: 10n ** 17n }],
    ['a currency the gateway does not take', { currencyCode: 'JPY' }],
    ['an invoice that is no number', { gatewayReference: '../refundTypes' }],
  ] as const)('of %s is rejected before anybody is asked', async (_name, changes) => {
    const nobody: OutboundSend = () => Promise.reject(new Error('something was sent'));
    expect(await client(nobody).refund!(connection, refundInput(invoice, changes), CALL)).toMatchObject({
      kind: 'notDone',
      reason: 'rejected',
    });
  });

  test.each([
    ['more than was paid', { amountMinor: 15_001n }],
    ['an invoice they do not know', { gatewayReference: '1' }],
  ] as const)('of %s is rejected by the vendor and stands in no book', async (_name, changes) => {
    expect(await refund(changes)).toMatchObject({ kind: 'notDone', reason: 'rejected' });
    expect(await books()).toEqual([]);
  });

  test('of exactly one pound is taken, and of an unpaid invoice it is not', async () => {
    await taken({ amountMinor: 100n });
    expect(await amounts()).toEqual(['1.00']);
    await simulators.scenario({ account: 'shop', seed: 'unpaid' });
    const { data } = (await (
      await fetch(`${simulators.fawaterkUrl}/createInvoiceLink`, {
        method: 'POST',
        headers: { authorization: `Bearer ${CREDENTIALS.API_KEY}` },
        body: JSON.stringify({
          cartTotal: 150,
          currency: 'EGP',
          customer: { first_name: 'M', last_name: 'A' },
          cartItems: [{ name: 'T', price: 150, quantity: 1 }],
        }),
      })
    ).json()) as { data: { invoiceId: number } };
    expect(await refund({ gatewayReference: String(data.invoiceId) })).toMatchObject({ reason: 'rejected' });
  });

  test('without an OAuth client is misconfigured, says so, and asks nobody', async () => {
    let sent = 0;
    const counting: OutboundSend = (request, call) => {
      sent++;
      return outbound.send(request, call);
    };
    const { CLIENT_ID: _id, CLIENT_SECRET: _secret, ...rest } = CREDENTIALS;
    for (const credentials of [
      rest,
      { ...rest, CLIENT_ID: CREDENTIALS.CLIENT_ID },
      { ...CREDENTIALS, CLIENT_ID: 'a b' },
    ]) {
      const outcome = await client(counting).refund!({ ...connection, credentials }, refundInput(invoice), CALL);
      expect(outcome).toMatchObject({ kind: 'notDone', reason: 'misconfigured' });
      expect(outcome).toHaveProperty('detail', expect.stringContaining('CLIENT_'));
    }
    expect(sent).toBe(0);
    expect(await client(counting).listMethods({ ...connection, credentials: rest }, CALL)).toMatchObject({
      kind: 'done',
    });
  });
});

describe('a lost answer', () => {
  test.each(['hangAfter', 'resetAfter', 'status5xxAfter', 'malformedBody', 'truncated', 'oversized'])(
    'after the effect (%s) is unknown, is found when asked about, and sending again asks for nothing twice',
    async (fault) => {
      await misbehave([{ operation: 'refundCreate', fault }]);
      const lost = await refund({}, { timeoutMs: fault === 'hangAfter' ? 800 : 5_000 });
      expect(lost).toMatchObject({ kind: 'unknown' });
      const number = String((await books())[0]!.refundId);
      const found = { kind: 'done', value: { state: 'REQUESTED', gatewayRefundReference: number } };
      expect(await lookUp(null)).toEqual(found);
      await misbehave([]);
      expect(await refund()).toEqual(found);
      expect(await amounts()).toEqual(['50.00']);
      await decided('approve');
      const done = { kind: 'done', value: { state: 'DONE', gatewayRefundReference: number } };
      expect(await lookUp(null)).toEqual(done);
      expect(await refund()).toEqual(done);
      expect(await amounts()).toEqual(['50.00']);
    },
  );

  test.each(['hang', 'resetBefore', 'status5xx'])(
    'before the effect (%s) is unknown too, is certainly not there, and may be sent again',
    async (fault) => {
      await misbehave([{ operation: 'refundCreate', fault }]);
      expect(await refund({}, { timeoutMs: fault === 'hang' ? 800 : 5_000 })).toMatchObject({ kind: 'unknown' });
      expect(await lookUp(null)).toEqual({ kind: 'done', value: { state: 'NOT_FOUND', gatewayRefundReference: null } });
      await misbehave([]);
      expect(await refund()).toMatchObject({ value: { state: 'REQUESTED' } });
      expect(await amounts()).toEqual(['50.00']);
    },
  );

  test.each([
    ['oauthToken', 'status5xx', 'unavailable'],
    ['oauthToken', 'malformedBody', 'unavailable'],
    ['oauthToken', 'html405', 'misconfigured'],
    ['oauthToken', 'rateLimited', 'rateLimited'],
    ['refundList', 'resetAfter', 'unavailable'],
    ['refundList', 'malformedBody', 'unavailable'],
    ['refundList', 'rateLimited', 'rateLimited'],
    ['refundList', 'echoSecret', 'rejected'],
    ['refundCreate', 'rateLimited', 'rateLimited'],
    ['refundCreate', 'echoSecret', 'rejected'],
    ['refundCreate', 'html405', 'misconfigured'],
  ])('of %s under %s leaves nothing done: %s', async (operation, fault, reason) => {
    await misbehave([{ operation, fault }]);
    const outcome = await refund();
    expect(outcome).toMatchObject({ kind: 'notDone', reason });
    expect(await books()).toEqual([]);
  });

  test('of the list of reasons costs the fitting reason, not the refund', async () => {
    await misbehave([{ operation: 'refundReasons', fault: 'status5xx' }]);
    await taken({ reason: 'Product not available' });
    expect((await books())[0]).toMatchObject({ reason: 'Other', comment: `${REFUND_ID} Product not available` });
  });

  test('of the list after the request leaves it requested under a name of ours, and it is never asked for again', async () => {
    await misbehave([{ operation: 'refundList', fault: 'status5xx', nth: 2 }]);
    const name = await taken();
    expect(name).toBe(`${invoice}/${REFUND_ID}`);
    const number = String((await books())[0]!.refundId);
    expect(await lookUp(name)).toMatchObject({ value: { state: 'REQUESTED', gatewayRefundReference: number } });
    await withdraw(number);
    expect(await lookUp(name)).toEqual({ kind: 'done', value: { state: 'REQUESTED', gatewayRefundReference: name } });
  });

  test('is never repeated by the policy', async () => {
    let sent = 0;
    const counting: OutboundSend = (request, call) => {
      if (request.url.endsWith('/refund/create')) sent++;
      return outbound.send(request, call);
    };
    await misbehave([{ operation: 'refundCreate', fault: 'resetAfter' }]);
    expect(await client(counting).refund!(connection, refundInput(invoice), CALL)).toMatchObject({ kind: 'unknown' });
    expect(sent).toBe(1);
  });

  test('names no token and no secret', async () => {
    let token = '';
    const spying: OutboundSend = (request, call) => {
      token = /^Bearer (.+)$/.exec(request.headers?.['authorization'] ?? '')?.[1] ?? token;
      return outbound.send(request, call);
    };
    for (const operation of ['refundList', 'refundCreate', 'refundReasons']) {
      await misbehave([{ operation, fault: 'echoSecret' }]);
      const outcome = await client(spying).refund!(connection, refundInput(invoice), CALL);
      expect(token).not.toBe('');
      for (const secret of [token, ...Object.values(CREDENTIALS)]) {
        expect(inspect(outcome, { depth: null })).not.toContain(secret);
      }
    }
  });
});

describe('the list of refunds', () => {
  test('is read to the page that holds ours, however many refunds of others stand before it', async () => {
    const number = await taken();
    await others(24);
    expect(await lookUp(null)).toMatchObject({ value: { state: 'REQUESTED', gatewayRefundReference: number } });
    expect(await lookUp(null, { gatewayReference: await paidInvoice(simulators) })).toMatchObject({
      value: { state: 'NOT_FOUND' },
    });
  });

  test('where it shows comments tells equal refunds apart without their numbers', async () => {
    await account({ showsComments: true });
    const first = await taken();
    await decided('approve');
    const changes = { refundId: OTHER_REFUND_ID, refundedBeforeMinor: 5_000n };
    expect(await lookUp(null, changes)).toMatchObject({ value: { state: 'NOT_FOUND' } });
    const second = await taken(changes);
    await decided('reject');
    expect(await lookUp(null)).toMatchObject({ value: { state: 'DONE', gatewayRefundReference: first } });
    expect(await lookUp(null, changes)).toMatchObject({ value: { state: 'FAILED', gatewayRefundReference: second } });
    expect(await refund(changes)).toMatchObject({ kind: 'notDone', reason: 'rejected' });
  });

  test('that the vendor does not offer leaves the refund requested: it is sent once and never guessed about', async () => {
    await account({ offersRefundList: false });
    const name = await taken();
    expect(await amounts()).toEqual(['50.00']);
    await decided('approve');
    for (const reference of [name, null, '17']) {
      expect(await lookUp(reference)).toMatchObject({ kind: 'notDone', reason: 'misconfigured' });
    }
  });
});

describe('the refund hook', () => {
  const claims = async (count: number) =>
    (await hooks.count(count)).map((delivery) => client().readWebhook(connection, delivery));
  const claim = () => ({
    verdict: 'OK',
    claim: expect.objectContaining({
      kind: 'REFUNDED',
      gatewayReference: invoice,
      amountMinor: 5_000n,
      currencyCode: 'EGP',
    }),
  });

  test('of an approval verifies, and a rejection sends none', async () => {
    await taken();
    await decided('reject');
    await taken({ refundId: OTHER_REFUND_ID });
    await decided('approve');
    expect(await claims(1)).toEqual([claim()]);
  });

  test('that comes before the answer of the request is a claim like any other', async () => {
    await account({ refundApprovalMs: 0 });
    await misbehave([{ operation: 'refundCreate', fault: 'slowAfter', ms: 400 }]);
    const answer = refund();
    expect(await claims(1)).toEqual([claim()]);
    expect(await lookUp(null)).toMatchObject({ value: { state: 'DONE' } });
    expect(await answer).toMatchObject({ kind: 'done', value: { state: 'REQUESTED' } });
  });

  test('that is lost is not needed: asking back finds the approval', async () => {
    const number = await taken();
    await misbehave([{ operation: 'approve', fault: 'lostWebhook' }]);
    await decided('approve');
    expect((await simulators.book('shop')).deliveries).toEqual([]);
    expect(await lookUp(number)).toMatchObject({ value: { state: 'DONE' } });
  });

  test('that comes twice or three times is one fact; equal refunds approved at different times are two', async () => {
    await taken();
    await misbehave([{ operation: 'approve', fault: 'duplicateWebhook' }]);
    await decided('approve');
    const keys = new Set((await claims(3)).map((one) => (one.verdict === 'OK' ? one.claim.dedupeKey : one.detail)));
    expect(keys.size).toBe(1);
    await misbehave([]);
    await taken({ refundId: OTHER_REFUND_ID, refundedBeforeMinor: 5_000n });
    await decided('approve');
    const all = (await claims(4)).map((one) => (one.verdict === 'OK' ? one.claim.dedupeKey : one.detail));
    expect(new Set(all).size).toBe(2);
  });

  test('under a wrong hash is a bad signature', async () => {
    await taken();
    await misbehave([{ operation: 'approve', fault: 'forgedWebhook' }]);
    await decided('approve');
    const verdicts = (await claims(2)).map((one) => one.verdict);
    expect(verdicts.toSorted()).toEqual(['BAD_SIGNATURE', 'OK']);
  });

  test.each(['wrongAmount', 'wrongCurrency'])(
    'with the %s verifies, and asking back shows what was given',
    async (fault) => {
      const number = await taken();
      await misbehave([{ operation: 'approve', fault }]);
      await decided('approve');
      const [reading] = await claims(1);
      expect(reading).not.toEqual(claim());
      expect(reading).toMatchObject({ verdict: 'OK', claim: { kind: 'REFUNDED', gatewayReference: invoice } });
      expect(await lookUp(number)).toMatchObject({ value: { state: 'DONE' } });
    },
  );
});

test('version 3 is asked at the same host, whatever version the address names', async () => {
  const urls = new Set<string>();
  const send: OutboundSend = async ({ url }) => {
    urls.add(url);
    return url.endsWith('/oauth/token')
      ? { status: 200, headers: {}, body: '{"access_token":"t","expires_in":60}' }
      : { status: 500, headers: {}, body: '' };
  };
  for (const baseUrl of ['https://a.example', 'https://a.example/api/v2/', 'https://a.example/fawaterk/api/v2']) {
    const asked = { baseUrl, testMode: true, credentials: CREDENTIALS };
    await createFawaterkClient({ send, clock }).refund!(asked, refundInput('7'), CALL);
  }
  expect([...urls]).toEqual([
    'https://a.example/oauth/token',
    'https://a.example/api/v3/refund/index?page=1',
    'https://a.example/fawaterk/oauth/token',
    'https://a.example/fawaterk/api/v3/refund/index?page=1',
  ]);
});

/** The vendor's own interface, for what our client never does. */
async function versionThree(path: string, body: unknown): Promise<Response> {
  const token = await fetch(`${simulators.url}/fawaterk/oauth/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      grant_type: 'client_credentials',
      client_id: CREDENTIALS.CLIENT_ID,
      client_secret: CREDENTIALS.CLIENT_SECRET,
    }),
  });
  const { access_token: bearer } = (await token.json()) as { access_token: string };
  return fetch(`${simulators.url}/fawaterk/api/v3/refund/${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

async function withdraw(number: string): Promise<void> {
  expect((await versionThree('delete', { refund_id: Number(number) })).status).toBe(200);
}

async function others(count: number): Promise<void> {
  const theirs = await paidInvoice(simulators);
  for (let index = 0; index < count; index++) {
    const body = { refund_type: '0', refund_id: Number(theirs), reason: 'Other', refundable_amount: 1 };
    expect((await versionThree('create', body)).status).toBe(200);
  }
}
