import { randomUUID } from 'node:crypto';

import { settleNow } from '../../src/resolvers/settlement.ts';
import type { As, TestApp } from '../helpers/app.ts';
import { Shop } from '../helpers/shop.ts';

/** How each mutation is called rightly. A new mutation without an entry here fails the proofs that go over all of them. */

export interface Desk {
  readonly world: TestApp;
  readonly shop: Shop;
  readonly callers: Readonly<Record<Caller, As>>;
}

export type Caller = 'portal' | 'customer' | 'operator' | 'tenantAdmin' | 'platformAdmin';

export interface MutationEntry {
  readonly as: Caller;
  /** What is asked of its payload: the result with its id. */
  readonly fields: string;
  /** A valid input whose effect is a new one; no two are alike. */
  readonly input: (desk: Desk) => Promise<Record<string, unknown>>;
}

export type Input = Record<string, any>;

/** A running product with somebody at every desk; the gateway sends nothing of its own accord. */
export async function openDesk(world: TestApp): Promise<Desk> {
  const shop = await Shop.open(world);
  const [admin, platform] = await Promise.all([world.session('tenantAdmin'), world.session('platformAdmin')]);
  return {
    world,
    shop,
    callers: {
      portal: { key: world.facts.portalKey },
      customer: shop.customer,
      operator: shop.operator,
      tenantAdmin: { token: admin.accessToken },
      platformAdmin: { token: platform.accessToken },
    },
  };
}

const PASSWORD = 'a password of the proofs';
const SESSION = 'session { accessToken refreshToken user { id email firstName lastName } }';
const ORDER = 'order { id status cancelReason items { description } }';
const PAYMENT = 'payment { id status }';
const TENANT = 'tenant { id slug name domain legal { addressLines taxId legalText } }';

let counter = 0;
const next = (): number => (counter += 1);
const email = () => `${randomUUID()}@proofs.example`;

async function signedIn({ world, callers }: Desk): Promise<string> {
  const input = { email: email(), password: PASSWORD };
  const { register } = await world.data(
    callers.portal,
    'mutation ($input: RegisterInput!) { register(input: $input) { session { refreshToken } } }',
    { input },
  );
  return register.session.refreshToken;
}

async function underReview({ world, shop }: Desk): Promise<string> {
  const started = await shop.started();
  const fact = { status: 'PAID', amountMinor: 10_100n, currencyCode: 'EGP' } as const;
  await settleNow(world.app, shop.scope, { paymentId: started.id, claim: null, fact, amountRule: 'EQUAL' });
  return started.paymentId;
}

async function unsettledDelivery({ world, shop }: Desk): Promise<string> {
  const started = await shop.started();
  await shop.deliver(shop.hook('paid', started.invoice));
  await shop.atGateway(started, 'pay');
  const [row] = await world.owner('select id from webhook_deliveries where payment_id = $1', [started.id]);
  return shop.node('WebhookDelivery', row.id);
}

