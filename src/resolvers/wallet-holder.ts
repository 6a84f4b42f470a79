import type { Transaction } from '../db.ts';
import { AppError } from '../errors.ts';

/**
 * Nobody can spend what is in the wallet of somebody who was erased, and nobody may come for it. Asked under the lock of an order of theirs,
 * which an erasure takes first: so the answer stays, without a lock of their row that would come before the number counters.
 */
export async function isErased(tx: Transaction, customerId: string): Promise<boolean> {
  const erased = await tx.query(
    'select 1 from users where tenant_id = current_tenant() and id = $1 and erased_at is not null',
    [customerId],
  );
  return erased.length > 0;
}

/** @throws INVALID_STATE for somebody who was erased: a person has to give the money back another way */
export async function requireHolder(tx: Transaction, customerId: string, field: readonly string[]): Promise<void> {
  if (await isErased(tx, customerId))
    throw new AppError('INVALID_STATE', 'This customer was erased: there is no wallet to give it back to.', { field });
}
