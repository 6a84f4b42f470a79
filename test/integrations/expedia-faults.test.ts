import { inspect } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { OutboundSend, Outcome } from '../../src/integrations/contract.ts';
import { createOutbound } from '../../src/integrations/http.ts';
import type { LodgingClient, ProviderConnection } from '../../src/integrations/travel.ts';
import { UNAUTHENTICATED_SAMPLE } from '../helpers/expedia-samples.ts';
import {
  CREDENTIALS,
  TRAVELLER,
  bookInput,
  bookedInput,
  checkedOffer,
  connectionTo,
  done,
  endOf,
  expectNoSecret,
  expediaClient,
  made,
  startExpedia,
  stayQuery,
  type Checked,
  type Expedia,
} from '../helpers/expedia.ts';
import { UNDER_FAULT } from './conformance.ts';

const CALL = { timeoutMs: 10_000 };
/** Long enough to connect on a busy machine, short enough to wait for a call that hangs. */
const BOUNDED = { timeoutMs: 800 };
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
  await expedia.scenario([], `faults ${expect.getState().currentTestName}`.slice(0, 200));
});

type Run = (
  client: LodgingClient,
  connection: ProviderConnection,
  call: { timeoutMs: number },
) => Promise<Outcome<unknown>>;

interface Operation {
  readonly name: string;
  /** The simulator's name of it. */
  readonly vendorName: string;
  readonly effect: boolean;
  /** Answered without a body: then none can be broken. */
  readonly bodiless?: true;
  /** Done before any fault is set. */
  prepare(): Promise<Run>;
}

const OPERATIONS: readonly Operation[] = [
  {
    name: 'probe',
    vendorName: 'regions',
    effect: false,
    prepare: async () => (one, to, call) => one.probe(to, call),
  },
  {
    name: 'search by place',
    vendorName: 'regions',
    effect: false,
    prepare: async () => (one, to, call) => one.searchStays(to, stayQuery(), call),
  },
  {
    name: 'search',
    vendorName: 'shop',
    effect: false,
    prepare: async () => (one, to, call) => one.searchStays(to, stayQuery(), call),
  },
  {
    name: 'check',
    vendorName: 'priceCheck',
    effect: false,
    prepare: async () => {
      const { offer } = await checkedOffer(client, connection);
      return (one, to, call) => one.check(to, offer.token, TRAVELLER, call);
    },
  },
  {
    name: 'book',
    vendorName: 'book',
    effect: true,
    prepare: async () => {
      const { checked } = await checkedOffer(client, connection);
      return (one, to, call) => one.book(to, bookInput(checked), call);
    },
  },
  {
    name: 'confirm',
    vendorName: 'resume',
    effect: true,
    bodiless: true,
    prepare: async () => {
      const { input, result } = await made(client, connection, { hold: true });
      return (one, to, call) => one.confirm(to, bookedInput(input, result), call);
    },
  },
  {
    name: 'lookUp by id',
    vendorName: 'retrieve',
    effect: false,
    prepare: async () => {
      const { input, result } = await made(client, connection);
      return (one, to, call) => one.lookUp(to, bookedInput(input, result), call);
    },
  },
  {
    name: 'lookUp by reference',
    vendorName: 'find',
    effect: false,
    prepare: async () => {
      const { input } = await made(client, connection);
      return (one, to, call) => one.lookUp(to, bookedInput(input, null), call);
    },
  },
  {
    name: 'cancel a room',
    vendorName: 'cancelRoom',
    effect: true,
    bodiless: true,
    prepare: async () => {
      const { input, result } = await made(client, connection);
      return (one, to, call) => one.cancel(to, { ...bookedInput(input, result), reason: 'no' }, call);
    },
  },
  {
    name: 'cancel a hold',
    vendorName: 'cancelHold',
    effect: true,
    bodiless: true,
    prepare: async () => {
      const { input, result } = await made(client, connection, { hold: true });
      return (one, to, call) => one.cancel(to, { ...bookedInput(input, result), reason: 'no' }, call);
    },
  },
];

/** An answer that breaks off before its head ended says nothing either way. */
const BODY_FAULTS = new Set<string>(['malformedBody', 'oversized']);

