import { describe, expect, test } from 'vitest';
import fc from '../helpers/property.ts';
import { feesOf, instantOf } from '../../src/integrations/booking/fees.ts';
import { fromAvailability, fromSearch, stateOf, toFoundStay, type Wanted } from '../../src/integrations/booking/map.ts';
import { amountIn, decimalText, priceIn, toMinor } from '../../src/integrations/booking/money.ts';
import { toNames } from '../../src/integrations/booking/names.ts';
import { readToken } from '../../src/integrations/booking/offer.ts';
import {
  AvailabilityAnswer,
  CreatedAnswer,
  DetailsAnswer,
  ErrorAnswer,
  OrdersAnswer,
  PreviewAnswer,
  SearchAnswer,
} from '../../src/integrations/booking/wire.ts';
import { readAnswer } from '../../src/integrations/json.ts';
import { CURRENCY_CODES, exponentOf, formatAmount } from '../../src/domain/money.ts';
import { query } from '../helpers/booking.ts';
import { AVAILABILITY_SAMPLE, CREATE_SAMPLE, ERROR_SAMPLE, PREVIEW_SAMPLE } from '../helpers/booking-samples.ts';

const NOW = new Date('2026-08-01T10:00:00Z');
const EUR = { accommodation: 'EUR', booker: 'EUR' };
const WANTED: Wanted = {
  occupancies: [{ adults: 2, childAges: [] }],
  currencyCode: 'EUR',
  timing: 'pay_at_the_property',
  excess: 'refuse',
  now: NOW,
};

describe('amounts', () => {
  test.each([
    ['278.4', '278.4'],
    ['278.40', '278.4'],
    ['2.784E2', '278.4'],
    ['2784e-1', '278.4'],
    ['1.25E7', '12500000'],
    ['240', '240'],
    ['0', '0'],
    ['-0.00', '0'],
    ['0.005', '0.005'],
    ['5e-3', '0.005'],
    ['-1.50', '-1.5'],
    ['9007199254740993.01', '9007199254740993.01'],
  ])('%s is %s, without becoming a float', (written, text) => expect(decimalText(written)).toBe(text));

  test.each(['', 'abc', '1e999', '0x10', '1,5', ' 1', '١٢', '1.', '.5', 'Infinity'])('%j is no number', (written) =>
    expect(decimalText(written)).toBeNull(),
  );

  test.each([
    ['278.4', 'EUR', 27_840n],
    ['16500', 'JPY', 16_500n],
    ['16500.00', 'JPY', 16_500n],
    ['1.25E7', 'KRW', 12_500_000n],
    ['33.05', 'KWD', 33_050n],
    ['33.055', 'KWD', 33_055n],
    ['0.1', 'EUR', 10n],
    ['278.405', 'EUR', null],
    ['165.5', 'JPY', null],
    ['-1', 'EUR', null],
    ['1e16', 'EUR', null],
    ['278.4', 'XXX', null],
    ['278.4', 'eur', null],
  ])('%s %s is %s minor units', (written, currency, minor) => expect(toMinor(written, currency, 'refuse')).toBe(minor));

  test.each([
    ['165.01', 'JPY', 166n],
    ['165.00', 'JPY', 165n],
    ['278.401', 'EUR', 27_841n],
  ])('%s %s is rounded up to %s where an operator says so, never below what is charged', (written, currency, minor) =>
    expect(toMinor(written, currency, 'up')).toBe(minor),
  );

  const currency = fc.constantFrom(...CURRENCY_CODES);
  const minor = fc.bigInt(0n, 10n ** 15n);

  test('property: every amount of every currency comes back exactly, however it is written', () => {
    fc.assert(
      fc.property(
        minor,
        currency,
        fc.integer({ min: 0, max: 4 }),
        fc.integer({ min: 0, max: 6 }),
        (amount, code, zeros, more) => {
          const text = formatAmount(amount, code);
          const padded = text.includes('.') ? `${text}${'0'.repeat(zeros)}` : text;
          expect(toMinor(padded, code, 'refuse')).toBe(amount);
          expect(toMinor(scientific(amount, exponentOf(code), more), code, 'refuse')).toBe(amount);
        },
      ),
    );
  });

  test('property: an amount with more decimals than its currency has is never taken for another one', () => {
    fc.assert(
      fc.property(minor, currency, fc.integer({ min: 1, max: 9 }), (amount, code, digit) => {
        const text = formatAmount(amount, code);
        const excess = `${text}${text.includes('.') ? '' : '.'}${digit}`;
        expect(toMinor(excess, code, 'refuse')).toBeNull();
        const up = toMinor(excess, code, 'up');
        expect(up === null ? amount === 10n ** 15n : up === amount + 1n).toBe(true);
      }),
    );
  });

  test('property: what is read from JSON is what stood there, to the last digit', () => {
    fc.assert(
      fc.property(minor, (amount) => {
        const text = formatAmount(amount, 'EUR');
        const body = `{"data":[{"id":1,"currency":{"accommodation":"EUR","booker":"EUR"},"price":{"total":{"accommodation_currency":${text},"booker_currency":${text}}}}],"metadata":{}}`;
        const entry = readAnswer(SearchAnswer, body, 'written')!.data[0]!;
        expect(priceIn(entry.price, entry.currency, 'EUR', 'refuse')).toEqual({ minor: amount, currencyCode: 'EUR' });
      }),
    );
  });

  test('the booker’s currency counts, the property’s where it is the same, and nothing else', () => {
    const pair = { accommodation_currency: '100', booker_currency: '108' };
    const both = { accommodation: 'EUR', booker: 'USD' };
    expect(amountIn(pair, both, 'USD', 'refuse')).toEqual({ minor: 10_800n, currencyCode: 'USD' });
    expect(amountIn(pair, both, 'EUR', 'refuse')).toEqual({ minor: 10_000n, currencyCode: 'EUR' });
    expect(amountIn(pair, both, 'GBP', 'refuse')).toBeNull();
    expect(amountIn({ ...pair, booker_currency: null }, both, 'USD', 'refuse')).toBeNull();
    expect(amountIn({ ...pair, booker_currency: null }, EUR, 'EUR', 'refuse')).toEqual({
      minor: 10_000n,
      currencyCode: 'EUR',
    });
  });

  test('the price is the total; never less than what must be shown', () => {
    const pair = (amount: string) => ({ accommodation_currency: amount, booker_currency: amount });
    const read = (display: string | null, total: string | null) =>
      priceIn(
        { display: display === null ? null : pair(display), total: total === null ? null : pair(total) },
        EUR,
        'EUR',
        'refuse',
      );
    expect(read('278.4', '278.4')?.minor).toBe(27_840n);
    expect(read('228.4', '278.4')?.minor).toBe(27_840n);
    expect(read('288.4', '278.4')?.minor).toBe(28_840n);
    expect(read(null, '278.4')?.minor).toBe(27_840n);
    expect(read('278.4', null)).toBeNull();
    expect(priceIn(null, EUR, 'EUR', 'refuse')).toBeNull();
  });
});

