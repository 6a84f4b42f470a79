import type { OutboundSend } from '../../src/integrations/contract.ts';
import { createKiwiClient, type KiwiClientOptions } from '../../src/integrations/kiwi/client.ts';
import { simulateKiwi } from '../../src/integrations/kiwi/simulator.ts';
import type {
  BookInput,
  FlightBookingClient,
  FlightQuery,
  Passenger,
  ProviderConnection,
  Traveller,
} from '../../src/integrations/travel.ts';
import { startSandbox, type SandboxOptions } from './sandbox.ts';

/** The key of the test vector (travel-providers.md 3.3). */
export const API_KEY = 'kw_test_0123456789abcdef';
export const WEBHOOK_SECRET = 'hook secret/ä&=?';

export const TRAVELLER: Traveller = {
  ip: '203.0.113.7',
  userAgent: 'Test/1',
  sessionId: 'session-1',
  locale: 'en',
  countryCode: 'CZ',
};

/** Nobody waits in a test: a check polls at once. */
export const SETTINGS = { POLL_MS: '0' };

export function connectionTo(baseUrl: string, changes: Partial<ProviderConnection> = {}): ProviderConnection {
  return { baseUrl, mode: 'SANDBOX', credentials: { API_KEY, WEBHOOK_SECRET }, settings: SETTINGS, ...changes };
}

export function kiwiClient(send: OutboundSend, more: Partial<KiwiClientOptions> = {}): FlightBookingClient {
  return createKiwiClient({ send, clock: { now: () => new Date() }, ...more });
}

export function kiwiQuery(changes: Partial<FlightQuery> = {}): FlightQuery {
  return {
    from: 'PRG',
    to: 'LIS',
    departure: '2030-03-14',
    return: null,
    adults: 1,
    children: 0,
    currencyCode: 'EUR',
    traveller: TRAVELLER,
    offersMax: 50,
    ...changes,
  };
}

export const TEST_TEST: Passenger = {
  givenName: 'Test',
  familyName: 'Test',
  birthDate: '1990-01-01',
  title: 'MR',
  nationality: 'CZ',
  document: { number: '12345', expiresOn: '2034-05-06' },
};

export const CHILD: Passenger = {
  givenName: 'Zoë',
  familyName: 'Nováková',
  birthDate: '2021-03-15',
  title: 'MS',
  nationality: null,
  document: null,
};

export function bookInput(
  checked: { readonly token: BookInput['offer']; readonly totalMinor: bigint; readonly currencyCode: string },
  changes: Partial<BookInput> = {},
): BookInput {
  return {
    reference: 'PTL-0001-1',
    offer: checked.token,
    totalMinor: checked.totalMinor,
    currencyCode: checked.currencyCode,
    travellers: { passengers: [TEST_TEST] },
    contactEmail: 'asha@example.com',
    contactPhone: '+420123456789',
    specialRequests: null,
    traveller: TRAVELLER,
    hold: true,
    ...changes,
  };
}

export interface BookEntry {
  readonly bookingId: number;
  readonly state: string;
  readonly sandbox: boolean;
  readonly totalEuro: number;
  readonly isPaid: boolean;
  readonly passengers: number;
  readonly flights: readonly string[];
}

/** The simulated Kiwi.com in this process. */
export async function startKiwi(options: SandboxOptions = {}) {
  const sandbox = await startSandbox('kiwi', simulateKiwi, options);
  return {
    ...sandbox,
    register: (more: Record<string, unknown> = {}, account = 'shop') =>
      sandbox.register({ apiKey: API_KEY, retryDelaysMs: [20, 20], carrierDelayMs: 0, ...more }, account),
    book: async (account = 'shop') => {
      const url = `${sandbox.baseUrl.replace(/\/kiwi$/, '')}/_control/kiwi/book?account=${account}`;
      const answer = (await (await fetch(url)).json()) as {
        book: { bookings: BookEntry[] };
        deliveries: { about: string; hook: string; state: string; tries: number }[];
      };
      return { bookings: answer.book.bookings, deliveries: answer.deliveries };
    },
    /** What the vendor's people do later. */
    backoffice: async (bookingId: string, action: string) =>
      sandbox.press(`${sandbox.baseUrl}/backoffice/${bookingId}`, action) as Promise<{ state: string }>,
  };
}
