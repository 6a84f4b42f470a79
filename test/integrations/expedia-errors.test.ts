import { describe, expect, test } from 'vitest';
import fc from '../helpers/property.ts';
import type { OutboundRequest, Outcome } from '../../src/integrations/contract.ts';
import { signatureOf } from '../../src/integrations/expedia/signature.ts';
import type { JsonValue, LodgingClient } from '../../src/integrations/travel.ts';
import {
  BOOK_SAMPLE,
  ERROR_SAMPLE,
  ITINERARY_SAMPLE,
  PRICE_CHECK_SAMPLE,
  SHOP_SAMPLE,
  UNAUTHENTICATED_SAMPLE,
} from '../helpers/expedia-samples.ts';
import {
  CREDENTIALS,
  KEYS,
  TRAVELLER,
  bookInput,
  bookedInput,
  connectionTo,
  day,
  done,
  endOf,
  expectNoSecret,
  expediaClient,
  stayQuery,
  type Checked,
} from '../helpers/expedia.ts';

/** A vendor that may say anything, and what each of its answers means. */
const CALL = { timeoutMs: 10_000 };
const connection = connectionTo('http://127.0.0.1:4001/expedia/v3');

/** A vendor that answers one thing to everything. */
function answering(status: number, body: string): LodgingClient {
  return expediaClient(async () => ({ status, headers: {}, body }));
}

const TOKEN = {
  v: 1,
  check: '/v3/properties/1/rooms/2/rates/3?token=a',
  rooms: ['2'],
  total: '14136',
  inclusive: '14136',
  currency: 'USD',
  refundable: true,
  penalties: null,
  book: { href: '/v3/itineraries?token=b', expires: null },
} satisfies JsonValue;
const INPUT = bookInput({ token: TOKEN, totalMinor: 14_136n, currencyCode: 'USD' } as unknown as Checked, {
  reference: 'GW-01J4ZK8Q0T',
});
const BOOKED = {
  ...bookedInput(INPUT, {
    providerReference: '8999989898988',
    keys: { resume: '/v3/itineraries/8999989898988?token=c', cancel: '/v3/itineraries/8999989898988?token=d' },
  }),
  attemptedAt: new Date(0),
  reason: 'no',
};

const METHODS: Readonly<Record<string, (one: LodgingClient) => Promise<Outcome<unknown>>>> = {
  probe: (one) => one.probe(connection, CALL),
  search: (one) => one.searchStays(connection, stayQuery({ destination: null, propertyIds: ['19248'] }), CALL),
  place: (one) => one.searchStays(connection, stayQuery({ destination: 'region:1' }), CALL),
  check: (one) => one.check(connection, TOKEN, TRAVELLER, CALL),
  book: (one) => one.book(connection, INPUT, CALL),
  confirm: (one) => one.confirm(connection, BOOKED, CALL),
  lookUp: (one) => one.lookUp(connection, BOOKED, CALL),
  find: (one) => one.lookUp(connection, { ...BOOKED, ids: null }, CALL),
  cancel: (one) => one.cancel(connection, BOOKED, CALL),
};

