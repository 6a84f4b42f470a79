import DataLoader from 'dataloader';

import { columns } from './columns.ts';
import type { Reader } from './db.ts';
import type { PackagePolicy } from './domain/package-plan.ts';
import { PROVIDER_LOADERS } from './provider-reads.ts';
import { accountLoader, pointsExpiringLoader, statementLoader } from './ledger-reads.ts';
import type {
  BookingModel,
  InquiryModel,
  InvoiceModel,
  OrderItemModel,
  OrderModel,
  PackageModel,
  PaymentModel,
  ProductModel,
  RefundModel,
  TenantModel,
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
    'returnUrl',
    'settledAt',
    'nextPollAt',
    'pollAttempts',
    'version',
  ],
  invoice: ['tenantId', 'customerId', 'document', 'issuedMonth'],
  booking: [
    'tenantId',
    'createdAt',
    'version',
    'offer',
    'contact',
    'providerKeys',
    'attempt',
    'attemptReference',
    'attemptedAt',
    'leasedUntil',
    'nextStepAt',
    'stepAttempts',
    'providerMode',
  ],
  package: ['tenantId', 'phase', 'lossMaxMinor', 'nextStepAt', 'version'],
  product: ['tenantId', 'searched', 'createdAt'],
} as const;
export type ItemRow = Omit<OrderItemModel, (typeof UNSHOWN.item)[number]>;
export type PaymentRow = Omit<PaymentModel, (typeof UNSHOWN.payment)[number]>;
/** The document is read only where it is shown. */
export type InvoiceRow = Omit<InvoiceModel, (typeof UNSHOWN.invoice)[number]>;
export type BookingRow = Omit<BookingModel, (typeof UNSHOWN.booking)[number]>;
/** What is sold; `version` is for its events. */
export type ProductRow = Omit<ProductModel, (typeof UNSHOWN.product)[number]>;
export type PackageRow = Omit<PackageModel, (typeof UNSHOWN.package)[number]>;
/** A credential as it may be seen (PRV-3): never its value. */
export interface CredentialRow {
  readonly owner: string;
  readonly name: string;
  readonly version: number;
  readonly lastFour: string | null;
  readonly createdAt: Date;
}
/** A policy; no tenant: everybody's who has none. */
export interface PolicyRow extends PackagePolicy {
  readonly tenantId: string | null;
}
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
const TENANT_COLUMNS = columns('Tenant', 't');
const SHOWN_ITEM_COLUMNS = columns('OrderItem', 'i', UNSHOWN.item);
const SHOWN_PAYMENT_COLUMNS = columns('Payment', 'p', UNSHOWN.payment);
export const BOOKING_COLUMNS = columns('Booking', 'b', UNSHOWN.booking);

export const PRODUCT_COLUMNS = columns('Product', 'p', UNSHOWN.product);
export const PACKAGE_COLUMNS = columns('Package', 'k', UNSHOWN.package);

const byIds = (list: string, table: string, alias: string) =>
  `select ${list} from ${table} ${alias} where ${alias}.tenant_id = current_tenant() and ${alias}.id = any($1::uuid[])`;
const ofOrders = (list: string, table: string, alias: string, order: string) =>
  `select ${list} from ${table} ${alias} where ${alias}.tenant_id = current_tenant() and ${alias}.order_id = any($1::uuid[]) order by ${order}`;

type Make<L> = (reads: Reader) => L;

/** Texts are made once: one made per request would have to be looked through to be known again. */
function one<T extends { id: string }>(list: string, table: string, alias: string): Make<DataLoader<string, T | null>> {
  return rowById<T>(byIds(list, table, alias));
}

function rowById<T extends { id: string }>(text: string): Make<DataLoader<string, T | null>> {
  return (reads) =>
    new DataLoader<string, T | null>(async (ids) => {
      const found = new Map((await reads.query<T>(text, [ids])).map((row) => [row.id, row]));
      return ids.map((id) => found.get(id) ?? null);
    });
}

function many<T>(text: string, keyOf: (row: T) => string): Make<DataLoader<string, T[]>> {
  return (reads) =>
    new DataLoader<string, T[]>(async (ids) => {
      const groups = new Map<string, T[]>(ids.map((id) => [id, []]));
      for (const row of await reads.query<T>(text, [ids])) groups.get(keyOf(row))?.push(row);
      return ids.map((id) => groups.get(id)!);
    });
}

/** One column of rows by their ids, under the name `value`; null where there is no such row. */
function valueOf<T>(text: string): Make<DataLoader<string, T | null>> {
  return (reads) =>
    new DataLoader<string, T | null>(async (ids) => {
      const found = new Map(
        (await reads.query<{ id: string; value: T }>(text, [ids])).map((row) => [row.id, row.value]),
      );
      return ids.map((id) => found.get(id) ?? null);
    });
}

