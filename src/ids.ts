import type { Clock } from './clock.ts';

/** Makes ids that sort by time (UUID version 7, RFC 9562): index pages stay warm and keyset paging has a natural tie-break. */
export type NewId = () => string;

/** Randomness is drawn for this many ids at once: a system call for each would be dear, as every request has an id. */
const IDS_DRAWN = 256;
const ID_BYTES = 16;

/** @param randomBytes a cryptographic source; injected, because nothing below app.ts draws randomness of its own. */
export function createIdSource(clock: Clock, randomBytes: (size: number) => Buffer): NewId {
  let drawn: Buffer = Buffer.alloc(0);
  let at = 0;
  return () => {
    if (at >= drawn.length) {
      drawn = randomBytes(IDS_DRAWN * ID_BYTES);
      at = 0;
    }
    drawn.writeUIntBE(clock.now().getTime(), at, 6);
    drawn[at + 6] = (drawn[at + 6]! & 0x0f) | 0x70;
    drawn[at + 8] = (drawn[at + 8]! & 0x3f) | 0x80;
    const hex = drawn.toString('hex', at, at + ID_BYTES);
    at += ID_BYTES;
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  };
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function isUuid(text: string): boolean {
  return UUID.test(text);
}
