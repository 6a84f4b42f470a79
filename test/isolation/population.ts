import { randomUUID } from 'node:crypto';

import { PLATFORM_TENANT_ID } from '../../src/auth/platform.ts';
import { encodeGlobalId } from '../../src/global-id.ts';
import { holdLedger } from '../../src/ledger.ts';
import { signOffer, type Offer } from '../../src/offers.ts';
import type { KeptPlan } from '../../src/resolvers/package-kept.ts';
import { insertMail } from './mail.ts';
import { logoPicture } from '../typesetting/documents.ts';
import { giveWallet } from '../helpers/wallet.ts';
import { insertDiary } from './diary-rows.ts';
import { eventually, type As, type SessionFacts, type TestApp } from '../helpers/app.ts';

/** Words that stand in tenant A's data and nowhere else: where one shows up, something leaked. */
export const CANARIES = [
  'Kanarienvogel',
  'kanarie@victim.example',
  '7919.37',
  '1979197937',
  'CANARYREF',
  'fwk_canary',
] as const;

/** Words of A's shop window: everybody in A's shop may read them, and nobody elsewhere. */
export const WINDOW_CANARIES = ['Schaufenstervogel', 'window-canary.example'] as const;

/** What of tenant A there is to be found, and who asks for it. */
export interface Population {
  readonly tenantA: string;
  readonly tenantB: string;
  /** Global ids of A's objects by type. */
  readonly ids: Readonly<Record<string, string>>;
  /** Signed for A. */
  readonly offers: Readonly<Record<'stay' | 'flight', string>>;
  readonly orderNumber: string;
  readonly invoiceNumber: string;
  /** The month that the invoice is of. */
  readonly invoiceMonth: string;
  /** Days with the payment among them, wherever it is. */
  readonly reportDays: { readonly from: string; readonly to: string };
  readonly operationKey: string;
  /** Before what A was routed and used. */
  readonly routedSince: string;
  /** A travel provider: the platform's own, which everybody's staff may see. */
  readonly provider: { readonly slug: string; readonly id: string };
  /** The platform's staff at home are the last to be asked: what nobody else may see is theirs. */
  readonly owners: Readonly<Record<'operator' | 'tenantAdmin' | 'platformInA' | 'customer' | 'platformAtHome', As>>;
  /** Who must see nothing of it: another tenant's people, and another customer of the same tenant. */
  readonly strangers: Readonly<Record<string, As>>;
}

const VICTIM = { email: 'kanarie@victim.example', password: 'victim-pass-9182' };
const PEER = { email: 'peer@a.example', password: 'peer-pass-9182' };

async function register(
  world: TestApp,
  key: string,
  login: { email: string; password: string },
  firstName: string,
): Promise<SessionFacts> {
  await world.data(
    { key },
    'mutation ($input: RegisterInput!) { register(input: $input) { session { user { id } } userErrors { code } } }',
    { input: { ...login, firstName, lastName: firstName } },
  );
  return world.session(login, key);
}