describe.each(OPERATIONS.map((operation) => [operation.name, operation] as const))('%s', (_name, operation) => {
  test.each(UNDER_FAULT)(
    'under %s %j ends as it must, in time, without naming a secret',
    async (fault, facts, reading, acting) => {
      const run = await operation.prepare();
      await expedia.scenario([{ operation: operation.vendorName, fault, ...facts }]);
      const outcome = await run(expediaClient(outbound.send), connection, fault.startsWith('hang') ? BOUNDED : CALL);
      const isWhole = operation.bodiless && BODY_FAULTS.has(fault);
      expect(endOf(outcome)).toBe(isWhole ? 'done' : operation.effect ? acting : reading);
      if (fault === 'rateLimited') expect(outcome).toHaveProperty('retryAt', expect.any(Date));
      expectNoSecret(outcome);
    },
  );

  test('is not done where nobody listens', async () => {
    const run = await operation.prepare();
    const nowhere: OutboundSend = (request, call) =>
      outbound.send({ ...request, url: request.url.replace(expedia.apiUrl, 'http://127.0.0.1:9/v3') }, call);
    expect(endOf(await run(expediaClient(nowhere), connection, CALL))).toBe('unavailable');
  });

  test('is misconfigured with credentials the vendor does not know, and with none', async () => {
    const run = await operation.prepare();
    for (const change of [{ SECRET: 'another-canary-secret' }, { API_KEY: 'nobody-knows-me' }, { API_KEY: '' }]) {
      const wrong = { ...connection, credentials: { ...CREDENTIALS, ...change } };
      const outcome = await run(expediaClient(outbound.send), wrong, CALL);
      expect(endOf(outcome)).toBe('misconfigured');
      expect(inspect(outcome)).not.toContain('another-canary-secret');
    }
  });

  test('is misconfigured where the key is not enabled, and where the vendor wants TLS', async () => {
    const run = await operation.prepare();
    await expedia.register({ products: [] });
    expect(endOf(await run(client, connection, CALL))).toBe('misconfigured');
    await expedia.register({ demandsTls: true });
    expect(endOf(await run(client, connection, CALL))).toBe('misconfigured');
  });
});

describe('a call whose answer is lost', () => {
  async function lostBooking(fault: string) {
    const { checked } = await checkedOffer(client, connection);
    const input = bookInput(checked);
    await expedia.scenario([{ operation: 'book', fault }]);
    expect(await client.book(connection, input, BOUNDED)).toMatchObject({ kind: 'unknown' });
    await expedia.scenario([]);
    return done(await client.lookUp(connection, bookedInput(input, null), CALL));
  }

  test.each(['resetAfter', 'hangAfter', 'status5xxAfter', 'malformedBody', 'truncated', 'oversized'])(
    'after the effect (%s): one booking, found by our reference',
    async (fault) => {
      const found = await lostBooking(fault);
      const { bookings } = await expedia.bookings();
      expect(bookings).toHaveLength(1);
      expect(found).toMatchObject({ state: 'CONFIRMED', ids: { providerReference: bookings[0]!.itineraryId } });
    },
  );

  test.each(['resetBefore', 'hang', 'status5xx'])(
    'before the effect (%s): none, and the vendor says so',
    async (fault) => {
      expect(await lostBooking(fault)).toEqual({ state: 'NOT_FOUND', ids: null });
      expect((await expedia.bookings()).bookings).toEqual([]);
    },
  );

  test('of a cancellation ends by another try, whichever way it went', async () => {
    for (const fault of ['resetBefore', 'resetAfter']) {
      const { input, result } = await made(client, connection);
      const booked = { ...bookedInput(input, result), reason: 'no' };
      await expedia.scenario([{ operation: 'cancelRoom', fault }]);
      expect(await client.cancel(connection, booked, CALL)).toMatchObject({ kind: 'unknown' });
      await expedia.scenario([]);
      expect(done(await client.cancel(connection, booked, CALL))).toMatchObject({ state: 'CANCELLED' });
    }
  });

  test('a booking is sent once, whatever comes back', async () => {
    for (const fault of ['resetAfter', 'status5xx', 'rateLimited', 'malformedBody', 'html405', 'soldOut']) {
      const { checked } = await checkedOffer(client, connection);
      await expedia.scenario([{ operation: 'book', fault }]);
      let posts = 0;
      const counting = expediaClient((request, call) => {
        if (request.method === 'POST') posts++;
        return outbound.send(request, call);
      });
      await counting.book(connection, bookInput(checked), CALL);
      expect(posts).toBe(1);
      await expedia.scenario([]);
    }
  });
});

