import type { OutboundCall, Outcome } from '../contract.ts';
import { notDone, sharedBudget } from '../outcome.ts';
import type { BookInput, BookResult } from '../travel.ts';
import { toBooking } from './booking.ts';
import { answerOf, ask, doneWith, sentenceOf, type ExpediaOptions, type Refusal } from './exchange.ts';
import { idsOf, retrieve, type Asked } from './itinerary.ts';
import { isMethod, stateOf } from './map.ts';
import { followed, type Profile } from './profile.ts';
import { numberSettingOf } from './settings.ts';
import { readToken, type Token } from './token.ts';
import { BookAnswer } from './wire.ts';

/** How long is asked, after a booking was made, what became of it. */
const SETTLED_MS_MAX = 10_000;

/**
 * Books by the link of a price check, once (travel-providers.md 1.5, 1.11). Whatever may have left without a clear answer
 * is unknown, and so is a reference that the vendor has already: an earlier try of ours arrived.
 */
export async function book(
  options: ExpediaOptions,
  profile: Profile,
  input: BookInput,
  call: OutboundCall,
): Promise<Outcome<BookResult>> {
  const token = readToken(input.offer);
  if (token?.book === undefined) return notDone('rejected', 'the offer was not checked');
  const before = refusalBefore(token, input, options.clock.now());
  if (before !== null) return before;
  const booking = toBooking(profile, input, token);
  if ('refused' in booking) return notDone(booking.whose, booking.refused);
  const url = followed(profile, token.book.href);
  if (url === null) return notDone('rejected', "the offer's link leads to another host");
  const budget = sharedBudget(options.clock, call);
  const asked = { profile, traveller: input.traveller };
  const made = await ask<BookAnswer | BookResult>(options, {
    ...asked,
    call: budget.next(),
    method: 'POST',
    about: 'booking',
    url,
    body: booking.body,
    tested: 'book',
    effect: true,
    read: (response) => doneWith(answerOf(BookAnswer, response)),
    refused: (refusal) => refusalOf(refusal, profile),
  });
  if (made.kind !== 'done' || 'state' in made.value) return made as Outcome<BookResult>;
  const ids = idsOf(made.value);
  if (input.hold) return heldOrTaken(options, profile, made.value);
  const about = { ...input, providerReference: ids.providerReference };
  return { kind: 'done', value: await settled(options, { ...asked, call: budget.next() }, about) };
}

/** The vendor must not charge more than the customer agreed to, and no booking by an old link is tried. */
function refusalBefore(token: Token, input: BookInput, now: Date): Outcome<BookResult> | null {
  if (token.currency !== input.currencyCode) return notDone('rejected', 'another currency than was checked');
  if (BigInt(token.total) > input.totalMinor) return { kind: 'done', value: { state: 'PRICE_CHANGED' } };
  const expires = token.book?.expires ?? null;
  const isOver = expires !== null && Date.parse(expires) <= now.getTime();
  return isOver ? { kind: 'done', value: { state: 'EXPIRED' } } : null;
}

/** Null: as for every other call (401, 403, 429, 5xx). */
function refusalOf(refusal: Refusal, profile: Profile): Outcome<BookResult> | null {
  const { status, types } = refusal;
  if (types.has('duplicate_itinerary')) return { kind: 'unknown', detail: 'the vendor has this reference already' };
  if (types.has('price_mismatch')) return { kind: 'done', value: { state: 'PRICE_CHANGED' } };
  if (types.has('rooms_unavailable')) return { kind: 'done', value: { state: 'SOLD_OUT' } };
  if (types.has('link.invalid') || types.has('link.expired')) return { kind: 'done', value: { state: 'EXPIRED' } };
  // A conflict or a loss that is none of these may be about a booking that is there.
  if (status !== 409 && status !== 410) return null;
  return { kind: 'unknown', detail: `an answer of ${status} that says ${sentenceOf(refusal, profile) || 'nothing'}` };
}

/** A hold is known by the link that confirms it: without one nobody knows whether it was held or booked. */
function heldOrTaken({ clock }: ExpediaOptions, profile: Profile, answer: BookAnswer): Outcome<BookResult> {
  const ids = idsOf(answer);
  const resume = answer.links?.resume ?? null;
  if (resume === null || !isMethod(resume, 'PUT')) {
    return { kind: 'done', value: { state: 'PENDING', holdExpiresAt: null, ...ids } };
  }
  const minutes = numberSettingOf(profile.connection, 'HOLD_MINUTES', { min: 1, max: 100_000 });
  const holdExpiresAt = minutes === null ? null : new Date(clock.now().getTime() + minutes * 60_000);
  return { kind: 'done', value: { state: 'HELD', holdExpiresAt, ...ids } };
}

/**
 * Taken is not booked: a room may wait for its property. So the booking is looked at once; one that is not shown yet
 * stays pending and is looked up later, rather than promised.
 */
export async function settled(
  options: ExpediaOptions,
  asked: Asked,
  about: Parameters<typeof retrieve>[2],
): Promise<BookResult> {
  const call = { ...asked.call, timeoutMs: Math.min(asked.call.timeoutMs, SETTLED_MS_MAX) };
  const shown = await retrieve(options, { ...asked, call }, about);
  const isBooked = shown.kind === 'done' && shown.value !== null && stateOf(shown.value) === 'CONFIRMED';
  return {
    state: isBooked ? 'CONFIRMED' : 'PENDING',
    holdExpiresAt: null,
    providerReference: about.providerReference,
    keys: null,
  };
}
