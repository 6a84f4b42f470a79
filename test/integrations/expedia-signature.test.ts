import { describe, expect, test } from 'vitest';
import fc from '../helpers/property.ts';
import { readAuthorization, unauthenticated } from '../../src/integrations/expedia/simulator-entrance.ts';
import { authorizationOf, createClockOffsets, signatureOf } from '../../src/integrations/expedia/signature.ts';
import type { Account } from '../../src/integrations/expedia/simulator-model.ts';
import { KEYS } from '../helpers/expedia.ts';

/** travel-providers.md 1.3. The simulator's own code stands on the other side: neither knows the other. */
const SIGNING = { apiKey: KEYS.apiKey, secret: KEYS.sharedSecret };
const AT = 1_767_225_600;
const FIRST =
  '6c932fd4448351edaf5a2c941cd895a7cbdee547cd23ab93874a77793d45097630c115292c7b1100bf687fcae180762476f5e619bf69eb322b8a7e4c5e48835f';
const SECOND =
  '5eeededd2c708a5e592a8a6a56ba5dcdddc6be729f70895564bc1f7891ea3629f366585864b4fbe6663c9258f260d0ba9bf7cfb954cc0ea953e50137797ee7cb';

function verdict(authorization: string, now: number, sharedSecret = KEYS.sharedSecret, offset = 0) {
  const request = { method: 'GET', path: '/v3/regions', query: new URLSearchParams(), body: '' };
  const apiKey = readAuthorization(authorization)?.get('apikey') ?? '';
  const account = { apiKey, sharedSecret, clockOffsetSeconds: offset } as Account;
  return unauthenticated({ ...request, headers: { authorization } }, account, new Date(now * 1_000));
}

describe('the vectors', () => {
  test.each([
    [AT, FIRST],
    [AT + 300, SECOND],
  ])('at %d', (timestamp, signature) => {
    expect(signatureOf(SIGNING, timestamp)).toBe(signature);
  });

  test('the whole header, in one line', () => {
    expect(authorizationOf(SIGNING, AT)).toBe(`EAN apikey=${KEYS.apiKey},signature=${FIRST},timestamp=${AT}`);
  });

  test('the simulator takes the header as it stands in the documents, and no other signature', () => {
    expect(verdict(`EAN apikey=${KEYS.apiKey},signature=${FIRST},timestamp=${AT}`, AT)).toBeNull();
    expect(verdict(`EAN APIKey=${KEYS.apiKey},Signature=${FIRST},timestamp=${AT}`, AT)).toBeNull();
    for (const wrong of [
      `EAN apikey=${KEYS.apiKey},signature=${SECOND},timestamp=${AT}`,
      `EAN apikey=${KEYS.apiKey},signature=${FIRST.toUpperCase()},timestamp=${AT}`,
      `EAN apikey=${KEYS.apiKey},signature=${FIRST},timestamp=${AT + 1}`,
      `Bearer apikey=${KEYS.apiKey},signature=${FIRST},timestamp=${AT}`,
      `EAN apikey=${KEYS.apiKey},timestamp=${AT}`,
      '',
    ]) {
      expect(verdict(wrong, AT)).toMatchObject({ status: 401, headers: { 'www-authenticate': 'EAN' } });
    }
  });

  test('five minutes either way are in, one second more is not', () => {
    const header = authorizationOf(SIGNING, AT);
    for (const now of [AT - 300, AT + 300]) expect(verdict(header, now)).toBeNull();
    for (const now of [AT - 301, AT + 301]) expect(verdict(header, now)).toMatchObject({ status: 401 });
  });
});

test('what the client signs, the vendor takes: for every key, secret and time; and nothing signed otherwise', () => {
  const word = fc.string({ unit: fc.constantFrom(...'abcXYZ0189=/+_-.~!'), minLength: 4, maxLength: 40 });
  fc.assert(
    fc.property(word, word, word, fc.integer({ min: 1e9, max: 4e9 }), (apiKey, secret, other, timestamp) => {
      const header = authorizationOf({ apiKey, secret }, timestamp);
      expect(verdict(header, timestamp, secret)).toBeNull();
      if (other !== secret) expect(verdict(header, timestamp, other)).not.toBeNull();
    }),
  );
});

describe('the clock', () => {
  const origin = 'https://test.ean.com';
  const now = new Date(AT * 1_000);

  test('is learnt from a refusal that our time explains, and signs every later request for that host', () => {
    const offsets = createClockOffsets();
    expect(offsets.of(origin)).toBe(0);
    expect(offsets.learn(origin, { now, sent: AT }, AT + 3_600)).toBe(true);
    expect(offsets.of(origin)).toBe(3_600);
    expect(offsets.of('https://api.ean.com')).toBe(0);
    // Ours was set right meanwhile.
    expect(offsets.learn(origin, { now, sent: AT + 3_600 }, AT)).toBe(true);
    expect(offsets.of(origin)).toBe(0);
  });

  test.each([
    ['equal times: the key is wrong', AT + 5],
    ['a time that is days away', AT + 10 * 86_400],
  ])('is not learnt from %s', (_name, serverTime) => {
    const offsets = createClockOffsets();
    expect(offsets.learn(origin, { now, sent: AT }, serverTime)).toBe(false);
    expect(offsets.of(origin)).toBe(0);
  });

  test('is remembered for so many hosts and no more', () => {
    const offsets = createClockOffsets();
    for (let host = 0; host < 100; host++) offsets.learn(`https://h${host}.example`, { now, sent: AT }, AT + 600);
    expect(offsets.of('https://h0.example')).toBe(0);
    expect(offsets.of('https://h99.example')).toBe(600);
  });
});
