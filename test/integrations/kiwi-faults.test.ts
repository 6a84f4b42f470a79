import { inspect } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { OutboundResponse, Outcome } from '../../src/integrations/contract.ts';
import { OutboundFailure, createOutbound } from '../../src/integrations/http.ts';
import { createPolicy } from '../../src/integrations/policy.ts';
import { FAULTS } from '../../src/integrations/simulator/scenario.ts';
import type {
  CheckedOffer,
  FlightBookingClient,
  ProviderBookingIds,
  ProviderConnection,
} from '../../src/integrations/travel.ts';
import {
  API_KEY,
  SETTINGS,
  TEST_TEST,
  TRAVELLER,
  WEBHOOK_SECRET,
  bookInput,
  connectionTo,
  kiwiClient,
  kiwiQuery,
  startKiwi,
} from '../helpers/kiwi.ts';
import { UNDER_FAULT } from './conformance.ts';

const CALL = { timeoutMs: 5_000 };
const outbound = createOutbound();
let client: FlightBookingClient;
let kiwi: Awaited<ReturnType<typeof startKiwi>>;
let connection: ProviderConnection;

/** Behind a rate watch of its own, as every client is. */
function watched(): FlightBookingClient {
  const policy = createPolicy({ integration: 'kiwi', clock: { now: () => new Date() }, random: () => 0.5 });
  return kiwiClient(policy.watch(outbound.send));
}

beforeAll(async () => {
  kiwi = await startKiwi();
  connection = connectionTo(kiwi.baseUrl);
});
afterAll(async () => {
  await kiwi.stop();
  outbound.close();
});
beforeEach(async () => {
  client = watched();
  await kiwi.register({ seats: 9 });
  await kiwi.scenario([], `faults ${expect.getState().currentTestName}`);
});

type Bookable = Extract<CheckedOffer, { totalMinor: bigint }>;

async function offered() {
  const outcome = await client.searchFlights(connection, kiwiQuery(), CALL);
  if (outcome.kind !== 'done') throw new Error(outcome.detail);
  return outcome.value.offers[0]!;
}

async function checked(): Promise<Bookable> {
  const outcome = await client.check(connection, (await offered()).token, TRAVELLER, CALL);
  if (outcome.kind !== 'done' || !('totalMinor' in outcome.value)) throw new Error(inspect(outcome));
  return outcome.value;
}

async function held(): Promise<ProviderBookingIds> {
  const outcome = await client.book(connection, bookInput(await checked()), CALL);
  if (outcome.kind !== 'done' || outcome.value.state !== 'HELD') throw new Error(inspect(outcome));
  return outcome.value;
}

const bookedBy = (ids: ProviderBookingIds) => ({
  reference: 'PTL-0001-1',
  contactEmail: 'asha@example.com',
  ids,
  attemptedAt: new Date(),
  traveller: TRAVELLER,
});

/** Every call, prepared before a fault is set. */
const CALLS = {
  probe: {
    vendorName: 'locations',
    effect: false,
    prepare: async () => (call: typeof CALL) => client.probe(connection, call),
  },
  search: {
    vendorName: 'search',
    effect: false,
    prepare: async () => (call: typeof CALL) => client.searchFlights(connection, kiwiQuery(), call),
  },
  check: {
    vendorName: 'check_flights',
    effect: false,
    prepare: async () => {
      const { token } = await offered();
      return (call: typeof CALL) => client.check(connection, token, TRAVELLER, call);
    },
  },
  book: {
    vendorName: 'save_booking',
    effect: true,
    prepare: async () => {
      const input = bookInput(await checked());
      return (call: typeof CALL) => client.book(connection, input, call);
    },
  },
  bookAndPay: {
    vendorName: 'confirm_payment',
    effect: true,
    prepare: async () => {
      const input = bookInput(await checked(), { hold: false });
      return (call: typeof CALL) => client.book(connection, input, call);
    },
  },
  confirm: {
    vendorName: 'confirm_payment',
    effect: true,
    prepare: async () => {
      const ids = await held();
      return (call: typeof CALL) => client.confirm(connection, bookedBy(ids), call);
    },
  },
} as const;

