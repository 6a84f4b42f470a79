import { authorize, isAtLeast } from '../access.ts';
import type { Context } from '../context.ts';
import { pgCode, type Transaction } from '../db.ts';
import { formatAmount } from '../domain/money.ts';
import { productOf, searchedText, searchPatterns, type Product, type ProductFields } from '../domain/product.ts';
import { AppError, invalidInput, notFound } from '../errors.ts';
import { mayUse, requireFeature } from '../features.ts';
import { idOf } from '../global-id.ts';
import { PRODUCT_COLUMNS, type ProductRow } from '../loaders.ts';
import { runOperation, type Done } from '../operations.ts';
import {
  cursorColumn,
  keyset,
  pageArgs,
  toConnection,
  type Connection,
  type Paged,
  type PageArguments,
} from '../paging.ts';
import { authorOf, recordChange, type Author } from './configuration.ts';

export interface ProductFilter {
  readonly category?: string | null | undefined;
  readonly search?: string | null | undefined;
}

export interface UpsertProductInput extends ProductFields {
  /** None: a new one. */
  readonly id?: string | null | undefined;
  readonly idempotencyKey?: string | null | undefined;
}

/** What the tenant sells, newest first; what is not for sale is seen by its staff only (TEN-7). @throws FEATURE_DISABLED, INVALID_INPUT */
export async function listProducts(
  ctx: Context,
  filter: ProductFilter,
  args: PageArguments,
): Promise<Connection<ProductRow & Paged>> {
  authorize(ctx, 'product.read');
  await requireFeature(ctx, 'store');
  const page = pageArgs(args);
  const { text, values } = conditionsOf(filter, isAtLeast(ctx.actor, 'OPERATOR'));
  const seek = keyset(page, 'p', values.length + 1);
  const rows = await ctx.reads.query<ProductRow & Paged>(
    `select ${PRODUCT_COLUMNS}, ${cursorColumn('p')} from products p where p.tenant_id = current_tenant() ${text} ${seek.where} ${seek.tail}`,
    [...values, ...seek.values],
  );
  for (const row of rows) ctx.loaders.product.prime(row.id, row);
  return toConnection(rows, page);
}

function conditionsOf(filter: ProductFilter, seesAll: boolean): { text: string; values: unknown[] } {
  const values: unknown[] = [];
  let text = seesAll ? '' : 'and p.active';
  const add = (condition: string, value: unknown) => {
    values.push(value);
    text += ` and ${condition.replace('?', `$${values.length}`)}`;
  };
  if (filter.category !== null && filter.category !== undefined) add('p.category = ?', filter.category);
  const patterns = searchPatterns(filter.search ?? '');
  if (patterns.length > 0) add('p.id in (select products_matching(?::text[]))', patterns);
  return { text, values };
}

/** The same below a tenant. @throws INVALID_INPUT for another tenant than the one worked in */
export function productsOf(
  ctx: Context,
  tenant: { readonly id: string; readonly slug: string },
  filter: ProductFilter,
  args: PageArguments,
): Promise<Connection<ProductRow & Paged>> {
  authorize(ctx, 'product.read');
  if (tenant.id !== ctx.scope.tenantId)
    throw invalidInput(`Send the header X-Tenant: ${tenant.slug} to see this tenant's products.`);
  return listProducts(ctx, filter, args);
}

/** By inner ids; null for what the caller may not see, which is everything where the store is closed. */
export async function productsByIds(ctx: Context, ids: readonly string[]): Promise<(ProductRow | null)[]> {
  authorize(ctx, 'product.read');
  if (!(await mayUse(ctx, 'store'))) return ids.map(() => null);
  return Promise.all(ids.map((id) => productSold(ctx, id)));
}

/** What somebody bought, if it is still for sale or they are staff. @param id inner */
export async function productSold(ctx: Context, id: string): Promise<ProductRow | null> {
  authorize(ctx, 'product.read');
  const row = await ctx.loaders.product.load(id);
  return row && (row.active || isAtLeast(ctx.actor, 'OPERATOR')) ? row : null;
}

/** Makes a product or changes one. @throws INVALID_INPUT, NOT_FOUND, CONFLICT for a code that is taken */
export async function upsertProduct(ctx: Context, input: UpsertProductInput): Promise<Done> {
  authorize(ctx, 'product.update');
  const id = input.id ? idOf('Product', input.id, ['input', 'id']) : null;
  try {
    return await runOperation(ctx, 'upsertProduct', { ...input }, (operation) =>
      operation.once((tx) => writeProduct(authorOf(ctx), tx, id, input)),
    );
  } catch (error) {
    if (pgCode(error) === '23505')
      throw new AppError('CONFLICT', 'There is a product with this code already.', { field: ['input', 'code'] });
    throw error;
  }
}

/** The same for commands, in a transaction of the tenant's. @param id null: a new one @throws INVALID_INPUT, NOT_FOUND */
export async function writeProduct(
  author: Author,
  tx: Transaction,
  id: string | null,
  fields: ProductFields,
): Promise<Done> {
  const before = id === null ? null : await lockProduct(tx, id);
  const after = productOf(before, fields);
  const productId = id ?? author.newId();
  const version = before ? before.version + 1 : 1;
  const values = [productId, ...COLUMNS.map(({ of }) => of(after))];
  if (before) await tx.query(UPDATE, values);
  else await tx.query(INSERT, [...values, author.clock.now()]);
  await recordChange(author, tx, {
    type: 'product.changed',
    aggregateType: 'Product',
    aggregateId: productId,
    version,
    action: before ? 'product.update' : 'product.create',
    before: before && shown(before),
    after: shown(after),
  });
  return { type: 'Product', id: productId };
}

// Stock is sold from the row: an operator's change and a sale are one after the other.
async function lockProduct(tx: Transaction, id: string): Promise<ProductRow> {
  const row = await tx.maybeOne<ProductRow>(
    `select ${PRODUCT_COLUMNS} from products p where p.tenant_id = current_tenant() and p.id = $1 for no key update`,
    [id],
  );
  if (!row) throw notFound('product', ['input', 'id']);
  return row;
}

/** As it stands in the audit log: amounts as people write them. */
function shown(product: Product): object {
  const { priceMinor, currencyCode } = product;
  return {
    ...Object.fromEntries(NAMES.map((name) => [name, product[name]])),
    price: formatAmount(priceMinor, currencyCode),
    currencyCode,
  };
}

const NAMES = [
  'code',
  'name',
  'description',
  'taxRate',
  'category',
  'active',
  'stock',
  'images',
  'bookable',
  'durationMinutes',
  'bufferMinutes',
  'capacity',
] as const;
const COLUMNS: readonly { readonly name: string; readonly of: (product: Product) => unknown }[] = [
  ...NAMES.map((name) => ({
    name: name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    of: (product: Product): unknown => product[name],
  })),
  { name: 'price_minor', of: ({ priceMinor }) => priceMinor },
  { name: 'currency_code', of: ({ currencyCode }) => currencyCode },
  { name: 'searched', of: searchedText },
];
const LIST = COLUMNS.map(({ name }) => name).join(', ');
const INSERT = `insert into products (tenant_id, id, ${LIST}, created_at)
  values (current_tenant(), $1, ${COLUMNS.map((_, index) => `$${index + 2}`).join(', ')}, $${COLUMNS.length + 2})`;
const UPDATE = `update products set ${COLUMNS.map(({ name }, index) => `${name} = $${index + 2}`).join(', ')}, version = version + 1
  where tenant_id = current_tenant() and id = $1`;
