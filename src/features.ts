import { isAtLeast } from './access.ts';
import type { Context } from './context.ts';
import { featureDisabled, isEnabled, type FeatureKey } from './domain/feature-flags.ts';

type Asking = Pick<Context, 'app' | 'actor' | 'scope'>;

/**
 * Refuses what belongs to a feature that the tenant has switched off (TEN-6). Its staff is let through: they prepare what is not open
 * yet, and look after what was sold before. Flags are in memory with the rest of the tenant, so this asks nothing of the database; a
 * switch counts in every process within a second.
 * @throws FEATURE_DISABLED, with the flag's name in its message and in `details.feature`
 */
export async function requireFeature(ctx: Asking, key: FeatureKey): Promise<void> {
  if (!(await mayUse(ctx, key))) throw featureDisabled(key);
}

/** The same as a question. */
export async function mayUse(ctx: Asking, key: FeatureKey): Promise<boolean> {
  return isAtLeast(ctx.actor, 'OPERATOR') || isEnabled(await ctx.app.auth.featuresOf(ctx.scope.tenantId), key);
}
