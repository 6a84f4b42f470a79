import type { Transaction } from '../db.ts';
import { exportedAmount, exportedContact, masked } from '../domain/person-export.ts';
import { statementKindOf } from '../domain/statement.ts';

/** A customer's data, page by page, as their export shows it. Whoever calls has authorised, and says for whom the transaction works. */

/** A row of a list with its place in it. */
export interface Listed {
  /** As PostgreSQL writes them: the next page begins behind these. */
  readonly place: readonly [string, string];
  readonly shown: object;
}

/** @param after the place of the last row before; null at the start @returns at most `rows` of them */
export type ReadPage = (
  tx: Transaction,
  customerId: string,
  after: readonly [string, string] | null,
  rows: number,
) => Promise<readonly Listed[]>;

type Row = Readonly<Record<string, unknown>> & { readonly at: string; readonly id: string };
type Fields = Readonly<Record<string, unknown>>;

const BEHIND = '($2::timestamptz is null or (x.created_at, x.id) > ($2::timestamptz, $3::uuid))';
const PLACED = 'x.created_at::text as at, x.id';
const IN_ORDER = 'order by x.created_at, x.id limit $4';

/** Without what only places it, and with amounts in words: every `xMinor` becomes `x`, in the row's own currency. */
function shownOf({ at: _at, orderId: _orderId, paymentId: _paymentId, currency, ...row }: Fields): Fields {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) =>
      typeof value === 'bigint' && name.endsWith('Minor')
        ? [name.slice(0, -'Minor'.length), exportedAmount(value, String(currency))]
        : [name, value],
    ),
  );
}

const ORDERS = `select ${PLACED}, x.number, x.type, x.status, x.payment_status as "paymentStatus", x.currency_code as currency,
    x.subtotal_minor as "subtotalMinor", x.tax_minor as "taxMinor", x.total_minor as "totalMinor", x.paid_minor as "amountPaidMinor",
    x.refunded_minor as "refundedMinor", x.cancel_reason as "cancelReason", x.created_at as "createdAt", x.issued_at as "issuedAt", x.paid_at as "paidAt"
  from orders x where x.tenant_id = current_tenant() and x.customer_id = $1 and ${BEHIND} ${IN_ORDER}`;
const ITEMS = `select i.order_id as "orderId", i.descriptions, i.quantity, i.unit_price_minor as "unitPriceMinor", i.tax_rate as "taxRate",
    i.net_minor as "netMinor", i.tax_minor as "taxMinor", i.gross_minor as "grossMinor", o.currency_code as currency
  from order_items i join orders o on o.tenant_id = i.tenant_id and o.id = i.order_id
  where i.tenant_id = current_tenant() and i.order_id = any($1::uuid[]) order by i.order_id, i.position`;
// No addresses of pay pages: who has one can pay, or see what the gateway shows.
const PAYMENTS = `select p.order_id as "orderId", p.id, p.gateway, p.method, p.status, p.amount_minor as "amountMinor",
    p.refunded_minor as "refundedMinor", p.currency_code as currency, p.reference_code as "referenceCode",
    p.gateway_reference as "gatewayReference", p.failure_reason as "failureReason", p.created_at as "createdAt", p.settled_at as "settledAt"
  from payments p where p.tenant_id = current_tenant() and p.order_id = any($1::uuid[]) order by p.created_at, p.id`;
const REFUNDS = `select r.payment_id as "paymentId", r.amount_minor as "amountMinor", p.currency_code as currency, r.reason, r.target, r.status,
    r.created_at as "createdAt", r.completed_at as "completedAt"
  from refunds r join payments p on p.tenant_id = r.tenant_id and p.id = r.payment_id
  where r.tenant_id = current_tenant() and p.order_id = any($1::uuid[]) order by r.created_at, r.id`;
const INVOICES = `select i.order_id as "orderId", i.kind, i.number, i.issued_at as "issuedAt", i.total_minor as "totalMinor", i.currency_code as currency
  from invoices i where i.tenant_id = current_tenant() and i.order_id = any($1::uuid[]) order by i.issued_at, i.number`;

export const readOrders: ReadPage = async (tx, customerId, after, rows) => {
  const orders = await tx.query<Row>(ORDERS, [customerId, after?.[0], after?.[1], rows]);
  const ids = [orders.map(({ id }) => id)];
  const [items, payments, refunds, invoices] = await Promise.all(
    [ITEMS, PAYMENTS, REFUNDS, INVOICES].map((text) => tx.query<Fields>(text, ids)),
  );
  const of = (all: readonly Fields[], name: string, id: unknown) => all.filter((one) => one[name] === id);
  return orders.map((order) => ({
    place: [order.at, order.id],
    shown: {
      ...shownOf(order),
      items: of(items!, 'orderId', order.id).map(shownOf),
      payments: of(payments!, 'orderId', order.id).map((payment) => ({
        ...shownOf(payment),
        referenceCode: masked(payment['referenceCode'] as string | null),
        gatewayReference: masked(payment['gatewayReference'] as string | null),
        refunds: of(refunds!, 'paymentId', payment['id']).map(shownOf),
      })),
      invoices: of(invoices!, 'orderId', order.id).map(shownOf),
    },
  }));
};

const BOOKINGS = `select ${PLACED}, x.reference, x.kind, x.status, x.starts_at as "start", x.ends_at as "end", x.amount_minor as "amountMinor",
    x.currency_code as currency, o.number as "orderNumber", x.provider_slug as provider, x.provider_reference as "providerReference",
    s.name as service, x.guests, x.contact, x.special_requests as "specialRequests", x.notes, x.cancel_reason as "cancelReason", x.created_at as "createdAt"
  from bookings x left join orders o on o.tenant_id = x.tenant_id and o.id = x.order_id
  left join products s on s.tenant_id = x.tenant_id and s.id = x.product_id
  where x.tenant_id = current_tenant() and x.customer_id = $1 and (x.kind = 'APPOINTMENT') = $5 and ${BEHIND} ${IN_ORDER}`;

