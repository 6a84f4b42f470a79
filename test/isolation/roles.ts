import { schema } from '../../src/schema/index.ts';
import { headersOf, type As, type TestApp } from '../helpers/app.ts';
import { argumentsOf, documentOf } from './documents.ts';
import { legsOf, type Population } from './population.ts';

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
  faultDrills: 'TENANT_ADMIN',
  startFaultDrill: 'TENANT_ADMIN',
  stopFaultDrill: 'TENANT_ADMIN',
  providers: 'OPERATOR',
  provider: 'OPERATOR',
  providerSlots: 'TENANT_ADMIN',
  routeProvider: 'OPERATOR',
  routingDecisions: 'OPERATOR',
  replayRouting: 'PLATFORM_ADMIN',
  providerUsage: 'OPERATOR',
  createProvider: 'PLATFORM_ADMIN',
  updateProvider: 'PLATFORM_ADMIN',
  setProviderEnabled: 'PLATFORM_ADMIN',
  setProviderCredential: 'PLATFORM_ADMIN',
  rotateProviderCredential: 'PLATFORM_ADMIN',
  testProviderConnection: 'PLATFORM_ADMIN',
  upsertProviderSlot: 'PLATFORM_ADMIN',
  deleteProviderSlot: 'PLATFORM_ADMIN',
  products: 'PORTAL',
  upsertProduct: 'OPERATOR',
  adjustStock: 'OPERATOR',
  resources: 'OPERATOR',
  upsertResource: 'OPERATOR',
  deleteResource: 'OPERATOR',
  setFeatureFlag: 'TENANT_ADMIN',
  orders: 'CUSTOMER',
  order: 'CUSTOMER',
  payment: 'CUSTOMER',
  paymentMethods: 'CUSTOMER',
  invoice: 'CUSTOMER',
  invoiceArchive: 'OPERATOR',
  moneyReport: 'OPERATOR',
  operation: 'CUSTOMER',
  webhookDeliveries: 'OPERATOR',
  register: 'PORTAL',
  login: 'ANYONE',
  refreshSession: 'ANYONE',
  logout: 'ANYONE',
  requestPasswordReset: 'ANYONE',
  resetPassword: 'ANYONE',
  verifyEmail: 'ANYONE',
  requestEmailVerification: 'CUSTOMER',
  subscribeNewsletter: 'PORTAL',
  confirmNewsletter: 'PORTAL',
  unsubscribeNewsletter: 'PORTAL',
  eraseCustomer: 'CUSTOMER',
  mailSuppressions: 'OPERATOR',
  liftMailSuppression: 'OPERATOR',
  resumeMarketing: 'OPERATOR',
  exportCustomer: 'CUSTOMER',
  configureEmailSender: 'TENANT_ADMIN',
  verifyEmailSender: 'TENANT_ADMIN',
  setMailTemplate: 'TENANT_ADMIN',
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
  searchStays: 'CUSTOMER',
  searchFlights: 'CUSTOMER',
  bookings: 'CUSTOMER',
  booking: 'CUSTOMER',
  bookStay: 'CUSTOMER',
  bookFlight: 'CUSTOMER',
  cancelBooking: 'CUSTOMER',
  updateBookingStatus: 'OPERATOR',
  timeSlots: 'PORTAL',
  whyNot: 'PORTAL',
  bookAppointment: 'CUSTOMER',
  rescheduleAppointment: 'CUSTOMER',
  updateBusinessHours: 'TENANT_ADMIN',
  updateBookingRules: 'TENANT_ADMIN',
  packages: 'CUSTOMER',
  package: 'CUSTOMER',
  planPackage: 'CUSTOMER',
  bookPackage: 'CUSTOMER',
  cancelPackage: 'CUSTOMER',
  resolvePackage: 'OPERATOR',
  updatePackagePolicy: 'TENANT_ADMIN',
};

