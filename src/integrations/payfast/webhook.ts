import type { GatewayClaim, GatewayConnection, IncomingWebhook, WebhookReading } from '../contract.ts';
import { fromMajorUnits } from '../major-units.ts';
import { sourceRefusal } from '../source.ts';
import { PAYFAST_CURRENCY } from './money.ts';
import { UnreadableNotification, readNotification, type Notification } from './notification.ts';
import { sameSignature, signOrdered } from './signature.ts';

/** payment-gateways.md 2.5, check 2 */
export const PUBLISHED_SOURCES =
  '197.97.145.144/28, 41.74.179.192/27, 102.216.36.0/28, 102.216.36.128/28, 144.126.193.139';

/**
 * Three of the four checks of an ITN (payment-gateways.md 2.5): signature, source address, merchant. The fourth, the
 * vendor's own confirmation, is the client's `confirm`; amount and order are compared by whoever settles.
 */
export function readWebhook(connection: GatewayConnection, incoming: IncomingWebhook): WebhookReading {
  try {
    const notification = readNotification(incoming.body, incoming.headers['content-type']);
    const claim = toClaim(notification);
    const refused = originRefusal(connection, incoming, notification);
    return refused === null ? { verdict: 'OK', claim } : { verdict: 'BAD_SIGNATURE', detail: refused };
  } catch (error) {
    if (error instanceof UnreadableNotification) return { verdict: 'MALFORMED', detail: error.message };
    throw error;
  }
}

function originRefusal(
  { credentials, baseUrl }: GatewayConnection,
  incoming: IncomingWebhook,
  notification: Notification,
): string | null {
  const merchantId = credentials['MERCHANT_ID'] ?? '';
  if (merchantId === '') return 'no merchant id is configured';
  if (notification.signature === null) return 'there is no signature';
  const expected = signOrdered(notification.text, credentials['PASSPHRASE'] ?? '');
  if (!sameSignature(expected, notification.signature)) return 'the signature does not match';
  if (notification.fields.get('merchant_id') !== merchantId) return 'the notification is for another merchant';
  if (incoming.replay) return null;
  const configured = credentials['SOURCE_ADDRESSES'];
  return sourceRefusal(incoming.sourceAddress, { published: PUBLISHED_SOURCES, configured, baseUrl });
}

/** @throws UnreadableNotification where a field that decides is missing or no value of its kind. */
export function toClaim({ fields }: Notification): GatewayClaim {
  const transaction = fields.get('pf_payment_id') ?? '';
  const status = (fields.get('payment_status') ?? '').toUpperCase();
  const amountMinor = fromMajorUnits(fields.get('amount_gross') ?? '');
  if (!/^\d{1,20}$/.test(transaction)) throw new UnreadableNotification('pf_payment_id is no number');
  if (!/^[A-Z_]{1,40}$/.test(status)) throw new UnreadableNotification('payment_status is no word');
  if (amountMinor === null || amountMinor < 0n) throw new UnreadableNotification('amount_gross is no amount');
  const reference = fields.get('m_payment_id') ?? '';
  // Any text may come back from a form that is not ours; ours is an id.
  const paymentId = /^[\w-]{1,100}$/.test(reference) ? reference : null;
  const kind = kindOf(status, (fields.get('token') ?? '') !== '');
  return {
    kind,
    // Ours, because no id of theirs exists before the customer has paid.
    gatewayReference: paymentId,
    referenceCode: null,
    paymentId,
    amountMinor,
    currencyCode: PAYFAST_CURRENCY,
    failureReason: kind === 'FAILED' ? status : null,
    // Each charge has its own pf_payment_id (payment-gateways.md 2.9).
    dedupeKey: `itn:${transaction}:${status}`,
  };
}

/** payment-gateways.md 2.7. CANCELLED with a token is about a subscription and leaves the paid order as it is. */
function kindOf(status: string, hasToken: boolean): GatewayClaim['kind'] {
  if (status === 'COMPLETE') return 'PAID';
  if (status === 'PENDING') return 'PENDING';
  if (status === 'FAILED') return 'FAILED';
  return status === 'CANCELLED' && !hasToken ? 'FAILED' : 'OTHER';
}
