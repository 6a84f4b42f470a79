import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createOutbound } from '../../src/integrations/http.ts';
import type { FlightQuery, JsonValue, ProviderConnection } from '../../src/integrations/travel.ts';
import { liveRefusal } from '../../src/integrations/travelpayouts/live.ts';
import { TRAVELPAYOUTS } from '../../src/integrations/travelpayouts/description.ts';
import type { Account } from '../../src/integrations/travelpayouts/account.ts';
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
  memoryCache,
  startTravelpayouts,
  valueOf,
} from '../helpers/travelpayouts.ts';

const outbound = createOutbound();
let client = clientOf(outbound.send);
let vendor: Awaited<ReturnType<typeof startTravelpayouts>>;
let cached: ProviderConnection;
let live: ProviderConnection;

beforeAll(async () => {
  vendor = await startTravelpayouts();
  cached = connect(vendor.baseUrl);
  live = connect(vendor.baseUrl, LIVE);
});
afterAll(async () => {
  await vendor.stop();
  outbound.close();
});
beforeEach(async () => {
  client = clientOf(outbound.send);
  await vendor.register();
  await vendor.scenario([], `journey ${expect.getState().currentTestName}`);
  await vendor.scenario([]);
});

async function found(connection: ProviderConnection, changes: Partial<FlightQuery> = {}) {
  return valueOf(await client.searchFlights(connection, flight(changes), CALL));
}

