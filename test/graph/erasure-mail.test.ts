import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { PLATFORM_TENANT_ID } from '../../src/auth/platform.ts';
import { startWorker } from '../../src/jobs/worker.ts';
import { receiveMailNotice } from '../../src/mail-notices.ts';
import { addressHash } from '../../src/resolvers/mail-outbox.ts';
import { bodyContext } from '../../src/webhook-deliveries.ts';
import { eventually, startTestApp, type As, type TestApp } from '../helpers/app.ts';
import { MailShop } from '../helpers/mail-shop.ts';

/** Erasure and mail (TEN-10): of shops without a sender of their own, for whom the platform sends and is told what became of it. */
let world: TestApp;
let shop: MailShop;
let platform: MailShop;
const PASSWORD = 'a-long-password';
const [BOUNCES, COMPLAINS, TAKES] = ['bounce', 'complaint', 'success'].map(
  (name) => `${name}@simulator.amazonses.com`,
) as [string, string, string];

beforeAll(async () => {
  world = await startTestApp({ worker: false });
  await world.owner('update portal_configs set rate_limit_per_minute = 1000000');
  shop = await MailShop.open(world);
  platform = new MailShop(world, { token: (await world.session('platformAdmin')).accessToken }, PLATFORM_TENANT_ID);
  await platform.useSes('/webhooks/email/ses');
}, 60_000);
afterAll(() => world.stop());

async function registered(email: string): Promise<As> {
  const input = { email, password: PASSWORD };
  const { session } = await shop.mutate(shop.portal, 'register', input, 'session { accessToken }');
  return { ...shop.portal, token: session.accessToken };
}
const erase = async (as: As) => {
  const { user, userErrors } = await shop.mutate(as, 'eraseCustomer', { password: PASSWORD }, 'user { id }');
  expect({ erased: user !== null, userErrors }).toEqual({ erased: true, userErrors: [] });
};
/** What SNS told and names the address, opened, with whose deliveries it is among. */
async function toldOf(email: string): Promise<{ tenantId: string; body: string }[]> {
  const rows = await world.owner(
    "select tenant_id, id, body_sealed from webhook_deliveries where source = 'ses' and body_sealed is not null",
  );
  return rows
    .map(({ tenant_id: tenantId, id, body_sealed: sealed }) => ({
      tenantId,
      body: world.app.vault.open(sealed, bodyContext(tenantId, id)).toString(),
    }))
    .filter(({ body }) => body.includes(email));
}
/** A mail went to the address, and it was told what became of it. */
async function written(email: string): Promise<void> {
  await shop.mutate(shop.portal, 'requestPasswordReset', { email }, 'requested');
  await shop.work();
  await eventually(
    () => toldOf(email),
    (told) => told.length > 0,
  );
}

test('what came back of mail that the platform sent for a shop goes when the shop erases whom it went to', async () => {
  const as = await registered(BOUNCES);
  await written(BOUNCES);
  expect((await toldOf(BOUNCES)).map(({ tenantId }) => tenantId)).toContain(PLATFORM_TENANT_ID);
  await erase(as);
  expect(await toldOf(BOUNCES)).toEqual([]);
});

test('what is told of a mail while its person is erased is noted without its words', async () => {
  const as = await registered(COMPLAINS);
  await written(COMPLAINS);
  const notice = (await shop.published()).find(({ Message }) => Message!.includes(COMPLAINS))!;
  await world.owner("delete from webhook_deliveries where source = 'ses'");
  const { app } = world;
  let writes = 0;
  const db = {
    read: app.db.read.bind(app.db),
    lookUp: app.db.lookUp.bind(app.db),
    // Between the news of the mail and its delivery.
    async write(...args: Parameters<typeof app.db.write>) {
      writes += 1;
      if (writes === 2) await erase(as);
      return app.db.write(...args);
    },
  };
  const hooked = { ...app, db } as unknown as typeof app;
  expect(await receiveMailNotice(hooked, null, Buffer.from(JSON.stringify(notice)))).toMatchObject({ status: 200 });
  expect(writes).toBe(2);
  const kept = "select body_sealed is not null as words from webhook_deliveries where source = 'ses'";
  expect(await world.owner(kept)).toEqual([{ words: false }]);
});

test('an erasure waits for what is being told of a mail, and takes its words away', async () => {
  const email = 'ooto@simulator.amazonses.com';
  const as = await registered(email);
  await shop.mutate(shop.portal, 'requestPasswordReset', { email }, 'requested');
  await shop.work();
  const [mail] = await world.owner('select id from mail_messages where tenant_id = $1 and address_hash = $2', [
    shop.tenantId,
    addressHash(world.app, shop.tenantId, email),
  ]);
  let erasing: Promise<void> = Promise.resolve();
  await world.app.db.write({ tenantId: PLATFORM_TENANT_ID, customerId: null }, async (tx) => {
    expect(await tx.one('select mail_has_address($1, $2) as known', [shop.tenantId, mail.id])).toEqual({ known: true });
    erasing = erase(as);
    await eventually(
      () => world.owner("select 1 from pg_stat_activity where wait_event_type = 'Lock' and query ~ 'erase_person'"),
      (waiting) => waiting.length > 0,
    );
    await tx.query(
      `insert into webhook_deliveries (tenant_id, id, source, received_at, verdict, headers, body_sealed, body_bytes, about_id, processed_at)
       values (current_tenant(), gen_random_uuid(), 'ses', now(), 'ACCEPTED', '{}', 'sealed', 6, $1, now())`,
      [mail.id],
    );
  });
  await erasing;
  const kept = 'select body_sealed is not null as words from webhook_deliveries where about_id = $1';
  expect((await world.owner(kept, [mail.id])).map(({ words }) => words)).not.toContain(true);
  expect(await world.owner(kept, [mail.id])).not.toEqual([]);
});

