import type {
  GatewayConnection,
  GatewayRefund,
  GatewayRefundState,
  OutboundCall,
  Outcome,
  PaymentGatewayClient,
  RefundInput,
} from '../contract.ts';
import { notDone, sharedBudget } from '../outcome.ts';
import { askV3, type FawaterkOptions } from './exchange.ts';
import { toVendorAmount } from './money.ts';
import { newestRefundsOf, refundByNumber, refundsOf, type RefundDesk } from './refund-list.ts';
import { recognise, type ListedRefund, type Recognised, type WantedRefund } from './refund-match.ts';
import { createRefundReasons, type RefundReasons } from './refund-reasons.ts';
import { clientRefusal, createTokens } from './tokens.ts';
import { RefundCreatedAnswer } from './wire.ts';

/**
 * Refunds (payment-gateways.md 1.9), which only version 3 offers. A refund there is a request that people approve: the
 * vendor's "Refunded successfully" means that it was taken, so a refund is REQUESTED until the vendor's list says
 * approved. The refund hook is a claim that makes us ask.
 *
 * There is no idempotency key, the answer names no number, and the list shows no reference of ours. So before anything
 * is sent the list is read and compared with our books, afterwards it is read again for the request's number, and
 * refunds of one payment go one at a time.
 *
 * What the vendor does not offer, and what happens then:
 * - No list (404, 405): refunds are sent all the same, every look-up is notDone, the refund stays REQUESTED, and a
 *   person settles it by the vendor's dashboard. Nothing is sent twice, because only a list that was read to its end can
 *   say NOT_FOUND.
 * - A list that cannot be read (an error, another shape, a list that is too long): nothing is sent, and look-ups are
 *   notDone. Neither is guessed.
 * - No hook for a rejection: only the list tells it. A word for it that we do not know leaves the refund REQUESTED.
 * - No number in the hook: which refund it is about is found by asking back.
 * - No currency in the list: where the vendor shows an amount that is not ours, the look-up is notDone `rejected`, and
 *   a person has to look.
 * - The list may be behind what was just done, so a lost answer is better looked up after a minute than at once.
 */
export type FawaterkRefunds = Required<Pick<PaymentGatewayClient, 'refund' | 'lookUpRefund'>>;

export function createRefunds(options: FawaterkOptions): FawaterkRefunds {
  const tokens = createTokens(options);
  const reasons = createRefundReasons();
  return {
    refund: async (connection, input, call) => {
      const refused = refusalOf(connection, input);
      return refused ?? refund({ options, tokens, connection }, reasons, input, call);
    },
    lookUpRefund: async (connection, input, call) => {
      const refused = preconditions(connection, input);
      return refused ?? lookUpRefund({ options, tokens, connection }, input, call);
    },
  };
}

const INVOICE = '0';
const COMMENT_LENGTH_MAX = 255;

async function refund(
  desk: RefundDesk,
  reasons: RefundReasons,
  input: RefundInput,
  call: OutboundCall,
): Promise<Outcome<GatewayRefund>> {
  const budget = sharedBudget(desk.options.clock, call);
  const wanted = wantedOf(input);
  const before = await refundsOf(desk, wanted, input.paymentCreatedAt, budget.next());
  if (before.kind !== 'done') return before;
  if (before.value !== 'NOT_OFFERED') {
    const found = recognise(before.value, wanted, null);
    if ('contradiction' in found) return notDone('rejected', found.contradiction);
    // An earlier try did arrive, although its answer was lost.
    if (found.state === 'DONE' || found.state === 'REQUESTED') return taken(input, found.state, found.id);
    if (found.state === 'FAILED' && found.isNamed) return notDone('rejected', 'the gateway has refused this refund');
  }
  const reason = await reasons.fitting(desk, input.reason, budget.next());
  if (budget.isOver) return notDone('unavailable', 'the deadline passed before the refund was sent');
  const created = await create(desk, input, reason, budget.next());
  if (created.kind !== 'done') return created;
  if (before.value === 'NOT_OFFERED' || budget.isOver) return taken(input, 'REQUESTED', null);
  const known = new Set(before.value.refunds.map((one) => one.id));
  const newest = (await newestRefundsOf(desk, wanted, budget.next())).filter((one) => !known.has(one.id));
  return taken(input, 'REQUESTED', numberOf(newest, wanted));
}

/** The request's number: the one new entry of its amount. */
function numberOf(newest: readonly ListedRefund[], wanted: WantedRefund): string | null {
  const alike = newest.filter((one) => one.amountMinor === wanted.amountMinor && one.state !== 'FAILED');
  return alike.length === 1 ? alike[0]!.id : null;
}

