import { randomUUID } from 'node:crypto';

import type { As } from '../helpers/app.ts';
import { rawId, type Shop } from '../helpers/shop.ts';
import { BOOKING_MUTATIONS } from './booking-mutations.ts';
import { MAIL_MUTATIONS } from './mail-mutations.ts';
import { DIARY_MUTATIONS } from './diary-mutations.ts';
import { PACKAGE_MUTATIONS } from './package-mutations.ts';
import { PERSON_MUTATIONS } from './person-mutations.ts';
import { SHOP_MUTATIONS } from './shop-mutations.ts';

/** Every mutation with a situation in which it works: for proofs that hold for all of them. */

export interface Stage {
  readonly shop: Shop;
  readonly tenantAdmin: As;
  readonly platformAdmin: As;
  readonly portal: As;
}

type Input = Readonly<Record<string, unknown>>;

export interface Situation {
  readonly input: Input;
  /** The same input but for one field. */
  readonly other: { readonly field: string; readonly value: unknown };
  /** How often it took effect: each number grows by one with each. */
  readonly effects: () => Promise<readonly number[]>;
}

export interface Mutation {
  readonly as: (stage: Stage) => As;
  readonly prepare: (stage: Stage) => Promise<Situation>;
  /** What of the answer is compared. */
  readonly answer: string;
  /** Where the key has no meaning: why, and what sending it twice comes to. */
  readonly keyIgnored?: string;
}

const numbers = async (shop: Shop, query: string, values: readonly unknown[] = []): Promise<number> =>
  Number((await shop.world.owner<{ count: string }>(query, values))[0]!.count);
const audited =
  (shop: Shop, action: string, target = shop.tenantId) =>
  async () => [
    await numbers(shop, 'select count(*) from audit_entries where tenant_id = $1 and action = $2 and target like $3', [
      shop.tenantId,
      action,
      `%:${target}`,
    ]),
  ];
const moved = (shop: Shop, type: string, globalId: string) => async () => [
  await numbers(shop, 'select count(*) from events where type = $1 and aggregate_id = $2', [type, rawId(globalId)]),
];
const operator = ({ shop }: Stage) => shop.operator;
const platformAdmin = (stage: Stage) => stage.platformAdmin;
const tenantAdmin = (stage: Stage) => stage.tenantAdmin;
const portal = (stage: Stage) => stage.portal;

const SESSION_IGNORES = 'Signing in is never repeated for anybody: a kept answer would be a kept token.';
const TENANT_ANSWER = 'tenant { id name active }';
const ORDER_ANSWER = 'order { id number status cancelReason expiresAt }';
const SESSION_ANSWER = 'session { user { id } }';

async function registered({
  shop,
  portal: as,
}: Stage): Promise<{ email: string; password: string; refreshToken: string; userId: string }> {
  const login = { email: `${randomUUID()}@keys.example`, password: 'a-long-password' };
  const { register } = await shop.world.data(
    as,
    'mutation ($input: RegisterInput!) { register(input: $input) { session { refreshToken user { id } } userErrors { code } } }',
    { input: login },
  );
  return { ...login, refreshToken: register.session.refreshToken, userId: rawId(register.session.user.id) };
}

/** Money that came too late is held under review. */
/** A refund the gateway was asked for and says nothing of, with its inquiry. */
async function lostRefund(shop: Shop, paymentId: string): Promise<string> {
  const id = randomUUID();
  await shop.world.owner(
    `insert into refunds (tenant_id, id, payment_id, amount_minor, reason, target, status, requested_by, created_at, sent_at)
     values ($1, $2, $3, 100, 'a scratch', 'GATEWAY', 'REQUESTED', 'user:x', now(), now())`,
    [shop.tenantId, id, paymentId],
  );
  await shop.world.owner(
    `insert into inquiries (tenant_id, id, about_type, about_id, reason, resolution, created_at, resolved_at)
     values ($1, gen_random_uuid(), 'Refund', $2, 'GATEWAY_SILENT', 'HANDED_TO_PERSON', now(), now())`,
    [shop.tenantId, id],
  );
  return id;
}

async function heldPayment({ shop }: Stage): Promise<string> {
  const started = await shop.started();
  await shop.world.data(
    shop.operator,
    'mutation ($input: CancelOrderInput!) { cancelOrder(input: $input) { userErrors { code } } }',
    { input: { orderId: started.orderId } },
  );
  await shop.atGateway(started, 'pay', { late: true });
  await shop.deliver(shop.hook('paid', started.invoice));
  return started.paymentId;
}

