import { authorize } from '../access.ts';
import type { Context } from '../context.ts';
import type { Transaction } from '../db.ts';
import { STOCK_MAX } from '../domain/product.ts';
import { AppError, invalidInput, notFound } from '../errors.ts';
import { encodeGlobalId, idOf } from '../global-id.ts';
import { runOperation, type Done } from '../operations.ts';
import { authorOf, recordChange, type Author } from './configuration.ts';

export interface AdjustStockInput {
  readonly productId: string;
  /** How many came (above zero) or are gone (below zero). */
  readonly delta: number;
  readonly reason: string;
  readonly idempotencyKey?: string | null | undefined;
}

const REASON_MAX = 500;
const PRODUCT_FIELD = ['input', 'productId'];
const DELTA_FIELD = ['input', 'delta'];

/**
 * Changes how many there are by so many, whatever is sold at the same moment (TEN-7): what was counted by hand and then written down by
 * `upsertProduct` would undo the sales between. The reason is kept in the audit log.
 * @throws OUT_OF_STOCK where more would go than there is, INVALID_INPUT, NOT_FOUND
 */
export async function adjustStock(ctx: Context, input: AdjustStockInput): Promise<Done> {
  authorize(ctx, 'product.update');
  const id = idOf('Product', input.productId, PRODUCT_FIELD);
  const { delta, reason } = input;
  if (delta === 0 || Math.abs(delta) > STOCK_MAX)
    throw invalidInput(`This is a whole number of ${STOCK_MAX} at most, above or below zero.`, DELTA_FIELD);
  if (reason.trim() === '' || reason.length > REASON_MAX)
    throw invalidInput(`Give a reason of 1 to ${REASON_MAX} characters.`, ['input', 'reason']);
  return runOperation(ctx, 'adjustStock', { ...input }, (operation) =>
    operation.once((tx) => writeAdjustment(authorOf(ctx), tx, id, { delta, reason })),
  );
}

async function writeAdjustment(
  author: Author,
  tx: Transaction,
  id: string,
  { delta, reason }: { readonly delta: number; readonly reason: string },
): Promise<Done> {
  // One statement finds and changes it, as a sale does: whoever comes at once waits for the row and then counts from what is left. Whether
  // it fits is asked without adding, because the sum might be none that an integer can hold.
  const changed = await tx.maybeOne<{ stock: number; version: number }>(
    `update products set stock = stock + $2::int, version = version + 1
     where tenant_id = current_tenant() and id = $1 and stock between -($2::int::bigint) and $3::bigint - $2::int returning stock, version`,
    [id, delta, STOCK_MAX],
  );
  if (!changed) throw await refusalOf(tx, id, delta);
  const { stock, version } = changed;
  await recordChange(author, tx, {
    type: 'product.changed',
    aggregateType: 'Product',
    aggregateId: id,
    version,
    action: 'stock.adjust',
    before: { stock: stock - delta },
    after: { stock, delta, reason },
  });
  return { type: 'Product', id };
}

async function refusalOf(tx: Transaction, id: string, delta: number): Promise<AppError> {
  const product = await tx.maybeOne<{ stock: number }>(
    'select p.stock from products p where p.tenant_id = current_tenant() and p.id = $1',
    [id],
  );
  if (!product) return notFound('product', PRODUCT_FIELD);
  if (delta > 0) return invalidInput(`There can be ${STOCK_MAX} at most.`, DELTA_FIELD);
  return new AppError('OUT_OF_STOCK', `There are ${product.stock} left, and no stock is below zero.`, {
    field: DELTA_FIELD,
    details: { productId: encodeGlobalId('Product', id), stock: product.stock },
  });
}