/** All digits and zeros more, with the exponent that puts the point where it belongs. */
function scientific(amount: bigint, exponent: number, zeros: number): string {
  return `${amount}${'0'.repeat(zeros)}e-${exponent + zeros}`;
}

describe('the samples of the specification', () => {
  test('availability', () => {
    const [entry] = readAnswer(AvailabilityAnswer, AVAILABILITY_SAMPLE, 'written')!.data;
    const [candidate, ...more] = fromAvailability(entry!, WANTED);
    expect(more).toEqual([]);
    expect(candidate).toEqual({
      property: '10507360',
      rooms: [
        {
          product: { id: '1050736001_358188572_2_0_0', adults: 2, childAges: [] },
          roomId: '1050736001',
          plan: 'breakfast_included',
        },
      ],
      price: { minor: 27_840n, currencyCode: 'EUR' },
      refundable: true,
    });
    const schedule = entry!.products[0]!.policies!.cancellation!.schedule;
    expect(feesOf([schedule], entry!.currency, 'EUR', 'refuse')).toEqual([
      { from: null, amountMinor: 0n, currencyCode: 'EUR' },
      { from: new Date('2026-09-07T22:00:00Z'), amountMinor: 27_840n, currencyCode: 'EUR' },
    ]);
    // The free time is over; three people do not fit.
    expect(fromAvailability(entry!, { ...WANTED, now: new Date('2026-09-08T00:00:00Z') })[0]!.refundable).toBe(false);
    expect(fromAvailability(entry!, { ...WANTED, occupancies: [{ adults: 3, childAges: [] }] })).toEqual([]);
  });

  test('availability, paid in a way that a product does not take', () => {
    const [entry] = readAnswer(AvailabilityAnswer, AVAILABILITY_SAMPLE, 'written')!.data;
    expect(fromAvailability(entry!, { ...WANTED, timing: 'pay_online_now' })).toHaveLength(1);
    expect(fromAvailability(entry!, { ...WANTED, timing: 'pay_online_later' })).toEqual([]);
    const two = [...WANTED.occupancies, ...WANTED.occupancies];
    const both = { ...entry!.recommendation!, products: two.map(() => entry!.recommendation!.products[0]!) };
    const roomy = { ...entry!, recommendation: both };
    expect(fromAvailability(roomy, { ...WANTED, occupancies: two })).toHaveLength(1);
    expect(fromAvailability(roomy, { ...WANTED, occupancies: two, timing: 'pay_online_later' })).toEqual([]);
  });

  test('preview', () => {
    const { data } = readAnswer(PreviewAnswer, PREVIEW_SAMPLE, 'written')!;
    expect(data.order_token).toBe('eyJvIjoiMTA1MDczNjAifQ.sim');
    const { accommodation } = data;
    expect(priceIn(accommodation.price, accommodation.currency, 'EUR', 'refuse')?.minor).toBe(27_840n);
    expect(accommodation.general_policies?.payment).toEqual({
      pay_online_now: { method_required: true, methods: { airplus: false, wallet: false } },
      pay_online_later: null,
      pay_at_the_property: null,
    });
    expect(accommodation.products).toEqual([
      {
        id: '1050736001_358188572_2_0_0',
        occupancy_mismatch: false,
        policies: { cancellation: [{ from: 'now', price: { accommodation_currency: '0', booker_currency: '0' } }] },
      },
    ]);
  });

  test('create', () => {
    expect(readAnswer(CreatedAnswer, CREATE_SAMPLE, 'written')?.data).toEqual({
      order: '509430129718799',
      accommodation: { reservation: '12345678' },
    });
  });

  test('an error', () => {
    expect(readAnswer(ErrorAnswer, ERROR_SAMPLE, 'written')).toEqual({
      request_id: '01gw5aaj8dkh7fvgwa7phs916x',
      errors: [{ id: 'missing_parameter', message: "Parameter 'checkin' is missing." }],
    });
  });
});

