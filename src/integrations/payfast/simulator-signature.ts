import { createHash } from 'node:crypto';

/** The vendor's two signatures, written from payment-gateways.md 0.3, 2.4 to 2.6. */

export type Pair = readonly [name: string, value: string];

function urlencode(text: string): string {
  return encodeURIComponent(text.toWellFormed())
    .replace(/[!'()*~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+');
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}

/** `name=value` joined in the order given. */
export function parameters(pairs: readonly Pair[]): string {
  return pairs.map(([name, value]) => `${name}=${urlencode(value)}`).join('&');
}

export function orderedSignature(text: string, passphrase: string | undefined): string {
  return md5(passphrase === undefined ? text : `${text}&passphrase=${urlencode(passphrase.trim())}`);
}

/** Names sorted, the passphrase among them. */
export function alphabeticalSignature(variables: ReadonlyMap<string, string>, passphrase: string): string {
  const all = new Map([...variables, ['passphrase', passphrase]]);
  const names = [...all.keys()].filter((name) => all.get(name) !== '').toSorted();
  return md5(parameters(names.map((name) => [name, all.get(name) ?? ''])));
}

/** A posted form in its order, blank fields included. */
export function readForm(body: string): Pair[] {
  return [...new URLSearchParams(body)];
}
