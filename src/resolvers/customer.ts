import type { Actor } from '../access.ts';
import type { Transaction } from '../db.ts';
import { invalidInput, notFound } from '../errors.ts';
import { idOf } from '../global-id.ts';

/**
 * For whom a verb works: a customer for themself and for nobody else, anybody else for the customer named.
 * @param globalId as it stands in `input.customerId`
 * @returns the inner id @throws INVALID_INPUT where nobody is named, NOT_FOUND for whoever is not an active person of this tenant
 */
export async function customerOf(tx: Transaction, actor: Actor, globalId: string | null): Promise<string> {
  const field = ['input', 'customerId'];
  const own = actor.kind === 'CUSTOMER' ? actor.userId : null;
  if (globalId === null) {
    if (own === null) throw invalidInput('Say which customer this is for.', field);
    return own;
  }
  const id = idOf('User', globalId, field);
  if (own !== null && id !== own) throw notFound('customer', field);
  const found = await tx.maybeOne('select id from users where tenant_id = current_tenant() and id = $1 and active', [
    id,
  ]);
  if (!found) throw notFound('customer', field);
  return id;
}
