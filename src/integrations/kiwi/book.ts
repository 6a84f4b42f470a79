import { z } from 'zod';
import type { OutboundCall, OutboundResponse, Outcome } from '../contract.ts';
import { readAnswer } from '../json.ts';
import { notDone, sharedBudget, unreadable } from '../outcome.ts';
import type { BookInput, BookResult, ProviderBookingIds, ProviderConnection } from '../travel.ts';
import { askKiwi, type KiwiOptions } from './exchange.ts';
import { CHARGED_CURRENCY, exactMinor } from './money.ts';
import { toParty, type SavedParty } from './passengers.ts';
import { guardOf, guardRefusal, sandboxMismatch, type Guard } from './sandbox.ts';
import { numberSetting } from './settings.ts';
import { readToken, type CheckedToken } from './token.ts';
import { ConfirmAnswer, SaveAnswer } from './wire.ts';

/**
 * Booking takes two calls: save_booking makes the order and freezes the money, confirm_payment takes it from the
 * partner's deposit within half an hour (travel-providers.md 3.10). Each is sent once. An order that is never confirmed
 * is no booking: it lapses by itself, and the money is free again within 90 minutes.
 */

const STEP_TIMEOUT_MS = 60_000;

/** What later calls need beside the booking's number; nothing of it is about a person. */
const Keys = z.object({ transactionId: z.string().min(1).max(200), sandbox: z.boolean() });

export async function book(
  options: KiwiOptions,
  connection: ProviderConnection,
  input: BookInput,
  call: OutboundCall,
): Promise<Outcome<BookResult>> {
  const offer = readToken(input.offer);
  if (offer?.kind !== 'checked') return notDone('rejected', 'the offer was not checked: only a checked one is booked');
  if (input.currencyCode !== offer.currencyCode) return notDone('rejected', `the price is in ${offer.currencyCode}`);
  if (input.totalMinor < BigInt(offer.totalMinor)) return { kind: 'done', value: { state: 'PRICE_CHANGED' } };
  const guard = guardOf(connection);
  const refused = guardRefusal(guard, input);
  if (refused !== null) return notDone('rejected', refused);
  const party = toParty(connection, input, offer);
  if (typeof party === 'string') return notDone('rejected', party);
  const budget = sharedBudget(options.clock, call);
  const saved = await save(options, connection, { offer, guard, party }, bounded(budget.next()));
  if (input.hold || saved.kind !== 'done' || saved.value.state !== 'HELD') return saved;
  const { providerReference } = saved.value;
  if (budget.isOver) return notDone('unavailable', `no time was left to pay for ${providerReference}, which lapses`);
  const paid = await confirm(options, connection, saved.value, bounded(budget.next()));
  // Nobody can be asked what became of it, so whoever looks at it needs its number.
  return paid.kind === 'done' ? paid : { ...paid, detail: `${providerReference}: ${paid.detail}` };
}

function bounded(call: OutboundCall): OutboundCall {
  return { ...call, timeoutMs: Math.min(call.timeoutMs, STEP_TIMEOUT_MS) };
}

interface Saving {
  readonly offer: CheckedToken;
  readonly guard: Guard;
  readonly party: SavedParty;
}

async function save(
  options: KiwiOptions,
  connection: ProviderConnection,
  saving: Saving,
  call: OutboundCall,
): Promise<Outcome<BookResult>> {
  const { offer, guard, party } = saving;
  const holdExpiresAt = new Date(
    options.clock.now().getTime() + numberSetting(connection, 'HOLD_MINUTES', 1_440) * 60_000,
  );
  // The rule is written in small letters.
  const passengers = party.passengers.map((one, index) =>
    guard === 'sandbox' && index === 0 ? { ...one, name: 'test', surname: 'test' } : one,
  );
  return askKiwi<BookResult>(options, {
    connection,
    call,
    path: '/v2/booking/save_booking',
    body: {
      booking_token: offer.bookingToken,
      session_id: offer.sessionId,
      lang: 'en',
      locale: 'en-US',
      passengers,
      baggage: party.baggage,
    },
    effect: true,
    personal: party.personal,
    expired: { state: 'EXPIRED' },
    read: (response) => readSaved(response, saving, holdExpiresAt),
  });
}

