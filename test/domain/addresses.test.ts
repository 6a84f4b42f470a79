import { describe, expect, test } from 'vitest';

import { readAddressList } from '../../src/domain/addresses.ts';

describe('a list of addresses', () => {
  const list = readAddressList('102.216.36.0/28, 144.126.193.139\n2001:db8::/32 loopback')!;

  test.each([
    ['102.216.36.0', true],
    ['102.216.36.15', true],
    ['102.216.36.16', false],
    ['102.216.35.255', false],
    ['144.126.193.139', true],
    ['144.126.193.138', false],
    ['2001:db8::1', true],
    ['2001:db9::1', false],
    ['127.0.0.1', true],
    ['127.255.255.255', true],
    ['::1', true],
    ['::ffff:102.216.36.3', true],
    ['::ffff:102.216.36.33', false],
    ['', false],
    ['localhost', false],
    ['102.216.36.3:443', false],
  ])('has %s: %s', (address, has) => expect(list.has(address)).toBe(has));

  test('of nothing has nobody', () => expect(readAddressList(' , ')!.has('127.0.0.1')).toBe(false));

  test.each(['example.com', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/8/8', '10.0.0/8', '::1/129', '10.0.0.0/x', '*'])(
    '%s is no entry of one',
    (entry) => expect(readAddressList(`127.0.0.1, ${entry}`)).toBe(null),
  );
});