describe('an address that was never proven', () => {
  const kept = async () => ({
    subscriptions: await world.owner('select address, state from newsletter_subscriptions where address = $1', [TAKES]),
    suppressions: await world.owner('select address, stream from mail_suppressions where address = $1', [TAKES]),
    mails: await world.owner(
      "select kind, state from mail_messages where address_hash = $1 and kind = 'NEWSLETTER_CONFIRMATION'",
      [addressHash(world.app, shop.tenantId, TAKES)],
    ),
  });

  beforeAll(async () => {
    await shop.mutate(shop.portal, 'subscribeNewsletter', { email: TAKES });
    await shop.work();
    const token = await shop.tokenFor(TAKES);
    await shop.mutate(shop.portal, 'confirmNewsletter', { token }, 'confirmed');
    await eventually(
      () => toldOf(TAKES),
      (told) => told.length > 0,
    );
    await world.owner(
      "insert into mail_suppressions (tenant_id, address_hash, stream, address, reason, created_at) values ($1, $2, 'MARKETING', $3, 'COMPLAINT', now())",
      [shop.tenantId, addressHash(world.app, shop.tenantId, TAKES), TAKES],
    );
  });

  test('lets nobody take away what its owner subscribed to: whoever registered with it erases themself only', async () => {
    const before = await kept();
    expect(before).toMatchObject({
      subscriptions: [{ state: 'CONFIRMED' }],
      suppressions: [{ stream: 'MARKETING' }],
      mails: [{ kind: 'NEWSLETTER_CONFIRMATION' }],
    });
    const stranger = await registered(TAKES);
    // About them, so known by more than the address: this one is theirs.
    await shop.mutate(stranger, 'requestEmailVerification', {}, 'requested');
    await erase(stranger);
    expect(await kept()).toEqual(before);
    expect(await toldOf(TAKES)).not.toEqual([]);
    const [own] = await world.owner(
      "select state, reason, address_hash, to_address from mail_messages where tenant_id = $1 and kind = 'EMAIL_VERIFICATION'",
      [shop.tenantId],
    );
    expect(own).toEqual({ state: 'NOT_SENT', reason: 'ERASED', address_hash: null, to_address: null });
    expect(await world.owner('select 1 from users where email = $1', [TAKES])).toEqual([]);
  });

  test('once proven, all that is known by it goes', async () => {
    const owner = await registered(TAKES);
    await shop.mutate(owner, 'requestEmailVerification', {}, 'requested');
    await shop.work();
    const token = await shop.tokenFor(TAKES);
    expect(await shop.mutate(shop.portal, 'verifyEmail', { token }, 'verified')).toMatchObject({ verified: true });
    await erase(owner);
    expect(await kept()).toEqual({ subscriptions: [], suppressions: [], mails: [] });
    expect(await toldOf(TAKES)).toEqual([]);
  });
});

describe('the hourly forgetting', () => {
  test('takes no more bodies at once than it is meant to, and goes on where it stopped', async () => {
    const as = await registered('guest@customers.example');
    const [booking] = await world.owner(
      `insert into bookings (tenant_id, id, reference, kind, status, customer_id, starts_at, ends_at, amount_minor, currency_code, guests, created_at)
       select tenant_id, gen_random_uuid(), 'BK-GONE', 'STAY', 'CANCELLED', id, now(), now() + interval '1 day', 1, 'EGP', '[]', now()
       from users where email = 'guest@customers.example' returning id`,
    );
    await erase(as);
    await world.owner(
      `insert into webhook_deliveries (tenant_id, id, source, received_at, verdict, headers, body_sealed, body_bytes, about_id, processed_at)
       select $1, gen_random_uuid(), 'expedia', now(), 'ACCEPTED', '{}', 'sealed', 6, $2, now() from generate_series(1, 501)`,
      [shop.tenantId, booking.id],
    );
    const forget = async () => {
      const [row] = await world.app.db.lookUp<{ bodies: bigint }>('select forget_erased($1) as bodies', [
        world.app.clock.now(),
      ]);
      return Number(row!.bodies);
    };
    expect([await forget(), await forget(), await forget()]).toEqual([500, 1, 0]);
  });

  test('of erased people holds nothing else up when it fails', async () => {
    const [{ code }] = await world.owner("select pg_get_functiondef('forget_erased'::regproc) as code");
    await world.owner(
      "create or replace function forget_erased(p_now timestamptz) returns bigint language plpgsql security definer set search_path = public, pg_temp as $$ begin raise 'no time'; end $$",
    );
    const asked: string[] = [];
    const db = new Proxy(world.app.db, {
      get(target, key) {
        const value = Reflect.get(target, key, target);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          if (key === 'lookUp') asked.push(String(args[0]));
          return value.apply(target, args);
        };
      },
    });
    const worker = await startWorker({ ...world.app, db } as typeof world.app);
    const ledgers = () => asked.filter((text) => text.includes('ledgers_to_sum'));
    await eventually(
      async () => ledgers(),
      (summed) => summed.length > 0,
      10_000,
    );
    await worker.close();
    await world.owner(code);
    expect(asked.some((text) => text.includes('forget_erased'))).toBe(true);
  });
});
