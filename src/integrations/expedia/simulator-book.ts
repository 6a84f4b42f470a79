import { z } from 'zod';
import type { SimulatorAnswer } from '../simulator/types.ts';
import { badLink, failure, invalid, link, opened, reply, wrong, type Call, type Nested } from './simulator-answers.ts';
import { supplierConfirms } from './simulator-hooks.ts';
import { later, uuid, type BookedRoom, type Booking, type Stay } from './simulator-model.ts';
import { isFree } from './simulator-shop.ts';

/** Booking by the link of a price check (travel-providers.md 1.5, 1.11). */

const optional = z.string().max(5_000).optional();
const Contact = z.object({
  given_name: z.string().min(1).max(60),
  family_name: z.string().min(1).max(60),
  address: z.object({
    line_1: optional,
    city: optional,
    state_province_code: optional,
    postal_code: optional,
    country_code: z.string(),
  }),
});
const Body = z.object({
  affiliate_reference_id: optional,
  hold: z.boolean().optional(),
  email: optional,
  phone: z.object({ country_code: optional, area_code: optional, number: optional }).optional(),
  rooms: z
    .array(
      z.object({
        given_name: optional,
        family_name: optional,
        smoking: z.boolean().optional(),
        special_request: optional,
      }),
    )
    .optional(),
  payments: z.array(z.object({ type: z.string(), billing_contact: Contact.optional() })).optional(),
});
type Body = z.infer<typeof Body>;

/** @param isStub made by the stub switch: no token is needed and no room is taken */
export function book(call: Call, isStub = false): SimulatorAnswer {
  const stay = opened<Stay>(call, 'book');
  if (stay === null) return badLink();
  const body = readBody(call.request.body);
  if (body === null) return invalid([wrong('request_body.invalid', 'body', null, 'body')]);
  const errors = bodyErrors(body, stay);
  if (errors.length > 0) return invalid(errors);
  const reference = body.affiliate_reference_id ?? null;
  if (reference !== null && call.ledger.byReference(call.accountId, reference) !== undefined) {
    return invalid([wrong('duplicate_itinerary', 'affiliate_reference_id', reference, 'body')]);
  }
  const { account, fault } = call;
  const isMismatch = account.mismatchAtBook || fault?.fault === 'priceChanged';
  if (isMismatch && !isStub) return failure(409, 'price_mismatch', [{ name: 'price.amount', type: 'body' }]);
  const isGone = account.soldOutAt === 'book' || fault?.fault === 'soldOut' || !isFree(call, stay);
  if (isGone && !isStub) return failure(410, 'rooms_unavailable');
  const booking = made(call, stay, body, isStub);
  call.ledger.save(booking);
  supplierConfirms(call, booking).forEach((hook) => call.world.send(hook));
  return reply(call, 201, { itinerary_id: booking.itineraryId, links: linksOf(call, booking) });
}

