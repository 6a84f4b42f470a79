import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { BOOKING } from '../../src/integrations/booking/description.ts';
import { simulateBooking } from '../../src/integrations/booking/simulator.ts';
import type { OutboundResponse, OutboundSend, Outcome } from '../../src/integrations/contract.ts';
import { startSimulatorServer } from '../../src/integrations/simulator/server.ts';
import type {
  BookInput,
  CheckedOffer,
  FoundStay,
  JsonValue,
  LodgingClient,
  ProviderCache,
  ProviderConnection,
  StayQuery,
  Traveller,
} from '../../src/integrations/travel.ts';
import type { FaultRule } from './simulators.ts';

/** The test vector of travel-providers.md 2.3. */
export const CREDENTIALS = { API_KEY: 'bk_test_8f1c2d3e4a5b', AFFILIATE_ID: '1234567' };
export const ACCOUNT = { apiKey: CREDENTIALS.API_KEY, affiliateId: CREDENTIALS.AFFILIATE_ID, callsPerMinute: 0 };
export const AMSTERDAM = 'city:-2140479';
export const ORION = '10507360';
export const CALL = { timeoutMs: 5_000 };

export interface BookOrder {
  readonly order: string;
  readonly reservation: string;
  readonly label: string | null;
  readonly status: string;
  readonly total: string;
  readonly currency: string;
  readonly timing: string;
  readonly method: string | null;
  readonly desk: string;
  readonly rooms: readonly {
    readonly product: string;
    readonly adults: number;
    readonly children: readonly number[];
  }[];
}