/** Fills tenant A so that every tenant-owned table has a row of it, through the product's own verbs where there are any. */
export async function populate(world: TestApp): Promise<Population> {
  const victim = await register(world, world.facts.portalKey, VICTIM, 'Kanarienvogel');
  const peer = await register(world, world.facts.portalKey, PEER, 'Peer');
  const operator = { token: (await world.session('operator')).accessToken };
  const tenantAdmin = { token: (await world.session('tenantAdmin')).accessToken };
  // Hundreds of probes come from the platform's staff, whose budget of a minute is for people.
  await world.owner('update portal_configs set rate_limit_per_minute = 100000 where tenant_id = $1', [
    PLATFORM_TENANT_ID,
  ]);
  const platform = (await world.session('platformAdmin')).accessToken;
  const other = await world.session(
    { ...world.facts.customer, password: passwordOfOther(world) },
    world.facts.otherPortalKey,
  );
  const customer = { token: victim.accessToken };
  // Before the order is paid, so that it earns something.
  await world.data(
    tenantAdmin,
    'mutation ($input: UpdateLoyaltyRulesInput!) { updateLoyaltyRules(input: $input) { userErrors { code } } }',
    { input: { pointsEnabled: true, pointsPerUnit: '1', cashbackEnabled: true, cashbackPercent: '1' } },
  );
  await world.data(
    tenantAdmin,
    'mutation ($input: UpdateTenantInput!) { updateTenant(input: $input) { tenant { logoSha256 } userErrors { code } } }',
    { input: { logo: logoPicture().toString('base64') } },
  );
  const order = await paidOrder(world, operator, customer, victim.userId);
  const rest = await insertTheRest(world, order.orderId, victim.userId);
  const travel = await insertTravel(world, victim.userId);
  const suppression = await insertMail(
    world,
    TENANT_A,
    Buffer.from(victim.userId, 'base64url').toString().split(':')[1]!,
  );
  await fillWindow(world, operator, tenantAdmin, order.orderId);
  const diary = await insertDiary(world, [TENANT_A, TENANT_B]);
  await world.request('POST', `/webhooks/payments/fawaterk/${world.facts.tenantSlug}?_json`, {
    headers: { 'content-type': 'application/json' },
    body: '{"rubbish":true}',
  });
  const [delivery] = await world.owner<{ id: string }>(
    'select id from webhook_deliveries where tenant_id = $1 and payment_id is not null limit 1',
    [TENANT_A],
  );
  const [month] = await world.owner<{ month: string }>(
    'select issued_month as month from invoices where tenant_id = $1 and number = $2',
    [TENANT_A, order.invoiceNumber],
  );
  // None of those that anybody calls with: it may be revoked.
  const { createApiKey } = await world.data(
    tenantAdmin,
    'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey { id } } }',
    { input: { mode: 'TEST', scopes: [] } },
  );
  return {
    tenantA: TENANT_A,
    tenantB: TENANT_B,
    ids: {
      Order: order.orderId,
      Payment: order.paymentId,
      Invoice: order.invoiceId,
      User: victim.userId,
      PaymentMethod: order.methodId,
      WebhookDelivery: encodeGlobalId('WebhookDelivery', delivery!.id),
      ApiKey: createApiKey.apiKey.id,
      Tenant: encodeGlobalId('Tenant', TENANT_A),
      ...rest,
      ProviderSlot: travel.slotId,
      ...diary,
      Package: travel.packageId,
      MailSuppression: encodeGlobalId('MailSuppression', suppression),
    },
    offers: offersOf(world),
    orderNumber: order.orderNumber,
    invoiceNumber: order.invoiceNumber,
    invoiceMonth: month!.month,
    reportDays: daysAround(world.app.clock.now()),
    operationKey: 'CANARYREF-pay',
    routedSince: new Date(world.app.clock.now().getTime() - 86_400_000).toISOString(),
    provider: travel.provider,
    owners: {
      operator,
      tenantAdmin,
      customer,
      platformInA: { token: platform, tenant: world.facts.tenantSlug },
      platformAtHome: { token: platform },
    },
    strangers: {
      "another tenant's customer": { token: other.accessToken },
      "another tenant's operator": {
        token: (
          await world.session(
            { email: 'operator@other.example', password: passwordOf(world, TENANT_B, 'operator@other.example') },
            world.facts.otherPortalKey,
          )
        ).accessToken,
      },
      "another tenant's administrator": { token: (await adminOfOther(world)).accessToken },
      'another customer of the same tenant': { token: peer.accessToken },
      'the platform at home': { token: platform },
    },
  };
}

/** The legs of a package, of what A's people were offered. */
export function legsOf({ offers }: Pick<Population, 'offers'>): readonly object[] {
  const name = { givenName: 'Ada', familyName: 'Lovelace' };
  return [
    { offerId: offers.stay, guests: [name] },
    { offerId: offers.flight, passengers: [{ ...name, birthDate: '1990-01-01' }] },
  ];
}

/** What A's people were offered. */
function offersOf({ app }: TestApp): Population['offers'] {
  const about = {
    v: 1,
    tenantId: TENANT_A,
    mode: 'SANDBOX',
    token: 'CANARYREF',
    totalMinor: '791937',
    currencyCode: 'EGP',
    countryCode: 'EG',
    locale: 'en',
    requestKey: 'CANARYREF',
    decisionId: randomUUID(),
  } as const;
  const rooms = [{ adults: 1, childAges: [] }];
  const stay = { propertyId: '1', name: 'Kanarienvogel', checkIn: '2099-01-01', checkOut: '2099-01-02' };
  const leg = { from: 'CAI', to: 'JED', departureLocal: '2099-01-01T10:00', arrivalLocal: '2099-01-01T12:00' };
  const flight = { adults: 1, children: 0, legs: [{ ...leg, carrier: 'XX', flightNumber: '1' }] };
  const sign = (offer: Offer) => signOffer(app.vault, app.clock, offer, null).id;
  return {
    stay: sign({ ...about, kind: 'STAY', providerSlug: 'expedia', stay: { ...stay, occupancies: rooms } }),
    flight: sign({ ...about, kind: 'FLIGHT', providerSlug: 'kiwi', flight }),
  };
}

