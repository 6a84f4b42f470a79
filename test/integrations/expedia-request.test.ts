import { describe, expect, test } from 'vitest';
import fc from '../helpers/property.ts';
import { toBooking } from '../../src/integrations/expedia/booking.ts';
import { occupancyOf } from '../../src/integrations/expedia/map.ts';
import { readNotice } from '../../src/integrations/expedia/notice.ts';
import { phoneOf } from '../../src/integrations/expedia/phone.ts';
import {
  followed,
  languageOf,
  profileOf,
  travellerHeaders,
  type Profile,
} from '../../src/integrations/expedia/profile.ts';
import { evenly, shopParameters } from '../../src/integrations/expedia/search.ts';
import { EXPEDIA_SETTINGS, numberSettingOf } from '../../src/integrations/expedia/settings.ts';
import type { Token } from '../../src/integrations/expedia/token.ts';
import type { BookInput, ProviderConnection } from '../../src/integrations/travel.ts';
import { NOTICE_SAMPLE } from '../helpers/expedia-samples.ts';
import { CREDENTIALS, TRAVELLER, bookInput, connectionTo, stayQuery } from '../helpers/expedia.ts';

const connection = connectionTo('http://127.0.0.1:4001/expedia/v3');

function profile(more: Partial<ProviderConnection> = {}): Profile {
  const made = profileOf({ ...connection, ...more });
  if ('kind' in made) throw new Error('no profile');
  return made;
}

/** As a search makes it; two adults with two children in one room. */
const token: Token = {
  v: 1,
  check: '/v3/properties/19248/rooms/201318/rates/206295235?token=Cd2',
  rooms: ['2-9,4'],
  total: '29904',
  inclusive: '26904',
  currency: 'USD',
  refundable: true,
  penalties: [],
};

describe('what is sent', () => {
  test.each([
    [{ adults: 2, childAges: [] }, '2'],
    [{ adults: 2, childAges: [9, 4] }, '2-9,4'],
    [{ adults: 1, childAges: [0] }, '1-0'],
    [{ adults: 0, childAges: [] }, null],
    [{ adults: 1.5, childAges: [] }, null],
    [{ adults: 2, childAges: [18] }, null],
    [{ adults: 2, childAges: [-1] }, null],
  ])('occupancy %j', (occupancy, text) => expect(occupancyOf(occupancy)).toBe(text));

  test('a search with what every partner needs, and with what was agreed', () => {
    const asked = { query: stayQuery(), rooms: ['2-9,4', '2'], ids: ['1', '2'], rateCount: 3 };
    const usual = new URLSearchParams(shopParameters(profile(), asked));
    expect(usual.getAll('occupancy')).toEqual(['2-9,4', '2']);
    expect(usual.getAll('property_id')).toEqual(['1', '2']);
    expect(Object.fromEntries(usual)).toMatchObject({
      currency: 'USD',
      country_code: 'US',
      language: 'en-US',
      rate_plan_count: '3',
      sales_channel: 'website',
      sales_environment: 'hotel_only',
      filter: 'expedia_collect',
    });
    for (const name of ['billing_terms', 'payment_terms', 'partner_point_of_sale', 'platform_name']) {
      expect(usual.has(name)).toBe(false);
    }
    const agreed = profile({ settings: { SALES_CHANNEL: 'cache', BILLING_TERMS: 'B1', PARTNER_POINT_OF_SALE: 'P1' } });
    expect(Object.fromEntries(new URLSearchParams(shopParameters(agreed, asked)))).toMatchObject({
      sales_channel: 'cache',
      billing_terms: 'B1',
      partner_point_of_sale: 'P1',
    });
  });

  test.each([
    ['en', 'en-US'],
    ['ar', 'ar-SA'],
    ['ar-EG', 'ar-SA'],
    ['zh-TW', 'zh-TW'],
    ['zh_HK', 'zh-HK'],
    ['xx', 'en-US'],
    ['', 'en-US'],
    ['EN-us', 'en-US'],
  ])('in the language of %j: %s', (locale, language) => expect(languageOf(profile(), { locale })).toBe(language));

  test("headers without what would break them, an address that is one, and never the server's", () => {
    const headers = (more: Partial<typeof TRAVELLER>, ipNeeded = true) =>
      travellerHeaders(profile(), { ...TRAVELLER, ...more }, ipNeeded);
    expect(headers({ userAgent: 'A\r\nX-Evil: 1', sessionId: 'ü\u0000' })).toEqual({
      'user-agent': 'A X-Evil: 1',
      'customer-ip': '203.0.113.7',
    });
    expect(headers({ ip: '::ffff:203.0.113.9' })).toMatchObject({ 'customer-ip': '203.0.113.9' });
    expect(headers({ ip: '2001:db8::1' })).toMatchObject({ 'customer-ip': '2001:db8::1' });
    expect(headers({ ip: 'x' })).toMatchObject({ 'customer-ip': '192.0.2.1' });
    expect(headers({ ip: null }, false)).not.toHaveProperty('customer-ip');
    expect(travellerHeaders(profile(), null, true)).toEqual({
      'user-agent': 'Portolan/1.0',
      'customer-ip': '192.0.2.1',
    });
  });

  test.each([
    ['+12065550100', { country_code: '1', number: '2065550100' }],
    ['+20 100 123 4567', { country_code: '20', number: '1001234567' }],
    ['+971501234567', { country_code: '971', number: '501234567' }],
    ['+886912345678', { country_code: '886', number: '912345678' }],
    ['+4915112345678', { country_code: '49', number: '15112345678' }],
    ['12065550100', null],
    ['+0123456789', null],
    ['+12', null],
    [null, null],
  ])('phone %s', (text, phone) => expect(phoneOf(text)).toEqual(phone));

  test('parts of nearly the same size, nothing lost, nothing twice, none too large', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 900 }), fc.integer({ min: 1, max: 250 }), (items, most) => {
        const parts = evenly(items, most);
        expect(parts.flat()).toEqual(items);
        const sizes = parts.map((part) => part.length);
        if (sizes.length > 0) expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        expect(Math.max(0, ...sizes)).toBeLessThanOrEqual(most);
        expect(parts).toHaveLength(Math.ceil(items.length / most));
      }),
    );
  });
});

