import type { App } from '../context.ts';
import type { Transaction } from '../db.ts';
import { AppError } from '../errors.ts';
import { encodeGlobalId } from '../global-id.ts';

export interface StockLine {
  readonly productId: string;
  readonly quantity: number;
}

/**
 * Takes what an order sells, all of it or nothing (TEN-7). Products are locked in the order of their ids, after the order and before
 * the number counters (decisions.md, "Global lock order").
 * @param lines inner ids; lines of one product are one taking @throws OUT_OF_STOCK with the product
 */
export async function takeStock(
  app: Pick<App, 'clock'>,
  tx: Transaction,
  orderId: string,
  lines: readonly StockLine[],
): Promise<void> {
  const sums = new Map<string, number>();
  for (const { productId, quantity } of lines) sums.set(productId, (sums.get(productId) ?? 0) + quantity);
  const sorted = [...sums].toSorted(([one], [other]) => (one < other ? -1 : 1));
  for (const [productId, quantity] of sorted) {
    const taken = await tx.query(
      'update products set stock = stock - $2 where tenant_id = current_tenant() and id = $1 and stock >= $2 returning id',
      [productId, quantity],
    );
    if (taken.length === 0) throw outOfStock(productId);
    tx.later(
      `insert into stock_takings (tenant_id, order_id, product_id, quantity, taken_at) values (current_tenant(), $1, $2, $3, $4)`,
      [orderId, productId, quantity, app.clock.now()],
    );
  }
}

export function outOfStock(productId: string): AppError {
  return new AppError('OUT_OF_STOCK', 'There is not enough of this left.', {
    details: { productId: encodeGlobalId('Product', productId) },
  });
}

/** Puts back what an order took, once, whoever asks how often. The order is locked by the caller. */
export async function returnStock(app: Pick<App, 'clock'>, tx: Transaction, orderId: string): Promise<void> {
  const returned = await tx.query<StockLine>(
    `update stock_takings set returned_at = $2 where tenant_id = current_tenant() and order_id = $1 and returned_at is null
     returning product_id as "productId", quantity`,
    [orderId, app.clock.now()],
  );
  const sorted = returned.toSorted((one, other) => (one.productId < other.productId ? -1 : 1));
  for (const { productId, quantity } of sorted)
    tx.later('update products set stock = stock + $2 where tenant_id = current_tenant() and id = $1', [
      productId,
      quantity,
    ]);
}

/** The same where nobody paid in time and the tenant wants it back by itself. */
export async function returnStockOnExpiry(app: Pick<App, 'clock'>, tx: Transaction, orderId: string): Promise<void> {
  const wanted = await tx.query(
    'select 1 from portal_configs where tenant_id = current_tenant() and not return_stock_on_expiry',
  );
  if (wanted.length === 0) await returnStock(app, tx, orderId);
}
