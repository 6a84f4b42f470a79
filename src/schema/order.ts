import { authorize } from '../access.ts';
import { amountDueMinor } from '../domain/order.ts';
import { OrderStatus, OrderType } from '../generated/prisma/enums.ts';
import type { OrderModel } from '../generated/prisma/models.ts';
import { encodeGlobalId } from '../global-id.ts';
import type { BookingRow, InvoiceRow, ItemRow, PaymentRow } from '../loaders.ts';
import { inLanguage } from '../resolvers/invoice.ts';
import { cancelOrder, createOrder, issueOrder } from '../resolvers/order.ts';
import { listOrders, readOrder } from '../resolvers/order-read.ts';
import { authorizedLoad } from '../resolvers/node-load.ts';
import { productSold } from '../resolvers/product.ts';
import { Booking } from './booking.ts';
import { builder } from './builder.ts';
import { connectionArgs, connectionType } from './connection.ts';
import { Invoice } from './invoice.ts';
import { Money, money } from './money.ts';
import { payloadType, runVerb } from './mutation.ts';
import { Node, registerNode } from './node.ts';
import { PaymentStatusType } from './payment.ts';
import { Product } from './product.ts';
import { Order, Payment } from './refs.ts';
import { User } from './user.ts';

export const OrderTypeType = builder.enumType('OrderType', {
  values: Object.values(OrderType),
  description: 'What an order is for.',
});
export const OrderStatusType = builder.enumType('OrderStatus', {
  values: Object.values(OrderStatus),
  description: 'Where an order stands; it never goes back.',
});

const OrderItem = builder.objectRef<ItemRow & { currencyCode: string }>('OrderItem').implement({
  description: 'A line of an order; frozen once the order is issued.',
  fields: (t) => ({
    description: t.string({
      description: 'In the language asked for, else in English, else in the first there is.',
      args: { locale: t.arg({ type: 'Locale' }) },
      resolve: (item, { locale }) => inLanguage(item.descriptions as Record<string, string>, locale ?? 'en'),
    }),
    product: t.field({
      type: Product,
      nullable: true,
      description: 'What of the catalogue it is; null where it is none, or is not for sale any more.',
      resolve: (item, _args, ctx) => (item.productId === null ? null : productSold(ctx, item.productId)),
    }),
    quantity: t.exposeInt('quantity'),
    unitPrice: t.field({ type: Money, resolve: (item) => money(item.unitPriceMinor, item.currencyCode) }),
    taxRate: t.field({
      type: 'Decimal',
      nullable: true,
      description: 'In percent; null where no tax applies.',
      resolve: (item) => item.taxRate,
    }),
    tax: t.field({ type: Money, resolve: (item) => money(item.taxMinor, item.currencyCode) }),
    lineTotal: t.field({
      type: Money,
      description: 'With tax.',
      resolve: (item) => money(item.grossMinor, item.currencyCode),
    }),
  }),
});

Order.implement({
  description: 'What a customer buys from a tenant (COM-3). Totals are computed by the server.',
  interfaces: [Node],
  fields: (t) => ({
    id: t.id({ resolve: (order) => encodeGlobalId('Order', order.id) }),
    number: t.exposeString('number', { nullable: true, description: 'Given when issued; per tenant, without gaps.' }),
    type: t.expose('type', { type: OrderTypeType }),
    status: t.expose('status', { type: OrderStatusType }),
    paymentStatus: t.expose('paymentStatus', { type: PaymentStatusType }),
    customer: t.field({
      type: User,
      resolve: async (order, _args, ctx) => (await ctx.loaders.user.load(order.customerId))!,
    }),
    items: t.field({
      type: [OrderItem],
      resolve: async (order, _args, ctx) => {
        const items = await ctx.loaders.itemsOfOrder.load(order.id);
        return items.map((item) => Object.assign(item, { currencyCode: order.currencyCode }));
      },
    }),
    subtotal: t.field({
      type: Money,
      description: 'Without tax.',
      resolve: (order) => money(order.subtotalMinor, order.currencyCode),
    }),
    tax: t.field({ type: Money, resolve: (order) => money(order.taxMinor, order.currencyCode) }),
    total: t.field({
      type: Money,
      description: 'With tax.',
      resolve: (order) => money(order.totalMinor, order.currencyCode),
    }),
    amountPaid: t.field({
      type: Money,
      description: 'Settled; money under review is not in it.',
      resolve: (order) => money(order.paidMinor, order.currencyCode),
    }),
    amountDue: t.field({ type: Money, resolve: (order) => money(amountDueMinor(order), order.currencyCode) }),
    bookings: t.field({
      type: [Booking],
      resolve: (order, _args, ctx): Promise<BookingRow[]> => ctx.loaders.bookingsOfOrder.load(order.id),
    }),
    payments: t.field({
      type: [Payment],
      description: 'Oldest first.',
      resolve: (order, _args, ctx): Promise<PaymentRow[]> => {
        authorize(ctx, 'payment.read');
        return ctx.loaders.paymentsOfOrder.load(order.id);
      },
    }),
    creditNotes: t.field({
      type: [Invoice],
      description: 'What takes its invoice back after refunds, oldest first.',
      resolve: async (order, _args, ctx) => {
        const invoices = await ctx.loaders.invoicesOfOrder.load(order.id);
        return invoices.filter((invoice) => invoice.kind === 'CREDIT_NOTE');
      },
    }),
    invoice: t.field({
      type: Invoice,
      nullable: true,
      description: 'Made when the order is paid.',
      resolve: async (order, _args, ctx): Promise<InvoiceRow | null> => {
        authorize(ctx, 'invoice.read');
        const invoices = await ctx.loaders.invoicesOfOrder.load(order.id);
        return invoices.find((invoice) => invoice.kind === 'INVOICE') ?? null;
      },
    }),
    cancelReason: t.exposeString('cancelReason', { nullable: true }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    issuedAt: t.expose('issuedAt', { type: 'DateTime', nullable: true }),
    paidAt: t.expose('paidAt', { type: 'DateTime', nullable: true }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      nullable: true,
      description: 'Unpaid by then, the order ends.',
    }),
  }),
});
registerNode(
  'Order',
  authorizedLoad('order.read', (ctx, ids) => ctx.loaders.order.loadMany(ids)),
);

