import { describe, expect, test } from 'vitest';
import {
  CALL,
  CREDENTIALS,
  LIVE,
  TRAVELLER,
  VENDOR,
  answering,
  clientOf,
  connect,
  flight,
  valueOf,
} from '../helpers/travelpayouts.ts';

/** The samples of travel-providers.md 4.5, letter by letter. */
const RESULTS = `[{"search_id":"c9c6de8c-3fb4-404e-b88c-e9e0a605f183","meta":{"uuid":"c9c6de8c-3fb4-404e-b88c-e9e0a605f183","gates":[{"id":20,"count":1,"good_count":1,"duration":2.4}]},
 "gates_info":{"20":{"label":"SampleTrip","currency_code":"eur","is_airline":false,"payment_methods":["card"]}},"airlines":{"TP":{"id":12,"name":"TAP","alliance_name":"Star Alliance"}},
 "airports":{"PRG":{"name":"Vaclav Havel","city":"Prague","country":"Czechia","time_zone":"Europe/Prague"}},
 "proposals":[{"sign":"7573ea707c2ff84b243241961412ed34","is_direct":true,"max_stops":0,"total_duration":210,"validating_carrier":"TP",
 "terms":{"20":{"currency":"eur","price":91,"unified_price":8299,"url":2000000,"flights_baggage":[[false]],"flights_handbags":[["1PC8"]]}},
 "segment":[{"flight":[{"departure":"PRG","arrival":"LIS","departure_date":"2026-10-14","departure_time":"06:05","arrival_date":"2026-10-14",
 "arrival_time":"08:35","duration":210,"delay":0,"number":1241,"operating_carrier":"TP","aircraft":"Airbus A320"}]}]}]},{"search_id":"c9c6de8c-3fb4-404e-b88c-e9e0a605f183"}]`;
const SEARCH_ID = 'c9c6de8c-3fb4-404e-b88c-e9e0a605f183';
const STARTED = `{"search_id":"${SEARCH_ID}","meta":{"uuid":"${SEARCH_ID}"},"currency_rates":{"usd":78.1,"eur":91.2},"gates_count":1}`;
const CLICK = `{"params":{},"method":"GET","url":"https://agency.example.com/book?ticket=1#IB-3002","gate_id":20,"click_id":22135952358110}`;

const NOW = new Date('2026-08-01T12:00:00Z');
const clock = { now: () => NOW };
const LISBON = flight({ from: 'PRG', to: 'LIS', departure: '2026-10-14', return: null, currencyCode: 'EUR' });

async function searchLive(answers: Readonly<Record<string, unknown>>, query = LISBON) {
  const { send, asked } = answering({ flight_search_results: RESULTS, flight_search: STARTED, ...answers });
  const outcome = await clientOf(send, { clock }).searchFlights(connect(VENDOR, LIVE), query, CALL);
  return { outcome, asked };
}