describe('the errors of the documents', () => {
  const nested = (type: string): string => ERROR_SAMPLE.replace('checkin.invalid_date_format', type);
  const plain = (type: string): string => JSON.stringify({ type, message: 'x' });

  test.each([
    ['search', 400, nested('checkin.invalid_date_format'), 'rejected'],
    ['search', 400, nested('number_of_occupancies.invalid_above_maximum'), 'rejected'],
    ['search', 401, UNAUTHENTICATED_SAMPLE, 'misconfigured'],
    ['search', 403, plain('request_unauthorized'), 'misconfigured'],
    ['search', 404, plain('resource_not_found'), 'rejected'],
    ['search', 426, plain('upgrade_required'), 'misconfigured'],
    ['search', 429, plain('too_many_requests'), 'rateLimited'],
    ['search', 500, plain('unknown_internal_error'), 'unavailable'],
    ['search', 503, plain('service_unavailable'), 'unavailable'],
    ['search', 504, '<html>', 'unavailable'],
    // A whole answer that nobody can read is not a place without offers.
    ['search', 200, '[{"property_id":"1","status":"available","rooms":[{}]}]', 'unavailable'],
    ['place', 404, plain('region.not_found'), 'rejected'],
    ['place', 410, plain('link.expired'), 'rejected'],
    ['check', 400, nested('link.invalid'), 'EXPIRED'],
    ['check', 404, plain('resource_not_found'), 'EXPIRED'],
    ['check', 400, nested('language.required'), 'rejected'],
    ['check', 500, plain('unknown_internal_error'), 'unavailable'],
    ['book', 400, nested('duplicate_itinerary'), 'unknown'],
    ['book', 400, nested('link.invalid'), 'EXPIRED'],
    ['book', 400, nested('email.invalid'), 'rejected'],
    ['book', 400, nested('payments.required'), 'rejected'],
    ['book', 400, nested('address.country_code.invalid'), 'rejected'],
    // Without its reason a refusal might be that of a duplicate.
    ['book', 400, '', 'unknown'],
    ['book', 400, '{"message":"no"}', 'unknown'],
    ['book', 401, plain('request_unauthenticated'), 'misconfigured'],
    ['book', 403, plain('request_unauthorized'), 'misconfigured'],
    ['book', 408, '', 'unknown'],
    ['book', 409, plain('price_mismatch'), 'PRICE_CHANGED'],
    ['book', 409, plain('something_else'), 'unknown'],
    ['book', 409, '', 'unknown'],
    ['book', 410, plain('rooms_unavailable'), 'SOLD_OUT'],
    ['book', 410, '', 'unknown'],
    ['book', 426, plain('upgrade_required'), 'misconfigured'],
    ['book', 429, plain('too_many_requests'), 'rateLimited'],
    ['book', 500, plain('unknown_internal_error'), 'unknown'],
    ['book', 503, plain('service_unavailable'), 'unknown'],
    ['book', 504, '<html>', 'unknown'],
    ['book', 200, '', 'unknown'],
    ['book', 201, '{}', 'unknown'],
    ['confirm', 503, plain('service_unavailable'), 'unknown'],
    ['confirm', 504, '', 'unknown'],
    ['confirm', 404, plain('resource_not_found'), 'rejected'],
    ['confirm', 429, plain('too_many_requests'), 'rateLimited'],
    ['lookUp', 404, plain('resource_not_found'), 'NOT_FOUND'],
    // A wrong base URL knows no itinerary either: that is no word about one.
    ['lookUp', 404, '<html>', 'misconfigured'],
    ['lookUp', 400, nested('email.invalid'), 'rejected'],
    ['find', 200, '[]', 'NOT_FOUND'],
    ['find', 200, '{}', 'unavailable'],
    ['find', 200, '[null]', 'unavailable'],
    ['cancel', 404, plain('resource_not_found'), 'rejected'],
    ['cancel', 500, plain('unknown_internal_error'), 'unavailable'],
  ])('%s, %d %s: %s', async (method, status, body, end) => {
    const outcome = await METHODS[method]!(answering(status, body));
    const value = outcome.kind === 'done' ? (outcome.value as { state: string }).state : endOf(outcome);
    expect(value).toBe(end);
  });

  test('an answer about another booking is none', async () => {
    const other = ITINERARY_SAMPLE.replace('GW-01J4ZK8Q0T', 'GW-SOMEBODY');
    expect(endOf(await METHODS['lookUp']!(answering(200, other)))).toBe('unavailable');
    expect(endOf(await METHODS['find']!(answering(200, `[${other}]`)))).toBe('unavailable');
    expect(endOf(await METHODS['cancel']!(answering(200, other)))).toBe('unavailable');
  });

  test('a search that missed an offer says so', async () => {
    const body = SHOP_SAMPLE.replace('"rates":[', '"rates":[{},');
    const query = stayQuery({
      destination: null,
      propertyIds: ['19248'],
      occupancies: [{ adults: 2, childAges: [9, 4] }],
    });
    expect(done(await answering(200, body).searchStays(connection, query, CALL))).toMatchObject({
      offers: [{ totalMinor: 29_904n }],
      complete: false,
      incompleteReason: "1 of the vendor's offers could not be read",
    });
    const whole = done(await answering(200, SHOP_SAMPLE).searchStays(connection, query, CALL));
    expect(whole).toMatchObject({ complete: true, incompleteReason: null });
  });

  test('a payment session is refused: no card ever comes here', async () => {
    const body = PRICE_CHECK_SAMPLE.replace('"book"', '"payment_session"');
    expect(endOf(await METHODS['check']!(answering(200, body)))).toBe('rejected');
  });

  test('a hold without the link that confirms is pending, not held', async () => {
    const outcome = await answering(201, BOOK_SAMPLE).book(connection, { ...INPUT, hold: true }, CALL);
    expect(done(outcome)).toMatchObject({ state: 'PENDING' });
  });

  test('tell the log their types and nothing of what they quote', async () => {
    const body = JSON.stringify({
      type: 'invalid_input',
      message: `for ${CREDENTIALS.SECRET} of ana@example.com`,
      errors: [{ type: 'email.invalid', message: 'ana@example.com' }, { type: `x.${CREDENTIALS.API_KEY}` }],
    });
    const outcome = await METHODS['search']!(answering(400, body));
    expect(outcome).toMatchObject({ detail: 'refused (400): invalid_input, email.invalid, x.[secret]' });
    expectNoSecret(outcome);
  });
});

