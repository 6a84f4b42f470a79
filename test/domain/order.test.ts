import { describe, expect, test } from 'vitest';
import {
  amountDueMinor,
  canCancel,
  canIssue,
  canMoveOrder,
  canPay,
  issuesItself,
  ORDER_STATUSES,
  requireCancellable,
  requireIssuable,
  requireOrderMove,
  requirePayable,
  statusOnIssue,
} from '../../src/domain/order.ts';
import type { OrderStatus } from '../../src/domain/order.ts';

// Written out a second time on purpose: a change of the table has to be made twice.
const ALLOWED = new Set([
  'DRAFT>ISSUED',
  'DRAFT>CANCELLED',
  'ISSUED>PAID',
  'ISSUED>CANCELLED',
  'ISSUED>EXPIRED',
  'PAID>PARTIALLY_REFUNDED',
  'PAID>REFUNDED',
  'PARTIALLY_REFUNDED>PARTIALLY_REFUNDED',
  'PARTIALLY_REFUNDED>REFUNDED',
  'EXPIRED>PAID',
]);

function order(status: OrderStatus, paidMinor = 0n, totalMinor = 100n) {
  return { status, paidMinor, totalMinor };
}

describe('states of an order', () => {
  test.each(ORDER_STATUSES.flatMap((from) => ORDER_STATUSES.map((to) => [from, to] as const)))(
    '%s to %s is decided',
    (from, to) => {
      const allowed = ALLOWED.has(`${from}>${to}`);
      expect(canMoveOrder(from, to)).toBe(allowed);
      if (allowed) requireOrderMove(from, to);
      else expect(() => requireOrderMove(from, to)).toThrow(expect.objectContaining({ code: 'INVALID_STATE' }));
    },
  );

  test('only an issued order with something due and nothing under review can be paid', () => {
    expect(ORDER_STATUSES.filter((status) => canPay(order(status)))).toEqual(['ISSUED']);
    expect(canPay(order('ISSUED', 99n))).toBe(true);
    expect(canPay(order('ISSUED', 100n))).toBe(false);
    expect(canPay({ ...order('ISSUED'), underReview: true })).toBe(false);
    requirePayable(order('ISSUED'));
  });

  test.each([
    [order('DRAFT'), 'This order is a draft; it can be paid once it is issued.'],
    [order('PARTIALLY_REFUNDED', 100n), "This order is partially refunded and can't be paid."],
    [order('ISSUED', 100n), 'Nothing is due on this order.'],
    [
      { ...order('ISSUED'), underReview: true },
      'A payment of this order is being reviewed; please wait for the decision.',
    ],
  ])('an order that can not be paid says why', (unpayable, message) => {
    expect(() => requirePayable(unpayable)).toThrow(expect.objectContaining({ code: 'ORDER_NOT_PAYABLE', message }));
  });

  test('drafts and issued orders can be cancelled while nothing was paid', () => {
    expect(ORDER_STATUSES.filter((status) => canCancel(order(status)))).toEqual(['DRAFT', 'ISSUED']);
    requireCancellable(order('DRAFT'));
    expect(() => requireCancellable(order('ISSUED', 1n))).toThrow(expect.objectContaining({ code: 'INVALID_STATE' }));
    expect(() => requireCancellable(order('PAID', 100n))).toThrow('refund it instead');
    expect(() => requireCancellable(order('EXPIRED'))).toThrow("is expired and can't be cancelled");
  });

  test('only a draft can be issued', () => {
    expect(ORDER_STATUSES.filter((status) => canIssue({ status }))).toEqual(['DRAFT']);
    requireIssuable({ status: 'DRAFT' });
    expect(() => requireIssuable({ status: 'ISSUED' })).toThrow(expect.objectContaining({ code: 'INVALID_STATE' }));
  });

  test('nothing is due once an order is paid or closed, even if some was waived', () => {
    expect(ORDER_STATUSES.filter((status) => amountDueMinor(order(status, 90n)) > 0n)).toEqual(['DRAFT', 'ISSUED']);
    expect(amountDueMinor(order('ISSUED', 90n))).toBe(10n);
  });

  test("an order of nothing is paid when issued; only a customer's own order of products alone issues itself", () => {
    expect(statusOnIssue(0n)).toBe('PAID');
    expect(statusOnIssue(1n)).toBe('ISSUED');
    const [product, free] = [{ productId: 'p' }, { productId: null }];
    const own = { type: 'PRODUCT', placedByCustomer: true, lines: [product, product] };
    expect(issuesItself(own)).toBe(true);
    expect(issuesItself({ ...own, placedByCustomer: false })).toBe(false);
    expect(issuesItself({ ...own, type: 'MANUAL_INVOICE' })).toBe(false);
    expect(issuesItself({ ...own, lines: [product, free] })).toBe(false);
  });
});
