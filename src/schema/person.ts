import { ERASURE_REASONS, eraseCustomer } from '../resolvers/person-erase.ts';
import { exportCustomer, exportLink, type CustomerExport } from '../resolvers/person-export.ts';
import { builder } from './builder.ts';
import { payloadType, runVerb } from './mutation.ts';
import { User } from './user.ts';

const ErasureReasonType = builder.enumType('ErasureReason', {
  description: 'Why staff erases a customer. A closed list, because it stands in the audit log for good.',
  values: ERASURE_REASONS,
});

const UserPayload = payloadType('UserPayload', 'user', User);

const CustomerExportType = builder.objectRef<CustomerExport>('CustomerExport').implement({
  description:
    "All that is kept of a customer, as one JSON document: profile, orders with items, payments, refunds and invoices' numbers, bookings, appointments, packages, statements of wallet and points, newsletter and mails. No keys, sessions or pay pages; references and passport numbers masked.",
  fields: (t) => ({
    url: t.expose('url', { type: 'URL', description: 'Streams the document to whoever opens it, without a login.' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'When the link can not be opened any more.' }),
  }),
});
const CustomerExportPayload = payloadType<CustomerExport>(
  'CustomerExportPayload',
  'customerExport',
  CustomerExportType,
);

const ExportCustomerInput = builder.inputType('ExportCustomerInput', {
  fields: (t) => ({
    customerId: t.id({ description: 'A customer may leave it out: it is for themself.' }),
    idempotencyKey: t.string(),
  }),
});
const EraseCustomerInput = builder.inputType('EraseCustomerInput', {
  fields: (t) => ({
    customerId: t.id({ description: 'A customer may leave it out: it is for themself.' }),
    password: t.string({ description: 'Of the customer who erases themself; staff gives none.' }),
    reason: t.field({ type: ErasureReasonType, description: 'Of staff.' }),
    idempotencyKey: t.string(),
  }),
});

builder.mutationFields((t) => ({
  exportCustomer: t.field({
    type: CustomerExportPayload,
    description:
      "A short-lived link to a customer's data; that it was asked for, and by whom, stands in the audit log. [customer, for others operator]",
    args: { input: t.arg({ type: ExportCustomerInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => exportCustomer(ctx, input),
        async (id) => exportLink(ctx, id),
      ),
  }),
  eraseCustomer: t.field({
    type: UserPayload,
    description:
      'Takes away what is known of a customer: profile, guests, notes, mail, newsletter, links, sessions, bodies of webhooks. Ledger, audit log and invoices stay. Refused with ERASURE_BLOCKED while money or bookings are open; `details.open` lists them. [customer, for others operator]',
    args: { input: t.arg({ type: EraseCustomerInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => eraseCustomer(ctx, input),
        (id) => ctx.loaders.user.load(id),
      ),
  }),
}));
