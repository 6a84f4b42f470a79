import { isIP } from 'node:net';
import { readAddressList } from '../../domain/addresses.ts';

/**
 * Where notifications may come from (payment-gateways.md 2.5, check 2). The published ranges are data that changes, so
 * a tenant's SOURCE_ADDRESSES replaces them: addresses and ranges, separated by commas or blanks; `loopback` names
 * this machine. A connection to a simulator on this machine takes this machine's notifications without being told.
 */
export const PUBLISHED_SOURCES =
  '197.97.145.144/28, 41.74.179.192/27, 102.216.36.0/28, 102.216.36.128/28, 144.126.193.139';

/** @returns null where the address may speak for the vendor, else why not. */
export function sourceRefusal(
  address: string | undefined,
  configured: string | undefined,
  baseUrl: string,
): string | null {
  if (address === undefined || isIP(address) === 0) return 'the source address is not known';
  const wanted = configured?.trim() || PUBLISHED_SOURCES;
  const allowed = readAddressList(isLoopbackUrl(baseUrl) ? `${wanted} loopback` : wanted);
  if (allowed === null) return 'SOURCE_ADDRESSES is no list of addresses';
  return allowed.has(address) ? null : 'the source address is not the gateway';
}

function isLoopbackUrl(baseUrl: string): boolean {
  const host = URL.parse(baseUrl)?.hostname ?? '';
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}