function daysAround(now: Date): Population['reportDays'] {
  const [from, to] = [-2, 2].map((days) => new Date(now.getTime() + days * 86_400_000).toISOString().slice(0, 10));
  return { from: from!, to: to! };
}

export const TENANT_A = '00000000-0000-4000-8000-0000000000d1';
export const TENANT_B = '00000000-0000-4000-8000-0000000000d2';

function passwordOf(world: TestApp, tenantId: string, email: string): string {
  return world.passwordOf(tenantId, email);
}

function passwordOfOther(world: TestApp): string {
  return passwordOf(world, TENANT_B, world.facts.customer.email);
}

async function adminOfOther(world: TestApp): Promise<SessionFacts> {
  const email = 'admin@other.example';
  await register(world, world.facts.otherPortalKey, { email, password: 'other-admin-9182' }, 'Admin');
  await world.owner("update users set role = 'TENANT_ADMIN' where tenant_id = $1 and email = $2", [TENANT_B, email]);
  world.forgetSessions();
  return world.session({ email, password: 'other-admin-9182' }, world.facts.otherPortalKey);
}

interface PaidOrder {
  readonly orderId: string;
  readonly orderNumber: string;
  readonly paymentId: string;
  readonly methodId: string;
  readonly invoiceId: string;
  readonly invoiceNumber: string;
}

async function paidOrder(world: TestApp, operator: As, customer: As, customerId: string): Promise<PaidOrder> {
  const { createOrder } = await world.data(
    operator,
    'mutation ($input: CreateOrderInput!) { createOrder(input: $input) { order { id } userErrors { code } } }',
    {
      input: {
        type: 'MANUAL_INVOICE',
        customerId,
        items: [{ description: [{ locale: 'en', text: 'Kanarienvogel' }], quantity: 1, unitPrice: '7919.37' }],
      },
    },
  );
  const orderId: string = createOrder.order.id;
  const { issueOrder } = await world.data(
    operator,
    'mutation ($input: IssueOrderInput!) { issueOrder(input: $input) { order { number } userErrors { code } } }',
    { input: { orderId } },
  );
  const { paymentMethods } = await world.data(
    customer,
    'query ($id: ID!) { paymentMethods(orderId: $id) { id kind } }',
    { id: orderId },
  );
  const methodId = paymentMethods.find(({ kind }: { kind: string }) => kind === 'REDIRECT').id;
  const { payOrder } = await world.data(
    customer,
    'mutation ($input: PayOrderInput!) { payOrder(input: $input) { payment { id paymentUrl } userErrors { code } } }',
    {
      input: { orderId, methodId, idempotencyKey: 'CANARYREF-pay' },
    },
  );
  await world.simulators.act(payOrder.payment.paymentUrl, 'pay');
  const { order } = await eventually(
    () => world.data(customer, 'query ($id: ID!) { order(id: $id) { status invoice { id number } } }', { id: orderId }),
    (data) => data.order.status === 'PAID',
  );
  return {
    orderId,
    orderNumber: issueOrder.order.number,
    paymentId: payOrder.payment.id,
    methodId,
    invoiceId: order.invoice.id,
    invoiceNumber: order.invoice.number,
  };
}

