import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { FAULTS } from '../../src/integrations/simulator/scenario.ts';
import { CREDENTIALS, startTravelpayouts } from '../helpers/travelpayouts.ts';

/**
 * The sandbox itself, spoken to by hand: what it checks is the vendor's, so nothing here comes from our client. The
 * texts and hashes are those of travel-providers.md section 4 or made by its recipe.
 */
let vendor: Awaited<ReturnType<typeof startTravelpayouts>>;

beforeAll(async () => {
  vendor = await startTravelpayouts({ baseUrl: 'http://localhost:4001' });
});
afterAll(() => vendor.stop());
beforeEach(async () => {
  await vendor.register();
  await vendor.scenario([], `sandbox ${expect.getState().currentTestName}`);
  await vendor.scenario([]);
});

const { TOKEN, MARKER } = CREDENTIALS;

async function get(path: string, headers: Record<string, string> = { 'x-access-token': TOKEN }) {
  const answer = await fetch(`${vendor.baseUrl}${path}`, { headers });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, text, json: text.startsWith('<') ? null : JSON.parse(text) };
}

const prices = (query: string) => get(`/aviasales/v3/prices_for_dates?${query}`);
const ROUTE = 'origin=MAD&destination=BCN&departure_at=2030-10-14&currency=usd';

/** Body V1 of 4.3 for a day of the seeded clock, and its text by the same recipe. */
const BODY = {
  marker: MARKER,
  host: 'travel.example.com',
  user_ip: '203.0.113.7',
  locale: 'en-us',
  trip_class: 'Y',
  passengers: { adults: 1, children: 0, infants: 0 },
  segments: [
    { origin: 'LON', destination: 'BCN', date: '2030-09-09' },
    { origin: 'BCN', destination: 'LON', date: '2030-09-25' },
  ],
};

function signed(changes: Partial<Record<keyof typeof BODY, any>> = {}, token = TOKEN) {
  const body = { ...BODY, ...changes };
  const { adults, children, infants } = body.passengers;
  const legs = body.segments.map((one: any) => [one.date, one.destination, one.origin].join(':'));
  const values = [
    body.host,
    body.locale,
    body.marker,
    adults,
    children,
    infants,
    ...legs,
    body.trip_class,
    body.user_ip,
  ];
  const signature = createHash('md5')
    .update([token, ...values].join(':'))
    .digest('hex');
  return { ...body, signature };
}

