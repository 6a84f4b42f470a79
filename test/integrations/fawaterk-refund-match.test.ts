import { describe, expect, test } from 'vitest';
import fc from '../helpers/property.ts';
import type { OutboundSend } from '../../src/integrations/contract.ts';
import { createFawaterkClient } from '../../src/integrations/fawaterk/client.ts';
import {
  entriesAbout,
  recognise,
  refundState,
  type WantedRefund,
} from '../../src/integrations/fawaterk/refund-match.ts';
import { fittingReason } from '../../src/integrations/fawaterk/refund-reasons.ts';
import { RefundPageAnswer } from '../../src/integrations/fawaterk/wire.ts';
import { readAnswer } from '../../src/integrations/json.ts';
import { CREDENTIALS, OTHER_REFUND_ID, REFUND_ID, refundInput } from '../helpers/fawaterk-refunds.ts';

const WANTED: WantedRefund = {
  invoice: '7',
  refundId: REFUND_ID,
  amountMinor: 5_000n,
  currencyCode: 'EGP',
  refundedBeforeMinor: 0n,
};

/** An entry as the vendor's interface description shows it. */
function entry(fields: Record<string, unknown> = {}) {
  return {
    id: 42,
    refundable_type: 'Invoice',
    refundable_amount: 50,
    status: 'pending',
    refundable_id: 7,
    reason: 'Other',
    created_at: '2026-06-01 10:00:00',
    can_delete: true,
    ...fields,
  };
}

function page(data: unknown, fields: Record<string, unknown> = {}) {
  const length = Array.isArray(data) ? data.length : 0;
  return { current_page: 1, data, last_page: 1, per_page: 10, total: length, next_page_url: null, ...fields };
}

function found(data: unknown[], changes: Partial<WantedRefund> = {}, id: string | null = null) {
  const answer = readAnswer(RefundPageAnswer, JSON.stringify(page(data)));
  if (answer === null) throw new Error('no page');
  const wanted = { ...WANTED, ...changes };
  return recognise(entriesAbout(answer.data, wanted), wanted, id);
}

const PERSON = { contradiction: expect.any(String) };

describe("the vendor's word for a refund", () => {
  test.each([
    ['pending', 'REQUESTED'],
    ['Approved', 'DONE'],
    [' REFUNDED ', 'DONE'],
    ['1', 'DONE'],
    ['rejected', 'FAILED'],
    ['Declined', 'FAILED'],
    ['deleted', 'FAILED'],
    ['canceled', 'FAILED'],
    ['0', 'REQUESTED'],
    ['2', 'REQUESTED'],
    ['not approved', 'REQUESTED'],
    ['قيد الانتظار', 'REQUESTED'],
    ['', 'REQUESTED'],
    [null, 'REQUESTED'],
  ])('%j is %s: what is not known stays open', (word, state) => expect(refundState(word)).toBe(state));
});

describe('our refund in the list', () => {
  test.each([
    ['numbers and texts', entry({ id: '42', refundable_id: '7', refundable_amount: '50.00' })],
    ['a kind by its class', entry({ refundable_type: 'App\\Models\\Invoice' })],
    ['a kind by its number', entry({ refundable_type: 0 })],
    ['fields nobody told us of', entry({ extra: { a: [1] } })],
  ])('is known from %s', (_name, one) => {
    expect(found([one])).toEqual({ state: 'REQUESTED', id: '42', isNamed: false });
  });

  test('is none of another payment, of another kind under the same number, or of another amount once it failed', () => {
    const others = [
      entry({ refundable_id: 8 }),
      entry({ refundable_type: 'Transaction' }),
      entry({ refundable_type: 'Payment link transaction' }),
      entry({ refundable_type: '3' }),
      entry({ refundable_amount: 60, status: 'rejected' }),
    ];
    expect(found(others)).toMatchObject({ state: 'NOT_FOUND' });
  });

  test('is done when what was given back grew by its amount, and is the newest of its amount', () => {
    const given = [entry({ id: 44, status: 'approved' }), entry({ id: 43, status: 'approved' })];
    expect(found(given, { refundedBeforeMinor: 5_000n })).toMatchObject({ state: 'DONE', id: '44' });
    expect(found(given.toReversed(), { refundedBeforeMinor: 5_000n })).toMatchObject({ state: 'DONE', id: '44' });
  });

  test('is not done by two others that sum to it', () => {
    const two = [
      entry({ status: 'approved', refundable_amount: 20 }),
      entry({ id: 43, status: 'approved', refundable_amount: 30 }),
    ];
    expect(found(two)).toEqual(PERSON);
  });

  test('has failed where one of its amount was rejected and nothing else happened', () => {
    expect(found([entry({ status: 'rejected' })])).toEqual({ state: 'FAILED', id: '42', isNamed: false });
  });

  test('by our id in the comment or the reason beats every other sign', () => {
    const theirs = entry({ id: 50, status: 'approved' });
    for (const mark of [{ comment: `x ${REFUND_ID.toUpperCase()} y` }, { reason: REFUND_ID }]) {
      expect(found([theirs, entry(mark)])).toEqual({ state: 'REQUESTED', id: '42', isNamed: true });
    }
    expect(found([entry({ comment: OTHER_REFUND_ID })])).toMatchObject({ state: 'NOT_FOUND' });
    expect(found([entry({ comment: REFUND_ID, refundable_amount: 51 })])).toEqual(PERSON);
    expect(found([entry({ comment: REFUND_ID }), entry({ id: 43, comment: REFUND_ID })])).toEqual(PERSON);
    expect(
      found([entry({ comment: REFUND_ID, status: 'rejected' }), entry({ id: 43, comment: REFUND_ID })]),
    ).toMatchObject({ state: 'REQUESTED', id: '43' });
  });

  test('by its number is what the list says; gone, it was withdrawn; with other money about, a person looks', () => {
    expect(found([entry({ status: 'approved' })], {}, '42')).toMatchObject({ state: 'DONE', id: '42' });
    expect(found([], {}, '42')).toMatchObject({ state: 'FAILED', id: '42' });
    expect(found([entry({ id: 43, status: 'approved' })], {}, '42')).toEqual(PERSON);
    expect(found([entry({ refundable_amount: 51 })], {}, '42')).toEqual(PERSON);
  });

  test('two open ones of its amount are one request, without a number', () => {
    expect(found([entry(), entry({ id: 43 })])).toEqual({ state: 'REQUESTED', id: null, isNamed: false });
  });
});

