import { wrongMethod } from '../simulator/answer.ts';
import { page } from '../simulator/page.ts';
import type { Fault } from '../simulator/scenario.ts';
import type { Identified, Simulator, SimulatorAnswer, SimulatorRequest, SimulatorWorld } from '../simulator/types.ts';
import { failure, invalid, reply, wrong, type Call } from './simulator-answers.ts';
import { book } from './simulator-book.ts';
import { content, region, regions } from './simulator-content.ts';
import { DESK, deskAction, performDesk } from './simulator-desk.ts';
import {
  createThrottle,
  missingHeader,
  readAuthorization,
  throttled,
  unauthenticated,
  type Throttle,
} from './simulator-entrance.ts';
import { EVENTS, hooksOf } from './simulator-hooks.ts';
import { cancelHold, cancelRoom, find, resume, retrieve } from './simulator-itineraries.ts';
import { isHeld, openLedger, statusOf, type Account, type Booking, type Ledger } from './simulator-model.ts';
import { shopErrors } from './simulator-parameters.ts';
import { stayTotal, written } from './simulator-prices.ts';
import { moreRates, paymentOptions, priceCheck, shop } from './simulator-shop.ts';
import { stubbed } from './simulator-stubs.ts';

/**
 * Expedia Rapid as a sandbox, written from travel-providers.md section 1 and from nothing of ours: it checks headers,
 * signatures and tokens, keeps its own rooms and itineraries, packs every answer, and tells of what happens at its desk.
 *
 * Operations for scenarios: regions, region, content, shop, propertyShop, priceCheck, paymentOptions, book, find,
 * retrieve, resume, cancelHold, cancelRoom, notify; at the desk agentCreate, agentChange, agentCancel,
 * supplierConfirm, supplierCancel, fraudCancel, message.
 *
 * Of the vendor's own: priceChanged (priceCheck: 10 % more; book: 409), soldOut (shop: nothing; priceCheck; book: 410),
 * lateVisible, pendingFirst and droppedFirst (book: the property confirms or refuses after `ms`), stateUnknown (resume,
 * cancelHold, cancelRoom: 202, effective after `ms`, without it never), wrongAmount, wrongCurrency and
 * additionalCharges (priceCheck says available and writes another price), numericIds.
 */
interface Route {
  readonly operation: string;
  readonly method: string;
  readonly path: RegExp;
  readonly product: Account['products'][number];
  readonly perform: (call: Call, ids: readonly string[]) => SimulatorAnswer;
  /** Checked after the rate limit and before the stub switch. */
  readonly check?: (call: Call) => SimulatorAnswer | null;
}

const shopCheck = ({ request, ledger }: Call): SimulatorAnswer | null => {
  const errors = shopErrors(request.query, ledger.realNow());
  return errors.length === 0 ? null : invalid(errors);
};

const ROUTES: readonly Route[] = [
  { operation: 'regions', method: 'GET', path: /^\/regions$/, product: 'geography', perform: regions },
  {
    operation: 'region',
    method: 'GET',
    path: /^\/regions\/(\w+)$/,
    product: 'geography',
    perform: (call, [id = '']) => region(call, id),
  },
  { operation: 'content', method: 'GET', path: /^\/properties\/content$/, product: 'content', perform: content },
  {
    operation: 'shop',
    method: 'GET',
    path: /^\/properties\/availability$/,
    product: 'shopping',
    perform: shop,
    check: shopCheck,
  },
  {
    operation: 'propertyShop',
    method: 'GET',
    path: /^\/properties\/(\d+)\/availability$/,
    product: 'shopping',
    perform: (call, [id = '']) => moreRates(call, id),
  },
  {
    operation: 'paymentOptions',
    method: 'GET',
    path: /^\/properties\/\d+\/payment-options$/,
    product: 'shopping',
    perform: paymentOptions,
  },
  {
    operation: 'priceCheck',
    method: 'GET',
    path: /^\/properties\/(\d+)\/rooms\/(\d+)\/rates\/(\d+)$/,
    product: 'shopping',
    perform: priceCheck,
  },
  { operation: 'book', method: 'POST', path: /^\/itineraries$/, product: 'booking', perform: (call) => book(call) },
  { operation: 'find', method: 'GET', path: /^\/itineraries$/, product: 'booking', perform: find },
  { operation: 'retrieve', method: 'GET', path: /^\/itineraries\/(\d+)$/, product: 'booking', perform: retrieve },
  { operation: 'resume', method: 'PUT', path: /^\/itineraries\/(\d+)$/, product: 'booking', perform: resume },
  {
    operation: 'cancelHold',
    method: 'DELETE',
    path: /^\/itineraries\/(\d+)$/,
    product: 'booking',
    perform: cancelHold,
  },
  {
    operation: 'cancelRoom',
    method: 'DELETE',
    path: /^\/itineraries\/(\d+)\/rooms\/([\w-]+)$/,
    product: 'booking',
    perform: cancelRoom,
  },
  { operation: 'notify', method: 'POST', path: /^\/notifications$/, product: 'booking', perform: notify },
];

const BASE = '/v3';

