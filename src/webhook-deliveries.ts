import type { App } from './context.ts';
import type { Scope, Transaction } from './db.ts';
import type { TenantConnection } from './gateways.ts';
import type { PaymentGateway, WebhookVerdict } from './generated/prisma/enums.ts';
import type { GatewayClaim, IncomingWebhook } from './integrations/contract.ts';
import type { FoundPayment } from './webhook-confirmation.ts';

/** A stored delivery on its way to a verdict. */
export interface StoredDelivery {
  readonly id: string;
  readonly scope: Scope;
  readonly gateway: PaymentGateway;
  readonly connection: TenantConnection;
  readonly receivedAt: Date;
  readonly incoming: IncomingWebhook;
}

type Storing = Pick<App, 'db' | 'vault'>;

/**
 * By the code the customer pays with (only hooks whose signature covers it bear one), by the gateway's id, or by our own id as the
 * gateway echoes it: within this tenant only. Three seeks, because one condition with "or" reads every payment of the tenant,
 * as "is null" reads every one that has no reference.
 */
const FOUND = `select f.id, f.gateway_reference as "gatewayReference", f.gateway_key as "gatewayKey", f.created_at as "createdAt", f.captured_minor as "capturedMinor", f.reference_code as "referenceCode" from (
       select 1 as place, p.* from payments p where p.tenant_id = current_tenant() and p.reference_code = $3 and p.gateway = $1::payment_gateway
       union all
       select 2, p.* from payments p where p.tenant_id = current_tenant() and p.gateway_reference = $2 and p.gateway = $1::payment_gateway
       union all
       select 3, p.* from payments p where p.tenant_id = current_tenant() and p.id = $4::uuid and p.gateway = $1::payment_gateway and coalesce(p.gateway_reference, '') = ''
     ) f order by f.place, f.created_at desc limit 1`;

function foundBy(gateway: PaymentGateway, claim: GatewayClaim): unknown[] {
  return [gateway, claim.gatewayReference, claim.referenceCode, uuidOrNull(claim.paymentId)];
}

function uuidOrNull(text: string | null): string | null {
  return text !== null && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text) ? text : null;
}

/** The payment a delivery is about, or null. */
export async function findPayment(
  tx: Transaction,
  gateway: PaymentGateway,
  claim: GatewayClaim,
): Promise<FoundPayment | null> {
  const rows = await tx.query<FoundPayment>(FOUND, foundBy(gateway, claim));
  return rows[0] ?? null;
}

/** What is known of a delivery as soon as it is stored. RECEIVED: it has its payment and must be worked. */
export interface Taken {
  readonly verdict: WebhookVerdict;
  readonly payment: FoundPayment | null;
}

/**
 * Finds the payment, sees whether a delivery of the same fact moved it before, and stores the delivery: one statement, one round trip. One
 * that names no payment is found by nobody, so its key finds none either.
 *
 * The commit of a RECEIVED delivery does not wait for the disk. Nothing is answered to the gateway before the transaction behind it has
 * settled it, and that one does wait: the log is flushed in its order, so what is on disk then includes this. Should the machine stop in
 * between, the delivery may be gone; so is its process, nothing was answered, and the gateway comes again, as it does when we are down.
 * What is answered after this statement alone (ALREADY_PROCESSED, UNKNOWN_PAYMENT) waits for the disk here.
 */
const TAKE = `with found as materialized (${FOUND}),
  known as materialized (
    select f.*, (select true from webhook_deliveries d where d.tenant_id = current_tenant() and d.source = $5 and d.dedupe_key = $6
      and d.payment_id = f.id and d.verdict = 'ACCEPTED' limit 1) as settled from found f),
  stored as (
    insert into webhook_deliveries (tenant_id, id, source, received_at, verdict, headers, body_sealed, body_bytes, dedupe_key, payment_id, processed_at)
    select current_tenant(), $7::uuid, $5, $8::timestamptz, v.verdict, $9::jsonb, $10::bytea, $11::int, $6, v.id,
      case when v.verdict = 'RECEIVED' then null else $8::timestamptz end
    from (select k.id, (case when k.id is null then 'UNKNOWN_PAYMENT' when k.settled then 'ALREADY_PROCESSED' else 'RECEIVED' end)::webhook_verdict as verdict
      from (select) one left join known k on true) v
    where $12::int is null or (select t.version from tenants t where t.id = current_tenant()) = $12
    returning verdict)
  select s.verdict, case when s.verdict = 'RECEIVED' then set_config('synchronous_commit', 'off', true) end as waits, k.*
  from stored s left join known k on true`;

/**
 * @param ofVersion store it only while the tenant's settings are of this version, because the delivery was read by them; null: whatever
 * they are @returns null where they are of another, and nothing was stored
 */
export async function takeDelivery(
  app: Storing,
  delivery: StoredDelivery,
  claim: GatewayClaim,
  ofVersion: number | null,
): Promise<Taken | null> {
  const { body, headers } = delivery.incoming;
  const [row] = await app.db.writeOnce<{ verdict: WebhookVerdict } & (FoundPayment | { readonly id: null })>(
    delivery.scope,
    TAKE,
    [
      ...foundBy(delivery.gateway, claim),
      sourceOf(delivery),
      dedupeKeyOf(app, claim),
      delivery.id,
      delivery.receivedAt,
      JSON.stringify(shownHeaders(headers)),
      sealed(app, delivery),
      body.byteLength,
      ofVersion,
    ],
  );
  return row ? { verdict: row.verdict, payment: row.id === null ? null : row } : null;
}

/** Stores one that is refused. */
export function storeRefused(
  app: Storing,
  tx: Transaction,
  delivery: StoredDelivery,
  { verdict, detail }: { readonly verdict: WebhookVerdict; readonly detail: string | null },
): void {
  tx.later(
    `insert into webhook_deliveries (tenant_id, id, source, received_at, verdict, detail, headers, body_sealed, body_bytes, processed_at)
     values (current_tenant(), $1, $2, $3, $4, $5, $6, $7, $8, $3)`,
    [
      delivery.id,
      sourceOf(delivery),
      delivery.receivedAt,
      verdict,
      detail,
      JSON.stringify(shownHeaders(delivery.incoming.headers)),
      sealed(app, delivery),
      delivery.incoming.body.byteLength,
    ],
  );
}

// Keyed, because what tells two deliveries apart may be a secret itself: the id of a saved card.
function dedupeKeyOf(app: Storing, claim: GatewayClaim): string {
  return app.vault.fingerprint(`webhook ${claim.dedupeKey}`);
}

function sourceOf(delivery: Pick<StoredDelivery, 'gateway'>): string {
  return delivery.gateway.toLowerCase();
}

function sealed(app: Storing, { incoming, scope, id }: StoredDelivery): Buffer {
  return app.vault.seal(incoming.body, bodyContext(scope.tenantId, id));
}

/** The seal's context: a body opens for its own delivery only. */
export function bodyContext(tenantId: string, deliveryId: string): string {
  return `webhook|${tenantId}|${deliveryId}`;
}

const MASKED_HEADERS = /^(authorization|cookie|x-api-key|proxy-authorization)$|secret|token|signature/;
const HEADERS_MAX = 64;

export function shownHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const shown = Object.entries(headers).slice(0, HEADERS_MAX);
  return Object.fromEntries(
    shown.map(([name, value]) => [
      name.toLowerCase(),
      MASKED_HEADERS.test(name.toLowerCase()) ? '[masked]' : value.slice(0, 1000),
    ]),
  );
}
