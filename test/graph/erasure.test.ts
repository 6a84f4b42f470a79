import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { eventually, startTestApp, type TestApp } from '../helpers/app.ts';
import { brokenLaws } from '../helpers/books.ts';
import { Desk, StandingClock } from '../helpers/diary.ts';
import { CANARY, PersonWorld } from '../helpers/person.ts';
import { rawId } from '../helpers/shop.ts';

/** Erasure (TEN-10): a person's data is planted wherever the product writes it, and afterwards every table is searched. */
let world: TestApp;
let person: PersonWorld;

beforeAll(async () => {
  world = await startTestApp({ worker: false });
  person = await PersonWorld.open(world);
}, 60_000);
afterAll(() => world.stop());

/** Where words of the person stay, and why. Anything else is a leak, and anything of it that is gone is out of date here. */
const STAYS: Readonly<Record<string, string>> = {
  'invoices.document': 'issued invoices are kept for good, as they were issued: the law wants it',
  'order_items.descriptions':
    'the lines of an invoiced order, which stand on its invoice; orders without one have none',
  'audit_entries.after': 'the reason an operator gave for an adjustment; the audit log is kept for good, and a chain',
  'webhook_deliveries.body_sealed (fawaterk UNKNOWN_PAYMENT)':
    'nobody knows whose it is; sealed, and forgotten after 90 days like every body',
};
const PLANTED = [
  'bookings.cancel_reason',
  'bookings.contact',
  'bookings.guests',
  'bookings.notes',
  'bookings.special_requests',
  'mail_messages.to_address',
  'mail_suppressions.address',
  'newsletter_subscriptions.address',
  'operations.key',
  'orders.cancel_reason',
  'packages.note',
  'payments.return_url',
  'refunds.reason',
  'users.email',
  'users.first_name',
  'users.last_name',
  'users.phone',
  'webhook_deliveries.body_sealed (expedia ACCEPTED)',
  'webhook_deliveries.body_sealed (fawaterk ACCEPTED)',
  'webhook_deliveries.body_sealed (ses ACCEPTED)',
];
const openOf = async (input: object, as = person.shop.operator) => {
  const { user, userErrors } = await person.erase(input, as);
  expect(user).toBeNull();
  expect(userErrors).toMatchObject([{ code: 'ERASURE_BLOCKED' }]);
  return userErrors[0].details.open;
};
const forStaff = () => ({ customerId: person.shop.customerId, reason: 'ASKED_FOR' });
const rowsOf = (table: string) =>
  world.owner(`select * from ${table} where tenant_id = $1 order by 1, 2, 3`, [person.shop.tenantId]);

describe('while something is open', () => {
  test('nothing is erased, and what is open is listed, at most twenty of it', async () => {
    const drafts = [];
    for (let n = 0; n < 21; n += 1) drafts.push(await person.shop.draft());
    const { userErrors } = await person.erase({ password: CANARY.password }, person.as);
    expect(userErrors[0].details).toMatchObject({ more: true });
    expect(userErrors[0].details.open).toHaveLength(20);
    for (const orderId of drafts) await person.done('cancelOrder', { orderId }, person.as);
    const started = await person.shop.started();
    const open = await openOf(forStaff());
    expect(open).toEqual([
      { kind: 'Order', state: 'ISSUED', id: started.orderId, number: expect.stringContaining('ORD-') },
      { kind: 'Payment', state: 'PENDING', id: started.paymentId },
    ]);
    await person.shop.paid(started);
    await person.done(
      'refundPayment',
      { paymentId: started.paymentId, to: 'WALLET', reason: 'for the wallet' },
      person.shop.operator,
    );
    expect(await openOf(forStaff())).toEqual([
      { kind: 'Balance', state: 'WALLET', amount: '100.00', currencyCode: 'EGP' },
    ]);
    const [user] = await world.owner('select email, erased_at from users where id = $1', [person.id]);
    expect(user).toEqual({ email: CANARY.email, erased_at: null });
    await person.done(
      'adjustWallet',
      { customerId: person.shop.customerId, amount: '-100.00', reason: `Paid out to ${CANARY.firstName}` },
      person.admin,
    );
  });

  test('an appointment that is to come, and an order and a booking that wait, are listed', async () => {
    const desk = await Desk.open(world, new StandingClock(new Date().toISOString()));
    await desk.hours('00:00', '23:59');
    const productId = await desk.service({ price: 0n, stock: 5 });
    const [slot] = await desk.slots(productId, dayAhead(3));
    const { booking } = await person.done(
      'bookAppointment',
      { productId, start: slot.start },
      person.as,
      'booking { id status }',
    );
    expect(await openOf(forStaff())).toContainEqual(
      expect.objectContaining({ kind: 'Booking', state: booking.status, id: booking.id }),
    );
    await person.done('cancelBooking', { bookingId: booking.id }, person.shop.operator);
    await person.plantBookings(productId, slot.start);
  }, 60_000);
});

