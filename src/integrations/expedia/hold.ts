import type { OutboundCall, Outcome } from '../contract.ts';
import { notDone, sharedBudget } from '../outcome.ts';
import type { BookResult, BookedInput, ProviderBookingIds } from '../travel.ts';
import { settled } from './book.ts';
import { ask, sentenceOf, type ExpediaOptions, type Refusal } from './exchange.ts';
import { VISIBLE_AFTER_MS, retrieve, type Asked } from './itinerary.ts';
import { isMethod, stateOf } from './map.ts';
import { followed, type Profile } from './profile.ts';
import { readKeys } from './token.ts';
import type { Itinerary } from './wire.ts';

export type Booked = BookedInput & { readonly ids: ProviderBookingIds };

/**
 * Confirms a hold by its link (travel-providers.md 1.11). A refusal is not the last word: what the booking is now is
 * read, because an earlier try whose answer was lost is refused, too, and is no hold that is gone.
 */
export async function confirm(
  options: ExpediaOptions,
  profile: Profile,
  booked: Booked,
  call: OutboundCall,
): Promise<Outcome<BookResult>> {
  const budget = sharedBudget(options.clock, call);
  const asked = (): Asked => ({ profile, traveller: booked.traveller, call: budget.next() });
  const kept = readKeys(booked.ids.keys).resume;
  const first = kept === null ? null : await resume(options, asked, booked, kept);
  if (first !== null && !isRefusal(first)) return first;
  const shown = await retrieve(options, asked(), aboutOf(booked));
  if (shown.kind !== 'done') return shown;
  const left = decided(shown.value, booked, options.clock.now());
  const link = shown.value?.links?.resume ?? null;
  if (left !== null || link === null || !isMethod(link, 'PUT'))
    return left ?? notDone('rejected', 'no hold to confirm');
  // Refused for another reason than an old link: asking again would be refused again.
  if (first !== null && !first.value.types.has('link.invalid')) return rejected(first.value, profile);
  const second = await resume(options, asked, booked, link.href);
  return isRefusal(second) ? rejected(second.value, profile) : second;
}

type Resumed = Outcome<BookResult> | { readonly kind: 'done'; readonly value: Refusal };

function isRefusal(resumed: Resumed): resumed is { readonly kind: 'done'; readonly value: Refusal } {
  return resumed.kind === 'done' && 'types' in resumed.value;
}

function rejected(refusal: Refusal, profile: Profile): Outcome<never> {
  return notDone('rejected', `refused (${refusal.status}): ${sentenceOf(refusal, profile)}`);
}

/** One PUT: 204 is done, 202 is taken without anybody knowing its end. */
async function resume(options: ExpediaOptions, asked: () => Asked, booked: Booked, href: string): Promise<Resumed> {
  const { profile, traveller, call } = asked();
  const url = followed(profile, href);
  if (url === null) return notDone('rejected', "the hold's link leads to another host");
  const resumed: Resumed | Outcome<'taken'> = await ask<BookResult | Refusal | 'taken'>(options, {
    profile,
    call,
    traveller,
    method: 'PUT',
    about: 'booking',
    url,
    tested: 'resume',
    effect: true,
    read: ({ status }) => ({ kind: 'done', value: status === 202 ? pending(booked.ids) : 'taken' }),
    refused: (refusal) => (isAboutHold(refusal) ? { kind: 'done', value: refusal } : null),
  });
  if (resumed.kind !== 'done' || resumed.value !== 'taken') return resumed as Resumed;
  return { kind: 'done', value: await settled(options, asked(), aboutOf(booked)) };
}

/** What the vendor refuses by name; credentials and limits are refused alike everywhere. */
function isAboutHold({ status, types }: Refusal): boolean {
  return types.size > 0 && [400, 404, 409, 410].includes(status);
}

/** Null: it is held, and may be confirmed. */
function decided(itinerary: Itinerary | null, booked: Booked, now: Date): Outcome<BookResult> | null {
  if (itinerary === null || itinerary.rooms === null) {
    return mayBeHidden(booked, now)
      ? notDone('unavailable', 'the vendor does not show the hold yet')
      : notDone('rejected', 'the vendor shows no such hold');
  }
  const state = stateOf(itinerary);
  if (state === 'HELD') return null;
  if (state === 'CANCELLED') return notDone('rejected', 'the hold is gone');
  const value = state === 'CONFIRMED' ? { ...pending(booked.ids), state } : pending(booked.ids);
  return { kind: 'done', value };
}

/** Whether a booking that is not shown may be there all the same. */
export function mayBeHidden({ attemptedAt }: Pick<BookedInput, 'attemptedAt'>, now: Date): boolean {
  return now.getTime() < attemptedAt.getTime() + VISIBLE_AFTER_MS;
}

function pending({ providerReference, keys }: ProviderBookingIds): Extract<BookResult, { holdExpiresAt: unknown }> {
  return { state: 'PENDING', holdExpiresAt: null, providerReference, keys };
}

export function aboutOf(booked: Booked): Parameters<typeof retrieve>[2] {
  return { ...booked, providerReference: booked.ids.providerReference };
}
