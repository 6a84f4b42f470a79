import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { GatewayClaim, WebhookReading } from '../../src/integrations/contract.ts';
import { sign, signedText, verify } from '../../src/integrations/fawaterk/signature.ts';
import { readWebhook } from '../../src/integrations/fawaterk/webhook.ts';

/** Vectors and bodies of payment-gateways.md 1.6. */
const KEY = 'fwk_test_9f1c2b7a4e6d8035';
const CARD_HASH = '81aaf94b01784d45f15de33acbf10dbaf7f84283884bd01215fd8f6b94fbfdcc';
const CREDENTIALS = { API_KEY: 'another_key', VENDOR_KEY: KEY };

const VECTORS = [
  [
    'paid',
    signedText.invoice('1000430', '69zpnFIcIPYNBwG', 'Fawry'),
    '4526ba135ffcba2b662e3f527ec4be565e91aadf08374d6021d9aa7960f3faa2',
  ],
  ['card', signedText.invoice('1000431', 'aCuZLXjgzdbgZux', 'Visa-Mastercard'), CARD_HASH],
  ['cancel', signedText.cancel('123456', 'Fawry'), '8d78f41ad2f7e54bb17d61364a63f2f0a412ab9ef21d16fc4c5bbd27d758f0cc'],
  [
    'refund',
    signedText.refund('1000431', '50.00', 'EGP'),
    'f5a7010a6f0866eb27f2c2c100844ec92819053f6ad3f9d1ce4f52d583fdb43d',
  ],
  [
    'token',
    signedText.token('222111333', '9731673377207107'),
    '32f91d419d19d03e3839f7ef13a1186133a9a1eec7ebcd3f34d2fbac766cee1a',
  ],
  [
    'v3 paid',
    signedText.transaction('12345', '550e8400-e29b-41d4-a716-446655440000', 'Fawry'),
    'c0ed2f18c037c959720598ecdb9c61ab95a02683cb5bd54a1a527efc79a37acc',
  ],
  [
    'iframe',
    signedText.iframe('https://shop.example.com', 'FAWATERAK.19700'),
    '7101cea66bc8c5cad285567187b86c703ba41104252cb2f24bf14995d208abca',
  ],
] as const;

function json(body: unknown, credentials: Record<string, string> = CREDENTIALS): WebhookReading {
  return raw(typeof body === 'string' ? body : JSON.stringify(body), 'application/json', credentials);
}

function raw(
  body: string | Uint8Array,
  contentType?: string,
  credentials: Record<string, string> = CREDENTIALS,
): WebhookReading {
  const headers: Record<string, string> = contentType === undefined ? {} : { 'content-type': contentType };
  return readWebhook(credentials, { headers, body: typeof body === 'string' ? new TextEncoder().encode(body) : body });
}

function claim(reading: WebhookReading): GatewayClaim {
  if (reading.verdict !== 'OK') throw new Error(`${reading.verdict}: ${reading.detail}`);
  return reading.claim;
}

const OFFICIAL = {
  hashKey: CARD_HASH,
  invoice_key: 'aCuZLXjgzdbgZux',
  invoice_id: 1000431,
  payment_method: 'Visa-Mastercard',
  invoice_status: 'paid',
  pay_load: { payment_id: 'pay_77' },
  referenceNumber: '982443480',
};

const REFUND = {
  hashKey: VECTORS[3][2],
  transactionId: 1000431,
  amount: '50.00',
  currency: 'EGP',
  status: 1,
  reason: 'Customer requested partial refund',
  approvedAt: '2026-06-02 10:15:00',
};

describe('signatures', () => {
  test.each(VECTORS)('the %s vector signs and verifies, in either case of its hex', (_name, text, hash) => {
    expect(sign(KEY, text)).toBe(hash);
    expect(verify(KEY, text, hash.toUpperCase())).toBe(true);
    expect(verify('another key', text, hash)).toBe(false);
  });

  test('an empty key verifies nothing, not even what was signed with it', () => {
    expect(verify('', 'text', createHmac('sha256', '').update('text').digest('hex'))).toBe(false);
    expect(json({ ...OFFICIAL, hashKey: sign('x', '').replace(/./g, '0') }, {}).verdict).toBe('BAD_SIGNATURE');
  });
});

