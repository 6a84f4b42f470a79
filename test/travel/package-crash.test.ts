import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import type { App } from '../../src/context.ts';
import type { Caller } from '../../src/request.ts';
import { createContext } from '../../src/request.ts';
import { attemptReference } from '../../src/domain/booking.ts';
import { AppError } from '../../src/errors.ts';
import { encodeGlobalId } from '../../src/global-id.ts';
import { stepBooking } from '../../src/resolvers/booking-step.ts';
import { lookUpInquiry } from '../../src/resolvers/inquiry.ts';
import { bookPackage } from '../../src/resolvers/package-begin.ts';
import { cancelPackage } from '../../src/resolvers/package-end.ts';
import { stepPackage } from '../../src/resolvers/package-step.ts';
import { encodeMethodId, payOrder } from '../../src/resolvers/payment.ts';
import { WALLET_METHOD } from '../../src/resolvers/wallet-pay.ts';
import { CONTACT, NAME, offerOf, sellers } from '../graph/booking-mutations.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { brokenLaws } from '../helpers/books.ts';
import { Shop } from '../helpers/shop.ts';
import { TestVendor } from '../helpers/travel.ts';
import { giveWallet } from '../helpers/wallet.ts';

/**
 * A process dies before and after each of its transactions while it works at a package (PRV-16): whatever it had done at a
 * provider by then, another goes on from the rows alone and comes to the same end.
 */
let ahead = 0;
const clock = { now: () => new Date(Date.now() + ahead) };
let world: TestApp;
let shop: Shop;
let caller: Caller;
const vendor = new TestVendor();
const rejected = { kind: 'notDone', reason: 'rejected', detail: 'no' } as const;

beforeAll(async () => {
  world = await startTestApp({ worker: false, clock, providerDescriptions: vendor.descriptions });
  shop = await Shop.open(world);
  const platformAdmin = { token: (await world.session('platformAdmin')).accessToken };
  await world.owner('update providers set calls_per_minute = 1000000');
  await sellers({ shop, platformAdmin, tenantAdmin: platformAdmin, portal: {} });
  await world.owner('update providers set calls_per_minute = 1000000');
  world.app.providers.refresh();
  const { token } = shop.customer as { token: string };
  caller = await world.app.auth.identify({
    apiKey: null,
    authorization: `Bearer ${token}`,
    origin: null,
    tenantSlug: null,
  });
  await giveWallet(world, caller.scope.customerId!, 1_000_000_000n);
});
afterAll(() => world.stop());
beforeEach(() => vendor.behave({ holds: true }));

type Side = 'before' | 'after';
interface Death {
  readonly write: number;
  readonly side: Side;
}
/** A transaction, and whether the provider was called since the one before. */
interface Write {
  readonly write: number;
  readonly isAnswer: boolean;
}

/** The process has ended: nothing of it reaches the database any more. */
class Gone extends Error {}

/** An app whose process dies at one of its transactions. */
function mortal(death: Death | null): { app: App; writes: readonly Write[] } {
  const writes: Write[] = [];
  let [isDead, calls] = [false, vendor.calls];
  const write: App['db']['write'] = async (scope, work) => {
    writes.push({ write: writes.length + 1, isAnswer: vendor.calls > calls });
    calls = vendor.calls;
    const isLast = writes.length === death?.write;
    isDead ||= isLast && death?.side === 'before';
    if (isDead) throw new Gone();
    const value = await world.app.db.write(scope, work);
    isDead ||= isLast;
    if (isDead) throw new Gone();
    return value;
  };
  const db = new Proxy(world.app.db, {
    get: (alive, name) => {
      if (isDead) throw new Gone();
      if (name === 'write') return write;
      const value: unknown = Reflect.get(alive, name, alive);
      return typeof value === 'function' ? (value.bind(alive) as unknown) : value;
    },
  });
  return { app: { ...world.app, db }, writes };
}

/** One request of the customer's. */
async function request<T>(app: App, verb: (ctx: ReturnType<typeof createContext>) => Promise<T>): Promise<T> {
  const ctx = createContext(app, caller, 'request');
  try {
    return await verb(ctx);
  } finally {
    ctx.reads.end();
  }
}

