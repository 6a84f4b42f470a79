import { describe, expect, test } from 'vitest';
import fc from '../helpers/property.ts';
import { CURRENCY_CODES, exponentOf, formatAmount } from '../../src/domain/money.ts';
import { exactMinor, shownMinor } from '../../src/integrations/kiwi/money.ts';
import { vendorDate } from '../../src/integrations/kiwi/map.ts';
import type { FlightQuery, FoundFlight } from '../../src/integrations/travel.ts';
import { TRAVELLER, bookInput, connectionTo, kiwiClient, kiwiQuery } from '../helpers/kiwi.ts';
import {
  CHECK_SAMPLE,
  NOW,
  OFFER_TOKEN,
  SAVE_SAMPLE,
  SEARCH_SAMPLE,
  checkOf,
  checkedSample,
  saying,
} from './kiwi-samples.ts';

const CALL = { timeoutMs: 1_000 };
const connection = connectionTo('https://api.tequila.kiwi.com');

const QUERY = kiwiQuery({ departure: '2026-10-14' });
const [SAMPLE_OFFER] = SEARCH_SAMPLE.data;

async function searched(data: readonly unknown[], changes: Partial<FlightQuery> = {}, more: object = {}) {
  const body = { ...SEARCH_SAMPLE, ...more, data };
  return saying(body).searchFlights(connection, { ...QUERY, ...changes }, CALL);
}

async function offers(
  data: readonly unknown[],
  changes: Partial<FlightQuery> = {},
  more: object = {},
): Promise<readonly FoundFlight[]> {
  const outcome = await searched(data, changes, more);
  if (outcome.kind !== 'done') throw new Error(outcome.detail);
  return outcome.value.offers;
}

describe('the search of the specification', () => {
  test('is one flight, its times those of the airports, its instants those of utc', async () => {
    const expiresAt = new Date('2026-08-01T10:30:00Z');
    expect(await searched(SEARCH_SAMPLE.data)).toEqual({
      kind: 'done',
      value: {
        complete: true,
        incompleteReason: null,
        offers: [
          {
            legs: [
              {
                from: 'PRG',
                to: 'LIS',
                departureLocal: '2026-10-14T06:05',
                arrivalLocal: '2026-10-14T08:35',
                departureAt: new Date('2026-10-14T04:05:00Z'),
                arrivalAt: new Date('2026-10-14T07:35:00Z'),
                carrier: 'TP',
                flightNumber: '1241',
                direction: 'OUTBOUND',
              },
            ],
            totalMinor: 9_100n,
            currencyCode: 'EUR',
            expiresAt,
            deepLink: 'https://www.kiwi.com/deep?from=PRG&to=LIS',
            token: {
              kind: 'offer',
              bookingToken: 'Gs1mToken.PRG.LIS.1',
              adults: 1,
              children: 0,
              currencyCode: 'EUR',
              totalMinor: '9100',
              departure: '2026-10-14',
              expiresAt: '2026-08-01T10:30:00.000Z',
            },
          },
        ],
      },
    });
  });

  test.each([
    ['no price', { price: null }],
    ['nothing to pay', { price: 0 }],
    ['less than nothing', { price: -5 }],
    ['an exponent', { price: 1e21 }],
    ['no token', { booking_token: '' }],
    ['no route', { route: [] }],
    ['a route that is none', { route: ['PRG', 'LIS'] }],
    ['a day that is none', { route: [{ ...SAMPLE_OFFER!.route[0], local_departure: '2026-13-14T06:05:00.000Z' }] }],
    ['a way back nobody asked for', { route: [SAMPLE_OFFER!.route[0], { ...SAMPLE_OFFER!.route[0], return: 1 }] }],
    ['a direction that is new', { route: [{ ...SAMPLE_OFFER!.route[0], return: 2 }] }],
  ])('an offer with %s costs itself and no other', async (_name, changes) => {
    const outcome = await searched([{ ...SAMPLE_OFFER, ...changes }, SAMPLE_OFFER, 'nonsense']);
    expect(outcome).toMatchObject({
      value: { complete: false, incompleteReason: '2 of 3 offers could not be read', offers: [{ totalMinor: 9_100n }] },
    });
  });

  test('what is not needed may be missing or new', async () => {
    const { price, booking_token, route } = SAMPLE_OFFER!;
    const bare = route.map(({ utc_departure: _departure, utc_arrival: _arrival, ...one }) => ({
      ...one,
      vehicle_type: 'rocket',
    }));
    const [offer] = await offers([{ price, booking_token, route: bare }], {}, { currency: undefined, surprise: [] });
    expect(offer).toMatchObject({ deepLink: null, legs: [{ departureAt: null, arrivalAt: null }] });
  });

  test('a way back is missed where it was asked for', async () => {
    expect(await offers([SAMPLE_OFFER], { return: '2026-10-20' })).toEqual([]);
    const back = { ...SAMPLE_OFFER!.route[0], flyFrom: 'LIS', flyTo: 'PRG', return: 1 };
    const [offer] = await offers([{ ...SAMPLE_OFFER, route: [SAMPLE_OFFER!.route[0], back] }], {
      return: '2026-10-20',
    });
    expect(offer!.legs.map((leg) => leg.direction)).toEqual(['OUTBOUND', 'RETURN']);
  });

  test.each(['javascript:alert(1)', 'http://www.kiwi.com/deep', 'www.kiwi.com', ''])(
    'a link to %j is none',
    async (deep_link) => {
      expect((await offers([{ ...SAMPLE_OFFER, deep_link }]))[0]?.deepLink).toBeNull();
    },
  );

  test('prices in another currency than asked are nonsense', async () => {
    expect(await searched(SEARCH_SAMPLE.data, { currencyCode: 'USD' })).toMatchObject({
      kind: 'notDone',
      reason: 'unavailable',
    });
  });

  test('how long an offer lives is a setting, and nonsense in it is its default', async () => {
    for (const [OFFER_MINUTES, expected] of [
      ['10', '10:10'],
      ['soon', '10:30'],
      ['', '10:30'],
      ['-1', '10:30'],
    ] as const) {
      const outcome = await saying(SEARCH_SAMPLE).searchFlights(
        { ...connection, settings: { OFFER_MINUTES } },
        QUERY,
        CALL,
      );
      if (outcome.kind !== 'done') throw new Error(outcome.detail);
      expect(outcome.value.offers[0]?.expiresAt?.toISOString()).toContain(`T${expected}`);
    }
  });
});

