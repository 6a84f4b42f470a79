import { BlockList, isIP } from 'node:net';

/**
 * Where notifications may come from (payment-gateways.md 2.5, check 2). The published ranges are data that changes, so
 * a tenant's SOURCE_ADDRESSES replaces them: addresses and ranges, separated by commas or blanks; `loopback` names
 * this machine. A connection to a simulator on this machine takes this machine's notifications without being told.
 */
export const PUBLISHED_SOURCES =
  '197.97.145.144/28, 41.74.179.192/27, 102.216.36.0/28, 102.216.36.128/28, 144.126.193.139';

const LOOPBACK = ['127.0.0.0/8', '::1'];

/** @returns null where the address may speak for the vendor, else why not. */
export function sourceRefusal(
  address: string | undefined,
  configured: string | undefined,
  baseUrl: string,
): string | null {
  const family = address === undefined ? 0 : isIP(address);
  if (address === undefined || family === 0) return 'the source address is not known';
  const wanted = (configured?.trim() || PUBLISHED_SOURCES).split(/[\s,]+/).filter((entry) => entry !== '');
  const entries = wanted.flatMap((entry) => (entry === 'loopback' ? LOOPBACK : [entry]));
  const allowed = toList(isLoopbackUrl(baseUrl) ? [...entries, ...LOOPBACK] : entries);
  if (allowed === null) return 'SOURCE_ADDRESSES is no list of addresses';
  return allowed.check(address, family === 6 ? 'ipv6' : 'ipv4') ? null : 'the source address is not the gateway';
}

function toList(entries: readonly string[]): BlockList | null {
  const list = new BlockList();
  for (const entry of entries) {
    const [address = '', bits, ...rest] = entry.split('/');
    const family = isIP(address);
    const bitsMax = family === 6 ? 128 : 32;
    const prefix = bits === undefined ? bitsMax : /^\d{1,3}$/.test(bits) ? Number(bits) : -1;
    if (family === 0 || rest.length > 0 || prefix < 0 || prefix > bitsMax) return null;
    list.addSubnet(address, prefix, family === 6 ? 'ipv6' : 'ipv4');
  }
  return list;
}

function isLoopbackUrl(baseUrl: string): boolean {
  const host = URL.parse(baseUrl)?.hostname ?? '';
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}
