import type { Clock } from '../clock.ts';
import type { Credentials, IncomingWebhook, OutboundCall, OutboundSend, Outcome, Recovery } from './contract.ts';

/**
 * Travel providers: what every client of one offers, whichever the vendor. Amounts are integers in the minor units of
 * their currency, dates are local calendar dates (YYYY-MM-DD), instants are Dates. What only the vendor understands
 * (tokens, links, ids of rates) travels in `token`: plain JSON that the client made and gets back unchanged.
 */

export type Vertical = 'LODGING' | 'FLIGHTS_BOOKING' | 'FLIGHTS_DISCOVERY';
export type ProviderSlug = 'expedia' | 'booking' | 'kiwi' | 'travelpayouts';
export type ProviderMode = 'SANDBOX' | 'PRODUCTION';

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** One provider as configured: the credentials are decrypted, the settings are the description's own, with defaults. */
export interface ProviderConnection {
  readonly baseUrl: string;
  readonly mode: ProviderMode;
  readonly credentials: Credentials;
  /** Facts the vendor's documents leave open, by the names of the description's `settings`. */
  readonly settings: Readonly<Record<string, string>>;
}

/** Who travels, as far as a vendor asks for it. Nothing of it is logged. */
export interface Traveller {
  /** The traveller's own address, never the server's; null where nobody knows it (a job). */
  readonly ip: string | null;
  readonly userAgent: string | null;
  /** Equal for all calls of one search and its booking. */
  readonly sessionId: string | null;
  readonly locale: string;
  /** Point of sale, ISO 3166-1 alpha-2, upper case. */
  readonly countryCode: string;
}

export interface Occupancy {
  readonly adults: number;
  readonly childAges: readonly number[];
}

export interface StayQuery {
  /** An IATA location code (`SEA`), or the vendor's own place as `region:178307`, `city:-2140479`; null with propertyIds. */
  readonly destination: string | null;
  /** The vendor's own ids. */
  readonly propertyIds: readonly string[];
  readonly checkIn: string;
  readonly checkOut: string;
  /** One for each room. */
  readonly occupancies: readonly Occupancy[];
  readonly currencyCode: string;
  readonly traveller: Traveller;
  /** The most offers the caller will look at. */
  readonly offersMax: number;
}

export interface FoundStay {
  readonly propertyId: string;
  readonly propertyName: string | null;
  readonly roomName: string;
  /** All rooms, all nights, taxes and what is paid at the property included. */
  readonly totalMinor: bigint;
  /** Of it, what the property takes itself, on the spot: never to be charged by us. Absent: nothing. */
  readonly payAtPropertyMinor?: bigint;
  readonly currencyCode: string;
  readonly refundable: boolean;
  readonly expiresAt: Date | null;
  readonly token: JsonValue;
}

export interface FlightQuery {
  /** IATA codes. */
  readonly from: string;
  readonly to: string;
  readonly departure: string;
  /** Null for one way. */
  readonly return: string | null;
  readonly adults: number;
  readonly children: number;
  readonly currencyCode: string;
  readonly traveller: Traveller;
  readonly offersMax: number;
}

export interface FlightLeg {
  readonly from: string;
  readonly to: string;
  /** Wall-clock times of the airports, YYYY-MM-DDTHH:MM; an instant only where the vendor gives one. */
  readonly departureLocal: string;
  /** Null where neither the vendor nor anything known of the airport tells it. */
  readonly arrivalLocal: string | null;
  readonly departureAt: Date | null;
  readonly arrivalAt: Date | null;
  readonly carrier: string;
  readonly flightNumber: string;
  readonly direction: 'OUTBOUND' | 'RETURN';
}

export interface FoundFlight {
  readonly legs: readonly FlightLeg[];
  readonly totalMinor: bigint;
  readonly currencyCode: string;
  readonly expiresAt: Date | null;
  /** Null where a link costs a call of its own, made when the customer clicks (`FlightDiscoveryClient.link`). */
  readonly deepLink: string | null;
  readonly token: JsonValue;
}

/** A search that ran out of time or of the vendor's patience says so; what it found until then stands. */
export interface Found<Offer> {
  readonly offers: readonly Offer[];
  readonly complete: boolean;
  readonly incompleteReason: string | null;
}

export interface CancellationFee {
  /** Cancelling from this instant on costs the fee; null: from now on. */
  readonly from: Date | null;
  readonly amountMinor: bigint;
  readonly currencyCode: string;
}