/** Tables whose verbs come later, or need a fault to be written. */
async function insertTheRest(
  world: TestApp,
  orderGlobalId: string,
  userGlobalId: string,
): Promise<Record<string, string>> {
  const uuid = (globalId: string) => Buffer.from(globalId, 'base64url').toString().split(':')[1];
  const [booking, inquiry, refund] = [randomUUID(), randomUUID(), randomUUID()];
  await world.owner(
    `insert into bookings (tenant_id, id, reference, kind, status, customer_id, order_id, starts_at, ends_at, amount_minor, currency_code, guests, created_at)
     values ($1, $2, 'CANARYREF-1', 'STAY', 'CONFIRMED', $3, $4, now(), now() + interval '1 day', 791937, 'EGP', '[{"givenName":"Kanarienvogel","familyName":"X"}]', now())`,
    [TENANT_A, booking, uuid(userGlobalId), uuid(orderGlobalId)],
  );
  const [payment] = await world.owner<{ id: string }>('select id from payments where tenant_id = $1 limit 1', [
    TENANT_A,
  ]);
  await world.owner(
    "insert into inquiries (tenant_id, id, about_type, about_id, reason, resolution, created_at, resolved_at) values ($1, $2, 'Payment', $3, 'CANARYREF', 'DONE', now(), now())",
    [TENANT_A, inquiry, payment!.id],
  );
  await world.owner(
    "insert into refunds (tenant_id, id, payment_id, amount_minor, reason, target, status, requested_by, created_at, completed_at) values ($1, $2, $3, 1, 'CANARYREF', 'GATEWAY', 'REJECTED', 'x', now(), now())",
    [TENANT_A, refund, payment!.id],
  );
  await world.owner(
    "insert into rate_budgets (tenant_id, bucket, window_start, used) values ($1, 'CANARYREF', now(), 1)",
    [TENANT_A],
  );
  await world.owner(
    `insert into ledger_days (tenant_id, starts_at, ends_at, transactions, sums)
     values ($1, '2020-01-01', '2020-01-02', 1, '[{"currency":"EGP","kind":"CANARYREF","account":"WALLET","debit":791937,"credit":0}]')`,
    [TENANT_A],
  );
  const drill = randomUUID();
  await world.owner(
    `insert into fault_drills (tenant_id, id, integration, seed, rules, started_at, ends_at)
     values ($1, $2, 'payu', 'CANARYREF', '[]', now(), now() + interval '1 hour')`,
    [TENANT_A, drill],
  );
  await giveWallet(world, uuid(userGlobalId)!, 791_937n);
  await world.app.db.write({ tenantId: TENANT_A, customerId: null }, (tx) =>
    holdLedger(tx, world.app, uuid(userGlobalId)!, {
      id: randomUUID(),
      accountKind: 'WALLET',
      currencyCode: 'EGP',
      amountMinor: 1n,
      kind: 'CANARYREF',
      subjectId: randomUUID(),
      expiresAt: null,
    }),
  );
  return {
    Refund: encodeGlobalId('Refund', refund),
    Booking: encodeGlobalId('Booking', booking),
    OutcomeInquiry: encodeGlobalId('OutcomeInquiry', inquiry),
    FaultDrill: encodeGlobalId('FaultDrill', drill),
  };
}

/** A's shop window, what an order took of it, and what A has switched; B sells something, too. @returns A's product */
async function fillWindow(world: TestApp, operator: As, tenantAdmin: As, orderId: string): Promise<void> {
  const { upsertProduct } = await world.data(
    operator,
    'mutation ($input: UpsertProductInput!) { upsertProduct(input: $input) { product { id } userErrors { code } } }',
    {
      input: {
        name: 'Schaufenstervogel',
        price: { amount: '5.00', currencyCode: 'EGP' },
        category: 'birds',
        stock: 9,
        images: ['https://window-canary.example/bird.png'],
      },
    },
  );
  await world.data(
    tenantAdmin,
    'mutation ($input: SetFeatureFlagInput!) { setFeatureFlag(input: $input) { userErrors { code } } }',
    { input: { key: 'blog', enabled: true, config: { title: 'Schaufenstervogel' } } },
  );
  const uuid = (globalId: string) => Buffer.from(globalId, 'base64url').toString().split(':')[1];
  const productId: string = upsertProduct.product.id;
  await world.owner(
    'insert into stock_takings (tenant_id, order_id, product_id, quantity, taken_at) values ($1, $2, $3, 1, now())',
    [TENANT_A, uuid(orderId), uuid(productId)],
  );
  await world.owner(
    `insert into products (tenant_id, id, name, price_minor, currency_code, category, stock, created_at)
     values ($1, gen_random_uuid(), 'Of B', 100, 'EGP', 'birds', 1, now())`,
    [TENANT_B],
  );
}

