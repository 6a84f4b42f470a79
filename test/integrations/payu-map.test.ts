import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import fc from '../helpers/property.ts';
import type { InitiateInput } from '../../src/integrations/contract.ts';
import { readAnswer } from '../../src/integrations/json.ts';
import { fromMajorUnits, toMajorUnits } from '../../src/integrations/major-units.ts';
import { isAutoRefunded, readTime, statusOf, toForm, toPlain, toState } from '../../src/integrations/payu/map.ts';
import { toPaymentId, toRefundToken, toTxnid } from '../../src/integrations/payu/reference.ts';
import { requestText, sha512 } from '../../src/integrations/payu/signature.ts';
import { CommandAnswer, PaymentDetail, entryOf } from '../../src/integrations/payu/wire.ts';
import { MERCHANT, PAYMENT, payuOrder } from '../helpers/payu.ts';

const ACTION = { action: 'https://test.payu.in/_payment' };
const KEYS = { key: MERCHANT.merchantKey, salt: MERCHANT.salt };
const TXNID = toTxnid(PAYMENT)!;

const INPUT = payuOrder();

function form(changes: Partial<InitiateInput> = {}): Readonly<Record<string, string>> {
  const made = toForm(payuOrder(changes), KEYS, ACTION);
  if ('refused' in made) throw new Error(made.refused);
  return made.form.fields;
}

const called = (firstName: string) => form({ customer: { ...INPUT.customer, firstName } })['firstname'];

describe('references', () => {
  test('every payment id fits a txnid of 25 small letters and digits, and comes back from it', () => {
    const ids = fc.oneof(fc.uuid(), fc.constant(randomUUID()), fc.constantFrom('0', 'f').map(filled));
    fc.assert(
      fc.property(ids, (id) => {
        expect(toTxnid(id)).toMatch(/^[0-9a-z]{25}$/);
        expect(toPaymentId(toTxnid(id)!)).toBe(id);
      }),
    );
  });

  test.each(['', 'pay_8842', 'ord1001a1', PAYMENT.toUpperCase(), `${PAYMENT}0`])('%j is no payment id', (id) => {
    expect(toTxnid(id)).toBeNull();
  });

  test.each(['', 'ord1001a1', 'z'.repeat(25), TXNID.toUpperCase(), `${TXNID}0`, '__proto__', '\u0660'.repeat(25)])(
    '%j is no txnid of ours',
    (txnid) => expect(toPaymentId(txnid)).toBeNull(),
  );

  test('two refunds that differ in one digit have two tokens', () => {
    const tokens = Array.from({ length: 16 }, (_, digit) =>
      toRefundToken(`${PAYMENT.slice(0, -1)}${digit.toString(16)}`),
    );
    expect(new Set(tokens).size).toBe(16);
  });

  test("a refund's token is the same every time, fits 23 characters, and is nobody else's", () => {
    const tokens = new Map<string, string>();
    fc.assert(
      fc.property(fc.uuid(), (id) => {
        const token = toRefundToken(id);
        expect(token).toMatch(/^[0-9a-z]{23}$/);
        expect(toRefundToken(id)).toBe(token);
        expect(tokens.get(token) ?? id).toBe(id);
        tokens.set(token, id);
      }),
    );
  });
});

function filled(digit: string): string {
  return '00000000-0000-0000-0000-000000000000'.replaceAll('0', digit);
}

describe('money', () => {
  test('goes out with exactly two decimals and comes back exactly, for every amount', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 14n }), (minor) => {
        expect(toMajorUnits(minor)).toMatch(/^\d+\.\d\d$/);
        expect(fromMajorUnits(toMajorUnits(minor)!)).toBe(minor);
      }),
    );
  });

  test.each(['', '.5', '5.', '5.555', '499.000', '1e3', ' 5.00', '+5', '0x5', '5,00', '1,499.00', '--5', '5\n', '٥'])(
    '%j is no amount',
    (text) => expect(fromMajorUnits(text)).toBeNull(),
  );
});