describe('cached prices', () => {
  test('of a return trip: the days asked for, the cheapest first, with times on the airports’ clocks', async () => {
    const { offers, complete, incompleteReason } = await found(cached);
    expect({ complete, incompleteReason }).toEqual({ complete: true, incompleteReason: null });
    expect(offers).toHaveLength(4);
    const prices = offers.map((offer) => offer.totalMinor);
    expect(prices).toEqual(prices.toSorted((one, other) => (one < other ? -1 : 1)));
    for (const { legs, currencyCode, expiresAt } of offers) {
      expect(currencyCode).toBe('USD');
      expect(expiresAt!.getTime()).toBeGreaterThan(Date.now() + 1_700_000);
      expect(legs).toMatchObject([
        {
          direction: 'OUTBOUND',
          from: 'MAD',
          to: 'BCN',
          departureLocal: expect.stringMatching(/^2030-10-14T\d\d:\d\d$/),
        },
        {
          direction: 'RETURN',
          from: 'BCN',
          to: 'MAD',
          departureLocal: expect.stringMatching(/^2030-10-18T\d\d:\d\d$/),
        },
      ]);
      // Summer time in Madrid: two hours ahead of UTC.
      const [out] = legs;
      expect(out!.departureAt!.toISOString().slice(0, 16)).toBe(hoursBefore(out!.departureLocal, 2));
      expect(out!.arrivalAt!.toISOString().slice(0, 16)).toBe(hoursBefore(out!.arrivalLocal!, 2));
      expect(out!.arrivalAt!.getTime()).toBeGreaterThan(out!.departureAt!.getTime());
    }
    expect(await vendor.violations()).toEqual({ clickWithoutBuy: 0, tokenInQuery: 0, loopbackAddress: 0 });
  });

  test('of one way: one leg, and arrivals in another zone and on another day', async () => {
    const { offers } = await found(cached, { from: 'LON', to: 'SIN', return: null, currencyCode: 'GBP' });
    expect(offers.length).toBeGreaterThan(0);
    for (const { legs } of offers) {
      expect(legs).toHaveLength(1);
      const [leg] = legs;
      // Singapore is eight hours ahead of UTC all year.
      expect(leg!.arrivalAt!.toISOString().slice(0, 16)).toBe(hoursBefore(leg!.arrivalLocal!, 8));
      expect(['LHR', 'LGW', 'STN']).toContain(leg!.from);
    }
    expect(offers.some(({ legs }) => legs[0]!.arrivalLocal! > '2030-10-15')).toBe(true);
  });

  test('lead to the vendor’s page of the very ticket, under our marker, without a call', async () => {
    const [offer] = (await found(cached)).offers;
    const calls = outboundCalls();
    const link = valueOf(await calls.client.link(cached, offer!.token, TRAVELLER, CALL));
    expect(calls.count()).toBe(0);
    expect(link).toEqual({ url: offer!.deepLink, expiresAt: null });
    const url = new URL(link.url);
    expect(url.pathname).toBe('/travelpayouts/search/MAD1410BCN18101');
    expect(url.searchParams.get('marker')).toBe(CREDENTIALS.MARKER);
    expect(url.searchParams.get('t')).not.toBeNull();
    const page = await fetch(vendor.here(link.url) + url.search);
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('Sent by 123456');
  });

  test('for a party are a price for everybody, and lead to the party’s own search', async () => {
    const [alone] = (await found(cached)).offers;
    const [party] = (await found(cached, { adults: 2, children: 1 })).offers;
    expect(party!.totalMinor).toBe(alone!.totalMinor * 3n);
    expect(new URL(party!.deepLink!).pathname).toBe('/travelpayouts/search/MAD1410BCN181021');
    expect(new URL(party!.deepLink!).search).toBe('?marker=123456');
    const whole = connect(vendor.baseUrl, { CACHED_PRICE_OF: 'party' });
    expect((await found(whole, { adults: 2, children: 1 })).offers[0]!.totalMinor).toBe(alone!.totalMinor);
  });

  test('carry a sub-id, and lead to the site that is configured', async () => {
    const settings = { SUB_ID: 'tenant-7', LINK_BASE_URL: 'https://flights.example.com/' };
    const [offer] = (await found(connect(vendor.baseUrl, settings))).offers;
    expect(offer!.deepLink).toMatch(
      /^https:\/\/flights\.example\.com\/search\/MAD1410BCN18101\?.*&marker=123456\.tenant-7$/,
    );
  });

  test('that nobody searched lately are those of other days, said to be so, the nearest first', async () => {
    const days = await daysWithout('2030-10', 0.7);
    const changes = { departure: days.empty, return: null };
    const { offers, complete, incompleteReason } = await found(cached, changes);
    expect(complete).toBe(false);
    expect(incompleteReason).toContain('no price is known for these days');
    const away = offers.map(({ legs }) => dayDistance(legs[0]!.departureLocal.slice(0, 10), days.empty));
    expect(away.length).toBeGreaterThan(1);
    expect(away).toEqual(away.toSorted((one, other) => one - other));
    expect(away).not.toContain(0);
    for (const { deepLink, legs } of offers) {
      const [, month, day] = legs[0]!.departureLocal.slice(0, 10).split('-');
      expect(deepLink).toContain(`/search/MAD${day}${month}BCN1`);
    }
  });

  test('of other days for a return trip are of trips as long as the one asked for', async () => {
    const days = await daysWithout('2030-10', 0.7);
    const back = new Date(Date.parse(days.empty) + 4 * 86_400_000).toISOString().slice(0, 10);
    const { offers, complete } = await found(cached, { departure: days.empty, return: back });
    expect(complete).toBe(false);
    expect(offers.length).toBeGreaterThan(0);
    for (const { legs } of offers) {
      expect(dayDistance(legs[0]!.departureLocal.slice(0, 10), legs[1]!.departureLocal.slice(0, 10))).toBe(4);
    }
  });

  test('between places that nobody flies are none, and that is a whole answer', async () => {
    expect(await found(cached, { to: 'XXX' })).toEqual({ offers: [], complete: true, incompleteReason: null });
  });

  test('of days that are over are none', async () => {
    expect(await found(cached, { departure: '2020-01-05', return: '2020-01-09' })).toMatchObject({ offers: [] });
  });

  test('are no more than wanted', async () => {
    expect((await found(cached, { offersMax: 2 })).offers).toHaveLength(2);
  });

  test('ask the dictionary of airports once and keep it', async () => {
    const cache = memoryCache();
    const paths: string[] = [];
    client = clientOf(
      (request, call) => {
        paths.push(new URL(request.url).pathname);
        return outbound.send(request, call);
      },
      { cache },
    );
    await found(cached);
    await found(cached);
    expect(paths.filter((path) => path.endsWith('/airports.json'))).toHaveLength(1);
    expect([...cache.kept.keys()]).toEqual(['places/zones']);
    expect(Object.keys(TRAVELPAYOUTS.cacheSeconds)).toContain('places');
  });

  test('come packed, as the vendor urges', async () => {
    const said: (string | undefined)[] = [];
    client = clientOf(async (request, call) => {
      const answer = await outbound.send(request, call);
      said.push(answer.headers['content-encoding']);
      return answer;
    });
    expect((await found(cached)).offers.length).toBeGreaterThan(0);
    expect(said).toEqual(['gzip', 'gzip']);
  });

  test('have no times of arrival without the dictionary, and stand', async () => {
    await vendor.scenario([{ operation: 'airports', fault: 'status5xx' }]);
    const { offers, complete } = await found(cached);
    expect(complete).toBe(true);
    expect(offers[0]!.legs[0]).toMatchObject({ arrivalLocal: null, arrivalAt: expect.any(Date) });
  });
});

