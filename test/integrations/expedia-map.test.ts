import { describe, expect, test } from 'vitest';
import fc from '../helpers/property.ts';
import { formatAmount } from '../../src/domain/money.ts';
import { ranked, refundOf, stateOf, toCheckedOffer, toStays } from '../../src/integrations/expedia/map.ts';
import { amountOf, feesOf, priceOf, type Price, type TermPenalty } from '../../src/integrations/expedia/money.ts';
import { readToken, type Token } from '../../src/integrations/expedia/token.ts';
import { BookAnswer, ErrorAnswer, Itinerary, PriceCheck, Properties } from '../../src/integrations/expedia/wire.ts';
import { readAnswer } from '../../src/integrations/json.ts';
import {
  BOOK_SAMPLE,
  ERROR_SAMPLE,
  ITINERARY_SAMPLE,
  PRICE_CHECK_SAMPLE,
  SHOP_SAMPLE,
  UNAUTHENTICATED_SAMPLE,
} from '../helpers/expedia-samples.ts';

const read = <T>(shape: Parameters<typeof readAnswer<T>>[0], text: string): T => {
  const value = readAnswer(shape, text, 'written');
  if (value === null) throw new Error('unreadable');
  return value;
};

const [sample] = read(Properties, SHOP_SAMPLE);
const rooms = ['2-9,4'];
const [stay] = toStays(sample!, rooms).stays;
const token = readToken(stay!.stay.token)!;