async function madeKey({ shop, tenantAdmin: as }: Stage): Promise<string> {
  const { createApiKey } = await shop.world.data(
    as,
    'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey { id } } }',
    { input: { mode: 'TEST', scopes: [] } },
  );
  return createApiKey.apiKey.id;
}

const PROVIDER_ANSWER = 'provider { slug name enabled credentials { name version } }';
const PROVIDER = 'kiwi';
/** Made anew each time: the one before goes by another name then. */
const NEW_PROVIDER = 'travelpayouts';

/** A provider that is off, with the credentials it needs. */
async function provider({ shop, platformAdmin: as }: Stage): Promise<void> {
  const steps = [
    ['createProvider', { slug: PROVIDER }],
    ['setProviderCredential', { slug: PROVIDER, name: 'API_KEY', value: 'the first' }],
    ['setProviderEnabled', { slug: PROVIDER, enabled: false }],
  ] as const;
  for (const [name, input] of steps) {
    const type = `${name[0]!.toUpperCase()}${name.slice(1)}Input`;
    const query = `mutation ($input: ${type}!) { ${name}(input: $input) { userErrors { code } } }`;
    const codes = (await shop.world.data(as, query, { input }))[name].userErrors.map(
      ({ code }: { code: string }) => code,
    );
    if (codes.length > 0 && codes[0] !== 'CONFLICT') throw new Error(`${name}: ${codes.join()}`);
  }
}

async function withoutNewProvider({ world }: Shop): Promise<void> {
  await world.owner("update providers set slug = 'gone-' || substr(id::text, 25) where slug = $1", [NEW_PROVIDER]);
}

/** Each time it is written down once: as an event, and in the audit log of the platform. */
const changed =
  ({ shop }: Stage, action: string, type = 'provider.changed') =>
  async () => [
    await numbers(shop, 'select count(*) from events where type = $1', [type]),
    await numbers(shop, 'select count(*) from audit_entries where action = $1', [action]),
  ];

/** A provider that is there with one input, and how often it was changed. */
const providerSituation =
  (action: string, input: Input, other: Situation['other']) =>
  async (stage: Stage): Promise<Situation> => {
    await provider(stage);
    return { input: { slug: PROVIDER, ...input }, other, effects: changed(stage, action) };
  };

const SLOT = { vertical: 'FLIGHTS_BOOKING', providerSlug: PROVIDER, enabled: true, priority: 5 };

async function madeSlot({ shop, platformAdmin: as }: Stage): Promise<string> {
  const { upsertProviderSlot } = await shop.world.data(
    as,
    'mutation ($input: UpsertProviderSlotInput!) { upsertProviderSlot(input: $input) { providerSlot { id } } }',
    { input: SLOT },
  );
  return upsertProviderSlot.providerSlot.id;
}

/** Of a gateway that no other situation pays by, and without effect there. */
const DRILL = { integration: 'payu', rules: [{ operation: 'nothing', fault: 'SLOW' }] };
const drills = (shop: Shop, action: string) => async () => [
  ...(await audited(shop, action)()),
  ...(action === 'drill.start' ? [await numbers(shop, 'select count(*) from fault_drills')] : []),
];

