import { expect, test } from 'vitest';

import fc from '../helpers/property.ts';
import { ORDER_STATUSES } from '../../src/domain/order.ts';
import { decideSurplus } from '../../src/domain/payment-surplus.ts';

const payment = {
  status: 'UNPAID',
  amountMinor: 100n,
  currencyCode: 'ZAR',
  capturedMinor: 0n,
  reviewReason: null,
} as const;

test('whatever the order still wants, a second success is held as a whole and counts as nothing', () => {
  const orders = fc.record({
    status: fc.constantFrom(...ORDER_STATUSES),
    totalMinor: fc.bigInt({ min: 0n, max: 200n }),
    paidMinor: fc.bigInt({ min: 0n, max: 200n }),
    currencyCode: fc.constantFrom('ZAR', 'USD'),
  });
  const money = fc.record({
    amountMinor: fc.bigInt({ min: 1n, max: 300n }),
    currencyCode: fc.constantFrom('ZAR', 'USD'),
  });
  fc.assert(
    fc.property(orders, money, (order, came) => {
      const decision = decideSurplus({ payment, order }, came);
      expect(decision).toMatchObject({
        paymentStatus: 'UNDER_REVIEW',
        orderStatus: order.status,
        holdMinor: came.amountMinor,
        holdCurrencyCode: came.currencyCode,
        capturedMinor: came.amountMinor,
        settleMinor: 0n,
        commissionMinor: 0n,
        creditMinor: 0n,
        refundMinor: 0n,
        effects: { issueInvoice: false, postSettlement: false, postReviewHold: true, postReviewAccept: false },
      });
      expect(decision.reviewReason).toBe(came.currencyCode === 'ZAR' ? 'SECOND_SUCCESS' : 'CURRENCY');
      const asAsked = came.currencyCode === 'ZAR' && came.amountMinor === 100n;
      expect(decision.verdict).toBe(asAsked ? 'ACCEPTED' : 'MISMATCH');
    }),
  );
});
