import type { OutboundCall, Outcome } from '../contract.ts';
import { notDone } from '../outcome.ts';
import type { BookedInput, ProviderBookingState, Traveller } from '../travel.ts';
import { answerOf, ask, type ExpediaOptions } from './exchange.ts';
import { stateOf } from './map.ts';
import type { Profile } from './profile.ts';
import { readKeys } from './token.ts';
import { Itineraries, Itinerary } from './wire.ts';

/**
 * A new booking may be hidden for some minutes (travel-providers.md 1.11), and a booking call may go on inside the
 * vendor for two more (1.9). Believing too early that there is none books twice; believing late costs a wait.
 */
export const VISIBLE_AFTER_MS = 10 * 60_000;

/** Where, whose, and how long it may take. */
export interface Asked {
  readonly profile: Profile;
  readonly traveller: Traveller;
  readonly call: OutboundCall;
}

/** The booking as the vendor shows it; null where it shows none. */
export function retrieve(
  options: ExpediaOptions,
  { profile, traveller, call }: Asked,
  booked: Pick<BookedInput, 'reference' | 'contactEmail'> & { readonly providerReference: string },
): Promise<Outcome<Itinerary | null>> {
  const { providerReference: id, contactEmail: email, reference } = booked;
  return ask<Itinerary | null>(options, {
    profile,
    call,
    traveller,
    method: 'GET',
    about: 'booking',
    url: `${profile.base}/itineraries/${encodeURIComponent(id)}?${new URLSearchParams({ email })}`,
    tested: 'retrieve',
    effect: false,
    read: (response) => {
      const itinerary = answerOf(Itinerary, response);
      if (itinerary === null) return null;
      const isOurs = isOf(itinerary, reference) && itinerary.itinerary_id === id;
      return isOurs
        ? { kind: 'done', value: itinerary }
        : notDone('unavailable', 'the answer is about another booking');
    },
    refused: ({ types }) => (types.has('resource_not_found') ? { kind: 'done', value: null } : null),
  });
}

/** The booking with our reference; null where the vendor shows none. */
function find(
  options: ExpediaOptions,
  { profile, traveller, call }: Asked,
  { reference, contactEmail: email }: Pick<BookedInput, 'reference' | 'contactEmail'>,
): Promise<Outcome<Itinerary | null>> {
  const query = new URLSearchParams({ affiliate_reference_id: reference, email });
  return ask<Itinerary | null>(options, {
    profile,
    call,
    traveller,
    method: 'GET',
    about: 'booking',
    url: `${profile.base}/itineraries?${query}`,
    tested: 'retrieve',
    effect: false,
    read: (response) => {
      const itineraries = answerOf(Itineraries, response);
      if (itineraries === null) return null;
      const ours = itineraries.filter((one) => isOf(one, reference));
      if (ours.length < itineraries.length) return notDone('unavailable', 'the answer is about another booking');
      // One reference makes one booking; should there be several, the one that stands is told.
      const standing = ours.find((one) => stateOf(one) !== 'CANCELLED');
      return { kind: 'done', value: standing ?? ours[0] ?? null };
    },
    refused: ({ types }) => (types.has('resource_not_found') ? { kind: 'done', value: null } : null),
  });
}

/** A booking that is hidden yet names no reference. */
function isOf({ affiliate_reference_id: theirs }: Itinerary, reference: string): boolean {
  return theirs === null || theirs === reference;
}

export async function lookUp(
  options: ExpediaOptions,
  asked: Asked,
  booked: BookedInput,
): Promise<Outcome<ProviderBookingState>> {
  const known = booked.ids && { providerReference: booked.ids.providerReference, keys: booked.ids.keys };
  const found = known
    ? await retrieve(options, asked, { ...booked, providerReference: known.providerReference })
    : await find(options, asked, booked);
  if (found.kind !== 'done') return found;
  if (found.value === null) return { kind: 'done', value: { state: 'NOT_FOUND', ids: known } };
  return { kind: 'done', value: { state: stateOf(found.value), ids: known ?? idsOf(found.value) } };
}

/** A hold's links are kept: it may not be shown when they are needed. */
export function idsOf(itinerary: Pick<Itinerary, 'itinerary_id' | 'links'>): ProviderBookingIdsOf {
  const links = itinerary.links;
  const keys = { resume: links?.resume?.href ?? null, cancel: links?.cancel?.href ?? null };
  return { providerReference: itinerary.itinerary_id, keys: keys.resume === null ? null : readKeys(keys) };
}

type ProviderBookingIdsOf = NonNullable<ProviderBookingState['ids']>;
