import { json } from '../simulator/answer.ts';
import type { Fault } from '../simulator/scenario.ts';
import type { SimulatorAnswer } from '../simulator/types.ts';
import { badRequest, euro, expiredToken, inCurrency, isSold, uuidOf } from './simulator-answers.ts';
import { flightByName, localTime, type Flight } from './simulator-flights.ts';
import type { Ledger, Session } from './simulator-model.ts';
import { priceOf, readToken, segment, type Asking, type Told } from './simulator-search.ts';

/** /v2/booking/check_flights: a session verifies its flights with the suppliers while it is polled (travel-providers.md 3.4). */

interface Party {
  readonly adults: number;
  readonly children: number;
  readonly infants: number;
}

export function checkFlights(asking: Asking, fault: Fault | null): SimulatorAnswer {
  const { ledger, accountId, account, query } = asking;
  const party = readParty(query);
  if (typeof party === 'string') return badRequest(party);
  const currency = query.get('currency') ?? 'EUR';
  if (!isSold(currency)) return badRequest('currency: unsupported currency');
  const written = query.get('booking_token') ?? '';
  const told = readToken(ledger, accountId, written);
  if (told === null) return badRequest('booking_token: malformed');
  const sessionId = query.get('session_id');
  const open = sessionId === null ? null : ledger.session(accountId, sessionId);
  const isOther = open?.token !== written || open.adults !== party.adults || open.children !== party.children;
  if (sessionId !== null && isOther) return badRequest('session_id: unknown session');
  if (told.suffix === '.expired' || isOld(asking, open?.startedAt ?? new Date(told.issuedAt).toISOString())) {
    return expiredToken(account);
  }
  const before = open ?? begin(asking, told, written, party);
  const session = polled(asking, before, told.suffix, fault);
  ledger.saveSession(session);
  const shown = fault?.fault === 'wrongAmount' ? { ...session, cents: session.cents + 100 } : session;
  const isChecked = session.polls > session.pollsNeeded;
  const conversionIn = fault?.fault === 'wrongCurrency' ? otherCurrency(currency) : currency;
  return json(200, {
    ...checkFields(ledger, shown, isChecked),
    price_change: isChecked && session.cents !== session.originalCents,
    conversion: conversionOf(ledger, shown, conversionIn),
    pnum: party.adults + party.children + party.infants,
  });
}

/** @returns the first complaint */
function readParty(query: URLSearchParams): Party | string {
  const missing = ['booking_token', 'bnum', 'adults', 'children', 'infants'].find((name) => !query.get(name));
  if (missing) return `${missing}: missing required parameter`;
  const wrong = ['bnum', 'adults', 'children', 'infants'].find((name) => !/^\d{1,2}$/.test(query.get(name) ?? ''));
  if (wrong) return `${wrong}: not a number`;
  const [adults = 0, children = 0, infants = 0] = ['adults', 'children', 'infants'].map((name) =>
    Number(query.get(name)),
  );
  return adults < 1 || adults + children + infants > 9
    ? 'adults: the sum of passengers must be at most 9'
    : { adults, children, infants };
}

function otherCurrency(code: string): string {
  return code === 'USD' ? 'GBP' : 'USD';
}

/** A token is good from the search to the check, a session as long again. */
export function isOld(
  { ledger, accountId, account }: Pick<Asking, 'ledger' | 'accountId' | 'account'>,
  since: string,
): boolean {
  return ledger.now(accountId).getTime() - Date.parse(since) > account.offerMinutes * 60_000;
}

function begin({ ledger, accountId, account }: Asking, told: Told, token: string, party: Party): Session {
  const id = uuidOf(ledger, accountId, `session:${ledger.next(accountId, 'sessions')}`);
  const originalCents = priceOf(told.flights, party);
  const [first] = told.flights;
  return {
    id,
    account: accountId,
    token,
    startedAt: ledger.now(accountId).toISOString(),
    ...party,
    polls: 0,
    pollsNeeded: account.polls ?? 1 + Math.floor(ledger.draw(accountId, `polls:${id}`) * 2),
    originalCents,
    cents: changed(originalCents, account.checkChange),
    flights: told.flights.map(({ name }) => name),
    departure: first ? localTime(first.from.timeZone, first.departure).slice(0, 10) : '',
    isSoldOut: account.soldOutAt === 'check',
  };
}

/** By so many hundredths; a cent at least where it changes. */
export function changed(cents: number, hundredths: number): number {
  if (hundredths === 0) return cents;
  const difference = Math.round((cents * hundredths) / 100);
  return cents + (difference === 0 ? Math.sign(hundredths) : difference);
}

const FAULT_CHANGE = 10;
/** More than anybody waits for. */
const SLOW_POLLS = 10_000;

