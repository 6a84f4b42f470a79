import { inspect } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { GatewayConnection, OutboundSend, RefundInput } from '../../src/integrations/contract.ts';
import { createOutbound } from '../../src/integrations/http.ts';
import { createPayuClient } from '../../src/integrations/payu/client.ts';
import { PAYU } from '../../src/integrations/payu/description.ts';
import { toRefundToken, toTxnid } from '../../src/integrations/payu/reference.ts';
import { CREDENTIALS, PAYMENT, payuOrder, startPayu } from '../helpers/payu.ts';
import { gatewayOf, startReceiver } from '../helpers/sandbox.ts';

const CALL = { timeoutMs: 5_000 };
const TXNID = toTxnid(PAYMENT)!;
const REFUND = '0197c0de-0000-7000-8000-0000000000aa';
const OTHER = '0197c0de-0000-7000-8000-0000000000bb';
const outbound = createOutbound();

const client = (send: OutboundSend = outbound.send) => gatewayOf(PAYU, send);

let payu: Awaited<ReturnType<typeof startPayu>>;
let receiver: Awaited<ReturnType<typeof startReceiver>>;
let connection: GatewayConnection;
let transaction: string;

/** Refunds wait for the bank, unless told otherwise. */
const register = (more: Record<string, unknown> = {}) =>
  payu.register({ webhookUrl: receiver.url, refundDelayMs: null, ...more });

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
  await register();
  await payu.scenario([], `refund ${expect.getState().currentTestName}`);
  await payu.scenario([]);
  transaction = await paid();
});

/** 499 rupees, paid. */
async function paid(): Promise<string> {
  const started = await client().initiate(connection, payuOrder(), CALL);
  if (started.kind !== 'done' || !started.value.form) throw new Error('not started');
  const { page } = await payu.submit(started.value.form);
  return (await payu.act(page ?? '', 'pay')).mihpayid;
}

function input(changes: Partial<RefundInput> = {}): RefundInput {
  return {
    gatewayReference: TXNID,
    gatewayKey: transaction,
    paymentId: PAYMENT,
    refundId: REFUND,
    amountMinor: 10_000n,
    currencyCode: 'INR',
    reason: 'Product out of stock',
    refundedBeforeMinor: 0n,
    paymentCreatedAt: new Date(),
    ...changes,
  };
}

const refund = (changes: Partial<RefundInput> = {}, call = CALL) => client().refund!(connection, input(changes), call);
const lookUp = (gatewayRefundReference: string | null, changes: Partial<RefundInput> = {}) =>
  client().lookUpRefund!(connection, { ...input(changes), gatewayRefundReference }, CALL);
const refunds = async () => (await payu.book()).payments[0]!.refunds;
const amounts = async () => (await refunds()).map((one) => one.amount);