const readBooked =
  (appointments: boolean): ReadPage =>
  async (tx, customerId, after, rows) => {
    const found = await tx.query<Row>(BOOKINGS, [customerId, after?.[0], after?.[1], rows, appointments]);
    return found.map((row) => ({
      place: [row.at, row.id],
      shown: { ...shownOf(row), contact: exportedContact(row['contact']) },
    }));
  };
export const readStaysAndFlights = readBooked(false);
export const readAppointments = readBooked(true);

const PACKAGES = `select ${PLACED}, x.reference, x.status, o.number as "orderNumber", x.total_minor as "totalMinor", x.currency_code as currency, x.note,
    x.created_at as "createdAt"
  from packages x left join orders o on o.tenant_id = x.tenant_id and o.id = x.order_id
  where x.tenant_id = current_tenant() and x.customer_id = $1 and ${BEHIND} ${IN_ORDER}`;

export const readPackages: ReadPage = async (tx, customerId, after, rows) => {
  const found = await tx.query<Row>(PACKAGES, [customerId, after?.[0], after?.[1], rows]);
  return found.map((row) => ({ place: [row.at, row.id], shown: shownOf(row) }));
};

const ENTRIES = `select a.id::text as at, e.sequence::text as id, a.kind as account, t.kind, t.occurred_at as "occurredAt", a.currency_code as currency,
    -e.amount_minor as "amountMinor", -e.balance_minor as "balanceMinor"
  from ledger_accounts a
  join ledger_entries e on e.tenant_id = a.tenant_id and e.account_id = a.id
  join ledger_transactions t on t.tenant_id = e.tenant_id and t.id = e.transaction_id
  where a.tenant_id = current_tenant() and a.holder_id = $1
    and ($2::uuid is null or (a.id, e.sequence) > ($2::uuid, $3::bigint))
  order by a.id, e.sequence limit $4`;

/** Wallet, points and cashback, account by account, each from its first entry on. */
export const readStatement: ReadPage = async (tx, customerId, after, rows) => {
  const found = await tx.query<Row & { kind: string; amountMinor: bigint }>(ENTRIES, [
    customerId,
    after?.[0],
    after?.[1],
    rows,
  ]);
  return found.map(({ id, ...row }) => ({
    place: [row.at, id],
    shown: { ...shownOf(row), kind: statementKindOf(row.kind, row.amountMinor) },
  }));
};

/** Mails about the person, and where the address is proven to be theirs, all that were sent there. */
const MAILS = `select ${PLACED}, x.kind, x.stream, x.state, x.reason, x.created_at as "createdAt", x.accepted_at as "acceptedAt", x.settled_at as "settledAt"
  from mail_messages x where x.tenant_id = current_tenant() and ${BEHIND} and x.id in (
    select m.id from mail_messages m where m.tenant_id = current_tenant() and m.about_id = $1
    union select m.id from users u join mail_messages m on m.tenant_id = u.tenant_id and m.address_hash = $5
      where u.tenant_id = current_tenant() and u.id = $1 and u.email_verified_at is not null
    union select m.id from orders o join invoices i on i.tenant_id = o.tenant_id and i.order_id = o.id
      join mail_messages m on m.tenant_id = i.tenant_id and m.about_id = i.id
      where o.tenant_id = current_tenant() and o.customer_id = $1) ${IN_ORDER}`;

export const readMails =
  (addressHash: Buffer): ReadPage =>
  async (tx, customerId, after, rows) => {
    const found = await tx.query<Row>(MAILS, [customerId, after?.[0], after?.[1], rows, addressHash]);
    return found.map((row) => ({ place: [row.at, row.id], shown: shownOf(row) }));
  };

export interface ExportedProfile extends Fields {
  readonly email: string;
  readonly emailVerifiedAt: Date | null;
}

/** Undefined for who is no customer (any more). */
export function readProfile(tx: Transaction, customerId: string): Promise<ExportedProfile | undefined> {
  return tx.maybeOne<ExportedProfile>(
    `select u.id, u.email, u.first_name as "firstName", u.last_name as "lastName", u.phone, u.locale, u.created_at as "createdAt",
       u.email_verified_at as "emailVerifiedAt" from users u
     where u.tenant_id = current_tenant() and u.id = $1 and u.role = 'CUSTOMER' and u.erased_at is null`,
    [customerId],
  );
}

/**
 * Of the newsletter, and where nothing is sent. Null where the address was never proven: whoever registers with somebody else's learns
 * nothing of them.
 */
export async function readMailState(
  tx: Transaction,
  { email, emailVerifiedAt }: ExportedProfile,
  addressHash: Buffer,
): Promise<{ newsletter: object | null; suppressions: readonly object[] } | null> {
  if (emailVerifiedAt === null) return null;
  const [newsletter, suppressions] = await Promise.all([
    tx.maybeOne<object>(
      `select n.state, n.locale, n.created_at as "createdAt", n.confirmed_at as "confirmedAt", n.unsubscribed_at as "unsubscribedAt"
       from newsletter_subscriptions n where n.tenant_id = current_tenant() and n.address = $1`,
      [email],
    ),
    tx.query<object>(
      `select s.stream, s.reason, s.created_at as "createdAt", s.lifted_at as "liftedAt" from mail_suppressions s
       where s.tenant_id = current_tenant() and s.address_hash = $1 order by s.stream`,
      [addressHash],
    ),
  ]);
  return { newsletter: newsletter ?? null, suppressions };
}