describe('the body of a booking', () => {
  const checked = { totalMinor: 29_904n, currencyCode: 'USD', token: null } as unknown as Parameters<
    typeof bookInput
  >[0];
  const input = (more: Partial<BookInput> = {}) => bookInput(checked, { reference: 'GW-01J4ZK8Q0T', ...more });
  const body = (more: Partial<BookInput> = {}, kept: Token = token, over: Partial<ProviderConnection> = {}) =>
    toBooking(profile(over), input(more), kept);

  test('has a guest for each room in their order, our reference, and no card', () => {
    const guests = [
      { givenName: 'Bo', familyName: 'Silva', room: 1 },
      { givenName: 'Ana', familyName: 'Silva', room: 0 },
      { givenName: 'Too', familyName: 'Many', room: 0 },
    ];
    const made = body(
      { travellers: { guests }, specialRequests: 'Quiet\n<b>please</b>' },
      { ...token, rooms: ['2', '1'] },
    );
    expect(made).toEqual({
      body: {
        affiliate_reference_id: 'GW-01J4ZK8Q0T',
        email: 'ana@example.com',
        phone: { country_code: '1', number: '2065550100' },
        rooms: ['Ana', 'Bo'].map((given_name) => ({
          given_name,
          family_name: 'Silva',
          smoking: false,
          special_request: 'Quiet  b please /b',
        })),
        payments: [
          {
            type: 'affiliate_collect',
            billing_contact: {
              given_name: 'Ana',
              family_name: 'Silva',
              address: {
                line_1: '1 Sandbox Street',
                city: 'Seattle',
                state_province_code: 'WA',
                postal_code: '98101',
                country_code: 'US',
              },
            },
          },
        ],
      },
    });
  });

  test('of a hold says so', () => {
    expect(body({ hold: true })).toMatchObject({ body: { hold: true } });
    expect(body()).not.toHaveProperty('body.hold');
  });

  test.each([
    ['a reference the vendor refuses', { reference: 'a(b)' }],
    ['a reference that is too long', { reference: 'x'.repeat(29) }],
    ['no phone', { contactPhone: null }],
    ['a phone without its country', { contactPhone: '0555' }],
    ['an address without an at', { contactEmail: 'ana' }],
    ['nobody in a room', { travellers: { guests: [] } }],
    ['a guest without a name', { travellers: { guests: [{ givenName: ' ', familyName: 'Silva', room: 0 }] } }],
    ['passengers', { travellers: { passengers: [] } }],
  ])('is not made with %s', (_name, more) =>
    expect(body(more as Partial<BookInput>)).toMatchObject({ whose: 'rejected' }),
  );

  test('names are cut between characters', () => {
    const guests = [{ givenName: '😀'.repeat(80), familyName: 'a\u0000b', room: 0 }];
    expect(body({ travellers: { guests } })).toMatchObject({
      body: { rooms: [{ given_name: '😀'.repeat(60), family_name: 'a b' }] },
    });
  });

  test('in production needs a billing address that is complete', () => {
    const production = (settings: Record<string, string>) =>
      body({}, token, { mode: 'PRODUCTION', baseUrl: 'https://api.ean.com/v3', settings });
    for (const settings of [{}, { BILLING_COUNTRY: 'US' }, { BILLING_COUNTRY: 'GB' }, { BILLING_COUNTRY: 'Egypt' }]) {
      expect(production(settings as Record<string, string>)).toMatchObject({ whose: 'misconfigured' });
    }
    expect(production({ BILLING_COUNTRY: 'EG', BILLING_CITY: 'Cairo' })).toMatchObject({
      body: { payments: [{ billing_contact: { address: { city: 'Cairo', country_code: 'EG' } } }] },
    });
  });
});

