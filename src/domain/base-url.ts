import { readAddressList, type AddressList } from './addresses.ts';

/**
 * Addresses that a platform administrator gives us to call (PRV-1). In production we must not be turned against the network we stand in:
 * only https, and no host that is this machine's or its neighbours'.
 */

/** Loopback, private, link-local, carrier-grade, documentation, multicast and unspecified ranges. */
const INSIDE = listOf(
  '0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.168.0.0/16',
  '198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/3 ::/127 64:ff9b::/96 100::/64 2001:db8::/32 fc00::/7 fe80::/10 ff00::/8',
);
/** Names that only a local resolver knows. */
const INSIDE_NAMES = /(^|\.)(localhost|local|localdomain|internal|intranet|lan|home|corp|private|home\.arpa)$/;
const CHARACTERS_MAX = 500;

/** What is wrong with a base URL, in a sentence; null where it may be used. */
export function faultOfBaseUrl(text: string, production: boolean): string | null {
  const url = text.length <= CHARACTERS_MAX && URL.canParse(text) ? new URL(text) : null;
  if (!url || !['http:', 'https:'].includes(url.protocol))
    return 'A base URL is an absolute http or https address, of 500 characters at most.';
  if (url.username !== '' || url.password !== '')
    return 'A base URL holds no user name or password: those are credentials.';
  if (url.search !== '' || url.hash !== '') return 'A base URL has neither a query nor a fragment.';
  if (!production) return null;
  if (url.protocol !== 'https:') return 'In production a provider is called by https only.';
  return isInside(url.hostname) ? 'In production a provider is not called at a local or private address.' : null;
}

/** True for this machine and its neighbours. The URL parser has made one form of every way to write an IPv4 address; give it that. */
export function isInside(hostname: string): boolean {
  const name = hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  if (INSIDE.has(mappedIpv4(name) ?? name)) return true;
  const isAddress = /^[\d.]+$/.test(name) || name.includes(':');
  // A name without a dot is looked up among the neighbours.
  return !isAddress && (!name.includes('.') || INSIDE_NAMES.test(name));
}

/** An IPv4 address written as IPv6: `::ffff:7f00:1`, or with the older prefix `::7f00:1`. */
function mappedIpv4(name: string): string | null {
  const [, high, low] = /^::(?:ffff:)?([\da-f]{1,4}):([\da-f]{1,4})$/.exec(name) ?? [];
  if (high === undefined || low === undefined) return null;
  const [a, b] = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return [a >> 8, a & 255, b >> 8, b & 255].join('.');
}

function listOf(...ranges: readonly string[]): AddressList {
  const list = readAddressList(ranges.join(' '));
  if (!list) throw new Error('A range is mistyped.');
  return list;
}