describe('the full bodies of the specification', () => {
  const paid = { kind: 'PAID', gatewayReference: '1000431', dedupeKey: expect.stringContaining('1000431') };

  test('official JSON', () =>
    expect(claim(json(OFFICIAL))).toMatchObject({ ...paid, paymentId: 'pay_77', amountMinor: null }));

  test('official form', () => {
    const body = `hashKey=${CARD_HASH}&invoice_key=aCuZLXjgzdbgZux&invoice_id=1000431&payment_method=Visa-Mastercard&invoice_status=paid&pay_load=`;
    expect(claim(raw(body, 'application/x-www-form-urlencoded'))).toMatchObject({ ...paid, paymentId: null });
    expect(claim(raw(body))).toMatchObject(paid);
  });

  test('project variant, with its own spellings and minor units', () => {
    const body = {
      invoice_id: 1000431,
      InvoiceKey: 'aCuZLXjgzdbgZux',
      PaymentMethod: 'Visa-Mastercard',
      invoice_status: 'paid',
      amount_cents: 15000,
      hashKey: CARD_HASH,
    };
    expect(claim(json(body))).toMatchObject({ ...paid, amountMinor: 15_000n, currencyCode: null });
  });
});

describe('every hook in both dialects', () => {
  test('a failed hook carries its reason', () => {
    const { invoice_status: _status, ...rest } = OFFICIAL;
    const failed = {
      ...rest,
      amount: '150.00',
      paidCurrency: 'EGP',
      errorMessage: 'Declined',
      response: { code: '05' },
    };
    expect(claim(json(failed))).toMatchObject({
      kind: 'FAILED',
      failureReason: 'Declined',
      amountMinor: 15_000n,
      currencyCode: 'EGP',
    });
  });

  test('a pending hook of a cash method is pending', () => {
    expect(claim(json({ ...OFFICIAL, invoice_status: 'pending' })).kind).toBe('PENDING');
  });

  test('an unknown status is told as such', () => {
    expect(claim(json({ ...OFFICIAL, invoice_status: 'half-paid' })).kind).toBe('OTHER');
  });

  test.each([
    ['EXPIRED', 'EXPIRED'],
    ['CANCELED', 'CANCELLED'],
    ['ASLEEP', 'OTHER'],
  ])('a cancel hook with status %s is %s, by text or number', (status, kind) => {
    const body = {
      hashKey: VECTORS[2][2],
      referenceId: '123456',
      status,
      paymentMethod: 'Fawry',
      pay_load: '{"payment_id":"pay_9"}',
    };
    for (const referenceId of ['123456', 123456]) {
      expect(claim(json({ ...body, referenceId }))).toMatchObject({
        kind,
        referenceCode: '123456',
        gatewayReference: null,
        paymentId: 'pay_9',
      });
    }
    expect(claim(json({ ...body, transactionId: 1000431, transactionKey: 'k' }))).toMatchObject({
      gatewayReference: '1000431',
      signsReferenceOnly: true,
    });
  });

  test('a refund hook verifies with the digits it was written with', () => {
    const body = (amount: string): string =>
      `{"hashKey":"${VECTORS[3][2]}","transactionId":1000431,"amount":${amount},"currency":"EGP","status":1,"reason":"Other","approvedAt":"2026-05-08 18:08:02"}`;
    for (const amount of ['"50.00"', '50.00']) {
      expect(claim(json(body(amount)))).toMatchObject({
        kind: 'REFUNDED',
        gatewayReference: '1000431',
        amountMinor: 5_000n,
        currencyCode: 'EGP',
      });
    }
    const asNumber = { ...JSON.parse(body('1')), hashKey: sign(KEY, signedText.refund('1000431', '50', 'EGP')) };
    expect(claim(json(JSON.stringify(asNumber).replace('"amount":1', '"amount":50.00'))).amountMinor).toBe(5_000n);
    expect(json(body('"51.00"')).verdict).toBe('BAD_SIGNATURE');
  });

  test.each([
    ['another currency', { currency: 'USD' }],
    ['another invoice', { transactionId: 1000432 }],
    ['no hash', { hashKey: '' }],
    ['the hash of a payment', { hashKey: CARD_HASH }],
  ])('a refund hook with %s is a bad signature', (_name, change) => {
    expect(json({ ...REFUND, ...change }).verdict).toBe('BAD_SIGNATURE');
  });

  test.each([
    ['no amount', { amount: undefined }],
    ['an amount in parts', { amount: { value: '50.00' } }],
    ['three decimals', { amount: '50.005' }],
    ['a negative amount', { amount: '-50.00' }],
    ['an exponent', { amount: '5e1' }],
    ['no currency', { currency: '' }],
    ['two ids that disagree', { transaction_id: 7 }],
  ])('a refund hook with %s is malformed', (_name, change) => {
    expect(json({ ...REFUND, ...change }).verdict).toBe('MALFORMED');
  });

  test('a refund hook of another status is no refund, and the old dialect needs the opt-in here too', () => {
    expect(claim(json({ ...REFUND, status: 2 })).kind).toBe('OTHER');
    const { hashKey: _hash, ...old } = { ...REFUND, api_key: KEY };
    expect(json(old).verdict).toBe('BAD_SIGNATURE');
    expect(json(old, { ...CREDENTIALS, ACCEPT_LEGACY_API_KEY: 'true' }).verdict).toBe('OK');
  });

  test('a token hook is news of another kind', () => {
    const body = {
      customerUniqueId: '222111333',
      customerCard: '5123xxxx',
      customerCardToken: '9731673377207107',
      cardBrand: 'MC',
      cardTokenUniqueId: 'u',
      hashKey: VECTORS[4][2],
    };
    expect(claim(json(body)).kind).toBe('OTHER');
  });

  test.each(['transactionHashKey', 'hashKey'])('a version 3 transaction verifies by %s', (field) => {
    const body = {
      transaction_id: 12345,
      transaction_key: '550e8400-e29b-41d4-a716-446655440000',
      payment_method: 'Fawry',
      status: 'paid',
      paidAmount: '150.00',
      paidCurrency: 'SR',
      [field]: VECTORS[5][2],
    };
    expect(claim(json(body))).toMatchObject({
      kind: 'PAID',
      gatewayReference: '12345',
      amountMinor: 15_000n,
      currencyCode: 'SAR',
    });
  });

  test('the vendor key may equal the API key', () => {
    expect(json(OFFICIAL, { API_KEY: KEY }).verdict).toBe('OK');
  });
});

