import { schema } from '../../src/schema/index.ts';
import type { As, TestApp } from '../helpers/app.ts';
import { argumentsOf, documentOf } from './documents.ts';
import type { Population } from './population.ts';

/** Who may do a thing at the least, as graph.graphql says: written by hand, because a copy of src/access.ts would prove nothing. */
const RANKS = ['ANYONE', 'PORTAL', 'CUSTOMER', 'OPERATOR', 'TENANT_ADMIN', 'PLATFORM_ADMIN'] as const;
type Rank = (typeof RANKS)[number];

const LEAST: Readonly<Record<string, Rank>> = {
  node: 'CUSTOMER',
  nodes: 'CUSTOMER',
  viewer: 'PORTAL',
  rateLimit: 'PORTAL',
  costOf: 'PORTAL',
  tenant: 'CUSTOMER',
  tenants: 'PLATFORM_ADMIN',
  auditLog: 'PLATFORM_ADMIN',
  ledgerCheck: 'TENANT_ADMIN',
  systemHealth: 'OPERATOR',
  orders: 'CUSTOMER',
  order: 'CUSTOMER',
  payment: 'CUSTOMER',
  paymentMethods: 'CUSTOMER',
  invoice: 'CUSTOMER',
  invoiceArchive: 'OPERATOR',
  operation: 'CUSTOMER',
  webhookDeliveries: 'OPERATOR',
  register: 'PORTAL',
  login: 'ANYONE',
  refreshSession: 'ANYONE',
  logout: 'ANYONE',
  createTenant: 'PLATFORM_ADMIN',
  updateTenant: 'TENANT_ADMIN',
  updatePortalConfig: 'TENANT_ADMIN',
  updateLoyaltyRules: 'TENANT_ADMIN',
  adjustWallet: 'TENANT_ADMIN',
  redeemPoints: 'CUSTOMER',
  createApiKey: 'TENANT_ADMIN',
  revokeApiKey: 'TENANT_ADMIN',
  configurePaymentGateway: 'TENANT_ADMIN',
  createOrder: 'CUSTOMER',
  issueOrder: 'OPERATOR',
  cancelOrder: 'CUSTOMER',
  payOrder: 'CUSTOMER',
  refundPayment: 'OPERATOR',
  resolveRefund: 'OPERATOR',
  resolvePaymentReview: 'OPERATOR',
  replayWebhook: 'OPERATOR',
};

/** What stands below a root field and has a rule of its own. */
const BELOW: readonly {
  label: string;
  least: Rank;
  query: string;
  variables?: (population: Population) => Record<string, unknown>;
}[] = [
  {
    label: 'Tenant.portal',
    least: 'TENANT_ADMIN',
    query: '{ tenant { portal { corsOrigins rateLimitPerMinute apiKeys { prefix } } } }',
  },
  {
    label: 'Tenant.paymentGateway',
    least: 'TENANT_ADMIN',
    query: '{ tenant { paymentGateway { testMode credentials { name } } } }',
  },
  {
    label: 'Tenant.paymentGateways',
    least: 'TENANT_ADMIN',
    query: '{ tenant { paymentGateways { gateway testMode credentials { name } } } }',
  },
  {
    label: 'User.wallet',
    least: 'CUSTOMER',
    query: 'query ($id: ID!) { node(id: $id) { ... on User { wallet { balance { amount } } points { balance } } } }',
    variables: (population) => ({ id: population.ids['User'] }),
  },
  {
    label: 'a tenant switched off',
    least: 'PLATFORM_ADMIN',
    query: 'mutation { updateTenant(input: { plan: ENTERPRISE }) { tenant { id } userErrors { code } } }',
  },
  ...(
    [
      ['Order', 'CUSTOMER'],
      ['Payment', 'CUSTOMER'],
      ['Invoice', 'CUSTOMER'],
      ['Booking', 'CUSTOMER'],
      ['User', 'CUSTOMER'],
      ['Tenant', 'CUSTOMER'],
      ['WebhookDelivery', 'OPERATOR'],
      ['OutcomeInquiry', 'OPERATOR'],
      ['ApiKey', 'TENANT_ADMIN'],
    ] as const
  ).map(([type, least]) => ({
    label: `node(${type})`,
    least,
    query: 'query ($id: ID!) { node(id: $id) { id } }',
    variables: (population: Population) => ({ id: population.ids[type] }),
  })),
];

export interface RoleProof {
  readonly probes: number;
  readonly leaks: readonly string[];
}

interface Probe {
  readonly label: string;
  readonly least: Rank;
  readonly query: string;
  readonly variables: Record<string, unknown>;
}

/** Every root field as every kind of caller that ranks below what the contract asks for. */
export async function proveRoles(
  world: TestApp,
  population: Population,
  callers: Readonly<Partial<Record<Rank, As>>>,
): Promise<RoleProof> {
  const leaks: string[] = [];
  let probes = 0;
  for (const probe of allProbes(population)) {
    for (const rank of RANKS.slice(0, RANKS.indexOf(probe.least))) {
      const as = callers[rank];
      if (!as) continue;
      probes += 1;
      const answer = await world.ask(as, probe.query, probe.variables);
      if (!isRefused(answer)) leaks.push(`${probe.label} as ${rank}`);
    }
  }
  return { probes, leaks };
}

function allProbes(population: Population): Probe[] {
  const fields = [
    ...Object.values(schema.getQueryType()!.getFields()).map((field) => ({ kind: 'query' as const, field })),
    ...Object.values(schema.getMutationType()!.getFields()).map((field) => ({ kind: 'mutation' as const, field })),
  ];
  const roots = fields.map(({ kind, field }): Probe => {
    const least = LEAST[field.name];
    if (!least) throw new Error(`Say in LEAST who may use ${field.name}.`);
    const ids: Record<string, string | undefined> = {
      orderId: 'Order',
      paymentId: 'Payment',
      refundId: 'Refund',
      customerId: 'User',
      deliveryId: 'WebhookDelivery',
      apiKeyId: 'ApiKey',
      methodId: 'PaymentMethod',
    };
    const args = argumentsOf(field.args, (name) => {
      if (name === 'id')
        return field.name === 'node'
          ? population.ids['Order']
          : population.ids[
              field.name === 'payment'
                ? 'Payment'
                : field.name === 'invoice'
                  ? 'Invoice'
                  : field.name === 'tenant'
                    ? 'Tenant'
                    : 'Order'
            ];
      if (name === 'ids') return [population.ids['Order']];
      if (name === 'document') return '{ viewer { kind } }';
      return ids[name] === undefined ? undefined : population.ids[ids[name]];
    });
    return { label: field.name, least, ...documentOf(schema, { kind, field, args }, 2) } as Probe;
  });
  const below = BELOW.map(({ label, least, query, variables }) => ({
    label,
    least,
    query,
    variables: variables?.(population) ?? {},
  }));
  return [...roots, ...below];
}

function isRefused(answer: { data?: any; errors?: readonly { extensions: { code: string } }[] }): boolean {
  if (answer.errors?.some(({ extensions }) => ['UNAUTHENTICATED', 'FORBIDDEN', 'NOT_FOUND'].includes(extensions.code)))
    return true;
  const [first] = Object.values(answer.data ?? {}) as any[];
  if (first === null || (Array.isArray(first) && first.every((item) => item === null))) return true;
  return (
    first?.userErrors?.some(({ code }: { code: string }) =>
      ['FORBIDDEN', 'NOT_FOUND', 'UNAUTHENTICATED'].includes(code),
    ) ?? false
  );
}