describe('a live search', () => {
  test('gathers all agencies: each ticket once, at the lowest price of any, in legs of single flights', async () => {
    const { offers, complete } = await found(live);
    expect(complete).toBe(true);
    expect(offers).toHaveLength(4);
    expect(new Set(offers.map(({ token }) => (token as { sign: string }).sign)).size).toBe(4);
    expect(new Set(offers.map(({ token }) => (token as { gateId: string }).gateId)).size).toBeGreaterThan(1);
    const connecting = offers.find(({ legs }) => legs.length > 2);
    expect(connecting!.legs.map((leg) => leg.direction)).toEqual(['OUTBOUND', 'OUTBOUND', 'RETURN', 'RETURN']);
    expect(connecting!.legs[0]!.to).toBe(connecting!.legs[1]!.from);
    for (const offer of offers) {
      expect(offer.deepLink).toBeNull();
      expect(offer.currencyCode).toBe('USD');
      const life = offer.expiresAt!.getTime() - Date.now();
      expect(life).toBeGreaterThan(880_000);
      expect(life).toBeLessThanOrEqual(900_000);
    }
    const [search] = (await vendor.bookOf()).searches;
    expect(search).toMatchObject({ from: 'MAD', to: 'BCN', days: ['2030-10-14', '2030-10-18'], polls: 4 });
  });

  test.each([{ ends: 'withLast' }, { emptyPolls: 2 }, { agencies: 1 }])('ends whole with %j', async (settings) => {
    await vendor.register(settings);
    expect(await found(live)).toMatchObject({ complete: true });
  });

  test('fetches no link before the customer has clicked, and one when they have', async () => {
    const { offers } = await found(live);
    expect((await vendor.bookOf()).clicks).toEqual([]);
    const [offer] = offers;
    await vendor.buy(offer!.token);
    const link = valueOf(await client.link(live, offer!.token, TRAVELLER, CALL));
    expect(link.expiresAt).toEqual(offer!.expiresAt);
    expect(await (await fetch(vendor.here(link.url))).text()).toContain('A simulated agency');
    expect(await vendor.bookOf()).toMatchObject({ clicks: [{ bought: true }], violations: { clickWithoutBuy: 0 } });
    expect((await vendor.bookOf()).clicks).toHaveLength(1);
  });

  test('of which a link is fetched without a customer is held against the partner', async () => {
    const [offer] = (await found(live)).offers;
    await client.link(live, offer!.token, TRAVELLER, CALL);
    expect(await vendor.bookOf()).toMatchObject({ clicks: [{ bought: false }], violations: { clickWithoutBuy: 1 } });
  });

  test('costs the traveller’s party: two adults and a child are one price', async () => {
    const sign = (offer: { token: unknown }) => (offer.token as { sign: string }).sign;
    const alone = new Map((await found(live)).offers.map((offer) => [sign(offer), offer.totalMinor]));
    for (const offer of (await found(live, { adults: 2, children: 1 })).offers) {
      expect(Number(offer.totalMinor) / Number(alone.get(sign(offer)))).toBeCloseTo(2.75, 1);
    }
  });

  test('cut to the cheapest says so', async () => {
    const all = await found(live);
    const some = await found(live, { offersMax: 2 });
    expect(some).toMatchObject({ complete: false, incompleteReason: 'the cheapest 2 of 4' });
    expect(some.offers.map(({ totalMinor }) => totalMinor)).toEqual(
      all.offers.slice(0, 2).map(({ totalMinor }) => totalMinor),
    );
  });

  test('that never ends is what it found when its time is over', async () => {
    await vendor.register({ ends: 'never' });
    const clock = turnable();
    client = clientOf(outbound.send, { clock, pause: clock.pause });
    const connection = connect(vendor.baseUrl, { ...LIVE, POLL_FIRST_MS: '1000', POLL_NEXT_MS: '2000' });
    const outcome = valueOf(await client.searchFlights(connection, flight(), { timeoutMs: 10_000 }));
    expect(outcome).toMatchObject({
      complete: false,
      incompleteReason: 'the search had not ended: its time was over',
    });
    expect(outcome.offers).toHaveLength(4);
    // One second, then two, and none that would be over too late.
    expect(clock.pauses).toEqual([1_000, 2_000, 2_000, 2_000, 2_000]);
    expect((await vendor.bookOf()).searches[0]!.polls).toBe(5);
  });

  test('that never ends and takes no time ends at a number of polls', async () => {
    await vendor.register({ ends: 'never' });
    expect(await found(live)).toMatchObject({ complete: false });
    expect((await vendor.bookOf()).searches[0]!.polls).toBe(60);
  });

  test('outlives a poll that is lost, and after three in a row stands as far as it came', async () => {
    await vendor.scenario([{ operation: 'flight_search_results', fault: 'resetBefore', nth: 2 }]);
    expect(await found(live)).toMatchObject({ complete: true });
    await vendor.scenario([1, 2].map((nth) => ({ operation: 'flight_search_results', fault: 'status5xx', nth })));
    expect(await found(live)).toMatchObject({ complete: true });
    await vendor.scenario([2, 3, 4].map((nth) => ({ operation: 'flight_search_results', fault: 'status5xx', nth })));
    const partial = await found(live);
    expect(partial).toMatchObject({ complete: false, incompleteReason: expect.stringContaining('had not ended') });
    expect(partial.offers.length).toBeGreaterThan(0);
  });

  test('whose first answers are slow to come is waited for', async () => {
    await vendor.scenario([{ operation: 'flight_search_results', fault: 'pendingFirst', ms: 3_000 }]);
    expect(await found(live)).toMatchObject({ complete: true });
  });

  test('that is called off stands as far as it came', async () => {
    const controller = new AbortController();
    let polls = 0;
    client = clientOf(outbound.send, {
      pause: async () => {
        if (++polls === 3) controller.abort();
      },
    });
    const outcome = await client.searchFlights(live, flight(), { ...CALL, signal: controller.signal });
    expect(valueOf(outcome)).toMatchObject({ complete: false });
    expect(valueOf(outcome).offers.length).toBeGreaterThan(0);
  });

  test('pauses by itself no longer than its signal allows', async () => {
    const controller = new AbortController();
    client = clientOf(async (request, call) => {
      const answer = await outbound.send(request, call);
      // When the answer has been read and the pause has begun.
      setImmediate(() => controller.abort());
      return answer;
    });
    const connection = connect(vendor.baseUrl, { ...LIVE, POLL_FIRST_MS: '60000' });
    const call = { timeoutMs: 600_000, signal: controller.signal };
    expect(valueOf(await client.searchFlights(connection, flight(), call))).toMatchObject({
      offers: [],
      complete: false,
    });
    expect((await vendor.bookOf()).searches).toMatchObject([{ polls: 0 }]);
  });

  test('dies after fifteen minutes: the link is not asked for, and the vendor would not give it', async () => {
    const [offer] = (await found(live)).offers;
    const late = new Date(Date.now() + 900_001);
    const calls = outboundCalls({ now: () => late });
    expect(await calls.client.link(live, offer!.token, TRAVELLER, CALL)).toMatchObject({ reason: 'rejected' });
    expect(calls.count()).toBe(0);
    await vendor.register({ resultSeconds: 0 });
    expect(await client.link(live, offer!.token, TRAVELLER, CALL)).toMatchObject({
      reason: 'rejected',
      detail: expect.stringContaining('search again'),
    });
  });

  test('whose results are unknown there is over, by 404 or by silence', async () => {
    await vendor.register({ resultSeconds: 0 });
    expect(await client.searchFlights(live, flight(), CALL)).toMatchObject({ kind: 'notDone', reason: 'rejected' });
    await vendor.register({ resultSeconds: 0, unknownSearch: 'empty' });
    expect(await found(live)).toMatchObject({ offers: [], complete: false });
  });

  test('in a currency without a rate is refused before anybody waits', async () => {
    expect(await client.searchFlights(live, flight({ currencyCode: 'KMF' }), CALL)).toMatchObject({
      reason: 'rejected',
      detail: 'the vendor has no rate for KMF',
    });
    expect((await found(live, { currencyCode: 'RUB' })).offers.length).toBe(4);
  });

  test('of an agency that takes its customers by a form has no address to give', async () => {
    await vendor.register({ clickMethod: 'POST' });
    const [offer] = (await found(live)).offers;
    await vendor.buy(offer!.token);
    expect(await client.link(live, offer!.token, TRAVELLER, CALL)).toMatchObject({
      reason: 'rejected',
      detail: 'the agency takes its customers by a form only',
    });
  });
});

