import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { INITIAL_HEALTH } from '../../src/domain/health-state.ts';
import { lookUpInquiry } from '../../src/resolvers/inquiry.ts';
import { stepBooking } from '../../src/resolvers/booking-step.ts';
import { stayInput } from '../graph/booking-mutations.ts';
import { eventually, startTestApp, type TestApp } from '../helpers/app.ts';
import { runCli, startCli, type CliAnswer, type CliOptions } from '../helpers/cli.ts';
import { rawId, Shop } from '../helpers/shop.ts';
import { TestVendor } from '../helpers/travel.ts';

/** Routing, health and bookings by command (PRV-8, PRV-11, BEY-3, PRV-18). */
let world: TestApp;
let shop: Shop;
const vendor = new TestVendor();
const KEYS = {
  EXPEDIA_API_KEY: 'a-key',
  EXPEDIA_SECRET: 'a-secret',
  BOOKING_API_KEY: 'a-key',
  KIWI_API_KEY: 'a-key',
};

const cli = (args: string, options: CliOptions = {}): Promise<CliAnswer> =>
  runCli(world.database, args.split(' '), options);
const cliProcess = (args: string, options: CliOptions = {}): Promise<CliAnswer> =>
  startCli(world.database, args.split(' '), options).answer;

beforeAll(async () => {
  world = await startTestApp({ worker: false, providerDescriptions: vendor.descriptions });
  shop = await Shop.open(world);
  expect(await cli('providers seed', { environment: KEYS })).toMatchObject({ code: 0 });
  await world.owner('update providers set enabled = true');
  world.app.providers.refresh();
});
afterAll(() => world.stop());

const cells = (out: string) =>
  out
    .trimEnd()
    .split('\n')
    .map((line) => line.replaceAll(/ {2,}/g, ' | '));

describe('route', () => {
  test('names who would serve a request, by the slots of the tenant or by the global ones', async () => {
    const slot = (slug: string, priority: number, rules: object) =>
      world.owner(
        `insert into provider_slots (id, tenant_id, vertical, provider_slug, priority, rules, created_at)
         values (gen_random_uuid(), $1, 'LODGING', $2, $3, $4, now())`,
        [shop.tenantId, slug, priority, JSON.stringify(rules)],
      );
    await slot('booking', 3, { currencyDeny: ['EGP'] });
    await slot('expedia', 7, { amountMax: '100' });
    try {
      const [everybodys, explained, json, nobody] = await Promise.all(
        [
          'route --vertical lodging',
          'route --vertical lodging --tenant demo --currency egp --country eg --amount 100.00 --date 2027-01-01 --explain',
          'route --vertical LODGING --tenant demo --currency USD --amount 101 --explain --json',
          'route --vertical lodging --tenant demo --currency EGP --amount 101',
        ].map((args) => cli(args)),
      );
      expect(everybodys).toEqual({ code: 0, out: 'expedia\n', err: '' });
      expect(explained).toMatchObject({ code: 0, err: '' });
      expect(cells(explained!.out)).toEqual([
        'LODGING by the slots of demo: expedia',
        'PROVIDER | PRIORITY | REASON | DETAIL',
        'expedia | 7 | ACCEPTED',
        expect.stringMatching(/^booking \| 3 \| CURRENCY_NOT_ALLOWED \| .*EGP/),
      ]);
      expect(JSON.parse(json!.out)).toMatchObject({
        vertical: 'LODGING',
        tenant: 'demo',
        scope: 'TENANT',
        selected: 'booking',
        candidates: [
          { providerSlug: 'booking', priority: 3, accepted: true },
          { providerSlug: 'expedia', priority: 7, accepted: false, reason: 'AMOUNT_OUT_OF_RANGE' },
        ],
      });
      expect(nobody).toEqual({ code: 1, out: 'Nobody would serve it.\n', err: '' });
      expect(await world.owner('select 1 from routing_decisions')).toEqual([]);
    } finally {
      await world.owner('delete from provider_slots where tenant_id is not null');
    }
  });

  test('goes by the health that every process goes by, and by what is supposed of it', async () => {
    const nowMs = Date.now();
    const circuit = { ...INITIAL_HEALTH.circuit, state: 'OPEN', openedAt: nowMs, openUntil: nowMs + 200_000 };
    const state = { ...INITIAL_HEALTH, status: 'UNHEALTHY', since: nowMs, evidenceAt: nowMs, circuit };
    await world.owner(
      `insert into provider_health (slug, state, status, circuit, error_rate, next_check_at, updated_at)
       values ('expedia', $1, 'UNHEALTHY', 'OPEN', 1, now() + interval '1 hour', now())`,
      [JSON.stringify(state)],
    );
    try {
      const [ill, both] = await Promise.all([
        cliProcess('route --vertical lodging --explain'),
        cli('route --vertical lodging --without booking,expedia --explain --json'),
      ]);
      expect(cells(ill.out)).toEqual([
        'LODGING by the global slots: booking',
        'PROVIDER | PRIORITY | REASON | DETAIL',
        'booking | 20 | ACCEPTED',
        'expedia | 10 | UNHEALTHY',
      ]);
      // The last usable one is asked all the same.
      expect(JSON.parse(both.out).candidates.map(({ accepted }: { accepted: boolean }) => accepted)).toEqual([
        true,
        false,
      ]);
    } finally {
      await world.owner('delete from provider_health');
    }
  });

  test('tells in one line what was typed wrongly', async () => {
    const wrong: readonly (readonly [string, RegExp])[] = [
      ['route --vertical cars', /^--vertical is one of LODGING, /],
      ['route --vertical lodging --tenant nobody', /^There is no tenant "nobody"\.$/],
      ['route --vertical lodging --currency EGY', /^This is not a currency code/],
      ['route --vertical lodging --date 2026-02-30', /^--date is a day/],
    ];
    const answers = await Promise.all(wrong.map(([args]) => cli(args)));
    for (const [index, { code, out, err }] of answers.entries()) {
      expect({ code, out }).toEqual({ code: 1, out: '' });
      expect(err.trim()).toMatch(wrong[index]![1]);
    }
    expect((await cli('route --help')).out).toContain('--without slug,slug');
  });
});

