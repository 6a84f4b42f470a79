import { actorName, authorize } from '../access.ts';
import { appendAudit } from '../audit.ts';
import type { Context } from '../context.ts';
import type { Transaction } from '../db.ts';
import { adjustmentPosting } from '../domain/ledger.ts';
import { formatAmount, parseAmount } from '../domain/money.ts';
import { AppError, invalidInput, notFound } from '../errors.ts';
import { idOf } from '../global-id.ts';
import { orShort, postLedger } from '../ledger.ts';
import { runOperation, type Done } from '../operations.ts';
import { lockCustomer, loyaltyChanged } from './loyalty-lots.ts';

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
 * @throws INSUFFICIENT_BALANCE, INVALID_INPUT, NOT_FOUND, INVALID_STATE for giving to somebody who was erased
 */
export async function adjustWallet(ctx: Context, input: AdjustWalletInput): Promise<Done> {
  authorize(ctx, 'wallet.adjust');
  if (input.reason.trim() === '' || input.reason.length > REASON_MAX)
    throw invalidInput(`Give a reason of 1 to ${REASON_MAX} characters.`, ['input', 'reason']);
  return runOperation(ctx, 'adjustWallet', { ...input }, (operation) =>
    operation.once(async (tx) => {
      const customerId = await adjust(ctx, tx, input);
      return { type: 'User', id: customerId };
    }),
  );
}

async function adjust(ctx: Context, tx: Transaction, input: AdjustWalletInput): Promise<string> {
  const { app } = ctx;
  const currencyCode = input.currencyCode ?? (await currencyOfTenant(tx));
  const amountMinor = parseAmount(input.amount, currencyCode, ['input', 'amount']);
  if (amountMinor === 0n) throw invalidInput('An adjustment is not nothing.', ['input', 'amount']);
  const customerId = await lockHolder(tx, input.customerId, amountMinor);
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
  return customerId;
}

/**
 * Whose wallet it is: an active person's. Of somebody who was erased money is only taken: what came too late can be paid out, and nothing
 * is given to nobody. An erasure under way is waited for.
 */
async function lockHolder(tx: Transaction, globalId: string, amountMinor: bigint): Promise<string> {
  const field = ['input', 'customerId'];
  const id = idOf('User', globalId, field);
  const person = await lockCustomer(tx, id);
  if (!person || !(person.active || person.isErased)) throw notFound('customer', field);
  if (person.isErased && amountMinor > 0n)
    throw new AppError('INVALID_STATE', 'This customer was erased: nobody could spend it.', { field });
  return id;
}

async function currencyOfTenant(tx: Transaction): Promise<string> {
  const { currencyCode } = await tx.one<{ currencyCode: string }>(
    'select currency_code as "currencyCode" from tenants where id = current_tenant()',
  );
  return currencyCode;
}
