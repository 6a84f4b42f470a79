import type { Clock } from '../clock.ts';
import type {
  GatewayConnection,
  OutboundSend,
  PaymentGatewayClient,
  PaymentGatewaySlug,
  Recovery,
} from './contract.ts';
import { FAWATERK_CREDENTIALS, FAWATERK_SECRET_FIELDS, createFawaterkClient } from './fawaterk/client.ts';
import { FAWATERK_CURRENCIES } from './fawaterk/money.ts';
import { PAYFAST } from './payfast/description.ts';
import { PAYU } from './payu/description.ts';
import {
  createPolicy,
  type CallObservation,
  type IntegrationPolicy,
  type IntegrationSnapshot,
  type PolicyLimits,
} from './policy.ts';

/**
 * Every outside party we know: what it is called, what it needs, where it lives, and how to make its client. The hosts
 * are data for configuration; no test and no build contacts them.
 */
export interface GatewayDescription {
  readonly slug: PaymentGatewaySlug;
  readonly kind: 'paymentGateway';
  readonly name: string;
  readonly credentialNames: readonly string[];
  /** Without these no call can be made. */
  readonly requiredCredentialNames: readonly string[];
  readonly secretBodyFields: readonly string[];
  readonly baseUrls: { readonly live: string; readonly test: string };
  /** The base URL's path on the simulators' server (simulators.ts). */
  readonly simulatorPath: string;
  /** How a lost answer of `initiate` is recovered. */
  readonly initiateRecovery: Recovery;
  /** What it can be paid in; absent: anything. */
  readonly currencies?: readonly string[];
  create(options: { readonly send: OutboundSend; readonly clock: Clock }): PaymentGatewayClient;
}

export const PAYMENT_GATEWAYS: readonly GatewayDescription[] = [
  {
    slug: 'fawaterk',
    kind: 'paymentGateway',
    name: 'Fawaterk',
    credentialNames: FAWATERK_CREDENTIALS,
    requiredCredentialNames: ['API_KEY', 'VENDOR_KEY'],
    secretBodyFields: FAWATERK_SECRET_FIELDS,
    baseUrls: { live: 'https://app.fawaterk.com/api/v2', test: 'https://staging.fawaterk.com/api/v2' },
    simulatorPath: '/fawaterk/api/v2',
    initiateRecovery: 'none',
    currencies: FAWATERK_CURRENCIES,
    create: createFawaterkClient,
  },
  PAYFAST,
  PAYU,
];

export interface IntegrationsOptions {
  readonly send: OutboundSend;
  readonly clock: Clock;
  readonly random: () => number;
  readonly observe?: (observation: CallObservation) => void;
  readonly limits?: Partial<PolicyLimits>;
  /** Absent: every one of PAYMENT_GATEWAYS. */
  readonly descriptions?: readonly GatewayDescription[];
}

export interface Integrations {
  readonly gateways: ReadonlyMap<PaymentGatewaySlug, PaymentGatewayClient>;
  gateway(slug: PaymentGatewaySlug): PaymentGatewayClient;
  /** By slug, for the `services` map of GET /health (COM-13). */
  snapshots(): Readonly<Record<string, IntegrationSnapshot>>;
}

/** Makes every client once, each behind its own policy. */
export function createIntegrations(options: IntegrationsOptions): Integrations {
  const gateways = new Map<PaymentGatewaySlug, PaymentGatewayClient>();
  const policies = new Map<string, IntegrationPolicy>();
  for (const description of options.descriptions ?? PAYMENT_GATEWAYS) {
    const policy = createPolicy({ ...options, integration: description.slug });
    policies.set(description.slug, policy);
    const client = description.create({ send: policy.watch(options.send), clock: options.clock });
    gateways.set(description.slug, withPolicy(client, policy));
  }
  return {
    gateways,
    gateway: (slug) => {
      const client = gateways.get(slug);
      if (!client) throw new Error(`No client is registered for ${slug}.`);
      return client;
    },
    snapshots: () => Object.fromEntries([...policies].map(([slug, policy]) => [slug, policy.snapshot()])),
  };
}

/**
 * Reading may be repeated; starting a payment or a refund may not, whatever the gateway answered. What asks nobody says nothing about how
 * the gateway does, and must not be kept waiting by it.
 */
function withPolicy(client: PaymentGatewayClient, policy: IntegrationPolicy): PaymentGatewayClient {
  const reading = (name: string, { baseUrl }: GatewayConnection) => ({ name, safe: true, baseUrl });
  const acting = (name: string, { baseUrl }: GatewayConnection) => ({ name, safe: false, baseUrl });
  return {
    ...client,
    ...(!client.initiateOffline && {
      listMethods: (connection, call) =>
        policy.run(reading('listMethods', connection), call, (bounded) => client.listMethods(connection, bounded)),
      initiate: (connection, input, call) =>
        policy.run(acting('initiate', connection), call, (bounded) => client.initiate(connection, input, bounded)),
    }),
    lookUp: (connection, reference, call, hints) =>
      policy.run(reading('lookUp', connection), call, (bounded) =>
        client.lookUp(connection, reference, bounded, hints),
      ),
    ...(client.confirm && {
      confirm: (connection, incoming, claim, call) =>
        policy.run(reading('confirm', connection), call, (bounded) =>
          client.confirm!(connection, incoming, claim, bounded),
        ),
    }),
    ...(client.refund && {
      refund: (connection, input, call) =>
        policy.run(acting('refund', connection), call, (bounded) => client.refund!(connection, input, bounded)),
    }),
    ...(client.lookUpRefund && {
      lookUpRefund: (connection, input, call) =>
        policy.run(reading('lookUpRefund', connection), call, (bounded) =>
          client.lookUpRefund!(connection, input, bounded),
        ),
    }),
  } satisfies PaymentGatewayClient;
}
