import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hash,
  hkdfSync,
  timingSafeEqual,
  type KeyObject,
} from 'node:crypto';

import { AppError } from './errors.ts';

export interface MasterKey {
  readonly version: number;
  readonly secret: string;
}

export interface VaultOptions {
  readonly current: MasterKey;
  /** Master keys that still open what they sealed, but seal nothing new. */
  readonly older: readonly MasterKey[];
  readonly randomBytes: (size: number) => Buffer;
}

/** Everything that is kept or handed out under the master key (PRV-3). It holds no state and does no I/O. */
export interface Vault {
  /** Version of the master key that seals; stored beside what it sealed, so that a rotation can find what is left to do. */
  readonly masterKeyVersion: number;
  /** Seals under a data key of its own. `context` names whose the value is; it opens under the same context only. */
  seal(plaintext: string | Uint8Array, context: string): Buffer;
  /** @throws DECRYPTION_FAILED when it was altered, belongs elsewhere, or its master key is not at hand. */
  open(sealed: Uint8Array, context: string): Buffer;
  /**
   * Wraps the data key of a sealed value anew, under the master key that seals now. The value's own bytes stay as they are: only the
   * first `SEALED_HEAD_BYTES` are needed. Null where it is under that key already.
   * @throws DECRYPTION_FAILED as `open`, for the wrapped key alone
   */
  rewrap(head: Uint8Array, context: string): { readonly from: Buffer; readonly to: Buffer } | null;
  /** A keyed hash: equal texts are recognised, and nobody without the key can try out guesses. */
  fingerprint(text: string): string;
  /** A signed text that can be read by anybody and made by nobody else: links, cursors. */
  sign(purpose: string, payload: object, expiresAt: Date | null): string;
  /** The payload, or null when it was not signed for this purpose by us, or is over. */
  verify<T extends object>(purpose: string, token: string, now: Date): T | null;
  /** SHA-256. Keys and refresh tokens have 256 random bits, so that no slow hash is needed. */
  hashKey(key: string): Buffer;
}

/** As it was sealed. */
const SEALED = 1;
/** Its data key was wrapped anew since: the value still says under which version it was sealed. */
const REWRAPPED = 2;
const HEADER_BYTES: Readonly<Record<number, number>> = { [SEALED]: 5, [REWRAPPED]: 9 };
const NONCE_BYTES = 12;
const KEY_BYTES = 32;
const TAG_BYTES = 16;
const WRAPPED_BYTES = NONCE_BYTES + KEY_BYTES + TAG_BYTES;
/** Everything before the value, in the longer of the two formats. */
export const SEALED_HEAD_BYTES = 9 + WRAPPED_BYTES;
const SIGNED_CHARACTERS_MAX = 4096;

interface Keys {
  readonly wrap: KeyObject;
  readonly sign: KeyObject;
  readonly fingerprint: KeyObject;
}

export function createVault(options: VaultOptions): Vault {
  const masters = [options.current, ...options.older].toSorted((a, b) => a.version - b.version);
  const keys = new Map<number, Keys>(masters.map(({ version, secret }) => [version, deriveKeys(secret)]));
  if (keys.size !== masters.length) throw new Error('Two master keys have the same version.');
  const current = options.current.version;
  // The oldest key at hand, so that operations begun before a rotation still compare equal after it.
  const fingerprintKey = keys.get(masters[0]!.version)!.fingerprint;
  return {
    masterKeyVersion: current,
    seal: (plaintext, context) =>
      seal(keys.get(current)!.wrap, current, options.randomBytes, Buffer.from(plaintext), context),
    open: (sealed, context) => open(keys, Buffer.from(sealed), context),
    rewrap: (head, context) => rewrap(keys, current, options.randomBytes, Buffer.from(head), context),
    fingerprint: (text) => createHmac('sha256', fingerprintKey).update(text).digest('base64url'),
    sign: (purpose, payload, expiresAt) => sign(keys.get(current)!.sign, current, purpose, payload, expiresAt),
    verify: (purpose, token, now) => verify(keys, purpose, token, now),
    hashKey: (key) => hash('sha256', key, 'buffer'),
  };
}

function deriveKeys(secret: string): Keys {
  // As objects, because a key given as bytes is wrapped anew at every use.
  const derive = (use: string) =>
    createSecretKey(Buffer.from(hkdfSync('sha256', secret, 'portolan', `portolan ${use} 1`, KEY_BYTES)));
  return { wrap: derive('wrap'), sign: derive('sign'), fingerprint: derive('fingerprint') };
}

// Layout: format, master key version (4), wrapped data key (nonce, key, tag), value (nonce, ciphertext, tag). A rewrapped one has the
// version that the value was sealed under (4) behind its own, because the value is bound to that for good.
interface Envelope {
  readonly version: number;
  /** What stands before the wrapped key, which is bound to it. */
  readonly header: Buffer;
  readonly wrapped: Buffer;
  readonly value: Buffer;
  /** What the value is bound to. */
  readonly valueHeader: Buffer;
}

