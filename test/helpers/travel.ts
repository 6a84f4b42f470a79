import { assertNoOpenTransaction } from '../../src/db.ts';
import type { Outcome } from '../../src/integrations/contract.ts';
import type {
  BookedInput,
  BookingClient,
  BookInput,
  BookResult,
  CancelResult,
  CheckedOffer,
  NoticeReading,
  ProbingClient,
  ProviderBookingState,
  ProviderDescription,
  ProviderMode,
  ProviderSlug,
} from '../../src/integrations/travel.ts';

/** One connection test, as the vendor met it. */
export interface Asked {
  readonly slug: string;
  readonly mode: ProviderMode;
  readonly baseUrl: string;
  readonly credentials: Readonly<Record<string, string>>;
}

type Credential = ProviderDescription['credentials'][number];

/** One booking in the vendor's books. */
export interface Sold {
  readonly reference: string;
  state: ProviderBookingState['state'];
}

/** What the vendor says next, by operation; what is not said here goes well. Called before anything has an effect. */
export interface Behaviour {
  holds: boolean;
  recovery: BookingClient['recovery'];
  checked: CheckedOffer;
  book: (input: BookInput) => Promise<Outcome<BookResult> | null> | Outcome<BookResult> | null;
  confirm: (input: BookedInput) => Promise<Outcome<BookResult> | null> | Outcome<BookResult> | null;
  cancel: (input: BookedInput) => Promise<Outcome<CancelResult> | null> | Outcome<CancelResult> | null;
  lookUp: (input: BookedInput) => Promise<Outcome<ProviderBookingState> | null> | Outcome<ProviderBookingState> | null;
}

const PRICE_MINOR = 20_000n;
const WELL: Behaviour = {
  holds: false,
  recovery: 'byReference',
  checked: {
    state: 'AVAILABLE',
    totalMinor: PRICE_MINOR,
    currencyCode: 'EGP',
    refundable: true,
    cancellationFees: null,
    expiresAt: null,
    token: 'checked',
  },
  book: () => null,
  confirm: () => null,
  cancel: () => null,
  lookUp: () => null,
};

const secret = (name: string, environmentVariable: string, required = true): Credential => ({
  name,
  environmentVariable,
  required,
  secret: true,
});

/**
 * Travel providers of nobody's, with the names, priorities and variables of PRV-2: for tests of how providers are configured. They
 * answer a connection test as a test says, remember who asked, and keep books of what they sold.
 */
export class TestVendor {
  readonly asked: Asked[] = [];
  /** Null: it would serve us; otherwise why it refuses the credentials. */
  answer: (asked: Asked) => Promise<string | null> | string | null = () => null;

  /** What was booked here, by our reference. */
  readonly sold = new Map<string, Sold>();
  behaviour: Behaviour = { ...WELL };
  /** How often it was asked to book, to confirm, to cancel, or what it knows. */
  calls = 0;

  /** From now on everything goes well but what is said. */
  behave(instead: Partial<Behaviour> = {}): void {
    this.behaviour = { ...WELL, ...instead };
  }

  readonly descriptions: readonly ProviderDescription[] = [
    this.#describe('expedia', 'LODGING', 10, [
      secret('API_KEY', 'EXPEDIA_API_KEY'),
      secret('SECRET', 'EXPEDIA_SECRET'),
    ]),
    this.#describe('booking', 'LODGING', 20, [
      secret('API_KEY', 'BOOKING_API_KEY'),
      secret('AFFILIATE', 'BOOKING_AFFILIATE', false),
    ]),
    this.#describe('kiwi', 'FLIGHTS_BOOKING', 10, [secret('API_KEY', 'KIWI_API_KEY')]),
    this.#describe('travelpayouts', 'FLIGHTS_DISCOVERY', 10, [
      secret('TOKEN', 'TRAVELPAYOUTS_TOKEN'),
      { ...secret('MARKER', 'TRAVELPAYOUTS_MARKER'), secret: false },
    ]),
  ];

  /** As the contract has it: called with getters, because a test may change its mind between two calls. */
  #bookings(): object {
    const there = (reference: string) => this.sold.get(reference);
    const idsOf = (reference: string) => ({ providerReference: `V-${reference}`, keys: { reference } });
    const done = <T>(value: T): Outcome<T> => ({ kind: 'done', value });
    const asked = async <I, T>(
      said: (input: I) => Promise<T | null> | T | null,
      input: I,
      usual: () => T,
    ): Promise<T> => {
      assertNoOpenTransaction();
      this.calls += 1;
      return (await said(input)) ?? usual();
    };
    const client: Omit<BookingClient, 'probe' | 'readNotice' | 'holds' | 'recovery'> = {
      visibleAfterMs: 0,
      check: async () => done(this.behaviour.checked),
      book: (_connection, input) =>
        asked(this.behaviour.book, input, () => {
          const state = input.hold ? 'HELD' : 'CONFIRMED';
          this.sold.set(input.reference, { reference: input.reference, state });
          return done({ ...idsOf(input.reference), state, holdExpiresAt: null });
        }),
      confirm: (_connection, input) =>
        asked(this.behaviour.confirm, input, () => {
          there(input.reference)!.state = 'CONFIRMED';
          return done({ ...idsOf(input.reference), state: 'CONFIRMED', holdExpiresAt: null });
        }),
      lookUp: (_connection, input) =>
        asked(this.behaviour.lookUp, input, () => {
          const state = there(input.reference)?.state ?? 'NOT_FOUND';
          return done({ state, ids: state === 'NOT_FOUND' ? null : idsOf(input.reference) });
        }),
      cancel: (_connection, input) =>
        asked(this.behaviour.cancel, input, () => {
          there(input.reference)!.state = 'CANCELLED';
          return done({ state: 'CANCELLED', refundMinor: null, currencyCode: null });
        }),
    };
    const readNotice = (_connection: unknown, { body }: { body: Uint8Array }): NoticeReading => ({
      verdict: 'OK',
      notice: JSON.parse(new TextDecoder().decode(body)),
    });
    return Object.defineProperties(client, {
      holds: { get: () => this.behaviour.holds },
      recovery: { get: () => this.behaviour.recovery },
      readNotice: { value: readNotice },
    });
  }

  #describe(
    slug: ProviderSlug,
    vertical: ProviderDescription['vertical'],
    priority: number,
    credentials: readonly Credential[],
  ): ProviderDescription {
    const probing: ProbingClient = {
      probe: async ({ mode, baseUrl, credentials: given }): Promise<Outcome<null>> => {
        // As the outbound module does before every request.
        assertNoOpenTransaction();
        const asked = { slug, mode, baseUrl, credentials: given };
        this.asked.push(asked);
        const detail = await this.answer(asked);
        return detail === null ? { kind: 'done', value: null } : { kind: 'notDone', reason: 'misconfigured', detail };
      },
    };
    const client = Object.assign(this.#bookings(), probing);
    return {
      slug,
      vertical,
      priority,
      credentials,
      name: `The ${slug} of the tests`,
      settings: [{ name: 'POINT_OF_SALE', default: 'US', description: 'ISO 3166-1 alpha-2' }],
      baseUrls: { SANDBOX: `https://sandbox.${slug}.example/v1`, PRODUCTION: `https://api.${slug}.example/v1` },
      simulatorPath: `/${slug}/v1`,
      cacheSeconds: { search: 60, content: 86_400 },
      timeoutsMs: {},
      callsPerMinute: 600,
      create: () => client as never,
    };
  }
}
