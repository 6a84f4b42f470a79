/**
 * Whole lives of payments: every sequence of up to six events, from every state. The world of the states is small, so
 * it is walked breadth first and each way out of each reachable state is checked, which covers every sequence there is.
 */
import { describe, expect, test } from 'vitest';
import fc from '../helpers/property.ts';
import { canMoveOrder, ORDER_STATUSES } from '../../src/domain/order.ts';
import type { OrderStatus } from '../../src/domain/order.ts';
import type { DecidedOrder, DecidedPayment, GatewayFact, PaymentClaim } from '../../src/domain/payment-decision.ts';
import { canMovePayment, isSettled, PAYMENT_STATUSES } from '../../src/domain/payment-state.ts';
import type { PaymentStatus } from '../../src/domain/payment-state.ts';
import { decidePayment } from '../../src/domain/payment.ts';
import { AppError } from '../../src/errors.ts';

const TOTAL_MINOR = 100n;
const EVENTS_MAX = 6;
const CLAIM_KINDS = ['PAID', 'PENDING', 'FAILED', 'EXPIRED', 'CANCELLED', 'REFUNDED', 'OTHER'] as const;

/** What the gateway really holds about a payment; it can change once, to paid. */
type Truth = 'OPEN' | 'FAILED' | 'EXPIRED' | 'PAID' | 'PAID_LESS' | 'PAID_DOLLARS';

const FACT_BY_TRUTH: Readonly<Record<Truth, GatewayFact>> = {
  OPEN: { status: 'PENDING', amountMinor: null, currencyCode: null },
  FAILED: { status: 'FAILED', amountMinor: null, currencyCode: null },
  EXPIRED: { status: 'EXPIRED', amountMinor: null, currencyCode: null },
  PAID: { status: 'PAID', amountMinor: TOTAL_MINOR, currencyCode: 'EGP' },
  PAID_LESS: { status: 'PAID', amountMinor: TOTAL_MINOR - 1n, currencyCode: 'EGP' },
  PAID_DOLLARS: { status: 'PAID', amountMinor: TOTAL_MINOR, currencyCode: 'USD' },
};

type WorldEvent =
  | {
      readonly kind: 'DELIVERY';
      readonly payment: number;
      readonly claim: PaymentClaim | null;
      readonly silent: boolean;
    }
  | { readonly kind: 'CUSTOMER_PAYS'; readonly payment: number; readonly truth: Truth }
  | { readonly kind: 'OPERATOR'; readonly payment: number; readonly decision: 'ACCEPT' | 'REFUND' }
  | { readonly kind: 'ORDER'; readonly status: 'EXPIRED' | 'CANCELLED' };

interface WorldPayment extends DecidedPayment {
  readonly truth: Truth;
}

interface World {
  readonly order: DecidedOrder;
  readonly payments: readonly WorldPayment[];
  /** How often money became revenue of the order, and how much. */
  readonly settlements: number;
  readonly settledMinor: bigint;
}

function payment(status: PaymentStatus, truth: Truth = 'OPEN'): WorldPayment {
  const captured = isSettled(status) || status === 'UNDER_REVIEW';
  return {
    status,
    truth: captured ? 'PAID' : truth,
    amountMinor: TOTAL_MINOR,
    currencyCode: 'EGP',
    capturedMinor: captured ? TOTAL_MINOR : 0n,
    reviewReason: status === 'UNDER_REVIEW' ? 'LATE_AFTER_EXPIRY' : null,
  };
}

function world(orderStatus: OrderStatus, payments: readonly WorldPayment[]): World {
  const paid = orderStatus === 'PAID' || orderStatus === 'PARTIALLY_REFUNDED' || orderStatus === 'REFUNDED';
  const order: DecidedOrder = {
    status: orderStatus,
    totalMinor: TOTAL_MINOR,
    paidMinor: paid ? TOTAL_MINOR : 0n,
    currencyCode: 'EGP',
  };
  return { order, payments, settlements: paid ? 1 : 0, settledMinor: order.paidMinor };
}

