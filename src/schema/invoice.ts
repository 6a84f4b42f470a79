import { authorize } from '../access.ts';
import { InvoiceKind } from '../generated/prisma/enums.ts';
import { encodeGlobalId } from '../global-id.ts';
import type { InvoiceRow } from '../loaders.ts';
import { readInvoiceArchive, type InvoiceArchive } from '../resolvers/invoice-archive.ts';
import { invoiceLink, readInvoice } from '../resolvers/invoice.ts';
import { authorizedLoad } from '../resolvers/node-load.ts';
import { builder } from './builder.ts';
import { Money, money } from './money.ts';
import { Node, registerNode } from './node.ts';
import { Order } from './refs.ts';

const InvoiceKindType = builder.enumType('InvoiceKind', {
  description: 'A credit note takes an invoice back, in part or whole.',
  values: Object.values(InvoiceKind),
});

export const Invoice = builder.objectRef<InvoiceRow>('Invoice').implement({
  description: 'Immutable once issued (COM-11).',
  interfaces: [Node],
  fields: (t) => ({
    id: t.id({ resolve: (invoice) => encodeGlobalId('Invoice', invoice.id) }),
    number: t.exposeString('number', { description: 'Per tenant, without gaps.' }),
    kind: t.expose('kind', { type: InvoiceKindType }),
    order: t.field({
      type: Order,
      resolve: async (invoice, _args, ctx) => {
        authorize(ctx, 'order.read');
        return (await ctx.loaders.order.load(invoice.orderId))!;
      },
    }),
    issuedAt: t.expose('issuedAt', { type: 'DateTime' }),
    total: t.field({ type: Money, resolve: (invoice) => money(invoice.totalMinor, invoice.currencyCode) }),
    data: t.field({
      type: 'JSON',
      description: 'Everything its page shows: lines, taxes, names, as frozen when issued.',
      resolve: (invoice, _args, ctx) => ctx.loaders.documentOfInvoice.load(invoice.id),
    }),
    pdfUrl: t.field({
      type: 'URL',
      description: 'A link to the page, good for fifteen minutes.',
      resolve: (invoice, _args, ctx) => invoiceLink(ctx, invoice),
    }),
  }),
});
registerNode(
  'Invoice',
  authorizedLoad('invoice.read', (ctx, ids) => ctx.loaders.invoice.loadMany(ids)),
);

const InvoiceArchiveType = builder.objectRef<InvoiceArchive>('InvoiceArchive').implement({
  description: "A month's invoices and credit notes to download (COM-11).",
  fields: (t) => ({
    month: t.exposeString('month', { description: 'YYYY-MM, of the days that stand on the pages.' }),
    invoices: t.exposeInt('invoices', { description: 'Invoices and credit notes in it.' }),
    url: t.expose('url', {
      type: 'URL',
      description: 'A zip of their pages with manifest.csv at its end. The link may be opened for fifteen minutes.',
    }),
  }),
});

builder.queryFields((t) => ({
  invoiceArchive: t.field({
    type: InvoiceArchiveType,
    description: 'All invoices and credit notes of a calendar month (YYYY-MM) as a zip. [operator]',
    args: { month: t.arg.string({ required: true }) },
    resolve: (_root, { month }, ctx) => readInvoiceArchive(ctx, month),
  }),
  invoice: t.field({
    type: Invoice,
    nullable: true,
    description: 'By id or by number; null where there is none, or none of yours.',
    args: { id: t.arg.id(), number: t.arg.string() },
    resolve: (_root, args, ctx) => readInvoice(ctx, { id: args.id ?? null, number: args.number ?? null }),
  }),
}));