async function start(body: unknown, headers: Record<string, string> = { 'content-type': 'application/json' }) {
  const answer = await fetch(`${vendor.baseUrl}/v1/flight_search`, {
    method: 'POST',
    headers,
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, text, json: text.startsWith('<') ? null : JSON.parse(text) };
}

const started = async (): Promise<string> => (await start(signed())).json.search_id as string;
const poll = (id: string) => get(`/v1/flight_search_results?uuid=${id}`, {});
const click = (id: string, term: number, marker = MARKER) =>
  get(`/v1/flight_searches/${id}/clicks/${term}.json?marker=${marker}`, {});

describe('the data API', () => {
  test('takes the token in its header; in the query it works too, and stands in the book', async () => {
    expect(await prices(ROUTE)).toMatchObject({ status: 200, json: { success: true, error: null, currency: 'usd' } });
    const without = await get(`/aviasales/v3/prices_for_dates?${ROUTE}`, {});
    expect(without).toMatchObject({ status: 401, json: { success: false, data: {}, error: 'Unauthorized' } });
    expect(await get(`/aviasales/v3/prices_for_dates?${ROUTE}&token=${TOKEN}`, {})).toMatchObject({ status: 200 });
    expect((await vendor.violations()).tokenInQuery).toBe(1);
  });

  test('writes every documented field of an offer', async () => {
    const [offer] = (await prices(`${ROUTE}&one_way=false&return_at=2030-10-18`)).json.data;
    expect(Object.keys(offer).toSorted()).toEqual(
      'airline,departure_at,destination,destination_airport,duration,duration_back,duration_to,flight_number,link,origin,origin_airport,price,return_at,return_transfers,transfers'.split(
        ',',
      ),
    );
    expect(offer).toMatchObject({ origin: 'MAD', destination: 'BCN', price: expect.any(Number) });
    expect(offer.departure_at).toMatch(/^2030-10-14T\d\d:\d\d:00\+02:00$/);
    expect(offer.return_at).toMatch(/^2030-10-18T\d\d:\d\d:00\+02:00$/);
    expect(offer.link).toMatch(/^\/search\/MAD1410BCN18101\?t=/);
    const [winter] = (await prices('origin=MAD&destination=BCN&departure_at=2030-12-01')).json.data;
    expect(winter.departure_at).toMatch(/\+01:00$/);
    expect(winter.return_at).toBe('');
  });

  test('has prices for common places on any day of the next year', async () => {
    for (const [from, to] of [
      ['LON', 'BCN'],
      ['CAI', 'DXB'],
      ['NYC', 'LAX'],
      ['TPE', 'TYO'],
      ['JNB', 'CPT'],
    ]) {
      for (const day of ['2030-02-01', '2030-06-15', '2030-12-31']) {
        const { json } = await prices(`origin=${from}&destination=${to}&departure_at=${day}`);
        expect(json.data.length, `${from} ${to} ${day}`).toBeGreaterThan(0);
      }
    }
  });

  test.each([
    ['departure_at=2030-10-14', 'origin or destination'],
    ['origin=madrid', 'origin'],
    [`${ROUTE}&return_at=18.10.2030`, 'return_at'],
    [`${ROUTE}&limit=1001`, 'limit'],
    [`${ROUTE}&limit=0`, 'limit'],
    [`${ROUTE}&page=0`, 'page'],
    [`${ROUTE}&sorting=beauty`, 'sorting'],
    ['origin=MAD&destination=BCN&currency=xyz', 'currency'],
  ])('refuses %s', async (query, word) => {
    const { status, json } = await prices(query);
    expect(status).toBe(400);
    expect(json).toMatchObject({ success: false, data: {} });
    expect(json.error).toContain(word);
  });

  test('knows nothing of the past and of places that are none, and says so with success', async () => {
    for (const query of [ROUTE.replace('2030', '2020'), ROUTE.replace('BCN', 'XXX')]) {
      expect((await prices(query)).json).toMatchObject({ success: true, data: [] });
    }
  });

  test('sorts, pages, and leaves out what is not direct', async () => {
    const all = (await prices(`${ROUTE}&limit=100`)).json.data as { price: number; transfers: number }[];
    expect(all.map((one) => one.price)).toEqual(all.map((one) => one.price).toSorted((one, other) => one - other));
    const second = (await prices(`${ROUTE}&limit=1&page=2`)).json.data;
    expect(second).toEqual([all[1]]);
    const direct = (await prices(`${ROUTE}&direct=true`)).json.data as { transfers: number }[];
    expect(direct.length).toBe(all.filter((one) => one.transfers === 0).length);
    expect(direct.length).toBeLessThan(all.length);
  });

  test('may fail with 200, as the vendor does', async () => {
    await vendor.register({ failsWith: 'try later' });
    expect(await prices(ROUTE)).toMatchObject({ status: 200, json: { success: false, data: {}, error: 'try later' } });
  });

  test('groups the cheapest by day, by day of return and by month', async () => {
    const grouped = async (more: string) =>
      (await get(`/aviasales/v3/grouped_prices?origin=MAD&destination=BCN&currency=usd&${more}`)).json.data;
    const days = await grouped('departure_at=2030-10');
    expect(Object.keys(days)).toHaveLength(31);
    const [cheapest] = (await prices(ROUTE)).json.data;
    expect(days['2030-10-14']).toEqual(cheapest);
    const trips = await grouped('departure_at=2030-10&min_trip_duration=4&max_trip_duration=4');
    expect(trips['2030-10-14'].return_at).toMatch(/^2030-10-18/);
    expect(
      Object.keys(await grouped('departure_at=2030-10&return_at=2030-10&group_by=return_at')).length,
    ).toBeGreaterThan(20);
    expect(Object.keys(await grouped('departure_at=2030-10&group_by=month'))).toEqual(['2030-10']);
    expect((await get('/aviasales/v3/grouped_prices?origin=MAD')).status).toBe(400);
    expect((await get('/aviasales/v3/grouped_prices?origin=MAD&destination=BCN&group_by=year')).status).toBe(400);
  });

  test('numbers cheap tickets below their destination, in UTC, each with its end', async () => {
    await vendor.register({ ticketSeconds: 60 });
    const { json } = await get('/v1/prices/cheap?origin=LON&destination=HKT&depart_date=2030-10&return_date=2030-10');
    expect(Object.keys(json.data)).toEqual(['HKT']);
    expect(Object.keys(json.data.HKT)).toEqual(['0', '1', '2']);
    expect(json.data.HKT['0']).toMatchObject({
      price: expect.any(Number),
      flight_number: expect.any(Number),
      departure_at: expect.stringMatching(/^2030-10-.*Z$/),
      return_at: expect.stringMatching(/^2030-10-.*Z$/),
      expires_at: expect.stringMatching(/^2030-01-01T00:01:.*Z$/),
    });
    const everywhere = await get('/v1/prices/cheap?origin=LON&destination=-&depart_date=2030-10-10');
    expect(Object.keys(everywhere.json.data).length).toBeGreaterThan(20);
    expect((await get('/v1/prices/cheap?destination=HKT')).status).toBe(400);
  });

  test('lists airports with their zones, as a plain array', async () => {
    const { json } = await get('/data/en/airports.json');
    expect(json).toContainEqual(expect.objectContaining({ code: 'LHR', city_code: 'LON', time_zone: 'Europe/London' }));
  });

  test('counts each method’s calls of a minute, tells what is left, and refuses the rest until it ends', async () => {
    await vendor.register({ limitsPerMinute: { prices_for_dates: 2 } });
    const said = async () => {
      const { status, headers } = await prices(ROUTE);
      return [status, ...['', '-remaining', '-reset'].map((name) => headers.get(`x-rate-limit${name}`))];
    };
    // The seeded clock goes on by a second with every call.
    expect(await said()).toEqual([200, '2', '1', '59']);
    expect(await said()).toEqual([200, '2', '0', '58']);
    expect(await said()).toEqual([429, '2', '0', '57']);
    expect((await get('/aviasales/v3/grouped_prices?origin=MAD&destination=BCN')).status).toBe(200);
    for (let call = 5; call < 59; call++) await get('/data/en/airports.json');
    expect((await said())[0]).toBe(429);
    expect(await said()).toEqual([200, '2', '1', '60']);
    await vendor.register({ resetUnit: 'epochSeconds' });
    expect((await said())[3]).toBe(String(Date.parse('2030-01-01T00:02:00Z') / 1000));
  });

  test('is read only', async () => {
    const answer = await fetch(`${vendor.baseUrl}/aviasales/v3/prices_for_dates`, { method: 'POST' });
    expect(answer.status).toBe(405);
    expect((await get('/v9/nothing')).status).toBe(404);
    expect((await fetch(`${vendor.baseUrl}/v1/flight_search`)).status).toBe(405);
  });
});

describe('a live search', () => {
  test('is started by a signature over every value', async () => {
    const { status, json } = await start(signed());
    expect(status).toBe(200);
    expect(json).toMatchObject({
      search_id: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
      currency_rates: { usd: 78.1, eur: 91.2 },
      marker: MARKER,
      gates_count: 3,
    });
    expect(json.meta.uuid).toBe(json.search_id);
  });

  test('takes vector V1 letter by letter, whose days are over by now', async () => {
    const segments = [
      { origin: 'LON', destination: 'BCN', date: '2026-09-09' },
      { origin: 'BCN', destination: 'LON', date: '2026-09-25' },
    ];
    const { status, json } = await start({ ...BODY, segments, signature: '518c320a722f9a2c145c968fd19ab7d7' });
    expect(status).toBe(200);
    const [chunk] = (await poll(json.search_id)).json;
    expect(chunk.proposals).toEqual([]);
  });

  test.each([
    ['another token', () => signed({}, 'f'.repeat(32)), 403],
    ['a value that is not the signed one', () => ({ ...signed(), user_ip: '203.0.113.8' }), 403],
    ['one value more', () => ({ ...signed(), know_english: 'true' }), 403],
    ['no signature', () => BODY, 403],
    ['an unknown marker', () => signed({ marker: '999' }), 401],
    ['no JSON', () => 'marker=1', 400],
    ['a list', () => [], 400],
    ['no address', () => signed({ user_ip: 'here' }), 400],
    ['this machine’s address', () => signed({ user_ip: '127.0.0.1' }), 400],
    ['this machine’s other address', () => signed({ user_ip: '127.9.9.9' }), 400],
    ['an unknown locale', () => signed({ locale: 'ar' }), 400],
    ['an unknown class', () => signed({ trip_class: 'F' }), 400],
    ['nobody', () => signed({ passengers: { adults: 0, children: 0, infants: 0 } }), 400],
    ['seven children', () => signed({ passengers: { adults: 1, children: 7, infants: 0 } }), 400],
    ['no segments', () => signed({ segments: [] }), 400],
    ['a town', () => signed({ segments: [{ origin: 'London', destination: 'BCN', date: '2030-09-09' }] }), 400],
    ['no date', () => signed({ segments: [{ origin: 'LON', destination: 'BCN', date: '09.09.2030' }] }), 400],
  ])('with %s is refused', async (_name, body, status) => {
    expect((await start(body())).status).toBe(status);
    expect((await vendor.bookOf()).searches).toEqual([]);
  });

  test('of a browser, without JSON, or without approval is refused', async () => {
    const type = { 'content-type': 'application/json' };
    expect((await start(signed(), { ...type, origin: 'https://shop.example.com' })).status).toBe(403);
    expect((await start(signed(), { 'content-type': 'text/plain' })).status).toBe(400);
    await vendor.register({ liveAccess: false });
    expect((await start(signed())).status).toBe(403);
  });

  test('is counted by the traveller’s address', async () => {
    await vendor.register({ searchesPerHour: 2 });
    expect([(await start(signed())).status, (await start(signed())).status]).toEqual([200, 200]);
    const refused = await start(signed());
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('x-rate-limit-reset'))).toBeGreaterThan(3_500);
    expect((await start(signed({ user_ip: '203.0.113.8' }))).status).toBe(200);
  });

  test('answers by and by: an agency a poll, then the element with nothing but the id', async () => {
    const id = await started();
    const chunks = [await poll(id), await poll(id), await poll(id)].map(({ json }) => json);
    expect(chunks.map((chunk) => chunk.length)).toEqual([1, 1, 1]);
    expect(chunks.map(([chunk]) => Object.keys(chunk.gates_info)[0])).toEqual(['20', '62', '121']);
    expect((await poll(id)).json).toEqual([{ search_id: id }]);
    const signs = chunks.map(([chunk]) => chunk.proposals.map((one: any) => one.sign as string) as string[]);
    const shared = signs[0]!.filter((sign) => signs[1]!.includes(sign));
    expect(shared.length).toBeGreaterThan(0);
    expect(new Set(signs.flat()).size).toBeGreaterThan(signs[0]!.length);
    const [proposal] = chunks[0]![0].proposals;
    expect(proposal.segment).toHaveLength(2);
    expect(proposal.terms['20']).toMatchObject({
      currency: 'eur',
      price: Math.round(proposal.terms['20'].unified_price / 91.2),
      url: expect.any(Number),
    });
  });

  test('ends otherwise where it is told to', async () => {
    await vendor.register({ agencies: 2, ends: 'withLast', emptyPolls: 1 });
    const id = await started();
    expect((await poll(id)).json).toEqual([]);
    expect((await poll(id)).json).toHaveLength(1);
    expect((await poll(id)).json[1]).toEqual({ search_id: id });
  });

  test('and its links die after fifteen minutes', async () => {
    await vendor.register({ resultSeconds: 3 });
    const id = await started();
    expect((await poll(id)).status).toBe(200);
    expect((await click(id, 2_000_000)).status).toBe(200);
    expect((await poll(id)).status).toBe(404);
    expect((await click(id, 2_000_000)).status).toBe(404);
    expect((await poll('none')).status).toBe(404);
  });
});

