/**
 * The kinds of outside party and what every client of a kind offers. Wire types never leave an integration's own
 * folder; conversion to and from the shapes below is separate and pure (`map.ts`).
 */

/** Why an outside call certainly had no effect. */
export type NotDoneReason = 'rejected' | 'unavailable' | 'rateLimited' | 'misconfigured';

/**
 * How a call to an outside party ended. `unknown` may have happened: it is never retried elsewhere and never
 * reported as failure, it opens an inquiry.
 */
export type Outcome<T> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'notDone'; readonly reason: NotDoneReason; readonly detail: string; readonly retryAt?: Date }
  | { readonly kind: 'unknown'; readonly detail: string };

/** What the outbound http module answers; bodies are bounded and already read. */
export interface OutboundResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface OutboundRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Whose rate limit it spends, where no header says so. */
  readonly account?: string;
  /** How long that account is left alone after a 429 that names no time, where its vendor asks for more than is usual. */
  readonly rateLimitPauseMs?: number;
}

/**
 * Sends one request. Rejects with an OutboundFailure that says whether the request can have reached the other side.
 * Injected into every client, so that no client can open a socket by another way.
 */
export type OutboundSend = (request: OutboundRequest, call: OutboundCall) => Promise<OutboundResponse>;

export interface OutboundCall {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Largest answer body accepted, bytes. */
  readonly maxBytes?: number;
}

export type PaymentGatewaySlug = 'fawaterk' | 'payfast' | 'payu';

export interface GatewayMethod {
  /** The gateway's own id of the method, as text. */
  readonly id: string;
  readonly nameEn: string;
  readonly nameAr: string | null;
  readonly kind: 'REDIRECT' | 'REFERENCE_CODE';
  readonly logoUrl: string | null;
}

export interface InitiateInput {
  /** Our payment id: sent along so that a late answer or webhook can be matched. */
  readonly paymentId: string;
  readonly orderNumber: string;
  readonly methodId: string;
  readonly methodName: string;
  readonly amountMinor: bigint;
  readonly currencyCode: string;
  readonly customer: {
    readonly firstName: string;
    readonly lastName: string;
    readonly email: string | null;
    readonly phone: string | null;
  };
  readonly items: readonly { readonly name: string; readonly quantity: number; readonly unitPriceMinor: bigint }[];
  readonly returnUrls: { readonly success: string; readonly failure: string; readonly pending: string };
  readonly webhookUrl: string;
  readonly locale: string;
}

export interface InitiatedPayment {
  /** The gateway's id of the payment or invoice, as text. */
  readonly gatewayReference: string;
  /** The gateway's second key of the same thing where it has one (Fawaterk invoice_key). */
  readonly gatewayKey: string | null;
  readonly paymentUrl: string | null;
  readonly referenceCode: string | null;
  readonly expiresAt: Date | null;
  /**
   * For gateways that take the customer by a browser's form POST (our GET /pay/{token}), which have `initiateOffline`.
   * The fields are posted in their order, which PayFast signs: keep it.
   */
  readonly form?: PaymentForm | null;
}

export interface PaymentForm {
  readonly action: string;
  readonly fields: Readonly<Record<string, string>>;
  /**
   * Origins of the vendor's own that its answer may send the browser on to (`https://*.vendor.example`): some browsers hold a page's
   * form-action against redirects, too. The action's own origin is always among them.
   */
  readonly redirectOrigins?: readonly string[];
}

/** What the gateway says when asked back: the only source that is believed about money. */
export interface GatewayPaymentState {
  readonly gatewayReference: string;
  readonly status: 'PENDING' | 'PAID' | 'FAILED' | 'EXPIRED';
  /** Null where the gateway did not say; a PAID without amount and currency is never settled. */
  readonly amountMinor: bigint | null;
  readonly currencyCode: string | null;
  readonly paidAt: Date | null;
  /** Our payment id as the gateway echoes it, where it does. */
  readonly paymentId: string | null;
  readonly methodName: string | null;
  /** The gateway's own id of the transaction, where our reference is not it: refunds need it (pf_payment_id, mihpayid). */
  readonly gatewayKey?: string | null;
  /** What the gateway keeps of it, positive, in the same currency; null where it did not say. */
  readonly feeMinor?: bigint | null;
  /** Further successful payments the gateway holds under the same reference: money that was taken twice. */
  readonly surplus?: readonly SurplusPayment[];
}

export interface SurplusPayment {
  readonly gatewayKey: string;
  readonly amountMinor: bigint;
  readonly currencyCode: string;
}

/** What helps to find a payment at a gateway that has to be searched. */
export interface LookUpHints {
  /** When we began it: the search starts on that day. Absent, the last month is searched. */
  readonly createdAt?: Date;
  /** The gateway's id, once it is known. */
  readonly gatewayKey?: string | null;
}

export interface RefundInput {
  readonly gatewayReference: string;
  readonly gatewayKey: string | null;
  readonly paymentId: string;
  readonly refundId: string;
  readonly amountMinor: bigint;
  readonly currencyCode: string;
  readonly reason: string;
  /**
   * Sum of this payment's earlier refunds that are known to be done. A gateway without an idempotency key is
   * compared with it before anything is sent, so refunds of one payment go one at a time.
   */
  readonly refundedBeforeMinor: bigint;
  /** When the payment began, for gateways that have to be searched. */
  readonly paymentCreatedAt: Date;
}

