import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startTestApp, type TestApp } from '../helpers/app.ts';
import { DayBook } from '../helpers/day-book.ts';

/** What moves on a day and what stands at its end ("Money", reports): each promise in a tenant of its own, in Cairo. */
let world: TestApp;
let book: DayBook;
beforeAll(async () => {
  world = await startTestApp({ worker: false });
});
afterAll(() => world.stop());

const fresh = async () => {
  book = await DayBook.open(world, 'Africa/Cairo');
  return book;
};
/** Noon in Cairo of a day of June 2025. */
const june = (day: number) => `2025-06-${String(day).padStart(2, '0')}T09:00:00.000Z`;
const DAYS = ['2025-06-01', '2025-06-04'] as const;
const series = (...names: string[]) => book.seriesOf(names, ...DAYS);
const noDifferences = async () => expect((await book.report(...DAYS)).differences).toEqual([]);

describe('amounts', () => {
  test('have the decimals of their own currency, and each currency a row of its own', async () => {
    await fresh();
    for (const [currencyCode, totalMinor] of [
      ['JPY', 1_500n],
      ['EGP', 1_500n],
      ['KWD', 1_500n],
    ] as const)
      await book.sold({ at: june(1), currencyCode, totalMinor });
    const { moneyReport } = await world.data(
      book.staff,
      '{ moneyReport(from: "2025-06-01", to: "2025-06-02") { rows { date currencyCode taken { amount currencyCode } atGateways { amount } } } }',
    );
    const row = (date: string, currencyCode: string, taken: string, atGateways: string) => ({
      date,
      currencyCode,
      taken: { amount: taken, currencyCode },
      atGateways: { amount: atGateways },
    });
    expect(moneyReport.rows).toEqual([
      row('2025-06-01', 'EGP', '15.00', '15.00'),
      row('2025-06-01', 'JPY', '1500', '1500'),
      row('2025-06-01', 'KWD', '1.500', '1.500'),
      row('2025-06-02', 'EGP', '0.00', '15.00'),
      row('2025-06-02', 'JPY', '0', '1500'),
      row('2025-06-02', 'KWD', '0.000', '1.500'),
    ]);
    await noDifferences();
  });

  test('of a gateway are told with the fee it keeps and the commission its customer pays', async () => {
    await fresh();
    await book.sold({ at: june(1), totalMinor: 10_000n }, { feeMinor: 250n });
    const orderId = await book.issue({ at: june(2), totalMinor: 10_000n });
    const paymentId = await book.pending(orderId, june(2));
    await book.settled(paymentId, june(2), { amountMinor: 10_300n, amountRule: 'AT_LEAST' });
    // All of it goes back, the commission last.
    await book.refunded(paymentId, june(3), 'GATEWAY', 10_000n);
    await book.refunded(paymentId, june(4), 'GATEWAY', 300n);
    expect(await series('sold', 'taken', 'fees', 'commission', 'refundedToGateway', 'atGateways')).toEqual([
      ['2025-06-01', 10_000, 10_000, 250, 0, 0, 9_750],
      ['2025-06-02', 10_000, 10_300, 0, 300, 0, 20_050],
      ['2025-06-03', 0, 0, 0, 0, 10_000, 10_050],
      ['2025-06-04', 0, 0, 0, -300, 300, 9_750],
    ]);
    await noDifferences();
  });
});

describe('the wallet', () => {
  test('gives its share of a payment on the day on which the gateway gives the rest', async () => {
    await fresh();
    await book.gift(5_000n, june(1));
    const orderId = await book.issue({ at: june(1), totalMinor: 11_400n, taxMinor: 1_400n });
    const paymentId = await book.pending(orderId, june(1), 3_000n);
    await book.settled(paymentId, june(3));
    expect(await series('sold', 'taken', 'takenByWallet', 'outstanding', 'walletLiability')).toEqual([
      ['2025-06-01', 0, 0, 0, 11_400, 5_000],
      ['2025-06-02', 0, 0, 0, 11_400, 5_000],
      ['2025-06-03', 11_400, 8_400, 3_000, 0, 2_000],
      ['2025-06-04', 0, 0, 0, 0, 2_000],
    ]);
    await noDifferences();
  });

  test('is topped up by money that is taken and not sold, and gives it back', async () => {
    await fresh();
    const { paymentId } = await book.sold({ at: june(1), totalMinor: 20_000n, type: 'TOP_UP' });
    await book.refunded(paymentId, june(3), 'GATEWAY', 8_000n);
    expect(await series('sold', 'taken', 'toppedUp', 'refundedToGateway', 'outstanding', 'walletLiability')).toEqual([
      ['2025-06-01', 0, 20_000, 20_000, 0, 0, 20_000],
      ['2025-06-02', 0, 0, 0, 0, 0, 20_000],
      ['2025-06-03', 0, 0, -8_000, 8_000, 0, 12_000],
      ['2025-06-04', 0, 0, 0, 0, 0, 12_000],
    ]);
    await noDifferences();
  });
});