describe('the sample of a search', () => {
  test('is one offer, at the price with the fee at the property', () => {
    expect(toStays(sample!, rooms).stays).toEqual([
      {
        score: 10_052,
        stay: {
          propertyId: '19248',
          roomName: 'Superior Queen Room',
          totalMinor: 29_904n,
          payAtPropertyMinor: 3_000n,
          currencyCode: 'USD',
          refundable: true,
          expiresAt: null,
          token: {
            v: 1,
            check: '/v3/properties/19248/rooms/201318/rates/206295235?token=Cd2',
            rooms,
            total: '29904',
            inclusive: '26904',
            currency: 'USD',
            refundable: true,
            penalties: [
              { start: '2026-09-07T18:00:00.000-07:00', currency: 'USD', amount: null, nights: '1', percent: null },
            ],
          },
        },
      },
    ]);
  });

  test('for another occupancy than was asked for has no price, and no offer', () => {
    expect(toStays(sample!, ['2-4,9'])).toEqual({ stays: [], unread: 1 });
    expect(toStays(sample!, ['2-9,4', '2'])).toEqual({ stays: [], unread: 1 });
  });

  test.each([
    ['numbers for ids and money', (text: string) => text.replaceAll(/"(19248|201318|206295235|299\.04)"/g, '$1')],
    ['fields nobody knows', (text: string) => text.replaceAll('{', '{"later":{"x":[1]},')],
    ['a status that came later', (text: string) => text.replaceAll('"status":"available"', '"status":"nearly"')],
  ])('reads the same with %s', (_name, change) => {
    const [property] = read(Properties, change(SHOP_SAMPLE));
    expect(toStays(property!, rooms).stays[0]?.stay.totalMinor).toBe(29_904n);
  });

  test.each([
    [
      'sold out',
      0,
      (text: string) => text.replace('"id":"206295235","status":"available"', '"id":"206295235","status":"sold_out"'),
    ],
    [
      'charged by the property',
      0,
      (text: string) => text.replace('"merchant_of_record":"expedia"', '"merchant_of_record":"property"'),
    ],
    [
      'charged by somebody new',
      1,
      (text: string) => text.replace('"merchant_of_record":"expedia"', '"merchant_of_record":"x"'),
    ],
    ['without beds', 1, (text: string) => text.replace('"bed_groups"', '"bed_group"')],
    [
      'with a link that would change something',
      1,
      (text: string) => text.replace('{"price_check":{"method":"GET"', '{"price_check":{"method":"POST"'),
    ],
    [
      'partially unavailable',
      0,
      (text: string) =>
        text.replace(
          '[{"property_id":"19248","status":"available"',
          '[{"property_id":"19248","status":"partially_unavailable"',
        ),
    ],
    ['without a price', 1, (text: string) => text.replace('"occupancy_pricing"', '"pricing"')],
    [
      'at a price with a fee of another shape',
      1,
      (text: string) =>
        text.replace('"property_inclusive"', '"x"').replace(/"resort_fee":\{.*?\}\}/, '"resort_fee":"free"'),
    ],
    [
      'at a price with a fee nobody can read',
      1,
      (text: string) => text.replace('"property_inclusive"', '"x"').replaceAll('"30.00"', '"thirty"'),
    ],
  ] as const)('is no offer where it is %s; missing are %d', (_name, unread, change) => {
    expect(change(SHOP_SAMPLE)).not.toBe(SHOP_SAMPLE);
    expect(read(Properties, change(SHOP_SAMPLE)).map((one) => toStays(one, rooms))).toEqual([{ stays: [], unread }]);
  });

  test('reads amounts that are numbers exactly, whoever parses them', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 13n }), fc.constantFrom('written', 'parsed'), (minor, numbers) => {
        const text = SHOP_SAMPLE.replaceAll('"299.04"', formatAmount(minor, 'USD'));
        const [property] = readAnswer(Properties, text, numbers) ?? [];
        expect(toStays(property!, rooms).stays[0]?.stay.totalMinor).toBe(minor);
      }),
    );
  });

  test('one broken property, room or rate spoils no other, and is missed', () => {
    const all = (text: string) => {
      const parts = read(Properties, text).map((property) => toStays(property, rooms));
      return [parts.flatMap((one) => one.stays).length, parts.reduce((sum, one) => sum + one.unread, 0)];
    };
    expect(all(SHOP_SAMPLE)).toEqual([1, 0]);
    expect(all(`[{"property_id":{}},null,7,"x",${SHOP_SAMPLE.slice(1)}`)).toEqual([1, 4]);
    expect(all(SHOP_SAMPLE.replace('"rooms":[', '"rooms":[7,'))).toEqual([1, 1]);
    expect(all(SHOP_SAMPLE.replace('"rates":[', '"rates":[{},null,'))).toEqual([1, 2]);
  });

  test('adds the fees itself where the vendor does not', () => {
    const [property] = read(Properties, SHOP_SAMPLE.replace('"property_inclusive"', '"another"'));
    expect(toStays(property!, rooms).stays[0]?.stay.totalMinor).toBe(29_904n);
  });

  test("in the currency of the bill where the question's is not given in full", () => {
    const text = SHOP_SAMPLE.replaceAll(/,"request_currency":\{[^}]*\}/g, '').replaceAll(
      '"currency":"USD"',
      '"currency":"EUR"',
    );
    const [property] = read(Properties, text);
    expect(toStays(property!, rooms).stays[0]?.stay).toMatchObject({ totalMinor: 29_904n, currencyCode: 'EUR' });
    // A fee in a currency of its own can't be added to anything.
    const mixed = SHOP_SAMPLE.replace('"property_inclusive"', '"x"')
      .replaceAll(/("fees".*?)USD/g, '$1EUR')
      .replace(/("fees".*?)USD/, '$1EUR');
    expect(toStays(read(Properties, mixed)[0]!, rooms)).toEqual({ stays: [], unread: 1 });
  });

  test('best score first, then the cheaper one, no more than wanted', () => {
    const of = (score: number, totalMinor: bigint) => ({ score, stay: { ...stay!.stay, totalMinor } });
    const order = ranked([of(1, 5n), of(2, 9n), of(2, 7n), of(0, 1n)], 3).map(({ totalMinor }) => totalMinor);
    expect(order).toEqual([7n, 9n, 5n]);
    expect(ranked([of(1, 1n)], -1)).toEqual([]);
  });
});

