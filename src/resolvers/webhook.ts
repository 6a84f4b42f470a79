import { authorize } from '../access.ts';
import type { Context } from '../context.ts';
import type { Transaction } from '../db.ts';
import { AppError, notFound } from '../errors.ts';
import type { WebhookDeliveryModel } from '../generated/prisma/models.ts';
import type { PaymentGateway, WebhookVerdict } from '../generated/prisma/enums.ts';
import { idOf } from '../global-id.ts';
import type { GatewayClaim } from '../integrations/contract.ts';
import { DELIVERY_COLUMNS, type WebhookDeliveryRow } from '../loaders.ts';
import { askAboutRefund, settleRefundHook, type RefundAsked } from '../webhook-refunds.ts';
import { runOperation, type Done } from '../operations.ts';
import {
  cursorColumn,
  keyset,
  pageArgs,
  toConnection,
  type Connection,
  type PageArguments,
  type Paged,
} from '../paging.ts';
import { askBack, type AskedBack, type FoundPayment } from '../webhook-confirmation.ts';
import { bodyContext, findPayment, type StoredDelivery } from '../webhook-deliveries.ts';
import { believable, isAboutRefund, settleDelivery, storedWebhook, writeVerdict } from '../webhooks.ts';
import { foreseeByGateway } from './gateway-transaction.ts';

/** The tenant's webhook journal, newest first (COM-8). */
export async function listWebhookDeliveries(
  ctx: Context,
  verdict: WebhookVerdict | null,
  args: PageArguments,
): Promise<Connection<WebhookDeliveryRow & Paged>> {
  authorize(ctx, 'webhook.read');
  const page = pageArgs(args);
  const seek = keyset(page, 'd', 2, 'received_at');
  const rows = await ctx.reads.query<WebhookDeliveryRow & Paged>(
    `select ${DELIVERY_COLUMNS}, ${cursorColumn('d', 'received_at')} from webhook_deliveries d
     where d.tenant_id = current_tenant() and ($1::webhook_verdict is null or d.verdict = $1) ${seek.where} ${seek.tail}`,
    [verdict, ...seek.values],
  );
  return toConnection(rows, page);
}

/** The body as it came, its secret fields replaced; null once its time is over. */
export async function shownBody(ctx: Context, delivery: WebhookDeliveryRow): Promise<string> {
  const sealed = await ctx.loaders.sealedBodyOfDelivery.load(delivery.id);
  if (!sealed) return '';
  const text = ctx.app.vault.open(sealed, bodyContext(delivery.tenantId, delivery.id)).toString('utf8');
  return maskFields(text, ctx.app.gateways.secretFields(delivery.source.toUpperCase() as PaymentGateway));
}

/** Replaces the values of secret fields in JSON or form text, in a line or in parts, whatever else the text is. */
export function maskFields(text: string, names: readonly string[]): string {
  const anyName = names.map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|');
  if (anyName === '') return text;
  return (
    text
      .replace(new RegExp(`("(?:${anyName})"\\s*:\\s*)("(?:[^"\\\\]|\\\\.)*"?|[^,}\\]\\s]+)`, 'gi'), '$1"[masked]"')
      .replace(new RegExp(`((?:^|[&?\\s])(?:${anyName})=)[^&\\s]*`, 'gi'), '$1[masked]')
      // A part's value goes on to the next boundary, which no value has in it. Bounds, because anybody writes such texts.
      .replace(
        new RegExp(
          `(name="(?:${anyName})"[^\\r\\n]{0,200}(?:\\r?\\n[^\\r\\n]{1,200}){0,4}\\r?\\n\\r?\\n)[^]*?(?=\\r?\\n--|$)`,
          'gi',
        ),
        '$1[masked]',
      )
  );
}

export interface ReplayResult {
  readonly verdict: WebhookVerdict;
  /** Null where nothing would change or nothing is known of a payment. */
  readonly change: {
    readonly paymentStatus: { readonly from: string; readonly to: string };
    readonly orderStatus: { readonly from: string; readonly to: string };
    readonly note: string;
  } | null;
}

export interface ReplayInput {
  readonly deliveryId: string;
  readonly dryRun?: boolean | null | undefined;
  readonly idempotencyKey?: string | null | undefined;
}

/**
 * Runs a stored delivery again through today's code (COM-8, BEY-7). A dry run asks the gateway and shows what it would change; nothing of
 * it is written. Otherwise it settles as if it came now. What came of it is `once.replay` of the answer.
 */
export async function replayWebhook(ctx: Context, input: ReplayInput): Promise<Done> {
  authorize(ctx, 'webhook.replay');
  const id = idOf('WebhookDelivery', input.deliveryId, ['input', 'deliveryId']);
  return runOperation(ctx, 'replayWebhook', { ...input }, async (operation) => {
    const delivery = await readStored(ctx, id);
    // Asked before the transaction: the gateway is never called while one is open.
    const readAgain = await readAndAsk(ctx, delivery);
    return operation.once(async (tx) => ({
      type: 'WebhookDelivery',
      id,
      once: { replay: await replay(ctx, tx, readAgain, input.dryRun ?? false) },
    }));
  });
}

