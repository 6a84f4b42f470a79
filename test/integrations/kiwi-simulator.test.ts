import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { API_KEY, startKiwi } from '../helpers/kiwi.ts';
import { startReceiver } from '../helpers/sandbox.ts';

/**
 * The sandbox itself, spoken to by hand: what it checks is the vendor's, so nothing here comes from our client
 * (travel-providers.md section 3, checklist 5.2).
 */
let kiwi: Awaited<ReturnType<typeof startKiwi>>;
let receiver: Awaited<ReturnType<typeof startReceiver>>;

const register = (more: Record<string, unknown> = {}) =>
  kiwi.register({ webhookUrl: `${receiver.url}?secret=hush`, seats: 9, polls: 1, ...more });

beforeAll(async () => {
  kiwi = await startKiwi();
  receiver = await startReceiver();
});
afterAll(async () => {
  await kiwi.stop();
  await receiver.close();
});
beforeEach(async () => {
  await register();
  await kiwi.scenario([], `sandbox ${expect.getState().currentTestName}`);
});

interface Answer {
  readonly status: number;
  readonly text: string;
  /** Any JSON: every test reads what it is about. */
  readonly value: Record<string, any>;
}

async function ask(path: string, init: RequestInit = {}): Promise<Answer> {
  const answer = await fetch(`${kiwi.baseUrl}${path}`, { headers: { apikey: API_KEY }, ...init });
  const text = await answer.text();
  return { status: answer.status, text, value: text.startsWith('{') ? JSON.parse(text) : {} };
}

