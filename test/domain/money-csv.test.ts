import { expect, test } from 'vitest';

import { moneyCsv } from '../../src/domain/money-csv.ts';
import { moneyDays } from '../../src/domain/money-report.ts';
import { rulesUnset } from '../../src/domain/loyalty.ts';

const [DAY] = moneyDays({
  days: ['2025-06-01'],
  sums: [
    {
      day: 1,
      currencyCode: 'KWD',
      kind: 'SETTLEMENT',
      account: 'GATEWAY_CLEARING',
      debitMinor: 1_490n,
      creditMinor: 0n,
    },
    { day: 1, currencyCode: 'KWD', kind: 'SETTLEMENT', account: 'GATEWAY_FEES', debitMinor: 10n, creditMinor: 0n },
    { day: 1, currencyCode: 'KWD', kind: 'REFUND', account: 'COMMISSION_INCOME', debitMinor: 5n, creditMinor: 0n },
  ],
  balances: [{ account: 'POINTS', currencyCode: 'PTS', balanceMinor: -12n }],
  orders: [],
  currencyCode: 'KWD',
  rules: { ...rulesUnset('KWD'), redemptionRate: '0.5' },
});
const HEAD =
  'line,date,currency,sold,taken,takenByWallet,toppedUp,refundedToGateway,refundedToWallet,fees,commission,atGateways,underReview,' +
  'outstanding,walletLiability,customerCredit,cashbackPending,points,pointsWorth,what,ledger,records,difference,count,ids';

test('a table begins with the mark of UTF-8 and its head, and has a line for each row and each difference', () => {
  const difference = {
    date: '2025-06-01',
    currencyCode: 'KWD',
    what: 'COMMISSION',
    ledgerMinor: -5n,
    recordsMinor: 0n,
    differenceMinor: -5n,
    count: 2,
    ids: ['a', 'b'],
  } as const;
  const points = { ...difference, what: 'POINTS', currencyCode: 'PTS', ids: ['=cmd()'] } as const;
  expect(moneyCsv([DAY!], [difference, points])).toBe(
    `\u{FEFF}${HEAD}\r\n` +
      'DAY,2025-06-01,KWD,0.000,1.500,0.000,0.000,0.000,0.000,0.010,-0.005,0.000,0.000,0.000,0.000,0.000,0.000,12,6.000,,,,,,\r\n' +
      'DIFFERENCE,2025-06-01,KWD,,,,,,,,,,,,,,,,,COMMISSION,-0.005,0.000,-0.005,2,a b\r\n' +
      "DIFFERENCE,2025-06-01,PTS,,,,,,,,,,,,,,,,,POINTS,-5,0,-5,2,'=cmd()\r\n",
  );
});

test('a report of nothing is a head', () => {
  expect(moneyCsv([], [])).toBe(`\u{FEFF}${HEAD}\r\n`);
});
