import type { ClientFacts } from '../context.ts';
import { invalidInput } from '../errors.ts';
import type { Guest, Traveller } from '../integrations/travel.ts';
import type { Offer } from '../offers.ts';

const NAME_MAX = 60;
const GUESTS_MAX = 60;
// Letters of any script with what names are written with; no markup, digits or control characters.
const NAME = /^[\p{L}\p{M}][\p{L}\p{M}'’.\- ]*$/u;

/** @throws INVALID_INPUT */
export function requireName(name: string, field: readonly string[]): void {
  if (name.length > NAME_MAX || !NAME.test(name))
    throw invalidInput(`A name has 1 to ${NAME_MAX} letters, as in the traveller's document.`, field);
}

/** Whoever stays; each room has somebody. Without a room given, guests are put into the rooms in order. @throws INVALID_INPUT */
export function guestsOf(
  guests: readonly { givenName: string; familyName: string; room?: number | null }[],
  rooms: number,
  field: readonly string[],
): Guest[] {
  if (guests.length < rooms || guests.length > GUESTS_MAX)
    throw invalidInput('Name at least one guest for each room.', field);
  const placed = guests.map(({ givenName, familyName, room }, index) => {
    requireName(givenName, [...field, String(index), 'givenName']);
    requireName(familyName, [...field, String(index), 'familyName']);
    return { givenName, familyName, room: room ?? Math.min(index, rooms - 1) };
  });
  for (let room = 0; room < rooms; room += 1)
    if (!placed.some((guest) => guest.room === room)) throw invalidInput(`Nobody is named for room ${room}.`, field);
  if (placed.some(({ room }) => room < 0 || room >= rooms)) throw invalidInput('There is no such room.', field);
  return placed;
}

/** @throws INVALID_INPUT */
export function requireContact({ contactEmail }: { contactEmail: string }): void {
  if (contactEmail.length > 254)
    throw invalidInput('An address has at most 254 characters.', ['input', 'contactEmail']);
}

/** Who travels, as the search knew them. */
export function travellerOf({ requestKey, locale, countryCode }: Offer, client: ClientFacts): Traveller {
  return {
    ip: client.address,
    userAgent: client.userAgent,
    sessionId: requestKey,
    locale,
    countryCode,
  };
}
