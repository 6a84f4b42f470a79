import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import fc from '../helpers/property.ts';
import {
  apiText,
  checkoutText,
  phpTrim,
  phpUrlencode,
  sameSignature,
  signApi,
  signOrdered,
  type Field,
} from '../../src/integrations/payfast/signature.ts';

/** Vectors of payment-gateways.md 0.3, 2.4 and 2.6. */
const PASSPHRASE = 'jt7NOE43FZPn';

const CHECKOUT: readonly Field[] = [
  ['merchant_id', '10000100'],
  ['merchant_key', '46f0cd694581a'],
  ['return_url', 'https://shop.example.com/pay/return'],
  ['cancel_url', 'https://shop.example.com/pay/cancel'],
  ['notify_url', 'https://shop.example.com/hooks/payfast/t1'],
  ['name_first', 'Thandi'],
  ['name_last', "O'Neill"],
  ['email_address', 'thandi@example.com'],
  ['m_payment_id', 'ord_1001'],
  ['amount', '249.90'],
  ['item_name', 'Order #1001 (2 items)'],
  ['item_description', 'Tea & cups'],
  ['custom_str1', 'tenant_t1'],
];

const CHECKOUT_TEXT =
  'merchant_id=10000100&merchant_key=46f0cd694581a&return_url=https%3A%2F%2Fshop.example.com%2Fpay%2Freturn' +
  '&cancel_url=https%3A%2F%2Fshop.example.com%2Fpay%2Fcancel' +
  '&notify_url=https%3A%2F%2Fshop.example.com%2Fhooks%2Fpayfast%2Ft1&name_first=Thandi&name_last=O%27Neill' +
  '&email_address=thandi%40example.com&m_payment_id=ord_1001&amount=249.90' +
  '&item_name=Order+%231001+%282+items%29&item_description=Tea+%26+cups&custom_str1=tenant_t1';

/** What a plain encodeURIComponent signs: O'Neill and the brackets left bare. */
const WRONG = 'bac6a2ce5505d66e4743be88a938c69b';

const HEADERS = { 'merchant-id': '10000100', version: 'v1', timestamp: '2026-05-04T10:15:30+02:00' };

describe("PHP's urlencode", () => {
  test.each([
    ["O'Neill", 'O%27Neill'],
    ['Order #1001 (2 items)', 'Order+%231001+%282+items%29'],
    ['a~b*c!', 'a%7Eb%2Ac%21'],
    ['-_.', '-_.'],
    ['شاي', '%D8%B4%D8%A7%D9%8A'],
  ])('%s', (text, encoded) => expect(phpUrlencode(text)).toBe(encoded));

  test('is the fix-up of encodeURIComponent that the specification gives, for every text', () => {
    const specified = (text: string): string =>
      encodeURIComponent(text)
        .replace(/[!'()*~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
        .replace(/%20/g, '+');
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(phpUrlencode(text)).toBe(specified(text));
      }),
    );
  });

  test('takes a text that is no Unicode without throwing', () => expect(phpUrlencode('\ud800')).toBe('%EF%BF%BD'));
});

describe('the checkout signature', () => {
  test('signs the string of the specification', () => expect(checkoutText(CHECKOUT)).toBe(CHECKOUT_TEXT));

  test.each([
    ['without a passphrase', '', 'a7458b1cdb02a0695d1adb1e13df993d'],
    ['with the passphrase', PASSPHRASE, '1169dc6b20410f11bb1a4764f69e177f'],
    ['with a passphrase that has a blank and a slash', 'my pass/phrase', '2811579bbf257b399a2c594b3b4dd5f3'],
  ])('%s', (_name, passphrase, signature) => {
    expect(signOrdered(checkoutText(CHECKOUT), passphrase)).toBe(signature);
  });

  test('is never the one of a plain encodeURIComponent, and that one is refused', () => {
    const plain = CHECKOUT.map(([name, value]) => `${name}=${encodeURIComponent(value).replaceAll('%20', '+')}`);
    const texts = [plain.join('&'), `${plain.join('&')}&passphrase=${PASSPHRASE}`];
    expect(texts.map((text) => createHash('md5').update(text).digest('hex'))).toContain(WRONG);
    for (const passphrase of ['', PASSPHRASE]) {
      expect(sameSignature(signOrdered(checkoutText(CHECKOUT), passphrase), WRONG)).toBe(false);
    }
  });

  test('leaves blank fields out, trims values, and keeps the order given', () => {
    expect(
      checkoutText([
        ['b', ' x '],
        ['c', ' \t'],
        ['a', 'y'],
      ]),
    ).toBe('b=x&a=y');
  });

  test('an empty passphrase adds nothing, not even its name', () => {
    expect(signOrdered('a=1', ' ')).toBe(createHash('md5').update('a=1').digest('hex'));
  });

  test('trims what PHP trims: a no-break space stays', () => {
    expect(phpTrim('\u0000\u000b\t a\u00a0 \r\n')).toBe('a\u00a0');
  });
});

describe('the API signature', () => {
  const refund = { ...HEADERS, reason: 'Product out of stock', notify_buyer: '1', amount: '10000' };

  test('of a refund', () => {
    expect(apiText(refund, PASSPHRASE)).toBe(
      'amount=10000&merchant-id=10000100&notify_buyer=1&passphrase=jt7NOE43FZPn&reason=Product+out+of+stock' +
        '&timestamp=2026-05-04T10%3A15%3A30%2B02%3A00&version=v1',
    );
    expect(signApi(refund, PASSPHRASE)).toBe('8fa1603cd774a126a56655d063375c8a');
  });

  test('of a ping', () => expect(signApi(HEADERS, PASSPHRASE)).toBe('fc1e8be219eaef9387fc120135e9760e'));

  test('does not depend on the order its variables are given in, and leaves empty ones out', () => {
    const turned = Object.fromEntries(Object.entries({ ...refund, acc_type: '' }).toReversed());
    expect(signApi(turned, PASSPHRASE)).toBe(signApi(refund, PASSPHRASE));
  });

  test('is another one than the ordered recipe gives', () => {
    const ordered = checkoutText(Object.entries(HEADERS));
    expect(signOrdered(ordered, PASSPHRASE)).not.toBe(signApi(HEADERS, PASSPHRASE));
  });
});

test('signatures are compared whatever the case of their hex, and only whole ones', () => {
  const signature = signOrdered('a=1', PASSPHRASE);
  expect(sameSignature(signature, signature.toUpperCase())).toBe(true);
  for (const given of ['', signature.slice(1), `${signature}0`, signature.replace(/./, 'g'), 'é'.repeat(32)]) {
    expect(sameSignature(signature, given)).toBe(false);
  }
});