describe('health watch', () => {
  test('shows how each provider does, and then every change once and in order until it is ended', async () => {
    const begun = (...args: string[]) => {
      const running = startCli(world.database, ['health', 'watch', ...args]);
      let out = '';
      running.child.stdout!.on('data', (chunk: Buffer) => (out += chunk.toString()));
      const lines = (count: number) =>
        eventually(
          () => out.split('\n').slice(0, -1),
          (found) => found.length >= count,
        );
      return { ...running, lines };
    };
    const all = begun();
    const one = begun('--provider', 'expedia', '--json');
    try {
      expect((await all.lines(4))[1]).toBe('expedia: UNKNOWN, circuit CLOSED, errors 0.0 %, never checked');
      const [state] = await one.lines(1);
      expect(JSON.parse(state!)).toMatchObject({ slug: 'expedia', status: 'UNKNOWN', enabled: true, checkedAt: null });
      await world.app.providers.check('kiwi');
      await all.lines(5);
      await world.app.providers.check('expedia');
      const told = await all.lines(6);
      expect(told[4]).toMatch(/^20\S+Z kiwi: UNKNOWN -> HEALTHY \(ANSWERS, errors 0\.0 %, circuit CLOSED\)$/);
      expect(told[5]).toMatch(/^20\S+Z expedia: UNKNOWN -> HEALTHY /);
      expect(JSON.parse((await one.lines(2))[1]!)).toMatchObject({
        slug: 'expedia',
        previousStatus: 'UNKNOWN',
        status: 'HEALTHY',
        evidence: { reason: 'ANSWERS' },
      });
      all.child.kill('SIGTERM');
      one.child.kill('SIGINT');
      expect(await all.answer).toMatchObject({ code: 0, err: '' });
      const ended = await one.answer;
      expect(ended).toMatchObject({ code: 0, err: '' });
      expect(ended.out.trimEnd().split('\n')).toHaveLength(2);
      expect(await cli('health watch --provider nobody')).toEqual({
        code: 1,
        out: '',
        err: 'There is no provider "nobody".\n',
      });
    } finally {
      all.child.kill('SIGKILL');
      one.child.kill('SIGKILL');
    }
  });
});

