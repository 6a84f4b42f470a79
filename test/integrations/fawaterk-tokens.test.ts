import { inspect } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { GatewayConnection, OutboundSend, Outcome } from '../../src/integrations/contract.ts';
import { createTokens } from '../../src/integrations/fawaterk/tokens.ts';
import { createOutbound } from '../../src/integrations/http.ts';
import { createIntegrations } from '../../src/integrations/registry.ts';
import { CREDENTIALS, connectionTo, paidInvoice, refundInput, registerShop } from '../helpers/fawaterk-refunds.ts';
import { startSimulators, type Simulators } from '../helpers/simulators.ts';

const CALL = { timeoutMs: 5_000 };
const ELSEWHERE: GatewayConnection = { baseUrl: 'https://a.example', testMode: true, credentials: CREDENTIALS };

function valueOf<T>(outcome: Outcome<T>): T {
  if (outcome.kind !== 'done') throw new Error(outcome.detail);
  return outcome.value;
}

/** A token endpoint that counts: its answers in turn, the last one for ever. */
function endpoint(...answers: { status?: number; body: string; headers?: Record<string, string> }[]) {
  const at = { now: 1_000_000 };
  let sent = 0;
  const send: OutboundSend = async () => {
    const { status = 200, body, headers = {} } = answers[Math.min(sent++, answers.length - 1)]!;
    await Promise.resolve();
    return { status, headers, body };
  };
  const tokens = createTokens({ send, clock: { now: () => new Date(at.now) } });
  return { tokens, at, sent: () => sent };
}

const granted = (token: string, seconds: unknown = 3_600) => ({
  body: JSON.stringify({ token_type: 'Bearer', access_token: token, expires_in: seconds, refresh_token: 'r' }),
});

describe('a token', () => {
  test('is kept until shortly before its end, and asked for once by many at the same time', async () => {
    const { tokens, at, sent } = endpoint(granted('one'), granted('two'));
    const many = await Promise.all(Array.from({ length: 50 }, () => tokens.take(ELSEWHERE, CALL)));
    expect(new Set(many.map(valueOf))).toEqual(new Set(['one']));
    at.now += 3_600_000 - 60_001;
    expect(valueOf(await tokens.take(ELSEWHERE, CALL))).toBe('one');
    expect(sent()).toBe(1);
    at.now += 1;
    expect(valueOf(await tokens.take(ELSEWHERE, CALL))).toBe('two');
  });

  test('given for a year is kept a day; one given for seconds is used for most of them', async () => {
    for (const [seconds, keptMs] of [
      [31_536_000, 86_400_000 - 60_000],
      ['10', 9_000],
      [null, 3_540_000],
      [0, 0],
    ] as const) {
      const { tokens, at } = endpoint(granted('one', seconds), granted('two'));
      await tokens.take(ELSEWHERE, CALL);
      if (keptMs > 0) {
        at.now += keptMs - 1;
        expect(valueOf(await tokens.take(ELSEWHERE, CALL))).toBe('one');
        at.now += 1;
      }
      expect(valueOf(await tokens.take(ELSEWHERE, CALL))).toBe('two');
    }
  });

  test('belongs to one host, one client and one secret', async () => {
    const { tokens, sent } = endpoint(granted('t'));
    const others = [
      ELSEWHERE,
      { ...ELSEWHERE, baseUrl: 'https://b.example' },
      { ...ELSEWHERE, credentials: { ...CREDENTIALS, CLIENT_ID: 'another' } },
      { ...ELSEWHERE, credentials: { ...CREDENTIALS, CLIENT_SECRET: 'another' } },
    ];
    for (const connection of [...others, ...others]) valueOf(await tokens.take(connection, CALL));
    expect(sent()).toBe(others.length);
  });

  test('that was refused is forgotten, and a newer one is not forgotten with it', async () => {
    const { tokens, sent } = endpoint(granted('one'), granted('two'));
    const old = valueOf(await tokens.take(ELSEWHERE, CALL));
    tokens.drop(ELSEWHERE, old);
    expect(valueOf(await tokens.take(ELSEWHERE, CALL))).toBe('two');
    tokens.drop(ELSEWHERE, old);
    expect(valueOf(await tokens.take(ELSEWHERE, CALL))).toBe('two');
    expect(sent()).toBe(2);
  });

  test('that could not be had is asked for again by the next caller', async () => {
    const { tokens } = endpoint({ status: 503, body: '' }, granted('one'));
    expect(await tokens.take(ELSEWHERE, CALL)).toMatchObject({ kind: 'notDone', reason: 'unavailable' });
    expect(valueOf(await tokens.take(ELSEWHERE, CALL))).toBe('one');
  });

  test('that is slow ends for each caller in its own time, and still comes for the one who waits', async () => {
    let answer: () => void = () => {};
    const waiting = new Promise<void>((resolve) => (answer = resolve));
    const send: OutboundSend = async () => {
      await waiting;
      return { status: 200, headers: {}, ...granted('late') };
    };
    const tokens = createTokens({ send, clock: { now: () => new Date() } });
    const stop = new AbortController();
    const [hasty, stopped, patient] = [
      tokens.take(ELSEWHERE, { timeoutMs: 10 }),
      tokens.take(ELSEWHERE, { ...CALL, signal: stop.signal }),
      tokens.take(ELSEWHERE, CALL),
    ];
    stop.abort();
    expect(await stopped).toMatchObject({ kind: 'notDone', reason: 'unavailable' });
    expect(await hasty).toMatchObject({ kind: 'notDone', reason: 'unavailable' });
    answer();
    expect(valueOf(await patient)).toBe('late');
    expect(valueOf(await tokens.take(ELSEWHERE, { timeoutMs: 10 }))).toBe('late');
  });

  test('never passes on a defect of ours as an outcome', async () => {
    const tokens = createTokens({
      send: async () => Promise.reject(new Error('a transaction is open')),
      clock: { now: () => new Date() },
    });
    await expect(tokens.take(ELSEWHERE, CALL)).rejects.toThrow('a transaction is open');
  });
});

