import { describe, expect, test } from 'vitest';
import fc from '../helpers/property.ts';
import type { InitiateInput } from '../../src/integrations/contract.ts';
import { readAnswer } from '../../src/integrations/json.ts';
import { fromMajorUnits, toMajorUnits } from '../../src/integrations/major-units.ts';
import { dayOf, readTime, timestampOf, toForm, toSearchedState } from '../../src/integrations/payfast/map.ts';
import { fromStatementRand } from '../../src/integrations/payfast/money.ts';
import { checkoutText, signOrdered } from '../../src/integrations/payfast/signature.ts';
import { readStatement } from '../../src/integrations/payfast/statement.ts';
import { ErrorAnswer, RefundOptionsAnswer, RefundsAnswer, sentenceOf } from '../../src/integrations/payfast/wire.ts';
import { CREDENTIALS } from '../helpers/payfast.ts';

const ACTION = 'https://www.payfast.co.za/eng/process';
const INPUT: InitiateInput = {
  paymentId: '0197c0de-0000-7000-8000-000000000001',
  orderNumber: 'ORD-000001',
  methodId: 'all',
  methodName: 'PayFast',
  amountMinor: 24_990n,
  currencyCode: 'ZAR',
  customer: { firstName: ' Thandi', lastName: "O'Neill", email: 'thandi@example.com', phone: null },
  items: [{ name: 'Tea & cups', quantity: 2, unitPriceMinor: 12_495n }],
  returnUrls: {
    success: 'https://api.example.com/ok',
    failure: 'https://api.example.com/no',
    pending: 'https://api.example.com/wait',
  },
  webhookUrl: 'https://api.example.com/webhooks/payments/payfast/shop',
  locale: 'en',
};

function form(changes: Partial<InitiateInput> = {}): Readonly<Record<string, string>> {
  const made = toForm({ ...INPUT, ...changes }, CREDENTIALS, { action: ACTION });
  if ('refused' in made) throw new Error(made.refused);
  return made.form.fields;
}

describe('money', () => {
  test('goes out and comes back exactly, for every amount', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 14n }), (minor) => {
        expect(fromMajorUnits(toMajorUnits(minor)!)).toBe(minor);
      }),
    );
  });

  test.each([
    ['249.90', 24_990n],
    ['-10.52', -1_052n],
    ['5', 500n],
    ['5.5', 550n],
  ])('%s', (text, minor) => expect(fromMajorUnits(text)).toBe(minor));

  test.each(['', '.5', '5.', '5.555', '1e3', ' 5.00', '+5', '0x5', '5,00', '22,574.02', '--5', '5\n'])(
    '%j is no amount',
    (text) => expect(fromMajorUnits(text)).toBeNull(),
  );

  test('a statement groups thousands, and only thousands', () => {
    expect(fromStatementRand('22,574.02')).toBe(2_257_402n);
    expect(fromStatementRand(' -1,022,574.02')).toBe(-102_257_402n);
    for (const text of ['2,2574.02', ',574.02', '22,574,02']) expect(fromStatementRand(text)).toBeNull();
  });
});

