import { randomUUID } from 'node:crypto';

import { addressHash } from '../../src/resolvers/mail-outbox.ts';
import { startWorker } from '../../src/jobs/worker.ts';
import { bodyContext } from '../../src/webhook-deliveries.ts';
import { eventually, type As, type TestApp } from './app.ts';
import { MailShop } from './mail-shop.ts';
import { rawId, Shop } from './shop.ts';
import { day, TravelWorld } from './travel-world.ts';

/** A customer whose name, address and number are planted wherever the product writes such things down. */
export const CANARY = {
  email: 'kanarienvogel@canary.example',
  password: 'a-long-password',
  firstName: 'Kanarienvorname',
  lastName: 'Kanariennachname',
  phone: '+4915799887766',
} as const;
export const WORDS: readonly string[] = ['kanarien', 'canary.example', CANARY.phone.slice(1)];
const SAYS = `for ${CANARY.firstName} ${CANARY.lastName}, ${CANARY.email}, ${CANARY.phone}`;
const ANSWER = 'userErrors { code field message details }';

export class PersonWorld {
  readonly world: TestApp;
  readonly mail: MailShop;
  readonly shop: Shop;
  readonly admin: As;
  readonly id: string;
  readonly as: As;

  private constructor(facts: Pick<PersonWorld, 'world' | 'mail' | 'shop'>) {
    this.world = facts.world;
    this.mail = facts.mail;
    this.shop = facts.shop;
    this.admin = facts.mail.admin;
    this.id = rawId(facts.shop.customerId);
    this.as = facts.shop.customer;
  }

  /** Registers the canary, whose mail goes out by SES. */
  static async open(world: TestApp): Promise<PersonWorld> {
    await world.owner('update portal_configs set rate_limit_per_minute = 1000000');
    const mail = await MailShop.open(world);
    await mail.useSes();
    const { email, password, firstName, lastName, phone } = CANARY;
    await mail.mutate(mail.portal, 'register', { email, password, firstName, lastName, locale: 'en' });
    await world.owner('update users set phone = $2 where email = $1', [email, phone]);
    return new PersonWorld({ world, mail, shop: await Shop.open(world, { email, password }) });
  }

  async run(name: string, input: object, as: As, answer = ''): Promise<any> {
    const type = `${name[0]!.toUpperCase()}${name.slice(1)}Input`;
    const document = `mutation ($input: ${type}!) { ${name}(input: $input) { ${answer} ${ANSWER} } }`;
    return (await this.world.data(as, document, { input }))[name];
  }

  /** The same for what must succeed. */
  async done(name: string, input: object, as: As, answer = ''): Promise<any> {
    const payload = await this.run(name, input, as, answer);
    if (payload.userErrors.length > 0) throw new Error(`${name}: ${JSON.stringify(payload.userErrors)}`);
    return payload;
  }

  erase(input: object, as: As): Promise<any> {
    return this.run('eraseCustomer', input, as, 'user { id email firstName erasedAt }');
  }

  async plantOrders(): Promise<void> {
    const { shop, world } = this;
    const [{ cors_origins: origins }] = await world.owner(
      'select cors_origins from portal_configs where tenant_id = $1',
      [shop.tenantId],
    );
    const orderId = await shop.issued({ text: `Paid ${SAYS}` });
    const returnUrl = `${origins[0]}/back?who=${CANARY.email}`;
    const methodId = await shop.methodId(orderId);
    await this.done('payOrder', { orderId, methodId, returnUrl, idempotencyKey: `key-${CANARY.email}` }, this.as);
    const started = await shop.startedOn(orderId);
    await shop.atGateway(started, 'pay');
    const told = { customer_name: CANARY.firstName, customer_email: CANARY.email, customer_phone: CANARY.phone };
    await shop.deliver(shop.hook('paid', started.invoice, { customerData: told }));
    await this.done(
      'refundPayment',
      { paymentId: started.paymentId, amount: '10.00', to: 'WALLET', reason: `Back ${SAYS}` },
      shop.operator,
    );
    // Nobody knows whose it is: it can't be found.
    await shop.deliver(
      shop.hook(
        'paid',
        { ...started.invoice, invoiceId: 987_654_321, invoiceKey: 'unknown', payLoad: {} },
        { customerData: told },
      ),
    );
    const draft = await shop.draft({ text: `Draft ${SAYS}` });
    await this.done('cancelOrder', { orderId: draft, reason: `Changed ${SAYS}` }, this.as);
    const issued = await shop.issued({ text: `Given up ${SAYS}` });
    await this.done('cancelOrder', { orderId: issued, reason: `Changed ${SAYS}` }, this.as);
  }