describe('the form', () => {
  test('has what the vendor demands, signed over just what is posted', () => {
    const fields = form();
    expect(fields).toEqual({
      key: 'gtTest1',
      txnid: TXNID,
      amount: '499.00',
      productinfo: 'Order ORD-000001',
      firstname: 'Asha O Neill',
      email: 'asha+1@example.com',
      phone: '+919800000001',
      surl: 'http://localhost/ok',
      furl: 'http://localhost/no',
      curl: 'http://localhost/no',
      hash: sha512(requestText(fields, MERCHANT.salt)),
    });
    expect(Object.values(fields).join()).not.toContain(MERCHANT.salt);
  });

  test('two orders that cost the same are two txnids', () => {
    expect(form({ paymentId: randomUUID() })['txnid']).not.toBe(TXNID);
  });

  test.each([
    ["O'Neill", 'O Neill'],
    ['Zoë  Müller ', 'Zoe Muller'],
    ['a|b"c<d>', 'a b c d'],
    ['line\r\nend\0', 'line end'],
    ['آشا', 'Customer'],
    ['', 'Customer'],
    ['Ａｓｈａ', 'Asha'],
    [`${'x'.repeat(59)} y`, 'x'.repeat(59)],
  ])('calls %j %j', (name, plain) => expect(called(name)).toBe(plain));

  test('no text in it can break the hash: letters, digits, blank, dot, dash and underscore are all there is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 1, max: 100 }), (text, lengthMax) => {
        const plain = toPlain(text, lengthMax);
        expect(plain).toMatch(/^(?:[A-Za-z0-9._-](?:[A-Za-z0-9 ._-]*[A-Za-z0-9._-])?)?$/);
        expect(plain.length).toBeLessThanOrEqual(lengthMax);
        expect(toPlain(plain, lengthMax)).toBe(plain);
      }),
    );
  });

  test('a long order number is cut to what the vendor takes', () => {
    expect(form({ orderNumber: 'x'.repeat(300) })['productinfo']).toHaveLength(100);
  });

  test('a missing phone is posted empty', () => {
    expect(form({ customer: { ...INPUT.customer, phone: null } })['phone']).toBe('');
  });

  const withEmail = (email: string | null) => ({ customer: { ...INPUT.customer, email } });
  test.each([
    ['another currency', { currencyCode: 'EGP' }],
    ['nothing', { amountMinor: 0n }],
    ['a negative amount', { amountMinor: -100n }],
    ['another method', { methodId: 'cc' }],
    ['a payment id that is no UUID', { paymentId: 'pay_8842' }],
    ['no e-mail address', withEmail(null)],
    ['an e-mail address with a bar', withEmail('a|b@example.com')],
    ['an e-mail address with a quote', withEmail('"a"@example.com')],
    ['an e-mail address in two lines', withEmail('a@example.com\n')],
    ['an e-mail address that is cut off', withEmail('asha')],
    ['an e-mail address too long', withEmail(`${'a'.repeat(40)}@example.com`)],
  ] as const)('refuses %s', (_name, changes) => {
    expect(toForm(payuOrder(changes), KEYS, ACTION)).toHaveProperty('refused');
  });

  test('one paisa is enough', () => expect(form({ amountMinor: 1n })).toMatchObject({ amount: '0.01' }));
});

describe("the vendor's states", () => {
  test.each([
    ['success', 'captured', 'PAID'],
    ['SUCCESS', 'Captured', 'PAID'],
    ['success', 'auth', 'PENDING'],
    ['success', '', 'PENDING'],
    ['success', 'something new', 'PENDING'],
    ['pending', 'initiated', 'PENDING'],
    ['pending', 'in progress', 'PENDING'],
    ['pending', 'pending', 'PENDING'],
    ['failure', 'failed', 'FAILED'],
    ['failure', 'userCancelled', 'FAILED'],
    ['failure', 'bounced', 'FAILED'],
    ['failure', 'dropped', 'FAILED'],
    ['failure', 'autoRefund', 'FAILED'],
    ['unheard of', 'captured', 'PENDING'],
    ['', '', 'PENDING'],
  ])('%s / %s is %s', (status, unmapped, ours) => {
    expect(statusOf(status, unmapped)).toBe(ours);
    expect(isAutoRefunded(status, unmapped)).toBe(unmapped === 'autoRefund');
  });
});

const SAMPLE = {
  mihpayid: '403993715521889530',
  txnid: TXNID,
  amt: '499.00',
  transaction_amount: '499.00',
  additional_charges: '9.98',
  net_amount_debit: 508.98,
  addedon: '2020-10-26 14:12:13',
  mode: 'CC',
  status: 'success',
  unmappedstatus: 'captured',
};

