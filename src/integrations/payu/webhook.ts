import type { GatewayClaim, GatewayConnection, IncomingWebhook, WebhookReading } from '../contract.ts';
import { readAnswer } from '../json.ts';
import { fromMajorUnits } from '../major-units.ts';
import { sourceRefusal } from '../source.ts';
import { UnreadableBody, decode, mediaTypeOf, readForm, type PostedForm, BODY_BYTES_MAX } from './form.ts';
import { PAYU_CURRENCY, isAutoRefunded, statusOf } from './map.ts';
import { toPaymentId } from './reference.ts';
import { RESULT_NAMES, resultText, sameHash, sha512, type SignedFields } from './signature.ts';
import { RefundCallback } from './wire.ts';

/**
 * payment-gateways.md 3.4, live, test and disaster site. Only the refund callback needs them: it has no hash, so where
 * it comes from is all that speaks for it.
 */
export const PUBLISHED_SOURCES =
  '52.140.8.88 52.140.8.89 52.140.8.64 52.140.8.65 180.179.174.1 180.179.174.2 180.179.165.250 ' +
  '3.7.89.1 3.7.89.2 3.7.89.3 3.7.89.8 3.7.89.9 3.7.89.10 3.6.73.183 3.6.83.44';

/**
 * Reads a payment's result, which comes through the browser and from server to server with the same hash, and the
 * refund callback. Status and the signed fields are the vendor's word; mihpayid and unmappedstatus are unsigned, so
 * the client asks back whatever they say (payment-gateways.md 3.8 item 4).
 */
export function readWebhook(connection: GatewayConnection, incoming: IncomingWebhook): WebhookReading {
  const { body, headers } = incoming;
  try {
    const isJson = mediaTypeOf(headers['content-type']) === 'application/json';
    return isJson
      ? readRefundCallback(connection, incoming)
      : readResult(connection, readForm(body, headers['content-type']));
  } catch (error) {
    if (error instanceof UnreadableBody) return { verdict: 'MALFORMED', detail: error.message };
    throw error;
  }
}

function readResult({ credentials }: GatewayConnection, form: PostedForm): WebhookReading {
  const broken = RESULT_NAMES.some((name) => form.get(name)?.includes('|'));
  if (broken) throw new UnreadableBody('a signed value has a bar in it');
  const claim = toClaim(form);
  const charges = chargesOf(form);
  const { MERCHANT_KEY: key = '', SALT: salt = '' } = credentials;
  if (key === '' || salt === '') return refused('no merchant is configured');
  if (form.get('key') !== key) return refused('the result is for another merchant');
  const fields: SignedFields = Object.fromEntries(form);
  const expected = sha512(resultText(fields, form.get('status') ?? '', charges, salt));
  return sameHash(expected, form.get('hash') ?? '') ? { verdict: 'OK', claim } : refused('the hash does not match');
}

/** Both spellings occur. @throws UnreadableBody where they disagree, because only one of them can be signed */
function chargesOf(form: PostedForm): string | null {
  const values = new Set(['additionalCharges', 'additional_charges'].map((name) => form.get(name) ?? ''));
  values.delete('');
  const [charges = null, other] = values;
  if (other !== undefined) throw new UnreadableBody('two spellings of the additional charges disagree');
  if (charges?.includes('|')) throw new UnreadableBody('a signed value has a bar in it');
  return charges;
}

/** @throws UnreadableBody where a field that decides is missing or no value of its kind. */
function toClaim(form: PostedForm): GatewayClaim {
  const status = (form.get('status') ?? '').toLowerCase();
  const unmapped = (form.get('unmappedstatus') ?? '').toLowerCase().trim();
  const transaction = (form.get('mihpayid') ?? '').trim();
  const amountMinor = fromMajorUnits(form.get('amount') ?? '');
  if (!/^[a-z_ ]{1,40}$/.test(status)) throw new UnreadableBody('status is no word');
  if (!/^[a-z_ ]{0,40}$/.test(unmapped)) throw new UnreadableBody('unmappedstatus is no word');
  if (!/^\d{0,20}$/.test(transaction)) throw new UnreadableBody('mihpayid is no number');
  if (amountMinor === null || amountMinor < 0n) throw new UnreadableBody('amount is no amount');
  const kind = isAutoRefunded(status, unmapped) ? 'REFUNDED' : statusOf(status, unmapped);
  const said = form.get('error_Message') || form.get('field9') || unmapped || status;
  return {
    ...aboutTxnid(form.get('txnid') ?? ''),
    kind,
    amountMinor,
    failureReason: status === 'failure' ? sentence(said) : null,
    dedupeKey: ['payment', form.get('txnid'), status, unmapped, transaction].join(':'),
  };
}

/** A hint and no more: whatever it says of money is asked back by check_action_status (payment-gateways.md 3.4). */
function readRefundCallback(connection: GatewayConnection, incoming: IncomingWebhook): WebhookReading {
  const { credentials, baseUrl } = connection;
  if (incoming.body.byteLength > BODY_BYTES_MAX) throw new UnreadableBody(`larger than ${BODY_BYTES_MAX} bytes`);
  const callback = readAnswer(RefundCallback, decode(incoming.body), 'written');
  if (callback === null || callback.action.toLowerCase() !== 'refund') throw new UnreadableBody('no refund callback');
  const amountMinor = fromMajorUnits(callback.amt);
  if (amountMinor === null || amountMinor < 0n) throw new UnreadableBody('amt is no amount');
  const key = credentials['MERCHANT_KEY'] ?? '';
  if (key === '') return refused('no merchant is configured');
  if (callback.key !== key) return refused('the refund is of another merchant');
  const sources = { published: PUBLISHED_SOURCES, configured: credentials['SOURCE_ADDRESSES'], baseUrl };
  const stranger = incoming.replay ? null : sourceRefusal(incoming.sourceAddress, sources);
  if (stranger !== null) return refused(stranger);
  const status = callback.status.toLowerCase();
  return {
    verdict: 'OK',
    claim: {
      ...aboutTxnid(callback.merchantTxnId),
      // A refund that failed leaves the payment as it was: whoever follows the refund asks for it.
      kind: status === 'success' ? 'REFUNDED' : 'OTHER',
      amountMinor,
      failureReason: status === 'success' ? null : sentence(callback.remark || status),
      dedupeKey: ['refund', callback.request_id, status].join(':'),
    },
  };
}

/** Any text may come back from a form that is not ours; ours is a payment id in another writing. */
function aboutTxnid(txnid: string) {
  const gatewayReference = /^[\w.-]{1,50}$/.test(txnid) ? txnid : null;
  return { gatewayReference, referenceCode: null, paymentId: toPaymentId(txnid), currencyCode: PAYU_CURRENCY } as const;
}

/** No database keeps a NUL in a text, and no log wants a line end. */
function sentence(said: string): string {
  return said.replace(/\p{C}+/gu, ' ').slice(0, 500);
}

function refused(detail: string): WebhookReading {
  return { verdict: 'BAD_SIGNATURE', detail };
}
