import { inspect } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import fc from '../helpers/property.ts';
import type { OutboundCall, OutboundSend, Outcome } from '../../src/integrations/contract.ts';
import { createOutbound, OutboundFailure } from '../../src/integrations/http.ts';
import { createPolicy } from '../../src/integrations/policy.ts';
import type { FlightDiscoveryClient, JsonValue, ProviderConnection } from '../../src/integrations/travel.ts';
import {
  CALL,
  CREDENTIALS,
  LIVE,
  TRAVELLER,
  VENDOR,
  answering,
  clientOf,
  connect,
  endOf,
  flight,
  startTravelpayouts,
  valueOf,
} from '../helpers/travelpayouts.ts';
import { UNDER_FAULT } from './conformance.ts';

const outbound = createOutbound();
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
  await vendor.register();
  await vendor.scenario([], `faults ${expect.getState().currentTestName}`);
  await vendor.scenario([]);
});

interface Operation {
  /** The vendor's name of what meets the fault. */
  readonly meets: string;
  readonly effect: boolean;
  /** Done before any fault is set. */
  prepare?(): Promise<JsonValue>;
  run(client: FlightDiscoveryClient, call: OutboundCall, about: JsonValue): Promise<Outcome<unknown>>;
}

async function liveOffer(): Promise<JsonValue> {
  const { offers } = valueOf(await clientOf(outbound.send).searchFlights(live, flight(), CALL));
  await vendor.buy(offers[0]!.token);
  return offers[0]!.token;
}

const OPERATIONS: Readonly<Record<string, Operation>> = {
  probe: { meets: 'prices_for_dates', effect: false, run: (client, call) => client.probe(cached, call) },
  'a cached search': {
    meets: 'prices_for_dates',
    effect: false,
    run: (client, call) => client.searchFlights(cached, flight(), call),
  },
  'the start of a live search': {
    meets: 'flight_search',
    effect: false,
    run: (client, call) => client.searchFlights(live, flight(), call),
  },
  'the results of a live search': {
    meets: 'flight_search_results',
    effect: false,
    run: (client, call) => client.searchFlights(live, flight(), call),
  },
  'a click': {
    meets: 'clicks',
    effect: true,
    prepare: liveOffer,
    run: (client, call, offer) => client.link(live, offer, TRAVELLER, call),
  },
};

describe.each(Object.entries(OPERATIONS))('%s', (_name, operation) => {
  test.each(UNDER_FAULT)(
    'under %s %j ends as it must, without naming a secret',
    async (fault, facts, reading, acting) => {
      const about = (await operation.prepare?.()) ?? null;
      await vendor.scenario([{ operation: operation.meets, fault, ...facts }]);
      const call = { timeoutMs: fault.startsWith('hang') ? 500 : 5_000 };
      const outcome = await operation.run(clientOf(outbound.send), call, about);
      expect(endOf(outcome)).toBe(operation.effect ? acting : reading);
      if (endOf(outcome) === 'rateLimited') expect(outcome).toHaveProperty('retryAt', expect.any(Date));
      expect(inspect(outcome, { depth: null })).not.toContain(CREDENTIALS.TOKEN);
    },
  );

  test('finds nobody listening unavailable, and a credential that is refused misconfigured', async () => {
    const about = (await operation.prepare?.()) ?? null;
    const nowhere: OutboundSend = (request, call) =>
      outbound.send({ ...request, url: request.url.replace(vendor.baseUrl, 'http://127.0.0.1:9') }, call);
    expect(await operation.run(clientOf(nowhere), CALL, about)).toMatchObject({ reason: 'unavailable' });
    const refusing: OutboundSend = async () => ({ status: 403, headers: {}, body: '{"error":"no access"}' });
    expect(await operation.run(clientOf(refusing), CALL, about)).toMatchObject({ reason: 'misconfigured' });
  });
});

test('wrong credentials are misconfigured on either surface', async () => {
  for (const connection of [cached, live]) {
    for (const change of [{ TOKEN: 'f'.repeat(32) }, { TOKEN: '' }, { MARKER: '' }]) {
      const wrong = { ...connection, credentials: { ...CREDENTIALS, ...change } };
      expect(await clientOf(outbound.send).searchFlights(wrong, flight(), CALL)).toMatchObject({
        kind: 'notDone',
        reason: 'misconfigured',
      });
    }
  }
  await vendor.register({ liveAccess: false });
  expect(await clientOf(outbound.send).searchFlights(live, flight(), CALL)).toMatchObject({ reason: 'misconfigured' });
});

