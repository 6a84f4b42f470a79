import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { encodeGlobalId } from '../../src/global-id.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { DayBook } from '../helpers/day-book.ts';

/** What the ledger and the records do not say alike is found and named, whichever of them was changed ("Money", reports). */
let world: TestApp;
let book: DayBook;
beforeAll(async () => {
  world = await startTestApp({ worker: false });
});
afterAll(() => world.stop());
beforeEach(async () => {
  book = await DayBook.open(world, 'Africa/Cairo');
});

const june = (day: number, time = '09:00:00.000') => `2025-06-${String(day).padStart(2, '0')}T${time}Z`;
const DAYS = ['2025-06-01', '2025-06-05'] as const;
const differences = async () => (await book.report(...DAYS)).differences;
const payment = (id: string) => encodeGlobalId('Payment', id);
const order = (id: string) => encodeGlobalId('Order', id);
const refund = (id: string) => encodeGlobalId('Refund', id);

/** A line of one thing. */
function line(date: number, what: string, [ledger, records]: readonly [string, string], ids: readonly string[]) {
  const difference = (Number(ledger) - Number(records)).toFixed(2);
  return { date: `2025-06-0${date}`, currencyCode: 'EGP', what, ledger, records, difference, count: ids.length, ids };
}

test('none are listed where both say the same', async () => {
  const { paymentId } = await book.sold({ at: june(1), totalMinor: 10_000n });
  await book.refunded(paymentId, june(2), 'WALLET', 10n);
  expect(await differences()).toEqual([]);
});

test('a payment that was altered is named with what the ledger says of it', async () => {
  const { paymentId } = await book.sold({ at: june(2), totalMinor: 10_000n });
  await book.tamper(`update payments set captured_minor = 10001 where id = '${paymentId}'`);
  expect(await differences()).toEqual([
    line(2, 'TAKEN', ['100.00', '100.01'], [payment(paymentId)]),
    line(2, 'COMMISSION', ['0.00', '0.01'], [payment(paymentId)]),
  ]);
  // Nothing was corrected on either side.
  const [row] = await world.owner('select captured_minor from payments where id = $1', [paymentId]);
  expect(row.captured_minor).toBe('10001');
  expect((await book.report('2025-06-02')).rows[0]).toMatchObject({ taken: 10_000, sold: 10_000 });
});

test('a transaction of the ledger without a payment is named by itself, also where no payment could be meant', async () => {
  const entries = [
    { accountKind: 'GATEWAY_CLEARING', amountMinor: 500n },
    { accountKind: 'REVENUE', amountMinor: -500n },
  ] as const;
  await book.post({ kind: 'SETTLEMENT', currencyCode: 'EGP', entries }, june(3));
  await book.post({ kind: 'WHATEVER', currencyCode: 'EGP', entries }, june(4));
  await book.post(
    {
      kind: 'REFUND',
      currencyCode: 'EGP',
      entries: [
        { accountKind: 'REFUNDS', amountMinor: 40n },
        { accountKind: 'GATEWAY_CLEARING', amountMinor: -40n },
      ],
    },
    june(4),
  );
  const posted = await world.owner('select id, kind from ledger_transactions where tenant_id = $1', [book.tenantId]);
  const idOf = (kind: string) => [posted.find((each) => each.kind === kind).id];
  expect(await differences()).toEqual([
    line(3, 'SOLD', ['5.00', '0.00'], idOf('SETTLEMENT')),
    line(3, 'TAKEN', ['5.00', '0.00'], idOf('SETTLEMENT')),
    line(4, 'TAKEN', ['5.00', '0.00'], idOf('WHATEVER')),
    line(4, 'REFUNDED_TO_GATEWAY', ['0.40', '0.00'], idOf('REFUND')),
  ]);
});