const PERSONAL = ['asha@example.com', '+420123456789', TEST_TEST.document!.number, '1990-01-01'];

function hides(outcome: unknown): void {
  const shown = inspect(outcome, { depth: null });
  for (const secret of [API_KEY, WEBHOOK_SECRET]) expect(shown).not.toContain(secret);
  if ((outcome as Outcome<unknown>).kind !== 'done') for (const word of PERSONAL) expect(shown).not.toContain(word);
}

describe.each(Object.entries(CALLS))('%s under faults of transport', (_name, { vendorName, effect, prepare }) => {
  test.each(UNDER_FAULT)('%s %j', async (fault, facts, reading, acting) => {
    const run = await prepare();
    await kiwi.scenario([{ operation: vendorName, fault, ...facts }]);
    const outcome = await run({ timeoutMs: fault.startsWith('hang') ? 300 : 5_000 });
    expect(outcome.kind === 'notDone' ? outcome.reason : outcome.kind).toBe(effect ? acting : reading);
    hides(outcome);
  });

  test('nobody listening is unavailable, for nothing was sent', async () => {
    const run = await prepare();
    const before = connection;
    connection = { ...connection, baseUrl: 'http://127.0.0.1:9' };
    const outcome = await run(CALL);
    connection = before;
    expect(outcome).toMatchObject({ kind: 'notDone', reason: 'unavailable' });
  });
});

describe('every fault a scenario knows', () => {
  test.each(FAULTS)('%s at every step ends every call in an outcome that hides what it must', async (fault) => {
    const offer = await offered();
    const bookable = await checked();
    const ids = await held();
    await kiwi.scenario([{ operation: '*', fault, ms: 5 }]);
    const call = { timeoutMs: fault.startsWith('hang') ? 100 : 5_000 };
    const outcomes = [
      await watched().probe(connection, call),
      await watched().searchFlights(connection, kiwiQuery(), call),
      await watched().check(connection, offer.token, TRAVELLER, call),
      await watched().book(connection, bookInput(bookable), call),
      await watched().confirm(connection, bookedBy(ids), call),
    ];
    for (const outcome of outcomes) {
      expect(['done', 'notDone', 'unknown']).toContain(outcome.kind);
      hides(outcome);
    }
    for (const reading of outcomes.slice(0, 3)) expect(reading.kind).not.toBe('unknown');
  });
});

describe('a lost answer', () => {
  test('of the save leaves an order that nobody pays for', async () => {
    for (const fault of ['resetAfter', 'hangAfter', 'status5xxAfter', 'malformedBody', 'truncated'] as const) {
      await kiwi.scenario([], `lost ${fault}`);
      const input = bookInput(await checked(), { hold: false });
      await kiwi.scenario([{ operation: 'save_booking', fault }]);
      expect(await client.book(connection, input, { timeoutMs: 500 })).toMatchObject({ kind: 'unknown' });
      expect((await kiwi.book()).bookings).toMatchObject([{ isPaid: false }]);
    }
  });

  test('of the payment may have been a payment, and one more try with the same ids tells', async () => {
    const ids = await held();
    await kiwi.scenario([{ operation: 'confirm_payment', fault: 'resetAfter', nth: 1 }]);
    expect(await client.confirm(connection, bookedBy(ids), CALL)).toMatchObject({ kind: 'unknown' });
    expect((await kiwi.book()).bookings).toMatchObject([{ isPaid: true }]);
    expect(await client.confirm(connection, bookedBy(ids), CALL)).toMatchObject({ value: { state: 'PENDING' } });
  });

  test('of the payment within one booking names the order, because nobody can be asked', async () => {
    const input = bookInput(await checked(), { hold: false });
    await kiwi.scenario([{ operation: 'confirm_payment', fault: 'resetAfter' }]);
    const outcome = await client.book(connection, input, CALL);
    const [entry] = (await kiwi.book()).bookings;
    expect(outcome).toMatchObject({ kind: 'unknown', detail: expect.stringContaining(String(entry!.bookingId)) });
  });

  test('is never asked for again by the client', async () => {
    for (const operation of ['save_booking', 'confirm_payment']) {
      let sent = 0;
      const input = bookInput(await checked(), { hold: false });
      await kiwi.scenario([{ operation, fault: 'resetBefore' }]);
      const counting = kiwiClient(async (request, call) => {
        if (request.url.endsWith(operation)) sent++;
        return outbound.send(request, call);
      });
      expect(await counting.book(connection, input, CALL)).toMatchObject({ kind: 'unknown' });
      expect(sent).toBe(1);
    }
  });
});