test('a click whose answer is lost was counted once, and nobody sends it again', async () => {
  const token = await liveOffer();
  await vendor.scenario([{ operation: 'clicks', fault: 'resetAfter' }]);
  expect(await clientOf(outbound.send).link(live, token, TRAVELLER, CALL)).toMatchObject({ kind: 'unknown' });
  expect((await vendor.bookOf()).clicks).toHaveLength(1);
  await vendor.scenario([{ operation: 'clicks', fault: 'resetBefore' }]);
  expect(await clientOf(outbound.send).link(live, token, TRAVELLER, CALL)).toMatchObject({ kind: 'unknown' });
  expect((await vendor.bookOf()).clicks).toHaveLength(1);
});

test('a poll that is lost after it was counted loses an agency, and the search still ends', async () => {
  await vendor.scenario([{ operation: 'flight_search_results', fault: 'resetAfter', nth: 1 }]);
  const { complete, offers } = valueOf(await clientOf(outbound.send).searchFlights(live, flight(), CALL));
  expect(complete).toBe(true);
  expect(offers.length).toBeGreaterThan(0);
});

test('prices with too many decimals, or of nothing, are left out and said to be', async () => {
  await vendor.scenario([{ operation: '*', fault: 'wrongAmount' }]);
  for (const connection of [cached, live]) {
    const found = valueOf(await clientOf(outbound.send).searchFlights(connection, flight(), CALL));
    expect(found).toMatchObject({ offers: [], complete: false, incompleteReason: expect.stringContaining('left out') });
  }
});

test('prices in another currency than was asked for are in that one', async () => {
  await vendor.scenario([{ operation: 'prices_for_dates', fault: 'wrongCurrency' }]);
  const { offers } = valueOf(await clientOf(outbound.send).searchFlights(cached, flight(), CALL));
  expect(new Set(offers.map(({ currencyCode }) => currencyCode))).toEqual(new Set(['GBP']));
});

test('flight numbers that come as numbers are the same', async () => {
  const numbers = async () =>
    valueOf(await clientOf(outbound.send).searchFlights(cached, flight(), CALL)).offers.map(
      ({ legs }) => legs[0]!.flightNumber,
    );
  const texts = await numbers();
  await vendor.scenario([{ operation: 'prices_for_dates', fault: 'numericIds' }]);
  expect(await numbers()).toEqual(texts);
});

test('a failure that comes with 200 is one', async () => {
  await vendor.register({ failsWith: 'the dates are odd' });
  expect(await clientOf(outbound.send).searchFlights(cached, flight(), CALL)).toMatchObject({
    reason: 'rejected',
    detail: 'refused: the dates are odd',
  });
});

