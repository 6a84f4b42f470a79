import { authorize } from '../access.ts';
import type { Context } from '../context.ts';
import { USER_COLUMNS, type UserRow } from '../loaders.ts';

export interface Viewer {
  readonly kind: 'PORTAL' | 'CUSTOMER' | 'OPERATOR' | 'TENANT_ADMIN' | 'PLATFORM_ADMIN' | 'PARTNER';
  readonly scopes: readonly string[];
}

/** Who asks (COM-1, "me"). @throws UNAUTHENTICATED for nobody */
export function viewer(ctx: Context): Viewer {
  authorize(ctx, 'viewer.read');
  const { actor } = ctx;
  if (actor.kind === 'ANONYMOUS') throw new Error('Nobody passed the rule for viewers.');
  return { kind: actor.kind, scopes: actor.kind === 'PARTNER' ? actor.scopes : [] };
}

/** The person asking; null for a key. */
export async function viewerUser(ctx: Context): Promise<UserRow | null> {
  const { actor } = ctx;
  if (!('userId' in actor)) return null;
  if (actor.homeTenantId === ctx.scope.tenantId) return ctx.loaders.user.load(actor.userId);
  // At work in another tenant, whose snapshot does not hold the platform's people.
  const home = { tenantId: actor.homeTenantId, customerId: null };
  const text = `select ${USER_COLUMNS} from users u where u.tenant_id = current_tenant() and u.id = $1`;
  return (await ctx.app.db.read(home, (tx) => tx.maybeOne<UserRow>(text, [actor.userId]))) ?? null;
}

/** Users by id, as far as the caller may see them: a customer sees only themselves. */
export async function usersByIds(ctx: Context, ids: readonly string[]): Promise<(UserRow | null)[]> {
  authorize(ctx, 'user.read');
  const rows = await ctx.loaders.user.loadMany(ids);
  return rows.map((row) => {
    if (row instanceof Error) throw row;
    return row;
  });
}