describe('a refund', () => {
  test('is requested, not done, under a token of its own and a name of theirs', async () => {
    const taken = await refund();
    const [booked] = await refunds();
    expect(booked).toMatchObject({ amount: '100.00', token: toRefundToken(REFUND), status: 'queued' });
    expect(taken).toEqual({
      kind: 'done',
      value: { state: 'REQUESTED', gatewayRefundReference: booked!.requestId },
    });
  });

  test.each([
    ['succeed', 'DONE', 'REFUNDED', 'success'],
    ['refuse', 'FAILED', 'OTHER', 'failure'],
  ] as const)(
    'stays requested until the bank says %s, and that is told by a callback',
    async (word, state, kind, said) => {
      const taken = await refund();
      const reference = taken.kind === 'done' ? taken.value.gatewayRefundReference! : '';
      for (const name of [reference, null]) {
        expect(await lookUp(name)).toEqual({
          kind: 'done',
          value: { state: 'REQUESTED', gatewayRefundReference: reference },
        });
      }
      await payu.bank(reference, word);
      for (const name of [reference, null]) {
        expect(await lookUp(name)).toEqual({ kind: 'done', value: { state, gatewayRefundReference: reference } });
      }
      const [callback] = await receiver.about(reference);
      expect(client().readWebhook(connection, callback!)).toMatchObject({
        verdict: 'OK',
        claim: {
          kind,
          gatewayReference: TXNID,
          paymentId: PAYMENT,
          amountMinor: 10_000n,
          dedupeKey: `refund:${reference}:${said}`,
        },
      });
    },
  );

  test('is done by itself after a while', async () => {
    // The scenario's clock goes on by a second with every call.
    await register({ refundDelayMs: 1_500 });
    const taken = await refund();
    const reference = taken.kind === 'done' ? taken.value.gatewayRefundReference : '';
    expect(await lookUp(reference)).toMatchObject({ value: { state: 'REQUESTED' } });
    expect(await lookUp(reference)).toMatchObject({ value: { state: 'DONE' } });
  });

  test('in several parts to the last paisa, and no more', async () => {
    await refund();
    expect(await refund({ refundId: OTHER, amountMinor: 39_900n })).toMatchObject({ value: { state: 'REQUESTED' } });
    expect(await amounts()).toEqual(['100.00', '399.00']);
    const third = '0197c0de-0000-7000-8000-0000000000cc';
    expect(await refund({ refundId: third, amountMinor: 1n })).toMatchObject({ reason: 'rejected' });
    expect(await amounts()).toHaveLength(2);
  });

  test('of a payment settled without their id finds it by ours', async () => {
    expect(await refund({ gatewayKey: null })).toMatchObject({ value: { state: 'REQUESTED' } });
    expect(await lookUp(null, { gatewayKey: null })).toMatchObject({ value: { state: 'REQUESTED' } });
    const unknown = toTxnid(OTHER)!;
    expect(await refund({ gatewayKey: null, gatewayReference: unknown })).toMatchObject({ reason: 'rejected' });
    expect(await amounts()).toEqual(['100.00']);
  });

  test('of an equal amount within five minutes waits until it may be sent, and says until when', async () => {
    await refund();
    const second = await refund({ refundId: OTHER });
    expect(second).toMatchObject({ kind: 'notDone', reason: 'rateLimited', retryAt: expect.any(Date) });
    expect(await amounts()).toEqual(['100.00']);
    await register({ equalRefundWaitMs: 1_000 });
    expect(await refund({ refundId: OTHER })).toMatchObject({ value: { state: 'REQUESTED' } });
    expect(await amounts()).toEqual(['100.00', '100.00']);
  });

  test.each([
    ['more than is left', { amountMinor: 49_901n }],
    ['nothing', { amountMinor: 0n }],
    ['less than nothing', { amountMinor: -1n }],
    ['another currency', { currencyCode: 'USD' }],
    ['a transaction that is no number', { gatewayKey: '1|payuid' }],
    ['a transaction they do not know', { gatewayKey: '403993000000000000' }],
  ] as const)('%s is rejected and nothing is given back', async (_name, changes) => {
    expect(await refund(changes)).toMatchObject({ kind: 'notDone', reason: 'rejected' });
    expect(await refunds()).toEqual([]);
  });

  test('of a payment that was never paid is rejected', async () => {
    await payu.scenario([], 'never paid');
    await payu.scenario([{ operation: 'pay', fault: 'droppedFirst', ms: 60_000 }]);
    transaction = await paid();
    expect(await refund()).toMatchObject({ kind: 'notDone', reason: 'rejected' });
  });

  test('that the bank refused is not tried again under the same name', async () => {
    const taken = await refund();
    await payu.bank(taken.kind === 'done' ? taken.value.gatewayRefundReference! : '', 'refuse');
    expect(await refund()).toMatchObject({ kind: 'notDone', reason: 'rejected' });
    expect(await amounts()).toHaveLength(1);
  });
});

