import type { App } from './context.ts';
import type { Scope, Transaction } from './db.ts';
import { AppError } from './errors.ts';
import type { PaymentGateway, WebhookVerdict } from './generated/prisma/enums.ts';
import type { GatewayClaim, IncomingWebhook, WebhookReading } from './integrations/contract.ts';
import { settleByGateway } from './resolvers/gateway-transaction.ts';
import { askBack, type AskedBack, type FoundPayment } from './webhook-confirmation.ts';
import { bodyContext, findPayment, storeRefused, takeDelivery, type StoredDelivery } from './webhook-deliveries.ts';
import { askAboutRefund, settleRefundHook } from './webhook-refunds.ts';

export type Receiving = Pick<
  App,
  'clock' | 'newId' | 'db' | 'journal' | 'log' | 'gateways' | 'vault' | 'metrics' | 'config' | 'jobs'
>;

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
export async function receiveWebhook(
  app: Receiving,
  gatewaySlug: string,
  tenantSlug: string,
  incoming: IncomingWebhook,
): Promise<WebhookAnswer> {
  const gateway = app.gateways.bySlug(gatewaySlug);
  if (!gateway) return NOT_FOUND;
  const found = await app.db.lookUpOnce<{ id: string | null }>(
    'select find_tenant($1) as id',
    [tenantSlug],
    ({ id }) => id !== null,
  );
  if (!found?.id) return NOT_FOUND;
  const scope = { tenantId: found.id, customerId: null };
  const delivery = { scope, gateway, incoming, id: app.newId(), receivedAt: app.clock.now() };
  const answer = (await takeByRemembered(app, delivery)) ?? (await takeByRead(app, delivery));
  if (answer) app.metrics.webhooks.inc({ gateway: gatewaySlug, verdict: String(answer.body['verdict']) });
  return answer ?? NOT_FOUND;
}

type Delivered = Omit<StoredDelivery, 'connection'>;

// Reading is pure; it comes before the storing only so that a flood of rubbish can be counted instead of kept.

/** By the connection as this process knows it. @returns null where it knows none, or today's may say otherwise */
async function takeByRemembered(app: Receiving, delivery: Delivered): Promise<WebhookAnswer | null> {
  const connection = app.gateways.remembered(delivery.scope.tenantId, delivery.gateway);
  const reading = connection && app.gateways.readWebhook(delivery.gateway, connection, delivery.incoming);
  if (reading?.verdict !== 'OK') return null;
  return take(app, { ...delivery, connection: connection! }, reading.claim, connection!.version);
}

/** By the connection as it stands. @returns null where there is none */
async function takeByRead(app: Receiving, delivery: Delivered): Promise<WebhookAnswer | null> {
  const connection = await app.gateways.connect(delivery.scope.tenantId, delivery.gateway);
  if (!connection) return null;
  const reading = app.gateways.readWebhook(delivery.gateway, connection, delivery.incoming);
  const stored = { ...delivery, connection };
  return reading.verdict === 'OK' ? take(app, stored, reading.claim, null) : refuse(app, stored, reading);
}

async function refuse(
  app: Receiving,
  delivery: StoredDelivery,
  reading: Exclude<WebhookReading, { verdict: 'OK' }>,
): Promise<WebhookAnswer> {
  await app.db.write(delivery.scope, async (tx) => {
    const minute = new Date(Math.floor(app.clock.now().getTime() / 60_000) * 60_000);
    const { kept } = await tx.one<{ kept: number }>(
      `insert into webhook_rejections as r (tenant_id, minute, kept, counted) values (current_tenant(), $1, 1, 1)
       on conflict (tenant_id, minute) do update set kept = least(r.kept + 1, $2), counted = r.counted + 1
       returning case when counted <= $2 then counted else $2 + 1 end as kept`,
      [minute, REJECTED_KEPT_PER_MINUTE],
    );
    if (kept <= REJECTED_KEPT_PER_MINUTE) storeRefused(app, tx, delivery, reading);
  });
  app.log.warn(
    { tenant: delivery.scope.tenantId, gateway: delivery.gateway, verdict: reading.verdict, detail: reading.detail },
    'webhook refused',
  );
  const status = reading.verdict === 'BAD_SIGNATURE' ? 401 : 400;
  return {
    status,
    body: {
      status: 'refused',
      verdict: reading.verdict,
      error: { code: reading.verdict, message: 'This delivery was not accepted.' },
    },
  };
}

