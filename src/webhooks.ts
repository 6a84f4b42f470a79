import type { App } from './context.ts';
import type { Scope, Transaction } from './db.ts';
import type { PaymentDecision } from './domain/payment.ts';
import type { TenantConnection } from './gateways.ts';
import type { PaymentGateway, WebhookVerdict } from './generated/prisma/enums.ts';
import type { GatewayClaim, IncomingWebhook, WebhookReading } from './integrations/contract.ts';
import { settle } from './resolvers/settlement.ts';

export type Receiving = Pick<App, 'clock' | 'newId' | 'db' | 'journal' | 'log' | 'gateways' | 'vault' | 'metrics' | 'config' | 'jobs'>;

/** What is answered to the gateway. */
export interface WebhookAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

const NOT_FOUND: WebhookAnswer = { status: 404, body: { error: { code: 'NOT_FOUND', message: 'No such webhook.' } } };
const REJECTED_KEPT_PER_MINUTE = 100;

/**
 * A gateway's webhook (COM-7, COM-8; decisions.md, "Webhooks"): stored, signature, dedupe, the gateway asked back, settled, answered.
 * Nothing a body says about money is believed. @throws where the delivery can't be stored, so that the gateway comes again
 */
export async function receiveWebhook(app: Receiving, gatewaySlug: string, tenantSlug: string, incoming: IncomingWebhook): Promise<WebhookAnswer> {
  const gateway = app.gateways.bySlug(gatewaySlug);
  if (!gateway) return NOT_FOUND;
  const [found] = await app.db.lookUp<{ id: string | null }>('select find_tenant($1) as id', [tenantSlug]);
  if (!found?.id) return NOT_FOUND;
  const connection = await app.gateways.connect(found.id, gateway);
  if (!connection) return NOT_FOUND;
  const delivery = { scope: { tenantId: found.id, customerId: null }, gateway, connection, incoming, id: app.newId() };
  // Reading is pure; it comes first only so that a flood of rubbish can be counted instead of kept.
  const reading = app.gateways.readWebhook(gateway, connection, incoming);
  const answer = reading.verdict === 'OK' ? await take(app, delivery, reading.claim) : await refuse(app, delivery, reading);
  app.metrics.webhooks.inc({ gateway: gatewaySlug, verdict: String(answer.body['verdict']) });
  return answer;
}

interface Delivery {
  readonly id: string;
  readonly scope: Scope;
  readonly gateway: PaymentGateway;
  readonly connection: TenantConnection;
  readonly incoming: IncomingWebhook;
}

async function refuse(app: Receiving, delivery: Delivery, reading: Exclude<WebhookReading, { verdict: 'OK' }>): Promise<WebhookAnswer> {
  await app.db.write(delivery.scope, async (tx) => {
    const minute = new Date(Math.floor(app.clock.now().getTime() / 60_000) * 60_000);
    const { kept } = await tx.one<{ kept: number }>(
      `insert into webhook_rejections as r (tenant_id, minute, kept, counted) values (current_tenant(), $1, 1, 1)
       on conflict (tenant_id, minute) do update set kept = least(r.kept + 1, $2), counted = r.counted + 1
       returning case when counted <= $2 then counted else $2 + 1 end as kept`,
      [minute, REJECTED_KEPT_PER_MINUTE],
    );
    if (kept <= REJECTED_KEPT_PER_MINUTE) await store(app, tx, delivery, { verdict: reading.verdict, detail: reading.detail, claim: null, paymentId: null });
  });
  app.log.warn({ tenant: delivery.scope.tenantId, gateway: delivery.gateway, verdict: reading.verdict, detail: reading.detail }, 'webhook refused');
  const status = reading.verdict === 'BAD_SIGNATURE' ? 401 : 400;
  return { status, body: { status: 'refused', verdict: reading.verdict, error: { code: reading.verdict, message: 'This delivery was not accepted.' } } };
}

async function take(app: Receiving, delivery: Delivery, claim: GatewayClaim): Promise<WebhookAnswer> {
  const known = await app.db.write(delivery.scope, async (tx) => {
    const payment = await findPayment(tx, delivery.gateway, claim);
    const verdict = await firstVerdict(tx, delivery, claim, payment !== null);
    await store(app, tx, delivery, { verdict, detail: null, claim, paymentId: payment?.id ?? null });
    return { payment, verdict };
  });
  if (known.verdict !== 'RECEIVED' || !known.payment) return accepted(known.verdict);
  const outcome = await process(app, delivery, claim, known.payment);
  return accepted(outcome.verdict);
}

/** Gateways want a 200 whatever we made of it, or they would send for ever what is in the journal already. */
function accepted(verdict: WebhookVerdict): WebhookAnswer {
  return { status: 200, body: { status: verdict === 'ACCEPTED' ? 'ok' : verdict.toLowerCase(), verdict } };
}

interface FoundPayment {
  readonly id: string;
  readonly gatewayReference: string | null;
}

/** By the gateway's id, by the code the customer pays with, or by our own id as the gateway echoes it: within this tenant only. */
async function findPayment(tx: Transaction, gateway: PaymentGateway, claim: GatewayClaim): Promise<FoundPayment | null> {
  const rows = await tx.query<FoundPayment>(
    `select p.id, p.gateway_reference as "gatewayReference" from payments p
     where p.tenant_id = current_tenant() and p.gateway = $1::payment_gateway
       and (p.gateway_reference = $2 or ($3::text is not null and p.reference_code = $3) or (p.id = $4::uuid and p.gateway_reference is null))
     order by (p.gateway_reference = $2) desc nulls last limit 1`,
    [gateway, claim.gatewayReference, claim.referenceCode, uuidOrNull(claim.paymentId)],
  );
  return rows[0] ?? null;
}

