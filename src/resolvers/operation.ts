import { actorName, authorize } from '../access.ts';
import type { Context } from '../context.ts';
import type { OperationModel } from '../generated/prisma/models.ts';
import { columns } from '../columns.ts';

const OPERATION_COLUMNS = columns('Operation', 'o', ['fingerprint']);
export type OperationRow = Omit<OperationModel, 'fingerprint'>;

/** What became of the caller's own mutation with this key (BEY-2); null for a key the caller never used. */
export async function readOperation(ctx: Context, key: string): Promise<OperationRow | null> {
  authorize(ctx, 'operation.read');
  const rows = await ctx.reads.query<OperationRow>(
    `select ${OPERATION_COLUMNS} from operations o where o.tenant_id = current_tenant() and o.actor = $1 and o.key = $2`,
    [actorName(ctx.actor), key],
  );
  return rows[0] ?? null;
}
