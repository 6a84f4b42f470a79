import { randomUUID } from 'node:crypto';
import { inspect } from 'node:util';
import { expect } from 'vitest';
import type { OutboundSend, Outcome } from '../../src/integrations/contract.ts';
import { EXPEDIA } from '../../src/integrations/expedia/description.ts';
import { simulateExpedia } from '../../src/integrations/expedia/simulator.ts';
import { createPolicy } from '../../src/integrations/policy.ts';
import type {
  BookInput,
  BookResult,
  BookedInput,
  CheckedOffer,
  FoundStay,
  LodgingClient,
  ProviderCache,
  ProviderConnection,
  StayQuery,
  Traveller,
} from '../../src/integrations/travel.ts';
import { startSandbox, type SandboxDelivery, type SandboxOptions } from './sandbox.ts';

/** Invented, as in travel-providers.md 1.3; the account of the tests at the simulated Rapid. */
export const KEYS = { apiKey: '4rgwtestapikey0example9x2', sharedSecret: 's3cr3tExample1' };
export const CREDENTIALS = {
  API_KEY: KEYS.apiKey,
  SECRET: KEYS.sharedSecret,
  NOTIFICATION_SECRET: 'canary-of-notifications-1',
};

export const TRAVELLER: Traveller = {
  ip: '203.0.113.7',
  userAgent: 'Mozilla/5.0 (test)',
  sessionId: 'session-1',
  locale: 'en',
  countryCode: 'US',
};

/** So many days from today, YYYY-MM-DD. */
export function day(ahead: number): string {
  return new Date(Date.now() + ahead * 86_400_000).toISOString().slice(0, 10);
}

export interface BookEntry {
  readonly itineraryId: string;
  readonly reference: string | null;
  readonly isStub: boolean;
  readonly isHeld: boolean;
  readonly property: string;
  readonly total: string;
  readonly currency: string;
  readonly rooms: readonly { readonly id: string; readonly occupancy: string; readonly status: string }[];
  readonly desk: string;
}

/** The simulated Rapid in this process. */
export async function startExpedia(options: SandboxOptions = {}) {
  const sandbox = await startSandbox('expedia', simulateExpedia, options);
  const origin = new URL(sandbox.baseUrl).origin;
  return {
    ...sandbox,
    /** The base URL of a connection. */
    apiUrl: `${sandbox.baseUrl}/v3`,
    register: (more: Record<string, unknown> = {}, account = 'shop') =>
      sandbox.register({ ...KEYS, retryDelaysMs: [20, 20], ...more }, account),
    /** Newest first. */
    bookings: async (account = 'shop'): Promise<{ bookings: BookEntry[]; deliveries: SandboxDelivery[] }> => {
      const answer = await fetch(`${origin}/_control/expedia/book?account=${account}`);
      const { book, deliveries } = (await answer.json()) as {
        book: { bookings: BookEntry[] };
        deliveries: SandboxDelivery[];
      };
      return { bookings: book.bookings, deliveries };
    },
    /** What the vendor's agents or the property do. */
    desk: (itineraryId: string, action: string) =>
      sandbox.press(`${sandbox.baseUrl}/desk/${itineraryId}`, action) as Promise<{ status: string; event: string }>,
  };
}

export type Expedia = Awaited<ReturnType<typeof startExpedia>>;

/** Remembers every answer for good, and asks for the same once. */
export function memoryCache(): ProviderCache & { readonly asked: string[] } {
  const kept = new Map<string, Promise<Outcome<unknown>>>();
  const asked: string[] = [];
  return {
    asked,
    through: async <T>(
      connection: ProviderConnection,
      operation: string,
      key: string,
      load: () => Promise<Outcome<T>>,
    ) => {
      const place = `${connection.baseUrl} ${operation} ${key}`;
      let found = kept.get(place) as Promise<Outcome<T>> | undefined;
      if (!found) {
        asked.push(`${operation} ${key}`);
        found = load();
        kept.set(place, found);
        found.then(
          (outcome) => outcome.kind !== 'done' && kept.delete(place),
          () => kept.delete(place),
        );
      }
      return found;
    },
  };
}

