import { authorize } from '../access.ts';
import { columns } from '../columns.ts';
import type { Context } from '../context.ts';
import type { Statements, Transaction } from '../db.ts';
import { checkedBookingRules, RULE_NAMES, RULES_UNSET, type BookingRules } from '../domain/booking-rules.ts';
import { invalidInput } from '../errors.ts';
import { runOperation, type Done } from '../operations.ts';
import { announceChange, authorOf, checkTenantId, recordChange, type Author } from './configuration.ts';

type Given<T> = T | null | undefined;

/** What is left out, or null, stays. */
export type UpdateBookingRulesInput = { readonly [Name in keyof BookingRules]?: Given<number> } & {
  readonly tenantId?: Given<string>;
  readonly idempotencyKey?: Given<string>;
};

const RULES_COLUMNS = columns('BookingRules', 'r', ['tenantId']);

/** The rules of the tenant worked in, or what counts where it has set none. */
export async function readBookingRules(statements: Statements): Promise<BookingRules> {
  const [rules] = await statements.query<BookingRules>(
    `select ${RULES_COLUMNS} from booking_rules r where r.tenant_id = current_tenant()`,
  );
  return rules ?? RULES_UNSET;
}

/** How a tenant's time is booked: everybody who may see the tenant may know. @throws INVALID_INPUT for another tenant than the one worked in */
export function bookingRulesOf(
  ctx: Context,
  tenant: { readonly id: string; readonly slug: string; readonly bookingRules: BookingRules | null },
): BookingRules {
  authorize(ctx, 'tenant.read');
  if (tenant.id !== ctx.scope.tenantId)
    throw invalidInput(`Send the header X-Tenant: ${tenant.slug} to see this tenant's rules.`);
  return tenant.bookingRules ?? RULES_UNSET;
}

/** Changes how time is offered from now on; what is booked stays as it is. @throws INVALID_INPUT, NOT_FOUND */
export async function updateBookingRules(ctx: Context, input: UpdateBookingRulesInput): Promise<Done> {
  authorize(ctx, 'diary.configure');
  checkTenantId(ctx, input.tenantId);
  const done = await runOperation(ctx, 'updateBookingRules', { ...input }, (operation) =>
    operation.once((tx) => writeBookingRules(authorOf(ctx), tx, input)),
  );
  announceChange(ctx, 'tenant.changed', ctx.scope.tenantId);
  return done;
}

/** The same for commands and the seed, in a transaction of the tenant's. */
export async function writeBookingRules(
  author: Author,
  tx: Transaction,
  input: UpdateBookingRulesInput,
): Promise<Done> {
  // The tenant's row first: two changes at once are one after the other, also where there are no rules yet.
  const { id, version } = await tx.one<{ id: string; version: number }>(
    'update tenants set version = version + 1 where id = current_tenant() returning id, version',
  );
  const before = await readBookingRules(tx);
  const changed = RULE_NAMES.map((name) => [name, input[name] ?? before[name]]);
  const after = checkedBookingRules(Object.fromEntries(changed) as unknown as BookingRules);
  await tx.query(
    SAVE,
    RULE_NAMES.map((name) => after[name]),
  );
  await recordChange(author, tx, {
    type: 'tenant.changed',
    aggregateType: 'Tenant',
    aggregateId: id,
    version,
    action: 'bookingRules.update',
    before,
    after,
  });
  return { type: 'Tenant', id };
}

const COLUMNS = RULE_NAMES.map((name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
const SAVE = `insert into booking_rules (tenant_id, ${COLUMNS.join(', ')})
  values (current_tenant(), ${COLUMNS.map((_, index) => `$${index + 1}`).join(', ')})
  on conflict (tenant_id) do update set ${COLUMNS.map((column) => `${column} = excluded.${column}`).join(', ')}`;
