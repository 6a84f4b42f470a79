import { describe, expect, test } from 'vitest';
import type { GatewayConnection, WebhookReading } from '../../src/integrations/contract.ts';
import { signOrdered } from '../../src/integrations/payfast/signature.ts';
import { PUBLISHED_SOURCES, readWebhook } from '../../src/integrations/payfast/webhook.ts';

/** Vectors of payment-gateways.md 2.5. */
const PUBLISHED =
  'm_payment_id=000000020&pf_payment_id=1579137&payment_status=COMPLETE&item_name=Order+%23000000020' +
  '&item_description=&amount_gross=15.00&amount_fee=-2.30&amount_net=12.70&custom_str1=&custom_str2=&custom_str3=' +
  '&custom_str4=&custom_str5=&custom_int1=&custom_int2=&custom_int3=&custom_int4=&custom_int5=&name_first=Tom' +
  '&name_last=Tom&email_address=lindley%2Buser1%40appinlet.com&merchant_id=10027938';
const PUBLISHED_SIGNATURE = '4078bca2c8987e0e0c4e7230f2f46323';

const COMPUTED =
  'm_payment_id=ord_1001&pf_payment_id=1089250&payment_status=COMPLETE&item_name=Order+%231001+%282+items%29' +
  '&item_description=Tea+%26+cups&amount_gross=249.90&amount_fee=-10.52&amount_net=239.38&custom_str1=tenant_t1' +
  '&custom_str2=&custom_str3=&custom_str4=&custom_str5=&custom_int1=&custom_int2=&custom_int3=&custom_int4=' +
  '&custom_int5=&name_first=Thandi&name_last=O%27Neill&email_address=thandi%40example.com&merchant_id=10000100';
const SIGNED = '8f689ed5f9fe0f74bfdaaf993e6a3075';
const SIGNED_BARE = 'b4ea2a23f25dceaf0e2d71fa25ad253f';

const PASSPHRASE = 'jt7NOE43FZPn';
const CREDENTIALS = { MERCHANT_ID: '10000100', MERCHANT_KEY: '46f0cd694581a', PASSPHRASE };
const VENDOR = '197.97.145.145';

interface Circumstances {
  readonly credentials?: Record<string, string>;
  readonly sourceAddress?: string | null;
  readonly baseUrl?: string;
  readonly contentType?: string;
  readonly replay?: true;
}

function read(body: string | Uint8Array, circumstances: Circumstances = {}): WebhookReading {
  const { credentials = CREDENTIALS, baseUrl = 'https://www.payfast.co.za', replay } = circumstances;
  const { contentType = 'application/x-www-form-urlencoded', sourceAddress = VENDOR } = circumstances;
  const connection: GatewayConnection = { baseUrl, credentials, testMode: false };
  return readWebhook(connection, {
    headers: { 'content-type': contentType },
    body: typeof body === 'string' ? Buffer.from(body) : body,
    ...(sourceAddress !== null && { sourceAddress }),
    ...(replay && { replay }),
  });
}

function signed(text: string): string {
  return `${text}&signature=${signOrdered(text, PASSPHRASE)}`;
}

function changed(name: string, value: string): string {
  return COMPUTED.replace(new RegExp(`(^|&)${name}=[^&]*`), `$1${name}=${value}`);
}

const PAID = {
  verdict: 'OK',
  claim: {
    kind: 'PAID',
    gatewayReference: 'ord_1001',
    paymentId: 'ord_1001',
    amountMinor: 24_990n,
    currencyCode: 'ZAR',
    dedupeKey: 'itn:1089250:COMPLETE',
  },
};