test('a transaction that is gone leaves its payment, its order and its refund alone', async () => {
  const { paymentId, orderId } = await book.sold({ at: june(2), totalMinor: 10_000n });
  const refundId = await book.refunded(paymentId, june(3), 'WALLET', 100n);
  await book.tamper(
    `delete from ledger_entries where tenant_id = '${book.tenantId}'; delete from ledger_transactions where tenant_id = '${book.tenantId}'`,
  );
  expect(await differences()).toEqual([
    line(2, 'SOLD', ['0.00', '100.00'], [order(orderId)]),
    line(2, 'TAKEN', ['0.00', '100.00'], [payment(paymentId)]),
    line(3, 'REFUNDED_TO_WALLET', ['0.00', '1.00'], [refund(refundId)]),
  ]);
});

test('two errors that sum to nothing are two errors', async () => {
  const [one, other] = [
    await book.sold({ at: june(2), totalMinor: 10_000n }),
    await book.sold({ at: june(2), totalMinor: 20_000n }),
  ];
  await book.tamper(
    `update payments set captured_minor = captured_minor + 5, settled_minor = settled_minor + 5 where id = '${one.paymentId}';
     update payments set captured_minor = captured_minor - 5, settled_minor = settled_minor - 5 where id = '${other.paymentId}'`,
  );
  expect(await differences()).toEqual([
    line(2, 'TAKEN', ['200.00', '199.95'], [payment(other.paymentId)]),
    line(2, 'TAKEN', ['100.00', '100.05'], [payment(one.paymentId)]),
  ]);
});

test('a payment that was moved to another day is missing on either', async () => {
  const { paymentId } = await book.sold({ at: june(2), totalMinor: 10_000n });
  await book.tamper(`update payments set settled_at = '${june(4)}' where id = '${paymentId}'`);
  const moved = [
    line(2, 'TAKEN', ['100.00', '0.00'], [payment(paymentId)]),
    line(4, 'TAKEN', ['0.00', '100.00'], [payment(paymentId)]),
  ];
  expect(await differences()).toEqual(moved);
  expect((await book.report('2025-06-02')).differences).toEqual(moved.slice(0, 1));
  expect((await book.report('2025-06-03')).differences).toEqual([]);
  expect((await book.report('2025-06-04')).differences).toEqual(moved.slice(1));
});

test('a transaction whose two looks at the clock fell on two days is no difference', async () => {
  const { paymentId, orderId } = await book.sold({ at: june(2, '20:59:59.999'), totalMinor: 10_000n });
  await book.tamper(
    `update payments set settled_at = '${june(2, '21:00:00.001')}' where id = '${paymentId}';
     update orders set paid_at = '${june(2, '21:00:00.001')}' where id = '${orderId}'`,
  );
  for (const day of ['2025-06-02', '2025-06-03']) expect((await book.report(day)).differences, day).toEqual([]);
});

test('an order and a refund that somebody called done are named', async () => {
  const { paymentId } = await book.sold({ at: june(1), totalMinor: 10_000n });
  const orderId = await book.issue({ at: june(1), totalMinor: 700n });
  const refundId = randomUUID();
  await book.tamper(
    `update orders set status = 'PAID', paid_at = '${june(3)}' where id = '${orderId}';
     insert into refunds (tenant_id, id, payment_id, amount_minor, reason, target, status, requested_by, created_at, completed_at)
       values ('${book.tenantId}', '${refundId}', '${paymentId}', 250, 'x', 'GATEWAY', 'DONE', 'x', '${june(4)}', '${june(4)}')`,
  );
  expect(await differences()).toEqual([
    line(3, 'SOLD', ['0.00', '7.00'], [order(orderId)]),
    line(4, 'REFUNDED_TO_GATEWAY', ['0.00', '2.50'], [refund(refundId)]),
  ]);
});

