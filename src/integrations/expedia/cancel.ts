import type { OutboundCall, Outcome } from '../contract.ts';
import { notDone, sharedBudget } from '../outcome.ts';
import type { CancelResult } from '../travel.ts';
import { ask, type ExpediaOptions } from './exchange.ts';
import { aboutOf, mayBeHidden, type Booked } from './hold.ts';
import { retrieve, type Asked } from './itinerary.ts';
import { isCancelled, isMethod, refundOf, stateOf } from './map.ts';
import { followed, type Profile } from './profile.ts';
import type { Itinerary, Link, Room } from './wire.ts';

/**
 * Ends a hold, or a booking room by room (travel-providers.md 1.11): reads first, sends one DELETE for each that stands,
 * and stops at the first that has no clear answer, because the whole can be repeated.
 */
export async function cancel(
  options: ExpediaOptions,
  profile: Profile,
  booked: Booked,
  call: OutboundCall,
): Promise<Outcome<CancelResult>> {
  const budget = sharedBudget(options.clock, call);
  const asked = (): Asked => ({ profile, traveller: booked.traveller, call: budget.next() });
  const shown = await retrieve(options, asked(), aboutOf(booked));
  if (shown.kind !== 'done') return shown;
  const itinerary = shown.value;
  if (itinerary === null || itinerary.rooms === null) {
    return mayBeHidden(booked, options.clock.now())
      ? notDone('unavailable', 'the vendor does not show the booking yet')
      : notDone('rejected', 'the vendor shows no such booking');
  }
  if (stateOf(itinerary) === 'CANCELLED') return ended('CANCELLED', null);
  const parts = partsOf(itinerary, itinerary.rooms);
  if (parts === null) return notDone('rejected', 'the vendor offers no way to cancel it');
  return endAll(options, asked, booked, parts);
}

/** What is ended by one DELETE: the hold as a whole, or each room that stands. */
interface Part {
  readonly link: Link;
  readonly room: Room | null;
}

function partsOf({ links }: Itinerary, rooms: readonly Room[]): readonly Part[] | null {
  if (links?.resume && links.cancel) return [{ link: links.cancel, room: null }];
  const parts = rooms.filter((room) => !isCancelled(room)).map((room) => ({ link: room.links?.cancel ?? null, room }));
  const isWhole = parts.every((part): part is Part & typeof part => part.link !== null);
  return isWhole ? parts : null;
}

/** `already`: the vendor says that it was cancelled before; `taken`: it does not know yet. */
type Ended = 'done' | 'taken' | 'already';

async function endAll(
  options: ExpediaOptions,
  asked: () => Asked,
  booked: Booked,
  parts: readonly Part[],
): Promise<Outcome<CancelResult>> {
  const ends: Ended[] = [];
  for (const { link } of parts) {
    const one = await end(options, asked(), link);
    if (one.kind !== 'done') return ends.length === 0 ? one : halfway(ends.length, parts.length, one);
    ends.push(one.value);
  }
  const rooms = parts.flatMap(({ room }) => room ?? []);
  const isCertain = ends.every((one) => one === 'done');
  if (isCertain) return ended('CANCELLED', refundOf(rooms));
  if (ends.includes('taken')) return ended('REQUESTED', refundOf(rooms));
  // What is said to be cancelled already is believed when it is shown so.
  const shown = await retrieve(options, asked(), aboutOf(booked));
  const isShown = shown.kind === 'done' && shown.value !== null && stateOf(shown.value) === 'CANCELLED';
  return ended(isShown ? 'CANCELLED' : 'REQUESTED', null);
}

/** Some rooms are cancelled and one is not: neither done nor not done, and to be looked at. */
function halfway(count: number, of: number, stopped: Exclude<Outcome<never>, { kind: 'done' }>): Outcome<never> {
  return { kind: 'unknown', detail: `${count} of ${of} rooms are cancelled, then: ${stopped.detail}` };
}

function end(options: ExpediaOptions, { profile, traveller, call }: Asked, link: Link): Promise<Outcome<Ended>> {
  const url = followed(profile, link.href);
  if (url === null) return Promise.resolve(notDone('rejected', "the booking's link leads to another host"));
  if (!isMethod(link, 'DELETE')) return Promise.resolve(notDone('rejected', "the booking's link does not cancel"));
  return ask<Ended>(options, {
    profile,
    call,
    traveller,
    method: 'DELETE',
    about: 'booking',
    url,
    tested: 'cancel',
    effect: true,
    read: ({ status }) => ({ kind: 'done', value: status === 202 ? 'taken' : 'done' }),
    refused: ({ types }) => (types.has('room_already_cancelled') ? { kind: 'done', value: 'already' } : null),
  });
}

function ended(state: CancelResult['state'], refund: ReturnType<typeof refundOf>): Outcome<CancelResult> {
  return {
    kind: 'done',
    value: { state, refundMinor: refund?.minor ?? null, currencyCode: refund?.currencyCode ?? null },
  };
}
