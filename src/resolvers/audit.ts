import { authorize } from '../access.ts';
import { columns } from '../columns.ts';
import type { Context } from '../context.ts';
import type { AuditEntryModel } from '../generated/prisma/models.ts';
import { decodeGlobalId } from '../global-id.ts';
import {
  cursorColumn,
  keyset,
  pageArgs,
  toConnection,
  type Connection,
  type Paged,
  type PageArguments,
} from '../paging.ts';

export type AuditEntryRow = AuditEntryModel;

const AUDIT_COLUMNS = columns('AuditEntry', 'a');

/** The audit chain of the tenant worked in, newest first (PRV-15). @param target a global id, or `Type:id` as entries show it */
export async function auditLog(
  ctx: Context,
  target: string | null,
  args: PageArguments,
): Promise<Connection<AuditEntryRow & Paged>> {
  authorize(ctx, 'audit.read');
  const page = pageArgs(args);
  const { where, tail, values } = keyset(page, 'a', 2, 'occurred_at');
  const text = `select ${AUDIT_COLUMNS}, ${cursorColumn('a', 'occurred_at')} from audit_entries a
    where a.tenant_id = current_tenant() and ($1::text is null or a.target = $1) ${where} ${tail}`;
  return toConnection(await ctx.reads.query<AuditEntryRow & Paged>(text, [readTarget(target), ...values]), page);
}

export async function auditEntriesByIds(ctx: Context, ids: readonly string[]): Promise<(AuditEntryRow | null)[]> {
  authorize(ctx, 'audit.read');
  const rows = await ctx.reads.query<AuditEntryRow>(
    `select ${AUDIT_COLUMNS} from audit_entries a where a.tenant_id = current_tenant() and a.id = any($1::uuid[])`,
    [ids],
  );
  return ids.map((id) => rows.find((row) => row.id === id) ?? null);
}

function readTarget(target: string | null): string | null {
  const node = target === null ? null : decodeGlobalId(target);
  return node ? `${node.typeName}:${node.id}` : target;
}