describe('the check of the specification', () => {
  const { hold_bag, hand_bag } = CHECK_SAMPLE.baggage.combinations;

  test('is bookable: dollars for the customer, euro for the deposit, free bags as they came', async () => {
    expect(await checkedSample()).toEqual({
      state: 'AVAILABLE',
      totalMinor: 9_970n,
      currencyCode: 'USD',
      refundable: false,
      cancellationFees: null,
      expiresAt: new Date('2026-08-01T10:30:00Z'),
      token: {
        ...OFFER_TOKEN,
        kind: 'checked',
        sessionId: 'd48aecde-df60-496a-9ee6-12fc6a1786e7',
        euroMinor: '9147',
        documentNeed: 1,
        ages: { adult: 12, child: 2 },
        bags: { adult: { hold: hold_bag[0], hand: hand_bag[0] }, child: null },
      },
    });
  });

  test('asked in euro tells what is charged, and is dearer than the whole units of the search', async () => {
    const inEuro = { ...OFFER_TOKEN, currencyCode: 'EUR', totalMinor: '9100' };
    expect(await checkedSample({}, inEuro)).toMatchObject({ state: 'PRICE_CHANGED', totalMinor: 9_147n });
    expect(await checkedSample({}, { ...inEuro, totalMinor: '9200' })).toMatchObject({
      state: 'AVAILABLE',
      totalMinor: 9_147n,
    });
  });

  test.each([
    [{ flights_invalid: true, flights_checked: false }, { state: 'SOLD_OUT' }],
    [{ flights_invalid: true, flights_checked: undefined, total: null }, { state: 'SOLD_OUT' }],
    [{ flights_invalid: true, price_change: true }, { state: 'SOLD_OUT' }],
    [{ price_change: true }, { state: 'PRICE_CHANGED', totalMinor: 9_970n }],
  ])('%j is decided by the table', async (changes, state) => {
    expect(await checkOf(changes)).toMatchObject({ kind: 'done', value: state });
  });

  test('verification that never ends is asked a hundred times and no more', async () => {
    expect(await checkOf({ flights_checked: false })).toMatchObject({ kind: 'notDone', reason: 'unavailable' });
  });

  test.each([
    ['no session', { session_id: null }],
    ['no total', { total: null }],
    ['a total of parts of a cent', { total: 91.475 }],
    ['a total of nothing', { total: 0 }],
    ['a total that is not in euro', { currency: 'USD' }],
    ['no conversion', { conversion: null }],
    ['a conversion of nonsense', { conversion: { currency: 'USD', amount: 'many' } }],
    ['no word whether it is valid', { flights_invalid: null }],
    ['no word whether it was verified', { flights_checked: null }],
    ['no bags', { baggage: {} }],
    [
      'only bags that cost',
      { baggage: { combinations: { hold_bag: [{ ...hold_bag[0], price: { amount: 5 } }], hand_bag } } },
    ],
    [
      'bags for nobody',
      {
        baggage: {
          combinations: { hold_bag, hand_bag: [{ ...hand_bag[0], conditions: { passenger_groups: ['infant'] } }] },
        },
      },
    ],
    [
      'a bag as large as a book',
      { baggage: { combinations: { hold_bag: [{ ...hold_bag[0], x: 'x'.repeat(5_000) }], hand_bag } } },
    ],
  ])('an answer with %s is no offer', async (_name, changes) => {
    expect(await checkOf(changes)).toMatchObject({ kind: 'notDone', reason: 'unavailable' });
  });

  test('ages, documents and the token are those of the answer', async () => {
    const { token } = await checkedSample({
      booking_token: 'fresh',
      age_category_thresholds: { adult: 14, child: 3 },
      document_options: { document_need: 2 },
    });
    expect(token).toMatchObject({ bookingToken: 'fresh', ages: { adult: 14, child: 3 }, documentNeed: 2 });
    const bare = await checkedSample({ booking_token: null, age_category_thresholds: 'x', document_options: null });
    expect(bare.token).toMatchObject({
      bookingToken: OFFER_TOKEN.bookingToken,
      ages: { adult: 12, child: 2 },
      documentNeed: 0,
    });
  });

  test('of two free ways the one with fewer bags is taken', async () => {
    const heavy = { ...hold_bag[0], indices: [0], included: true };
    const { token } = await checkedSample({ baggage: { combinations: { hold_bag: [heavy, hold_bag[0]], hand_bag } } });
    expect(token).toMatchObject({ bags: { adult: { hold: hold_bag[0] } } });
    const only = await checkedSample({ baggage: { combinations: { hold_bag: [heavy], hand_bag } } });
    expect(only.token).toMatchObject({ bags: { adult: { hold: heavy } } });
  });

  test.each([
    null,
    'x',
    {},
    [],
    { ...OFFER_TOKEN, adults: 'one' },
    { ...OFFER_TOKEN, kind: 'hotel' },
    { ...OFFER_TOKEN, totalMinor: '0' },
  ])('what is no offer of ours (%j) is not asked about', async (token) => {
    const client = kiwiClient(() => Promise.reject(new Error('asked')));
    expect(await client.check(connection, token as FoundFlight['token'], TRAVELLER, CALL)).toMatchObject({
      reason: 'rejected',
    });
    expect(
      await client.book(
        connection,
        bookInput({ token: token as FoundFlight['token'], totalMinor: 1n, currencyCode: 'USD' }),
        CALL,
      ),
    ).toMatchObject({
      reason: 'rejected',
    });
  });

  test('an offer nobody checked is not booked', async () => {
    const client = kiwiClient(() => Promise.reject(new Error('asked')));
    const input = bookInput({ token: OFFER_TOKEN, totalMinor: 9_970n, currencyCode: 'USD' });
    expect(await client.book(connection, input, CALL)).toMatchObject({
      reason: 'rejected',
      detail: expect.stringContaining('not checked'),
    });
  });
});