describe('the old dialect, with the key in clear', () => {
  const { hashKey: _hash, ...rest } = OFFICIAL;
  const old = { ...rest, api_key: KEY };

  test('is refused unless the tenant opted in', () => {
    expect(json(old).verdict).toBe('BAD_SIGNATURE');
    expect(json(old, { ...CREDENTIALS, ACCEPT_LEGACY_API_KEY: 'false' }).verdict).toBe('BAD_SIGNATURE');
    expect(json(old, { ...CREDENTIALS, ACCEPT_LEGACY_API_KEY: 'true' }).verdict).toBe('OK');
  });

  test('never outranks a hash that does not match', () => {
    const both = { ...old, hashKey: CARD_HASH.replace('8', '9') };
    expect(json(both, { ...CREDENTIALS, ACCEPT_LEGACY_API_KEY: 'true' }).verdict).toBe('BAD_SIGNATURE');
    expect(json({ ...old, api_key: 'wrong' }, { ...CREDENTIALS, ACCEPT_LEGACY_API_KEY: 'true' }).verdict).toBe(
      'BAD_SIGNATURE',
    );
  });
});

describe('what is not believed', () => {
  test.each([
    ['a hash of another invoice', { ...OFFICIAL, invoice_id: 1000432 }],
    ['another method name', { ...OFFICIAL, payment_method: 'visa-mastercard' }],
    ['a short hash', { ...OFFICIAL, hashKey: CARD_HASH.slice(1) }],
    ['no hash', { ...OFFICIAL, hashKey: '' }],
  ])('%s is a bad signature', (_name, body) => expect(json(body).verdict).toBe('BAD_SIGNATURE'));

  test.each([
    ['two invoice ids that disagree', { ...OFFICIAL, InvoiceId: 1 }],
    ['two statuses that disagree', { ...OFFICIAL, status: 'failed' }],
    ['two amounts that disagree', { ...OFFICIAL, amount_cents: 15000, paidAmount: '1.50' }],
    ['two hashes that disagree', { ...OFFICIAL, transactionHashKey: 'f'.repeat(64) }],
    ['two pay loads that disagree', { ...OFFICIAL, payLoad: { payment_id: 'pay_78' } }],
    ['three decimals', { ...OFFICIAL, paidAmount: '150.001' }],
    ['a negative amount', { ...OFFICIAL, paidAmount: -1 }],
    ['an exponent', '{"invoice_id":1e3,"invoice_key":"k","payment_method":"m","paidAmount":1e2}'],
    ['cents with a fraction', { ...OFFICIAL, amount_cents: 1.5 }],
    ['an id that is an object', { ...OFFICIAL, invoice_id: { a: 1 } }],
    ['a list', [OFFICIAL]],
    ['a number', '1'],
    ['null', 'null'],
    ['half a body', '{"invoice_id":'],
    ['another vendor', { event: 'payment.paid' }],
    ['nothing', ''],
    ['a hundred thousand brackets', '['.repeat(60_000)],
    ['deep nesting in a field', `{"pay_load":${'[['.repeat(20)}${']]'.repeat(20)}}`],
    ['too many fields', Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`f${index}`, index]))],
    ['too many bytes', { ...OFFICIAL, note: 'x'.repeat(70_000) }],
  ])('%s is malformed', (_name, body) => expect(json(body).verdict).toBe('MALFORMED'));

  test('bytes that are no UTF-8, another content type, and a form field given twice are malformed', () => {
    expect(raw(new Uint8Array([0xff, 0xfe, 0x7b]), 'application/json').verdict).toBe('MALFORMED');
    expect(raw('<xml/>', 'application/xml').verdict).toBe('MALFORMED');
    expect(raw('invoice_id=1&invoice_id=2', 'application/x-www-form-urlencoded').verdict).toBe('MALFORMED');
  });

  test('spellings that agree are one field', () => {
    expect(
      claim(json({ ...OFFICIAL, InvoiceId: '1000431', amount_cents: '15000', paidAmount: 150, paidCurrency: 'EGP' }))
        .amountMinor,
    ).toBe(15_000n);
  });

  test('no detail quotes the body or a key', () => {
    const readings = [
      json({ ...OFFICIAL, hashKey: 'secret-hash' }),
      json({ ...OFFICIAL, api_key: KEY, hashKey: '' }),
      json({ ...OFFICIAL, paidAmount: KEY }),
    ];
    expect(JSON.stringify(readings)).not.toMatch(/secret-hash|fwk_test/);
  });
});

