import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import fc from '../helpers/property.ts';
import type { OutboundSend, Outcome } from '../../src/integrations/contract.ts';
import { OutboundFailure } from '../../src/integrations/http.ts';
import type { JsonValue, LodgingClient, ProviderConnection } from '../../src/integrations/travel.ts';
import {
  CALL,
  CREDENTIALS,
  ORION,
  TRAVELLER,
  answered,
  available,
  bookInput,
  clientOf,
  connectionTo,
  done,
  inDays,
  query,
  refused,
  scripted,
} from '../helpers/booking.ts';
import {
  AVAILABILITY_SAMPLE,
  CANCEL_SAMPLE,
  CREATE_SAMPLE,
  ERROR_SAMPLE,
  PREVIEW_SAMPLE,
} from '../helpers/booking-samples.ts';

/** What each answer means, by the tables of travel-providers.md 2.4 and 2.5, and what no answer may ever do. */

const connection = connectionTo('https://demandapi-sandbox.booking.com/3.2', {
  settings: { paymentTiming: 'pay_at_the_property' },
});
const PRODUCT = '1050736001_358188572_2_0_0';
const OFFER: JsonValue = {
  v: 1,
  property: ORION,
  checkIn: inDays(60),
  checkOut: inDays(62),
  country: 'nl',
  platform: 'desktop',
  currency: 'EUR',
  totalMinor: '27840',
  rooms: [{ id: PRODUCT, adults: 2, childAges: [] }],
};
const CHECKED: JsonValue = {
  ...OFFER,
  order: {
    token: 'eyJvIjoiMTA1MDczNjAifQ.sim',
    expiresAt: new Date(Date.now() + 900_000).toISOString(),
    timing: 'pay_at_the_property',
    method: null,
  },
};
const PAYABLE = PREVIEW_SAMPLE.replace(
  '"pay_at_the_property":null',
  '"pay_at_the_property":{"method_required":false,"methods":null}',
);
const INPUT = bookInput({
  state: 'AVAILABLE',
  totalMinor: 27_840n,
  currencyCode: 'EUR',
  refundable: true,
  cancellationFees: null,
  expiresAt: null,
  token: CHECKED,
});
const IDS = { providerReference: '12345678', keys: { order: '509430129718799', reservation: '12345678' } };
const BOOKED = {
  reference: INPUT.reference,
  contactEmail: INPUT.contactEmail,
  traveller: TRAVELLER,
  attemptedAt: new Date(),
  ids: IDS,
};
const CANCELLING = { ...BOOKED, reason: 'Traveller changed plans' };
const details = (...orders: object[]) => answered({ request_id: 'x', data: orders, metadata: { next_page: null } });
const ORDER = {
  id: '509430129718799',
  status: 'booked',
  label: INPUT.reference,
  accommodations: { reservation: '12345678' },
};

function endOf(outcome: Outcome<unknown>): string {
  return outcome.kind === 'notDone' ? outcome.reason : outcome.kind;
}

const checking = (...answers: Parameters<typeof scripted>) =>
  clientOf(scripted(...answers)).check(connection, OFFER, TRAVELLER, CALL);
const booking = (...answers: Parameters<typeof scripted>) =>
  clientOf(scripted(...answers)).book(connection, INPUT, CALL);
const lookingUp = (...answers: Parameters<typeof scripted>) =>
  clientOf(scripted(...answers)).lookUp(connection, { ...BOOKED, ids: null }, CALL);

