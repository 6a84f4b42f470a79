import type { Clock } from './clock.ts';
import type { AmountRule } from './domain/payment.ts';
import type { PaymentGateway } from './generated/prisma/enums.ts';
import type {
  GatewayClaim,
  GatewayConnection,
  GatewayMethod,
  GatewayPaymentState,
  GatewayRefund,
  GatewayRefundState,
  IncomingWebhook,
  InitiatedPayment,
  InitiateInput,
  LookUpHints,
  Outcome,
  PaymentGatewayClient,
  RefundInput,
  WebhookReading,
} from './integrations/contract.ts';
import type { IntegrationSnapshot } from './integrations/policy.ts';

/** A tenant's connection to a gateway, with what the tenant set about it. */
export interface TenantConnection extends GatewayConnection {
  readonly enabled: boolean;
  readonly amountRule: AmountRule;
}

export interface GatewayIntegration {
  readonly gateway: PaymentGateway;
  /** Behind its policy already (integrations/registry.ts). */
  readonly client: PaymentGatewayClient;
  /** What it can be paid in; absent: anything. */
  readonly currencies?: readonly string[] | undefined;
}

export interface GatewaysOptions {
  readonly clock: Clock;
  readonly integrations: readonly GatewayIntegration[];
  readonly snapshots: () => Readonly<Record<string, IntegrationSnapshot>>;
  /** The tenant's connection, decrypted; null where the tenant has none. Throws DECRYPTION_FAILED. */
  readonly connect: (tenantId: string, gateway: PaymentGateway) => Promise<TenantConnection | null>;
}

const METHODS_KEPT_MS = 300_000;
const METHODS_KEPT_MAX = 10_000;
const CALL_TIMEOUT_MS = 8_000;

interface KeptMethods {
  readonly baseUrl: string;
  readonly until: number;
  readonly methods: readonly GatewayMethod[];
}

/** The payment gateways, each behind its policy. Nothing here holds a database transaction. */
export class Gateways {
  readonly #options: GatewaysOptions;
  readonly #methods = new Map<string, KeptMethods>();

  constructor(options: GatewaysOptions) {
    this.#options = options;
  }

  /** The gateway of a webhook's path, such as fawaterk. */
  bySlug(slug: string): PaymentGateway | null {
    return this.#options.integrations.find((integration) => integration.client.slug === slug)?.gateway ?? null;
  }

  slugOf(gateway: PaymentGateway): string {
    return this.#client(gateway).slug;
  }

  get all(): readonly PaymentGateway[] {
    return this.#options.integrations.map((integration) => integration.gateway);
  }

  /** False for a currency the gateway can't be paid in, and for what is no gateway of ours. */
  takes(gateway: PaymentGateway, currencyCode: string): boolean {
    const found = this.#options.integrations.find((integration) => integration.gateway === gateway);
    return found !== undefined && (found.currencies?.includes(currencyCode) ?? true);
  }

  /** The customer pays through a form on a page of ours (GET /pay/{token}), made anew each time it is opened. */
  isPaidByForm(gateway: PaymentGateway): boolean {
    return (
      this.#options.integrations.find((integration) => integration.gateway === gateway)?.client.initiateOffline === true
    );
  }

  connect(tenantId: string, gateway: PaymentGateway): Promise<TenantConnection | null> {
    return this.#options.connect(tenantId, gateway);
  }

