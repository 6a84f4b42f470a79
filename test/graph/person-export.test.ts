import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Clock } from '../../src/clock.ts';
import { assertNoOpenTransaction } from '../../src/db.ts';
import { createPersonExport } from '../../src/person-export.ts';
import { startTestApp, type As, type TestApp } from '../helpers/app.ts';
import { Desk, StandingClock } from '../helpers/diary.ts';
import { CANARY, PersonWorld } from '../helpers/person.ts';
import { rawId } from '../helpers/shop.ts';

/** A customer's own data as one document (TEN-10): all of it, nobody else's, no secret, and for whom it is only. */
let world: TestApp;
let person: PersonWorld;
let other: As;
let aheadMs = 0;
const clock: Clock = { now: () => new Date(Date.now() + aheadMs) };

beforeAll(async () => {
  world = await startTestApp({ worker: false, clock });
  person = await PersonWorld.open(world);
  const desk = await Desk.open(world, new StandingClock(new Date().toISOString()));
  await desk.hours('00:00', '23:59');
  const productId = await desk.service({ price: 0n, stock: 5 });
  const [slot] = await desk.slots(productId, new Date(Date.now() + 3 * 86_400_000).toISOString().slice(0, 10));
  await person.plantBookings(productId, slot.start);
  await person.plantOrders();
  await person.plantMail();
  other = { token: (await world.session('customer')).accessToken };
  // Somebody else's order in the same shop.
  const input = {
    ...person.shop.orderInput({ text: 'Somebody else’s' }),
    customerId: (await world.session('customer')).userId,
  };
  await person.done('createOrder', input, person.shop.operator);
}, 90_000);
afterAll(() => world.stop());

const ask = (input: object, as: As) => person.run('exportCustomer', input, as, 'customerExport { url expiresAt }');
async function linkOf(input: object = {}, as: As = person.as): Promise<string> {
  const { customerExport, userErrors } = await ask(input, as);
  expect(userErrors).toEqual([]);
  const { pathname, search } = new URL(customerExport.url);
  return pathname + search;
}
const open = (path: string) => world.request('GET', path);
async function exported(input?: object, as?: As): Promise<any> {
  const answer = await open(await linkOf(input, as));
  expect(answer.status).toBe(200);
  expect(answer.headers).toMatchObject({
    'content-disposition': 'attachment; filename="my-data.json"',
    'cache-control': 'private, no-store',
  });
  return JSON.parse(answer.text);
}
const verified = (at: Date | null) =>
  world.owner('update users set email_verified_at = $2 where id = $1', [person.id, at]);

describe('an export', () => {
  test('has the profile, orders with items, payments, refunds and invoices, bookings, statements and mails', async () => {
    const all = await exported();
    expect(all).toMatchObject({
      format: 1,
      shop: { slug: world.facts.tenantSlug },
      profile: { id: person.id, email: CANARY.email, firstName: CANARY.firstName, phone: CANARY.phone },
    });
    expect(all.orders).toHaveLength(5);
    const paid = all.orders.find(({ amountPaid }: any) => amountPaid.amount === '100.00');
    expect(paid).toMatchObject({
      total: { amount: '100.00', currencyCode: 'EGP' },
      items: [{ descriptions: { en: expect.stringContaining(CANARY.lastName) }, quantity: 1 }],
      payments: [
        {
          gateway: 'FAWATERK',
          refunded: { amount: '10.00', currencyCode: 'EGP' },
          refunds: [{ amount: { amount: '10.00', currencyCode: 'EGP' }, target: 'WALLET', status: 'DONE' }],
        },
      ],
      invoices: [{ kind: 'INVOICE' }, { kind: 'CREDIT_NOTE' }],
    });
    expect(all.bookings).toMatchObject([
      {
        kind: 'STAY',
        guests: [{ givenName: CANARY.firstName, familyName: CANARY.lastName }],
        contact: { email: CANARY.email },
      },
    ]);
    expect(all.appointments).toMatchObject([{ kind: 'APPOINTMENT', notes: expect.stringContaining(CANARY.phone) }]);
    expect(all.packages).toMatchObject([{ reference: 'PKG-CANARY' }]);
    expect(all.statement).toContainEqual(
      expect.objectContaining({ account: 'WALLET', kind: 'REFUND', balance: { amount: '10.00', currencyCode: 'EGP' } }),
    );
    expect(all.mails.map(({ kind }: any) => kind)).toEqual(
      expect.arrayContaining(['EMAIL_VERIFICATION', 'ORDER_PAID']),
    );
  });

  test('has nobody else’s, and no secret: no pay page, no whole reference, no hash, no key, no session', async () => {
    const text = JSON.stringify(await exported());
    expect(text).not.toContain('Somebody else');
    const [payment] = await world.owner(
      'select payment_url, gateway_reference from payments where customer_id = $1 and payment_url is not null and gateway_reference is not null limit 1',
      [person.id],
    );
    const [user] = await world.owner('select password_hash from users where id = $1', [person.id]);
    const sessions = await world.owner('select id from sessions where user_id = $1', [person.id]);
    expect(sessions.length).toBeGreaterThan(0);
    for (const secret of [payment.payment_url, user.password_hash, ...sessions.map(({ id }) => id)])
      expect(text).not.toContain(secret);
    expect(text).not.toMatch(new RegExp(`"gatewayReference":"${payment.gateway_reference}"`));
  });

  test('tells of the newsletter and of mails to the address only whose address is proven', async () => {
    const before = await exported();
    expect(before.mail).toBeNull();
    expect(before.mails.map(({ kind }: any) => kind)).not.toContain('PASSWORD_RESET');
    await verified(new Date());
    const after = await exported();
    expect(after.mail).toMatchObject({
      newsletter: { state: 'PENDING' },
      suppressions: [{ stream: 'MARKETING', reason: 'COMPLAINT', liftedAt: null }],
    });
    expect(after.mails.map(({ kind }: any) => kind)).toContain('PASSWORD_RESET');
    await verified(null);
  });

  test('goes on page by page until there is no more, each row once', async () => {
    const numbers = Array.from({ length: 230 }, (_, n) => n);
    await world.owner(
      `insert into orders (tenant_id, id, type, status, customer_id, currency_code, subtotal_minor, tax_minor, total_minor, cancel_reason, created_at)
       select $1, gen_random_uuid(), 'MANUAL_INVOICE', 'CANCELLED', $2, 'EGP', 1, 0, 1, 'n' || n, '2020-01-01'::timestamptz + (n / 7) * interval '1 second'
       from unnest($3::int[]) n`,
      [person.shop.tenantId, person.id, numbers],
    );
    const { orders } = await exported();
    const reasons = orders.map(({ cancelReason }: any) => cancelReason).filter((reason: any) => /^n\d+$/.test(reason));
    expect(reasons.toSorted()).toEqual(numbers.map((n) => `n${n}`).toSorted());
  });
});

