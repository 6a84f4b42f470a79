import { isIP } from 'node:net';
import { readAddressList } from '../domain/addresses.ts';

/**
 * Where a vendor's webhooks may come from. The published ranges are data that changes, so a tenant's SOURCE_ADDRESSES
 * replaces them: addresses and ranges, separated by commas or blanks; `loopback` names this machine. A connection to
 * a simulator on this machine takes this machine's webhooks without being told.
 */
export interface Sources {
  readonly published: string;
  readonly configured: string | undefined;
  /** Of the connection. */
  readonly baseUrl: string;
}

/** @returns null where the address may speak for the vendor, else why not. */
export function sourceRefusal(address: string | undefined, { published, configured, baseUrl }: Sources): string | null {
  if (address === undefined || isIP(address) === 0) return 'the source address is not known';
  const wanted = configured?.trim() || published;
  const allowed = readAddressList(isLoopbackUrl(baseUrl) ? `${wanted} loopback` : wanted);
  if (allowed === null) return 'SOURCE_ADDRESSES is no list of addresses';
  return allowed.has(address) ? null : 'the source address is not the gateway';
}

function isLoopbackUrl(baseUrl: string): boolean {
  const host = URL.parse(baseUrl)?.hostname ?? '';
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}
