import { actorName, authorize } from '../access.ts';
import { appendAudit } from '../audit.ts';
import type { Context } from '../context.ts';
import type { Scope, Transaction } from '../db.ts';
import { AppError, invalidInput, notFound } from '../errors.ts';
import { idOf } from '../global-id.ts';
import { runOperation, type Done } from '../operations.ts';

/** A customer's own data as one document (TEN-10): asked for here, downloaded by a link of its own (person-export.ts). */

/** Long enough to begin the download, too short to be passed on. */
const LINK_MS = 10 * 60_000;

/** What the link says; signed for the purpose 'customer-export'. */
export interface ExportTicket {
  readonly tenantId: string;
  readonly customerId: string;
}

export interface CustomerExport {
  readonly url: string;
  readonly expiresAt: Date;
}

export interface ExportCustomerInput {
  readonly customerId?: string | null | undefined;
  readonly idempotencyKey?: string | null | undefined;
}

/**
 * A link to everything that is kept of a customer, for themself or by staff; that it was asked for stands in the audit log. A repeat
 * under the same key gives a fresh link and no second entry. @throws NOT_FOUND, INVALID_INPUT, INVALID_STATE
 */
export async function exportCustomer(ctx: Context, input: ExportCustomerInput): Promise<Done> {
  authorize(ctx, 'customer.export');
  const { app, actor, deadlineAtMs } = ctx;
  const scope: Scope = { tenantId: ctx.scope.tenantId, customerId: null };
  const customerId = whose(ctx, input);
  return runOperation({ app, actor, scope, deadlineAtMs }, 'exportCustomer', { ...input }, (operation) =>
    operation.once(async (tx) => {
      await requireCustomer(tx, customerId);
      await appendAudit(tx, {
        id: app.newId(),
        actor: actorName(actor),
        action: 'customer.export',
        target: `User:${customerId}`,
        before: null,
        after: null,
        occurredAt: app.clock.now(),
      });
      return { type: 'User', id: customerId };
    }),
  );
}

/** The link, made anew each time it is shown. */
export function exportLink(ctx: Context, customerId: string): CustomerExport {
  authorize(ctx, 'customer.export');
  const { clock, vault, config } = ctx.app;
  const expiresAt = new Date(clock.now().getTime() + LINK_MS);
  const ticket: ExportTicket = { tenantId: ctx.scope.tenantId, customerId };
  const token = vault.sign('customer-export', ticket, expiresAt);
  return { url: `${config.baseUrl}/people/export.json?token=${encodeURIComponent(token)}`, expiresAt };
}

function whose({ actor }: Context, { customerId }: ExportCustomerInput): string {
  const field = ['input', 'customerId'];
  const given = customerId ? idOf('User', customerId, field) : null;
  if (actor.kind === 'CUSTOMER') {
    if (given !== null && given !== actor.userId) throw notFound('customer', field);
    return actor.userId;
  }
  if (given === null) throw invalidInput('Say which customer this is for.', field);
  return given;
}

async function requireCustomer(tx: Transaction, customerId: string): Promise<void> {
  const field = ['input', 'customerId'];
  const person = await tx.maybeOne<{ role: string; erasedAt: Date | null }>(
    'select role, erased_at as "erasedAt" from users where tenant_id = current_tenant() and id = $1',
    [customerId],
  );
  if (!person) throw notFound('customer', field);
  if (person.role !== 'CUSTOMER') throw new AppError('INVALID_STATE', 'Only customers have an export.', { field });
  if (person.erasedAt !== null)
    throw new AppError('INVALID_STATE', 'This customer was erased: there is nothing left to export.', { field });
}