describe('throttling', () => {
  test('names the time the vendor names, and half a minute where it names none', async () => {
    for (const [retryAfterSeconds, seconds] of [
      [90, 90],
      [undefined, 30],
    ] as const) {
      await kiwi.scenario([
        { operation: 'search', fault: 'rateLimited', ...(retryAfterSeconds && { retryAfterSeconds }) },
      ]);
      const outcome = await watched().searchFlights(connection, kiwiQuery(), CALL);
      if (outcome.kind !== 'notDone') throw new Error(outcome.kind);
      expect(outcome.reason).toBe('rateLimited');
      const inSeconds = (outcome.retryAt!.getTime() - Date.now()) / 1_000;
      expect(inSeconds).toBeGreaterThan(seconds - 5);
      expect(inSeconds).toBeLessThanOrEqual(seconds);
    }
  });

  test('that names no time is waited out for as long as the setting says', async () => {
    const start = Date.now();
    let now = start;
    let sent = 0;
    const policy = createPolicy({ integration: 'kiwi', clock: { now: () => new Date(now) }, random: () => 0.5 });
    const limited = kiwiClient(
      policy.watch(async () => {
        sent++;
        return { status: 429, headers: {}, body: '<html>' };
      }),
      { clock: { now: () => new Date(now) } },
    );
    const patient = { ...connection, settings: { ...SETTINGS, RATE_LIMIT_SECONDS: '45' } };
    for (const [afterMs, calls] of [
      [0, 1],
      [44_999, 1],
      [45_000, 2],
    ] as const) {
      now = start + afterMs;
      expect(await limited.probe(patient, CALL)).toMatchObject({ reason: 'rateLimited' });
      expect(sent).toBe(calls);
    }
  });

  test('of one key is not that of another, and what waits is not sent', async () => {
    await kiwi.register({ apiKey: 'kw_other_key', seats: 9 }, 'other');
    await kiwi.scenario([{ operation: 'search', fault: 'rateLimited', retryAfterSeconds: 60, nth: 1 }]);
    for (const _again of [1, 2]) {
      expect(await client.searchFlights(connection, kiwiQuery(), CALL)).toMatchObject({ reason: 'rateLimited' });
    }
    const other = { ...connection, credentials: { API_KEY: 'kw_other_key' } };
    expect(await client.searchFlights(other, kiwiQuery(), CALL)).toMatchObject({ kind: 'done' });
  });

  test('in the middle of a check ends it', async () => {
    const { token } = await offered();
    await kiwi.scenario([{ operation: 'check_flights', fault: 'rateLimited', nth: 2 }]);
    expect(await client.check(connection, token, TRAVELLER, CALL)).toMatchObject({ reason: 'rateLimited' });
  });
});

const answering = (answer: Partial<OutboundResponse>): FlightBookingClient =>
  kiwiClient(async () => ({ status: 200, headers: {}, body: '', ...answer }));

const error = (status: number, text: string, name = 'error') => ({
  status,
  body: JSON.stringify({ status: 'Bad Request', [name]: text }),
});

