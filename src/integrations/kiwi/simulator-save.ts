import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { json } from '../simulator/answer.ts';
import type { Fault } from '../simulator/scenario.ts';
import type { SimulatorAnswer } from '../simulator/types.ts';
import { badRequest, bookingError, bookingNumber, euro, expiredToken, uuidOf } from './simulator-answers.ts';
import { BAGGAGE, THRESHOLDS, changed, checkFields, isOld } from './simulator-check.ts';
import type { Booking, Session } from './simulator-model.ts';
import type { Asking } from './simulator-search.ts';

/** /v2/booking/save_booking: the order is made and its money frozen; nothing is paid yet (travel-providers.md 3.4). */

const day = z.iso.date('expected YYYY-MM-DD');
const noBar = z.string().min(1).max(100);

const Passenger = z.looseObject({
  name: noBar,
  surname: noBar.regex(/^[^|]*$/, 'no bar'),
  title: z.enum(['Mr', 'Ms', 'mr', 'ms']).optional(),
  category: z.enum(['adult', 'child', 'infant']),
  birthday: day,
  nationality: z
    .string()
    .regex(/^[A-Za-z]{2}$/)
    .optional(),
  cardno: z.string().max(20).optional(),
  expiration: day.nullable().optional(),
  email: z.string().optional(),
  phone: z.string().optional(),
});

type Passenger = z.infer<typeof Passenger>;

const Body = z.looseObject({
  booking_token: z.string().min(1),
  session_id: z.string().min(1),
  lang: z.string().default('en'),
  locale: z.string().default('en-US'),
  passengers: z.array(Passenger).min(1).max(9),
  baggage: z.array(z.looseObject({ combination: z.looseObject({}), passengers: z.array(z.int().min(0)) })),
  payment_gateway: z.literal('payu').optional(),
});

type Body = z.infer<typeof Body>;

export function saveBooking(asking: Asking, written: string, fault: Fault | null): SimulatorAnswer {
  const { ledger, accountId, account } = asking;
  const parsed = Body.safeParse(parse(written));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return badRequest(`${issue?.path.join('.') || 'body'}: ${issue?.message ?? 'invalid'}`);
  }
  const body = parsed.data;
  const session = ledger.session(accountId, body.session_id);
  if (!session || session.token !== body.booking_token)
    return bookingError('session_id: not the session of this check');
  if (isOld(asking, session.startedAt)) return expiredToken(account);
  if (session.polls <= session.pollsNeeded && !session.isSoldOut) return bookingError('flights were not checked');
  const complaint = passengersRefusal(body, session) ?? documentsRefusal(asking, body) ?? baggageRefusal(body);
  if (complaint !== null) return bookingError(complaint);
  const now = atSaving(asking, session, fault);
  ledger.saveSession(now);
  const bagCents = body.baggage.reduce((sum, one) => sum + priceOfBags(one), 0);
  const cents = now.cents + bagCents;
  const shownCents = cents + (fault?.fault === 'wrongAmount' ? 100 : 0);
  const fields = {
    ...checkFields(ledger, { ...now, cents: shownCents }, true),
    price_change: cents - bagCents !== now.originalCents,
    status: 'success',
    status_code: 200,
  };
  if (now.isSoldOut) return json(200, { ...fields, booking_id: null, transaction_id: null, sandbox: false });
  const booking = make(asking, body, now, shownCents);
  ledger.saveBooking(booking);
  return json(200, { ...fields, ...savedFields(booking, body) });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The last look: it may be gone by now, or dearer. */
function atSaving({ ledger, accountId, account }: Asking, session: Session, fault: Fault | null): Session {
  const seats = session.adults + session.children;
  const isGone = session.flights.some((name) => ledger.seatsLeft(accountId, name) < seats);
  const percent = fault?.fault === 'priceChanged' ? 10 : account.saveChange;
  return {
    ...session,
    cents: changed(session.cents, percent),
    isSoldOut: session.isSoldOut || isGone || account.soldOutAt === 'save' || fault?.fault === 'soldOut',
  };
}

