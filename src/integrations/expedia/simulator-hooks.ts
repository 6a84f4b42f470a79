import type { Fault } from '../simulator/scenario.ts';
import type { OutgoingHook } from '../simulator/types.ts';
import type { Call } from './simulator-answers.ts';
import { later, uuid, type Account, type Booking, type Ledger } from './simulator-model.ts';

/** What the vendor tells its partner of changes made elsewhere (travel-providers.md 1.14). */

export const EVENTS = {
  agentCreate: 'itinerary.agent.create',
  agentChange: 'itinerary.agent.change',
  agentCancel: 'itinerary.agent.cancel',
  supplierConfirm: 'itinerary.supplier.confirm',
  supplierCancel: 'itinerary.supplier.cancel',
  fraudCancel: 'itinerary.fraud.cancel',
  message: 'itinerary.message.received',
} as const;

export type Event = keyof typeof EVENTS;

interface Told {
  readonly event: Event;
  readonly delayMs?: number;
  readonly fault: Fault | null;
}

export function hooksOf(ledger: Ledger, account: Account, booking: Booking, told: Told): OutgoingHook[] {
  const { event, fault } = told;
  if (account.notificationUrl === undefined || fault?.fault === 'lostWebhook') return [];
  const number = ledger.next(booking.account, 'events');
  const delayMs = (told.delayMs ?? 0) + (fault?.fault === 'lateWebhook' ? (fault.ms ?? 2_000) : 0);
  const hook: OutgoingHook = {
    account: booking.account,
    about: booking.itineraryId,
    hook: EVENTS[event],
    url: account.notificationUrl,
    contentType: 'application/json',
    body: JSON.stringify({
      event_id: uuid(ledger.derive(booking.account, `event:${number}`)),
      event_type: EVENTS[event],
      event_time: later(ledger.now(booking.account), told.delayMs ?? 0),
      itinerary_id: booking.itineraryId,
      email: booking.email,
      message: 'Something changed.',
      ...(booking.reference !== null && { affiliate_reference_id: booking.reference }),
    }),
    retryDelaysMs: account.retryDelaysMs,
    delayMs,
    afterNext: fault?.fault === 'reorderedWebhooks',
  };
  if (fault?.fault === 'duplicateWebhook') return [hook, hook, hook];
  if (fault?.fault !== 'forgedWebhook') return [hook];
  // Somebody who knows neither the registered address nor a header of it.
  const guessed = new URL(hook.url);
  guessed.search = guessed.search === '' ? '' : '?key=a-guess-of-a-stranger';
  return [{ ...hook, hook: 'forged', url: guessed.href }, hook];
}

/** A property that takes its time tells how it ended. */
export function supplierConfirms({ ledger, account, at, fault }: Call, booking: Booking): OutgoingHook[] {
  const delayMs = Date.parse(booking.confirmedAt) - at.getTime();
  if (delayMs <= 0) return [];
  const event = fault?.fault === 'droppedFirst' ? 'supplierCancel' : 'supplierConfirm';
  return hooksOf(ledger, account, booking, { event, delayMs, fault });
}