describe('the error table', () => {
  const search = (answer: Partial<OutboundResponse>) => answering(answer).searchFlights(connection, kiwiQuery(), CALL);

  test.each([
    ['bad parameters', error(400, 'date_from: wrong format, expected dd/mm/yyyy'), 'rejected'],
    ['an unknown partner', error(400, 'unknown partner provided in the request'), 'misconfigured'],
    ['an unknown partner with 200', error(200, 'Unknown partner'), 'misconfigured'],
    ['no access', { status: 401, body: '' }, 'misconfigured'],
    ['no right', { status: 403, body: '<html>' }, 'misconfigured'],
    ['a place that is none', error(422, 'fly_to: no such location'), 'rejected'],
    ['a refusal under msg', error(400, 'no', 'msg'), 'rejected'],
    ['a refusal under message', error(400, 'no', 'message'), 'rejected'],
    ['a refusal without a word', { status: 400, body: '' }, 'rejected'],
    ['a path that is gone', { status: 404, body: '<html>' }, 'misconfigured'],
    ['somewhere else', { status: 302, headers: { location: 'https://example.com' }, body: '' }, 'misconfigured'],
    ['throttling in HTML', { status: 429, body: '<html>' }, 'rateLimited'],
    ['an outage in HTML', { status: 502, body: '<html>' }, 'unavailable'],
    ['an outage in JSON', error(503, 'unknown partner'), 'unavailable'],
    ['nothing', { status: 200, body: '' }, 'unavailable'],
    ['data that is none', { status: 200, body: '{"data":{}}' }, 'unavailable'],
  ])('%s', async (_name, answer, reason) => {
    expect(await search(answer as Partial<OutboundResponse>)).toMatchObject({ kind: 'notDone', reason });
  });

  test.each(['expired booking token', 'Booking token has expired', 'EXPIRED_BOOKING token'])(
    '%j is an expired offer',
    async (text) => {
      const { token } = await offered();
      for (const name of ['error', 'msg', 'message']) {
        const outcome = await answering(error(400, text, name)).check(connection, token, TRAVELLER, CALL);
        expect(outcome).toMatchObject({ kind: 'done', value: { state: 'EXPIRED' } });
      }
    },
  );

  test('nothing of it names a secret or a passenger, whatever the vendor quotes', async () => {
    const quoted = `${API_KEY} ${WEBHOOK_SECRET} Test Test 1990-01-01 12345 ASHA@example.com +420123456789`;
    const input = bookInput(await checked());
    for (const status of [200, 400, 401, 409, 422, 500]) {
      for (const answer of [error(status, quoted), error(status, quoted, 'msg'), { status, body: quoted }]) {
        const outcome = await answering(answer).book(connection, input, CALL);
        hides(outcome);
        if (outcome.kind !== 'done') expect(outcome.detail).not.toMatch(/asha|\btest\b/i);
      }
    }
  });

  test('a clock that is wrong by a day costs nothing: nothing here is signed by time', async () => {
    for (const off of [-86_400_000, 86_400_000]) {
      const skewed = kiwiClient(outbound.send, { clock: { now: () => new Date(Date.now() + off) } });
      expect(await skewed.searchFlights(connection, kiwiQuery(), CALL)).toMatchObject({ kind: 'done' });
    }
  });

  test('a request that never left is not unknown, whatever it would have done', async () => {
    const input = bookInput(await checked());
    const refused = kiwiClient(() => Promise.reject(new OutboundFailure('CONNECT_FAILED', 'no', 'ECONNREFUSED')));
    expect(await refused.book(connection, input, CALL)).toMatchObject({ kind: 'notDone', reason: 'unavailable' });
  });

  test('a defect of ours is not swallowed', async () => {
    const broken = kiwiClient(() => Promise.reject(new Error('a transaction is open')));
    await expect(broken.probe(connection, CALL)).rejects.toThrow('a transaction is open');
  });
});

test('settings of nonsense are the defaults', async () => {
  for (const value of ['', '-1', 'NaN', '9'.repeat(400), '__proto__']) {
    const names = [
      'OFFER_MINUTES',
      'HOLD_MINUTES',
      'DOCUMENTS_FROM',
      'RATE_LIMIT_SECONDS',
      'PROBE',
      'FAILURE_TRIGGERS',
    ];
    const odd = {
      ...connection,
      settings: { ...SETTINGS, ...Object.fromEntries(names.map((name) => [name, value])) },
    };
    expect(await client.searchFlights(odd, kiwiQuery(), CALL)).toMatchObject({ kind: 'done' });
    expect(await client.probe(odd, CALL)).toMatchObject({ kind: 'done' });
  }
});
