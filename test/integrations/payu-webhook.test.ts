import { describe, expect, test } from 'vitest';
import type { GatewayConnection, WebhookReading } from '../../src/integrations/contract.ts';
import { toTxnid } from '../../src/integrations/payu/reference.ts';
import { resultText, sha512 } from '../../src/integrations/payu/signature.ts';
import { PUBLISHED_SOURCES, readWebhook } from '../../src/integrations/payu/webhook.ts';
import { CREDENTIALS, PAYMENT } from '../helpers/payu.ts';

/** The result of payment-gateways.md 3.2 and its hashes of 3.4. */
const RESULT: Readonly<Record<string, string>> = {
  mihpayid: '403993715521937565',
  mode: 'CC',
  status: 'success',
  unmappedstatus: 'captured',
  key: 'gtTest1',
  txnid: 'ord1001a1',
  amount: '499.00',
  net_amount_debit: '499',
  productinfo: 'Order 1001',
  firstname: 'Asha',
  email: 'asha@example.com',
  udf1: 'tenant_t1',
  udf2: 'pay_8842',
  udf3: '',
  udf4: '',
  udf5: '',
  error: 'E000',
  error_Message: 'No Error',
  bank_ref_num: '721522',
};
const SUCCESS =
  '93c6dc3f857bb2359e116599138259d1ad24ecfd82a5bcaa71a9d89a1fff8392987a852f5d9c9789ed01654d9e2f02f49a97edfac34e83dcf7be2ab3c4522215';
const FAILURE =
  'b6cb42f6cfd6f26002a7d09745df7396d5214a85adabdb69012f96d61b707af7f90611300f74869225fbe3d659946a36ef17e8cfee544fdff1842cc96efb22f6';
const CHARGED =
  '5218f26e3a96f308fcdb9f5ca4216d4591929a62cec13a8ffad204783483ae2af551c950a3fd86d606c3df689f02ec19e6aea3acb3605389510db7a7cf24ca83';

const VENDOR = '52.140.8.88';
const FORM = 'application/x-www-form-urlencoded';

interface Circumstances {
  readonly credentials?: Record<string, string>;
  readonly contentType?: string;
  readonly sourceAddress?: string | null;
  readonly baseUrl?: string;
  readonly replay?: true;
}

function read(body: string | Uint8Array, circumstances: Circumstances = {}): WebhookReading {
  const { credentials = CREDENTIALS, baseUrl = 'https://secure.payu.in', replay } = circumstances;
  const { contentType = FORM, sourceAddress = VENDOR } = circumstances;
  const connection: GatewayConnection = { baseUrl, credentials, testMode: false };
  return readWebhook(connection, {
    headers: { 'content-type': contentType },
    body: typeof body === 'string' ? Buffer.from(body) : body,
    ...(sourceAddress !== null && { sourceAddress }),
    ...(replay && { replay }),
  });
}

const posted = (fields: Readonly<Record<string, string>>): string => new URLSearchParams(fields).toString();

/** With the hash that belongs to it. */
function signed(changes: Readonly<Record<string, string>> = {}): string {
  const fields = { ...RESULT, ...changes };
  const charges = fields['additionalCharges'] ?? fields['additional_charges'] ?? null;
  return posted({ ...fields, hash: sha512(resultText(fields, fields['status'] ?? '', charges, CREDENTIALS.SALT)) });
}

function claimOf(reading: WebhookReading) {
  if (reading.verdict !== 'OK') throw new Error(`${reading.verdict}: ${reading.detail}`);
  return reading.claim;
}

