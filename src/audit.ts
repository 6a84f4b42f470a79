import type { Transaction } from './db.ts';

export interface NewAuditEntry {
  readonly id: string;
  readonly actor: string;
  /** Verb of the change, such as tenant.update. */
  readonly action: string;
  /** What was changed, as Type:id. */
  readonly target: string;
  /** Secrets are never handed in here: only their last four characters or that they changed. */
  readonly before: unknown;
  readonly after: unknown;
  readonly occurredAt: Date;
}

/** Writes a configuration change into the tenant's hash chain, in the transaction of the change (PRV-15). */
export async function appendAudit(tx: Transaction, entry: NewAuditEntry): Promise<void> {
  const json = (value: unknown) => (value === null || value === undefined ? null : JSON.stringify(value));
  await tx.query(
    `insert into audit_entries (tenant_id, id, actor, action, target, before, after, occurred_at)
     values (current_tenant(), $1, $2, $3, $4, $5, $6, $7)`,
    [entry.id, entry.actor, entry.action, entry.target, json(entry.before), json(entry.after), entry.occurredAt],
  );
}
