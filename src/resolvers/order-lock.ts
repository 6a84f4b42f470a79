import type { Transaction } from '../db.ts';
import { notFound } from '../errors.ts';
import type { OrderModel } from '../generated/prisma/models.ts';
import { ORDER_COLUMNS } from '../loaders.ts';

/** The order, locked: the first lock of every verb that changes it (decisions.md, "Global lock order"). */
export async function lockOrder(
  tx: Transaction,
  id: string,
  field: readonly string[] = ['input', 'orderId'],
): Promise<OrderModel> {
  const order = await tx.maybeOne<OrderModel>(
    `select ${ORDER_COLUMNS} from orders o where o.tenant_id = current_tenant() and o.id = $1 for update`,
    [id],
  );
  if (!order) throw notFound('order', field);
  return order;
}

/** The next number of a gapless sequence: a roll-back gives it back, because the counter is locked until commit (COM-4). */
export async function nextNumber(
  tx: Transaction,
  kind: 'ORDER' | 'INVOICE' | 'CREDIT_NOTE' | 'BOOKING' | 'PACKAGE',
): Promise<bigint> {
  const { last } = await tx.one<{ last: bigint }>(
    `insert into number_counters as c (tenant_id, kind, last) values (current_tenant(), $1, 1)
     on conflict (tenant_id, kind) do update set last = c.last + 1 returning last`,
    [kind],
  );
  return last;
}
