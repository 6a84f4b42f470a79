import type { Transaction } from '../db.ts';
import type { TenantFile } from '../domain/tenant-file.ts';
import type { Author } from './configuration.ts';
import { writeProduct } from './product.ts';
import { readResources, writeResource } from './resource.ts';

/** What a tenant's file says of products, and of who does them, by their codes. */

type Named<T> = readonly (readonly [code: string, fields: T])[];
type Product = NonNullable<TenantFile['products']>[string];
type Resource = NonNullable<TenantFile['resources']>[string];

/** The stock is said when a product is made; afterwards it is what sales left. */
export async function writeProducts(author: Author, tx: Transaction, products: Named<Product>): Promise<void> {
  if (products.length === 0) return;
  const { ids } = await readCodes(tx);
  for (const [code, { stock, ...fields }] of products) {
    const id = ids.get(code) ?? null;
    await writeProduct(author, tx, id, { ...fields, code, ...(id === null && { stock }) });
  }
}

/** After the products that they do. */
export async function writeResources(author: Author, tx: Transaction, resources: Named<Resource>): Promise<void> {
  if (resources.length === 0) return;
  const { ids, nameless } = await readCodes(tx);
  const there = new Map((await readResources(tx)).map((row) => [row.code, row]));
  for (const [code, { services, ...fields }] of resources) {
    const before = there.get(code) ?? null;
    // What no file can name stays: services without a code.
    const kept = (before?.productIds ?? []).filter((id) => nameless.has(id));
    const productIds = services && [...services.map((service) => ids.get(service)!), ...kept];
    await writeResource(author, tx, before, { ...fields, code, productIds });
  }
}

async function readCodes(
  tx: Transaction,
): Promise<{ readonly ids: ReadonlyMap<string, string>; readonly nameless: ReadonlySet<string> }> {
  const rows = await tx.query<{ id: string; code: string | null }>(
    'select p.id, p.code from products p where p.tenant_id = current_tenant()',
  );
  return {
    ids: new Map(rows.flatMap(({ id, code }) => (code === null ? [] : [[code, id] as const]))),
    nameless: new Set(rows.flatMap(({ id, code }) => (code === null ? [id] : []))),
  };
}