function uuidOrNull(text: string | null): string | null {
  return text !== null && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text) ? text : null;
}

async function firstVerdict(tx: Transaction, delivery: Delivery, claim: GatewayClaim, found: boolean): Promise<WebhookVerdict> {
  if (!found) return 'UNKNOWN_PAYMENT';
  const before = await tx.query(
    `select 1 from webhook_deliveries where tenant_id = current_tenant() and source = $1 and dedupe_key = $2 and verdict = 'ACCEPTED' limit 1`,
    [sourceOf(delivery), claim.dedupeKey],
  );
  return before.length > 0 ? 'ALREADY_PROCESSED' : 'RECEIVED';
}

function sourceOf(delivery: Pick<Delivery, 'gateway'>): string {
  return delivery.gateway.toLowerCase();
}

/** The seal's context: a body opens for its own delivery only. */
export function bodyContext(tenantId: string, deliveryId: string): string {
  return `webhook|${tenantId}|${deliveryId}`;
}

interface Stored {
  readonly verdict: WebhookVerdict;
  readonly detail: string | null;
  readonly claim: GatewayClaim | null;
  readonly paymentId: string | null;
}

async function store(app: Receiving, tx: Transaction, delivery: Delivery, stored: Stored): Promise<void> {
  const now = app.clock.now();
  const { body, headers } = delivery.incoming;
  await tx.query(
    `insert into webhook_deliveries
       (tenant_id, id, source, received_at, verdict, detail, headers, body_sealed, body_bytes, dedupe_key, payment_id, processed_at)
     values (current_tenant(), $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    [
      delivery.id,
      sourceOf(delivery),
      now,
      stored.verdict,
      stored.detail,
      JSON.stringify(shownHeaders(headers)),
      app.vault.seal(body, bodyContext(delivery.scope.tenantId, delivery.id)),
      body.byteLength,
      stored.claim?.dedupeKey.slice(0, 400) ?? null,
      stored.paymentId,
      stored.verdict === 'RECEIVED' ? null : now,
    ],
  );
}

const MASKED_HEADERS = /^(authorization|cookie|x-api-key|proxy-authorization)$|secret|token|signature/;
const HEADERS_MAX = 64;

function shownHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const shown = Object.entries(headers).slice(0, HEADERS_MAX);
  return Object.fromEntries(shown.map(([name, value]) => [name.toLowerCase(), MASKED_HEADERS.test(name.toLowerCase()) ? '[masked]' : value.slice(0, 1000)]));
}

/** Asks the gateway back within the budget, then settles and writes the verdict in one transaction. */
async function process(app: Receiving, delivery: Delivery, claim: GatewayClaim, payment: FoundPayment): Promise<{ verdict: WebhookVerdict; decision: PaymentDecision | null }> {
  const reference = payment.gatewayReference ?? claim.gatewayReference;
  const asked =
    reference === null
      ? ({ kind: 'unknown', detail: 'no reference to ask by' } as const)
      : await app.gateways.lookUp(delivery.gateway, delivery.connection, reference, app.config.webhookConfirmBudgetMs);
  // Only the invoice that carries our own id is ours, when the gateway's id was not known to us yet (an orphan of a lost answer).
  const strange = payment.gatewayReference === null && asked.kind === 'done' && asked.value.paymentId !== payment.id;
  const fact = asked.kind === 'done' && !strange ? asked.value : null;
  const result = await app.db.write(delivery.scope, async (tx) => {
    const decision = await settle(tx, app, { paymentId: payment.id, claim, fact, amountRule: delivery.connection.amountRule });
    if (fact && payment.gatewayReference === null) await adopt(tx, payment.id, fact.gatewayReference);
    if (decision.verdict === 'UNCONFIRMED') await askAgain(app, tx, payment.id);
    await tx.query(
      `update webhook_deliveries set verdict = $2::webhook_verdict, detail = $3, processed_at = $4 where tenant_id = current_tenant() and id = $1`,
      [delivery.id, decision.verdict, decision.note, app.clock.now()],
    );
    return { verdict: decision.verdict, decision };
  });
  app.journal.wake();
  return result;
}

/** An orphan showed up: the payment whose answer was lost gets the gateway's reference after all. */
async function adopt(tx: Transaction, paymentId: string, reference: string): Promise<void> {
  await tx.query(
    'update payments set gateway_reference = $2 where tenant_id = current_tenant() and id = $1 and gateway_reference is null',
    [paymentId, reference],
  );
}

// The gateway was silent: a job goes on asking (COM-9).
async function askAgain(app: Receiving, tx: Transaction, paymentId: string): Promise<void> {
  await tx.query(
    `update payments set next_poll_at = $2, poll_attempts = 0 where tenant_id = current_tenant() and id = $1 and status in ('PENDING', 'FAILED', 'EXPIRED', 'CANCELLED')`,
    [paymentId, app.clock.now()],
  );
  await app.jobs.send(tx, 'payment.poll', { tenantId: tx.scope.tenantId, id: paymentId });
}
