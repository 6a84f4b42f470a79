import { AppError } from '../errors.ts';

export type KeyKind = 'PUBLISHABLE' | 'SECRET';
export type KeyMode = 'LIVE' | 'TEST';

const RANDOM_BYTES = 32;
/** Shown in lists, so that people can tell keys apart: kind, mode and the first characters. */
const PREFIX_CHARACTERS = 14;

const KEY_FORM = /^(pk|sk)_(live|test)_[A-Za-z0-9_-]{16,128}$/;

/** A new key (TEN-2): 256 random bits behind what it is and for which mode. */
export function makeKey(kind: KeyKind, mode: KeyMode, randomBytes: (size: number) => Buffer): string {
  const start = `${kind === 'PUBLISHABLE' ? 'pk' : 'sk'}_${mode.toLowerCase()}_`;
  return start + randomBytes(RANDOM_BYTES).toString('base64url');
}

export function prefixOf(key: string): string {
  return key.slice(0, PREFIX_CHARACTERS);
}

/** What a key's own text says of it; null where it is no key of ours. Imported keys may be shorter than ours, but not guessable ones. */
export function readKeyForm(key: string): { kind: KeyKind; mode: KeyMode } | null {
  const match = KEY_FORM.exec(key);
  if (!match) return null;
  return { kind: match[1] === 'pk' ? 'PUBLISHABLE' : 'SECRET', mode: match[2] === 'live' ? 'LIVE' : 'TEST' };
}

/** @throws INVALID_INPUT for a text that cannot be a key. */
export function requireKeyForm(key: string): { kind: KeyKind; mode: KeyMode } {
  const form = readKeyForm(key);
  if (!form)
    throw new AppError(
      'INVALID_INPUT',
      'A key looks like pk_live_..., pk_test_..., sk_live_... or sk_test_..., with at least 16 characters behind.',
    );
  return form;
}