describe('a mismatch of occupancy', () => {
  const previewed = (mismatch: unknown) =>
    readAnswer(
      PreviewAnswer,
      JSON.stringify({
        data: {
          accommodation: {
            id: 1,
            currency: EUR,
            products: [{ id: 'a', ...(mismatch !== undefined && { occupancy_mismatch: mismatch }) }],
          },
          order_token: 't',
        },
      }),
      'written',
    )!.data.accommodation.products[0]!.occupancy_mismatch;

  test.each([[null], [undefined]])('%j is none', (mismatch) => expect(previewed(mismatch)).toBe(false));
  test.each([[{ allocated: {}, unallocated: {} }], [{}], [[]], [false], ['yes'], [0]])(
    '%j is one, whatever it is: only nothing is nothing',
    (mismatch) => expect(previewed(mismatch)).toBe(true),
  );
});

describe('fees of cancelling', () => {
  const entry = (from: string | null, amount: string | null) => ({
    from,
    price: amount === null ? null : { accommodation_currency: amount, booker_currency: amount },
  });
  const fees = (...schedules: Parameters<typeof feesOf>[0]) =>
    feesOf(schedules, EUR, 'EUR', 'refuse')?.map(({ from, amountMinor }) => [from?.toISOString() ?? null, amountMinor]);
  const LATER = '2026-09-07T22:00:00+00:00';
  const SOON = '2026-09-01T00:00:00+02:00';

  test('begin with now and are in order, whatever the order they come in', () => {
    expect(fees([entry(LATER, '278.4'), entry(SOON, '120'), entry('now', '0')])).toEqual([
      [null, 0n],
      ['2026-08-31T22:00:00.000Z', 12_000n],
      ['2026-09-07T22:00:00.000Z', 27_840n],
    ]);
  });

  test('without an entry for now nothing is due until the first one; without a moment it is due now', () => {
    expect(fees([entry(LATER, '100')])).toEqual([
      [null, 0n],
      ['2026-09-07T22:00:00.000Z', 10_000n],
    ]);
    expect(fees([entry(null, '100')])).toEqual([[null, 10_000n]]);
  });

  test('of several rooms are added at each moment', () => {
    expect(fees([entry('now', '0'), entry(LATER, '100')], [entry('now', '50'), entry(SOON, '80')])).toEqual([
      [null, 5_000n],
      ['2026-08-31T22:00:00.000Z', 8_000n],
      ['2026-09-07T22:00:00.000Z', 18_000n],
    ]);
  });

  test('are unknown where a schedule is missing, empty or cannot be read', () => {
    for (const bad of [
      null,
      [],
      [entry('tomorrow', '1')],
      [entry('2026-09-07T22:00:00', '1')],
      [entry('now', null)],
      [entry('now', '1.005')],
    ]) {
      expect(fees([entry('now', '0')], bad)).toBeUndefined();
    }
    expect(fees()).toBeUndefined();
  });

  test('property: at every moment the fee is the sum of what each room costs then', () => {
    const schedule = fc.array(fc.tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 500 })), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(fc.array(schedule, { minLength: 1, maxLength: 4 }), fc.integer({ min: 0, max: 21 }), (rooms, at) => {
        const day = (n: number): string => new Date(Date.UTC(2026, 8, 1 + n)).toISOString();
        const told = feesOf(
          rooms.map((steps) => uniqueDays(steps).map(([n, euros]) => entry(day(n), String(euros)))),
          EUR,
          'EUR',
          'refuse',
        )!;
        const expected = rooms.reduce(
          (sum, steps) => sum + (uniqueDays(steps).findLast(([n]) => n <= at)?.[1] ?? 0),
          0,
        );
        const then = new Date(Date.UTC(2026, 8, 1 + at));
        expect(told.findLast(({ from }) => from === null || from <= then)?.amountMinor).toBe(BigInt(expected * 100));
      }),
    );
  });

  test('an instant has an offset', () => {
    expect(instantOf('2026-09-07T22:00:00+00:00')).toBe(Date.parse('2026-09-07T22:00:00Z'));
    for (const text of ['2026-09-07', '2026-09-07T22:00:00', 'now', '2026-13-07T22:00:00Z', ''])
      expect(instantOf(text)).toBeNull();
  });
});