const HANDLERS: Readonly<Record<string, (id: string) => Promise<void>>> = {
  package: (id) => stepPackage(world.app, shop.scope, id),
  booking: (id) => stepBooking(world.app, shop.scope, id),
  inquiry: (id) => lookUpInquiry(world.app, shop.scope, id),
};
const HOUR = 3_600_000;

/** Another process does what is due, as the jobs do, until nothing is to be done for an hour. */
async function othersGoOn(): Promise<void> {
  const due = async (withinMs: number) => {
    const found = await world.app.db.lookUp<{ kind: string; id: string }>('select kind, id from due_work($1, 500)', [
      new Date(clock.now().getTime() + withinMs),
    ]);
    return found.filter(({ kind }) => kind in HANDLERS);
  };
  for (let turn = 0; turn < 200; turn += 1) {
    const now = await due(0);
    for (const { kind, id } of now) await HANDLERS[kind]!(id);
    if (now.length > 0) continue;
    if ((await due(HOUR)).length === 0) return;
    ahead += 30_000;
  }
  throw new Error('It comes to no end.');
}

const input = (stays: number) => ({
  ...CONTACT,
  legs: [
    ...Array.from({ length: stays }, () => ({ offerId: offerOf(shop, 'STAY'), guests: [NAME] })),
    { offerId: offerOf(shop, 'FLIGHT'), passengers: [{ ...NAME, birthDate: '1990-01-01' }] },
  ],
});

/** What has become of packages, whoever worked at them. Which of its legs failed may differ: a hold that may never have been asked for is not asked for again. */
async function ends(ids: readonly string[]) {
  const found = await world.owner(
    `select k.status, k.phase, o.status as "order", k.asked_back_minor::int as "askedBack",
       (select coalesce(sum(r.amount_minor), 0)::int from refunds r join payments p on p.tenant_id = r.tenant_id and p.id = r.payment_id
         where p.order_id = o.id and r.status = 'DONE') as back,
       (select array_agg(b.status::text order by b.status::text) from bookings b where b.package_id = k.id) as legs,
       (select count(*)::int from inquiries i join bookings b on b.id = i.about_id where b.package_id = k.id and i.resolution in ('OPEN', 'HANDED_TO_PERSON')) as open
     from packages k join orders o on o.tenant_id = k.tenant_id and o.id = k.order_id where k.id = any($1::uuid[])`,
    [ids],
  );
  const different = new Set(found.map((one) => JSON.stringify(one)));
  return { ends: [...different].map((one): unknown => JSON.parse(one)), standing: await standing(ids) };
}

/** What the vendor still has of them, under whatever name they were ever sent. */
async function standing(ids: readonly string[]): Promise<string[]> {
  const legs = await world.owner<{ id: string; attempt: number }>(
    'select id, attempt from bookings where package_id = any($1::uuid[])',
    [ids],
  );
  const names = legs.flatMap(({ id, attempt }) =>
    Array.from({ length: attempt }, (_, index) => attemptReference(id, index + 1)),
  );
  return names.flatMap((name) => vendor.sold.get(name)?.state ?? []).filter((state) => state !== 'CANCELLED');
}

/** A package that is paid, and nobody has begun to book it. */
async function paid(stays: number): Promise<string> {
  const { id } = await request(world.app, (ctx) => bookPackage(ctx, input(stays)));
  const [one] = await world.owner<{ order: string }>('select order_id as order from packages where id = $1', [id]);
  await request(world.app, (ctx) =>
    payOrder(ctx, { orderId: encodeGlobalId('Order', one!.order), methodId: encodeMethodId(WALLET_METHOD) }),
  );
  return id;
}

interface Story {
  /** @returns what dies on the way, and all packages there are of it then */
  readonly prepare: () => Promise<{ run: (app: App) => Promise<unknown>; ids: () => Promise<readonly string[]> }>;
}

/** The end of a story whose process dies on the way, or does not. */
async function told({ prepare }: Story, death: Death | null) {
  const { run, ids } = await prepare();
  const { app, writes } = mortal(death);
  await run(app).catch((error: unknown) => {
    if (!(error instanceof Gone) && !(error instanceof AppError && death === null)) throw error;
  });
  await othersGoOn();
  return { end: await ends(await ids()), writes };
}

