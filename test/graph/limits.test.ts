import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { PLATFORM_TENANT_ID } from '../../src/auth/platform.ts';
import { createBudgets, type Budgets } from '../../src/budgets.ts';
import { costOfDocument, prepareDocument } from '../../src/graphql/documents.ts';
import { pointsOf } from '../../src/graphql/cost.ts';
import { schema } from '../../src/schema/index.ts';
import { FAILURES_PER_MINUTE, STRANGER_POINTS_PER_MINUTE } from '../../src/http/strangers.ts';
import { createWorld, signIn, type World } from '../auth/world.ts';
import { makePartnerKey, post, serve, setLimit, type Heard, type Served } from '../http/world.ts';

let world: World;

beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

/** Budgets begin anew with the minute: it ends only where a test says so. */
const inOneMinute = (work: () => Promise<void>) => () => world.standingStill(work);

describe('budgets', () => {
  /** A minute of its own for a test, so that no window ends in the middle of it. */
  function minute(index: number) {
    const at = { now: Date.UTC(2030, 0, 1, 0, index) + 5_000 };
    return { at, clock: { now: () => new Date(at.now) } };
  }
  async function drain(
    budgets: readonly Budgets[],
    tenantId: string,
    cost: number,
    limit: number,
    tries: number,
  ): Promise<number> {
    const takes = Array.from({ length: tries }, (_, index) =>
      budgets[index % budgets.length]!.take(tenantId, 'drained', cost, limit),
    );
    return (await Promise.all(takes)).filter((grant) => grant.granted).length;
  }

  test.each([
    [60, 1, 60],
    [60, 7, 8],
    [1, 1, 1],
    [1_000, 3, 333],
  ])(
    'a budget of %i points gives costs of %i exactly %i times over two processes at once',
    async (limit, cost, times) => {
      const tenant = await world.tenant(`exact-${limit}-${cost}`);
      const { clock } = minute(limit + cost);
      const processes = [createBudgets(world.app.db, clock), createBudgets(world.app.db, clock)];
      const granted = await drain(processes, tenant.id, cost, limit, times + 40);
      // A process may hold up to a hundredth ahead that another one lacks; never is more given than there is.
      expect(granted).toBeLessThanOrEqual(times);
      expect(granted).toBeGreaterThanOrEqual(Math.floor(times - (limit >= 200 ? (2 * limit) / 100 / cost : 0)));
    },
  );

  test('a large budget is never exceeded over many processes, and is used but for what they hold ahead', async () => {
    const tenant = await world.tenant('large');
    const { clock } = minute(1);
    const processes = Array.from({ length: 4 }, () => createBudgets(world.app.db, clock));
    const granted = await drain(processes, tenant.id, 3, 3_000, 1_500);
    expect(granted * 3).toBeLessThanOrEqual(3_000);
    expect(granted * 3).toBeGreaterThan(3_000 * 0.95);
  });

  test('what is held ahead is given without asking the database', async () => {
    const tenant = await world.tenant('ahead');
    const { clock } = minute(2);
    const budgets = createBudgets(world.app.db, clock);
    expect(budgets.takeNow(tenant.id, 'b', 1, 100_000)).toBeNull();
    await budgets.take(tenant.id, 'b', 1, 100_000);
    expect(budgets.takeNow(tenant.id, 'b', 1, 100_000)).toMatchObject({ granted: true, remaining: 99_998 });
  });

  test('an exhausted budget is refused without asking, until the minute is over', async () => {
    const tenant = await world.tenant('exhausted');
    const { at, clock } = minute(3);
    const budgets = createBudgets(world.app.db, clock);
    expect(await drain([budgets], tenant.id, 1, 3, 4)).toBe(3);
    expect(budgets.takeNow(tenant.id, 'drained', 1, 3)).toEqual({
      granted: false,
      remaining: 0,
      resetAt: new Date(Date.UTC(2030, 0, 1, 0, 4)),
    });
    at.now += 60_000;
    expect(await budgets.take(tenant.id, 'drained', 1, 3)).toMatchObject({ granted: true, remaining: 2 });
  });

  test('a raised limit counts at once', async () => {
    const tenant = await world.tenant('raised');
    const { clock } = minute(4);
    const budgets = createBudgets(world.app.db, clock);
    await drain([budgets], tenant.id, 1, 2, 3);
    expect(await budgets.take(tenant.id, 'drained', 1, 2)).toMatchObject({ granted: false });
    expect(await budgets.take(tenant.id, 'drained', 1, 10)).toMatchObject({ granted: true });
  });

  test('a lowered limit counts at once, for what is held ahead too', async () => {
    const tenant = await world.tenant('lowered');
    const { clock } = minute(7);
    const budgets = createBudgets(world.app.db, clock);
    expect(await budgets.take(tenant.id, 'b', 1, 100_000)).toMatchObject({ granted: true });
    expect(budgets.takeNow(tenant.id, 'b', 1, 100_000)).toMatchObject({ granted: true });
    expect(await budgets.take(tenant.id, 'b', 1, 10)).toMatchObject({ granted: false, remaining: 0 });
    // Nor does raising it again bring back what was given up.
    expect(budgets.takeNow(tenant.id, 'b', 1, 100_000)).toBeNull();
  });

  test('what costs more than a minute has takes a whole minute, and passes', async () => {
    const tenant = await world.tenant('dear');
    const { clock } = minute(5);
    const budgets = createBudgets(world.app.db, clock);
    expect(await budgets.take(tenant.id, 'b', 50, 10)).toMatchObject({ granted: true, remaining: 0 });
    expect(await budgets.take(tenant.id, 'b', 50, 10)).toMatchObject({ granted: false });
  });

  test('looking takes nothing', async () => {
    const tenant = await world.tenant('looked-at');
    const { clock } = minute(6);
    const budgets = createBudgets(world.app.db, clock);
    await budgets.take(tenant.id, 'b', 2, 10);
    expect(
      [await budgets.peek(tenant.id, 'b', 10), await budgets.peek(tenant.id, 'b', 10)].map((grant) => grant.remaining),
    ).toEqual([8, 8]);
  });
});

