import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, test } from 'vitest';
import type { OutboundResponse, Outcome } from '../../src/integrations/contract.ts';
import { OutboundFailure } from '../../src/integrations/http.ts';
import { createPolicy, type CallObservation, type PolicyLimits } from '../../src/integrations/policy.ts';
import { retryTime } from '../../src/integrations/rate-watch.ts';

const DONE: Outcome<string> = { kind: 'done', value: 'ok' };
const DOWN: Outcome<string> = { kind: 'notDone', reason: 'unavailable', detail: 'down' };
const UNKNOWN: Outcome<string> = { kind: 'unknown', detail: 'lost' };
const REFUSED: Outcome<string> = { kind: 'notDone', reason: 'rejected', detail: 'no' };
const SAFE = { name: 'lookUp', safe: true, baseUrl: 'http://one.example' };
const UNSAFE = { ...SAFE, name: 'initiate', safe: false };
const CALL = { timeoutMs: 1_000 };

function policyWith(limits: Partial<PolicyLimits> = {}) {
  const seen: CallObservation[] = [];
  const policy = createPolicy({
    integration: 'fawaterk',
    clock: { now: () => new Date() },
    random: () => 0.5,
    observe: (observation) => seen.push(observation),
    limits: { retryBaseMs: 1, openMs: 30, failuresToOpen: 3, ...limits },
  });
  return { policy, seen };
}

/** Work that answers the given outcomes in turn, the last one for ever, and counts its calls. */
function scripted(...outcomes: Outcome<string>[]) {
  const work = Object.assign(async () => outcomes[Math.min(work.calls++, outcomes.length - 1)]!, { calls: 0 });
  return work;
}

describe('repeating', () => {
  test('a safe operation is tried again while the other side is away, and stops at the first answer', async () => {
    const { policy } = policyWith();
    const work = scripted(DOWN, DOWN, DONE);
    expect(await policy.run(SAFE, CALL, work)).toEqual(DONE);
    expect(work.calls).toBe(3);
  });

  test('an operation with an effect is never repeated, whatever came back', async () => {
    for (const outcome of [DOWN, UNKNOWN, REFUSED]) {
      const work = scripted(outcome, DONE);
      expect(await policyWith().policy.run(UNSAFE, CALL, work)).toEqual(outcome);
      expect(work.calls).toBe(1);
    }
  });

  test('a refusal and a rate limit are answers: they are not argued with', async () => {
    for (const outcome of [
      REFUSED,
      { ...REFUSED, reason: 'rateLimited' },
      { ...REFUSED, reason: 'misconfigured' },
    ] as const) {
      const work = scripted(outcome, DONE);
      await policyWith().policy.run(SAFE, CALL, work);
      expect(work.calls).toBe(1);
    }
  });

  test('gives every try what is left of the deadline', async () => {
    const { policy } = policyWith();
    const budgets: number[] = [];
    await policy.run(SAFE, { timeoutMs: 500 }, async (call) => {
      budgets.push(call.timeoutMs);
      await new Promise((resolve) => setTimeout(resolve, 20));
      return DOWN;
    });
    expect(budgets).toHaveLength(3);
    expect(budgets.toSorted((a, b) => b - a)).toEqual(budgets);
    expect(budgets[0]).toBeLessThanOrEqual(500);
    expect(budgets[2]).toBeLessThan(budgets[0]!);
  });
});

describe('the circuit', () => {
  test('opens after failures, refuses without calling, tries one call later, and closes on success', async () => {
    const { policy } = policyWith();
    const failing = scripted(DOWN);
    for (let call = 0; call < 3; call++) await policy.run(UNSAFE, CALL, failing);
    expect(policy.snapshot()).toMatchObject({ circuit: 'OPEN', status: 'down' });
    const working = scripted(DONE);
    expect(await policy.run(UNSAFE, CALL, working)).toMatchObject({
      kind: 'notDone',
      reason: 'unavailable',
      detail: 'the circuit is open',
    });
    expect(working.calls).toBe(0);
    await expect.poll(async () => (await policy.run(UNSAFE, CALL, working)).kind, { interval: 10 }).toBe('done');
    expect(policy.snapshot()).toMatchObject({ circuit: 'CLOSED', status: 'healthy' });
  });

  test("stays closed for refusals, wrong credentials and rate limits: they are one tenant's affair", async () => {
    const { policy } = policyWith();
    for (const reason of ['rejected', 'misconfigured', 'rateLimited'] as const) {
      for (let call = 0; call < 10; call++)
        await policy.run(UNSAFE, CALL, scripted({ kind: 'notDone', reason, detail: '' }));
    }
    expect(policy.snapshot().circuit).toBe('CLOSED');
  });

  test('of one host leaves another host alone', async () => {
    const { policy } = policyWith();
    for (let call = 0; call < 3; call++) await policy.run(UNSAFE, CALL, scripted(UNKNOWN));
    expect(await policy.run({ ...UNSAFE, baseUrl: 'http://two.example' }, CALL, scripted(DONE))).toEqual(DONE);
    expect(policy.snapshot().circuit).toBe('OPEN');
  });
});

