import { randomUUID } from 'node:crypto';

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import type { Clock } from '../../src/clock.ts';
import { applyMailNews } from '../../src/resolvers/mail-event.ts';
import { addressHash } from '../../src/resolvers/mail-outbox.ts';
import { eventually, startTestApp, type As, type TestApp } from '../helpers/app.ts';
import { MailShop } from '../helpers/mail-shop.ts';
import { rawId } from '../helpers/shop.ts';

/** What stops mail, who sees it and who lets it go on (BIZ-4, business-integrations.md 4.5): simulated SES and SNS over sockets. */
let world: TestApp;
let mail: MailShop;
let operator: As;
let aheadMs = 0;
const clock: Clock = { now: () => new Date(Date.now() + aheadMs) };
const BOUNCES = 'bounce@simulator.amazonses.com';
const COMPLAINS = 'complaint@simulator.amazonses.com';

beforeAll(async () => {
  world = await startTestApp({ worker: false, clock });
  mail = await MailShop.open(world);
  operator = { token: (await world.session('operator')).accessToken };
  await mail.useSes();
  for (const email of [BOUNCES, COMPLAINS])
    await mail.mutate(mail.portal, 'register', { email, password: 'a-long-password' });
});
afterAll(() => world.stop());
afterEach(async () => {
  aheadMs = 0;
  // Asked often here: the bound is for mailboxes, and has its own test.
  await world.owner("update rate_budgets set used = 0 where bucket like 'mail:%'");
});

const someone = () => `${randomUUID()}@customers.example`;
const reset = (email: string) => mail.mutate(mail.portal, 'requestPasswordReset', { email });
const subscribe = (email: string) => mail.mutate(mail.portal, 'subscribeNewsletter', { email });
const last = async () => (await mail.rows())[0]!;
/** @returns how many mails SES was handed for the address by then */
async function afterWork(email: string): Promise<number> {
  await mail.work();
  return (await mail.sent(email)).length;
}
async function listed(address: string | null, as = operator): Promise<any[]> {
  const document =
    'query ($address: EmailAddress) { mailSuppressions(address: $address) { nodes { id address stream reason liftedAt } } }';
  return (await world.data(as, document, { address })).mailSuppressions.nodes;
}
const streamsOf = async (address: string) =>
  (await listed(address)).map(({ stream, reason }) => `${stream} ${reason}`).toSorted();
const until = (address: string, streams: readonly string[]) =>
  eventually(
    () => streamsOf(address),
    (found) => found.join() === streams.join(),
  );
const lift = (suppressionId: string, as = operator) =>
  mail.mutate(as, 'liftMailSuppression', { suppressionId }, 'mailSuppression { id stream liftedAt }');

