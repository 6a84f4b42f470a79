import { isNonNullType } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { KEY_SCOPES } from '../../src/access.ts';
import { reviewHoldPosting } from '../../src/domain/ledger.ts';
import { decodeGlobalId } from '../../src/global-id.ts';
import { postLedger } from '../../src/ledger.ts';
import { schema } from '../../src/schema/index.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { proveCustomers } from '../isolation/customers.ts';
import { documentOf } from '../isolation/documents.ts';
import { proveLive } from '../isolation/live.ts';
import { populate, TENANT_A, TENANT_B, type Population } from '../isolation/population.ts';
import { PLATFORM_TABLES, proveTables } from '../isolation/tables.ts';

/** Isolation beyond the single request and the tenant (BEY-8): subscriptions, customers, secret keys, functions of the database, links. */
let world: TestApp;
let population: Population;
let victim: string;
let peer: string;
beforeAll(async () => {
  world = await startTestApp({ worker: false });
  population = await populate(world);
  victim = decodeGlobalId(population.ids['User']!)!.id;
  const [row] = await world.owner("select id from users where tenant_id = $1 and email = 'peer@a.example'", [TENANT_A]);
  peer = row.id;
});
afterAll(() => world.stop());

test('no subscription shows anything of another tenant or customer, over either transport, while the right ones get it', async () => {
  const proof = await proveLive(world, population);
  process.stdout.write(
    `isolation of subscriptions: ${proof.fields} fields, ${proof.probes} probes, ${proof.leaks.length} leaks\n`,
  );
  expect(proof.leaks).toEqual([]);
  expect(proof.withoutControl).toEqual([]);
});

describe('customers in the database', () => {
  test('a transaction that works for a customer sees theirs only, and nothing of what is for staff', async () => {
    const proof = await proveCustomers(world, victim, peer);
    expect(proof.leaks).toEqual([]);
    expect(proof.tables).toBeGreaterThanOrEqual(25);
  });

  test('the proof finds the leak when any one policy for customers is dropped', async () => {
    const policies = await world.owner<{ table: string; name: string; cmd: string; qual: string }>(
      "select tablename as table, policyname as name, cmd, qual from pg_policies where permissive = 'RESTRICTIVE' and cmd in ('ALL', 'SELECT')",
    );
    const missed: string[] = [];
    for (const { table, name, cmd, qual } of policies) {
      await world.owner(`drop policy ${name} on ${table}`);
      const { leaks } = await proveCustomers(world, victim, peer, table);
      await world.owner(`create policy ${name} on ${table} as restrictive for ${cmd} using (${qual})`);
      if (leaks.length === 0) missed.push(table);
    }
    expect(policies.length).toBeGreaterThanOrEqual(15);
    expect(missed).toEqual([]);
    expect((await proveCustomers(world, victim, peer)).leaks).toEqual([]);
  });

  test('a customer cannot put a line into another customer’s draft, whatever a verb forgot', async () => {
    const [order] = await world.owner(
      `insert into orders (tenant_id, id, type, status, customer_id, currency_code, subtotal_minor, tax_minor, total_minor, created_at)
       values ($1, gen_random_uuid(), 'PRODUCT', 'DRAFT', $2, 'EGP', 0, 0, 0, now()) returning id`,
      [TENANT_A, victim],
    );
    const insert = (customerId: string) =>
      world.app.db.write({ tenantId: TENANT_A, customerId }, (tx) =>
        tx.query(
          `insert into order_items (tenant_id, order_id, position, descriptions, quantity, unit_price_minor, net_minor, tax_minor, gross_minor)
           values (current_tenant(), $1, 1, '{}', 1, 0, 0, 0, 0)`,
          [order.id],
        ),
      );
    await expect(insert(peer)).rejects.toThrow(/row-level security|frozen/);
    await insert(victim);
  });
});