function uniqueDays(steps: readonly (readonly [number, number])[]): (readonly [number, number])[] {
  return [...new Map(steps.map((step) => [step[0], step] as const)).values()].toSorted(
    (one, other) => one[0] - other[0],
  );
}

describe('the products of a search', () => {
  const product = (id: string, adults: number | null, children: readonly number[] = [], more: object = {}) => ({
    id,
    room: `${id}0`,
    ...(adults !== null && { number_of_adults: adults, children }),
    policies: {
      cancellation: { type: 'free_cancellation', free_cancellation_until: null },
      meal_plan: { plan: 'no_plan' },
    },
    ...more,
  });
  const stay = (products: unknown, more: object = {}) =>
    readAnswer(
      SearchAnswer,
      JSON.stringify({
        data: [
          {
            id: 7,
            currency: EUR,
            price: { total: { accommodation_currency: 100, booker_currency: 100 } },
            products,
            ...more,
          },
        ],
        metadata: { next_page: null },
      }),
      'written',
    )!.data[0];
  const mapped = (products: unknown, occupancies = WANTED.occupancies, more: object = {}) =>
    fromSearch(stay(products, more)!, { ...WANTED, occupancies });
  const [TWO, FAMILY] = [
    { adults: 2, childAges: [] },
    { adults: 1, childAges: [9, 4] },
  ];

  test('come in the order of the rooms asked for', () => {
    const found = mapped([product('b', 1, [4, 9]), product('a', 2)], [TWO, FAMILY]);
    expect(found).toMatchObject({ rooms: [{ product: { id: 'a' } }, { product: { id: 'b', childAges: [4, 9] } }] });
  });

  test('stay as the vendor put them where it split the party otherwise', () => {
    const found = mapped([product('b', 3, [4, 9])], [TWO, FAMILY]);
    expect(found).toMatchObject({ rooms: [{ product: { id: 'b', adults: 3 } }] });
  });

  test.each([
    ['none', undefined],
    ['an empty list', []],
    ['one without its guests', [product('a', null)]],
    ['too few places', [product('a', 1)]],
    ['one that cannot be read', [product('a', 2), { id: null }]],
    ['a crowd', [product('a', 101)]],
  ])('have to be asked for where there is %s', (_what, products) => expect(mapped(products)).toBe('ASK'));

  test.each([
    [['pay_at_the_property', 'pay_online_now'], true],
    [['pay_online_now'], false],
    [['a new word'], false],
    [[], true],
    [undefined, true],
  ])('that are paid by %j are offered to who pays at the property: %s', (timings, offered) => {
    const found = mapped([product('a', 2, [], { policies: { payment: { timings } } })]);
    if (offered) expect(found).toMatchObject({ property: '7' });
    else expect(found).toBe('PAID_OTHERWISE');
  });

  test('without a price are no offer', () => {
    expect(mapped([product('a', 2)], [TWO], { price: null })).toBeNull();
    expect(mapped([product('a', 2)], [TWO], { price: { total: { accommodation_currency: 'a lot' } } })).toBeNull();
    expect(mapped([product('a', 2)], [TWO], { currency: { accommodation: null, booker: 'GBP' } })).toBeNull();
  });

  test.each([
    ['free_cancellation', '2026-08-01T10:00:01Z', true],
    ['free_cancellation', '2026-08-01T10:00:00Z', false],
    ['free_cancellation', null, true],
    ['free_cancellation', 'some day', false],
    ['partially_refundable', null, false],
    ['special_conditions', null, false],
    ['non_refundable', null, false],
    ['a new word', null, false],
  ])('of type %s until %s are refundable: %s', (type, until, refundable) => {
    const cancellation = { type, free_cancellation_until: until };
    const policies = { cancellation };
    expect(mapped([product('a', 2, [], { policies })])).toMatchObject({ refundable });
  });

  test('make a token that a check can read, holding nothing of the traveller', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(fc.integer({ min: 1, max: 9 }), fc.array(fc.integer({ min: 0, max: 17 }), { maxLength: 4 })),
          { minLength: 1, maxLength: 5 },
        ),
        (rooms) => {
          const occupancies = rooms.map(([adults, childAges]) => ({ adults, childAges }));
          const found = mapped(
            rooms.map(([adults, ages], index) => product(`p${index}`, adults, ages)),
            occupancies,
          );
          if (found === null || typeof found === 'string') throw new Error('no candidate');
          const asked = query({ occupancies });
          const { token } = toFoundStay(found, asked, { country: 'nl', platform: 'mobile' }, undefined);
          expect(readToken(JSON.parse(JSON.stringify(token)))).toMatchObject({
            property: '7',
            country: 'nl',
            platform: 'mobile',
            totalMinor: '10000',
            rooms: occupancies,
          });
          expect(JSON.stringify(token)).not.toMatch(/203\.0\.113|session-1|Mozilla/);
        },
      ),
    );
  });

  test.each([null, 1, 'x', [], {}, { v: 2 }, { v: 1, property: '../x' }])('%j is no token of ours', (token) =>
    expect(readToken(token as never)).toBeNull(),
  );
});