describe('asking twice', () => {
  test('gives back once, and names the first one', async () => {
    const [first, again] = [await refund(), await refund()];
    expect(again).toEqual(first);
    expect(await amounts()).toEqual(['100.00']);
  });

  test('at the same moment gives back once', async () => {
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => refund()));
    const [booked] = await refunds();
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ value: { state: 'REQUESTED', gatewayRefundReference: booked!.requestId } });
    }
    expect(await amounts()).toEqual(['100.00']);
  });

  test('of the whole, where nothing is left and that is the reason given, is still the first one', async () => {
    const first = await refund({ amountMinor: 49_900n });
    expect(await refund({ amountMinor: 49_900n })).toEqual(first);
  });

  test('under one name for another amount is refused', async () => {
    await refund();
    expect(await refund({ amountMinor: 20_000n })).toMatchObject({ kind: 'notDone', reason: 'rejected' });
    expect(await lookUp(null, { amountMinor: 20_000n })).toMatchObject({ kind: 'notDone', reason: 'rejected' });
    expect(await amounts()).toEqual(['100.00']);
  });
});

describe('a lost answer', () => {
  test.each(['hangAfter', 'resetAfter', 'status5xxAfter', 'malformedBody', 'truncated'])(
    'after the effect (%s) is unknown, is found by its token, and sending again refunds nothing twice',
    async (fault) => {
      await payu.scenario([{ operation: 'cancel_refund_transaction', fault }]);
      const lost = await refund({}, { timeoutMs: fault === 'hangAfter' ? 600 : 5_000 });
      expect(lost).toMatchObject({ kind: 'unknown' });
      expect(await amounts()).toEqual(['100.00']);
      const found = { state: 'REQUESTED', gatewayRefundReference: (await refunds())[0]!.requestId };
      expect(await lookUp(null)).toEqual({ kind: 'done', value: found });
      await payu.scenario([]);
      expect(await refund()).toEqual({ kind: 'done', value: found });
      expect(await amounts()).toEqual(['100.00']);
    },
  );

  test.each(['hang', 'resetBefore', 'status5xx'])(
    'before the effect (%s) is unknown too, is certainly not there, and may be sent again',
    async (fault) => {
      await payu.scenario([{ operation: 'cancel_refund_transaction', fault }]);
      expect(await refund({}, { timeoutMs: fault === 'hang' ? 600 : 5_000 })).toMatchObject({ kind: 'unknown' });
      expect(await lookUp(null)).toEqual({ kind: 'done', value: { state: 'NOT_FOUND', gatewayRefundReference: null } });
      await payu.scenario([]);
      expect(await refund()).toMatchObject({ value: { state: 'REQUESTED' } });
      expect(await amounts()).toEqual(['100.00']);
    },
  );

  test('before a refusal that cannot be looked into stays unknown', async () => {
    await payu.scenario([{ operation: 'cancel_refund_transaction', fault: 'resetAfter', nth: 1 }]);
    expect(await refund()).toMatchObject({ kind: 'unknown' });
    await payu.scenario([{ operation: 'check_action_status', fault: 'status5xx' }]);
    expect(await refund()).toMatchObject({ kind: 'unknown' });
    expect(await refund({ refundId: OTHER, amountMinor: 99_900n })).toMatchObject({ kind: 'unknown' });
    expect(await amounts()).toEqual(['100.00']);
  });

  test.each([
    ['cancel_refund_transaction', 'rateLimited', 'rateLimited'],
    ['cancel_refund_transaction', 'echoSecret', 'rejected'],
    ['cancel_refund_transaction', 'html405', 'misconfigured'],
  ])('of %s under %s leaves nothing done: %s', async (operation, fault, reason) => {
    await payu.scenario([{ operation, fault }]);
    expect(await refund()).toMatchObject({ kind: 'notDone', reason });
    expect(await refunds()).toEqual([]);
  });

  test('under a wrong salt is misconfigured, and the secret stays out of the log', async () => {
    const wrong = { ...connection, credentials: { ...CREDENTIALS, SALT: 'another-salt' } };
    const outcome = await client().refund!(wrong, input(), CALL);
    expect(outcome).toMatchObject({ kind: 'notDone', reason: 'misconfigured' });
    expect(inspect(outcome)).not.toContain('another-salt');
    expect(await refunds()).toEqual([]);
  });

  test('is never repeated by the policy', async () => {
    let sent = 0;
    const counting: OutboundSend = (request, call) => {
      sent++;
      return outbound.send(request, call);
    };
    await payu.scenario([{ operation: 'cancel_refund_transaction', fault: 'resetAfter' }]);
    expect(await client(counting).refund!(connection, input(), CALL)).toMatchObject({ kind: 'unknown' });
    expect(sent).toBe(1);
  });

  test('a refund that was taken and does not show is on its way, not lost', async () => {
    expect(await lookUp('120000000001')).toEqual({
      kind: 'done',
      value: { state: 'REQUESTED', gatewayRefundReference: '120000000001' },
    });
    expect(await lookUp('12|payuid')).toMatchObject({ kind: 'notDone', reason: 'rejected' });
  });
});