describe('the sample of a price check', () => {
  const two: Token = { ...token, rooms: ['2'], total: '13452', penalties: [] };

  test('tells the new price, the fees of the offer, and the link that books until when', () => {
    expect(toCheckedOffer(read(PriceCheck, PRICE_CHECK_SAMPLE), two)).toEqual({
      state: 'PRICE_CHANGED',
      totalMinor: 14_136n,
      payAtPropertyMinor: 0n,
      currencyCode: 'USD',
      refundable: true,
      cancellationFees: [],
      expiresAt: new Date('2026-08-01T10:25:00.000Z'),
      token: {
        ...two,
        total: '14136',
        inclusive: '14136',
        book: { href: '/v3/itineraries?token=Gh4', expires: '2026-08-01T10:25:00.000Z' },
      },
    });
  });

  test('is available only where vendor and price say so', () => {
    const stateOfCheck = (status: string, total: string, inclusive = total) =>
      toCheckedOffer(read(PriceCheck, PRICE_CHECK_SAMPLE.replace('price_changed', status)), {
        ...two,
        total,
        inclusive,
      })?.state;
    expect(stateOfCheck('available', '14136')).toBe('AVAILABLE');
    expect(stateOfCheck('available', '14135')).toBe('PRICE_CHANGED');
    // The same sum, but more of it is paid here.
    expect(stateOfCheck('available', '14136', '14000')).toBe('PRICE_CHANGED');
    expect(stateOfCheck('price_changed', '14136')).toBe('PRICE_CHANGED');
    expect(stateOfCheck('sold_out', '14136')).toBe('SOLD_OUT');
    expect(stateOfCheck('nearly', '14136')).toBeUndefined();
  });

  test('says nothing without a price, without a link, or with one that does not book', () => {
    for (const [from, to] of [
      ['"occupancy_pricing"', '"x"'],
      ['"book"', '"x"'],
      ['"POST"', '"GET"'],
      ['"141.36"', '"141.365"'],
    ] as const) {
      expect(toCheckedOffer(read(PriceCheck, PRICE_CHECK_SAMPLE.replaceAll(from, to)), two)).toBeNull();
    }
  });

  test('of a link without an end has none', () => {
    const text = PRICE_CHECK_SAMPLE.replace('2026-08-01T10:25:00.000Z', 'soon');
    expect(toCheckedOffer(read(PriceCheck, text), two)).toMatchObject({ expiresAt: null });
  });
});