const OrderConnection = connectionType<OrderModel & { cursorAt: string }>('Order', Order as never);

const OrderFilter = builder.inputType('OrderFilter', {
  description: 'Every condition given must hold.',
  fields: (t) => ({
    status: t.field({ type: [OrderStatusType] }),
    paymentStatus: t.field({ type: [PaymentStatusType] }),
    type: t.field({ type: [OrderTypeType] }),
    customerId: t.id(),
    createdFrom: t.field({ type: 'DateTime', description: 'Inclusive.' }),
    createdTo: t.field({ type: 'DateTime', description: 'Exclusive.' }),
  }),
});

builder.queryFields((t) => ({
  orders: t.field({
    type: OrderConnection,
    description: "The tenant's orders, newest first; a customer sees their own only.",
    args: { filter: t.arg({ type: OrderFilter }), ...connectionArgs(t.arg) },
    resolve: (_root, { filter, ...page }, ctx) => listOrders(ctx, filter, page),
  }),
  order: t.field({
    type: Order,
    nullable: true,
    description: 'By id or by number; null where there is none, or none of yours.',
    args: { id: t.arg.id(), number: t.arg.string() },
    resolve: (_root, args, ctx) => readOrder(ctx, { id: args.id ?? null, number: args.number ?? null }),
  }),
}));

const OrderPayload = payloadType('OrderPayload', 'order', Order);

const LocalizedTextInput = builder.inputType('LocalizedTextInput', {
  fields: (t) => ({ locale: t.field({ type: 'Locale', required: true }), text: t.string({ required: true }) }),
});
const OrderItemInput = builder.inputType('OrderItemInput', {
  fields: (t) => ({
    productId: t.id({ description: 'It brings its own text, price and tax: these are left out then.' }),
    description: t.field({ type: [LocalizedTextInput] }),
    quantity: t.int({ required: true }),
    unitPrice: t.field({ type: 'Decimal', description: "Major units of the order's currency." }),
    taxRate: t.field({ type: 'Decimal', description: 'In percent: 14 is 14 %. Left out: no tax.' }),
  }),
});
const CreateOrderInput = builder.inputType('CreateOrderInput', {
  fields: (t) => ({
    type: t.field({ type: OrderTypeType, required: true }),
    customerId: t.id({ description: 'Left out by a customer: for oneself.' }),
    currencyCode: t.field({ type: 'CurrencyCode', description: "The tenant's when left out." }),
    items: t.field({ type: [OrderItemInput], required: true }),
    idempotencyKey: t.string(),
  }),
});
const IssueOrderInput = builder.inputType('IssueOrderInput', {
  fields: (t) => ({
    orderId: t.id({ required: true }),
    expiresAt: t.field({ type: 'DateTime', description: 'Unpaid by then, the order ends.' }),
    idempotencyKey: t.string(),
  }),
});
const CancelOrderInput = builder.inputType('CancelOrderInput', {
  fields: (t) => ({ orderId: t.id({ required: true }), reason: t.string(), idempotencyKey: t.string() }),
});

builder.mutationFields((t) => ({
  createOrder: t.field({
    type: OrderPayload,
    description:
      "Makes a draft order, for oneself or, as an operator, for a customer. An operator issues it; a customer's own order of type PRODUCT with products alone is issued at once, and so is a top-up.",
    args: { input: t.arg({ type: CreateOrderInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => createOrder(ctx, input),
        (id) => ctx.loaders.order.load(id),
      ),
  }),
  issueOrder: t.field({
    type: OrderPayload,
    description: 'Gives the order its number and freezes its items (COM-4).',
    args: { input: t.arg({ type: IssueOrderInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => issueOrder(ctx, input),
        (id) => ctx.loaders.order.load(id),
      ),
  }),
  cancelOrder: t.field({
    type: OrderPayload,
    description: 'Cancels an order that nobody paid.',
    args: { input: t.arg({ type: CancelOrderInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => cancelOrder(ctx, input),
        (id) => ctx.loaders.order.load(id),
      ),
  }),
}));