export const MUTATIONS: Readonly<Record<string, MutationEntry>> = {
  register: {
    as: 'portal',
    fields: SESSION,
    input: async () => ({ email: email(), password: PASSWORD, firstName: 'Mona', lastName: 'Adel' }),
  },
  login: { as: 'portal', fields: SESSION, input: async ({ world }) => ({ ...world.facts.customer }) },
  refreshSession: {
    as: 'portal',
    fields: SESSION,
    input: async (desk) => ({ refreshToken: await signedIn(desk) }),
  },
  logout: { as: 'portal', fields: 'loggedOut', input: async (desk) => ({ refreshToken: await signedIn(desk) }) },
  createOrder: {
    as: 'operator',
    fields: ORDER,
    input: async ({ shop }) => shop.orderInput({ text: `Tea ${next()}` }),
  },
  issueOrder: { as: 'operator', fields: ORDER, input: async ({ shop }) => ({ orderId: await shop.draft() }) },
  cancelOrder: {
    as: 'customer',
    fields: ORDER,
    input: async ({ shop }) => ({ orderId: await shop.issued(), reason: 'changed my mind' }),
  },
  payOrder: {
    as: 'customer',
    fields: PAYMENT,
    input: async ({ shop }) => {
      const orderId = await shop.issued();
      return { orderId, methodId: await shop.methodId(orderId), returnUrl: 'https://demo.example/thanks' };
    },
  },
  resolvePaymentReview: {
    as: 'operator',
    fields: PAYMENT,
    input: async (desk) => ({ paymentId: await underReview(desk), decision: 'ACCEPT', reason: 'looked at' }),
  },
  replayWebhook: {
    as: 'operator',
    fields: 'webhookDelivery { id }',
    input: async (desk) => ({ deliveryId: await unsettledDelivery(desk), dryRun: false }),
  },
  createTenant: {
    as: 'platformAdmin',
    fields: TENANT,
    input: async () => ({
      slug: `proof-${next()}`,
      name: 'A tenant of the proofs',
      currencyCode: 'EGP',
      domain: 'shop.example.com',
      legal: { addressLines: ['1 Main Street'], taxId: '1-2-3', legalText: 'None' },
    }),
  },
  updateTenant: {
    as: 'tenantAdmin',
    fields: TENANT,
    input: async () => ({
      name: `Nile Journeys ${next()}`,
      domain: 'shop.example.com',
      legal: { addressLines: ['1 Main Street'], taxId: '1-2-3', legalText: 'None' },
    }),
  },
  updatePortalConfig: {
    as: 'tenantAdmin',
    fields: 'tenant { id portal { corsOrigins rateLimitPerMinute } }',
    input: async () => ({ rateLimitPerMinute: 1_000_000 + next(), corsOrigins: ['https://demo.example'] }),
  },
  createApiKey: {
    as: 'tenantAdmin',
    fields: 'apiKey { id scopes } secret',
    input: async () => ({
      mode: 'TEST',
      scopes: ['orders:read'],
      expiresAt: `2090-01-01T00:00:00.${String(next()).padStart(3, '0')}Z`,
    }),
  },
  revokeApiKey: {
    as: 'tenantAdmin',
    fields: 'apiKey { id }',
    input: async (desk) => {
      const { createApiKey } = await desk.world.data(
        desk.callers.tenantAdmin,
        'mutation { createApiKey(input: { mode: TEST, scopes: [] }) { apiKey { id } } }',
      );
      return { apiKeyId: createApiKey.apiKey.id };
    },
  },
  configurePaymentGateway: {
    as: 'tenantAdmin',
    fields: 'tenant { id paymentGateway { credentials { name version } } }',
    input: async () => ({
      gateway: 'FAWATERK',
      credentials: [{ name: 'PROVIDER_KEY', value: `provider key ${next()}` }],
    }),
  },
};

/** Runs a mutation as whom its entry says. */
export function perform(desk: Desk, name: string, input: Input, as?: As) {
  const entry = MUTATIONS[name]!;
  const type = `${name[0]!.toUpperCase()}${name.slice(1)}Input`;
  const document = `mutation ($input: ${type}!) { ${name}(input: $input) { ${entry.fields} userErrors { code field message details } } }`;
  return desk.world.ask(as ?? desk.callers[entry.as], document, { input });
}

/** How many rows each table has: what a mutation leaves behind, whatever it is. Left out is what is made once for all, and budgets. */
export async function traces(world: TestApp): Promise<Record<string, number>> {
  const [row] = await world.owner<{ counts: Record<string, number> }>(
    `select jsonb_object_agg(relname, (xpath('/row/c/text()', query_to_xml(format('select count(*) as c from %I', relname), false, true, '')))[1]::text::int) as counts
     from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace and relname not in ('rate_budgets', '_prisma_migrations', 'ledger_accounts', 'number_counters')`,
  );
  return row!.counts;
}

/** What became more; tables that did not are left out. */
export function grown(before: Record<string, number>, after: Record<string, number>): Record<string, number> {
  const changes = Object.entries(after).map(([table, count]) => [table, count - (before[table] ?? 0)] as const);
  return Object.fromEntries(changes.filter(([, change]) => change !== 0));
}