describe('the save of the specification', () => {
  const save = async (changes: object, more: { status?: number; hold?: boolean } = {}) =>
    saying({ ...SAVE_SAMPLE, ...changes }, more.status).book(
      connection,
      bookInput(await checkedSample(), { hold: more.hold ?? true }),
      CALL,
    );

  test('is a hold for half an hour', async () => {
    expect(await save({})).toEqual({
      kind: 'done',
      value: {
        state: 'HELD',
        providerReference: '257967413',
        keys: { transactionId: 'sandbox_257967413', sandbox: true },
        holdExpiresAt: new Date('2026-08-01T10:30:00Z'),
      },
    });
  });

  test.each([
    [{ total: 91.48, price_change: true }, { value: { state: 'PRICE_CHANGED' } }],
    [{ total: 91.46 }, { value: { state: 'PRICE_CHANGED' } }],
    [{ total: null }, { value: { state: 'PRICE_CHANGED' } }],
    [{ total: 91.471 }, { value: { state: 'PRICE_CHANGED' } }],
    [{ price_change: true }, { value: { state: 'HELD' } }],
    [{ flights_invalid: true }, { value: { state: 'SOLD_OUT' } }],
    [{ flights_invalid: true, booking_id: null }, { value: { state: 'SOLD_OUT' } }],
    [{ sandbox: false }, { kind: 'notDone', reason: 'misconfigured' }],
    [{ sandbox: undefined }, { kind: 'notDone', reason: 'misconfigured' }],
    [{ booking_id: null }, { kind: 'unknown' }],
    [{ booking_id: 'x' }, { kind: 'unknown' }],
    [{ transaction_id: null }, { kind: 'unknown' }],
    [{ status: 'error', msg: 'no' }, { kind: 'unknown' }],
    [
      { status: 'error', booking_id: null, msg: 'no' },
      { kind: 'notDone', reason: 'rejected', detail: 'refused: no' },
    ],
    [{ status: 'error', booking_id: null }, { kind: 'unknown' }],
    [
      { status: 'success', status_code: 422, booking_id: null, msg: 'no' },
      { kind: 'notDone', reason: 'rejected' },
    ],
    [{ status: 'error', status_code: 503, booking_id: null, msg: 'no' }, { kind: 'unknown' }],
    [{ status: 'error', booking_id: null, msg: 'expired booking token' }, { value: { state: 'EXPIRED' } }],
    [{ status: 'error', booking_id: null, msg: 'duplicate order' }, { kind: 'unknown' }],
  ])('%j', async (changes, outcome) => expect(await save(changes)).toMatchObject(outcome));

  test('pays nothing it did not hold', async () => {
    for (const changes of [{ total: 1 }, { flights_invalid: true }, { sandbox: false }, { booking_id: null }]) {
      let calls = 0;
      const client = kiwiClient(async () => {
        calls++;
        return { status: 200, headers: {}, body: JSON.stringify({ ...SAVE_SAMPLE, ...changes }) };
      });
      await client.book(connection, bookInput(await checkedSample(), { hold: false }), CALL);
      expect(calls).toBe(1);
    }
  });

  test('whose time is over before it was paid is certainly no booking', async () => {
    let now = NOW.getTime();
    const client = kiwiClient(
      async () => {
        now += 2_000;
        return { status: 200, headers: {}, body: JSON.stringify(SAVE_SAMPLE) };
      },
      { clock: { now: () => new Date(now) } },
    );
    expect(await client.book(connection, bookInput(await checkedSample(), { hold: false }), CALL)).toMatchObject({
      kind: 'notDone',
      reason: 'unavailable',
      detail: expect.stringContaining('257967413'),
    });
  });
});