export const MUTATIONS: Readonly<Record<string, Mutation>> = {
  ...BOOKING_MUTATIONS,
  ...DIARY_MUTATIONS,
  ...PACKAGE_MUTATIONS,
  ...MAIL_MUTATIONS,
  ...PERSON_MUTATIONS,
  ...SHOP_MUTATIONS,
  createProvider: {
    as: platformAdmin,
    answer: PROVIDER_ANSWER,
    prepare: async (stage) => {
      await withoutNewProvider(stage.shop);
      return {
        input: { slug: NEW_PROVIDER },
        other: { field: 'name', value: 'Another' },
        effects: changed(stage, 'provider.create'),
      };
    },
  },
  updateProvider: {
    as: platformAdmin,
    answer: PROVIDER_ANSWER,
    prepare: providerSituation('provider.update', { name: 'Tequila' }, { field: 'name', value: 'Another' }),
  },
  setProviderEnabled: {
    as: platformAdmin,
    answer: PROVIDER_ANSWER,
    prepare: providerSituation('provider.enable', { enabled: true }, { field: 'enabled', value: false }),
  },
  setProviderCredential: {
    as: platformAdmin,
    answer: PROVIDER_ANSWER,
    prepare: providerSituation(
      'provider.credential.set',
      { name: 'API_KEY', value: 'the second' },
      { field: 'value', value: 'another' },
    ),
  },
  rotateProviderCredential: {
    as: platformAdmin,
    answer: PROVIDER_ANSWER,
    prepare: providerSituation(
      'provider.credential.rotate',
      { name: 'API_KEY', value: 'the second' },
      { field: 'value', value: 'another' },
    ),
  },
  testProviderConnection: {
    as: platformAdmin,
    answer: 'test { ok latencyMs reason testedAt }',
    prepare: providerSituation('provider.test', { mode: 'SANDBOX' }, { field: 'mode', value: 'PRODUCTION' }),
  },
  upsertProviderSlot: {
    as: platformAdmin,
    answer: 'providerSlot { id priority }',
    prepare: async (stage) => {
      await provider(stage);
      return {
        input: SLOT,
        other: { field: 'priority', value: 6 },
        effects: changed(stage, 'slot.create', 'slot.changed'),
      };
    },
  },
  deleteProviderSlot: {
    as: platformAdmin,
    answer: 'deletedId',
    prepare: async (stage) => {
      await provider(stage);
      return {
        input: { id: await madeSlot(stage) },
        other: { field: 'id', value: await madeSlot(stage) },
        effects: changed(stage, 'slot.delete', 'slot.changed'),
      };
    },
  },
  register: {
    as: portal,
    answer: SESSION_ANSWER,
    keyIgnored: SESSION_IGNORES,
    prepare: async ({ shop }) => {
      const email = `${randomUUID()}@keys.example`;
      return {
        input: { email, password: 'a-long-password' },
        other: { field: 'password', value: 'another-long-one' },
        effects: async () => [await numbers(shop, 'select count(*) from users where email = $1', [email])],
      };
    },
  },
  login: {
    as: portal,
    answer: SESSION_ANSWER,
    keyIgnored: SESSION_IGNORES,
    prepare: async (stage) => {
      const { email, password, userId } = await registered(stage);
      return {
        input: { email, password },
        other: { field: 'password', value: 'another-long-one' },
        effects: async () => [await numbers(stage.shop, 'select count(*) from sessions where user_id = $1', [userId])],
      };
    },
  },
  refreshSession: {
    as: portal,
    answer: SESSION_ANSWER,
    keyIgnored: SESSION_IGNORES,
    prepare: async (stage) => {
      const { refreshToken, userId } = await registered(stage);
      const effects = async () => [
        await numbers(
          stage.shop,
          'select count(*) from refresh_tokens r join sessions s on s.tenant_id = r.tenant_id and s.id = r.session_id where s.user_id = $1',
          [userId],
        ),
      ];
      return { input: { refreshToken }, other: { field: 'refreshToken', value: 'x' }, effects };
    },
  },
  logout: {
    as: portal,
    answer: 'loggedOut',
    keyIgnored: SESSION_IGNORES,
    prepare: async (stage) => {
      const { refreshToken, userId } = await registered(stage);
      return {
        input: { refreshToken },
        other: { field: 'refreshToken', value: 'x' },
        effects: async () => [
          await numbers(stage.shop, 'select count(*) from sessions where user_id = $1 and revoked_at is not null', [
            userId,
          ]),
        ],
      };
    },
  },
  replayWebhook: {
    as: operator,
    answer: 'webhookDelivery { id }',
    prepare: async ({ shop }) => {
      const started = await shop.started();
      await shop.deliver(shop.hook('paid', started.invoice));
      const [delivery] = await shop.world.owner<{ id: string }>(
        'select id from webhook_deliveries where payment_id = $1',
        [started.id],
      );
      await shop.atGateway(started, 'pay');
      const effects = async () => [
        (await shop.postings(started.id)).length,
        (await shop.invoices(started.orderId)).length,
      ];
      return {
        input: { deliveryId: shop.node('WebhookDelivery', delivery!.id) },
        other: { field: 'dryRun', value: true },
        effects,
      };
    },
  },
  createTenant: {
    as: ({ platformAdmin }) => platformAdmin,
    answer: TENANT_ANSWER,
    prepare: async ({ shop }) => {
      const slug = `made-${randomUUID()}`;
      return {
        input: { slug, name: 'Made', currencyCode: 'EGP' },
        other: { field: 'name', value: 'Another' },
        effects: async () => [await numbers(shop, 'select count(*) from tenants where slug = $1', [slug])],
      };
    },
  },
  updateTenant: {
    as: tenantAdmin,
    answer: TENANT_ANSWER,
    prepare: async ({ shop }) => ({
      input: { name: `Renamed ${randomUUID()}` },
      other: { field: 'name', value: 'Another' },
      effects: audited(shop, 'tenant.update'),
    }),
  },
  updatePortalConfig: {
    as: tenantAdmin,
    answer: TENANT_ANSWER,
    prepare: async ({ shop }) => ({
      input: { corsOrigins: [`https://${randomUUID()}.example`] },
      other: { field: 'corsOrigins', value: ['https://another.example'] },
      effects: audited(shop, 'portal.update'),
    }),
  },
  updateLoyaltyRules: {
    as: tenantAdmin,
    answer: 'tenant { id loyaltyRules { cashbackPendingDays redeemPointsMin } }',
    prepare: async ({ shop }) => ({
      input: { cashbackPendingDays: 7, topUpEnabled: true },
      other: { field: 'cashbackPendingDays', value: 8 },
      effects: audited(shop, 'loyalty.update'),
    }),
  },
  adjustWallet: {
    as: tenantAdmin,
    answer: 'wallet { balance { amount } transactions(first: 1) { nodes { id } } }',
    prepare: async ({ shop }) => ({
      input: { customerId: shop.customerId, amount: '0.01', reason: 'a broken cup' },
      other: { field: 'amount', value: '-0.01' },
      effects: async () => [
        ...(await audited(shop, 'wallet.adjust', rawId(shop.customerId))()),
        await numbers(shop, "select count(*) from ledger_transactions where tenant_id = $1 and kind = 'ADJUSTMENT'", [
          shop.tenantId,
        ]),
      ],
    }),
  },
  redeemPoints: {
    as: ({ shop }) => shop.customer,
    answer: 'points { balance transactions(first: 1) { nodes { id } } }',
    prepare: async (stage) => {
      const { shop } = stage;
      await shop.world.data(
        stage.tenantAdmin,
        'mutation ($input: UpdateLoyaltyRulesInput!) { updateLoyaltyRules(input: $input) { userErrors { code } } }',
        { input: { pointsEnabled: true, pointsPerUnit: '1', redemptionRate: '0.01' } },
      );
      await shop.paid(await shop.started());
      return {
        input: { points: 5 },
        other: { field: 'points', value: 6 },
        effects: async () =>
          Promise.all(
            ['POINTS_REDEEMED', 'REDEMPTION'].map((kind) =>
              numbers(shop, 'select count(*) from ledger_transactions where tenant_id = $1 and kind = $2', [
                shop.tenantId,
                kind,
              ]),
            ),
          ),
      };
    },
  },
  startFaultDrill: {
    as: tenantAdmin,
    answer: 'faultDrill { id integration startedAt endsAt }',
    prepare: async ({ shop }) => ({
      input: DRILL,
      other: { field: 'minutes', value: 5 },
      effects: drills(shop, 'drill.start'),
    }),
  },
  stopFaultDrill: {
    as: tenantAdmin,
    answer: 'faultDrill { id endedAt }',
    prepare: async ({ shop, tenantAdmin: as }) => {
      await shop.world.data(
        as,
        'mutation ($input: StartFaultDrillInput!) { startFaultDrill(input: $input) { userErrors { code } } }',
        { input: DRILL },
      );
      return {
        input: { integration: DRILL.integration },
        other: { field: 'integration', value: 'payfast' },
        effects: drills(shop, 'drill.stop'),
      };
    },
  },
  createApiKey: {
    as: tenantAdmin,
    answer: 'apiKey { id prefix scopes }',
    prepare: async ({ shop }) => ({
      input: { mode: 'TEST', scopes: ['orders:read'] },
      other: { field: 'scopes', value: [] },
      effects: async () => [await numbers(shop, 'select count(*) from api_keys where tenant_id = $1', [shop.tenantId])],
    }),
  },
  revokeApiKey: {
    as: tenantAdmin,
    answer: 'apiKey { id revokedAt }',
    prepare: async (stage) => {
      const apiKeyId = await madeKey(stage);
      return {
        input: { apiKeyId },
        other: { field: 'apiKeyId', value: await madeKey(stage) },
        effects: audited(stage.shop, 'key.revoke', rawId(apiKeyId)),
      };
    },
  },
  configurePaymentGateway: {
    as: tenantAdmin,
    answer: TENANT_ANSWER,
    prepare: async ({ shop }) => ({
      input: { gateway: 'FAWATERK', credentials: [{ name: 'PROVIDER_KEY', value: `key-${randomUUID()}` }] },
      other: { field: 'testMode', value: true },
      effects: async () => [
        ...(await audited(shop, 'gateway.configure')()),
        await numbers(shop, 'select count(*) from credentials where tenant_id = $1', [shop.tenantId]),
      ],
    }),
  },
  createOrder: {
    as: operator,
    answer: ORDER_ANSWER,
    prepare: async ({ shop }) => ({
      input: shop.orderInput(),
      other: { field: 'items', value: shop.orderInput({ quantity: 2 }).items },
      effects: async () => [await numbers(shop, 'select count(*) from orders')],
    }),
  },
  issueOrder: {
    as: operator,
    answer: ORDER_ANSWER,
    prepare: async ({ shop }) => {
      const orderId = await shop.draft();
      return {
        input: { orderId },
        other: { field: 'expiresAt', value: '2099-01-01T00:00:00Z' },
        effects: async () => [
          ...(await moved(shop, 'order.status', orderId)()),
          await numbers(shop, "select last as count from number_counters where tenant_id = $1 and kind = 'ORDER'", [
            shop.tenantId,
          ]),
        ],
      };
    },
  },
  cancelOrder: {
    as: operator,
    answer: ORDER_ANSWER,
    prepare: async ({ shop }) => {
      const orderId = await shop.issued();
      return {
        input: { orderId, reason: 'changed my mind' },
        other: { field: 'reason', value: 'another' },
        effects: moved(shop, 'order.status', orderId),
      };
    },
  },
  payOrder: {
    as: ({ shop }) => shop.customer,
    answer: 'payment { id status paymentUrl referenceCode }',
    prepare: async ({ shop }) => {
      const orderId = await shop.issued();
      const methodId = await shop.methodId(orderId);
      const effects = async () => [
        await numbers(shop, 'select count(*) from payments where order_id = $1', [rawId(orderId)]),
        (await shop.world.simulators.book(shop.account)).invoices.length,
      ];
      return {
        input: { orderId, methodId },
        other: { field: 'methodId', value: await shop.methodId(orderId, 'REFERENCE_CODE') },
        effects,
      };
    },
  },
  refundPayment: {
    as: operator,
    answer: 'payment { id status refunded { amount } }',
    prepare: async (stage) => {
      const started = await stage.shop.started();
      await stage.shop.paid(started);
      const { paymentId } = started;
      return {
        input: { paymentId, amount: '1.00', reason: 'a scratch', to: 'WALLET' },
        other: { field: 'amount', value: '2.00' },
        effects: async () => [
          await numbers(stage.shop, 'select count(*) from refunds where payment_id = $1', [rawId(paymentId)]),
          (await numbers(stage.shop, 'select refunded_minor as count from payments where id = $1', [
            rawId(paymentId),
          ])) / 100,
        ],
      };
    },
  },
  resolveRefund: {
    as: operator,
    answer: 'payment { id status refunded { amount } }',
    prepare: async (stage) => {
      const { shop } = stage;
      const started = await shop.started();
      await shop.paid(started);
      const id = await lostRefund(shop, rawId(started.paymentId));
      return {
        input: { refundId: shop.node('Refund', id), outcome: 'DONE', reason: "the vendor's books show it" },
        other: { field: 'reason', value: 'another' },
        effects: async () => [
          await numbers(shop, "select count(*) from refunds where id = $1 and status = 'DONE'", [id]),
          await numbers(shop, "select count(*) from audit_entries where action = 'refund.resolve' and target = $1", [
            `Refund:${id}`,
          ]),
        ],
      };
    },
  },
  resolvePaymentReview: {
    as: operator,
    answer: 'payment { id status reviewReason }',
    prepare: async (stage) => {
      const paymentId = await heldPayment(stage);
      return {
        input: { paymentId, decision: 'REFUND', reason: 'came too late' },
        other: { field: 'reason', value: 'another' },
        effects: async () => [
          await numbers(stage.shop, 'select count(*) from refunds where payment_id = $1', [rawId(paymentId)]),
        ],
      };
    },
  },
};