describe('the table of errors', () => {
  test.each([
    [400, 'missing_parameter', 'rejected', 'rejected'],
    [400, 'invalid_parameter', 'rejected', 'rejected'],
    [400, 'conflicting_parameters', 'rejected', 'rejected'],
    [400, 'invalid_request', 'rejected', 'rejected'],
    [400, 'invalid_token', 'rejected', 'rejected'],
    [400, 'a new key', 'rejected', 'rejected'],
    [401, 'unauthorized', 'misconfigured', 'misconfigured'],
    [403, 'forbidden', 'misconfigured', 'misconfigured'],
    [403, 'sandbox_blocked', 'misconfigured', 'misconfigured'],
    [404, 'not_found', 'misconfigured', 'misconfigured'],
    [405, 'method_not_allowed', 'misconfigured', 'misconfigured'],
    [406, 'not_acceptable', 'misconfigured', 'misconfigured'],
    [415, 'unsupported_media_type', 'misconfigured', 'misconfigured'],
    [301, '', 'misconfigured', 'misconfigured'],
    [422, '', 'rejected', 'rejected'],
    [429, 'too_many_requests', 'rateLimited', 'rateLimited'],
    [409, 'a new key', 'rejected', 'unknown'],
    [409, 'duplicate_request', 'rejected', 'unknown'],
    [408, '', 'unavailable', 'unknown'],
    [500, '500', 'unavailable', 'unknown'],
    [502, '', 'unavailable', 'unknown'],
    [503, '503', 'unavailable', 'unknown'],
    [504, '', 'unavailable', 'unknown'],
    [202, '', 'unavailable', 'unknown'],
  ])('%i %s is %s for a check and %s for an order', async (status, id, read, acted) => {
    const body = refused(status, id);
    expect(endOf(await checking(body))).toBe(read);
    expect(endOf(await booking(body))).toBe(acted);
    // An answer without a readable body means the same, but for the conflict that only its key explains.
    expect(endOf(await booking(answered('<html>', status)))).toBe(status === 409 ? 'unknown' : acted);
  });

  test('what is sold out, and what is over, is told as such', async () => {
    expect(done(await checking(refused(409, 'order_unavailable')))).toEqual({ state: 'SOLD_OUT' });
    expect(done(await booking(refused(409, 'order_unavailable')))).toEqual({ state: 'SOLD_OUT' });
    expect(done(await booking(refused(400, 'expired_token')))).toEqual({ state: 'EXPIRED' });
  });

  test('a 429 names the minute the account is blocked, or the time the vendor names', async () => {
    const now = new Date('2026-08-01T10:00:00Z');
    const limited = async (headers: Record<string, string>) =>
      clientOf(scripted({ ...refused(429, 'x'), headers }), { now: () => now }).probe(connection, CALL);
    expect(await limited({})).toMatchObject({ reason: 'rateLimited', retryAt: new Date('2026-08-01T10:01:00Z') });
    expect(await limited({ 'retry-after': '90' })).toMatchObject({ retryAt: new Date('2026-08-01T10:01:30Z') });
  });

  test('says the key, the parameter and the request, and no value', async () => {
    const outcome = await booking(
      refused(400, 'invalid_parameter', "Parameter 'booker.email' is invalid. 'mona@example.com' is known as 'Mona'."),
    );
    expect(outcome).toEqual({
      kind: 'notDone',
      reason: 'rejected',
      detail: 'an answer of 400 for invalid_parameter (booker.email) in request 01gw5aaj8dkh7fvgwa7phs916x',
    });
  });

  test('a cancelled order that conflicts is cancelled; one that stands is refused; one that is not told is unknown', async () => {
    const conflict = refused(409, 'not_cancellable');
    const cancelling = (...after: Parameters<typeof scripted>) =>
      clientOf(scripted(details(ORDER), conflict, ...after)).cancel(connection, CANCELLING, CALL);
    expect(done(await cancelling(details({ ...ORDER, status: 'cancelled_by_accommodation' }))).state).toBe('CANCELLED');
    expect(await cancelling(details(ORDER))).toMatchObject({ kind: 'notDone', reason: 'rejected' });
    expect(await cancelling(refused(503, '503'))).toMatchObject({ kind: 'unknown' });
    expect(await cancelling(answered('x'))).toMatchObject({ kind: 'unknown' });
  });

  test.each([
    ['the sample', answered(CANCEL_SAMPLE), 'done'],
    ['another status', answered({ data: { status: 'failed' } }), 'unknown'],
    ['no status', answered({ data: {} }), 'unknown'],
    ['nothing', answered({}), 'unknown'],
    ['a 500', refused(500, '500'), 'unknown'],
    ['a 400', refused(400, 'invalid_parameter'), 'rejected'],
  ])('cancelling answered by %s is %s', async (_what, answer, ended) => {
    const outcome = await clientOf(scripted(details(ORDER), answer)).cancel(connection, CANCELLING, CALL);
    expect(endOf(outcome)).toBe(ended);
  });
});

