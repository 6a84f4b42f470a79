import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingWebhook } from '../contract.ts';
import { readAnswer } from '../json.ts';
import type { NoticeReading, ProviderBookingState, ProviderConnection } from '../travel.ts';
import { textSetting } from './settings.ts';
import { NoticeBody } from './wire.ts';

/**
 * Webhooks 2.0 (travel-providers.md 3.11). The vendor signs nothing and can't be asked back, so what a notice says is
 * the only word on a booking, and the address it is posted to is all that speaks for it: it is registered with a
 * secret in its query, `?secret=...`.
 */

const BYTES_MAX = 65_536;

/** What ends or decides a booking. Everything else, and every word that is new, claims nothing. */
const CLAIMS: Readonly<Record<string, ProviderBookingState['state']>> = {
  received: 'PENDING',
  confirmed: 'CONFIRMED',
  // Boarding passes are sent for what is confirmed.
  bp_sent: 'CONFIRMED',
  cancelled: 'CANCELLED',
};

export function readNotice(connection: ProviderConnection, incoming: IncomingWebhook): NoticeReading {
  const stranger = strangerOf(connection, incoming);
  if (stranger !== null) return { verdict: 'BAD_SIGNATURE', detail: stranger };
  const text = decode(incoming.body);
  const notice = text === null ? null : readAnswer(NoticeBody, text, 'written');
  if (notice === null) return { verdict: 'MALFORMED', detail: 'no JSON object with a trigger' };
  const trigger = notice.trigger.replace(/\p{C}+/gu, ' ').trim();
  const named = [notice.booking_id, notice.bid, notice.data?.booking_id, notice.data?.bid].find(Boolean) ?? '';
  const bookingId = /^\d{1,15}$/.test(named) ? named : null;
  // Without a booking there is nothing to tell deliveries apart by but their bytes.
  const about = bookingId ?? createHash('sha256').update(incoming.body).digest('hex');
  return {
    verdict: 'OK',
    notice: {
      eventId: `${about}:${trigger}`,
      eventType: trigger,
      providerReference: bookingId,
      // save_booking takes no reference of ours, so none comes back.
      reference: null,
      claims: bookingId === null ? null : claimOf(connection, trigger),
    },
  };
}

function claimOf(connection: ProviderConnection, trigger: string): ProviderBookingState['state'] | null {
  const failures = textSetting(connection, 'FAILURE_TRIGGERS').split(/[\s,]+/);
  if (failures.includes(trigger)) return 'FAILED';
  return Object.hasOwn(CLAIMS, trigger) ? (CLAIMS[trigger] ?? null) : null;
}

/** Null where the sender knows the secret. What is stored was judged when it came, and its query is not kept. */
function strangerOf({ credentials }: ProviderConnection, { query, replay }: IncomingWebhook): string | null {
  if (replay) return null;
  const expected = credentials['WEBHOOK_SECRET'] ?? '';
  if (expected === '') return 'no WEBHOOK_SECRET is configured';
  const [given = '', second] = new URLSearchParams(query ?? '').getAll('secret');
  if (second !== undefined) return 'the address has two secrets';
  return isSame(expected, given) ? null : 'the address does not have the secret';
}

/** In time that depends on neither. */
function isSame(expected: string, given: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text, 'utf8').digest();
  return timingSafeEqual(digest(expected), digest(given));
}

function decode(body: Uint8Array): string | null {
  if (body.byteLength > BYTES_MAX) return null;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    return null;
  }
}