describe('the confirmation', () => {
  const ids = { providerReference: '257967413', keys: { transactionId: 'sandbox_257967413', sandbox: true } };
  const booked = { reference: 'PTL-1', contactEmail: 'a@example.com', ids, attemptedAt: NOW, traveller: TRAVELLER };

  test('sends the two ids of the specification', async () => {
    const bodies: unknown[] = [];
    const client = kiwiClient(async (request) => {
      bodies.push(JSON.parse(request.body ?? ''));
      return { status: 200, headers: {}, body: '{"status":0}' };
    });
    await client.confirm(connection, booked, CALL);
    expect(bodies).toEqual([{ booking_id: 257_967_413, transaction_id: 'sandbox_257967413' }]);
  });

  test.each([
    [200, { status: 0 }, { kind: 'done', value: { state: 'PENDING' } }],
    [201, { status: '0' }, { kind: 'done', value: { state: 'PENDING' } }],
    [200, { status: 1 }, { reason: 'rejected', detail: 'the payment failed' }],
    [402, { status: 1 }, { reason: 'rejected' }],
    [
      200,
      { status: -1, msg: 'confirm payment timeout' },
      { reason: 'rejected', detail: expect.stringContaining('too late') },
    ],
    [500, { status: -1, msg: 'confirm payment timeout' }, { reason: 'rejected' }],
    [400, { status: 0 }, { kind: 'unknown' }],
    [500, { status: 0 }, { kind: 'unknown' }],
    [200, { status: 2 }, { kind: 'unknown' }],
    [200, { status: 'error', msg: 'no' }, { kind: 'unknown' }],
    [200, {}, { kind: 'unknown' }],
    [400, { status: 'Bad Request', error: 'no such booking' }, { reason: 'rejected' }],
    [400, { status: 'Bad Request', error: 'booking was already paid' }, { kind: 'unknown' }],
    [401, { status: 401, message: 'no' }, { reason: 'misconfigured' }],
    [429, { status: 429, message: 'slow down' }, { reason: 'rateLimited' }],
  ])('%i %j', async (status, body, outcome) => {
    expect(await saying(body, status).confirm(connection, booked, CALL)).toMatchObject(outcome);
  });
});