describe('an order', () => {
  test('is sent as the specification says, once', async () => {
    const send = scripted(answered(CREATE_SAMPLE));
    const guests = [{ givenName: 'Mona', familyName: 'Adel', room: 0 }];
    const input = { ...INPUT, specialRequests: 'A quiet room', travellers: { guests } };
    expect(done(await clientOf(send).book(connection, input, CALL))).toEqual({
      state: 'CONFIRMED',
      holdExpiresAt: null,
      ...IDS,
    });
    expect(send.asked).toMatchObject([
      {
        url: 'https://demandapi-sandbox.booking.com/3.2/orders/create',
        body: {
          order_token: 'eyJvIjoiMTA1MDczNjAifQ.sim',
          booker: {
            name: { first_name: 'Mona', last_name: 'Adel' },
            email: 'mona@example.com',
            telephone: '+201012345678',
            address: { country: 'nl' },
            language: 'en-gb',
          },
          payment: { timing: 'pay_at_the_property' },
          accommodation: {
            label: 'PTL-2J7K-0001',
            products: [{ id: PRODUCT, guests: [{ name: 'Mona Adel', email: 'mona@example.com' }] }],
            remarks: { special_requests: 'A quiet room' },
          },
        },
      },
    ]);
    expect(JSON.stringify(send.asked[0]!.body)).not.toContain('"card"');
  });

  test.each([
    ['without an order id', { data: { accommodation: { reservation: '12345678' } } }, 'done'],
    ['with numbers for ids', '{"data":{"order":509430129718799,"accommodation":{"reservation":12345678}}}', 'done'],
    ['without a reservation', { data: { order: '1' } }, 'unknown'],
    ['for a car', { data: { order: '1', car: { reservation_id: '2' } } }, 'unknown'],
    ['with a reservation of blanks', { data: { order: '1', accommodation: { reservation: 'a b' } } }, 'unknown'],
    ['that is a list', [], 'unknown'],
    ['that is an error all the same', ERROR_SAMPLE, 'unknown'],
    ['that is empty', '', 'unknown'],
  ])('answered %s is %s', async (_what, answer, ended) => expect(endOf(await booking(answered(answer)))).toBe(ended));

  test('keeps every digit of an id that is written as a number', async () => {
    const answer = '{"data":{"order":509430129718799123,"accommodation":{"reservation":123456789012345678}}}';
    expect(done(await booking(answered(answer)))).toMatchObject({
      providerReference: '123456789012345678',
      keys: { order: '509430129718799123', reservation: '123456789012345678' },
    });
  });

  test('names the guests of each room for that room; where there are fewer rooms, the last one takes the others', async () => {
    const rooms = ['a', 'b'].map((id) => ({ id, adults: 1, childAges: [] }));
    const guests = [0, 1, 1, 2].map((room, index) => ({ givenName: `Guest${index}`, familyName: 'Adel', room }));
    const send = scripted(answered(CREATE_SAMPLE));
    const offer = { ...(CHECKED as object), rooms } as JsonValue;
    done(await clientOf(send).book(connection, { ...INPUT, offer, travellers: { guests } }, CALL));
    const { products } = send.asked[0]!.body['accommodation'] as {
      products: { id: string; guests: { name: string }[] }[];
    };
    expect(products.map(({ id, guests: named }) => [id, named.map(({ name }) => name)])).toEqual([
      ['a', ['Guest0 Adel']],
      ['b', ['Guest1 Adel', 'Guest2 Adel', 'Guest3 Adel']],
    ]);
  });

  test('is for a guest of the first room, and its wishes are cut rather than refused', async () => {
    const send = scripted(answered(CREATE_SAMPLE));
    const guests = [
      { givenName: 'Omar', familyName: 'Said', room: 1 },
      { givenName: '', familyName: '', room: 0 },
      { givenName: 'Mona', familyName: 'Adel', room: 0 },
    ];
    const input = { ...INPUT, travellers: { guests }, specialRequests: `${'😀'.repeat(1_500)} ` };
    done(await clientOf(send).book(connection, input, CALL));
    const { booker, accommodation } = send.asked[0]!.body as any;
    expect(booker.name).toEqual({ first_name: 'Mona', last_name: 'Adel' });
    expect(Array.from(accommodation.remarks.special_requests as string)).toHaveLength(1_000);
    const silent = scripted(answered(CREATE_SAMPLE));
    done(await clientOf(silent).book(connection, { ...INPUT, specialRequests: ' ' }, CALL));
    expect(silent.asked[0]!.body['accommodation']).not.toHaveProperty('remarks');
  });

  test('without an order id is asked for by its reservation', async () => {
    const send = scripted(details(ORDER));
    const ids = { providerReference: '12345678', keys: { order: null, reservation: '12345678' } };
    expect(done(await clientOf(send).lookUp(connection, { ...BOOKED, ids }, CALL)).state).toBe('CONFIRMED');
    expect(send.asked[0]!.body).toEqual({ reservations: ['12345678'], currency: 'EUR' });
  });

  test.each([
    ['before it left', new OutboundFailure('CONNECT_FAILED', 'no', 'x'), 'unavailable'],
    ['after it may have left', new OutboundFailure('TIMED_OUT', 'maybe', 'x'), 'unknown'],
    ['because it is too long', new OutboundFailure('ANSWER_TOO_LARGE', 'maybe', 'x'), 'unknown'],
  ])('lost %s is %s', async (_when, failure, ended) => expect(endOf(await booking(failure))).toBe(ended));
});

