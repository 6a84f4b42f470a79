import type { App } from '../context.ts';
import type { BookingModel } from '../generated/prisma/models.ts';
import type { OutboundCall, Outcome } from '../integrations/contract.ts';
import type {
  BookedInput,
  BookingClient,
  BookInput,
  BookResult,
  CancelResult,
  CheckedOffer,
  Guest,
  JsonValue,
  Passenger,
  ProviderBookingIds,
  ProviderBookingState,
  ProviderConnection,
  Traveller,
} from '../integrations/travel.ts';

/** Calls about one booking: what the provider is told stands in its row, so that any process can make them. */
export type Calling = Pick<App, 'clock' | 'providers'>;

/** `offer` of a booking's row. */
export interface KeptOffer {
  /** As the search found it: it can be checked again. */
  readonly found: JsonValue;
  /** As the last check gave it: it can be booked. */
  readonly checked: JsonValue;
  readonly checkedUntil: string | null;
  /** The whole price, with what is paid on the spot: what the provider must not exceed. */
  readonly totalMinor: string;
}

/** `contact` of a booking's row: personal data, which erasure takes away. */
export interface KeptContact {
  readonly email: string;
  readonly phone: string | null;
  readonly traveller: Traveller;
  readonly passengers: readonly Passenger[] | null;
}

export type ProviderBooking = Pick<
  BookingModel,
  | 'tenantId'
  | 'kind'
  | 'providerSlug'
  | 'providerMode'
  | 'providerReference'
  | 'providerKeys'
  | 'attemptReference'
  | 'attemptedAt'
  | 'offer'
  | 'contact'
  | 'guests'
  | 'amountMinor'
  | 'currencyCode'
  | 'specialRequests'
  | 'cancelReason'
>;

/** Vendors answer bookings within 90 seconds, or never (travel-providers.md 1.9). */
export const BOOK_LIMIT_MS = 90_000;
const LOOK_LIMIT_MS = 20_000;

export function bookThere(app: Calling, booking: ProviderBooking, hold: boolean): Promise<Outcome<BookResult>> {
  const input = bookInputOf(booking, hold);
  return about(app, booking, { operation: 'book', safe: false, limitMs: BOOK_LIMIT_MS }, (client, connection, call) =>
    client.book(connection, input, call),
  );
}

export function confirmThere(app: Calling, booking: ProviderBooking): Promise<Outcome<BookResult>> {
  const input = { ...bookedInputOf(booking), ids: idsOf(booking)! };
  return about(
    app,
    booking,
    { operation: 'confirm', safe: false, limitMs: BOOK_LIMIT_MS },
    (client, connection, call) => client.confirm(connection, input, call),
  );
}

/** A cancellation reads before it acts, so it may be repeated; the policy does not, because it is slow. */
export function cancelThere(app: Calling, booking: ProviderBooking): Promise<Outcome<CancelResult>> {
  const reason = booking.cancelReason ?? 'Cancelled by the customer';
  const input = { ...bookedInputOf(booking), ids: idsOf(booking)!, reason };
  return about(app, booking, { operation: 'cancel', safe: false, limitMs: BOOK_LIMIT_MS }, (client, connection, call) =>
    client.cancel(connection, input, call),
  );
}

export interface LookedUp {
  readonly said: Outcome<ProviderBookingState>;
  /** How long the provider may hide a new booking. */
  readonly visibleAfterMs: number;
  /** False: it can't be asked about bookings at all. */
  readonly canBeAsked: boolean;
}

export async function lookUpThere(app: Calling, booking: ProviderBooking): Promise<LookedUp> {
  const facts = { visibleAfterMs: 0, canBeAsked: true };
  const said = await about(
    app,
    booking,
    { operation: 'lookUp', safe: true, limitMs: LOOK_LIMIT_MS },
    (client, connection, call) => {
      facts.visibleAfterMs = client.visibleAfterMs;
      facts.canBeAsked = client.recovery !== 'none';
      return client.lookUp(connection, bookedInputOf(booking), call);
    },
  );
  return { said, ...facts };
}

export function checkThere(app: Calling, booking: ProviderBooking): Promise<Outcome<CheckedOffer>> {
  const { found } = booking.offer as unknown as KeptOffer;
  return about(app, booking, { operation: 'check', safe: true, limitMs: LOOK_LIMIT_MS }, (client, connection, call) =>
    client.check(connection, found, contactOf(booking).traveller, call),
  );
}

function about<T>(
  app: Calling,
  booking: ProviderBooking,
  { operation, safe, limitMs }: { operation: string; safe: boolean; limitMs: number },
  work: (client: BookingClient, connection: ProviderConnection, call: OutboundCall) => Promise<Outcome<T>>,
): Promise<Outcome<T>> {
  const call = {
    slug: booking.providerSlug!,
    tenantId: booking.tenantId,
    operation,
    safe,
    deadlineAtMs: app.clock.now().getTime() + limitMs,
    mode: booking.providerMode!,
  };
  return app.providers.call(booking.kind === 'STAY' ? 'LODGING' : 'FLIGHTS_BOOKING', call, work);
}

export function contactOf(booking: Pick<ProviderBooking, 'contact'>): KeptContact {
  return booking.contact as unknown as KeptContact;
}

function idsOf(booking: ProviderBooking): ProviderBookingIds | null {
  const { providerReference, providerKeys } = booking;
  return providerReference === null ? null : { providerReference, keys: providerKeys as JsonValue };
}

function bookedInputOf(booking: ProviderBooking): BookedInput {
  const { email, traveller } = contactOf(booking);
  return {
    reference: booking.attemptReference!,
    contactEmail: email,
    ids: idsOf(booking),
    attemptedAt: booking.attemptedAt!,
    traveller,
  };
}

function bookInputOf(booking: ProviderBooking, hold: boolean): BookInput {
  const { email, phone, traveller, passengers } = contactOf(booking);
  const guests = booking.guests as unknown as (Omit<Guest, 'room'> & { room: number | null })[];
  return {
    reference: booking.attemptReference!,
    offer: (booking.offer as unknown as KeptOffer).checked,
    totalMinor: BigInt((booking.offer as unknown as KeptOffer).totalMinor),
    currencyCode: booking.currencyCode,
    travellers: passengers ? { passengers } : { guests: guests.map((guest) => ({ ...guest, room: guest.room ?? 0 })) },
    contactEmail: email,
    contactPhone: phone,
    specialRequests: booking.specialRequests,
    traveller,
    hold,
  };
}