const query = (fields: Readonly<Record<string, string>>): string => new URLSearchParams(fields).toString();
const post = (path: string, body: unknown) =>
  ask(path, {
    method: 'POST',
    headers: { apikey: API_KEY, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

const SEARCH = {
  fly_from: 'airport:PRG',
  fly_to: 'city:LIS',
  date_from: '14/03/2030',
  date_to: '14/03/2030',
  adults: '1',
  curr: 'EUR',
  limit: '5',
};

const search = (changes: Record<string, string> = {}) => ask(`/v2/search?${query({ ...SEARCH, ...changes })}`);
const tokenOf = async (changes: Record<string, string> = {}): Promise<string> =>
  (await search(changes)).value['data'][0].booking_token;

const check = (token: string, changes: Record<string, string> = {}) =>
  ask(
    `/v2/booking/check_flights?${query({ booking_token: token, bnum: '0', adults: '1', children: '0', infants: '0', currency: 'USD', ...changes })}`,
  );

async function verified(token: string, changes: Record<string, string> = {}): Promise<Answer> {
  const first = await check(token, changes);
  return check(token, { ...changes, session_id: first.value['session_id'] });
}

const ADULT = {
  name: 'test',
  surname: 'test',
  title: 'Mr',
  category: 'adult',
  birthday: '1990-01-01',
  nationality: 'CZ',
  cardno: '12345',
  expiration: '2034-01-01',
  email: 'a@example.com',
  phone: '+420123456789',
};

function saving(checked: Answer, changes: Record<string, unknown> = {}): Record<string, any> {
  const { hold_bag, hand_bag } = checked.value['baggage'].combinations;
  return {
    booking_token: checked.value['booking_token'],
    session_id: checked.value['session_id'],
    lang: 'en',
    locale: 'en-US',
    passengers: [ADULT],
    baggage: [
      { combination: hold_bag.find((one: any) => one.indices.length === 0), passengers: [0] },
      { combination: hand_bag.find((one: any) => one.indices.length === 0), passengers: [0] },
    ],
    ...changes,
  };
}

const save = async (changes: Record<string, unknown> = {}) =>
  post('/v2/booking/save_booking', saving(await verified(await tokenOf()), changes));
const confirm = (saved: Answer) =>
  post('/v2/booking/confirm_payment', {
    booking_id: saved.value['booking_id'],
    transaction_id: saved.value['transaction_id'],
  });

describe('before anything else', () => {
  test('a path that is none is not found, before a key is asked for', async () => {
    for (const path of ['/v3/search', '/', '/v2/flights_multi', '/toString']) {
      expect((await ask(path, { headers: {} })).status).toBe(404);
    }
  });

  test('a method that is none is refused', async () => {
    expect((await post('/v2/search', {})).status).toBe(405);
    expect((await ask('/v2/booking/save_booking')).status).toBe(405);
  });

  test('a missing key is an unknown partner, a wrong one is refused', async () => {
    expect(await ask('/v2/search', { headers: {} })).toMatchObject({
      status: 400,
      value: { status: 'Bad Request', error: expect.stringContaining('unknown partner provided') },
    });
    expect((await ask('/v2/search', { headers: { apikey: 'somebody' } })).status).toBe(401);
    expect((await ask(`/v2/search?${query(SEARCH)}`, { headers: { APIKEY: API_KEY } })).status).toBe(200);
  });

  test('a limit on calls holds for its minute, before parameters are looked at', async () => {
    await register({ callsPerMinute: 2 });
    const statuses = [];
    for (let call = 0; call < 3; call++) statuses.push((await ask('/v2/search')).status);
    expect(statuses).toEqual([400, 400, 429]);
  });

  test('two accounts have two keys', async () => {
    await expect(kiwi.register({}, 'other')).rejects.toThrow('Another account has this key');
    await expect(register({ webhookUrl: 'https://example.com/hook' })).rejects.toThrow('this machine only');
  });
});

describe('/locations/query', () => {
  test('finds an airport by its code and a city by its name', async () => {
    const { value } = await ask('/locations/query?term=PRG&location_types=airport&limit=1');
    expect(value['locations']).toMatchObject([{ id: 'PRG', code: 'PRG', type: 'airport' }]);
    expect((await ask('/locations/query?term=lond')).value['locations']).toHaveLength(3);
    expect((await ask('/locations/query')).status).toBe(400);
  });
});

describe('/v2/search', () => {
  test.each([
    [{ date_from: '2030-03-14' }, 'date_from: wrong format, expected dd/mm/yyyy'],
    [{ date_to: '31/02/2030' }, 'date_to: wrong format, expected dd/mm/yyyy'],
    [{ fly_from: '' }, 'fly_from: missing required parameter'],
    [{ return_from: '15/03/2030' }, 'return_from, return_to: both or none'],
    [{ adults: '5', children: '5' }, 'the sum of passengers must be at most 9'],
    [{ adults: 'two' }, 'adults, children, infants: not a number'],
    [{ curr: 'DOGE' }, 'curr: unsupported currency'],
    [{ limit: '1001' }, 'limit: must be between 1 and 1000'],
    [{ partner_market: 'Czech' }, 'partner_market: unknown country'],
  ])('%j is refused', async (changes, error) => {
    expect(await search(changes as Record<string, string>)).toMatchObject({
      status: 400,
      value: { status: 'Bad Request', error },
    });
  });

  test('a place it does not know is a semantic error', async () => {
    expect(await search({ fly_to: 'airport:QQQ' })).toMatchObject({
      status: 422,
      value: { error: expect.stringContaining('fly_to') },
    });
  });

  test('answers with the documented fields, cheapest first, local times under a Z that lies', async () => {
    const { value } = await search();
    expect(value).toMatchObject({ currency: 'EUR', fx_rate: 1, _results: value['data'].length });
    const prices = value['data'].map((one: any) => one.price);
    expect(prices).toEqual(prices.toSorted((one: number, other: number) => one - other));
    const [first] = value['data'];
    for (const name of [
      'id',
      'cityFrom',
      'countryTo',
      'utc_arrival',
      'duration',
      'conversion',
      'fare',
      'availability',
      'deep_link',
    ]) {
      expect(first).toHaveProperty(name);
    }
    // Prague is an hour ahead of UTC in winter, Lisbon is not.
    const hours = (name: string): number => Date.parse(first[`local_${name}`]) - Date.parse(first[`utc_${name}`]);
    expect([hours('departure'), hours('arrival')]).toEqual([3_600_000, 0]);
  });

  test('is the same for the same seed, and another for another', async () => {
    const one = await search();
    await kiwi.scenario([], 'another world');
    expect((await search()).text).not.toBe(one.text);
    await kiwi.scenario([], `sandbox ${expect.getState().currentTestName}`);
    expect((await search()).text).toBe(one.text);
  });

  test.each(['PRG LIS', 'LON DXB', 'CAI JED', 'NYC PAR', 'BER HRG', 'SIN LON', 'JNB AMS', 'MAD MIA', 'IST AMM'])(
    '%s is flown on any day of the next year',
    async (route) => {
      const [fly_from = '', fly_to = ''] = route.split(' ');
      for (const day of ['02/01/2030', '29/06/2030', '31/12/2030']) {
        expect((await search({ fly_from, fly_to, date_from: day, date_to: day })).value['data'].length).toBeGreaterThan(
          0,
        );
      }
    },
  );

  test('prices of two and a child are three times that of one, in a currency without decimals whole', async () => {
    const price = async (changes: Record<string, string>) =>
      (await search({ ...changes, limit: '1' })).value['data'][0];
    const [one, three] = [await price({}), await price({ adults: '2', children: '1' })];
    expect(three.price).toBeCloseTo(3 * one.price, 6);
    const yen = await price({ curr: 'JPY' });
    expect(Number.isInteger(yen.price)).toBe(true);
    expect(yen.conversion).toEqual({ EUR: one.price, JPY: yen.price });
    await register({ wholeSearchPrices: true });
    expect(Number.isInteger((await price({})).price)).toBe(true);
  });

  test('there and back is both, nonstop is nonstop', async () => {
    const [trip] = (await search({ return_from: '20/03/2030', return_to: '20/03/2030' })).value['data'];
    expect(trip.route.map((one: any) => one.return)).toEqual(expect.arrayContaining([0, 1]));
    expect(trip.nightsInDest).toBeGreaterThan(4);
    for (const one of (await search({ max_stopovers: '0' })).value['data']) expect(one.route).toHaveLength(1);
  });
});

describe('check_flights', () => {
  test('verifies while it is polled, under the session of its first answer', async () => {
    const token = await tokenOf();
    const first = await check(token);
    expect(first.value).toMatchObject({ flights_checked: false, flights_to_check: true, flights_invalid: false });
    const session_id = first.value['session_id'];
    expect((await check(token, { session_id })).value).toMatchObject({
      session_id,
      flights_checked: true,
      price_change: false,
      currency: 'EUR',
    });
  });

  test('says everything in euro but the conversion', async () => {
    const { value } = await verified(await tokenOf());
    expect(value['total']).toBe(value['orig_price']);
    expect(value['conversion']).toMatchObject({ currency: 'USD', amount: Math.round(value['total'] * 109) / 100 });
  });

  test.each([
    [{ booking_token: '' }, 'booking_token: missing'],
    [{ bnum: '' }, 'bnum: missing'],
    [{ adults: 'one' }, 'adults: not a number'],
    [{ booking_token: 'Gs1mToken.PRG.LIS.1' }, 'booking_token: malformed'],
    [{ session_id: randomUUID() }, 'session_id: unknown session'],
    [{ currency: 'DOGE' }, 'currency: unsupported'],
  ])('%j is refused', async (changes, error) => {
    expect(await check(await tokenOf(), changes as Record<string, string>)).toMatchObject({
      status: 400,
      value: { error: expect.stringContaining(error) },
    });
  });

  test('a token that was touched is none', async () => {
    const token = await tokenOf();
    expect((await check(token.replace('Gs1me', 'Gs1mf'))).status).toBe(400);
    expect((await check(`${token}x`)).status).toBe(400);
  });

  test("a session is its token's and its party's", async () => {
    const [one, other] = (await search()).value['data'].map((offer: any) => offer.booking_token as string);
    const { session_id } = (await check(one)).value;
    expect((await check(other, { session_id })).status).toBe(400);
    expect((await check(one, { session_id, adults: '2' })).status).toBe(400);
  });

  test.each([
    ['.invalid', { flights_invalid: true }],
    ['.pricechange', { flights_checked: true, price_change: true, flights_invalid: false }],
    ['.slow', { flights_checked: false, flights_invalid: false }],
  ])('the token suffix %s plays its part', async (suffix, fields) => {
    const { value } = await verified(`${await tokenOf()}${suffix}`);
    expect(value).toMatchObject(fields);
    expect(value['total'] > value['orig_price']).toBe(suffix === '.pricechange');
  });

  test('.expired, and what really is too old, is refused in the one key or the other', async () => {
    expect(await check(`${await tokenOf()}.expired`)).toMatchObject({
      status: 400,
      value: { error: 'expired booking token' },
    });
    await register({ offerMinutes: 0, expiredKey: 'msg' });
    expect(await check(await tokenOf())).toMatchObject({ status: 400, value: { msg: 'expired booking token' } });
  });

  test('a price that changed stays changed', async () => {
    await kiwi.scenario([{ operation: 'check_flights', fault: 'priceChanged', nth: 2 }]);
    const token = await tokenOf();
    const second = await verified(token);
    const third = await check(token, { session_id: second.value['session_id'] });
    for (const { value } of [second, third])
      expect(value).toMatchObject({ price_change: true, total: second.value['total'] });
  });
});

describe('save_booking', () => {
  test('makes an order as the specification shows it', async () => {
    const saved = await save();
    const id = saved.value['booking_id'];
    expect(Number.isSafeInteger(id)).toBe(true);
    expect(saved.value).toMatchObject({
      transaction_id: `sandbox_${id}`,
      sandbox: true,
      status: 'success',
      status_code: 200,
      price_change: false,
      flights_invalid: false,
      passengers: [{ bid: id, name: 'test', category: 'adult', title: 'mr', nationality: 'cz' }],
    });
    expect(saved.value['eur_payment_price']).toBe(saved.value['total']);
  });

  test('is live for anybody else', async () => {
    const saved = await save({ passengers: [{ ...ADULT, name: 'Eva' }] });
    expect(saved.value).toMatchObject({ sandbox: false, transaction_id: expect.not.stringContaining('sandbox') });
  });

  test.each([
    ['a body that is none', 'x'],
    ['no passengers', { passengers: [] }],
    ['a surname with a bar', { passengers: [{ ...ADULT, surname: 'a|b' }] }],
    ['a birthday in another form', { passengers: [{ ...ADULT, birthday: '01/01/1990' }] }],
    ['a title that is new', { passengers: [{ ...ADULT, title: 'Dr' }] }],
    ['a long document', { passengers: [{ ...ADULT, cardno: 'x'.repeat(21) }] }],
  ])('%s is a bad request', async (_name, changes) => {
    const checked = await verified(await tokenOf());
    const body = typeof changes === 'string' ? changes : saving(checked, changes);
    expect(await post('/v2/booking/save_booking', body)).toMatchObject({
      status: 400,
      value: { status: 'Bad Request' },
    });
  });

  const refusedWith = async (changes: Record<string, unknown>) => (await save(changes)).value;

  test.each([
    ['no e-mail address', [{ ...ADULT, email: undefined }], 'no adult has'],
    ['a phone without a plus', [{ ...ADULT, phone: '420123456789' }], 'no adult has'],
    ['two passengers instead of one', [ADULT, ADULT], 'not the ones that were checked'],
    ['a child called an adult', [{ ...ADULT, birthday: '2025-01-01' }], 'is no adult'],
    ['a child', [{ ...ADULT, category: 'child', birthday: '2025-01-01' }], 'not the ones that were checked'],
  ])('%s is refused with 200', async (_name, passengers, msg) => {
    expect(await refusedWith({ passengers })).toMatchObject({
      status: 'error',
      status_code: 400,
      msg: expect.stringContaining(msg),
    });
    expect((await kiwi.book()).bookings).toEqual([]);
  });

  test('demands both kinds of bags for everybody, just as the check named them', async () => {
    const checked = await verified(await tokenOf());
    const [hold, hand] = saving(checked)['baggage'];
    const free = { ...hold, combination: { ...hold.combination, indices: [0] } };
    for (const baggage of [
      [],
      [hold],
      [hand],
      [hold, hold, hand],
      [hold, { ...hand, passengers: [1] }],
      [free, hand],
    ]) {
      const answer = await post('/v2/booking/save_booking', saving(checked, { baggage }));
      expect(answer.value).toMatchObject({ status: 'error', msg: expect.stringContaining('baggage') });
    }
  });

  test('a bag that is bought is on the bill', async () => {
    const checked = await verified(await tokenOf());
    const [, hand] = saving(checked)['baggage'];
    const bought = checked.value['baggage'].combinations.hold_bag.find((one: any) => one.price.amount > 0);
    const saved = await post(
      '/v2/booking/save_booking',
      saving(checked, { baggage: [{ combination: bought, passengers: [0] }, hand] }),
    );
    expect(saved.value['total']).toBeCloseTo(checked.value['total'] + 38.5, 6);
  });

  test('wants the session of its check, and that it has come to its end', async () => {
    const checked = await verified(await tokenOf());
    expect(
      (await post('/v2/booking/save_booking', saving(checked, { session_id: randomUUID() }))).value['msg'],
    ).toContain('session');
    const token = await tokenOf();
    const unfinished = await check(token);
    expect((await post('/v2/booking/save_booking', saving(unfinished))).value['msg']).toContain('not checked');
  });

  test('wants documents where the flight does', async () => {
    await register({ documentNeed: 2 });
    expect((await save({ passengers: [{ ...ADULT, cardno: undefined }] })).value['msg']).toContain('document');
    expect((await save()).value).toMatchObject({ status: 'success', document_options: { document_need: 2 } });
  });

  test.each([
    [{ saveChange: 5 }, { price_change: true, flights_invalid: false, status: 'success' }],
    [{ soldOutAt: 'save' }, { flights_invalid: true, booking_id: null }],
  ])('%j shows itself at the save', async (settings, fields) => {
    await register(settings);
    expect((await save()).value).toMatchObject(fields);
  });
});

describe('confirm_payment', () => {
  test('pays once, however often, and tells of it by webhooks', async () => {
    const saved = await save();
    expect((await confirm(saved)).value).toEqual({ status: 0 });
    expect((await confirm(saved)).value).toEqual({ status: 0 });
    const deliveries = await receiver.about(String(saved.value['booking_id']), 2);
    const bodies = deliveries.map(({ body }) => JSON.parse(Buffer.from(body).toString()));
    expect(new Set(bodies.map((one) => one.trigger))).toEqual(new Set(['confirmed', 'received']));
    for (const [index, one] of bodies.entries()) {
      expect(one).toEqual({ trigger: expect.any(String), booking_id: saved.value['booking_id'], data: {} });
      expect(deliveries[index]).toMatchObject({ query: 'secret=hush' });
      expect(deliveries[index]?.headers['content-type']).toBe('application/json');
    }
  });

  test('comes too late after half an hour', async () => {
    await register({ holdMinutes: 0 });
    expect(await confirm(await save())).toMatchObject({
      status: 200,
      value: { status: -1, msg: 'confirm payment timeout' },
    });
    expect((await kiwi.book()).bookings).toMatchObject([{ state: 'lapsed', isPaid: false }]);
  });

  test('takes a live booking from the deposit, as far as it goes', async () => {
    const eva = { passengers: [{ ...ADULT, name: 'Eva' }] };
    await register({ depositEuro: 100 });
    const results = [];
    for (let booking = 0; booking < 3; booking++) results.push((await confirm(await save(eva))).value['status']);
    expect(results[0]).toBe(0);
    expect(results.at(-1)).toBe(1);
    expect((await confirm(await save())).value).toEqual({ status: 0 });
  });

  test("wants both ids, and one's own", async () => {
    const { booking_id, transaction_id } = (await save()).value;
    for (const body of [
      {},
      { booking_id },
      { booking_id, transaction_id: 'x' },
      { booking_id: 1, transaction_id },
      'x',
      null,
    ]) {
      expect((await post('/v2/booking/confirm_payment', body)).status).toBe(400);
    }
    await kiwi.register({ apiKey: 'kw_other_key' }, 'other');
    const headers = { apikey: 'kw_other_key', 'content-type': 'application/json' };
    const body = JSON.stringify({ booking_id, transaction_id });
    expect((await ask('/v2/booking/confirm_payment', { method: 'POST', headers, body })).status).toBe(400);
  });

  test.each(['sold_out', 'technical_issue', 'security_issue', 'silent'])(
    'whose carriers end with %s',
    async (carriers) => {
      await register({ carriers });
      const saved = await save();
      await confirm(saved);
      const [entry] = (await kiwi.book()).bookings;
      expect(entry).toMatchObject({ state: carriers === 'silent' ? 'received' : carriers, isPaid: true });
      const triggers = (await kiwi.book()).deliveries.map((one) => one.hook);
      expect(triggers.toSorted()).toEqual(carriers === 'silent' ? ['received'] : ['received', carriers].toSorted());
    },
  );
});

describe('its people', () => {
  test('cancel, and send whatever else', async () => {
    const saved = await save();
    await confirm(saved);
    const id = String(saved.value['booking_id']);
    expect(await kiwi.backoffice(id, 'cancelled')).toMatchObject({ state: 'cancelled' });
    expect(await kiwi.backoffice(id, 'refund')).toMatchObject({ state: 'cancelled' });
    expect((await receiver.about(id, 4)).length).toBe(4);
    expect(await kiwi.backoffice(id, 'no trigger')).toHaveProperty('error');
    expect((await ask(`/backoffice/${id}`)).status).toBe(405);
    expect((await ask('/backoffice/1', { method: 'POST' })).status).toBe(404);
  });

  test('read a book without names, keys or addresses', async () => {
    await save();
    const book = JSON.stringify(await kiwi.book());
    for (const hidden of [API_KEY, 'a@example.com', '+420', '12345"', 'hush']) {
      expect(book.replaceAll(/"url":"[^"]*"/g, '')).not.toContain(hidden);
    }
  });
});

test('what it remembers survives a restart', async () => {
  const before = await startKiwi();
  await before.register({ seats: 9 });
  await before.stop(true);
  const after = await startKiwi({ directory: before.directory });
  const answer = await fetch(`${after.baseUrl}/v2/search?${query({ ...SEARCH, date_from: '14/03/2030' })}`, {
    headers: { apikey: API_KEY },
  });
  expect(answer.status).toBe(200);
  await after.stop();
});
