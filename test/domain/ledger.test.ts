import { describe, expect, test } from 'vitest';
import fc from '../helpers/property.ts';
import {
  LEDGER_ACCOUNT_SIDES,
  refundPosting,
  reviewAcceptPosting,
  reviewHoldPosting,
  reviewRefundPosting,
  settlementPosting,
} from '../../src/domain/ledger.ts';
import type { LedgerEntry } from '../../src/domain/ledger.ts';
import { addAll } from '../../src/domain/money.ts';

const money = fc.bigInt({ min: 0n, max: 10n ** 12n });
const someMoney = fc.bigInt({ min: 1n, max: 10n ** 12n });

function balances(...postings: LedgerEntry[][]): Map<string, bigint> {
  const sums = new Map<string, bigint>();
  for (const { accountKind, amountMinor } of postings.flat()) {
    sums.set(accountKind, (sums.get(accountKind) ?? 0n) + amountMinor);
  }
  return new Map([...sums].filter(([, sum]) => sum !== 0n));
}

function expectSound(...postings: LedgerEntry[][]): void {
  for (const posting of postings) {
    expect(addAll(posting.map((entry) => entry.amountMinor))).toBe(0n);
    expect(posting.every((entry) => entry.amountMinor !== 0n)).toBe(true);
  }
  for (const [kind, sum] of balances(...postings)) {
    expect(['EITHER', sum > 0n ? 'DEBIT' : 'CREDIT']).toContain(
      LEDGER_ACCOUNT_SIDES[kind as LedgerEntry['accountKind']],
    );
  }
}

describe('postings', () => {
  test('a settlement debits what the gateway owes and credits revenue, tax and commission', () => {
    expect(settlementPosting({ amountMinor: 11_400n, taxMinor: 1_400n, commissionMinor: 200n })).toEqual([
      { accountKind: 'GATEWAY_CLEARING', amountMinor: 11_600n },
      { accountKind: 'REVENUE', amountMinor: -10_000n },
      { accountKind: 'TAX_PAYABLE', amountMinor: -1_400n },
      { accountKind: 'COMMISSION_INCOME', amountMinor: -200n },
    ]);
  });

  test('money under review is a liability and never revenue, and a refund leaves nothing behind', () => {
    const held = reviewHoldPosting({ heldMinor: 500n });
    expect(balances(held).has('REVENUE')).toBe(false);
    expect(balances(held, reviewRefundPosting({ refundMinor: 500n })).size).toBe(0);
  });

  test('accepting an exact late payment ends as a settlement would', () => {
    const accepted = reviewAcceptPosting({
      heldMinor: 11_400n,
      settleMinor: 11_400n,
      waivedMinor: 0n,
      taxMinor: 1_400n,
      commissionMinor: 0n,
      creditMinor: 0n,
    });
    expect(balances(reviewHoldPosting({ heldMinor: 11_400n }), accepted)).toEqual(
      balances(settlementPosting({ amountMinor: 11_400n, taxMinor: 1_400n, commissionMinor: 0n })),
    );
  });

  test('an accepted underpayment keeps revenue and tax of the invoice and shows what was waived', () => {
    const accepted = reviewAcceptPosting({
      heldMinor: 90n,
      settleMinor: 90n,
      waivedMinor: 24n,
      taxMinor: 14n,
      commissionMinor: 0n,
      creditMinor: 0n,
    });
    expect(Object.fromEntries(balances(accepted))).toEqual({
      PAYMENTS_UNDER_REVIEW: 90n,
      REFUNDS: 24n,
      REVENUE: -100n,
      TAX_PAYABLE: -14n,
    });
  });

  test('every posting balances and no account leaves its side, whatever the amounts', () => {
    fc.assert(
      fc.property(someMoney, money, money, money, money, (net, taxMinor, commissionMinor, creditMinor, waived) => {
        const amountMinor = net + taxMinor;
        const waivedMinor = waived < amountMinor ? waived : 0n;
        const settleMinor = amountMinor - waivedMinor;
        const heldMinor = settleMinor + commissionMinor + creditMinor;
        expectSound(
          settlementPosting({ amountMinor, taxMinor, commissionMinor }),
          refundPosting({ ofOrderMinor: amountMinor, taxMinor: 0n, target: 'GATEWAY' }),
        );
        expectSound(
          reviewHoldPosting({ heldMinor }),
          reviewAcceptPosting({ heldMinor, settleMinor, waivedMinor, taxMinor, commissionMinor, creditMinor }),
        );
        expectSound(reviewHoldPosting({ heldMinor }), reviewRefundPosting({ refundMinor: heldMinor }));
      }),
    );
  });

  test('a refund of all takes the tax back and leaves what was sold and returned', () => {
    const postings = [
      settlementPosting({ amountMinor: 114n, taxMinor: 14n, commissionMinor: 0n }),
      refundPosting({ ofOrderMinor: 114n, taxMinor: 14n, target: 'GATEWAY' }),
    ];
    expect(Object.fromEntries(balances(...postings))).toEqual({ REVENUE: -100n, REFUNDS: 100n });
  });

  test('what does not balance, moves nothing or has more tax than amount is a defect', () => {
    expect(() => reviewHoldPosting({ heldMinor: 0n })).toThrow('moves something');
    expect(() => settlementPosting({ amountMinor: 1n, taxMinor: 2n, commissionMinor: 0n })).toThrow('larger');
    expect(() =>
      reviewAcceptPosting({
        heldMinor: 10n,
        settleMinor: 9n,
        waivedMinor: 0n,
        taxMinor: 0n,
        commissionMinor: 0n,
        creditMinor: 0n,
      }),
    ).toThrow('balance');
  });
});