describe('what is asked for', () => {
  test.each([
    ['no adult', { occupancies: [{ adults: 0, childAges: [] }] }],
    ['no room', { occupancies: [] }],
    ['nine rooms', { occupancies: Array.from({ length: 9 }, () => ({ adults: 1, childAges: [] })) }],
    ['no day', { checkIn: '2026-9-9' }],
    ['a stay that ends first', { checkIn: day(10), checkOut: day(9) }],
    ['no place', { destination: null }],
    ['a hostile property', { propertyIds: ['1&x=2'] }],
    ['no point of sale', { traveller: { ...TRAVELLER, countryCode: 'usa' } }],
  ])('%s is refused without a call', async (_name, more) => {
    let sent = 0;
    const fresh = expediaClient(async () => (sent++, { status: 200, headers: {}, body: '[]' }));
    expect(endOf(await fresh.searchStays(connection, stayQuery(more), CALL))).toBe('rejected');
    expect(sent).toBe(0);
  });

  test('an offer that is none of ours, or was not checked, is refused without a call', async () => {
    const fresh = expediaClient(() => Promise.reject(new Error('sent')));
    for (const offer of [null, 7, 'x', {}, [], { v: 2 }, { ...TOKEN, check: '' }] as JsonValue[]) {
      expect(endOf(await fresh.check(connection, offer, TRAVELLER, CALL))).toBe('rejected');
      expect(endOf(await fresh.book(connection, { ...INPUT, offer }, CALL))).toBe('rejected');
    }
    const { book: _book, ...unchecked } = TOKEN;
    expect(endOf(await fresh.book(connection, { ...INPUT, offer: unchecked }, CALL))).toBe('rejected');
    expect(endOf(await fresh.book(connection, { ...INPUT, currencyCode: 'EUR' }, CALL))).toBe('rejected');
    const cheaper = await fresh.book(connection, { ...INPUT, totalMinor: 14_135n }, CALL);
    expect(done(cheaper)).toEqual({ state: 'PRICE_CHANGED' });
  });

  test('is signed with headers no traveller can write into', async () => {
    const seen: OutboundRequest[] = [];
    const now = new Date(1_767_225_600_000);
    const fresh = expediaClient(
      async (request) => {
        seen.push(request);
        return { status: 200, headers: {}, body: '[]' };
      },
      { now: () => now },
    );
    const traveller = { ...TRAVELLER, userAgent: 'A\r\nauthorization: x', sessionId: '\n' };
    await fresh.lookUp(connection, { ...BOOKED, ids: null, contactEmail: 'a b&c@x', traveller }, CALL);
    const signature = signatureOf({ apiKey: KEYS.apiKey, secret: KEYS.sharedSecret }, 1_767_225_600);
    expect(seen).toEqual([
      {
        method: 'GET',
        url: `${connection.baseUrl}/itineraries?affiliate_reference_id=GW-01J4ZK8Q0T&email=a+b%26c%40x`,
        headers: {
          authorization: `EAN apikey=${KEYS.apiKey},signature=${signature},timestamp=1767225600`,
          accept: 'application/json',
          'accept-encoding': 'gzip',
          'user-agent': 'A authorization: x',
          'customer-ip': '203.0.113.7',
        },
        account: `${KEYS.apiKey} booking`,
        rateLimitPauseMs: 60_000,
      },
    ]);
  });
});