describe('the sample of a live search', () => {
  test('is one ticket, its price made of roubles at the rate, rounded half up', async () => {
    const { outcome } = await searchLive({});
    // 8299 / 91.2 = 90.9978…
    expect(valueOf(outcome)).toEqual({
      complete: true,
      incompleteReason: null,
      offers: [
        {
          totalMinor: 9_100n,
          currencyCode: 'EUR',
          expiresAt: new Date('2026-08-01T12:15:00Z'),
          deepLink: null,
          token: {
            surface: 'live',
            searchId: SEARCH_ID,
            term: '2000000',
            gateId: '20',
            sign: '7573ea707c2ff84b243241961412ed34',
            expiresAt: '2026-08-01T12:15:00.000Z',
          },
          legs: [
            {
              from: 'PRG',
              to: 'LIS',
              departureLocal: '2026-10-14T06:05',
              arrivalLocal: '2026-10-14T08:35',
              departureAt: null,
              arrivalAt: null,
              carrier: 'TP',
              flightNumber: '1241',
              direction: 'OUTBOUND',
            },
          ],
        },
      ],
    });
  });

  test('starts with the signed body of vector V2, but for what we do not send, and never shows the token', async () => {
    const { asked } = await searchLive(
      {},
      { ...LISBON, adults: 2, children: 1, traveller: { ...TRAVELLER, locale: 'en' } },
    );
    const [start, poll] = asked;
    expect(start!.url.href).toBe(`${VENDOR}/v1/flight_search`);
    expect(start!.headers['content-type']).toBe('application/json');
    expect(JSON.parse(start!.body)).toEqual({
      marker: '123456',
      host: 'travel.example.com',
      user_ip: '203.0.113.7',
      locale: 'en-us',
      currency: 'EUR',
      trip_class: 'Y',
      passengers: { adults: 2, children: 1, infants: 0 },
      segments: [{ origin: 'PRG', destination: 'LIS', date: '2026-10-14' }],
      signature: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    expect(poll!.url.href).toBe(`${VENDOR}/v1/flight_search_results?uuid=${SEARCH_ID}`);
    expect(JSON.stringify(asked)).not.toContain(CREDENTIALS.TOKEN);
  });

  const results = (change: (proposal: any) => unknown) => {
    const elements = JSON.parse(RESULTS) as [{ proposals: unknown[] }, unknown];
    elements[0].proposals = [change(elements[0].proposals[0])].flat();
    return JSON.stringify(elements);
  };
  const offersOf = async (body: string) => valueOf((await searchLive({ flight_search_results: body })).outcome);

  test('of the same ticket at several agencies is the lowest price, in whatever order they answer', async () => {
    const [chunk, last] = JSON.parse(RESULTS) as [any, unknown];
    const agency = (id: string, price: string, url: number) => ({
      ...chunk,
      proposals: [{ ...chunk.proposals[0], terms: { [id]: { unified_price: Number(price), url } } }],
    });
    const [dear, low, even] = [agency('1', '9000', 1), agency('3', '8000.5', 3), agency('2', '8000.5', 2)];
    for (const order of [
      [dear, low, even],
      [even, low, dear],
      [low, dear, even],
    ]) {
      const { offers } = await offersOf(JSON.stringify([...order, last]));
      // 8000.5 / 91.2 = 87.7247…
      expect(offers).toMatchObject([{ totalMinor: 8_772n, token: { gateId: '2', term: '2' } }]);
    }
  });

  test.each<[string, (proposal: any) => unknown]>([
    ['without terms', (one) => ({ ...one, terms: {} })],
    ['for nothing', (one) => ({ ...one, terms: { 20: { unified_price: 0, url: 1 } } })],
    ['below zero', (one) => ({ ...one, terms: { 20: { unified_price: -5, url: 1 } } })],
    ['with an address for a number', (one) => ({ ...one, terms: { 20: { unified_price: 5, url: '1/../2' } } })],
    ['without flights', (one) => ({ ...one, segment: [{ flight: [] }] })],
    ['there and back', (one) => ({ ...one, sign: 'other', segment: [one.segment[0], one.segment[0]] })],
    [
      'on no day',
      (one) => ({
        ...one,
        sign: 'other',
        segment: [{ flight: [{ ...one.segment[0].flight[0], arrival_date: '2026-02-30' }] }],
      }),
    ],
    ['under no sign', ({ sign: _sign, ...one }) => one],
    ['that is none', () => 'ticket'],
  ])('a ticket %s is left out, and said to be', async (_name, change) => {
    expect(await offersOf(results((one) => [one, change(one)]))).toMatchObject({
      offers: [{}],
      complete: false,
      incompleteReason: expect.stringContaining('1 of the vendor’s tickets'),
    });
  });

  test('what is of another search is nobody’s', async () => {
    const other = RESULTS.replaceAll(SEARCH_ID, 'another-search').replace('7573ea', '000000');
    const { outcome } = await searchLive({
      flight_search_results: (count: number) => (count < 4 ? other : RESULTS),
    });
    expect(valueOf(outcome).offers).toMatchObject([{ token: { sign: '7573ea707c2ff84b243241961412ed34' } }]);
  });

  test('an end that comes as an object of its own is one', async () => {
    const { outcome } = await searchLive({ flight_search_results: `{"search_id":"${SEARCH_ID}"}` });
    expect(valueOf(outcome)).toEqual({ offers: [], complete: true, incompleteReason: null });
  });

  test('a start without an id or with one that is an address says nothing', async () => {
    for (const flight_search of ['{}', '[]', '{"search_id":"../../x"}', '{"search_id":5}']) {
      const { outcome } = await searchLive({ flight_search, flight_search_results: undefined });
      expect(outcome).toMatchObject({ kind: 'notDone', reason: 'unavailable' });
    }
  });

  test('a rate of nothing, or one that is no number, is none', async () => {
    for (const rate of ['0', '-1', '"many"', 'null', '[]']) {
      const started = STARTED.replace('"eur":91.2', `"eur":${rate}`);
      expect((await searchLive({ flight_search: started })).outcome).toMatchObject({
        reason: 'rejected',
      });
    }
  });
});

describe('a click', () => {
  const token = { surface: 'live', searchId: SEARCH_ID, term: '2000000', expiresAt: '2026-08-01T12:15:00.000Z' };
  const clicked = async (answer: string, status = 200, baseUrl = VENDOR) => {
    const { send, asked } = answering({ clicks: answer }, status);
    const outcome = await clientOf(send, { clock }).link(connect(baseUrl, { SUB_ID: 'a1' }), token, TRAVELLER, CALL);
    return { outcome, asked };
  };

  test('of the sample is the agency’s address, asked for with our marker', async () => {
    const { outcome, asked } = await clicked(CLICK);
    expect(outcome).toEqual({
      kind: 'done',
      value: {
        url: 'https://agency.example.com/book?ticket=1#IB-3002',
        expiresAt: new Date('2026-08-01T12:15:00Z'),
      },
    });
    expect(asked[0]!.url.href).toBe(`${VENDOR}/v1/flight_searches/${SEARCH_ID}/clicks/2000000.json?marker=123456.a1`);
    expect(JSON.stringify(asked)).not.toContain(CREDENTIALS.TOKEN);
  });

  test.each([
    'javascript:alert(1)',
    'data:text/html,x',
    'http://agency.example.com/',
    'https://user:secret@agency.example.com/',
    'https://user@agency.example.com/',
    '//agency.example.com/',
    '/relative',
    '',
    'https://',
  ])('to %j leads nobody there, and nobody knows whether it counted', async (url) => {
    expect((await clicked(JSON.stringify({ method: 'GET', url }))).outcome).toMatchObject({ kind: 'unknown' });
  });

  test('by a method that nobody knows gives no address', async () => {
    for (const method of ['POST', 'PUT', 'teleport']) {
      expect((await clicked(JSON.stringify({ method, url: 'https://agency.example.com' }))).outcome).toMatchObject({
        reason: 'rejected',
      });
    }
  });

  test('that is lost, answered by an error or by nonsense is unknown', async () => {
    for (const [body, status] of [
      ['', 200],
      ['{}', 200],
      ['<html>', 502],
      ['{"url":', 200],
    ] as const) {
      expect((await clicked(body, status)).outcome).toMatchObject({ kind: 'unknown' });
    }
    expect((await clicked('{}', 404)).outcome).toMatchObject({ reason: 'rejected' });
  });
});
