import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { GatewayConnection, OutboundSend, RefundInput } from '../../src/integrations/contract.ts';
import { createOutbound } from '../../src/integrations/http.ts';
import { createPayfastClient } from '../../src/integrations/payfast/client.ts';
import { PAYFAST } from '../../src/integrations/payfast/description.ts';
import { createIntegrations } from '../../src/integrations/registry.ts';
import { CREDENTIALS, startPayfast } from '../helpers/payfast.ts';
import { gatewayOf } from '../helpers/sandbox.ts';

const CALL = { timeoutMs: 5_000 };
const PAYMENT = '0197c0de-0000-7000-8000-000000000001';
const outbound = createOutbound();
const clock = { now: () => new Date() };

const client = () => gatewayOf(PAYFAST, outbound.send);

let payfast: Awaited<ReturnType<typeof startPayfast>>;
let connection: GatewayConnection;
let transaction: string;

beforeAll(async () => {
  payfast = await startPayfast();
  connection = { baseUrl: payfast.baseUrl, testMode: true, credentials: CREDENTIALS };
});
afterAll(async () => {
  await payfast.stop();
  outbound.close();
});
beforeEach(async () => {
  await payfast.register();
  await payfast.scenario([], `refund ${expect.getState().currentTestName}`);
  await payfast.scenario([]);
  transaction = await paid();
});

/** R249.90, paid. */
async function paid(paymentId = PAYMENT): Promise<string> {
  const started = await client().initiate(
    connection,
    {
      paymentId,
      orderNumber: 'ORD-000001',
      methodId: 'all',
      methodName: 'PayFast',
      amountMinor: 24_990n,
      currencyCode: 'ZAR',
      customer: { firstName: 'Thandi', lastName: 'Nkosi', email: null, phone: null },
      items: [],
      returnUrls: { success: 'http://localhost/ok', failure: 'http://localhost/no', pending: 'http://localhost/wait' },
      webhookUrl: 'http://localhost:9/itn',
      locale: 'en',
    },
    CALL,
  );
  if (started.kind !== 'done' || !started.value.form) throw new Error('not started');
  const { page } = await payfast.submit(started.value.form);
  return String((await payfast.act(page ?? '', 'pay')).paymentId);
}

function input(changes: Partial<RefundInput> = {}): RefundInput {
  return {
    gatewayReference: PAYMENT,
    gatewayKey: transaction,
    paymentId: PAYMENT,
    refundId: '0197c0de-0000-7000-8000-0000000000aa',
    amountMinor: 10_000n,
    currencyCode: 'ZAR',
    reason: 'Product out of stock',
    refundedBeforeMinor: 0n,
    paymentCreatedAt: new Date(),
    ...changes,
  };
}

const refund = (changes: Partial<RefundInput> = {}, call = CALL) => client().refund!(connection, input(changes), call);
const lookUp = (changes: Partial<RefundInput> = {}, gatewayRefundReference: string | null = null) =>
  client().lookUpRefund!(connection, { ...input(changes), gatewayRefundReference }, CALL);
const refunds = async () => (await payfast.book()).payments[0]!.refunds.map((one) => one.amount);

