import { PLATFORM_TENANT_ID } from '../auth/platform.ts';
import type { Database, Scope } from '../db.ts';
import { walkLedger, type LedgerCheck } from '../resolvers/ledger-check.ts';

/** Writes a line: results to standard output, progress elsewhere. */
export interface Told {
  readonly result: (line: string) => void;
  readonly progress: (line: string) => void;
}

interface Tenant {
  readonly id: string;
  readonly slug: string;
}

const PROGRESS_EVERY_MS = 5_000;

/**
 * Checks the ledger of every tenant, or of one, each in one snapshot of its own (BEY-11): a line for each, and on long ones a line of
 * progress every five seconds.
 * @returns whether all of them hold; null where there is no tenant of that name
 */
export async function verifyLedgers(db: Database, slug: string | null, told: Told): Promise<boolean | null> {
  return forEachTenant(db, slug, async (tenant) => {
    let toldAt = performance.now();
    const check = await db.read(scopeOf(tenant), (tx) =>
      walkLedger(tx, ({ transactions, entries, accounts }) => {
        if (performance.now() - toldAt < PROGRESS_EVERY_MS) return;
        toldAt = performance.now();
        told.progress(
          `${tenant.slug}: ${transactions} transactions, ${entries} entries, ${accounts} accounts so far ...`,
        );
      }),
    );
    told.result(`${tenant.slug}: ${ledgerLine(check)}`);
    return check.ok;
  });
}

function ledgerLine({ transactions, entries, accounts, holds, firstFault }: LedgerCheck): string {
  if (!firstFault) return `${transactions} transactions, ${entries} entries, ${accounts} accounts, ${holds} holds: ok`;
  const { kind, accountId, transactionId, detail } = firstFault;
  const places = [transactionId && `transaction ${transactionId}`, accountId && `account ${accountId}`].filter(Boolean);
  return `FAULT ${kind} at ${places.join(', ') || 'its end'}: ${detail}`;
}

/** Checks the audit chain of every tenant, or of one (PRV-15). @returns as verifyLedgers */
export async function verifyAudits(db: Database, slug: string | null, told: Told): Promise<boolean | null> {
  return forEachTenant(db, slug, async (tenant) => {
    const { entries, fault } = await db.read(scopeOf(tenant), (tx) =>
      tx.one<{ entries: bigint; fault: bigint | null }>(
        'select (select count(*) from audit_entries where tenant_id = current_tenant()) as entries, first_audit_fault() as fault',
      ),
    );
    const fine = fault === null;
    told.result(
      `${tenant.slug}: ${fine ? `${entries} entries: ok` : `FAULT at entry ${fault} of ${entries}: it was changed, or one is missing or was added there`}`,
    );
    return fine;
  });
}

async function forEachTenant(
  db: Database,
  slug: string | null,
  verify: (tenant: Tenant) => Promise<boolean>,
): Promise<boolean | null> {
  // In the platform's own realm every tenant's name is seen, and nothing else of theirs.
  const tenants = await db.read({ tenantId: PLATFORM_TENANT_ID, customerId: null }, (tx) =>
    tx.query<Tenant>('select id, slug from tenants where $1::text is null or slug = $1 order by slug', [slug]),
  );
  if (tenants.length === 0) return null;
  let fine = true;
  for (const tenant of tenants) fine = (await verify(tenant)) && fine;
  return fine;
}

function scopeOf(tenant: Tenant): Scope {
  return { tenantId: tenant.id, customerId: null };
}