/** @returns null where the delivery was read by settings of another version than the tenant's */
async function take(
  app: Receiving,
  delivery: StoredDelivery,
  claim: GatewayClaim,
  ofVersion: number | null,
): Promise<WebhookAnswer | null> {
  const taken = await takeDelivery(app, delivery, claim, ofVersion);
  if (taken?.verdict !== 'RECEIVED' || !taken.payment) return taken && accepted(taken.verdict);
  const outcome = await process(app, delivery, claim, taken.payment);
  return accepted(outcome.verdict);
}

/** Gateways want a 200 whatever we made of it, or they would send for ever what is in the journal already. */
function accepted(verdict: WebhookVerdict): WebhookAnswer {
  return { status: 200, body: { status: verdict === 'ACCEPTED' ? 'ok' : verdict.toLowerCase(), verdict } };
}

async function process(
  app: Receiving,
  delivery: StoredDelivery,
  claim: GatewayClaim,
  payment: FoundPayment,
): Promise<DeliveryOutcome> {
  let settled: (tx: Transaction) => Promise<DeliveryOutcome>;
  if (isAboutRefund(claim, payment)) {
    const asked = await askAboutRefund(app, delivery, claim, payment);
    settled = async (tx) => writeVerdict(app, tx, delivery, await settleRefundHook(app, tx, payment, asked));
  } else {
    const asked = await askBack(app, delivery, claim, payment);
    settled = (tx) => settleDelivery(app, tx, delivery, { claim, payment, asked });
  }
  const outcome = await app.db.write(delivery.scope, settled);
  app.journal.wake();
  return outcome;
}

/** Money that never was ours can't be given back by us: such a word is about the payment, and asked back as any other (spec 3.6, autoRefund). */
export function isAboutRefund(claim: GatewayClaim, payment: FoundPayment): boolean {
  return claim.kind === 'REFUNDED' && payment.capturedMinor > 0n;
}

export interface DeliveryOutcome {
  readonly verdict: WebhookVerdict;
  /** Nothing but this delivery knows where to ask: it stays open and is worked again. */
  readonly open: boolean;
}

/** Settles and writes the verdict in one transaction. */
export async function settleDelivery(
  app: Receiving,
  tx: Transaction,
  delivery: StoredDelivery,
  { claim, payment, asked }: { claim: GatewayClaim; payment: FoundPayment; asked: AskedBack },
): Promise<DeliveryOutcome> {
  if (asked.strange)
    return writeVerdict(app, tx, delivery, {
      verdict: 'MISMATCH',
      note: asked.strange,
      open: false,
    });
  const decision = await settleByGateway(tx, app, {
    paymentId: payment.id,
    claim: believable(claim, payment),
    fact: asked.fact,
    amountRule: delivery.connection.amountRule,
  });
  const orphan = payment.gatewayReference === null;
  if (asked.fact && orphan) adopt(tx, payment.id, asked.fact.gatewayReference);
  if (decision.verdict === 'UNCONFIRMED') await askAgain(app, tx, payment.id);
  else if (claim.kind === 'PAID' && decision.verdict === 'MISMATCH') await askSoon(app, tx, payment.id);
  const open =
    orphan &&
    asked.silent &&
    decision.verdict === 'UNCONFIRMED' &&
    claim.gatewayReference !== null &&
    app.clock.now().getTime() - delivery.receivedAt.getTime() < OPEN_AT_MOST_MS;
  return writeVerdict(app, tx, delivery, { verdict: decision.verdict, note: decision.note, open });
}

