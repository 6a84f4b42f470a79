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
/** What no field of the graph shows is not read: a page of orders has hundreds of these rows. */
const UNSHOWN = {
  item: ['tenantId', 'netMinor'],
  payment: [
    'tenantId',
    'customerId',
    'methodId',
    'methodKind',
    'capturedMinor',
    'gatewayKey',
    'settledAt',
    'nextPollAt',
    'pollAttempts',
    'version',
  ],
  invoice: ['tenantId', 'customerId', 'document'],
  booking: ['tenantId', 'createdAt', 'version'],
} as const;
export type ItemRow = Omit<OrderItemModel, (typeof UNSHOWN.item)[number]>;
export type PaymentRow = Omit<PaymentModel, (typeof UNSHOWN.payment)[number]>;
/** The document is read only where it is shown. */
export type InvoiceRow = Omit<InvoiceModel, (typeof UNSHOWN.invoice)[number]>;
export type BookingRow = Omit<BookingModel, (typeof UNSHOWN.booking)[number]>;
/** A delivery without its sealed body, which is read only where it is shown. */
export type WebhookDeliveryRow = Omit<WebhookDeliveryModel, 'bodySealed'>;

export const ORDER_COLUMNS = columns('Order', 'o');
export const ITEM_COLUMNS = columns('OrderItem', 'i');
export const PAYMENT_COLUMNS = columns('Payment', 'p');
export const INVOICE_COLUMNS = columns('Invoice', 'v', UNSHOWN.invoice);
export const USER_COLUMNS = columns('User', 'u', ['passwordHash']);
export const DELIVERY_COLUMNS = columns('WebhookDelivery', 'd', ['bodySealed']);
export const INQUIRY_COLUMNS = columns('Inquiry', 'q');
const REFUND_COLUMNS = columns('Refund', 'r');
const SHOWN_ITEM_COLUMNS = columns('OrderItem', 'i', UNSHOWN.item);
const SHOWN_PAYMENT_COLUMNS = columns('Payment', 'p', UNSHOWN.payment);
const BOOKING_COLUMNS = columns('Booking', 'b', UNSHOWN.booking);

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
    payment: one<PaymentRow>(SHOWN_PAYMENT_COLUMNS, 'payments', 'p'),
    invoice: one<InvoiceRow>(INVOICE_COLUMNS, 'invoices', 'v'),
    booking: one<BookingRow>(BOOKING_COLUMNS, 'bookings', 'b'),
    inquiry: one<InquiryModel>(INQUIRY_COLUMNS, 'inquiries', 'q'),
    delivery: one<WebhookDeliveryRow>(DELIVERY_COLUMNS, 'webhook_deliveries', 'd'),
    itemsOfOrder: many<ItemRow>(
      ofOrders(SHOWN_ITEM_COLUMNS, 'order_items', 'i', 'i.order_id, i.position'),
      (row) => row.orderId,
    ),
    paymentsOfOrder: many<PaymentRow>(
      ofOrders(SHOWN_PAYMENT_COLUMNS, 'payments', 'p', 'p.created_at, p.id'),
      (row) => row.orderId,
    ),
    bookingsOfOrder: many<BookingRow>(
      ofOrders(BOOKING_COLUMNS, 'bookings', 'b', 'b.created_at, b.id'),
      (row) => row.orderId!,
    ),
    invoicesOfOrder: many<InvoiceRow>(
      ofOrders(INVOICE_COLUMNS, 'invoices', 'v', 'v.issued_at, v.id'),
      (row) => row.orderId,
    ),
    documentOfInvoice: new DataLoader<string, unknown>(async (ids) => {
      const rows = await reads.query<{ id: string; document: unknown }>(
        'select v.id, v.document from invoices v where v.tenant_id = current_tenant() and v.id = any($1::uuid[])',
        [ids],
      );
      const found = new Map(rows.map((row) => [row.id, row.document]));
      return ids.map((id) => found.get(id));
    }),
    sealedBodyOfDelivery: new DataLoader<string, Buffer | null>(async (ids) => {
      const rows = await reads.query<{ id: string; sealed: Buffer | null }>(
        'select d.id, d.body_sealed as sealed from webhook_deliveries d where d.tenant_id = current_tenant() and d.id = any($1::uuid[])',
        [ids],
      );
      const found = new Map(rows.map((row) => [row.id, row.sealed]));
      return ids.map((id) => found.get(id) ?? null);
    }),
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