describe('the dedupe key', () => {
  test('is the same for the same fact in another form, and another for another fact', () => {
    const form = new URLSearchParams(
      Object.entries(OFFICIAL).map(([name, value]): [string, string] => [
        name,
        typeof value === 'object' ? '' : String(value),
      ]),
    ).toString();
    const same = claim(raw(form, 'application/x-www-form-urlencoded')).dedupeKey;
    expect(claim(json(OFFICIAL)).dedupeKey).toBe(same);
    const others = [
      { invoice_status: 'pending' },
      { errorMessage: 'no', invoice_status: 'failed' },
      { paidAmount: '1.00', paidCurrency: 'EGP' },
    ];
    const keys = new Set([same, ...others.map((change) => claim(json({ ...OFFICIAL, ...change })).dedupeKey)]);
    expect(keys.size).toBe(4);
  });

  test('of a refund tells two approvals of one amount apart, in whatever form their time is written', () => {
    const keyOf = (approvedAt: unknown): string => claim(json({ ...REFUND, approvedAt })).dedupeKey;
    const key = keyOf(REFUND.approvedAt);
    expect(claim(json({ ...REFUND, transactionId: '1000431', status: '1', reason: 'x' })).dedupeKey).toBe(key);
    const others = ['2026-06-02 10:15:01', undefined, null, '', 1_780_395_300, { date: '2026-06-02 10:15:00' }];
    expect(new Set([key, ...others.map(keyOf)]).size).toBe(5);
    for (const hostile of ['\0'.repeat(50), 'x'.repeat(10_000), { a: ['y'.repeat(10_000)] }]) {
      expect(keyOf(hostile)).toMatch(/^[^\0]{1,130}$/);
    }
  });
});