describe('a refund', () => {
  test('in part is done, named, and seen when asked about', async () => {
    expect(await refund()).toEqual({
      kind: 'done',
      value: { state: 'DONE', gatewayRefundReference: `${transaction}/1` },
    });
    expect(await refunds()).toEqual(['100.00']);
    expect(await lookUp()).toEqual({
      kind: 'done',
      value: { state: 'DONE', gatewayRefundReference: `${transaction}/1` },
    });
  });

  test('in several parts to the last cent, and no more', async () => {
    await refund();
    expect(await refund({ refundedBeforeMinor: 10_000n, amountMinor: 14_990n })).toMatchObject({
      value: { state: 'DONE', gatewayRefundReference: `${transaction}/2` },
    });
    expect(await refunds()).toEqual(['100.00', '149.90']);
    expect(await refund({ refundedBeforeMinor: 24_990n, amountMinor: 1n })).toMatchObject({ reason: 'rejected' });
  });

  test('in full', async () => {
    expect(await refund({ amountMinor: 24_990n })).toMatchObject({ value: { state: 'DONE' } });
    expect((await payfast.book()).payments[0]).toMatchObject({ refunded: '249.90' });
  });

  test('of a payment settled without their id finds it by ours', async () => {
    expect(await refund({ gatewayKey: null })).toMatchObject({ value: { gatewayRefundReference: `${transaction}/1` } });
    expect(await lookUp({ gatewayKey: null })).toMatchObject({ value: { state: 'DONE' } });
    expect(await refund({ gatewayKey: null, gatewayReference: 'nobody' })).toMatchObject({ reason: 'rejected' });
  });

  test('a reason too short or too long for the vendor still refunds', async () => {
    await refund({ reason: ' x ' });
    await refund({ reason: 'y'.repeat(400), refundedBeforeMinor: 10_000n, amountMinor: 100n });
    const reasons = (await payfast.book()).payments[0]!.refunds.map((one) => one.reason.length);
    expect(reasons).toEqual([6, 255]);
  });

  test.each([
    ['more than is left', { amountMinor: 24_991n }],
    ['nothing', { amountMinor: 0n }],
    ['another currency', { currencyCode: 'USD' }],
    ['a transaction that is no number', { gatewayKey: '../ping' }],
    ['a transaction they do not know', { gatewayKey: '1' }],
  ] as const)('%s is rejected and nothing is given back', async (_name, changes) => {
    expect(await refund(changes)).toMatchObject({ kind: 'notDone', reason: 'rejected' });
    expect(await refunds()).toEqual([]);
  });

  test.each(['BANK_PAYOUT', 'NOT_AVAILABLE'])('by %s is rejected before anything is sent', async (refundMethod) => {
    await payfast.register({ refundMethod });
    expect(await refund()).toMatchObject({ kind: 'notDone', reason: 'rejected' });
    expect(await refunds()).toEqual([]);
  });

  test('where their refunds are not the ones in our books waits for a person', async () => {
    await refund();
    for (const refundedBeforeMinor of [5_000n, 24_000n]) {
      expect(await refund({ refundedBeforeMinor, amountMinor: 700n })).toMatchObject({ reason: 'rejected' });
      expect(await lookUp({ refundedBeforeMinor, amountMinor: 700n })).toMatchObject({ reason: 'rejected' });
    }
    expect(await refunds()).toEqual(['100.00']);
  });
});