describe('answers that the vendor may give', () => {
  type Body = Readonly<Record<string, unknown>>;
  /** Answers by command, in the vendor's words. */
  const answering = (answers: Readonly<Record<string, Body | string>>) => {
    const send: OutboundSend = async ({ body = '' }) => {
      const answer = answers[new URLSearchParams(body).get('command') ?? ''];
      return { status: 200, headers: {}, body: typeof answer === 'string' ? answer : JSON.stringify(answer ?? {}) };
    };
    return createPayuClient({ send, clock: { now: () => new Date('2026-05-04T08:00:00Z') } });
  };
  const ours = { token: toRefundToken(REFUND), amt: '100.00', status: 'success', action: 'refund' };
  const listed = (actions: unknown) => ({ status: 1, msg: 'Fetched', transaction_details: { '7': actions } });
  const nothing = {
    status: 0,
    msg: '0 out of 1 Transactions Fetched Successfully',
    transaction_details: { '7': 'No action status found' },
  };
  const sent = (answer: Body | string, actions: Body | string = nothing) =>
    answering({ cancel_refund_transaction: answer, check_action_status: actions }).refund!(
      connection,
      input({ gatewayKey: '7' }),
      CALL,
    );
  const asked = (actions: Body | string, gatewayRefundReference: string | null = null) =>
    answering({ check_action_status: actions }).lookUpRefund!(
      connection,
      { ...input({ gatewayKey: '7' }), gatewayRefundReference },
      CALL,
    );
  const refusal = (error_code: number) => ({ status: 0, msg: 'Refund FAILURE - x', error_code, mihpayid: 7 });

  test('taken, with a number or text for a name, or with none', async () => {
    for (const request_id of ['12486538355', 12486538355]) {
      expect(await sent({ status: 1, msg: 'Refund Request Queued', request_id, mihpayid: 7 })).toMatchObject({
        value: { state: 'REQUESTED', gatewayRefundReference: '12486538355' },
      });
    }
    expect(await sent({ status: 1, msg: 'Refund Request Queued', mihpayid: '7' })).toMatchObject({
      value: { state: 'REQUESTED', gatewayRefundReference: null },
    });
    expect(await sent({ status: 1, msg: 'Cancel Request Queued', txn_update_id: '99' })).toMatchObject({
      value: { gatewayRefundReference: '99' },
    });
  });

  test('about another payment, or in no words we read, is unknown', async () => {
    for (const answer of [{ status: 1, request_id: '1', mihpayid: 8 }, 'Array\n(\n)\n', '', '{"msg":"?"}']) {
      expect(await sent(answer)).toMatchObject({ kind: 'unknown' });
    }
  });

  test.each([
    [105, 'rejected'],
    [111, 'rejected'],
    [120, 'unavailable'],
    [214, 'rateLimited'],
    [999, 'rejected'],
  ])('refused with %i and nothing under our token is %s', async (code, reason) => {
    expect(await sent(refusal(code))).toMatchObject({ kind: 'notDone', reason });
  });

  test('refused for five minutes says when they are over', async () => {
    expect(await sent(refusal(214))).toMatchObject({ retryAt: new Date('2026-05-04T08:05:00Z') });
  });

  test.each([106, 109, 227])('refused with %i because our token exists is requested, shown or not', async (code) => {
    expect(await sent(refusal(code))).toMatchObject({ value: { state: 'REQUESTED', gatewayRefundReference: null } });
  });

  test.each([102, 123, 126, 225])('neither done nor refused (%i) is unknown', async (code) => {
    expect(await sent(refusal(code))).toMatchObject({ kind: 'unknown' });
  });

  test.each([105, 106, 214, 999])('whatever the refusal (%i), what exists under our token counts', async (code) => {
    for (const [status, state] of [
      ['SUCCESS', 'DONE'],
      ['queued', 'REQUESTED'],
    ] as const) {
      expect(await sent(refusal(code), listed({ '55': { ...ours, status } }))).toMatchObject({
        value: { state, gatewayRefundReference: '55' },
      });
    }
  });

  test.each([
    ['SUCCESS', 'DONE'],
    ['success', 'DONE'],
    ['FAILURE', 'FAILED'],
    ['Failed', 'FAILED'],
    ['QUEUED', 'REQUESTED'],
    ['REQUESTED', 'REQUESTED'],
    ['IN PROGRESS', 'REQUESTED'],
    ['Pending', 'REQUESTED'],
    ['od_hit', 'REQUESTED'],
    ['something new', 'REQUESTED'],
  ])('%s is %s', async (status, state) => {
    expect(await asked(listed({ '55': { ...ours, status } }))).toMatchObject({ value: { state } });
    const byRequest = { status: 1, transaction_details: { '55': { '55': { ...ours, status, request_id: 55 } } } };
    expect(await asked(byRequest, '55')).toMatchObject({ value: { state, gatewayRefundReference: '55' } });
  });

  test("another refund's success is not ours, and captures are no refunds", async () => {
    const others = {
      '1': { ...ours, token: 'somebody', request_id: '1' },
      '2': { ...ours, token: '', action: 'capture' },
    };
    expect(await asked(listed(others))).toMatchObject({ value: { state: 'NOT_FOUND' } });
    expect(await asked(listed({ ...others, '3': { ...ours, status: 'FAILURE' } }))).toMatchObject({
      value: { state: 'FAILED', gatewayRefundReference: '3' },
    });
    expect(
      await asked({ status: 1, transaction_details: { '55': { '55': { ...ours, token: 'x' } } } }, '55'),
    ).toMatchObject({
      kind: 'notDone',
      reason: 'rejected',
    });
  });

  test('of several under our token the furthest counts', async () => {
    const several = { '1': { ...ours, status: 'FAILURE' }, '2': ours, '3': { ...ours, status: 'QUEUED' } };
    expect(await asked(listed(several))).toMatchObject({ value: { state: 'DONE', gatewayRefundReference: '2' } });
  });

  test('an empty list, as PHP writes it, is none; a list with something unreadable is not believed', async () => {
    for (const actions of [[], {}, 'No action status found', ' no action status found ']) {
      expect(await asked(listed(actions))).toMatchObject({ value: { state: 'NOT_FOUND' } });
    }
    for (const actions of [{ '1': ours, '2': { status: null } }, { '1': 'x' }, 'something', null, 7]) {
      expect(await asked(listed(actions))).toMatchObject({ kind: 'notDone', reason: 'unavailable' });
    }
    const endless = Object.fromEntries(Array.from({ length: 1_001 }, (_, index) => [`${index}`, ours]));
    expect(await asked(listed(endless))).toMatchObject({ kind: 'notDone', reason: 'unavailable' });
  });

  test('a refusal to look is a refusal, not an absence', async () => {
    expect(await asked({ status: 0, msg: 'Parameter missing' })).toMatchObject({ kind: 'notDone', reason: 'rejected' });
    expect(await asked({ status: 0, msg: 'Invalid Hash.' })).toMatchObject({ reason: 'misconfigured' });
  });
});
