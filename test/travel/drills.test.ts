import http from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { FAULTS } from '../../src/domain/fault-drill.ts';
import { SIMULATORS } from '../../src/integrations/simulators.ts';
import { FAULTS as FAULTS_OF_SANDBOXES } from '../../src/integrations/simulator/scenario.ts';
import { createContext } from '../../src/request.ts';
import { startFaultDrill } from '../../src/resolvers/fault-drill.ts';
import { startTestApp, type As, type TestApp } from '../helpers/app.ts';
import { Driller } from '../helpers/drills.ts';
import { ACCOUNT, day, TravelWorld } from '../helpers/travel-world.ts';

/** A tenant has its sandboxes misbehave (BEY-9), over the graph alone; another tenant calls the same accounts at the same time. */
let world: TestApp;
let travel: TravelWorld;
let mine: As;
let theirs: As;
let admin: As;
let drills: Driller;
let shiftMs = 0;

const OTHER = '00000000-0000-4000-8000-0000000000d2';
const SOON = { timeout: 30_000 };

beforeAll(async () => {
  world = await startTestApp({ worker: true, clock: { now: () => new Date(Date.now() + shiftMs) } });
  travel = await TravelWorld.open(world, { expedia: { roomsEach: 900 } });
  mine = { token: (await world.session('customer')).accessToken };
  admin = { token: (await world.session('tenantAdmin')).accessToken };
  drills = new Driller(world, admin);
  const { email } = world.facts.customer;
  const other = { email, password: world.passwordOf(OTHER, email) };
  theirs = { token: (await world.session(other, world.facts.otherPortalKey)).accessToken };
});
afterAll(() => world.stop());
afterEach(async () => {
  for (const { integration } of await drills.on()) await drills.stop(integration);
});

const selected = ({ decision }: any) => decision.selected?.slug;
const codes = ({ userErrors }: any) => userErrors.map(({ code }: any) => code);
const refundable = ({ offers }: any) =>
  offers.find((offer: any) => offer.refundable && offer.provider.slug === 'expedia');
/** Another stay each time: what is kept of an earlier search answers nothing here. */
let stays = 0;
const anew = () => ({ checkIn: day(60 + stays), checkOut: day(61 + stays++) });
/** The same stay, as each of the two is offered it. */
async function offered(): Promise<{ mine: any; theirs: any }> {
  const stay = anew();
  const [one, other] = await Promise.all([travel.search(mine, stay), travel.search(theirs, stay)]);
  return { mine: refundable(one), theirs: refundable(other) };
}
const itineraries = async (drill?: string) =>
  ((await world.simulators.bookOf('expedia', ACCOUNT, drill)).book as { bookings: { reference: string }[] }).bookings;

