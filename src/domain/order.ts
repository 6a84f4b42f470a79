/** What becomes of an order: its states, which can be paid, cancelled or issued (COM-3, COM-4, COM-7). */
import { AppError } from '../errors.ts';

export const ORDER_STATUSES = [
  'DRAFT',
  'ISSUED',
  'PAID',
  'PARTIALLY_REFUNDED',
  'REFUNDED',
  'CANCELLED',
  'EXPIRED',
] as const;
export type OrderStatus = (typeof ORDER_STATUSES)[number];

/**
 * From each state, where an order may go. EXPIRED can become PAID only when an operator accepts late money; a cancelled
 * order stays cancelled, because somebody decided it.
 */
export const ORDER_TRANSITIONS: Readonly<Record<OrderStatus, readonly OrderStatus[]>> = {
  DRAFT: ['ISSUED', 'CANCELLED'],
  ISSUED: ['PAID', 'CANCELLED', 'EXPIRED'],
  PAID: ['PARTIALLY_REFUNDED', 'REFUNDED'],
  PARTIALLY_REFUNDED: ['PARTIALLY_REFUNDED', 'REFUNDED'],
  REFUNDED: [],
  CANCELLED: [],
  EXPIRED: ['PAID'],
};

export function canMoveOrder(from: OrderStatus, to: OrderStatus): boolean {
  return ORDER_TRANSITIONS[from].includes(to);
}

/** @throws AppError INVALID_STATE if the table does not allow the move. */
export function requireOrderMove(from: OrderStatus, to: OrderStatus): void {
  if (canMoveOrder(from, to)) return;
  throw new AppError('INVALID_STATE', `This order is ${wordOf(from)} and can't become ${wordOf(to)}.`);
}

export interface PayableOrder {
  readonly status: OrderStatus;
  readonly totalMinor: bigint;
  /** Settled so far, minor units. */
  readonly paidMinor: bigint;
  /** A payment of it waits for an operator's decision: paying again now would be paying twice. */
  readonly underReview?: boolean;
}

/** What is still to pay, minor units: nothing unless the order is a draft or issued, even if some was waived. */
export function amountDueMinor(order: Omit<PayableOrder, 'underReview'>): bigint {
  if (order.status !== 'ISSUED' && order.status !== 'DRAFT') return 0n;
  return order.paidMinor < order.totalMinor ? order.totalMinor - order.paidMinor : 0n;
}

export function canPay(order: PayableOrder): boolean {
  return whyNotPayable(order) === null;
}

/** @throws AppError ORDER_NOT_PAYABLE with the reason in a sentence. */
export function requirePayable(order: PayableOrder): void {
  const reason = whyNotPayable(order);
  if (reason !== null) throw new AppError('ORDER_NOT_PAYABLE', reason, { details: { status: order.status } });
}

function whyNotPayable(order: PayableOrder): string | null {
  if (order.status === 'DRAFT') return 'This order is a draft; it can be paid once it is issued.';
  if (order.status !== 'ISSUED') return `This order is ${wordOf(order.status)} and can't be paid.`;
  if (amountDueMinor(order) === 0n) return 'Nothing is due on this order.';
  if (order.underReview === true) return 'A payment of this order is being reviewed; please wait for the decision.';
  return null;
}

export interface CancellableOrder {
  readonly status: OrderStatus;
  readonly paidMinor: bigint;
}

export function canCancel(order: CancellableOrder): boolean {
  return whyNotCancellable(order) === null;
}

/** @throws AppError INVALID_STATE with the reason in a sentence. */
export function requireCancellable(order: CancellableOrder): void {
  const reason = whyNotCancellable(order);
  if (reason !== null) throw new AppError('INVALID_STATE', reason, { details: { status: order.status } });
}

function whyNotCancellable(order: CancellableOrder): string | null {
  const open = order.status === 'DRAFT' || order.status === 'ISSUED';
  if (!open && order.status !== 'PAID') return `This order is ${wordOf(order.status)} and can't be cancelled.`;
  // Money that was taken goes back by a refund, which is booked; a cancelled order would leave it nowhere.
  if (order.status === 'PAID' || order.paidMinor > 0n) return 'This order has been paid; refund it instead.';
  return null;
}

export function canIssue(order: { readonly status: OrderStatus }): boolean {
  return canMoveOrder(order.status, 'ISSUED');
}

/** @throws AppError INVALID_STATE with the reason in a sentence. */
export function requireIssuable(order: { readonly status: OrderStatus }): void {
  if (canIssue(order)) return;
  throw new AppError('INVALID_STATE', `This order is ${wordOf(order.status)}; only a draft can be issued.`, {
    details: { status: order.status },
  });
}

/** Where issuing leads: an order that costs nothing is paid at once, since no gateway takes a payment of nothing. */
export function statusOnIssue(totalMinor: bigint): 'ISSUED' | 'PAID' {
  return totalMinor === 0n ? 'PAID' : 'ISSUED';
}

/**
 * A customer's own order of products alone issues itself (graph.graphql, `issueOrder`), because every price in it is the shop's; other
 * drafts wait for an operator.
 */
export function issuesItself(order: {
  readonly type: string;
  readonly placedByCustomer: boolean;
  readonly lines: readonly { readonly productId: string | null }[];
}): boolean {
  return order.type === 'PRODUCT' && order.placedByCustomer && order.lines.every(({ productId }) => productId !== null);
}

function wordOf(status: OrderStatus): string {
  return status.toLowerCase().replaceAll('_', ' ');
}
