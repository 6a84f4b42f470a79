import { Lru } from './auth/lru.ts';
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
  /** The tenant's when it was read: every change of its settings gives it another. */
  readonly version: number;
  readonly enabled: boolean;
  readonly amountRule: AmountRule;
  /** The tenant's fault drill that its calls are part of; null where it has none. */
  readonly drill: GatewayDrill | null;
}

export interface GatewayDrill {
  readonly id: string;
  /** At the simulators. */
  readonly name: string;
  readonly endsAt: Date;
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
  /** The gateway's client for the calls of one drill: behind a policy that nobody else waits at. */
  readonly drilled: (drill: GatewayDrill, gateway: PaymentGateway) => PaymentGatewayClient;
  readonly snapshots: () => Readonly<Record<string, IntegrationSnapshot>>;
  /** The tenant's connection, decrypted; null where the tenant has none. Throws DECRYPTION_FAILED. */
  readonly connect: (tenantId: string, gateway: PaymentGateway) => Promise<TenantConnection | null>;
}

/** Connections kept in memory, of the tenants that were busy last. */
const REMEMBERED_MAX = 10_000;
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
  readonly #remembered = new Lru<string, TenantConnection>(REMEMBERED_MAX);

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

  /** As it stands. */
  async connect(tenantId: string, gateway: PaymentGateway): Promise<TenantConnection | null> {
    const connection = await this.#options.connect(tenantId, gateway);
    const key = `${tenantId}:${gateway}`;
    if (connection) this.#remembered.set(key, connection);
    else this.#remembered.delete(key);
    return connection;
  }

  /**
   * As it was when it was last read here; null where it was not. Only for work that makes sure, in its transaction, that the tenant's
   * version is still the same: then a change counts at once in every process, and nothing is read for it.
   */
  remembered(tenantId: string, gateway: PaymentGateway): TenantConnection | null {
    const known = this.#remembered.get(`${tenantId}:${gateway}`) ?? null;
    // That a drill's time is over changes nobody's version.
    return known?.drill && known.drill.endsAt <= this.#options.clock.now() ? null : known;
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
    const outcome = await this.#clientFor(gateway, connection).listMethods(connection, { timeoutMs: CALL_TIMEOUT_MS });
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
    return this.#clientFor(gateway, connection).initiate(connection, input, { timeoutMs: CALL_TIMEOUT_MS });
  }

  /** Asks back. @param budgetMs how long the caller can wait */
  lookUp(
    gateway: PaymentGateway,
    connection: TenantConnection,
    reference: string,
    budgetMs: number,
    hints?: LookUpHints,
  ): Promise<Outcome<GatewayPaymentState>> {
    return this.#clientFor(gateway, connection).lookUp(connection, reference, { timeoutMs: budgetMs }, hints);
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
    return this.#clientFor(gateway, connection).confirm?.(connection, incoming, claim, { timeoutMs: budgetMs }) ?? null;
  }

  /** Whether this gateway gives money back by itself. */
  canRefund(gateway: PaymentGateway): boolean {
    return this.#options.integrations.some((known) => known.gateway === gateway && known.client.refund !== undefined);
  }

  refund(gateway: PaymentGateway, connection: TenantConnection, input: RefundInput): Promise<Outcome<GatewayRefund>> {
    const { refund } = this.#clientFor(gateway, connection);
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
    const { lookUpRefund } = this.#clientFor(gateway, connection);
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

  #clientFor(gateway: PaymentGateway, { drill }: TenantConnection): PaymentGatewayClient {
    return drill === null ? this.#client(gateway) : this.#options.drilled(drill, gateway);
  }

  #client(gateway: PaymentGateway): PaymentGatewayClient {
    const found = this.#options.integrations.find((integration) => integration.gateway === gateway);
    if (!found) throw new Error(`No integration for ${gateway}`);
    return found.client;
  }
}