describe('the price of an operation', () => {
  const price = (text: string, variables = {}) => {
    const prepared = prepareDocument(schema, text);
    expect(prepared.errors).toEqual([]);
    return pointsOf(prepared.operations[0]!.cost, variables);
  };

  test.each<[string, Record<string, unknown>, number]>([
    ['{ __typename }', {}, 1],
    ['{ viewer { kind } }', {}, 1],
    ['query ($d: String!) { a: costOf(document: $d) { requested } b: costOf(document: $d) { limit } }', {}, 2],
    ['{ orders(first: 100) { nodes { id } } }', {}, 3],
    ['{ orders(first: 100) { edges { node { id } } nodes { id } } }', {}, 5],
    ['{ orders { nodes { id } } }', {}, 1],
    ['query ($n: Int) { orders(first: $n) { nodes { id payments { id } } } }', { n: 100 }, 13],
    ['query ($n: Int = 50) { orders(first: $n) { nodes { id payments { id } } } }', {}, 7],
    ['query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', { ids: Array(100).fill('x') }, 2],
    ['{ orders(last: 100) { nodes { ...O } } } fragment O on Order { payments { id } }', {}, 13],
    ['query ($n: Int) { orders(first: $n, last: 100) { nodes { id payments { id } } } }', {}, 13],
    ['query ($n: Int) { orders(last: 100, first: $n) { nodes { id payments { id } } } }', { n: null }, 13],
    ['query ($n: Int, $m: Int) { orders(first: $n, last: $m) { nodes { id payments { id } } } }', { m: 100 }, 13],
    ['query ($n: Int) { orders(first: $n) { nodes { id payments { id } } } }', {}, 3],
    ['query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', { ids: [] }, 1],
    ['{ orders(first: 2000000000) { nodes { id } } }', {}, 20_001],
  ])('%s %j costs %i', (text, variables, points) => {
    expect(price(text, variables)).toBe(points);
  });

  test('costOf tells it before it is sent', () => {
    expect(costOfDocument(schema, '{ orders(first: 100) { nodes { id } } }')).toEqual({ requested: 3, limit: 100 });
    expect(() => costOfDocument(schema, '{ ordres }')).toThrow(/cannot be run/);
  });
});