  /** An appointment and a stay, both given up again. @param productId a service of the shop's */
  async plantBookings(productId: string, start: string): Promise<void> {
    const { world, shop } = this;
    const { booking } = await this.done(
      'bookAppointment',
      { productId, start, notes: SAYS },
      this.as,
      'booking { id }',
    );
    await this.done('cancelBooking', { bookingId: booking.id, reason: SAYS }, this.as);
    const travel = await TravelWorld.open(world);
    const worker = await startWorker(world.app);
    const found = await travel.search(this.as, { checkIn: day(40), checkOut: day(42) });
    const stay = await travel.book(this.as, found.offers.find((offer: any) => offer.refundable).id, {
      guests: [{ givenName: CANARY.firstName, familyName: CANARY.lastName }],
      contactEmail: CANARY.email,
      contactPhone: CANARY.phone,
      specialRequests: `Late arrival ${CANARY.firstName}`,
    });
    if (!stay.booking) throw new Error(JSON.stringify(stay.userErrors));
    const [row] = await world.owner('select attempt_reference, provider_reference from bookings where id = $1', [
      rawId(stay.booking.id),
    ]);
    const notice = {
      event_id: randomUUID(),
      event_type: 'itinerary.message.received',
      event_time: '2026-11-21T10:00:00.000Z',
      itinerary_id: row.provider_reference,
      affiliate_reference_id: row.attempt_reference,
      email: CANARY.email,
    };
    const { status } = await world.request('POST', '/webhooks/providers/expedia?key=push-expedia-0001', {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(notice),
    });
    if (status !== 200) throw new Error(`The notification was refused: ${status}`);
    await this.done('cancelBooking', { bookingId: stay.booking.id, reason: SAYS }, this.as);
    await eventually(
      () => world.owner('select phase, next_step_at from bookings where id = $1', [rawId(stay.booking.id)]),
      ([now]) => now.phase === 'ENDED' && now.next_step_at === null,
      30_000,
    );
    await worker.close();
    await world.owner(
      `insert into packages (tenant_id, id, reference, status, phase, customer_id, rollback, total_minor, currency_code, loss_max_minor, plan, note, created_at)
       values ($1, $2, 'PKG-CANARY', 'CANCELLED', 'ENDED', $3, 'MANUAL_REVIEW', 1, 'EGP', 0, '{}', $4, now())`,
      [shop.tenantId, randomUUID(), this.id, SAYS],
    );
  }

  async plantMail(): Promise<void> {
    const { world, mail } = this;
    await this.done('requestEmailVerification', {}, { ...mail.portal, ...this.as });
    await this.done('requestPasswordReset', { email: CANARY.email }, mail.portal);
    await this.done('subscribeNewsletter', { email: CANARY.email }, mail.portal);
    await mail.work();
    await eventually(
      () => world.owner("select 1 from webhook_deliveries where source = 'ses' and about_id is not null"),
      (told) => told.length >= 3,
    );
    const hash = addressHash(world.app, mail.tenantId, CANARY.email);
    await world.owner(
      "insert into mail_suppressions (tenant_id, address_hash, stream, address, reason, created_at) values ($1, $2, 'MARKETING', $3, 'COMPLAINT', now())",
      [mail.tenantId, hash, CANARY.email],
    );
    // One that still waits.
    await this.done('requestPasswordReset', { email: CANARY.email }, mail.portal);
  }

  /** Follows the link of plantMail, so that what is known by the address alone is theirs too. */
  async proveAddress(): Promise<void> {
    const letter = (await this.mail.sent(CANARY.email)).find(({ texts }) => texts.includes('verify'));
    const token = /[?&]token=(ot_[\w-]+)/.exec(letter!.texts)![1]!;
    await this.done('verifyEmail', { token }, this.mail.portal);
  }

  /** Every column of every table that says a word of the canary's, sealed bodies opened. */
  async found(): Promise<string[]> {
    const columns = await this.world.owner<{ schema: string; table: string; column: string; type: string }>(
      `select c.table_schema as schema, c.table_name as table, c.column_name as column, c.data_type as type from information_schema.columns c
       join information_schema.tables t on t.table_schema = c.table_schema and t.table_name = c.table_name and t.table_type = 'BASE TABLE'
       where c.table_schema not in ('pg_catalog', 'information_schema')
         and c.data_type in ('text', 'character varying', 'character', 'json', 'jsonb', 'bytea', 'ARRAY')`,
    );
    const hex = WORDS.map((word) => Buffer.from(word).toString('hex'));
    const pattern = `(${[...WORDS.map((word) => word.replaceAll('.', '\\.')), ...hex].join('|')})`;
    const found: string[] = [];
    for (const { schema, table, column } of columns) {
      const [row] = await this.world.owner<{ found: boolean }>(
        `select exists (select from "${schema}"."${table}" where "${column}"::text ~* $1) as found`,
        [pattern],
      );
      if (row!.found) found.push(`${table}.${column}`);
    }
    const bodies = await this.world.owner(
      'select tenant_id, id, source, verdict, body_sealed from webhook_deliveries where body_sealed is not null',
    );
    for (const { tenant_id: tenantId, id, source, verdict, body_sealed: sealed } of bodies) {
      const text = this.world.app.vault.open(sealed, bodyContext(tenantId, id)).toString().toLowerCase();
      if (WORDS.some((word) => text.includes(word)))
        found.push(`webhook_deliveries.body_sealed (${source} ${verdict})`);
    }
    return [...new Set(found)].toSorted();
  }
}