describe('the form', () => {
  test('has its fields in the documented order, and the signature last', () => {
    expect(Object.entries(form())).toEqual([
      ['merchant_id', '10000100'],
      ['merchant_key', '46f0cd694581a'],
      ['return_url', 'https://api.example.com/ok'],
      ['cancel_url', 'https://api.example.com/no'],
      ['notify_url', 'https://api.example.com/webhooks/payments/payfast/shop'],
      ['name_first', 'Thandi'],
      ['name_last', "O'Neill"],
      ['email_address', 'thandi@example.com'],
      ['m_payment_id', '0197c0de-0000-7000-8000-000000000001'],
      ['amount', '249.90'],
      ['item_name', 'Order ORD-000001'],
      ['item_description', '2 Tea & cups'],
      ['signature', expect.stringMatching(/^[0-9a-f]{32}$/)],
    ]);
  });

  test('is signed over what is posted', () => {
    const { signature, ...signed } = form({ methodId: 'cc' });
    expect(signOrdered(checkoutText(Object.entries(signed)), CREDENTIALS.PASSPHRASE)).toBe(signature);
    expect(signed).toMatchObject({ payment_method: 'cc' });
  });

  test('leaves out what is blank, too long to be true, or no address', () => {
    const customer = { firstName: ' ', lastName: '', email: `${'a'.repeat(100)}@example.com`, phone: null };
    const fields = form({ customer, items: [] });
    for (const name of ['name_first', 'name_last', 'email_address', 'item_description', 'payment_method']) {
      expect(fields).not.toHaveProperty(name);
    }
  });

  test('cuts long texts between characters and keeps them in one line', () => {
    const { name_first: name, item_description: description } = form({
      customer: { ...INPUT.customer, firstName: `a\r\nb${'😀'.repeat(200)}` },
      items: [{ name: 'x'.repeat(400), quantity: 1, unitPriceMinor: 1n }],
    });
    expect(name).toBe(`a b${'😀'.repeat(97)}`);
    expect(description).toHaveLength(255);
  });

  test.each([
    ['another currency', { currencyCode: 'EGP' }],
    ['less than R5.00', { amountMinor: 499n }],
    ['a negative amount', { amountMinor: -500n }],
    ['a method that is no code', { methodId: '2' }],
    ['a payment id that does not fit', { paymentId: 'a b' }],
  ] as const)('refuses %s', (_name, changes) => {
    expect(toForm({ ...INPUT, ...changes }, CREDENTIALS, { action: ACTION })).toHaveProperty('refused');
  });

  test('R5.00 is enough', () => expect(form({ amountMinor: 500n })).toMatchObject({ amount: '5.00' }));
});

/** The vendor's own sample, two payments of one reference in it. */
const SAMPLE = `"Date","Type","Sign","Party","Name","Description","Currency","Funding Type","Gross","Fee","Net","Balance","M Payment ID","PF Payment ID","custom str1","custom int1"
"2020-02-27 13:29:55",FUNDS_RECEIVED,CREDIT,"Test User 01",test,,ZAR,CC,500.00,-24.73,475.27,"22,574.02",,994209,,,
"2020-03-02 14:31:30",FUNDS_RECEIVED,CREDIT,"Test ""U"" 01","item, name",,ZAR,CC,"1,121.00",-7.73,113.27,"22,780.50",pay_now_11611660,995893,,, \r
"2020-04-14 11:15:20",Funds Received,Credit,"Test User 01","item
name",,ZAR,CC,50.00,-4.54,45.46,"22,825.96",pay_now_11611660,1019891,,,
`;

