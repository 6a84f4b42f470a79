import { authorize, type RuleName } from '../access.ts';
import type { Context } from '../context.ts';
import { AppError } from '../errors.ts';

type Load = (ctx: Context, ids: readonly string[]) => Promise<readonly (object | Error | null)[]>;

/** How a type is found by global id: who may not read the type finds nothing, because what one may not see does not exist. */
export function authorizedLoad(
  rule: RuleName,
  load: Load,
): (ctx: Context, ids: readonly string[]) => Promise<(object | null)[]> {
  return async (ctx, ids) => {
    try {
      authorize(ctx, rule);
    } catch (error) {
      if (error instanceof AppError && error.code === 'FORBIDDEN') return ids.map(() => null);
      throw error;
    }
    const rows = await load(ctx, ids);
    return rows.map((row) => {
      if (row instanceof Error) throw row;
      return row;
    });
  };
}
