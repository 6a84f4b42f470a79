import { authorize } from '../access.ts';
import type { Context } from '../context.ts';
import type { LedgerAccountKind } from '../domain/ledger.ts';
import { POINTS_UNIT } from '../domain/ledger.ts';
import { requireFeature } from '../features.ts';
import { accountKey, statementKey, type AccountShown, type LedgerEntryRow } from '../ledger-reads.ts';
import { sequencePageArgs, type Connection, type PageArguments } from '../paging.ts';

/** Whose money or points, and in which currency (null: the tenant's own). */
export interface Holding {
  readonly customerId: string;
  readonly currencyCode: string | null;
}

/** The part of a person that belongs to their purse: whoever may read payments may see it. @throws FORBIDDEN */
export function holdingOf(ctx: Context, user: { readonly id: string }, currencyCode: string | null): Holding {
  authorize(ctx, 'payment.read');
  return { customerId: user.id, currencyCode };
}

export function accountState(ctx: Context, holding: Holding, kind: LedgerAccountKind): Promise<AccountShown> {
  authorize(ctx, 'payment.read');
  return ctx.loaders.ledgerAccount.load(accountKey({ ...holding, kind }));
}

/** What happened to an account, newest first (LOY-2, LOY-3). */
export function statementOf(
  ctx: Context,
  holding: Holding,
  kind: LedgerAccountKind,
  args: PageArguments,
): Promise<Connection<LedgerEntryRow>> {
  authorize(ctx, 'payment.read');
  return ctx.loaders.statement.load(statementKey({ ...holding, kind }, sequencePageArgs(args)));
}

const SOON_MS = 30 * 86_400_000;

/** Points of a customer that run out within thirty days. */
export async function pointsExpiringSoon(ctx: Context, { customerId }: Holding): Promise<number> {
  authorize(ctx, 'payment.read');
  const until = new Date(ctx.app.clock.now().getTime() + SOON_MS);
  return Number(await ctx.loaders.pointsExpiring.load(`${customerId} ${until.toISOString()}`));
}

/** Points are counted in a unit of their own, whatever the tenant's currency. @throws FEATURE_DISABLED, FORBIDDEN */
export function pointsOf(ctx: Context, user: { readonly id: string }): Promise<Holding> {
  authorize(ctx, 'payment.read');
  return rewardsOf(ctx, user, POINTS_UNIT);
}

/** Points or cashback: the wallet's money stays the customer's to see, whatever the tenant offers. @throws FEATURE_DISABLED, FORBIDDEN */
export async function rewardsOf(
  ctx: Context,
  user: { readonly id: string },
  currencyCode: string | null,
): Promise<Holding> {
  authorize(ctx, 'payment.read');
  await requireFeature(ctx, 'rewards');
  return holdingOf(ctx, user, currencyCode);
}