describe('suppressions', () => {
  test('a complaint about a mail somebody waits for stops marketing only: the next password reset still goes out', async () => {
    await reset(COMPLAINS);
    expect(await afterWork(COMPLAINS)).toBe(1);
    await until(COMPLAINS, ['MARKETING COMPLAINT']);
    await reset(COMPLAINS);
    expect(await afterWork(COMPLAINS)).toBe(2);
    await subscribe(COMPLAINS);
    expect(await afterWork(COMPLAINS)).toBe(2);
    expect(await last()).toMatchObject({ state: 'NOT_SENT', reason: 'SUPPRESSED' });
  });

  test('a permanent bounce stops everything; an operator sees both, lifts one, and that stream alone goes on', async () => {
    await reset(BOUNCES);
    await mail.work();
    await until(BOUNCES, ['MARKETING BOUNCE', 'TRANSACTIONAL BOUNCE']);
    const sent = (await mail.sent(BOUNCES)).length;
    await reset(BOUNCES);
    expect(await afterWork(BOUNCES)).toBe(sent);
    const transactional = (await listed(BOUNCES)).find(({ stream }) => stream === 'TRANSACTIONAL');
    expect(transactional).toMatchObject({ address: BOUNCES, reason: 'BOUNCE', liftedAt: null });
    const lifted = await lift(transactional.id);
    expect(lifted).toMatchObject({ userErrors: [], mailSuppression: { stream: 'TRANSACTIONAL' } });
    expect(lifted.mailSuppression.liftedAt).not.toBeNull();
    await reset(BOUNCES);
    expect(await afterWork(BOUNCES)).toBe(sent + 1);
    await subscribe(BOUNCES);
    expect(await afterWork(BOUNCES)).toBe(sent + 1);
    // It bounced again.
    await until(BOUNCES, ['MARKETING BOUNCE', 'TRANSACTIONAL BOUNCE']);
    const [entry] = await world.owner(
      "select actor, target, before, after from audit_entries where action = 'mailSuppression.lift'",
    );
    expect(entry).toEqual({
      actor: `user:${rawId((await world.session('operator')).userId)}`,
      target: `MailSuppression:${rawId(transactional.id)}`,
      before: { stream: 'TRANSACTIONAL', reason: 'BOUNCE' },
      after: null,
    });
  });

  test('a complaint takes a bounce’s place, so that lifting the bounce lifts no complaint unseen', async () => {
    const email = someone();
    for (const reason of ['BOUNCE', 'COMPLAINT', 'BOUNCE'] as const) {
      const event =
        reason === 'BOUNCE'
          ? ({ type: reason, permanent: true, code: 'General' } as const)
          : ({ type: reason, code: 'abuse' } as const);
      await tell(await insertMail(email), event);
    }
    expect(await streamsOf(email)).toEqual(['MARKETING COMPLAINT', 'TRANSACTIONAL BOUNCE']);
  });

  test('lifted twice is lifted once; nobody else’s is there, and a customer sees none', async () => {
    const email = someone();
    await tell(await insertMail(email), { type: 'COMPLAINT', code: 'abuse' });
    const [{ id }] = (await listed(email)) as [{ id: string }];
    const audited = () => world.owner("select 1 from audit_entries where action = 'mailSuppression.lift'");
    const before = (await audited()).length;
    const first = await lift(id);
    expect(await lift(id)).toEqual(first);
    expect((await audited()).length - before).toBe(1);
    expect(await listed(email)).toEqual([]);
    const customer = { token: (await world.session('customer')).accessToken };
    expect((await lift(id, customer)).userErrors).toMatchObject([{ code: 'FORBIDDEN' }]);
    expect((await lift(Buffer.from(`MailSuppression:${randomUUID()}`).toString('base64url'))).userErrors).toMatchObject(
      [{ code: 'NOT_FOUND' }],
    );
  });
});

