import { createHash } from 'node:crypto';

import { json, wrongMethod } from '../simulator/answer.ts';
import { page } from '../simulator/page.ts';
import type { Fault } from '../simulator/scenario.ts';
import type { Identified, Simulator, SimulatorAnswer, SimulatorRequest, SimulatorWorld } from '../simulator/types.ts';
import { badRequest } from './simulator-answers.ts';
import { checkFlights } from './simulator-check.ts';
import { openLedger, type Account, type Booking, type Ledger } from './simulator-model.ts';
import { confirmPayment, hooksOf } from './simulator-pay.ts';
import { saveBooking } from './simulator-save.ts';
import { locations, search, type Asking } from './simulator-search.ts';

/**
 * Kiwi.com Tequila as a sandbox, written from travel-providers.md section 3 and from nothing of ours: a timetable of
 * fifty airports for a year, sessions that verify, orders that lapse, a deposit, and webhooks.
 *
 *   GET  /locations/query, /v2/search, /v2/booking/check_flights
 *   POST /v2/booking/save_booking, /v2/booking/confirm_payment
 *   POST /backoffice/{booking_id}   {"action": trigger}: what the vendor's people or the carriers do later
 *
 * Operations for scenarios: locations, search, check_flights, save_booking, confirm_payment, backoffice.
 */
type Perform = (asking: Asking, request: SimulatorRequest, fault: Fault | null) => SimulatorAnswer;

interface Route {
  readonly operation: string;
  readonly method: 'GET' | 'POST';
  readonly perform: Perform;
}

export function simulateKiwi(world: SimulatorWorld): Simulator {
  const ledger = openLedger(world);
  const routes: Readonly<Record<string, Route>> = {
    '/locations/query': { operation: 'locations', method: 'GET', perform: locations },
    '/v2/search': { operation: 'search', method: 'GET', perform: search },
    '/v2/booking/check_flights': {
      operation: 'check_flights',
      method: 'GET',
      perform: (asking, _request, fault) => checkFlights(asking, fault),
    },
    '/v2/booking/save_booking': {
      operation: 'save_booking',
      method: 'POST',
      perform: (asking, { body }, fault) => saveBooking(asking, body, fault),
    },
    '/v2/booking/confirm_payment': {
      operation: 'confirm_payment',
      method: 'POST',
      perform: (asking, { body }, fault) => confirmPayment(asking, body, fault, world.send),
    },
  };
  const routeOf = ({ path }: SimulatorRequest): Route | undefined =>
    Object.hasOwn(routes, path) ? routes[path] : undefined;
  return {
    name: 'kiwi',
    identify: (request) => identify(ledger, request, routeOf(request)?.operation ?? 'unknown'),
    perform: (request, { account }, fault) => {
      const desk = BACKOFFICE.exec(request.path)?.[1];
      if (desk !== undefined) return performBackoffice(ledger, world, request, Number(desk), fault);
      return perform(ledger, request, routeOf(request), account, fault);
    },
    refusal,
    putAccount: ledger.putAccount,
    resetAccount: ledger.reset,
    book: (account, limit) => ({
      bookings: ledger
        .bookings(account)
        .slice(-limit)
        .toReversed()
        .map((booking) => bookEntry(ledger, booking)),
    }),
  };
}

const BACKOFFICE = /^\/backoffice\/(\d{1,15})$/;

function identify(ledger: Ledger, request: SimulatorRequest, operation: string): Identified {
  const desk = BACKOFFICE.exec(request.path)?.[1];
  if (desk !== undefined) return { account: ledger.booking(Number(desk))?.account ?? null, operation: 'backoffice' };
  return { account: ledger.accountByKey(request.headers['apikey'] ?? ''), operation };
}

/** Route, header, key, throttle, and then the operation's own parameters and business. */
function perform(
  ledger: Ledger,
  request: SimulatorRequest,
  route: Route | undefined,
  accountId: string | null,
  fault: Fault | null,
): SimulatorAnswer {
  if (!route) return page(404, 'Not Found', '<h1>404 Not Found</h1>');
  if (route.method !== request.method) return wrongMethod();
  if (!request.headers['apikey']) return badRequest('unknown partner provided');
  const account: Account | undefined = accountId === null ? undefined : ledger.account(accountId);
  if (accountId === null || !account) return json(401, { message: 'Invalid authentication credentials' });
  ledger.countCall(accountId);
  if (!ledger.mayAsk(accountId)) return tooMany(null);
  return route.perform({ ledger, accountId, account, query: request.query }, request, fault);
}

/** No header is documented; a gateway in front may name a time. */
function tooMany(retryAfterSeconds: number | null): SimulatorAnswer {
  const headers: Record<string, string> =
    retryAfterSeconds === null ? {} : { 'retry-after': String(retryAfterSeconds) };
  return json(429, { message: 'API rate limit exceeded' }, headers);
}

function refusal(kind: 'rateLimited' | 'wrongMethod' | 'broken', fault: Fault): SimulatorAnswer {
  if (kind === 'wrongMethod') return wrongMethod();
  if (kind === 'broken') return page(fault.status ?? 500, 'Server Error', '<h1>Server Error</h1>');
  return tooMany(fault.retryAfterSeconds ?? null);
}

function performBackoffice(
  ledger: Ledger,
  world: SimulatorWorld,
  request: SimulatorRequest,
  id: number,
  fault: Fault | null,
): SimulatorAnswer {
  const booking = ledger.booking(id);
  if (!booking) return page(404, 'Not Found', '<h1>There is no such booking</h1>');
  if (request.method !== 'POST') return wrongMethod();
  const trigger = triggerOf(request.body);
  if (trigger === null) return json(400, { error: 'action is a trigger, such as cancelled' });
  ledger.countCall(booking.account);
  const at = ledger.now(booking.account).toISOString();
  const isState = ['confirmed', 'bp_sent', 'cancelled', 'sold_out', 'technical_issue', 'security_issue'].includes(
    trigger,
  );
  const after = isState ? { ...booking, carriers: { trigger, at } } : booking;
  ledger.saveBooking(after);
  hooksOf(ledger, after, trigger, 0, fault).forEach((hook) => world.send(hook));
  return json(200, { booking_id: id, state: ledger.state(after) });
}

function triggerOf(body: string): string | null {
  try {
    const value: unknown = JSON.parse(body);
    const action = typeof value === 'object' && value !== null && 'action' in value ? value.action : null;
    return typeof action === 'string' && /^[a-z0-9_]{1,60}$/.test(action) ? action : null;
  } catch {
    return null;
  }
}

function bookEntry(ledger: Ledger, booking: Booking): unknown {
  return {
    account: booking.account,
    bookingId: booking.id,
    state: ledger.state(booking),
    sandbox: booking.sandbox,
    totalEuro: booking.cents / 100,
    isPaid: booking.paidAt !== null,
    passengers: booking.passengers,
    /** Who booked, for somebody who knows the address already. */
    contact: createHash('sha256').update(booking.contactEmail).digest('hex').slice(0, 16),
    flights: booking.flights,
  };
}