/** Writes a decision the way the verbs do, and checks what must hold for each single step. */
function step(before: World, event: WorldEvent): World {
  if (event.kind === 'ORDER') {
    return before.order.status === 'ISSUED' ? { ...before, order: { ...before.order, status: event.status } } : before;
  }
  const was = before.payments[event.payment];
  if (was === undefined) return before;
  const replaced = (now: WorldPayment): WorldPayment[] => before.payments.with(event.payment, now);
  if (event.kind === 'CUSTOMER_PAYS') {
    return was.truth.startsWith('PAID') ? before : { ...before, payments: replaced({ ...was, truth: event.truth }) };
  }
  const fact = event.kind === 'OPERATOR' ? event : event.silent ? null : FACT_BY_TRUTH[was.truth];
  let decision;
  try {
    decision = decidePayment({
      payment: was,
      order: before.order,
      fact,
      claim: event.kind === 'DELIVERY' ? event.claim : null,
    });
  } catch (error) {
    if (error instanceof AppError && event.kind === 'OPERATOR') return before;
    throw error;
  }
  const { paymentStatus, orderStatus, settleMinor, holdMinor, commissionMinor, creditMinor } = decision;
  check(paymentStatus === was.status || canMovePayment(was.status, paymentStatus), 'a payment moved against the table');
  check(
    orderStatus === before.order.status || canMoveOrder(before.order.status, orderStatus),
    'an order moved against the table',
  );
  const moved = settleMinor + holdMinor + commissionMinor + creditMinor > 0n;
  const knowsOfMoney = fact !== null && ('decision' in fact || fact.status === 'PAID');
  check(!moved || knowsOfMoney, 'money moved without a fact');
  check(!moved || paymentStatus !== was.status, 'money moved without the payment');
  check(settleMinor === 0n || decision.orderStatus === 'PAID', 'revenue without a paid order');
  check(
    decision.effects.issueInvoice === (orderStatus === 'PAID' && before.order.status !== 'PAID'),
    'an invoice too many or too few',
  );
  check(decision.capturedMinor >= was.capturedMinor, 'captured money vanished');
  const { reviewReason, capturedMinor } = decision;
  const refundRequested = was.refundRequested === true || decision.refundMinor > 0n;
  return {
    order: { ...before.order, status: orderStatus, paidMinor: before.order.paidMinor + settleMinor },
    payments: replaced({ ...was, status: paymentStatus, reviewReason, capturedMinor, refundRequested }),
    settlements: before.settlements + (settleMinor > 0n ? 1 : 0),
    settledMinor: before.settledMinor + settleMinor,
  };
}

// The walk takes some hundred thousand steps; an expectation each would cost more than the steps themselves.
function check(holds: boolean, fault: string): void {
  if (!holds) throw new Error(fault);
}

