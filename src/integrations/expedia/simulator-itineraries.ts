import type { SimulatorAnswer } from '../simulator/types.ts';
import { badLink, failure, invalid, link, opened, reply, wrong, type Call } from './simulator-answers.ts';
import { holdLinks } from './simulator-book.ts';
import {
  hasLapsed,
  isHeld,
  isOver,
  later,
  statusOf,
  type Account,
  type BookedRoom,
  type Booking,
} from './simulator-model.ts';
import { penaltiesOf, readOccupancy, refundOf, roomPricing, written } from './simulator-prices.ts';
import { billableOf, idOf } from './simulator-shop.ts';
import { PROPERTIES, roomById } from './simulator-world.ts';

/** Itineraries: found, shown, confirmed, cancelled (travel-providers.md 1.5, 1.11). */

/** By the partner's own reference and the e-mail address. */
export function find(call: Call): SimulatorAnswer {
  const { query } = call.request;
  const [reference, email] = ['affiliate_reference_id', 'email'].map((name) => query.get(name) ?? '');
  if (!reference || !email) {
    const name = reference ? 'email' : 'affiliate_reference_id';
    return invalid([wrong(`${name}.required`, name, null)]);
  }
  const booking = call.ledger.byReference(call.accountId, reference);
  if (!booking || !isMine(booking, email) || isGone(call, booking)) return reply(call, 200, []);
  if (!isHidden(call, booking)) return reply(call, 200, [shown(call, booking)]);
  return reply(call, 200, call.account.hiddenAs === 'stub' ? [stub(call, booking)] : []);
}

/** By its link, or by its id and the e-mail address. */
export function retrieve(call: Call, [itineraryId = '']: readonly string[]): SimulatorAnswer {
  const { query } = call.request;
  const booking = call.ledger.booking(itineraryId);
  const isLinked = opened<string>(call, 'retrieve') === itineraryId;
  if (query.has('token') && !isLinked) return badLink();
  const email = query.get('email') ?? '';
  if (!isLinked && email === '') return invalid([wrong('email.required', 'email', null)]);
  const isOurs = booking?.account === call.accountId && (isLinked || isMine(booking, email));
  if (!booking || !isOurs || isGone(call, booking)) return notFound(itineraryId);
  if (!isHidden(call, booking)) return reply(call, 200, shown(call, booking));
  return call.account.hiddenAs === 'stub' ? reply(call, 200, stub(call, booking)) : notFound(itineraryId);
}

function notFound(itineraryId: string): SimulatorAnswer {
  return failure(404, 'resource_not_found', [{ name: 'itinerary_id', type: 'path', value: itineraryId }]);
}

function isMine(booking: Booking, email: string): boolean {
  return booking.email.toLowerCase() === email.toLowerCase();
}

function isHidden({ at }: Call, { visibleAt }: Booking): boolean {
  return !isOver(visibleAt, at);
}

function isGone({ account, at }: Call, booking: Booking): boolean {
  return account.lapsedAs === 'gone' && hasLapsed(booking, at);
}

function stub(call: Call, { itineraryId, createdAt }: Booking): unknown {
  return { itinerary_id: idOf(call, itineraryId), creation_date_time: createdAt };
}

function shown(call: Call, booking: Booking): unknown {
  const { itineraryId, stay, reference, email, phone, createdAt } = booking;
  return {
    itinerary_id: idOf(call, itineraryId),
    property_id: idOf(call, stay.property),
    links: isHeld(booking, call.at) ? holdLinks(call, booking) : {},
    email,
    phone,
    rooms: booking.rooms.map((room) => shownRoom(call, booking, room)),
    creation_date_time: createdAt,
    ...(reference !== null && { affiliate_reference_id: reference }),
  };
}

