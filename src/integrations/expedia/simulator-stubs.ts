import type { SimulatorAnswer } from '../simulator/types.ts';
import { failure, invalid, link, reply, wrong, type Call } from './simulator-answers.ts';
import { book } from './simulator-book.ts';
import type { Stay } from './simulator-model.ts';
import { checked } from './simulator-shop.ts';
import { PROPERTIES } from './simulator-world.ts';

/**
 * The Test header: answers on demand (travel-providers.md 1.12). A value the call does not know is no stub: the call is
 * live.
 */
type Stub = (call: Call) => SimulatorAnswer | null;

const UNAVAILABLE: Stub = () => failure(503, 'service_unavailable');
const BROKEN: Stub = () => failure(500, 'internal_server_error');
const DEFECT: Stub = () => failure(500, 'unknown_internal_error');
const POST_STAY: Stub = () => failure(400, 'cancel.post_checkout');
/** A test booking is handled as any other. */
const AS_EVER: Stub = () => null;

const SHOP: Readonly<Record<string, Stub>> = {
  standard: AS_EVER,
  no_availability: (call) => reply(call, 200, []),
  service_unavailable: UNAVAILABLE,
  unknown_internal_error: DEFECT,
};

const STUBS: Readonly<Record<string, Readonly<Record<string, Stub>>>> = {
  shop: SHOP,
  propertyShop: { ...SHOP, forbidden: () => failure(403, 'request_unauthorized') },
  priceCheck: {
    available: (call) => checked(call, 'available', cannedStay(call)),
    price_changed: (call) => checked(call, 'price_changed', cannedStay(call)),
    sold_out: (call) => checked(call, 'sold_out', cannedStay(call)),
    service_unavailable: UNAVAILABLE,
    unknown_internal_error: DEFECT,
  },
  book: {
    standard: (call) => book(call, true),
    complete_payment_session: challenged,
    service_unavailable: UNAVAILABLE,
    internal_server_error: BROKEN,
    price_mismatch: () => failure(409, 'price_mismatch', [{ name: 'price.amount', type: 'body' }]),
    cc_declined: () => invalid([wrong('payments.cc_declined', 'payments', null, 'body')]),
    rooms_unavailable: () => failure(410, 'rooms_unavailable'),
  },
  find: { standard: AS_EVER, service_unavailable: UNAVAILABLE, internal_server_error: BROKEN },
  retrieve: { standard: AS_EVER, service_unavailable: UNAVAILABLE, internal_server_error: BROKEN },
  resume: {
    standard: AS_EVER,
    service_unavailable: (call) => reply(call, 202),
    internal_server_error: BROKEN,
  },
  cancelRoom: {
    standard: AS_EVER,
    service_unavailable: UNAVAILABLE,
    unknown_internal_error: DEFECT,
    post_stay_cancel: POST_STAY,
  },
  cancelHold: {
    standard: AS_EVER,
    service_unavailable: UNAVAILABLE,
    internal_server_error: BROKEN,
    post_stay_cancel: POST_STAY,
  },
};

export function stubbed(call: Call, operation: string): SimulatorAnswer | null {
  const stubs = STUBS[operation] ?? {};
  const value = call.request.headers['test'] ?? '';
  return Object.hasOwn(stubs, value) ? (stubs[value]?.(call) ?? null) : null;
}

/** A challenged payment brings nothing but the way to end it. */
function challenged(call: Call): SimulatorAnswer {
  const itinerary_id = `9${String(call.ledger.next(call.accountId, 'challenges')).padStart(12, '0')}`;
  const path = `/itineraries/${itinerary_id}/payment-sessions`;
  const complete_payment_session = link(call, 'PUT', path, { step: 'session', about: itinerary_id });
  return reply(call, 201, { itinerary_id, links: { complete_payment_session }, encoded_challenge_config: 'c3R1Yg' });
}

/** Two nights for two in the first house there is, a month ahead. */
function cannedStay({ at }: Call): Stay {
  const day = (ahead: number): string => new Date(at.getTime() + ahead * 86_400_000).toISOString().slice(0, 10);
  const property = PROPERTIES.values().next().value;
  const room = property?.rooms[0];
  return {
    property: property?.id ?? '',
    room: room?.id ?? '',
    rate: room?.rates[0]?.id ?? '',
    bed: room?.beds[0]?.id ?? '',
    checkin: day(30),
    checkout: day(32),
    occupancies: ['2'],
    currency: 'USD',
    factor: 100,
    chargeCents: 0,
  };
}