describe('names', () => {
  const read = (name: unknown, rooms: unknown = []) =>
    toNames(readAnswer(DetailsAnswer, JSON.stringify({ data: [{ id: 7, name, rooms }] }), 'written')!.data[0]!, 'ar');

  test('are in the language asked for, else in English, else in any', () => {
    expect(read({ ar: 'فندق', 'en-gb': 'Hotel' }).name).toBe('فندق');
    expect(read({ ar: null, 'en-gb': 'Hotel', nl: 'Het hotel' }).name).toBe('Hotel');
    expect(read({ nl: 'Het hotel' }).name).toBe('Het hotel');
    for (const none of [null, {}, { ar: '' }, 'Hotel', { ar: true }]) expect(read(none).name).toBeNull();
  });

  test('are one line of bounded length', () => {
    expect(read({ ar: ' Hotel\n\u0000 <b>Orion</b> ' }).name).toBe('Hotel <b>Orion</b>');
    expect(Array.from(read({ ar: '😀'.repeat(900) }).name!)).toHaveLength(200);
  });

  test('of rooms hide no other for one that cannot be read, and a room called like a property of objects is a room', () => {
    const { rooms } = read({ ar: 'x' }, [
      { id: 1, name: { ar: 'One' } },
      null,
      { id: {} },
      { id: '__proto__', name: { ar: 'Two' } },
    ]);
    expect(rooms['1']).toBe('One');
    expect(Object.keys(rooms)).toContain('1');
  });
});

test.each([
  ['booked', 'CONFIRMED'],
  ['cancelled', 'CANCELLED'],
  ['cancelled_by_guest', 'CANCELLED'],
  ['cancelled_by_accommodation', 'CANCELLED'],
  ['stayed', 'COMPLETED'],
  ['no_show', 'NO_SHOW'],
  ['unknown', 'PENDING'],
  ['a new word', 'PENDING'],
])('an order that is %s is %s', (status, state) => {
  const [order] = readAnswer(OrdersAnswer, JSON.stringify({ data: [{ id: '1', status }] }), 'written')!.data;
  expect(stateOf(order!.status)).toBe(state);
});