describe('check 1, the signature', () => {
  test("the vendor's published notification verifies without a passphrase", () => {
    const reading = read(`${PUBLISHED}&signature=${PUBLISHED_SIGNATURE}`, { credentials: { MERCHANT_ID: '10027938' } });
    expect(reading).toMatchObject({ verdict: 'OK', claim: { paymentId: '000000020', amountMinor: 1_500n } });
  });

  test('the computed notification verifies with the passphrase', () => {
    expect(read(`${COMPUTED}&signature=${SIGNED}`)).toMatchObject(PAID);
    expect(read(`${COMPUTED}&signature=${SIGNED.toUpperCase()}`)).toMatchObject(PAID);
  });

  test.each([undefined, ''])('and without one where none is set (%j)', (phrase) => {
    const credentials = { MERCHANT_ID: '10000100', ...(phrase !== undefined && { PASSPHRASE: phrase }) };
    expect(read(`${COMPUTED}&signature=${SIGNED_BARE}`, { credentials })).toMatchObject(PAID);
    expect(read(`${COMPUTED}&signature=${SIGNED}`, { credentials }).verdict).toBe('BAD_SIGNATURE');
  });

  test('a passphrase on our side only is refused', () => {
    expect(read(`${COMPUTED}&signature=${SIGNED_BARE}`).verdict).toBe('BAD_SIGNATURE');
  });

  test('blank fields count: without them the signature fails', () => {
    expect(read(`${COMPUTED.replace(/&custom_\w+=(?=&)/g, '')}&signature=${SIGNED}`).verdict).toBe('BAD_SIGNATURE');
  });

  test('the order is the one on the wire, whichever custom fields come first', () => {
    const turned = COMPUTED.replace(/((?:&custom_str\d=[^&]*)+)((?:&custom_int\d=[^&]*)+)/, '$2$1');
    expect(turned).not.toBe(COMPUTED);
    expect(read(signed(turned))).toMatchObject(PAID);
    expect(read(`${turned}&signature=${SIGNED}`).verdict).toBe('BAD_SIGNATURE');
  });

  test.each(['payment_status', 'amount_gross', 'm_payment_id', 'pf_payment_id', 'email_address'])(
    'a changed %s is refused',
    (name) => {
      const value = name === 'payment_status' ? 'FAILED' : '9';
      expect(read(`${changed(name, value)}&signature=${SIGNED}`).verdict).toBe('BAD_SIGNATURE');
    },
  );

  test('no signature, a short one and one of another alphabet are refused', () => {
    for (const end of ['', '&signature=', '&signature=abc', `&signature=${'z'.repeat(32)}`]) {
      expect(read(`${COMPUTED}${end}`).verdict).toBe('BAD_SIGNATURE');
    }
  });

  test('what follows the signature is not read', () => {
    expect(read(`${COMPUTED}&signature=${SIGNED}&payment_status=FAILED&extra=1`)).toMatchObject(PAID);
  });

  test('escapes in lower case, left out or without need mean the same', () => {
    const other = COMPUTED.replace('%27', "'").replace('%40', '@').replace('COMPLETE', '%43OMPLETE');
    expect(read(`${other}&signature=${SIGNED}`)).toMatchObject(PAID);
    const named = signed(changed('name_first', 'Zo%C3%AB'));
    expect(read(named.replace('%C3%AB', '%c3%ab'))).toMatchObject(PAID);
  });

  test('a name in another encoding does not cost a payment', () => {
    expect(read(signed(changed('name_last', 'M%FCller')))).toMatchObject(PAID);
  });
});

describe('check 2, the source address', () => {
  const body = `${COMPUTED}&signature=${SIGNED}`;

  test.each([
    '197.97.145.144',
    '41.74.179.223',
    '102.216.36.15',
    '102.216.36.128',
    '144.126.193.139',
    '::ffff:197.97.145.150',
  ])('%s is published', (sourceAddress) => expect(read(body, { sourceAddress }).verdict).toBe('OK'));

  test.each(['197.97.145.160', '8.8.8.8', '127.0.0.1', '::1', 'payfast.co.za', '', null])(
    '%j is refused',
    (sourceAddress) => expect(read(body, { sourceAddress }).verdict).toBe('BAD_SIGNATURE'),
  );

  test('a list of our own replaces the published one', () => {
    const credentials = { ...CREDENTIALS, SOURCE_ADDRESSES: '102.216.183.0/25 2001:db8::/32,10.0.0.9' };
    for (const sourceAddress of ['102.216.183.127', '2001:db8::7', '10.0.0.9']) {
      expect(read(body, { credentials, sourceAddress }).verdict).toBe('OK');
    }
    expect(read(body, { credentials }).verdict).toBe('BAD_SIGNATURE');
  });

  test.each(['anything', '10.0.0.0/33', '10.0.0.0/8/8', '10.0.0.0/-1', '10.0.0.0/'])(
    'a list that is none (%s) lets nobody in',
    (list) => {
      const credentials = { ...CREDENTIALS, SOURCE_ADDRESSES: `${VENDOR} ${list}` };
      expect(read(body, { credentials }).verdict).toBe('BAD_SIGNATURE');
    },
  );

  test('this machine speaks for a simulator on this machine, or where it is named', () => {
    for (const baseUrl of ['http://localhost:4001/payfast', 'http://127.0.0.1:4001/payfast']) {
      expect(read(body, { baseUrl, sourceAddress: '::ffff:127.0.0.1' }).verdict).toBe('OK');
    }
    const credentials = { ...CREDENTIALS, SOURCE_ADDRESSES: `${PUBLISHED_SOURCES}, loopback` };
    expect(read(body, { credentials, sourceAddress: '::1' }).verdict).toBe('OK');
  });

  test('a stored delivery that is read again was judged when it came, by its signature still', () => {
    expect(read(body, { replay: true, sourceAddress: null }).verdict).toBe('OK');
    expect(read(`${COMPUTED}&signature=${SIGNED_BARE}`, { replay: true }).verdict).toBe('BAD_SIGNATURE');
  });
});