describe('who may', () => {
  test('a customer only with the right password, and nobody but themself; staff only with a reason; and no staff is erased', async () => {
    const codes = async (input: object, as = person.as) =>
      (await person.erase(input, as)).userErrors.map(({ code, field }: any) => [code, field?.[1]]);
    const demo = await world.session('customer');
    const staff = await world.session('operator');
    expect(await codes({})).toEqual([['INVALID_INPUT', 'password']]);
    expect(await codes({ password: 'wrong-password' })).toEqual([['INVALID_CREDENTIALS', 'password']]);
    expect(await codes({ customerId: demo.userId, password: CANARY.password })).toEqual([['NOT_FOUND', 'customerId']]);
    const { operator } = person.shop;
    expect(await codes({ reason: 'ASKED_FOR' }, operator)).toEqual([['INVALID_INPUT', 'customerId']]);
    expect(await codes({ customerId: demo.userId }, operator)).toEqual([['INVALID_INPUT', 'reason']]);
    expect(await codes({ customerId: staff.userId, reason: 'ASKED_FOR' }, operator)).toEqual([
      ['INVALID_STATE', 'customerId'],
    ]);
  });
});

describe('once nothing is open', () => {
  let before: { found: string[]; ledger: unknown; invoices: unknown };
  let exportUrl: string;

  beforeAll(async () => {
    await person.plantOrders();
    await person.done(
      'adjustWallet',
      { customerId: person.shop.customerId, amount: '-10.00', reason: `Paid out to ${CANARY.firstName}` },
      person.admin,
    );
    await person.plantMail();
    await person.proveAddress();
    const link = await person.done('exportCustomer', {}, person.as, 'customerExport { url }');
    exportUrl = link.customerExport.url;
    before = {
      found: await person.found(),
      ledger: await rowsOf('ledger_entries'),
      invoices: await rowsOf('invoices'),
    };
  }, 60_000);

  test('the words were everywhere', () => {
    expect(before.found).toEqual(expect.arrayContaining([...PLANTED, ...Object.keys(STAYS)]));
  });

  test('they are nowhere but where the law or we keep them for good, and money and invoices are as they were', async () => {
    const refresh = { ...(await world.session({ email: CANARY.email, password: CANARY.password })) };
    const erased = await person.erase({ password: CANARY.password, idempotencyKey: 'go' }, person.as);
    expect(erased).toMatchObject({ userErrors: [], user: { id: person.shop.customerId, firstName: null } });
    expect(erased.user.erasedAt).not.toBeNull();
    expect(await person.found()).toEqual(Object.keys(STAYS).toSorted());
    expect(await rowsOf('ledger_entries')).toEqual(before.ledger);
    expect(await rowsOf('invoices')).toEqual(before.invoices);
    expect(await brokenLaws(world)).toEqual({});
    // Signed in nowhere any more, at once.
    const { errors } = await world.ask(person.as, '{ viewer { user { email } } }');
    expect(errors?.[0]?.extensions.code).toBe('UNAUTHENTICATED');
    const { userErrors } = await person.run(
      'refreshSession',
      { refreshToken: refresh.refreshToken },
      person.mail.portal,
    );
    expect(userErrors).toMatchObject([{ code: 'INVALID_CREDENTIALS' }]);
  });

  test('the audit log says that and by whom, and nothing of the person', async () => {
    const entries = await world.owner(
      "select actor, target, before, after from audit_entries where action = 'customer.erase'",
    );
    expect(entries).toEqual([
      { actor: `user:${person.id}`, target: `User:${person.id}`, before: null, after: { reason: 'ASKED_BY_THEMSELF' } },
    ]);
    const fault = await world.app.db.read(person.shop.scope, (tx) => tx.one('select first_audit_fault() as fault'));
    expect(fault).toEqual({ fault: null });
  });

  test('what waited in the outbox is not sent, and the wish not to be written to stays', async () => {
    const sent = await person.mail.sent(CANARY.email);
    await person.mail.work();
    expect(await person.mail.sent(CANARY.email)).toHaveLength(sent.length);
    const [waiting] = await person.mail.rows();
    expect(waiting).toMatchObject({ state: 'NOT_SENT', reason: 'ERASED', to_address: null });
    expect(await rowsOf('mail_suppressions')).toMatchObject([{ address: null, stream: 'MARKETING' }]);
  });

  test('a link to their data opens nothing any more, and none is made', async () => {
    const { pathname, search } = new URL(exportUrl);
    expect((await world.request('GET', pathname + search)).status).toBe(404);
    const { customerId, operator } = person.shop;
    const { userErrors } = await person.run('exportCustomer', { customerId }, operator);
    expect(userErrors).toMatchObject([{ code: 'INVALID_STATE' }]);
  });

  test('erased again is erased: no second entry, no other instant', async () => {
    const [first] = await world.owner('select erased_at from users where id = $1', [person.id]);
    const again = await person.erase(forStaff(), person.shop.operator);
    expect(again.userErrors).toEqual([]);
    expect(new Date(again.user.erasedAt)).toEqual(first.erased_at);
    expect(await world.owner("select 1 from audit_entries where action = 'customer.erase'")).toHaveLength(1);
  });

  test('nothing is ordered for who is no more, or given back to a wallet that nobody can spend', async () => {
    const { shop } = person;
    const { userErrors } = await person.run('createOrder', shop.orderInput(), shop.operator);
    expect(userErrors).toMatchObject([{ code: 'NOT_FOUND' }]);
    const [payment] = await world.owner(
      "select id from payments where customer_id = $1 and status = 'PARTIALLY_REFUNDED' and gateway = 'FAWATERK'",
      [person.id],
    );
    const paymentId = shop.node('Payment', payment.id);
    const refund = (to: string) => person.run('refundPayment', { paymentId, to, reason: 'late' }, shop.operator);
    expect((await refund('WALLET')).userErrors).toMatchObject([{ code: 'INVALID_STATE', field: ['input', 'to'] }]);
  });

  test('a refund that is done later takes back the invoice of whoever it names', async () => {
    const [payment] = await world.owner(
      "select id from payments where customer_id = $1 and status = 'PARTIALLY_REFUNDED' and gateway = 'FAWATERK'",
      [person.id],
    );
    const refundId = await requestedRefund(person.shop.tenantId, payment.id);
    await person.done(
      'resolveRefund',
      { refundId: person.shop.node('Refund', refundId), outcome: 'DONE', reason: 'it says so' },
      person.shop.operator,
    );
    const [note] = await world.owner(
      'select i.document from refunds r join invoices i on i.id = r.credit_note_id where r.id = $1',
      [refundId],
    );
    expect(note.document.customer).toEqual({
      name: `${CANARY.firstName} ${CANARY.lastName}`,
      email: CANARY.email,
    });
  });

  test('what a gateway tells of them later is forgotten with the next old rows', async () => {
    const [payment] = await world.owner(
      "select id from payments where customer_id = $1 and status = 'PARTIALLY_REFUNDED' and gateway = 'FAWATERK'",
      [person.id],
    );
    const invoice = await person.shop.invoiceOf(payment.id);
    const later = person.shop.hook('paid', invoice, { customerData: { customer_email: CANARY.email } });
    await person.shop.deliver(later);
    expect(await person.found()).toContain('webhook_deliveries.body_sealed (fawaterk ALREADY_PROCESSED)');
    await world.app.db.lookUp('select forget_erased($1)', [world.app.clock.now()]);
    expect(await person.found()).toEqual(Object.keys(STAYS).toSorted());
  });

  test('the address is free: who registers with it is another person and sees nothing of the first', async () => {
    const { email, password } = CANARY;
    const { session } = await person.done(
      'register',
      { email, password },
      person.mail.portal,
      'session { accessToken user { id } }',
    );
    expect(rawId(session.user.id)).not.toBe(person.id);
    const { orders } = await world.data({ token: session.accessToken }, '{ orders { nodes { id } } }');
    expect(orders.nodes).toEqual([]);
  });
});

