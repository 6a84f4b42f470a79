import type { Database } from '../db.ts';
import type { Command, Surroundings } from './command.ts';
import { withDatabase } from './open.ts';
import { forEachTenant, scopeOf, type Tenant } from './tenants.ts';

const PAGE = 1_000;

export const AUDIT_EXPORT: Command = {
  name: 'audit export',
  usage: '[--tenant slug]',
  help: [
    'The audit log of every tenant, or of one, as lines of JSON in the order of its chain (PRV-15), each with its hash and the one',
    'before. What is written meanwhile is left for the next time.',
  ],
  options: { tenant: { type: 'string' } },
  run: (given, around) =>
    withDatabase(around, (db) =>
      forEachTenant(db, given.text('tenant'), async (tenant) => {
        const entries = await exportChain(db, tenant, around);
        around.progress(`${tenant.slug}: ${entries} entries`);
        return true;
      }),
    ),
};

interface EntryRow {
  readonly position: bigint;
  readonly line: string;
}

// Each page in a transaction of its own: whoever reads may be slow, and entries are never changed.
async function exportChain(db: Database, tenant: Tenant, around: Surroundings): Promise<bigint> {
  const { head } = await db.read(scopeOf(tenant), (tx) =>
    tx.one<{ head: bigint }>('select audit_position as head from streams where tenant_id = current_tenant()'),
  );
  for (let after = 0n; after < head;) {
    const page = await db.read(scopeOf(tenant), (tx) => tx.query<EntryRow>(ENTRIES, [tenant.slug, after, head, PAGE]));
    if (page.length === 0) throw new Error(`The audit log of ${tenant.slug} ends at ${after} instead of ${head}.`);
    for (const { line } of page) await around.result(line);
    after = page.at(-1)!.position;
  }
  return head;
}

// The instant as the hash covers it (audit_hash): seconds with microseconds, which a date of JavaScript would lose.
const ENTRIES = `select a.position, jsonb_build_object('tenant', $1::text, 'tenantId', a.tenant_id, 'position', a.position, 'id', a.id,
    'actor', a.actor, 'action', a.action, 'target', a.target, 'before', a.before, 'after', a.after,
    'occurredAt', to_char(a.occurred_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    'previousHash', encode(a.previous_hash, 'hex'), 'hash', encode(a.hash, 'hex'))::text as line
  from audit_entries a where a.tenant_id = current_tenant() and a.position > $2 and a.position <= $3
  order by a.position limit $4`;
