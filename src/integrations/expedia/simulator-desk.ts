import { actionOf, isBrowser, json, wrongMethod } from '../simulator/answer.ts';
import { escape, page } from '../simulator/page.ts';
import type { Fault } from '../simulator/scenario.ts';
import type { SimulatorAnswer, SimulatorRequest, SimulatorWorld } from '../simulator/types.ts';
import { EVENTS, hooksOf, type Event } from './simulator-hooks.ts';
import { statusOf, type Booking, type Ledger } from './simulator-model.ts';

/**
 * Where the vendor's agents and the property change a booking behind the partner's back: POST /desk/{itinerary_id}. The
 * partner hears of it by a notification, or finds out.
 */
export const DESK = /^\/desk\/(\d{1,20})$/;

const ACTIONS = Object.keys(EVENTS) as Event[];
const CANCELS: ReadonlySet<Event> = new Set(['agentCancel', 'supplierCancel', 'fraudCancel']);

export function deskAction(request: SimulatorRequest): Event | null {
  return request.method === 'POST' ? actionOf(request, ACTIONS) : null;
}

export function performDesk(
  ledger: Ledger,
  world: SimulatorWorld,
  request: SimulatorRequest,
  fault: Fault | null,
): SimulatorAnswer {
  const booking = ledger.booking(DESK.exec(request.path)?.[1] ?? '');
  const account = booking && ledger.account(booking.account);
  if (!booking || !account) return page(404, 'Not Found', '<h1>There is no such itinerary</h1>');
  if (request.method === 'GET') return deskPage(ledger, booking);
  if (request.method !== 'POST') return wrongMethod();
  const event = deskAction(request);
  if (event === null) return json(400, { error: `action is one of ${ACTIONS.join(', ')}` });
  ledger.countCall(booking.account);
  const after = changed(booking, event, ledger.now(booking.account));
  ledger.save(after);
  hooksOf(ledger, account, after, { event, fault }).forEach((hook) => world.send(hook));
  return isBrowser(request) ? deskPage(ledger, after) : json(200, { status: statusesOf(ledger, after), event });
}

function changed(booking: Booking, event: Event, at: Date): Booking {
  const time = at.toISOString();
  if (event === 'supplierConfirm') return { ...booking, confirmedAt: time };
  if (!CANCELS.has(event)) return booking;
  return { ...booking, rooms: booking.rooms.map((room) => ({ ...room, canceledAt: room.canceledAt ?? time })) };
}

function statusesOf(ledger: Ledger, booking: Booking): string {
  const at = ledger.now(booking.account);
  return booking.rooms.map((room) => statusOf(booking, room, at)).join(', ');
}

function deskPage(ledger: Ledger, booking: Booking): SimulatorAnswer {
  const buttons = ACTIONS.map((action) => `<button name="action" value="${action}">${action}</button>`).join('\n');
  return page(
    200,
    'Expedia desk (sandbox)',
    `<h1>Itinerary ${escape(booking.itineraryId)}</h1>
<dl><dt>Stay</dt><dd>${escape(booking.stay.checkin)} to ${escape(booking.stay.checkout)}</dd>
<dt>Rooms</dt><dd>${escape(statusesOf(ledger, booking))}</dd></dl>
<form method="post">${buttons}</form>`,
  );
}
