import { describe, expect, test } from 'vitest';
import { ageOn, categoryOf, toParty } from '../../src/integrations/kiwi/passengers.ts';
import type { CheckedToken } from '../../src/integrations/kiwi/token.ts';
import type { BookInput, Passenger } from '../../src/integrations/travel.ts';
import { CHILD, TEST_TEST, bookInput, connectionTo, kiwiClient } from '../helpers/kiwi.ts';
import { CHECK_SAMPLE, OFFER_TOKEN, checkedSample } from './kiwi-samples.ts';

const connection = connectionTo('https://api.tequila.kiwi.com');

describe('passengers', () => {
  const token = async (changes: object = {}): Promise<CheckedToken> =>
    (await checkedSample(changes)).token as unknown as CheckedToken;
  const family = { ...OFFER_TOKEN, children: 1 };
  const baggage = {
    combinations: Object.fromEntries(
      Object.entries(CHECK_SAMPLE.baggage.combinations).map(([kind, [one]]) => [
        kind,
        [one, { ...one, conditions: { passenger_groups: ['child'] }, forChildren: true }],
      ]),
    ),
  };
  const partyOf = (offer: CheckedToken, changes: Partial<BookInput> = {}, settings: Record<string, string> = {}) =>
    toParty(
      { ...connection, settings },
      bookInput({ token: null, totalMinor: 1n, currencyCode: 'USD' }, changes),
      offer,
    );
  const withPassenger = (changes: Partial<Passenger>) => ({
    travellers: { passengers: [{ ...TEST_TEST, ...changes }] },
  });

  test('are saved as the specification has them, with one hold and one hand for each', async () => {
    const offer = (await checkedSample({ baggage }, family)).token as unknown as CheckedToken;
    const party = partyOf(offer, { travellers: { passengers: [CHILD, TEST_TEST] } });
    if (typeof party === 'string') throw new Error(party);
    expect(party.passengers).toEqual([
      { name: 'Zoë', surname: 'Nováková', title: 'Ms', category: 'child', birthday: '2021-03-15' },
      {
        name: 'Test',
        surname: 'Test',
        title: 'Mr',
        category: 'adult',
        birthday: '1990-01-01',
        nationality: 'CZ',
        cardno: '12345',
        expiration: '2034-05-06',
        email: 'asha@example.com',
        phone: '+420123456789',
      },
    ]);
    const { hold_bag, hand_bag } = CHECK_SAMPLE.baggage.combinations;
    const forChild = (one: unknown) => ({
      ...(one as object),
      conditions: { passenger_groups: ['child'] },
      forChildren: true,
    });
    expect(party.baggage).toEqual([
      { combination: hold_bag[0], passengers: [1] },
      { combination: hand_bag[0], passengers: [1] },
      { combination: forChild(hold_bag[0]), passengers: [0] },
      { combination: forChild(hand_bag[0]), passengers: [0] },
    ]);
  });

  test("the contact is the partner's own address where that is set", async () => {
    const party = partyOf(await token(), {}, { PARTNER_EMAIL: 'desk@agency.example' });
    expect(party).toMatchObject({ passengers: [{ email: 'desk@agency.example' }] });
  });

  test.each([
    ['no phone', { contactPhone: null }, 'phone'],
    ['a phone without a plus', { contactPhone: '420123456789' }, 'phone'],
    ['a phone of seven digits', { contactPhone: '+4201234' }, 'phone'],
    ['a phone of sixteen digits', { contactPhone: '+1234567890123456' }, 'phone'],
    ['a phone that starts with nothing', { contactPhone: '+0201234567' }, 'phone'],
    ['no address', { contactEmail: '' }, 'e-mail'],
    ['guests', { travellers: { guests: [] } }, 'passengers'],
    ['nobody', { travellers: { passengers: [] } }, '0 adults'],
    ['two', { travellers: { passengers: [TEST_TEST, TEST_TEST] } }, '2 adults'],
    ['a child instead', { travellers: { passengers: [CHILD] } }, '1 children'],
    [
      'an infant besides',
      { travellers: { passengers: [TEST_TEST, { ...CHILD, birthDate: '2026-01-01' }] } },
      'nobody under the age',
    ],
    ['no name', withPassenger({ givenName: ' ' }), 'name'],
    ['a name with a bar', withPassenger({ familyName: 'a|b' }), 'name'],
    ['a name with a line end', withPassenger({ givenName: 'a\nb' }), 'name'],
    ['a birth date that is none', withPassenger({ birthDate: '1990-02-30' }), 'birth date'],
    ['nobody born yet', withPassenger({ birthDate: '2026-10-15' }), 'birth date'],
    ['a nationality in words', withPassenger({ nationality: 'Czech' }), 'nationality'],
    ['a document of 21 signs', withPassenger({ document: { number: 'x'.repeat(21), expiresOn: null } }), 'document'],
    ['a document without a number', withPassenger({ document: { number: ' ', expiresOn: null } }), 'document'],
    ['a document that ends on no day', withPassenger({ document: { number: '1', expiresOn: 'never' } }), 'document'],
  ] as const)('%s is refused before anything is sent, and names nobody', async (_name, changes, said) => {
    const refused = partyOf(await token(), changes as Partial<BookInput>);
    expect(refused).toEqual(expect.stringContaining(said));
    expect(refused).not.toMatch(/Test|Zoë|asha|\+420/);
  });

  test('documents are demanded where the flight needs them at booking, or from where the setting says', async () => {
    const without = withPassenger({ document: null });
    for (const [need, settings, isRefused] of [
      [2, {}, true],
      [1, {}, false],
      [1, { DOCUMENTS_FROM: '1' }, true],
      [0, { DOCUMENTS_FROM: '1' }, false],
    ] as const) {
      const offer = await token({ document_options: { document_need: need } });
      expect(typeof partyOf(offer, without, settings) === 'string').toBe(isRefused);
      expect(typeof partyOf(offer, {}, settings)).toBe('object');
    }
  });

  test('an age is counted in whole years on the day of departure', () => {
    expect([ageOn('2026-10-14', '2014-10-14'), ageOn('2026-10-14', '2014-10-15')]).toEqual([12, 11]);
    expect([ageOn('2026-03-01', '2024-02-29'), ageOn('2026-02-28', '2024-02-29')]).toEqual([2, 1]);
    expect([ageOn('2026-10-14', '2026-10-14'), ageOn('2026-10-14', '2026-10-15')]).toEqual([0, null]);
    const ages = { adult: 12, child: 2 };
    expect([12, 11, 2, 1].map((age) => categoryOf(age, ages))).toEqual(['adult', 'child', 'child', 'infant']);
  });
});