/** What the vendor says of an offer when asked again, just before it is booked. Never cached. */
export type CheckedOffer =
  | {
      readonly state: 'AVAILABLE' | 'PRICE_CHANGED';
      readonly totalMinor: bigint;
      /** As FoundStay's. */
      readonly payAtPropertyMinor?: bigint;
      readonly currencyCode: string;
      readonly refundable: boolean;
      /** Known fees, earliest first; null where the vendor does not say. */
      readonly cancellationFees: readonly CancellationFee[] | null;
      readonly expiresAt: Date | null;
      /** For `book`: may differ from the offer's. */
      readonly token: JsonValue;
    }
  | { readonly state: 'SOLD_OUT' | 'EXPIRED' };

export interface Guest {
  readonly givenName: string;
  readonly familyName: string;
  /** Index of the room, from 0. */
  readonly room: number;
}

export interface Passenger {
  readonly givenName: string;
  readonly familyName: string;
  /** YYYY-MM-DD. */
  readonly birthDate: string;
  readonly title: 'MR' | 'MS' | null;
  /** ISO 3166-1 alpha-2. */
  readonly nationality: string | null;
  readonly document: { readonly number: string; readonly expiresOn: string | null } | null;
}

export interface BookInput {
  /**
   * Ours, unique for each attempt, 3 to 28 letters, digits and dashes: sent along, so that a lost answer can be looked
   * up.
   */
  readonly reference: string;
  readonly offer: JsonValue;
  /** What the customer agreed to, with what is paid on the spot; the vendor must not ask for more. */
  readonly totalMinor: bigint;
  readonly currencyCode: string;
  readonly travellers: { readonly guests: readonly Guest[] } | { readonly passengers: readonly Passenger[] };
  readonly contactEmail: string;
  /** E.164. */
  readonly contactPhone: string | null;
  readonly specialRequests: string | null;
  readonly traveller: Traveller;
  /** True: reserve it without being charged, where `holds`; `confirm` follows when the customer has paid. */
  readonly hold: boolean;
}

/** Ids by which the vendor knows a booking. */
export interface ProviderBookingIds {
  /** What people quote to the vendor. */
  readonly providerReference: string;
  /** Whatever else later calls need (room ids, a second id); holds no personal data. */
  readonly keys: JsonValue;
}

export type BookResult =
  | (ProviderBookingIds & {
      /** HELD: reserved, lapses at `holdExpiresAt` (null: the vendor does not say). PENDING: taken, decided later. */
      readonly state: 'CONFIRMED' | 'HELD' | 'PENDING';
      readonly holdExpiresAt: Date | null;
    })
  /** The vendor certainly did not book. */
  | { readonly state: 'SOLD_OUT' | 'PRICE_CHANGED' | 'EXPIRED' };

export interface BookedInput {
  readonly reference: string;
  readonly contactEmail: string;
  /** Null where the answer of `book` was lost. */
  readonly ids: ProviderBookingIds | null;
  /** When `book` was called: searches by time start a little before. */
  readonly attemptedAt: Date;
  readonly traveller: Traveller;
}

export interface ProviderBookingState {
  /**
   * NOT_FOUND: the vendor holds nothing of it now; some show a new booking minutes late, so it is believed only when
   * `visibleAfterMs` have passed.
   */
  readonly state: 'CONFIRMED' | 'HELD' | 'PENDING' | 'CANCELLED' | 'FAILED' | 'COMPLETED' | 'NO_SHOW' | 'NOT_FOUND';
  readonly ids: ProviderBookingIds | null;
}

export interface CancelResult {
  /** REQUESTED: taken, ends by a look-up, a notification or a person. */
  readonly state: 'CANCELLED' | 'REQUESTED';
  /** What the vendor gives back, where it says so. */
  readonly refundMinor: bigint | null;
  readonly currencyCode: string | null;
}

/** A vendor's push: a reason to look, never a fact, unless the vendor can't be asked (`recovery: 'none'`). */
export interface ProviderNotice {
  /** Equal for deliveries of the same notice. */
  readonly eventId: string;
  readonly eventType: string;
  readonly providerReference: string | null;
  readonly reference: string | null;
  /** What it claims; null where it claims nothing about a booking's state. */
  readonly claims: ProviderBookingState['state'] | null;
}

export type NoticeReading =
  | { readonly verdict: 'OK'; readonly notice: ProviderNotice }
  | { readonly verdict: 'BAD_SIGNATURE' | 'MALFORMED'; readonly detail: string };

/** What every provider can: a cheap real call that proves the credentials (PRV-5). */
export interface ProbingClient {
  probe(connection: ProviderConnection, call: OutboundCall): Promise<Outcome<null>>;
}