export function simulateExpedia(world: SimulatorWorld): Simulator {
  const ledger = openLedger(world);
  const throttle = createThrottle();
  return {
    name: 'expedia',
    identify: (request) => identify(ledger, request),
    perform: (request, identified, fault) =>
      DESK.test(request.path)
        ? performDesk(ledger, world, request, fault)
        : perform({ ledger, world, throttle }, request, identified, fault),
    refusal: (kind, fault) => refusal(ledger, kind, fault),
    putAccount: ledger.putAccount,
    resetAccount: (id) => ledger.reset(id),
    book: (account, limit) => ({
      bookings: ledger
        .bookings(account)
        .slice(-limit)
        .toReversed()
        .map((booking) => bookEntry(ledger, world, booking)),
    }),
  };
}

function routeOf(request: SimulatorRequest): { readonly route: Route; readonly ids: readonly string[] } | null {
  if (!request.path.startsWith(`${BASE}/`)) return null;
  const path = request.path.slice(BASE.length);
  for (const route of ROUTES) {
    const match = route.path.exec(path);
    if (match && route.method === request.method) return { route, ids: match.slice(1) };
  }
  return null;
}

function identify(ledger: Ledger, request: SimulatorRequest): Identified {
  const desk = DESK.exec(request.path)?.[1];
  if (desk !== undefined) {
    return { account: ledger.booking(desk)?.account ?? null, operation: deskAction(request) ?? 'desk' };
  }
  const apiKey = readAuthorization(request.headers['authorization'])?.get('apikey') ?? '';
  return { account: ledger.accountByKey(apiKey), operation: routeOf(request)?.route.operation ?? 'unknown' };
}

interface House {
  readonly ledger: Ledger;
  readonly world: SimulatorWorld;
  readonly throttle: Throttle;
}

function perform(
  { ledger, world, throttle }: House,
  request: SimulatorRequest,
  { account: accountId }: Identified,
  fault: Fault | null,
): SimulatorAnswer {
  const routed = routeOf(request);
  if (routed === null) return unrouted(request);
  const { route, ids } = routed;
  const account = accountId === null ? undefined : ledger.account(accountId);
  if (account?.demandsTls) return failure(426, 'upgrade_required');
  const isItinerary = route.product === 'booking' && route.operation !== 'notify';
  const missing = missingHeader(request, { customerIp: isItinerary, body: request.method === 'POST' });
  if (missing !== null) return missing;
  const refused = unauthenticated(request, account, ledger.realNow());
  if (refused !== null || accountId === null || !account) return refused ?? failure(401, 'request_unauthenticated');
  if (!account.products.includes(route.product)) return failure(403, 'request_unauthorized');
  const remaining = throttle.spend(accountId, account, ledger.realNow());
  if (remaining < 0) return throttled(ledger.realNow());
  ledger.countCall(accountId);
  const call: Call = { ledger, world, accountId, account, request, fault, at: ledger.now(accountId), remaining };
  return route.check?.(call) ?? stubbed(call, route.operation) ?? route.perform(call, ids);
}

function unrouted(request: SimulatorRequest): SimulatorAnswer {
  const path = request.path.slice(BASE.length);
  const isOther = request.path.startsWith(`${BASE}/`) && ROUTES.some((route) => route.path.test(path));
  return isOther ? wrongMethod() : failure(404, 'resource_not_found');
}

/** A test notification, about the newest itinerary there is. */
function notify(call: Call): SimulatorAnswer {
  const { ledger, accountId, account, world, request, fault } = call;
  const type = eventTypeOf(request.body);
  const event = (Object.keys(EVENTS) as (keyof typeof EVENTS)[]).find((one) => EVENTS[one] === type);
  if (event === undefined) return invalid([wrong('event_type.invalid', 'event_type', null, 'body')]);
  const newest = ledger.bookings(accountId).at(-1);
  if (newest) hooksOf(ledger, account, newest, { event, fault }).forEach((hook) => world.send(hook));
  return reply(call, 204);
}

function eventTypeOf(body: string): unknown {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null && 'event_type' in value ? value.event_type : null;
  } catch {
    return null;
  }
}

function bookEntry(ledger: Ledger, world: SimulatorWorld, booking: Booking): unknown {
  const { account, itineraryId, reference, stay, rooms, isStub, createdAt } = booking;
  const at = ledger.now(account);
  return {
    account,
    itineraryId,
    reference,
    createdAt,
    isStub,
    isHeld: isHeld(booking, at),
    property: stay.property,
    room: stay.room,
    rate: stay.rate,
    checkin: stay.checkin,
    checkout: stay.checkout,
    total: written(stayTotal(ledger, account, stay), stay.currency),
    currency: stay.currency,
    rooms: rooms.map((room) => ({ id: room.id, occupancy: room.occupancy, status: statusOf(booking, room, at) })),
    desk: `${world.baseUrl}/desk/${itineraryId}`,
  };
}

function refusal(ledger: Ledger, kind: 'rateLimited' | 'wrongMethod' | 'broken', fault: Fault): SimulatorAnswer {
  if (kind === 'wrongMethod') return wrongMethod();
  if (kind === 'rateLimited') return throttled(ledger.realNow(), fault.retryAfterSeconds);
  const status = fault.status ?? 500;
  if (status === 503) return failure(503, 'service_unavailable');
  return status === 500
    ? failure(500, 'unknown_internal_error')
    : page(status, 'Gateway', '<h1>The gateway had no answer</h1>');
}
