import { expect, test } from 'vitest';

import fc from '../helpers/property.ts';
import {
  cashbackCreditedPosting,
  cashbackEarnedPosting,
  cashbackTakenBackPosting,
  pointsEarnedPosting,
  pointsExpiredPosting,
  pointsRedeemedPosting,
  pointsTakenBackPosting,
  redemptionPosting,
} from '../../src/domain/loyalty-postings.ts';
import { CUSTOMERS_ACCOUNTS, type LedgerEntry } from '../../src/domain/ledger.ts';
import { addAll } from '../../src/domain/money.ts';
import { statementKindOf } from '../../src/domain/statement.ts';

const some = fc.bigInt(1n, 10n ** 12n);
const any = fc.bigInt(0n, 10n ** 12n);
const sum = (entries: readonly LedgerEntry[]) => addAll(entries.map(({ amountMinor }) => amountMinor));

test('every posting of points and cashback balances, and a rest falls on an account of the same customer', () => {
  fc.assert(
    fc.property(some, any, (amount, other) => {
      const postings = [
        pointsEarnedPosting({ points: amount, owed: other }),
        pointsExpiredPosting({ points: amount }),
        pointsRedeemedPosting({ points: amount }),
        redemptionPosting({ worthMinor: amount }),
        pointsTakenBackPosting({ fromAccount: amount, owed: other }),
        cashbackEarnedPosting({ cashbackMinor: amount }),
        cashbackCreditedPosting({ cashbackMinor: amount }),
        cashbackTakenBackPosting({ pendingMinor: amount, creditedMinor: other }),
        cashbackTakenBackPosting({ pendingMinor: other, creditedMinor: amount }),
      ];
      for (const entries of postings) {
        expect(sum(entries)).toBe(0n);
        expect(entries.every(({ amountMinor }) => amountMinor !== 0n)).toBe(true);
        for (const { accountKind, restKind } of entries)
          if (restKind) expect([accountKind, restKind].every((kind) => CUSTOMERS_ACCOUNTS.has(kind))).toBe(true);
      }
    }),
  );
});

test('earned points pay back what is owed of them first', () => {
  expect(pointsEarnedPosting({ points: 100n, owed: 30n })).toEqual([
    { accountKind: 'POINTS_ISSUED', amountMinor: 100n },
    { accountKind: 'POINTS_OWED', amountMinor: -30n },
    { accountKind: 'POINTS', amountMinor: -70n },
  ]);
  expect(pointsEarnedPosting({ points: 100n, owed: 500n })).toEqual([
    { accountKind: 'POINTS_ISSUED', amountMinor: 100n },
    { accountKind: 'POINTS_OWED', amountMinor: -100n },
  ]);
});

test('a statement says on which side of the wallet the customer stood, and has a word for what it does not know', () => {
  expect([
    statementKindOf('SETTLEMENT', -1n),
    statementKindOf('SETTLEMENT', 1n),
    statementKindOf('REVIEW_ACCEPT', 1n),
    statementKindOf('REFUND', 1n),
    statementKindOf('REFUND', -1n),
    statementKindOf('REDEMPTION', 1n),
    statementKindOf('POINTS_REDEEMED', -1n),
    statementKindOf('constructor', 1n),
  ]).toEqual(['PAYMENT', 'TOP_UP', 'TOP_UP', 'REFUND', 'TOP_UP_REFUND', 'POINTS_REDEEMED', 'POINTS_REDEEMED', 'OTHER']);
});