function create(desk: RefundDesk, input: RefundInput, reason: string, call: OutboundCall): Promise<Outcome<true>> {
  const { options, tokens, connection } = desk;
  return askV3<{ status: 'success' }, true>(options, tokens, {
    connection,
    call,
    method: 'POST',
    path: '/refund/create',
    body: JSON.stringify({
      refund_type: INVOICE,
      refund_id: Number(input.gatewayReference),
      reason,
      refundable_amount: Number(toVendorAmount(input.amountMinor, input.currencyCode)),
      comment: commentOf(input),
    }),
    effect: true,
    shape: RefundCreatedAnswer,
    convert: () => true,
  });
}

/** Our id first: a list that shows comments, and a person who reads them, then know the refund. */
function commentOf(input: RefundInput): string {
  const words = Array.from(input.reason.replace(/\s+/g, ' ').trim());
  return [...Array.from(`${input.refundId} `), ...words].slice(0, COMMENT_LENGTH_MAX).join('').trim();
}

async function lookUpRefund(
  desk: RefundDesk,
  input: RefundInput & { readonly gatewayRefundReference: string | null },
  call: OutboundCall,
): Promise<Outcome<GatewayRefundState>> {
  const budget = sharedBudget(desk.options.clock, call);
  const wanted = wantedOf(input);
  const { gatewayRefundReference: reference } = input;
  const id = reference !== null && /^\d{1,15}$/.test(reference) ? reference : null;
  if (id !== null) {
    const asked = await refundByNumber(desk, id, input.currencyCode, budget.next());
    if (asked.kind === 'done' && asked.value !== null) return stateOf(asked.value, input);
    // Not shown or refused under its number: the list decides.
    if (asked.kind !== 'done' && !(asked.kind === 'notDone' && asked.reason === 'rejected')) return asked;
  }
  const listing = await refundsOf(desk, wanted, input.paymentCreatedAt, budget.next());
  if (listing.kind !== 'done') return listing;
  if (listing.value === 'NOT_OFFERED') {
    return notDone('misconfigured', 'the gateway shows no list of refunds: look it up in its dashboard');
  }
  const found = recognise(listing.value, wanted, id);
  if ('contradiction' in found) return notDone('rejected', found.contradiction);
  return { kind: 'done', value: told(found, reference) };
}

function stateOf(one: ListedRefund, input: RefundInput): Outcome<GatewayRefundState> {
  return one.amountMinor === input.amountMinor
    ? { kind: 'done', value: { state: one.state, gatewayRefundReference: one.id } }
    : notDone('rejected', 'the gateway shows another amount for this refund');
}

/** A name is given only to a refund that the vendor has taken: it is on its way, not lost. */
function told(found: Recognised, reference: string | null): GatewayRefundState {
  const state = found.state === 'NOT_FOUND' && reference !== null ? 'REQUESTED' : found.state;
  return { state, gatewayRefundReference: found.id ?? reference };
}

/** Named by the vendor's number, and until that is known by invoice and our id. */
function taken(input: RefundInput, state: GatewayRefund['state'], id: string | null): Outcome<GatewayRefund> {
  const gatewayRefundReference = id ?? `${input.gatewayReference}/${input.refundId}`;
  return { kind: 'done', value: { state, gatewayRefundReference } };
}

function wantedOf(input: RefundInput): WantedRefund {
  const { gatewayReference: invoice, refundId, amountMinor, currencyCode, refundedBeforeMinor } = input;
  return { invoice, refundId, amountMinor, currencyCode, refundedBeforeMinor };
}

function preconditions(connection: GatewayConnection, input: RefundInput): Outcome<never> | null {
  if (!/^\d{1,15}$/.test(input.gatewayReference)) return notDone('rejected', 'the reference is no invoice id');
  const unready = clientRefusal(connection);
  return unready === null ? null : notDone('misconfigured', unready);
}

/** What the vendor would refuse, and what could not be written exactly. */
function refusalOf(connection: GatewayConnection, input: RefundInput): Outcome<never> | null {
  const amount = toVendorAmount(input.amountMinor, input.currencyCode);
  if (amount === null)
    return notDone('rejected', 'the amount does not fit two decimals of a currency the gateway takes');
  if (amount.startsWith('0.')) return notDone('rejected', 'the gateway refunds 1.00 at least');
  // Fifteen digits are what a JSON number holds exactly.
  if (amount.length > 16) return notDone('rejected', 'the amount is too large');
  return preconditions(connection, input);
}
