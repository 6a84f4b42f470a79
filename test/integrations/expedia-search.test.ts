import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createOutbound } from '../../src/integrations/http.ts';
import type { LodgingClient, ProviderConnection } from '../../src/integrations/travel.ts';
import {
  TRAVELLER,
  bookedInput,
  connectionTo,
  day,
  done,
  expediaClient,
  made,
  memoryCache,
  startExpedia,
  stayQuery,
  type Expedia,
} from '../helpers/expedia.ts';

const CALL = { timeoutMs: 10_000 };
const outbound = createOutbound();
let expedia: Expedia;
let connection: ProviderConnection;
let client: LodgingClient;

beforeAll(async () => {
  expedia = await startExpedia();
  connection = connectionTo(expedia.apiUrl);
});
afterAll(async () => {
  await expedia.stop();
  outbound.close();
});
beforeEach(async () => {
  client = expediaClient(outbound.send);
  await expedia.register();
  await expedia.scenario([], `search ${expect.getState().currentTestName}`.slice(0, 200));
});

describe('a search', () => {
  test('finds priced offers of a city by its code, with names, taxes and what is paid at the property', async () => {
    const found = done(await client.searchStays(connection, stayQuery(), CALL));
    expect(found).toMatchObject({ complete: true, incompleteReason: null });
    expect(found.offers.length).toBeGreaterThanOrEqual(12);
    expect(found.offers[0]).toMatchObject({
      propertyId: '19248',
      propertyName: 'Harbour House Seattle',
      roomName: 'Superior Queen Room',
      currencyCode: 'USD',
      expiresAt: null,
    });
    // The same as is checked and booked, to the last unit.
    const [first] = found.offers;
    const checked = done(await client.check(connection, first!.token, TRAVELLER, CALL));
    expect(checked).toMatchObject({ state: 'AVAILABLE', totalMinor: first!.totalMinor });
  });

  test.each(['SEA', 'region:178307', 'LON', 'PAR', 'DXB', 'CAI', 'RUH', 'IST', 'TPE', 'NRT', 'SIN', 'JFK'])(
    'finds something in %s on any day of the next year',
    async (destination) => {
      for (const ahead of [1, 180, 360]) {
        const query = stayQuery({ destination, checkIn: day(ahead), checkOut: day(ahead + 2) });
        expect(done(await client.searchStays(connection, query, CALL)).offers.length).toBeGreaterThan(3);
      }
    },
  );

  test.each([
    ['JPY', 0],
    ['USD', 2],
    ['KWD', 3],
    ['EGP', 2],
  ])('prices in %s to the last unit', async (currencyCode, decimals) => {
    const { offers } = done(await client.searchStays(connection, stayQuery({ currencyCode }), CALL));
    expect(offers[0]).toMatchObject({ currencyCode });
    const dollars = done(await client.searchStays(connection, stayQuery(), CALL)).offers[0]!;
    const rate = { JPY: 151, USD: 1, KWD: 0.307, EGP: 48.5 }[currencyCode]!;
    const wanted = (Number(dollars.totalMinor) / 100) * rate * 10 ** decimals;
    expect(Number(offers[0]!.totalMinor) / wanted).toBeCloseTo(1, 2);
  });

  test('asks the place once and each name once, whatever the dates', async () => {
    const cache = memoryCache();
    client = expediaClient(outbound.send, { cache });
    await client.searchStays(connection, stayQuery(), CALL);
    await client.searchStays(connection, stayQuery({ checkIn: day(90), checkOut: day(91) }), CALL);
    expect(cache.asked.filter((one) => one.startsWith('regions'))).toEqual(['regions property_ids:SEA']);
    const names = cache.asked.filter((one) => one.startsWith('content'));
    expect(new Set(names).size).toBe(names.length);
  });

  test('asks names for all properties in one call', async () => {
    const urls: string[] = [];
    client = expediaClient((request, call) => {
      urls.push(request.url);
      return outbound.send(request, call);
    });
    await client.searchStays(connection, stayQuery({ offersMax: 200 }), CALL);
    expect(urls.filter((url) => url.includes('/properties/content'))).toHaveLength(1);
    expect(urls).toHaveLength(3);
  });

  test('prices several rooms together, equal ones as often as they are asked for', async () => {
    const one = stayQuery({ propertyIds: ['19250'], destination: null });
    const single = done(await client.searchStays(connection, one, CALL)).offers[0]!;
    const rooms = [
      { adults: 2, childAges: [] },
      { adults: 2, childAges: [] },
    ];
    const both = done(await client.searchStays(connection, { ...one, occupancies: rooms }, CALL)).offers[0]!;
    expect(both.totalMinor).toBe(2n * single.totalMinor);
  });

  test('of one property offers several rates, as many as are looked at', async () => {
    const query = stayQuery({ propertyIds: ['19248'], destination: null, offersMax: 6 });
    expect(done(await client.searchStays(connection, query, CALL)).offers).toHaveLength(6);
    const few = done(await client.searchStays(connection, { ...query, offersMax: 2 }, CALL)).offers;
    expect(few).toHaveLength(2);
  });

  test('of a place nobody knows finds nothing; of a region nobody knows, or in another spelling, is refused', async () => {
    expect(done(await client.searchStays(connection, stayQuery({ destination: 'ZZZ' }), CALL)).offers).toEqual([]);
    for (const destination of ['region:1', 'city:-2140479', 'Seattle', '']) {
      const outcome = await client.searchStays(connection, stayQuery({ destination }), CALL);
      expect(outcome).toMatchObject({ kind: 'notDone', reason: 'rejected' });
    }
  });

  test('splits a large place into parts of at most 250', async () => {
    const ids = Array.from({ length: 600 }, (_one, index) => String(19_248 + index));
    const sizes: number[] = [];
    client = expediaClient((request, call) => {
      const url = new URL(request.url);
      if (url.pathname.endsWith('/availability')) sizes.push(url.searchParams.getAll('property_id').length);
      return outbound.send(request, call);
    });
    const big = { ...connection, settings: { PROPERTIES_MAX: '2500' } };
    const query = stayQuery({ destination: null, propertyIds: ids, offersMax: 500 });
    const found = done(await client.searchStays(big, query, CALL));
    expect(sizes).toEqual([200, 200, 200]);
    expect(found.complete).toBe(true);
    sizes.length = 0;
    done(await client.searchStays(connection, query, CALL));
    expect(sizes).toEqual([250, 250]);
  });

  test('that runs out of time says so, and what it found until then stands', async () => {
    const ids = Array.from({ length: 500 }, (_one, index) => String(19_248 + index));
    const query = stayQuery({ destination: null, propertyIds: ids, offersMax: 500 });
    await expedia.scenario([{ operation: 'shop', fault: 'hang', nth: 2 }]);
    const found = done(await client.searchStays(connection, query, { timeoutMs: 3_000 }));
    expect(found).toMatchObject({
      complete: false,
      incompleteReason: '1 of 2 parts of the search had no answer in time',
    });
    expect(found.offers.length).toBeGreaterThan(10);
  });

  test('sends nothing after its time', async () => {
    const ids = Array.from({ length: 2_500 }, (_one, index) => String(19_248 + index));
    let sent = 0;
    client = expediaClient((request, call) => {
      if (request.url.includes('/availability')) sent++;
      return outbound.send(request, call);
    });
    await expedia.scenario([{ operation: 'shop', fault: 'hang' }]);
    const large = { ...connection, settings: { PROPERTIES_MAX: '2500' } };
    const query = stayQuery({ destination: null, propertyIds: ids });
    const outcome = await client.searchStays(large, query, { timeoutMs: 500 });
    expect(outcome).toMatchObject({ kind: 'notDone', reason: 'unavailable' });
    expect(sent).toBe(4);
  });

  test('whose names do not come is complete without them', async () => {
    await expedia.scenario([{ operation: 'content', fault: 'status5xx' }]);
    const found = done(await client.searchStays(connection, stayQuery(), CALL));
    expect(found.complete).toBe(true);
    expect(found.offers[0]).toMatchObject({ propertyId: '19248', propertyName: null });
  });

  test("leaves out what the property charges, and what the vendor's own filter let pass", async () => {
    await expedia.register({ chargedBy: 'property' });
    expect(done(await client.searchStays(connection, stayQuery(), CALL)).offers).toEqual([]);
    await expedia.register({ chargedBy: 'both' });
    const query = stayQuery({ propertyIds: ['19248'], destination: null, offersMax: 20 });
    expect(done(await client.searchStays(connection, query, CALL)).offers).toHaveLength(4);
  });

  test('reads ids that are numbers, and links that are whole', async () => {
    await expedia.register({ numericIds: true, links: 'absolute' });
    const { result, input } = await made(client, connection);
    expect(result.state).toBe('CONFIRMED');
    const found = done(await client.lookUp(connection, bookedInput(input, null), CALL));
    expect(found).toMatchObject({ state: 'CONFIRMED' });
  });
});
