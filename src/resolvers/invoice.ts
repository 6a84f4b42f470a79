import { authorize } from '../access.ts';
import type { Context } from '../context.ts';
import type { Transaction } from '../db.ts';
import { buildInvoiceDocument, type InvoiceFacts } from '../domain/invoice.ts';
import { localDay } from '../domain/local-day.ts';
import type { LogoFacts } from '../domain/logo.ts';
import type { LoyaltyRules } from '../domain/loyalty.ts';
import { invoiceNumberForm } from '../domain/numbering.ts';
import type { OrderItemModel, OrderModel, TenantModel, UserModel } from '../generated/prisma/models.ts';
import { columns } from '../columns.ts';
import { decodeGlobalId } from '../global-id.ts';
import { invalidInput } from '../errors.ts';
import { INVOICE_COLUMNS, ITEM_COLUMNS, ORDER_COLUMNS, type InvoiceRow } from '../loaders.ts';
import { queueMail } from './mail-outbox.ts';
import type { Changing } from './payment-change.ts';

const RULES_COLUMNS = columns('LoyaltyRules', 'l', ['tenantId']);

/** Makes the invoice of an order that is paid by being issued, in the transaction that turned it PAID (COM-11). */
export async function issueInvoice(tx: Transaction, app: Changing, orderId: string): Promise<void> {
  const { order, ...sale } = await readInvoiceSources(tx, orderId);
  issueInvoiceOf(tx, app, order, sale);
}

/**
 * Makes an order's invoice in the transaction that turned it PAID (COM-11): number, data and totals are frozen from here on.
 * @param order as it is after that
 */
export function issueInvoiceOf(tx: Transaction, app: Changing, order: OrderModel, sale: Sale): void {
  insertInvoice(tx, app, order, {
    ...invoiceFacts({ order, ...sale }, app.clock.now()),
    kind: 'INVOICE',
    totalMinor: order.totalMinor,
    amountPaidMinor: order.paidMinor,
    // Invoices are made of orders that are PAID: nothing is due on them, and the rest was waived.
    waivedMinor: order.totalMinor - order.paidMinor,
  });
}

/** What stands on an order's invoice besides the order itself, and what it earns by. */
export interface Sale {
  readonly items: readonly OrderItemModel[];
  readonly parties: Parties;
  /** Undefined where the tenant has set none. */
  readonly rules: LoyaltyRules | undefined;
}

/** Who sells, as it calls itself today, and who buys. */
type Parties = Pick<TenantModel, 'name' | 'locale' | 'timeZone' | 'legal'> & {
  readonly logo: LogoFacts | null;
  readonly customerLocale: string | null;
} & Pick<UserModel, 'firstName' | 'lastName' | 'email' | 'erasedAt'>;

const ITEMS = `select ${ITEM_COLUMNS} from order_items i where i.tenant_id = current_tenant() and i.order_id =`;
const PARTIES = `select t.name, t.locale, t.time_zone as "timeZone", t.legal, u.locale as "customerLocale", u.first_name as "firstName",
    u.last_name as "lastName", u.email, u.erased_at as "erasedAt", case when g.sha256 is not null then jsonb_build_object(
      'sha256', g.sha256, 'mediaType', g.media_type, 'width', g.width, 'height', g.height) end as logo, ${RULES_COLUMNS}
  from tenants t
  join orders o on o.tenant_id = t.id join users u on u.tenant_id = o.tenant_id and u.id = o.customer_id
  left join tenant_logos g on g.tenant_id = t.id and g.sha256 = t.logo_sha256
  left join loyalty_rules l on l.tenant_id = t.id
  where t.id = current_tenant() and o.id =`;
const OF_PAYMENT = '(select p.order_id from payments p where p.tenant_id = current_tenant() and p.id = $1)';

/** Of the order that a payment is for, in one message. */
export function readSaleOfPayment(tx: Transaction, paymentId: string): Promise<Sale> {
  return readSale(tx, OF_PAYMENT, paymentId);
}

async function readSale(tx: Transaction, orderIs: string, id: string): Promise<Sale> {
  const [items, found] = await Promise.all([
    tx.query<OrderItemModel>(`${ITEMS} ${orderIs} order by i.position`, [id]),
    tx.one<Parties & (LoyaltyRules | { readonly pointsEnabled: null })>(`${PARTIES} ${orderIs}`, [id]),
  ]);
  return { items, parties: found, rules: found.pointsEnabled === null ? undefined : found };
}

export type InvoiceSources = { readonly order: OrderModel } & Sale;

/** What stands on an order's invoice and credit notes, in one message. */
export async function readInvoiceSources(tx: Transaction, orderId: string): Promise<InvoiceSources> {
  const [order, sale] = await Promise.all([
    tx.one<OrderModel>(`select ${ORDER_COLUMNS} from orders o where o.tenant_id = current_tenant() and o.id = $1`, [
      orderId,
    ]),
    readSale(tx, '$1', orderId),
  ]);
  return { order, ...sale };
}

/** Counts and writes in one statement: the counter is locked until the commit, and nobody here needs to know the number. */
const INSERT = `with counted as (
    insert into number_counters as c (tenant_id, kind, last) values (current_tenant(), $1::text, 1)
    on conflict (tenant_id, kind) do update set last = c.last + 1 returning last),
  numbered as (
    select $2::text || lpad(n.last::text, greatest($3::int, length(n.last::text)), '0') as number from counted n)
  insert into invoices (tenant_id, id, number, kind, order_id, customer_id, total_minor, currency_code, document, issued_at)
  select current_tenant(), $4::uuid, n.number, $1::invoice_kind, $5::uuid, $6::uuid, $7::bigint, $8, jsonb_set($9::jsonb, '{number}', to_jsonb(n.number)), $10::timestamptz
  from numbered n`;

/** Writes it down, frozen, with the next number of its kind. @returns its id */
export function insertInvoice(
  tx: Transaction,
  app: Changing,
  order: OrderModel,
  facts: Omit<InvoiceFacts, 'number'>,
): string {
  const id = app.newId();
  const { prefix, digitsMin } = invoiceNumberForm(facts.kind);
  tx.later(INSERT, [
    facts.kind,
    prefix,
    digitsMin,
    id,
    order.id,
    order.customerId,
    facts.totalMinor,
    order.currencyCode,
    JSON.stringify(buildInvoiceDocument({ ...facts, number: NUMBERED_BY_DATABASE })),
    app.clock.now(),
  ]);
  // The invoice is the occasion: it is made once, wherever an order turns PAID.
  if (facts.kind === 'INVOICE') queueMail(app, tx, { kind: 'ORDER_PAID', aboutId: id });
  return id;
}

const NUMBERED_BY_DATABASE = '';

type CommonFacts = Pick<
  InvoiceFacts,
  'issuedAt' | 'orderNumber' | 'locale' | 'tenant' | 'customer' | 'currencyCode' | 'lines'
>;

/** What an invoice and its credit notes have in common. */
export function invoiceFacts({ order, items, parties }: InvoiceSources, now: Date): CommonFacts {
  const locale = parties.customerLocale ?? parties.locale;
  const legal = parties.legal as { addressLines?: string[]; legalText?: string | null; taxId?: string | null };
  return {
    issuedAt: localDay(now, parties.timeZone),
    orderNumber: order.number!,
    locale,
    tenant: {
      name: parties.name,
      addressLines: legal.addressLines ?? [],
      legalText: legal.legalText ?? null,
      taxId: legal.taxId ?? null,
      logo: parties.logo,
    },
    customer: {
      name: [parties.firstName, parties.lastName].filter(Boolean).join(' ') || parties.email,
      email: parties.email,
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
