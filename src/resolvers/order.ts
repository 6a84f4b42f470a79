import { actorName, authorize } from '../access.ts';
import type { Context } from '../context.ts';
import type { Transaction } from '../db.ts';
import { parseAmount, parseRate, exponentOf } from '../domain/money.ts';
import { formatOrderNumber } from '../domain/numbering.ts';
import { priceOrder, type PricedOrder, type TaxProfile } from '../domain/order-price.ts';
import { requireCancellable, requireIssuable, statusOnIssue } from '../domain/order.ts';
import { AppError, invalidInput } from '../errors.ts';
import { appendEvent } from '../events.ts';
import type { OrderModel } from '../generated/prisma/models.ts';
import type { OrderType } from '../generated/prisma/enums.ts';
import { idOf } from '../global-id.ts';
import { PAYMENT_COLUMNS } from '../loaders.ts';
import { runOperation, type Done } from '../operations.ts';
import { customerOf } from './customer.ts';
import { issueInvoice } from './invoice.ts';
import { lockOrder, nextNumber } from './order-lock.ts';
import { cancelPendingPayments } from './payment-end.ts';
import { topUpExpiry, topUpOf } from './top-up.ts';

export interface OrderItemInput {
  readonly description?: readonly { locale: string; text: string }[] | null;
  readonly quantity: number;
  readonly unitPrice?: string | null;
  readonly taxRate?: string | null;
}

export interface CreateOrderInput {
  readonly type: OrderType;
  readonly customerId?: string | null;
  readonly currencyCode?: string | null;
  readonly items: readonly OrderItemInput[];
  readonly idempotencyKey?: string | null;
}

const DESCRIPTION_MAX = 500;

/**
 * Makes a draft order with totals computed here (COM-3). A customer's own prices are a request only: an operator issues it. A top-up is
 * issued at once, whoever makes it: its price is what the customer wants to have in the wallet.
 * @throws INVALID_INPUT, NOT_FOUND for a customer of another tenant, FEATURE_DISABLED for a top-up where there are none
 */
export async function createOrder(ctx: Context, input: CreateOrderInput): Promise<Done> {
  authorize(ctx, 'order.create');
  return runOperation(ctx, 'createOrder', { ...input }, (operation) =>
    operation.once(async (tx) => {
      const customerId = await customerOf(tx, ctx.actor, input.customerId ?? null);
      const tenant = await tx.one<{ currency: string; tax: TaxProfile }>(
        'select currency_code as currency, tax_profile as tax from tenants where id = current_tenant()',
      );
      const topUp = input.type === 'TOP_UP' ? await topUpOf(tx, input) : null;
      const { items } = topUp ?? input;
      const currencyCode = topUp?.currencyCode ?? input.currencyCode ?? tenant.currency;
      exponentOf(currencyCode, ['input', 'currencyCode']);
      const lines = items.map((item, index) => lineOf(item, index, currencyCode));
      const priced = priceOrder({ currencyCode, taxProfile: tenant.tax, lines });
      const id = await insertOrder(ctx, tx, { type: input.type, customerId, currencyCode, priced });
      await insertItems(tx, id, items, lines, priced);
      if (topUp) await issue(ctx, tx, await lockOrder(tx, id), topUpExpiry(ctx.app.clock.now()));
      return { type: 'Order', id };
    }),
  );
}

function lineOf(item: OrderItemInput, index: number, currencyCode: string) {
  const field = (name: string) => ['input', 'items', String(index), name];
  if (!item.description?.length)
    throw invalidInput('An item needs a description in one language at least.', field('description'));
  for (const { text } of item.description) {
    if (text.trim() === '' || text.length > DESCRIPTION_MAX) {
      throw invalidInput(`A description has 1 to ${DESCRIPTION_MAX} characters.`, field('description'));
    }
  }
  if (item.unitPrice === null || item.unitPrice === undefined)
    throw invalidInput('An item needs a unit price.', field('unitPrice'));
  const unitPriceMinor = parseAmount(item.unitPrice, currencyCode, field('unitPrice'));
  if (unitPriceMinor < 0n) throw invalidInput('A unit price is not negative.', field('unitPrice'));
  return {
    quantity: item.quantity,
    unitPriceMinor,
    taxRate: item.taxRate ? parseRate(item.taxRate, field('taxRate')).text : null,
  };
}

async function insertOrder(
  ctx: Context,
  tx: Transaction,
  order: { type: OrderType; customerId: string; currencyCode: string; priced: PricedOrder },
): Promise<string> {
  const id = ctx.app.newId();
  const now = ctx.app.clock.now();
  await tx.query(
    `insert into orders (tenant_id, id, type, status, customer_id, currency_code, subtotal_minor, tax_minor, total_minor, created_at)
     values (current_tenant(), $1, $2, 'DRAFT', $3, $4, $5, $6, $7, $8)`,
    [
      id,
      order.type,
      order.customerId,
      order.currencyCode,
      order.priced.subtotalMinor,
      order.priced.taxMinor,
      order.priced.totalMinor,
      now,
    ],
  );
  appendEvent(tx, {
    id: ctx.app.newId(),
    type: 'order.created',
    aggregateType: 'Order',
    aggregateId: id,
    version: 1,
    occurredAt: now,
    payload: { v: 1, customerId: order.customerId },
  });
  return id;
}

