import { describe, expect, test } from 'vitest';
import fc from '../helpers/property.ts';
import { AMOUNT_MINOR_MAX, CURRENCY_CODES, exponentOf, formatAmount } from '../../src/domain/money.ts';
import { openAccount, type Account } from '../../src/integrations/travelpayouts/account.ts';
import { cheap, groupedPrices, pricesForDates, readOffers } from '../../src/integrations/travelpayouts/cached.ts';
import { TRAVELPAYOUTS } from '../../src/integrations/travelpayouts/description.ts';
import { createHourlyCount } from '../../src/integrations/travelpayouts/limits.ts';
import { pagePath, searchPath } from '../../src/integrations/travelpayouts/link.ts';
import { localeOf } from '../../src/integrations/travelpayouts/live.ts';
import {
  compareDecimals,
  convertedMinor,
  priceMinor,
  readDecimal,
} from '../../src/integrations/travelpayouts/money.ts';
import { toZones } from '../../src/integrations/travelpayouts/places.ts';
import { TRAVELPAYOUTS_SETTINGS, readSettings } from '../../src/integrations/travelpayouts/settings.ts';
import { daysBetween, isDay, localTime, readTime } from '../../src/integrations/travelpayouts/times.ts';
import {
  CALL,
  VENDOR,
  answering,
  clientOf,
  connect,
  endOf,
  flight,
  memoryCache,
  valueOf,
} from '../helpers/travelpayouts.ts';

/** The samples of travel-providers.md 4.4, letter by letter. */
const PRICES = `{"success":true,"currency":"usd","data":[{"origin":"MAD","destination":"BCN","origin_airport":"MAD","destination_airport":"BCN","price":64,
 "airline":"IB","flight_number":"3002","departure_at":"2026-10-14T07:00:00+02:00","return_at":"2026-10-18T14:30:00+02:00","transfers":0,"return_transfers":0,"duration":165,"duration_to":80,"duration_back":85,
 "link":"/search/MAD1410BCN18101?t=IB17918712001791876000000080MADBCN_5f2c_64&search_date=01082026&expected_price_currency=usd"}]}`;
const CHEAP = `{"success":true,"data":{"HKT":{"0":{"price":354,"airline":"TG","flight_number":571,"departure_at":"2026-10-09T21:20:00Z","return_at":"2026-10-25T12:40:00Z","expires_at":"2026-08-03T18:30:40Z"}}}}`;
const REFUSED = `{"success":false,"data":{},"error":"Unauthorized"}`;
const AIRPORTS = [
  { code: 'MAD', time_zone: 'Europe/Madrid', city_code: 'MAD' },
  { code: 'BCN', time_zone: 'Europe/Madrid', city_code: 'BCN' },
  { code: 'HKT', time_zone: 'Asia/Bangkok', city_code: 'HKT' },
  { code: 'LHR', time_zone: 'Europe/London', city_code: 'LON' },
];

const NOW = new Date('2026-08-01T12:00:00Z');
const clock = { now: () => NOW };
const account = openAccount(connect(VENDOR)) as Account;
const MADRID = flight({ departure: '2026-10-14', return: '2026-10-18' });

const search = async (answers: Readonly<Record<string, unknown>>, query = MADRID) => {
  const { send, asked } = answering({ airports: AIRPORTS, ...answers });
  const outcome = await clientOf(send, { clock }).searchFlights(connect(VENDOR), query, CALL);
  return { outcome, asked };
};

