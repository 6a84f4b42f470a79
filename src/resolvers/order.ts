import { authorize } from '../access.ts';
import type { Context } from '../context.ts';
import type { Transaction } from '../db.ts';
import { priceOrder, type TaxProfile } from '../domain/order-price.ts';
import { issuesItself, requireCancellable, requireIssuable } from '../domain/order.ts';
import { AppError, invalidInput } from '../errors.ts';
import { requireFeature } from '../features.ts';
import type { OrderType } from '../generated/prisma/enums.ts';
import { idOf } from '../global-id.ts';
import { PAYMENT_COLUMNS } from '../loaders.ts';
import { runOperation, type Done } from '../operations.ts';
import { readBookingRules } from './booking-rules.ts';
import { wakeBookings } from './booking-change.ts';
import { customerOf } from './customer.ts';
import { linesOf, namesProducts, takeProducts, type OrderItemInput } from './order-items.ts';
import { lockOrder } from './order-lock.ts';
import { insertItems, insertOrder, issue, orderMoved } from './order-write.ts';
import { cancelPendingPayments } from './payment-end.ts';
import { returnStock } from './stock.ts';
import { topUpExpiry, topUpOf } from './top-up.ts';
import { requireFewUnpaid } from './unpaid-cap.ts';

export interface CreateOrderInput {
  readonly type: OrderType;
  readonly customerId?: string | null;
  readonly currencyCode?: string | null;
  readonly items: readonly OrderItemInput[];
  readonly idempotencyKey?: string | null;
}

const REASON_MAX = 500;
/** Codes to pay with at a counter are good for some days; meanwhile the goods are set aside. */
const PRODUCT_ORDER_OPEN_MS = 3 * 86_400_000;

/**
 * Makes a draft order with totals computed here (COM-3). A customer's own prices are a request only: an operator issues it. What is of
 * the shop's making is issued at once and ends by itself when nobody pays: a customer's own order of products alone, and a top-up.
 * @throws INVALID_INPUT, NOT_FOUND for a customer of another tenant or what is not for sale, CURRENCY_MISMATCH, OUT_OF_STOCK,
 * FEATURE_DISABLED for products of a closed store or a top-up where there are none, TOO_MANY_UNPAID
 */
export async function createOrder(ctx: Context, input: CreateOrderInput): Promise<Done> {
  authorize(ctx, 'order.create');
  return runOperation(ctx, 'createOrder', { ...input }, async (operation) => {
    if (namesProducts(input.items)) await requireFeature(ctx, 'store');
    return operation.once((tx) => makeOrder(ctx, tx, input));
  });
}

async function makeOrder(ctx: Context, tx: Transaction, input: CreateOrderInput): Promise<Done> {
  const { app } = ctx;
  const customerId = await customerOf(tx, ctx.actor, input.customerId ?? null);
  const tenant = await tx.one<{ currency: string; locale: string; tax: TaxProfile }>(
    'select currency_code as currency, locale, tax_profile as tax from tenants where id = current_tenant()',
  );
  const topUp = input.type === 'TOP_UP' ? await topUpOf(tx, input) : null;
  const { lines, currencyCode } = await linesOf(
    tx,
    topUp?.items ?? input.items,
    topUp?.currencyCode ?? input.currencyCode ?? null,
    { ...tenant, type: input.type },
  );
  const priced = priceOrder({ currencyCode, taxProfile: tenant.tax, lines });
  const isSold = issuesItself({ type: input.type, placedByCustomer: ctx.actor.kind === 'CUSTOMER', lines });
  if (isSold && priced.totalMinor > 0n)
    await requireFewUnpaid(tx, 'maxUnpaidOrders', { customerId, rules: await readBookingRules(tx) });
  const id = await insertOrder(app, tx, { type: input.type, customerId, currencyCode, priced });
  await insertItems(tx, id, lines, lines, priced);
  if (topUp) await issue(app, tx, await lockOrder(tx, id), topUpExpiry(app.clock.now()));
  else if (isSold) {
    const order = await lockOrder(tx, id);
    await takeProducts(app, tx, id);
    await issue(app, tx, order, new Date(app.clock.now().getTime() + PRODUCT_ORDER_OPEN_MS));
  }
  return { type: 'Order', id };
}

