import { actionOf, json } from '../simulator/answer.ts';
import type { Fault } from '../simulator/scenario.ts';
import type { Identified, Simulator, SimulatorAnswer, SimulatorRequest, SimulatorWorld } from '../simulator/types.ts';
import { accommodationOrders, cancel, change, orderDetails } from './simulator-details.ts';
import { Complaint, errorAnswer, type Fields } from './simulator-fields.ts';
import { propertyOf } from './simulator-inventory.ts';
import { details, list } from './simulator-lists.ts';
import { openLedger, type Ledger, type Order, type Status } from './simulator-model.ts';
import { create, preview } from './simulator-orders.ts';
import { availability, search } from './simulator-search.ts';
import { openDesk, type Desk } from './simulator-stay.ts';

/**
 * The Demand API 3.2 as a sandbox, written from travel-providers.md section 2 and from nothing of ours: it checks both
 * headers, counts calls, sells out, gives signed tokens that end, and keeps its own book of orders.
 *
 * Operations for scenarios: search, availability, details, preview, create, orderDetails, accommodationOrders, cancel,
 * cards, currencies, languages, airports, cities, countries, regions, constants; and desk, which is the property's own:
 * POST /desk/{reservation} with an action of DESK changes what became of an order.
 *
 * Faults of its own: on preview `priceChanged` (or wrongAmount) and wrongCurrency, on preview and create `soldOut`,
 * on create `lateVisible`.
 */
const ROUTES: Readonly<Record<string, string>> = {
  '/3.2/accommodations/search': 'search',
  '/3.2/accommodations/availability': 'availability',
  '/3.2/accommodations/details': 'details',
  '/3.2/accommodations/constants': 'constants',
  '/3.2/orders/preview': 'preview',
  '/3.2/orders/create': 'create',
  '/3.2/orders/details': 'orderDetails',
  '/3.2/orders/details/accommodations': 'accommodationOrders',
  '/3.2/orders/cancel': 'cancel',
  '/3.2/common/payments/cards': 'cards',
  '/3.2/common/payments/currencies': 'currencies',
  '/3.2/common/languages': 'languages',
  '/3.2/common/locations/airports': 'airports',
  '/3.2/common/locations/cities': 'cities',
  '/3.2/common/locations/countries': 'countries',
  '/3.2/common/locations/regions': 'regions',
};

const DESK = {
  stay: 'stayed',
  noShow: 'no_show',
  cancelByProperty: 'cancelled_by_accommodation',
  cancelByGuest: 'cancelled_by_guest',
  cancelAll: 'cancelled',
} as const satisfies Record<string, Status>;

export function simulateBooking(world: SimulatorWorld): Simulator {
  const ledger = openLedger(world);
  return {
    name: 'booking',
    identify: (request) => identify(ledger, request),
    perform: (request, identified, fault) => {
      const reservation = deskOf(request);
      if (reservation !== null) return performDesk(ledger, world, request, reservation);
      return perform(ledger, world, request, identified, fault);
    },
    refusal: (kind, fault) => refusal(ledger, kind, fault),
    putAccount: ledger.putAccount,
    resetAccount: (id) => ledger.reset(id),
    book: (account, limit) => ({
      orders: ledger
        .orders(account)
        .slice(-limit)
        .toReversed()
        .map((order) => bookEntry(world, order)),
    }),
  };
}

function identify(ledger: Ledger, request: SimulatorRequest): Identified {
  const reservation = deskOf(request);
  if (reservation !== null) return { account: orderAt(ledger, reservation)?.account ?? null, operation: 'desk' };
  return { account: ledger.accountByKey(bearerOf(request)), operation: ROUTES[request.path] ?? 'unknown' };
}

function bearerOf({ headers }: SimulatorRequest): string {
  return /^Bearer (\S+)$/.exec(headers['authorization'] ?? '')?.[1] ?? '';
}

/** In the vendor's order: route, headers, who it is, how often, and only then what is asked. */
function perform(
  ledger: Ledger,
  world: SimulatorWorld,
  request: SimulatorRequest,
  { account, operation }: Identified,
  fault: Fault | null,
): SimulatorAnswer {
  if (account !== null) ledger.countCall(account);
  const requestId = ledger.requestId(account ?? '');
  try {
    checkEnvelope(request);
    const settings = account === null ? undefined : ledger.account(account);
    checkCaller(request, settings?.affiliateId ?? null, settings?.permitted ?? false);
    if (account === null || settings === undefined) throw unauthorised();
    if (!ledger.admit(account)) throw tooMany();
    const body = bodyOf(request);
    return answer(openDesk({ ledger, account, settings, now: world.now(), fault }), operation, requestId, body);
  } catch (error) {
    if (error instanceof Complaint) return errorAnswer(requestId, error);
    throw error;
  }
}

