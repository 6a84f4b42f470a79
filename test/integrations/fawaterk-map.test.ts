import { describe, expect, test } from 'vitest';
import fc from '../helpers/property.ts';
import type { InitiateInput } from '../../src/integrations/contract.ts';
import {
  fromInitiateInput,
  readPaymentId,
  readTime,
  toInitiatedPayment,
  toPaymentState,
} from '../../src/integrations/fawaterk/map.ts';
import { fromVendorAmount, toVendorAmount } from '../../src/integrations/fawaterk/money.ts';
import { InitiatedAnswer, InvoiceAnswer } from '../../src/integrations/fawaterk/wire.ts';
import { readAnswer } from '../../src/integrations/json.ts';

const INPUT: InitiateInput = {
  paymentId: 'pay_77',
  orderNumber: 'ord_1001',
  methodId: '3',
  methodName: 'Fawry',
  amountMinor: 15_000n,
  currencyCode: 'EGP',
  customer: { firstName: 'Mona', lastName: 'Adel', email: 'mona@example.com', phone: null },
  items: [{ name: 'Tea', quantity: 2, unitPriceMinor: 7_500n }],
  returnUrls: {
    success: 'https://shop.example.com/ok',
    failure: 'https://shop.example.com/no',
    pending: 'https://shop.example.com/wait',
  },
  webhookUrl: 'https://api.example.com/webhooks/payments/fawaterk/shop?_json',
  locale: 'ar-EG',
};

function body(changes: Partial<InitiateInput> = {}): Record<string, unknown> {
  const asked = fromInitiateInput({ ...INPUT, ...changes });
  if ('refused' in asked) throw new Error(asked.refused);
  return JSON.parse(asked.body) as Record<string, unknown>;
}

function invoice(fields: Record<string, unknown>) {
  const data = { invoice_id: 1000430, invoice_key: 'k', paid: 1, total: '150.00', currency: 'EGP', ...fields };
  const answer = readAnswer(InvoiceAnswer, JSON.stringify({ status: 'success', data }));
  return answer === null ? null : toPaymentState(answer, 'Africa/Cairo');
}

describe('money', () => {
  test('goes out and comes back exactly, for every amount that fits', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 10n ** 14n }),
        fc.constantFrom('EGP', 'USD', 'SAR', 'AED', 'QAR'),
        (minor, currency) => {
          expect(fromVendorAmount(toVendorAmount(minor, currency)!, currency)).toBe(minor);
        },
      ),
    );
  });

  test('with three decimals goes out only where the last is nought', () => {
    expect(toVendorAmount(150_500n, 'KWD')).toBe('150.50');
    expect(fromVendorAmount('150.50', 'KWD')).toBe(150_500n);
    expect(toVendorAmount(150_505n, 'BHD')).toBeNull();
    expect(fromInitiateInput({ ...INPUT, currencyCode: 'BHD', amountMinor: 150_505n })).toHaveProperty('refused');
  });

  test.each(['1.234', '-1', '+1', '1e3', '1,000', ' 1', '', '.5', '1.', '0x1', '١٢', 'NaN'])(
    'written as "%s" is refused',
    (text) => {
      expect(fromVendorAmount(text, 'EGP')).toBeNull();
    },
  );

  test('of a currency the gateway does not take is refused', () => {
    expect(fromInitiateInput({ ...INPUT, currencyCode: 'JPY' })).toHaveProperty('refused');
  });
});

describe('the request to pay', () => {
  test('says what the specification example says', () => {
    expect(body()).toMatchObject({
      payment_method_id: 3,
      cartTotal: '150.00',
      currency: 'EGP',
      cartItems: [{ name: 'Tea', price: '75.00', quantity: '2' }],
      payLoad: { payment_id: 'pay_77' },
      redirectionUrls: { webhookUrl: INPUT.webhookUrl },
      lang: 'ar',
    });
  });

  test('becomes one line of the whole where our lines do not sum to it', () => {
    expect(body({ amountMinor: 17_100n })).toMatchObject({
      cartTotal: '171.00',
      cartItems: [{ name: 'ord_1001', price: '171.00', quantity: '1' }],
    });
  });

  test('calls riyals SR', () => expect(body({ currencyCode: 'SAR' })['currency']).toBe('SR'));
});