describe('a click', () => {
  test('without a customer’s press is a violation, and each press is good for one', async () => {
    const id = await started();
    expect((await click(id, 2_000_000)).json).toMatchObject({
      params: {},
      method: 'GET',
      gate_id: 20,
      click_id: expect.any(Number),
      url: expect.stringMatching(/^http:\/\/localhost:4001\/travelpayouts\/agency\/\d+$/),
    });
    expect((await vendor.violations()).clickWithoutBuy).toBe(1);
    await vendor.buy({ searchId: id, term: '2000000' });
    await click(id, 2_000_000);
    expect((await vendor.violations()).clickWithoutBuy).toBe(1);
    await click(id, 2_000_000);
    expect((await vendor.violations()).clickWithoutBuy).toBe(2);
    expect((await vendor.bookOf()).clicks.map(({ bought }) => bought)).toEqual([false, true, false]);
  });

  test('is taken for a customer’s where nobody can tell', async () => {
    await vendor.register({ buyActions: 'assumed' });
    await click(await started(), 2_000_000);
    expect((await vendor.violations()).clickWithoutBuy).toBe(0);
  });

  test('under another marker, of an agency that is none, or of no search is refused', async () => {
    const id = await started();
    expect((await click(id, 2_000_000, '999')).status).toBe(400);
    expect((await click(id, 9_900_000)).status).toBe(404);
    expect((await click('none', 2_000_000)).status).toBe(404);
    expect((await click(id, 2_000_000, `${MARKER}.sub`)).status).toBe(200);
  });
});