function keyOf(state: World): string {
  return JSON.stringify(state, (_name, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
}

function allEvents(payments: number): WorldEvent[] {
  const each = Array.from({ length: payments }, (_, index) => index).flatMap((index): WorldEvent[] => [
    ...[null, ...CLAIM_KINDS].flatMap((kind): WorldEvent[] =>
      [true, false].map((silent) => ({ kind: 'DELIVERY', payment: index, claim: kind && { kind }, silent })),
    ),
    ...(['PAID', 'PAID_LESS', 'PAID_DOLLARS'] as const).map((truth) => ({
      kind: 'CUSTOMER_PAYS' as const,
      payment: index,
      truth,
    })),
    ...(['ACCEPT', 'REFUND'] as const).map((decision) => ({ kind: 'OPERATOR' as const, payment: index, decision })),
  ]);
  return [...each, { kind: 'ORDER', status: 'EXPIRED' }, { kind: 'ORDER', status: 'CANCELLED' }];
}

/** Every world reachable from the starts by up to six events, each step checked. */
function walk(starts: readonly World[], payments: number): World[] {
  const seen = new Map(starts.map((start) => [keyOf(start), start]));
  let frontier = [...seen.values()];
  for (let count = 0; count < EVENTS_MAX; count += 1) {
    const reached = new Map<string, World>();
    for (const before of frontier) {
      for (const event of allEvents(payments)) {
        const after = step(before, event);
        const key = keyOf(after);
        if (!seen.has(key)) reached.set(key, after);
        seen.set(key, after);
      }
    }
    frontier = [...reached.values()];
  }
  return [...seen.values()];
}

describe('every sequence of up to six events', () => {
  const truths = ['OPEN', 'FAILED', 'EXPIRED', 'PAID', 'PAID_LESS', 'PAID_DOLLARS'] as const;

  test.each(ORDER_STATUSES)(
    'on one payment in every state and an order that is %s settles at most once and never goes back',
    (orderStatus) => {
      const starts = PAYMENT_STATUSES.flatMap((status) =>
        truths.map((truth) => world(orderStatus, [payment(status, truth)])),
      );
      for (const end of walk(starts, 1)) {
        expect(end.settlements).toBeLessThanOrEqual(1);
        expect(end.settledMinor <= TOTAL_MINOR).toBe(true);
      }
    },
  );

  test('on two payments of one order settles at most once; a second success is never revenue', () => {
    const ends = walk([world('ISSUED', [payment('PENDING'), payment('PENDING')])], 2);
    expect(ends.length).toBeGreaterThan(500);
    for (const end of ends) {
      expect(end.settlements).toBeLessThanOrEqual(1);
      expect(end.settledMinor <= TOTAL_MINOR).toBe(true);
      expect(end.order.paidMinor).toBe(end.settledMinor);
    }
    const bothPaid = ends.filter((end) => end.payments.every((each) => each.status === 'PAID'));
    expect(bothPaid.length).toBeGreaterThan(0);
  });
});

describe('the same deliveries in any order', () => {
  const delivery = (payments: number) =>
    fc.record({
      kind: fc.constant('DELIVERY' as const),
      payment: fc.nat({ max: payments - 1 }),
      claim: fc.constantFrom(null, ...CLAIM_KINDS.map((kind) => ({ kind }))),
      silent: fc.boolean(),
    });

  // The list holds duplicates by itself and the permutation is drawn from it, so both orders hold the same deliveries.
  const twoOrders = (payments: number) =>
    fc
      .array(delivery(payments), { minLength: 1, maxLength: EVENTS_MAX })
      .chain((events) => fc.tuple(fc.constant(events), fc.shuffledSubarray(events, { minLength: events.length })));

  const run = (start: World, events: readonly WorldEvent[]): World => events.reduce(step, start);

  test.each(['PAID', 'PAID_LESS', 'PAID_DOLLARS', 'FAILED', 'EXPIRED'] as const)(
    'end in the same state if the gateway says %s',
    (truth) => {
      fc.assert(
        fc.property(
          twoOrders(1),
          fc.constantFrom(...PAYMENT_STATUSES),
          fc.constantFrom(...ORDER_STATUSES),
          ([one, other], status, orderStatus) => {
            const start = world(orderStatus, [payment(status, truth)]);
            expect(run(start, one)).toEqual(run(start, other));
          },
        ),
        { numRuns: 1_000 },
      );
    },
  );

  // While the gateway calls it open, failed and expired are both only "not paid", and the first to come names it.
  test('end equally unpaid and payable while the gateway says it is open', () => {
    fc.assert(
      fc.property(twoOrders(1), fc.constantFrom('UNPAID' as const, 'PENDING' as const), ([one, other], status) => {
        const [first, second] = [one, other].map((events) => run(world('ISSUED', [payment(status)]), events));
        const isOver = (end: World | undefined) => ['FAILED', 'EXPIRED'].includes(end?.payments[0]?.status ?? '');
        expect(isOver(first)).toBe(isOver(second));
        expect(first?.order).toEqual(second?.order);
        expect(first?.settlements).toBe(0);
      }),
    );
  });

  test('end with one of two successes settled and the other held, whichever came first', () => {
    fc.assert(
      fc.property(twoOrders(2), ([one, other]) => {
        const start = world('ISSUED', [payment('PENDING', 'PAID'), payment('FAILED', 'PAID')]);
        const [first, second] = [run(start, one), run(start, other)];
        const answered = new Set(one.filter((event) => !event.silent).map((event) => event.payment)).size;
        for (const end of [first, second]) {
          const statuses = end.payments.map((each) => each.status);
          expect(statuses.filter((status) => status === 'PAID').length).toBe(Math.min(answered, 1));
          expect(statuses.filter((status) => status === 'UNDER_REVIEW').length).toBe(Math.max(answered - 1, 0));
        }
        expect(first.order).toEqual(second.order);
        expect(first.settledMinor).toBe(answered === 0 ? 0n : TOTAL_MINOR);
      }),
      { numRuns: 500 },
    );
  });
});