function polled({ ledger, accountId }: Asking, session: Session, suffix: string, fault: Fault | null): Session {
  const isDearer =
    (suffix === '.pricechange' || fault?.fault === 'priceChanged') && session.cents === session.originalCents;
  const seats = session.adults + session.children;
  const isGone = session.flights.some((name) => ledger.seatsLeft(accountId, name) < seats);
  return {
    ...session,
    polls: session.polls + 1,
    pollsNeeded: suffix === '.slow' ? SLOW_POLLS : session.pollsNeeded,
    cents: isDearer ? changed(session.cents, FAULT_CHANGE) : session.cents,
    isSoldOut: session.isSoldOut || isGone || suffix === '.invalid' || fault?.fault === 'soldOut',
  };
}

/** What check and save have in common; everything in euro. */
export function checkFields(ledger: Ledger, session: Session, isChecked: boolean): object {
  const { account, originalCents, cents } = session;
  const flights = flightsOf(ledger, session);
  const nobody = { adults: 0, children: 0, infants: 0 };
  return {
    session_id: session.id,
    booking_token: session.token,
    flights_checked: isChecked,
    flights_to_check: !isChecked,
    flights_real_checked: isChecked,
    flights_invalid: session.isSoldOut,
    total: euro(cents),
    orig_price: euro(originalCents),
    orig_price_usage: false,
    tickets_price: euro(cents),
    flights_price: euro(cents),
    eur_payment_price: euro(cents),
    ...{ book_fee: 0, extra_fee: 0, sp_fee: 0, credits_price: 0 },
    adults_price: euro(priceOf(flights, { ...nobody, adults: session.adults })),
    children_price: euro(priceOf(flights, { ...nobody, children: session.children })),
    infants_price: euro(priceOf(flights, { ...nobody, infants: session.infants })),
    currency: 'EUR',
    bags_price: { 1: euro(BAG_CENTS) },
    baggage: BAGGAGE,
    document_options: {
      document_need: ledger.account(account)?.documentNeed ?? 0,
      checkin_date: Math.floor((flights[0]?.departure.getTime() ?? 0) / 1_000) - 172_800,
      airport_checkin_price: 55,
    },
    age_category_thresholds: THRESHOLDS,
    max_passengers: 9,
    flights: flights.map((flight) => segment(flight, 0)),
    route: flights.map((flight) => `${flight.from.code}-${flight.to.code}`),
    transfers: [],
    server_time: Math.floor(ledger.now(account).getTime() / 1_000),
  };
}

function flightsOf(ledger: Ledger, { account, flights }: Session): Flight[] {
  return flights.flatMap((name) => flightByName(ledger, account, name) ?? []);
}

function conversionOf(ledger: Ledger, session: Session, currency: string): object {
  const flights = flightsOf(ledger, session);
  const nobody = { adults: 0, children: 0, infants: 0 };
  return {
    currency,
    amount: inCurrency(session.cents, currency),
    adults_price: inCurrency(priceOf(flights, { ...nobody, adults: session.adults }), currency),
    children_price: inCurrency(priceOf(flights, { ...nobody, children: session.children }), currency),
    infants_price: inCurrency(priceOf(flights, { ...nobody, infants: session.infants }), currency),
    bags_price: { 1: inCurrency(BAG_CENTS, currency) },
  };
}

export const THRESHOLDS = { adult: 12, child: 2 };

const BAG_CENTS = 3_850;

const price = (amount: number): object => ({
  currency: 'EUR',
  amount,
  base: amount === 0 ? 0 : amount - 6.5,
  service: 0,
  service_flat: amount === 0 ? 0 : 6.5,
  merchant: 0,
});

const SEATED = { passenger_groups: ['adult', 'child'] };
const LAP = { passenger_groups: ['infant'] };

export const BAGGAGE = {
  definitions: {
    hold_bag: [
      {
        category: 'hold_bag',
        is_hold: true,
        price: price(38.5),
        restrictions: { weight: 20, length: 78, height: 52, width: 28, dimensions_sum: 158 },
        conditions: SEATED,
      },
    ],
    hand_bag: [
      {
        category: 'personal_item',
        is_hold: false,
        price: price(0),
        restrictions: { weight: 5, length: 40, height: 30, width: 20, dimensions_sum: 90 },
        conditions: SEATED,
      },
    ],
  },
  combinations: {
    hold_bag: [
      { indices: [0], category: 'hold_bag', conditions: SEATED, price: price(38.5) },
      { indices: [], category: 'hold_bag', conditions: SEATED, price: price(0) },
      { indices: [], category: 'hold_bag', conditions: LAP, price: price(0) },
    ],
    hand_bag: [
      { indices: [0], category: 'hand_bag', conditions: SEATED, price: price(0) },
      { indices: [], category: 'hand_bag', conditions: SEATED, price: price(0) },
      { indices: [], category: 'hand_bag', conditions: LAP, price: price(0) },
    ],
  },
  notices: {},
};