describe('where no live search may be made', () => {
  test.each([null, '127.0.0.1', '127.8.9.10', '::1', '::ffff:127.0.0.1', 'unknown', ''])(
    'the traveller’s address being %j, cached prices are shown and said to be so',
    async (ip) => {
      const { offers, complete, incompleteReason } = await found(live, { traveller: { ...TRAVELLER, ip } });
      expect(offers.length).toBeGreaterThan(0);
      expect(complete).toBe(false);
      expect(incompleteReason).toContain('a live search needs the traveller’s own address');
      const { searches, violations } = await vendor.bookOf();
      expect(searches).toEqual([]);
      expect(violations.loopbackAddress).toBe(0);
    },
  );

  test('an address of any other network is searched for', async () => {
    for (const ip of ['203.0.113.7', '2001:db8::7', '10.0.0.1']) {
      expect(await found(live, { traveller: { ...TRAVELLER, ip } })).toMatchObject({ complete: true });
    }
  });

  test('a sandbox makes neither search nor click at the vendor itself', async () => {
    const sandbox = { ...connect(VENDOR, LIVE), mode: 'SANDBOX' as const };
    const { send, asked } = answering({ prices_for_dates: { success: true, data: [], currency: 'usd' } });
    const trial = clientOf(send);
    expect(valueOf(await trial.searchFlights(sandbox, flight(), CALL)).incompleteReason).toContain('no sandbox');
    expect(asked.map(({ url }) => url.pathname)).not.toContain('/v1/flight_search');
    const before = asked.length;
    const token = { surface: 'live', searchId: '12345678', term: '1', expiresAt: '2100-01-01T00:00:00.000Z' };
    expect(await trial.link(sandbox, token, TRAVELLER, CALL)).toMatchObject({ reason: 'misconfigured' });
    expect(asked).toHaveLength(before);
    const account = { mode: 'SANDBOX', baseUrl: vendor.baseUrl } as Account;
    expect(liveRefusal(account, flight())).toBeNull();
  });

  test('without a site the setting is named', async () => {
    const nowhere = connect(vendor.baseUrl, { SURFACE: 'live' });
    expect(await client.searchFlights(nowhere, flight(), CALL)).toMatchObject({
      reason: 'misconfigured',
      detail: expect.stringContaining('HOST'),
    });
  });
});

