import type { App } from '../context.ts';
import type { Transaction } from '../db.ts';
import { exponentOf, parseAmount, parseRate } from '../domain/money.ts';
import { AppError, invalidInput, notFound } from '../errors.ts';
import type { OrderType } from '../generated/prisma/enums.ts';
import { idOf } from '../global-id.ts';
import { outOfStock, takeStock, type StockLine } from './stock.ts';

export interface OrderItemInput {
  /** Global id of what is bought: it brings text, price and tax. */
  readonly productId?: string | null;
  readonly description?: readonly { locale: string; text: string }[] | null;
  readonly quantity: number;
  readonly unitPrice?: string | null;
  readonly taxRate?: string | null;
}

/** A line of an order before it is priced. */
interface Line {
  readonly quantity: number;
  readonly unitPriceMinor: bigint;
  readonly taxRate: string | null;
  readonly description: readonly { locale: string; text: string }[];
  readonly productId: string | null;
}

interface Sold {
  readonly id: string;
  readonly name: string;
  readonly priceMinor: bigint;
  readonly currencyCode: string;
  readonly taxRate: string | null;
  readonly active: boolean;
  readonly bookable: boolean;
}

const DESCRIPTION_MAX = 500;
const fieldOf = (index: number, name: string) => ['input', 'items', String(index), name];

/** What the items ask for of the catalogue; none of them where nothing is asked for of it. */
export function namesProducts(items: readonly OrderItemInput[]): boolean {
  return items.some(({ productId }) => isGiven(productId));
}

/**
 * The lines of an order. A product's line is as the catalogue says now; the order keeps it that way (COM-3).
 * @param currencyCode null where nobody said: the products', else the tenant's
 * @throws INVALID_INPUT, NOT_FOUND for what is not for sale, CURRENCY_MISMATCH
 */
export async function linesOf(
  tx: Transaction,
  items: readonly OrderItemInput[],
  currencyCode: string | null,
  { locale, ...order }: { readonly type: OrderType; readonly currency: string; readonly locale: string },
): Promise<{ lines: Line[]; currencyCode: string }> {
  const sold = await readSold(tx, items);
  const currency = currencyCode ?? sold.values().next().value?.currencyCode ?? order.currency;
  exponentOf(currency, ['input', 'currencyCode']);
  const lines = items.map((item, index) =>
    isGiven(item.productId)
      ? lineOfProduct(
          item,
          index,
          goodsOf(sold.get(innerId(item.productId, index)), order.type, index),
          currency,
          locale,
        )
      : lineOf(item, index, currency),
  );
  return { lines, currencyCode: currency };
}

async function readSold(tx: Transaction, items: readonly OrderItemInput[]): Promise<ReadonlyMap<string, Sold>> {
  const ids = items.flatMap(({ productId }, index) => (isGiven(productId) ? [innerId(productId, index)] : []));
  if (ids.length === 0) return new Map();
  const rows = await tx.query<Sold>(
    `select p.id, p.name, p.price_minor as "priceMinor", p.currency_code as "currencyCode", p.tax_rate as "taxRate", p.active, p.bookable
     from products p where p.tenant_id = current_tenant() and p.id = any($1::uuid[])`,
    [ids],
  );
  // In the order of the items, so that the first of them says the currency.
  const found = new Map(rows.map((row) => [row.id, row]));
  return new Map(ids.flatMap((id) => (found.has(id) ? [[id, found.get(id)!] as const] : [])));
}

/** A service is sold with its time, by bookAppointment; staff may bill one without. */
function goodsOf(product: Sold | undefined, type: OrderType, index: number): Sold | undefined {
  if (product?.active && product.bookable && type === 'PRODUCT')
    throw invalidInput('This is booked by time: use bookAppointment.', fieldOf(index, 'productId'));
  return product;
}

function lineOfProduct(
  item: OrderItemInput,
  index: number,
  product: Sold | undefined,
  currencyCode: string,
  locale: string,
): Line {
  // What is not for sale any more is not there for whoever buys, whether it ever was or not.
  if (!product?.active) throw notFound('product', fieldOf(index, 'productId'));
  for (const name of ['description', 'unitPrice', 'taxRate'] as const)
    if (isGiven(item[name])) throw invalidInput('A product brings its own text, price and tax.', fieldOf(index, name));
  if (product.currencyCode !== currencyCode)
    throw new AppError('CURRENCY_MISMATCH', `This product is sold in ${product.currencyCode}.`, {
      field: fieldOf(index, 'productId'),
      details: { currencyCode: product.currencyCode },
    });
  return {
    quantity: item.quantity,
    unitPriceMinor: product.priceMinor,
    taxRate: product.taxRate,
    description: [{ locale, text: product.name }],
    productId: product.id,
  };
}

function lineOf(item: OrderItemInput, index: number, currencyCode: string): Line {
  const field = (name: string) => fieldOf(index, name);
  if (!item.description?.length)
    throw invalidInput('An item needs a description in one language at least.', field('description'));
  for (const { text } of item.description) {
    if (text.trim() === '' || text.length > DESCRIPTION_MAX) {
      throw invalidInput(`A description has 1 to ${DESCRIPTION_MAX} characters.`, field('description'));
    }
  }
  if (!isGiven(item.unitPrice)) throw invalidInput('An item needs a unit price.', field('unitPrice'));
  const unitPriceMinor = parseAmount(item.unitPrice, currencyCode, field('unitPrice'));
  if (unitPriceMinor < 0n) throw invalidInput('A unit price is not negative.', field('unitPrice'));
  return {
    quantity: item.quantity,
    unitPriceMinor,
    taxRate: item.taxRate ? parseRate(item.taxRate, field('taxRate')).text : null,
    description: item.description,
    productId: null,
  };
}

function isGiven<T>(value: T | null | undefined): value is T {
  return value !== null && value !== undefined;
}

function innerId(productId: string, index: number): string {
  return idOf('Product', productId, fieldOf(index, 'productId'));
}

/**
 * Takes from the stock what an order has of the catalogue; before it is issued, so that a number is given only to what can be had.
 * @throws OUT_OF_STOCK
 */
export async function takeProducts(app: Pick<App, 'clock'>, tx: Transaction, orderId: string): Promise<void> {
  const lines = await tx.query<StockLine>(
    `select i.product_id as "productId", i.quantity from order_items i
     where i.tenant_id = current_tenant() and i.order_id = $1 and i.product_id is not null`,
    [orderId],
  );
  await takeStock(app, tx, orderId, lines);
}

/** An order that expired and is honoured nevertheless takes anew what it gave back. @throws OUT_OF_STOCK */
export async function retakeProducts(tx: Transaction, orderId: string): Promise<void> {
  const back = await tx.query<StockLine>(
    `update stock_takings set returned_at = null where tenant_id = current_tenant() and order_id = $1 and returned_at is not null
     returning product_id as "productId", quantity`,
    [orderId],
  );
  for (const { productId, quantity } of back.toSorted((one, other) => (one.productId < other.productId ? -1 : 1))) {
    const taken = await tx.query(
      'update products set stock = stock - $2 where tenant_id = current_tenant() and id = $1 and stock >= $2 returning id',
      [productId, quantity],
    );
    if (taken.length === 0) throw outOfStock(productId);
  }
}