describe('a list from which nobody can tell', () => {
  test.each([
    ['more given back than our books say', [entry({ status: 'approved', refundable_amount: 60 })]],
    ['an amount that cannot be read', [entry({ refundable_amount: '50.005' })]],
    ['no amount', [entry({ refundable_amount: null })]],
    ['no number', [entry({ id: null })]],
    ['a kind nobody knows', [entry({ refundable_type: 'فاتورة' })]],
    ['no kind', [entry({ refundable_type: null })]],
    ['no payment, but our amount', [entry({ refundable_id: { id: 7 } })]],
    ['something that is no entry', ['42']],
  ])('(%s) is for a person, and never NOT_FOUND', (_name, data) => {
    expect(found(data)).toEqual(PERSON);
    expect(found(data, {}, '99')).toEqual(PERSON);
  });

  test('an open request of another amount keeps ours from being sent, for it may be ours in other money', () => {
    expect(found([entry({ refundable_amount: 2_400.5 })])).toEqual(PERSON);
  });

  test('an entry of nobody with another amount, or one that failed, hides nothing', () => {
    const data = [
      entry({ refundable_id: null, refundable_amount: 1 }),
      entry({ refundable_id: null, status: 'rejected' }),
    ];
    expect(found(data)).toMatchObject({ state: 'NOT_FOUND' });
  });

  test('whatever stands in the list, DONE and NOT_FOUND are told only where the sums say so', () => {
    const entries = fc.array(
      fc.record({
        id: fc.integer({ min: 1, max: 99 }),
        refundable_type: fc.constantFrom('Invoice', 'Transaction', 'Bill'),
        refundable_id: fc.constantFrom(7, 8),
        refundable_amount: fc.constantFrom(20, 30, 50, '50.00', 'x'),
        status: fc.constantFrom('pending', 'approved', 'rejected', 'weird'),
      }),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(entries, fc.constantFrom(0n, 5_000n), (data, refundedBeforeMinor) => {
        const result = found(data, { refundedBeforeMinor });
        if ('contradiction' in result) return;
        const mine = data.filter((one) => one.refundable_id === 7 && one.refundable_type === 'Invoice');
        const given = mine
          .filter((one) => one.status === 'approved')
          .reduce((sum, one) => sum + BigInt(Math.round(Number(one.refundable_amount) * 100)), 0n);
        expect(given).toBe(result.state === 'DONE' ? refundedBeforeMinor + 5_000n : refundedBeforeMinor);
        if (result.state === 'NOT_FOUND') {
          expect(mine.filter((one) => one.status === 'pending' || one.status === 'weird')).toEqual([]);
        }
      }),
    );
  });
});

/** A vendor with one list: its pages in turn. */
function vendor(pages: Record<string, unknown>, details: unknown = null) {
  const asked: string[] = [];
  const send: OutboundSend = async ({ url }) => {
    const { pathname, searchParams } = new URL(url);
    asked.push(`${pathname.split('/').at(-1)}${searchParams.get('page') ?? ''}`);
    if (pathname === '/oauth/token') return { status: 200, headers: {}, body: '{"access_token":"t"}' };
    const answer = pathname.includes('/details/') ? details : pages[searchParams.get('page') ?? ''];
    const text = typeof answer === 'string' ? answer : JSON.stringify(answer);
    return { status: answer === undefined ? 404 : 200, headers: {}, body: text ?? '' };
  };
  const client = createFawaterkClient({ send, clock: { now: () => new Date() } });
  const connection = { baseUrl: 'https://a.example', testMode: true, credentials: CREDENTIALS };
  const lookUp = (gatewayRefundReference: string | null, changes = {}) =>
    client.lookUpRefund!(connection, { ...refundInput('7', changes), gatewayRefundReference }, { timeoutMs: 5_000 });
  return { lookUp, asked };
}

