import { encodeGlobalId } from '../global-id.ts';
import type { ProductRow } from '../loaders.ts';
import { authorizedLoad } from '../resolvers/node-load.ts';
import { listProducts, productsByIds, productsOf, upsertProduct } from '../resolvers/product.ts';
import { adjustStock } from '../resolvers/stock-adjust.ts';
import { builder } from './builder.ts';
import { connectionArgs, connectionType } from './connection.ts';
import { Money, money } from './money.ts';
import { payloadType, runVerb } from './mutation.ts';
import { Node, registerNode } from './node.ts';
import './tenant.ts';

export const Product = builder.objectRef<ProductRow>('Product').implement({
  description: 'What a tenant sells: goods and services (TEN-7).',
  interfaces: [Node],
  fields: (t) => ({
    id: t.id({ resolve: (product) => encodeGlobalId('Product', product.id) }),
    code: t.exposeString('code', { nullable: true, description: "The tenant's own name for it." }),
    name: t.exposeString('name'),
    description: t.exposeString('description', { nullable: true }),
    price: t.field({
      type: Money,
      description: "Of one. Whether tax is in it is said by the tenant's tax profile.",
      resolve: (product) => money(product.priceMinor, product.currencyCode),
    }),
    taxRate: t.field({
      type: 'Decimal',
      nullable: true,
      description: 'In percent; null where no tax applies.',
      resolve: (product) => product.taxRate,
    }),
    category: t.exposeString('category', { description: 'Such as consultation, fashion, course.' }),
    active: t.exposeBoolean('active', { description: 'Off: not for sale, and seen by staff only.' }),
    stock: t.exposeInt('stock', { description: 'How many are left to sell; never below zero.' }),
    images: t.field({ type: ['URL'], resolve: (product) => product.images }),
    bookable: t.exposeBoolean('bookable', { description: 'An appointment is booked with it.' }),
    durationMinutes: t.exposeInt('durationMinutes', {
      nullable: true,
      description: "Of an appointment; null: the tenant's rules say.",
    }),
    bufferMinutes: t.exposeInt('bufferMinutes', {
      nullable: true,
      description: "Kept free after an appointment; null: the tenant's rules say.",
    }),
    capacity: t.exposeInt('capacity', {
      nullable: true,
      description: "How many appointments at once; null: the tenant's rules say.",
    }),
  }),
});
registerNode('Product', authorizedLoad('product.read', productsByIds));

const ProductConnection = connectionType<ProductRow & { cursorAt: string }>('Product', Product as never);

builder.queryField('products', (t) =>
  t.field({
    type: ProductConnection,
    description: 'What is for sale, newest first; staff sees all. [public]',
    args: {
      category: t.arg.string(),
      search: t.arg.string({ description: 'Words of name or description, all of them, in any case, also parts.' }),
      ...connectionArgs(t.arg),
    },
    resolve: (_root, { category, search, ...page }, ctx) => listProducts(ctx, { category, search }, page),
  }),
);

builder.prismaObjectFields('Tenant', (t) => ({
  products: t.field({
    type: ProductConnection,
    description: 'As the query `products` gives them.',
    args: { category: t.arg.string(), search: t.arg.string(), ...connectionArgs(t.arg) },
    select: { id: true, slug: true },
    resolve: (tenant, { category, search, ...page }, ctx) => productsOf(ctx, tenant, { category, search }, page),
  }),
}));

const MoneyInput = builder.inputType('MoneyInput', {
  fields: (t) => ({
    amount: t.field({ type: 'Decimal', required: true, description: 'Major units.' }),
    currencyCode: t.field({ type: 'CurrencyCode', required: true }),
  }),
});
const UpsertProductInput = builder.inputType('UpsertProductInput', {
  description: 'What may be left out stays as it is; null takes away code, description, tax and times.',
  fields: (t) => ({
    id: t.id({ description: 'Left out: a new one.' }),
    code: t.string({ description: "Unique among the tenant's products." }),
    name: t.string({ required: true }),
    description: t.string(),
    price: t.field({ type: MoneyInput, required: true }),
    taxRate: t.field({ type: 'Decimal', description: 'In percent. Never said: no tax.' }),
    category: t.string({ required: true, description: 'A word of a-z, digits and hyphens.' }),
    active: t.boolean({ description: 'A new one is for sale unless told.' }),
    stock: t.int({
      description:
        'How many there are now, whatever was sold since they were counted: `adjustStock` adds and takes. A new one has none unless told.',
    }),
    images: t.field({ type: ['URL'], description: 'https only. Replaces the list.' }),
    bookable: t.boolean(),
    durationMinutes: t.int(),
    bufferMinutes: t.int(),
    capacity: t.int(),
    idempotencyKey: t.string(),
  }),
});

const AdjustStockInput = builder.inputType('AdjustStockInput', {
  fields: (t) => ({
    productId: t.id({ required: true }),
    delta: t.int({ required: true, description: 'How many came, or, below zero, are gone.' }),
    reason: t.string({ required: true, description: 'Kept in the audit log; 500 characters at most.' }),
    idempotencyKey: t.string(),
  }),
});

const ProductPayload = payloadType('ProductPayload', 'product', Product);

builder.mutationFields((t) => ({
  upsertProduct: t.field({
    type: ProductPayload,
    description: 'Makes a product or changes one. [operator]',
    args: { input: t.arg({ type: UpsertProductInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => upsertProduct(ctx, input),
        (id) => ctx.loaders.product.load(id),
      ),
  }),
  adjustStock: t.field({
    type: ProductPayload,
    description:
      'Adds to the stock of a product or takes from it, exactly, while it is being sold; OUT_OF_STOCK with how many are left where that is too few. [operator]',
    args: { input: t.arg({ type: AdjustStockInput, required: true }) },
    resolve: (_root, { input }, ctx) =>
      runVerb(
        ctx,
        () => adjustStock(ctx, input),
        (id) => ctx.loaders.product.load(id),
      ),
  }),
}));
