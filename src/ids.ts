import type { Clock } from './clock.ts';

/** Makes ids that sort by time (UUID version 7, RFC 9562): index pages stay warm and keyset paging has a natural tie-break. */
export type NewId = () => string;

/** @param randomBytes a cryptographic source; injected, because nothing below app.ts draws randomness of its own. */
export function createIdSource(clock: Clock, randomBytes: (size: number) => Buffer): NewId {
  return () => {
    const bytes = randomBytes(16);
    bytes.writeUIntBE(clock.now().getTime(), 0, 6);
    bytes[6] = (bytes[6]! & 0x0f) | 0x70;
    bytes[8] = (bytes[8]! & 0x3f) | 0x80;
    const hex = bytes.toString('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  };
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function isUuid(text: string): boolean {
  return UUID.test(text);
}