/** What of a claim may count: a word whose signature does not say which payment it is about is a reason to ask, and no more. */
export function believable(claim: GatewayClaim, payment: FoundPayment): GatewayClaim {
  const { signsReferenceOnly, referenceCode } = claim;
  if (!signsReferenceOnly || referenceCode === payment.referenceCode || referenceCode === payment.gatewayReference)
    return claim;
  return { ...claim, kind: 'OTHER' };
}

const OPEN_AT_MOST_MS = 72 * 3_600_000;

export function writeVerdict(
  app: Receiving,
  tx: Transaction,
  delivery: Pick<StoredDelivery, 'id'>,
  { verdict, note, open }: DeliveryOutcome & { note: string },
): DeliveryOutcome {
  // What moved something stays so: it is by its verdict that a repeat is recognised.
  tx.later(
    `update webhook_deliveries set verdict = $2::webhook_verdict, detail = $3, processed_at = $4
     where tenant_id = current_tenant() and id = $1 and verdict <> 'ACCEPTED'`,
    [delivery.id, verdict, note, open ? null : app.clock.now()],
  );
  return { verdict, open };
}

/** An orphan showed up: the payment whose answer was lost gets the gateway's reference after all. */
function adopt(tx: Transaction, paymentId: string, reference: string): void {
  tx.later(
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

const SOON_MS = 60_000;

// The delivery says paid and the gateway does not say so yet: its own left hand may be slower than its right.
async function askSoon(app: Receiving, tx: Transaction, paymentId: string): Promise<void> {
  await tx.query(
    `update payments set next_poll_at = least(next_poll_at, $2::timestamptz), poll_attempts = 0
     where tenant_id = current_tenant() and id = $1 and status in ('PENDING', 'FAILED', 'EXPIRED', 'CANCELLED') and gateway_reference is not null`,
    [paymentId, new Date(app.clock.now().getTime() + SOON_MS)],
  );
}

/** A stored delivery as it is read again: where it came from was judged when it came. */
export function storedWebhook(headers: Readonly<Record<string, string>>, body: Uint8Array): IncomingWebhook {
  return { headers, body, replay: true };
}

interface OpenDelivery {
  readonly source: string;
  readonly headers: Record<string, string>;
  readonly sealed: Buffer | null;
  readonly receivedAt: Date;
}

/**
 * Goes on with a delivery that has no verdict yet: its process ended before, or the gateway was silent about a payment whose reference
 * only the delivery knows. Safe to run twice. @throws GATEWAY_UNAVAILABLE where it must be tried again
 */
export async function resumeDelivery(app: Receiving, scope: Scope, id: string): Promise<void> {
  const open = await app.db.read(scope, (tx) =>
    tx.maybeOne<OpenDelivery>(
      `select source, headers, body_sealed as sealed, received_at as "receivedAt" from webhook_deliveries
       where tenant_id = current_tenant() and id = $1 and processed_at is null`,
      [id],
    ),
  );
  if (!open) return;
  const gateway = open.source.toUpperCase() as PaymentGateway;
  const connection = await app.gateways.connect(scope.tenantId, gateway);
  const body = open.sealed && app.vault.open(open.sealed, bodyContext(scope.tenantId, id));
  const incoming = body && storedWebhook(open.headers, body);
  const reading = connection && incoming ? app.gateways.readWebhook(gateway, connection, incoming) : null;
  const claim = reading?.verdict === 'OK' ? reading.claim : null;
  const payment = claim && (await app.db.read(scope, (tx) => findPayment(tx, gateway, claim)));
  if (!connection || !incoming || !claim || !payment) {
    const verdict = reading && reading.verdict !== 'OK' ? reading.verdict : 'UNCONFIRMED';
    await app.db.write(scope, async (tx) =>
      writeVerdict(app, tx, { id }, { verdict, note: 'It could not be read again.', open: false }),
    );
    return;
  }
  const outcome = await process(
    app,
    { id, scope, gateway, connection, incoming, receivedAt: open.receivedAt },
    claim,
    payment,
  );
  if (outcome.open)
    throw new AppError('GATEWAY_UNAVAILABLE', 'The gateway does not answer about a delivery; it is asked again.');
}
