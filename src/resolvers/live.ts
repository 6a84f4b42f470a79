import { authorize } from '../access.ts';
import type { Context } from '../context.ts';
import { decodeCursor, encodeCursor } from '../cursor.ts';
import { notFound } from '../errors.ts';
import type { EventPayloads } from '../events.ts';
import type { OrderModel, PaymentModel } from '../generated/prisma/models.ts';
import { idOf } from '../global-id.ts';
import type { JournalEvent } from '../journal.ts';
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
const NOTHING = 'select 1 as found';

async function watch(ctx: Context, eventType: keyof EventPayloads, { orderId, after }: WatchArguments): Promise<Watch> {
  const order = orderId ? idOf('Order', orderId, ['orderId']) : null;
  // One snapshot says whether the order is the caller's and where the journal stands: "from now" is pinned before the answer.
  const found = order ? await ctx.reads.query(ORDER_IS_THERE, [order]) : await ctx.reads.query(NOTHING);
  if (found.length === 0) throw notFound('order', ['orderId']);
  const head = ctx.reads.head;
  if (!head) throw new Error('A snapshot without a head.');
  const stream = { tenantId: ctx.scope.tenantId, epoch: head.epoch };
  const place = after ? decodeCursor(ctx.app.vault, after, stream, head) : head;
  return new Watch(
    ctx.app.journal,
    { tenantId: ctx.scope.tenantId, eventType, orderId: order, customerId: ctx.scope.customerId },
    { epoch: head.epoch, position: place.position },
  );
}

/** The cursor of an event: whoever resumes from it gets everything after this event. */
export function cursorOf(ctx: Context, event: JournalEvent): string {
  return encodeCursor(ctx.app.vault, event, event);
}

/** The payment an event is about, as it is now. */
export async function loadPaymentOf(ctx: Context, event: JournalEvent): Promise<PaymentModel> {
  const payment = await ctx.loaders.payment.load(event.aggregateId);
  if (!payment) throw notFound('payment');
  return payment;
}

/** The order an event is about, as it is now. */
export async function loadOrderOf(ctx: Context, event: JournalEvent): Promise<OrderModel> {
  const order = await ctx.loaders.order.load(event.aggregateId);
  if (!order) throw notFound('order');
  return order;
}

/** What the event itself says; nothing of it is read from the database. */
export function statusesOf<T extends 'payment.status' | 'order.status'>(event: JournalEvent): Pick<EventPayloads[T], 'status' | 'previousStatus'> {
  return event.payload as unknown as EventPayloads[T];
}