describe.each(['thin', 'yoga'])('over HTTP by the %s entrance', (entrance) => {
  let served: Served;
  beforeAll(async () => {
    served = await serve(world.app, { thinEntrance: entrance === 'thin' });
  });
  afterAll(() => served.close());

  const ask = (headers: Record<string, string>, query = '{ rateLimit { limit cost remaining resetAt } }') =>
    post(served, { query }, headers);

  test('the budget is in the answer, in its headers and in the graph, and they agree', async () => {
    const tenant = await world.tenant(`agree-${entrance}`);
    const answer = await ask({ 'x-api-key': tenant.portalKey });
    const { rateLimit } = answer.body.data;
    expect(rateLimit).toMatchObject({ limit: 60, cost: 1, remaining: 59 });
    expect(answer.body.extensions.cost).toEqual({ requested: 1, remaining: 59, limit: 60, resetAt: rateLimit.resetAt });
    expect([answer.headers.get('ratelimit-limit'), answer.headers.get('ratelimit-remaining')]).toEqual(['60', '59']);
    expect(Number(answer.headers.get('ratelimit-reset'))).toBeGreaterThan(0);
  });

  test(
    'over the limit: 429, a code and when to try again; the next minute is free again',
    inOneMinute(async () => {
      const tenant = await world.tenant(`over-${entrance}`);
      await setLimit(world.app, tenant.id, 5);
      const headers = { 'x-api-key': tenant.portalKey };
      world.advance(60_000);
      let refused: Heard | undefined;
      for (let index = 0; index < 12 && !refused; index += 1) {
        const answer = await ask(headers);
        if (answer.status !== 200) refused = answer;
      }
      expect([refused?.status, refused?.codes]).toEqual([429, ['RATE_LIMITED']]);
      expect(Number(refused!.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(Date.parse(refused!.body.errors[0].extensions.details.retryAt)).toBeGreaterThan(
        world.clock.now().getTime(),
      );
      expect(refused!.body.data).toBeUndefined();
      world.advance(60_000);
      expect((await ask(headers)).status).toBe(200);
    }),
  );

  test(
    'one key has one budget over two processes; another key of the tenant has its own',
    inOneMinute(async () => {
      const tenant = await world.tenant(`shared-${entrance}`);
      await setLimit(world.app, tenant.id, 20);
      const partner = await makePartnerKey(world.app, tenant.id, ['orders:read']);
      const peer = await serve(await world.peer());
      try {
        world.advance(60_000);
        const answers = await Promise.all(
          Array.from({ length: 60 }, (_, index) =>
            post(index % 2 ? served : peer, { query: '{ __typename }' }, { 'x-api-key': tenant.portalKey }),
          ),
        );
        const granted = answers.filter((answer) => answer.status === 200).length;
        expect(granted).toBe(20);
        expect((await ask({ 'x-api-key': partner }, '{ __typename }')).status).toBe(200);
      } finally {
        await peer.close();
      }
    }),
  );

  test(
    "the platform's staff at work in a tenant spend their own budget, and none of the tenant's",
    inOneMinute(async () => {
      const tenant = await world.tenant(`entered-${entrance}`);
      const people = await signIn(
        world.app,
        { key: tenant.portalKey },
        (await world.person(tenant.id, 'OPERATOR')).email,
      );
      const staff = await signIn(world.app, {}, (await world.person(PLATFORM_TENANT_ID, 'PLATFORM_ADMIN')).email);
      world.advance(60_000);
      const remaining = async (headers: Record<string, string>) => (await ask(headers)).body.data?.rateLimit.remaining;
      const operator = { authorization: `Bearer ${people.accessToken}` };
      const admin = { authorization: `Bearer ${staff.accessToken}`, 'x-tenant': `entered-${entrance}` };
      expect([await remaining(operator), await remaining(admin), await remaining(operator)]).toEqual([59, 59, 58]);
    }),
  );

  test(
    'dear operations take more of the budget than cheap ones',
    inOneMinute(async () => {
      const tenant = await world.tenant(`price-${entrance}`);
      const { email } = await world.person(tenant.id, 'OPERATOR');
      const { accessToken } = await signIn(world.app, { key: tenant.portalKey }, email);
      const headers = { 'x-api-key': tenant.portalKey, authorization: `Bearer ${accessToken}` };
      world.advance(60_000);
      const [cheap, dear] = [
        await ask(headers, '{ viewer { kind } }'),
        await ask(headers, '{ orders(first: 100) { nodes { id payments { id } } } }'),
      ];
      expect([cheap.body.extensions.cost.requested, dear.body.extensions.cost.requested]).toEqual([1, 13]);
    }),
  );

  test('a query that read says where it stood; one that read nothing does not', async () => {
    const tenant = await world.tenant(`cursor-${entrance}`);
    const { email } = await world.person(tenant.id, 'OPERATOR');
    const { accessToken } = await signIn(world.app, { key: tenant.portalKey }, email);
    const headers = { authorization: `Bearer ${accessToken}` };
    expect((await ask(headers, '{ orders { nodes { id } } }')).body.extensions.cursor).toMatch(/^[\w-]{16,}$/);
    expect((await ask(headers, '{ __typename }')).body.extensions.cursor).toBeUndefined();
  });

  test(
    'callers without credentials share a budget of their address',
    inOneMinute(async () => {
      world.advance(60_000);
      const answers = await Promise.all(
        Array.from({ length: STRANGER_POINTS_PER_MINUTE + 20 }, () => post(served, { query: '{ __typename }' })),
      );
      const statuses = new Set(answers.map((answer) => answer.status));
      expect(statuses).toEqual(new Set([200, 429]));
      world.advance(60_000);
    }),
  );

  test(
    'guessing at keys stops asking the database, and known keys go on',
    inOneMinute(async () => {
      const tenant = await world.tenant(`guess-${entrance}`);
      await setLimit(world.app, tenant.id, 100_000);
      world.advance(60_000);
      expect((await ask({ 'x-api-key': tenant.portalKey })).status).toBe(200);
      const guesses: Heard[] = [];
      for (let index = 0; index < FAILURES_PER_MINUTE + 60; index += 1)
        guesses.push(await ask({ 'x-api-key': `pk_live_guess_${index}_${'x'.repeat(20)}` }));
      expect(guesses[0]!.codes).toEqual(['UNAUTHENTICATED']);
      expect(guesses.filter((guess) => guess.status === 401).length).toBeLessThanOrEqual(2 * FAILURES_PER_MINUTE);
      const last = guesses.at(-1)!;
      expect([last.status, last.codes, Number(last.headers.get('retry-after')) > 0]).toEqual([
        429,
        ['RATE_LIMITED'],
        true,
      ]);
      expect((await ask({ 'x-api-key': tenant.portalKey })).status).toBe(200);
      world.advance(60_000);
    }),
  );
});