describe('what it remembers', () => {
  const run = async (seed: string): Promise<string> => {
    await vendor.scenario([{ operation: '*', fault: 'status5xx', probability: 0.2 }], seed);
    const answers: unknown[] = [];
    for (const day of [14, 15, 16]) answers.push((await prices(ROUTE.replace('14', String(day)))).text);
    for (const _search of [1, 2, 3]) {
      const begun = await start(signed());
      answers.push(begun.text);
      if (begun.status !== 200) continue;
      for (const _poll of [1, 2, 3, 4]) answers.push((await poll(begun.json.search_id)).text);
      answers.push((await click(begun.json.search_id, 2_000_000)).text);
    }
    return JSON.stringify([answers, await vendor.bookOf()]);
  };

  test('the same seed and the same calls get the same bytes, another seed others', async () => {
    const one = await run('42');
    expect(await run('42')).toBe(one);
    expect(await run('43')).not.toBe(one);
    for (const part of ['Server Error', 'click_id', 'proposals']) expect(one).toContain(part);
  });

  test('searches, clicks and violations outlive the process', async () => {
    const first = await startTravelpayouts();
    await first.register();
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify(signed());
    const begun = await fetch(`${first.baseUrl}/v1/flight_search`, { method: 'POST', headers, body });
    const { search_id: id } = (await begun.json()) as { search_id: string };
    await fetch(`${first.baseUrl}/v1/flight_searches/${id}/clicks/2000000.json?marker=${MARKER}`);
    await first.stop(true);
    const second = await startTravelpayouts({ directory: first.directory });
    try {
      expect(await second.bookOf()).toMatchObject({
        searches: [{ searchId: id }],
        clicks: [{ bought: false }],
        violations: { clickWithoutBuy: 1 },
      });
      expect((await fetch(`${second.baseUrl}/v1/flight_search_results?uuid=${id}`)).status).toBe(200);
    } finally {
      await second.stop();
    }
  });

  test('a seed set again starts from nothing', async () => {
    const id = await started();
    await click(id, 2_000_000);
    await vendor.scenario([], 'again');
    expect(await vendor.bookOf()).toEqual({
      searches: [],
      clicks: [],
      violations: { clickWithoutBuy: 0, tokenInQuery: 0, loopbackAddress: 0 },
    });
    expect((await poll(id)).status).toBe(404);
  });

  test('shows no token, and two accounts never share one', async () => {
    await started();
    expect(JSON.stringify(await vendor.bookOf())).not.toContain(TOKEN);
    await expect(vendor.register({}, 'other')).rejects.toThrow('Another account has this token');
    await expect(vendor.register({ token: 'short' })).rejects.toThrow('no blanks');
    await expect(vendor.register({ surprise: true })).rejects.toThrow('surprise');
  });

  test('two accounts of one marker are told apart by who signed', async () => {
    await vendor.register({ token: 'f'.repeat(32) }, 'other');
    const { json } = await start(signed({}, 'f'.repeat(32)));
    expect((await vendor.bookOf('other')).searches).toMatchObject([{ searchId: json.search_id }]);
    expect((await vendor.bookOf('shop')).searches).toEqual([]);
  });
});

test.each(FAULTS)('the fault %s is one it can meet, and forgets afterwards', async (fault) => {
  await vendor.scenario([{ operation: 'prices_for_dates', fault, ms: 5 }]);
  const aborted = AbortSignal.timeout(300);
  const url = `${vendor.baseUrl}/aviasales/v3/prices_for_dates?${ROUTE}`;
  const status = await fetch(url, { headers: { 'x-access-token': TOKEN }, signal: aborted })
    .then(async (answer) => {
      await answer.text();
      return answer.status;
    })
    .catch(() => 0);
  expect([0, 200, 405, 422, 429, 500]).toContain(status);
  await vendor.scenario([]);
  expect((await prices(ROUTE)).status).toBe(200);
});