/** What a provider that books can. `book` and `confirm` are never repeated by anybody without looking up first. */
export interface BookingClient extends ProbingClient {
  /** How a lost answer of `book` is recovered. */
  readonly recovery: Recovery;
  /** Whether it reserves before it is paid. */
  readonly holds: boolean;
  /** How long the vendor may hide a booking that it has made. */
  readonly visibleAfterMs: number;
  /** Asks for price and availability once more. Safe to repeat. */
  check(
    connection: ProviderConnection,
    offer: JsonValue,
    traveller: Traveller,
    call: OutboundCall,
  ): Promise<Outcome<CheckedOffer>>;
  book(connection: ProviderConnection, input: BookInput, call: OutboundCall): Promise<Outcome<BookResult>>;
  /** Turns a hold into a booking. `notDone` rejected: the hold is gone. */
  confirm(
    connection: ProviderConnection,
    booked: BookedInput & { readonly ids: ProviderBookingIds },
    call: OutboundCall,
  ): Promise<Outcome<BookResult>>;
  /** Safe to repeat. A vendor that can't be asked answers notDone `rejected`. */
  lookUp(
    connection: ProviderConnection,
    booked: BookedInput,
    call: OutboundCall,
  ): Promise<Outcome<ProviderBookingState>>;
  /** Ends a hold or a booking; of one already cancelled it says CANCELLED. Safe to repeat: it reads before it acts. */
  cancel(
    connection: ProviderConnection,
    booked: BookedInput & { readonly ids: ProviderBookingIds; readonly reason: string },
    call: OutboundCall,
  ): Promise<Outcome<CancelResult>>;
  /** Pure; absent where the vendor pushes nothing. Never throws. */
  readNotice?(connection: ProviderConnection, incoming: IncomingWebhook): NoticeReading;
}

export interface LodgingClient extends BookingClient {
  searchStays(connection: ProviderConnection, query: StayQuery, call: OutboundCall): Promise<Outcome<Found<FoundStay>>>;
}

export interface FlightBookingClient extends BookingClient {
  searchFlights(
    connection: ProviderConnection,
    query: FlightQuery,
    call: OutboundCall,
  ): Promise<Outcome<Found<FoundFlight>>>;
}

/** A provider that sells nothing itself: its customers are sent on by a link. */
export interface FlightDiscoveryClient extends ProbingClient {
  searchFlights(
    connection: ProviderConnection,
    query: FlightQuery,
    call: OutboundCall,
  ): Promise<Outcome<Found<FoundFlight>>>;
  /** The address to send the customer to. Called only when the customer clicks: vendors forbid fetching ahead. */
  link(
    connection: ProviderConnection,
    offer: JsonValue,
    traveller: Traveller,
    call: OutboundCall,
  ): Promise<Outcome<{ readonly url: string; readonly expiresAt: Date | null }>>;
}

/**
 * Remembers answers that may be remembered (PRV-14), per provider and account, for the time its cache policy allows the
 * operation. A client uses it for what the vendor wants kept (places, contents); whole searches are kept by the layer
 * above. Only `done` outcomes are kept; the same key asked twice at once is asked once.
 */
export interface ProviderCache {
  through<T>(
    connection: ProviderConnection,
    operation: string,
    key: string,
    load: () => Promise<Outcome<T>>,
  ): Promise<Outcome<T>>;
}

export interface ProviderClientOptions {
  readonly send: OutboundSend;
  readonly clock: Clock;
  readonly cache: ProviderCache;
}

export interface ProviderSetting {
  readonly name: string;
  readonly default: string;
  /** What it means, units included, and which open point of the vendor's documents it stands for. */
  readonly description: string;
}

/** What is known of a provider before anybody configured it: data only, plus the maker of its client. */
interface ProviderFacts {
  readonly slug: ProviderSlug;
  readonly name: string;
  /** In seeding (PRV-2): lower is asked first. */
  readonly priority: number;
  readonly credentials: readonly {
    readonly name: string;
    /** Imported by `providers seed` where set. */
    readonly environmentVariable: string;
    readonly required: boolean;
    /** False for ids that the vendor shows in public links. */
    readonly secret: boolean;
  }[];
  readonly settings: readonly ProviderSetting[];
  readonly baseUrls: { readonly SANDBOX: string; readonly PRODUCTION: string };
  /** The base URL's path on the simulators' server. */
  readonly simulatorPath: string;
  /** Seconds an answer may be kept, by operation; what is not named is never kept. */
  readonly cacheSeconds: Readonly<Record<string, number>>;
  /** Time limits by operation (search, check, book, confirm, lookUp, cancel, probe), milliseconds. */
  readonly timeoutsMs: Readonly<Record<string, number>>;
  /** Calls a minute we allow ourselves before the vendor says anything. */
  readonly callsPerMinute: number;
}

export type ProviderDescription = ProviderFacts &
  (
    | { readonly vertical: 'LODGING'; create(options: ProviderClientOptions): LodgingClient }
    | { readonly vertical: 'FLIGHTS_BOOKING'; create(options: ProviderClientOptions): FlightBookingClient }
    | { readonly vertical: 'FLIGHTS_DISCOVERY'; create(options: ProviderClientOptions): FlightDiscoveryClient }
  );
