import { authorize } from '../access.ts';
import { RefundStatus, RefundTarget } from '../generated/prisma/enums.ts';
import type { RefundModel } from '../generated/prisma/models.ts';
import { encodeGlobalId } from '../global-id.ts';
import { authorizedLoad } from '../resolvers/node-load.ts';
import { resolveRefund } from '../resolvers/refund-resolve.ts';
import { refundPayment } from '../resolvers/refund.ts';
import { builder } from './builder.ts';
import { Invoice } from './invoice.ts';
import { Money, money } from './money.ts';
import { payloadType, runVerb } from './mutation.ts';
import { Node, registerNode } from './node.ts';
import { Payment } from './refs.ts';

const RefundTargetType = builder.enumType('RefundTarget', {
  values: Object.values(RefundTarget),
  description: "Where a refund goes: back through the gateway, or into the customer's wallet.",
});
const RefundStatusType = builder.enumType('RefundStatus', {
  values: Object.values(RefundStatus),
  description: 'REQUESTED until the gateway confirms it; REJECTED gave nothing back.',
});

/** A refund, with the currency of its payment. */
export const Refund = builder.objectRef<RefundModel>('Refund').implement({
  description: 'Money given back of a payment (COM-10).',
  interfaces: [Node],
  fields: (t) => ({
    id: t.id({ resolve: (refund) => encodeGlobalId('Refund', refund.id) }),
    payment: t.field({
      type: Payment,
      resolve: async (refund, _args, ctx) => (await ctx.loaders.payment.load(refund.paymentId))!,
    }),
    amount: t.field({
      type: Money,
      resolve: async (refund, _args, ctx) => {
        const payment = (await ctx.loaders.payment.load(refund.paymentId))!;
        return money(refund.amountMinor, payment.currencyCode);
      },
    }),
    target: t.expose('target', { type: RefundTargetType }),
    status: t.expose('status', { type: RefundStatusType }),
    reason: t.exposeString('reason'),
    failureReason: t.exposeString('failureReason', { nullable: true }),
    creditNote: t.field({
      type: Invoice,
      nullable: true,
      description: 'What takes the sale back on paper; made when the refund is done.',
      resolve: (refund, _args, ctx) => {
        authorize(ctx, 'invoice.read');
        return refund.creditNoteId ? ctx.loaders.invoice.load(refund.creditNoteId) : null;
      },
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    completedAt: t.expose('completedAt', { type: 'DateTime', nullable: true }),
  }),
});
registerNode(
  'Refund',
  authorizedLoad('payment.read', (ctx, ids) => ctx.loaders.refund.loadMany(ids)),
);

export const PaymentPayload = payloadType('PaymentPayload', 'payment', Payment);

const RefundPaymentInput = builder.inputType('RefundPaymentInput', {
  fields: (t) => ({
    paymentId: t.id({ required: true }),
    amount: t.field({
      type: 'Decimal',
      description: "In the payment's currency; all that is left where it is not given.",
    }),
    reason: t.string({ required: true }),
    to: t.field({
      type: RefundTargetType,
      description: 'GATEWAY where it is not given. Money that came from the wallet always goes back there.',
    }),
    idempotencyKey: t.string(),
  }),
});
const RefundOutcome = builder.enumType('RefundOutcome', {
  description: "What a person found in the vendor's own books.",
  values: ['DONE', 'NOT_DONE'] as const,
});
const ResolveRefundInput = builder.inputType('ResolveRefundInput', {
  fields: (t) => ({
    refundId: t.id({ required: true }),
    outcome: t.field({ type: RefundOutcome, required: true }),
    reason: t.string({ required: true }),
    idempotencyKey: t.string(),
  }),
});

builder.mutationFields((t) => ({
  resolveRefund: t.field({
    type: PaymentPayload,
    description: 'Says what became of a refund that its gateway can not tell of; only where an inquiry was opened.',
    args: { input: t.arg({ type: ResolveRefundInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => resolveRefund(ctx, input),
        (id) => ctx.loaders.payment.load(id),
      ),
  }),
  refundPayment: t.field({
    type: PaymentPayload,
    description:
      'Gives a payment back, in full or in part (COM-10). What the gateway approves later stays REQUESTED until it says so.',
    args: { input: t.arg({ type: RefundPaymentInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => refundPayment(ctx, input),
        (id) => ctx.loaders.payment.load(id),
      ),
  }),
}));
