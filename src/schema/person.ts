import { ERASURE_REASONS, eraseCustomer } from '../resolvers/person-erase.ts';
import { builder } from './builder.ts';
import { payloadType, runVerb } from './mutation.ts';
import { User } from './user.ts';

const ErasureReasonType = builder.enumType('ErasureReason', {
  description: 'Why staff erases a customer. A closed list, because it stands in the audit log for good.',
  values: ERASURE_REASONS,
});

const UserPayload = payloadType('UserPayload', 'user', User);

const EraseCustomerInput = builder.inputType('EraseCustomerInput', {
  fields: (t) => ({
    customerId: t.id({ description: 'A customer may leave it out: it is for themself.' }),
    password: t.string({ description: 'Of the customer who erases themself; staff gives none.' }),
    reason: t.field({ type: ErasureReasonType, description: 'Of staff.' }),
    idempotencyKey: t.string(),
  }),
});

builder.mutationFields((t) => ({
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