describe('the marketing stream', () => {
  const pauseOf = async () =>
    (await world.data(operator, '{ tenant { marketingPause { reason mails bounces complaints pausedAt } } }')).tenant
      .marketingPause;
  const resume = () => mail.mutate(operator, 'resumeMarketing', {});
  /** So many marketing mails of now, as many of them bounced. */
  const went = (mails: number, bounced: number, agoDays = 0) =>
    world.owner(
      `insert into mail_messages (tenant_id, id, kind, stream, state, address_hash, created_at, accepted_at)
       select $1, gen_random_uuid(), 'NEWSLETTER_CONFIRMATION', 'MARKETING', (case when n <= $3 then 'BOUNCED' else 'DELIVERED' end)::mail_state,
         '\\x00', $4::timestamptz, $4::timestamptz from generate_series(1, $2::int) n`,
      [mail.tenantId, mails, bounced, new Date(clock.now().getTime() - agoDays * 86_400_000)],
    );
  const fresh = async () => {
    await world.owner("delete from mail_messages where stream = 'MARKETING'");
    await world.owner('delete from marketing_pauses');
  };
  beforeAll(fresh);
  afterEach(fresh);

  test('stops at 4 % bounces of a hundred mails; what somebody waits for goes on, and so does the rest when it is resumed', async () => {
    await went(98, 3);
    const email = someone();
    await tell(await insertMail(someone(), 'MARKETING'), { type: 'DELIVERY' });
    expect(await pauseOf()).toBeNull();
    await tell(await insertMail(someone(), 'MARKETING'), { type: 'BOUNCE', permanent: true, code: 'General' });
    expect(await pauseOf()).toMatchObject({ reason: 'BOUNCES', mails: 100, bounces: 4, complaints: 0 });
    await mail.mutate(mail.portal, 'register', { email, password: 'a-long-password' });
    await subscribe(email);
    expect(await afterWork(email)).toBe(0);
    expect(await last()).toMatchObject({ state: 'QUEUED', reason: 'PAUSED', attempts: 0 });
    await reset(email);
    expect(await afterWork(email)).toBe(1);
    expect((await resume()).userErrors).toEqual([]);
    expect(await pauseOf()).toBeNull();
    expect(await afterWork(email)).toBe(2);
    // What came back before is not held against it.
    await tell(await insertMail(someone(), 'MARKETING'), { type: 'BOUNCE', permanent: true, code: 'General' });
    expect(await pauseOf()).toBeNull();
    expect((await resume()).userErrors).toMatchObject([{ code: 'INVALID_STATE' }]);
    const entries = await world.owner(
      "select actor, action, after from audit_entries where action like 'marketing.%' order by position",
    );
    expect(entries).toMatchObject([
      { actor: 'system', action: 'marketing.pause', after: { reason: 'BOUNCES', mails: 100, bounces: 4 } },
      { action: 'marketing.resume', after: null },
    ]);
  });

  test('stops at 0.08 % complaints', async () => {
    await went(2_498, 0);
    await tell(await insertMail(someone(), 'MARKETING'), { type: 'COMPLAINT', code: 'abuse' });
    expect(await pauseOf()).toBeNull();
    await tell(await insertMail(someone(), 'MARKETING'), { type: 'COMPLAINT', code: 'abuse' });
    expect(await pauseOf()).toMatchObject({ reason: 'COMPLAINTS', mails: 2_500, complaints: 2 });
  });

  test('is judged by seven days, by mails of its own only, and not by fewer than a hundred', async () => {
    await went(500, 500, 8);
    await went(98, 90);
    await tell(await insertMail(someone(), 'TRANSACTIONAL'), { type: 'BOUNCE', permanent: true, code: 'General' });
    await tell(await insertMail(someone(), 'MARKETING'), { type: 'BOUNCE', permanent: true, code: 'General' });
    expect(await pauseOf()).toBeNull();
  });

  test('stops also where the bounces that are too many come at once', async () => {
    await went(96, 0);
    const ids = await Promise.all([1, 2, 3, 4].map(() => insertMail(someone(), 'MARKETING')));
    await Promise.all(ids.map((id) => tell(id, { type: 'BOUNCE', permanent: true, code: 'General' })));
    expect(await pauseOf()).toMatchObject({ mails: 100, bounces: 4 });
  });

  test('a mail that waited seven days for it is not sent any more', async () => {
    await world.owner(
      "insert into marketing_pauses (tenant_id, reason, mails, bounces, complaints, paused_at) values ($1, 'BOUNCES', 100, 4, 0, now())",
      [mail.tenantId],
    );
    await subscribe(someone());
    await mail.work();
    aheadMs = 7 * 86_400_000 + 60_000;
    await mail.work();
    expect(await last()).toMatchObject({ state: 'NOT_SENT', reason: 'PAUSED', to_address: null });
  });
});

/** A mail that SES took. @returns its id */
async function insertMail(email: string, stream = 'TRANSACTIONAL'): Promise<string> {
  const id = randomUUID();
  const kind = stream === 'MARKETING' ? 'NEWSLETTER_CONFIRMATION' : 'ORDER_PAID';
  await world.owner(
    `insert into mail_messages (tenant_id, id, kind, stream, state, address_hash, reference, created_at, accepted_at)
     values ($1, $2, $3, $4, 'ACCEPTED', $5, $2::uuid::text, $6, $6)`,
    [mail.tenantId, id, kind, stream, addressHash(world.app, mail.tenantId, email), clock.now()],
  );
  return id;
}

/** What SNS' message comes to once it is believed. */
function tell(id: string, event: Parameters<typeof applyMailNews>[3]['event']): Promise<void> {
  const scope = { tenantId: mail.tenantId, customerId: null };
  return applyMailNews(world.app, scope, id, { reference: id, event, addresses: [] });
}