describe('who gets it', () => {
  test('the customer, and staff for a customer; each asking stands in the audit log, and no data with it', async () => {
    const { customerId } = person.shop;
    const asked = () =>
      world.owner(
        "select actor, target, before, after from audit_entries where action = 'customer.export' and target = $1 order by position desc limit 1",
        [`User:${person.id}`],
      );
    await exported();
    expect(await asked()).toEqual([
      { actor: `user:${person.id}`, target: `User:${person.id}`, before: null, after: null },
    ]);
    const staff = await world.session('operator');
    expect((await exported({ customerId }, person.shop.operator)).profile.email).toBe(CANARY.email);
    expect((await asked())[0].actor).toBe(`user:${rawId(staff.userId)}`);
  });

  test('nobody else: not another customer, and staff only for a customer that there is', async () => {
    const codes = async (input: object, as: As) => (await ask(input, as)).userErrors.map(({ code }: any) => code);
    const { customerId, operator } = person.shop;
    expect(await codes({ customerId }, other)).toEqual(['NOT_FOUND']);
    expect(await codes({}, operator)).toEqual(['INVALID_INPUT']);
    expect(await codes({ customerId: (await world.session('operator')).userId }, operator)).toEqual(['INVALID_STATE']);
    expect(await codes({ customerId: person.shop.node('User', randomUUID()) }, operator)).toEqual(['NOT_FOUND']);
  });

  test('a link that is over, made for something else, or changed opens nothing', async () => {
    const path = await linkOf();
    aheadMs = 10 * 60_000 + 1_000;
    expect((await open(path)).status).toBe(404);
    aheadMs = 0;
    const until = new Date(Date.now() + 60_000);
    const ticket = { tenantId: person.shop.tenantId, customerId: person.id };
    const forged = world.app.vault.sign('unsubscribe', ticket, until);
    expect((await open(`/people/export.json?token=${forged}`)).status).toBe(404);
    expect((await open(`${path}x`)).status).toBe(404);
    expect((await open('/people/export.json')).status).toBe(404);
    const elsewhere = { ...ticket, tenantId: randomUUID() };
    const token = encodeURIComponent(world.app.vault.sign('customer-export', elsewhere, until));
    expect((await open(`/people/export.json?token=${token}`)).status).toBe(404);
  });
});

describe('while it is sent', () => {
  const request = async () => ({
    method: 'GET',
    params: {},
    query: new URLSearchParams((await linkOf()).split('?')[1]),
    headers: {},
    body: Buffer.alloc(0),
    sourceAddress: '',
  });

  test('no transaction is open, one of a person is made at a time, and who goes away ends it', async () => {
    const serve = createPersonExport(world.app);
    const first = await serve(await request());
    const body = first.body as Readable;
    assertNoOpenTransaction();
    expect((await serve(await request())).status).toBe(503);
    for await (const _chunk of body) break;
    expect(body.destroyed).toBe(true);
    const again = await serve(await request());
    expect(again.status).toBe(200);
    let text = '';
    for await (const chunk of again.body as Readable) text += String(chunk);
    expect(JSON.parse(text).profile.id).toBe(person.id);
  });

  test('what fails is cut off, so that nobody takes a part for the whole, and the next one works', async () => {
    let reads = 0;
    const db = new Proxy(world.app.db, {
      get: (target, name) =>
        name === 'read'
          ? async (...args: Parameters<typeof target.read>) => {
              reads += 1;
              if (reads === 4) throw new Error('The database went away.');
              return target.read(...args);
            }
          : Reflect.get(target, name),
    });
    const serve = createPersonExport({ ...world.app, db });
    const { body } = await serve(await request());
    let text = '';
    const whole = (async () => {
      for await (const chunk of body as Readable) text += String(chunk);
    })();
    await expect(whole).rejects.toThrow('The database went away.');
    expect(() => JSON.parse(text)).toThrow();
    expect((await serve(await request())).status).toBe(200);
  });
});