describe('links', () => {
  const here = profile();

  test.each([
    ['/v3/properties/1?token=a', 'http://127.0.0.1:4001/v3/properties/1?token=a'],
    ['http://127.0.0.1:4001/expedia/v3/x?token=a', 'http://127.0.0.1:4001/expedia/v3/x?token=a'],
    ['/v3/x?token=a%2Fb+c==', 'http://127.0.0.1:4001/v3/x?token=a%2Fb+c=='],
  ])('%s is followed', (href, url) => expect(followed(here, href)).toBe(url));

  test.each([
    'https://127.0.0.1:4001/v3/x',
    'http://127.0.0.1:4002/v3/x',
    'http://localhost:4001/v3/x',
    'https://api.ean.com.evil.example/v3/x',
    '//evil.example/v3/x',
    String.raw`\\evil.example\v3`,
    'http://user:word@127.0.0.1:4001/v3/x',
    'javascript:alert(1)',
    'file:///etc/passwd',
    'http://[',
  ])('%s is not: it would get our key', (href) => expect(followed(here, href)).toBeNull());

  test('wherever a link leads, it is our own host or nowhere', () => {
    const hostile = fc.oneof(
      fc.webUrl(),
      fc.string(),
      fc.string().map((text) => `//${text}`),
      fc.string().map((text) => `/${text}`),
    );
    fc.assert(
      fc.property(hostile, (href) => {
        const url = followed(here, href);
        if (url !== null) expect(new URL(url).origin).toBe('http://127.0.0.1:4001');
      }),
    );
  });
});

describe('a connection', () => {
  const verdict = (more: Partial<ProviderConnection>) => {
    const made = profileOf({ ...connection, ...more });
    return 'kind' in made ? made : 'fit';
  };

  test.each([
    ['SANDBOX', 'https://test.ean.com/v3'],
    ['SANDBOX', 'http://127.0.0.1:4001/expedia/v3'],
    ['SANDBOX', 'http://localhost:4001/expedia/v3/'],
    ['PRODUCTION', 'https://api.ean.com/v3'],
    ['PRODUCTION', 'http://127.0.0.1:4001/expedia/v3'],
  ] as const)('%s may lead to %s', (mode, baseUrl) => expect(verdict({ mode, baseUrl })).toBe('fit'));

  test.each([
    ['SANDBOX', 'https://api.ean.com/v3'],
    ['SANDBOX', 'https://test.ean.com.evil.example/v3'],
    ['SANDBOX', 'http://test.ean.com/v3'],
    ['PRODUCTION', 'https://test.ean.com/v3'],
    ['PRODUCTION', 'http://api.ean.com/v3'],
    ['PRODUCTION', 'https://user:word@api.ean.com/v3'],
    ['PRODUCTION', 'nowhere'],
  ] as const)('%s must not lead to %s', (mode, baseUrl) => {
    expect(verdict({ mode, baseUrl })).toMatchObject({ kind: 'notDone', reason: 'misconfigured' });
  });

  test('in production has no Test header: a wrong one would book for real', () => {
    const settings = { TEST_HEADERS: 'shop=standard, book=rooms_unavailable' };
    expect(verdict({ mode: 'PRODUCTION', baseUrl: 'https://api.ean.com/v3', settings })).toMatchObject({
      reason: 'misconfigured',
    });
    expect([...profile({ settings }).testHeaders]).toEqual([
      ['shop', 'standard'],
      ['book', 'rooms_unavailable'],
    ]);
  });

  test.each(['standard', 'shop', 'shop=', 'pay=standard', 'shop=a b'])('with TEST_HEADERS %j is refused', (text) => {
    expect(verdict({ settings: { TEST_HEADERS: text } })).toMatchObject({ reason: 'misconfigured' });
  });

  test.each([{ API_KEY: '' }, { SECRET: '' }, { API_KEY: 'a,signature=b' }, { API_KEY: 'a\r\nX: 1' }, { SECRET: 'ü' }])(
    'with %j is not used',
    (change) =>
      expect(verdict({ credentials: { ...CREDENTIALS, ...change } })).toMatchObject({ reason: 'misconfigured' }),
  );

  test('settings without a value have their default, and numbers keep their bounds', () => {
    const bounds = { min: 1, max: 2_500 };
    const max = (value: string) =>
      numberSettingOf({ ...connection, settings: { PROPERTIES_MAX: value } }, 'PROPERTIES_MAX', bounds);
    expect([max('7'), max('0'), max('9999'), max('x'), max('')]).toEqual([7, 500, 500, 500, 500]);
    for (const { description } of EXPEDIA_SETTINGS) expect(description.length).toBeGreaterThan(10);
  });
});