describe('refunds', () => {
  test('in part are told by where they went, on the days on which they were done', async () => {
    await fresh();
    const { paymentId } = await book.sold({ at: june(1), totalMinor: 11_400n, taxMinor: 1_400n });
    await book.refunded(paymentId, june(2), 'GATEWAY', 1_001n);
    await book.refunded(paymentId, june(2), 'WALLET', 2_002n);
    await book.refunded(paymentId, june(4), 'WALLET', 3_003n);
    expect(await series('sold', 'refundedToGateway', 'refundedToWallet', 'atGateways', 'walletLiability')).toEqual([
      ['2025-06-01', 11_400, 0, 0, 11_400, 0],
      ['2025-06-02', 0, 1_001, 2_002, 10_399, 2_002],
      ['2025-06-03', 0, 0, 0, 10_399, 2_002],
      ['2025-06-04', 0, 0, 3_003, 10_399, 5_005],
    ]);
    await noDifferences();
  });
});

describe('money under review', () => {
  const late = async () => {
    await fresh();
    const orderId = await book.issue({ at: june(1), totalMinor: 10_000n });
    const paymentId = await book.pending(orderId, june(1));
    await book.expired(orderId, june(2));
    await book.settled(paymentId, june(3));
    return paymentId;
  };

  test('is taken when it comes, held until it is accepted, and sold then', async () => {
    const paymentId = await late();
    await book.decided(paymentId, 'ACCEPT', june(4));
    expect(await series('sold', 'taken', 'underReview', 'outstanding', 'atGateways')).toEqual([
      ['2025-06-01', 0, 0, 0, 10_000, 0],
      ['2025-06-02', 0, 0, 0, 0, 0],
      ['2025-06-03', 0, 10_000, 10_000, 0, 10_000],
      ['2025-06-04', 10_000, 0, 0, 0, 10_000],
    ]);
    await noDifferences();
    // Each day for itself, though the money came on one and counted on another.
    for (const day of ['2025-06-01', '2025-06-03', '2025-06-04'])
      expect((await book.report(day)).differences).toEqual([]);
  });

  test('goes back on the day on which it does', async () => {
    const paymentId = await late();
    await book.decided(paymentId, 'REFUND', june(3));
    await book.refunded(paymentId, june(4), 'GATEWAY');
    expect(await series('sold', 'taken', 'refundedToGateway', 'underReview', 'atGateways')).toEqual([
      ['2025-06-01', 0, 0, 0, 0, 0],
      ['2025-06-02', 0, 0, 0, 0, 0],
      ['2025-06-03', 0, 10_000, 0, 10_000, 10_000],
      ['2025-06-04', 0, 0, 10_000, 0, 0],
    ]);
    await noDifferences();
  });

  test('in another currency than was asked for stands in the currency that came', async () => {
    await fresh();
    const orderId = await book.issue({ at: june(1), totalMinor: 10_000n });
    const paymentId = await book.pending(orderId, june(1));
    await book.settled(paymentId, june(2), { currencyCode: 'KWD', amountMinor: 7_000n });
    await noDifferences();
    await book.decided(paymentId, 'REFUND', june(3));
    await book.refunded(paymentId, june(4), 'GATEWAY');
    expect(await book.seriesOf(['taken', 'refundedToGateway', 'underReview'], ...DAYS, 'KWD')).toEqual([
      ['2025-06-01', 0, 0, 0],
      ['2025-06-02', 7_000, 0, 7_000],
      ['2025-06-03', 0, 0, 7_000],
      ['2025-06-04', 0, 7_000, 0],
    ]);
    await noDifferences();
  });

  test('of another amount is credit where it is too much, and a sale of all where it is too little', async () => {
    await fresh();
    for (const amountMinor of [10_700n, 9_100n]) {
      const orderId = await book.issue({ at: june(1), totalMinor: 10_000n });
      const paymentId = await book.pending(orderId, june(1));
      await book.settled(paymentId, june(2), { amountMinor });
      await book.decided(paymentId, 'ACCEPT', june(3));
    }
    const [{ id }] = await world.owner('select id from payments where tenant_id = $1 and credit_minor > 0', [
      book.tenantId,
    ]);
    await book.refunded(id, june(4), 'WALLET', 10_700n);
    expect(
      await series('sold', 'taken', 'underReview', 'customerCredit', 'refundedToWallet', 'walletLiability'),
    ).toEqual([
      ['2025-06-01', 0, 0, 0, 0, 0, 0],
      ['2025-06-02', 0, 19_800, 19_800, 0, 0, 0],
      ['2025-06-03', 20_000, 0, 0, 700, 0, 0],
      ['2025-06-04', 0, 0, 0, 0, 10_700, 10_700],
    ]);
    await noDifferences();
  });
});