function shownRoom(call: Call, booking: Booking, room: BookedRoom): unknown {
  const { ledger, accountId, at } = call;
  const { stay, itineraryId } = booking;
  const { adults, ages } = readOccupancy(room.occupancy) ?? { adults: 1, ages: [] };
  const rate = roomById(PROPERTIES.get(stay.property), stay.room)?.rates.find((one) => one.id === stay.rate);
  const status = statusOf(booking, room, at);
  const refund = refundOf(ledger, accountId, stay, room.occupancy, ledger.realNow());
  const path = `/itineraries/${itineraryId}/rooms/${room.id}`;
  const cancel = link(call, 'DELETE', path, { step: 'cancelRoom', about: [itineraryId, room.id] });
  const canCancel = status !== 'canceled' && !isHeld(booking, at);
  return {
    id: room.id,
    confirmation_id: { expedia: ledger.derive(accountId, `confirmation:${room.id}`).slice(0, 10) },
    bed_group_id: stay.bed,
    checkin: stay.checkin,
    checkout: stay.checkout,
    number_of_adults: adults,
    child_ages: ages,
    given_name: room.givenName,
    family_name: room.familyName,
    status,
    ...(room.specialRequest !== '' && { special_request: room.specialRequest }),
    smoking: room.smoking,
    rate: {
      id: idOf(call, stay.rate),
      merchant_of_record: 'expedia',
      refundable: rate?.refundable ?? false,
      ...(canCancel && { cancel_refund: { amount: written(refund, stay.currency), currency: stay.currency } }),
      ...(rate?.refundable && { cancel_penalties: penaltiesOf(stay) }),
      pricing: roomPricing(ledger, accountId, stay, room.occupancy, billableOf(call, stay)),
    },
    links: canCancel ? { cancel } : {},
  };
}

/** PUT of a hold's link. What the vendor says of a hold that is none any more is not documented. */
export function resume(call: Call, [itineraryId = '']: readonly string[]): SimulatorAnswer {
  const booking = bookingOf(call, 'resume', itineraryId);
  if (booking === null) return badLink();
  if (booking.hold?.resumedAt && isOver(booking.hold.resumedAt, call.at)) {
    return invalid([wrong('itinerary.already_resumed', 'itinerary_id', itineraryId, 'path')]);
  }
  if (!isHeld(booking, call.at) || isAllCanceled(booking, call.at) || booking.hold === null)
    return notFound(itineraryId);
  const effect = effectOf(call, 'resumes');
  if (effect.at !== null) call.ledger.save({ ...booking, hold: { ...booking.hold, resumedAt: effect.at } });
  return reply(call, effect.status);
}

export function cancelHold(call: Call, [itineraryId = '']: readonly string[]): SimulatorAnswer {
  const booking = bookingOf(call, 'cancelHold', itineraryId);
  if (booking === null) return badLink();
  if (isAllCanceled(booking, call.at)) return failure(400, 'room_already_cancelled');
  if (!isHeld(booking, call.at)) return notFound(itineraryId);
  return canceled(call, booking, () => true);
}

export function cancelRoom(call: Call, [itineraryId = '', roomId = '']: readonly string[]): SimulatorAnswer {
  const about = opened<[string, string]>(call, 'cancelRoom');
  const booking = call.ledger.booking(itineraryId);
  const room = booking?.rooms.find((one) => one.id === roomId);
  if (about?.[0] !== itineraryId || about[1] !== roomId || !booking || !room) return badLink();
  if (statusOf(booking, room, call.at) === 'canceled') return failure(400, 'room_already_cancelled');
  return canceled(call, booking, (one) => one.id === roomId);
}

function bookingOf(call: Call, step: string, itineraryId: string): Booking | null {
  const booking = call.ledger.booking(itineraryId);
  return opened<string>(call, step) === itineraryId && booking?.account === call.accountId ? booking : null;
}

function isAllCanceled(booking: Booking, at: Date): boolean {
  return booking.rooms.every((room) => statusOf(booking, room, at) === 'canceled');
}

function canceled(call: Call, booking: Booking, isMeant: (room: BookedRoom) => boolean): SimulatorAnswer {
  const effect = effectOf(call, 'cancels');
  const rooms = booking.rooms.map((room) =>
    isMeant(room) && room.canceledAt === null ? { ...room, canceledAt: effect.at } : room,
  );
  call.ledger.save({ ...booking, rooms });
  return reply(call, effect.status);
}

/** When it takes effect, if ever, and what is answered. */
function effectOf({ account, fault, at }: Call, what: 'resumes' | 'cancels'): { at: string | null; status: number } {
  const { mode, ms } = certaintyOf(account, fault, what);
  if (mode === 'done') return { at: at.toISOString(), status: 204 };
  return { at: mode === 'unsure' ? later(at, ms) : null, status: 202 };
}

function certaintyOf(account: Account, fault: Call['fault'], what: 'resumes' | 'cancels') {
  if (fault?.fault !== 'stateUnknown') return { mode: account[what], ms: account.unsureMs };
  return fault.ms === undefined ? { mode: 'lost' as const, ms: 0 } : { mode: 'unsure' as const, ms: fault.ms };
}