describe('of a provider, a drill', () => {
  test('that sells out between price and book is SOLD_OUT, and the other tenant books', async () => {
    const offers = await offered();
    await drills.start('expedia', [{ operation: 'book', fault: 'SOLD_OUT' }]);
    const [refused, booked] = await Promise.all([
      travel.book(mine, offers.mine.id),
      travel.book(theirs, offers.theirs.id),
    ]);
    expect([codes(refused), refused.booking]).toEqual([['SOLD_OUT'], null]);
    expect(booked).toMatchObject({ userErrors: [], booking: { status: 'PENDING', syncStatus: 'SYNCED' } });
    await drills.stop('expedia');
    expect(codes(await travel.book(mine, offers.mine.id))).toEqual([]);
  });

  test('that raises the price is PRICE_CHANGED with the new one, and the other tenant pays the old one', async () => {
    const offers = await offered();
    await drills.start('EXPEDIA', [{ operation: 'priceCheck', fault: 'PRICE_CHANGED' }]);
    const refused = await travel.book(mine, offers.mine.id);
    expect(codes(refused)).toEqual(['PRICE_CHANGED']);
    const { amount } = refused.userErrors[0].details.currentTotal;
    expect(Number(amount)).toBeGreaterThan(Number(offers.mine.total.amount));
    const booked = await travel.book(theirs, offers.theirs.id);
    const { total, payAtProperty } = offers.theirs;
    expect(booked.booking.amount.minorUnits).toBe(String(BigInt(total.minorUnits) - BigInt(payAtProperty.minorUnits)));
  });

  test('that hangs costs its own searches the time until the next provider, and nobody learns anything of it', async () => {
    await drills.start('expedia', [{ operation: 'shop', fault: 'HANG' }]);
    const answers = await Promise.all(
      Array.from({ length: 6 }, async () => {
        const stay = { ...anew(), deadlineMs: 2_500 };
        return [selected(await travel.search(mine, stay)), selected(await travel.search(theirs, stay))];
      }),
    );
    expect(answers.map(([, other]) => other)).toEqual(answers.map(() => 'expedia'));
    // Six calls without an answer are more than a circuit bears.
    expect(world.app.providers.health('expedia')).toMatchObject({ circuit: 'CLOSED' });
    expect(answers.map(([own]) => own)).toEqual(answers.map(() => 'expedia'));
    const stay = { ...anew(), deadlineMs: 2_500 };
    expect((await travel.search(mine, stay)).offers[0].provider.slug).toBe('booking');
  });

  test('that takes a booking and loses the answer is found by inquiry and adopted, booked once', async () => {
    const offers = await offered();
    const before = (await itineraries()).length;
    await drills.start('expedia', [{ operation: 'book', fault: 'RESET_AFTER', nth: 1 }]);
    const [lost, booked] = await Promise.all([
      travel.book(mine, offers.mine.id, { idempotencyKey: 'lost' }),
      travel.book(theirs, offers.theirs.id),
    ]);
    expect([codes(lost), codes(booked)]).toEqual([['OUTCOME_UNKNOWN'], []]);
    const operation = async () =>
      (await world.data(mine, '{ operation(key: "lost") { status inquiry { resolution } result { id } } }')).operation;
    expect((await operation()).status).toBe('UNKNOWN');
    await expect.poll(async () => (await operation()).status, SOON).toBe('SUCCEEDED');
    const adopted = await travel.booking(mine, (await operation()).result.id);
    expect(adopted).toMatchObject({ status: 'PENDING', syncStatus: 'SYNCED' });
    expect((await itineraries()).length - before).toBe(2);
  });

  test('that limits its caller says when to come again, and the other tenant of the same account need not wait', async () => {
    const offers = await offered();
    await drills.start('expedia', [{ operation: '*', fault: 'RATE_LIMITED', retryAfterSeconds: 120 }]);
    const refused = await travel.book(mine, offers.mine.id);
    expect(codes(refused)).toEqual(['PROVIDER_UNAVAILABLE']);
    const waitMs = Date.parse(refused.userErrors[0].details.retryAt) - Date.now();
    expect(waitMs).toBeGreaterThan(60_000);
    expect(waitMs).toBeLessThanOrEqual(121_000);
    expect(codes(await travel.book(theirs, offers.theirs.id))).toEqual([]);
    const stay = anew();
    expect((await travel.search(mine, stay)).offers[0].provider.slug).toBe('booking');
    expect((await travel.search(theirs, stay)).offers[0].provider.slug).toBe('expedia');
  });
});