const SINCE = { paymentCreatedAt: new Date('2026-06-01T00:00:00Z') };

describe('reading the list', () => {
  test('goes to its last page, and needs no page of it that is older than the payment', async () => {
    const old = (id: number) => entry({ id, refundable_id: 8, created_at: '2026-05-01 10:00:00' });
    const of = (current_page: number, ...data: unknown[]) => page(data, { current_page, last_page: 3, total: 5 });
    const newestFirst = vendor({ 1: of(1, old(9), old(8)) });
    expect(await newestFirst.lookUp(null, SINCE)).toMatchObject({ value: { state: 'NOT_FOUND' } });
    expect(newestFirst.asked).toEqual(['token', 'index1']);
    const oldestFirst = vendor({ 1: of(1, old(6), old(7)), 2: of(2, old(8)), 3: of(3, entry({ id: 9 })) });
    expect(await oldestFirst.lookUp(null, SINCE)).toMatchObject({ value: { state: 'REQUESTED' } });
  });

  test.each([
    ['HTML', '<html><h1>Maintenance</h1></html>'],
    ['half an answer', '{"current_page":1,"data":['],
    ['another shape', { status: 'success', data: [entry()] }],
    ['entries by number', page({ 0: entry() })],
    ['too many entries', page(Array.from({ length: 201 }, () => entry()))],
    ['the wrong page', page([], { current_page: 2, last_page: 3 })],
    ['no number of pages', page([], { last_page: 'all' })],
  ])('that answers %s says nothing of any refund', async (_name, answer) => {
    expect(await vendor({ 1: answer }).lookUp(null)).toMatchObject({ kind: 'notDone', reason: 'unavailable' });
  });

  test('that shrinks, repeats a page, breaks off or never ends says nothing either', async () => {
    const theirs = (current: number, last = 100, total = 1_000) =>
      page([entry({ id: 5_000 - current, refundable_id: 8 })], { current_page: current, last_page: last, total });
    expect(await vendor({ 1: theirs(1, 2), 2: theirs(2, 2) }).lookUp(null, SINCE)).toMatchObject({ kind: 'done' });
    const shrinking = vendor({ 1: theirs(1, 2), 2: theirs(2, 2, 999) });
    const deafToPages = vendor({ 1: theirs(1, 2), 2: theirs(1, 2) });
    const broken = vendor({ 1: theirs(1) });
    const endless = vendor(
      Object.fromEntries(Array.from({ length: 100 }, (_, index) => [index + 1, theirs(index + 1)])),
    );
    for (const { lookUp } of [shrinking, deafToPages, broken, endless]) {
      expect(await lookUp(null, SINCE)).toMatchObject({ kind: 'notDone', reason: 'unavailable' });
    }
    expect(endless.asked.length).toBeLessThan(40);
  });

  test('under an envelope is the same list', async () => {
    const answer = { status: 'success', data: page([entry({ status: 'approved' })]) };
    expect(await vendor({ 1: answer }).lookUp(null)).toMatchObject({ value: { state: 'DONE' } });
  });

  test('is not needed where the vendor tells of the refund by its number', async () => {
    const told = vendor({}, { id: 42, refundable_amount: 50, status: 'approved', reason: 'Other' });
    expect(await told.lookUp('42')).toEqual({ kind: 'done', value: { state: 'DONE', gatewayRefundReference: '42' } });
    expect(told.asked).toEqual(['token', '42']);
    const other = vendor({}, { id: 42, refundable_amount: 51, status: 'approved' });
    expect(await other.lookUp('42')).toMatchObject({ kind: 'notDone', reason: 'rejected' });
  });

  test.each([
    null,
    [],
    {},
    { id: 43, refundable_amount: 50, status: 'approved' },
    { status: 'error', message: 'None' },
  ])('decides where the vendor tells %j under the number', async (details) => {
    const { lookUp } = vendor({ 1: page([entry({ status: 'rejected' })]) }, details);
    expect(await lookUp('42')).toMatchObject({ value: { state: 'FAILED', gatewayRefundReference: '42' } });
  });
});

test.each([
  [['A', 'Other', 'B'], ' b ', 'B'],
  [['A', 'Other'], 'The tea was cold', 'Other'],
  [['A', 'other '], '', 'other '],
  [['A', 'B'], 'x', 'A'],
  [[], 'x', 'Other'],
])('of the reasons %j the one for %j is %j', (reasons, text, fitting) => {
  expect(fittingReason(reasons, text)).toBe(fitting);
});