describe('a check', () => {
  const answeredBy = (change: (preview: Record<string, any>) => void) => {
    const preview = JSON.parse(PAYABLE) as { data: Record<string, any> };
    change(preview.data);
    return checking(answered(preview));
  };

  test('of the sample is available at its price', async () => {
    const send = scripted(answered(PAYABLE));
    const before = Date.now();
    const found = available(done(await clientOf(send).check(connection, OFFER, TRAVELLER, CALL)));
    expect(found).toMatchObject({ state: 'AVAILABLE', totalMinor: 27_840n, currencyCode: 'EUR', refundable: true });
    expect(found.expiresAt!.getTime() - before).toBeGreaterThanOrEqual(900_000);
    expect(found.expiresAt!.getTime() - before).toBeLessThan(910_000);
    expect(send.asked[0]!.body).toEqual({
      currency: 'EUR',
      accommodation: {
        id: 10_507_360,
        booker: { country: 'nl', platform: 'desktop' },
        checkin: inDays(60),
        checkout: inDays(62),
        products: [{ id: PRODUCT, allocation: { number_of_adults: 2, children: [] } }],
      },
    });
  });

  test.each([
    ['another property', (data: any) => (data.accommodation.id = 5), 'unavailable'],
    ['other products', (data: any) => (data.accommodation.products[0].id = 'x'), 'unavailable'],
    ['fewer products', (data: any) => (data.accommodation.products = []), 'unavailable'],
    ['a room that is too small', (data: any) => (data.accommodation.products[0].occupancy_mismatch = {}), 'rejected'],
    ['no price', (data: any) => delete data.accommodation.price, 'unavailable'],
    ['half a cent', (data: any) => (data.accommodation.price.total.booker_currency = 278.405), 'unavailable'],
    ['a negative price', (data: any) => (data.accommodation.price.total.booker_currency = -1), 'unavailable'],
    [
      'another currency',
      (data: any) => (data.accommodation.currency = { accommodation: 'USD', booker: 'USD' }),
      'unavailable',
    ],
    ['no token', (data: any) => delete data.order_token, 'unavailable'],
    ['a token with a line end', (data: any) => (data.order_token = 'a\nb'), 'unavailable'],
    [
      'a timing that is not offered',
      (data: any) => (data.accommodation.general_policies.payment.pay_at_the_property = null),
      'rejected',
    ],
    [
      'a card that is asked for',
      (data: any) => (data.accommodation.general_policies.payment.pay_at_the_property.method_required = true),
      'rejected',
    ],
    ['no word about paying', (data: any) => delete data.accommodation.general_policies, 'done'],
    ['unknown fields and words', (data: any) => (data.news = data.accommodation.mood = { a: [1] }), 'done'],
  ])('about %s is %s', async (_what, change, ended) => expect(endOf(await answeredBy(change))).toBe(ended));

  test('does not promise what it was not told about cancelling', async () => {
    const found = available(done(await answeredBy((data) => delete data['accommodation'].products[0].policies)));
    expect(found).toMatchObject({ refundable: false, cancellationFees: null });
  });

  test('compares with the price of the offer, either way', async () => {
    const cheaper = available(
      done(await answeredBy((data) => (data['accommodation'].price.total.booker_currency = 270))),
    );
    expect(cheaper).toMatchObject({ state: 'PRICE_CHANGED', totalMinor: 27_000n });
    const dearer = available(
      done(await answeredBy((data) => (data['accommodation'].price.total.booker_currency = 278.41))),
    );
    expect(dearer).toMatchObject({ state: 'PRICE_CHANGED', totalMinor: 27_841n });
  });
});