describe('the started payment', () => {
  const started = (payment_data: unknown) =>
    toInitiatedPayment(
      readAnswer(
        InitiatedAnswer,
        JSON.stringify({ status: 'success', data: { invoice_id: 1000430, invoice_key: '69z', payment_data } }),
      )!,
      'Africa/Cairo',
    );

  test('of Fawry has a code and an expiry read in Cairo, summer time included', () => {
    expect(started({ fawryCode: '981335305', expireDate: '2026-05-08 18:08:02' })).toEqual({
      gatewayReference: '1000430',
      gatewayKey: '69z',
      paymentUrl: null,
      referenceCode: '981335305',
      expiresAt: new Date('2026-05-08T15:08:02Z'),
    });
    expect(readTime('2026-01-08 18:08:02', 'Africa/Cairo')).toEqual(new Date('2026-01-08T16:08:02Z'));
    expect(readTime('2026-01-08T18:08:02Z', 'Africa/Cairo')).toEqual(new Date('2026-01-08T18:08:02Z'));
    expect(readTime('soon', 'Africa/Cairo')).toBeNull();
    expect(readTime('2026-13-08 18:08:02', 'Africa/Cairo')).toBeNull();
  });

  test('of a wallet has its number as text, of a card its page, of a hostile gateway nothing that runs', () => {
    expect(started({ meezaReference: 123456789, meezaQrCode: '000201' }).referenceCode).toBe('123456789');
    expect(started({ redirectTo: 'https://app.example.com/pay/1' }).paymentUrl).toBe('https://app.example.com/pay/1');
    expect(started({ redirectTo: 'javascript:alert(1)' }).paymentUrl).toBeNull();
    expect(started(null)).toMatchObject({ paymentUrl: null, referenceCode: null });
  });
});

describe('the state of an invoice', () => {
  test.each([
    [1, 'PAID'],
    ['1', 'PAID'],
    [true, 'PAID'],
    [0, 'PENDING'],
    ['0', 'PENDING'],
  ])('paid %j is %s, whatever the texts say', (paid, status) => {
    expect(invoice({ paid, invoice_status: paid === 1 ? 'unpaid' : 'paid' })).toMatchObject({ status });
  });

  test.each([
    ['expired', 'EXPIRED'],
    ['canceled', 'FAILED'],
    ['sleeping', 'PENDING'],
  ])('unpaid and %s is %s', (invoice_status, status) => {
    expect(invoice({ paid: 0, invoice_status })).toMatchObject({ status });
  });

  test.each([2, 'yes', null, undefined, 'paid'])('paid %j is no answer', (paid) =>
    expect(invoice({ paid })).toBeNull(),
  );

  test('without a readable amount or a currency has none, so that it is never settled', () => {
    expect(invoice({ total: '150.005' })).toMatchObject({ status: 'PAID', amountMinor: null });
    expect(invoice({ currency: null })).toMatchObject({ amountMinor: null, currencyCode: null });
  });

  test('prefers what was paid over a converted total', () => {
    expect(invoice({ total: '4800.00', paidAmount: '100.00', paidCurrency: 'USD' })).toMatchObject({
      amountMinor: 10_000n,
      currencyCode: 'USD',
    });
    expect(invoice({ total: 150.5 })).toMatchObject({ amountMinor: 15_050n });
  });
});

test.each([
  [{ payment_id: 'pay_77' }, 'pay_77'],
  ['{"payment_id":"pay_77"}', 'pay_77'],
  ['', null],
  [null, null],
  ['x', null],
  [{ payment_id: 7 }, null],
  [{ payment_id: '"; drop' }, null],
])('the pay load %j names %j', (payload, id) => expect(readPaymentId(payload)).toBe(id));