  /** The gateway's methods for this tenant; kept five minutes, because they change by contract and not by the hour. */
  async methods(
    tenantId: string,
    gateway: PaymentGateway,
    connection: TenantConnection,
  ): Promise<Outcome<readonly GatewayMethod[]>> {
    const key = `${tenantId}:${gateway}`;
    const now = this.#options.clock.now().getTime();
    const kept = this.#methods.get(key);
    if (kept && kept.until > now && kept.baseUrl === connection.baseUrl) return { kind: 'done', value: kept.methods };
    const outcome = await this.#client(gateway).listMethods(connection, { timeoutMs: CALL_TIMEOUT_MS });
    if (outcome.kind === 'done') {
      if (this.#methods.size >= METHODS_KEPT_MAX) this.#methods.clear();
      this.#methods.set(key, { baseUrl: connection.baseUrl, until: now + METHODS_KEPT_MS, methods: outcome.value });
    }
    return outcome;
  }

  initiate(
    gateway: PaymentGateway,
    connection: TenantConnection,
    input: InitiateInput,
  ): Promise<Outcome<InitiatedPayment>> {
    return this.#client(gateway).initiate(connection, input, { timeoutMs: CALL_TIMEOUT_MS });
  }

  /** Asks back. @param budgetMs how long the caller can wait */
  lookUp(
    gateway: PaymentGateway,
    connection: TenantConnection,
    reference: string,
    budgetMs: number,
    hints?: LookUpHints,
  ): Promise<Outcome<GatewayPaymentState>> {
    return this.#client(gateway).lookUp(connection, reference, { timeoutMs: budgetMs }, hints);
  }

  /**
   * Asks the gateway whether a delivery is its own word. `rejected`: it is not. @returns null where the gateway can't be asked that;
   * then its state is looked up.
   */
  confirm(
    gateway: PaymentGateway,
    connection: TenantConnection,
    delivery: { readonly incoming: IncomingWebhook; readonly claim: GatewayClaim },
    budgetMs: number,
  ): Promise<Outcome<GatewayPaymentState>> | null {
    const { incoming, claim } = delivery;
    return this.#client(gateway).confirm?.(connection, incoming, claim, { timeoutMs: budgetMs }) ?? null;
  }

  /** Whether this gateway gives money back by itself. */
  canRefund(gateway: PaymentGateway): boolean {
    return this.#options.integrations.some((known) => known.gateway === gateway && known.client.refund !== undefined);
  }

  refund(gateway: PaymentGateway, connection: TenantConnection, input: RefundInput): Promise<Outcome<GatewayRefund>> {
    const { refund } = this.#client(gateway);
    if (!refund) throw new Error(`${gateway} does not refund`);
    return refund(connection, input, { timeoutMs: CALL_TIMEOUT_MS });
  }

  /** What became of a refund; unknown where the gateway can't be asked. @param budgetMs how long the caller can wait */
  async lookUpRefund(
    gateway: PaymentGateway,
    connection: TenantConnection,
    refund: RefundInput & { readonly gatewayRefundReference: string | null },
    budgetMs = CALL_TIMEOUT_MS,
  ): Promise<Outcome<GatewayRefundState>> {
    const { lookUpRefund } = this.#client(gateway);
    if (!lookUpRefund) return { kind: 'unknown', detail: 'this gateway does not tell what became of a refund' };
    return lookUpRefund(connection, refund, { timeoutMs: budgetMs });
  }

  readWebhook(gateway: PaymentGateway, connection: TenantConnection, incoming: IncomingWebhook): WebhookReading {
    return this.#client(gateway).readWebhook(connection, incoming);
  }

  /** Body fields that are shown masked (decisions.md, "Webhooks"). */
  secretFields(gateway: PaymentGateway): readonly string[] {
    return this.#client(gateway).secretBodyFields;
  }

  /** What a tenant can enter for this gateway; null where we have no integration with it. */
  credentialNames(gateway: PaymentGateway): readonly string[] | null {
    return (
      this.#options.integrations.find((integration) => integration.gateway === gateway)?.client.credentialNames ?? null
    );
  }

  /** For GET /health (COM-13). */
  snapshot(): Readonly<Record<string, IntegrationSnapshot>> {
    return this.#options.snapshots();
  }

  #client(gateway: PaymentGateway): PaymentGatewayClient {
    const found = this.#options.integrations.find((integration) => integration.gateway === gateway);
    if (!found) throw new Error(`No integration for ${gateway}`);
    return found.client;
  }
}