describe('the sample of prices_for_dates', () => {
  test('is an offer with both directions, its price and its link', async () => {
    const { outcome } = await search({ prices_for_dates: PRICES });
    const url =
      'https://www.aviasales.com/search/MAD1410BCN18101?t=IB17918712001791876000000080MADBCN_5f2c_64&search_date=01082026&expected_price_currency=usd&marker=123456';
    expect(outcome).toEqual({
      kind: 'done',
      value: {
        complete: true,
        incompleteReason: null,
        offers: [
          {
            totalMinor: 6_400n,
            currencyCode: 'USD',
            expiresAt: new Date('2026-08-01T12:30:00Z'),
            deepLink: url,
            token: { surface: 'cached', path: url.slice('https://www.aviasales.com'.length, -'&marker=123456'.length) },
            legs: [
              {
                from: 'MAD',
                to: 'BCN',
                departureLocal: '2026-10-14T07:00',
                departureAt: new Date('2026-10-14T05:00:00Z'),
                arrivalLocal: '2026-10-14T08:20',
                arrivalAt: new Date('2026-10-14T06:20:00Z'),
                carrier: 'IB',
                flightNumber: '3002',
                direction: 'OUTBOUND',
              },
              {
                from: 'BCN',
                to: 'MAD',
                departureLocal: '2026-10-18T14:30',
                departureAt: new Date('2026-10-18T12:30:00Z'),
                arrivalLocal: '2026-10-18T15:55',
                arrivalAt: new Date('2026-10-18T13:55:00Z'),
                carrier: 'IB',
                flightNumber: '',
                direction: 'RETURN',
              },
            ],
          },
        ],
      },
    });
  });

  test('is asked for with the token in its header and nowhere else', async () => {
    const { asked } = await search({ prices_for_dates: PRICES });
    const prices = asked.find(({ url }) => url.pathname === '/aviasales/v3/prices_for_dates');
    expect(prices!.url.origin).toBe(VENDOR);
    expect(Object.fromEntries(prices!.url.searchParams)).toEqual({
      origin: 'MAD',
      destination: 'BCN',
      departure_at: '2026-10-14',
      return_at: '2026-10-18',
      one_way: 'false',
      currency: 'usd',
      limit: '30',
      sorting: 'price',
    });
    for (const { url, headers } of asked) {
      expect(headers['x-access-token']).toBe(account.token);
      expect(url.href).not.toContain(account.token);
    }
  });

  const row = (changes: object): string => {
    const parsed = JSON.parse(PRICES) as { data: [object] };
    return JSON.stringify({ ...parsed, data: [{ ...parsed.data[0], ...changes }] });
  };
  test.each([
    ['another place', { origin: 'LON', origin_airport: 'LHR' }],
    ['another destination', { destination: 'LON', destination_airport: 'LGW' }],
    ['one way only', { return_at: '' }],
    ['no price', { price: 0 }],
    ['a price below zero', { price: -64 }],
    ['a price with too many decimals', { price: 64.123 }],
    ['a price in words', { price: 'cheap' }],
    ['a price beyond all bounds', { price: 1e30 }],
    ['no time', { departure_at: 'morning' }],
    ['a day that is none', { departure_at: '2026-10-32T07:00:00+02:00' }],
    ['no origin', { origin: null }],
  ])('with %s is left out, and said to be', async (_name, changes) => {
    const { outcome } = await search({ prices_for_dates: row(changes) });
    expect(outcome).toMatchObject({ kind: 'done', value: { offers: [], complete: false } });
    expect(valueOf(outcome).incompleteReason).toContain('1 of the vendor’s prices');
  });

  test('about other days is none of those asked for: what is known of the month is asked for then', async () => {
    const later = { departure_at: '2026-10-15T07:00:00+02:00' };
    const { outcome } = await search({ prices_for_dates: row(later) });
    expect(valueOf(outcome).offers).toEqual([]);
    const [offer] = (JSON.parse(row({ ...later, price: 70 })) as { data: [object] }).data;
    const grouped_prices = { success: true, currency: 'usd', data: { '2026-10-15': offer } };
    const { outcome: month } = await search({ prices_for_dates: row(later), grouped_prices });
    expect(month).toMatchObject({ value: { complete: false, offers: [{ totalMinor: 7_000n }] } });
  });

  test('leaves at the time that is written, whatever the dictionary thinks of the zone', async () => {
    const airports = AIRPORTS.map((airport) => ({ ...airport, time_zone: 'Asia/Tokyo' }));
    const { outcome } = await search({ prices_for_dates: PRICES, airports });
    expect(valueOf(outcome).offers[0]?.legs[0]).toMatchObject({ departureLocal: '2026-10-14T07:00' });
  });

  test('in another currency is in that one', async () => {
    const { outcome } = await search({ prices_for_dates: PRICES.replace('"currency":"usd"', '"currency":"jpy"') });
    expect(valueOf(outcome).offers).toMatchObject([{ currencyCode: 'JPY', totalMinor: 64n }]);
    const { outcome: unknown } = await search({
      prices_for_dates: PRICES.replace('"currency":"usd"', '"currency":"zzz"'),
    });
    expect(unknown).toMatchObject({ reason: 'unavailable' });
  });

  test('goes to an airport, or to its city', async () => {
    const data = row({ origin: 'LON', origin_airport: 'LHR' });
    for (const from of ['LON', 'LHR']) {
      const { outcome } = await search({ prices_for_dates: data }, { ...MADRID, from });
      expect(valueOf(outcome).offers[0]?.legs[0]).toMatchObject({ from: 'LHR' });
    }
  });
});