/** The simulated Demand API in this process, with a clock that can be turned. */
export async function startBooking(options: { readonly directory?: string; readonly now?: () => Date } = {}) {
  const directory = options.directory ?? fs.mkdtempSync(path.join(os.tmpdir(), 'booking-'));
  const server = await startSimulatorServer({
    simulators: { booking: simulateBooking },
    port: 0,
    directory,
    now: options.now ?? (() => new Date()),
  });
  const url = `http://127.0.0.1:${server.port}`;
  const control = async (method: string, address: string, body?: unknown): Promise<unknown> => {
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = await fetch(`${url}/_control${address}`, { method, ...sent });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`The simulator refused ${method} ${address}: ${text}`);
    return JSON.parse(text);
  };
  return {
    directory,
    baseUrl: `${url}${BOOKING.simulatorPath}`,
    register: async (settings: Readonly<Record<string, unknown>> = {}, account = 'shop') =>
      void (await control('PUT', `/booking/accounts/${account}`, { ...ACCOUNT, ...settings })),
    /** With a seed the account's books start empty; without one only the rules change. */
    scenario: async (rules: readonly FaultRule[], seed?: string, account = 'shop') =>
      void (await control('POST', '/scenario', { integration: 'booking', account, rules, ...(seed && { seed }) })),
    orders: async (account = 'shop') => {
      const answer = await control('GET', `/booking/book?account=${account}`);
      return (answer as { book: { orders: BookOrder[] } }).book.orders;
    },
    /** What the property's own people do to an order. */
    press: async (order: BookOrder, action: string) => {
      const headers = { 'content-type': 'application/json', accept: 'application/json' };
      const address = `${url}${new URL(order.desk).pathname}`;
      const answer = await fetch(address, { method: 'POST', headers, body: JSON.stringify({ action }) });
      return (await answer.json()) as { status: string };
    },
    /** A call by hand: path below the version. */
    post: async (address: string, body: unknown, headers: Readonly<Record<string, string | undefined>> = {}) => {
      const all: Record<string, string | undefined> = {
        authorization: `Bearer ${CREDENTIALS.API_KEY}`,
        'x-affiliate-id': CREDENTIALS.AFFILIATE_ID,
        'content-type': 'application/json',
        accept: 'application/json',
        ...headers,
      };
      const sent = Object.fromEntries(
        Object.entries(all).filter((one): one is [string, string] => one[1] !== undefined),
      );
      const answer = await fetch(`${url}/booking${address.startsWith('/3.') ? address : `/3.2${address}`}`, {
        method: 'POST',
        headers: sent,
        body: typeof body === 'string' ? body : JSON.stringify(body),
      });
      const text = await answer.text();
      return { status: answer.status, headers: answer.headers, text, value: parsed(text) };
    },
    stop: async (keep = false) => {
      await server.close();
      if (!keep) fs.rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** An answer by hand is looked into as it is. */
type Answer = any;

function parsed(text: string): Answer {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

export type Booking = Awaited<ReturnType<typeof startBooking>>;

/** Keeps what is done; the same key asked twice at once is asked once. */
export function cacheOf(): ProviderCache & { readonly keys: string[] } {
  const kept = new Map<string, unknown>();
  const flights = new Map<string, Promise<Outcome<unknown>>>();
  return {
    keys: [],
    async through<T>(_connection: ProviderConnection, operation: string, key: string, load: () => Promise<Outcome<T>>) {
      const place = `${operation} ${key}`;
      if (kept.has(place)) return { kind: 'done', value: kept.get(place) as T };
      this.keys.push(place);
      const flight = flights.get(place) ?? load().finally(() => flights.delete(place));
      flights.set(place, flight);
      const outcome = (await flight) as Outcome<T>;
      // As a store does: what comes back is a copy of its text.
      if (outcome.kind === 'done') kept.set(place, JSON.parse(JSON.stringify(outcome.value)));
      return outcome;
    },
  };
}

export interface ClientParts {
  readonly now?: () => Date;
  readonly cache?: ProviderCache;
}

export function clientOf(send: OutboundSend, parts: ClientParts = {}): LodgingClient {
  if (BOOKING.vertical !== 'LODGING') throw new Error('no lodging');
  return BOOKING.create({ send, clock: { now: parts.now ?? (() => new Date()) }, cache: parts.cache ?? cacheOf() });
}

export function connectionTo(baseUrl: string, changes: Partial<ProviderConnection> = {}): ProviderConnection {
  return { baseUrl, mode: 'SANDBOX', credentials: CREDENTIALS, settings: {}, ...changes };
}

export interface Asked {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
  readonly timeoutMs: number;
}

/** A vendor that answers what it is told to, in turn, the last one for ever; it remembers what it was asked. */
export function scripted(
  ...answers: (Partial<OutboundResponse> | Error)[]
): OutboundSend & { readonly asked: Asked[] } {
  const asked: Asked[] = [];
  const send: OutboundSend = async (request, call) => {
    asked.push({
      url: request.url,
      headers: request.headers ?? {},
      body: JSON.parse(request.body ?? 'null') as Asked['body'],
      timeoutMs: call.timeoutMs,
    });
    const answer = answers[Math.min(asked.length, answers.length) - 1]!;
    if (answer instanceof Error) throw answer;
    return { status: 200, headers: {}, body: '', ...answer };
  };
  return Object.assign(send, { asked });
}

export const answered = (body: unknown, status = 200): Partial<OutboundResponse> => ({
  status,
  body: typeof body === 'string' ? body : JSON.stringify(body),
});

export const refused = (status: number, id: string, message = 'It may not be.', more: object = {}) =>
  answered({ request_id: '01gw5aaj8dkh7fvgwa7phs916x', errors: [{ id, message, ...more }] }, status);

const DAY_MS = 86_400_000;

/** A day that many days from now. */
export function inDays(days: number, now = new Date()): string {
  return new Date(now.getTime() + days * DAY_MS).toISOString().slice(0, 10);
}

export const TRAVELLER: Traveller = {
  ip: '203.0.113.7',
  userAgent: 'Mozilla/5.0 (X11; Linux x86_64)',
  sessionId: 'session-1',
  locale: 'en',
  countryCode: 'NL',
};

export function query(changes: Partial<StayQuery> = {}): StayQuery {
  return {
    destination: AMSTERDAM,
    propertyIds: [],
    checkIn: inDays(60),
    checkOut: inDays(62),
    occupancies: [{ adults: 2, childAges: [] }],
    currencyCode: 'EUR',
    traveller: TRAVELLER,
    offersMax: 50,
    ...changes,
  };
}

export function bookInput(checked: CheckedOffer, changes: Partial<BookInput> = {}): BookInput {
  if (!('token' in checked)) throw new Error(`nothing to book: ${checked.state}`);
  return {
    reference: 'PTL-2J7K-0001',
    offer: checked.token,
    totalMinor: checked.totalMinor,
    currencyCode: checked.currencyCode,
    travellers: { guests: [{ givenName: 'Mona', familyName: 'Adel', room: 0 }] },
    contactEmail: 'mona@example.com',
    contactPhone: '+201012345678',
    specialRequests: null,
    traveller: TRAVELLER,
    hold: false,
    ...changes,
  };
}

/** What is done, or the test ends here. */
export function done<T>(outcome: Outcome<T>): T {
  if (outcome.kind !== 'done') {
    throw new Error(`${outcome.kind === 'notDone' ? outcome.reason : outcome.kind}: ${outcome.detail}`);
  }
  return outcome.value;
}

export function available(checked: CheckedOffer): Extract<CheckedOffer, { readonly token: JsonValue }> {
  if (!('token' in checked)) throw new Error(`the offer is ${checked.state}`);
  return checked;
}

export function offerOf(offers: readonly FoundStay[], property: string): FoundStay {
  const found = offers.find(({ propertyId }) => propertyId === property);
  if (!found) throw new Error(`${property} is not among ${offers.map(({ propertyId }) => propertyId).join(', ')}`);
  return found;
}

/** Bodies by hand, as the vendor's documents write them. */
export const BOOKER = { country: 'nl', platform: 'desktop' };
export const GUESTS = { number_of_adults: 2, number_of_rooms: 1 };
export const stayBody = (): Record<string, unknown> => ({
  booker: BOOKER,
  checkin: inDays(60),
  checkout: inDays(62),
  currency: 'EUR',
  guests: GUESTS,
});
export const PRODUCT = '1050736001_358188572_2_0_0';
export const previewBody = (changes: Record<string, unknown> = {}, more: Record<string, unknown> = {}) => ({
  currency: 'EUR',
  accommodation: {
    id: Number(ORION),
    booker: BOOKER,
    checkin: inDays(60),
    checkout: inDays(62),
    products: [{ id: PRODUCT, allocation: { number_of_adults: 2, children: [] } }],
    ...changes,
  },
  ...more,
});
export const orderBody = (token: string, changes: Record<string, unknown> = {}) => ({
  order_token: token,
  booker: {
    name: { first_name: 'Mona', last_name: 'Adel' },
    email: 'mona@example.com',
    telephone: '+201012345678',
    address: { country: 'eg' },
  },
  payment: { timing: 'pay_at_the_property' },
  accommodation: { label: 'PTL-1', products: [{ id: PRODUCT }] },
  ...changes,
});

export const errorOf = ({ status, value }: { status: number; value: unknown }) => [
  status,
  (value as { errors: { id: string }[] }).errors[0]!.id,
];