/** A client with rate limits, a cache and a clock of its own; `now` may be turned. */
export function expediaClient(
  send: OutboundSend,
  more: { readonly now?: () => Date; readonly cache?: ProviderCache } = {},
): LodgingClient {
  const clock = { now: more.now ?? (() => new Date()) };
  const policy = createPolicy({ integration: 'expedia', clock, random: () => 0.5 });
  if (EXPEDIA.vertical !== 'LODGING') throw new Error('Expedia sells stays.');
  return EXPEDIA.create({ send: policy.watch(send), clock, cache: more.cache ?? memoryCache() });
}

export function connectionTo(baseUrl: string, more: Partial<ProviderConnection> = {}): ProviderConnection {
  return { baseUrl, mode: 'SANDBOX', credentials: CREDENTIALS, settings: {}, ...more };
}

export function stayQuery(more: Partial<StayQuery> = {}): StayQuery {
  return {
    destination: 'SEA',
    propertyIds: [],
    checkIn: day(40),
    checkOut: day(42),
    occupancies: [{ adults: 2, childAges: [] }],
    currencyCode: 'USD',
    traveller: TRAVELLER,
    offersMax: 20,
    ...more,
  };
}

export type Checked = Extract<CheckedOffer, { totalMinor: bigint }>;

export function bookInput(checked: Checked, more: Partial<BookInput> = {}): BookInput {
  return {
    reference: `PT-${randomUUID().replaceAll('-', '').slice(0, 20)}`,
    offer: checked.token,
    totalMinor: checked.totalMinor,
    currencyCode: checked.currencyCode,
    travellers: { guests: [{ givenName: 'Ana', familyName: 'Silva', room: 0 }] },
    contactEmail: 'ana@example.com',
    contactPhone: '+12065550100',
    specialRequests: null,
    traveller: TRAVELLER,
    hold: false,
    ...more,
  };
}

export type Made = Extract<BookResult, { providerReference: string }>;

export function bookedInput<Ids extends BookedInput['ids']>(
  { reference, contactEmail, traveller }: BookInput,
  ids: Ids,
): BookedInput & { readonly ids: Ids } {
  return { reference, contactEmail, traveller, ids, attemptedAt: new Date() };
}

/** What a call must have brought; the test fails with its reason otherwise. */
export function done<T>(outcome: Outcome<T>): T {
  if (outcome.kind !== 'done') throw new Error(`expected done: ${JSON.stringify(outcome)}`);
  return outcome.value;
}

/** How a call ended: `done`, `unknown`, or the reason why not. */
export function endOf(outcome: Outcome<unknown>): string {
  return outcome.kind === 'notDone' ? outcome.reason : outcome.kind;
}

/** Neither a credential nor a signature. */
export function expectNoSecret(outcome: unknown): void {
  const said = inspect(outcome, { depth: null, maxStringLength: null });
  for (const secret of Object.values(CREDENTIALS)) expect(said).not.toContain(secret);
  expect(said).not.toMatch(/[0-9a-f]{64}/);
}

const CALL = { timeoutMs: 10_000 };

/** The steps before a booking, in one: the cheapest refundable offer, checked. */
export async function checkedOffer(
  client: LodgingClient,
  connection: ProviderConnection,
  query: Partial<StayQuery> = {},
): Promise<{ readonly offer: FoundStay; readonly checked: Checked }> {
  const { offers } = done(await client.searchStays(connection, stayQuery(query), CALL));
  const offer = offers.find((one) => one.refundable);
  if (!offer) throw new Error('nothing refundable was found');
  const checked = done(await client.check(connection, offer.token, TRAVELLER, CALL));
  if (!('token' in checked)) throw new Error(`expected an offer: ${checked.state}`);
  return { offer, checked };
}

/** A booking that the vendor took. */
export async function made(
  client: LodgingClient,
  connection: ProviderConnection,
  more: Partial<BookInput> = {},
  query: Partial<StayQuery> = {},
): Promise<{ readonly input: BookInput; readonly result: Made }> {
  const { checked } = await checkedOffer(client, connection, query);
  const input = bookInput(checked, more);
  const result = done(await client.book(connection, input, CALL));
  if (!('providerReference' in result)) throw new Error(`expected a booking: ${result.state}`);
  return { input, result };
}
