import { authorize } from '../access.ts';
import { PLATFORM_TENANT_ID } from '../auth/platform.ts';
import type { Context } from '../context.ts';
import { decodeCursor, openCursor } from '../cursor.ts';
import { notFound } from '../errors.ts';
import type { EventPayloads } from '../events.ts';
import { idOf } from '../global-id.ts';
import { Watch } from '../journal/watch.ts';
import type { Vertical } from '../integrations/travel.ts';
import type { StreamPlace } from '../journal.ts';

interface Resuming {
  /** Everything after this cursor; without one: from now. */
  readonly after?: string | null | undefined;
}
export interface WatchArguments extends Resuming {
  /** Global id of an order. */
  readonly orderId?: string | null | undefined;
}
export interface WatchBookingsArguments extends Resuming {
  /** Global id of a booking. */
  readonly bookingId?: string | null | undefined;
}
export interface WatchHealthArguments extends Resuming {
  readonly slug?: string | null | undefined;
  readonly vertical?: Vertical | null | undefined;
}

const ORDER_IS_THERE = 'select 1 as found from orders where tenant_id = current_tenant() and id = $1';
const BOOKING_IS_THERE = 'select 1 as found from bookings where tenant_id = current_tenant() and id = $1';

/**
 * Changes of payments' status: of one order, or of all a customer has, or of the tenant (COM-12).
 * @throws UNAUTHENTICATED, FORBIDDEN, NOT_FOUND (no such order of the caller's), CURSOR_INVALID
 */
export async function watchPayments(ctx: Context, args: WatchArguments): Promise<Watch> {
  authorize(ctx, 'payment.read');
  return watch(ctx, 'payment.status', await orderOf(ctx, args), args);
}

/** Changes of orders' status; the same rules as for payments. */
export async function watchOrders(ctx: Context, args: WatchArguments): Promise<Watch> {
  authorize(ctx, 'order.read');
  return watch(ctx, 'order.status', await orderOf(ctx, args), args);
}

/** Changes of bookings' status; the same rules, with NOT_FOUND for a booking that is not the caller's. */
export async function watchBookings(ctx: Context, args: WatchBookingsArguments): Promise<Watch> {
  authorize(ctx, 'booking.read');
  const booking = globalIdOf('Booking', args.bookingId, ['bookingId']);
  if (booking !== null && (await ctx.reads.query(BOOKING_IS_THERE, [booking])).length === 0)
    throw notFound('booking', ['bookingId']);
  return watch(ctx, 'booking.status', booking, args);
}

/**
 * Changes of providers' health (PRV-11), which are on the platform's stream and for the staff of every tenant.
 * @throws UNAUTHENTICATED, FORBIDDEN, NOT_FOUND (no such provider), CURSOR_INVALID
 */
export async function watchHealth(ctx: Context, { slug, vertical, after }: WatchHealthArguments): Promise<Watch> {
  authorize(ctx, 'provider.read');
  const subject = slug ?? null;
  if (subject !== null && !(await ctx.loaders.provider.load(subject))) throw notFound('provider', ['slug']);
  const { journal } = ctx.app;
  const [platform, own] = await Promise.all([journal.head(PLATFORM_TENANT_ID), journal.head(ctx.scope.tenantId)]);
  return new Watch(
    journal,
    {
      tenantId: PLATFORM_TENANT_ID,
      eventType: 'provider.health',
      subject,
      customerId: null,
      vertical: vertical ?? null,
    },
    { epoch: platform.epoch, position: isGiven(after) ? platformPlace(ctx, after, platform, own) : platform.position },
  );
}

/** A change of health has a cursor of the platform's stream; every other says where that stream stood beside the tenant's own. */
function platformPlace(ctx: Context, after: string, platform: StreamPlace, own: StreamPlace): bigint {
  const { vault } = ctx.app;
  const stream = { tenantId: PLATFORM_TENANT_ID, epoch: platform.epoch };
  if (openCursor(vault, after, stream)) return decodeCursor(vault, after, stream, platform).position;
  return decodeCursor(vault, after, { tenantId: ctx.scope.tenantId, epoch: own.epoch }, own).platformPosition;
}

/** An empty text is not the wish for everything, nor for now: it is no id and no cursor. */
const isGiven = (text: string | null | undefined): text is string => text !== null && text !== undefined;

const globalIdOf = (typeName: string, id: string | null | undefined, field: readonly string[]): string | null =>
  isGiven(id) ? idOf(typeName, id, field) : null;

async function orderOf(ctx: Context, { orderId }: WatchArguments): Promise<string | null> {
  const order = globalIdOf('Order', orderId, ['orderId']);
  if (order !== null && (await ctx.reads.query(ORDER_IS_THERE, [order])).length === 0)
    throw notFound('order', ['orderId']);
  return order;
}

async function watch(
  ctx: Context,
  eventType: keyof EventPayloads,
  subject: string | null,
  { after }: Resuming,
): Promise<Watch> {
  const { tenantId, customerId } = ctx.scope;
  // "From now" is pinned before the answer. Those who subscribe at once share the question.
  const head = await ctx.app.journal.head(tenantId);
  const place = isGiven(after) ? decodeCursor(ctx.app.vault, after, { tenantId, epoch: head.epoch }, head) : head;
  return new Watch(
    ctx.app.journal,
    { tenantId, eventType, subject, customerId, vertical: null },
    { epoch: head.epoch, position: place.position },
  );
}
