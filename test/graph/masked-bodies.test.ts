import { describe, expect, test } from 'vitest';
import { PAYU_SECRET_FIELDS } from '../../src/integrations/payu/client.ts';
import { maskFields } from '../../src/resolvers/webhook.ts';

const BOUNDARY = '------------------------d74496d66958873e';

const inParts = (fields: Readonly<Record<string, string>>, more = ''): string =>
  [
    ...Object.entries(fields).map(
      ([name, value]) => `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`,
    ),
    `--${BOUNDARY}--\r\n`,
  ].join('');

const FIELDS = { status: 'success', hash: 'abc', card_no: '512345XXXXXX2346', card_token: 'tok', txnid: 'ord1' };
const MASKED = { ...FIELDS, hash: '[masked]', card_no: '[masked]', card_token: '[masked]' };

describe('the secret fields of a webhook are shown masked and the others as they came', () => {
  test('in a form in a line', () => {
    const shown = maskFields(new URLSearchParams(FIELDS).toString(), PAYU_SECRET_FIELDS);
    expect(Object.fromEntries(new URLSearchParams(shown))).toEqual(MASKED);
  });

  test('in a form in parts', () => {
    expect(maskFields(inParts(FIELDS), PAYU_SECRET_FIELDS)).toBe(inParts(MASKED));
  });

  test('in parts with headers of their own, in values of several lines, and broken off', () => {
    const more = '\r\nContent-Type: text/plain';
    expect(maskFields(inParts(FIELDS, more), PAYU_SECRET_FIELDS)).toBe(inParts(MASKED, more));
    const lines = inParts({ ...FIELDS, card_no: '512345\r\n2346' });
    expect(maskFields(lines, PAYU_SECRET_FIELDS)).toBe(inParts(MASKED));
    const cut = inParts({ hash: 'abc', card_no: '512345XXXXXX2346' }).split('2346')[0]!;
    expect(maskFields(cut, PAYU_SECRET_FIELDS)).not.toContain('512345');
  });

  test('in JSON', () => {
    expect(JSON.parse(maskFields(JSON.stringify(FIELDS), PAYU_SECRET_FIELDS))).toEqual(MASKED);
  });

  test('and a text that only looks like a part stays as it is', () => {
    for (const hostile of [`name="hash"${'\r\nx'.repeat(20_000)}`, 'name="hash"'.repeat(5_900)]) {
      expect(maskFields(hostile, PAYU_SECRET_FIELDS)).toBe(hostile);
    }
  });
});
