import { authorize } from '../access.ts';
import type { Context } from '../context.ts';
import { invalidInput } from '../errors.ts';
import type { OrderModel } from '../generated/prisma/models.ts';
import type { OrderStatus, OrderType, PaymentStatus } from '../generated/prisma/enums.ts';
import { decodeGlobalId, idOf } from '../global-id.ts';
import { ORDER_COLUMNS } from '../loaders.ts';
import {
  cursorColumn,
  keyset,
  pageArgs,
  toConnection,
  type Connection,
  type PageArguments,
  type Paged,
} from '../paging.ts';

export interface OrderFilter {
  readonly status?: readonly OrderStatus[] | null;
  readonly paymentStatus?: readonly PaymentStatus[] | null;
  readonly type?: readonly OrderType[] | null;
  readonly customerId?: string | null;
  readonly createdFrom?: Date | null;
  readonly createdTo?: Date | null;
}

/** The tenant's orders, newest first; a customer's own only. */
export async function listOrders(
  ctx: Context,
  filter: OrderFilter | null | undefined,
  args: PageArguments,
): Promise<Connection<OrderModel & Paged>> {
  authorize(ctx, 'order.read');
  const page = pageArgs(args);
  const conditions = conditionsOf(filter ?? {}, ctx.scope.customerId);
  const values = conditions.map(({ value }) => value);
  const seek = keyset(page, 'o', values.length + 1);
  const where = conditions.map(({ text }, index) => `and ${text.replace('?', `$${index + 1}`)}`).join(' ');
  const rows = await ctx.reads.query<OrderModel & Paged>(
    `select ${ORDER_COLUMNS}, ${cursorColumn('o')} from orders o where o.tenant_id = current_tenant() ${where} ${seek.where} ${seek.tail}`,
    [...values, ...seek.values],
  );
  for (const row of rows) ctx.loaders.order.prime(row.id, row);
  return toConnection(rows, page);
}

interface Condition {
  readonly text: string;
  readonly value: unknown;
}

function conditionsOf(filter: OrderFilter, customerId: string | null): Condition[] {
  const conditions: Condition[] = [];
  const add = (text: string, value: unknown) => conditions.push({ text, value });
  // Row-level security says the same; said here as well, the customer's own index is used.
  if (customerId !== null) add('o.customer_id = ?', customerId);
  if (filter.customerId)
    add(
      'o.customer_id = ?',
      decodeGlobalId(filter.customerId)?.typeName === 'User' ? idOf('User', filter.customerId) : NOBODY,
    );
  if (filter.status) add('o.status = any(?::order_status[])', filter.status);
  if (filter.paymentStatus) add('o.payment_status = any(?::payment_status[])', filter.paymentStatus);
  if (filter.type) add('o.type = any(?::order_type[])', filter.type);
  if (filter.createdFrom) add('o.created_at >= ?', filter.createdFrom);
  if (filter.createdTo) add('o.created_at < ?', filter.createdTo);
  return conditions;
}

// No one's orders: a filter by an id that is nobody's finds nothing, as one by another tenant's does.
const NOBODY = '00000000-0000-0000-0000-000000000000';

/** An order by id or number; null where there is none of the caller's. */
export async function readOrder(
  ctx: Context,
  by: { id?: string | null; number?: string | null },
): Promise<OrderModel | null> {
  authorize(ctx, 'order.read');
  if (by.id && by.number) throw invalidInput('Ask by id or by number, not by both.', ['number']);
  if (by.id) {
    const decoded = decodeGlobalId(by.id);
    return decoded?.typeName === 'Order' ? ctx.loaders.order.load(decoded.id) : null;
  }
  if (!by.number) throw invalidInput('Ask by id or by number.', ['id']);
  const rows = await ctx.reads.query<OrderModel>(
    `select ${ORDER_COLUMNS} from orders o where o.tenant_id = current_tenant() and o.number = $1`,
    [by.number],
  );
  return rows[0] ?? null;
}
