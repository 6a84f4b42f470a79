import type { Clock } from './clock.ts';
import { AppError } from './errors.ts';
import type { FlightLeg, JsonValue, Occupancy, ProviderMode, ProviderSlug } from './integrations/travel.ts';
import type { Vault } from './vault.ts';

/** What a search found, as its id carries it: everything that booking needs, signed, for one tenant and a short time. */
export interface Offer {
  readonly v: 1;
  readonly kind: 'STAY' | 'FLIGHT';
  readonly tenantId: string;
  readonly providerSlug: ProviderSlug;
  readonly mode: ProviderMode;
  /** The provider client's own. */
  readonly token: JsonValue;
  readonly totalMinor: string;
  readonly currencyCode: string;
  readonly countryCode: string;
  readonly locale: string;
  /** Ties the booking to the search: providers and routing see the same key. */
  readonly requestKey: string;
  /** The search's decision. */
  readonly decisionId: string;
  readonly stay?: {
    readonly propertyId: string;
    readonly name: string;
    readonly checkIn: string;
    readonly checkOut: string;
    readonly occupancies: readonly Occupancy[];
  };
  readonly flight?: {
    readonly adults: number;
    readonly children: number;
    /** First and last, out and back: what a description shows. */
    readonly legs: readonly Pick<
      FlightLeg,
      'from' | 'to' | 'departureLocal' | 'arrivalLocal' | 'carrier' | 'flightNumber'
    >[];
  };
}

const PURPOSE = 'offer';
/** An offer the provider gives no end to is believed so long; its price is checked before anything is booked. */
const LIFE_MS = 30 * 60_000;

/** @returns the id, and when it ends */
export function signOffer(
  vault: Vault,
  clock: Clock,
  offer: Offer,
  providerExpiresAt: Date | null,
): { id: string; expiresAt: Date } {
  const latest = clock.now().getTime() + LIFE_MS;
  const expiresAt = new Date(Math.min(providerExpiresAt?.getTime() ?? latest, latest));
  return { id: vault.sign(PURPOSE, offer, expiresAt), expiresAt };
}

/**
 * @param kind of what it has to be; left out, of either @param field where the id stands
 * @throws OFFER_EXPIRED for one whose time is over, and for what is none of this tenant's: nothing more is told apart
 */
export function openOffer(
  vault: Vault,
  clock: Clock,
  of: { id: string; kind?: Offer['kind']; tenantId: string; field?: readonly string[] },
): Offer {
  const offer = verifyOffer(vault, clock, of.id);
  if (offer?.tenantId === of.tenantId && (of.kind === undefined || offer.kind === of.kind)) return offer;
  throw new AppError('OFFER_EXPIRED', 'This offer is not valid any more. Please search again.', {
    field: of.field ?? ['input', 'offerId'],
  });
}

/** Null for what is none of ours, or over. */
export function verifyOffer(vault: Vault, clock: Clock, id: string): Offer | null {
  const offer = vault.verify<Offer>(PURPOSE, id, clock.now());
  return offer?.v === 1 ? offer : null;
}