describe('a clock that is off', () => {
  /** Counts what is sent, by the method. */
  function counting() {
    const sent: string[] = [];
    const send: OutboundSend = (request, call) => {
      sent.push(request.method);
      return outbound.send(request, call);
    };
    return { sent, client: expediaClient(send) };
  }

  test.each([3_600, -3_600])(
    'by %d s is learnt from the refusal, once; every later call is signed with it',
    async (clockOffsetSeconds) => {
      await expedia.register({ clockOffsetSeconds });
      const { sent, client: fresh } = counting();
      expect(endOf(await fresh.probe(connection, CALL))).toBe('done');
      expect(sent).toHaveLength(2);
      const { checked } = await checkedOffer(fresh, connection);
      sent.length = 0;
      expect(done(await fresh.book(connection, bookInput(checked), CALL))).toMatchObject({ state: 'CONFIRMED' });
      expect(sent).toEqual(['POST', 'GET']);
    },
  );

  test('never sends a booking twice: it was refused, and the next one is signed right', async () => {
    const { checked } = await checkedOffer(client, connection);
    await expedia.register({ clockOffsetSeconds: 3_600 });
    const { sent, client: fresh } = counting();
    const refused = await fresh.book(connection, bookInput(checked), CALL);
    expect(refused).toMatchObject({ reason: 'misconfigured', detail: expect.stringContaining('clock') });
    expect(sent).toEqual(['POST']);
    expect(done(await fresh.book(connection, bookInput(checked), CALL))).toMatchObject({ state: 'CONFIRMED' });
  });

  test('is not blamed for a wrong key: one try', async () => {
    const { sent, client: fresh } = counting();
    const wrong = { ...connection, credentials: { ...CREDENTIALS, SECRET: 'another-secret' } };
    expect(endOf(await fresh.probe(wrong, CALL))).toBe('misconfigured');
    expect(sent).toHaveLength(1);
  });

  test('of a vendor that changes its mind with every answer ends after two', async () => {
    let time = 1_767_229_200;
    let sent = 0;
    const moody: OutboundSend = async () => {
      sent++;
      time += 10_000;
      const body = UNAUTHENTICATED_SAMPLE.replace('1767229200', String(time));
      return { status: 401, headers: {}, body };
    };
    const fresh = expediaClient(moody, { now: () => new Date(1_767_225_600_000) });
    expect(endOf(await fresh.probe(connection, CALL))).toBe('misconfigured');
    expect(sent).toBe(2);
  });
});

describe('the rate limit', () => {
  test("is waited out until the time of the vendor's own header, by searches; bookings have their own", async () => {
    const { checked } = await checkedOffer(client, connection);
    await expedia.scenario([{ operation: 'regions', fault: 'rateLimited', retryAfterSeconds: 42 }]);
    const before = Date.now();
    const limited = await client.probe(connection, CALL);
    expect(endOf(limited)).toBe('rateLimited');
    const until = (limited as Extract<typeof limited, { reason: string }>).retryAt!.getTime();
    expect(until).toBeGreaterThanOrEqual(before + 42_000);
    expect(until).toBeLessThan(Date.now() + 43_000);
    await expedia.scenario([]);
    expect(endOf(await client.searchStays(connection, stayQuery({ destination: 'LON' }), CALL))).toBe('rateLimited');
    expect(done(await client.book(connection, bookInput(checked), CALL))).toMatchObject({ state: 'CONFIRMED' });
  });

  test('that the account really meets ends with the minute', async () => {
    await expedia.register({ callsPerMinute: 2 });
    let end = '';
    for (let call = 0; call < 12 && end !== 'rateLimited'; call++) {
      const outcome = await client.probe(connection, CALL);
      end = endOf(outcome);
      if (outcome.kind === 'notDone') expect(outcome.retryAt!.getTime() % 60_000).toBe(0);
    }
    expect(end).toBe('rateLimited');
  });

  test('without any header is a minute', async () => {
    const now = new Date(1_767_225_600_000);
    const fresh = expediaClient(async () => ({ status: 429, headers: {}, body: '' }), { now: () => now });
    expect(await fresh.probe(connection, CALL)).toMatchObject({ retryAt: new Date(now.getTime() + 60_000) });
  });

  test('hit in the middle of a search leaves what was found', async () => {
    const ids = Array.from({ length: 500 }, (_one, index) => String(19_248 + index));
    await expedia.scenario([{ operation: 'shop', fault: 'rateLimited', nth: 2 }]);
    const query = stayQuery({ destination: null, propertyIds: ids, offersMax: 500 });
    const found = done(await client.searchStays(connection, query, CALL));
    expect(found).toMatchObject({
      complete: false,
      incompleteReason: '1 of 2 parts of the search were more than the vendor takes now',
    });
    expect(found.offers.length).toBeGreaterThan(10);
  });
});

