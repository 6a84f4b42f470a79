import type { OutboundCall, Outcome } from '../contract.ts';
import { notDone, sharedBudget } from '../outcome.ts';
import type { BookedInput, ProviderBookingIds, ProviderBookingState, ProviderConnection } from '../travel.ts';
import { askDemand, type DemandOptions } from './exchange.ts';
import { stateOf } from './map.ts';
import { readKeys } from './offer.ts';
import type { Body } from './request.ts';
import { OrdersAnswer, type Order } from './wire.ts';

/**
 * What became of an order (travel-providers.md 2.4, 2.10): by its id where we have it, else among the orders made around
 * the attempt, by the label that is our reference.
 */

/** The search begins this long before the attempt, because the vendor's clock is not ours. */
const BEFORE_MS = 2 * 60_000;
/** No order is made by a request that is older: the window ends here, or a busy account would be read for days. */
const AFTER_MS = 60 * 60_000;
const PAGES_MAX = 20;

/** The call needs one, and nothing is read in it. */
const CURRENCY = 'EUR';

/** The documents name no delay, and ask for several polls before an order counts as absent (2.10): a careful guess. */
export const VISIBLE_AFTER_MS = 5 * 60_000;

export async function lookUp(
  options: DemandOptions,
  connection: ProviderConnection,
  booked: BookedInput,
  call: OutboundCall,
): Promise<Outcome<ProviderBookingState>> {
  return booked.ids === null
    ? search(options, connection, booked, call)
    : readOrder(options, connection, booked.ids, call);
}

async function readOrder(
  options: DemandOptions,
  connection: ProviderConnection,
  ids: ProviderBookingIds,
  call: OutboundCall,
): Promise<Outcome<ProviderBookingState>> {
  const keys = readKeys(ids.keys);
  if (keys === null) return notDone('rejected', 'these are no ids of an order');
  const filter = keys.order === null ? { reservations: [keys.reservation] } : { orders: [keys.order] };
  const asked = await askOrders(options, connection, { ...filter, currency: CURRENCY }, call);
  if (asked.kind !== 'done') return asked;
  const orders = asked.value.orders.filter((order) => order !== null);
  const found = orders.find(({ id, accommodations }) =>
    keys.order === null ? accommodations?.reservation === keys.reservation : id === keys.order,
  );
  if (found !== undefined) return { kind: 'done', value: { state: stateOf(found.status), ids } };
  if (asked.value.orders.length > 0) return notDone('unavailable', 'the answer is about another order');
  return { kind: 'done', value: { state: 'NOT_FOUND', ids: null } };
}

async function search(
  options: DemandOptions,
  connection: ProviderConnection,
  booked: BookedInput,
  call: OutboundCall,
): Promise<Outcome<ProviderBookingState>> {
  const budget = sharedBudget(options.clock, call);
  const from = booked.attemptedAt.getTime() - BEFORE_MS;
  const to = Math.max(from, Math.min(options.clock.now().getTime(), booked.attemptedAt.getTime() + AFTER_MS));
  const orders: (Order | null)[] = [];
  let body: Body = {
    created: { from: new Date(from).toISOString(), to: new Date(to).toISOString() },
    currency: CURRENCY,
    maximum_results: 100,
    // Oldest first, so that orders made while we read come last.
    sort: { by: 'created', direction: 'ascending' },
    services: ['accommodations'],
  };
  for (let page = 1; page <= PAGES_MAX; page++) {
    if (budget.isOver) return notDone('unavailable', 'the deadline passed while the orders were read');
    const asked = await askOrders(options, connection, body, budget.next());
    if (asked.kind !== 'done') return asked;
    orders.push(...asked.value.orders);
    const labelled = ours(orders, ({ label }) => label === booked.reference);
    if (labelled !== null) return { kind: 'done', value: labelled };
    if (asked.value.next === null) return ended(orders, booked);
    if (asked.value.next === body['page']) return notDone('unavailable', 'the vendor gave the same page again');
    body = { page: asked.value.next };
  }
  return notDone('unavailable', 'there are too many orders to be searched');
}

/**
 * No order bears the label. One without any label and with the customer's address may be ours, if the vendor lost the
 * label, or may be another one of theirs: to miss it would be to book twice, to take it would be to sell one room twice.
 * So neither is said, and neither is said of an order that cannot be read.
 */
function ended(orders: readonly (Order | null)[], booked: BookedInput): Outcome<ProviderBookingState> {
  const email = booked.contactEmail.toLowerCase();
  const mayBeOurs = ({ label, booker, status }: Order): boolean =>
    (label ?? '') === '' && booker?.email?.toLowerCase() === email && stateOf(status) !== 'CANCELLED';
  if (orders.includes(null)) return notDone('unavailable', 'an order could not be read');
  return orders.some((order) => order !== null && mayBeOurs(order))
    ? notDone('unavailable', 'an order without a label may be this one: a person has to look')
    : { kind: 'done', value: { state: 'NOT_FOUND', ids: null } };
}

/** The order that stands, where several match; null where none does, or it names no reservation. */
function ours(orders: readonly (Order | null)[], isOurs: (order: Order) => boolean): ProviderBookingState | null {
  const matching = orders.filter((order) => order !== null).filter(isOurs);
  const found = matching.find(({ status }) => stateOf(status) !== 'CANCELLED') ?? matching[0];
  if (found === undefined) return null;
  const reservation = found.accommodations?.reservation ?? null;
  const ids = reservation === null ? null : { providerReference: reservation, keys: { order: found.id, reservation } };
  return { state: stateOf(found.status), ids };
}

interface Page {
  readonly orders: readonly (Order | null)[];
  readonly next: string | null;
}

function askOrders(
  options: DemandOptions,
  connection: ProviderConnection,
  body: Body,
  call: OutboundCall,
): Promise<Outcome<Page>> {
  return askDemand<{ data: readonly (Order | null)[]; metadata: string | null }, Page>(options, {
    connection,
    call,
    path: '/orders/details',
    body,
    effect: false,
    shape: OrdersAnswer,
    convert: ({ data, metadata }) => ({ kind: 'done', value: { orders: data, next: metadata } }),
  });
}
