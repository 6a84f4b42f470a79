import type {
  GatewayConnection,
  GatewayRefund,
  GatewayRefundState,
  OutboundCall,
  Outcome,
  RefundInput,
} from '../contract.ts';
import { notDone, sharedBudget } from '../outcome.ts';
import { answerOf, askApi, type PayfastOptions } from './exchange.ts';
import { PAYFAST_CURRENCY } from './money.ts';
import { RefundCreatedAnswer, RefundOptionsAnswer, RefundsAnswer } from './wire.ts';

/**
 * Refunds (payment-gateways.md 2.8). The vendor has no idempotency key and gives a refund no id, so a refund is known
 * by the sum of what was given back: it is read before anything is sent and compared with what we know to be done.
 * The n-th refund of a transaction is called `{pf_payment_id}/{n}`.
 */
export async function refund(
  options: PayfastOptions,
  connection: GatewayConnection,
  transaction: string,
  input: RefundInput,
  call: OutboundCall,
): Promise<Outcome<GatewayRefund>> {
  if (input.currencyCode !== PAYFAST_CURRENCY) return notDone('rejected', `the gateway takes ${PAYFAST_CURRENCY} only`);
  if (input.amountMinor <= 0n) return notDone('rejected', 'a refund is more than nothing');
  const budget = sharedBudget(options.clock, call);
  const before = await refundsOf(options, connection, transaction, budget.next());
  if (before.kind !== 'done') return before;
  const given = compare(before.value, input);
  // An earlier try did arrive, although its answer was lost.
  if (given === 'DONE') return done('DONE', nameOf(transaction, before.value.count));
  if (given === 'OTHER') return notDone('rejected', 'the refunds there are not the ones in our books');
  const possible = await refundable(options, connection, transaction, input, budget.next());
  if (possible.kind !== 'done') return possible;
  if (budget.isOver) return notDone('unavailable', 'the deadline passed before the refund was sent');
  const created = await create(options, connection, transaction, input, budget.next());
  if (created.kind !== 'done') return created;
  const after = await refundsOf(options, connection, transaction, budget.next());
  const visible = after.kind === 'done' && compare(after.value, input) === 'DONE';
  return done(visible ? 'DONE' : 'REQUESTED', nameOf(transaction, before.value.count + 1));
}

/** @returns notDone `rejected` where the refunds there are not the ones in our books: a person has to look. */
export async function lookUpRefund(
  options: PayfastOptions,
  connection: GatewayConnection,
  transaction: string,
  input: RefundInput & { readonly gatewayRefundReference: string | null },
  call: OutboundCall,
): Promise<Outcome<GatewayRefundState>> {
  const now = await refundsOf(options, connection, transaction, call);
  if (now.kind !== 'done') return now;
  const { gatewayRefundReference } = input;
  const given = compare(now.value, input);
  if (given === 'OTHER') return notDone('rejected', 'the refunds there are not the ones in our books');
  if (given === 'DONE') {
    const name = gatewayRefundReference ?? nameOf(transaction, now.value.count);
    return { kind: 'done', value: { state: 'DONE', gatewayRefundReference: name } };
  }
  // A name is given only to a refund that the vendor has taken: it is on its way, not lost.
  const state = gatewayRefundReference === null ? 'NOT_FOUND' : 'REQUESTED';
  return { kind: 'done', value: { state, gatewayRefundReference } };
}

interface GivenBack {
  readonly minor: bigint;
  readonly count: number;
}

async function refundsOf(
  options: PayfastOptions,
  connection: GatewayConnection,
  transaction: string,
  call: OutboundCall,
): Promise<Outcome<GivenBack>> {
  const read = (text: string): GivenBack | null => {
    const answer = answerOf(RefundsAnswer)(text);
    if (answer !== null) return givenBack(answer);
    // One page of the vendor's documentation shows the other shape here (payment-gateways.md 2.2).
    const other = answerOf(RefundOptionsAnswer)(text);
    if (other === null) return null;
    const minor = other.amount_original - other.amount_available_for_refund;
    return minor < 0n ? null : { minor, count: minor === 0n ? 0 : 1 };
  };
  const path = `/refunds/${transaction}`;
  return askApi(options, { connection, call, method: 'GET', path, effect: false, read });
}

/** Null where its list and its balance contradict each other: then neither is believed. */
function givenBack(answer: { available_balance: bigint; transactions: { amount: bigint }[] }): GivenBack | null {
  const back = answer.transactions.filter((one) => one.amount < 0n);
  const received = answer.transactions.filter((one) => one.amount > 0n).reduce((sum, one) => sum + one.amount, 0n);
  const minor = back.reduce((sum, one) => sum - one.amount, 0n);
  return received - minor === answer.available_balance ? { minor, count: back.length } : null;
}

function compare(given: GivenBack, input: RefundInput): 'DONE' | 'NOT_YET' | 'OTHER' {
  if (given.minor === input.refundedBeforeMinor) return 'NOT_YET';
  return given.minor === input.refundedBeforeMinor + input.amountMinor ? 'DONE' : 'OTHER';
}

/** Whether this amount can go back where it came from; a bank payout needs account details that we never hold. */
async function refundable(
  options: PayfastOptions,
  connection: GatewayConnection,
  transaction: string,
  input: RefundInput,
  call: OutboundCall,
): Promise<Outcome<true>> {
  const path = `/refunds/query/${transaction}`;
  const read = answerOf(RefundOptionsAnswer);
  const asked = await askApi(options, { connection, call, method: 'GET', path, effect: false, read });
  if (asked.kind !== 'done') return asked;
  const offer = asked.value;
  if (offer.status !== 'REFUNDABLE') return notDone('rejected', 'the gateway does not refund this payment');
  if (offer.amount_available_for_refund < input.amountMinor) {
    return notDone('rejected', 'the gateway has less left to refund');
  }
  const whole = input.amountMinor === offer.amount_original;
  const method = (whole ? offer.refund_full : offer.refund_partial)?.method;
  if (method === 'PAYMENT_SOURCE') return { kind: 'done', value: true };
  return notDone(
    'rejected',
    method === 'BANK_PAYOUT'
      ? "the gateway refunds this payment by bank payout only: refund it in the vendor's dashboard"
      : 'the gateway does not refund this amount',
  );
}

async function create(
  options: PayfastOptions,
  connection: GatewayConnection,
  transaction: string,
  input: RefundInput,
  call: OutboundCall,
): Promise<Outcome<unknown>> {
  return askApi(options, {
    connection,
    call,
    method: 'POST',
    path: `/refunds/${transaction}`,
    body: { amount: Number(input.amountMinor), notify_buyer: 1, reason: reasonOf(input) },
    effect: true,
    read: answerOf(RefundCreatedAnswer),
  });
}

/** 3 to 255 characters, which the vendor demands. */
function reasonOf(input: RefundInput): string {
  const reason = Array.from(input.reason.replace(/\s+/g, ' ').trim());
  return reason.length < 3 ? 'Refund' : reason.slice(0, 255).join('');
}

function nameOf(transaction: string, count: number): string {
  return `${transaction}/${count}`;
}

function done(state: GatewayRefund['state'], gatewayRefundReference: string): Outcome<GatewayRefund> {
  return { kind: 'done', value: { state, gatewayRefundReference } };
}