describe("a payment's result", () => {
  test('verifies by the hash of the specification, in either case', () => {
    for (const hash of [SUCCESS, SUCCESS.toUpperCase()]) {
      expect(read(posted({ ...RESULT, hash }))).toEqual({
        verdict: 'OK',
        claim: {
          kind: 'PAID',
          gatewayReference: 'ord1001a1',
          referenceCode: null,
          paymentId: null,
          amountMinor: 49_900n,
          currencyCode: 'INR',
          failureReason: null,
          dedupeKey: 'payment:ord1001a1:success:captured:403993715521937565',
        },
      });
    }
  });

  test('names our payment where the txnid is one of ours', () => {
    const txnid = toTxnid(PAYMENT)!;
    expect(claimOf(read(signed({ txnid })))).toMatchObject({ gatewayReference: txnid, paymentId: PAYMENT });
  });

  test('that failed verifies by its own hash, with the reason', () => {
    const fields = { ...RESULT, status: 'failure', unmappedstatus: 'failed', error_Message: 'Declined\r\n\0' };
    expect(claimOf(read(posted({ ...fields, hash: FAILURE })))).toMatchObject({
      kind: 'FAILED',
      failureReason: 'Declined ',
    });
    expect(read(posted({ ...fields, hash: SUCCESS })).verdict).toBe('BAD_SIGNATURE');
  });

  test.each(['additionalCharges', 'additional_charges'])('with %s verifies by the 19 elements', (name) => {
    const fields = { ...RESULT, [name]: '9.98' };
    expect(claimOf(read(posted({ ...fields, hash: CHARGED })))).toMatchObject({ kind: 'PAID', amountMinor: 49_900n });
    expect(read(posted({ ...fields, hash: SUCCESS })).verdict).toBe('BAD_SIGNATURE');
    expect(read(posted({ ...RESULT, hash: CHARGED })).verdict).toBe('BAD_SIGNATURE');
  });

  test('with empty additional charges has none', () => {
    expect(read(posted({ ...RESULT, additionalCharges: '', hash: SUCCESS })).verdict).toBe('OK');
  });

  test('with both spellings takes them where they agree and neither where they do not', () => {
    const both = { ...RESULT, additionalCharges: '9.98', additional_charges: '9.98' };
    expect(read(posted({ ...both, hash: CHARGED })).verdict).toBe('OK');
    expect(read(posted({ ...both, additional_charges: '0.01', hash: CHARGED })).verdict).toBe('MALFORMED');
  });

  test.each(['status', 'key', 'txnid', 'amount', 'productinfo', 'firstname', 'email', 'udf1', 'udf2', 'udf5'])(
    'with a changed %s is refused',
    (name) => {
      const value = name === 'amount' ? '1.00' : name === 'status' ? 'failure' : 'other';
      expect(read(posted({ ...RESULT, [name]: value, hash: SUCCESS })).verdict).toBe('BAD_SIGNATURE');
    },
  );

  test('under another salt, or of another merchant under our salt, is refused', () => {
    const body = posted({ ...RESULT, hash: SUCCESS });
    expect(read(body, { credentials: { ...CREDENTIALS, SALT: 'another' } }).verdict).toBe('BAD_SIGNATURE');
    expect(read(signed({ key: 'JPM7Fg' })).verdict).toBe('BAD_SIGNATURE');
  });

  test('is never accepted without a key and a salt of ours', () => {
    const unsalted = { ...RESULT, hash: sha512(resultText(RESULT, 'success', null, '')) };
    const incomplete: Record<string, string>[] = [
      {},
      { MERCHANT_KEY: 'gtTest1' },
      { MERCHANT_KEY: 'gtTest1', SALT: '' },
      { SALT: 'x' },
    ];
    for (const credentials of incomplete) {
      expect(read(posted(unsalted), { credentials }).verdict).toBe('BAD_SIGNATURE');
    }
  });

  test.each(['', 'abc', 'z'.repeat(128)])('with the hash %j is refused', (hash) => {
    expect(read(posted({ ...RESULT, hash })).verdict).toBe('BAD_SIGNATURE');
  });

  test('is the same fact through the browser and from server to server, whatever else is posted', () => {
    const browser = read(posted({ ...RESULT, hash: SUCCESS, surl: 'https://shop.example.com/ok', field9: 'Fine' }));
    expect(claimOf(browser).dedupeKey).toBe(claimOf(read(posted({ ...RESULT, hash: SUCCESS }))).dedupeKey);
  });

  test('each state and each transaction is a fact of its own, blanks and case are not', () => {
    const key = (changes: Record<string, string>) => claimOf(read(signed(changes))).dedupeKey;
    const facts: Record<string, string>[] = [
      {},
      { unmappedstatus: 'auth' },
      { status: 'failure' },
      { status: 'failure', unmappedstatus: 'dropped' },
      { mihpayid: '403993715521937566' },
      { txnid: 'ord1001a2' },
    ];
    expect(new Set(facts.map(key)).size).toBe(facts.length);
    expect(key({ mihpayid: ' 403993715521937565 ', unmappedstatus: 'Captured' })).toBe(key({}));
  });

  test.each([
    ['success', 'captured', 'PAID'],
    ['success', 'auth', 'PENDING'],
    ['pending', 'in progress', 'PENDING'],
    ['failure', 'userCancelled', 'FAILED'],
    ['failure', 'dropped', 'FAILED'],
    ['failure', 'autoRefund', 'REFUNDED'],
    ['refunded', '', 'PENDING'],
  ])('%s / %s claims %s', (status, unmappedstatus, kind) => {
    expect(claimOf(read(signed({ status, unmappedstatus }))).kind).toBe(kind);
  });

  test.each(['', 'a b', "x';--", 'a'.repeat(51), 'tränk'])(
    'a txnid that cannot be ours (%j) names no payment',
    (txnid) => {
      expect(claimOf(read(signed({ txnid })))).toMatchObject({ gatewayReference: null, paymentId: null });
    },
  );
});