describe('a query that the vendor would refuse is refused before it is sent', () => {
  const nowhere = connect('http://127.0.0.1:9');
  test.each<Partial<FlightQuery>>([
    { from: 'madrid' },
    { to: 'BC' },
    { to: 'MAD' },
    { departure: '2030-02-30' },
    { departure: '14.10.2030' },
    { return: '2030-10-13' },
    { return: 'soon' },
    { adults: 0 },
    { adults: 10 },
    { adults: 1.5 },
    { children: 7 },
    { children: -1 },
    { currencyCode: 'XYZ' },
  ])('%j', async (changes) => {
    expect(await client.searchFlights(nowhere, flight(changes), CALL)).toMatchObject({ reason: 'rejected' });
  });

  test.each<JsonValue>([
    null,
    'text',
    {},
    { surface: 'cached', path: '//evil.example.com' },
    { surface: 'live', searchId: '../x' },
  ])('an offer that is none of ours: %j', async (token) => {
    expect(await client.link(nowhere, token, TRAVELLER, CALL)).toMatchObject({ reason: 'rejected' });
  });
});

describe('a probe', () => {
  test('proves the token by one small call, even where nothing is known', async () => {
    const calls = outboundCalls();
    expect(await calls.client.probe(cached, CALL)).toEqual({ kind: 'done', value: null });
    expect(calls.count()).toBe(1);
    await vendor.register({ emptyShare: 1 });
    expect(await client.probe(cached, CALL)).toMatchObject({ kind: 'done' });
  });

  test('fails with a token the vendor does not know, and one or a marker that can’t be sent', async () => {
    for (const change of [
      { TOKEN: 'f'.repeat(32) },
      { TOKEN: '' },
      { TOKEN: 'a b c d e' },
      { MARKER: '' },
      { MARKER: 'a.b' },
    ]) {
      const wrong = { ...cached, credentials: { ...CREDENTIALS, ...change } };
      expect(await client.probe(wrong, CALL)).toMatchObject({ kind: 'notDone', reason: 'misconfigured' });
    }
  });
});

