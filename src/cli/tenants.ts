import type { Database, Scope } from '../db.ts';
import { PLATFORM } from '../resolvers/catalogue-change.ts';
import { UsageError } from './command.ts';

export interface Tenant {
  readonly id: string;
  readonly slug: string;
}

/**
 * Works one tenant after the other, or one alone, by name.
 * @returns whether all of them are fine @throws UsageError where there is no tenant of that name
 */
export async function forEachTenant(
  db: Database,
  slug: string | null,
  work: (tenant: Tenant) => Promise<boolean>,
): Promise<boolean> {
  const tenants = await listTenants(db, slug);
  if (tenants.length === 0) throw new UsageError(`There is no tenant "${slug}".`);
  let fine = true;
  for (const tenant of tenants) fine = (await work(tenant)) && fine;
  return fine;
}

/** In the platform's own realm every tenant's name is seen, and nothing else of theirs. @param slug null: all */
export function listTenants(db: Database, slug: string | null): Promise<Tenant[]> {
  return db.read(PLATFORM, (tx) =>
    tx.query<Tenant>('select id, slug from tenants where $1::text is null or slug = $1 order by slug', [slug]),
  );
}

/** @throws UsageError where there is none of that name */
export async function tenantOf(db: Database, slug: string): Promise<Tenant> {
  const [tenant] = await listTenants(db, slug);
  if (!tenant) throw new UsageError(`There is no tenant "${slug}".`);
  return tenant;
}

export function scopeOf(tenant: Tenant): Scope {
  return { tenantId: tenant.id, customerId: null };
}
