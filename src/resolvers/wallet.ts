import { actorName, authorize } from '../access.ts';
import { appendAudit } from '../audit.ts';
import type { Context } from '../context.ts';
import type { Transaction } from '../db.ts';
import { adjustmentPosting } from '../domain/ledger.ts';
import { formatAmount, parseAmount } from '../domain/money.ts';
import { invalidInput } from '../errors.ts';
import { orShort, postLedger } from '../ledger.ts';
import { runOperation, type Done } from '../operations.ts';
import { customerOf } from './customer.ts';
import { loyaltyChanged } from './loyalty-lots.ts';

export interface AdjustWalletInput {
  readonly customerId: string;
  /** Positive gives, negative takes. */
  readonly amount: string;
  /** The tenant's own where it is left out. */
  readonly currencyCode?: string | null | undefined;
  readonly reason: string;
  readonly idempotencyKey?: string | null | undefined;
}

const REASON_MAX = 500;

/**
 * Puts money into a customer's wallet or takes it out, for a reason that is kept in the audit log (LOY-2).
 * @throws INSUFFICIENT_BALANCE, INVALID_INPUT, NOT_FOUND
 */
export async function adjustWallet(ctx: Context, input: AdjustWalletInput): Promise<Done> {
  authorize(ctx, 'wallet.adjust');
  if (input.reason.trim() === '' || input.reason.length > REASON_MAX)
    throw invalidInput(`Give a reason of 1 to ${REASON_MAX} characters.`, ['input', 'reason']);
  return runOperation(ctx, 'adjustWallet', { ...input }, (operation) =>
    operation.once(async (tx) => {
      const customerId = await customerOf(tx, ctx.actor, input.customerId);
      await adjust(ctx, tx, customerId, input);
      return { type: 'User', id: customerId };
    }),
  );
}

async function adjust(ctx: Context, tx: Transaction, customerId: string, input: AdjustWalletInput): Promise<void> {
  const { app } = ctx;
  const currencyCode = input.currencyCode ?? (await currencyOfTenant(tx));
  const amountMinor = parseAmount(input.amount, currencyCode, ['input', 'amount']);
  if (amountMinor === 0n) throw invalidInput('An adjustment is not nothing.', ['input', 'amount']);
  const id = app.newId();
  await orShort(() =>
    postLedger(tx, app, customerId, {
      postings: [{ kind: 'ADJUSTMENT', subjectId: id, currencyCode, entries: adjustmentPosting({ amountMinor }) }],
    }),
  );
  loyaltyChanged(tx, app, customerId, {
    kind: 'ADJUSTMENT',
    aggregateType: 'Adjustment',
    aggregateId: id,
    version: 1,
  });
  await appendAudit(tx, {
    id: app.newId(),
    actor: actorName(ctx.actor),
    action: 'wallet.adjust',
    target: `User:${customerId}`,
    before: null,
    after: { adjustment: id, amount: formatAmount(amountMinor, currencyCode), currencyCode, reason: input.reason },
    occurredAt: app.clock.now(),
  });
}

async function currencyOfTenant(tx: Transaction): Promise<string> {
  const { currencyCode } = await tx.one<{ currencyCode: string }>(
    'select currency_code as "currencyCode" from tenants where id = current_tenant()',
  );
  return currencyCode;
}
