import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Clock } from '../../src/clock.ts';
import { startWorker } from '../../src/jobs/worker.ts';
import { eventually, startTestApp, type TestApp } from '../helpers/app.ts';
import { startMailServer, type MailServer } from '../helpers/mail.ts';
import { MailShop, TOPIC } from '../helpers/mail-shop.ts';
import { Shop } from '../helpers/shop.ts';

/** Mail from its occasion to its mailbox and back (BIZ-4, TEN-10, TEN-12): simulated SES and SNS, and a real mail server, over sockets. */
let world: TestApp;
let mail: MailShop;
let server: MailServer;
let aheadMs = 0;
const clock: Clock = { now: () => new Date(Date.now() + aheadMs) };
const PASSWORD = 'a-long-password';
const SESSION = 'session { accessToken refreshToken user { email emailVerifiedAt } }';

beforeAll(async () => {
  world = await startTestApp({ worker: false, clock });
  mail = await MailShop.open(world);
  server = await startMailServer();
});
afterAll(async () => {
  await server.stop();
  await world.stop();
});

const someone = (local = randomUUID()) => `${local}@customers.example`;
/** What happens so many minutes from now. Only for a moment: tokens, SES and budgets go by the same clock. */
async function after<T>(minutes: number, work: () => Promise<T>): Promise<T> {
  aheadMs = minutes * 60_000;
  try {
    return await work();
  } finally {
    aheadMs = 0;
  }
}

async function registered(email = someone()): Promise<{ email: string; token: string; refreshToken: string }> {
  const { session } = await mail.mutate(mail.portal, 'register', { email, password: PASSWORD }, SESSION);
  return { email, token: session.accessToken, refreshToken: session.refreshToken };
}
const login = (email: string, password: string) => mail.mutate(mail.portal, 'login', { email, password }, SESSION);
const requestReset = (email: string) => mail.mutate(mail.portal, 'requestPasswordReset', { email }, 'requested');
const reset = (token: string, password: string, as = mail.portal) =>
  mail.mutate(as, 'resetPassword', { token, password }, SESSION);

describe('without a sender', () => {
  test('a mail is kept as not sent, with a reason and nobody’s address, and nothing fails', async () => {
    const { email } = await registered();
    expect(await requestReset(email)).toEqual({ requested: true, userErrors: [] });
    await mail.work();
    expect((await mail.rows())[0]).toMatchObject({ state: 'NOT_SENT', reason: 'NO_SENDER', to_address: null });
    const { tenant } = await world.data(
      mail.admin,
      '{ tenant { emailSender { enabled } mailCounts { state reason count } } }',
    );
    expect(tenant).toEqual({ emailSender: null, mailCounts: [{ state: 'NOT_SENT', reason: 'NO_SENDER', count: 1 }] });
  });

  test('a sender that is not verified sends nothing', async () => {
    await mail.mutate(mail.admin, 'configureEmailSender', { transport: 'SES', fromAddress: 'a@shop.example' });
    expect((await mail.mutate(mail.admin, 'verifyEmailSender', {})).userErrors).toMatchObject([
      { code: 'GATEWAY_REJECTED' },
    ]);
    const { email } = await registered();
    await requestReset(email);
    await mail.work();
    expect((await mail.rows())[0]).toMatchObject({ state: 'NOT_SENT', reason: 'NO_SENDER' });
  });
});