const MAKERS = {
  order: one<OrderModel>(ORDER_COLUMNS, 'orders', 'o'),
  user: one<UserRow>(USER_COLUMNS, 'users', 'u'),
  payment: one<PaymentRow>(SHOWN_PAYMENT_COLUMNS, 'payments', 'p'),
  invoice: one<InvoiceRow>(INVOICE_COLUMNS, 'invoices', 'v'),
  booking: one<BookingRow>(BOOKING_COLUMNS, 'bookings', 'b'),
  package: one<PackageRow>(PACKAGE_COLUMNS, 'packages', 'k'),
  product: one<ProductRow>(PRODUCT_COLUMNS, 'products', 'p'),
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
  bookingsOfPackage: many<BookingRow>(
    `select ${BOOKING_COLUMNS} from bookings b where b.tenant_id = current_tenant() and b.package_id = any($1::uuid[])
     order by b.package_id, b.package_leg`,
    (row) => row.packageId!,
  ),
  // A tenant's own, else the platform's; by row-level security nobody sees another's.
  packagePolicy: (reads: Reader) =>
    new DataLoader<string, PolicyRow | null>(async (ids) => {
      const rows = await reads.query<PolicyRow>(
        `select p.tenant_id as "tenantId", p.rollback, p.leg_order::text[] as "legOrder" from package_policies p
         where p.tenant_id = any($1::uuid[]) or p.tenant_id is null`,
        [ids],
      );
      const ofAll = rows.find(({ tenantId }) => tenantId === null) ?? null;
      return ids.map((id) => rows.find(({ tenantId }) => tenantId === id) ?? ofAll);
    }),
  invoicesOfOrder: many<InvoiceRow>(
    ofOrders(INVOICE_COLUMNS, 'invoices', 'v', 'v.issued_at, v.id'),
    (row) => row.orderId,
  ),
  documentOfInvoice: valueOf<unknown>(
    'select v.id, v.document as value from invoices v where v.tenant_id = current_tenant() and v.id = any($1::uuid[])',
  ),
  sealedBodyOfDelivery: valueOf<Buffer>(
    'select d.id, d.body_sealed as value from webhook_deliveries d where d.tenant_id = current_tenant() and d.id = any($1::uuid[])',
  ),
  credentialsOfOwner: many<CredentialRow>(
    `select distinct on (c.owner, c.name) c.owner, c.name, c.version, c.last_four as "lastFour", c.created_at as "createdAt"
     from credentials c where c.tenant_id = current_tenant() and c.owner = any($1::text[]) order by c.owner, c.name, c.version desc`,
    (row) => row.owner,
  ),
  refund: one<RefundModel>(REFUND_COLUMNS, 'refunds', 'r'),
  refundsOfPayment: many<RefundModel>(
    `select ${REFUND_COLUMNS} from refunds r where r.tenant_id = current_tenant() and r.payment_id = any($1::uuid[]) order by r.created_at, r.id`,
    (row) => row.paymentId,
  ),
  // By row-level security a tenant finds itself, and the platform's staff at home find all.
  tenant: rowById<TenantModel>(`select ${TENANT_COLUMNS} from tenants t where t.id = any($1::uuid[])`),
  ledgerAccount: accountLoader,
  statement: statementLoader,
  pointsExpiring: pointsExpiringLoader,
  ...PROVIDER_LOADERS,
};

/**
 * What a request reads, batched: one statement per kind, however many rows (GQL-2). Results are matched by key, never by the order in
 * which rows come back.
 */
export type Loaders = { readonly [Name in keyof typeof MAKERS]: ReturnType<(typeof MAKERS)[Name]> } & {
  /** Forgets what was read: after a verb changed it. */
  clear(): void;
};

/** Loaders are made when first asked for: no request needs all of them. */
class RequestLoaders {
  readonly reads: Reader;
  readonly made = new Map<string, DataLoader<string, unknown>>();

  constructor(reads: Reader) {
    this.reads = reads;
  }

  clear(): void {
    for (const loader of this.made.values()) loader.clearAll();
  }
}

for (const [name, make] of Object.entries(MAKERS)) {
  Object.defineProperty(RequestLoaders.prototype, name, {
    get(this: RequestLoaders) {
      let loader = this.made.get(name);
      if (!loader) {
        loader = make(this.reads) as DataLoader<string, unknown>;
        this.made.set(name, loader);
      }
      return loader;
    },
  });
}

export function createLoaders(reads: Reader): Loaders {
  return new RequestLoaders(reads) as unknown as Loaders;
}
