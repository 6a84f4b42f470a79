import type { z } from 'zod';
import type {
  GatewayConnection,
  GatewayRefund,
  GatewayRefundState,
  OutboundCall,
  Outcome,
  RefundInput,
} from '../contract.ts';
import { fromMajorUnits, toMajorUnits } from '../major-units.ts';
import { notDone, sharedBudget } from '../outcome.ts';
import { command, isDone, sentenceOf, type Answer, type PayuOptions } from './exchange.ts';
import { PAYU_CURRENCY } from './map.ts';
import { toRefundToken } from './reference.ts';
import { ActionDetail, entryOf } from './wire.ts';

/**
 * Refunds (payment-gateways.md 3.5, 3.7). The token is derived from our refund and the same for every try: the vendor
 * refuses a repeat under it, so asking twice gives nothing back twice. A refund that is taken is queued, not done.
 */
export async function refund(
  options: PayuOptions,
  connection: GatewayConnection,
  transaction: string,
  input: RefundInput,
  call: OutboundCall,
): Promise<Outcome<GatewayRefund>> {
  const amount = toMajorUnits(input.amountMinor);
  if (input.currencyCode !== PAYU_CURRENCY) return notDone('rejected', `the gateway takes ${PAYU_CURRENCY} only`);
  if (amount === null || input.amountMinor === 0n) return notDone('rejected', 'a refund is more than nothing');
  const budget = sharedBudget(options.clock, call);
  const sent = await command<Sent>(options, {
    connection,
    call: budget.next(),
    name: 'cancel_refund_transaction',
    variables: [transaction, toRefundToken(input.refundId), amount],
    effect: true,
    read: (answer) =>
      isDone(answer) && answer.mihpayid !== '' && answer.mihpayid !== transaction
        ? { kind: 'unknown', detail: 'the answer is about another payment' }
        : { kind: 'done', value: toSent(answer, connection) },
  });
  if (sent.kind !== 'done') return sent;
  if ('taken' in sent.value) return requested(sent.value.taken);
  // The refusal may be about an earlier try of this very refund, whose answer was lost: it is believed only after that.
  const refusal = sent.value;
  if (budget.isOver) return { kind: 'unknown', detail: `refused (${refusal.said}), and no time was left to look why` };
  const there = await actionsOf(options, connection, transaction, budget.next());
  if (there.kind !== 'done') return { kind: 'unknown', detail: `refused (${refusal.said}); ${there.detail}` };
  const earlier = ownOf(there.value, input);
  if (earlier === null) return judgeRefusal(refusal, options);
  const found = stateOf(earlier, input);
  if (found.kind !== 'done') return found;
  const { state, gatewayRefundReference } = found.value;
  return state === 'DONE'
    ? { kind: 'done', value: { state, gatewayRefundReference } }
    : state === 'FAILED'
      ? notDone('rejected', 'the gateway tried this refund and failed')
      : requested(gatewayRefundReference);
}

/** By the vendor's id of the refund, or, where that was lost, by our token among all that was done to the payment. */
export async function lookUpRefund(
  options: PayuOptions,
  connection: GatewayConnection,
  transaction: string,
  input: RefundInput & { readonly gatewayRefundReference: string | null },
  call: OutboundCall,
): Promise<Outcome<GatewayRefundState>> {
  const { gatewayRefundReference: reference } = input;
  const budget = sharedBudget(options.clock, call);
  if (reference !== null) {
    if (!/^\d{1,20}$/.test(reference)) return notDone('rejected', 'the reference is no request id');
    const asked = await actionOf(options, connection, reference, budget.next());
    if (asked.kind !== 'done') return asked;
    if (asked.value !== null) return stateOf(asked.value, input);
  }
  const there = await actionsOf(options, connection, transaction, budget.next());
  if (there.kind !== 'done') return there;
  const own = ownOf(there.value, input);
  if (own !== null) return stateOf(own, input);
  // An id is given only to a refund that the vendor has taken: it is on its way, not lost.
  const state = reference === null ? 'NOT_FOUND' : 'REQUESTED';
  return { kind: 'done', value: { state, gatewayRefundReference: reference } };
}

type Sent = { readonly taken: string | null } | Refusal;

interface Refusal {
  readonly code: string;
  readonly said: string;
}

function toSent(answer: Answer, connection: GatewayConnection): Sent {
  if (isDone(answer)) return { taken: answer.request_id || answer.txn_update_id || null };
  return { code: answer.error_code, said: sentenceOf(answer, connection) };
}

function requested(gatewayRefundReference: string | null): Outcome<GatewayRefund> {
  return { kind: 'done', value: { state: 'REQUESTED', gatewayRefundReference } };
}