describe('what orders earn', () => {
  test('is pending cashback, then wallet money; and points, until they run out', async () => {
    await fresh();
    await book.rules({
      cashbackEnabled: true,
      cashbackPercent: '5',
      cashbackPendingDays: 2,
      pointsEnabled: true,
      pointsPerUnit: '1',
      pointsExpireDays: 3,
      redemptionRate: '0.125',
    });
    const { orderId } = await book.sold({ at: june(1), totalMinor: 10_100n });
    await book.sold({ at: june(2), totalMinor: 10_000n });
    await book.credited(orderId, june(3));
    await book.ranOut(orderId, june(4));
    const points = (count: string, worth: string) => ({ points: count, worth: { amount: worth, currencyCode: 'EGP' } });
    expect(await series('cashbackPending', 'walletLiability', 'pointsLiability')).toEqual([
      ['2025-06-01', 505, 0, points('101', '12.62')],
      ['2025-06-02', 1_005, 0, points('201', '25.12')],
      ['2025-06-03', 500, 505, points('201', '25.12')],
      ['2025-06-04', 500, 505, points('100', '12.50')],
    ]);
    await noDifferences();
  });

  test('stands on one row of a day, and is worth nothing that is said where points are not redeemed', async () => {
    await fresh();
    await book.sold({ at: june(1), totalMinor: 100n, currencyCode: 'AED' });
    const { rows } = await book.report('2025-06-01');
    expect(rows.map(({ currencyCode, pointsLiability }) => [currencyCode, pointsLiability])).toEqual([
      ['AED', null],
      ['EGP', { points: '0', worth: null }],
    ]);
  });
});

describe('what is outstanding', () => {
  test('is every issued order at the end of the days on which it waited for its money', async () => {
    await fresh();
    const one = await book.issue({ at: june(1), totalMinor: 1n });
    const other = await book.issue({ at: june(2), totalMinor: 10n });
    await book.issue({ at: june(3), totalMinor: 100n });
    // On no day's end: issued and paid at once, or nobody's debt.
    await book.sold({ at: june(2), totalMinor: 1_000n });
    await book.issue({ at: june(1), totalMinor: 10_000n, type: 'TOP_UP' });
    await book.settled(await book.pending(one, june(3)), june(3));
    await book.expired(other, june(4));
    expect(await series('outstanding')).toEqual([
      ['2025-06-01', 1],
      ['2025-06-02', 11],
      ['2025-06-03', 110],
      ['2025-06-04', 100],
    ]);
    // Still so, long after.
    expect(await book.seriesOf(['outstanding'], '2025-06-30', '2025-06-30')).toEqual([['2025-06-30', 100]]);
    expect(await book.seriesOf(['outstanding'], '2025-05-31', '2025-05-31')).toEqual([['2025-05-31', 0]]);
  });

  test('is no order whose end nobody remembers', async () => {
    await fresh();
    await book.issue({ at: june(1), totalMinor: 5n });
    await book.tamper(`update orders set status = 'CANCELLED', closed_at = null where tenant_id = '${book.tenantId}'`);
    expect(await series('outstanding')).toEqual(['01', '02', '03', '04'].map((day) => [`2025-06-${day}`, 0]));
  });
});