describe('the older methods', () => {
  const exchangeOf = (answers: Readonly<Record<string, unknown>>) => {
    const { send, asked } = answering(answers);
    const pause = async () => undefined;
    return { exchange: { send, clock, pause, cache: memoryCache(), searches: createHourlyCount(clock) }, asked };
  };
  const asked = (query = MADRID) => ({ account, query, currencyCode: 'USD', zones: toZones(AIRPORTS), now: NOW });

  test('grouped_prices is an object by day with the same offers', async () => {
    const [offer] = (JSON.parse(PRICES) as { data: [object] }).data;
    const answer = { success: true, currency: 'usd', data: { '2026-10-14': offer, '2026-10-15': 'broken' } };
    const { exchange, asked: sent } = exchangeOf({ grouped_prices: answer });
    const rows = valueOf(await groupedPrices(exchange, account, MADRID, CALL));
    expect(readOffers(rows, asked())).toMatchObject({ offers: [{ offer: { totalMinor: 6_400n } }], leftOut: 1 });
    expect(Object.fromEntries(sent[0]!.url.searchParams)).toEqual({
      origin: 'MAD',
      destination: 'BCN',
      group_by: 'departure_at',
      departure_at: '2026-10',
      min_trip_duration: '4',
      max_trip_duration: '4',
      currency: 'usd',
    });
  });

  test('the sample of cheap is an offer with its own end, its times from UTC, and no arrival', async () => {
    const query = flight({ to: 'HKT', departure: '2026-10-09', return: '2026-10-25' });
    const { exchange, asked: sent } = exchangeOf({ '/v1/prices/cheap': CHEAP });
    const rows = valueOf(await cheap(exchange, account, query, CALL));
    const { offers, leftOut } = readOffers(rows, asked(query));
    expect(leftOut).toBe(0);
    expect(offers[0]!.offer).toMatchObject({
      totalMinor: 35_400n,
      currencyCode: 'USD',
      expiresAt: new Date('2026-08-01T12:30:00Z'),
      deepLink: 'https://www.aviasales.com/search/MAD0910HKT25101?marker=123456',
      legs: [
        {
          from: 'MAD',
          to: 'HKT',
          departureLocal: '2026-10-09T23:20',
          arrivalLocal: null,
          carrier: 'TG',
          flightNumber: '571',
        },
        { from: 'HKT', to: 'MAD', departureLocal: '2026-10-25T19:40', arrivalLocal: null, arrivalAt: null },
      ],
    });
    expect(sent[0]!.url.searchParams.get('depart_date')).toBe('2026-10');
  });

  test('a ticket of cheap is shown until its end and not a moment longer', async () => {
    const query = flight({ to: 'HKT', departure: '2026-10-09', return: '2026-10-25' });
    const { exchange } = exchangeOf({ cheap: CHEAP });
    const rows = valueOf(await cheap(exchange, account, query, CALL));
    const offersAt = (now: string) => readOffers(rows, { ...asked(query), now: new Date(now) }).offers;
    const [last] = offersAt('2026-08-03T18:30:39.999Z');
    expect(last!.offer.expiresAt).toEqual(new Date('2026-08-03T18:30:40Z'));
    expect(offersAt('2026-08-03T18:30:40Z')).toEqual([]);
  });

  test('a ticket of a place whose clock nobody knows is left out', async () => {
    const query = flight({ to: 'HKT', departure: '2026-10-09', return: '2026-10-25' });
    const { exchange } = exchangeOf({ cheap: CHEAP });
    const rows = valueOf(await cheap(exchange, account, query, CALL));
    expect(readOffers(rows, { ...asked(query), zones: {} })).toEqual({ offers: [], leftOut: 1 });
  });

  test('each is asked only where the one before knows nothing, and cheap last', async () => {
    const empty = { success: true, data: [], currency: 'usd' };
    const query = flight({ to: 'HKT', departure: '2026-10-10', return: '2026-10-25' });
    const { outcome, asked: sent } = await search(
      { prices_for_dates: empty, grouped_prices: { ...empty, data: {} }, cheap: CHEAP },
      query,
    );
    expect(new Set(sent.map(({ url }) => url.pathname.split('/').at(-1)))).toEqual(
      new Set(['airports.json', 'cheap', 'grouped_prices', 'prices_for_dates']),
    );
    expect(sent).toHaveLength(4);
    expect(valueOf(outcome)).toMatchObject({ offers: [{ totalMinor: 35_400n }], complete: false });
    const { asked: enough } = await search({ prices_for_dates: PRICES });
    expect(enough).toHaveLength(2);
  });

  test('what fails after the days had their answer takes nothing from it', async () => {
    const { outcome } = await search({ prices_for_dates: { success: true, data: [], currency: 'usd' } });
    expect(outcome).toMatchObject({ kind: 'done', value: { offers: [] } });
  });

  test('a method asked by itself has its own answer', async () => {
    const { exchange } = exchangeOf({ prices_for_dates: PRICES });
    expect(valueOf(await pricesForDates(exchange, account, MADRID, CALL))).toMatchObject({
      shape: 'offers',
      currencyCode: 'USD',
      values: [{ price: '64' }],
    });
  });
});

