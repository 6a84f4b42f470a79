import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingWebhook } from '../contract.ts';
import { readAnswer } from '../json.ts';
import type { NoticeReading, ProviderConnection, ProviderNotice } from '../travel.ts';
import { settingOf } from './settings.ts';
import { Notification } from './wire.ts';

/**
 * The vendor's pushes (travel-providers.md 1.14). How they are authenticated is not documented, so a secret of ours is
 * registered with the address they come to; what they say is a reason to read the itinerary and never a fact.
 */
const BODY_BYTES_MAX = 65_536;

const CLAIMS: ReadonlyMap<string, ProviderNotice['claims']> = new Map([
  ['itinerary.agent.cancel', 'CANCELLED'],
  ['itinerary.supplier.cancel', 'CANCELLED'],
  ['itinerary.fraud.cancel', 'CANCELLED'],
  ['itinerary.supplier.confirm', 'CONFIRMED'],
]);

export function readNotice(connection: ProviderConnection, incoming: IncomingWebhook): NoticeReading {
  const refused = refusalOf(connection, incoming);
  if (refused !== null) return { verdict: 'BAD_SIGNATURE', detail: refused };
  if (incoming.body.byteLength > BODY_BYTES_MAX) {
    return { verdict: 'MALFORMED', detail: `larger than ${BODY_BYTES_MAX} bytes` };
  }
  const said = readAnswer(Notification, new TextDecoder().decode(incoming.body), 'written');
  if (said === null) return { verdict: 'MALFORMED', detail: 'no notification' };
  return {
    verdict: 'OK',
    notice: {
      eventId: said.event_id,
      eventType: said.event_type,
      providerReference: said.itinerary_id,
      reference: said.affiliate_reference_id,
      claims: CLAIMS.get(said.event_type) ?? null,
    },
  };
}

/** A stored notification read again was judged when it came: neither its address nor its secret headers are kept. */
function refusalOf(connection: ProviderConnection, { headers, query, replay }: IncomingWebhook): string | null {
  if (replay) return null;
  const expected = connection.credentials['NOTIFICATION_SECRET'] ?? '';
  if (expected.length < 16) return 'NOTIFICATION_SECRET is missing or shorter than 16 characters';
  const [, place, name = ''] =
    /^(query|header):([\w-]{1,64})$/.exec(settingOf(connection, 'NOTIFICATION_SECRET_IN')) ?? [];
  if (place === undefined) return 'NOTIFICATION_SECRET_IN is neither query:<name> nor header:<name>';
  const given = place === 'header' ? headers[name.toLowerCase()] : new URLSearchParams(query ?? '').get(name);
  return isSame(given ?? '', expected) ? null : 'the secret is missing or wrong';
}

/** In the same time whatever is given: digests have one length. */
function isSame(given: string, expected: string): boolean {
  const [one, two] = [given, expected].map((text) => createHash('sha256').update(text, 'utf8').digest());
  return one !== undefined && two !== undefined && timingSafeEqual(one, two);
}