function passengersRefusal({ passengers }: Body, session: Session): string | null {
  const count = (category: string): number => passengers.filter((one) => one.category === category).length;
  const [adults, children, infants] = [count('adult'), count('child'), count('infant')];
  if (adults !== session.adults || children !== session.children || infants !== session.infants) {
    return 'passengers: not the ones that were checked';
  }
  const wrong = passengers.find((one) => one.category !== categoryOf(one.birthday, session.departure));
  if (wrong) return `passengers: ${wrong.name} ${wrong.surname} is no ${wrong.category}`;
  const isContact = ({ category, email = '', phone = '' }: Passenger): boolean =>
    category === 'adult' && /^\S+@\S+$/.test(email) && /^\+[1-9][0-9]{7,14}$/.test(phone);
  return passengers.some(isContact) ? null : 'passengers: no adult has an e-mail address and a phone';
}

function categoryOf(birthday: string, departure: string): string {
  const years = Number(departure.slice(0, 4)) - Number(birthday.slice(0, 4));
  const age = departure.slice(5) < birthday.slice(5) ? years - 1 : years;
  if (age < 0) return 'unborn';
  if (age >= THRESHOLDS.adult) return 'adult';
  return age >= THRESHOLDS.child ? 'child' : 'infant';
}

function documentsRefusal({ account }: Asking, { passengers }: Body): string | null {
  if (account.documentNeed < 2) return null;
  const without = passengers.find((one) => !one.cardno || one.expiration === undefined);
  return without ? 'passengers: document data required' : null;
}

type Bags = Body['baggage'][number];

/** Exactly one combination of each kind for everybody, and only such as the check named. */
function baggageRefusal({ passengers, baggage }: Body): string | null {
  for (const kind of ['hold_bag', 'hand_bag'] as const) {
    const own = baggage.filter((one) => one.combination['category'] === kind);
    for (const [index, { category }] of passengers.entries()) {
      const chosen = own.filter((one) => one.passengers.includes(index));
      if (chosen.length !== 1) return `baggage: one ${kind} combination for each passenger`;
      const offered = BAGGAGE.combinations[kind].some(
        (one) => one.conditions.passenger_groups.includes(category) && isDeepStrictEqual(one, chosen[0]?.combination),
      );
      if (!offered) return `baggage: no such ${kind} combination for ${category}`;
    }
  }
  const isKnown = ({ combination }: Bags): boolean =>
    ['hold_bag', 'hand_bag'].includes(String(combination['category']));
  return baggage.every(isKnown) ? null : 'baggage: unknown category';
}

function priceOfBags({ combination, passengers }: Bags): number {
  const { amount = 0 } = (combination['price'] ?? {}) as { amount?: number };
  return Math.round(amount * 100) * passengers.length;
}

function make({ ledger, accountId }: Asking, body: Body, session: Session, cents: number): Booking {
  const id = bookingNumber(ledger, accountId);
  const [first] = body.passengers;
  const sandbox = first?.name.toLowerCase() === 'test' && first.surname.toLowerCase() === 'test';
  return {
    account: accountId,
    id,
    transactionId: sandbox ? `sandbox_${id}` : ledger.derive(accountId, `transaction:${id}`).slice(0, 24),
    authToken: uuidOf(ledger, accountId, `auth:${id}`),
    cents,
    sandbox,
    flights: session.flights,
    passengers: session.adults + session.children,
    contactEmail: body.passengers.find((one) => one.email)?.email ?? '',
    savedAt: ledger.now(accountId).toISOString(),
    paidAt: null,
    carriers: null,
  };
}

function savedFields(booking: Booking, { passengers, baggage }: Body): object {
  return {
    booking_id: booking.id,
    transaction_id: booking.transactionId,
    auth_token: booking.authToken,
    sandbox: booking.sandbox,
    eur_payment_price: euro(booking.cents),
    promocode: { used: false, discount: 0 },
    zooz_token: null,
    passengers: passengers.map((one, index) => ({
      pk: booking.id * 10 + index,
      bid: booking.id,
      ...one,
      title: one.title?.toLowerCase() ?? null,
      nationality: one.nationality?.toLowerCase() ?? null,
    })),
    baggage,
  };
}
