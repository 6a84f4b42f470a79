import { createHash, timingSafeEqual } from 'node:crypto';

import { AppError } from './errors.ts';

/** A place in the journal: of one tenant's stream and of the platform's. */
export interface CursorPlace {
  readonly position: bigint;
  readonly platformPosition: bigint;
}

/** What a cursor is good for: one tenant's stream in one life of the database. */
export interface CursorStream {
  readonly tenantId: string;
  readonly epoch: string;
}

/** A keyed hash that every process of the installation computes alike (the vault). */
export interface CursorKey {
  fingerprint(text: string): string;
}

const VERSION = 1;
const MAC_BYTES = 12;
const TEXT_MAX = 64;

/**
 * EventCursor on the wire: base64url of version, both positions and a keyed hash over these, the tenant and the epoch. Tenant and epoch
 * are not in the text, because whoever reads it knows them; another's cursor simply fails its hash. About 22 characters.
 */
export function encodeCursor(key: CursorKey, stream: CursorStream, place: CursorPlace): string {
  const plain = Buffer.from([VERSION, ...varint(place.position), ...varint(place.platformPosition)]);
  return Buffer.concat([plain, mac(key, stream, plain)]).toString('base64url');
}

/**
 * @throws CURSOR_INVALID for a text that is no cursor of ours, of another tenant, of a database since restored or reset, or from beyond
 * the head (`head` is where the streams stand now).
 */
export function decodeCursor(key: CursorKey, text: string, stream: CursorStream, head: CursorPlace): CursorPlace {
  const place = openCursor(key, text, stream);
  if (!place) throw invalid('It is not of this tenant and journal');
  if (place.position > head.position || place.platformPosition > head.platformPosition)
    throw invalid('It is beyond the head');
  return place;
}

/** What a cursor says; null where it is not of this stream. */
export function openCursor(key: CursorKey, text: string, stream: CursorStream): CursorPlace | null {
  const bytes = text.length <= TEXT_MAX ? Buffer.from(text, 'base64url') : Buffer.alloc(0);
  const plain = bytes.subarray(0, Math.max(0, bytes.length - MAC_BYTES));
  const place = parse(plain);
  const genuine = place !== null && timingSafeEqual(bytes.subarray(plain.length), mac(key, stream, plain));
  // Equal bytes may have several spellings in base64; only the one we gave out is taken.
  return genuine && bytes.toString('base64url') === text ? place : null;
}

function invalid(log: string): AppError {
  return new AppError(
    'CURSOR_INVALID',
    'This cursor is not of this journal. Query the present state and go on from its cursor.',
    { log },
  );
}

function mac(key: CursorKey, stream: CursorStream, plain: Buffer): Buffer {
  // Hashed once more, so that no part of a fingerprint made for something else ever stands in public.
  const keyed = key.fingerprint(`cursor:${stream.tenantId}:${stream.epoch}:${plain.toString('hex')}`);
  return createHash('sha256').update(keyed).digest().subarray(0, MAC_BYTES);
}

function varint(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  return [...bytes, Number(rest)];
}

function parse(plain: Buffer): CursorPlace | null {
  if (plain[0] !== VERSION) return null;
  const numbers: bigint[] = [];
  let value = 0n;
  let shift = 0n;
  for (const byte of plain.subarray(1)) {
    value |= BigInt(byte & 127) << shift;
    shift += 7n;
    if (byte < 128) {
      numbers.push(value);
      value = 0n;
      shift = 0n;
    }
  }
  const [position, platformPosition, ...rest] = numbers;
  return position !== undefined && platformPosition !== undefined && rest.length === 0 && shift === 0n
    ? { position, platformPosition }
    : null;
}