describe('links that lead elsewhere', () => {
  test('are never followed, not by a search, a check or a booking', async () => {
    const hosts = new Set<string>();
    const watching = expediaClient((request, call) => {
      hosts.add(new URL(request.url).host);
      return outbound.send(request, call);
    });
    const { checked, offer } = await checkedOffer(client, connection);
    const { input, result } = await made(client, connection);
    await expedia.register({ links: 'elsewhere' });
    const { offers } = done(await watching.searchStays(connection, stayQuery(), CALL));
    expect(endOf(await watching.check(connection, offers[0]!.token, TRAVELLER, CALL))).toBe('rejected');
    const moved = done(await watching.check(connection, offer.token, TRAVELLER, CALL)) as Checked;
    expect(endOf(await watching.book(connection, bookInput(moved), CALL))).toBe('rejected');
    expect(endOf(await watching.cancel(connection, { ...bookedInput(input, result), reason: 'no' }, CALL))).toBe(
      'rejected',
    );
    const held = await made(
      client,
      { ...connection },
      { hold: true, offer: checked.token, totalMinor: checked.totalMinor },
    ).catch(() => null);
    expect(held).toBeNull();
    expect([...hosts]).toEqual([new URL(expedia.apiUrl).host]);
  });

  test('a redirect is an answer, and takes nothing along', async () => {
    let sent = 0;
    const fresh = expediaClient(async () => {
      sent++;
      return { status: 302, headers: { location: 'https://evil.example/' }, body: '' };
    });
    expect(endOf(await fresh.probe(connection, CALL))).toBe('misconfigured');
    expect(sent).toBe(1);
  });
});

describe('the stubs of a sandbox', () => {
  const stubbed = (text: string): ProviderConnection => ({ ...connection, settings: { TEST_HEADERS: text } });

  test.each([
    ['shop=standard', 'done'],
    ['shop=no_availability', 'done'],
    ['shop=service_unavailable', 'unavailable'],
    ['shop=unknown_internal_error', 'unavailable'],
  ])('%s', async (text, end) => {
    const outcome = await client.searchStays(stubbed(text), stayQuery(), CALL);
    expect(endOf(outcome)).toBe(end);
    if (text.endsWith('no_availability')) expect(done(outcome).offers).toEqual([]);
  });

  test.each([
    ['check=sold_out', 'SOLD_OUT'],
    ['check=price_changed', 'PRICE_CHANGED'],
    ['check=service_unavailable', 'unavailable'],
    ['check=unknown_internal_error', 'unavailable'],
  ])('%s', async (text, end) => {
    const { offer } = await checkedOffer(client, connection);
    const outcome = await client.check(stubbed(text), offer.token, TRAVELLER, CALL);
    expect(outcome.kind === 'done' ? outcome.value.state : endOf(outcome)).toBe(end);
  });

  test.each([
    ['book=standard', 'CONFIRMED', true],
    ['book=price_mismatch', 'PRICE_CHANGED', false],
    ['book=rooms_unavailable', 'SOLD_OUT', false],
    ['book=cc_declined', 'rejected', false],
    ['book=service_unavailable', 'unknown', false],
    ['book=internal_server_error', 'unknown', false],
    // Nobody here can answer a challenge: it stays open until a person looks.
    ['book=complete_payment_session', 'PENDING', false],
  ])('%s', async (text, end, isStub) => {
    const { checked } = await checkedOffer(client, connection);
    const outcome = await client.book(stubbed(text), bookInput(checked), CALL);
    expect(outcome.kind === 'done' ? outcome.value.state : endOf(outcome)).toBe(end);
    expect((await expedia.bookings()).bookings.map((one) => one.isStub)).toEqual(isStub ? [true] : []);
  });

  test.each([
    ['resume=standard', 'CONFIRMED'],
    ['resume=service_unavailable', 'PENDING'],
    ['resume=internal_server_error', 'unknown'],
  ])('%s', async (text, end) => {
    const { input, result } = await made(client, connection, { hold: true });
    const outcome = await client.confirm(stubbed(text), bookedInput(input, result), CALL);
    expect(outcome.kind === 'done' ? outcome.value.state : endOf(outcome)).toBe(end);
  });

  test.each([
    ['cancel=standard', 'CANCELLED'],
    ['cancel=post_stay_cancel', 'rejected'],
    ['cancel=service_unavailable', 'unknown'],
    ['retrieve=service_unavailable', 'unavailable'],
  ])('%s', async (text, end) => {
    const { input, result } = await made(client, connection);
    const outcome = await client.cancel(stubbed(text), { ...bookedInput(input, result), reason: 'no' }, CALL);
    expect(outcome.kind === 'done' ? outcome.value.state : endOf(outcome)).toBe(end);
  });
});