/** A provider with its health; slots and package policies of everybody, of A and of B; what A was routed, used and booked. */
async function insertTravel(
  world: TestApp,
  userGlobalId: string,
): Promise<{ provider: Population['provider']; slotId: string; packageId: string }> {
  const victim = Buffer.from(userGlobalId, 'base64url').toString().split(':')[1];
  const [id, slot] = [randomUUID(), randomUUID()];
  const [slug, vertical] = ['expedia', 'LODGING'];
  const statements: [string, readonly unknown[]][] = [
    [
      `insert into providers (slug, id, name, verticals, calls_per_minute, created_at) values ($1, $2, 'Expedia', array[$3]::vertical[], 600, now())`,
      [slug, id, vertical],
    ],
    [
      `insert into provider_health (slug, state, status, circuit, error_rate, next_check_at, updated_at)
       values ($1, '{}', 'HEALTHY', 'CLOSED', 0, now() + interval '1 day', now())`,
      [slug],
    ],
    [
      `insert into provider_health_records (slug, id, at, status, circuit, error_rate) values ($1, gen_random_uuid(), now(), 'HEALTHY', 'CLOSED', 0)`,
      [slug],
    ],
    [
      `insert into provider_slots (id, tenant_id, vertical, provider_slug, priority, created_at)
       values ($1, $2, 'LODGING', $3, 1, now()), (gen_random_uuid(), $4, 'LODGING', $3, 2, now()), (gen_random_uuid(), null, 'LODGING', $3, 3, now())`,
      [slot, TENANT_A, slug, TENANT_B],
    ],
    [
      `insert into package_policies (id, tenant_id, rollback, leg_order, updated_at)
       select gen_random_uuid(), t, 'ALL_OR_NOTHING', array['LODGING']::vertical[], now() from unnest(array[$1, $2, null]::uuid[]) t`,
      [TENANT_A, TENANT_B],
    ],
    [
      `insert into routing_decisions (tenant_id, id, vertical, purpose, scope, context, candidates, decided_at)
       values ($1, gen_random_uuid(), 'LODGING', 'SEARCH', 'TENANT', '{"canary": "CANARYREF"}', '[]', now())`,
      [TENANT_A],
    ],
    [
      `insert into provider_usage (tenant_id, provider_slug, minute, calls) values ($1, $2, date_trunc('minute', now()), 1979197937)`,
      [TENANT_A, slug],
    ],
    [
      `update bookings set provider_slug = $2, provider_mode = 'SANDBOX', provider_reference = 'CANARYREF', provider_keys = '{}', phase = 'CONFIRMED',
         attempt = 1, attempt_reference = 'CANARYREF', attempted_at = now(), offer = '{"found": "CANARYREF", "checked": "CANARYREF", "checkedUntil": null, "totalMinor": "791937"}',
         contact = '{"email": "kanarie@victim.example", "phone": null, "traveller": {}, "passengers": null}'
       where tenant_id = $1`,
      [TENANT_A, slug],
    ],
  ];
  for (const [statement, values] of statements) await world.owner(statement, values);
  return {
    provider: { slug, id: encodeGlobalId('Provider', id) },
    slotId: encodeGlobalId('ProviderSlot', slot),
    packageId: encodeGlobalId('Package', await insertPackage(world, victim!, slug)),
  };
}

const PLAN: KeptPlan = {
  order: [0],
  held: [],
  onAccount: false,
  steps: [{ kind: 'BOOK', leg: 0, deadline: null, costMinor: '791937', atRiskMinor: '791937' }],
  worstCaseMinor: '791937',
  riskUntil: '2099-01-01T00:00:00.000Z',
  legs: [{ descriptions: [{ locale: 'en', text: 'Kanarienvogel' }] }],
};

/** A package that is over, with its order and its leg: whoever gets through to it changes nothing by that. */
async function insertPackage(world: TestApp, customerId: string, slug: string): Promise<string> {
  const [id, orderId] = [randomUUID(), randomUUID()];
  await world.owner(
    `insert into orders (tenant_id, id, number, type, status, payment_status, customer_id, currency_code, subtotal_minor, tax_minor, total_minor, created_at, closed_at)
     values ($1, $2, 'CANARYREF-O', 'PACKAGE', 'CANCELLED', 'UNPAID', $3, 'EGP', 791937, 0, 791937, now(), now())`,
    [TENANT_A, orderId, customerId],
  );
  await world.owner(
    `insert into packages (tenant_id, id, reference, status, customer_id, order_id, rollback, total_minor, currency_code, plan, loss_max_minor, phase, note, created_at)
     values ($1, $2, 'CANARYREF-P', 'FAILED', $3, $4, 'ALL_OR_NOTHING', 791937, 'EGP', $5, 0, 'ENDED', 'CANARYREF', now())`,
    [TENANT_A, id, customerId, orderId, JSON.stringify(PLAN)],
  );
  await world.owner(
    `insert into bookings (tenant_id, id, reference, kind, status, phase, customer_id, order_id, package_id, package_leg, starts_at, ends_at, amount_minor,
       currency_code, guests, provider_slug, provider_mode, created_at)
     values ($1, gen_random_uuid(), 'CANARYREF-2', 'STAY', 'CANCELLED', 'ENDED', $2, $3, $4, 0, now(), now() + interval '1 day', 791937,
       'EGP', '[{"givenName":"Kanarienvogel","familyName":"X"}]', $5, 'SANDBOX', now())`,
    [TENANT_A, customerId, orderId, id, slug],
  );
  return id;
}
