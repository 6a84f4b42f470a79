import { BlockList, isIP } from 'node:net';

/**
 * Lists of network addresses as operators write them: addresses and ranges (`102.216.36.0/28`), separated by commas or
 * blanks; `loopback` names this machine.
 */
export interface AddressList {
  /** False for what is no address. An IPv4 address that came over an IPv6 socket (`::ffff:...`) is the IPv4 address. */
  has(address: string): boolean;
}

const LOOPBACK = ['127.0.0.0/8', '::1'];

/** @returns null where an entry is no address and no range. */
export function readAddressList(text: string): AddressList | null {
  const list = new BlockList();
  const written = text.split(/[\s,]+/).filter((entry) => entry !== '');
  for (const entry of written.flatMap((one) => (one === 'loopback' ? LOOPBACK : [one]))) {
    const [address = '', bits, ...rest] = entry.split('/');
    const family = isIP(address);
    const bitsMax = family === 6 ? 128 : 32;
    const prefix = bits === undefined ? bitsMax : /^\d{1,3}$/.test(bits) ? Number(bits) : -1;
    if (family === 0 || rest.length > 0 || prefix < 0 || prefix > bitsMax) return null;
    list.addSubnet(address, prefix, family === 6 ? 'ipv6' : 'ipv4');
  }
  return {
    has: (address) => {
      const family = isIP(address);
      return family !== 0 && list.check(address, family === 6 ? 'ipv6' : 'ipv4');
    },
  };
}
