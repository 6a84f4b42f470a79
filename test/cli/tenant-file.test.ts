import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { readTenantFile } from '../../src/cli/tenant-file.ts';

/** What a tenant's file may say, and how its faults are told (TEN-11). */
const EXAMPLE = readFileSync(new URL('../../examples/style-consultancy.yaml', import.meta.url), 'utf8');
const HEAD = 'tenant: { slug: x, name: X, currencyCode: ZAR }\n';

function faultsOf(text: string): string[] {
  try {
    readTenantFile(text, 'tenant.yaml');
    return [];
  } catch (error) {
    return [...(error as Error).message.matchAll(/^ {2}line (\d+)(?:, ([\w.-]+))?: .+$/gm)].map(([, line, where]) =>
      `${line} ${where ?? ''}`.trimEnd(),
    );
  }
}

test('the example is right, and amounts are read as they are written', () => {
  const { products, features } = readTenantFile(EXAMPLE, 'example');
  expect(products!['wardrobe-consultation']!.price).toEqual({ amount: '1500.00', currencyCode: 'ZAR' });
  expect(features!.blog).toEqual({ enabled: false });
});

test('all faults are told at once, each at its line, in the order of the file', () => {
  const text = EXAMPLE.replace('currencyCode: ZAR', 'currencyCode: ZZZ')
    .replace('- http://localhost:5173', '- localhost')
    .replace('monday: 09:00-17:00', 'monday: 17:00-09:00')
    .replace('minAdvanceHours: 24', 'minAdvanceHours: soon')
    .replace('store: on', 'shop: on')
    .replace('price: 3500.00 ZAR', 'price: a lot')
    .replace('stock: 50', 'stock: -1')
    .replace('    name: Wardrobe consultation\n', '');
  const lines = text.split('\n');
  const lineOf = (part: string) => lines.findIndex((line) => line.includes(part)) + 1;
  expect(faultsOf(text)).toEqual([
    `${lineOf('currencyCode: ZZZ')} tenant.currencyCode`,
    `${lineOf('- localhost')} portal.origins.2`,
    `${lineOf('monday: 17:00')} hours.monday`,
    `${lineOf('minAdvanceHours: soon')} bookingRules.minAdvanceHours`,
    `${lineOf('shop: on')} features.shop`,
    `${lineOf('wardrobe-consultation:')} products.wardrobe-consultation.name`,
    `${lineOf('price: a lot')} products.full-style-consultation.price`,
    `${lineOf('stock: -1')} products.full-style-consultation.stock`,
  ]);
});

test.each<[string, string, string[]]>([
  ['no YAML at all', 'tenant:\n  slug: x\n bad: [', ['3', '3']],
  ['a name that is there twice', 'tenant:\n  slug: x\n  slug: y\n', ['3']],
  ['nothing', '', ['1']],
  ['a list', '- tenant\n', ['1']],
  ['no tenant', 'keys: []\n', ['1 tenant']],
  ['a scope nobody knows', `${HEAD}keys:\n  - mode: TEST\n    scopes:\n      - all\n`, ['5 keys.0.scopes.0']],
  [
    'a credential the gateway has not',
    `${HEAD}gateways:\n  PAYFAST:\n    credentials:\n      KEY: X_Y\n`,
    ['5 gateways.PAYFAST.credentials.KEY'],
  ],
  [
    'a secret in the file',
    `${HEAD}gateways:\n  PAYFAST:\n    credentials:\n      PASSPHRASE: s3cret value\n`,
    ['5 gateways.PAYFAST.credentials.PASSPHRASE'],
  ],
  [
    'customers who book further ahead than operators',
    `${HEAD}bookingRules:\n  advanceBookingDays: 90\n  maxAdvanceDays: 30\n`,
    ['3 bookingRules.advanceBookingDays'],
  ],
  [
    'a config that is none of its key',
    `${HEAD}features:\n  blog: { enabled: on, config: { postsPerPage: many } }\n`,
    ['3 features.blog.config.postsPerPage'],
  ],
  ['a day that is none', `${HEAD}hours:\n  exceptions:\n    2030-02-30: closed\n`, ['4 hours.exceptions.2030-02-30']],
  [
    'an image without https',
    `${HEAD}products:\n  a:\n    name: A\n    price: 1 ZAR\n    category: b\n    images: [http://a.example/]\n`,
    ['7 products.a.images'],
  ],
  [
    'more decimals than the currency has',
    `${HEAD}products:\n  a:\n    name: A\n    price: 1.005 ZAR\n    category: b\n`,
    ['5 products.a.price.amount'],
  ],
])('%s is refused at its line', (_name, text, faults) => {
  expect(faultsOf(text)).toEqual(faults);
});