describe('what the vendor says no with', () => {
  test.each([
    [200, REFUSED, 'misconfigured'],
    [401, REFUSED, 'misconfigured'],
    [403, '<html>', 'misconfigured'],
    [200, '{"success":false,"data":null,"error":"bad date"}', 'rejected'],
    [200, '{"success":false,"data":{}}', 'rejected'],
    [400, '{"success":false,"data":{},"error":"bad date"}', 'rejected'],
    [400, '{"type":"invalid-currency"}', 'rejected'],
    [400, '', 'rejected'],
    [404, '<html>', 'misconfigured'],
    [405, '<html>', 'misconfigured'],
    [302, '', 'misconfigured'],
    [429, '', 'rateLimited'],
    [500, REFUSED, 'unavailable'],
    [503, '<html>', 'unavailable'],
    [200, '<html>', 'unavailable'],
    [200, '', 'unavailable'],
    [200, '{"success":"yes"}', 'unavailable'],
    [204, '', 'unavailable'],
  ])('%i %s', async (status, body, ended) => {
    const { send } = answering({ '/': body }, status);
    const client = clientOf(send, { clock });
    expect(endOf(await client.probe(connect(VENDOR), CALL))).toBe(ended);
    expect(endOf(await client.searchFlights(connect(VENDOR), MADRID, CALL))).toBe(ended);
  });

  test('is told in its own words, without our token in them', async () => {
    const body = JSON.stringify({
      success: false,
      data: {},
      error: `token ${account.token} is too old ${'x'.repeat(500)}`,
    });
    const outcome = await clientOf(answering({ '/': body }).send).probe(connect(VENDOR), CALL);
    expect(outcome).toMatchObject({ reason: 'rejected', detail: expect.stringContaining('[secret] is too old') });
    expect((outcome as { detail: string }).detail.length).toBeLessThan(300);
  });
});