describe('by SES', () => {
  beforeAll(async () => {
    await mail.useSes();
    await eventually(
      async () => (await world.simulators.bookOf('ses', 'shop')).deliveries,
      (all) => all.some(({ hook, state }) => hook === 'SubscriptionConfirmation' && state === 'delivered'),
    );
  });

  test('settings are shown, secrets are not', async () => {
    const { tenant } = await world.data(
      mail.admin,
      '{ tenant { emailSender { transport fromAddress verifiedAt credentials { name lastFour version } } } }',
    );
    expect(tenant.emailSender).toMatchObject({ transport: 'SES', fromAddress: 'orders@shop.example' });
    expect(tenant.emailSender.verifiedAt).not.toBeNull();
    expect(tenant.emailSender.credentials).toContainEqual({ name: 'SECRET_ACCESS_KEY', lastFour: 'EKEY', version: 1 });
  });

  test('a password is set anew once, within half an hour, and every session ends', async () => {
    const { email, refreshToken } = await registered();
    await requestReset(email);
    await mail.work();
    const token = await mail.tokenFor(email);
    const weak = await reset(token, 'short');
    expect(weak.userErrors).toMatchObject([{ code: 'WEAK_PASSWORD' }]);
    const done = await reset(token, 'another-long-one');
    expect(done.session.user).toMatchObject({ email });
    expect(done.session.user.emailVerifiedAt).not.toBeNull();
    const old = await mail.mutate(mail.portal, 'refreshSession', { refreshToken }, SESSION);
    expect(old.userErrors).toMatchObject([{ code: 'INVALID_CREDENTIALS' }]);
    expect((await login(email, PASSWORD)).session).toBeNull();
    expect((await login(email, 'another-long-one')).session).not.toBeNull();
    expect((await reset(token, 'a-third-long-one')).userErrors).toMatchObject([
      { code: 'INVALID_CREDENTIALS', field: ['input', 'token'] },
    ]);
  });

  test('a link that is over, of another tenant, or made up sets nothing', async () => {
    const { email } = await registered();
    await requestReset(email);
    await mail.work();
    const token = await mail.tokenFor(email);
    const refused = [{ code: 'INVALID_CREDENTIALS', field: ['input', 'token'] }];
    expect((await reset(token, 'another-long-one', { key: world.facts.otherPortalKey })).userErrors).toEqual(refused);
    expect((await reset(`ot_${'A'.repeat(43)}`, 'another-long-one')).userErrors).toEqual(refused);
    expect((await after(31, () => reset(token, 'another-long-one'))).userErrors).toEqual(refused);
    expect((await login(email, PASSWORD)).session).not.toBeNull();
  });

  test('of two links used at once one sets the password', async () => {
    const { email } = await registered();
    await requestReset(email);
    await mail.work();
    const token = await mail.tokenFor(email);
    const both = await Promise.all([reset(token, 'first-long-password'), reset(token, 'second-long-password')]);
    expect(both.filter(({ session }) => session !== null)).toHaveLength(1);
  });

  test('an address without an account gets the same answer, the same row and no mail; too many are refused alike', async () => {
    const [known, unknown] = [(await registered()).email, someone()];
    const ask = async (email: string) => {
      const document =
        'mutation ($input: RequestPasswordResetInput!) { requestPasswordReset(input: $input) { requested userErrors { code } } }';
      const { data, errors } = await world.ask(mail.portal, document, { input: { email } });
      return { data, codes: errors?.map(({ extensions }) => extensions.code) };
    };
    const answers = [];
    for (let time = 0; time < 4; time++) answers.push([await ask(known), await ask(unknown)]);
    for (const [one, other] of answers) expect(other).toEqual(one);
    expect(answers.at(-1)![0]!.codes).toEqual(['RATE_LIMITED']);
    await mail.work();
    expect(await mail.sent(known)).toHaveLength(3);
    expect(await mail.sent(unknown)).toEqual([]);
    expect((await mail.rows()).filter(({ reason }) => reason === 'NO_ACCOUNT')).toHaveLength(3);
  });

  test('an address is verified by the link that was sent to it, and by no link to another', async () => {
    const { email, token: accessToken } = await registered();
    const as = { ...mail.portal, token: accessToken };
    const ask = () => mail.mutate(as, 'requestEmailVerification', {}, 'requested');
    expect(await ask()).toEqual({ requested: true, userErrors: [] });
    await mail.work();
    const token = await mail.tokenFor(email);
    await world.owner('update users set email = $2 where email = $1', [email, `new-${email}`]);
    expect((await mail.mutate(mail.portal, 'verifyEmail', { token }, 'verified')).verified).toBeNull();
    await world.owner('update users set email = $2 where email = $1', [`new-${email}`, email]);
    expect((await mail.mutate(mail.portal, 'verifyEmail', { token }, 'verified')).verified).toBe(true);
    const { viewer } = await world.data(as, '{ viewer { user { emailVerifiedAt } } }');
    expect(viewer.user.emailVerifiedAt).not.toBeNull();
  });

  test('a newsletter begins with the word of the address and ends with one press', async () => {
    const email = someone();
    const state = async () =>
      (await world.owner('select state from newsletter_subscriptions where address = $1', [email]))[0]?.state;
    await mail.mutate(mail.portal, 'subscribeNewsletter', { email, locale: 'ar' }, 'requested');
    expect(await state()).toBe('PENDING');
    await mail.work();
    const [sent] = await mail.sent(email);
    expect(sent!.texts).toContain('dir="rtl"');
    expect(sent!.headers).toContain('List-Unsubscribe-Post: List-Unsubscribe=One-Click');
    const link = /List-Unsubscribe: <([^>]+)>/.exec(sent!.headers)![1]!;
    const confirm = await mail.mutate(
      mail.portal,
      'confirmNewsletter',
      { token: await mail.tokenFor(email) },
      'confirmed',
    );
    expect(confirm).toEqual({ confirmed: true, userErrors: [] });
    expect(await state()).toBe('CONFIRMED');
    const path = link.slice(world.app.config.baseUrl.length);
    const press = (method: string, address: string) =>
      world.request(method, address, { body: 'List-Unsubscribe=One-Click' });
    expect((await world.request('GET', path)).status).toBe(200);
    expect(await state()).toBe('CONFIRMED');
    expect((await press('POST', `${path}x`)).status).toBe(404);
    expect((await press('POST', path)).status).toBe(200);
    expect(await state()).toBe('UNSUBSCRIBED');
    const token = new URL(link).searchParams.get('token')!;
    expect(
      (await mail.mutate({ key: world.facts.otherPortalKey }, 'unsubscribeNewsletter', { token }, 'unsubscribed'))
        .unsubscribed,
    ).toBeNull();
    expect((await mail.mutate(mail.portal, 'unsubscribeNewsletter', { token }, 'unsubscribed')).unsubscribed).toBe(
      true,
    );
  });

  test('where the shop has switched its newsletter off nobody gets on it, and anybody off it', async () => {
    const flag = (enabled: boolean) => mail.mutate(mail.admin, 'setFeatureFlag', { key: 'newsletter', enabled });
    const email = someone();
    await flag(false);
    const { userErrors } = await mail.mutate(mail.portal, 'subscribeNewsletter', { email });
    expect(userErrors).toMatchObject([{ code: 'FEATURE_DISABLED' }]);
    const token = world.app.vault.sign('unsubscribe', { tenantId: mail.tenantId, id: randomUUID() }, null);
    const left = await mail.mutate(mail.portal, 'unsubscribeNewsletter', { token }, 'unsubscribed');
    expect(left.unsubscribed).toBe(true);
    await flag(true);
    expect((await mail.mutate(mail.portal, 'subscribeNewsletter', { email })).userErrors).toEqual([]);
  });

  test('an order that is paid is told of, with an invoice that opens', async () => {
    const shop = await Shop.open(world);
    const started = await shop.started();
    await shop.atGateway(started, 'pay');
    await shop.deliver(shop.hook('paid', started.invoice));
    await mail.work();
    const row = (await mail.rows()).find(({ kind }) => kind === 'ORDER_PAID');
    // The carrier may have told of its arrival already.
    expect(row).toMatchObject({ state: expect.stringMatching(/^(ACCEPTED|DELIVERED)$/), to_address: null });
    const [sent] = await mail.sent(world.facts.customer.email);
    const link = /http:\/\/\S+\/invoices\/\S+/.exec(sent!.texts)![0]!;
    const pdf = await world.request('GET', link.slice(world.app.config.baseUrl.length));
    expect(pdf).toMatchObject({ status: 200 });
    expect(pdf.body.subarray(0, 5).toString()).toBe('%PDF-');
  });

  test("a tenant's own words are used, and taken away again", async () => {
    const words = { kind: 'PASSWORD_RESET', locale: 'en', subject: 'Own {shop}', text: 'Own words\n\n{link}' };
    const bad = await mail.mutate(mail.admin, 'setMailTemplate', { ...words, text: 'no link' });
    expect(bad.userErrors).toMatchObject([{ code: 'INVALID_INPUT', field: ['input', 'text'] }]);
    await mail.mutate(mail.admin, 'setMailTemplate', words);
    const { email } = await registered();
    await requestReset(email);
    await mail.work();
    expect((await mail.sent(email))[0]!.texts).toContain('Own words');
    await mail.mutate(mail.admin, 'setMailTemplate', { kind: 'PASSWORD_RESET', locale: 'en' });
    expect((await world.data(mail.admin, '{ tenant { mailTemplates { subject } } }')).tenant.mailTemplates).toEqual([]);
  });

  describe('what SNS tells', () => {
    const stateOf = async (email: string) => {
      const [row] = await world.owner<{ state: string }>(`select m.state from mail_messages m where m.reference = $1`, [
        (await mail.sent(email))[0]!.messageId,
      ]);
      return row!.state;
    };
    const told = async (email: string) => {
      const [sent] = await mail.sent(email);
      return (await mail.published()).find(({ Message }) => Message!.includes(sent!.messageId))!;
    };
    const suppressed = () =>
      world.owner(
        'select address, stream, reason from mail_suppressions where tenant_id = $1 order by address, stream',
        [mail.tenantId],
      );

    test('of a bounce nothing is sent to the address any more', async () => {
      const email = 'bounce@simulator.amazonses.com';
      await registered(email);
      await requestReset(email);
      await mail.work();
      await eventually(
        () => stateOf(email),
        (state) => state === 'BOUNCED',
      );
      await requestReset(email);
      await mail.work();
      expect((await mail.rows())[0]).toMatchObject({ state: 'NOT_SENT', reason: 'SUPPRESSED' });
      expect(await mail.sent(email)).toHaveLength(1);
    });

    test('of a complaint neither, and of a delivery nothing stops', async () => {
      const [complains, takes] = ['complaint@simulator.amazonses.com', 'success@simulator.amazonses.com'];
      for (const email of [complains, takes]) await mail.mutate(mail.portal, 'subscribeNewsletter', { email });
      await mail.work();
      await eventually(
        () => stateOf(complains),
        (state) => state === 'COMPLAINED',
      );
      await eventually(
        () => stateOf(takes),
        (state) => state === 'DELIVERED',
      );
      for (const email of [complains, takes]) await mail.mutate(mail.portal, 'subscribeNewsletter', { email });
      await mail.work();
      expect(await mail.sent(complains)).toHaveLength(1);
      expect(await mail.sent(takes)).toHaveLength(2);
    });

    test('changes nothing when it is forged, old, of another topic or told twice', async () => {
      const email = 'notspam@simulator.amazonses.com';
      await registered(email);
      await requestReset(email);
      await mail.work();
      await eventually(
        async () =>
          (await world.simulators.bookOf('ses', 'shop')).deliveries.filter(({ state }) => state === 'waiting'),
        (waiting) => waiting.length === 0,
      );
      const before = [await suppressed(), await stateOf(email)];
      const real = await told(email);
      const bounce = JSON.stringify({
        ...JSON.parse(real['Message']!),
        eventType: 'Bounce',
        notificationType: 'Bounce',
        bounce: { bounceType: 'Permanent' },
      });
      expect(await mail.deliver({ ...real, Message: bounce })).toBe(401);
      expect(await mail.deliver({ ...real, TopicArn: `${TOPIC}-2` })).toBe(404);
      expect(await mail.deliver(real, '/webhooks/mail/nobody')).toBe(404);
      expect(await mail.deliver(real, `/webhooks/mail/platform`)).toBe(404);
      expect(await mail.deliver({})).toBe(400);
      const deliveries = async () =>
        Number((await world.owner("select count(*) from webhook_deliveries where source = 'ses'"))[0].count);
      const kept = await deliveries();
      expect(await mail.deliver(real)).toBe(200);
      expect(await mail.deliver(real, '/webhooks/email/ses')).toBe(200);
      expect(await deliveries()).toBe(kept);
      expect(await after(61, () => mail.deliver(real))).toBe(401);
      expect([await suppressed(), await stateOf(email)]).toEqual(before);
    });

    test('that was told before the answer was written is told again', async () => {
      const email = someone();
      await registered(email);
      await requestReset(email);
      await mail.work();
      await eventually(
        () => stateOf(email),
        (state) => state === 'DELIVERED',
      );
      await world.owner("update mail_messages set state = 'ACCEPTED', reference = 'gone' where reference = $1", [
        (await mail.sent(email))[0]!.messageId,
      ]);
      await world.owner("delete from webhook_deliveries where source = 'ses'");
      expect(await mail.deliver(await told(email))).toBe(503);
    });
  });
});