describe('an answer that gives no token', () => {
  const body = JSON.stringify({ error: 'invalid_client', message: `Client ${CREDENTIALS.CLIENT_SECRET} is unknown` });
  test.each([
    [400, body, 'misconfigured'],
    [401, body, 'misconfigured'],
    [403, '<h1>Just a moment</h1>', 'misconfigured'],
    [404, '<h1>Not Found</h1>', 'misconfigured'],
    [302, '', 'misconfigured'],
    [429, '', 'rateLimited'],
    [500, body, 'unavailable'],
    [200, '<html>', 'unavailable'],
    [200, '{}', 'unavailable'],
    [200, '[]', 'unavailable'],
    [200, granted('a b').body, 'unavailable'],
    [200, granted('a\r\nx-evil: 1').body, 'unavailable'],
    [200, granted('').body, 'unavailable'],
    [200, granted('t'.repeat(9_000)).body, 'unavailable'],
    [200, granted('t', -1).body, 'unavailable'],
    [200, granted('t', 'soon').body, 'unavailable'],
    [200, granted('t', 1e300).body, 'unavailable'],
  ])('(%i %s) is %s, and quotes nothing', async (status, text, reason) => {
    const { tokens } = endpoint({ status, body: text });
    const outcome = await tokens.take(ELSEWHERE, CALL);
    expect(outcome).toMatchObject({ kind: 'notDone', reason });
    expect(inspect(outcome)).not.toContain(CREDENTIALS.CLIENT_SECRET);
  });
});

describe('at the simulated vendor', () => {
  const outbound = createOutbound();
  let simulators: Simulators;
  let connection: GatewayConnection;
  let asked: string[];

  beforeAll(async () => {
    simulators = await startSimulators();
    connection = connectionTo(simulators);
  });
  afterAll(async () => {
    await simulators.stop();
    outbound.close();
  });
  beforeEach(async () => {
    await registerShop(simulators);
    await simulators.scenario({ account: 'shop', seed: `tokens ${expect.getState().currentTestName}` });
    asked = [];
  });

  const client = () =>
    createIntegrations({
      send: (request, call) => {
        asked.push(new URL(request.url).pathname.split('/').slice(2).join('/'));
        return outbound.send(request, call);
      },
      clock: { now: () => new Date() },
      random: () => 0.5,
      limits: { retryBaseMs: 1 },
    }).gateway('fawaterk');
  const counted = (path: string): number => asked.filter((one) => one === path).length;

  test('one token serves every refund and look-up', async () => {
    const gateway = client();
    for (let round = 0; round < 3; round++) {
      const input = refundInput(await paidInvoice(simulators));
      const taken = valueOf(await gateway.refund!(connection, input, CALL));
      valueOf(await gateway.lookUpRefund!(connection, { ...input, ...taken }, CALL));
    }
    expect([counted('oauth/token'), counted('api/v3/refund/refundReasons')]).toEqual([1, 1]);
  });

  test('a token that was revoked there is replaced once, within the same call, and the refund is asked for once', async () => {
    const gateway = client();
    const first = refundInput(await paidInvoice(simulators));
    valueOf(await gateway.refund!(connection, first, CALL));
    // The client gets another secret and back: its tokens are gone, the credentials are right.
    await registerShop(simulators, { clientSecret: 'fwk_client_secret_rotated' });
    await registerShop(simulators);
    asked = [];
    const second = refundInput(await paidInvoice(simulators));
    expect(await gateway.refund!(connection, second, CALL)).toMatchObject({ value: { state: 'REQUESTED' } });
    expect([counted('oauth/token'), counted('api/v3/refund/create')]).toEqual([1, 1]);
    expect((await simulators.book('shop')).refunds).toHaveLength(2);
  });

  test('a token revoked between the list and the request costs no refund', async () => {
    const input = refundInput(await paidInvoice(simulators));
    let revoked = false;
    const gateway = createIntegrations({
      send: async (request, call) => {
        if (request.url.endsWith('/create') && !revoked) {
          revoked = true;
          await registerShop(simulators, { clientSecret: 'fwk_client_secret_rotated' });
          await registerShop(simulators);
        }
        return outbound.send(request, call);
      },
      clock: { now: () => new Date() },
      random: () => 0.5,
    }).gateway('fawaterk');
    expect(await gateway.refund!(connection, input, CALL)).toMatchObject({ value: { state: 'REQUESTED' } });
    expect((await simulators.book('shop')).refunds).toHaveLength(1);
  });

  test('a secret that is not right any more is misconfigured after one try, and asks for nothing', async () => {
    await registerShop(simulators, { clientSecret: 'fwk_client_secret_rotated' });
    const input = refundInput(await paidInvoice(simulators));
    expect(await client().refund!(connection, input, CALL)).toMatchObject({ reason: 'misconfigured' });
    expect(asked).toEqual(['oauth/token']);
  });

  test('tokens that never live long enough end as misconfigured, without a loop', async () => {
    await registerShop(simulators, { tokenSeconds: 0 });
    const input = refundInput(await paidInvoice(simulators));
    expect(await client().refund!(connection, input, CALL)).toMatchObject({ reason: 'misconfigured' });
    expect([counted('oauth/token'), asked.length]).toEqual([2, 4]);
  });
});
