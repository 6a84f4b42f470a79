import { describe, expect, test } from 'vitest';
import type { OutboundSend } from '../../src/integrations/contract.ts';
import type { ProviderCache } from '../../src/integrations/travel.ts';
import { CALL, ORION, answered, cacheOf, clientOf, connectionTo, done, query, scripted } from '../helpers/booking.ts';
import { AVAILABILITY_SAMPLE } from '../helpers/booking-samples.ts';

const connection = connectionTo('https://demandapi-sandbox.booking.com/3.2');

describe('the deadline of a search', () => {
  const entry = (id: number) => ({
    id,
    currency: { accommodation: 'EUR', booker: 'EUR' },
    price: { total: { accommodation_currency: 100, booker_currency: 100 } },
    products: [{ id: `p${id}`, number_of_adults: 2, children: [] }],
  });

  test('is shared by its calls, and what is missing then is said', async () => {
    let at = 0;
    const budgets: number[] = [];
    const send: OutboundSend = async (request, call) => {
      budgets.push(call.timeoutMs);
      at += 400;
      const data = request.url.endsWith('/search') ? [entry(budgets.length)] : [];
      return {
        status: 200,
        headers: {},
        body: JSON.stringify({ data, metadata: { next_page: `p${budgets.length}` } }),
      };
    };
    const client = clientOf(send, { now: () => new Date(at) });
    at = Date.now();
    const found = done(await client.searchStays(connection, query(), { timeoutMs: 1_000 }));
    expect(found).toMatchObject({ complete: false, incompleteReason: 'the time was over before the next page' });
    expect(found.offers).toHaveLength(2);
    // The first page may take all; a later one leaves a tenth for the names.
    expect(budgets).toEqual([1_000, 500, 200]);
  });

  test('is not waited out for names that do not come', async () => {
    const send = scripted(answered({ data: [entry(1)], metadata: { next_page: null } }));
    const stuck: ProviderCache = { through: () => new Promise(() => undefined) };
    const found = done(await clientOf(send, { cache: stuck }).searchStays(connection, query(), { timeoutMs: 100 }));
    expect(found).toMatchObject({ complete: true, offers: [{ propertyName: null, roomName: 'Room' }] });
  });

  test('ends with the caller who went away', async () => {
    const controller = new AbortController();
    const stuck: ProviderCache = { through: () => new Promise(() => controller.abort()) };
    const send = scripted(answered({ data: [entry(1)], metadata: {} }));
    const call = { timeoutMs: 60_000, signal: controller.signal };
    expect(done(await clientOf(send, { cache: stuck }).searchStays(connection, query(), call)).offers).toHaveLength(1);
  });

  test('names cost one call for all properties, which two searches at once share', async () => {
    const data = [1, 2, 3].map(entry);
    const calls: string[] = [];
    const send: OutboundSend = async (request) => {
      calls.push(request.url.split('/').at(-1)!);
      const body = request.url.endsWith('/details')
        ? { data: data.map(({ id }) => ({ id, name: { 'en-gb': `Hotel ${id}` } })) }
        : { data, metadata: { next_page: null } };
      return { status: 200, headers: {}, body: JSON.stringify(body) };
    };
    const client = clientOf(send, { cache: cacheOf() });
    const both = await Promise.all([1, 2].map(() => client.searchStays(connection, query(), CALL)));
    for (const outcome of both) {
      expect(done(outcome).offers.map(({ propertyName }) => propertyName)).toEqual(['Hotel 1', 'Hotel 2', 'Hotel 3']);
    }
    expect(calls.filter((name) => name === 'details')).toHaveLength(1);
  });

  test('an offer that cannot be read hides no other, and is said to be missing', async () => {
    const data = [entry(1), { id: 'x' }, null, { ...entry(2), price: { total: { booker_currency: 1.005 } } }];
    const found = done(
      await clientOf(scripted(answered({ data, metadata: {} }))).searchStays(connection, query(), CALL),
    );
    expect(found).toMatchObject({ complete: false, incompleteReason: '3 offers could not be read' });
    expect(found.offers.map(({ propertyId }) => propertyId)).toEqual(['1']);
  });

  test('a rate that cannot be read hides no other, and is said to be missing', async () => {
    const { data } = JSON.parse(AVAILABILITY_SAMPLE) as { data: { products: object[] }[] };
    const [property] = data;
    const products = [...property!.products, { id: 'x', price: { total: { booker_currency: 'much' } } }, { room: 5 }];
    const look = query({ destination: null, propertyIds: [ORION] });
    const send = scripted(answered({ data: [{ ...property, products }, { id: {} }, { ...property, id: 7 }] }));
    const found = done(await clientOf(send).searchStays(connection, look, CALL));
    expect(found).toMatchObject({ complete: false, incompleteReason: '3 offers could not be read' });
    expect(found.offers.map(({ propertyId }) => propertyId)).toEqual([ORION]);
  });

  test('a page that comes again is read no further', async () => {
    const send = scripted(answered({ data: [entry(1)], metadata: { next_page: 'same' } }));
    const found = done(await clientOf(send).searchStays(connection, query(), CALL));
    expect(found).toMatchObject({ complete: false, incompleteReason: 'the vendor gave the same page again' });
    expect(found.offers).toHaveLength(1);
    expect(send.asked.filter(({ url }) => url.endsWith('/search'))).toHaveLength(2);
  });

  test('pages without an end are read ten times', async () => {
    let nth = 0;
    const send: OutboundSend = async () => {
      nth++;
      return {
        status: 200,
        headers: {},
        body: JSON.stringify({ data: [entry(nth)], metadata: { next_page: `p${nth}` } }),
      };
    };
    const found = done(await clientOf(send).searchStays(connection, query({ offersMax: 1_000 }), CALL));
    expect(found).toMatchObject({ complete: false, incompleteReason: 'no more than 10 pages are read' });
    expect(found.offers).toHaveLength(10);
  });
});
