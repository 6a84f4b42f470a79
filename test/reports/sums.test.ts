import { afterAll, beforeAll, expect, test } from 'vitest';

import { keepLedgerDays } from '../../src/resolvers/ledger-days.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { DayBook } from '../helpers/day-book.ts';

/** Whatever happened, days add up ("Money", reports): many things of every kind at random times, in a zone whose clocks go back. */
let world: TestApp;
beforeAll(async () => {
  world = await startTestApp({ worker: false });
});
afterAll(() => world.stop());

const ZONE = 'Africa/Cairo';
/** The clocks go back at the end of the 30th. */
const [FROM, TO] = ['2025-10-27', '2025-11-02'];
const START = Date.parse('2025-10-25T00:00:00Z');
const SPAN = 10 * 86_400_000;

/** The same numbers for the same seed: a failure can be looked at. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

async function fill(book: DayBook, next: () => number): Promise<void> {
  const times = Array.from({ length: 3 }, () => START + Math.floor(next() * SPAN)).toSorted((a, b) => a - b);
  const [first, second, third] = times.map((time) => new Date(time).toISOString()) as [string, string, string];
  const totalMinor = BigInt(1_000 + Math.floor(next() * 9_000));
  const currencyCode = ['EGP', 'EGP', 'KWD', 'JPY'][Math.floor(next() * 4)]!;
  const kind = Math.floor(next() * 7);
  const type = kind === 6 ? 'TOP_UP' : 'MANUAL_INVOICE';
  const orderId = await book.issue({ at: first, totalMinor, currencyCode, type });
  if (kind === 0) return;
  if (kind === 1) return book.expired(orderId, second);
  if (kind === 2) await book.gift(totalMinor, first, currencyCode);
  const paymentId = await book.pending(orderId, first, kind === 2 ? totalMinor / 3n : 0n);
  if (kind === 3) {
    await book.settled(paymentId, second, { amountMinor: totalMinor + 77n });
    if (next() < 0.3) return;
    const decision = next() < 0.5 ? 'ACCEPT' : 'REFUND';
    await book.decided(paymentId, decision, third);
    if (decision === 'REFUND') await book.refunded(paymentId, third, 'GATEWAY');
    return;
  }
  if (kind === 4)
    await book.settled(paymentId, second, { amountMinor: totalMinor + 33n, amountRule: 'AT_LEAST', feeMinor: 9n });
  else await book.settled(paymentId, second, { feeMinor: 5n });
  if (next() < 0.6)
    await book.refunded(paymentId, third, kind === 6 || next() < 0.5 ? 'GATEWAY' : 'WALLET', totalMinor / 2n);
}

/** Balances at the end of each day, reckoned by the database with its own time zones. */
async function endsOf(book: DayBook) {
  return world.owner<{ date: string; currency: string; kind: string; balance: string }>(
    `select to_char(d, 'YYYY-MM-DD') as date, a.currency_code as currency, a.kind::text as kind, sum(e.amount_minor) as balance
     from generate_series($2::date, $3::date, interval '1 day') d
     join ledger_transactions t on t.tenant_id = $1 and (t.occurred_at at time zone '${ZONE}')::date <= d::date
     join ledger_entries e on e.tenant_id = t.tenant_id and e.transaction_id = t.id
     join ledger_accounts a on a.tenant_id = e.tenant_id and a.id = e.account_id group by 1, 2, 3`,
    [book.tenantId, FROM, TO],
  );
}

test.each([1, 2, 3])('the end of a day is the end of the day before and what moved between (seed %i)', async (seed) => {
  const book = await DayBook.open(world, ZONE);
  await book.rules({ cashbackEnabled: true, cashbackPercent: '5', pointsEnabled: true, pointsPerUnit: '1' });
  const next = numbers(seed);
  for (let count = 0; count < 40; count += 1) await fill(book, next);
  const report = await book.report(FROM, TO);
  expect(report.differences).toEqual([]);
  expect(new Set(report.rows.map(({ currencyCode }) => currencyCode))).toEqual(new Set(['EGP', 'JPY', 'KWD']));

  const ends = await endsOf(book);
  const end = (row: any, kind: string, currency = row.currencyCode) =>
    Number(
      ends.find((each) => each.date === row.date && each.currency === currency && each.kind === kind)?.balance ?? 0,
    );
  for (const [index, row] of report.rows.entries()) {
    const { date, currencyCode, atGateways, underReview, walletLiability, customerCredit, cashbackPending } = row;
    expect(
      { atGateways, underReview, walletLiability, customerCredit, cashbackPending },
      `${date} ${currencyCode}`,
    ).toEqual({
      atGateways: end(row, 'GATEWAY_CLEARING'),
      underReview: 0 - end(row, 'PAYMENTS_UNDER_REVIEW'),
      walletLiability: 0 - end(row, 'WALLET'),
      customerCredit: 0 - end(row, 'CUSTOMER_CREDIT'),
      cashbackPending: 0 - end(row, 'CASHBACK_PENDING'),
    });
    if (row.currencyCode === 'EGP') expect(Number(row.pointsLiability.points)).toBe(0 - end(row, 'POINTS', 'PTS'));
    const before = report.rows.slice(0, index).findLast(({ currencyCode }) => currencyCode === row.currencyCode);
    if (before) expect(row.atGateways).toBe(before.atGateways + row.taken - row.fees - row.refundedToGateway);
  }

  // One day at a time, and from days that were kept, it is the same. A currency that had nothing yet has no row of its own day.
  for (const date of new Set(report.rows.map((row) => row.date))) {
    const { rows } = await book.report(date);
    const codes = rows.map(({ currencyCode }) => currencyCode);
    expect(rows).toEqual(report.rows.filter((row) => row.date === date && codes.includes(row.currencyCode)));
  }
  await keepLedgerDays(world.app, book.scope);
  expect((await book.report(FROM, TO)).rows).toEqual(report.rows);
});