export interface GatewayRefund {
  /** REQUESTED: taken, and settled later by webhook or poll. */
  readonly state: 'DONE' | 'REQUESTED';
  readonly gatewayRefundReference: string | null;
}

/** NOT_FOUND: the gateway certainly holds no such refund, so it may be sent (again). */
export interface GatewayRefundState {
  readonly state: 'DONE' | 'REQUESTED' | 'FAILED' | 'NOT_FOUND';
  readonly gatewayRefundReference: string | null;
}

/** What a webhook claims, after its signature was checked. A claim, not a fact: the gateway is asked back. */
export interface GatewayClaim {
  readonly kind: 'PAID' | 'PENDING' | 'FAILED' | 'EXPIRED' | 'CANCELLED' | 'REFUNDED' | 'OTHER';
  /** How to find the payment: any of these may be null. */
  readonly gatewayReference: string | null;
  readonly referenceCode: string | null;
  /**
   * True where the signature covers nothing but the reference code: a payment found by anything else is then moved by what the gateway
   * itself says of it, never by this claim.
   */
  readonly signsReferenceOnly?: true;
  readonly paymentId: string | null;
  readonly amountMinor: bigint | null;
  readonly currencyCode: string | null;
  readonly failureReason: string | null;
  /** Equal for deliveries of the same fact; unique per (tenant, gateway) once processed. */
  readonly dedupeKey: string;
}

export type WebhookReading =
  | { readonly verdict: 'OK'; readonly claim: GatewayClaim }
  | { readonly verdict: 'BAD_SIGNATURE'; readonly detail: string }
  | { readonly verdict: 'MALFORMED'; readonly detail: string };

export interface IncomingWebhook {
  readonly headers: Readonly<Record<string, string>>;
  /** The raw bytes as they came. */
  readonly body: Uint8Array;
  /**
   * The query of the address it was posted to, without the question mark. A vendor that signs nothing is told an address with a secret in
   * it: read where it comes in, never stored.
   */
  readonly query?: string;
  /** The peer's address as our own edge saw it, never a header a sender can write. */
  readonly sourceAddress?: string;
  /** A stored delivery read again: its source was judged when it came, and is not known any more. */
  readonly replay?: true;
}

/** Credentials by name, already decrypted; every gateway documents its names in its own folder. */
export type Credentials = Readonly<Record<string, string>>;

export interface GatewayConnection {
  readonly baseUrl: string;
  readonly credentials: Credentials;
  readonly testMode: boolean;
}

/**
 * How a lost answer of a call is recovered: by our own reference, by a search, or not at all
 * (decisions.md, "Transactions and outside calls").
 */
export type Recovery = 'byReference' | 'bySearch' | 'none';

/**
 * One payment gateway. Every method is bounded by the policy around it; none throws for what the gateway may
 * answer.
 */
export interface PaymentGatewayClient {
  readonly slug: PaymentGatewaySlug;
  readonly initiateRecovery: Recovery;
  /**
   * `listMethods` and `initiate` ask nobody, and `initiate` gives a form: the same for the same input, whenever it is asked. So it is
   * called again each time the customer opens our page, and what it gave before is never stored.
   */
  readonly initiateOffline?: true;
  /** Names of the credentials it needs, and of the body fields that are secret and must be masked when shown. */
  readonly credentialNames: readonly string[];
  readonly secretBodyFields: readonly string[];
  listMethods(connection: GatewayConnection, call: OutboundCall): Promise<Outcome<readonly GatewayMethod[]>>;
  initiate(connection: GatewayConnection, input: InitiateInput, call: OutboundCall): Promise<Outcome<InitiatedPayment>>;
  /** Asks the gateway for the state of a payment. Safe to repeat. */
  lookUp(
    connection: GatewayConnection,
    gatewayReference: string,
    call: OutboundCall,
    hints?: LookUpHints,
  ): Promise<Outcome<GatewayPaymentState>>;
  /**
   * Asks the gateway whether a webhook is its own word, where it offers that: then used instead of lookUp. notDone
   * `rejected` means that the gateway disowns it. Safe to repeat.
   */
  confirm?(
    connection: GatewayConnection,
    incoming: IncomingWebhook,
    claim: GatewayClaim,
    call: OutboundCall,
  ): Promise<Outcome<GatewayPaymentState>>;
  /** Gives money back. Never repeated by the policy; `unknown` is resolved by lookUpRefund. */
  refund?(connection: GatewayConnection, input: RefundInput, call: OutboundCall): Promise<Outcome<GatewayRefund>>;
  /** Asks what became of a refund. Safe to repeat. */
  lookUpRefund?(
    connection: GatewayConnection,
    refund: RefundInput & { readonly gatewayRefundReference: string | null },
    call: OutboundCall,
  ): Promise<Outcome<GatewayRefundState>>;
  /** Pure: parses the body and checks the signature against the tenant's credentials. Never throws. */
  readWebhook(connection: GatewayConnection, incoming: IncomingWebhook): WebhookReading;
}
