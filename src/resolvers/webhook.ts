import { authorize } from '../access.ts';
import type { Context } from '../context.ts';
import { AppError, notFound } from '../errors.ts';
import type { WebhookDeliveryModel } from '../generated/prisma/models.ts';
import type { PaymentGateway, WebhookVerdict } from '../generated/prisma/enums.ts';
import { idOf } from '../global-id.ts';
import { DELIVERY_COLUMNS, type WebhookDeliveryRow } from '../loaders.ts';
import { cursorColumn, keyset, pageArgs, toConnection, type Connection, type PageArguments, type Paged } from '../paging.ts';
import { askBack, bodyContext, findPayment, settleDelivery } from '../webhooks.ts';
import { foresee } from './settlement.ts';

/** The tenant's webhook journal, newest first (COM-8). */
export async function listWebhookDeliveries(ctx: Context, verdict: WebhookVerdict | null, args: PageArguments): Promise<Connection<WebhookDeliveryRow & Paged>> {
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

/** Replaces the values of secret fields in JSON or form text, whatever else the text is. */
export function maskFields(text: string, names: readonly string[]): string {
  const anyName = names.map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|');
  if (anyName === '') return text;
  return text
    .replace(new RegExp(`("(?:${anyName})"\\s*:\\s*)("(?:[^"\\\\]|\\\\.)*"?|[^,}\\]\\s]+)`, 'gi'), '$1"[masked]"')
    .replace(new RegExp(`((?:^|[&?\\s])(?:${anyName})=)[^&\\s]*`, 'gi'), '$1[masked]');
}

export interface ReplayResult {
  readonly delivery: WebhookDeliveryRow;
  readonly verdict: WebhookVerdict;
  /** Null where nothing would change or nothing is known of a payment. */
  readonly change: {
    readonly paymentStatus: { readonly from: string; readonly to: string };
    readonly orderStatus: { readonly from: string; readonly to: string };
    readonly note: string;
  } | null;
}

/**
 * Runs a stored delivery again through today's code (COM-8, BEY-7). A dry run asks the gateway and shows what it would change; nothing is
 * written. Otherwise it settles as if it came now.
 */
export async function replayWebhook(ctx: Context, input: { deliveryId: string; dryRun?: boolean | null }): Promise<ReplayResult> {
  authorize(ctx, 'webhook.replay');
  const id = idOf('WebhookDelivery', input.deliveryId, ['input', 'deliveryId']);
  const delivery = await ctx.app.db.read(ctx.scope, (tx) =>
    tx.maybeOne<WebhookDeliveryModel>(
      `select ${DELIVERY_COLUMNS}, d.body_sealed as "bodySealed" from webhook_deliveries d where d.tenant_id = current_tenant() and d.id = $1`,
      [id],
    ),
  );
  if (!delivery) throw notFound('delivery', ['input', 'deliveryId']);
  if (!delivery.bodySealed) throw new AppError('INVALID_STATE', 'The body of this delivery is no longer kept.');
  return replay(ctx, delivery, delivery.bodySealed, input.dryRun ?? false);
}

async function replay(ctx: Context, delivery: WebhookDeliveryModel, sealed: Uint8Array, dryRun: boolean): Promise<ReplayResult> {
  const { app, scope } = ctx;
  const gateway = delivery.source.toUpperCase() as PaymentGateway;
  const connection = await app.gateways.connect(scope.tenantId, gateway);
  if (!connection) throw new AppError('CREDENTIALS_MISSING', 'This gateway is no longer configured.');
  const body = app.vault.open(sealed, bodyContext(scope.tenantId, delivery.id));
  const reading = app.gateways.readWebhook(gateway, connection, { headers: delivery.headers as Record<string, string>, body });
  if (reading.verdict !== 'OK') return { delivery, verdict: reading.verdict, change: null };
  const { claim } = reading;
  const found = await app.db.read(scope, (tx) => findPayment(tx, gateway, claim));
  if (!found) return { delivery, verdict: 'UNKNOWN_PAYMENT', change: null };
  const stored = { id: delivery.id, scope, gateway, connection, receivedAt: delivery.receivedAt };
  const asked = await askBack(app, stored, claim, found);
  const outcome = await app.db.write(scope, async (tx) => {
    const foreseen = asked.strange ? null : await foresee(tx, { paymentId: found.id, claim, fact: asked.fact, amountRule: connection.amountRule });
    if (!dryRun) await settleDelivery(app, tx, stored, { claim, payment: found, asked });
    return foreseen;
  });
  app.journal.wake();
  if (!outcome) return { delivery, verdict: 'MISMATCH', change: null };
  const { order, payment, decision } = outcome;
  return {
    delivery,
    verdict: decision.verdict,
    change: {
      paymentStatus: { from: payment.status, to: decision.paymentStatus },
      orderStatus: { from: order.status, to: decision.orderStatus },
      note: decision.note,
    },
  };
}