describe('by a mail server', () => {
  const send = async (email: string) => {
    await registered(email);
    await requestReset(email);
    await mail.work();
    return (await mail.rows())[0]!;
  };

  beforeAll(async () => {
    await mail.mutate(mail.admin, 'configureEmailSender', {
      transport: 'SMTP',
      fromAddress: 'orders@shop.example',
      smtpHost: '127.0.0.1',
      smtpPort: server.port,
      credentials: [
        { name: 'USER', value: 'mailer' },
        { name: 'PASSWORD', value: 'correct horse' },
      ],
    });
    expect((await mail.mutate(mail.admin, 'verifyEmailSender', {})).userErrors).toEqual([]);
  });

  test('a mail arrives under a Message-ID of its own', async () => {
    const email = someone();
    const row = await send(email);
    expect(row).toMatchObject({ state: 'ACCEPTED', attempts: 1 });
    expect(server.taken.at(-1)).toMatchObject({ from: 'orders@shop.example', to: [email] });
    expect(server.taken.at(-1)!.raw).toContain(`Message-ID: <${row.id}@shop.example>`);
  });

  test('what the server puts off is tried again later, under the same Message-ID; what it refuses is not', async () => {
    const [busy, refused] = [someone(), someone()];
    server.refusals.set(busy, { code: 451, text: 'Later' });
    server.refusals.set(refused, { code: 550, text: 'No such user' });
    expect(await send(refused)).toMatchObject({ state: 'REJECTED', reason: 'REFUSED' });
    const row = await send(busy);
    expect(row).toMatchObject({ state: 'QUEUED', reason: 'UNAVAILABLE', attempts: 1 });
    server.refusals.clear();
    await mail.work();
    expect((await mail.rows()).find(({ id }) => id === row.id)).toMatchObject({ state: 'QUEUED' });
    await after(2, () => mail.work());
    expect((await mail.rows()).find(({ id }) => id === row.id)).toMatchObject({ state: 'ACCEPTED', attempts: 2 });
    expect(server.taken.at(-1)!.raw).toContain(`Message-ID: <${row.id}@shop.example>`);
  });

  test('two workers at one mail send it once; one that died is followed', async () => {
    const email = someone();
    await registered(email);
    await requestReset(email);
    const before = server.taken.length;
    await Promise.all([mail.work(), mail.work()]);
    expect(server.taken).toHaveLength(before + 1);
    const [row] = await mail.rows();
    await world.owner(
      "update mail_messages set state = 'QUEUED', to_address = $2, next_attempt_at = $3 where id = $1",
      [row!.id, email, new Date(clock.now().getTime() + 120_000)],
    );
    await mail.work();
    expect(server.taken).toHaveLength(before + 1);
    await after(3, () => mail.work());
    expect(server.taken).toHaveLength(before + 2);
  });

  test('a shop without a sender of its own is sent for by the platform, in its name', async () => {
    const platform = { token: (await world.session('platformAdmin')).accessToken };
    const credentials = [
      { name: 'USER', value: 'mailer' },
      { name: 'PASSWORD', value: 'correct horse' },
    ];
    await mail.mutate(platform, 'configureEmailSender', {
      transport: 'SMTP',
      fromAddress: 'no-reply@platform.example',
      smtpHost: '127.0.0.1',
      smtpPort: server.port,
      credentials,
    });
    expect((await mail.mutate(platform, 'verifyEmailSender', {})).userErrors).toEqual([]);
    const other = { key: world.facts.otherPortalKey };
    const email = someone();
    await mail.mutate(other, 'register', { email, password: PASSWORD });
    await mail.mutate(other, 'requestPasswordReset', { email });
    await mail.work();
    expect(server.taken.at(-1)).toMatchObject({ from: 'no-reply@platform.example', to: [email] });
    const [shop] = await world.owner("select name from tenants where slug = 'other'");
    expect(server.taken.at(-1)!.raw).toContain(`From: ${shop.name} <no-reply@platform.example>`);
    await mail.mutate(platform, 'configureEmailSender', {
      transport: 'SMTP',
      enabled: false,
      fromAddress: 'no-reply@platform.example',
      smtpHost: '127.0.0.1',
    });
  });

  test('the worker finds what is due by itself', async () => {
    const email = someone();
    await registered(email);
    await requestReset(email);
    const worker = await startWorker(world.app);
    await eventually(
      () => server.taken.some(({ to }) => to.includes(email)),
      (sent) => sent,
    );
    await worker.close();
  });

  test('another server or address has to be verified anew', async () => {
    await mail.mutate(mail.admin, 'configureEmailSender', {
      transport: 'SMTP',
      fromAddress: 'orders@shop.example',
      smtpHost: 'localhost',
      smtpPort: server.port,
    });
    expect(await send(someone())).toMatchObject({ state: 'NOT_SENT', reason: 'NO_SENDER' });
  });
});

test.each([
  [{ fromName: 'A\r\nBcc: b@example.net' }, 'fromName'],
  [{ smtpHost: 'a b' }, 'smtpHost'],
  [{ smtpHost: 'user@host' }, 'smtpHost'],
  [{ topicArn: 'arn:aws:s3:::bucket' }, 'topicArn'],
  [{ credentials: [{ name: 'TOKEN', value: 'x' }] }, 'credentials'],
])('settings like %j are refused', async (settings, field) => {
  const { userErrors } = await mail.mutate(mail.admin, 'configureEmailSender', {
    transport: 'SMTP',
    fromAddress: 'orders@shop.example',
    smtpHost: 'mail.shop.example',
    ...settings,
  });
  expect(userErrors).toEqual([{ code: 'INVALID_INPUT', field: ['input', field] }]);
});