describe('money', () => {
  const codes = fc.constantFrom(...CURRENCY_CODES);

  test('every amount of every currency comes back exactly as it was written, to thirteen digits and no more', () => {
    expect(exactMinor('10000000000000', 'XAF')).toBeNull();
    fc.assert(
      fc.property(codes, fc.bigInt({ min: 1n, max: 10n ** 13n - 1n }), (code, minor) => {
        const written = formatAmount(minor, code);
        for (const text of [written, written.includes('.') ? `${written}000` : `${written}.0`]) {
          expect(exactMinor(text, code)).toBe(minor);
          expect(shownMinor(text, code)).toBe(minor);
        }
      }),
    );
  });

  test('a JSON number of up to fifteen digits is the amount it shows', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10 ** 12 }), (cents) => {
        expect(exactMinor(JSON.stringify(cents / 100), 'EUR')).toBe(BigInt(cents));
      }),
    );
  });

  test('what is charged is never rounded, what is shown to half a unit at most', () => {
    const digits = fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(codes, fc.integer({ min: 1, max: 10 ** 9 }), digits, (code, whole, fraction) => {
        const written = `${whole}.${fraction}`;
        const scale = 10n ** BigInt(fraction.length);
        const exact = BigInt(`${whole}${fraction}`) * 10n ** BigInt(exponentOf(code));
        const shown = shownMinor(written, code)!;
        const off = shown * scale - exact;
        expect(2n * (off < 0n ? -off : off)).toBeLessThanOrEqual(scale);
        expect(exactMinor(written, code)).toBe(exact % scale === 0n ? exact / scale : null);
      }),
    );
  });

  test.each(['', '-1', '+1', '1e3', '0', '0.00', '.5', '5.', ' 5', '5\n', '0x5', '1,5', 'NaN', '1'.repeat(14), '٥'])(
    '%j is no price',
    (text) => {
      expect(exactMinor(text, 'EUR')).toBeNull();
      expect(shownMinor(text, 'EUR')).toBeNull();
    },
  );

  test('a currency nobody knows has no amounts', () => expect(shownMinor('5', 'XXX')).toBeNull());
});

test.each([
  ['2026-10-14', '14/10/2026'],
  ['2028-02-29', '29/02/2028'],
  ['2026-02-29', null],
  ['26-10-14', null],
  ['2026-10-14T00:00', null],
])('%s is %s there', (date, written) => expect(vendorDate(date)).toBe(written));