describe('crowding', () => {
  test('a call that waits past its deadline ends there and is never sent afterwards', async () => {
    const { policy } = policyWith({ concurrentMax: 1 });
    const gate = Promise.withResolvers<Outcome<string>>();
    const first = policy.run(UNSAFE, CALL, () => gate.promise);
    const waiting = scripted(DONE);
    expect(await policy.run(UNSAFE, { timeoutMs: 30 }, waiting)).toMatchObject({
      kind: 'notDone',
      reason: 'unavailable',
    });
    gate.resolve(DONE);
    await first;
    await policy.run(UNSAFE, CALL, scripted(DONE));
    expect(waiting.calls).toBe(0);
    expect(policy.snapshot().circuit).toBe('CLOSED');
  });

  test('a full queue refuses at once', async () => {
    const { policy } = policyWith({ concurrentMax: 1, queuedMax: 0 });
    const gate = Promise.withResolvers<Outcome<string>>();
    const first = policy.run(UNSAFE, CALL, () => gate.promise);
    expect(await policy.run(UNSAFE, CALL, scripted(DONE))).toMatchObject({
      kind: 'notDone',
      detail: 'too many calls are under way',
    });
    gate.resolve(DONE);
    expect(await first).toEqual(DONE);
  });

  test("a queued call runs in its own caller's context, so that the guard looks at the right transaction", async () => {
    const { policy } = policyWith({ concurrentMax: 1 });
    const caller = new AsyncLocalStorage<string>();
    const gate = Promise.withResolvers<Outcome<string>>();
    const seen: (string | undefined)[] = [];
    const work = async (): Promise<Outcome<string>> => {
      seen.push(caller.getStore());
      return gate.promise;
    };
    const both = [
      caller.run('first', () => policy.run(UNSAFE, CALL, work)),
      caller.run('second', () => policy.run(UNSAFE, CALL, work)),
    ];
    gate.resolve(DONE);
    await Promise.all(both);
    expect(seen).toEqual(['first', 'second']);
  });
});

describe('rate limits', () => {
  const answer = (status: number, headers: Record<string, string>): OutboundResponse => ({ status, headers, body: '' });
  const ask = (key: string) =>
    ({ method: 'GET', url: 'http://one.example/x', headers: { authorization: key } }) as const;

  test('an account that got a 429 is left alone until the time it named; others go on', async () => {
    let now = 1_000_000;
    const policy = createPolicy({ integration: 'fawaterk', clock: { now: () => new Date(now) }, random: () => 0 });
    const answers = [answer(429, { 'retry-after': '7', 'x-ratelimit-remaining': '0' })];
    let sent = 0;
    const send = policy.watch(async () => {
      sent++;
      return answers.shift() ?? answer(200, { 'x-ratelimit-remaining': '41' });
    });
    await send(ask('a'), CALL);
    expect(policy.snapshot().rateLimitRemaining).toBe(0);
    const refused: unknown = await send(ask('a'), CALL).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(OutboundFailure);
    expect(refused).toMatchObject({ code: 'RATE_LIMITED', reached: 'no', retryAt: new Date(now + 7_000) });
    expect((await send(ask('b'), CALL)).status).toBe(200);
    now += 7_000;
    expect((await send(ask('a'), CALL)).status).toBe(200);
    expect(sent).toBe(3);
    expect(policy.snapshot().rateLimitRemaining).toBe(41);
  });
});