function hoursBefore(local: string, hours: number): string {
  return new Date(Date.parse(`${local}:00Z`) - hours * 3_600_000).toISOString().slice(0, 16);
}

function dayDistance(one: string, other: string): number {
  return Math.abs(Date.parse(one) - Date.parse(other)) / 86_400_000;
}

/** A day of the month that nobody searched: asked by hand, for the seed decides. */
async function daysWithout(month: string, emptyShare: number): Promise<{ empty: string }> {
  await vendor.register({ emptyShare });
  const query = `origin=MAD&destination=BCN&departure_at=${month}&one_way=true&limit=1000&currency=usd`;
  const headers = { 'x-access-token': CREDENTIALS.TOKEN };
  const answer = await fetch(`${vendor.baseUrl}/aviasales/v3/prices_for_dates?${query}`, { headers });
  const { data } = (await answer.json()) as { data: { departure_at: string }[] };
  const full = new Set(data.map((one) => one.departure_at.slice(0, 10)));
  const days = Array.from({ length: 28 }, (_none, index) => `${month}-${String(index + 1).padStart(2, '0')}`);
  const empty = days.find((day) => !full.has(day));
  if (empty === undefined || full.size < 3) throw new Error('the seed leaves no day out');
  return { empty };
}

function outboundCalls(clock = { now: () => new Date() }) {
  let calls = 0;
  const counting = clientOf(
    (request, call) => {
      calls++;
      return outbound.send(request, call);
    },
    { clock },
  );
  return { client: counting, count: () => calls };
}

/** A clock that goes on only while somebody pauses. */
function turnable() {
  let now = Date.now();
  const pauses: number[] = [];
  return {
    pauses,
    now: () => new Date(now),
    pause: async (ms: number) => {
      pauses.push(ms);
      now += ms;
    },
  };
}
