import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import fc from '../helpers/property.ts';
import type { JsonValue } from '../../src/integrations/travel.ts';
import { signatureOf, signedText } from '../../src/integrations/travelpayouts/signature.ts';
import { searchSignature } from '../../src/integrations/travelpayouts/simulator-signature.ts';
import { CREDENTIALS } from '../helpers/travelpayouts.ts';

const { TOKEN } = CREDENTIALS;

const V1 = {
  marker: '123456',
  host: 'travel.example.com',
  user_ip: '203.0.113.7',
  locale: 'en-us',
  trip_class: 'Y',
  passengers: { adults: 1, children: 0, infants: 0 },
  segments: [
    { origin: 'LON', destination: 'BCN', date: '2026-09-09' },
    { origin: 'BCN', destination: 'LON', date: '2026-09-25' },
  ],
};

const V2 = {
  marker: '123456',
  host: 'travel.example.com',
  user_ip: '203.0.113.7',
  locale: 'en-us',
  currency: 'EUR',
  know_english: 'true',
  trip_class: 'Y',
  passengers: { adults: 2, children: 1, infants: 0 },
  segments: [{ origin: 'PRG', destination: 'LIS', date: '2026-10-14' }],
};

/** Of surface C, which has the same signature. */
const V3 = {
  currency_code: 'USD',
  marker: '123456',
  market_code: 'US',
  locale: 'US',
  search_params: {
    directions: [
      { origin: 'LAX', destination: 'NYC', date: '2026-09-09' },
      { origin: 'NYC', destination: 'LAX', date: '2026-09-25' },
    ],
    trip_class: 'Y',
    passengers: { adults: 1, children: 0, infants: 0 },
  },
};

type Body = Record<string, JsonValue>;

describe('the signature of a search', () => {
  test.each([
    [
      'V1',
      V1,
      'travel.example.com:en-us:123456:1:0:0:2026-09-09:BCN:LON:2026-09-25:LON:BCN:Y:203.0.113.7',
      '518c320a722f9a2c145c968fd19ab7d7',
    ],
    [
      'V2',
      V2,
      'EUR:travel.example.com:true:en-us:123456:2:1:0:2026-10-14:LIS:PRG:Y:203.0.113.7',
      '7da31d7ac4c4403ae73a8853377df8d3',
    ],
    ['V3', V3, 'USD:US:123456:US:2026-09-09:NYC:LAX:2026-09-25:LAX:NYC:1:0:0:Y', '45d8a0f078b253ca6c3aa841b7966db4'],
  ])('%s of travel-providers.md 4.3', (_name, body, text, md5) => {
    expect(signedText(TOKEN, body)).toBe(`${TOKEN}:${text}`);
    expect(signatureOf(TOKEN, body)).toBe(md5);
    expect(searchSignature(TOKEN, body)).toBe(md5);
  });

  test('is of the body without itself, and of nothing that is null', () => {
    const unused: Body = { ...V1, signature: 'anything', currency: null };
    expect(signatureOf(TOKEN, unused)).toBe('518c320a722f9a2c145c968fd19ab7d7');
    const inner: Body = { ...V1, passengers: { ...V1.passengers, signature: 'signed like any other' } };
    expect(signatureOf(TOKEN, inner)).not.toBe('518c320a722f9a2c145c968fd19ab7d7');
  });

  test('writes numbers and booleans plainly, and letters of any language in UTF-8', () => {
    const body = { b: true, a: 0, c: [false, 12.5, 'مدينة'] };
    expect(signedText('t', body)).toBe('t:0:true:false:12.5:مدينة');
    expect(signatureOf('t', body)).toBe(createHash('md5').update('t:0:true:false:12.5:مدينة', 'utf8').digest('hex'));
  });

  test('keeps the order of a list and forgets the order of keys', () => {
    const turned = { ...V1, segments: V1.segments.toReversed() };
    expect(signatureOf(TOKEN, turned)).not.toBe(signatureOf(TOKEN, V1));
    const shuffled = Object.fromEntries(Object.entries(V1).toReversed());
    expect(signatureOf(TOKEN, shuffled)).toBe(signatureOf(TOKEN, V1));
  });
});

/** Bodies of any shape and depth, in JSON's own values. */
const bodies = fc.dictionary(
  fc.string({ minLength: 1, maxLength: 8 }),
  fc.jsonValue({ maxDepth: 3 }).map((value) => value as JsonValue),
  { maxKeys: 6, noNullPrototype: true },
);

test('two implementations that know nothing of each other sign every body alike', () => {
  fc.assert(
    fc.property(bodies, fc.string({ minLength: 1, maxLength: 40 }), (body, token) => {
      expect(signatureOf(token, body)).toBe(searchSignature(token, JSON.parse(JSON.stringify(body)) as Body));
    }),
    { numRuns: 500 },
  );
});

test('every value that is signed changes it, and so does the token', () => {
  const marked = (segments: Body[]): Body => ({ ...V1, segments });
  const [first, second] = V1.segments;
  const changes: Body[] = [
    { ...V1, marker: '123457' },
    { ...V1, host: 'Travel.example.com' },
    { ...V1, user_ip: '203.0.113.8' },
    { ...V1, passengers: { adults: 2, children: 0, infants: 0 } },
    marked([{ ...first, date: '2026-09-10' }, { ...second }]),
    marked([{ ...first }]),
  ];
  const signatures = [...changes.map((body) => signatureOf(TOKEN, body)), signatureOf(`${TOKEN}0`, V1)];
  expect(new Set([...signatures, signatureOf(TOKEN, V1)]).size).toBe(changes.length + 2);
});
