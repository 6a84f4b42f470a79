import type { IncomingMessage } from 'node:http';

import type { AddressList } from '../domain/addresses.ts';

const HOPS_MAX = 32;

/**
 * Who is at the other end of a connection. X-Forwarded-For is a header anybody can write, so it is read only where the connection
 * itself comes from a proxy named in TRUSTED_PROXIES, and only as far back as such proxies wrote it: the first address from the right
 * that is none of them is the one our own edge saw.
 * @returns an empty text where it is not known
 */
export function sourceAddressOf(request: IncomingMessage, trusted: AddressList): string {
  const peer = request.socket.remoteAddress ?? '';
  if (!trusted.has(peer)) return peer;
  const header = request.headers['x-forwarded-for'];
  const text = Array.isArray(header) ? header.join(',') : (header ?? '');
  const hops = text === '' ? [] : text.split(',', HOPS_MAX + 1).map((hop) => hop.trim());
  // A proxy adds one; a list of this length was made up by a caller, and its end is out of reach.
  if (hops.length > HOPS_MAX) return '';
  return hops.findLast((hop) => !trusted.has(hop)) ?? hops[0] ?? peer;
}