describe('check 3, whose it is', () => {
  test("another merchant's notification under the same passphrase is refused", () => {
    expect(read(signed(changed('merchant_id', '10027938'))).verdict).toBe('BAD_SIGNATURE');
  });

  test('without a merchant id of ours nothing is accepted', () => {
    expect(read(signed(changed('merchant_id', '')), { credentials: { PASSPHRASE } }).verdict).toBe('BAD_SIGNATURE');
  });
});

describe('what it claims', () => {
  test.each([
    ['COMPLETE', 'PAID'],
    ['complete', 'PAID'],
    ['PENDING', 'PENDING'],
    ['FAILED', 'FAILED'],
    ['CANCELLED', 'FAILED'],
    ['REVERSED', 'OTHER'],
  ])('%s is %s', (status, kind) => {
    expect(read(signed(changed('payment_status', status)))).toMatchObject({ verdict: 'OK', claim: { kind } });
  });

  test('a cancelled subscription leaves the paid order as it is', () => {
    const text = `${changed('payment_status', 'CANCELLED')}&token=a3b3ae55-ab8b-b388-df23-4e6882b86ce0&billing_date=`;
    expect(read(signed(text))).toMatchObject({ verdict: 'OK', claim: { kind: 'OTHER' } });
  });

  test('each charge and each status is a fact of its own', () => {
    const key = (text: string): string => {
      const reading = read(signed(text));
      return reading.verdict === 'OK' ? reading.claim.dedupeKey : reading.verdict;
    };
    const keys = [COMPUTED, changed('pf_payment_id', '1089251'), changed('payment_status', 'PENDING')].map(key);
    expect(new Set(keys).size).toBe(3);
    expect(key(changed('payment_status', 'complete'))).toBe(keys[0]);
  });

  test.each(['', 'a%00b', 'x%27%3B--', 'a'.repeat(101)])(
    'a reference that cannot be ours (%s) names no payment',
    (id) => {
      expect(read(signed(changed('m_payment_id', id)))).toMatchObject({ verdict: 'OK', claim: { paymentId: null } });
    },
  );
});

describe('hostile bodies are malformed and never throw', () => {
  test.each([
    ['empty', ''],
    ['JSON', '{"payment_status":"COMPLETE"}'],
    ['a field twice', signed(`${COMPUTED}&payment_status=FAILED`)],
    ['no transaction', signed(changed('pf_payment_id', ''))],
    ['a transaction in words', signed(changed('pf_payment_id', 'abc'))],
    ['no status', signed(changed('payment_status', ''))],
    ['no amount', signed(changed('amount_gross', ''))],
    ['three decimals', signed(changed('amount_gross', '249.900'))],
    ['an exponent', signed(changed('amount_gross', '2e2'))],
    ['a negative amount', signed(changed('amount_gross', '-249.90'))],
    ['a name with brackets', signed(`${COMPUTED}&a[]=1`)],
    ['too many fields', signed(`${COMPUTED}${Array.from({ length: 200 }, (_, index) => `&x${index}=`).join('')}`)],
    ['too large', `${COMPUTED}&x=${'y'.repeat(70_000)}`],
  ])('%s', (_name, body) => expect(read(body).verdict).toBe('MALFORMED'));

  test('another content type', () => {
    expect(read(`${COMPUTED}&signature=${SIGNED}`, { contentType: 'application/json' }).verdict).toBe('MALFORMED');
    expect(read(`${COMPUTED}&signature=${SIGNED}`, { contentType: '' }).verdict).toBe('OK');
  });

  test('any bytes at all', () => {
    for (let seed = 0; seed < 200; seed++) {
      const bytes = Uint8Array.from({ length: seed * 3 }, (_, index) => (index * 31 + seed * 17) % 256);
      expect(read(bytes).verdict).not.toBe('OK');
    }
  });
});
