import { describe, expect, test } from 'vitest';
import { languageOf, searchBody, toStayRequest } from '../../src/integrations/booking/request.ts';
import { BOOKING_SETTINGS, readSettings, type BookingSettings } from '../../src/integrations/booking/settings.ts';
import { AMSTERDAM, connectionTo, inDays, query } from '../helpers/booking.ts';

describe('a search request', () => {
  const settings = readSettings(connectionTo('http://x')) as BookingSettings;
  const body = (changes: Parameters<typeof query>[0], more: Partial<BookingSettings> = {}) => {
    const request = toStayRequest(query(changes), { ...settings, ...more }, new Date());
    if ('refused' in request) throw new Error(request.refused);
    return searchBody(request, { ...settings, ...more }, query(changes).offersMax);
  };

  test.each([
    ['AMS', { airport: 'AMS' }],
    [AMSTERDAM, { city: -2140479 }],
    ['region:1003', { region: 1003 }],
    ['country:NL', { country: 'nl' }],
    ['district:145', { district: 145 }],
    ['landmark:1', { landmark: 1 }],
  ])('to %s names one place', (destination, place) => {
    const places = ['airport', 'city', 'region', 'country', 'district', 'landmark', 'accommodations', 'coordinates'];
    const sent = body({ destination });
    expect(Object.fromEntries(Object.entries(sent).filter(([name]) => places.includes(name)))).toEqual(place);
  });

  test('says who comes, when, from where and on what', () => {
    const sent = body({ occupancies: [{ adults: 2, childAges: [4] }], currencyCode: 'USD', offersMax: 21 });
    expect(sent).toEqual({
      city: -2140479,
      booker: { country: 'nl', platform: 'desktop' },
      checkin: inDays(60),
      checkout: inDays(62),
      currency: 'USD',
      guests: { number_of_adults: 2, number_of_rooms: 1, children: [4] },
      extras: ['extra_charges', 'products'],
      rows: 30,
      filters: { payment: { timing: 'pay_at_the_property', credit_card_required: false } },
    });
  });

  test('of several rooms says who sleeps where', () => {
    const sent = body({
      occupancies: [
        { adults: 2, childAges: [4] },
        { adults: 1, childAges: [] },
      ],
    });
    expect(sent['guests']).toEqual({
      number_of_adults: 3,
      number_of_rooms: 2,
      children: [4],
      allocation: [
        { number_of_adults: 2, children: [4] },
        { number_of_adults: 1, children: [] },
      ],
    });
  });

  test.each([
    [1, 10],
    [10, 10],
    [11, 20],
    [100, 100],
    [5_000, 100],
  ])('for %i offers asks for %i rows: a multiple of ten, at most a hundred', (offersMax, rows) =>
    expect(body({ offersMax })['rows']).toBe(rows),
  );

  test.each([
    [{ paymentTiming: 'pay_online_now', paymentMethod: 'wallet' }, { timing: 'pay_online' }],
    [{ onlyWithoutCard: false }, { timing: 'pay_at_the_property' }],
  ] as const)('with %j filters by %j', (more, payment) => expect(body({}, more)['filters']).toEqual({ payment }));

  test.each([
    ['Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148', 'mobile'],
    ['Mozilla/5.0 (Linux; Android 15; Pixel 9) Mobile Safari/537.36', 'mobile'],
    ['Mozilla/5.0 (Linux; Android 15; SM-X910) Safari/537.36', 'tablet'],
    ['Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X) Mobile/15E148', 'tablet'],
    ['Mozilla/5.0 (Windows NT 10.0; Win64; x64)', 'desktop'],
    [null, 'ios'],
    ['', 'ios'],
  ])('by %j is a %s', (userAgent, platform) => {
    const { traveller } = query();
    expect(body({ traveller: { ...traveller, userAgent } }, { platform: 'ios' })['booker']).toMatchObject({ platform });
  });

  test.each([
    ['a place nobody knows', { destination: 'Atlantis' }],
    ['a place in small letters', { destination: 'ams' }],
    ['an id of blanks', { destination: 'city: 5' }],
    ['no place and no property', { destination: null }],
    ['a place and properties', { propertyIds: ['1'] }],
    [
      'properties beyond a hundred',
      { destination: null, propertyIds: Array.from({ length: 101 }, (_, id) => String(id + 1)) },
    ],
    ['a property that is no number', { destination: null, propertyIds: ['1e3'] }],
    ['a departure on the day of arrival', { checkOut: inDays(60) }],
    ['ninety-one nights', { checkOut: inDays(151) }],
    ['a day that is none', { checkIn: '2026-02-31' }],
    ['last week', { checkIn: inDays(-7), checkOut: inDays(-5) }],
    ['two years ahead', { checkIn: inDays(700), checkOut: inDays(702) }],
    ['no room', { occupancies: [] }],
    ['a room without a grown-up', { occupancies: [{ adults: 0, childAges: [5] }] }],
    ['half a person', { occupancies: [{ adults: 1.5, childAges: [] }] }],
    ['a child of eighteen', { occupancies: [{ adults: 1, childAges: [18] }] }],
    ['a currency that is none', { currencyCode: 'euro' }],
  ])('about %s is refused before it is sent', (_what, changes) => {
    expect(toStayRequest(query(changes), settings, new Date())).toEqual({ refused: expect.any(String) });
  });

  test.each([
    ['en', 'en-gb'],
    ['en-US', 'en-us'],
    ['en_AU', 'en-gb'],
    ['ar-EG', 'ar'],
    ['pt', 'pt-pt'],
    ['pt-BR', 'pt-br'],
    ['zh-Hant', 'zh-cn'],
    ['de-AT', 'de'],
    ['tlh', 'en-gb'],
    ['', 'en-gb'],
    ['__proto__', 'en-gb'],
  ])('the locale %s is the language %s', (locale, language) => expect(languageOf(locale)).toBe(language));
});

describe('settings', () => {
  test('have the defaults of the description', () => {
    expect(readSettings(connectionTo('http://x'))).toMatchObject({
      paymentTiming: 'pay_at_the_property',
      paymentMethod: 'none',
      onlyWithoutCard: true,
      sandboxProperties: ['10507360'],
    });
    for (const { name, description } of BOOKING_SETTINGS)
      expect([name, description]).toEqual([name, expect.stringMatching(/\.$/)]);
  });

  test.each<Record<string, string>>([
    { paymentTiming: 'later' },
    { paymentMethod: 'card' },
    { platform: 'fridge' },
    { onlyWithoutCard: 'maybe' },
    { phone: 'x\ny' },
    { sandboxProperties: 'Orion' },
    { excessDecimals: 'down' },
  ])('%j is refused by name', (settings) => {
    const [name] = Object.keys(settings);
    expect(readSettings(connectionTo('http://x', { settings }))).toEqual({
      refused: `the setting ${name} cannot be read`,
    });
  });

  test('of another provider are ignored', () => {
    expect(readSettings(connectionTo('http://x', { settings: { partnerPointOfSale: 'x' } }))).not.toHaveProperty(
      'refused',
    );
  });
});