test('the proof finds the leak when the policy of any one table lets everybody through', async () => {
  const policies = await world.owner<{ table: string; name: string; qual: string; cmd: string }>(
    "select tablename as table, policyname as name, qual, cmd from pg_policies where permissive = 'PERMISSIVE' and policyname <> 'owner' and qual is not null and tablename <> all ($1)",
    [Object.keys(PLATFORM_TABLES)],
  );
  const missed: string[] = [];
  for (const { table, name, qual, cmd } of policies) {
    // A wider right to change shows only with the right to see, because what is not seen is not changed.
    await world.owner(`alter policy ${name} on ${table} using (true)`);
    const { leaks } = await proveTables(world, table);
    await world.owner(`alter policy ${name} on ${table} using (${qual})`);
    if (leaks.length === 0 && cmd !== 'UPDATE') missed.push(`${table}.${name}`);
  }
  expect(missed).toEqual([]);
  expect(policies.length).toBeGreaterThanOrEqual(26);
});

describe('what the database does as its owner', () => {
  const CLOSED_LIST = [
    'assign_event_position',
    'chain_audit_entry',
    'check_balanced_at_commit',
    'check_ledger_balance',
    'complete_tenant',
    'credentials_due',
    'due_work',
    'end_ledger_holds',
    'erase_person',
    'find_api_key',
    'find_booking',
    'find_mail',
    'find_mail_topic',
    'find_tenant',
    'forget_erased',
    'forget_mail',
    'forget_old',
    'has_migration',
    'hold_ledger',
    'keep_ledger_days',
    'ledgers_to_sum',
    'lock_ledger_accounts',
    'mail_has_address',
    'origin_listed',
    'post_ledger',
    'post_ledger_entries',
    'products_matching',
    'read_streams',
    'rewrap',
    'stream_heads',
    'take_budget',
    'touch_api_keys',
  ];

  test('is a closed list of functions, each with a search path of its own', async () => {
    const functions = await world.owner<{ name: string; path: boolean }>(
      `select p.proname as name, coalesce(p.proconfig::text like '%search_path=public, pg_temp%', false) as path
       from pg_proc p where p.pronamespace = 'public'::regnamespace and p.prosecdef order by 1`,
    );
    expect(functions).toEqual(CLOSED_LIST.map((name) => ({ name, path: true })));
  });

  test('gives the application ids and numbers only, and no view gets round row-level security', async () => {
    const personal = await world.owner(
      `select p.proname, a.name from pg_proc p, unnest(p.proargnames, p.proargmodes) as a (name, mode)
       where p.pronamespace = 'public'::regnamespace and p.prosecdef and a.mode in ('o', 't')
         and a.name ~ '(email|name|phone|password|secret|sealed|body|token$)'`,
    );
    expect(personal).toEqual([]);
    expect(
      await world.owner(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('v', 'm')",
      ),
    ).toEqual([]);
  });

  test('posts to the ledger of the tenant worked in and of no other', async () => {
    const entries = (await world.owner('select count(*) from ledger_entries where tenant_id = $1', [TENANT_A]))[0];
    const post = (scope: { tenantId: string; customerId: null }) =>
      world.app.db.write(scope, (tx) =>
        postLedger(tx, world.app, TENANT_A, {
          postings: [
            {
              kind: 'TEST',
              subjectId: TENANT_A,
              currencyCode: 'EGP',
              entries: reviewHoldPosting({ heldMinor: 5n }),
            },
          ],
        }),
      );
    await post({ tenantId: TENANT_B, customerId: null });
    expect((await world.owner('select count(*) from ledger_entries where tenant_id = $1', [TENANT_A]))[0]).toEqual(
      entries,
    );
    await expect(world.app.db.lookUp("select post_ledger('[]', '[]')", [])).rejects.toThrow('no tenant');
  });
});

