import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { loadConfig } from '../../src/config.ts';
import { sourceAddressOf } from '../../src/http/source.ts';

/** Who is at the other end of a connection, over real sockets: the peer, or what a proxy of ours says of it. */
const ENVIRONMENT = { DATABASE_URL: 'postgresql://x@localhost/x', SECRET_KEY: 'x'.repeat(32) };
const trusting = (TRUSTED_PROXIES: string) => loadConfig({ ...ENVIRONMENT, TRUSTED_PROXIES }).trustedProxies;
const CLIENT = '203.0.113.9';

let trusted = trusting('');
let port: number;
const server = http.createServer((request, response) => response.end(sourceAddressOf(request, trusted)));
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ({ port } = server.address() as AddressInfo);
});
afterAll(() => void server.close());

async function seen(forwarded: string | readonly string[] | undefined, proxies: string): Promise<string> {
  trusted = trusting(proxies);
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
  return new Promise((resolve, reject) => {
    const sent = http.get({ port, host: '127.0.0.1', headers: headers as http.OutgoingHttpHeaders }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      answer.on('end', () => resolve(text));
    });
    sent.on('error', reject);
  });
}

describe('without a trusted proxy', () => {
  test('it is the peer, whatever a header says', async () => {
    for (const header of [undefined, CLIENT, `${CLIENT}, 10.0.0.1`]) expect(await seen(header, '')).toBe('127.0.0.1');
    expect(await seen(CLIENT, '10.0.0.0/8'), 'the peer is not the proxy that is trusted').toBe('127.0.0.1');
  });
});

describe('behind trusted proxies', () => {
  test.each([
    [undefined, '127.0.0.1'],
    [CLIENT, CLIENT],
    [`198.51.100.1, ${CLIENT}`, CLIENT],
    [`198.51.100.1, ${CLIENT}, 10.1.2.3`, CLIENT],
    [`${CLIENT},10.1.2.3 , 10.0.0.1`, CLIENT],
    ['10.1.2.3, 10.0.0.1', '10.1.2.3'],
    ['2001:db8::7', '2001:db8::7'],
    [`${CLIENT}, nobody`, 'nobody'],
    [`${CLIENT}, `, ''],
  ])('of %s it is %s', async (header, address) => {
    expect(await seen(header, 'loopback 10.0.0.0/8')).toBe(address);
  });

  test('several headers are one list', async () => {
    expect(await seen(['198.51.100.1', CLIENT], 'loopback')).toBe(CLIENT);
  });

  test('a list that is too long to be of proxies of ours names nobody', async () => {
    const long = Array.from({ length: 33 }, () => CLIENT).join(',');
    expect(await seen(long, 'loopback')).toBe('');
    expect(await seen(long.slice(CLIENT.length + 1), 'loopback')).toBe(CLIENT);
  });
});

test('TRUSTED_PROXIES that are no addresses are reported when the process starts', () => {
  expect(() => trusting('proxy.example')).toThrow('TRUSTED_PROXIES: must be addresses or ranges');
});
