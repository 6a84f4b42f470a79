import { describe, expect, test } from 'vitest';
import fc from '../helpers/property.ts';
import {
  commandText,
  requestText,
  resultText,
  sameHash,
  sha512,
  type SignedFields,
} from '../../src/integrations/payu/signature.ts';

/** Vectors of payment-gateways.md 3.3 to 3.5: published ones are the vendor's, computed ones were checked twice. */
const SALT = 'sAlTsAlT0123456789';

const ASHA: SignedFields = {
  key: 'gtTest1',
  txnid: 'ord1001a1',
  amount: '499.00',
  productinfo: 'Order 1001',
  firstname: 'Asha',
  email: 'asha@example.com',
  udf1: 'tenant_t1',
  udf2: 'pay_8842',
};

const SHOPPING: SignedFields = {
  key: 'C0Dr8m',
  txnid: '12345',
  amount: '10',
  productinfo: 'Shopping',
  firstname: 'Test',
  email: 'test@test.com',
  udf2: 'abc',
  udf4: '15',
};

const JACOB: SignedFields = {
  key: 'bjg$121',
  txnid: '3123',
  amount: '1000',
  productinfo: 'mobile',
  firstname: 'Jacob',
  email: 'test@payu.in',
};

describe('the hash of a payment form', () => {
  test.each([
    [
      'computed',
      ASHA,
      SALT,
      'gtTest1|ord1001a1|499.00|Order 1001|Asha|asha@example.com|tenant_t1|pay_8842|||||||||sAlTsAlT0123456789',
      '2b2e6d90e3fd5dbffc7530ce063cd711310c986fb9dd623bd9ddc92ee33a61b83800d3342170db73e4eeb380894945b4ed20730ef4037c4ce66699a5dea07ac3',
    ],
    [
      "published in the vendor's documentation",
      SHOPPING,
      '3sf0jURk',
      'C0Dr8m|12345|10|Shopping|Test|test@test.com||abc||15|||||||3sf0jURk',
      'ffcdbf04fa5beefdcc2dd476c18bc410f02b3968e7f4f54e8f43f1e1a310bb32e3b4dec9305232bb89db5b1d0c009a53bcace6f4bd8ec2f695baf3d43ba730ce',
    ],
    [
      "published in the vendor's own test",
      JACOB,
      'vhgvs75',
      'bjg$121|3123|1000|mobile|Jacob|test@payu.in|||||||||||vhgvs75',
      '19d0822939b32b371847521c89aba3521de3a9bfeabeee5dab2d6f41962ff9fcdcee87067bb3a3de870acce488f9ff88a3511bb78c6143344a277b1b91ad38b8',
    ],
  ])('%s', (_name, fields, salt, text, hash) => {
    expect(requestText(fields, salt)).toBe(text);
    expect(sha512(requestText(fields, salt))).toBe(hash);
  });

  test('covers the text of the amount: 499.00 is not 499', () => {
    expect(sha512(requestText({ ...ASHA, amount: '499' }, SALT))).not.toBe(sha512(requestText(ASHA, SALT)));
  });
});

describe('the hash of a result', () => {
  test.each([
    [
      'success, computed',
      ASHA,
      'success',
      null,
      SALT,
      'sAlTsAlT0123456789|success|||||||||pay_8842|tenant_t1|asha@example.com|Asha|Order 1001|499.00|ord1001a1|gtTest1',
      '93c6dc3f857bb2359e116599138259d1ad24ecfd82a5bcaa71a9d89a1fff8392987a852f5d9c9789ed01654d9e2f02f49a97edfac34e83dcf7be2ab3c4522215',
    ],
    [
      'failure, computed',
      ASHA,
      'failure',
      '',
      SALT,
      'sAlTsAlT0123456789|failure|||||||||pay_8842|tenant_t1|asha@example.com|Asha|Order 1001|499.00|ord1001a1|gtTest1',
      'b6cb42f6cfd6f26002a7d09745df7396d5214a85adabdb69012f96d61b707af7f90611300f74869225fbe3d659946a36ef17e8cfee544fdff1842cc96efb22f6',
    ],
    [
      'additional charges, computed',
      ASHA,
      'success',
      '9.98',
      SALT,
      '9.98|sAlTsAlT0123456789|success|||||||||pay_8842|tenant_t1|asha@example.com|Asha|Order 1001|499.00|ord1001a1|gtTest1',
      '5218f26e3a96f308fcdb9f5ca4216d4591929a62cec13a8ffad204783483ae2af551c950a3fd86d606c3df689f02ec19e6aea3acb3605389510db7a7cf24ca83',
    ],
    [
      "success, published in the vendor's own test",
      JACOB,
      'success',
      null,
      'vhgvs75',
      'vhgvs75|success|||||||||||test@payu.in|Jacob|mobile|1000|3123|bjg$121',
      '687c82156a84271a7a6c63d0e8774d5ac567d9b894a334a47d72e47b72392a5167a1b2add5b253490b70731d9eb3e3a3b7225e0c5f26829befafbbee71977c4c',
    ],
  ])('%s', (_name, fields, status, charges, salt, text, hash) => {
    expect(resultText(fields, status, charges, salt)).toBe(text);
    expect(sha512(resultText(fields, status, charges, salt))).toBe(hash);
  });

  test('is another one without its status, which the official Python code leaves out', () => {
    const without = resultText(ASHA, 'success', null, SALT).replace('|success', '');
    expect(sha512(without)).not.toBe(sha512(resultText(ASHA, 'success', null, SALT)));
  });
});