describe('a vendor with headers of its own', () => {
  const NOW = 1_767_225_600_000;
  const clock = { now: () => new Date(NOW) };
  const throttled = (headers: Record<string, string>): OutboundResponse => ({ status: 429, headers, body: '' });

  test.each([
    ['milliseconds since 1970 (Expedia)', { 'rate-limit-minute-reset': String(NOW + 42_000) }, 42_000],
    ['seconds since 1970', { 'x-rate-limit-reset': String(NOW / 1000 + 42) }, 42_000],
    ['seconds from now', { 'x-rate-limit-reset': '42' }, 42_000],
    ['Retry-After before its own', { 'retry-after': '7', 'rate-limit-minute-reset': String(NOW + 42_000) }, 7_000],
    ['a time that is over', { 'rate-limit-minute-reset': String(NOW - 1) }, 60_000],
    ['no number', { 'rate-limit-minute-reset': 'soon' }, 60_000],
    ['nothing', {}, 60_000],
    ['more than ten minutes', { 'rate-limit-minute-reset': String(NOW + 86_400_000) }, 600_000],
  ])('%s', (_name, headers, pauseMs) => {
    expect(retryTime(throttled(headers), clock, 60_000)).toEqual(new Date(NOW + pauseMs));
  });

  test('is left alone for as long as the request says where it names no time', async () => {
    const policy = createPolicy({ integration: 'expedia', clock, random: () => 0 });
    const send = policy.watch(async () => throttled({}));
    const request = { method: 'GET', url: 'http://one.example/x', account: 'a', rateLimitPauseMs: 60_000 } as const;
    await send(request, CALL);
    await expect(send(request, CALL)).rejects.toMatchObject({ retryAt: new Date(NOW + 60_000) });
  });

  test.each(['x-ratelimit-remaining', 'x-rate-limit-remaining', 'rate-limit-minute-remaining'])(
    'tells what is left in %s',
    async (name) => {
      const policy = createPolicy({ integration: 'expedia', clock, random: () => 0 });
      const send = policy.watch(async () => ({ status: 200, headers: { [name]: '64' }, body: '' }));
      await send({ method: 'GET', url: 'http://one.example/x' }, CALL);
      expect(policy.snapshot().rateLimitRemaining).toBe(64);
    },
  );
});

describe('a vendor that names the account in the body', () => {
  test('pauses the account the request says it is for, and no other', async () => {
    const policy = createPolicy({ integration: 'payu', clock: { now: () => new Date(1_000_000) }, random: () => 0 });
    const statuses = [429];
    const send = policy.watch(async () => ({ status: statuses.shift() ?? 200, headers: {}, body: '' }));
    const ask = (account: string) => ({ method: 'POST', url: 'http://one.example/x', account }) as const;
    await send(ask('a'), CALL);
    await expect(send(ask('a'), CALL)).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    expect((await send(ask('b'), CALL)).status).toBe(200);
  });
});

describe('what can be seen', () => {
  test('nothing is claimed before the first call; then time and duration of the last one', async () => {
    const { policy } = policyWith();
    expect(policy.snapshot()).toEqual({
      status: 'idle',
      circuit: 'CLOSED',
      lastResponseMs: null,
      lastCheckedAt: null,
      rateLimitRemaining: null,
    });
    await policy.run(SAFE, CALL, scripted(DONE));
    expect(policy.snapshot()).toMatchObject({
      status: 'healthy',
      lastResponseMs: expect.any(Number),
      lastCheckedAt: expect.any(Date),
    });
    await policy.run(UNSAFE, CALL, scripted(DOWN));
    expect(policy.snapshot().status).toBe('degraded');
  });

  test('every call is observed once, by its outcome', async () => {
    const { policy, seen } = policyWith();
    for (const outcome of [DONE, UNKNOWN, REFUSED]) await policy.run(UNSAFE, CALL, scripted(outcome));
    expect(seen.map((one) => [one.integration, one.operation, one.outcome])).toEqual([
      ['fawaterk', 'initiate', 'done'],
      ['fawaterk', 'initiate', 'unknown'],
      ['fawaterk', 'initiate', 'rejected'],
    ]);
  });

  test('a defect of ours stays a defect', async () => {
    const { policy } = policyWith();
    await expect(policy.run(SAFE, CALL, () => Promise.reject(new TypeError('ours')))).rejects.toThrow('ours');
  });
});