test('of a drill nobody hears but the sandboxes: a provider that leads elsewhere is called as ever', async () => {
  const heard: http.IncomingMessage[] = [];
  const elsewhere = http.createServer((request, response) => {
    heard.push(request);
    response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
  const { port } = elsewhere.address() as AddressInfo;
  const lead = async (baseUrls: object) => {
    await world.owner("update providers set base_urls = $1 where slug = 'expedia'", [JSON.stringify(baseUrls)]);
    world.app.providers.refresh();
  };
  await drills.start('expedia', [{ operation: '*', fault: 'HANG' }]);
  try {
    await lead({ SANDBOX: `http://127.0.0.1:${port}/v3` });
    await travel.search(mine, anew());
    expect(heard.length).toBeGreaterThan(0);
    expect(heard.map(({ url }) => url!.startsWith('/v3/'))).toEqual(heard.map(() => true));
    expect(heard.filter(({ headers }) => 'x-sandbox-drill' in headers)).toEqual([]);
  } finally {
    await lead({});
    elsewhere.close();
  }
});

describe('with a seed', () => {
  const RULES = [
    { operation: 'shop', fault: 'STATUS_5XX', probability: 0.85 },
    { operation: 'book', fault: 'SOLD_OUT', nth: 2 },
  ];
  const STAYS = [1, 2, 3, 4].map((at) => ({ checkIn: day(100 + at), checkOut: day(101 + at) }));

  /** Four searches and two bookings: everything that is not our own id or time. */
  async function run(seed: string): Promise<unknown> {
    await drills.start('expedia', RULES, { seed, clockFrom: '2031-05-05T00:00:00Z' });
    const searches: any[] = [];
    for (const stay of STAYS) searches.push((await travel.search(mine, { ...stay, deadlineMs: 6_000 })).offers);
    const own = searches.map((offers) => offers.filter(({ provider }: any) => provider.slug === 'expedia'));
    const found = own.flat();
    const booked = [];
    for (const offer of found.filter(({ refundable: isRefundable }: any) => isRefundable).slice(0, 2)) {
      const { booking, userErrors } = await travel.book(mine, offer.id);
      booked.push([booking?.providerReference, booking?.amount, userErrors]);
    }
    const told = found.map(({ propertyId, roomName, total, refundable: back }: any) => [
      propertyId,
      roomName,
      total,
      back,
    ]);
    return { answered: own.map(({ length }) => length), told, booked };
  }

  test('the same calls get the same answers and meet the same faults, however often; another seed is another world', async () => {
    const first = await run('monday');
    expect(first).toMatchObject({
      booked: [
        [expect.any(String), {}, []],
        [undefined, undefined, [{ code: 'SOLD_OUT' }]],
      ],
    });
    expect((first as { answered: number[] }).answered).toContain(0);
    expect(await run('monday')).toEqual(first);
    expect(await run('tuesday')).not.toEqual(first);
  });

  test('the tenant has the sandbox to itself, and the account of everybody is as it was', async () => {
    const offers = await offered();
    const { booking } = await travel.book(theirs, offers.theirs.id);
    const before = await itineraries();
    await drills.start('expedia', [], { seed: 'empty' });
    const found = await travel.search(mine, anew());
    await travel.book(mine, refundable(found).id);
    expect(await itineraries(world.facts.tenantSlug)).toHaveLength(1);
    expect(await itineraries()).toEqual(before);
    const { cancelBooking } = await world.data(
      theirs,
      'mutation ($input: CancelBookingInput!) { cancelBooking(input: $input) { booking { status } userErrors { code } } }',
      { input: { bookingId: booking.id } },
    );
    expect(cancelBooking).toEqual({ booking: { status: 'CANCELLED' }, userErrors: [] });
    await drills.stop('expedia');
    expect(await itineraries(world.facts.tenantSlug)).toEqual(await itineraries());
  });
});

describe('of a gateway, a drill', () => {
  const PAY = `mutation ($input: PayOrderInput!) { payOrder(input: $input) { payment { id paymentUrl status } userErrors { code details } } }`;

  async function payable(as: As, operator: As, customerId: string): Promise<object> {
    const item = { description: [{ locale: 'en', text: 'Tea' }], quantity: 1, unitPrice: '10.00' };
    const { createOrder } = await world.data(
      operator,
      'mutation ($input: CreateOrderInput!) { createOrder(input: $input) { order { id } } }',
      { input: { type: 'MANUAL_INVOICE', customerId, items: [item] } },
    );
    const orderId = createOrder.order.id;
    await world.data(
      operator,
      'mutation ($input: IssueOrderInput!) { issueOrder(input: $input) { userErrors { code } } }',
      {
        input: { orderId },
      },
    );
    const { paymentMethods } = await world.data(
      as,
      'query ($id: ID!) { paymentMethods(orderId: $id) { id kind gateway } }',
      { id: orderId },
    );
    const method = paymentMethods.find((one: any) => one.kind === 'REDIRECT' && one.gateway === 'FAWATERK');
    return { orderId, methodId: method.id };
  }
  const pay = async (as: As, input: object) => (await world.data(as, PAY, { input })).payOrder;
  const people = async () => {
    const operator = { token: (await world.session('operator')).accessToken };
    const [theirOperator, me, them] = await Promise.all([
      world.session(
        { email: 'operator@other.example', password: world.passwordOf(OTHER, 'operator@other.example') },
        world.facts.otherPortalKey,
      ),
      world.data(mine, '{ viewer { user { id } } }'),
      world.data(theirs, '{ viewer { user { id } } }'),
    ]);
    return {
      operator,
      theirOperator: { token: theirOperator.accessToken },
      me: me.viewer.user.id,
      them: them.viewer.user.id,
    };
  };

  test('that fails is GATEWAY_UNAVAILABLE, and the other tenant is sent to its page', async () => {
    const { operator, theirOperator, me, them } = await people();
    const [own, other] = [await payable(mine, operator, me), await payable(theirs, theirOperator, them)];
    await drills.start('FAWATERK', [{ operation: 'invoiceInitPay', fault: 'RATE_LIMITED', retryAfterSeconds: 60 }]);
    const [refused, begun] = await Promise.all([pay(mine, own), pay(theirs, other)]);
    expect([codes(refused), codes(begun)]).toEqual([['GATEWAY_UNAVAILABLE'], []]);
    expect(refused.userErrors[0].details.retryAt).toEqual(expect.any(String));
    await drills.stop('fawaterk');
    expect((await pay(mine, own)).payment.status).toBe('PENDING');
  });

  test('goes with the customer to the page: what is told twice settles once', async () => {
    const { operator, me } = await people();
    const own = await payable(mine, operator, me);
    await drills.start('fawaterk', [{ operation: '*', fault: 'DUPLICATE_WEBHOOK' }], { seed: 'twice' });
    const { payment } = await pay(mine, own);
    expect(payment.paymentUrl).toContain(`/_drill/${world.facts.tenantSlug}/fawaterk/`);
    await world.simulators.act(payment.paymentUrl, 'pay');
    const status = async () =>
      (await world.data(mine, 'query ($id: ID!) { payment(id: $id) { status order { status } } }', { id: payment.id }))
        .payment;
    await expect.poll(status, SOON).toEqual({ status: 'PAID', order: { status: 'PAID' } });
    const verdicts = async () =>
      (
        await world.data(operator, '{ webhookDeliveries(first: 5) { nodes { verdict payment { id } } } }')
      ).webhookDeliveries.nodes
        .filter((delivery: any) => delivery.payment?.id === payment.id)
        .map(({ verdict }: any) => verdict);
    const told = async () => Object.groupBy(await verdicts(), (verdict: string) => verdict);
    await expect.poll(told, SOON).toMatchObject({ ACCEPTED: ['ACCEPTED'], ALREADY_PROCESSED: expect.any(Array) });
    // Its numbers are in the books now: the same seed would give them again, to another payment.
    expect((await drills.ask('fawaterk', [], { seed: 'twice' })).userErrors).toMatchObject([
      { code: 'CONFLICT', field: ['input', 'seed'] },
    ]);
    expect(codes(await drills.ask('fawaterk', [], { seed: 'once' }))).toEqual([]);
  });
});

describe('a drill', () => {
  test('is in the audit log with what was before and after', async () => {
    await drills.start('expedia', [{ operation: 'book', fault: 'HANG' }], { seed: 'kept' });
    await drills.start('expedia', [{ operation: 'book', fault: 'SLOW' }]);
    await drills.stop('expedia');
    const platform = { token: (await world.session('platformAdmin')).accessToken, tenant: world.facts.tenantSlug };
    const { auditLog } = await world.data(platform, '{ auditLog(first: 4) { nodes { action before after } } }');
    const made = auditLog.nodes.filter(({ action }: any) => action.startsWith('drill.')).slice(0, 3);
    expect(made).toMatchObject([
      { action: 'drill.stop', before: { seed: 'kept', rules: [{ fault: 'SLOW' }] }, after: null },
      {
        action: 'drill.start',
        before: { rules: [{ fault: 'HANG' }] },
        after: { seed: 'kept', rules: [{ fault: 'SLOW' }] },
      },
      { action: 'drill.start', before: null, after: { integration: 'expedia', seed: 'kept' } },
    ]);
  });

  test('is there for every provider and gateway, shown while it is on, one at a time, and ends by itself', async () => {
    const rules = [{ operation: 'nothing', fault: 'SLOW', ms: 1 }];
    // Mail is sent by the worker, for whoever it is, and has no drills.
    const drilled = Object.keys(SIMULATORS).filter((name) => name !== 'ses');
    for (const integration of drilled) await drills.start(integration, rules, { minutes: 1 });
    await drills.start('kiwi', [{ operation: '*', fault: 'HANG', nth: 9 }], { minutes: 2 });
    const on = await drills.on();
    expect(on.map(({ integration }) => integration)).toEqual(drilled.toSorted());
    expect(on.find(({ integration }) => integration === 'kiwi').rules).toEqual([{ fault: 'HANG' }]);
    try {
      shiftMs = 61_000;
      expect((await drills.on()).map(({ integration }) => integration)).toEqual(['kiwi']);
      expect(codes(await drills.stop('expedia'))).toEqual(['NOT_FOUND']);
      expect(codes(await drills.stop('kiwi'))).toEqual([]);
    } finally {
      shiftMs = 0;
    }
  });

  test('counts in every process: at gateways at once, at providers soon', async () => {
    const second = await startTestApp({ database: world.database, simulators: world.simulators, worker: false });
    const tenantId = (await world.owner('select id from tenants where slug = $1', [world.facts.tenantSlug]))[0].id;
    try {
      const isDrilled = async () => (await second.app.drills.running(tenantId, 'expedia')) !== null;
      const address = async () => (await second.app.gateways.connect(tenantId, 'PAYU'))!.baseUrl;
      const usual = await address();
      expect(await isDrilled()).toBe(false);
      const rules = [{ operation: 'nothing', fault: 'SLOW' }];
      await drills.start('expedia', rules);
      await drills.start('payu', rules);
      expect(await address()).toBe(usual.replace('/payu', `/_drill/${world.facts.tenantSlug}/payu`));
      await expect.poll(isDrilled, SOON).toBe(true);
      await drills.stop('expedia');
      await expect.poll(isDrilled, SOON).toBe(false);
    } finally {
      await second.stop();
    }
  });

  test('knows every fault that a sandbox has', () => {
    expect(new Set(Object.values(FAULTS))).toEqual(new Set(FAULTS_OF_SANDBOXES));
  });

  const RULE = { operation: 'book', fault: 'SLOW' };
  test.each([
    ['rules', [], {}],
    ['rules', Array.from({ length: 21 }, () => RULE), {}],
    ['operation', [{ ...RULE, operation: 'book it' }], {}],
    ['nth', [{ ...RULE, nth: 0 }], {}],
    ['probability', [{ ...RULE, probability: 1.5 }], {}],
    ['probability', [{ ...RULE, probability: 0.5, nth: 1 }], {}],
    ['ms', [{ ...RULE, ms: 600_001 }], {}],
    ['status', [{ ...RULE, status: 404 }], {}],
    ['retryAfterSeconds', [{ ...RULE, retryAfterSeconds: -1 }], {}],
    ['minutes', [RULE], { minutes: 61 }],
    ['seed', [RULE], { seed: 'señor' }],
    ['clockFrom', [RULE], { clockFrom: '2030-01-01T00:00:00Z' }],
    ['integration', [RULE], { integration: 'nobody' }],
  ])('is refused with %s out of bounds', async (name, rules, more) => {
    const { userErrors } = await drills.ask('expedia', rules, more);
    expect(userErrors).toMatchObject([{ code: 'INVALID_INPUT' }]);
    expect(userErrors[0].field.at(-1)).toBe(name);
    expect(await drills.on()).toEqual([]);
  });

  const refusedFor = async (reason: string, integration: string) => {
    const { userErrors } = await drills.ask(integration, [RULE]);
    expect(userErrors).toMatchObject([{ code: 'INVALID_STATE', details: { reason } }]);
  };
  test('is refused of what is live, or leads elsewhere', async () => {
    const change = async (set: string) => {
      await world.owner(`update providers set ${set} where slug = 'expedia'`);
      world.app.providers.refresh();
    };
    await change("mode = 'PRODUCTION'");
    await refusedFor('LIVE', 'expedia');
    await change(`mode = 'SANDBOX', base_urls = '{"SANDBOX": "http://127.0.0.1:9/v3"}'`);
    await refusedFor('ELSEWHERE', 'expedia');
    await change("base_urls = '{}'");
    const gateway = (set: string) => world.owner(`update payment_gateway_configs set ${set} where gateway = 'PAYU'`);
    await gateway('test_mode = false');
    await refusedFor('LIVE', 'payu');
    await gateway("test_mode = true, base_url = 'http://127.0.0.1:9'");
    await refusedFor('ELSEWHERE', 'payu');
    await gateway('base_url = null');
    expect(codes(await drills.ask('payu', [RULE]))).toEqual([]);
  });

  test('is refused in production, and where there are no sandboxes', async () => {
    const identity = await world.app.auth.identify({
      apiKey: null,
      authorization: `Bearer ${admin.token}`,
      origin: null,
      tenantSlug: null,
    });
    const { config, drills: known } = world.app;
    const inProduction = { ...world.app, config: { ...config, environment: 'production' as const } };
    const without = { ...world.app, drills: { ...known, control: null } };
    for (const [app, reason] of [
      [inProduction, 'PRODUCTION'],
      [without, 'NO_SANDBOXES'],
    ] as const) {
      const asked = startFaultDrill(createContext(app, identity, reason), {
        integration: 'expedia',
        rules: [{ operation: '*', fault: 'HANG' }],
      });
      await expect(asked).rejects.toMatchObject({ code: 'INVALID_STATE', details: { reason } });
    }
    expect(await drills.on()).toEqual([]);
  });
});