describe('a lost answer', () => {
  test.each(['hangAfter', 'resetAfter', 'status5xxAfter', 'malformedBody', 'truncated'])(
    'after the effect (%s) is unknown, is found when asked about, and sending again refunds nothing twice',
    async (fault) => {
      await payfast.scenario([{ operation: 'refundCreate', fault }]);
      const lost = await refund({}, { timeoutMs: fault === 'hangAfter' ? 600 : 5_000 });
      expect(lost).toMatchObject({ kind: 'unknown' });
      expect(await refunds()).toEqual(['100.00']);
      expect(await lookUp()).toMatchObject({ value: { state: 'DONE', gatewayRefundReference: `${transaction}/1` } });
      await payfast.scenario([]);
      expect(await refund()).toMatchObject({ value: { state: 'DONE', gatewayRefundReference: `${transaction}/1` } });
      expect(await refunds()).toEqual(['100.00']);
    },
  );

  test.each(['hang', 'resetBefore', 'status5xx'])(
    'before the effect (%s) is unknown too, is certainly not there, and may be sent again',
    async (fault) => {
      await payfast.scenario([{ operation: 'refundCreate', fault }]);
      expect(await refund({}, { timeoutMs: fault === 'hang' ? 600 : 5_000 })).toMatchObject({ kind: 'unknown' });
      expect(await lookUp()).toEqual({ kind: 'done', value: { state: 'NOT_FOUND', gatewayRefundReference: null } });
      await payfast.scenario([]);
      expect(await refund()).toMatchObject({ value: { state: 'DONE' } });
      expect(await refunds()).toEqual(['100.00']);
    },
  );

  test.each([
    ['refundRead', 'resetAfter', 'unavailable'],
    ['refundQuery', 'status5xx', 'unavailable'],
    ['refundQuery', 'rateLimited', 'rateLimited'],
    ['refundCreate', 'rateLimited', 'rateLimited'],
    ['refundCreate', 'echoSecret', 'rejected'],
    ['refundCreate', 'html405', 'misconfigured'],
  ])('of %s under %s leaves nothing done: %s', async (operation, fault, reason) => {
    await payfast.scenario([{ operation, fault }]);
    expect(await refund()).toMatchObject({ kind: 'notDone', reason });
    expect(await refunds()).toEqual([]);
  });

  test('a refund taken and not yet to be seen is requested, and stays so when asked about', async () => {
    await payfast.scenario([{ operation: 'refundRead', fault: 'status5xx', nth: 2 }]);
    const taken = await refund();
    expect(taken).toEqual({ kind: 'done', value: { state: 'REQUESTED', gatewayRefundReference: `${transaction}/1` } });
    const before = { refundedBeforeMinor: 10_000n };
    expect(await lookUp(before, `${transaction}/2`)).toMatchObject({ value: { state: 'REQUESTED' } });
    expect(await lookUp({}, `${transaction}/1`)).toMatchObject({ value: { state: 'DONE' } });
  });

  test('is never repeated by the policy', async () => {
    let sent = 0;
    const counting: OutboundSend = (request, call) => {
      if (request.method === 'POST') sent++;
      return outbound.send(request, call);
    };
    const one = createIntegrations({ send: counting, clock, random: () => 0.5, descriptions: [PAYFAST] });
    await payfast.scenario([{ operation: 'refundCreate', fault: 'resetAfter' }]);
    expect(await one.gateway('payfast').refund!(connection, input(), CALL)).toMatchObject({ kind: 'unknown' });
    expect(sent).toBe(1);
  });
});

describe('answers that contradict themselves', () => {
  const answering = (bodies: Record<string, unknown>) => {
    const send: OutboundSend = async (request) => {
      const body = bodies[`${request.method} ${new URL(request.url).pathname}`];
      return { status: 200, headers: {}, body: JSON.stringify(body) };
    };
    return createPayfastClient({ send, clock });
  };
  const asked = (bodies: Record<string, unknown>) =>
    answering(bodies).lookUpRefund!(
      { ...connection, baseUrl: 'https://www.payfast.co.za' },
      { ...input({ gatewayKey: '7' }), gatewayRefundReference: null },
      CALL,
    );

  test('a list that does not add up to its balance is not believed', async () => {
    const transactions = [
      { amount: 24_990, type: 'Funds Received' },
      { amount: '-10000', type: 'Funds Received (Refund)' },
    ];
    const answer = (available_balance: number) => ({
      'GET /refunds/7': { data: { response: { available_balance, transactions } } },
    });
    expect(await asked(answer(24_990))).toMatchObject({ kind: 'notDone', reason: 'unavailable' });
    expect(await asked(answer(14_990))).toMatchObject({ kind: 'done', value: { state: 'DONE' } });
  });

  test('the other shape that the documentation shows there is understood', async () => {
    const answer = { amount_original: 24_990, amount_available_for_refund: '14990', status: 'REFUNDABLE' };
    expect(await asked({ 'GET /refunds/7': answer })).toMatchObject({ value: { state: 'DONE' } });
  });

  test("the vendor's API is asked at its own host, with testing outside the signature", async () => {
    const urls: string[] = [];
    const send: OutboundSend = async ({ url }) => {
      urls.push(url);
      return { status: 404, headers: {}, body: '' };
    };
    for (const testMode of [true, false]) {
      const baseUrl = testMode ? 'https://sandbox.payfast.co.za' : 'https://www.payfast.co.za';
      await createPayfastClient({ send, clock }).refund!(
        { baseUrl, testMode, credentials: CREDENTIALS },
        input({ gatewayKey: '7' }),
        CALL,
      );
    }
    expect(urls).toEqual(['https://api.payfast.co.za/refunds/7?testing=true', 'https://api.payfast.co.za/refunds/7']);
  });
});