describe('what is sent', () => {
  const sent = async (mode: 'SANDBOX' | 'PRODUCTION', first: Partial<Passenger>) => {
    const bodies: Record<string, unknown>[] = [];
    const client = kiwiClient(async (request) => {
      expect(request).toMatchObject({ method: 'POST', url: 'https://api.tequila.kiwi.com/v2/booking/save_booking' });
      expect(request.headers).toMatchObject({ 'content-type': 'application/json' });
      bodies.push(JSON.parse(request.body ?? ''));
      return { status: 500, headers: {}, body: '' };
    });
    const input = bookInput(await checkedSample(), { travellers: { passengers: [{ ...TEST_TEST, ...first }] } });
    await client.book({ ...connection, mode }, input, { timeoutMs: 1_000 });
    return bodies;
  };

  test('is the body of the specification, token and session as they were checked', async () => {
    const [{ bags }] = [(await checkedSample()).token as unknown as CheckedToken];
    const [body, ...more] = await sent('PRODUCTION', { givenName: ' Eva ', familyName: 'Nováková' });
    expect(more).toEqual([]);
    expect(body).toEqual({
      booking_token: CHECK_SAMPLE.booking_token,
      session_id: CHECK_SAMPLE.session_id,
      lang: 'en',
      locale: 'en-US',
      passengers: [
        {
          name: 'Eva',
          surname: 'Nováková',
          title: 'Mr',
          category: 'adult',
          birthday: '1990-01-01',
          nationality: 'CZ',
          cardno: '12345',
          expiration: '2034-05-06',
          email: 'asha@example.com',
          phone: '+420123456789',
        },
      ],
      baggage: [
        { combination: bags.adult?.hold, passengers: [0] },
        { combination: bags.adult?.hand, passengers: [0] },
      ],
    });
  });

  test('has the first passenger of the sandbox in small letters, as the rule is written', async () => {
    const [body] = await sent('SANDBOX', { givenName: 'TEST', familyName: 'Test ' });
    expect(body).toMatchObject({ passengers: [{ name: 'test', surname: 'test' }] });
  });
});
