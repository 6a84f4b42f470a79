import { authorize } from '../access.ts';
import type { Context } from '../context.ts';
import { decodeCursor } from '../cursor.ts';
import { notFound } from '../errors.ts';
import type { EventPayloads } from '../events.ts';
import { idOf } from '../global-id.ts';
import { Watch } from '../journal/watch.ts';

export interface WatchArguments {
  /** Global id of an order. */
  readonly orderId?: string | null | undefined;
  /** Everything after this cursor; without one: from now. */
  readonly after?: string | null | undefined;
}

/**
 * Changes of payments' status: of one order, or of all a customer has, or of the tenant (COM-12).
 * @throws UNAUTHENTICATED, FORBIDDEN, NOT_FOUND (no such order of the caller's), CURSOR_INVALID
 */
export function watchPayments(ctx: Context, args: WatchArguments): Promise<Watch> {
  authorize(ctx, 'payment.read');
  return watch(ctx, 'payment.status', args);
}

/** Changes of orders' status; the same rules as for payments. */
export function watchOrders(ctx: Context, args: WatchArguments): Promise<Watch> {
  authorize(ctx, 'order.read');
  return watch(ctx, 'order.status', args);
}

const ORDER_IS_THERE = 'select 1 as found from orders where tenant_id = current_tenant() and id = $1';

async function watch(ctx: Context, eventType: keyof EventPayloads, { orderId, after }: WatchArguments): Promise<Watch> {
  const order = orderId ? idOf('Order', orderId, ['orderId']) : null;
  if (order !== null && (await ctx.reads.query(ORDER_IS_THERE, [order])).length === 0)
    throw notFound('order', ['orderId']);
  // "From now" is pinned before the answer. Those who subscribe at once share the question.
  const head = await ctx.app.journal.head(ctx.scope.tenantId);
  const stream = { tenantId: ctx.scope.tenantId, epoch: head.epoch };
  const place = after ? decodeCursor(ctx.app.vault, after, stream, head) : head;
  return new Watch(
    ctx.app.journal,
    { tenantId: ctx.scope.tenantId, eventType, orderId: order, customerId: ctx.scope.customerId },
    { epoch: head.epoch, position: place.position },
  );
}