describe('prices', () => {
  test.each([
    ['64', 'USD', 1, 6_400n],
    ['64.5', 'USD', 2, 12_900n],
    ['64.50', 'JPY', 1, null],
    ['64.00', 'JPY', 1, 64n],
    ['1e3', 'EUR', 1, 100_000n],
    ['1.2345', 'KWD', 1, null],
    ['1.234', 'KWD', 3, 3_702n],
    ['0', 'USD', 1, null],
    ['-1', 'USD', 1, null],
    ['', 'USD', 1, null],
    ['64', 'ZZZ', 1, null],
    ['NaN', 'USD', 1, null],
    ['1e99', 'USD', 1, null],
  ])('%s %s for %i seats', (text, currency, seats, minor) => {
    expect(priceMinor(text, currency, seats)).toBe(minor);
  });

  test('are exact for every amount that its currency can write, and refused for every other', () => {
    const amounts = fc.bigInt({ min: 1n, max: AMOUNT_MINOR_MAX });
    fc.assert(
      fc.property(amounts, fc.constantFrom(...CURRENCY_CODES), (minor, currency) => {
        const written = formatAmount(minor, currency);
        expect(priceMinor(written, currency, 1)).toBe(minor);
        const point = written.includes('.') ? '' : '.';
        expect(priceMinor(`${written}${point}00`, currency, 1)).toBe(minor);
        expect(priceMinor(`${written}${point}1`, currency, 1)).toBeNull();
      }),
    );
  });

  test('from roubles are the nearest minor unit, and halves go up', () => {
    const roubles = fc.tuple(fc.bigInt({ min: 1n, max: 10n ** 9n }), fc.integer({ min: 0, max: 4 }));
    const rates = fc.tuple(fc.bigInt({ min: 1n, max: 10n ** 7n }), fc.integer({ min: 0, max: 5 }));
    fc.assert(
      fc.property(roubles, rates, fc.constantFrom(...CURRENCY_CODES), ([paid, scale], [rate, rateScale], currency) => {
        const minor = convertedMinor({ mantissa: paid, scale }, { mantissa: rate, scale: rateScale }, currency);
        // As fractions: |minor - exact| is at most a half, and exactly a half only from below.
        const numerator = paid * 10n ** BigInt(exponentOf(currency) + rateScale);
        const denominator = rate * 10n ** BigInt(scale);
        const doubled = 2n * ((minor ?? 0n) * denominator - numerator);
        if (minor === null)
          expect(2n * numerator < denominator || numerator / denominator > AMOUNT_MINOR_MAX).toBe(true);
        else expect(doubled <= denominator && doubled > -denominator).toBe(true);
      }),
    );
    expect(convertedMinor(readDecimal('0.125')!, readDecimal('1')!, 'RUB')).toBe(13n);
    expect(convertedMinor(readDecimal('8299')!, readDecimal('91.2')!, 'EUR')).toBe(9_100n);
  });

  test('are compared exactly, however they are written', () => {
    const decimals = fc.tuple(fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n }), fc.integer({ min: 0, max: 6 }));
    fc.assert(
      fc.property(decimals, decimals, ([m1, s1], [m2, s2]) => {
        const difference = compareDecimals({ mantissa: m1, scale: s1 }, { mantissa: m2, scale: s2 });
        const [one, other] = [m1 * 10n ** BigInt(6 - s1), m2 * 10n ** BigInt(6 - s2)];
        expect(Math.sign(Number(difference))).toBe(one < other ? -1 : one > other ? 1 : 0);
      }),
    );
    expect(compareDecimals(readDecimal('1.5E2')!, readDecimal('150.00')!)).toBe(0n);
    for (const text of ['', '.5', '1.', '0x10', '1,5', '+1', '١', '1e400', ' 1']) expect(readDecimal(text)).toBeNull();
  });
});

describe('links', () => {
  const journey = { from: 'MAD', to: 'BCN', departure: '2026-10-14', return: '2026-10-18' };
  const alone = { adults: 1, children: 0 };
  test.each([
    [journey, alone, '/search/MAD1410BCN18101'],
    [{ ...journey, return: null }, alone, '/search/MAD1410BCN1'],
    [journey, { adults: 2, children: 1 }, '/search/MAD1410BCN181021'],
    [{ ...journey, return: null }, { adults: 9, children: 6 }, '/search/MAD1410BCN96'],
  ])('of %j for %j', (way, party, path) => {
    expect(searchPath(way, party)).toBe(path);
  });

  test.each([
    '//evil.example.com/search/MAD1410BCN18101',
    'https://evil.example.com/',
    '.evil.example.com/search/MAD1410BCN18101',
    '@evil.example.com/',
    '/search/../login',
    '/search/MAD1410BCN18101?marker=999',
    '/search/MAD1410BCN18101?t=1&marker=999',
    '/search/MAD1410BCN18101?t="><script>',
    '/search/MAD1410BCN18101\r\nx: y',
    '/search/MAD1410BCN18101#x',
    '/search/MAD1410BCN18102?t=1',
    '\\\\evil.example.com',
    '',
  ])('of the vendor’s that are no page of ours to send people to (%j) are replaced', (link) => {
    expect(pagePath(link, journey, alone)).toBe('/search/MAD1410BCN18101');
  });

  test('of the vendor’s are kept where they fit', () => {
    const link = '/search/MAD1410BCN18101?t=IB1791_5f2c_64&search_date=01082026&expected_price_currency=usd';
    expect(pagePath(link, journey, alone)).toBe(link);
  });
});

