import { json } from '../simulator/answer.ts';
import type { Fault } from '../simulator/scenario.ts';
import type { OutgoingHook, SimulatorAnswer } from '../simulator/types.ts';
import { badRequest } from './simulator-answers.ts';
import { isLapsed, type Booking, type Ledger } from './simulator-model.ts';
import type { Asking } from './simulator-search.ts';

/** /v2/booking/confirm_payment, what the carriers say afterwards, and the webhooks that tell of it (travel-providers.md 3.11). */

export type Send = (hook: OutgoingHook) => void;

export function confirmPayment(asking: Asking, written: string, fault: Fault | null, send: Send): SimulatorAnswer {
  const { ledger, accountId, account } = asking;
  const { booking_id: id, transaction_id: transactionId } = fieldsOf(written);
  if (!Number.isInteger(id) || typeof transactionId !== 'string') {
    return badRequest('booking_id, transaction_id: missing required parameter');
  }
  const booking = ledger.booking(Number(id));
  if (!booking || booking.account !== accountId || booking.transactionId !== transactionId) {
    return badRequest('booking_id: no such booking');
  }
  if (booking.paidAt !== null) {
    if (account.repeatedConfirm === 'refused') return badRequest('this booking was already paid');
    return json(200, { status: account.repeatedConfirm === 'paid' ? 0 : 1 });
  }
  const failure = account.confirmFailureStatus;
  if (isLapsed(ledger, booking)) return json(failure, { status: -1, msg: 'confirm payment timeout' });
  // A sandbox booking costs nothing.
  if (!booking.sandbox && !ledger.spend(accountId, booking.cents)) {
    return json(failure, { status: 1, msg: 'payment failed' });
  }
  pay(asking, booking, fault, send);
  return json(200, { status: 0 });
}

function fieldsOf(written: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(written);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function pay({ ledger, accountId, account }: Asking, booking: Booking, fault: Fault | null, send: Send): void {
  const now = ledger.now(accountId).getTime();
  const { carriers, carrierDelayMs } = account;
  const decided =
    carriers === 'silent' ? null : { trigger: carriers, at: new Date(now + carrierDelayMs).toISOString() };
  ledger.saveBooking({ ...booking, paidAt: new Date(now).toISOString(), carriers: decided });
  const first = hooksOf(ledger, booking, 'received', 0, fault);
  const second = decided ? hooksOf(ledger, booking, decided.trigger, carrierDelayMs, withoutOrder(fault)) : [];
  [...first, ...second].forEach(send);
}

/** Only the first of two can be overtaken by the other. */
function withoutOrder(fault: Fault | null): Fault | null {
  return fault?.fault === 'reorderedWebhooks' ? null : fault;
}

const LATE_MS = 2_000;

/** A forged one goes first, claims that everything is well, and does not know the address' secret. */
export function hooksOf(
  ledger: Ledger,
  booking: Booking,
  trigger: string,
  delayMs: number,
  fault: Fault | null,
): OutgoingHook[] {
  const account = ledger.account(booking.account);
  if (!account?.webhookUrl || fault?.fault === 'lostWebhook') return [];
  const body = (one: string): string => JSON.stringify({ trigger: one, booking_id: booking.id, data: {} });
  const real: OutgoingHook = {
    account: booking.account,
    about: String(booking.id),
    hook: trigger,
    url: account.webhookUrl,
    contentType: 'application/json',
    body: body(trigger),
    retryDelaysMs: account.retryDelaysMs,
    delayMs: delayMs + (fault?.fault === 'lateWebhook' ? (fault.ms ?? LATE_MS) : 0),
    afterNext: fault?.fault === 'reorderedWebhooks',
  };
  if (fault?.fault === 'duplicateWebhook') return [real, real, real];
  if (fault?.fault !== 'forgedWebhook') return [real];
  const stranger = real.url.replace(/\?.*$/, '?secret=a-guess');
  return [{ ...real, hook: 'forged', url: stranger, body: body('confirmed'), delayMs: 0, retryDelaysMs: [] }, real];
}
