/**
 * A webhook's body as it was posted, within limits. PayU sends its results as a form in either encoding
 * (payment-gateways.md 3.4).
 */
export type PostedForm = ReadonlyMap<string, string>;

export const BODY_BYTES_MAX = 65_536;
const FIELDS_MAX = 200;
const NAME = /^[\w.-]{1,64}$/;

/** A body that is none of the vendor's; the message names no value. */
export class UnreadableBody extends Error {}

/** `application/json` of `application/json; charset=utf-8`; empty where the sender does not say. */
export function mediaTypeOf(contentType: string | undefined): string {
  return (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/** @throws UnreadableBody also for a field that is given twice: two readers could see two facts */
export function readForm(body: Uint8Array, contentType: string | undefined): PostedForm {
  if (body.byteLength > BODY_BYTES_MAX) throw new UnreadableBody(`larger than ${BODY_BYTES_MAX} bytes`);
  const type = mediaTypeOf(contentType);
  if (type === 'multipart/form-data') return toForm(readMultipart(body, contentType ?? ''));
  if (type === '' || type === 'application/x-www-form-urlencoded') return toForm(new URLSearchParams(decode(body)));
  throw new UnreadableBody('neither a form nor JSON');
}

/** @throws UnreadableBody */
export function decode(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw new UnreadableBody('not UTF-8');
  }
}

function toForm(pairs: Iterable<readonly [string, string]>): PostedForm {
  const fields = new Map<string, string>();
  for (const [name, value] of pairs) {
    if (!NAME.test(name)) throw new UnreadableBody('a field without a proper name');
    if (fields.has(name)) throw new UnreadableBody('a field is given twice');
    if (fields.size >= FIELDS_MAX) throw new UnreadableBody(`more than ${FIELDS_MAX} fields`);
    fields.set(name, value);
  }
  return fields;
}

/** RFC 7578 without files: parts that say anything but a name are not the vendor's. */
function readMultipart(body: Uint8Array, contentType: string): [string, string][] {
  const boundary = /;\s*boundary=(?:"([^"\r\n]{1,70})"|([\w'()+,./:=?-]{1,70}))\s*(?:;|$)/i.exec(contentType);
  const name = boundary?.[1] ?? boundary?.[2];
  if (name === undefined) throw new UnreadableBody('a multipart body without a boundary');
  const [before, ...parts] = `\r\n${decode(body)}`.split(`\r\n--${name}`);
  const end = parts.pop();
  if (before !== '' || end === undefined || !/^--\s*$/.test(end)) throw new UnreadableBody('a broken multipart body');
  return parts.map((part) => {
    const head = /^[ \t]*\r\n([^]*?)\r\n\r\n/.exec(part);
    const field = /^content-disposition:[ \t]*form-data;[ \t]*name="([^"\r\n]*)"[ \t]*$/im.exec(head?.[1] ?? '');
    if (!head || !field) throw new UnreadableBody('a part of a multipart body without a name');
    return [field[1] ?? '', part.slice(head[0].length)];
  });
}