function readEnvelope(sealed: Buffer): Envelope {
  const headerBytes = HEADER_BYTES[sealed[0] ?? 0];
  if (headerBytes === undefined || sealed.length < headerBytes + WRAPPED_BYTES)
    throw decryptionFailed('The value has no known format: it was damaged. Enter the credential again.');
  const header = sealed.subarray(0, headerBytes);
  return {
    version: sealed.readUInt32BE(1),
    header,
    wrapped: sealed.subarray(headerBytes, headerBytes + WRAPPED_BYTES),
    value: sealed.subarray(headerBytes + WRAPPED_BYTES),
    valueHeader: sealed[0] === SEALED ? header : sealedHeader(sealed.readUInt32BE(5)),
  };
}

function sealedHeader(version: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES[SEALED]!);
  header.writeUInt8(SEALED, 0);
  header.writeUInt32BE(version, 1);
  return header;
}

function seal(
  master: KeyObject,
  version: number,
  randomBytes: (size: number) => Buffer,
  plaintext: Buffer,
  context: string,
): Buffer {
  const header = sealedHeader(version);
  const bound = Buffer.concat([header, Buffer.from(context)]);
  const dataKey = randomBytes(KEY_BYTES);
  return Buffer.concat([
    header,
    encrypt(master, randomBytes(NONCE_BYTES), dataKey, bound),
    encrypt(dataKey, randomBytes(NONCE_BYTES), plaintext, bound),
  ]);
}

function open(keys: ReadonlyMap<number, Keys>, sealed: Buffer, context: string): Buffer {
  const envelope = readEnvelope(sealed);
  const dataKey = dataKeyOf(keys, envelope, context);
  return opened(envelope, () =>
    decrypt(dataKey, envelope.value, Buffer.concat([envelope.valueHeader, Buffer.from(context)])),
  );
}

function rewrap(
  keys: ReadonlyMap<number, Keys>,
  current: number,
  randomBytes: (size: number) => Buffer,
  head: Buffer,
  context: string,
): { from: Buffer; to: Buffer } | null {
  const envelope = readEnvelope(head);
  if (envelope.version === current) return null;
  const dataKey = dataKeyOf(keys, envelope, context);
  const header = Buffer.alloc(HEADER_BYTES[REWRAPPED]!);
  header.writeUInt8(REWRAPPED, 0);
  header.writeUInt32BE(current, 1);
  envelope.valueHeader.copy(header, 5, 1);
  const bound = Buffer.concat([header, Buffer.from(context)]);
  const wrapped = encrypt(keys.get(current)!.wrap, randomBytes(NONCE_BYTES), dataKey, bound);
  return { from: Buffer.concat([envelope.header, envelope.wrapped]), to: Buffer.concat([header, wrapped]) };
}

function dataKeyOf(keys: ReadonlyMap<number, Keys>, envelope: Envelope, context: string): Buffer {
  const { version, header, wrapped } = envelope;
  const master = keys.get(version);
  if (!master)
    throw decryptionFailed(
      `Master key ${version} is not at hand. Name it in SECRET_KEYS_OLD, or enter the credential again.`,
    );
  return opened(envelope, () => decrypt(master.wrap, wrapped, Buffer.concat([header, Buffer.from(context)])));
}

function opened({ version }: Envelope, decrypted: () => Buffer): Buffer {
  try {
    return decrypted();
  } catch {
    throw decryptionFailed(
      `The value does not open under master key ${version}. Check SECRET_KEY, or enter the credential again.`,
    );
  }
}

function encrypt(key: KeyObject | Buffer, nonce: Buffer, plaintext: Buffer, bound: Buffer): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(bound);
  return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: KeyObject | Buffer, box: Buffer, bound: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, box.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(bound).setAuthTag(box.subarray(box.length - TAG_BYTES));
  return Buffer.concat([decipher.update(box.subarray(NONCE_BYTES, box.length - TAG_BYTES)), decipher.final()]);
}

function decryptionFailed(whatToDo: string): AppError {
  return new AppError('DECRYPTION_FAILED', `A stored credential cannot be decrypted. ${whatToDo}`);
}

interface Signed {
  /** Payload. */
  readonly p: object;
  /** Expiry, ms since the epoch; null where it holds for good. */
  readonly e: number | null;
}

function sign(key: KeyObject, version: number, purpose: string, payload: object, expiresAt: Date | null): string {
  const content: Signed = { p: payload, e: expiresAt?.getTime() ?? null };
  const body = `${version}.${Buffer.from(JSON.stringify(content)).toString('base64url')}`;
  return `${body}.${mac(key, purpose, body).toString('base64url')}`;
}

function verify<T extends object>(
  keys: ReadonlyMap<number, Keys>,
  purpose: string,
  token: string,
  now: Date,
): T | null {
  const [version, content, signature, ...rest] = token.length > SIGNED_CHARACTERS_MAX ? [] : token.split('.');
  if (!version || !content || !signature || rest.length > 0) return null;
  const key = /^[1-9]\d{0,9}$/.test(version) ? keys.get(Number(version)) : undefined;
  const given = Buffer.from(signature, 'base64url');
  if (!key || given.length !== 32 || !timingSafeEqual(given, mac(key.sign, purpose, `${version}.${content}`)))
    return null;
  const signed = JSON.parse(Buffer.from(content, 'base64url').toString()) as Signed;
  return signed.e !== null && signed.e <= now.getTime() ? null : (signed.p as T);
}

// The length in front keeps one purpose from running into another's text.
function mac(key: KeyObject, purpose: string, body: string): Buffer {
  return createHmac('sha256', key).update(`${purpose.length}:${purpose}:${body}`).digest();
}