/** Gives the order its number and freezes it (COM-4); what it has of the catalogue is taken. @throws INVALID_STATE, NOT_FOUND, OUT_OF_STOCK */
export async function issueOrder(
  ctx: Context,
  input: { orderId: string; expiresAt?: Date | null; idempotencyKey?: string | null },
): Promise<Done> {
  authorize(ctx, 'order.issue');
  return runOperation(ctx, 'issueOrder', { ...input }, (operation) =>
    operation.once(async (tx) => {
      const order = await lockOrder(tx, idOf('Order', input.orderId, ['input', 'orderId']));
      requireIssuable(order);
      if (order.type === 'PACKAGE')
        throw new AppError('INVALID_STATE', "A package's order is issued by itself, once its legs can be had.");
      if (input.expiresAt && input.expiresAt <= ctx.app.clock.now())
        throw invalidInput('An order expires in the future.', ['input', 'expiresAt']);
      await takeProducts(ctx.app, tx, order.id);
      await issue(ctx.app, tx, order, input.expiresAt ?? null);
      return { type: 'Order', id: order.id };
    }),
  );
}

/** Cancels an order nobody paid; its pending payments end with it, and what it took from the stock goes back. @throws INVALID_STATE, NOT_FOUND */
export async function cancelOrder(
  ctx: Context,
  input: { orderId: string; reason?: string | null; idempotencyKey?: string | null },
): Promise<Done> {
  authorize(ctx, 'order.cancel');
  if (input.reason && input.reason.length > REASON_MAX)
    throw invalidInput(`A reason has at most ${REASON_MAX} characters.`, ['input', 'reason']);
  return runOperation(ctx, 'cancelOrder', { ...input }, (operation) =>
    operation.once(async (tx) => {
      const order = await lockOrder(tx, idOf('Order', input.orderId, ['input', 'orderId']));
      requireCancellable(order);
      await requireNoReview(tx, order.id);
      await requireNotBooked(tx, order.id);
      const paymentStatus = await cancelPendingPayments(ctx.app, tx, order);
      await tx.query(
        `update orders set status = 'CANCELLED', cancel_reason = $2, payment_status = $3, closed_at = $4, version = version + 1
         where tenant_id = current_tenant() and id = $1`,
        [order.id, input.reason ?? null, paymentStatus, ctx.app.clock.now()],
      );
      await wakeBookings(ctx.app, tx, order, 'ENDED');
      await returnStock(ctx.app, tx, order.id);
      orderMoved(ctx.app, tx, order, 'CANCELLED');
      return { type: 'Order', id: order.id };
    }),
  );
}

// On account it is booked before it is paid, and an appointment may be confirmed or over unpaid: the order would be gone, and what it is
// for would not.
async function requireNotBooked(tx: Transaction, orderId: string): Promise<void> {
  const booked = await tx.query(
    `select 1 from bookings b where b.tenant_id = current_tenant() and b.order_id = $1
       and (b.phase in ('BOOKING', 'CONFIRMING', 'PENDING', 'CONFIRMED', 'CANCELLING', 'CANCEL_REQUESTED')
         or b.kind = 'APPOINTMENT' and b.status in ('CONFIRMED', 'COMPLETED', 'NO_SHOW')) limit 1`,
    [orderId],
  );
  if (booked.length > 0) throw new AppError('INVALID_STATE', 'It is booked; cancel the booking instead.');
}

async function requireNoReview(tx: Transaction, orderId: string): Promise<void> {
  const held = await tx.query(
    `select ${PAYMENT_COLUMNS} from payments p where p.tenant_id = current_tenant() and p.order_id = $1 and p.status = 'UNDER_REVIEW'`,
    [orderId],
  );
  if (held.length > 0)
    throw new AppError('INVALID_STATE', 'A payment of this order is being reviewed; decide on it first.');
}
