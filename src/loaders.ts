import DataLoader from 'dataloader';

import { columns } from './columns.ts';
import type { Reader } from './db.ts';
import type {
  BookingModel,
  InquiryModel,
  InvoiceModel,
  OrderItemModel,
  OrderModel,
  PaymentModel,
  RefundModel,
  UserModel,
  WebhookDeliveryModel,
} from './generated/prisma/models.ts';

/** Users as the graph may see them: the password's hash never leaves the statement that checks it. */
export type UserRow = Omit<UserModel, 'passwordHash'>;
/** A delivery without its sealed body, which is read only where it is shown. */
export type WebhookDeliveryRow = Omit<WebhookDeliveryModel, 'bodySealed'>;

export const ORDER_COLUMNS = columns('Order', 'o');
export const ITEM_COLUMNS = columns('OrderItem', 'i');
export const PAYMENT_COLUMNS = columns('Payment', 'p');
export const INVOICE_COLUMNS = columns('Invoice', 'v');
export const BOOKING_COLUMNS = columns('Booking', 'b');
export const USER_COLUMNS = columns('User', 'u', ['passwordHash']);
export const DELIVERY_COLUMNS = columns('WebhookDelivery', 'd', ['bodySealed']);
export const INQUIRY_COLUMNS = columns('Inquiry', 'q');
const REFUND_COLUMNS = columns('Refund', 'r');

const byIds = (list: string, table: string, alias: string) =>
  `select ${list} from ${table} ${alias} where ${alias}.tenant_id = current_tenant() and ${alias}.id = any($1::uuid[])`;
const ofOrders = (list: string, table: string, alias: string, order: string) =>
  `select ${list} from ${table} ${alias} where ${alias}.tenant_id = current_tenant() and ${alias}.order_id = any($1::uuid[]) order by ${order}`;

/**
 * What a request reads, batched: one statement per kind, however many rows (GQL-2). Results are matched by key, never by the order in
 * which rows come back.
 */
export function createLoaders(reads: Reader) {
  const one = <T extends { id: string }>(list: string, table: string, alias: string) => {
    const text = byIds(list, table, alias);
    return new DataLoader<string, T | null>(async (ids) => {
      const found = new Map((await reads.query<T>(text, [ids])).map((row) => [row.id, row]));
      return ids.map((id) => found.get(id) ?? null);
    });
  };
  const many = <T>(text: string, keyOf: (row: T) => string) =>
    new DataLoader<string, T[]>(async (ids) => {
      const groups = new Map<string, T[]>(ids.map((id) => [id, []]));
      for (const row of await reads.query<T>(text, [ids])) groups.get(keyOf(row))?.push(row);
      return ids.map((id) => groups.get(id)!);
    });
  const all = {
    order: one<OrderModel>(ORDER_COLUMNS, 'orders', 'o'),
    user: one<UserRow>(USER_COLUMNS, 'users', 'u'),
    payment: one<PaymentModel>(PAYMENT_COLUMNS, 'payments', 'p'),
    invoice: one<InvoiceModel>(INVOICE_COLUMNS, 'invoices', 'v'),
    booking: one<BookingModel>(BOOKING_COLUMNS, 'bookings', 'b'),
    inquiry: one<InquiryModel>(INQUIRY_COLUMNS, 'inquiries', 'q'),
    delivery: one<WebhookDeliveryRow>(DELIVERY_COLUMNS, 'webhook_deliveries', 'd'),
    itemsOfOrder: many<OrderItemModel>(ofOrders(ITEM_COLUMNS, 'order_items', 'i', 'i.order_id, i.position'), (row) => row.orderId),
    paymentsOfOrder: many<PaymentModel>(ofOrders(PAYMENT_COLUMNS, 'payments', 'p', 'p.created_at, p.id'), (row) => row.orderId),
    bookingsOfOrder: many<BookingModel>(ofOrders(BOOKING_COLUMNS, 'bookings', 'b', 'b.created_at, b.id'), (row) => row.orderId!),
    invoicesOfOrder: many<InvoiceModel>(ofOrders(INVOICE_COLUMNS, 'invoices', 'v', 'v.issued_at, v.id'), (row) => row.orderId),
    refundsOfPayment: many<RefundModel>(
      `select ${REFUND_COLUMNS} from refunds r where r.tenant_id = current_tenant() and r.payment_id = any($1::uuid[]) order by r.created_at, r.id`,
      (row) => row.paymentId,
    ),
  };
  return {
    ...all,
    /** Forgets what was read: after a verb changed it. */
    clear(): void {
      for (const loader of Object.values(all)) (loader as DataLoader<string, unknown>).clearAll();
    },
  };
}

export type Loaders = ReturnType<typeof createLoaders>;
