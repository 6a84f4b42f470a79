import type { Database } from '../db.ts';
import { walkLedger, type LedgerCheck } from '../resolvers/ledger-check.ts';
import type { Command, Surroundings } from './command.ts';
import { withDatabase } from './open.ts';
import { forEachTenant, scopeOf } from './tenants.ts';

/** A slice of a ledger takes a part of a second; a whole audit chain is one statement. */
const VERIFY_STATEMENT_MS = 3_600_000;
const PROGRESS_EVERY_MS = 5_000;

export const LEDGER_VERIFY: Command = {
  name: 'ledger verify',
  usage: '[--tenant slug]',
  help: [
    'Checks every transaction, entry, account and hold of every tenant, or of one: balances, running balances, hash chains (BEY-11).',
    'Says where a ledger breaks, and ends with 1 then.',
  ],
  options: { tenant: { type: 'string' } },
  run: (given, around) =>
    withDatabase(around, (db) => verifyLedgers(db, given.text('tenant'), around), VERIFY_STATEMENT_MS),
};

export const AUDIT_VERIFY: Command = {
  name: 'audit verify',
  usage: '[--tenant slug]',
  help: ['The same for the chain of the audit log (PRV-15).'],
  options: { tenant: { type: 'string' } },
  run: (given, around) =>
    withDatabase(around, (db) => verifyAudits(db, given.text('tenant'), around), VERIFY_STATEMENT_MS),
};

type Told = Pick<Surroundings, 'result' | 'progress'>;

/**
 * Checks the ledger of every tenant, or of one, each in one snapshot of its own (BEY-11): a line for each, and on long ones a line of
 * progress every five seconds.
 * @returns whether all of them hold
 */
async function verifyLedgers(db: Database, slug: string | null, told: Told): Promise<boolean> {
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
    await told.result(`${tenant.slug}: ${ledgerLine(check)}`);
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
async function verifyAudits(db: Database, slug: string | null, told: Told): Promise<boolean> {
  return forEachTenant(db, slug, async (tenant) => {
    const { entries, fault } = await db.read(scopeOf(tenant), (tx) =>
      tx.one<{ entries: bigint; fault: bigint | null }>(
        'select (select count(*) from audit_entries where tenant_id = current_tenant()) as entries, first_audit_fault() as fault',
      ),
    );
    const fine = fault === null;
    await told.result(
      `${tenant.slug}: ${fine ? `${entries} entries: ok` : `FAULT at entry ${fault} of ${entries}: it was changed, or one is missing or was added there`}`,
    );
    return fine;
  });
}