describe('a form in parts', () => {
  const BOUNDARY = '------------------------d74496d66958873e';
  const part = (name: string, value: string) =>
    `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  const parts = (fields: Readonly<Record<string, string>>) =>
    Object.entries(fields)
      .map(([name, value]) => part(name, value))
      .join('');
  const type = `multipart/form-data; boundary=${BOUNDARY}`;
  const whole = `${parts({ ...RESULT, hash: SUCCESS })}--${BOUNDARY}--\r\n`;

  test('says the same as one in a line', () => {
    const inLine = read(posted({ ...RESULT, hash: SUCCESS }));
    for (const contentType of [type, `Multipart/Form-Data; charset=utf-8; Boundary="${BOUNDARY}"`]) {
      expect(read(whole, { contentType })).toEqual(inLine);
    }
  });

  test('keeps line ends and signs of other alphabets in its values', () => {
    const fields = { ...RESULT, productinfo: 'चाय\r\n--\r\n', hash: '' };
    const hash = sha512(resultText(fields, 'success', null, CREDENTIALS.SALT));
    const body = `${parts({ ...fields, hash })}--${BOUNDARY}--`;
    expect(read(body, { contentType: type }).verdict).toBe('OK');
  });

  test.each([
    ['broken off', whole.slice(0, -10), type],
    ['without a boundary', whole, 'multipart/form-data'],
    ['of another boundary', whole, 'multipart/form-data; boundary=other'],
    ['with a file', whole.replace('name="mode"', 'name="mode"; filename="a.txt"'), type],
    ['with a part that has no name', whole.replace('; name="mode"', ''), type],
    ['with a field twice', part('status', 'failure') + whole, type],
    ['with something before it', `preamble\r\n${whole}`, type],
    ['empty', '', type],
    ['of nothing but its end', `--${BOUNDARY}--`, type],
  ])('%s is malformed', (_name, body, contentType) => {
    expect(read(body, { contentType }).verdict).toBe('MALFORMED');
  });
});

/** The sample's fields of payment-gateways.md 3.4. */
const CALLBACK: Readonly<Record<string, unknown>> = {
  action: 'refund',
  status: 'success',
  mihpayid: 403993715521937565n,
  merchantTxnId: toTxnid(PAYMENT),
  request_id: 131278422,
  token: 'whatever',
  amt: '100.00',
  key: 'gtTest1',
  bank_ref_num: '527013524405',
  bank_arn: null,
  refund_mode: 'Back to Source',
  remark: 'Refund processed',
  additionalValue1: '',
  additionalValue2: '',
};

const asJson = (changes: Readonly<Record<string, unknown>> = {}): string =>
  JSON.stringify({ ...CALLBACK, ...changes }, (_key, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );

describe('a refund callback', () => {
  const JSON_TYPE = { contentType: 'application/json' };

  test('is a hint about our payment and the amount, one fact per request and state', () => {
    expect(read(asJson(), JSON_TYPE)).toEqual({
      verdict: 'OK',
      claim: {
        kind: 'REFUNDED',
        gatewayReference: toTxnid(PAYMENT),
        referenceCode: null,
        paymentId: PAYMENT,
        amountMinor: 10_000n,
        currencyCode: 'INR',
        failureReason: null,
        dedupeKey: 'refund:131278422:success',
      },
    });
    expect(claimOf(read(asJson({ status: 'SUCCESS', request_id: '131278422' }), JSON_TYPE)).dedupeKey).toBe(
      'refund:131278422:success',
    );
  });

  test('of a refund that failed claims nothing about the payment', () => {
    expect(claimOf(read(asJson({ status: 'failure', remark: 'No balance' }), JSON_TYPE))).toMatchObject({
      kind: 'OTHER',
      failureReason: 'No balance',
      dedupeKey: 'refund:131278422:failure',
    });
  });

  test('comes from the vendor or not at all, because it has no hash', () => {
    for (const sourceAddress of [...PUBLISHED_SOURCES.split(' '), '::ffff:3.7.89.3']) {
      expect(read(asJson(), { ...JSON_TYPE, sourceAddress }).verdict).toBe('OK');
    }
    for (const sourceAddress of ['3.7.89.4', '127.0.0.1', '', null]) {
      expect(read(asJson(), { ...JSON_TYPE, sourceAddress }).verdict).toBe('BAD_SIGNATURE');
    }
  });

  test('may come from where the tenant says, from a simulator on this machine, or from our own store', () => {
    const credentials = { ...CREDENTIALS, SOURCE_ADDRESSES: '10.0.0.0/8' };
    expect(read(asJson(), { ...JSON_TYPE, credentials, sourceAddress: '10.1.2.3' }).verdict).toBe('OK');
    expect(read(asJson(), { ...JSON_TYPE, credentials }).verdict).toBe('BAD_SIGNATURE');
    const baseUrl = 'http://localhost:4001/payu';
    expect(read(asJson(), { ...JSON_TYPE, baseUrl, sourceAddress: '127.0.0.1' }).verdict).toBe('OK');
    expect(read(asJson(), { ...JSON_TYPE, sourceAddress: null, replay: true }).verdict).toBe('OK');
  });

  test('of another merchant, or for nobody, is refused', () => {
    expect(read(asJson({ key: 'JPM7Fg' }), JSON_TYPE).verdict).toBe('BAD_SIGNATURE');
    expect(read(asJson({ key: '' }), { ...JSON_TYPE, credentials: {} }).verdict).toBe('BAD_SIGNATURE');
  });

  test.each([
    ['nothing', ''],
    ['no object', '[]'],
    ['another action', asJson({ action: 'dispute' })],
    ['no request', asJson({ request_id: null })],
    ['a request in words', asJson({ request_id: 'x' })],
    ['no amount', asJson({ amt: '' })],
    ['a negative amount', asJson({ amt: '-1.00' })],
    ['an exponent', asJson({ amt: '1e2' })],
    ['a state that is no word', asJson({ status: 'a:b' })],
    ['a state that is an object', asJson({ status: {} })],
    ['no key', asJson({ key: undefined })],
    ['everything nested', '['.repeat(30_000)],
    ['too much', asJson({ remark: 'x'.repeat(70_000) })],
  ])('with %s is malformed', (_name, body) => expect(read(body, JSON_TYPE).verdict).toBe('MALFORMED'));

  test('is not read out of a form, nor a result out of JSON', () => {
    const asForm = posted(Object.fromEntries(Object.entries(CALLBACK).map(([name, value]) => [name, String(value)])));
    expect(read(asForm).verdict).not.toBe('OK');
    expect(read(JSON.stringify({ ...RESULT, hash: SUCCESS }), JSON_TYPE).verdict).toBe('MALFORMED');
  });
});

describe('hostile bodies are malformed and never throw', () => {
  test.each([
    ['empty', ''],
    ['JSON under the name of a form', '{"status":"success"}'],
    ['a field twice', `${signed()}&status=failure`],
    ['an unsigned field twice', `${signed()}&mihpayid=1`],
    ['a bar in a signed field', signed({ firstname: 'Asha|Order' })],
    ['a bar in the status', signed({ status: 'success|' })],
    ['a bar in the charges', signed({ additionalCharges: '9.98|x' })],
    ['no status', signed({ status: '' })],
    ['a status of signs', signed({ status: '<b>' })],
    ['an unmapped status of signs', signed({ unmappedstatus: ':' })],
    ['a transaction in words', signed({ mihpayid: 'abc' })],
    ['a transaction that is too long', signed({ mihpayid: '4'.repeat(21) })],
    ['no amount', signed({ amount: '' })],
    ['three decimals', signed({ amount: '499.000' })],
    ['an exponent', signed({ amount: '4e2' })],
    ['a negative amount', signed({ amount: '-499.00' })],
    ['a name with brackets', `${signed()}&udf[]=1`],
    ['too many fields', `${signed()}${Array.from({ length: 200 }, (_, index) => `&x${index}=`).join('')}`],
    ['too large', `${signed()}&x=${'y'.repeat(70_000)}`],
  ])('%s', (_name, body) => expect(read(body).verdict).toBe('MALFORMED'));

  test.each(['text/plain', 'application/xml', 'application/jsonp'])('a body that says it is %s', (contentType) => {
    expect(read(signed(), { contentType }).verdict).toBe('MALFORMED');
  });

  test('names that every object has are names like any other', () => {
    for (const name of ['__proto__', 'constructor', 'toString']) {
      expect(read(`${signed()}&${name}=x`).verdict).toBe('OK');
      expect(read(signed({ txnid: name })).verdict).toBe('OK');
    }
  });

  test('bytes that are no text', () => {
    const bytes = Buffer.concat([Buffer.from(`${signed()}&x=`), Buffer.from([0xff, 0xfe])]);
    expect(read(bytes).verdict).toBe('MALFORMED');
  });

  test('any bytes at all', () => {
    for (let seed = 0; seed < 200; seed++) {
      const bytes = Uint8Array.from({ length: seed * 3 }, (_, index) => (index * 31 + seed * 17) % 256);
      for (const contentType of [FORM, '', 'application/json', 'multipart/form-data; boundary=x']) {
        expect(read(bytes, { contentType }).verdict).not.toBe('OK');
      }
    }
  });
});