describe('looking for a lost order', () => {
  test('asks for the minutes around the attempt, oldest first', async () => {
    const send = scripted(details(ORDER));
    const now = new Date('2026-08-01T12:00:00Z');
    const attemptedAt = new Date('2026-08-01T10:30:00Z');
    const looked = await clientOf(send, { now: () => now }).lookUp(
      connection,
      { ...BOOKED, ids: null, attemptedAt },
      CALL,
    );
    expect(done(looked)).toEqual({ state: 'CONFIRMED', ids: IDS });
    expect(send.asked[0]!.body).toEqual({
      created: { from: '2026-08-01T10:28:00.000Z', to: '2026-08-01T11:30:00.000Z' },
      currency: 'EUR',
      maximum_results: 100,
      sort: { by: 'created', direction: 'ascending' },
      services: ['accommodations'],
    });
  });

  test('reads page after page by the token alone, to the end', async () => {
    const other = { ...ORDER, id: '1', label: 'PTL-OTHER' };
    const page = (next: string | null, ...data: object[]) => answered({ data, metadata: { next_page: next } });
    const send = scripted(page('p2', other), page('p3', other), page(null, ORDER));
    expect(done(await clientOf(send).lookUp(connection, { ...BOOKED, ids: null }, CALL)).state).toBe('CONFIRMED');
    expect(send.asked.slice(1).map(({ body }) => body)).toEqual([{ page: 'p2' }, { page: 'p3' }]);
    expect(done(await lookingUp(page('p2', other), page(null))).state).toBe('NOT_FOUND');
  });

  test('never says not found where something could not be read', async () => {
    const other = { ...ORDER, label: 'PTL-OTHER' };
    const page = (next: string | null, ...data: unknown[]) => answered({ data, metadata: { next_page: next } });
    expect(endOf(await lookingUp(page(null, other, { id: [] })))).toBe('unavailable');
    expect(endOf(await lookingUp(page('p2', other), refused(500, '500')))).toBe('unavailable');
    expect(endOf(await lookingUp(page('p2', other), page('p2', other)))).toBe('unavailable');
    expect(endOf(await lookingUp(...Array.from({ length: 25 }, (_, nth) => page(`p${nth}`, other))))).toBe(
      'unavailable',
    );
    expect(endOf(await lookingUp(answered({ metadata: {} })))).toBe('unavailable');
    // One that is found is found, whatever else was there.
    expect(done(await lookingUp(page(null, { id: [] }, ORDER))).state).toBe('CONFIRMED');
  });

  test('prefers the order that stands', async () => {
    const cancelled = { ...ORDER, id: '7', status: 'cancelled' };
    expect(done(await lookingUp(details(cancelled, ORDER)))).toEqual({ state: 'CONFIRMED', ids: IDS });
    expect(done(await lookingUp(details(cancelled))).state).toBe('CANCELLED');
  });

  test('by ids takes no other order for ours', async () => {
    const byIds = (answer: Parameters<typeof scripted>[0]) =>
      clientOf(scripted(answer)).lookUp(connection, BOOKED, CALL);
    expect(endOf(await byIds(details({ ...ORDER, id: '7' })))).toBe('unavailable');
    expect(done(await byIds(details()))).toEqual({ state: 'NOT_FOUND', ids: null });
    expect(endOf(await byIds(answered({ data: [{}] })))).toBe('unavailable');
    const strange = { ...BOOKED, ids: { providerReference: 'x', keys: { order: 5 } } };
    expect(endOf(await clientOf(scripted(details())).lookUp(connection, strange, CALL))).toBe('rejected');
  });

  test('stops at its deadline', async () => {
    let at = 0;
    const page = answered({ data: [{ ...ORDER, label: 'x' }], metadata: { next_page: 'p' } });
    const send: OutboundSend = async (_request, call) => {
      at += call.timeoutMs;
      return { status: 200, headers: {}, body: page.body! };
    };
    const outcome = await clientOf(send, { now: () => new Date(at) }).lookUp(
      connection,
      { ...BOOKED, attemptedAt: new Date(0), ids: null },
      { timeoutMs: 1_000 },
    );
    expect(outcome).toMatchObject({ kind: 'notDone', reason: 'unavailable' });
  });
});