/** Null where it was refused: the vendor answers that with 200, too, and puts the rest into the body. */
function readSaved(
  response: OutboundResponse,
  { offer, guard }: Saving,
  holdExpiresAt: Date,
): Outcome<BookResult> | null {
  const isAnswer = response.status === 200 || response.status === 201;
  const answer = isAnswer ? readAnswer(SaveAnswer, response.body, 'written') : null;
  if (answer === null) return null;
  const { booking_id: bookingId, transaction_id: transactionId, sandbox } = answer;
  const isRefused =
    (answer.status !== '' && answer.status !== 'success') ||
    (answer.status_code !== '' && !/^20\d$/.test(answer.status_code));
  if (isRefused) {
    const isDoubtful = bookingId !== '' || /^5\d\d$/.test(answer.status_code);
    return isDoubtful ? { kind: 'unknown', detail: `the vendor refused, and not clearly (${response.status})` } : null;
  }
  if (answer.flights_invalid) return { kind: 'done', value: { state: 'SOLD_OUT' } };
  if (bookingId === '') return null;
  if (!/^\d{1,15}$/.test(bookingId) || transactionId === '' || transactionId.length > 200) {
    return unreadable(response.status, true);
  }
  const mismatch = sandboxMismatch(guard, sandbox);
  if (mismatch !== null) return notDone('misconfigured', `${mismatch}: it is not paid, and lapses`);
  // What it says now is what it would charge. Not as agreed, it is not paid: the hold is left to lapse.
  const isAgreed = exactMinor(answer.total, CHARGED_CURRENCY) === BigInt(offer.euroMinor);
  if (!isAgreed) return { kind: 'done', value: { state: 'PRICE_CHANGED' } };
  const keys = { transactionId, sandbox } satisfies z.infer<typeof Keys>;
  return { kind: 'done', value: { state: 'HELD', providerReference: bookingId, keys, holdExpiresAt } };
}

/**
 * Pays. The vendor then has the order and asks the carriers: it is booked when its webhook says so.
 *
 * A second try after a lost answer is the caller's to decide, once. Whether it is idempotent is not confirmed, so what
 * a second try is refused for does not prove that the first one failed.
 */
export async function confirm(
  options: KiwiOptions,
  connection: ProviderConnection,
  ids: ProviderBookingIds,
  call: OutboundCall,
): Promise<Outcome<BookResult>> {
  const keys = Keys.safeParse(ids.keys);
  if (!keys.success || !/^\d{1,15}$/.test(ids.providerReference)) return notDone('rejected', 'this was never saved');
  const mismatch = sandboxMismatch(guardOf(connection), keys.data.sandbox);
  if (mismatch !== null) return notDone('misconfigured', `${mismatch}: it is not paid`);
  return askKiwi<BookResult>(options, {
    connection,
    call,
    path: '/v2/booking/confirm_payment',
    body: { booking_id: Number(ids.providerReference), transaction_id: keys.data.transactionId },
    effect: true,
    read: (response) => readConfirmed(response, ids),
  });
}

/** `status` decides, and not HTTP's, whose codes for failures are not confirmed. */
function readConfirmed(
  response: OutboundResponse,
  { providerReference, keys }: ProviderBookingIds,
): Outcome<BookResult> | null {
  const answer = readAnswer(ConfirmAnswer, response.body, 'written');
  const isSuccess = response.status >= 200 && response.status < 300;
  if (answer?.status === '0' && isSuccess) {
    return { kind: 'done', value: { state: 'PENDING', providerReference, keys, holdExpiresAt: null } };
  }
  if (answer?.status === '-1') return notDone('rejected', 'the hold is gone: the payment came too late');
  if (answer?.status === '1') return notDone('rejected', 'the payment failed');
  // A success that says none of this, or success beside an error's code: it may have been paid.
  return isSuccess || answer?.status === '0' ? unreadable(response.status, true) : null;
}