const tomorrow = (): string => new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);

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
    label: 'Tenant.emailSender',
    least: 'TENANT_ADMIN',
    query: '{ tenant { emailSender { fromAddress credentials { name } } } }',
  },
  {
    label: 'Tenant.mailTemplates',
    least: 'TENANT_ADMIN',
    query: '{ tenant { mailTemplates { subject } } }',
  },
  {
    label: 'Tenant.mailCounts',
    least: 'TENANT_ADMIN',
    query: '{ tenant { mailCounts { count } } }',
  },
  {
    label: 'Tenant.marketingPause',
    least: 'OPERATOR',
    query: '{ tenant { marketingPause { mails } } }',
  },
  {
    label: 'Tenant.paymentGateways',
    least: 'TENANT_ADMIN',
    query: '{ tenant { paymentGateways { gateway testMode credentials { name } } } }',
  },
  {
    label: 'Tenant.slots',
    least: 'TENANT_ADMIN',
    query: '{ tenant { slots { nodes { id } } } }',
  },
  {
    label: 'Tenant.packagePolicy',
    least: 'CUSTOMER',
    query: '{ tenant { packagePolicy { rollback legOrder scope } } }',
  },
  {
    label: 'Tenant.featureFlags',
    least: 'CUSTOMER',
    query: '{ tenant { featureFlags { key enabled config } } }',
  },
  {
    label: 'Tenant.products',
    least: 'CUSTOMER',
    query: '{ tenant { products { nodes { id } } } }',
  },
  {
    label: 'Provider.slots',
    least: 'TENANT_ADMIN',
    query: 'query ($slug: String!) { provider(slug: $slug) { slots { nodes { id } } } }',
    variables: ({ provider }) => ({ slug: provider.slug }),
  },
  ...['settings { name }', 'baseUrls { sandbox }', 'connectionTests { sandbox { ok } }', 'credentials { name }'].map(
    (field) => ({
      label: `Provider.${field}`,
      least: 'PLATFORM_ADMIN' as const,
      query: `query ($slug: String!) { provider(slug: $slug) { ${field} } }`,
      variables: ({ provider }: Population) => ({ slug: provider.slug }),
    }),
  ),
  {
    label: 'RoutingDecision.candidates',
    least: 'OPERATOR',
    query:
      'query ($input: FlightSearchInput!) { searchFlights(input: $input) { decision { candidates { accepted } } } }',
    variables: () => ({ input: { from: 'CAI', to: 'JED', departure: tomorrow(), adults: 1, currencyCode: 'EGP' } }),
  },
  {
    label: 'node(Provider)',
    least: 'OPERATOR',
    query: 'query ($id: ID!) { node(id: $id) { id } }',
    variables: ({ provider }) => ({ id: provider.id }),
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
      ['Product', 'PORTAL'],
      ['Order', 'CUSTOMER'],
      ['Payment', 'CUSTOMER'],
      ['Invoice', 'CUSTOMER'],
      ['Booking', 'CUSTOMER'],
      ['Package', 'CUSTOMER'],
      ['User', 'CUSTOMER'],
      ['Tenant', 'CUSTOMER'],
      ['WebhookDelivery', 'OPERATOR'],
      ['OutcomeInquiry', 'OPERATOR'],
      ['ApiKey', 'TENANT_ADMIN'],
      ['ProviderSlot', 'TENANT_ADMIN'],
      ['FaultDrill', 'TENANT_ADMIN'],
      ['MailSuppression', 'OPERATOR'],
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

/** May leave probes out, and hears when one has been answered. */
export interface Watcher {
  readonly wants?: (label: string) => boolean;
  readonly asked?: (label: string) => void;
}

/** Every root field as every kind of caller that ranks below what the contract asks for. */
export async function proveRoles(
  world: TestApp,
  population: Population,
  callers: Readonly<Partial<Record<Rank, As>>>,
  watcher: Watcher = {},
): Promise<RoleProof> {
  const leaks: string[] = [];
  let probes = 0;
  proofs += 1;
  const before = await written(world);
  for (const probe of allProbes(population)) {
    if (watcher.wants && !watcher.wants(probe.label)) continue;
    for (const rank of RANKS.slice(0, RANKS.indexOf(probe.least))) {
      const as = callers[rank];
      if (!as) continue;
      probes += 1;
      const answer = await askFrom(world, `198.51.100.${proofs % 250}`, as, probe);
      if (!isRefused(answer)) leaks.push(`${probe.label} as ${rank}`);
    }
    watcher.asked?.(probe.label);
  }
  // Also where the answer is a refusal, because what came of it may not be read.
  if ((await written(world)) !== before) leaks.push('something was done');
  return { probes, leaks };
}

async function written(world: TestApp): Promise<string> {
  const [row] = await world.owner<{ count: string }>(
    'select concat((select count(*) from events), (select count(*) from audit_entries)) as count',
  );
  return row!.count;
}

let proofs = 0;

/** Callers without credentials are bounded by their address: each proof comes from another, where the app believes what it is told. */
async function askFrom(world: TestApp, address: string, as: As, { query, variables }: Probe): Promise<Answer> {
  const { text } = await world.request('POST', '/graphql', {
    headers: { 'content-type': 'application/json', 'x-forwarded-for': address, ...headersOf(as) },
    body: JSON.stringify({ query, variables }),
  });
  return JSON.parse(text) as Answer;
}

interface Answer {
  readonly data?: any;
  readonly errors?: readonly { readonly extensions: { readonly code: string } }[];
}

/** KEY_REVOKED: while a rule was dropped, somebody took the chance. */
const REFUSALS = ['UNAUTHENTICATED', 'FORBIDDEN', 'NOT_FOUND', 'KEY_REVOKED', 'TENANT_INACTIVE'];

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
      bookingId: 'Booking',
      productId: 'Product',
      packageId: 'Package',
      suppressionId: 'MailSuppression',
    };
    const args = argumentsOf(field.args, (name) => {
      if (['upsertProviderSlot', 'upsertProduct', 'upsertResource'].includes(field.name) && name === 'id')
        return undefined;
      if (field.name === 'deleteResource' && name === 'id') return population.ids['Resource'];
      if (field.name === 'setFeatureFlag' && name === 'key') return 'blog';
      if (field.name === 'deleteProviderSlot' && name === 'id') return population.ids['ProviderSlot'];
      if (name === 'providerSlug' || (name === 'slug' && /provider/i.test(field.name))) return population.provider.slug;
      if (name === 'id')
        return field.name === 'node'
          ? population.ids['Order']
          : population.ids[
              field.name === 'payment'
                ? 'Payment'
                : field.name === 'booking'
                  ? 'Booking'
                  : field.name === 'package'
                    ? 'Package'
                    : field.name === 'invoice'
                      ? 'Invoice'
                      : field.name === 'tenant'
                        ? 'Tenant'
                        : 'Order'
            ];
      if (name === 'legs') return legsOf(population);
      if (name === 'contactPhone') return '+201001234567';
      if (name === 'offerId') return population.offers[field.name === 'bookFlight' ? 'flight' : 'stay'];
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

function isRefused(answer: Answer): boolean {
  const codes = answer.errors?.map(({ extensions }) => extensions.code) ?? [];
  if (codes.includes('RATE_LIMITED')) throw new Error('A probe was refused unasked, and proves nothing.');
  if (codes.some((code) => REFUSALS.includes(code))) return true;
  const [first] = Object.values(answer.data ?? {}) as any[];
  if (first === null || (Array.isArray(first) && first.every((item) => item === null))) return true;
  return first?.userErrors?.some(({ code }: { code: string }) => REFUSALS.includes(code)) ?? false;
}
