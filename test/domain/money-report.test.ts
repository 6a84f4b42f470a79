import { expect, test } from 'vitest';

import fc from '../helpers/property.ts';
import { LEDGER_ACCOUNT_SIDES, type LedgerAccountKind } from '../../src/domain/ledger.ts';
import { rulesUnset } from '../../src/domain/loyalty.ts';
import { checkReportDays, flowsOf, moneyDays, type LedgerSum, type MoneyFacts } from '../../src/domain/money-report.ts';

const FACTS: MoneyFacts = {
  days: ['2025-06-01', '2025-06-02', '2025-06-03'],
  sums: [],
  balances: [],
  orders: [],
  currencyCode: 'EGP',
  rules: undefined,
};

test('a range has 92 days at most, the right way round, of this century', () => {
  for (const [from, to] of [
    ['2025-06-01', '2025-06-01'],
    ['2025-01-01', '2025-04-02'],
    ['2000-01-01', '2000-01-02'],
  ] as const)
    expect(() => checkReportDays(from, to)).not.toThrow();
  for (const [from, to, field] of [
    ['2025-01-01', '2025-04-03', 'to'],
    ['2025-06-02', '2025-06-01', 'to'],
    ['1999-12-31', '2000-01-01', 'from'],
    ['0001-01-01', '9999-12-31', 'from'],
  ] as const)
    expect(() => checkReportDays(from, to), from).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT', field: [field] }),
    );
});

test('a tenant without anything has a row of nothing for each day, in its own currency', () => {
  const rows = moneyDays(FACTS);
  expect(rows.map(({ date, currencyCode }) => [date, currencyCode])).toEqual(FACTS.days.map((day) => [day, 'EGP']));
  expect(rows[2]).toMatchObject({
    taken: 0n,
    atGateways: 0n,
    outstanding: 0n,
    points: { points: 0n, worthMinor: null },
  });
  expect(moneyDays({ ...FACTS, days: [] })).toEqual([]);
});

test('a currency without anything in these days has no row, and one with anything has one on every day', () => {
  const balances = [
    { account: 'WALLET', currencyCode: 'KWD', balanceMinor: 0n },
    { account: 'WALLET', currencyCode: 'JPY', balanceMinor: -5n },
  ] as const;
  const later = {
    day: 4,
    currencyCode: 'JPY',
    kind: 'ADJUSTMENT',
    account: 'WALLET',
    debitMinor: 0n,
    creditMinor: 5n,
  } as const;
  const codes = (facts: MoneyFacts) => moneyDays(facts).map(({ currencyCode }) => currencyCode);
  expect(codes({ ...FACTS, balances })).toEqual(['EGP', 'JPY', 'EGP', 'JPY', 'EGP', 'JPY']);
  // All of it came after these days.
  expect(codes({ ...FACTS, balances, sums: [later] })).toEqual(['EGP', 'EGP', 'EGP']);
  const orders = [{ currencyCode: 'USD', issuedDay: 0, closedDay: 2, totalMinor: 7n }];
  expect(
    moneyDays({ ...FACTS, orders })
      .filter((day) => day.currencyCode === 'USD')
      .map((day) => day.outstanding),
  ).toEqual([7n, 0n, 0n]);
});

test('points stand in the currency of the rules, worth what they say, rounded down', () => {
  const balances = [{ account: 'POINTS', currencyCode: 'PTS', balanceMinor: -7n }] as const;
  const rules = { ...rulesUnset('KWD'), redemptionRate: '0.0105' };
  const rows = moneyDays({ ...FACTS, balances, rules });
  expect(rows.slice(0, 2).map(({ currencyCode, points }) => [currencyCode, points])).toEqual([
    ['EGP', null],
    ['KWD', { points: 7n, worthMinor: 73n }],
  ]);
});

const KINDS = ['SETTLEMENT', 'REVIEW_HOLD', 'REVIEW_ACCEPT', 'REVIEW_REFUND', 'REFUND', 'ADJUSTMENT', 'SOMETHING_NEW'];
const sum: fc.Arbitrary<LedgerSum> = fc.record({
  day: fc.integer({ min: 1, max: 4 }),
  currencyCode: fc.constantFrom('EGP', 'KWD'),
  kind: fc.constantFrom(...KINDS),
  account: fc.constantFrom(...(Object.keys(LEDGER_ACCOUNT_SIDES) as LedgerAccountKind[])),
  debitMinor: fc.bigInt({ min: 0n, max: 10n ** 15n }),
  creditMinor: fc.bigInt({ min: 0n, max: 10n ** 15n }),
});

test('whatever was posted, the end of a day is the end of the day before and what moved, and the last end is now', () => {
  fc.assert(
    fc.property(fc.array(sum, { maxLength: 30 }), fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n }), (sums, now) => {
      const balances = (['GATEWAY_CLEARING', 'WALLET'] as const).map((account) => ({
        account,
        currencyCode: 'EGP',
        balanceMinor: now,
      }));
      const rows = moneyDays({ ...FACTS, sums, balances }).filter((day) => day.currencyCode === 'EGP');
      const net = (account: string, day: number) =>
        sums
          .filter((each) => each.account === account && each.day === day && each.currencyCode === 'EGP')
          .reduce((total, { debitMinor, creditMinor }) => total + debitMinor - creditMinor, 0n);
      expect(rows[2]!.atGateways + net('GATEWAY_CLEARING', 4)).toBe(now);
      expect(-rows[2]!.walletLiability + net('WALLET', 4)).toBe(now);
      for (const index of [1, 2]) {
        const [before, day] = [rows[index - 1]!, rows[index]!];
        expect(day.atGateways).toBe(before.atGateways + day.taken - day.fees - day.refundedToGateway);
        expect(day.walletLiability).toBe(before.walletLiability - net('WALLET', index + 1));
      }
    }),
  );
});

test('wallet money is told by what it was for: an order, a top-up, a refund; and nothing else of it is', () => {
  const wallet = (kind: string, debitMinor: bigint, creditMinor: bigint): LedgerSum => ({
    day: 1,
    currencyCode: 'EGP',
    kind,
    account: 'WALLET',
    debitMinor,
    creditMinor,
  });
  expect(
    flowsOf([
      wallet('SETTLEMENT', 1n, 10n),
      wallet('REVIEW_ACCEPT', 2n, 20n),
      wallet('REFUND', 4n, 40n),
      wallet('ADJUSTMENT', 8n, 80n),
    ]),
  ).toMatchObject({ takenByWallet: 3n, toppedUp: 26n, refundedToWallet: 40n });
});