async function readStored(ctx: Context, id: string): Promise<WebhookDeliveryModel & { bodySealed: Uint8Array }> {
  const delivery = await ctx.app.db.read(ctx.scope, (tx) =>
    tx.maybeOne<WebhookDeliveryModel>(
      `select ${DELIVERY_COLUMNS}, d.body_sealed as "bodySealed" from webhook_deliveries d where d.tenant_id = current_tenant() and d.id = $1`,
      [id],
    ),
  );
  if (!delivery) throw notFound('delivery', ['input', 'deliveryId']);
  const { bodySealed } = delivery;
  if (!bodySealed) throw new AppError('INVALID_STATE', 'The body of this delivery is no longer kept.');
  return { ...delivery, bodySealed };
}

/** What today's code reads in a delivery, and what the gateway says to it; or the verdict where it comes to no question. */
type ReadAgain =
  | { readonly verdict: WebhookVerdict }
  | {
      readonly stored: StoredDelivery;
      readonly claim: GatewayClaim;
      readonly payment: FoundPayment;
      readonly asked: AskedBack;
    }
  | { readonly stored: StoredDelivery; readonly payment: FoundPayment; readonly refund: RefundAsked };

async function readAndAsk(
  ctx: Context,
  delivery: WebhookDeliveryModel & { bodySealed: Uint8Array },
): Promise<ReadAgain> {
  const { app, scope } = ctx;
  const gateway = delivery.source.toUpperCase() as PaymentGateway;
  const connection = await app.gateways.connect(scope.tenantId, gateway);
  if (!connection) throw new AppError('CREDENTIALS_MISSING', 'This gateway is no longer configured.');
  const body = app.vault.open(delivery.bodySealed, bodyContext(scope.tenantId, delivery.id));
  const incoming = storedWebhook(delivery.headers as Record<string, string>, body);
  const reading = app.gateways.readWebhook(gateway, connection, incoming);
  if (reading.verdict !== 'OK') return { verdict: reading.verdict };
  const { claim } = reading;
  const payment = await app.db.read(scope, (tx) => findPayment(tx, gateway, claim));
  if (!payment) return { verdict: 'UNKNOWN_PAYMENT' };
  const stored = { id: delivery.id, scope, gateway, connection, incoming, receivedAt: delivery.receivedAt };
  if (isAboutRefund(claim, payment))
    return { stored, payment, refund: await askAboutRefund(app, stored, claim, payment) };
  return { stored, claim, payment, asked: await askBack(app, stored, claim, payment) };
}

async function replay(ctx: Context, tx: Transaction, readAgain: ReadAgain, dryRun: boolean): Promise<ReplayResult> {
  if ('verdict' in readAgain) return { verdict: readAgain.verdict, change: null };
  if ('refund' in readAgain) return replayRefund(ctx, tx, readAgain, dryRun);
  const { stored, claim, payment, asked } = readAgain;
  const news = {
    paymentId: payment.id,
    claim: believable(claim, payment),
    fact: asked.fact,
    amountRule: stored.connection.amountRule,
  };
  const foreseen = asked.strange ? null : await foreseeByGateway(tx, news);
  if (!dryRun) await settleDelivery(ctx.app, tx, stored, { claim, payment, asked });
  if (!foreseen) return { verdict: 'MISMATCH', change: null };
  const { decision } = foreseen;
  return {
    verdict: decision.verdict,
    change: {
      paymentStatus: { from: foreseen.payment.status, to: decision.paymentStatus },
      orderStatus: { from: foreseen.order.status, to: decision.orderStatus },
      note: decision.note,
    },
  };
}

/** What a refund's delivery would do, seen by doing it and, on a dry run, undoing it to the savepoint. */
async function replayRefund(
  ctx: Context,
  tx: Transaction,
  { stored, payment, refund }: { stored: StoredDelivery; payment: FoundPayment; refund: RefundAsked },
  dryRun: boolean,
): Promise<ReplayResult> {
  const before = await statusesOf(tx, payment.id);
  await tx.query('savepoint replay');
  const outcome = await settleRefundHook(ctx.app, tx, payment, refund);
  const after = await statusesOf(tx, payment.id);
  if (dryRun) await tx.query('rollback to savepoint replay');
  else writeVerdict(ctx.app, tx, stored, outcome);
  return {
    verdict: outcome.verdict,
    change: {
      paymentStatus: { from: before.payment, to: after.payment },
      orderStatus: { from: before.order, to: after.order },
      note: outcome.note,
    },
  };
}

function statusesOf(tx: Transaction, paymentId: string): Promise<{ payment: string; order: string }> {
  return tx.one(
    `select p.status as payment, o.status as "order" from payments p join orders o on o.tenant_id = p.tenant_id and o.id = p.order_id
     where p.tenant_id = current_tenant() and p.id = $1`,
    [paymentId],
  );
}