describe('small things', () => {
  test.each([
    ['en', 'en-us'],
    ['en-GB', 'en-gb'],
    ['en_GB', 'en-gb'],
    ['de-AT', 'de'],
    ['ru', 'ru'],
    ['ar', 'en-us'],
    ['', 'en-us'],
  ])('the locale %j is searched in %s', (locale, wanted) => expect(localeOf(locale)).toBe(wanted));

  test('times are read with their offsets, and nothing else is', () => {
    expect(readTime('2026-10-14T07:00:00+02:00')).toEqual({
      at: new Date('2026-10-14T05:00:00Z'),
      local: '2026-10-14T07:00',
    });
    expect(readTime('2026-10-14T07:00:00Z')).toEqual({ at: new Date('2026-10-14T07:00:00Z'), local: null });
    for (const text of ['', '2026-10-14', '2026-10-14 07:00:00', '2026-02-30T07:00:00Z', '2026-10-14T25:00:00Z']) {
      expect(readTime(text)).toBeNull();
    }
    expect(localTime(new Date('2026-10-25T00:59:00Z'), 'Europe/Madrid')).toBe('2026-10-25T02:59');
    expect(localTime(new Date('2026-10-25T01:00:00Z'), 'Europe/Madrid')).toBe('2026-10-25T02:00');
    expect(localTime(NOW, 'Nowhere/Land')).toBeNull();
    expect([isDay('2028-02-29'), isDay('2027-02-29'), isDay('2027-2-1')]).toEqual([true, false, false]);
    expect(daysBetween('2026-10-24', '2026-10-26')).toBe(2);
  });

  test('zones are those of airports, and of cities by their first one', () => {
    const rows = [
      { code: 'LHR', time_zone: 'Europe/London', city_code: 'LON' },
      { code: 'XXL', time_zone: 'Asia/Tokyo', city_code: 'LON' },
      { code: 'bad', time_zone: 'X' },
      null,
      { code: 'NOZ' },
    ];
    expect(toZones(rows)).toEqual({ LON: 'Europe/London', XXL: 'Asia/Tokyo', LHR: 'Europe/London' });
  });

  test('every setting has a default that can be used, and one that can’t be is named', () => {
    expect(readSettings({})).not.toHaveProperty('refused');
    const bad: Record<string, string> = {
      SURFACE: 'both',
      HOST: 'a b',
      SUB_ID: 'a.b',
      LINK_BASE_URL: 'javascript:x',
      CACHED_PRICE_OF: 'nobody',
      LIVE_SEARCHES_PER_HOUR: '0',
      POLL_FIRST_MS: '-1',
      POLL_NEXT_MS: 'soon',
    };
    expect(Object.keys(bad).toSorted()).toEqual(TRAVELPAYOUTS_SETTINGS.map(({ name }) => name).toSorted());
    for (const [name, value] of Object.entries(bad)) {
      expect(readSettings({ [name]: value })).toEqual({ refused: `the setting ${name} is unusable` });
    }
  });

  test('the description says what the vendor is', () => {
    expect(TRAVELPAYOUTS).toMatchObject({ slug: 'travelpayouts', vertical: 'FLIGHTS_DISCOVERY', priority: 10 });
    expect(TRAVELPAYOUTS.credentials).toEqual([
      { name: 'TOKEN', environmentVariable: 'TRAVELPAYOUTS_TOKEN', required: true, secret: true },
      { name: 'MARKER', environmentVariable: 'TRAVELPAYOUTS_MARKER', required: true, secret: false },
    ]);
    for (const url of Object.values(TRAVELPAYOUTS.baseUrls)) expect(url).toMatch(/^https:/);
    expect(TRAVELPAYOUTS.cacheSeconds).not.toHaveProperty('link');
  });
});