/** The vendor's codes of a refund (docs.payu.in/docs/error-codes-for-refund-initiation) that are no plain refusal. */
const TOKEN_EXISTS: ReadonlySet<string> = new Set(['106', '109', '227']);
/** These say that something is under way, although the command was not done. */
const UNDER_WAY: ReadonlySet<string> = new Set(['100', '101', '102', '122', '123', '126', '127', '225', '226']);
const LOCKED = '120';
/** An equal amount of the same payment was refunded less than five minutes ago. */
const TOO_SOON = '214';
const TOO_SOON_MS = 300_000;

function judgeRefusal({ code, said }: Refusal, { clock }: PayuOptions): Outcome<GatewayRefund> {
  // The token is this refund's alone, so what exists under it is this refund, even where it does not show yet.
  if (TOKEN_EXISTS.has(code)) return requested(null);
  if (UNDER_WAY.has(code)) return { kind: 'unknown', detail: `not done and not refused either: ${said}` };
  if (code === LOCKED) return notDone('unavailable', `refused for now: ${said}`);
  if (code === TOO_SOON) {
    const retryAt = new Date(clock.now().getTime() + TOO_SOON_MS);
    return notDone('rateLimited', `an equal refund was made a moment ago: ${said}`, retryAt);
  }
  return notDone('rejected', `refused: ${said}`);
}

type Action = z.infer<typeof ActionDetail>;

/** Null where the vendor does not know the request. */
async function actionOf(
  options: PayuOptions,
  connection: GatewayConnection,
  requestId: string,
  call: OutboundCall,
): Promise<Outcome<Action | null>> {
  return command<Action | null>(options, {
    connection,
    call,
    name: 'check_action_status',
    variables: [requestId],
    effect: false,
    read: (answer) => {
      const detail = entryOf(entryOf(answer.transaction_details, requestId), requestId);
      if (detail === undefined) return absent(answer, requestId, connection, null);
      const action = ActionDetail.safeParse(detail);
      return action.success ? { kind: 'done', value: action.data } : null;
    },
  });
}

const ACTIONS_MAX = 1_000;

/** All captures, cancellations and refunds of a payment. One that we cannot read could be ours, so then none is. */
async function actionsOf(
  options: PayuOptions,
  connection: GatewayConnection,
  transaction: string,
  call: OutboundCall,
): Promise<Outcome<readonly Action[]>> {
  return command<readonly Action[]>(options, {
    connection,
    call,
    name: 'check_action_status',
    variables: [transaction, 'payuid'],
    effect: false,
    read: (answer) => {
      const details = entryOf(answer.transaction_details, transaction);
      if (typeof details !== 'object' || details === null) return absent(answer, transaction, connection, []);
      const entries = Object.entries(details);
      if (entries.length > ACTIONS_MAX) return null;
      const actions = entries.map(([id, one]) => {
        const action = ActionDetail.safeParse(one);
        return action.success ? { ...action.data, request_id: action.data.request_id || id } : null;
      });
      const readable = actions.filter((action) => action !== null);
      return readable.length === actions.length ? { kind: 'done', value: readable } : null;
    },
  });
}

/** `0 out of 1 ... "No action status found"`: nothing there. Other refusals are refusals. */
function absent<T>(answer: Answer, id: string, connection: GatewayConnection, nothing: T): Outcome<T> | null {
  const isWord = /^no action status found$/i.test(String(entryOf(answer.transaction_details, id)).trim());
  if (isWord || (!isDone(answer) && /^0 out of \d/.test(answer.msg))) return { kind: 'done', value: nothing };
  if (isDone(answer)) return null;
  return notDone('rejected', `refused: ${sentenceOf(answer, connection)}`);
}

/** The action under our token; the most advanced, should there be several. */
function ownOf(actions: readonly Action[], input: RefundInput): Action | null {
  const token = toRefundToken(input.refundId);
  const own = actions.filter((action) => action.token === token);
  const isIn = (state: string) => own.find((action) => wordOf(action) === state);
  return isIn('DONE') ?? isIn('REQUESTED') ?? own[0] ?? null;
}

function stateOf(action: Action, input: RefundInput): Outcome<GatewayRefundState> {
  const isOther = action.token !== '' && action.token !== toRefundToken(input.refundId);
  if (isOther || fromMajorUnits(action.amt) !== input.amountMinor) {
    return notDone('rejected', 'the refund there is not the one in our books');
  }
  return { kind: 'done', value: { state: wordOf(action), gatewayRefundReference: action.request_id || null } };
}

/** Everything between success and failure is on its way, also under a name we do not know (payment-gateways.md 3.6). */
function wordOf({ status }: Action): 'DONE' | 'FAILED' | 'REQUESTED' {
  const word = status.toUpperCase();
  if (word === 'SUCCESS') return 'DONE';
  return word === 'FAILURE' || word === 'FAILED' ? 'FAILED' : 'REQUESTED';
}
