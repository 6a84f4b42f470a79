import type { App } from '../context.ts';
import type { Transaction } from '../db.ts';
import { formatOrderNumber } from '../domain/numbering.ts';
import type { PricedOrder } from '../domain/order-price.ts';
import { statusOnIssue } from '../domain/order.ts';
import { appendEvent } from '../events.ts';
import type { OrderModel } from '../generated/prisma/models.ts';
import type { OrderType } from '../generated/prisma/enums.ts';
import { wakeBookings } from './booking-change.ts';
import { issueInvoice } from './invoice.ts';
import { nextNumber } from './order-lock.ts';

/** How orders are written, whoever makes them: a customer's basket, a booking, a job. */
export type Ordering = Pick<App, 'clock' | 'newId' | 'log'>;

/** A line's texts by language, as they are shown. */
export interface WrittenItem {
  readonly description?: readonly { locale: string; text: string }[] | null;
  readonly quantity: number;
  /** What of the catalogue it is. */
  readonly productId?: string | null;
}

/** A draft. @returns its id */
export async function insertOrder(
  app: Ordering,
  tx: Transaction,
  order: { type: OrderType; customerId: string; currencyCode: string; priced: PricedOrder },
): Promise<string> {
  const id = app.newId();
  const now = app.clock.now();
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
    id: app.newId(),
    type: 'order.created',
    aggregateType: 'Order',
    aggregateId: id,
    version: 1,
    occurredAt: now,
    payload: { v: 1, customerId: order.customerId },
  });
  return id;
}

export async function insertItems(
  tx: Transaction,
  orderId: string,
  items: readonly WrittenItem[],
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
      product_id: item.productId ?? null,
    };
  });
  await tx.query(
    `insert into order_items (tenant_id, order_id, position, descriptions, quantity, unit_price_minor, tax_rate, net_minor, tax_minor, gross_minor, product_id)
     select current_tenant(), $1, r.* from jsonb_to_recordset($2::jsonb)
       as r (position int, descriptions jsonb, quantity int, unit_price_minor bigint, tax_rate text, net_minor bigint, tax_minor bigint, gross_minor bigint, product_id uuid)`,
    [orderId, JSON.stringify(rows)],
  );
}

/** Numbers and freezes a draft. */
export async function issue(app: Ordering, tx: Transaction, order: OrderModel, expiresAt: Date | null): Promise<void> {
  const status = statusOnIssue(order.totalMinor);
  const number = formatOrderNumber('ORD', await nextNumber(tx, 'ORDER'));
  await tx.query(
    `update orders set status = $5::order_status, number = $2, issued_at = $3, expires_at = $4, version = version + 1,
       paid_at = case when $5::order_status = 'PAID' then $3::timestamptz end
     where tenant_id = current_tenant() and id = $1`,
    [order.id, number, app.clock.now(), expiresAt, status],
  );
  orderMoved(app, tx, order, status);
  // An order of nothing is paid by being issued.
  if (status !== 'PAID') return;
  await issueInvoice(tx, app, order.id);
  await wakeBookings(app, tx, order, 'PAID');
}

/** Tells of an order's new status. */
export function orderMoved(app: Ordering, tx: Transaction, order: OrderModel, status: OrderModel['status']): void {
  appendEvent(tx, {
    id: app.newId(),
    type: 'order.status',
    aggregateType: 'Order',
    aggregateId: order.id,
    version: order.version + 1,
    occurredAt: app.clock.now(),
    payload: { v: 1, customerId: order.customerId, previousStatus: order.status, status },
  });
  app.log.info({ tenant: tx.scope.tenantId, order: order.id, from: order.status, to: status }, 'order moved');
}
