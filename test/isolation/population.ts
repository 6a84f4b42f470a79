import { randomUUID } from 'node:crypto';

import { PLATFORM_TENANT_ID } from '../../src/auth/platform.ts';
import { encodeGlobalId } from '../../src/global-id.ts';
import { holdLedger } from '../../src/ledger.ts';
import { logoPicture } from '../typesetting/documents.ts';
import { giveWallet } from '../helpers/wallet.ts';
import { eventually, type As, type SessionFacts, type TestApp } from '../helpers/app.ts';

/** Words that stand in tenant A's data and nowhere else: where one shows up, something leaked. */
export const CANARIES = ['Kanarienvogel', 'kanarie@victim.example', '7919.37', 'CANARYREF', 'fwk_canary'] as const;

/** What of tenant A there is to be found, and who asks for it. */
export interface Population {
  readonly tenantA: string;
  readonly tenantB: string;
  /** Global ids of A's objects by type. */
  readonly ids: Readonly<Record<string, string>>;
  readonly orderNumber: string;
  readonly invoiceNumber: string;
  /** The month that the invoice is of. */
  readonly invoiceMonth: string;
  readonly operationKey: string;
  readonly owners: Readonly<Record<'operator' | 'tenantAdmin' | 'platformInA' | 'customer', As>>;
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
  const [key] = await world.owner<{ id: string }>('select id from api_keys where tenant_id = $1 limit 1', [TENANT_A]);
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
      ApiKey: encodeGlobalId('ApiKey', key!.id),
      Tenant: encodeGlobalId('Tenant', TENANT_A),
      ...rest,
    },
    orderNumber: order.orderNumber,
    invoiceNumber: order.invoiceNumber,
    invoiceMonth: month!.month,
    operationKey: 'CANARYREF-pay',
    owners: { operator, tenantAdmin, customer, platformInA: { token: platform, tenant: world.facts.tenantSlug } },
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
  };
}
