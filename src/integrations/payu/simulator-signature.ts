import { createHash } from 'node:crypto';

/** The vendor's hashes, written from payment-gateways.md 3.3 to 3.5. */

type Fields = ReadonlyMap<string, string>;

function sha512OfBars(...elements: string[]): string {
  return createHash('sha512').update(elements.join('|')).digest('hex');
}

function values(fields: Fields, names: string): string[] {
  return names.split(' ').map((name) => fields.get(name) ?? '');
}

/** `key|txnid|amount|productinfo|firstname|email|udf1|..|udf5||||||SALT` */
export function formHash(fields: Fields, salt: string): string {
  const signed = values(fields, 'key txnid amount productinfo firstname email udf1 udf2 udf3 udf4 udf5');
  return sha512OfBars(...signed, '', '', '', '', '', salt);
}

/** `[additionalCharges|]SALT|status||||||udf5|..|udf1|email|firstname|productinfo|amount|txnid|key` */
export function resultHash(fields: Fields, salt: string): string {
  const charges = fields.get('additionalCharges') ?? '';
  const signed = values(fields, 'udf5 udf4 udf3 udf2 udf1 email firstname productinfo amount txnid key');
  const head = [salt, fields.get('status') ?? '', '', '', '', '', ''];
  return sha512OfBars(...(charges === '' ? [] : [charges]), ...head, ...signed);
}

/** `key|command|var1|SALT` */
export function commandHash(fields: Fields, salt: string): string {
  return sha512OfBars(...values(fields, 'key command var1'), salt);
}

/** As PHP reads it: the last of two equal names counts. */
export function readPosted(body: string): Fields {
  return new Map(new URLSearchParams(body));
}