describe('bookings reconcile', () => {
  interface Row {
    readonly id: string;
    readonly reference: string;
    readonly attempt_reference: string;
    readonly [column: string]: unknown;
  }
  const rowOf = async (id: string): Promise<Row> =>
    (await world.owner<Row>('select * from bookings where id = $1', [id]))[0]!;
  const inquiries = () =>
    world.owner("select id, about_id as about, reason from inquiries where resolution = 'OPEN' order by created_at");
  const set = (id: string, what: string) => world.owner(`update bookings set ${what} where id = $1`, [id]);

  /** A stay that was paid and is confirmed at the provider. */
  async function confirmed(): Promise<Row> {
    const { bookStay } = await world.data(
      shop.customer,
      'mutation ($input: BookStayInput!) { bookStay(input: $input) { booking { id order { id } } userErrors { code } } }',
      { input: stayInput(shop) },
    );
    await shop.paid(await shop.startedOn(bookStay.booking.order.id));
    const id = rawId(bookStay.booking.id);
    await stepBooking(world.app, shop.scope, id);
    const row = await rowOf(id);
    expect(row['status']).toBe('CONFIRMED');
    return row;
  }
  const says = (said: readonly (readonly [Row, string])[]): CliOptions => ({
    environment: {
      VENDOR_SAYS: JSON.stringify(Object.fromEntries(said.map(([row, word]) => [row.attempt_reference, word]))),
    },
  });

  beforeEach(async () => {
    vendor.behave();
    await world.owner("update bookings set phase = 'ENDED' where phase is not null");
  });

  test('lists what differs and what is not known, opens inquiries that end it, and leaves alone what agrees', async () => {
    const good = await confirmed();
    const gone = await confirmed();
    const lost = await confirmed();
    const odd = await confirmed();
    const dark = await confirmed();
    const busy = await confirmed();
    const over = await confirmed();
    await set(lost.id, "phase = 'BOOKING', status = 'PENDING', provider_reference = null");
    await set(busy.id, "leased_until = now() + interval '1 minute'");
    await set(over.id, "starts_at = now() - interval '3 days', ends_at = now() - interval '1 day'");
    const said = says([
      [good, 'limiting'],
      [gone, 'CANCELLED'],
      [lost, 'CONFIRMED'],
      [odd, 'PENDING'],
      [dark, 'down'],
    ]);
    const tries = await Promise.all([
      cli('bookings reconcile --dry-run --tenant demo', said),
      cli('bookings reconcile --provider kiwi', said),
    ]);
    const name = (row: Row) => `demo ${row.reference} at expedia`;
    expect(tries[0]).toMatchObject({ code: 1, err: expect.stringMatching(/^expedia wants to be left alone for \d s/) });
    expect(tries[0]!.out.trimEnd().split('\n')).toEqual([
      `${name(gone)} V-${gone.attempt_reference}: CONFIRMED here, CANCELLED there: an inquiry would look it up`,
      `${name(lost)}: PENDING (BOOKING) here, CONFIRMED there: an inquiry would look it up`,
      `${name(odd)} V-${odd.attempt_reference}: CONFIRMED here, PENDING there: for a person`,
      `${name(dark)} V-${dark.attempt_reference}: CONFIRMED here, no answer there: it is down`,
      'demo: 6 bookings: 1 agree, 2 differ and are looked up, 1 differ and need a person, 1 got no answer, 1 are being worked on',
    ]);
    expect(tries[1]).toMatchObject({ code: 0, err: '' });
    expect(tries[1]!.out).toContain('demo: 0 bookings\n');
    expect(await inquiries()).toEqual([]);

    const done = await cliProcess('bookings reconcile --json', said);
    const lines = done.out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const open = await inquiries();
    expect(open).toMatchObject([
      { about: gone.id, reason: 'BOOKING_DIFFERS' },
      { about: lost.id, reason: 'BOOKING_DIFFERS' },
    ]);
    expect(lines.slice(0, 2)).toMatchObject([
      { booking: gone.id, there: 'CANCELLED', finding: 'LOOK_UP', inquiry: open[0].id },
      { booking: lost.id, here: { status: 'PENDING', phase: 'BOOKING' }, inquiry: open[1].id },
    ]);
    expect(lines[4]).toEqual({
      tenant: 'demo',
      bookings: 6,
      findings: { AGREES: 1, LOOK_UP: 2, PERSON: 1, UNANSWERED: 1, BUSY: 1 },
    });
    expect(await rowOf(gone.id)).toMatchObject({ status: 'CONFIRMED', version: gone['version'] });

    // What follows is done by whoever works: here as there the provider says the same.
    const words: Record<string, string> = {
      [gone.attempt_reference]: 'CANCELLED',
      [lost.attempt_reference]: 'CONFIRMED',
    };
    vendor.behave({
      lookUp: ({ reference }) => ({
        kind: 'done',
        value: { state: words[reference] as never, ids: { providerReference: `V-${reference}`, keys: null } },
      }),
    });
    for (const { id } of open) await lookUpInquiry(world.app, shop.scope, id);
    expect(await rowOf(gone.id)).toMatchObject({ status: 'CANCELLED', phase: 'ENDED' });
    expect(await rowOf(lost.id)).toMatchObject({ status: 'CONFIRMED', phase: 'CONFIRMED' });
    expect(await inquiries()).toEqual([]);
  });

  test('an inquiry that is open already and would wait for hours looks at once, and there is one', async () => {
    const gone = await confirmed();
    await world.owner(
      `insert into inquiries (tenant_id, id, about_type, about_id, reason, attempts, next_look_up_at, created_at)
       values ($1, gen_random_uuid(), 'Booking', $2, 'BOOKING_ANSWER_LOST', 5, now() + interval '6 hours', now())`,
      [shop.tenantId, gone.id],
    );
    await cli('bookings reconcile --tenant demo', says([[gone, 'CANCELLED']]));
    const open = await world.owner(
      "select reason, next_look_up_at < now() + interval '1 minute' as soon from inquiries where about_id = $1",
      [gone.id],
    );
    expect(open).toEqual([{ reason: 'BOOKING_ANSWER_LOST', soon: true }]);
    await world.owner("update inquiries set resolution = 'DONE'");
  });

  test('with --ended finds what was given up here and stands there, and calls a hold that lapses none', async () => {
    const [stands, held, gone] = [await confirmed(), await confirmed(), await confirmed()];
    for (const { id } of [stands, held, gone]) await set(id, "phase = 'ENDED', status = 'CANCELLED'");
    const said = says([
      [stands, 'CONFIRMED'],
      [held, 'HELD'],
      [gone, 'NOT_FOUND'],
    ]);
    const asked = await cli('bookings reconcile --ended --tenant demo', said);
    expect(asked.out).toContain(`demo ${stands.reference} at expedia`);
    expect(asked.out).toContain('CANCELLED (ENDED) here, CONFIRMED there: for a person');
    expect(asked.out).toContain(' 1 differ and need a person');
    expect(asked.out).not.toMatch(new RegExp(`${held.reference}|${gone.reference}`));
    expect(asked.code).toBe(1);
    expect((await cli('bookings reconcile --tenant demo', said)).out).toContain('demo: 0 bookings\n');
  });

  test('ends well where all agrees, over more bookings than one page, those of every tenant', async () => {
    const one = await confirmed();
    await world.owner(
      `insert into bookings (tenant_id, id, reference, kind, status, customer_id, order_id, starts_at, ends_at, amount_minor, currency_code, guests,
         created_at, provider_slug, provider_mode, phase, attempt, attempt_reference, attempted_at, offer, contact)
       select tenant_id, gen_random_uuid(), reference || '-' || n, kind, status, customer_id, order_id, starts_at, ends_at, amount_minor, currency_code,
         guests, created_at, provider_slug, provider_mode, phase, attempt, left(attempt_reference, 20) || n, attempted_at, offer, contact
       from bookings, generate_series(1, 149) n where id = $1`,
      [one.id],
    );
    const { code, out } = await cli('bookings reconcile', { environment: { VENDOR_SAYS: '{"*":"CONFIRMED"}' } });
    expect(out.split('\n')).toEqual(
      expect.arrayContaining(['demo: 150 bookings: 150 agree', 'other: 0 bookings', 'platform: 0 bookings']),
    );
    expect(code).toBe(0);
  });
});
