import { appendAudit } from '../audit.ts';
import { createUser, normalEmail } from '../auth/people.ts';
import type { Database } from '../db.ts';
import type { Difference, TenantFile } from '../domain/tenant-file.ts';
import { createPasswords } from '../passwords.ts';
import type { ProvisionTools } from '../resolvers/provision.ts';
import { scopeOf, type Tenant } from './tenants.ts';

type Customer = NonNullable<TenantFile['customers']>[number];

/** Customers of a file who are not there yet and whose password is known (TEN-11). Whoever is there stays as they are. */
export async function missingCustomers(
  db: Database,
  { variables }: ProvisionTools,
  tenant: Tenant,
  file: TenantFile,
): Promise<Customer[]> {
  const wanted = (file.customers ?? []).filter(({ password }) => (variables[password] ?? '') !== '');
  if (wanted.length === 0) return [];
  const emails = wanted.map(({ email }) => normalEmail(email));
  const rows = await db.read(scopeOf(tenant), (tx) =>
    tx.query<{ email: string }>(
      'select u.email from users u where u.tenant_id = current_tenant() and u.email = any($1::text[])',
      [emails],
    ),
  );
  const there = new Set(rows.map(({ email }) => email));
  return wanted.filter((_, index) => !there.has(emails[index]!));
}

export function customerDifferences(customers: readonly Customer[]): Difference[] {
  return customers.map(({ email, password }) => ({
    path: ['customers', email],
    before: undefined,
    after: `(password from ${password})`,
  }));
}

/** @throws WEAK_PASSWORD, INVALID_INPUT */
export async function makeCustomers(
  db: Database,
  { author, variables }: ProvisionTools,
  tenant: Tenant,
  customers: readonly Customer[],
): Promise<void> {
  const tools = { db, clock: author.clock, newId: author.newId, auth: { passwords: createPasswords(author.clock) } };
  for (const { email, firstName = null, lastName = null, password } of customers)
    await createUser(
      tools,
      tenant.id,
      { email, firstName, lastName, role: 'CUSTOMER', locale: null, secret: { password: variables[password]! } },
      (tx, made) =>
        appendAudit(tx, {
          id: author.newId(),
          actor: author.name,
          action: 'customer.create',
          target: `User:${made.id}`,
          before: null,
          after: { role: 'CUSTOMER' },
          occurredAt: author.clock.now(),
        }),
    );
}