async function insertItems(
  tx: Transaction,
  orderId: string,
  items: readonly OrderItemInput[],
  lines: readonly { taxRate: string | null }[],
  priced: PricedOrder,
): Promise<void> {
  const rows = items.map((item, index) => {
    const line = priced.lines[index]!;
    return {
      position: index + 1,
      descriptions: Object.fromEntries(item.description!.map(({ locale, text }) => [locale, text])),
      quantity: item.quantity,
      unit_price_minor: String(line.unitPriceMinor),
      tax_rate: lines[index]!.taxRate,
      net_minor: String(line.netMinor),
      tax_minor: String(line.taxMinor),
      gross_minor: String(line.grossMinor),
    };
  });
  await tx.query(
    `insert into order_items (tenant_id, order_id, position, descriptions, quantity, unit_price_minor, tax_rate, net_minor, tax_minor, gross_minor)
     select current_tenant(), $1, r.* from jsonb_to_recordset($2::jsonb)
       as r (position int, descriptions jsonb, quantity int, unit_price_minor bigint, tax_rate text, net_minor bigint, tax_minor bigint, gross_minor bigint)`,
    [orderId, JSON.stringify(rows)],
  );
}

/** Gives the order its number and freezes it (COM-4). @throws INVALID_STATE, NOT_FOUND */
export async function issueOrder(
  ctx: Context,
  input: { orderId: string; expiresAt?: Date | null; idempotencyKey?: string | null },
): Promise<Done> {
  authorize(ctx, 'order.issue');
  return runOperation(ctx, 'issueOrder', { ...input }, (operation) =>
    operation.once(async (tx) => {
      const order = await lockOrder(tx, idOf('Order', input.orderId, ['input', 'orderId']));
      requireIssuable(order);
      if (input.expiresAt && input.expiresAt <= ctx.app.clock.now())
        throw invalidInput('An order expires in the future.', ['input', 'expiresAt']);
      await issue(ctx, tx, order, input.expiresAt ?? null);
      return { type: 'Order', id: order.id };
    }),
  );
}

async function issue(ctx: Context, tx: Transaction, order: OrderModel, expiresAt: Date | null): Promise<void> {
  const status = statusOnIssue(order.totalMinor);
  const number = formatOrderNumber('ORD', await nextNumber(tx, 'ORDER'));
  await tx.query(
    `update orders set status = $5::order_status, number = $2, issued_at = $3, expires_at = $4, version = version + 1,
       paid_at = case when $5::order_status = 'PAID' then $3::timestamptz end
     where tenant_id = current_tenant() and id = $1`,
    [order.id, number, ctx.app.clock.now(), expiresAt, status],
  );
  await orderMoved(ctx, tx, order, status);
  // An order of nothing is paid by being issued.
  if (status === 'PAID') await issueInvoice(tx, ctx.app, order.id);
}

/** Cancels an order nobody paid; its pending payments end with it. @throws INVALID_STATE, NOT_FOUND */
export async function cancelOrder(
  ctx: Context,
  input: { orderId: string; reason?: string | null; idempotencyKey?: string | null },
): Promise<Done> {
  authorize(ctx, 'order.cancel');
  if (input.reason && input.reason.length > DESCRIPTION_MAX)
    throw invalidInput(`A reason has at most ${DESCRIPTION_MAX} characters.`, ['input', 'reason']);
  return runOperation(ctx, 'cancelOrder', { ...input }, (operation) =>
    operation.once(async (tx) => {
      const order = await lockOrder(tx, idOf('Order', input.orderId, ['input', 'orderId']));
      requireCancellable(order);
      await requireNoReview(tx, order.id);
      const paymentStatus = await cancelPendingPayments(ctx.app, tx, order);
      await tx.query(
        `update orders set status = 'CANCELLED', cancel_reason = $2, payment_status = $3, version = version + 1
         where tenant_id = current_tenant() and id = $1`,
        [order.id, input.reason ?? null, paymentStatus],
      );
      await orderMoved(ctx, tx, order, 'CANCELLED');
      return { type: 'Order', id: order.id };
    }),
  );
}

async function requireNoReview(tx: Transaction, orderId: string): Promise<void> {
  const held = await tx.query(
    `select ${PAYMENT_COLUMNS} from payments p where p.tenant_id = current_tenant() and p.order_id = $1 and p.status = 'UNDER_REVIEW'`,
    [orderId],
  );
  if (held.length > 0)
    throw new AppError('INVALID_STATE', 'A payment of this order is being reviewed; decide on it first.');
}

async function orderMoved(
  ctx: Context,
  tx: Transaction,
  order: OrderModel,
  status: OrderModel['status'],
): Promise<void> {
  appendEvent(tx, {
    id: ctx.app.newId(),
    type: 'order.status',
    aggregateType: 'Order',
    aggregateId: order.id,
    version: order.version + 1,
    occurredAt: ctx.app.clock.now(),
    payload: { v: 1, customerId: order.customerId, previousStatus: order.status, status },
  });
  ctx.log.info({ order: order.id, from: order.status, to: status, actor: actorName(ctx.actor) }, 'order moved');
}
