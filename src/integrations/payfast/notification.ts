import { phpUrlencode } from './signature.ts';

/**
 * An ITN as it was posted (payment-gateways.md 2.5). A form library would drop blanks and order and with them the
 * signature, so the raw body is split here, and values stay bytes until they are signed.
 */
export interface Notification {
  /** The signed fields; what follows the signature is nobody's word and is left out. */
  readonly fields: ReadonlyMap<string, string>;
  /** The parameter string: every posted field before the signature, blank ones included, in posted order. */
  readonly text: string;
  readonly signature: string | null;
}

const BYTES_MAX = 65_536;
const FIELDS_MAX = 200;
const NAME = /^[A-Za-z0-9_]{1,64}$/;

/** A body that is no notification; the message names no value. */
export class UnreadableNotification extends Error {}

/** @throws UnreadableNotification */
export function readNotification(body: Uint8Array, contentType: string | undefined): Notification {
  const type = (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (type !== '' && type !== 'application/x-www-form-urlencoded') throw new UnreadableNotification('not a form');
  if (body.byteLength > BYTES_MAX) throw new UnreadableNotification(`larger than ${BYTES_MAX} bytes`);
  // One character per byte, so that splitting cannot change what the values are made of.
  const parts = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('latin1').trim().split('&');
  if (parts.length > FIELDS_MAX) throw new UnreadableNotification(`more than ${FIELDS_MAX} fields`);
  const fields = new Map<string, string>();
  const signed: string[] = [];
  for (const part of parts) {
    const at = part.indexOf('=');
    const name = at < 0 ? part : part.slice(0, at);
    if (!NAME.test(name)) throw new UnreadableNotification('a field without a proper name');
    const value = decode(at < 0 ? '' : part.slice(at + 1));
    if (name === 'signature') return { fields, text: signed.join('&'), signature: value.toString('latin1') };
    if (fields.has(name)) throw new UnreadableNotification('a field is given twice');
    fields.set(name, value.toString('utf8'));
    signed.push(`${name}=${phpUrlencode(value)}`);
  }
  return { fields, text: signed.join('&'), signature: null };
}

/** A percent sign that starts no escape stays what it is, as in PHP. */
function decode(text: string): Buffer {
  const bytes = text
    .replaceAll('+', ' ')
    .replace(/%([0-9a-fA-F]{2})/g, (_escape, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1');
}