describe('the statement', () => {
  const rows = readStatement(SAMPLE) ?? [];

  test('is read by its column names, quoted or not', () => {
    expect(rows.map((row) => row.gatewayPaymentId)).toEqual(['994209', '995893', '1019891']);
    const reordered = 'PF Payment ID,Gross,Fee,M Payment ID,Date,Type,Sign,Currency,Funding Type\n7,5.00,-1,p,,,,,';
    expect(readStatement(reordered)).toMatchObject([{ gatewayPaymentId: '7', gross: '5.00', paymentId: 'p' }]);
  });

  test.each(['', '{"code":401}', 'Date,Type\n1,2', SAMPLE.slice(0, SAMPLE.lastIndexOf('\nname'))])(
    'a text that is none, or broken off, is not read as an empty one (%#)',
    (text) => expect(readStatement(text)).toBeNull(),
  );

  test('a header alone is an empty one', () => expect(readStatement(SAMPLE.split('\n')[0]!)).toEqual([]));

  test('the first payment counts and the second is told as surplus, unless the second is the one we know', () => {
    expect(toSearchedState(rows, 'pay_now_11611660', null)).toEqual({
      gatewayReference: 'pay_now_11611660',
      paymentId: 'pay_now_11611660',
      status: 'PAID',
      amountMinor: 112_100n,
      currencyCode: 'ZAR',
      paidAt: new Date('2020-03-02T12:31:30Z'),
      methodName: 'CC',
      gatewayKey: '995893',
      feeMinor: 773n,
      surplus: [{ gatewayKey: '1019891', amountMinor: 5_000n, currencyCode: 'ZAR' }],
    });
    const known = toSearchedState(rows.toReversed(), 'pay_now_11611660', '1019891');
    expect(known).toMatchObject({ gatewayKey: '1019891', surplus: [{ gatewayKey: '995893' }] });
  });

  test('a row that is told twice is one payment', () => {
    expect(toSearchedState([...rows, ...rows], 'pay_now_11611660', null).surplus).toHaveLength(1);
  });

  test('nothing there, money that went back, and an unknown movement leave the payment open', () => {
    expect(toSearchedState(rows, 'ours', null)).toMatchObject({ status: 'PENDING', amountMinor: null });
    for (const change of [{ sign: 'DEBIT' }, { type: 'FUNDS_RECEIVED_REFUND' }, { type: 'ADJUSTMENT' }]) {
      const changed = rows.map((row) => ({ ...row, ...change }));
      expect(toSearchedState(changed, 'pay_now_11611660', null)).toMatchObject({ status: 'PENDING' });
    }
  });

  test('a currency or an amount that is none is said to be unknown', () => {
    const odd = rows.map((row) => ({ ...row, currency: 'R\0', gross: 'a lot' }));
    expect(toSearchedState(odd, 'pay_now_11611660', null)).toMatchObject({
      status: 'PAID',
      amountMinor: null,
      currencyCode: null,
      surplus: [],
    });
  });
});

describe('times', () => {
  const instant = new Date('2026-05-04T08:15:30.900Z');

  test('are South African', () => {
    expect(timestampOf(instant)).toBe('2026-05-04T10:15:30+02:00');
    expect(readTime('2026-05-04 10:15:30')).toEqual(new Date('2026-05-04T08:15:30Z'));
    expect(dayOf(new Date('2026-05-04T22:30:00Z'))).toBe('2026-05-05');
  });

  test.each(['', '2026-05-04', '2026-13-04 10:15:30', 'yesterday'])('%j is none', (text) => {
    expect(readTime(text)).toBeNull();
  });
});

describe('API answers', () => {
  const refunds = {
    available_balance: 6_800,
    transactions: [
      { amount: 9_800, date: '2020-05-14 12:11:05', type: 'Funds Received' },
      { amount: '-1000', date: '2020-05-14 14:59:59', type: 'Funds Received (Refund)' },
    ],
  };

  test('are read inside their envelope and without it, cents as number or text', () => {
    for (const value of [refunds, { code: 200, status: 'success', data: { response: refunds } }]) {
      expect(readAnswer(RefundsAnswer, JSON.stringify(value))).toMatchObject({
        available_balance: 6_800n,
        transactions: [{ amount: 9_800n }, { amount: -1_000n }],
      });
    }
  });

  test('with half cents, without amounts or of another kind are not read', () => {
    for (const value of [{ ...refunds, available_balance: 1.5 }, { transactions: [] }, [], null, 'VALID']) {
      expect(readAnswer(RefundsAnswer, JSON.stringify(value))).toBeNull();
      expect(readAnswer(RefundOptionsAnswer, JSON.stringify(value))).toBeNull();
    }
  });

  test("a refusal's sentence is found where the vendor puts it", () => {
    const refusal = readAnswer(ErrorAnswer, '{"code":400,"status":"failed","data":{"response":false,"message":"No"}}');
    expect(refusal && sentenceOf(refusal)).toBe('No');
    expect(readAnswer(ErrorAnswer, '{"status":"success"}')).toBeNull();
  });
});
