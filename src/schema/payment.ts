import { InquiryResolution, PaymentGateway, PaymentMethodKind, PaymentStatus } from '../generated/prisma/enums.ts';
import { encodeGlobalId, idOf } from '../global-id.ts';
import { authorizedLoad } from '../resolvers/node-load.ts';
import { paymentLink } from '../resolvers/pay-page.ts';
import {
  encodeMethodId,
  paymentMethods,
  payOrder,
  resolvePaymentReview,
  type OfferedMethod,
} from '../resolvers/payment.ts';
import { authorize } from '../access.ts';
import { builder } from './builder.ts';
import { Money, money } from './money.ts';
import { runVerb } from './mutation.ts';
import { PaymentPayload, Refund } from './refund.ts';
import { Node, registerNode } from './node.ts';
import { Order, Payment } from './refs.ts';

export const PaymentStatusType = builder.enumType('PaymentStatus', {
  values: Object.values(PaymentStatus),
  description: 'Where a payment stands; it never goes back.',
});
export const PaymentGatewayType = builder.enumType('PaymentGateway', {
  description: 'Who takes the money.',
  values: Object.values(PaymentGateway),
});
const PaymentMethodKindType = builder.enumType('PaymentMethodKind', {
  values: Object.values(PaymentMethodKind),
  description: 'What the customer gets: an address to go to, or a code to pay with.',
});
export const InquiryResolutionType = builder.enumType('InquiryResolution', {
  description: 'How far the looking up of an unknown outcome has come.',
  values: Object.values(InquiryResolution),
});

Payment.implement({
  description: "One attempt to pay all that is due on an order. Only the gateway's own word, asked back, moves it.",
  interfaces: [Node],
  fields: (t) => ({
    id: t.id({ resolve: (payment) => encodeGlobalId('Payment', payment.id) }),
    order: t.field({
      type: Order,
      resolve: async (payment, _args, ctx) => {
        authorize(ctx, 'order.read');
        return (await ctx.loaders.order.load(payment.orderId))!;
      },
    }),
    gateway: t.expose('gateway', { type: PaymentGatewayType }),
    method: t.exposeString('method', { nullable: true, description: "The gateway's name of the method." }),
    status: t.expose('status', { type: PaymentStatusType }),
    amount: t.field({ type: Money, resolve: (payment) => money(payment.amountMinor, payment.currencyCode) }),
    refunded: t.field({ type: Money, resolve: (payment) => money(payment.refundedMinor, payment.currencyCode) }),
    paymentUrl: t.field({
      type: 'URL',
      nullable: true,
      description:
        'Where the customer pays. A page of ours is signed anew for whoever asks, and good for half an hour.',
      resolve: (payment, _args, ctx) => paymentLink(ctx, payment),
    }),
    referenceCode: t.exposeString('referenceCode', {
      nullable: true,
      description: 'What the customer pays with at a counter.',
    }),
    gatewayReference: t.exposeString('gatewayReference', { nullable: true, description: "The gateway's own id." }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', nullable: true }),
    failureReason: t.exposeString('failureReason', { nullable: true }),
    reviewReason: t.exposeString('reviewReason', {
      nullable: true,
      description: 'Why an operator must decide: AMOUNT, CURRENCY, SECOND_SUCCESS, LATE_AFTER_EXPIRY, ORDER_CANCELLED.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    refunds: t.field({
      type: [Refund],
      description: 'What went back of it, or is on its way, oldest first.',
      resolve: (payment, _args, ctx) => ctx.loaders.refundsOfPayment.load(payment.id),
    }),
  }),
});
registerNode(
  'Payment',
  authorizedLoad('payment.read', (ctx, ids) => ctx.loaders.payment.loadMany(ids)),
);

const PaymentMethod = builder.objectRef<OfferedMethod>('PaymentMethod').implement({
  description: 'A way to pay an order now.',
  fields: (t) => ({
    id: t.id({ resolve: encodeMethodId }),
    gateway: t.field({ type: PaymentGatewayType, resolve: ({ gateway }) => gateway }),
    name: t.string({
      args: { locale: t.arg({ type: 'Locale' }) },
      resolve: ({ method }, { locale }) =>
        locale?.startsWith('ar') ? (method.nameAr ?? method.nameEn) : method.nameEn,
    }),
    kind: t.field({ type: PaymentMethodKindType, resolve: ({ method }) => method.kind }),
    logoUrl: t.field({ type: 'URL', nullable: true, resolve: ({ method }) => method.logoUrl }),
  }),
});

builder.queryFields((t) => ({
  paymentMethods: t.field({
    type: [PaymentMethod],
    description: 'How an order can be paid now.',
    args: { orderId: t.arg.id({ required: true }) },
    resolve: (_root, { orderId }, ctx) => paymentMethods(ctx, orderId),
  }),
  payment: t.field({
    type: Payment,
    nullable: true,
    description: 'By id; null where there is none, or none of yours.',
    args: { id: t.arg.id({ required: true }) },
    resolve: async (_root, { id }, ctx) => {
      authorize(ctx, 'payment.read');
      return ctx.loaders.payment.load(idOf('Payment', id, ['id']));
    },
  }),
}));

const PayOrderInput = builder.inputType('PayOrderInput', {
  fields: (t) => ({
    orderId: t.id({ required: true }),
    methodId: t.id({ required: true }),
    walletAmount: t.field({
      type: 'Decimal',
      description:
        "The part of what is due that the customer's wallet gives, in the order's currency; the method pays the rest.",
    }),
    returnUrl: t.field({ type: 'URL', description: "Where the customer comes back to; on one of the shop's origins." }),
    idempotencyKey: t.string(),
  }),
});
const ReviewDecision = builder.enumType('ReviewDecision', {
  description: 'What to do with money that is held under review.',
  values: ['ACCEPT', 'REFUND'] as const,
});
const ResolvePaymentReviewInput = builder.inputType('ResolvePaymentReviewInput', {
  fields: (t) => ({
    paymentId: t.id({ required: true }),
    decision: t.field({ type: ReviewDecision, required: true }),
    reason: t.string({ required: true }),
    idempotencyKey: t.string(),
  }),
});

builder.mutationFields((t) => ({
  payOrder: t.field({
    type: PaymentPayload,
    description: 'Starts a payment of all that is due, or continues the pending one by the same method (COM-5).',
    args: { input: t.arg({ type: PayOrderInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => payOrder(ctx, input),
        (id) => ctx.loaders.payment.load(id),
      ),
  }),
  resolvePaymentReview: t.field({
    type: PaymentPayload,
    description: 'Decides about money that is held under review: accept it, or give it back.',
    args: { input: t.arg({ type: ResolvePaymentReviewInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => resolvePaymentReview(ctx, input),
        (id) => ctx.loaders.payment.load(id),
      ),
  }),
}));