describe('the vendor’s limits', () => {
  const turnable = () => {
    let now = Date.parse('2026-11-21T10:00:20Z');
    return { now: () => new Date(now), turn: (ms: number) => void (now += ms) };
  };
  /** As the product uses it: behind the watch of all vendors' limits. */
  const watched = (clock = turnable()) => {
    const policy = createPolicy({ integration: 'travelpayouts', clock, random: () => 0.5 });
    return { policy, clock, client: clientOf(policy.watch(outbound.send), { clock }) };
  };

  test('of one method stop that method until the minute ends, and no other', async () => {
    await vendor.register({ limitsPerMinute: { prices_for_dates: 1 } });
    const { client, clock, policy } = watched();
    expect(await client.probe(cached, CALL)).toMatchObject({ kind: 'done' });
    expect(policy.snapshot().rateLimitRemaining).toBe(0);
    // The vendor's second call of the minute: 58 seconds of it are left.
    const again = new Date(clock.now().getTime() + 58_000);
    expect(await client.probe(cached, CALL)).toMatchObject({ detail: 'too many calls', retryAt: again });
    expect(await client.probe(cached, CALL)).toMatchObject({ reason: 'rateLimited', retryAt: again });
    expect(await client.searchFlights(live, flight(), CALL)).toMatchObject({ kind: 'done' });
    const asked = async () => Number((await client.probe(cached, CALL)).kind === 'notDone');
    clock.turn(57_999);
    expect(await asked()).toBe(1);
    await vendor.register();
    expect(await asked()).toBe(1);
    clock.turn(1);
    expect(await asked()).toBe(0);
  });

  test('of one account are not another’s', async () => {
    await vendor.register({ limitsPerMinute: { prices_for_dates: 1 } });
    await vendor.register({ token: 'f'.repeat(32) }, 'other');
    const { client } = watched();
    await client.probe(cached, CALL);
    expect(await client.probe(cached, CALL)).toMatchObject({ reason: 'rateLimited' });
    const other = { ...cached, credentials: { ...CREDENTIALS, TOKEN: 'f'.repeat(32) } };
    expect(await client.probe(other, CALL)).toMatchObject({ kind: 'done' });
  });

  test('without a word of when they end are over in a minute', async () => {
    const clock = turnable();
    const send: OutboundSend = async () => ({ status: 429, headers: {}, body: '' });
    const policy = createPolicy({ integration: 'travelpayouts', clock, random: () => 0.5 });
    const retryAt = new Date(clock.now().getTime() + 60_000);
    for (const client of [clientOf(send, { clock }), clientOf(policy.watch(send), { clock })]) {
      expect(await client.probe(connect(VENDOR), CALL)).toMatchObject({ reason: 'rateLimited', retryAt });
      expect(await client.probe(connect(VENDOR), CALL)).toMatchObject({ reason: 'rateLimited', retryAt });
    }
  });

  test('of live searches are counted for each traveller, and kept before the vendor says anything', async () => {
    const clock = turnable();
    const client = clientOf(outbound.send, { clock });
    const two = connect(vendor.baseUrl, { ...LIVE, LIVE_SEARCHES_PER_HOUR: '2' });
    const search = (ip: string) => client.searchFlights(two, flight({ traveller: { ...TRAVELLER, ip } }), CALL);
    expect([endOf(await search('203.0.113.7')), endOf(await search('203.0.113.7'))]).toEqual(['done', 'done']);
    expect(await search('203.0.113.7')).toMatchObject({
      reason: 'rateLimited',
      retryAt: new Date(clock.now().getTime() + 3_600_000),
    });
    expect(endOf(await search('203.0.113.8'))).toBe('done');
    expect((await vendor.bookOf()).searches).toHaveLength(3);
    clock.turn(3_600_000);
    expect(endOf(await search('203.0.113.7'))).toBe('done');
  });

  test('of live searches that the vendor counts itself stop that traveller only', async () => {
    await vendor.register({ searchesPerHour: 1 });
    const { client } = watched();
    const search = (ip: string) => client.searchFlights(live, flight({ traveller: { ...TRAVELLER, ip } }), CALL);
    expect([endOf(await search('203.0.113.7')), endOf(await search('203.0.113.7'))]).toEqual(['done', 'rateLimited']);
    expect(endOf(await search('203.0.113.8'))).toBe('done');
    expect(await client.searchFlights(cached, flight(), CALL)).toMatchObject({ kind: 'done' });
  });
});