describe('the hash of a command', () => {
  test.each([
    [
      'computed',
      'gtTest1',
      'verify_payment',
      'ord1001a1',
      SALT,
      'fa4e01576b7cbe5da635266b484c47bc1ebf2e1c7584cc6571e36b26b34145d05f52b361a10b0d1c6754496712123ea6738075dab489ce92fd55e2fc1ebddfaa',
    ],
    [
      'computed',
      'gtTest1',
      'cancel_refund_transaction',
      '403993715521937565',
      SALT,
      'e82a4a72cb3d569ff46289428b9e39f3bcc117e5cd67157d48c891c23bdea70d2996b54f2bb9b94512866e1a5e1fc8e259c13a9a0c6a9d4660c167ccfa216096',
    ],
    [
      'computed',
      'gtTest1',
      'check_action_status',
      '131278422',
      SALT,
      '9488c2a42bef3ee1142336246ad94bab09639f341a6601972e884b6756904076eb8692eb85fa8a70c3a5d0f2aa6d5a12b5136034cbfab1acd797c56e7e080b16',
    ],
    [
      'published',
      'JPM7Fg',
      'verify_payment',
      'IhfgcZnXR4o4nB',
      'TuxqAugd',
      'a0ae79fdd66c875af6e9b21c4a67f1822deb00f2df5e9f0b1948f3222f536a9bf741b24efbb1874ca0f84f76b036e6c0d641581d0100f7abe4aeed2f3264f5c9',
    ],
    [
      'published',
      'JPM7Fg',
      'check_action_status',
      '403993715521937565',
      'TuxqAugd',
      '81bdb5b8e625f254398d744269844fc6b9d87b3782670331c2a6b856f42f315b9898f397df7292cfd33a6153abf4acac58ce3ac671e41999ff81d98ce432f48e',
    ],
  ])('%s: %s %s %s', (_name, key, command, var1, salt, hash) => {
    expect(sha512(commandText(key, command, var1, salt))).toBe(hash);
  });
});

describe('for every payment without bars in its values', () => {
  const value = fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('|'));
  const names = ['key', 'txnid', 'amount', 'productinfo', 'firstname', 'email', 'udf1', 'udf2', 'udf3', 'udf4', 'udf5'];
  const fields = fc.record(Object.fromEntries(names.map((name) => [name, value]))) as fc.Arbitrary<SignedFields>;

  test('a request has 17 elements, a result 18, one with charges 19, and the salt stands at the right end', () => {
    fc.assert(
      fc.property(fields, value, (signed, status) => {
        const [request, result, charged] = [
          requestText(signed, SALT),
          resultText(signed, status, null, SALT),
          resultText(signed, status, '9.98', SALT),
        ].map((text) => text.split('|'));
        expect([request, result, charged].map((elements) => elements?.length)).toEqual([17, 18, 19]);
        expect([request?.[16], result?.[0], charged?.[1]]).toEqual([SALT, SALT, SALT]);
        expect(result?.slice(7)).toEqual(request?.slice(0, 11).toReversed());
      }),
    );
  });

  test('no signed value can change without the hash changing', () => {
    fc.assert(
      fc.property(fields, fc.constantFrom(...names), value, (signed, name, other) => {
        fc.pre(other !== (signed as Record<string, string>)[name]);
        const changed = { ...signed, [name]: other };
        expect(requestText(changed, SALT)).not.toBe(requestText(signed, SALT));
        expect(resultText(changed, 'success', null, SALT)).not.toBe(resultText(signed, 'success', null, SALT));
      }),
    );
  });
});

test('hashes are compared whatever the case of their hex, and only whole ones', () => {
  const hash = sha512('a');
  expect(sameHash(hash, hash.toUpperCase())).toBe(true);
  for (const given of ['', hash.slice(1), `${hash}0`, hash.replace(/./, 'g'), 'é'.repeat(128), sha512('b')]) {
    expect(sameHash(hash, given)).toBe(false);
  }
});
