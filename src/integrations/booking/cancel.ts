import type { OutboundCall, Outcome } from '../contract.ts';
import { notDone, sharedBudget } from '../outcome.ts';
import type { BookedInput, CancelResult, ProviderBookingIds, ProviderConnection } from '../travel.ts';
import { askDemand, type DemandOptions } from './exchange.ts';
import { lookUp } from './look-up.ts';
import { readKeys, type BookingKeys } from './offer.ts';
import { CancelledAnswer } from './wire.ts';

export type Cancelling = BookedInput & { readonly ids: ProviderBookingIds; readonly reason: string };

/** The vendor tells the fee with the policies, and no refund. */
const CANCELLED: Outcome<CancelResult> = {
  kind: 'done',
  value: { state: 'CANCELLED', refundMinor: null, currencyCode: null },
};

const REASON_LENGTH_MAX = 200;

/**
 * Cancels an order (travel-providers.md 2.4). It is read before, so that a repeated call cancels nothing twice, and read
 * again where the vendor says that it cannot be cancelled: it may be so because it is.
 */
export async function cancel(
  options: DemandOptions,
  connection: ProviderConnection,
  booked: Cancelling,
  call: OutboundCall,
): Promise<Outcome<CancelResult>> {
  const keys = readKeys(booked.ids.keys);
  if (keys === null) return notDone('rejected', 'these are no ids of an order');
  const budget = sharedBudget(options.clock, call);
  const before = await readCancelled(options, connection, booked, budget.next());
  if (before !== 'STANDS') return before;
  if (budget.isOver) return notDone('unavailable', 'the deadline passed before the order was cancelled');
  const asked = await askCancel(options, connection, keys, booked.reason, budget.next());
  if (asked.kind !== 'done') return asked;
  if (asked.value === 'CANCELLED') return CANCELLED;
  const after = await readCancelled(options, connection, booked, budget.next());
  if (after !== 'STANDS') return after.kind === 'notDone' && after.reason !== 'rejected' ? unread(after.detail) : after;
  return notDone('rejected', 'the vendor does not let it be cancelled any more');
}

/** The vendor refused, and we do not know why: nothing may be concluded from that. */
function unread(detail: string): Outcome<never> {
  return { kind: 'unknown', detail: `not cancellable, and the order was not told: ${detail}` };
}

/** @returns what ends the cancelling, or that the order still stands. */
async function readCancelled(
  options: DemandOptions,
  connection: ProviderConnection,
  booked: Cancelling,
  call: OutboundCall,
): Promise<Outcome<CancelResult> | 'STANDS'> {
  const read = await lookUp(options, connection, booked, call);
  if (read.kind !== 'done') return read;
  switch (read.value.state) {
    case 'CANCELLED':
      return CANCELLED;
    case 'NOT_FOUND':
      return notDone('rejected', 'the vendor holds no such order');
    case 'COMPLETED':
    case 'NO_SHOW':
      return notDone('rejected', 'the stay is over');
    default:
      return 'STANDS';
  }
}

function askCancel(
  options: DemandOptions,
  connection: ProviderConnection,
  { order, reservation }: BookingKeys,
  reason: string,
  call: OutboundCall,
): Promise<Outcome<'CANCELLED' | 'REFUSED'>> {
  const said = reason.replace(/\s+/g, ' ').trim().slice(0, REASON_LENGTH_MAX) || 'Cancelled by the guest';
  return askDemand<{ data: { status: 'successful' | 'unknown' } }, 'CANCELLED' | 'REFUSED'>(options, {
    connection,
    call,
    path: '/orders/cancel',
    body: { ...(order !== null && { order }), accommodation: { reservation, reason: said } },
    effect: true,
    shape: CancelledAnswer,
    convert: ({ data }) =>
      data.status === 'successful'
        ? { kind: 'done', value: 'CANCELLED' }
        : { kind: 'unknown', detail: 'the vendor did not say that it is cancelled' },
    refused: ({ status }) => (status === 409 ? { kind: 'done', value: 'REFUSED' } : null),
  });
}