function checkEnvelope({ method, path, headers }: SimulatorRequest): void {
  if (ROUTES[path] === undefined) throw new Complaint(404, 'not_found', 'The requested path does not exist.');
  if (method !== 'POST') throw wrongMethod();
  if (!/\*\/\*|application\/(\*|json)/.test(headers['accept'] ?? '*/*')) {
    throw new Complaint(406, 'not_acceptable', 'Only application/json is produced.');
  }
  if (!/^application\/json\b/.test(headers['content-type'] ?? '')) {
    throw new Complaint(415, 'unsupported_media_type', 'Only application/json is read.');
  }
}

function checkCaller(request: SimulatorRequest, affiliateId: string | null, permitted: boolean): void {
  const affiliate = request.headers['x-affiliate-id'];
  if (affiliateId === null || affiliate === undefined) throw unauthorised();
  if (affiliate !== affiliateId) throw new Complaint(403, 'forbidden', 'The affiliate is not known.');
  if (!permitted) throw new Complaint(403, 'forbidden', 'The affiliate may not use this service.');
}

function unauthorised(): Complaint {
  return new Complaint(401, 'unauthorized', 'Authentication credentials are missing or wrong.');
}

function tooMany(): Complaint {
  return new Complaint(429, 'too_many_requests', 'The limit of requests was exceeded.');
}

function wrongMethod(): Complaint {
  return new Complaint(405, 'method_not_allowed', 'Only POST is allowed.');
}

function bodyOf({ body }: SimulatorRequest): Fields {
  let value: unknown;
  try {
    value = JSON.parse(body === '' ? '{}' : body);
  } catch {
    value = null;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Complaint(400, 'invalid_request', 'The body is no JSON object.');
  }
  return value as Fields;
}

function answer(desk: Desk, operation: string, requestId: string, body: Fields): SimulatorAnswer {
  switch (operation) {
    case 'search':
      return search(desk, requestId, body);
    case 'availability':
      return availability(desk, requestId, body);
    case 'details':
      return details(desk, requestId, body);
    case 'preview':
      return preview(desk, requestId, body);
    case 'create':
      return create(desk, requestId, body);
    case 'orderDetails':
      return orderDetails(desk, requestId, body);
    case 'accommodationOrders':
      return accommodationOrders(desk, requestId, body);
    case 'cancel':
      return cancel(desk, requestId, body);
    default:
      return list(operation, requestId) ?? json(404, { request_id: requestId, errors: [] });
  }
}

function deskOf({ path }: SimulatorRequest): string | null {
  return /^\/desk\/(\d+)$/.exec(path)?.[1] ?? null;
}

function orderAt(ledger: Ledger, reservation: string): Order | undefined {
  return ledger.orders(null).find((order) => order.reservation === reservation);
}

/** What the property's own people and time do to an order. */
function performDesk(
  ledger: Ledger,
  world: SimulatorWorld,
  request: SimulatorRequest,
  reservation: string,
): SimulatorAnswer {
  const order = orderAt(ledger, reservation);
  if (!order) return json(404, { error: 'no such reservation' });
  if (request.method !== 'POST') return json(405, { error: 'POST an action' });
  const action = actionOf(request, Object.keys(DESK) as (keyof typeof DESK)[]);
  if (action === null) return json(400, { error: `action is one of ${Object.keys(DESK).join(', ')}` });
  ledger.countCall(order.account);
  return json(200, { status: change({ ledger, now: world.now() }, order, DESK[action]).status });
}

function bookEntry(world: SimulatorWorld, order: Order): unknown {
  const { account, id, reservation, label, status, property, checkIn, checkOut, timing, method, created } = order;
  const currency = propertyOf(property)?.city.currency ?? null;
  return {
    account,
    order: id,
    reservation,
    label,
    status,
    property,
    checkIn,
    checkOut,
    rooms: order.rooms,
    total: (order.total / 100).toFixed(2),
    currency,
    timing,
    method,
    created,
    desk: `${world.baseUrl}/desk/${reservation}`,
  };
}

/** What the transport is told to answer; a rate limit names no time, as the vendor names none. */
function refusal(ledger: Ledger, kind: 'rateLimited' | 'wrongMethod' | 'broken', fault: Fault): SimulatorAnswer {
  const requestId = ledger.requestId('');
  if (kind === 'rateLimited') return errorAnswer(requestId, tooMany());
  if (kind === 'wrongMethod') return errorAnswer(requestId, wrongMethod());
  return errorAnswer(requestId, new Complaint(fault.status ?? 500, '500', 'Internal server error.'));
}
