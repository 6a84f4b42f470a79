import { authorize } from '../access.ts';
import type { Context } from '../context.ts';
import { invalidInput } from '../errors.ts';

export interface UsageInput {
  /** Of one provider. */
  readonly slug?: string | null | undefined;
  /** Inclusive. */
  readonly from: Date;
  /** Exclusive; now, unless told. */
  readonly to?: Date | null | undefined;
}

/** What a tenant used of a provider's rate limit in a period (PRV-13). */
export interface ProviderUsage {
  readonly slug: string;
  readonly calls: number;
  readonly refused: number;
  readonly busiestMinute: Date;
  readonly busiestCalls: number;
}

/** As long as it is kept, and a day. */
const PERIOD_MS_MAX = 31 * 86_400_000;

const USAGE = `select u.provider_slug as slug, sum(u.calls)::float8 as calls, sum(u.refused)::float8 as refused,
    (array_agg(u.minute order by u.calls desc, u.minute))[1] as "busiestMinute", max(u.calls) as "busiestCalls"
  from provider_usage u where u.tenant_id = current_tenant() and ($1::text is null or u.provider_slug = $1)
    and u.minute >= $2 and u.minute < $3
  group by u.provider_slug order by u.provider_slug`;

/**
 * What the tenant worked in used of each provider; the last seconds may still be on their way to the table.
 * @throws INVALID_INPUT, FORBIDDEN
 */
export async function providerUsage(ctx: Context, { slug, from, to }: UsageInput): Promise<ProviderUsage[]> {
  authorize(ctx, 'provider.usage');
  const until = to ?? ctx.app.clock.now();
  if (from >= until) throw invalidInput('The period ends before it begins.', ['to']);
  if (+until - +from > PERIOD_MS_MAX) throw invalidInput('A period has 31 days at most.', ['from']);
  return ctx.reads.query<ProviderUsage>(USAGE, [slug ?? null, from, until]);
}