describe('money', () => {
  test.each([
    ['118.00', 'USD', 11_800n],
    ['118', 'USD', 11_800n],
    ['118.5', 'USD', 11_850n],
    ['12400', 'JPY', 12_400n],
    ['12400.00', 'JPY', 12_400n],
    ['41.250', 'KWD', 41_250n],
    ['41.25', 'KWD', 41_250n],
    ['0.0000', 'USD', 0n],
    ['1000.00', 'JPY', 1_000n],
  ])('%s %s', (text, currency, minor) => expect(amountOf(text, currency)).toBe(minor));

  test.each([
    ['118.005', 'USD'],
    ['12400.5', 'JPY'],
    ['41.2505', 'KWD'],
    ['-1.00', 'USD'],
    ['1e3', 'USD'],
    ['', 'USD'],
    [' 1', 'USD'],
    ['1,000.00', 'USD'],
    ['1.00', 'XXX'],
    ['1.00', ''],
    ['9'.repeat(30), 'USD'],
    ['NaN', 'USD'],
  ])('%j %s is no amount, and is not rounded to one', (text, currency) => expect(amountOf(text, currency)).toBeNull());

  test('goes out and comes back exactly, in every currency, with any number of zeros behind', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 10n ** 15n }),
        fc.constantFrom('JPY', 'USD', 'KWD', 'EGP', 'TND', 'KRW'),
        fc.integer({ min: 0, max: 4 }),
        (minor, currency, zeros) => {
          const text = formatAmount(minor, currency);
          const longer = zeros === 0 ? text : `${text.includes('.') ? text : `${text}.`}${'0'.repeat(zeros)}`;
          expect(amountOf(longer, currency)).toBe(minor);
        },
      ),
    );
  });

  test('of several rooms is the sum of each as often as it was asked for, whatever they are', () => {
    const amount = fc.integer({ min: 0, max: 10_000_000 });
    const room = fc.record({ inclusive: amount, fee: amount, said: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(room, { minLength: 1, maxLength: 4 }),
        fc.array(fc.nat(3), { minLength: 1, maxLength: 8 }),
        (kinds, picks) => {
          const both = (minor: number) => {
            const one = { value: formatAmount(BigInt(minor), 'USD'), currency: 'USD' };
            return { billable_currency: one, request_currency: one };
          };
          const pricing = new Map(
            kinds.map(({ inclusive, fee, said }, index) => [
              String(index + 1),
              {
                nightly: null,
                totals: { inclusive: both(inclusive), property_inclusive: said ? both(inclusive + fee) : null },
                fees: { resort_fee: both(fee) },
              },
            ]),
          );
          const asked = picks.map((pick) => String((pick % kinds.length) + 1));
          const wanted = picks.reduce((sum, pick) => {
            const kind = kinds[pick % kinds.length]!;
            return sum + kind.inclusive + kind.fee;
          }, 0);
          expect(priceOf(asked, pricing)?.totalMinor).toBe(BigInt(wanted));
        },
      ),
    );
  });
});

describe('cancellation fees', () => {
  const price: Price = {
    currencyCode: 'USD',
    totalMinor: 30_000n,
    inclusiveMinor: 27_001n,
    nightsMinor: [13_400n, 13_601n],
  };
  const NONE = { start: '2026-09-07T18:00:00.000-07:00', currency: 'USD', amount: null, nights: null, percent: null };
  const fee = (penalty: Partial<TermPenalty>) =>
    feesOf({ refundable: true, penalties: [{ ...NONE, ...penalty }] }, price);
  const from = new Date('2026-09-08T01:00:00Z');

  test.each([
    ['an amount', { amount: '10.50' }, 1_050n],
    ['nights', { nights: '1' }, 13_400n],
    ['more nights than there are', { nights: '9' }, 27_001n],
    ['a percentage', { percent: '30%' }, 8_100n],
    ['a half, rounded up', { percent: '50' }, 13_501n],
    ['everything', { percent: '100%' }, 27_001n],
    ['an amount above everything', { amount: '999.00' }, 27_001n],
  ])('of %s', (_name, penalty, amountMinor) => {
    expect(fee(penalty)).toEqual([{ from, amountMinor, currencyCode: 'USD' }]);
  });

  test.each([
    ['another currency', { amount: '10.50', currency: 'EUR' }],
    ['a share above all', { percent: '101%' }],
    ['nothing', {}],
    ['no time', { start: 'soon', amount: '1.00' }],
    ['a number that is none', { nights: 'one' }],
  ])('are not told where the vendor says %s', (_name, penalty) => expect(fee(penalty)).toBeNull());

  test('of what gives nothing back is everything, from now on', () => {
    expect(feesOf({ refundable: false, penalties: null }, price)).toEqual([
      { from: null, amountMinor: 27_001n, currencyCode: 'USD' },
    ]);
  });

  test('are not told where there are none to read, and are none where the list is empty', () => {
    expect(feesOf({ refundable: true, penalties: null }, price)).toBeNull();
    expect(feesOf({ refundable: true, penalties: [] }, price)).toEqual([]);
  });

  test('come earliest first', () => {
    const starts = ['2026-09-09T00:00:00Z', '2026-09-01T00:00:00Z'].map((start) => ({ ...NONE, start, nights: '1' }));
    const fees = feesOf({ refundable: true, penalties: starts }, price)!;
    expect(fees.map((one) => one.from?.toISOString())).toEqual([
      '2026-09-01T00:00:00.000Z',
      '2026-09-09T00:00:00.000Z',
    ]);
  });

  test('a range that gives nothing back is a fee of everything', () => {
    const text = SHOP_SAMPLE.replace(
      '"cancel_penalties"',
      '"nonrefundable_date_ranges":[{"start":"2026-09-01","end":"2026-09-02"}],"cancel_penalties"',
    );
    const [property] = read(Properties, text);
    const kept = readToken(toStays(property!, rooms).stays[0]!.stay.token)!;
    expect(kept.penalties?.[1]).toMatchObject({ start: '2026-09-01T00:00:00Z', percent: '100' });
  });
});