describe('whatever the vendor answers', () => {
  const SAMPLES = [
    AVAILABILITY_SAMPLE,
    PAYABLE,
    CREATE_SAMPLE,
    CANCEL_SAMPLE,
    ERROR_SAMPLE,
    JSON.stringify({ data: [ORDER], metadata: { next_page: null } }),
  ];
  const methods: Readonly<
    Record<string, (client: LodgingClient, at: ProviderConnection) => Promise<Outcome<unknown>>>
  > = {
    probe: (client, at) => client.probe(at, CALL),
    search: (client, at) => client.searchStays(at, query(), CALL),
    look: (client, at) => client.searchStays(at, query({ destination: null, propertyIds: [ORION] }), CALL),
    check: (client, at) => client.check(at, OFFER, TRAVELLER, CALL),
    book: (client, at) => client.book(at, INPUT, CALL),
    lookUp: (client, at) => client.lookUp(at, { ...BOOKED, ids: null }, CALL),
    lookUpByIds: (client, at) => client.lookUp(at, BOOKED, CALL),
    cancel: (client, at) => client.cancel(at, CANCELLING, CALL),
  };
  const status = fc.oneof(
    { weight: 3, arbitrary: fc.constant(200) },
    { weight: 1, arbitrary: fc.integer({ min: 200, max: 599 }) },
  );
  /** Rubbish, JSON of any shape, and samples with one value or one character changed. */
  const body = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.json(),
    fc.tuple(fc.constantFrom(...SAMPLES), fc.nat(), fc.string({ maxLength: 3 })).map(([text, at, put]) => {
      const place = at % text.length;
      return text.slice(0, place) + put + text.slice(place + 1);
    }),
    fc.tuple(fc.constantFrom(...SAMPLES), fc.nat(), fc.jsonValue()).map(([text, at, put]) => mutated(text, at, put)),
  );

  test.each(Object.entries(methods))('%s never throws, and says one of four things', async (_name, run) => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(status, body), { minLength: 1, maxLength: 4 }), async (answers) => {
        const client = clientOf(scripted(...answers.map(([code, text]) => answered(text, code))));
        const outcome = await run(client, connection);
        expect(['done', 'notDone', 'unknown']).toContain(outcome.kind);
        expect(inspect(outcome, { depth: null })).not.toContain(CREDENTIALS.API_KEY);
      }),
      { numRuns: 150 },
    );
  });

  test('no secret and nothing of a guest reaches an outcome, though the vendor sends back all it was sent', async () => {
    const settings = { paymentTiming: 'pay_online_now', paymentMethod: 'airplus' };
    const credentials = { ...CREDENTIALS, API_KEY: 'canary-key-4711', AIRPLUS_NUMBER: '122099887766' };
    const canaries = ['canary-key-4711', '122099887766', 'mona@example.com', '+201012345678', 'Adel', '203.0.113.7'];
    const at = connectionTo(connection.baseUrl, { settings, credentials });
    const paying = {
      ...(CHECKED as { order: object }),
      order: { ...(CHECKED as { order: object }).order, timing: 'pay_online_now', method: 'airplus' },
    };
    for (const code of [200, 301, 400, 401, 403, 404, 409, 418, 422, 429, 500]) {
      const echo: OutboundSend = async ({ headers, body: sent }) => {
        const all = `Bearer canary-key-4711 ${JSON.stringify(headers)} ${sent}`;
        const errors = [
          { id: 'canary-key-4711', message: `Parameter 'canary-key-4711' ${all}` },
          { id: all, message: all },
        ];
        return {
          status: code,
          headers: { 'x-echo': all },
          body: JSON.stringify({ request_id: 'canarykey4711', errors, message: all }),
        };
      };
      const outcomes: Outcome<unknown>[] = [
        await clientOf(echo).book(at, { ...INPUT, offer: paying as JsonValue }, CALL),
      ];
      for (const run of Object.values(methods)) outcomes.push(await run(clientOf(echo), at));
      for (const outcome of outcomes) {
        const shown = inspect(outcome, { depth: null });
        for (const canary of canaries) expect(shown).not.toContain(canary);
      }
    }
  });
});

/** The sample with the nth of its values replaced. */
function mutated(text: string, at: number, put: unknown): string {
  let left = at % 60;
  return JSON.stringify(JSON.parse(text), (_key, value: unknown) => (left-- === 0 ? put : value)) ?? 'null';
}