function readBody(text: string): Body | null {
  try {
    const parsed = Body.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

const CARDS = new Set(['customer_card', 'corporate_card', 'virtual_card']);

export function bodyErrors(body: Body, stay: Pick<Stay, 'occupancies'>): Nested[] {
  const bad = (type: string, name: string): Nested => wrong(type, name, null, 'body');
  const errors: Nested[] = [];
  const { affiliate_reference_id: reference, email, phone, rooms = [], payments = [] } = body;
  const isReference = reference === undefined || /^[^<>()&]{3,28}$/.test(reference);
  if (!isReference) errors.push(bad('affiliate_reference_id.invalid', 'affiliate_reference_id'));
  if (!/^[^\s@]{1,64}@[^\s@]{1,190}$/.test(email ?? '')) errors.push(bad('email.invalid', 'email'));
  const digits = [phone?.country_code, phone?.area_code ?? '', phone?.number].map((part) => part ?? '');
  const isPhone = digits[0] !== '' && digits[2] !== '' && /^\d{1,25}$/.test(digits.join(''));
  if (!isPhone) errors.push(bad('phone.invalid', 'phone'));
  if (rooms.length !== stay.occupancies.length) errors.push(bad('number_of_rooms.invalid', 'rooms'));
  const isNamed = (name: string | undefined): boolean => /^.{1,60}$/u.test(name ?? '');
  for (const { given_name: given, family_name: family } of rooms) {
    if (!isNamed(given) || !isNamed(family)) errors.push(bad('room.name.invalid', 'rooms'));
  }
  if (payments.length === 0) errors.push(bad('payments.required', 'payments'));
  for (const { type, billing_contact: contact } of payments) {
    if (type !== 'affiliate_collect')
      errors.push(bad(CARDS.has(type) ? 'payments.card.required' : 'payments.type.invalid', 'payments'));
    if (contact === undefined) errors.push(bad('billing_contact.required', 'payments'));
    else errors.push(...addressErrors(contact.address));
  }
  return errors;
}

type Address = z.infer<typeof Contact>['address'];

function addressErrors({ country_code: country, state_province_code: state, postal_code: postal }: Address): Nested[] {
  const bad = (name: string, why: string): Nested[] => [wrong(`address.${name}.${why}`, name, null, 'body')];
  if (!/^[A-Z]{2}$/.test(country)) return bad('country_code', 'invalid');
  if (['AU', 'CA', 'US'].includes(country) && !state) return bad('state_province_code', 'required');
  return ['CA', 'GB', 'US'].includes(country) && !postal ? bad('postal_code', 'required') : [];
}

function made(call: Call, stay: Stay, body: Body, isStub: boolean): Booking {
  const { ledger, accountId, account, at, fault } = call;
  const number = ledger.next(accountId, 'itineraries');
  const own = Number.parseInt(ledger.derive(accountId, 'itineraries').slice(0, 8), 16) % 1_000_000;
  const itineraryId = `8${String(own).padStart(6, '0')}${String(number).padStart(6, '0')}`;
  const hiddenMs = fault?.fault === 'lateVisible' ? (fault.ms ?? 60_000) : account.visibleAfterMs;
  const isSlow = fault?.fault === 'pendingFirst' || fault?.fault === 'droppedFirst';
  const confirmMs = isSlow ? (fault.ms ?? 60_000) : account.confirmAfterMs;
  const isHold = body.hold === true;
  return {
    account: accountId,
    itineraryId,
    reference: body.affiliate_reference_id ?? null,
    email: body.email ?? '',
    phone: Object.fromEntries(Object.entries(body.phone ?? {}).map(([name, value]) => [name, value ?? ''])),
    createdAt: at.toISOString(),
    visibleAt: later(at, hiddenMs),
    isStub,
    stay,
    rooms: (body.rooms ?? []).map((room, index): BookedRoom => ({
      id: uuid(ledger.derive(accountId, `room:${itineraryId}:${index}`)),
      occupancy: stay.occupancies[index] ?? '',
      givenName: room.given_name ?? '',
      familyName: room.family_name ?? '',
      specialRequest: room.special_request ?? '',
      smoking: room.smoking ?? false,
      // Its property lets it wait, and then does not have the room.
      canceledAt: fault?.fault === 'droppedFirst' ? later(at, confirmMs) : null,
    })),
    hold: isHold ? { until: later(at, account.holdMs), resumedAt: null } : null,
    confirmedAt: later(at, confirmMs),
  };
}

/** Of the answer to a booking. */
function linksOf(call: Call, booking: Booking): unknown {
  const about = booking.itineraryId;
  const path = `/itineraries/${about}`;
  const retrieve = link(call, 'GET', path, { step: 'retrieve', about });
  return booking.hold === null ? { retrieve } : { retrieve, ...holdLinks(call, booking) };
}

export function holdLinks(call: Call, { itineraryId }: Booking): { resume: unknown; cancel: unknown } {
  const path = `/itineraries/${itineraryId}`;
  return {
    resume: link(call, 'PUT', path, { step: 'resume', about: itineraryId }),
    cancel: link(call, 'DELETE', path, { step: 'cancelHold', about: itineraryId }),
  };
}