describe('the sample of an itinerary', () => {
  const shown = (change: (text: string) => string = (text) => text) => read(Itinerary, change(ITINERARY_SAMPLE));

  test('is a booking that stands, and gives back what it says', () => {
    expect(stateOf(shown())).toBe('CONFIRMED');
    expect(refundOf(shown().rooms!)).toEqual({ minor: 26_904n, currencyCode: 'USD' });
    expect(shown()).toMatchObject({ itinerary_id: '8999989898988', affiliate_reference_id: 'GW-01J4ZK8Q0T' });
  });

  test.each([
    ['"canceled"', 'CANCELLED'],
    ['"cancelled"', 'CANCELLED'],
    ['"pending"', 'PENDING'],
    ['"paused"', 'PENDING'],
    ['7', 'PENDING'],
  ])('with a room that is %s is %s', (status, state) => {
    expect(stateOf(shown((text) => text.replace('"status":"booked"', `"status":${status}`)))).toBe(state);
  });

  test('with the link that confirms is held; a cancelled hold is cancelled all the same', () => {
    const held = (text: string) =>
      text.replace('"email"', '"links":{"resume":{"method":"PUT","href":"/v3/x"}},"email"');
    expect(stateOf(shown(held))).toBe('HELD');
    expect(stateOf(shown((text) => held(text).replace('"booked"', '"canceled"')))).toBe('CANCELLED');
  });

  test('of two rooms stands while one does', () => {
    const [room] = shown().rooms!;
    const pair = (one: 'booked' | 'canceled' | 'pending') => ({
      ...shown(),
      rooms: [room!, { ...room!, status: one }],
    });
    expect(stateOf(pair('canceled'))).toBe('CONFIRMED');
    expect(stateOf(pair('pending'))).toBe('PENDING');
    expect(refundOf([room!, { ...room!, rate: null }])).toBeNull();
    expect(refundOf([])).toBeNull();
  });

  test.each([
    '{"itinerary_id":"8999989898988","creation_date_time":"2026-08-01T10:12:03.112Z"}',
    '{"itinerary_id":8999989898988,"rooms":[]}',
    '{"itinerary_id":"8999989898988","rooms":[null]}',
  ])('%s is there, and no more is known', (text) => expect(stateOf(read(Itinerary, text))).toBe('PENDING'));

  test('the answer to a booking names it', () => {
    expect(read(BookAnswer, BOOK_SAMPLE).itinerary_id).toBe('8999989898988');
    expect(readAnswer(BookAnswer, '{"links":{}}', 'written')).toBeNull();
  });
});

describe('the samples of refusals', () => {
  test('name their types, nested ones too', () => {
    const { type, errors } = read(ErrorAnswer, ERROR_SAMPLE);
    expect([type, ...errors.map((one) => one.type)]).toEqual(['invalid_input', 'checkin.invalid_date_format']);
  });

  test("tell the vendor's time", () => {
    const { fields } = read(ErrorAnswer, UNAUTHENTICATED_SAMPLE);
    expect(fields).toContainEqual({ name: 'servertimestamp', value: '1767229200' });
  });
});
