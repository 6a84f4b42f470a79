import { randomUUID } from 'node:crypto';

import type { As, TestApp } from './app.ts';
import { rawId, type Shop } from './shop.ts';

/** The catalogue of a shop, and what its customers buy of it. */

const UPSERT =
  'mutation ($input: UpsertProductInput!) { upsertProduct(input: $input) { product { id code name description price { amount currencyCode } taxRate category active stock images bookable durationMinutes bufferMinutes capacity } userErrors { code field details } } }';
const CREATE =
  'mutation ($input: CreateOrderInput!) { createOrder(input: $input) { order { id number status type expiresAt subtotal { amount } tax { amount } total { amount currencyCode } items { quantity description unitPrice { amount } taxRate product { id name } } } userErrors { code field details } } }';
const ADJUST =
  'mutation ($input: AdjustStockInput!) { adjustStock(input: $input) { product { id stock } userErrors { code field details } } }';
const CANCEL =
  'mutation ($input: CancelOrderInput!) { cancelOrder(input: $input) { order { status } userErrors { code } } }';

export const PRODUCT = { name: 'Tea', price: { amount: '10.00', currencyCode: 'EGP' }, category: 'drinks' };

export class Catalogue {
  readonly shop: Shop;
  readonly world: TestApp;

  constructor(shop: Shop) {
    this.shop = shop;
    this.world = shop.world;
  }

  async upsert(input: object, as: As = this.shop.operator): Promise<any> {
    return (await this.world.data(as, UPSERT, { input })).upsertProduct;
  }

  /** @returns its global id */
  async product(fields: object = {}): Promise<string> {
    const { product, userErrors } = await this.upsert({ ...PRODUCT, stock: 10, ...fields });
    if (!product) throw new Error(JSON.stringify(userErrors));
    return product.id;
  }

  async adjust(productId: string, delta: number, more: object = {}, as: As = this.shop.operator): Promise<any> {
    return (await this.world.data(as, ADJUST, { input: { productId, delta, reason: 'Counted', ...more } })).adjustStock;
  }

  async stockOf(productId: string): Promise<number> {
    return (await this.world.owner('select stock from products where id = $1', [rawId(productId)]))[0].stock;
  }

  /** A customer's own order of products. */
  async buy(items: readonly object[], as: As = this.shop.customer, more: object = {}): Promise<any> {
    return (await this.world.data(as, CREATE, { input: { type: 'PRODUCT', items, ...more } })).createOrder;
  }

  async bought(items: readonly object[]): Promise<string> {
    const { order, userErrors } = await this.buy(items);
    if (!order) throw new Error(JSON.stringify(userErrors));
    return order.id;
  }

  async cancel(orderId: string): Promise<any> {
    return (await this.world.data(this.shop.operator, CANCEL, { input: { orderId } })).cancelOrder;
  }

  /** Somebody new, signed in. */
  async customer(): Promise<As> {
    const { register } = await this.world.data(
      { key: this.world.facts.portalKey },
      'mutation ($input: RegisterInput!) { register(input: $input) { session { accessToken } userErrors { code } } }',
      { input: { email: `${randomUUID()}@buyers.example`, password: 'a-long-password' } },
    );
    return { token: register.session.accessToken };
  }
}