/** Every death of a story whose end is another than that of the story without any. */
async function otherEnds(story: Story): Promise<{ end: unknown; deaths: number; others: unknown[] }> {
  const { end, writes } = await told(story, null);
  const others: unknown[] = [];
  // Before a transaction is after the one before, unless the provider was called in between.
  const deaths = writes.flatMap(({ write, isAnswer }): Death[] =>
    isAnswer
      ? [
          { write, side: 'before' },
          { write, side: 'after' },
        ]
      : [{ write, side: 'after' }],
  );
  for (const death of deaths) {
    const other = await told(story, death);
    if (JSON.stringify(other.end) !== JSON.stringify(end)) others.push({ ...death, end: other.end });
  }
  return { end, deaths: deaths.length, others };
}

const OVER = { phase: 'ENDED', open: 0 };

/** The provider refuses to confirm what is taken second, and lets go of it. */
async function secondIsRefused(id: string): Promise<void> {
  const [leg] = await world.owner<{ name: string }>(
    "select b.attempt_reference as name from packages k join bookings b on b.package_id = k.id and b.package_leg = (k.plan #>> '{order,1}')::int where k.id = $1",
    [id],
  );
  vendor.behave({
    holds: true,
    confirm: ({ reference }) => {
      if (reference !== leg!.name) return null;
      vendor.sold.get(reference)!.state = 'CANCELLED';
      return rejected;
    },
  });
}

test('a package whose second leg is refused after it was paid is taken back, and paid back once', async () => {
  const { end, deaths, others } = await otherEnds({
    prepare: async () => {
      vendor.behave({ holds: true });
      const id = await paid(2);
      await secondIsRefused(id);
      return { run: (app) => stepPackage(app, shop.scope, id), ids: async () => [id] };
    },
  });
  const back = { order: 'REFUNDED', askedBack: 60_000, back: 60_000 };
  expect(end).toEqual({
    ends: [{ ...OVER, ...back, status: 'FAILED', legs: ['CANCELLED', 'CANCELLED', 'FAILED'] }],
    standing: [],
  });
  expect(deaths).toBeGreaterThanOrEqual(10);
  expect(others).toEqual([]);
});

test('a package whose last leg can not be kept lets go of the others, and whoever asked again under its key is told why', async () => {
  const { end, deaths, others } = await otherEnds({
    prepare: async () => {
      vendor.behave({ holds: true, book: ({ travellers }) => ('passengers' in travellers ? rejected : null) });
      const asked = { ...input(1), idempotencyKey: randomUUID() };
      const since = clock.now();
      const book = (app: App) => request(app, (ctx) => bookPackage(ctx, asked));
      return {
        run: book,
        ids: async () => {
          ahead += 61_000;
          // Whoever heard the provider's answer may be gone.
          const code = expect.stringMatching(/^PROVIDER_(REJECTED|UNAVAILABLE)$/);
          await expect(book(world.app)).rejects.toMatchObject({ code });
          await othersGoOn();
          return (await world.owner<{ id: string }>('select id from packages where created_at >= $1', [since])).map(
            ({ id }) => id,
          );
        },
      };
    },
  });
  const back = { order: 'CANCELLED', askedBack: 0, back: 0 };
  expect(end).toEqual({ ends: [{ ...OVER, ...back, status: 'FAILED', legs: ['CANCELLED', 'FAILED'] }], standing: [] });
  expect(deaths).toBeGreaterThanOrEqual(10);
  expect(others).toEqual([]);
});

test('a booked package that is given up is cancelled leg by leg, and paid back once', async () => {
  const { end, deaths, others } = await otherEnds({
    prepare: async () => {
      const id = await paid(1);
      await stepPackage(world.app, shop.scope, id);
      const asked = { packageId: encodeGlobalId('Package', id), idempotencyKey: randomUUID() };
      const cancel = (app: App) => request(app, (ctx) => cancelPackage(ctx, asked));
      return {
        run: cancel,
        ids: async () => {
          ahead += 61_000;
          await cancel(world.app);
          await othersGoOn();
          return [id];
        },
      };
    },
  });
  const back = { order: 'REFUNDED', askedBack: 40_000, back: 40_000 };
  expect(end).toEqual({
    ends: [{ ...OVER, ...back, status: 'CANCELLED', legs: ['CANCELLED', 'CANCELLED'] }],
    standing: [],
  });
  expect(deaths).toBeGreaterThanOrEqual(10);
  expect(others).toEqual([]);
});

test('and after all these deaths the books agree', async () => {
  expect(await brokenLaws(world)).toEqual({});
});