test('of an erasure and an order at once, one comes first, and no order is left for somebody who is no more', async () => {
  for (let round = 0; round < 4; round += 1) {
    const email = `race-${round}@race.example`;
    const { session } = await person.done(
      'register',
      { email, password: CANARY.password },
      person.mail.portal,
      'session { accessToken user { id } }',
    );
    const customerId = session.user.id;
    const [erased, ordered] = await Promise.all([
      person.erase({ customerId, reason: 'ASKED_FOR' }, person.shop.operator),
      person.run('createOrder', { ...person.shop.orderInput(), customerId }, person.shop.operator, 'order { id }'),
    ]);
    const rows = await world.owner('select 1 from orders where customer_id = $1', [rawId(customerId)]);
    expect([erased.user === null, ordered.order === null, rows.length]).toEqual(
      erased.user === null ? [true, false, 1] : [false, true, 0],
    );
    if (erased.user !== null) expect(ordered.userErrors).toMatchObject([{ code: 'NOT_FOUND' }]);
  }
});

test('the database itself writes nothing for somebody who was erased', async () => {
  const write = world.app.db.write(person.shop.scope, (tx) =>
    tx.query(
      `insert into sessions (tenant_id, id, user_id, created_at, expires_at) values (current_tenant(), gen_random_uuid(), $1, now(), now() + interval '1 day')`,
      [person.id],
    ),
  );
  await expect(write).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await eventually(
    () => world.owner('select 1 from sessions where user_id = $1 and revoked_at is null', [person.id]),
    (rows) => rows.length === 0,
  );
});

/** A refund the gateway was asked for before it fell silent, handed to a person. */
async function requestedRefund(tenantId: string, paymentId: string): Promise<string> {
  const [refund] = await world.owner(
    `insert into refunds (tenant_id, id, payment_id, amount_minor, reason, target, status, requested_by, created_at, sent_at)
     values ($1, gen_random_uuid(), $2, 100, 'late', 'GATEWAY', 'REQUESTED', 'user:x', now(), now()) returning id`,
    [tenantId, paymentId],
  );
  await world.owner(
    `insert into inquiries (tenant_id, id, about_type, about_id, reason, resolution, created_at, resolved_at)
     values ($1, gen_random_uuid(), 'Refund', $2, 'GATEWAY_SILENT', 'HANDED_TO_PERSON', now(), now())`,
    [tenantId, refund.id],
  );
  return refund.id;
}

function dayAhead(days: number): string {
  return new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
}