describe('whatever the vendor answers', () => {
  const SAMPLES = [
    SHOP_SAMPLE,
    PRICE_CHECK_SAMPLE,
    BOOK_SAMPLE,
    ITINERARY_SAMPLE,
    `[${ITINERARY_SAMPLE}]`,
    ERROR_SAMPLE,
    UNAUTHENTICATED_SAMPLE,
  ];
  const status = fc.constantFrom(
    200,
    201,
    202,
    204,
    301,
    400,
    401,
    403,
    404,
    405,
    408,
    409,
    410,
    422,
    426,
    429,
    500,
    503,
    504,
    599,
  );
  const spoilt = fc
    .tuple(
      fc.constantFrom(...SAMPLES),
      fc.nat(),
      fc.nat(60),
      fc.oneof(fc.string(), fc.constantFrom('null', '{}', '[]', '1e999', '"__proto__"', '-')),
    )
    .map(([sample, at, length, patch]) => {
      const start = at % sample.length;
      return sample.slice(0, start) + patch + sample.slice(start + length);
    });
  const retyped = fc.tuple(fc.constantFrom(...SAMPLES), fc.nat(), fc.jsonValue()).map(([sample, at, value]) => {
    let seen = 0;
    const count = [...sample.matchAll(/"[\w.-]+":/g)].length;
    return JSON.stringify(
      JSON.parse(sample, (key, old: unknown) => (key !== '' && seen++ === at % count ? value : old)),
    );
  });
  const body = fc.oneof(fc.string(), fc.json(), fc.constantFrom(...SAMPLES), spoilt, retyped);

  test.each(Object.keys(METHODS))('%s brings an outcome, and throws nothing', async (method) => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(status, body), { minLength: 1, maxLength: 4 }), async (answers) => {
        let call = 0;
        const fresh = expediaClient(async () => {
          const [code, text] = answers[call++ % answers.length]!;
          return { status: code, headers: {}, body: text };
        });
        const outcome = await METHODS[method]!(fresh);
        expect(['done', 'notDone', 'unknown']).toContain(outcome.kind);
        expectNoSecret(outcome.kind === 'done' ? null : outcome);
      }),
      { numRuns: 200 },
    );
  });

  test('rubbish in place of an answer to a booking is unknown, never done and never undone', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(200, 201, 202, 400, 409, 410, 500, 502, 503, 504),
        fc.string(),
        async (code, text) => {
          expect(endOf(await METHODS['book']!(answering(code, text)))).toBe('unknown');
        },
      ),
    );
  });
});