test('what the wallet gave, and what came into it, is compared by its own records', async () => {
  await book.gift(5_000n, june(1));
  const orderId = await book.issue({ at: june(1), totalMinor: 10_000n });
  const shared = await book.pending(orderId, june(1), 3_000n);
  await book.settled(shared, june(2));
  const { paymentId: topUp } = await book.sold({ at: june(3), totalMinor: 900n, type: 'TOP_UP' });
  await book.tamper(
    `update payments set captured_minor = 2900, settled_minor = 2900 where share_of_id = '${shared}';
     update payments set settled_minor = 800, credit_minor = 50 where id = '${topUp}'`,
  );
  expect(await differences()).toEqual([
    line(2, 'TAKEN_BY_WALLET', ['30.00', '29.00'], [payment(shared)]),
    line(3, 'TOPPED_UP', ['9.00', '8.50'], [payment(topUp)]),
    line(3, 'COMMISSION', ['0.00', '0.50'], [payment(topUp)]),
  ]);
});

test('money under review that nobody decided about, or that is held of no payment, is named on the day it came', async () => {
  const late = async () => {
    const orderId = await book.issue({ at: june(1), totalMinor: 10_000n });
    const paymentId = await book.pending(orderId, june(1));
    await book.expired(orderId, june(2));
    await book.settled(paymentId, june(3));
    return paymentId;
  };
  const held = await late();
  await late();
  expect(await differences()).toEqual([]);
  await book.tamper(`update payments set status = 'REFUNDED', review_reason = null where id = '${held}'`);
  expect(await differences()).toEqual([line(3, 'UNDER_REVIEW', ['100.00', '0.00'], [payment(held)])]);
  const { paymentId } = await book.sold({ at: june(4), totalMinor: 300n });
  await book.tamper(`update payments set status = 'UNDER_REVIEW' where id = '${paymentId}'`);
  expect((await differences()).at(-1)).toEqual(line(4, 'UNDER_REVIEW', ['0.00', '3.00'], [payment(paymentId)]));
});

test("a customer's points and pending cashback are compared with what is left of their orders, as of now", async () => {
  await book.rules({ cashbackEnabled: true, cashbackPercent: '5', pointsEnabled: true, pointsPerUnit: '1' });
  await book.sold({ at: june(1), totalMinor: 10_000n });
  await book.tamper(
    `update loyalty_lots set points_remaining = 90, cashback_pending_minor = 490 where tenant_id = '${book.tenantId}'`,
  );
  expect(await differences(), 'lots do not tell what they once were').toEqual([]);
  const today = new Date().toLocaleDateString('en-CA', { timeZone: 'Africa/Cairo' });
  const ids = [encodeGlobalId('User', book.customerId)];
  const shared = { date: today, count: 1, ids };
  expect((await book.report(today)).differences).toEqual([
    { ...shared, what: 'CASHBACK_PENDING', currencyCode: 'EGP', ledger: '5.00', records: '4.90', difference: '0.10' },
    { ...shared, what: 'POINTS', currencyCode: null, ledger: '100', records: '90', difference: '10' },
  ]);
});

test('many of one kind are one line with all of their money, their number and the first of them', async () => {
  for (let count = 0; count < 7; count += 1) await book.sold({ at: june(2), totalMinor: 100n });
  await book.tamper(
    `update payments set captured_minor = 101, settled_minor = 101 where tenant_id = '${book.tenantId}'`,
  );
  const [found, ...others] = await differences();
  expect(others).toEqual([]);
  expect(found).toMatchObject({ what: 'TAKEN', ledger: '7.00', records: '7.07', difference: '-0.07', count: 7 });
  const ids = await world.owner('select id from payments where tenant_id = $1 order by id limit 5', [book.tenantId]);
  expect(found.ids).toEqual(ids.map(({ id }) => payment(id)));
});

test('another tenant, with the same days, sees nothing of it', async () => {
  const { paymentId } = await book.sold({ at: june(2), totalMinor: 10_000n });
  await book.tamper(`update payments set captured_minor = 10001 where id = '${paymentId}'`);
  expect(await differences()).toHaveLength(2);
  book = await DayBook.open(world, 'Africa/Cairo');
  const { rows, differences: theirs } = await book.report(...DAYS);
  expect(theirs).toEqual([]);
  expect(rows.every(({ taken, atGateways, outstanding }) => taken + atGateways + outstanding === 0)).toBe(true);
});