describe('a secret key', () => {
  /** What each scope opens: written by hand from the contract, because a copy of src/access.ts would prove nothing. */
  const OPENS: Readonly<Record<string, readonly string[]>> = {
    introspect: [],
    'orders:read': ['order', 'orders', 'operation', 'tenant'],
    'orders:write': ['createOrder', 'issueOrder', 'cancelOrder'],
    'payments:read': ['payment', 'paymentMethods'],
    'payments:write': ['payOrder'],
    'invoices:read': ['invoice'],
    'webhooks:read': ['webhookDeliveries'],
    'health:read': ['systemHealth'],
    'reports:read': ['moneyReport'],
    providers: ['provider', 'providers', 'providerUsage'],
    routing: ['routeProvider'],
    search: ['searchStays', 'searchFlights', 'planPackage'],
    'bookings:read': ['booking', 'bookings', 'package', 'packages'],
    'bookings:write': [
      'bookStay',
      'bookFlight',
      'bookAppointment',
      'rescheduleAppointment',
      'cancelBooking',
      'bookPackage',
      'cancelPackage',
    ],
  };
  const PUBLIC: ReadonlySet<string> = new Set([
    'viewer',
    'rateLimit',
    'costOf',
    'products',
    'timeSlots',
    'whyNot',
    'node',
    'nodes',
    'register',
    'login',
    'refreshSession',
    'logout',
    'requestPasswordReset',
    'resetPassword',
    'verifyEmail',
    'subscribeNewsletter',
    'confirmNewsletter',
    'unsubscribeNewsletter',
  ]);
  const NODES: Readonly<Record<string, readonly string[]>> = {
    'orders:read': ['Order', 'User', 'Tenant'],
    'bookings:read': ['Booking', 'Package'],
    'payments:read': ['Payment', 'Refund', 'OutcomeInquiry'],
    'invoices:read': ['Invoice'],
    'webhooks:read': ['WebhookDelivery'],
  };

  const keyWith = async (scope: string) => {
    const { createApiKey } = await world.data(
      population.owners.tenantAdmin,
      'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { secret } }',
      { input: { mode: 'TEST', scopes: [scope] } },
    );
    return { key: createApiKey.secret as string };
  };

  test.each(KEY_SCOPES)('with the scope %s alone opens what the contract says and nothing else', async (scope) => {
    const as = await keyWith(scope);
    const fields = [
      ...Object.values(schema.getQueryType()!.getFields()).map((field) => ({ kind: 'query' as const, field })),
      ...Object.values(schema.getMutationType()!.getFields()).map((field) => ({ kind: 'mutation' as const, field })),
    ];
    const opened: string[] = [];
    for (const { kind, field } of fields.filter(({ field: { name } }) => !PUBLIC.has(name))) {
      const args = Object.fromEntries(
        field.args.filter(({ type }) => isNonNullType(type)).map(({ name }) => [name, argumentFor(field.name, name)]),
      );
      const answer = await world.ask(
        as,
        documentOf(schema, { kind, field, args }, kind === 'query' ? 1 : 2).query,
        args,
      );
      const codes = [
        ...(answer.errors ?? []).map(({ extensions }) => extensions.code),
        ...(answer.data?.[field.name]?.userErrors ?? []).map(({ code }: { code: string }) => code),
      ];
      if (!codes.includes('FORBIDDEN') && !codes.includes('UNAUTHENTICATED')) opened.push(field.name);
    }
    expect(new Set(opened)).toEqual(new Set(OPENS[scope]));
    const nodes: string[] = [];
    for (const [type, id] of Object.entries(population.ids)) {
      if (type !== 'PaymentMethod' && (await world.data(as, 'query ($id: ID!) { node(id: $id) { id } }', { id })).node)
        nodes.push(type);
    }
    // The shop window is everybody's who is in the shop.
    expect(new Set(nodes)).toEqual(new Set(['Product', ...(NODES[scope] ?? [])]));
  });

  /** Right in form and without effect. */
  function argumentFor(field: string, name: string): unknown {
    if (field === 'providerUsage' && name === 'from') return new Date(Date.now() - 60_000).toISOString();
    if (name === 'from' || name === 'to') return '2026-01-01';
    if (name === 'orderId' || name === 'id') return population.ids[field === 'payment' ? 'Payment' : 'Order'];
    if (name !== 'input') return 'x';
    const none = {
      orderId: 'bm9uZQ',
      methodId: 'bm9uZQ',
      paymentId: 'bm9uZQ',
      deliveryId: 'bm9uZQ',
      apiKeyId: 'bm9uZQ',
    };
    const inputs: Readonly<Record<string, object>> = {
      createOrder: { type: 'PRODUCT', items: [] },
      issueOrder: { orderId: none.orderId },
      cancelOrder: { orderId: none.orderId },
      payOrder: { orderId: none.orderId, methodId: none.methodId },
      resolveRefund: { refundId: none.paymentId, outcome: 'DONE', reason: 'x' },
      refundPayment: { paymentId: none.paymentId, reason: 'x' },
      resolvePaymentReview: { paymentId: none.paymentId, decision: 'ACCEPT', reason: 'x' },
      replayWebhook: { deliveryId: none.deliveryId },
      liftMailSuppression: { suppressionId: none.deliveryId },
      createTenant: { slug: 'x', name: 'x', currencyCode: 'EGP' },
      createApiKey: { mode: 'TEST', scopes: ['nothing'] },
      revokeApiKey: { apiKeyId: none.apiKeyId },
      configurePaymentGateway: { gateway: 'WALLET' },
      configureEmailSender: { transport: 'SES', fromAddress: 'a@b.example' },
      setMailTemplate: { kind: 'ORDER_PAID', locale: 'en' },
      requestPasswordReset: { email: 'a@b.example' },
      subscribeNewsletter: { email: 'a@b.example' },
      resetPassword: { token: 'x', password: 'a-long-password' },
      verifyEmail: { token: 'x' },
      confirmNewsletter: { token: 'x' },
      unsubscribeNewsletter: { token: 'x' },
      adjustWallet: { customerId: 'bm9uZQ', amount: '1.00', reason: 'x' },
      createProvider: { slug: 'x' },
      updateProvider: { slug: 'x' },
      setProviderEnabled: { slug: 'x', enabled: false },
      setProviderCredential: { slug: 'x', name: 'x', value: 'x' },
      rotateProviderCredential: { slug: 'x', name: 'x', value: 'x' },
      testProviderConnection: { slug: 'x' },
      upsertProviderSlot: { vertical: 'LODGING', providerSlug: 'x', enabled: true, priority: 1 },
      deleteProviderSlot: { id: 'bm9uZQ' },
      startFaultDrill: { integration: 'x', rules: [] },
      stopFaultDrill: { integration: 'x' },
      setFeatureFlag: { key: 'blog', enabled: true },
      deleteResource: { id: 'bm9uZQ' },
      upsertResource: { code: 'x', name: 'x' },
      adjustStock: { productId: 'bm9uZQ', delta: 1, reason: 'x' },
      upsertProduct: { name: 'x', price: { amount: '1.00', currencyCode: 'EGP' }, category: 'x' },
      redeemPoints: { customerId: 'bm9uZQ', points: 1 },
      searchStays: {
        destination: 'x',
        checkIn: '2026-01-01',
        checkOut: '2026-01-02',
        occupancies: [],
        currencyCode: 'EGP',
        countryCode: 'EG',
      },
      routeProvider: { vertical: 'LODGING' },
      replayRouting: { vertical: 'LODGING', from: '2026-01-01T00:00:00Z' },
      searchFlights: { from: 'x', to: 'x', departure: '2026-01-01', adults: 1, currencyCode: 'EGP' },
      bookStay: { offerId: 'x', guests: [], contactEmail: 'a@b.example' },
      bookFlight: { offerId: 'x', passengers: [], contactEmail: 'a@b.example', contactPhone: '+201001234567' },
      bookAppointment: { productId: 'bm9uZQ', start: '2026-01-01T00:00:00Z' },
      rescheduleAppointment: { bookingId: 'bm9uZQ', start: '2026-01-01T00:00:00Z' },
      updateBusinessHours: { days: [] },
      cancelBooking: { bookingId: 'bm9uZQ' },
      updateBookingStatus: { bookingId: 'bm9uZQ', status: 'FAILED' },
      planPackage: { legs: [], contactEmail: 'a@b.example' },
      bookPackage: { legs: [], contactEmail: 'a@b.example' },
      cancelPackage: { packageId: 'bm9uZQ' },
      resolvePackage: { packageId: 'bm9uZQ', decision: 'KEEP', reason: 'x' },
    };
    return inputs[field] ?? {};
  }
});
