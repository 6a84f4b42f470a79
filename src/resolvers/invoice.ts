import { authorize } from '../access.ts';
import type { Context } from '../context.ts';
import type { Transaction } from '../db.ts';
import { buildInvoiceDocument, type InvoiceFacts } from '../domain/invoice.ts';
import type { LogoFacts } from '../domain/logo.ts';
import { formatInvoiceNumber } from '../domain/numbering.ts';
import type { OrderItemModel, OrderModel, TenantModel } from '../generated/prisma/models.ts';
import { columns } from '../columns.ts';
import { decodeGlobalId } from '../global-id.ts';
import { invalidInput } from '../errors.ts';
import {
  INVOICE_COLUMNS,
  ITEM_COLUMNS,
  ORDER_COLUMNS,
  USER_COLUMNS,
  type InvoiceRow,
  type UserRow,
} from '../loaders.ts';
import { nextNumber } from './order-lock.ts';
import type { Changing } from './payment-change.ts';

const TENANT_COLUMNS = columns('Tenant', 't');

/** Makes the order's invoice in the transaction that turned it PAID (COM-11): number, data and totals are frozen from here on. */
export async function issueInvoice(tx: Transaction, app: Changing, orderId: string): Promise<void> {
  // One message: the counter is locked until the commit, so it comes last.
  const [sources, last] = await Promise.all([readInvoiceSources(tx, orderId), nextNumber(tx, 'INVOICE')]);
  const { order } = sources;
  insertInvoice(tx, app, order, {
    ...invoiceFacts(sources, app.clock.now()),
    kind: 'INVOICE',
    number: formatInvoiceNumber('INVOICE', last),
    totalMinor: order.totalMinor,
    amountPaidMinor: order.paidMinor,
    // Invoices are made of orders that are PAID: nothing is due on them, and the rest was waived.
    waivedMinor: order.totalMinor - order.paidMinor,
  });
}

export interface InvoiceSources {
  readonly order: OrderModel;
  readonly items: readonly OrderItemModel[];
  readonly customer: UserRow;
  readonly tenant: SellerRow;
}

type SellerRow = TenantModel & { readonly logo: LogoFacts | null };

/** What stands on an order's invoice and credit notes, in one message. */
export async function readInvoiceSources(tx: Transaction, orderId: string): Promise<InvoiceSources> {
  const [order, items, customer, tenant] = await Promise.all([
    tx.one<OrderModel>(`select ${ORDER_COLUMNS} from orders o where o.tenant_id = current_tenant() and o.id = $1`, [
      orderId,
    ]),
    tx.query<OrderItemModel>(
      `select ${ITEM_COLUMNS} from order_items i where i.tenant_id = current_tenant() and i.order_id = $1 order by i.position`,
      [orderId],
    ),
    tx.one<UserRow>(
      `select ${USER_COLUMNS} from users u where u.tenant_id = current_tenant() and u.id = (
         select o.customer_id from orders o where o.tenant_id = current_tenant() and o.id = $1)`,
      [orderId],
    ),
    tx.one<SellerRow>(
      `select ${TENANT_COLUMNS}, case when l.sha256 is not null then jsonb_build_object(
         'sha256', l.sha256, 'mediaType', l.media_type, 'width', l.width, 'height', l.height) end as logo
       from tenants t left join tenant_logos l on l.tenant_id = t.id and l.sha256 = t.logo_sha256 where t.id = current_tenant()`,
    ),
  ]);
  return { order, items, customer, tenant };
}

/** Writes it down, frozen. @returns its id */
export function insertInvoice(tx: Transaction, app: Changing, order: OrderModel, facts: InvoiceFacts): string {
  const id = app.newId();
  tx.later(
    `insert into invoices (tenant_id, id, number, kind, order_id, customer_id, total_minor, currency_code, document, issued_at)
     values (current_tenant(), $1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [
      id,
      facts.number,
      facts.kind,
      order.id,
      order.customerId,
      facts.totalMinor,
      order.currencyCode,
      JSON.stringify(buildInvoiceDocument(facts)),
      app.clock.now(),
    ],
  );
  return id;
}

type CommonFacts = Pick<
  InvoiceFacts,
  'issuedAt' | 'orderNumber' | 'locale' | 'tenant' | 'customer' | 'currencyCode' | 'lines'
>;

/** What an invoice and its credit notes have in common. */
export function invoiceFacts({ order, items, customer, tenant }: InvoiceSources, now: Date): CommonFacts {
  const locale = customer.locale ?? tenant.locale;
  const legal = tenant.legal as { addressLines?: string[]; legalText?: string | null; taxId?: string | null };
  return {
    issuedAt: localDay(now, tenant.timeZone),
    orderNumber: order.number!,
    locale,
    tenant: {
      name: tenant.name,
      addressLines: legal.addressLines ?? [],
      legalText: legal.legalText ?? null,
      taxId: legal.taxId ?? null,
      logo: tenant.logo,
    },
    customer: {
      name: [customer.firstName, customer.lastName].filter(Boolean).join(' ') || customer.email,
      email: customer.email,
    },
    currencyCode: order.currencyCode,
    lines: items.map((item) => ({
      description: inLanguage(item.descriptions as Record<string, string>, locale),
      quantity: item.quantity,
      unitPriceMinor: item.unitPriceMinor,
      taxRate: item.taxRate,
      netMinor: item.netMinor,
      taxMinor: item.taxMinor,
      grossMinor: item.grossMinor,
    })),
  };
}

/** The calendar day of an instant where the tenant is. */
function localDay(instant: Date, timeZone: string): string {
  let format = dayFormats.get(timeZone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-CA', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' });
    dayFormats.set(timeZone, format);
  }
  return format.format(instant);
}

// Making one costs more than everything else of an invoice's data. There are a few hundred time zones.
const dayFormats = new Map<string, Intl.DateTimeFormat>();

/** The text in a locale: the same locale, else the same language, else English, else what there is. */
export function inLanguage(texts: Readonly<Record<string, string>>, locale: string): string {
  const language = locale.split('-')[0]!;
  const near = Object.keys(texts).find((name) => name.split('-')[0] === language);
  return (
    texts[locale] ?? (near === undefined ? undefined : texts[near]) ?? texts['en'] ?? Object.values(texts)[0] ?? ''
  );
}

/** An invoice by id or number; null where there is none of the caller's. */
export async function readInvoice(
  ctx: Context,
  by: { id?: string | null; number?: string | null },
): Promise<InvoiceRow | null> {
  authorize(ctx, 'invoice.read');
  if (by.id) {
    const decoded = decodeGlobalId(by.id);
    return decoded?.typeName === 'Invoice' ? ctx.loaders.invoice.load(decoded.id) : null;
  }
  if (!by.number) throw invalidInput('Ask by id or by number.', ['id']);
  const rows = await ctx.reads.query<InvoiceRow>(
    `select ${INVOICE_COLUMNS} from invoices v where v.tenant_id = current_tenant() and v.number = $1`,
    [by.number],
  );
  return rows[0] ?? null;
}

const LINK_MS = 15 * 60_000;

/** A signed link to the page, good for fifteen minutes and for nothing else (COM-11). */
export function invoiceLink(ctx: Context, invoice: Pick<InvoiceRow, 'id'>): string {
  const expiresAt = new Date(ctx.app.clock.now().getTime() + LINK_MS);
  const token = ctx.app.vault.sign('invoice', { tenantId: ctx.scope.tenantId, id: invoice.id }, expiresAt);
  return `${ctx.app.config.baseUrl}/invoices/${invoice.id}.pdf?token=${encodeURIComponent(token)}`;
}