function stateOf(changes: Readonly<Record<string, unknown>>) {
  const detail = readAnswer(PaymentDetail, JSON.stringify({ ...SAMPLE, ...changes }), 'written');
  return detail && toState(TXNID, detail);
}

describe('a transaction', () => {
  test('is told with our reference and theirs, its price without charges, and its time', () => {
    expect(stateOf({})).toEqual({
      gatewayReference: TXNID,
      status: 'PAID',
      amountMinor: 49_900n,
      currencyCode: 'INR',
      paidAt: new Date('2020-10-26T08:42:13Z'),
      paymentId: PAYMENT,
      methodName: 'CC',
      gatewayKey: '403993715521889530',
      feeMinor: null,
    });
  });

  test('keeps every digit of an id and every decimal of an amount, number or text, with blanks or without', () => {
    const written = (detail: string) => {
      const answer = readAnswer(PaymentDetail, detail, 'written');
      return answer && toState(TXNID, answer);
    };
    const numbers =
      '{"status":"success","unmappedstatus":"captured","mihpayid":403993715521889537,"transaction_amount":499.10}';
    expect(written(numbers)).toMatchObject({ gatewayKey: '403993715521889537', amountMinor: 49_910n });
    expect(stateOf({ mihpayid: ' 403993715521889537 ', transaction_amount: ' 499 ' })).toMatchObject({
      gatewayKey: '403993715521889537',
      amountMinor: 49_900n,
    });
  });

  test('its price counts, not the amount beside it', () => {
    expect(stateOf({ amt: '508.98' })).toMatchObject({ amountMinor: 49_900n });
  });

  test('where the price is not told, the amount is', () => {
    expect(stateOf({ transaction_amount: undefined, amt: 500 })).toMatchObject({ amountMinor: 50_000n });
  });

  test.each([
    ['three decimals', { transaction_amount: '499.000' }, { amountMinor: null }],
    ['an exponent', { transaction_amount: '4e2' }, { amountMinor: null }],
    ['a negative amount', { transaction_amount: '-499.00' }, { amountMinor: null }],
    ['no amount at all', { transaction_amount: null, amt: null }, { amountMinor: null }],
    ['an id in words', { mihpayid: 'Not Found' }, { gatewayKey: null }],
    ['an id with an exponent', { mihpayid: '4.03E17' }, { gatewayKey: null }],
    ['no time', { addedon: '0000-00-00 00:00:00' }, { paidAt: null }],
    ['a mode that is no text', { mode: { a: 1 } }, { methodName: null }],
    ['a failure', { status: 'failure' }, { status: 'FAILED', paidAt: null }],
  ])('with %s says so', (_name, changes, state) => expect(stateOf(changes)).toMatchObject(state));

  test('without a status is none', () => expect(stateOf({ status: null })).toBeNull());

  test('that the vendor does not know is open, and nothing is said of money', () => {
    expect(toState(TXNID, null)).toMatchObject({ status: 'PENDING', amountMinor: null, currencyCode: null });
  });
});

test('times are Indian', () => {
  expect(readTime('2026-05-04 13:45:30')).toEqual(new Date('2026-05-04T08:15:30Z'));
  for (const text of ['', '2026-05-04', '2026-13-04 10:15:30', 'yesterday']) expect(readTime(text)).toBeNull();
});

describe('answers', () => {
  test.each(['', '[]', 'null', '1', '"1"', '{}', '{"status":true}', '{"status":"Array"}', 'Array\n(\n)', '[['])(
    '%j is none',
    (body) => expect(readAnswer(CommandAnswer, body, 'written')).toBeNull(),
  );

  test('nested without end is none, and does not throw', () => {
    const deep = `{"status":1,"transaction_details":${'['.repeat(200_000)}${']'.repeat(200_000)}}`;
    expect(() => readAnswer(CommandAnswer, deep, 'written')).not.toThrow();
  });

  test('have the properties they were sent with, and not those of every object', () => {
    const details: unknown = JSON.parse('{"__proto__":{"status":"success"},"a":1}');
    expect(entryOf(details, 'a')).toBe(1);
    for (const name of ['constructor', 'toString', 'hasOwnProperty']) expect(entryOf(details, name)).toBeUndefined();
    expect(entryOf({}, '__proto__')).toBeUndefined();
    for (const value of [null, undefined, 'text', 7]) expect(entryOf(value, 'length')).toBeUndefined();
  });
});