describe('whatever bytes the vendor answers', () => {
  const id = 'c9c6de8c-3fb4-404e-b88c-e9e0a605f183';
  const SAMPLES: readonly JsonValue[] = [
    { success: true, currency: 'usd', data: [offerRow()] },
    { success: true, currency: 'usd', data: { '2030-10-14': offerRow() } },
    {
      success: true,
      data: { BCN: { '0': { price: 3, departure_at: '2030-10-14T07:00:00Z', expires_at: '2031-01-01T00:00:00Z' } } },
    },
    [{ code: 'MAD', time_zone: 'Europe/Madrid', city_code: 'MAD' }],
    { search_id: id, meta: { uuid: id }, currency_rates: { usd: 78.1 } },
    [{ search_id: id, proposals: [proposal()] }, { search_id: id }],
    { params: {}, method: 'GET', url: 'https://agency.example.com/', gate_id: 20, click_id: 22 },
    { success: false, data: {}, error: 'Unauthorized' },
  ];

  const anything = fc.jsonValue({ maxDepth: 2 }).map((value) => value as JsonValue);
  const mutated = fc
    .tuple(fc.constantFrom(...SAMPLES), fc.array(fc.tuple(fc.nat(), anything), { minLength: 1, maxLength: 4 }))
    .map(([sample, changes]) =>
      JSON.stringify(changes.reduce((value, [at, put]) => replaceAt(value, at, put), sample)),
    );
  const cut = fc
    .tuple(fc.constantFrom(...SAMPLES), fc.nat(400))
    .map(([sample, length]) => JSON.stringify(sample).slice(0, length));
  const answers = fc.record({
    status: fc.constantFrom(200, 200, 200, 204, 301, 400, 401, 403, 404, 405, 409, 422, 429, 500, 503),
    body: fc.oneof(mutated, mutated, cut, fc.string({ maxLength: 200 }), fc.string({ unit: 'binary', maxLength: 100 })),
    headers: fc.dictionary(
      fc.constantFrom('retry-after', 'x-rate-limit-reset', 'x-rate-limit-remaining', 'content-type'),
      fc.oneof(fc.string({ maxLength: 20 }), fc.constantFrom('0', '-1', '1e9', '99999999999999999999')),
    ),
  });

  test('no method throws, and no outcome names a secret', async () => {
    const token = { surface: 'live', searchId: id, term: '2', expiresAt: '2100-01-01T00:00:00.000Z' };
    await fc.assert(
      fc.asyncProperty(fc.array(answers, { minLength: 1, maxLength: 4 }), async (given) => {
        let turn = 0;
        const send: OutboundSend = async () => given[turn++ % given.length]!;
        const make = () => clientOf(send, { pause: async () => undefined });
        const outcomes = [
          await make().probe(connect(VENDOR), CALL),
          await make().searchFlights(connect(VENDOR), flight(), CALL),
          await make().searchFlights(connect(VENDOR, LIVE), flight({ return: null }), CALL),
          await make().link(connect(VENDOR), token, TRAVELLER, CALL),
        ];
        for (const outcome of outcomes) {
          expect(['done', 'notDone', 'unknown']).toContain(outcome.kind);
          expect(inspect(outcome, { depth: null })).not.toContain(CREDENTIALS.TOKEN);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('a defect of ours is none of the vendor’s answers and is passed on', async () => {
    const broken = clientOf(async () => {
      throw new Error('a transaction is open');
    });
    await expect(broken.probe(connect(VENDOR), CALL)).rejects.toThrow('a transaction is open');
    const failing = clientOf(async () => {
      throw new OutboundFailure('TIMED_OUT', 'maybe', 'no answer');
    });
    expect(await failing.probe(connect(VENDOR), CALL)).toMatchObject({ reason: 'unavailable' });
  });

  test('a dictionary of nonsense makes no time of it', async () => {
    const rows = [
      { code: 'MAD', time_zone: 'Mars/Crater' },
      { code: 'BCN', time_zone: 7 },
    ];
    const { send } = answering({
      airports: rows,
      prices_for_dates: { success: true, currency: 'usd', data: [offerRow()] },
    });
    const { offers } = valueOf(await clientOf(send).searchFlights(connect(VENDOR), flight(), CALL));
    expect(offers[0]!.legs[0]).toMatchObject({ departureLocal: '2030-10-14T07:00', arrivalLocal: null });
  });
});

function offerRow(): JsonValue {
  return {
    origin: 'MAD',
    destination: 'BCN',
    origin_airport: 'MAD',
    destination_airport: 'BCN',
    price: 64,
    airline: 'IB',
    flight_number: '3002',
    departure_at: '2030-10-14T07:00:00+02:00',
    return_at: '2030-10-18T14:30:00+02:00',
    duration_to: 80,
    duration_back: 85,
    link: '/search/MAD1410BCN18101?t=IB1',
  };
}

function proposal(): JsonValue {
  const leg = { departure: 'MAD', arrival: 'BCN', departure_date: '2030-10-14', departure_time: '06:05' };
  const rest = { arrival_date: '2030-10-14', arrival_time: '08:35', number: 1241, operating_carrier: 'TP' };
  const terms = { '20': { currency: 'eur', price: 91, unified_price: 8299, url: 2_000_000 } };
  return { sign: '7573ea707c2ff84b243241961412ed34', terms, segment: [{ flight: [{ ...leg, ...rest }] }] };
}

/** The same value with something else at the n-th place of it, counted through. */
function replaceAt(value: JsonValue, at: number, put: JsonValue): JsonValue {
  if (typeof value !== 'object' || value === null) return put;
  const entries = Object.entries(value as Record<string, JsonValue>);
  if (entries.length === 0) return put;
  const chosen = at % entries.length;
  const deeper = Math.trunc(at / entries.length);
  const changed = entries.map(([name, inner], index): [string, JsonValue] => [
    name,
    index === chosen ? (deeper % 3 === 0 ? put : replaceAt(inner, deeper, put)) : inner,
  ]);
  return Array.isArray(value) ? changed.map(([, inner]) => inner) : Object.fromEntries(changed);
}
