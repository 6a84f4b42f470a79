import { expect, test } from 'vitest';

import { faultOfBaseUrl } from '../../src/domain/base-url.ts';

const PUBLIC = [
  'https://test.ean.com/v3',
  'https://api.tequila.kiwi.com',
  'https://8.8.8.8/x',
  'https://[2606:4700::1]/',
];

test.each(PUBLIC)('%s may be called, in production, too', (url) => {
  expect(faultOfBaseUrl(url, true)).toBeNull();
  expect(faultOfBaseUrl(url, false)).toBeNull();
});

/** Every way to write this machine, its network, and what a cloud answers its own machines by. */
const INSIDE = [
  'https://localhost/v3',
  'https://LOCALHOST.',
  'https://api.localhost',
  'https://127.0.0.1:8443',
  'https://127.1',
  'https://2130706433',
  'https://0x7f.0.0.1',
  'https://0177.0.0.1',
  'https://0.0.0.0',
  'https://10.1.2.3',
  'https://172.16.0.1',
  'https://172.31.255.255',
  'https://192.168.1.1',
  'https://169.254.169.254/latest',
  'https://100.64.0.1',
  'https://224.0.0.1',
  'https://[::1]',
  'https://[::]',
  'https://[::ffff:127.0.0.1]',
  'https://[::ffff:10.0.0.1]',
  'https://[::127.0.0.1]',
  'https://[fe80::1]',
  'https://[fd00::1]',
  'https://[64:ff9b::7f00:1]',
  'https://metadata.google.internal',
  'https://printer.local',
  'https://intranet',
  'https://db',
];

test.each(INSIDE)('%s is never called in production, and may be in development', (url) => {
  expect(faultOfBaseUrl(url, true)).toMatch(/local or private/);
  expect(faultOfBaseUrl(url, false)).toBeNull();
});

test('the edges of the private ranges are where they are', () => {
  for (const url of ['https://172.15.255.255', 'https://172.32.0.1', 'https://11.0.0.1', 'https://9.255.255.255'])
    expect(faultOfBaseUrl(url, true), url).toBeNull();
});

test('http is for development only', () => {
  expect(faultOfBaseUrl('http://test.ean.com/v3', true)).toMatch(/https only/);
  expect(faultOfBaseUrl('http://test.ean.com/v3', false)).toBeNull();
});

test.each([
  'ftp://test.ean.com',
  'file:///etc/passwd',
  'javascript:alert(1)',
  'test.ean.com',
  '',
  'https://',
  'https://user@test.ean.com',
  'https://user:secret@test.ean.com',
  'https://test.ean.com/v3?key=1',
  'https://test.ean.com/v3#x',
  `https://test.ean.com/${'x'.repeat(500)}`,
])('%s is no base URL anywhere', (url) => {
  for (const production of [true, false]) expect(faultOfBaseUrl(url, production)).not.toBeNull();
});