describe('a notification', () => {
  const query = `key=${CREDENTIALS.NOTIFICATION_SECRET}`;
  const notice = (body: string, more: Partial<Parameters<typeof readNotice>[1]> = {}) =>
    readNotice(connection, { headers: {}, body: Buffer.from(body), query, ...more });

  test('of the documents is read', () => {
    expect(notice(NOTICE_SAMPLE)).toEqual({
      verdict: 'OK',
      notice: {
        eventId: 'e02d6f41-4708-476f-915d-8a7032942e94',
        eventType: 'itinerary.supplier.cancel',
        providerReference: '8999989898988',
        reference: 'GW-01J4ZK8Q0T',
        claims: 'CANCELLED',
      },
    });
  });

  test('of a kind that came later claims nothing', () => {
    expect(notice(NOTICE_SAMPLE.replace('supplier.cancel', 'moon.rise'))).toMatchObject({ notice: { claims: null } });
  });

  test.each([
    '',
    '{}',
    '[]',
    'null',
    '{"event_id":"e1"}',
    '{"event_id":"","event_type":"x"}',
    '{"event_id":"a b","event_type":"x"}',
    '\u0000',
    'x'.repeat(70_000),
  ])('%.20j is malformed', (body) => expect(notice(body)).toMatchObject({ verdict: 'MALFORMED' }));

  test('must bring the secret, where the setting says', () => {
    for (const wrong of [
      'key=x',
      '',
      undefined,
      `other=${CREDENTIALS.NOTIFICATION_SECRET}`,
      `key=${CREDENTIALS.NOTIFICATION_SECRET}x`,
    ]) {
      const { verdict } = readNotice(connection, {
        headers: {},
        body: Buffer.from(NOTICE_SAMPLE),
        ...(wrong !== undefined && { query: wrong }),
      });
      expect(verdict).toBe('BAD_SIGNATURE');
    }
    const byHeader = { ...connection, settings: { NOTIFICATION_SECRET_IN: 'header:X-Notice-Key' } };
    const body = Buffer.from(NOTICE_SAMPLE);
    expect(readNotice(byHeader, { headers: { 'x-notice-key': CREDENTIALS.NOTIFICATION_SECRET }, body })).toMatchObject({
      verdict: 'OK',
    });
    expect(readNotice(byHeader, { headers: {}, body, query })).toMatchObject({ verdict: 'BAD_SIGNATURE' });
  });

  test('is refused where no secret is configured, one too short, or in no place', () => {
    const without = { ...connection, credentials: { ...CREDENTIALS, NOTIFICATION_SECRET: '' } };
    const short = { ...connection, credentials: { ...CREDENTIALS, NOTIFICATION_SECRET: 'short' } };
    const nowhere = { ...connection, settings: { NOTIFICATION_SECRET_IN: 'body:key' } };
    for (const one of [without, short, nowhere]) {
      const incoming = { headers: {}, body: Buffer.from(NOTICE_SAMPLE), query: 'key=short' };
      expect(readNotice(one, incoming)).toMatchObject({ verdict: 'BAD_SIGNATURE' });
    }
  });

  test('read again was judged when it came', () => {
    expect(readNotice(connection, { headers: {}, body: Buffer.from(NOTICE_SAMPLE), replay: true })).toMatchObject({
      verdict: 'OK',
    });
  });

  test('never throws, and never says a secret', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.string(), (body, text) => {
        const reading = readNotice(connection, { headers: { authorization: text }, body, query: text });
        expect(JSON.stringify(reading)).not.toContain(CREDENTIALS.NOTIFICATION_SECRET);
      }),
    );
  });
});
